//! Whether this build of the interpreter keeps a guest off the native stack.

use crate::{
    Limits,
    engine::{Engine, Metering},
};
use core::{hint::black_box, ptr};

/// Whether a loop of a guest takes no native stack in this build.
///
/// wasmi's fast dispatch jumps from instruction to instruction by sibling calls, which the compiler makes or does not:
/// with `lto = "off"` and several `codegen-units` it does not make them, and every branch of a guest then leaves some
/// hundred bytes on the native stack until its slice of fuel ends. A program that runs untrusted guests and does not
/// know how it will be built asks once, when it starts; it takes some 50 µs. What to do then: `manual::limits`.
///
/// Of what is paid for because it leaves some behind (growing, indirect calls) this says nothing.
///
/// ```
/// assert!(wasmote::engine::keeps_native_stack());
/// ```
#[must_use]
pub fn keeps_native_stack() -> bool {
    // What cannot be looked at is not promised.
    depths().is_ok_and(|[before, after]| before.abs_diff(after) < KEPT_BYTES_MAX)
}

/// Addresses on the native stack: where the probe calls out before its loop, and after.
fn depths() -> Result<[usize; 2], wasmi::Error> {
    let engine = Engine::new(Metering::On, &Limits::mcu()).inner;
    let module = wasmi::Module::new(&engine, PROBE)?;
    let mut store = wasmi::Store::new(&engine, [0; 2]);
    store.set_fuel(u64::MAX)?;
    let look = wasmi::Func::wrap(&mut store, |mut caller: wasmi::Caller<'_, [usize; 2]>| {
        let here = black_box(0_u8);
        let [_, last] = *caller.data();
        *caller.data_mut() = [last, ptr::from_ref(black_box(&here)).addr()];
    });
    let instance = wasmi::Instance::new(&mut store, &module, &[look.into()])?;
    instance.get_typed_func::<(), ()>(&store, "")?.call(&mut store, ())?;
    Ok(*store.data())
}

/// A sixteenth of what the 256 rounds of the probe leave behind where one leaves 256 bytes.
const KEPT_BYTES_MAX: usize = 4 << 10;

/// `native_stack.wat`, assembled.
const PROBE: &[u8] = &[
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x09, 0x02, 0x60, 0x00, 0x00, 0x60, 0x01, 0x7f,
    0x01, 0x7f, 0x02, 0x05, 0x01, 0x00, 0x00, 0x00, 0x00, 0x03, 0x03, 0x02, 0x01, 0x00, 0x05, 0x03, 0x01,
    0x00, 0x01, 0x06, 0x06, 0x01, 0x7e, 0x01, 0x42, 0x00, 0x0b, 0x07, 0x04, 0x01, 0x00, 0x00, 0x02, 0x0a,
    0x5c, 0x02, 0x07, 0x00, 0x20, 0x00, 0x41, 0x05, 0x73, 0x0b, 0x52, 0x02, 0x01, 0x7f, 0x01, 0x7c, 0x10,
    0x00, 0x03, 0x40, 0x20, 0x00, 0x41, 0x08, 0x28, 0x02, 0x00, 0x20, 0x00, 0x10, 0x01, 0x6a, 0x36, 0x02,
    0x00, 0x23, 0x00, 0x20, 0x00, 0xad, 0x7c, 0x24, 0x00, 0x20, 0x01, 0x44, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x08, 0x40, 0xa2, 0x20, 0x00, 0xb8, 0xa0, 0x21, 0x01, 0x02, 0x40, 0x02, 0x40, 0x20, 0x00, 0x41,
    0x01, 0x71, 0x0e, 0x01, 0x01, 0x00, 0x0b, 0x0b, 0x20, 0x00, 0x41, 0x01, 0x6a, 0x22, 0x00, 0x41, 0x80,
    0x02, 0x49, 0x0d, 0x00, 0x0b, 0x10, 0x00, 0x0b,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_build_keeps_it() {
        assert!(keeps_native_stack());
    }

    #[test]
    fn the_probe_is_what_its_source_says() {
        let built = wat::parse_str(include_str!("native_stack.wat")).unwrap();
        // Behind it are names.
        assert_eq!(built.get(..PROBE.len()), Some(PROBE));
        let [before, after] = depths().unwrap();
        assert!(before != 0 && after != 0, "it has called out twice");
    }
}
