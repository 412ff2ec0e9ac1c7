//! A directory that a guest holds open, and what paths below it can be asked to do.

use super::{Access, Listing};
use crate::{
    cap::{
        self, Code,
        filesystem::{Kind, Metadata, Name, NewTime, Times},
    },
    wasi::{
        clocks,
        path::{self, Follow, Last, Walks},
        price::{self, Tab},
    },
};
use alloc::{
    string::{String, ToString},
    sync::Arc,
};

/// A directory, with what was granted of it.
#[derive(Clone)]
pub struct Directory {
    pub(super) handle: Arc<dyn cap::filesystem::Directory>,
    pub(super) access: Access,
    pub(super) tab: Tab,
}

/// A name in a directory, which may or may not name something.
struct Place {
    parent: Arc<dyn cap::filesystem::Directory>,
    name: String,
    slash: bool,
}

impl Directory {
    /// A grant of `handle`.
    #[must_use]
    pub fn new(handle: Arc<dyn cap::filesystem::Directory>, access: Access) -> Self {
        Self { handle, access, tab: Tab::default() }
    }

    /// The same, where what is done in it, and in what is opened through it, is owed on `tab`.
    #[must_use]
    pub fn on(self, tab: &Tab) -> Self {
        Self { tab: tab.clone(), ..self }
    }

    /// What was granted.
    #[must_use]
    pub const fn access(&self) -> Access {
        self.access
    }

    /// This directory's metadata.
    ///
    /// # Errors
    ///
    /// [`Code::Io`].
    pub fn metadata(&self) -> Result<Metadata, Code> {
        self.tab.owe(price::METADATA);
        self.handle.metadata()
    }

    /// Sets this directory's times.
    ///
    /// # Errors
    ///
    /// [`Code::NotPermitted`] on a read-only grant, [`Code::Invalid`] for a time that is none.
    pub fn set_times(&self, times: Times) -> Result<(), Code> {
        self.access.mutate()?;
        check_times(times)?;
        self.tab.owe(price::METADATA);
        self.handle.set_times(times)
    }

    /// Brings what was written here to the medium.
    ///
    /// # Errors
    ///
    /// [`Code::Io`].
    pub fn sync(&self) -> Result<(), Code> {
        self.tab.owe(price::SYNC);
        self.handle.sync()
    }

    /// Lists this directory from its entry `first` on, with about `bytes_max` bytes of memory.
    ///
    /// # Errors
    ///
    /// [`Code::Io`].
    pub fn list(&self, first: u64, bytes_max: usize) -> Result<Listing, Code> {
        self.tab.owe(price::OPEN);
        Listing::read(&*self.handle, first, bytes_max, &self.tab)
    }

    /// The metadata of what `path` names: with `follow`, of what a symbolic link there leads to.
    ///
    /// # Errors
    ///
    /// As [`Walks::walk`].
    pub fn metadata_at(&self, walks: &mut Walks, path: &str, follow: bool) -> Result<Metadata, Code> {
        self.tab.owe(price::METADATA);
        walks.walk(&self.handle, path, following(follow), |last| match last {
            Last::Here(directory) => directory.metadata(),
            Last::Entry { parent, name, slash } => look(&**parent, name, slash, follow),
        })
    }

    /// Sets the times of what `path` names: with `follow`, of what a symbolic link there leads to.
    ///
    /// # Errors
    ///
    /// As [`Walks::walk`]; [`Code::NotPermitted`] on a read-only grant; [`Code::Invalid`] for a time that
    /// is none.
    pub fn set_times_at(
        &self,
        walks: &mut Walks,
        path: &str,
        follow: bool,
        times: Times,
    ) -> Result<(), Code> {
        self.access.mutate()?;
        check_times(times)?;
        // They are looked at first.
        self.tab.owe(2 * price::METADATA);
        walks.walk(&self.handle, path, following(follow), |last| match last {
            Last::Here(directory) => directory.set_times(times),
            Last::Entry { parent, name, slash } => {
                look(&**parent, name, slash, follow)?;
                parent.set_times_at(name, times)
            }
        })
    }

