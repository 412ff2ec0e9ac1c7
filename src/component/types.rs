//! Types of components, as [`Component::component_type`](super::Component::component_type) and
//! [`Func::ty`](super::Func::ty) tell of them: names and shapes of `wasmtime::component::types`.
//!
//! Beneath them, hidden, are the types that this crate computes with, resolved and laid out once at load.
//!
//! A component's value types live in one arena, [`Types`], interned: within one loaded component two
//! equal types have the same id. Each carries what the Canonical ABI asks of it again and again: size and
//! alignment (`CanonicalABI.md`, "Alignment", "Element Size"), its flat form ("Flattening"), and whether
//! it is `plain` so that its lists move in bulk.
//!
//! How wide a pointer is, the memory says that it points into. So a type has two layouts, one for each `AddressType`;
//! the wide one only where 64-bit memories are on (`Types::widen`).

use crate::{Error, Limits};
use alloc::{boxed::Box, collections::BTreeMap, sync::Arc, vec::Vec};

#[doc(inline)]
pub use crate::component::ty::{
    Case, Component, ComponentFunc, ComponentInstance, ComponentItem, Enum, Field, FixedLengthList, Flags,
    FutureType, List, Map, NamedResource, OptionType, Record, ResultType, StreamType, Tuple, Type, Variant,
};

/// The flat parameters a function may have before they travel through memory.
pub(crate) const MAX_FLAT_PARAMS: usize = 16;
/// The same where the caller lowers asynchronously.
pub(crate) const MAX_FLAT_ASYNC_PARAMS: usize = 4;
/// The flat results a function may have before they travel through memory.
pub(crate) const MAX_FLAT_RESULTS: usize = 1;
/// How many flat values a layout keeps: one more than any use, so "too many" can be told.
const FLAT_KEPT_MAX: usize = MAX_FLAT_PARAMS + 1;

/// A core value type, as far as the Canonical ABI makes use of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[doc(hidden)]
pub enum Flat {
    I32,
    I64,
    F32,
    F64,
}

impl Flat {
    /// The type that can carry both, bit for bit (`CanonicalABI.md`, `join`).
    fn join(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::I32, Self::F32) | (Self::F32, Self::I32) => Self::I32,
            _ => Self::I64,
        }
    }
}

/// What addresses of a memory are: how wide pointers into it are, and lengths beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressType {
    I32,
    I64,
}

impl AddressType {
    /// Bytes of a pointer (`ptr_size`).
    pub(crate) fn size(self) -> u32 {
        match self {
            Self::I32 => 4,
            Self::I64 => 8,
        }
    }

    /// A pointer's flat form (`ptr_type`).
    pub(crate) fn flat(self) -> Flat {
        match self {
            Self::I32 => Flat::I32,
            Self::I64 => Flat::I64,
        }
    }

    /// A pointer out of the bits that stand where one is: of a joined flat value, more than its own may be there.
    pub(crate) fn pointer(self, bits: u64) -> u64 {
        match self {
            Self::I32 => bits & 0xffff_ffff,
            Self::I64 => bits,
        }
    }
}

/// A value type: a primitive, or a definition in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[doc(hidden)]
pub enum ValType {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
    Char,
    String,
    ErrorContext,
    Def(TypeId),
}

impl ValType {
    /// Whether its values are numbers that mean the same everywhere.
    pub(crate) fn is_scalar(self) -> bool {
        !matches!(self, Self::String | Self::ErrorContext | Self::Def(_))
    }
}

/// A definition in [`Types`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[doc(hidden)]
pub struct TypeId(pub(crate) u32);

/// A resource type as one component sees it: which one it is at run time, each instance knows for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[doc(hidden)]
pub struct ResourceIx(pub(crate) u32);

/// A function type in [`Types`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[doc(hidden)]
pub struct FuncTypeId(pub(crate) u32);

/// A composite value type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[doc(hidden)]
pub enum TypeDef {
    Record(Box<[(Arc<str>, ValType)]>),
    Tuple(Box<[ValType]>),
    Variant(Box<[(Arc<str>, Option<ValType>)]>),
    Enum(Box<[Arc<str>]>),
    Option(ValType),
    Result(Option<ValType>, Option<ValType>),
    Flags(Box<[Arc<str>]>),
    List(ValType),
    FixedList(ValType, u32),
    /// Laid out as a list of pairs.
    Map(ValType, ValType),
    Own(ResourceIx),
    Borrow(ResourceIx),
    Stream(Option<ValType>),
    Future(Option<ValType>),
}

