//! Random bytes that repeat.

use crate::cap::{Code, random};
use core::fmt;
use spin::Mutex;

/// A seeded source: the same seed gives the same bytes, on every platform and however the requests
/// for them are cut.
///
/// **Not fit for cryptography.** It is xoshiro256\*\* by Blackman and Vigna, seeded by SplitMix64: who sees
/// some output can tell the rest. Give each guest a source of its own, or one learns what the other drew.
pub struct Random(Mutex<State>);

struct State {
    words: [u64; 4],
    /// The word that is being handed out, and how many of its bytes are left.
    current: u64,
    left: u32,
}

impl Random {
    /// The source of this seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        // SplitMix64 is a bijection of its counter, so four words in a row are never all zero, the one
        // state that xoshiro does not leave.
        let mut counter = seed;
        let words = core::array::from_fn(|_| {
            counter = counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let word = (counter ^ (counter >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^ (word >> 31)
        });
        Self(Mutex::new(State { words, current: 0, left: 0 }))
    }
}

impl State {
    fn next_word(&mut self) -> u64 {
        let [a, b, c, d] = self.words;
        let word = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let (c, d) = (c ^ a, d ^ b);
        self.words = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        word
    }

    fn next_byte(&mut self) -> u8 {
        if self.left == 0 {
            (self.current, self.left) = (self.next_word(), 8);
        }
        let byte = self.current as u8;
        (self.current, self.left) = (self.current >> 8, self.left - 1);
        byte
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        let (begun, rest) = bytes.split_at_mut(bytes.len().min(self.left as usize));
        begun.iter_mut().for_each(|byte| *byte = self.next_byte());
        let mut words = rest.chunks_exact_mut(8);
        for word in &mut words {
            word.copy_from_slice(&self.next_word().to_le_bytes());
        }
        words.into_remainder().iter_mut().for_each(|byte| *byte = self.next_byte());
    }
}

impl random::Random for Random {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Code> {
        self.0.lock().fill(bytes);
        Ok(())
    }
}

impl fmt::Debug for Random {
    /// Says nothing of the state, which would tell what comes next.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Random").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cap::random::Random as _;

    /// The reference: xoshiro256** from the state 1, 2, 3, 4 (published test vector).
    #[test]
    fn the_generator_is_xoshiro256_star_star() {
        let mut state = State { words: [1, 2, 3, 4], current: 0, left: 0 };
        let words: [u64; 5] = core::array::from_fn(|_| state.next_word());
        assert_eq!(words, [11_520, 0, 1_509_978_240, 1_215_971_899_390_074_240, 1_216_172_134_540_287_360]);
    }

    /// The reference: SplitMix64 from the seed 1234567 (published test vector).
    #[test]
    fn the_seed_goes_through_split_mix() {
        let words = Random::seeded(1_234_567).0.into_inner().words;
        assert_eq!(words[..2], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn the_bytes_do_not_depend_on_how_requests_are_cut() {
        let mut whole = [0; 64];
        Random::seeded(7).fill(&mut whole).unwrap();
        for cut in 0..=64 {
            let (random, mut parts) = (Random::seeded(7), [0; 64]);
            let (head, tail) = parts.split_at_mut(cut);
            random.fill(head).unwrap();
            random.fill(&mut []).unwrap();
            random.fill(tail).unwrap();
            assert_eq!(parts, whole, "cut at {cut}");
        }
        let mut other = [0; 64];
        Random::seeded(8).fill(&mut other).unwrap();
        assert_ne!(other, whole);
    }
}
