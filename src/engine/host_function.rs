//! Functions a host offers to guests: how Rust functions become imports.

use crate::engine::{Caller, Fault, Signature, Store, activation::Pending, store::Data};
use alloc::boxed::Box;
use core::task::{Context, Poll};

/// A host function for guests whose host keeps a `T` for each, ready to be imported.
///
/// `bind` applies one of this module's `nowN` (it answers at once) or `pollN` (it may wait) to a Rust
/// function of `N` parameters; or, where most calls of it are over before anything else happens, `briefN` or `quickN`. A
/// dialect keeps a static table of these.
pub struct HostFunction<T: 'static> {
    /// What it is called and how its arguments read.
    pub signature: Signature,
    /// Makes the function in a store: one of the `bind_…` functions, applied to the Rust function.
    pub bind: fn(&'static HostFunction<T>, &mut Store<T>) -> Bound,
}

/// A host function as an item of a store.
pub struct Bound(wasmi::Func);

impl<T: Send + 'static> HostFunction<T> {
    pub(super) fn bind(&'static self, store: &mut Store<T>) -> wasmi::Func {
        (self.bind)(self, store).0
    }
}

/// Finds the host function for an import.
pub trait Resolver<T: 'static> {
    /// The number of the function that `name` of `module` stands for, if there is one: always the same, for a program
    /// keeps it.
    fn find(&self, module: &str, name: &str) -> Option<u16>;

    /// The function of this number.
    fn function(&self, number: u16) -> Option<&'static HostFunction<T>>;
}

/// A core value as a Rust parameter.
pub trait HostParam: CoreParam + Copy + Send + 'static {
    /// Its bits, in the low end.
    fn bits(self) -> u64;
}

/// Those of them that there are: what the interpreter takes is nothing to rely on.
pub trait CoreParam: wasmi::WasmTy {}

impl CoreParam for u32 {}
impl CoreParam for u64 {}
impl CoreParam for i64 {}

impl HostParam for u32 {
    fn bits(self) -> u64 {
        u64::from(self)
    }
}

impl HostParam for u64 {
    fn bits(self) -> u64 {
        self
    }
}

impl HostParam for i64 {
    fn bits(self) -> u64 {
        self.cast_unsigned()
    }
}

/// What a host function answers: nothing, or one core value.
pub trait HostResult: Sized + 'static {
    /// The core type it becomes: `()`, `u32` or `u64`.
    type Raw: RawResult;

    /// The core value.
    fn into_raw(self) -> Self::Raw;
}

/// A core result in wasmi's own terms.
pub trait RawResult: Copy + 'static {
    /// What wasmi takes from a function that may fail.
    type Ret: wasmi::WasmRet;
    /// The result in that form.
    fn ret(result: Result<Self, wasmi::Error>) -> Self::Ret;
    /// Its bits, if it is a value at all.
    fn bits(self) -> Option<u64>;
    /// It as a value to resume a suspended guest with.
    fn value(self) -> Option<wasmi::Val>;
}

impl RawResult for () {
    type Ret = Result<Self, wasmi::Error>;

    fn ret(result: Self::Ret) -> Self::Ret {
        result
    }

    fn bits(self) -> Option<u64> {
        None
    }

    fn value(self) -> Option<wasmi::Val> {
        None
    }
}

impl RawResult for u32 {
    type Ret = Result<Self, wasmi::Error>;

    fn ret(result: Self::Ret) -> Self::Ret {
        result
    }

    fn bits(self) -> Option<u64> {
        Some(u64::from(self))
    }

    fn value(self) -> Option<wasmi::Val> {
        Some(wasmi::Val::I32(self.cast_signed()))
    }
}

impl RawResult for u64 {
    type Ret = Result<Self, wasmi::Error>;

    fn ret(result: Self::Ret) -> Self::Ret {
        result
    }

    fn bits(self) -> Option<u64> {
        Some(self)
    }

    fn value(self) -> Option<wasmi::Val> {
        Some(wasmi::Val::I64(self.cast_signed()))
    }
}

macro_rules! own_raw {
    ($($ty:ty),*) => {
        $(impl HostResult for $ty {
            type Raw = $ty;

            fn into_raw(self) -> $ty {
                self
            }
        })*
    };
}
own_raw!((), u32, u64);

