//! The program `wasmote`: runs WebAssembly programs in a sandbox, and says what they are.
//!
//! It uses the library's public interface only: whatever it does, an embedder can do.

mod bindgen;
mod bundle;
mod component;
mod deadline;
mod failure;
mod features;
mod file;
mod grants;
mod inspect;
mod invoke;
mod links;
mod network;
mod run;
mod say;
mod serve;
mod settings;
mod signals;
mod terminal;
mod units;
mod unused;
mod wast;
mod watch;
mod wave;

use clap::{
    Parser, Subcommand,
    error::{ContextKind, ContextValue},
};
use say::Misuse;
use std::{path::Path, process::exit};
use wasmote::engine::keeps_native_stack;

/// Runs standard WebAssembly programs in a sandbox, on an interpreter.
///
/// A program is a .wasm file, as compilers for WASI write it (Rust: `cargo build --target wasm32-wasip1`),
/// or the same as text (.wat). It can reach nothing but its standard streams, the clock and random numbers, unless
/// you grant it: a directory with --dir, a variable with --env.
#[derive(Debug, Parser)]
#[command(name = "wasmote", version, arg_required_else_help = true, after_long_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  wasmote run hello.wasm                          run a program
  wasmote run hello.wasm -- --name Ada            with arguments of its own
  wasmote run --dir data::/data:ro app.wasm       let it read the folder `data`, as /data
  wasmote run -W fuel=1000000,timeout=2s app.wasm stop it if it does not end
  wasmote run --invoke add sum.wat 1 2            call one function, print what it returns
  wasmote run --invoke 'sum([1, 2])' calc.wasm    the same of a component
  wasmote bindgen wit --world plugin -o plugin.rs Rust bindings for embedders
  wasmote serve app.wasm                          answer HTTP requests with a component
  wasmote inspect app.wasm                        what is it, what does it need, will it run
  wasmote bundle app.wasm --key key.pem           validate and sign it for a small device
  wasmote wast values.wast                        run a test script, count what held";

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Arguments),
    Serve(serve::Arguments),
    Inspect(inspect::Arguments),
    Bindgen(bindgen::Arguments),
    Wast(wast::Arguments),
    Bundle(bundle::Arguments),
}

/// What this program ends with when it could not do what it was told.
const COULD_NOT: i32 = 1;
/// What it ends with when flags make no sense, which is clap's choice.
const MISUSED: i32 = 2;

/// What to say to somebody who names a program where a command is expected.
fn without_command(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let is_program = [".wasm", ".wat"].iter().any(|end| name.ends_with(end)) || Path::new(name).is_file();
    is_program.then(|| format!("`{name}` is no command: to run it as a program, write `wasmote run {name}`"))
}

fn main() {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => {
            let Some(sentence) = without_command(&error) else { error.exit() };
            say::error(&sentence);
            exit(MISUSED);
        }
    };
    signals::survive_long_files();
    let ended = match command {
        Command::Run(_) | Command::Serve(_) | Command::Wast(_) if !keeps_native_stack() => {
            Err(anyhow::Error::msg(
                "this program was built so that what it runs could overflow its stack: build it with the profile it \
             comes with, or with codegen-units = 1 and debug-assertions = false for the package wasmi",
            ))
        }
        Command::Run(arguments) => run::run(arguments),
        Command::Serve(arguments) => serve::serve(&arguments),
        Command::Inspect(arguments) => inspect::inspect(&arguments).map(|()| 0),
        Command::Bindgen(arguments) => bindgen::bindgen(&arguments).map(|()| 0),
        Command::Bundle(arguments) => bundle::bundle(&arguments).map(|()| 0),
        Command::Wast(arguments) => wast::wast(&arguments),
    };
    exit(ended.unwrap_or_else(|error| {
        say::error(&format!("{error:#}"));
        if error.is::<Misuse>() { MISUSED } else { COULD_NOT }
    }))
}
