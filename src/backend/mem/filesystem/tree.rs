//! The tree: objects in a slab, names in directories, and what POSIX says about changing them.

use super::{
    Stamps,
    content::Content,
    quota::{Budget, Quota},
};
use crate::cap::{
    Code,
    clocks::Datetime,
    filesystem::{Kind, Metadata},
};
use alloc::{boxed::Box, collections::BTreeMap, string::String, vec::Vec};
use core::ops::Bound;

/// All objects of one file system. Plain data: whoever holds it holds the lock.
pub(super) struct Tree {
    slots: Vec<Option<Node>>,
    free: Vec<Id>,
    inode_next: u64,
    pub(super) budget: Budget,
}

/// Where an object is in the slab. Valid while it has a name or is open.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(u32);

/// A file, a directory or a symbolic link.
pub(super) struct Node {
    inode: u64,
    /// How many directory entries refer to it; the root counts as having one.
    names: u32,
    /// How many handles refer to it.
    open: u64,
    accessed: Datetime,
    modified: Datetime,
    changed: Datetime,
    body: Body,
}

pub(super) enum Body {
    Directory { parent: Id, entries: BTreeMap<Box<str>, Id> },
    File(Content),
    Symlink(Box<str>),
}

/// What an entry is charged beyond its name.
const ENTRY_COST: u64 = 64;

/// How many entries [`Tree::list`] hands out at once.
const LIST_COUNT_MAX: usize = 64;

/// An entry, copied out of the lock.
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) inode: u64,
}

fn entry_cost(name: &str) -> u64 {
    ENTRY_COST + name.len() as u64
}

impl Body {
    pub(super) fn file() -> Self {
        Self::File(Content::default())
    }

    fn cost(&self) -> u64 {
        match self {
            Self::Directory { .. } => 0,
            Self::File(content) => content.cost(),
            Self::Symlink(target) => target.len() as u64,
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Directory { .. } => Kind::Directory,
            Self::File(_) => Kind::RegularFile,
            Self::Symlink(_) => Kind::SymbolicLink,
        }
    }
}

impl Tree {
    pub(super) const ROOT: Id = Id(0);

    pub(super) fn new(quota: Quota, now: Datetime) -> Self {
        let body = Body::Directory { parent: Self::ROOT, entries: BTreeMap::new() };
        let root = Node { inode: 1, names: 1, open: 0, accessed: now, modified: now, changed: now, body };
        Self { slots: alloc::vec![Some(root)], free: Vec::new(), inode_next: 2, budget: Budget::new(quota) }
    }

    fn node(&self, id: Id) -> &Node {
        self.slots[id.0 as usize].as_ref().expect("invariant: what is named or open is in the slab")
    }

    fn node_mut(&mut self, id: Id) -> &mut Node {
        self.slots[id.0 as usize].as_mut().expect("invariant: what is named or open is in the slab")
    }

    /// The entries of a directory.
    fn entries(&self, directory: Id) -> Result<&BTreeMap<Box<str>, Id>, Code> {
        match &self.node(directory).body {
            Body::Directory { entries, .. } => Ok(entries),
            _ => Err(Code::NotDirectory),
        }
    }

    /// The entries of a directory, to change them. One that was removed takes no new ones.
    fn entries_mut(&mut self, directory: Id) -> Result<&mut BTreeMap<Box<str>, Id>, Code> {
        let node = self.node_mut(directory);
        match &mut node.body {
            Body::Directory { entries, .. } if node.names > 0 => Ok(entries),
            Body::Directory { .. } => Err(Code::NoEntry),
            _ => Err(Code::NotDirectory),
        }
    }

    /// What `name` is.
    pub(super) fn child(&self, directory: Id, name: &str) -> Result<Id, Code> {
        self.entries(directory)?.get(name).copied().ok_or(Code::NoEntry)
    }

    /// One more handle refers to it.
    pub(super) fn open(&mut self, id: Id) {
        self.node_mut(id).open += 1;
    }

    /// One handle less; what nothing refers to any more is handed out, to be dropped after the lock.
    #[must_use]
    pub(super) fn close(&mut self, id: Id) -> Option<Node> {
        let node = self.node_mut(id);
        node.open = node.open.saturating_sub(1);
        self.collect(id)
    }

