//! A directory in memory, for the guest and for whoever embeds it.

use super::{
    File, Handle, Quota, Shared, Stamps,
    tree::{Body, Tree},
};
use crate::cap::{
    Code,
    clocks::Clocks,
    filesystem::{self, Directory as _, Entry, File as _, Kind, Metadata, Name, Open, Times},
};
use alloc::{string::String, sync::Arc, vec, vec::Vec};
use core::{
    any::Any,
    fmt,
    task::{Context, Poll, Waker},
};
use spin::Mutex;

/// A directory of a tree in memory. A cheap handle: clones are the same directory.
///
/// Inode numbers count up from 1, the root; listings are in the order of names; times are those of the
/// clock in [`Settings`], or 1970 without one. So the same calls have the same results in every run.
/// A directory's link count is 1, its own name.
#[derive(Clone)]
pub struct Directory(Handle);

/// What a tree is made with.
#[derive(Clone, Default)]
pub struct Settings {
    /// How much it may hold.
    pub quota: Quota,
    /// Its device number. A guest takes two objects for the same when device and inode are: give each tree
    /// that one guest sees its own.
    pub device: u64,
    /// What it stamps files with.
    pub clocks: Option<Arc<dyn Clocks>>,
}

impl Directory {
    /// The root of a new, empty tree with [`Quota::server`].
    #[must_use]
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    /// The root of a new, empty tree with this quota.
    #[must_use]
    pub fn with_quota(quota: Quota) -> Self {
        Self::with(Settings { quota, ..Settings::default() })
    }

    /// The root of a new, empty tree.
    #[must_use]
    pub fn with(settings: Settings) -> Self {
        let Settings { quota, device, clocks } = settings;
        let now = clocks.as_ref().map(|clocks| clocks.wall_now()).unwrap_or_default();
        let mut tree = Tree::new(quota, now);
        tree.open(Tree::ROOT);
        let shared = Arc::new(Shared { tree: Mutex::new(tree), clocks, device });
        Self(Handle::adopt(&shared, Tree::ROOT))
    }

    /// How much the whole tree holds.
    #[must_use]
    pub fn used(&self) -> Quota {
        self.0.shared.tree.lock().budget.used
    }

    /// How much the whole tree may hold.
    #[must_use]
    pub fn quota(&self) -> Quota {
        self.0.shared.tree.lock().budget.quota
    }

    /// Writes a file, with the directories that lead to it, replacing what it held.
    ///
    /// ```
    /// # use wasmote::backend::mem::Directory;
    /// let directory = Directory::new();
    /// directory.insert("etc/motd", "hello\n")?;
    /// assert_eq!(directory.contents("etc/motd")?, b"hello\n");
    /// # Ok::<(), wasmote::cap::Code>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] and [`Code::NameTooLong`] for what is no path, [`Code::NotDirectory`],
    /// [`Code::IsDirectory`], [`Code::Loop`] for a symbolic link on the way, [`Code::NoSpace`].
    pub fn insert(&self, path: &str, bytes: impl AsRef<[u8]>) -> Result<(), Code> {
        let (directory, name) = self.walk(path, true)?;
        let open = Open { write: true, create: true, truncate: true, ..Open::default() };
        let file = directory.file(name, open)?;
        write_all(bytes.as_ref(), |rest, at| file.poll_write_at(&mut context(), rest, at))
    }

