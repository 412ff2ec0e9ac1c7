//! What a file system does, whichever backend it is: each behaviour runs over each of them.

#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test runs on a host, and may panic"
)]

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};
use wasmote::cap::{
    Code,
    clocks::Datetime,
    filesystem::{Directory, File, Kind, Name, NewTime, Open, Times},
};

/// A fresh, empty directory, and whatever must live as long.
struct Fixture {
    root: Arc<dyn Directory>,
    _keep: Box<dyn std::any::Any>,
}

fn name(name: &str) -> Name<'_> {
    Name::new(name).unwrap()
}

fn ready<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> T {
    match poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a file made the caller wait"),
    }
}

const READ: Open = Open { read: true, write: false, create: false, create_new: false, truncate: false };
const WRITE: Open = Open { write: true, read: false, ..READ };
const BOTH: Open = Open { read: true, write: true, ..READ };
const CREATE: Open = Open { create: true, ..BOTH };

fn write_at(file: &dyn File, bytes: &[u8], offset: u64) -> Result<usize, Code> {
    ready(|cx| file.poll_write_at(cx, bytes, offset))
}

fn read_at(file: &dyn File, length: usize, offset: u64) -> Result<Vec<u8>, Code> {
    let mut bytes = vec![0xa5; length];
    let count = ready(|cx| file.poll_read_at(cx, &mut bytes, offset))?;
    bytes.truncate(count);
    Ok(bytes)
}

fn append(file: &dyn File, bytes: &[u8]) -> Result<(usize, u64), Code> {
    ready(|cx| file.poll_append(cx, bytes))
}

fn put(directory: &dyn Directory, at: &str, bytes: &[u8]) {
    let file = directory.open_file(name(at), Open { truncate: true, ..CREATE }).unwrap();
    assert_eq!(write_at(&*file, bytes, 0), Ok(bytes.len()));
}

fn get(directory: &dyn Directory, at: &str) -> Result<Vec<u8>, Code> {
    let file = directory.open_file(name(at), READ)?;
    let size = file.metadata()?.size;
    read_at(&*file, size as usize + 1, 0)
}

fn make(directory: &dyn Directory, at: &str) -> Arc<dyn Directory> {
    directory.create_directory(name(at)).unwrap();
    directory.open_directory(name(at)).unwrap()
}

fn list(directory: &dyn Directory) -> Vec<String> {
    let mut names = Vec::new();
    directory
        .read(&mut |entry| {
            names.push(entry.name.as_str().to_owned());
            true
        })
        .unwrap();
    names.sort();
    names
}

/// The error, of what has no `Debug`.
fn code<T>(result: Result<T, Code>) -> Option<Code> {
    result.err()
}

macro_rules! behaviours {
    ($($behaviour:ident)*) => {
        mod mem {
            use super::*;

            fn fixture() -> Fixture {
                Fixture { root: Arc::new(wasmote::backend::mem::Directory::new()), _keep: Box::new(()) }
            }
            $(
                #[test]
                fn $behaviour() {
                    super::$behaviour(&*fixture().root);
                }
            )*
        }

        #[cfg(feature = "std")]
        mod platform {
            use super::*;

            fn fixture() -> Fixture {
                let folder = tempfile::tempdir().unwrap();
                let root = wasmote::backend::std::Directory::open_ambient(folder.path()).unwrap();
                Fixture { root: Arc::new(root), _keep: Box::new(folder) }
            }
            $(
                #[test]
                fn $behaviour() {
                    let fixture = fixture();
                    super::$behaviour(&*fixture.root);
                }
            )*
        }
    };
}

