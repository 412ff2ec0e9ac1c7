//! Reading and writing: `fd_read`, `fd_pread`, `fd_write`, `fd_pwrite`.

use crate::{
    cap::Code,
    engine::{AtOnce, Caller, Memory},
    wasi::{
        filesystem::File,
        p1::{
            State,
            errno::{Errno, Failure},
            fd::{Entry, Object},
            iovec::{self, Buffers, Until},
            rights::Rights,
        },
        price,
    },
};
use core::task::{Context, Poll, ready};

pub(in crate::wasi::p1) fn fd_read(
    caller: &mut Caller<'_, State>,
    cx: &mut Context<'_>,
    fd: u32,
    iovs: u32,
    iovs_count: u32,
    size_at: u32,
) -> Poll<Result<(), Failure>> {
    read(caller, cx, fd, None, (iovs, iovs_count), size_at)
}

pub(in crate::wasi::p1) fn fd_pread(
    caller: &mut Caller<'_, State>,
    cx: &mut Context<'_>,
    fd: u32,
    iovs: u32,
    iovs_count: u32,
    offset: u64,
    size_at: u32,
) -> Poll<Result<(), Failure>> {
    read(caller, cx, fd, Some(offset), (iovs, iovs_count), size_at)
}

pub(in crate::wasi::p1) fn fd_write(
    caller: &mut Caller<'_, State>,
    cx: &mut Context<'_>,
    fd: u32,
    iovs: u32,
    iovs_count: u32,
    size_at: u32,
) -> Poll<Result<(), Failure>> {
    write(caller, cx, fd, None, (iovs, iovs_count), size_at)
}

/// What most writes are: one buffer, to a stream that has room. [`fd_write`] does no less, but has to look at a list,
/// at positions, and at everything else that a descriptor can be; and it may wait.
#[inline]
pub(in crate::wasi::p1) fn fd_write_at_once(
    caller: &mut Caller<'_, State>,
    fd: u32,
    iovs: u32,
    iovs_count: u32,
    size_at: u32,
) -> Option<Poll<Errno>> {
    if iovs_count != 1 {
        return None;
    }
    let AtOnce { mut memory, data: state, waker, fuel, bytes_max } = caller.at_once()?;
    let entry = state.fds.get(fd).ok()?;
    let Object::Output { stream, nonblocking: false } = &entry.object else { return None };
    if !entry.base.contains(Rights::FD_WRITE) || memory.check(size_at, 4).is_err() {
        return None;
    }
    let (address, length) = iovec::buffer(memory.array(iovs).ok()?);
    let bytes = memory.bytes(address, length).ok()?;
    if length > bytes_max || fuel < Caller::<State>::list_fuel(1, length) {
        return None;
    }
    let written = match stream.poll_write(&mut Context::from_waker(waker), bytes) {
        // No more than `length`, so 32 bits hold it.
        Poll::Ready(Ok(count)) => count.min(bytes.len()) as u32,
        Poll::Ready(Err(code)) => {
            caller.leave_fuel(fuel, Caller::<State>::list_fuel(1, 0));
            return Some(Poll::Ready(code.into()));
        }
        Poll::Pending => return Some(Poll::Pending),
    };
    memory.put_unwatched(size_at, written.to_le_bytes()).ok()?;
    caller.leave_fuel(fuel, Caller::<State>::list_fuel(1, written));
    Some(Poll::Ready(Errno::SUCCESS))
}

/// Where the file appends, `offset` still says where: as POSIX's `pwrite` and unlike Linux's.
pub(in crate::wasi::p1) fn fd_pwrite(
    caller: &mut Caller<'_, State>,
    cx: &mut Context<'_>,
    fd: u32,
    iovs: u32,
    iovs_count: u32,
    offset: u64,
    size_at: u32,
) -> Poll<Result<(), Failure>> {
    write(caller, cx, fd, Some(offset), (iovs, iovs_count), size_at)
}

