//! Rust functions as host functions, typed and dynamic, answering at once or waiting.

use crate::{
    Rule,
    component::{
        Val,
        abi::{LiftContext, LowerContext, Place},
        host::{Check, HostCall, HostFunction, HostPending},
        host_channel::GivenUp,
        store::{Cx, Inner, Store},
        ty::ComponentFunc,
        typed::{ComponentNamedList, Lift, Lower, LowerResult},
        types::{FuncTypeId, TypeDef, ValType},
    },
    engine::{Caller, Fault},
};
use alloc::{boxed::Box, string::String, sync::Arc, vec, vec::Vec};
use core::{
    marker::PhantomData,
    task::{Context, Poll},
};

/// A store, as a host function sees it.
pub struct StoreContextMut<'a, T: 'static>(pub(crate) Cx<'a, T>);

impl<T: Send + 'static> StoreContextMut<'_, T> {
    /// What the embedder keeps for this guest.
    #[must_use]
    pub fn data(&self) -> &T {
        &self.0.data().user
    }

    /// What the embedder keeps for this guest, to change.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.0.data_mut().user
    }

    /// The same store, for a shorter time.
    pub fn reborrow(&mut self) -> StoreContextMut<'_, T> {
        StoreContextMut(Caller::<'_, Inner<T>>::reborrow(&mut self.0))
    }

    /// Says something of the call under way to those who watch it: which grant it would have needed.
    pub fn note(&mut self, text: &'static str) {
        self.0.state_mut().note = Some(text);
    }

    /// Keeps something for the call of a host function that runs or is polled, until it is polled again: one thing, in
    /// place of what was kept before. It is dropped when the call returns or is given up.
    pub fn keep<K: Send + 'static>(&mut self, kept: K) {
        self.0.state_mut().kept = Some(Box::new(kept));
    }

    /// Takes what the call [kept](Self::keep) since it began, if that is a `K`.
    pub fn take_kept<K: Send + 'static>(&mut self) -> Option<K> {
        let kept = &mut self.0.state_mut().kept;
        kept.take_if(|kept| kept.is::<K>()).and_then(|kept| kept.downcast().ok()).map(|kept| *kept)
    }

    /// Charges `fuel` for work the host is about to do.
    ///
    /// # Errors
    ///
    /// When the budget does not cover it.
    pub fn charge(&mut self, fuel: u64) -> Result<(), Fault> {
        self.0.charge(fuel)
    }
}

impl<T: Send + 'static> StoreContextMut<'_, T> {
    /// Changes how many handles the store may have, all instances together.
    pub fn set_handles_max(&mut self, handles: u32) {
        self.0.state_mut().handles_max = handles;
    }
}

/// Asked at the end of each of the host's works what fuel that took besides what it charged.
pub(crate) type OwedHook<T> = Arc<dyn Fn(&mut T) -> u64 + Send + Sync>;

/// What linkers have asked in the stores they make instances in.
pub(crate) struct Hooks<T: 'static> {
    /// About time.
    pub(crate) idle: Vec<IdleHook<T>>,
    /// What host functions keep count of by themselves.
    pub(crate) owed: Vec<OwedHook<T>>,
}

impl<T: 'static> Default for Hooks<T> {
    fn default() -> Self {
        Self { idle: Vec::new(), owed: Vec::new() }
    }
}

impl<T: 'static> Clone for Hooks<T> {
    fn clone(&self) -> Self {
        Self { idle: self.idle.clone(), owed: self.owed.clone() }
    }
}

impl<T: 'static> Hooks<T> {
    /// Has asked besides what another linker says: each once, however many instances that makes.
    pub(crate) fn add(&mut self, others: &Self) {
        fn add<H: ?Sized>(to: &mut Vec<Arc<H>>, others: &[Arc<H>]) {
            for hook in others {
                if !to.iter().any(|known| Arc::ptr_eq(known, hook)) {
                    to.push(hook.clone());
                }
            }
        }
        add(&mut self.idle, &others.idle);
        add(&mut self.owed, &others.owed);
    }
}

/// Charges what the host's work that ends left to be charged.
pub(crate) fn settle<T: Send + 'static>(cx: &mut Cx<'_, T>) -> Result<(), Fault> {
    let Inner { user, state } = cx.data_mut();
    // Where it called another guest, that may have ended them all.
    if let Some(fault) = state.ended_by() {
        return Err(fault);
    }
    let fuel = state.hooks.owed.iter().fold(0_u64, |fuel, owed| fuel.saturating_add(owed(user)));
    cx.charge(fuel)
}

/// Asked about time: whether `deadline` has come. Where nothing else can go on (`may_wait`), it may let it come, or
/// have the context's waker woken when it does.
pub(crate) type IdleHook<T> =
    Arc<dyn Fn(StoreContextMut<'_, T>, &mut Context<'_>, u64, bool) -> Poll<()> + Send + Sync>;