behaviours! {
    what_is_written_is_read
    a_gap_reads_as_zeroes
    reading_at_and_past_the_end_is_empty
    an_empty_write_past_the_end_changes_nothing
    appending_finds_the_end_and_tells_the_new_one
    appending_and_writing_at_an_offset_take_turns
    a_file_opened_to_be_read_is_not_written
    a_file_opened_to_be_written_is_not_read
    a_file_opened_for_neither_is_only_looked_at
    creating_a_file_to_be_read_creates_it
    create_new_over_anything_exists
    a_missing_file_is_no_entry
    truncating_on_open_empties_the_file
    truncating_without_writing_changes_nothing
    cutting_and_extending_leaves_zeroes
    a_size_past_every_bound_is_refused
    an_offset_past_every_bound_is_refused
    a_directory_is_no_file_and_a_file_no_directory
    a_symbolic_link_is_never_followed
    a_symbolic_link_says_what_it_was_told
    an_empty_target_is_refused
    read_link_of_a_file_is_invalid
    a_name_is_taken_once
    names_that_are_alike_are_different
    names_may_be_long_and_odd
    a_listing_is_complete_and_without_dots
    a_listing_stops_when_told
    a_listing_of_many_repeats
    a_listing_tells_the_inode_that_metadata_tells
    a_listing_may_change_what_it_lists
    two_names_of_one_file_are_one_file
    linking_to_what_exists_is_refused
    linking_a_directory_is_not_permitted
    a_link_to_a_symbolic_link_is_a_symbolic_link
    renaming_moves_between_directories
    renaming_onto_another_name_of_the_same_file_does_nothing
    renaming_onto_itself_does_nothing
    renaming_a_missing_name_is_no_entry
    renaming_a_file_over_a_file_replaces_it
    renaming_a_file_over_a_directory_is_refused
    renaming_a_directory_over_a_file_is_refused
    renaming_a_directory_over_an_empty_one_replaces_it
    renaming_a_directory_over_a_full_one_is_refused
    renaming_a_directory_below_itself_is_invalid
    renaming_a_symbolic_link_moves_the_link
    removing_a_file_leaves_its_other_names
    removing_a_directory_as_a_file_is_refused
    removing_a_file_as_a_directory_is_refused
    removing_a_full_directory_is_refused
    an_unlinked_open_file_stays_usable
    a_removed_open_directory_takes_nothing_new
    times_are_set_one_by_one_to_the_nanosecond
    times_of_a_symbolic_link_are_its_own
    times_out_of_range_are_refused_and_never_panic
    a_directory_has_times
    objects_differ_and_share_a_device
    strangers_are_on_another_device
    syncing_and_advising_change_nothing
}

fn what_is_written_is_read(root: &dyn Directory) {
    let file = root.open_file(name("file"), CREATE).unwrap();
    assert_eq!(write_at(&*file, b"hello world", 0), Ok(11));
    assert_eq!(write_at(&*file, b"W", 6), Ok(1));
    assert_eq!(read_at(&*file, 100, 0).unwrap(), b"hello World");
    assert_eq!(read_at(&*file, 3, 4).unwrap(), b"o W");
    assert_eq!(file.metadata().unwrap().size, 11);
    assert_eq!(file.metadata().unwrap().kind, Kind::RegularFile);
    let long: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let mut at = 0;
    while at < long.len() {
        at += write_at(&*file, &long[at..], at as u64).unwrap();
    }
    assert_eq!(get(root, "file").unwrap(), long);
    assert_eq!(read_at(&*file, 10_000, 4_095).unwrap(), long[4_095..14_095]);
}

fn a_gap_reads_as_zeroes(root: &dyn Directory) {
    let file = root.open_file(name("file"), CREATE).unwrap();
    assert_eq!(write_at(&*file, b"end", 20_000), Ok(3));
    assert_eq!(write_at(&*file, b"a", 5_000), Ok(1));
    let mut expected = vec![0; 20_003];
    expected[5_000] = b'a';
    expected[20_000..].copy_from_slice(b"end");
    assert_eq!(read_at(&*file, 30_000, 0).unwrap(), expected);
    assert_eq!(read_at(&*file, 4, 4_998).unwrap(), [0, 0, b'a', 0]);
}

fn reading_at_and_past_the_end_is_empty(root: &dyn Directory) {
    put(root, "file", b"abc");
    let file = root.open_file(name("file"), READ).unwrap();
    for offset in [3, 4, 4_096, 1 << 40, i64::MAX as u64] {
        assert_eq!(read_at(&*file, 10, offset), Ok(Vec::new()), "at {offset}");
    }
    assert_eq!(read_at(&*file, 0, 0), Ok(Vec::new()));
}

fn an_empty_write_past_the_end_changes_nothing(root: &dyn Directory) {
    put(root, "file", b"abc");
    let file = root.open_file(name("file"), WRITE).unwrap();
    assert_eq!(write_at(&*file, b"", 1_000), Ok(0));
    assert_eq!(append(&*file, b""), Ok((0, 3)));
    assert_eq!(get(root, "file").unwrap(), b"abc");
}

fn appending_finds_the_end_and_tells_the_new_one(root: &dyn Directory) {
    let one = root.open_file(name("file"), CREATE).unwrap();
    let other = root.open_file(name("file"), WRITE).unwrap();
    assert_eq!(append(&*one, b"abc"), Ok((3, 3)));
    assert_eq!(append(&*other, b"de"), Ok((2, 5)));
    assert_eq!(append(&*one, b"f"), Ok((1, 6)));
    assert_eq!(get(root, "file").unwrap(), b"abcdef");
}

fn appending_and_writing_at_an_offset_take_turns(root: &dyn Directory) {
    let file = root.open_file(name("file"), CREATE).unwrap();
    for round in 0..3 {
        assert_eq!(append(&*file, b"x"), Ok((1, 2 * round + 1)));
        assert_eq!(append(&*file, b"x"), Ok((1, 2 * round + 2)));
        assert_eq!(write_at(&*file, &[b'0' + round as u8], 0), Ok(1));
    }
    assert_eq!(get(root, "file").unwrap(), b"2xxxxx");
}

