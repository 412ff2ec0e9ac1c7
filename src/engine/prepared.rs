//! Core functions whose type was looked at once.
//!
//! What a component runtime calls again and again has one of a few types: it takes one, two or four 32-bit numbers
//! (a number, a pointer and a length, what an allocator takes), and returns one or nothing. The interpreter checks the
//! types of arguments with each call, under a lock that all its stores share, unless they are Rust types. These are.

use crate::{
    Rule,
    engine::{
        Activation, Caller, Fault, Step, Store,
        activation::{Progress, enter, refuel},
        fault::Suspended,
        linkage::{FLAT_MAX, bits, value_of},
        store::Data,
    },
};
use alloc::boxed::Box;
use wasmi::{
    Func, StoreContextMut, TypedFunc, TypedResumableCall, TypedResumableCallHostTrap,
    TypedResumableCallOutOfFuel, Val, ValType, WasmParams, WasmResults,
};

/// A core function, to be called often.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Prepared {
    One(TypedFunc<u32, u32>),
    Two(TypedFunc<(u32, u32), u32>),
    Four(TypedFunc<(u32, u32, u32, u32), u32>),
    /// Returns nothing.
    Last(TypedFunc<u32, ()>),
    /// Of any other type.
    Any(Func),
}

/// Why a call did not return.
pub(crate) enum NotReturned<T: 'static> {
    Stopped(Activation<T>, Step),
    Failed(Fault),
}

/// What a call returned as bits, 0 where it returns nothing. That nearly all do: what else may be is kept apart, so that
/// this fits in registers.
pub(crate) type Through<T> = Result<u64, Box<NotReturned<T>>>;

impl<T> NotReturned<T> {
    /// That a call failed.
    #[cold]
    fn failed(fault: impl Into<Fault>) -> Box<Self> {
        Box::new(Self::Failed(fault.into()))
    }

    /// Where nobody can wait.
    #[cold]
    fn into_fault(self) -> Fault {
        match self {
            Self::Stopped(..) => Rule::CannotBlock.into(),
            Self::Failed(fault) => fault,
        }
    }
}

impl Prepared {
    /// The function itself.
    pub(crate) fn function(&self) -> Func {
        match self {
            Self::One(function) => *function.func(),
            Self::Two(function) => *function.func(),
            Self::Four(function) => *function.func(),
            Self::Last(function) => *function.func(),
            Self::Any(function) => *function,
        }
    }
}

impl<T: Send + 'static> Store<T> {
    /// Looks at a function's type, once.
    pub(crate) fn prepare(&self, function: Func) -> Prepared {
        let context = &*self.inner;
        let ty = function.ty(context);
        let is_i32 = |ty: &ValType| *ty == ValType::I32;
        let typed = match (ty.params().len(), ty.results().len()) {
            _ if !ty.params().iter().chain(ty.results()).all(is_i32) => None,
            (1, 1) => function.typed(context).ok().map(Prepared::One),
            (2, 1) => function.typed(context).ok().map(Prepared::Two),
            (4, 1) => function.typed(context).ok().map(Prepared::Four),
            (1, 0) => function.typed(context).ok().map(Prepared::Last),
            _ => None,
        };
        typed.unwrap_or(Prepared::Any(function))
    }
}

