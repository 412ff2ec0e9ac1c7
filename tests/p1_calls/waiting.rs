//! `poll_oneoff`, `sched_yield`, clocks.

use super::guest::*;
use wasmote::{
    Access, Host, Limits,
    backend::mem,
    cap::clocks::{Clocks, Datetime},
    engine::Accounting,
};

#[derive(Clone, Copy)]
enum Sub {
    /// Clock, time, absolute.
    Clock(u32, u64, bool),
    Read(u32),
    Write(u32),
}
use Sub::{Clock, Read, Write};

/// Subscribes, with the index as user data.
fn subscribe(calls: &mut Calls, subs: &[Sub]) -> [u64; 4] {
    for (index, sub) in (0..).zip(subs) {
        let mut record = [0u8; 48];
        record[0] = index;
        let mut put = |at: usize, bytes: &[u8]| record[at..at + bytes.len()].copy_from_slice(bytes);
        match *sub {
            Clock(id, timeout, absolute) => {
                put(16, &id.to_le_bytes());
                put(24, &timeout.to_le_bytes());
                put(40, &[absolute.into()]);
            }
            Read(fd) => {
                put(8, &[1]);
                put(16, &fd.to_le_bytes());
            }
            Write(fd) => {
                put(8, &[2]);
                put(16, &fd.to_le_bytes());
            }
        }
        calls.poke(0x2000 + u32::from(index) * 48, &record);
    }
    [0x2000, 0x3000, subs.len() as u64, OUT]
}

/// The events: user data, type, bytes.
fn events(calls: &mut Calls) -> Vec<(u64, u8, u64)> {
    let count = calls.peek_u32(OUT as u32);
    let event = |index| {
        let record = calls.peek(0x3000 + index * 32, 32);
        let number = |at: usize| u64::from_le_bytes(record[at..at + 8].try_into().unwrap());
        assert_eq!(record[8..10], [0, 0], "no error");
        (number(0), record[10], number(16))
    };
    (0..count).map(event).collect()
}

fn poll(calls: &mut Calls, subs: &[Sub]) -> Result<Vec<(u64, u8, u64)>, u32> {
    let params = subscribe(calls, subs);
    match calls.call("poll_oneoff", &params) {
        SUCCESS => Ok(events(calls)),
        errno => Err(errno),
    }
}

#[test]
fn a_wait_takes_as_long_as_it_says_on_a_virtual_clock() {
    let clocks = mem::Clocks::new();
    let mut calls = Calls::new(Host::new().clocks(clocks.clone()));
    for (id, nanoseconds) in [(1, 1), (0, 1_000), (1, 3_600_000_000_000)] {
        let before = clocks.peek_ns();
        assert_eq!(poll(&mut calls, &[Clock(id, nanoseconds, false)]), Ok(vec![(0, 0, 0)]));
        let took = clocks.peek_ns() - before;
        assert!((nanoseconds..nanoseconds + 100_000).contains(&took), "{took}");
    }
    let before = clocks.peek_ns();
    assert_eq!(poll(&mut calls, &[Clock(1, before + 5_000_000, true)]), Ok(vec![(0, 0, 0)]));
    assert!(clocks.peek_ns() >= before + 5_000_000);
    let wall = clocks.wall_now();
    let at = (wall.seconds as u64 + 10) * 1_000_000_000;
    assert_eq!(poll(&mut calls, &[Clock(0, at, true)]), Ok(vec![(0, 0, 0)]));
    assert_eq!(clocks.wall_now().seconds, wall.seconds + 10);
    assert_eq!(poll(&mut calls, &[Clock(0, 0, true)]), Ok(vec![(0, 0, 0)]), "1970 is over");
}

#[test]
fn only_what_is_due_is_told() {
    let mut calls = Calls::new(Host::new());
    let subs = [Clock(1, 10_000_000_000, false), Clock(1, 1_000_000, false), Clock(1, 1_000_000, false)];
    let told: Vec<_> = poll(&mut calls, &subs).unwrap().iter().map(|event| event.0).collect();
    assert!(told.contains(&1) && !told.contains(&0), "{told:?}");
}

