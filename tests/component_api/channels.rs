//! Streams and futures: whose they are, what they count for, and what it means to move nothing.

use super::load;
use std::{
    sync::mpsc,
    task::{Context, Poll, ready},
};
use wasmote::{
    Limits, Trap,
    component::{
        AsContextMut, ChannelAny, Component, Engine, Features, FutureReader, Linker, Store, StoreContextMut,
        StreamConsumer, StreamReader, StreamResult, Val,
    },
    engine::Fault,
};

/// Opens streams and futures that it has begun to write, and begins to read those that it is given.
const BEGINS: &str = r#"(component
    (type $st (stream u8))
    (type $ft (future u8))
    (core module $libc (memory (export "mem") 1) (data (i32.const 0) "\07\08"))
    (core instance $libc (instantiate $libc))
    (core func $st-new (canon stream.new $st))
    (core func $st-write (canon stream.write $st async (memory (core memory $libc "mem"))))
    (core func $st-read (canon stream.read $st async (memory (core memory $libc "mem"))))
    (core func $ft-new (canon future.new $ft))
    (core func $ft-write (canon future.write $ft async (memory (core memory $libc "mem"))))
    (core func $ft-read (canon future.read $ft async (memory (core memory $libc "mem"))))
    (core module $m
        (import "" "st-new" (func $st-new (result i64)))
        (import "" "st-write" (func $st-write (param i32 i32 i32) (result i32)))
        (import "" "st-read" (func $st-read (param i32 i32 i32) (result i32)))
        (import "" "ft-new" (func $ft-new (result i64)))
        (import "" "ft-write" (func $ft-write (param i32 i32) (result i32)))
        (import "" "ft-read" (func $ft-read (param i32 i32) (result i32)))
        (func $writer (param $ends i64) (result i32) (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
        (func $begins (param $status i32)
            (if (i32.ne (local.get $status) (i32.const -1)) (then unreachable)))
        (func (export "st-open") (param $count i32) (result i32) (local $ends i64)
            (local.set $ends (call $st-new))
            (call $begins (call $st-write (call $writer (local.get $ends)) (i32.const 0) (local.get $count)))
            (i32.wrap_i64 (local.get $ends)))
        (func (export "st-take") (param $st i32)
            (call $begins (call $st-read (local.get $st) (i32.const 16) (i32.const 2))))
        (func (export "ft-open") (result i32) (local $ends i64)
            (local.set $ends (call $ft-new))
            (call $begins (call $ft-write (call $writer (local.get $ends)) (i32.const 0)))
            (i32.wrap_i64 (local.get $ends)))
        (func (export "ft-take") (param $ft i32)
            (call $begins (call $ft-read (local.get $ft) (i32.const 16)))))
    (core instance $m (instantiate $m (with "" (instance
        (export "st-new" (func $st-new)) (export "st-write" (func $st-write)) (export "st-read" (func $st-read))
        (export "ft-new" (func $ft-new)) (export "ft-write" (func $ft-write)) (export "ft-read" (func $ft-read))))))
    (func (export "st-open") (param "count" u32) (result $st) (canon lift (core func $m "st-open")))
    (func (export "st-take") (param "x" $st) (canon lift (core func $m "st-take")))
    (func (export "ft-open") (result $ft) (canon lift (core func $m "ft-open")))
    (func (export "ft-take") (param "x" $ft) (canon lift (core func $m "ft-take"))))"#;

/// What a poll that is ready came to.
fn now<R>(polled: Poll<Result<R, Fault>>) -> Option<R> {
    match polled {
        Poll::Ready(done) => Some(done.unwrap()),
        Poll::Pending => None,
    }
}

#[test]
fn to_read_or_write_nothing_ends_nothing() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &load(&engine, BEGINS)).unwrap();
    let open = instance.get_typed_func::<(u32,), (ChannelAny,)>(&store, "st-open").unwrap();
    let (stream,) = open.call(&mut store, (2,)).unwrap();
    let mut cx = store.as_context_mut();
    assert_eq!(now(cx.poll_read::<u8>(stream, 0)), Some(Some(vec![])), "somebody writes");
    assert_eq!(now(cx.poll_read::<u8>(stream, 9)), Some(Some(vec![7, 8])));
    // One who asks only whether somebody reads is told so, and nobody has written.
    let (stream,) = open.call(&mut store, (0,)).unwrap();
    assert_eq!(now(store.as_context_mut().poll_read::<u8>(stream, 0)), None);

    let open = instance.get_typed_func::<(), (ChannelAny,)>(&store, "ft-open").unwrap();
    let (future,) = open.call(&mut store, ()).unwrap();
    let mut cx = store.as_context_mut();
    assert_eq!(now(cx.poll_read::<u8>(future, 0)), Some(Some(vec![])));
    assert_eq!(now(cx.poll_read::<u8>(future, 1)), Some(Some(vec![7])));

    for (name, future) in [("st-take", false), ("ft-take", true)] {
        let mut cx = store.as_context_mut();
        let channel = if future { cx.future_new() } else { cx.stream_new() };
        let take = instance.get_typed_func::<(ChannelAny,), ()>(&store, name).unwrap();
        take.call(&mut store, (channel,)).unwrap();
        let mut cx = store.as_context_mut();
        assert_eq!(now(cx.poll_write::<u8>(channel, &[])), Some(Some(0)), "{name}");
        assert_eq!(now(cx.poll_give::<u8>(channel, &mut vec![])), Some(Some(0)), "{name}");
        assert_eq!(now(cx.poll_write::<u8>(channel, &[1])), Some(Some(1)), "{name}");
    }
}