/// What the Canonical ABI needs to know of a type, computed once.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) size: u32,
    pub(crate) align: u32,
    /// Every bit pattern of `size` bytes is a value, and it looks the same on both sides of a call: its
    /// lists are one bounds check and one copy. True of numbers and of gap-free aggregates of them.
    pub(crate) plain: bool,
    /// Whether a value holds a borrowed handle somewhere.
    pub(crate) borrows: bool,
    /// The flat form; its first [`FLAT_KEPT_MAX`] values where there are more.
    pub(crate) flat: Box<[Flat]>,
    /// How many flat values there are.
    pub(crate) flat_count: u32,
    /// The fields of records and tuples.
    pub(crate) fields: Box<[FieldLayout]>,
    /// Where the payload of variants starts.
    pub(crate) payload: u32,
    /// Bytes of the discriminant (of variants) or of the bits (of flags).
    pub(crate) tag: u32,
    /// Levels of nesting.
    pub(crate) depth: u32,
    /// Scalars, strings, lists and handles in a value, at most: what a walk over one comes by. Those inside lists are
    /// not among them.
    pub(crate) leaves: u32,
}

/// A field of a record or tuple: its type, and so many bytes and flat values lie before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldLayout {
    pub(crate) ty: ValType,
    pub(crate) offset: u32,
    pub(crate) flat: u32,
}

/// A function type: parameters by name, at most one result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FuncType {
    pub(crate) is_async: bool,
    pub(crate) params: Box<[(Arc<str>, ValType)]>,
    pub(crate) result: Option<ValType>,
    /// The parameters as one tuple, which is how they are laid out.
    pub(crate) params_tuple: TypeId,
}

/// What an import or export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ItemType {
    Func(FuncTypeId),
    Instance(u32),
    Component(u32),
    Module(u32),
    Resource(ResourceIx),
    /// A value type, or one that only matters to a validator.
    Type(Option<ValType>),
    Value,
}

/// A list of named items: what an instance exports, what a component imports.
pub(crate) type Items = Vec<(Arc<str>, ItemType)>;

/// A component's type: what it imports and what it exports.
#[derive(Clone, Debug, Default)]
pub(crate) struct ComponentTypeDef {
    pub(crate) imports: Items,
    pub(crate) exports: Items,
}

/// A core module's type, in the words a mismatch is reported in.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModuleTypeDef {
    pub(crate) imports: Vec<(Arc<str>, Arc<str>, CoreType)>,
    pub(crate) exports: Vec<(Arc<str>, CoreType)>,
}

/// What a core import or export is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CoreType {
    Func(Box<[CoreVal]>, Box<[CoreVal]>),
    Memory { min: u64, max: Option<u64>, is_64: bool, shared: bool },
    Table { min: u64, max: Option<u64>, is_64: bool, element: CoreVal },
    Global { ty: CoreVal, mutable: bool },
    Tag,
}

/// A core value type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CoreVal {
    I32,
    I64,
    F32,
    F64,
    V128,
    FuncRef,
    ExternRef,
    Other,
}

/// The types of one loaded component and of all that nest in it.
#[derive(Debug, Default)]
#[doc(hidden)]
pub struct Types {
    defs: Vec<TypeDef>,
    layouts: Vec<Layout>,
    /// The same for 64-bit memories, if there can be any.
    wide: Option<Vec<Layout>>,
    interned: BTreeMap<TypeDef, TypeId>,
    /// How deep the deepest nests that was declared, as far as that is known: not of a bundle's, of which it was when the
    /// bundle was made.
    declared_depth: u32,
    pub(crate) funcs: Vec<FuncType>,
    pub(crate) instances: Vec<Items>,
    /// Of each of them, whether it or an instance in it exports a resource type.
    brings: Vec<bool>,
    pub(crate) components: Vec<ComponentTypeDef>,
    pub(crate) modules: Vec<ModuleTypeDef>,
    /// A name for each resource, for messages.
    pub(crate) resource_names: Vec<Arc<str>>,
}

