//! Running components: `wasmote run` with `--invoke 'f("a", [1, 2])'`, and with `--link`.

use crate::{
    failure,
    features::Feature,
    file::{self, Module},
    invoke,
    links::Links,
    run::Arguments,
    say::{self, Misuse},
    settings::Resolved,
    wave,
};
use anyhow::{Result, bail};
use wasmote::{
    Error, LinkError, Linked, Loader,
    component::{
        Component, Val,
        types::{ComponentFunc, ComponentItem},
    },
};

/// What a command exports: an instance with the function `run` (WASI, package `wasi:cli`).
const COMMAND: &str = "wasi:cli/run@";
/// How the interfaces begin by which requests are handled.
const HANDLERS: [&str; 2] = ["wasi:http/handler@0.3.", "wasi:http/incoming-handler@0.2."];
/// The eight bytes that every component begins with (component-model `Binary.md`).
const HEADER: [u8; 8] = *b"\0asm\x0d\0\x01\0";

pub fn is_component(module: &Module) -> bool {
    module.bytes.starts_with(&HEADER)
}

/// Whether one of these exports is that of a command.
pub fn is_command<'a>(mut exports: impl Iterator<Item = &'a str>) -> bool {
    exports.any(|name| name.starts_with(COMMAND) || name == invoke::ENTRY)
}

/// Whether one of these exports handles HTTP requests.
pub fn handles_requests<'a>(mut exports: impl Iterator<Item = &'a str>) -> bool {
    exports.any(|name| HANDLERS.iter().any(|handler| name.starts_with(handler)))
}

/// Whether one of these imports is the handler behind a middleware.
pub fn hands_requests_on<'a>(mut imports: impl Iterator<Item = &'a str>) -> bool {
    imports.any(|interface| interface.starts_with(HANDLERS[0]))
}

/// Whether one of these exports handles those of WASI 0.3, by which it is then called.
pub fn handles_newest<'a>(mut exports: impl Iterator<Item = &'a str>) -> bool {
    exports.any(|name| name.starts_with(HANDLERS[0]))
}

/// What `arguments` say about a component: it and what is linked, loaded, and the call that is to be made.
pub fn load(
    arguments: &Arguments,
    words: &[String],
    main: &Module,
    settings: &Resolved,
) -> Result<(Linked, invoke::Call)> {
    let plugins = arguments.link.iter().map(|path| {
        let plugin = file::read(path, &settings.limits)?;
        if !is_component(&plugin) {
            return Err(no_component(&plugin.name).into());
        }
        Ok(plugin)
    });
    let plugins = plugins.collect::<Result<Vec<_>>>()?;
    let loader = Loader::new().limits(settings.limits).metering(settings.metering);
    let loader = loader.features(Feature::all_of(&arguments.features, settings.features));
    let named = plugins.iter().map(|plugin| (plugin.name.as_str(), &plugin.bytes));
    let linked = Linked::load(loader, (&main.name, &main.bytes), named);
    let linked = linked.map_err(|error| unlinked(&error, Links::of(arguments, words), settings.fuel))?;
    let call = find(linked.component(), &main.name, arguments.invoke.as_deref(), words)?;
    Ok((linked, call))
}

/// Why a core module cannot be linked, or linked to.
pub fn no_component(file: &str) -> Misuse {
    Misuse(format!("{file} is a core module: only components can be linked"))
}

/// What a function returned, as text, or why it has none.
pub fn show(values: &[Val]) -> Vec<Result<String, String>> {
    values.iter().map(wave::show).collect()
}

/// Why components cannot be linked or started.
pub fn unlinked(error: &LinkError, links: Links, fuel: Option<u64>) -> anyhow::Error {
    match error {
        LinkError::Unmet(unmet) if links == Links::Given => self::unmet(unmet),
        LinkError::Unmet(unmet) => {
            let sentences = unmet.iter().map(|(file, error)| failure::not_started(file, error, fuel));
            let sentences = sentences.collect::<Vec<_>>().join("; ");
            let hint =
                if links == Links::Behind { ", before the program: what stands here is its own" } else { "" };
            anyhow::anyhow!("{sentences}{hint}")
        }
        LinkError::Component { name, error } => anyhow::Error::msg(failure::not_started(name, error, fuel)),
        LinkError::Twice { export, names: [one, other] } => {
            anyhow::anyhow!("{one} and {other} both export `{export}`: link one of them")
        }
        error => anyhow::Error::msg(error.to_string()),
    }
}

/// What neither the host nor a plugin offers, all of it.
fn unmet(unmet: &[(String, Error)]) -> anyhow::Error {
    let sentences = unmet.iter().map(|(file, error)| failure::imports_of(file, error.missing_imports()));
    let sentences = sentences.collect::<Vec<_>>().join("; ");
    anyhow::anyhow!("{sentences}, and neither the host nor what is linked offers that")
}

/// The call that `call` says, checked against the component's type; where it says none, that of a command.
fn find(component: &Component, file: &str, call: Option<&str>, args: &[String]) -> Result<invoke::Call> {
    let functions = functions(component);
    let Some(call) = call else {
        let is_entry = |path: &str| path.strip_prefix(COMMAND).is_some_and(|rest| rest.ends_with("#run"));
        if !functions.iter().any(|(path, _)| is_entry(path)) {
            bail!("{}", no_command(file, &functions));
        }
        return Ok(invoke::Call::Entry { name: "wasi:cli/run" });
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
            let paths: Vec<_> = many.iter().map(|(path, _)| format!("`{}`", say::short(path))).collect();
            bail!("`{}` may be any of {}: say which", call.name, paths.join(", "));
        }
    };
    let params = call.params(ty).map_err(|reason| anyhow::anyhow!("`{path}` is {ty}: {reason}"))?;
    Ok(invoke::Call::Component { name: path.clone(), params })
}

/// What to do with a component that is no command.
fn no_command<T>(file: &str, functions: &[(String, T)]) -> String {
    if handles_requests(functions.iter().map(|(path, _)| path.as_str())) {
        return format!("{file} is no command, but answers HTTP requests: `wasmote serve {file}`");
    }
    match listing(functions) {
        none if none.is_empty() => format!("{file} exports no function at all, so there is nothing to run"),
        some => format!(
            "{file} is no command, as it exports no `wasi:cli/run`: call a function with \
             --invoke 'NAME(ARGUMENTS)'{some}"
        ),
    }
}

/// The functions that a component exports, and that instances it exports do.
fn functions(component: &Component) -> Vec<(String, ComponentFunc)> {
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
    let shown: Vec<_> = functions
        .iter()
        .take(failure::IMPORTS_SHOWN_MAX)
        .map(|(path, _)| format!("`{}`", say::short(path)))
        .collect();
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
