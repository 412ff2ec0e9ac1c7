//! Hostile guests and peers of HTTP, by the numbers of the attack battery, with handlers of both dialects. What a guest must
//! not say never leaves it; what a peer must not say never reaches it; each ends with a status or a typed error, and
//! the next request knows nothing of it.

#![cfg(all(feature = "http", feature = "p2", feature = "p3"))]

use std::{
    future::poll_fn,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};
use wasmote::{
    HandleError, Host, Limits, Program, Trap,
    backend::mem::{
        self,
        http::{Reply, Web},
    },
    block_on,
    cap::{
        clocks::Clocks,
        http::{Body, ErrorCode, Fields, Frame, Method, Options, Request, Scheme, Whole},
    },
    wasi::http::{Bounds, Granted, Outgoing, Policy, Sending, Slots, Target, To},
};

/// The handlers, which do the same in both dialects.
const DIALECTS: [&str; 2] = ["http-proxy", "http-service"];

fn program(name: &str) -> &'static Program {
    static LOADED: [OnceLock<Program>; 3] = [const { OnceLock::new() }; 3];
    let at = DIALECTS.iter().position(|known| *known == name).unwrap_or(2);
    LOADED[at].get_or_init(|| {
        let path = format!("{}/tests/guests/{name}.wasm", env!("CARGO_MANIFEST_DIR"));
        Program::load(&std::fs::read(path).unwrap()).unwrap()
    })
}

/// What a guest answered, all of it.
#[derive(Debug, PartialEq)]
struct Said {
    status: u16,
    headers: Fields,
    text: String,
    trailers: Option<Fields>,
    /// Why it broke off, if it did.
    broken: Option<ErrorCode>,
    /// What it printed, its life long.
    printed: String,
}

fn get(path: &str) -> Request {
    Request::new(Method::Get, &format!("http://here{path}"))
}

/// Has a new instance handle `request`, and reads all of the response.
fn ask(name: &str, host: Host, request: Request) -> Result<Said, HandleError> {
    ask_for(usize::MAX, name, host, request)
}

/// The same, for a reader that is content with so many bytes.
fn ask_for(bytes_max: usize, name: &str, host: Host, request: Request) -> Result<Said, HandleError> {
    let output = mem::Output::new();
    let guest = host.stdout(output.clone()).start(program(name)).unwrap();
    let rest = Arc::new(std::sync::Mutex::new(None));
    let kept = rest.clone();
    let handling = guest.handle(request).on_end(move |rest| *kept.lock().unwrap() = Some(rest));
    let mut response = block_on(handling)?;
    let (mut text, mut trailers, mut broken) = (Vec::new(), None, None);
    while text.len() < bytes_max
        && let Some(frame) = block_on(std::future::poll_fn(|cx| response.body.poll_frame(cx)))
    {
        match frame {
            Ok(Frame::Data(piece)) => text.extend(piece),
            Ok(Frame::Trailers(fields)) => {
                trailers = Some(fields);
                break;
            }
            Err(code) => {
                broken = Some(code);
                break;
            }
        }
    }
    drop(response.body);
    let rest = rest.lock().unwrap().take();
    if let Some(rest) = rest {
        block_on(rest);
    }
    Ok(Said {
        status: response.status,
        headers: response.headers,
        text: String::from_utf8_lossy(&text).into_owned(),
        trailers,
        broken,
        printed: String::from_utf8_lossy(&output.contents()).into_owned(),
    })
}

/// What a new instance answers to a request for `path`.
#[track_caller]
fn text(name: &str, host: &Host, path: &str) -> String {
    let said = ask(name, host.clone(), get(path)).unwrap_or_else(|error| panic!("{name} {path}: {error}"));
    assert_eq!(said.broken, None, "{name} {path}");
    said.text
}

fn code(result: Result<Said, HandleError>) -> ErrorCode {
    match result {
        Err(HandleError::Code(code)) => code,
        other => panic!("{other:?}"),
    }
}

fn trap(result: Result<Said, HandleError>) -> Option<Trap> {
    match result {
        Err(HandleError::Error(error)) => error.trap(),
        other => panic!("{other:?}"),
    }
}

fn field(name: &str, value: &str) -> Fields {
    let mut fields = Fields::new();
    fields.append(name, value);
    fields
}

