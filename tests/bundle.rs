//! Bundles: what was validated and signed loads and runs, and nothing else does.

use std::sync::OnceLock;
use wasmote::{
    Error, Host, Limits, Loader, Program,
    backend::mem,
    block_on,
    engine::{
        Metering,
        bundle::{Bundler, PublicKey, SecretKey, VerifiedBundle},
    },
};

fn key() -> SecretKey {
    SecretKey::from_bytes(&[7; 32])
}

const HELLO: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\08\00\00\00\06\00\00\00hello\n")
  (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#;

fn module(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

fn bundled(text: &str) -> Vec<u8> {
    Bundler::new().bundle(&module(text), &key()).unwrap()
}

/// One bundle for all tests.
fn hello() -> &'static [u8] {
    static HELLO_BUNDLE: OnceLock<Vec<u8>> = OnceLock::new();
    HELLO_BUNDLE.get_or_init(|| bundled(HELLO))
}

fn load(bytes: &[u8], limits: Limits) -> Result<Program, Error> {
    Program::from_bundle(&VerifiedBundle::verify(bytes, &key().public())?, limits)
}

#[track_caller]
fn refused(bytes: &[u8], reason: &str) {
    let error = VerifiedBundle::verify(bytes, &key().public()).unwrap_err();
    assert!(error.to_string().contains(reason), "{error}");
}

/// What a program does: its exit code, its output, and the fuel it spent.
fn run(program: &Program) -> (u32, Vec<u8>, u64) {
    let output = mem::Output::new();
    let host = Host::new().stdout(output.clone()).limits(Limits::mcu());
    let mut guest = host.start(program).unwrap();
    let exit = block_on(guest.run()).unwrap();
    (exit.code(), output.contents(), guest.fuel_spent())
}

#[test]
fn a_bundle_does_what_its_module_does_for_the_same_fuel() {
    for text in [
        HELLO.to_string(),
        // Both edits: a start function, and a frame that is priced.
        format!(
            r#"(module (memory (export "memory") 1) (func $s (i32.store (i32.const 0) (i32.const 9)))
               (start $s) (func (export "_start") (local {}) (drop (i32.load (i32.const 0)))))"#,
            "i32 ".repeat(400),
        ),
        // What it pays at once.
        r#"(module (memory (export "memory") 1 2) (table funcref (elem $f)) (func $f)
            (func (export "_start") (drop (memory.grow (i32.const 1))) (call_indirect (i32.const 0))))"#
            .to_string(),
        // Tail calls of what it imports.
        r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func $y (result i32)))
            (type $t (func (result i32))) (table funcref (elem $y)) (memory (export "memory") 1)
            (func $a (result i32) (return_call $y))
            (func $b (result i32) (return_call_indirect (type $t) (i32.const 0)))
            (func (export "_start") (if (i32.or (call $a) (call $b)) (then unreachable))))"#
            .to_string(),
    ] {
        let loaded = wasmote::Loader::new().limits(Limits::mcu()).load(&module(&text)).unwrap();
        let bundle = bundled(&text);
        let program = load(&bundle, Limits::mcu()).unwrap();
        assert_eq!(program.outline(), loaded.outline());
        assert!(program.exports().eq(loaded.exports()));
        assert_eq!(run(&program), run(&loaded));
    }
    assert_eq!(run(&load(hello(), Limits::mcu()).unwrap()).1, b"hello\n");
}

#[test]
fn the_same_module_and_key_make_the_same_bundle() {
    assert_eq!(hello(), bundled(HELLO));
}

#[test]
fn every_flipped_bit_is_refused() {
    let mut bytes = hello().to_vec();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            assert!(VerifiedBundle::verify(&bytes, &key().public()).is_err(), "byte {at}, bit {bit}");
            bytes[at] ^= 1 << bit;
        }
    }
    assert!(VerifiedBundle::verify(&bytes, &key().public()).is_ok());
}

#[test]
fn whatever_is_cut_or_added_is_refused() {
    for length in 0..hello().len() {
        assert!(VerifiedBundle::verify(&hello()[..length], &key().public()).is_err(), "{length} bytes");
    }
    let mut longer = hello().to_vec();
    longer.push(0);
    refused(&longer, "signature");
    refused(&[hello(), hello()].concat(), "signature");
    refused(&module(HELLO), "no bundle");
    refused(b"", "no bundle");
}

