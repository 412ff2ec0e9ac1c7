//! Streams: output that is full, input that is not there yet, and what was not granted.

use super::guest::*;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
};
use wasmote::{
    Host, Limits,
    backend::mem,
    cap::{Code, cli::OutputStream},
    engine::Accounting,
};

#[test]
fn output_that_is_full_waits_until_it_is_read() {
    let pipe = mem::Pipe::with_capacity(4);
    let mut calls = Calls::new(Host::new().stdout(pipe.clone()));
    assert_eq!(calls.write(1, b"abcdef"), Ok(4));
    let [iovs, count] = calls.iovs(0x200, &[(0x4004, 2)]);
    let mut rounds = 0;
    let errno = calls.poll_call("fd_write", &[1, iovs, count, OUT], &mut |_| {
        rounds += 1;
        if rounds == 3 {
            assert_eq!(pipe.take(), b"abcd");
        }
        true
    });
    assert_eq!((errno, rounds), (Some(SUCCESS), 3));
    assert_eq!(pipe.take(), b"ef");
    calls.expect(SUCCESS, "fd_fdstat_set_flags", &[1, 4]);
    assert_eq!(calls.write(1, b"abcdef"), Ok(4));
    assert_eq!(calls.write(1, b"ef"), Err(AGAIN), "full, and told not to wait");
    pipe.close_reading();
    assert_eq!(calls.write(1, b"ef"), Err(PIPE));
}

#[test]
fn input_that_is_not_there_yet_is_waited_for_unless_told_not_to() {
    let pipe = mem::Pipe::new();
    let mut calls = Calls::new(Host::new().stdin(pipe.clone()));
    let [iovs, count] = calls.iovs(0x200, &[(0x300, 2), (0x310, 4)]);
    let errno = calls.poll_call("fd_read", &[0, iovs, count, OUT], &mut |_| pipe.write(b"hello") == 5);
    assert_eq!(errno, Some(SUCCESS));
    assert_eq!(calls.peek_u32(OUT as u32), 2, "one read of the stream, not one per buffer");
    assert_eq!(calls.read(0, 16).as_deref(), Ok(&b"llo"[..]));
    calls.expect(SUCCESS, "fd_fdstat_set_flags", &[0, 4]);
    assert_eq!(calls.read(0, 16), Err(AGAIN));
    pipe.close();
    assert_eq!(calls.read(0, 16).as_deref(), Ok(&b""[..]));
    assert_eq!(calls.write(0, b"x"), Err(BADF));
    assert_eq!(calls.read(1, 1), Err(BADF));
}

#[test]
fn without_a_grant_output_goes_nowhere_and_input_has_ended() {
    let mut calls = Calls::new(Host::new());
    assert_eq!(calls.read(0, 16).as_deref(), Ok(&b""[..]));
    for _ in 0..100 {
        assert_eq!(calls.write(1, &[7; 0x1000]), Ok(0x1000));
        assert_eq!(calls.write(2, &[]), Ok(0));
    }
    calls.expect(SUCCESS, "fd_fdstat_get", &[1, OUT]);
    assert_eq!(calls.peek(OUT as u32, 1), [0], "no terminal");
}

#[test]
fn buffers_are_written_in_order_and_empty_ones_passed_over() {
    let output = mem::Output::new();
    let mut calls = Calls::new(Host::new().stdout(output.clone()));
    calls.poke(0x300, b"world, hello");
    let [iovs, count] = calls.iovs(0x200, &[(0x307, 5), (0, 0), (0x305, 2), (0x300, 5)]);
    calls.expect(SUCCESS, "fd_write", &[1, iovs, count, OUT]);
    assert_eq!(calls.peek_u32(OUT as u32), 12);
    assert_eq!(output.contents(), b"hello, world");
    calls.expect(SUCCESS, "fd_write", &[1, iovs, 0, OUT]);
    assert_eq!(calls.peek_u32(OUT as u32), 0);
}

