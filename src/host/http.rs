//! What is granted of HTTP.

use super::Host;
use crate::{cap::http::Client, wasi::http::Policy};
use alloc::sync::Arc;

impl Host {
    /// Requests to whom `policy` allows, sent by `client`.
    #[must_use]
    pub fn http(mut self, client: impl Client + 'static, policy: Policy) -> Self {
        self.http.client = Some(Arc::new(client));
        self.http.policy = policy;
        self
    }

    /// Who handles what a middleware hands on (`wasi:http/handler`, imported).
    #[must_use]
    pub fn http_handler(mut self, handler: impl Client + 'static) -> Self {
        self.http.handler = Some(Arc::new(handler));
        self
    }
}