fn a_file_opened_to_be_read_is_not_written(root: &dyn Directory) {
    put(root, "file", b"abc");
    let file = root.open_file(name("file"), READ).unwrap();
    assert_eq!(write_at(&*file, b"x", 0), Err(Code::BadDescriptor));
    assert_eq!(append(&*file, b"x"), Err(Code::BadDescriptor));
    assert!(file.set_size(0).is_err());
    assert_eq!(get(root, "file").unwrap(), b"abc");
}

fn a_file_opened_to_be_written_is_not_read(root: &dyn Directory) {
    put(root, "file", b"abc");
    let file = root.open_file(name("file"), WRITE).unwrap();
    assert_eq!(read_at(&*file, 1, 0), Err(Code::BadDescriptor));
}

fn a_file_opened_for_neither_is_only_looked_at(root: &dyn Directory) {
    put(root, "file", b"abc");
    let file = root.open_file(name("file"), Open::default()).unwrap();
    assert_eq!(file.metadata().unwrap().size, 3);
    assert_eq!(read_at(&*file, 1, 0), Err(Code::BadDescriptor));
    assert_eq!(write_at(&*file, b"x", 0), Err(Code::BadDescriptor));
}

fn creating_a_file_to_be_read_creates_it(root: &dyn Directory) {
    for (at, open) in [("read", READ), ("neither", Open::default())] {
        let file = root.open_file(name(at), Open { create: true, ..open }).unwrap();
        assert_eq!(write_at(&*file, b"x", 0), Err(Code::BadDescriptor));
        root.open_file(name(at), Open { create: true, ..open }).unwrap();
        assert_eq!(get(root, at).unwrap(), b"");
    }
    let file = root.open_file(name("new"), Open { create: true, create_new: true, ..READ }).unwrap();
    assert_eq!(read_at(&*file, 1, 0).unwrap(), b"");
}

fn create_new_over_anything_exists(root: &dyn Directory) {
    put(root, "file", b"abc");
    make(root, "directory");
    root.create_symlink(name("dangling"), "nowhere").unwrap();
    let open = Open { create: true, create_new: true, truncate: true, ..BOTH };
    for at in ["file", "directory", "dangling"] {
        assert_eq!(code(root.open_file(name(at), open)), Some(Code::Exist), "{at}");
    }
    assert_eq!(get(root, "file").unwrap(), b"abc");
    assert_eq!(list(root), ["dangling", "directory", "file"]);
}

fn a_missing_file_is_no_entry(root: &dyn Directory) {
    let missing = name("missing");
    let no_entry = Some(Code::NoEntry);
    assert_eq!(code(root.open_file(missing, BOTH)), no_entry);
    assert_eq!(code(root.open_directory(missing)), no_entry);
    assert_eq!(code(root.metadata_at(missing)), no_entry);
    assert_eq!(code(root.set_times_at(missing, Times::default())), no_entry);
    assert_eq!(code(root.read_link(missing)), no_entry);
    assert_eq!(code(root.link(missing, root, name("other"))), no_entry);
    assert_eq!(code(root.remove_file(missing)), no_entry);
    assert_eq!(code(root.remove_directory(missing)), no_entry);
    assert_eq!(list(root), [""; 0]);
}

fn truncating_on_open_empties_the_file(root: &dyn Directory) {
    put(root, "file", b"abc");
    let file = root.open_file(name("file"), Open { truncate: true, ..BOTH }).unwrap();
    assert_eq!(file.metadata().unwrap().size, 0);
    assert_eq!(read_at(&*file, 3, 0).unwrap(), b"");
}

fn truncating_without_writing_changes_nothing(root: &dyn Directory) {
    put(root, "file", b"abc");
    let modified = root.metadata_at(name("file")).unwrap().modified;
    for create in [false, true] {
        let open = Open { truncate: true, create, ..READ };
        assert_eq!(code(root.open_file(name("file"), open)), Some(Code::Invalid));
    }
    assert_eq!(get(root, "file").unwrap(), b"abc");
    assert_eq!(root.metadata_at(name("file")).unwrap().modified, modified);
}

fn cutting_and_extending_leaves_zeroes(root: &dyn Directory) {
    let bytes = vec![b'x'; 10_000];
    put(root, "file", &bytes);
    let file = root.open_file(name("file"), BOTH).unwrap();
    for cut in [9_000, 8_192, 4_097, 4_096, 4_095, 1, 0] {
        file.set_size(cut).unwrap();
        assert_eq!(file.metadata().unwrap().size, cut);
        file.set_size(12_000).unwrap();
        let read = read_at(&*file, 20_000, 0).unwrap();
        assert_eq!(read.len(), 12_000);
        assert!(read[..cut as usize].iter().all(|&byte| byte == b'x'), "cut at {cut}");
        assert!(read[cut as usize..].iter().all(|&byte| byte == 0), "cut at {cut}");
    }
}

