//! Directories of the platform's.
//!
//! Names are one component each and no operation follows a symbolic link, so there is nothing here for
//! a path to escape by; `cap-std` opens everything below a directory's own descriptor.

use super::{
    descriptors::Ticket,
    error::{errno_code, from_io},
};
use crate::cap::{
    Code,
    clocks::Datetime,
    filesystem::{self, Advice, Entry, Kind, Metadata, Name, NewTime, Open, Times},
};
use alloc::{string::String, sync::Arc};
use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::{
    ambient_authority,
    fs::{Dir, FileTypeExt, OpenOptions},
};
use core::{
    any::Any,
    task::{Context, Poll},
};
use rustix::{
    fs::{AtFlags, FileType, OFlags, Stat, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT},
    process::{Resource, getrlimit},
};
use std::{
    fs,
    os::unix::fs::{DirEntryExt, FileExt},
    path::Path,
    sync::{Mutex, PoisonError},
};

/// A directory of the platform's, and what is below it. Counted ([`descriptors_open`](super::descriptors_open)) where a
/// guest opened it.
#[derive(Debug)]
pub struct Directory {
    dir: Dir,
    /// Where a guest opened it.
    _ticket: Option<Ticket>,
}

impl Directory {
    /// Opens a directory anywhere on this machine: the one place where a path names something that was not
    /// granted. Symbolic links in it are followed.
    ///
    /// # Errors
    ///
    /// [`Code::NoEntry`], [`Code::NotDirectory`], [`Code::Access`] and what else the platform answers.
    pub fn open_ambient(path: impl AsRef<Path>) -> Result<Self, Code> {
        Dir::open_ambient_dir(path, ambient_authority()).map(Self::from_dir).map_err(from_io)
    }

    /// Takes a directory that is open already.
    #[must_use]
    pub fn from_dir(directory: Dir) -> Self {
        Self { dir: directory, _ticket: None }
    }

    /// The code for a failure to open the file `name`: platforms differ in what they say to something that
    /// is not followed or not a file, so it is looked at.
    fn explain(&self, name: Name<'_>, code: Code) -> Code {
        if !matches!(code, Code::Loop | Code::NotDirectory | Code::NoDevice | Code::TooManyLinks) {
            return code;
        }
        match self.kind_at(name) {
            Some(Kind::SymbolicLink) => Code::Loop,
            Some(Kind::Fifo | Kind::Socket) => Code::NotSupported,
            _ => code,
        }
    }

    fn kind_at(&self, name: Name<'_>) -> Option<Kind> {
        stat_at(&self.dir, name).map(|stat| kind(&stat)).ok()
    }

    fn open(&self, name: Name<'_>, open: Open) -> Result<fs::File, Code> {
        let mut options = OpenOptions::new();
        // Whoever wants neither may still look at it, and `File` allows no more than was asked for.
        options.read(open.read || !open.write).write(open.write).truncate(open.truncate);
        // Opening a pipe without a writer must not wait for one.
        options.follow(FollowSymlinks::No).nonblock(true);
        if open.create_new {
            return self.open_new(name, options);
        }
        for _ in 0..RACES_MAX {
            match self.dir.open_with(name.as_str(), &options).map_err(from_io) {
                Err(Code::NoEntry) if open.create => match self.open_new(name, options.clone()) {
                    // Somebody else created it meanwhile, or it is a link to nowhere.
                    Err(Code::Exist) => {}
                    created => return created,
                },
                Err(code) => return Err(self.explain(name, code)),
                Ok(file) => return Ok(file.into_std()),
            }
        }
        Err(Code::Busy)
    }

    /// The standard library creates no file that it cannot write, so it may be written, by the handle.
    fn open_new(&self, name: Name<'_>, mut options: OpenOptions) -> Result<fs::File, Code> {
        options.write(true).truncate(false).create_new(true);
        self.dir.open_with(name.as_str(), &options).map(cap_std::fs::File::into_std).map_err(from_io)
    }

    /// The other directory of a two-directory operation, if it is of this backend.
    fn sibling(other: &dyn filesystem::Directory) -> Result<&Self, Code> {
        other.as_any().downcast_ref().ok_or(Code::CrossDevice)
    }
}

