//! Listing a directory: `fd_readdir`.

use crate::{
    cap::{Code, filesystem::Kind},
    engine::{Caller, Memory},
    wasi::p1::{
        State,
        abi::{self, DIRENT_BYTES},
        errno::Failure,
        fd::{Object, Table},
        rights::Rights,
    },
};
use alloc::boxed::Box;

/// Fills the guest's buffer with entries from `cookie` on: `.`, `..`, then the listing.
///
/// A cookie is the number of the entry after. The last entry is cut where the buffer ends, since a buffer
/// that is not full means the end. A guest that begins at 0 gets a new listing.
pub(in crate::wasi::p1) fn fd_readdir(
    caller: &mut Caller<'_, State>,
    fd: u32,
    buffer: u32,
    length: u32,
    cookie: u64,
    size_at: u32,
) -> Result<(), Failure> {
    let bytes_max = caller.limits().host_call_bytes;
    let (mut memory, state) = caller.split()?;
    state.fds.get(fd)?.as_directory(Rights::FD_READDIR)?;
    memory.check(size_at, 4)?;
    memory.check(buffer, length)?;
    if cookie == 0 {
        state.fds.set_listing(fd, None)?;
    }
    // A longer buffer is filled as far as one call may move bytes.
    let length = length.min(bytes_max);
    let mut out = Out { memory: &mut memory, address: buffer, length, used: 0 };
    for index in cookie..=u64::MAX {
        if out.is_full() {
            break;
        }
        let more = match index.checked_sub(DOTS) {
            None => put_dots(&mut out, &state.fds, fd, index)?,
            Some(entry) => {
                cover(&mut state.fds, fd, entry, bytes_max)?;
                put_entry(&mut out, &state.fds, fd, entry)?
            }
        };
        if !more {
            break;
        }
    }
    let used = out.used;
    memory.write_u32(size_at, used)?;
    caller.charge_bytes(used)?;
    Ok(())
}

/// Room in the guest's memory.
struct Out<'a, 'm> {
    memory: &'a mut Memory<'m>,
    address: u32,
    length: u32,
    used: u32,
}

impl Out<'_, '_> {
    const fn is_full(&self) -> bool {
        self.used >= self.length
    }

    /// Puts as much of `bytes` as there is room for.
    fn put(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let room = usize::try_from(self.length - self.used).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(room)];
        self.memory.write(self.address.wrapping_add(self.used), bytes)?;
        self.used += u32::try_from(bytes.len()).unwrap_or(0);
        Ok(())
    }

    fn put_dirent(&mut self, index: u64, inode: u64, kind: Kind, name: &str) -> Result<bool, Failure> {
        let name_bytes = u32::try_from(name.len()).unwrap_or(u32::MAX);
        let head: [u8; DIRENT_BYTES] = abi::dirent(index.saturating_add(1), inode, name_bytes, kind.into());
        self.put(&head)?;
        self.put(name.as_bytes())?;
        Ok(true)
    }
}

/// Puts `.` or `..`. What is above a directory may lie outside the grant, and is nobody's business: `..` has
/// the number of the directory itself, as at a root.
fn put_dots(out: &mut Out<'_, '_>, fds: &Table, fd: u32, index: u64) -> Result<bool, Failure> {
    let inode = fds.get(fd)?.as_directory(Rights::FD_READDIR)?.metadata()?.inode;
    let name = if index == 0 { "." } else { ".." };
    out.put_dirent(index, inode, Kind::Directory, name)
}

/// Puts an entry, if there is one.
fn put_entry(out: &mut Out<'_, '_>, fds: &Table, fd: u32, index: u64) -> Result<bool, Failure> {
    let Object::Directory { listing: Some(listing), .. } = &fds.get(fd)?.object else {
        return Err(Code::Io.into());
    };
    match listing.entry(index) {
        Some(entry) => out.put_dirent(index.saturating_add(DOTS), entry.inode, entry.kind, entry.name),
        None => Ok(false),
    }
}

/// Sees to it that the descriptor's listing knows of `index`. Entries that are looked at for it are owed.
fn cover(fds: &mut Table, fd: u32, index: u64, bytes_max: u32) -> Result<(), Failure> {
    let Object::Directory { directory, listing } = &fds.get(fd)?.object else {
        return Err(Code::NotDirectory.into());
    };
    if listing.as_ref().is_some_and(|listing| listing.covers(index)) {
        return Ok(());
    }
    // What a guest may hold in listings it shares among all its directories; where others have it, this
    // one goes in small steps.
    let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    let own = listing.as_ref().map_or(0, |listing| listing.bytes());
    let others = fds.listing_bytes().saturating_sub(own);
    let room = bytes_max.saturating_sub(others).max(LISTING_BYTES_MIN);
    let listing = directory.list(index, room)?;
    Ok(fds.set_listing(fd, Some(Box::new(listing)))?)
}

/// `.` and `..`.
const DOTS: u64 = 2;

/// What a listing may hold whatever the others do.
const LISTING_BYTES_MIN: usize = 1 << 10;
