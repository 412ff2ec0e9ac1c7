//! The host's ends of streams and futures, whatever they carry. `host_ends` has them typed.
//!
//! A host's end has no buffer: it meets a guest that waits with one, or it waits itself, by being polled again when the
//! guest does something. So the host never holds more of a stream than it asked for, however fast a guest writes. Where
//! the host has both ends, because a guest gave back what it was given, the writing one hands over only what the
//! reading one asked for.

use crate::{
    Rule, Trap,
    component::{
        abi::{LiftContext, LowerContext, Place, bytes, bytes_mut, slice, slice_mut},
        channel::{Buffer, CopyResult, Payload, SharedChannel},
        definition::{Channel, End},
        fits::Fitting,
        handles::Lender,
        host::Check,
        resource::ChannelAny,
        store::{ChannelId, Cx, InstanceId, State, WaitableId},
        typed::{ComponentType, Lift, Lower},
        types::{TypeDef, ValType},
        waitable::WaitableKind,
        wrapped::StoreContextMut,
    },
    engine::Fault,
};
use alloc::{boxed::Box, collections::VecDeque, string::String, vec, vec::Vec};
use core::{
    any::TypeId,
    task::{Poll, ready},
};

/// How many bytes of a stream are offered to one step of the host's work. Bounds what a step takes, not what a
/// stream moves.
const STEP_BYTES_MAX: u32 = 64 << 10;

/// What is said of a stream or future that is used with a store which it is not of.
pub(crate) const OTHER_STORE: &str = "the stream or future is of another store";

/// How many bytes the host hands over from an end of its own to another.
const HELD_BYTES_MAX: usize = 16 << 10;

