//! Typed ends of streams and futures, in the host's hands.
//!
//! What a function takes or returns says which elements a stream carries, and is checked once, when it meets the
//! component. Underneath each is a [`ChannelAny`], which a [`Val`](crate::component::Val) holds.
//!
//! A host function that returns a stream, here to a guest that adds up what it reads:
//!
//! ```
//! use wasmote::{Limits, component::{Component, Engine, Features, Linker, Store, StoreContextMut, StreamReader}};
//!
//! let text = r#"(component
//!     (type $bytes (stream u8))
//!     (import "numbers" (func $numbers (param "to" u8) (result $bytes)))
//!     (core module $libc (memory (export "mem") 1))
//!     (core instance $libc (instantiate $libc))
//!     (core func $numbers (canon lower (func $numbers)))
//!     (core func $read (canon stream.read $bytes (memory (core memory $libc "mem"))))
//!     (core module $m
//!         (import "" "mem" (memory 1))
//!         (import "" "numbers" (func $numbers (param i32) (result i32)))
//!         (import "" "read" (func $read (param i32 i32 i32) (result i32)))
//!         (func (export "sum") (param $to i32) (result i32) (local $in i32) (local $sum i32)
//!             (local.set $in (call $numbers (local.get $to)))
//!             (loop $next
//!                 ;; One byte each time; no byte is the end of the stream.
//!                 (if (i32.shr_u (call $read (local.get $in) (i32.const 0) (i32.const 1)) (i32.const 4)) (then
//!                     (local.set $sum (i32.add (local.get $sum) (i32.load8_u (i32.const 0))))
//!                     (br $next))))
//!             (local.get $sum)))
//!     (core instance $m (instantiate $m (with "" (instance
//!         (export "mem" (memory $libc "mem")) (export "numbers" (func $numbers)) (export "read" (func $read))))))
//!     (func (export "sum") async (param "to" u8) (result u32) (canon lift (core func $m "sum"))))"#;
//! // What reads and waits for it in one is a proposal.
//! let engine = Engine::new(Features::all(), &Limits::server());
//! let component = Component::new(&engine, wat::parse_str(text)?)?;
//! let mut linker = Linker::new(&engine);
//! linker.root().func_wrap("numbers", |store: StoreContextMut<'_, ()>, (to,): (u8,)| {
//!     let numbers: Vec<u8> = (1..=to).collect();
//!     Ok((StreamReader::new(store, numbers.into_iter()),))
//! })?;
//! let mut store = Store::new(&engine, ());
//! let instance = linker.instantiate(&mut store, &component)?;
//! let sum = instance.get_typed_func::<(u8,), (u32,)>(&store, "sum")?;
//! assert_eq!(sum.call(&mut store, (20,))?, (210,));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A host that reads a guest's stream:
//!
//! ```
//! use std::{sync::mpsc, task::{Context, Poll, ready}};
//! use wasmote::{Limits, component::{Component, Engine, Features, Linker, Store, StoreContextMut}, engine::Fault};
//! use wasmote::component::{StreamConsumer, StreamReader, StreamResult};
//!
//! struct Printer(mpsc::Sender<String>);
//!
//! impl<D: Send + 'static> StreamConsumer<D> for Printer {
//!     type Item = String;
//!
//!     fn poll_consume(
//!         &mut self,
//!         _: &mut Context<'_>,
//!         store: StoreContextMut<'_, D>,
//!         source: &mut StreamReader<String>,
//!     ) -> Poll<Result<StreamResult, Fault>> {
//!         let Some(lines) = ready!(source.poll_read(store, 16))? else {
//!             return Poll::Ready(Ok(StreamResult::Dropped));
//!         };
//!         lines.into_iter().for_each(|line| self.0.send(line).expect("the receiver is there"));
//!         Poll::Ready(Ok(StreamResult::Completed))
//!     }
//! }
//!
//! let text = r#"(component
//!     (type $lines (stream string))
//!     (core module $libc (memory (export "mem") 1)
//!         (data (i32.const 0) "\10\00\00\00\03\00\00\00\13\00\00\00\03\00\00\00onetwo"))
//!     (core instance $libc (instantiate $libc))
//!     (core func $new (canon stream.new $lines))
//!     (core func $return (canon task.return (result $lines)))
//!     (core func $write (canon stream.write $lines (memory (core memory $libc "mem"))))
//!     (core func $close (canon stream.drop-writable $lines))
//!     (core module $m
//!         (import "" "new" (func $new (result i64)))
//!         (import "" "return" (func $return (param i32)))
//!         (import "" "write" (func $write (param i32 i32 i32) (result i32)))
//!         (import "" "close" (func $close (param i32)))
//!         (func (export "lines") (local $ends i64) (local $out i32)
//!             (local.set $ends (call $new))
//!             (local.set $out (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
//!             ;; The caller has its answer, and the guest goes on.
//!             (call $return (i32.wrap_i64 (local.get $ends)))
//!             (drop (call $write (local.get $out) (i32.const 0) (i32.const 2)))
//!             (call $close (local.get $out))))
//!     (core instance $m (instantiate $m (with "" (instance (export "new" (func $new))
//!         (export "return" (func $return)) (export "write" (func $write)) (export "close" (func $close))))))
//!     (func (export "lines") async (result $lines) (canon lift (core func $m "lines") async)))"#;
//! let engine = Engine::new(Features::all(), &Limits::server());
//! let component = Component::new(&engine, wat::parse_str(text)?)?;
//! let mut store = Store::new(&engine, ());
//! let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
//! let lines = instance.get_typed_func::<(), (StreamReader<String>,)>(&store, "lines")?;
//! let (stream,) = lines.call(&mut store, ())?;
//! let (send, receive) = mpsc::channel();
//! stream.pipe(&mut store, Printer(send));
//! store.run_until_idle()?;
//! assert_eq!(receive.iter().collect::<Vec<_>>(), ["one", "two"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::{
    Rule,
    component::{
        abi::{LiftContext, LowerContext, Place},
        definition::Channel,
        fits::Fitting,
        host::Check,
        host_channel::{self, GivenUp},
        resource::ChannelAny,
        typed::{ComponentType, Lift, Lower, check_case},
        types::{TypeDef, ValType},
        wrapped::{AsContextMut, StoreContextMut},
    },
    engine::Fault,
};
use alloc::{boxed::Box, string::String, vec, vec::Vec};
use core::{
    fmt,
    future::Future,
    marker::PhantomData,
    task::{Context, Poll, ready},
};

