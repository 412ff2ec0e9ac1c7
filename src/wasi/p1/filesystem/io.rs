//! Reading and writing: `fd_read`, `fd_pread`, `fd_write`, `fd_pwrite`.

use crate::{
    cap::Code,
    engine::Caller,
    wasi::{
        filesystem::File,
        p1::{
            State,
            errno::Failure,
            fd::{Entry, Object},
            iovec::{self, Buffers, Until},
            rights::Rights,
        },
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
    let bytes_max = caller.limits().host_call_bytes;
    let (mut memory, state) = caller.split()?;
    let entry = state.fds.get_mut(fd)?;
    entry.base.require(Rights::FD_READ)?;
    memory.check(size_at, 4)?;
    let buffers = Buffers::new(&memory, iovs, iovs_count)?;
    let nonblocking = entry.flags().nonblocking;
    let memory = &mut memory;
    let read = match &mut entry.object {
        Object::Input { stream, .. } => {
            iovec::poll_fill(memory, buffers, Until::First, bytes_max, |bytes| stream.poll_read(cx, bytes))
        }
        Object::Socket { socket, .. } => {
            iovec::poll_fill(memory, buffers, Until::First, bytes_max, |bytes| {
                socket.poll_receive(cx, bytes, false)
            })
        }
        Object::File { file, position } => {
            let read = |bytes: &mut [u8]| {
                let count = ready!(file.poll_read_at(cx, bytes, *position))?;
                *position = position.saturating_add(count as u64);
                Poll::Ready(Ok(count))
            };
            iovec::poll_fill(memory, buffers, Until::Short, bytes_max, read)
        }
        Object::Output { .. } | Object::Directory { .. } => {
            return Poll::Ready(Err(Code::BadDescriptor.into()));
        }
    };
    let read = ready!(or_again(read, nonblocking))?;
    memory.write_u32(size_at, read)?;
    charge_moved(caller, buffers, read)
}

pub(in crate::wasi::p1) fn fd_write(
    caller: &mut Caller<'_, State>,
    cx: &mut Context<'_>,
    fd: u32,
    iovs: u32,
    iovs_count: u32,
    size_at: u32,
) -> Poll<Result<(), Failure>> {
    let bytes_max = caller.limits().host_call_bytes;
    let (mut memory, state) = caller.split()?;
    let entry = state.fds.get_mut(fd)?;
    entry.base.require(Rights::FD_WRITE)?;
    memory.check(size_at, 4)?;
    let buffers = Buffers::new(&memory, iovs, iovs_count)?;
    let nonblocking = entry.flags().nonblocking;
    let written = match &mut entry.object {
        Object::Output { stream, .. } => {
            iovec::poll_drain(&memory, buffers, bytes_max, |bytes| stream.poll_write(cx, bytes))
        }
        Object::Socket { socket, .. } => {
            iovec::poll_drain(&memory, buffers, bytes_max, |bytes| socket.poll_send(cx, bytes))
        }
        Object::File { file, position } => iovec::poll_drain(&memory, buffers, bytes_max, |bytes| {
            let (count, after) = ready!(file.poll_write(cx, bytes, *position))?;
            *position = after;
            Poll::Ready(Ok(count))
        }),
        Object::Input { .. } | Object::Directory { .. } => {
            return Poll::Ready(Err(Code::BadDescriptor.into()));
        }
    };
    let written = ready!(or_again(written, nonblocking))?;
    memory.write_u32(size_at, written)?;
    charge_moved(caller, buffers, written)
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
    let bytes_max = caller.limits().host_call_bytes;
    let (mut memory, state) = caller.split()?;
    let file = seekable(state.fds.get(fd)?, Rights::FD_READ | Rights::FD_SEEK)?;
    memory.check(size_at, 4)?;
    let buffers = Buffers::new(&memory, iovs, iovs_count)?;
    let mut at = offset;
    let read = |bytes: &mut [u8]| {
        let count = ready!(file.poll_read_at(cx, bytes, at))?;
        at = at.saturating_add(count as u64);
        Poll::Ready(Ok(count))
    };
    let read = ready!(iovec::poll_fill(&mut memory, buffers, Until::Short, bytes_max, read))?;
    memory.write_u32(size_at, read)?;
    charge_moved(caller, buffers, read)
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
    let bytes_max = caller.limits().host_call_bytes;
    let (mut memory, state) = caller.split()?;
    let file = seekable(state.fds.get(fd)?, Rights::FD_WRITE | Rights::FD_SEEK)?;
    memory.check(size_at, 4)?;
    let buffers = Buffers::new(&memory, iovs, iovs_count)?;
    let mut at = offset;
    let write = |bytes: &[u8]| {
        let count = ready!(file.poll_write_at(cx, bytes, at))?;
        at = at.saturating_add(count as u64);
        Poll::Ready(Ok(count))
    };
    let written = ready!(iovec::poll_drain(&memory, buffers, bytes_max, write))?;
    memory.write_u32(size_at, written)?;
    charge_moved(caller, buffers, written)
}

/// The file behind a descriptor that has positions at all.
pub(super) fn seekable(entry: &Entry, rights: Rights) -> Result<&File, Code> {
    match &entry.object {
        Object::Input { .. } | Object::Output { .. } | Object::Socket { .. } => Err(Code::Seek),
        Object::Directory { .. } | Object::File { .. } => entry.as_file(rights),
    }
}

/// A descriptor that does not wait says so where it would have to.
fn or_again<T>(poll: Poll<Result<T, Failure>>, nonblocking: bool) -> Poll<Result<T, Failure>> {
    match poll {
        Poll::Pending if nonblocking => Poll::Ready(Err(Code::WouldBlock.into())),
        poll => poll,
    }
}

/// Charges what was done, once it is done: a call that waits is made again, and must not pay twice. How much
/// that can be is bounded before.
fn charge_moved(caller: &mut Caller<'_, State>, buffers: Buffers, bytes: u32) -> Poll<Result<(), Failure>> {
    caller.charge_elements(buffers.count())?;
    caller.charge_bytes(bytes)?;
    Poll::Ready(Ok(()))
}
