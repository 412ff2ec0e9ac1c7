//! The numbers a guest is told, and the one table that maps to them.

use crate::{
    cap::Code,
    engine::{Fault, HostResult, PointerError},
};

/// An error number of WASI 0.1, or success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(u16);

/// Why a function of this dialect did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The guest is told.
    Errno(Errno),
    /// The guest is ended.
    Fault(Fault),
}

impl Errno {
    /// No error.
    pub const SUCCESS: Self = Self(0);
    /// A pointer that does not point into the guest's memory.
    pub const FAULT: Self = Self(21);

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Its name in the specification.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.get(usize::from(self.0)).copied().unwrap_or("?")
    }
}

impl From<Code> for Errno {
    fn from(code: Code) -> Self {
        Self(match code {
            Code::Access => 2,
            Code::AddressInUse => 3,
            Code::AddressNotAvailable => 4,
            Code::WouldBlock => 6,
            Code::Already => 7,
            Code::BadDescriptor => 8,
            Code::Busy => 10,
            Code::ConnectionAborted => 13,
            Code::ConnectionRefused => 14,
            Code::ConnectionReset => 15,
            Code::Exist => 20,
            Code::FileTooLarge => 22,
            Code::IllegalByteSequence => 25,
            Code::Interrupted => 27,
            Code::Invalid => 28,
            Code::Io => 29,
            Code::IsDirectory => 31,
            Code::Loop => 32,
            Code::TooManyOpen => 33,
            Code::TooManyLinks => 34,
            Code::MessageSize => 35,
            Code::NameTooLong => 37,
            Code::NetworkUnreachable => 40,
            Code::TooManyOpenInHost => 41,
            Code::NoDevice => 43,
            Code::NoEntry => 44,
            Code::NoMemory => 48,
            Code::NoSpace => 51,
            Code::NotConnected => 53,
            Code::NotDirectory => 54,
            Code::NotEmpty => 55,
            Code::NotSocket => 57,
            Code::NotSupported => 58,
            Code::Overflow => 61,
            Code::NotPermitted => 63,
            Code::Pipe => 64,
            Code::ReadOnly => 69,
            Code::Seek => 70,
            Code::TimedOut => 73,
            Code::CrossDevice => 75,
            Code::NotCapable => 76,
        })
    }
}

impl HostResult for Errno {
    type Raw = u32;

    fn into_raw(self) -> u32 {
        u32::from(self.0)
    }
}

impl From<Code> for Failure {
    fn from(code: Code) -> Self {
        Self::Errno(code.into())
    }
}

impl From<PointerError> for Failure {
    fn from(_: PointerError) -> Self {
        Self::Errno(Errno::FAULT)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What a function answers its guest.
pub(super) fn answer(result: Result<(), Failure>) -> Result<Errno, Fault> {
    match result {
        Ok(()) => Ok(Errno::SUCCESS),
        Err(Failure::Errno(errno)) => Ok(errno),
        Err(Failure::Fault(fault)) => Err(fault),
    }
}

/// Names of all numbers, for whoever shows a call.
pub(super) const NAMES: &[&str] = &[
    "success",
    "2big",
    "acces",
    "addrinuse",
    "addrnotavail",
    "afnosupport",
    "again",
    "already",
    "badf",
    "badmsg",
    "busy",
    "canceled",
    "child",
    "connaborted",
    "connrefused",
    "connreset",
    "deadlk",
    "destaddrreq",
    "dom",
    "dquot",
    "exist",
    "fault",
    "fbig",
    "hostunreach",
    "idrm",
    "ilseq",
    "inprogress",
    "intr",
    "inval",
    "io",
    "isconn",
    "isdir",
    "loop",
    "mfile",
    "mlink",
    "msgsize",
    "multihop",
    "nametoolong",
    "netdown",
    "netreset",
    "netunreach",
    "nfile",
    "nobufs",
    "nodev",
    "noent",
    "noexec",
    "nolck",
    "nolink",
    "nomem",
    "nomsg",
    "noprotoopt",
    "nospc",
    "nosys",
    "notconn",
    "notdir",
    "notempty",
    "notrecoverable",
    "notsock",
    "notsup",
    "notty",
    "nxio",
    "overflow",
    "ownerdead",
    "perm",
    "pipe",
    "proto",
    "protonosupport",
    "prototype",
    "range",
    "rofs",
    "spipe",
    "srch",
    "stale",
    "timedout",
    "txtbsy",
    "xdev",
    "notcapable",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_agree() {
        let named = |code: Code| Errno::from(code).name();
        assert_eq!(NAMES.len(), 77);
        assert_eq!(Errno::FAULT.name(), "fault");
        for (code, name) in [
            (Code::Access, "acces"),
            (Code::AddressInUse, "addrinuse"),
            (Code::AddressNotAvailable, "addrnotavail"),
            (Code::WouldBlock, "again"),
            (Code::Already, "already"),
            (Code::BadDescriptor, "badf"),
            (Code::Busy, "busy"),
            (Code::ConnectionAborted, "connaborted"),
            (Code::ConnectionRefused, "connrefused"),
            (Code::ConnectionReset, "connreset"),
            (Code::CrossDevice, "xdev"),
            (Code::Exist, "exist"),
            (Code::FileTooLarge, "fbig"),
            (Code::IllegalByteSequence, "ilseq"),
            (Code::Interrupted, "intr"),
            (Code::Invalid, "inval"),
            (Code::Io, "io"),
            (Code::IsDirectory, "isdir"),
            (Code::Loop, "loop"),
            (Code::MessageSize, "msgsize"),
            (Code::NameTooLong, "nametoolong"),
            (Code::NetworkUnreachable, "netunreach"),
            (Code::NoDevice, "nodev"),
            (Code::NoEntry, "noent"),
            (Code::NoMemory, "nomem"),
            (Code::NoSpace, "nospc"),
            (Code::NotCapable, "notcapable"),
            (Code::NotConnected, "notconn"),
            (Code::NotDirectory, "notdir"),
            (Code::NotEmpty, "notempty"),
            (Code::NotPermitted, "perm"),
            (Code::NotSocket, "notsock"),
            (Code::NotSupported, "notsup"),
            (Code::Overflow, "overflow"),
            (Code::Pipe, "pipe"),
            (Code::ReadOnly, "rofs"),
            (Code::Seek, "spipe"),
            (Code::TimedOut, "timedout"),
            (Code::TooManyLinks, "mlink"),
            (Code::TooManyOpen, "mfile"),
            (Code::TooManyOpenInHost, "nfile"),
        ] {
            assert_eq!(named(code), name, "{code:?}");
        }
    }
}
