//! Descriptors: numbers, rights, flags, positions.

use super::guest::*;
use wasmote::{Access, Host, backend::mem};

#[test]
fn what_is_not_open_is_a_bad_descriptor() {
    let (mut calls, _) = Calls::with_tree();
    let [path, length] = calls.path("file");
    let [iovs, count] = calls.iovs(0x200, &[(0x300, 4)]);
    for fd in [4, 99, 1 << 31, u32::MAX.into()] {
        for (name, params) in [
            ("fd_advise", vec![fd, 0, 0, 0]),
            ("fd_allocate", vec![fd, 0, 1]),
            ("fd_close", vec![fd]),
            ("fd_datasync", vec![fd]),
            ("fd_fdstat_get", vec![fd, OUT]),
            ("fd_fdstat_set_flags", vec![fd, 0]),
            ("fd_fdstat_set_rights", vec![fd, 0, 0]),
            ("fd_filestat_get", vec![fd, OUT]),
            ("fd_filestat_set_size", vec![fd, 0]),
            ("fd_filestat_set_times", vec![fd, 0, 0, 0]),
            ("fd_pread", vec![fd, iovs, count, 0, OUT]),
            ("fd_prestat_dir_name", vec![fd, OUT, 1]),
            ("fd_prestat_get", vec![fd, OUT]),
            ("fd_pwrite", vec![fd, iovs, count, 0, OUT]),
            ("fd_read", vec![fd, iovs, count, OUT]),
            ("fd_readdir", vec![fd, 0x500, 64, 0, OUT]),
            ("fd_renumber", vec![fd, 0]),
            ("fd_renumber", vec![0, fd]),
            ("fd_seek", vec![fd, 0, 0, OUT]),
            ("fd_sync", vec![fd]),
            ("fd_tell", vec![fd, OUT]),
            ("fd_write", vec![fd, iovs, count, OUT]),
            ("path_create_directory", vec![fd, path, length]),
            ("path_filestat_get", vec![fd, 0, path, length, OUT]),
            ("path_filestat_set_times", vec![fd, 0, path, length, 0, 0, 0]),
            ("path_link", vec![fd, 0, path, length, ROOT, path, length]),
            ("path_link", vec![ROOT, 0, path, length, fd, path, length]),
            ("path_open", vec![fd, 0, path, length, 0, 0, 0, 0, OUT]),
            ("path_readlink", vec![fd, path, length, 0x500, 8, OUT]),
            ("path_remove_directory", vec![fd, path, length]),
            ("path_rename", vec![fd, path, length, ROOT, path, length]),
            ("path_rename", vec![ROOT, path, length, fd, path, length]),
            ("path_symlink", vec![path, length, fd, path, length]),
            ("path_unlink_file", vec![fd, path, length]),
            ("sock_accept", vec![fd, 0, OUT]),
            ("sock_recv", vec![fd, iovs, count, 0, OUT, OUT]),
            ("sock_send", vec![fd, iovs, count, 0, OUT]),
            ("sock_shutdown", vec![fd, 1]),
        ] {
            calls.expect(BADF, name, &params);
        }
    }
}

#[test]
fn a_directory_is_no_file_and_a_file_no_directory() {
    let (mut calls, _) = Calls::with_tree();
    let file = calls.open(ROOT, "file", (0, 0, FD_READ | FD_WRITE, 0)).unwrap();
    let [iovs, count] = calls.iovs(0x200, &[(0x300, 4)]);
    calls.expect(BADF, "fd_read", &[ROOT, iovs, count, OUT]);
    calls.expect(BADF, "fd_write", &[ROOT, iovs, count, OUT]);
    for (name, params) in [
        ("fd_pread", vec![ROOT, iovs, count, 0, OUT]),
        ("fd_pwrite", vec![ROOT, iovs, count, 0, OUT]),
        ("fd_seek", vec![ROOT, 0, 0, OUT]),
        ("fd_tell", vec![ROOT, OUT]),
        ("fd_allocate", vec![ROOT, 0, 1]),
        ("fd_filestat_set_size", vec![ROOT, 0]),
    ] {
        calls.expect(BADF, name, &params);
    }
    let [path, length] = calls.path("x");
    calls.expect(NOTDIR, "fd_readdir", &[file, 0x500, 64, 0, OUT]);
    calls.expect(NOTDIR, "path_create_directory", &[file, path, length]);
    calls.expect(NOTSOCK, "sock_shutdown", &[file, 1]);
    calls.expect(NOTSOCK, "sock_shutdown", &[1, 1]);
    calls.expect(SPIPE, "fd_seek", &[1, 0, 0, OUT]);
    calls.expect(SPIPE, "fd_tell", &[0, OUT]);
}

