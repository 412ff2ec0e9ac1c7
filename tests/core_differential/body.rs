//! The body of one random function: instructions that fit what is on the stack, one after the other.

mod blocks;
mod branches;
mod memories;

use super::{
    choices::Choices,
    module::{GROW_MAX, Leaning, Plan, Signature, TABLE},
    operators::{self, Operator, Type},
};
use Type::{Extern, F32, F64, Func, I32, I64, V128};
use std::fmt::Write;

/// How deep blocks nest.
const DEPTH_MAX: usize = 6;
/// Counters of loops that are counted, of each of `i32` and `i64`: one for each of such loops within one another.
pub const COUNTERS: usize = 3;
/// What a call costs of the fuel that a module counts itself: so deep and no deeper do calls nest.
const CALL_COST: u32 = 8;

/// A value on the stack.
#[derive(Clone, Copy)]
struct Slot {
    ty: Type,
    /// It has the same bits wherever it is computed: it is no float, or no NaN that an operator made.
    exact: bool,
}

/// Where branches lead.
struct Label {
    types: Vec<Type>,
    /// Of a loop that is not counted by those who branch to it: nobody may.
    hidden: bool,
}

pub struct Body<'p, 'c, 'd> {
    plan: &'p Plan,
    choices: &'c mut Choices<'d>,
    signature: &'p Signature,
    /// Functions below this one may be called.
    index: usize,
    /// Parameters and locals; behind them a scratch one for each type of floats, and the counters.
    locals: Vec<Type>,
    stack: Vec<Slot>,
    labels: Vec<Label>,
    /// How many counted loops are open.
    counted: usize,
    /// Steps left.
    budget: usize,
    text: String,
}

impl<'p, 'c, 'd> Body<'p, 'c, 'd> {
    /// The text of function `index`, without what names it.
    pub fn make(plan: &'p Plan, choices: &'c mut Choices<'d>, index: usize) -> String {
        let signature = &plan.signatures[index];
        let mut locals = signature.params.clone();
        let extra = *choices.pick(&[0, 1, 2, 4, 6]);
        locals.extend((0..extra).map(|_| *choices.pick(&plan.types)));
        let budget = *choices.pick(&[8, 15, 25, 40, 80]);
        let labels = vec![Label { types: signature.results.clone(), hidden: false }];
        let (stack, text) = (Vec::new(), String::new());
        let mut body =
            Self { plan, choices, signature, index, locals, stack, labels, counted: 0, budget, text };
        body.declare();
        body.spend(CALL_COST);
        body.sequence(0, &signature.results, usize::MAX);
        body.text
    }

    fn declare(&mut self) {
        let counters = [I32, I64].iter().flat_map(|ty| [*ty; COUNTERS]);
        let declared =
            self.locals[self.signature.params.len()..].iter().copied().chain([F32, F64]).chain(counters);
        self.text = declared.fold(String::new(), |text, ty| format!("{text} (local {})", ty.text()));
    }

    fn emit(&mut self, instruction: &str) {
        self.text.push_str("\n  ");
        self.text.push_str(instruction);
    }

    fn push(&mut self, ty: Type, exact: bool) {
        self.stack.push(Slot { ty, exact: exact || !ty.is_float() });
    }

    fn pop(&mut self, count: usize) {
        self.stack.truncate(self.stack.len() - count);
    }

    /// Whether these types are on the stack above `base`.
    fn matches(&self, base: usize, types: &[Type]) -> bool {
        self.stack[base..].len() >= types.len()
            && self.stack[self.stack.len() - types.len()..].iter().zip(types).all(|(slot, ty)| slot.ty == *ty)
    }

    fn types_above(&self, at: usize) -> Vec<Type> {
        self.stack[at..].iter().map(|slot| slot.ty).collect()
    }

    /// What comes out of a block, or past a branch that was not taken: from several places.
    fn inexact(&mut self, count: usize) {
        let start = self.stack.len() - count;
        for slot in &mut self.stack[start..] {
            slot.exact = !slot.ty.is_float();
        }
    }

