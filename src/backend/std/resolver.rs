//! Names looked up by the platform's resolver, on threads beside: for sockets and for HTTP.

use super::{reactor::reactor, sockets::socket::Everyone};
use crate::cap::sockets::{Lookup, LookupError};
use alloc::{
    string::ToString,
    sync::{Arc, Weak},
    task::Wake,
    vec,
    vec::Vec,
};
use core::{
    net::IpAddr,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll},
};
use std::{
    io,
    net::ToSocketAddrs,
    sync::{Mutex, PoisonError},
};

/// The platform's resolver, and one holder's share of it. Clones have the same share.
///
/// The platform's functions cannot be interrupted, so what counts against a share is each that has not come back,
/// whether somebody still waits for it or not: a name server that never answers costs its asker the share, and others
/// nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolver {
    under_way: Arc<AtomicUsize>,
}

/// Lookups under way in one share.
const SHARE_MAX: usize = 32;

/// Lookups under way in this process: half of the threads that the reactor has for what blocks.
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
const UNDER_WAY_MAX: usize = 256;

impl Resolver {
    /// Begins to look up the addresses of `name`. An address is its own.
    ///
    /// # Errors
    ///
    /// [`LookupError::Temporary`] when too many are under way.
    pub(super) fn look_up(&self, name: &str) -> Result<Arc<Asked>, LookupError> {
        if let Ok(address) = name.parse() {
            return Ok(Arc::new(Asked {
                answer: Mutex::new(Some(Ok(vec![address]))),
                waiting: Arc::default(),
            }));
        }
        let reactor = reactor().map_err(|_| LookupError::Temporary)?;
        let turn = Turn::take(self.under_way.clone()).ok_or(LookupError::Temporary)?;
        let asked = Arc::new(Asked::default());
        let (weak, name) = (Arc::downgrade(&asked), name.to_string());
        reactor.spawn_blocking(move || {
            let _turn = turn;
            resolve(&weak, &name);
        });
        Ok(asked)
    }
}

/// One lookup's place in its share and in the process's.
struct Turn(Arc<AtomicUsize>);

impl Turn {
    fn take(share: Arc<AtomicUsize>) -> Option<Self> {
        let enter = |count: &AtomicUsize, max: usize| {
            let more = |count: usize| (count < max).then_some(count + 1);
            count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()
        };
        enter(&UNDER_WAY, UNDER_WAY_MAX)?;
        if enter(&share, SHARE_MAX).is_none() {
            UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Self(share))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
        UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A name that was asked for.
#[derive(Default)]
pub(super) struct Asked {
    answer: Mutex<Option<Result<Vec<IpAddr>, LookupError>>>,
    waiting: Arc<Everyone>,
}

impl Lookup for Asked {
    fn poll_addresses(&self, cx: &mut Context<'_>) -> Poll<Result<Vec<IpAddr>, LookupError>> {
        self.waiting.poll(cx, |_| match &*self.answer.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(answer) => Poll::Ready(answer.clone()),
            None => Poll::Pending,
        })
    }
}

fn resolve(asked: &Weak<Asked>, name: &str) {
    // Who gave up before its turn came costs no question.
    if asked.strong_count() == 0 {
        return;
    }
    let answer = (name, 0).to_socket_addrs();
    let answer = answer.map(|all| all.map(|at| at.ip()).collect()).map_err(|error| lookup_error(&error));
    if let Some(asked) = asked.upgrade() {
        *asked.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        asked.waiting.clone().wake();
    }
}

/// The standard library keeps the resolver's number to itself; its text is that of `gai_strerror` in the C locale.
fn lookup_error(error: &io::Error) -> LookupError {
    let text = error.to_string();
    if text.contains("Temporary failure") || text.contains("System error") {
        LookupError::Temporary
    } else if text.contains("Non-recoverable") {
        LookupError::Permanent
    } else {
        LookupError::Unresolvable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_share_is_not_all() {
        let (greedy, modest) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let turns: Vec<_> = (0..SHARE_MAX).map_while(|_| Turn::take(greedy.clone())).collect();
        assert_eq!(turns.len(), SHARE_MAX);
        assert!(Turn::take(greedy.clone()).is_none());
        assert!(Turn::take(modest).is_some());
        drop(turns);
        assert!(Turn::take(greedy).is_some(), "what came back counts no more");
    }
}
