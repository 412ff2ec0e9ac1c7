//! Sockets: `sock_*`. A guest has those it was granted, and those it accepted from them.

use super::{
    State,
    abi::file_flags,
    errno::Failure,
    fd::Entry,
    filesystem::{charge_moved, or_again, poll_drain, price_of_asking},
    iovec::{self, Buffers},
    poll::Wait,
    rights::Rights,
};
use crate::{
    cap::{Code, sockets::Shutdown},
    engine::Caller,
    wasi::{filesystem::FileFlags, price, sockets::Socket},
};
use core::task::{Context, Poll, ready};

pub(super) fn sock_accept(
    caller: &mut Caller<'_, State>,
    cx: &mut Context<'_>,
    fd: u32,
    flags: u32,
    fd_at: u32,
) -> Poll<Result<(), Failure>> {
    let flags = file_flags(flags)?;
    let nonblocking = flags.nonblocking;
    if flags != (FileFlags { nonblocking, ..FileFlags::default() }) {
        return Poll::Ready(Err(Code::Invalid.into()));
    }
    let (mut memory, state) = caller.split()?;
    memory.check(fd_at, 4)?;
    let entry = state.fds.get(fd)?;
    let socket = entry.as_socket(Rights::SOCK_ACCEPT)?;
    state.fds.check_room()?;
    let accepted = socket.poll_accept(cx).map_err(Failure::from);
    let accepted = ready!(or_again(accepted, entry.flags().nonblocking));
    let done = accepted.and_then(|accepted| {
        let fd = state.fds.insert(Entry::socket(accepted, nonblocking))?;
        Ok(memory.write_u32(fd_at, fd)?)
    });
    // Nothing to accept takes less than a connection that comes and ends.
    caller.charge(u64::from(if done.is_ok() { price::ACCEPT } else { price::SUBSCRIPTION }))?;
    Poll::Ready(done)
}

/// `riflags`: peek, waitall. No flag is ever answered: a stream loses nothing of a message.
pub(super) fn sock_recv(
    caller: &mut Caller<'_, State>,
    cx: &mut Context<'_>,
    fd: u32,
    iovs: u32,
    iovs_count: u32,
    flags: u32,
    size_at: u32,
    flags_at: u32,
) -> Poll<Result<(), Failure>> {
    let bytes_max = caller.limits().host_call_bytes;
    let (mut memory, state) = caller.split()?;
    let (before, mut calls) = match state.wait.take() {
        Some(Wait::Receive { bytes, calls }) => (bytes, calls),
        _ => (0, 0),
    };
    if flags & !0b11 != 0 {
        return Poll::Ready(Err(Code::Invalid.into()));
    }
    let (peek, wait_for_all) = (flags & 1 != 0, flags & 2 != 0);
    memory.check(size_at, 4)?;
    memory.check(flags_at, 2)?;
    let buffers = Buffers::new(&memory, iovs, iovs_count)?;
    let entry = state.fds.get(fd)?;
    let socket = entry.as_socket(Rights::FD_READ)?;
    let nonblocking = entry.flags().nonblocking;
    let received = if wait_for_all && !peek && !nonblocking {
        let mut total = before;
        let received = iovec::poll_fill_on(&mut memory, buffers, bytes_max, &mut total, &mut |bytes| {
            let received = socket.poll_receive(cx, bytes, false);
            // What found nothing is not counted: how often that is depends on who wakes the task.
            calls += u32::from(received.is_ready());
            received
        });
        if received.is_pending() {
            state.wait = Some(Wait::Receive { bytes: total, calls });
        }
        received
    } else {
        iovec::poll_fill(&mut memory, buffers, iovec::Until::First, bytes_max, &mut |bytes| {
            socket.poll_receive(cx, bytes, peek)
        })
    };
    let received = ready!(or_again(received, nonblocking));
    let asked = price_of_asking(&entry.object, calls, &received);
    if let Ok(received) = received {
        memory.write_u32(size_at, received)?;
        memory.write_u16(flags_at, 0)?;
    }
    caller.charge(asked)?;
    charge_moved(caller, buffers, received?)
}

pub(super) fn sock_send(
    caller: &mut Caller<'_, State>,
    cx: &mut Context<'_>,
    fd: u32,
    iovs: u32,
    iovs_count: u32,
    flags: u32,
    size_at: u32,
) -> Poll<Result<(), Failure>> {
    let bytes_max = caller.limits().host_call_bytes;
    if flags != 0 {
        return Poll::Ready(Err(Code::Invalid.into()));
    }
    let (mut memory, state) = caller.split()?;
    memory.check(size_at, 4)?;
    let buffers = Buffers::new(&memory, iovs, iovs_count)?;
    let entry = state.fds.get_mut(fd)?;
    entry.as_socket(Rights::FD_WRITE)?;
    let mut calls = 0;
    let sent = poll_drain(&memory, buffers, bytes_max, &mut entry.object, cx, &mut None, &mut calls);
    let sent = ready!(or_again(sent, entry.flags().nonblocking));
    let asked = price_of_asking(&entry.object, calls, &sent);
    if let Ok(sent) = sent {
        memory.write_u32(size_at, sent)?;
    }
    caller.charge(asked)?;
    charge_moved(caller, buffers, sent?)
}

/// `sdflags`: rd, wr.
pub(super) fn sock_shutdown(caller: &mut Caller<'_, State>, fd: u32, how: u32) -> Result<(), Failure> {
    let entry = caller.data().fds.get(fd)?;
    let socket: &Socket = entry.as_socket(Rights::SOCK_SHUTDOWN)?;
    if how & !0b11 != 0 {
        return Err(Code::Invalid.into());
    }
    Ok(socket.shutdown(Shutdown { receive: how & 1 != 0, send: how & 2 != 0 })?)
}