#[test]
fn arguments_and_environment_arrive_whole() {
    let (args, quoted) = (["name", "", "a \"b\"\n"], "x=\"y\"\nz");
    let host = Host::new().args(args).env("EMPTY", "").env("QUOTED", quoted);
    let mut calls = Calls::new(host);
    for (sizes, get, expected) in [
        ("args_sizes_get", "args_get", args.map(String::from).to_vec()),
        ("environ_sizes_get", "environ_get", vec!["EMPTY=".into(), format!("QUOTED={quoted}")]),
    ] {
        calls.expect(SUCCESS, sizes, &[0x100, 0x104]);
        let (count, bytes) = (calls.peek_u32(0x100), calls.peek_u32(0x104));
        assert_eq!(count as usize, expected.len());
        assert_eq!(bytes as usize, expected.iter().map(|text| text.len() + 1).sum::<usize>());
        calls.poke(0x400, &[0xa5; 64]);
        calls.expect(SUCCESS, get, &[0x200, 0x400]);
        for (index, text) in (0..).zip(&expected) {
            let at = calls.peek_u32(0x200 + index * 4);
            assert_eq!(calls.peek(at, text.len() as u32 + 1), [text.as_bytes(), b"\0"].concat());
        }
        assert_eq!(calls.peek(0x400 + bytes, 1), [0xa5]);
    }
}

#[test]
fn random_bytes_fill_exactly_what_was_asked_for() {
    let mut calls = Calls::new(Host::new());
    calls.poke(0x300, &[0; 64]);
    calls.expect(SUCCESS, "random_get", &[0x308, 40]);
    let found = calls.peek(0x300, 64);
    assert!(found[8..48].iter().any(|byte| *byte != 0));
    assert!(found[..8].iter().chain(&found[48..]).all(|byte| *byte == 0));
    calls.expect(SUCCESS, "random_get", &[MEMORY_BYTES.into(), 0]);
    calls.expect(SUCCESS, "random_get", &[0, 0]);
    calls.expect(SUCCESS, "random_get", &[0, MEMORY_BYTES.into()]);
}

#[test]
fn a_call_that_moves_too_much_moves_less_or_fails() {
    let limits = wasmote::Limits { host_call_bytes: 1_000, ..wasmote::Limits::server() };
    let output = mem::Output::new();
    let mut calls = Calls::new(Host::new().limits(limits).stdout(output.clone()));
    let [iovs, count] = calls.iovs(0x200, &[(0x300, 0x1000), (0x300, 0x1000)]);
    calls.expect(SUCCESS, "fd_write", &[1, iovs, count, OUT]);
    assert_eq!(calls.peek_u32(OUT as u32), 1_000, "a write may be short");
    // There is no way to say that there are fewer (POSIX 2024, `getentropy`).
    calls.expect(INVAL, "random_get", &[0x300, 1_001]);
}