fn a_size_past_every_bound_is_refused(root: &dyn Directory) {
    put(root, "file", b"abc");
    let file = root.open_file(name("file"), BOTH).unwrap();
    for size in [1 << 63, u64::MAX - 1, u64::MAX] {
        assert_eq!(file.set_size(size), Err(Code::FileTooLarge), "{size}");
    }
    assert_eq!(get(root, "file").unwrap(), b"abc");
}

fn an_offset_past_every_bound_is_refused(root: &dyn Directory) {
    put(root, "file", b"abc");
    let file = root.open_file(name("file"), BOTH).unwrap();
    for offset in [i64::MAX as u64, 1 << 63, u64::MAX - 1, u64::MAX] {
        assert_eq!(write_at(&*file, b"xy", offset), Err(Code::FileTooLarge), "{offset}");
        assert_eq!(read_at(&*file, 2, offset).unwrap(), b"", "{offset}");
    }
    assert_eq!(get(root, "file").unwrap(), b"abc");
}

fn a_directory_is_no_file_and_a_file_no_directory(root: &dyn Directory) {
    make(root, "directory");
    put(root, "file", b"");
    for open in [READ, WRITE, BOTH, CREATE, Open { truncate: true, ..BOTH }] {
        assert_eq!(code(root.open_file(name("directory"), open)), Some(Code::IsDirectory), "{open:?}");
    }
    assert_eq!(code(root.open_directory(name("file"))), Some(Code::NotDirectory));
    assert_eq!(root.metadata_at(name("directory")).unwrap().kind, Kind::Directory);
    assert_eq!(root.metadata().unwrap().kind, Kind::Directory);
}

fn a_symbolic_link_is_never_followed(root: &dyn Directory) {
    make(root, "directory");
    put(root, "file", b"abc");
    let links = [
        ("to_directory", "directory"),
        ("to_file", "file"),
        ("dangling", "x"),
        ("loop", "loop"),
        ("up", ".."),
    ];
    for (at, target) in links {
        root.create_symlink(name(at), target).unwrap();
        for open in [Open::default(), READ, WRITE, CREATE, Open { truncate: true, ..WRITE }] {
            assert_eq!(code(root.open_file(name(at), open)), Some(Code::Loop), "{at} {open:?}");
        }
        assert_eq!(code(root.open_directory(name(at))), Some(Code::Loop), "{at}");
        assert_eq!(root.metadata_at(name(at)).unwrap().kind, Kind::SymbolicLink, "{at}");
        assert_eq!(code(root.remove_directory(name(at))), Some(Code::NotDirectory), "{at}");
    }
    assert_eq!(get(root, "file").unwrap(), b"abc");
    assert_eq!(code(root.metadata_at(name("x"))), Some(Code::NoEntry));
    for (at, _) in links {
        root.remove_file(name(at)).unwrap();
    }
    assert_eq!(list(root), ["directory", "file"]);
}

fn a_symbolic_link_says_what_it_was_told(root: &dyn Directory) {
    for target in ["a", "../../a//b/", "/etc/passwd", "größe", " "] {
        root.create_symlink(name("link"), target).unwrap();
        assert_eq!(root.read_link(name("link")).unwrap(), target);
        assert_eq!(root.metadata_at(name("link")).unwrap().size, target.len() as u64);
        assert_eq!(code(root.create_symlink(name("link"), "b")), Some(Code::Exist));
        root.remove_file(name("link")).unwrap();
    }
}

fn an_empty_target_is_refused(root: &dyn Directory) {
    assert_eq!(code(root.create_symlink(name("link"), "")), Some(Code::NoEntry));
    assert_eq!(code(root.create_symlink(name("link"), "a\0b")), Some(Code::Invalid));
    assert_eq!(list(root), [""; 0]);
}

fn read_link_of_a_file_is_invalid(root: &dyn Directory) {
    put(root, "file", b"abc");
    make(root, "directory");
    assert_eq!(code(root.read_link(name("file"))), Some(Code::Invalid));
    assert_eq!(code(root.read_link(name("directory"))), Some(Code::Invalid));
}

fn a_name_is_taken_once(root: &dyn Directory) {
    put(root, "file", b"abc");
    make(root, "directory");
    root.create_symlink(name("link"), "file").unwrap();
    for at in ["file", "directory", "link"] {
        assert_eq!(code(root.create_directory(name(at))), Some(Code::Exist), "{at}");
        assert_eq!(code(root.create_symlink(name(at), "x")), Some(Code::Exist), "{at}");
    }
    assert_eq!(list(root), ["directory", "file", "link"]);
}

/// Letters of either case, and both ways to compose a letter (P-08). Not so on every platform's disks.
fn names_that_are_alike_are_different(root: &dyn Directory) {
    let names = ["a", "A", "\u{e9}", "e\u{301}"];
    for at in names {
        put(root, at, at.as_bytes());
    }
    for at in names {
        assert_eq!(get(root, at).unwrap(), at.as_bytes());
    }
    assert_eq!(list(root).len(), names.len());
}

