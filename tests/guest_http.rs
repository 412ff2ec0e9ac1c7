//! Guests that handle requests, as an embedder meets them.

#![cfg(all(feature = "http", feature = "p2", feature = "std"))]

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};
use wasmote::{
    Guest, Handling, Host, Program, Rest,
    cap::http::{Frame, Method, Request},
};

fn guest() -> Guest {
    let bytes = wat::parse_str(include_str!("program/handler.wat")).unwrap();
    Host::new().start(&Program::load(&bytes).unwrap()).unwrap()
}

/// The request under way, and what was left of it when it was over.
fn handle(path: &str) -> (Pin<Box<Handling>>, Arc<Mutex<Option<Rest>>>) {
    let left: Arc<Mutex<Option<Rest>>> = Arc::default();
    let told = Arc::clone(&left);
    let handling = guest().handle(Request::new(Method::Get, path));
    (Box::pin(handling.on_end(move |rest| *told.lock().unwrap() = Some(rest))), left)
}

#[test]
fn a_guest_that_is_stopped_tells_what_it_used() {
    let mut cx = Context::from_waker(Waker::noop());
    let (mut handling, left) = handle("/loop");
    for _ in 0..2 {
        assert!(handling.as_mut().poll(&mut cx).is_pending());
    }
    assert!(left.lock().unwrap().is_none());
    drop(handling);
    let mut stopped = left.lock().unwrap().take().unwrap().stop().unwrap();
    assert!(stopped.fuel_spent() > 1_000, "{}", stopped.fuel_spent());
    assert_eq!(stopped.memory_bytes(), 65_536);
    assert!(wasmote::block_on(stopped.run()).is_err());
}

#[test]
fn one_that_has_ended_is_there_too() {
    let mut cx = Context::from_waker(Waker::noop());
    let (handling, left) = handle("/");
    let mut response = wasmote::block_on(handling).unwrap();
    let Poll::Ready(Some(Ok(Frame::Data(data)))) = response.body.poll_frame(&mut cx) else {
        panic!("there are contents");
    };
    assert_eq!(data, b"HELLO");
    drop(response);
    let ended = left.lock().unwrap().take().unwrap().stop().unwrap();
    assert!(ended.fuel_spent() > 0);
    assert_eq!(ended.memory_bytes(), 65_536);
}
