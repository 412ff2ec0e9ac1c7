//! Instances and their functions, as an embedder calls them.

use crate::{
    Error, Rule, Trap,
    component::{
        Val,
        abi::{LiftContext, LowerContext, Place},
        call::{self, Arguments, HostLift, Kept},
        checked::CheckSignature,
        describe, direct, fits,
        host::Check,
        host_task,
        load::Component,
        passed_on::{self, Waiting},
        resource::ChannelAny,
        rest::drive,
        started::{self, FuncCallConcurrent, TypedFuncCallConcurrent},
        store::{ExportsId, FuncId, FuncInst, InstanceId, Item, State, Store, TaskId, ThreadId},
        task::{self, Caller, Turn},
        typed::{ComponentNamedList, Lift, LiftResult, Lower, apart},
        types::{FuncTypeId, ItemType, ResourceIx, Types, ValType},
        within,
        wrapped::{AsContextMut, check_signature, lower_values},
    },
    engine::Fault,
};
use alloc::{boxed::Box, format, string::String, sync::Arc, vec::Vec};
use core::{
    any::{Any, TypeId},
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
///
/// Its names are `wasmtime`'s: [`call`](Self::call) stays until the function returns, and
/// [`call_async`](Self::call_async) is a future, to be awaited on any executor or driven by
/// [`block_on`](crate::block_on).
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

/// A component function with Rust types. As of a [`Func`], [`call`](Self::call) stays until it returns, and
/// [`call_async`](Self::call_async) is a future.
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
        self.check_types(store, TypeId::of::<(P, R)>(), check_signature::<P, R>)?;
        Ok(TypedFunc { func: self.clone(), types: PhantomData })
    }

    /// Looks whether Rust types are those of its parameters and its result.
    fn check_types<T: Send + 'static>(
        &self,
        store: &Store<T>,
        rust: TypeId,
        check_signature: CheckSignature,
    ) -> Result<(), Error> {
        store.state().check_number(self.store)?;
        let state = store.state();
        let implementor = |ix: ResourceIx| {
            let ty = state.resource_of(self.instance, ix).ok()?;
            Some(state.resource_type(ty).implementor)
        };
        let loaded = &self.component.loaded;
        let check = Check { types: loaded.types(), implementor: &implementor };
        let checked = loaded.checked().signature(&check, self.ty, rust, check_signature);
        checked.map_err(|reason| self.refuses(format!("type mismatch: {reason}")))
    }

    /// Calls it, and stays with it until it returns. `results` is as long as it has results: one or none.
    ///
    /// A host function may so call a guest, if its function is synchronous: of another instance than the one that called
    /// it, and none that this one nests in or next to. The guest may not wait then, and runs uninterrupted
    /// ([`Limits::uninterrupted_fuel`](crate::Limits::uninterrupted_fuel)); where it traps, so does the other. What is
    /// polled, a host function that waits or a background task, may call none so: it
    /// [starts](Self::start_call_concurrent) calls.
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
        call(&mut store, self, &mut Values { params, results })
    }

    /// Calls it as a future, which makes progress while it is polled and gives way where the guest waits and after
    /// each slice of fuel. Dropping it leaves the call in the store, where the next call takes it along; one that the
    /// guest has not let in yet is taken back, and typed ends of streams and futures among its arguments are closed.
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
        let waker = waker().await;
        let mut values = Values { params, results };
        match begin(store, self, &mut values, Some(waker))? {
            None => Ok(()),
            Some(stopped) => put(unbox(stopped.await?).map_err(Fault::into_error)?, results),
        }
    }

    /// Starts a call of it, for what must not wait until it returns: see [`TypedFunc::start_call_concurrent`].
    ///
    /// # Errors
    ///
    /// As [`TypedFunc::start_call_concurrent`], and when the values are not of its types.
    pub fn start_call_concurrent(
        &self,
        mut store: impl AsContextMut,
        params: &[Val],
    ) -> Result<FuncCallConcurrent, Error> {
        let mut results = [Val::Bool(false)];
        let results = &mut results[..self.result_count()];
        let mut values = Values { params, results };
        let started = started::start(&mut store.as_context_mut().0, self, &mut values)?;
        Ok(FuncCallConcurrent::new(started, self.result_count()))
    }

    /// Looks at what it is to be called with.
    fn check<T: Send + 'static>(
        &self,
        state: &State<T>,
        params: &[Val],
        results: &[Val],
    ) -> Result<(), Error> {
        let ty = self.component.loaded.types().func(self.ty);
        if params.len() != ty.params.len() {
            let reason = format!("expected {} argument(s), got {}", ty.params.len(), params.len());
            return Err(self.refuses(reason));
        }
        if results.len() != usize::from(ty.result.is_some()) {
            return Err(Error::misuse("the results of a call are as many as its function has"));
        }
        fits::check(state, self.component.loaded.types(), self.instance, &ty.params, params)
            .map_err(|reason| self.refuses(reason))
    }

    #[cold]
    fn refuses(&self, reason: String) -> Error {
        Error::export(&self.describe(), reason)
    }
}

