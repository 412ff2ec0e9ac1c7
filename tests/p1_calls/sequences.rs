//! Any calls in any order with any arguments: a guest is told errors, and nothing traps or panics.

use super::caller::FUNCTIONS;
use super::guest::*;
use proptest::prelude::*;
use wasmote::{Access, Host, Limits, backend::mem};

/// Numbers that mean something to some function: descriptors, addresses, flags, ends.
fn argument() -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => 0..9u64,
        6 => prop::sample::select(vec![0x100, 0x1000, 0x2000, 0x3000, 0x4000]),
        2 => prop::sample::select(vec![16, 24, 48, 64, 255, 4_096]),
        1 => prop::sample::select(vec![
            u64::from(MEMORY_BYTES) - 1, u64::from(MEMORY_BYTES), u64::from(u32::MAX), 1 << 31, 1 << 63, u64::MAX,
        ]),
        1 => any::<u64>(),
    ]
}

fn steps() -> impl Strategy<Value = Vec<(usize, Vec<u64>)>> {
    let step = (0..FUNCTIONS.len(), prop::collection::vec(argument(), 9));
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_sequence_of_calls_ends_a_guest(steps in steps(), paths in prop::collection::vec("[a-c./]{1,8}", 5)) {
        let tree = tree();
        tree.insert("a/b/c", "abc").unwrap();
        // No call has more to move than all of memory, so that none is ended for moving too much.
        let limits = Limits { descriptors: 16, host_call_bytes: 1 << 24, ..Limits::server() };
        let host = Host::new()
            .args(["name"])
            .env("NAME", "value")
            .limits(limits)
            .stdin(mem::Input::bytes(&b"some input"[..]))
            .directory("/", tree, Access::ReadWrite)
            .directory("/fixed", super::guest::tree(), Access::ReadOnly);
        let mut calls = Calls::new(host);
        for (at, path) in [0x100, 0x1000, 0x2000, 0x3000, 0x4000].into_iter().zip(&paths) {
            calls.poke(at, path.as_bytes());
        }
        for (index, arguments) in steps {
            let (name, types) = FUNCTIONS[index];
            let errno = calls.try_call(name, &arguments[..types.len()]);
            prop_assert!(errno.as_ref().is_ok_and(|errno| *errno < 77), "{} {:?}: {:?}", name, arguments, errno);
        }
    }
}

/// Fuel that one call costs.
fn cost(calls: &mut Calls, name: &str, params: &[u64]) -> u64 {
    let before = calls.0.fuel_spent();
    calls.expect(SUCCESS, name, params);
    calls.0.fuel_spent() - before
}

/// GHSA-j366-h8gg-77pm: whatever a guest can make longer costs more, by either module name.
#[test]
fn work_is_paid_for_by_the_element_and_the_byte() {
    for module in ["wasi_snapshot_preview1", "wasi_unstable"] {
        let tree = tree();
        for index in 0..100 {
            tree.insert(&format!("many/{index}"), "").unwrap();
        }
        let host = Host::new().directory("/", tree, Access::ReadWrite);
        let mut calls = Calls::importing(host, module);
        let one = cost(&mut calls, "poll_oneoff", &[0x5000, 0x9000, 1, OUT]);
        let many = cost(&mut calls, "poll_oneoff", &[0x5000, 0x9000, 100, OUT]);
        assert!(many >= one + 99 * 5, "{module}: poll_oneoff {one} {many}");
        let one = cost(&mut calls, "fd_write", &[1, 0xa000, 1, OUT]);
        let many = cost(&mut calls, "fd_write", &[1, 0xa000, 1_000, OUT]);
        assert!(many >= one + 999 * 5, "{module}: fd_write {one} {many}");
        let [short, short_length] = calls.path("dir");
        let [long, long_length] = calls.other_path("dir/../".repeat(100) + "dir");
        let one = cost(&mut calls, "path_filestat_get", &[ROOT, 0, short, short_length, 0x600]);
        let many = cost(&mut calls, "path_filestat_get", &[ROOT, 0, long, long_length, 0x600]);
        assert!(many >= one + 200 * 5, "{module}: path_filestat_get {one} {many}");
        let dir = calls.open(ROOT, "dir", (0, 2, FD_READ, 0)).unwrap();
        let full = calls.open(ROOT, "many", (0, 2, FD_READ, 0)).unwrap();
        let one = cost(&mut calls, "fd_readdir", &[dir, 0xb000, 0x1000, 0, OUT]);
        let many = cost(&mut calls, "fd_readdir", &[full, 0xb000, 0x1000, 0, OUT]);
        assert!(many >= one + 99 * 5, "{module}: fd_readdir {one} {many}");
        // Last: it overwrites what the others are called with.
        let one = cost(&mut calls, "random_get", &[0, 16]);
        let many = cost(&mut calls, "random_get", &[0, 0x10000]);
        assert!(many >= one + 0x10000 / 16 - 1, "{module}: random_get {one} {many}");
    }
}
