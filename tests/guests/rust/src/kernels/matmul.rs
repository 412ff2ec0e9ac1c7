//! Floating point: a 32 by 32 matrix product of small integers, exact in `f64`.

const N: usize = 32;
type Matrix = [[f64; N]; N];

fn multiply(a: &Matrix, b: &Matrix, out: &mut Matrix) {
    for (row, out) in a.iter().zip(out.iter_mut()) {
        for (column, out) in out.iter_mut().enumerate() {
            *out = row.iter().zip(b).map(|(x, b)| x * b[column]).sum();
        }
    }
}

pub fn run(iterations: u32) -> u64 {
    let mut random = super::Random(11);
    let mut entry = |_| f64::from((random.next() >> 56) as u8);
    let mut a: Matrix = core::array::from_fn(|_| core::array::from_fn(&mut entry));
    let b: Matrix = core::array::from_fn(|_| core::array::from_fn(&mut entry));
    let mut out = [[0.0; N]; N];
    (0..iterations).fold(0, |sum, round| {
        a[0][0] = f64::from(round & 0xff);
        multiply(&a, &b, &mut out);
        let trace: f64 = (0..N).map(|i| out[i][i] + out[i][N - 1 - i]).sum();
        super::fold(sum, trace as u64)
    })
}