impl<T: Send + 'static> Caller<'_, T> {
    /// Calls a function with values as bits; `value` makes the value at an index, where its type is another than the
    /// common ones.
    ///
    /// # Errors
    ///
    /// When it traps or runs out of fuel.
    pub(crate) fn call_prepared(
        &mut self,
        function: &Prepared,
        params: &[u64],
        results: usize,
        value: impl Fn(usize) -> Val,
    ) -> Through<T> {
        let number = |at: usize| params.get(at).copied().unwrap_or(0) as u32;
        match function {
            Prepared::One(function) => self.call_typed(function, number(0)),
            Prepared::Two(function) => self.call_typed(function, (number(0), number(1))),
            Prepared::Four(function) => {
                self.call_typed(function, (number(0), number(1), number(2), number(3)))
            }
            Prepared::Last(function) => self.call_typed(function, number(0)),
            Prepared::Any(function) => {
                let mut found = [Val::I32(0)];
                let found = &mut found[..results.min(1)];
                let (mut few, mut many);
                let values = if params.len() <= FEW {
                    few = [const { Val::I32(0) }; FEW];
                    &mut few[..params.len()]
                } else {
                    many = [const { Val::I32(0) }; FLAT_MAX];
                    &mut many[..params.len()]
                };
                values.iter_mut().enumerate().for_each(|(at, place)| *place = value(at));
                match self.call_through(*function, values, found) {
                    Ok(None) => Ok(found.first().map_or(0, bits)),
                    Ok(Some((activation, step))) => Err(Box::new(NotReturned::Stopped(activation, step))),
                    Err(fault) => Err(NotReturned::failed(fault)),
                }
            }
        }
    }

    /// Calls a function and stays with it until it returns. It may not wait; slices of fuel pass unnoticed, until the
    /// turn is over (`turn`).
    ///
    /// # Errors
    ///
    /// When it traps, runs out of fuel, waits, or runs for too long.
    #[inline]
    pub(crate) fn call_prepared_to_end(&mut self, function: &Prepared, params: &[u64]) -> Result<u64, Fault> {
        self.stay(|caller| match function {
            Prepared::Any(any) => caller.call_any_to_end(*any, params),
            // Types are not asked for.
            _ => caller.call_prepared(function, params, 0, |_| Val::I32(0)),
        })
        .map_err(|ended| ended.into_fault())
    }

    fn call_any_to_end(&mut self, function: Func, params: &[u64]) -> Through<T> {
        let (types, results) = self.function_type(function);
        let value = |at: usize| value_of(types.get(at).copied().unwrap_or(ValType::I32), params[at]);
        self.call_prepared(&Prepared::Any(function), params, results.len(), value)
    }

    fn call_typed<P: WasmParams, R: Output>(&mut self, function: &TypedFunc<P, R>, params: P) -> Through<T> {
        let context = &mut self.context;
        refuel(context, 1).map_err(NotReturned::failed)?;
        enter(context).map_err(NotReturned::failed)?;
        let call = function.call_resumable(&mut *context, params);
        context.data_mut().depth -= 1;
        if let Ok(TypedResumableCall::Finished(value)) = call {
            self.returned();
            return Ok(value.bits());
        }
        self.not_returned(*function.func(), call).unwrap_or_else(|fault| Err(NotReturned::failed(fault)))
    }

    /// What becomes of a call that did not return at once.
    #[cold]
    fn not_returned<R: Output>(
        &mut self,
        function: Func,
        call: Result<TypedResumableCall<R>, wasmi::Error>,
    ) -> Result<Through<T>, Fault> {
        let (progress, step) = match call {
            Ok(stopped) => {
                let (stopped, step) = R::stopped(stopped)?;
                (Progress::Prepared(stopped), step)
            }
            Err(error) => (Progress::of_root(function, &error)?, Step::Blocked),
        };
        let pending = self.context.data_mut().pending.take();
        let results = [Val::I32(0)][..R::COUNT].to_vec();
        let mut activation = Activation { progress, results, pending };
        Ok(match self.stay_with(&mut activation, step)? {
            Step::Finished => Ok(activation.into_results().first().map_or(0, bits)),
            step => Err(Box::new(NotReturned::Stopped(activation, step))),
        })
    }
}

/// So many arguments most functions have at most: no more are prepared for them.
const FEW: usize = 4;

/// What a prepared function returns.
pub(super) trait Output: WasmResults {
    const COUNT: usize;

    fn bits(self) -> u64;

