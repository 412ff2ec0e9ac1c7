//! `wasmote wast`: runs scripts of WebAssembly's and of the Component Model's suites.

use crate::{
    features::Feature,
    file, say,
    settings::{self, Profile, Resolved, Settings},
};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};
use wasmote::{
    component::Features,
    wast::{self, Bounds},
};

/// Run test scripts (.wast)
///
/// Runs each script, and counts its assertions: how many held, how many did not, and how many could not be
/// tried, each with its line and its reason. Of a folder it runs every script in it and below.
///
/// Ends with status 0 if nothing failed, with 1 if an assertion failed or a file is no script.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct Arguments {
    /// Print everything as JSON
    #[arg(long)]
    json: bool,

    /// Turn on proposals of the Component Model besides those that have shipped
    #[arg(long, value_enum, value_name = "NAME,…", value_delimiter = ',')]
    features: Vec<Feature>,

    /// Bound each call of a script: fuel=N, timeout=TIME [default: timeout=60s]
    ///
    /// A call that takes more is stopped, and its assertion has failed.
    #[arg(short = 'W', long = "wasm", value_name = "KEY=VALUE,…", value_parser = settings::bounds)]
    wasm: Vec<Settings>,

    /// Say nothing of assertions that could not be tried, but how many there were
    #[arg(long)]
    hide_skipped: bool,

    /// Scripts, and folders of scripts
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  wasmote wast values.wast
  wasmote wast --features all component-model/test
  wasmote wast -W fuel=1000000,timeout=1s untrusted.wast
  wasmote wast --json suite | jq .total

Scripts from before component-model#655 say `(memory $i \"m\")` for `(memory (core memory $i \"m\"))`. They are read
with WAST_STRICT_COMPONENT_INDICES=0 in the environment.";

/// How long a call may take where nothing else is said. None of a suite takes a second.
const CALL_TIME: Duration = Duration::from_secs(60);

/// More than any script is; less than would exhaust this machine.
const SCRIPT_BYTES_MAX: u32 = 64 << 20;
/// How many folders lie within each other. Links may make a folder its own parent.
const FOLDERS_MAX: usize = 32;

/// What became of all scripts. Its shape is that of the JSON.
#[derive(Debug, Default, Serialize)]
struct Summary {
    total: Counts,
    files: Vec<Outcome>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
    /// Files that are no scripts.
    unreadable: usize,
}

#[derive(Debug, Serialize)]
struct Outcome {
    file: String,
    passed: usize,
    failed: Vec<Reason>,
    skipped: Vec<Reason>,
    /// Why it is no script.
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Reason {
    line: usize,
    reason: String,
}

/// Runs scripts; answers the status to end with.
pub fn wast(arguments: &Arguments) -> Result<i32> {
    let mut scripts = Vec::new();
    for path in &arguments.files {
        find(path, &mut scripts, 0)?;
    }
    if scripts.is_empty() {
        bail!("there is no .wast file among what you named");
    }
    let settings = Settings::resolve(&arguments.wasm, Profile::Server).map_err(anyhow::Error::msg)?;
    let bounds = bounds(&settings);
    let features = Feature::all_of(&arguments.features, settings.features);
    let mut summary = Summary::default();
    for script in &scripts {
        let outcome = run(script, features, bounds)?;
        summary.total.passed += outcome.passed;
        summary.total.failed += outcome.failed.len();
        summary.total.skipped += outcome.skipped.len();
        summary.total.unreadable += usize::from(outcome.error.is_some());
        if !arguments.json && !print(&show(&outcome, arguments.hide_skipped))? {
            break;
        }
        summary.files.push(outcome);
    }
    let total = summary.total;
    if arguments.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&summary)?))?;
    } else if scripts.len() > 1 {
        print(&format!("total: {}\n", counts(total)))?;
    }
    Ok(i32::from(total.failed + total.unreadable > 0))
}

/// What each call may take.
fn bounds(settings: &Resolved) -> Bounds {
    Bounds { fuel: settings.fuel, time: Some(settings.timeout.unwrap_or(CALL_TIME)) }
}

/// Adds `path`, or every script below it in the order of their names.
fn find(path: &Path, into: &mut Vec<PathBuf>, depth: usize) -> Result<()> {
    let metadata = fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow::anyhow!("there is no file `{}`", path.display()),
        _ => anyhow::Error::new(error).context(format!("cannot open `{}`", path.display())),
    })?;
    if !metadata.is_dir() {
        into.push(path.into());
        return Ok(());
    }
    if depth == FOLDERS_MAX {
        bail!("`{}` lies {FOLDERS_MAX} folders deep: name it by itself", path.display());
    }
    let entries = fs::read_dir(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let mut inner = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    inner.sort();
    for path in inner {
        if path.is_dir() || path.extension().is_some_and(|extension| extension == "wast") {
            find(&path, into, depth + 1)?;
        }
    }
    Ok(())
}

fn run(path: &Path, features: Features, bounds: Bounds) -> Result<Outcome> {
    let file = path.display().to_string();
    let bytes = file::read_bytes(path, SCRIPT_BYTES_MAX, None)?;
    let reasons = |of: Vec<(usize, String)>| {
        of.into_iter().map(|(line, reason)| Reason { line, reason }).collect::<Vec<_>>()
    };
    let ran = String::from_utf8(bytes)
        .map_err(|_| "it is no text".to_string())
        .and_then(|text| wast::run_within(&text, features, bounds));
    Ok(match ran {
        Ok(report) => Outcome {
            file,
            passed: report.passed,
            failed: reasons(report.failed),
            skipped: reasons(report.skipped),
            error: None,
        },
        Err(error) => {
            Outcome { file, passed: 0, failed: Vec::new(), skipped: Vec::new(), error: Some(error) }
        }
    })
}

fn counts(counts: Counts) -> String {
    let Counts { passed, failed, skipped, unreadable } = counts;
    let unreadable = match unreadable {
        0 => String::new(),
        1 => ", 1 file is no script".into(),
        many => format!(", {many} files are no scripts"),
    };
    format!("{passed} passed, {failed} failed, {skipped} skipped{unreadable}")
}

/// One line for the file, and one for each assertion that did not hold or was not tried. Reasons that many
/// skipped assertions share are said once.
fn show(outcome: &Outcome, hide_skipped: bool) -> String {
    let Outcome { file, passed, failed, skipped, error } = outcome;
    if let Some(error) = error {
        return format!("{file}: no script: {}\n", file::shortened(error.trim()));
    }
    let mut out = format!("{file}: {passed} passed, {} failed, {} skipped\n", failed.len(), skipped.len());
    for Reason { line, reason } in failed {
        out += &format!("  {file}:{line}: {reason}\n");
    }
    let mut lines: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    if !hide_skipped {
        for Reason { line, reason } in skipped {
            lines.entry(reason).or_default().push(line.to_string());
        }
    }
    for (reason, lines) in lines {
        let word = if lines.len() == 1 { "line" } else { "lines" };
        out += &format!("  skipped, {word} {}: {reason}\n", lines.join(", "));
    }
    out
}

/// Prints `text`, names from scripts made harmless; whether anyone still reads.
fn print(text: &str) -> Result<bool> {
    say::print(&say::printable(text), "the report")
}
