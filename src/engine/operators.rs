//! Finding instructions in a function body without validating it.
//!
//! As much of the binary format (WebAssembly core specification, 5.4) as it takes to step over each
//! instruction. A body that it cannot step over is one that the validator refuses.

use crate::Error;
use core::ops::Range;

/// What a body has that someone has to know of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Instructions that grow a memory or a table.
    pub(super) growths: u32,
    /// Whether a tail call is to one of the functions imported, or to whatever a table holds.
    pub(super) tail_calls_import: bool,
}

/// Steps through `code`, of a module that imports this many functions.
pub(super) fn find(code: &[u8], imported: u32) -> Found {
    let mut reader = Reader { rest: code };
    let mut found = Found::default();
    while let Some(step) = reader.step() {
        match step {
            Step::Growth(_) => found.growths = found.growths.saturating_add(1),
            Step::TailCall(function) => found.tail_calls_import |= function < u64::from(imported),
            Step::TailCallIndirect => found.tail_calls_import = true,
            Step::Reference(_) | Step::Other => {}
        }
    }
    found
}

/// What a body may have, at a glance that takes immediates for opcodes too: no less than what [`find`] finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Glance {
    pub(super) grows: bool,
    pub(super) tail_calls_import: bool,
    /// A `select`.
    pub(super) selects: bool,
    /// Blocks that are opened: every block is among them, and few immediates that look like one.
    pub(super) blocks: u32,
}

/// Glances at code. It looks at all pairs of bytes and decides nothing about any: most of them say nothing, and which do is
/// not to be foreseen.
pub(super) struct Glancer {
    /// What each byte says where it stands behind one of [`FIRST`].
    second: [u8; 256],
}

const OPENS: u8 = 1;
const GROWS_MEMORY: u8 = 2;
const GROWS_TABLE: u8 = 4;
const TAIL_CALLS: u8 = 8;
const TAIL_CALLS_INDIRECTLY: u8 = 16;
const SELECTS: u8 = 32;

/// What each byte may say, as the opcode that it looks like.
const FIRST: [u8; 256] = {
    let mut first = [0; 256];
    first[0x02] = OPENS;
    first[0x03] = OPENS;
    first[0x04] = OPENS;
    first[0x12] = TAIL_CALLS;
    first[0x13] = TAIL_CALLS_INDIRECTLY;
    // Most are the type of a block, and the instruction that comes first in a block is no number of a memory.
    first[0x40] = GROWS_MEMORY;
    first[SELECT as usize] = SELECTS;
    first[SELECT_TYPED as usize] = SELECTS;
    first[0xfc] = GROWS_TABLE;
    first
};

/// What each byte says behind those, whatever the module has.
const SECOND: [u8; 256] = {
    let mut second = [TAIL_CALLS_INDIRECTLY | SELECTS; 256];
    let mut next = 0;
    while next < 256 {
        if opens_block(next as u8, 0) {
            second[next] |= OPENS;
        }
        // The first byte of a number that is longer than it has to be.
        if next >= 0x80 {
            second[next] |= GROWS_MEMORY | TAIL_CALLS;
        }
        if next & 0x7f == 0x0f {
            second[next] |= GROWS_TABLE;
        }
        next += 1;
    }
    second
};

impl Glancer {
    /// For the code of a module that has this many types and memories and imports this many functions.
    pub(super) fn new(types: u32, imported: u32, memories: u32) -> Self {
        let mut second = SECOND;
        for (count, max, says) in
            [(types, 0x40, OPENS), (memories, 0x80, GROWS_MEMORY), (imported, 0x80, TAIL_CALLS)]
        {
            let count = usize::try_from(count.min(max)).unwrap_or(0);
            second.iter_mut().take(count).for_each(|next| *next |= says);
        }
        Self { second }
    }

    pub(super) fn glance(&self, code: &[u8]) -> Glance {
        let (mut seen, mut blocks) = (0, 0u32);
        for (byte, next) in code.iter().zip(code.get(1..).unwrap_or_default()) {
            let says = FIRST[usize::from(*byte)] & self.second[usize::from(*next)];
            seen |= says;
            blocks = blocks.wrapping_add(u32::from(says & OPENS));
        }
        Glance {
            grows: seen & (GROWS_MEMORY | GROWS_TABLE) != 0,
            tail_calls_import: seen & (TAIL_CALLS | TAIL_CALLS_INDIRECTLY) != 0,
            selects: seen & SELECTS != 0,
            blocks,
        }
    }
}

