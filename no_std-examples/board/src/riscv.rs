//! QEMU `virt` with riscv32: an NS16550 UART, SiFive's test device to stop, and start-up code, since no
//! runtime crate is needed for one hart without interrupts.

use core::arch::{asm, global_asm};

/// What this board is called.
pub const NAME: &str = "riscv (riscv32imac, virt)";

const UART_THR: *mut u8 = 0x1000_0000 as *mut u8;
const UART_LSR: *const u8 = 0x1000_0005 as *const u8;
const UART_RBR: *const u8 = 0x1000_0000 as *const u8;
const LSR_RX_READY: u8 = 1 << 0;
const LSR_TX_EMPTY: u8 = 1 << 5;

/// Nothing to do: QEMU's UART sends at once, whatever its divisor.
pub(crate) fn uart_init() {}

pub(crate) fn uart_send(byte: u8) {
    // SAFETY: the registers of this board's UART, which only this file touches.
    unsafe {
        while UART_LSR.read_volatile() & LSR_TX_EMPTY == 0 {}
        UART_THR.write_volatile(byte);
    }
}

pub(crate) fn uart_receive() -> Option<u8> {
    // SAFETY: as in `uart_send`.
    unsafe { (UART_LSR.read_volatile() & LSR_RX_READY != 0).then(|| UART_RBR.read_volatile()) }
}

unsafe extern "C" {
    static _stack_start: u32;
    static _stack_end: u32;
}

pub(crate) fn stack_top() -> usize {
    (&raw const _stack_start) as usize
}

pub(crate) fn stack_bottom() -> usize {
    (&raw const _stack_end) as usize
}

pub(crate) fn stack_pointer() -> usize {
    let sp: usize;
    // SAFETY: only reads a register.
    unsafe { asm!("mv {}, sp", out(reg) sp, options(nomem, nostack, preserves_flags)) };
    sp
}

/// Stops the machine with an exit code.
pub fn exit(code: u32) -> ! {
    const FINISHER: *mut u32 = 0x0010_0000 as *mut u32;
    const PASS: u32 = 0x5555;
    const FAIL: u32 = 0x3333;
    loop {
        // SAFETY: the register of the test device, which ends QEMU.
        unsafe { FINISHER.write_volatile(if code == 0 { PASS } else { code << 16 | FAIL }) };
    }
}

// After reset: a trap vector; a locked entry of the physical memory protection that makes the 4 KiB below
// the stack untouchable, even in machine mode; then what every C runtime does.
global_asm!(
    ".section .text.start, \"ax\"",
    ".global _start",
    "_start:",
    ".option push",
    ".option norelax",
    "la gp, __global_pointer$",
    ".option pop",
    "la sp, _stack_start",
    "la t0, board_trap_entry",
    "csrw mtvec, t0",
    "la t0, _stack_guard",
    "srli t0, t0, 2",
    "ori t0, t0, 0x1ff", // NAPOT, 4 KiB
    "csrw pmpaddr0, t0",
    "li t0, 0x98", // locked, NAPOT, no access
    "csrw pmpcfg0, t0",
    "la t0, _sbss",
    "la t1, _ebss",
    "1: bgeu t0, t1, 2f",
    "sw zero, 0(t0)",
    "addi t0, t0, 4",
    "j 1b",
    "2: la t0, _sdata",
    "la t1, _edata",
    "la t2, _sidata",
    "3: bgeu t0, t1, 4f",
    "lw t3, 0(t2)",
    "sw t3, 0(t0)",
    "addi t0, t0, 4",
    "addi t2, t2, 4",
    "j 3b",
    "4: call {start}",
    ".balign 4",
    "board_trap_entry:",
    "la sp, _stack_start", // nothing returns from here, and the stack may be what is full
    "csrr a0, mcause",
    "csrr a1, mepc",
    "csrr a2, mtval",
    "call {trap}",
    start = sym start,
    trap = sym trap,
);

extern "C" fn start() -> ! {
    crate::start()
}

extern "C" fn trap(cause: usize, pc: usize, value: usize) -> ! {
    const LOAD_ACCESS_FAULT: usize = 5;
    const STORE_ACCESS_FAULT: usize = 7;
    let guard = stack_bottom() - 4096..stack_bottom();
    match cause {
        LOAD_ACCESS_FAULT | STORE_ACCESS_FAULT if guard.contains(&value) => {
            crate::fault("stack overflow", pc)
        }
        LOAD_ACCESS_FAULT | STORE_ACCESS_FAULT => crate::fault("access", pc),
        _ => crate::fault("trap", pc),
    }
}
