//! From bytes to exit, and from a loaded program to exit. Target: at most 1.15 × bare wasmi with its hand-written WASI.

use crate::{
    bare, guests,
    measure::{Contestant, compare},
    ours, peer,
};
use anyhow::Result;
use wasmote::engine::Metering;

const GUESTS: [&str; 2] = ["hello-rust", "hello-nostd"];
const ARGS: [&str; 2] = ["hello", "world"];
/// How many runs one sample holds.
const RUNS: u32 = 20;
const ROUNDS: usize = 101;

pub fn load() -> Result<()> {
    for name in GUESTS {
        let bytes = guests::guest(name)?;
        let ours = |metering| ours::run(&ours::host(&ARGS), &ours::program(&bytes, metering)?);
        compare(
            &format!("from bytes to exit: {name}"),
            RUNS,
            ROUNDS,
            vec![
                Contestant::new("bare wasmi", || times(|| bare::Loaded::new(&bytes, false)?.run(&ARGS))),
                Contestant::new("bare wasmi, fuel on", || {
                    times(|| bare::Loaded::new(&bytes, true)?.run(&ARGS))
                }),
                Contestant::new("wasmote, metering off", || times(|| ours(Metering::Off))),
                Contestant::new("wasmote, metering on", || times(|| ours(Metering::On))),
                Contestant::new("wasmi_wasi", || times(|| peer::Loaded::new(&bytes)?.run(&ARGS))),
            ],
        )?;
    }
    Ok(())
}

pub fn start() -> Result<()> {
    for name in GUESTS {
        let bytes = guests::guest(name)?;
        let bare_off = bare::Loaded::new(&bytes, false)?;
        let bare_on = bare::Loaded::new(&bytes, true)?;
        let ours_off = ours::program(&bytes, Metering::Off)?;
        let ours_on = ours::program(&bytes, Metering::On)?;
        let peer = peer::Loaded::new(&bytes)?;
        let host = ours::host(&ARGS);
        compare(
            &format!("start, run, drop: {name}"),
            RUNS,
            ROUNDS,
            vec![
                Contestant::new("bare wasmi", || times(|| bare_off.run(&ARGS))),
                Contestant::new("bare wasmi, fuel on", || times(|| bare_on.run(&ARGS))),
                Contestant::new("wasmote, metering off", || times(|| ours::run(&host, &ours_off))),
                Contestant::new("wasmote, metering on", || times(|| ours::run(&host, &ours_on))),
                Contestant::new("wasmi_wasi", || times(|| peer.run(&ARGS))),
            ],
        )?;
    }
    Ok(())
}

fn times(run: impl Fn() -> Result<()>) -> Result<()> {
    (0..RUNS).try_for_each(|_| run())
}
