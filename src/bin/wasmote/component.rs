//! Running components: `wasmote run` with `--invoke 'f("a", [1, 2])'`, and with `--link`.

use crate::{file::Module, invoke, run::Ended, say, settings::Resolved, wave};
use anyhow::{Result, bail};
use wasmote::{
    Error, MissingImport,
    component::{Component, Engine, Features, Func, Instance, Linker, Store, Val, types::ComponentItem},
};

/// What a command exports: an instance with the function `run` (WASI, package `wasi:cli`).
const COMMAND: &str = "wasi:cli/run@";
/// How many imports a message lists before it only counts.
const IMPORTS_SHOWN_MAX: usize = 16;

/// The eight bytes that every component begins with (component-model `Binary.md`).
const HEADER: [u8; 8] = *b"\0asm\x0d\0\x01\0";

pub fn is_component(module: &Module) -> bool {
    module.bytes.starts_with(&HEADER)
}

/// A call of a component's function, checked against its type.
pub fn call(main: &Module, call: &str, args: &[String], settings: &Resolved) -> Result<invoke::Call> {
    let engine = Engine::new(Features::default(), &settings.limits);
    let component = Component::new(&engine, &main.bytes).map_err(|error| not_started(&main.name, &error))?;
    let call = Call::find(&component, &main.name, Some(call), args)?;
    Ok(invoke::Call::Component { name: call.path, params: call.params })
}

/// What a function returned, as text, or why it has none.
pub fn show(values: &[Val]) -> Vec<Result<String, String>> {
    values.iter().map(wave::show).collect()
}

/// A component, started with what was linked, and the call that is to be made.
pub struct Started {
    store: Store<()>,
    func: Func,
    params: Vec<Val>,
    /// What messages call the function.
    pub name: String,
    is_command: bool,
}

/// Starts `main` after all of `plugins`, each of which may use what those before it export.
pub fn start(
    main: &Module,
    plugins: &[Module],
    call: Option<&str>,
    args: &[String],
    features: Features,
    settings: &Resolved,
) -> Result<Started> {
    let engine = Engine::with_metering(features, &settings.limits, settings.metering);
    let load = |module: &Module| {
        Component::new(&engine, &module.bytes).map_err(|error| not_started(&module.name, &error))
    };
    let component = load(main)?;
    let call = Call::find(&component, &main.name, call, args)?;
    let mut store = Store::new(&engine, ());
    if let Some(fuel) = settings.fuel {
        store.set_fuel(fuel)?;
    }
    let mut linker = Linker::new(&engine);
    let loaded = plugins.iter().map(|plugin| Ok((plugin.name.as_str(), load(plugin)?)));
    link(&mut linker, &mut store, loaded.collect::<Result<_>>()?)?;
    let instance = linker.instantiate(&mut store, &component);
    let instance = instance.map_err(|error| unmet(&[(&main.name, &error)], !plugins.is_empty()))?;
    let func = instance.get_func(&store, &call.path)?;
    Ok(Started { store, func, params: call.params, name: call.path, is_command: call.is_command })
}

impl Started {
    /// Makes the call.
    pub async fn call(&mut self) -> Ended {
        let mut results = vec![Val::Bool(false); self.func.result_count()];
        match self.func.call_async(&mut self.store, &self.params, &mut results).await {
            Err(error) => Ended::Failed(error),
            Ok(()) if self.is_command => Ended::Status(i32::from(results == [Val::Result(Err(None))])),
            Ok(()) => Ended::Printed(show(&results)),
        }
    }

    pub fn fuel_spent(&self) -> u64 {
        self.store.fuel_spent()
    }
}

/// Instantiates the plugins, in the order they were named, but none before what it imports is there, and offers
/// what they export.
fn link(linker: &mut Linker<()>, store: &mut Store<()>, plugins: Vec<(&str, Component)>) -> Result<()> {
    let mut owners: Vec<(String, &str)> = Vec::new();
    let mut waiting = plugins;
    while !waiting.is_empty() {
        let mut still = Vec::new();
        let mut errors = Vec::new();
        let before = waiting.len();
        for (name, component) in waiting {
            match linker.instantiate(store, &component) {
                Ok(instance) => offer(linker, store, &mut owners, name, &component, &instance)?,
                Err(error) if !error.missing_imports().is_empty() => {
                    errors.push((name, error));
                    still.push((name, component));
                }
                Err(error) => return Err(not_started(name, &error)),
            }
        }
        if still.len() == before {
            let errors: Vec<_> = errors.iter().map(|(name, error)| (*name, error)).collect();
            return Err(unmet(&errors, true));
        }
        waiting = still;
    }
    Ok(())
}