impl<T: Send + 'static> State<T> {
    /// The channel that the embedder names: one of this store, which is not gone.
    pub(crate) fn named(&self, any: ChannelAny) -> Result<&SharedChannel, Fault> {
        if any.store != self.number {
            return Err(Trap::Host(OTHER_STORE).into());
        }
        self.channels.find(any.id).ok_or_else(|| Trap::Host("there is no such stream or future").into())
    }

    /// The channel that the embedder names as one it reads.
    fn read_by_host(&self, any: ChannelAny) -> Result<&SharedChannel, Fault> {
        let is_read = |channel: &&SharedChannel| channel.host_reads;
        Some(self.named(any)?).filter(is_read).ok_or_else(not_its_own)
    }

    /// The channel that the embedder names as one it writes.
    fn written_by_host(&self, any: ChannelAny) -> Result<&SharedChannel, Fault> {
        let is_written = |channel: &&SharedChannel| channel.host_writes;
        Some(self.named(any)?).filter(is_written).ok_or_else(not_its_own)
    }

    /// Notes that the host has a channel's readable end, which was a guest's. It counts as a handle as it did there, until
    /// the host gives it away or closes it; one that the host made, and no guest had, counts for nothing.
    pub(crate) fn channel_came(&mut self, shared: ChannelId) -> Result<ChannelAny, Fault> {
        self.channels.get_mut(shared)?.host_reads = true;
        self.handles = self.handles.saturating_add(1);
        Ok(ChannelAny { id: shared, store: self.number })
    }

    /// The guest's end that waits in a channel, if it is the one for this, with its buffer.
    fn guest_end(&self, shared: ChannelId, end: End) -> Result<Option<(WaitableId, Buffer)>, Fault> {
        let Some(id) = self.channels.get(shared)?.pending else { return Ok(None) };
        match &self.waitables.get(id)?.kind {
            WaitableKind::End(found) if found.end == end => {
                let buffer = self.buffer_of(id)?;
                // One that was filled waits to be told so.
                Ok((buffer.remain() > 0 || buffer.length == 0).then_some((id, buffer)))
            }
            _ => Ok(None),
        }
    }

    /// Notes that the host moved `count` elements, and lets the guest hear of it.
    fn moved(&mut self, shared: ChannelId, id: WaitableId, count: u32) -> Result<(), Fault> {
        if let Some(buffer) = &mut self.end_mut(id)?.buffer {
            buffer.progress += count;
        }
        match self.channels.get(shared)?.channel {
            Channel::Stream if count > 0 => self.finish_copy(id, CopyResult::Completed, true),
            _ => self.notify_pending(shared, CopyResult::Completed),
        }
    }

    /// Notes who is polled as the one interested in an end of a channel.
    fn interested(&mut self, shared: ChannelId, end: End) -> Result<(), Fault> {
        if let Some(interest) = &self.polling {
            self.channels.get_mut(shared)?.interest[end as usize] = interest.clone();
        }
        Ok(())
    }

    /// Has the host's end of a channel polled, now that the other end did something.
    pub(crate) fn mark_host(&mut self, shared: ChannelId, end: End) {
        let interest =
            self.channels.find(shared).and_then(|channel| channel.interest[end as usize].upgrade());
        if let Some(flag) = interest {
            flag.mark();
            self.marked = true;
        }
    }

    /// Drops the host's readable end: whoever writes is told.
    fn close_readable(&mut self, any: ChannelAny) -> Result<(), Fault> {
        let is_counted = !self.read_by_host(any)?.is_new;
        self.handles = self.handles.saturating_sub(is_counted.into());
        let closed = self.channels.get_mut(any.id)?;
        // Who was asked need not answer any more.
        (closed.host_reads, closed.asked, closed.held) = (false, false, None);
        self.drop_shared(any.id)
    }

    /// The host's readable end has nothing: it asks its writable end, if that is the host's too.
    fn ask(&mut self, shared: ChannelId) -> Result<(), Fault> {
        if !core::mem::replace(&mut self.channels.get_mut(shared)?.asked, true) {
            self.mark_host(shared, End::Writable);
        }
        Ok(())
    }

    /// The host's writable end hands something to its readable one, which asked for it.
    fn hold<E: Send + 'static>(&mut self, shared: ChannelId, items: Vec<E>) -> Result<(), Fault> {
        // Nothing is no answer: the readable end still waits.
        if items.is_empty() {
            return Ok(());
        }
        let channel = self.channels.get_mut(shared)?;
        channel.held = Some(Box::new(VecDeque::from(items)));
        channel.asked = false;
        self.mark_host(shared, End::Readable);
        // An embedder that reads between two runs is nobody to be polled, and is to hear that something was done.
        self.marked = true;
        Ok(())
    }

    /// What the host's readable end was handed and has not taken yet.
    fn held<E: 'static>(&mut self, shared: ChannelId) -> Result<Option<&mut VecDeque<E>>, Fault> {
        let Some(held) = &mut self.channels.get_mut(shared)?.held else { return Ok(None) };
        // It may have been written as values of another Rust type that stands for the same.
        Ok(Some(held.downcast_mut().ok_or(Rule::ValueType)?))
    }

    /// The host's readable end has taken all it was handed.
    fn emptied(&mut self, shared: ChannelId) -> Result<(), Fault> {
        self.channels.get_mut(shared)?.held = None;
        self.mark_host(shared, End::Writable);
        Ok(())
    }
}

/// The number of no call: of one that a guest was to answer, and was not let in.
pub(crate) const NO_CALL: u64 = 0;

/// A call of a host function that is given up, as its arguments see it: what they hold is nobody's from here on.
pub struct GivenUp<'s, T: 'static> {
    pub(crate) state: &'s mut State<T>,
    /// Its wakeup's number.
    pub(crate) call: u64,
}

impl<T: Send + 'static> GivenUp<'_, T> {
    /// Closes a typed readable end, if it still is the host's, and nothing but the call was seen to read from it. One of any
    /// type is a number that may have been copied to who reads from it later: that one stays, and counts.
    pub(crate) fn close(&mut self, any: ChannelAny) {
        let is_others = |channel: &SharedChannel| {
            let reader = channel.interest[End::Readable as usize].upgrade();
            reader.is_some_and(|reader| reader.number() != self.call)
        };
        if self.state.read_by_host(any).is_ok_and(|channel| !is_others(channel)) {
            // It is there, and the host's: this fails only where the store is at fault, which its next use says.
            let _ = self.state.close_readable(any);
        }
    }
}

/// What is said to a host of an end that it gave away, closed or never had.
fn not_its_own() -> Fault {
    Trap::Host("this end of the stream or future is not the host's").into()
}

impl<T: Send + 'static> StoreContextMut<'_, T> {
    /// Makes a stream of which the host keeps the writable end. What it carries, the function says that the readable
    /// end is first given to.
    pub fn stream_new(&mut self) -> ChannelAny {
        self.channel_new(Channel::Stream)
    }

