//! What a guest may keep of HTTP in the host.

use crate::HttpLimits;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};

/// One guest's bounds, and how much of them it uses. A cheap handle: clones count together.
#[derive(Clone, Debug)]
pub struct Bounds(Arc<Used>);

#[derive(Debug)]
struct Used {
    limits: HttpLimits,
    bytes: AtomicU32,
}

/// Bytes that are kept. Given back when it is dropped.
#[derive(Debug)]
pub(super) struct Charge {
    bounds: Bounds,
    bytes: u32,
}

impl Bounds {
    /// Nothing used yet.
    #[must_use]
    pub fn new(limits: &HttpLimits) -> Self {
        Self(Arc::new(Used { limits: *limits, bytes: AtomicU32::new(0) }))
    }

    /// The bounds.
    #[must_use]
    pub fn limits(&self) -> &HttpLimits {
        &self.0.limits
    }

    /// Bytes of fields and of bodies that are kept now.
    #[must_use]
    pub fn bytes(&self) -> u32 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Nothing, which can grow.
    pub(super) fn charge(&self) -> Charge {
        Charge { bounds: self.clone(), bytes: 0 }
    }
}

impl Charge {
    /// Has this be so many bytes. Without room for them it stays what it was.
    pub(super) fn resize(&mut self, bytes: usize) -> Result<(), Exceeded> {
        let bytes = u32::try_from(bytes).map_err(|_| Exceeded)?;
        let (used, max) = (&self.bounds.0.bytes, self.bounds.0.limits.bytes);
        if bytes > self.bytes {
            let more = bytes - self.bytes;
            let add = |used: u32| used.checked_add(more).filter(|sum| *sum <= max);
            used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).map_err(|_| Exceeded)?;
        } else {
            used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.bounds.0.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// More than there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exceeded;
