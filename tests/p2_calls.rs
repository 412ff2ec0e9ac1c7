//! Calls of WASI 0.2, as a guest's would be: streams and their permits, pollables and whom they keep, directories.

#![cfg(feature = "p2")]

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};
use wasmote::{
    Limits, Trap,
    backend::mem,
    cap::clocks::Clocks,
    component::Resource,
    engine::Fault,
    wasi::{
        Grants,
        cli::{Input, Output},
        http,
        p2::{
            Pollable, State,
            bindings::{
                cli::{exit, stdin, stdout},
                clocks::{monotonic_clock, wall_clock},
                filesystem::{preopens, types::HostDescriptor},
                io::{
                    poll::{self, HostPollable},
                    streams::{HostInputStream, HostOutputStream, StreamError},
                },
                random::{insecure, insecure_seed, random},
            },
        },
    },
};

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn state(edit: impl FnOnce(&mut Grants)) -> State {
    limited(edit, Limits::server())
}

fn limited(edit: impl FnOnce(&mut Grants), limits: Limits) -> State {
    let mut grants = Grants::new(Arc::new(mem::Clocks::new()), Arc::new(mem::Random::seeded(0)));
    edit(&mut grants);
    let http = http::State::new(&grants, &limits);
    State::new(grants, &limits, http).unwrap()
}

fn ready<R: std::fmt::Debug>(poll: Poll<Result<R, Fault>>) -> Result<R, Fault> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("it waits"),
    }
}

/// What does not wait is asked again and again by some guests.
#[test]
fn asking_is_paid_for_where_nothing_comes_of_it() {
    let pipe = mem::Pipe::new();
    let mut state = state(|grants| grants.stdin = Input::new(Arc::new(pipe.clone())));
    let mut input = stdin::Host::get_stdin(&mut state).unwrap();
    let mut output = stdout::Host::get_stdout(&mut state).unwrap();
    let _ = state.take_owed();
    let found = HostInputStream::read(&mut state, &mut cx(), &mut input, &mut 100);
    assert_eq!(ready(found).unwrap().unwrap(), b"");
    assert!(state.take_owed() >= 100, "a read that found nothing");
    let permit = ready(HostOutputStream::check_write(&mut state, &mut cx(), &mut output)).unwrap();
    assert!(permit.is_ok() && state.take_owed() >= 100, "what may be written");
}

#[test]
fn a_write_without_a_permit_ends_the_guest() {
    let output = mem::Output::new();
    let mut state = state(|grants| grants.stdout = Output::new(Arc::new(output.clone())));
    let mut stream = stdout::Host::get_stdout(&mut state).unwrap();
    let written = HostOutputStream::write(&mut state, &mut cx(), &mut stream, &mut b"a".to_vec());
    assert!(matches!(ready(written), Err(Fault::Trap(Trap::Host(_)))));
    let permit = ready(HostOutputStream::check_write(&mut state, &mut cx(), &mut stream)).unwrap().unwrap();
    assert!((1..=64 << 10).contains(&permit), "{permit}");
    let written = HostOutputStream::write(&mut state, &mut cx(), &mut stream, &mut b"abc".to_vec());
    ready(written).unwrap().unwrap();
    assert_eq!(output.contents(), b"abc");
}

#[test]
fn no_more_than_4096_bytes_are_written_by_one_blocking_call() {
    let mut state = state(|_| {});
    let mut stream = stdout::Host::get_stdout(&mut state).unwrap();
    for (length, fits) in [(4_096, true), (4_097, false)] {
        let written = HostOutputStream::blocking_write_and_flush(
            &mut state,
            &mut cx(),
            &mut stream,
            &mut vec![0; length],
        );
        assert_eq!(ready(written).is_ok(), fits, "{length}");
    }
}

#[test]
fn a_read_answers_at_most_a_piece_however_much_is_asked_for() {
    let input = mem::Input::bytes(vec![7; 200_000]);
    let mut state = state(|grants| grants.stdin = Input::new(Arc::new(input)));
    let mut stream = stdin::Host::get_stdin(&mut state).unwrap();
    let mut total = 0;
    loop {
        match ready(state.blocking_read(&mut cx(), &mut stream, &mut u64::MAX.clone())).unwrap() {
            Ok(bytes) => {
                assert!((1..=64 << 10).contains(&bytes.len()));
                total += bytes.len();
            }
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(_)) => panic!("it failed"),
        }
    }
    assert_eq!(total, 200_000);
}

#[test]
fn a_stream_cannot_go_before_its_pollable() {
    let mut state = state(|_| {});
    let stream = stdin::Host::get_stdin(&mut state).unwrap();
    let rep = stream.rep();
    let pollable = HostInputStream::subscribe(&mut state, stream).unwrap();
    let dropped = HostInputStream::drop(&mut state, Resource::new_own(rep));
    assert_eq!(dropped, Err(Fault::Trap(Trap::Host("other resources depend on this one"))));
    HostPollable::drop(&mut state, pollable).unwrap();
    HostInputStream::drop(&mut state, Resource::new_own(rep)).unwrap();
    assert!(state.table().is_empty());
}

#[test]
fn polling_nothing_and_polling_too_much_end_the_guest() {
    let mut state = state(|_| {});
    assert!(ready(poll::Host::poll(&mut state, &mut cx(), &mut Vec::new())).is_err());
    let pollable = monotonic_clock::Host::subscribe_duration(&mut state, 0).unwrap();
    let count = Limits::server().poll_subscriptions as usize + 1;
    let mut all: Vec<Resource<Pollable>> = (0..count).map(|_| Resource::new_borrow(pollable.rep())).collect();
    assert!(ready(poll::Host::poll(&mut state, &mut cx(), &mut all)).is_err());
    all.pop();
    let come = ready(poll::Host::poll(&mut state, &mut cx(), &mut all)).unwrap();
    assert_eq!(come.len(), all.len(), "one that is due is due as often as it is asked for");
}

