//! How deep a guest call is nested in others, by way of their host.
//!
//! Where one stops, all that it is nested in leave the native stack with it, and it goes on from there by itself. It is
//! nested as before: were only what stands on the native stack counted, a guest could tell by how deep it may call where
//! slices of fuel end.

use crate::engine::Caller;
use core::mem;

impl<T: Send + 'static> Caller<'_, T> {
    /// How many guest calls what is called now is nested in.
    pub(crate) fn nesting(&self) -> u32 {
        let data = self.context.data();
        data.depth.saturating_add(data.depth_stopped)
    }

    /// Does `work` as what is nested in so many guest calls: those that are on the native stack, and others that are
    /// stopped.
    pub(crate) fn nested_in<R>(&mut self, nesting: u32, work: impl FnOnce(&mut Self) -> R) -> R {
        let data = self.context.data_mut();
        let before = mem::replace(&mut data.depth_stopped, nesting.saturating_sub(data.depth));
        let result = work(self);
        self.context.data_mut().depth_stopped = before;
        result
    }
}
