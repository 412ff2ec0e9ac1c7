//! `wasmote inspect`: reads a file without running any of it.

mod beyond;
mod module;
mod needs;
mod proposals;
mod report;
mod text;
mod uses;
mod world;

use crate::{
    failure,
    features::Feature,
    file, say,
    settings::{self, Profile, Resolved, Settings},
};
use anyhow::{Context, Result};
use clap::Args;
use report::{Report, Verdict};
use std::path::PathBuf;
use wasmote::{
    Host, Limits, Loader,
    component::{Component, Engine, Features, types::ComponentItem},
};

/// Say what a file is, what it needs, and whether it can run here
///
/// Runs nothing of it. Reads core modules and components, also those that cannot run here, and says in
/// one sentence why not. Of a component it prints the world, as WIT.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct Arguments {
    /// Print everything as JSON
    #[arg(long)]
    json: bool,

    /// Whether it would run under these limits
    #[arg(long, value_enum, value_name = "FOR", default_value_t)]
    limits: Profile,

    /// Turn on proposals of the Component Model besides those that have shipped
    #[arg(long, value_enum, value_name = "NAME,…", value_delimiter = ',')]
    features: Vec<Feature>,

    /// Set single limits of these, as for `wasmote run`: max-memory-size=64M, … (`-W help` lists all)
    #[arg(short = 'W', long = "wasm", value_name = "KEY=VALUE,…", value_parser = settings::limits)]
    wasm: Vec<Settings>,

    /// The file: .wasm or .wat, or `-` for standard input
    #[arg(value_name = "MODULE")]
    module: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  wasmote inspect app.wasm
  wasmote inspect --limits mcu app.wasm       does it fit a microcontroller?
  wasmote inspect --json app.wasm | jq .runs";

/// What is read at all, whether it would run or not: more than any program is, and less than would exhaust this machine,
/// unless these limits are wider.
fn readable(limits: &Limits) -> Limits {
    let server = Limits::server();
    let (module_bytes, load_bytes) = (limits.module_bytes.max(256 << 20), limits.load_bytes.max(2 << 30));
    Limits { module_bytes, load_bytes, ..server }
}

/// Inspects a file.
pub fn inspect(arguments: &Arguments) -> Result<()> {
    let Resolved { limits, features, .. } = Settings::resolve(&arguments.wasm, arguments.limits)?;
    let features = Feature::all_of(&arguments.features, features);
    let module = file::read(&arguments.module, &readable(&limits))?;
    let mut report = Report::new(&module.name, module.bytes.len());
    module::read(&module.bytes, &mut report)
        .with_context(|| format!("{} is no valid WebAssembly", module.name))?;
    world::fill(&module.bytes, &mut report);
    report.verdict = verdict(&module.name, &module.bytes, limits, features);
    needs::fill(&mut report);
    let mut out = if arguments.json {
        serde_json::to_string_pretty(&report)?
    } else {
        say::readable(&text::show(&report))
    };
    out.push('\n');
    say::print(&out, "the report").map(drop)
}

/// Whether a guest of these bytes can be made, asked of those who would make it.
fn verdict(name: &str, bytes: &[u8], limits: Limits, features: Features) -> Verdict {
    let started = Loader::new().limits(limits).features(features).load(bytes);
    let started = started.and_then(|program| Host::new().limits(limits).start(&program));
    match started {
        Ok(_) => Verdict { runs: true, reason: None },
        Err(_) if needs_nothing(bytes, &limits, features) => Verdict { runs: true, reason: None },
        Err(error) => {
            let mut reason = failure::not_started(name, &error, None);
            if error.limit_exceeded().is_some_and(|exceeded| exceeded.limit == "load_bytes") {
                reason += "; a bundle of it takes less to load (`wasmote bundle`)";
            }
            Verdict { runs: false, reason: Some(reason) }
        }
    }
}

/// Whether these bytes are a component that imports nothing, so that its functions can be called.
fn needs_nothing(bytes: &[u8], limits: &Limits, features: Features) -> bool {
    let component = Component::new(&Engine::new(features, limits), bytes);
    component.is_ok_and(|component| {
        let ty = component.component_type();
        ty.imports().all(|(_, item)| matches!(item, ComponentItem::Type(_) | ComponentItem::Other))
    })
}
