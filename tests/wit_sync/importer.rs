//! A component in text that imports what WIT declares, and does nothing.

use std::{collections::HashMap, fmt::Write};
use wit_parser::{Function, Handle, InterfaceId, Resolve, Type, TypeDefKind, TypeId, TypeOwner};

/// Every interface by name, those first that others use types of.
pub fn interfaces(resolve: &Resolve) -> Vec<(String, InterfaceId)> {
    let packages = resolve.topological_packages().into_iter();
    let mut found: Vec<InterfaceId> = Vec::new();
    for package in packages {
        for id in resolve.packages[package].interfaces.values() {
            add(resolve, *id, &mut found);
        }
    }
    found.into_iter().map(|id| (resolve.id_of(id).unwrap(), id)).collect()
}

fn add(resolve: &Resolve, id: InterfaceId, found: &mut Vec<InterfaceId>) {
    let used: Vec<_> = resolve.interface_direct_deps(id).filter(|used| *used != id).collect();
    for used in used {
        add(resolve, used, found);
    }
    if !found.contains(&id) {
        found.push(id);
    }
}

/// A component that imports the interfaces whose names are wanted, and those whose types they use.
pub fn component(resolve: &Resolve, wanted: impl Fn(&str) -> bool) -> String {
    let mut text = String::from("(component\n");
    let mut outer = HashMap::new();
    for (number, (name, id)) in interfaces(resolve).into_iter().enumerate() {
        if !wanted(&name) {
            continue;
        }
        let mut instance = Instance { resolve, number, id, names: HashMap::new(), text: String::new() };
        instance.write(&outer);
        writeln!(text, "  (import \"{name}\" (instance $i{number}\n{}  ))", instance.text).unwrap();
        for (ty, id) in &resolve.interfaces[id].types {
            let alias = format!("$i{number}-{ty}");
            writeln!(text, "  (alias export $i{number} \"{ty}\" (type {alias}))").unwrap();
            outer.insert(*id, alias);
        }
    }
    text + ")"
}

/// An instance type while it is written.
struct Instance<'r> {
    resolve: &'r Resolve,
    number: usize,
    id: InterfaceId,
    /// What the types that it exports are called in it.
    names: HashMap<TypeId, String>,
    text: String,
}