    /// Makes a future of which the host keeps the writable end.
    pub fn future_new(&mut self) -> ChannelAny {
        self.channel_new(Channel::Future)
    }

    fn channel_new(&mut self, channel: Channel) -> ChannelAny {
        let payload = Payload { view: InstanceId(0), ty: None };
        let new = SharedChannel::new(channel, payload);
        let shared = SharedChannel { is_new: true, host_reads: true, host_writes: true, ..new };
        let state = self.0.state_mut();
        ChannelAny { id: state.channels.add(shared), store: state.number }
    }

    /// Takes up to `max` elements that are ready: none (`Ok(None)`) when the other end is gone. It is pending while
    /// nobody writes, even if `max` is 0; what is being polled is polled again when somebody does.
    ///
    /// # Errors
    ///
    /// When the channel carries elements of another type, an element is no value of its type, or the readable end is
    /// not the host's.
    pub fn poll_read<E: Lift>(
        &mut self,
        channel: ChannelAny,
        max: usize,
    ) -> Poll<Result<Option<Vec<E>>, Fault>> {
        let (cx, shared) = (&mut self.0, channel.id);
        cx.state().read_by_host(channel)?;
        check::<E, T>(cx, shared)?;
        let state = cx.state_mut();
        state.interested(shared, End::Readable)?;
        if let Some(held) = state.held::<E>(shared)? {
            if held.len() > max {
                return Poll::Ready(Ok(Some(held.drain(..max).collect())));
            }
            let items = core::mem::take(held).into();
            state.emptied(shared)?;
            return Poll::Ready(Ok(Some(items)));
        }
        let Some((id, buffer)) = state.guest_end(shared, End::Writable)? else {
            if state.channels.get(shared)?.dropped {
                return Poll::Ready(Ok(None));
            }
            state.ask(shared)?;
            return Poll::Pending;
        };
        let count = buffer.remain().min(u32::try_from(max).unwrap_or(u32::MAX));
        if count == 0 && buffer.length > 0 {
            // To ask for nothing takes nothing, and who writes goes on waiting (`SharedStreamImpl.read`).
            return Poll::Ready(Ok(Some(Vec::new())));
        }
        let items = lift_items(cx, shared, &buffer, count)?;
        cx.state_mut().moved(shared, id, count)?;
        if count == 0 { Poll::Pending } else { Poll::Ready(Ok(Some(items))) }
    }

    /// Gives a guest as many elements as it has room for: how many those were, or none when it dropped its end. It is
    /// pending while no guest reads, even if `items` is empty; what is being polled is polled again when one does. An end of the host's own is
    /// given nothing: see [`poll_give`](Self::poll_give).
    ///
    /// # Errors
    ///
    /// When the channel carries elements of another type.
    pub fn poll_write<E: Lower>(
        &mut self,
        channel: ChannelAny,
        items: &[E],
    ) -> Poll<Result<Option<usize>, Fault>> {
        let Some((id, buffer)) = ready!(self.writable::<E>(channel)?) else { return Poll::Ready(Ok(None)) };
        if items.is_empty() {
            // Who reads goes on waiting (`SharedStreamImpl.write`).
            return Poll::Ready(Ok(Some(0)));
        }
        let cx = &mut self.0;
        let count = buffer.remain().min(u32::try_from(items.len()).unwrap_or(u32::MAX));
        lower_items(cx, channel.id, &buffer, &items[..count as usize])?;
        cx.state_mut().moved(channel.id, id, count)?;
        if count == 0 { Poll::Pending } else { Poll::Ready(Ok(Some(count as usize))) }
    }

    /// Waits until there is a reader to write to, and answers whether there still can be one.
    ///
    /// # Errors
    ///
    /// When the channel carries elements of another type.
    pub fn poll_writable<E: Lower>(&mut self, channel: ChannelAny) -> Poll<Result<bool, Fault>> {
        if self.0.state().written_by_host(channel)?.asked {
            return Poll::Ready(Ok(true));
        }
        Poll::Ready(Ok(ready!(self.writable::<E>(channel)?).is_some()))
    }

