//! Loads and stores near and far, of whole ranges, and of tables.

use super::{Body, Extern, F32, F64, Func, GROW_MAX, I32, I64, TABLE, Type, V128};
use std::fmt::Write;

const LOADS: &[(&str, Type)] = &[
    ("i32.load", I32),
    ("i32.load8_s", I32),
    ("i32.load8_u", I32),
    ("i32.load16_s", I32),
    ("i32.load16_u", I32),
    ("i64.load", I64),
    ("i64.load8_s", I64),
    ("i64.load8_u", I64),
    ("i64.load16_s", I64),
    ("i64.load16_u", I64),
    ("i64.load32_s", I64),
    ("i64.load32_u", I64),
    ("f32.load", F32),
    ("f64.load", F64),
];
const STORES: &[(&str, Type)] = &[
    ("i32.store", I32),
    ("i64.store", I64),
    ("i32.store8", I32),
    ("i32.store16", I32),
    ("i64.store8", I64),
    ("i64.store16", I64),
    ("i64.store32", I64),
    ("f32.store", F32),
    ("f64.store", F64),
];
const OFFSETS: [u32; 16] =
    [0, 0, 0, 1, 4, 8, 16, 100, 255, 4096, 65_535, 65_536, 65_536, 70_000, 131_064, 131_072];
const FAR: [u32; 5] = [196_600, 196_608, 0x7fff_ffff, 0xffff_fff8, 0xffff_ffff];
const SIZES: [usize; 9] = [0, 1, 2, 8, 16, 100, 4096, 65_535, 65_536];

