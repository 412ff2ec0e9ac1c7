//! Typed ends of streams and futures, in the host's hands.

use super::{PIPE, load};
use std::{
    sync::mpsc,
    task::{Context, Poll, ready},
};
use wasmote::{
    Limits, Rule, Trap,
    component::{
        AsContextMut, ChannelAny, Engine, Features, FutureReader, Lift, Linker, Store, StoreContextMut,
        StreamConsumer, StreamProducer, StreamReader, StreamResult, StreamWriter, Val,
    },
    engine::Fault,
};

/// Hands back what it is given, of several types.
const SAME: &str = r#"(component
    (type $bytes (stream u8))
    (type $nothing (stream))
    (type $text (future string))
    (core module $m
        (func (export "same") (param i32) (result i32) (local.get 0))
        (func (export "keep") (param i32 i32)))
    (core instance $m (instantiate $m))
    (func (export "bytes") (param "x" $bytes) (result $bytes) (canon lift (core func $m "same")))
    (func (export "nothing") (param "x" $nothing) (result $nothing) (canon lift (core func $m "same")))
    (func (export "text") (param "x" $text) (result $text) (canon lift (core func $m "same")))
    (func (export "keep") (param "x" $bytes) (param "y" $bytes) (canon lift (core func $m "keep"))))"#;

/// Collects what a stream brings.
struct Collect<E>(mpsc::Sender<Vec<E>>);

impl<D: Send + 'static, E: Lift> StreamConsumer<D> for Collect<E> {
    type Item = E;

    fn poll_consume(
        &mut self,
        _: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        source: &mut StreamReader<E>,
    ) -> Poll<Result<StreamResult, Fault>> {
        Poll::Ready(Ok(match ready!(source.poll_read(store, 3))? {
            Some(items) => {
                self.0.send(items).unwrap();
                StreamResult::Completed
            }
            None => StreamResult::Dropped,
        }))
    }
}

/// Writes where its reader wants it, as a file does.
struct Fill(Vec<u8>);

impl<D: Send + 'static> StreamProducer<D> for Fill {
    type Item = u8;

    fn poll_produce(
        &mut self,
        _: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        destination: &mut StreamWriter<u8>,
    ) -> Poll<Result<StreamResult, Fault>> {
        let filled = ready!(destination.poll_fill_bytes(store, |room| {
            let count = self.0.len().min(room.len()).min(8);
            room[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            Poll::Ready((count, ()))
        }))?;
        let is_over = filled.is_none() || self.0.is_empty();
        Poll::Ready(Ok(if is_over { StreamResult::Dropped } else { StreamResult::Completed }))
    }
}

/// Takes bytes where they lie, some at a time, as a file does.
struct Take(mpsc::Sender<Vec<u8>>);

impl<D: Send + 'static> StreamConsumer<D> for Take {
    type Item = u8;

    fn poll_consume(
        &mut self,
        _: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        source: &mut StreamReader<u8>,
    ) -> Poll<Result<StreamResult, Fault>> {
        let taken = ready!(source.poll_take_bytes(store, |bytes| {
            let count = bytes.len().min(5);
            Poll::Ready((count, bytes[..count].to_vec()))
        }))?;
        Poll::Ready(Ok(match taken {
            Some(bytes) => {
                self.0.send(bytes).unwrap();
                StreamResult::Completed
            }
            None => StreamResult::Dropped,
        }))
    }
}

#[test]
fn typed_ends_of_streams_meet_those_of_a_guest() {
    let engine = Engine::default();
    let component = load(&engine, PIPE);
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component).unwrap();
    let run = instance.get_typed_func::<(StreamReader<u8>,), (StreamReader<u8>,)>(&store, "run").unwrap();
    let input = StreamReader::new(&mut store, (1..=10).collect::<Vec<u8>>().into_iter());
    let (output,) = run.call(&mut store, (input,)).unwrap();
    let (send, received) = mpsc::channel();
    output.pipe(&mut store, Collect(send));
    store.run_until_idle().unwrap();
    // The guest has four bytes at a time, and the host takes three.
    let received: Vec<_> = received.iter().collect();
    assert!(received.iter().all(|part| part.len() <= 3), "{received:?}");
    assert_eq!(received.concat(), [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]);
}

