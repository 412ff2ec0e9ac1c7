//! The table of open descriptors.
//!
//! Numbers are handed out lowest first, as POSIX does and programs count on. How many there may be is
//! bounded, and a number is never beyond that bound: a guest cannot make the table long by renumbering.

use super::{
    abi::{Filetype, file_flag_bits},
    rights::Rights,
};
use crate::{
    cap::Code,
    wasi::{
        cli::{Input, Output},
        filesystem::{Directory, File, FileFlags, Listing},
        sockets::Socket,
    },
};
use alloc::{boxed::Box, string::String, vec::Vec};

/// Open descriptors by their numbers.
pub(super) struct Table {
    entries: Vec<Option<Entry>>,
    /// No number below it is free.
    lowest_free: usize,
    count_max: usize,
    listing_bytes: usize,
}

/// One open descriptor.
pub(super) struct Entry {
    pub(super) object: Object,
    pub(super) base: Rights,
    pub(super) inheriting: Rights,
    /// The name it was granted under, if it was there from the start.
    pub(super) preopen: Option<Box<str>>,
}

/// What a descriptor is open on.
pub(super) enum Object {
    Input { stream: Input, nonblocking: bool },
    Output { stream: Output, nonblocking: bool },
    Directory { directory: Directory, listing: Option<Box<Listing>> },
    File { file: File, position: u64 },
    Socket { socket: Socket, nonblocking: bool },
}

impl Table {
    /// A table in which `granted` are open, from 0 on.
    pub(super) fn new(count_max: u32, granted: Vec<Option<Entry>>) -> Result<Self, Code> {
        let count_max = usize::try_from(count_max).unwrap_or(usize::MAX);
        if granted.len() > count_max {
            return Err(Code::TooManyOpen);
        }
        Ok(Self { lowest_free: granted.len(), entries: granted, count_max, listing_bytes: 0 })
    }

    /// Refuses to go on when nothing more may be opened: asked before anything is created.
    pub(super) fn check_room(&self) -> Result<(), Code> {
        if self.lowest_free < self.count_max { Ok(()) } else { Err(Code::TooManyOpen) }
    }

    /// Opens the lowest free number on `entry`.
    pub(super) fn insert(&mut self, entry: Entry) -> Result<u32, Code> {
        self.check_room()?;
        let index = self.lowest_free;
        let fd = u32::try_from(index).map_err(|_| Code::TooManyOpen)?;
        match self.entries.get_mut(index) {
            Some(slot) => *slot = Some(entry),
            None => self.entries.push(Some(entry)),
        }
        let after = self.entries.iter().skip(index + 1).position(Option::is_none);
        self.lowest_free = after.map_or(self.entries.len(), |skipped| index + 1 + skipped);
        Ok(fd)
    }

    pub(super) fn get(&self, fd: u32) -> Result<&Entry, Code> {
        let entry = usize::try_from(fd).ok().and_then(|index| self.entries.get(index));
        entry.and_then(Option::as_ref).ok_or(Code::BadDescriptor)
    }

    pub(super) fn get_mut(&mut self, fd: u32) -> Result<&mut Entry, Code> {
        let entry = usize::try_from(fd).ok().and_then(|index| self.entries.get_mut(index));
        entry.and_then(Option::as_mut).ok_or(Code::BadDescriptor)
    }

    /// Closes `fd`.
    pub(super) fn remove(&mut self, fd: u32) -> Result<(), Code> {
        self.take(fd).map(drop)
    }

    /// Moves `from` to the number `to`, closing what was open there. Both must be open.
    pub(super) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Code> {
        self.get(from)?;
        self.get(to)?;
        if from == to {
            return Ok(());
        }
        let entry = self.take(from)?;
        let replaced = core::mem::replace(self.get_mut(to)?, entry);
        self.listing_bytes = self.listing_bytes.saturating_sub(replaced.listing_bytes());
        // What moved keeps its listing, and `take` has stopped counting it.
        self.listing_bytes += self.get(to)?.listing_bytes();
        Ok(())
    }

    fn take(&mut self, fd: u32) -> Result<Entry, Code> {
        let index = usize::try_from(fd).map_err(|_| Code::BadDescriptor)?;
        let entry = self.entries.get_mut(index).and_then(Option::take).ok_or(Code::BadDescriptor)?;
        self.lowest_free = self.lowest_free.min(index);
        self.listing_bytes = self.listing_bytes.saturating_sub(entry.listing_bytes());
        Ok(entry)
    }

    /// Bytes that the listings of all open directories hold.
    pub(super) const fn listing_bytes(&self) -> usize {
        self.listing_bytes
    }

