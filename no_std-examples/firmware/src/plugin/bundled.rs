//! The same on a device without a validator: the plugin was validated and signed elsewhere.

use super::{over, probe};
use crate::key::KEY;
use board::{heap, println};
use wasmote::{
    component::Component,
    engine::bundle::{PublicKey, VerifiedBundle},
};

const PLUGIN: &[u8] = include_bytes!("../../guests/plugin.bundle");

/// Runs it all; the exit code is how many expectations failed.
pub fn main() -> u32 {
    println!("wasmote on {}, with a typed plugin and without a validator", board::NAME);
    let before = heap::live();
    let Ok(key) = PublicKey::from_bytes(&KEY) else { return 1 };
    println!("\n== a plugin, bundled");
    let load =
        |bytes: &[u8], engine: &_| Component::from_bundle(engine, &VerifiedBundle::verify(bytes, &key)?);
    let mut failed = probe(before, |engine| load(PLUGIN, engine), true);

    println!("\n== hostile: a bundle with one bit flipped");
    let mut forged = PLUGIN.to_vec();
    forged[PLUGIN.len() / 2] ^= 1;
    failed += probe(before, |engine| load(&forged, engine), false);
    drop(forged);

    println!("\n== hostile: a component that nobody signed");
    failed += probe(before, |engine| Component::new(engine, super::PLUGIN), false);
    over(before, failed, PLUGIN.len() + super::PLUGIN.len())
}
