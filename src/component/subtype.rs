//! Whether a component that is not instantiated yet is of a type (`Subtyping.md`): it imports no more than the type
//! says, and exports no less.
//!
//! Both were loaded by themselves, so their types are compared part by part. Which resource of one is which of the
//! other is found on the way: where an import or an export of both has the same name.

use crate::component::{
    matching::module_fits,
    sorted::Sorted,
    store::ResourceTypeId,
    types::{ComponentTypeDef, FuncTypeId, ItemType, Items, ResourceIx, TypeDef, Types, ValType},
};
use alloc::{collections::BTreeMap, format, string::String, sync::Arc};

/// What a component imports or exports, by name.
type Names<'n> = Sorted<&'n str, ItemType>;

/// How many parts are compared: types share theirs, so that a small file can have very many.
const PARTS_MAX: u32 = 1_000_000;

/// No resource.
const NONE: ResourceIx = ResourceIx(u32::MAX);

/// A comparison of an expected type with one that was found.
pub(crate) struct Comparison<'t> {
    expected: &'t Types,
    found: &'t Types,
    /// Resources that the expected type has from where it stands: of what is around it.
    outer: &'t [(ResourceIx, ResourceTypeId)],
    /// What stands for a resource of the expected type, by exports; [`NONE`] for one that no export stands for.
    exported: BTreeMap<ResourceIx, ResourceIx>,
    /// What is given for a resource of the found type, by imports; [`NONE`] for one that none is given for.
    imported: BTreeMap<ResourceIx, ResourceIx>,
    parts: u32,
}

/// Which side gives what the other takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Giver {
    Found,
    Expected,
}

impl Giver {
    fn other(self) -> Self {
        match self {
            Self::Found => Self::Expected,
            Self::Expected => Self::Found,
        }
    }
}

impl<'t> Comparison<'t> {
    pub(crate) fn new(
        expected: &'t Types,
        found: &'t Types,
        outer: &'t [(ResourceIx, ResourceTypeId)],
    ) -> Self {
        Self { expected, found, outer, exported: BTreeMap::new(), imported: BTreeMap::new(), parts: 0 }
    }

