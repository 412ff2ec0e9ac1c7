//! `wasi:random`.

use super::{State, interface, state};
use crate::{
    Error, Trap,
    component::{Linker, StoreContextMut},
    engine::Fault,
    wasi::random,
};
use alloc::{vec, vec::Vec};

/// Offers `wasi:random`.
pub(super) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> &mut State,
) -> Result<(), Error> {
    let mut it = linker.instance(interface!("random/random"))?;
    it.func_wrap("get-random-bytes", move |store, (max,): (u64,)| bytes(store, get, max))?;
    it.func_wrap("get-random-u64", move |store, (): ()| number(store, get))?;
    // A source fit for cryptography is fit for less.
    let mut it = linker.instance(interface!("random/insecure"))?;
    it.func_wrap("get-insecure-random-bytes", move |store, (max,): (u64,)| bytes(store, get, max))?;
    it.func_wrap("get-insecure-random-u64", move |store, (): ()| number(store, get))?;
    let mut it = linker.instance(interface!("random/insecure-seed"))?;
    it.func_wrap("get-insecure-seed", move |mut store, (): ()| {
        let State { random, seed, .. } = state(&mut store, get);
        let word = || random::random_u64(&**random).map_err(failed);
        let words = match *seed {
            Some(words) => words,
            None => *seed.insert((word()?, word()?)),
        };
        Ok((words,))
    })
}

/// At most `max` bytes, and at most so many as one call may have: a guest asks again for more.
fn bytes<T: Send + 'static>(
    mut store: StoreContextMut<'_, T>,
    get: fn(&mut T) -> &mut State,
    max: u64,
) -> Result<(Vec<u8>,), Fault> {
    let state = state(&mut store, get);
    let random = state.random.clone();
    let length = usize::try_from(max).unwrap_or(usize::MAX).min(state.random_bytes_max);
    store.charge(length as u64 / BYTES_PER_FUEL)?;
    let mut bytes = vec![0; length];
    random::fill(&*random, &mut bytes).map_err(failed)?;
    Ok((bytes,))
}

fn number<T: Send + 'static>(
    mut store: StoreContextMut<'_, T>,
    get: fn(&mut T) -> &mut State,
) -> Result<(u64,), Fault> {
    random::random_u64(&*state(&mut store, get).random).map(|number| (number,)).map_err(failed)
}

/// Guests are promised that this does not fail.
fn failed(_: crate::cap::Code) -> Fault {
    Fault::Trap(Trap::Host("the source of random bytes failed"))
}

/// What random bytes cost, beyond being moved.
const BYTES_PER_FUEL: u64 = 8;
