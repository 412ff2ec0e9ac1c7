//! Instances and their functions, as an embedder calls them.

use crate::{
    Error, Rule, Trap,
    component::{
        Val,
        abi::{LiftContext, LowerContext, Place},
        call::{self, Arguments, HostLift},
        describe, direct, fits,
        host::Check,
        load::Component,
        passed_on::{self, Waiting},
        rest::drive,
        store::{ExportsId, FuncId, FuncInst, InstanceId, Item, State, Store, TaskId, ThreadId},
        task::{self, Caller, Turn},
        typed::{ComponentNamedList, Lift, LiftResult, Lower},
        types::{FuncTypeId, ItemType, ResourceIx, ValType},
        within,
        wrapped::{AsContextMut, lower_values},
    },
    engine::Fault,
};
use alloc::{boxed::Box, format, string::String, sync::Arc};
use core::{
    any::Any,
    fmt,
    future::{Future, poll_fn},
    marker::PhantomData,
    mem,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// A component that was instantiated in a store.
#[derive(Clone, Debug)]
pub struct Instance {
    pub(crate) exports: ExportsId,
    pub(crate) component: Component,
    pub(crate) instance: InstanceId,
    /// The number of its store.
    pub(crate) store: u32,
}

impl Instance {
    /// The names of what it exports.
    pub fn exports(&self) -> impl Iterator<Item = &str> {
        self.component.export_names()
    }

    /// The exported function `name`; of an exported instance, as `instance#name`. An instance is found by names of
    /// compatible versions too: one that the component exports as `a:b/c@0.2.3` as `a:b/c@0.2.12`.
    ///
    /// # Errors
    ///
    /// When there is no function of this name, or the instance is of another store.
    pub fn get_func<T: Send + 'static>(&self, store: &Store<T>, name: &str) -> Result<Func, Error> {
        store.state().check_number(self.store)?;
        let missing = || Error::export(name, "there is no function of this name");
        let (path, function) = match name.rsplit_once('#') {
            Some((instance, function)) => (Some(self.component.export_name(instance)), function),
            None => (None, name),
        };
        let state = store.state();
        let mut exports = self.exports;
        let types = self.component.loaded.types();
        let mut ty = match path {
            None => self.component.export_type(function),
            Some(instance) => self.component.export_type(instance),
        };
        if let Some(instance) = path {
            match state.export(exports, instance) {
                Some(Item::Instance(inner)) => exports = *inner,
                _ => return Err(missing()),
            }
            let Some(ItemType::Instance(items)) = ty else { return Err(missing()) };
            let items = &types.instances[items as usize];
            ty = items.iter().find(|(known, _)| &**known == function).map(|(_, ty)| *ty);
        }
        match (state.export(exports, function), ty) {
            (Some(Item::Func(func)), Some(ItemType::Func(ty))) => {
                let Self { component, instance, store, .. } = self.clone();
                Ok(Func { func: *func, ty, component, instance, store })
            }
            _ => Err(missing()),
        }
    }

    /// The exported function `name`, with Rust types for its parameters and its result.
    ///
    /// # Errors
    ///
    /// When there is no function of this name, or of another type, and when the instance is of another store.
    pub fn get_typed_func<P, R>(
        &self,
        store: &Store<impl Send + 'static>,
        name: &str,
    ) -> Result<TypedFunc<P, R>, Error>
    where
        P: ComponentNamedList + Lower,
        R: LiftResult,
    {
        self.get_func(store, name)?.typed(store)
    }
}

/// A component function in a store.
#[derive(Clone, Debug)]
pub struct Func {
    pub(super) func: FuncId,
    /// Its type, as the component exports it.
    pub(super) ty: FuncTypeId,
    pub(super) component: Component,
    pub(super) instance: InstanceId,
    /// The number of its store.
    pub(super) store: u32,
}

/// A component function with Rust types.
pub struct TypedFunc<P, R> {
    func: Func,
    types: PhantomData<fn(P) -> R>,
}

impl<P, R> Clone for TypedFunc<P, R> {
    fn clone(&self) -> Self {
        Self { func: self.func.clone(), types: PhantomData }
    }
}

impl<P, R> fmt::Debug for TypedFunc<P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.func.fmt(f)
    }
}

impl Func {
    /// How its type reads.
    #[must_use]
    pub fn describe(&self) -> String {
        describe::func(self.component.loaded.types(), self.ty)
    }

    /// Its type.
    #[must_use]
    pub fn ty(&self, _: &Store<impl Send + 'static>) -> super::ty::ComponentFunc {
        super::ty::ComponentFunc::of(&self.component.loaded, self.ty)
    }

