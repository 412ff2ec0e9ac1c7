//! HTTP/2 on its way in, as far as it takes to count header sections: a server may answer a request with any number of
//! interim responses before its own, and hyper reads them all.

use super::stream::INTERIM_MAX;
use alloc::collections::BTreeMap;

/// What came on one connection.
#[derive(Default)]
pub(super) struct Frames {
    /// A frame's head (RFC 9113, section 4.1), as far as it is there.
    head: [u8; HEAD_BYTES],
    have: usize,
    /// Bytes of the frame that are still to come.
    rest: usize,
    /// How many header sections came on each stream that has not ended.
    sections: BTreeMap<u32, u32>,
}

const HEAD_BYTES: usize = 9;

/// All that one stream may have: interim ones, the response's own, and the trailers.
const SECTIONS_MAX: u32 = INTERIM_MAX + 2;

/// Streams that are remembered. More than that many did not end (they were given up here), and counting begins anew.
const STREAMS_MAX: usize = 4_096;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const END_STREAM: u8 = 1;

impl Frames {
    /// Looks at what came; whether it is no flood.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let skipped = self.rest.min(bytes.len());
            self.rest -= skipped;
            bytes = &bytes[skipped..];
            let count = (HEAD_BYTES - self.have).min(bytes.len());
            self.head[self.have..self.have + count].copy_from_slice(&bytes[..count]);
            self.have += count;
            bytes = &bytes[count..];
            if self.have == HEAD_BYTES {
                self.have = 0;
                let [high, middle, low, kind, flags, stream @ ..] = self.head;
                self.rest = u32::from_be_bytes([0, high, middle, low]) as usize;
                if !self.frame(kind, flags, u32::from_be_bytes(stream) & !(1 << 31)) {
                    return false;
                }
            }
        }
        true
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32) -> bool {
        let ends = kind == RST_STREAM || flags & END_STREAM != 0;
        match kind {
            DATA | HEADERS | RST_STREAM if ends => {
                self.sections.remove(&stream);
                true
            }
            HEADERS => {
                if self.sections.len() >= STREAMS_MAX {
                    self.sections.clear();
                }
                let sections = self.sections.entry(stream).or_default();
                *sections += 1;
                *sections <= SECTIONS_MAX
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};

    fn frame(kind: u8, flags: u8, stream: u8, contents: usize) -> Vec<u8> {
        let length = u32::try_from(contents).unwrap().to_be_bytes();
        let head = [length[1], length[2], length[3], kind, flags, 0, 0, 0, stream];
        [&head[..], &vec![HEADERS; contents]].concat()
    }

    /// Whether this is no flood, however it is cut into pieces.
    fn reads(bytes: &[u8]) -> bool {
        let answers = [1, 2, 7, 9, 10, 1_000, bytes.len()].map(|piece| {
            let mut frames = Frames::default();
            bytes.chunks(piece).all(|piece| frames.read(piece))
        });
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        answers[0]
    }

    #[test]
    fn sections_are_counted_by_stream_until_it_ends() {
        let sections = |count: u32, stream| frame(HEADERS, 4, stream, 40).repeat(count as usize);
        assert!(reads(&sections(SECTIONS_MAX, 1)));
        assert!(!reads(&sections(SECTIONS_MAX + 1, 1)));
        let two = [sections(SECTIONS_MAX, 1), sections(SECTIONS_MAX, 3)].concat();
        assert!(reads(&two));
        // The last section, the last data, or a reset ends it; another use of the number would be a new stream.
        for end in [frame(HEADERS, 5, 1, 3), frame(DATA, 1, 1, 300), frame(RST_STREAM, 0, 1, 4)] {
            assert!(reads(&[sections(SECTIONS_MAX, 1), end, sections(SECTIONS_MAX, 1)].concat()));
        }
        // What is no section is as often as it likes.
        assert!(reads(&frame(DATA, 0, 1, 17).repeat(1_000)));
        assert!(reads(&frame(6, 1, 0, 8).repeat(1_000)));
    }

    #[test]
    fn streams_that_never_end_are_not_kept_for_ever() {
        let mut frames = Frames::default();
        for stream in 0..3 * u32::try_from(STREAMS_MAX).unwrap() {
            assert!(frames.frame(HEADERS, 4, stream));
            assert!(frames.sections.len() <= STREAMS_MAX);
        }
    }
}
