//! Lists in the order of their keys: made once, and looked up by key from then on.
//!
//! What the standard library has for this, `slice::sort` and maps that are collected, is fast for long lists, and on a
//! small device 2 to 5 KB of code for each type of element. These lists are short.

use alloc::vec::Vec;

/// Entries in the order of their keys. Of those with the same key, one is found.
#[derive(Debug)]
pub(crate) struct Sorted<K, V>(Vec<(K, V)>);

impl<K: Ord, V> Sorted<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.find(key).map(|(_, value)| value)
    }

    /// Where an entry stands, and its value.
    pub(crate) fn find(&self, key: &K) -> Option<(usize, &V)> {
        let at = self.0.binary_search_by(|(known, _)| known.cmp(key)).ok()?;
        Some((at, &self.0[at].1))
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Sorted<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        sort(&mut entries, |a, b| a.0 < b.0);
        Self(entries)
    }
}

/// Sorts a list in place, equals in any order: a heapsort, which takes `n log n` steps whatever the list is like.
pub(crate) fn sort<E>(items: &mut [E], is_less: impl Fn(&E, &E) -> bool) {
    let count = items.len();
    // The first half are the roots of heaps, of which the first is the heap of all; then its greatest go to the end.
    for step in (0..count + count / 2).rev() {
        let (mut at, end) = match step.checked_sub(count) {
            Some(root) => (root, count),
            None => {
                items.swap(0, step);
                (0, step)
            }
        };
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            if left >= end {
                break;
            }
            let greater = if right < end && is_less(&items[left], &items[right]) { right } else { left };
            if !is_less(&items[at], &items[greater]) {
                break;
            }
            items.swap(at, greater);
            at = greater;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_whatever_their_order_was() {
        for count in 0..70_u64 {
            for factor in [0, 1, 7, 31, 61] {
                let mut items: Vec<u64> = (0..count).map(|n| n * factor % 67).collect();
                let mut expected = items.clone();
                expected.sort_unstable();
                sort(&mut items, |a, b| a < b);
                assert_eq!(items, expected, "{count} times {factor}");
                items.reverse();
                sort(&mut items, |a, b| a < b);
                assert_eq!(items, expected, "{count} times {factor}, from the greatest");
            }
        }
    }

    #[test]
    fn what_is_there_is_found_and_nothing_else() {
        let sorted: Sorted<_, _> = [("roof", 2), ("door", 1), ("floor", 3)].into_iter().collect();
        assert_eq!(["door", "floor", "roof"].map(|name| sorted.get(&name).copied()), [1, 3, 2].map(Some));
        assert_eq!(["", "cellar", "wall"].map(|name| sorted.get(&name)), [None; 3]);
        assert!(sorted.0.iter().is_sorted());
    }
}