/// Asks a stream once whether it has something, then reads it once and gives up: what it got.
const ONCE: &str = r#"(component
    (type $st (stream u8))
    (core module $libc (memory (export "mem") 1))
    (core instance $libc (instantiate $libc))
    (core func $wait (canon stream.read $st (memory (core memory $libc "mem"))))
    (core func $read (canon stream.read $st async (memory (core memory $libc "mem"))))
    (core func $cancel (canon stream.cancel-read $st))
    (core module $m
        (import "" "wait" (func $wait (param i32 i32 i32) (result i32)))
        (import "" "read" (func $read (param i32 i32 i32) (result i32)))
        (import "" "cancel" (func $cancel (param i32) (result i32)))
        (func (export "run") (param $st i32) (result i32) (local $got i32)
            (drop (call $wait (local.get $st) (i32.const 0) (i32.const 0)))
            (local.set $got (call $read (local.get $st) (i32.const 0) (i32.const 8)))
            (if (i32.eq (local.get $got) (i32.const -1)) (then
                (local.set $got (call $cancel (local.get $st)))))
            (local.get $got)))
    (core instance $i (instantiate $m (with "" (instance
        (export "wait" (func $wait)) (export "read" (func $read)) (export "cancel" (func $cancel))))))
    (func (export "run") async (param "in" $st) (result u32) (canon lift (core func $i "run"))))"#;

/// What is there is read at once: whoever asks again and again, and waits in between for nothing but that there is
/// something, would never get it otherwise.
#[test]
fn what_the_host_has_is_read_by_a_guest_that_does_not_wait() {
    let engine = Engine::new(Features::all(), &Limits::server());
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &load(&engine, ONCE)).unwrap();
    let run = instance.get_typed_func::<(StreamReader<u8>,), (u32,)>(&store, "run").unwrap();
    let filled = StreamReader::new(&mut store, Fill(vec![7; 20]));
    assert_eq!(run.call(&mut store, (filled,)).unwrap(), (8 << 4,));
    let listed = StreamReader::new(&mut store, vec![1_u8, 2, 3].into_iter());
    assert_eq!(run.call(&mut store, (listed,)).unwrap(), (3 << 4,));
}

#[test]
fn bytes_of_typed_ends_are_moved_where_they_lie() {
    let engine = Engine::default();
    let component = load(&engine, PIPE);
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component).unwrap();
    let run = instance.get_typed_func::<(StreamReader<u8>,), (StreamReader<u8>,)>(&store, "run").unwrap();
    let (mut writer, input) = store.as_context_mut().stream::<u8>();
    let (mut output,) = run.call(&mut store, (input,)).unwrap();
    let room = writer.poll_fill_bytes(&mut store, |room| {
        room.copy_from_slice(&[5, 6, 7, 8]);
        Poll::Ready((3, room.len()))
    });
    assert!(matches!(room, Poll::Ready(Ok(Some(4)))));
    store.run_until_idle().unwrap();
    let mut seen = Vec::new();
    let taken = output.poll_take_bytes(&mut store, |bytes| {
        seen.extend_from_slice(bytes);
        Poll::Ready((2, ()))
    });
    assert!(matches!(taken, Poll::Ready(Ok(Some(())))));
    assert_eq!(seen, [10, 12, 14]);
    assert!(matches!(output.poll_read(&mut store, 9), Poll::Ready(Ok(Some(rest))) if rest == [14]));
    // The guest asks for more, and there will be none.
    store.run_until_idle().unwrap();
    writer.close(&mut store).unwrap();
    assert!(writer.close(&mut store).is_err());
    store.run_until_idle().unwrap();
    assert!(matches!(output.poll_read(&mut store, 9), Poll::Ready(Ok(None))));
    // What is left of an end is none.
    let mut taken = output.take();
    assert!(matches!(output.poll_read(&mut store, 9), Poll::Ready(Err(_))));
    taken.close(&mut store).unwrap();
}

