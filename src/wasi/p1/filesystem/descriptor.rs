//! What can be done with a descriptor besides reading and writing it.

use super::io::seekable;
use crate::{
    cap::{Code, filesystem::Advice},
    engine::Caller,
    wasi::{
        filesystem::{Descriptor, Whence, seek},
        p1::{
            State,
            abi::{self, Edition, Filestat},
            errno::Failure,
            fd::{Entry, Object},
            rights::Rights,
        },
    },
};

pub(in crate::wasi::p1) fn fd_advise(
    caller: &mut Caller<'_, State>,
    fd: u32,
    offset: u64,
    length: u64,
    advice: u32,
) -> Result<(), Failure> {
    let advice = match advice {
        0 => Advice::Normal,
        1 => Advice::Sequential,
        2 => Advice::Random,
        3 => Advice::WillNeed,
        4 => Advice::DontNeed,
        5 => Advice::NoReuse,
        _ => return Err(Code::Invalid.into()),
    };
    let file = seekable(caller.data().fds.get(fd)?, Rights::FD_ADVISE)?;
    Ok(file.advise(offset, length, advice)?)
}

/// Space cannot be reserved through a capability, and to extend a file is not that: somebody may cut it
/// meanwhile. C libraries know this answer.
pub(in crate::wasi::p1) fn fd_allocate(
    caller: &mut Caller<'_, State>,
    fd: u32,
    _offset: u64,
    _length: u64,
) -> Result<(), Failure> {
    seekable(caller.data().fds.get(fd)?, Rights::FD_ALLOCATE)?;
    Err(Code::NotSupported.into())
}

pub(in crate::wasi::p1) fn fd_close(caller: &mut Caller<'_, State>, fd: u32) -> Result<(), Failure> {
    Ok(caller.data_mut().fds.remove(fd)?)
}

pub(in crate::wasi::p1) fn fd_datasync(caller: &mut Caller<'_, State>, fd: u32) -> Result<(), Failure> {
    sync(caller.data().fds.get(fd)?, Rights::FD_DATASYNC, true)
}

pub(in crate::wasi::p1) fn fd_sync(caller: &mut Caller<'_, State>, fd: u32) -> Result<(), Failure> {
    sync(caller.data().fds.get(fd)?, Rights::FD_SYNC, false)
}

/// A stream has nowhere to bring its bytes but where it brings them anyway.
fn sync(entry: &Entry, rights: Rights, data_only: bool) -> Result<(), Failure> {
    match &entry.object {
        Object::Directory { .. } => entry.as_directory(rights)?.sync()?,
        Object::File { .. } => entry.as_file(rights)?.sync(data_only)?,
        Object::Input { .. } | Object::Output { .. } | Object::Socket { .. } => {
            return Err(Code::Invalid.into());
        }
    }
    Ok(())
}

pub(in crate::wasi::p1) fn fd_fdstat_get(
    caller: &mut Caller<'_, State>,
    fd: u32,
    stat: u32,
) -> Result<(), Failure> {
    let (mut memory, state) = caller.split()?;
    let entry = state.fds.get(fd)?;
    let record =
        abi::fdstat(entry.filetype()?, entry.flag_bits(), entry.base.bits(), entry.inheriting.bits());
    Ok(memory.write(stat, &record)?)
}

pub(in crate::wasi::p1) fn fd_fdstat_set_flags(
    caller: &mut Caller<'_, State>,
    fd: u32,
    flags: u32,
) -> Result<(), Failure> {
    let flags = abi::file_flags(flags)?;
    let entry = caller.data_mut().fds.get_mut(fd)?;
    entry.base.require(Rights::FD_FDSTAT_SET_FLAGS)?;
    Ok(entry.set_flags(flags)?)
}

/// Gives rights up. What a descriptor does not have it cannot be given.
pub(in crate::wasi::p1) fn fd_fdstat_set_rights(
    caller: &mut Caller<'_, State>,
    fd: u32,
    base: u64,
    inheriting: u64,
) -> Result<(), Failure> {
    let (base, inheriting) = (Rights::from_bits(base), Rights::from_bits(inheriting));
    let entry = caller.data_mut().fds.get_mut(fd)?;
    if !entry.base.contains(base) || !entry.inheriting.contains(inheriting) {
        return Err(Code::NotCapable.into());
    }
    (entry.base, entry.inheriting) = (base, inheriting);
    if let Object::File { file, .. } = &mut entry.object {
        file.narrow(base.contains(Rights::FD_READ), base.contains(Rights::FD_WRITE));
    }
    Ok(())
}

pub(in crate::wasi::p1) fn fd_filestat_get(
    edition: Edition,
    caller: &mut Caller<'_, State>,
    fd: u32,
    stat: u32,
) -> Result<(), Failure> {
    let entry = caller.data().fds.get(fd)?;
    entry.base.require(Rights::FD_FILESTAT_GET)?;
    let filestat = match &entry.object {
        Object::Directory { directory, .. } => Filestat::new(&directory.metadata()?),
        Object::File { file, .. } => Filestat::new(&file.metadata()?),
        Object::Input { .. } | Object::Output { .. } | Object::Socket { .. } => {
            Filestat::bare(entry.filetype()?)
        }
    };
    write_filestat(edition, caller, stat, &filestat)
}

