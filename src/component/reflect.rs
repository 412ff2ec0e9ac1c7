//! Showing one instance's modules and resource types to another store, as scripts of tests ask for.

use crate::component::{
    Instance, Linker, ResourceType, Store,
    linker::Offer,
    names::Names,
    store::{HostDestructor, Item},
};
use alloc::sync::Arc;

impl Instance {
    /// Offers what can be told of this instance in another store, as an instance of this name: its modules, and
    /// resource types of the same identities.
    pub(crate) fn reflect<T: Send + 'static, U: Send + 'static>(
        &self,
        store: &Store<T>,
        linker: &mut Linker<U>,
        name: &str,
        seed: u32,
    ) {
        linker.reflect(name, &store.state().exports[self.exports.0], seed);
    }
}

impl<T: Send + 'static> Linker<T> {
    /// Offers the modules and resource types among another store's exports.
    fn reflect(&mut self, name: &str, exports: &[(Arc<str>, Item)], seed: u32) {
        let mut names = Names::default();
        for (name, item) in exports {
            match item {
                Item::Module(module) => names.insert(name, Offer::Module(module.clone())),
                Item::Resource(ty) => {
                    let dtor: HostDestructor<T> = Arc::new(|_, _| Ok(()));
                    names.insert(name, Offer::Resource(ResourceType::host_dynamic(seed + ty.0), dtor));
                }
                _ => {}
            }
        }
        self.root.insert(name, Offer::Instance(names));
    }
}
