//! What only the platform's backend has: real time, descriptors, sockets, and things that are no files.

#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test runs on a host, and may panic"
)]
#![cfg(all(feature = "std", unix))]

use rustix::fs::{CWD, FileType, Mode};
use std::{
    future::{Future, poll_fn},
    io::{Read, Write},
    os::fd::{AsFd, OwnedFd},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};
use wasmote::{
    backend::std::{Clocks, Directory, Input, Output, Random, TcpListener, TcpStream},
    cap::{
        Code,
        cli::{InputStream, OutputStream},
        clocks::Clocks as _,
        filesystem::{Directory as _, Kind, Name, Open},
        random::Random as _,
        sockets::{Shutdown, TcpListener as _, TcpStream as _},
    },
};

struct Thread(thread::Thread, AtomicUsize);

impl Wake for Thread {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.unpark();
    }
}

/// The plainest executor: no reactor, no timer. Answers how often the future was woken, too.
fn block_on<T>(future: impl Future<Output = T>) -> (T, usize) {
    let this = Arc::new(Thread(thread::current(), AtomicUsize::new(0)));
    let waker = Waker::from(this.clone());
    let mut future = pin!(future);
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return (value, this.1.load(Ordering::Relaxed));
        }
        assert!(Instant::now() < end, "nobody woke this task");
        thread::park_timeout(Duration::from_secs(20));
    }
}

fn pending<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> bool {
    poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

async fn read(stream: &Input, length: usize) -> Result<Vec<u8>, Code> {
    let mut bytes = vec![0; length];
    let count = poll_fn(|cx| stream.poll_read(cx, &mut bytes)).await?;
    bytes.truncate(count);
    Ok(bytes)
}

async fn write(stream: &Output, bytes: &[u8]) -> Result<usize, Code> {
    poll_fn(|cx| stream.poll_write(cx, bytes)).await
}

fn pipe() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = std::io::pipe().unwrap();
    (reader.into(), writer.into())
}

#[test]
fn time_goes_on_and_is_waited_for_under_a_plain_executor() {
    let clocks = Clocks;
    assert!(clocks.monotonic_resolution_ns() >= 1 && clocks.wall_resolution_ns() >= 1);
    let real = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64;
    assert!((clocks.wall_now().seconds - real).abs() <= 1);
    let mut last = clocks.monotonic_now_ns();
    for _ in 0..10_000 {
        let now = clocks.monotonic_now_ns();
        assert!(now >= last);
        last = now;
    }
    for wait_ns in [0, 1, 1_000_000, 30_000_000] {
        let start = clocks.monotonic_now_ns();
        let ((), woken) = block_on(poll_fn(|cx| clocks.poll_until(cx, start + wait_ns)));
        assert!(clocks.monotonic_now_ns() >= start + wait_ns);
        assert!(woken <= 2, "woken {woken} times");
    }
}

/// The later deadline is asked for first, by tasks of their own, and the end of time by all (T-02).
#[test]
fn the_earliest_deadline_comes_first_whoever_asks_first() {
    let (sender, receiver) = mpsc::channel();
    let start = Clocks.monotonic_now_ns();
    assert!(pending(|cx| Clocks.poll_until(cx, u64::MAX)));
    for wait_ms in [150, 50, 100] {
        let sender = sender.clone();
        thread::spawn(move || {
            block_on(poll_fn(|cx| {
                assert!(Clocks.poll_until(cx, u64::MAX).is_pending());
                Clocks.poll_until(cx, start + wait_ms * 1_000_000)
            }));
            sender.send(wait_ms).unwrap();
        });
        thread::sleep(Duration::from_millis(10));
    }
    let order: Vec<u64> = receiver.iter().take(3).collect();
    assert_eq!(order, [50, 100, 150]);
}

#[test]
fn random_bytes_differ() {
    let (mut one, mut other) = ([0; 32], [0; 32]);
    Random.fill(&mut one).unwrap();
    Random.fill(&mut other).unwrap();
    Random.fill(&mut []).unwrap();
    assert_ne!(one, other);
}

