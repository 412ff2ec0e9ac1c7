//! The errors a guest can be told.

use core::fmt;

/// Why an operation on a capability failed, as a guest may learn it.
///
/// A closed set: the union of what WASI's interfaces can express. Each dialect has one table that
/// maps it to its own numbers. A backend maps its platform's errors to the nearest of these and
/// keeps no host detail (paths, handles, messages) in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// Permission denied by the file's own permissions.
    Access,
    /// The address is in use.
    AddressInUse,
    /// The address is not available here.
    AddressNotAvailable,
    /// A connection or operation of this kind is under way already.
    Already,
    /// The descriptor is not open, or not open for this.
    BadDescriptor,
    /// Device or resource busy.
    Busy,
    /// The peer aborted the connection.
    ConnectionAborted,
    /// The peer refused the connection.
    ConnectionRefused,
    /// The peer reset the connection.
    ConnectionReset,
    /// The operation would have to cross from one device or backend to another.
    CrossDevice,
    /// It exists already.
    Exist,
    /// The file would become too large.
    FileTooLarge,
    /// The bytes are not valid in this encoding (a path that is not UTF-8, say).
    IllegalByteSequence,
    /// The operation was interrupted.
    Interrupted,
    /// An argument is out of its domain.
    Invalid,
    /// The device failed.
    Io,
    /// It is a directory.
    IsDirectory,
    /// Too many symbolic links, or one where none may be followed.
    Loop,
    /// The message does not fit.
    MessageSize,
    /// A name is too long.
    NameTooLong,
    /// The network is not reachable.
    NetworkUnreachable,
    /// There is no such device.
    NoDevice,
    /// There is no such file or directory.
    NoEntry,
    /// A quota of memory is spent.
    NoMemory,
    /// The device, or the quota for it, is full.
    NoSpace,
    /// The socket is not connected.
    NotConnected,
    /// It is not a directory.
    NotDirectory,
    /// The directory is not empty.
    NotEmpty,
    /// The descriptor lacks the right this needs.
    NotCapable,
    /// The descriptor is no socket.
    NotSocket,
    /// The operation is not permitted: what was granted does not cover it.
    NotPermitted,
    /// Nothing of the kind is implemented by this backend.
    NotSupported,
    /// A value does not fit its type.
    Overflow,
    /// The other end is gone.
    Pipe,
    /// A file system that can only be read.
    ReadOnly,
    /// The position cannot be set on this descriptor.
    Seek,
    /// The operation's time is up.
    TimedOut,
    /// Too many descriptors are open.
    TooManyOpen,
    /// The host has no descriptor left for any of its guests: it was not this one that opened too many.
    TooManyOpenInHost,
    /// Too many links to one file.
    TooManyLinks,
    /// Nothing is ready, and the descriptor does not wait.
    WouldBlock,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Access => "permission denied",
            Self::AddressInUse => "address in use",
            Self::AddressNotAvailable => "address not available",
            Self::Already => "already under way",
            Self::BadDescriptor => "bad descriptor",
            Self::Busy => "resource busy",
            Self::ConnectionAborted => "connection aborted",
            Self::ConnectionRefused => "connection refused",
            Self::ConnectionReset => "connection reset",
            Self::CrossDevice => "would cross devices",
            Self::Exist => "exists already",
            Self::FileTooLarge => "file too large",
            Self::IllegalByteSequence => "illegal byte sequence",
            Self::Interrupted => "interrupted",
            Self::Invalid => "invalid argument",
            Self::Io => "input/output error",
            Self::IsDirectory => "is a directory",
            Self::Loop => "too many symbolic links",
            Self::MessageSize => "message too large",
            Self::NameTooLong => "name too long",
            Self::NetworkUnreachable => "network unreachable",
            Self::NoDevice => "no such device",
            Self::NoEntry => "no such file or directory",
            Self::NoMemory => "out of memory",
            Self::NoSpace => "no space left",
            Self::NotConnected => "not connected",
            Self::NotDirectory => "not a directory",
            Self::NotEmpty => "directory not empty",
            Self::NotCapable => "capability insufficient",
            Self::NotSocket => "not a socket",
            Self::NotPermitted => "not permitted",
            Self::NotSupported => "not supported",
            Self::Overflow => "value too large",
            Self::Pipe => "broken pipe",
            Self::ReadOnly => "read-only file system",
            Self::Seek => "cannot seek",
            Self::TimedOut => "timed out",
            Self::TooManyOpen => "too many open descriptors",
            Self::TooManyOpenInHost => "too many open descriptors in the host",
            Self::TooManyLinks => "too many links",
            Self::WouldBlock => "would block",
        })
    }
}

impl core::error::Error for Code {}
