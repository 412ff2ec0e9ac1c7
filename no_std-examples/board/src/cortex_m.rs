//! QEMU `mps2-an386`: a Cortex-M4, a CMSDK UART, semihosting to stop.

use core::arch::asm;

/// What this board is called.
pub const NAME: &str = "cortex-m (thumbv7em, mps2-an386)";

const UART_DATA: *mut u32 = 0x4000_4000 as *mut u32;
const UART_STATE: *const u32 = 0x4000_4004 as *const u32;
const UART_CTRL: *mut u32 = 0x4000_4008 as *mut u32;
const UART_BAUDDIV: *mut u32 = 0x4000_4010 as *mut u32;
const STATE_TX_FULL: u32 = 1 << 0;
const STATE_RX_FULL: u32 = 1 << 1;
const CTRL_TX_ENABLE: u32 = 1 << 0;
const CTRL_RX_ENABLE: u32 = 1 << 1;

pub(crate) fn uart_init() {
    // SAFETY: the registers of this board's first UART, which only this file touches.
    unsafe {
        UART_BAUDDIV.write_volatile(16);
        UART_CTRL.write_volatile(CTRL_TX_ENABLE | CTRL_RX_ENABLE);
    }
}

pub(crate) fn uart_send(byte: u8) {
    // SAFETY: as in `uart_init`.
    unsafe {
        while UART_STATE.read_volatile() & STATE_TX_FULL != 0 {}
        UART_DATA.write_volatile(byte.into());
    }
}

pub(crate) fn uart_receive() -> Option<u8> {
    // SAFETY: as in `uart_init`.
    unsafe { (UART_STATE.read_volatile() & STATE_RX_FULL != 0).then(|| UART_DATA.read_volatile() as u8) }
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
    unsafe { asm!("mov {}, sp", out(reg) sp, options(nomem, nostack, preserves_flags)) };
    sp
}

/// Stops the machine with an exit code.
pub fn exit(code: u32) -> ! {
    const SYS_EXIT_EXTENDED: u32 = 0x20;
    const ADP_STOPPED_APPLICATION_EXIT: u32 = 0x20026;
    let block = [ADP_STOPPED_APPLICATION_EXIT, code];
    loop {
        // SAFETY: a semihosting call as its specification has it: the operation in r0, a block that lives in r1.
        unsafe {
            asm!("bkpt 0xab", inout("r0") SYS_EXIT_EXTENDED => _, in("r1") &raw const block, options(nostack))
        };
    }
}

/// What `cortex-m-rt` calls after it has set up memory.
// SAFETY: `cortex-m-rt` declares `main` with this type, and this is the only one.
#[unsafe(export_name = "main")]
extern "C" fn main() -> ! {
    crate::start()
}

/// What `cortex-m-rt` calls on a fault. Where the fault is that the stack is full, the processor cannot
/// even come here: it locks up, and QEMU ends with an error.
#[cortex_m_rt::exception]
unsafe fn HardFault(frame: &cortex_m_rt::ExceptionFrame) -> ! {
    crate::fault("HardFault", frame.pc() as usize)
}
