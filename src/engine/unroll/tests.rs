use super::{CODE_BYTES_MAX, GROWN_BYTES_MAX, HOMES, SITE_BYTES};
use crate::{
    Error, Limits,
    engine::{
        Engine, Metering, Module, Outline,
        rewrite::{SPLICE_BYTES, leb128, rewrite},
        scan::sections,
    },
};
use alloc::{format, string::String, vec::Vec};

/// The module that the interpreter is given for `bytes`.
fn rewritten(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, Error> {
    rewritten_for(&Engine::new(Metering::On, limits), bytes)
}

fn rewritten_for(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut outline = Outline::of(bytes, engine.limits())?;
    let rewritten = rewrite(bytes, &mut outline, engine, false)?;
    // With no length longer than it has to be: as modules are assembled.
    let mut out = Vec::from(&rewritten[..8]);
    for section in sections(&rewritten) {
        let section = section?;
        out.push(section.id);
        leb128(&mut out, section.contents.len());
        out.extend_from_slice(&rewritten[section.contents]);
    }
    Ok(out)
}

fn assemble(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// Code that is never called, for what may be added is a part of what there is.
fn other_code() -> String {
    format!("(func {})", "nop ".repeat(4_000))
}

/// Asserts that a function with the first code within a loop is given to the interpreter as one with the second.
#[track_caller]
fn becomes(code: &str, expected: &str) {
    let module = |code: &str| {
        let other = other_code();
        assemble(&format!("(module (memory 1) {other} (func (param i32) (local i32) loop {code} end))"))
    };
    let (given, expected) = (rewritten(&module(code), &Limits::server()).unwrap(), module(expected));
    assert!(given == expected, "{code}: {:x?}", &given[given.len() - expected.len().min(200)..]);
}

#[test]
fn a_short_loop_comes_back_to_its_head_once_for_three_rounds() {
    let round = "local.get 0 local.set 1 local.get 1 i32.eqz br_if DONE ";
    let (before, within) = (round.replace("DONE", "0"), round.replace("DONE", "1"));
    becomes(
        "loop local.get 0 local.set 1 local.get 1 br_if 0 end",
        &format!(
            "block {before} loop {within} {within}
                local.get 0 local.set 1 local.get 1 br_if 0 end end"
        ),
    );
}

#[test]
fn branches_go_where_they_went() {
    becomes(
        "block loop local.get 0 br_if 1 local.get 0 br_if 2 local.get 1 br_if 0 end end",
        "block block local.get 0 br_if 1 local.get 0 br_if 2 local.get 1 i32.eqz br_if 0
            loop local.get 0 br_if 2 local.get 0 br_if 3 local.get 1 i32.eqz br_if 1
                local.get 0 br_if 2 local.get 0 br_if 3 local.get 1 i32.eqz br_if 1
                local.get 0 br_if 2 local.get 0 br_if 3 local.get 1 br_if 0 end end end",
    );
}

#[test]
fn what_else_is_changed_in_a_body_is_changed_in_its_copies() {
    for body in [
        "local.get 0 local.get 1 local.get 0 i32.eqz i32.const 0 i32.or select",
        "local.get 0 local.get 0 i32.const 0 i32.or i32.store offset=0x10000 local.get 1",
    ] {
        becomes(
            &format!("loop {} br_if 0 end", body.replace("i32.const 0 i32.or", "")),
            &format!(
                "block {body} i32.eqz br_if 0
                    loop {body} i32.eqz br_if 1 {body} i32.eqz br_if 1 {body} br_if 0 end end"
            ),
        );
    }
}

/// A function that calls itself, by an index that is longer than it has to be.
#[test]
fn a_loop_of_a_function_that_calls_it_again_is_unrolled() {
    let code = |callee: u8| [0x03, 0x40, 0x10, 0x80 | callee, 0x00, 0x41, 0x00, 0x0d, 0x00, 0x0b, 0x0b];
    let (other, itself) = (with_body(&code(0)), with_body(&code(1)));
    assert_eq!(rewritten(&other, &Limits::server()).unwrap(), other);
    assert!(rewritten(&itself, &Limits::server()).unwrap().len() > itself.len() + 3 * 7);
}

#[test]
fn other_loops_stay_as_they_are() {
    let long = "local.get 0 drop ".repeat(50);
    for code in [
        "loop local.get 0 br_if 0 end".into(),
        "loop loop end end".into(),
        "loop block loop local.get 0 br_if 1 end end end".into(),
        "loop local.get 0 br_if 0 end loop local.get 0 br_if 0 end".into(),
        "loop loop local.get 0 br_if 0 end local.get 0 br_if 0 end loop local.get 0 br_if 0 end"
            .replace("loop loop", "loop block"),
        "loop loop local.get 0 br_if 0 local.get 0 br_if 0 end end".into(),
        "loop nop end loop local.get 0 br_if 0 end".into(),
        "loop loop local.get 0 br_if 1 br 0 end end".into(),
        "loop loop local.get 0 br_if 0 br 1 end end".into(),
        "loop loop i32.const 0 br_table 0 0 local.get 0 br_if 0 end end".into(),
        "loop loop local.get 0 br_if 1 end end".into(),
        "loop loop local.get 0 br_if 0 br 2 unreachable end end".into(),
        "loop loop local.get 0 if nop end local.get 0 br_if 0 end end".into(),
        "loop loop (result i32) local.get 0 br_if 0 local.get 0 end drop end".into(),
        "loop loop local.get 0 br_if 0 return end end".into(),
        "loop loop unreachable local.get 0 br_if 0 end end".into(),
        "loop loop return local.get 0 br_if 0 end end".into(),
        "loop loop return_call 0 local.get 0 br_if 0 end end".into(),
        "loop loop local.get 0 local.get 0 local.get 0 memory.fill local.get 0 br_if 0 end end".into(),
        format!("loop loop {long} local.get 0 br_if 0 end end"),
    ] {
        let bytes = assemble(&format!("(module (memory 1) {} (func (param i32) {code}))", other_code()));
        assert!(rewritten(&bytes, &Limits::server()).unwrap() == bytes, "{code}");
    }
    // What grows is paid for before it, once.
    let grows = "(memory 1) (func (param i32) loop loop local.get 0 memory.grow br_if 0 end end)";
    let grows = assemble(&format!("(module {} {grows})", other_code()));
    assert_eq!(rewritten(&grows, &Limits::server()).unwrap().len(), grows.len() + 43);
    // What is put right before a loop stays there.
    let [grow, short] = ["i32.const 1 memory.grow 1", "loop local.get 0 br_if 0 end"];
    for code in [
        format!("{grow} drop {grow} drop {short}"),
        format!("{grow} drop {grow} drop nop {short}"),
        format!("{grow} {grow} {short} drop drop"),
    ] {
        let bytes = assemble(&format!(
            r#"(module (import "" "a" (memory 1)) (import "" "b" (memory 1)) {} (func (param i32) loop {code} end))"#,
            other_code()
        ));
        // Two growths, each paid for twice and the second time with a look at the first memory; the loop; and a length.
        let added = 2 * (43 + 43 + 8) + 18 + 1;
        assert_eq!(rewritten(&bytes, &Limits::server()).unwrap().len(), bytes.len() + added, "{code}");
    }
}

#[test]
fn a_loop_is_so_long_and_no_longer() {
    let other = other_code();
    for (nop, is_unrolled) in [("", true), ("nop", false)] {
        let code = format!("{nop} {} local.get 0 br_if 0", "local.get 0 drop ".repeat(32));
        let bytes = assemble(&format!("(module {other} (func (param i32) loop loop {code} end end))"));
        assert_eq!(rewritten(&bytes, &Limits::server()).unwrap() != bytes, is_unrolled);
    }
}

/// A module of a function that has this body, and of one that does nothing at length.
fn with_body(code: &[u8]) -> Vec<u8> {
    let sized = |contents: &[u8]| {
        let mut out = Vec::new();
        leb128(&mut out, contents.len());
        [&out[..], contents].concat()
    };
    let body = |code: &[u8]| sized(&[&[0], code].concat());
    let nops = [&[0x01; 400][..], &[0x0b]].concat();
    let code = sized(&[&[2][..], &body(&nops), &body(code)].concat());
    [&b"\0asm\x01\0\0\0"[..], &[1, 4, 1, 0x60, 0, 0], &[3, 3, 2, 0, 0], &[10], &code].concat()
}

#[test]
fn what_is_cut_short_or_out_of_bounds_is_not_made_good() {
    let whole = [0x03, 0x40, 0x03, 0x40, 0x41, 0x00, 0x0d, 0x00, 0x0b, 0x0b, 0x0b];
    assert!(rewritten(&with_body(&whole), &Limits::server()).unwrap().len() > with_body(&whole).len());
    let engine = Engine::new(Metering::On, &Limits::server());
    assert!(Module::load(&engine, &with_body(&whole)).is_ok());
    for end in 0..whole.len() {
        assert!(Module::load(&engine, &with_body(&whole[..end])).is_err(), "{end}");
    }
    assert!(Module::load(&engine, &with_body(&[&whole[..], &[0x0b]].concat())).is_err());
    // Two labels are around it, one of a loop and the function's.
    for (label, is_valid) in [(2, true), (3, false), (4, false), (0x7d, false), (0x7e, false), (0x7f, false)]
    {
        let code =
            [0x03, 0x40, 0x03, 0x40, 0x41, 0x00, 0x0d, label, 0x41, 0x00, 0x0d, 0x00, 0x0b, 0x0b, 0x0b];
        assert_eq!(Module::load(&engine, &with_body(&code)).is_ok(), is_valid, "{label}");
    }
}

/// What looks like loops is in a number, and in how long a body is and how it declares locals.
#[test]
fn only_instructions_are_loops() {
    let number = [0x44, 0x03, 0x40, 0x41, 0x00, 0x0d, 0x00, 0x0b, 0x0b, 0x1a];
    let within = |code: &[u8]| [&[0x03, 0x40][..], code, &[0x0b, 0x0b]].concat();
    let [alone, short] = [&number[..], &[0x03, 0x40, 0x41, 0x00, 0x0d, 0x00, 0x0b]].map(within);
    assert_eq!(rewritten(&with_body(&alone), &Limits::server()).unwrap(), with_body(&alone));
    let both = within(&[&number[..], &[0x03, 0x40, 0x41, 0x00, 0x0d, 0x00, 0x0b]].concat());
    let added =
        |code: &[u8]| rewritten(&with_body(code), &Limits::server()).unwrap().len() - with_body(code).len();
    assert_eq!((added(&short), added(&both)), (18, 18));
    for label in [[0x0d, 0x80, 0x00], [0x0d, 0x00, 0x01]] {
        let code = within(&[&[0x03, 0x40, 0x41, 0x00][..], &label, &[0x0b]].concat());
        assert_eq!(rewritten(&with_body(&code), &Limits::server()).unwrap(), with_body(&code), "{label:x?}");
    }
}

/// A branch that goes so far out that its label would take another byte.
#[test]
fn labels_stay_a_byte_long() {
    for (blocks, is_unrolled) in [(0x7c, true), (0x7d, false), (0x7e, false)] {
        let label = u8::try_from(blocks + 1).unwrap();
        let code = [
            &[0x02, 0x40].repeat(blocks)[..],
            &[0x03, 0x40, 0x03, 0x40, 0x41, 0x00, 0x0d, label, 0x41, 0x00, 0x0d, 0x00],
            &[0x0b].repeat(blocks + 3),
        ]
        .concat();
        let (bytes, engine) = (with_body(&code), Engine::new(Metering::On, &Limits::server()));
        let given = rewritten(&bytes, &Limits::server()).unwrap();
        assert_eq!(given != bytes, is_unrolled, "{label:#x}");
        assert!(Module::load(&engine, &bytes).is_ok() && Module::load(&engine, &given).is_ok(), "{label:#x}");
    }
}

/// References to imports become references to what calls them, and neither edit is made within the other.
#[test]
fn where_tail_calls_of_imports_are_edited_nothing_is_unrolled() {
    let code = "loop loop ref.func $f drop local.get 0 br_if 0 end end";
    for tail in ["", "(func return_call $f)"] {
        let bytes = assemble(&format!(
            r#"(module (import "" "f" (func $f)) {} (func (param i32) {code}) {tail} (elem declare func $f))"#,
            other_code()
        ));
        let given = rewritten(&bytes, &Limits::server()).unwrap();
        assert_eq!(given.len() > bytes.len() + 3 * 9 - 3, tail.is_empty());
        assert!(Module::load(&Engine::new(Metering::On, &Limits::server()), &bytes).is_ok());
    }
}

/// `count` functions of so many short loops within another.
fn many_loops(count: usize, each: usize) -> Vec<u8> {
    let function =
        [&b"\x00\x03\x40"[..], &b"\x03\x40\x41\x00\x0d\x00\x0b".repeat(each), &[0x0b, 0x0b]].concat();
    let mut body = Vec::new();
    leb128(&mut body, function.len());
    body.extend(function);
    let sized = |id: u8, items: &[u8]| {
        let (mut counted, mut out) = (Vec::new(), Vec::from([id]));
        leb128(&mut counted, count);
        counted.extend_from_slice(items);
        leb128(&mut out, counted.len());
        [out, counted].concat()
    };
    let [functions, code] = [(3, &[0][..]), (10, &body)].map(|(id, item)| sized(id, &item.repeat(count)));
    [&b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0"[..], &functions, &code].concat()
}

#[test]
fn copies_are_a_part_of_the_code_and_no_more_than_so_much() {
    let grown = |bytes: &[u8]| rewritten(bytes, &Limits::server()).unwrap().len() - bytes.len();
    let few = many_loops(3, 100);
    assert!((few.len() / 8 - 40..few.len() / 8).contains(&grown(&few)), "{}", grown(&few));
    // A million of them.
    let many = many_loops(2_000, 500);
    assert!(
        (GROWN_BYTES_MAX as usize - 20..GROWN_BYTES_MAX as usize + 8).contains(&grown(&many)),
        "{}",
        grown(&many)
    );
    // Where a body is longer than they are looked for in, the next one has some.
    let long = many_loops(1, CODE_BYTES_MAX / 7 + 1);
    assert_eq!(grown(&long), 0);
}

/// What fuel a run takes must not depend on the limits that it is loaded under, nor on what else is loaded: a module is refused
/// where there is no room.
#[test]
fn what_is_unrolled_depends_on_the_module_alone() {
    let bytes = many_loops(8, 100);
    let expected = rewritten(&bytes, &Limits::server()).unwrap();
    let (mut refused, mut loaded) = (0, 0);
    let needed = Outline::of(&bytes, &Limits::server()).unwrap().load_bytes(bytes.len() as u64);
    let of_load =
        (0..80_000).step_by(1_000).map(|more| Limits { load_bytes: needed + more, ..Limits::mcu() });
    let (least, most) = (u32::try_from(bytes.len()).unwrap(), u32::try_from(expected.len()).unwrap());
    let of_module =
        (least..most + 50).step_by(40).map(|module_bytes| Limits { module_bytes, ..Limits::mcu() });
    for limits in of_load.chain(of_module) {
        for plain in [true, false] {
            let engine = Engine { is_plain: plain, ..Engine::new(Metering::On, &limits) };
            match rewritten_for(&engine, &bytes) {
                Ok(given) => {
                    assert!(given == expected, "{limits:?}");
                    loaded += 1;
                }
                Err(error) => {
                    let limit = error.limit_exceeded().unwrap().limit;
                    assert!(limit == "load_bytes" || limit == "module_bytes");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 20 && loaded > 20, "{refused} refused, {loaded} loaded");
    // What copies take is paid for: of each loop of four bytes 25, and noting it.
    let loops = (expected.len() - bytes.len()) as u64 / 18;
    let least = needed + loops * (25 * HOMES + SITE_BYTES + SPLICE_BYTES);
    for (load_bytes, is_enough) in [(least, true), (least - 1, false)] {
        let limits = Limits { load_bytes, ..Limits::mcu() };
        let engine = Engine { is_plain: true, ..Engine::new(Metering::On, &limits) };
        assert_eq!(rewritten_for(&engine, &bytes).is_ok(), is_enough);
    }
    // Where nothing is counted there is nothing to gain.
    assert_eq!(rewritten_for(&Engine::new(Metering::Off, &Limits::server()), &bytes).unwrap(), bytes);
}

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

/// Writes functions of blocks, loops and branches.
struct Writer {
    random: Random,
    text: String,
    /// Whether each label that is in scope takes a value.
    labels: Vec<bool>,
}

impl Writer {
    fn add(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn value(&mut self) {
        let (local, number) = (self.random.below(3), self.random.below(7));
        match self.random.below(6) {
            0 => self.add(&format!("i32.const {number}")),
            1 => self.add("global.get 0 i32.const 3 i32.and"),
            2 => self.add(&format!("local.get {local} i32.const {number} i32.lt_u")),
            3 => self.add(&format!("local.get {local} i32.const {number} i32.sub local.tee {local}")),
            4 => self.add(&format!("i32.const 60 local.get {local} i32.div_u")),
            _ => self.add(&format!("local.get {local}")),
        }
    }

    /// A block of a kind, with or without a result.
    fn block(&mut self, kind: &str) {
        let gives = self.random.below(3) == 0;
        self.add(&format!("{kind} {}", if gives { "(result i32)" } else { "" }));
        // It comes to an end, by a trap if by nothing else.
        if kind == "loop" {
            self.add("global.get 0 i32.const 1 i32.sub global.set 0");
            self.add("i32.const 1 global.get 0 i32.const 0 i32.ne i32.div_u drop");
        }
        self.labels.push(gives && kind != "loop");
        let statements = self.random.below(5);
        (0..statements).for_each(|_| self.statement());
        if kind == "loop" && self.random.below(3) > 0 {
            self.value();
            self.add("br_if 0");
            let out = self.random.below(self.labels.len() as u64);
            let takes = self.labels[self.labels.len() - 1 - usize::try_from(out).unwrap()];
            if !gives && !takes && self.random.below(3) == 0 {
                self.add(&format!("br {out}"));
            }
        }
        self.labels.pop();
        if gives {
            self.value();
        }
        self.add("end");
        if gives {
            self.add("local.set 0");
        }
    }

    fn statement(&mut self) {
        let label = self.random.below(self.labels.len() as u64);
        let takes = self.labels[self.labels.len() - 1 - usize::try_from(label).unwrap()];
        let is_shallow = self.labels.len() < 6;
        match self.random.below(9) {
            0 if is_shallow => self.block("block"),
            1 | 2 if is_shallow => self.block("loop"),
            3 if is_shallow => {
                self.value();
                self.add("if");
                self.labels.push(false);
                self.statement();
                self.add("else");
                self.statement();
                self.labels.pop();
                self.add("end");
            }
            4 | 5 => {
                if takes {
                    self.value();
                }
                self.value();
                self.add(&format!("br_if {label}"));
                if takes {
                    self.add("drop");
                }
            }
            6 if !takes && self.random.below(3) == 0 => {
                self.value();
                self.add(&format!("br_table {label} {label} {label}"));
            }
            7 if self.random.below(4) == 0 => {
                if takes {
                    self.value();
                }
                self.add(&format!("br {label}"));
            }
            _ => {
                self.value();
                self.add("local.set 1");
            }
        }
    }
}

/// A module with one such function.
fn random_module(seed: u64) -> Vec<u8> {
    let mut writer = Writer {
        random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
        text: String::new(),
        labels: Vec::from([true]),
    };
    let statements = 2 + writer.random.below(6);
    (0..statements).for_each(|_| writer.statement());
    writer.value();
    assemble(&format!(
        r#"(module (global (export "g") (mut i32) (i32.const 300))
            (func (export "f") (param i32 i32) (result i32) (local i32) {}) {})"#,
        writer.text,
        other_code()
    ))
}

/// What the function of such a module answers or traps with, what it leaves in its global, and its fuel.
fn outcome(bytes: &[u8], params: (i32, i32)) -> (Result<i32, Option<wasmi::TrapCode>>, i32, u64) {
    let mut config = wasmi::Config::default();
    config.consume_fuel(true);
    let engine = wasmi::Engine::new(&config);
    let module = wasmi::Module::new(&engine, bytes).unwrap();
    let mut store = wasmi::Store::new(&engine, ());
    store.set_fuel(1 << 40).unwrap();
    let instance = wasmi::Instance::new(&mut store, &module, &[]).unwrap();
    let function = instance.get_typed_func::<(i32, i32), i32>(&store, "f").unwrap();
    let begun = store.get_fuel().unwrap();
    let result = function.call(&mut store, params).map_err(|error| error.as_trap_code());
    let fuel = begun - store.get_fuel().unwrap();
    let global = instance.get_global(&store, "g").unwrap().get(&store).i32().unwrap();
    (result, global, fuel)
}

/// The same result, trap and effects; and fuel that is no less.
#[test]
fn what_a_function_computes_stays_the_same() {
    let (mut unrolled, mut ended) = (0, 0);
    for seed in 0..400 {
        let bytes = random_module(seed);
        let given = rewritten(&bytes, &Limits::server()).unwrap();
        unrolled += u32::from(given.len() > bytes.len());
        for params in [(0, 0), (1, 5), (9, 2)] {
            let (before, after) = (outcome(&bytes, params), outcome(&given, params));
            assert_eq!((before.0, before.1), (after.0, after.1), "seed {seed}");
            assert!(after.2 >= before.2, "seed {seed}: {} fuel instead of {}", after.2, before.2);
            ended += u32::from(before.0.is_ok());
        }
    }
    assert!(unrolled > 80 && ended > 400, "{unrolled} unrolled, {ended} ended");
}

/// A byte changed anywhere: what the validator refuses it refuses in its other form, and what it takes it takes.
#[test]
fn what_is_valid_stays_valid_and_nothing_else_becomes_so() {
    let code =
        "loop block loop local.get 0 br_if 1 local.get 1 br_if 2 local.get 0 i32.const 1 i32.sub local.tee 0
        br_if 0 end loop local.get 1 br_if 0 br 1 end end end local.get 0";
    let bytes = assemble(&format!("(module {} (func (param i32 i32) (result i32) {code}))", other_code()));
    let engine = wasmi::Engine::default();
    let is_valid = |bytes: &[u8]| wasmi::Module::new(&engine, bytes).is_ok();
    assert!(rewritten(&bytes, &Limits::server()).unwrap().len() > bytes.len());
    let (mut valid, mut edited) = (0, 0);
    let ours = Engine::new(Metering::On, &Limits::server());
    let start = bytes.len() - 50;
    for at in start..bytes.len() {
        for value in 0..=0xff {
            let mut bytes = bytes.clone();
            bytes[at] = value;
            let Ok(given) = rewritten_for(&ours, &bytes) else { continue };
            if given != bytes {
                assert_eq!(is_valid(&bytes), is_valid(&given), "byte {at} is {value:#x}");
                edited += 1;
                valid += u32::from(is_valid(&given));
            }
        }
    }
    assert!(valid > 100 && edited > valid + 100, "{valid} of {edited}");
}