#[test]
fn n_01_thirty_thousand_fields_are_too_many() {
    let most = Limits::server().http.fields.to_string();
    for name in DIALECTS {
        assert_eq!(text(name, &Host::new(), "/fields?many"), most);
    }
    // 0.2 has no word for it; a constructor can only end the guest.
    assert_eq!(text("http-proxy", &Host::new(), "/fields?many-of-set"), "immutable");
    assert!(trap(ask("http-proxy", Host::new(), get("/fields?many-of-list"))).is_some());
    for how in ["many-of-set", "many-of-list"] {
        assert_eq!(text("http-service", &Host::new(), &format!("/fields?{how}")), "too large");
    }
    for name in DIALECTS {
        let request = (0..32_769).fold(get("/hello"), |request, at| request.header(&format!("x-{at}"), ""));
        assert_eq!(code(ask(name, Host::new(), request)), ErrorCode::HttpRequestHeaderSectionSize(None));
        let web = (0..32_769).fold(Reply::new(200), |reply, at| reply.header(&format!("x-{at}"), ""));
        let host = online(Web::new(mem::Clocks::new()).route("http://there/", web));
        assert!(text(name, &host, "/fetch?http,there,/").contains("HttpResponseHeaderSectionSize"));
    }
}

/// A host that lets its guests ask everybody on `web`.
fn online(web: Web) -> Host {
    Host::new().http(web, Policy::new().allow_all())
}

#[test]
fn n_02_no_name_and_no_value_ends_its_line() {
    for name in DIALECTS {
        for how in ["line-break", "nul", "name", "no-name"] {
            assert_eq!(text(name, &Host::new(), &format!("/fields?{how}")), "invalid", "{how}");
        }
        assert_eq!(text(name, &Host::new(), "/fields?case"), "2");
        assert_eq!(text(name, &Host::new(), "/fields?frozen"), "immutable");
        let large = text(name, &Host::new(), "/fields?large");
        assert_eq!(large, if name == "http-proxy" { "immutable" } else { "too large" });
        let request = get("/hello").header("x", &"v".repeat(1 << 20));
        assert_eq!(code(ask(name, Host::new(), request)), ErrorCode::HttpRequestHeaderSectionSize(None));
        for value in ["a\r\nb: c", "a\r\n folded", "a\0"] {
            let request = get("/hello").header("x", value);
            assert_eq!(code(ask(name, Host::new(), request)), ErrorCode::HttpProtocolError);
        }
    }
}

