//! `path_*`: texts that are no paths, flags that are none, and what must be told apart.

use super::guest::*;
use wasmote::{Access, Host, backend::mem, cap::Code};

/// Each function that takes a path, on `path`.
fn on_path(calls: &mut Calls, path: &[u8]) -> Vec<(&'static str, u32)> {
    let [at, length] = calls.path(path);
    let [new, new_length] = calls.other_path("unused");
    let dir = ROOT;
    [
        ("path_create_directory", vec![dir, at, length]),
        ("path_filestat_get", vec![dir, 0, at, length, OUT]),
        ("path_filestat_get", vec![dir, 1, at, length, OUT]),
        ("path_filestat_set_times", vec![dir, 0, at, length, 0, 0, 0]),
        ("path_link", vec![dir, 0, at, length, dir, new, new_length]),
        ("path_link", vec![dir, 0, new, new_length, dir, at, length]),
        ("path_open", vec![dir, 0, at, length, 0, FD_READ, 0, 0, OUT]),
        ("path_open", vec![dir, 1, at, length, 1, FD_WRITE, 0, 0, OUT]),
        ("path_readlink", vec![dir, at, length, 0x500, 16, OUT]),
        ("path_remove_directory", vec![dir, at, length]),
        ("path_rename", vec![dir, at, length, dir, new, new_length]),
        ("path_rename", vec![dir, new, new_length, dir, at, length]),
        ("path_symlink", vec![new, new_length, dir, at, length]),
        ("path_symlink", vec![at, length, dir, new, new_length]),
        ("path_unlink_file", vec![dir, at, length]),
    ]
    .into_iter()
    .map(|(name, params)| (name, calls.call(name, &params)))
    .collect()
}

#[test]
fn what_is_no_path_is_refused_by_every_function() {
    let (mut calls, tree) = Calls::with_tree();
    // The other path of the two-path functions must exist, to be no reason of its own.
    tree.insert("unused", "").unwrap();
    let used = tree.used();
    let long = [b'x'; 4_097];
    for (path, errno) in [
        (&b""[..], NOENT),
        (b"a\0b", INVAL),
        (b"\0", INVAL),
        (b"file\0", INVAL),
        (b"\xff\xfe", ILSEQ),
        (b"\xed\xa0\x80", ILSEQ),
        (b"/", PERM),
        (b"/file", PERM),
        (&long, NAMETOOLONG),
    ] {
        for (name, found) in on_path(&mut calls, path) {
            assert_eq!(found, errno, "{name} {:?}", String::from_utf8_lossy(path));
        }
    }
    for path in ["..", "../x", "dir/../../x", "./../", "dir/nested/../../../x"] {
        for (name, found) in on_path(&mut calls, path.as_bytes()) {
            // A link may say what it likes, as long as it is relative.
            if name != "path_symlink" {
                assert_eq!(found, PERM, "{name} {path}");
            }
        }
        let [unused, length] = calls.path("unused");
        calls.call("path_unlink_file", &[ROOT, unused, length]);
        tree.insert("unused", "").unwrap();
    }
    let name = [b'n'; 256];
    for (function, found) in on_path(&mut calls, &name) {
        if function != "path_symlink" {
            assert_eq!(found, NAMETOOLONG, "{function}");
        }
    }
    assert_eq!(tree.used().inodes, used.inodes);
}

#[test]
fn paths_are_bytes_compared_as_they_are() {
    let (mut calls, tree) = Calls::with_tree();
    for name in ["é", "e\u{301}", "FILE", "a\\b", "C:", "NUL", "COM¹", " ", "...", "-"] {
        let fd = calls.open(ROOT, name, (0, 5, FD_WRITE, 0)).unwrap();
        assert_eq!(calls.write(fd, name.as_bytes()), Ok(name.len() as u32));
        assert_eq!(tree.contents(name).unwrap(), name.as_bytes(), "{name}");
        calls.expect(SUCCESS, "fd_close", &[fd]);
    }
    assert_eq!(tree.contents("file").unwrap(), b"0123456789");
}

#[test]
fn flags_that_are_none_are_invalid() {
    let (mut calls, _) = Calls::with_tree();
    let [path, length] = calls.path("file");
    let open = |lookup, flags, fdflags| vec![ROOT, lookup, path, length, flags, 0, 0, fdflags, OUT];
    for params in [open(2, 0, 0), open(0, 16, 0), open(0, 0, 32), open(u64::MAX, 0, 0)] {
        calls.expect(INVAL, "path_open", &params);
    }
    calls.expect(INVAL, "path_filestat_get", &[ROOT, 2, path, length, OUT]);
    calls.expect(INVAL, "path_link", &[ROOT, 1, path, length, ROOT, path, length]);
    calls.expect(INVAL, "path_filestat_set_times", &[ROOT, 0, path, length, 0, 0, 16]);
}

