//! `wasmote serve`, as a client, a script or an operator meets it.

mod program;

use program::{
    Files, command, guest,
    server::{PREFACE, Server, counted, frame, get, handler, metrics_address, read, slow_handler, wait},
    wasmote,
};
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

#[test]
fn requests_are_answered_each_by_an_instance_of_its_own() {
    let files = Files::new();
    let server = Server::start(&[&files.file("hello.wat", handler("hello"))]);
    for path in ["/", "/path", "/p?q=1"] {
        let answer = server.get(path);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.text(), if path == "/" { "hello" } else { path });
        // What is there at once has its length.
        let length = format!("content-length: {}", answer.body.len());
        assert!(answer.head.contains(&length), "{}", answer.head);
    }
    let streamed = server.get("/stream");
    assert_eq!((streamed.status, streamed.body.len(), streamed.whole), (200, 1 << 20, true));

    // Two on one connection.
    let mut stream = server.send("GET /p1 HTTP/1.1\r\nhost: test\r\n\r\n");
    let mut first = [0; 1024];
    let count = stream.read(&mut first).unwrap();
    assert!(String::from_utf8_lossy(&first[..count]).starts_with("HTTP/1.1 200"));
    stream.write_all(b"GET /p2 HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("/p2"), "{rest}");
}

#[test]
fn a_request_that_fails_has_an_id_and_the_log_says_why() {
    let files = Files::new();
    let path = files.file("hello.wat", handler("hello"));
    let mut server = Server::start(&["-W", "fuel=50000000,max-memory-size=8M,timeout=20s", &path]);
    for (path, status, why) in [
        ("/trap", 500, "unreachable"),
        ("/loop", 500, "spent all its fuel"),
        ("/memory", 500, "max-memory-size"),
        ("/none", 502, "it gave no response"),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        let line = server.wait_for_log(&answer.id());
        assert!(line.contains(why) && line.contains(path), "{line}");
        let (time, failed) = line.split_once(' ').unwrap();
        assert!(time.ends_with('Z') && failed.starts_with("error: request "), "{line}");
        assert!(!answer.text().contains(why), "{}", answer.text());
        assert_eq!(server.get("/").text(), "hello");
    }
    // What fails after its response began breaks off; nobody takes it for whole.
    let broken = server.get("/broken");
    assert!(broken.status == 500 || (broken.status == 200 && !broken.whole), "{broken:?}");
    server.wait_for_log("unreachable");
    assert_eq!(server.get("/").text(), "hello");
}

#[test]
fn a_deadline_covers_computing_and_waiting() {
    let files = Files::new();
    let mut server = Server::start(&["-W", "timeout=500ms", &files.file("hello.wat", handler("hello"))]);
    let began = Instant::now();
    let answer = server.get("/loop");
    assert_eq!(answer.status, 504, "{answer:?}");
    server.wait_for_log(&answer.id());
    let waiting = server.get("/wait");
    assert!(!waiting.whole, "{waiting:?}");
    server.wait_for_log("after its response began");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(server.get("/").text(), "hello");
}

#[test]
fn one_that_loops_holds_no_other_up() {
    let files = Files::new();
    let server = Server::start(&["-W", "timeout=20s", &files.file("hello.wat", handler("hello"))]);
    let loops: Vec<_> = (0..4)
        .map(|_| server.send("GET /loop HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"))
        .collect();
    for _ in 0..20 {
        assert_eq!(server.get("/").text(), "hello");
    }
    drop(loops);
}