fn rights(calls: &mut Calls, fd: u64) -> (u64, u64) {
    calls.expect(SUCCESS, "fd_fdstat_get", &[fd, OUT]);
    (calls.peek_u64(OUT as u32 + 8), calls.peek_u64(OUT as u32 + 16))
}

#[test]
fn a_descriptor_reads_and_writes_only_as_it_was_opened() {
    let (mut calls, _) = Calls::with_tree();
    for asked in [0, FD_READ, FD_WRITE, FD_READ | FD_WRITE] {
        let fd = calls.open(ROOT, "file", (0, 0, asked, 0)).unwrap();
        assert_eq!(rights(&mut calls, fd).0 & (FD_READ | FD_WRITE), asked);
        assert_eq!(calls.read(fd, 1).map(drop), if asked & FD_READ == 0 { Err(BADF) } else { Ok(()) });
        assert_eq!(calls.write(fd, b"x").map(drop), if asked & FD_WRITE == 0 { Err(BADF) } else { Ok(()) });
        let errno = calls.call("fd_filestat_set_size", &[fd, 10]);
        assert_eq!(errno, if asked & FD_WRITE == 0 { INVAL } else { SUCCESS });
        calls.expect(SUCCESS, "fd_close", &[fd]);
    }
}

#[test]
fn rights_are_given_up_for_good() {
    let (mut calls, _) = Calls::with_tree();
    let fd = calls.open(ROOT, "file", (0, 0, FD_READ | FD_WRITE, 0)).unwrap();
    let (base, _) = rights(&mut calls, fd);
    calls.expect(NOTCAPABLE, "fd_fdstat_set_rights", &[fd, base | 1 << 9, 0]);
    calls.expect(NOTCAPABLE, "fd_fdstat_set_rights", &[fd, base, 1]);
    calls.expect(NOTCAPABLE, "fd_fdstat_set_rights", &[fd, u64::MAX, u64::MAX]);
    calls.expect(SUCCESS, "fd_fdstat_set_rights", &[fd, base & !(FD_WRITE | FD_SEEK), 0]);
    assert_eq!(calls.write(fd, b"x"), Err(BADF));
    calls.expect(NOTCAPABLE, "fd_seek", &[fd, 1, 0, OUT]);
    // What is told is where it is, which is another right.
    calls.expect(SUCCESS, "fd_seek", &[fd, 0, 1, OUT]);
    assert_eq!(calls.read(fd, 4).as_deref(), Ok(&b"0123"[..]));
    calls.expect(NOTCAPABLE, "fd_fdstat_set_rights", &[fd, base, 0]);
}

#[test]
fn what_a_directory_gave_up_is_not_inherited() {
    let (mut calls, tree) = Calls::with_tree();
    let (base, inheriting) = rights(&mut calls, ROOT);
    let path_open_only = base & (1 << 13);
    calls.expect(SUCCESS, "fd_fdstat_set_rights", &[ROOT, path_open_only, inheriting & !FD_WRITE]);
    assert_eq!(calls.open(ROOT, "file", (0, 0, FD_READ | FD_WRITE, 0)), Err(NOTCAPABLE));
    assert_eq!(calls.open(ROOT, "new", (0, 1, FD_READ, 0)), Err(NOTCAPABLE), "creating");
    assert_eq!(calls.open(ROOT, "file", (0, 8, FD_READ, 0)), Err(NOTCAPABLE), "cutting");
    let [path, length] = calls.path("file");
    calls.expect(NOTCAPABLE, "path_unlink_file", &[ROOT, path, length]);
    let dir = calls.open(ROOT, "dir", (0, 2, FD_READ, 0)).unwrap();
    assert_eq!(calls.open(dir, "nested/deep", (0, 0, FD_WRITE, 0)), Err(NOTCAPABLE), "one level on");
    assert_eq!(tree.contents("file").unwrap(), b"0123456789");
}

