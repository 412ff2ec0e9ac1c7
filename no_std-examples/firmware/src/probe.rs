//! Runs one guest on a device, and says what it took.

use board::{heap, stack};
use wasmote::{Error, Exit, Host, Limits, Loader, Program, block_on_with};

/// What a guest took.
#[derive(Default)]
pub struct Took {
    /// Fuel it spent; 0 if it never started.
    pub fuel: u64,
    /// Bytes of its linear memories.
    pub memory_bytes: usize,
    /// The most heap that loading took.
    pub load_heap_bytes: usize,
    /// The most heap that starting and running took, its program and its linear memories included.
    pub run_heap_bytes: usize,
    /// The most native stack that any of it took.
    pub stack_bytes: usize,
}

impl Took {
    /// The most heap that was in use for this guest, besides its linear memories.
    pub fn heap_beyond_memory_bytes(&self) -> usize {
        self.load_heap_bytes.max(self.run_heap_bytes.saturating_sub(self.memory_bytes))
    }
}

/// Loads a program, runs a guest of it to its end, and drops both. Answers the guest's exit, or why it was not
/// loaded, not started, or did not end by itself.
pub fn run(bytes: &[u8], host: &Host) -> (Result<Exit, Error>, Took) {
    run_loaded(|| Loader::new().limits(Limits::mcu()).load(bytes), host)
}

/// The same, where `load` says how to load it.
pub fn run_loaded(load: impl FnOnce() -> Result<Program, Error>, host: &Host) -> (Result<Exit, Error>, Took) {
    let before = heap::live();
    heap::reset_peak();
    stack::paint();
    let mut took = Took::default();
    let ended = phases(load, host, before, &mut took);
    took.run_heap_bytes = heap::peak() - before;
    took.stack_bytes = stack::peak();
    (ended, took)
}

fn phases(
    load: impl FnOnce() -> Result<Program, Error>,
    host: &Host,
    before: usize,
    took: &mut Took,
) -> Result<Exit, Error> {
    let loaded = load();
    took.load_heap_bytes = heap::peak() - before;
    let program = loaded?;
    heap::reset_peak();
    let mut guest = host.start(&program)?;
    let ended = block_on_with(guest.run(), core::hint::spin_loop);
    took.fuel = guest.fuel_spent();
    took.memory_bytes = usize::try_from(guest.memory_bytes()).unwrap_or(usize::MAX);
    ended
}