/// A write of one buffer takes a short way that nobody watches (`Caller::at_once`); one that is watched never does.
#[test]
fn a_write_that_is_watched_answers_costs_and_moves_the_same() {
    const END: u32 = MEMORY_BYTES;
    // A descriptor; where its list and how long; what the one buffer is; where the size goes.
    let writes: [(u64, u32, u64, [u32; 2], u32); 15] = [
        (1, 0x200, 1, [0x4000, 1], 0x100),
        (1, 0x200, 1, [0x4000, 300], 0x100),
        (2, 0x200, 1, [END - 4, 4], END - 4),
        (1, 0x200, 1, [0x200, 8], 0x200),
        (1, 0x200, 1, [0x4000, 0], 0x100),
        (1, 0x200, 1, [END, 0], 0x100),
        (1, 0x200, 0, [0, 0], 0x100),
        (1, 0x200, 1, [END - 4, 5], 0x100),
        (1, 0x200, 1, [u32::MAX, u32::MAX], 0x100),
        (1, END - 8, 1, [0x4000, 2], 0x100),
        (1, END - 4, 1, [0x4000, 2], 0x100),
        (1, 0x200, 1, [0x4000, 1], END - 3),
        (0, 0x200, 1, [0x4000, 1], 0x100),
        (9, 0x200, 1, [0x4000, 1], u32::MAX),
        (1, u32::MAX, 1, [0x4000, 1], 0x100),
    ];
    let run = |watched: bool, slice_fuel: u64| {
        let (pipe, output) = (mem::Pipe::with_capacity(1_000), mem::Output::new());
        let limits = Limits { slice_fuel, host_call_bytes: 200, ..Limits::server() };
        let host = Host::new().stdout(pipe.clone()).stderr(output.clone()).limits(limits);
        let mut calls = Calls::new(host);
        let accounting = Accounting::new();
        if watched {
            calls.0.interpose(accounting.clone());
        }
        let mut seen = Vec::new();
        let mut write =
            |calls: &mut Calls,
             (fd, iovs, count, [address, length], size): (u64, u32, u64, [u32; 2], u32)| {
                if iovs <= END - 8 {
                    calls.poke_u32(iovs, address);
                    calls.poke_u32(iovs + 4, length);
                }
                let before = calls.0.fuel_spent();
                let params = [fd, iovs.into(), count, size.into()];
                let errno =
                    calls.poll_call("fd_write", &params, &mut |round| round < 1_000 && slice_fuel < 1_000);
                let told = (size <= END - 8).then(|| calls.peek_u32(size));
                seen.push((errno, told, calls.0.fuel_spent() - before, pipe.take(), output.contents()));
            };
        for each in writes {
            write(&mut calls, each);
        }
        calls.expect(SUCCESS, "fd_fdstat_set_rights", &[2, 0, 0]);
        write(&mut calls, (2, 0x200, 1, [0x4000, 1], 0x100));
        calls.expect(SUCCESS, "fd_fdstat_set_flags", &[1, 4]);
        pipe.close_reading();
        write(&mut calls, writes[0]);
        assert_eq!(accounting.stats().host_calls > 0, watched);
        seen
    };
    let long = run(true, 1_000_000);
    assert_eq!(run(false, 1_000_000), long);
    for slice_fuel in [1, 30, 45, 60, 90] {
        assert_eq!(run(false, slice_fuel), long, "{slice_fuel}");
    }
}

/// Takes everything, each second time it is asked; meanwhile it lets others go first.
#[derive(Clone, Default)]
struct Polite(Arc<AtomicU32>);

impl OutputStream for Polite {
    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        if self.0.fetch_add(1, Ordering::Relaxed) % 2 == 1 {
            return Poll::Ready(Ok(bytes.len()));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_flush(&self, _: &mut Context<'_>) -> Poll<Result<(), Code>> {
        Poll::Ready(Ok(()))
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<u64> {
        Poll::Ready(1)
    }
}

/// Who is asked once and lets others go first is not asked again in the same turn, watched or not.
#[test]
fn a_write_gives_way_where_its_stream_does() {
    for (nonblocking, watched) in [(false, false), (false, true), (true, false), (true, true)] {
        let stream = Polite::default();
        let mut calls = Calls::new(Host::new().stdout(stream.clone()));
        if watched {
            calls.0.interpose(Accounting::new());
        }
        if nonblocking {
            calls.expect(SUCCESS, "fd_fdstat_set_flags", &[1, 4]);
        }
        let [iovs, count] = calls.iovs(0x200, &[(0x4000, 2)]);
        let mut asked = Vec::new();
        let errno = calls.poll_call("fd_write", &[1, iovs, count, OUT], &mut |_| {
            asked.push(stream.0.load(Ordering::Relaxed));
            true
        });
        let expected = if nonblocking { (AGAIN, vec![]) } else { (SUCCESS, vec![1]) };
        assert_eq!((errno, asked), (Some(expected.0), expected.1), "{nonblocking} {watched}");
    }
}
