//! A file system in memory, with a quota.
//!
//! One tree in one slab, under one lock: directories and files refer to each other by
//! index, so dropping a tree a million levels deep is dropping one vector, and nothing here recurses.

mod content;
mod directory;
mod file;
mod quota;
mod tree;

pub use directory::{Directory, Settings};
pub use file::File;
pub use quota::Quota;

use crate::cap::{
    Code,
    clocks::{Clocks, Datetime},
    filesystem::{Metadata, NewTime, Times},
};
use alloc::sync::Arc;
use spin::Mutex;
use tree::{Id, Tree};

/// What all handles to one tree share.
struct Shared {
    tree: Mutex<Tree>,
    clocks: Option<Arc<dyn Clocks>>,
    device: u64,
}

impl Shared {
    /// The time to stamp a change with. Not under the lock: the clock is somebody else's code.
    fn now(&self) -> Datetime {
        self.clocks.as_ref().map_or_else(Datetime::default, |clocks| clocks.wall_now())
    }
}

/// Keeps one object of a tree, with or without a name. Not to be made or dropped under the lock.
struct Handle {
    shared: Arc<Shared>,
    id: Id,
}

impl Handle {
    /// For an object that [`Tree::open`] counted already.
    fn adopt(shared: &Arc<Shared>, id: Id) -> Self {
        Self { shared: shared.clone(), id }
    }

    fn metadata(&self) -> Metadata {
        self.shared.tree.lock().metadata(self.id, self.shared.device)
    }

    fn set_times(&self, times: Times) -> Result<(), Code> {
        let stamps = Stamps::new(times, &self.shared)?;
        self.shared.tree.lock().set_times(self.id, stamps);
        Ok(())
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        self.shared.tree.lock().open(self.id);
        Self::adopt(&self.shared, self.id)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let garbage = self.shared.tree.lock().close(self.id);
        // A large file is given back after the lock is.
        drop(garbage);
    }
}

/// New times, resolved.
struct Stamps {
    accessed: Option<Datetime>,
    modified: Option<Datetime>,
    changed: Datetime,
}

impl Stamps {
    fn new(times: Times, shared: &Shared) -> Result<Self, Code> {
        let changed = shared.now();
        let resolve = |new| match new {
            NewTime::Keep => Ok(None),
            NewTime::Now => Ok(Some(changed)),
            NewTime::At(at) if at.nanoseconds < 1_000_000_000 => Ok(Some(at)),
            NewTime::At(_) => Err(Code::Invalid),
        };
        Ok(Self { accessed: resolve(times.accessed)?, modified: resolve(times.modified)?, changed })
    }
}