    /// Takes of the module's own fuel, and returns at once where none is left.
    fn spend(&mut self, cost: u32) {
        self.emit(&format!("global.get 0 i32.const {cost} i32.sub global.set 0"));
        self.emit("global.get 0 i32.const 0 i32.lt_s if");
        self.give_up();
        self.emit("end");
    }

    fn give_up(&mut self) {
        for ty in &self.signature.results {
            let zero = match ty {
                V128 => "v128.const i64x2 7 7".into(),
                ty => format!("{}.const 7", ty.text()),
            };
            self.emit(&zero);
        }
        self.emit("return");
    }

    fn constant(&mut self, ty: Type) {
        let c = &mut *self.choices;
        let text = match ty {
            I32 => format!("i32.const {}", operators::i32(c)),
            I64 => format!("i64.const {}", operators::i64(c)),
            F32 => format!("f32.const {}", operators::f32_text(operators::f32(c))),
            F64 => format!("f64.const {}", operators::f64_text(operators::f64(c))),
            V128 => format!("v128.const i64x2 {} {}", operators::i64(c), operators::i64(c)),
            Func if c.chance(50) => format!("ref.func {}", c.below(self.plan.signatures.len())),
            Func => "ref.null func".into(),
            Extern => "ref.null extern".into(),
        };
        self.emit(&text);
        self.push(ty, true);
    }

    /// Floats in locals of an even index are exact, and only those.
    fn is_exact_local(&self, index: usize) -> bool {
        index.is_multiple_of(2) && index >= self.signature.params.len()
    }

    fn locals_of(&self, ty: Type) -> Vec<usize> {
        (0..self.locals.len()).filter(|index| self.locals[*index] == ty).collect()
    }

    fn globals_of(&self, ty: Type, mutable: bool) -> Vec<usize> {
        let globals = self.plan.globals.iter().enumerate().skip(1);
        globals
            .filter(|(_, global)| **global == (ty, true) || !mutable && global.0 == ty)
            .map(|(at, _)| at)
            .collect()
    }

    /// The local that counts the loops within which so many others are.
    fn counter(&self, within: usize, ty: Type) -> usize {
        self.locals.len() + 2 + within + if ty == I64 { COUNTERS } else { 0 }
    }

    /// Puts a value of a type on the stack.
    fn value(&mut self, ty: Type) {
        let (locals, globals) = (self.locals_of(ty), self.globals_of(ty, false));
        match self.choices.below(20) {
            1..=9 if !locals.is_empty() => {
                let index = *self.choices.pick(&locals);
                self.emit(&format!("local.get {index}"));
                self.push(ty, self.is_exact_local(index));
            }
            10 | 11 if !globals.is_empty() => {
                let index = *self.choices.pick(&globals);
                self.emit(&format!("global.get {index}"));
                self.push(ty, true);
            }
            12 | 13 if !ty.is_reference() && ty != V128 => self.load(ty),
            14..=16 if self.counted > 0 && matches!(ty, I32 | I64) => {
                let within = self.choices.below(self.counted);
                let counter = self.counter(within, I32);
                self.emit(&format!("local.get {counter}"));
                if ty == I64 {
                    self.emit("i64.extend_i32_u");
                }
                self.push(ty, true);
            }
            _ => self.constant(ty),
        }
    }

    /// Has the stack end with these types, with as many of what is there as fit.
    fn want(&mut self, base: usize, types: &[Type]) {
        for kept in (0..=types.len()).rev() {
            if self.matches(base, &types[..kept]) && (kept == 0 || !self.choices.chance(7)) {
                types[kept..].iter().for_each(|ty| self.value(*ty));
                return;
            }
        }
    }