    /// Where a call stopped.
    fn stopped(call: TypedResumableCall<Self>) -> Result<(Stopped, Step), Fault>;
}

impl Output for u32 {
    const COUNT: usize = 1;

    fn bits(self) -> u64 {
        u64::from(self)
    }

    fn stopped(call: TypedResumableCall<Self>) -> Result<(Stopped, Step), Fault> {
        let (stop, step) = stop(call)?;
        Ok((Stopped::Number(stop), step))
    }
}

impl Output for () {
    const COUNT: usize = 0;

    fn bits(self) -> u64 {
        0
    }

    fn stopped(call: TypedResumableCall<Self>) -> Result<(Stopped, Step), Fault> {
        let (stop, step) = stop(call)?;
        Ok((Stopped::Nothing(stop), step))
    }
}

/// A call of a prepared function that stopped, by what it will return.
pub(super) enum Stopped {
    Number(Stop<u32>),
    Nothing(Stop<()>),
}

/// Why it stopped.
pub(super) enum Stop<R> {
    InHost(TypedResumableCallHostTrap<R>),
    OutOfFuel(TypedResumableCallOutOfFuel<R>),
}

#[cold]
fn stop<R>(call: TypedResumableCall<R>) -> Result<(Stop<R>, Step), Fault> {
    match call {
        TypedResumableCall::OutOfFuel(call) => Ok((Stop::OutOfFuel(call), Step::Preempted)),
        TypedResumableCall::HostTrap(call) if call.host_error().downcast_ref::<Suspended>().is_some() => {
            Ok((Stop::InHost(call), Step::Blocked))
        }
        TypedResumableCall::HostTrap(call) => Err(Fault::from_wasmi(call.host_error())),
        TypedResumableCall::Finished(_) => Err(Fault::Trap(crate::bug!("a call that returned did not stop"))),
    }
}

impl<R: Output> Stop<R> {
    fn required_fuel(&self) -> u64 {
        match self {
            Self::InHost(_) => 0,
            Self::OutOfFuel(call) => call.required_fuel(),
        }
    }

    fn host_func(&self) -> Option<Func> {
        match self {
            Self::InHost(call) => Some(call.host_func()),
            Self::OutOfFuel(_) => None,
        }
    }

    /// Goes on: where it stopped again, or what was returned.
    fn resume<T: 'static>(
        self,
        context: &mut StoreContextMut<'_, Data<T>>,
        answer: &[Val],
        results: &mut [Val],
    ) -> Result<Option<(Stopped, Step)>, Fault> {
        let call = match self {
            Self::InHost(call) => call.resume(context, answer),
            Self::OutOfFuel(call) => call.resume(context),
        };
        match call.map_err(|error| Fault::from_wasmi(&error))? {
            TypedResumableCall::Finished(value) => {
                if let Some(place) = results.first_mut() {
                    *place = value_of(ValType::I32, value.bits());
                }
                Ok(None)
            }
            stopped => R::stopped(stopped).map(Some),
        }
    }
}

impl Stopped {
    /// What it needs to go on at all.
    pub(super) fn required_fuel(&self) -> u64 {
        match self {
            Self::Number(stop) => stop.required_fuel(),
            Self::Nothing(stop) => stop.required_fuel(),
        }
    }

    /// The host function it waits in, if it does.
    pub(super) fn host_func(&self) -> Option<Func> {
        match self {
            Self::Number(stop) => stop.host_func(),
            Self::Nothing(stop) => stop.host_func(),
        }
    }

    /// Goes on: where it stopped again, or nothing once `results` are there.
    pub(super) fn resume<T: 'static>(
        self,
        context: &mut StoreContextMut<'_, Data<T>>,
        answer: &[Val],
        results: &mut [Val],
    ) -> Result<Option<(Self, Step)>, Fault> {
        match self {
            Self::Number(stop) => stop.resume(context, answer, results),
            Self::Nothing(stop) => stop.resume(context, answer, results),
        }
    }
}
