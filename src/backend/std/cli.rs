//! This process's standard streams, and any descriptor that can stand in for one.

use super::{
    error::errno_code,
    filesystem::check_room,
    ready::{Descriptor, Watched},
};
use crate::cap::{
    Code,
    cli::{InputStream, OutputStream},
};
use alloc::sync::Arc;
use core::{
    fmt,
    task::{Context, Poll},
};
use rustix::{
    event::PollFlags,
    fs::{FileType, OFlags, Stat, fcntl_getfl, fstat, tell},
    io::Errno,
};
use std::{
    io::IsTerminal,
    os::fd::{AsFd, OwnedFd},
    sync::{Mutex, OnceLock, PoisonError},
};

/// Bytes from a descriptor: a terminal, a pipe, a file. Byte for byte, and read no further than asked.
#[derive(Clone)]
pub struct Input(Arc<Watched>);

impl Input {
    /// This process's standard input.
    #[must_use]
    pub fn stdin() -> Self {
        static STDIN: OnceLock<Arc<Watched>> = OnceLock::new();
        Self(STDIN.get_or_init(|| Watched::new(Descriptor::Stdin, PollFlags::IN)).clone())
    }

    /// A descriptor that can be read.
    #[must_use]
    pub fn from_fd(descriptor: impl Into<OwnedFd>) -> Self {
        Self(Watched::new(Descriptor::Owned(descriptor.into()), PollFlags::IN))
    }
}

impl InputStream for Input {
    fn poll_read(&self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<Result<usize, Code>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let turn = self.0.turn();
        while self.0.is_ready() {
            match rustix::io::read(&self.0.descriptor, &mut *bytes) {
                Ok(count) => return Poll::Ready(Ok(count)),
                Err(Errno::INTR) => {}
                // Somebody outside this process was faster.
                Err(Errno::AGAIN) => break,
                Err(errno) => return Poll::Ready(Err(errno_code(errno))),
            }
        }
        drop(turn);
        // Ready at once only where no thread can be had; then the next poll reads.
        if self.0.poll_wait(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<u64> {
        let count = || rustix::io::ioctl_fionread(&self.0.descriptor).unwrap_or(0);
        self.0.poll_ready(cx).map(|()| count())
    }

    fn is_terminal(&self) -> bool {
        self.0.descriptor.as_fd().is_terminal()
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("is_terminal", &self.is_terminal()).finish_non_exhaustive()
    }
}

/// Bytes to a descriptor: a terminal, a pipe, a file. Byte for byte and unbuffered: what is written has
/// left this process, in order, also when the guest ends in a trap.
///
/// A reader that is slow makes the guest wait and not the thread: pipes and terminals are written to
/// only when they say they have room. (That needs `SIGPIPE` ignored, as Rust programs have it.)
#[derive(Clone)]
pub struct Output {
    watched: Arc<Watched>,
    /// Whether it never blocks, and can have everything at once.
    is_file: bool,
    filter: Option<Arc<Mutex<Filter>>>,
}

/// What any pipe that is writable takes without blocking (POSIX `PIPE_BUF` on Linux; 512 elsewhere at
/// least, where a longer write may block for as long as the reader takes).
const CHUNK_BYTES: usize = 4_096;

impl Output {
    /// This process's standard output.
    #[must_use]
    pub fn stdout() -> Self {
        static STDOUT: OnceLock<Arc<Watched>> = OnceLock::new();
        let watched = STDOUT.get_or_init(|| Watched::new(Descriptor::Stdout, PollFlags::OUT)).clone();
        Self::new(watched)
    }

    /// This process's standard error.
    #[must_use]
    pub fn stderr() -> Self {
        static STDERR: OnceLock<Arc<Watched>> = OnceLock::new();
        let watched = STDERR.get_or_init(|| Watched::new(Descriptor::Stderr, PollFlags::OUT)).clone();
        Self::new(watched)
    }

    /// A descriptor that can be written.
    #[must_use]
    pub fn from_fd(descriptor: impl Into<OwnedFd>) -> Self {
        Self::new(Watched::new(Descriptor::Owned(descriptor.into()), PollFlags::OUT))
    }

    fn new(watched: Arc<Watched>) -> Self {
        let is_file = |stat: Stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        let is_file = fstat(&watched.descriptor).is_ok_and(is_file);
        Self { watched, is_file, filter: None }
    }

    /// Where this is a terminal, replaces control characters by `?`, all but tab, line feed and carriage
    /// return, so that a guest cannot drive the terminal of who watches it. What is no terminal still
    /// gets every byte as it is.
    #[must_use]
    pub fn filter_terminal(mut self) -> Self {
        self.filter = self.is_terminal().then(Arc::default);
        self
    }

    /// Where the next byte goes in a file.
    fn place(&self) -> Result<u64, Code> {
        let file = &self.watched.descriptor;
        let appends = fcntl_getfl(file).map_err(errno_code)?.contains(OFlags::APPEND);
        let place = if appends { fstat(file).map(|stat| stat.st_size as u64) } else { tell(file) };
        place.map_err(errno_code)
    }

    /// Writes one chunk, as the filter has it.
    fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        if self.is_file && check_room(|| self.place()) == Err(Code::FileTooLarge) {
            return Err(Errno::FBIG);
        }
        let Some(filter) = &self.filter else { return rustix::io::write(&self.watched.descriptor, bytes) };
        let mut filter = filter.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut filtered, mut ahead) = ([0; CHUNK_BYTES], filter.clone());
        let length = bytes.len().min(filtered.len());
        for (to, &from) in filtered.iter_mut().zip(bytes) {
            *to = ahead.pass(from);
        }
        let count = rustix::io::write(&self.watched.descriptor, &filtered[..length])?;
        for &byte in &bytes[..count] {
            filter.pass(byte);
        }
        Ok(count)
    }
}

