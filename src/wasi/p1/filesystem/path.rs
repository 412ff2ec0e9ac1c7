//! What can be asked of a path below a directory: `path_*`.

use super::descriptor::{opened, write_filestat};
use crate::{
    cap::Code,
    engine::{Caller, Memory},
    wasi::{
        filesystem::{Access, Denied, OpenHow},
        p1::{
            State,
            abi::{self, Edition, Filestat},
            errno::Failure,
            fd::Object,
            rights::Rights,
        },
    },
};
use alloc::string::String;

/// Reads a path from guest memory: text, of a bounded length.
fn text<'m>(memory: &'m Memory<'_>, address: u32, length: u32) -> Result<&'m str, Failure> {
    let bytes = memory.bytes(address, length)?;
    Ok(core::str::from_utf8(bytes).map_err(|_| Code::IllegalByteSequence)?)
}

/// Charges for the bytes of a path before it is read. A path too long is not read at all.
fn charge_path(caller: &mut Caller<'_, State>, length: u32) -> Result<(), Failure> {
    if length > caller.limits().path_bytes {
        return Err(Code::NameTooLong.into());
    }
    Ok(caller.charge_bytes(length)?)
}

/// Charges for the steps that walking paths took, and tells those who watch which grant was missing where one was. How many
/// steps there can be is bounded by the walk itself.
fn account(caller: &mut Caller<'_, State>, failed: Option<Code>, fds: &[u32]) -> Result<(), Failure> {
    let state = caller.data_mut();
    let (steps, way) = (state.walks.take_steps(), state.walks.take_way());
    if failed == Some(Code::NotPermitted) {
        let is_read_only = |fd: &u32| {
            matches!(state.fds.get(*fd).map(|entry| &entry.object), Ok(Object::Directory { directory, .. })
                if directory.access() == Access::ReadOnly)
        };
        let granted = if fds.iter().any(is_read_only) { Access::ReadOnly } else { Access::ReadWrite };
        if let Some(denied) = Denied::of(&Err::<(), _>(Code::NotPermitted), &[granted], way) {
            caller.note(denied.text());
        }
    }
    Ok(caller.charge_elements(u32::try_from(steps).unwrap_or(u32::MAX))?)
}

/// Calls `operate` with the path at `address`, below `fd`, and charges for it.
fn with_path<R>(
    caller: &mut Caller<'_, State>,
    fd: u32,
    (address, length): (u32, u32),
    operate: impl FnOnce(&mut State, &str) -> Result<R, Code>,
) -> Result<R, Failure> {
    charge_path(caller, length)?;
    let (memory, state) = caller.split()?;
    let result = operate(state, text(&memory, address, length)?);
    account(caller, result.as_ref().err().copied(), &[fd])?;
    Ok(result?)
}

/// As [`with_path`], with two.
fn with_paths<R>(
    caller: &mut Caller<'_, State>,
    fds: [u32; 2],
    (a_address, a_length): (u32, u32),
    (b_address, b_length): (u32, u32),
    operate: impl FnOnce(&mut State, &str, &str) -> Result<R, Code>,
) -> Result<R, Failure> {
    charge_path(caller, a_length)?;
    charge_path(caller, b_length)?;
    let (memory, state) = caller.split()?;
    let (a, b) = (text(&memory, a_address, a_length)?, text(&memory, b_address, b_length)?);
    let result = operate(state, a, b);
    account(caller, result.as_ref().err().copied(), &fds)?;
    Ok(result?)
}

/// `lookupflags`: whether to follow a symbolic link in the last place.
const fn follows(flags: u32) -> Result<bool, Code> {
    match flags {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Code::Invalid),
    }
}

pub(in crate::wasi::p1) fn path_create_directory(
    caller: &mut Caller<'_, State>,
    fd: u32,
    path: u32,
    path_bytes: u32,
) -> Result<(), Failure> {
    with_path(caller, fd, (path, path_bytes), |State { fds, walks, .. }, path| {
        fds.get(fd)?.as_directory(Rights::PATH_CREATE_DIRECTORY)?.create_directory(walks, path)
    })
}

