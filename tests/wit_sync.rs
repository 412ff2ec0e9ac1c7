//! What components can import here is exactly what `wit/` declares: by name, and by type.
//!
//! The names of a linker's offers are compared with the names in WIT. The types are compared by the runtime itself: for
//! each dialect a component is written that imports everything the WIT declares, as the WIT declares it, and its
//! imports are met.

#![cfg(all(feature = "bindgen", feature = "http", feature = "p2", feature = "p3"))]

#[path = "wit_sync/importer.rs"]
mod importer;

use std::{collections::BTreeSet, path::Path};
use wasmote::{
    component::{Component, Engine, Linker},
    wasi::{p2, p3},
};
use wit_parser::{Resolve, UnresolvedPackageGroup};

/// One version of WASI.
struct Dialect<T: 'static> {
    folder: &'static str,
    packages: &'static [&'static str],
    /// Packages of which nothing is offered yet: none, one day.
    waiting: &'static [&'static str],
    /// Interfaces that components only export.
    exported: &'static [&'static str],
    linker: Linker<T>,
}

fn p2() -> Dialect<p2::State> {
    let mut linker = Linker::new(&Engine::default());
    p2::add_to_linker(&mut linker, |state: &mut p2::State| state).unwrap();
    Dialect {
        folder: "wit/wasi-0.2",
        packages: &["io", "clocks", "random", "cli", "filesystem", "sockets", "http"],
        waiting: &[],
        exported: &["wasi:cli/run", "wasi:http/incoming-handler"],
        linker,
    }
}

fn p3() -> Dialect<p3::State> {
    let mut linker = Linker::new(&Engine::default());
    p3::add_to_linker(&mut linker, |state: &mut p3::State| state).unwrap();
    Dialect {
        folder: "wit/wasi-0.3",
        packages: &["clocks", "random", "cli", "filesystem", "sockets", "http"],
        waiting: &[],
        exported: &["wasi:cli/run"],
        linker,
    }
}

impl<T: Send + 'static> Dialect<T> {
    fn resolve(&self) -> Resolve {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(self.folder);
        let folders = root.read_dir().unwrap().map(|entry| entry.unwrap().path());
        let mut groups: Vec<_> =
            folders.map(|folder| UnresolvedPackageGroup::parse_dir(folder).unwrap()).collect();
        assert_eq!(groups.len(), self.packages.len(), "a package that this test does not know");
        let mut resolve = Resolve::new();
        resolve.push_groups(groups.remove(0), groups).unwrap();
        resolve
    }

    /// The names of what is to be offered: `wasi:io/poll@0.2.12#[method]pollable.ready`.
    fn declared(&self, resolve: &Resolve) -> BTreeSet<String> {
        importer::interfaces(resolve)
            .into_iter()
            .filter(|(name, _)| self.is_offered(name))
            .flat_map(|(name, id)| {
                let interface = &resolve.interfaces[id];
                let is_resource = |ty: &&wit_parser::TypeId| {
                    matches!(resolve.types[**ty].kind, wit_parser::TypeDefKind::Resource)
                };
                let types = interface.types.values().filter(is_resource);
                let resources = types.filter_map(|ty| resolve.types[*ty].name.as_ref());
                let items = interface.functions.keys().chain(resources);
                items.map(|item| format!("{name}#{item}")).collect::<Vec<_>>()
            })
            .collect()
    }

    /// Whether components import this interface from the host.
    fn is_offered(&self, name: &str) -> bool {
        let name = name.split('@').next().unwrap();
        let package = name.split(['/', ':']).nth(1).unwrap();
        !self.waiting.contains(&package) && !self.exported.contains(&name)
    }

    fn check(&self) {
        let resolve = self.resolve();
        let declared = self.declared(&resolve);
        let offered: BTreeSet<_> = self.linker.offered().into_iter().collect();
        let missing: Vec<_> = declared.difference(&offered).collect();
        let unknown: Vec<_> = offered.difference(&declared).collect();
        assert!(missing.is_empty(), "declared in {} and not offered: {missing:#?}", self.folder);
        assert!(unknown.is_empty(), "offered and not declared in {}: {unknown:#?}", self.folder);

        let text = importer::component(&resolve, |name| self.is_offered(name));
        let bytes = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let component = Component::new(self.linker.engine(), bytes).unwrap();
        assert_eq!(component.imports().count() > 0, !declared.is_empty());
        if let Err(error) = self.linker.instantiate_pre(&component) {
            let mismatches: Vec<_> =
                error.missing_imports().iter().map(|import| format!("{import:?}")).collect();
            panic!("{error}\n{}", mismatches.join("\n"));
        }
    }
}

#[test]
fn wasi_0_2_is_offered_as_it_is_declared() {
    p2().check();
}

#[test]
fn wasi_0_3_is_offered_as_it_is_declared() {
    p3().check();
}

#[test]
fn another_type_is_noticed() {
    let dialect = p2();
    let text = importer::component(&dialect.resolve(), |name| dialect.is_offered(name));
    for (from, to) in [
        ("(param \"len\" u64)", "(param \"len\" u32)"),
        ("\"symlink-follow\"", "\"symlink-fellow\""),
        ("\"nanoseconds\" u32", "\"nanoseconds\" u64"),
    ] {
        let text = text.replacen(from, to, 1);
        let component = Component::new(dialect.linker.engine(), wat::parse_str(text).unwrap()).unwrap();
        assert!(dialect.linker.instantiate_pre(&component).is_err(), "{to}");
    }
}