#[test]
fn what_is_ready_is_told_without_waiting() {
    let clocks = mem::Clocks::new();
    let input = mem::Pipe::new();
    input.write(b"abc");
    let host = Host::new().clocks(clocks.clone()).stdin(input).directory("/", tree(), Access::ReadWrite);
    let mut calls = Calls::new(host);
    let file = calls.open(ROOT, "file", (0, 0, FD_READ | FD_WRITE, 0)).unwrap() as u32;
    let before = clocks.peek_ns();
    let subs = [Clock(1, u64::MAX, false), Read(0), Write(1), Read(file), Write(file), Read(file)];
    let told = poll(&mut calls, &subs).unwrap();
    assert_eq!(
        told.iter().map(|event| (event.0, event.1)).collect::<Vec<_>>(),
        [(1, 1), (2, 2), (3, 1), (4, 2), (5, 1)]
    );
    assert_eq!((told[0].2, told[2].2), (3, 10), "bytes there are");
    assert!(clocks.peek_ns() - before < 1_000_000, "no jump to the deadline");
}

#[test]
fn input_ends_a_wait_and_so_does_time() {
    let clocks = mem::Clocks::manual();
    let input = mem::Pipe::new();
    let mut calls = Calls::new(Host::new().clocks(clocks.clone()).stdin(input.clone()));
    let params = subscribe(&mut calls, &[Read(0), Clock(1, 1_000, false)]);
    let errno = calls.poll_call("poll_oneoff", &params, &mut |round| {
        if round == 2 {
            input.write(b"x");
        }
        true
    });
    assert_eq!(errno, Some(SUCCESS));
    assert_eq!(events(&mut calls), [(0, 1, 1)]);
    assert_eq!(calls.read(0, 1).as_deref(), Ok(&b"x"[..]));
    // A relative time begins once, however often the guest is woken: 400 and 400 and 400 pass 1,000.
    let errno = calls.poll_call("poll_oneoff", &params, &mut |round| {
        assert!(round < 3);
        clocks.advance(400);
        true
    });
    assert_eq!(errno, Some(SUCCESS));
    assert_eq!(events(&mut calls), [(1, 0, 0)]);
}

#[test]
fn the_end_of_time_is_not_past() {
    let clocks = mem::Clocks::manual();
    clocks.advance(1 << 40);
    let mut calls = Calls::new(Host::new().clocks(clocks.clone()));
    for sub in [Clock(1, u64::MAX, false), Clock(1, u64::MAX, true), Clock(0, u64::MAX, true)] {
        let program = subscribe(&mut calls, &[sub]);
        assert_eq!(calls.poll_call("poll_oneoff", &program, &mut |round| round < 3), None, "still waiting");
        // The call was dropped in the middle: the guest is over, as its memory may be in any state.
        calls = Calls::new(Host::new().clocks(clocks.clone()));
    }
}

#[test]
fn subscriptions_that_cannot_be_served_fail_the_call() {
    let limits = Limits { poll_subscriptions: 4, ..Limits::server() };
    let host = Host::new().limits(limits).directory("/", tree(), Access::ReadWrite);
    let mut calls = Calls::new(host);
    let write_only = calls.open(ROOT, "file", (0, 0, FD_WRITE, 0)).unwrap() as u32;
    for (subs, errno) in [
        (&[][..], INVAL),
        (&[Clock(1, 0, false); 5], INVAL),
        (&[Clock(2, 0, false)], INVAL),
        (&[Clock(u32::MAX, 0, false)], INVAL),
        (&[Read(99)], BADF),
        (&[Clock(1, 0, false), Write(u32::MAX)], BADF),
        (&[Read(1)], BADF),
        (&[Write(0)], BADF),
        (&[Read(write_only)], BADF),
        (&[Read(3)], BADF),
    ] {
        assert_eq!(poll(&mut calls, subs), Err(errno));
    }
    let params = subscribe(&mut calls, &[Clock(1, 0, false)]);
    calls.poke(0x2008, &[3]);
    calls.expect(INVAL, "poll_oneoff", &params);
    for count in [5, 1 << 26, 1 << 27, u32::MAX.into()] {
        calls.expect(INVAL, "poll_oneoff", &[0x2000, 0x3000, count, OUT]);
    }
}