pub(in crate::wasi::p1) fn path_filestat_get(
    edition: Edition,
    caller: &mut Caller<'_, State>,
    fd: u32,
    flags: u32,
    path: u32,
    path_bytes: u32,
    stat: u32,
) -> Result<(), Failure> {
    let follow = follows(flags)?;
    let metadata = with_path(caller, fd, (path, path_bytes), |State { fds, walks, .. }, path| {
        fds.get(fd)?.as_directory(Rights::PATH_FILESTAT_GET)?.metadata_at(walks, path, follow)
    })?;
    write_filestat(edition, caller, stat, &Filestat::new(&metadata))
}

pub(in crate::wasi::p1) fn path_filestat_set_times(
    caller: &mut Caller<'_, State>,
    fd: u32,
    flags: u32,
    path: u32,
    path_bytes: u32,
    accessed: u64,
    modified: u64,
    time_flags: u32,
) -> Result<(), Failure> {
    let follow = follows(flags)?;
    let times = abi::times(accessed, modified, time_flags)?;
    with_path(caller, fd, (path, path_bytes), |State { fds, walks, .. }, path| {
        let directory = fds.get(fd)?.as_directory(Rights::PATH_FILESTAT_SET_TIMES)?;
        directory.set_times_at(walks, path, follow, times)
    })
}

pub(in crate::wasi::p1) fn path_link(
    caller: &mut Caller<'_, State>,
    old_fd: u32,
    old_flags: u32,
    old_path: u32,
    old_path_bytes: u32,
    new_fd: u32,
    new_path: u32,
    new_path_bytes: u32,
) -> Result<(), Failure> {
    // A link to a link's target is what a walk cannot make without a second look at the name.
    if follows(old_flags)? {
        return Err(Code::Invalid.into());
    }
    let (old, new) = ((old_path, old_path_bytes), (new_path, new_path_bytes));
    with_paths(caller, [old_fd, new_fd], old, new, |State { fds, walks, .. }, old_path, new_path| {
        let old = fds.get(old_fd)?.as_directory(Rights::PATH_LINK_SOURCE)?;
        let new = fds.get(new_fd)?.as_directory(Rights::PATH_LINK_TARGET)?;
        old.link(walks, old_path, new, new_path)
    })
}

pub(in crate::wasi::p1) fn path_open(
    caller: &mut Caller<'_, State>,
    fd: u32,
    lookup_flags: u32,
    path: u32,
    path_bytes: u32,
    open_flags: u32,
    base: u64,
    _inheriting: u64,
    file_flags: u32,
    fd_at: u32,
) -> Result<(), Failure> {
    let base = Rights::from_bits(base);
    if open_flags & !0b1111 != 0 {
        return Err(Code::Invalid.into());
    }
    let how = OpenHow {
        follow: follows(lookup_flags)?,
        create: open_flags & 1 != 0,
        directory: open_flags & 2 != 0,
        exclusive: open_flags & 4 != 0,
        truncate: open_flags & 8 != 0,
        read: base.contains(Rights::FD_READ),
        write: base.contains(Rights::FD_WRITE),
        flags: abi::file_flags(file_flags)?,
    };
    caller.split()?.0.check(fd_at, 4)?;
    let entry = with_path(caller, fd, (path, path_bytes), |State { fds, walks, .. }, path| {
        let entry = fds.get(fd)?;
        let directory = entry.as_directory(open_rights(&how))?;
        // Of the rights it asks for a guest must be able to inherit those that do something: all others
        // C libraries ask for wholesale.
        if !entry.inheriting.contains(base & (Rights::FD_READ | Rights::FD_WRITE)) {
            return Err(Code::NotCapable);
        }
        // Before anything is created.
        fds.check_room()?;
        Ok(opened(directory.open(walks, path, how)?, entry.inheriting))
    })?;
    let (mut memory, state) = caller.split()?;
    let fd = state.fds.insert(entry)?;
    Ok(memory.write_u32(fd_at, fd)?)
}

