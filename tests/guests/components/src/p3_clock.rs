//! The twin of `clock`: clocks and waits, told in sentences that are the same on a real and on a virtual clock.

wit_bindgen::generate!({
    path: [
        "../../../wit/wasi-0.3/clocks", "../../../wit/wasi-0.3/random", "../../../wit/wasi-0.3/filesystem",
        "../../../wit/wasi-0.3/sockets", "../../../wit/wasi-0.3/cli",
    ],
    world: "wasi:cli/command@0.3.0",
    generate_all,
});

use exports::wasi::cli::run::Guest;
use std::{
    future::Future,
    pin::{Pin, pin},
    task::Poll,
};
use wasi::{
    cli::stdout,
    clocks::{monotonic_clock, system_clock},
};

struct Clock;
export!(Clock);

const MS: u64 = 1_000_000;

#[derive(Default)]
struct Told {
    text: String,
    failed: bool,
}

impl Told {
    fn check(&mut self, what: &str, holds: bool) {
        self.text += &format!("{what}: {}\n", if holds { "yes" } else { "no" });
        self.failed |= !holds;
    }
}

/// The realtime clock in nanoseconds.
fn realtime() -> i128 {
    let now = system_clock::now();
    i128::from(now.seconds) * 1_000_000_000 + i128::from(now.nanoseconds)
}

impl Guest for Clock {
    async fn run() -> Result<(), ()> {
        let mut told = Told::default();
        read_clocks(&mut told);
        wait(&mut told).await;
        let (mut writer, reader) = wit_stream::new();
        let written = stdout::write_via_stream(reader);
        writer.write_all(told.text.into_bytes()).await;
        drop(writer);
        written.await.map_err(drop)?;
        if told.failed { Err(()) } else { Ok(()) }
    }
}

fn read_clocks(told: &mut Told) {
    told.check("monotonic clock has a resolution", monotonic_clock::get_resolution() > 0);
    told.check("realtime clock has a resolution", system_clock::get_resolution() > 0);
    let mut ordered = true;
    let mut last = monotonic_clock::now();
    for _ in 0..100 {
        let next = monotonic_clock::now();
        ordered &= next >= last;
        last = next;
    }
    told.check("monotonic clock never went back", ordered);
}

async fn wait(told: &mut Told) {
    let now = monotonic_clock::now;
    let start = now();
    monotonic_clock::wait_for(50 * MS).await;
    told.check("slept at least 50 ms", now() - start >= 50 * MS);

    let start = now();
    monotonic_clock::wait_for(20 * MS).await;
    told.check("waited 20 ms, relative, monotonic", now() - start >= 20 * MS);
    // What 0.3 waits by is the monotonic clock; by the other it is no shorter.
    let start = realtime();
    monotonic_clock::wait_for(20 * MS).await;
    told.check("waited 20 ms, relative, realtime", realtime() - start >= i128::from(20 * MS));
    let until = now() + 20 * MS;
    monotonic_clock::wait_until(until).await;
    told.check("waited 20 ms, absolute, monotonic", now() >= until);
    let start = realtime();
    monotonic_clock::wait_until(now() + 20 * MS).await;
    told.check("waited 20 ms, absolute, realtime", realtime() - start >= i128::from(20 * MS));
    monotonic_clock::wait_until(0).await;
    told.check("a deadline in the past fires at once", true);
    monotonic_clock::wait_for(0).await;
    told.check("a timeout of zero fires at once", true);

    let (long, short) =
        (pin!(monotonic_clock::wait_for(3_600_000 * MS)), pin!(monotonic_clock::wait_for(10 * MS)));
    told.check("of 10 ms and 1 h only the first fired", first_is_second(long, short).await);
}

/// Waits for either, and says whether it was the second.
async fn first_is_second(
    mut first: Pin<&mut impl Future<Output = ()>>,
    mut second: Pin<&mut impl Future<Output = ()>>,
) -> bool {
    std::future::poll_fn(|cx| {
        if first.as_mut().poll(cx).is_ready() {
            return Poll::Ready(false);
        }
        second.as_mut().poll(cx).map(|()| true)
    })
    .await
}
