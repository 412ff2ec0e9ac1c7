//! The contents of a response, until they are all gone or the request's time is over.

use crate::serve::{slices::Slices, trailers::Trailers};
use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Instant,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::AbortHandle,
};
use wasmote::cap::http::{Body, ErrorCode, Fields, Frame};

/// The contents of a response. What the guest has at once is taken at once, so a short answer is whole, with its
/// length, before its head goes out, and its guest is gone.
pub struct Streamed {
    first: VecDeque<Frame>,
    /// The length, where everything is there and no trailers follow.
    length: Option<u64>,
    rest: Option<Rest>,
    trailers: Trailers,
    /// Which of them the header section names.
    named: Vec<String>,
}

/// Room for what guests have answered and no client has taken. A guest that has answered is gone, and with it what bounded
/// how many there are; a client that takes nothing on its many streams must not fill memory with answers instead.
#[derive(Clone)]
pub struct Room(Arc<Semaphore>);

/// A part of a [`Room`].
pub struct Place {
    /// For how many bytes more.
    bytes: usize,
    permit: Option<Permit>,
}

/// What keeps a place.
pub type Permit = Arc<OwnedSemaphorePermit>;

/// Bytes of all answers that wait.
const UNTAKEN_BYTES_MAX: usize = 256 << 20;
/// Bytes that are counted as one.
const BLOCK_BYTES: usize = 256;

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(UNTAKEN_BYTES_MAX / BLOCK_BYTES)))
    }
}

impl Room {
    /// A place for so many bytes, if there is one.
    pub fn take(&self, bytes: usize) -> Option<Place> {
        let blocks = u32::try_from(bytes.div_ceil(BLOCK_BYTES)).ok()?;
        let permit = self.0.clone().try_acquire_many_owned(blocks).ok()?;
        Some(Place { bytes, permit: Some(Arc::new(permit)) })
    }
}

impl Place {
    /// What is to keep the place as long as the next bytes, so many, are not gone.
    pub fn of(&mut self, bytes: usize) -> Option<Permit> {
        self.bytes = self.bytes.saturating_sub(bytes);
        if self.bytes > 0 { self.permit.clone() } else { self.permit.take() }
    }
}

/// What was not there at once, and who takes it away when the deadline has passed, whether or not anybody reads.
struct Rest {
    held: Arc<Mutex<Held>>,
    watch: AbortHandle,
}

struct Held {
    /// None when it is too late.
    body: Option<Box<dyn Body>>,
    /// Who waits for more of it.
    reader: Option<Waker>,
}

/// How much is taken at once.
const FIRST_BYTES_MAX: usize = 64 << 10;
/// And in how many pieces: for each of them the guest may have run for a slice, and nobody else meanwhile.
const FIRST_FRAMES_MAX: usize = 64;

impl Streamed {
    /// Takes what is there of what comes behind `headers`. The rest is given up at `deadline`; where somebody waits for
    /// it, `late` is told before.
    pub async fn new(
        headers: &Fields,
        mut body: Box<dyn Body>,
        trailers: Trailers,
        deadline: Instant,
        late: impl FnOnce() + Send + 'static,
    ) -> Result<Self, ErrorCode> {
        let (mut first, mut bytes, mut slices) = (VecDeque::new(), 0, Slices::new());
        let trailers = trailers.behind(headers);
        let whole = |first, length, trailers| Self { first, length, rest: None, trailers, named: Vec::new() };
        while bytes < FIRST_BYTES_MAX && first.len() < FIRST_FRAMES_MAX {
            match poll_fn(|cx| Poll::Ready(slices.poll(cx, |cx| body.poll_frame(cx)))).await {
                Poll::Pending => break,
                Poll::Ready(Some(frame)) => match frame? {
                    Frame::Data(data) => {
                        bytes += data.len();
                        first.push_back(Frame::Data(data));
                    }
                    Frame::Trailers(fields) => {
                        let Some(fields) = trailers.early(fields) else {
                            return Ok(whole(first, Some(bytes as u64), trailers));
                        };
                        first.push_back(Frame::Trailers(fields));
                        return Ok(whole(first, None, trailers));
                    }
                },
                Poll::Ready(None) => return Ok(whole(first, Some(bytes as u64), trailers)),
            }
        }
        let named = headers.announced().map(str::to_owned).collect();
        let rest = Some(Rest::new(body, deadline, late));
        Ok(Self { first, length: None, rest, trailers, named })
    }

