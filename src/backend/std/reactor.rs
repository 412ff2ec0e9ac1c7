//! The tokio reactor of this backend: one thread, started when it is first needed.
//!
//! Why not the embedder's runtime: there may be none, a guest runs under any executor; and what outlives a guest (a
//! kept connection) must not depend on a runtime that may end before it.

use core::future::pending;
use std::{
    io,
    sync::{Mutex, PoisonError},
    thread,
};
use tokio::runtime::{Builder, Handle};

/// The reactor. Whatever is spawned on it must not block.
pub(super) fn reactor() -> io::Result<Handle> {
    static REACTOR: Mutex<Option<Handle>> = Mutex::new(None);
    let mut reactor = REACTOR.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*reactor {
        return Ok(handle.clone());
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new().name("wasmote-net".into()).spawn(move || runtime.block_on(pending::<()>()))?;
    *reactor = Some(handle.clone());
    Ok(handle)
}
