//! What a function body may have, at a glance: all of its bytes alike, wherever its instructions begin.
//!
//! A glance takes immediates for opcodes too, so it finds no less than there is; what it finds, [`operators`](super::operators)
//! looks at. It decides nothing about most bytes: many are compared at once, where the processor can.

use crate::engine::{scan::Cursor, stores::stores_integer};

/// What a body may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Glance {
    /// An instruction that grows a memory or a table.
    pub(super) grows: bool,
    /// A tail call of a function that is imported, or of whatever a table holds.
    pub(super) tail_calls_import: bool,
    /// A `select`.
    pub(super) selects: bool,
    /// A store of an integer that is [far](super::stores::is_far).
    pub(super) stores_far: bool,
    /// An instruction that names a table which the module does not have.
    pub(super) names_no_table: bool,
    /// Blocks that are opened: every block is among them, and few immediates that look like one.
    pub(super) blocks: u32,
    /// Of the instructions that were looked for, blocks apart, none begins behind this.
    pub(super) end: usize,
}

/// Glances at the code of one module. Of each kind that numbers mean, the highest that is there: -1 where none is, and of more
/// than a byte tells the highest that it does. Bytes are compared as numbers with a sign: those below 0 are the first of a
/// number that takes more than one, of which a glance believes anything.
pub(super) struct Glancer {
    /// As a byte tells of the type of a block.
    types: i8,
    imported: i8,
    memories: i8,
    tables: i8,
    /// The index behind those of all tables, in a byte.
    no_table: u8,
    type_count: u32,
    table_count: u32,
}

/// So many bytes are looked at side by side, with those behind each.
const LANES: usize = 16;
const BEHIND: usize = 3;
const WINDOW: usize = LANES + BEHIND;
/// After so many windows what each lane has counted is added up, or it would not fit a byte.
const WINDOWS: usize = 255;

/// A bit of each lane, of eight.
const FIRST_BITS: u64 = 0x0101_0101_0101_0101;

impl Glancer {
    /// For the code of a module that has this many types and memories and tables and imports this many functions.
    pub(super) fn new(types: u32, imported: u32, memories: u32, tables: u32) -> Self {
        let highest = |count: u32, max: i8| i8::try_from(count).map_or(max, |count| (count - 1).min(max));
        Self {
            types: highest(types, 0x3f),
            imported: highest(imported, 0x7f),
            memories: highest(memories, 0x7f),
            tables: highest(tables, 0x7f),
            no_table: u8::try_from(tables).map_or(0x7f, |tables| tables & 0x7f),
            type_count: types,
            table_count: tables,
        }
    }

    pub(super) fn glance(&self, code: &[u8]) -> Glance {
        let mut glance = Glance::default();
        let (mut opened, mut windows) = ([0; LANES], 0);
        each_window(code, |at, window| {
            let mut rough = [0; LANES];
            for lane in 0..LANES {
                let four = [window[lane], window[lane + 1], window[lane + 2], window[lane + 3]];
                opened[lane] += u8::from(self.opens(four));
                rough[lane] = mask(self.may_say(four));
            }
            if rough != [0; LANES] {
                self.look(code, at, window, &rough, &mut glance);
            }
            windows += 1;
            if windows == WINDOWS {
                glance.blocks = glance.blocks.saturating_add(sum(&opened));
                (opened, windows) = ([0; LANES], 0);
            }
        });
        glance.blocks = glance.blocks.saturating_add(sum(&opened));
        glance
    }

    /// Looks at those lanes of which [`may_say`](Self::may_say) is true: few in a body, one by one.
    #[inline(never)]
    fn look(&self, code: &[u8], at: usize, window: &[u8; WINDOW], rough: &[u8; LANES], glance: &mut Glance) {
        for (part, rough) in rough.as_chunks().0.iter().enumerate() {
            let mut rough = u64::from_le_bytes(*rough) & FIRST_BITS;
            while rough != 0 {
                let lane = part * size_of::<u64>() + rough.trailing_zeros() as usize / 8;
                rough &= rough - 1;
                let mut says =
                    self.says([window[lane], window[lane + 1], window[lane + 2], window[lane + 3]]);
                says.names_no_table = says.names_no_table && self.may_name_no_table(code, at + lane);
                glance.grows |= says.grows;
                glance.tail_calls_import |= says.tail_calls;
                glance.selects |= says.selects;
                glance.stores_far |= says.stores_far;
                glance.names_no_table |= says.names_no_table;
                if says != Says::default() {
                    glance.end = at + lane + 1;
                }
            }
        }
    }

    /// Whether four bytes may open a block, if the first is an opcode.
    #[inline(always)]
    fn opens(&self, [opcode, next, ..]: [u8; 1 + BEHIND]) -> bool {
        let index = next.cast_signed();
        let is_type = (index <= self.types) | (next == 0x40) | (index >= 0x6f);
        (opcode.wrapping_add(0x7e).cast_signed() < -0x7d) & is_type
    }

