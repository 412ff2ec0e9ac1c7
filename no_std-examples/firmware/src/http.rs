//! The example for HTTP: requests come over the board's UART, a component of WASI 0.2 answers them, then one of WASI 0.3,
//! and their responses go out the same way. Each request has an instance of its own.
//!
//! HTTP/1.1 is spoken as far as a serial line between two friends needs it (RFC 9112): a head, and contents whose length
//! `content-length` tells. What is no request is refused with 400, and what fails with 500; the device goes on.

use alloc::{string::String, sync::Arc, vec::Vec};
use board::{console, heap, println, stack};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use wasmote::{
    Host, Limits, Loader, Program, block_on_with,
    cap::http::{Method, Request, Whole},
};

/// Handlers, each with what it is of.
const HANDLERS: [(&str, &[u8]); 2] = [
    ("a handler of WASI 0.2", include_bytes!("../guests/handler-p2.wasm")),
    ("a handler of WASI 0.3", include_bytes!("../guests/handler-p3.wasm")),
];

/// What a request may cost.
const FUEL: u64 = 1_000_000;

/// Bounds of what comes and what goes, in bytes.
const HEAD_BYTES_MAX: usize = 1 << 10;
const CONTENTS_BYTES_MAX: usize = 4 << 10;

/// Bounds that this example holds itself to, in bytes.
const HEAP_BYTES_MAX: usize = 128 << 10;
const STACK_BYTES_MAX: usize = 32 << 10;

/// Has each handler answer requests until one says `connection: close`; the exit code is how many expectations failed.
pub fn main() -> u32 {
    println!("wasmote on {}, answering requests", board::NAME);
    let mut failed = 0;
    let before = heap::live();
    let host = Host::new().limits(Limits::mcu()).fuel(FUEL);
    for (what, bytes) in HANDLERS {
        println!("\n== {what}");
        heap::reset_peak();
        stack::paint();
        let loaded = Loader::new().limits(Limits::mcu()).load(bytes);
        println!("# heap to load: {} B", heap::peak() - before);
        println!("# native stack: {} B", stack::peak());
        match loaded {
            Ok(program) => failed += serve(&program, &host, before),
            Err(error) => {
                println!("{error}");
                failed += 1;
            }
        }
    }
    drop(host);
    println!("\n== over");
    println!("left on the heap: {} B", heap::live() - before);
    failed += u32::from(heap::live() != before);
    println!("expectations that failed: {failed}");
    println!("# guests in flash: {} B", HANDLERS.iter().map(|(_, bytes)| bytes.len()).sum::<usize>());
    failed
}

fn serve(program: &Program, host: &Host, before: usize) -> u32 {
    let mut failed = 0;
    let mut is_open = true;
    while is_open {
        heap::reset_peak();
        stack::paint();
        let received = receive();
        is_open = received.as_ref().is_none_or(|received| !received.closes);
        let took = Arc::new(Took::default());
        let (status, contents) = match received {
            Some(received) => answer(program, host, received.request, &took),
            None => (400, b"this is no request\n".to_vec()),
        };
        respond(status, &contents);
        drop(contents);
        let memory_bytes = took.memory_bytes.load(Relaxed);
        let heap = (heap::peak() - before).saturating_sub(memory_bytes);
        println!("-- {} fuel", took.fuel.load(Relaxed));
        println!("# guest memory: {memory_bytes} B");
        println!("# heap beyond guest memory: {heap} B");
        println!("# native stack: {} B", stack::peak());
        failed += u32::from(heap > HEAP_BYTES_MAX || stack::peak() > STACK_BYTES_MAX);
    }
    failed
}

/// What an instance took, which is told when it is over.
#[derive(Default)]
struct Took {
    fuel: AtomicUsize,
    memory_bytes: AtomicUsize,
}

/// Has an instance of its own answer a request.
fn answer(program: &Program, host: &Host, request: Request, took: &Arc<Took>) -> (u16, Vec<u8>) {
    let size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let told = took.clone();
    let answered = async {
        let guest = host.start(program).map_err(|error| alloc::format!("{error}\n"))?;
        let handling = guest.handle(request).on_end(move |rest| {
            if let Some(guest) = rest.stop() {
                told.fuel.store(size(guest.fuel_spent()), Relaxed);
                told.memory_bytes.store(size(guest.memory_bytes()), Relaxed);
            }
        });
        let mut response = handling.await.map_err(|error| alloc::format!("{error}\n"))?;
        let contents = Whole::read(&mut *response.body, CONTENTS_BYTES_MAX).await;
        let contents = contents.map_err(|code| alloc::format!("{code}\n"))?;
        Ok((response.status, contents.contents().to_vec()))
    };
    block_on_with(answered, core::hint::spin_loop).unwrap_or_else(|why: String| (500, why.into_bytes()))
}

fn respond(status: u16, contents: &[u8]) {
    let reason = match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        _ => "",
    };
    println!("HTTP/1.1 {status} {reason}\r\ncontent-length: {}\r\n\r", contents.len());
    console::write(contents);
}

struct Received {
    request: Request,
    /// Whether it is the last one.
    closes: bool,
}

/// Waits for a request. None where what comes is none; its bytes up to an empty line are gone then.
fn receive() -> Option<Received> {
    let head = head()?;
    let mut lines = core::str::from_utf8(&head).ok()?.split("\r\n");
    let mut target = lines.next()?.split(' ');
    let (method, path) = (target.next()?, target.next()?);
    if target.next() != Some("HTTP/1.1") || !path.starts_with('/') {
        return None;
    }
    let mut request = Request::new(Method::from(method), path);
    let (mut length, mut closes) = (0, false);
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        let value = value.trim_matches([' ', '\t']);
        if name.eq_ignore_ascii_case("host") {
            request.authority = Some(value.into());
            continue;
        }
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().ok().filter(|length| *length <= CONTENTS_BYTES_MAX)?;
        }
        closes |= name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close");
        request.headers.append(name, value);
    }
    let contents: Vec<u8> = (0..length).map(|_| byte()).collect();
    Some(Received { request: request.body(Whole::new(contents)), closes })
}

/// Everything up to an empty line. None where that does not come in time; then it is read, and not kept.
fn head() -> Option<Vec<u8>> {
    let mut head = Vec::new();
    let mut last = [0; 4];
    while last != *b"\r\n\r\n" {
        last = [last[1], last[2], last[3], byte()];
        if head.len() < HEAD_BYTES_MAX {
            head.push(last[3]);
        }
    }
    head.ends_with(b"\r\n\r\n").then_some(head)
}

/// Waits for a byte.
fn byte() -> u8 {
    loop {
        match console::read() {
            Some(byte) => return byte,
            None => core::hint::spin_loop(),
        }
    }
}
