//! What programs and guests take of host memory, counted by the allocator: never more than was foretold,
//! and nothing once they are gone.

#![expect(unsafe_code, reason = "a global allocator is unsafe to implement; this one counts and passes on")]

#[allow(dead_code, reason = "shared with the attacks, which use other parts of it")]
mod bombs;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    fmt::Write,
    future::Future,
    hint::black_box,
    path::{Path, PathBuf},
    pin::pin,
    ptr::null_mut,
    task::{Context, Waker},
};
use wasmote::{
    Access, Error, Guest, Host, Limits, Loader, Program, Trap, backend::mem, block_on, engine::Value,
};

/// Counts for each thread by itself, so that tests can run side by side. Growing an allocation counts as
/// having both, as it is wherever it cannot grow in place.
struct Counting;

thread_local! {
    /// From how many bytes on there are none.
    static REFUSED: Cell<usize> = const { Cell::new(usize::MAX) };
    static LIVE: Cell<i64> = const { Cell::new(0) };
    static PEAK: Cell<i64> = const { Cell::new(0) };
}

fn count(bytes: i64) {
    // Neither can be gone: they have no destructor.
    let live = LIVE.with(|live| live.replace(live.get() + bytes)) + bytes;
    PEAK.with(|peak| peak.set(peak.get().max(live)));
}

// SAFETY: every call goes to the system's allocator as it came; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() >= REFUSED.with(Cell::get) {
            return null_mut();
        }
        count(layout.size() as i64);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.size() >= REFUSED.with(Cell::get) {
            return null_mut();
        }
        count(layout.size() as i64);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn live() -> i64 {
    LIVE.with(Cell::get)
}

/// What `work` answers, and the most bytes it had at once.
fn peak<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = live();
    PEAK.with(|peak| peak.set(before));
    let answer = work();
    (answer, u64::try_from(PEAK.with(Cell::get) - before).unwrap())
}

/// Bounds that nothing in these tests passes.
fn unlimited() -> Limits {
    Limits {
        module_bytes: u32::MAX,
        load_bytes: u64::MAX,
        types: u32::MAX,
        functions: u32::MAX,
        imports_exports: u32::MAX,
        globals: u32::MAX,
        segments: u32::MAX,
        function_values: u32::MAX,
        constant_operators: 10_000,
        instance_bytes: u64::MAX,
        ..Limits::server()
    }
}

fn load(bytes: &[u8], limits: Limits) -> Result<Program, Error> {
    Loader::new().limits(limits).load(bytes)
}

fn guests(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests").join(folder);
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut guests: Vec<_> = entries.filter(|path| path.extension().is_some_and(|it| it == "wasm")).collect();
    guests.sort();
    guests
}

fn guest(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests").join(name)).unwrap()
}

#[test]
fn loading_takes_no_more_than_was_foretold() {
    let mut worse = Vec::new();
    for size in [1_000, 30_000, 1_000_000] {
        for (name, bytes) in bombs::all(size) {
            if name == "locals" && size > 30_000 {
                continue; // 30 KB ask for 82 MB already
            }
            let (program, peak) = peak(|| load(&bytes, unlimited()));
            let program = program.unwrap_or_else(|error| panic!("{name} of {size}: {error}"));
            let foretold = program.outline().load_bytes(bytes.len() as u64);
            let call = |mut guest: Guest| block_on(guest.call("f", &[])).map(drop);
            let host = Host::new().limits(unlimited());
            let ((), run) = self::peak(|| drop(host.start(&program).map(call)));
            let line = format!(
                "{name}: {} bytes, load {peak}, run {run}, foretold {foretold}: {:.2}",
                bytes.len(),
                foretold as f64 / peak as f64
            );
            println!("{line}");
            if peak > foretold {
                worse.push(line);
            }
        }
    }
    assert!(worse.is_empty(), "{worse:#?}");
}

#[test]
fn honest_programs_are_foretold_closely() {
    for path in guests("") {
        let bytes = std::fs::read(&path).unwrap();
        let (program, peak) = peak(|| load(&bytes, Limits::server()));
        drop(program.unwrap());
        let refused = load(&bytes, Limits { load_bytes: 0, ..Limits::server() }).unwrap_err();
        let foretold = refused.limit_exceeded().unwrap().asked;
        println!("{}: {} bytes, load {peak}, foretold {foretold}", path.display(), bytes.len());
        assert!(peak <= foretold && foretold <= 8 * peak, "{}: {peak} {foretold}", path.display());
    }
}

