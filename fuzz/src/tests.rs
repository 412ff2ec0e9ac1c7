//! Each target without a fuzzer: over what once went wrong, and over random and mutated bytes for some time.

use std::{
    panic::catch_unwind,
    path::Path,
    time::{Duration, Instant},
};

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 6] = [
    ("load", super::load),
    ("p1_calls", super::p1_calls),
    ("path", super::path),
    ("component_bytes", super::component_bytes),
    ("lift_lower", super::lift_lower),
    ("async_ops", super::async_ops),
];

/// Numbers that follow from a seed (Marsaglia's xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Bytes of no meaning, or one of `seeds` with some of its bytes changed.
    fn input(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let choice = self.next() as usize;
        let mut input = match seeds.get(choice % (seeds.len() + 1)) {
            Some(seed) => seed.clone(),
            None => (0..self.next() % 300).map(|_| self.next() as u8).collect(),
        };
        for _ in 0..self.next() % 8 {
            let at = self.next() as usize % input.len().max(1);
            match input.get_mut(at) {
                Some(byte) => *byte = self.next() as u8,
                None => input.push(self.next() as u8),
            }
        }
        input
    }
}

fn files(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    paths.sort();
    paths.iter().filter_map(|path| std::fs::read(path).ok()).filter(|bytes| bytes.len() < 30_000).collect()
}

#[test]
fn what_once_went_wrong_is_right_now() {
    let mut count = 0;
    for (name, target) in TARGETS {
        for bytes in files(&format!("regressions/{name}")) {
            target(&bytes);
            count += 1;
        }
    }
    assert!(count > 0, "there is one at least: the long constant");
}

#[test]
fn random_bytes_come_back() {
    let seed = std::env::var("WASMOTE_SEED").map_or(0x5eed, |seed| seed.parse().expect("a number"));
    let seconds = std::env::var("FUZZ_SECONDS").map_or(5, |seconds| seconds.parse().expect("a number"));
    for (name, target) in TARGETS {
        let seeds = match name {
            "load" => [files("../tests/guests"), files("../tests/guests/hostile")].concat(),
            name => files(&format!("seeds/{name}")),
        };
        let mut numbers = Numbers(seed | 1);
        let start = Instant::now();
        let mut steps = 0;
        while start.elapsed() < Duration::from_secs(seconds) {
            let input = numbers.input(&seeds);
            let before = Instant::now();
            if let Err(panic) = catch_unwind(|| target(&input)) {
                let file = std::env::temp_dir().join(format!("wasmote-{name}-{steps}"));
                let _ = std::fs::write(&file, &input);
                eprintln!("{name} failed in step {steps} of seed {seed}; the input is in {}", file.display());
                std::panic::resume_unwind(panic);
            }
            assert!(
                before.elapsed() < Duration::from_secs(10),
                "{name}: step {steps} of seed {seed} takes too long"
            );
            steps += 1;
        }
        println!("{name}: {steps} steps");
        assert!(steps > 100, "{name}: {steps} steps");
    }
}

#[test]
fn the_canary_is_found_out() {
    let mut numbers = Numbers(1);
    let found = (0..100_000).any(|_| {
        let input = numbers.input(&[]);
        catch_unwind(|| super::canary(&input)).is_err()
    });
    assert!(found);
}
