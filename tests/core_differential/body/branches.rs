//! Conditions, and what is decided by them.

use super::{Body, Extern, F32, F64, Func, I32, I64, Label, V128};
use std::fmt::Write;

impl Body<'_, '_, '_> {
    /// A condition of several operators.
    pub(super) fn condition(&mut self) {
        let ty = *self.choices.pick(&self.plan.types);
        self.value(ty);
        let base = self.stack.len() - 1;
        for _ in 0..self.choices.below(4) {
            self.operator(base);
            while self.stack.len() > base + 1 {
                self.emit("drop");
                self.pop(1);
            }
        }
        self.make_i32();
        if self.choices.chance(40) {
            self.emit("i32.eqz");
        }
        if self.choices.chance(20) {
            let name = self.choices.pick(&["i32.eq", "i32.ne"]);
            let text = format!("i32.const 0 {name}");
            self.emit(&text);
        }
    }

    fn make_i32(&mut self) {
        let Some(slot) = self.stack.last() else { return };
        let text = match slot.ty {
            I32 => return,
            I64 => {
                *self.choices.pick(&["i32.wrap_i64", "i64.eqz", "i64.const 0 i64.ne", "i64.const 5 i64.lt_u"])
            }
            F32 => *self.choices.pick(&["f32.const 0 f32.lt", "f32.const 1.5 f32.ge"]),
            F64 => *self.choices.pick(&["f64.const 0 f64.ne", "f64.const -1.5 f64.gt"]),
            V128 => "v128.any_true",
            Func | Extern => "ref.is_null",
        };
        self.emit(text);
        self.pop(1);
        self.push(I32, true);
    }

    pub(super) fn select(&mut self, base: usize) {
        let top: Vec<_> = self.stack[base..].iter().rev().map(|slot| slot.ty).take(3).collect();
        let ty = match top[..] {
            [I32, a, b] if a == b => a,
            _ => {
                let ty = match top.first() {
                    Some(ty) if self.choices.chance(60) => *ty,
                    _ => *self.choices.pick(&self.plan.types),
                };
                self.want(base, &[ty, ty]);
                self.condition();
                ty
            }
        };
        let typed = ty.is_reference() || self.choices.chance(30);
        self.emit(&if typed { format!("select (result {})", ty.text()) } else { "select".into() });
        self.pop(3);
        self.push(ty, false);
    }

    pub(super) fn br(&mut self, base: usize) -> bool {
        let depth = self.choices.below(self.labels.len());
        if depth == 0 && self.choices.chance(70) || self.label(depth).hidden {
            return false;
        }
        if self.choices.chance(20) {
            self.want(base, &self.signature.results);
            self.emit("return");
        } else {
            let types = self.label(depth).types.clone();
            self.want(base, &types);
            self.emit(&format!("br {depth}"));
        }
        true
    }

    pub(super) fn label(&self, depth: usize) -> &Label {
        &self.labels[self.labels.len() - 1 - depth]
    }

    /// Labels that a branch can lead to with what is on the stack.
    fn targets(&self, base: usize) -> Vec<usize> {
        let fits =
            |depth: &usize| !self.label(*depth).hidden && self.matches(base, &self.label(*depth).types);
        (0..self.labels.len()).filter(fits).collect()
    }

    /// With the condition on the stack.
    pub(super) fn br_if(&mut self, base: usize) {
        self.pop(1);
        let targets = self.targets(base);
        if targets.is_empty() || self.choices.chance(20) {
            // The condition goes into a local for a while, until there are values for a label.
            self.push(I32, true);
            let (locals, depth) = (self.locals_of(I32), self.choices.below(self.labels.len()));
            if locals.is_empty() || self.label(depth).hidden {
                return;
            }
            let index = *self.choices.pick(&locals);
            self.set_local(index, false);
            let types = self.label(depth).types.clone();
            self.want(base, &types);
            let after = *self.choices.pick(&["", " i32.eqz", " i32.const 3 i32.lt_u"]);
            self.emit(&format!("local.get {index}{after}"));
            self.emit(&format!("br_if {depth}"));
            self.inexact(types.len());
        } else {
            let depth = *self.choices.pick(&targets);
            self.emit(&format!("br_if {depth}"));
            self.inexact(self.label(depth).types.len());
        }
    }

    /// With the index on the stack.
    pub(super) fn br_table(&mut self, base: usize) -> bool {
        let locals = self.locals_of(I32);
        if locals.is_empty() {
            return false;
        }
        let index = *self.choices.pick(&locals);
        self.set_local(index, false);
        let depth = self.choices.below(self.labels.len());
        if self.label(depth).hidden {
            return false;
        }
        let types = self.label(depth).types.clone();
        self.want(base, &types);
        let after = *self.choices.pick(&["", " i32.const 3 i32.and", " i32.eqz", " i32.const 1 i32.shr_u"]);
        let same: Vec<_> = (0..self.labels.len())
            .filter(|depth| !self.label(*depth).hidden && self.label(*depth).types == types)
            .collect();
        let mut text = format!("local.get {index}{after} br_table");
        for _ in 0..=*self.choices.pick(&[1, 0, 2, 3, 5]) {
            write!(text, " {}", self.choices.pick(&same)).unwrap();
        }
        self.emit(&text);
        true
    }
}
