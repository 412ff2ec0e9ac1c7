//! What clients of `wasmote serve` do wrong: it is answered as their doing, told, and counted as nobody else's.

mod program;

use program::{
    Files, guest,
    server::{PREFACE, Server, counted, frame, handler, metrics_address, read, wait},
};
use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

/// All that `/metrics` says of failures of apps.
fn failures(metrics: &str) -> u64 {
    let text = program::server::get(metrics, "/metrics");
    let lines = text.text().lines().filter(|line| line.starts_with("wasmote_failures_total"));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

fn answered(metrics: &str, app: &str, status: &str) -> u64 {
    counted(metrics, &format!("wasmote_requests_total{{app=\"{app}\",status=\"{status}\"}}"))
}

#[test]
fn contents_that_break_off_are_their_clients_fault() {
    for app in ["http-proxy", "http-service"] {
        let mut server = Server::start(&["--metrics-addr", "127.0.0.1:0", &guest(app)]);
        let metrics = metrics_address(&mut server);
        let head = "POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n";
        // Nothing of the answer is out.
        let answer = read(server.send(&format!("{head}zz\r\nsome\r\n")));
        let before = (answer.status == 400) as u64;
        if before == 1 {
            assert!(answer.text().contains("break off"), "{answer:?}");
            assert!(server.wait_for_log("POST /echo 400").contains("broke the request off"));
        }
        // Some of it is.
        let mut stream = server.send(&format!("{head}4\r\nsome\r\n"));
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece).unwrap();
        assert!(piece[..count].starts_with(b"HTTP/1.1 200"));
        stream.write_all(b"zz\r\n").unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(!rest.ends_with(b"\r\n0\r\n\r\n"), "{rest:?}");
        let line = server.wait_for_log("POST /echo aborted");
        assert!(line.contains("broke the request off"), "{line}");
        wait(|| answered(&metrics, app, "aborted") == 2 - before);
        assert_eq!((answered(&metrics, app, "4xx"), answered(&metrics, app, "5xx")), (before, 0), "{app}");
        assert_eq!(failures(&metrics), 0, "{app}: {}", server.log());
        assert!(!server.log().contains("failed"), "{}", server.log());
    }
}

#[test]
fn what_the_program_was_never_asked_is_told_and_counted() {
    let files = Files::new();
    let path = files.file("hello.wat", handler("hello"));
    let mut server = Server::start(&["--metrics-addr", "127.0.0.1:0", &path]);
    let metrics = metrics_address(&mut server);
    let refused =
        |status: u16| counted(&metrics, &format!("wasmote_requests_refused_total{{status=\"{status}\"}}"));
    let long = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "x".repeat(80 << 10));
    let target = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "x".repeat(60 << 10));
    for (head, status) in [
        ("nonsense\r\n\r\n", 400),
        ("GET / HTTP/9.9\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n", 400),
        (&long, 431),
    ] {
        let before = refused(status);
        let answer = read(server.send(head));
        assert_eq!(answer.status, status, "{answer:?}");
        wait(|| refused(status) == before + 1);
        server.wait_for_log(&format!(" - - {status} 0 - - ("));
    }
    // A program is asked only what is not too long for it.
    assert_eq!(read(server.send(&target)).status, 414);
    assert_eq!(answered(&metrics, "hello", "2xx") + failures(&metrics), 0);
}