#[test]
fn opening_tells_files_directories_and_links_apart() {
    let (mut calls, _) = Calls::with_tree();
    let [target, target_length] = calls.path("file");
    let [link, link_length] = calls.other_path("link");
    calls.expect(SUCCESS, "path_symlink", &[target, target_length, ROOT, link, link_length]);
    let (creat, directory, excl, trunc) = (1, 2, 4, 8);
    for (path, how, expected) in [
        ("file", (0, directory, FD_READ, 0), Err(NOTDIR)),
        ("dir", (0, directory, FD_READ | FD_WRITE, 0), Err(ISDIR)),
        ("dir", (0, 0, FD_WRITE, 0), Err(ISDIR)),
        ("dir", (0, creat, FD_READ, 0), Err(ISDIR)),
        ("dir", (0, creat | directory, FD_READ, 0), Err(INVAL)),
        ("dir", (0, 0, FD_READ, 0), Ok(())),
        (".", (0, 0, 0, 4), Ok(())),
        ("link", (0, 0, FD_READ, 0), Err(LOOP)),
        ("link", (1, 0, FD_READ, 0), Ok(())),
        ("link", (1, directory, FD_READ, 0), Err(NOTDIR)),
        ("link", (1, creat | excl, FD_WRITE, 0), Err(EXIST)),
        ("file", (0, creat | excl, FD_WRITE, 0), Err(EXIST)),
        ("absent", (0, trunc, FD_WRITE, 0), Err(NOENT)),
        ("file/", (0, 0, FD_READ, 0), Err(NOTDIR)),
        ("dir/.//nested/../../dir/nested/../nested///./deep", (0, 0, FD_READ, 0), Ok(())),
    ] {
        assert_eq!(calls.open(ROOT, path, how).map(drop), expected, "{path} {how:?}");
    }
}

#[test]
fn a_link_is_read_up_to_the_end_of_the_buffer() {
    let (mut calls, _) = Calls::with_tree();
    let [target, target_length] = calls.path("0123456789");
    let [link, link_length] = calls.other_path("link");
    calls.expect(SUCCESS, "path_symlink", &[target, target_length, ROOT, link, link_length]);
    for length in [0, 1, 9, 10, 11, 64] {
        calls.poke(0x500, &[0xa5; 64]);
        calls.expect(SUCCESS, "path_readlink", &[ROOT, link, link_length, 0x500, length, OUT]);
        let used = calls.peek_u32(OUT as u32);
        assert_eq!(u64::from(used), length.min(10));
        let found = calls.peek(0x500, 64);
        assert_eq!(found[..used as usize], b"0123456789"[..used as usize]);
        assert!(found[used as usize..].iter().all(|byte| *byte == 0xa5), "{length}");
    }
}

#[test]
fn a_read_only_grant_beside_a_writable_one_stays_as_it_is() {
    let (fixed, free) = (tree(), mem::Directory::new());
    let host = Host::new().directory("/fixed", fixed.clone(), Access::ReadOnly).directory(
        "/free",
        free.clone(),
        Access::ReadWrite,
    );
    let mut calls = Calls::new(host);
    let (fixed_fd, free_fd) = (3, 4);
    free.insert("file", "free").unwrap();
    let [file, length] = calls.path("file");
    let [new, new_length] = calls.other_path("new");
    for (from, to) in [(fixed_fd, free_fd), (free_fd, fixed_fd), (fixed_fd, fixed_fd)] {
        calls.expect(PERM, "path_link", &[from, 0, file, length, to, new, new_length]);
        calls.expect(PERM, "path_rename", &[from, file, length, to, new, new_length]);
        calls.expect(PERM, "path_rename", &[from, file, length, to, file, length]);
    }
    for flags in [1, 5, 8, 9] {
        for rights in [0, FD_READ, FD_WRITE] {
            assert_eq!(calls.open(fixed_fd, "file", (0, flags, rights, 0)), Err(PERM));
        }
    }
    assert_eq!(calls.open(fixed_fd, "file", (0, 0, FD_WRITE, 0)), Err(PERM));
    let read_only = calls.open(fixed_fd, "file", (0, 0, FD_READ, 0)).unwrap();
    calls.expect(PERM, "fd_filestat_set_times", &[read_only, 0, 0, 10]);
    assert_eq!(fixed.contents("file").unwrap(), b"0123456789");
    assert_eq!(fixed.contents("new"), Err(Code::NoEntry));
    assert_eq!(free.contents("file").unwrap(), b"free");
}

#[test]
fn a_grant_cannot_be_removed_from_within() {
    let (mut calls, tree) = Calls::with_tree();
    for path in [".", "./", "dir/.."] {
        let [at, length] = calls.path(path);
        let [new, new_length] = calls.other_path("new");
        calls.expect(INVAL, "path_remove_directory", &[ROOT, at, length]);
        calls.expect(ISDIR, "path_unlink_file", &[ROOT, at, length]);
        assert_ne!(calls.call("path_rename", &[ROOT, at, length, ROOT, new, new_length]), SUCCESS);
    }
    assert_eq!(tree.contents("file").unwrap(), b"0123456789");
}