    /// What the symbolic link at `path` says.
    ///
    /// # Errors
    ///
    /// As [`Walks::walk`]; [`Code::Invalid`] when it is no link.
    pub fn read_link(&self, walks: &mut Walks, path: &str) -> Result<String, Code> {
        self.tab.owe(price::LINK);
        walks.walk(&self.handle, path, Follow::Slash, |last| match last {
            Last::Here(_) => Err(Code::Invalid),
            Last::Entry { parent, name, slash: false } => parent.read_link(name),
            // A slash asks for a directory: a link is followed, and then there is none to read.
            Last::Entry { parent, name, slash } => {
                look(&**parent, name, slash, false).and(Err(Code::Invalid))
            }
        })
    }

    /// Creates the empty directory `path`.
    ///
    /// # Errors
    ///
    /// As [`Walks::walk`]; [`Code::NotPermitted`] on a read-only grant; [`Code::Exist`],
    /// [`Code::NoSpace`].
    pub fn create_directory(&self, walks: &mut Walks, path: &str) -> Result<(), Code> {
        self.access.mutate()?;
        self.tab.owe(price::CHANGE);
        let place = self.locate(walks, path, Code::Exist)?;
        place.parent.create_directory(place.name()?)
    }

    /// Creates the symbolic link `path` that says `target`.
    ///
    /// # Errors
    ///
    /// As [`Walks::walk`]; [`Code::NotPermitted`] for an absolute target, and on a read-only grant;
    /// [`Code::Exist`], [`Code::NoSpace`].
    pub fn create_symlink(&self, walks: &mut Walks, target: &str, path: &str) -> Result<(), Code> {
        self.access.mutate()?;
        path::check_link_target(target, walks)?;
        self.tab.owe(price::CHANGE);
        let place = self.locate(walks, path, Code::Exist)?;
        if place.slash {
            // A link is no directory, so this cannot be; all that is open is why.
            let is_directory = place.parent.metadata_at(place.name()?)?.kind == Kind::Directory;
            return Err(if is_directory { Code::Exist } else { Code::NotDirectory });
        }
        place.parent.create_symlink(place.name()?, target)
    }

    /// Makes `to_path` below `to` another name of the file, or symbolic link, at `path`.
    ///
    /// # Errors
    ///
    /// As [`Walks::walk`]; [`Code::NotPermitted`] when either grant is read-only, and for a directory;
    /// [`Code::Exist`], [`Code::CrossDevice`].
    pub fn link(&self, walks: &mut Walks, path: &str, to: &Self, to_path: &str) -> Result<(), Code> {
        // Both sides: a link from a read-only grant into a writable one would make its file writable.
        self.access.mutate()?;
        to.access.mutate()?;
        self.tab.owe(price::CHANGE);
        let from = self.locate(walks, path, Code::NotPermitted)?;
        let to = to.locate(walks, to_path, Code::Exist)?;
        if from.slash {
            let is_directory = from.parent.metadata_at(from.name()?)?.kind == Kind::Directory;
            return Err(if is_directory { Code::NotPermitted } else { Code::NotDirectory });
        }
        if to.slash {
            to.parent.metadata_at(to.name()?)?;
            return Err(Code::Exist);
        }
        from.parent.link(from.name()?, &*to.parent, to.name()?)
    }

