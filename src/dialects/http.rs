//! Requests that components handle, by the dialect that they export a handler of.

#[cfg(not(all(feature = "p2", feature = "p3")))]
mod absent;
#[cfg(feature = "p2")]
mod p2;
#[cfg(feature = "p3")]
mod p3;

#[cfg(not(feature = "p2"))]
use absent as p2;
#[cfg(not(feature = "p3"))]
use absent as p3;

use super::Data;
use crate::{
    Error,
    cap::http::Request,
    component::{Instance, Store},
    wasi::http::Answer,
};
use alloc::string::String;

/// The function by which a component handles requests, of the newest interface for that it exports.
pub(crate) fn handler(instance: &Instance) -> Option<String> {
    let exported = |known: &&str| instance.exports().any(|name| !known.is_empty() && name.starts_with(known));
    let found = [p3::HANDLER, p2::HANDLER].into_iter().find(|known| exported(known))?;
    let interface = instance.exports().find(|name| name.starts_with(found))?;
    Some([interface, "#handle"].concat())
}

/// Has a component handle `request` by its [`handler`], from the call to when nothing of it goes on. What it answers is
/// in `answer` as soon as it says so.
///
/// # Errors
///
/// When the handler is of another type, and when it traps.
pub(crate) async fn handle(
    store: &mut Store<Data>,
    instance: &Instance,
    handler: &str,
    request: Request,
    answer: &Answer,
) -> Result<(), Error> {
    if !p3::HANDLER.is_empty() && handler.starts_with(p3::HANDLER) {
        p3::handle(store, instance, handler, request, answer).await?;
    } else {
        p2::handle(store, instance, handler, request, answer).await?;
    }
    core::future::poll_fn(|cx| store.poll_rest(cx)).await
}