#[test]
fn streams_and_futures_are_refused_by_every_store_but_their_own() {
    let engine = Engine::default();
    let component = load(&engine, BEGINS);
    let (mut one, mut other) = (Store::new(&engine, ()), Store::new(&engine, ()));
    let instance = Linker::new(&engine).instantiate(&mut other, &component).unwrap();
    let take = instance.get_typed_func::<(StreamReader<u8>,), ()>(&other, "st-take").unwrap();
    let take_future = instance.get_typed_func::<(FutureReader<u8>,), ()>(&other, "ft-take").unwrap();
    // Ends that go by the same number in their stores.
    let foreign = one.as_context_mut().stream_new();
    let (_writer, own) = other.as_context_mut().stream::<u8>();
    let error = take.func().call(&mut other, &[Val::Stream(foreign)], &mut []).unwrap_err();
    assert!(error.to_string().contains("another store") && error.trap().is_none(), "{error}");
    let reader = StreamReader::<u8>::try_from_stream_any(&mut one, foreign).unwrap();
    let error = take.call(&mut other, (reader,)).unwrap_err();
    assert!(error.to_string().contains("another store") && error.trap().is_none(), "{error}");
    let future = FutureReader::new(&mut one, async { Ok(1_u8) });
    let error = take_future.call(&mut other, (future,)).unwrap_err();
    assert!(error.to_string().contains("another store") && error.trap().is_none(), "{error}");

    let mut cx = other.as_context_mut();
    let is_foreign =
        |fault: Fault| matches!(fault, Fault::Trap(Trap::Host(text)) if text.contains("another store"));
    let refused = [
        StreamReader::<u8>::try_from_stream_any(&mut cx, foreign).map(drop),
        cx.close_readable(foreign),
        cx.close_writable(foreign),
    ];
    assert!(refused.into_iter().all(|refused| refused.is_err_and(is_foreign)));
    let polled = [
        cx.poll_read::<u8>(foreign, 1).map_ok(drop),
        cx.poll_write::<u8>(foreign, &[1]).map_ok(drop),
        cx.poll_give::<u8>(foreign, &mut vec![1]).map_ok(drop),
        cx.poll_writable::<u8>(foreign).map_ok(drop),
        cx.poll_take_bytes(foreign, |_| Poll::Ready((0, ()))).map_ok(drop),
        cx.poll_fill_bytes(foreign, |_| Poll::Ready((0, ()))).map_ok(drop),
    ];
    assert!(polled.into_iter().all(|polled| matches!(polled, Poll::Ready(Err(fault)) if is_foreign(fault))));
    take.call(&mut other, (own,)).unwrap();
}