impl Types {
    /// The definition behind an id of this arena.
    pub(crate) fn def(&self, id: TypeId) -> &TypeDef {
        &self.defs[id.0 as usize]
    }

    /// The layout of a definition of this arena in 32-bit memories. In others, only sizes, alignments, offsets and flat
    /// types differ.
    pub(crate) fn layout(&self, id: TypeId) -> &Layout {
        &self.layouts[id.0 as usize]
    }

    /// Layouts for pointers of this width.
    #[inline]
    pub(crate) fn layouts(&self, address: AddressType) -> Layouts<'_> {
        let layouts = match address {
            AddressType::I32 => &self.layouts[..],
            // Where there can be none, no type is asked for.
            AddressType::I64 => self.wide.as_deref().unwrap_or_default(),
        };
        Layouts { layouts, address }
    }

    /// Lays out all that was added for 64-bit memories too. Nothing is added after.
    pub(crate) fn widen(&mut self) {
        let mut wide = Vec::with_capacity(self.defs.len());
        for def in &self.defs {
            // What it is made of was added before it.
            let layout = Layouts { layouts: &wide, address: AddressType::I64 }.lay_out(def);
            wide.push(layout);
        }
        self.wide = Some(wide);
    }

    /// Whether there are layouts for 64-bit memories.
    pub(crate) fn is_wide(&self) -> bool {
        self.wide.is_some()
    }

    /// The function type behind an id of this arena.
    pub(crate) fn func(&self, id: FuncTypeId) -> &FuncType {
        &self.funcs[id.0 as usize]
    }

    /// Adds a definition, or finds the equal one.
    pub(crate) fn intern(&mut self, def: TypeDef) -> TypeId {
        if let Some(id) = self.interned.get(&def) {
            return *id;
        }
        let layout = self.layouts(AddressType::I32).lay_out(&def);
        let id = TypeId(self.defs.len() as u32);
        self.defs.push(def.clone());
        self.layouts.push(layout);
        self.interned.insert(def, id);
        id
    }

    /// As [`intern`](Self::intern), for one that the component declares.
    pub(crate) fn declare(&mut self, def: TypeDef) -> TypeId {
        let id = self.intern(def);
        self.declared_depth = self.declared_depth.max(self.layout(id).depth);
        id
    }

    /// The id of a definition that was added before.
    pub(crate) fn find(&self, def: &TypeDef) -> Option<TypeId> {
        self.interned.get(def).copied()
    }

    /// All definitions, in the order of their ids.
    pub(crate) fn defs(&self) -> &[TypeDef] {
        &self.defs
    }

    /// Refuses what nests too deep, wherever it was declared. Parameters stand like a tuple, which need not be
    /// declared: what counts of a function is each of its types.
    pub(crate) fn check_depth(&self, limits: &Limits) -> Result<(), Error> {
        let depth = |ty: ValType| self.layouts(AddressType::I32).depth(ty);
        let mut declared = alloc::vec![true; self.defs.len()];
        let mut deepest = self.declared_depth;
        for func in &self.funcs {
            declared[func.params_tuple.0 as usize] = false;
            let types = func.params.iter().map(|(_, ty)| *ty).chain(func.result);
            deepest = types.map(depth).fold(deepest, u32::max);
        }
        for (layout, _) in self.layouts.iter().zip(declared).filter(|(_, declared)| *declared) {
            deepest = deepest.max(layout.depth);
        }
        if deepest > limits.type_depth {
            return Err(Error::limit("type_depth", deepest.into(), limits.type_depth.into()));
        }
        Ok(())
    }

    /// Adds a function type.
    pub(crate) fn add_func(
        &mut self,
        is_async: bool,
        params: Box<[(Arc<str>, ValType)]>,
        result: Option<ValType>,
    ) -> FuncTypeId {
        let params_tuple = self.intern(TypeDef::Tuple(params.iter().map(|(_, ty)| *ty).collect()));
        self.funcs.push(FuncType { is_async, params, result, params_tuple });
        FuncTypeId(self.funcs.len() as u32 - 1)
    }

    /// Adds an instance type; those inside it were added before.
    pub(crate) fn add_instance(&mut self, items: Items) -> u32 {
        let brings = items.iter().any(|(_, item)| match *item {
            ItemType::Resource(_) => true,
            ItemType::Instance(inner) => self.brings_resources(inner),
            _ => false,
        });
        self.brings.push(brings);
        self.instances.push(items);
        self.instances.len() as u32 - 1
    }

    /// Whether an instance of this type, or one inside it, exports a resource type.
    pub(crate) fn brings_resources(&self, instance: u32) -> bool {
        self.brings.get(instance as usize).copied().unwrap_or(false)
    }

    /// How many core values the flat form takes.
    pub(crate) fn flat_count(&self, ty: ValType) -> u32 {
        self.layouts(AddressType::I32).flat_count(ty)
    }

    /// See [`Layout::plain`].
    pub(crate) fn is_plain(&self, ty: ValType) -> bool {
        self.layouts(AddressType::I32).is_plain(ty)
    }

    /// See [`Layout::leaves`].
    pub(crate) fn leaves(&self, ty: ValType) -> u32 {
        self.layouts(AddressType::I32).leaves(ty)
    }
}