/// Reads at `offset`, or where the descriptor stands.
fn read(
    caller: &mut Caller<'_, State>,
    cx: &mut Context<'_>,
    fd: u32,
    mut offset: Option<u64>,
    (iovs, iovs_count): (u32, u32),
    size_at: u32,
) -> Poll<Result<(), Failure>> {
    let bytes_max = caller.limits().host_call_bytes;
    let (mut memory, state) = caller.split()?;
    let entry = state.fds.get_mut(fd)?;
    may_move(entry, Rights::FD_READ, offset)?;
    memory.check(size_at, 4)?;
    let buffers = Buffers::new(&memory, iovs, iovs_count)?;
    let nonblocking = entry.flags().nonblocking;
    let object = &mut entry.object;
    // Elsewhere asking again could wait, or swallow an end that is told once.
    let until = if matches!(object, Object::File { .. }) { Until::Short } else { Until::First };
    let read = iovec::poll_fill(&mut memory, buffers, until, bytes_max, &mut |bytes| {
        poll_read(object, cx, &mut offset, bytes)
    });
    let read = ready!(or_again(read, nonblocking));
    // At most one segment is asked for at a time.
    let asked = price_of_asking(object, 1, &read);
    if let Ok(read) = read {
        memory.write_u32(size_at, read)?;
    }
    caller.charge(asked)?;
    charge_moved(caller, buffers, read?)
}

/// Writes at `offset`, or where the descriptor stands.
fn write(
    caller: &mut Caller<'_, State>,
    cx: &mut Context<'_>,
    fd: u32,
    mut offset: Option<u64>,
    (iovs, iovs_count): (u32, u32),
    size_at: u32,
) -> Poll<Result<(), Failure>> {
    let bytes_max = caller.limits().host_call_bytes;
    let (mut memory, state) = caller.split()?;
    let entry = state.fds.get_mut(fd)?;
    may_move(entry, Rights::FD_WRITE, offset)?;
    memory.check(size_at, 4)?;
    let buffers = Buffers::new(&memory, iovs, iovs_count)?;
    let mut calls = 0;
    let written = poll_drain(&memory, buffers, bytes_max, &mut entry.object, cx, &mut offset, &mut calls);
    let written = ready!(or_again(written, entry.flags().nonblocking));
    let asked = price_of_asking(&entry.object, calls, &written);
    if let Ok(written) = written {
        memory.write_u32(size_at, written)?;
    }
    caller.charge(asked)?;
    charge_moved(caller, buffers, written?)
}

/// What it took to ask `object` so many times, besides what moved: paid whether or not there was anything. A file's work
/// is owed where it is done.
pub(in crate::wasi::p1) fn price_of_asking(object: &Object, calls: u32, done: &Result<u32, Failure>) -> u64 {
    let further = calls.saturating_sub(1);
    match object {
        Object::Socket { .. } => u64::from(further + 1) * u64::from(price::SEGMENT),
        _ if *done == Err(Code::WouldBlock.into()) => price::SUBSCRIPTION.into(),
        // The first is what the call itself pays for.
        Object::Output { .. } => u64::from(further) * u64::from(price::TRANSFER),
        _ => 0,
    }
}

/// Empties `buffers` into `object`, at most `bytes_max` bytes of them, and answers how many it took; `calls` is how many
/// times it was asked.
#[inline]
pub(in crate::wasi::p1) fn poll_drain(
    memory: &Memory<'_>,
    buffers: Buffers,
    bytes_max: u32,
    object: &mut Object,
    cx: &mut Context<'_>,
    offset: &mut Option<u64>,
    calls: &mut u32,
) -> Poll<Result<u32, Failure>> {
    let mut total = 0;
    let mut asked = false;
    // A write that waits for the medium takes long enough for one call.
    let one_only = matches!(&*object, Object::File { file, .. } if file.is_synced());
    for (address, length) in buffers.list(memory)? {
        let length = length.min(bytes_max - total);
        if length == 0 {
            continue;
        }
        asked = true;
        *calls += 1;
        match poll_write(object, cx, offset, memory.bytes(address, length)?) {
            Poll::Ready(Ok(count)) => {
                let count = u32::try_from(count).unwrap_or(length).min(length);
                total += count;
                if count < length || one_only {
                    break;
                }
            }
            _ if total > 0 => break,
            Poll::Ready(Err(code)) => return Poll::Ready(Err(code.into())),
            Poll::Pending => return Poll::Pending,
        }
    }
    if !asked {
        // For its errors: a write of nothing still needs something to write to.
        return poll_write(object, cx, offset, &[]).map(|written| written.map(|_| 0).map_err(Failure::from));
    }
    Poll::Ready(Ok(total))
}

