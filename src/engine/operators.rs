//! Reading the instructions of a function body without validating it.
//!
//! As much of the binary format (WebAssembly core specification, 5.4) as it takes to step over each
//! instruction. A body that it cannot step over is one that the validator refuses.

use crate::engine::stores::{is_far, stores_integer};
use core::ops::Range;

/// What a body has that someone has to know of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Instructions that grow a memory or a table.
    pub(super) growths: u32,
    /// Whether a tail call is to one of the functions imported, or to whatever a table holds.
    pub(super) tail_calls_import: bool,
}

impl Found {
    /// Takes note of one more instruction, of a module that imports this many functions.
    pub(super) fn add(&mut self, instruction: Instruction, imported: u32) {
        match instruction {
            Instruction::Growth(_) => self.growths = self.growths.saturating_add(1),
            Instruction::TailCall(function) => self.tail_calls_import |= function < imported,
            Instruction::TailCallIndirect(_) => self.tail_calls_import = true,
            Instruction::Table(_)
            | Instruction::Reference(_)
            | Instruction::Select
            | Instruction::StoreFar { .. } => {}
        }
    }
}

/// An instruction that someone has to know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instruction {
    /// `memory.grow` or `table.grow`.
    Growth(Grown),
    /// `return_call` of a function.
    TailCall(u32),
    /// `return_call_indirect`: of whatever the table of this index holds.
    TailCallIndirect(u32),
    /// Another that names tables; the highest index.
    Table(u32),
    /// `ref.func`.
    Reference(u32),
    /// A `select`, but for those whose condition is surely no comparison with 0: a local, what was loaded or returned,
    /// `i32.and`, an ordered comparison, or an equality of two locals or with another constant.
    Select,
    /// A store of an integer that is [far](super::stores::is_far), and whether that takes 64 bits, but for those whose address
    /// and value are surely not the same local.
    StoreFar {
        /// Whether its value is of 64 bits.
        is_64: bool,
    },
}

/// What an instruction grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grown {
    /// The memory of this index.
    Memory(u32),
    /// The table of this index.
    Table(u32),
}

/// Each of those in `code`, and its place there.
pub(super) fn each<E>(
    code: &[u8],
    mut visit: impl FnMut(Range<usize>, Instruction) -> Result<(), E>,
) -> Result<(), E> {
    let mut at = 0;
    let mut before = [usize::MAX; 3];
    loop {
        let start = at;
        // Most by one look, whatever they are: which comes next is not to be foreseen, and a wrong guess takes more time.
        if let Some(word) = code.get(at..).and_then(<[u8]>::first_chunk) {
            let short = SHORT[usize::from(word[0])];
            let long = u32::from_le_bytes(*word) & short & !0xff;
            let length = short & 0xff;
            if long | length.wrapping_sub(1) < 0xff {
                at += length as usize;
                before = [start, before[0], before[1]];
                continue;
            }
        }
        let mut reader = Reader { code, at, before };
        let Some(found) = reader.step() else { return Ok(()) };
        at = reader.at;
        if code[start] != NOP {
            before = [start, before[0], before[1]];
        }
        if let Some(instruction) = found {
            visit(start..at, instruction)?;
        }
    }
}

/// Where the instruction ends that begins at `at`; nothing at the end.
#[inline]
pub(super) fn end_of(code: &[u8], at: usize) -> Option<usize> {
    if let Some(word) = code.get(at..).and_then(<[u8]>::first_chunk) {
        let short = SHORT[usize::from(word[0])];
        if short != 0 && u32::from_le_bytes(*word) & short & !0xff == 0 {
            return Some(at + (short & 0xff) as usize);
        }
    }
    let mut reader = Reader { code, at, before: [usize::MAX; 3] };
    reader.step()?;
    Some(reader.at)
}