impl Body<'_, '_, '_> {
    /// Which memory, and how far from the address.
    fn place(&mut self) -> String {
        let mut text = String::new();
        if self.plan.memories > 1 && self.choices.chance(40) {
            text.push_str(" 1");
        }
        let offset =
            if self.choices.chance(1) { *self.choices.pick(&FAR) } else { *self.choices.pick(&OFFSETS) };
        if offset != 0 {
            write!(text, " offset={offset}").unwrap();
        }
        text
    }

    /// Keeps what is on the stack near the beginning, mostly.
    fn mask(&mut self) {
        if !self.choices.chance(4) {
            let mask = *self.choices.pick(&[0xff, 0x3f, 0x1ff, 7]);
            self.emit(&format!("i32.const {mask} i32.and"));
        }
    }

    fn address(&mut self) {
        match self.choices.below(4) {
            // As it is counted, without a mask: loops go through memory so.
            1 | 2 if self.counted > 0 => {
                let within = self.choices.below(self.counted);
                let counter = self.counter(within, I32);
                let scaled = *self.choices.pick(&["", " i32.const 2 i32.shl", " i32.const 8 i32.mul"]);
                self.emit(&format!("local.get {counter}{scaled}"));
                self.push(I32, true);
            }
            3 => self.constant(I32),
            _ => self.value(I32),
        }
        if self.counted == 0 || self.choices.chance(50) {
            self.mask();
        }
    }

    pub(super) fn load(&mut self, ty: Type) {
        // An address may be loaded itself, from where a number says.
        if self.choices.chance(70) {
            let locals = self.locals_of(I32);
            match locals.is_empty() {
                true => self.constant(I32),
                false => {
                    let index = *self.choices.pick(&locals);
                    self.emit(&format!("local.get {index}"));
                    self.push(I32, true);
                }
            }
            self.mask();
        } else {
            self.constant(I32);
            self.mask();
        }
        let loads: Vec<_> = LOADS.iter().filter(|load| load.1 == ty).collect();
        let (name, place) = (self.choices.pick(&loads).0, self.place());
        self.emit(&format!("{name}{place}"));
        self.pop(1);
        self.push(ty, true);
    }

    pub(super) fn store(&mut self, base: usize) {
        let (name, ty) = *self.choices.pick(STORES);
        let locals = self.locals_of(I32);
        let is_there = self.choices.chance(40) && self.matches(base, &[I32, ty]);
        if !is_there && !locals.is_empty() && matches!(ty, I32 | I64) && self.choices.chance(20) {
            let index = *self.choices.pick(&locals);
            self.itself(index, ty);
        } else if !is_there {
            self.address();
            self.value(ty);
        }
        self.make_exact();
        let place = self.place();
        self.emit(&format!("{name}{place}"));
        self.pop(2);
    }

    /// Has a local as the address and as the value.
    fn itself(&mut self, index: usize, ty: Type) {
        self.emit(&format!("local.get {index}"));
        self.push(I32, true);
        self.mask();
        let (first, second) =
            *self.choices.pick(&[("local.tee", ""), ("local.set", ""), ("local.tee", " i32.eqz local.tee")]);
        self.emit(&format!("{first} {index}"));
        if first == "local.set" {
            self.emit(&format!("local.get {index}"));
        }
        self.emit(&format!("local.get {index}"));
        if !second.is_empty() {
            self.emit(&format!("{second} {index}"));
        }
        if ty == I64 {
            self.emit("i64.extend_i32_u");
        }
        self.push(ty, true);
    }

    fn size(&mut self) {
        if self.choices.chance(40) {
            self.value(I32);
            self.mask();
            self.pop(1);
        } else {
            let size = *self.choices.pick(&SIZES);
            self.emit(&format!("i32.const {size}"));
        }
    }

    pub(super) fn bulk(&mut self) {
        let memory = self.choices.below(self.plan.memories);
        match self.choices.below(6) {
            0 => {
                self.emit(&format!("memory.size {memory}"));
                self.push(I32, true);
            }
            1 => {
                (0..3).for_each(|_| self.size());
                self.emit(&format!("memory.fill {memory}"));
            }
            2 | 3 => {
                let from = self.choices.below(self.plan.memories);
                (0..3).for_each(|_| self.size());
                self.emit(&format!("memory.copy {memory} {from}"));
            }
            4 => {
                self.size();
                let (from, count) =
                    (*self.choices.pick(&[0, 1, 30, 40, 41]), *self.choices.pick(&[0, 1, 5, 40]));
                self.emit(&format!("i32.const {from} i32.const {count} memory.init {memory} 1"));
            }
            _ => {
                let pages = self.choices.below(GROW_MAX);
                self.emit(&format!("i32.const {pages} memory.grow {memory}"));
                self.push(I32, true);
            }
        }
    }

    /// Where in the first table.
    pub(super) fn table_index(&mut self) {
        if self.choices.chance(50) {
            self.value(I32);
            let mask = TABLE - 1;
            self.emit(&format!("i32.const {mask} i32.and"));
        } else {
            let index = *self.choices.pick(&[0, 1, 5, 10, 20, 25, 31, 32, 39, 40, -1]);
            self.emit(&format!("i32.const {index}"));
            self.push(I32, true);
        }
    }

    /// Tables of functions and of what the host has, and references to such.
    pub(super) fn table(&mut self) {
        let (table, ty) = *self.choices.pick(&[(0, Func), (1, Extern)]);
        match self.choices.below(6) {
            0 | 1 => {
                self.table_index();
                self.emit(&format!("table.get {table}"));
                self.pop(1);
                self.push(ty, true);
            }
            2 => {
                self.table_index();
                self.value(ty);
                self.emit(&format!("table.set {table}"));
                self.pop(2);
            }
            3 => {
                self.emit(&format!("table.size {table}"));
                self.push(I32, true);
            }
            4 => {
                self.value(ty);
                let count = self.choices.below(3);
                self.emit(&format!("i32.const {count} table.grow {table}"));
                self.pop(1);
                self.push(I32, true);
            }
            _ => {
                self.table_index();
                self.table_index();
                let count = self.choices.below(4);
                self.emit(&format!("i32.const {count} table.copy {table} {table}"));
                self.pop(2);
            }
        }
    }

    pub(super) fn vector(&mut self, base: usize) {
        let lane = self.choices.below(4);
        let bits = 8 << lane;
        match self.choices.below(5) {
            0 => {
                const NAMES: [&str; 8] =
                    ["", "8x8_s", "16x4_u", "32x2_s", "8_splat", "64_splat", "32_zero", "64_zero"];
                self.address();
                let (name, place) = (*self.choices.pick(&NAMES), self.place());
                self.emit(&format!("v128.load{name}{place}"));
                self.pop(1);
                self.push(V128, true);
            }
            1 => {
                self.address();
                self.value(V128);
                let place = self.place();
                self.emit(&format!("v128.store{place}"));
                self.pop(2);
            }
            2 | 3 => {
                self.address();
                self.value(V128);
                let is_load = self.choices.chance(50);
                let (place, at) = (self.place(), self.choices.below(16 >> lane));
                let word = if is_load { "load" } else { "store" };
                self.emit(&format!("v128.{word}{bits}_lane{place} {at}"));
                self.pop(2);
                if is_load {
                    self.push(V128, true);
                }
            }
            _ => {
                self.want(base, &[V128, V128]);
                let lanes: String = (0..16).map(|_| format!(" {}", self.choices.below(32))).collect();
                self.emit(&format!("i8x16.shuffle{lanes}"));
                self.pop(2);
                self.push(V128, true);
            }
        }
    }
}