/// What the boards run fits what a board has.
#[cfg(feature = "component")]
#[test]
fn the_components_of_the_boards_are_not_foretold_too_much() {
    use wasmote::component::{Component, Engine, Features};
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("no_std-examples/firmware/guests");
    let mut components = 0;
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let bytes = std::fs::read(&path).unwrap();
        if path.extension().is_some_and(|it| it == "wasm") && bytes.get(4) == Some(&0x0d) {
            let engine = Engine::new(Features::all(), &Limits::mcu());
            Component::new(&engine, &bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            components += 1;
        }
    }
    assert!(components > 0);
}

/// A module's tail calls of imports are edited while all that the component declares is counted already.
#[cfg(feature = "component")]
#[test]
fn editing_a_module_of_a_component_takes_no_more_than_the_limit_leaves() {
    use wasmote::component::{Component, Engine, Features};
    let functions = "(func)".repeat(20_000);
    let calls = "(func (return_call $f))".repeat(10_000);
    let component = |text: &str| wat::parse_str(format!("(component {text})")).unwrap();
    let (large, edited) =
        (format!("(core module {functions})"), format!(r#"(core module (import "" "f" (func $f)) {calls})"#));
    let both = component(&(large.clone() + &edited));
    let loaded = |bytes: &[u8], load_bytes| {
        let engine = Engine::new(Features::default(), &Limits { load_bytes, ..unlimited() });
        let (loaded, peak) = peak(|| Component::new(&engine, bytes).map(drop));
        (loaded.map_err(|error| error.limit_exceeded().expect("it is no other error").asked), peak)
    };
    let foretold = |bytes: &[u8]| loaded(bytes, 0).0.unwrap_err();
    // Each alone has room, and both as they stand; what editing takes besides is refused beforehand.
    let allowed = foretold(&both) + 300_000;
    loaded(&component(&large), allowed).0.unwrap();
    loaded(&component(&edited), allowed).0.unwrap();
    let (refused, peak) = loaded(&both, allowed);
    assert!(refused.unwrap_err() > allowed && peak <= allowed, "{peak} of {allowed}");
    let (loaded, peak) = loaded(&both, allowed + 2_000_000);
    loaded.unwrap();
    assert!(peak <= allowed + 2_000_000, "{peak} of {allowed}");
}

/// A guest that waits for input in the middle of a call.
fn waiting() -> Vec<u8> {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1 1)
        (data (i32.const 0) "\10\00\00\00\10\00\00\00")
        (func (export "_start") (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 64)))))"#;
    wat::parse_str(text).unwrap()
}

fn host(stdin: &mem::Pipe) -> Host {
    Host::new()
        .args(["guest", "sha256", "2"])
        .env("HOME", "/")
        .stdin(stdin.clone())
        .directory("/", mem::Directory::new(), Access::ReadWrite)
        .fuel(50_000_000)
}

#[test]
fn a_program_and_its_guests_give_everything_back() {
    let modules = [waiting(), guest("hello-rust.wasm"), guest("kernels.wasm"), guest("files.wasm")];
    let bomb = bombs::nested(100, &[0x02, 0x40]);
    let cycle = |polls: u32| {
        let stdin = mem::Pipe::with_capacity(64);
        for bytes in &modules {
            let program = Program::load(bytes).unwrap();
            let host = host(&stdin);
            let mut guest = host.start(&program).unwrap();
            drop(program);
            let mut cx = Context::from_waker(Waker::noop());
            // Dropped where it waits, or at the end of a slice, or when it is over.
            let mut call = pin!(guest.run());
            for _ in 0..=polls {
                if call.as_mut().poll(&mut cx).is_ready() {
                    break;
                }
            }
        }
        for length in [0, 8, bomb.len() / 2, bomb.len()] {
            black_box(load(&bomb[..length], Limits::server()).is_ok());
        }
    };
    cycle(0); // what is made once for the whole process
    let before = live();
    for polls in 0..100 {
        cycle(polls);
        assert_eq!(live(), before, "after {polls} polls");
    }
}

/// Two instances, and a third whose start function traps when the others, their handles and memories are there.
#[cfg(feature = "component")]
const TRAPS_AT_ITS_START: &str = r#"(component
    (component $first
        (type $r (resource (rep i32)))
        (core func $new (canon resource.new $r))
        (core module $m
            (import "" "new" (func $new (param i32) (result i32)))
            (memory (export "memory") 4)
            (func $start (drop (call $new (i32.const 1))) (drop (call $new (i32.const 2))))
            (start $start))
        (core instance (instantiate $m (with "" (instance (export "new" (func $new)))))))
    (instance (instantiate $first))
    (instance (instantiate $first))
    (core module $m (memory 2) (table 100 funcref) (func $start unreachable) (start $start))
    (core instance (instantiate $m)))"#;

