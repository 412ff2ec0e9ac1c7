//! `wasi:sockets`: TCP, UDP, and looking up names.

mod tcp;
mod udp;

pub use tcp::TcpSocket;
pub use udp::UdpSocket;

use super::{
    State,
    bindings::sockets::{
        ip_name_lookup::{self, ErrorCode as LookupErrorCode},
        types::{self, ErrorCode, IpAddress},
    },
};
use crate::{
    cap::{Code, sockets::LookupError},
    engine::Fault,
    wasi::sockets::{Lookup, SocketError, Sockets, convert::convert},
};
use alloc::{collections::VecDeque, format, string::String, sync::Arc, vec::Vec};
use core::{
    fmt,
    task::{Context, Poll},
};

convert!(types);

impl types::Host for State {}

/// What was granted of a network; a guest without any of it may not even make a socket.
fn granted(state: &State) -> Result<&Arc<Sockets>, SocketError> {
    state.network.as_ref().ok_or(SocketError::Code(Code::NotPermitted))
}

impl ip_name_lookup::Host for State {
    fn resolve_addresses(
        &mut self,
        cx: &mut Context<'_>,
        name: &mut String,
    ) -> Poll<Result<Result<Vec<IpAddress>, LookupErrorCode>, Fault>> {
        let number = match name.strip_prefix(BEGUN) {
            Some(number) => number.parse().unwrap_or(u64::MAX),
            None => match self.begin_lookup(name) {
                Ok(number) => {
                    // Asked again, it goes on with this one.
                    *name = format!("{BEGUN}{number}");
                    number
                }
                Err(error) => return Poll::Ready(Ok(Err(lookup_error(error)))),
            },
        };
        let Some((_, lookup)) = self.lookups.iter().find(|(known, _)| *known == number) else {
            return Poll::Ready(Ok(Err(LookupErrorCode::TemporaryResolverFailure)));
        };
        let answered = core::task::ready!(lookup.poll_addresses(cx));
        self.lookups.retain(|(known, _)| *known != number);
        Poll::Ready(Ok(match answered {
            Ok(addresses) => Ok(addresses.into_iter().map(IpAddress::from).collect()),
            Err(error) => Err(lookup_error(error)),
        }))
    }
}

/// What stands in the place of a name whose lookup has begun. No name begins so; a guest that writes it finds one of
/// its own lookups, or none.
const BEGUN: &str = "\0";

/// Lookups under way, by number.
pub(super) type Lookups = VecDeque<(u64, Lookup)>;

/// How many names are looked up at once. Nobody says when a guest gives one up: the oldest makes room.
const LOOKUPS_MAX: usize = 64;

impl State {
    fn begin_lookup(&mut self, name: &str) -> Result<u64, LookupError> {
        let network = self.network.as_ref().ok_or(LookupError::NotPermitted)?;
        let lookup = network.look_up(name)?;
        let number = self.lookups.back().map_or(0, |(last, _)| last + 1);
        if self.lookups.len() >= LOOKUPS_MAX {
            self.lookups.pop_front();
        }
        self.lookups.push_back((number, lookup));
        Ok(number)
    }
}

fn lookup_error(error: LookupError) -> LookupErrorCode {
    match error {
        LookupError::NotPermitted => LookupErrorCode::AccessDenied,
        LookupError::Invalid => LookupErrorCode::InvalidArgument,
        LookupError::Unresolvable => LookupErrorCode::NameUnresolvable,
        LookupError::Temporary => LookupErrorCode::TemporaryResolverFailure,
        LookupError::Permanent => LookupErrorCode::PermanentResolverFailure,
    }
}

/// What guests are told of an operation on a socket that failed.
impl From<SocketError> for ErrorCode {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::State | SocketError::NotInProgress | SocketError::Code(Code::Already) => {
                Self::InvalidState
            }
            SocketError::Code(code) => code.into(),
        }
    }
}

impl From<Code> for ErrorCode {
    fn from(code: Code) -> Self {
        match code {
            Code::Access | Code::NotPermitted | Code::NotCapable => Self::AccessDenied,
            Code::NotSupported => Self::NotSupported,
            Code::Invalid => Self::InvalidArgument,
            Code::NoMemory => Self::OutOfMemory,
            Code::TimedOut => Self::Timeout,
            Code::NotConnected => Self::InvalidState,
            Code::AddressNotAvailable => Self::AddressNotBindable,
            Code::AddressInUse => Self::AddressInUse,
            Code::NetworkUnreachable => Self::RemoteUnreachable,
            Code::ConnectionRefused => Self::ConnectionRefused,
            Code::Pipe => Self::ConnectionBroken,
            Code::ConnectionReset => Self::ConnectionReset,
            Code::ConnectionAborted => Self::ConnectionAborted,
            Code::MessageSize => Self::DatagramTooLarge,
            Code::TooManyOpen => Self::Other(Some("too many sockets are open".into())),
            Code::TooManyOpenInHost => Self::Other(Some("too many sockets are open in the host".into())),
            _ => Self::Other(None),
        }
    }
}

impl fmt::Debug for TcpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpSocket").finish_non_exhaustive()
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpSocket").finish_non_exhaustive()
    }
}
