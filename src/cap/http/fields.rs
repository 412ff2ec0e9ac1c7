//! Header and trailer sections.

use super::ErrorCode;
use alloc::{string::String, vec::Vec};
use core::fmt;

/// A section of fields: names and values in order, a name as often as it likes.
///
/// Names keep the case they were given and are compared without it; values are bytes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, Vec<u8>)>);

impl Fields {
    /// Names that speak of a connection and not of a message (RFC 9110, section 7.6.1), or say again what is said
    /// elsewhere (`Host` is the authority). They are for who holds the connection: neither a guest's to say nor to see.
    pub const OF_CONNECTION: [&str; 9] = [
        "connection",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
    ];

    /// Names that stand in no trailer section: what they say has to be known before the contents are read (RFC 9110,
    /// section 6.5.1).
    pub const NOT_IN_TRAILERS: [&str; 12] = [
        "authorization",
        "cache-control",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "host",
        "max-forwards",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
    ];

    /// No fields.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// How many there are, each value counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The values of `name`, in order.
    pub fn get<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Whether `name` has a value, be it an empty one.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).next().is_some()
    }

    /// The length that the contents are said to have, if they are said to have one.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::HttpProtocolError`] when there is more than one, or one that is no number in digits: two readers
    /// could make two messages of it (RFC 9112, section 6.3).
    pub fn content_length(&self) -> Result<Option<u64>, ErrorCode> {
        let mut values = self.get("content-length");
        let Some(value) = values.next() else { return Ok(None) };
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let number = str::from_utf8(value).ok().filter(|_| digits).and_then(|value| value.parse().ok());
        match (number, values.next()) {
            (Some(length), None) => Ok(Some(length)),
            _ => Err(ErrorCode::HttpProtocolError),
        }
    }

    /// Whether this is one of [`OF_CONNECTION`](Self::OF_CONNECTION).
    #[must_use]
    pub fn is_of_connection(name: &str) -> bool {
        Self::OF_CONNECTION.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    /// Whether a field of this name may stand in a trailer section: it is not one of
    /// [`NOT_IN_TRAILERS`](Self::NOT_IN_TRAILERS).
    #[must_use]
    pub fn may_trail(name: &str) -> bool {
        !Self::NOT_IN_TRAILERS.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    /// The names that `Trailer` fields announce.
    pub fn announced(&self) -> impl Iterator<Item = &str> {
        let names = self.get("trailer").filter_map(|value| str::from_utf8(value).ok());
        names.flat_map(|names| names.split(',')).map(str::trim)
    }

    /// One more value for `name`, behind all others.
    pub fn append(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.0.push((name.into(), value.into()));
    }

    /// Takes all values of `name` out.
    pub fn remove(&mut self, name: &str) -> Vec<Vec<u8>> {
        let is_named = |(known, _): &mut (String, Vec<u8>)| known.eq_ignore_ascii_case(name);
        self.0.extract_if(.., is_named).map(|(_, value)| value).collect()
    }
}

impl<N: Into<String>, V: Into<Vec<u8>>> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl IntoIterator for Fields {
    type Item = (String, Vec<u8>);
    type IntoIter = alloc::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Debug for Fields {
    // Names only: values may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|(name, _)| name)).finish()
    }
}