#[test]
fn an_app_that_takes_long_to_start_holds_no_other_up_and_keeps_its_own_deadline() {
    const SLOW: usize = 24;
    let files = Files::new();
    files.file("slow.wat", slow_handler("slow."));
    files.file("other.wat", handler("other"));
    let apps = "
        [[app]]
        name = 'slow'
        program = 'slow.wat'
        routes = ['/gradual']
        [[app]]
        name = 'late'
        program = 'slow.wat'
        routes = ['/elapsed']
        wasm = { timeout = '5ms' }
        [[app]]
        name = 'other'
        program = 'other.wat'
        routes = ['/other']
    ";
    let mut serve = command();
    serve.args(["serve", "--addr", "127.0.0.1:0", &files.file("wasmote.toml", apps)]);
    // One thread that answers requests.
    serve.env("TOKIO_WORKER_THREADS", "1");
    let mut server = Server::spawn(serve);
    assert_eq!(server.get("/gradual").text(), "slow.");
    let late = server.get("/elapsed");
    assert_eq!(late.status, 504, "{late:?}");
    assert!(server.wait_for_log(&late.id()).contains("it did not end within 5ms"));

    let slow = |_| server.send("GET /gradual HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    let slow: Vec<_> = (0..SLOW).map(slow).collect();
    assert_eq!(server.get("/other").text(), "other");
    let answered = server.log().matches("GET /gradual 200").count() - 1;
    assert!(answered < SLOW / 2, "{answered} were started before");
    for stream in slow {
        assert_eq!(read(stream).text(), "slow.");
    }
}

#[test]
fn a_gated_proposal_is_one_flag_away() {
    let files = Files::new();
    let gated = handler("hello").replacen("(component", "(component (type (list u8 4))", 1);
    let path = files.file("gated.wat", gated);
    wasmote(["serve", "--addr", "127.0.0.1:0", &path]).said(1, &["gated.wat"]);
    for flags in [["--features", "fixed-length-lists"], ["-W", "component-model-fixed-length-lists"]] {
        let server = Server::start(&[flags[0], flags[1], &path]);
        assert_eq!(server.get("/").status, 200, "{flags:?}");
    }
}

#[test]
fn past_the_limit_requests_wait_and_are_then_refused() {
    let files = Files::new();
    let path = files.file("hello.wat", handler("hello"));
    let server = Server::start(&["--max-concurrent", "1", "-W", "timeout=1s", &path]);
    let first = server.send("GET /wait HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    thread::sleep(Duration::from_millis(200));
    // Ends when the first one does, which is before its own deadline.
    assert_eq!(server.get("/").status, 200);
    assert!(!read(first).whole);
}

#[test]
fn it_ends_when_told_to_and_answers_what_it_had_begun() {
    let files = Files::new();
    let path = files.file("hello.wat", handler("hello"));
    let mut server = Server::start(&["-W", "timeout=2s", &path]);
    let idle = server.send("");
    let under_way = server.send("GET /loop HTTP/1.1\r\nhost: test\r\n\r\n");
    thread::sleep(Duration::from_millis(300));
    server.signal(rustix::process::Signal::TERM);
    server.wait_for_log("ending");
    assert_eq!(read(under_way).status, 504);
    assert!(server.ended().success(), "{}", server.log());
    assert!(TcpStream::connect(&server.address).is_err());
    drop(idle);
}

#[test]
fn what_is_counted_is_there_to_be_read() {
    let files = Files::new();
    let path = files.file("hello.wat", handler("hello"));
    let mut server = Server::start(&["--metrics-addr", "127.0.0.1:0", &path]);
    let line = server.wait_for_log("/metrics");
    let address = line.split("http://").nth(1).unwrap().strip_suffix("/metrics").unwrap().to_owned();
    for path in ["/", "/", "/trap"] {
        server.get(path);
    }
    let metrics = get(&address, "/metrics");
    for line in [
        "wasmote_requests_total{app=\"hello\",status=\"2xx\"} 2",
        "wasmote_requests_total{app=\"hello\",status=\"5xx\"} 1",
        "wasmote_failures_total{app=\"hello\",reason=\"trap\"} 1",
        "wasmote_instances_total{app=\"hello\"} 3",
        "wasmote_requests_in_flight{app=\"hello\"} 0",
        "wasmote_request_duration_seconds_count{app=\"hello\"} 3",
    ] {
        assert!(metrics.text().lines().any(|have| have == line), "{line}\n{}", metrics.text());
    }
    assert_eq!(server.get("/p/metrics").text(), "/p/metrics"); // the app's own
    assert_eq!(get(&address, "/").status, 404);
}

#[test]
fn a_program_that_changes_is_loaded_anew_and_one_that_does_not_load_is_not() {
    let files = Files::new();
    let path = files.file("hello.wat", handler("hello"));
    let mut server = Server::start(&["--watch", &path]);
    assert_eq!(server.get("/").text(), "hello");
    fs::write(&path, handler("other")).unwrap();
    wait(|| server.get("/").text() == "other");
    fs::write(&path, "(component (nonsense))").unwrap();
    let stays = server.wait_for_log("stays as it was");
    assert_eq!(stays.matches("app `hello`").count(), 1, "{stays}");
    assert_eq!(server.get("/").text(), "other");
    fs::write(&path, handler("third")).unwrap();
    wait(|| server.get("/").text() == "third");
}

#[test]
fn a_manifest_has_several_apps_with_what_each_may_use() {
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
        routes = ['/other/...', '/l/:any']
        wasm = { fuel = 5_000_000 }
    ";
    let server = Server::start(&[&files.file("wasmote.toml", apps)]);
    assert_eq!(server.get("/x").text(), "one..");
    assert_eq!(server.get("/other").text(), "two..");
    assert_eq!(server.get("/other/x").text(), "two..");
    // Only this one's fuel is bounded.
    assert_eq!(server.get("/l/x").status, 500);

    let wrong = wasmote(["serve", &files.file("wrong.toml", apps.replace("fuel", "fule"))]);
    wrong.said(1, &["wrong.toml", "two", "there is no setting `fule`"]);
    let twice = wasmote(["serve", &files.file("twice.toml", apps.replace("/other", ""))]);
    twice.said(1, &["apps `one` and `two` have the route `/...` twice"]);
    let missing = wasmote(["serve", &files.file("missing.toml", apps.replace("two.wat", "three.wat"))]);
    missing.said(1, &["app `two` cannot be served", "three.wat"]);
    let inherits = apps.replace("wasm =", "inherit-env = ['TOKEN']\nwasm =");
    let inherits = wasmote(["serve", &files.file("inherits.toml", inherits)]);
    inherits.said(1, &["app `two`", "`inherit-env = [\"TOKEN\"]`", "not set here", "under `env`"]);
    assert!(!inherits.stderr.contains("--env"), "{}", inherits.stderr);
    let spin = files.file("spin.toml", "spin_manifest_version = 2\n[[trigger.redis]]\nchannel = 'x'");
    wasmote(["serve", &spin]).said(1, &["spin.toml", "no [[trigger.http]]", "`redis`"]);
}

/// A handler of WASI 0.3: its status is 200 and how many requests its instance has had.
const COUNTER: &str = include_str!("program/counter.wat");

#[test]
fn an_instance_answers_as_many_requests_as_was_said_and_none_after_a_fault() {
    let files = Files::new();
    let path = files.file("counter.wat", COUNTER);
    let statuses = |server: &Server, paths: &[&str]| -> Vec<u16> {
        paths.iter().map(|path| server.get(path).status).collect()
    };
    let fresh = Server::start(&[&path]);
    assert_eq!(statuses(&fresh, &["/", "/", "/"]), [201, 201, 201]);

    let mut server = Server::start(&["--reuse", "3", &path]);
    assert_eq!(statuses(&server, &["/", "/", "/", "/", "/"]), [201, 202, 203, 201, 202]);
    let failed = server.get("/trap");
    assert_eq!(failed.status, 500);
    assert!(server.wait_for_log(&failed.id()).contains("unreachable"));
    assert_eq!(statuses(&server, &["/", "/"]), [201, 202]);

    // Each request has all the fuel that one may spend, and starting was one's own.
    let server = Server::start(&["--reuse", "100", "-W", "fuel=150000", &path]);
    assert_eq!(statuses(&server, &["/w", "/w", "/w", "/w"]), [201, 202, 203, 204]);
    assert_eq!(statuses(&server, &["/l", "/w"]), [500, 201]);

    // WASI 0.2 has no such promise: said, and then not done.
    files.file("hello.wat", handler("hello"));
    let apps = "
        [[app]]
        program = 'hello.wat'
        routes = ['/old']
        reuse = 9
        [[app]]
        program = 'counter.wat'
        routes = ['/...']
        reuse = 2
    ";
    let mut server = Server::start(&[&files.file("wasmote.toml", apps)]);
    assert!(server.wait_for_log("of its own").contains("app `hello`"));
    assert_eq!(statuses(&server, &["/old", "/", "/", "/"]), [200, 201, 202, 201]);
}

#[test]
fn requests_go_where_they_were_granted_and_what_is_denied_names_the_grant() {
    let files = Files::new();
    let there = Server::start(&[&files.file("hello.wat", handler("hello"))]);
    let path = format!("/fetch?http,{},/", there.address);
    let grant = format!("--allow-http {}", there.address);
    for guest in ["http-proxy", "http-service"] {
        let guest = program::guest(guest);
        let mut nobody = Server::start(&[&guest]);
        assert_eq!(nobody.get(&path).status, 502);
        assert!(nobody.wait_for_log("denied: ").ends_with(&grant), "{}", nobody.log());
        // All that is public is not this machine.
        let mut public = Server::start(&["--allow-http", "*", &guest]);
        assert!(public.get(&path).text().contains("HttpRequestDenied"));
        let told = public.wait_for_log("denied: ");
        assert!(told.contains("no public address") && told.ends_with(&grant), "{told}");
        let granted = Server::start(&["--allow-http", &there.address, &guest]);
        let answer = granted.get(&path);
        assert_eq!((answer.status, answer.text()), (200, "hello"), "{}", granted.log());
    }
}

/// A root certificate as PEM, and the port of a server at `localhost` whose certificate it signed. The server answers
/// whoever trusts it with five bytes, and ends with this process.
fn https_server() -> (String, u16) {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = names.signed_by(&key, &root).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let session = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(session, stream.unwrap());
            let (mut head, mut piece) = (Vec::<u8>::new(), [0; 1024]);
            // Who does not trust it says so and leaves.
            while let Ok(1..) = stream.read(&mut piece).inspect(|count| head.extend(&piece[..*count])) {
                if head.windows(4).any(|four| four == b"\r\n\r\n") {
                    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nknown";
                    let _ = stream.write_all(answer.as_bytes());
                    break;
                }
            }
        }
    });
    (root.pem(), port)
}

