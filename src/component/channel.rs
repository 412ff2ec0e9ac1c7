//! Streams and futures (`CanonicalABI.md`, "Buffer State", "Stream State", "Future State").
//!
//! Both are rendezvous: whoever comes first waits with its buffer, whoever comes second copies. What waits lies in
//! [`SharedChannel::pending`]; each end is a [`Waitable`](crate::component::waitable::Waitable) that remembers
//! its own buffer.

use crate::{
    Rule,
    component::{
        abi::{GuestOptions, Span, bytes, copy_elements, inside, is_aligned},
        definition::{Channel, End},
        host_task,
        store::{ChannelId, Cx, InstanceId, State, WaitableId},
        types::{TypeDef, Types, ValType},
        waitable::{Event, EventCode, Waitable, WaitableKind},
        wakeup::Interest,
    },
    engine::Fault,
};
use alloc::{boxed::Box, sync::Arc};
use core::any::{Any, TypeId};

/// The most elements of one operation (`Buffer.MAX_LENGTH`).
const LENGTH_MAX: u32 = (1 << 28) - 1;
/// What an operation answers that goes on in the background.
pub(crate) const BLOCKED: u64 = 0xffff_ffff;

/// How a copy ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CopyResult {
    Completed = 0,
    Dropped = 1,
    Cancelled = 2,
}

/// What an end is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CopyState {
    Idle,
    Copying,
    Cancelling,
    Done,
}

/// What a channel carries: a type, as an instance sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) view: InstanceId,
    pub(crate) ty: Option<ValType>,
}

/// A part of a guest's memory that is read into or written from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Buffer {
    pub(crate) options: GuestOptions,
    /// Where it starts; anywhere, if nothing can be in it.
    pub(crate) at: usize,
    pub(crate) progress: u32,
    pub(crate) length: u32,
}

impl Buffer {
    pub(crate) fn remain(&self) -> u32 {
        self.length - self.progress
    }

    /// Where the next of its elements is.
    pub(crate) fn next(&self, types: &Types, element: ValType) -> usize {
        self.at + self.progress as usize * self.options.layouts(types).size(element) as usize
    }
}

/// One end of a channel, in a guest's hands.
#[derive(Debug)]
pub(crate) struct CopyEnd {
    pub(crate) shared: ChannelId,
    pub(crate) end: End,
    pub(crate) state: CopyState,
    pub(crate) buffer: Option<Buffer>,
    /// How the copy ended, and whether the channel still holds on to the buffer until that is told.
    pub(crate) outcome: Option<(CopyResult, bool)>,
}

impl CopyEnd {
    pub(crate) fn new(shared: ChannelId, end: End) -> Self {
        Self { shared, end, state: CopyState::Idle, buffer: None, outcome: None }
    }
}

/// A stream or future.
#[derive(Debug)]
pub(crate) struct SharedChannel {
    pub(crate) channel: Channel,
    pub(crate) payload: Payload,
    /// The same type as the instance sees it that last used the channel.
    pub(crate) seen: Payload,
    /// The host made it, and has not given it to anyone: what it carries is not known yet.
    pub(crate) is_new: bool,
    /// The host has the readable end, which it can give away.
    pub(crate) host_reads: bool,
    /// The host has the writable end.
    pub(crate) host_writes: bool,
    /// A Rust type that was found to stand for its elements: that of the host's last look.
    pub(crate) carries: Option<TypeId>,
    /// One end is gone.
    pub(crate) dropped: bool,
    /// The guest's end that waits for the other.
    pub(crate) pending: Option<WaitableId>,
    /// What of the host's work is interested in each end.
    pub(crate) interest: [Interest; 2],
    /// The host has the readable end and wants something.
    pub(crate) asked: bool,
    /// What it got from a writable end that is the host's too: a `VecDeque` of elements, of which there are some. It is
    /// the same for bytes, which are written and read in more than one way.
    pub(crate) held: Option<Box<dyn Any + Send>>,
}

impl SharedChannel {
    pub(crate) fn new(channel: Channel, payload: Payload) -> Self {
        Self {
            channel,
            payload,
            seen: payload,
            is_new: false,
            host_reads: false,
            host_writes: false,
            carries: None,
            dropped: false,
            pending: None,
            interest: [Interest::new(), Interest::new()],
            asked: false,
            held: None,
        }
    }
}