/// Refuses a descriptor that lacks `right`, or one without positions where one is given.
fn may_move(entry: &Entry, right: Rights, offset: Option<u64>) -> Result<(), Code> {
    match offset {
        Some(_) => seekable(entry, right | Rights::FD_SEEK).map(|_| ()),
        None => entry.base.require(right),
    }
}

fn poll_read(
    object: &mut Object,
    cx: &mut Context<'_>,
    offset: &mut Option<u64>,
    bytes: &mut [u8],
) -> Poll<Result<usize, Code>> {
    match object {
        Object::Input { stream, .. } => stream.poll_read(cx, bytes),
        Object::Socket { socket, .. } => socket.poll_receive(cx, bytes, false),
        Object::File { file, position } => {
            let at = offset.as_mut().unwrap_or(position);
            let count = ready!(file.poll_read_at(cx, bytes, *at))?;
            *at = at.saturating_add(count as u64);
            Poll::Ready(Ok(count))
        }
        Object::Output { .. } | Object::Directory { .. } => Poll::Ready(Err(Code::BadDescriptor)),
    }
}

fn poll_write(
    object: &mut Object,
    cx: &mut Context<'_>,
    offset: &mut Option<u64>,
    bytes: &[u8],
) -> Poll<Result<usize, Code>> {
    match (object, offset) {
        (Object::Output { stream, .. }, _) => stream.poll_write(cx, bytes),
        (Object::Socket { socket, .. }, _) => socket.poll_send(cx, bytes),
        (Object::File { file, position }, None) => {
            let (count, after) = ready!(file.poll_write(cx, bytes, *position))?;
            *position = after;
            Poll::Ready(Ok(count))
        }
        (Object::File { file, .. }, Some(at)) => {
            let count = ready!(file.poll_write_at(cx, bytes, *at))?;
            *at = at.saturating_add(count as u64);
            Poll::Ready(Ok(count))
        }
        (Object::Input { .. } | Object::Directory { .. }, _) => Poll::Ready(Err(Code::BadDescriptor)),
    }
}

/// The file behind a descriptor that has positions at all.
pub(super) fn seekable(entry: &Entry, rights: Rights) -> Result<&File, Code> {
    match &entry.object {
        Object::Input { .. } | Object::Output { .. } | Object::Socket { .. } => Err(Code::Seek),
        Object::Directory { .. } | Object::File { .. } => entry.as_file(rights),
    }
}

/// A descriptor that does not wait says so where it would have to.
pub(in crate::wasi::p1) fn or_again<T>(
    poll: Poll<Result<T, Failure>>,
    nonblocking: bool,
) -> Poll<Result<T, Failure>> {
    match poll {
        Poll::Pending if nonblocking => Poll::Ready(Err(Code::WouldBlock.into())),
        poll => poll,
    }
}

/// Charges what was done, once it is done: a call that waits is made again, and must not pay twice. How much
/// that can be is bounded before.
#[inline]
pub(in crate::wasi::p1) fn charge_moved(
    caller: &mut Caller<'_, State>,
    buffers: Buffers,
    bytes: u32,
) -> Poll<Result<(), Failure>> {
    Poll::Ready(Ok(caller.charge_list(buffers.count(), bytes)?))
}
