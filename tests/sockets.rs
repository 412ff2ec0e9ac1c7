//! Sockets that guests open, as WASI means them: the same over memory and over the platform.

#![cfg(all(feature = "component", feature = "std"))]

use std::{
    future::poll_fn,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};
use wasmote::{
    backend::{mem, std as real},
    block_on,
    cap::{
        Code,
        clocks::Clocks as _,
        sockets::{AddressFamily, LookupError, Network, Shutdown, SocketOption},
    },
    wasi::sockets::{
        Connection, NetworkGrant, SocketError, Sockets, TcpSocket,
        policy::{Denied, Operation, Policy, Rule},
    },
};

use AddressFamily::{Ipv4, Ipv6};

fn networks() -> [(&'static str, Arc<dyn Network>); 2] {
    [("mem", Arc::new(mem::Machine::new())), ("std", Arc::new(real::Network::new()))]
}

fn sockets(network: Arc<dyn Network>, policy: Policy) -> Arc<Sockets> {
    NetworkGrant::new(network, policy).sockets(|| unreachable!())
}

/// Everything allowed, over each network.
fn open() -> [(&'static str, Arc<Sockets>); 2] {
    networks().map(|(name, network)| (name, sockets(network, Policy::new().allow_all().allow_names())))
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn loopback(family: AddressFamily, port: u16) -> SocketAddr {
    let ip: IpAddr = if family == Ipv4 { [127, 0, 0, 1].into() } else { [0, 0, 0, 0, 0, 0, 0, 1].into() };
    SocketAddr::new(ip, port)
}

fn now<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    poll(&mut Context::from_waker(Waker::noop()))
}

const fn code<T>(code: Code) -> Result<T, SocketError> {
    Err(SocketError::Code(code))
}

fn listener(sockets: &Arc<Sockets>, family: AddressFamily) -> TcpSocket {
    let listener = sockets.tcp_socket(family).unwrap();
    listener.bind(loopback(family, 0)).unwrap();
    listener.listen().unwrap();
    listener
}

fn connect(socket: &TcpSocket, remote: SocketAddr) -> Result<(), SocketError> {
    socket.start_connect(remote)?;
    block_on(poll_fn(|cx| socket.poll_connect(cx)))
}

fn pair(sockets: &Arc<Sockets>, family: AddressFamily) -> (TcpSocket, TcpSocket) {
    let listener = listener(sockets, family);
    let client = sockets.tcp_socket(family).unwrap();
    connect(&client, listener.local_address().unwrap()).unwrap();
    (client, block_on(poll_fn(|cx| listener.poll_accept(cx))).unwrap())
}

fn send(connection: &Connection, mut bytes: &[u8]) -> Result<(), Code> {
    while !bytes.is_empty() {
        let sent = block_on(poll_fn(|cx| connection.poll_send(cx, bytes)))?;
        bytes = &bytes[sent..];
    }
    Ok(())
}

fn receive(connection: &Connection, count: usize) -> Result<Vec<u8>, Code> {
    let mut bytes = vec![0; count];
    let count = block_on(poll_fn(|cx| connection.poll_receive(cx, &mut bytes)))?;
    bytes.truncate(count);
    Ok(bytes)
}

fn receive_to_end(connection: &Connection) -> Result<Vec<u8>, Code> {
    let mut all = Vec::new();
    loop {
        match receive(connection, 1_000)? {
            bytes if bytes.is_empty() => return Ok(all),
            bytes => all.extend(bytes),
        }
    }
}

const SEND: Shutdown = Shutdown { receive: false, send: true };

#[test]
fn bytes_cross_a_connection_both_ways() {
    for (name, sockets) in open() {
        for family in [Ipv4, Ipv6] {
            let (client, server) = pair(&sockets, family);
            assert_eq!(client.remote_address(), server.local_address(), "{name}");
            assert_eq!(client.local_address(), server.remote_address(), "{name}");
            let (out, back) = (client.sender().unwrap(), server.receiver().unwrap());
            send(&out, b"hello").unwrap();
            assert_eq!(receive(&back, 3).unwrap(), b"hel", "{name}");
            assert_eq!(receive(&back, 3).unwrap(), b"lo", "{name}");
            assert!(now(|cx| back.poll_receive(cx, &mut [0])).is_pending(), "{name}");
            send(&server.sender().unwrap(), b"back").unwrap();
            assert_eq!(receive(&client.receiver().unwrap(), 9).unwrap(), b"back", "{name}");
            send(&out, b"last").unwrap();
            client.shutdown(SEND).unwrap();
            client.shutdown(SEND).unwrap();
            assert_eq!(receive_to_end(&back).unwrap(), b"last", "{name}");
        }
    }
}

#[test]
fn who_reads_no_more_still_takes_what_comes() {
    for (name, sockets) in open() {
        let (client, server) = pair(&sockets, Ipv4);
        client.shutdown(Shutdown { receive: true, send: false }).unwrap();
        let out = server.sender().unwrap();
        for _ in 0..3 {
            send(&out, b"for nobody").unwrap();
        }
        send(&client.sender().unwrap(), b"and yet").unwrap();
        assert_eq!(receive(&server.receiver().unwrap(), 9).unwrap(), b"and yet", "{name}");
    }
}

#[test]
fn more_than_the_buffers_hold_waits_for_the_reader() {
    for (name, sockets) in open() {
        let (client, server) = pair(&sockets, Ipv4);
        let (out, back) = (client.sender().unwrap(), server.receiver().unwrap());
        let data: Vec<u8> = (0..20_000_000_u32).map(|n| n as u8).collect();
        let mut sent = 0;
        while let Poll::Ready(some) = now(|cx| out.poll_send(cx, &data[sent..])) {
            sent += some.unwrap();
            assert!(sent < data.len(), "{name}: nothing bounds what is on its way");
        }
        let mut received = Vec::new();
        let mut bytes = vec![0; 65_536];
        while received.len() < data.len() {
            let got = block_on(poll_fn(|cx| back.poll_receive(cx, &mut bytes))).unwrap();
            received.extend_from_slice(&bytes[..got]);
            while let Poll::Ready(some) = now(|cx| out.poll_send(cx, &data[sent..])) {
                match some.unwrap() {
                    0 => break,
                    some => sent += some,
                }
            }
        }
        assert!(received == data, "{name}");
    }
}

#[test]
fn a_connection_outlives_its_socket_and_counts_until_then() {
    for (name, sockets) in open() {
        let before = sockets.open();
        let (client, server) = pair(&sockets, Ipv4);
        let (out, back) = (client.sender().unwrap(), server.receiver().unwrap());
        drop((client, server));
        assert_eq!(sockets.open(), before + 2, "{name}");
        send(&out, b"still").unwrap();
        drop(out);
        assert_eq!(receive_to_end(&back).unwrap(), b"still", "{name}");
        drop(back);
        assert_eq!(sockets.open(), before, "{name}");
    }
}

#[test]
fn each_direction_is_given_away_once() {
    for (name, sockets) in open() {
        let (client, _server) = pair(&sockets, Ipv4);
        assert!(client.sender().is_ok() && client.receiver().is_ok(), "{name}");
        assert_eq!(client.sender().err(), Some(SocketError::State), "{name}");
        assert_eq!(client.receiver().err(), Some(SocketError::State), "{name}");
    }
}

#[test]
fn a_socket_goes_through_its_life_in_order() {
    for (name, sockets) in open() {
        for family in [Ipv4, Ipv6] {
            let socket = sockets.tcp_socket(family).unwrap();
            let here = loopback(family, 0);
            let finished =
                || [socket.finish_bind(), socket.finish_listen(), now_ready(|cx| socket.poll_connect(cx))];
            assert_eq!(finished(), [Err(SocketError::NotInProgress); 3], "{name}: unbound");
            assert_eq!(socket.start_listen(), Err(SocketError::State), "{name}");
            assert_eq!(socket.local_address(), Err(SocketError::State), "{name}");
            assert_eq!(now_ready(|cx| socket.poll_accept(cx)).err(), Some(SocketError::State), "{name}");
            socket.start_bind(here).unwrap();
            assert_eq!(socket.start_bind(here), code(Code::Already), "{name}");
            assert_eq!(socket.start_connect(loopback(family, 1)), code(Code::Already), "{name}");
            socket.finish_bind().unwrap();
            assert_ne!(socket.local_address().unwrap().port(), 0, "{name}");
            assert_eq!(socket.start_bind(here), Err(SocketError::State), "{name}");
            assert_eq!(finished(), [Err(SocketError::NotInProgress); 3], "{name}: bound");
            socket.start_listen().unwrap();
            assert_eq!(socket.start_listen(), code(Code::Already), "{name}");
            assert!(!socket.is_listening(), "{name}");
            socket.finish_listen().unwrap();
            assert!(socket.is_listening(), "{name}");
            assert_eq!(socket.start_listen(), Err(SocketError::State), "{name}");
            assert_eq!(socket.start_connect(loopback(family, 1)), Err(SocketError::State), "{name}");
            assert_eq!(socket.shutdown(SEND), Err(SocketError::State), "{name}");
            assert_eq!(socket.remote_address(), Err(SocketError::State), "{name}");
            let (client, _server) = pair(&sockets, family);
            assert_eq!(client.start_connect(here), Err(SocketError::State), "{name}");
            assert_eq!(client.set_backlog(1), Err(SocketError::State), "{name}");
        }
    }
}

fn now_ready<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> T {
    match now(poll) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("has to wait"),
    }
}

#[test]
fn a_refused_connection_closes_the_socket() {
    for (name, sockets) in open() {
        let taken = sockets.tcp_socket(Ipv4).unwrap();
        taken.bind(loopback(Ipv4, 0)).unwrap();
        let nobody = taken.local_address().unwrap();
        drop(taken);
        let socket = sockets.tcp_socket(Ipv4).unwrap();
        assert_eq!(connect(&socket, nobody), code(Code::ConnectionRefused), "{name}");
        assert_eq!(socket.start_connect(nobody), Err(SocketError::State), "{name}");
        assert_eq!(socket.bind(loopback(Ipv4, 0)), Err(SocketError::State), "{name}");
        assert_eq!(socket.option(SocketOption::HopLimit), Err(SocketError::State), "{name}");
    }
}

#[test]
fn addresses_that_can_be_none_are_refused_and_leave_the_socket_as_it_was() {
    for (name, sockets) in open() {
        for (family, wrong) in [
            (Ipv4, ["[::1]:1", "224.0.0.1:1", "255.255.255.255:1"].as_slice()),
            (Ipv6, ["127.0.0.1:1", "[ff02::1]:1", "[::ffff:127.0.0.1]:1", "[::127.0.0.1]:1"].as_slice()),
        ] {
            let socket = sockets.tcp_socket(family).unwrap();
            for wrong in wrong {
                assert_eq!(socket.bind(at(wrong)), code(Code::Invalid), "{name}: {wrong}");
                assert_eq!(socket.start_connect(at(wrong)), code(Code::Invalid), "{name}: {wrong}");
            }
            let udp = sockets.udp_socket(family).unwrap();
            for remote in [SocketAddr::new(family.unspecified(), 1), loopback(family, 0)] {
                assert_eq!(socket.start_connect(remote), code(Code::Invalid), "{name}: {remote}");
                assert_eq!(udp.connect(remote), code(Code::Invalid), "{name}: {remote}");
                let sent = now_ready(|cx| udp.poll_send(cx, b"x", Some(remote)));
                assert_eq!(sent, code(Code::Invalid), "{name}: {remote}");
            }
            socket.bind(loopback(family, 0)).unwrap();
        }
    }
}

#[test]
fn an_address_is_taken_once_and_free_again_at_once() {
    for (name, sockets) in open() {
        for family in [Ipv4, Ipv6] {
            let first = listener(&sockets, family);
            let here = first.local_address().unwrap();
            let second = sockets.tcp_socket(family).unwrap();
            assert_eq!(second.bind(here), code(Code::AddressInUse), "{name}");
            let client = sockets.tcp_socket(family).unwrap();
            connect(&client, here).unwrap();
            let accepted = block_on(poll_fn(|cx| first.poll_accept(cx))).unwrap();
            drop((accepted, first));
            second.bind(here).unwrap();
            second.listen().unwrap();
            let elsewhere = if family == Ipv4 { "192.0.2.1:0" } else { "[2001:db8::1]:0" };
            let third = sockets.tcp_socket(family).unwrap();
            assert_eq!(third.bind(at(elsewhere)), code(Code::AddressNotAvailable), "{name}");
        }
    }
}

#[test]
fn options_are_clamped_read_back_and_inherited() {
    use SocketOption::*;
    const SECOND: u64 = 1_000_000_000;
    for (name, sockets) in open() {
        for family in [Ipv4, Ipv6] {
            let socket = sockets.tcp_socket(family).unwrap();
            for option in [
                KeepAliveIdleNs,
                KeepAliveIntervalNs,
                KeepAliveCount,
                HopLimit,
                ReceiveBufferBytes,
                SendBufferBytes,
            ] {
                assert!(socket.option(option).unwrap() > 0, "{name}: {option:?}");
                assert_eq!(socket.set_option(option, 0), code(Code::Invalid), "{name}: {option:?}");
                for value in [1, u64::MAX] {
                    socket.set_option(option, value).unwrap();
                    assert!(socket.option(option).unwrap() > 0, "{name}: {option:?}");
                }
            }
            assert_eq!(socket.set_backlog(0), code(Code::Invalid));
            let values = [
                (KeepAlive, 1),
                (KeepAliveIdleNs, 42 * SECOND),
                (KeepAliveIntervalNs, 43 * SECOND),
                (KeepAliveCount, 44),
                (HopLimit, 45),
                (ReceiveBufferBytes, 0x1_0000),
                (SendBufferBytes, 0x1_0000),
            ];
            for (option, value) in values {
                socket.set_option(option, value).unwrap();
                assert_eq!(socket.option(option), Ok(value), "{name}: {option:?}");
            }
            socket.bind(loopback(family, 0)).unwrap();
            socket.listen().unwrap();
            let client = sockets.tcp_socket(family).unwrap();
            connect(&client, socket.local_address().unwrap()).unwrap();
            let accepted = block_on(poll_fn(|cx| socket.poll_accept(cx))).unwrap();
            for (option, value) in values {
                assert_eq!(accepted.option(option), Ok(value), "{name}: {option:?}");
            }
        }
    }
}

#[test]
fn datagrams_find_their_way() {
    for (name, sockets) in open() {
        for family in [Ipv4, Ipv6] {
            let (server, client) = (sockets.udp_socket(family).unwrap(), sockets.udp_socket(family).unwrap());
            assert_eq!(now_ready(|cx| client.poll_receive(cx)), Err(SocketError::State), "{name}");
            server.bind(loopback(family, 0)).unwrap();
            let there = server.local_address().unwrap();
            let send = |remote| now_ready(|cx| client.poll_send(cx, b"hello", remote));
            assert_eq!(send(None), code(Code::Invalid), "{name}: to whom?");
            send(Some(there)).unwrap();
            client.connect(there).unwrap();
            assert_eq!(send(Some(loopback(family, 9))), code(Code::Invalid), "{name}: another than the peer");
            send(None).unwrap();
            send(Some(there)).unwrap();
            for _ in 0..3 {
                let datagram = block_on(poll_fn(|cx| server.poll_receive(cx))).unwrap();
                assert_eq!(datagram.bytes, b"hello", "{name}");
                assert_eq!(datagram.remote.port(), client.local_address().unwrap().port(), "{name}");
            }
            let large = vec![0; 65_536];
            assert_eq!(now_ready(|cx| client.poll_send(cx, &large, None)), code(Code::MessageSize), "{name}");
            client.disconnect().unwrap();
            assert_eq!(client.disconnect(), Err(SocketError::State), "{name}");
            assert_ne!(client.local_address().unwrap().port(), 0, "{name}: still bound");
        }
    }
}

#[test]
fn a_socket_with_a_peer_hears_nobody_else() {
    for (name, sockets) in open() {
        let make = || {
            let socket = sockets.udp_socket(Ipv4).unwrap();
            socket.bind(loopback(Ipv4, 0)).unwrap();
            socket
        };
        let (server, friend, stranger) = (make(), make(), make());
        let there = server.local_address().unwrap();
        for (socket, text) in [(&stranger, b"stranger"), (&friend, b"friendly"), (&stranger, b"stranger")] {
            now_ready(|cx| socket.poll_send(cx, text, Some(there))).unwrap();
        }
        // They are there already when it learns of its peer.
        server.connect(friend.local_address().unwrap()).unwrap();
        let datagram = block_on(poll_fn(|cx| server.poll_receive(cx))).unwrap();
        assert_eq!(
            (datagram.bytes.as_slice(), datagram.remote),
            (b"friendly".as_slice(), friend.local_address().unwrap()),
            "{name}"
        );
        assert!(now(|cx| server.poll_receive(cx)).is_pending(), "{name}");
    }
}

#[test]
fn what_was_sent_to_nobody_is_told() {
    for (name, sockets) in open() {
        let socket = sockets.udp_socket(Ipv4).unwrap();
        let gone = sockets.udp_socket(Ipv4).unwrap();
        gone.bind(loopback(Ipv4, 0)).unwrap();
        let there = gone.local_address().unwrap();
        drop(gone);
        socket.connect(there).unwrap();
        now_ready(|cx| socket.poll_send(cx, b"hello", None)).unwrap();
        let heard = block_on(poll_fn(|cx| socket.poll_receive(cx)));
        assert_eq!(heard, code(Code::ConnectionRefused), "{name}");
    }
}

#[test]
fn names_and_addresses_are_looked_up() {
    for (name, sockets) in open() {
        let look_up = |text: &str| {
            let lookup = sockets.look_up(text)?;
            block_on(poll_fn(|cx| lookup.poll_addresses(cx)))
        };
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(look_up("localhost"), Ok(vec![ip("127.0.0.1"), ip("::1")]), "{name}");
        assert_eq!(look_up("[::]"), Ok(vec![ip("::")]), "{name}");
        assert_eq!(look_up("DEAD:beef::0"), Ok(vec![ip("dead:beef::")]), "{name}");
        assert_eq!(look_up("::ffff:1.2.3.4"), Ok(vec![ip("1.2.3.4")]), "{name}: never mapped");
        for wrong in
            ["", " ", "a.b<&>", "127.0.0.1:80", "[::]:80", "[1.2.3.4]", "http://example.com/", "127.1"]
        {
            assert_eq!(look_up(wrong), Err(LookupError::Invalid), "{name}: {wrong}");
        }
    }
    let machine = mem::Machine::new();
    machine.network().name("db.example", [[10, 0, 0, 7].into()]);
    let sockets = sockets(Arc::new(machine), Policy::new().allow_names());
    let lookup = sockets.look_up("DB.example.").unwrap();
    let answer = block_on(poll_fn(|cx| lookup.poll_addresses(cx)));
    assert_eq!(answer, Ok(vec![[10, 0, 0, 7].into()]));
    let lookup = sockets.look_up("other.example").unwrap();
    let answer = block_on(poll_fn(|cx| lookup.poll_addresses(cx)));
    assert_eq!(answer, Err(LookupError::Unresolvable));
}

/// P5: no grant, no effect; and what would have been needed is told.
#[test]
fn nothing_is_reached_without_a_grant() {
    for (name, network) in networks() {
        let denied = Arc::new(Mutex::new(Vec::new()));
        let told = denied.clone();
        let policy = Policy::new().on_denied(move |what| told.lock().unwrap().push(what.to_string()));
        let sockets = sockets(network, policy);
        let (tcp, udp) = (sockets.tcp_socket(Ipv4).unwrap(), sockets.udp_socket(Ipv6).unwrap());
        tcp.set_option(SocketOption::HopLimit, 7).unwrap();
        let here = loopback(Ipv4, 80);
        assert_eq!(tcp.start_connect(here), code(Code::NotPermitted), "{name}");
        assert_eq!(tcp.bind(here), code(Code::NotPermitted), "{name}");
        assert_eq!(tcp.listen(), code(Code::NotPermitted), "{name}");
        let there = loopback(Ipv6, 53);
        assert_eq!(udp.bind(there), code(Code::NotPermitted), "{name}");
        assert_eq!(udp.connect(there), code(Code::NotPermitted), "{name}");
        assert_eq!(now_ready(|cx| udp.poll_send(cx, b"x", Some(there))), code(Code::NotPermitted), "{name}");
        assert_eq!(sockets.look_up("example.com").err(), Some(LookupError::NotPermitted), "{name}");
        let expected = [
            "connecting by TCP to 127.0.0.1:80 is not granted",
            "binding TCP to 127.0.0.1:80 is not granted",
            "binding TCP to 0.0.0.0:0 is not granted",
            "binding UDP to [::1]:53 is not granted",
            "exchanging UDP with [::1]:53 is not granted",
            "exchanging UDP with [::1]:53 is not granted",
            "looking up `example.com` is not granted",
        ];
        assert_eq!(*denied.lock().unwrap(), expected, "{name}");
    }
}

/// N-12: a peer that may be sent to is no leave to hear everybody.
#[test]
fn who_may_only_send_hears_only_whom_it_may_send_to() {
    for (name, network) in networks() {
        let all = sockets(network.clone(), Policy::new().allow_all());
        let (friend, stranger) = (all.udp_socket(Ipv4).unwrap(), all.udp_socket(Ipv4).unwrap());
        friend.bind(loopback(Ipv4, 0)).unwrap();
        stranger.bind(loopback(Ipv4, 0)).unwrap();
        let rule: Rule = friend.local_address().unwrap().to_string().parse().unwrap();
        let sockets = sockets(network, Policy::new().allow([Operation::UdpSend], &rule));
        let socket = sockets.udp_socket(Ipv4).unwrap();
        let to = |remote| now_ready(|cx| socket.poll_send(cx, b"hello", Some(remote)));
        to(friend.local_address().unwrap()).unwrap();
        assert_eq!(to(stranger.local_address().unwrap()), code(Code::NotPermitted), "{name}");
        let me = block_on(poll_fn(|cx| friend.poll_receive(cx))).unwrap().remote;
        now_ready(|cx| stranger.poll_send(cx, b"attack", Some(me))).unwrap();
        now_ready(|cx| friend.poll_send(cx, b"answer", Some(me))).unwrap();
        let heard = block_on(poll_fn(|cx| socket.poll_receive(cx))).unwrap();
        assert_eq!(heard.bytes, b"answer", "{name}");
        // Nor does a peer change that: it is judged when it is chosen.
        assert_eq!(socket.connect(stranger.local_address().unwrap()), code(Code::NotPermitted), "{name}");
    }
}

/// N-09: what a name stands for is judged when it is connected to.
#[test]
fn a_name_cannot_be_rebound_to_the_inside() {
    let network = mem::Network::new();
    let guest = network.machine(["10.0.0.1".parse().unwrap()]);
    let outside = network.machine(["93.184.216.34".parse().unwrap(), "10.0.0.2".parse().unwrap()]);
    let outside = sockets(Arc::new(outside), Policy::new().allow_all());
    for address in ["93.184.216.34:443", "10.0.0.2:443"] {
        let listener = outside.tcp_socket(Ipv4).unwrap();
        listener.bind(at(address)).unwrap();
        listener.listen().unwrap();
        std::mem::forget(listener);
    }
    let policy = Policy::new().allow(Operation::OUT, &"api.example.com:443".parse().unwrap());
    let sockets = sockets(Arc::new(guest), policy);
    let connect_by_name = |stands_for: &str| {
        network.name("api.example.com", [stands_for.parse().unwrap()]);
        let lookup = sockets.look_up("api.example.com").unwrap();
        let found = block_on(poll_fn(|cx| lookup.poll_addresses(cx))).unwrap();
        let socket = sockets.tcp_socket(Ipv4).unwrap();
        connect(&socket, SocketAddr::new(found[0], 443))
    };
    assert_eq!(connect_by_name("93.184.216.34"), Ok(()));
    for inside in ["10.0.0.2", "127.0.0.1", "169.254.169.254"] {
        assert_eq!(connect_by_name(inside), code(Code::NotPermitted), "{inside}");
    }
    // An inside server is granted by its address.
    assert_eq!(connect_by_name("93.184.216.34"), Ok(()));
}

#[test]
fn sockets_are_counted() {
    for (name, network) in networks() {
        let sockets = sockets(network, Policy::new().allow_all().sockets_max(3));
        let listener = listener(&sockets, Ipv4);
        let client = sockets.tcp_socket(Ipv4).unwrap();
        connect(&client, listener.local_address().unwrap()).unwrap();
        let third = sockets.udp_socket(Ipv4).unwrap();
        assert_eq!(sockets.tcp_socket(Ipv4).err(), Some(SocketError::Code(Code::TooManyOpen)), "{name}");
        let accepted = now_ready(|cx| listener.poll_accept(cx));
        assert_eq!(accepted.err(), Some(SocketError::Code(Code::TooManyOpen)), "{name}");
        drop(third);
        let _accepted = block_on(poll_fn(|cx| listener.poll_accept(cx))).unwrap();
        for _ in 0..10_000 {
            assert!(sockets.udp_socket(Ipv4).is_err(), "{name}");
        }
        drop(client);
        for _ in 0..1_000 {
            drop(sockets.udp_socket(Ipv4).unwrap());
        }
        assert_eq!(sockets.open(), 2, "{name}");
    }
}

#[test]
fn kinds_of_sockets_can_be_ruled_out() {
    for (name, network) in networks() {
        let policy = Policy::new().allow_all();
        let no_tcp = sockets(network.clone(), policy.clone().without_tcp());
        assert_eq!(no_tcp.tcp_socket(Ipv4).err(), Some(SocketError::Code(Code::NotPermitted)), "{name}");
        assert!(no_tcp.udp_socket(Ipv4).is_ok(), "{name}");
        let no_udp = sockets(network, policy.without_udp());
        assert_eq!(no_udp.udp_socket(Ipv4).err(), Some(SocketError::Code(Code::NotPermitted)), "{name}");
        assert!(no_udp.tcp_socket(Ipv4).is_ok(), "{name}");
    }
}

/// A link with latency, on a clock that the network lets jump.
fn slow(loss_per_million: u32, seed: u64) -> (mem::Network, mem::Clocks) {
    let clocks = mem::Clocks::new();
    let link = mem::Link { latency_ns: 5_000_000, loss_per_million };
    (mem::Network::linked(link, clocks.clone(), seed), clocks)
}

#[test]
fn a_slow_link_takes_its_time_on_the_virtual_clock() {
    let (network, clocks) = slow(0, 0);
    let here = sockets(Arc::new(network.machine(["10.0.0.1".parse().unwrap()])), Policy::new().allow_all());
    let there = sockets(Arc::new(network.machine(["10.0.0.2".parse().unwrap()])), Policy::new().allow_all());
    let listener = there.tcp_socket(Ipv4).unwrap();
    listener.bind(at("10.0.0.2:80")).unwrap();
    listener.listen().unwrap();
    let client = here.tcp_socket(Ipv4).unwrap();
    connect(&client, at("10.0.0.2:80")).unwrap();
    assert_eq!(clocks.peek_ns(), 10_000_000, "there and back");
    let server = block_on(poll_fn(|cx| listener.poll_accept(cx))).unwrap();
    assert_eq!(server.remote_address().unwrap().ip(), IpAddr::from([10, 0, 0, 1]));
    send(&client.sender().unwrap(), b"ping").unwrap();
    assert_eq!(clocks.peek_ns(), 10_000_000, "sending waits for nobody");
    assert_eq!(receive(&server.receiver().unwrap(), 9).unwrap(), b"ping");
    assert_eq!(clocks.peek_ns(), 15_000_000);
    // The loopback is no link.
    let (a, b) = pair(&here, Ipv4);
    send(&a.sender().unwrap(), b"x").unwrap();
    receive(&b.receiver().unwrap(), 1).unwrap();
    assert_eq!(clocks.peek_ns(), 15_000_000);
}

#[test]
fn what_comes_first_comes_first() {
    let (network, clocks) = slow(0, 0);
    let here = sockets(Arc::new(network.machine(["10.0.0.1".parse().unwrap()])), Policy::new().allow_all());
    let there = sockets(Arc::new(network.machine(["10.0.0.2".parse().unwrap()])), Policy::new().allow_all());
    let (to, from) = (there.udp_socket(Ipv4).unwrap(), here.udp_socket(Ipv4).unwrap());
    to.bind(at("10.0.0.2:53")).unwrap();
    // A socket and a deadline, the clock asked last, as guests wait.
    let wait = |deadline_ns: u64| {
        now_ready(|cx| from.poll_send(cx, b"x", Some(at("10.0.0.2:53")))).unwrap();
        let started_ns = clocks.peek_ns();
        let network_clocks = network.clocks();
        let received = block_on(poll_fn(|cx| {
            if to.poll_receivable(cx).is_ready() {
                return Poll::Ready(true);
            }
            network_clocks.poll_until(cx, started_ns + deadline_ns).map(|()| false)
        }));
        let waited_ns = clocks.peek_ns() - started_ns;
        block_on(poll_fn(|cx| to.poll_receive(cx))).unwrap();
        (received, waited_ns)
    };
    assert_eq!(wait(1_000_000), (false, 1_000_000), "the deadline is before the datagram");
    assert_eq!(wait(50_000_000), (true, 5_000_000), "the datagram is before the deadline");
}

#[test]
fn loss_is_chosen_by_the_seed() {
    let arrived = |seed| {
        let (network, _) = slow(300_000, seed);
        let here =
            sockets(Arc::new(network.machine(["10.0.0.1".parse().unwrap()])), Policy::new().allow_all());
        let there =
            sockets(Arc::new(network.machine(["10.0.0.2".parse().unwrap()])), Policy::new().allow_all());
        let (to, from) = (there.udp_socket(Ipv4).unwrap(), here.udp_socket(Ipv4).unwrap());
        to.bind(at("10.0.0.2:53")).unwrap();
        for n in 0..100 {
            now_ready(|cx| from.poll_send(cx, &[n], Some(at("10.0.0.2:53")))).unwrap();
        }
        network.clocks().poll_until(&mut Context::from_waker(Waker::noop()), 1 << 40).is_ready();
        let mut arrived = Vec::new();
        while let Poll::Ready(datagram) = now(|cx| to.poll_receive(cx)) {
            arrived.push(datagram.unwrap().bytes[0]);
        }
        arrived
    };
    assert_eq!(arrived(1), arrived(1));
    assert_ne!(arrived(1), arrived(2));
    assert!((50..90).contains(&arrived(1).len()), "{}", arrived(1).len());
    // TCP loses nothing, it takes longer.
    let (network, clocks) = slow(300_000, 1);
    let here = sockets(Arc::new(network.machine(["10.0.0.1".parse().unwrap()])), Policy::new().allow_all());
    let listener = here.tcp_socket(Ipv4).unwrap();
    listener.bind(at("10.0.0.1:80")).unwrap();
    listener.listen().unwrap();
    let far = sockets(Arc::new(network.machine(["10.0.0.2".parse().unwrap()])), Policy::new().allow_all());
    let client = far.tcp_socket(Ipv4).unwrap();
    connect(&client, at("10.0.0.1:80")).unwrap();
    let server = block_on(poll_fn(|cx| listener.poll_accept(cx))).unwrap();
    let (out, back) = (client.sender().unwrap(), server.receiver().unwrap());
    let data: Vec<u8> = (0..100).collect();
    for byte in &data {
        send(&out, &[*byte]).unwrap();
    }
    client.shutdown(SEND).unwrap();
    assert_eq!(receive_to_end(&back).unwrap(), data);
    assert!(clocks.peek_ns() > 15_000_000, "{}", clocks.peek_ns());
}

#[test]
fn what_nobody_reads_over_tcp_is_bounded() {
    const MIB: usize = 1 << 20;
    let machine = mem::Machine::new();
    let tcp = || machine.tcp_socket(Ipv4).unwrap();
    let listener = tcp();
    listener.bind(loopback(Ipv4, 80)).unwrap();
    listener.listen(4_096).unwrap();
    let data = vec![0; MIB];
    let connect = || {
        let client = tcp();
        client.set_option(SocketOption::SendBufferBytes, MIB as u64).unwrap();
        client.connect(loopback(Ipv4, 80)).unwrap();
        assert_eq!(now(|cx| client.poll_connected(cx)), Poll::Ready(Ok(())));
        client
    };
    // All that goes at once.
    let fill = |client: &dyn wasmote::cap::sockets::TcpSocket| {
        let mut sent = 0;
        loop {
            match now(|cx| client.poll_send(cx, &data)) {
                Poll::Ready(Ok(count)) => sent += count,
                Poll::Ready(Err(code)) => return (sent, Some(code)),
                Poll::Pending => return (sent, None),
            }
        }
    };
    // Nobody has accepted it: more goes only then.
    let client = connect();
    assert_eq!(fill(&*client), (64 << 10, None));
    client.set_option(SocketOption::SendBufferBytes, MIB as u64).unwrap();
    assert_eq!(fill(&*client), (0, None));
    let Poll::Ready(Ok(accepted)) = now(|cx| listener.poll_accept(cx)) else { panic!("it is there") };
    assert_eq!(fill(&*client), (MIB - (64 << 10), None));
    drop((client, accepted));
    // However many there are, and though their clients have left.
    let mut all = 0;
    for _ in 0..1_000 {
        let client = connect();
        let (sent, ended) = fill(&*client);
        assert!(sent <= 64 << 10 && ended.is_none_or(|code| code == Code::NoMemory), "{sent} {ended:?}");
        all += sent;
    }
    assert!((24 * MIB..=32 * MIB).contains(&all), "{all}");
    // What is gone leaves room.
    drop(listener);
    let listener = tcp();
    listener.bind(loopback(Ipv4, 80)).unwrap();
    listener.listen(16).unwrap();
    assert_eq!(fill(&*connect()), (64 << 10, None));
}

#[test]
fn what_is_denied_says_so_without_secrets() {
    assert_eq!(Denied::TooMany(3).to_string(), "3 sockets are open and no more are granted");
    let grant = NetworkGrant::new(Arc::new(mem::Machine::new()), Policy::new());
    assert!(format!("{grant:?}").contains("rules: []"));
}
