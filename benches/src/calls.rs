//! What a host call costs, the guest's loop around it included. Target: at most 1.3 × the hand-written function, ahead
//! of `wasmi_wasi`.

use crate::{
    bare, guests,
    measure::{Contestant, compare},
    ours, peer,
};
use anyhow::Result;
use wasmote::engine::Metering;

const CALLS: i32 = 20_000;
const ROUNDS: usize = 101;

pub fn run() -> Result<()> {
    let bytes = guests::caller()?;
    for (name, title) in [
        ("empty", "host calls: the loop alone"),
        ("clock", "host calls: clock_time_get, the machine's monotonic clock"),
        ("write", "host calls: fd_write of 1 byte to a sink"),
    ] {
        let (mut off_store, off) = bare::Loaded::new(&bytes, false)?.start(&[])?;
        let (mut on_store, on) = bare::Loaded::new(&bytes, true)?.start(&[])?;
        let (mut peer_store, peer) = peer::Loaded::new(&bytes)?.start(&[])?;
        let host = ours::host(&[]);
        let mut ours_off = host.start(&ours::program(&bytes, Metering::Off)?)?;
        let mut ours_on = host.start(&ours::program(&bytes, Metering::On)?)?;
        compare(
            title,
            CALLS.unsigned_abs(),
            ROUNDS,
            vec![
                Contestant::new("bare wasmi", || bare::rounds(&mut off_store, off, name, CALLS)),
                Contestant::new("bare wasmi, fuel on", || bare::rounds(&mut on_store, on, name, CALLS)),
                Contestant::new("wasmote, metering off", || ours::rounds(&mut ours_off, name, CALLS)),
                Contestant::new("wasmote, metering on", || ours::rounds(&mut ours_on, name, CALLS)),
                Contestant::new("wasmi_wasi", || bare::rounds(&mut peer_store, peer, name, CALLS)),
            ],
        )?;
    }
    Ok(())
}
