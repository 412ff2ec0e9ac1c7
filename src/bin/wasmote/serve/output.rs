//! What programs print while they serve: lines in the log, each with the app before it.

use crate::serve::{log::Log, share::Share};
use std::{
    mem::take,
    sync::{Mutex, PoisonError},
    task::{Context, Poll, ready},
};
use wasmote::cap::{Code, cli::OutputStream};

/// A stream that is cut into lines. All instances of an app share it, so what they write at once without ending their
/// lines may share a line.
pub struct Lines {
    prefix: String,
    log: Log,
    share: Share,
    begun: Mutex<Vec<u8>>,
}

/// Where a line is cut that does not end.
const LINE_BYTES_MAX: usize = 4 << 10;

/// How much is taken at once: a line costs more than its bytes, and a guest pays by the call and by the byte.
const TAKEN_BYTES_MAX: usize = 16 << 10;
const TAKEN_LINES_MAX: usize = 64;

impl Lines {
    pub fn new(app: &str, stream: &str, log: Log) -> Self {
        Self { prefix: format!("{app} {stream}:"), log, share: Share::default(), begun: Mutex::default() }
    }

    /// Takes some of `bytes`: how many, and the lines that end with them.
    fn take(&self, bytes: &[u8]) -> (usize, Vec<Vec<u8>>) {
        let bytes = &bytes[..bytes.len().min(TAKEN_BYTES_MAX)];
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut taken, mut lines) = (0, Vec::new());
        while taken < bytes.len() && lines.len() < TAKEN_LINES_MAX {
            let rest = &bytes[taken..];
            let rest = &rest[..rest.len().min(LINE_BYTES_MAX - begun.len())];
            let end = rest.iter().position(|byte| *byte == b'\n');
            begun.extend_from_slice(&rest[..end.unwrap_or(rest.len())]);
            taken += end.map_or(rest.len(), |end| end + 1);
            if end.is_some() || begun.len() == LINE_BYTES_MAX {
                lines.push(take(&mut *begun));
            }
        }
        (taken, lines)
    }
}

/// What is told of an app, again and again if it likes: its share of the log is not the server's.
#[derive(Clone)]
pub struct Told {
    prefix: String,
    log: Log,
    share: Share,
}

impl Told {
    pub fn new(prefix: &str, log: Log) -> Self {
        Self { prefix: prefix.into(), log, share: Share::default() }
    }

    /// Tells it, if there is room.
    pub fn tell(&self, line: &str) {
        match self.share.has_room() {
            true => self.log.printed(&self.prefix, &[line.into()], &self.share),
            false => self.log.dropped(1),
        }
    }
}

impl OutputStream for Lines {
    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        let has_room = ready!(self.share.poll_room(cx));
        let (taken, lines) = self.take(bytes);
        match lines.len() {
            0 => {}
            _ if has_room => self.log.printed(&self.prefix, &lines, &self.share),
            count => self.log.dropped(count),
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(&self, _: &mut Context<'_>) -> Poll<Result<(), Code>> {
        Poll::Ready(Ok(()))
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<u64> {
        self.share.poll_room(cx).map(|_| TAKEN_BYTES_MAX as u64)
    }
}