fn names_may_be_long_and_odd(root: &dyn Directory) {
    let long = "n".repeat(Name::BYTES_MAX);
    let names = [&*long, "...", ".hidden", " ", "a b", "back\\slash", "new\nline", "C:", "*", "-rf"];
    for at in names {
        put(root, at, b"x");
        assert_eq!(get(root, at).unwrap(), b"x", "{at:?}");
    }
    let mut sorted = names.map(str::to_owned);
    sorted.sort();
    assert_eq!(list(root), sorted);
}

fn a_listing_is_complete_and_without_dots(root: &dyn Directory) {
    put(root, "file", b"");
    make(root, "directory");
    root.create_symlink(name("link"), "nowhere").unwrap();
    let mut kinds = Vec::new();
    root.read(&mut |entry| {
        kinds.push((entry.name.as_str().to_owned(), entry.kind));
        true
    })
    .unwrap();
    kinds.sort_by(|a, b| a.0.cmp(&b.0));
    let expected =
        [("directory", Kind::Directory), ("file", Kind::RegularFile), ("link", Kind::SymbolicLink)];
    assert_eq!(kinds, expected.map(|(at, kind)| (at.to_owned(), kind)));
}

fn a_listing_stops_when_told(root: &dyn Directory) {
    for n in 0..10 {
        put(root, &n.to_string(), b"");
    }
    let mut seen = 0;
    root.read(&mut |_| {
        seen += 1;
        seen < 4
    })
    .unwrap();
    assert_eq!(seen, 4);
    assert_eq!(list(root).len(), 10);
}

fn a_listing_of_many_repeats(root: &dyn Directory) {
    let order = |root: &dyn Directory| {
        let mut names = Vec::new();
        root.read(&mut |entry| {
            names.push(entry.name.as_str().to_owned());
            true
        })
        .unwrap();
        names
    };
    for n in 0..1_000 {
        put(root, &format!("file-{n}"), b"");
    }
    let first = order(root);
    assert_eq!(first, order(root));
    let mut unique = first.clone();
    unique.sort();
    unique.dedup();
    assert_eq!((first.len(), unique.len()), (1_000, 1_000));
}

fn a_listing_tells_the_inode_that_metadata_tells(root: &dyn Directory) {
    put(root, "file", b"");
    make(root, "directory");
    let mut seen = 0;
    root.read(&mut |entry| {
        seen += 1;
        assert_eq!(entry.inode, root.metadata_at(entry.name).unwrap().inode, "{}", entry.name);
        true
    })
    .unwrap();
    assert_eq!(seen, 2);
    let opened = root.open_directory(name("directory")).unwrap().metadata().unwrap();
    assert_eq!(opened, root.metadata_at(name("directory")).unwrap());
}

/// The callback may use the very directory that is listed: no lock is held.
fn a_listing_may_change_what_it_lists(root: &dyn Directory) {
    for n in 0..200 {
        put(root, &n.to_string(), b"");
    }
    let mut seen = 0;
    root.read(&mut |entry| {
        root.remove_file(entry.name).unwrap();
        seen += 1;
        true
    })
    .unwrap();
    assert_eq!((seen, list(root).len()), (200, 0));
}

fn two_names_of_one_file_are_one_file(root: &dyn Directory) {
    let below = make(root, "directory");
    put(root, "one", b"abc");
    root.link(name("one"), &*below, name("two")).unwrap();
    let file = below.open_file(name("two"), BOTH).unwrap();
    assert_eq!(write_at(&*file, b"X", 1), Ok(1));
    assert_eq!(get(root, "one").unwrap(), b"aXc");
    let (one, two) = (root.metadata_at(name("one")).unwrap(), below.metadata_at(name("two")).unwrap());
    assert_eq!((one, one.links), (two, 2));
}

fn linking_to_what_exists_is_refused(root: &dyn Directory) {
    put(root, "file", b"abc");
    put(root, "other", b"");
    make(root, "directory");
    root.create_symlink(name("dangling"), "nowhere").unwrap();
    for at in ["file", "other", "directory", "dangling"] {
        assert_eq!(code(root.link(name("file"), root, name(at))), Some(Code::Exist), "{at}");
    }
    assert_eq!(root.metadata_at(name("file")).unwrap().links, 1);
}

fn linking_a_directory_is_not_permitted(root: &dyn Directory) {
    make(root, "directory");
    assert_eq!(code(root.link(name("directory"), root, name("other"))), Some(Code::NotPermitted));
    assert_eq!(list(root), ["directory"]);
}

fn a_link_to_a_symbolic_link_is_a_symbolic_link(root: &dyn Directory) {
    root.create_symlink(name("link"), "nowhere").unwrap();
    root.link(name("link"), root, name("other")).unwrap();
    assert_eq!(root.read_link(name("other")).unwrap(), "nowhere");
    assert_eq!(root.metadata_at(name("other")).unwrap(), root.metadata_at(name("link")).unwrap());
}

