//! Requests that came in and their responses; responses that came in.

use super::{
    bodies::{Contents, IncomingBody, OutgoingBody},
    types::{
        self, HostIncomingRequest, HostIncomingResponse, HostOutgoingResponse, HostResponseOutparam, Method,
        Scheme,
    },
};
use crate::{
    component::Resource,
    engine::Fault,
    wasi::{
        http::{self, Answer, Answered, Asked, Fields, Message, Target, answer, is_status},
        p2::State,
    },
};
use alloc::string::String;

/// A request that came in.
#[derive(Debug)]
pub struct IncomingRequest {
    target: Target,
    headers: Fields,
    body: Option<http::IncomingBody>,
}

impl IncomingRequest {
    pub(super) fn new(Asked { target, headers, body }: Asked) -> Self {
        Self { target, headers, body: Some(body) }
    }
}

/// What a guest has to say its response with: once.
#[derive(Debug)]
pub struct ResponseOutparam {
    answer: Answer,
    is_head: bool,
}

impl ResponseOutparam {
    pub(super) fn new(answer: Answer, is_head: bool) -> Self {
        Self { answer, is_head }
    }
}

/// A response that goes out.
#[derive(Debug)]
pub struct OutgoingResponse {
    status: u16,
    headers: Fields,
    contents: Contents,
}

/// A response that came in.
#[derive(Debug)]
pub struct IncomingResponse {
    status: u16,
    headers: Fields,
    body: Option<http::IncomingBody>,
}

impl IncomingResponse {
    pub(super) fn new(Answered { status, headers, body }: Answered) -> Self {
        Self { status, headers, body: Some(body) }
    }
}

impl HostIncomingRequest for State {
    fn method(&mut self, this: Resource<IncomingRequest>) -> Result<Method, Fault> {
        Ok(self.table.get(&this)?.target.method().clone().into())
    }

    fn path_with_query(&mut self, this: Resource<IncomingRequest>) -> Result<Option<String>, Fault> {
        Ok(self.table.get(&this)?.target.path_with_query().map(String::from))
    }

    fn scheme(&mut self, this: Resource<IncomingRequest>) -> Result<Option<Scheme>, Fault> {
        Ok(self.table.get(&this)?.target.scheme().cloned().map(Scheme::from))
    }

    fn authority(&mut self, this: Resource<IncomingRequest>) -> Result<Option<String>, Fault> {
        Ok(self.table.get(&this)?.target.authority().map(String::from))
    }

    fn headers(&mut self, this: Resource<IncomingRequest>) -> Result<Resource<Fields>, Fault> {
        let headers = self.table.get(&this)?.headers.clone();
        Ok(self.table.push_child(headers, &this)?)
    }

    fn consume(
        &mut self,
        this: Resource<IncomingRequest>,
    ) -> Result<Result<Resource<IncomingBody>, ()>, Fault> {
        match self.table.get_mut(&this)?.body.take() {
            Some(body) => Ok(Ok(self.table.push(IncomingBody::new(body))?)),
            None => Ok(Err(())),
        }
    }

    fn drop(&mut self, this: Resource<IncomingRequest>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl HostResponseOutparam for State {
    fn set(
        &mut self,
        param: Resource<ResponseOutparam>,
        response: Result<Resource<OutgoingResponse>, types::ErrorCode>,
    ) -> Result<(), Fault> {
        let ResponseOutparam { answer: place, is_head } = self.table.delete(param)?;
        let response = match response {
            Ok(response) => {
                let OutgoingResponse { status, headers, contents } = self.table.delete(response)?;
                answer(status, &headers, contents.into_wire(), is_head)
            }
            Err(code) => Err(code.into()),
        };
        place.give(response);
        Ok(())
    }

    fn drop(&mut self, this: Resource<ResponseOutparam>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl HostOutgoingResponse for State {
    fn new(&mut self, headers: Resource<Fields>) -> Result<Resource<OutgoingResponse>, Fault> {
        let headers = self.table.delete(headers)?.freeze();
        Ok(self.table.push(OutgoingResponse { status: 200, headers, contents: Contents::None })?)
    }

    fn status_code(&mut self, this: Resource<OutgoingResponse>) -> Result<u16, Fault> {
        Ok(self.table.get(&this)?.status)
    }

    fn set_status_code(
        &mut self,
        this: Resource<OutgoingResponse>,
        status_code: u16,
    ) -> Result<Result<(), ()>, Fault> {
        if !is_status(status_code) {
            return Ok(Err(()));
        }
        self.table.get_mut(&this)?.status = status_code;
        Ok(Ok(()))
    }

    fn headers(&mut self, this: Resource<OutgoingResponse>) -> Result<Resource<Fields>, Fault> {
        let headers = self.table.get(&this)?.headers.clone();
        Ok(self.table.push_child(headers, &this)?)
    }

    fn body(
        &mut self,
        this: Resource<OutgoingResponse>,
    ) -> Result<Result<Resource<OutgoingBody>, ()>, Fault> {
        let OutgoingResponse { headers, contents, .. } = self.table.get_mut(&this)?;
        match contents.open(&self.http.bounds, Message::Response, headers) {
            Some(body) => Ok(Ok(self.table.push(body)?)),
            None => Ok(Err(())),
        }
    }

    fn drop(&mut self, this: Resource<OutgoingResponse>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl HostIncomingResponse for State {
    fn status(&mut self, this: Resource<IncomingResponse>) -> Result<u16, Fault> {
        Ok(self.table.get(&this)?.status)
    }

    fn headers(&mut self, this: Resource<IncomingResponse>) -> Result<Resource<Fields>, Fault> {
        let headers = self.table.get(&this)?.headers.clone();
        Ok(self.table.push_child(headers, &this)?)
    }

    fn consume(
        &mut self,
        this: Resource<IncomingResponse>,
    ) -> Result<Result<Resource<IncomingBody>, ()>, Fault> {
        match self.table.get_mut(&this)?.body.take() {
            Some(body) => Ok(Ok(self.table.push(IncomingBody::new(body))?)),
            None => Ok(Err(())),
        }
    }

    fn drop(&mut self, this: Resource<IncomingResponse>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}