impl<T: Send + 'static> StoreContextMut<'_, T> {
    /// Waits until `deadline`, in the measure of [`Linker::on_idle`](super::Linker::on_idle), which is asked when
    /// nothing else in the store can go on. For what is being polled: a host function, or a background task.
    pub fn poll_deadline(&mut self, deadline: u64) -> Poll<()> {
        let state = self.0.state_mut();
        if deadline <= state.reached {
            return Poll::Ready(());
        }
        state.polled_deadline = Some(state.polled_deadline.map_or(deadline, |known| known.min(deadline)));
        Poll::Pending
    }
}

/// Something that gives access to a store.
pub trait AsContextMut {
    /// What the store's embedder keeps in it.
    type Data: Send + 'static;

    /// The store, to change.
    fn as_context_mut(&mut self) -> StoreContextMut<'_, Self::Data>;

    /// The store itself, if this is no more than that: then no guest of it runs.
    #[doc(hidden)]
    fn as_store(&mut self) -> Option<&mut Store<Self::Data>> {
        None
    }
}

impl<T: Send + 'static> AsContextMut for Store<T> {
    type Data = T;

    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        StoreContextMut(self.cx())
    }

    fn as_store(&mut self) -> Option<&mut Self> {
        Some(self)
    }
}

impl<S: AsContextMut> AsContextMut for &mut S {
    type Data = S::Data;

    fn as_context_mut(&mut self) -> StoreContextMut<'_, S::Data> {
        (**self).as_context_mut()
    }

    fn as_store(&mut self) -> Option<&mut Store<S::Data>> {
        (**self).as_store()
    }
}

impl<T: Send + 'static> AsContextMut for StoreContextMut<'_, T> {
    type Data = T;

    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        self.reborrow()
    }
}

/// A typed function that answers at once.
pub(crate) struct Wrapped<F, P, R>(F, PhantomData<fn(P) -> R>);

impl<F, P, R> Wrapped<F, P, R> {
    pub(crate) fn new(function: F) -> Self {
        Self(function, PhantomData)
    }
}

/// Checks a Rust function's types against a component function's.
pub(crate) fn check_signature<P: ComponentNamedList, R: ComponentNamedList>(
    check: &Check<'_>,
    ty: FuncTypeId,
) -> Result<(), String> {
    let func = check.types.func(ty);
    let params: Vec<ValType> = func.params.iter().map(|(_, ty)| *ty).collect();
    P::check_list(check, &params)?;
    R::check_list(check, func.result.as_slice())
}

impl<T, F, P, R> HostFunction<T> for Wrapped<F, P, R>
where
    T: Send + 'static,
    F: Fn(StoreContextMut<'_, T>, P) -> Result<R, Fault> + Send + Sync + 'static,
    P: ComponentNamedList + Lift,
    R: LowerResult,
{
    fn call(&self, call: &mut HostCall<'_, '_, T>) -> Result<Option<Box<dyn HostPending<T>>>, Fault> {
        let params = call.lift(|cx, ty, from| P::lift(cx, ty, from))?;
        let result = (self.0)(StoreContextMut(call.cx.reborrow()), params)?;
        call.lower(|cx, ty, to| result.lower_result(cx, ty, to))?;
        Ok(None)
    }

    fn check(&self, check: &Check<'_>, ty: FuncTypeId) -> Result<(), String> {
        check_signature::<P, R>(check, ty)
    }
}

/// A typed function that may wait.
pub(crate) struct WrappedPoll<F, P, R>(Arc<F>, PhantomData<fn(P) -> R>);

impl<F, P, R> WrappedPoll<F, P, R> {
    pub(crate) fn new(function: Arc<F>) -> Self {
        Self(function, PhantomData)
    }
}

struct WaitingWrapped<F, P, R> {
    function: Arc<F>,
    params: P,
    result: PhantomData<fn() -> R>,
}

impl<T, F, P, R> HostFunction<T> for WrappedPoll<F, P, R>
where
    T: Send + 'static,
    F: Fn(StoreContextMut<'_, T>, &mut Context<'_>, &mut P) -> Poll<Result<R, Fault>> + Send + Sync + 'static,
    P: ComponentNamedList + Lift,
    R: LowerResult,
{
    fn call(&self, call: &mut HostCall<'_, '_, T>) -> Result<Option<Box<dyn HostPending<T>>>, Fault> {
        let mut params = call.lift(|cx, ty, from| P::lift(cx, ty, from))?;
        let waker = call.cx.waker();
        match (self.0)(StoreContextMut(call.cx.reborrow()), &mut Context::from_waker(&waker), &mut params) {
            Poll::Ready(result) => {
                let result = result?;
                call.lower(|cx, ty, to| result.lower_result(cx, ty, to))?;
                Ok(None)
            }
            Poll::Pending => Ok(Some(Box::new(WaitingWrapped {
                function: self.0.clone(),
                params,
                result: PhantomData::<fn() -> R>,
            }))),
        }
    }

    fn check(&self, check: &Check<'_>, ty: FuncTypeId) -> Result<(), String> {
        check_signature::<P, R>(check, ty)
    }
}

impl<T, F, P, R> HostPending<T> for WaitingWrapped<F, P, R>
where
    T: Send + 'static,
    F: Fn(StoreContextMut<'_, T>, &mut Context<'_>, &mut P) -> Poll<Result<R, Fault>> + Send + Sync + 'static,
    P: Lift,
    R: LowerResult,
{
    fn poll(&mut self, call: &mut HostCall<'_, '_, T>, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let polled = (self.function)(StoreContextMut(call.cx.reborrow()), cx, &mut self.params);
        polled.map(|result| {
            let result = result?;
            call.lower(|cx, ty, to| result.lower_result(cx, ty, to))
        })
    }

    fn give_up(&self, call: &mut GivenUp<'_, T>) {
        self.params.give_up(call);
    }
}

/// A dynamic function that answers at once.
pub(crate) struct Dynamic<F>(pub(crate) F);

/// Lifts a tuple of parameters as values.
pub(crate) fn lift_values<T: Send + 'static>(
    cx: &mut LiftContext<'_, '_, T>,
    tuple: ValType,
    from: Place,
) -> Result<Vec<Val>, Fault> {
    let (TypeDef::Tuple(types), _) = cx.def(tuple)? else { return Err(Rule::ValueType.into()) };
    let mut fields = cx.fields(tuple, from)?;
    types
        .iter()
        .map(|_| {
            let (ty, from) = fields.advance()?;
            Val::lift(cx, ty, from)
        })
        .collect()
}

