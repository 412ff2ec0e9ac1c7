//! What a world imports: traits for a host to implement, and what offers them to components.

use super::{
    Error,
    names::{Taken, camel, snake},
    plan::{Module, Plan, local_name},
    scope::{Scope, tuple},
    wit,
};
use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use wit_parser::{AccessorKind, Docs, Function, FunctionKind, TypeDefKind, TypeId};

/// A function of a host.
struct HostFunction<'p> {
    wit: &'p Function,
    /// The trait it is in.
    host: String,
    name: String,
    params: Vec<(String, String)>,
    result: Option<String>,
    waits: bool,
    needs_store: bool,
}

/// A resource that a host implements.
struct HostResource<'p> {
    /// What components call it.
    wit: &'p str,
    name: &'p str,
    /// The trait with its functions.
    host: String,
    functions: Vec<HostFunction<'p>>,
}

/// Rust's name for a function.
pub(super) fn function_name(function: &Function) -> String {
    let name = match (&function.kind, function.kind.accessor()) {
        (FunctionKind::Constructor(_), _) => "new".to_owned(),
        (_, Some(AccessorKind::Setter)) => format!("set-{}", function.item_name()),
        _ => function.item_name().to_owned(),
    };
    snake(&name)
}

/// A function's parameters, with names that are in nobody's way.
pub(super) fn parameters(scope: &mut Scope<'_>, function: &Function) -> Result<Vec<(String, String)>, Error> {
    scope.begin(&local_name(function));
    if function.params.len() > super::PARAMETERS_MAX {
        return Err(scope.unsupported("a function of so many parameters"));
    }
    let mut taken = Taken::new(&["self", "access", "cx", "get", "store", "value"]);
    function
        .params
        .iter()
        .map(|param| {
            let name = if param.name == "self" { "this".to_owned() } else { snake(&param.name) };
            Ok((taken.unique(name), scope.ty(&param.ty)?))
        })
        .collect()
}

/// What an imported module offers, before its text is written.
pub(super) struct Hosts<'p> {
    /// The trait that stands for all of it, if there is anything to implement.
    pub(super) host: Option<String>,
    functions: Vec<HostFunction<'p>>,
    resources: Vec<HostResource<'p>>,
}

impl<'p> Hosts<'p> {
    pub(super) fn new(plan: &'p Plan<'p>, at: usize, scope: &mut Scope<'p>) -> Result<Self, Error> {
        let module = &plan.modules[at];
        let mut taken = module.taken.clone();
        let host = match module.interface {
            Some(_) => "Host".to_owned(),
            None => taken.unique(camel(&plan.resolve.worlds[plan.world].name) + "Imports"),
        };
        let mut resources = Vec::new();
        for id in plan.types_of(at) {
            let def = &plan.resolve.types[id];
            let (TypeDefKind::Resource, Some(wit), Some(name)) = (&def.kind, &def.name, plan.name_of(id))
            else {
                continue;
            };
            let host = taken.unique(format!("Host{name}"));
            let functions = HostFunction::all(plan, module, &host, Some(id), scope)?;
            resources.push(HostResource { wit, name, host, functions });
        }
        let functions = HostFunction::all(plan, module, &host, None, scope)?;
        let host = (!functions.is_empty() || !resources.is_empty()).then_some(host);
        Ok(Self { host, functions, resources })
    }
}

impl<'p> HostFunction<'p> {
    /// The functions of a resource, or of none.
    fn all(
        plan: &Plan<'p>,
        module: &Module,
        host: &str,
        resource: Option<TypeId>,
        scope: &mut Scope<'p>,
    ) -> Result<Vec<Self>, Error> {
        let mut taken = if resource.is_some() { Taken::new(&["drop"]) } else { Taken::default() };
        let functions = plan.functions(module).into_iter();
        functions
            .filter(|function| function.kind.resource() == resource)
            .map(|function| {
                Ok(Self {
                    wit: function,
                    host: host.to_owned(),
                    name: taken.unique(function_name(function)),
                    params: parameters(scope, function)?,
                    result: function.result.map(|ty| scope.ty(&ty)).transpose()?,
                    waits: plan.may_wait(module, function),
                    needs_store: plan.needs_store(module, function),
                })
            })
            .collect()
    }

    fn declare(&self, scope: &mut Scope<'_>) {
        scope.gap();
        let otherwise = format!("`{}`", wit::function(scope.plan.resolve, self.wit));
        scope.docs(&self.wit.docs, &otherwise);
        scope.stability(&self.wit.stability);
        let mut params = Vec::new();
        if self.needs_store {
            params.push(format!("access: {}<'_, T, Self>", scope.used("Access")));
        } else {
            params.push("&mut self".to_owned());
        }
        if self.waits {
            params.push(format!("cx: &mut {}<'_>", scope.used("Context")));
        }
        let by = if self.waits { "&mut " } else { "" };
        params.extend(self.params.iter().map(|(name, ty)| format!("{name}: {by}{ty}")));
        let result = self.result.as_deref().unwrap_or("()");
        let mut result = format!("{}<{result}, {}>", scope.result(), scope.used("Fault"));
        if self.waits {
            result = format!("{}<{result}>", scope.used("Poll"));
        }
        let generics = if self.needs_store { "<T: Send + 'static>" } else { "" };
        scope.line(&format!("fn {}{generics}({}) -> {result};", self.name, params.join(", ")));
    }

