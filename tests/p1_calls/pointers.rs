//! Pointers and lengths that lead outside, for every parameter of every function.

use super::guest::*;
use wasmote::{Access, Host, backend::mem, cap::filesystem};

/// A call that succeeds, or at least is not refused for its pointers; the places of pointers in it with how
/// many bytes each points to, and the places of lengths.
type Good = (&'static str, Vec<u64>, Vec<(usize, u32)>, Vec<usize>);

/// Sets the guest up: a file at 4, a path, a list of one buffer.
fn good(calls: &mut Calls) -> Vec<Good> {
    let file = calls.open(ROOT, "file", (0, 0, FD_READ | FD_WRITE, 0)).unwrap();
    let [path, length] = calls.path("dir");
    let [other, other_length] = calls.other_path("new");
    let [iovs, count] = calls.iovs(0x200, &[(0x300, 4)]);
    let mut subscription = [0; 48];
    subscription[8] = 1;
    subscription[16] = file as u8;
    calls.poke(0x400, &subscription);
    let out = OUT;
    vec![
        ("args_get", vec![out, out], vec![(0, 4), (1, 5)], vec![]),
        ("args_sizes_get", vec![out, out], vec![(0, 4), (1, 4)], vec![]),
        ("clock_res_get", vec![0, out], vec![(1, 8)], vec![]),
        ("clock_time_get", vec![0, 0, out], vec![(2, 8)], vec![]),
        ("environ_get", vec![out, out], vec![(0, 4), (1, 4)], vec![]),
        ("environ_sizes_get", vec![out, out], vec![(0, 4), (1, 4)], vec![]),
        ("fd_fdstat_get", vec![file, out], vec![(1, 24)], vec![]),
        ("fd_filestat_get", vec![file, out], vec![(1, 64)], vec![]),
        ("fd_pread", vec![file, iovs, count, 0, out], vec![(1, 8), (4, 4)], vec![2]),
        ("fd_prestat_dir_name", vec![ROOT, out, 1], vec![(1, 1)], vec![]),
        ("fd_prestat_get", vec![ROOT, out], vec![(1, 8)], vec![]),
        ("fd_pwrite", vec![file, iovs, count, 0, out], vec![(1, 8), (4, 4)], vec![2]),
        ("fd_read", vec![file, iovs, count, out], vec![(1, 8), (3, 4)], vec![2]),
        ("fd_readdir", vec![ROOT, 0x500, 64, 0, out], vec![(1, 64), (4, 4)], vec![2]),
        ("fd_seek", vec![file, 0, 0, out], vec![(3, 8)], vec![]),
        ("fd_tell", vec![file, out], vec![(1, 8)], vec![]),
        ("fd_write", vec![file, iovs, count, out], vec![(1, 8), (3, 4)], vec![2]),
        ("path_create_directory", vec![ROOT, path, length], vec![(1, 3)], vec![2]),
        ("path_filestat_get", vec![ROOT, 0, path, length, out], vec![(2, 3), (4, 64)], vec![3]),
        ("path_filestat_set_times", vec![ROOT, 0, path, length, 0, 0, 0], vec![(2, 3)], vec![3]),
        (
            "path_link",
            vec![ROOT, 0, path, length, ROOT, other, other_length],
            vec![(2, 3), (5, 3)],
            vec![3, 6],
        ),
        ("path_open", vec![ROOT, 0, path, length, 0, FD_READ, 0, 0, out], vec![(2, 3), (8, 4)], vec![3]),
        ("path_readlink", vec![ROOT, path, length, 0x500, 16, out], vec![(1, 3)], vec![2]),
        ("path_remove_directory", vec![ROOT, path, length], vec![(1, 3)], vec![2]),
        (
            "path_rename",
            vec![ROOT, path, length, ROOT, other, other_length],
            vec![(1, 3), (4, 3)],
            vec![2, 5],
        ),
        ("path_symlink", vec![path, length, ROOT, other, other_length], vec![(0, 3), (3, 3)], vec![1, 4]),
        ("path_unlink_file", vec![ROOT, path, length], vec![(1, 3)], vec![2]),
        ("poll_oneoff", vec![0x400, 0x500, 1, out], vec![(0, 48), (1, 32), (3, 4)], vec![2]),
        ("random_get", vec![out, 16], vec![(0, 16)], vec![1]),
    ]
}

type Record = (&'static str, Vec<u64>, u32, &'static [(usize, usize)]);

fn setup() -> (Calls, mem::Directory) {
    let tree = tree();
    let host = Host::new().args(["name"]).env("A", "1").directory("/", tree.clone(), Access::ReadWrite);
    (Calls::new(host), tree)
}

fn names(tree: &mem::Directory) -> Vec<(String, u64)> {
    let mut names = Vec::new();
    filesystem::Directory::read(tree, &mut |entry| {
        names.push((entry.name.as_str().to_string(), entry.inode));
        true
    })
    .unwrap();
    names
}

#[test]
fn a_pointer_that_leads_outside_is_a_fault_and_changes_nothing() {
    let count = good(&mut setup().0).len();
    for index in 0..count {
        let (_, params, pointers, _) = good(&mut setup().0).swap_remove(index);
        for (place, bytes) in pointers {
            for pointer in
                [MEMORY_BYTES - bytes + 1, MEMORY_BYTES - 1, MEMORY_BYTES, MEMORY_BYTES + 1, u32::MAX]
            {
                if pointer <= MEMORY_BYTES - bytes {
                    continue;
                }
                let (mut calls, tree) = setup();
                let (name, ..) = good(&mut calls).swap_remove(index);
                let before = names(&tree);
                let contents = tree.contents("file").unwrap();
                let mut params = params.clone();
                params[place] = pointer.into();
                calls.expect(FAULT, name, &params);
                assert_eq!(names(&tree), before, "{name} {params:?}");
                assert_eq!(tree.contents("file").unwrap(), contents, "{name} {params:?}");
                // No descriptor was taken for it either, and no byte was read.
                assert_eq!(calls.open(ROOT, "dir", (0, 0, FD_READ, 0)), Ok(5), "{name} {params:?}");
                calls.expect(SUCCESS, "fd_tell", &[4, OUT]);
                assert_eq!(calls.peek_u64(OUT as u32), 0, "{name} {params:?}");
            }
        }
    }
}

#[test]
fn a_pointer_to_the_last_place_is_fine() {
    let count = good(&mut setup().0).len();
    for index in 0..count {
        let (_, _, pointers, _) = good(&mut setup().0).swap_remove(index);
        for (place, bytes) in pointers {
            let (mut calls, _) = setup();
            let (name, mut params, ..) = good(&mut calls).swap_remove(index);
            params[place] = (MEMORY_BYTES - bytes).into();
            assert_ne!(calls.call(name, &params), FAULT, "{name} {params:?}");
        }
    }
}

#[test]
fn lengths_that_no_memory_has_are_refused() {
    let count = good(&mut setup().0).len();
    for index in 0..count {
        let (_, _, _, lengths) = good(&mut setup().0).swap_remove(index);
        for place in lengths {
            for length in [MEMORY_BYTES, 1 << 28, 1 << 29, 1 << 31, u32::MAX] {
                let (mut calls, tree) = setup();
                let (name, mut params, ..) = good(&mut calls).swap_remove(index);
                let before = names(&tree);
                params[place] = length.into();
                let errno = calls.call(name, &params);
                assert!([FAULT, INVAL, NAMETOOLONG].contains(&errno), "{name} {params:?}: {errno}");
                assert_eq!(names(&tree), before, "{name} {params:?}");
            }
        }
    }
}

#[test]
fn a_list_of_buffers_is_checked_whole_before_a_byte_is_moved() {
    for (buffers, errno) in [
        (&[(0x300, 4), (MEMORY_BYTES - 3, 4)][..], FAULT),
        (&[(0x300, 4), (u32::MAX, 1)], FAULT),
        (&[(0, u32::MAX), (0, u32::MAX)], FAULT),
        (&[(MEMORY_BYTES + 1, 0)], FAULT),
    ] {
        let (mut calls, tree) = setup();
        let file = calls.open(ROOT, "file", (0, 0, FD_READ | FD_WRITE, 0)).unwrap();
        let [iovs, count] = calls.iovs(0x200, buffers);
        for (name, params) in [
            ("fd_read", vec![file, iovs, count, OUT]),
            ("fd_write", vec![file, iovs, count, OUT]),
            ("fd_pread", vec![file, iovs, count, 0, OUT]),
            ("fd_pwrite", vec![file, iovs, count, 0, OUT]),
        ] {
            calls.expect(errno, name, &params);
        }
        assert_eq!(tree.contents("file").unwrap(), b"0123456789");
        calls.expect(SUCCESS, "fd_tell", &[file, OUT]);
        assert_eq!(calls.peek_u64(OUT as u32), 0);
    }
}

#[test]
fn buffers_whose_sum_does_not_fit_are_invalid() {
    let (mut calls, _) = setup();
    let file = calls.open(ROOT, "file", (0, 0, FD_READ | FD_WRITE, 0)).unwrap();
    let all = [(0, MEMORY_BYTES); 1_024];
    // 1,024 times 128 KiB is 128 MiB; no sum of buffers that lie inside overflows 32 bits before 32,768.
    let [iovs, count] = calls.iovs(0x8000, &all);
    calls.expect(SUCCESS, "fd_read", &[file, iovs, count, OUT]);
    calls.expect(INVAL, "fd_read", &[file, iovs, count + 1, OUT]);
    calls.expect(INVAL, "fd_write", &[file, iovs, 1 << 28, OUT]);
}

/// A read whose bytes become the list it is reading by: whatever they say, nothing leaves the memory.
#[test]
fn a_read_over_its_own_list_of_buffers_stays_inside() {
    let (mut calls, tree) = setup();
    tree.insert("evil", [0xff; 64]).unwrap();
    let file = calls.open(ROOT, "evil", (0, 0, FD_READ, 0)).unwrap();
    let [iovs, count] = calls.iovs(0x200, &[(0x200, 16), (0x300, 4)]);
    calls.expect(FAULT, "fd_read", &[file, iovs, count, OUT]);
    calls.expect(SUCCESS, "fd_tell", &[file, OUT]);
    assert_eq!(calls.peek(0x200, 16), [0xff; 16]);
}

/// GHSA-96f6-r43r-8c24: whatever lies in guest memory, and whatever the host has on its stack, a record is its
/// fields and zeroes.
#[test]
fn padding_of_records_is_zero() {
    let (mut calls, _) = setup();
    good(&mut calls);
    // Name, arguments, length of the record, and where its padding starts and ends.
    let records: [Record; 5] = [
        ("fd_fdstat_get", vec![ROOT, 0x800], 24, &[(1, 2), (4, 8)]),
        ("fd_filestat_get", vec![ROOT, 0x800], 64, &[(17, 24)]),
        ("fd_prestat_get", vec![ROOT, 0x800], 8, &[(0, 4)]),
        ("fd_readdir", vec![ROOT, 0x800, 24, 0, OUT], 24, &[(21, 24)]),
        ("poll_oneoff", vec![0x400, 0x800, 1, OUT], 32, &[(8, 10), (11, 16), (24, 32)]),
    ];
    for (name, params, bytes, padding) in records {
        calls.poke(0x800, &[0xa5; 96]);
        calls.expect(SUCCESS, name, &params);
        let record = calls.peek(0x800, 96);
        for (start, end) in padding {
            let zero = record[*start..*end].iter().all(|byte| *byte == 0);
            assert!(zero, "{name} {start}..{end}: {record:?}");
        }
        assert!(record[bytes as usize..].iter().all(|byte| *byte == 0xa5), "{name} wrote beyond its record");
    }
}
