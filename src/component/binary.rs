//! Reading a component: one walk over its bytes, beside the validator.
//!
//! The validator sees each section first; what it accepts is turned into [`Op`]s (`Binary.md`). It never sees a
//! function body: bodies belong to core modules, and those the engine validates when it loads them. Before any
//! of that a [`census`] counts what the file declares, so that a file that is too large for its limits is
//! refused before anything is allocated for it.

use crate::{
    Error, Limits,
    component::{
        definition::{
            Canon, Capture, Channel, CoreSort, Definition, Encoding, End, Named, Op, Options, Sort, Switch,
        },
        features::Features,
        load::{Census, Parsed},
        resolve::{Resolver, invalid},
        types::{AddressType, ItemType, ResourceIx, TypeDef, ValType},
    },
    engine::Outline,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};
use core::ops::Range;
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, ComponentType, CompositeInnerType, ExternalKind, Instance, Parser, Payload,
    ValidPayload, Validator, WasmFeatures,
    component_types::{ComponentAnyTypeId, ComponentCoreTypeId},
};

/// Reads and validates a component, all but the bodies of its core functions.
///
/// # Errors
///
/// When the bytes are no valid component, need a feature that is off, or pass a limit.
pub(crate) fn parse(bytes: &[u8], features: Features, limits: &Limits) -> Result<Parsed, Error> {
    let (census, outlines, load_bytes) = census(bytes, features, limits)?;
    let mut walk = Walk {
        validator: Validator::new_with_features(flags(features)),
        resolver: Resolver::default(),
        definitions: Vec::new(),
        modules: Vec::new(),
        frames: Vec::new(),
        wide: BTreeSet::new(),
        expanded: 0,
        definitions_max: limits.definitions.into(),
    };
    walk.run(bytes, features)?;
    walk.resolver.types.check_depth(limits)?;
    if features.memory64 {
        walk.resolver.types.widen();
    }
    // Both came by the modules in the order of the file.
    let modules = walk.modules.into_iter().zip(outlines).collect();
    let (types, definitions) = (walk.resolver.types, walk.definitions);
    Ok(Parsed { types, definitions, modules, census, load_bytes })
}

/// The validator's flags. Its core flags are as wide as component types can need (a component type may
/// name core types of any proposal); what a core module may use, the interpreter decides when it gets it.
fn flags(features: Features) -> WasmFeatures {
    let mut flags = WasmFeatures::WASM3 | WasmFeatures::COMPONENT_MODEL;
    flags.set(WasmFeatures::CM_ASYNC, features.concurrency);
    flags.set(WasmFeatures::CM_MAP, features.map);
    flags.set(WasmFeatures::CM_IMPLEMENTS, features.implements);
    flags.set(WasmFeatures::CM_ASYNC_STACKFUL, features.stackful);
    flags.set(WasmFeatures::CM_MORE_ASYNC_BUILTINS, features.more_async_builtins);
    flags.set(WasmFeatures::CM_THREADING, features.threading);
    flags.set(WasmFeatures::CM_ERROR_CONTEXT, features.error_context);
    flags.set(WasmFeatures::CM_FIXED_LENGTH_LISTS, features.fixed_length_lists);
    flags.set(WasmFeatures::CM64, features.memory64);
    flags
}

