//! Reading a module or component into a [`Report`]. Does not validate: whether it would run is asked elsewhere.

use super::{
    proposals::Proposals,
    report::{Export, Import, Kind, Memory, Report, Start, Table},
};
use crate::say::short;
use wasmparser::{
    ComponentTypeRef, CompositeInnerType, CustomSectionReader, DataKind, Element, ElementItems, ElementKind,
    Encoding, ExternalKind, FuncType, KnownCustom, MemoryType, Name, Parser, Payload, ProducersSectionReader,
    Result, TableInit, TableType, TypeRef,
};

/// How many of its producers a report names.
const PRODUCERS_MAX: usize = 32;

/// Reads `bytes`.
///
/// # Errors
///
/// When they are malformed.
pub fn read(bytes: &[u8], report: &mut Report) -> Result<()> {
    let mut reader = Reader { report, proposals: Proposals::default(), depth: 0, module: Module::default() };
    for payload in Parser::new(0).parse_all(bytes) {
        reader.payload(payload?)?;
    }
    let Reader { report, proposals, .. } = reader;
    report.proposals = proposals.into_set();
    Ok(())
}

struct Reader<'r> {
    report: &'r mut Report,
    proposals: Proposals,
    /// How many modules and components the current one is within.
    depth: usize,
    module: Module,
}

/// What has to be remembered of the module being read.
#[derive(Default)]
struct Module {
    /// Function types, as they read; nothing for other types.
    types: Vec<Option<String>>,
    /// The type of each function.
    functions: Vec<u32>,
    /// Whether each global can change.
    globals: Vec<bool>,
    memories: u64,
    tables: u64,
}