#[test]
fn typed_ends_of_the_host_meet_through_a_guest() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &load(&engine, SAME)).unwrap();
    let bytes = instance.get_typed_func::<(StreamReader<u8>,), (StreamReader<u8>,)>(&store, "bytes").unwrap();
    let input = StreamReader::new(&mut store, b"all of them".to_vec().into_iter());
    let (output,) = bytes.call(&mut store, (input,)).unwrap();
    let (send, received) = mpsc::channel();
    output.pipe(&mut store, Collect(send));
    store.run_until_idle().unwrap();
    assert_eq!(received.iter().collect::<Vec<_>>().concat(), b"all of them");

    type Text = FutureReader<String>;
    let text = instance.get_typed_func::<(Text,), (Text,)>(&store, "text").unwrap();
    let input = FutureReader::new(&mut store, async { Ok("later".to_owned()) });
    let (output,) = text.call(&mut store, (input,)).unwrap();
    let (send, received) = mpsc::channel();
    output.pipe(&mut store, move |_, value| {
        send.send(value).unwrap();
        Ok(())
    });
    store.run_until_idle().unwrap();
    assert_eq!(received.iter().collect::<Vec<_>>(), [Some("later".to_owned())]);
}

#[test]
fn ends_of_the_host_meet_whichever_way_they_move_bytes() {
    const TEXT: &[u8] = b"not one of these bytes is lost";
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &load(&engine, SAME)).unwrap();
    let bytes = instance.get_typed_func::<(StreamReader<u8>,), (StreamReader<u8>,)>(&store, "bytes").unwrap();
    for (is_filled, is_taken) in [(false, false), (false, true), (true, false), (true, true)] {
        let input = match is_filled {
            true => StreamReader::new(&mut store, Fill(TEXT.to_vec())),
            false => StreamReader::new(&mut store, TEXT.to_vec().into_iter()),
        };
        let (output,) = bytes.call(&mut store, (input,)).unwrap();
        let (send, received) = mpsc::channel();
        match is_taken {
            true => output.pipe(&mut store, Take(send)),
            false => output.pipe(&mut store, Collect(send)),
        }
        store.run_until_idle().unwrap();
        let received: Vec<_> = received.iter().collect();
        assert_eq!(received.concat(), TEXT, "filled: {is_filled}, taken: {is_taken}");
        // No more than was asked for, and something each time.
        let max = if is_taken { 5 } else { 3 };
        assert!(received.iter().all(|part| (1..=max).contains(&part.len())), "{received:?}");
    }
}

