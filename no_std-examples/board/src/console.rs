//! The board's UART, as a place to print to.

use crate::chip;
use core::fmt;

/// Sends bytes, waiting for the UART to take each.
pub fn write(bytes: &[u8]) {
    bytes.iter().for_each(|&byte| chip::uart_send(byte));
}

/// A byte that has come, if one has.
#[must_use]
pub fn read() -> Option<u8> {
    chip::uart_receive()
}

/// Formats to the UART, a newline at the end.
#[macro_export]
macro_rules! println {
    ($($arg:tt)*) => { $crate::console::line(::core::format_args!($($arg)*)) };
}

#[doc(hidden)]
pub fn line(text: fmt::Arguments<'_>) {
    // A UART takes everything: writing cannot fail.
    let _ = fmt::write(&mut Uart, text);
    write(b"\n");
}

pub(crate) fn init() {
    chip::uart_init();
}

struct Uart;

impl fmt::Write for Uart {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write(text.as_bytes());
        Ok(())
    }
}