/// How an arena's types are laid out in memories of one address type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layouts<'t> {
    layouts: &'t [Layout],
    address: AddressType,
}

impl<'t> Layouts<'t> {
    /// The layout of a definition.
    #[inline]
    pub(crate) fn layout(self, id: TypeId) -> &'t Layout {
        &self.layouts[id.0 as usize]
    }

    /// Bytes of a value in memory.
    pub(crate) fn size(self, ty: ValType) -> u32 {
        match ty {
            ValType::Bool | ValType::S8 | ValType::U8 => 1,
            ValType::S16 | ValType::U16 => 2,
            ValType::S32 | ValType::U32 | ValType::F32 | ValType::Char | ValType::ErrorContext => 4,
            ValType::S64 | ValType::U64 | ValType::F64 => 8,
            ValType::String => 2 * self.address.size(),
            ValType::Def(id) => self.layout(id).size,
        }
    }

    /// Alignment of a value in memory, in bytes.
    pub(crate) fn align(self, ty: ValType) -> u32 {
        match ty {
            ValType::String => self.address.size(),
            ValType::Def(id) => self.layout(id).align,
            primitive => self.size(primitive),
        }
    }

    /// How many core values the flat form takes.
    pub(crate) fn flat_count(self, ty: ValType) -> u32 {
        match ty {
            ValType::String => 2,
            ValType::Def(id) => self.layout(id).flat_count,
            _ => 1,
        }
    }

    /// See [`Layout::plain`].
    fn is_plain(self, ty: ValType) -> bool {
        match ty {
            ValType::Bool | ValType::Char | ValType::String | ValType::ErrorContext => false,
            ValType::Def(id) => self.layout(id).plain,
            _ => true,
        }
    }

    /// Whether a value holds a borrowed handle somewhere.
    fn has_borrows(self, ty: ValType) -> bool {
        matches!(ty, ValType::Def(id) if self.layout(id).borrows)
    }

    /// The flat form of a type; cut short after more than any function passes flat.
    pub(crate) fn flat(self, ty: ValType) -> &'t [Flat] {
        match ty {
            ValType::S64 | ValType::U64 => &[Flat::I64],
            ValType::F32 => &[Flat::F32],
            ValType::F64 => &[Flat::F64],
            ValType::String => self.span(),
            ValType::Def(id) => &self.layout(id).flat,
            _ => &[Flat::I32],
        }
    }

    /// See [`Layout::leaves`].
    fn leaves(self, ty: ValType) -> u32 {
        match ty {
            ValType::Def(id) => self.layout(id).leaves,
            _ => 1,
        }
    }

    fn depth(self, ty: ValType) -> u32 {
        match ty {
            ValType::Def(id) => self.layout(id).depth,
            _ => 0,
        }
    }

    /// The flat form of a pointer and a length.
    fn span(self) -> &'static [Flat] {
        match self.address {
            AddressType::I32 => &[Flat::I32; 2],
            AddressType::I64 => &[Flat::I64; 2],
        }
    }

    /// The layout of a pointer and a length.
    fn lay_out_span(self) -> Layout {
        Layout::scalar(2 * self.address.size(), self.address.size(), self.span())
    }

    fn lay_out(self, def: &TypeDef) -> Layout {
        match def {
            TypeDef::Record(fields) => self.lay_out_fields(fields.iter().map(|(_, ty)| *ty)),
            TypeDef::Tuple(types) => self.lay_out_fields(types.iter().copied()),
            TypeDef::Variant(cases) => self.lay_out_cases(cases.len(), cases.iter().map(|(_, ty)| *ty)),
            TypeDef::Enum(labels) => self.lay_out_cases(labels.len(), labels.iter().map(|_| None)),
            TypeDef::Option(ty) => self.lay_out_cases(2, [None, Some(*ty)].into_iter()),
            TypeDef::Result(ok, err) => self.lay_out_cases(2, [*ok, *err].into_iter()),
            TypeDef::Flags(labels) => {
                let size = match labels.len() {
                    0..=8 => 1,
                    9..=16 => 2,
                    _ => 4,
                };
                Layout { tag: size, ..Layout::scalar(size, size, &[Flat::I32]) }
            }
            TypeDef::List(ty) => self.lay_out_list(*ty),
            TypeDef::Map(key, value) => {
                let depth = self.depth(*key).max(self.depth(*value)) + 2;
                let borrows = self.has_borrows(*key) || self.has_borrows(*value);
                Layout { depth, borrows, ..self.lay_out_span() }
            }
            TypeDef::FixedList(ty, length) => self.lay_out_fixed_list(*ty, *length),
            TypeDef::Borrow(_) => Layout { borrows: true, ..Layout::scalar(4, 4, &[Flat::I32]) },
            TypeDef::Own(_) | TypeDef::Stream(_) | TypeDef::Future(_) => Layout::scalar(4, 4, &[Flat::I32]),
        }
    }

    fn lay_out_list(self, element: ValType) -> Layout {
        Layout { depth: self.depth(element) + 1, borrows: self.has_borrows(element), ..self.lay_out_span() }
    }

    fn lay_out_fixed_list(self, element: ValType, length: u32) -> Layout {
        let flat_one = self.flat(element);
        let flat = (0..length).flat_map(|_| flat_one.iter().copied()).take(FLAT_KEPT_MAX).collect();
        Layout {
            // The validator bounds the static size of every type (`CanonicalABI.md`, "Element Size").
            size: self.size(element).saturating_mul(length),
            align: self.align(element),
            plain: self.is_plain(element),
            borrows: self.has_borrows(element),
            flat,
            flat_count: self.flat_count(element).saturating_mul(length),
            fields: Box::new([]),
            payload: 0,
            tag: 0,
            depth: self.depth(element) + 1,
            leaves: self.leaves(element).saturating_mul(length),
        }
    }

    fn lay_out_fields(self, types: impl Iterator<Item = ValType>) -> Layout {
        let mut layout = Layout { plain: true, leaves: 0, ..Layout::scalar(0, 1, &[]) };
        let (mut fields, mut flat) = (Vec::new(), Vec::new());
        for ty in types {
            let start = align_to(layout.size, self.align(ty));
            layout.plain &= self.is_plain(ty) && start == layout.size;
            layout.borrows |= self.has_borrows(ty);
            layout.align = layout.align.max(self.align(ty));
            layout.depth = layout.depth.max(self.depth(ty) + 1);
            fields.push(FieldLayout { ty, offset: start, flat: layout.flat_count });
            layout.flat_count = layout.flat_count.saturating_add(self.flat_count(ty));
            layout.leaves = layout.leaves.saturating_add(self.leaves(ty));
            layout.size = start.saturating_add(self.size(ty));
            flat.extend(self.flat(ty).iter().copied().take(FLAT_KEPT_MAX.saturating_sub(flat.len())));
        }
        let size = align_to(layout.size, layout.align);
        layout.plain &= size == layout.size;
        layout.size = size;
        layout.fields = fields.into();
        layout.flat = flat.into();
        layout
    }

    fn lay_out_cases(self, count: usize, cases: impl Iterator<Item = Option<ValType>>) -> Layout {
        let tag = match count {
            0..=256 => 1,
            257..=65_536 => 2,
            _ => 4,
        };
        let mut layout = Layout { tag, depth: 1, ..Layout::scalar(0, tag, &[]) };
        let mut flat: Vec<Flat> = [Flat::I32].into();
        let (mut payload_align, mut payload_size, mut payload_flat) = (1, 0, 0);
        for ty in cases.flatten() {
            payload_align = payload_align.max(self.align(ty));
            payload_size = payload_size.max(self.size(ty));
            payload_flat = payload_flat.max(self.flat_count(ty));
            layout.leaves = layout.leaves.max(self.leaves(ty).saturating_add(1));
            layout.borrows |= self.has_borrows(ty);
            layout.depth = layout.depth.max(self.depth(ty) + 1);
            for (at, one) in self.flat(ty).iter().enumerate().take(FLAT_KEPT_MAX - 1) {
                match flat.get_mut(at + 1) {
                    Some(joined) => *joined = joined.join(*one),
                    None => flat.push(*one),
                }
            }
        }
        let payload = align_to(tag, payload_align);
        layout.align = tag.max(payload_align);
        layout.size = align_to(payload.saturating_add(payload_size), layout.align);
        layout.payload = payload;
        layout.flat = flat.into();
        layout.flat_count = payload_flat.saturating_add(1);
        layout
    }
}