#[test]
fn what_the_host_makes_and_reads_needs_no_guest() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let texts = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
    let (send, received) = mpsc::channel();
    StreamReader::new(&mut store, texts.into_iter()).pipe(&mut store, Collect(send));
    let (send, bytes) = mpsc::channel();
    StreamReader::new(&mut store, Fill(b"bytes".to_vec())).pipe(&mut store, Take(send));
    let (send, value) = mpsc::channel();
    FutureReader::new(&mut store, async { Ok(7_u32) }).pipe(&mut store, move |_, value| {
        send.send(value).unwrap();
        Ok(())
    });
    store.run_until_idle().unwrap();
    assert_eq!(received.iter().collect::<Vec<_>>(), [vec!["a", "b", "c"], vec!["d"]]);
    assert_eq!(bytes.iter().collect::<Vec<_>>(), [b"bytes"]);
    assert_eq!(value.iter().collect::<Vec<_>>(), [Some(7)]);

    // It carries what the first said who used it.
    let mut cx = store.as_context_mut();
    let any = cx.stream_new();
    assert!(cx.poll_read::<u32>(any, 1).is_pending());
    assert!(matches!(cx.poll_read::<u8>(any, 1), Poll::Ready(Err(_))));
    assert!(matches!(cx.poll_give(any, &mut vec![1_u8]), Poll::Ready(Err(_))));
    assert!(matches!(cx.poll_give(any, &mut Vec::<u32>::new()), Poll::Ready(Ok(Some(0)))));
    assert!(cx.poll_read::<u32>(any, 1).is_pending(), "nothing was written");
    assert!(matches!(cx.poll_give(any, &mut vec![1_u32, 2]), Poll::Ready(Ok(Some(2)))));
    assert!(matches!(cx.poll_read::<u32>(any, 1), Poll::Ready(Ok(Some(one))) if one == [1]));

    // A function that takes it says what it really is.
    let any = cx.stream_new();
    assert!(cx.poll_read::<u32>(any, 1).is_pending());
    let instance = Linker::new(&engine).instantiate(&mut store, &load(&engine, SAME)).unwrap();
    let same = instance.get_func(&store, "bytes").unwrap();
    same.call(&mut store, &[Val::Stream(any)], &mut [Val::Bool(false)]).unwrap();
    let mut cx = store.as_context_mut();
    assert!(matches!(cx.poll_write(any, &[1_u32]), Poll::Ready(Err(_))));
    assert!(cx.poll_write(any, &[1_u8]).is_pending());
}

#[test]
fn an_untyped_end_is_given_once() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &load(&engine, SAME)).unwrap();
    let same = instance.get_func(&store, "bytes").unwrap();
    let keep = instance.get_func(&store, "keep").unwrap();
    let new = |store: &mut Store<()>| {
        let input = StreamReader::new(&mut *store, vec![1_u8, 2].into_iter());
        let mut results = [Val::Bool(false)];
        same.call(store, &[Val::Stream(input.into())], &mut results).unwrap();
        let [Val::Stream(any)] = results else { panic!("{results:?}") };
        any
    };
    let (a, b) = (new(&mut store), new(&mut store));
    macro_rules! refused {
        ($x:expr, $y:expr, $why:literal) => {
            let error = keep.call(&mut store, &[Val::Stream($x), Val::Stream($y)], &mut []).unwrap_err();
            assert!(error.to_string().contains($why), "{error}");
        };
    }
    refused!(a, a, "the same call gives once more");
    keep.call(&mut store, &[Val::Stream(a), Val::Stream(b)], &mut []).unwrap();
    let c = new(&mut store);
    refused!(c, a, "given away before");

    // What the host has read and not taken would be lost.
    assert!(store.as_context_mut().poll_read::<u8>(c, 1).is_pending());
    store.run_until_idle().unwrap();
    assert!(matches!(store.as_context_mut().poll_read::<u8>(c, 1), Poll::Ready(Ok(Some(one))) if one == [1]));
    let d = new(&mut store);
    refused!(c, d, "not taken");
    assert!(matches!(store.as_context_mut().poll_read::<u8>(c, 1), Poll::Ready(Ok(Some(two))) if two == [2]));
    keep.call(&mut store, &[Val::Stream(c), Val::Stream(d)], &mut []).unwrap();
}

