//! `fd_readdir`: cookies, buffers of every size, directories that change.

use super::guest::*;
use std::collections::BTreeSet;
use wasmote::{Access, Host, Limits, backend::mem};

/// One entry as a guest decodes it: next cookie, inode, name.
type Entry = (u64, u64, String);

/// What fits whole into one buffer, and whether more may come.
fn read(calls: &mut Calls, fd: u64, length: u32, cookie: u64) -> (Vec<Entry>, bool) {
    calls.expect(SUCCESS, "fd_readdir", &[fd, 0x8000, length.into(), cookie, OUT]);
    let used = calls.peek_u32(OUT as u32);
    assert!(used <= length);
    let bytes = calls.peek(0x8000, used);
    let mut rest = &bytes[..];
    let mut entries = Vec::new();
    while let Some((head, after)) = rest.split_at_checked(24) {
        let number = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().unwrap());
        let name_bytes = u32::from_le_bytes(head[16..20].try_into().unwrap()) as usize;
        let Some((name, after)) = after.split_at_checked(name_bytes) else { break };
        entries.push((number(0), number(8), String::from_utf8(name.to_vec()).unwrap()));
        rest = after;
    }
    (entries, used == length)
}

/// All of a directory, as a C library reads it.
fn read_all(calls: &mut Calls, fd: u64, length: u32) -> Vec<Entry> {
    let mut all: Vec<Entry> = Vec::new();
    loop {
        let cookie = all.last().map_or(0, |entry| entry.0);
        let (entries, more) = read(calls, fd, length, cookie);
        let none = entries.is_empty();
        all.extend(entries);
        if !more {
            return all;
        }
        assert!(!none, "a buffer too small for one entry");
    }
}

fn many(count: u32) -> mem::Directory {
    let tree = mem::Directory::new();
    for index in 0..count {
        tree.insert(&format!("file.{index:03}"), "").unwrap();
    }
    tree
}

fn names(entries: &[Entry]) -> BTreeSet<String> {
    entries.iter().map(|entry| entry.2.clone()).collect()
}

#[test]
fn a_hundred_files_are_listed_once_each_through_any_buffer() {
    let mut calls = Calls::new(Host::new().directory("/", many(100), Access::ReadOnly));
    let whole = read_all(&mut calls, ROOT, 0x8000);
    assert_eq!(whole.len(), 102);
    assert_eq!(names(&whole).len(), 102);
    assert_eq!((&*whole[0].2, &*whole[1].2), (".", ".."));
    for length in [32, 33, 40, 63, 64, 100, 1_000] {
        assert_eq!(read_all(&mut calls, ROOT, length), whole, "buffers of {length}");
    }
    for length in 0..24 {
        assert_eq!(read(&mut calls, ROOT, length, 0), (vec![], true), "a buffer of {length} is filled");
    }
}

#[test]
fn every_cookie_goes_on_behind_its_entry() {
    let mut calls = Calls::new(Host::new().directory("/", many(20), Access::ReadOnly));
    let whole = read_all(&mut calls, ROOT, 0x1000);
    for index in (0..whole.len()).rev() {
        let (rest, more) = read(&mut calls, ROOT, 0x1000, whole[index].0);
        assert_eq!(rest, whole[index + 1..]);
        assert!(!more);
    }
    for cookie in [23, 100, 1 << 32, 1 << 63, u64::MAX] {
        assert_eq!(read(&mut calls, ROOT, 0x1000, cookie), (vec![], false), "{cookie}");
    }
}

#[test]
fn inodes_are_those_of_stat() {
    let (mut calls, _) = Calls::with_tree();
    for (_, inode, name) in read_all(&mut calls, ROOT, 0x1000) {
        if name != ".." {
            let [path, length] = calls.path(&name);
            calls.expect(SUCCESS, "path_filestat_get", &[ROOT, 0, path, length, 0x800]);
            assert_eq!(calls.peek_u64(0x808), inode, "{name}");
        }
    }
}

/// As `rm -r` does: read some, remove them, read on.
#[test]
fn removing_what_was_listed_skips_nothing() {
    let tree = many(100);
    let mut calls = Calls::new(Host::new().directory("/", tree.clone(), Access::ReadWrite));
    let (mut cookie, mut removed) = (0, 0);
    loop {
        let (entries, more) = read(&mut calls, ROOT, 200, cookie);
        for (next, _, name) in entries {
            cookie = next;
            if name.starts_with("file") {
                let [path, length] = calls.path(&name);
                calls.expect(SUCCESS, "path_unlink_file", &[ROOT, path, length]);
                removed += 1;
            }
        }
        if !more {
            break;
        }
    }
    assert_eq!(removed, 100);
    assert_eq!(read_all(&mut calls, ROOT, 200).len(), 2, "from 0 on it is read anew");
}

/// All listings of a guest share one budget; where it is spent they go in small steps, and still say all.
#[test]
fn listings_are_bounded_and_complete() {
    let limits = Limits { host_call_bytes: 4_096, ..Limits::server() };
    let mut calls = Calls::new(Host::new().limits(limits).directory("/", many(300), Access::ReadOnly));
    let fds: Vec<_> = (0..8).map(|_| calls.open(ROOT, ".", (0, 2, FD_READ, 0)).unwrap()).collect();
    for fd in &fds {
        assert_eq!(names(&read_all(&mut calls, *fd, 1_000)).len(), 302);
    }
    // Turn by turn.
    let mut found = vec![Vec::new(); fds.len()];
    for _ in 0..12 {
        for (fd, found) in fds.iter().zip(&mut found) {
            let cookie = found.last().map_or(0, |entry: &Entry| entry.0);
            found.extend(read(&mut calls, *fd, 1_000, cookie).0);
        }
    }
    assert!(found.iter().all(|found| names(found).len() == 302 && found.len() == 302));
}
