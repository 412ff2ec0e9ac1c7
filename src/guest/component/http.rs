//! Components that handle requests.

use super::{CallError, Guest};
use crate::{Error, Trap, cap::http::Request, dialects, wasi::http::Answer};

impl Guest {
    /// Has it handle `request`, to when nothing of it goes on.
    pub(in crate::guest) async fn handle(&mut self, request: Request, answer: &Answer) -> Result<(), Error> {
        let Some(handler) = dialects::http::handler(&self.instance) else {
            return Err(Error::export("wasi:http/handler", "the program handles no requests"));
        };
        self.state.begin()?;
        self.store.tell_enter(&handler);
        let handled =
            dialects::http::handle(&mut self.store, &self.instance, &handler, request, answer).await;
        self.ended(&handler, handled).map_err(|error| match error {
            CallError::Error(error) => error,
            CallError::Exit(_) => Trap::Host("it ended itself while it handled a request").into(),
        })
    }

    /// Whether it exports what requests are handled by.
    pub(in crate::guest) fn handles(&self) -> bool {
        dialects::http::handler(&self.instance).is_some()
    }
}
