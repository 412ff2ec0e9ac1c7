//! What WASI 0.3 does for guests that are written for one behaviour each, hostile ones among them.

#![cfg(all(feature = "std", feature = "p1", feature = "p3"))]

use wasmote::{Access, Error, Host, Limits, Program, Trap, backend::mem, block_on};

/// A command with everything that waiting and streams take; `body` is its functions `run` and `callback`.
fn command(body: &str) -> Vec<u8> {
    let callback = r#"(func (export "callback")"#;
    let body = body.replace(callback, r#"(func $callback (export "callback")"#);
    let text = SCAFFOLD.replace("BODY", &body);
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"))
}

const SCAFFOLD: &str = r#"(component
    (import "wasi:clocks/monotonic-clock@0.3.0" (instance $clock
        (export "now" (func (result u64)))
        (export "wait-for" (func async (param "how-long" u64)))
        (export "wait-until" (func async (param "when" u64)))))
    (import "wasi:cli/exit@0.3.0" (instance $exit
        (export "exit-with-code" (func (param "status-code" u8)))))
    (import "wasi:cli/types@0.3.0" (instance $types
        (type $e (enum "io" "illegal-byte-sequence" "pipe"))
        (export "error-code" (type (eq $e)))))
    (alias export $types "error-code" (type $error))
    (import "wasi:cli/stdin@0.3.0" (instance $stdin
        (export "error-code" (type $e (eq $error)))
        (export "read-via-stream" (func (result (tuple (stream u8) (future (result (error $e)))))))))
    (import "wasi:cli/stdout@0.3.0" (instance $stdout
        (export "error-code" (type $e (eq $error)))
        (export "write-via-stream" (func (param "data" (stream u8)) (result (future (result (error $e))))))))
    (type $bytes (stream u8))
    (type $end (future (result (error $error))))
    (core module $libc (memory (export "mem") 1))
    (core instance $libc (instantiate $libc))
    (core func $now (canon lower (func $clock "now")))
    (core func $wait-for (canon lower (func $clock "wait-for") async))
    (core func $wait-until (canon lower (func $clock "wait-until") async))
    (core func $exit (canon lower (func $exit "exit-with-code")))
    (core func $stdin (canon lower (func $stdin "read-via-stream") (memory (core memory $libc "mem"))))
    (core func $stdout (canon lower (func $stdout "write-via-stream")))
    (core func $new (canon stream.new $bytes))
    (core func $read (canon stream.read $bytes async (memory (core memory $libc "mem"))))
    (core func $write (canon stream.write $bytes async (memory (core memory $libc "mem"))))
    (core func $cancel-read (canon stream.cancel-read $bytes))
    (core func $drop-r (canon stream.drop-readable $bytes))
    (core func $drop-w (canon stream.drop-writable $bytes))
    (core func $end-read (canon future.read $end async (memory (core memory $libc "mem"))))
    (core func $end-drop (canon future.drop-readable $end))
    (core func $return (canon task.return (result (result))))
    (core func $set (canon waitable-set.new))
    (core func $join (canon waitable.join))
    (core func $cancel (canon subtask.cancel))
    (core func $subtask-drop (canon subtask.drop))
    (core module $m
        (import "" "mem" (memory 1))
        (import "" "now" (func $now (result i64)))
        (import "" "wait-for" (func $wait-for (param i64) (result i32)))
        (import "" "wait-until" (func $wait-until (param i64) (result i32)))
        (import "" "exit" (func $exit (param i32)))
        (import "" "stdin" (func $stdin (param i32)))
        (import "" "stdout" (func $stdout (param i32) (result i32)))
        (import "" "new" (func $new (result i64)))
        (import "" "read" (func $read (param i32 i32 i32) (result i32)))
        (import "" "write" (func $write (param i32 i32 i32) (result i32)))
        (import "" "cancel-read" (func $cancel-read (param i32) (result i32)))
        (import "" "drop-r" (func $drop-r (param i32)))
        (import "" "drop-w" (func $drop-w (param i32)))
        (import "" "end-read" (func $end-read (param i32 i32) (result i32)))
        (import "" "end-drop" (func $end-drop (param i32)))
        (import "" "return" (func $return (param i32)))
        (import "" "set" (func $set (result i32)))
        (import "" "join" (func $join (param i32 i32)))
        (import "" "cancel" (func $cancel (param i32) (result i32)))
        (import "" "subtask-drop" (func $subtask-drop (param i32)))
        (global $ws (mut i32) (i32.const 0))
        (global $n (mut i32) (i32.const 0))
        (global $r (mut i32) (i32.const 0))
        (global $w (mut i32) (i32.const 0))
        (global $f (mut i32) (i32.const 0))
        (func $wait (result i32) (i32.or (i32.const 2) (i32.shl (global.get $ws) (i32.const 4))))
        (func $done (result i32) (call $return (i32.const 0)) (i32.const 0))
        ;; Goes on with what was answered, at once or when it comes.
        (func $then (param $code i32) (param $handle i32) (param $status i32) (result i32)
            (if (i32.eq (local.get $status) (i32.const -1)) (then (return (call $wait))))
            (call $callback (local.get $code) (local.get $handle) (local.get $status)))
        ;; Fails the program unless so.
        (func $assert (param i32) (if (i32.eqz (local.get 0)) (then unreachable)))
        ;; Starts to wait for so many milliseconds.
        (func $begin (param $ms i64) (result i32) (local $status i32)
            (local.set $status (call $wait-for (i64.mul (local.get $ms) (i64.const 1000000))))
            (call $assert (i32.eq (i32.and (local.get $status) (i32.const 15)) (i32.const 1)))
            (i32.shr_u (local.get $status) (i32.const 4)))
        BODY)
    (core instance $i (instantiate $m (with "" (instance
        (export "mem" (memory $libc "mem")) (export "now" (func $now)) (export "wait-for" (func $wait-for))
        (export "wait-until" (func $wait-until)) (export "exit" (func $exit)) (export "stdin" (func $stdin))
        (export "stdout" (func $stdout)) (export "new" (func $new)) (export "read" (func $read))
        (export "write" (func $write)) (export "cancel-read" (func $cancel-read))
        (export "drop-r" (func $drop-r)) (export "drop-w" (func $drop-w))
        (export "end-read" (func $end-read)) (export "end-drop" (func $end-drop))
        (export "return" (func $return)) (export "set" (func $set)) (export "join" (func $join))
        (export "cancel" (func $cancel)) (export "subtask-drop" (func $subtask-drop))))))
    (func $run async (result (result))
        (canon lift (core func $i "run") async (callback (core func $i "callback"))))
    (instance $run (export "run" (func $run)))
    (export "wasi:cli/run@0.3.0" (instance $run)))"#;