/// How instructions are stepped over whose numbers take a byte each. The lowest byte is how many bytes they take, or 0 for those
/// that have to be looked at. Above it, as the opcode and what follows are read as one number, are the bits that say of
/// the bytes that follow that they are otherwise.
pub(super) const SHORT: [u32; 256] = {
    let mut short = [0; 256];
    // The end of a block, `else`, `return`, `drop`.
    short[0x05] = 1;
    short[0x0b] = 1;
    short[0x0f] = 1;
    short[0x1a] = 1;
    let mut opcode = 0x45;
    // Numeric instructions.
    while opcode <= 0xc4 {
        short[opcode] = 1;
        opcode += 1;
    }
    // Of locals and globals, constants, blocks, branches, calls.
    let numbers = [0x20, 0x21, 0x22, 0x23, 0x24, 0x41, 0x42, 0x02, 0x03, 0x04, 0x0c, 0x0d, 0x10];
    let mut at = 0;
    while at < numbers.len() {
        short[numbers[at]] = 2 | 0x80 << 8;
        at += 1;
    }
    // Of memory: alignment, where bit 6 says that one more follows, and an offset.
    opcode = 0x28;
    while opcode <= 0x3e {
        short[opcode] = 3 | 0xc0 << 8 | 0x80 << 16;
        opcode += 1;
    }
    short
};

const NOP: u8 = 0x01;
const SELECT: u8 = 0x1b;
const SELECT_TYPED: u8 = 0x1c;
const LOCAL_GET: u8 = 0x20;

/// What an instruction leaves on top of the stack.
enum Left {
    /// A local, by `local.get`, which takes nothing from the stack.
    Got,
    /// The same by `local.tee`, which takes what it leaves.
    Teed,
    /// Surely something else.
    Other,
    /// Something else, if it is shifted by more than nothing.
    Shifted,
    Unknown,
}

impl Left {
    fn of(opcode: u8) -> Self {
        match opcode {
            0x20 => Self::Got,
            0x22 => Self::Teed,
            // Constants, `global.get`, `memory.size`, loads, and what is computed; but of `i64.extend_i32_u` (0xad) the
            // interpreter makes nothing.
            0x23 | 0x28..=0x35 | 0x3f | 0x41..=0x73 | 0x79..=0x85 | 0xa7 | 0xac | 0xc0..=0xc4 => Self::Other,
            0x74..=0x78 | 0x86..=0x8a => Self::Shifted,
            _ => Self::Unknown,
        }
    }
}

/// Reads an instruction.
struct Reader<'a> {
    code: &'a [u8],
    at: usize,
    /// Where the last three began, the last first, but for `nop`, of which the interpreter makes nothing.
    before: [usize; 3],
}