    fn collect(&mut self, id: Id) -> Option<Node> {
        let node = self.node(id);
        if node.names > 0 || node.open > 0 {
            return None;
        }
        self.budget.release(node.body.cost(), 1);
        self.free.push(id);
        self.slots[id.0 as usize].take()
    }

    pub(super) fn kind(&self, id: Id) -> Kind {
        self.node(id).body.kind()
    }

    pub(super) fn metadata(&self, id: Id, device: u64) -> Metadata {
        let node = self.node(id);
        let size = match &node.body {
            Body::Directory { .. } => 0,
            Body::File(content) => content.size(),
            Body::Symlink(target) => target.len() as u64,
        };
        Metadata {
            kind: node.body.kind(),
            device,
            inode: node.inode,
            links: u64::from(node.names),
            size,
            accessed: Some(node.accessed),
            modified: Some(node.modified),
            changed: Some(node.changed),
        }
    }

    pub(super) fn set_times(&mut self, id: Id, stamps: Stamps) {
        let node = self.node_mut(id);
        node.accessed = stamps.accessed.unwrap_or(node.accessed);
        node.modified = stamps.modified.unwrap_or(node.modified);
        node.changed = stamps.changed;
    }

    /// A file's bytes, to read.
    pub(super) fn content(&self, id: Id) -> Result<&Content, Code> {
        if let Body::File(content) = &self.node(id).body { Ok(content) } else { Err(Code::BadDescriptor) }
    }

    /// Changes a file's bytes.
    pub(super) fn change<T>(
        &mut self,
        id: Id,
        now: Datetime,
        change: impl FnOnce(&mut Content, &mut Budget) -> Result<T, Code>,
    ) -> Result<T, Code> {
        let Some(node) = self.slots.get_mut(id.0 as usize).and_then(Option::as_mut) else {
            return Err(Code::BadDescriptor);
        };
        let Body::File(content) = &mut node.body else { return Err(Code::BadDescriptor) };
        let result = change(content, &mut self.budget)?;
        (node.modified, node.changed) = (now, now);
        Ok(result)
    }

    pub(super) fn link_target(&self, id: Id) -> Result<&str, Code> {
        if let Body::Symlink(target) = &self.node(id).body { Ok(target) } else { Err(Code::Invalid) }
    }

    /// Adds an object under a name.
    pub(super) fn add(&mut self, directory: Id, name: &str, body: Body, now: Datetime) -> Result<Id, Code> {
        if self.entries_mut(directory)?.contains_key(name) {
            return Err(Code::Exist);
        }
        self.budget.charge(entry_cost(name) + body.cost(), 1)?;
        let inode = self.inode_next;
        self.inode_next += 1;
        let node = Node { inode, names: 1, open: 0, accessed: now, modified: now, changed: now, body };
        let id = match self.free.pop() {
            Some(id) => id,
            // As many slots as inodes at most, and those are counted in 32 bits, the root apart.
            None => {
                self.slots.push(None);
                Id((self.slots.len() - 1) as u32)
            }
        };
        self.slots[id.0 as usize] = Some(node);
        self.entries_mut(directory)?.insert(name.into(), id);
        self.touch(directory, now);
        Ok(id)
    }

    pub(super) fn add_directory(&mut self, parent: Id, name: &str, now: Datetime) -> Result<Id, Code> {
        self.add(parent, name, Body::Directory { parent, entries: BTreeMap::new() }, now)
    }

    fn touch(&mut self, directory: Id, now: Datetime) {
        let node = self.node_mut(directory);
        (node.modified, node.changed) = (now, now);
    }

    /// Makes `to_name` another name of the object.
    pub(super) fn link(&mut self, id: Id, to: Id, to_name: &str, now: Datetime) -> Result<(), Code> {
        if self.entries_mut(to)?.contains_key(to_name) {
            return Err(Code::Exist);
        }
        if self.kind(id) == Kind::Directory {
            return Err(Code::NotPermitted);
        }
        let names = self.node(id).names.checked_add(1).ok_or(Code::TooManyLinks)?;
        self.budget.charge(entry_cost(to_name), 0)?;
        self.entries_mut(to)?.insert(to_name.into(), id);
        let node = self.node_mut(id);
        (node.names, node.changed) = (names, now);
        self.touch(to, now);
        Ok(())
    }

