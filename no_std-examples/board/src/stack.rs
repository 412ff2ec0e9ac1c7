//! How deep the native stack has been: it is painted, and what is no longer paint was used.
//!
//! Both boards have a guard below the stack, so going past its end is a fault and not a silent overwrite.

use crate::chip;

const PAINT: u32 = 0xC5C5_C5C5;

/// Left alone below the stack pointer while painting, for the frames of the painter itself.
const MARGIN_BYTES: usize = 256;

/// Bytes that the linker script gives the stack.
#[must_use]
pub fn size() -> usize {
    chip::stack_top() - chip::stack_bottom()
}

/// Paints all that is free now. [`peak`] then counts from here.
#[inline(never)]
pub fn paint() {
    let mut word = chip::stack_bottom();
    let end = chip::stack_pointer() - MARGIN_BYTES;
    while word < end {
        // SAFETY: between the stack's bottom and well below the stack pointer, where no frame is: no
        // interrupt is enabled, and this loop calls nothing. Aligned, as the linker script is.
        unsafe { (word as *mut u32).write_volatile(PAINT) };
        word += 4;
    }
}

/// The most bytes of stack that were in use at once since [`paint`], or somewhat less than
/// `MARGIN_BYTES` below where it was called if nothing went deeper.
#[inline(never)]
#[must_use]
pub fn peak() -> usize {
    let mut word = chip::stack_bottom();
    // SAFETY: within the stack's memory, which was painted at start and is aligned.
    while word < chip::stack_top() && unsafe { (word as *const u32).read_volatile() } == PAINT {
        word += 4;
    }
    chip::stack_top() - word
}