impl<T: Send + 'static> State<T> {
    /// The end of a channel behind a handle.
    pub(crate) fn end_at(
        &self,
        instance: InstanceId,
        index: u32,
        channel: Channel,
        end: End,
    ) -> Result<(WaitableId, ChannelId), Fault> {
        let sort = match (channel, end) {
            (Channel::Stream, End::Readable) => "a readable end of a stream",
            (Channel::Stream, End::Writable) => "a writable end of a stream",
            (Channel::Future, End::Readable) => "a readable end of a future",
            (Channel::Future, End::Writable) => "a writable end of a future",
        };
        let id = self.waitable_at(instance, index, sort)?;
        match &self.waitables.get(id)?.kind {
            WaitableKind::End(found)
                if found.end == end && self.channels.get(found.shared)?.channel == channel =>
            {
                Ok((id, found.shared))
            }
            _ => Err(Rule::HandleSort(sort).into()),
        }
    }

    pub(crate) fn end_mut(&mut self, id: WaitableId) -> Result<&mut CopyEnd, Fault> {
        match &mut self.waitables.get_mut(id)?.kind {
            WaitableKind::End(end) => Ok(end),
            WaitableKind::Subtask(_) => Err(Fault::Trap(crate::bug!("an end of a channel is a subtask"))),
        }
    }

    pub(crate) fn buffer_of(&self, id: WaitableId) -> Result<Buffer, Fault> {
        match &self.waitables.get(id)?.kind {
            WaitableKind::End(CopyEnd { buffer: Some(buffer), .. }) => Ok(*buffer),
            _ => Err(Fault::Trap(crate::bug!("a pending end has no buffer"))),
        }
    }

    /// Refuses a channel that carries another type. Looking at a type the first time is paid for by its parts.
    pub(crate) fn check_payload(
        &mut self,
        shared: ChannelId,
        payload: Payload,
        types: &Types,
    ) -> Result<(), Fault> {
        let channel = self.channels.get(shared)?;
        if payload == channel.payload || payload == channel.seen {
            return Ok(());
        }
        let mut walked = 0;
        let same = self.carries(channel, payload, types, &mut walked);
        let kind = channel.channel;
        self.debt = self.debt.saturating_add(walked);
        if same {
            self.channels.get_mut(shared)?.seen = payload;
            return Ok(());
        }
        let what = if kind == Channel::Stream { "a stream of this type" } else { "a future of this type" };
        Err(Rule::HandleSort(what).into())
    }

    /// Whether a channel carries a type. What it came by is added to `walked`.
    pub(crate) fn carries(
        &self,
        channel: &SharedChannel,
        payload: Payload,
        types: &Types,
        walked: &mut u32,
    ) -> bool {
        let own = channel.payload;
        match (own.ty, payload.ty) {
            (None, None) => true,
            (Some(a), Some(b)) => {
                let other = self.instance(own.view).program.types();
                self.same_type((own.view, other, a), (payload.view, types, b), walked)
            }
            _ => false,
        }
    }

    /// Whether two types, each as its own instance sees it, are the same. As deep as types nest. What it came by is added
    /// to `walked`.
    pub(crate) fn same_type(
        &self,
        (left_view, left_types, left): (InstanceId, &Types, ValType),
        (right_view, right_types, right): (InstanceId, &Types, ValType),
        walked: &mut u32,
    ) -> bool {
        *walked = walked.saturating_add(1);
        if left_view == right_view && left == right {
            return true;
        }
        let (ValType::Def(left), ValType::Def(right)) = (left, right) else { return left == right };
        let mut same =
            |a, b| self.same_type((left_view, left_types, a), (right_view, right_types, b), walked);
        let mut same_option = |a: Option<ValType>, b: Option<ValType>| match (a, b) {
            (None, None) => true,
            (Some(a), Some(b)) => same(a, b),
            _ => false,
        };
        match (left_types.def(left), right_types.def(right)) {
            (TypeDef::Record(a), TypeDef::Record(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && same(a.1, b.1))
            }
            (TypeDef::Tuple(a), TypeDef::Tuple(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(*a, *b))
            }
            (TypeDef::Variant(a), TypeDef::Variant(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && same_option(a.1, b.1))
            }
            (TypeDef::Enum(a), TypeDef::Enum(b)) | (TypeDef::Flags(a), TypeDef::Flags(b)) => a == b,
            (TypeDef::Option(a), TypeDef::Option(b)) | (TypeDef::List(a), TypeDef::List(b)) => same(*a, *b),
            (TypeDef::Result(a, x), TypeDef::Result(b, y)) => same_option(*a, *b) && same_option(*x, *y),
            (TypeDef::FixedList(a, n), TypeDef::FixedList(b, m)) => n == m && same(*a, *b),
            (TypeDef::Map(a, x), TypeDef::Map(b, y)) => same(*a, *b) && same(*x, *y),
            (TypeDef::Own(a), TypeDef::Own(b)) | (TypeDef::Borrow(a), TypeDef::Borrow(b)) => {
                match (self.resource_of(left_view, *a), self.resource_of(right_view, *b)) {
                    (Ok(a), Ok(b)) => a == b,
                    _ => false,
                }
            }
            (TypeDef::Stream(a), TypeDef::Stream(b)) | (TypeDef::Future(a), TypeDef::Future(b)) => {
                same_option(*a, *b)
            }
            _ => false,
        }
    }

    /// Ends what an end has under way, to be told when it is asked for.
    pub(crate) fn finish_copy(
        &mut self,
        id: WaitableId,
        result: CopyResult,
        holds_buffer: bool,
    ) -> Result<(), Fault> {
        self.end_mut(id)?.outcome = Some((result, holds_buffer));
        self.set_event(id)
    }

    /// Tells how a copy ended (`stream_event`, `future_event`).
    pub(crate) fn take_copy_event(&mut self, id: WaitableId, index: u32) -> Result<Event, Fault> {
        let end = self.end_mut(id)?;
        let Some((result, holds_buffer)) = end.outcome.take() else {
            return Err(Fault::Trap(crate::bug!("a copy ended without a result")));
        };
        let (shared, side) = (end.shared, end.end);
        let progress = end.buffer.take().map_or(0, |buffer| buffer.progress);
        let shared = self.channels.get_mut(shared)?;
        if holds_buffer {
            shared.pending = None;
        }
        let channel = shared.channel;
        let done =
            result == CopyResult::Dropped || channel == Channel::Future && result == CopyResult::Completed;
        self.end_mut(id)?.state = if done { CopyState::Done } else { CopyState::Idle };
        let code = match (channel, side) {
            (Channel::Stream, End::Readable) => EventCode::StreamRead,
            (Channel::Stream, End::Writable) => EventCode::StreamWrite,
            (Channel::Future, End::Readable) => EventCode::FutureRead,
            (Channel::Future, End::Writable) => EventCode::FutureWrite,
        };
        let progress = if channel == Channel::Stream { progress << 4 } else { 0 };
        Ok(Event { code, index, payload: result as u32 | progress })
    }

    /// Ends whatever waits in the channel.
    pub(crate) fn notify_pending(&mut self, shared: ChannelId, result: CopyResult) -> Result<(), Fault> {
        match self.channels.get_mut(shared)?.pending.take() {
            Some(id) => self.finish_copy(id, result, false),
            None => Ok(()),
        }
    }

    /// One end of the channel is gone; the channel itself is, when both are.
    pub(crate) fn drop_shared(&mut self, shared: ChannelId) -> Result<(), Fault> {
        let channel = self.channels.get_mut(shared)?;
        if core::mem::replace(&mut channel.dropped, true) {
            self.channels.remove(shared);
            return Ok(());
        }
        self.mark_host(shared, End::Readable);
        self.mark_host(shared, End::Writable);
        self.notify_pending(shared, CopyResult::Dropped)
    }
}

