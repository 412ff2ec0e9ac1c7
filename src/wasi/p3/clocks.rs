//! `wasi:clocks`.

use super::{State, interface, state};
use crate::{
    Error,
    cap::clocks::Datetime,
    component::{
        ComponentType, Lift, Linker, StoreContextMut,
        abi::{LiftContext, Place},
        host::Check,
        types::ValType,
    },
    engine::Fault,
    wasi::clocks::{self, Until},
};
use alloc::string::String;
use core::task::{Context, Poll};

/// A point in wall-clock time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instant {
    seconds: i64,
    nanoseconds: u32,
}
crate::record! { Instant { seconds: i64 = "seconds", nanoseconds: u32 = "nanoseconds" } }

impl From<Datetime> for Instant {
    fn from(time: Datetime) -> Self {
        Self { seconds: time.seconds, nanoseconds: time.nanoseconds }
    }
}

impl From<Instant> for Datetime {
    fn from(time: Instant) -> Self {
        Self { seconds: time.seconds, nanoseconds: time.nanoseconds }
    }
}

/// Offers `wasi:clocks`.
pub(super) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> &mut State,
) -> Result<(), Error> {
    let mut it = linker.instance(interface!("clocks/monotonic-clock"))?;
    it.func_wrap("now", move |mut store, (): ()| Ok((state(&mut store, get).clocks.monotonic_now_ns(),)))?;
    it.func_wrap("get-resolution", move |mut store, (): ()| {
        Ok((state(&mut store, get).clocks.monotonic_resolution_ns(),))
    })?;
    it.func_wrap_poll("wait-until", move |store, _, (wait,): &mut (Wait,)| {
        poll_wait(store, get, wait, Until::Monotonic).map(Ok)
    })?;
    it.func_wrap_poll("wait-for", move |store, _, (wait,): &mut (Wait,)| {
        poll_wait(store, get, wait, Until::After).map(Ok)
    })?;
    let mut it = linker.instance(interface!("clocks/system-clock"))?;
    it.func_wrap("now", move |mut store, (): ()| {
        Ok((Instant::from(state(&mut store, get).clocks.wall_now()),))
    })?;
    it.func_wrap("get-resolution", move |mut store, (): ()| {
        Ok((state(&mut store, get).clocks.wall_resolution_ns(),))
    })
}

/// A time to wait for or until, as a guest says it, and when that is: computed once, when the wait begins.
struct Wait {
    ns: u64,
    deadline_ns: Option<u64>,
}

impl ComponentType for Wait {
    fn check(check: &Check<'_>, ty: ValType) -> Result<(), String> {
        u64::check(check, ty)
    }
}

impl Lift for Wait {
    fn lift<T: Send + 'static>(
        cx: &mut LiftContext<'_, '_, T>,
        ty: ValType,
        from: Place,
    ) -> Result<Self, Fault> {
        Ok(Self { ns: u64::lift(cx, ty, from)?, deadline_ns: None })
    }
}

fn poll_wait<T: Send + 'static>(
    mut store: StoreContextMut<'_, T>,
    get: fn(&mut T) -> &mut State,
    wait: &mut Wait,
    until: fn(u64) -> Until,
) -> Poll<()> {
    let deadline_ns = match wait.deadline_ns {
        Some(deadline_ns) => deadline_ns,
        None => {
            let clocks = state(&mut store, get).clocks.clone();
            let deadline_ns = clocks::deadline_ns(&*clocks, until(wait.ns));
            if deadline_ns <= clocks.monotonic_now_ns() {
                return Poll::Ready(());
            }
            *wait.deadline_ns.insert(deadline_ns)
        }
    };
    store.poll_deadline(deadline_ns)
}

/// Whether `deadline_ns` has come. A virtual clock takes being asked to wait as leave to jump there: so that is asked
/// when nothing else can go on, and for the earliest deadline of all.
pub(super) fn poll_time<T: Send + 'static>(
    mut store: StoreContextMut<'_, T>,
    get: fn(&mut T) -> &mut State,
    cx: &mut Context<'_>,
    deadline_ns: u64,
    may_wait: bool,
) -> Poll<()> {
    let clocks = &state(&mut store, get).clocks;
    if may_wait {
        return clocks::poll_first(&**clocks, cx, [deadline_ns]);
    }
    if deadline_ns <= clocks.monotonic_now_ns() { Poll::Ready(()) } else { Poll::Pending }
}
