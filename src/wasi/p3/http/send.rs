//! `wasi:http/client`, and `wasi:http/handler` as a middleware imports it.

use super::{
    messages::{Request, Response},
    types::ErrorCode,
};
use crate::{
    Error,
    cap::http,
    component::{
        ComponentType, Lift, Linker, Resource, StoreContextMut,
        abi::{LiftContext, Place},
        host::Check,
        types::ValType,
    },
    engine::Fault,
    wasi::{
        http::{Outgoing, Receipt, Sending, To},
        p3::{State, interface, state},
        price,
    },
};
use alloc::string::String;
use core::task::{Context, Poll, ready};

/// Offers both.
pub(super) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> &mut State,
) -> Result<(), Error> {
    let mut it = linker.instance(interface!("http/client"))?;
    it.func_wrap_poll("send", move |store, cx, (call,): &mut (Call,)| {
        poll_send(store, get, cx, call, To::Network).map_ok(|result| (result,))
    })?;
    let mut it = linker.instance(interface!("http/handler"))?;
    it.func_wrap_poll("handle", move |store, cx, (call,): &mut (Call,)| {
        poll_send(store, get, cx, call, To::Handler).map_ok(|result| (result,))
    })
}

/// A request, and what becomes of it: given up when the call is.
struct Call {
    /// None once it was sent.
    request: Option<Resource<Request>>,
    sending: Option<Sending>,
    /// Who hears how it went, where nobody else can tell.
    receipt: Option<Receipt>,
}

impl Call {
    fn settle(&self, result: Result<(), http::ErrorCode>) {
        if let Some(receipt) = &self.receipt {
            receipt.settle(result);
        }
    }
}

impl ComponentType for Call {
    fn check(check: &Check<'_>, ty: ValType) -> Result<(), String> {
        Resource::<Request>::check(check, ty)
    }
}

impl Lift for Call {
    fn lift<T: Send + 'static>(
        cx: &mut LiftContext<'_, '_, T>,
        ty: ValType,
        from: Place,
    ) -> Result<Self, Fault> {
        Ok(Self { request: Some(Resource::lift(cx, ty, from)?), sending: None, receipt: None })
    }
}

fn poll_send<T: Send + 'static>(
    mut store: StoreContextMut<'_, T>,
    get: fn(&mut T) -> &mut State,
    cx: &mut Context<'_>,
    call: &mut Call,
    to: To,
) -> Poll<Result<Result<Resource<Response>, ErrorCode>, Fault>> {
    if let Some(request) = call.request.take() {
        let state = state(&mut store, get);
        let Request { target, headers, options, contents } = state.table.delete(request)?;
        let ((body, receipt), options) = (contents.into_request(), options.unwrap_or_default());
        call.receipt = receipt;
        if matches!(to, To::Network) {
            state.tab.owe(price::REQUEST);
        }
        match state.http.send(to, Outgoing { target: &target, headers: &headers, body, options }) {
            Ok(sending) => call.sending = Some(sending),
            Err(code) => {
                call.settle(Err(code.clone()));
                return Poll::Ready(Ok(Err(code.into())));
            }
        }
    }
    let Some(sending) = &mut call.sending else {
        return Poll::Ready(Err(crate::bug!("a request that is neither sent nor to be sent").into()));
    };
    let mut polled = sending.poll_response(cx);
    if polled.is_pending()
        && let Some(deadline_ns) = sending.deadline_ns()
        && store.poll_deadline(deadline_ns).is_ready()
    {
        polled = sending.poll_response(cx);
    }
    let answered = ready!(polled);
    call.settle(answered.as_ref().map(drop).map_err(Clone::clone));
    Poll::Ready(Ok(match answered {
        Ok(answered) => Ok(state(&mut store, get).table.push(Response::received(answered))?),
        Err(code) => Err(code.into()),
    }))
}