    /// Makes a directory, with those that lead to it, and answers it; or the one that is there.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    pub fn insert_directory(&self, path: &str) -> Result<Self, Code> {
        let (directory, name) = self.walk(path, true)?;
        directory.subdirectory(name, true)
    }

    /// Reads a whole file.
    ///
    /// # Errors
    ///
    /// [`Code::NoEntry`] and as [`insert`](Self::insert); [`Code::NoMemory`].
    pub fn contents(&self, path: &str) -> Result<Vec<u8>, Code> {
        let (directory, name) = self.walk(path, false)?;
        let file = directory.file(name, Open { read: true, ..Open::default() })?;
        // Bounded by the quota, gaps included.
        let size = usize::try_from(file.metadata()?.size).map_err(|_| Code::NoMemory)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size).map_err(|_| Code::NoMemory)?;
        bytes.resize(size, 0);
        let Poll::Ready(count) = file.poll_read_at(&mut context(), &mut bytes, 0) else {
            return Err(Code::WouldBlock);
        };
        bytes.truncate(count?);
        Ok(bytes)
    }

    /// Copies everything below `from` into this directory: directories, files, symbolic links, with their
    /// times of modification. What is neither (devices, pipes) is left out. Depth costs no stack.
    ///
    /// # Errors
    ///
    /// What either side answers; [`Code::WouldBlock`] when `from` would have to be waited for. What was
    /// copied by then stays.
    pub fn copy_from(&self, from: &Arc<dyn filesystem::Directory>) -> Result<(), Code> {
        let mut pending = vec![(from.clone(), self.clone())];
        while let Some((from, to)) = pending.pop() {
            let mut entries = Vec::new();
            from.read(&mut |entry| {
                entries.push((String::from(entry.name.as_str()), entry.kind));
                true
            })?;
            for (name, kind) in entries {
                let name = Name::new(&name)?;
                match kind {
                    Kind::Directory => {
                        pending.push((from.open_directory(name)?, to.subdirectory(name, true)?))
                    }
                    Kind::SymbolicLink => to.create_symlink(name, &from.read_link(name)?)?,
                    Kind::RegularFile => to.copy_file(&*from, name)?,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn copy_file(&self, from: &dyn filesystem::Directory, name: Name<'_>) -> Result<(), Code> {
        let source = from.open_file(name, Open { read: true, ..Open::default() })?;
        let target =
            self.file(name, Open { write: true, create: true, truncate: true, ..Open::default() })?;
        let (mut buffer, mut offset) = (vec![0; 64 << 10], 0_u64);
        loop {
            let Poll::Ready(count) = source.poll_read_at(&mut context(), &mut buffer, offset) else {
                return Err(Code::WouldBlock);
            };
            let count = count?;
            if count == 0 {
                break;
            }
            let start = offset;
            write_all(&buffer[..count], |rest, at| target.poll_write_at(&mut context(), rest, start + at))?;
            offset += count as u64;
        }
        let at = |time: Option<_>| time.map_or(filesystem::NewTime::Keep, filesystem::NewTime::At);
        let metadata = source.metadata()?;
        target.set_times(Times { accessed: at(metadata.accessed), modified: at(metadata.modified) })
    }

    /// The directory that a path's last component is in, and that component.
    fn walk<'p>(&self, path: &'p str, create: bool) -> Result<(Self, Name<'p>), Code> {
        let mut components = path.split('/').filter(|component| !component.is_empty()).map(Name::new);
        let mut last = components.next().ok_or(Code::Invalid)??;
        let mut at = self.clone();
        for component in components {
            at = at.subdirectory(last, create)?;
            last = component?;
        }
        Ok((at, last))
    }

    fn subdirectory(&self, name: Name<'_>, create: bool) -> Result<Self, Code> {
        let shared = &self.0.shared;
        let now = shared.now();
        let mut tree = shared.tree.lock();
        let id = match tree.child(self.0.id, name.as_str()) {
            Err(Code::NoEntry) if create => tree.add_directory(self.0.id, name.as_str(), now)?,
            found => found?,
        };
        match tree.kind(id) {
            Kind::Directory => tree.open(id),
            Kind::SymbolicLink => return Err(Code::Loop),
            _ => return Err(Code::NotDirectory),
        }
        drop(tree);
        Ok(Self(Handle::adopt(shared, id)))
    }

    fn file(&self, name: Name<'_>, open: Open) -> Result<File, Code> {
        // As POSIX leaves it open, and to let no one change a file that was opened to be read.
        if open.truncate && !open.write {
            return Err(Code::Invalid);
        }
        let shared = &self.0.shared;
        let now = shared.now();
        let mut tree = shared.tree.lock();
        let id = match tree.child(self.0.id, name.as_str()) {
            Ok(_) if open.create_new => return Err(Code::Exist),
            Err(Code::NoEntry) if open.create || open.create_new => {
                tree.add(self.0.id, name.as_str(), Body::file(), now)?
            }
            found => found?,
        };
        match tree.kind(id) {
            Kind::Directory => return Err(Code::IsDirectory),
            Kind::SymbolicLink => return Err(Code::Loop),
            _ => {}
        }
        if open.truncate {
            tree.change(id, now, |content, budget| content.set_size(0, budget))?;
        }
        tree.open(id);
        drop(tree);
        Ok(File::new(Handle::adopt(shared, id), open))
    }

    /// The other directory of a two-directory operation, if it is of this tree.
    fn sibling<'d>(&self, other: &'d dyn filesystem::Directory) -> Result<&'d Self, Code> {
        let other = other.as_any().downcast_ref::<Self>().ok_or(Code::CrossDevice)?;
        if Arc::ptr_eq(&self.0.shared, &other.0.shared) { Ok(other) } else { Err(Code::CrossDevice) }
    }
}

