//! Numbers in the place of names, once for all instances of what is loaded.
//!
//! A component's operations are walked over as instantiation will carry them out, with nothing in the index spaces but
//! what is known of an item before there is any: which core module an instance is of, which type it has. What is found
//! under a name there is found at the same place in every instance. Of what another component hands over nothing is
//! known: there the names stay, and each instance looks them up.

use super::{
    definition::{Definition, Op, Sort},
    sorted::Sorted,
    types::{ItemType, Types},
};
use crate::engine::Module;
use alloc::{sync::Arc, vec::Vec};

/// Links the components of one program, of which the last is the outermost.
pub(crate) fn link(definitions: &mut [Definition], types: &Types, modules: &[Module]) {
    let places = modules.iter().map(|module| module.import_names().size_hint().0);
    let ops = definitions.iter().map(|definition| PLACES_PER_OP * definition.ops.len());
    let mut known = Known {
        types,
        modules,
        room: places.sum::<usize>() + ops.sum::<usize>(),
        module_exports: modules.iter().map(export_names).collect(),
        type_exports: types.instances.iter().map(|_| None).collect(),
    };
    for at in 0..definitions.len() {
        let is_root = at + 1 == definitions.len();
        // A component instantiates what nests in it, and that was read before.
        let (nested, rest) = definitions.split_at_mut(at);
        let Definition { imports, ops, .. } = &mut rest[0];
        let mut spaces = Spaces::default();
        for at in 0..ops.len() {
            if let Some(linked) = spaces.link(&mut known, nested, &ops[..at], &ops[at]) {
                ops[at] = linked;
            }
            spaces.add(imports, is_root, at, &ops[at]);
        }
    }
}

/// A module's imports are written down for each instance of it, which takes the file a few bytes. So many are, for each
/// operation, besides those of one instance of each module; of more instances the names stay.
const PLACES_PER_OP: usize = 8;

/// What a module exports, if the interpreter lists that by name. It does, for its maps are ordered ones.
fn export_names(module: &Module) -> Vec<&str> {
    let names: Vec<_> = module.export_names().collect();
    if names.is_sorted() { names } else { Vec::new() }
}

/// What instances of a type export, in the order of the names.
type Names<'k> = Sorted<&'k str, ItemType>;

/// What was loaded.
struct Known<'k> {
    types: &'k Types,
    modules: &'k [Module],
    /// How many more imports of modules may be written down.
    room: usize,
    /// What each module exports, in the order of the names.
    module_exports: Vec<Vec<&'k str>>,
    /// What instances of each type export, of those that were asked for.
    type_exports: Vec<Option<Names<'k>>>,
}

impl<'k> Known<'k> {
    /// Where an instance of just this type has what it exports as `name`, and the type of that.
    fn export(&mut self, ty: u32, name: &str) -> Option<(u32, ItemType)> {
        let types = self.types;
        let known = self.type_exports.get_mut(ty as usize)?;
        let items = known.get_or_insert_with(|| {
            types.instances[ty as usize].iter().map(|(name, item)| (&**name, *item)).collect()
        });
        items.find(&name).map(|(at, item)| (at as u32, *item))
    }
}

/// A core instance.
#[derive(Clone, Copy)]
enum Core {
    /// Of a module of this program.
    Module(u32),
    /// Made by the operation of this number.
    Bundle(usize),
    Other,
}

/// What is known of the items in index spaces, if anything.
#[derive(Default)]
struct Spaces {
    /// Each by its number in the program.
    modules: Vec<Option<u32>>,
    core_instances: Vec<Core>,
    /// Each by its definition.
    components: Vec<Option<u32>>,
    /// Each by its type, if it exports no more than that says.
    instances: Vec<Option<u32>>,
}

impl Spaces {
    /// An operation with numbers for names, if these can be told. Those `before` it are linked.
    fn link(&self, known: &mut Known<'_>, nested: &[Definition], before: &[Op], op: &Op) -> Option<Op> {
        Some(match op {
            Op::CoreInstantiate { module, args } => {
                let imports = known.modules.get(get(&self.modules, *module)? as usize)?.import_names();
                known.room = known.room.checked_sub(imports.size_hint().0)?;
                let place = |(from, name)| {
                    let at = args.binary_search_by(|(arg, _)| (**arg).cmp(from)).ok()?;
                    let instance = args[at].1;
                    Some((instance, self.core_export(known, before, instance, name)?))
                };
                Op::CoreLink { module: *module, imports: imports.map(place).collect::<Option<_>>()? }
            }
            Op::Instantiate { component, args } => {
                let imports = &nested.get(get(&self.components, *component)? as usize)?.imports;
                let argument = |(name, _): &(Arc<str>, _)| {
                    let at = args.binary_search_by(|arg| arg.name.cmp(name)).ok()?;
                    Some((args[at].sort, args[at].index))
                };
                Op::Link {
                    component: *component,
                    imports: imports.iter().map(argument).collect::<Option<_>>()?,
                }
            }
            Op::AliasExport { instance, name, sort } => {
                let (at, _) = known.export(get(&self.instances, *instance)?, name)?;
                Op::AliasAt { instance: *instance, at, sort: *sort }
            }
            Op::AliasCore { instance, name, sort } => {
                let at = self.core_export(known, before, *instance, name)?;
                Op::AliasCoreAt { instance: *instance, at, sort: *sort }
            }
            Op::BindExport { instance, path, id } => {
                let mut ty = get(&self.instances, *instance);
                let place = |name: &Arc<str>| {
                    let (at, item) = known.export(ty?, name)?;
                    ty = if let ItemType::Instance(inner) = item { Some(inner) } else { None };
                    Some(at)
                };
                Op::BindAt {
                    instance: *instance,
                    path: path.iter().map(place).collect::<Option<_>>()?,
                    id: *id,
                }
            }
            _ => return None,
        })
    }

