//! Random modules as text, and calls of what they export.

use super::{
    body::Body,
    choices::Choices,
    operators::{self, Operator, Type},
};
use Type::{Extern, F32, F64, Func, I32, I64, V128};
use std::fmt::Write;
use wasmote::engine::Value;

/// Elements of each table at first.
pub const TABLE: usize = 32;
/// Less pages than this are asked for.
pub const GROW_MAX: usize = 2;
/// What a module counts itself, by calls and by rounds of loops, before it returns from all of it.
const FUEL: u32 = 500;
/// What is looked at of each memory in the end: where most addresses lead, with each of the usual offsets.
const LOOKED_AT: [(u32, u32); 4] = [(0, 784), (4096, 4616), (65_520, 66_064), (70_000, 70_520)];

/// What bodies know of the module they are in.
pub struct Plan {
    /// The types of locals, globals, and what blocks take and return.
    pub types: Vec<Type>,
    pub signatures: Vec<Signature>,
    /// With whether it changes. The first counts down, and is nobody else's.
    pub globals: Vec<(Type, bool)>,
    pub memories: usize,
    pub references: bool,
    pub leaning: Leaning,
    pub operators: Vec<Operator>,
}

/// What bodies have more of than others do.
#[derive(Clone, Copy, PartialEq)]
pub enum Leaning {
    None,
    Blocks,
    Loops,
    ShortLoops,
    Stores,
    Selects,
}

impl Leaning {
    const ALL: [Self; 7] =
        [Self::None, Self::None, Self::Blocks, Self::Loops, Self::ShortLoops, Self::Stores, Self::Selects];
}

pub struct Signature {
    pub params: Vec<Type>,
    pub results: Vec<Type>,
}

/// A call of the function that is exported as `f` and its number.
pub struct Call {
    pub function: usize,
    pub params: Vec<Value>,
}

/// A module and calls of it.
pub struct Case {
    pub text: String,
    pub calls: Vec<Call>,
}

impl Case {
    pub fn new(data: &[u8]) -> Self {
        let choices = &mut Choices::new(data);
        let plan = Plan::new(choices);
        let calls = calls(&plan, choices);
        let (head, foot) = (plan.head(choices), plan.foot());
        let mut text = head;
        for index in 0..plan.signatures.len() {
            let body = Body::make(&plan, choices, index);
            writeln!(text, "(func (export \"f{index}\") (type {index}){body})").unwrap();
        }
        Self { text: text + &foot, calls }
    }
}

fn calls(plan: &Plan, choices: &mut Choices<'_>) -> Vec<Call> {
    let mut calls = Vec::new();
    for (function, Signature { params, .. }) in plan.signatures.iter().enumerate() {
        for _ in 0..if params.is_empty() { 1 } else { 3 } {
            let params = params.iter().map(|ty| argument(*ty, choices)).collect();
            calls.push(Call { function, params });
        }
    }
    calls
}

fn argument(ty: Type, c: &mut Choices<'_>) -> Value {
    match ty {
        I32 => Value::I32(operators::i32(c)),
        I64 => Value::I64(operators::i64(c)),
        F32 => Value::F32(f32::from_bits(operators::f32(c))),
        F64 => Value::F64(f64::from_bits(operators::f64(c))),
        _ => Value::V128(u128::from(c.wide()) << 64 | u128::from(c.wide())),
    }
}

impl Plan {
    fn new(choices: &mut Choices<'_>) -> Self {
        let (vectors, references) = (choices.chance(40), choices.chance(30));
        let vectors = vectors && cfg!(feature = "simd");
        // Few types in some modules: more fits then.
        let mut types = match choices.below(6) {
            0 | 1 => vec![I32],
            2 => vec![I32, I32, I64],
            3 => vec![I32, I64, F32, F64],
            _ => vec![I32, I32, I32, I64, I64, F32, F64],
        };
        types.extend(vectors.then_some(V128));
        let plain = types.clone();
        types.extend([Func, Extern].into_iter().filter(|_| references));
        let mut signatures: Vec<Signature> = Vec::new();
        for _ in 0..=choices.below(10) {
            let mut some = |counts: &[usize]| -> Vec<Type> {
                let count = *choices.pick(counts);
                (0..count).map(|_| *choices.pick(&plain)).collect()
            };
            signatures.push(Signature {
                params: some(&[0, 1, 2, 2, 3, 4, 5]),
                results: some(&[1, 1, 1, 1, 2, 2, 3, 4, 0]),
            });
        }
        let mut globals = vec![(I32, true)];
        globals.extend(types.iter().filter(|ty| !ty.is_reference()).map(|ty| (*ty, true)));
        globals.extend([I32, I64, F32, F64].map(|ty| (ty, false)));
        let memories = 1 + choices.below(2);
        let operators = operators::all(&types);
        let leaning = *choices.pick(&Leaning::ALL);
        Self { types, leaning, signatures, globals, memories, references, operators }
    }

