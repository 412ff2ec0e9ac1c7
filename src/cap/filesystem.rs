//! Directories and files, one path component at a time.
//!
//! A backend never sees a slash: paths are walked in `wasi/path.rs` over these handles, so every
//! backend has the same sandbox. No method here follows a symbolic link.

use super::{Code, clocks::Datetime};
use alloc::{string::String, sync::Arc};
use core::{
    any::Any,
    fmt,
    task::{Context, Poll},
};

/// A directory: what names mean, below one point.
///
/// Two-directory operations take the second as a trait object; a backend recognises its own by
/// [`as_any`](Self::as_any) and answers [`Code::CrossDevice`] to a stranger.
pub trait Directory: Send + Sync {
    /// Opens the directory `name`.
    ///
    /// # Errors
    ///
    /// [`Code::NoEntry`], [`Code::NotDirectory`], [`Code::Loop`] for a symbolic link.
    fn open_directory(&self, name: Name<'_>) -> Result<Arc<dyn Directory>, Code>;

    /// Opens, and where asked creates, the file `name`.
    ///
    /// # Errors
    ///
    /// [`Code::NoEntry`], also in a directory that was removed; [`Code::Exist`] for `create_new`;
    /// [`Code::IsDirectory`]; [`Code::Loop`] for a symbolic link; [`Code::NotSupported`] for a named pipe
    /// or socket, which would wait; [`Code::Invalid`] for `truncate` without `write`; [`Code::NoSpace`]
    /// when the quota is spent.
    fn open_file(&self, name: Name<'_>, open: Open) -> Result<Arc<dyn File>, Code>;

    /// This directory's metadata.
    ///
    /// # Errors
    ///
    /// [`Code::Io`].
    fn metadata(&self) -> Result<Metadata, Code>;

    /// The metadata of `name` itself, a symbolic link's own included.
    ///
    /// # Errors
    ///
    /// [`Code::NoEntry`].
    fn metadata_at(&self, name: Name<'_>) -> Result<Metadata, Code>;

    /// Sets this directory's times.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] for nanoseconds of a second and more, and for a time the platform cannot express.
    fn set_times(&self, times: Times) -> Result<(), Code>;

    /// Sets the times of `name` itself, a symbolic link's own included.
    ///
    /// # Errors
    ///
    /// [`Code::NoEntry`]; [`Code::Invalid`] for a time the platform cannot express.
    fn set_times_at(&self, name: Name<'_>, times: Times) -> Result<(), Code>;

    /// What the symbolic link `name` says.
    ///
    /// # Errors
    ///
    /// [`Code::NoEntry`]; [`Code::Invalid`] when it is no link; [`Code::IllegalByteSequence`] when the
    /// target is not UTF-8.
    fn read_link(&self, name: Name<'_>) -> Result<String, Code>;

    /// Creates the empty directory `name`.
    ///
    /// # Errors
    ///
    /// [`Code::Exist`], [`Code::NoSpace`].
    fn create_directory(&self, name: Name<'_>) -> Result<(), Code>;

    /// Creates the symbolic link `name` that says `target`. The target need not exist.
    ///
    /// # Errors
    ///
    /// [`Code::Exist`], [`Code::NoSpace`], [`Code::NoEntry`] for an empty target, [`Code::Invalid`] for
    /// one with a NUL.
    fn create_symlink(&self, name: Name<'_>, target: &str) -> Result<(), Code>;

    /// Makes `to_name` in `to` another name of the file (or symbolic link) `name`.
    ///
    /// # Errors
    ///
    /// [`Code::Exist`], [`Code::NotPermitted`] for a directory, [`Code::CrossDevice`].
    fn link(&self, name: Name<'_>, to: &dyn Directory, to_name: Name<'_>) -> Result<(), Code>;

    /// Renames `name` to `to_name` in `to`, replacing what POSIX's `rename` replaces.
    ///
    /// # Errors
    ///
    /// [`Code::NotEmpty`], [`Code::IsDirectory`], [`Code::NotDirectory`], [`Code::Invalid`] for a
    /// directory moved below itself, [`Code::CrossDevice`].
    fn rename(&self, name: Name<'_>, to: &dyn Directory, to_name: Name<'_>) -> Result<(), Code>;

    /// Removes the file or symbolic link `name`.
    ///
    /// # Errors
    ///
    /// [`Code::IsDirectory`] for a directory.
    fn remove_file(&self, name: Name<'_>) -> Result<(), Code>;

    /// Removes the empty directory `name`.
    ///
    /// # Errors
    ///
    /// [`Code::NotEmpty`], [`Code::NotDirectory`].
    fn remove_directory(&self, name: Name<'_>) -> Result<(), Code>;

    /// Lists entries, `.` and `..` not among them, in an order that holds as long as nothing changes.
    /// `visit` answers whether it wants the next, and may use this directory meanwhile. Names that are
    /// not UTF-8 are passed over: answers how many were, for looking at them has its price too.
    ///
    /// # Errors
    ///
    /// [`Code::Io`].
    fn read(&self, visit: &mut dyn FnMut(Entry<'_>) -> bool) -> Result<u64, Code>;

    /// Brings what was written here to the medium.
    ///
    /// # Errors
    ///
    /// [`Code::Io`].
    fn sync(&self) -> Result<(), Code>;

    /// This object as itself, for two-directory operations.
    fn as_any(&self) -> &dyn Any;
}

/// An open file.
pub trait File: Send + Sync {
    /// Reads at `offset`; `Ok(0)`, for a buffer that is not empty, is the end, or any place past it.
    ///
    /// # Errors
    ///
    /// [`Code::Io`], [`Code::BadDescriptor`] when not open for reading.
    fn poll_read_at(&self, cx: &mut Context<'_>, bytes: &mut [u8], offset: u64) -> Poll<Result<usize, Code>>;

    /// Writes at `offset`, filling a gap before it with zeroes. An empty write changes nothing.
    ///
    /// # Errors
    ///
    /// [`Code::NoSpace`], [`Code::FileTooLarge`], [`Code::BadDescriptor`] when not open for writing.
    fn poll_write_at(&self, cx: &mut Context<'_>, bytes: &[u8], offset: u64) -> Poll<Result<usize, Code>>;

    /// Writes at the end, atomically with finding it; answers how many bytes, and the end after them.
    ///
    /// # Errors
    ///
    /// As [`poll_write_at`](Self::poll_write_at).
    fn poll_append(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<(usize, u64), Code>>;

    /// The file's metadata.
    ///
    /// # Errors
    ///
    /// [`Code::Io`].
    fn metadata(&self) -> Result<Metadata, Code>;

    /// Cuts the file or extends it with zeroes.
    ///
    /// # Errors
    ///
    /// [`Code::NoSpace`], [`Code::FileTooLarge`].
    fn set_size(&self, size: u64) -> Result<(), Code>;

    /// Sets the file's times.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] for a time the platform cannot express.
    fn set_times(&self, times: Times) -> Result<(), Code>;

    /// Says what will be read soon, or no more. A hint: doing nothing is right.
    ///
    /// # Errors
    ///
    /// [`Code::Io`].
    fn advise(&self, offset: u64, length: u64, advice: Advice) -> Result<(), Code>;

    /// Brings data, and unless `data_only` metadata, to the medium.
    ///
    /// # Errors
    ///
    /// [`Code::Io`].
    fn sync(&self, data_only: bool) -> Result<(), Code>;
}

/// One component of a path: not empty, not `.` or `..`, without slash and NUL, at most
/// [`Name::BYTES_MAX`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name<'a>(&'a str);

impl<'a> Name<'a> {
    /// The longest name, in bytes, as on nearly every file system.
    pub const BYTES_MAX: usize = 255;

    /// The name, if it is one.
    ///
    /// # Errors
    ///
    /// [`Code::NameTooLong`]; [`Code::Invalid`] for everything else that is no name.
    pub fn new(name: &'a str) -> Result<Self, Code> {
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
            return Err(Code::Invalid);
        }
        if name.len() > Self::BYTES_MAX {
            return Err(Code::NameTooLong);
        }
        Ok(Self(name))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// How to open a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// For reading.
    pub read: bool,
    /// For writing.
    pub write: bool,
    /// Create it if it is not there.
    pub create: bool,
    /// It must not be there (with `create`).
    pub create_new: bool,
    /// Cut it to nothing.
    pub truncate: bool,
}

/// One entry of a directory.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its name.
    pub name: Name<'a>,
    /// What it is.
    pub kind: Kind,
    /// Its serial number, as in [`Metadata::inode`].
    pub inode: u64,
}

/// What a file-system object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A block device.
    BlockDevice,
    /// A character device.
    CharacterDevice,
    /// A directory.
    Directory,
    /// A pipe with a name.
    Fifo,
    /// A file of bytes.
    RegularFile,
    /// A socket with a name.
    Socket,
    /// A symbolic link.
    SymbolicLink,
    /// Something else.
    Unknown,
}

/// What is known of a file-system object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: Kind,
    /// The device it is on; two objects are the same when device and inode are.
    pub device: u64,
    /// Its serial number on that device.
    pub inode: u64,
    /// How many names it has.
    pub links: u64,
    /// Its size in bytes; a symbolic link's is that of its target's text.
    pub size: u64,
    /// When it was last read, where that is known.
    pub accessed: Option<Datetime>,
    /// When its bytes last changed, where that is known.
    pub modified: Option<Datetime>,
    /// When its metadata last changed, where that is known.
    pub changed: Option<Datetime>,
}

/// New times for a file-system object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// The time of last access.
    pub accessed: NewTime,
    /// The time of last modification.
    pub modified: NewTime,
}

/// A new value for one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewTime {
    /// Leave it.
    #[default]
    Keep,
    /// The time it is.
    Now,
    /// This time.
    At(Datetime),
}

/// How a range of a file will be used (POSIX `posix_fadvise`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Nothing in particular.
    Normal,
    /// Once, from start to end.
    Sequential,
    /// In no order.
    Random,
    /// Soon.
    WillNeed,
    /// Not soon.
    DontNeed,
    /// Once.
    NoReuse,
}