#[test]
fn parts_of_two_bundles_are_no_bundle() {
    let other = bundled(&HELLO.replace("hello", "olleh"));
    assert_eq!(other.len(), hello().len());
    let mut mixed = 0;
    for at in 0..other.len() {
        let bytes = [&hello()[..at], &other[at..]].concat();
        if bytes != hello() && bytes != other {
            refused(&bytes, "signature");
            mixed += 1;
        }
    }
    assert!(mixed > 64, "{mixed}");
}

#[test]
fn a_signature_grants_nothing() {
    // Opens a file of the first directory there might be, and counts the variables that there might be.
    let text = r#"(module
      (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "environ_sizes_get" (func $variables (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "etc/passwd")
      (func (export "_start")
        (if (call $variables (i32.const 64) (i32.const 68)) (then unreachable))
        (if (i32.load (i32.const 64)) (then unreachable))
        (call $exit (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 10) (i32.const 0)
          (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 64)))))"#;
    const BADF: u32 = 8;
    assert_eq!(run(&load(&bundled(text), Limits::mcu()).unwrap()).0, BADF);
    // Nor does what it asks for exist because somebody signed it.
    let text = text.replace("environ_sizes_get", "all_that_there_is");
    let program = load(&bundled(&text), Limits::mcu()).unwrap();
    let error = Host::new().limits(Limits::mcu()).start(&program).map(drop).unwrap_err();
    assert_eq!(error.missing_imports().len(), 1, "{error}");
}

#[test]
fn another_key_does_not_open_it() {
    let other = SecretKey::from_bytes(&[8; 32]).public();
    let error = VerifiedBundle::verify(hello(), &other).unwrap_err();
    assert!(error.to_string().contains("signature"), "{error}");
    let theirs = Bundler::new().bundle(&module(HELLO), &SecretKey::from_bytes(&[8; 32])).unwrap();
    refused(&theirs, "signature");
}

#[test]
fn weak_keys_are_no_keys() {
    // The neutral element, and a point of order eight: signatures that hold against them are easy to find.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    assert!(PublicKey::from_bytes(&neutral).is_err());
    assert!(PublicKey::from_bytes(&[0; 32]).is_err());
    // No point at all.
    assert!(PublicKey::from_bytes(&[2; 32]).is_err());
}

/// Where the parts of a bundle lie.
const VERSION: usize = 8;
const INTERPRETER: usize = 12;
const PROPOSALS: usize = 28;
const LIMITS: usize = 32;
const DESCRIPTION: usize = 44;
const MODULES: usize = 48;
const NUMBERS: usize = 52;
const LENGTH: usize = 52 + 24 * 8;

/// Who holds the key may lie: the bundle with `bytes` at `at`, signed again.
fn forged(at: usize, bytes: &[u8]) -> Vec<u8> {
    use ed25519_dalek::Signer;
    let mut bundle = hello()[..hello().len() - 64].to_vec();
    bundle[at..at + bytes.len()].copy_from_slice(bytes);
    let signature = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).sign(&bundle);
    bundle.extend_from_slice(&signature.to_bytes());
    bundle
}

#[test]
fn another_version_or_configuration_is_refused_though_it_is_signed() {
    assert!(load(&forged(0, b"\x7fwasmote"), Limits::mcu()).is_ok(), "signing again is no forgery by itself");
    refused(&forged(VERSION, &2u32.to_le_bytes()), "another version of the format");
    refused(&forged(VERSION, &1u32.to_le_bytes()), "another version of the format");
    refused(&forged(VERSION, &0u32.to_le_bytes()), "another version of the format");
    refused(&forged(INTERPRETER, b"wasmi 2.0.1"), "another version of the interpreter");
    refused(&forged(PROPOSALS, &4u32.to_le_bytes()), "proposals");
    refused(&forged(PROPOSALS, &u32::MAX.to_le_bytes()), "proposals");
}

