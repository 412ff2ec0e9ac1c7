//! WIT types as Rust types.

use super::{
    Error,
    exports::{UNUSED, may_stay_unused},
    names::{Taken, camel, shouting, snake},
    plan::{Abilities, Side},
    scope::Scope,
    wit,
};
use alloc::{format, string::String, vec::Vec};
use wit_parser::{Enum, Flags, Record, Type, TypeDef, TypeDefKind, TypeId, Variant};

impl Scope<'_> {
    /// Defines the module's types.
    pub(super) fn define_types(&mut self) -> Result<(), Error> {
        let types = self.plan.types_of(self.at);
        self.reexport(&types)?;
        for id in types {
            if self.elsewhere(id)?.is_none() {
                self.define(id)?;
            }
        }
        Ok(())
    }

    /// Where a type of this module is to be had, if it is not defined in it.
    fn elsewhere(&self, id: TypeId) -> Result<Option<String>, Error> {
        match self.plan.resolve.types[id].kind {
            TypeDefKind::Resource => Ok(self.plan.resource(id).map(|path| self.path_from_root(path))),
            TypeDefKind::Type(Type::Id(other))
                if self.plan.module_of(other).is_some_and(|at| at != self.at) =>
            {
                self.path(other).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Brings in the types that are defined elsewhere, in the order that the formatter would have them in.
    fn reexport(&mut self, types: &[TypeId]) -> Result<(), Error> {
        let mut lines = Vec::new();
        for id in types {
            if let (Some(path), Some(name)) = (self.elsewhere(*id)?, self.plan.name_of(*id)) {
                let is_renamed = path.rsplit("::").next() != Some(name);
                lines.push(if is_renamed { format!("{path} as {name}") } else { path });
            }
        }
        // A path that begins with a module could begin with a crate of that name as well.
        for path in &mut lines {
            if !["self", "super", "crate", ""].contains(&path.split("::").next().unwrap_or_default()) {
                path.insert_str(0, "self::");
            }
        }
        lines.sort_by_key(|path| path.replace("super::", " "));
        for path in lines {
            if self.at == 0 && may_stay_unused(self.plan) {
                self.line(UNUSED);
            }
            self.line(&format!("pub use {path};"));
        }
        Ok(())
    }

    fn define(&mut self, id: TypeId) -> Result<(), Error> {
        let plan = self.plan;
        let def = &plan.resolve.types[id];
        let (Some(wit), Some(name)) = (&def.name, plan.name_of(id)) else { return Ok(()) };
        self.gap();
        self.begin(wit);
        match &def.kind {
            TypeDefKind::Resource => self.resource(def, wit, name),
            TypeDefKind::Record(record) => return self.record(def, record, wit, name),
            TypeDefKind::Variant(variant) => return self.variant(def, variant, wit, name),
            TypeDefKind::Enum(cases) => self.enumeration(def, cases, wit, name),
            TypeDefKind::Flags(flags) => return self.flags(def, flags, wit, name),
            kind => {
                let ty = match kind {
                    // Another name for a resource is one for its type, not for a handle to it.
                    TypeDefKind::Type(Type::Id(other)) => self.path(*other)?,
                    kind => self.kind(kind)?,
                };
                self.docs(&def.docs, &format!("`type {wit}`"));
                self.stability(&def.stability);
                self.line(&format!("pub type {name} = {ty};"));
            }
        }
        Ok(())
    }

    fn resource(&mut self, def: &TypeDef, wit: &str, name: &str) {
        self.docs(&def.docs, &format!("`resource {wit}`"));
        self.stability(&def.stability);
        if self.module().side == Side::Export {
            let any = self.used("ResourceAny");
            self.line(&format!("pub type {name} = {any};"));
        } else {
            self.line("#[derive(Clone, Copy, Debug)]");
            self.line(&format!("pub enum {name} {{}}"));
        }
    }

    fn derive(&mut self, abilities: Abilities) {
        let traits = [
            (abilities.clone, "Clone"),
            (abilities.copy, "Copy"),
            (true, "Debug"),
            (abilities.partial_eq, "PartialEq"),
            (abilities.eq, "Eq"),
        ];
        let traits: Vec<_> = traits.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
        self.line(&format!("#[derive({})]", traits.join(", ")));
    }

    fn record(&mut self, def: &TypeDef, record: &Record, wit: &str, name: &str) -> Result<(), Error> {
        let abilities = record.fields.iter().map(|field| self.plan.abilities(&field.ty));
        let abilities = abilities.fold(Abilities::ALL, Abilities::and);
        let mut taken = Taken::default();
        let mut fields = Vec::new();
        for field in &record.fields {
            fields.push((taken.unique(snake(&field.name)), self.ty(&field.ty)?, field));
        }
        self.docs(&def.docs, &format!("`record {wit}`"));
        self.stability(&def.stability);
        self.derive(abilities);
        self.line(&format!("pub struct {name} {{"));
        for (rust, ty, field) in &fields {
            let otherwise = format!("`{}: {}`", field.name, wit::ty(self.plan.resolve, &field.ty));
            self.docs(&field.docs, &otherwise);
            self.line(&format!("pub {rust}: {ty},"));
        }
        self.line("}");
        let krate = self.krate();
        self.gap();
        self.line(&format!("{krate}::record! {{"));
        self.line(&format!("{name} {{"));
        for (rust, ty, field) in &fields {
            self.line(&format!("{rust}: {ty} = {:?},", field.name));
        }
        self.line("}");
        self.line("}");
        Ok(())
    }

    fn variant(&mut self, def: &TypeDef, variant: &Variant, wit: &str, name: &str) -> Result<(), Error> {
        let payloads = variant.cases.iter().filter_map(|case| case.ty);
        let abilities = payloads.map(|ty| self.plan.abilities(&ty)).fold(Abilities::ALL, Abilities::and);
        let mut taken = Taken::new(&["Self"]);
        let mut cases = Vec::new();
        for case in &variant.cases {
            let payload = case.ty.map(|ty| Ok(format!("({})", self.ty(&ty)?))).transpose()?;
            let rust = taken.unique(camel(&case.name)) + &payload.unwrap_or_default();
            let ty = case.ty.map(|ty| format!("({})", wit::ty(self.plan.resolve, &ty)));
            cases.push((rust, &case.name, format!("`{}{}`", case.name, ty.unwrap_or_default()), &case.docs));
        }
        self.docs(&def.docs, &format!("`variant {wit}`"));
        self.stability(&def.stability);
        self.derive(abilities);
        self.cases(name, &cases);
        Ok(())
    }

    fn enumeration(&mut self, def: &TypeDef, cases: &Enum, wit: &str, name: &str) {
        let mut taken = Taken::new(&["Self"]);
        let cases: Vec<_> = cases
            .cases
            .iter()
            .map(|case| (taken.unique(camel(&case.name)), &case.name, format!("`{}`", case.name), &case.docs))
            .collect();
        self.docs(&def.docs, &format!("`enum {wit}`"));
        self.stability(&def.stability);
        self.derive(Abilities::ALL);
        self.cases(name, &cases);
    }

    fn cases(&mut self, name: &str, cases: &[(String, &String, String, &wit_parser::Docs)]) {
        self.line(&format!("pub enum {name} {{"));
        for (rust, _, otherwise, docs) in cases {
            self.docs(docs, otherwise);
            self.line(&format!("{rust},"));
        }
        self.line("}");
        let krate = self.krate();
        self.gap();
        self.line(&format!("{krate}::variant! {{"));
        self.line(&format!("{name} {{"));
        for (rust, wit, _, _) in cases {
            self.line(&format!("{rust} = {wit:?},"));
        }
        self.line("}");
        self.line("}");
    }

    fn flags(&mut self, def: &TypeDef, flags: &Flags, wit: &str, name: &str) -> Result<(), Error> {
        if flags.flags.len() > 32 {
            return Err(self.unsupported("more than 32 flags"));
        }
        let krate = self.krate();
        let mut taken = Taken::default();
        self.line(&format!("{krate}::flags! {{"));
        self.docs(&def.docs, &format!("`flags {wit}`"));
        self.stability(&def.stability);
        self.line(&format!("{name} {{"));
        for flag in &flags.flags {
            self.docs(&flag.docs, &format!("`{}`", flag.name));
            let rust = taken.unique(shouting(&flag.name));
            self.line(&format!("{rust} = {:?},", flag.name));
        }
        self.line("}");
        self.line("}");
        Ok(())
    }
}
