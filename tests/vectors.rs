//! Lanes of vectors, stored and loaded near and far, in builds of every set of features that has them. With all features they
//! never went wrong: it takes `--no-default-features --features std,validate,simd`.

#![cfg(all(feature = "simd", feature = "validate"))]

use wasmote::{Host, Program, block_on, engine::Value};

/// An address in the register, and one in a slot.
const ADDRESSES: [&str; 2] = ["(i32.add (local.get 0) (i32.const 8))", "(local.get 0)"];

/// What comes back of a lane that was stored, and what a vector has that a lane was loaded into.
fn stored_and_loaded(bits: u32, memory: u32, offset: u32, address: &str) -> Vec<Value> {
    let text = format!(
        "(module (memory 2) (memory 2) (func (export \"f\") (param i32 v128) (result v128 i32)
            (v128.store{bits}_lane {memory} offset={offset} 1 {address} (local.get 1))
            (v128.load{bits}_lane {memory} offset={offset} 0 {address} (local.get 1))
            (i32.load8_u {memory} offset={offset} {address})))"
    );
    let program = Program::load(&wat::parse_str(text).unwrap()).unwrap();
    let vector = Value::V128(u128::from_le_bytes(core::array::from_fn(|at| at as u8 + 1)));
    let mut guest = Host::new().start(&program).unwrap();
    block_on(guest.call("f", &[Value::I32(0), vector])).unwrap()
}

#[test]
fn lanes_go_where_they_are_to_near_and_far() {
    for bits in [8, 16, 32, 64] {
        for memory in [0, 1] {
            for offset in [0, 0xffff, 0x1_0000, 0x1_f000] {
                for address in ADDRESSES {
                    let bytes = bits as usize / 8;
                    let mut vector: [u8; 16] = core::array::from_fn(|at| at as u8 + 1);
                    vector.copy_within(bytes..2 * bytes, 0);
                    let expected = [Value::V128(u128::from_le_bytes(vector)), Value::I32(bytes as i32 + 1)];
                    assert_eq!(
                        stored_and_loaded(bits, memory, offset, address),
                        expected,
                        "{bits} bits, memory {memory}, offset {offset:#x}, {address}"
                    );
                }
            }
        }
    }
}
