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
use alloc::{
    collections::{BTreeMap, btree_map::Entry},
    format,
    string::String,
    sync::Arc,
    vec::Vec,
};

/// What a component imports or exports, by name.
type Names<'n> = Sorted<&'n str, ItemType>;

/// How many parts are compared: types share theirs, so that a small file can have very many.
const PARTS_MAX: u32 = 1_000_000;

/// A comparison of an expected type with one that was found.
pub(crate) struct Comparison<'t> {
    expected: &'t Types,
    found: &'t Types,
    /// Resources that the expected type has from where it stands: of what is around it.
    outer: &'t [(ResourceIx, ResourceTypeId)],
    /// Which resource each is that was met: itself, or the one that was given for it.
    met: BTreeMap<Resource, Resource>,
    /// Those of [`met`](Self::met) in the order in which they were.
    order: Vec<Resource>,
    parts: u32,
}

/// A resource of one side's.
type Resource = (Giver, ResourceIx);

/// Which side gives what the other takes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
        Self { expected, found, outer, met: BTreeMap::new(), order: Vec::new(), parts: 0 }
    }

    /// Compares a component's imports and exports with those of an expected type.
    pub(crate) fn component(
        &mut self,
        expected: &ComponentTypeDef,
        imports: impl Iterator<Item = (&'t Arc<str>, ItemType)>,
        exports: impl Iterator<Item = (&'t Arc<str>, ItemType)>,
    ) -> Result<(), String> {
        self.settle_all(Giver::Expected, &expected.imports);
        let given = names(expected.imports.iter().map(|(name, ty)| (name, *ty)));
        for (name, ty) in imports {
            let Some(given) = given.get(&&**name) else {
                return Err(format!("a component that imports `{name}`"));
            };
            if !self.item(*given, ty, Giver::Expected) {
                return Err(format!("a component that imports `{name}` as something else"));
            }
        }
        let exports: Vec<_> = exports.collect();
        exports.iter().for_each(|(_, item)| self.settle(Giver::Found, *item));
        let exports = names(exports.into_iter());
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
                let before = self.order.len();
                let (taker, gives) = match giver {
                    Giver::Found => (expected, found),
                    Giver::Expected => (found, expected),
                };
                self.settle_all(giver.other(), &taker.imports);
                let mut is = self.lists(&expected.imports, &found.imports, giver.other());
                self.settle_all(giver, &gives.exports);
                is = is && self.lists(&expected.exports, &found.exports, giver);
                // What was met in it means something in it only: its type may stand elsewhere once more.
                for resource in self.order.drain(before..) {
                    self.met.remove(&resource);
                }
                is
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

    /// Notes the resources that one side gives as ones that stand for no others: those of its type's imports, which say
    /// what is given, and of its exports, when it is known what was given for the imports that they may be of.
    fn settle_all(&mut self, side: Giver, items: &Items) {
        items.iter().for_each(|(_, item)| self.settle(side, *item));
    }

    fn settle(&mut self, side: Giver, item: ItemType) {
        self.parts = self.parts.saturating_add(1);
        match item {
            _ if self.parts > PARTS_MAX => {}
            ItemType::Resource(resource) => self.meet((side, resource), (side, resource)),
            ItemType::Instance(ty) => {
                let types = if side == Giver::Found { self.found } else { self.expected };
                self.settle_all(side, &types.instances[ty as usize]);
            }
            _ => {}
        }
    }

    /// A resource of each, under one name: the taker's is the giver's from here on, unless it is known already which one
    /// it is.
    fn named_resource(&mut self, expected: ResourceIx, found: ResourceIx, giver: Giver) -> bool {
        let (given, taken) = match giver {
            Giver::Found => ((Giver::Found, found), (Giver::Expected, expected)),
            Giver::Expected => ((Giver::Expected, expected), (Giver::Found, found)),
        };
        let is = self.known(given).unwrap_or(given);
        self.meet(given, is);
        if self.known(taken).is_none() {
            self.meet(taken, is);
        }
        self.resource(expected, found)
    }

    /// Notes which resource one is, where nothing is known of it.
    fn meet(&mut self, resource: Resource, is: Resource) {
        if let Entry::Vacant(entry) = self.met.entry(resource) {
            entry.insert(is);
            self.order.push(resource);
        }
    }

    /// Which resource one is, as far as that is known.
    fn known(&self, resource: Resource) -> Option<Resource> {
        let is_outer = |ix| self.outer.binary_search_by_key(&ix, |(ix, _)| *ix).is_ok();
        let outer = || (resource.0 == Giver::Expected && is_outer(resource.1)).then_some(resource);
        self.met.get(&resource).copied().or_else(outer)
    }

    /// Whether a resource of one is known to be one of the other.
    fn resource(&self, expected: ResourceIx, found: ResourceIx) -> bool {
        let expected = self.known((Giver::Expected, expected));
        expected.is_some() && expected == self.known((Giver::Found, found))
    }
}

fn names<'n>(items: impl Iterator<Item = (&'n Arc<str>, ItemType)>) -> Names<'n> {
    items.map(|(name, ty)| (&**name, ty)).collect()
}
