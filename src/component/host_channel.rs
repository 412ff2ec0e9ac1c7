//! The host's ends of streams and futures, and what the host does with them in the background.
//!
//! A host's end has no buffer: it meets a guest that waits with one, or it waits itself, by being polled again. So the
//! host never holds more of a stream than it asked for, however fast a guest writes.

use crate::{
    Error, Rule,
    component::{
        abi::{LiftContext, LowerContext, Place},
        channel::{CopyResult, Payload, PendingEnd, SharedChannel},
        definition::{Channel, End},
        handles::Lender,
        host::{self, Check},
        resource::ChannelAny,
        store::{ChannelId, Cx, InstanceId, State, Store, WaitableId},
        task::{self, Turn},
        typed::{ComponentType, Lift, Lower},
        types::{TypeDef, ValType},
        wrapped::StoreContextMut,
    },
    engine::Fault,
};
use alloc::{boxed::Box, string::String, vec::Vec};
use core::{
    mem,
    task::{Context, Poll, Waker},
};

/// Something the host does in the background, polled until it is done.
pub(crate) type HostTask<T> =
    Box<dyn FnMut(StoreContextMut<'_, T>, &mut Context<'_>) -> Poll<Result<(), Fault>> + Send>;

impl<T: Send + 'static> State<T> {
    /// Whether anything can still come from the host.
    pub(crate) fn host_waits(&self) -> bool {
        !self.host_calls.is_empty() || !self.host_tasks.is_empty()
    }

    /// The guest's end that waits in a channel, if it is the one for this, and how many elements it has room for or
    /// left to give.
    fn guest_end(&self, shared: ChannelId, end: End) -> Result<Option<(WaitableId, u32)>, Fault> {
        let Some(PendingEnd::Guest(id)) = self.channels.get(shared)?.pending else { return Ok(None) };
        let waits = self.waitables.get(id)?;
        match &waits.kind {
            super::waitable::WaitableKind::End(found) if found.end == end => {
                Ok(Some((id, self.buffer_of(id)?.remain())))
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
        let shared = SharedChannel { channel, payload, is_new: true, dropped: false, pending: None };
        ChannelAny(self.0.state_mut().channels.add(shared))
    }

    /// Takes up to `max` elements that a guest has ready: none (`Ok(None)`) when it dropped its end. It is pending while
    /// no guest writes; poll again after the guest has run.
    ///
    /// # Errors
    ///
    /// When the channel carries elements of another type, or an element is no value of its type.
    pub fn poll_read<E: Lift>(
        &mut self,
        channel: ChannelAny,
        max: usize,
    ) -> Poll<Result<Option<Vec<E>>, Fault>> {
        let cx = &mut self.0;
        check::<E, T>(cx, channel.0)?;
        let Some((id, remain)) = cx.state().guest_end(channel.0, End::Writable)? else {
            let dropped = cx.state().channels.get(channel.0)?.dropped;
            return if dropped { Poll::Ready(Ok(None)) } else { Poll::Pending };
        };
        let count = remain.min(u32::try_from(max).unwrap_or(u32::MAX));
        let items = lift_items(cx, channel.0, id, count)?;
        cx.state_mut().moved(channel.0, id, count)?;
        if count == 0 { Poll::Pending } else { Poll::Ready(Ok(Some(items))) }
    }

    /// Gives a guest as many elements as it has room for: how many those were, or none when it dropped its end. It is
    /// pending while no guest reads; poll again after the guest has run.
    ///
    /// # Errors
    ///
    /// When the channel carries elements of another type.
    pub fn poll_write<E: Lower>(
        &mut self,
        channel: ChannelAny,
        items: &[E],
    ) -> Poll<Result<Option<usize>, Fault>> {
        let cx = &mut self.0;
        let shared = cx.state().channels.get(channel.0)?;
        if shared.dropped {
            return Poll::Ready(Ok(None));
        }
        if shared.is_new {
            return Poll::Pending;
        }
        check::<E, T>(cx, channel.0)?;
        let Some((id, remain)) = cx.state().guest_end(channel.0, End::Readable)? else {
            return Poll::Pending;
        };
        let count = remain.min(u32::try_from(items.len()).unwrap_or(u32::MAX));
        lower_items(cx, channel.0, id, &items[..count as usize])?;
        cx.state_mut().moved(channel.0, id, count)?;
        if count == 0 { Poll::Pending } else { Poll::Ready(Ok(Some(count as usize))) }
    }

    /// Drops the host's end.
    ///
    /// # Errors
    ///
    /// When it was dropped before.
    pub fn close(&mut self, channel: ChannelAny) -> Result<(), Fault> {
        self.0.state_mut().drop_shared(channel.0)
    }

    /// Has the host do something in the background: polled whenever a call runs, until it is done.
    pub fn spawn(
        &mut self,
        task: impl FnMut(StoreContextMut<'_, T>, &mut Context<'_>) -> Poll<Result<(), Fault>> + Send + 'static,
    ) {
        self.0.state_mut().host_tasks.push(Box::new(task));
    }
}

impl<T: Send + 'static> Store<T> {
    /// Runs guests and the host's background tasks until nothing can go on without the embedder; whether it did
    /// anything.
    ///
    /// # Errors
    ///
    /// When a guest traps.
    pub fn run_until_idle(&mut self) -> Result<bool, Error> {
        self.check_alive()?;
        let mut ran = false;
        loop {
            let mut cx = self.cx();
            let polled = host::poll_all(&mut cx, Waker::noop())
                .and_then(|ready| Ok(ready | poll_tasks(&mut cx, Waker::noop())?))
                .and_then(|ready| Ok(ready | (task::turn(&mut cx)? != Turn::Idle)));
            match polled {
                Ok(true) => ran = true,
                Ok(false) => return Ok(ran),
                Err(fault) => {
                    self.state_mut().poisoned = true;
                    return Err(fault.into_error());
                }
            }
        }
    }
}