#[test]
fn lengths_that_lie_are_refused_though_they_are_signed() {
    let length = u32::from_le_bytes(hello()[LENGTH..LENGTH + 4].try_into().unwrap());
    for lie in [0, length - 1, length + 1, length + 64, u32::MAX] {
        refused(&forged(LENGTH, &lie.to_le_bytes()), "length");
    }
    for count in [0, 2, u32::MAX] {
        assert!(load(&forged(MODULES, &count.to_le_bytes()), Limits::mcu()).is_err());
    }
    for described in [1, 8, length, u32::MAX] {
        assert!(load(&forged(DESCRIPTION, &described.to_le_bytes()), Limits::mcu()).is_err());
    }
    for number in 0..24 {
        // Whatever it is the count of, this is too many of it: by itself, or for a limit.
        let bundle = forged(NUMBERS + number * 8, &u64::MAX.to_le_bytes());
        let refused = load(&bundle, Limits::mcu());
        let unbounded = [10, 13, 17].contains(&number);
        assert!(refused.is_err() || unbounded, "number {number}");
    }
}

#[test]
fn a_device_with_narrower_limits_refuses() {
    let wide = Bundler::new().limits(Limits::server()).bundle(&module(HELLO), &key()).unwrap();
    let error = load(&wide, Limits::mcu()).unwrap_err();
    assert!(error.limit_exceeded().is_some(), "{error}");
    assert!(load(&wide, Limits::server()).is_ok());
    let error = load(&forged(LIMITS, &17u32.to_le_bytes()), Limits::mcu()).unwrap_err();
    assert_eq!(error.limit_exceeded().unwrap().limit, "constant_operators");
    for narrow in [
        Limits { module_bytes: 10, ..Limits::mcu() },
        Limits { load_bytes: 10, ..Limits::mcu() },
        Limits { types: 1, ..Limits::mcu() },
        Limits { functions: 1, ..Limits::mcu() },
        Limits { imports_exports: 2, ..Limits::mcu() },
        Limits { memories: 0, ..Limits::mcu() },
        Limits { memory_bytes: 100, ..Limits::mcu() },
        Limits { segments: 0, ..Limits::mcu() },
    ] {
        assert!(load(hello(), narrow).unwrap_err().limit_exceeded().is_some());
    }
}

#[test]
fn what_is_invalid_is_never_signed() {
    for bytes in [
        // A body that leaves nothing where a number is promised.
        b"\0asm\x01\0\0\0\x01\x05\x01\x60\0\x01\x7f\x03\x02\x01\0\x0a\x04\x01\x02\0\x0b".to_vec(),
        b"\0asm".to_vec(),
        Vec::new(),
    ] {
        assert!(Bundler::new().bundle(&bytes, &key()).is_err());
    }
    let start = module("(module (func $s (param i32)) (start 0))".replace("(param i32)", "").as_str());
    assert!(Bundler::new().bundle(&start, &key()).is_ok());
    let error =
        Bundler::new().limits(Limits { functions: 0, ..Limits::mcu() }).bundle(&start, &key()).unwrap_err();
    assert!(error.limit_exceeded().is_some());
}

#[test]
#[cfg(feature = "simd")]
fn proposals_are_off_unless_the_device_has_them() {
    let vectors = module("(module (func (result v128) (v128.const i64x2 0 0)))");
    assert!(Bundler::new().bundle(&vectors, &key()).is_err());
    let bundle = Bundler::new().simd(true).bundle(&vectors, &key()).unwrap();
    assert!(load(&bundle, Limits::mcu()).is_ok());
}

#[test]
fn the_interpreter_named_is_the_one_linked() {
    let manifest = include_str!("../Cargo.toml");
    let named = core::str::from_utf8(&hello()[INTERPRETER..PROPOSALS]).unwrap();
    let version = named.trim_end_matches('\0').strip_prefix("wasmi ").unwrap();
    assert!(manifest.contains(&format!("wasmi = {{ version = \"={version}\"")), "{version}");
}