impl Instance<'_> {
    fn write(&mut self, outer: &HashMap<TypeId, String>) {
        let interface = &self.resolve.interfaces[self.id];
        // A type may be written before what it is made of.
        for id in interface.types.values() {
            self.define(*id, outer);
        }
        for function in interface.functions.values() {
            let types = function.parameter_and_result_types();
            types.for_each(|part| self.define_part(&part, outer));
            let ty = self.func(function);
            writeln!(self.text, "    (export \"{}\" {ty})", function.name).unwrap();
        }
    }

    fn define(&mut self, id: TypeId, outer: &HashMap<TypeId, String>) {
        let def = &self.resolve.types[id];
        if self.names.contains_key(&id) {
            return;
        }
        parts(&def.kind).iter().for_each(|part| self.define_part(part, outer));
        let Some(name) = &def.name else {
            // The text format does not take these everywhere where a type may stand.
            if let TypeDefKind::Stream(_) | TypeDefKind::Future(_) = def.kind {
                let local = format!("$t{}-{}", self.number, self.names.len());
                let ty = self.kind(&def.kind);
                writeln!(self.text, "    (type {local} {ty})").unwrap();
                self.names.insert(id, local);
            }
            return;
        };
        let local = format!("$t{}-{name}", self.number);
        if let TypeDefKind::Resource = def.kind {
            writeln!(self.text, "    (export \"{name}\" (type {local} (sub resource)))").unwrap();
        } else {
            let made = match &def.kind {
                TypeDefKind::Type(Type::Id(other)) if self.is_foreign(*other) => {
                    writeln!(self.text, "    (alias outer 1 {} (type {local}'))", outer[other]).unwrap();
                    format!("{local}'")
                }
                TypeDefKind::Type(Type::Id(other)) => self.names[other].clone(),
                kind => {
                    let ty = self.kind(kind);
                    writeln!(self.text, "    (type {local}' {ty})").unwrap();
                    format!("{local}'")
                }
            };
            writeln!(self.text, "    (export \"{name}\" (type {local} (eq {made})))").unwrap();
        }
        self.names.insert(id, local);
    }

    fn define_part(&mut self, part: &Type, outer: &HashMap<TypeId, String>) {
        match part {
            Type::Id(id) if !self.is_foreign(*id) => self.define(*id, outer),
            _ => {}
        }
    }

    fn is_foreign(&self, id: TypeId) -> bool {
        let owner = self.resolve.types[id].owner;
        owner != TypeOwner::Interface(self.id) && owner != TypeOwner::None
    }

    fn func(&self, function: &Function) -> String {
        let mut text = String::from(if function.kind.is_async() { "(func async" } else { "(func" });
        for param in &function.params {
            write!(text, " (param \"{}\" {})", param.name, self.ty(&param.ty)).unwrap();
        }
        if let Some(result) = &function.result {
            write!(text, " (result {})", self.ty(result)).unwrap();
        }
        text + ")"
    }

    fn ty(&self, ty: &Type) -> String {
        match ty {
            Type::Id(id) => match self.names.get(id) {
                Some(name) => name.clone(),
                None => self.kind(&self.resolve.types[*id].kind),
            },
            Type::ErrorContext => "error-context".into(),
            ty => format!("{ty:?}").to_lowercase(),
        }
    }

    fn kind(&self, kind: &TypeDefKind) -> String {
        let optional = |word: &str, part: &Option<Type>| match part {
            Some(part) => format!("({word} {})", self.ty(part)),
            None => format!("({word})"),
        };
        let labels = |word: &str, labels: Vec<&String>| {
            format!("({word}{})", labels.iter().map(|label| format!(" \"{label}\"")).collect::<String>())
        };
        match kind {
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter();
                let fields =
                    fields.map(|field| format!(" (field \"{}\" {})", field.name, self.ty(&field.ty)));
                format!("(record{})", fields.collect::<String>())
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter().map(|case| {
                    let ty = case.ty.map(|ty| format!(" {}", self.ty(&ty))).unwrap_or_default();
                    format!(" (case \"{}\"{ty})", case.name)
                });
                format!("(variant{})", cases.collect::<String>())
            }
            TypeDefKind::Enum(cases) => labels("enum", cases.cases.iter().map(|case| &case.name).collect()),
            TypeDefKind::Flags(flags) => labels("flags", flags.flags.iter().map(|flag| &flag.name).collect()),
            TypeDefKind::Handle(Handle::Own(resource)) => format!("(own {})", self.names[resource]),
            TypeDefKind::Handle(Handle::Borrow(resource)) => format!("(borrow {})", self.names[resource]),
            TypeDefKind::Tuple(tuple) => {
                let types = tuple.types.iter().map(|ty| format!(" {}", self.ty(ty)));
                format!("(tuple{})", types.collect::<String>())
            }
            TypeDefKind::Option(part) => format!("(option {})", self.ty(part)),
            TypeDefKind::List(part) => format!("(list {})", self.ty(part)),
            TypeDefKind::Result(result) => {
                let ok = result.ok.map(|ok| format!(" {}", self.ty(&ok))).unwrap_or_default();
                let err = result.err.map(|err| format!(" (error {})", self.ty(&err))).unwrap_or_default();
                format!("(result{ok}{err})")
            }
            TypeDefKind::Stream(part) => optional("stream", part),
            TypeDefKind::Future(part) => optional("future", part),
            TypeDefKind::Type(part) => self.ty(part),
            other => panic!("WASI has no {}", other.as_str()),
        }
    }
}

/// The types that a type is made of.
fn parts(kind: &TypeDefKind) -> Vec<Type> {
    match kind {
        TypeDefKind::Record(record) => record.fields.iter().map(|field| field.ty).collect(),
        TypeDefKind::Variant(variant) => variant.cases.iter().filter_map(|case| case.ty).collect(),
        TypeDefKind::Tuple(tuple) => tuple.types.clone(),
        TypeDefKind::Result(result) => result.ok.into_iter().chain(result.err).collect(),
        TypeDefKind::Option(ty) | TypeDefKind::List(ty) | TypeDefKind::Type(ty) => vec![*ty],
        TypeDefKind::Stream(ty) | TypeDefKind::Future(ty) => ty.iter().copied().collect(),
        TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => vec![Type::Id(*id)],
        _ => Vec::new(),
    }
}
