//! The signal that would end this program where a call can say what is wrong.

use rustix::process::{Resource, Signal, getrlimit};
use std::io;
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};

/// Where this process may have no file longer than so much (`ulimit -f`), lets a write past it fail with an error: a trace
/// that gets too long, a log, a bundle. By itself the platform would end the process at it, with all its guests (`SIGXFSZ`).
pub fn survive_long_files() {
    // Otherwise there is nothing to survive, and starting stays as quick as it is.
    if getrlimit(Resource::Fsize).current.is_some() {
        // Where it fails, the program does what it can.
        _ = handle(SignalKind::from_raw(Signal::XFSZ.as_raw()));
    }
}

/// Takes over what the platform does at a signal, for as long as this process lives: the handler stays when the runtime
/// that it is made in is gone. Unlike a signal that is ignored, it is not handed on to programs that this one starts.
fn handle(kind: SignalKind) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let _entered = runtime.enter();
    signal(kind).map(drop)
}