#[test]
fn guests_of_bundles_count_fuel() {
    let verified = VerifiedBundle::verify(hello(), &key().public()).unwrap();
    let loader = Loader::new().limits(Limits::mcu());
    assert!(loader.load_bundle(&verified).is_ok());
    // Without fuel, loading makes other edits than those that were made and signed.
    let error = loader.metering(Metering::Off).load_bundle(&verified).unwrap_err();
    assert_eq!(error.unsupported_feature(), Some("bundle"), "{error}");
}

/// Components that were bundled.
#[cfg(feature = "p2")]
mod components {
    use super::*;
    use wasmote::component::{Component, Engine, Features, Linker, ResourceAny, Store};

    fn guest(name: &str) -> Vec<u8> {
        std::fs::read(format!("{}/tests/guests/p2/{name}.wasm", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    #[test]
    fn a_bundled_command_does_what_it_does_for_the_same_fuel() {
        for name in ["hello", "clock", "exit", "hello-rust"] {
            let bytes = guest(name);
            let bundle = Bundler::new().limits(Limits::server()).bundle(&bytes, &key()).unwrap();
            assert!(VerifiedBundle::verify(&bundle, &key().public()).unwrap().is_component());
            let bundled = load(&bundle, Limits::server()).unwrap();
            let loaded = Loader::new().limits(Limits::server()).load(&bytes).unwrap();
            assert_eq!(bundled.outline(), loaded.outline());
            assert!(bundled.imports().eq(loaded.imports()) && bundled.exports().eq(loaded.exports()));
            let run = |program: &Program| {
                let output = mem::Output::new();
                let host = Host::new().args([name]).stdout(output.clone()).clocks(mem::Clocks::new());
                let mut guest = host.start(program).unwrap();
                let ended = block_on(guest.run()).map(|exit| exit.code()).map_err(|error| error.to_string());
                (ended, output.contents(), guest.fuel_spent())
            };
            let was = run(&loaded);
            assert!(!was.1.is_empty() || name == "exit");
            assert_eq!(run(&bundled), was, "{name}");
        }
    }

    /// Every type, built-in and step of instantiation that our own sources use.
    #[test]
    fn what_a_bundle_describes_is_what_was_read() {
        for text in [
            include_str!("bindgen/garden.wat"),
            include_str!("program/handler.wat"),
            include_str!("../no_std-examples/firmware/guests/plugin.wat"),
            include_str!("../no_std-examples/firmware/guests/command-p2.wat"),
            include_str!("../no_std-examples/firmware/guests/command-p3.wat"),
            #[cfg(feature = "memory64")]
            WIDE,
        ] {
            let bytes = module(text);
            let bundle = Bundler::new()
                .features(Features::all())
                .memory64(cfg!(feature = "memory64"))
                .bundle(&bytes, &key())
                .unwrap();
            let engine = Engine::new(Features::all(), &Limits::mcu());
            let verified = VerifiedBundle::verify(&bundle, &key().public()).unwrap();
            let bundled = Component::from_bundle(&engine, &verified).unwrap();
            let loaded = Component::new(&engine, &bytes).unwrap();
            assert!(bundled.imports().eq(loaded.imports()) && bundled.exports().eq(loaded.exports()));
        }
    }

    #[test]
    fn a_bundled_component_computes() {
        let text = r#"(component
            (core module $m (func (export "add") (param i32 i32) (result i32)
                (i32.add (local.get 0) (local.get 1))))
            (component $inner
                (core module $m (func (export "seven") (result i32) (i32.const 7)))
                (core instance $i (instantiate $m))
                (func (export "seven") (result u8) (canon lift (core func $i "seven"))))
            (instance $inner (instantiate $inner))
            (core instance $i (instantiate $m))
            (export "seven" (func $inner "seven"))
            (func (export "add") (param "a" u32) (param "b" u32) (result u32)
                (canon lift (core func $i "add"))))"#;
        let bundle = Bundler::new().bundle(&module(text), &key()).unwrap();
        let engine = Engine::new(Features::default(), &Limits::mcu());
        let verified = VerifiedBundle::verify(&bundle, &key().public()).unwrap();
        let component = Component::from_bundle(&engine, &verified).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &component).unwrap();
        let add = instance.get_typed_func::<(u32, u32), (u32,)>(&store, "add").unwrap();
        assert_eq!(add.call(&mut store, (40, 2)).unwrap(), (42,));
        let seven = instance.get_typed_func::<(), (u8,)>(&store, "seven").unwrap();
        assert_eq!(seven.call(&mut store, ()).unwrap(), (7,));

        for narrow in [
            Limits { modules: 1, ..Limits::mcu() },
            Limits { components: 0, ..Limits::mcu() },
            Limits { component_depth: 0, ..Limits::mcu() },
            Limits { definitions: 5, ..Limits::mcu() },
            Limits { module_bytes: 50, ..Limits::mcu() },
        ] {
            assert!(load(&bundle, narrow).unwrap_err().limit_exceeded().is_some());
        }
    }

    /// A guest with a 64-bit memory that gives back the text it gets. A bundle that was loaded and started without being
    /// asked what it uses would trap: its module starts with that.
    #[cfg(feature = "memory64")]
    const WIDE: &str = r#"(component
        (core module $m
            (memory (export "mem") i64 1)
            (func $start unreachable) (start $start)
            (func (export "realloc") (param i64 i64 i64 i64) (result i64) (i64.const 1024))
            (func (export "same") (param i64 i64) (result i64)
                (i64.store (i64.const 16) (local.get 0)) (i64.store (i64.const 24) (local.get 1)) (i64.const 16)))
        (core instance $i (instantiate $m))
        (func (export "same") (param "s" string) (result string)
            (canon lift (core func $i "same") (memory (core memory $i "mem")) (realloc (core func $i "realloc")))))"#;

