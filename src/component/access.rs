//! What a host function of generated bindings gets that needs more than its host.

use crate::{component::wrapped::StoreContextMut, engine::Fault};
use core::{
    fmt,
    task::{Context, Poll},
};

/// A store, and the host in it that a function belongs to: what generated bindings give to functions
/// that make, read or write streams and futures.
pub struct Access<'a, T: 'static, H: ?Sized> {
    store: StoreContextMut<'a, T>,
    get: fn(&mut T) -> &mut H,
}

impl<'a, T: Send + 'static, H: ?Sized + 'static> Access<'a, T, H> {
    /// Access to a store, where `get` finds the host.
    pub fn new(store: StoreContextMut<'a, T>, get: fn(&mut T) -> &mut H) -> Self {
        Self { store, get }
    }

    /// The host.
    pub fn get(&mut self) -> &mut H {
        (self.get)(self.store.data_mut())
    }

    /// The store.
    pub fn store(&mut self) -> StoreContextMut<'_, T> {
        self.store.reborrow()
    }

    /// The same access, for a shorter time.
    pub fn reborrow(&mut self) -> Access<'_, T, H> {
        Access { store: self.store.reborrow(), get: self.get }
    }

    /// How the host is found in what the store keeps.
    #[must_use]
    pub fn getter(&self) -> fn(&mut T) -> &mut H {
        self.get
    }

    /// Has the host do something in the background: see [`StoreContextMut::spawn`], which says when it is polled.
    pub fn spawn(
        &mut self,
        mut task: impl FnMut(Access<'_, T, H>, &mut Context<'_>) -> Poll<Result<(), Fault>> + Send + 'static,
    ) {
        let get = self.get;
        self.store.spawn(move |store, cx| task(Access::new(store, get), cx));
    }
}

impl<T: 'static, H: ?Sized> fmt::Debug for Access<'_, T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").finish_non_exhaustive()
    }
}
