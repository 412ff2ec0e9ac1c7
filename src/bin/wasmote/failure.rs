//! Why a program could not be loaded, or did not end by itself: in a sentence that names the file, what
//! happened, and the flag that changes it.

use crate::{
    settings::{self, Resolved},
    units::show_bytes,
};
use wasmote::{Error, MissingImport, Rule, Trap};

/// How many imports a message lists before it only counts.
pub const IMPORTS_SHOWN_MAX: usize = 8;

/// What to do about what the host does not offer, for `wasmote run`.
const LINK: &str = "link a component that exports it with `--link FILE`";
/// For `wasmote serve`, which links nothing.
const COMPOSE: &str = "make one component of it and of another that exports it (`wac plug`)";

/// Why `file` cannot be served with so much fuel.
pub fn not_served(file: &str, error: &Error, fuel: Option<u64>) -> String {
    match error.missing_imports() {
        [] => not_started(file, error, fuel),
        missing => imports(file, missing, COMPOSE),
    }
}

/// Why `file` cannot be loaded, or started with so much fuel.
pub fn not_started(file: &str, error: &Error, fuel: Option<u64>) -> String {
    if let Some(exceeded) = error.limit_exceeded() {
        let (asked, allowed) = (
            settings::show(exceeded.limit, exceeded.asked),
            settings::show(exceeded.limit, exceeded.allowed),
        );
        let what = settings::what(exceeded.limit);
        let raise = settings::raise(exceeded.limit);
        return format!(
            "{file} asks for {asked}, and {allowed} is the limit ({what}): raise it with `{raise}`"
        );
    }
    if !error.missing_imports().is_empty() {
        return imports(file, error.missing_imports(), LINK);
    }
    match error.trap() {
        Some(Trap::OutOfFuel) => {
            let fuel = fuel.map(|fuel| format!(" of {fuel}")).unwrap_or_default();
            format!("{file} spent all its fuel{fuel} before it was started: give it more with `-W fuel=…`")
        }
        Some(Trap::OutOfMemory) => format!(
            "{file} begins with more memory or table elements than this machine can give, though `{}` and `{}` allow them",
            settings::raise("memory_bytes"),
            settings::raise("table_elements"),
        ),
        Some(trap) => format!("cannot run {file}: {error}{}", raise(trap).unwrap_or_default()),
        None => format!("cannot run {file}: {error}"),
    }
}

/// What raises the limit that this is about, for the end of a message.
fn raise(trap: Trap) -> Option<String> {
    let field = match trap {
        Trap::StackOverflow => return Some(stack_hint()),
        Trap::HostCallBytes => "host_call_bytes",
        Trap::Handles => "handles",
        Trap::ReentryDepth => "reentry_depth",
        Trap::Component(Rule::TooLong) => "uninterrupted_fuel",
        Trap::Component(Rule::Tasks) => "tasks",
        _ => return None,
    };
    Some(format!(": raise the limit with `{}`", settings::raise(field)))
}

fn imports(file: &str, missing: &[MissingImport], remedy: &str) -> String {
    let why = if missing.iter().all(|import| import.found.is_some()) {
        "with types that WASI does not have".into()
    } else if missing.iter().any(|import| import.of_component) {
        format!("which the host does not offer: {remedy}")
    } else {
        "which no part of WASI 0.1 provides: it was built for another host".into()
    };
    format!("{}, {why}", imports_of(file, missing))
}

/// What `file` imports that is missing, without why.
pub fn imports_of(file: &str, missing: &[MissingImport]) -> String {
    let shown: Vec<_> = missing.iter().take(IMPORTS_SHOWN_MAX).map(import).collect();
    let more = match missing.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{file} imports {}{more}", shown.join(", "))
}

fn import(import: &MissingImport) -> String {
    match import.found.as_deref().map(|found| (found, found.strip_prefix("type mismatch: "))) {
        Some((_, Some(reason))) => format!("`{import}`, of which the host says: {reason}"),
        Some((found, None)) => format!("`{import}` instead of {found}"),
        None => format!("`{import}`"),
    }
}

/// Why the call of `function` ended, and what to do about it.
pub fn ended(file: &str, function: &str, error: &Error, settings: &Resolved, memory_bytes: u64) -> String {
    let Some(trap) = error.trap() else { return format!("{file}: {error}") };
    if trap == Trap::OutOfFuel {
        let fuel = settings.fuel.map(|fuel| format!(" of {fuel}")).unwrap_or_default();
        return format!("{file} spent all its fuel{fuel} in `{function}`: give it more with `-W fuel=…`");
    }
    let hint = match raise(trap) {
        Some(raise) => raise,
        // Languages trap when an allocation fails, and wasm does not tell that apart from any other trap.
        None if memory_is_short(memory_bytes, settings.limits.memory_bytes) => format!(
            "; its memory had grown to {} of {}, which is the limit: if that is why, raise it with `{}`",
            show_bytes(memory_bytes),
            show_bytes(settings.limits.memory_bytes),
            settings::raise("memory_bytes"),
        ),
        None => String::new(),
    };
    format!("{file} trapped in `{function}`: {trap}{hint}")
}

fn stack_hint() -> String {
    let (stack, depth) = (settings::raise("stack_bytes"), settings::raise("call_depth"));
    format!(": if it does not call itself without end, raise the limits with `{stack}` and `{depth}`")
}

/// Whether seven eighths of what is allowed are taken.
pub fn memory_is_short(taken: u64, allowed: u64) -> bool {
    taken > allowed - allowed / 8
}
