//! Records in guest memory, field by field: padding is zero, always, and nothing of the host's own layout
//! can leak through it. Offsets and sizes are those of `typenames.witx`.

use crate::{
    cap::{
        Code,
        filesystem::{Kind, Metadata, NewTime, Times},
    },
    wasi::{
        clocks::{datetime, nanoseconds_since_epoch},
        filesystem::{FileFlags, Whence},
    },
};

/// Which of the two module names a guest imports by: some layouts differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edition {
    /// `wasi_unstable`.
    Unstable,
    /// `wasi_snapshot_preview1`.
    Preview1,
}

/// A record of `N` bytes, all zero where no field is put.
struct Record<const N: usize>([u8; N]);

impl<const N: usize> Record<N> {
    const fn new() -> Self {
        Self([0; N])
    }

    /// Puts `bytes` at `at`. Offsets here are constants, and tests put every record.
    fn put<const M: usize>(mut self, at: usize, bytes: [u8; M]) -> Self {
        if let Some(field) = self.0.get_mut(at..at + M) {
            field.copy_from_slice(&bytes);
        }
        debug_assert!(at + M <= N, "a field outside its record");
        self
    }
}

/// The `M` bytes at `at` of a record; zeroes outside it.
fn field<const M: usize>(record: &[u8], at: usize) -> [u8; M] {
    debug_assert!(at + M <= record.len(), "a field outside its record");
    record.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; M])
}

/// `filetype`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Filetype(pub(super) u8);

impl Filetype {
    pub(super) const UNKNOWN: Self = Self(0);
    pub(super) const CHARACTER_DEVICE: Self = Self(2);
    pub(super) const DIRECTORY: Self = Self(3);
    pub(super) const SOCKET_STREAM: Self = Self(6);
}

impl From<Kind> for Filetype {
    fn from(kind: Kind) -> Self {
        Self(match kind {
            // WASI 0.1 has no number for a pipe.
            Kind::Unknown | Kind::Fifo => 0,
            Kind::BlockDevice => 1,
            Kind::CharacterDevice => 2,
            Kind::Directory => 3,
            Kind::RegularFile => 4,
            Kind::Socket => 6,
            Kind::SymbolicLink => 7,
        })
    }
}

/// `fdstat`.
pub(super) fn fdstat(filetype: Filetype, flags: u16, base: u64, inheriting: u64) -> [u8; 24] {
    Record::new()
        .put(0, [filetype.0])
        .put(2, flags.to_le_bytes())
        .put(8, base.to_le_bytes())
        .put(16, inheriting.to_le_bytes())
        .0
}

/// `filestat`, of either edition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filestat {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) filetype: Filetype,
    pub(super) links: u64,
    pub(super) size: u64,
    pub(super) accessed: u64,
    pub(super) modified: u64,
    pub(super) changed: u64,
}

impl Filestat {
    /// Of what has no metadata.
    pub(super) const fn bare(filetype: Filetype) -> Self {
        Self { device: 0, inode: 0, filetype, links: 0, size: 0, accessed: 0, modified: 0, changed: 0 }
    }

    /// A time that 64 bits of nanoseconds since 1970 cannot say becomes the nearest they can, as a program
    /// that only wants a size must not fail over a file from 1969.
    pub(super) fn new(metadata: &Metadata) -> Self {
        let nanoseconds = |time: Option<crate::cap::clocks::Datetime>| match time {
            None => 0,
            Some(time) if time.seconds < 0 => 0,
            Some(time) => nanoseconds_since_epoch(time).unwrap_or(u64::MAX),
        };
        Self {
            device: metadata.device,
            inode: metadata.inode,
            filetype: metadata.kind.into(),
            links: metadata.links,
            size: metadata.size,
            accessed: nanoseconds(metadata.accessed),
            modified: nanoseconds(metadata.modified),
            changed: nanoseconds(metadata.changed),
        }
    }

    pub(super) fn preview1(&self) -> [u8; 64] {
        Record::new()
            .put(0, self.device.to_le_bytes())
            .put(8, self.inode.to_le_bytes())
            .put(16, [self.filetype.0])
            .put(24, self.links.to_le_bytes())
            .put(32, self.size.to_le_bytes())
            .put(40, self.accessed.to_le_bytes())
            .put(48, self.modified.to_le_bytes())
            .put(56, self.changed.to_le_bytes())
            .0
    }

    /// `wasi_unstable` counts links in 32 bits.
    pub(super) fn unstable(&self) -> [u8; 56] {
        Record::new()
            .put(0, self.device.to_le_bytes())
            .put(8, self.inode.to_le_bytes())
            .put(16, [self.filetype.0])
            .put(20, u32::try_from(self.links).unwrap_or(u32::MAX).to_le_bytes())
            .put(24, self.size.to_le_bytes())
            .put(32, self.accessed.to_le_bytes())
            .put(40, self.modified.to_le_bytes())
            .put(48, self.changed.to_le_bytes())
            .0
    }
}

