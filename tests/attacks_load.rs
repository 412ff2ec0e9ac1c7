//! Hostile bytes at load, by the numbers of the attack battery. Whatever comes: an answer, no panic, no native
//! stack overflow, and no more memory than `load_memory.rs` holds the estimate to.
//!
//! | attack | test |
//! |---|---|
//! | M-01 prefixes | `no_prefix_of_a_program_panics` |
//! | M-02 mutations | `no_mutation_panics_whether_it_is_refused_or_runs` |
//! | M-03 overlong numbers | `overlong_and_oversized_numbers_are_refused_in_every_field` |
//! | M-04 section sizes | `sections_that_lie_about_their_size_are_refused` |
//! | M-05 order of sections | `sections_out_of_order_repeated_or_unknown_are_refused` |
//! | M-06 names | `names_are_text_and_long_ones_are_fine` |
//! | M-07 headers | `headers_are_told_apart` |
//! | M-10 custom sections | `custom_sections_may_hold_anything` |
//! | B-01 to B-05 bombs | `bombs_are_refused_by_name_or_fit_the_estimate`, `load_memory.rs` |
//! | B-06 to B-08, B-10, B-15, B-16 of components | `attacks_component.rs` |
//! | B-09 nesting of components | `component_api.rs` |
//! | B-11, B-12 declarations | `declarations_larger_than_the_limits_are_refused_before_they_are_made` |
//! | B-13 locals | `zeroing_locals_costs_fuel_by_the_local`, and `src/engine/tests.rs` |
//! | B-14 lazy translation | `a_large_function_is_paid_for_before_it_is_translated` |
//! | B-17 missing imports | `src/error.rs` |
//! | constants | `constants_nested_too_deep_are_refused_and_others_fit_a_small_stack` |

#[allow(dead_code, reason = "shared with `load_memory`, which uses other parts of it")]
mod bombs;
mod times;

use bombs::{leb128, list, module, sized};
use std::{path::Path, time::Instant};
use times::times;
use wasmote::{Error, Host, Limits, Loader, Program, Trap, block_on, engine::Value};

/// Every committed module of `folder`, by name.
fn modules(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests").join(folder);
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|it| it == "wasm")).collect();
    paths.sort();
    paths.iter().map(|path| (path.display().to_string(), std::fs::read(path).unwrap())).collect()
}

fn everything() -> Vec<(String, Vec<u8>)> {
    [modules(""), modules("hostile"), modules("refused")].concat()
}

/// Few resources, so that what loads by chance ends soon.
fn little() -> Limits {
    Limits { memory_bytes: 1 << 20, table_elements: 1_000, ..Limits::server() }
}

fn load(bytes: &[u8], limits: Limits) -> Result<Program, Error> {
    Loader::new().limits(limits).load(bytes)
}

/// Loads, and if that works starts and runs every exported function on a little fuel. Answers whether it loaded.
fn try_all(bytes: &[u8]) -> bool {
    let Ok(program) = load(bytes, little()) else { return false };
    let fuel = 20_000 + 7 * u64::from(program.outline().code_bytes);
    let host = Host::new().limits(little()).fuel(fuel);
    let names: Vec<_> = program.exports().map(|(name, _)| name.to_string()).take(8).collect();
    for name in names {
        let Ok(mut guest) = host.start(&program) else { return true };
        let params = program.function_params(&name).unwrap_or_default();
        let zeroes: Vec<_> = params.iter().filter_map(|ty| zero(&format!("{ty:?}"))).collect();
        let _ = block_on(guest.call(&name, &zeroes));
        assert!(guest.fuel_spent() <= fuel);
    }
    true
}

fn zero(ty: &str) -> Option<Value> {
    match ty {
        "I32" => Some(Value::I32(0)),
        "I64" => Some(Value::I64(0)),
        _ => None,
    }
}