    /// Makes of the topmost value one that is the same everywhere.
    fn make_exact(&mut self) {
        let Some(slot) = self.stack.last_mut().filter(|slot| !slot.exact) else { return };
        slot.exact = true;
        let (scratch, ty) = (self.locals.len() + usize::from(slot.ty == F64), slot.ty.text());
        self.emit(&format!(
            "local.tee {scratch} {ty}.const nan local.get {scratch} local.get {scratch} {ty}.eq select"
        ));
    }

    fn set_local(&mut self, index: usize, tee: bool) {
        if self.is_exact_local(index) {
            self.make_exact();
        }
        self.emit(&format!("local.{} {index}", if tee { "tee" } else { "set" }));
        if !tee {
            self.pop(1);
        }
    }

    /// Steps until there is no choice left, or `steps` were made; then the stack has `results` above `base`.
    fn sequence(&mut self, base: usize, results: &[Type], steps: usize) {
        for _ in 0..steps {
            if self.budget == 0 || self.choices.is_spent() {
                break;
            }
            self.budget -= 1;
            if self.step(base) {
                return self.unreachable(base, results);
            }
            if self.stack.len() - base > 12 {
                self.emit("drop");
                self.pop(1);
            }
        }
        self.finish(base, results);
    }

    /// What stands behind an instruction that never ends: nothing, or what is valid there only.
    fn unreachable(&mut self, base: usize, results: &[Type]) {
        self.stack.truncate(base);
        if self.choices.chance(20) {
            let text = *self.choices.pick(&[
                "select drop",
                "block i32.const 0 if else end loop br 0 end end",
                "if unreachable else nop end",
                "i32.add drop",
                "loop (result i32) i32.const 1 br_if 0 i32.const 1 end drop",
                "i32.const 5 i32.store offset=65536",
                "i32.eqz br_if 0 unreachable",
            ]);
            // A branch outwards needs the values of its label.
            if !text.ends_with("br_if 0 unreachable")
                || self.labels.last().is_some_and(|l| l.types.is_empty())
            {
                self.emit(text);
            }
        }
        if self.choices.chance(30) {
            results.iter().for_each(|ty| self.constant(*ty));
            self.stack.truncate(base);
        }
        results.iter().for_each(|ty| self.push(*ty, false));
    }

    /// Leaves nothing but `results` above `base`.
    fn finish(&mut self, base: usize, results: &[Type]) {
        let there = self.types_above(base);
        if !results.starts_with(&there) {
            if self.matches(base, results) && self.keep_in_locals(base, results) {
                return;
            }
            while self.stack.len() > base {
                let locals = self.locals_of(self.stack[self.stack.len() - 1].ty);
                if !locals.is_empty() && self.choices.chance(50) {
                    let index = *self.choices.pick(&locals);
                    self.set_local(index, false);
                } else {
                    self.emit("drop");
                    self.pop(1);
                }
            }
        }
        let kept = self.stack.len() - base;
        results[kept..].iter().for_each(|ty| self.value(*ty));
        self.inexact(results.len());
    }

    /// Puts results that lie on something into locals and back, if there are as many.
    fn keep_in_locals(&mut self, base: usize, results: &[Type]) -> bool {
        let mut used = Vec::new();
        for ty in results.iter().rev() {
            let free: Vec<_> =
                self.locals_of(*ty).into_iter().filter(|index| !used.contains(index)).collect();
            if free.is_empty() {
                return false;
            }
            used.push(*self.choices.pick(&free));
        }
        used.iter().for_each(|index| self.set_local(*index, false));
        while self.stack.len() > base {
            self.emit("drop");
            self.pop(1);
        }
        for (index, ty) in used.iter().rev().zip(results) {
            self.emit(&format!("local.get {index}"));
            self.push(*ty, false);
        }
        true
    }

