//! Requests that go out.

use super::{
    bodies::{Contents, OutgoingBody},
    messages::IncomingResponse,
    types::{ErrorCode, HostFutureIncomingResponse, HostOutgoingRequest, HostRequestOptions, Method, Scheme},
};
use crate::{
    cap::http::Options,
    component::Resource,
    engine::Fault,
    wasi::{
        http::{Answered, Fields, Message, Outgoing, Sending, Target, To},
        p2::{Pollable, State, Subscribe, bindings::http::outgoing_handler, subscribe},
        price,
    },
};
use alloc::string::String;
use core::task::{Context, Poll};

/// A request that is being made.
#[derive(Debug)]
pub struct OutgoingRequest {
    target: Target,
    headers: Fields,
    contents: Contents,
}

/// How long to wait.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestOptions(Options);

/// A response that is waited for.
#[derive(Debug)]
pub struct FutureIncomingResponse {
    /// None once it was taken.
    state: Option<Exchange>,
}

#[derive(Debug)]
enum Exchange {
    Sending(Sending),
    Ended(Result<Answered, crate::cap::http::ErrorCode>),
}

impl Subscribe for FutureIncomingResponse {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(Exchange::Sending(sending)) = &mut self.state {
            let Poll::Ready(response) = sending.poll_response(cx) else { return Poll::Pending };
            self.state = Some(Exchange::Ended(response));
        }
        Poll::Ready(())
    }

    fn deadline_ns(&self) -> Option<u64> {
        match &self.state {
            Some(Exchange::Sending(sending)) => sending.deadline_ns(),
            _ => None,
        }
    }
}

/// What a setter tells a guest.
fn told<E>(result: Result<(), E>) -> Result<(), ()> {
    result.map_err(drop)
}

impl HostOutgoingRequest for State {
    fn new(&mut self, headers: Resource<Fields>) -> Result<Resource<OutgoingRequest>, Fault> {
        let headers = self.table.delete(headers)?.freeze();
        let request = OutgoingRequest { target: Target::default(), headers, contents: Contents::None };
        Ok(self.table.push(request)?)
    }

    fn body(&mut self, this: Resource<OutgoingRequest>) -> Result<Result<Resource<OutgoingBody>, ()>, Fault> {
        let OutgoingRequest { headers, contents, .. } = self.table.get_mut(&this)?;
        match contents.open(&self.http.bounds, Message::Request, headers) {
            Some(body) => Ok(Ok(self.table.push(body)?)),
            None => Ok(Err(())),
        }
    }

    fn method(&mut self, this: Resource<OutgoingRequest>) -> Result<Method, Fault> {
        Ok(self.table.get(&this)?.target.method().clone().into())
    }

    fn set_method(
        &mut self,
        this: Resource<OutgoingRequest>,
        method: Method,
    ) -> Result<Result<(), ()>, Fault> {
        Ok(told(self.table.get_mut(&this)?.target.set_method(&self.http.bounds, method.into())))
    }

    fn path_with_query(&mut self, this: Resource<OutgoingRequest>) -> Result<Option<String>, Fault> {
        Ok(self.table.get(&this)?.target.path_with_query().map(String::from))
    }

    fn set_path_with_query(
        &mut self,
        this: Resource<OutgoingRequest>,
        path_with_query: Option<String>,
    ) -> Result<Result<(), ()>, Fault> {
        let target = &mut self.table.get_mut(&this)?.target;
        Ok(told(target.set_path_with_query(&self.http.bounds, path_with_query)))
    }

    fn scheme(&mut self, this: Resource<OutgoingRequest>) -> Result<Option<Scheme>, Fault> {
        Ok(self.table.get(&this)?.target.scheme().cloned().map(Scheme::from))
    }

    fn set_scheme(
        &mut self,
        this: Resource<OutgoingRequest>,
        scheme: Option<Scheme>,
    ) -> Result<Result<(), ()>, Fault> {
        let target = &mut self.table.get_mut(&this)?.target;
        Ok(told(target.set_scheme(&self.http.bounds, scheme.map(Into::into))))
    }

    fn authority(&mut self, this: Resource<OutgoingRequest>) -> Result<Option<String>, Fault> {
        Ok(self.table.get(&this)?.target.authority().map(String::from))
    }

