//! `wasmote serve` for who runs it: what clients are answered, what is written and counted, and what bounds whom.
//!
//! # What a client is answered
//!
//! What a program answers goes out as it is. Else, in words, and with `x-request-id` where the log says more under that id:
//!
//! | status | when | counted as |
//! |---|---|---|
//! | 400 | what came is no request, or is chunked twice | refused |
//! | 400 | HTTP/1.1 without one `Host`, or nobody's name in it; the contents break off or break their chunking, and the program failed over it before it answered | 4xx of the app |
//! | 404 | no app has a route for the path | refused |
//! | 408 | the contents come too slowly (`--body-timeout`), and the program failed over it before it answered | 4xx of the app |
//! | 414, 431 | the target or the header section is larger than the server reads (64 KiB, 128 fields), or than a program may be given (`-S max-http-fields`, `max-http-fields-size`) | refused; 4xx of the app |
//! | 500 | the program broke a rule, or spent its fuel or memory, or could not be started | failure `trap`, `fuel`, `memory`, `not_started` |
//! | 501 | the contents have a transfer coding besides `chunked` (RFC 9112, section 6.1) | refused |
//! | 502 | the program gave no response, or said that there is none | failure `no_response` |
//! | 503 | no turn came within the deadline (`--max-concurrent`), or four times as many wait for one already, or answers that nobody takes leave no room (256 MiB of all apps) | failure `busy` |
//! | 504 | the deadline passed (`-W timeout`) | failure `deadline` |
//!
//! A failure after the response began breaks it off: HTTP/1.1 ends the connection before the last chunk, HTTP/2 the stream.
//!
//! # The log
//!
//! On standard error, a line for each request when both its answer and its program are done with:
//!
//! ```text
//! 2026-11-23T08:00:00.000Z 127.0.0.1:50000 GET /path 200 5 1.2ms hello
//! ```
//!
//! time, peer, method, path, status, bytes of contents, time taken, app. The status is `aborted` where the client left
//! before there was one, or where its request broke off after the answer had begun; `-` stands for what is not known, as
//! in `- - 400 0 - -` for what was no request. A failure is a line of its own with `error:`, the id that the client
//! was given, and why. `--quiet` leaves the lines of requests out. A line that the log is too slow for is dropped and
//! counted.
//!
//! # What is counted
//!
//! `--metrics-addr` answers `/metrics` as Prometheus reads it. By app: `wasmote_requests_total` by class of status,
//! `wasmote_failures_total` by reason, `wasmote_request_duration_seconds`, `wasmote_requests_waiting` (for their turn) and
//! `wasmote_requests_in_flight` (being answered), `wasmote_instances_total`, `wasmote_fuel_total`,
//! `wasmote_memory_peak_bytes`, `wasmote_reloads_total` and `wasmote_reloads_failed_total`. Of the server:
//! `wasmote_requests_refused_total` by status (what no app was asked), `wasmote_connections`,
//! `wasmote_connections_closed_total` by reason (`head_timeout`, which a kept connection that nobody uses ends with too;
//! `write_timeout`; `protocol`), `wasmote_log_lines_dropped_total`, `process_resident_memory_bytes`.
//!
//! # How long anybody is waited for
//!
//! | who | how long | flag |
//! |---|---|---|
//! | a client, for a request's head, or for the next request | 30 s | `--head-timeout` |
//! | a client, to send 240 bytes a second of its request's contents, on the average over that time; within the program's time | 10 s | `--body-timeout` |
//! | a program, from the request's head to the last byte that it gives | 30 s | `-W timeout` |
//! | a client, to take any of its answer | 1 min | `--write-timeout` |
//! | a client, to take 240 bytes a second of it (of each answer, where it has several under way), on the average over that time | 1 min | `--write-timeout` |
//! | requests under way, when the server is to end | 30 s | `--drain-timeout` |
//!
//! For contents a client is waited for as long as the program asks for more and there is none; what the program does
//! meanwhile is not counted. Then they break off with `connection-read-timeout`. A program that answers all the same is
//! taken at its word; one that fails over it has not failed, and the client is answered 408.
//!
//! Bytes count as taken when they have left for the socket: not those that a window of HTTP/2 holds back, and not
//! what answers pings or settings. Time in which the program has nothing ready is not the client's. On HTTP/2 a stream
//! that is stuck beside others has its connection take no more requests, and end when they have had as long again.
//!
//! # Turns
//!
//! A request is answered when it has a turn, of which there are `--max-concurrent` (1,000). One of several apps has up to
//! three quarters of them, or as many as `max-concurrent` in its `[[app]]` says, which should be fewer than all: so what
//! one does, or its clients, leaves the others some. The sum may be more than there are. Four times as many requests wait
//! for a turn, of the server and of each app; one more is answered 503 at once, and is a failure `busy` like one that
//! waited in vain. A request keeps its turn until its program is done with it.
//!
//! An app whose start functions take long (more than 200,000 of `-W max-uninterrupted-fuel`, some tenths of a millisecond)
//! is started on a thread that answers nobody else, two instances of it at once. No deadline ends a start; one that it
//! passes is told right after it.
//!
//! # Trailers
//!
//! HTTP/2 sends the trailers that a program gives. HTTP/1.1 sends them under three conditions:
//!
//! * the client has said `TE: trailers`. Else they should not be sent (RFC 9110, section 6.5.1), and are not;
//! * the response has no `Content-Length`: trailers follow chunks;
//! * the response **names them in a `Trailer` field**. RFC 9110, section 6.6.2 recommends it, the library below asks for
//!   it. Those that are ready together with the response (as where a program ends it at once) are named by the
//!   server. A program whose trailers come later has to say `Trailer: x-checksum` itself.
//!
//! `authorization`, `cache-control`, `content-*` and a few more
//! ([`Fields::NOT_IN_TRAILERS`](crate::cap::http::Fields::NOT_IN_TRAILERS)) are no trailers at all. What is not sent is told
//! by `--trace`, under the request's id with the reason; and once for each app in the log, where the program could do
//! something about it. The same holds for requests that programs send: name trailers that are not ready with them.
//!
//! # What hostile peers are held to
//!
//! Clients: a head of 64 KiB and 128 fields, in HTTP/2 as well, looked at before a request waits for anything; 128 streams, 64 KiB each that lie ready, on a connection of HTTP/2; 1 MiB of
//! contents on it that no program has read; `--max-connections`. Streams that are reset as soon as they are begun,
//! header sections that are continued without end or unfold in memory, empty frames, and pings and settings whose
//! answers nobody reads are bounded by the library, and each is tried in the tests. Who does any of it loses its
//! connection.
//!
//! Servers that programs send requests to: a head of 64 KiB and 128 fields, 100 interim responses (1xx) to a request,
//! then `HTTP-protocol-error`; 256 KiB on a stream and 1 MiB on a connection of HTTP/2 that nobody has read; 1,024 connections of
//! an app, then `connection-limit-reached`. All are read by one thread, on which none has more than about a MiB in a row. Redirects
//! are not followed. A name's address is checked when it is connected to, and asked of the socket afterwards: a name that
//! leads elsewhere the second time leads nowhere. Bytes behind an answer end the connection, and belong to no other request.