/// `stream.new` and `future.new`: both ends, in one number.
pub(crate) fn new<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    instance: InstanceId,
    channel: Channel,
    ty: Option<ValType>,
) -> Result<u64, Fault> {
    let state = cx.state_mut();
    let payload = Payload { view: instance, ty };
    let shared = state.channels.add(SharedChannel::new(channel, payload));
    let mut end = |end| {
        let waitable = Waitable::new(instance, WaitableKind::End(CopyEnd::new(shared, end)));
        state.add_waitable(waitable).map(|(_, index)| u64::from(index))
    };
    Ok(end(End::Readable)? | end(End::Writable)? << 32)
}

/// `{stream,future}.{read,write}` up to where it may have to wait: the end, which then has an event or not.
pub(crate) fn copy<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    options: &GuestOptions,
    channel: Channel,
    end: End,
    ty: Option<ValType>,
    index: u32,
    span: Span,
) -> Result<WaitableId, Fault> {
    let instance = options.instance;
    let (id, shared) = cx.state().end_at(instance, index, channel, end)?;
    let program = cx.state().instance(instance).program.clone();
    let types = program.types();
    cx.state_mut().check_payload(shared, Payload { view: instance, ty }, types)?;
    let state = cx.state_mut();
    let in_set = state.waitables.get(id)?.set.is_some();
    match state.end_mut(id)?.state {
        CopyState::Idle => {}
        CopyState::Done => return Err(done_rule(channel, end).into()),
        CopyState::Copying | CopyState::Cancelling => return Err(Rule::ConcurrentCopy.into()),
    }
    if in_set && !options.is_async {
        return Err(Rule::SyncAndAsync.into());
    }
    let (at, length) = check_buffer(cx, types, options, ty, span)?;
    let state = cx.state_mut();
    let end_ = state.end_mut(id)?;
    end_.buffer = Some(Buffer { options: *options, at, progress: 0, length });
    end_.state = CopyState::Copying;
    rendezvous(cx, shared, id, end)?;
    meet_host(cx, shared, id, end)?;
    Ok(id)
}