/// Numbers that follow from a seed (Marsaglia's xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[test]
fn no_prefix_of_a_program_panics() {
    for (name, bytes) in everything() {
        // All of the short ones; of long ones all at the beginning, and then every so many.
        let step = (bytes.len() / times(2_000) as usize).max(1);
        let lengths = (0..bytes.len().min(300)).chain((300..bytes.len()).step_by(step));
        for length in lengths {
            if let Ok(program) = load(&bytes[..length], little()) {
                // Cut between sections: what is left may be a module, of fewer sections.
                assert!(length >= 8, "{name}");
                drop(Host::new().limits(little()).start(&program));
            }
        }
    }
}

#[test]
fn no_mutation_panics_whether_it_is_refused_or_runs() {
    let seed = std::env::var("WASMOTE_SEED").map_or(0x5eed, |seed| seed.parse().unwrap());
    println!("WASMOTE_SEED={seed}");
    let mut numbers = Numbers(seed | 1);
    let small: Vec<_> = everything().into_iter().filter(|(_, bytes)| bytes.len() < 6_000).collect();
    let interesting = [0x00, 0x01, 0x02, 0x0b, 0x40, 0x41, 0x60, 0x70, 0x7f, 0x80, 0xfc, 0xfd, 0xff];
    let mut loaded = 0;
    let rounds = times(20_000) as usize;
    for round in 0..rounds {
        let (_, bytes) = &small[round % small.len()];
        let mut bytes = bytes.clone();
        for _ in 0..=numbers.below(4) {
            let at = numbers.below(bytes.len());
            match numbers.below(5) {
                0 => bytes[at] = interesting[numbers.below(interesting.len())],
                1 => bytes[at] ^= 1 << numbers.below(8),
                2 => bytes[at] = bytes[at].wrapping_add(1),
                3 => drop(bytes.remove(at)),
                _ => bytes.insert(at, numbers.below(256) as u8),
            }
            if bytes.is_empty() {
                break;
            }
        }
        loaded += usize::from(try_all(&bytes));
    }
    println!("{loaded} of {rounds} loaded");
    assert!(loaded > rounds / 100, "only {loaded} of {rounds} got past the validator");
}

