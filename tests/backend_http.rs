//! HTTP over the real network, against servers of this process.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::BodyExt;
use hyper::{
    body::{Bytes, Frame as HyperFrame, Incoming},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use std::{
    collections::VecDeque,
    convert::Infallible,
    future::poll_fn,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    thread,
    time::{Duration, Instant},
};
use tokio::runtime::Builder;
use tokio_rustls::TlsAcceptor;
use wasmote::{
    Limits,
    backend::{
        self,
        std::http::{Client, Policy},
    },
    block_on,
    cap::{
        clocks::Clocks,
        http::{
            Body, Client as _, ErrorCode, Fields, Frame, Method, Options, Request, Response, Scheme, Whole,
        },
    },
    wasi::{
        self,
        http::{Bounds, Granted, IncomingBody, Outgoing, Sending, Slots, Target, To},
    },
};

/// A server that counts its connections. It ends with this process.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

/// What a server's answers consist of.
#[derive(Default)]
struct Pieces(VecDeque<HyperFrame<Bytes>>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<HyperFrame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

fn pieces(bytes: impl Into<Bytes>) -> Pieces {
    Pieces([HyperFrame::data(bytes.into())].into())
}

/// What the server does, by path.
async fn answer(request: http::Request<Incoming>) -> Result<http::Response<Pieces>, Infallible> {
    let path = request.uri().path().to_owned();
    let mut response = http::Response::new(Pieces::default());
    match path.as_str() {
        "/echo" => {
            let (head, body) = request.into_parts();
            let Ok(body) = body.collect().await else { return Ok(response) };
            let headers = response.headers_mut();
            if let Some(trailer) = body.trailers().and_then(|trailers| trailers.get("x-trailer")) {
                headers.insert("x-saw-trailer", trailer.clone());
            }
            for name in ["host", "content-length", "transfer-encoding", "x-custom", "te", "connection"] {
                let values = head.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
                let values = values.collect::<Vec<_>>().join("|");
                let name = HeaderName::try_from(format!("saw-{name}")).unwrap();
                headers.insert(name, HeaderValue::try_from(values).unwrap());
            }
            let uri = head.uri.to_string();
            headers.insert("saw-uri", HeaderValue::try_from(uri).unwrap());
            headers.insert("saw-version", HeaderValue::try_from(format!("{:?}", head.version)).unwrap());
            *response.body_mut() = pieces(body.to_bytes());
        }
        "/redirect" => {
            *response.status_mut() = StatusCode::FOUND;
            response.headers_mut().insert("location", HeaderValue::from_static("http://169.254.169.254/"));
        }
        "/slow" => tokio::time::sleep(Duration::from_secs(30)).await,
        "/trailers" => {
            let trailers =
                HeaderMap::from_iter([(HeaderName::from_static("x-end"), HeaderValue::from_static("yes"))]);
            response.headers_mut().insert("trailer", HeaderValue::from_static("x-end"));
            let frames = [HyperFrame::data(Bytes::from_static(b"body")), HyperFrame::trailers(trailers)];
            *response.body_mut() = Pieces(frames.into());
        }
        "/headers" => {
            for at in 0..200 {
                let name = HeaderName::try_from(format!("x-{at}")).unwrap();
                response.headers_mut().insert(name, HeaderValue::from_static("1"));
            }
        }
        "/large" => *response.body_mut() = pieces(vec![b'x'; 1 << 20]),
        _ => *response.body_mut() = pieces("hello"),
    }
    Ok(response)
}

impl Server {
    fn start(tls: Option<Arc<ServerConfig>>) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        let serving = async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let tls = tls.clone().map(TlsAcceptor::from);
                tokio::spawn(async move {
                    let builder = auto::Builder::new(TokioExecutor::new());
                    match tls {
                        None => {
                            drop(builder.serve_connection(TokioIo::new(stream), service_fn(answer)).await)
                        }
                        Some(tls) => {
                            let Ok(stream) = tls.accept(stream).await else { return };
                            drop(builder.serve_connection(TokioIo::new(stream), service_fn(answer)).await);
                        }
                    }
                });
            }
        };
        thread::spawn(move || runtime.block_on(serving));
        Self { address, connections }
    }

    fn authority(&self) -> String {
        self.address.to_string()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn client(&self) -> Client {
        Client::new(allowing(&[&self.authority()]))
    }
}

