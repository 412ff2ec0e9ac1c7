//! What WASI's file system means: directories and files, and what was granted of them.
//!
//! Knows no dialect: a `p1` descriptor adds a position and rights to what is here, `p2` and `p3` add
//! streams. Paths are walked by [`path`](super::path).

mod directory;
mod file;
mod listing;
mod open;

pub use directory::Directory;
pub use file::{File, FileFlags, Whence, seek};
pub use listing::{Listing, ListingEntry};
pub use open::OpenHow;

use super::path::Way;
use crate::cap::{
    Code,
    filesystem::{Metadata, Times},
};
use core::fmt;

/// What a grant of a directory covers. It holds for everything opened through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading. Whatever would change anything is [`Code::NotPermitted`].
    ReadOnly,
    /// Reading and changing.
    ReadWrite,
}

/// Which grant was missing where something was [`Code::NotPermitted`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Denied {
    /// To change something: the directory is granted for reading.
    Change,
    /// To go where the path leads: out of the directory that is granted.
    Outside,
}

impl Denied {
    /// What was missing for `result`, of something done to objects of which so much is granted. `way` is how far a walk
    /// to it came ([`Walks::take_way`](super::path::Walks::take_way)). None where no grant would have helped: what the
    /// platform, or the operation itself, does not permit.
    #[must_use]
    pub fn of<R>(result: &Result<R, Code>, granted: &[Access], way: Way) -> Option<Self> {
        match (result, way) {
            (Err(Code::NotPermitted), Way::Outside) => Some(Self::Outside),
            (Err(Code::NotPermitted), Way::NotBegun) if granted.contains(&Access::ReadOnly) => {
                Some(Self::Change)
            }
            _ => None,
        }
    }

    /// In words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Change => "this is granted for reading only",
            Self::Outside => "this is outside of the directory that is granted",
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// A file-system object that a guest holds open.
#[derive(Clone)]
pub enum Descriptor {
    /// A directory.
    Directory(Directory),
    /// Anything else.
    File(File),
}

/// A fingerprint of an object's identity and state (`wasi:filesystem`'s `metadata-hash-value`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MetadataHash {
    /// 64 bits of it.
    pub lower: u64,
    /// Another 64 bits of it.
    pub upper: u64,
}

impl Access {
    /// Refuses what changes anything where that was not granted.
    ///
    /// # Errors
    ///
    /// [`Code::NotPermitted`].
    pub const fn mutate(self) -> Result<(), Code> {
        match self {
            Self::ReadOnly => Err(Code::NotPermitted),
            Self::ReadWrite => Ok(()),
        }
    }
}

impl Descriptor {
    /// The object's metadata.
    ///
    /// # Errors
    ///
    /// [`Code::Io`].
    pub fn metadata(&self) -> Result<Metadata, Code> {
        match self {
            Self::Directory(directory) => directory.metadata(),
            Self::File(file) => file.metadata(),
        }
    }

    /// Sets the object's times.
    ///
    /// # Errors
    ///
    /// [`Code::NotPermitted`] on a read-only grant, [`Code::Invalid`] for a time that is none.
    pub fn set_times(&self, times: Times) -> Result<(), Code> {
        match self {
            Self::Directory(directory) => directory.set_times(times),
            Self::File(file) => file.set_times(times),
        }
    }

    /// Brings what was written to the medium.
    ///
    /// # Errors
    ///
    /// [`Code::Io`].
    pub fn sync(&self, data_only: bool) -> Result<(), Code> {
        match self {
            Self::Directory(directory) => directory.sync(),
            Self::File(file) => file.sync(data_only),
        }
    }

    /// Whether both are open on one and the same object.
    ///
    /// # Errors
    ///
    /// [`Code::Io`].
    pub fn is_same_object(&self, other: &Self) -> Result<bool, Code> {
        let (a, b) = (self.metadata()?, other.metadata()?);
        Ok((a.device, a.inode) == (b.device, b.inode))
    }

    /// The file, for what directories cannot do.
    ///
    /// # Errors
    ///
    /// [`Code::IsDirectory`].
    pub const fn file(&self) -> Result<&File, Code> {
        match self {
            Self::Directory(_) => Err(Code::IsDirectory),
            Self::File(file) => Ok(file),
        }
    }

    /// The directory, for what files cannot do.
    ///
    /// # Errors
    ///
    /// [`Code::NotDirectory`].
    pub const fn directory(&self) -> Result<&Directory, Code> {
        match self {
            Self::Directory(directory) => Ok(directory),
            Self::File(_) => Err(Code::NotDirectory),
        }
    }
}

/// A hash that changes with the object, its size and its time of modification, and with nothing else: it
/// has no key, so that a replayed run sees the same.
#[must_use]
pub fn metadata_hash(metadata: &Metadata) -> MetadataHash {
    let modified = metadata.modified.unwrap_or_default();
    let words = [
        metadata.device,
        metadata.inode,
        metadata.size,
        modified.seconds.cast_unsigned(),
        u64::from(modified.nanoseconds),
    ];
    let hash = |seed| words.iter().fold(seed, |state: u64, word| mix(state ^ word));
    MetadataHash { lower: hash(0x243f_6a88_85a3_08d3), upper: hash(0x1319_8a2e_0370_7344) }
}

/// The finaliser of SplitMix64, a bijection in which every bit depends on every bit.
const fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
