//! Branches and swaps: quicksort of 4096 numbers, middle pivot, the smaller side first.

fn sort(mut items: &mut [u32]) {
    while items.len() > 1 {
        let pivot = items[items.len() / 2];
        let (mut low, mut high) = (0, items.len() - 1);
        loop {
            while items[low] < pivot {
                low += 1;
            }
            while items[high] > pivot {
                high -= 1;
            }
            if low >= high {
                break;
            }
            items.swap(low, high);
            low += 1;
            high -= 1;
        }
        let (left, right) = items.split_at_mut(low);
        if left.len() < right.len() {
            sort(left);
            items = right;
        } else {
            sort(right);
            items = left;
        }
    }
}

pub fn run(iterations: u32) -> u64 {
    let mut random = super::Random(13);
    let mut items = [0; 4096];
    (0..iterations).fold(0, |sum, _| {
        items.fill_with(|| random.next() as u32);
        sort(&mut items);
        // Each place weighs its number, and an unsorted pair spoils the sum.
        let sorted = items.windows(2).all(|pair| pair[0] <= pair[1]);
        let weighed = items
            .iter()
            .zip(1u64..)
            .fold(0, |sum: u64, (&item, place)| sum.wrapping_add(u64::from(item).wrapping_mul(place)));
        super::fold(sum, if sorted { weighed } else { 0xbad })
    })
}