/// Counts sections' items without reading them, how deep components nest, and what loading all of it may take; and looks
/// through the core modules.
fn census(bytes: &[u8], features: Features, limits: &Limits) -> Result<(Census, Vec<Outline>, u64), Error> {
    check("module_bytes", bytes.len() as u64, limits.module_bytes.into())?;
    let (mut census, mut outlines) = (Census::default(), Vec::new());
    let (mut depth, mut in_module, mut load_bytes) = (0_u32, 0_u32, LOAD_BASE);
    // What modules take is checked all together; and what their instances will, when they are loaded.
    let mut each = Limits { memory_bytes: u64::MAX, table_elements: u64::MAX, ..*limits };
    for payload in Parser::new(0).parse_all(bytes) {
        let mut items = |count: u32, section: Range<u64>, layouts: u64| {
            census.items += u64::from(count);
            let section = section.end.saturating_sub(section.start).saturating_mul(LOAD_PER_BYTE);
            let items = u64::from(count).saturating_mul(LOAD_PER_ITEM);
            load_bytes = load_bytes.saturating_add(section.saturating_mul(layouts)).saturating_add(items);
        };
        match payload.map_err(|error| invalid(&error))? {
            Payload::ModuleSection { unchecked_range, .. } => {
                census.modules += 1;
                in_module += 1;
                census.check(limits)?;
                let module = &bytes[within(&unchecked_range, bytes.len())?];
                each.load_bytes = limits.load_bytes.saturating_sub(load_bytes);
                let outline = Outline::of_part(module, &each)?;
                load_bytes = load_bytes.saturating_add(outline.load_bytes(module.len() as u64));
                outlines.push(outline);
            }
            Payload::ComponentSection { .. } => {
                census.components += 1;
                load_bytes = load_bytes.saturating_add(LOAD_PER_COMPONENT);
                depth += 1;
                census.depth = census.depth.max(depth);
            }
            Payload::End(_) if in_module > 0 => in_module -= 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentTypeSection(s) => {
                items(s.count(), s.range(), if features.memory64 { 2 } else { 1 })
            }
            Payload::CoreTypeSection(s) => items(s.count(), s.range(), 1),
            Payload::InstanceSection(s) => items(s.count(), s.range(), 1),
            Payload::ComponentInstanceSection(s) => items(s.count(), s.range(), 1),
            Payload::ComponentAliasSection(s) => items(s.count(), s.range(), 1),
            Payload::ComponentCanonicalSection(s) => items(s.count(), s.range(), 1),
            Payload::ComponentImportSection(s) => items(s.count(), s.range(), 1),
            Payload::ComponentExportSection(s) => items(s.count(), s.range(), 1),
            _ => {}
        }
        census.check(limits)?;
    }
    check("load_bytes", load_bytes, limits.load_bytes)?;
    Ok((census, outlines, load_bytes))
}

/// What reading a component may take of host memory besides its core modules, from above: for each byte of its sections
/// (a field, a case, a name in a type), each item, and each component that nests in it. Where types are laid out for
/// 64-bit memories too, each byte takes as much again. Measured on 64-bit hosts
/// (`tests/load_memory.rs` holds them).
const LOAD_BASE: u64 = 32 << 10;
const LOAD_PER_BYTE: u64 = 48;
const LOAD_PER_ITEM: u64 = 256;
const LOAD_PER_COMPONENT: u64 = 512;

fn check(limit: &'static str, asked: u64, allowed: u64) -> Result<(), Error> {
    if asked > allowed { Err(Error::limit(limit, asked, allowed)) } else { Ok(()) }
}

/// A range that a section says it has.
fn within(range: &Range<u64>, total: usize) -> Result<Range<usize>, Error> {
    let range = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
    match range.filter(|(start, end)| start <= end && *end <= total) {
        Some((start, end)) => Ok(start..end),
        None => Err(Error::malformed("a module section past the end of the file", Some(total))),
    }
}

/// The component being read now, and those around it.
struct Frame {
    parser: Parser,
    definition: Definition,
    captures: Vec<Capture>,
    /// Where each of them is.
    captured: BTreeMap<Capture, u32>,
    /// How many items each index space that the validator does not count for us has.
    types: u32,
    instances: u32,
    bound: BTreeSet<ResourceIx>,
}

impl Frame {
    fn new(parser: Parser) -> Self {
        Self {
            parser,
            definition: Definition::default(),
            captures: Vec::new(),
            captured: BTreeMap::new(),
            types: 0,
            instances: 0,
            bound: BTreeSet::new(),
        }
    }

