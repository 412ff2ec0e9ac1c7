//! The one table from the platform's errors to what a guest may learn.

use crate::cap::Code;
use rustix::io::Errno;
use std::io::{self, ErrorKind};

/// The nearest code. Messages, paths and numbers of the host stay here.
pub(super) fn code(error: &io::Error) -> Code {
    match Errno::from_io_error(error) {
        Some(errno) => errno_code(errno),
        None => kind_code(error.kind()),
    }
}

/// As [`code`], by value, for `map_err`.
pub(super) fn from_io(error: io::Error) -> Code {
    code(&error)
}

pub(super) fn errno_code(errno: Errno) -> Code {
    match errno {
        Errno::ACCESS => Code::Access,
        Errno::ADDRINUSE => Code::AddressInUse,
        Errno::ADDRNOTAVAIL => Code::AddressNotAvailable,
        // The same number on Linux, not everywhere.
        errno if errno == Errno::AGAIN || errno == Errno::WOULDBLOCK => Code::WouldBlock,
        Errno::ALREADY | Errno::INPROGRESS | Errno::ISCONN => Code::Already,
        Errno::BADF => Code::BadDescriptor,
        Errno::BUSY | Errno::TXTBSY => Code::Busy,
        Errno::CONNABORTED => Code::ConnectionAborted,
        Errno::CONNREFUSED => Code::ConnectionRefused,
        Errno::CONNRESET => Code::ConnectionReset,
        Errno::DQUOT | Errno::NOSPC => Code::NoSpace,
        Errno::EXIST => Code::Exist,
        Errno::FBIG => Code::FileTooLarge,
        Errno::HOSTUNREACH | Errno::NETDOWN | Errno::NETUNREACH => Code::NetworkUnreachable,
        Errno::ILSEQ => Code::IllegalByteSequence,
        Errno::INTR => Code::Interrupted,
        Errno::INVAL | Errno::FAULT => Code::Invalid,
        Errno::ISDIR => Code::IsDirectory,
        Errno::LOOP => Code::Loop,
        Errno::MFILE | Errno::NFILE => Code::TooManyOpenInHost,
        Errno::MLINK => Code::TooManyLinks,
        Errno::MSGSIZE => Code::MessageSize,
        Errno::NAMETOOLONG => Code::NameTooLong,
        Errno::NODEV | Errno::NXIO => Code::NoDevice,
        Errno::NOENT => Code::NoEntry,
        Errno::NOMEM | Errno::NOBUFS => Code::NoMemory,
        Errno::NOSYS | Errno::OPNOTSUPP => Code::NotSupported,
        Errno::NOTCONN => Code::NotConnected,
        Errno::NOTDIR => Code::NotDirectory,
        Errno::NOTEMPTY => Code::NotEmpty,
        Errno::NOTSOCK => Code::NotSocket,
        Errno::OVERFLOW => Code::Overflow,
        Errno::PERM => Code::NotPermitted,
        Errno::PIPE => Code::Pipe,
        Errno::ROFS => Code::ReadOnly,
        Errno::SPIPE => Code::Seek,
        Errno::TIMEDOUT => Code::TimedOut,
        Errno::XDEV => Code::CrossDevice,
        _ => Code::Io,
    }
}

/// For errors that a library made up, with no number of the platform's.
fn kind_code(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::AlreadyExists => Code::Exist,
        ErrorKind::BrokenPipe => Code::Pipe,
        ErrorKind::DirectoryNotEmpty => Code::NotEmpty,
        ErrorKind::Interrupted => Code::Interrupted,
        ErrorKind::InvalidData => Code::IllegalByteSequence,
        ErrorKind::InvalidInput => Code::Invalid,
        ErrorKind::IsADirectory => Code::IsDirectory,
        ErrorKind::NotADirectory => Code::NotDirectory,
        ErrorKind::NotFound => Code::NoEntry,
        ErrorKind::OutOfMemory => Code::NoMemory,
        ErrorKind::PermissionDenied => Code::NotPermitted,
        ErrorKind::TimedOut => Code::TimedOut,
        ErrorKind::Unsupported => Code::NotSupported,
        ErrorKind::WouldBlock => Code::WouldBlock,
        _ => Code::Io,
    }
}