#[test]
fn overlong_and_oversized_numbers_are_refused_in_every_field() {
    let wrongs: [&[u8]; 4] = [
        &[0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
        &[0xff, 0xff, 0xff, 0xff, 0x1f],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
    ];
    for wrong in wrongs {
        let fields: [(u8, Vec<u8>); 12] = [
            (1, wrong.to_vec()),
            (1, [&[1, 0x60][..], wrong].concat()),
            (2, wrong.to_vec()),
            (2, [&[1][..], wrong].concat()),
            (3, wrong.to_vec()),
            (4, [&[1, 0x70, 0][..], wrong].concat()),
            (5, [&[1, 0][..], wrong].concat()),
            (6, [&[1, 0x7f, 0, 0x23][..], wrong, &[0x0b]].concat()),
            (7, [&[1][..], wrong].concat()),
            (8, wrong.to_vec()),
            (9, [&[1, 0, 0x41, 0, 0x0b][..], wrong].concat()),
            (11, [&[1, 1][..], wrong].concat()),
        ];
        for (id, contents) in fields {
            let error = load(&module(&[(id, contents)]), little()).unwrap_err();
            let is_typed = error.is_malformed() || error.limit_exceeded().is_some();
            assert!(is_typed, "section {id}, {wrong:x?}: {error}");
        }
        // The sizes of a section and of a body.
        let header = b"\0asm\x01\0\0\0";
        assert!(load(&[&header[..], &[1], wrong].concat(), little()).unwrap_err().is_malformed());
        let bodies = [&[1][..], wrong].concat();
        let code = module(&[(1, vec![1, 0x60, 0, 0]), (3, vec![1, 0]), (10, bodies)]);
        assert!(load(&code, little()).unwrap_err().is_malformed());
    }
}

#[test]
fn sections_that_lie_about_their_size_are_refused() {
    let good = [(1, vec![1, 0x60, 0, 0]), (3, vec![1, 0]), (5, vec![1, 0, 1]), (10, vec![1, 2, 0, 0x0b])];
    assert!(load(&module(&good), little()).is_ok());
    for lying in 0..good.len() {
        for lie in [-1i64, 1, 2, 100, i64::from(u32::MAX)] {
            let mut bytes = b"\0asm\x01\0\0\0".to_vec();
            for (index, (id, contents)) in good.iter().enumerate() {
                let lie = if index == lying { lie } else { 0 };
                let size = (contents.len() as i64 + lie).clamp(0, u32::MAX.into());
                bytes.push(*id);
                bytes.extend(leb128(size.cast_unsigned()));
                bytes.extend(contents);
            }
            let error = load(&bytes, little()).unwrap_err();
            let is_typed = error.is_malformed() || error.limit_exceeded().is_some();
            assert!(is_typed, "section {lying}, {lie}: {error}");
        }
    }
}

#[test]
fn sections_out_of_order_repeated_or_unknown_are_refused() {
    let good = [(1, vec![1, 0x60, 0, 0]), (3, vec![1, 0]), (5, vec![1, 0, 1]), (10, vec![1, 2, 0, 0x0b])];
    for index in 0..good.len() {
        let mut twice = good.to_vec();
        twice.insert(index, good[index].clone());
        assert!(load(&module(&twice), little()).unwrap_err().is_malformed(), "{index} twice");
        let mut without = good.to_vec();
        without.remove(index);
        let misses_memory_only = good[index].0 == 5;
        assert_eq!(load(&module(&without), little()).is_ok(), misses_memory_only, "without {index}");
        for other in 0..index {
            let mut swapped = good.to_vec();
            swapped.swap(index, other);
            assert!(load(&module(&swapped), little()).is_err(), "{index} and {other} swapped");
        }
    }
    for unknown in [14u8, 15, 0x40, 0x7f, 0xff] {
        let mut with = good.to_vec();
        with.push((unknown, vec![0]));
        assert!(load(&module(&with), little()).unwrap_err().is_malformed(), "{unknown}");
    }
}

#[test]
fn names_are_text_and_long_ones_are_fine() {
    let named = |name: &[u8]| {
        let export = [&[1][..], &sized(name), &[0, 0]].concat();
        let code = (10, vec![1, 2, 0, 0x0b]);
        module(&[(1, vec![1, 0x60, 0, 0]), (3, vec![1, 0]), (7, export), code])
    };
    for wrong in [&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"a\xf0\x9f\x92"] {
        assert!(load(&named(wrong), little()).unwrap_err().is_malformed(), "{wrong:x?}");
        let import = [&[1][..], &sized(wrong), &sized(b"f"), &[0, 0]].concat();
        let bytes = module(&[(1, vec![1, 0x60, 0, 0]), (2, import)]);
        assert!(load(&bytes, little()).unwrap_err().is_malformed(), "{wrong:x?}");
    }
    for length in [0, 1, 99_999, 100_000] {
        let name = "n".repeat(length);
        let program = load(&named(name.as_bytes()), little()).unwrap();
        let mut guest = Host::new().start(&program).unwrap();
        assert!(block_on(guest.call(&name, &[])).is_ok());
    }
    // Beyond what the validator takes, it says so.
    assert!(load(&named(&[b'n'; 100_001]), little()).unwrap_err().is_malformed());
}

#[test]
fn headers_are_told_apart() {
    let refused: [&[u8]; 9] = [
        b"",
        b"\0",
        b"\0asm",
        b"\0asm\x01\0\0",
        b"\0asm\x02\0\0\0",
        b"\0asm\x01\0\x01\0",
        b"\0asm\x0d\0\0\0",
        b"\0ASM\x01\0\0\0",
        b"\x7fELF\x02\x01\x01\0",
    ];
    for bytes in refused {
        assert!(load(bytes, little()).unwrap_err().is_malformed(), "{bytes:x?}");
    }
    // An empty component: for those who know components.
    match load(b"\0asm\x0d\0\x01\0", little()) {
        Ok(_) if cfg!(feature = "component") => {}
        Ok(_) => panic!("a build without components takes one"),
        Err(error) => {
            assert!(!cfg!(feature = "component") && error.unsupported_feature().is_some(), "{error}")
        }
    }
    assert!(load(b"\0asm\x01\0\0\0", little()).is_ok());
}

#[test]
fn custom_sections_may_hold_anything() {
    let garbage: Vec<u8> = (0..10_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for name in ["name", "producers", "target_features", "dylink.0", "component-type:x", ""] {
        for length in [0, 1, 2, 100, 100_000] {
            assert!(load(&bombs::custom(name.as_bytes(), &garbage[..length]), little()).is_ok(), "{name}");
        }
    }
    assert!(load(&bombs::custom(b"producers", &garbage), little()).is_ok());
    let mcu = load(&bombs::custom(b"producers", &garbage), Limits::mcu()).unwrap_err();
    assert_eq!(mcu.limit_exceeded().unwrap().limit, "module_bytes");
    // Its name is no text, or reaches past its end.
    assert!(load(&bombs::module(&[(0, vec![2, 0xff, 0xff])]), little()).unwrap_err().is_malformed());
    assert!(load(&bombs::module(&[(0, vec![9, b'a'])]), little()).unwrap_err().is_malformed());
}

#[test]
fn bombs_are_refused_by_name_or_fit_the_estimate() {
    for size in [100_000, 3_000_000] {
        for (name, bytes) in bombs::all(size) {
            for limits in [Limits::server(), Limits::mcu()] {
                let before = Instant::now();
                match load(&bytes, limits) {
                    Ok(program) => {
                        let foretold = program.outline().load_bytes(bytes.len() as u64);
                        assert!(foretold <= limits.load_bytes, "{name}: {foretold}");
                    }
                    Err(error) => assert!(error.limit_exceeded().is_some(), "{name} of {size}: {error}"),
                }
                // A promise of time proportional to size: debug builds of a busy machine take this long.
                assert!(before.elapsed().as_secs() < 20, "{name} of {size}");
            }
        }
    }
}

#[test]
fn declarations_larger_than_the_limits_are_refused_before_they_are_made() {
    let refused = |bytes: &[u8], limit: &str| {
        let error = load(bytes, Limits::server()).unwrap_err();
        assert_eq!(error.limit_exceeded().map(|it| it.limit), Some(limit), "{error}");
    };
    let memory = |pages: u64| module(&[(5, [vec![1, 0], leb128(pages)].concat())]);
    refused(&memory(65_536), "memory_bytes");
    refused(&memory(u32::MAX.into()), "memory_bytes");
    refused(&memory(u64::MAX), "memory_bytes");
    let table = |elements: u64| module(&[(4, [vec![1, 0x70, 0], leb128(elements)].concat())]);
    refused(&table(u32::MAX.into()), "table_elements");
    refused(&table(4_000_000_000), "table_elements");
    let memories = |count| module(&[(5, list(count, |_| [vec![0], leb128(100)].concat()))]);
    refused(&memories(100), "memory_bytes");
    refused(&module(&[(5, list(101, |_| vec![0, 0]))]), "memories");
    refused(&module(&[(4, list(101, |_| vec![0x70, 0, 0]))]), "tables");
    // Allowed at load, and more than this host gives: refused at start, before anything is made.
    let program = load(&memory(4_000), Limits::server()).unwrap();
    let error = Host::new().limits(little()).start(&program).map(drop).unwrap_err();
    assert_eq!(error.limit_exceeded().map(|it| it.limit), Some("memory_bytes"), "{error}");
    // Data behind the end of its memory: no instance, and no panic.
    let data = [vec![1, 0, 0x41], vec![0x80, 0x80, 0x04], vec![0x0b], sized(b"xxxx")].concat();
    let program = load(&module(&[(5, vec![1, 0, 1]), (11, data)]), little()).unwrap();
    assert!(Host::new().start(&program).is_err());
}

/// Fuel for one call of an empty function of so many locals, apart from what the start takes.
fn call_fuel(locals: u64) -> u64 {
    let program = load(&bombs::locals(1, locals), Limits::server()).unwrap();
    let mut guest = Host::new().start(&program).unwrap();
    let before = guest.fuel_spent();
    block_on(guest.call("f", &[])).unwrap();
    guest.fuel_spent() - before
}

#[test]
fn zeroing_locals_costs_fuel_by_the_local() {
    let empty = call_fuel(0);
    for locals in [1_000, 10_000, 30_000] {
        let fuel = call_fuel(locals);
        // Zeroing takes a nanosecond for some ten locals, an operator about as long for each unit of fuel.
        assert!(fuel - empty >= locals / 10, "{locals} locals for {fuel} of fuel");
    }
    let error = load(&bombs::locals(1, 30_001), Limits::server()).unwrap_err();
    assert_eq!(error.limit_exceeded().unwrap().limit, "frame_locals");
    let error = load(&bombs::locals(1, u32::MAX.into()), Limits::server()).unwrap_err();
    assert_eq!(error.limit_exceeded().unwrap().limit, "frame_locals");
}

#[test]
fn a_large_function_is_paid_for_before_it_is_translated() {
    let program =
        load(&bombs::repeated(800_000, &[0x20, 0, 0x20, 1, 0x6a, 0x21, 0]), Limits::server()).unwrap();
    let code = u64::from(program.outline().code_bytes);
    assert!(code > 5_000_000);
    let needed = Host::new().start(&program).unwrap().fuel_spent();
    assert!(needed >= 7 * code, "{needed} for {code} bytes");
    for fuel in [0, 1, 1_000_000, needed - 1] {
        let error = Host::new().fuel(fuel).start(&program).map(drop).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::OutOfFuel), "{fuel}");
    }
    assert!(Host::new().fuel(needed).start(&program).is_ok());
}

