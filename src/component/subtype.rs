//! Whether a component that is not instantiated yet is of a type (`Subtyping.md`): it imports no more than the type
//! says, and exports no less.
//!
//! Both were loaded by themselves, so their types are compared part by part. Which resource of one is which of the
//! other is found on the way: where an import or an export of both has the same name.

use crate::component::{
    matching::module_fits,
    sorted::Sorted,
    types::{ComponentTypeDef, FuncTypeId, ItemType, ResourceIx, TypeDef, Types, ValType},
};
use alloc::{collections::BTreeMap, format, string::String, sync::Arc};

/// What a component imports or exports, by name.
type Names<'n> = Sorted<&'n str, ItemType>;

/// How many parts are compared: types share theirs, so that a small file can have very many.
const PARTS_MAX: u32 = 1_000_000;

/// A comparison of an expected type with one that was found.
pub(crate) struct Comparison<'t> {
    expected: &'t Types,
    found: &'t Types,
    /// What stands for a resource of the expected type, by exports.
    exported: BTreeMap<ResourceIx, ResourceIx>,
    /// What is given for a resource of the found type, by imports.
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
    pub(crate) fn new(expected: &'t Types, found: &'t Types) -> Self {
        Self { expected, found, exported: BTreeMap::new(), imported: BTreeMap::new(), parts: 0 }
    }

    /// Compares a component's imports and exports with those of an expected type.
    pub(crate) fn component(
        &mut self,
        expected: &ComponentTypeDef,
        imports: impl Iterator<Item = (&'t Arc<str>, ItemType)>,
        exports: impl Iterator<Item = (&'t Arc<str>, ItemType)>,
    ) -> Result<(), String> {
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
            (ItemType::Resource(expected), ItemType::Resource(found)) => match giver {
                Giver::Found => *self.exported.entry(expected).or_insert(found) == found,
                Giver::Expected => *self.imported.entry(found).or_insert(expected) == expected,
            },
            (ItemType::Type(Some(expected)), ItemType::Type(Some(found))) => self.value(expected, found),
            (ItemType::Type(_), ItemType::Type(_)) => true,
            (ItemType::Instance(expected), ItemType::Instance(found)) => {
                let (left, right) = (self.expected, self.found);
                let (expected, found) =
                    (&left.instances[expected as usize], &right.instances[found as usize]);
                let expected = names(expected.iter().map(|(name, ty)| (name, *ty)));
                let found = names(found.iter().map(|(name, ty)| (name, *ty)));
                self.lists(&expected, &found, giver)
            }
            (ItemType::Component(expected), ItemType::Component(found)) => {
                let (left, right) = (self.expected, self.found);
                let (expected, found) =
                    (&left.components[expected as usize], &right.components[found as usize]);
                let list =
                    |items: &'t [(Arc<str>, ItemType)]| names(items.iter().map(|(name, ty)| (name, *ty)));
                self.lists(&list(&expected.imports), &list(&found.imports), giver.other())
                    && self.lists(&list(&expected.exports), &list(&found.exports), giver)
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

    /// Whether the giver's list has all that the taker's has.
    fn lists(&mut self, expected: &Names<'_>, found: &Names<'_>, giver: Giver) -> bool {
        let (taker, gives) = match giver {
            Giver::Found => (expected, found),
            Giver::Expected => (found, expected),
        };
        taker.iter().all(|(name, taken)| match (gives.get(name), giver) {
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

    fn resource(&mut self, expected: ResourceIx, found: ResourceIx) -> bool {
        match (self.exported.get(&expected), self.imported.get(&found)) {
            (None, None) => {
                self.exported.insert(expected, found);
                true
            }
            (exported, imported) => exported == Some(&found) || imported == Some(&expected),
        }
    }
}

fn names<'n>(items: impl Iterator<Item = (&'n Arc<str>, ItemType)>) -> Names<'n> {
    items.map(|(name, ty)| (&**name, ty)).collect()
}