/// How often creating a file gives way to somebody who creates and removes it.
const RACES_MAX: usize = 8;

impl filesystem::Directory for Directory {
    fn open_directory(&self, name: Name<'_>) -> Result<Arc<dyn filesystem::Directory>, Code> {
        let ticket = Ticket::take()?;
        match self.dir.open_dir_nofollow(name.as_str()).map_err(from_io) {
            Ok(directory) => Ok(Arc::new(Self { dir: directory, _ticket: Some(ticket) })),
            // To Linux a symbolic link is just no directory.
            Err(Code::NotDirectory) if self.kind_at(name) == Some(Kind::SymbolicLink) => Err(Code::Loop),
            Err(code) => Err(code),
        }
    }

    fn open_file(&self, name: Name<'_>, open: Open) -> Result<Arc<dyn filesystem::File>, Code> {
        if open.truncate && !open.write {
            return Err(Code::Invalid);
        }
        let ticket = Ticket::take()?;
        let file = self.open(name, open)?;
        match kind(&rustix::fs::fstat(&file).map_err(errno_code)?) {
            Kind::Directory => Err(Code::IsDirectory),
            // Neither has positions, and both would wait.
            Kind::Fifo | Kind::Socket => Err(Code::NotSupported),
            _ => Ok(Arc::new(File {
                file,
                read: open.read,
                write: open.write,
                appending: Mutex::new(false),
                _ticket: ticket,
            })),
        }
    }

    fn metadata(&self) -> Result<Metadata, Code> {
        rustix::fs::fstat(&self.dir).map(|stat| metadata(&stat)).map_err(errno_code)
    }

    fn metadata_at(&self, name: Name<'_>) -> Result<Metadata, Code> {
        stat_at(&self.dir, name).map(|stat| metadata(&stat))
    }

    fn set_times(&self, times: Times) -> Result<(), Code> {
        rustix::fs::utimensat(&self.dir, ".", &timestamps(times)?, AtFlags::empty()).map_err(errno_code)
    }