#[cfg(all(feature = "p2", feature = "p3"))]
#[test]
fn components_and_their_guests_give_everything_back() {
    let trapping = wat::parse_str(TRAPS_AT_ITS_START).unwrap();
    let programs =
        [guest("p2/hello-rust.wasm"), guest("p3/cat.wasm")].map(|bytes| Program::load(&bytes).unwrap());
    // Few enough steps that a call gives way many times.
    let cycle = |polls: u32| {
        for program in &programs {
            let stdin = mem::Pipe::with_capacity(64);
            stdin.write(b"some bytes, and never an end");
            let host = host(&stdin).limits(Limits { slice_fuel: 2_000, ..Limits::server() });
            let mut guest = host.start(program).unwrap();
            let mut call = pin!(guest.run());
            for _ in 0..polls {
                if call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    break;
                }
            }
        }
        let program = Program::load(&trapping).unwrap();
        let error = Host::new().start(&program).err().unwrap();
        assert_eq!(error.trap(), Some(Trap::Unreachable));
    };
    cycle(1_000); // what is made once for each program: its code, translated
    let before = live();
    for polls in 0..60 {
        cycle(polls);
        assert_eq!(live(), before, "after {polls} polls");
    }
}

/// A component that traps at its start leaves a store as it was: what else is in it goes on, and takes no more.
#[cfg(feature = "component")]
#[test]
fn a_trap_at_the_start_leaves_nothing_behind_in_a_store() {
    use wasmote::component::{Component, Engine, Linker, Store};
    let engine = Engine::default();
    let trapping = Component::new(&engine, wat::parse_str(TRAPS_AT_ITS_START).unwrap()).unwrap();
    let linker = Linker::<()>::new(&engine);
    let fail = || {
        let mut store = Store::new(&engine, ());
        let error = linker.instantiate(&mut store, &trapping).err().unwrap();
        assert_eq!(error.trap(), Some(Trap::Unreachable));
        store
    };
    drop(fail());
    let before = live();
    for _ in 0..10 {
        drop(fail());
        assert_eq!(live(), before);
    }
}

#[test]
fn a_thousand_guests_take_little_beyond_their_memory() {
    let mut figures = String::with_capacity(1_000);
    block_on(async {}); // a thread keeps its waker
    for name in ["hello-nostd.wasm", "hello.wasm", "files.wasm", "hello-rust.wasm"] {
        let bytes = guest(name);
        let outset = live();
        let program = Program::load(&bytes).unwrap();
        let stdin = mem::Pipe::with_capacity(64);
        let host = host(&stdin).directory("/tmp", mem::Directory::new(), Access::ReadOnly);
        let mut first = host.start(&program).unwrap();
        assert!(block_on(first.run()).is_ok(), "translated");
        let before = live();
        let mut alive: Vec<_> = (0..1_000).map(|_| host.start(&program).unwrap()).collect();
        for guest in &mut alive {
            // Into the first slice: its stack and whatever else it makes on the way are there.
            let _ = pin!(guest.run()).poll(&mut Context::from_waker(Waker::noop()));
        }
        let memory: u64 = alive.iter().map(Guest::memory_bytes).sum();
        let each = (live() - before - memory.cast_signed()) / 1_000;
        writeln!(figures, "{name}: {each} bytes for each guest beyond its memory").unwrap();
        // Of which the interpreter takes a part for each function: 222 of them are the most here.
        let functions = program.outline().functions;
        assert!(
            each <= (12 << 10) + 80 * i64::from(functions),
            "{name}: {each} bytes, {functions} functions"
        );
        assert!(each <= 16 << 10 || functions > 100, "{name}: {each} bytes, {functions} functions");
        // The stacks of dropped calls are kept for the next ones, by the program.
        drop((alive, first, host, stdin, program));
        assert_eq!(live(), outset, "{name}");
    }
    // Last, since what a test prints is kept.
    println!("{figures}");
}

/// Components that are nothing but one sort of item, again and again.
#[cfg(feature = "component")]
fn components(count: usize) -> Vec<(&'static str, String)> {
    let list = |item: &dyn Fn(usize) -> String| (0..count).map(item).collect::<String>();
    vec![
        ("types", list(&|n| format!("(type (tuple u8 (list u{})))", [8, 16, 32, 64][n % 4]))),
        ("functions", list(&|_| "(type (func))".into())),
        ("parameters", format!("(type (func {}))", list(&|n| format!("(param \"a{n}\" u8)")))),
        ("fields", format!("(type (record {}))", list(&|n| format!("(field \"a{n}\" u8)")))),
        ("labels", format!("(type (enum {}))", list(&|n| format!(" \"a{n}\"")))),
        ("instance types", list(&|_| "(type (instance))".into())),
        ("items", format!("(type (instance {}))", list(&|n| format!("(export \"a{n}\" (func))")))),
        ("resources", list(&|_| "(type (resource (rep i32)))".into())),
        ("built-ins", list(&|_| "(core func (canon backpressure.inc))".into())),
        ("imports", list(&|n| format!("(import \"a{n}\" (func))"))),
        ("exports", format!("(component $c) {}", list(&|n| format!("(export \"a{n}\" (component $c))")))),
        ("instances", format!("(component $c) {}", list(&|_| "(instance (instantiate $c))".into()))),
        ("components", list(&|_| "(component)".into())),
    ]
}