    /// One step; answers whether what follows is never reached.
    fn step(&mut self, base: usize) -> bool {
        let top = self.stack[base..].last().map(|slot| slot.ty);
        if top == Some(I32) && self.choices.chance(25) {
            match self.choices.below(10) {
                0 | 1 => self.emit("i32.eqz"),
                2..=4 => self.br_if(base),
                5 => self.if_else(base),
                6..=8 => self.select(base),
                _ => return self.br_table(base),
            }
            return false;
        }
        if self.choices.chance(20) {
            match self.plan.leaning {
                Leaning::None => {}
                Leaning::Blocks => {
                    self.block(base);
                    return false;
                }
                Leaning::Loops => {
                    self.counted_loop();
                    return false;
                }
                Leaning::ShortLoops => {
                    self.short_loop();
                    return false;
                }
                Leaning::Stores => {
                    self.store(base);
                    return false;
                }
                Leaning::Selects => {
                    self.select(base);
                    return false;
                }
            }
        }
        match self.choices.below(100) {
            0..=14 => {
                let ty = *self.choices.pick(&self.plan.types);
                self.value(ty);
            }
            15..=42 => self.operator(base),
            43..=51 => self.put_in_local(base),
            52 | 53 => self.put_in_global(base),
            54..=59 => self.store(base),
            60 if top.is_some() => {
                self.emit("drop");
                self.pop(1);
            }
            61 => self.emit("nop"),
            62..=70 => self.block(base),
            71..=75 => self.counted_loop(),
            76 => self.short_loop(),
            77 | 78 => return self.br(base),
            79..=82 => return self.call(base),
            83..=85 => self.bulk(),
            86 | 87 if self.plan.references => self.table(),
            88..=91 => self.select(base),
            92..=94 if self.plan.types.contains(&V128) => self.vector(base),
            95 | 96 => {
                self.value(I32);
                return self.br_table(base);
            }
            97 if self.choices.chance(20) => {
                self.emit("unreachable");
                return true;
            }
            _ => self.condition(),
        }
        false
    }

    fn operator(&mut self, base: usize) {
        let mut operator = self.choices.pick(&self.plan.operators);
        for _ in 0..6 {
            if self.matches(base, &operator.params) || self.matches(base, &operator.params[..1]) {
                break;
            }
            operator = self.choices.pick(&self.plan.operators);
        }
        if operator.params.len() == 2 && self.choices.chance(60) && self.matches(base, &operator.params[..1])
        {
            self.constant_or_value(operator.params[1]);
        } else {
            self.want(base, &operator.params);
        }
        self.apply(operator);
    }

    fn constant_or_value(&mut self, ty: Type) {
        if self.choices.chance(50) { self.value(ty) } else { self.constant(ty) }
    }

    fn apply(&mut self, operator: &Operator) {
        // These show the bits of a NaN.
        if operator.name.contains("reinterpret") || operator.name.ends_with("copysign") {
            self.make_exact();
        }
        let count = operator.params.len();
        let exact = self.stack[self.stack.len() - count..].iter().all(|slot| slot.exact);
        let keeps = ["abs", "neg", "copysign"].iter().any(|name| operator.name.ends_with(name));
        let exact = operator.params[0].is_float() && keeps && exact || !operator.params[0].is_float();
        let mut text = operator.name.clone();
        if operator.lanes > 0 {
            write!(text, " {}", self.choices.below(operator.lanes.into())).unwrap();
        }
        self.emit(&text);
        self.pop(count);
        self.push(operator.result, exact);
    }

    fn put_in_local(&mut self, base: usize) {
        if self.stack.len() == base {
            let ty = *self.choices.pick(&self.plan.types);
            self.value(ty);
        }
        let locals = self.locals_of(self.stack[self.stack.len() - 1].ty);
        if !locals.is_empty() {
            let (index, tee) = (*self.choices.pick(&locals), self.choices.chance(50));
            self.set_local(index, tee);
        }
    }

    fn put_in_global(&mut self, base: usize) {
        let Some(ty) = self.stack[base..].last().map(|slot| slot.ty) else { return };
        let globals = self.globals_of(ty, true);
        if !globals.is_empty() {
            let index = *self.choices.pick(&globals);
            self.make_exact();
            self.emit(&format!("global.set {index}"));
            self.pop(1);
        }
    }
}
