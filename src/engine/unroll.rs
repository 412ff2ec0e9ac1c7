//! Short loops several times over, where fuel is counted.
//!
//! The interpreter counts fuel at the head of each function, loop and branch of an `if`, by an instruction of its own: in a
//! loop of ten instructions that is a fifth of its time. What a short loop repeats is written down several times here, so
//! that it comes back to its head once for three rounds, and for its first round not at all:
//!
//! ```wat
//! loop $again           block $done
//!   BODY                  BODY i32.eqz br_if $done      ;; the first round
//!   br_if $again          loop $again
//! end                       BODY i32.eqz br_if $done    ;; all but the last of those in the loop
//!                           BODY i32.eqz br_if $done
//!                           BODY br_if $again
//!                         end
//!                       end
//! ```
//!
//! Copies are validated, and translated where they run, so only such loops have some as are likely to run often: those within
//! another, and those of a function that call it again. They take and leave nothing, end with a `br_if` to their beginning that is
//! the only one, and have no blocks of their own: that is how compilers leave most innermost loops. By how much a module
//! grows is bounded by its code.
//!
//! What a guest computes stays the same. Its fuel does not: what is charged at a head is what stands behind it, executed or
//! not. So a loop is charged its first round with what is around it, the others by three, and rounds that were charged and
//! not executed are not given back. Which loops are unrolled depends on nothing but the module: under limits that leave no
//! room for it the module is refused, or a run would cost less there than elsewhere.
//!
//! No invalid module becomes a valid one: the last copy is the body as it was, with its branches renumbered where there
//! is one label more around it. What is wrong with a body is wrong with that.
//!
//! Loops are [looked for](Look) by the bytes that they end with, many at once. Bodies with one that may be unrolled are stepped
//! through, and nothing is changed but by what [`find`] has come to so: bytes of a number may look like a loop.

use crate::{
    Error,
    engine::{
        Outline,
        operators::{SHORT, end_of},
        rewrite::Edits,
        scan::{Cursor, Section, sections},
    },
};
use alloc::vec::Vec;
use core::{mem, ops::Range};

/// So far behind the beginning of a loop that is unrolled is its end: one that is longer has less to gain, and more to copy.
const BODY_BYTES_MAX: usize = 100;
/// How often a body stands in the loop. It stands once before.
const WITHIN: usize = 3;
/// The longest body of a function that they are looked for in.
const CODE_BYTES_MAX: usize = 4 << 10;
const _: () = assert!(CODE_BYTES_MAX / LANES < 0xff);
/// By what part of its code a module may grow, and by how many bytes.
const GROWN_PART: u64 = 8;
const GROWN_BYTES_MAX: u64 = 8 << 10;
/// By how much the shortest loop grows.
const LEAST: u64 = 18;
/// How often copies are in memory at once: in a list that grows by no more than they are, or there and in the module.
const HOMES: u64 = 2;
/// What noting one loop takes of host memory, but for its splice: a list that grows has two homes for a while.
const SITE_BYTES: u64 = 3 * size_of::<Range<usize>>() as u64;

const EMPTY: u8 = 0x40;
const BLOCK: u8 = 0x02;
const LOOP: u8 = 0x03;
const IF: u8 = 0x04;
const END: u8 = 0x0b;
const BR_IF: u8 = 0x0d;
const CALL: u8 = 0x10;
const I32_EQZ: u8 = 0x45;

/// Notes in `edits`, which are in order, what stands instead of short loops. Whatever else changes in these is changed in each
/// copy.
pub(super) fn edit(bytes: &[u8], outline: &Outline, edits: &mut Edits) -> Result<(), Error> {
    let mut found = Vec::new();
    // By the module alone: where one is unrolled for which limits leave no room, it is refused.
    let mut room = (u64::from(outline.code_bytes) / GROWN_PART).min(GROWN_BYTES_MAX);
    for section in sections(bytes) {
        let Section { id: 10, contents } = section? else { continue };
        let mut cursor = Cursor { bytes: &bytes[..contents.end], at: contents.start };
        let bodies = cursor.u32()?;
        let mut end = next_end(cursor.bytes, cursor.at);
        for function in (outline.imported_functions..).take(bodies as usize) {
            let body = cursor.at;
            let whole = cursor.sized()?;
            let mut look = Look::at(&bytes[..whole.end], whole.start, function);
            let mut last = None;
            while let Some(at) = end.filter(|at| *at < whole.end) {
                if whole.len() > CODE_BYTES_MAX {
                    end = next_end(cursor.bytes, whole.end);
                } else {
                    last = look.at_end(at).or(last);
                    end = next_end(cursor.bytes, at + 1);
                }
            }
            if let Some(last) = last {
                let code = Cursor { at: body, ..cursor }.body()?.code;
                find(&bytes[..code.end], code.start, last, function, |short| {
                    let added = unrolled_len(short.len() - AROUND) - short.len();
                    let Some(left) = room.checked_sub(added as u64) else { return Ok(()) };
                    room = left;
                    edits.charge(SITE_BYTES)?;
                    found.push(short);
                    Ok(())
                })?;
            }
            if end.is_none() || room < LEAST {
                break;
            }
        }
    }
    if found.is_empty() { Ok(()) } else { replace(bytes, found, edits) }
}

