//! Blocks, loops that are counted, and calls.

use super::{Body, COUNTERS, DEPTH_MAX, I32, I64, Label, Type};

/// How the conditions of short loops are made of their counters: each is false at last.
const ENDS: [&str; 10] = [
    "",
    "i32.eqz i32.eqz",
    "i32.const 0 i32.gt_s",
    "i32.const 0 i32.ne",
    "i32.const 1 i32.and",
    "i64.extend_i32_s i64.const 0 i64.gt_s",
    "i64.extend_i32_u i64.eqz i32.eqz",
    "f32.convert_i32_s f32.const 0 f32.gt",
    "f64.convert_i32_s f64.const 0 f64.le i32.eqz",
    "f64.convert_i32_u f64.const nan f64.lt",
];

/// How often counted loops go round, by how many others they are within.
const ROUNDS: [[usize; 8]; COUNTERS] =
    [[1, 2, 3, 5, 16, 33, 64, 200], [1, 2, 3, 4, 5, 7, 8, 16], [1, 2, 3, 4, 1, 2, 3, 4]];

impl Body<'_, '_, '_> {
    fn block_type(&self, params: &[Type], results: &[Type]) -> String {
        let list = |word: &str, types: &[Type]| -> String {
            let names: String = types.iter().map(|ty| format!(" {}", ty.text())).collect();
            if types.is_empty() { String::new() } else { format!(" ({word}{names})") }
        };
        list("param", params) + &list("result", results)
    }

    /// Types on the top of the stack that a block is to take.
    fn params(&mut self, base: usize) -> Vec<Type> {
        let there = self.stack.len() - base;
        let count = *self.choices.pick(&[0, 0, 0, 1, 2, 3]);
        self.types_above(self.stack.len() - count.min(there))
    }

    fn results(&mut self) -> Vec<Type> {
        if self.choices.chance(35) {
            let depth = self.choices.below(self.labels.len());
            return self.label(depth).types.clone();
        }
        let count = *self.choices.pick(&[0, 0, 1, 1, 1, 2, 2, 3, 4]);
        (0..count).map(|_| *self.choices.pick(&self.plan.types)).collect()
    }

    fn steps(&mut self) -> usize {
        1 + self.choices.below(7)
    }

    /// What stands between the beginning of a block and its end.
    fn within(&mut self, params: usize, results: &[Type], label: Label) {
        let base = self.stack.len() - params;
        self.inexact(params);
        self.labels.push(label);
        let steps = self.steps();
        self.sequence(base, results, steps);
        self.labels.pop();
    }

    pub(super) fn block(&mut self, base: usize) {
        if self.labels.len() > DEPTH_MAX {
            return;
        }
        match self.choices.below(4) {
            0 | 1 => {
                let (params, results) = (self.params(base), self.results());
                self.emit(&format!("block{}", self.block_type(&params, &results)));
                self.within(params.len(), &results, Label { types: results.clone(), hidden: false });
                self.emit("end");
            }
            2 => {
                let (params, results) = (self.params(base), self.results());
                self.emit(&format!("loop{}", self.block_type(&params, &results)));
                self.spend(1);
                self.within(params.len(), &results, Label { types: params.clone(), hidden: false });
                self.emit("end");
            }
            _ => {
                self.condition();
                self.if_else(base);
            }
        }
    }

    /// With the condition on the stack.
    pub(super) fn if_else(&mut self, base: usize) {
        if self.labels.len() > DEPTH_MAX {
            return;
        }
        self.pop(1);
        let params = self.params(base);
        let no_else = self.choices.chance(35);
        let results = if no_else { params.clone() } else { self.results() };
        self.emit(&format!("if{}", self.block_type(&params, &results)));
        let start = self.stack.len() - params.len();
        self.within(params.len(), &results, Label { types: results.clone(), hidden: false });
        if !no_else {
            self.emit("else");
            self.stack.truncate(start);
            params.iter().for_each(|ty| self.push(*ty, false));
            self.within(params.len(), &results, Label { types: results.clone(), hidden: false });
        }
        self.emit("end");
    }

    /// A loop that ends after so many rounds, whatever else it holds. Most are short.
    pub(super) fn counted_loop(&mut self) {
        if self.counted == COUNTERS || self.labels.len() + 1 > DEPTH_MAX {
            return;
        }
        let rounds = *self.choices.pick(&ROUNDS[self.counted]);
        let ty = if self.choices.chance(20) { I64 } else { I32 };
        // Of `i64`, the other counter goes along, for whoever reads it.
        let (counter, t) = (self.counter(self.counted, ty), ty.text());
        match self.choices.below(5) {
            0 => self.counts_down(rounds, counter, t),
            1 => self.counts_up(rounds, counter, t),
            2 => self.looks_first(rounds, counter, t),
            3 => self.goes_back(rounds, counter, t),
            _ => self.is_left(rounds, counter, t),
        }
    }

    fn counted_body(&mut self, results: &[Type], label: Label) {
        self.counted += 1;
        self.within(label.types.len(), results, label);
        self.counted -= 1;
    }

    /// Values that go round with a loop.
    fn carried(&mut self) -> Vec<Type> {
        let count = *self.choices.pick(&[0, 0, 0, 1, 1, 2]);
        let types: Vec<_> = (0..count).map(|_| *self.choices.pick(&self.plan.types)).collect();
        types.iter().for_each(|ty| self.value(*ty));
        types
    }

    fn counts_down(&mut self, rounds: usize, counter: usize, t: &str) {
        self.emit(&format!("{t}.const {rounds} local.set {counter}"));
        let carried = self.carried();
        self.emit(&format!("loop{}", self.block_type(&carried, &carried)));
        self.counted_body(&carried, Label { types: carried.clone(), hidden: true });
        if self.choices.chance(25) {
            // Goes on from the middle; where it does not, the count is what the last round has.
            let decided = format!("local.get {counter} {t}.const 1 {t}.sub local.tee {counter}");
            let taken = if t == "i64" { " i64.const 0 i64.ne" } else { "" };
            self.emit(&format!("{decided}{taken} br_if 0 {t}.const 1 local.set {counter}"));
        }
        self.emit(&format!("local.get {counter} {t}.const 1 {t}.sub local.tee {counter}"));
        let tests: &[&str] = match t {
            "i32" => &["", "i32.const 0 i32.ne", "i32.const 0 i32.gt_s", "i32.eqz i32.eqz"],
            _ => &["i64.const 0 i64.ne", "i64.eqz i32.eqz", "i64.const 0 i64.gt_s"],
        };
        let test = *self.choices.pick(tests);
        self.emit(&format!("{test} br_if 0 end"));
        self.inexact(carried.len());
    }

    fn counts_up(&mut self, rounds: usize, counter: usize, t: &str) {
        self.emit(&format!("{t}.const 0 local.set {counter}"));
        let carried = self.carried();
        self.emit(&format!("loop{}", self.block_type(&carried, &carried)));
        self.counted_body(&carried, Label { types: carried.clone(), hidden: true });
        let step = 1 + self.choices.below(4);
        let test = *self.choices.pick(&["lt_u", "lt_s", "le_u"]);
        self.emit(&format!("local.get {counter} {t}.const {step} {t}.add local.tee {counter}"));
        self.emit(&format!("{t}.const {rounds} {t}.{test} br_if 0 end"));
        self.inexact(carried.len());
    }

    /// The condition stands first, and leads out of a block.
    fn looks_first(&mut self, rounds: usize, counter: usize, t: &str) {
        self.emit(&format!("{t}.const {rounds} local.set {counter}"));
        self.emit("block loop");
        self.labels.push(Label { types: Vec::new(), hidden: false });
        self.emit(&format!("local.get {counter} {t}.eqz br_if 1"));
        self.counted_body(&[], Label { types: Vec::new(), hidden: true });
        self.emit(&format!("local.get {counter} {t}.const 1 {t}.sub local.set {counter}"));
        self.emit("br 0 end end");
        self.labels.pop();
    }

    /// The count comes first, so that whoever likes may begin the next round.
    fn goes_back(&mut self, rounds: usize, counter: usize, t: &str) {
        self.emit(&format!("{t}.const {rounds} local.set {counter}"));
        self.emit("block loop");
        self.labels.push(Label { types: Vec::new(), hidden: false });
        self.emit(&format!("local.get {counter} {t}.const 1 {t}.sub local.tee {counter}"));
        self.emit(&format!("{t}.const 0 {t}.lt_s br_if 1"));
        self.counted_body(&[], Label { types: Vec::new(), hidden: false });
        let again = *self.choices.pick(&["br 0", "i32.const 1 br_if 0", ""]);
        self.emit(&format!("{again} end end"));
        self.labels.pop();
    }

    /// It goes back from within an `if`.
    fn is_left(&mut self, rounds: usize, counter: usize, t: &str) {
        self.emit(&format!("{t}.const {rounds} local.set {counter}"));
        self.emit("loop");
        self.counted_body(&[], Label { types: Vec::new(), hidden: true });
        self.emit(&format!("local.get {counter} {t}.const 1 {t}.sub local.tee {counter}"));
        self.emit(&format!("{t}.const 0 {t}.ne if"));
        self.labels.push(Label { types: Vec::new(), hidden: true });
        self.counted_body(&[], Label { types: Vec::new(), hidden: false });
        self.emit("br 1 end end");
        self.labels.pop();
    }

    /// A loop of a few instructions without blocks, which branches out of it may end sooner; within another, or in a function
    /// that it calls again.
    pub(super) fn short_loop(&mut self) {
        if self.counted + 2 > COUNTERS || self.labels.len() + 2 > DEPTH_MAX {
            return;
        }
        let is_within = self.choices.chance(80);
        if is_within {
            self.begins_short();
        }
        self.begins_short();
        let base = self.stack.len();
        if !is_within || self.choices.chance(10) {
            self.calls_itself();
        }
        for _ in 0..self.choices.below(4) {
            match self.choices.below(8) {
                0 | 1 => self.put_in_local(base),
                2 => self.store(base),
                3 => self.select(base),
                4 | 5 => {
                    self.condition();
                    self.br_if(base);
                }
                6 if self.choices.chance(20) => self.calls_itself(),
                _ => self.operator(base),
            }
        }
        self.finish(base, &[]);
        self.ends_short();
        if is_within {
            self.ends_short();
        }
    }

    fn begins_short(&mut self) {
        let (rounds, counter) = (*self.choices.pick(&ROUNDS[self.counted]), self.counter(self.counted, I32));
        self.emit(&format!("i32.const {rounds} local.set {counter} loop"));
        self.labels.push(Label { types: Vec::new(), hidden: true });
        self.counted += 1;
    }

    fn ends_short(&mut self) {
        self.counted -= 1;
        self.labels.pop();
        let counter = self.counter(self.counted, I32);
        let test = self.choices.pick(&ENDS);
        self.emit(&format!("local.get {counter} i32.const 1 i32.sub local.tee {counter} {test} br_if 0 end"));
    }

    fn calls_itself(&mut self) {
        self.signature.params.iter().for_each(|ty| self.value(*ty));
        self.emit(&format!("call {}", self.index));
        self.pop(self.signature.params.len());
        self.signature.results.iter().for_each(|ty| self.push(*ty, false));
    }

    /// Answers whether it was a call that is not returned from.
    pub(super) fn call(&mut self, base: usize) -> bool {
        let indirect = self.choices.chance(25);
        if self.index == 0 && !indirect {
            return false;
        }
        let below = self.plan.signatures.len().min(if indirect { usize::MAX } else { self.index });
        let index = self.choices.below(below);
        let signature = &self.plan.signatures[index];
        self.want(base, &signature.params);
        let tail = signature.results == self.signature.results && self.choices.chance(40);
        let word = if tail { "return_call" } else { "call" };
        if indirect {
            self.table_index();
            self.pop(1);
            self.emit(&format!("{word}_indirect 0 (type {index})"));
        } else {
            self.emit(&format!("{word} {index}"));
        }
        self.pop(signature.params.len());
        signature.results.iter().for_each(|ty| self.push(*ty, false));
        tail
    }
}