    fn head(&self, choices: &mut Choices<'_>) -> String {
        let list = |types: &[Type]| -> String { types.iter().map(|ty| format!(" {}", ty.text())).collect() };
        let mut text = String::new();
        for Signature { params, results } in &self.signatures {
            writeln!(text, "(type (func (param{}) (result{})))", list(params), list(results)).unwrap();
        }
        for _ in 0..self.memories {
            writeln!(text, "(memory 2 3)").unwrap();
        }
        for ty in ["funcref", "externref"] {
            writeln!(text, "(table {TABLE} 40 {ty})").unwrap();
        }
        for (ty, mutable) in &self.globals {
            let value = match ty {
                V128 => "v128.const i64x2 1 -2".into(),
                ty => format!("{}.const {}", ty.text(), choices.below(256)),
            };
            let ty = ty.text();
            let ty = if *mutable { format!("(mut {ty})") } else { ty.into() };
            writeln!(text, "(global {ty} ({value}))").unwrap();
        }
        for at in 0..TABLE * 3 / 4 {
            let function = choices.below(self.signatures.len());
            writeln!(text, "(elem (table 0) (i32.const {at}) func {function})").unwrap();
        }
        let mut bytes = |count: usize| -> String {
            (0..count / 8)
                .flat_map(|_| choices.wide().to_be_bytes())
                .map(|byte| format!("\\{byte:02x}"))
                .collect()
        };
        writeln!(text, "(data (i32.const 0) \"{}\") (data \"{}\")", bytes(64), bytes(40)).unwrap();
        text
    }

    /// What every module exports besides: `reset`, which lets it run again, and `hash`, a number of all that is left.
    fn foot(&self) -> String {
        let mut text = format!("(func (export \"reset\") (global.set 0 (i32.const {FUEL})))\n");
        text.push_str("(func (export \"hash\") (result i64) (local $h i64) (local $p i32)\n");
        let mut mix = |value: &str| {
            writeln!(text, "  (local.set $h (i64.xor (i64.mul (local.get $h) (i64.const 31)) {value}))")
                .unwrap();
        };
        for (index, (ty, _)) in self.globals.iter().enumerate().skip(1) {
            let value = format!("(global.get {index})");
            match ty {
                I32 => mix(&format!("(i64.extend_i32_u {value})")),
                F32 => mix(&format!("(i64.extend_i32_u (i32.reinterpret_f32 {value}))")),
                F64 => mix(&format!("(i64.reinterpret_f64 {value})")),
                V128 => (0..2).for_each(|lane| mix(&format!("(i64x2.extract_lane {lane} {value})"))),
                _ => mix(&value),
            }
        }
        for memory in 0..self.memories {
            mix(&format!("(i64.extend_i32_u (memory.size {memory}))"));
        }
        mix("(i64.extend_i32_u (table.size 0))");
        for memory in 0..self.memories {
            for (start, end) in LOOKED_AT {
                writeln!(
                    text,
                    "  (local.set $p (i32.const {start})) (loop (local.set $h (i64.xor (i64.mul (local.get $h) \
                     (i64.const 31)) (i64.load {memory} (local.get $p)))) (br_if 0 (i32.lt_u (local.tee $p \
                     (i32.add (local.get $p) (i32.const 8))) (i32.const {end}))))"
                )
                .unwrap();
            }
        }
        text + "  (local.get $h))\n"
    }
}
