//! What WASI 0.3 does for guests when the network below them fails.

#![cfg(all(feature = "std", feature = "p3"))]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
};
use wasmote::{
    Host, Program,
    backend::mem,
    block_on,
    cap::{
        Code,
        clocks::Clocks as _,
        sockets::{
            AddressFamily, Lookup, LookupError, Network, Shutdown, SocketOption, TcpSocket, TcpStream,
            UdpSocket,
        },
    },
    wasi::sockets::policy::Policy,
};

/// A network on which accepting fails so many times before it does not.
struct Failing {
    network: mem::Machine,
    left: Arc<AtomicU32>,
    code: Code,
}

struct FailingSocket {
    socket: Arc<dyn TcpSocket>,
    left: Arc<AtomicU32>,
    code: Code,
}

impl Network for Failing {
    fn tcp_socket(&self, family: AddressFamily) -> Result<Arc<dyn TcpSocket>, Code> {
        let socket = self.network.tcp_socket(family)?;
        Ok(Arc::new(FailingSocket { socket, left: self.left.clone(), code: self.code }))
    }

    fn udp_socket(&self, family: AddressFamily) -> Result<Arc<dyn UdpSocket>, Code> {
        self.network.udp_socket(family)
    }

    fn look_up(&self, name: &str) -> Result<Arc<dyn Lookup>, LookupError> {
        self.network.look_up(name)
    }
}

impl TcpStream for FailingSocket {
    fn poll_receive(&self, cx: &mut Context<'_>, bytes: &mut [u8], peek: bool) -> Poll<Result<usize, Code>> {
        self.socket.poll_receive(cx, bytes, peek)
    }

    fn poll_send(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        self.socket.poll_send(cx, bytes)
    }

    fn poll_receivable(&self, cx: &mut Context<'_>) -> Poll<u64> {
        self.socket.poll_receivable(cx)
    }

    fn poll_sendable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.socket.poll_sendable(cx)
    }

    fn shutdown(&self, how: Shutdown) -> Result<(), Code> {
        self.socket.shutdown(how)
    }
}

impl TcpSocket for FailingSocket {
    fn bind(&self, local: SocketAddr) -> Result<(), Code> {
        self.socket.bind(local)
    }

    fn connect(&self, remote: SocketAddr) -> Result<(), Code> {
        self.socket.connect(remote)
    }

    fn poll_connected(&self, cx: &mut Context<'_>) -> Poll<Result<(), Code>> {
        self.socket.poll_connected(cx)
    }

    fn listen(&self, backlog: u32) -> Result<(), Code> {
        self.socket.listen(backlog)
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<Arc<dyn TcpSocket>, Code>> {
        let fails = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if fails.is_ok() { Poll::Ready(Err(self.code)) } else { self.socket.poll_accept(cx) }
    }

    fn poll_acceptable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.socket.poll_acceptable(cx)
    }

    fn local_address(&self) -> Result<SocketAddr, Code> {
        self.socket.local_address()
    }

    fn remote_address(&self) -> Result<SocketAddr, Code> {
        self.socket.remote_address()
    }

    fn option(&self, option: SocketOption) -> Result<u64, Code> {
        self.socket.option(option)
    }

    fn set_option(&self, option: SocketOption, value: u64) -> Result<(), Code> {
        self.socket.set_option(option, value)
    }
}