fn offer<'p>(
    linker: &mut Linker<()>,
    store: &Store<()>,
    owners: &mut Vec<(String, &'p str)>,
    plugin: &'p str,
    component: &Component,
    instance: &Instance,
) -> Result<()> {
    for (name, item) in component.component_type().exports() {
        if matches!(item, ComponentItem::Type(_) | ComponentItem::Other) {
            continue;
        }
        if let Some((_, other)) = owners.iter().find(|(known, _)| known == name) {
            bail!("{plugin} and {other} both export `{name}`: link one of them");
        }
        linker.root().export(name, store, instance, name)?;
        owners.push((name.into(), plugin));
    }
    Ok(())
}

/// Why components cannot be started: what nobody offers them, all of it.
fn unmet(errors: &[(&str, &Error)], linked: bool) -> anyhow::Error {
    let sentences = errors.iter().map(|(file, error)| {
        let missing = error.missing_imports();
        if missing.is_empty() {
            return not_started(file, error).to_string();
        }
        let shown: Vec<_> = missing.iter().take(IMPORTS_SHOWN_MAX).map(import).collect();
        let more = match missing.len() - shown.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{file} imports {}{more}", shown.join(", "))
    });
    let why = if linked {
        "and neither the host nor what is linked offers that"
    } else {
        "and the host does not offer that: link a component that exports it with `--link FILE`"
    };
    anyhow::anyhow!("{}, {why}", sentences.collect::<Vec<_>>().join("; "))
}

fn import(import: &MissingImport) -> String {
    let MissingImport { module, name, expected, found } = import;
    let path = match (module.as_str(), name.as_str()) {
        ("", only) | (only, "") => only.to_string(),
        (instance, item) => format!("{instance}#{item}"),
    };
    match found {
        Some(found) => format!("`{path}` as {expected} instead of {found}"),
        None => format!("`{path}`"),
    }
}

fn not_started(file: &str, error: &Error) -> anyhow::Error {
    anyhow::Error::msg(crate::failure::not_started(file, error))
}

/// A call that was checked against a component's type.
struct Call {
    /// The function, as `interface#function` where an instance exports it.
    path: String,
    params: Vec<Val>,
    is_command: bool,
}

impl Call {
    fn find(component: &Component, file: &str, call: Option<&str>, args: &[String]) -> Result<Self> {
        let functions = functions(component);
        let Some(call) = call else {
            let command = functions
                .iter()
                .find(|(path, _)| path.strip_prefix(COMMAND).is_some_and(|rest| rest.ends_with("#run")));
            let Some((path, _)) = command else {
                bail!(
                    "{file} is no command, as it exports no `wasi:cli/run`: call a function with \
                     --invoke 'NAME(ARGUMENTS)'{}",
                    listing(&functions),
                );
            };
            return Ok(Self { path: path.clone(), params: Vec::new(), is_command: true });
        };
        let call = wave::Call::parse(call, args)?;
        let found: Vec<_> = functions.iter().filter(|(path, _)| call.names(path)).collect();
        // What the component itself exports goes before what one of its instances does.
        let exact = found.iter().find(|(path, _)| *path == call.name);
        let (path, ty) = match (exact, found.as_slice()) {
            (Some(exact), _) => exact,
            (None, [one]) => one,
            (None, []) => {
                bail!("{file} exports no function `{}`{}", call.name, listing(&functions))
            }
            (None, many) => {
                let paths: Vec<_> = many.iter().map(|(path, _)| format!("`{path}`")).collect();
                bail!("`{}` may be any of {}: say which", call.name, paths.join(", "));
            }
        };
        let params = call.params(ty).map_err(|reason| anyhow::anyhow!("`{path}` is {ty}: {reason}"))?;
        Ok(Self { path: path.clone(), params, is_command: false })
    }
}

/// The functions that a component exports, and that instances it exports do.
fn functions(component: &Component) -> Vec<(String, wasmote::component::types::ComponentFunc)> {
    let mut functions = Vec::new();
    for (name, item) in component.component_type().exports() {
        match item {
            ComponentItem::ComponentFunc(ty) => functions.push((name.to_string(), ty)),
            ComponentItem::ComponentInstance(instance) => {
                functions.extend(instance.exports().filter_map(|(function, item)| match item {
                    ComponentItem::ComponentFunc(ty) => Some((format!("{name}#{function}"), ty)),
                    _ => None,
                }));
            }
            _ => {}
        }
    }
    functions
}

/// The functions for the end of a message; empty where there are none.
fn listing<T>(functions: &[(String, T)]) -> String {
    if functions.is_empty() {
        return String::new();
    }
    let shown: Vec<_> =
        functions.iter().take(IMPORTS_SHOWN_MAX).map(|(path, _)| format!("`{path}`")).collect();
    let more = match functions.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(" (there is {}{more})", shown.join(", "))
}

/// Says of results what cannot be printed.
pub fn print(results: &[Result<String, String>]) -> String {
    let mut out = String::new();
    for result in results {
        match result {
            Ok(text) => out += &format!("{}\n", say::printable(text)),
            Err(reason) => say::plain(&format!("it returned {reason}, which has no text form")),
        }
    }
    out
}