fn renaming_moves_between_directories(root: &dyn Directory) {
    let (from, to) = (make(root, "from"), make(root, "to"));
    put(&*from, "file", b"abc");
    let below = make(&*from, "directory");
    put(&*below, "deep", b"deep");
    from.rename(name("file"), &*to, name("moved")).unwrap();
    from.rename(name("directory"), &*to, name("below")).unwrap();
    assert_eq!((list(&*from), get(&*to, "moved").unwrap()), (vec![], b"abc".to_vec()));
    assert_eq!(get(&*to.open_directory(name("below")).unwrap(), "deep").unwrap(), b"deep");
    // The handle is of the directory, not of its name.
    assert_eq!(get(&*below, "deep").unwrap(), b"deep");
    put(&*below, "new", b"new");
    assert_eq!(list(&*to.open_directory(name("below")).unwrap()), ["deep", "new"]);
}

fn renaming_onto_another_name_of_the_same_file_does_nothing(root: &dyn Directory) {
    put(root, "one", b"abc");
    root.link(name("one"), root, name("two")).unwrap();
    root.rename(name("one"), root, name("two")).unwrap();
    assert_eq!(list(root), ["one", "two"]);
    assert_eq!(root.metadata_at(name("one")).unwrap().links, 2);
}

fn renaming_onto_itself_does_nothing(root: &dyn Directory) {
    put(root, "file", b"abc");
    put(&*make(root, "directory"), "deep", b"");
    for at in ["file", "directory"] {
        root.rename(name(at), root, name(at)).unwrap();
    }
    assert_eq!(get(root, "file").unwrap(), b"abc");
    assert_eq!(list(root), ["directory", "file"]);
}

fn renaming_a_missing_name_is_no_entry(root: &dyn Directory) {
    put(root, "file", b"abc");
    assert_eq!(code(root.rename(name("missing"), root, name("file"))), Some(Code::NoEntry));
    assert_eq!(code(root.rename(name("missing"), root, name("missing"))), Some(Code::NoEntry));
    assert_eq!(get(root, "file").unwrap(), b"abc");
}

fn renaming_a_file_over_a_file_replaces_it(root: &dyn Directory) {
    put(root, "new", b"new");
    put(root, "old", b"old");
    let old = root.open_file(name("old"), READ).unwrap();
    root.rename(name("new"), root, name("old")).unwrap();
    assert_eq!((list(root), get(root, "old").unwrap()), (vec!["old".to_owned()], b"new".to_vec()));
    assert_eq!(read_at(&*old, 10, 0).unwrap(), b"old");
    assert_eq!(old.metadata().unwrap().links, 0);
}

fn renaming_a_file_over_a_directory_is_refused(root: &dyn Directory) {
    put(root, "file", b"abc");
    root.create_symlink(name("link"), "file").unwrap();
    make(root, "directory");
    for at in ["file", "link"] {
        assert_eq!(code(root.rename(name(at), root, name("directory"))), Some(Code::IsDirectory));
    }
    assert_eq!(list(root), ["directory", "file", "link"]);
}

fn renaming_a_directory_over_a_file_is_refused(root: &dyn Directory) {
    put(root, "file", b"abc");
    root.create_symlink(name("link"), "directory").unwrap();
    make(root, "directory");
    for at in ["file", "link"] {
        assert_eq!(code(root.rename(name("directory"), root, name(at))), Some(Code::NotDirectory));
    }
    assert_eq!(get(root, "file").unwrap(), b"abc");
}

fn renaming_a_directory_over_an_empty_one_replaces_it(root: &dyn Directory) {
    put(&*make(root, "new"), "deep", b"abc");
    make(root, "old");
    root.rename(name("new"), root, name("old")).unwrap();
    assert_eq!(list(root), ["old"]);
    assert_eq!(get(&*root.open_directory(name("old")).unwrap(), "deep").unwrap(), b"abc");
}

fn renaming_a_directory_over_a_full_one_is_refused(root: &dyn Directory) {
    make(root, "new");
    let full = make(root, "full");
    let deep = make(&*full, "deep");
    make(&*deep, "deeper");
    assert_eq!(code(root.rename(name("new"), root, name("full"))), Some(Code::NotEmpty));
    // Over the directory it is in.
    assert_eq!(code(deep.rename(name("deeper"), root, name("full"))), Some(Code::NotEmpty));
    assert_eq!(
        (list(root), list(&*full)),
        (vec!["full".to_owned(), "new".to_owned()], vec!["deep".to_owned()])
    );
}