#[test]
fn typed_ends_are_checked_when_they_meet_a_function() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &load(&engine, SAME)).unwrap();
    macro_rules! refused {
        ($name:literal, $end:ty, $why:literal) => {
            let error = instance.get_typed_func::<($end,), ($end,)>(&store, $name).unwrap_err();
            assert!(error.to_string().contains($why), "{error}");
        };
    }
    refused!("bytes", StreamReader<u32>, "expected `u32` found `u8`");
    refused!("bytes", StreamReader<()>, "found `u8`");
    refused!("bytes", FutureReader<u8>, "expected `future` found `stream<u8>`");
    refused!("text", StreamReader<String>, "expected `stream` found `future<string>`");
    refused!("text", FutureReader<Vec<u8>>, "expected `list` found `string`");
    refused!("nothing", StreamReader<u8>, "expected a payload, found none");
    instance.get_typed_func::<(StreamReader<()>,), (StreamReader<()>,)>(&store, "nothing").unwrap();

    // What a host offers is checked when it is linked.
    let text = r#"(component (import "give" (func (result (stream u8)))))"#;
    let component = load(&engine, text);
    let mut linker = Linker::new(&engine);
    linker
        .root()
        .func_wrap("give", |mut store: StoreContextMut<'_, ()>, (): ()| Ok((store.stream::<u32>().1,)))
        .unwrap();
    let error = linker.instantiate(&mut store, &component).unwrap_err().to_string();
    assert!(error.contains("give") && error.contains("expected `u32` found `u8`"), "{error}");
}

#[test]
fn untyped_ends_become_typed_ones_of_what_they_carry() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &load(&engine, SAME)).unwrap();
    let same = instance.get_func(&store, "bytes").unwrap();
    let input = StreamReader::new(&mut store, vec![1_u8, 2].into_iter());
    let mut results = [Val::Bool(false)];
    same.call(&mut store, &[Val::Stream(input.into())], &mut results).unwrap();
    let [Val::Stream(any)] = results else { panic!("{results:?}") };
    assert!(StreamReader::<u32>::try_from_stream_any(&mut store, any).is_err());
    assert!(FutureReader::<u8>::try_from_future_any(&mut store, any).is_err());
    let mut output = StreamReader::<u8>::try_from_stream_any(&mut store, any).unwrap();
    assert!(output.poll_read(&mut store, 9).is_pending());
    store.run_until_idle().unwrap();
    assert!(matches!(output.poll_read(&mut store, 9), Poll::Ready(Ok(Some(all))) if all == [1, 2]));
}

#[test]
fn an_end_is_closed_once_and_as_what_it_is() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &load(&engine, SAME)).unwrap();
    let same = instance.get_func(&store, "bytes").unwrap();
    let keep = instance.get_func(&store, "keep").unwrap();
    let any = store.as_context_mut().stream_new();
    let other = store.as_context_mut().stream_new();
    keep.call(&mut store, &[Val::Stream(any), Val::Stream(other)], &mut []).unwrap();
    let mut cx = store.as_context_mut();
    // The readable end is the guest's, and not there to be read or closed.
    assert!(matches!(cx.poll_read::<u8>(any, 1), Poll::Ready(Err(_))));
    assert!(cx.close_readable(any).is_err());
    cx.close_writable(any).unwrap();
    assert!(cx.close_writable(any).is_err() && cx.close_readable(any).is_err());
    assert!(matches!(cx.poll_write(any, &[1_u8]), Poll::Ready(Err(_))));
    // The guest's end is still there: nothing has ended.
    let any = cx.stream_new();
    let mut results = [Val::Bool(false)];
    same.call(&mut store, &[Val::Stream(any)], &mut results).unwrap();
    let mut cx = store.as_context_mut();
    cx.close_readable(any).unwrap();
    assert!(cx.close_readable(any).is_err());
    assert!(matches!(cx.poll_write(any, &[1_u8]), Poll::Ready(Ok(None))));
    cx.close_writable(any).unwrap();
    assert!(cx.close_writable(any).is_err());
}

#[test]
fn who_does_not_read_any_more_is_handed_nothing() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let (mut writer, mut reader) = store.as_context_mut().stream::<u8>();
    let (mut filler, mut filled) = store.as_context_mut().stream::<u8>();
    assert!(reader.poll_read(&mut store, 1).is_pending() && filled.poll_read(&mut store, 1).is_pending());
    reader.close(&mut store).unwrap();
    filled.close(&mut store).unwrap();
    assert!(matches!(writer.poll_ready(&mut store), Poll::Ready(Ok(false))));
    let mut items = vec![1, 2];
    assert!(matches!(writer.poll_write(&mut store, &mut items), Poll::Ready(Ok(None))));
    assert_eq!(items, [1, 2]);
    let room = filler.poll_fill_bytes::<_, ()>(&mut store, |_| panic!("there is nobody to write to"));
    assert!(matches!(room, Poll::Ready(Ok(None))));
}