#[cfg(feature = "component")]
#[test]
fn loading_a_component_takes_no_more_than_was_foretold() {
    use wasmote::component::{Component, Engine, Features};
    let limits = Limits { components: u32::MAX, definitions: u32::MAX, ..unlimited() };
    let mut worse = Vec::new();
    for count in [50, 900] {
        for (name, text) in components(count) {
            let bytes = wat::parse_str(format!("(component {text})")).unwrap();
            let load = |limits: Limits| Component::new(&Engine::new(Features::all(), &limits), &bytes);
            let error = load(Limits { load_bytes: 0, ..limits }).unwrap_err();
            let limit = error.limit_exceeded().unwrap_or_else(|| panic!("{name}: {error}"));
            assert_eq!(limit.limit, "load_bytes", "{name}");
            let (component, peak) = peak(|| load(limits));
            drop(component.unwrap_or_else(|error| panic!("{name}: {error}")));
            let line =
                format!("{count} {name}: {} bytes, load {peak}, foretold {}", bytes.len(), limit.asked);
            println!("{line}");
            if peak > limit.asked {
                worse.push(line);
            }
        }
    }
    assert!(worse.is_empty(), "{worse:#?}");
}

/// What `work` answers while the allocator has no piece of so many bytes.
fn without_pieces_of<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    REFUSED.with(|refused| refused.set(bytes));
    let answer = work();
    REFUSED.with(|refused| refused.set(usize::MAX));
    answer
}

/// X-11, for what a guest sizes. That there is nothing left for what is small, stable Rust does not let a program survive.
#[test]
fn memory_that_the_host_does_not_have_is_an_answer() {
    let text = r#"(module
        (memory (export "memory") 1)
        (table $t 1 funcref)
        (func (export "memory-grow") (result i32) (memory.grow (i32.const 64)))
        (func (export "table-grow") (result i32) (table.grow $t (ref.null func) (i32.const 500000)))
        (func (export "small") (result i32) (i32.add (memory.grow (i32.const 1)) (i32.const 0))))"#;
    // A slice covers it all: what is tried is the allocator.
    let limits = Limits {
        memory_bytes: 64 << 20,
        table_elements: 1 << 20,
        slice_fuel: 10_000_000,
        ..Limits::server()
    };
    let program = load(&wat::parse_str(text).unwrap(), limits).unwrap();
    let mut guest = Host::new().limits(limits).start(&program).unwrap();
    let mut call = |name: &str| match block_on(guest.call(name, &[])).unwrap()[..] {
        [Value::I32(grown)] => grown,
        ref other => panic!("{other:?}"),
    };
    assert_eq!(without_pieces_of(1 << 20, || call("small")), 1);
    for name in ["memory-grow", "table-grow"] {
        assert_eq!(without_pieces_of(1 << 20, || call(name)), -1, "{name}");
        // The limits are not what refused it.
        assert_ne!(call(name), -1, "{name}");
    }
    for declares in ["(memory 64)", "(table 500000 funcref)"] {
        let program = load(&wat::parse_str(format!("(module {declares})")).unwrap(), limits).unwrap();
        let start = || Host::new().limits(limits).start(&program).map(drop);
        let error = without_pieces_of(1 << 20, start).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::OutOfMemory), "{declares}: {error}");
        start().unwrap();
    }
}

/// S-10, for the files that are read back here.
#[cfg(feature = "bundle")]
#[test]
fn ten_thousand_loaded_bundles_leave_nothing() {
    use wasmote::engine::bundle::{Bundler, SecretKey, VerifiedBundle};
    let key = SecretKey::from_bytes(&[7; 32]);
    let text = r#"(module (memory (export "memory") 1) (func (export "_start") (drop (memory.grow (i32.const 1)))))"#;
    let bytes = Bundler::new().bundle(&wat::parse_str(text).unwrap(), &key).unwrap();
    let public = key.public();
    let verified = VerifiedBundle::verify(&bytes, &public).unwrap();
    let restore = || {
        let program = Program::from_bundle(&verified, Limits::mcu()).unwrap();
        let host = Host::new().limits(Limits::mcu());
        assert!(block_on(host.start(&program).unwrap().run()).unwrap().is_success());
    };
    restore();
    let before = live();
    (0..10_000).for_each(|_| restore());
    assert_eq!(live(), before);
}