/// After so many steps in a row others go on.
const STEPS_MAX: u32 = 16;

/// The readable end of a `stream<E>`; of a `stream` without elements where `E` is `()`.
///
/// One that is given to a guest is the guest's from then on. One that is neither given away nor [closed](Self::close)
/// stays as long as its store does; one that a guest gave counts as a handle until then. What a call of a host function
/// still has among its arguments when its guest cancels it is closed, unless something else has read from it.
pub struct StreamReader<E>(ChannelAny, PhantomData<fn() -> E>);

/// The writable end of a `stream<E>`, which only the host has that made it.
pub struct StreamWriter<E>(ChannelAny, PhantomData<fn(E)>);

/// The readable end of a `future<E>`; of a `future` without a value where `E` is `()`.
///
/// One that is given to a guest is the guest's from then on. One that is neither given away nor [closed](Self::close)
/// stays as long as its store does; one that a guest gave counts as a handle until then. What a call of a host function
/// still has among its arguments when its guest cancels it is closed, unless something else has read from it.
pub struct FutureReader<E>(ChannelAny, PhantomData<fn() -> E>);

/// The writable end of a `future<E>`, which only the host has that made it.
pub struct FutureWriter<E>(ChannelAny, PhantomData<fn(E)>);

/// Whether a step of a producer or a consumer was not its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamResult {
    /// It goes on.
    Completed,
    /// It has ended: its end of the stream is closed.
    Dropped,
}

/// What a host writes into a stream, in the background, as fast as it is read.
pub trait StreamProducer<D: 'static>: Send + 'static {
    /// An element.
    type Item: Lower;