    fn set_times_at(&self, name: Name<'_>, times: Times) -> Result<(), Code> {
        let timestamps = timestamps(times)?;
        if times == Times::default() {
            // Linux does not even look whether there is such a file.
            return stat_at(&self.dir, name).map(drop);
        }
        rustix::fs::utimensat(&self.dir, name.as_str(), &timestamps, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(errno_code)
    }

    fn read_link(&self, name: Name<'_>) -> Result<String, Code> {
        let target = self.dir.read_link_contents(name.as_str()).map_err(from_io)?;
        target.into_os_string().into_string().map_err(|_| Code::IllegalByteSequence)
    }

    fn create_directory(&self, name: Name<'_>) -> Result<(), Code> {
        self.dir.create_dir(name.as_str()).map_err(from_io)
    }

    fn create_symlink(&self, name: Name<'_>, target: &str) -> Result<(), Code> {
        self.dir.symlink_contents(target, name.as_str()).map_err(from_io)
    }

    fn link(&self, name: Name<'_>, to: &dyn filesystem::Directory, to_name: Name<'_>) -> Result<(), Code> {
        let to = Self::sibling(to)?;
        self.dir.hard_link(name.as_str(), &to.dir, to_name.as_str()).map_err(from_io)
    }

    fn rename(&self, name: Name<'_>, to: &dyn filesystem::Directory, to_name: Name<'_>) -> Result<(), Code> {
        let to = Self::sibling(to)?;
        match self.dir.rename(name.as_str(), &to.dir, to_name.as_str()).map_err(from_io) {
            // POSIX allows either for a directory that is not empty.
            Err(Code::Exist) => Err(Code::NotEmpty),
            renamed => renamed,
        }
    }

    fn remove_file(&self, name: Name<'_>) -> Result<(), Code> {
        match self.dir.remove_file(name.as_str()).map_err(from_io) {
            // What POSIX has for a directory, where Linux says that it is one.
            Err(Code::NotPermitted) if self.kind_at(name) == Some(Kind::Directory) => Err(Code::IsDirectory),
            removed => removed,
        }
    }

    fn remove_directory(&self, name: Name<'_>) -> Result<(), Code> {
        match self.dir.remove_dir(name.as_str()).map_err(from_io) {
            Err(Code::Exist) => Err(Code::NotEmpty),
            removed => removed,
        }
    }

    fn read(&self, visit: &mut dyn FnMut(Entry<'_>) -> bool) -> Result<u64, Code> {
        let mut passed_over = 0;
        for entry in self.dir.entries().map_err(from_io)? {
            let entry = entry.map_err(from_io)?;
            let name = entry.file_name();
            let name = name.to_str().and_then(|name| Name::new(name).ok());
            let (Some(name), Ok(file_type)) = (name, entry.file_type()) else {
                passed_over += 1;
                continue;
            };
            if !visit(Entry { name, kind: entry_kind(file_type), inode: entry.ino() }) {
                break;
            }
        }
        Ok(passed_over)
    }

    fn sync(&self) -> Result<(), Code> {
        // The descriptor itself may be one that only names the directory.
        let directory = self.dir.open(".").map_err(from_io)?;
        directory.sync_all().map_err(from_io)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// An open file of the platform's.
#[derive(Debug)]
struct File {
    file: fs::File,
    read: bool,
    write: bool,
    /// Whether the descriptor appends now. On Linux one that does ignores offsets, so it changes with
    /// what is asked for, and whoever writes holds this.
    appending: Mutex<bool>,
    _ticket: Ticket,
}

impl File {
    fn write(&self) -> Result<&fs::File, Code> {
        if self.write { Ok(&self.file) } else { Err(Code::BadDescriptor) }
    }

    /// Writes while the descriptor appends, or does not.
    fn write_as<T>(&self, append: bool, write: impl FnOnce(&fs::File) -> Result<T, Code>) -> Result<T, Code> {
        let file = self.write()?;
        let mut appending = self.appending.lock().unwrap_or_else(PoisonError::into_inner);
        if *appending != append {
            let flags = rustix::fs::fcntl_getfl(file).map_err(errno_code)?;
            let mut new_flags = flags;
            new_flags.set(OFlags::APPEND, append);
            rustix::fs::fcntl_setfl(file, new_flags).map_err(errno_code)?;
            *appending = append;
        }
        write(file)
    }
}

/// The largest size and offset that platforms can express.
const FILE_BYTES_MAX: u64 = i64::MAX as u64;

/// Refuses what would write from `offset` on where this process may have no file so long (`RLIMIT_FSIZE`). The platform
/// would not refuse it but end the process, with all its guests (`SIGXFSZ`); what begins before, it cuts off there. Asked
/// each time, for it can change.
pub(super) fn check_room(offset: impl FnOnce() -> Result<u64, Code>) -> Result<(), Code> {
    match getrlimit(Resource::Fsize).current {
        Some(max) if offset()? >= max => Err(Code::FileTooLarge),
        _ => Ok(()),
    }
}

/// Tries again where a signal came between.
fn uninterrupted<T>(mut operation: impl FnMut() -> std::io::Result<T>) -> Result<T, Code> {
    loop {
        match operation().map_err(from_io) {
            Err(Code::Interrupted) => {}
            done => return done,
        }
    }
}

impl filesystem::File for File {
    fn poll_read_at(&self, _: &mut Context<'_>, bytes: &mut [u8], offset: u64) -> Poll<Result<usize, Code>> {
        if !self.read {
            return Poll::Ready(Err(Code::BadDescriptor));
        }
        // No file goes on there, and platforms call the question itself invalid.
        let room = usize::try_from(FILE_BYTES_MAX.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = bytes.len().min(room);
        Poll::Ready(uninterrupted(|| self.file.read_at(&mut bytes[..length], offset.min(FILE_BYTES_MAX))))
    }

    fn poll_write_at(&self, _: &mut Context<'_>, bytes: &[u8], offset: u64) -> Poll<Result<usize, Code>> {
        if offset > FILE_BYTES_MAX.saturating_sub(bytes.len() as u64) {
            return Poll::Ready(self.write().and(Err(Code::FileTooLarge)));
        }
        Poll::Ready(self.write_as(false, |file| {
            if !bytes.is_empty() {
                check_room(|| Ok(offset))?;
            }
            uninterrupted(|| file.write_at(bytes, offset))
        }))
    }

    fn poll_append(&self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<(usize, u64), Code>> {
        Poll::Ready(self.write_as(true, |file| {
            let length = || file.metadata().map(|metadata| metadata.len()).map_err(from_io);
            if bytes.is_empty() {
                return Ok((0, length()?));
            }
            check_room(length)?;
            let count = uninterrupted(|| rustix::io::write(file, bytes).map_err(Into::into))?;
            // Where the write left the descriptor: the end as it was after it, whoever appends meanwhile.
            Ok((count, rustix::fs::tell(file).map_err(errno_code)?))
        }))
    }

    fn metadata(&self) -> Result<Metadata, Code> {
        rustix::fs::fstat(&self.file).map(|stat| metadata(&stat)).map_err(errno_code)
    }

    fn set_size(&self, size: u64) -> Result<(), Code> {
        let file = self.write()?;
        if size > FILE_BYTES_MAX {
            return Err(Code::FileTooLarge);
        }
        if size > file.metadata().map_err(from_io)?.len() {
            check_room(|| Ok(size - 1))?;
        }
        file.set_len(size).map_err(from_io)
    }

    fn set_times(&self, times: Times) -> Result<(), Code> {
        rustix::fs::futimens(&self.file, &timestamps(times)?).map_err(errno_code)
    }

    /// Does nothing: a guest's guesses are not worth a system call of their own on every platform.
    fn advise(&self, _: u64, _: u64, _: Advice) -> Result<(), Code> {
        Ok(())
    }

    fn sync(&self, data_only: bool) -> Result<(), Code> {
        if data_only { self.file.sync_data() } else { self.file.sync_all() }.map_err(from_io)
    }
}

fn stat_at(directory: &Dir, name: Name<'_>) -> Result<Stat, Code> {
    rustix::fs::statat(directory, name.as_str(), AtFlags::SYMLINK_NOFOLLOW).map_err(errno_code)
}

fn kind(stat: &Stat) -> Kind {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::BlockDevice => Kind::BlockDevice,
        FileType::CharacterDevice => Kind::CharacterDevice,
        FileType::Directory => Kind::Directory,
        FileType::Fifo => Kind::Fifo,
        FileType::RegularFile => Kind::RegularFile,
        FileType::Socket => Kind::Socket,
        FileType::Symlink => Kind::SymbolicLink,
        FileType::Unknown => Kind::Unknown,
    }
}

fn entry_kind(file_type: cap_std::fs::FileType) -> Kind {
    match file_type {
        kind if kind.is_dir() => Kind::Directory,
        kind if kind.is_file() => Kind::RegularFile,
        kind if kind.is_symlink() => Kind::SymbolicLink,
        kind if kind.is_block_device() => Kind::BlockDevice,
        kind if kind.is_char_device() => Kind::CharacterDevice,
        kind if kind.is_fifo() => Kind::Fifo,
        kind if kind.is_socket() => Kind::Socket,
        _ => Kind::Unknown,
    }
}

/// Numbers as the platform has them, however far from 1970: never through `SystemTime`, which has a range.
fn metadata(stat: &Stat) -> Metadata {
    let time = |seconds: i64, nanoseconds: i64| {
        let nanoseconds = u32::try_from(nanoseconds).ok().filter(|&part| part < 1_000_000_000)?;
        Some(Datetime { seconds, nanoseconds })
    };
    Metadata {
        kind: kind(stat),
        device: stat.st_dev as _,
        inode: stat.st_ino as _,
        links: stat.st_nlink as _,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        accessed: time(stat.st_atime as _, stat.st_atime_nsec as _),
        modified: time(stat.st_mtime as _, stat.st_mtime_nsec as _),
        changed: time(stat.st_ctime as _, stat.st_ctime_nsec as _),
    }
}

fn timestamps(times: Times) -> Result<Timestamps, Code> {
    let timestamp = |time| match time {
        NewTime::Keep => Ok(Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT }),
        NewTime::Now => Ok(Timespec { tv_sec: 0, tv_nsec: UTIME_NOW }),
        NewTime::At(Datetime { nanoseconds: 1_000_000_000.., .. }) => Err(Code::Invalid),
        NewTime::At(Datetime { seconds, nanoseconds }) => {
            Ok(Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() })
        }
    };
    Ok(Timestamps { last_access: timestamp(times.accessed)?, last_modification: timestamp(times.modified)? })
}