fn renaming_a_directory_below_itself_is_invalid(root: &dyn Directory) {
    let a = make(root, "a");
    let b = make(&*a, "b");
    let c = make(&*b, "c");
    for below in [&a, &b, &c] {
        assert_eq!(code(root.rename(name("a"), &**below, name("x"))), Some(Code::Invalid));
    }
    assert_eq!(code(a.rename(name("b"), &*c, name("x"))), Some(Code::Invalid));
    assert_eq!((list(root), list(&*a), list(&*b)), (vec!["a".into()], vec!["b".into()], vec!["c".into()]));
    // Up and sideways are fine.
    b.rename(name("c"), root, name("c")).unwrap();
    root.rename(name("a"), &*c, name("a")).unwrap();
    assert_eq!((list(root), list(&*c)), (vec!["c".to_owned()], vec!["a".to_owned()]));
}

fn renaming_a_symbolic_link_moves_the_link(root: &dyn Directory) {
    put(root, "file", b"abc");
    root.create_symlink(name("link"), "file").unwrap();
    root.rename(name("link"), root, name("moved")).unwrap();
    assert_eq!(root.read_link(name("moved")).unwrap(), "file");
    assert_eq!(list(root), ["file", "moved"]);
}

fn removing_a_file_leaves_its_other_names(root: &dyn Directory) {
    put(root, "one", b"abc");
    root.link(name("one"), root, name("two")).unwrap();
    root.remove_file(name("one")).unwrap();
    assert_eq!(get(root, "two").unwrap(), b"abc");
    assert_eq!(root.metadata_at(name("two")).unwrap().links, 1);
    root.remove_file(name("two")).unwrap();
    assert_eq!(list(root), [""; 0]);
}

fn removing_a_directory_as_a_file_is_refused(root: &dyn Directory) {
    make(root, "directory");
    assert_eq!(code(root.remove_file(name("directory"))), Some(Code::IsDirectory));
    assert_eq!(list(root), ["directory"]);
}

fn removing_a_file_as_a_directory_is_refused(root: &dyn Directory) {
    put(root, "file", b"");
    assert_eq!(code(root.remove_directory(name("file"))), Some(Code::NotDirectory));
    assert_eq!(list(root), ["file"]);
}

fn removing_a_full_directory_is_refused(root: &dyn Directory) {
    let directory = make(root, "directory");
    put(&*directory, "file", b"");
    assert_eq!(code(root.remove_directory(name("directory"))), Some(Code::NotEmpty));
    directory.remove_file(name("file")).unwrap();
    root.remove_directory(name("directory")).unwrap();
    assert_eq!(list(root), [""; 0]);
}

fn an_unlinked_open_file_stays_usable(root: &dyn Directory) {
    put(root, "file", b"abc");
    let file = root.open_file(name("file"), BOTH).unwrap();
    root.remove_file(name("file")).unwrap();
    put(root, "file", b"another");
    assert_eq!(append(&*file, b"def"), Ok((3, 6)));
    assert_eq!(read_at(&*file, 10, 0).unwrap(), b"abcdef");
    assert_eq!(file.metadata().unwrap().links, 0);
    assert_eq!(get(root, "file").unwrap(), b"another");
}

fn a_removed_open_directory_takes_nothing_new(root: &dyn Directory) {
    let removed = make(root, "directory");
    put(root, "file", b"");
    root.remove_directory(name("directory")).unwrap();
    let no_entry = Some(Code::NoEntry);
    assert_eq!(code(removed.open_file(name("x"), CREATE)), no_entry);
    assert_eq!(code(removed.create_directory(name("x"))), no_entry);
    assert_eq!(code(removed.create_symlink(name("x"), "y")), no_entry);
    assert_eq!(code(root.link(name("file"), &*removed, name("x"))), no_entry);
    assert_eq!(code(root.rename(name("file"), &*removed, name("x"))), no_entry);
    assert_eq!(list(&*removed), [""; 0]);
    assert_eq!(removed.metadata().unwrap().kind, Kind::Directory);
    make(root, "directory");
    assert_eq!(code(removed.open_file(name("x"), CREATE)), no_entry);
}

fn at(seconds: i64, nanoseconds: u32) -> Datetime {
    Datetime { seconds, nanoseconds }
}

fn times_are_set_one_by_one_to_the_nanosecond(root: &dyn Directory) {
    put(root, "file", b"abc");
    let file = root.open_file(name("file"), BOTH).unwrap();
    let (early, late) = (at(1_000, 123_456_789), at(2_000_000_000, 999_999_999));
    file.set_times(Times { accessed: NewTime::At(early), modified: NewTime::At(late) }).unwrap();
    let metadata = file.metadata().unwrap();
    assert_eq!((metadata.accessed, metadata.modified), (Some(early), Some(late)));
    root.set_times_at(name("file"), Times { modified: NewTime::At(early), ..Times::default() }).unwrap();
    let metadata = root.metadata_at(name("file")).unwrap();
    assert_eq!((metadata.accessed, metadata.modified), (Some(early), Some(early)));
    file.set_times(Times { accessed: NewTime::Now, ..Times::default() }).unwrap();
    let metadata = file.metadata().unwrap();
    assert_ne!(metadata.accessed, Some(early));
    assert_eq!(metadata.modified, Some(early));
    root.set_times_at(name("file"), Times::default()).unwrap();
    let kept = file.metadata().unwrap();
    assert_eq!((kept.accessed, kept.modified), (metadata.accessed, metadata.modified));
    // Before the epoch.
    let before = at(-5, 250_000_000);
    file.set_times(Times { modified: NewTime::At(before), ..Times::default() }).unwrap();
    assert_eq!(file.metadata().unwrap().modified, Some(before));
}