#[test]
fn an_input_is_asked_without_consuming_and_waited_for() {
    let (reader, writer) = pipe();
    let input = Input::from_fd(reader);
    assert!(!input.is_terminal());
    assert!(pending(|cx| input.poll_readable(cx)));
    assert!(pending(|cx| input.poll_read(cx, &mut [0; 8])));
    let writing = thread::spawn(move || {
        for part in [&b"\0\xff\n"[..], b"rest"] {
            thread::sleep(Duration::from_millis(30));
            rustix::io::write(&writer, part).unwrap();
        }
    });
    let (count, woken) = block_on(poll_fn(|cx| input.poll_readable(cx)));
    assert_eq!(count, 3);
    assert!(woken <= 2, "woken {woken} times");
    assert_eq!(block_on(poll_fn(|cx| input.poll_readable(cx))).0, 3);
    assert_eq!(block_on(read(&input, 2)).0.unwrap(), b"\0\xff");
    assert_eq!(block_on(read(&input, 9)).0.unwrap(), b"\n");
    assert_eq!(block_on(read(&input, 9)).0.unwrap(), b"rest");
    writing.join().unwrap();
    assert_eq!(block_on(read(&input, 9)).0.unwrap(), b"");
    assert_eq!(block_on(poll_fn(|cx| input.poll_readable(cx))).0, 0);
}

/// Another process may have made the descriptor non-blocking: it is the same to both.
#[test]
fn a_non_blocking_input_is_waited_for() {
    let (reader, writer) = pipe();
    rustix::io::ioctl_fionbio(&reader, true).unwrap();
    let input = Input::from_fd(reader);
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(30));
        rustix::io::write(&writer, b"x").unwrap();
    });
    assert_eq!(block_on(read(&input, 9)).0.unwrap(), b"x");
}

/// Set in the process that this file's next test starts: this program itself.
const COPY: &str = "WASMOTE_TEST_COPY";

/// Standard input to standard error, when asked to; standard output is the test harness's.
#[test]
fn copy_when_asked() {
    if std::env::var_os(COPY).is_none() {
        return;
    }
    let (input, output) = (Input::stdin(), Output::stderr());
    loop {
        let part = block_on(read(&input, 4_321)).0.unwrap();
        let mut rest = &part[..];
        while !rest.is_empty() {
            rest = &rest[block_on(write(&output, rest)).0.unwrap()..];
        }
        if part.is_empty() {
            return;
        }
    }
}

#[test]
fn standard_streams_keep_every_byte() {
    let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n ^ (n >> 8)) as u8).collect();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "copy_when_asked", "--nocapture"])
        .env(COPY, "1")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, sent) = (child.stdin.take().unwrap(), bytes.clone());
    let writing = thread::spawn(move || {
        for part in sent.chunks(100_000) {
            input.write_all(part).unwrap();
            thread::sleep(Duration::from_millis(20));
        }
    });
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(output.status.success());
    assert!(output.stderr == bytes, "{} bytes of {}", output.stderr.len(), bytes.len());
}

#[test]
fn a_file_is_an_input_and_an_output() {
    let mut file = tempfile::tempfile().unwrap();
    let output = Output::from_fd(file.try_clone().unwrap());
    let bytes: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
    assert_eq!(block_on(write(&output, &bytes)).0, Ok(bytes.len()));
    std::io::Seek::rewind(&mut file).unwrap();
    assert!(!output.is_terminal());
    let input = Input::from_fd(file);
    assert!(!pending(|cx| input.poll_readable(cx)));
    let mut back = Vec::new();
    loop {
        match block_on(read(&input, 7_777)).0.unwrap() {
            end if end.is_empty() => break,
            part => back.extend(part),
        }
    }
    assert_eq!(back, bytes);
}

/// a reader that is slow makes the guest wait, not the thread, and nothing is kept for it.
#[test]
fn an_output_that_nobody_reads_pushes_back() {
    let (reader, writer) = pipe();
    let output = Output::from_fd(writer);
    let block = [7; 100_000];
    let mut sent = 0;
    let full = |cx: &mut Context<'_>, sent: &mut usize| match output.poll_write(cx, &block) {
        Poll::Ready(count) => {
            *sent += count.unwrap();
            Poll::Ready(())
        }
        Poll::Pending => Poll::Pending,
    };
    while !pending(|cx| full(cx, &mut sent)) {}
    assert!(pending(|cx| output.poll_writable(cx)));
    let reading = thread::spawn(move || {
        thread::sleep(Duration::from_millis(30));
        let mut bytes = vec![0; sent];
        std::fs::File::from(reader).read_exact(&mut bytes).unwrap();
    });
    assert!(block_on(poll_fn(|cx| output.poll_writable(cx))).0 > 0);
    reading.join().unwrap();
}

#[test]
fn a_broken_pipe_is_told() {
    let (reader, writer) = pipe();
    let output = Output::from_fd(writer);
    drop(reader);
    assert_eq!(block_on(poll_fn(|cx| output.poll_write(cx, b"x"))).0, Err(Code::Pipe));
    assert_eq!(block_on(poll_fn(|cx| output.poll_write(cx, b""))).0, Ok(0));
}