/// Puts in place of each loop, which are in order, what stands for it.
fn replace(bytes: &[u8], found: Vec<Range<usize>>, edits: &mut Edits) -> Result<(), Error> {
    let length = edits.splices.len() + found.len();
    let others = mem::replace(&mut edits.splices, Vec::with_capacity(length));
    let mut others = others.into_iter().peekable();
    for place in found {
        // What is put right before it is not in it.
        while let Some(other) = others.next_if(|other| other.place.start <= place.start) {
            edits.splices.push(other);
        }
        let mut body = Vec::with_capacity(place.len());
        let mut at = place.start + 2;
        while let Some(other) = others.next_if(|other| other.place.start < place.end) {
            body.extend_from_slice(&bytes[at..other.place.start]);
            body.extend_from_slice(edits.text_of(&other));
            at = other.place.end;
        }
        body.extend_from_slice(&bytes[at..place.end - 1]);
        let length = unrolled_len(body.len());
        edits.charge(length as u64 * HOMES)?;
        let text = edits.text_of_length(length, |out| unroll(body, out));
        edits.splice(place, text)?;
    }
    edits.splices.extend(others);
    Ok(())
}

/// A loop that can be unrolled.
struct Short {
    whole: Range<usize>,
    /// It calls the function that it is in.
    recurs: bool,
}

/// So many bytes are looked at side by side.
const LANES: usize = 64;

/// Where at or behind `from` the next loop may end: with a `br_if` to its beginning. What is no instruction may look so too.
fn next_end(bytes: &[u8], from: usize) -> Option<usize> {
    let looks = |[opcode, label, next]: [u8; 3]| (opcode == BR_IF) & (label == 0) & (next == END);
    let mut rest = &bytes[from..];
    while let Some(window) = rest.first_chunk::<{ LANES + 2 }>() {
        // Hardly any window has one. In this form many bytes are compared at once.
        let any = (0..LANES)
            .fold(0, |any, lane| any | u8::from(looks([window[lane], window[lane + 1], window[lane + 2]])));
        if any != 0 {
            break;
        }
        rest = &rest[LANES..];
    }
    let found = rest.array_windows().position(|three| looks(*three))?;
    Some(bytes.len() - rest.len() + found)
}

/// How many loops may begin in `bytes`, which are no more than [`CODE_BYTES_MAX`].
fn loops(bytes: &[u8]) -> u32 {
    let looks = |[opcode, ty]: [u8; 2]| (opcode == LOOP) & (ty == EMPTY);
    let (mut at, mut counts) = (0, [0; LANES]);
    while let Some(window) = bytes[at..].first_chunk::<{ LANES + 1 }>() {
        for lane in 0..LANES {
            counts[lane] += u8::from(looks([window[lane], window[lane + 1]]));
        }
        at += LANES;
    }
    let mut count = counts.iter().map(|count| u32::from(*count)).sum();
    while let Some(two) = bytes[at..].first_chunk() {
        count += u32::from(looks(*two));
        at += 1;
    }
    count
}

/// Whether `bytes` may have a call of this function.
fn may_call(bytes: &[u8], function: u32) -> bool {
    let low = |byte: u8| byte & 0x7f;
    let callee = low(function.to_le_bytes()[0]);
    let calls = |[opcode, next]: [u8; 2]| (opcode == CALL) & (low(next) == callee);
    bytes.array_windows().fold(false, |any, two| any | calls(*two))
}

/// Where the last loop may begin in `bytes` at or behind `from`.
fn last_loop(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = bytes.len().checked_sub(2)?;
    while bytes[at] != LOOP || bytes[at + 1] != EMPTY {
        at = at.checked_sub(1).filter(|at| *at >= from)?;
    }
    Some(at)
}

/// Looks at what may be loops of a body, without stepping through it: few bodies have one to be unrolled, and stepping through all
/// of them would be a second reading of the program.
struct Look<'a> {
    /// Up to where the body ends, which begins at `start`.
    bytes: &'a [u8],
    start: usize,
    /// How many loops seem to be open here.
    counted: usize,
    open: u32,
    function: u32,
}

impl<'a> Look<'a> {
    fn at(bytes: &'a [u8], start: usize, function: u32) -> Self {
        Self { bytes, start, counted: start, open: 0, function }
    }