fn lift_value_later<T: Send + 'static>(
    cx: &mut LiftContext<'_, '_, T>,
    ty: Option<ValType>,
    from: Place,
) -> Result<Box<dyn Any + Send>, Fault> {
    let value: Option<Val> = ty.map(|ty| Val::lift(cx, ty, from)).transpose()?;
    Ok(Box::new(value))
}

pub(super) fn put(value: Option<Val>, results: &mut [Val]) -> Result<(), Error> {
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
        let mut typed = Typed { params: Some(params), result: None };
        call(&mut store, &self.func, &mut typed)?;
        typed.result.ok_or_else(no_result)
    }

    /// Calls it as a future: see [`Func::call_async`].
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn call_async<T: Send + 'static>(&self, store: &mut Store<T>, params: P) -> Result<R, Error> {
        let waker = waker().await;
        let mut typed = Typed { params: Some(params), result: None };
        let stopped = begin(store, &self.func, &mut typed, Some(waker))?;
        let Typed { params, result } = typed;
        drop(params);
        match stopped {
            None => result.ok_or_else(no_result),
            Some(stopped) => unbox(stopped.await?).map_err(Fault::into_error),
        }
    }

    /// Starts a call of it, for what must not wait until it returns: a host function that waits, or a background task
    /// ([`StoreContextMut::spawn`](super::StoreContextMut::spawn)). The guest runs once the host is done here, by turns
    /// with all others in the store, and may wait itself. The result is asked for by
    /// [`poll`](TypedFuncCallConcurrent::poll); what is polled then is polled again when it is there.
    ///
    /// Also a guest may so be entered that waits for the host function which calls it; one that cannot let the call in
    /// before it has its answer makes that a deadlock, which traps. Where the guest called traps, everything in the store
    /// has ended. A call that was started counts against [`Limits::tasks`](crate::Limits::tasks), until it is over.
    ///
    /// Here a guest asks its host, which asks another guest:
    ///
    /// ```
    /// use wasmote::component::{Component, Engine, Linker, Store, TypedFunc};
    ///
    /// let engine = Engine::default();
    /// let knows = r#"(component
    ///     (core module $m (func (export "answer") (param i32) (result i32)
    ///         (i32.mul (local.get 0) (i32.const 2))))
    ///     (core instance $m (instantiate $m))
    ///     (func (export "answer") (param "n" u32) (result u32) (canon lift (core func $m "answer"))))"#;
    /// let asks = r#"(component
    ///     (import "ask" (func $ask async (param "n" u32) (result u32)))
    ///     (core func $ask (canon lower (func $ask)))
    ///     (core module $m (import "" "ask" (func $ask (param i32) (result i32)))
    ///         (func (export "run") (result i32) (call $ask (i32.const 21))))
    ///     (core instance $m (instantiate $m (with "" (instance (export "ask" (func $ask))))))
    ///     (func (export "run") async (result u32) (canon lift (core func $m "run"))))"#;
    ///
    /// type Answer = TypedFunc<(u32,), (u32,)>;
    /// let mut store = Store::new(&engine, None::<Answer>);
    /// let mut linker = Linker::new(&engine);
    /// let knows = linker.instantiate(&mut store, &Component::new(&engine, wat::parse_str(knows)?)?)?;
    /// *store.data_mut() = Some(knows.get_typed_func(&store, "answer")?);
    /// linker.root().func_wrap_poll("ask", |mut store, _, (n,): &mut (u32,)| {
    ///     let answer = store.data().clone().expect("there is one");
    ///     // Started when this is called first, and kept until it is polled again.
    ///     let mut call = match store.take_kept() {
    ///         Some(call) => call,
    ///         None => answer.start_call_concurrent(&mut store, (*n,))?,
    ///     };
    ///     let polled = call.poll(&mut store);
    ///     store.keep(call);
    ///     polled.map_err(Into::into)
    /// })?;
    /// let asks = linker.instantiate(&mut store, &Component::new(&engine, wat::parse_str(asks)?)?)?;
    /// let run = asks.get_typed_func::<(), (u32,)>(&store, "run")?;
    /// assert_eq!(run.call(&mut store, ())?, (42,));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the host function that starts it is of a synchronous type, and so must return before any guest runs
    /// ([`Rule::CannotBlock`](crate::Rule::CannotBlock), or [`Rule::CannotEnter`](crate::Rule::CannotEnter) for a guest
    /// that is among its callers); when there are as many tasks as there may be; when it is a function of the host's own
    /// that a component passes on, or of another store. Nothing has ended then.
    pub fn start_call_concurrent(
        &self,
        mut store: impl AsContextMut,
        params: P,
    ) -> Result<TypedFuncCallConcurrent<R>, Error> {
        let mut typed = Typed { params: Some(params), result: None::<R> };
        let started = started::start(&mut store.as_context_mut().0, &self.func, &mut typed)?;
        Ok(TypedFuncCallConcurrent::new(started))
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

/// What crosses in a call of the host's: its arguments one way, its result the other. Whatever their types are, what
/// calls is made once: on a small device, copies of it for each function would be most of what typed calls take.
pub(super) trait Crossing<T: 'static> {
    /// Whether a function can be called with these.
    fn check(&self, state: &State<T>, func: &Func) -> Result<(), Error>;

    /// Lowers the arguments, once. Those that are given away with the call are gone then.
    fn lower(&mut self, cx: &mut LowerContext<'_, '_, T>, tuple: ValType, to: Place) -> Result<(), Fault>;

    /// Gives the arguments away, until the call can start.
    fn keep(&mut self) -> Arguments<T>;

    /// Lifts the result, and keeps it.
    fn lift(
        &mut self,
        cx: &mut LiftContext<'_, '_, T>,
        ty: Option<ValType>,
        from: Place,
    ) -> Result<(), Fault>;

    /// What lifts the result of a call that this does not outlive.
    fn lift_later(&self) -> HostLift<T>;

    /// Takes what that has lifted.
    fn put(&mut self, result: Box<dyn Any + Send>) -> Result<(), Error>;
}

