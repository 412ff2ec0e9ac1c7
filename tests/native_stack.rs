//! No guest may run a host off its native stack.
//!
//! The interpreter's fast dispatch leaves stack behind where the compiler makes no sibling call: at every
//! growing of a memory or table on x86-64, at every indirect call on Arm, at every loop on RISC-V. What bounds that is the fuel slice, at
//! whose end the stack unwinds. Here each guest that could exhaust a stack runs a million iterations on a
//! thread of 64 KiB, in a process of its own, since what would fail is the process. The boards of
//! `no_std-examples` run the same guests and read how deep their stack has been.

use anyhow::{Context, Result, bail, ensure};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};
use wasmote::{Host, Limits, Loader, Trap, block_on_with, engine::Metering};

/// What loading and running any guest may take on x86-64.
const STACK_BYTES: usize = 64 << 10;

/// Each guest, and the trap it ends with, if that is how it is to end.
const GUESTS: [(&str, Option<Trap>); 12] = [
    ("loop", None),
    ("grow", None),
    ("grow_denied", None),
    ("table_grow", None),
    ("table_grow_denied", None),
    ("calls", None),
    ("call_indirect", None),
    ("return_call", None),
    ("return_call_indirect", None),
    ("bulk", None),
    ("unwind", None),
    ("recursion", Some(Trap::StackOverflow)),
];

#[test]
fn metered_guests_fit_a_small_stack() -> Result<()> {
    for (name, _) in GUESTS {
        for limits in ["mcu", "server"] {
            ensure!(survives(name, limits, "metered")?, "{name} with Limits::{limits}() overflows 64 KiB");
        }
    }
    Ok(())
}

#[test]
#[cfg(feature = "unmetered")]
fn unmetered_guests_fit_a_small_stack() -> Result<()> {
    for (name, _) in GUESTS {
        ensure!(survives(name, "server", "unmetered")?, "{name}, unmetered, overflows 64 KiB");
    }
    Ok(())
}

/// Without slices the same loop must be seen to overflow: silence above means something.
#[test]
#[cfg(target_arch = "x86_64")]
fn without_slices_the_overflow_is_seen() -> Result<()> {
    ensure!(!survives("grow", "unsliced", "metered")?, "no overflow happens, or this test cannot see it");
    Ok(())
}

/// Runs one guest in a process of its own. An overflow ends that by a signal; any other failure is an error.
fn survives(name: &str, limits: &str, metering: &str) -> Result<bool> {
    let output = Command::new(env::current_exe()?)
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env("WASMOTE_NATIVE_STACK", format!("{name} {limits} {metering}"))
        .output()?;
    match output.status.code() {
        Some(0) => Ok(true),
        Some(code) => {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{name} with {limits}, {metering}: exit code {code}\n{said}")
        }
        None => Ok(false),
    }
}

#[test]
#[ignore = "what the other tests start in a process of its own"]
fn child() -> Result<()> {
    let what = env::var("WASMOTE_NATIVE_STACK").context("WASMOTE_NATIVE_STACK is not set")?;
    let [name, limits, metering] = what.split(' ').collect::<Vec<_>>()[..] else {
        bail!("what is `{what}`?")
    };
    let ends = GUESTS.iter().find(|guest| guest.0 == name).context("no such guest")?.1;
    let limits = match limits {
        "mcu" => Limits::mcu(),
        "server" => Limits::server(),
        "unsliced" => Limits { slice_fuel: u64::MAX, ..Limits::mcu() },
        _ => bail!("what are limits `{limits}`?"),
    };
    let metering = if metering == "metered" { Metering::On } else { Metering::Off };
    let bytes = fs::read(guest_path(name, "wasm"))?;
    let thread = thread::Builder::new().stack_size(STACK_BYTES);
    let ended = thread.spawn(move || run(&bytes, limits, metering))?;
    let ended = ended.join().map_err(|_| anyhow::anyhow!("the host panicked"))??;
    ensure!(ended == ends, "{name} ended with {ended:?}");
    Ok(())
}

/// How the guest ended: the trap, if it trapped.
fn run(bytes: &[u8], limits: Limits, metering: Metering) -> Result<Option<Trap>> {
    let program = Loader::new().limits(limits).metering(metering).load(bytes)?;
    let mut guest = Host::new().limits(limits).start(&program)?;
    match block_on_with(guest.run(), thread::yield_now) {
        Ok(_) => Ok(None),
        Err(error) => Ok(Some(error.trap().ok_or(error)?)),
    }
}

fn guest_path(name: &str, extension: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("no_std-examples/firmware/guests");
    folder.join(name).with_extension(extension)
}

/// The boards embed the binaries. `BLESS=1` writes them.
#[test]
fn the_committed_binaries_are_what_the_sources_say() -> Result<()> {
    for (name, _) in GUESTS {
        let built = wat::parse_file(guest_path(name, "wat"))?;
        if env::var_os("BLESS").is_some() {
            fs::write(guest_path(name, "wasm"), &built)?;
        }
        ensure!(fs::read(guest_path(name, "wasm"))? == built, "{name}.wasm is stale: BLESS=1 writes it");
    }
    Ok(())
}