fn allowing(rules: &[&str]) -> Policy {
    rules.iter().fold(Policy::new(), |policy, rule| policy.allow(rule.parse().unwrap()))
}

fn get(authority: &str, path: &str) -> Request {
    Request {
        method: Method::Get,
        scheme: Some(Scheme::Http),
        authority: Some(authority.into()),
        path_with_query: Some(path.into()),
        headers: Fields::new(),
        body: Whole::empty(),
    }
}

fn send(client: &Client, request: Request) -> Result<Response, ErrorCode> {
    send_with(client, request, Options::default())
}

fn send_with(client: &Client, request: Request, options: Options) -> Result<Response, ErrorCode> {
    let mut sent = client.send(request, options);
    block_on(poll_fn(|cx| sent.poll_response(cx)))
}

/// All of a body, and its trailers.
fn read(mut body: Box<dyn Body>) -> Result<(Vec<u8>, Option<Fields>), ErrorCode> {
    let mut bytes = Vec::new();
    loop {
        match block_on(poll_fn(|cx| body.poll_frame(cx))) {
            Some(Ok(Frame::Data(piece))) => {
                assert!((1..=64 << 10).contains(&piece.len()), "{}", piece.len());
                bytes.extend(piece);
            }
            Some(Ok(Frame::Trailers(trailers))) => return Ok((bytes, Some(trailers))),
            Some(Err(error)) => return Err(error),
            None => return Ok((bytes, None)),
        }
    }
}

fn header(response: &Response, name: &str) -> String {
    let values: Vec<_> = response.headers.get(name).map(String::from_utf8_lossy).collect();
    values.join("|")
}

/// A server that answers the first connection with these bytes, whatever it is asked, and then waits.
fn raw(answer: impl Into<Vec<u8>>, wait: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = answer.into();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 4096];
        let _ = stream.read(&mut head).unwrap();
        // The client may have gone.
        let _ = stream.write_all(&answer);
        thread::sleep(wait);
    });
    address
}

#[test]
fn bodies_and_fields_go_both_ways_and_connections_are_used_again() {
    let server = Server::start(None);
    let client = server.client();
    for round in 0..5 {
        let body = format!("round {round}").repeat(10_000);
        let mut request = get(&server.authority(), "/echo?a=b%20c");
        request.method = Method::Post;
        request.headers.append("x-custom", "one");
        request.headers.append("X-Custom", "two");
        request.body = Box::new(Whole::new(body.clone()));
        let response = send(&client, request).unwrap();
        assert_eq!(response.status, 200);
        assert_eq!(header(&response, "saw-x-custom"), "one|two");
        assert_eq!(header(&response, "saw-host"), server.authority());
        assert_eq!(header(&response, "saw-uri"), "/echo?a=b%20c");
        assert_eq!(header(&response, "saw-content-length"), body.len().to_string());
        assert_eq!(read(response.body).unwrap().0, body.as_bytes());
    }
    // Not one for each request. A connection whose last bytes are still on their way is not used again.
    assert!(server.connections() < 5, "{}", server.connections());
    let large = read(send(&client, get(&server.authority(), "/large")).unwrap().body).unwrap();
    assert_eq!(large.0.len(), 1 << 20);
}

#[test]
fn trailers_go_both_ways() {
    let server = Server::start(None);
    let client = server.client();
    let response = send(&client, get(&server.authority(), "/trailers")).unwrap();
    let (bytes, trailers) = read(response.body).unwrap();
    assert_eq!(bytes, b"body");
    assert_eq!(trailers.unwrap().get("x-end").collect::<Vec<_>>(), [b"yes"]);

    let mut request = get(&server.authority(), "/echo");
    request.method = Method::Put;
    request.headers.append("trailer", "x-trailer");
    let trailers = Fields::from_iter([("x-trailer", "seen")]);
    request.body = Box::new(Unknown(Whole::new("body").with_trailers(trailers)));
    let response = send(&client, request).unwrap();
    assert_eq!(header(&response, "x-saw-trailer"), "seen");
    assert_eq!(header(&response, "saw-transfer-encoding"), "chunked");
}

