//! What WASI means by a file, in the words of this dialect and back; and the one table of its error codes.

use crate::{
    cap::{
        self, Code,
        filesystem::{Kind, Metadata, NewTime, Times},
    },
    wasi::{
        filesystem::{Access, Descriptor, FileFlags, MetadataHash, OpenHow},
        p2::{
            bindings::filesystem::types::{
                Advice, Datetime, DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode,
                MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
            },
            clocks::datetime,
        },
    },
};

impl From<Code> for ErrorCode {
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
            Code::IsDirectory => Self::IsDirectory,
            Code::Loop => Self::Loop,
            Code::MessageSize => Self::MessageSize,
            Code::NameTooLong => Self::NameTooLong,
            Code::NoDevice => Self::NoDevice,
            Code::NoEntry => Self::NoEntry,
            Code::NoMemory | Code::TooManyOpenInHost => Self::InsufficientMemory,
            Code::NoSpace => Self::InsufficientSpace,
            Code::NotCapable | Code::NotPermitted => Self::NotPermitted,
            Code::NotDirectory => Self::NotDirectory,
            Code::NotEmpty => Self::NotEmpty,
            Code::NotSupported => Self::Unsupported,
            Code::Overflow => Self::Overflow,
            Code::Pipe => Self::Pipe,
            Code::ReadOnly => Self::ReadOnly,
            Code::Seek => Self::InvalidSeek,
            Code::TooManyLinks => Self::TooManyLinks,
            Code::TooManyOpen => Self::Quota,
            Code::WouldBlock => Self::WouldBlock,
            // A socket's: a file that says so has a device that fails.
            Code::AddressInUse
            | Code::AddressNotAvailable
            | Code::ConnectionAborted
            | Code::ConnectionRefused
            | Code::ConnectionReset
            | Code::Io
            | Code::NetworkUnreachable
            | Code::NotConnected
            | Code::NotSocket
            | Code::TimedOut => Self::Io,
        }
    }
}

pub(super) fn kind(kind: Kind) -> DescriptorType {
    match kind {
        Kind::BlockDevice => DescriptorType::BlockDevice,
        Kind::CharacterDevice => DescriptorType::CharacterDevice,
        Kind::Directory => DescriptorType::Directory,
        Kind::Fifo => DescriptorType::Fifo,
        Kind::RegularFile => DescriptorType::RegularFile,
        Kind::Socket => DescriptorType::Socket,
        Kind::SymbolicLink => DescriptorType::SymbolicLink,
        Kind::Unknown => DescriptorType::Unknown,
    }
}

pub(super) fn stat(metadata: &Metadata) -> DescriptorStat {
    DescriptorStat {
        type_: kind(metadata.kind),
        link_count: metadata.links,
        size: metadata.size,
        data_access_timestamp: metadata.accessed.map(datetime),
        data_modification_timestamp: metadata.modified.map(datetime),
        status_change_timestamp: metadata.changed.map(datetime),
    }
}

/// What a descriptor may be used for.
pub(super) fn flags(descriptor: &Descriptor) -> DescriptorFlags {
    let mut flags = DescriptorFlags::empty();
    let mut set = |flag, is: bool| {
        if is {
            flags |= flag;
        }
    };
    match descriptor {
        Descriptor::Directory(directory) => {
            set(DescriptorFlags::READ, true);
            set(DescriptorFlags::MUTATE_DIRECTORY, directory.access() == Access::ReadWrite);
        }
        Descriptor::File(file) => {
            let FileFlags { data_sync, file_sync, read_sync, .. } = file.flags();
            set(DescriptorFlags::READ, file.is_readable());
            set(DescriptorFlags::WRITE, file.is_writable());
            set(DescriptorFlags::FILE_INTEGRITY_SYNC, file_sync);
            set(DescriptorFlags::DATA_INTEGRITY_SYNC, data_sync);
            set(DescriptorFlags::REQUESTED_WRITE_SYNC, read_sync);
        }
    }
    flags
}

pub(super) fn follows(flags: PathFlags) -> bool {
    flags.contains(PathFlags::SYMLINK_FOLLOW)
}

pub(super) fn how(path: PathFlags, open: OpenFlags, flags: DescriptorFlags) -> OpenHow {
    OpenHow {
        follow: follows(path),
        create: open.contains(OpenFlags::CREATE),
        exclusive: open.contains(OpenFlags::EXCLUSIVE),
        truncate: open.contains(OpenFlags::TRUNCATE),
        directory: open.contains(OpenFlags::DIRECTORY),
        read: flags.contains(DescriptorFlags::READ),
        write: flags.contains(DescriptorFlags::WRITE),
        flags: FileFlags {
            data_sync: flags.contains(DescriptorFlags::DATA_INTEGRITY_SYNC),
            file_sync: flags.contains(DescriptorFlags::FILE_INTEGRITY_SYNC),
            read_sync: flags.contains(DescriptorFlags::REQUESTED_WRITE_SYNC),
            ..FileFlags::default()
        },
    }
}

pub(super) fn times(accessed: NewTimestamp, modified: NewTimestamp) -> Result<Times, Code> {
    Ok(Times { accessed: new_time(accessed)?, modified: new_time(modified)? })
}

fn new_time(time: NewTimestamp) -> Result<NewTime, Code> {
    Ok(match time {
        NewTimestamp::NoChange => NewTime::Keep,
        NewTimestamp::Now => NewTime::Now,
        NewTimestamp::Timestamp(Datetime { seconds, nanoseconds }) => {
            let seconds = i64::try_from(seconds).map_err(|_| Code::Overflow)?;
            NewTime::At(cap::clocks::Datetime { seconds, nanoseconds })
        }
    })
}

pub(super) fn advice(advice: Advice) -> cap::filesystem::Advice {
    use cap::filesystem::Advice as To;
    match advice {
        Advice::Normal => To::Normal,
        Advice::Sequential => To::Sequential,
        Advice::Random => To::Random,
        Advice::WillNeed => To::WillNeed,
        Advice::DontNeed => To::DontNeed,
        Advice::NoReuse => To::NoReuse,
    }
}

impl From<MetadataHash> for MetadataHashValue {
    fn from(hash: MetadataHash) -> Self {
        Self { lower: hash.lower, upper: hash.upper }
    }
}
