//! What a world exports: typed callers; and the world itself.

use super::{
    Error,
    comment::comment,
    imports::{Hosts, function_name, parameters},
    names::{Taken, within},
    plan::{Plan, Side},
    scope::{Scope, tuple},
    wit,
};
use alloc::{borrow::ToOwned, format, string::String, vec::Vec};
use wit_parser::{Docs, Function, FunctionKind, TypeDefKind};

/// A function of a guest.
struct GuestFunction<'p> {
    wit: &'p Function,
    /// What it is called, after the instance it is in.
    export: String,
    /// The field that keeps it, and the end of its callers' names.
    name: String,
    params: Vec<(String, String)>,
    result: Option<String>,
}

/// Something that keeps a guest's functions: a struct.
struct Guest<'p> {
    name: String,
    docs: String,
    functions: Vec<GuestFunction<'p>>,
    /// Its parts: field, type and comment.
    parts: Vec<(String, String, String)>,
}

impl<'p> GuestFunction<'p> {
    fn new(
        function: &'p Function,
        instance: Option<&str>,
        taken: &mut Taken,
        scope: &mut Scope<'p>,
    ) -> Result<Self, Error> {
        let export = match instance {
            Some(instance) => format!("{instance}#{}", function.name),
            None => function.name.clone(),
        };
        Ok(Self {
            wit: function,
            export,
            name: taken.unique_call(match function.kind {
                FunctionKind::Constructor(_) => "constructor".to_owned(),
                _ => function_name(function),
            }),
            params: parameters(scope, function)?,
            result: function.result.map(|ty| scope.ty(&ty)).transpose()?,
        })
    }

    /// The type of the function that is kept.
    fn ty(&self, scope: &mut Scope<'_>) -> String {
        let params: Vec<_> = self.params.iter().map(|(_, ty)| ty.clone()).collect();
        let result: Vec<_> = self.result.iter().cloned().collect();
        format!("{}<{}, {}>", scope.used("TypedFunc"), tuple(&params), tuple(&result))
    }

    fn callers(&self, scope: &mut Scope<'_>) {
        let (result, error, store) = (scope.result(), scope.used("Error"), scope.used("Store"));
        let mut params: Vec<_> = self.params.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
        params.insert(0, format!("store: &mut {store}<T>"));
        params.insert(0, "&self".to_owned());
        let params = params.join(", ");
        let names: Vec<_> = self.params.iter().map(|(name, _)| name.clone()).collect();
        let returns = format!("{result}<{}, {error}>", self.result.as_deref().unwrap_or("()"));
        let (field, name) = (&self.name, within(&self.name));
        let twins = [("", "", "", ""), ("async ", "_async", ".await", "_async")];
        for (word, suffix, wait, call) in twins {
            scope.gap();
            if suffix.is_empty() {
                let otherwise = format!("Calls `{}`.", wit::function(scope.plan.resolve, self.wit));
                scope.docs(&self.wit.docs, &otherwise);
                scope.stability(&self.wit.stability);
            } else {
                scope.comment(&format!("/// [`call_{name}`](Self::call_{name}), as a future."));
            }
            scope.comment("///");
            scope.comment("/// # Errors");
            scope.comment("///");
            scope.comment("/// When the guest traps, or nothing can ever make the call return.");
            scope.line(&format!(
                "pub {word}fn call_{name}{suffix}<T: Send + 'static>({params}) -> {returns} {{"
            ));
            let called = format!("self.{field}.call{call}(store, {}){wait}", tuple(&names));
            scope.line(&match self.result {
                Some(_) => format!("{called}.map(|(value,)| value)"),
                None => called,
            });
            scope.line("}");
        }
    }
}

