//! `wasmote serve`, started and asked.

use super::command;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, ExitStatus},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

/// A component that answers with these five bytes, and misbehaves when the path says so.
pub fn handler(answer: &str) -> String {
    assert_eq!(answer.len(), 5);
    include_str!("handler.wat").replace("HELLO", answer)
}

/// The same, whose start function computes for a while: about 40 million fuel, and more than 40 ms.
pub fn slow_handler(answer: &str) -> String {
    let handler = handler(answer);
    let end = handler.rfind(')').unwrap();
    format!(
        "{}
        (core module $slow
          (func $start (local $n i32)
            (loop (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 8000000)))))
          (start $start))
        (core instance (instantiate $slow)))",
        &handler[..end]
    )
}

/// A server, and what it has said so far.
pub struct Server {
    pub child: Child,
    pub address: String,
    pub log: Arc<Mutex<String>>,
}

/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(60);

impl Server {
    pub fn start(args: &[&str]) -> Self {
        let mut command = command();
        command.args(["serve", "--addr", "127.0.0.1:0"]).args(args);
        Self::spawn(command)
    }

    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::new(Mutex::new(String::new()));
        let of_thread = log.clone();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut log = of_thread.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let mut server = Self { child, address: String::new(), log };
        let url = server.wait_for_log("http://");
        server.address = url.split("http://").nth(1).unwrap().trim_end_matches('/').to_owned();
        server
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The first line with `part` in it, when there is one.
    #[track_caller]
    pub fn wait_for_log(&mut self, part: &str) -> String {
        let began = Instant::now();
        loop {
            let log = self.log();
            if let Some(line) = log.lines().find(|line| line.contains(part)) {
                return line.to_owned();
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && began.elapsed() < PATIENCE, "`{part}` is not in: {log}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn send(&self, head: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream
    }

    pub fn get(&self, path: &str) -> Answer {
        get(&self.address, path)
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    pub fn ended(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
    /// Whether the contents ended as they should.
    pub whole: bool,
}

impl Answer {
    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    /// The id of a failure, which head and contents agree on.
    pub fn id(&self) -> String {
        let line = self.head.lines().find_map(|line| line.strip_prefix("x-request-id: "));
        let id = line.unwrap_or_else(|| panic!("{}", self.head)).to_owned();
        assert!(self.text().contains(&id), "{}", self.text());
        id
    }
}

pub fn get(address: &str, path: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
    read(stream)
}

pub fn read(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    // What was reset has its bytes all the same.
    let _ = stream.read_to_end(&mut bytes);
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let at = at.unwrap_or_else(|| panic!("no head: {}", String::from_utf8_lossy(&bytes)));
    let head = String::from_utf8(bytes[..at].to_vec()).unwrap().to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut body = bytes[at + 4..].to_vec();
    let mut whole = true;
    if head.contains("transfer-encoding: chunked") {
        (body, whole) = dechunk(&body);
    }
    Answer { status, head, body, whole }
}

fn dechunk(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    loop {
        let Some(at) = bytes.windows(2).position(|two| two == b"\r\n") else { return (out, false) };
        let length = usize::from_str_radix(str::from_utf8(&bytes[..at]).unwrap(), 16).unwrap();
        let rest = &bytes[at + 2..];
        if length == 0 {
            return (out, true);
        }
        if rest.len() < length + 2 {
            out.extend_from_slice(&rest[..length.min(rest.len())]);
            return (out, false);
        }
        out.extend_from_slice(&rest[..length]);
        bytes = &rest[length + 2..];
    }
}

/// Waits until `done`.
#[track_caller]
pub fn wait(mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(20));
    }
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
pub fn frame(kind: u8, flags: u8, stream: u8, contents: &[u8]) -> Vec<u8> {
    let length = u32::try_from(contents.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], contents].concat()
}

pub const PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What `/metrics` at `address` says of `name`, which has its labels with it.
pub fn counted(address: &str, name: &str) -> u64 {
    let metrics = get(address, "/metrics");
    let line = metrics.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name}: {}", metrics.text())).parse().unwrap()
}

pub fn metrics_address(server: &mut Server) -> String {
    let line = server.wait_for_log("/metrics");
    line.split("http://").nth(1).unwrap().strip_suffix("/metrics").unwrap().to_owned()
}