    /// Offers it to components as part of `instance`.
    fn offer(&self, instance: &str, scope: &mut Scope<'_>) {
        let (names, types): (Vec<_>, Vec<_>) = self.params.iter().cloned().unzip();
        let (names, types) = (tuple(&names), tuple(&types));
        let (wrap, map, by, cx) = match self.waits {
            true => ("func_wrap_poll", "map_ok", "&mut ", "cx, "),
            false => ("func_wrap", "map", "", ""),
        };
        let store = if self.needs_store { "store" } else { "mut store" };
        let mut arguments = match self.needs_store {
            true => [format!("{}::new(store, get)", scope.used("Access"))].to_vec(),
            false => ["get(store.data_mut())".to_owned()].to_vec(),
        };
        arguments.extend(self.waits.then(|| "cx".to_owned()));
        arguments.extend(self.params.iter().map(|(name, _)| name.clone()));
        let map = self.result.as_ref().map(|_| format!(".{map}(|value| (value,))"));
        scope.line(&format!(
            "{instance}.{wrap}({:?}, move |{store}, {cx}{names}: {by}{types}| {{",
            self.wit.name
        ));
        scope.line(&format!(
            "{}::{}({}){}",
            self.host,
            self.name,
            arguments.join(", "),
            map.unwrap_or_default()
        ));
        scope.line("})?;");
    }
}

impl Scope<'_> {
    /// Writes the traits of a module.
    pub(super) fn host_traits(&mut self, hosts: &Hosts<'_>) {
        let Some(host) = &hosts.host else { return };
        let supertraits: Vec<_> = hosts.resources.iter().map(|resource| resource.host.clone()).collect();
        let supertraits = match supertraits.as_slice() {
            [] => String::new(),
            some => format!(": {}", some.join(" + ")),
        };
        let what = match self.module().interface {
            Some(_) => format!("What a host does for `{}`.", self.module().pattern_name),
            None => "What a host does for what the world imports itself.".to_string(),
        };
        self.gap();
        self.docs(&Docs::default(), &what);
        if hosts.functions.is_empty() {
            self.line(&format!("pub trait {host}{supertraits} {{}}"));
        } else {
            self.line(&format!("pub trait {host}{supertraits} {{"));
            hosts.functions.iter().for_each(|function| function.declare(self));
            self.line("}");
        }
        for resource in &hosts.resources {
            self.resource_trait(resource);
        }
    }

    fn resource_trait(&mut self, resource: &HostResource<'_>) {
        self.gap();
        self.docs(&Docs::default(), &format!("What a host does for resources of type `{}`.", resource.wit));
        self.line(&format!("pub trait {} {{", resource.host));
        resource.functions.iter().for_each(|function| function.declare(self));
        self.gap();
        self.docs(&Docs::default(), &format!("A guest drops the `{}` it owns.", resource.wit));
        let (handle, result, fault) = (self.used("Resource"), self.result(), self.used("Fault"));
        let name = resource.name;
        self.line(&format!("fn drop(&mut self, this: {handle}<{name}>) -> {result}<(), {fault}>;"));
        self.line("}");
    }

    /// Writes what offers an interface to components.
    pub(super) fn add_to_linker(&mut self, hosts: &Hosts<'_>) {
        let Some(host) = &hosts.host else { return };
        let name = &self.module().name;
        self.gap();
        self.docs(&Docs::default(), &format!("Offers `{name}` to components."));
        self.comment("///");
        self.comment("/// # Errors");
        self.comment("///");
        self.comment("/// When something that is no interface was offered under this name.");
        let (linker, result, error) = (self.used("Linker"), self.result(), self.used("Error"));
        self.line("pub fn add_to_linker<T: Send + 'static, H: Host + 'static>(");
        self.line(&format!("linker: &mut {linker}<T>,"));
        self.line("get: fn(&mut T) -> &mut H,");
        self.line(&format!(") -> {result}<(), {error}> {{"));
        debug_assert_eq!(host, "Host");
        self.line(&format!("let mut instance = linker.instance({name:?})?;"));
        self.offers("instance", hosts);
        self.line("Ok(())");
        self.line("}");
    }

    /// Writes the lines that offer functions and resources as parts of `instance`.
    pub(super) fn offers(&mut self, instance: &str, hosts: &Hosts<'_>) {
        for resource in &hosts.resources {
            let (ty, handle) = (self.used("ResourceType"), self.used("Resource"));
            let HostResource { wit, name, host, .. } = resource;
            self.line(&format!(
                "{instance}.resource({wit:?}, {ty}::host::<{name}>(), move |mut store, rep| {{"
            ));
            self.line(&format!("{host}::drop(get(store.data_mut()), {handle}::new_own(rep))"));
            self.line("})?;");
        }
        let of_resources = hosts.resources.iter().flat_map(|resource| &resource.functions);
        for function in of_resources.chain(&hosts.functions) {
            function.offer(instance, self);
        }
    }
}
