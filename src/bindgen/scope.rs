//! One module while its text is written: what it uses, and how it names types.

use super::{
    Error,
    comment::comment,
    plan::{Module, Plan, Side},
};
use alloc::{borrow::ToOwned, collections::BTreeSet, format, string::String, vec::Vec};
use wit_parser::{Docs, Handle, Stability, Type, TypeDefKind, TypeId};

/// What generated code uses by name: `(name, where it is, which crate)`.
const USED: &[(&str, &str, Source)] = &[
    ("Access", "component", Source::This),
    ("BTreeMap", "collections", Source::Alloc),
    ("Component", "component", Source::This),
    ("Context", "task", Source::Core),
    ("Error", "", Source::This),
    ("ErrorContext", "component", Source::This),
    ("Fault", "engine", Source::This),
    ("FutureReader", "component", Source::This),
    ("Instance", "component", Source::This),
    ("Linker", "component", Source::This),
    ("Poll", "task", Source::Core),
    ("Resource", "component", Source::This),
    ("ResourceAny", "component", Source::This),
    ("ResourceType", "component", Source::This),
    ("Store", "component", Source::This),
    ("StreamReader", "component", Source::This),
    ("String", "string", Source::Alloc),
    ("TypedFunc", "component", Source::This),
    ("Vec", "vec", Source::Alloc),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    This,
    Alloc,
    Core,
}

/// A module while its text is written.
pub(super) struct Scope<'p> {
    pub(super) plan: &'p Plan<'p>,
    pub(super) at: usize,
    /// Type names that it defines; those of traits and of what calls a guest begin as nothing does that is used.
    own: BTreeSet<String>,
    uses: BTreeSet<(Source, &'static str, &'static str)>,
    needs_alloc: bool,
    /// What is being written, as WIT names it.
    item: String,
    pub(super) text: String,
    depth: usize,
}

impl<'p> Scope<'p> {
    pub(super) fn new(plan: &'p Plan<'p>, at: usize) -> Self {
        let types = plan.types_of(at);
        let own = types.iter().filter_map(|id| plan.name_of(*id));
        let own = own.chain((at == 0).then_some(plan.world_name.as_str())).map(ToOwned::to_owned).collect();
        Self {
            plan,
            at,
            own,
            uses: BTreeSet::new(),
            needs_alloc: false,
            item: String::new(),
            text: String::new(),
            depth: 0,
        }
    }