#[test]
fn trailers_that_are_known_are_named_and_others_have_to_be() {
    let server = Server::start(None);
    let client = server.client();
    let seen = |body: Box<dyn Body>, named: &[&str]| {
        let mut request = get(&server.authority(), "/echo");
        request.method = Method::Put;
        named.iter().for_each(|name| request.headers.append("trailer", *name));
        request.body = body;
        header(&send(&client, request).unwrap(), "x-saw-trailer")
    };
    let body = || {
        let mut trailers = Fields::from_iter([("X-Trailer", "seen"), ("x-other", "1")]);
        // What may not be one keeps no other back.
        trailers.append("content-length", "7");
        Whole::new("body").with_trailers(trailers)
    };
    assert_eq!(seen(Box::new(body()), &[]), "seen");
    assert_eq!(seen(Box::new(body()), &["x-other", "X-Trailer, x-other"]), "seen");
    assert_eq!(seen(Box::new(Unknown(body())), &["x-other, x-trailer"]), "seen");
    assert_eq!(seen(Box::new(Unknown(body())), &["x-other"]), "");
}

/// A body that does not say its length.
struct Unknown<B>(B);

impl<B: Body> Body for Unknown<B> {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, ErrorCode>>> {
        self.0.poll_frame(cx)
    }
}

#[test]
fn what_belongs_to_the_connection_is_not_a_callers_to_say() {
    let server = Server::start(None);
    let client = server.client();
    let mut request = get(&server.authority(), "/echo");
    request.headers.append("Host", "evil.example");
    request.headers.append("transfer-encoding", "chunked");
    request.headers.append("connection", "upgrade");
    let response = send(&client, request).unwrap();
    assert_eq!(header(&response, "saw-host"), server.authority());
    assert_eq!(header(&response, "saw-transfer-encoding"), "");

    let with_length = |lengths: &[&str], body: &str| {
        let mut request = get(&server.authority(), "/echo");
        request.method = Method::Post;
        lengths.iter().for_each(|length| request.headers.append("content-length", *length));
        request.body = Box::new(Unknown(Whole::new(body)));
        send(&client, request)
    };
    assert!(with_length(&["4"], "body").is_ok());
    for lengths in [&["4", "4"][..], &["4, 4"], &["+4"], &[""], &["-1"], &["0x4"], &["99999999999999999999"]]
    {
        assert_eq!(with_length(lengths, "body").unwrap_err(), ErrorCode::HttpProtocolError, "{lengths:?}");
    }
    for wrong in ["3", "5"] {
        assert_eq!(
            with_length(&[wrong], "body").unwrap_err(),
            ErrorCode::HttpRequestBodySize(None),
            "{wrong}"
        );
    }
    let mut request = get(&server.authority(), "/echo");
    request.headers.append("content-length", "9");
    request.body = Box::new(Whole::new("body"));
    assert_eq!(send(&client, request).unwrap_err(), ErrorCode::HttpRequestBodySize(Some(4)));

    for (name, value) in [("x-a", "b\r\nc: d"), ("x-a", "b\0"), ("x a", "b"), ("", "b"), ("x\n", "b")] {
        let mut request = get(&server.authority(), "/echo");
        request.headers.append(name, value);
        assert_eq!(send(&client, request).unwrap_err(), ErrorCode::HttpProtocolError, "{name:?}: {value:?}");
    }
}