fn times_of_a_symbolic_link_are_its_own(root: &dyn Directory) {
    put(root, "file", b"abc");
    root.create_symlink(name("link"), "file").unwrap();
    let target = root.metadata_at(name("file")).unwrap();
    let times = Times { accessed: NewTime::At(at(5, 6)), modified: NewTime::At(at(7, 8)) };
    root.set_times_at(name("link"), times).unwrap();
    let link = root.metadata_at(name("link")).unwrap();
    assert_eq!((link.accessed, link.modified), (Some(at(5, 6)), Some(at(7, 8))));
    assert_eq!(root.metadata_at(name("file")).unwrap(), target);
}

/// P-15.
fn times_out_of_range_are_refused_and_never_panic(root: &dyn Directory) {
    put(root, "file", b"abc");
    make(root, "directory");
    root.create_symlink(name("link"), "file").unwrap();
    let file = root.open_file(name("file"), BOTH).unwrap();
    for seconds in [i64::MIN, i64::MIN + 1, -1 << 40, -1, 0, 1 << 31, 1 << 33, 1 << 40, i64::MAX] {
        for nanoseconds in [0, 1, 999_999_999, 1_000_000_000, u32::MAX] {
            let time = NewTime::At(at(seconds, nanoseconds));
            let times = Times { accessed: time, modified: time };
            let results = [
                file.set_times(times),
                root.set_times(times),
                root.set_times_at(name("file"), times),
                root.set_times_at(name("directory"), times),
                root.set_times_at(name("link"), times),
            ];
            for result in results {
                assert!(matches!(result, Ok(()) | Err(Code::Invalid)), "{seconds}: {result:?}");
                assert!(nanoseconds < 1_000_000_000 || result.is_err(), "{nanoseconds}");
            }
            for at in ["file", "directory", "link"] {
                root.metadata_at(name(at)).unwrap();
            }
            root.metadata().unwrap();
            file.metadata().unwrap();
        }
    }
}

fn a_directory_has_times(root: &dyn Directory) {
    let directory = make(root, "directory");
    let times = Times { accessed: NewTime::At(at(5, 6)), modified: NewTime::At(at(7, 8)) };
    directory.set_times(times).unwrap();
    let metadata = root.metadata_at(name("directory")).unwrap();
    assert_eq!((metadata.accessed, metadata.modified), (Some(at(5, 6)), Some(at(7, 8))));
}

fn objects_differ_and_share_a_device(root: &dyn Directory) {
    put(root, "one", b"");
    put(root, "two", b"");
    let (one, two) = (root.metadata_at(name("one")).unwrap(), root.metadata_at(name("two")).unwrap());
    assert_eq!(one.device, two.device);
    assert_ne!(one.inode, two.inode);
    assert_ne!(one.inode, root.metadata().unwrap().inode);
}

fn strangers_are_on_another_device(root: &dyn Directory) {
    let stranger = wasmote::backend::mem::Directory::new();
    stranger.insert("there", "").unwrap();
    put(root, "here", b"");
    for (from, to, at) in [(root, &stranger as &dyn Directory, "here"), (&stranger, root, "there")] {
        assert_eq!(code(from.link(name(at), to, name("x"))), Some(Code::CrossDevice));
        assert_eq!(code(from.rename(name(at), to, name("x"))), Some(Code::CrossDevice));
        assert_eq!(list(from), [at]);
    }
}

fn syncing_and_advising_change_nothing(root: &dyn Directory) {
    use wasmote::cap::filesystem::Advice;
    put(root, "file", b"abc");
    let file = root.open_file(name("file"), BOTH).unwrap();
    let kinds = [
        Advice::Normal,
        Advice::Sequential,
        Advice::Random,
        Advice::WillNeed,
        Advice::DontNeed,
        Advice::NoReuse,
    ];
    for advice in kinds {
        for (offset, length) in [(0, 0), (1, 1), (0, u64::MAX), (u64::MAX, u64::MAX), (1 << 40, 5)] {
            let result = file.advise(offset, length, advice);
            assert!(matches!(result, Ok(()) | Err(Code::Invalid)), "{result:?}");
        }
    }
    file.sync(true).unwrap();
    file.sync(false).unwrap();
    root.sync().unwrap();
    assert_eq!(get(root, "file").unwrap(), b"abc");
}