#[test]
fn a_server_is_trusted_by_the_root_that_was_granted_and_by_no_other() {
    let files = Files::new();
    let (root, port) = https_server();
    let roots = [files.file("root.pem", root), files.file("other.pem", https_server().0)];
    let path = format!("/fetch?https,localhost:{port},/");
    let allowed = format!("https://localhost:{port}");
    for guest in ["http-proxy", "http-service"] {
        let guest = program::guest(guest);
        let serve = |root: &[&str]| Server::start(&[&["--allow-http", &allowed], root, &[&guest]].concat());
        let trusting = serve(&["--http-root", &roots[0]]);
        let answer = trusting.get(&path);
        assert_eq!((answer.status, answer.text()), (200, "known"), "{}", trusting.log());
        // Trusting it is no permission to ask it for anything else.
        assert_eq!(trusting.get(&path.replace("https,", "http,")).status, 502);
        for server in [serve(&[]), serve(&["--http-root", &roots[1]])] {
            let answer = server.get(&path);
            assert_eq!(answer.status, 502, "{answer:?}");
            assert!(answer.text().contains("TlsCertificateError"), "{answer:?}");
        }
    }
    let missing = wasmote(["serve", "--allow-http", &allowed, "--http-root", "nowhere.pem", "x.wasm"]);
    missing.said(1, &["nowhere.pem"]);
    // What is no root is told as that, whether or not anybody could be asked.
    let none = files.file("none.pem", "no root");
    for args in [&["--http-root", &*none][..], &["--http-root", &none, "--allow-http", &allowed]] {
        let proxy = guest("http-proxy");
        wasmote(["serve"].iter().chain(args).chain([&&*proxy])).said(1, &["--http-root", "none.pem", "PEM"]);
        wasmote(["run"].iter().chain(args).chain([&&*guest("p2/hello")]))
            .said(1, &["--http-root", "none.pem", "PEM"]);
    }
}