    /// How many results it has: one or none.
    #[must_use]
    pub fn result_count(&self) -> usize {
        usize::from(self.component.loaded.types().func(self.ty).result.is_some())
    }

    /// This function with Rust types for its parameters and its result.
    ///
    /// # Errors
    ///
    /// When those are not its types, or it is of another store.
    pub fn typed<P, R>(&self, store: &Store<impl Send + 'static>) -> Result<TypedFunc<P, R>, Error>
    where
        P: ComponentNamedList + Lower,
        R: LiftResult,
    {
        store.state().check_number(self.store)?;
        let state = store.state();
        let implementor = |ix: ResourceIx| {
            let ty = state.resource_of(self.instance, ix).ok()?;
            Some(state.resource_type(ty).implementor)
        };
        let loaded = &self.component.loaded;
        let check = Check { types: loaded.types(), implementor: &implementor };
        match loaded.checked().signature::<P, R>(&check, self.ty) {
            Ok(()) => Ok(TypedFunc { func: self.clone(), types: PhantomData }),
            Err(reason) => Err(Error::export(&self.describe(), format!("type mismatch: {reason}"))),
        }
    }

    /// Calls it, and stays with it until it returns. `results` is as long as it has results: one or none.
    ///
    /// A host function may so call a guest, if its function is synchronous: of another instance than the one that called
    /// it, and none that this one nests in or next to. The guest may not wait then, and runs uninterrupted
    /// ([`Limits::uninterrupted_fuel`](crate::Limits::uninterrupted_fuel)); where it traps, so does the other. What is
    /// polled, a host function that waits or a background task, may call none.
    ///
    /// # Errors
    ///
    /// When the values are not of its types, it traps, its instance may not be entered, nothing can ever make it
    /// return, or it is of another store.
    pub fn call(
        &self,
        mut store: impl AsContextMut,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<(), Error> {
        let value = match store.as_store() {
            Some(store) => match self.begin(store, params, results, None)? {
                Called::Returned(value) => value,
                Called::Stopped(calling) => crate::block_on_with(calling, core::hint::spin_loop)?,
            },
            None => {
                let cx = &mut store.as_context_mut().0;
                self.check(cx.state(), params, results)?;
                let given = Values(params);
                let lower = |cx: &mut LowerContext<'_, '_, _>, tuple, to| given.lower(cx, tuple, to);
                unbox(within::call(cx, self, &lower, lift_value_later)?).map_err(Fault::into_error)?
            }
        };
        put(value, results)
    }

    /// Calls it as a future, which makes progress while it is polled and gives way where the guest waits and after
    /// each slice of fuel. Dropping it leaves the call in the store, where the next call takes it along; one that the
    /// guest has not let in yet is taken back.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn call_async<T: Send + 'static>(
        &self,
        store: &mut Store<T>,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<(), Error> {
        let value = match self.begin(store, params, results, Some(waker().await))? {
            Called::Returned(value) => value,
            Called::Stopped(calling) => calling.await?,
        };
        put(value, results)
    }

    fn begin<'s, T: Send + 'static>(
        &self,
        store: &'s mut Store<T>,
        params: &[Val],
        results: &[Val],
        waker: Option<Waker>,
    ) -> Result<Called<'s, T, Option<Val>>, Error> {
        self.check(store.state(), params, results)?;
        begin(store, self, Values(params), lift_value, lift_value_later, waker)
    }

    /// Looks at what it is to be called with.
    fn check<T: Send + 'static>(
        &self,
        state: &State<T>,
        params: &[Val],
        results: &[Val],
    ) -> Result<(), Error> {
        state.check_number(self.store)?;
        let ty = self.component.loaded.types().func(self.ty);
        if params.len() != ty.params.len() {
            return Err(Error::export(
                &self.describe(),
                format!("expected {} argument(s), got {}", ty.params.len(), params.len()),
            ));
        }
        if results.len() != usize::from(ty.result.is_some()) {
            return Err(Error::misuse("the results of a call are as many as its function has"));
        }
        fits::check(state, self.component.loaded.types(), self.instance, &ty.params, params)
            .map_err(|reason| Error::export(&self.describe(), reason))
    }
}

fn lift_value<T: Send + 'static>(
    cx: &mut LiftContext<'_, '_, T>,
    ty: Option<ValType>,
    from: Place,
) -> Result<Option<Val>, Fault> {
    ty.map(|ty| Val::lift(cx, ty, from)).transpose()
}