    /// Keeps `listing` for the directory `fd`, or drops the one it has.
    pub(super) fn set_listing(&mut self, fd: u32, listing: Option<Box<Listing>>) -> Result<(), Code> {
        let entry = self.get_mut(fd)?;
        let before = entry.listing_bytes();
        if let Object::Directory { listing: slot, .. } = &mut entry.object {
            *slot = listing;
        }
        let after = entry.listing_bytes();
        self.listing_bytes = self.listing_bytes.saturating_sub(before).saturating_add(after);
        Ok(())
    }

    /// How many are open.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.entries.iter().flatten().count()
    }
}

impl Entry {
    /// A descriptor on `object`, able to do all that `base` says.
    pub(super) const fn new(object: Object, base: Rights, inheriting: Rights) -> Self {
        Self { object, base, inheriting, preopen: None }
    }

    pub(super) fn input(stream: Input) -> Self {
        Self::new(Object::Input { stream, nonblocking: false }, Rights::INPUT, Rights::NONE)
    }

    pub(super) fn output(stream: Output) -> Self {
        Self::new(Object::Output { stream, nonblocking: false }, Rights::OUTPUT, Rights::NONE)
    }

    pub(super) fn directory(directory: Directory) -> Self {
        let object = Object::Directory { directory, listing: None };
        Self::new(object, Rights::DIRECTORY, Rights::DIRECTORY | Rights::FILE)
    }

    pub(super) fn file(file: File) -> Self {
        let mut base = Rights::FILE;
        if !file.is_readable() {
            base = base.without(Rights::FD_READ);
        }
        if !file.is_writable() {
            base = base.without(Rights::FILE_WRITING);
        }
        Self::new(Object::File { file, position: 0 }, base, Rights::NONE)
    }

    pub(super) fn socket(socket: Socket, nonblocking: bool) -> Self {
        Self::new(Object::Socket { socket, nonblocking }, Rights::SOCKET, Rights::NONE)
    }

    pub(super) fn preopened(mut self, name: String) -> Self {
        self.preopen = Some(name.into_boxed_str());
        self
    }

    /// The directory, if this is one and may do that.
    pub(super) fn as_directory(&self, rights: Rights) -> Result<&Directory, Code> {
        let Object::Directory { directory, .. } = &self.object else { return Err(Code::NotDirectory) };
        self.base.require(rights)?;
        Ok(directory)
    }

    /// The file, if this is one and may do that.
    pub(super) fn as_file(&self, rights: Rights) -> Result<&File, Code> {
        match &self.object {
            Object::File { file, .. } => self.base.require(rights).map(|()| file),
            _ => Err(Code::BadDescriptor),
        }
    }

    /// The socket, if this is one and may do that.
    pub(super) fn as_socket(&self, rights: Rights) -> Result<&Socket, Code> {
        let Object::Socket { socket, .. } = &self.object else { return Err(Code::NotSocket) };
        self.base.require(rights)?;
        Ok(socket)
    }

    /// What it is, without asking what it is open on.
    pub(super) fn filetype(&self) -> Result<Filetype, Code> {
        let terminal = |is: bool| if is { Filetype::CHARACTER_DEVICE } else { Filetype::UNKNOWN };
        Ok(match &self.object {
            Object::Input { stream, .. } => terminal(stream.is_terminal()),
            Object::Output { stream, .. } => terminal(stream.is_terminal()),
            Object::Directory { .. } => Filetype::DIRECTORY,
            Object::File { file, .. } => file.metadata()?.kind.into(),
            Object::Socket { .. } => Filetype::SOCKET_STREAM,
        })
    }

    /// How it behaves.
    pub(super) fn flags(&self) -> FileFlags {
        match &self.object {
            Object::File { file, .. } => file.flags(),
            Object::Directory { .. } => FileFlags::default(),
            Object::Input { nonblocking, .. }
            | Object::Output { nonblocking, .. }
            | Object::Socket { nonblocking, .. } => {
                FileFlags { nonblocking: *nonblocking, ..FileFlags::default() }
            }
        }
    }

    pub(super) fn flag_bits(&self) -> u16 {
        file_flag_bits(self.flags())
    }

    /// Makes it behave otherwise.
    pub(super) fn set_flags(&mut self, flags: FileFlags) -> Result<(), Code> {
        let streaming = FileFlags { nonblocking: flags.nonblocking, ..FileFlags::default() };
        match &mut self.object {
            Object::File { file, .. } => file.set_flags(flags),
            Object::Directory { .. } => return Err(Code::BadDescriptor),
            Object::Input { .. } | Object::Output { .. } | Object::Socket { .. } if flags != streaming => {
                return Err(Code::Invalid);
            }
            Object::Input { nonblocking, .. }
            | Object::Output { nonblocking, .. }
            | Object::Socket { nonblocking, .. } => *nonblocking = flags.nonblocking,
        }
        Ok(())
    }

    fn listing_bytes(&self) -> usize {
        match &self.object {
            Object::Directory { listing: Some(listing), .. } => listing.bytes(),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests;
