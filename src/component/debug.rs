//! How what an embedder holds reads where it is printed for programmers: what it is, and nothing of the guest's.

use crate::component::{
    linker::{Linker, LinkerInstance},
    pre::InstancePre,
    store::Store,
    wrapped::StoreContextMut,
};
use core::fmt::{Debug, Formatter, Result};

impl<T: 'static> Debug for Linker<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let names = self.root.iter().map(|(name, _)| name);
        f.write_str("Linker ")?;
        f.debug_list().entries(names).finish()
    }
}

impl<T: 'static> Debug for LinkerInstance<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("LinkerInstance").finish_non_exhaustive()
    }
}

impl<T: 'static> Debug for InstancePre<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("InstancePre").finish_non_exhaustive()
    }
}

impl<T: 'static> Debug for Store<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl<T: 'static> Debug for StoreContextMut<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("StoreContextMut").finish_non_exhaustive()
    }
}