/// Whether a byte may be the start of a block's type.
const fn opens_block(ty: u8, types: u32) -> bool {
    if ty < 0x40 { (ty as u32) < types } else { ty == 0x40 || ty >= 0x6f }
}

const SELECT: u8 = 0x1b;
const SELECT_TYPED: u8 = 0x1c;

enum Step {
    Growth(Grown),
    TailCall(u64),
    TailCallIndirect,
    Reference(u64),
    Other,
}

/// An instruction by which code may come to call a function at its end, or make others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// `return_call` of a function.
    TailCall(u32),
    /// `return_call_indirect`: of whatever a table holds.
    TailCallIndirect,
    /// `ref.func`.
    Reference(u32),
}

/// What an instruction grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grown {
    /// The memory of this index.
    Memory(u64),
    Table,
}

/// The place in `code` of each instruction that grows a memory or a table.
pub(super) fn each_growth(
    code: &[u8],
    mut each: impl FnMut(Range<usize>, Grown) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut reader = Reader { rest: code };
    loop {
        let start = code.len() - reader.rest.len();
        match reader.step() {
            Some(Step::Growth(grown)) => each(start..code.len() - reader.rest.len(), grown)?,
            Some(_) => {}
            None => return Ok(()),
        }
    }
}

/// The place in `code` of each `select`, but for those whose condition is surely no comparison with 0: a local, what was
/// loaded or returned, `i32.and`, an ordered comparison, or an equality of two locals or with another constant.
pub(super) fn each_select(
    code: &[u8],
    mut each: impl FnMut(usize) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut reader = Reader { rest: code };
    // Of the instructions before: whether the last is surely none, whether it is a constant other than 0, and how many
    // of the last are locals.
    let (mut is_none, mut is_number, mut locals) = (false, false, 0u32);
    loop {
        let start = code.len() - reader.rest.len();
        if reader.step().is_none() {
            return Ok(());
        }
        let immediate = &code[start + 1..code.len() - reader.rest.len()];
        (is_none, is_number, locals) = match code[start] {
            // The interpreter makes nothing of it.
            0x01 => continue,
            SELECT | SELECT_TYPED => {
                if !is_none {
                    each(start)?;
                }
                (false, false, 0)
            }
            0x20 => (true, false, locals.saturating_add(1)),
            0x41 | 0x42 => (false, immediate.iter().any(|byte| byte & 0x7f != 0), 0),
            0x46 | 0x47 | 0x51 | 0x52 => (is_number || locals > 1, false, 0),
            0x10 | 0x11 | 0x28..=0x35 | 0x48..=0x4f | 0x53..=0x66 | 0x71 => (true, false, 0),
            _ => (false, false, 0),
        };
    }
}

/// Each of those in `code`, which is valid, and its place there.
pub(super) fn each_named(
    code: &[u8],
    mut each: impl FnMut(Range<usize>, Named) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut reader = Reader { rest: code };
    loop {
        let start = code.len() - reader.rest.len();
        let Some(step) = reader.step() else { return Ok(()) };
        let index = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let named = match step {
            Step::TailCall(function) => Named::TailCall(index(function)),
            Step::TailCallIndirect => Named::TailCallIndirect,
            Step::Reference(function) => Named::Reference(index(function)),
            Step::Growth(_) | Step::Other => continue,
        };
        each(start..code.len() - reader.rest.len(), named)?;
    }
}

/// How many numbers follow each opcode, and nothing else; what nobody looks for.
const NUMBERS: [u8; 256] = {
    let mut numbers = [OTHERWISE; 256];
    let mut opcode = 0x45;
    // Numeric instructions.
    while opcode <= 0xc4 {
        numbers[opcode] = 0;
        opcode += 1;
    }
    numbers[0x1a] = 0;
    numbers[0x1b] = 0;
    // Of locals and globals.
    opcode = 0x20;
    while opcode <= 0x24 {
        numbers[opcode] = 1;
        opcode += 1;
    }
    numbers[0x10] = 1;
    numbers[0x41] = 1;
    numbers[0x42] = 1;
    numbers
};
const OTHERWISE: u8 = 0xff;