fn lift_value_later<T: Send + 'static>(
    cx: &mut LiftContext<'_, '_, T>,
    ty: Option<ValType>,
    from: Place,
) -> Result<Box<dyn Any + Send>, Fault> {
    Ok(Box::new(lift_value(cx, ty, from)?))
}

fn put(value: Option<Val>, results: &mut [Val]) -> Result<(), Error> {
    match (value, results.first_mut()) {
        (Some(value), Some(place)) => *place = value,
        (None, None) => {}
        _ => return Err(crate::bug!("a call has another result than its type").into()),
    }
    Ok(())
}

impl<P, R> TypedFunc<P, R>
where
    P: ComponentNamedList + Lower,
    R: LiftResult,
{
    /// Calls it, and stays with it until it returns: see [`Func::call`].
    ///
    /// # Errors
    ///
    /// When it traps, its instance may not be entered, nothing can ever make it return, or it is of another
    /// store.
    pub fn call(&self, mut store: impl AsContextMut, params: P) -> Result<R, Error> {
        match store.as_store() {
            Some(store) => match self.begin(store, params, None)? {
                Called::Returned(result) => Ok(result),
                Called::Stopped(calling) => crate::block_on_with(calling, core::hint::spin_loop),
            },
            None => {
                let cx = &mut store.as_context_mut().0;
                self.check(cx.state(), &params)?;
                let given = Typed(params);
                let lower = |cx: &mut LowerContext<'_, '_, _>, tuple, to| given.lower(cx, tuple, to);
                let result = within::call(cx, &self.func, &lower, lift_result_later::<_, R>)?;
                unbox(result).map_err(Fault::into_error)
            }
        }
    }

    /// Calls it as a future: see [`Func::call_async`].
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn call_async<T: Send + 'static>(&self, store: &mut Store<T>, params: P) -> Result<R, Error> {
        match self.begin(store, params, Some(waker().await))? {
            Called::Returned(result) => Ok(result),
            Called::Stopped(calling) => calling.await,
        }
    }

    fn begin<'s, T: Send + 'static>(
        &self,
        store: &'s mut Store<T>,
        params: P,
        waker: Option<Waker>,
    ) -> Result<Called<'s, T, R>, Error> {
        self.check(store.state(), &params)?;
        begin(store, &self.func, Typed(params), R::lift_result, lift_result_later::<_, R>, waker)
    }

    /// Looks at handles that it is to be called with.
    fn check<T: Send + 'static>(&self, state: &State<T>, params: &P) -> Result<(), Error> {
        state.check_number(self.func.store)?;
        if !P::HANDLES {
            return Ok(());
        }
        let Func { component, ty, instance, .. } = &self.func;
        let types = component.loaded.types();
        let tuple = ValType::Def(types.func(*ty).params_tuple);
        fits::check_typed(state, types, *instance, tuple, params)
            .map_err(|reason| Error::export(&self.func.describe(), reason))
    }

    /// The function itself.
    #[must_use]
    pub fn func(&self) -> &Func {
        &self.func
    }
}

fn lift_result_later<T: Send + 'static, R: LiftResult>(
    cx: &mut LiftContext<'_, '_, T>,
    ty: Option<ValType>,
    from: Place,
) -> Result<Box<dyn Any + Send>, Fault> {
    Ok(Box::new(R::lift_result(cx, ty, from)?))
}

/// The waker of the task that polls this.
pub(crate) fn waker() -> impl Future<Output = Waker> {
    poll_fn(|cx| Poll::Ready(cx.waker().clone()))
}

/// Arguments the host gives.
pub(super) trait Given<T: 'static> {
    fn lower(&self, cx: &mut LowerContext<'_, '_, T>, tuple: ValType, to: Place) -> Result<(), Fault>;

    /// Keeps them until the call can start.
    fn keep(self) -> Arguments<T>;
}

struct Typed<P>(P);

impl<T: Send + 'static, P: ComponentNamedList + Lower> Given<T> for Typed<P> {
    fn lower(&self, cx: &mut LowerContext<'_, '_, T>, tuple: ValType, to: Place) -> Result<(), Fault> {
        if P::COUNT == 0 { Ok(()) } else { self.0.lower(cx, tuple, to) }
    }

    fn keep(self) -> Arguments<T> {
        Box::new(move |cx, tuple, to| self.lower(cx, tuple, to))
    }
}

struct Values<'p>(&'p [Val]);