impl Layout {
    fn scalar(size: u32, align: u32, flat: &[Flat]) -> Self {
        Self {
            size,
            align,
            plain: false,
            borrows: false,
            flat: flat.into(),
            flat_count: flat.len() as u32,
            fields: Box::new([]),
            payload: 0,
            tag: 0,
            depth: 0,
            leaves: 1,
        }
    }
}

/// The next multiple of `align`, which is a power of two.
pub(crate) fn align_to(offset: u32, align: u32) -> u32 {
    offset.saturating_add(align - 1) & !(align - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_laid_out_with_gaps_and_its_flat_form_in_order() {
        let mut types = Types::default();
        let id = types.intern(TypeDef::Tuple(Box::new([
            ValType::U8,
            ValType::S64,
            ValType::F32,
            ValType::String,
        ])));
        let layout = types.layout(id);
        assert_eq!((layout.size, layout.align), (32, 8));
        let places: Vec<_> = layout.fields.iter().map(|field| (field.offset, field.flat)).collect();
        assert_eq!(places, [(0, 0), (8, 1), (16, 2), (20, 3)]);
        assert_eq!(&*layout.flat, [Flat::I32, Flat::I64, Flat::F32, Flat::I32, Flat::I32]);
        assert!(!layout.plain);
    }

    #[test]
    fn cases_share_their_flat_values_by_joining_them() {
        let mut types = Types::default();
        let pair = types.intern(TypeDef::Tuple(Box::new([ValType::F32, ValType::F64])));
        let id = types.intern(TypeDef::Result(Some(ValType::Def(pair)), Some(ValType::U32)));
        let layout = types.layout(id);
        assert_eq!(&*layout.flat, [Flat::I32, Flat::I32, Flat::F64]);
        assert_eq!((layout.size, layout.align, layout.tag, layout.payload), (24, 8, 1, 8));
    }

    #[test]
    fn only_types_without_gaps_or_bad_patterns_are_plain() {
        let mut types = Types::default();
        let mut plain = |types_: &[ValType]| {
            let id = types.intern(TypeDef::Tuple(types_.into()));
            types.layout(id).plain
        };
        assert!(plain(&[ValType::U32, ValType::F32]));
        assert!(!plain(&[ValType::U8, ValType::U32]));
        assert!(!plain(&[ValType::U32, ValType::U8]));
        assert!(!plain(&[ValType::Bool]));
        assert!(!plain(&[ValType::Char]));
    }

    #[test]
    fn a_type_of_many_flat_values_keeps_only_what_it_needs_to_be_refused() {
        let mut types = Types::default();
        let id = types.intern(TypeDef::FixedList(ValType::U64, 1 << 20));
        assert_eq!(types.layout(id).flat.len(), FLAT_KEPT_MAX);
        assert_eq!((types.layout(id).flat_count, types.layout(id).size), (1 << 20, 1 << 23));
    }

    #[test]
    fn equal_types_are_one_type() {
        let mut types = Types::default();
        assert_eq!(types.intern(TypeDef::List(ValType::U8)), types.intern(TypeDef::List(ValType::U8)));
    }
}