/// Listens at 127.0.0.1:80, connects to itself, and takes the connection.
const SERVER: &str = r#"(component
    (import "wasi:sockets/types@0.3.0" (instance $types
        (export "tcp-socket" (type $socket (sub resource)))
        (type $f (enum "ipv4" "ipv6"))
        (export "ip-address-family" (type $family (eq $f)))
        (type $a4 (tuple u8 u8 u8 u8))
        (export "ipv4-address" (type $v4 (eq $a4)))
        (type $s4 (record (field "port" u16) (field "address" $v4)))
        (export "ipv4-socket-address" (type $socket4 (eq $s4)))
        (type $a6 (tuple u16 u16 u16 u16 u16 u16 u16 u16))
        (export "ipv6-address" (type $v6 (eq $a6)))
        (type $s6 (record (field "port" u16) (field "flow-info" u32) (field "address" $v6)
            (field "scope-id" u32)))
        (export "ipv6-socket-address" (type $socket6 (eq $s6)))
        (type $s (variant (case "ipv4" $socket4) (case "ipv6" $socket6)))
        (export "ip-socket-address" (type $address (eq $s)))
        (type $e (variant (case "access-denied") (case "not-supported") (case "invalid-argument")
            (case "out-of-memory") (case "timeout") (case "invalid-state") (case "address-not-bindable")
            (case "address-in-use") (case "remote-unreachable") (case "connection-refused")
            (case "connection-broken") (case "connection-reset") (case "connection-aborted")
            (case "datagram-too-large") (case "other" (option string))))
        (export "error-code" (type $error (eq $e)))
        (export "[static]tcp-socket.create" (func (param "address-family" $family)
            (result (result (own $socket) (error $error)))))
        (export "[method]tcp-socket.bind" (func (param "self" (borrow $socket)) (param "local-address" $address)
            (result (result (error $error)))))
        (export "[method]tcp-socket.connect" (func async (param "self" (borrow $socket))
            (param "remote-address" $address) (result (result (error $error)))))
        (type $accepted (stream (own $socket)))
        (export "[method]tcp-socket.listen" (func (param "self" (borrow $socket))
            (result (result $accepted (error $error)))))))
    (alias export $types "tcp-socket" (type $socket))
    (type $sockets (stream (own $socket)))
    (core module $libc
        (memory (export "mem") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096)))
    (core instance $libc (instantiate $libc))
    (core func $create (canon lower (func $types "[static]tcp-socket.create")
        (memory (core memory $libc "mem")) (realloc (core func $libc "realloc"))))
    (core func $bind (canon lower (func $types "[method]tcp-socket.bind")
        (memory (core memory $libc "mem")) (realloc (core func $libc "realloc"))))
    (core func $connect (canon lower (func $types "[method]tcp-socket.connect")
        (memory (core memory $libc "mem")) (realloc (core func $libc "realloc"))))
    (core func $listen (canon lower (func $types "[method]tcp-socket.listen")
        (memory (core memory $libc "mem")) (realloc (core func $libc "realloc"))))
    (core func $read (canon stream.read $sockets async (memory (core memory $libc "mem"))))
    (core func $set (canon waitable-set.new))
    (core func $join (canon waitable.join))
    (core func $return (canon task.return (result (result))))
    (core module $m
        (import "" "mem" (memory 1))
        (import "" "create" (func $create (param i32 i32)))
        (import "" "bind" (func $bind (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
        (import "" "connect" (func $connect (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
        (import "" "listen" (func $listen (param i32 i32)))
        (import "" "read" (func $read (param i32 i32 i32) (result i32)))
        (import "" "set" (func $set (result i32)))
        (import "" "join" (func $join (param i32 i32)))
        (import "" "return" (func $return (param i32)))
        (func $check (param $result i32) (if (i32.load8_u (local.get $result)) (then unreachable)))
        (func $new (result i32)
            (call $create (i32.const 0) (i32.const 16)) (call $check (i32.const 16)) (i32.load (i32.const 20)))
        (func (export "run") (result i32) (local $server i32) (local $client i32) (local $set i32) (local $status i32)
            (local.set $server (call $new))
            (local.set $client (call $new))
            (call $bind (local.get $server) (i32.const 0) (i32.const 80) (i32.const 127) (i32.const 0)
                (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                (i32.const 0) (i32.const 0) (i32.const 32))
            (call $check (i32.const 32))
            (call $listen (local.get $server) (i32.const 64))
            (call $check (i32.const 64))
            (call $connect (local.get $client) (i32.const 0) (i32.const 80) (i32.const 127) (i32.const 0)
                (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                (i32.const 0) (i32.const 0) (i32.const 32))
            (call $check (i32.const 32))
            ;; One is waited for, where accepting fails first.
            (local.set $status (call $read (i32.load (i32.const 68)) (i32.const 128) (i32.const 1)))
            (if (i32.ne (local.get $status) (i32.const -1)) (then
                (return (call $callback (i32.const 2) (i32.const 0) (local.get $status)))))
            (local.set $set (call $set))
            (call $join (i32.load (i32.const 68)) (local.get $set))
            (i32.or (i32.const 2) (i32.shl (local.get $set) (i32.const 4))))
        (func $callback (export "callback") (param $code i32) (param $handle i32) (param $status i32) (result i32)
            ;; One, and there may be more.
            (if (i32.ne (local.get $code) (i32.const 2)) (then unreachable))
            (if (i32.ne (local.get $status) (i32.const 16)) (then unreachable))
            (call $return (i32.const 0))
            (i32.const 0)))
    (core instance $i (instantiate $m (with "" (instance
        (export "mem" (memory $libc "mem")) (export "create" (func $create)) (export "bind" (func $bind))
        (export "connect" (func $connect)) (export "listen" (func $listen)) (export "read" (func $read))
        (export "return" (func $return))
        (export "set" (func $set)) (export "join" (func $join))))))
    (func $run async (result (result)) 
        (canon lift (core func $i "run") async (callback (core func $i "callback"))))
    (instance $run (export "run" (func $run)))
    (export "wasi:cli/run@0.3.0" (instance $run)))"#;

/// Runs the server where accepting fails so many times; how many milliseconds that took.
fn serve(failures: u32, code: Code) -> u64 {
    let (clocks, left) = (mem::Clocks::new(), Arc::new(AtomicU32::new(failures)));
    let network = Failing { network: mem::Machine::new(), left: left.clone(), code };
    let host = Host::new().clocks(clocks.clone()).network(network, Policy::new().allow_all());
    let program = Program::load(&wat::parse_str(SERVER).unwrap()).unwrap();
    let began_ns = clocks.monotonic_now_ns();
    let exit = block_on(host.start(&program).unwrap().run()).unwrap();
    assert!(exit.is_success());
    assert_eq!(left.load(Ordering::Relaxed), 0, "it did not fail as often as it should");
    (clocks.monotonic_now_ns() - began_ns) / 1_000_000
}

#[test]
fn a_server_goes_on_after_accepting_failed() {
    assert_eq!(serve(0, Code::Io), 0);
    // As many descriptors as the process may have; as much memory as there is.
    for code in [Code::TooManyOpen, Code::NoMemory, Code::Io] {
        assert_eq!(serve(1, code), 50, "{code:?}");
        assert_eq!(serve(3, code), 150, "{code:?}");
    }
}