#[test]
fn a_coding_that_nobody_takes_off_is_refused() {
    let files = Files::new();
    let path = files.file("hello.wat", handler("hello"));
    let mut server = Server::start(&["--metrics-addr", "127.0.0.1:0", &path]);
    let metrics = metrics_address(&mut server);
    for (codings, status) in [
        ("transfer-encoding: gzip, chunked", 501),
        ("transfer-encoding: gzip\r\ntransfer-encoding: chunked", 501),
        ("transfer-encoding: identity, chunked", 501),
        ("transfer-encoding: chunked, chunked", 400),
        ("transfer-encoding: Chunked", 200),
        // What it takes in an answer is another thing.
        ("te: gzip, trailers\r\ntransfer-encoding: chunked", 200),
    ] {
        let close = if status == 200 { "connection: close\r\n" } else { "" };
        let head = format!("POST / HTTP/1.1\r\nhost: a\r\n{close}{codings}\r\n\r\n4\r\nsome\r\n0\r\n\r\n");
        // It ends after the answer, whichever.
        let answer = read(server.send(&head));
        assert_eq!(answer.status, status, "{codings}: {answer:?}");
    }
    assert_eq!(counted(&metrics, "wasmote_requests_refused_total{status=\"501\"}"), 3);
    server.wait_for_log("POST / 501");
    assert_eq!(answered(&metrics, "hello", "2xx"), 2);
}

#[test]
fn who_waits_for_a_turn_is_not_counted_as_answered() {
    let files = Files::new();
    let path = files.file("hello.wat", handler("hello"));
    let args = ["--metrics-addr", "127.0.0.1:0", "--max-concurrent", "1", "-W", "timeout=20s", &path];
    let mut server = Server::start(&args);
    let metrics = metrics_address(&mut server);
    let now = |what: &str| counted(&metrics, &format!("wasmote_requests_{what}{{app=\"hello\"}}"));
    let endless = "GET /loop HTTP/1.1\r\nhost: test\r\n\r\n";
    let first = server.send(endless);
    wait(|| (now("in_flight"), now("waiting")) == (1, 0));
    let others = [(); 3].map(|()| server.send(endless));
    wait(|| (now("in_flight"), now("waiting")) == (1, 3));
    drop(others);
    wait(|| (now("in_flight"), now("waiting")) == (1, 0));
    drop(first);
    wait(|| now("in_flight") == 0);
}

/// Answers pings and settings, and gives `window` bytes of room whenever it may, until the server ends the connection; how
/// many bytes of contents came.
fn take(mut stream: TcpStream, mut window: impl FnMut() -> u32) -> usize {
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let (mut bytes, mut taken, mut piece) = (Vec::new(), 0, [0; 64 << 10]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return taken,
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock) => {}
            Err(_) => return taken,
        }
        while bytes.len() >= 9 {
            let length = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]) as usize;
            let Some(contents) = bytes.get(9..9 + length) else { break };
            let (kind, flags) = (bytes[3], bytes[4]);
            match kind {
                0 => taken += length,
                4 if flags & 1 == 0 => _ = stream.write_all(&frame(4, 1, 0, &[])),
                6 if flags & 1 == 0 => _ = stream.write_all(&frame(6, 1, 0, contents)),
                _ => {}
            }
            bytes.drain(..9 + length);
        }
        let more = window();
        if more > 0 {
            // For the stream; the connection's own window is large enough for what is asked here.
            let _ = stream.write_all(&frame(8, 0, 1, &more.to_be_bytes()));
        }
        // Whoever has sent a ping is not idle.
        let _ = stream.write_all(&frame(6, 0, 0, &[0; 8]));
    }
}

/// So many bytes each time, and none in between.
fn now_and_then(time: Duration, bytes: u32) -> impl FnMut() -> u32 {
    let mut last = Instant::now();
    move || {
        if last.elapsed() < time {
            return 0;
        }
        last = Instant::now();
        bytes
    }
}

