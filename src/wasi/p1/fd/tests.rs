//! The table against a model: a map from numbers to names.

use super::*;
use alloc::collections::BTreeMap;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Operation {
    Open,
    Close(u32),
    Renumber(u32, u32),
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let fd = prop_oneof![0..12u32, Just(u32::MAX), Just(1 << 31)];
    let operation = prop_oneof![
        3 => Just(Operation::Open),
        2 => fd.clone().prop_map(Operation::Close),
        2 => (fd.clone(), fd).prop_map(|(from, to)| Operation::Renumber(from, to)),
    ];
    proptest::collection::vec(operation, 0..200)
}

/// An entry that can be told from others: by its rights, which the table does not look at.
fn entry(name: u64) -> Entry {
    Entry { base: Rights::from_bits(name), ..Entry::input(Input::empty()) }
}

proptest! {
    #[test]
    fn the_table_is_a_map_that_hands_out_the_lowest_free_number(operations in operations()) {
        const COUNT_MAX: u32 = 8;
        let mut table = Table::new(COUNT_MAX, Vec::new()).unwrap();
        let mut model = BTreeMap::new();
        for (name, operation) in (0u64..).zip(operations) {
            match operation {
                Operation::Open => {
                    let lowest = (0..COUNT_MAX).find(|fd| !model.contains_key(fd));
                    prop_assert_eq!(table.insert(entry(name)), lowest.ok_or(Code::TooManyOpen));
                    model.extend(lowest.map(|fd| (fd, name)));
                }
                Operation::Close(fd) => {
                    let expected = model.remove(&fd).map(drop).ok_or(Code::BadDescriptor);
                    prop_assert_eq!(table.remove(fd), expected);
                }
                Operation::Renumber(from, to) => {
                    let both = model.contains_key(&from) && model.contains_key(&to);
                    let result = table.renumber(from, to);
                    prop_assert_eq!(result, if both { Ok(()) } else { Err(Code::BadDescriptor) });
                    if both && from != to {
                        let moved = model.remove(&from).unwrap();
                        model.insert(to, moved);
                    }
                }
            }
            prop_assert_eq!(table.count(), model.len());
            for fd in 0..COUNT_MAX + 2 {
                let found = table.get(fd).map(|entry| entry.base.bits());
                prop_assert_eq!(found, model.get(&fd).copied().ok_or(Code::BadDescriptor));
            }
        }
    }
}

#[test]
fn a_million_renumberings_leave_the_table_as_long_as_it_was() {
    let mut table = Table::new(16, Vec::new()).unwrap();
    for name in 0..4 {
        table.insert(entry(name)).unwrap();
    }
    for name in 0..1_000_000 {
        let fd = table.insert(entry(name)).unwrap();
        table.renumber(fd, 3).unwrap();
    }
    assert_eq!((table.count(), table.entries.len()), (4, 5));
}
