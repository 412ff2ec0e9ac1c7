//! What a request is for: its method, scheme, authority, and path with query.

use super::{fields::is_token, quota::Bounds};
use crate::cap::http::{ErrorCode, Method, Scheme};
use alloc::{format, string::String};

/// What a request is for, as a guest sets it: each part is well-formed by itself.
#[derive(Clone, Debug, Default)]
pub struct Target {
    method: Method,
    scheme: Option<Scheme>,
    authority: Option<String>,
    path_with_query: Option<String>,
}

/// A part that is not well-formed, or too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid;

/// A target that may go on the wire.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) method: Method,
    pub(super) scheme: Scheme,
    pub(super) authority: String,
    pub(super) path_with_query: String,
}

/// Host and port of an authority, without user information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HostPort<'a> {
    pub(super) host: &'a str,
    pub(super) port: Option<u16>,
}

impl Target {
    /// What the other side sent. What is there is taken as it is: whoever read it checked it.
    #[must_use]
    pub fn received(
        method: Method,
        scheme: Option<Scheme>,
        authority: Option<String>,
        path_with_query: Option<String>,
    ) -> Self {
        Self { method, scheme, authority, path_with_query }
    }

    /// The method; `GET` unless set.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> Option<&Scheme> {
        self.scheme.as_ref()
    }

    /// The authority.
    #[must_use]
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// The path with its query.
    #[must_use]
    pub fn path_with_query(&self) -> Option<&str> {
        self.path_with_query.as_deref()
    }

    /// Sets the method. One that has a case of its own becomes that case.
    ///
    /// # Errors
    ///
    /// When it is no token (RFC 9110, section 9.1).
    pub fn set_method(&mut self, bounds: &Bounds, method: Method) -> Result<(), Invalid> {
        if !is_token(method.as_str()) || !fits(bounds, method.as_str()) {
            return Err(Invalid);
        }
        self.method = Method::from(method.as_str());
        Ok(())
    }

    /// Sets the scheme. One that has a case of its own becomes that case.
    ///
    /// # Errors
    ///
    /// When it is none (RFC 3986, section 3.1).
    pub fn set_scheme(&mut self, bounds: &Bounds, scheme: Option<Scheme>) -> Result<(), Invalid> {
        if let Some(scheme) = &scheme {
            let mut bytes = scheme.as_str().bytes();
            let starts = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic());
            let goes_on = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
            if !starts || !bytes.all(goes_on) || !fits(bounds, scheme.as_str()) {
                return Err(Invalid);
            }
        }
        self.scheme = scheme.map(|scheme| Scheme::from(scheme.as_str()));
        Ok(())
    }

    /// Sets the authority.
    ///
    /// # Errors
    ///
    /// When it is none (RFC 3986, section 3.2).
    pub fn set_authority(&mut self, bounds: &Bounds, authority: Option<String>) -> Result<(), Invalid> {
        if let Some(authority) = &authority
            && (split_authority(authority).is_none() || !fits(bounds, authority))
        {
            return Err(Invalid);
        }
        self.authority = authority;
        Ok(())
    }

    /// Sets the path with its query. An empty one is `/`.
    ///
    /// # Errors
    ///
    /// When a character cannot stand in one: a control character, white space, the `#` of a fragment.
    pub fn set_path_with_query(&mut self, bounds: &Bounds, path: Option<String>) -> Result<(), Invalid> {
        let is_allowed = |c: char| !c.is_ascii() || c.is_ascii_graphic() && !"#<>`".contains(c);
        if let Some(path) = &path
            && (!path.chars().all(is_allowed) || !fits(bounds, path))
        {
            return Err(Invalid);
        }
        self.path_with_query = path.map(|path| if path.is_empty() { "/".into() } else { path });
        Ok(())
    }

    /// What goes on the wire: with the defaults filled in, and unambiguous, so that whoever is asked for leave and
    /// whoever is connected to are the same.
    pub(super) fn to_wire(&self) -> Result<Wire, ErrorCode> {
        // A tunnel would reach whomever the guest says inside it.
        if self.method == Method::Connect {
            return Err(ErrorCode::HttpRequestMethodInvalid);
        }
        let scheme = match &self.scheme {
            None => Scheme::Https,
            Some(Scheme::Other(_)) => return Err(ErrorCode::HttpProtocolError),
            Some(known) => known.clone(),
        };
        let authority = self.authority.as_deref().ok_or(ErrorCode::HttpRequestUriInvalid)?;
        // User information in it would be credentials in the clear (RFC 9110, section 4.2.4).
        if authority.contains('@') || split_authority(authority).is_none() {
            return Err(ErrorCode::HttpRequestUriInvalid);
        }
        let path_with_query = match self.path_with_query.as_deref() {
            None => "/".into(),
            Some("*") if self.method == Method::Options => "*".into(),
            Some(path) if path.starts_with('/') => path.into(),
            Some(query) if query.starts_with('?') => format!("/{query}"),
            // Anything else could be read as an absolute form, that is as another authority.
            Some(_) => return Err(ErrorCode::HttpRequestUriInvalid),
        };
        Ok(Wire { method: self.method.clone(), scheme, authority: authority.into(), path_with_query })
    }
}

fn fits(bounds: &Bounds, text: &str) -> bool {
    text.len() <= bounds.limits().target_bytes as usize
}

/// Takes an authority apart; none if it is none.
pub(super) fn split_authority(authority: &str) -> Option<HostPort<'_>> {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&byte);
    let host_port = match authority.rsplit_once('@') {
        Some((user, rest)) if user.bytes().all(|byte| is_unreserved(byte) || byte == b':') => rest,
        Some(_) => return None,
        None => authority,
    };
    let (host, port) = match host_port.strip_prefix('[') {
        Some(literal) => {
            let (address, rest) = literal.split_once(']')?;
            address.parse::<core::net::Ipv6Addr>().ok()?;
            (
                &host_port[..address.len() + 2],
                if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) },
            )
        }
        None => match host_port.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (host_port, None),
        },
    };
    if host.is_empty() || !host.starts_with('[') && !host.bytes().all(is_unreserved) {
        return None;
    }
    let port = match port {
        None => None,
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(port.parse().ok()?),
        Some(_) => return None,
    };
    Some(HostPort { host, port })
}