/// Writes a `filestat` as the edition has it.
pub(super) fn write_filestat(
    edition: Edition,
    caller: &mut Caller<'_, State>,
    at: u32,
    filestat: &Filestat,
) -> Result<(), Failure> {
    let (mut memory, _) = caller.split()?;
    Ok(match edition {
        Edition::Unstable => memory.write(at, &filestat.unstable()),
        Edition::Preview1 => memory.write(at, &filestat.preview1()),
    }?)
}

pub(in crate::wasi::p1) fn fd_filestat_set_size(
    caller: &mut Caller<'_, State>,
    fd: u32,
    size: u64,
) -> Result<(), Failure> {
    Ok(caller.data().fds.get(fd)?.as_file(Rights::FD_FILESTAT_SET_SIZE)?.set_size(size)?)
}

pub(in crate::wasi::p1) fn fd_filestat_set_times(
    caller: &mut Caller<'_, State>,
    fd: u32,
    accessed: u64,
    modified: u64,
    flags: u32,
) -> Result<(), Failure> {
    let times = abi::times(accessed, modified, flags)?;
    let entry = caller.data().fds.get(fd)?;
    let rights = Rights::FD_FILESTAT_SET_TIMES;
    match &entry.object {
        Object::Directory { .. } => entry.as_directory(rights)?.set_times(times)?,
        Object::File { .. } => entry.as_file(rights)?.set_times(times)?,
        Object::Input { .. } | Object::Output { .. } | Object::Socket { .. } => {
            return Err(Code::BadDescriptor.into());
        }
    }
    Ok(())
}

pub(in crate::wasi::p1) fn fd_prestat_get(
    caller: &mut Caller<'_, State>,
    fd: u32,
    prestat: u32,
) -> Result<(), Failure> {
    let (mut memory, state) = caller.split()?;
    let name = preopen_name(state.fds.get(fd)?)?;
    let name_bytes = u32::try_from(name.len()).map_err(|_| Code::Overflow)?;
    Ok(memory.write(prestat, &abi::prestat_dir(name_bytes))?)
}

/// Writes the name without a NUL. A longer buffer is fine, a shorter one is not.
pub(in crate::wasi::p1) fn fd_prestat_dir_name(
    caller: &mut Caller<'_, State>,
    fd: u32,
    path: u32,
    path_bytes: u32,
) -> Result<(), Failure> {
    let name_bytes = u32::try_from(preopen_name(caller.data().fds.get(fd)?)?.len());
    let name_bytes = name_bytes.ok().filter(|bytes| *bytes <= path_bytes).ok_or(Code::NameTooLong)?;
    caller.charge_bytes(name_bytes)?;
    let (mut memory, state) = caller.split()?;
    Ok(memory.write(path, preopen_name(state.fds.get(fd)?)?.as_bytes())?)
}

fn preopen_name(entry: &Entry) -> Result<&str, Code> {
    entry.preopen.as_deref().ok_or(Code::BadDescriptor)
}

pub(in crate::wasi::p1) fn fd_renumber(
    caller: &mut Caller<'_, State>,
    from: u32,
    to: u32,
) -> Result<(), Failure> {
    Ok(caller.data_mut().fds.renumber(from, to)?)
}

pub(in crate::wasi::p1) fn fd_seek(
    edition: Edition,
    caller: &mut Caller<'_, State>,
    fd: u32,
    delta: i64,
    whence: u32,
    position_at: u32,
) -> Result<(), Failure> {
    let (mut memory, state) = caller.split()?;
    memory.check(position_at, 8)?;
    let entry = state.fds.get_mut(fd)?;
    let whence = edition.whence(whence)?;
    // To ask where one is takes less than to go elsewhere.
    let rights = match (whence, delta) {
        (Whence::Current, 0) => Rights::FD_TELL,
        _ => Rights::FD_SEEK,
    };
    let file = seekable(entry, rights)?;
    let size = match whence {
        Whence::End => file.metadata()?.size,
        Whence::Start | Whence::Current => 0,
    };
    let Object::File { position, .. } = &mut entry.object else { return Err(Code::Seek.into()) };
    *position = seek(whence, delta, *position, size)?;
    Ok(memory.write_u64(position_at, *position)?)
}

pub(in crate::wasi::p1) fn fd_tell(
    caller: &mut Caller<'_, State>,
    fd: u32,
    position_at: u32,
) -> Result<(), Failure> {
    let (mut memory, state) = caller.split()?;
    let entry = state.fds.get(fd)?;
    seekable(entry, Rights::FD_TELL)?;
    let Object::File { position, .. } = &entry.object else { return Err(Code::Seek.into()) };
    Ok(memory.write_u64(position_at, *position)?)
}

/// A descriptor for what was opened, that can do what it is able to, was asked to, and may.
pub(super) fn opened(descriptor: Descriptor, inherited: Rights) -> Entry {
    let mut entry = match descriptor {
        Descriptor::Directory(directory) => Entry::directory(directory),
        Descriptor::File(file) => Entry::file(file),
    };
    entry.base = entry.base & inherited;
    entry.inheriting = entry.inheriting & inherited;
    entry
}