    /// Where a core instance has what it exports as `name`.
    fn core_export(&self, known: &Known<'_>, before: &[Op], instance: u32, name: &str) -> Option<u32> {
        let at = match self.core_instances.get(instance as usize)? {
            Core::Module(module) => known.module_exports.get(*module as usize)?.binary_search(&name),
            Core::Bundle(op) => match &before[*op] {
                Op::CoreBundle(items) => items.binary_search_by(|item| (*item.name).cmp(name)),
                _ => return None,
            },
            Core::Other => return None,
        };
        at.ok().map(|at| at as u32)
    }

    /// Adds what the operation of number `at` adds.
    fn add(&mut self, imports: &[(Arc<str>, ItemType)], is_root: bool, at: usize, op: &Op) {
        match op {
            Op::Import(import) => match imports.get(*import as usize) {
                // The outermost component is given just what it declares, the others whatever their parents have.
                Some((_, ItemType::Instance(ty))) => self.instances.push(Some(*ty).filter(|_| is_root)),
                Some((_, ItemType::Module(_))) => self.modules.push(None),
                Some((_, ItemType::Component(_))) => self.components.push(None),
                _ => {}
            },
            Op::Module(index) => self.modules.push(Some(*index)),
            Op::CapturedModule(_) => self.modules.push(None),
            Op::Component { definition, .. } => self.components.push(Some(*definition)),
            Op::CapturedComponent(_) => self.components.push(None),
            Op::CoreInstantiate { module, .. } | Op::CoreLink { module, .. } => {
                self.core_instances.push(get(&self.modules, *module).map_or(Core::Other, Core::Module));
            }
            Op::CoreBundle(_) => self.core_instances.push(Core::Bundle(at)),
            Op::Instantiate { .. } | Op::Link { .. } | Op::Bundle(_) => self.instances.push(None),
            Op::AliasExport { sort, .. } | Op::AliasAt { sort, .. } => match sort {
                Sort::Module => self.modules.push(None),
                Sort::Component => self.components.push(None),
                Sort::Instance => self.instances.push(None),
                Sort::Func | Sort::Type => {}
            },
            Op::Again { sort, index } => match sort {
                Sort::Module => self.modules.push(get(&self.modules, *index)),
                Sort::Component => self.components.push(get(&self.components, *index)),
                Sort::Instance => self.instances.push(get(&self.instances, *index)),
                Sort::Func | Sort::Type => {}
            },
            _ => {}
        }
    }
}

/// What is known of the item at `index`.
fn get(items: &[Option<u32>], index: u32) -> Option<u32> {
    items.get(index as usize).copied().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::{Component, Engine};
    use alloc::{format, string::String};

    /// Whether an operation looks a name up.
    fn is_by_name(op: &Op) -> bool {
        matches!(
            op,
            Op::CoreInstantiate { .. }
                | Op::Instantiate { .. }
                | Op::AliasExport { .. }
                | Op::AliasCore { .. }
                | Op::BindExport { .. }
        )
    }

    fn by_name(bytes: &[u8]) -> usize {
        let component = Component::new(&Engine::default(), bytes).unwrap();
        component.root().ops.iter().filter(|op| is_by_name(op)).count()
    }

    #[test]
    fn instances_of_what_toolchains_make_look_no_names_up() {
        for guest in ["p2/hello-rust", "p3/hello-rust", "http-hello-p2", "http-hello-p3"] {
            let path = format!("{}/tests/guests/{guest}.wasm", env!("CARGO_MANIFEST_DIR"));
            assert_eq!(by_name(&std::fs::read(path).unwrap()), 0, "{guest}");
        }
    }

    #[test]
    fn names_stay_where_nothing_is_known() {
        // The module comes from elsewhere: so does what its instance exports.
        let bytes = wat::parse_str(
            r#"(component
                (import "m" (core module $m (export "f" (func))))
                (core instance $i (instantiate $m))
                (core func (alias core export $i "f")))"#,
        );
        assert_eq!(by_name(&bytes.unwrap()), 2);
    }
    #[test]
    fn many_instances_of_a_module_with_many_imports_take_no_more_than_the_file_pays_for() {
        let of_each = |text: fn(usize) -> String| (0..100).map(text).collect::<String>();
        let bytes = wat::parse_str(format!(
            r#"(component
                (type $r (resource (rep i32)))
                (core func $f (canon resource.drop $r))
                (core instance $all {})
                (core module $m {})
                {})"#,
            of_each(|at| format!(r#"(export "{at}" (func $f))"#)),
            of_each(|at| format!(r#"(import "" "{at}" (func (param i32)))"#)),
            of_each(|_| r#"(core instance (instantiate $m (with "" (instance $all))))"#.into()),
        ));
        // 104 operations: room for 832 imports besides the first 100.
        assert_eq!(by_name(&bytes.unwrap()), 100 - 9);
    }
}