#[test]
fn yielding_gives_way_exactly_once() {
    let mut calls = Calls::new(Host::new());
    for _ in 0..3 {
        let mut rounds = 0;
        let errno = calls.poll_call("sched_yield", &[], &mut |_| {
            rounds += 1;
            true
        });
        assert_eq!((errno, rounds), (Some(SUCCESS), 1));
    }
}

#[test]
fn clocks_tell_their_time_and_others_are_invalid() {
    let wall = Datetime { seconds: 5, nanoseconds: 7 };
    let clocks = mem::Clocks::manual().with_start(11, wall);
    let mut calls = Calls::new(Host::new().clocks(clocks));
    calls.expect(SUCCESS, "clock_time_get", &[0, 0, OUT]);
    assert_eq!(calls.peek_u64(OUT as u32), 5_000_000_007);
    calls.expect(SUCCESS, "clock_time_get", &[1, u64::MAX, OUT]);
    assert_eq!(calls.peek_u64(OUT as u32), 11);
    for id in [2, 3, 4, u32::MAX.into()] {
        calls.expect(INVAL, "clock_time_get", &[id, 0, OUT]);
        calls.expect(INVAL, "clock_res_get", &[id, OUT]);
    }
    for id in [0, 1] {
        calls.expect(SUCCESS, "clock_res_get", &[id, OUT]);
        assert_ne!(calls.peek_u64(OUT as u32), 0);
    }
    calls.expect(NOTSUP, "proc_raise", &[6]);
    calls.expect(INVAL, "proc_raise", &[31]);
}

/// A reading takes another way where somebody watches, and where a slice of fuel does not cover it. It reads the same, costs
/// the same, and one that cannot be written moves no clock.
#[test]
fn clocks_read_the_same_and_cost_the_same_on_each_way_to_them() {
    let end = u64::from(MEMORY_BYTES);
    let too_late = Datetime { seconds: i64::MAX, nanoseconds: 0 };
    let run = |watched: bool, slice_fuel: u64, wall: Datetime| {
        let clocks = mem::Clocks::new().with_start(5, wall);
        let limits = Limits { slice_fuel, ..Limits::server() };
        let mut calls = Calls::new(Host::new().clocks(clocks.clone()).limits(limits));
        if watched {
            calls.0.interpose(Accounting::new());
        }
        let mut seen = Vec::new();
        for (id, at) in [(1, OUT), (0, OUT), (1, end - 8), (1, end - 7), (0, end), (2, OUT), (1, OUT)] {
            let called = calls.poll_call("clock_time_get", &[id, 0, at], &mut |_| true);
            let read = calls.peek_u64(at.min(end - 8) as u32);
            seen.push((called, read, clocks.peek_ns(), calls.0.fuel_spent()));
        }
        seen
    };
    for (wall, errno) in [(mem::Clocks::WALL_START, SUCCESS), (too_late, OVERFLOW)] {
        let expected = run(false, 20_000, wall);
        let errnos: Vec<_> = expected.iter().map(|(errno, ..)| errno.unwrap()).collect();
        assert_eq!(errnos, [SUCCESS, errno, SUCCESS, FAULT, FAULT, INVAL, SUCCESS]);
        let moved: Vec<_> = expected.iter().map(|(_, _, now_ns, _)| *now_ns).collect();
        assert_eq!(moved, [1_005, 2_005, 3_005, 3_005, 3_005, 3_005, 4_005]);
        for (watched, slice_fuel) in [(true, 20_000), (false, 10), (true, 10), (false, 21), (false, 25)] {
            assert_eq!(run(watched, slice_fuel, wall), expected, "{watched} {slice_fuel}");
        }
    }
}