impl<T: Send + 'static> Given<T> for Values<'_> {
    fn lower(&self, cx: &mut LowerContext<'_, '_, T>, tuple: ValType, to: Place) -> Result<(), Fault> {
        lower_values(self.0, cx, tuple, to)
    }

    fn keep(self) -> Arguments<T> {
        let values = self.0.to_vec();
        Box::new(move |cx, tuple, to| lower_values(&values, cx, tuple, to))
    }
}

/// How a call of the host's went so far.
enum Called<'s, T: Send + 'static, R> {
    Returned(R),
    Stopped(Stopped<'s, T, R>),
}

/// A call that goes on: of a guest's function, or of one of the host's own.
enum Stopped<'s, T: Send + 'static, R> {
    Guest(Calling<'s, T, R>),
    Host(Waiting<'s, T, R>),
}

impl<T: Send + 'static, R: Send + 'static> Future for Stopped<'_, T, R> {
    type Output = Result<R, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Guest(calling) => Pin::new(calling).poll(cx),
            Self::Host(waiting) => Pin::new(waiting).poll(cx),
        }
    }
}

/// Lowers what a call is given.
pub(super) type LowerAs<'l, T> =
    &'l dyn Fn(&mut LowerContext<'_, '_, T>, ValType, Place) -> Result<(), Fault>;

/// Lifts what a call returns.
pub(super) type LiftAs<T, R> = fn(&mut LiftContext<'_, '_, T>, Option<ValType>, Place) -> Result<R, Fault>;

/// Calls a function of a store: straight through, or as far as it gets. `waker` is who is to be woken.
fn begin<'s, T: Send + 'static, R: Send + 'static>(
    store: &'s mut Store<T>,
    func: &Func,
    given: impl Given<T>,
    lift: LiftAs<T, R>,
    lift_later: HostLift<T>,
    waker: Option<Waker>,
) -> Result<Called<'s, T, R>, Error> {
    store.check_alive()?;
    store.inner.begin_turn();
    let FuncInst::Lifted(lifted) = &store.state().funcs[func.func.0] else {
        return pass_on(store, func, &given, lift, waker);
    };
    let lifted = *lifted;
    let callee = lifted.options.instance;
    // The callee may be of another program than the one that exports it: linked with it.
    let program = &store.state().instance(callee).program;
    let other = (!Arc::ptr_eq(program, &func.component.loaded)).then(|| program.clone());
    let types = other.as_ref().unwrap_or(&func.component.loaded).types();
    let is_async = types.func(lifted.ty).is_async;
    if !store.state().may_enter(callee, None) {
        return Err(Trap::from(Rule::CannotEnter).into());
    }
    let result = PhantomData;
    if !store.state().is_direct(&lifted, is_async) {
        let caller =
            Caller::Host { arguments: Some(given.keep()), lift: lift_later, result: None, abandoned: false };
        let new = store.state_mut().new_task(lifted, is_async, caller);
        let (task, thread) = new.map_err(Fault::into_error)?;
        let thread = Some(thread);
        let calling = Calling { store, task, callee, thread, is_async, preempted: false, result };
        return Ok(Called::Stopped(Stopped::Guest(calling)));
    }
    let before = waker.map(|waker| store.inner.swap_waker(Some(waker)));
    let lower = |cx: &mut LowerContext<'_, '_, T>, tuple, to| given.lower(cx, tuple, to);
    let called = direct::call_from_host(&mut store.cx(), &lifted, types, lower, lift, lift_later);
    if let Some(before) = before {
        store.inner.swap_waker(before);
    }
    match called {
        Ok(direct::Called::Returned(result)) => Ok(Called::Returned(result)),
        Ok(direct::Called::Stopped(task)) => {
            let preempted = task::after_turn(&store.cx()) == Turn::Preempted;
            let calling = Calling { store, task, callee, thread: None, is_async, preempted, result };
            Ok(Called::Stopped(Stopped::Guest(calling)))
        }
        Err(fault) => Err(store.state_mut().end(fault)),
    }
}

/// Calls a function that the host gave the component.
#[cold]
fn pass_on<'s, T: Send + 'static, R: Send + 'static>(
    store: &'s mut Store<T>,
    func: &Func,
    given: &impl Given<T>,
    lift: LiftAs<T, R>,
    waker: Option<Waker>,
) -> Result<Called<'s, T, R>, Error> {
    let before = waker.map(|waker| store.inner.swap_waker(Some(waker)));
    let lower = |cx: &mut LowerContext<'_, '_, T>, tuple, to| given.lower(cx, tuple, to);
    let called = passed_on::begin(&mut store.cx(), func, &lower, lift);
    if let Some(before) = before {
        store.inner.swap_waker(before);
    }
    Ok(match called? {
        passed_on::Called::Returned(result) => Called::Returned(result),
        passed_on::Called::Waits(subtask, passage) => {
            Called::Stopped(Stopped::Host(Waiting { store, subtask, passage, lift }))
        }
    })
}