/// Polls the host's background tasks; whether one of them is done.
pub(crate) fn poll_tasks<T: Send + 'static>(cx: &mut Cx<'_, T>, waker: &Waker) -> Result<bool, Fault> {
    let mut tasks = mem::take(&mut cx.state_mut().host_tasks);
    let before = tasks.len();
    let mut ended = Ok(());
    tasks.retain_mut(|task| match task(StoreContextMut(cx.reborrow()), &mut Context::from_waker(waker)) {
        Poll::Pending => true,
        Poll::Ready(result) => {
            if ended.is_ok() {
                ended = result;
            }
            false
        }
    });
    let done = tasks.len() < before;
    // What they spawned comes after them.
    tasks.append(&mut cx.state_mut().host_tasks);
    cx.state_mut().host_tasks = tasks;
    ended.map(|()| done)
}

/// Refuses elements of another type than the channel carries.
fn check<E: ComponentType, T: Send + 'static>(cx: &Cx<'_, T>, shared: ChannelId) -> Result<(), Fault> {
    let state = cx.state();
    let payload = state.channels.get(shared)?.payload;
    let types = state.instance(payload.view).program.types();
    let implementor =
        |ix| state.resource_of(payload.view, ix).ok().map(|ty| state.resource_type(ty).implementor);
    let check = Check { types, implementor: &implementor };
    let fits = match payload.ty {
        Some(ty) => E::check(&check, ty),
        None if size_of::<E>() == 0 => Ok(()),
        None => Err(String::new()),
    };
    fits.map_err(|_| Rule::ValueType.into())
}

fn lift_items<E: Lift, T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    shared: ChannelId,
    id: WaitableId,
    count: u32,
) -> Result<Vec<E>, Fault> {
    let payload = cx.state().channels.get(shared)?.payload;
    let buffer = cx.state().buffer_of(id)?;
    let program = cx.state().instance(payload.view).program.clone();
    let types = program.types();
    let ty = payload.ty.unwrap_or(ValType::Bool);
    let size = payload.ty.map_or(0, |ty| types.size(ty));
    cx.state_mut().host_bytes = 0;
    let lender = Lender::default();
    let mut context =
        LiftContext { cx, types, view: payload.view, options: &buffer.options, flat: &[], lender };
    context.charge((count as usize).saturating_mul(size_of::<E>()))?;
    let start = buffer.at + buffer.progress * size;
    (0..count).map(|n| E::lift(&mut context, ty, Place::Memory(start + n * size))).collect()
}

fn lower_items<E: Lower, T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    shared: ChannelId,
    id: WaitableId,
    items: &[E],
) -> Result<(), Fault> {
    let payload = cx.state().channels.get(shared)?.payload;
    let buffer = cx.state().buffer_of(id)?;
    let program = cx.state().instance(payload.view).program.clone();
    let types = program.types();
    let ty = payload.ty.unwrap_or(ValType::Bool);
    let size = payload.ty.map_or(0, |ty| types.size(ty));
    cx.charge_moved(items.len().saturating_mul(size as usize))?;
    let lender = Lender::default();
    let mut context =
        LowerContext { cx, types, view: payload.view, options: &buffer.options, flat: &mut [], lender };
    let mut at = buffer.at + buffer.progress * size;
    items.iter().try_for_each(|item| {
        item.lower(&mut context, ty, Place::Memory(at))?;
        at = at.wrapping_add(size);
        Ok(())
    })
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
            TypeDef::Stream(payload) => cx.channel(Channel::Stream, payload, from).map(Self),
            TypeDef::Future(payload) => cx.channel(Channel::Future, payload, from).map(Self),
            _ => Err(Rule::ValueType.into()),
        }
    }
}

impl Lower for ChannelAny {
    fn lower<T: Send + 'static>(
        &self,
        cx: &mut LowerContext<'_, '_, T>,
        ty: ValType,
        to: Place,
    ) -> Result<(), Fault> {
        match *cx.def(ty)?.0 {
            TypeDef::Stream(payload) => cx.channel(self.0, Channel::Stream, payload, to),
            TypeDef::Future(payload) => cx.channel(self.0, Channel::Future, payload, to),
            _ => Err(Rule::ValueType.into()),
        }
    }
}