#[test]
fn virtual_time_passes_to_the_earliest_deadline_and_only_when_nothing_else_is_ready() {
    let clocks = mem::Clocks::new();
    let pipe = mem::Pipe::new();
    let mut state = state(|grants| {
        grants.clocks = Arc::new(clocks.clone());
        grants.stdin = Input::new(Arc::new(pipe.clone()));
    });
    let hour = monotonic_clock::Host::subscribe_duration(&mut state, 3_600_000_000_000).unwrap();
    let second = monotonic_clock::Host::subscribe_duration(&mut state, 1_000_000_000).unwrap();
    let stream = stdin::Host::get_stdin(&mut state).unwrap();
    let input = HostInputStream::subscribe(&mut state, stream).unwrap();
    let list = |state: &mut State| {
        let mut all = Vec::from([&hour, &second, &input].map(|one| Resource::new_borrow(one.rep())));
        ready(poll::Host::poll(state, &mut cx(), &mut all)).unwrap()
    };
    pipe.write(b"a");
    assert_eq!(list(&mut state), [2], "time does not pass while there is something to read");
    assert!(clocks.peek_ns() < 1_000_000_000);
    let mut byte = [0];
    pipe.read(&mut byte);
    assert_eq!(list(&mut state), [1]);
    assert!((1_000_000_000..2_000_000_000).contains(&clocks.peek_ns()));
    let is_due = ready(HostPollable::ready(&mut state, &mut cx(), &mut Resource::new_borrow(hour.rep())));
    assert_eq!(is_due, Ok(false), "asking does not wait");
    ready(HostPollable::block(&mut state, &mut cx(), &mut Resource::new_borrow(hour.rep()))).unwrap();
    assert!(clocks.monotonic_now_ns() >= 3_600_000_000_000);
}

#[test]
fn a_wall_clock_before_1970_reads_as_its_start() {
    let before = wasmote::cap::clocks::Datetime { seconds: -5, nanoseconds: 9 };
    let clocks = mem::Clocks::new().with_start(0, before);
    let mut state = state(|grants| grants.clocks = Arc::new(clocks));
    let now = wall_clock::Host::now(&mut state).unwrap();
    assert_eq!((now.seconds, now.nanoseconds), (0, 0));
}

#[test]
fn random_bytes_are_all_or_none() {
    let mut state = state(|_| {});
    assert_eq!(random::Host::get_random_bytes(&mut state, 0).unwrap(), Vec::<u8>::new());
    assert_eq!(random::Host::get_random_bytes(&mut state, 100_000).unwrap().len(), 100_000);
    for length in [u64::from(Limits::server().random_bytes) + 1, u64::MAX] {
        let fault = random::Host::get_random_bytes(&mut state, length).unwrap_err();
        assert!(matches!(fault, Fault::Trap(Trap::Host(_))), "{fault:?}");
    }
    for (random_bytes, host_call_bytes) in [(32, 1_000), (1_000, 32)] {
        let mut state = limited(|_| {}, Limits { random_bytes, host_call_bytes, ..Limits::server() });
        assert_eq!(random::Host::get_random_bytes(&mut state, 32).unwrap().len(), 32);
        assert!(insecure::Host::get_insecure_random_bytes(&mut state, 33).is_err());
    }
}

#[test]
fn a_guest_has_one_insecure_seed() {
    let mut state = state(|_| {});
    let seed = insecure_seed::Host::insecure_seed(&mut state).unwrap();
    let number = random::Host::get_random_u64(&mut state).unwrap();
    assert_ne!(random::Host::get_random_u64(&mut state).unwrap(), number);
    assert_eq!(insecure_seed::Host::insecure_seed(&mut state).unwrap(), seed);
}

#[test]
fn ending_carries_its_status() {
    let mut state = state(|_| {});
    assert_eq!(exit::Host::exit(&mut state, Ok(())), Err(Fault::Exit(0)));
    assert_eq!(exit::Host::exit(&mut state, Err(())), Err(Fault::Exit(1)));
    assert_eq!(exit::Host::exit_with_code(&mut state, 42), Err(Fault::Exit(42)));
}

#[test]
fn a_directory_is_no_file_and_a_preopen_says_what_it_allows() {
    use wasmote::wasi::{Preopen, filesystem::Access, p2::bindings::filesystem::types};
    for (access, mutates) in [(Access::ReadOnly, false), (Access::ReadWrite, true)] {
        let directory = Arc::new(mem::Directory::new());
        let mut state =
            state(|grants| grants.directories = vec![Preopen { name: "/".into(), directory, access }]);
        let mut opened = preopens::Host::get_directories(&mut state).unwrap();
        let (root, name) = opened.remove(0);
        assert_eq!(name, "/");
        let root = || Resource::new_borrow(root.rep());
        let flags = state.get_flags(root()).unwrap().unwrap();
        assert_eq!(flags.contains(types::DescriptorFlags::MUTATE_DIRECTORY), mutates);
        assert_eq!(state.read_via_stream(root(), 0).unwrap().unwrap_err(), types::ErrorCode::IsDirectory);
        let written =
            ready(HostDescriptor::write(&mut state, &mut cx(), &mut root(), &mut b"a".to_vec(), &mut 0))
                .unwrap();
        assert_eq!(written.unwrap_err(), types::ErrorCode::BadDescriptor);
        assert_eq!(state.get_type(root()).unwrap().unwrap(), types::DescriptorType::Directory);
        assert!(state.is_same_object(root(), root()).unwrap());
    }
}
