//! Opening: what each combination of flags and grants means.

use super::{Access, Descriptor, Directory, File, FileFlags};
use crate::{
    cap::{
        self, Code,
        filesystem::{Name, Open},
    },
    wasi::{
        path::{Follow, Last, Walks},
        price,
    },
};
use alloc::sync::Arc;

/// How to open a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenHow {
    /// Follow a symbolic link in the last place.
    pub follow: bool,
    /// Create a file if there is nothing.
    pub create: bool,
    /// There must be nothing (with `create`).
    pub exclusive: bool,
    /// Cut it to nothing.
    pub truncate: bool,
    /// It must be a directory.
    pub directory: bool,
    /// To read it.
    pub read: bool,
    /// To write it.
    pub write: bool,
    /// How the file behaves once it is open.
    pub flags: FileFlags,
}

impl OpenHow {
    /// Whether opening like this changes anything, or would allow to.
    const fn mutates(&self) -> bool {
        self.create || self.truncate || self.write
    }
}

impl Directory {
    /// Opens what `path` names.
    ///
    /// # Errors
    ///
    /// As [`Walks::walk`], and:
    /// * [`Code::NotPermitted`] on a read-only grant for everything that creates, cuts or writes, before
    ///   anything is looked at;
    /// * [`Code::Invalid`] for `directory` together with `create` or `truncate`;
    /// * [`Code::IsDirectory`] for a directory that is to be written, cut or created as a file;
    /// * [`Code::NotDirectory`] for a file where `directory`, or a slash, asks for a directory;
    /// * [`Code::Exist`] for `exclusive`; [`Code::Loop`] for a symbolic link without `follow`.
    pub fn open(&self, walks: &mut Walks, path: &str, how: OpenHow) -> Result<Descriptor, Code> {
        if how.mutates() {
            self.access.mutate()?;
        }
        if how.directory && (how.create || how.truncate) {
            return Err(Code::Invalid);
        }
        // POSIX: with O_EXCL a link is something that exists, wherever it leads.
        let exclusive = how.create && how.exclusive;
        let follow = match how.follow {
            _ if exclusive => Follow::Never,
            true => Follow::Always,
            false => Follow::Slash,
        };
        self.tab.owe(price::OPEN);
        if how.create || how.truncate {
            self.tab.owe(price::CHANGE);
        }
        let opened = walks.walk(&self.handle, path, follow, |last| match last {
            Last::Here(_) if exclusive => Err(Code::Exist),
            Last::Here(directory) => directory_for(directory.clone(), &how, self.access),
            Last::Entry { parent, name, slash } => match open_entry(parent, name, slash, &how, self.access) {
                Err(Code::Loop) if exclusive => Err(Code::Exist),
                opened => opened,
            },
        });
        opened.map(|descriptor| match descriptor {
            Descriptor::Directory(directory) => Descriptor::Directory(directory.on(&self.tab)),
            Descriptor::File(file) => Descriptor::File(file.on(&self.tab)),
        })
    }
}

fn open_entry(
    parent: &Arc<dyn cap::filesystem::Directory>,
    name: Name<'_>,
    slash: bool,
    how: &OpenHow,
    access: Access,
) -> Result<Descriptor, Code> {
    if how.directory || slash {
        return match parent.open_directory(name) {
            Ok(_) if how.create && how.exclusive => Err(Code::Exist),
            Ok(directory) => directory_for(directory, how, access),
            // `name/` cannot be created as a file (POSIX: EISDIR).
            Err(Code::NoEntry) if how.create => Err(Code::IsDirectory),
            Err(code) => Err(code),
        };
    }
    match open_file(&**parent, name, how) {
        Ok(handle) => Ok(Descriptor::File(File::new(handle, access, how.read, how.write, how.flags))),
        Err(Code::IsDirectory) if how.create && how.exclusive => Err(Code::Exist),
        Err(Code::IsDirectory) if !how.mutates() => {
            Ok(Descriptor::Directory(Directory::new(parent.open_directory(name)?, access)))
        }
        Err(code) => Err(code),
    }
}

fn open_file(
    parent: &dyn cap::filesystem::Directory,
    name: Name<'_>,
    how: &OpenHow,
) -> Result<Arc<dyn cap::filesystem::File>, Code> {
    // Creating and cutting need a handle that may write, whatever the guest may do with it afterwards;
    // and a guest that asks for nothing still asks for metadata.
    let open = Open {
        read: how.read || !how.write,
        write: how.mutates(),
        create: how.create,
        create_new: how.create && how.exclusive,
        truncate: how.truncate,
    };
    match parent.open_file(name, open) {
        // It is there, and may only be read, which is all that was asked for.
        Err(Code::Access) if how.create && !how.exclusive && !how.truncate && !how.write => {
            parent.open_file(name, Open { read: true, ..Open::default() })
        }
        result => result,
    }
}

fn directory_for(
    handle: Arc<dyn cap::filesystem::Directory>,
    how: &OpenHow,
    access: Access,
) -> Result<Descriptor, Code> {
    if how.mutates() {
        return Err(Code::IsDirectory);
    }
    Ok(Descriptor::Directory(Directory::new(handle, access)))
}
