//! `sock_*`, over the loopback network in memory.

use super::guest::*;
use std::task::{Context, Poll, Waker};
use wasmote::{Access, Host, backend::mem, cap::sockets::TcpStream};

fn send(stream: &mem::TcpStream, bytes: &[u8]) {
    let sent = stream.poll_send(&mut Context::from_waker(Waker::noop()), bytes);
    assert_eq!(sent, Poll::Ready(Ok(bytes.len())));
}

fn receive(stream: &mem::TcpStream) -> Vec<u8> {
    let mut bytes = [0; 64];
    match stream.poll_receive(&mut Context::from_waker(Waker::noop()), &mut bytes, false) {
        Poll::Ready(Ok(count)) => bytes[..count].to_vec(),
        other => panic!("{other:?}"),
    }
}

const LISTENER: u64 = 4;

fn listening() -> (Calls, mem::TcpListener) {
    let listener = mem::TcpListener::new();
    let host =
        Host::new().tcp_listener(listener.clone()).directory("/", mem::Directory::new(), Access::ReadOnly);
    (Calls::new(host), listener)
}

#[test]
fn sockets_come_after_directories_and_are_none() {
    let (mut calls, _) = listening();
    calls.expect(SUCCESS, "fd_prestat_get", &[ROOT, OUT]);
    calls.expect(BADF, "fd_prestat_get", &[LISTENER, OUT]);
    calls.expect(SUCCESS, "fd_fdstat_get", &[LISTENER, OUT]);
    assert_eq!(calls.peek(OUT as u32, 1), [6], "socket_stream");
    calls.expect(NOTSOCK, "sock_accept", &[ROOT, 0, OUT]);
    let [path, length] = calls.path("x");
    calls.expect(NOTDIR, "path_open", &[LISTENER, 0, path, length, 0, 0, 0, 0, OUT]);
}

#[test]
fn a_connection_is_accepted_used_and_ended() {
    let (mut calls, listener) = listening();
    let mut peer = None;
    let errno = calls.poll_call("sock_accept", &[LISTENER, 0, OUT], &mut |_| {
        peer = Some(listener.connect().unwrap());
        true
    });
    assert_eq!((errno, calls.peek_u32(OUT as u32)), (Some(SUCCESS), 5));
    let peer = peer.unwrap();
    send(&peer, b"hello");
    let [iovs, count] = calls.iovs(0x200, &[(0x300, 3)]);
    for (flags, expected) in [(1, &b"hel"[..]), (0, b"hel"), (0, b"lo")] {
        calls.expect(SUCCESS, "sock_recv", &[5, iovs, count, flags, OUT, 0x110]);
        let received = calls.peek_u32(OUT as u32);
        assert_eq!(calls.peek(0x300, received), expected, "flags {flags}");
    }
    calls.poke(0x300, b"bye");
    calls.expect(SUCCESS, "sock_send", &[5, iovs, count, 0, OUT]);
    assert_eq!(receive(&peer), b"bye");
    assert_eq!(calls.write(5, b"too"), Ok(3));
    assert_eq!(receive(&peer), b"too");
    calls.expect(SUCCESS, "sock_shutdown", &[5, 2]);
    assert_eq!(receive(&peer), b"", "the end");
    calls.expect(PIPE, "sock_send", &[5, iovs, count, 0, OUT]);
}

#[test]
fn a_socket_that_does_not_wait_says_so() {
    let (mut calls, listener) = listening();
    calls.expect(SUCCESS, "fd_fdstat_set_flags", &[LISTENER, 4]);
    calls.expect(AGAIN, "sock_accept", &[LISTENER, 0, OUT]);
    let peer = listener.connect().unwrap();
    calls.expect(SUCCESS, "sock_accept", &[LISTENER, 4, OUT]);
    let [iovs, count] = calls.iovs(0x200, &[(0x300, 3)]);
    calls.expect(AGAIN, "sock_recv", &[5, iovs, count, 0, OUT, 0x110]);
    calls.expect(AGAIN, "sock_recv", &[5, iovs, count, 2, OUT, 0x110]);
    send(&peer, b"x");
    assert_eq!(calls.read(5, 4).as_deref(), Ok(&b"x"[..]));
}

#[test]
fn waiting_for_all_waits_for_all() {
    let (mut calls, listener) = listening();
    let peer = listener.connect().unwrap();
    calls.expect(SUCCESS, "sock_accept", &[LISTENER, 0, OUT]);
    let [iovs, count] = calls.iovs(0x200, &[(0x300, 4), (0x310, 4)]);
    let parts = [&b"ab"[..], b"cde", b"f", b"gh"];
    let errno = calls.poll_call("sock_recv", &[5, iovs, count, 2, OUT, 0x110], &mut |round| {
        send(&peer, parts[round as usize]);
        true
    });
    assert_eq!((errno, calls.peek_u32(OUT as u32)), (Some(SUCCESS), 8));
    assert_eq!((calls.peek(0x300, 4), calls.peek(0x310, 4)), (b"abcd".to_vec(), b"efgh".to_vec()));
}

#[test]
fn what_a_listener_cannot_do_it_says() {
    let (mut calls, _) = listening();
    let [iovs, count] = calls.iovs(0x200, &[(0x300, 3)]);
    calls.expect(NOTCONN, "sock_recv", &[LISTENER, iovs, count, 0, OUT, 0x110]);
    calls.expect(NOTCONN, "sock_send", &[LISTENER, iovs, count, 0, OUT]);
    calls.expect(NOTCONN, "sock_shutdown", &[LISTENER, 1]);
    calls.expect(INVAL, "sock_shutdown", &[LISTENER, 0]);
    calls.expect(INVAL, "sock_shutdown", &[LISTENER, 4]);
    calls.expect(INVAL, "sock_recv", &[LISTENER, iovs, count, 4, OUT, 0x110]);
    calls.expect(INVAL, "sock_send", &[LISTENER, iovs, count, 1, OUT]);
    calls.expect(INVAL, "sock_accept", &[LISTENER, 1, OUT]);
    for (name, params) in [
        ("sock_accept", vec![LISTENER, 0, u32::MAX.into()]),
        ("sock_recv", vec![LISTENER, iovs, count, 0, u32::MAX.into(), 0x110]),
        ("sock_recv", vec![LISTENER, iovs, count, 0, OUT, u32::MAX.into()]),
        ("sock_recv", vec![LISTENER, u32::MAX.into(), count, 0, OUT, 0x110]),
        ("sock_send", vec![LISTENER, u32::MAX.into(), count, 0, OUT]),
        ("sock_send", vec![LISTENER, iovs, count, 0, u32::MAX.into()]),
    ] {
        calls.expect(FAULT, name, &params);
    }
}