    /// Renames `path` to `to_path` below `to`.
    ///
    /// # Errors
    ///
    /// As [`Walks::walk`]; [`Code::NotPermitted`] when either grant is read-only; [`Code::Busy`] for `.`
    /// and `..`; [`Code::NotEmpty`], [`Code::IsDirectory`], [`Code::NotDirectory`], [`Code::Invalid`] for
    /// a directory moved below itself, [`Code::CrossDevice`].
    pub fn rename(&self, walks: &mut Walks, path: &str, to: &Self, to_path: &str) -> Result<(), Code> {
        self.access.mutate()?;
        to.access.mutate()?;
        self.tab.owe(price::CHANGE);
        let from = self.locate(walks, path, Code::Busy)?;
        let to = to.locate(walks, to_path, Code::Busy)?;
        // A slash on either side is right for a directory only, and a link to one is none
        // (POSIX `rename`): following it here is how links have been renamed out of a sandbox.
        if (from.slash || to.slash) && from.parent.metadata_at(from.name()?)?.kind != Kind::Directory {
            return Err(Code::NotDirectory);
        }
        from.parent.rename(from.name()?, &*to.parent, to.name()?)
    }

    /// Removes the file, or symbolic link, at `path`.
    ///
    /// # Errors
    ///
    /// As [`Walks::walk`]; [`Code::NotPermitted`] on a read-only grant; [`Code::IsDirectory`].
    pub fn remove_file(&self, walks: &mut Walks, path: &str) -> Result<(), Code> {
        self.access.mutate()?;
        self.tab.owe(price::CHANGE);
        let place = self.locate(walks, path, Code::IsDirectory)?;
        if place.slash {
            let is_directory = place.parent.metadata_at(place.name()?)?.kind == Kind::Directory;
            return Err(if is_directory { Code::IsDirectory } else { Code::NotDirectory });
        }
        place.parent.remove_file(place.name()?)
    }

    /// Removes the empty directory at `path`. A symbolic link is none, also with a slash behind it (POSIX `rmdir`).
    ///
    /// # Errors
    ///
    /// As [`Walks::walk`]; [`Code::NotPermitted`] on a read-only grant; [`Code::Invalid`] for `.` and
    /// `..`; [`Code::NotEmpty`], [`Code::NotDirectory`].
    pub fn remove_directory(&self, walks: &mut Walks, path: &str) -> Result<(), Code> {
        self.access.mutate()?;
        self.tab.owe(price::CHANGE);
        let place = self.locate(walks, path, Code::Invalid)?;
        match place.parent.remove_directory(place.name()?) {
            // A link with a slash behind it is what it leads to: where that is no directory of the guest's, that is why
            // it cannot be removed.
            Err(Code::NotDirectory) if place.slash => {
                Err(self.metadata_at(walks, path, false).err().unwrap_or(Code::NotDirectory))
            }
            removed => removed,
        }
    }

    /// Walks to the last component and follows nothing there; `here` is the answer where that is `.` or
    /// `..`, which name no place.
    fn locate(&self, walks: &mut Walks, path: &str, here: Code) -> Result<Place, Code> {
        walks.walk(&self.handle, path, Follow::Never, |last| match last {
            Last::Here(_) => Err(here),
            Last::Entry { parent, name, slash } => {
                Ok(Place { parent: parent.clone(), name: name.as_str().to_string(), slash })
            }
        })
    }
}

impl Place {
    fn name(&self) -> Result<Name<'_>, Code> {
        Name::new(&self.name)
    }
}

fn following(follow: bool) -> Follow {
    if follow { Follow::Always } else { Follow::Slash }
}

/// The metadata of a name; [`Code::Loop`] for a link that is to be followed.
fn look(
    parent: &dyn cap::filesystem::Directory,
    name: Name<'_>,
    slash: bool,
    follow: bool,
) -> Result<Metadata, Code> {
    let metadata = parent.metadata_at(name)?;
    match metadata.kind {
        Kind::SymbolicLink if follow || slash => Err(Code::Loop),
        Kind::Directory => Ok(metadata),
        _ if slash => Err(Code::NotDirectory),
        _ => Ok(metadata),
    }
}

/// A guest may send any bits as a time, and platforms differ in what they make of them.
pub(super) fn check_times(times: Times) -> Result<(), Code> {
    let valid = |time| match time {
        NewTime::Keep | NewTime::Now => true,
        NewTime::At(time) => clocks::is_valid(time),
    };
    if valid(times.accessed) && valid(times.modified) { Ok(()) } else { Err(Code::Invalid) }
}