/// A context for what never waits.
fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn write_all(
    bytes: &[u8],
    mut write: impl FnMut(&[u8], u64) -> Poll<Result<usize, Code>>,
) -> Result<(), Code> {
    let mut written = 0;
    while written < bytes.len() {
        let Poll::Ready(count) = write(&bytes[written..], written as u64) else {
            return Err(Code::WouldBlock);
        };
        written += count?;
    }
    Ok(())
}

impl filesystem::Directory for Directory {
    fn open_directory(&self, name: Name<'_>) -> Result<Arc<dyn filesystem::Directory>, Code> {
        Ok(Arc::new(self.subdirectory(name, false)?))
    }

    fn open_file(&self, name: Name<'_>, open: Open) -> Result<Arc<dyn filesystem::File>, Code> {
        Ok(Arc::new(self.file(name, open)?))
    }

    fn metadata(&self) -> Result<Metadata, Code> {
        Ok(self.0.metadata())
    }

    fn metadata_at(&self, name: Name<'_>) -> Result<Metadata, Code> {
        let tree = self.0.shared.tree.lock();
        Ok(tree.metadata(tree.child(self.0.id, name.as_str())?, self.0.shared.device))
    }

    fn set_times(&self, times: Times) -> Result<(), Code> {
        self.0.set_times(times)
    }

    fn set_times_at(&self, name: Name<'_>, times: Times) -> Result<(), Code> {
        let stamps = Stamps::new(times, &self.0.shared)?;
        let mut tree = self.0.shared.tree.lock();
        let id = tree.child(self.0.id, name.as_str())?;
        tree.set_times(id, stamps);
        Ok(())
    }

    fn read_link(&self, name: Name<'_>) -> Result<String, Code> {
        let tree = self.0.shared.tree.lock();
        tree.link_target(tree.child(self.0.id, name.as_str())?).map(String::from)
    }

    fn create_directory(&self, name: Name<'_>) -> Result<(), Code> {
        let now = self.0.shared.now();
        self.0.shared.tree.lock().add_directory(self.0.id, name.as_str(), now).map(drop)
    }

    fn create_symlink(&self, name: Name<'_>, target: &str) -> Result<(), Code> {
        if target.is_empty() {
            return Err(Code::NoEntry);
        }
        if target.contains('\0') {
            return Err(Code::Invalid);
        }
        let now = self.0.shared.now();
        let mut tree = self.0.shared.tree.lock();
        // Before the text is copied; the charge itself is made with the object.
        tree.budget.check(target.len() as u64, 1)?;
        tree.add(self.0.id, name.as_str(), Body::Symlink(target.into()), now).map(drop)
    }

    fn link(&self, name: Name<'_>, to: &dyn filesystem::Directory, to_name: Name<'_>) -> Result<(), Code> {
        let to = self.sibling(to)?;
        let now = self.0.shared.now();
        let mut tree = self.0.shared.tree.lock();
        let id = tree.child(self.0.id, name.as_str())?;
        tree.link(id, to.0.id, to_name.as_str(), now)
    }

    fn rename(&self, name: Name<'_>, to: &dyn filesystem::Directory, to_name: Name<'_>) -> Result<(), Code> {
        let to = self.sibling(to)?;
        let now = self.0.shared.now();
        let (from, to) = ((self.0.id, name.as_str()), (to.0.id, to_name.as_str()));
        let replaced = self.0.shared.tree.lock().rename(from, to, now)?;
        drop(replaced);
        Ok(())
    }

    fn remove_file(&self, name: Name<'_>) -> Result<(), Code> {
        let now = self.0.shared.now();
        let removed = self.0.shared.tree.lock().remove_file(self.0.id, name.as_str(), now)?;
        drop(removed);
        Ok(())
    }

    fn remove_directory(&self, name: Name<'_>) -> Result<(), Code> {
        let now = self.0.shared.now();
        let removed = self.0.shared.tree.lock().remove_directory(self.0.id, name.as_str(), now)?;
        drop(removed);
        Ok(())
    }

    fn read(&self, visit: &mut dyn FnMut(Entry<'_>) -> bool) -> Result<u64, Code> {
        let mut after: Option<String> = None;
        loop {
            // Some at a time: `visit` is called without the lock, and a large directory is not copied.
            let listed = self.0.shared.tree.lock().list(self.0.id, after.as_deref())?;
            for entry in &listed {
                let name = Name::new(&entry.name)?;
                if !visit(Entry { name, kind: entry.kind, inode: entry.inode }) {
                    return Ok(0);
                }
            }
            match listed.into_iter().last() {
                Some(last) => after = Some(last.name),
                None => return Ok(0),
            }
        }
    }

    fn sync(&self) -> Result<(), Code> {
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").field("inode", &self.0.metadata().inode).finish_non_exhaustive()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("quota", &self.quota)
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}
