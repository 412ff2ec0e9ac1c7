//! What guests are told of errors: one table for each interface.

use crate::cap::Code;
use alloc::string::String;

/// `wasi:cli/types.error-code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CliError {
    Io,
    IllegalByteSequence,
    Pipe,
}
crate::variant! { CliError { Io = "io", IllegalByteSequence = "illegal-byte-sequence", Pipe = "pipe" } }

impl From<Code> for CliError {
    fn from(code: Code) -> Self {
        match code {
            Code::Pipe => Self::Pipe,
            Code::IllegalByteSequence => Self::IllegalByteSequence,
            _ => Self::Io,
        }
    }
}

/// `wasi:filesystem/types.error-code`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FileError {
    Access,
    Already,
    BadDescriptor,
    Busy,
    Deadlock,
    Quota,
    Exist,
    FileTooLarge,
    IllegalByteSequence,
    InProgress,
    Interrupted,
    Invalid,
    Io,
    IsDirectory,
    Loop,
    TooManyLinks,
    MessageSize,
    NameTooLong,
    NoDevice,
    NoEntry,
    NoLock,
    InsufficientMemory,
    InsufficientSpace,
    NotDirectory,
    NotEmpty,
    NotRecoverable,
    Unsupported,
    NoTty,
    NoSuchDevice,
    Overflow,
    NotPermitted,
    Pipe,
    ReadOnly,
    InvalidSeek,
    TextFileBusy,
    CrossDevice,
    Other(Option<String>),
}
crate::variant! { FileError {
    Access = "access",
    Already = "already",
    BadDescriptor = "bad-descriptor",
    Busy = "busy",
    Deadlock = "deadlock",
    Quota = "quota",
    Exist = "exist",
    FileTooLarge = "file-too-large",
    IllegalByteSequence = "illegal-byte-sequence",
    InProgress = "in-progress",
    Interrupted = "interrupted",
    Invalid = "invalid",
    Io = "io",
    IsDirectory = "is-directory",
    Loop = "loop",
    TooManyLinks = "too-many-links",
    MessageSize = "message-size",
    NameTooLong = "name-too-long",
    NoDevice = "no-device",
    NoEntry = "no-entry",
    NoLock = "no-lock",
    InsufficientMemory = "insufficient-memory",
    InsufficientSpace = "insufficient-space",
    NotDirectory = "not-directory",
    NotEmpty = "not-empty",
    NotRecoverable = "not-recoverable",
    Unsupported = "unsupported",
    NoTty = "no-tty",
    NoSuchDevice = "no-such-device",
    Overflow = "overflow",
    NotPermitted = "not-permitted",
    Pipe = "pipe",
    ReadOnly = "read-only",
    InvalidSeek = "invalid-seek",
    TextFileBusy = "text-file-busy",
    CrossDevice = "cross-device",
    Other(Option<String>) = "other",
} }

impl From<Code> for FileError {
    fn from(code: Code) -> Self {
        match code {
            Code::Access => Self::Access,
            Code::Already => Self::Already,
            Code::BadDescriptor => Self::BadDescriptor,
            Code::Busy => Self::Busy,
            Code::CrossDevice => Self::CrossDevice,
            Code::Exist => Self::Exist,
            Code::FileTooLarge => Self::FileTooLarge,
            Code::IllegalByteSequence => Self::IllegalByteSequence,
            Code::Interrupted => Self::Interrupted,
            Code::Invalid => Self::Invalid,
            Code::Io => Self::Io,
            Code::IsDirectory => Self::IsDirectory,
            Code::Loop => Self::Loop,
            Code::MessageSize => Self::MessageSize,
            Code::NameTooLong => Self::NameTooLong,
            Code::NoDevice => Self::NoDevice,
            Code::NoEntry => Self::NoEntry,
            Code::NoMemory | Code::TooManyOpenInHost => Self::InsufficientMemory,
            Code::NoSpace => Self::InsufficientSpace,
            Code::NotDirectory => Self::NotDirectory,
            Code::NotEmpty => Self::NotEmpty,
            Code::NotCapable | Code::NotPermitted => Self::NotPermitted,
            Code::NotSupported => Self::Unsupported,
            Code::Overflow => Self::Overflow,
            Code::Pipe => Self::Pipe,
            Code::ReadOnly => Self::ReadOnly,
            Code::Seek => Self::InvalidSeek,
            Code::TooManyLinks => Self::TooManyLinks,
            // What is left is of sockets, or a quota of descriptors that only another dialect has.
            _ => Self::Other(None),
        }
    }
}