    fn set_authority(
        &mut self,
        this: Resource<OutgoingRequest>,
        authority: Option<String>,
    ) -> Result<Result<(), ()>, Fault> {
        Ok(told(self.table.get_mut(&this)?.target.set_authority(&self.http.bounds, authority)))
    }

    fn headers(&mut self, this: Resource<OutgoingRequest>) -> Result<Resource<Fields>, Fault> {
        let headers = self.table.get(&this)?.headers.clone();
        Ok(self.table.push_child(headers, &this)?)
    }

    fn drop(&mut self, this: Resource<OutgoingRequest>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl State {
    fn options(&mut self, this: &Resource<RequestOptions>) -> Result<&mut Options, Fault> {
        Ok(&mut self.table.get_mut(this)?.0)
    }
}

impl HostRequestOptions for State {
    fn new(&mut self) -> Result<Resource<RequestOptions>, Fault> {
        Ok(self.table.push(RequestOptions::default())?)
    }

    fn connect_timeout(&mut self, this: Resource<RequestOptions>) -> Result<Option<u64>, Fault> {
        Ok(self.options(&this)?.connect_timeout_ns)
    }

    fn set_connect_timeout(
        &mut self,
        this: Resource<RequestOptions>,
        duration: Option<u64>,
    ) -> Result<Result<(), ()>, Fault> {
        self.options(&this)?.connect_timeout_ns = duration;
        Ok(Ok(()))
    }

    fn first_byte_timeout(&mut self, this: Resource<RequestOptions>) -> Result<Option<u64>, Fault> {
        Ok(self.options(&this)?.first_byte_timeout_ns)
    }

    fn set_first_byte_timeout(
        &mut self,
        this: Resource<RequestOptions>,
        duration: Option<u64>,
    ) -> Result<Result<(), ()>, Fault> {
        self.options(&this)?.first_byte_timeout_ns = duration;
        Ok(Ok(()))
    }

    fn between_bytes_timeout(&mut self, this: Resource<RequestOptions>) -> Result<Option<u64>, Fault> {
        Ok(self.options(&this)?.between_bytes_timeout_ns)
    }

    fn set_between_bytes_timeout(
        &mut self,
        this: Resource<RequestOptions>,
        duration: Option<u64>,
    ) -> Result<Result<(), ()>, Fault> {
        self.options(&this)?.between_bytes_timeout_ns = duration;
        Ok(Ok(()))
    }

    fn drop(&mut self, this: Resource<RequestOptions>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl outgoing_handler::Host for State {
    fn handle(
        &mut self,
        request: Resource<OutgoingRequest>,
        options: Option<Resource<RequestOptions>>,
    ) -> Result<Result<Resource<FutureIncomingResponse>, ErrorCode>, Fault> {
        let OutgoingRequest { target, headers, contents } = self.table.delete(request)?;
        let options = match options {
            Some(options) => self.table.delete(options)?.0,
            None => Options::default(),
        };
        let body = contents.into_wire();
        self.tab.owe(price::REQUEST);
        let sending =
            self.http.send(To::Network, Outgoing { target: &target, headers: &headers, body, options });
        match sending {
            Ok(sending) => {
                let future = FutureIncomingResponse { state: Some(Exchange::Sending(sending)) };
                Ok(Ok(self.table.push(future)?))
            }
            Err(code) => Ok(Err(code.into())),
        }
    }
}

impl HostFutureIncomingResponse for State {
    fn subscribe(&mut self, this: Resource<FutureIncomingResponse>) -> Result<Resource<Pollable>, Fault> {
        Ok(subscribe(&mut self.table, &this)?)
    }

    fn get(
        &mut self,
        cx: &mut Context<'_>,
        this: &mut Resource<FutureIncomingResponse>,
    ) -> Poll<Result<Option<Result<Result<Resource<IncomingResponse>, ErrorCode>, ()>>, Fault>> {
        let future = self.table.get_mut(this)?;
        if future.poll_ready(cx).is_pending() {
            return Poll::Ready(Ok(None));
        }
        let Some(Exchange::Ended(response)) = future.state.take() else {
            return Poll::Ready(Ok(Some(Err(()))));
        };
        Poll::Ready(Ok(Some(Ok(match response {
            Ok(response) => Ok(self.table.push(IncomingResponse::new(response))?),
            Err(code) => Err(code.into()),
        }))))
    }

    fn drop(&mut self, this: Resource<FutureIncomingResponse>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}
