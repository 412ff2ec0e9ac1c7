//! A call into a guest as a future.

use crate::engine::{Fault, Function, Store, Value, activation::Activation};
use alloc::vec::Vec;
use core::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use wasmi::Val;

/// A call of a guest's function. It makes progress while it is polled, and gives way to its executor
/// wherever the guest waits and after every slice of fuel.
///
/// Dropping it abandons the call where it stands.
pub(crate) struct Call<'a, T: 'static> {
    store: &'a mut Store<T>,
    name: &'a str,
    activation: Option<Activation<T>>,
    entered: bool,
}

impl<'a, T: Send + 'static> Call<'a, T> {
    /// A call of `function`, which goes by `name` to those who watch.
    pub(crate) fn new(store: &'a mut Store<T>, name: &'a str, function: &Function, params: Vec<Val>) -> Self {
        let activation = Some(Activation::returning(function.inner, function.results(), params));
        Self { store, name, activation, entered: false }
    }
}

impl<T: Send + 'static> Future for Call<'_, T> {
    type Output = Result<Vec<Value>, Fault>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if !core::mem::replace(&mut this.entered, true) {
            this.store.tell_enter(this.name);
        }
        let Some(activation) = &mut this.activation else {
            return Poll::Ready(Err(Fault::Trap(crate::bug!("a call was polled after its end"))));
        };
        let Poll::Ready(ended) = activation.poll(this.store, cx) else { return Poll::Pending };
        this.store.tell_leave(this.name, ended);
        let results = this.activation.take().map(Activation::into_results).unwrap_or_default();
        let results = results.iter().map(Value::from_wasmi).collect();
        Poll::Ready(ended.map(|()| results))
    }
}
