//! Fuel bounds what a guest has the host do: over directories that count what reaches them.

#![cfg(all(feature = "std", feature = "p1", feature = "p2", feature = "p3"))]

use std::{
    any::Any,
    fs,
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};
use wasmote::{
    Access, Host, Program, Trap,
    backend::mem,
    block_on,
    cap::{
        Code,
        cli::{InputStream, OutputStream},
        filesystem::{Advice, Directory, Entry, File, Metadata, Name, Open, Times},
        sockets::{Shutdown, TcpListener, TcpStream},
    },
};

/// What was done, in nanoseconds as measured on Linux, and how often something was brought to the medium.
#[derive(Clone, Default)]
struct Count {
    ns: Arc<AtomicU64>,
    syncs: Arc<AtomicU64>,
}

/// No unit of fuel is to take longer: some fifty times what computing takes.
const NS_PER_FUEL_MAX: u64 = 60;

const DIRECTORY_NS: u64 = 8_500;
const LINK_NS: u64 = 2_000;
const METADATA_NS: u64 = 2_000;
const OPEN_NS: u64 = 13_000;
const CHANGE_NS: u64 = 33_000;
const ENTRY_NS: u64 = 1_700;
const TRANSFER_NS: u64 = 1_000;
const SYNC_NS: u64 = 1_000_000;
const SEGMENT_NS: u64 = 3_000;
const NOTHING_NS: u64 = 2_000;

impl Count {
    fn did<T>(&self, ns: u64, result: T) -> T {
        self.ns.fetch_add(ns, Ordering::Relaxed);
        result
    }

    fn synced<T>(&self, result: T) -> T {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.did(SYNC_NS, result)
    }

    fn ns(&self) -> u64 {
        self.ns.load(Ordering::Relaxed)
    }

    fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }
}

/// A directory in memory that counts.
struct Counted(Arc<dyn Directory>, Count);

struct CountedFile(Arc<dyn File>, Count);

impl Counted {
    fn inner(directory: &dyn Directory) -> &dyn Directory {
        &*directory.as_any().downcast_ref::<Self>().unwrap().0
    }
}

impl Directory for Counted {
    fn open_directory(&self, name: Name<'_>) -> Result<Arc<dyn Directory>, Code> {
        let opened = self.1.did(DIRECTORY_NS, self.0.open_directory(name));
        opened.map(|directory| Arc::new(Self(directory, self.1.clone())) as Arc<dyn Directory>)
    }

    fn open_file(&self, name: Name<'_>, open: Open) -> Result<Arc<dyn File>, Code> {
        let ns = OPEN_NS + if open.create || open.truncate { CHANGE_NS } else { 0 };
        let opened = self.1.did(ns, self.0.open_file(name, open));
        opened.map(|file| Arc::new(CountedFile(file, self.1.clone())) as Arc<dyn File>)
    }

    fn metadata(&self) -> Result<Metadata, Code> {
        self.1.did(METADATA_NS, self.0.metadata())
    }

    fn metadata_at(&self, name: Name<'_>) -> Result<Metadata, Code> {
        self.1.did(METADATA_NS, self.0.metadata_at(name))
    }

    fn set_times(&self, times: Times) -> Result<(), Code> {
        self.1.did(METADATA_NS, self.0.set_times(times))
    }

    fn set_times_at(&self, name: Name<'_>, times: Times) -> Result<(), Code> {
        self.1.did(METADATA_NS, self.0.set_times_at(name, times))
    }

    fn read_link(&self, name: Name<'_>) -> Result<String, Code> {
        self.1.did(LINK_NS, self.0.read_link(name))
    }

    fn create_directory(&self, name: Name<'_>) -> Result<(), Code> {
        self.1.did(CHANGE_NS, self.0.create_directory(name))
    }

    fn create_symlink(&self, name: Name<'_>, target: &str) -> Result<(), Code> {
        self.1.did(CHANGE_NS, self.0.create_symlink(name, target))
    }

