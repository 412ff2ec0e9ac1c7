//! What options of sockets may be set to.

use crate::cap::{Code, sockets::SocketOption};

/// Refuses a value that an option cannot have: zero, for all that count something.
///
/// # Errors
///
/// [`Code::Invalid`].
pub(super) fn check(option: SocketOption, value: u64) -> Result<(), Code> {
    let zero_means = option == SocketOption::KeepAlive;
    if value == 0 && !zero_means { Err(Code::Invalid) } else { Ok(()) }
}