/// Lowers values as a tuple of parameters.
pub(crate) fn lower_values<T: Send + 'static>(
    values: &[Val],
    cx: &mut LowerContext<'_, '_, T>,
    tuple: ValType,
    to: Place,
) -> Result<(), Fault> {
    let mut fields = cx.fields(tuple, to)?;
    values.iter().try_for_each(|value| {
        let (ty, to) = fields.advance()?;
        value.lower(cx, ty, to)
    })
}

fn lower_first<T: Send + 'static>(
    values: &[Val],
    cx: &mut LowerContext<'_, '_, T>,
    ty: Option<ValType>,
    to: Place,
) -> Result<(), Fault> {
    match (ty, values) {
        (None, []) => Ok(()),
        (Some(ty), [value]) => value.lower(cx, ty, to),
        _ => Err(Rule::ValueType.into()),
    }
}

impl<T, F> HostFunction<T> for Dynamic<F>
where
    T: Send + 'static,
    F: Fn(StoreContextMut<'_, T>, ComponentFunc, &[Val], &mut [Val]) -> Result<(), Fault>
        + Send
        + Sync
        + 'static,
{
    fn call(&self, call: &mut HostCall<'_, '_, T>) -> Result<Option<Box<dyn HostPending<T>>>, Fault> {
        let params = call.lift(lift_values)?;
        let count = usize::from(call.types.func(call.lowered.ty).result.is_some());
        let mut results = vec![Val::Bool(false); count];
        let ty = call.ty();
        (self.0)(StoreContextMut(call.cx.reborrow()), ty, &params, &mut results)?;
        call.lower(|cx, ty, to| lower_first(&results, cx, ty, to))?;
        Ok(None)
    }

    fn check(&self, _: &Check<'_>, _: FuncTypeId) -> Result<(), String> {
        Ok(())
    }
}

/// What a dynamic function does that may wait.
pub(crate) type PollValues<T> = dyn Fn(
        StoreContextMut<'_, T>,
        &mut Context<'_>,
        ComponentFunc,
        &mut Vec<Val>,
    ) -> Poll<Result<Vec<Val>, Fault>>
    + Send
    + Sync;

/// A dynamic function that may wait.
pub(crate) struct DynamicPoll<T: 'static>(pub(crate) Arc<PollValues<T>>);

struct WaitingDynamic<T: 'static> {
    function: Arc<PollValues<T>>,
    params: Vec<Val>,
}

impl<T: Send + 'static> HostFunction<T> for DynamicPoll<T> {
    fn call(&self, call: &mut HostCall<'_, '_, T>) -> Result<Option<Box<dyn HostPending<T>>>, Fault> {
        let params = call.lift(lift_values)?;
        Ok(Some(Box::new(WaitingDynamic { function: self.0.clone(), params })))
    }

    fn check(&self, _: &Check<'_>, _: FuncTypeId) -> Result<(), String> {
        Ok(())
    }
}

impl<T: Send + 'static> HostPending<T> for WaitingDynamic<T> {
    fn poll(&mut self, call: &mut HostCall<'_, '_, T>, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let ty = call.ty();
        let polled = (self.function)(StoreContextMut(call.cx.reborrow()), cx, ty, &mut self.params);
        polled.map(|results| {
            let results = results?;
            call.lower(|cx, ty, to| lower_first(&results, cx, ty, to))
        })
    }

    fn give_up(&self, call: &mut GivenUp<'_, T>) {
        self.params.give_up(call);
    }
}