#[test]
fn what_is_added_to_a_function_is_paid_for_before_it_is_translated() {
    let started = |bytes: &[u8]| {
        let program = load(bytes, Limits::server()).unwrap();
        Host::new().start(&program).unwrap().fuel_spent()
    };
    let times = 10_000;
    // `i32.const 0`, `memory.grow`, `drop`: five bytes, and 43 are what a growth is paid with.
    let growing = [0x41, 0, 0x40, 0, 0x1a];
    let fuel = started(&bombs::repeated(times, &growing)) - started(&bombs::repeated(0, &growing));
    assert!(fuel >= 7 * (5 + 43) * times as u64, "{fuel}");
    // Three for each unit of fuel that zeroing locals takes.
    let fuel = started(&bombs::locals(100, 30_000)) - started(&bombs::locals(100, 0));
    assert!(fuel >= 7 * 3 * 100 * 30_000 / 10, "{fuel}");
}

#[test]
fn constants_nested_too_deep_are_refused_and_others_fit_a_small_stack() {
    for terms in [64, 100, 10_000, 1_000_000] {
        let error = load(&bombs::long_constant(terms), Limits::server()).unwrap_err();
        assert_eq!(error.limit_exceeded().unwrap().limit, "constant_operators", "{terms}");
    }
    let deepest = || {
        let program = load(&bombs::long_constant(63), Limits::server()).unwrap();
        drop(Host::new().start(&program).unwrap());
    };
    std::thread::Builder::new().stack_size(64 << 10).spawn(deepest).unwrap().join().unwrap();
}