/// Reads instructions one after the other.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    /// Steps over one instruction, or answers nothing at the end.
    #[inline]
    fn step(&mut self) -> Option<Step> {
        let (opcode, rest) = self.rest.split_first()?;
        let numbers = NUMBERS[usize::from(*opcode)];
        if numbers == OTHERWISE {
            return self.step_otherwise();
        }
        self.rest = rest;
        for _ in 0..numbers {
            self.number()?;
        }
        Some(Step::Other)
    }

    /// The same, of any.
    fn step_otherwise(&mut self) -> Option<Step> {
        match self.byte()? {
            0x02..=0x04 | 0x0c | 0x0d | 0x10 | 0x14 | 0x15 | 0x20..=0x26 | 0x3f | 0x41 | 0x42 | 0xd0 => {
                self.number()?;
            }
            0xd2 => return self.number().map(Step::Reference),
            0x11 => self.numbers(2)?,
            0x12 => return self.number().map(Step::TailCall),
            0x13 => {
                self.numbers(2)?;
                return Some(Step::TailCallIndirect);
            }
            0x0e => {
                let targets = self.number()?;
                self.numbers(targets.checked_add(1)?)?;
            }
            0x1c => {
                let types = self.number()?;
                self.bytes(types)?;
            }
            0x28..=0x3e => self.memory_argument()?,
            0x40 => return self.number().map(|memory| Step::Growth(Grown::Memory(memory))),
            0x43 => self.bytes(4)?,
            0x44 => self.bytes(8)?,
            0xfc => return self.step_fc(),
            0xfd => self.step_fd()?,
            _ => {}
        }
        Some(Step::Other)
    }

    fn step_fc(&mut self) -> Option<Step> {
        let opcode = self.number()?;
        match opcode {
            8 | 10 | 12 | 14 => self.numbers(2)?,
            9 | 11 | 13 | 15..=17 => self.numbers(1)?,
            _ => {}
        }
        Some(if opcode == 15 { Step::Growth(Grown::Table) } else { Step::Other })
    }

    fn step_fd(&mut self) -> Option<()> {
        match self.number()? {
            0..=11 | 92 | 93 => self.memory_argument(),
            12 | 13 => self.bytes(16),
            21..=34 => self.bytes(1),
            84..=91 => {
                self.memory_argument()?;
                self.bytes(1)
            }
            _ => Some(()),
        }
    }

    /// Alignment, a memory's index where bit 6 says so, and an offset.
    fn memory_argument(&mut self) -> Option<()> {
        let flags = self.number()?;
        self.numbers(if flags & 0x40 == 0 { 1 } else { 2 })
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    fn bytes(&mut self, count: u64) -> Option<()> {
        self.rest = self.rest.get(usize::try_from(count).ok()?..)?;
        Some(())
    }

    /// A LEB128 number of either kind; a signed one's value is of no use.
    #[inline]
    fn number(&mut self) -> Option<u64> {
        // Most are a byte long.
        match self.rest.split_first() {
            Some((byte, rest)) if *byte < 0x80 => {
                self.rest = rest;
                Some((*byte).into())
            }
            _ => self.long_number(),
        }
    }

    fn long_number(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn numbers(&mut self, count: u64) -> Option<()> {
        for _ in 0..count {
            self.number()?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn glance(code: &[u8], types: u32, imported: u32, memories: u32) -> Glance {
        Glancer::new(types, imported, memories).glance(code)
    }

    #[test]
    fn growths_are_found_among_what_looks_like_them() {
        let body = [
            0x02, 0x40, // block
            0x41, 0xc0, 0x00, // i32.const 64
            0x40, 0x80, 0x00, // memory.grow, over-long
            0x1a, 0x44, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, // f64.const
            0xfc, 0x8f, 0x00, 0x01, // table.grow, over-long
            0xfd, 0x0c, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
            0x40, 0x40, 0x0e, 0x02, 0x40, 0x40, 0x00, // br_table
            0x28, 0x42, 0x00, 0x40, // i32.load of a second memory
            0x0b, 0x0b,
        ];
        assert_eq!(find(&body, 1), Found { growths: 2, tail_calls_import: false });
        assert!(glance(&body, 0, 1, 1).grows);
        assert!(glance(&body, 0, 1, 1).blocks >= 1);
        let mut places = Vec::new();
        each_growth(&body, |place, grown| {
            places.push((place, grown));
            Ok(())
        })
        .unwrap();
        assert_eq!(places, [(5..8, Grown::Memory(0)), (18..22, Grown::Table)]);
    }

    /// Each pair of bytes says what it is there for, whatever a module has.
    #[test]
    fn a_glance_takes_a_pair_for_what_it_may_be() {
        for (first, next) in (0..=0xff).flat_map(|first: u8| (0..=0xff).map(move |next: u8| (first, next))) {
            for count in [0, 1, 0x3f, 0x40, 0x7f, 0x80, 1_000] {
                let below = next >= 0x80 || u32::from(next) < count;
                let opens = matches!(first, 0x02..=0x04) && opens_block(next, count);
                let expected = Glance {
                    grows: first == 0x40 && below || first == 0xfc && next & 0x7f == 0x0f,
                    tail_calls_import: first == 0x12 && below || first == 0x13,
                    selects: matches!(first, SELECT | SELECT_TYPED),
                    blocks: opens.into(),
                };
                assert_eq!(glance(&[first, next], count, count, count), expected, "{first:#x} {next:#x}");
            }
        }
    }

    #[test]
    fn nothing_hides_from_a_glance() {
        // Whatever stands before it, be it the last byte of a constant that looks like the opcode of a block.
        for before in 0..=0xff {
            for growth in
                [&[0x40, 0x00][..], &[0x40, 0x80, 0x00], &[0xfc, 0x0f, 0x00], &[0xfc, 0x8f, 0x80, 0x00, 0x00]]
            {
                let body = [&[0x41, 0x80 | before, before & 0x7f], growth, &[0x1a, 0x0b]].concat();
                assert!(find(&body, 0).growths == 1 && glance(&body, 0, 0, 1).grows, "{body:x?}");
            }
            let body = [0x41, 0x80 | before, before & 0x7f, 0x02, 0x40, 0x0b, 0x0b];
            assert!(glance(&body, 0, 0, 1).blocks >= 1, "{body:x?}");
            assert_eq!(find(&body, 0).growths, 0);
        }
    }

    #[test]
    fn tail_calls_out_are_found() {
        let calls = |code: &[u8], imported| {
            let found = find(code, imported).tail_calls_import;
            assert!(!found || glance(code, 0, imported, 0).tail_calls_import);
            found
        };
        assert!(calls(&[0x12, 0x02], 3) && !calls(&[0x12, 0x03], 3), "the functions imported come first");
        assert!(calls(&[0x12, 0x82, 0x00], 3), "over-long");
        assert!(calls(&[0x41, 0x00, 0x13, 0x00, 0x00], 0), "whatever a table holds");
        assert!(!calls(&[0x41, 0x13, 0x41, 0x12], 20), "constants");
    }

    #[test]
    fn selects_that_may_compare_with_0_are_found() {
        let places = |code: &[u8]| {
            let mut places = Vec::new();
            each_select(&[code, &[0x0b]].concat(), |place| {
                places.push(place);
                Ok(())
            })
            .unwrap();
            assert!(places.is_empty() || glance(&[code, &[0x0b]].concat(), 0, 0, 0).selects, "{code:x?}");
            places
        };
        assert_eq!(places(&[0x20, 0x00, 0x45, 0x1b]), [3], "i32.eqz");
        assert_eq!(places(&[0x20, 0x00, 0x45, 0x01, 0x01, 0x1c, 0x01, 0x7f]), [5], "nops, a type");
        assert_eq!(places(&[0x20, 0x00, 0x41, 0x80, 0x00, 0x46, 0x1b]), [6], "an over-long 0");
        assert_eq!(places(&[0x41, 0x00, 0x20, 0x00, 0x47, 0x1b]), [5], "on the left");
        assert_eq!(
            places(&[0x20, 0x00, 0x23, 0x00, 0x47, 0x1b, 0x45, 0x1b]),
            [5, 7],
            "a global, and one more"
        );
        assert_eq!(places(&[0x20, 0x00, 0xd1, 0x1b]), [3], "ref.is_null");
        assert_eq!(places(&[0x20, 0x00, 0x45, 0xad, 0x50, 0x1b]), [5], "i64.eqz");
        assert_eq!(places(&[0x45, 0x20, 0x00, 0x21, 0x00, 0x1b]), [5], "what nothing is made of");
        assert_eq!(places(&[0x20, 0x00, 0x41, 0x01, 0x46, 0x1b]), [0; 0], "another number");
        assert_eq!(places(&[0x20, 0x00, 0x20, 0x01, 0x46, 0x1b]), [0; 0], "two locals");
        assert_eq!(places(&[0x20, 0x00, 0x1b, 0x41, 0x03, 0x49, 0x1b]), [0; 0], "a local, i32.lt_u");
        assert_eq!(places(&[0x41, 0x1b]), [0; 0], "an immediate");
    }

    #[test]
    fn an_end_too_soon_ends_the_search() {
        let table = [0x0e, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(find(&table, 1), Found::default());
    }
}