fn run(host: &Host, body: &str) -> Result<u32, Error> {
    let program = Program::load(&command(body))?;
    Ok(block_on(host.start(&program)?.run())?.code())
}

/// Writes the five bytes at 16 to standard output, and ends when it hears that they are there.
const HELLO: &str = r#"
    (data (i32.const 16) "hello")
    (func (export "run") (result i32) (local $ends i64)
        (local.set $ends (call $new))
        (global.set $w (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
        (global.set $f (call $stdout (i32.wrap_i64 (local.get $ends))))
        (global.set $ws (call $set))
        (call $join (global.get $w) (global.get $ws))
        (call $join (global.get $f) (global.get $ws))
        (call $then (i32.const 3) (global.get $w)
            (call $write (global.get $w) (i32.const 16) (i32.const 5))))
    (func (export "callback") (param $code i32) (param $handle i32) (param $status i32) (result i32)
        (if (i32.eq (local.get $code) (i32.const 3)) (then
            ;; Five bytes, and the stream goes on.
            (call $assert (i32.eq (local.get $status) (i32.const 0x50)))
            (call $drop-w (global.get $w))
            (return (call $then (i32.const 4) (global.get $f)
                (call $end-read (global.get $f) (i32.const 64))))))
        (call $assert (i32.eqz (i32.load8_u (i32.const 64))))
        (call $done))"#;

#[test]
fn a_hello_prints() {
    let output = mem::Output::new();
    assert_eq!(run(&Host::new().stdout(output.clone()), HELLO).unwrap(), 0);
    assert_eq!(output.contents(), b"hello");
}

/// P-13
#[test]
fn a_buffer_is_checked_whole_before_a_byte_is_moved() {
    // Of a buffer without a byte nobody looks where it is (`BufferGuestImpl` of `definitions.py`).
    let bounds: [(u32, u32); 7] = [
        (65_535, 2),
        (65_536, 1),
        (0, 65_537),
        (0, u32::MAX),
        (u32::MAX, 1),
        (u32::MAX, u32::MAX),
        (1, (1 << 28) - 1),
    ];
    for (at, length) in bounds {
        let buffer = format!("(i32.const {}) (i32.const {})", at.cast_signed(), length.cast_signed());
        let output = mem::Output::new();
        let write = HELLO.replace("(i32.const 16) (i32.const 5)", &buffer);
        let read = format!(
            r#"(func (export "run") (result i32)
                (call $stdin (i32.const 32))
                (drop (call $read (i32.load (i32.const 32)) {buffer})) (call $done))
            (func (export "callback") (param i32 i32 i32) (result i32) unreachable)"#
        );
        for body in [write, read] {
            let host = Host::new().stdin(mem::Input::bytes(vec![7; 100_000])).stdout(output.clone());
            let trap = run(&host, &body).unwrap_err().trap();
            assert!(matches!(trap, Some(Trap::Component(_))), "{at} {length}: {trap:?}");
        }
        assert_eq!(output.contents(), b"", "{at} {length}");
    }
}

#[test]
fn a_full_output_holds_its_writer_back_and_loses_nothing() {
    let pipe = mem::Pipe::with_capacity(2);
    // Two bytes are taken, and the guest is told so; it writes the rest.
    let body = HELLO.replace(
        "(call $assert (i32.eq (local.get $status) (i32.const 0x50)))",
        "(call $assert (i32.eqz (i32.and (local.get $status) (i32.const 15))))
            (global.set $n (i32.add (global.get $n) (i32.shr_u (local.get $status) (i32.const 4))))
            (if (i32.lt_u (global.get $n) (i32.const 5)) (then
                (return (call $then (i32.const 3) (global.get $w) (call $write (global.get $w)
                    (i32.add (i32.const 16) (global.get $n)) (i32.sub (i32.const 5) (global.get $n)))))))",
    );
    let program = Program::load(&command(&body)).unwrap();
    let mut guest = Host::new().stdout(pipe.clone()).start(&program).unwrap();
    let mut read = Vec::new();
    let exit = wasmote::block_on_with(guest.run(), || read.extend(pipe.take()));
    assert!(exit.unwrap().is_success());
    read.extend(pipe.take());
    assert_eq!(read, b"hello");
}

#[test]
fn an_output_that_breaks_is_told_and_ends_the_stream() {
    // The write ends early and the stream is dropped; the future says `pipe`.
    let body = HELLO
        .replace(
            "(i32.eq (local.get $status) (i32.const 0x50))",
            "(i32.eq (local.get $status) (i32.const 1))",
        )
        .replace(
            "(i32.eqz (i32.load8_u (i32.const 64)))",
            "(i32.eq (i32.load16_u (i32.const 64)) (i32.const 0x0201))",
        );
    assert_eq!(run(&Host::new().stdout(mem::Closed), &body).unwrap(), 0);
}

/// Waits for 30, 10 and 20 milliseconds at once, and exits with the order in which those end.
const THREE_WAITS: &str = r#"
    (func $one (param $ms i64) (param $at i32) (local $index i32)
        (local.set $index (call $begin (local.get $ms)))
        (i32.store (i32.mul (local.get $index) (i32.const 4)) (local.get $at))
        (call $join (local.get $index) (global.get $ws)))
    (func (export "run") (result i32)
        (global.set $ws (call $set))
        (call $one (i64.const 30) (i32.const 1))
        (call $one (i64.const 10) (i32.const 2))
        (call $one (i64.const 20) (i32.const 3))
        (call $wait))
    (func (export "callback") (param $code i32) (param $handle i32) (param $status i32) (result i32)
        (call $assert (i32.eq (local.get $status) (i32.const 2)))
        (call $subtask-drop (local.get $handle))
        (global.set $n (i32.add (i32.mul (global.get $n) (i32.const 4))
            (i32.load (i32.mul (local.get $handle) (i32.const 4)))))
        (if (i32.ge_u (global.get $n) (i32.const 16)) (then (call $exit (global.get $n))))
        (call $wait))"#;

#[test]
fn concurrent_waits_end_by_their_deadlines_and_the_clock_jumps_no_further() {
    let clocks = mem::Clocks::new();
    let code = run(&Host::new().clocks(clocks.clone()), THREE_WAITS).unwrap();
    assert_eq!(code, 2 * 16 + 3 * 4 + 1);
    let now_ns = clocks.peek_ns();
    assert!((30_000_000..30_100_000).contains(&now_ns), "{now_ns}");
}

#[test]
fn waits_end_over_the_platforms_clock_too() {
    let host = Host::new().clocks(wasmote::backend::std::Clocks);
    assert_eq!(run(&host, THREE_WAITS).unwrap(), 2 * 16 + 3 * 4 + 1);
}

#[test]
fn a_wait_that_was_cancelled_moves_no_clock() {
    let clocks = mem::Clocks::new();
    let body = r#"
        (func (export "run") (result i32) (local $long i32) (local $short i32)
            (global.set $ws (call $set))
            (local.set $long (call $begin (i64.const 3600000)))
            (local.set $short (call $begin (i64.const 5)))
            (call $assert (i32.eq (call $cancel (local.get $long)) (i32.const 4)))
            (call $subtask-drop (local.get $long))
            (call $join (local.get $short) (global.get $ws))
            (call $wait))
        (func (export "callback") (param i32 i32 i32) (result i32) (call $done))"#;
    assert_eq!(run(&Host::new().clocks(clocks.clone()), body).unwrap(), 0);
    assert!(clocks.peek_ns() < 6_000_000, "{}", clocks.peek_ns());
}

#[test]
fn a_time_that_has_come_is_not_waited_for() {
    let body = r#"
        (func (export "run") (result i32)
            (call $assert (i32.eq (call $wait-for (i64.const 0)) (i32.const 2)))
            (call $assert (i32.eq (call $wait-until (i64.const 0)) (i32.const 2)))
            (call $done))
        (func (export "callback") (param i32 i32 i32) (result i32) unreachable)"#;
    assert_eq!(run(&Host::new(), body).unwrap(), 0);
}

#[test]
fn a_wait_ends_although_another_task_never_rests() {
    // The callback gives way over and over (YIELD), and polls nothing; time goes on all the same.
    let body = r#"
        (func (export "run") (result i32)
            (global.set $ws (call $begin (i64.const 1)))
            (i32.const 1))
        (func (export "callback") (param i32 i32 i32) (result i32)
            (if (i64.gt_u (call $now) (i64.const 2000000)) (then (return (call $done))))
            (i32.const 1))"#;
    assert_eq!(run(&Host::new(), body).unwrap(), 0);
}

#[test]
fn a_hundred_thousand_waits_are_bounded_by_limits() {
    let body = r#"
        (func (export "run") (result i32) (local $n i32)
            (loop $more
                (drop (call $begin (i64.const 1000)))
                (local.set $n (i32.add (local.get $n) (i32.const 1)))
                (br_if $more (i32.lt_u (local.get $n) (i32.const 100000))))
            (call $done))
        (func (export "callback") (param i32 i32 i32) (result i32) unreachable)"#;
    let host = Host::new().limits(Limits { handles: 1_000, ..Limits::server() });
    assert_eq!(run(&host, body).unwrap_err().trap(), Some(Trap::Handles));
}

#[test]
fn what_is_not_read_is_not_fetched() {
    let input = mem::Input::bytes(b"unread".as_slice());
    let body = r#"
        (func (export "run") (result i32) (call $stdin (i32.const 32)) (call $done))
        (func (export "callback") (param i32 i32 i32) (result i32) unreachable)"#;
    assert_eq!(run(&Host::new().stdin(input.clone()), body).unwrap(), 0);
    assert_eq!(input.remaining(), 6);
}

#[test]
fn a_reader_that_stops_in_the_middle_takes_no_more_and_hears_that_all_is_well() {
    let input = mem::Input::bytes(b"four and more".as_slice());
    let body = r#"
        (func (export "run") (result i32)
            (call $stdin (i32.const 32))
            (global.set $ws (call $set))
            (call $join (i32.load (i32.const 32)) (global.get $ws))
            (call $then (i32.const 2) (i32.load (i32.const 32))
                (call $read (i32.load (i32.const 32)) (i32.const 48) (i32.const 4))))
        (func (export "callback") (param $code i32) (param $handle i32) (param $status i32) (result i32)
            (if (i32.eq (local.get $code) (i32.const 2)) (then
                (call $assert (i32.eq (local.get $status) (i32.const 0x40)))
                (call $assert (i32.eq (i32.load (i32.const 48)) (i32.const 0x72756f66)))
                (call $drop-r (local.get $handle))
                (call $join (i32.load (i32.const 36)) (global.get $ws))
                (return (call $then (i32.const 4) (i32.load (i32.const 36))
                    (call $end-read (i32.load (i32.const 36)) (i32.const 64))))))
            (call $assert (i32.eqz (i32.load8_u (i32.const 64))))
            (call $done))"#;
    assert_eq!(run(&Host::new().stdin(input.clone()), body).unwrap(), 0);
    assert_eq!(input.remaining(), 9);
}

#[test]
fn a_read_that_was_cancelled_loses_nothing() {
    // Nothing is there yet: the read is taken back, and what comes after stays where it is.
    let pipe = mem::Pipe::new();
    let body = r#"
        (func (export "run") (result i32)
            (call $stdin (i32.const 32))
            (call $assert (i32.eq
                (call $read (i32.load (i32.const 32)) (i32.const 48) (i32.const 4)) (i32.const -1)))
            (call $assert (i32.eq (call $cancel-read (i32.load (i32.const 32))) (i32.const 2)))
            (call $drop-r (i32.load (i32.const 32)))
            (call $done))
        (func (export "callback") (param i32 i32 i32) (result i32) unreachable)"#;
    assert_eq!(run(&Host::new().stdin(pipe.clone()), body).unwrap(), 0);
    assert_eq!(pipe.write(b"later"), 5);
    assert_eq!(pipe.take(), b"later");
}

#[test]
fn a_stream_that_goes_from_host_to_host_moves_all_of_it() {
    // Standard input's stream is given to standard output as it is: both ends are the host's.
    let text: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
    let (input, output) = (mem::Input::bytes(text.clone()), mem::Output::new());
    let body = r#"
        (func (export "run") (result i32)
            (call $stdin (i32.const 32))
            (global.set $f (call $stdout (i32.load (i32.const 32))))
            (global.set $ws (call $set))
            (call $join (global.get $f) (global.get $ws))
            (call $assert (i32.eq (call $end-read (global.get $f) (i32.const 64)) (i32.const -1)))
            (call $wait))
        (func (export "callback") (param i32 i32 i32) (result i32)
            (call $assert (i32.eqz (i32.load8_u (i32.const 64))))
            (call $done))"#;
    assert_eq!(run(&Host::new().stdin(input).stdout(output.clone()), body).unwrap(), 0);
    assert_eq!(output.contents(), text);
}

#[test]
fn waiting_for_oneself_is_a_deadlock_and_no_hang() {
    // A stream's readable end given to the host, and a writable end that is never written nor dropped.
    let body = r#"
        (func (export "run") (result i32) (local $ends i64)
            (local.set $ends (call $new))
            (global.set $f (call $stdout (i32.wrap_i64 (local.get $ends))))
            (global.set $ws (call $set))
            (call $join (global.get $f) (global.get $ws))
            (call $assert (i32.eq (call $end-read (global.get $f) (i32.const 64)) (i32.const -1)))
            (call $wait))
        (func (export "callback") (param i32 i32 i32) (result i32) unreachable)"#;
    assert_eq!(run(&Host::new(), body).unwrap_err().trap(), Some(Trap::Component(wasmote::Rule::Deadlock)));
}

/// A command that lists its directory, 64 entries at a time, and exits with how many hundreds there are.
const LISTER: &str = r#"(component
    (import "wasi:cli/exit@0.3.0" (instance $exit
        (export "exit-with-code" (func (param "status-code" u8)))))
    (import "wasi:filesystem/types@0.3.0" (instance $types
        (export "descriptor" (type $d (sub resource)))
        (type $k (variant (case "block-device") (case "character-device") (case "directory") (case "fifo")
            (case "symbolic-link") (case "regular-file") (case "socket") (case "other" (option string))))
        (export "descriptor-type" (type $kind (eq $k)))
        (type $n (record (field "type" $kind) (field "name" string)))
        (export "directory-entry" (type $entry (eq $n)))
        (type $e (variant (case "access") (case "already") (case "bad-descriptor") (case "busy") (case "deadlock")
            (case "quota") (case "exist") (case "file-too-large") (case "illegal-byte-sequence")
            (case "in-progress") (case "interrupted") (case "invalid") (case "io") (case "is-directory")
            (case "loop") (case "too-many-links") (case "message-size") (case "name-too-long") (case "no-device")
            (case "no-entry") (case "no-lock") (case "insufficient-memory") (case "insufficient-space")
            (case "not-directory") (case "not-empty") (case "not-recoverable") (case "unsupported")
            (case "no-tty") (case "no-such-device") (case "overflow") (case "not-permitted") (case "pipe")
            (case "read-only") (case "invalid-seek") (case "text-file-busy") (case "cross-device")
            (case "other" (option string))))
        (export "error-code" (type $error (eq $e)))
        (export "[method]descriptor.read-directory" (func (param "self" (borrow $d))
            (result (tuple (stream $entry) (future (result (error $error)))))))))
    (alias export $types "descriptor" (type $descriptor))
    (alias export $types "directory-entry" (type $entry))
    (alias export $types "error-code" (type $error))
    (import "wasi:filesystem/preopens@0.3.0" (instance $preopens
        (export "descriptor" (type $d (eq $descriptor)))
        (export "get-directories" (func (result (list (tuple (own $d) string)))))))
    (type $entries (stream $entry))
    (type $end (future (result (error $error))))
    (core module $libc
        (memory (export "mem") 1)
        (global $at (mut i32) (i32.const 8192))
        ;; Names live until the space for them is used again.
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
            (if (i32.gt_u (global.get $at) (i32.const 60000)) (then (global.set $at (i32.const 8192))))
            (local.set $at (i32.and (i32.add (global.get $at) (i32.const 7)) (i32.const -8)))
            (global.set $at (i32.add (local.get $at) (local.get 3)))
            (local.get $at)))
    (core instance $libc (instantiate $libc))
    (core func $exit (canon lower (func $exit "exit-with-code")))
    (core func $directories (canon lower (func $preopens "get-directories")
        (memory (core memory $libc "mem")) (realloc (core func $libc "realloc"))))
    (core func $list (canon lower (func $types "[method]descriptor.read-directory")
        (memory (core memory $libc "mem"))))
    (core func $read (canon stream.read $entries async
        (memory (core memory $libc "mem")) (realloc (core func $libc "realloc"))))
    (core func $end-read (canon future.read $end async
        (memory (core memory $libc "mem")) (realloc (core func $libc "realloc"))))
    (core func $set (canon waitable-set.new))
    (core func $join (canon waitable.join))
    (core module $m
        (import "" "mem" (memory 1))
        (import "" "exit" (func $exit (param i32)))
        (import "" "directories" (func $directories (param i32)))
        (import "" "list" (func $list (param i32 i32)))
        (import "" "read" (func $read (param i32 i32 i32) (result i32)))
        (import "" "end-read" (func $end-read (param i32 i32) (result i32)))
        (import "" "set" (func $set (result i32)))
        (import "" "join" (func $join (param i32 i32)))
        (global $ws (mut i32) (i32.const 0))
        (global $n (mut i32) (i32.const 0))
        (func $wait (result i32) (i32.or (i32.const 2) (i32.shl (global.get $ws) (i32.const 4))))
        (func $next (result i32) (local $status i32)
            (loop $more (result i32)
                (local.set $status (call $read (i32.load (i32.const 16)) (i32.const 1024) (i32.const 64)))
                (if (i32.eq (local.get $status) (i32.const -1)) (then (return (call $wait))))
                (global.set $n (i32.add (global.get $n) (i32.shr_u (local.get $status) (i32.const 4))))
                (br_if $more (i32.eqz (i32.and (local.get $status) (i32.const 15))))
                (call $finish)))
        (func $finish (result i32)
            (call $join (i32.load (i32.const 20)) (global.get $ws))
            (if (i32.ne (call $end-read (i32.load (i32.const 20)) (i32.const 256)) (i32.const -1))
                (then (call $told)))
            (call $wait))
        (func $told
            (if (i32.load8_u (i32.const 256)) (then unreachable))
            (call $exit (i32.div_u (global.get $n) (i32.const 100)))
            unreachable)
        (func (export "run") (result i32)
            (global.set $ws (call $set))
            (call $directories (i32.const 0))
            (call $list (i32.load (i32.load (i32.const 0))) (i32.const 16))
            (call $join (i32.load (i32.const 16)) (global.get $ws))
            (call $next))
        (func (export "callback") (param $code i32) (param $handle i32) (param $status i32) (result i32)
            (if (i32.eq (local.get $code) (i32.const 2)) (then
                (global.set $n (i32.add (global.get $n) (i32.shr_u (local.get $status) (i32.const 4))))
                (if (i32.eqz (i32.and (local.get $status) (i32.const 15))) (then (return (call $next))))
                (return (call $finish))))
            (call $told)
            unreachable))
    (core instance $i (instantiate $m (with "" (instance
        (export "mem" (memory $libc "mem")) (export "exit" (func $exit))
        (export "directories" (func $directories)) (export "list" (func $list)) (export "read" (func $read))
        (export "end-read" (func $end-read)) (export "set" (func $set)) (export "join" (func $join))))))
    (func $run async (result (result))
        (canon lift (core func $i "run") async (callback (core func $i "callback"))))
    (instance $run (export "run" (func $run)))
    (export "wasi:cli/run@0.3.0" (instance $run)))"#;

#[test]
fn a_large_directory_is_listed_piece_by_piece_and_whole() {
    let directory = mem::Directory::new();
    for n in 0..5_000 {
        directory.insert(&format!("file-{n}"), "").unwrap();
    }
    let program = Program::load(&wat::parse_str(LISTER).unwrap()).unwrap();
    let host = Host::new().directory("/", directory, Access::ReadOnly);
    let exit = block_on(host.start(&program).unwrap().run()).unwrap();
    assert_eq!(exit.code(), 50);
}
