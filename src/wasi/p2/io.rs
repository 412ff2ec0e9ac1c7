//! `wasi:io`: errors, pollables, streams.

use super::{
    State,
    bindings::io::{
        error, poll,
        streams::{self, HostInputStream, HostOutputStream, StreamError},
    },
};
use crate::{
    Trap,
    component::{Access, Resource, ResourceTable, ResourceTableError},
    engine::Fault,
    wasi::{
        io::{self, Asked, InputStream, OutputStream, poll_any},
        price,
    },
};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::{
    fmt,
    task::{Context, Poll, Waker, ready},
};

/// A resource that a guest can wait for.
pub trait Subscribe: Send + 'static {
    /// Waits until there is something to do with it, or to hear from it.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// When to ask again at the latest, on the monotonic clock, while it is not ready.
    fn deadline_ns(&self) -> Option<u64> {
        None
    }
}

impl Subscribe for InputStream {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Self::poll_ready(self, cx)
    }

    fn deadline_ns(&self) -> Option<u64> {
        Self::deadline_ns(self)
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

type PollResource = fn(&mut ResourceTable, u32, &mut Context<'_>) -> Result<Asked, ResourceTableError>;

impl Pollable {
    /// Whether it waits for something that has to be asked, and not for a point in time.
    fn is_of_resource(table: &ResourceTable, pollable: &Resource<Self>) -> bool {
        table.get(pollable).is_ok_and(|pollable| matches!(pollable.0, On::Resource { .. }))
    }

    /// Asks what this waits for, in the table that both are in.
    fn ask(
        table: &mut ResourceTable,
        pollable: &Resource<Self>,
        cx: &mut Context<'_>,
    ) -> Result<Asked, ResourceTableError> {
        match table.get(pollable)?.0 {
            On::Deadline(deadline_ns) => Ok(Asked::At(deadline_ns)),
            On::Resource { rep, poll } => poll(table, rep, cx),
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
    let poll: PollResource = |table, rep, cx| {
        let resource = table.get_mut(&Resource::<R>::new_borrow(rep))?;
        let polled = resource.poll_ready(cx);
        let deadline = resource.deadline_ns().filter(|_| polled.is_pending());
        Ok(deadline.map_or(polled.into(), Asked::At))
    };
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

impl State {
    /// What a guest is told of how an operation on a stream ended.
    fn told<R>(&mut self, result: Result<R, io::StreamError>) -> Result<Result<R, StreamError>, Fault> {
        Ok(match result {
            Ok(value) => Ok(value),
            Err(io::StreamError::Closed) => Err(StreamError::Closed),
            Err(io::StreamError::Failed(error)) => {
                Err(StreamError::LastOperationFailed(self.table.push(error)?))
            }
            Err(io::StreamError::NotPermitted) => return Err(EXCESS.into()),
        })
    }

    /// What a call took that does not wait: to ask, where nothing came of it.
    fn asked<R: PartialEq>(&self, result: &Result<R, io::StreamError>, nothing: &R) {
        if result.as_ref().is_ok_and(|result| result == nothing) {
            self.tab.owe(price::SUBSCRIPTION);
        }
    }

    /// The table, and room for a read of `length` bytes, or of less where that is a lot: it is the guest that says
    /// how long.
    pub(super) fn table_and_buffer(&mut self, length: u64) -> (&mut ResourceTable, &mut [u8]) {
        let most = READ_BYTES_MAX.min(self.limits.host_call_bytes as usize / 2);
        let length = usize::try_from(length).map_or(most, |length| length.min(most));
        if self.buffer.len() < length {
            self.buffer.resize(length, 0);
        }
        (&mut self.table, &mut self.buffer[..length])
    }

    /// Works on both ends of a splice at once, which are in the same table.
    fn splice_with<R>(
        &mut self,
        output: &Resource<OutputStream>,
        input: &Resource<InputStream>,
        splice: impl FnOnce(&mut OutputStream, &mut InputStream) -> R,
    ) -> Result<R, Fault> {
        let mut source = core::mem::take(self.table.get_mut(input)?);
        let result = self.table.get_mut(output).map(|output| splice(output, &mut source));
        *self.table.get_mut(input)? = source;
        Ok(result?)
    }

    /// Waits for what `ask` asks of `input`: no longer than until that is to be asked again.
    fn poll_input<R>(
        &mut self,
        cx: &mut Context<'_>,
        input: &Resource<InputStream>,
        mut ask: impl FnMut(&mut Self, &mut Context<'_>) -> Result<Poll<R>, Fault>,
    ) -> Result<Poll<R>, Fault> {
        let polled = ask(self, cx)?;
        let deadline_ns = self.table.get(input)?.deadline_ns().filter(|_| polled.is_pending());
        match deadline_ns {
            Some(deadline_ns) if self.grants.clocks.poll_until(cx, deadline_ns).is_ready() => ask(self, cx),
            _ => Ok(polled),
        }
    }
}

impl error::Host for State {}

impl error::HostError for State {
    fn to_debug_string(&mut self, this: Resource<io::Error>) -> Result<String, Fault> {
        Ok(self.table.get(&this)?.to_string())
    }

    fn drop(&mut self, this: Resource<io::Error>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl poll::Host for State {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        in_: &mut Vec<Resource<Pollable>>,
    ) -> Poll<Result<Vec<u32>, Fault>> {
        let count = u32::try_from(in_.len()).unwrap_or(u32::MAX);
        if count == 0 {
            return Poll::Ready(Err(NOTHING_POLLED.into()));
        }
        if count > self.limits.poll_subscriptions {
            return Poll::Ready(Err(TOO_MUCH_POLLED.into()));
        }
        let Self { table, grants, tab, .. } = self;
        let ask = |index: u32, cx: &mut Context<'_>| Pollable::ask(table, &in_[index as usize], cx);
        let polled = ready!(poll_any(&*grants.clocks, cx, count, ask));
        // Once, however often it was asked: how often depends on who wakes it.
        let asked = in_.iter().filter(|pollable| Pollable::is_of_resource(table, pollable)).count();
        tab.owe_each(price::SUBSCRIPTION, asked as u64);
        Poll::Ready(polled.map_err(Fault::from))
    }
}

impl poll::HostPollable for State {
    fn ready(&mut self, cx: &mut Context<'_>, this: &mut Resource<Pollable>) -> Poll<Result<bool, Fault>> {
        if Pollable::is_of_resource(&self.table, this) {
            self.tab.owe(price::SUBSCRIPTION);
        }
        Poll::Ready(Ok(match Pollable::ask(&mut self.table, this, cx)? {
            Asked::Ready => true,
            Asked::NotYet => false,
            Asked::At(deadline_ns) => self.grants.clocks.monotonic_now_ns() >= deadline_ns,
        }))
    }

    fn block(&mut self, cx: &mut Context<'_>, this: &mut Resource<Pollable>) -> Poll<Result<(), Fault>> {
        let Self { table, grants, tab, .. } = self;
        let ask = |_, cx: &mut Context<'_>| Pollable::ask(table, this, cx);
        let polled = ready!(poll_any(&*grants.clocks, cx, 1, ask));
        tab.owe_each(price::SUBSCRIPTION, u64::from(Pollable::is_of_resource(table, this)));
        Poll::Ready(polled.map(drop).map_err(Fault::from))
    }

    fn drop(&mut self, this: Resource<Pollable>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl streams::Host for State {}

impl HostInputStream for State {
    fn read(
        &mut self,
        cx: &mut Context<'_>,
        this: &mut Resource<InputStream>,
        len: &mut u64,
    ) -> Poll<Result<Result<Vec<u8>, StreamError>, Fault>> {
        let (table, buffer) = self.table_and_buffer(*len);
        let read = table.get_mut(this)?.read(cx, buffer).map(|count| taken(buffer, count));
        self.asked(&read, &Vec::new());
        Poll::Ready(self.told(read))
    }

    fn blocking_read(
        &mut self,
        cx: &mut Context<'_>,
        this: &mut Resource<InputStream>,
        len: &mut u64,
    ) -> Poll<Result<Result<Vec<u8>, StreamError>, Fault>> {
        let read = self.poll_input(cx, this, |state, cx| {
            let (table, buffer) = state.table_and_buffer(*len);
            let read = table.get_mut(this)?.poll_read(cx, buffer);
            Ok(read.map_ok(|count| taken(buffer, count)))
        })?;
        Poll::Ready(self.told(ready!(read)))
    }

    fn skip<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        cx: &mut Context<'_>,
        this: &mut Resource<InputStream>,
        len: &mut u64,
    ) -> Poll<Result<Result<u64, StreamError>, Fault>> {
        let state = access.get();
        let skipped = state.table.get_mut(this)?.skip(cx, *len);
        state.asked(&skipped, &0);
        Poll::Ready(moved(access, skipped))
    }

    fn blocking_skip<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        cx: &mut Context<'_>,
        this: &mut Resource<InputStream>,
        len: &mut u64,
    ) -> Poll<Result<Result<u64, StreamError>, Fault>> {
        let state = access.get();
        let skipped =
            state.poll_input(cx, this, |state, cx| Ok(state.table.get_mut(this)?.poll_skip(cx, *len)))?;
        Poll::Ready(moved(access, ready!(skipped)))
    }

    fn subscribe(&mut self, this: Resource<InputStream>) -> Result<Resource<Pollable>, Fault> {
        Ok(subscribe(&mut self.table, &this)?)
    }

    fn drop(&mut self, this: Resource<InputStream>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl HostOutputStream for State {
    fn check_write(
        &mut self,
        cx: &mut Context<'_>,
        this: &mut Resource<OutputStream>,
    ) -> Poll<Result<Result<u64, StreamError>, Fault>> {
        let permit = self.table.get_mut(this)?.check_write(cx);
        self.tab.owe(price::SUBSCRIPTION);
        Poll::Ready(self.told(permit))
    }

    fn write(
        &mut self,
        cx: &mut Context<'_>,
        this: &mut Resource<OutputStream>,
        contents: &mut Vec<u8>,
    ) -> Poll<Result<Result<(), StreamError>, Fault>> {
        let written = self.table.get_mut(this)?.write(cx, contents);
        Poll::Ready(self.told(written))
    }

    fn blocking_write_and_flush(
        &mut self,
        cx: &mut Context<'_>,
        this: &mut Resource<OutputStream>,
        contents: &mut Vec<u8>,
    ) -> Poll<Result<Result<(), StreamError>, Fault>> {
        if contents.len() as u64 > BLOCKING_BYTES_MAX {
            return Poll::Ready(Err(TOO_LONG.into()));
        }
        let mut written = 0;
        let polled = self.table.get_mut(this)?.poll_write_and_flush(cx, contents, &mut written);
        // What is written is not there any more when this is polled again.
        contents.drain(..written);
        Poll::Ready(self.told(ready!(polled)))
    }

    fn flush(
        &mut self,
        cx: &mut Context<'_>,
        this: &mut Resource<OutputStream>,
    ) -> Poll<Result<Result<(), StreamError>, Fault>> {
        let flushed = self.table.get_mut(this)?.flush(cx);
        Poll::Ready(self.told(flushed))
    }

    fn blocking_flush(
        &mut self,
        cx: &mut Context<'_>,
        this: &mut Resource<OutputStream>,
    ) -> Poll<Result<Result<(), StreamError>, Fault>> {
        let flushed = ready!(self.table.get_mut(this)?.poll_flush(cx));
        Poll::Ready(self.told(flushed))
    }

    fn subscribe(&mut self, this: Resource<OutputStream>) -> Result<Resource<Pollable>, Fault> {
        Ok(subscribe(&mut self.table, &this)?)
    }

    fn write_zeroes<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        cx: &mut Context<'_>,
        this: &mut Resource<OutputStream>,
        len: &mut u64,
    ) -> Poll<Result<Result<(), StreamError>, Fault>> {
        access.store().charge(*len / BYTES_PER_FUEL)?;
        let state = access.get();
        let written = state.table.get_mut(this)?.write_zeroes(cx, *len);
        Poll::Ready(state.told(written))
    }

    fn blocking_write_zeroes_and_flush<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        cx: &mut Context<'_>,
        this: &mut Resource<OutputStream>,
        len: &mut u64,
    ) -> Poll<Result<Result<(), StreamError>, Fault>> {
        if *len > BLOCKING_BYTES_MAX {
            return Poll::Ready(Err(TOO_LONG.into()));
        }
        let mut written = 0;
        let polled = access.get().table.get_mut(this)?.poll_write_zeroes_and_flush(cx, *len, &mut written);
        *len -= written;
        access.store().charge(written / BYTES_PER_FUEL)?;
        Poll::Ready(access.get().told(ready!(polled)))
    }

    fn splice<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        cx: &mut Context<'_>,
        this: &mut Resource<OutputStream>,
        src: &mut Resource<InputStream>,
        len: &mut u64,
    ) -> Poll<Result<Result<u64, StreamError>, Fault>> {
        let state = access.get();
        let spliced = state.splice_with(this, src, |output, input| output.splice(cx, input, *len))?;
        state.asked(&spliced, &0);
        Poll::Ready(moved(access, spliced))
    }

    fn blocking_splice<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        cx: &mut Context<'_>,
        this: &mut Resource<OutputStream>,
        src: &mut Resource<InputStream>,
        len: &mut u64,
    ) -> Poll<Result<Result<u64, StreamError>, Fault>> {
        let state = access.get();
        let spliced = state.poll_input(cx, src, |state, cx| {
            state.splice_with(this, src, |output, input| output.poll_splice(cx, input, *len))
        })?;
        Poll::Ready(moved(access, ready!(spliced)))
    }

    fn drop(&mut self, this: Resource<OutputStream>) -> Result<(), Fault> {
        let mut stream = self.table.delete(this)?;
        // Nobody will ask again: what does not leave now is lost, as WIT says it may be.
        let _ = stream.poll_close(&mut Context::from_waker(Waker::noop()));
        Ok(())
    }
}

/// What a read put into the buffer.
pub(super) fn taken(buffer: &[u8], count: usize) -> Vec<u8> {
    buffer[..count.min(buffer.len())].to_vec()
}

/// Charges for bytes that went through the host and not through the guest, and tells the guest how many.
fn moved<T: Send + 'static>(
    mut access: Access<'_, T, State>,
    result: Result<u64, io::StreamError>,
) -> Result<Result<u64, StreamError>, Fault> {
    if let Ok(count) = result {
        access.store().charge(count / BYTES_PER_FUEL)?;
    }
    access.get().told(result)
}

/// The most that one read answers, however much is asked for.
const READ_BYTES_MAX: usize = 64 << 10;

/// The most that a guest may have written by one call that waits (`blocking-write-and-flush`).
const BLOCKING_BYTES_MAX: u64 = 4_096;

/// How many bytes move inside the host for one unit of fuel: as between host and guest.
const BYTES_PER_FUEL: u64 = 16;

const EXCESS: Trap = Trap::Host("more was written to a stream than was permitted");
const TOO_LONG: Trap = Trap::Host("more than 4096 bytes were to be written and flushed at once");
const NOTHING_POLLED: Trap = Trap::Host("an empty list was polled");
const TOO_MUCH_POLLED: Trap = Trap::Host("more was polled at once than `poll_subscriptions` allows");