    /// How many bytes were there at once.
    pub fn bytes(&self) -> usize {
        let bytes = |frame: &Frame| match frame {
            Frame::Data(data) => data.len(),
            Frame::Trailers(trailers) => trailers.iter().map(|(name, value)| name.len() + value.len()).sum(),
        };
        self.first.iter().map(bytes).sum()
    }
}

impl Rest {
    fn new(body: Box<dyn Body>, deadline: Instant, late: impl FnOnce() + Send + 'static) -> Self {
        let held = Arc::new(Mutex::new(Held { body: Some(body), reader: None }));
        let watched = Arc::downgrade(&held);
        let watch = tokio::spawn(async move {
            tokio::time::sleep_until(deadline.into()).await;
            let Some(held) = watched.upgrade() else { return };
            let (body, reader) = {
                let mut held = lock(&held);
                (held.body.take(), held.reader.take())
            };
            // Else it is the client that was waited for.
            if reader.is_some() {
                late();
            }
            drop(body);
            if let Some(reader) = reader {
                reader.wake();
            }
        });
        Self { held, watch: watch.abort_handle() }
    }
}

impl Body for Streamed {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, ErrorCode>>> {
        if let Some(frame) = self.first.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        let Some(rest) = &self.rest else { return Poll::Ready(None) };
        let mut held = lock(&rest.held);
        let Some(body) = &mut held.body else {
            return Poll::Ready(Some(Err(ErrorCode::HttpResponseTimeout)));
        };
        let polled = body.poll_frame(cx);
        held.reader = polled.is_pending().then(|| cx.waker().clone());
        match polled {
            Poll::Ready(Some(Ok(Frame::Trailers(fields)))) => {
                let fields = self.trailers.late(fields, &self.named);
                Poll::Ready(fields.map(|fields| Ok(Frame::Trailers(fields))))
            }
            polled => polled,
        }
    }

    fn length(&self) -> Option<u64> {
        self.length
    }

    fn trailers(&self) -> Option<Fields> {
        match self.first.back() {
            Some(Frame::Trailers(fields)) => Some(fields.clone()),
            _ => None,
        }
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    /// Contents without an end: a byte after so many slices.
    struct Slow {
        slices: usize,
        polls: Arc<AtomicUsize>,
    }

    impl Body for Slow {
        fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, ErrorCode>>> {
            let polls = self.polls.fetch_add(1, Ordering::Relaxed) + 1;
            if polls.is_multiple_of(self.slices) {
                return Poll::Ready(Some(Ok(Frame::Data(vec![0]))));
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    }

    fn none() -> Trailers {
        Trailers::to(&http::Request::new(()), |_, _| ())
    }

    /// So many bytes at once.
    struct Large(usize);

    impl Body for Large {
        fn poll_frame(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Frame, ErrorCode>>> {
            Poll::Ready((self.0 > 0).then(|| Ok(Frame::Data(vec![0; std::mem::take(&mut self.0)]))))
        }
    }

    #[test]
    fn what_nobody_takes_is_bounded_and_leaves_room_when_it_goes() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let room = Room(Arc::new(Semaphore::new(10)));
        let answer = |bytes| {
            let body = Box::new(Large(bytes));
            let fields = Fields::new();
            let streamed = runtime.block_on(Streamed::new(&fields, body, none(), Instant::now(), || ()));
            let bytes = streamed.map_or(0, |streamed| streamed.bytes());
            let mut place = room.take(bytes)?;
            // In two pieces, the first of which is taken at once.
            drop(place.of(1));
            place.of(bytes - 1)
        };
        let first = answer(6 * BLOCK_BYTES);
        assert!(first.is_some() && answer(6 * BLOCK_BYTES).is_none());
        assert!(answer(4 * BLOCK_BYTES).is_some());
        drop(first);
        assert!(answer(10 * BLOCK_BYTES).is_some());
    }

    #[test]
    fn taking_what_is_there_has_an_end() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        for slices in [1, 7, 100] {
            let polls = Arc::<AtomicUsize>::default();
            let body = Box::new(Slow { slices, polls: polls.clone() });
            let deadline = Instant::now() + Duration::from_secs(60);
            let fields = Fields::new();
            let taken = runtime.block_on(Streamed::new(&fields, body, none(), deadline, || ()));
            assert!(taken.is_ok_and(|streamed| streamed.length().is_none()));
            assert!(polls.load(Ordering::Relaxed) <= FIRST_FRAMES_MAX + 8, "{slices}: {polls:?}");
        }
    }
}