impl Guest<'_> {
    /// Writes the struct, up to what has its own methods.
    fn define(&self, scope: &mut Scope<'_>) {
        scope.gap();
        scope.docs(&Docs::default(), &self.docs);
        scope.line("#[derive(Clone, Debug)]");
        scope.line(&format!("pub struct {} {{", self.name));
        for function in &self.functions {
            let ty = function.ty(scope);
            scope.line(&format!("{}: {ty},", function.name));
        }
        for (field, ty, _) in &self.parts {
            scope.line(&format!("{field}: {ty},"));
        }
        scope.line("}");
    }

    /// Writes what finds everything in an instance.
    fn find(&self, scope: &mut Scope<'_>) {
        let (store, instance, result, error) =
            (scope.used("Store"), scope.used("Instance"), scope.result(), scope.used("Error"));
        scope.comment("/// Finds what is exported in an instance.");
        scope.comment("///");
        scope.comment("/// # Errors");
        scope.comment("///");
        scope.comment("/// When it does not export this, or with other types.");
        // A resource without functions has nothing to be found.
        let (of, within) = match self.functions.is_empty() && self.parts.is_empty() {
            true => ("_", "_"),
            false => ("store", "instance"),
        };
        scope.line(&format!(
            "pub fn new<T: Send + 'static>({of}: &{store}<T>, {within}: &{instance}) -> {result}<Self, {error}> {{"
        ));
        scope.line("Ok(Self {");
        for function in &self.functions {
            scope
                .line(&format!("{}: instance.get_typed_func(store, {:?})?,", function.name, function.export));
        }
        for (field, ty, _) in &self.parts {
            scope.line(&format!("{field}: {ty}::new(store, instance)?,"));
        }
        scope.line("})");
        scope.line("}");
    }

    /// Writes the callers and what gives access to the parts.
    fn methods(&self, scope: &mut Scope<'_>) {
        for (field, ty, docs) in &self.parts {
            scope.gap();
            scope.docs(&Docs::default(), docs);
            scope.line("#[must_use]");
            scope.line(&format!("pub fn {field}(&self) -> &{ty} {{"));
            scope.line(&format!("&self.{field}"));
            scope.line("}");
        }
        for function in &self.functions {
            function.callers(scope);
        }
    }
}

impl<'p> Scope<'p> {
    /// Writes what calls an exported interface.
    pub(super) fn guest(&mut self, plan: &'p Plan<'p>) -> Result<(), Error> {
        let module = self.module();
        let all = plan.functions(module);
        let mut taken_types = module.taken.clone();
        let mut fields = Taken::default();
        let mut functions = Vec::new();
        for function in all.iter().filter(|function| function.kind.resource().is_none()) {
            functions.push(GuestFunction::new(function, Some(&module.name), &mut fields, self)?);
        }
        fields.add(&["new"]);
        let mut resources = Vec::new();
        let mut parts = Vec::new();
        for id in plan.types_of(self.at) {
            let def = &plan.resolve.types[id];
            let (TypeDefKind::Resource, Some(wit), Some(name)) = (&def.kind, &def.name, plan.name_of(id))
            else {
                continue;
            };
            let name = taken_types.unique(format!("Guest{name}"));
            let mut taken = Taken::default();
            let mut functions = Vec::new();
            for function in all.iter().filter(|function| function.kind.resource() == Some(id)) {
                functions.push(GuestFunction::new(function, Some(&module.name), &mut taken, self)?);
            }
            let docs = format!("The functions of the guest's resources of type `{wit}`.");
            parts.push((fields.unique(super::names::snake(wit)), name.clone(), docs.clone()));
            resources.push(Guest { name, docs, functions, parts: Vec::new() });
        }
        let docs = format!("What a component exports as `{}`.", module.name);
        resources.insert(0, Guest { name: "Guest".to_owned(), docs, functions, parts });
        for guest in resources {
            guest.define(self);
            self.gap();
            self.line(&format!("impl {} {{", guest.name));
            guest.find(self);
            guest.methods(self);
            self.line("}");
        }
        Ok(())
    }

