//! Typed ends of streams and futures, in the host's hands.

use super::{PIPE, load};
use std::{
    sync::mpsc,
    task::{Context, Poll, ready},
};
use wasmote::{
    component::{
        AsContextMut, Engine, FutureReader, Lift, Linker, Store, StoreContextMut, StreamConsumer,
        StreamReader, StreamResult, Val,
    },
    engine::Fault,
};

/// Hands back what it is given, of several types.
const SAME: &str = r#"(component
    (type $bytes (stream u8))
    (type $nothing (stream))
    (type $text (future string))
    (core module $m (func (export "same") (param i32) (result i32) (local.get 0)))
    (core instance $m (instantiate $m))
    (func (export "bytes") (param "x" $bytes) (result $bytes) (canon lift (core func $m "same")))
    (func (export "nothing") (param "x" $nothing) (result $nothing) (canon lift (core func $m "same")))
    (func (export "text") (param "x" $text) (result $text) (canon lift (core func $m "same"))))"#;

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
