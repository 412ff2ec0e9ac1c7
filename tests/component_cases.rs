//! Values of the canonical ABI as data: `component_cases/*.toml`. Each case is a type, a value in WAVE, and what stands
//! for it in a guest; or what does, and the trap that it comes to. A guest is made for each, which is passed the value
//! and looked into, and then says the same to get the value back.
//!
//! | key | |
//! |---|---|
//! | `define` | types that have names, before the one of the case, each as `NAME TEXT` |
//! | `type` | the type, in the text format of components |
//! | `value` | the value, in WAVE |
//! | `flat` | core values, each as its type and its bits |
//! | `stored` | the bytes of the value in memory, in hexadecimal |
//! | `data` | the bytes that it points at, from address 0x100 on |
//! | `encoding` | that of strings: `utf8`, `utf16`, or `latin1+utf16` |
//! | `lift` | that a guest may give this, and is not given it |
//! | `trap` | what a guest that gives this is ended with: there is no value then |

use serde::Deserialize;
use std::{error::Error, fmt::Write, fs, path::Path};
use wasmote::{
    Limits,
    component::{Component, Engine, Features, Instance, Linker, List, Store, Type, Val},
};

type Done<T = ()> = Result<T, Box<dyn Error>>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(default)]
    define: Vec<String>,
    r#type: String,
    value: Option<String>,
    flat: Option<String>,
    stored: Option<String>,
    #[serde(default)]
    data: String,
    #[serde(default = "utf8")]
    encoding: String,
    #[serde(default)]
    lift: bool,
    trap: Option<String>,
}

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}

fn utf8() -> String {
    "utf8".into()
}

/// Where a value lies that is passed in memory, and what it points at.
const STORED: u32 = 0x2000;
const DATA: u32 = 0x100;

impl Case {
    /// Types and bits of the core values.
    fn flat(&self) -> Done<Vec<(&str, u64)>> {
        let values = self.flat.as_deref().unwrap_or_default().split_terminator(',');
        let values = values.map(|value| {
            let (ty, bits) = value.trim().split_once(' ').ok_or("no type and bits")?;
            Ok((ty, u64::from_str_radix(bits, 16)?))
        });
        values.collect()
    }