    pub(super) fn module(&self) -> &'p Module {
        &self.plan.modules[self.at]
    }

    /// Adds a line, as far in as the braces before it say.
    pub(super) fn line(&mut self, line: &str) {
        let closes = line.starts_with(['}', ')']);
        self.depth -= usize::from(closes && self.depth > 0);
        if !line.is_empty() {
            self.text.extend(core::iter::repeat_n("    ", self.depth));
            self.text.push_str(line);
        }
        self.text.push('\n');
        self.depth += usize::from(line.ends_with(['{', '(']));
    }

    /// Adds an empty line, unless a block just begins.
    pub(super) fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("{\n") && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// Adds a line of a comment, which may end with a brace and open nothing.
    pub(super) fn comment(&mut self, line: &str) {
        self.text.extend(core::iter::repeat_n("    ", self.depth));
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Adds a comment: the WIT's own, or else `otherwise`.
    pub(super) fn docs(&mut self, docs: &Docs, otherwise: &str) {
        let text = docs.contents.as_deref().unwrap_or_default();
        let text = if text.trim().is_empty() { otherwise } else { text };
        for line in comment(text) {
            self.comment(&line);
        }
    }

    /// Adds what WIT says of how long something is to last.
    pub(super) fn stability(&mut self, stability: &Stability) {
        let (Stability::Stable { deprecated, .. } | Stability::Unstable { deprecated, .. }) = stability
        else {
            return;
        };
        if let Some(version) = deprecated {
            self.comment("///");
            self.comment(&format!("/// Deprecated since {version}."));
        }
    }

    /// The name of something that generated code uses, in a module that may have a type of the same name.
    pub(super) fn used(&mut self, name: &'static str) -> String {
        let Some(&(name, module, source)) = USED.iter().find(|(known, _, _)| *known == name) else {
            return name.to_owned();
        };
        self.needs_alloc |= source == Source::Alloc;
        if !self.own.contains(name) {
            self.uses.insert((source, module, name));
            return name.to_owned();
        }
        let root = self.root(source);
        if module.is_empty() { format!("{root}::{name}") } else { format!("{root}::{module}::{name}") }
    }

    /// What the prelude has under a name, in a module that may have a type of the same name.
    fn prelude(&self, name: &str, module: &str) -> String {
        if self.own.contains(name) { format!("::core::{module}::{name}") } else { name.to_owned() }
    }

    fn root(&self, source: Source) -> &'p str {
        match source {
            Source::This => self.krate(),
            Source::Alloc => "alloc",
            Source::Core => "::core",
        }
    }

    /// How generated code names this crate.
    pub(super) fn krate(&self) -> &'p str {
        self.plan.config.crate_path.as_deref().unwrap_or("::wasmote")
    }

    /// The lines that bring in what the text uses.
    pub(super) fn use_lines(&self) -> String {
        let mut lines = String::new();
        // A crate that is no `no_std` one has `alloc` in no prelude.
        if self.needs_alloc && self.krate() != "crate" {
            lines.push_str("extern crate alloc;\n\n");
        }
        // In the order that the formatter would have them in.
        let mut sources = [Source::This, Source::Core, Source::Alloc];
        if self.krate() != "crate" {
            sources.sort_by_key(|source| self.root(*source));
        }
        for source in sources {
            let mut items = Vec::new();
            let used: Vec<_> = self.uses.iter().filter(|(from, _, _)| *from == source).collect();
            let mut modules: Vec<_> = used.iter().map(|(_, module, _)| *module).collect();
            modules.dedup();
            for module in modules {
                let names = used.iter().filter(|(_, of, _)| *of == module).map(|(_, _, name)| *name);
                let names: Vec<_> = names.collect();
                items.push(match (module, names.as_slice()) {
                    ("", names) => names.join(", "),
                    (module, [name]) => format!("{module}::{name}"),
                    (module, names) => format!("{module}::{{{}}}", names.join(", ")),
                });
            }
            let root = self.root(source);
            match items.as_slice() {
                [] => {}
                [item] => lines.push_str(&format!("use {root}::{item};\n")),
                items => lines.push_str(&format!("use {root}::{{{}}};\n", items.join(", "))),
            }
        }
        lines
    }

    /// The way from this module to a path from the root.
    pub(super) fn path_from_root(&self, path: &str) -> String {
        if matches!(path.split("::").next(), Some("crate" | "")) {
            return path.to_owned();
        }
        let path = path.strip_prefix("self::").unwrap_or(path);
        let here = &self.module().path;
        let shared = here.iter().zip(path.split("::")).take_while(|(a, b)| a == b).count();
        // A path that names this very module would end before its last part.
        let shared = shared.min(path.split("::").count().saturating_sub(1));
        let up = core::iter::repeat_n("super", here.len() - shared);
        up.chain(path.split("::").skip(shared)).collect::<Vec<_>>().join("::")
    }

    /// The path of a named type as seen from here.
    pub(super) fn path(&self, id: TypeId) -> Result<String, Error> {
        let (Some(at), Some(name)) = (self.plan.module_of(id), self.plan.name_of(id)) else {
            return Err(self.unsupported("a type of an interface the world does not name"));
        };
        if at == self.at {
            return Ok(name.to_owned());
        }
        let module = &self.plan.modules[at];
        let path = match &module.mapped {
            Some(mapped) => format!("{mapped}::{name}"),
            None => [module.path.join("::").as_str(), name]
                .iter()
                .filter(|part| !part.is_empty())
                .copied()
                .collect::<Vec<_>>()
                .join("::"),
        };
        Ok(self.path_from_root(&path))
    }

    /// What is about to be written, as WIT names it: what an error names.
    pub(super) fn begin(&mut self, item: &str) {
        item.clone_into(&mut self.item);
    }

    /// That there are no bindings for something of the item that is being written.
    pub(super) fn unsupported(&self, what: &'static str) -> Error {
        let module = match self.module().name.as_str() {
            "" => &self.plan.resolve.worlds[self.plan.world].name,
            name => name,
        };
        Error::Unsupported { what, place: format!("{module}/{}", self.item) }
    }

    /// A WIT type as a Rust type.
    pub(super) fn ty(&mut self, ty: &Type) -> Result<String, Error> {
        let name = match ty {
            Type::Bool => "bool",
            Type::U8 => "u8",
            Type::U16 => "u16",
            Type::U32 => "u32",
            Type::U64 => "u64",
            Type::S8 => "i8",
            Type::S16 => "i16",
            Type::S32 => "i32",
            Type::S64 => "i64",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::Char => "char",
            Type::String => return Ok(self.used("String")),
            Type::ErrorContext => return Ok(self.used("ErrorContext")),
            Type::Id(id) => return self.defined(*id),
        };
        Ok(name.to_owned())
    }

    fn defined(&mut self, id: TypeId) -> Result<String, Error> {
        let plan = self.plan;
        let def = &plan.resolve.types[id];
        if def.name.is_some() { self.path(id) } else { self.kind(&def.kind) }
    }

    /// A type without a name.
    pub(super) fn kind(&mut self, kind: &TypeDefKind) -> Result<String, Error> {
        Ok(match kind {
            TypeDefKind::Handle(Handle::Own(resource) | Handle::Borrow(resource)) => {
                self.handle(*resource)?
            }
            TypeDefKind::Tuple(tuple) => {
                if tuple.types.len() > super::VALUES_MAX {
                    return Err(self.unsupported("a tuple of so many values"));
                }
                self.tuple(&tuple.types)?
            }
            TypeDefKind::Option(part) => format!("{}<{}>", self.prelude("Option", "option"), self.ty(part)?),
            TypeDefKind::Result(result) => {
                let mut part =
                    |part: &Option<Type>| part.as_ref().map_or(Ok("()".into()), |part| self.ty(part));
                let (ok, err) = (part(&result.ok)?, part(&result.err)?);
                format!("{}<{ok}, {err}>", self.result())
            }
            TypeDefKind::List(part) => format!("{}<{}>", self.used("Vec"), self.ty(part)?),
            TypeDefKind::Future(part) => self.channel("FutureReader", part.as_ref())?,
            TypeDefKind::Stream(part) => self.channel("StreamReader", part.as_ref())?,
            TypeDefKind::Type(part) => self.ty(part)?,
            TypeDefKind::Map(key, value) => {
                // The parser lets only keys through that are in an order: no floats, nothing composite.
                let (key, value) = (self.ty(key)?, self.ty(value)?);
                format!("{}<{key}, {value}>", self.used("BTreeMap"))
            }
            TypeDefKind::FixedLengthList(part, length) => {
                let values = u64::from(*length).saturating_mul(self.plan.array_values(part));
                match values {
                    0 => return Err(self.unsupported("a fixed-length list of no values")),
                    1..=super::ARRAY_MAX => {}
                    _ => return Err(self.unsupported("a fixed-length list of so many values")),
                }
                format!("[{}; {length}]", self.ty(part)?)
            }
            _ => return Err(self.unsupported("a type of this kind")),
        })
    }

    /// `Result`, whatever it is called here.
    pub(super) fn result(&self) -> String {
        self.prelude("Result", "result")
    }

    /// A tuple type; of one value too.
    fn tuple(&mut self, types: &[Type]) -> Result<String, Error> {
        let types = types.iter().map(|ty| self.ty(ty)).collect::<Result<Vec<_>, _>>()?;
        Ok(tuple(&types))
    }

    /// An end of a stream or future; one that carries nothing carries `()`.
    fn channel(&mut self, end: &'static str, part: Option<&Type>) -> Result<String, Error> {
        let part = part.map_or(Ok("()".into()), |part| self.ty(part))?;
        Ok(format!("{}<{part}>", self.used(end)))
    }

    /// A handle to a resource: the host's by its type, a guest's by its alias.
    fn handle(&mut self, resource: TypeId) -> Result<String, Error> {
        let path = self.path(resource)?;
        let origin = self.plan.module_of(self.plan.origin(resource));
        let is_guests = origin.is_some_and(|at| self.plan.modules[at].side == Side::Export);
        Ok(if is_guests { path } else { format!("{}<{path}>", self.used("Resource")) })
    }
}

/// `()`, `(a,)`, `(a, b)`.
pub(super) fn tuple(items: &[String]) -> String {
    match items {
        [item] => format!("({item},)"),
        items => format!("({})", items.join(", ")),
    }
}
