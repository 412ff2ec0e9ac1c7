//! Requests, their options, and responses.

use super::{
    contents::{Contents, Outcome, Trailers},
    types::{self, HostRequest, HostRequestOptions, HostResponse, Method, RequestOptionsError, Scheme},
};
use crate::{
    cap::http::Options,
    component::{Access, FutureReader, Resource, StreamReader},
    engine::Fault,
    wasi::{
        http::{Answered, Asked, Fields, Message, Target, is_status},
        p3::State,
    },
};
use alloc::string::String;

/// A request: one that a guest makes, or one that came in.
#[derive(Debug)]
pub struct Request {
    pub(super) target: Target,
    pub(super) headers: Fields,
    pub(super) options: Option<Options>,
    pub(super) contents: Contents,
}

impl Request {
    pub(super) fn received(Asked { target, headers, body }: Asked) -> Self {
        Self { target, headers, options: None, contents: Contents::Came(body) }
    }
}

/// How long to wait.
#[derive(Clone, Copy, Debug)]
pub struct RequestOptions {
    options: Options,
    mutable: bool,
}

/// A response: one that a guest makes, or one that came in.
#[derive(Debug)]
pub struct Response {
    pub(super) status: u16,
    pub(super) headers: Fields,
    pub(super) contents: Contents,
}

impl Response {
    pub(super) fn received(Answered { status, headers, body }: Answered) -> Self {
        Self { status, headers, contents: Contents::Came(body) }
    }
}

impl types::Host for State {}

/// What a setter tells a guest.
fn told<E>(result: Result<(), E>) -> Result<(), ()> {
    result.map_err(drop)
}

