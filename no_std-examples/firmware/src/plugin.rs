//! The example for typed plugins: a component of the world in `wit/plugin.wit`, called by the functions that
//! `wasmote bindgen` made of that. No WASI is linked: what the plugin can do, this file gives it.

mod bindings;
#[cfg(feature = "bundle")]
pub mod bundled;

use alloc::{string::String, vec::Vec};
use bindings::{Plugin, PluginImports, exports::example::plugin::readings::Reading};
use board::{heap, println, stack};
use core::task::{Context, Poll};
use wasmote::{
    Error, Limits, block_on_with,
    component::{Component, Engine, Features, Linker, Store},
    engine::Fault,
};

const PLUGIN: &[u8] = include_bytes!("../guests/plugin.wasm");

/// What the plugin may spend.
const FUEL: u64 = 1_000_000;

/// Bounds that this example holds itself to, in bytes.
const HEAP_BYTES_MAX: usize = 96 << 10;
const STACK_BYTES_MAX: usize = 32 << 10;

/// Runs it all; the exit code is how many expectations failed.
pub fn main() -> u32 {
    println!("wasmote on {}, with a typed plugin", board::NAME);
    let before = heap::live();
    println!("\n== a plugin");
    let failed = probe(before, |engine| Component::new(engine, PLUGIN), true);
    over(before, failed, PLUGIN.len())
}

fn over(before: usize, mut failed: u32, flash_bytes: usize) -> u32 {
    println!("\n== over");
    println!("left on the heap: {} B", heap::live() - before);
    failed += u32::from(heap::live() != before);
    println!("expectations that failed: {failed}");
    println!("# guests in flash: {flash_bytes} B");
    failed
}

/// What the device keeps for a plugin.
#[derive(Default)]
struct Device {
    now: u64,
    /// Whether the timer runs.
    ticking: bool,
}

impl PluginImports for Device {
    fn log(&mut self, line: String) -> Result<(), Fault> {
        println!("log: {line}");
        Ok(())
    }

    // A real device lets its timer's interrupt wake; this one's time passes between two polls.
    fn tick(&mut self, cx: &mut Context<'_>) -> Poll<Result<u64, Fault>> {
        self.ticking = !self.ticking;
        if self.ticking {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.now += 1_000_000;
        Poll::Ready(Ok(self.now))
    }
}

/// Loads a plugin and uses it, then says what that took; how many expectations failed.
fn probe(before: usize, load: impl FnOnce(&Engine) -> Result<Component, Error>, loads: bool) -> u32 {
    heap::reset_peak();
    stack::paint();
    let mut memory_bytes = 0;
    let used = load(&Engine::new(Features::default(), &Limits::mcu())).and_then(|component| {
        println!("# heap to load: {} B", heap::peak() - before);
        use_plugin(&component, &mut memory_bytes)
    });
    let (heap, stack) = ((heap::peak() - before).saturating_sub(memory_bytes), stack::peak());
    match &used {
        Ok(fuel) => println!("-- {fuel} fuel"),
        Err(error) => println!("-- {error}"),
    }
    println!("# guest memory: {memory_bytes} B");
    println!("# heap beyond guest memory: {heap} B");
    println!("# native stack: {stack} B");
    u32::from(used.is_ok() != loads || heap > HEAP_BYTES_MAX || stack > STACK_BYTES_MAX)
}

/// Calls everything that a plugin exports. Answers the fuel that it spent.
fn use_plugin(component: &Component, memory_bytes: &mut usize) -> Result<u64, Error> {
    let mut linker = Linker::new(component.engine());
    Plugin::add_to_linker(&mut linker, |device: &mut Device| device)?;
    let mut store = Store::with_limits(component.engine(), Device::default(), &Limits::mcu());
    store.set_fuel(FUEL)?;
    let plugin = Plugin::instantiate(&mut store, component, &linker)?;
    *memory_bytes = usize::try_from(store.memory_bytes()).unwrap_or(usize::MAX);

    let readings = plugin.example_plugin_readings();
    let series = readings.series();
    let greenhouse = series.call_constructor(&mut store, "greenhouse".into())?;
    for measured in [&[("door", 17_250), ("roof", 24_500)][..], &[("floor", -375)]] {
        let count = series.call_add(&mut store, greenhouse, read(measured))?;
        println!("{count} readings");
    }
    let summary = series.call_summary(&mut store, greenhouse)?;
    let (title, sensors) = (summary.title, summary.sensors.join(", "));
    println!(
        "{title}: {} readings by {sensors}, {} to {} m°C",
        summary.count, summary.lowest, summary.highest
    );
    greenhouse.resource_drop(&mut store)?;

    for rounds in [3, 1000] {
        let settled = readings.call_settle_async(&mut store, rounds);
        match block_on_with(settled, core::hint::spin_loop)? {
            Ok(now) => println!("settled after {now} ns"),
            Err(why) => println!("not settled: {why}"),
        }
    }
    Ok(store.fuel_spent())
}

fn read(measured: &[(&str, i32)]) -> Vec<Reading> {
    let reading =
        |&(sensor, millidegrees): &(&str, i32)| Reading { sensor: sensor.into(), millidegrees, at: 7 };
    measured.iter().map(reading).collect()
}