#[test]
fn renumbering_moves_everything_and_closes_what_was_there() {
    let (mut calls, _) = Calls::with_tree();
    let a = calls.open(ROOT, "file", (0, 0, FD_READ, 1)).unwrap();
    let b = calls.open(ROOT, "dir", (0, 2, FD_READ, 0)).unwrap();
    assert_eq!(calls.read(a, 4).as_deref(), Ok(&b"0123"[..]));
    let before = rights(&mut calls, a);
    calls.expect(SUCCESS, "fd_renumber", &[a, a]);
    calls.expect(SUCCESS, "fd_renumber", &[a, b]);
    assert_eq!(rights(&mut calls, b), before);
    assert_eq!(calls.peek(OUT as u32 + 2, 1), [1], "its flags");
    assert_eq!(calls.read(b, 4).as_deref(), Ok(&b"4567"[..]), "its position");
    calls.expect(BADF, "fd_close", &[a]);
    calls.expect(BADF, "fd_renumber", &[b, a]);
    calls.expect(BADF, "fd_renumber", &[b, u32::MAX.into()]);
    assert_eq!(calls.open(ROOT, "file", (0, 0, FD_READ, 0)), Ok(a), "the lowest free number");
}

#[test]
fn preopens_and_streams_are_descriptors_like_others() {
    let (mut calls, _) = Calls::with_tree();
    calls.expect(SUCCESS, "fd_prestat_get", &[ROOT, OUT]);
    assert_eq!(calls.peek(OUT as u32, 8), [0, 0, 0, 0, 1, 0, 0, 0]);
    calls.expect(NAMETOOLONG, "fd_prestat_dir_name", &[ROOT, OUT, 0]);
    calls.expect(SUCCESS, "fd_prestat_dir_name", &[ROOT, OUT, 9]);
    assert_eq!(calls.peek(OUT as u32, 2), *b"/\0");
    calls.expect(SUCCESS, "fd_renumber", &[ROOT, 0]);
    calls.expect(SUCCESS, "fd_prestat_get", &[0, OUT]);
    assert_eq!(calls.open(0, "file", (0, 0, FD_READ, 0)), Ok(ROOT));
    calls.expect(SUCCESS, "fd_close", &[0]);
    calls.expect(SUCCESS, "fd_close", &[1]);
    assert_eq!(calls.open(0, "file", (0, 0, FD_READ, 0)), Err(BADF));
}

#[test]
fn a_full_table_refuses_before_anything_is_created() {
    let tree = tree();
    let host = Host::new().limits(small(6)).directory("/", tree.clone(), Access::ReadWrite);
    let mut calls = Calls::new(host);
    assert_eq!(calls.open(ROOT, "file", (0, 0, FD_READ, 0)), Ok(4));
    assert_eq!(calls.open(ROOT, "file", (0, 0, FD_READ, 0)), Ok(5));
    for _ in 0..3 {
        assert_eq!(calls.open(ROOT, "new", (0, 1, FD_WRITE, 0)), Err(MFILE));
        assert_eq!(calls.open(ROOT, "file", (0, 8, FD_WRITE, 0)), Err(MFILE));
    }
    assert_eq!(tree.contents("new"), Err(wasmote::cap::Code::NoEntry));
    assert_eq!(tree.contents("file").unwrap(), b"0123456789");
    calls.expect(SUCCESS, "fd_close", &[4]);
    assert_eq!(calls.open(ROOT, "new", (0, 1, FD_WRITE, 0)), Ok(4));
    let grants = Host::new().limits(small(3)).directory("/", mem::Directory::new(), Access::ReadWrite);
    let program = wasmote::Program::load(&wat::parse_str("(module)").unwrap()).unwrap();
    assert!(grants.start(&program).is_err(), "more grants than there may be descriptors");
}

