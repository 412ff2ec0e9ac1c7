//! The least that wasmote can be on a device: neither WASI nor components nor a validator. A core module that imports
//! nothing comes out of a bundle, and the device calls what it exports.

use crate::key::KEY;
use board::{heap, println, stack};
use wasmote::{
    CallError, Host, Limits, Program, block_on_with,
    engine::{
        Value,
        bundle::{PublicKey, VerifiedBundle},
    },
};

const CHECKSUM: &[u8] = include_bytes!("../guests/checksum.bundle");
/// One of WASI 0.1, of which there is nothing here.
const HELLO: &[u8] = include_bytes!("../guests/hello.bundle");

/// Bytes of "greenhouse", and their Adler-32.
const LENGTH: i32 = 10;
const EXPECTED: i32 = 0x16ff_0436;

/// What the module may spend.
const FUEL: u64 = 100_000;

/// Bounds that this example holds itself to, in bytes.
const HEAP_BYTES_MAX: usize = 16 << 10;
const STACK_BYTES_MAX: usize = 32 << 10;

/// Runs it all; the exit code is how many expectations failed.
pub fn main() -> u32 {
    println!("wasmote on {}, with neither WASI nor components nor a validator", board::NAME);
    let before = heap::live();
    let Ok(key) = PublicKey::from_bytes(&KEY) else { return 1 };

    println!("\n== a bundle");
    let mut failed = u32::from(!probe(before, CHECKSUM, &key));

    println!("\n== hostile: a bundle with one bit flipped");
    let mut forged = CHECKSUM.to_vec();
    forged[CHECKSUM.len() / 2] ^= 1;
    failed += u32::from(probe(before, &forged, &key));
    drop(forged);

    println!("\n== a bundle that wants more than there is");
    failed += u32::from(probe(before, HELLO, &key));

    println!("\n== over");
    println!("left on the heap: {} B", heap::live() - before);
    failed += u32::from(heap::live() != before);
    println!("expectations that failed: {failed}");
    println!("# guests in flash: {} B", CHECKSUM.len() + HELLO.len());
    failed
}

/// Loads a bundle and calls it, then says what that took; whether all was as it should be.
fn probe(before: usize, bytes: &[u8], key: &PublicKey) -> bool {
    heap::reset_peak();
    stack::paint();
    let mut memory_bytes = 0;
    let called = call(bytes, key, &mut memory_bytes);
    let (heap, stack) = ((heap::peak() - before).saturating_sub(memory_bytes), stack::peak());
    match &called {
        Ok((sum, fuel)) => println!("checksum: {sum:#010x}\n-- {fuel} fuel"),
        Err(error) => println!("-- {error}"),
    }
    println!("# guest memory: {memory_bytes} B");
    println!("# heap beyond guest memory: {heap} B");
    println!("# native stack: {stack} B");
    matches!(called, Ok((EXPECTED, _))) && heap <= HEAP_BYTES_MAX && stack <= STACK_BYTES_MAX
}

/// Answers the checksum, and the fuel that it took.
fn call(bytes: &[u8], key: &PublicKey, memory_bytes: &mut usize) -> Result<(i32, u64), CallError> {
    let program = Program::from_bundle(&VerifiedBundle::verify(bytes, key)?, Limits::mcu())?;
    let mut guest = Host::new().limits(Limits::mcu()).fuel(FUEL).start(&program)?;
    *memory_bytes = usize::try_from(guest.memory_bytes()).unwrap_or(usize::MAX);
    let results = block_on_with(guest.call("checksum", &[Value::I32(LENGTH)]), core::hint::spin_loop)?;
    match results[..] {
        [Value::I32(sum)] => Ok((sum, guest.fuel_spent())),
        _ => Ok((0, guest.fuel_spent())),
    }
}
