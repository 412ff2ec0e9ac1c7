//! The specification's own `definitions.py` as an oracle: the same bytes stored for the same values, and the same values
//! loaded from the same bytes, or a trap both times; and small programs of tasks that are told the same things in the
//! same order. `WASMOTE_DEFINITIONS` names the folder it lies in (`design/mvp/canonical-abi` of
//! WebAssembly/component-model); without it, nothing is run. `WASMOTE_ORACLE_CASES` says how many of each, 400 without
//! it, and `WASMOTE_SEED` which ones; each run says its seed.

#![cfg(feature = "component")]

#[path = "oracle/schedules.rs"]
mod schedules;
#[allow(dead_code, reason = "shared with the fuzz targets, which use other parts of it")]
#[path = "../fuzz/src/types.rs"]
mod types;

use proptest::{
    collection::vec,
    prelude::any,
    prop_assert_eq,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};
use std::{
    cell::RefCell,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::SystemTime,
};
use types::{Bytes, Defined, Type};
use wasmote::{
    Limits,
    component::{Component, Engine, Features, Linker, List, Store, Val},
};

struct Oracle {
    process: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    fn new(script: &str) -> Option<Self> {
        let Ok(folder) = std::env::var("WASMOTE_DEFINITIONS") else {
            println!("WASMOTE_DEFINITIONS names no folder: nothing is run");
            return None;
        };
        let script = format!("{}/tests/oracle/{script}", env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new("python3");
        let process =
            command.args(["-B", &script, &folder]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = process.expect("python3");
        let asked = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Some(Self { process, asked, answers })
    }

    fn ask(&mut self, question: &Value) -> Value {
        writeln!(self.asked, "{question}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no answer to {question}"))
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Chance, the same for the same seed.
fn random() -> TestRng {
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros() as u64;
    let seed = std::env::var("WASMOTE_SEED").map_or_else(|_| now(), |seed| seed.parse().expect("a number"));
    println!("WASMOTE_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}

fn describe(ty: &Type) -> Value {
    let some = |ty: &Option<Box<Type>>| ty.as_ref().map(|ty| describe(ty));
    match ty {
        Type::List(element) => json!(["list", describe(element)]),
        Type::Tuple(types) => json!(["tuple", types.iter().map(describe).collect::<Vec<_>>()]),
        Type::Option(some) => json!(["option", describe(some)]),
        Type::Result(ok, err) => json!(["result", some(ok), some(err)]),
        Type::Record(_, types) => json!(["record", types.iter().map(describe).collect::<Vec<_>>()]),
        Type::Variant(_, cases) => {
            json!(["variant", cases.iter().map(|ty| ty.as_ref().map(describe)).collect::<Vec<_>>()])
        }
        Type::Enum(_, count) => json!(["enum", count]),
        Type::Flags(_, count) => json!(["flags", count]),
        scalar => json!([format!("{scalar:?}").to_lowercase()]),
    }
}

/// A value as the script has it.
fn told(ty: &Type, value: &Val) -> Value {
    let payload = |ty: &Option<Box<Type>>, value: &Option<Box<Val>>| {
        ty.as_ref().zip(value.as_ref()).map(|(ty, value)| told(ty, value))
    };
    let each = |types: &[Type], values: &mut dyn Iterator<Item = &Val>| {
        types.iter().zip(values).map(|(ty, value)| told(ty, value)).collect::<Vec<_>>()
    };
    let number = |label: &str| label[1..].parse::<usize>().unwrap();
    match (ty, value) {
        (_, Val::Bool(value)) => json!(value),
        (_, Val::S8(value)) => json!(value),
        (_, Val::U8(value)) => json!(value),
        (_, Val::S16(value)) => json!(value),
        (_, Val::U16(value)) => json!(value),
        (_, Val::S32(value)) => json!(value),
        (_, Val::U32(value)) => json!(value),
        (_, Val::S64(value)) => json!(value),
        (_, Val::U64(value)) => json!(value),
        (_, Val::Float32(value)) if value.is_nan() => json!("nan"),
        (_, Val::Float64(value)) if value.is_nan() => json!("nan"),
        (_, Val::Float32(value)) => json!(value.to_bits()),
        (_, Val::Float64(value)) => json!(value.to_bits()),
        (_, Val::Char(value)) => json!(value.to_string()),
        (_, Val::String(value)) => json!(value),
        (Type::List(element), Val::List(list)) => {
            json!(list.clone().into_values().iter().map(|value| told(element, value)).collect::<Vec<_>>())
        }
        (Type::Tuple(types), Val::Tuple(values)) => json!(each(types, &mut values.iter())),
        (Type::Record(_, types), Val::Record(fields)) => {
            json!(each(types, &mut fields.iter().map(|(_, value)| value)))
        }
        (Type::Option(some), Val::Option(value)) => json!(value.as_ref().map(|value| [told(some, value)])),
        (Type::Result(ok, _), Val::Result(Ok(value))) => json!([0, payload(ok, value)]),
        (Type::Result(_, err), Val::Result(Err(value))) => json!([1, payload(err, value)]),
        (Type::Variant(_, cases), Val::Variant(label, value)) => {
            let case = number(label);
            json!([case, cases[case].as_ref().zip(value.as_ref()).map(|(ty, value)| told(ty, value))])
        }
        (Type::Enum(..), Val::Enum(label)) => json!(number(label)),
        (Type::Flags(..), Val::Flags(set)) => {
            json!(set.iter().map(|label| 1_u64 << number(label)).sum::<u64>())
        }
        (ty, value) => panic!("{value:?} is no {ty:?}"),
    }
}

/// A component that tells the host how what it is given lies in its memory, and gives back what bytes mean. Its
/// allocator only goes up.
fn component(ty: &Type, defined: &Defined, encoding: &str, address: &str) -> Component {
    let types: String = (0..)
        .zip(&defined.0)
        .map(|(at, ty)| format!("(type $d{at} {ty}) (import \"t{at}\" (type $t{at} (eq $d{at})))"))
        .collect();
    let pads: String = (0..17).map(|at| format!("(param \"p{at}\" u64)")).collect();
    let value = ty.text();
    let size = if address == "i64" { 8 } else { 4 };
    let text = format!(
        r#"(component {types}
            (core module $m (memory (export "m") {address} 4)
                (global $at (mut {address}) ({address}.const 65536))
                (func (export "realloc") (param {address} {address} {address} {address}) (result {address}) (local $to {address})
                    (local.set $to ({address}.and ({address}.add (global.get $at) ({address}.const 15)) ({address}.const -16)))
                    (memory.copy (local.get $to) (local.get 0) (local.get 1))
                    (global.set $at ({address}.add (local.get $to) (local.get 3)))
                    (local.get $to))
                (func (export "lower") (param {address}) (result {address})
                    ({address}.store ({address}.const 0) ({address}.const 65536))
                    ({address}.store ({address}.const {size}) ({address}.sub (global.get $at) ({address}.const 65536)))
                    ({address}.const 0))
                (func (export "lift") (param {address} {address}) (result {address}) (local.get 0)))
            (core instance $m (instantiate $m))
            (func (export "lower") (param "x" {value}) (param "y" u8) (param "z" u8) {pads} (result (list u8))
                (canon lift (core func $m "lower") (memory (core memory $m "m")) (realloc (core func $m "realloc"))
                    string-encoding={encoding}))
            (func (export "lift") (param "x" (list u8)) (result (tuple {value} u8 u8))
                (canon lift (core func $m "lift") (memory (core memory $m "m")) (realloc (core func $m "realloc"))
                    string-encoding={encoding})))"#
    );
    let engine = Engine::new(Features::all(), &Limits::server());
    let bytes = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    Component::new(&engine, bytes).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn call(component: &Component, name: &str, params: &[Val]) -> Option<Val> {
    let mut store = Store::new(component.engine(), ());
    let instance = Linker::new(component.engine()).instantiate(&mut store, component).unwrap();
    let mut results = [Val::Bool(false)];
    let func = instance.get_func(&store, name).unwrap();
    let ended = func.call(&mut store, params, &mut results);
    if let Err(error) = &ended {
        assert!(matches!(error.trap(), Some(wasmote::Trap::Component(_))), "{error}");
    }
    let [result] = results;
    ended.is_ok().then_some(result)
}

/// Bytes that mean something here and there: small numbers, and addresses of what lies near, as wide as those are.
fn memory(bytes: &mut Bytes<'_>, address: &str) -> Vec<u8> {
    let mut memory = Vec::new();
    while memory.len() < 512 {
        let number = match bytes.below(8) {
            0 | 1 => u32::from(bytes.below(4)),
            2 | 3 => 65_536 + u32::from(bytes.byte()),
            4 => 65_536 + u32::from(bytes.byte()) * 4,
            5 => u32::from_le_bytes([b'a' + bytes.below(26); 4]),
            6 => 0,
            _ => bytes.wide() as u32,
        };
        memory.extend(number.to_le_bytes());
        // A number of 64 bits whose high half is something lies outside of every memory.
        if address == "i64" && bytes.below(4) > 0 {
            memory.extend([0; 4]);
        }
    }
    memory
}

fn without_nans(value: &mut Val) {
    match value {
        Val::Float32(number) if number.is_nan() => *number = 1.5,
        Val::Float64(number) if number.is_nan() => *number = 2.5,
        Val::List(List::F32(numbers)) => numbers.iter_mut().filter(|it| it.is_nan()).for_each(|it| *it = 1.5),
        Val::List(List::F64(numbers)) => numbers.iter_mut().filter(|it| it.is_nan()).for_each(|it| *it = 2.5),
        Val::List(List::Values(values)) | Val::Tuple(values) => values.iter_mut().for_each(without_nans),
        Val::Record(fields) => fields.iter_mut().for_each(|(_, value)| without_nans(value)),
        Val::Variant(_, Some(value))
        | Val::Option(Some(value))
        | Val::Result(Ok(Some(value)) | Err(Some(value))) => without_nans(value),
        _ => {}
    }
}

#[test]
fn values_lie_in_memory_as_the_specification_has_them() {
    let Some(oracle) = Oracle::new("abi.py") else { return };
    let oracle = RefCell::new(oracle);
    let cases = std::env::var("WASMOTE_ORACLE_CASES").map_or(400, |cases| cases.parse().expect("a number"));
    let config = proptest::test_runner::Config { cases, failure_persistence: None, ..Default::default() };
    let mut runner = TestRunner::new_with_rng(config, random());
    let mut traps = (0, 0);
    let counted = RefCell::new(&mut traps);
    let result = runner.run(&vec(any::<u8>(), 1..600), |data| {
        let mut bytes = Bytes::new(&data);
        let encoding = ["utf8", "utf16", "latin1+utf16"][usize::from(bytes.below(3))];
        let address = ["i32", "i64"][usize::from(bytes.below(2))];
        let mut defined = Defined::default();
        let ty = defined.ty(&mut bytes, 3);
        let component = component(&ty, &defined, encoding, address);
        let mut value = ty.value(&mut bytes, &mut 0);
        // The specification leaves open which NaN a NaN becomes.
        without_nans(&mut value);
        let mut params = vec![value.clone(), Val::U8(7), Val::U8(9)];
        params.extend((0..17).map(|_| Val::U64(0)));
        let stored = call(&component, "lower", &params);
        let Some(Val::List(List::U8(stored))) = stored else { panic!("{value:?} was not stored") };
        let ask = |question: Value| oracle.borrow_mut().ask(&question);
        let expected = ask(json!({
            "encoding": encoding, "address": address, "type": describe(&ty), "value": told(&ty, &value),
        }));
        prop_assert_eq!(&json!(stored), &expected["bytes"], "{:?} as {}", value, ty.text());

        let memory = memory(&mut bytes, address);
        let expected = ask(json!({
            "encoding": encoding, "address": address, "type": describe(&ty), "bytes": memory,
        }));
        let loaded = call(&component, "lift", &[Val::List(List::U8(memory))]);
        let loaded = loaded.map(|value| match value {
            Val::Tuple(values) => json!({"value": told(&ty, &values[0])}),
            other => panic!("{other:?}"),
        });
        let mut counted = counted.borrow_mut();
        let count = if loaded.is_some() { &mut counted.0 } else { &mut counted.1 };
        *count += 1;
        prop_assert_eq!(loaded.unwrap_or(json!({"trap": true})), expected, "{}", ty.text());
        Ok(())
    });
    println!("loaded {} times, trapped {} times", traps.0, traps.1);
    result.unwrap();
    assert!(traps.0 > 0 && traps.1 > 0, "{traps:?}");
}