impl Reader<'_> {
    /// Steps over it, and says which it is if someone has to know. Nothing at the end.
    #[inline(never)]
    fn step(&mut self) -> Option<Option<Instruction>> {
        let opcode = self.byte()?;
        match opcode {
            0x02..=0x04 | 0x0c | 0x0d | 0x10 | 0x14 | 0x15 | 0x20..=0x24 | 0x3f | 0x41 | 0x42 | 0xd0 => {
                self.skip()?;
            }
            0x28..=0x3e => {
                let immediate = self.at;
                self.memory_argument()?;
                if stores_integer(opcode)
                    && is_far(&self.code[immediate..self.at])
                    && !self.is_stored_elsewhere()
                {
                    return Some(Some(Instruction::StoreFar { is_64: matches!(opcode, 0x37 | 0x3c..=0x3e) }));
                }
            }
            0x25 | 0x26 => return Some(Some(Instruction::Table(self.index()?))),
            0xd2 => return Some(Some(Instruction::Reference(self.index()?))),
            0x11 => {
                self.skip()?;
                return Some(Some(Instruction::Table(self.index()?)));
            }
            0x12 => return Some(Some(Instruction::TailCall(self.index()?))),
            0x13 => {
                self.skip()?;
                return Some(Some(Instruction::TailCallIndirect(self.index()?)));
            }
            0x0e => {
                let targets = self.number()?;
                self.skip_all(targets.checked_add(1)?)?;
            }
            SELECT | SELECT_TYPED => {
                if opcode == SELECT_TYPED {
                    let types = self.number()?;
                    self.bytes(types)?;
                }
                return Some((!self.is_condition_taken()).then_some(Instruction::Select));
            }
            0x40 => return Some(Some(Instruction::Growth(Grown::Memory(self.index()?)))),
            0x43 => self.bytes(4)?,
            0x44 => self.bytes(8)?,
            0xfc => return self.step_fc(),
            0xfd => self.step_fd()?,
            _ => {}
        }
        Some(None)
    }

    /// Whether the last instruction surely makes a condition that the interpreter takes as it is.
    fn is_condition_taken(&self) -> bool {
        let opcode = |at: usize| self.code.get(at).copied();
        let [last, second, third] = self.before;
        match opcode(last) {
            Some(LOCAL_GET | 0x10 | 0x11 | 0x28..=0x35 | 0x48..=0x4f | 0x53..=0x66 | 0x71) => true,
            Some(0x46 | 0x47 | 0x51 | 0x52) => match opcode(second) {
                Some(LOCAL_GET) => opcode(third) == Some(LOCAL_GET),
                Some(0x41 | 0x42) => self.is_other_than_0(second.saturating_add(1)),
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether the two values on top of the stack are surely not the same local.
    fn is_stored_elsewhere(&self) -> bool {
        let [last, second, third] = self.before;
        let leaves = |at: usize| self.code.get(at).map_or(Left::Unknown, |opcode| Left::of(*opcode));
        match (leaves(last), leaves(second)) {
            (Left::Other, _) | (Left::Got, Left::Other) => true,
            (Left::Shifted, _) => self.is_shift_counted(second),
            (Left::Got, Left::Shifted) => self.is_shift_counted(third),
            (Left::Got, Left::Got | Left::Teed) => self.local(last) != self.local(second),
            _ => false,
        }
    }

    /// Whether the instruction at this place is a constant by which a number is shifted further than by nothing.
    fn is_shift_counted(&self, at: usize) -> bool {
        let is_constant = matches!(self.code.get(at), Some(0x41 | 0x42));
        is_constant && self.code.get(at.saturating_add(1)).is_some_and(|byte| byte & 0x1f != 0)
    }

    /// The local that the instruction at this place names.
    fn local(&self, at: usize) -> Option<u64> {
        Reader { code: self.code, at: at.saturating_add(1), before: self.before }.number()
    }

    /// Whether the number at this place has a bit set.
    fn is_other_than_0(&self, at: usize) -> bool {
        for byte in self.code.get(at..).unwrap_or_default() {
            if byte & 0x7f != 0 {
                return true;
            }
            if byte & 0x80 == 0 {
                break;
            }
        }
        false
    }

    fn step_fc(&mut self) -> Option<Option<Instruction>> {
        match self.number()? {
            8 | 10 => self.skip_all(2)?,
            9 | 11 | 13 => self.skip()?,
            12 => {
                self.skip()?;
                return Some(Some(Instruction::Table(self.index()?)));
            }
            14 => {
                let (to, from) = (self.index()?, self.index()?);
                return Some(Some(Instruction::Table(to.max(from))));
            }
            15 => return Some(Some(Instruction::Growth(Grown::Table(self.index()?)))),
            16 | 17 => return Some(Some(Instruction::Table(self.index()?))),
            _ => {}
        }
        Some(None)
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
    #[inline]
    fn memory_argument(&mut self) -> Option<()> {
        let flags = self.number()?;
        if flags & 0x40 != 0 {
            self.skip()?;
        }
        self.skip()
    }

    #[inline]
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.code.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn bytes(&mut self, count: u64) -> Option<()> {
        let at = self.at.checked_add(usize::try_from(count).ok()?)?;
        self.at = Some(at).filter(|at| *at <= self.code.len())?;
        Some(())
    }

    /// An index. One that does not fit is one of nothing.
    fn index(&mut self) -> Option<u32> {
        self.number().map(|number| u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// A LEB128 number of either kind; a signed one's value is of no use.
    #[inline]
    fn number(&mut self) -> Option<u64> {
        // Most are a byte long.
        match self.byte()? {
            byte @ ..0x80 => Some(byte.into()),
            byte => self.long_number(byte),
        }
    }

    fn long_number(&mut self, first: u8) -> Option<u64> {
        let mut value = u64::from(first & 0x7f);
        for shift in (7..70).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// Passes over a number.
    #[inline]
    fn skip(&mut self) -> Option<()> {
        // Most are a byte long.
        if self.byte()? < 0x80 { Some(()) } else { self.skip_long() }
    }

    fn skip_long(&mut self) -> Option<()> {
        for _ in 1..10 {
            if self.byte()? < 0x80 {
                return Some(());
            }
        }
        None
    }

    fn skip_all(&mut self, count: u64) -> Option<()> {
        for _ in 0..count {
            self.skip()?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::glance::{Glance, Glancer};
    use alloc::vec::Vec;
    use core::convert::Infallible;

    fn glance(code: &[u8], types: u32, imported: u32, memories: u32) -> Glance {
        Glancer::new(types, imported, memories, 1).glance(code)
    }

    fn find(code: &[u8], imported: u32) -> Found {
        let mut found = Found::default();
        all(code).into_iter().for_each(|(_, instruction)| found.add(instruction, imported));
        found
    }

    fn all(code: &[u8]) -> Vec<(Range<usize>, Instruction)> {
        let mut found = Vec::new();
        let Ok(()) = each(code, |place, instruction| -> Result<(), Infallible> {
            found.push((place, instruction));
            Ok(())
        });
        found
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
        let growths = [(5..8, Grown::Memory(0)), (18..22, Grown::Table(1))];
        assert_eq!(all(&body), growths.map(|(place, grown)| (place, Instruction::Growth(grown))));
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
    fn what_may_be_stored_at_itself_is_found() {
        let places = |code: &[u8]| -> Vec<_> {
            let code = [code, &[0x0b]].concat();
            let places: Vec<_> = all(&code)
                .into_iter()
                .filter_map(|(place, instruction)| match instruction {
                    Instruction::StoreFar { is_64 } => Some((place.start, is_64)),
                    _ => None,
                })
                .collect();
            assert!(places.is_empty() || glance(&code, 0, 0, 2).stores_far, "{code:x?}");
            places
        };
        let far = [0x36, 0x02, 0x80, 0x80, 0x04];
        let store = |before: &[u8]| places(&[before, &far].concat());
        assert_eq!(store(&[0x20, 0x00, 0x20, 0x00]), [(4, false)]);
        assert_eq!(store(&[0x20, 0x00, 0x22, 0x00]), [(4, false)], "local.tee");
        assert_eq!(store(&[0x20, 0x00, 0x20, 0x80, 0x00]), [(5, false)], "an over-long index");
        assert_eq!(store(&[0x20, 0x80, 0x80, 0x00, 0x22, 0x00]), [(6, false)], "the address's");
        assert_eq!(store(&[0x20, 0x00, 0x01, 0x20, 0x00, 0x01]), [(6, false)], "nops");
        assert_eq!(store(&[0x20, 0x00, 0x41, 0x20, 0x74, 0x20, 0x00]), [(7, false)], "shifted by nothing");
        assert_eq!(
            store(&[0x20, 0x00, 0x20, 0x01, 0x21, 0x00, 0x20, 0x00]),
            [(8, false)],
            "from further below"
        );
        let popped = [0x20, 0x00, 0x20, 0x00, 0x20, 0x01, 0x1a];
        assert_eq!(store(&popped), [(7, false)], "what comes to the top again");
        assert_eq!(store(&[0x20, 0x00, 0x20, 0x01]), [], "another local");
        assert_eq!(store(&[0x20, 0x00, 0x41, 0x02, 0x74, 0x20, 0x00]), [], "an address that is computed");
        assert_eq!(store(&[0x20, 0x00, 0x20, 0x00, 0x28, 0x02, 0x00]), [], "a value that is loaded");
        assert_eq!(places(&[0x20, 0x00, 0x20, 0x00, 0x36, 0x02, 0x00]), [], "near");
        assert_eq!(places(&[0x20, 0x00, 0x20, 0x00, 0x36, 0x42, 0x01, 0x00]), [(4, false)], "another memory");
        let long = [0x20, 0x00, 0x20, 0x00, 0xad, 0x37, 0x03, 0xff, 0xff, 0x7f];
        assert_eq!(places(&long), [(5, true)], "of 64 bits");
        assert_eq!(
            store(&[0x20, 0x00, 0x20, 0x01, 0x22, 0x00]),
            [(6, false)],
            "an address before what is teed"
        );
        let longest = [
            &[0x20, 0x00, 0x20, 0x00, 0x36, 0xc2, 0x80, 0x80, 0x80, 0x00][..],
            &[0x80; 4],
            &[0],
            &[0x80; 9],
            &[0],
        ];
        assert_eq!(places(&longest.concat()), [(4, false)], "the longest there is");
    }

    #[test]
    fn selects_that_may_compare_with_0_are_found() {
        let places = |code: &[u8]| {
            let found = all(&[code, &[0x0b]].concat()).into_iter();
            let places: Vec<_> = found
                .map(|(place, instruction)| {
                    assert_eq!(instruction, Instruction::Select);
                    place.start
                })
                .collect();
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
