//! Calls that nobody waits for any more, and what they had.

use super::load;
use std::{
    future::Future,
    pin::pin,
    sync::{
        atomic::{AtomicU32, Ordering::Relaxed},
        mpsc,
    },
    task::{Context, Poll, Waker},
};
use wasmote::{
    Limits,
    component::{AsContextMut, Engine, Features, Linker, Store, StoreContextMut, StreamReader, StreamWriter},
};

/// Passes on a function of the host's; hands a stream back; takes one, but lets no call in once it is told to; and goes on
/// without end.
const PARTS: &str = r#"(component
    (type $st (stream u8))
    (import "pipe" (func $pipe async (result $st)))
    (export "pipe" (func $pipe))
    (component $part
        (type $st (stream u8))
        (core func $inc (canon backpressure.inc))
        (core module $m
            (import "" "inc" (func $inc))
            (func (export "hold") (call $inc))
            (func (export "same") (param i32) (result i32) (local.get 0))
            (func (export "take") (param i32) unreachable)
            (func (export "spin") (loop $again (br $again))))
        (core instance $m (instantiate $m (with "" (instance (export "inc" (func $inc))))))
        (func (export "hold") (canon lift (core func $m "hold")))
        (func (export "same") (param "x" $st) (result $st) (canon lift (core func $m "same")))
        (func (export "take") async (param "x" $st) (canon lift (core func $m "take")))
        (func (export "spin") async (canon lift (core func $m "spin"))))
    (instance $one (instantiate $part)) (export "one" (instance $one))
    (instance $two (instantiate $part)) (export "two" (instance $two)))"#;

/// What the host writes into, for each stream that it gave.
type Given = Vec<StreamWriter<u8>>;

/// An engine, and the host's function: it gives a stream when it was woken.
fn parts() -> (Engine, Linker<Given>) {
    let engine = Engine::new(Features::all(), &Limits { handles: 8, ..Limits::server() });
    let mut linker = Linker::<Given>::new(&engine);
    let asked = AtomicU32::new(0);
    let give = move |mut cx: StoreContextMut<'_, Given>, context: &mut Context<'_>, _: &mut ()| {
        // When it is called, when it has to say whom to wake, and when it was woken.
        if asked.fetch_add(1, Relaxed) % 3 != 2 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let (writer, reader) = cx.stream::<u8>();
        cx.data_mut().push(writer);
        Poll::Ready(Ok((reader,)))
    };
    linker.root().func_wrap_poll("pipe", give).unwrap();
    (engine, linker)
}

/// Whether anybody may still read what is written there.
fn is_open(store: &mut Store<Given>, writer: &mut StreamWriter<u8>) -> bool {
    !matches!(writer.poll_fill_bytes(store, |room| Poll::Ready((0, room.len()))), Poll::Ready(Ok(None)))
}

#[test]
fn a_function_that_was_passed_on_and_has_returned_to_nobody_leaves_no_stream() {
    let (engine, linker) = parts();
    let mut store = Store::new(&engine, Given::new());
    let instance = linker.instantiate(&mut store, &load(&engine, PARTS)).unwrap();
    let spin = instance.get_typed_func::<(), ()>(&store, "two#spin").unwrap();
    let pipe = instance.get_typed_func::<(), (StreamReader<u8>,)>(&store, "pipe").unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    // It goes on in the store, so that the other call returns in a turn and is not asked before the next.
    assert!(pin!(spin.call_async(&mut store, ())).poll(&mut cx).is_pending());
    for _ in 0..20 {
        assert!(pin!(pipe.call_async(&mut store, ())).poll(&mut cx).is_pending());
        let mut writer = store.data_mut().pop().expect("it has returned");
        assert!(!is_open(&mut store, &mut writer));
    }
}

#[test]
fn a_call_that_was_never_let_in_leaves_no_stream() {
    let (engine, linker) = parts();
    let mut store = Store::new(&engine, Given::new());
    let instance = linker.instantiate(&mut store, &load(&engine, PARTS)).unwrap();
    type Stream = (StreamReader<u8>,);
    let same = instance.get_typed_func::<Stream, Stream>(&store, "one#same").unwrap();
    let take = instance.get_typed_func::<Stream, ()>(&store, "two#take").unwrap();
    instance.get_typed_func::<(), ()>(&store, "two#hold").unwrap().call(&mut store, ()).unwrap();
    // The host may yet do something about it.
    let (send, _wakers) = mpsc::channel();
    store.as_context_mut().spawn(move |_, context| {
        send.send(context.waker().clone()).unwrap();
        Poll::Pending
    });
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..20 {
        let (mut writer, reader) = store.as_context_mut().stream::<u8>();
        // What a guest has had counts as a handle.
        let (reader,) = same.call(&mut store, (reader,)).unwrap();
        assert!(is_open(&mut store, &mut writer));
        assert!(pin!(take.call_async(&mut store, (reader,))).poll(&mut cx).is_pending());
        assert!(!is_open(&mut store, &mut writer));
    }
}