#[test]
fn a_trace_tells_each_call_under_its_requests_id() {
    let files = Files::new();
    let counter = files.file("counter.wat", COUNTER);
    let trace = files.file("trace", "");
    let server = Server::start(&["--reuse", "2", &format!("--trace={trace}"), &counter]);
    let failed = server.get("/trap").id();
    assert_eq!([server.get("/").status, server.get("/").status], [201, 202]);
    wait(|| fs::read_to_string(&trace).unwrap().matches("response.new").count() == 2);
    let text = fs::read_to_string(&trace).unwrap();
    let ids: Vec<&str> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
    let mut distinct = ids.clone();
    distinct.dedup();
    // Three requests, whose lines are not mixed here, the failed one first.
    assert_eq!(distinct.len(), 3, "{text}");
    assert_eq!(distinct[0], failed);
    for id in distinct {
        let of_it = text.lines().filter(|line| line.starts_with(id));
        assert!(of_it.clone().any(|line| line.contains("request.get-path-with-query")), "{text}");
        assert!(of_it.clone().all(|line| !line.contains("response.new")) == (id == failed), "{text}");
    }
}

#[test]
fn an_app_of_spins_is_served_as_it_is() {
    let files = Files::new();
    files.file("app.wat", handler("spin."));
    let manifest = r#"
        spin_manifest_version = 2
        [application]
        name = "app"
        version = "1.0.0"
        [[trigger.http]]
        route = "/hello/..."
        component = "app"
        [component.app]
        source = "app.wat"
        key_value_stores = ["default"]
    "#;
    let mut server = Server::start(&[&files.file("spin.toml", manifest)]);
    assert_eq!(server.get("/hello").text(), "spin.");
    assert_eq!(server.get("/").status, 404);
    server.wait_for_log("`key_value_stores` are not supported");
}