#[test]
fn what_the_host_hands_to_itself_is_paid_for() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    store.set_fuel(1_000).unwrap();
    let (mut writer, mut reader) = store.as_context_mut().stream::<u64>();
    assert!(reader.poll_read(&mut store, 1).is_pending());
    let mut items = vec![7; 1_600];
    assert!(matches!(writer.poll_write(&mut store, &mut items), Poll::Ready(Ok(Some(1_600)))));
    assert_eq!(store.fuel_left(), 1_000 - 8 * 1_600 / 16);
    assert!(matches!(reader.poll_read(&mut store, 2_000), Poll::Ready(Ok(Some(all))) if all.len() == 1_600));
    assert!(reader.poll_read(&mut store, 1).is_pending());
    let mut items = vec![7; 1_600];
    assert!(matches!(writer.poll_write(&mut store, &mut items), Poll::Ready(Err(_))));
    assert_eq!(items.len(), 1_600);
}

#[test]
fn an_end_of_another_type_is_refused_before_the_call_begins() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &load(&engine, SAME)).unwrap();
    let any = store.as_context_mut().stream_new();
    let mut results = [Val::Bool(false)];
    let nothing = instance.get_func(&store, "nothing").unwrap();
    nothing.call(&mut store, &[Val::Stream(any)], &mut results).unwrap();
    let bytes = instance.get_func(&store, "bytes").unwrap();
    let error = bytes.call(&mut store, &[Val::Stream(any)], &mut results).unwrap_err();
    assert!(error.to_string().contains("values of another type"), "{error}");
    // Typed calls take an end without its type as well.
    let bytes = instance.get_typed_func::<(ChannelAny,), (ChannelAny,)>(&store, "bytes").unwrap();
    let error = bytes.call(&mut store, (any,)).unwrap_err();
    assert!(error.to_string().contains("values of another type") && error.trap().is_none(), "{error}");
    nothing.call(&mut store, &[Val::Stream(any)], &mut results).unwrap();
    // What was given away is no argument either.
    let bytes = instance.get_typed_func::<(StreamReader<u8>,), (StreamReader<u8>,)>(&store, "bytes").unwrap();
    let mut input = StreamReader::new(&mut store, vec![1_u8].into_iter());
    let left = input.take();
    bytes.call(&mut store, (left,)).unwrap();
    assert!(bytes.call(&mut store, (input,)).unwrap_err().trap().is_none());
    assert!(store.run_until_idle().is_ok());
}

