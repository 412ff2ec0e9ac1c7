//! What a guest answers, on its way to who asked.

use crate::cap::http::{ErrorCode, Response};
use alloc::sync::Arc;
use core::fmt;
use spin::Mutex;

/// Where a guest puts its response: what the one who asked looks at.
#[derive(Clone, Default)]
pub struct Answer(Arc<Mutex<Option<Result<Response, ErrorCode>>>>);

impl Answer {
    /// The response, or why there is none, if the guest has said so and it was not taken before.
    #[must_use]
    pub fn take(&self) -> Option<Result<Response, ErrorCode>> {
        self.0.lock().take()
    }

    /// Puts it there.
    pub(crate) fn give(&self, answer: Result<Response, ErrorCode>) {
        *self.0.lock() = Some(answer);
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Answer").field(&*self.0.lock()).finish()
    }
}
