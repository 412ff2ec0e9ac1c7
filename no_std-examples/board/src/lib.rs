//! What the examples need of a board, and nothing of wasmote: a console, a heap that counts, a stack that
//! is painted, and an exit code. Porting the examples to another board is writing one file like
//! `cortex_m.rs`: where its UART is, how it stops, and where its stack lies.
//!
//! All the `unsafe` code of the examples is here.

#![no_std]

pub mod console;
pub mod heap;
pub mod stack;

#[cfg(target_arch = "arm")]
#[path = "cortex_m.rs"]
mod chip;
#[cfg(target_arch = "riscv32")]
#[path = "riscv.rs"]
mod chip;

pub use chip::{NAME, exit};

/// Names the function that a firmware runs after reset. What it returns is the exit code.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        // SAFETY: the one definition of this symbol; `board::start` declares it with this type.
        #[unsafe(no_mangle)]
        fn board_main() -> u32 {
            $main()
        }
    };
}

/// Runs after the memory is set up and before anything of the example.
fn start() -> ! {
    unsafe extern "Rust" {
        safe fn board_main() -> u32;
    }
    stack::paint();
    heap::init();
    console::init();
    exit(board_main())
}

/// The exit code of a firmware that panicked.
const EXIT_PANIC: u32 = 101;

/// The exit code of a firmware that ran into a hardware fault, such as the end of its stack.
const EXIT_FAULT: u32 = 102;

/// A hardware fault: says so and stops.
fn fault(what: &str, at: usize) -> ! {
    println!("hardware fault: {what} at {at:#010x}");
    exit(EXIT_FAULT)
}

/// Says where, and not what: with the messages go the tables that format every type they mention, an eighth of the
/// flash. What an error says is a value, and stays.
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    if let Some(at) = info.location() {
        println!("panicked at {}:{}", at.file(), at.line());
    }
    exit(EXIT_PANIC)
}
