//! Hostile clients of `wasmote serve`, byte by byte, by the numbers of the attack battery: one request is one
//! request to everybody, and what was sent with one is never taken for another.

mod program;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::Child,
    thread,
    time::Duration,
};

/// The handlers, which do the same in both dialects.
const HANDLERS: [&str; 2] = ["http-proxy", "http-service"];

/// How long a client waits for an answer that may not come.
const PATIENCE: Duration = Duration::from_secs(20);

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(handler: &str) -> Self {
        let path = format!("{}/tests/guests/{handler}.wasm", env!("CARGO_MANIFEST_DIR"));
        let args = ["serve", "--addr", "127.0.0.1:0", "--head-timeout", "300ms", "-W", "timeout=2s", &path];
        let mut child = program::command().args(args).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = log.find_map(|line| line.ok().filter(|line| line.contains("http://"))).unwrap();
        let address = line.split("http://").nth(1).unwrap().trim_end_matches('/').to_owned();
        thread::spawn(move || log.for_each(drop));
        Self { child, address }
    }

    /// All that comes back for these bytes, until there is nothing more.
    fn send(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // What is refused early is not read to its end.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[track_caller]
    fn works(&self) {
        let answer = self.send(b"GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("hello"), "{answer}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The statuses of the responses in `answer`.
fn statuses(answer: &str) -> Vec<u16> {
    answer.split("HTTP/1.1 ").skip(1).filter_map(|rest| rest.get(..3)?.parse().ok()).collect()
}

/// A request that would be answered with `hello`, if somebody took it for one.
const SMUGGLED: &str = "GET /hello HTTP/1.1\r\nhost: smuggled\r\n\r\n";

#[test]
fn n_03_no_request_hides_in_another() {
    for handler in HANDLERS {
        let server = Server::start(handler);
        let length = SMUGGLED.len();
        for head in [
            format!("content-length: 0\r\ncontent-length: {length}"),
            format!("content-length: {length}\r\ncontent-length: 0"),
            format!("content-length: 0, {length}"),
            "content-length: +0".to_owned(),
            "content-length: -1".to_owned(),
            "content-length: 0x0".to_owned(),
            format!("content-length: {length}\r\ntransfer-encoding: chunked"),
            "transfer-encoding: chunked\r\ntransfer-encoding: identity".to_owned(),
            "transfer-encoding: xchunked".to_owned(),
            "transfer-encoding : chunked".to_owned(),
            "transfer-encoding: \x0bchunked".to_owned(),
            "content-length: 0\r\n x: folded".to_owned(),
            "x\0y: 1".to_owned(),
        ] {
            let request = format!("POST /status?204 HTTP/1.1\r\nhost: a\r\n{head}\r\n\r\n{SMUGGLED}");
            let answer = server.send(request.as_bytes());
            // Refused, or answered with the rest as its contents: never with what is hidden.
            assert!(!answer.contains("hello"), "{handler} {head}: {answer}");
            assert!(statuses(&answer).len() <= 1, "{handler} {head}: {answer}");
        }
        server.works();
    }
}

#[test]
fn n_04_chunks_that_lie_break_the_request_off() {
    for handler in HANDLERS {
        let server = Server::start(handler);
        for chunks in [
            "FFFFFFFFFFFFFFFF1\r\nsome\r\n0\r\n\r\n",
            "-1\r\nsome\r\n0\r\n\r\n",
            "4 4\r\nsome\r\n0\r\n\r\n",
            "0x4\r\nsome\r\n0\r\n\r\n",
            "4\r\nsomething\r\n0\r\n\r\n",
            "4\r\nsome\r\n",
            "4\r\nso",
            "4\nsome\n0\n\n",
        ] {
            let head = "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
            let answer = server.send(format!("{head}{chunks}").as_bytes());
            // Nobody may take it for a whole answer.
            let whole = answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n0\r\n\r\n");
            assert!(!whole, "{handler} {chunks:?}: {answer}");
        }
        // Extensions mean nothing, however long.
        let long = "x".repeat(1 << 20);
        let request = format!(
            "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n4;{long}\r\nsome\r\n0\r\n\r\n"
        );
        assert!(statuses(&server.send(request.as_bytes())).len() <= 1);
        server.works();
    }
}

#[test]
fn n_05_a_client_that_takes_its_time_is_not_waited_for() {
    let server = Server::start(HANDLERS[0]);
    for part in ["", "P", "PRI * HTTP/2.0\r\n", "GET / HT", "GET / HTTP/1.1\r\nhost: a\r\nx: "] {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(part.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // An end, whichever; a timeout of this client's would be none.
        if let Err(error) = stream.read_to_end(&mut answer) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{part:?}");
        }
    }
    // Contents that never come: the time for the request covers them.
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"POST /fetch?http,a,/ HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nsome").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert_eq!(statuses(&answer), [504], "{answer}");
    server.works();
}

#[test]
fn n_06_and_n_08_targets_and_heads_have_bounds() {
    for handler in HANDLERS {
        let server = Server::start(handler);
        for (length, status) in [(8_000, 404), (8 << 10, 414), (40 << 10, 414)] {
            let request =
                format!("GET /{} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", "a".repeat(length));
            assert_eq!(statuses(&server.send(request.as_bytes())), [status], "{handler} {length}");
        }
        let request = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(1 << 20));
        let answer = server.send(request.as_bytes());
        assert!(!answer.contains(" 200 ") && statuses(&answer).len() <= 1, "{handler}: {answer}");
        // Whoever is asked is who the target says, where it says so.
        let absolute = "GET http://target/seen HTTP/1.1\r\nhost: other\r\nconnection: close\r\n\r\n";
        let answer = server.send(absolute.as_bytes());
        assert!(!answer.contains("other"), "{handler}: {answer}");
        server.works();
    }
}

#[test]
fn n_15_after_a_failure_the_rest_of_a_request_is_no_request() {
    for handler in HANDLERS {
        let server = Server::start(handler);
        for path in ["/trap", "/error", "/trap-in-body", "/unfinished"] {
            let length = SMUGGLED.len();
            let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n");
            let answer = server.send(format!("{head}{SMUGGLED}").as_bytes());
            assert!(!answer.contains("hello"), "{handler} {path}: {answer}");
            assert_eq!(statuses(&answer).len(), 1, "{handler} {path}: {answer}");
        }
        // What follows on the connection belongs to who sent it: an answer each, in order, or an end.
        let both = format!("POST /trap HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nsome{SMUGGLED}");
        let answer = server.send(both.as_bytes());
        let statuses = statuses(&answer);
        assert!(statuses == [500] || statuses == [500, 200], "{handler}: {answer}");
        server.works();
    }
}