#[test]
fn n_02_what_belongs_to_the_connection_is_not_a_guests_to_say() {
    let forbidden = [
        "host",
        "Connection",
        "KEEP-ALIVE",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-authorization",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
        "list",
        "copy",
    ];
    for name in DIALECTS {
        for how in forbidden {
            assert_eq!(text(name, &Host::new(), &format!("/fields?{how}")), "forbidden", "{how}");
        }
        let request =
            get("/seen").header("connection", "close, X-Hop").header("x-hop", "1").header("x-end", "1");
        let request = request.header("upgrade", "h2c").header("host", "other");
        let said = ask(name, Host::new(), request).unwrap();
        assert_eq!(said.text, r#"Some(true) Some("here") ["x-end"]"#);
    }
}

#[test]
fn n_03_two_lengths_are_none() {
    for name in DIALECTS {
        for lengths in
            [&["5", "5"][..], &["5", "6"], &["5, 5"], &["+5"], &["-1"], &[""], &["99999999999999999999"]]
        {
            let request = get("/hello").body(Whole::new("hello"));
            let request =
                lengths.iter().fold(request, |request, length| request.header("content-length", length));
            assert_eq!(code(ask(name, Host::new(), request)), ErrorCode::HttpProtocolError, "{lengths:?}");

            let reply = lengths
                .iter()
                .fold(Reply::new(200).piece("hello"), |reply, length| reply.header("content-length", length));
            let host = online(Web::new(mem::Clocks::new()).route("http://there/", reply));
            assert!(text(name, &host, "/fetch?http,there,/").contains("HttpProtocolError"), "{lengths:?}");
        }
        // The coding says where the contents end, whatever the length does.
        let request = get("/seen").header("content-length", "3").header("transfer-encoding", "chunked");
        let said = ask(name, Host::new(), request.body(Whole::new("hello"))).unwrap();
        assert_eq!(said.text, r#"Some(true) Some("here") []"#);

        // What a guest says twice is not sent.
        let web = Web::new(mem::Clocks::new()).route("http://there/", Reply::new(200));
        let request = get("/fetch?http,there,/").header("x-length", "5").header("x-length", "6");
        let said = ask(name, online(web.clone()), request).unwrap();
        assert!([400, 502].contains(&said.status), "{said:?}");
        assert_eq!(web.request_count(), 0);
    }
}

#[test]
fn n_05_a_peer_that_takes_its_time_is_not_waited_for() {
    let second = 1_000_000_000;
    for name in DIALECTS {
        let slow = [
            Reply::new(200).connect_ns(10 * second),
            Reply::new(200).head_ns(10 * second),
            Reply::new(200).piece("a").wait_ns(10 * second).piece("b"),
        ];
        let never = [Reply::new(200).head_ns(u64::MAX), Reply::new(200).piece("a").hang()];
        for (reply, ends) in
            slow.map(|reply| (reply, true)).into_iter().chain(never.map(|reply| (reply, false)))
        {
            let clocks = mem::Clocks::new();
            let web = Web::new(clocks.clone()).route("http://there/", reply.clone());
            let host = online(web).clocks(clocks.clone());
            let request = get("/fetch?http,there,/").header("x-timeout", &second.to_string());
            let said = ask(name, host, request).unwrap();
            assert!(said.text.contains("Timeout"), "{name} {reply:?}: {said:?}");
            // A virtual clock jumps to whatever does come.
            let now = wasmote::cap::clocks::Clocks::monotonic_now_ns(&clocks);
            assert!(ends || now < 2 * second, "{name} {reply:?}: {now}");
        }
    }
}

/// Asking whether there is something is no waiting: a virtual clock does not jump to the timeout for it.
#[test]
fn n_05_a_body_that_is_only_asked_has_its_time() {
    let clocks: Arc<dyn Clocks> = Arc::new(mem::Clocks::new());
    let web = Web::new(mem::Clocks::new()).route("http://there/", Reply::new(200).hang());
    let granted = Granted { client: Some(Arc::new(web)), policy: Policy::new().allow_all(), handler: None };
    let bounds = Bounds::new(&Limits::server().http);
    let request = Outgoing {
        target: &Target::received(Method::Get, Some(Scheme::Http), Some("there".into()), None),
        headers: &wasmote::wasi::http::Fields::new(&bounds),
        body: Whole::empty(),
        options: Options { between_bytes_timeout_ns: Some(1_000_000_000), ..Options::default() },
    };
    let sending = Sending::new(&granted, &Slots::default(), &bounds, &clocks, To::Network, request);
    let mut sending = sending.unwrap();
    let mut body = block_on(poll_fn(|cx| sending.poll_response(cx))).unwrap().body;

    let began_ns = clocks.monotonic_now_ns();
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..10 {
        assert!(body.poll_readable(&mut cx).is_pending());
    }
    assert!(clocks.monotonic_now_ns() < began_ns + 1_000_000, "nobody waited");
    let deadline_ns = body.deadline_ns().unwrap();
    assert!(clocks.poll_until(&mut cx, deadline_ns).is_ready());
    let read = body.poll_read(&mut cx, &mut [0; 9]);
    assert_eq!(read, Poll::Ready(Err(ErrorCode::ConnectionReadTimeout)));
}

/// Contents without end, and how much of them was taken.
struct Endless(Arc<AtomicU64>);

impl Body for Endless {
    fn poll_frame(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Frame, ErrorCode>>> {
        self.0.fetch_add(1 << 16, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::Data(vec![b'x'; 1 << 16]))))
    }
}

/// Contents that never come; and whether they were dropped.
struct Silent(Arc<AtomicUsize>);

impl Body for Silent {
    fn poll_frame(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Frame, ErrorCode>>> {
        Poll::Pending
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn n_06_endless_contents_are_passed_on_and_not_kept() {
    for name in DIALECTS {
        let taken = Arc::new(AtomicU64::new(0));
        let request = get("/echo").body(Endless(taken.clone()));
        let guest = Host::new().start(program(name)).unwrap();
        let mut response = block_on(guest.handle(request)).unwrap();
        let mut read = 0;
        while read < 8 << 20 {
            match block_on(std::future::poll_fn(|cx| response.body.poll_frame(cx))) {
                Some(Ok(Frame::Data(piece))) => read += piece.len() as u64,
                other => panic!("{name}: {other:?}"),
            }
        }
        // What is between the ends is bounded, however much there is.
        let ahead = taken.load(Ordering::Relaxed) - read;
        assert!(ahead <= 1 << 20, "{name}: {ahead}");
        drop(response);
        let after = taken.load(Ordering::Relaxed);
        assert_eq!(text(name, &Host::new(), "/hello"), "hello");
        assert_eq!(taken.load(Ordering::Relaxed), after);
    }
}

#[test]
fn n_06_a_guest_that_never_ends_stops_with_its_reader() {
    for name in DIALECTS {
        let guest = Host::new().fuel(1 << 32).start(program(name)).unwrap();
        let spent = Arc::new(AtomicU64::new(0));
        let told = spent.clone();
        let mut response = block_on(guest.handle(get("/endless")).on_end(move |rest| {
            if let Some((guest, _)) = block_on(rest) {
                told.store(guest.fuel_spent(), Ordering::Relaxed);
            }
        }))
        .unwrap();
        for _ in 0..16 {
            let frame = block_on(std::future::poll_fn(|cx| response.body.poll_frame(cx)));
            assert!(matches!(frame, Some(Ok(Frame::Data(piece))) if piece.len() <= 64 << 10), "{name}");
        }
        drop(response);
        // It heard that nobody reads, and ended of its own accord.
        let spent = spent.load(Ordering::Relaxed);
        assert!(0 < spent && spent < 50_000_000, "{name}: {spent}");
    }
}

#[test]
fn n_07_contents_are_as_long_as_they_are_said_to_be() {
    for name in DIALECTS {
        for said in ["5,3", "3,5", "0,1"] {
            let length: usize = said.split_once(',').unwrap().0.parse().unwrap();
            match ask(name, Host::new(), get(&format!("/said?{said}"))) {
                // It is told so early that the answer need not begin.
                Err(HandleError::Code(ErrorCode::HttpResponseBodySize(_))) => {}
                answer => {
                    let answer = answer.unwrap();
                    assert!(
                        answer.broken.is_some() && answer.text.len() <= length,
                        "{name} {said}: {answer:?}"
                    );
                    assert_eq!(answer.printed, "not sent", "{name} {said}");
                }
            }
        }
        let answer = ask(name, Host::new(), get("/said?5,5")).unwrap();
        assert_eq!((answer.text.as_str(), answer.broken, answer.printed.as_str()), ("xxxxx", None, "sent"));

        for (length, contents) in [("9", "hello"), ("2", "hello")] {
            let reply = Reply::new(200).header("content-length", length).piece(contents);
            let host = online(Web::new(mem::Clocks::new()).route("http://there/", reply));
            let said = text(name, &host, "/fetch?http,there,/");
            assert!(said.contains("HttpResponseBodySize"), "{name} {length}: {said}");
            // What arrives at a guest in another length than it was said to have breaks off again on its way back.
            let request = Request::new(Method::Post, "http://here/echo").header("content-length", length);
            let said = ask(name, Host::new(), request.body(Whole::new(contents)));
            let broken = match said {
                Ok(said) => said.broken.is_some(),
                Err(_) => true,
            };
            assert!(broken, "{name} {length}");
        }
    }
}

#[test]
fn n_08_whoever_is_connected_to_is_who_was_allowed() {
    for name in DIALECTS {
        let moved = Reply::new(302).header("location", "http://evil/");
        let web = Web::new(mem::Clocks::new()).route("http://there/moved", moved);
        let web = web.route("*", Reply::new(200).piece("somebody"));
        let host = Host::new().http(web.clone(), Policy::new().allow("http://there".parse().unwrap()));
        for target in [
            "http,evil,/",
            "http,there@evil,/",
            "http,evil@there,/",
            "http,there:80@evil:80,/",
            "http,there,http://evil/",
            "http,there:81,/",
            "https,there,/",
            "http,there.evil,/",
            "http,xthere,/",
            "http,,/",
            "http,there/evil,/",
            "http,there\\evil,/",
        ] {
            let answer = ask(name, host.clone(), get(&format!("/fetch?{target}"))).unwrap();
            assert!([400, 502].contains(&answer.status), "{name} {target}: {answer:?}");
        }
        assert_eq!(web.request_count(), 0, "{name}");
        for (target, uri) in [
            ("http,there,/", "http://there/"),
            ("http,THERE,/", "http://THERE/"),
            ("http,there:80,//evil", "http://there:80//evil"),
            ("http,there,?q=http://evil", "http://there/?q=http://evil"),
        ] {
            let _ = ask(name, host.clone(), get(&format!("/fetch?{target}"))).unwrap();
            assert_eq!(
                web.requests().last().map(|request| request.uri.clone()).as_deref(),
                Some(uri),
                "{name}"
            );
        }
        // A redirect is an answer like others.
        let count = web.request_count();
        let answer = ask(name, host, get("/fetch?http,there,/moved")).unwrap();
        assert_eq!(answer.status, 302, "{answer:?}");
        assert_eq!(web.request_count(), count + 1);
        assert!(web.requests().iter().all(|request| !request.uri.starts_with("http://evil")));
    }
}

#[test]
fn n_08_targets_are_texts_of_their_kind_and_no_longer_than_allowed() {
    for name in DIALECTS {
        for target in [
            "method,BREAK",
            "method,a b",
            "method,",
            "method,LONG",
            "scheme,BREAK",
            "scheme,1a",
            "scheme,",
            "scheme,LONG",
            "authority,BREAK",
            "authority,a/b",
            "authority,a:99999",
            "authority,[::1",
            "authority,",
            "authority,LONG",
            "path,BREAK",
            "path,/a b",
            "path,/%23#f",
            "path,LONG",
        ] {
            assert_eq!(text(name, &Host::new(), &format!("/target?{target}")), "Err(())", "{target}");
        }
        for target in
            ["method,PURGE", "scheme,gopher", "authority,a:80", "authority,[::1]:80", "path,/a?b=c", "path,"]
        {
            assert_eq!(text(name, &Host::new(), &format!("/target?{target}")), "Ok(())", "{target}");
        }
        for length in [(8 << 10) + 1, 64 << 10, 1 << 20] {
            let request = get(&format!("/{}", "a".repeat(length)));
            assert_eq!(code(ask(name, Host::new(), request)), ErrorCode::HttpRequestUriTooLong);
        }
        assert_eq!(ask(name, Host::new(), get(&format!("/{}", "a".repeat(8_000)))).unwrap().status, 404);
    }
}

#[cfg(feature = "std")]
#[test]
fn n_09_a_guest_that_may_ask_everybody_may_not_ask_this_machine() {
    use wasmote::backend::std::http::{Client, Policy as Reachable};
    // Somebody who would answer.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    let client = || Client::new(Reachable::new().allow("*".parse().unwrap()));
    for name in DIALECTS {
        for at in [
            "127.0.0.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "0.0.0.0",
            "169.254.169.254",
            "10.0.0.1",
            "2130706433",
            "0177.0.0.1",
            "0x7f000001",
            "127.1",
            "[::]",
        ] {
            let host =
                Host::new().clocks(wasmote::backend::std::Clocks).http(client(), Policy::new().allow_all());
            let answer = ask(name, host, get(&format!("/fetch?http,{at}:{port},/"))).unwrap();
            assert_eq!(answer.status, 502, "{name} {at}: {answer:?}");
            assert!(!answer.text.contains("Timeout"), "{name} {at}: {answer:?}");
        }
    }
    assert!(listener.accept().is_err(), "somebody was connected");
}

#[test]
fn n_10_trailers_say_no_more_than_headers_may() {
    for name in DIALECTS {
        for forbidden in ["Host", "connection", "transfer-encoding", "Upgrade"] {
            let answer = ask(name, Host::new(), get(&format!("/trailers?{forbidden}"))).unwrap();
            assert_eq!(answer.text, "forbidden", "{name}");
            assert!(answer.trailers.is_none_or(|trailers| trailers.is_empty()), "{name}");
        }
        let answer = ask(name, Host::new(), get("/trailers?x-some")).unwrap();
        assert_eq!((answer.text.as_str(), answer.trailers), ("ok", Some(field("x-some", "v"))), "{name}");

        // Handed on, they are checked too.
        let mut trailers = field("x-kept", "1");
        for name in ["host", "Transfer-Encoding", "connection", "keep-alive"] {
            trailers.append(name, "evil");
        }
        let request = get("/echo").body(Whole::new("some").with_trailers(trailers));
        let answer = ask(name, Host::new(), request).unwrap();
        assert_eq!((answer.text.as_str(), answer.trailers), ("some", Some(field("x-kept", "1"))), "{name}");

        let many = (0..1_000).fold(Fields::new(), |mut fields, at| {
            fields.append(format!("x-{at}"), "");
            fields
        });
        let answer = ask(name, Host::new(), get("/echo").body(Whole::new("some").with_trailers(many)));
        assert!(answer.is_err() || answer.is_ok_and(|said| said.broken.is_some()), "{name}");
    }
}

/// A guest may wait for its trailers to be read before it says anything else, and may still say them when a reader has
/// all that was to come. Neither holds anybody up. (WASI 0.2 says its trailers when it ends its contents.)
#[test]
fn trailers_are_read_whenever_a_guest_says_them() {
    let first = ask("http-service", Host::new(), get("/trailers-first")).unwrap();
    assert_eq!((first.text.as_str(), first.broken), ("read: true", None));
    assert_eq!(first.trailers, Some(field("x-end", "v")));
    // As a connection does that knows the length.
    let late = ask_for(4, "http-service", Host::new(), get("/trailers-late")).unwrap();
    assert_eq!((late.text.as_str(), late.broken), ("some", None));
    assert_eq!(late.printed, "sent and read");
}

#[test]
fn n_11_no_status_and_no_timeout_is_impossible() {
    for name in DIALECTS {
        for status in ["0", "99", "600", "999", "65535"] {
            assert_eq!(
                text(name, &Host::new(), &format!("/status?{status}")),
                "no status",
                "{name} {status}"
            );
        }
        // An interim status ends no exchange.
        assert_eq!(code(ask(name, Host::new(), get("/status?100"))), ErrorCode::HttpProtocolError);
        assert_eq!(ask(name, Host::new(), get("/status?204")).unwrap().status, 204);
        for status in [0, 99, 100, 103, 600, 999, u16::MAX] {
            let host = online(Web::new(mem::Clocks::new()).route("http://there/", Reply::new(status)));
            assert!(
                text(name, &host, "/fetch?http,there,/").contains("HttpProtocolError"),
                "{name} {status}"
            );
        }
        for (timeout, status) in [(0, 502), (1, 502), (u64::MAX, 200)] {
            let clocks = mem::Clocks::new();
            let reply = Reply::new(200).connect_ns(1_000).head_ns(1_000).piece("there");
            let host = online(Web::new(clocks.clone()).route("http://there/", reply)).clocks(clocks);
            let request = get("/fetch?http,there,/").header("x-timeout", &timeout.to_string());
            assert_eq!(ask(name, host, request).unwrap().status, status, "{name} {timeout}");
        }
    }
}

#[test]
fn n_13_what_is_not_read_is_given_back() {
    for name in DIALECTS {
        let dropped = Arc::new(AtomicUsize::new(0));
        assert_eq!(
            ask(name, Host::new(), get("/hello").body(Silent(dropped.clone()))).unwrap().text,
            "hello"
        );
        assert_eq!(dropped.load(Ordering::Relaxed), 1, "{name}");

        // The response is dropped while the guest waits for the rest of the request.
        let guest = Host::new().start(program(name)).unwrap();
        let response = block_on(guest.handle(get("/echo").body(Silent(dropped.clone())))).unwrap();
        drop(response);
        assert_eq!(dropped.load(Ordering::Relaxed), 2, "{name}");

        // The request is given up before there is a response.
        let web = Web::new(mem::Clocks::manual()).route("http://there/", Reply::new(200).head_ns(u64::MAX));
        let guest = online(web).start(program(name)).unwrap();
        let request = get("/fetch?http,there,/").body(Silent(dropped.clone()));
        let mut handling = Box::pin(guest.handle(request));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        for _ in 0..100 {
            assert!(handling.as_mut().poll(&mut cx).is_pending());
        }
        drop(handling);
        assert_eq!(dropped.load(Ordering::Relaxed), 3, "{name}");
    }
}

#[test]
fn n_14_a_guest_that_says_nothing_or_fails_has_not_answered() {
    let silent = ask("http-proxy", Host::new(), get("/silent"));
    assert!(matches!(trap(silent), Some(Trap::Host(why)) if why.contains("no response")));
    for name in DIALECTS {
        assert_eq!(code(ask(name, Host::new(), get("/error"))), ErrorCode::LoopDetected);
        assert!(matches!(trap(ask(name, Host::new(), get("/trap"))), Some(Trap::Unreachable)), "{name}");
        for path in ["/trap-in-body", "/unfinished"] {
            // Where that is known before the answer was handed on, there is none.
            let answer = ask(name, Host::new(), get(path));
            let is_broken = answer.as_ref().map_or(true, |answer| answer.broken.is_some());
            assert!(is_broken, "{name} {path}: {answer:?}");
        }
        let late = ask(name, Host::new(), get("/late")).unwrap();
        assert_eq!((late.text.as_str(), late.printed.as_str()), ("first", "and then"), "{name}");
    }
}

#[test]
fn x_01_and_x_02_fuel_and_memory_end_a_handler() {
    for name in DIALECTS {
        let spun = ask(name, Host::new().fuel(10_000_000), get("/spin"));
        assert!(matches!(trap(spun), Some(Trap::OutOfFuel)), "{name}");
        let limits = Limits { memory_bytes: 16 << 20, ..Limits::server() };
        let grown = ask(name, Host::new().limits(limits), get("/grow"));
        assert!(trap(grown).is_some(), "{name}");
        assert_eq!(text(name, &Host::new().limits(limits), "/hello"), "hello");
    }
}

#[test]
fn x_08_writes_of_nothing_keep_nothing_and_cost_fuel() {
    for name in DIALECTS {
        let spent = |count: u32| {
            let guest = Host::new().start(program(name)).unwrap();
            let spent = Arc::new(AtomicU64::new(0));
            let told = spent.clone();
            let handling = guest.handle(get(&format!("/nothing?{count}"))).on_end(move |rest| {
                let (guest, ended) = block_on(rest).unwrap();
                ended.unwrap();
                told.store(guest.fuel_spent(), Ordering::Relaxed);
            });
            let mut response = block_on(handling).unwrap();
            let whole = block_on(Whole::read(&mut *response.body, 0)).unwrap();
            assert!(whole.contents().is_empty());
            drop(response);
            spent.load(Ordering::Relaxed)
        };
        let (few, many) = (spent(1_000), spent(100_000));
        assert!(many > few + 99_000 * 20, "{name}: {few} {many}");
    }
}

#[test]
fn y_03_and_y_06_one_that_fails_is_noticed_by_nobody() {
    for name in DIALECTS {
        let limits = Limits { memory_bytes: 16 << 20, ..Limits::server() };
        let host = Host::new().limits(limits).fuel(100_000_000);
        for at in 0..200 {
            let failing = ["/trap", "/grow", "/trap-in-body", "/said?5,3"][at % 4];
            let _ = ask(name, host.clone().env("SECRET", "a"), get(failing));
            let request = Request::new(Method::Post, "http://here/echo");
            let answer = ask(name, host.clone(), request.body(Whole::new(at.to_string()))).unwrap();
            assert_eq!((answer.text, answer.broken), (at.to_string(), None), "{name}");
        }
    }
}

#[test]
fn a_middleware_hands_on_and_adds_what_it_says() {
    let name = "http-middleware";
    let handler = Web::new(mem::Clocks::new()).route_with("http://here/*", |request| {
        let reply = Reply::new(201).header("x-from", "handler").piece("saw ").piece(request.body.clone());
        reply.trailers(field("x-end", "1"))
    });
    let request = Request::new(Method::Post, "http://here/a").body(Whole::new("this"));
    let answer = ask(name, Host::new().http_handler(handler.clone()), request).unwrap();
    assert_eq!((answer.status, answer.text.as_str()), (201, "saw this"));
    assert_eq!(answer.trailers, Some(field("x-end", "1")));
    let has = |field: &str| answer.headers.contains(field);
    assert!(has("x-from") && has("x-through"), "{:?}", answer.headers);
    assert_eq!(handler.request_count(), 1);
    // Without somebody behind it, it says so.
    assert_eq!(code(ask(name, Host::new(), get("/a"))), ErrorCode::ConfigurationError);
}
