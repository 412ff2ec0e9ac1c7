//! `wasi:io`: errors, pollables, streams.

use crate::{
    component::{Resource, ResourceTable, ResourceTableError},
    wasi::io::{Asked, InputStream, OutputStream},
};
use core::{
    fmt,
    task::{Context, Poll},
};

/// A resource that a guest can wait for.
pub trait Subscribe: Send + 'static {
    /// Waits until there is something to do with it, or to hear from it.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

impl Subscribe for InputStream {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Self::poll_ready(self, cx)
    }
}

impl Subscribe for OutputStream {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Self::poll_ready(self, cx)
    }
}

/// Something that a guest waits for: a point in time, or another resource of the same table.
pub struct Pollable(On);

enum On {
    Deadline(u64),
    Resource { rep: u32, poll: PollResource },
}

type PollResource = fn(&mut ResourceTable, u32, &mut Context<'_>) -> Result<Poll<()>, ResourceTableError>;

impl Pollable {
    /// Asks what this waits for, in the table that both are in.
    pub(super) fn ask(
        table: &mut ResourceTable,
        pollable: &Resource<Self>,
        cx: &mut Context<'_>,
    ) -> Result<Asked, ResourceTableError> {
        match table.get(pollable)?.0 {
            On::Deadline(deadline_ns) => Ok(Asked::At(deadline_ns)),
            On::Resource { rep, poll } => poll(table, rep, cx).map(Asked::from),
        }
    }
}

impl fmt::Debug for Pollable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            On::Deadline(deadline_ns) => f.debug_tuple("Deadline").field(&deadline_ns).finish(),
            On::Resource { rep, .. } => f.debug_tuple("Resource").field(&rep).finish(),
        }
    }
}

/// A pollable of `resource`, and a child of it: the resource cannot be dropped before it.
///
/// # Errors
///
/// When there is no such resource, or the table is full.
pub fn subscribe<R: Subscribe>(
    table: &mut ResourceTable,
    resource: &Resource<R>,
) -> Result<Resource<Pollable>, ResourceTableError> {
    table.get(resource)?;
    let poll: PollResource =
        |table, rep, cx| Ok(table.get_mut(&Resource::<R>::new_borrow(rep))?.poll_ready(cx));
    table.push_child(Pollable(On::Resource { rep: resource.rep(), poll }), resource)
}

/// A pollable of the monotonic clock reading `deadline_ns`.
///
/// # Errors
///
/// When the table is full.
pub fn subscribe_deadline(
    table: &mut ResourceTable,
    deadline_ns: u64,
) -> Result<Resource<Pollable>, ResourceTableError> {
    table.push(Pollable(On::Deadline(deadline_ns)))
}
