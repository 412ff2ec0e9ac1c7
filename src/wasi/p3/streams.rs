//! Streams between guests and what they were granted: pumps that run in the background.
//!
//! A pump moves bytes right between a guest's buffer and the capability, and only when both are there: what a guest does
//! not read is not fetched, and what a capability does not take the guest keeps. How it ended is told by a future beside
//! the stream. Dropping the stream ends a pump without an error; dropping the future changes nothing.

use crate::{
    component::{ChannelAny, ComponentType, FutureReader, Lower, StoreContextMut, StreamReader},
    engine::Fault,
};
use alloc::vec::Vec;
use core::task::{Context, Poll, ready};

/// Bytes that go into a guest.
pub(super) trait Source: Send + 'static {
    /// What the guest is told when it fails.
    type Error: Lower;

    /// Reads at most `bytes.len()` bytes, which is not 0; none is the end.
    fn poll_read(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<Result<usize, Self::Error>>;

    /// Waits until [`poll_read`](Self::poll_read) would not.
    fn poll_readable(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

/// Where bytes of a guest go.
pub(super) trait Sink: Send + 'static {
    /// What the guest is told when it fails.
    type Error: Lower;

    /// Writes some of `bytes`, at least one of them.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Self::Error>>;

    /// Whether others are to go on after each write.
    fn is_slow(&self) -> bool {
        false
    }

    /// After the last byte: waits until all are where they belong.
    fn poll_finish(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }
}

/// Elements other than bytes that go into a guest.
pub(super) trait Items: Send + 'static {
    /// One of them.
    type Item: Lower;
    /// What the guest is told when it fails.
    type Error: Lower;

    /// Some more of them, not none; `None` is the end.
    #[allow(clippy::type_complexity, reason = "a poll of a result of an option is what it is")]
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Vec<Self::Item>>, Self::Error>>;
}

/// How a stream ended.
pub(super) type Outcome<E> = FutureReader<Result<(), E>>;

/// After so many steps in a row a pump lets others go on.
const STEPS_MAX: u32 = 16;

/// A `stream<u8>` that brings what `source` has, and the future that says how it ended.
pub(super) fn from_source<T: Send + 'static, S: Source>(
    store: &mut StoreContextMut<'_, T>,
    mut source: S,
) -> (StreamReader<u8>, Outcome<S::Error>) {
    let (stream, future) = (store.stream_new(), store.future_new());
    store.spawn(move |mut store, cx| {
        let ended = ready!(poll_source(&mut store, cx, stream, &mut source))?;
        Poll::Ready(end(&mut store, stream, future, ended))
    });
    (StreamReader::of(stream), FutureReader::of(future))
}

