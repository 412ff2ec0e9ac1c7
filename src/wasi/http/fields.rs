//! Header and trailer sections, as a guest makes and reads them.

use super::quota::{Bounds, Charge};
use crate::{
    HttpLimits,
    cap::http::{self, ErrorCode},
};
use alloc::{collections::BTreeSet, string::String, sync::Arc, vec::Vec};
use core::fmt;

/// A section of fields that a guest has a handle to.
///
/// Whatever is in it may go on the wire as it is: names and values are well-formed (RFC 9110, section 5), what speaks of
/// the connection and not of the message is not among them, and it is within [`Bounds`]. A copy shares until one
/// of the two is changed.
#[derive(Clone)]
pub struct Fields {
    shared: Arc<Kept>,
    bounds: Bounds,
    mutable: bool,
}

struct Kept {
    fields: http::Fields,
    bytes: usize,
    charge: Charge,
}

/// Why a section was not changed, or not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// A name or a value is not well-formed.
    InvalidSyntax,
    /// The field is not a guest's to set.
    Forbidden,
    /// This section is not to be changed.
    Immutable,
    /// It would be too large.
    SizeExceeded,
}

impl HeaderError {
    /// What it is to whoever reads a section that came in: `too_large` where it has no room.
    pub(super) fn received(self, too_large: ErrorCode) -> ErrorCode {
        match self {
            Self::SizeExceeded => too_large,
            Self::InvalidSyntax | Self::Forbidden | Self::Immutable => ErrorCode::HttpProtocolError,
        }
    }
}

/// What a field takes besides its name and value.
const FIELD_BYTES: usize = 32;

impl Fields {
    /// No fields.
    #[must_use]
    pub fn new(bounds: &Bounds) -> Self {
        let kept = Kept { fields: http::Fields::new(), bytes: 0, charge: bounds.charge() };
        Self { shared: Arc::new(kept), bounds: bounds.clone(), mutable: true }
    }

    /// These fields.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append), for the first that it refuses.
    pub fn from_list(
        bounds: &Bounds,
        list: impl IntoIterator<Item = (String, Vec<u8>)>,
    ) -> Result<Self, HeaderError> {
        let mut fields = Self::new(bounds);
        list.into_iter().try_for_each(|(name, value)| fields.append(&name, value))?;
        Ok(fields)
    }

    /// What the other side sent, not to be changed: without what is not a guest's to see, and without a length where
    /// the contents had a coding that says it (RFC 9112, section 6.3).
    ///
    /// # Errors
    ///
    /// [`HeaderError::InvalidSyntax`], [`HeaderError::SizeExceeded`].
    pub fn received(bounds: &Bounds, fields: http::Fields) -> Result<Self, HeaderError> {
        let hidden = Hidden::of(&fields);
        Self::from_list(bounds, fields.into_iter().filter(|(name, _)| !hidden.has(name))).map(Self::freeze)
    }

    /// This section, from here on not to be changed.
    #[must_use]
    pub fn freeze(self) -> Self {
        Self { mutable: false, ..self }
    }

    /// A copy that may be changed.
    #[must_use]
    pub fn thaw(&self) -> Self {
        Self { mutable: true, ..self.clone() }
    }

    /// The values of `name`, in order.
    #[must_use]
    pub fn get(&self, name: &str) -> Vec<Vec<u8>> {
        self.shared.fields.get(name).map(<[u8]>::to_vec).collect()
    }