    /// Takes a name away, without asking what it is.
    fn unlink(&mut self, directory: Id, name: &str, now: Datetime) -> Result<Option<Node>, Code> {
        let id = self.entries_mut(directory)?.remove(name).ok_or(Code::NoEntry)?;
        self.budget.release(entry_cost(name), 0);
        self.touch(directory, now);
        Ok(self.lose_name(id, now))
    }

    fn lose_name(&mut self, id: Id, now: Datetime) -> Option<Node> {
        let node = self.node_mut(id);
        node.names = node.names.saturating_sub(1);
        node.changed = now;
        self.collect(id)
    }

    pub(super) fn remove_file(
        &mut self,
        directory: Id,
        name: &str,
        now: Datetime,
    ) -> Result<Option<Node>, Code> {
        match self.kind(self.child(directory, name)?) {
            Kind::Directory => Err(Code::IsDirectory),
            _ => self.unlink(directory, name, now),
        }
    }

    pub(super) fn remove_directory(
        &mut self,
        directory: Id,
        name: &str,
        now: Datetime,
    ) -> Result<Option<Node>, Code> {
        match self.entries(self.child(directory, name)?)?.is_empty() {
            true => self.unlink(directory, name, now),
            false => Err(Code::NotEmpty),
        }
    }

    /// Renames, replacing what POSIX's `rename` replaces. All is checked before anything is changed.
    pub(super) fn rename(
        &mut self,
        (from, name): (Id, &str),
        (to, to_name): (Id, &str),
        now: Datetime,
    ) -> Result<Option<Node>, Code> {
        let id = self.child(from, name)?;
        let is_directory = self.kind(id) == Kind::Directory;
        let replaced = self.entries_mut(to)?.get(to_name).copied();
        if replaced == Some(id) {
            // Two names of one file: "rename() shall return successfully and perform no other action".
            return Ok(None);
        }
        if is_directory && self.is_at_or_below(to, id) {
            return Err(Code::Invalid);
        }
        match replaced.map(|replaced| (self.kind(replaced) == Kind::Directory, replaced)) {
            Some((false, _)) if is_directory => return Err(Code::NotDirectory),
            Some((true, _)) if !is_directory => return Err(Code::IsDirectory),
            Some((true, replaced)) if !self.entries(replaced)?.is_empty() => return Err(Code::NotEmpty),
            Some(_) => {}
            // The old entry's charge is given back below, so a name that is no longer always fits.
            None => {
                let more = entry_cost(to_name).saturating_sub(entry_cost(name));
                self.budget.check(more, 0)?;
            }
        }
        self.entries_mut(from)?.remove(name);
        self.budget.release(entry_cost(name), 0);
        if replaced.is_none() {
            self.budget.charge(entry_cost(to_name), 0)?;
        }
        self.entries_mut(to)?.insert(to_name.into(), id);
        if let Body::Directory { parent, .. } = &mut self.node_mut(id).body {
            *parent = to;
        }
        self.node_mut(id).changed = now;
        self.touch(from, now);
        self.touch(to, now);
        Ok(replaced.and_then(|replaced| self.lose_name(replaced, now)))
    }

    /// Whether a directory that has a name is `above`, or somewhere below it. As many steps as it is
    /// deep.
    fn is_at_or_below(&self, directory: Id, above: Id) -> bool {
        let mut at = directory;
        loop {
            if at == above {
                return true;
            }
            match self.node(at).body {
                Body::Directory { parent, .. } if at != Self::ROOT => at = parent,
                _ => return false,
            }
        }
    }

    /// The next entries after `after`, in the order of their names.
    pub(super) fn list(&self, directory: Id, after: Option<&str>) -> Result<Vec<Listed>, Code> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let entries = self.entries(directory)?.range::<str, _>((from, Bound::Unbounded));
        let listed = entries.take(LIST_COUNT_MAX).map(|(name, &id)| {
            let node = self.node(id);
            Listed { name: String::from(&**name), kind: node.body.kind(), inode: node.inode }
        });
        Ok(listed.collect())
    }
}
