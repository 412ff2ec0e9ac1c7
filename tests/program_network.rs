//! What of the network `wasmote run` and `wasmote serve` let a component have, by each flag that grants it. What they do not
//! is refused before anybody hears of it, and `--trace` says which flag was missing.

mod program;

use program::{Ended, command, ended, guest, wasmote};
use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream, UdpSocket},
    process::{Child, ChildStderr, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How long anybody waits for anybody.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the guest with these flags, and has it do `what` with `at`.
fn run(flags: &[&str], what: &str, at: &str) -> Ended {
    let network = guest("network");
    wasmote(["run"].iter().chain(flags).copied().chain(["--trace", network.as_str(), what, at]))
}

/// Somebody to talk to, who has heard of nobody yet.
fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    (listener, at)
}

/// Answers one client `pong`, when that has said all.
fn answer(listener: TcpListener) -> JoinHandle<String> {
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut said = String::new();
        client.read_to_string(&mut said).unwrap();
        client.write_all(b"pong").unwrap();
        said
    })
}

#[track_caller]
fn heard_nobody(listener: &TcpListener) {
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "somebody connected");
    listener.set_nonblocking(false).unwrap();
}

/// The guest was told that it may not, and whoever started it which flag that takes.
#[track_caller]
fn was_denied(ran: &Ended, grant: &str) {
    let denied: Vec<_> = ran.stderr.lines().filter(|line| line.contains("denied: ")).collect();
    assert!(denied.iter().any(|line| line.ends_with(&format!(" is not granted: {grant}"))), "{}", ran.stderr);
    assert!(ran.text().contains("AccessDenied"), "{}", ran.text());
    ran.said(1, &[]);
}

#[test]
fn a_host_and_port_that_are_granted_are_reached() {
    let port_of = |at: &str| at.rsplit_once(':').unwrap().1.to_owned();
    let rules: [fn(&str) -> String; 4] = [
        |port| format!("127.0.0.1:{port}"),
        |_| "127.0.0.1:*".into(),
        |port| format!("127.0.0.0/8:{port}"),
        |port| format!("127.0.0.1:1-{port}"),
    ];
    for rule in rules {
        let (listener, at) = listener();
        let rule = rule(&port_of(&at));
        let peer = answer(listener);
        let ran = run(&["--allow-net", &rule], "connect", &at);
        ran.said(0, &[]);
        assert_eq!(ran.text(), "pong\n", "{rule}");
        assert!(!ran.stderr.contains("denied"), "{rule}: {}", ran.stderr);
        assert_eq!(peer.join().unwrap(), "ping", "{rule}");
    }
}

#[test]
fn another_port_and_another_host_are_refused_before_they_hear_of_it() {
    let (listener, at) = listener();
    let (_other, beside) = self::listener();
    let port = at.rsplit_once(':').unwrap().1;
    let elsewhere = format!("127.0.0.2:{port}");
    for flags in [
        &[][..],
        &["--allow-net", &beside],
        &["--allow-net", &elsewhere],
        &["--allow-net", "10.0.0.0/8:*"],
        &["--allow-net", "example.com:*"],
        &["--allow-listen", "127.0.0.1:*"],
        &["-S", "allow-ip-name-lookup"],
    ] {
        let ran = run(flags, "connect", &at);
        was_denied(&ran, &format!("--allow-net {at}"));
        heard_nobody(&listener);
    }
}

#[test]
fn datagrams_go_where_it_is_granted_and_nowhere_else() {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let at = peer.local_addr().unwrap().to_string();
    was_denied(&run(&["--allow-net", "127.0.0.2:*"], "send", &at), &format!("--allow-net {at}"));
    let answers = thread::spawn(move || {
        let mut datagram = [0; 16];
        let (length, from) = peer.recv_from(&mut datagram).unwrap();
        peer.send_to(b"pong", from).unwrap();
        datagram[..length].to_vec()
    });
    let ran = run(&["--allow-net", &at], "send", &at);
    ran.said(0, &[]);
    assert_eq!(ran.text(), "pong\n");
    // The one that was refused did not arrive before.
    assert_eq!(answers.join().unwrap(), b"ping");
}

#[test]
fn the_whole_network_may_be_granted_and_names_apart() {
    let (listener, at) = listener();
    let peer = answer(listener);
    let ran = run(&["-S", "inherit-network"], "connect", &at);
    ran.said(0, &[]);
    assert_eq!((ran.text(), peer.join().unwrap().as_str()), ("pong\n", "ping"));

    let (served, ran) = serve_one(&["-S", "inherit-network"], "127.0.0.1:0");
    ran.said(0, &[]);
    assert_eq!(served, "hello");

    let ran = run(&["-S", "inherit-network"], "resolve", "localhost");
    was_denied(&ran, "--allow-net 'localhost:*', or -S allow-ip-name-lookup");
    for flags in [&["-S", "allow-ip-name-lookup"][..], &["--allow-net", "localhost:*"]] {
        let ran = run(flags, "resolve", "localhost");
        ran.said(0, &[]);
        assert_eq!(ran.text(), "1 found\n");
    }

    let (listener, at) = self::listener();
    let ran = run(&["-S", "inherit-network,tcp=n"], "connect", &at);
    assert!(ran.status == 1 && ran.stderr.contains(": -S tcp=y"), "{}", ran.stderr);
    heard_nobody(&listener);
}

