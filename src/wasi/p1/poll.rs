//! Waiting for several things at once: `poll_oneoff`.

use super::{
    State,
    abi::{Edition, Event, Subscription, SubscriptionTo},
    clocks::Clock,
    errno::Failure,
    fd::{Object, Table},
    rights::Rights,
};
use crate::{
    cap::{Code, clocks::Clocks},
    engine::{Caller, Memory},
    wasi::{
        clocks::{Until, datetime, deadline_ns, poll_first},
        price,
    },
};
use alloc::vec::Vec;
use core::task::{Context, Poll, ready};

/// What a guest waits for, decoded when the wait began. A relative time decoded again after a wake-up would
/// begin again.
pub(super) enum Wait {
    /// `poll_oneoff`.
    Poll(Vec<Waiting>),
    /// `sched_yield`: it has given way.
    Yield,
    /// `sock_recv` with `recv_waitall`: so many bytes have come, of so many calls.
    Receive { bytes: u32, calls: u32 },
}

/// One subscription, with its time made a deadline.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    userdata: u64,
    on: On,
}

#[derive(Clone, Copy, Debug)]
enum On {
    Deadline(u64),
    Read(u32),
    Write(u32),
}

/// Waits until at least one of `count` subscriptions has something to say, and says all that do.
///
/// Descriptors are asked first and the clock last, so that a virtual clock jumps only when nothing else is
/// ready. A subscription that cannot be served fails the whole call, as in other runtimes.
pub(super) fn poll_oneoff(
    edition: Edition,
    caller: &mut Caller<'_, State>,
    cx: &mut Context<'_>,
    subscriptions: u32,
    events: u32,
    count: u32,
    count_at: u32,
) -> Poll<Result<(), Failure>> {
    let waiting = match caller.data_mut().wait.take() {
        Some(Wait::Poll(waiting)) => waiting,
        _ => begin(edition, caller, subscriptions, events, count, count_at)?,
    };
    let (mut memory, state) = caller.split()?;
    let Poll::Ready(result) = poll(&mut memory, &state.fds, &*state.clocks, cx, &waiting, events) else {
        state.wait = Some(Wait::Poll(waiting));
        return Poll::Pending;
    };
    if let Ok(ready) = result {
        memory.write_u32(count_at, ready)?;
    }
    let asked = waiting.iter().filter(|waiting| !matches!(waiting.on, On::Deadline(_))).count() as u64;
    caller.charge(asked.saturating_mul(u64::from(price::SUBSCRIPTION)))?;
    caller.charge_bytes(result?.saturating_mul(Event::BYTES))?;
    Poll::Ready(Ok(()))
}

/// Decodes every subscription and checks everything there is to check.
fn begin(
    edition: Edition,
    caller: &mut Caller<'_, State>,
    subscriptions: u32,
    events: u32,
    count: u32,
    count_at: u32,
) -> Result<Vec<Waiting>, Failure> {
    if count == 0 || count > caller.limits().poll_subscriptions {
        return Err(Code::Invalid.into());
    }
    caller.charge_elements(count)?;
    let record_bytes = edition.subscription_bytes();
    let total = count.checked_mul(record_bytes).ok_or(Code::Invalid)?;
    let (memory, state) = caller.split()?;
    memory.check(events, count.saturating_mul(Event::BYTES))?;
    memory.check(count_at, 4)?;
    let records = memory.bytes(subscriptions, total)?;
    // A divisor of 48 or 56 fits any usize.
    records
        .chunks_exact(record_bytes as usize)
        .map(|record| {
            let Subscription { userdata, to } = edition.subscription(record)?;
            Ok(Waiting { userdata, on: resolve(&state.fds, &*state.clocks, to)? })
        })
        .collect::<Result<_, Code>>()
        .map_err(Failure::from)
}