    /// The number under which this component captures an item of its parent.
    fn capture(&mut self, what: Capture) -> u32 {
        *self.captured.entry(what).or_insert_with(|| {
            self.captures.push(what);
            self.captures.len() as u32 - 1
        })
    }
}

struct Walk {
    validator: Validator,
    resolver: Resolver,
    definitions: Vec<Definition>,
    modules: Vec<Range<usize>>,
    frames: Vec<Frame>,
    /// Resources whose representations have 64 bits.
    wide: BTreeSet<ResourceIx>,
    /// Items of instance types that were walked over, each as often as it was.
    expanded: u64,
    definitions_max: u64,
}

impl Walk {
    fn run(&mut self, bytes: &[u8], features: Features) -> Result<(), Error> {
        let mut parser = Parser::new(0);
        parser.set_features(flags(features));
        self.frames.push(Frame::new(parser));
        let mut rest = bytes;
        // The parser of a core module, while one is being read; its payloads only go to the validator.
        let mut module: Option<Parser> = None;
        loop {
            let parser = match (&mut module, self.frames.last_mut()) {
                (Some(parser), _) => parser,
                (None, Some(frame)) => &mut frame.parser,
                (None, None) => return Ok(()),
            };
            let (consumed, payload) = match parser.parse(rest, true).map_err(|error| invalid(&error))? {
                wasmparser::Chunk::Parsed { consumed, payload } => (consumed, payload),
                wasmparser::Chunk::NeedMoreData(_) => {
                    return Err(Error::malformed("unexpected end of file", Some(bytes.len())));
                }
            };
            rest = &rest[consumed..];
            if let Payload::Version { encoding, .. } = &payload
                && self.frames.len() == 1
                && module.is_none()
                && *encoding != wasmparser::Encoding::Component
            {
                return Err(Error::malformed("a core module where a component is expected", Some(0)));
            }
            let valid = self.validator.payload(&payload).map_err(|error| invalid(&error))?;
            if module.is_some() {
                if let ValidPayload::End(_) = valid {
                    module = None;
                }
                continue;
            }
            match valid {
                ValidPayload::Parser(inner) => match &payload {
                    Payload::ModuleSection { unchecked_range, .. } => {
                        self.module(unchecked_range, bytes.len())?;
                        module = Some(inner);
                    }
                    _ => self.frames.push(Frame::new(inner)),
                },
                ValidPayload::End(_) => {
                    if self.end() && !rest.is_empty() {
                        return Err(Error::malformed("bytes after the end", Some(bytes.len() - rest.len())));
                    }
                }
                _ => self.section(payload)?,
            }
        }
    }

    fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("invariant: sections are read inside a component")
    }

    fn op(&mut self, op: Op) {
        self.frame().definition.ops.push(op);
    }

    fn module(&mut self, range: &Range<u64>, total: usize) -> Result<(), Error> {
        self.modules.push(within(range, total)?);
        let module = self.modules.len() as u32 - 1;
        self.op(Op::Module(module));
        Ok(())
    }

    /// Ends the innermost component; whether it was the outermost.
    fn end(&mut self) -> bool {
        let frame = self.frames.pop().expect("invariant: a component ends inside itself");
        self.definitions.push(frame.definition);
        let definition = self.definitions.len() as u32 - 1;
        if self.frames.is_empty() {
            return true;
        }
        self.op(Op::Component { definition, captures: frame.captures.into() });
        false
    }

    fn section(&mut self, payload: Payload<'_>) -> Result<(), Error> {
        match payload {
            Payload::ComponentTypeSection(section) => each(section, |ty| self.ty(&ty)),
            Payload::ComponentImportSection(section) => each(section, |import| self.import(import.name.name)),
            Payload::ComponentExportSection(section) => each(section, |export| self.export(&export)),
            Payload::ComponentAliasSection(section) => each(section, |alias| self.alias(&alias)),
            Payload::ComponentCanonicalSection(section) => each(section, |canon| self.canon(&canon)),
            Payload::InstanceSection(section) => each(section, |instance| {
                self.core_instance(&instance);
                Ok(())
            }),
            Payload::ComponentInstanceSection(section) => each(section, |instance| self.instance(&instance)),
            Payload::ComponentStartSection { .. } => {
                Err(Error::unsupported("values", "component-level start functions are not standard yet"))
            }
            _ => Ok(()),
        }
    }

    fn ty(&mut self, ty: &ComponentType<'_>) -> Result<(), Error> {
        let index = self.frame().types;
        let id = {
            let Self { validator, resolver, .. } = self;
            let types = types_of(validator)?;
            match (ty, types.component_any_type_at(index)) {
                (ComponentType::Resource { .. }, ComponentAnyTypeId::Resource(id)) => {
                    Some(resolver.resource(id.resource()))
                }
                (_, ComponentAnyTypeId::Defined(id)) => {
                    resolver.defined_type(types, id);
                    None
                }
                _ => None,
            }
        };
        self.frame().types += 1;
        match (ty, id) {
            (ComponentType::Resource { rep, dtor }, Some(id)) => {
                if *rep == wasmparser::ValType::I64 {
                    self.wide.insert(id);
                }
                self.frame().bound.insert(id);
                self.op(Op::Resource { id, dtor: *dtor });
            }
            _ => self.op(Op::Type),
        }
        Ok(())
    }

    fn import(&mut self, name: &str) -> Result<(), Error> {
        let Self { validator, resolver, .. } = self;
        let types = types_of(validator)?;
        let Some(item) = types.component_item_for_import(name) else {
            return Err(Error::malformed("an import the validator does not know", None));
        };
        let ty = resolver.item_type(types, name, item.ty);
        let frame = self.frame();
        frame.definition.imports.push((name.into(), ty));
        let import = frame.definition.imports.len() as u32 - 1;
        self.op(Op::Import(import));
        self.added(ty)
    }

    fn export(&mut self, export: &wasmparser::ComponentExport<'_>) -> Result<(), Error> {
        let name = export.name.name;
        let Self { validator, resolver, .. } = self;
        let types = types_of(validator)?;
        let Some(item) = types.component_item_for_export(name) else {
            return Err(Error::malformed("an export the validator does not know", None));
        };
        let ty = resolver.item_type(types, name, item.ty);
        let sort = sort(export.kind)?;
        let named = Named { name: name.into(), sort, index: export.index };
        self.frame().definition.exports.push((named, ty));
        self.op(Op::Again { sort, index: export.index });
        self.added(ty)
    }

    /// Counts an item just added, and notes which resources it brings.
    fn added(&mut self, ty: ItemType) -> Result<(), Error> {
        match ty {
            ItemType::Resource(id) => {
                let index = self.frame().types;
                self.frame().types += 1;
                self.bind_type(index, id);
            }
            ItemType::Type(_) => self.frame().types += 1,
            ItemType::Instance(ty) => {
                let index = self.frame().instances;
                self.frame().instances += 1;
                self.bind_exports(index, ty, &mut Vec::new())?;
            }
            ItemType::Value => return Err(Error::unsupported("values", "they are not standard yet")),
            ItemType::Func(_) | ItemType::Component(_) | ItemType::Module(_) => {}
        }
        Ok(())
    }

    fn bind_type(&mut self, index: u32, id: ResourceIx) {
        if self.frame().bound.insert(id) {
            self.op(Op::BindType { index, id });
        }
    }

    // As deep as instance types nest, which the validator bounds. They share their parts, so what is walked over is many
    // times what the file declares: it counts as if it were declared.
    fn bind_exports(&mut self, instance: u32, ty: u32, path: &mut Vec<Arc<str>>) -> Result<(), Error> {
        if !self.resolver.types.brings_resources(ty) {
            return Ok(());
        }
        let count = self.resolver.types.instances[ty as usize].len();
        self.expanded = self.expanded.saturating_add(count as u64);
        if self.expanded > self.definitions_max {
            return Err(Error::limit("definitions", self.expanded, self.definitions_max));
        }
        for at in 0..count {
            let (name, item) = &self.resolver.types.instances[ty as usize][at];
            match *item {
                ItemType::Resource(id) => {
                    let name = name.clone();
                    if self.frame().bound.insert(id) {
                        path.push(name);
                        self.op(Op::BindExport { instance, path: path.as_slice().into(), id });
                        path.pop();
                    }
                }
                ItemType::Instance(inner) => {
                    path.push(name.clone());
                    self.bind_exports(instance, inner, path)?;
                    path.pop();
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) -> Result<(), Error> {
        match alias {
            ComponentAlias::InstanceExport { kind, instance_index, name } => {
                let sort = sort(*kind)?;
                self.op(Op::AliasExport { instance: *instance_index, name: (*name).into(), sort });
                self.added_by_alias(sort, *instance_index, name)
            }
            ComponentAlias::CoreInstanceExport { kind, instance_index, name } => {
                let sort = core_sort(*kind)?;
                self.op(Op::AliasCore { instance: *instance_index, name: (*name).into(), sort });
                Ok(())
            }
            ComponentAlias::Outer { kind, count, index } => {
                self.outer_alias(*kind, *count as usize, *index);
                Ok(())
            }
        }
    }

    fn added_by_alias(&mut self, sort: Sort, instance: u32, name: &str) -> Result<(), Error> {
        let Self { validator, resolver, .. } = self;
        let types = types_of(validator)?;
        if matches!(sort, Sort::Func | Sort::Module | Sort::Component) {
            return Ok(());
        }
        let Some(item) = types[types.component_instance_at(instance)].exports.get(name) else {
            return Err(Error::malformed("an alias of an export the validator does not know", None));
        };
        let ty = resolver.item_type(types, name, item.ty);
        self.added(ty)
    }

    fn outer_alias(&mut self, kind: ComponentOuterAliasKind, count: usize, index: u32) {
        let module = match kind {
            ComponentOuterAliasKind::CoreType => return,
            ComponentOuterAliasKind::Type => {
                self.frame().types += 1;
                // Out of a component around this one no resource type may be reached, and nothing else has an identity
                // at run time. Within one component, this is another name for whatever it is.
                let again = Op::Again { sort: Sort::Type, index };
                return self.op(if count == 0 { again } else { Op::Type });
            }
            ComponentOuterAliasKind::CoreModule => true,
            ComponentOuterAliasKind::Component => false,
        };
        if count == 0 {
            let sort = if module { Sort::Module } else { Sort::Component };
            return self.op(Op::Again { sort, index });
        }
        // Every component between here and there captures it in its turn, the outermost first.
        let innermost = self.frames.len() - 1;
        let mut what = if module { Capture::Module(index) } else { Capture::Component(index) };
        for frame in &mut self.frames[innermost + 1 - count..=innermost] {
            let at = frame.capture(what);
            what = if module { Capture::OuterModule(at) } else { Capture::OuterComponent(at) };
        }
        match what {
            Capture::OuterModule(at) => self.op(Op::CapturedModule(at)),
            Capture::OuterComponent(at) => self.op(Op::CapturedComponent(at)),
            Capture::Module(_) | Capture::Component(_) => {}
        }
    }

    fn core_instance(&mut self, instance: &Instance<'_>) {
        let op = match instance {
            Instance::Instantiate { module_index, args } => {
                let mut args: Vec<(Arc<str>, u32)> =
                    args.iter().map(|arg| (arg.name.into(), arg.index)).collect();
                args.sort_unstable();
                Op::CoreInstantiate { module: *module_index, args: args.into() }
            }
            Instance::FromExports(exports) => {
                let mut items: Vec<_> = exports
                    .iter()
                    .filter_map(|export| {
                        let sort = core_sort(export.kind).ok()?;
                        Some(Named { name: export.name.into(), sort, index: export.index })
                    })
                    .collect();
                items.sort_unstable_by(|a, b| a.name.cmp(&b.name));
                Op::CoreBundle(items.into())
            }
        };
        self.op(op);
    }

    fn instance(&mut self, instance: &ComponentInstance<'_>) -> Result<(), Error> {
        let op = match instance {
            ComponentInstance::Instantiate { component_index, args } => {
                let args = args
                    .iter()
                    .map(|arg| Ok(Named { name: arg.name.into(), sort: sort(arg.kind)?, index: arg.index }));
                let mut args = args.collect::<Result<Vec<_>, Error>>()?;
                args.sort_unstable_by(|a, b| a.name.cmp(&b.name));
                Op::Instantiate { component: *component_index, args: args.into() }
            }
            ComponentInstance::FromExports(exports) => Op::Bundle(
                exports
                    .iter()
                    .map(|item| {
                        Ok(Named { name: item.name.name.into(), sort: sort(item.kind)?, index: item.index })
                    })
                    .collect::<Result<_, Error>>()?,
            ),
        };
        self.op(op);
        let index = self.frame().instances;
        let Self { validator, resolver, .. } = self;
        let types = types_of(validator)?;
        let ty = resolver.instance_type(types, types.component_instance_at(index));
        self.added(ItemType::Instance(ty))
    }

    fn canon(&mut self, canon: &CanonicalFunction) -> Result<(), Error> {
        if let CanonicalFunction::Lift { core_func_index, type_index, options } = canon {
            let Self { validator, resolver, .. } = self;
            let types = types_of(validator)?;
            let ComponentAnyTypeId::Func(id) = types.component_any_type_at(*type_index) else {
                return Err(Error::malformed("lifted to no function type", None));
            };
            let ty = resolver.func_type(types, id);
            self.op(Op::Lift { core: *core_func_index, ty, options: read_options(options)? });
            return Ok(());
        }
        let canon = self.core_canon(canon)?;
        self.op(Op::Canon(canon));
        Ok(())
    }

    fn core_canon(&mut self, canon: &CanonicalFunction) -> Result<Canon, Error> {
        use CanonicalFunction as F;
        let Self { validator, resolver, wide, .. } = self;
        let types = types_of(validator)?;
        let mut resource = |index: u32| match types.component_any_type_at(index) {
            ComponentAnyTypeId::Resource(id) => Ok(resolver.resource(id.resource())),
            _ => Err(Error::malformed("no resource type", None)),
        };
        Ok(match canon {
            F::ResourceNew { resource: index } => match resource(*index)? {
                id if wide.contains(&id) => Canon::ResourceNewWide(id),
                id => Canon::ResourceNew(id),
            },
            F::ResourceDrop { resource: index } => Canon::ResourceDrop(resource(*index)?),
            F::ResourceRep { resource: index } => match resource(*index)? {
                id if wide.contains(&id) => Canon::ResourceRepWide(id),
                id => Canon::ResourceRep(id),
            },
            F::Lower { func_index, options } => Canon::Lower {
                func: *func_index,
                ty: resolver.func_type(types, types.component_function_at(*func_index)),
                options: read_options(options)?,
            },
            F::BackpressureInc => Canon::BackpressureInc,
            F::BackpressureDec => Canon::BackpressureDec,
            F::TaskReturn { result, options } => Canon::TaskReturn {
                result: match result {
                    Some(wasmparser::ComponentValType::Primitive(primitive)) => {
                        Some(crate::component::resolve::primitive_type(*primitive))
                    }
                    Some(wasmparser::ComponentValType::Type(index)) => {
                        Some(resolver.defined_type(types, types.component_defined_type_at(*index)))
                    }
                    None => None,
                },
                options: read_options(options)?,
            },
            F::TaskCancel => Canon::TaskCancel,
            F::ContextGet { ty, slot } => {
                Canon::ContextGet { slot: *slot, wide: *ty == wasmparser::ValType::I64 }
            }
            F::ContextSet { ty, slot } => {
                Canon::ContextSet { slot: *slot, wide: *ty == wasmparser::ValType::I64 }
            }
            F::SubtaskDrop => Canon::SubtaskDrop,
            F::SubtaskCancel { async_ } => Canon::SubtaskCancel { is_async: *async_ },
            F::ErrorContextNew { options } => Canon::ErrorContextNew { options: read_options(options)? },
            F::ErrorContextDebugMessage { options } => {
                Canon::ErrorContextDebugMessage { options: read_options(options)? }
            }
            F::ErrorContextDrop => Canon::ErrorContextDrop,
            F::WaitableSetNew => Canon::WaitableSetNew,
            F::WaitableSetWait { memory } => Canon::WaitableSetWait { memory: *memory },
            F::WaitableSetPoll { memory } => Canon::WaitableSetPoll { memory: *memory },
            F::WaitableSetDrop => Canon::WaitableSetDrop,
            F::WaitableJoin => Canon::WaitableJoin,
            F::ThreadIndex => Canon::ThreadIndex,
            F::ThreadNewIndirect { func_ty_index, table_index } => {
                Canon::ThreadNewIndirect { table: *table_index, argument: argument_of(types, *func_ty_index) }
            }
            F::ThreadResumeLater => Canon::ThreadResumeLater,
            F::ThreadSuspend => Canon::ThreadSwitch(Switch::Suspend),
            F::ThreadYield => Canon::ThreadSwitch(Switch::Yield),
            F::ThreadSuspendThenResume => Canon::ThreadSwitch(Switch::SuspendThenResume),
            F::ThreadYieldThenResume => Canon::ThreadSwitch(Switch::YieldThenResume),
            F::ThreadSuspendThenPromote => Canon::ThreadSwitch(Switch::SuspendThenPromote),
            F::ThreadYieldThenPromote => Canon::ThreadSwitch(Switch::YieldThenPromote),
            _ => return self.channel_canon(canon),
        })
    }

    /// What the type at `index` is, and what it carries.
    fn channel(&mut self, index: u32) -> Result<(Channel, Option<ValType>), Error> {
        let Self { validator, resolver, .. } = self;
        let types = types_of(validator)?;
        if let ValType::Def(id) = resolver.defined_type(types, types.component_defined_type_at(index)) {
            match resolver.types.def(id) {
                TypeDef::Stream(payload) => return Ok((Channel::Stream, *payload)),
                TypeDef::Future(payload) => return Ok((Channel::Future, *payload)),
                _ => {}
            }
        }
        Err(Error::malformed("neither stream nor future", None))
    }

    /// A built-in of streams or futures: of which, its type says.
    fn channel_canon(&mut self, canon: &CanonicalFunction) -> Result<Canon, Error> {
        use CanonicalFunction as F;
        use End::{Readable, Writable};
        Ok(match canon {
            F::StreamNew { ty } | F::FutureNew { ty } => {
                let (channel, payload) = self.channel(*ty)?;
                Canon::ChannelNew { channel, payload }
            }
            F::StreamRead { ty, options } | F::FutureRead { ty, options } => {
                self.copy(Readable, *ty, options)?
            }
            F::StreamWrite { ty, options } | F::FutureWrite { ty, options } => {
                self.copy(Writable, *ty, options)?
            }
            F::StreamCancelRead { ty, async_ } | F::FutureCancelRead { ty, async_ } => {
                self.cancel_copy(Readable, *ty, *async_)?
            }
            F::StreamCancelWrite { ty, async_ } | F::FutureCancelWrite { ty, async_ } => {
                self.cancel_copy(Writable, *ty, *async_)?
            }
            F::StreamDropReadable { ty } | F::FutureDropReadable { ty } => self.drop_end(Readable, *ty)?,
            F::StreamDropWritable { ty } | F::FutureDropWritable { ty } => self.drop_end(Writable, *ty)?,
            _ => return Err(Error::unsupported("a built-in", alloc::format!("{canon:?}"))),
        })
    }

    fn copy(&mut self, end: End, ty: u32, options: &[CanonicalOption]) -> Result<Canon, Error> {
        let (channel, payload) = self.channel(ty)?;
        Ok(Canon::Copy { channel, end, payload, options: read_options(options)? })
    }

    fn cancel_copy(&mut self, end: End, ty: u32, is_async: bool) -> Result<Canon, Error> {
        let (channel, payload) = self.channel(ty)?;
        Ok(Canon::CancelCopy { channel, end, payload, is_async })
    }

    fn drop_end(&mut self, end: End, ty: u32) -> Result<Canon, Error> {
        let (channel, payload) = self.channel(ty)?;
        Ok(Canon::DropEnd { channel, end, payload })
    }
}

/// What a core function type takes first: a thread's function takes one address and nothing else.
fn argument_of(types: wasmparser::types::TypesRef<'_>, index: u32) -> AddressType {
    let ComponentCoreTypeId::Sub(id) = types.core_type_at_in_component(index) else {
        return AddressType::I32;
    };
    match &types[id].composite_type.inner {
        CompositeInnerType::Func(func) if func.params().first() == Some(&wasmparser::ValType::I64) => {
            AddressType::I64
        }
        _ => AddressType::I32,
    }
}

/// The types of the component being read.
fn types_of(validator: &Validator) -> Result<wasmparser::types::TypesRef<'_>, Error> {
    validator.types(0).ok_or_else(|| Error::malformed("a section outside a component", None))
}

fn each<'a, T: wasmparser::FromReader<'a>>(
    section: wasmparser::SectionLimited<'a, T>,
    mut item: impl FnMut(T) -> Result<(), Error>,
) -> Result<(), Error> {
    section.into_iter().try_for_each(|read| item(read.map_err(|error| invalid(&error))?))
}

fn sort(kind: ComponentExternalKind) -> Result<Sort, Error> {
    Ok(match kind {
        ComponentExternalKind::Module => Sort::Module,
        ComponentExternalKind::Func => Sort::Func,
        ComponentExternalKind::Type => Sort::Type,
        ComponentExternalKind::Instance => Sort::Instance,
        ComponentExternalKind::Component => Sort::Component,
        ComponentExternalKind::Value => {
            return Err(Error::unsupported("values", "they are not standard yet"));
        }
    })
}

fn core_sort(kind: ExternalKind) -> Result<CoreSort, Error> {
    Ok(match kind {
        ExternalKind::Func | ExternalKind::FuncExact => CoreSort::Func,
        ExternalKind::Table => CoreSort::Table,
        ExternalKind::Memory => CoreSort::Memory,
        ExternalKind::Global => CoreSort::Global,
        ExternalKind::Tag => {
            return Err(Error::unsupported("exception handling", "the interpreter does not implement it"));
        }
    })
}

fn read_options(options: &[CanonicalOption]) -> Result<Options, Error> {
    let mut read = Options::default();
    for option in options {
        match option {
            CanonicalOption::UTF8 => read.encoding = Encoding::Utf8,
            CanonicalOption::UTF16 => read.encoding = Encoding::Utf16,
            CanonicalOption::CompactUTF16 => read.encoding = Encoding::Latin1OrUtf16,
            CanonicalOption::Memory(index) => read.memory = Some(*index),
            CanonicalOption::Realloc(index) => read.realloc = Some(*index),
            CanonicalOption::PostReturn(index) => read.post_return = Some(*index),
            CanonicalOption::Callback(index) => read.callback = Some(*index),
            CanonicalOption::Async => read.is_async = true,
            CanonicalOption::CoreType(_) | CanonicalOption::Gc => {
                return Err(Error::unsupported(
                    "garbage collection",
                    "the interpreter does not implement it",
                ));
            }
        }
    }
    Ok(read)
}
