//! Finding instructions in a function body without validating it.
//!
//! As much of the binary format (WebAssembly core specification, 5.4) as it takes to step over each
//! instruction. A body that it cannot step over is one that the validator refuses.

/// How many instructions of `code` grow a memory or a table.
pub(super) fn growths(code: &[u8]) -> u32 {
    let mut reader = Reader { rest: code };
    let mut count = 0u32;
    while let Some(grows) = reader.step() {
        count = count.saturating_add(u32::from(grows));
    }
    count
}

/// No less than [`growths`] says, at a glance.
pub(super) fn growths_at_most(code: &[u8]) -> u32 {
    let is_block = |before: Option<&u8>| matches!(before, Some(0x02..=0x04));
    let may_grow = |at: usize| match code[at] {
        0x40 => at == 0 || !is_block(code.get(at - 1)),
        0xfc => code.get(at + 1).is_some_and(|low| low & 0x7f == 0x0f),
        _ => false,
    };
    u32::try_from((0..code.len()).filter(|at| may_grow(*at)).count()).unwrap_or(u32::MAX)
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    /// Steps over one instruction; answers whether it grows something, or nothing at the end.
    fn step(&mut self) -> Option<bool> {
        match self.byte()? {
            0x02..=0x04
            | 0x0c
            | 0x0d
            | 0x10
            | 0x12
            | 0x14
            | 0x15
            | 0x20..=0x26
            | 0x3f
            | 0x41
            | 0x42
            | 0xd0
            | 0xd2 => {
                self.number()?;
            }
            0x11 | 0x13 => self.numbers(2)?,
            0x0e => {
                let targets = self.number()?;
                self.numbers(targets.checked_add(1)?)?;
            }
            0x1c => {
                let types = self.number()?;
                self.bytes(types)?;
            }
            0x28..=0x3e => self.memory_argument()?,
            0x40 => {
                self.number()?;
                return Some(true);
            }
            0x43 => self.bytes(4)?,
            0x44 => self.bytes(8)?,
            0xfc => return self.step_fc(),
            0xfd => self.step_fd()?,
            _ => {}
        }
        Some(false)
    }

    fn step_fc(&mut self) -> Option<bool> {
        let opcode = self.number()?;
        match opcode {
            8 | 10 | 12 | 14 => self.numbers(2)?,
            9 | 11 | 13 | 15..=17 => self.numbers(1)?,
            _ => {}
        }
        Some(opcode == 15)
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
    fn number(&mut self) -> Option<u64> {
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
        assert_eq!(growths(&body), 2);
        assert!(growths_at_most(&body) >= 2);
        assert_eq!(
            growths(&[0x0e, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
            0,
            "an end too soon"
        );
    }
}