fn resolve(fds: &Table, clocks: &dyn Clocks, to: SubscriptionTo) -> Result<On, Code> {
    let (fd, rights, on) = match to {
        SubscriptionTo::Clock { id, timeout, absolute } => {
            let until = match (Clock::new(id)?, absolute) {
                (_, false) => Until::After(timeout),
                (Clock::Monotonic, true) => Until::Monotonic(timeout),
                (Clock::Realtime, true) => Until::Wall(datetime(timeout)),
            };
            return Ok(On::Deadline(deadline_ns(clocks, until)));
        }
        SubscriptionTo::Read(fd) => (fd, Rights::FD_READ, On::Read(fd)),
        SubscriptionTo::Write(fd) => (fd, Rights::FD_WRITE, On::Write(fd)),
    };
    let entry = fds.get(fd)?;
    entry.base.require(rights)?;
    entry.base.require(Rights::POLL_FD_READWRITE)?;
    Ok(on)
}

/// Writes an event for each subscription that is ready, and answers how many, unless there is none.
fn poll(
    memory: &mut Memory<'_>,
    fds: &Table,
    clocks: &dyn Clocks,
    cx: &mut Context<'_>,
    waiting: &[Waiting],
    events: u32,
) -> Poll<Result<u32, Failure>> {
    let mut ready = 0;
    let mut put = |event: Event| -> Result<(), Failure> {
        memory.write(events.wrapping_add(Event::BYTES.wrapping_mul(ready)), &event.to_bytes())?;
        ready += 1;
        Ok(())
    };
    let mut any = false;
    for Waiting { userdata, on } in waiting {
        let (kind, bytes) = match on {
            On::Deadline(_) => continue,
            On::Read(fd) => (1, poll_readable(fds, *fd, cx)?),
            On::Write(fd) => (2, poll_writable(fds, *fd, cx)?),
        };
        if let Poll::Ready(bytes) = bytes {
            any = true;
            put(Event { userdata: *userdata, kind, bytes })?;
        }
    }
    let deadlines = || {
        waiting.iter().filter_map(|waiting| match waiting.on {
            On::Deadline(deadline_ns) => Some((waiting.userdata, deadline_ns)),
            On::Read(_) | On::Write(_) => None,
        })
    };
    let Some(first_ns) = deadlines().map(|(_, deadline_ns)| deadline_ns).min() else {
        return if any { Poll::Ready(Ok(ready)) } else { Poll::Pending };
    };
    let mut now_ns = 0;
    if !any {
        ready!(poll_first(clocks, cx, [first_ns]));
        now_ns = first_ns;
    }
    now_ns = now_ns.max(clocks.monotonic_now_ns());
    for (userdata, deadline_ns) in deadlines() {
        if deadline_ns <= now_ns {
            put(Event { userdata, kind: 0, bytes: 0 })?;
        }
    }
    Poll::Ready(Ok(ready))
}

/// Whether a read of `fd` would not wait, and how many bytes are known to be there.
fn poll_readable(fds: &Table, fd: u32, cx: &mut Context<'_>) -> Result<Poll<u64>, Code> {
    Ok(match &fds.get(fd)?.object {
        Object::Input { stream, .. } => stream.poll_readable(cx),
        // Files are always ready, at their end too (POSIX `poll`).
        Object::File { file, position } => {
            Poll::Ready(file.metadata().map_or(0, |metadata| metadata.size.saturating_sub(*position)))
        }
        Object::Socket { socket, .. } => socket.poll_readable(cx),
        Object::Output { .. } | Object::Directory { .. } => return Err(Code::BadDescriptor),
    })
}

/// Whether a write to `fd` would not wait, and how many bytes it would take, where that is known.
fn poll_writable(fds: &Table, fd: u32, cx: &mut Context<'_>) -> Result<Poll<u64>, Code> {
    Ok(match &fds.get(fd)?.object {
        Object::Output { stream, .. } => stream.poll_writable(cx),
        Object::File { .. } => Poll::Ready(0),
        Object::Socket { socket, .. } => socket.poll_writable(cx).map(|()| 0),
        Object::Input { .. } | Object::Directory { .. } => return Err(Code::BadDescriptor),
    })
}