#[test]
fn clients_that_speak_no_http_harm_nobody() {
    let files = Files::new();
    let path = files.file("hello.wat", handler("hello"));
    let server = Server::start(&["--head-timeout", "300ms", &path]);
    let slow = server.send("GET / HT");
    for nonsense in [
        "nonsense\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF1\r\n",
        "GET / HTTP/1.1\r\nx a: b\r\n\r\n",
    ] {
        drop(server.send(nonsense));
    }
    let many = format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x-many: 1\r\n".repeat(1_000));
    assert_eq!(read(server.send(&many)).status, 431);
    let mut slow = slow;
    let mut bytes = Vec::new();
    // It is not waited for any longer: there is an end.
    let _ = slow.read_to_end(&mut bytes);
    assert_eq!(server.get("/").text(), "hello");
}

#[test]
fn what_handles_no_requests_is_not_served() {
    let files = Files::new();
    let none = files.file("none.wat", "(component)");
    wasmote(["serve", &none]).said(1, &["none.wat", "wasi:http"]);
    let core = files.file("core.wat", "(module (func (export \"_start\")))");
    wasmote(["serve", &core]).said(1, &["core.wat", "is a command: `wasmote run"]);
    wasmote(["serve", &guest("p2/hello")]).said(1, &["is a command: `wasmote run"]);
    let library = files.file("library.wat", "(module)");
    wasmote(["serve", &library]).said(1, &["library.wat", "wasi:http"]);
    wasmote(["serve", "nowhere.wasm"]).said(1, &["nowhere.wasm"]);
    wasmote(["serve", &guest("http-middleware")]).said(1, &["is a middleware", "wac plug"]);
    // What can be done about it with `run` is no flag of `serve`.
    let import = r#"(component (import "a:b/c" (instance $c (export "f" (func))))"#;
    let missing = handler("hello").replacen("(component", import, 1);
    let ended = wasmote(["serve", &files.file("missing.wat", missing)]);
    ended.said(1, &["`a:b/c#f: func()`", "one component"]);
    assert!(!ended.stderr.contains("--link"), "{}", ended.stderr);
}

/// Answers pings and settings until the server ends the connection.
fn stay(mut stream: TcpStream) {
    let mut head = [0; 9];
    while stream.read_exact(&mut head).is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let mut contents = vec![0; length];
        if stream.read_exact(&mut contents).is_err() {
            return;
        }
        let (kind, flags) = (head[3], head[4]);
        if flags & 1 == 0 && (kind == 4 || kind == 6) {
            let contents = if kind == 6 { contents } else { Vec::new() };
            let _ = stream.write_all(&frame(kind, 1, 0, &contents));
        }
    }
}