impl Reader<'_> {
    fn payload(&mut self, payload: Payload<'_>) -> Result<()> {
        match payload {
            Payload::Version { encoding, .. } => self.begin(encoding),
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::TypeSection(types) => {
                for group in types {
                    let group = group?;
                    self.proposals.types(&group);
                    self.module.types.extend(group.types().map(|ty| match &ty.composite_type.inner {
                        CompositeInnerType::Func(ty) => Some(function_text(ty)),
                        _ => None,
                    }));
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import?;
                    self.import(import.module, import.name, import.ty);
                }
            }
            Payload::FunctionSection(functions) => {
                for ty in functions {
                    self.module.functions.push(ty?);
                    self.report.functions += 1;
                }
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    let table = table?;
                    self.table(&table.ty, false);
                    if let TableInit::Expr(init) = &table.init {
                        self.proposals.add("function-references");
                        self.proposals.constant(init)?;
                    }
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories {
                    self.memory(&memory?, false);
                }
            }
            Payload::TagSection(_) => self.proposals.add("exception-handling"),
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let global = global?;
                    self.proposals.global(&global.ty);
                    self.proposals.constant(&global.init_expr)?;
                    self.module.globals.push(global.ty.mutable);
                    self.report.globals += 1;
                }
            }
            other => return self.later(other),
        }
        Ok(())
    }

    /// What comes after a module's declarations, and what only components have.
    fn later(&mut self, payload: Payload<'_>) -> Result<()> {
        match payload {
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    self.export(export.name, export.kind, export.index);
                }
            }
            Payload::StartSection { func, .. } if self.is_outermost() => {
                self.report.start = Some(Start { function: func, name: None });
            }
            Payload::ElementSection(elements) => {
                for element in elements {
                    self.element(element?)?;
                }
            }
            Payload::DataCountSection { .. } => self.proposals.add("bulk-memory"),
            Payload::DataSection(data) => {
                for segment in data {
                    let segment = segment?;
                    self.report.sections.data_bytes += segment.data.len() as u64;
                    if let DataKind::Active { offset_expr, .. } = &segment.kind {
                        self.proposals.constant(offset_expr)?;
                    }
                }
            }
            Payload::CodeSectionStart { size, .. } => self.report.sections.code_bytes += u64::from(size),
            Payload::CodeSectionEntry(body) => {
                for local in body.get_locals_reader()? {
                    // References were brought in with the types that functions have; vectors need no such.
                    self.proposals.value(local?.1);
                }
                self.proposals.code(body.get_operators_reader()?)?;
            }
            Payload::CustomSection(section) => self.custom(&section),
            Payload::ComponentImportSection(imports) if self.is_outermost() => {
                for import in imports {
                    let import = import?;
                    self.report.imports.push(Import {
                        module: import.name.full_name().into_owned(),
                        name: String::new(),
                        ty: component_type(&import.ty).into(),
                    });
                }
            }
            Payload::ComponentExportSection(exports) if self.is_outermost() => {
                for export in exports {
                    let export = export?;
                    let ty = format!("{:?}", export.kind).to_lowercase();
                    self.report.exports.push(Export { name: export.name.full_name().into_owned(), ty });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn element(&mut self, element: Element<'_>) -> Result<()> {
        match &element.kind {
            ElementKind::Active { offset_expr, .. } => self.proposals.constant(offset_expr)?,
            ElementKind::Passive => self.proposals.add("bulk-memory"),
            ElementKind::Declared => self.proposals.add("reference-types"),
        }
        if let ElementItems::Expressions(_, items) = element.items {
            for item in items {
                self.proposals.constant(&item?)?;
            }
        }
        Ok(())
    }

    fn begin(&mut self, encoding: Encoding) {
        if self.depth == 0 {
            self.report.kind = if encoding == Encoding::Component { Kind::Component } else { Kind::Module };
        } else if encoding == Encoding::Module {
            self.report.core_modules += 1;
        }
        self.depth += 1;
        self.module = Module::default();
    }

    /// Whether what is read belongs to the file itself, and not to something within it.
    fn is_outermost(&self) -> bool {
        self.depth == 1
    }

    fn import(&mut self, module: &str, name: &str, ty: TypeRef) {
        let text = match ty {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                self.module.functions.push(index);
                self.report.functions += 1;
                self.function_type(index)
            }
            TypeRef::Table(ty) => {
                self.table(&ty, true);
                "table".into()
            }
            TypeRef::Memory(ty) => {
                self.memory(&ty, true);
                "memory".into()
            }
            TypeRef::Global(ty) => {
                self.proposals.global(&ty);
                if ty.mutable {
                    self.proposals.add("mutable-global");
                }
                self.module.globals.push(ty.mutable);
                self.report.globals += 1;
                "global".into()
            }
            TypeRef::Tag(_) => {
                self.proposals.add("exception-handling");
                "tag".into()
            }
        };
        if self.is_outermost() {
            self.report.imports.push(Import { module: module.into(), name: name.into(), ty: text });
        }
    }

    fn export(&mut self, name: &str, kind: ExternalKind, index: u32) {
        let at = usize::try_from(index).unwrap_or(usize::MAX);
        let ty = match kind {
            ExternalKind::Func | ExternalKind::FuncExact => match self.module.functions.get(at) {
                Some(ty) => self.function_type(*ty),
                None => "func".into(),
            },
            ExternalKind::Table => "table".into(),
            ExternalKind::Memory => "memory".into(),
            ExternalKind::Global => {
                if self.module.globals.get(at) == Some(&true) {
                    self.proposals.add("mutable-global");
                }
                "global".into()
            }
            ExternalKind::Tag => "tag".into(),
        };
        if self.is_outermost() {
            if name == "_start" && ty == "func() -> ()" {
                self.report.entry = Some("_start");
            }
            self.report.exports.push(Export { name: name.into(), ty });
        }
    }

    fn function_type(&self, index: u32) -> String {
        let ty = usize::try_from(index).ok().and_then(|index| self.module.types.get(index));
        ty.cloned().flatten().unwrap_or_else(|| "func".into())
    }

    fn memory(&mut self, ty: &MemoryType, imported: bool) {
        self.proposals.memory(ty);
        self.module.memories += 1;
        if self.module.memories > 1 {
            self.proposals.add("multi-memory");
        }
        let page_log2 = ty.page_size_log2.unwrap_or(16).min(16);
        let bytes = |pages: u64| u128::from(pages) << page_log2;
        self.report.memories.push(Memory {
            minimum_bytes: bytes(ty.initial),
            maximum_bytes: ty.maximum.map(bytes),
            imported,
            shared: ty.shared,
        });
    }

    fn table(&mut self, ty: &TableType, imported: bool) {
        self.proposals.table(ty);
        self.module.tables += 1;
        if self.module.tables > 1 {
            self.proposals.add("reference-types");
        }
        self.report.tables.push(Table { minimum: ty.initial, maximum: ty.maximum, imported });
    }

    /// Custom sections mean nothing to a program that runs, so what is wrong with them is nobody's error.
    fn custom(&mut self, section: &CustomSectionReader<'_>) {
        self.report.sections.custom_bytes += section.data().len() as u64;
        match section.as_known() {
            KnownCustom::Producers(producers) => drop(self.producers(producers)),
            KnownCustom::Name(names) if self.is_outermost() => {
                for name in names {
                    match name {
                        Ok(Name::Function(functions)) => drop(self.start_name(functions)),
                        Ok(_) => {}
                        Err(_) => break,
                    }
                }
            }
            _ => {}
        }
    }

    fn start_name(&mut self, functions: wasmparser::NameMap<'_>) -> Result<()> {
        let Some(start) = &mut self.report.start else { return Ok(()) };
        for naming in functions {
            let naming = naming?;
            if naming.index == start.function {
                start.name = Some(naming.name.into());
            }
        }
        Ok(())
    }

    fn producers(&mut self, producers: ProducersSectionReader<'_>) -> Result<()> {
        for field in producers {
            let field = field?;
            for value in field.values {
                let value = value?;
                let text = format!("{} {}", value.name, value.version);
                let known = self.report.producers.entry(short(field.name)).or_default();
                let text = short(text.trim_end());
                if known.len() < PRODUCERS_MAX && !known.contains(&text) {
                    known.push(text);
                }
            }
        }
        Ok(())
    }
}

/// How a function's type reads, in the library's way.
pub fn function_text(ty: &FuncType) -> String {
    let list =
        |types: &[wasmparser::ValType]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    format!("func({}) -> ({})", list(ty.params()), list(ty.results()))
}

fn component_type(ty: &ComponentTypeRef) -> &'static str {
    match ty {
        ComponentTypeRef::Module(_) => "module",
        ComponentTypeRef::Func(_) => "func",
        ComponentTypeRef::Value(_) => "value",
        ComponentTypeRef::Type(_) => "type",
        ComponentTypeRef::Instance(_) => "instance",
        ComponentTypeRef::Component(_) => "component",
    }
}
