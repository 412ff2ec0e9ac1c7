//! Contestants in turns: each round lets every one of them run once, and who begins moves on by one, so that what
//! the machine does meanwhile hits all alike. What is compared is the ratio within a round.

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};
use std::env;

/// Someone who does the work once. An error ends the bench.
pub struct Contestant<'a> {
    name: &'static str,
    work: Box<dyn FnMut() -> Result<()> + 'a>,
    times_ns: Vec<f64>,
}

impl<'a> Contestant<'a> {
    pub fn new(name: &'static str, work: impl FnMut() -> Result<()> + 'a) -> Self {
        Self { name, work: Box::new(work), times_ns: Vec::new() }
    }

    fn run(&mut self) -> Result<f64> {
        let start = now_ns();
        (self.work)().with_context(|| format!("contestant `{}`", self.name))?;
        Ok(now_ns() - start)
    }
}

/// Lets them run, and prints a table: the first is what the others are compared with. `units` is how many times one
/// piece of work does the thing that is measured; `rounds` can be set from outside.
pub fn compare(title: &str, units: u32, rounds: usize, mut contestants: Vec<Contestant<'_>>) -> Result<()> {
    let rounds = match env::var("WASMOTE_BENCH_ROUNDS") {
        Ok(rounds) => rounds.parse().context("WASMOTE_BENCH_ROUNDS")?,
        Err(_) => rounds,
    };
    let count = contestants.len();
    for contestant in &mut contestants {
        // Lazily translated code is translated here.
        contestant.run()?;
    }
    for round in 0..rounds {
        for turn in 0..count {
            let contestant = &mut contestants[(round + turn) % count];
            let time_ns = contestant.run()?;
            contestant.times_ns.push(time_ns / f64::from(units));
        }
    }
    println!("\n{title} ({rounds} rounds)");
    println!("  {:<34} {:>12} {:>12} {:>7}   quartiles", "", "median", "least", "ratio");
    let (first, _) = contestants.split_first().context("nobody to compare")?;
    for contestant in &contestants {
        let ratios = contestant.times_ns.iter().zip(&first.times_ns).map(|(time, first)| time / first);
        let [low, ratio, high] = quartiles(ratios);
        let [_, median, _] = quartiles(contestant.times_ns.iter().copied());
        let least = contestant.times_ns.iter().copied().fold(f64::INFINITY, f64::min);
        let name = contestant.name;
        println!("  {name:<34} {:>12} {:>12} {ratio:>7.3}   {low:.3} {high:.3}", text(median), text(least));
    }
    Ok(())
}

/// This thread's own time: on a machine that others use too, time on the wall says little.
fn now_ns() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

fn quartiles(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values.get((values.len() - 1) * quarter / 4).copied().unwrap_or(f64::NAN))
}

fn text(ns: f64) -> String {
    match ns {
        ns if ns < 1e4 => format!("{ns:.1} ns"),
        ns if ns < 1e7 => format!("{:.2} µs", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}
