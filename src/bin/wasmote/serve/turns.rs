//! Turns: how many requests are answered at once, and how many more may wait for that.

use crate::serve::metrics::{InFlight, Waiting};
use std::{sync::Arc, time::Instant};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout_at,
};

/// So many turns, and so many places to wait for one: of the server, or of one app.
pub struct Turns {
    count: usize,
    turns: Arc<Semaphore>,
    places: Semaphore,
}

/// How many requests wait for each turn. What they have sent is in memory meanwhile.
const WAITING_PER_TURN: usize = 4;

/// One request's turn, of the server and of its app. Dropped when it is over, whatever the connection still does.
pub struct Turn {
    _of_app: OwnedSemaphorePermit,
    _of_server: OwnedSemaphorePermit,
    _in_flight: InFlight,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTurn {
    /// So many wait already that one more is not to.
    Full,
    /// None came in time.
    Late,
}

impl Turns {
    pub fn new(count: usize) -> Self {
        let places = count.saturating_mul(WAITING_PER_TURN).min(Semaphore::MAX_PERMITS);
        Self { count, turns: Arc::new(Semaphore::new(count)), places: Semaphore::new(places) }
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// What an app has of `count` turns where it does not say: all, if it is `alone`; else some are left for the others,
    /// whatever it does.
    pub fn share(count: usize, alone: bool) -> usize {
        if alone { count } else { (count - count.div_ceil(4)).max(1) }
    }

    /// A turn of this server's for an app that has `of_app`. That of the app comes first: who waits for it keeps no other
    /// app's request from its own.
    pub async fn take(&self, of_app: &Self, waiting: Waiting, deadline: Instant) -> Result<Turn, NoTurn> {
        let (apps, servers) = (of_app.turns.clone(), self.turns.clone());
        if let Ok(app) = apps.clone().try_acquire_owned()
            && let Ok(server) = servers.clone().try_acquire_owned()
        {
            return Ok(Turn { _of_app: app, _of_server: server, _in_flight: waiting.begins() });
        }
        let (Ok(_place_of_app), Ok(_place)) = (of_app.places.try_acquire(), self.places.try_acquire()) else {
            return Err(NoTurn::Full);
        };
        let both = async { Ok((apps.acquire_owned().await?, servers.acquire_owned().await?)) };
        match timeout_at(deadline.into(), both).await {
            Ok(Ok::<_, tokio::sync::AcquireError>((app, server))) => {
                Ok(Turn { _of_app: app, _of_server: server, _in_flight: waiting.begins() })
            }
            // Nobody closes them.
            Ok(Err(_)) | Err(_) => Err(NoTurn::Late),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::metrics::AppMetrics;
    use std::time::Duration;

    fn take(server: &Turns, app: &Turns) -> Result<Turn, NoTurn> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let metrics = Arc::<AppMetrics>::default();
        let deadline = Instant::now() + Duration::from_millis(20);
        runtime.block_on(server.take(app, metrics.waits(), deadline))
    }

    #[test]
    fn no_app_has_all_turns_and_each_is_given_back() {
        let [server, one, other] = [4, 3, 3].map(Turns::new);
        let mut turns: Vec<_> = (0..3).map(|_| take(&server, &one).ok().unwrap()).collect();
        assert_eq!(take(&server, &one).err(), Some(NoTurn::Late));
        turns.push(take(&server, &other).ok().unwrap());
        assert_eq!(take(&server, &other).err(), Some(NoTurn::Late));
        // What was not had of one is not kept of the other.
        drop(turns);
        assert_eq!((server.turns.available_permits(), other.turns.available_permits()), (4, 3));
        assert_eq!((server.places.available_permits(), one.places.available_permits()), (16, 12));
    }

    #[test]
    fn so_many_wait_and_no_more() {
        let [server, app] = [1, 1].map(Turns::new);
        let _turn = take(&server, &app).ok().unwrap();
        let _waiting = app.places.try_acquire_many(4).unwrap();
        let began = Instant::now();
        assert_eq!(take(&server, &app).err(), Some(NoTurn::Full));
        assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn shares_leave_something() {
        let shares = [1, 2, 3, 4, 1_000].map(|count| (Turns::share(count, true), Turns::share(count, false)));
        assert_eq!(shares, [(1, 1), (2, 1), (3, 2), (4, 3), (1_000, 750)]);
    }
}