impl HostRequest for State {
    fn new<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        headers: Resource<Fields>,
        contents: Option<StreamReader<u8>>,
        trailers: FutureReader<Trailers>,
        options: Option<Resource<RequestOptions>>,
    ) -> Result<(Resource<Request>, FutureReader<Outcome>), Fault> {
        let table = &mut access.get().table;
        let headers = table.delete(headers)?.freeze();
        let options = options.map(|options| table.delete(options)).transpose()?;
        let (contents, sent) = Contents::made(&mut access, Message::Request, &headers, contents, trailers);
        let options = options.map(|options| options.options);
        let request = Request { target: Target::default(), headers, options, contents };
        Ok((access.get().table.push(request)?, sent))
    }

    fn get_method(&mut self, this: Resource<Request>) -> Result<Method, Fault> {
        Ok(self.table.get(&this)?.target.method().clone().into())
    }

    fn set_method(&mut self, this: Resource<Request>, method: Method) -> Result<Result<(), ()>, Fault> {
        Ok(told(self.table.get_mut(&this)?.target.set_method(&self.http.bounds, method.into())))
    }

    fn get_path_with_query(&mut self, this: Resource<Request>) -> Result<Option<String>, Fault> {
        Ok(self.table.get(&this)?.target.path_with_query().map(String::from))
    }

    fn set_path_with_query(
        &mut self,
        this: Resource<Request>,
        path_with_query: Option<String>,
    ) -> Result<Result<(), ()>, Fault> {
        let target = &mut self.table.get_mut(&this)?.target;
        Ok(told(target.set_path_with_query(&self.http.bounds, path_with_query)))
    }

    fn get_scheme(&mut self, this: Resource<Request>) -> Result<Option<Scheme>, Fault> {
        Ok(self.table.get(&this)?.target.scheme().cloned().map(Scheme::from))
    }

    fn set_scheme(
        &mut self,
        this: Resource<Request>,
        scheme: Option<Scheme>,
    ) -> Result<Result<(), ()>, Fault> {
        let target = &mut self.table.get_mut(&this)?.target;
        Ok(told(target.set_scheme(&self.http.bounds, scheme.map(Into::into))))
    }

    fn get_authority(&mut self, this: Resource<Request>) -> Result<Option<String>, Fault> {
        Ok(self.table.get(&this)?.target.authority().map(String::from))
    }

    fn set_authority(
        &mut self,
        this: Resource<Request>,
        authority: Option<String>,
    ) -> Result<Result<(), ()>, Fault> {
        Ok(told(self.table.get_mut(&this)?.target.set_authority(&self.http.bounds, authority)))
    }

    fn get_options(&mut self, this: Resource<Request>) -> Result<Option<Resource<RequestOptions>>, Fault> {
        let Some(options) = self.table.get(&this)?.options else { return Ok(None) };
        Ok(Some(self.table.push(RequestOptions { options, mutable: false })?))
    }

    fn get_headers(&mut self, this: Resource<Request>) -> Result<Resource<Fields>, Fault> {
        let headers = self.table.get(&this)?.headers.clone();
        Ok(self.table.push(headers)?)
    }

    fn consume_body<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        this: Resource<Request>,
        res: FutureReader<Outcome>,
    ) -> Result<(StreamReader<u8>, FutureReader<Trailers>), Fault> {
        let request = access.get().table.delete(this)?;
        Ok(request.contents.consume(&mut access, Message::Request, res))
    }

    fn drop(&mut self, this: Resource<Request>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl State {
    fn options(&self, this: &Resource<RequestOptions>) -> Result<Options, Fault> {
        Ok(self.table.get(this)?.options)
    }

    fn set_options(
        &mut self,
        this: &Resource<RequestOptions>,
        set: impl FnOnce(&mut Options),
    ) -> Result<Result<(), RequestOptionsError>, Fault> {
        let RequestOptions { options, mutable } = self.table.get_mut(this)?;
        if !*mutable {
            return Ok(Err(RequestOptionsError::Immutable));
        }
        set(options);
        Ok(Ok(()))
    }
}

impl HostRequestOptions for State {
    fn new(&mut self) -> Result<Resource<RequestOptions>, Fault> {
        Ok(self.table.push(RequestOptions { options: Options::default(), mutable: true })?)
    }

    fn get_connect_timeout(&mut self, this: Resource<RequestOptions>) -> Result<Option<u64>, Fault> {
        Ok(self.options(&this)?.connect_timeout_ns)
    }

    fn set_connect_timeout(
        &mut self,
        this: Resource<RequestOptions>,
        duration: Option<u64>,
    ) -> Result<Result<(), RequestOptionsError>, Fault> {
        self.set_options(&this, |options| options.connect_timeout_ns = duration)
    }

    fn get_first_byte_timeout(&mut self, this: Resource<RequestOptions>) -> Result<Option<u64>, Fault> {
        Ok(self.options(&this)?.first_byte_timeout_ns)
    }

    fn set_first_byte_timeout(
        &mut self,
        this: Resource<RequestOptions>,
        duration: Option<u64>,
    ) -> Result<Result<(), RequestOptionsError>, Fault> {
        self.set_options(&this, |options| options.first_byte_timeout_ns = duration)
    }

    fn get_between_bytes_timeout(&mut self, this: Resource<RequestOptions>) -> Result<Option<u64>, Fault> {
        Ok(self.options(&this)?.between_bytes_timeout_ns)
    }

    fn set_between_bytes_timeout(
        &mut self,
        this: Resource<RequestOptions>,
        duration: Option<u64>,
    ) -> Result<Result<(), RequestOptionsError>, Fault> {
        self.set_options(&this, |options| options.between_bytes_timeout_ns = duration)
    }

    fn clone(&mut self, this: Resource<RequestOptions>) -> Result<Resource<RequestOptions>, Fault> {
        let options = self.options(&this)?;
        Ok(self.table.push(RequestOptions { options, mutable: true })?)
    }

    fn drop(&mut self, this: Resource<RequestOptions>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl HostResponse for State {
    fn new<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        headers: Resource<Fields>,
        contents: Option<StreamReader<u8>>,
        trailers: FutureReader<Trailers>,
    ) -> Result<(Resource<Response>, FutureReader<Outcome>), Fault> {
        let headers = access.get().table.delete(headers)?.freeze();
        let (contents, sent) = Contents::made(&mut access, Message::Response, &headers, contents, trailers);
        Ok((access.get().table.push(Response { status: 200, headers, contents })?, sent))
    }

    fn get_status_code(&mut self, this: Resource<Response>) -> Result<u16, Fault> {
        Ok(self.table.get(&this)?.status)
    }

    fn set_status_code(
        &mut self,
        this: Resource<Response>,
        status_code: u16,
    ) -> Result<Result<(), ()>, Fault> {
        if !is_status(status_code) {
            return Ok(Err(()));
        }
        self.table.get_mut(&this)?.status = status_code;
        Ok(Ok(()))
    }

    fn get_headers(&mut self, this: Resource<Response>) -> Result<Resource<Fields>, Fault> {
        let headers = self.table.get(&this)?.headers.clone();
        Ok(self.table.push(headers)?)
    }

    fn consume_body<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        this: Resource<Response>,
        res: FutureReader<Outcome>,
    ) -> Result<(StreamReader<u8>, FutureReader<Trailers>), Fault> {
        let response = access.get().table.delete(this)?;
        Ok(response.contents.consume(&mut access, Message::Response, res))
    }

    fn drop(&mut self, this: Resource<Response>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}