/// Reads once what it has just asked for, and gives up, and so with the future that comes with it.
const AT_ONCE: &str = r#"(component
    (type $st (stream u8))
    (type $ft (future u8))
    (import "open" (func $open (result (tuple $st $ft))))
    (core module $libc (memory (export "mem") 1))
    (core instance $libc (instantiate $libc))
    (core func $open (canon lower (func $open) (memory (core memory $libc "mem"))))
    (core func $read (canon stream.read $st async (memory (core memory $libc "mem"))))
    (core func $cancel (canon stream.cancel-read $st))
    (core func $end-read (canon future.read $ft async (memory (core memory $libc "mem"))))
    (core func $end-cancel (canon future.cancel-read $ft))
    (core module $m
        (import "" "mem" (memory 1))
        (import "" "open" (func $open (param i32)))
        (import "" "read" (func $read (param i32 i32 i32) (result i32)))
        (import "" "cancel" (func $cancel (param i32) (result i32)))
        (import "" "end-read" (func $end-read (param i32 i32) (result i32)))
        (import "" "end-cancel" (func $end-cancel (param i32) (result i32)))
        (func $once (result i32) (local $got i32)
            (local.set $got (call $read (i32.load (i32.const 0)) (i32.const 16) (i32.const 3)))
            (if (i32.eq (local.get $got) (i32.const -1)) (then
                (local.set $got (call $cancel (i32.load (i32.const 0))))))
            (local.get $got))
        (func (export "run") (result i32) (local $got i32)
            (call $open (i32.const 0))
            (local.set $got (call $once))
            ;; At the end of the stream, and what comes of that.
            (drop (call $once))
            (if (i32.eq (call $end-read (i32.load (i32.const 4)) (i32.const 32)) (i32.const -1)) (then
                (drop (call $end-cancel (i32.load (i32.const 4))))))
            (i32.add (i32.mul (local.get $got) (i32.const 1000)) (i32.load8_u (i32.const 32)))))
    (core instance $i (instantiate $m (with "" (instance
        (export "mem" (memory $libc "mem")) (export "open" (func $open)) (export "read" (func $read))
        (export "cancel" (func $cancel)) (export "end-read" (func $end-read))
        (export "end-cancel" (func $end-cancel))))))
    (func (export "run") (result u32) (canon lift (core func $i "run"))))"#;

#[test]
fn what_a_host_function_gives_is_there_at_once() {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    let open = |mut store: StoreContextMut<'_, ()>, (): ()| {
        let (stream, future) = (store.stream_new(), store.future_new());
        let mut bytes = vec![5_u8, 6, 7];
        store.spawn(move |mut store, _| {
            if !bytes.is_empty() {
                ready!(store.poll_write(stream, &bytes))?;
                bytes.clear();
            }
            // As files and sockets do: the end is told to who reads once more.
            ready!(store.poll_writable::<u8>(stream))?;
            store.close_writable(stream)?;
            store.resolve(future, 9_u8);
            Poll::Ready(Ok(()))
        });
        let stream = StreamReader::<u8>::try_from_stream_any(&mut store, stream)?;
        Ok(((stream, FutureReader::<u8>::try_from_future_any(&mut store, future)?),))
    };
    linker.root().func_wrap("open", open).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &load(&engine, AT_ONCE)).unwrap();
    let run = instance.get_typed_func::<(), (u32,)>(&store, "run").unwrap();
    assert_eq!(run.call(&mut store, ()).unwrap(), ((3 << 4) * 1_000 + 9,));
}

/// Has the host begin something of its own as many times as it is told.
const BEGINNER: &str = r#"(component
    (import "begin" (func $begin))
    (core func $begin (canon lower (func $begin)))
    (core module $m
        (import "" "begin" (func $begin))
        (func (export "run") (param $times i32)
            (loop $more
                (call $begin)
                (br_if $more (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))))
    (core instance $i (instantiate $m (with "" (instance (export "begin" (func $begin))))))
    (func (export "run") (param "times" u32) (canon lift (core func $i "run"))))"#;

#[test]
fn what_a_guest_has_its_host_do_in_the_background_is_bounded() {
    let engine = Engine::new(Features::default(), &Limits { tasks: 16, ..Limits::server() });
    let mut linker = Linker::new(&engine);
    let begin = |mut store: StoreContextMut<'_, ()>, (): ()| {
        store.spawn(|_, _| Poll::Pending);
        Ok(())
    };
    linker.root().func_wrap("begin", begin).unwrap();
    let component = load(&engine, BEGINNER);
    let run = |times: u32| {
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &component).unwrap();
        instance.get_typed_func::<(u32,), ()>(&store, "run").unwrap().call(&mut store, (times,))
    };
    run(64).unwrap();
    let error = run(65).unwrap_err();
    assert!(matches!(error.trap(), Some(Trap::Component(Rule::Tasks))), "{error}");
}
