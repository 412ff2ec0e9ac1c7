//! What programs print while they serve: lines in the log, each with the app before it.

use crate::serve::log::Log;
use std::{
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};
use wasmote::cap::{Code, cli::OutputStream};

/// A stream that is cut into lines. All instances of an app share it, so what they write at once without ending their
/// lines may share a line.
pub struct Lines {
    prefix: String,
    log: Log,
    begun: Mutex<Vec<u8>>,
}

/// Where a line is cut that does not end.
const LINE_BYTES_MAX: usize = 4 << 10;

/// How much is taken at once.
const TAKEN_MAX: usize = 16 << 10;

impl Lines {
    pub fn new(app: &str, stream: &str, log: Log) -> Self {
        Self { prefix: format!("{app} {stream}:"), log, begun: Mutex::default() }
    }

    fn line(&self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        self.log.event(&format!("{} {}", self.prefix, text.trim_end_matches('\r')));
    }
}

impl OutputStream for Lines {
    fn poll_write(&self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        let bytes = &bytes[..bytes.len().min(TAKEN_MAX)];
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            for part in part.chunks(LINE_BYTES_MAX) {
                begun.extend_from_slice(part);
                if begun.last() == Some(&b'\n') {
                    begun.pop();
                } else if begun.len() < LINE_BYTES_MAX {
                    continue;
                }
                self.line(&begun);
                begun.clear();
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(&self, _: &mut Context<'_>) -> Poll<Result<(), Code>> {
        Poll::Ready(Ok(()))
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<u64> {
        Poll::Ready(TAKEN_MAX as u64)
    }
}
