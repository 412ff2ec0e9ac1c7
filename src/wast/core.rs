//! Scripts about core modules: all instances of one script in one store.

use super::{Bounds, Outcome, spectest};
use crate::{
    Error, Limits,
    engine::{
        Module,
        script::{Instance, Value, World},
    },
};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use wast::{
    core::{HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore},
    token::{F32, F64},
};

/// What core modules of a script find when they import.
pub(super) struct Core {
    bounds: Bounds,
    world: World,
    /// Instances under the names they are imported by, or why there are none.
    registered: BTreeMap<String, Result<Vec<Instance>, String>>,
}

/// What a module of a script may declare: scripts define some that nobody could make an instance of.
fn declared() -> Limits {
    Limits { memory_bytes: u64::MAX, table_elements: u64::MAX, function_values: 1_000, ..Limits::server() }
}

fn limits() -> Limits {
    Limits {
        memory_bytes: 8 << 30,
        table_elements: 1 << 24,
        instances: 100_000,
        instance_bytes: 4 << 30,
        ..declared()
    }
}

impl Core {
    pub(super) fn new(bounds: Bounds) -> Self {
        let mut world = World::new(&declared(), &limits());
        let spectest = spectest::modules().into_iter().filter_map(|bytes| {
            // One is of a proposal that this build may not have.
            let module = world.load(&bytes).ok()?;
            world.instantiate(&module, |_| &[]).ok()
        });
        let spectest = spectest.collect();
        Self { bounds, world, registered: [("spectest".to_string(), Ok(spectest))].into() }
    }

    pub(super) fn load(&self, bytes: &[u8]) -> Result<Module, Outcome> {
        self.world.load(bytes).map_err(outcome)
    }

    /// Makes an instance of `module`.
    pub(super) fn instantiate(&mut self, module: &Module) -> Result<Instance, Outcome> {
        let registered = &self.registered;
        for (name, _) in module.import_names() {
            if let Some(Err(why)) = registered.get(name) {
                return Err(Outcome::Unsupported(format!(
                    "it imports `{name}`, which could not be made: {why}"
                )));
            }
        }
        let find = |name: &str| match registered.get(name) {
            Some(Ok(instances)) => instances.as_slice(),
            _ => &[],
        };
        self.world.grant(self.bounds.fuel).map_err(outcome)?;
        self.world.instantiate(module, find).map_err(|error| match error.unsupported_feature() {
            // Every proposal that a loaded module needs is here: what does not fit is the type of an import.
            Some(_) => Outcome::Failed("incompatible import type".into()),
            None => outcome(error),
        })
    }

    /// Lets modules import from `instance` as `name`; or says why they cannot.
    pub(super) fn register(&mut self, name: &str, instance: Result<Instance, String>) {
        self.registered.insert(name.into(), instance.map(|instance| [instance].into()));
    }

    pub(super) fn invoke(&mut self, instance: Instance, name: &str, params: &[Value]) -> Outcome {
        let deadline = self.bounds.deadline();
        let called = self.world.grant(self.bounds.fuel);
        match called.and_then(|()| self.world.invoke(instance, name, params, || deadline.is_past())) {
            Ok(Some(values)) => Outcome::Core(values),
            Ok(None) => Outcome::late(self.bounds),
            Err(error) => outcome(error),
        }
    }

    pub(super) fn global(&self, instance: Instance, name: &str) -> Outcome {
        self.world.global(instance, name).map_or_else(outcome, |value| Outcome::Core([value].into()))
    }
}

/// What an error says of a script. What passes the bounds of this runner was not tried.
fn outcome(error: Error) -> Outcome {
    match error.limit_exceeded() {
        Some(exceeded) => Outcome::Unsupported(format!("it passes this runner's `{}`", exceeded.limit)),
        None => error.into(),
    }
}

/// What the validator says of modules that are valid by proposals it does not know by name, and which they are.
const PROPOSALS: &[(&str, &str)] = &[
    ("global.get of locally defined global", "constant expressions that read globals of the same module"),
    ("an import of unknown kind", "custom descriptors"),
];

/// The proposal that a module needs which a script takes for valid, by why it was refused.
pub(super) fn proposal(why: &str) -> Option<&'static str> {
    PROPOSALS.iter().find(|(words, _)| why.contains(words)).map(|(_, proposal)| *proposal)
}