struct Typed<P, R> {
    /// Until they are lowered, or kept elsewhere: a long list is not there beside the one that comes back.
    params: Option<P>,
    result: Option<R>,
}

impl<T: Send + 'static, P: ComponentNamedList + Lower, R: LiftResult> Crossing<T> for Typed<P, R> {
    /// Looks at handles, which alone can be wrong.
    fn check(&self, state: &State<T>, func: &Func) -> Result<(), Error> {
        match &self.params {
            Some(params) if P::HANDLES => {
                let types = func.component.loaded.types();
                let tuple = ValType::Def(types.func(func.ty).params_tuple);
                fits::check_typed(state, types, func.instance, tuple, params)
                    .map_err(|reason| func.refuses(reason))
            }
            _ => Ok(()),
        }
    }

    fn lower(&mut self, cx: &mut LowerContext<'_, '_, T>, tuple: ValType, to: Place) -> Result<(), Fault> {
        lower_typed(self.params.take(), cx, tuple, to)
    }

    fn keep(&mut self) -> Arguments<T> {
        Box::new(KeptTyped(self.params.take()))
    }

    fn lift(
        &mut self,
        cx: &mut LiftContext<'_, '_, T>,
        ty: Option<ValType>,
        from: Place,
    ) -> Result<(), Fault> {
        match R::lift_result(cx, ty, from) {
            Ok(result) => {
                self.result = Some(result);
                Ok(())
            }
            Err(fault) => apart(fault),
        }
    }

    fn lift_later(&self) -> HostLift<T> {
        lift_result_later::<T, R>
    }

    fn put(&mut self, result: Box<dyn Any + Send>) -> Result<(), Error> {
        self.result = Some(unbox(result).map_err(Fault::into_error)?);
        Ok(())
    }
}

#[cold]
fn no_result() -> Error {
    crate::bug!("a call returned, and has no result").into()
}

fn lower_typed<T: Send + 'static, P: ComponentNamedList + Lower>(
    params: Option<P>,
    cx: &mut LowerContext<'_, '_, T>,
    tuple: ValType,
    to: Place,
) -> Result<(), Fault> {
    match params {
        Some(_) if P::COUNT == 0 => Ok(()),
        Some(params) => params.lower(cx, tuple, to),
        None => Err(crate::bug!("arguments are given twice").into()),
    }
}

