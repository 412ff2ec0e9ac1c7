//! `wasi:sockets`: networks, TCP, UDP, and looking up names.

mod tcp;
mod udp;

pub use tcp::TcpSocket;
pub use udp::{IncomingDatagramStream, OutgoingDatagramStream, UdpSocket};

use super::{
    State,
    bindings::sockets::{
        instance_network,
        ip_name_lookup::{self, HostResolveAddressStream},
        network::{self, ErrorCode, HostNetwork, IpAddress, Network},
    },
    io::{Pollable, Subscribe, subscribe},
};
use crate::{
    cap::{Code, sockets::LookupError},
    component::Resource,
    engine::Fault,
    wasi::{
        price::{self, Tab},
        sockets::{Lookup, SocketError, Sockets, convert::convert},
    },
};
use alloc::{collections::VecDeque, string::String, sync::Arc};
use core::{
    net::IpAddr,
    task::{Context, Poll, Waker},
};

convert!(network);

/// What was granted of a network; a guest without any of it may not even make a socket.
fn granted(state: &State) -> Result<&Arc<Sockets>, SocketError> {
    state.grants.network.as_ref().ok_or(SocketError::Code(Code::NotPermitted))
}

/// For what this version asks without waiting: whoever is told to wait then asks a pollable. Having asked is owed on `tab`
/// where nothing came of it.
fn at_once<R>(
    tab: &Tab,
    poll: impl FnOnce(&mut Context<'_>) -> Poll<Result<R, SocketError>>,
) -> Result<R, ErrorCode> {
    match poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done.map_err(ErrorCode::from),
        Poll::Pending => {
            tab.owe(price::SUBSCRIPTION);
            Err(ErrorCode::WouldBlock)
        }
    }
}

impl network::Host for State {}

// There is one network, and a number is all there is to its handles: what it allows stands in the grants.
impl HostNetwork for State {
    fn drop(&mut self, _: Resource<Network>) -> Result<(), Fault> {
        Ok(())
    }
}

impl instance_network::Host for State {
    fn instance_network(&mut self) -> Result<Resource<Network>, Fault> {
        Ok(Resource::new_own(0))
    }
}

/// `wasi:sockets/ip-name-lookup.resolve-address-stream`.
#[derive(Debug)]
pub struct ResolveAddressStream {
    lookup: Lookup,
    /// What is still to be told, once the answer is there.
    rest: Option<VecDeque<IpAddr>>,
}

impl Subscribe for ResolveAddressStream {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.rest {
            Some(_) => Poll::Ready(()),
            None => self.lookup.poll_addresses(cx).map(drop),
        }
    }
}

impl ip_name_lookup::Host for State {
    fn resolve_addresses(
        &mut self,
        _: Resource<Network>,
        name: String,
    ) -> Result<Result<Resource<ResolveAddressStream>, ErrorCode>, Fault> {
        let network = self.grants.network.as_ref().ok_or(LookupError::NotPermitted);
        match network.and_then(|network| network.look_up(&name)) {
            Ok(lookup) => Ok(Ok(self.table.push(ResolveAddressStream { lookup, rest: None })?)),
            Err(error) => Ok(Err(lookup_error(error))),
        }
    }
}

impl HostResolveAddressStream for State {
    fn resolve_next_address(
        &mut self,
        this: Resource<ResolveAddressStream>,
    ) -> Result<Result<Option<IpAddress>, ErrorCode>, Fault> {
        let stream = self.table.get_mut(&this)?;
        if stream.rest.is_none() {
            match stream.lookup.poll_addresses(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(addresses)) => stream.rest = Some(addresses.into()),
                Poll::Ready(Err(error)) => return Ok(Err(lookup_error(error))),
                Poll::Pending => return Ok(Err(ErrorCode::WouldBlock)),
            }
        }
        Ok(Ok(stream.rest.as_mut().and_then(VecDeque::pop_front).map(IpAddress::from)))
    }

    fn subscribe(&mut self, this: Resource<ResolveAddressStream>) -> Result<Resource<Pollable>, Fault> {
        Ok(subscribe(&mut self.table, &this)?)
    }

    fn drop(&mut self, this: Resource<ResolveAddressStream>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}

fn lookup_error(error: LookupError) -> ErrorCode {
    match error {
        LookupError::Invalid => ErrorCode::InvalidArgument,
        LookupError::Unresolvable => ErrorCode::NameUnresolvable,
        LookupError::Temporary => ErrorCode::TemporaryResolverFailure,
        // What is not granted is nothing that trying again would help.
        LookupError::NotPermitted | LookupError::Permanent => ErrorCode::PermanentResolverFailure,
    }
}

/// What guests are told of an operation on a socket that failed.
impl From<SocketError> for ErrorCode {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::State => Self::InvalidState,
            SocketError::NotInProgress => Self::NotInProgress,
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
            Code::Already => Self::ConcurrencyConflict,
            Code::WouldBlock => Self::WouldBlock,
            Code::NotConnected => Self::InvalidState,
            Code::TooManyOpen | Code::TooManyOpenInHost => Self::NewSocketLimit,
            Code::AddressNotAvailable => Self::AddressNotBindable,
            Code::AddressInUse => Self::AddressInUse,
            Code::NetworkUnreachable => Self::RemoteUnreachable,
            Code::ConnectionRefused => Self::ConnectionRefused,
            Code::ConnectionReset | Code::Pipe => Self::ConnectionReset,
            Code::ConnectionAborted => Self::ConnectionAborted,
            Code::MessageSize => Self::DatagramTooLarge,
            _ => Self::Unknown,
        }
    }
}
