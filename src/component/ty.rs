//! Types as an embedder sees them: names and shapes of `wasmtime::component::types`.
//!
//! Each of these keeps the component it is of alive, and costs nothing until it is asked for.

use crate::component::{
    describe,
    load::Loaded,
    types::{FuncTypeId, ItemType, Items, ResourceIx, TypeDef, TypeId, Types, ValType},
};
use alloc::sync::Arc;
use core::fmt;

/// A value type of a component.
///
/// ```
/// use wasmote::component::{Component, Engine, Type, types::ComponentItem};
/// let text = r#"(component (import "f" (func (param "list" (list u8)) (result string))))"#;
/// let component = Component::new(&Engine::default(), wat::parse_str(text)?)?;
/// let ty = component.component_type();
/// let Some(("f", ComponentItem::ComponentFunc(f))) = ty.imports().next() else { unreachable!() };
/// let (name, Type::List(list)) = f.params().next().ok_or("a parameter")? else { unreachable!() };
/// assert_eq!((name, list.ty()), ("list", Type::U8));
/// assert!(f.results().eq([Type::String]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is the WIT type of its name")]
pub enum Type {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    Float32,
    Float64,
    Char,
    String,
    List(List),
    FixedLengthList(FixedLengthList),
    Map(Map),
    Record(Record),
    Tuple(Tuple),
    Variant(Variant),
    Enum(Enum),
    Option(OptionType),
    Result(ResultType),
    Flags(Flags),
    Own(NamedResource),
    Borrow(NamedResource),
    Future(FutureType),
    Stream(StreamType),
    ErrorContext,
}

/// A definition in the types of a component.
#[derive(Clone)]
struct Of<I> {
    loaded: Arc<Loaded>,
    id: I,
}

impl<I> Of<I> {
    fn types(&self) -> &Types {
        self.loaded.types()
    }

    fn ty(&self, ty: ValType) -> Type {
        Type::of(&self.loaded, ty)
    }

    fn option(&self, ty: Option<ValType>) -> Option<Type> {
        ty.map(|ty| self.ty(ty))
    }
}

impl Of<TypeId> {
    fn def(&self) -> &TypeDef {
        self.types().def(self.id)
    }
}

macro_rules! defined {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Of<TypeId>);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&describe::value(self.0.types(), ValType::Def(self.0.id)))
            }
        }
    )*};
}

defined! {
    /// `list<T>`
    List;
    /// `list<T, N>`
    FixedLengthList;
    /// `map<K, V>`
    Map;
    /// A record.
    Record;
    /// `tuple<…>`
    Tuple;
    /// A variant.
    Variant;
    /// An enum.
    Enum;
    /// `option<T>`
    OptionType;
    /// `result<T, E>`
    ResultType;
    /// Flags.
    Flags;
    /// `future<T>`
    FutureType;
    /// `stream<T>`
    StreamType;
}

impl Type {
    pub(crate) fn of(loaded: &Arc<Loaded>, ty: ValType) -> Self {
        let id = match ty {
            ValType::Bool => return Self::Bool,
            ValType::S8 => return Self::S8,
            ValType::U8 => return Self::U8,
            ValType::S16 => return Self::S16,
            ValType::U16 => return Self::U16,
            ValType::S32 => return Self::S32,
            ValType::U32 => return Self::U32,
            ValType::S64 => return Self::S64,
            ValType::U64 => return Self::U64,
            ValType::F32 => return Self::Float32,
            ValType::F64 => return Self::Float64,
            ValType::Char => return Self::Char,
            ValType::String => return Self::String,
            ValType::ErrorContext => return Self::ErrorContext,
            ValType::Def(id) => id,
        };
        let of = Of { loaded: loaded.clone(), id };
        let resource = |id: ResourceIx| NamedResource(Of { loaded: loaded.clone(), id });
        match loaded.types().def(id) {
            TypeDef::Record(_) => Self::Record(Record(of)),
            TypeDef::Tuple(_) => Self::Tuple(Tuple(of)),
            TypeDef::Variant(_) => Self::Variant(Variant(of)),
            TypeDef::Enum(_) => Self::Enum(Enum(of)),
            TypeDef::Option(_) => Self::Option(OptionType(of)),
            TypeDef::Result(..) => Self::Result(ResultType(of)),
            TypeDef::Flags(_) => Self::Flags(Flags(of)),
            TypeDef::List(_) => Self::List(List(of)),
            TypeDef::FixedList(..) => Self::FixedLengthList(FixedLengthList(of)),
            TypeDef::Map(..) => Self::Map(Map(of)),
            TypeDef::Own(id) => Self::Own(resource(*id)),
            TypeDef::Borrow(id) => Self::Borrow(resource(*id)),
            TypeDef::Stream(_) => Self::Stream(StreamType(of)),
            TypeDef::Future(_) => Self::Future(FutureType(of)),
        }
    }
}