    /// Whether four bytes say anything, roughly: as fast as that is told of many at once.
    #[inline(always)]
    fn may_say(&self, [opcode, next, third, _]: [u8; 1 + BEHIND]) -> bool {
        let index = next.cast_signed();
        let grows = (opcode == 0x40) & (index <= self.memories) | (opcode == 0xfc);
        // The first byte of a number that takes more has the highest bit, be it longer than it has to be.
        let is_no_table = third & 0x7f == self.no_table;
        let calls = opcode.wrapping_sub(0x11) < 3;
        let calls = calls & ((index <= self.imported) | (opcode == 0x13) | is_no_table);
        let selects = opcode.wrapping_sub(0x1b) < 2;
        let stores = opcode.wrapping_sub(0x36) < 9;
        let stores = stores & (next & 0x3c == 0) & ((next >= 0x40) | (third >= 0x80));
        let moves = (opcode.wrapping_sub(0x25) < 2) & (next & 0x7f == self.no_table);
        grows | calls | selects | stores | moves
    }

    /// What four bytes say, if the first is an opcode.
    fn says(&self, [opcode, next, third, fourth]: [u8; 1 + BEHIND]) -> Says {
        let (index, last_index) = (next.cast_signed(), third.cast_signed());
        // Most 0x40 are the type of a block, and the instruction that comes first in a block is no number of a memory.
        let grows_memory = opcode == 0x40 && index <= self.memories;
        let grows_table = opcode == 0xfc && next & 0x7f == 0x0f;
        let tail_calls = opcode == 0x12 && index <= self.imported;
        let tail_calls_indirectly = opcode == 0x13 && (last_index <= self.tables || index < 0);
        Says {
            grows: grows_memory || grows_table,
            tail_calls: tail_calls || tail_calls_indirectly,
            // One type follows that is chosen of, and no two (core specification, 3.3.2.3).
            selects: opcode == 0x1b || opcode == 0x1c && next & 0x7f == 1,
            names_no_table: match opcode {
                0x11 | 0x13 => next >= 0x80 || third & 0x7f == self.no_table,
                0x25 | 0x26 => next & 0x7f == self.no_table,
                // Those of 12 to 17 name one or two (5.4.5).
                0xfc => (next & 0x7f).wrapping_sub(12) < 6,
                _ => false,
            },
            stores_far: stores_integer(opcode)
                && match next {
                    // No alignment is above 3 (3.3.7). An offset that takes three bytes.
                    0..=3 => third >= 0x80 && fourth >= 0x80,
                    // A memory's index, and an offset that takes two.
                    0x40..=0x43 if third == 0 => fourth >= 0x80,
                    0x40..=0x43 => (third & 0x7f).cast_signed() <= self.memories,
                    // One that is longer than it has to be.
                    0x80..=0x83 | 0xc0..=0xc3 => third & 0x7f == 0,
                    _ => false,
                },
        }
    }

    /// Whether the instruction at this place, if one begins there, may name a table that the module does not have. Linkers write
    /// the numbers of `call_indirect` as long as they can be.
    fn may_name_no_table(&self, code: &[u8], at: usize) -> bool {
        let mut cursor = Cursor { bytes: code, at: at.saturating_add(1) };
        match code.get(at) {
            Some(0x11 | 0x13) => match (cursor.u32(), cursor.u32()) {
                (Ok(ty), Ok(table)) => ty < self.type_count && table >= self.table_count,
                _ => true,
            },
            _ => true,
        }
    }
}

#[derive(Default, PartialEq, Eq)]
struct Says {
    grows: bool,
    tail_calls: bool,
    selects: bool,
    names_no_table: bool,
    stores_far: bool,
}

/// All bits or none, as processors answer when they compare many bytes at once.
#[inline(always)]
fn mask(is: bool) -> u8 {
    u8::from(is).wrapping_neg()
}

fn sum(lanes: &[u8; LANES]) -> u32 {
    lanes.iter().map(|lane| u32::from(*lane)).sum()
}