    /// Writes the world itself.
    pub(super) fn world(&mut self, plan: &'p Plan<'p>, hosts: &[(usize, Hosts<'p>)]) -> Result<(), Error> {
        let world = &plan.resolve.worlds[plan.world];
        let name = plan.world_name.clone();
        let mut fields = Taken::default();
        let mut functions = Vec::new();
        for function in plan.exported_functions() {
            functions.push(GuestFunction::new(function, None, &mut fields, self)?);
        }
        fields.add(&["new", "instantiate", "add_to_linker"]);
        let exported = plan.modules.iter().filter(|module| module.side == Side::Export);
        let parts: Vec<_> = exported
            .map(|module| {
                let field = fields.unique(module.path[1..].join("_"));
                let docs = format!("What the component exports as `{}`.", module.name);
                (field, format!("{}::Guest", module.path.join("::")), docs)
            })
            .collect();
        let id = world.package.map(|package| plan.resolve.id_of_name(package, &world.name));
        let docs = match &world.docs.contents {
            Some(docs) => docs.clone(),
            None => format!("The world `{}`.", id.unwrap_or_else(|| world.name.clone())),
        };
        let guest = Guest { name, docs, functions, parts };
        let has_exports = !guest.functions.is_empty() || !guest.parts.is_empty();
        if has_exports {
            guest.define(self);
        } else {
            self.gap();
            self.docs(&Docs::default(), &guest.docs);
            self.line("#[derive(Clone, Debug)]");
            self.line(&format!("pub struct {};", guest.name));
        }
        self.gap();
        if has_exports && may_stay_unused(plan) {
            self.line(UNUSED);
        }
        self.line(&format!("impl {} {{", guest.name));
        self.add_world_to_linker(hosts);
        if has_exports {
            self.instantiate();
            self.gap();
            guest.find(self);
            guest.methods(self);
        }
        self.line("}");
        Ok(())
    }

    fn add_world_to_linker(&mut self, hosts: &[(usize, Hosts<'p>)]) {
        let offering: Vec<_> = hosts.iter().filter(|(_, hosts)| hosts.host.is_some()).collect();
        if offering.is_empty() {
            return;
        }
        let path = |at: usize| self.plan.modules[at].path.join("::");
        let bounds: Vec<_> = offering
            .iter()
            .filter_map(|(at, hosts)| {
                let host = hosts.host.clone()?;
                Some(if *at == 0 { host } else { format!("{}::{host}", path(*at)) })
            })
            .collect();
        let modules: Vec<_> = offering.iter().filter(|(at, _)| *at != 0).map(|(at, _)| path(*at)).collect();
        let (linker, result, error) = (self.used("Linker"), self.result(), self.used("Error"));
        self.comment("/// Offers everything that the world imports to components.");
        self.comment("///");
        self.comment("/// # Errors");
        self.comment("///");
        self.comment("/// When something that is no interface was offered under the name of one.");
        self.line("pub fn add_to_linker<T, H>(");
        self.line(&format!("linker: &mut {linker}<T>,"));
        self.line("get: fn(&mut T) -> &mut H,");
        self.line(&format!(") -> {result}<(), {error}>"));
        self.line("where");
        self.line("    T: Send + 'static,");
        self.line(&format!("    H: {} + 'static,", bounds.join(" + ")));
        self.line("{");
        for module in modules {
            self.line(&format!("{module}::add_to_linker(linker, get)?;"));
        }
        if let Some((_, hosts)) = offering.iter().find(|(at, _)| *at == 0) {
            self.line("let mut root = linker.root();");
            self.offers("root", hosts);
        }
        self.line("Ok(())");
        self.line("}");
    }

    fn instantiate(&mut self) {
        let (store, component, linker, result, error) = (
            self.used("Store"),
            self.used("Component"),
            self.used("Linker"),
            self.result(),
            self.used("Error"),
        );
        self.gap();
        self.comment("/// Makes an instance of a component, and finds what the world exports in it.");
        self.comment("///");
        self.comment("/// # Errors");
        self.comment("///");
        self.comment("/// When the component imports or exports other things than the world says, or traps while it starts.");
        self.line("pub fn instantiate<T: Send + 'static>(");
        self.line(&format!("store: &mut {store}<T>,"));
        self.line(&format!("component: &{component},"));
        self.line(&format!("linker: &{linker}<T>,"));
        self.line(&format!(") -> {result}<Self, {error}> {{"));
        self.line("let instance = linker.instantiate(store, component)?;");
        self.line("Self::new(store, &instance)");
        self.line("}");
    }
}

/// In a program of an embedder's, nothing else uses what it does not.
pub(super) const UNUSED: &str =
    "#[allow(dead_code, unused_imports, reason = \"not every host uses everything\")]";

pub(super) fn may_stay_unused(plan: &Plan<'_>) -> bool {
    plan.config.crate_path.as_deref() != Some("crate")
}

/// A module of the tree that paths make.
#[derive(Default)]
struct Node {
    name: String,
    comment: String,
    text: String,
    children: Vec<Node>,
}

impl Node {
    fn at(&mut self, path: &[String]) -> &mut Self {
        let Some((first, rest)) = path.split_first() else { return self };
        let at = self.children.iter().position(|child| child.name == *first).unwrap_or_else(|| {
            self.children.push(Self { name: first.clone(), ..Self::default() });
            self.children.len() - 1
        });
        self.children[at].at(rest)
    }

    fn write(&self, depth: usize, path: &str, before: &str, text: &mut String) {
        let indent = "    ".repeat(depth);
        for line in self.text.lines() {
            if !line.is_empty() {
                text.push_str(&indent);
                text.push_str(line);
            }
            text.push('\n');
        }
        for child in &self.children {
            if !text.is_empty() && !text.ends_with("{\n") {
                text.push('\n');
            }
            let path = if path.is_empty() { child.name.clone() } else { format!("{path}::{}", child.name) };
            let docs = match child.comment.as_str() {
                "" if path == "exports" => "What the world exports.".to_owned(),
                "" => format!("Interfaces of `{}`.", path.trim_start_matches("exports::").replace("::", ":")),
                comment => comment.to_owned(),
            };
            for line in comment(&docs) {
                text.push_str(&format!("{indent}{line}\n"));
            }
            text.push_str(before);
            text.push_str(&format!("{indent}pub mod {} {{\n", child.name));
            child.write(depth + 1, &path, "", text);
            text.push_str(&format!("{indent}}}\n"));
        }
    }
}

impl<'p> Plan<'p> {
    /// Writes everything.
    pub(super) fn generate(&'p self) -> Result<String, Error> {
        let mut root = Node::default();
        let mut offered = Vec::new();
        for (at, module) in self.modules.iter().enumerate().skip(1) {
            let Some(interface) = module.interface.filter(|_| module.mapped.is_none()) else { continue };
            let mut scope = Scope::new(self, at);
            scope.define_types()?;
            match module.side {
                Side::Import => {
                    let hosts = Hosts::new(self, at, &mut scope)?;
                    scope.host_traits(&hosts);
                    scope.add_to_linker(&hosts);
                    offered.push((at, hosts));
                }
                Side::Export => scope.guest(self)?,
            }
            let node = root.at(&module.path);
            let docs = self.resolve.interfaces[interface].docs.contents.clone();
            node.comment = docs.unwrap_or_else(|| format!("The interface `{}`.", module.name));
            node.text = finished(&scope);
        }
        let mut scope = Scope::new(self, 0);
        scope.define_types()?;
        let hosts = Hosts::new(self, 0, &mut scope)?;
        scope.host_traits(&hosts);
        offered.push((0, hosts));
        scope.world(self, &offered)?;
        root.text = finished(&scope);
        let mut text = "// Generated by wasmote bindgen; do not edit.\n\n".to_owned();
        let before = if may_stay_unused(self) { format!("{UNUSED}\n") } else { String::new() };
        root.write(0, "", &before, &mut text);
        Ok(text)
    }
}

/// The text of a module, with what it uses before it.
fn finished(scope: &Scope<'_>) -> String {
    match scope.use_lines() {
        uses if uses.is_empty() => scope.text.clone(),
        uses => format!("{uses}\n{}", scope.text),
    }
}
