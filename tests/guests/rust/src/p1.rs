//! The few WASI 0.1 functions that the `no_std` guests call, declared by hand, and what wraps them.
#![allow(dead_code, reason = "each guest uses its part")]

use core::fmt;

#[repr(C)]
struct Ciovec {
    buf: *const u8,
    buf_len: usize,
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn fd_write(fd: u32, iovs: *const Ciovec, iovs_len: usize, written: *mut usize) -> u32;
    fn args_sizes_get(count: *mut usize, bytes: *mut usize) -> u32;
    fn args_get(argv: *mut *mut u8, bytes: *mut u8) -> u32;
    fn proc_exit(code: u32) -> !;
}

/// Standard output without a buffer. Errors are dropped: there is nowhere to tell them.
pub struct Stdout;

impl fmt::Write for Stdout {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let iov = Ciovec { buf: rest.as_ptr(), buf_len: rest.len() };
            let mut written = 0;
            // SAFETY: both pointers are to live locals, `iov` describes `rest`.
            let code = unsafe { fd_write(1, &iov, 1, &mut written) };
            if code != 0 || written == 0 || written > rest.len() {
                return Err(fmt::Error);
            }
            rest = &rest[written..];
        }
        Ok(())
    }
}

/// Where the arguments are kept: up to 8 of them, 256 bytes in all.
pub struct Args {
    count: usize,
    at: [*mut u8; 8],
    bytes: [u8; 256],
}

impl Args {
    pub const fn new() -> Self {
        Self { count: 0, at: [core::ptr::null_mut(); 8], bytes: [0; 256] }
    }

    /// Reads the arguments; there are none where they don't fit.
    pub fn read(&mut self) {
        let (mut count, mut bytes) = (0, 0);
        // SAFETY: the sizes are checked against the arrays before the host fills them.
        unsafe {
            if args_sizes_get(&mut count, &mut bytes) == 0
                && count <= self.at.len()
                && bytes <= self.bytes.len()
                && args_get(self.at.as_mut_ptr(), self.bytes.as_mut_ptr()) == 0
            {
                self.count = count;
            }
        }
    }

    pub fn get(&self, index: usize) -> Option<&str> {
        let at = *self.at.get(..self.count)?.get(index)?;
        let start = (at as usize).checked_sub(self.bytes.as_ptr() as usize)?;
        let rest = self.bytes.get(start..)?;
        let end = rest.iter().position(|&byte| byte == 0)?;
        core::str::from_utf8(&rest[..end]).ok()
    }
}

pub fn exit(code: u32) -> ! {
    // SAFETY: takes no memory.
    unsafe { proc_exit(code) }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}