/// Has the host's end meet a guest's right away, where it can: what is there is read without waiting, and what a guest
/// that asks but once and cancels then gets does not depend on when the host has its turn.
fn meet_host<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    shared: ChannelId,
    id: WaitableId,
    end: End,
) -> Result<(), Fault> {
    let channel = cx.state().channels.get(shared)?;
    let (is_hosts, other) = match end {
        End::Readable => (channel.host_writes, End::Writable),
        End::Writable => (channel.host_reads, End::Readable),
    };
    if !is_hosts || channel.pending != Some(id) {
        return Ok(());
    }
    let interest = channel.interest[other as usize].clone();
    host_task::poll_interested(cx, &interest)
}

/// What using an end that is done breaks.
fn done_rule(channel: Channel, end: End) -> Rule {
    Rule::EndDone(match (channel, end) {
        (Channel::Stream, End::Readable) => {
            "cannot read from stream after being notified that the writable end dropped"
        }
        (Channel::Stream, End::Writable) => {
            "cannot write to stream after being notified that the readable end dropped"
        }
        (Channel::Future, End::Readable) => "cannot read from future after previous read succeeded",
        (Channel::Future, End::Writable) => {
            "cannot write to future after previous write succeeded or readable end dropped"
        }
    })
}

/// Where a buffer starts and how many elements it has room for, checked.
fn check_buffer<T: Send + 'static>(
    cx: &Cx<'_, T>,
    types: &Types,
    options: &GuestOptions,
    ty: Option<ValType>,
    (at, length): Span,
) -> Result<(usize, u32), Fault> {
    let count = u32::try_from(length).ok().filter(|count| *count <= LENGTH_MAX).ok_or(Rule::CopyTooBig)?;
    let Some(ty) = ty.filter(|_| count > 0) else { return Ok((0, count)) };
    let layouts = options.layouts(types);
    if !is_aligned(at, layouts.align(ty)) {
        return Err(Rule::UnalignedPointer.into());
    }
    let size = length * u64::from(layouts.size(ty));
    Ok((inside(bytes(cx, options), at, size).ok_or(Rule::PointerOutOfBounds)?, count))
}

/// Meets the other end, if it waits, or waits for it (`SharedStreamImpl.read` and `write`, and the future's).
fn rendezvous<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    shared: ChannelId,
    id: WaitableId,
    end: End,
) -> Result<(), Fault> {
    let state = cx.state_mut();
    let channel = state.channels.get(shared)?;
    if channel.dropped {
        return state.finish_copy(id, CopyResult::Dropped, false);
    }
    let Some(other) = channel.pending else {
        state.channels.get_mut(shared)?.pending = Some(id);
        state.mark_host(shared, if end == End::Readable { End::Writable } else { End::Readable });
        return Ok(());
    };
    let (mine, theirs) = (state.buffer_of(id)?, state.buffer_of(other)?);
    let (kind, payload) = (channel.channel, channel.payload);
    if mine.options.instance == theirs.options.instance && !none_or_number(payload.ty) {
        return Err(Rule::IntraComponentCopy.into());
    }
    if kind == Channel::Stream && theirs.remain() == 0 {
        if end == End::Writable && mine.length == 0 && theirs.length == 0 {
            return state.finish_copy(id, CopyResult::Completed, false);
        }
        state.notify_pending(shared, CopyResult::Completed)?;
        state.channels.get_mut(shared)?.pending = Some(id);
        return Ok(());
    }
    let count = mine.remain().min(theirs.remain());
    if count > 0 {
        let (writer, reader) = if end == End::Writable { (id, other) } else { (other, id) };
        transfer(cx, payload, writer, reader, count)?;
        let state = cx.state_mut();
        if kind == Channel::Stream {
            state.finish_copy(other, CopyResult::Completed, true)?;
        } else {
            state.notify_pending(shared, CopyResult::Completed)?;
        }
    }
    cx.state_mut().finish_copy(id, CopyResult::Completed, false)
}