/// Moves what it can; how it ended, when it did.
fn poll_source<T: Send + 'static, S: Source>(
    store: &mut StoreContextMut<'_, T>,
    cx: &mut Context<'_>,
    stream: ChannelAny,
    source: &mut S,
) -> Poll<Result<Result<(), S::Error>, Fault>> {
    for _ in 0..STEPS_MAX {
        let read = store.poll_fill_bytes(stream, |room| {
            if room.is_empty() {
                return source.poll_readable(cx).map(|()| (0, Ok(0)));
            }
            source.poll_read(cx, room).map(|read| (read.as_ref().map_or(0, |count| *count), read))
        });
        match ready!(read)? {
            None | Some(Ok(0)) => return Poll::Ready(Ok(Ok(()))),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Poll::Ready(Ok(Err(error))),
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Brings what comes through `stream` to `sink`: the future that says how it ended.
pub(super) fn into_sink<T: Send + 'static, S: Sink>(
    store: &mut StoreContextMut<'_, T>,
    stream: StreamReader<u8>,
    mut sink: S,
) -> Outcome<S::Error> {
    let (stream, future) = (ChannelAny::from(stream), store.future_new());
    let mut has_ended = false;
    store.spawn(move |mut store, cx| {
        let mut ended = Ok(());
        if !has_ended {
            ended = ready!(poll_sink(&mut store, cx, stream, &mut sink))?;
            has_ended = true;
        }
        if ended.is_ok() {
            ended = ready!(sink.poll_finish(cx));
        }
        Poll::Ready(end_reading(&mut store, stream, future, ended))
    });
    FutureReader::of(future)
}

/// Moves what it can; how it ended, when it did.
fn poll_sink<T: Send + 'static, S: Sink>(
    store: &mut StoreContextMut<'_, T>,
    cx: &mut Context<'_>,
    stream: ChannelAny,
    sink: &mut S,
) -> Poll<Result<Result<(), S::Error>, Fault>> {
    for _ in 0..STEPS_MAX {
        let written = store.poll_take_bytes(stream, |bytes| {
            sink.poll_write(cx, bytes).map(|written| (written.as_ref().map_or(0, |count| *count), written))
        });
        match ready!(written)? {
            None => return Poll::Ready(Ok(Ok(()))),
            Some(Ok(_)) if sink.is_slow() => break,
            Some(Ok(_)) => {}
            Some(Err(error)) => return Poll::Ready(Ok(Err(error))),
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// A stream that brings `items`, and the future that says how it ended.
pub(super) fn from_items<T: Send + 'static, I: Items>(
    store: &mut StoreContextMut<'_, T>,
    mut items: I,
) -> (StreamReader<I::Item>, Outcome<I::Error>) {
    let (stream, future) = (store.stream_new(), store.future_new());
    let mut ready: Vec<I::Item> = Vec::new();
    store.spawn(move |mut store, cx| {
        loop {
            if ready.is_empty() {
                // Not before somebody wants them: what is not read is not fetched.
                if !ready!(store.poll_writable::<I::Item>(stream))? {
                    return Poll::Ready(end(&mut store, stream, future, Ok::<(), I::Error>(())));
                }
                match ready!(items.poll_next(cx)) {
                    Ok(Some(next)) if !next.is_empty() => ready = next,
                    Ok(_) => return Poll::Ready(end(&mut store, stream, future, Ok::<(), I::Error>(()))),
                    Err(error) => return Poll::Ready(end(&mut store, stream, future, Err(error))),
                }
            }
            if ready!(store.poll_give(stream, &mut ready))?.is_none() {
                return Poll::Ready(end(&mut store, stream, future, Ok::<(), I::Error>(())));
            }
        }
    });
    (StreamReader::of(stream), FutureReader::of(future))
}

/// Ends a stream that the host writes, and tells how it ended.
fn end<T: Send + 'static, E: Lower>(
    store: &mut StoreContextMut<'_, T>,
    stream: ChannelAny,
    future: ChannelAny,
    ended: Result<(), E>,
) -> Result<(), Fault> {
    store.close_writable(stream)?;
    store.resolve(future, ended);
    Ok(())
}

/// Reads no more of a stream, and tells how it ended.
fn end_reading<T: Send + 'static, E: Lower>(
    store: &mut StoreContextMut<'_, T>,
    stream: ChannelAny,
    future: ChannelAny,
    ended: Result<(), E>,
) -> Result<(), Fault> {
    store.close_readable(stream)?;
    store.resolve(future, ended);
    Ok(())
}

/// A stream that is at its end already, and the future that says why.
pub(super) fn ended<T: Send + 'static, I: ComponentType, E: Lower>(
    store: &mut StoreContextMut<'_, T>,
    ended: Result<(), E>,
) -> Result<(StreamReader<I>, Outcome<E>), Fault> {
    let (stream, future) = (store.stream_new(), store.future_new());
    end(store, stream, future, ended)?;
    Ok((StreamReader::of(stream), FutureReader::of(future)))
}

/// The future that says why nothing of a guest's stream is read.
pub(super) fn end_at_once<T: Send + 'static, E: Lower>(
    store: &mut StoreContextMut<'_, T>,
    stream: ChannelAny,
    ended: Result<(), E>,
) -> Result<Outcome<E>, Fault> {
    let future = store.future_new();
    end_reading(store, stream, future, ended)?;
    Ok(FutureReader::of(future))
}
