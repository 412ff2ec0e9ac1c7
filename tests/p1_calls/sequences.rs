//! Any calls in any order with any arguments: a guest is told errors, and nothing traps or panics.

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
        let limits = Limits { handles: 16, host_call_bytes: 1 << 24, ..Limits::server() };
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
