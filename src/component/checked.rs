//! Rust types that were found to stand for a program's types: found once, and known for all its instances.

use super::{
    host::Check,
    store::Implementor,
    typed::ComponentType,
    types::{FuncTypeId, ResourceIx, ValType},
};
use alloc::{string::String, vec::Vec};
use core::{any::TypeId, cell::RefCell};
use spin::Mutex;

/// What is known of one program's types. As many entries as there are pairs of a type and of a Rust type that the
/// embedder took for it.
#[derive(Debug, Default)]
pub(crate) struct Checked(Mutex<Vec<Known>>);

#[derive(Debug)]
struct Known {
    ty: Type,
    rust: TypeId,
    /// Who implements what resources there are in it. That may be another one in each store.
    resources: Resources,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Func(FuncTypeId),
    Value(ValType),
}

type Resources = Vec<(ResourceIx, Option<Implementor>)>;

/// [`check_signature`](super::wrapped::check_signature) of some Rust types.
pub(crate) type CheckSignature = fn(&Check<'_>, FuncTypeId) -> Result<(), String>;

impl Checked {
    /// As [`check_signature`](super::wrapped::check_signature) of these Rust types.
    pub(crate) fn signature(
        &self,
        check: &Check<'_>,
        ty: FuncTypeId,
        rust: TypeId,
        check_signature: CheckSignature,
    ) -> Result<(), String> {
        self.look(check, Type::Func(ty), rust, &|check| check_signature(check, ty))
    }

    /// As [`ComponentType::check`].
    pub(crate) fn value<V: ComponentType>(&self, check: &Check<'_>, ty: ValType) -> Result<(), String> {
        self.look(check, Type::Value(ty), TypeId::of::<V>(), &|check| V::check(check, ty))
    }

    /// Looks whether it is known, and if not, whether it is so.
    fn look(
        &self,
        check: &Check<'_>,
        ty: Type,
        rust: TypeId,
        is_so: &dyn Fn(&Check<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        let is_same = |(resource, by): &(ResourceIx, _)| (check.implementor)(*resource) == *by;
        let is_known =
            |known: &Known| (known.ty, known.rust) == (ty, rust) && known.resources.iter().all(is_same);
        if self.0.lock().iter().any(is_known) {
            return Ok(());
        }
        let resources = RefCell::new(Resources::new());
        let implementor = |resource| {
            let by = (check.implementor)(resource);
            resources.borrow_mut().push((resource, by));
            by
        };
        is_so(&Check { types: check.types, implementor: &implementor })?;
        let mut known = self.0.lock();
        known.retain(|known| (known.ty, known.rust) != (ty, rust));
        known.push(Known { ty, rust, resources: resources.into_inner() });
        Ok(())
    }
}