/// `dirent`, without the name that follows it.
pub(super) fn dirent(next: u64, inode: u64, name_bytes: u32, filetype: Filetype) -> [u8; DIRENT_BYTES] {
    Record::new()
        .put(0, next.to_le_bytes())
        .put(8, inode.to_le_bytes())
        .put(16, name_bytes.to_le_bytes())
        .put(20, [filetype.0])
        .0
}

/// How long a `dirent` is.
pub(super) const DIRENT_BYTES: usize = 24;

/// `prestat` of a directory.
pub(super) fn prestat_dir(name_bytes: u32) -> [u8; 8] {
    Record::new().put(4, name_bytes.to_le_bytes()).0
}

/// `subscription`, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subscription {
    pub(super) userdata: u64,
    pub(super) to: SubscriptionTo,
}

/// What a subscription waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SubscriptionTo {
    /// A clock by its number: a time, or that much time when it is not absolute.
    Clock { id: u32, timeout: u64, absolute: bool },
    /// A descriptor that can be read.
    Read(u32),
    /// A descriptor that can be written.
    Write(u32),
}

impl Edition {
    /// How long a `subscription` is: `wasi_unstable` has one more 64-bit field for a clock.
    pub(super) const fn subscription_bytes(self) -> u32 {
        match self {
            Self::Unstable => 56,
            Self::Preview1 => 48,
        }
    }

    /// Decodes a `subscription`.
    pub(super) fn subscription(self, record: &[u8]) -> Result<Subscription, Code> {
        let userdata = u64::from_le_bytes(field(record, 0));
        let [tag] = field(record, 8);
        let clock = match self {
            Self::Unstable => 24,
            Self::Preview1 => 16,
        };
        let fd = u32::from_le_bytes(field(record, 16));
        let to = match tag {
            0 => {
                let flags = u16::from_le_bytes(field(record, clock + 24));
                if flags & !1 != 0 {
                    return Err(Code::Invalid);
                }
                SubscriptionTo::Clock {
                    id: u32::from_le_bytes(field(record, clock)),
                    timeout: u64::from_le_bytes(field(record, clock + 8)),
                    absolute: flags & 1 != 0,
                }
            }
            1 => SubscriptionTo::Read(fd),
            2 => SubscriptionTo::Write(fd),
            _ => return Err(Code::Invalid),
        };
        Ok(Subscription { userdata, to })
    }

    /// Decodes a `whence`: the editions number it differently.
    pub(super) const fn whence(self, whence: u32) -> Result<Whence, Code> {
        match (self, whence) {
            (Self::Preview1, 0) | (Self::Unstable, 2) => Ok(Whence::Start),
            (Self::Preview1, 1) | (Self::Unstable, 0) => Ok(Whence::Current),
            (Self::Preview1, 2) | (Self::Unstable, 1) => Ok(Whence::End),
            _ => Err(Code::Invalid),
        }
    }
}

/// `event`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) userdata: u64,
    /// `eventtype`: clock, read, write.
    pub(super) kind: u8,
    /// Bytes there are to read, or room there is to write.
    pub(super) bytes: u64,
}

impl Event {
    /// How long an `event` is.
    pub(super) const BYTES: u32 = 32;

    pub(super) fn to_bytes(self) -> [u8; 32] {
        // `error` at 8 stays 0: a subscription that cannot be served fails the whole call.
        Record::new()
            .put(0, self.userdata.to_le_bytes())
            .put(10, [self.kind])
            .put(16, self.bytes.to_le_bytes())
            .0
    }
}

/// `fdflags`: append, dsync, nonblock, rsync, sync.
pub(super) fn file_flags(bits: u32) -> Result<FileFlags, Code> {
    if bits & !0b1_1111 != 0 {
        return Err(Code::Invalid);
    }
    Ok(FileFlags {
        append: bits & 1 != 0,
        data_sync: bits & 2 != 0,
        nonblocking: bits & 4 != 0,
        read_sync: bits & 8 != 0,
        file_sync: bits & 16 != 0,
    })
}

/// `fdflags` again.
pub(super) fn file_flag_bits(flags: FileFlags) -> u16 {
    u16::from(flags.append)
        | u16::from(flags.data_sync) << 1
        | u16::from(flags.nonblocking) << 2
        | u16::from(flags.read_sync) << 3
        | u16::from(flags.file_sync) << 4
}

/// Two timestamps and `fstflags`.
pub(super) fn times(accessed: u64, modified: u64, flags: u32) -> Result<Times, Code> {
    if flags & !0b1111 != 0 {
        return Err(Code::Invalid);
    }
    let time = |at: u64, set: bool, now: bool| match (set, now) {
        (true, true) => Err(Code::Invalid),
        (true, false) => Ok(NewTime::At(datetime(at))),
        (false, true) => Ok(NewTime::Now),
        (false, false) => Ok(NewTime::Keep),
    };
    Ok(Times {
        accessed: time(accessed, flags & 1 != 0, flags & 2 != 0)?,
        modified: time(modified, flags & 4 != 0, flags & 8 != 0)?,
    })
}

#[cfg(test)]
mod tests;
