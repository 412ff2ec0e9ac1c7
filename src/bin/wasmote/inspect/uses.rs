//! Completes what was decoded, so that it reads as WIT.
//!
//! A function of a component may name a type of any instance before it. In WIT a scope names its own types, and those
//! of others that it declares with `use` (`WIT.md`, "Item: `use`"): for what lacks such a declaration, this adds it.

use std::collections::BTreeMap;
use wit_parser::{
    Function, Handle, IndexMap, InterfaceId, Resolve, Type, TypeDef, TypeDefKind, TypeId, TypeOwner, WorldId,
    WorldItem, WorldKey,
};

/// Declares in each scope what it uses. What WIT has no way to declare stays as it is.
pub fn declare(resolve: &mut Resolve) {
    let interfaces = resolve.interfaces.iter().map(|(id, _)| TypeOwner::Interface(id));
    let worlds = resolve.worlds.iter().map(|(id, _)| TypeOwner::World(id));
    for owner in interfaces.chain(worlds).collect::<Vec<_>>() {
        Scope { resolve, owner, declared: BTreeMap::new() }.declare();
    }
}

/// An interface or a world.
struct Scope<'r> {
    resolve: &'r mut Resolve,
    owner: TypeOwner,
    /// Types of others, and what they are here.
    declared: BTreeMap<TypeId, TypeId>,
}