/// A call of the host, on its way.
struct Calling<'s, T: Send + 'static, R> {
    store: &'s mut Store<T>,
    task: TaskId,
    callee: InstanceId,
    /// Its first thread, until that has begun.
    thread: Option<ThreadId>,
    is_async: bool,
    /// Its slice of fuel is over, and others have not had their turn yet.
    preempted: bool,
    result: PhantomData<fn() -> R>,
}

impl<T: Send + 'static, R: Send + 'static> Calling<'_, T, R> {
    /// Runs guests until the task is resolved or nothing can go on.
    fn run(&mut self, waker: &Waker) -> Poll<Result<R, Fault>> {
        if mem::take(&mut self.preempted) {
            waker.wake_by_ref();
            return Poll::Pending;
        }
        let Self { store, task, callee, thread, is_async, .. } = self;
        let result = |store: &mut Store<T>| take_result(store.state_mut(), *task).map(|result| unbox(result));
        let turn = |store: &mut Store<T>| turn(store, *task, *callee, thread, *is_async);
        drive(store, waker, result, turn, || Err(Rule::Deadlock.into()))
    }
}

/// Lets one thread run: the new one first, and until a synchronous task is resolved only what it may wait for.
pub(crate) fn turn<T: Send + 'static>(
    store: &mut Store<T>,
    task: TaskId,
    callee: InstanceId,
    new: &mut Option<ThreadId>,
    is_async: bool,
) -> Result<Turn, Fault> {
    let mut cx = store.cx();
    let frozen = !cx.state().frozen.is_empty();
    if frozen || is_async && new.is_none() {
        return task::turn(&mut cx);
    }
    cx.state_mut().set_entered(callee, None, true);
    if let Some(thread) = new.take() {
        task::resume(&mut cx, thread, false)?;
    }
    call::run_if_sync(&mut cx, task, callee)?;
    cx.state_mut().set_entered(callee, None, false);
    Ok(task::after_turn(&cx))
}

/// The result of a call, if it has told one.
pub(super) fn take_result<T: Send + 'static>(
    state: &mut State<T>,
    id: TaskId,
) -> Option<Box<dyn Any + Send>> {
    let task = state.tasks.get_mut(id).ok()?;
    let Caller::Host { result, .. } = &mut task.caller else { return None };
    if task.state != task::TaskState::Resolved {
        return None;
    }
    let taken = result.take()?;
    if task.threads == 0 {
        state.tasks.remove(id);
    }
    Some(taken)
}

pub(super) fn unbox<R: 'static>(result: Box<dyn Any + Send>) -> Result<R, Fault> {
    let result = result.downcast::<R>().map(|result| *result);
    result.map_err(|_| crate::bug!("a call has another result than its type").into())
}

/// A call that nobody waits for any more goes on in the store, and what it returns is dropped there. One that has not
/// begun is taken back: its embedder may yet destroy what is among its arguments, and to lower those then would end the
/// store.
impl<T: Send + 'static, R> Drop for Calling<'_, T, R> {
    fn drop(&mut self) {
        let task = self.task;
        let state = self.store.state_mut();
        // Where the store is at fault, its next use says so.
        if state.take_back(task).unwrap_or(true) {
            return;
        }
        let Some(known) = state.tasks.find_mut(task) else { return };
        let is_over = known.threads == 0 && known.state == task::TaskState::Resolved;
        if let Caller::Host { result, abandoned, .. } = &mut known.caller {
            (*result, *abandoned) = (None, true);
            if is_over {
                state.tasks.remove(task);
            }
        }
    }
}

impl<T: Send + 'static, R: Send + 'static> Future for Calling<'_, T, R> {
    type Output = Result<R, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.store.state().poisoned {
            return Poll::Ready(Err(Trap::from(Rule::CannotEnter).into()));
        }
        this.store.inner.begin_turn();
        let waker = cx.waker().clone();
        let before = this.store.inner.swap_waker(Some(waker.clone()));
        let polled = this.run(&waker);
        this.store.inner.swap_waker(before);
        polled.map(|result| result.map_err(|fault| this.store.state_mut().end(fault)))
    }
}