#[test]
fn who_sends_nothing_holds_no_place() {
    let files = Files::new();
    let path = files.file("hello.wat", handler("hello"));
    let server = Server::start(&["--max-connections", "3", "--head-timeout", "300ms", &path]);
    let silent = server.send("");
    let undecided = server.send("PRI * HT");
    let mut idle = server.send(PREFACE);
    idle.write_all(&frame(4, 0, 0, &[])).unwrap();
    let began = Instant::now();
    let idle = thread::spawn(move || stay(idle));
    // There is room only when one of them is gone; and then they all go.
    assert_eq!(server.get("/").text(), "hello");
    for mut gone in [silent, undecided] {
        let mut rest = Vec::new();
        assert_eq!(gone.read_to_end(&mut rest).unwrap_or(0), 0, "{rest:?}");
    }
    idle.join().unwrap();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn who_takes_no_answer_holds_no_place() {
    let files = Files::new();
    let path = files.file("hello.wat", handler("hello"));
    let args = ["--max-connections", "1", "--write-timeout", "500ms", &path];
    let server = Server::start(&args);
    // More than any buffer on the way takes.
    let many = "GET /stream HTTP/1.1\r\nhost: test\r\n\r\n".repeat(64);
    let unread = server.send(&many);
    assert_eq!(server.get("/").text(), "hello");
    drop(unread);

    // The same where HTTP/2 makes the room: this client says that it has none (SETTINGS_INITIAL_WINDOW_SIZE), and asks.
    // HPACK (RFC 7541, appendix A): :method GET, :scheme http, :path /, and :authority (1) as a literal; or :path (4).
    let (root, endless) = (b"\x82\x86\x84\x01\x04test", b"\x82\x86\x04\x05/loop\x01\x04test");
    for others in [&[][..], &endless[..]] {
        let mut unread = server.send(PREFACE);
        unread.write_all(&frame(4, 0, 0, &[0, 4, 0, 0, 0, 0])).unwrap();
        unread.write_all(&frame(1, 5, 1, root)).unwrap();
        if !others.is_empty() {
            unread.write_all(&frame(1, 5, 3, others)).unwrap();
        }
        let unread = thread::spawn(move || stay(unread));
        let began = Instant::now();
        assert_eq!(server.get("/").text(), "hello");
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        unread.join().unwrap();
    }
}

#[test]
fn a_response_that_breaks_off_is_told_and_counted() {
    for (app, path, timeout, reason) in [
        ("http-proxy", "/endless", "2s", "deadline"),
        ("http-service", "/endless", "2s", "deadline"),
        // Less than its length says, and more than is taken at once.
        ("http-service", "/said?200000,100000", "30s", "no_response"),
    ] {
        let timeout = format!("timeout={timeout}");
        let mut server = Server::start(&["-W", &timeout, "--metrics-addr", "127.0.0.1:0", &guest(app)]);
        let metrics = metrics_address(&mut server);
        let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        let (mut stream, mut piece, mut last) = (server.send(&request), vec![0; 64 << 10], Vec::new());
        // It may be a lot.
        while let Ok(count @ 1..) = stream.read(&mut piece) {
            last.extend_from_slice(&piece[..count]);
            last.drain(..last.len().saturating_sub(8));
        }
        assert!(!last.is_empty() && !last.ends_with(b"\r\n0\r\n\r\n"), "{app} {path}");
        let line = server.wait_for_log("after its response began");
        assert!(line.contains(path.split('?').next().unwrap()), "{line}");
        let failures = format!("wasmote_failures_total{{app=\"{app}\",reason=\"{reason}\"}}");
        assert_eq!(counted(&metrics, &failures), 1, "{app} {path}: {line}");
    }
}

#[test]
fn one_that_prints_without_end_takes_no_lines_from_the_log() {
    let files = Files::new();
    let path = files.file("hello.wat", handler("hello"));
    let args = ["--metrics-addr", "127.0.0.1:0", "-W", "timeout=2s", &path];
    let mut server = Server::start(&args);
    let metrics = metrics_address(&mut server);
    let noisy = server.send("GET /y HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    for number in 0..20 {
        server.get(&format!("/p{number}"));
    }
    assert_eq!(read(noisy).status, 504);
    for number in 0..20 {
        server.wait_for_log(&format!("GET /p{number} 200"));
    }
    assert_eq!(counted(&metrics, "wasmote_log_lines_dropped_total"), 0);
}

#[test]
fn a_request_whose_client_has_left_is_given_up_and_counted_as_that() {
    let files = Files::new();
    let path = files.file("hello.wat", handler("hello"));
    let args = ["--metrics-addr", "127.0.0.1:0", "--max-concurrent", "1", "-W", "timeout=40s", &path];
    let mut server = Server::start(&args);
    let metrics = metrics_address(&mut server);
    let began = Instant::now();
    let left = server.send("GET /loop HTTP/1.1\r\nhost: test\r\n\r\n");
    wait(|| counted(&metrics, "wasmote_instances_total{app=\"hello\"}") == 1);
    drop(left);
    // There is one turn, which is free again.
    assert_eq!(server.get("/").text(), "hello");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    server.wait_for_log("GET /loop aborted 0");
    let of_status =
        |status| counted(&metrics, &format!("wasmote_requests_total{{app=\"hello\",status=\"{status}\"}}"));
    assert_eq!(["2xx", "4xx", "5xx", "aborted"].map(of_status), [1, 0, 0, 1]);
}

#[test]
fn what_a_stopped_program_spent_is_counted() {
    let files = Files::new();
    let path = files.file("hello.wat", handler("hello"));
    let args = ["--metrics-addr", "127.0.0.1:0", "-W", "timeout=500ms", &path];
    let mut server = Server::start(&args);
    let metrics = metrics_address(&mut server);
    server.get("/");
    let of_one = counted(&metrics, "wasmote_fuel_total{app=\"hello\"}");
    assert_eq!(server.get("/loop").status, 504);
    let of_both = counted(&metrics, "wasmote_fuel_total{app=\"hello\"}");
    assert!(of_both > 10 * of_one, "{of_one} {of_both}");
    // One that is stopped after its response began, too.
    assert!(!server.get("/wait").whole);
    wait(|| counted(&metrics, "wasmote_fuel_total{app=\"hello\"}") > of_both);
    assert_eq!(counted(&metrics, "wasmote_failures_total{app=\"hello\",reason=\"deadline\"}"), 2);
}

#[test]
fn a_clients_mistake_is_no_failure_of_the_app() {
    let files = Files::new();
    let path = files.file("hello.wat", handler("hello"));
    let args = ["--metrics-addr", "127.0.0.1:0", "-S", "max-http-fields=4", &path];
    let mut server = Server::start(&args);
    let metrics = metrics_address(&mut server);
    assert_eq!(server.get(&format!("/{}", "a".repeat(9 << 10))).status, 414);
    let many = format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{}\r\n", "x-many: 1\r\n".repeat(5));
    assert_eq!(read(server.send(&many)).status, 431);
    // Whom it is for, everybody on its way must understand alike.
    for hosts in ["", "host: a\r\nhost: b\r\n", "host: user@a\r\n", "host: a/b\r\n", "host: a:b\r\n"] {
        let head = format!("GET / HTTP/1.1\r\nconnection: close\r\n{hosts}\r\n");
        assert_eq!(read(server.send(&head)).status, 400, "{hosts:?}");
    }
    let head = "GET http://user@a/ HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    assert_eq!(read(server.send(head)).status, 400);
    assert_eq!(server.get("/").text(), "hello");
    assert_eq!(counted(&metrics, "wasmote_instances_total{app=\"hello\"}"), 1);
    let text = get(&metrics, "/metrics");
    for line in text.text().lines().filter(|line| line.starts_with("wasmote_failures_total")) {
        assert!(line.ends_with(" 0"), "{line}");
    }
}

#[test]
fn a_request_cannot_outlive_its_deadline_for_want_of_metering() {
    let files = Files::new();
    let path = files.file("hello.wat", handler("hello"));
    wasmote(["serve", "-W", "metering=n", &path]).said(2, &["metering=n", "deadline"]);
}

#[test]
fn flags_that_make_no_sense_are_refused_with_what_does() {
    let files = Files::new();
    let path = files.file("hello.wat", handler("hello"));
    for (args, parts) in [
        (["--addr", "localhost:0"], ["--addr", "127.0.0.1:8080"]),
        (["--head-timeout", "0s"], ["--head-timeout", "in no time"]),
        (["--write-timeout", "0ms"], ["--write-timeout", "in no time"]),
        (["-W", "timeout=0s"], ["timeout: ", "in no time"]),
        (["-W", "metering=n,fuel=1"], ["metering=n", "fuel"]),
        (["-S", "tcplisten=127.0.0.1:0"], ["tcplisten", "--addr"]),
        (["-S", "terminal=filtered"], ["terminal", "wasmote run"]),
        (["--allow-listen", "example.com:80"], ["--allow-listen", "this is a name"]),
    ] {
        wasmote(["serve"].iter().chain(&args).chain([&&*path])).said(2, &parts);
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for flag in ["--addr", "--metrics-addr"] {
        let first = if flag == "--addr" { [].as_slice() } else { &["--addr", "127.0.0.1:0"] };
        let ended = wasmote(["serve"].iter().chain(first).chain(&[flag, &taken, &path]));
        ended.said(1, &[&format!("`{flag} {taken}`")]);
    }
}

#[test]
fn the_end_waits_for_programs_once_and_for_clients_not_at_all() {
    let files = Files::new();
    let path = files.file("hello.wat", handler("hello"));
    // The program has given up writing when its time is over; its client holds the connection and takes nothing.
    let mut server = Server::start(&["--drain-timeout", "4s", "-W", "timeout=2s", &path]);
    let unread = server.send(&"GET /stream HTTP/1.1\r\nhost: test\r\n\r\n".repeat(64));
    thread::sleep(Duration::from_millis(1_500));
    server.signal(rustix::process::Signal::TERM);
    assert!(server.ended().success(), "{}", server.log());
    drop(unread);

    let mut server = Server::start(&["--drain-timeout", "4s", "-W", "timeout=60s", &path]);
    let under_way = server.send("GET /loop HTTP/1.1\r\nhost: test\r\n\r\n");
    thread::sleep(Duration::from_millis(500));
    server.signal(rustix::process::Signal::TERM);
    let began = Instant::now();
    assert_eq!(server.ended().code(), Some(1), "{}", server.log());
    assert!(began.elapsed() < Duration::from_millis(7_500), "{:?}", began.elapsed());
    drop(under_way);
}

#[test]
fn an_app_that_did_not_load_is_tried_again_and_grants_follow_the_manifest() {
    let files = Files::new();
    files.file("one.wat", handler("one.."));
    let one = "[[app]]\nname = 'one'\nprogram = 'one.wat'\nroutes = ['/...']\n";
    let manifest = files.file("wasmote.toml", one);
    let mut server = Server::start(&["--watch", &manifest]);
    assert_eq!(server.get("/").text(), "one..");
    // What is new is not there yet; what is old is to have less.
    let two = "[[app]]\nname = 'two'\nprogram = 'two.wat'\nroutes = ['/k']\n";
    fs::write(&manifest, format!("{one}wasm = {{ fuel = 5_000_000 }}\n{two}")).unwrap();
    server.wait_for_log("nothing has changed");
    assert_eq!(server.get("/k").text(), "one..");
    // It is there now, and nothing else has changed since.
    files.file("two.wat", handler("two.."));
    wait(|| server.get("/k").text() == "two..");
    assert_eq!(server.get("/").text(), "one..");
    assert_eq!(server.get("/loop").status, 500);
}

#[test]
fn what_is_the_same_in_every_run_is_the_same_for_every_request() {
    let files = Files::new();
    let path = files.file("hello.wat", handler("hello"));
    let server = Server::start(&["-S", "clocks=virtual,random=seed:7", &path]);
    let [draws, clocks] = ["/draw", "/clock"].map(|path| [(); 3].map(|()| server.get(path).body));
    for bodies in [&draws, &clocks] {
        assert_eq!(bodies[0].len(), 8);
        assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    }
    let other = Server::start(&["-S", "random=seed:8", &path]);
    assert_ne!(other.get("/draw").body, draws[0]);
    assert_ne!(other.get("/clock").body, other.get("/clock").body);
}

#[test]
fn too_few_descriptors_are_told_and_those_that_may_be_had_are_taken() {
    let files = Files::new();
    let path = files.file("hello.wat", handler("hello"));
    for (limit, is_told) in [("ulimit -n 256", true), ("ulimit -S -n 256", false)] {
        let script = format!("{limit} && exec \"$0\" \"$@\"");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_wasmote"), "serve", "--addr", "127.0.0.1:0"]);
        shell.args(["--max-connections", "300", &path]).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut server = Server::spawn(shell);
        assert_eq!(server.get("/").text(), "hello");
        // What comes before it in the log is there too.
        server.wait_for_log("GET / 200");
        let log = server.log();
        assert_eq!(log.contains("256 files") && log.contains("--max-connections 300"), is_told, "{log}");
    }
}
