//! One contestant doing one piece of work a fixed number of times: for instruction counts (`valgrind
//! --tool=callgrind`), which a busy machine does not move as it moves times.
//!
//! `fixed bare-off|bare-on|ours-off|ours-on WORK COUNT`, where WORK is `empty`, `clock` or `write` (COUNT host calls),
//! `load:GUEST` (COUNT times from bytes to exit), `start:GUEST` (COUNT guests, one after the other), `alive:GUEST` (COUNT guests at once, each after its run, for
//! `valgrind --tool=dhat`), or a kernel or `CoreMark` (COUNT iterations). The difference of two counts is free of what
//! loading takes. `fixed ours-off|ours-on component:CALL COUNT` makes calls of components, where CALL is `number`,
//! `echo-16`, `echo-1024`, `bytes`, `dynamic-bytes`, `record` or `method` (host to guest), or one of the guests' loops, with
//! a length where it takes one: `host-records`, `'guest-strings 16'` (COUNT in thousands, two at a time).

use crate::{bare, component, guests, ours};
use anyhow::{Context, Result, bail};
use wasmote::engine::Metering;

pub fn run(words: &[String]) -> Result<()> {
    let [who, work, count] = words else { bail!("fixed CONTESTANT WORK COUNT") };
    let (is_ours, metering) = match who.as_str() {
        "bare-off" => (false, Metering::Off),
        "bare-on" => (false, Metering::On),
        "ours-off" => (true, Metering::Off),
        "ours-on" => (true, Metering::On),
        _ => bail!("there is no contestant `{who}`"),
    };
    let fuel = metering == Metering::On;
    match (work.as_str(), work.split_once(':')) {
        ("empty" | "clock" | "write", _) => {
            let (bytes, count) = (guests::caller()?, count.parse()?);
            if is_ours {
                let mut guest = ours::host(&[]).start(&ours::program(&bytes, metering)?)?;
                ours::rounds(&mut guest, work, count)
            } else {
                let (mut store, instance) = bare::Loaded::new(&bytes, fuel)?.start(&[])?;
                bare::rounds(&mut store, instance, work, count)
            }
        }
        (_, Some(("load", name))) => {
            let (bytes, runs) = (guests::guest(name)?, count.parse::<u32>()?);
            (0..runs).try_for_each(|_| start(is_ours, metering, &bytes, &["hello", "world"], 1))
        }
        (_, Some(("start", name))) => {
            let runs: u32 = count.parse()?;
            let args = ["hello", "world"];
            start(is_ours, metering, &guests::guest(name)?, &args, runs)
        }
        (_, Some(("component", name))) => component::fixed(metering, name, count.parse()?),
        (_, Some(("alive", name))) => alive(is_ours, metering, &guests::guest(name)?, count.parse()?),
        ("CoreMark", _) => {
            let bytes = guests::coremark()?.context("WASMOTE_COREMARK names no file")?;
            start(is_ours, metering, &bytes, &["coremark", "0", "0", "0x66", count], 1)
        }
        _ => start(is_ours, metering, &guests::guest("kernels")?, &["kernels", work, count], 1),
    }
}

fn start(is_ours: bool, metering: Metering, bytes: &[u8], args: &[&str], runs: u32) -> Result<()> {
    if is_ours {
        let (host, program) = (ours::host(args), ours::program(bytes, metering)?);
        return (0..runs).try_for_each(|_| ours::run(&host, &program));
    }
    let program = bare::Loaded::new(bytes, metering == Metering::On)?;
    (0..runs).try_for_each(|_| program.run(args))
}

fn alive(is_ours: bool, metering: Metering, bytes: &[u8], count: usize) -> Result<()> {
    let args = ["hello", "world"];
    if is_ours {
        let (host, program) = (ours::host(&args), ours::program(bytes, metering)?);
        let mut guests = Vec::with_capacity(count);
        for _ in 0..count {
            let mut guest = host.start(&program)?;
            let _ = wasmote::block_on(guest.run())?;
            guests.push(guest);
        }
        return Ok(());
    }
    let program = bare::Loaded::new(bytes, metering == Metering::On)?;
    let mut guests = Vec::with_capacity(count);
    for _ in 0..count {
        let (mut store, instance) = program.start(&args)?;
        let _ = instance.get_typed_func::<(), ()>(&store, "_start")?.call(&mut store, ());
        guests.push(store);
    }
    Ok(())
}
