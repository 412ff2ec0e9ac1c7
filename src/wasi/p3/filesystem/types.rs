//! The types of `wasi:filesystem/types`.

use super::super::clocks::Instant;
use crate::{
    cap::filesystem::{self, Kind, Metadata, NewTime, Times},
    wasi::filesystem::{Access, FileFlags, MetadataHash, OpenHow},
};
use alloc::string::String;

crate::flags! { DescriptorFlags {
    READ = "read",
    WRITE = "write",
    FILE_INTEGRITY_SYNC = "file-integrity-sync",
    DATA_INTEGRITY_SYNC = "data-integrity-sync",
    REQUESTED_WRITE_SYNC = "requested-write-sync",
    MUTATE_DIRECTORY = "mutate-directory",
} }

crate::flags! { PathFlags { SYMLINK_FOLLOW = "symlink-follow" } }

crate::flags! { OpenFlags {
    CREATE = "create",
    DIRECTORY = "directory",
    EXCLUSIVE = "exclusive",
    TRUNCATE = "truncate",
} }

impl DescriptorFlags {
    const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    const fn with(self, flag: Self, is_set: bool) -> Self {
        if is_set { Self(self.0 | flag.0) } else { self }
    }

    /// What a directory that was granted, or opened as it is, is for.
    pub(super) const fn of_directory(access: Access) -> Self {
        Self::READ.with(Self::MUTATE_DIRECTORY, matches!(access, Access::ReadWrite))
    }

    /// Whether it asks to change what is in a directory.
    pub(super) const fn mutates(self) -> bool {
        self.has(Self::MUTATE_DIRECTORY)
    }
}

impl PathFlags {
    pub(super) const fn follow(self) -> bool {
        self.0 & Self::SYMLINK_FOLLOW.0 != 0
    }
}

/// How to open a path, and what the descriptor is for then. Who creates or cuts a file writes it; who asks for
/// nothing reads.
pub(super) fn open_how(
    path: PathFlags,
    open: OpenFlags,
    flags: DescriptorFlags,
) -> (OpenHow, DescriptorFlags) {
    let has = |flag: OpenFlags| open.0 & flag.0 != 0;
    let (create, truncate) = (has(OpenFlags::CREATE), has(OpenFlags::TRUNCATE));
    let read = flags.has(DescriptorFlags::READ) || !flags.has(DescriptorFlags::WRITE);
    let write = flags.has(DescriptorFlags::WRITE) || create || truncate;
    let how = OpenHow {
        follow: path.follow(),
        create,
        exclusive: create && has(OpenFlags::EXCLUSIVE),
        truncate,
        directory: has(OpenFlags::DIRECTORY),
        read,
        write,
        flags: FileFlags {
            append: false,
            nonblocking: false,
            data_sync: flags.has(DescriptorFlags::DATA_INTEGRITY_SYNC),
            file_sync: flags.has(DescriptorFlags::FILE_INTEGRITY_SYNC),
            read_sync: flags.has(DescriptorFlags::REQUESTED_WRITE_SYNC),
        },
    };
    (how, flags.with(DescriptorFlags::READ, read).with(DescriptorFlags::WRITE, write))
}

/// `descriptor-type`.
#[derive(Clone, Debug)]
pub(super) enum DescriptorType {
    BlockDevice,
    CharacterDevice,
    Directory,
    Fifo,
    SymbolicLink,
    RegularFile,
    Socket,
    Other(Option<String>),
}
crate::variant! { DescriptorType {
    BlockDevice = "block-device",
    CharacterDevice = "character-device",
    Directory = "directory",
    Fifo = "fifo",
    SymbolicLink = "symbolic-link",
    RegularFile = "regular-file",
    Socket = "socket",
    Other(Option<String>) = "other",
} }

impl From<Kind> for DescriptorType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::BlockDevice => Self::BlockDevice,
            Kind::CharacterDevice => Self::CharacterDevice,
            Kind::Directory => Self::Directory,
            Kind::Fifo => Self::Fifo,
            Kind::RegularFile => Self::RegularFile,
            Kind::Socket => Self::Socket,
            Kind::SymbolicLink => Self::SymbolicLink,
            Kind::Unknown => Self::Other(None),
        }
    }
}

/// `descriptor-stat`.
#[derive(Clone, Debug)]
pub(super) struct DescriptorStat {
    kind: DescriptorType,
    link_count: u64,
    size: u64,
    accessed: Option<Instant>,
    modified: Option<Instant>,
    changed: Option<Instant>,
}
crate::record! { DescriptorStat {
    kind: DescriptorType = "type",
    link_count: u64 = "link-count",
    size: u64 = "size",
    accessed: Option<Instant> = "data-access-timestamp",
    modified: Option<Instant> = "data-modification-timestamp",
    changed: Option<Instant> = "status-change-timestamp",
} }

impl From<Metadata> for DescriptorStat {
    fn from(metadata: Metadata) -> Self {
        Self {
            kind: metadata.kind.into(),
            link_count: metadata.links,
            size: metadata.size,
            accessed: metadata.accessed.map(Instant::from),
            modified: metadata.modified.map(Instant::from),
            changed: metadata.changed.map(Instant::from),
        }
    }
}

/// `new-timestamp`.
#[derive(Clone, Copy, Debug)]
pub(super) enum NewTimestamp {
    NoChange,
    Now,
    Timestamp(Instant),
}
crate::variant! { NewTimestamp { NoChange = "no-change", Now = "now", Timestamp(Instant) = "timestamp" } }

impl From<NewTimestamp> for NewTime {
    fn from(time: NewTimestamp) -> Self {
        match time {
            NewTimestamp::NoChange => Self::Keep,
            NewTimestamp::Now => Self::Now,
            NewTimestamp::Timestamp(time) => Self::At(time.into()),
        }
    }
}

/// New times, as two arguments.
pub(super) fn times(accessed: NewTimestamp, modified: NewTimestamp) -> Times {
    Times { accessed: accessed.into(), modified: modified.into() }
}

/// `directory-entry`.
#[derive(Clone, Debug)]
pub(super) struct DirectoryEntry {
    pub(super) kind: DescriptorType,
    pub(super) name: String,
}
crate::record! { DirectoryEntry { kind: DescriptorType = "type", name: String = "name" } }

/// `advice`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Advice {
    Normal,
    Sequential,
    Random,
    WillNeed,
    DontNeed,
    NoReuse,
}
crate::variant! { Advice {
    Normal = "normal",
    Sequential = "sequential",
    Random = "random",
    WillNeed = "will-need",
    DontNeed = "dont-need",
    NoReuse = "no-reuse",
} }

impl From<Advice> for filesystem::Advice {
    fn from(advice: Advice) -> Self {
        match advice {
            Advice::Normal => Self::Normal,
            Advice::Sequential => Self::Sequential,
            Advice::Random => Self::Random,
            Advice::WillNeed => Self::WillNeed,
            Advice::DontNeed => Self::DontNeed,
            Advice::NoReuse => Self::NoReuse,
        }
    }
}

/// `metadata-hash-value`.
#[derive(Clone, Copy, Debug)]
pub(super) struct MetadataHashValue {
    lower: u64,
    upper: u64,
}
crate::record! { MetadataHashValue { lower: u64 = "lower", upper: u64 = "upper" } }

impl From<MetadataHash> for MetadataHashValue {
    fn from(hash: MetadataHash) -> Self {
        Self { lower: hash.lower, upper: hash.upper }
    }
}