    /// Whether the host itself reads what it is to write.
    pub(crate) fn is_asked(&mut self, channel: ChannelAny) -> Result<bool, Fault> {
        Ok(self.0.state().written_by_host(channel)?.asked)
    }

    /// Waits until there is a reader that has got nothing yet, and answers whether there still can be one.
    pub(crate) fn poll_wanted<E: Lower>(&mut self, channel: ChannelAny) -> Poll<Result<bool, Fault>> {
        if self.is_asked(channel)? {
            return Poll::Ready(Ok(true));
        }
        match ready!(self.writable::<E>(channel)?) {
            Some((_, buffer)) if buffer.progress > 0 => Poll::Pending,
            reader => Poll::Ready(Ok(reader.is_some())),
        }
    }

    /// Gives away elements from the front of `items`, as [`poll_write`](Self::poll_write) does, to whoever reads: all
    /// of them, where that is the host itself.
    ///
    /// # Errors
    ///
    /// When the channel carries elements of another type, the writable end is not the host's, or fuel does not cover it.
    pub fn poll_give<E: Lower>(
        &mut self,
        channel: ChannelAny,
        items: &mut Vec<E>,
    ) -> Poll<Result<Option<usize>, Fault>> {
        if self.0.state().written_by_host(channel)?.asked {
            check::<E, T>(&mut self.0, channel.id)?;
            let count = items.len();
            self.0.charge_moved(size_of_val(items.as_slice()))?;
            self.0.state_mut().hold(channel.id, core::mem::take(items))?;
            return Poll::Ready(Ok(Some(count)));
        }
        let given = ready!(self.poll_write(channel, items))?;
        drop(items.drain(..given.unwrap_or(0)));
        Poll::Ready(Ok(given))
    }

    /// Lets `take` have the bytes that are ready in a stream of them, where they lie: it answers how many it took, and
    /// what to hand on. `Ok(None)` when the other end is gone. It is pending while nobody writes, or `take` is.
    ///
    /// # Errors
    ///
    /// When the stream is not one of bytes.
    pub fn poll_take_bytes<R>(
        &mut self,
        channel: ChannelAny,
        take: impl FnOnce(&[u8]) -> Poll<(usize, R)>,
    ) -> Poll<Result<Option<R>, Fault>> {
        let (cx, shared) = (&mut self.0, channel.id);
        cx.state().read_by_host(channel)?;
        check::<u8, T>(cx, shared)?;
        let state = cx.state_mut();
        state.interested(shared, End::Readable)?;
        if let Some(held) = state.held::<u8>(shared)? {
            // In one piece, as only its front is ever taken away.
            let (count, answer) = ready!(take(held.make_contiguous()));
            drop(held.drain(..count.min(held.len())));
            if held.is_empty() {
                state.emptied(shared)?;
            }
            return Poll::Ready(Ok(Some(answer)));
        }
        let Some((id, buffer)) = state.guest_end(shared, End::Writable)? else {
            if state.channels.get(shared)?.dropped {
                return Poll::Ready(Ok(None));
            }
            state.ask(shared)?;
            return Poll::Pending;
        };
        if buffer.length == 0 {
            state.moved(shared, id, 0)?;
            return Poll::Pending;
        }
        let at = buffer.at + buffer.progress as usize;
        let length = buffer.remain().min(STEP_BYTES_MAX) as usize;
        let ready = slice(bytes(cx, &buffer.options), at, length, Rule::PointerOutOfBounds)?;
        let (count, answer) = ready!(take(ready));
        self.bytes_moved(shared, id, count.min(length))?;
        Poll::Ready(Ok(Some(answer)))
    }