fn transfer<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    payload: Payload,
    writer: WaitableId,
    reader: WaitableId,
    count: u32,
) -> Result<(), Fault> {
    let (from, to) = (cx.state().buffer_of(writer)?, cx.state().buffer_of(reader)?);
    if let Some(ty) = payload.ty {
        let program: Arc<_> = cx.state().instance(payload.view).program.clone();
        let types = program.types();
        let (source, target) = (from.next(types, ty), to.next(types, ty));
        copy_elements(cx, types, payload.view, ty, (&from.options, source), (&to.options, target), count)?;
    }
    for id in [writer, reader] {
        if let Some(buffer) = &mut cx.state_mut().end_mut(id)?.buffer {
            buffer.progress += count;
        }
    }
    Ok(())
}

fn none_or_number(ty: Option<ValType>) -> bool {
    !matches!(
        ty,
        Some(ValType::Bool | ValType::Char | ValType::String | ValType::ErrorContext | ValType::Def(_))
    )
}

/// `{stream,future}.cancel-{read,write}` up to where it may have to wait: the end, which then has an event or not.
pub(crate) fn cancel<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    instance: InstanceId,
    channel: Channel,
    end: End,
    ty: Option<ValType>,
    is_async: bool,
    index: u32,
) -> Result<WaitableId, Fault> {
    let (id, shared) = cx.state().end_at(instance, index, channel, end)?;
    let program = cx.state().instance(instance).program.clone();
    cx.state_mut().check_payload(shared, Payload { view: instance, ty }, program.types())?;
    let state = cx.state_mut();
    let waitable = state.waitables.get(id)?;
    let (in_set, sync_waiter) = (waitable.set.is_some(), waitable.sync_waiter);
    match state.end_mut(id)?.state {
        CopyState::Copying if !sync_waiter => {}
        CopyState::Cancelling => return Err(Rule::CancellingCopy.into()),
        _ => return Err(Rule::NothingToCancel.into()),
    }
    if in_set && !is_async {
        return Err(Rule::SyncAndAsync.into());
    }
    let end = state.end_mut(id)?;
    end.state = CopyState::Cancelling;
    // What met the other end before, and could have gone on, tells how far it got as a cancelled copy.
    if let (Some((result @ CopyResult::Completed, true)), Some(buffer)) = (&mut end.outcome, &end.buffer)
        && buffer.remain() > 0
    {
        *result = CopyResult::Cancelled;
    }
    if !state.has_event(id) {
        state.notify_pending(shared, CopyResult::Cancelled)?;
    }
    Ok(id)
}

/// `{stream,future}.drop-{readable,writable}`.
pub(crate) fn drop_end<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    instance: InstanceId,
    channel: Channel,
    end: End,
    ty: Option<ValType>,
    index: u32,
) -> Result<(), Fault> {
    let (id, shared) = cx.state().end_at(instance, index, channel, end)?;
    let program = cx.state().instance(instance).program.clone();
    cx.state_mut().check_payload(shared, Payload { view: instance, ty }, program.types())?;
    let state = cx.state_mut();
    let what = if channel == Channel::Stream { "stream" } else { "future" };
    match (state.end_mut(id)?.state, channel, end) {
        (CopyState::Copying | CopyState::Cancelling, _, End::Readable) => {
            return Err(Rule::RemoveBusy(what).into());
        }
        (CopyState::Copying | CopyState::Cancelling, _, End::Writable) => {
            return Err(Rule::DropBusy(what).into());
        }
        (CopyState::Idle, Channel::Future, End::Writable) => return Err(Rule::FutureUnwritten.into()),
        _ => {}
    }
    state.join(id, None)?;
    state.remove_handle(instance, index)?;
    state.waitables.remove(id);
    let other = if end == End::Readable { End::Writable } else { End::Readable };
    let interest = state.channels.get(shared)?.interest[other as usize].clone();
    state.drop_shared(shared)?;
    host_task::poll_interested(cx, &interest)
}