    /// Whether `name` has a value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.shared.fields.contains(name)
    }

    /// Gives `name` these values and no other.
    ///
    /// # Errors
    ///
    /// Each [`HeaderError`]; nothing was changed then.
    pub fn set(&mut self, name: &str, values: Vec<Vec<u8>>) -> Result<(), HeaderError> {
        check_name(name)?;
        values.iter().try_for_each(|value| check_value(value))?;
        self.change(|fields| {
            fields.remove(name);
            values.into_iter().for_each(|value| fields.append(name, value));
        })
    }

    /// One more value for `name`. It takes the case that the name has here.
    ///
    /// # Errors
    ///
    /// Each [`HeaderError`]; nothing was changed then.
    pub fn append(&mut self, name: &str, value: Vec<u8>) -> Result<(), HeaderError> {
        check_name(name)?;
        check_value(&value)?;
        if !self.mutable {
            return Err(HeaderError::Immutable);
        }
        // Without a copy first, unlike other changes: a section is built by appending.
        let bytes = self.shared.bytes + name.len() + value.len() + FIELD_BYTES;
        self.check_size(self.shared.fields.len() + 1, bytes)?;
        let kept = self.own()?;
        kept.charge.resize(bytes).map_err(|_| HeaderError::SizeExceeded)?;
        kept.bytes = bytes;
        let known = kept.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let name = known.map_or(name, |(known, _)| known);
        kept.fields.append(String::from(name), value);
        Ok(())
    }

    /// Takes all values of `name` out.
    ///
    /// # Errors
    ///
    /// Each [`HeaderError`] but [`HeaderError::SizeExceeded`].
    pub fn remove(&mut self, name: &str) -> Result<Vec<Vec<u8>>, HeaderError> {
        check_name(name)?;
        let mut taken = Vec::new();
        self.change(|fields| taken = fields.remove(name))?;
        Ok(taken)
    }

    /// Names and values, in order.
    #[must_use]
    pub fn entries(&self) -> Vec<(String, Vec<u8>)> {
        self.shared.fields.iter().map(|(name, value)| (String::from(name), value.to_vec())).collect()
    }

    /// What copying all of it out moves, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.shared.bytes
    }

    /// What goes on the wire.
    #[must_use]
    pub fn to_wire(&self) -> http::Fields {
        self.shared.fields.clone()
    }

    /// The length that the contents are said to have, if they are said to have one.
    ///
    /// # Errors
    ///
    /// As [`http::Fields::content_length`].
    pub fn content_length(&self) -> Result<Option<u64>, ErrorCode> {
        self.shared.fields.content_length()
    }

    fn change(&mut self, change: impl FnOnce(&mut http::Fields)) -> Result<(), HeaderError> {
        if !self.mutable {
            return Err(HeaderError::Immutable);
        }
        let mut fields = self.shared.fields.clone();
        change(&mut fields);
        let bytes = fields.iter().map(|(name, value)| name.len() + value.len() + FIELD_BYTES).sum();
        self.check_size(fields.len(), bytes)?;
        let kept = self.own()?;
        kept.charge.resize(bytes).map_err(|_| HeaderError::SizeExceeded)?;
        (kept.fields, kept.bytes) = (fields, bytes);
        Ok(())
    }

    fn check_size(&self, fields: usize, bytes: usize) -> Result<(), HeaderError> {
        check_size(self.bounds.limits(), fields, bytes)
    }

    /// What is kept, shared with nobody any more.
    fn own(&mut self) -> Result<&mut Kept, HeaderError> {
        if Arc::get_mut(&mut self.shared).is_none() {
            let mut charge = self.bounds.charge();
            charge.resize(self.shared.bytes).map_err(|_| HeaderError::SizeExceeded)?;
            let fields = self.shared.fields.clone();
            self.shared = Arc::new(Kept { fields, bytes: self.shared.bytes, charge });
        }
        Arc::get_mut(&mut self.shared).ok_or(HeaderError::Immutable)
    }
}

/// What of a section the other side sent is not a guest's to see.
struct Hidden {
    /// The names that `Connection` has, in lower case.
    named: BTreeSet<String>,
    /// Whether the contents had a coding that says their length.
    is_coded: bool,
}

impl Hidden {
    fn of(fields: &http::Fields) -> Self {
        let mut named = BTreeSet::new();
        for value in fields.get("connection") {
            let names = value.split(|byte| *byte == b',').filter_map(|name| str::from_utf8(name).ok());
            named.extend(names.map(|name| name.trim().to_ascii_lowercase()));
        }
        Self { named, is_coded: fields.contains("transfer-encoding") }
    }

    fn has(&self, name: &str) -> bool {
        http::Fields::is_of_connection(name)
            || self.is_coded && name.eq_ignore_ascii_case("content-length")
            || !self.named.is_empty() && self.named.contains(&name.to_ascii_lowercase())
    }
}

/// Whether [`Fields::received`] has room for `fields` and nothing against them, and whether they say one length at most.
pub(super) fn check_received(limits: &HttpLimits, fields: &http::Fields) -> Result<(), ErrorCode> {
    let hidden = Hidden::of(fields);
    let (mut count, mut bytes) = (0, 0);
    for (name, value) in fields.iter().filter(|(name, _)| !hidden.has(name)) {
        check_name(name).and_then(|()| check_value(value)).map_err(|_| ErrorCode::HttpProtocolError)?;
        (count, bytes) = (count + 1, bytes + name.len() + value.len() + FIELD_BYTES);
    }
    let large = |_| ErrorCode::HttpRequestHeaderSectionSize(None);
    check_size(limits, count, bytes).map_err(large)?;
    if hidden.has("content-length") { Ok(()) } else { fields.content_length().map(drop) }
}

fn check_size(limits: &HttpLimits, fields: usize, bytes: usize) -> Result<(), HeaderError> {
    let fits = fields <= limits.fields as usize && bytes <= limits.fields_bytes as usize;
    if fits { Ok(()) } else { Err(HeaderError::SizeExceeded) }
}

fn check_name(name: &str) -> Result<(), HeaderError> {
    if !is_token(name) {
        return Err(HeaderError::InvalidSyntax);
    }
    if http::Fields::is_of_connection(name) { Err(HeaderError::Forbidden) } else { Ok(()) }
}

/// No control characters but the tab: no line can end in a value.
fn check_value(value: &[u8]) -> Result<(), HeaderError> {
    let is_allowed = |byte: &u8| matches!(byte, b'\t' | 0x20..=0x7e | 0x80..);
    if value.iter().all(is_allowed) { Ok(()) } else { Err(HeaderError::InvalidSyntax) }
}

/// Whether this is a token: a field's name, or a method (RFC 9110, section 5.6.2).
pub(super) fn is_token(text: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token)
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fields.fmt(f)
    }
}