    /// Lets `fill` write into a stream of bytes, right where its reader wants them: it answers how many it wrote, and
    /// what to hand on. It is given no room at all where the reader only asks whether there is something. `Ok(None)`
    /// when the other end is gone. It is pending while nobody reads, or `fill` is.
    ///
    /// # Errors
    ///
    /// When the stream is not one of bytes.
    pub fn poll_fill_bytes<R>(
        &mut self,
        channel: ChannelAny,
        fill: impl FnOnce(&mut [u8]) -> Poll<(usize, R)>,
    ) -> Poll<Result<Option<R>, Fault>> {
        let shared = channel.id;
        if self.0.state().written_by_host(channel)?.asked {
            check::<u8, T>(&mut self.0, shared)?;
            let mut held = vec![0; HELD_BYTES_MAX];
            let (count, answer) = ready!(fill(&mut held));
            held.truncate(count);
            if count > 0 {
                self.0.charge_moved(count)?;
                self.0.state_mut().hold(shared, held)?;
            }
            return Poll::Ready(Ok(Some(answer)));
        }
        let Some((id, buffer)) = ready!(self.writable::<u8>(channel)?) else { return Poll::Ready(Ok(None)) };
        let at = buffer.at + buffer.progress as usize;
        let length = buffer.remain().min(STEP_BYTES_MAX) as usize;
        let room = bytes_mut(&mut self.0, &buffer.options);
        let room = if length == 0 { &mut [] } else { slice_mut(room, at, length, Rule::PointerOutOfBounds)? };
        let (count, answer) = ready!(fill(room));
        if length == 0 {
            self.0.state_mut().moved(shared, id, 0)?;
            return Poll::Pending;
        }
        self.bytes_moved(shared, id, count.min(length))?;
        Poll::Ready(Ok(Some(answer)))
    }

    /// Writes the value of a future, as soon as somebody reads it, and drops the host's end.
    pub fn resolve<E: Lower>(&mut self, future: ChannelAny, value: E) {
        let mut value = vec![value];
        self.spawn(move |mut cx, _| {
            ready!(cx.poll_give(future, &mut value))?;
            Poll::Ready(cx.close_writable(future))
        });
    }

    /// Drops the readable end: whoever writes is told. What was handed over and not taken is lost.
    ///
    /// # Errors
    ///
    /// When it is not the host's: dropped, given away, or never had.
    pub fn close_readable(&mut self, channel: ChannelAny) -> Result<(), Fault> {
        self.0.state_mut().close_readable(channel)
    }

    /// Drops the writable end: whoever reads has come to the end.
    ///
    /// # Errors
    ///
    /// When it is not the host's: dropped, or never had.
    pub fn close_writable(&mut self, channel: ChannelAny) -> Result<(), Fault> {
        let state = self.0.state_mut();
        state.written_by_host(channel)?;
        state.channels.get_mut(channel.id)?.host_writes = false;
        state.drop_shared(channel.id)
    }

    /// The guest's end that reads, if its channel is still there.
    fn writable<E: ComponentType>(
        &mut self,
        any: ChannelAny,
    ) -> Result<Poll<Option<(WaitableId, Buffer)>>, Fault> {
        let (state, shared) = (self.0.state_mut(), any.id);
        state.written_by_host(any)?;
        state.interested(shared, End::Writable)?;
        let channel = state.channels.get(shared)?;
        if channel.dropped {
            return Ok(Poll::Ready(None));
        }
        if channel.is_new {
            return Ok(Poll::Pending);
        }
        check::<E, T>(&mut self.0, shared)?;
        let end = self.0.state().guest_end(shared, End::Readable)?;
        Ok(end.map_or(Poll::Pending, |end| Poll::Ready(Some(end))))
    }

    fn bytes_moved(&mut self, shared: ChannelId, id: WaitableId, count: usize) -> Result<(), Fault> {
        self.0.charge_moved(count)?;
        match u32::try_from(count) {
            Ok(0) | Err(_) => Ok(()),
            Ok(count) => self.0.state_mut().moved(shared, id, count),
        }
    }
}

/// Refuses a channel of another kind, or with elements of another type.
pub(crate) fn check_any<E: ComponentType, T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    any: ChannelAny,
    kind: Channel,
) -> Result<(), Fault> {
    let channel = cx.state().read_by_host(any)?;
    if channel.channel != kind {
        return Err(Rule::ValueType.into());
    }
    // What one carries that the host just made, nobody said yet.
    if channel.is_new { Ok(()) } else { check::<E, T>(cx, any.id) }
}