/// Runs the guest as a server, and says hello to it: what that answers, and how it ended.
#[track_caller]
fn serve_one(flags: &[&str], at: &str) -> (String, Ended) {
    let network = guest("network");
    let arguments = ["run"].iter().chain(flags).copied().chain(["--trace", network.as_str(), "listen", at]);
    let mut child = command().args(arguments).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut port = String::new();
    stdout.read_line(&mut port).unwrap();
    let answered = port.trim().parse().map(say_hello).unwrap_or_default();
    let mut rest = Vec::from(port);
    stdout.read_to_end(&mut rest).unwrap();
    let mut ran = ended(child.wait_with_output().unwrap());
    ran.stdout = rest;
    (answered, ran)
}

fn say_hello(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"hello").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A port where nobody listens now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_program_listens_where_it_is_granted_and_nowhere_else() {
    let port = free_port();
    let (exactly, other) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{}", free_port()));
    for (rule, at) in [("127.0.0.1:*", "127.0.0.1:0"), (&exactly, &exactly)] {
        let (answered, ran) = serve_one(&["--allow-listen", rule], at);
        ran.said(0, &[]);
        assert_eq!(answered, "hello", "{rule}");
        assert!(ran.text().ends_with("\nserved\n"), "{}", ran.text());
    }
    for flags in [
        &[][..],
        &["--allow-listen", &other],
        &["--allow-listen", "127.0.0.2:*"],
        &["--allow-net", "127.0.0.1:*"],
    ] {
        let (answered, ran) = serve_one(flags, &exactly);
        assert_eq!(answered, "");
        was_denied(&ran, &format!("--allow-listen {exactly}"));
        was_denied(&run(flags, "hear", &exactly), &format!("--allow-listen {exactly}"));
    }
}

/// `wasmote serve` with the guest, and all that it says.
struct Server {
    child: Child,
    address: String,
    said: Arc<Mutex<String>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads what a server says until it has said where it is; then goes on reading.
fn address_of(stderr: ChildStderr, said: &Arc<Mutex<String>>) -> String {
    let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
    let address = lines.by_ref().find_map(|line| {
        said.lock().unwrap().push_str(&format!("{line}\n"));
        let (_, rest) = line.split_once("http://")?;
        Some(rest.split('/').next()?.to_owned())
    });
    let said = said.clone();
    thread::spawn(move || lines.for_each(|line| said.lock().unwrap().push_str(&format!("{line}\n"))));
    address.expect("a server that says where it is")
}

impl Server {
    fn start(flags: &[&str]) -> Self {
        let network = guest("network");
        let arguments = ["serve", "--addr", "127.0.0.1:0", "--trace"].iter().chain(flags).copied();
        let mut command = command();
        command.args(arguments.chain([network.as_str()])).stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        let said = Arc::default();
        let address = address_of(child.stderr.take().unwrap(), &said);
        Self { child, address, said }
    }

    /// Asks for `target`: what comes back, behind its head.
    fn ask(&self, target: &str) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {target} HTTP/1.0\r\nhost: here\r\n\r\n").unwrap();
        let mut answer = BufReader::new(stream);
        let mut line = String::new();
        while answer.read_line(&mut line).unwrap() > 2 {
            line.clear();
        }
        answer
    }

    fn text(&self, target: &str) -> String {
        let mut text = String::new();
        self.ask(target).read_to_string(&mut text).unwrap();
        text
    }

    /// Waits until it says so: what a request had refused is written when that is over.
    #[track_caller]
    fn says(&self, what: &str) {
        let began = Instant::now();
        while !self.said.lock().unwrap().contains(what) {
            assert!(began.elapsed() < PATIENCE, "`{what}` is not in: {}", self.said.lock().unwrap());
            thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn a_handler_connects_where_it_is_granted_and_nowhere_else() {
    let (listener, at) = listener();
    let (beside, refused) = self::listener();
    let server = Server::start(&["--allow-net", &at]);
    let peer = answer(listener);
    assert_eq!(server.text(&format!("/connect?{at}")), "pong\n");
    assert_eq!(peer.join().unwrap(), "ping");
    assert_eq!(server.text(&format!("/connect?{refused}")), "ErrorCode::AccessDenied\n");
    server.says(&format!("denied: connecting by TCP to {refused} is not granted: --allow-net {refused}"));
    heard_nobody(&beside);

    let server = Server::start(&["-S", "inherit-network"]);
    let peer = answer(beside);
    assert_eq!(server.text(&format!("/connect?{refused}")), "pong\n");
    assert_eq!(peer.join().unwrap(), "ping");
}

#[test]
fn a_handler_listens_where_it_is_granted_and_nowhere_else() {
    let server = Server::start(&["--allow-listen", "127.0.0.1:*"]);
    let mut answer = server.ask("/listen?127.0.0.1:0");
    let mut port = String::new();
    answer.read_line(&mut port).unwrap();
    assert_eq!(say_hello(port.trim().parse().unwrap()), "hello");
    let mut rest = String::new();
    answer.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "served\n");
    assert_eq!(server.text("/listen?127.0.0.2:0"), "ErrorCode::AccessDenied\n");
    server.says("denied: binding TCP to 127.0.0.2:0 is not granted: --allow-listen 127.0.0.2:0");

    let server = Server::start(&[]);
    assert_eq!(server.text("/listen?127.0.0.1:0"), "ErrorCode::AccessDenied\n");
    server.says("denied: binding TCP to 127.0.0.1:0 is not granted: --allow-listen 127.0.0.1:0");
}