struct KeptTyped<P>(Option<P>);

impl<T: Send + 'static, P: ComponentNamedList + Lower> Kept<T> for KeptTyped<P> {
    fn lower(
        self: Box<Self>,
        cx: &mut LowerContext<'_, '_, T>,
        tuple: ValType,
        to: Place,
    ) -> Result<(), Fault> {
        lower_typed(self.0, cx, tuple, to)
    }

    fn ends(&self, state: &State<T>, types: &Types, view: InstanceId, tuple: ValType) -> Vec<ChannelAny> {
        match &self.0 {
            Some(params) if P::HANDLES => fits::typed_ends(state, types, view, tuple, params),
            _ => Vec::new(),
        }
    }
}

struct KeptValues(Vec<Val>);

impl<T: Send + 'static> Kept<T> for KeptValues {
    fn lower(
        self: Box<Self>,
        cx: &mut LowerContext<'_, '_, T>,
        tuple: ValType,
        to: Place,
    ) -> Result<(), Fault> {
        lower_values(&self.0, cx, tuple, to)
    }

    /// None is typed: others may have copies.
    fn ends(&self, _: &State<T>, _: &Types, _: InstanceId, _: ValType) -> Vec<ChannelAny> {
        Vec::new()
    }
}

struct Values<'v> {
    params: &'v [Val],
    results: &'v mut [Val],
}

impl<T: Send + 'static> Crossing<T> for Values<'_> {
    fn check(&self, state: &State<T>, func: &Func) -> Result<(), Error> {
        func.check(state, self.params, self.results)
    }

    fn lower(&mut self, cx: &mut LowerContext<'_, '_, T>, tuple: ValType, to: Place) -> Result<(), Fault> {
        lower_values(self.params, cx, tuple, to)
    }

    fn keep(&mut self) -> Arguments<T> {
        Box::new(KeptValues(self.params.to_vec()))
    }

    fn lift(
        &mut self,
        cx: &mut LiftContext<'_, '_, T>,
        ty: Option<ValType>,
        from: Place,
    ) -> Result<(), Fault> {
        let value = ty.map(|ty| Val::lift(cx, ty, from)).transpose()?;
        put(value, self.results).map_err(Fault::from)
    }

    fn lift_later(&self) -> HostLift<T> {
        lift_value_later
    }

    fn put(&mut self, result: Box<dyn Any + Send>) -> Result<(), Error> {
        put(unbox(result).map_err(Fault::into_error)?, self.results)
    }
}

/// A call that goes on.
struct Stopped<'s, T: Send + 'static> {
    store: &'s mut Store<T>,
    way: Way<T>,
}

/// Of a guest's function, or of one of the host's own.
enum Way<T: 'static> {
    Guest(Calling),
    Host(Waiting<T>),
}

/// Calls a function, and stays with it until it returns.
fn call<S: AsContextMut>(
    store: &mut S,
    func: &Func,
    crossing: &mut dyn Crossing<S::Data>,
) -> Result<(), Error> {
    match store.as_store() {
        Some(store) => match begin(store, func, crossing, None)? {
            None => Ok(()),
            Some(stopped) => crossing.put(crate::block_on_with(stopped, core::hint::spin_loop)?),
        },
        None => {
            let cx = &mut store.as_context_mut().0;
            cx.state().check_number(func.store)?;
            crossing.check(cx.state(), func)?;
            within::call(cx, func, crossing)
        }
    }
}