#[test]
fn only_what_is_allowed_is_connected_to() {
    let server = Server::start(None);
    let other = Server::start(None);
    let denied = Arc::new(Mutex::new(Vec::new()));
    let seen = denied.clone();
    let policy = allowing(&[&server.authority(), "localhost"]);
    let builder = Client::builder(policy)
        .on_denied(move |destination| seen.lock().unwrap().push(destination.to_owned()));
    let client = builder.build();
    assert!(send(&client, get(&server.authority(), "/")).is_ok());

    let port = server.address.port();
    for authority in [
        other.authority(),
        format!("localhost:{port}"),
        "169.254.169.254".into(),
        "[::1]:80".into(),
        format!("[::ffff:127.0.0.2]:{port}"),
    ] {
        assert_eq!(
            send(&client, get(&authority, "/")).unwrap_err(),
            ErrorCode::HttpRequestDenied,
            "{authority}"
        );
    }
    let denied = denied.lock().unwrap();
    assert_eq!(denied.len(), 5);
    assert_eq!(denied[0], format!("http://{}", other.authority()));
    drop(denied);

    let target = server.authority();
    for (authority, path) in [
        (format!("user@{target}"), "/"),
        (format!("{target}/"), "/"),
        (format!("{target}#"), "/"),
        (format!("{target}\r\n"), "/"),
        (target.clone(), "http://evil.example/"),
        (target.clone(), "evil.example"),
        (target.clone(), "/a b"),
        (target.clone(), "/\r\nhost: evil.example"),
        (target.clone(), "*"),
    ] {
        let error = send(&client, get(&authority, path)).unwrap_err();
        assert_eq!(error, ErrorCode::HttpRequestUriInvalid, "{authority:?} {path:?}");
    }
    let slashes = send(&client, get(&target, "//evil.example/")).unwrap();
    assert_eq!(slashes.status, 200);
    for method in ["CONNECT", "GET /\r\n", "", "G T"] {
        let mut request = get(&target, "/");
        request.method = Method::from(method);
        assert_eq!(send(&client, request).unwrap_err(), ErrorCode::HttpRequestMethodInvalid, "{method:?}");
    }
    assert_eq!(other.connections(), 0);
}

#[test]
fn a_name_that_leads_inside_is_refused_when_it_is_looked_up() {
    let server = Server::start(None);
    let port = server.address.port();
    // Every name, so only the address is left to refuse: what resolvers take for 127.0.0.1.
    let client = Client::new(allowing(&["*"]));
    for host in ["2130706433", "127.1", "0x7f.0.0.1", "0177.0.0.1"] {
        let error = send(&client, get(&format!("{host}:{port}"), "/")).unwrap_err();
        assert!(
            matches!(error, ErrorCode::DestinationIpProhibited | ErrorCode::DnsError(_)),
            "{host}: {error:?}",
        );
    }
    assert_eq!(server.connections(), 0);
    let granted = Client::new(allowing(&["*", "127.0.0.0/8"]));
    assert!(send(&granted, get(&format!("127.0.0.1:{port}"), "/")).is_ok());
    assert!(send(&Client::new(Policy::anywhere()), get(&server.authority(), "/")).is_ok());
    assert_eq!(
        send(&Client::new(Policy::new()), get(&server.authority(), "/")).unwrap_err(),
        ErrorCode::HttpRequestDenied,
    );
}

#[test]
fn redirects_are_answers() {
    let server = Server::start(None);
    let response = send(&server.client(), get(&server.authority(), "/redirect")).unwrap();
    assert_eq!(response.status, 302);
    assert_eq!(header(&response, "location"), "http://169.254.169.254/");
}

