//! Bare wasmi, for comparison: load, run in slices of fuel, read the counters. No wasmote.

use board::{heap, println, stack};
use wasmi::{
    Config, CustomFuelCosts, Engine, Linker, Module, OperatorCost, Store, StoreLimits, StoreLimitsBuilder,
    TypedResumableCall,
};

const GUESTS: [(&str, &[u8]); 3] = [
    ("loop", include_bytes!("../guests/loop.wasm")),
    ("grow", include_bytes!("../guests/grow.wasm")),
    ("grow_denied", include_bytes!("../guests/grow_denied.wasm")),
];

/// Bytes of each guest's memory.
const GUEST_MEMORY_BYTES: usize = 64 << 10;

/// Fuel of a slice, as `Limits::mcu()` has it.
const SLICE_FUEL: u64 = 5_000;

/// Runs the guests; the exit code is how many failed.
pub fn main() -> u32 {
    println!("bare wasmi on {}", board::NAME);
    let before = heap::live();
    let mut failed = 0;
    for (name, bytes) in GUESTS {
        heap::reset_peak();
        stack::paint();
        let outcome = run(bytes);
        let (stack, heap) = (stack::peak(), heap::peak() - before);
        println!("{name}: {outcome:?} slices");
        println!("# native stack: {stack} B");
        println!("# heap beyond guest memory: {} B", heap.saturating_sub(GUEST_MEMORY_BYTES));
        failed += u32::from(outcome.is_err());
    }
    println!("left on the heap: {} B", heap::live() - before);
    println!("# guests in flash: {} B", GUESTS.iter().map(|(_, bytes)| bytes.len()).sum::<usize>());
    failed
}

fn run(bytes: &[u8]) -> Result<u32, wasmi::Error> {
    let costs = OperatorCost { memory_grow: 255, table_grow: 255, ..OperatorCost::default() };
    let translation = CustomFuelCosts {
        bytes_copied_per_fuel: 64,
        fuel_per_bytes_translated: 0,
        fuel_per_bytes_validated: 0,
    };
    let mut config = Config::default();
    config.consume_fuel(true).operator_cost(costs).fuel_cost(translation);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, bytes)?;
    let limits = StoreLimitsBuilder::new().memory_size(128 << 10).build();
    let mut store: Store<StoreLimits> = Store::new(&engine, limits);
    store.limiter(|limits| limits);
    store.set_fuel(SLICE_FUEL)?;
    let linker = Linker::new(&engine);
    let instance = linker.instantiate_and_start(&mut store, &module)?;
    let start = instance.get_typed_func::<(), ()>(&store, "_start")?;
    let mut slices = 1;
    let mut call = start.call_resumable(&mut store, ())?;
    loop {
        call = match call {
            TypedResumableCall::Finished(()) => return Ok(slices),
            TypedResumableCall::OutOfFuel(paused) => {
                store.set_fuel(SLICE_FUEL)?;
                slices += 1;
                paused.resume(&mut store)?
            }
            TypedResumableCall::HostTrap(_) => return Err(wasmi::Error::new("there is no host function")),
        }
    }
}