/// Calls a function of a store: straight through, or as far as it gets. `waker` is who is to be woken. What has not
/// stopped has returned.
fn begin<'s, T: Send + 'static>(
    store: &'s mut Store<T>,
    func: &Func,
    crossing: &mut dyn Crossing<T>,
    waker: Option<Waker>,
) -> Result<Option<Stopped<'s, T>>, Error> {
    store.state().check_number(func.store)?;
    store.check_alive()?;
    store.inner.begin_turn();
    if store.state().host_tasks_new > 0 {
        let polled = host_task::poll_spawned(&mut store.cx());
        polled.map_err(|fault| store.state_mut().end(fault))?;
    }
    crossing.check(store.state(), func)?;
    let FuncInst::Lifted(lifted) = &store.state().funcs[func.func.0] else {
        return pass_on(store, func, crossing, waker);
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
    if store.state().is_stopped() || !store.state().is_direct(&lifted, is_async) {
        let (arguments, lift) = (Some(crossing.keep()), crossing.lift_later());
        let caller = Caller::of_host(arguments, lift);
        let new = store.state_mut().new_task(lifted, is_async, caller);
        let (task, thread) = new.map_err(Fault::into_error)?;
        let thread = Some(thread);
        let way = Way::Guest(Calling { task, callee, thread, is_async, preempted: false });
        return Ok(Some(Stopped { store, way }));
    }
    let before = waker.map(|waker| store.inner.swap_waker(Some(waker)));
    let called = direct::call_from_host(&mut store.cx(), &lifted, types, crossing);
    if let Some(before) = before {
        store.inner.swap_waker(before);
    }
    match called {
        Ok(direct::Called::Returned) => Ok(None),
        Ok(direct::Called::Stopped(task)) => {
            let preempted = task::after_turn(&store.cx()) == Turn::Preempted;
            let way = Way::Guest(Calling { task, callee, thread: None, is_async, preempted });
            Ok(Some(Stopped { store, way }))
        }
        Err(fault) => Err(store.state_mut().end(fault)),
    }
}

/// Calls a function that the host gave the component.
#[cold]
fn pass_on<'s, T: Send + 'static>(
    store: &'s mut Store<T>,
    func: &Func,
    crossing: &mut dyn Crossing<T>,
    waker: Option<Waker>,
) -> Result<Option<Stopped<'s, T>>, Error> {
    let before = waker.map(|waker| store.inner.swap_waker(Some(waker)));
    let called = passed_on::begin(&mut store.cx(), func, crossing);
    if let Some(before) = before {
        store.inner.swap_waker(before);
    }
    Ok(match called? {
        passed_on::Called::Returned => None,
        passed_on::Called::Waits(waiting) => Some(Stopped { store, way: Way::Host(waiting) }),
    })
}

/// A call of a guest by the host, on its way.
struct Calling {
    task: TaskId,
    callee: InstanceId,
    /// Its first thread, until that has begun.
    thread: Option<ThreadId>,
    is_async: bool,
    /// Its slice of fuel is over, and others have not had their turn yet.
    preempted: bool,
}

impl<T: Send + 'static> Stopped<'_, T> {
    /// Runs guests until the call has its result or nothing can go on.
    fn run(&mut self, waker: &Waker) -> Poll<Result<Box<dyn Any + Send>, Fault>> {
        let Self { store, way } = self;
        if let Way::Guest(Calling { preempted, .. }) = way
            && mem::take(preempted)
        {
            waker.wake_by_ref();
            return Poll::Pending;
        }
        let (result, mut new) = match &mut *way {
            Way::Guest(calling) => (None, Some(calling)),
            Way::Host(waiting) => (Some(waiting), None),
        };
        let task = new.as_ref().map(|calling| calling.task);
        let result = |store: &mut Store<T>| match (&result, task) {
            (Some(waiting), _) => waiting.result(&mut store.cx()),
            (None, Some(task)) => take_result(store.state_mut(), task).map(Ok),
            (None, None) => None,
        };
        let turn = |store: &mut Store<T>| match &mut new {
            Some(Calling { task, callee, thread, is_async, .. }) => {
                turn(store, *task, *callee, thread, *is_async)
            }
            None => task::turn(&mut store.cx()),
        };
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
    if cx.state().is_stopped() || cx.state().waits_to_begin(task) || is_async && new.is_none() {
        return task::turn(&mut cx);
    }
    cx.state_mut().set_entered(callee, None, true);
    if let Some(thread) = new.take() {
        task::resume(&mut cx, thread, false)?;
    }
    call::stay(&mut cx, task, callee)?;
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
    Some(taken.value)
}

pub(super) fn unbox<R: 'static>(result: Box<dyn Any + Send>) -> Result<R, Fault> {
    let result = result.downcast::<R>().map(|result| *result);
    result.map_err(|_| crate::bug!("a call has another result than its type").into())
}

impl<T: Send + 'static> Drop for Stopped<'_, T> {
    fn drop(&mut self) {
        let task = match &self.way {
            Way::Guest(calling) => calling.task,
            Way::Host(waiting) => return waiting.give_up(&mut self.store.cx()),
        };
        if let Err(fault) = started::abandon(&mut self.store.cx(), task) {
            // Its next use says so.
            self.store.state_mut().end(fault);
        }
    }
}

impl<T: Send + 'static> Future for Stopped<'_, T> {
    type Output = Result<Box<dyn Any + Send>, Error>;

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
