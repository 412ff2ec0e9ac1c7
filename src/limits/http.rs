//! Bounds on HTTP.

/// What a guest may use of HTTP: part of [`Limits`](crate::Limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Fields of one header or trailer section, each value counted.
    pub fields: u32,
    /// Bytes of one header or trailer section: names, values, and 32 for each field.
    pub fields_bytes: u32,
    /// Bytes of a method, an authority, or a path with its query.
    pub target_bytes: u32,
    /// Outgoing requests under way.
    pub requests: u32,
    /// Bytes of fields and of bodies that wait to be sent, all together.
    pub bytes: u32,
}

impl HttpLimits {
    pub(super) const MCU: Self =
        Self { fields: 32, fields_bytes: 4 << 10, target_bytes: 512, requests: 2, bytes: 32 << 10 };

    pub(super) const SERVER: Self =
        Self { fields: 128, fields_bytes: 64 << 10, target_bytes: 8 << 10, requests: 64, bytes: 8 << 20 };

    /// These limits, with none above `others`.
    #[must_use]
    pub(super) fn at_most(&self, others: &Self) -> Self {
        Self {
            fields: self.fields.min(others.fields),
            fields_bytes: self.fields_bytes.min(others.fields_bytes),
            target_bytes: self.target_bytes.min(others.target_bytes),
            requests: self.requests.min(others.requests),
            bytes: self.bytes.min(others.bytes),
        }
    }
}