    /// Where a loop seems to begin that ends with the branch at `end` and may be one to be unrolled, if it may.
    fn at_end(&mut self, end: usize) -> Option<usize> {
        let (bytes, from) = (self.bytes, self.start.max(end.saturating_sub(BODY_BYTES_MAX)));
        // How long a body is, or how locals are declared, may look like an end too.
        if end <= self.counted {
            return None;
        }
        self.open += loops(&bytes[self.counted..end]);
        self.counted = end;
        let is_within = self.open > 1;
        self.open = self.open.saturating_sub(1);
        if !is_within && !may_call(&bytes[from..end], self.function) {
            return None;
        }
        let begun = last_loop(&bytes[..end], from)?;
        let short = short(bytes, begun, self.function)?;
        (is_within || short.recurs).then_some(begun)
    }
}

/// Tells `each` of the loops that are to be unrolled in a body whose code begins at `start`; up to the one that begins last.
///
/// What the interpreter cannot read to its end it refuses, whatever is changed before that.
fn find(
    bytes: &[u8],
    start: usize,
    last: usize,
    function: u32,
    mut each: impl FnMut(Range<usize>) -> Result<(), Error>,
) -> Result<(), Error> {
    // Whether each block that is open is a loop, and how many are.
    let (mut blocks, mut loops) = (Vec::new(), 0);
    let mut at = skip(bytes, start, last);
    while at <= last
        && let Some(end) = end_of(bytes, at)
    {
        match bytes[at] {
            kind @ (BLOCK | LOOP | IF) => {
                if kind == LOOP
                    && bytes[at + 1] == EMPTY
                    && let Some(short) = short(bytes, at, function)
                    && (loops > 0 || short.recurs)
                {
                    each(short.whole)?;
                }
                blocks.push(kind == LOOP);
                loops += u32::from(kind == LOOP);
            }
            END => {
                let Some(is_loop) = blocks.pop() else { break };
                loops -= u32::from(is_loop);
            }
            _ => {}
        }
        at = skip(bytes, end, last);
    }
    Ok(())
}

/// Where the next instruction begins that opens or ends a block, or takes more than a look; or something behind `last`.
fn skip(bytes: &[u8], at: usize, last: usize) -> usize {
    let mut at = at;
    while at <= last
        && let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk)
    {
        let short = SHORT[usize::from(word[0])];
        let is_otherwise = u32::from_le_bytes(*word) & short & !0xff != 0;
        if matches!(word[0], BLOCK | LOOP | IF | END) | is_otherwise | (short == 0) {
            break;
        }
        at += (short & 0xff) as usize;
    }
    at
}

/// The loop that begins at `start`, if its body is one that can be unrolled. Nothing has to be known of blocks within it:
/// whatever it must not have ends the search for its end.
fn short(bytes: &[u8], start: usize, function: u32) -> Option<Short> {
    let mut recurs = false;
    let mut at = start + 2;
    while at - start <= BODY_BYTES_MAX {
        let end = end_of(bytes, at)?;
        match bytes[at] {
            BR_IF => match bytes[at + 1..end] {
                [0] if bytes.get(end) == Some(&END) => return Some(Short { whole: start..end + 1, recurs }),
                // To what is around it. There will be a label more.
                [1..0x7e] => {}
                _ => return None,
            },
            CALL => recurs |= number(&bytes[at + 1..end]) == u64::from(function),
            // What opens or ends a block, branches or returns in another way, or leaves native stack behind, and what is so
            // rare that it may stand with those.
            0x00 | 0x02..=0x0f | 0x12..=0x15 | 0x40 | 0xfc => return None,
            _ => {}
        }
        at = end;
    }
    None
}

/// The number that these bytes are (core specification, 5.2.2).
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 7 | u64::from(byte & 0x7f))
}

/// What stands around the body of a loop: its opcode and type, and its end.
const AROUND: usize = 3;

/// How long is what stands instead of a loop with a body of so many bytes.
const fn unrolled_len(body: usize) -> usize {
    WITHIN * (body + 1) + body + 6
}

/// Writes what stands instead of a loop with this body.
fn unroll(mut body: Vec<u8>, out: &mut Vec<u8>) {
    // Without the `br_if` that it ends with.
    let round = body.len() - 2;
    out.extend([BLOCK, EMPTY]);
    // The block stands where the loop stood.
    out.extend_from_slice(&body[..round]);
    out.extend([I32_EQZ, BR_IF, 0, LOOP, EMPTY]);
    lower(&mut body);
    for _ in 1..WITHIN {
        out.extend_from_slice(&body[..round]);
        out.extend([I32_EQZ, BR_IF, 1]);
    }
    out.extend_from_slice(&body);
    out.extend([END, END]);
}

/// Says of branches to what is around the loop that there is a label more.
fn lower(body: &mut [u8]) {
    let mut at = 0;
    while let Some(end) = end_of(body, at) {
        if body[at] == BR_IF && body[at + 1] != 0 {
            body[at + 1] += 1;
        }
        at = end;
    }
}

#[cfg(test)]
mod tests;
