//! Layouts, against the offsets in `typenames.witx`.

use super::*;
use crate::cap::clocks::Datetime;
use proptest::prelude::*;

fn filestat(links: u64) -> Filestat {
    Filestat {
        device: 0x0101_0101_0101_0101,
        inode: 0x0202_0202_0202_0202,
        filetype: Filetype(4),
        links,
        size: 0x0404_0404_0404_0404,
        accessed: 0x0505_0505_0505_0505,
        modified: 0x0606_0606_0606_0606,
        changed: 0x0707_0707_0707_0707,
    }
}

/// A record as `(offset, byte, count)` runs; zero elsewhere.
fn bytes<const N: usize>(runs: &[(usize, u8, usize)]) -> [u8; N] {
    let mut record = [0; N];
    for (at, byte, count) in runs {
        record[*at..at + count].fill(*byte);
    }
    record
}

#[test]
fn filestat_has_the_layout_of_each_edition() {
    let expected =
        [(0, 1, 8), (8, 2, 8), (16, 4, 1), (24, 3, 8), (32, 4, 8), (40, 5, 8), (48, 6, 8), (56, 7, 8)];
    assert_eq!(filestat(0x0303_0303_0303_0303).preview1(), bytes(&expected));
    let expected =
        [(0, 1, 8), (8, 2, 8), (16, 4, 1), (20, 3, 4), (24, 4, 8), (32, 5, 8), (40, 6, 8), (48, 7, 8)];
    assert_eq!(filestat(0x0303_0303).unstable(), bytes(&expected));
    assert_eq!(filestat(u64::MAX).unstable()[20..24], [0xff; 4], "more links than 32 bits: as many as fit");
}

#[test]
fn fdstat_dirent_prestat_and_event_have_their_layouts() {
    let record = fdstat(Filetype::DIRECTORY, 0x0909, 0x0101_0101_0101_0101, 0x0202_0202_0202_0202);
    assert_eq!(record, bytes(&[(0, 3, 1), (2, 9, 2), (8, 1, 8), (16, 2, 8)]));
    let record = dirent(0x0101_0101_0101_0101, 0x0202_0202_0202_0202, 0x0303_0303, Filetype(7));
    assert_eq!(record, bytes(&[(0, 1, 8), (8, 2, 8), (16, 3, 4), (20, 7, 1)]));
    assert_eq!(prestat_dir(0x0505_0505), bytes(&[(4, 5, 4)]));
    let event = Event { userdata: 0x0101_0101_0101_0101, kind: 2, bytes: 0x0303_0303_0303_0303 };
    assert_eq!(event.to_bytes(), bytes(&[(0, 1, 8), (10, 2, 1), (16, 3, 8)]));
}

#[test]
fn times_outside_64_bits_are_the_nearest_inside() {
    let at = |seconds| Some(Datetime { seconds, nanoseconds: 999_999_999 });
    let metadata = |time| Metadata {
        kind: Kind::RegularFile,
        device: 0,
        inode: 0,
        links: 1,
        size: 0,
        accessed: time,
        modified: time,
        changed: time,
    };
    for (time, expected) in
        [(at(i64::MIN), 0), (at(-1), 0), (at(0), 999_999_999), (at(i64::MAX), u64::MAX), (None, 0)]
    {
        assert_eq!(Filestat::new(&metadata(time)).modified, expected, "{time:?}");
    }
}

#[test]
fn editions_number_whence_differently() {
    use Whence::{Current, End, Start};
    let whence = |edition: Edition| [0, 1, 2, 3, u32::MAX].map(|number| edition.whence(number));
    let bad = Err(Code::Invalid);
    assert_eq!(whence(Edition::Preview1), [Ok(Start), Ok(Current), Ok(End), bad, bad]);
    assert_eq!(whence(Edition::Unstable), [Ok(Current), Ok(End), Ok(Start), bad, bad]);
}

#[test]
fn time_flags_that_contradict_are_refused() {
    for flags in [0b0011, 0b1100, 0b1111, 0b1_0000, u32::MAX] {
        assert_eq!(times(1, 2, flags), Err(Code::Invalid), "{flags:#b}");
    }
    let set = times(1, 2, 0b1001);
    let at = NewTime::At(Datetime { seconds: 0, nanoseconds: 1 });
    assert_eq!(set, Ok(Times { accessed: at, modified: NewTime::Now }));
}

proptest! {
    #[test]
    fn any_record_decodes_as_a_subscription_or_is_refused(record: [u8; 56], tag in 0u8..4) {
        for edition in [Edition::Preview1, Edition::Unstable] {
            let mut record = record;
            record[8] = tag;
            let record = &record[..edition.subscription_bytes() as usize];
            let decoded = edition.subscription(record);
            match tag {
                0 => {}
                1 | 2 => prop_assert!(decoded.is_ok()),
                _ => prop_assert_eq!(decoded, Err(Code::Invalid)),
            }
        }
    }

    #[test]
    fn a_clock_subscription_is_read_from_its_fields(
        userdata: u64, id: u32, timeout: u64, absolute: bool, junk: u8,
    ) {
        for (edition, clock) in [(Edition::Preview1, 16), (Edition::Unstable, 24)] {
            let mut record = [junk; 56];
            record[..8].copy_from_slice(&userdata.to_le_bytes());
            record[8] = 0;
            record[clock..clock + 4].copy_from_slice(&id.to_le_bytes());
            record[clock + 8..clock + 16].copy_from_slice(&timeout.to_le_bytes());
            record[clock + 24..clock + 26].copy_from_slice(&u16::from(absolute).to_le_bytes());
            let record = &record[..edition.subscription_bytes() as usize];
            let to = SubscriptionTo::Clock { id, timeout, absolute };
            prop_assert_eq!(edition.subscription(record), Ok(Subscription { userdata, to }));
        }
    }

    #[test]
    fn file_flags_round_trip(bits: u16) {
        match file_flags(bits.into()) {
            Ok(flags) => prop_assert_eq!(file_flag_bits(flags), bits),
            Err(_) => prop_assert!(bits > 0b1_1111),
        }
    }
}