macro_rules! bind {
    ($now:ident $brief:ident $poll:ident $quick:ident $slow:ident $($param:ident $ty:ident),*) => {
        /// Binds a host function that answers at once.
        pub fn $now<T: Send + 'static, $($ty: HostParam,)* R: HostResult>(
            this: &'static HostFunction<T>,
            store: &mut Store<T>,
            function: fn(&mut Caller<'_, T> $(, $ty)*) -> Result<R, Fault>,
        ) -> Bound {
            $brief(this, store, |_: &mut Caller<'_, T> $(, _: $ty)*| None, function)
        }

        /// The same, with another function that is asked first: as in the case of those that may wait.
        pub fn $brief<T: Send + 'static, $($ty: HostParam,)* R: HostResult>(
            this: &'static HostFunction<T>,
            store: &mut Store<T>,
            at_once: impl Fn(&mut Caller<'_, T> $(, $ty)*) -> Option<R> + Send + Sync + 'static,
            function: fn(&mut Caller<'_, T> $(, $ty)*) -> Result<R, Fault>,
        ) -> Bound {
            Bound(wasmi::Func::wrap(
                &mut *store.inner,
                move |mut caller: wasmi::Caller<'_, Data<T>> $(, $param: $ty)*| -> <R::Raw as RawResult>::Ret {
                    let mut caller = Caller { context: wasmi::AsContextMut::as_context_mut(&mut caller) };
                    if let Some(result) = at_once(&mut caller $(, $param)*) {
                        return R::Raw::ret(Ok(result.into_raw()));
                    }
                    let arguments = [$($param.bits()),*];
                    R::Raw::ret(caller.begin(&this.signature, &arguments).and_then(|()| {
                        let result = function(&mut caller $(, $param)*).map(R::into_raw);
                        finish(&mut caller, &this.signature, &arguments, result)
                    }))
                },
            ))
        }

        /// Binds a host function that may wait: it is called again with the same arguments until it
        /// is ready.
        pub fn $poll<T: Send + 'static, $($ty: HostParam,)* R: HostResult>(
            this: &'static HostFunction<T>,
            store: &mut Store<T>,
            function: fn(&mut Caller<'_, T>, &mut Context<'_> $(, $ty)*) -> Poll<Result<R, Fault>>,
        ) -> Bound {
            $quick(this, store, |_: &mut Caller<'_, T> $(, _: $ty)*| None, function)
        }

        /// The same, with another function that is asked first. It answers where the call is over at once, in the most
        /// common of its forms, and pays for it ([`Caller::at_once`]); where it has to wait, the other one is asked from then
        /// on; where it answers nothing it has done nothing.
        pub fn $quick<T: Send + 'static, $($ty: HostParam,)* R: HostResult>(
            this: &'static HostFunction<T>,
            store: &mut Store<T>,
            at_once: impl Fn(&mut Caller<'_, T> $(, $ty)*) -> Option<Poll<R>> + Send + Sync + 'static,
            function: fn(&mut Caller<'_, T>, &mut Context<'_> $(, $ty)*) -> Poll<Result<R, Fault>>,
        ) -> Bound {
            Bound(wasmi::Func::wrap(
                &mut *store.inner,
                move |mut caller: wasmi::Caller<'_, Data<T>> $(, $param: $ty)*| -> <R::Raw as RawResult>::Ret {
                    let mut caller = Caller { context: wasmi::AsContextMut::as_context_mut(&mut caller) };
                    let waits = match at_once(&mut caller $(, $param)*) {
                        Some(Poll::Ready(result)) => return R::Raw::ret(Ok(result.into_raw())),
                        Some(Poll::Pending) => true,
                        None => false,
                    };
                    R::Raw::ret($slow(this, &mut caller, function, waits, ($($param,)*)))
                },
            ))
        }

        /// What such a call is where nothing answered it at once: by itself, so that its frame is not that of those that
        /// are answered, and so that it is there once for all functions of one type.
        #[inline(never)]
        fn $slow<T: Send + 'static, $($ty: HostParam,)* R: HostResult>(
            this: &'static HostFunction<T>,
            caller: &mut Caller<'_, T>,
            function: fn(&mut Caller<'_, T>, &mut Context<'_> $(, $ty)*) -> Poll<Result<R, Fault>>,
            waits: bool,
            ($($param,)*): ($($ty,)*),
        ) -> Result<R::Raw, wasmi::Error> {
            let arguments = [$($param.bits()),*];
            caller.begin(&this.signature, &arguments)?;
            let poll = (!waits).then(|| caller.with_waker(|caller, waker| {
                function(caller, &mut Context::from_waker(waker) $(, $param)*)
            }));
            if let Some(Poll::Ready(result)) = poll {
                return finish(caller, &this.signature, &arguments, result.map(R::into_raw));
            }
            let again: Pending<T> = Box::new(move |caller, cx| {
                let arguments = [$($param.bits()),*];
                let Poll::Ready(result) = function(caller, cx $(, $param)*) else {
                    return Poll::Pending;
                };
                let result = caller.settle(result.map(R::into_raw));
                caller.end(&this.signature, &arguments, result.map(RawResult::bits));
                Poll::Ready(result.map(RawResult::value))
            });
            caller.context.data_mut().pending = Some(again);
            Err(caller.wait(&this.signature, &arguments))
        }
    };
}

fn finish<T: 'static, R: RawResult>(
    caller: &mut Caller<'_, T>,
    signature: &'static Signature,
    arguments: &[u64],
    result: Result<R, Fault>,
) -> Result<R, wasmi::Error> {
    let result = caller.settle(result);
    caller.end(signature, arguments, result.map(RawResult::bits));
    result.map_err(Fault::into_wasmi)
}

bind!(now0 brief0 poll0 quick0 slow0);
bind!(now1 brief1 poll1 quick1 slow1 a A);
bind!(now2 brief2 poll2 quick2 slow2 a A, b B);
bind!(now3 brief3 poll3 quick3 slow3 a A, b B, c C);
bind!(now4 brief4 poll4 quick4 slow4 a A, b B, c C, d D);
bind!(now5 brief5 poll5 quick5 slow5 a A, b B, c C, d D, e E);
bind!(now6 brief6 poll6 quick6 slow6 a A, b B, c C, d D, e E, f F);
bind!(now7 brief7 poll7 quick7 slow7 a A, b B, c C, d D, e E, f F, g G);
bind!(now8 brief8 poll8 quick8 slow8 a A, b B, c C, d D, e E, f F, g G, h H);
bind!(now9 brief9 poll9 quick9 slow9 a A, b B, c C, d D, e E, f F, g G, h H, i I);