/// All of `code`, the last with zeros behind it. What is looked for is whole before them, and nothing without its end.
#[inline(always)]
fn each_window(code: &[u8], mut look: impl FnMut(usize, &[u8; WINDOW])) {
    let whole = code.len().saturating_sub(BEHIND) / LANES * LANES;
    let rest = &code[whole..];
    let mut end = [0; 2 * LANES + BEHIND];
    end[..rest.len()].copy_from_slice(rest);
    let end = if rest.len() > LANES { &end[..] } else { &end[..WINDOW] };
    let mut at = 0;
    // One loop for both, or what is done to a window would be a call.
    for mut part in [&code[..code.len().min(whole + BEHIND)], end] {
        while let Some(window) = part.first_chunk() {
            look(at, window);
            at += LANES;
            part = &part[LANES..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any four bytes say what they are there for, whatever a module has.
    #[test]
    fn a_glance_takes_bytes_for_what_they_may_be() {
        const LAST: [[u8; 2]; 11] = [
            [1, 0],
            [0x81, 0],
            [0, 0],
            [0, 0x80],
            [1, 0x80],
            [0x3f, 0],
            [0x40, 0],
            [0x7f, 0x80],
            [0x80, 0x04],
            [0x80, 0x80],
            [0xff, 0x80],
        ];
        for count in [0, 1, 0x40, 0x7f, 0x80, 1_000] {
            let glancer = Glancer::new(count, count, count, count);
            let behind = u8::try_from(count).map_or(0x7f, |count| count & 0x7f);
            for (first, next) in
                (0..=0xff).flat_map(|first: u8| (0..=0xff).map(move |next: u8| (first, next)))
            {
                let below = |byte: u8| byte >= 0x80 || u32::from(byte) < count;
                let is_type = next == 0x40 || next >= 0x6f || next < 0x40 && u32::from(next) < count;
                for [last, fourth] in LAST {
                    let expected = Glance {
                        grows: first == 0x40 && below(next) || first == 0xfc && next & 0x7f == 0x0f,
                        tail_calls_import: first == 0x12 && below(next)
                            || first == 0x13 && (next >= 0x80 || below(last)),
                        selects: first == 0x1b || first == 0x1c && next & 0x7f == 1,
                        stores_far: stores_integer(first)
                            && match next {
                                0..=3 => last >= 0x80 && fourth >= 0x80,
                                0x40..=0x43 if last == 0 => fourth >= 0x80,
                                0x40..=0x43 => u32::from(last & 0x7f) < count,
                                0x80..=0x83 | 0xc0..=0xc3 => matches!(last, 0 | 0x80),
                                _ => false,
                            },
                        names_no_table: match first {
                            0x11 | 0x13 => next >= 0x80 || last & 0x7f == behind,
                            0x25 | 0x26 => next & 0x7f == behind,
                            0xfc => matches!(next & 0x7f, 12..=17),
                            _ => false,
                        },
                        blocks: (matches!(first, 0x02..=0x04) && is_type).into(),
                        end: 0,
                    };
                    let four = [first, next, last, fourth];
                    let says = glancer.says(four);
                    assert!(glancer.may_say(four) || says == Says::default(), "{four:x?}");
                    let found = Glance {
                        grows: says.grows,
                        tail_calls_import: says.tail_calls,
                        selects: says.selects,
                        stores_far: says.stores_far,
                        names_no_table: says.names_no_table,
                        blocks: glancer.opens(four).into(),
                        end: 0,
                    };
                    assert_eq!(found, expected, "{count}: {first:#x} {next:#x} {last:#x}");
                }
            }
        }
    }

    /// Wherever it stands, and however much stands around it.
    #[test]
    fn nothing_is_out_of_sight() {
        let glancer = Glancer::new(1, 1, 1, 1);
        for before in (0..LANES + 4).chain([LANES * WINDOWS - 3, LANES * WINDOWS, LANES * WINDOWS * 2 - 1]) {
            for after in [0, 1, LANES - 1, LANES] {
                let glance = |code: &[u8]| {
                    let around = |count| core::iter::repeat_n(&0x01, count);
                    let code: alloc::vec::Vec<u8> =
                        around(before).chain(code).chain(around(after)).chain(&[0x0b]).copied().collect();
                    let seen = glancer.glance(&code);
                    let sees = Glance { end: 0, blocks: 0, ..seen } != Glance::default();
                    assert_eq!(seen.end, if sees { before + 1 } else { 0 });
                    Glance { end: 0, ..seen }
                };
                assert_eq!(glance(&[]), Glance::default());
                assert_eq!(glance(&[0x40, 0x00]), Glance { grows: true, ..Glance::default() });
                assert_eq!(
                    glance(&[0xfc, 0x0f]),
                    Glance { grows: true, names_no_table: true, ..Glance::default() }
                );
                assert_eq!(
                    glance(&[0x13, 0x00, 0x00]),
                    Glance { tail_calls_import: true, ..Glance::default() }
                );
                assert_eq!(glance(&[0x1b]), Glance { selects: true, ..Glance::default() });
                assert_eq!(glance(&[0x1c, 0x01, 0x7f]), Glance { selects: true, ..Glance::default() });
                assert_eq!(
                    glance(&[0x36, 0x00, 0x80, 0x80, 0x04]),
                    Glance { stores_far: true, ..Glance::default() }
                );
                let no_table = Glance { names_no_table: true, ..Glance::default() };
                assert_eq!(glance(&[0x11, 0x00, 0x01]), no_table);
                assert_eq!(glance(&[0x25, 0x01]), no_table);
                assert_eq!(glance(&[0x02, 0x40]), Glance { blocks: 1, ..Glance::default() });
            }
        }
        let many = [0x03, 0x40].repeat(LANES * WINDOWS * 3);
        assert_eq!(glancer.glance(&many).blocks as usize, LANES * WINDOWS * 3);
    }
}
