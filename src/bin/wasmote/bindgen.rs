//! `wasmote bindgen`: Rust bindings for a WIT world.

use crate::say;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::{fs, path::PathBuf};
use wasmote::bindgen::{Config, Error};

/// Write Rust bindings for a WIT world
///
/// A trait to implement for what the world imports, typed callers for what it exports. A build script gets
/// the same from `wasmote::bindgen::Config`, whose documentation says what is generated.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct Arguments {
    /// The WIT: a file, a folder of one package with its folder `deps`, or a folder of packages; more of
    /// them for what is imported
    #[arg(value_name = "WIT", required_unless_present = "inline")]
    wit: Vec<PathBuf>,

    /// The world: its name, or with its package; may be left out where there is only one
    #[arg(short, long, value_name = "WORLD")]
    world: Option<String>,

    /// A package as text, whose world it is; the WIT that is named is what it imports
    #[arg(long, value_name = "TEXT")]
    inline: Option<String>,

    /// Features whose parts of the WIT are bound (`@unstable(feature = …)`)
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    features: Vec<String>,

    /// Bind the parts of all features
    #[arg(long)]
    all_features: bool,

    /// The file to write; standard output if there is none
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Host functions that may wait, by name: `pollable.block`, `*.blocking-*`, `wasi:io/poll/*`
    #[arg(long, value_name = "PATTERN")]
    poll: Vec<String>,

    /// Host functions that need the store, by name
    #[arg(long, value_name = "PATTERN")]
    store: Vec<String>,

    /// Take a resource, an interface or a package from a Rust path instead of generating it
    #[arg(long, value_name = "WIT=RUST", value_parser = with)]
    with: Vec<(String, String)>,

    /// Put the interfaces of a package at the root, not in modules of its names
    #[arg(long, value_name = "PACKAGE")]
    at_root: Option<String>,

    /// How the bindings name the crate `wasmote`
    #[arg(long, value_name = "PATH", value_parser = rust_path)]
    crate_path: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  wasmote bindgen wit --world plugin -o src/bindings.rs
  wasmote bindgen wit --poll 'http.*' --with example:store/kv/bucket=crate::Bucket";

/// Reads a path of Rust's: `crate::a::B`, `::b`. Others would make bindings that do not compile.
fn rust_path(text: &str) -> Result<String, String> {
    let is_name = |name: &str| {
        let name = name.strip_prefix("r#").unwrap_or(name);
        name.starts_with(|first: char| first.is_alphabetic() || first == '_')
            && name.chars().all(|char| char.is_alphanumeric() || char == '_')
    };
    let names = text.strip_prefix("::").unwrap_or(text);
    match names.split("::").all(is_name) {
        true => Ok(text.into()),
        false => Err("it has to be a path of Rust's, as `crate::a` or `::b`".into()),
    }
}

fn with(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((wit, rust)) if !wit.is_empty() && !rust.is_empty() => Ok((wit.into(), rust_path(rust)?)),
        _ => Err("it has to be WIT=RUST, as in `wasi:io/poll/pollable=crate::Pollable`".into()),
    }
}

/// Writes bindings.
pub fn bindgen(arguments: &Arguments) -> Result<()> {
    let text = generate(&config(arguments))?;
    let Some(path) = &arguments.output else {
        return say::print(&text, "the bindings").map(drop);
    };
    fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}

fn config(arguments: &Arguments) -> Config {
    let Arguments { wit, world, poll, store, with, crate_path, inline, features, at_root, .. } = arguments;
    let config = wit.iter().fold(Config::default(), Config::path);
    let config = inline.iter().fold(config, Config::inline);
    let config = features.iter().fold(config, Config::feature);
    let config = if arguments.all_features { config.all_features() } else { config };
    let config = at_root.iter().fold(config, Config::at_root);
    let config = poll.iter().fold(config, Config::poll);
    let config = store.iter().fold(config, Config::store);
    let config = with.iter().fold(config, |config, (wit, rust)| config.with(wit, rust));
    let config = world.iter().fold(config, Config::world);
    crate_path.iter().fold(config, Config::crate_path)
}

/// The bindings, formatted where there is a formatter.
fn generate(config: &Config) -> Result<String> {
    match config.clone().rustfmt().generate() {
        Err(Error::Rustfmt(reason)) => {
            say::plain(&format!("the bindings are not formatted: {}", reason.trim_end()));
            Ok(config.generate()?)
        }
        Err(Error::Unused { setting, value }) => {
            bail!("`--{setting} {value}` is about nothing: the world imports nothing of this name")
        }
        Err(Error::World(reason)) => bail!("{}: name one with --world", reason.trim_end()),
        Err(Error::Ambiguous { setting, value }) => {
            bail!("`--{setting} {value}` is about more than one version: say which, as in `wasi:io@0.2.12`")
        }
        generated => Ok(generated?),
    }
}