#[test]
fn connecting_has_an_end() {
    // Nobody answers the handshake.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = silent.local_addr().unwrap().to_string();
    let client = Client::new(allowing(&[&format!("https://{authority}")]));
    let request = Request { scheme: Some(Scheme::Https), ..get(&authority, "/") };
    let connect = Options { connect_timeout_ns: Some(50_000_000), ..Options::default() };
    let began = Instant::now();
    assert_eq!(send_with(&client, request, connect).unwrap_err(), ErrorCode::ConnectionTimeout);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

/// Sends as a guest does: what it waits for besides the connection, its own clock counts.
fn send_as_guest(
    policy: Policy,
    authority: &str,
    path: &str,
    options: Options,
) -> Result<IncomingBody, ErrorCode> {
    let granted = Granted {
        client: Some(Arc::new(Client::new(policy))),
        policy: wasi::http::Policy::new().allow_all(),
        handler: None,
    };
    let (clocks, bounds): (Arc<dyn Clocks>, _) =
        (Arc::new(backend::std::Clocks), Bounds::new(&Limits::server().http));
    let request = Outgoing {
        target: &Target::received(Method::Get, Some(Scheme::Http), Some(authority.into()), Some(path.into())),
        headers: &wasi::http::Fields::new(&bounds),
        body: Whole::empty(),
        options,
    };
    let mut sending = Sending::new(&granted, &Slots::default(), &bounds, &clocks, To::Network, request)?;
    let answered = block_on(poll_fn(|cx| {
        let polled = sending.poll_response(cx);
        match sending.deadline_ns() {
            Some(deadline_ns) if polled.is_pending() && clocks.poll_until(cx, deadline_ns).is_ready() => {
                sending.poll_response(cx)
            }
            _ => polled,
        }
    }));
    answered.map(|answered| answered.body)
}

#[test]
fn waiting_has_an_end() {
    let server = Server::start(None);
    let allowed = || allowing(&[&server.authority()]);
    let began = Instant::now();
    let first = Options { first_byte_timeout_ns: Some(50_000_000), ..Options::default() };
    let error = send_as_guest(allowed(), &server.authority(), "/slow", first).unwrap_err();
    assert_eq!(error, ErrorCode::ConnectionReadTimeout);

    let stalled = raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfive.", Duration::from_secs(20));
    let stalled = stalled.to_string();
    let between = Options { between_bytes_timeout_ns: Some(50_000_000), ..Options::default() };
    let body = send_as_guest(allowing(&[&stalled]), &stalled, "/", between).unwrap();
    assert_eq!(read(Box::new(body)).unwrap_err(), ErrorCode::ConnectionReadTimeout);

    // No time at all, and more than any clock has.
    for time in [0, 1, u64::MAX] {
        let all = Options {
            connect_timeout_ns: Some(time),
            first_byte_timeout_ns: Some(time),
            between_bytes_timeout_ns: Some(time),
        };
        let path = if time == u64::MAX { "/" } else { "/slow" };
        let sent = send_as_guest(allowed(), &server.authority(), path, all);
        assert_eq!(sent.is_ok(), time == u64::MAX, "{time}");
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[test]
fn answers_that_are_none_are_errors() {
    let of = |answer: &str| {
        let address = raw(answer, Duration::ZERO);
        let client = Client::new(allowing(&[&address.to_string()]));
        send(&client, get(&address.to_string(), "/")).and_then(|response| read(response.body))
    };
    for answer in [
        "",
        "nonsense\r\n\r\n",
        "HTTP/1.1 000 x\r\n\r\n",
        "HTTP/1.1 99 x\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfive.",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF1\r\nab\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nab\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n",
        "HTTP/1.1 200 OK\r\nx-a: b\r\n folded\r\n\r\n",
    ] {
        let got = of(answer);
        assert!(got.is_err(), "{answer:?}: {got:?}");
    }
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x-many: 1\r\n".repeat(1_000));
    assert_eq!(of(&many).unwrap_err(), ErrorCode::HttpResponseHeaderSectionSize(None));
    let long = format!("HTTP/1.1 200 OK\r\nx-long: {}\r\n\r\n", "a".repeat(1 << 20));
    assert_eq!(of(&long).unwrap_err(), ErrorCode::HttpResponseHeaderSectionSize(None));
    assert_eq!(of("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap().0, b"ok");
    // Where nobody listens.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let client = Client::new(allowing(&[&nobody]));
    assert_eq!(send(&client, get(&nobody, "/")).unwrap_err(), ErrorCode::ConnectionRefused);
}

/// What comes of it when a server says `interim` so many times before its answer.
fn answered_after(interim: &str, count: usize) -> Result<Vec<u8>, ErrorCode> {
    let answer = format!("{}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", interim.repeat(count));
    let address = raw(answer, Duration::from_secs(1));
    let client = Client::new(allowing(&[&address.to_string()]));
    read(send(&client, get(&address.to_string(), "/"))?.body).map(|(bytes, _)| bytes)
}

#[test]
fn n_11_a_server_that_never_comes_to_the_point_is_not_listened_to() {
    for interim in ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"] {
        assert_eq!(answered_after(interim, 100), Ok(b"ok".to_vec()));
        // In one piece, and in several.
        for count in [200, 20_000] {
            assert_eq!(answered_after(interim, count), Err(ErrorCode::HttpProtocolError), "{count}");
        }
    }

    // One without an end is left, and holds nobody up meanwhile.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let flood = listener.local_addr().unwrap().to_string();
    let flooding = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let piece = "HTTP/1.1 102 Processing\r\n\r\n".repeat(1_000);
        let mut bytes = 0;
        while let Ok(count) = stream.write(piece.as_bytes()) {
            bytes += count;
        }
        bytes
    });
    let server = Server::start(None);
    let client = Client::new(allowing(&[&flood, &server.authority()]));
    let flooded = client.send(get(&flood, "/"), Options::default());
    assert_eq!(read(send(&client, get(&server.authority(), "/")).unwrap().body).unwrap().0, b"hello");
    let bytes = flooding.join().unwrap();
    assert!(bytes < 64 << 20, "{bytes}");
    drop(flooded);
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u8, contents: &[u8]) -> Vec<u8> {
    let length = u32::try_from(contents.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], contents].concat()
}

/// A server under TLS that answers the first connection, whatever is asked, with these frames of HTTP/2; and a client
/// that trusts it.
fn answering(frames: Vec<u8>) -> (Client, Request) {
    let (root, config) = tls(&["localhost"], &[b"h2"]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = format!("localhost:{}", listener.local_addr().unwrap().port());
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let connection = rustls::ServerConnection::new(config).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, stream);
        // The client may have gone at any time. It says its preface, its settings and its request.
        let (mut asked, mut piece) = (Vec::new(), [0; 4096]);
        let _ = stream.write_all(&[frame(4, 0, 0, &[]), frame(4, 1, 0, &[])].concat());
        while !asked.windows(9).any(|nine| nine[3] == 1 && nine[5..] == [0, 0, 0, 1]) {
            match stream.read(&mut piece) {
                Ok(count @ 1..) => asked.extend_from_slice(&piece[..count]),
                _ => return,
            }
        }
        let _ = stream.write_all(&frames);
        while stream.read(&mut piece).is_ok_and(|count| count > 0) {}
    });
    let client = Client::builder(allowing(&[&format!("https://{authority}")]));
    let client = client.root_certificates(root.as_bytes()).unwrap().build();
    (client, Request { scheme: Some(Scheme::Https), ..get(&authority, "/") })
}

