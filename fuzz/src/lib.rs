//! What is fuzzed: functions that take any bytes and must come back. The targets of `cargo fuzz` call them, and
//! so do the tests here, without a fuzzer: over every file in `regressions/` and over random bytes.

#[path = "../../tests/p1_calls/caller.rs"]
mod caller;
mod component;
mod types;

pub use component::{async_ops, component_bytes, lift_lower};

use caller::FUNCTIONS;
use std::fmt::Write;
use wasmote::{
    Access, Host, Limits, Loader, Program,
    backend::mem,
    block_on_with,
    engine::{Metering, Value, ValueType},
};

fn little() -> Limits {
    Limits { memory_bytes: 1 << 20, ..Limits::mcu() }
}

/// Any bytes as a program: loaded, and if that works each export called on a little fuel. And loaded to be run unmetered, for
/// which modules are rewritten: what is valid stays so.
pub fn load(data: &[u8]) {
    let unmetered = Loader::new().limits(little()).metering(Metering::Off).load(data);
    let Ok(program) = Loader::new().limits(little()).load(data) else { return };
    assert!(!unmetered.is_err_and(|error| error.is_malformed()), "rewriting made it invalid");
    let outline = program.outline();
    assert!(outline.load_bytes(data.len() as u64) <= little().load_bytes);
    let fuel = 20_000 + 8 * u64::from(outline.code_bytes) + outline.segment_bytes;
    let names: Vec<_> = program.exports().map(|(name, _)| name.to_string()).take(8).collect();
    for name in names {
        let Ok(mut guest) = Host::new().limits(little()).fuel(fuel).start(&program) else { return };
        let params = program.function_params(&name).unwrap_or_default();
        let params: Vec<_> = params.iter().filter_map(zero).collect();
        let _ = block_on_with(guest.call(&name, &params), || ());
        assert!(guest.fuel_spent() <= fuel);
    }
}

fn zero(ty: &ValueType) -> Option<Value> {
    match ty {
        ValueType::I32 => Some(Value::I32(0)),
        ValueType::I64 => Some(Value::I64(0)),
        _ => None,
    }
}

/// Bytes as a sequence of WASI 0.1 calls over a tree in memory: one byte for the function, and for each parameter
/// one that chooses among small numbers, addresses, the ends of memory, and what follows as it is.
pub fn p1_calls(data: &[u8]) {
    let program = PROGRAM.with(Clone::clone);
    let tree = mem::Directory::new();
    let _ = tree.insert("a/b", "0123456789");
    let _ = tree.insert("c", "");
    let host = Host::new()
        .args(["guest"])
        .limits(Limits { descriptors: 16, ..little() })
        .stdin(mem::Input::bytes(&b"input"[..]))
        .directory("/", tree, Access::ReadWrite)
        .directory("/r", mem::Directory::new(), Access::ReadOnly)
        .fuel(1_000_000);
    let Ok(mut guest) = host.start(&program) else { panic!("the caller starts") };
    let mut bytes = data.iter().copied();
    for _ in 0..64 {
        let Some(which) = bytes.next() else { return };
        let (name, types) = FUNCTIONS[usize::from(which) % FUNCTIONS.len()];
        let mut params = Vec::new();
        for ty in types.bytes() {
            let number = number(&mut bytes);
            params.push(if ty == b'i' {
                Value::I32(number as i32)
            } else {
                Value::I64(number.cast_signed())
            });
        }
        if block_on_with(guest.call(name, &params), || ()).is_err() {
            return; // a trap is an answer
        }
    }
}

fn number(bytes: &mut impl Iterator<Item = u8>) -> u64 {
    let mut wide = |count| (0..count).fold(0, |sum, _| sum << 8 | u64::from(bytes.next().unwrap_or(0)));
    match wide(1) {
        small @ 0..=0x3f => small,
        // Where the names of things stand, two bytes for each.
        at @ 0x40..=0x7f => 0x400 + (at & 0x3f),
        at @ 0x80..=0xbf => (at & 0x3f) << 10,
        // The end of the memory of two pages.
        at @ 0xc0..=0xcf => (2 << 16) + (at & 0xf) - 8,
        0xd0..=0xd7 => wide(2),
        0xd8..=0xdf => wide(4),
        0xe0..=0xe7 => wide(8),
        0xe8..=0xef => u32::MAX.into(),
        0xf0..=0xf7 => 1 << 63,
        _ => u64::MAX,
    }
}

thread_local! {
    static PROGRAM: Program = {
        let text = caller::text("wasi_snapshot_preview1", r"a\00b\00c\00/a../b/d\00l\00...a/b");
        Program::load(&wat::parse_str(text).expect("invariant: it was written by hand"))
            .expect("invariant: it is valid")
    };
}

/// Bytes as a tree of links and directories and a path through it: no walk may leave the tree, or fail to end.
pub fn path(data: &[u8]) {
    let text: String = data.iter().fold(String::new(), |mut text, byte| {
        let _ = match byte % 16 {
            0..=3 => write!(text, "/"),
            4..=6 => write!(text, ".."),
            7 => write!(text, "."),
            8..=13 => write!(text, "{}", char::from(b'a' + byte % 3)),
            14 => write!(text, ":"),
            _ => write!(text, "{}", char::from(*byte)),
        };
        text
    });
    let mut parts = text.split(':');
    let path = parts.next().unwrap_or_default();
    let root = mem::Directory::new();
    for part in parts.take(16) {
        let _ = root.insert(part, "content");
    }
    let host = Host::new().directory("/", root, Access::ReadWrite).fuel(1_000_000);
    let Ok(mut guest) = host.start(&WALKER.with(Clone::clone)) else { panic!("the walker starts") };
    for (at, byte) in (0..).zip(path.bytes().take(4_000)) {
        let values = [Value::I32(at), Value::I32(byte.into())];
        if block_on_with(guest.call("poke", &values), || ()).is_err() {
            return;
        }
    }
    let length = Value::I32(i32::try_from(path.len().min(4_000)).unwrap_or(0));
    for what in ["mkdir", "link", "open", "remove"] {
        let _ = block_on_with(guest.call(what, &[length]), || ());
    }
}

thread_local! {
    static WALKER: Program = Program::load(&wat::parse_str(include_str!("walker.wat"))
        .expect("invariant: it was written by hand")).expect("invariant: it is valid");
}

/// Must be found out: fails for one byte in 256 at the start of one input in 8. If it is not, the fuzzer sleeps.
pub fn canary(data: &[u8]) {
    assert!(!(data.len() > 4 && data[0] == b'!'), "the canary is found out");
}

#[cfg(test)]
mod tests;