#[test]
fn dropping_a_stream_that_is_waited_for_closes_it() {
    let (reader, writer) = pipe();
    let input = Input::from_fd(reader);
    assert!(pending(|cx| input.poll_readable(cx)));
    drop(input);
    let end = Instant::now() + Duration::from_secs(10);
    while rustix::io::write(&writer, b"x") != Err(rustix::io::Errno::PIPE) {
        assert!(Instant::now() < end, "the other end stayed open");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_terminal_is_one_and_is_filtered_when_asked() {
    let flags = rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY;
    let Ok(controller) = rustix::pty::openpt(flags) else { return };
    rustix::pty::unlockpt(&controller).unwrap();
    let name = rustix::pty::ptsname(&controller, Vec::new()).unwrap();
    let terminal = rustix::fs::open(&name, rustix::fs::OFlags::RDWR, Mode::empty()).unwrap();
    let output = Output::from_fd(terminal.try_clone().unwrap());
    assert!(output.is_terminal() && Input::from_fd(terminal).is_terminal());
    assert_eq!(block_on(write(&output.clone().filter_terminal(), b"\x1b[2Jok")).0, Ok(6));
    assert_eq!(block_on(write(&output, b"\x1b!")).0, Ok(2));
    let mut bytes = [0; 8];
    std::fs::File::from(controller).read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"?[2Jok\x1b!");
    // What is no terminal gets every byte.
    let (reader, writer) = pipe();
    let output = Output::from_fd(writer).filter_terminal();
    assert_eq!(block_on(write(&output, b"\x1b[2J")).0, Ok(4));
    std::fs::File::from(reader).read_exact(&mut bytes[..4]).unwrap();
    assert_eq!(&bytes[..4], b"\x1b[2J");
}

#[test]
fn a_listener_accepts_under_a_plain_executor() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let listener = TcpListener::from_std(socket).unwrap();
    assert!(pending(|cx| listener.poll_acceptable(cx)));
    let peer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(30));
        let mut peer = std::net::TcpStream::connect(address).unwrap();
        peer.write_all(b"ping").unwrap();
        let mut answer = Vec::new();
        peer.read_to_end(&mut answer).unwrap();
        answer
    });
    block_on(poll_fn(|cx| listener.poll_acceptable(cx)));
    block_on(poll_fn(|cx| listener.poll_acceptable(cx)));
    let stream = block_on(poll_fn(|cx| listener.poll_accept(cx))).0.unwrap();
    let mut bytes = [0; 8];
    block_on(poll_fn(|cx| stream.poll_receivable(cx)));
    assert_eq!(block_on(poll_fn(|cx| stream.poll_receive(cx, &mut bytes, true))).0, Ok(4));
    assert_eq!(block_on(poll_fn(|cx| stream.poll_receive(cx, &mut bytes, false))).0, Ok(4));
    assert_eq!(&bytes[..4], b"ping");
    assert!(pending(|cx| stream.poll_receivable(cx)));
    assert!(pending(|cx| stream.poll_receive(cx, &mut bytes, false)));
    block_on(poll_fn(|cx| stream.poll_sendable(cx)));
    assert_eq!(block_on(poll_fn(|cx| stream.poll_send(cx, b"pong"))).0, Ok(4));
    stream.shutdown(Shutdown { receive: false, send: true }).unwrap();
    assert_eq!(peer.join().unwrap(), b"pong");
    assert_eq!(block_on(poll_fn(|cx| stream.poll_receive(cx, &mut bytes, false))).0, Ok(0));
}

#[test]
fn a_connection_that_nobody_reads_pushes_back_and_goes_on() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = std::net::TcpStream::connect(socket.local_addr().unwrap()).unwrap();
    let stream = TcpStream::from_std(socket.accept().unwrap().0).unwrap();
    let block = vec![7; 1 << 20];
    let mut sent = 0;
    while let Poll::Ready(count) = stream.poll_send(&mut Context::from_waker(Waker::noop()), &block) {
        sent += count.unwrap();
        assert!(sent < 1 << 30, "a socket without bound");
    }
    assert!(pending(|cx| stream.poll_sendable(cx)));
    let reading = thread::spawn(move || {
        thread::sleep(Duration::from_millis(30));
        let mut bytes = vec![0; sent];
        (&peer).read_exact(&mut bytes).unwrap();
        peer
    });
    block_on(poll_fn(|cx| stream.poll_sendable(cx)));
    drop(reading.join().unwrap());
    let end = Instant::now() + Duration::from_secs(10);
    let gone = loop {
        match block_on(poll_fn(|cx| stream.poll_send(cx, b"x"))).0 {
            Err(code) => break code,
            Ok(_) => assert!(Instant::now() < end, "the peer is gone"),
        }
        thread::sleep(Duration::from_millis(10));
    };
    assert!(matches!(gone, Code::Pipe | Code::ConnectionReset), "{gone}");
}