#[test]
fn hostile_servers_of_http_2_end_with_an_error() {
    let of = |frames: &[Vec<u8>]| {
        let (client, request) = answering(frames.concat());
        send(&client, request).and_then(|response| read(response.body)).map(|(bytes, _)| bytes)
    };
    // :status as a literal, and 200 from the table (RFC 7541, appendix A).
    let interim = frame(1, 4, 1, b"\x08\x03103");
    let (ok, end) = (frame(1, 4, 1, b"\x88"), frame(0, 1, 1, b"ok"));
    assert_eq!(of(&[ok.clone(), end.clone()]), Ok(b"ok".to_vec()));
    assert_eq!(of(&[interim.repeat(100), ok.clone(), end.clone()]), Ok(b"ok".to_vec()));
    for count in [103, 20_000] {
        let got = of(&[interim.repeat(count), ok.clone(), end.clone()]);
        assert_eq!(got, Err(ErrorCode::HttpProtocolError), "{count}");
    }
    // A length that is not that of what comes; contents of nobody's; a section without an end; settings and pings
    // that want to be answered without end, on a connection that then says nothing more.
    let sized = |length: &str| {
        let field = [b"\x88\x0f\x0d", &[u8::try_from(length.len()).unwrap()][..], length.as_bytes()].concat();
        frame(1, 4, 1, &field)
    };
    assert_eq!(of(&[sized("2"), end.clone()]), Ok(b"ok".to_vec()));
    for (what, frames) in [
        ("shorter", vec![sized("3"), end.clone()]),
        ("longer", vec![sized("1"), end.clone()]),
        ("early", vec![end.clone()]),
        ("pushed", vec![frame(5, 4, 1, &[0, 0, 0, 2, 0x88])]),
        ("continued", [vec![frame(1, 0, 1, b"\x88")], vec![frame(9, 0, 1, b""); 100_000]].concat()),
        ("large", vec![frame(1, 0, 1, b"\x88"), frame(9, 0, 1, &[0; 16_000]).repeat(100)]),
        ("reset", vec![frame(3, 0, 1, &[0, 0, 0, 2])]),
        ("gone", vec![frame(7, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 0])]),
    ] {
        let got = of(&frames);
        assert!(got.is_err(), "{what}: {got:?}");
    }
    for kept in [frame(6, 0, 0, &[0; 8]), frame(4, 0, 0, &[]), frame(8, 0, 1, &[0, 0, 0, 1])] {
        let got = of(&[kept.repeat(10_000), ok.clone(), end.clone()]);
        assert!(got.as_ref().map_or(true, |bytes| bytes == b"ok"), "{got:?}");
    }
}