/// What a directory must be able to do for something in it to be opened like this.
fn open_rights(how: &OpenHow) -> Rights {
    let mut rights = Rights::PATH_OPEN;
    if how.create {
        rights = rights | Rights::PATH_CREATE_FILE;
    }
    if how.truncate {
        rights = rights | Rights::PATH_FILESTAT_SET_SIZE;
    }
    rights
}

/// Writes as much of the link's text as there is room for, and how much that was.
pub(in crate::wasi::p1) fn path_readlink(
    caller: &mut Caller<'_, State>,
    fd: u32,
    path: u32,
    path_bytes: u32,
    buffer: u32,
    length: u32,
    size_at: u32,
) -> Result<(), Failure> {
    let target: String = with_path(caller, fd, (path, path_bytes), |State { fds, walks, .. }, path| {
        fds.get(fd)?.as_directory(Rights::PATH_READLINK)?.read_link(walks, path)
    })?;
    let used = u32::try_from(target.len()).unwrap_or(u32::MAX).min(length);
    caller.charge_bytes(used)?;
    let (mut memory, _) = caller.split()?;
    memory.check(buffer, length)?;
    memory.check(size_at, 4)?;
    // `used` is at most the text's own length.
    memory.write(buffer, target.as_bytes().get(..used as usize).unwrap_or_default())?;
    Ok(memory.write_u32(size_at, used)?)
}

pub(in crate::wasi::p1) fn path_remove_directory(
    caller: &mut Caller<'_, State>,
    fd: u32,
    path: u32,
    path_bytes: u32,
) -> Result<(), Failure> {
    with_path(caller, fd, (path, path_bytes), |State { fds, walks, .. }, path| {
        fds.get(fd)?.as_directory(Rights::PATH_REMOVE_DIRECTORY)?.remove_directory(walks, path)
    })
}

pub(in crate::wasi::p1) fn path_rename(
    caller: &mut Caller<'_, State>,
    old_fd: u32,
    old_path: u32,
    old_path_bytes: u32,
    new_fd: u32,
    new_path: u32,
    new_path_bytes: u32,
) -> Result<(), Failure> {
    let (old, new) = ((old_path, old_path_bytes), (new_path, new_path_bytes));
    with_paths(caller, [old_fd, new_fd], old, new, |State { fds, walks, .. }, old_path, new_path| {
        let old = fds.get(old_fd)?.as_directory(Rights::PATH_RENAME_SOURCE)?;
        let new = fds.get(new_fd)?.as_directory(Rights::PATH_RENAME_TARGET)?;
        old.rename(walks, old_path, new, new_path)
    })
}

pub(in crate::wasi::p1) fn path_symlink(
    caller: &mut Caller<'_, State>,
    target: u32,
    target_bytes: u32,
    fd: u32,
    path: u32,
    path_bytes: u32,
) -> Result<(), Failure> {
    let (target, path) = ((target, target_bytes), (path, path_bytes));
    with_paths(caller, [fd, fd], target, path, |State { fds, walks, .. }, target, path| {
        fds.get(fd)?.as_directory(Rights::PATH_SYMLINK)?.create_symlink(walks, target, path)
    })
}

pub(in crate::wasi::p1) fn path_unlink_file(
    caller: &mut Caller<'_, State>,
    fd: u32,
    path: u32,
    path_bytes: u32,
) -> Result<(), Failure> {
    with_path(caller, fd, (path, path_bytes), |State { fds, walks, .. }, path| {
        fds.get(fd)?.as_directory(Rights::PATH_UNLINK_FILE)?.remove_file(walks, path)
    })
}