    /// Compares a component's imports and exports with those of an expected type.
    pub(crate) fn component(
        &mut self,
        expected: &ComponentTypeDef,
        imports: impl Iterator<Item = (&'t Arc<str>, ItemType)>,
        exports: impl Iterator<Item = (&'t Arc<str>, ItemType)>,
    ) -> Result<(), String> {
        self.settle(Giver::Expected, &expected.imports);
        let given = names(expected.imports.iter().map(|(name, ty)| (name, *ty)));
        for (name, ty) in imports {
            let Some(given) = given.get(&&**name) else {
                return Err(format!("a component that imports `{name}`"));
            };
            if !self.item(*given, ty, Giver::Expected) {
                return Err(format!("a component that imports `{name}` as something else"));
            }
        }
        let exports = names(exports);
        for (name, ty) in &expected.exports {
            let Some(found) = exports.get(&&**name) else {
                return Err(format!("a component that does not export `{name}`"));
            };
            if !self.item(*ty, *found, Giver::Found) {
                return Err(format!("a component that exports `{name}` as something else"));
            }
        }
        Ok(())
    }

    /// One item of each. As deep as types of instances and components nest, which the validator bounds.
    fn item(&mut self, expected: ItemType, found: ItemType, giver: Giver) -> bool {
        self.parts += 1;
        if self.parts > PARTS_MAX {
            return false;
        }
        match (expected, found) {
            (ItemType::Func(expected), ItemType::Func(found)) => self.func(expected, found),
            (ItemType::Resource(expected), ItemType::Resource(found)) => {
                self.named_resource(expected, found, giver)
            }
            (ItemType::Type(Some(expected)), ItemType::Type(Some(found))) => self.value(expected, found),
            (ItemType::Type(_), ItemType::Type(_)) => true,
            (ItemType::Instance(expected), ItemType::Instance(found)) => {
                let (left, right) = (self.expected, self.found);
                let (expected, found) =
                    (&left.instances[expected as usize], &right.instances[found as usize]);
                self.lists(expected, found, giver)
            }
            (ItemType::Component(expected), ItemType::Component(found)) => {
                let (left, right) = (self.expected, self.found);
                let (expected, found) =
                    (&left.components[expected as usize], &right.components[found as usize]);
                match giver {
                    Giver::Found => self.settle(Giver::Expected, &expected.imports),
                    Giver::Expected => self.settle(Giver::Found, &found.imports),
                }
                self.lists(&expected.imports, &found.imports, giver.other())
                    && self.lists(&expected.exports, &found.exports, giver)
            }
            (ItemType::Module(expected), ItemType::Module(found)) => {
                let (expected, found) =
                    (&self.expected.modules[expected as usize], &self.found.modules[found as usize]);
                match giver {
                    Giver::Found => module_fits(expected, found),
                    Giver::Expected => module_fits(found, expected),
                }
            }
            _ => false,
        }
    }

    /// Whether the giver's list has all that the taker's has: in the taker's order, in which a resource comes before
    /// what is of it.
    fn lists(&mut self, expected: &Items, found: &Items, giver: Giver) -> bool {
        let (taker, gives) = match giver {
            Giver::Found => (expected, found),
            Giver::Expected => (found, expected),
        };
        let gives = names(gives.iter().map(|(name, ty)| (name, *ty)));
        taker.iter().all(|(name, taken)| match (gives.get(&&**name), giver) {
            (None, _) => false,
            (Some(given), Giver::Found) => self.item(*taken, *given, giver),
            (Some(given), Giver::Expected) => self.item(*given, *taken, giver),
        })
    }

    fn func(&mut self, expected: FuncTypeId, found: FuncTypeId) -> bool {
        let (expected, found) = (self.expected.func(expected), self.found.func(found));
        expected.is_async == found.is_async
            && expected.params.len() == found.params.len()
            && expected.params.iter().zip(&*found.params).all(|(a, b)| a.0 == b.0 && self.value(a.1, b.1))
            && self.option(expected.result, found.result)
    }

    fn option(&mut self, expected: Option<ValType>, found: Option<ValType>) -> bool {
        match (expected, found) {
            (None, None) => true,
            (Some(expected), Some(found)) => self.value(expected, found),
            _ => false,
        }
    }

    /// One value type of each. As deep as types nest.
    fn value(&mut self, expected: ValType, found: ValType) -> bool {
        self.parts += 1;
        if self.parts > PARTS_MAX {
            return false;
        }
        let (ValType::Def(left), ValType::Def(right)) = (expected, found) else { return expected == found };
        match (self.expected.def(left), self.found.def(right)) {
            (TypeDef::Record(a), TypeDef::Record(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && self.value(a.1, b.1))
            }
            (TypeDef::Tuple(a), TypeDef::Tuple(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.value(*a, *b))
            }
            (TypeDef::Variant(a), TypeDef::Variant(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && self.option(a.1, b.1))
            }
            (TypeDef::Enum(a), TypeDef::Enum(b)) | (TypeDef::Flags(a), TypeDef::Flags(b)) => a == b,
            (TypeDef::Option(a), TypeDef::Option(b)) | (TypeDef::List(a), TypeDef::List(b)) => {
                self.value(*a, *b)
            }
            (TypeDef::Result(a, x), TypeDef::Result(b, y)) => self.option(*a, *b) && self.option(*x, *y),
            (TypeDef::FixedList(a, n), TypeDef::FixedList(b, m)) => n == m && self.value(*a, *b),
            (TypeDef::Map(a, x), TypeDef::Map(b, y)) => self.value(*a, *b) && self.value(*x, *y),
            (TypeDef::Own(a), TypeDef::Own(b)) | (TypeDef::Borrow(a), TypeDef::Borrow(b)) => {
                self.resource(*a, *b)
            }
            (TypeDef::Stream(a), TypeDef::Stream(b)) | (TypeDef::Future(a), TypeDef::Future(b)) => {
                self.option(*a, *b)
            }
            _ => false,
        }
    }

    /// Notes the resources that a component's imports bring in: what it is given says which they are, and none that it
    /// exports stands for one of them.
    fn settle(&mut self, side: Giver, imports: &Items) {
        for (_, item) in imports {
            self.parts = self.parts.saturating_add(1);
            match *item {
                _ if self.parts > PARTS_MAX => return,
                ItemType::Resource(resource) => {
                    let stands = if side == Giver::Found { &mut self.imported } else { &mut self.exported };
                    stands.entry(resource).or_insert(NONE);
                }
                ItemType::Instance(ty) => {
                    let types = if side == Giver::Found { self.found } else { self.expected };
                    self.settle(side, &types.instances[ty as usize]);
                }
                _ => {}
            }
        }
    }

    /// A resource of each, under one name: the giver's stands for the taker's from here on, unless the taker means one
    /// already; and what was given is a resource that nothing else stands for.
    fn named_resource(&mut self, expected: ResourceIx, found: ResourceIx, giver: Giver) -> bool {
        let is_outer = self.outer.binary_search_by_key(&expected, |(ix, _)| *ix).is_ok();
        match giver {
            Giver::Found if is_outer => {}
            Giver::Found => {
                self.exported.entry(expected).or_insert(found);
                self.imported.entry(found).or_insert(NONE);
            }
            Giver::Expected => {
                self.imported.entry(found).or_insert(expected);
                self.exported.entry(expected).or_insert(NONE);
            }
        }
        self.resource(expected, found)
    }

    /// Whether a resource of one is known to be one of the other.
    fn resource(&self, expected: ResourceIx, found: ResourceIx) -> bool {
        self.exported.get(&expected) == Some(&found) || self.imported.get(&found) == Some(&expected)
    }
}

fn names<'n>(items: impl Iterator<Item = (&'n Arc<str>, ItemType)>) -> Names<'n> {
    items.map(|(name, ty)| (&**name, ty)).collect()
}