/// A script's value as ours; none for what only proposals have that are not here.
pub(super) fn value(from: &WastArgCore<'_>) -> Option<Value> {
    Some(match from {
        WastArgCore::I32(value) => Value::I32(value.cast_unsigned()),
        WastArgCore::I64(value) => Value::I64(value.cast_unsigned()),
        WastArgCore::F32(value) => Value::F32(value.bits),
        WastArgCore::F64(value) => Value::F64(value.bits),
        WastArgCore::V128(value) => Value::V128(u128::from_le_bytes(value.to_le_bytes())),
        WastArgCore::RefNull(HeapType::Abstract { ty, .. }) => match ty {
            wast::core::AbstractHeapType::Func => Value::Func(false),
            wast::core::AbstractHeapType::Extern => Value::Extern(None),
            _ => return None,
        },
        WastArgCore::RefExtern(number) => Value::Extern(Some(*number)),
        _ => return None,
    })
}

/// Whether a value is as expected. A NaN may be expected by its kind.
pub(super) fn matches(expected: &WastRetCore<'_>, found: Value) -> bool {
    match (expected, found) {
        (WastRetCore::I32(expected), Value::I32(found)) => expected.cast_unsigned() == found,
        (WastRetCore::I64(expected), Value::I64(found)) => expected.cast_unsigned() == found,
        (WastRetCore::F32(expected), Value::F32(found)) => f32_matches(expected, found),
        (WastRetCore::F64(expected), Value::F64(found)) => f64_matches(expected, found),
        (WastRetCore::V128(expected), Value::V128(found)) => v128_matches(expected, found),
        (WastRetCore::RefNull(_), Value::Func(false) | Value::Extern(None)) => true,
        (WastRetCore::RefExtern(expected), Value::Extern(Some(found))) => {
            expected.is_none_or(|expected| expected == found)
        }
        (WastRetCore::RefFunc(_), Value::Func(true)) => true,
        (WastRetCore::Either(cases), found) => cases.iter().any(|expected| matches(expected, found)),
        _ => false,
    }
}

// A canonical NaN has the quiet bit and no other of its payload, an arithmetic one at least the quiet bit, both with
// either sign (core specification, 2.2.3 and the script format's `nan:canonical`, `nan:arithmetic`).

fn f32_matches(expected: &NanPattern<F32>, found: u32) -> bool {
    const QUIET: u32 = 0x7fc0_0000;
    match expected {
        NanPattern::CanonicalNan => found & 0x7fff_ffff == QUIET,
        NanPattern::ArithmeticNan => found & QUIET == QUIET,
        NanPattern::Value(value) => value.bits == found,
    }
}

fn f64_matches(expected: &NanPattern<F64>, found: u64) -> bool {
    const QUIET: u64 = 0x7ff8_0000_0000_0000;
    match expected {
        NanPattern::CanonicalNan => found & 0x7fff_ffff_ffff_ffff == QUIET,
        NanPattern::ArithmeticNan => found & QUIET == QUIET,
        NanPattern::Value(value) => value.bits == found,
    }
}

fn v128_matches(expected: &V128Pattern, found: u128) -> bool {
    let lane = |index: usize, bits: usize| (found >> (index * bits)) as u64 & (u64::MAX >> (64 - bits));
    match expected {
        V128Pattern::I8x16(lanes) => {
            lanes.iter().enumerate().all(|(at, value)| u64::from(value.cast_unsigned()) == lane(at, 8))
        }
        V128Pattern::I16x8(lanes) => {
            lanes.iter().enumerate().all(|(at, value)| u64::from(value.cast_unsigned()) == lane(at, 16))
        }
        V128Pattern::I32x4(lanes) => {
            lanes.iter().enumerate().all(|(at, value)| u64::from(value.cast_unsigned()) == lane(at, 32))
        }
        V128Pattern::I64x2(lanes) => {
            lanes.iter().enumerate().all(|(at, value)| value.cast_unsigned() == lane(at, 64))
        }
        V128Pattern::F32x4(lanes) => {
            lanes.iter().enumerate().all(|(at, expected)| f32_matches(expected, lane(at, 32) as u32))
        }
        V128Pattern::F64x2(lanes) => {
            lanes.iter().enumerate().all(|(at, expected)| f64_matches(expected, lane(at, 64)))
        }
    }
}