impl fmt::Display for Type {
    /// In the spelling of WIT.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let simple = match self {
            Self::Bool => "bool",
            Self::S8 => "s8",
            Self::U8 => "u8",
            Self::S16 => "s16",
            Self::U16 => "u16",
            Self::S32 => "s32",
            Self::U32 => "u32",
            Self::S64 => "s64",
            Self::U64 => "u64",
            Self::Float32 => "f32",
            Self::Float64 => "f64",
            Self::Char => "char",
            Self::String => "string",
            Self::ErrorContext => "error-context",
            Self::List(ty) => return fmt::Debug::fmt(ty, f),
            Self::FixedLengthList(ty) => return fmt::Debug::fmt(ty, f),
            Self::Map(ty) => return fmt::Debug::fmt(ty, f),
            Self::Record(ty) => return fmt::Debug::fmt(ty, f),
            Self::Tuple(ty) => return fmt::Debug::fmt(ty, f),
            Self::Variant(ty) => return fmt::Debug::fmt(ty, f),
            Self::Enum(ty) => return fmt::Debug::fmt(ty, f),
            Self::Option(ty) => return fmt::Debug::fmt(ty, f),
            Self::Result(ty) => return fmt::Debug::fmt(ty, f),
            Self::Flags(ty) => return fmt::Debug::fmt(ty, f),
            Self::Future(ty) => return fmt::Debug::fmt(ty, f),
            Self::Stream(ty) => return fmt::Debug::fmt(ty, f),
            Self::Own(ty) => return write!(f, "own<{}>", ty.name()),
            Self::Borrow(ty) => return write!(f, "borrow<{}>", ty.name()),
        };
        f.write_str(simple)
    }
}

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A resource type, as a component names it. Which one it is, is only known of instances.
#[derive(Clone)]
pub struct NamedResource(Of<ResourceIx>);

impl NamedResource {
    /// What it is called where it is imported or exported.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.types().resource_names[self.0.id.0 as usize]
    }
}

impl fmt::Debug for NamedResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl PartialEq for NamedResource {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0.loaded, &other.0.loaded) && self.0.id == other.0.id
    }
}

impl List {
    /// The type of its elements.
    #[must_use]
    pub fn ty(&self) -> Type {
        match self.0.def() {
            TypeDef::List(element) => self.0.ty(*element),
            _ => Type::Bool,
        }
    }
}

impl FixedLengthList {
    /// The type of its elements.
    #[must_use]
    pub fn ty(&self) -> Type {
        match self.0.def() {
            TypeDef::FixedList(element, _) => self.0.ty(*element),
            _ => Type::Bool,
        }
    }

    /// How many elements it has.
    #[must_use]
    pub fn size(&self) -> u32 {
        match self.0.def() {
            TypeDef::FixedList(_, length) => *length,
            _ => 0,
        }
    }
}

impl Map {
    /// The type of its keys.
    #[must_use]
    pub fn key(&self) -> Type {
        match self.0.def() {
            TypeDef::Map(key, _) => self.0.ty(*key),
            _ => Type::Bool,
        }
    }

    /// The type of its values.
    #[must_use]
    pub fn value(&self) -> Type {
        match self.0.def() {
            TypeDef::Map(_, value) => self.0.ty(*value),
            _ => Type::Bool,
        }
    }
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Field<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub ty: Type,
}

impl Record {
    /// Its fields, in order.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = Field<'_>> {
        let fields: &[_] = match self.0.def() {
            TypeDef::Record(fields) => fields,
            _ => &[],
        };
        fields.iter().map(|(name, ty)| Field { name, ty: self.0.ty(*ty) })
    }
}

impl Tuple {
    /// The types of its fields, in order.
    pub fn types(&self) -> impl ExactSizeIterator<Item = Type> + '_ {
        let types: &[_] = match self.0.def() {
            TypeDef::Tuple(types) => types,
            _ => &[],
        };
        types.iter().map(|ty| self.0.ty(*ty))
    }
}

/// A case of a variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Case<'a> {
    /// Its name.
    pub name: &'a str,
    /// The type of its payload, if it has one.
    pub ty: Option<Type>,
}

