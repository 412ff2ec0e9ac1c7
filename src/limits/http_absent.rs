//! Bounds on HTTP, where there is none.

/// Nothing to bound: built without `http`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpLimits {}

impl HttpLimits {
    pub(super) const MCU: Self = Self {};
    pub(super) const SERVER: Self = Self {};

    #[must_use]
    pub(super) const fn at_most(&self, _: &Self) -> Self {
        Self {}
    }
}