    /// Writes some elements, now that somebody wants to read. What it was pending for has to wake `cx`; what
    /// `destination` was pending for does by itself.
    ///
    /// # Errors
    ///
    /// What ends the guest.
    fn poll_produce(
        &mut self,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        destination: &mut StreamWriter<Self::Item>,
    ) -> Poll<Result<StreamResult, Fault>>;
}

/// What a host does with the elements of a stream, in the background, as fast as they are written.
pub trait StreamConsumer<D: 'static>: Send + 'static {
    /// An element.
    type Item: Lift;

    /// Reads some elements; after the last one it answers [`Dropped`](StreamResult::Dropped). What it was pending for
    /// has to wake `cx`; what `source` was pending for does by itself.
    ///
    /// # Errors
    ///
    /// What ends the guest.
    fn poll_consume(
        &mut self,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        source: &mut StreamReader<Self::Item>,
    ) -> Poll<Result<StreamResult, Fault>>;
}

/// The rest of a vector, and then the end.
impl<D: Send + 'static, E: Lower> StreamProducer<D> for vec::IntoIter<E> {
    type Item = E;

    fn poll_produce(
        &mut self,
        _: &mut Context<'_>,
        mut store: StoreContextMut<'_, D>,
        destination: &mut StreamWriter<E>,
    ) -> Poll<Result<StreamResult, Fault>> {
        if self.as_slice().is_empty() {
            return Poll::Ready(Ok(StreamResult::Dropped));
        }
        if store.is_asked(destination.0)? {
            let mut rest: Vec<E> = self.collect();
            return store.poll_give(destination.0, &mut rest).map_ok(|_| StreamResult::Dropped);
        }
        let Some(count) = ready!(store.poll_write(destination.0, self.as_slice()))? else {
            return Poll::Ready(Ok(StreamResult::Dropped));
        };
        self.by_ref().take(count).for_each(drop);
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

impl<T: Send + 'static> StoreContextMut<'_, T> {
    /// Makes a stream: the end that the host writes to, and the one to give to a guest.
    pub fn stream<E: ComponentType>(&mut self) -> (StreamWriter<E>, StreamReader<E>) {
        let stream = self.stream_new();
        (StreamWriter(stream, PhantomData), StreamReader(stream, PhantomData))
    }

    /// Makes a future: the end that the host writes to, and the one to give to a guest.
    pub fn future<E: ComponentType>(&mut self) -> (FutureWriter<E>, FutureReader<E>) {
        let future = self.future_new();
        (FutureWriter(future, PhantomData), FutureReader(future, PhantomData))
    }
}

impl<E: ComponentType> StreamReader<E> {
    /// A stream of what `producer` makes, when somebody reads it.
    pub fn new<S: AsContextMut>(mut store: S, mut producer: impl StreamProducer<S::Data, Item = E>) -> Self
    where
        E: Lower,
    {
        let mut store = store.as_context_mut();
        let (mut writer, reader) = store.stream();
        store.spawn(move |mut store, cx| {
            for _ in 0..STEPS_MAX {
                // Each reading gets what one step makes, and hears of the end when there is no more.
                let is_read = ready!(store.poll_wanted::<E>(writer.0))?;
                if !is_read
                    || ready!(producer.poll_produce(cx, store.reborrow(), &mut writer))?
                        == StreamResult::Dropped
                {
                    return Poll::Ready(writer.close(store));
                }
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        reader
    }

    /// Has `consumer` read all there is, in the background.
    pub fn pipe<S: AsContextMut>(mut self, mut store: S, mut consumer: impl StreamConsumer<S::Data, Item = E>)
    where
        E: Lift,
    {
        store.as_context_mut().spawn(move |mut store, cx| {
            for _ in 0..STEPS_MAX {
                if ready!(consumer.poll_consume(cx, store.reborrow(), &mut self))? == StreamResult::Dropped {
                    return Poll::Ready(self.close(store));
                }
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        });
    }

    /// Takes up to `max` elements that are ready: none (`Ok(None)`) when the other end is gone. See
    /// [`StoreContextMut::poll_read`].
    ///
    /// # Errors
    ///
    /// When an element is no value of its type, or this is a stream of another store.
    pub fn poll_read<S: AsContextMut>(
        &mut self,
        mut store: S,
        max: usize,
    ) -> Poll<Result<Option<Vec<E>>, Fault>>
    where
        E: Lift,
    {
        store.as_context_mut().poll_read(self.0, max)
    }
}

impl StreamReader<u8> {
    /// Lets `take` have the bytes that are ready, where they lie. See [`StoreContextMut::poll_take_bytes`].
    ///
    /// # Errors
    ///
    /// When this is a stream of another store.
    pub fn poll_take_bytes<S: AsContextMut, R>(
        &mut self,
        mut store: S,
        take: impl FnOnce(&[u8]) -> Poll<(usize, R)>,
    ) -> Poll<Result<Option<R>, Fault>> {
        store.as_context_mut().poll_take_bytes(self.0, take)
    }
}

impl<E: Lower> StreamWriter<E> {
    /// Waits until there is a reader to write to, and answers whether there still can be one.
    ///
    /// # Errors
    ///
    /// When this is a stream of another store.
    pub fn poll_ready<S: AsContextMut>(&mut self, mut store: S) -> Poll<Result<bool, Fault>> {
        store.as_context_mut().poll_writable::<E>(self.0)
    }

    /// Gives away elements from the front of `items`: how many those were, or none when nobody will read them. See
    /// [`StoreContextMut::poll_give`].
    ///
    /// # Errors
    ///
    /// When an element is no value of its type, or this is a stream of another store.
    pub fn poll_write<S: AsContextMut>(
        &mut self,
        mut store: S,
        items: &mut Vec<E>,
    ) -> Poll<Result<Option<usize>, Fault>> {
        store.as_context_mut().poll_give(self.0, items)
    }
}

impl StreamWriter<u8> {
    /// Lets `fill` write bytes right where their reader wants them. See [`StoreContextMut::poll_fill_bytes`].
    ///
    /// # Errors
    ///
    /// When this is a stream of another store.
    pub fn poll_fill_bytes<S: AsContextMut, R>(
        &mut self,
        mut store: S,
        fill: impl FnOnce(&mut [u8]) -> Poll<(usize, R)>,
    ) -> Poll<Result<Option<R>, Fault>> {
        store.as_context_mut().poll_fill_bytes(self.0, fill)
    }
}

impl<E> StreamWriter<E> {
    /// Drops this end: whoever reads has come to the end.
    ///
    /// # Errors
    ///
    /// When it was closed before, or this is a stream of another store.
    pub fn close<S: AsContextMut>(&mut self, mut store: S) -> Result<(), Fault> {
        store.as_context_mut().close_writable(self.0.take())
    }
}

impl<E: ComponentType> FutureReader<E> {
    /// A future whose value is what `producer` comes to, polled in the background.
    pub fn new<S: AsContextMut>(
        mut store: S,
        producer: impl Future<Output = Result<E, Fault>> + Send + 'static,
    ) -> Self
    where
        E: Lower,
    {
        let mut store = store.as_context_mut();
        let (writer, reader) = store.future();
        let (mut writer, mut producer) = (Some(writer), Box::pin(producer));
        store.spawn(move |mut store, cx| {
            let value = ready!(producer.as_mut().poll(cx))?;
            if let Some(writer) = writer.take() {
                writer.write(&mut store, value);
            }
            Poll::Ready(Ok(()))
        });
        reader
    }

    /// Has `consumer` have the value when there is one, in the background: `None`, if there will be none.
    pub fn pipe<S: AsContextMut>(
        mut self,
        mut store: S,
        consumer: impl FnOnce(StoreContextMut<'_, S::Data>, Option<E>) -> Result<(), Fault> + Send + 'static,
    ) where
        E: Lift,
    {
        let mut consumer = Some(consumer);
        store.as_context_mut().spawn(move |mut store, _| {
            let value = ready!(self.poll_read(&mut store))?;
            self.close(&mut store)?;
            Poll::Ready(consumer.take().map_or(Ok(()), |consumer| consumer(store, value)))
        });
    }

    /// Takes the value, once there is one: none (`Ok(None)`) when there will be none. It is pending until then; what is
    /// being polled is polled again.
    ///
    /// # Errors
    ///
    /// When it is no value of its type, or this is a future of another store.
    pub fn poll_read<S: AsContextMut>(&mut self, mut store: S) -> Poll<Result<Option<E>, Fault>>
    where
        E: Lift,
    {
        let read = store.as_context_mut().poll_read::<E>(self.0, 1);
        read.map_ok(|values| values.and_then(|values| values.into_iter().next()))
    }
}

impl<E: Lower> FutureWriter<E> {
    /// Writes the value, as soon as somebody reads it.
    pub fn write<S: AsContextMut>(self, mut store: S, value: E) {
        store.as_context_mut().resolve(self.0, value);
    }
}

macro_rules! reader {
    ($($reader:ident, $writer:ident, $channel:ident, $wit:literal, $from_any:ident;)*) => {
        $(impl<E: ComponentType> $reader<E> {
            /// The typed end for one that a [`Val`](crate::component::Val) held.
            ///
            /// # Errors
            ///
            /// When it carries elements of another type, or is of another store.
            pub fn $from_any<S: AsContextMut>(mut store: S, any: ChannelAny) -> Result<Self, Fault> {
                host_channel::check_any::<E, _>(&mut store.as_context_mut().0, any, Channel::$channel)?;
                Ok(Self(any, PhantomData))
            }

            /// The typed end for one that is known to carry that, or that is to.
            pub(crate) fn of(any: ChannelAny) -> Self {
                Self(any, PhantomData)
            }

            /// Takes this end out of a place that only lends it, as a function that may wait is lent its arguments.
            /// What is left there is an end of nothing.
            #[must_use]
            pub fn take(&mut self) -> Self {
                Self(self.0.take(), PhantomData)
            }

            /// Drops this end: whoever writes is told.
            ///
            /// # Errors
            ///
            /// When it is of another store, or of nothing.
            pub fn close<S: AsContextMut>(&mut self, mut store: S) -> Result<(), Fault> {
                store.as_context_mut().close_readable(self.take().0)
            }
        }

        impl<E> From<$reader<E>> for ChannelAny {
            fn from(reader: $reader<E>) -> Self {
                reader.0
            }
        }

        impl<E> fmt::Debug for $reader<E> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($reader)).field(&self.0.id).finish()
            }
        }

        impl<E> fmt::Debug for $writer<E> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($writer)).field(&self.0.id).finish()
            }
        }

        impl<E: ComponentType> ComponentType for $reader<E> {
            fn check(check: &Check<'_>, ty: ValType) -> Result<(), String> {
                match check.def(ty) {
                    Some(TypeDef::$channel(payload)) => check_case::<E>(check, *payload),
                    _ => Err(check.mismatch($wit, ty)),
                }
            }
        }

        impl<E: ComponentType> Lift for $reader<E> {
            fn lift<T: Send + 'static>(
                cx: &mut LiftContext<'_, '_, T>,
                ty: ValType,
                from: Place,
            ) -> Result<Self, Fault> {
                match *cx.def(ty)?.0 {
                    TypeDef::$channel(_) => ChannelAny::lift(cx, ty, from).map(|any| Self(any, PhantomData)),
                    _ => Err(Rule::ValueType.into()),
                }
            }

            fn give_up<T: Send + 'static>(&self, call: &mut GivenUp<'_, T>) {
                call.close(self.0);
            }
        }

        impl<E: ComponentType> Lower for $reader<E> {
            const HANDLES: bool = true;

            fn fits<T: Send + 'static>(&self, fitting: &mut Fitting<'_, T>, ty: ValType) -> Result<(), String> {
                fitting.end(self.0, ty)
            }

            fn lower<T: Send + 'static>(
                &self,
                cx: &mut LowerContext<'_, '_, T>,
                ty: ValType,
                to: Place,
            ) -> Result<(), Fault> {
                self.0.lower(cx, ty, to)
            }
        })*
    };
}

reader! {
    StreamReader, StreamWriter, Stream, "stream", try_from_stream_any;
    FutureReader, FutureWriter, Future, "future", try_from_future_any;
}
