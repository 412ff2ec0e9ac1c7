//! What a module declares, as a row of numbers and back.

use crate::engine::{Outline, scan::Noted};

macro_rules! numbers {
    ($($field:ident,)*) => {
        impl Outline {
            /// How many numbers there are.
            pub(super) const NUMBERS: usize = [$(stringify!($field)),*].len() + 2;

            pub(super) fn to_numbers(&self) -> [u64; Self::NUMBERS] {
                // Taken apart, so that no field is forgotten.
                let Self {
                    $($field,)*
                    start,
                    exports_reserved_name,
                    tail_calls_import: _,
                    noted: _,
                    load_bytes_elsewhere: _,
                } = self;
                let start = start.map_or(0, |index| u64::from(index) + 1);
                [$(u64::from(*$field),)* start, u64::from(*exports_reserved_name)]
            }

            /// Nothing where a number is too large for what it counts.
            pub(super) fn from_numbers(numbers: [u64; Self::NUMBERS]) -> Option<Self> {
                let mut numbers = numbers.into_iter();
                Some(Self {
                    $($field: numbers.next()?.try_into().ok()?,)*
                    start: match numbers.next()? {
                        0 => None,
                        after => Some((after - 1).try_into().ok()?),
                    },
                    exports_reserved_name: match numbers.next()? {
                        0 => false,
                        1 => true,
                        _ => return None,
                    },
                    // They were edited before it was signed.
                    tail_calls_import: false,
                    noted: Noted::default(),
                    load_bytes_elsewhere: 0,
                })
            }
        }
    };
}

numbers! {
    types,
    imports,
    exports,
    functions,
    globals,
    memories,
    memory_bytes,
    tables,
    table_elements,
    segments,
    segment_bytes,
    code_bytes,
    frame_locals_max,
    locals_priced,
    imported_functions,
    blocks_max,
    body_bytes_max,
    type_bytes,
    results_max,
    elements,
    constant_operators,
    growths,
}