/// Gives its host a stream as often as it is told; in between, it drops the other end, and what it got back.
const GIVES: &str = r#"(component
    (type $st (stream u8))
    (import "take" (func $take (param "x" $st)))
    (import "same" (func $same (param "x" $st) (result $st)))
    (core func $take (canon lower (func $take)))
    (core func $same (canon lower (func $same)))
    (core func $new (canon stream.new $st))
    (core func $close (canon stream.drop-writable $st))
    (core func $leave (canon stream.drop-readable $st))
    (core module $m
        (import "" "take" (func $take (param i32)))
        (import "" "same" (func $same (param i32) (result i32)))
        (import "" "new" (func $new (result i64)))
        (import "" "close" (func $close (param i32)))
        (import "" "leave" (func $leave (param i32)))
        (func (export "run") (param $n i32) (param $back i32) (local $ends i64)
            (loop $more
                (local.set $ends (call $new))
                (if (local.get $back)
                    (then (call $leave (call $same (i32.wrap_i64 (local.get $ends)))))
                    (else (call $take (i32.wrap_i64 (local.get $ends)))))
                (call $close (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
                (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
    (core instance $m (instantiate $m (with "" (instance
        (export "take" (func $take)) (export "same" (func $same)) (export "new" (func $new))
        (export "close" (func $close)) (export "leave" (func $leave))))))
    (func (export "run") (param "n" u32) (param "back" bool) (canon lift (core func $m "run"))))"#;

fn few_handles() -> Engine {
    Engine::new(Features::default(), &Limits { handles: 16, ..Limits::server() })
}

#[test]
fn a_stream_in_the_hosts_hands_counts_as_a_handle_until_it_is_closed_or_given_back() {
    let engine = few_handles();
    let component = load(&engine, GIVES);
    let run = |times: u32, back: bool, closes: bool| {
        let mut linker = Linker::new(&engine);
        let take = move |mut store: StoreContextMut<'_, ()>, (mut x,): (StreamReader<u8>,)| {
            if closes { x.close(&mut store) } else { Ok(()) }
        };
        linker.root().func_wrap("take", take).unwrap();
        linker.root().func_wrap("same", |_, (x,): (StreamReader<u8>,)| Ok((x,))).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let run = instance.get_typed_func::<(u32, bool), ()>(&store, "run").unwrap();
        run.call(&mut store, (times, back))
    };
    run(14, false, false).unwrap();
    assert_eq!(run(100, false, false).unwrap_err().trap(), Some(Trap::Handles));
    run(100, false, true).unwrap();
    run(100, true, false).unwrap();
}

/// Calls a function that waits, gives it a stream, and cancels the call, as often as it is told. Then it writes a byte:
/// how that ended.
const CANCELS: &str = r#"(component
    (type $st (stream u8))
    (import "wait" (func $wait async (param "x" (tuple (option $st)))))
    (core module $libc (memory (export "mem") 1))
    (core instance $libc (instantiate $libc))
    (core func $wait (canon lower (func $wait) async (memory (core memory $libc "mem"))))
    (core func $new (canon stream.new $st))
    (core func $write (canon stream.write $st async (memory (core memory $libc "mem"))))
    (core func $close (canon stream.drop-writable $st))
    (core func $cancel (canon subtask.cancel))
    (core func $drop (canon subtask.drop))
    (core module $m
        (import "" "wait" (func $wait (param i32 i32) (result i32)))
        (import "" "new" (func $new (result i64)))
        (import "" "write" (func $write (param i32 i32 i32) (result i32)))
        (import "" "close" (func $close (param i32)))
        (import "" "cancel" (func $cancel (param i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "run") (param $n i32) (result i32) (local $ends i64) (local $call i32) (local $went i32)
            (loop $more
                (local.set $ends (call $new))
                (local.set $call (call $wait (i32.const 1) (i32.wrap_i64 (local.get $ends))))
                ;; It has started.
                (if (i32.ne (i32.and (local.get $call) (i32.const 15)) (i32.const 1)) (then unreachable))
                (local.set $call (i32.shr_u (local.get $call) (i32.const 4)))
                ;; It is cancelled at once.
                (if (i32.ne (call $cancel (local.get $call)) (i32.const 4)) (then unreachable))
                (call $drop (local.get $call))
                (local.set $ends (i64.shr_u (local.get $ends) (i64.const 32)))
                (local.set $went (call $write (i32.wrap_i64 (local.get $ends)) (i32.const 0) (i32.const 1)))
                (call $close (i32.wrap_i64 (local.get $ends)))
                (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.get $went)))
    (core instance $m (instantiate $m (with "" (instance
        (export "wait" (func $wait)) (export "new" (func $new)) (export "write" (func $write))
        (export "close" (func $close)) (export "cancel" (func $cancel)) (export "drop" (func $drop))))))
    (func (export "run") async (param "n" u32) (result u32) (canon lift (core func $m "run"))))"#;

/// What [`CANCELS`] comes to, a hundred times over.
fn cancelled(engine: &Engine, component: &Component, linker: &Linker<()>) -> u32 {
    try_cancelled(engine, component, linker).unwrap()
}

fn try_cancelled(engine: &Engine, component: &Component, linker: &Linker<()>) -> Result<u32, wasmote::Error> {
    let mut store = Store::new(engine, ());
    let instance = linker.instantiate(&mut store, component).unwrap();
    let run = instance.get_typed_func::<(u32,), (u32,)>(&store, "run").unwrap();
    run.call(&mut store, (100,)).map(|(went,)| went)
}

/// Counts what comes, to its end.
struct Count(mpsc::Sender<usize>);

impl StreamConsumer<()> for Count {
    type Item = u8;

    fn poll_consume(
        &mut self,
        _: &mut Context<'_>,
        store: StoreContextMut<'_, ()>,
        source: &mut StreamReader<u8>,
    ) -> Poll<Result<StreamResult, Fault>> {
        let Some(items) = ready!(source.poll_read(store, 4))? else {
            return Poll::Ready(Ok(StreamResult::Dropped));
        };
        self.0.send(items.len()).unwrap();
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

type Params = ((Option<StreamReader<u8>>,),);

#[test]
fn what_a_cancelled_call_still_has_is_closed() {
    const DROPPED: u32 = 1;
    const ONE_BYTE: u32 = 1 << 4;
    let engine = few_handles();
    let component = load(&engine, CANCELS);
    let mut linker = Linker::new(&engine);
    let typed =
        |_: StoreContextMut<'_, ()>, _: &mut Context<'_>, _: &mut Params| Poll::<Result<(), Fault>>::Pending;
    linker.root().func_wrap_poll("wait", typed).unwrap();
    assert_eq!(cancelled(&engine, &component, &linker), DROPPED);

    // One of any type may have been copied to who reads from it later: it is not closed, so the write still waits for it.
    let mut linker = Linker::new(&engine);
    let copies_for_later =
        |mut store: StoreContextMut<'_, ()>, _: &mut Context<'_>, params: &mut ((Option<ChannelAny>,),)| {
            let mut waits = 4;
            if let ((Some(end),),) = *params {
                store.spawn(move |mut store, cx| {
                    if waits > 0 {
                        waits -= 1;
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    ready!(store.poll_read::<u8>(end, 1))?;
                    Poll::Ready(store.close_readable(end))
                });
            }
            Poll::<Result<(), Fault>>::Pending
        };
    linker.root().func_wrap_poll("wait", copies_for_later).unwrap();
    let error = try_cancelled(&engine, &component, &linker).unwrap_err();
    assert!(error.to_string().contains("cannot drop busy stream"), "{error}");

    // It has read from the stream itself, and somebody keeps its waker.
    let mut linker = Linker::new(&engine);
    let wakers = std::sync::Mutex::new(Vec::new());
    let reads = move |store: StoreContextMut<'_, ()>, cx: &mut Context<'_>, ((x,),): &mut Params| {
        wakers.lock().unwrap().push(cx.waker().clone());
        let read = x.as_mut().map(|x| x.poll_read(store, 1).map_ok(drop));
        read.unwrap_or(Poll::Pending)
    };
    linker.root().func_wrap_poll("wait", reads).unwrap();
    assert_eq!(cancelled(&engine, &component, &linker), DROPPED);

    // Who has taken it away, or reads it besides, goes on.
    let (send, counted) = mpsc::channel();
    let mut linker = Linker::new(&engine);
    let gives_on = move |store: StoreContextMut<'_, ()>, _: &mut Context<'_>, ((x,),): &mut Params| {
        if let Some(x) = x.take() {
            x.pipe(store, Count(send.clone()));
        }
        Poll::<Result<(), Fault>>::Pending
    };
    linker.root().func_wrap_poll("wait", gives_on).unwrap();
    assert_eq!(cancelled(&engine, &component, &linker), ONE_BYTE);
    assert_eq!(counted.try_iter().sum::<usize>(), 100);

    let (send, counted) = mpsc::channel();
    let mut linker = Linker::new(&engine);
    let copies = move |mut store: StoreContextMut<'_, ()>,
                       _: &mut Context<'_>,
                       params: &mut ((Option<ChannelAny>,),)| {
        if let ((Some(x),),) = *params {
            let x = StreamReader::<u8>::try_from_stream_any(&mut store, x)?;
            x.pipe(store, Count(send.clone()));
        }
        Poll::<Result<(), Fault>>::Pending
    };
    linker.root().func_wrap_poll("wait", copies).unwrap();
    assert_eq!(cancelled(&engine, &component, &linker), ONE_BYTE);
    assert_eq!(counted.try_iter().sum::<usize>(), 100);
}