#[test]
fn a_window_of_a_byte_is_no_way_to_hold_an_answer() {
    let files = Files::new();
    let mut server = Server::start(&[
        "--metrics-addr",
        "127.0.0.1:0",
        "--write-timeout",
        "1s",
        "--max-connections",
        "1",
        &files.file("hello.wat", handler("hello")),
    ]);
    let metrics = metrics_address(&mut server);
    // :method GET, :scheme http, :path as a literal of 127 + 3,873 bytes (RFC 7541, section 5.1), :authority.
    let path = format!("/p{}", "x".repeat(3_998));
    let get = [b"\x82\x86\x04\x7f\xa1\x1e", path.as_bytes(), b"\x01\x04test"].concat();
    let ask = |server: &Server, window: u32| {
        let mut stream = server.send(PREFACE);
        // SETTINGS_INITIAL_WINDOW_SIZE
        let settings = [&[0, 4][..], &window.to_be_bytes()].concat();
        stream.write_all(&frame(4, 0, 0, &settings)).unwrap();
        stream.write_all(&frame(1, 5, 1, &get)).unwrap();
        stream
    };
    let began = Instant::now();
    // One byte at all; and one every now and then.
    for more in [0, 1] {
        let taken = take(ask(&server, 1), now_and_then(Duration::from_millis(50), more));
        assert!((1..1_000).contains(&taken), "{taken}");
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(counted(&metrics, "wasmote_connections_closed_total{reason=\"write_timeout\"}"), 2);
    server.wait_for_log("was left: it took less than 240 bytes a second");
    // Slow, and well above what is asked: it gets all of it, in longer than anybody is waited for who takes too little.
    let taking = thread::spawn({
        let stream = ask(&server, 1);
        move || take(stream, now_and_then(Duration::from_millis(100), 150))
    });
    server.wait_for_log(" 200 4000 ");
    assert_eq!(counted(&metrics, "wasmote_connections_closed_total{reason=\"write_timeout\"}"), 2);
    // It stays until the idle connection is left.
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(taking.join().unwrap(), 4_000);
}

/// What comes of these bytes of HTTP/2, sent until the server takes no more or ends the connection.
fn flood(server: &Server, begin: &[u8], mut piece: impl FnMut(u32) -> Vec<u8>, read: bool) {
    let mut stream = server.send(PREFACE);
    stream.write_all(&frame(4, 0, 0, &[])).unwrap();
    let _ = stream.write_all(begin);
    if read {
        let stream = stream.try_clone().unwrap();
        thread::spawn(move || take(stream, || 0));
    }
    stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    let began = Instant::now();
    for number in 0..200_000 {
        // Refused, or held back until it was: a timeout of this client's would be neither.
        if let Err(error) = stream.write_all(&piece(number)) {
            assert!(!matches!(error.kind(), std::io::ErrorKind::WouldBlock), "{error}");
            break;
        }
    }
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
}

#[test]
fn floods_of_http_2_are_noticed_by_nobody_else() {
    let files = Files::new();
    let path = files.file("hello.wat", handler("hello"));
    let mut server =
        Server::start(&["--metrics-addr", "127.0.0.1:0", "--write-timeout", "1s", "-W", "timeout=5s", &path]);
    let metrics = metrics_address(&mut server);
    let resident = || counted(&metrics, "process_resident_memory_bytes");
    let get = b"\x82\x86\x84\x01\x04test";
    let stream = |number: u32| (2 * number + 1).to_be_bytes();
    let on = |number: u32, kind: u8, flags: u8, contents: &[u8]| {
        let mut frame = frame(kind, flags, 0, contents);
        frame[5..9].copy_from_slice(&stream(number));
        frame
    };
    let before = resident();
    // Rapid reset (CVE-2023-44487): begun and given up, over and over.
    flood(&server, &[], |number| [on(number, 1, 5, get), on(number, 3, 0, &[0, 0, 0, 8])].concat(), true);
    assert_eq!(server.get("/").text(), "hello");
    // A header section that is continued without end.
    flood(&server, &on(0, 1, 1, get), |_| on(0, 9, 0, b"\x00\x01a\x01b"), true);
    // One that is small on the wire and large in memory: a field of 4,000 bytes in the table, said again and again.
    let field = [b"\x40\x01a\x7f\xa1\x1e", "v".repeat(4_000).as_bytes()].concat();
    let bomb = [&get[..], &field, &[0xbe; 16_000 - 4_100]].concat();
    flood(&server, &[], |number| on(number, 1, 5, &bomb), true);
    // What has to be answered, to a client that reads nothing.
    flood(&server, &[], |_| frame(6, 0, 0, &[0; 8]).repeat(1_000), false);
    flood(&server, &[], |_| frame(4, 0, 0, &[]).repeat(1_000), false);
    // What says nothing at all.
    flood(&server, &on(0, 1, 4, get), |_| on(0, 0, 0, b"").repeat(10), true);
    assert_eq!(server.get("/").text(), "hello");
    let after = resident();
    assert!(after < before + (64 << 20), "{before} {after}");
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[test]
fn contents_that_do_not_come_hold_no_turn_and_are_their_clients_fault() {
    let files = Files::new();
    let path = files.file("hello.wat", handler("hello"));
    let mut server = Server::start(&[
        "--metrics-addr",
        "127.0.0.1:0",
        "--max-concurrent",
        "1",
        "--body-timeout",
        "1s",
        "-W",
        "timeout=40s",
        &path,
    ]);
    let metrics = metrics_address(&mut server);
    let head = "POST /r HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\n";
    let whole = read(server.send(&format!(
        "{}{}",
        head.replace("host", "connection: close\r\nhost"),
        "x".repeat(100)
    )));
    assert_eq!((whole.status, whole.text()), (200, "hello"));
    let began = Instant::now();
    // None of them; and one now and then.
    let silent = server.send(head);
    let mut drips = server.send(head);
    let dripping = thread::spawn({
        let mut drips = drips.try_clone().unwrap();
        move || {
            for _ in 0..99 {
                thread::sleep(Duration::from_millis(100));
                if drips.write_all(b"x").is_err() {
                    break;
                }
            }
        }
    });
    assert_eq!(server.get("/").text(), "hello");
    let answer = read(silent);
    assert_eq!(answer.status, 408, "{answer:?}");
    assert!(answer.text().contains("too slowly") && answer.head.contains("connection: close"), "{answer:?}");
    let mut first = [0; 12];
    drips.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 408");
    drop(drips);
    dripping.join().unwrap();
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let line = server.wait_for_log("POST /r 408");
    assert!(line.contains("broke the request off: it sent less than 240 bytes a second for 1s"), "{line}");
    wait(|| answered(&metrics, "hello", "4xx") == 2);
    assert_eq!((answered(&metrics, "hello", "2xx"), failures(&metrics)), (2, 0), "{}", server.log());
}

#[test]
fn an_app_leaves_turns_for_the_others() {
    let files = Files::new();
    files.file("one.wat", handler("one.."));
    files.file("two.wat", handler("two.."));
    let apps = "
        [[app]]
        name = 'one'
        program = 'one.wat'
        routes = ['/...']
        [[app]]
        name = 'two'
        program = 'two.wat'
        routes = ['/other']
    ";
    let limited = apps.replace("routes = ['/...']", "routes = ['/...']\nmax-concurrent = 1");
    for (apps, has) in [(apps, 3), (&limited, 1)] {
        let path = files.file("wasmote.toml", apps);
        let args = ["--metrics-addr", "127.0.0.1:0", "--max-concurrent", "4", "-W", "timeout=40s", &path];
        let mut server = Server::start(&args);
        let metrics = metrics_address(&mut server);
        let now = |what: &str| counted(&metrics, &format!("wasmote_requests_{what}{{app=\"one\"}}"));
        let loops = [(); 8].map(|()| server.send("GET /loop HTTP/1.1\r\nhost: test\r\n\r\n"));
        wait(|| (now("in_flight"), now("waiting")) == (has, (8 - has).min(4 * has)));
        assert_eq!(server.get("/other").text(), "two..");
        // Four wait for each turn that there is, and one more is told so at once.
        let busy = (has == 1).then(|| server.get("/"));
        assert!(busy.is_none_or(|busy| busy.status == 503 && busy.head.contains("retry-after: 1")));
        drop(loops);
        wait(|| now("in_flight") == 0);
    }
}

#[test]
fn requests_that_wait_for_a_turn_fill_no_memory() {
    let files = Files::new();
    let path = files.file("hello.wat", handler("hello"));
    let args = ["--metrics-addr", "127.0.0.1:0", "--max-concurrent", "1", "-W", "timeout=40s", &path];
    let mut server = Server::start(&args);
    let metrics = metrics_address(&mut server);
    let resident = || counted(&metrics, "process_resident_memory_bytes");
    let waiting = || counted(&metrics, "wasmote_requests_waiting{app=\"hello\"}");
    let refused = || counted(&metrics, "wasmote_requests_refused_total{status=\"431\"}");
    let busy = || counted(&metrics, "wasmote_failures_total{app=\"hello\",reason=\"busy\"}");
    let held = server.send("GET /loop HTTP/1.1\r\nhost: test\r\n\r\n");
    wait(|| counted(&metrics, "wasmote_requests_in_flight{app=\"hello\"}") == 1);
    let before = resident();
    // :method GET, :scheme http, :path /, :authority. A small field is put into the table, and said again and again.
    let get = b"\x82\x86\x84\x01\x04test";
    let stream = |number: u8, fields: &[u8]| frame(1, 5, 2 * number + 1, &[&get[..], fields].concat());
    let large = |number: u8| match number {
        0 => stream(0, &[&b"\x40\x01x\x01b"[..], &[0xbe; 1_899]].concat()),
        number => stream(number, &[0xbe; 1_900]),
    };
    // One after the other, and all stay: what is refused is gone.
    let mut connections = Vec::new();
    for number in 1..=12 {
        let mut connection = server.send(PREFACE);
        connection.write_all(&frame(4, 0, 0, &[])).unwrap();
        connection.write_all(&(0..120).flat_map(large).collect::<Vec<_>>()).unwrap();
        connections.push(connection);
        wait(|| refused() == number * 120);
    }
    assert_eq!(waiting(), 0);
    let after = resident();
    assert!(after < before + (96 << 20), "{before} {after}");
    // Those with few fields wait, but four for each turn.
    let mut connection = server.send(PREFACE);
    connection.write_all(&frame(4, 0, 0, &[])).unwrap();
    connection.write_all(&(0..100).flat_map(|number| stream(number, &[])).collect::<Vec<_>>()).unwrap();
    wait(|| busy() == 96);
    assert_eq!(waiting(), 4);
    server.wait_for_log("as many requests as may be were waiting for their turn");
    drop((held, connections, connection));
    wait(|| waiting() == 0);
}

#[test]
fn trailers_go_to_who_takes_them_and_what_does_not_go_is_told() {
    let mut server = Server::start(&["--trace", &guest("http-service")]);
    let ask = |server: &Server, path: &str, fields: &str, more: &str| {
        let head = format!("POST {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{fields}\r\n");
        let mut stream = server.send(&head);
        thread::sleep(Duration::from_millis(100));
        stream.write_all(more.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    // The guest names nothing. What it says together with its response is named for it.
    let answer = ask(&server, "/trailers?x-some", "te: trailers\r\n", "");
    assert!(
        answer.contains("trailer: x-some\r\n") && answer.ends_with("\r\n0\r\nx-some: v\r\n\r\n"),
        "{answer}"
    );
    assert!(!server.log().contains("not sent"), "{}", server.log());
    // Who does not ask for them has none, and no name of one.
    let answer = ask(&server, "/trailers?x-some", "", "");
    assert!(!answer.contains("x-some"), "{answer}");
    server.wait_for_log("trailers not sent (x-some): its client takes none");
    // What comes later has to have a name before: this guest hands on what it is sent, and says no names.
    let chunked = "te: trailers\r\ntransfer-encoding: chunked\r\n";
    let answer = ask(&server, "/echo", chunked, "4\r\nsome\r\n0\r\nx-late: 1\r\n\r\n");
    assert!(answer.ends_with("\r\n4\r\nsome\r\n0\r\n\r\n"), "{answer}");
    let line = server.wait_for_log("told once");
    assert!(line.contains("app `http-service`") && line.contains("(x-late)"), "{line}");
}