#[test]
fn ten_thousand_openings_leave_nothing_behind() {
    let tree = tree();
    let mut calls = Calls::new(Host::new().limits(small(8)).directory("/", tree.clone(), Access::ReadWrite));
    let used = tree.used();
    for _ in 0..10_000 {
        let fd = calls.open(ROOT, "file", (0, 0, FD_READ, 0)).unwrap();
        assert_eq!(fd, 4);
        calls.expect(SUCCESS, "fd_renumber", &[fd, 2]);
    }
    assert_eq!(tree.used(), used);
}

#[test]
fn positions_stay_inside_63_bits() {
    let (mut calls, _) = Calls::with_tree();
    let fd = calls.open(ROOT, "file", (0, 0, FD_READ | FD_WRITE, 0)).unwrap();
    let (min, max) = (i64::MIN.cast_unsigned(), i64::MAX.cast_unsigned());
    let minus_one = u64::MAX;
    for (delta, whence, expected) in [
        (minus_one, 0, Err(INVAL)),
        (5, 0, Ok(5)),
        (minus_one, 1, Ok(4)),
        (min, 1, Err(INVAL)),
        (max, 1, Err(INVAL)),
        (minus_one, 2, Ok(9)),
        (max, 2, Err(INVAL)),
        (max, 0, Ok(max)),
        (1, 1, Err(INVAL)),
        (0, 3, Err(INVAL)),
        (0, u32::MAX.into(), Err(INVAL)),
        (0, 1, Ok(max)),
    ] {
        let found = match calls.call("fd_seek", &[fd, delta, whence, OUT]) {
            SUCCESS => Ok(calls.peek_u64(OUT as u32)),
            errno => Err(errno),
        };
        assert_eq!(found, expected, "{delta} from {whence}");
    }
    assert_eq!(calls.read(fd, 4).as_deref(), Ok(&b""[..]), "far past the end");
    assert_eq!(calls.write(fd, b"x"), Err(FBIG));
    let [iovs, count] = calls.iovs(0x200, &[(0x300, 4)]);
    calls.expect(INVAL, "fd_pread", &[fd, iovs, count, u64::MAX, OUT]);
    calls.expect(FBIG, "fd_pwrite", &[fd, iovs, count, u64::MAX, OUT]);
    for size in [1 << 63, u64::MAX] {
        calls.expect(FBIG, "fd_filestat_set_size", &[fd, size]);
        calls.expect(NOTSUP, "fd_allocate", &[fd, 0, size]);
    }
    calls.expect(INVAL, "fd_advise", &[fd, 0, 1 << 63, 0]);
    calls.expect(INVAL, "fd_advise", &[fd, 0, 0, 6]);
}

#[test]
fn appending_ignores_the_position_until_it_is_turned_off() {
    let (mut calls, tree) = Calls::with_tree();
    let fd = calls.open(ROOT, "file", (0, 0, FD_READ | FD_WRITE, 1)).unwrap();
    calls.expect(SUCCESS, "fd_seek", &[fd, 2, 0, OUT]);
    assert_eq!(calls.write(fd, b"ab"), Ok(2));
    assert_eq!(tree.contents("file").unwrap(), b"0123456789ab");
    calls.expect(SUCCESS, "fd_tell", &[fd, OUT]);
    assert_eq!(calls.peek_u64(OUT as u32), 12);
    calls.expect(SUCCESS, "fd_fdstat_set_flags", &[fd, 0]);
    calls.expect(SUCCESS, "fd_seek", &[fd, 0, 0, OUT]);
    assert_eq!(calls.write(fd, b"ab"), Ok(2));
    assert_eq!(tree.contents("file").unwrap(), b"ab23456789ab");
    calls.expect(INVAL, "fd_fdstat_set_flags", &[fd, 32]);
    calls.expect(SUCCESS, "fd_fdstat_set_flags", &[fd, 31]);
    calls.expect(SUCCESS, "fd_fdstat_get", &[fd, OUT]);
    assert_eq!(calls.peek(OUT as u32 + 2, 2), [31, 0]);
    calls.expect(INVAL, "fd_fdstat_set_flags", &[1, 1]);
}