    /// A guest that keeps in memory what it is passed, and returns what it has there: core values from 0 on, eight bytes
    /// for each. What it is asked to allocate first lies where `first` says, all else from `DATA` on.
    fn guest(&self) -> Done<String> {
        let (mut types, mut keep, mut load, mut core) = <(String, String, String, String)>::default();
        for define in &self.define {
            let (name, text) = define.split_once(' ').ok_or("no name and type")?;
            write!(types, "(type ${name}' {text}) (export ${name} \"{name}\" (type ${name}'))")?;
        }
        for (at, (ty, _)) in self.flat()?.into_iter().enumerate() {
            write!(core, " {ty}")?;
            write!(keep, "({ty}.store (i32.const {}) (local.get {at}))", 8 * at)?;
            write!(load, " ({ty}.load (i32.const {}))", 8 * at)?;
        }
        let (ty, encoding) = (&self.r#type, &self.encoding);
        // So much besides that the one is passed, and the other returned, in memory.
        let (many, few) = (" u8".repeat(17), " u8 u8");
        let options = format!("string-encoding={encoding} (memory (core memory $libc \"mem\"))");
        let mut text = format!(
            r#"(component {types}
            (core module $libc (memory (export "mem") 1)
                (global $next (mut i32) (i32.const {DATA})) (global $first (mut i32) (i32.const 0))
                (func (export "first") (param i32) (global.set $first (local.get 0)))
                (func (export "realloc") (param $old i32) (param i32) (param $align i32) (param $size i32) (result i32)
                    (local $at i32)
                    (local.set $at (global.get $first)) (global.set $first (i32.const 0))
                    (if (local.get $at) (then (return (local.get $at))))
                    (local.set $at (i32.and (i32.sub (i32.add (global.get $next) (local.get $align)) (i32.const 1))
                        (i32.sub (i32.const 0) (local.get $align))))
                    (if (local.get $old) (then (local.set $at (local.get $old))))
                    (global.set $next (i32.add (local.get $at) (local.get $size)))
                    (local.get $at))
                (func (export "aside") (param i32 i32 i32 i32) (result i32) (i32.const 0x8000))
                (func (export "poke") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
                (func (export "peek") (param i32 i32) (result i32)
                    (i32.store (i32.const 0x7000) (local.get 0)) (i32.store (i32.const 0x7004) (local.get 1))
                    (i32.const 0x7000))
                (func (export "take-stored") (param i32))
                (func (export "give-stored") (result i32) (i32.const {STORED})))
            (core instance $libc (instantiate $libc))
            (func (export "first") (param "at" u32) (canon lift (core func $libc "first")))
            (func (export "poke") (param "at" u32) (param "bytes" (list u8)) (canon lift (core func $libc "poke")
                (memory (core memory $libc "mem")) (realloc (core func $libc "aside"))))
            (func (export "peek") (param "at" u32) (param "length" u32) (result (list u8))
                (canon lift (core func $libc "peek") (memory (core memory $libc "mem"))))
            (func (export "take-stored") (param "v" (tuple {ty}{many}))
                (canon lift (core func $libc "take-stored") {options} (realloc (core func $libc "realloc"))))
            (func (export "give-stored") (result (tuple {ty}{few}))
                (canon lift (core func $libc "give-stored") {options}))"#
        );
        if self.flat.is_some() {
            write!(
                text,
                r#"(core func $return (canon task.return (result {ty}) {options}))
                (core module $m
                    (import "" "mem" (memory 1)) (import "" "return" (func $return (param{core})))
                    (func (export "take") (param{core}) {keep})
                    (func (export "give") (result i32) (call $return{load}) (i32.const 0))
                    (func (export "callback") (param i32 i32 i32) (result i32) unreachable))
                (core instance $m (instantiate $m (with "" (instance
                    (export "mem" (memory $libc "mem")) (export "return" (func $return))))))
                (func (export "take") (param "v" {ty})
                    (canon lift (core func $m "take") {options} (realloc (core func $libc "realloc"))))
                (func (export "give") async (result {ty})
                    (canon lift (core func $m "give") async {options} (callback (core func $m "callback"))))"#
            )?;
        }
        Ok(text + ")")
    }

    fn run(&self) -> Done {
        let stored = hex(self.stored.as_deref().unwrap_or_default())?;
        let slots: Vec<u8> = self.flat()?.iter().flat_map(|(_, bits)| bits.to_le_bytes()).collect();
        for (way, at, bytes) in [("", 0, slots), ("-stored", STORED, stored)] {
            if !bytes.is_empty() {
                self.lift(way, at, &bytes).map_err(|error| format!("lifting{way}: {error}"))?;
                if !self.lift && self.trap.is_none() {
                    self.lower(way, at, &bytes).map_err(|error| format!("lowering{way}: {error}"))?;
                }
            }
        }
        Ok(())
    }

    /// Has the guest return what stands for the value.
    fn lift(&self, way: &str, at: u32, bytes: &[u8]) -> Done {
        let mut guest = Guest::new(&self.guest()?)?;
        guest.poke(at, bytes)?;
        guest.poke(DATA, &hex(&self.data)?)?;
        let given = guest.call(&format!("give{way}"), &[]);
        match (&self.trap, given) {
            (Some(trap), Err(error)) if error.to_string().contains(trap) => Ok(()),
            (Some(trap), other) => Err(format!("expected `{trap}`, found {other:?}").into()),
            (None, given) => {
                let (given, ty) = (unwrapped(given?, way)?, guest.ty(way)?);
                let value: Val = wasm_wave::from_str(&ty, self.value.as_deref().ok_or("no value")?)?;
                same(&wasm_wave::to_string(&value)?, &wasm_wave::to_string(&given)?)
            }
        }
    }

    /// Passes the guest the value, and looks at what it got.
    fn lower(&self, way: &str, at: u32, bytes: &[u8]) -> Done {
        let mut guest = Guest::new(&self.guest()?)?;
        let mut value = wasm_wave::from_str(&guest.ty(way)?, self.value.as_deref().ok_or("no value")?)?;
        if way == "-stored" {
            guest.call("first", &[Val::U32(STORED)])?;
            let mut values = vec![Val::U8(0xff); 17];
            values.insert(0, value);
            value = Val::Tuple(values);
        }
        guest.call(&format!("take{way}"), &[value])?;
        let data = hex(&self.data)?;
        same(&bytes, &&*guest.peek(at, bytes.len())?)?;
        same(&data, &guest.peek(DATA, data.len())?)
    }
}

struct Guest(Store<()>, Instance);

impl Guest {
    fn new(text: &str) -> Done<Self> {
        let engine = Engine::new(Features::all(), &Limits::server());
        let component = Component::new(&engine, wat::parse_str(text)?)?;
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
        Ok(Self(store, instance))
    }

    fn call(&mut self, name: &str, params: &[Val]) -> Result<Option<Val>, wasmote::Error> {
        let func = self.1.get_func(&self.0, name)?;
        let mut results = vec![Val::Bool(false); func.result_count()];
        func.call(&mut self.0, params, &mut results)?;
        Ok(results.pop())
    }

    /// The type of the case.
    fn ty(&self, way: &str) -> Done<Type> {
        let func = self.1.get_func(&self.0, &format!("take{way}"))?.ty(&self.0);
        let ty = func.params().next().ok_or("no parameter")?.1;
        match ty {
            Type::Tuple(tuple) if way == "-stored" => Ok(tuple.types().next().ok_or("an empty tuple")?),
            ty => Ok(ty),
        }
    }

    fn poke(&mut self, at: u32, bytes: &[u8]) -> Done {
        self.call("poke", &[Val::U32(at), Val::List(List::U8(bytes.to_vec()))])?;
        Ok(())
    }

    fn peek(&mut self, at: u32, length: usize) -> Done<Vec<u8>> {
        match self.call("peek", &[Val::U32(at), Val::U32(length as u32)])? {
            Some(Val::List(List::U8(bytes))) => Ok(bytes),
            other => Err(format!("{other:?}").into()),
        }
    }
}

/// The value alone, of a tuple that was there to have it lie in memory.
fn unwrapped(given: Option<Val>, way: &str) -> Done<Val> {
    match given {
        Some(Val::Tuple(mut values)) if way == "-stored" => Ok(values.swap_remove(0)),
        given => Ok(given.ok_or("no result")?),
    }
}

fn hex(text: &str) -> Done<Vec<u8>> {
    let digits: String = text.split_whitespace().collect();
    if !digits.len().is_multiple_of(2) || !digits.is_ascii() {
        return Err("half a byte".into());
    }
    Ok((0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16))
        .collect::<Result<_, _>>()?)
}

fn same<V: PartialEq + std::fmt::Debug>(expected: &V, found: &V) -> Done {
    if expected == found { Ok(()) } else { Err(format!("expected {expected:x?}, found {found:x?}").into()) }
}

/// How many cases there are, at least.
const CASES_MIN: usize = 156;

#[test]
fn values_are_what_the_canonical_abi_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/component_cases");
    let (mut count, mut failed) = (0, Vec::new());
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let cases: Cases = toml::from_str(&fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for (at, case) in cases.case.iter().enumerate() {
            count += 1;
            if let Err(error) = case.run() {
                failed.push(format!("{}, case {}: {error}\n{case:?}", path.display(), at + 1));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    assert!(count >= CASES_MIN, "{count} cases");
}