impl Scope<'_> {
    fn declare(&mut self) {
        for id in self.types() {
            let kind = self.resolve.types[id].kind.clone();
            // One that is another by name is declared already.
            let is_declared = matches!(kind, TypeDefKind::Type(Type::Id(of)) if self.is_named(of));
            if !is_declared {
                self.resolve.types[id].kind = self.kind(kind);
            }
        }
        match self.owner {
            TypeOwner::Interface(id) => self.interface(id),
            TypeOwner::World(id) => self.world(id),
            TypeOwner::None => {}
        }
    }

    fn interface(&mut self, id: InterfaceId) {
        let mut functions = self.resolve.interfaces[id].functions.clone();
        functions.values_mut().for_each(|function| self.function(function));
        self.resolve.interfaces[id].functions = functions;
    }

    fn world(&mut self, id: WorldId) {
        let world = &self.resolve.worlds[id];
        let functions = |items: &IndexMap<WorldKey, WorldItem>| -> Vec<_> {
            let all = items.iter().filter(|(_, item)| matches!(item, WorldItem::Function(_)));
            all.map(|(key, item)| (key.clone(), item.clone())).collect()
        };
        let (mut imports, mut exports) = (functions(&world.imports), functions(&world.exports));
        for (_, item) in imports.iter_mut().chain(&mut exports) {
            if let WorldItem::Function(function) = item {
                self.function(function);
            }
        }
        let world = &mut self.resolve.worlds[id];
        world.imports.extend(imports);
        world.exports.extend(exports);
    }

    /// Types that are defined here.
    fn types(&self) -> Vec<TypeId> {
        match self.owner {
            TypeOwner::Interface(id) => self.resolve.interfaces[id].types.values().copied().collect(),
            TypeOwner::World(id) => {
                let items = self.resolve.worlds[id].imports.values();
                items
                    .filter_map(|item| if let WorldItem::Type { id, .. } = item { Some(*id) } else { None })
                    .collect()
            }
            TypeOwner::None => Vec::new(),
        }
    }

    fn function(&mut self, function: &mut Function) {
        for param in &mut function.params {
            param.ty = self.ty(param.ty);
        }
        function.result = function.result.map(|ty| self.ty(ty));
    }

    fn is_named(&self, id: TypeId) -> bool {
        self.resolve.types[id].name.is_some()
    }

    fn ty(&mut self, ty: Type) -> Type {
        if let Type::Id(id) = ty { Type::Id(self.id(id)) } else { ty }
    }

    /// What `id` is called by here. What has no name is made anew with what it is of; types nest no deeper than the
    /// validator allows.
    fn id(&mut self, id: TypeId) -> TypeId {
        if self.is_named(id) {
            return self.named(id);
        }
        let def = self.resolve.types[id].clone();
        let kind = self.kind(def.kind.clone());
        if kind == def.kind { id } else { self.resolve.types.alloc(TypeDef { kind, ..def }) }
    }

    fn kind(&mut self, mut kind: TypeDefKind) -> TypeDefKind {
        let mut each: Vec<&mut Type> = Vec::new();
        match &mut kind {
            TypeDefKind::Record(record) => each.extend(record.fields.iter_mut().map(|field| &mut field.ty)),
            TypeDefKind::Tuple(tuple) => each.extend(&mut tuple.types),
            TypeDefKind::Variant(variant) => {
                each.extend(variant.cases.iter_mut().filter_map(|case| case.ty.as_mut()));
            }
            TypeDefKind::Result(result) => each.extend(result.ok.iter_mut().chain(&mut result.err)),
            TypeDefKind::Map(key, value) => each.extend([key, value]),
            TypeDefKind::Option(ty)
            | TypeDefKind::List(ty)
            | TypeDefKind::FixedLengthList(ty, _)
            | TypeDefKind::Type(ty) => each.push(ty),
            TypeDefKind::Future(ty) | TypeDefKind::Stream(ty) => each.extend(ty),
            TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => *id = self.id(*id),
            TypeDefKind::Resource | TypeDefKind::Flags(_) | TypeDefKind::Enum(_) | TypeDefKind::Unknown => {}
        }
        for ty in each {
            *ty = self.ty(*ty);
        }
        kind
    }

    fn named(&mut self, id: TypeId) -> TypeId {
        let TypeOwner::Interface(from) = self.resolve.types[id].owner else { return id };
        if self.owner == TypeOwner::Interface(from) || !self.can_use(from) {
            return id;
        }
        if let Some(known) = self.declared.get(&id) {
            return *known;
        }
        let name = self.free_name(id, from);
        let of = &self.resolve.types[id];
        let (stability, span) = (of.stability.clone(), of.span);
        let kind = TypeDefKind::Type(Type::Id(id));
        let def = TypeDef {
            name: Some(name.clone()),
            kind,
            owner: self.owner,
            docs: Default::default(),
            stability,
            span,
            external_id: None,
        };
        let new = self.resolve.types.alloc(def);
        match self.owner {
            TypeOwner::Interface(scope) => {
                self.resolve.interfaces[scope].types.insert(name, new);
            }
            TypeOwner::World(scope) => {
                let item = WorldItem::Type { id: new, span };
                self.resolve.worlds[scope].imports.insert(WorldKey::Name(name), item);
            }
            TypeOwner::None => {}
        }
        self.declared.insert(id, new);
        new
    }

    /// Whether `use` leads to that interface. One without a name it cannot say; and a world that uses one thereby
    /// imports it, which must be no news.
    fn can_use(&self, from: InterfaceId) -> bool {
        self.resolve.interfaces[from].name.is_some()
            && match self.owner {
                TypeOwner::World(id) => {
                    self.resolve.worlds[id].imports.contains_key(&WorldKey::Interface(from))
                }
                _ => true,
            }
    }

    /// A name for the type that nothing here has: its own, if that is free.
    fn free_name(&self, id: TypeId, from: InterfaceId) -> String {
        let own = self.resolve.types[id].name.clone().unwrap_or_default();
        let of = self.resolve.interfaces[from].name.clone().unwrap_or_default();
        let mut name = own.clone();
        let mut number = 0;
        while self.has(&name) {
            name = if number == 0 { format!("{of}-{own}") } else { format!("{of}-{own}-v{number}") };
            number += 1;
        }
        name
    }

    fn has(&self, name: &str) -> bool {
        match self.owner {
            TypeOwner::Interface(id) => {
                let interface = &self.resolve.interfaces[id];
                interface.types.contains_key(name) || interface.functions.contains_key(name)
            }
            TypeOwner::World(id) => {
                let (world, key) = (&self.resolve.worlds[id], WorldKey::Name(name.into()));
                world.imports.contains_key(&key) || world.exports.contains_key(&key)
            }
            TypeOwner::None => false,
        }
    }
}