fn name(name: &str) -> Name<'_> {
    Name::new(name).unwrap()
}

/// P-10: what is no file must not make the host wait.
#[test]
fn pipes_and_sockets_are_seen_and_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    rustix::fs::mknodat(CWD, at("fifo"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    let root = Directory::open_ambient(folder.path()).unwrap();
    for (at, kind) in [("fifo", Kind::Fifo), ("socket", Kind::Socket)] {
        assert_eq!(root.metadata_at(name(at)).unwrap().kind, kind);
        for (read, write) in [(false, false), (true, false), (false, true), (true, true)] {
            let open = Open { read, write, ..Open::default() };
            assert_eq!(root.open_file(name(at), open).err(), Some(Code::NotSupported), "{at} {open:?}");
            let open = Open { create: true, truncate: write, ..open };
            assert_eq!(root.open_file(name(at), open).err(), Some(Code::NotSupported), "{at} {open:?}");
        }
        assert_eq!(root.open_directory(name(at)).err(), Some(Code::NotDirectory), "{at}");
    }
    let mut kinds = Vec::new();
    root.read(&mut |entry| {
        kinds.push(entry.kind);
        true
    })
    .unwrap();
    assert!(kinds.contains(&Kind::Fifo) && kinds.contains(&Kind::Socket));
}

/// P-10: the links in /proc are links like others, and lead nowhere from here.
#[test]
fn links_of_the_proc_file_system_are_not_followed() {
    let Ok(root) = Directory::open_ambient("/proc/self/fd") else { return };
    let root_link = Directory::open_ambient("/proc/self").unwrap();
    assert_eq!(root.open_file(name("0"), Open { read: true, ..Open::default() }).err(), Some(Code::Loop));
    assert_eq!(root_link.open_directory(name("root")).err(), Some(Code::Loop));
    assert_eq!(root_link.open_directory(name("cwd")).err(), Some(Code::Loop));
}

#[test]
fn names_that_are_no_text_are_passed_over() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(OsStr::from_bytes(b"bad\xff")), "").unwrap();
    std::fs::write(folder.path().join("good"), "").unwrap();
    std::os::unix::fs::symlink(OsStr::from_bytes(b"\xff"), folder.path().join("link")).unwrap();
    let root = Directory::open_ambient(folder.path()).unwrap();
    let mut names = Vec::new();
    root.read(&mut |entry| {
        names.push(entry.name.as_str().to_owned());
        true
    })
    .unwrap();
    names.sort();
    assert_eq!(names, ["good", "link"]);
    assert_eq!(root.read_link(name("link")).err(), Some(Code::IllegalByteSequence));
}

#[test]
fn opening_what_is_no_directory_says_so() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let open = |at: &str| Directory::open_ambient(folder.path().join(at)).err();
    assert_eq!((open("missing"), open("file")), (Some(Code::NoEntry), Some(Code::NotDirectory)));
}

#[test]
fn a_tree_of_the_platforms_is_copied_into_memory() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
    std::fs::write(folder.path().join("a/b/file"), vec![7; 200_000]).unwrap();
    std::os::unix::fs::symlink("a/b", folder.path().join("link")).unwrap();
    let from: Arc<dyn wasmote::cap::filesystem::Directory> =
        Arc::new(Directory::open_ambient(folder.path()).unwrap());
    let copy = wasmote::backend::mem::Directory::new();
    copy.copy_from(&from).unwrap();
    assert_eq!(copy.contents("a/b/file").unwrap(), vec![7; 200_000]);
    assert_eq!(copy.read_link(name("link")).unwrap(), "a/b");
}

/// Many opens and closes, one after another, leave nothing open.
#[test]
fn handles_are_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let root = Directory::open_ambient(folder.path()).unwrap();
    root.create_directory(name("below")).unwrap();
    let create = Open { read: true, write: true, create: true, ..Open::default() };
    for _ in 0..20_000 {
        let below = root.open_directory(name("below")).unwrap();
        let file = below.open_file(name("file"), create).unwrap();
        assert!(file.metadata().is_ok() && folder.path().as_os_str().len() > 1);
    }
    let spare = std::fs::File::open(folder.path()).unwrap();
    assert!(std::os::fd::AsRawFd::as_raw_fd(&spare.as_fd()) < 500);
}