    fn component(bundle: &[u8], features: Features) -> Result<Component, Error> {
        let engine = Engine::new(features, &Limits::mcu());
        Component::from_bundle(&engine, &VerifiedBundle::verify(bundle, &key().public())?)
    }

    const MEMORY64: Features = Features { memory64: true, ..NONE };
    /// What has shipped is off too.
    const NONE: Features = Features {
        concurrency: false,
        map: false,
        implements: false,
        stackful: false,
        more_async_builtins: false,
        threading: false,
        error_context: false,
        fixed_length_lists: false,
        memory64: false,
    };

    #[test]
    #[cfg(feature = "memory64")]
    fn a_component_with_a_64_bit_memory_is_bundled_and_computes_where_they_are_on() {
        let bytes = module(&WIDE.replace("(func $start unreachable) (start $start)", ""));
        let bundler = Bundler::new().memory64(true);
        let error = bundler.bundle(&bytes, &key()).unwrap_err();
        assert!(error.unsupported_feature().is_some(), "{error}");
        // Of all that is on, it uses one.
        let bundle = bundler.features(Features::all()).bundle(&bytes, &key()).unwrap();
        let component = component(&bundle, MEMORY64).unwrap();
        let mut store = Store::new(component.engine(), ());
        let instance = Linker::new(component.engine()).instantiate(&mut store, &component).unwrap();
        let same = instance.get_typed_func::<(String,), (String,)>(&store, "same").unwrap();
        assert_eq!(same.call(&mut store, ("größer".into(),)).unwrap(), ("größer".into(),));

        let verified = VerifiedBundle::verify(&bundle, &key().public()).unwrap();
        let loader = Loader::new().limits(Limits::mcu()).features(MEMORY64);
        assert_eq!(loader.load_bundle(&verified).unwrap().exports().count(), 1);
    }