impl OutputStream for Output {
    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let turn = self.watched.turn();
        let chunk_bytes = if self.is_file { usize::MAX } else { CHUNK_BYTES };
        let mut written = 0;
        while written < bytes.len() && (self.is_file || self.watched.is_ready()) {
            let length = (bytes.len() - written).min(chunk_bytes);
            match self.write(&bytes[written..written + length]) {
                Ok(0) => return Poll::Ready(if written > 0 { Ok(written) } else { Err(Code::Io) }),
                Ok(count) => written += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                // Says so again when the rest is written.
                Err(_) if written > 0 => break,
                Err(errno) => return Poll::Ready(Err(errno_code(errno))),
            }
        }
        drop(turn);
        if written > 0 {
            return Poll::Ready(Ok(written));
        }
        if self.watched.poll_wait(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// At once: nothing is held back here.
    fn poll_flush(&self, _: &mut Context<'_>) -> Poll<Result<(), Code>> {
        Poll::Ready(Ok(()))
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<u64> {
        self.watched.poll_ready(cx).map(|()| CHUNK_BYTES as u64)
    }

    fn is_terminal(&self) -> bool {
        self.watched.descriptor.as_fd().is_terminal()
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("is_terminal", &self.is_terminal()).finish_non_exhaustive()
    }
}

/// Replaces control characters byte for byte, so that a write's count stays what the guest gave.
///
/// C0 and DEL are bytes of their own. C1 (U+0080 to U+009F, CSI among them) are the two bytes `c2 80` to
/// `c2 9f` in UTF-8, of which the second is replaced, or one byte where no character goes on.
#[derive(Clone, Default)]
struct Filter {
    /// How many bytes of a character are still to come.
    continuing: u8,
    /// The last byte was 0xc2.
    may_be_control: bool,
}

impl Filter {
    fn pass(&mut self, byte: u8) -> u8 {
        let (goes_on, may_be_control) = (self.continuing > 0, self.may_be_control);
        self.may_be_control = byte == 0xc2;
        self.continuing = match byte {
            0x80..=0xbf => self.continuing.saturating_sub(1),
            0xc2..=0xdf => 1,
            0xe0..=0xef => 2,
            0xf0..=0xf4 => 3,
            _ => 0,
        };
        match byte {
            b'\t' | b'\n' | b'\r' => byte,
            0..=0x1f | 0x7f => b'?',
            // `c2 bf` is an inverted question mark.
            0x80..=0x9f if may_be_control => 0xbf,
            0x80..=0x9f if !goes_on => b'?',
            _ => byte,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn filtered(bytes: &[u8]) -> Vec<u8> {
        let mut filter = Filter::default();
        bytes.iter().map(|&byte| filter.pass(byte)).collect()
    }

    ///
    #[test]
    fn a_guest_cannot_drive_the_terminal() {
        assert_eq!(filtered(b"\x1b[2J\x07\x08\x7f\0a\tb\r\n"), b"?[2J????a\tb\r\n");
        assert_eq!(filtered("\u{9b}2J\u{9d}0;title\u{9c}".as_bytes()), "¿2J¿0;title¿".as_bytes());
        assert_eq!(filtered(b"\x9b2J"), b"?2J");
        let text = "größe, 漢字, 🦀, \u{a0}, \u{10ffff}, ¿";
        assert_eq!(filtered(text.as_bytes()), text.as_bytes());
        for byte in 0..=u8::MAX {
            for lead in [b"".as_slice(), b"\xe2", b"\xf0\x9f", b"\xc2", b"\xff"] {
                let out = filtered(&[lead, &[0x1b, byte, b'[', 0x1b]].concat());
                assert!(!out.contains(&0x1b), "{byte:#x} after {lead:x?}");
            }
        }
    }
}
