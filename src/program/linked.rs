//! Components that are linked with each other: what one exports, the others may import.

use super::{Component, Loader};
use crate::{
    Error,
    component::{self, Engine, Instance, Linker, Store, types::ComponentItem},
    dialects::Data,
};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

/// A component, with others whose exports it may import: plugins. Started by
/// [`Host::start_linked`](crate::Host::start_linked), all of them share one guest: its grants, its fuel, its limits.
///
/// ```
/// use wasmote::{Host, Linked, Loader, block_on, component::Val};
/// # let words = wat::parse_str(r#"(component
/// #     (core module $m (func (export "six") (result i32) (i32.const 6)))
/// #     (core instance $i (instantiate $m))
/// #     (func (export "six") (result u32) (canon lift (core func $i "six"))))"#)?;
/// # let main = wat::parse_str(r#"(component
/// #     (import "six" (func $six (result u32)))
/// #     (core func $six (canon lower (func $six)))
/// #     (core module $m (import "" "six" (func $six (result i32)))
/// #       (func (export "double") (result i32) (i32.add (call $six) (call $six))))
/// #     (core instance $i (instantiate $m (with "" (instance (export "six" (func $six))))))
/// #     (func (export "double") (result u32) (canon lift (core func $i "double"))))"#)?;
/// let linked = Linked::load(Loader::new(), ("main", &main), [("words", &words)])?;
/// let mut guest = Host::new().start_linked(&linked)?;
/// assert_eq!(block_on(guest.call_component("double", &[]))?, [Val::U32(12)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Linked {
    name: String,
    pub(crate) main: Component,
    plugins: Vec<Plugin>,
}

#[derive(Clone, Debug)]
struct Plugin {
    name: String,
    component: component::Component,
}

/// Why components could not be linked with each other.
#[derive(Debug)]
#[non_exhaustive]
pub enum LinkError {
    /// One of them could not be loaded or started.
    Component {
        /// Which, by the name it was given.
        name: String,
        /// Why.
        error: Error,
    },
    /// What some of them import, nobody offers, or with another type.
    Unmet(Vec<(String, Error)>),
    /// Two of them export the same.
    Twice {
        /// What.
        export: String,
        /// Who, by the names they were given.
        names: [String; 2],
    },
}

impl LinkError {
    pub(crate) fn of(name: &str, error: Error) -> Self {
        if error.missing_imports().is_empty() {
            return Self::Component { name: name.into(), error };
        }
        Self::Unmet([(name.into(), error)].into())
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Component { name, error } => write!(f, "{name}: {error}"),
            Self::Unmet(unmet) => {
                for (at, (name, error)) in unmet.iter().enumerate() {
                    write!(f, "{}{name}: {error}", if at == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
            Self::Twice { export, names: [one, other] } => {
                write!(f, "{one} and {other} both export `{export}`")
            }
        }
    }
}

impl core::error::Error for LinkError {}

impl Linked {
    /// Loads `main` and `plugins`, each by a name for messages and in its binary form, as `loader` says.
    ///
    /// # Errors
    ///
    /// When one of them is no valid component, or passes a limit. Whether their imports are met is told by who
    /// starts them.
    pub fn load<'b>(
        loader: Loader,
        main: (&'b str, &'b (impl AsRef<[u8]> + ?Sized)),
        plugins: impl IntoIterator<Item = (&'b str, &'b (impl AsRef<[u8]> + ?Sized + 'b))>,
    ) -> Result<Self, LinkError> {
        let Loader { limits, metering, features } = loader;
        let engine = Engine::with_metering(features, &limits, metering);
        let (name, bytes) = main;
        let main = Component::of(&engine, bytes.as_ref()).map_err(|error| LinkError::of(name, error))?;
        let plugins = plugins.into_iter().map(|(name, bytes)| {
            let component = component::Component::new(&engine, bytes.as_ref());
            let component = component.map_err(|error| LinkError::of(name, error))?;
            Ok(Plugin { name: name.into(), component })
        });
        Ok(Self { name: name.into(), main, plugins: plugins.collect::<Result<_, _>>()? })
    }

    /// The component that the others are linked to.
    #[must_use]
    pub fn component(&self) -> &component::Component {
        &self.main.component
    }

    /// Whether that cannot start by itself: it imports what no host offers, whatever it grants.
    #[must_use]
    pub fn needs_plugins(&self) -> bool {
        self.main.lacks_imports()
    }

    /// The others, by the names they were given.
    pub fn plugins(&self) -> impl Iterator<Item = (&str, &component::Component)> {
        self.plugins.iter().map(|plugin| (plugin.name.as_str(), &plugin.component))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Makes instances of all of them in one store: the plugins first, in the order they were named, but none before
    /// what it imports is there. What a plugin exports goes before what the host offers under that name.
    pub(crate) fn instantiate(&self, store: &mut Store<Data>) -> Result<Instance, LinkError> {
        let of_main = |error| LinkError::of(&self.name, error);
        if self.plugins.is_empty() {
            return self.main.instantiate(store).map_err(of_main);
        }
        let mut linker = self.main.linker().map_err(of_main)?;
        let mut offered = Offered::default();
        let mut waiting: Vec<&Plugin> = self.plugins.iter().collect();
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut unmet = Vec::new();
            let mut still = Vec::new();
            for plugin in waiting {
                match linker.instantiate(store, &plugin.component) {
                    Ok(instance) => offered.add(&mut linker, store, plugin, &instance)?,
                    Err(error) if !error.missing_imports().is_empty() => {
                        unmet.push((plugin.name.clone(), error));
                        still.push(plugin);
                    }
                    Err(error) => return Err(LinkError::of(&plugin.name, error)),
                }
            }
            if still.len() == before {
                return Err(LinkError::Unmet(unmet));
            }
            waiting = still;
        }
        linker.instantiate(store, &self.main.component).map_err(of_main)
    }
}

/// What plugins offer, and which of them does.
#[derive(Default)]
struct Offered<'p>(Vec<(String, &'p str)>);

impl<'p> Offered<'p> {
    fn add(
        &mut self,
        linker: &mut Linker<Data>,
        store: &Store<Data>,
        plugin: &'p Plugin,
        instance: &Instance,
    ) -> Result<(), LinkError> {
        for (name, item) in plugin.component.component_type().exports() {
            if matches!(item, ComponentItem::Type(_) | ComponentItem::Other) {
                continue;
            }
            if let Some((_, other)) = self.0.iter().find(|(known, _)| known == name) {
                let names = [other.to_string(), plugin.name.clone()];
                return Err(LinkError::Twice { export: name.into(), names });
            }
            let Self(offered) = &*self;
            linker.withdraw(name, |known| !offered.iter().any(|(name, _)| name == known));
            let exported = linker.root().export(name, store, instance, name);
            exported.map_err(|error| LinkError::of(&plugin.name, error))?;
            self.0.push((name.into(), &plugin.name));
        }
        Ok(())
    }
}