impl Variant {
    /// Its cases, in order.
    pub fn cases(&self) -> impl ExactSizeIterator<Item = Case<'_>> {
        let cases: &[_] = match self.0.def() {
            TypeDef::Variant(cases) => cases,
            _ => &[],
        };
        cases.iter().map(|(name, ty)| Case { name, ty: self.0.option(*ty) })
    }
}

impl Enum {
    /// The names of its cases, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        let names: &[_] = match self.0.def() {
            TypeDef::Enum(names) => names,
            _ => &[],
        };
        names.iter().map(|name| &**name)
    }
}

impl Flags {
    /// The names of its flags, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        let names: &[_] = match self.0.def() {
            TypeDef::Flags(names) => names,
            _ => &[],
        };
        names.iter().map(|name| &**name)
    }
}

impl OptionType {
    /// The type of what may be there.
    #[must_use]
    pub fn ty(&self) -> Type {
        match self.0.def() {
            TypeDef::Option(some) => self.0.ty(*some),
            _ => Type::Bool,
        }
    }
}

impl ResultType {
    /// The type of a success's payload, if it has one.
    #[must_use]
    pub fn ok(&self) -> Option<Type> {
        match self.0.def() {
            TypeDef::Result(ok, _) => self.0.option(*ok),
            _ => None,
        }
    }

    /// The type of a failure's payload, if it has one.
    #[must_use]
    pub fn err(&self) -> Option<Type> {
        match self.0.def() {
            TypeDef::Result(_, err) => self.0.option(*err),
            _ => None,
        }
    }
}

impl FutureType {
    /// The type of what it brings, if it brings anything.
    #[must_use]
    pub fn ty(&self) -> Option<Type> {
        match self.0.def() {
            TypeDef::Future(payload) => self.0.option(*payload),
            _ => None,
        }
    }
}

impl StreamType {
    /// The type of its elements, if they are anything.
    #[must_use]
    pub fn ty(&self) -> Option<Type> {
        match self.0.def() {
            TypeDef::Stream(payload) => self.0.option(*payload),
            _ => None,
        }
    }
}

/// Types are equal by what they are made of; resource types only where they are of the same component. Each
/// comparison goes as deep as the type does, which [`Limits`](crate::Limits) bound.
macro_rules! equal {
    ($($name:ident($self:ident, $other:ident) $equal:expr;)*) => {$(
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                let ($self, $other) = (self, other);
                Arc::ptr_eq(&self.0.loaded, &other.0.loaded) && self.0.id == other.0.id || $equal
            }
        }
    )*};
}

equal! {
    List(a, b) a.ty() == b.ty();
    FixedLengthList(a, b) a.size() == b.size() && a.ty() == b.ty();
    Map(a, b) a.key() == b.key() && a.value() == b.value();
    Record(a, b) a.fields().eq(b.fields());
    Tuple(a, b) a.types().eq(b.types());
    Variant(a, b) a.cases().eq(b.cases());
    Enum(a, b) a.names().eq(b.names());
    OptionType(a, b) a.ty() == b.ty();
    ResultType(a, b) a.ok() == b.ok() && a.err() == b.err();
    Flags(a, b) a.names().eq(b.names());
    FutureType(a, b) a.ty() == b.ty();
    StreamType(a, b) a.ty() == b.ty();
}

/// A function type.
#[derive(Clone)]
pub struct ComponentFunc(Of<FuncTypeId>);

impl ComponentFunc {
    pub(crate) fn of(loaded: &Arc<Loaded>, id: FuncTypeId) -> Self {
        Self(Of { loaded: loaded.clone(), id })
    }

    /// Whether it is of an `async` function.
    #[must_use]
    pub fn async_(&self) -> bool {
        self.0.types().func(self.0.id).is_async
    }

    /// Its parameters, in order.
    pub fn params(&self) -> impl ExactSizeIterator<Item = (&str, Type)> {
        self.0.types().func(self.0.id).params.iter().map(|(name, ty)| (&**name, self.0.ty(*ty)))
    }

    /// Its results: one or none.
    pub fn results(&self) -> impl ExactSizeIterator<Item = Type> + '_ {
        self.0.types().func(self.0.id).result.iter().map(|ty| self.0.ty(*ty))
    }
}

impl fmt::Debug for ComponentFunc {
    /// In the spelling of WIT.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&describe::func(self.0.types(), self.0.id))
    }
}

impl fmt::Display for ComponentFunc {
    /// In the spelling of WIT.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// An instance's type: what it exports.
#[derive(Clone, Debug)]
pub struct ComponentInstance(Named);

impl ComponentInstance {
    /// What it exports, by name.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = (&str, ComponentItem)> {
        self.0.items()
    }