/// Refuses elements of another type than the channel carries.
fn check<E: ComponentType, T: Send + 'static>(cx: &mut Cx<'_, T>, shared: ChannelId) -> Result<(), Fault> {
    let state = cx.state();
    let channel = state.channels.get(shared)?;
    let payload = channel.payload;
    match channel.carries {
        Some(carried) if carried == TypeId::of::<E>() => return Ok(()),
        // No guest has seen it, and it has no type but what the host took it for first.
        Some(_) if channel.is_new => return Err(Rule::ValueType.into()),
        None if channel.is_new => {
            cx.state_mut().channels.get_mut(shared)?.carries = Some(TypeId::of::<E>());
            return Ok(());
        }
        _ => {}
    }
    let program = &state.instance(payload.view).program;
    let implementor =
        |ix| state.resource_of(payload.view, ix).ok().map(|ty| state.resource_type(ty).implementor);
    let check = Check { types: program.types(), implementor: &implementor };
    let fits = match payload.ty {
        Some(ty) => program.checked().value::<E>(&check, ty),
        None if TypeId::of::<E>() == TypeId::of::<()>() => Ok(()),
        None => Err(String::new()),
    };
    fits.map_err(|_| Rule::ValueType)?;
    cx.state_mut().channels.get_mut(shared)?.carries = Some(TypeId::of::<E>());
    Ok(())
}

fn lift_items<E: Lift, T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    shared: ChannelId,
    buffer: &Buffer,
    count: u32,
) -> Result<Vec<E>, Fault> {
    let payload = cx.state().channels.get(shared)?.payload;
    let program = cx.state().instance(payload.view).program.clone();
    let types = program.types();
    cx.state_mut().host_bytes = 0;
    let lender = Lender::default();
    let mut context =
        LiftContext { cx, types, view: payload.view, options: &buffer.options, flat: &[], lender };
    context.charge((count as usize).saturating_mul(size_of::<E>()))?;
    match payload.ty {
        Some(ty) => E::lift_elements(&mut context, ty, buffer.next(types, ty), count),
        None => (0..count).map(|_| E::lift(&mut context, ValType::Bool, Place::Memory(buffer.at))).collect(),
    }
}

fn lower_items<E: Lower, T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    shared: ChannelId,
    buffer: &Buffer,
    items: &[E],
) -> Result<(), Fault> {
    let payload = cx.state().channels.get(shared)?.payload;
    let program = cx.state().instance(payload.view).program.clone();
    let types = program.types();
    // Without a type the elements are nothing, and there is nowhere to put them.
    let Some(ty) = payload.ty else { return Ok(()) };
    let size = buffer.options.layouts(types).size(ty);
    cx.charge_moved(items.len().saturating_mul(size as usize))?;
    let lender = Lender::default();
    let mut context =
        LowerContext { cx, types, view: payload.view, options: &buffer.options, flat: &mut [], lender };
    E::lower_elements(items, &mut context, ty, buffer.next(types, ty))
}

impl ComponentType for ChannelAny {
    fn check(check: &Check<'_>, ty: ValType) -> Result<(), String> {
        match check.def(ty) {
            Some(TypeDef::Stream(_) | TypeDef::Future(_)) => Ok(()),
            _ => Err(check.mismatch("stream or future", ty)),
        }
    }
}

impl Lift for ChannelAny {
    fn lift<T: Send + 'static>(
        cx: &mut LiftContext<'_, '_, T>,
        ty: ValType,
        from: Place,
    ) -> Result<Self, Fault> {
        match *cx.def(ty)?.0 {
            TypeDef::Stream(payload) => cx.channel(Channel::Stream, payload, from),
            TypeDef::Future(payload) => cx.channel(Channel::Future, payload, from),
            _ => Err(Rule::ValueType.into()),
        }
    }
}

impl Lower for ChannelAny {
    const HANDLES: bool = true;

    fn fits<T: Send + 'static>(&self, fitting: &mut Fitting<'_, T>, ty: ValType) -> Result<(), String> {
        match fitting.def(ty) {
            Some(TypeDef::Stream(payload)) => fitting.channel(*self, Channel::Stream, *payload),
            Some(TypeDef::Future(payload)) => fitting.channel(*self, Channel::Future, *payload),
            _ => Ok(()),
        }
    }

    fn lower<T: Send + 'static>(
        &self,
        cx: &mut LowerContext<'_, '_, T>,
        ty: ValType,
        to: Place,
    ) -> Result<(), Fault> {
        match *cx.def(ty)?.0 {
            TypeDef::Stream(payload) => cx.channel(*self, Channel::Stream, payload, to),
            TypeDef::Future(payload) => cx.channel(*self, Channel::Future, payload, to),
            _ => Err(Rule::ValueType.into()),
        }
    }
}