    fn link(&self, name: Name<'_>, to: &dyn Directory, to_name: Name<'_>) -> Result<(), Code> {
        self.1.did(CHANGE_NS, self.0.link(name, Self::inner(to), to_name))
    }

    fn rename(&self, name: Name<'_>, to: &dyn Directory, to_name: Name<'_>) -> Result<(), Code> {
        self.1.did(CHANGE_NS, self.0.rename(name, Self::inner(to), to_name))
    }

    fn remove_file(&self, name: Name<'_>) -> Result<(), Code> {
        self.1.did(CHANGE_NS, self.0.remove_file(name))
    }

    fn remove_directory(&self, name: Name<'_>) -> Result<(), Code> {
        self.1.did(CHANGE_NS, self.0.remove_directory(name))
    }

    fn read(&self, visit: &mut dyn FnMut(Entry<'_>) -> bool) -> Result<u64, Code> {
        self.0.read(&mut |entry| self.1.did(ENTRY_NS, visit(entry)))
    }

    fn sync(&self) -> Result<(), Code> {
        self.1.synced(self.0.sync())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl File for CountedFile {
    fn poll_read_at(&self, cx: &mut Context<'_>, bytes: &mut [u8], offset: u64) -> Poll<Result<usize, Code>> {
        self.1.did(TRANSFER_NS, self.0.poll_read_at(cx, bytes, offset))
    }

    fn poll_write_at(&self, cx: &mut Context<'_>, bytes: &[u8], offset: u64) -> Poll<Result<usize, Code>> {
        self.1.did(TRANSFER_NS, self.0.poll_write_at(cx, bytes, offset))
    }

    fn poll_append(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<(usize, u64), Code>> {
        self.1.did(TRANSFER_NS, self.0.poll_append(cx, bytes))
    }

    fn metadata(&self) -> Result<Metadata, Code> {
        self.1.did(METADATA_NS, self.0.metadata())
    }

    fn set_size(&self, size: u64) -> Result<(), Code> {
        self.1.did(CHANGE_NS, self.0.set_size(size))
    }

    fn set_times(&self, times: Times) -> Result<(), Code> {
        self.1.did(METADATA_NS, self.0.set_times(times))
    }

    fn advise(&self, offset: u64, length: u64, advice: Advice) -> Result<(), Code> {
        self.1.did(METADATA_NS, self.0.advise(offset, length, advice))
    }

    fn sync(&self, data_only: bool) -> Result<(), Code> {
        self.1.synced(self.0.sync(data_only))
    }
}

fn name(text: &str) -> Name<'_> {
    Name::new(text).unwrap()
}

/// `a` is a directory, `l` a link to it, `f` a file, and `many` a directory of 300 files.
fn counted() -> (Counted, Count) {
    let root: Arc<dyn Directory> = Arc::new(mem::Directory::new());
    let create = Open { read: true, write: true, create: true, ..Open::default() };
    root.create_directory(name("a")).unwrap();
    root.create_symlink(name("l"), "a").unwrap();
    root.open_file(name("f"), create).unwrap();
    root.create_directory(name("many")).unwrap();
    let many = root.open_directory(name("many")).unwrap();
    (0..300).for_each(|number| drop(many.open_file(name(&format!("{number:03}")), create).unwrap()));
    let count = Count::default();
    (Counted(root, count.clone()), count)
}

/// A program that does `body` over and over. `f` is open as `$f`, `many` as `$many`, `f` with writes that wait for the
/// medium as `$d`; a path is 4,095 bytes of `a/../`, from 65536 on.
fn endless(body: &str) -> Program {
    let text = format!(
        r#"(module
        (import "wasi_snapshot_preview1" "path_open"
            (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_filestat_get"
            (func $stat (param i32 i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_filestat_get" (func $fstat (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_sync" (func $sync (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $resize (param i32 i64) (result i32)))
        (import "wasi_snapshot_preview1" "fd_readdir" (func $readdir (param i32 i32 i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_pwrite" (func $pwrite (param i32 i32 i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_pread" (func $pread (param i32 i32 i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_rename"
            (func $rename (param i32 i32 i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 3)
        (global $f (mut i32) (i32.const 0)) (global $d (mut i32) (i32.const 0)) (global $many (mut i32) (i32.const 0))
        (data (i32.const 0) "fmanynewl/l/l/l")
        ;; One buffer of one byte at 64, and as many as a call may take at 1024.
        (data (i32.const 64) "\00\10\00\00\01\00\00\00")
        (func $open (param $path i32) (param $length i32) (param $flags i32) (param $fdflags i32) (result i32)
            (drop (call $path_open (i32.const 3) (i32.const 1) (local.get $path) (local.get $length)
                (local.get $flags)
                ;; A directory cannot be written.
                (select (i64.const 0x1fffffbf) (i64.const 0x1fffffff) (i32.eq (local.get $flags) (i32.const 2)))
                (i64.const 0x1fffffff) (local.get $fdflags) (i32.const 80)))
            (i32.load (i32.const 80)))
        (func (export "_start") (local $at i32)
            (loop $fill
                (i32.store (i32.add (i32.const 65536) (local.get $at)) (i32.const 0x2e2e2f61))
                (i32.store8 (i32.add (i32.const 65540) (local.get $at)) (i32.const 0x2f))
                (br_if $fill (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 5))) (i32.const 4095))))
            (local.set $at (i32.const 1024))
            (loop $fill
                (i64.store (local.get $at) (i64.const 0x100001000))
                (br_if $fill (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 9216))))
            (global.set $f (call $open (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0)))
            (global.set $d (call $open (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 2)))
            (global.set $many (call $open (i32.const 1) (i32.const 4) (i32.const 2) (i32.const 0)))
            (loop $again {body} (br $again))))"#
    );
    Program::load(&wat::parse_str(text).unwrap()).unwrap()
}

const LOOPS: [(&str, &str); 11] = [
    ("metadata", "(drop (call $fstat (global.get $f) (i32.const 128)))"),
    (
        "path",
        "(drop (call $stat (i32.const 3) (i32.const 1) (i32.const 65536) (i32.const 4095) (i32.const 128)))",
    ),
    ("links", "(drop (call $stat (i32.const 3) (i32.const 1) (i32.const 8) (i32.const 7) (i32.const 128)))"),
    ("open", "(drop (call $close (call $open (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0))))"),
    (
        "create",
        "(drop (call $close (call $open (i32.const 5) (i32.const 3) (i32.const 1) (i32.const 0))))
         (drop (call $unlink (i32.const 3) (i32.const 5) (i32.const 3)))",
    ),
    (
        "rename",
        "(drop (call $rename (i32.const 3) (i32.const 0) (i32.const 1) (i32.const 3) (i32.const 0) (i32.const 1)))",
    ),
    ("resize", "(drop (call $resize (global.get $f) (i64.const 5)))"),
    (
        "list from the start, into little room",
        "(drop (call $readdir (global.get $many) (i32.const 16384) (i32.const 100) (i64.const 0) (i32.const 88)))",
    ),
    (
        "read",
        "(drop (call $pread (global.get $f) (i32.const 64) (i32.const 1) (i64.const 0) (i32.const 88)))",
    ),
    ("sync", "(drop (call $sync (global.get $f)))"),
    (
        "write that waits, of many buffers",
        "(drop (call $pwrite (global.get $d) (i32.const 1024) (i32.const 1024) (i64.const 0) (i32.const 88)))",
    ),
];

#[test]
fn fuel_bounds_what_reaches_a_directory() {
    for (what, body) in LOOPS {
        let program = endless(body);
        for fuel in [300_000, 3_000_000] {
            let (directory, count) = counted();
            let host = Host::new().directory("/", directory, Access::ReadWrite).fuel(fuel);
            let error = block_on(host.start(&program).unwrap().run()).unwrap_err();
            assert_eq!(error.trap(), Some(Trap::OutOfFuel), "{what}");
            // What the last call did may pass the budget.
            let (ns, last_ns) = (count.ns(), 10_000_000);
            assert!(ns < fuel * NS_PER_FUEL_MAX + last_ns, "{what}: {ns} ns for {fuel} fuel");
            assert!(ns > fuel, "{what}: {ns} ns for {fuel} fuel: that did nothing");
        }
    }
}

/// What a guest is not told of is looked at all the same.
#[test]
fn names_that_are_passed_over_are_paid() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let program = wat::parse_str(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_readdir" (func $readdir (param i32 i32 i32 i64 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "_start")
                (drop (call $readdir (i32.const 3) (i32.const 1024) (i32.const 1000) (i64.const 0) (i32.const 88)))))"#,
    );
    let program = Program::load(&program.unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let spent = || {
        let directory = wasmote::backend::std::Directory::open_ambient(folder.path()).unwrap();
        let mut guest = Host::new().directory("/", directory, Access::ReadOnly).start(&program).unwrap();
        assert_eq!(block_on(guest.run()).unwrap().code(), 0);
        guest.fuel_spent()
    };
    let empty = spent();
    for number in 0..300 {
        let name = [format!("{number}").as_bytes(), b"\xff"].concat();
        fs::write(folder.path().join(OsStr::from_bytes(&name)), "").unwrap();
    }
    assert_eq!(spent() - empty, 300 * u64::from(wasmote::wasi::price::ENTRY));
}

/// A connection that takes all that is sent, and where nothing comes; a listener and an input where nobody comes.
struct Quiet(Count);

impl TcpStream for Quiet {
    fn poll_receive(&self, _: &mut Context<'_>, _: &mut [u8], _: bool) -> Poll<Result<usize, Code>> {
        self.0.did(NOTHING_NS, Poll::Pending)
    }

    fn poll_send(&self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        self.0.did(SEGMENT_NS, Poll::Ready(Ok(bytes.len())))
    }

    fn poll_receivable(&self, _: &mut Context<'_>) -> Poll<u64> {
        self.0.did(NOTHING_NS, Poll::Pending)
    }

    fn poll_sendable(&self, _: &mut Context<'_>) -> Poll<()> {
        self.0.did(NOTHING_NS, Poll::Ready(()))
    }

    fn shutdown(&self, _: Shutdown) -> Result<(), Code> {
        Ok(())
    }
}

impl TcpListener for Quiet {
    fn poll_accept(&self, _: &mut Context<'_>) -> Poll<Result<Arc<dyn TcpStream>, Code>> {
        self.0.did(NOTHING_NS, Poll::Pending)
    }

    fn poll_acceptable(&self, _: &mut Context<'_>) -> Poll<()> {
        self.0.did(NOTHING_NS, Poll::Pending)
    }
}

impl InputStream for Quiet {
    fn poll_read(&self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<Result<usize, Code>> {
        self.0.did(NOTHING_NS, Poll::Pending)
    }

    fn poll_readable(&self, _: &mut Context<'_>) -> Poll<u64> {
        self.0.did(NOTHING_NS, Poll::Pending)
    }
}

impl OutputStream for Quiet {
    fn poll_write(&self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        self.0.did(TRANSFER_NS, Poll::Ready(Ok(bytes.len())))
    }

    fn poll_flush(&self, _: &mut Context<'_>) -> Poll<Result<(), Code>> {
        Poll::Ready(Ok(()))
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<u64> {
        self.0.did(NOTHING_NS, Poll::Ready(u64::MAX))
    }
}

/// A program that does `body` over and over: input is 0, output 1, a connection 3, a listener 4, and none of them waits.
fn endless_on_sockets(body: &str) -> Program {
    let text = format!(
        r#"(module
        (import "wasi_snapshot_preview1" "fd_fdstat_set_flags" (func $flags (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "sock_recv"
            (func $receive (param i32 i32 i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "sock_send" (func $send (param i32 i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "_start") (local $at i32)
            (local.set $at (i32.const 1024))
            (loop $fill
                (i64.store (local.get $at) (i64.const 0x100008000))
                (br_if $fill (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 9216))))
            (drop (call $flags (i32.const 0) (i32.const 4)))
            (drop (call $flags (i32.const 3) (i32.const 4)))
            (drop (call $flags (i32.const 4) (i32.const 4)))
            (loop $again {body} (br $again))))"#
    );
    Program::load(&wat::parse_str(text).unwrap()).unwrap()
}

#[test]
fn fuel_bounds_what_reaches_a_socket() {
    let all = "(i32.const 1024) (i32.const 1024)";
    for body in [
        format!("(drop (call $write (i32.const 3) {all} (i32.const 0)))"),
        format!("(drop (call $write (i32.const 1) {all} (i32.const 0)))"),
        "(drop (call $write (i32.const 1) (i32.const 1024) (i32.const 1) (i32.const 0)))".into(),
        format!("(drop (call $send (i32.const 3) {all} (i32.const 0) (i32.const 0)))"),
        "(drop (call $read (i32.const 3) (i32.const 1024) (i32.const 1) (i32.const 0)))".into(),
        "(drop (call $receive (i32.const 3) (i32.const 1024) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 4)))"
            .into(),
        "(drop (call $accept (i32.const 4) (i32.const 4) (i32.const 0)))".into(),
        "(drop (call $read (i32.const 0) (i32.const 1024) (i32.const 1) (i32.const 0)))".into(),
    ] {
        let count = Count::default();
        let host = Host::new()
            .stdin(Quiet(count.clone()))
            .stdout(Quiet(count.clone()))
            .tcp_stream(Quiet(count.clone()))
            .tcp_listener(Quiet(count.clone()))
            .fuel(1_000_000);
        let error = block_on(host.start(&endless_on_sockets(&body)).unwrap().run()).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::OutOfFuel), "{body}");
        let (ns, last_ns) = (count.ns(), 1_024 * SEGMENT_NS);
        assert!(ns < 1_000_000 * NS_PER_FUEL_MAX + last_ns, "{body}: {ns} ns");
        assert!(ns > 1_000_000, "{body}: {ns} ns: that did nothing");
    }
}

#[test]
fn others_have_their_turn_after_each_sync() {
    for (what, body) in &LOOPS[9..] {
        let (directory, count) = counted();
        let host = Host::new().directory("/", directory, Access::ReadWrite);
        let mut guest = host.start(&endless(body)).unwrap();
        let mut running = pin!(guest.run());
        for _ in 0..50 {
            let before = count.syncs();
            assert!(running.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "{what}");
            assert!(count.syncs() - before <= 1, "{what}: {} syncs in one slice", count.syncs() - before);
        }
        assert!(count.syncs() > 20, "{what}: {} syncs", count.syncs());
    }
}

#[test]
fn components_pay_for_what_reaches_a_directory() {
    let path = "a/../".repeat(800);
    let attacks: [(&str, String); 4] = [
        ("walk", format!("stat|0|{path}|follow")),
        ("list", "list|0|many".into()),
        ("create", "write|0|new|create,write|0".into()),
        ("open", "read|0|f|0".into()),
    ];
    for dialect in ["paths-p2", "paths-p3"] {
        let file = format!("{}/tests/guests/{dialect}.wasm", env!("CARGO_MANIFEST_DIR"));
        let program = Program::load(&fs::read(file).unwrap()).unwrap();
        for (what, attack) in &attacks {
            // What the program takes besides, it takes once.
            let [once, often] = [1, 21].map(|times| {
                let (directory, count) = counted();
                let args = ["paths"].into_iter().chain(std::iter::repeat_n(attack.as_str(), times));
                let host = Host::new().directory("/", directory, Access::ReadWrite).args(args);
                let mut guest = host.start(&program).unwrap();
                assert!(block_on(guest.run()).unwrap().is_success(), "{dialect}: {what}");
                (guest.fuel_spent(), count.ns())
            });
            let (fuel, ns) = (often.0 - once.0, often.1 - once.1);
            assert!(ns > 200_000, "{dialect}: {what}: {ns} ns");
            assert!(ns < fuel * NS_PER_FUEL_MAX, "{dialect}: {what}: {ns} ns for {fuel} fuel");
        }
    }
}