#[test]
fn what_comes_behind_an_answer_is_no_answer_to_the_next_request() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for (count, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut head = [0; 4096];
                while stream.read(&mut head).is_ok_and(|count| count > 0) {
                    let good = format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{}", count % 10);
                    let _ = stream.write_all(
                        format!("{good}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil").as_bytes(),
                    );
                }
            });
        }
    });
    let client = Client::new(allowing(&[&authority]));
    for _ in 0..10 {
        // Each by a connection of its own, or not at all where the other end was quicker.
        if let Ok(response) = send(&client, get(&authority, "/")) {
            let (body, _) = read(response.body).unwrap();
            assert!(body.len() == 1 && body[0].is_ascii_digit(), "{body:?}");
        }
    }
}

#[test]
fn connections_are_bounded() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let client = Client::builder(allowing(&[&authority])).connections_max(2).build();
    let first = client.send(get(&authority, "/"), Options::default());
    let second = client.send(get(&authority, "/"), Options::default());
    let accepted = [(); 2].map(|()| listener.accept().unwrap());
    assert_eq!(send(&client, get(&authority, "/")).unwrap_err(), ErrorCode::ConnectionLimitReached);
    drop(first);
    // Its place is free when it has ended.
    let began = Instant::now();
    let third = loop {
        let mut third = client.send(get(&authority, "/"), Options::default());
        let polled = poll_for(&mut *third, Duration::from_millis(200));
        if polled.is_none() {
            break third;
        }
        assert!(began.elapsed() < Duration::from_secs(20));
    };
    assert!(listener.accept().is_ok());
    drop((second, third, accepted));
}

/// What `sent` is answered with, if that comes soon.
fn poll_for(
    sent: &mut dyn wasmote::cap::http::ResponseFuture,
    time: Duration,
) -> Option<Result<Response, ErrorCode>> {
    let until = Instant::now() + time;
    loop {
        if let Poll::Ready(answer) = sent.poll_response(&mut Context::from_waker(std::task::Waker::noop())) {
            return Some(answer);
        }
        if Instant::now() > until {
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// An endless body that counts what was taken of it.
struct Endless(Arc<AtomicUsize>);

impl Body for Endless {
    fn poll_frame(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Frame, ErrorCode>>> {
        self.0.fetch_add(65_536, Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::Data(vec![0; 65_536]))))
    }
}

#[test]
fn a_peer_that_reads_nothing_holds_the_writer_back() {
    let address = raw("", Duration::from_secs(20));
    let client = Client::new(allowing(&[&address.to_string()]));
    let taken = Arc::new(AtomicUsize::new(0));
    let request = Request {
        method: Method::Post,
        body: Box::new(Endless(taken.clone())),
        ..get(&address.to_string(), "/")
    };
    let sent = client.send(request, Options::default());
    // What the two sockets and the client's buffer hold, and no more.
    let settled = settle(&taken);
    assert!((1..64 << 20).contains(&settled), "{settled}");
    drop(sent);
}

/// What `count` stays at.
fn settle(count: &AtomicUsize) -> usize {
    let mut last = 0;
    for _ in 0..100 {
        thread::sleep(Duration::from_millis(300));
        let now = count.load(Ordering::SeqCst);
        if now == last && now > 0 {
            return now;
        }
        last = now;
    }
    panic!("it never stops: {last}");
}

#[test]
fn dropping_a_request_closes_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let client = Client::new(allowing(&[&address]));
    let sent = client.send(get(&address, "/"), Options::default());
    let (mut stream, _) = listener.accept().unwrap();
    let mut bytes = [0; 1024];
    assert!(stream.read(&mut bytes).unwrap() > 0);
    drop(sent);
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(stream.read(&mut bytes).unwrap(), 0);
}

/// A root certificate, and a server's configuration with one that it signed.
fn tls(names: &[&str], alpn: &[&[u8]]) -> (String, Arc<ServerConfig>) {
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &root).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    (root.pem(), Arc::new(config))
}