/// `wasi_unstable` numbers `whence` otherwise, and its `filestat` is shorter.
#[test]
fn the_older_edition_has_its_own_layouts() {
    let tree = tree();
    let host = Host::new().directory("/", tree, Access::ReadWrite);
    let mut calls = Calls::importing(host, "wasi_unstable");
    let fd = calls.open(ROOT, "file", (0, 0, FD_READ, 0)).unwrap();
    for (whence, delta, expected) in [(2, 3, 3), (0, 2, 5), (1, 0, 10)] {
        calls.expect(SUCCESS, "fd_seek", &[fd, delta, whence, OUT]);
        assert_eq!(calls.peek_u64(OUT as u32), expected);
    }
    calls.poke(0x800, &[0xa5; 64]);
    calls.expect(SUCCESS, "fd_filestat_get", &[fd, 0x800]);
    assert_eq!(calls.peek_u32(0x800 + 20), 1, "links");
    assert_eq!(calls.peek_u64(0x800 + 24), 10, "size");
    assert_eq!(calls.peek(0x800 + 56, 8), [0xa5; 8]);
    let of_descriptor = calls.peek(0x800, 56);
    calls.poke(0x800, &[0xa5; 64]);
    let [path, length] = calls.path("file");
    calls.expect(SUCCESS, "path_filestat_get", &[ROOT, 0, path, length, 0x800]);
    assert_eq!(calls.peek(0x800, 56), of_descriptor, "a path leads to the same");
    assert_eq!(calls.peek(0x800 + 56, 8), [0xa5; 8]);
    let mut subscription = [0; 56];
    subscription[24] = 1;
    subscription[32..40].copy_from_slice(&5_000_000u64.to_le_bytes());
    calls.poke(0x400, &subscription);
    calls.expect(SUCCESS, "clock_time_get", &[1, 0, 0x600]);
    calls.expect(SUCCESS, "poll_oneoff", &[0x400, 0x500, 1, OUT]);
    calls.expect(SUCCESS, "clock_time_get", &[1, 0, 0x608]);
    let slept = calls.peek_u64(0x608) - calls.peek_u64(0x600);
    assert!((5_000_000..6_000_000).contains(&slept), "{slept}");
}

#[test]
fn a_stream_has_no_size_and_no_time() {
    let mut calls = Calls::new(Host::new());
    for fd in 0..3 {
        calls.poke(0x800, &[0xa5; 64]);
        calls.expect(SUCCESS, "fd_filestat_get", &[fd, 0x800]);
        assert_eq!(calls.peek(0x800, 64), [0; 64]);
        calls.expect(BADF, "fd_filestat_set_times", &[fd, 0, 0, 0]);
    }
}

/// GHSA-j2g9-4prp-pf6h: every time a guest can send.
#[test]
fn no_time_panics() {
    let (mut calls, _) = Calls::with_tree();
    let fd = calls.open(ROOT, "file", (0, 0, FD_READ, 0)).unwrap();
    let [path, length] = calls.path("file");
    let times = [0, 1, 999_999_999, 1_000_000_000, 1 << 63, u64::MAX - 1, u64::MAX];
    for flags in 0..32 {
        for time in times {
            let valid = flags & 3 != 3 && flags & 12 != 12 && flags < 16;
            let expected = if valid { SUCCESS } else { INVAL };
            calls.expect(expected, "fd_filestat_set_times", &[fd, time, time, flags]);
            calls.expect(expected, "path_filestat_set_times", &[ROOT, 0, path, length, time, time, flags]);
            if flags & 1 != 0 && valid {
                calls.expect(SUCCESS, "fd_filestat_get", &[fd, 0x800]);
                assert_eq!(calls.peek_u64(0x800 + 40), time);
            }
        }
    }
}