    /// What it exports as `name`.
    #[must_use]
    pub fn get_export(&self, name: &str) -> Option<ComponentItem> {
        self.exports().find(|(known, _)| *known == name).map(|(_, item)| item)
    }
}

/// A component's type: what it imports, and what it exports.
#[derive(Clone, Debug)]
pub struct Component {
    imports: Named,
    exports: Named,
}

impl Component {
    pub(crate) fn of(loaded: &Arc<Loaded>, root: u32) -> Self {
        let named = |list| Named { loaded: loaded.clone(), list };
        Self { imports: named(Source::Imports(root)), exports: named(Source::Exports(root)) }
    }

    /// What it imports, by name.
    pub fn imports(&self) -> impl ExactSizeIterator<Item = (&str, ComponentItem)> {
        self.imports.items()
    }

    /// What it exports, by name.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = (&str, ComponentItem)> {
        self.exports.items()
    }

    /// What it imports as `name`.
    #[must_use]
    pub fn get_import(&self, name: &str) -> Option<ComponentItem> {
        self.imports().find(|(known, _)| *known == name).map(|(_, item)| item)
    }

    /// What it exports as `name`.
    #[must_use]
    pub fn get_export(&self, name: &str) -> Option<ComponentItem> {
        self.exports().find(|(known, _)| *known == name).map(|(_, item)| item)
    }
}

/// What an import or export is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ComponentItem {
    /// A function.
    ComponentFunc(ComponentFunc),
    /// A core module.
    Module,
    /// A component.
    Component(Component),
    /// An instance.
    ComponentInstance(ComponentInstance),
    /// A value type.
    Type(Type),
    /// A resource type.
    Resource(NamedResource),
    /// Something that only matters to a validator.
    Other,
}

/// A list of names and what they stand for.
#[derive(Clone)]
struct Named {
    loaded: Arc<Loaded>,
    list: Source,
}

/// Where a list of names is kept.
#[derive(Clone, Copy)]
enum Source {
    Imports(u32),
    Exports(u32),
    Instance(u32),
    ComponentImports(u32),
    ComponentExports(u32),
}

impl Named {
    fn get(&self, index: usize) -> (&str, ItemType) {
        let types = self.loaded.types();
        match self.list {
            Source::Imports(root) => {
                let (name, ty) = &self.loaded.definition(root).imports[index];
                (name, *ty)
            }
            Source::Exports(root) => {
                let (item, ty) = &self.loaded.definition(root).exports[index];
                (&item.name, *ty)
            }
            Source::Instance(id) => entry(&types.instances[id as usize], index),
            Source::ComponentImports(id) => entry(&types.components[id as usize].imports, index),
            Source::ComponentExports(id) => entry(&types.components[id as usize].exports, index),
        }
    }

    fn len(&self) -> usize {
        let types = self.loaded.types();
        match self.list {
            Source::Imports(root) => self.loaded.definition(root).imports.len(),
            Source::Exports(root) => self.loaded.definition(root).exports.len(),
            Source::Instance(id) => types.instances[id as usize].len(),
            Source::ComponentImports(id) => types.components[id as usize].imports.len(),
            Source::ComponentExports(id) => types.components[id as usize].exports.len(),
        }
    }

    fn items(&self) -> impl ExactSizeIterator<Item = (&str, ComponentItem)> {
        (0..self.len()).map(|index| {
            let (name, ty) = self.get(index);
            (name, self.item(ty))
        })
    }

    fn item(&self, ty: ItemType) -> ComponentItem {
        let loaded = &self.loaded;
        let named = |list| Self { loaded: loaded.clone(), list };
        match ty {
            ItemType::Func(id) => ComponentItem::ComponentFunc(ComponentFunc::of(loaded, id)),
            ItemType::Instance(id) => {
                ComponentItem::ComponentInstance(ComponentInstance(named(Source::Instance(id))))
            }
            ItemType::Component(id) => ComponentItem::Component(Component {
                imports: named(Source::ComponentImports(id)),
                exports: named(Source::ComponentExports(id)),
            }),
            ItemType::Module(_) => ComponentItem::Module,
            ItemType::Resource(id) => {
                ComponentItem::Resource(NamedResource(Of { loaded: loaded.clone(), id }))
            }
            ItemType::Type(Some(ty)) => ComponentItem::Type(Type::of(loaded, ty)),
            ItemType::Type(None) | ItemType::Value => ComponentItem::Other,
        }
    }
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.items()).finish()
    }
}

fn entry(items: &Items, index: usize) -> (&str, ItemType) {
    let (name, ty) = &items[index];
    (name, *ty)
}