fn tls_client(server: &Server, root: &str) -> Client {
    let port = server.address.port();
    let policy = allowing(&[&format!("https://localhost:{port}")]);
    let policy = policy.allow(server.authority().parse().unwrap());
    Client::builder(policy).root_certificates(root.as_bytes()).unwrap().build()
}

#[test]
fn a_granted_root_is_trusted_and_both_protocols_are_spoken() {
    for (alpn, version) in
        [(&[&b"h2"[..], b"http/1.1"][..], "HTTP/2.0"), (&[b"http/1.1"], "HTTP/1.1"), (&[], "HTTP/1.1")]
    {
        let (root, config) = tls(&["localhost"], alpn);
        let server = Server::start(Some(config));
        let client = tls_client(&server, &root);
        for _ in 0..3 {
            let mut request = get(&format!("localhost:{}", server.address.port()), "/echo");
            request.scheme = None;
            request.method = Method::Post;
            request.body = Box::new(Whole::new("secret"));
            let response = send(&client, request).unwrap();
            assert_eq!(header(&response, "saw-version"), version);
            // Trailers are taken; that only this connection's server is to know.
            let connection = if version == "HTTP/2.0" { "" } else { "keep-alive|te" };
            assert_eq!(header(&response, "saw-te"), "trailers", "{version}");
            assert_eq!(header(&response, "saw-connection"), connection, "{version}");
            assert_eq!(read(response.body).unwrap().0, b"secret");
        }
        // Over HTTP/1.1 the next request may be faster than the end of the answer before it.
        let connections_max = if version == "HTTP/2.0" { 1 } else { 2 };
        assert!(server.connections() <= connections_max, "{version}");
    }
}

#[test]
fn other_certificates_are_not_trusted() {
    let (root, config) = tls(&["localhost"], &[]);
    let server = Server::start(Some(config));
    let (other_root, _) = tls(&["localhost"], &[]);
    let https = |client: &Client, authority: &str| {
        send(client, Request { scheme: Some(Scheme::Https), ..get(authority, "/") })
            .map(|response| response.status)
    };
    let named = format!("localhost:{}", server.address.port());
    assert_eq!(https(&tls_client(&server, &other_root), &named), Err(ErrorCode::TlsCertificateError));
    // Of this name the certificate says nothing.
    assert_eq!(https(&tls_client(&server, &root), &server.authority()), Err(ErrorCode::TlsCertificateError));
    assert_eq!(https(&tls_client(&server, &root), &named), Ok(200));
    // Who speaks no TLS.
    let plain = Server::start(None);
    let spoken = https(&tls_client(&plain, &root), &format!("localhost:{}", plain.address.port()));
    assert!(spoken.is_err(), "{spoken:?}");
    let builder = || Client::builder(Policy::new());
    assert!(builder().root_certificates(b"").is_err());
    assert!(
        builder()
            .root_certificates(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
            .is_err()
    );
}