    /// Resources whose representation has 64 bits, and the sum of those that are gone.
    const WIDE_REPS: &str = r#"(component
        (core module $m0 (global $sum (mut i64) (i64.const 0))
            (func (export "dtor") (param i64) (global.set $sum (i64.add (global.get $sum) (local.get 0))))
            (func (export "gone") (result i64) (global.get $sum)))
        (core instance $i0 (instantiate $m0))
        (type $r' (resource (rep i64) (dtor (core func $i0 "dtor")))) (export $r "r" (type $r'))
        (core func $new (canon resource.new $r'))
        (core func $rep (canon resource.rep $r'))
        (core module $m
            (import "" "rep" (func $rep (param i32) (result i64)))
            (func (export "ask") (param i32) (result i64) (call $rep (local.get 0))))
        (core instance $i (instantiate $m (with "" (instance (export "rep" (func $rep))))))
        (func (export "make") (param "x" u64) (result (own $r)) (canon lift (core func $new)))
        (func (export "ask") (param "x" (own $r)) (result u64) (canon lift (core func $i "ask")))
        (func (export "gone") (result u64) (canon lift (core func $i0 "gone"))))"#;

    #[test]
    fn a_component_with_wide_resources_is_bundled_and_is_what_it_was() {
        const NUMBER: u64 = 0xfedc_ba98_7654_3210;
        let bundler = Bundler::new();
        let error = bundler.clone().bundle(&module(WIDE_REPS), &key()).unwrap_err();
        assert!(error.unsupported_feature().is_some(), "{error}");
        let bundle = bundler.features(Features::all()).bundle(&module(WIDE_REPS), &key()).unwrap();
        let off = Features { memory64: false, ..Features::all() };
        assert_eq!(component(&bundle, off).unwrap_err().unsupported_feature(), Some("memory64"));
        let component = component(&bundle, MEMORY64).unwrap();
        let mut store = Store::new(component.engine(), ());
        let instance = Linker::new(component.engine()).instantiate(&mut store, &component).unwrap();
        let make = instance.get_typed_func::<(u64,), (ResourceAny,)>(&store, "make").unwrap();
        let ask = instance.get_typed_func::<(ResourceAny,), (u64,)>(&store, "ask").unwrap();
        let gone = instance.get_typed_func::<(), (u64,)>(&store, "gone").unwrap();
        let ((one,), (other,)) =
            (make.call(&mut store, (NUMBER,)).unwrap(), make.call(&mut store, (1,)).unwrap());
        one.resource_drop(&mut store).unwrap();
        assert_eq!(gone.call(&mut store, ()).unwrap(), (NUMBER,));
        assert_eq!(ask.call(&mut store, (other,)).unwrap(), (1,));
        // As many as there may be handles, again and again.
        for _ in 0..2 * Limits::mcu().handles {
            let (one,) = make.call(&mut store, (u64::MAX,)).unwrap();
            one.resource_drop(&mut store).unwrap();
        }
    }

    #[test]
    #[cfg(feature = "memory64")]
    fn a_bundled_component_with_a_64_bit_memory_is_refused_where_they_are_off() {
        let bundler = Bundler::new().memory64(true).features(MEMORY64);
        let bundle = bundler.bundle(&module(WIDE), &key()).unwrap();
        let off = Features { memory64: false, ..Features::all() };
        for error in [component(&bundle, off).unwrap_err(), load(&bundle, Limits::mcu()).unwrap_err()] {
            assert_eq!(error.unsupported_feature(), Some("memory64"), "{error}");
        }
    }

    /// A component for each proposal: it loads where that one is on, and nowhere else.
    #[test]
    fn a_bundle_needs_what_its_component_uses_and_nothing_else() {
        for (text, name, on) in [
            ("(component)", "", NONE),
            (r#"(component (type (func async)))"#, "concurrency", Features { concurrency: true, ..NONE }),
            (r#"(component (type (map string u8)))"#, "map", Features { map: true, ..NONE }),
            (
                r#"(component (core func (canon error-context.drop)))"#,
                "error_context",
                Features { error_context: true, ..NONE },
            ),
            (
                r#"(component (type (list u8 4)))"#,
                "fixed_length_lists",
                Features { fixed_length_lists: true, ..NONE },
            ),
        ] {
            let bytes = module(text);
            let bundle = Bundler::new().features(Features::all()).bundle(&bytes, &key()).unwrap();
            component(&bundle, on).unwrap();
            component(&bundle, Features::all()).unwrap();
            match name {
                "" => drop(component(&bundle, NONE).unwrap()),
                name => {
                    let error = component(&bundle, NONE).unwrap_err();
                    assert_eq!(error.unsupported_feature(), Some(name), "{error}");
                    let error = Bundler::new().features(NONE).bundle(&bytes, &key()).unwrap_err();
                    assert!(error.unsupported_feature().is_some(), "{name}: {error}");
                }
            }
        }
    }

    #[test]
    fn a_proposal_that_is_none_is_refused_though_it_is_signed() {
        use ed25519_dalek::Signer;
        let bundle = Bundler::new().bundle(&module("(component)"), &key()).unwrap();
        assert_eq!(bundle[MODULES], 0, "it uses none");
        // All there are, and the first that there is not, as LEB128.
        for (used, all_known) in [([0xff, 0x03], true), ([0x80, 0x04], false)] {
            let described = u32::from_le_bytes(bundle[DESCRIPTION..MODULES].try_into().unwrap());
            let mut forged = bundle[..DESCRIPTION].to_vec();
            forged.extend_from_slice(&(described + 1).to_le_bytes());
            forged.extend_from_slice(&used);
            forged.extend_from_slice(&bundle[MODULES + 1..bundle.len() - 64]);
            let signature = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).sign(&forged);
            forged.extend_from_slice(&signature.to_bytes());
            match component(&forged, Features::all()) {
                Ok(_) => assert!(all_known),
                Err(error) => {
                    assert!(!all_known && error.to_string().contains("out of range"), "{error}");
                }
            }
        }
    }

    #[test]
    fn one_is_not_taken_for_the_other() {
        let engine = Engine::new(Features::default(), &Limits::mcu());
        let verified = VerifiedBundle::verify(hello(), &key().public()).unwrap();
        assert!(!verified.is_component());
        let error = Component::from_bundle(&engine, &verified).unwrap_err();
        assert!(error.to_string().contains("a core module where a component is expected"), "{error}");
    }

    #[test]
    fn a_description_cut_short_is_refused_though_it_is_signed() {
        use ed25519_dalek::Signer;
        let text = r#"(component (type $t (record (field "a" string))) (export "t" (type $t)))"#;
        let bundle = Bundler::new().bundle(&module(text), &key()).unwrap();
        let described = u32::from_le_bytes(bundle[DESCRIPTION..MODULES].try_into().unwrap()) as usize;
        for length in 1..described {
            let mut short = bundle[..DESCRIPTION].to_vec();
            short.extend_from_slice(&(length as u32).to_le_bytes());
            short.extend_from_slice(&bundle[MODULES..MODULES + length]);
            short.extend_from_slice(&bundle[MODULES + described..bundle.len() - 64]);
            let signature = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).sign(&short);
            short.extend_from_slice(&signature.to_bytes());
            let error = load(&short, Limits::mcu()).unwrap_err();
            assert!(error.to_string().contains("has no meaning"), "{length}: {error}");
        }
    }
}

/// What the boards run is what is made of its source now. `BLESS=1` makes it: then it has to be run on the boards.
#[test]
fn what_the_boards_run_is_current() {
    let firmware = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("no_std-examples/firmware");
    let guests = firmware.join("guests");
    let is = |path: std::path::PathBuf, made: Vec<u8>| match std::env::var_os("BLESS") {
        Some(_) => std::fs::write(path, made).unwrap(),
        None => assert!(std::fs::read(&path).unwrap() == made, "{} is another", path.display()),
    };
    for entry in std::fs::read_dir(&guests).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "wat") {
            is(path.with_extension("wasm"), wat::parse_file(&path).unwrap());
        }
    }
    let hex = std::fs::read_to_string(guests.join("example-key.hex")).unwrap();
    let mut seed = [0; 32];
    for (byte, digits) in seed.iter_mut().zip(hex.trim().as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(core::str::from_utf8(digits).unwrap(), 16).unwrap();
    }
    let key = SecretKey::from_bytes(&seed);
    for name in ["checksum", "hello", "plugin"] {
        let bytes = std::fs::read(guests.join(name).with_extension("wasm")).unwrap();
        is(guests.join(name).with_extension("bundle"), Bundler::new().bundle(&bytes, &key).unwrap());
    }
    let source = std::fs::read_to_string(firmware.join("src/key.rs")).unwrap();
    let written: String = key.public().to_bytes().iter().map(|byte| format!("0x{byte:02x},")).collect();
    let source: String = source.split_whitespace().collect();
    assert!(source.contains(&written), "another public key");
}
