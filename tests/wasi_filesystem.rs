//! What operations on paths answer: slashes at the end, flags of opening, grants.

use std::{
    any::Any,
    sync::Arc,
    task::{Context, Poll, Waker},
};
use wasmote::{
    backend::mem,
    cap::{
        Code,
        clocks::Datetime,
        filesystem::{self, Kind, Name, NewTime, Open, Times},
    },
    wasi::{
        filesystem::{Access, Denied, Descriptor, Directory, OpenHow},
        path::Walks,
    },
};

fn name(name: &str) -> Name<'_> {
    Name::new(name).unwrap()
}

/// A world with a secret, and a grant of one directory in it that has one of everything.
struct World {
    root: Arc<dyn filesystem::Directory>,
    inside: Arc<dyn filesystem::Directory>,
    grant: Directory,
    walks: Walks,
    /// Keeps a directory of the platform until the world is dropped.
    _disk: Option<Box<dyn Any>>,
}

/// Makes an empty root.
type Backend = fn() -> (Arc<dyn filesystem::Directory>, Option<Box<dyn Any>>);

fn in_memory() -> (Arc<dyn filesystem::Directory>, Option<Box<dyn Any>>) {
    (Arc::new(mem::Directory::new()), None)
}

#[cfg(feature = "std")]
fn on_disk() -> (Arc<dyn filesystem::Directory>, Option<Box<dyn Any>>) {
    let disk = tempfile::tempdir().unwrap();
    let root = wasmote::backend::std::Directory::open_ambient(disk.path()).unwrap();
    (Arc::new(root), Some(Box::new(disk)))
}

#[cfg(feature = "std")]
const BACKENDS: &[Backend] = &[in_memory, on_disk];
#[cfg(not(feature = "std"))]
const BACKENDS: &[Backend] = &[in_memory];

const CREATE: Open = Open { read: false, write: true, create: true, create_new: true, truncate: false };

fn write(directory: &dyn filesystem::Directory, file: &str, text: &str) {
    let file = directory.open_file(name(file), CREATE).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(file.poll_write_at(&mut cx, text.as_bytes(), 0), Poll::Ready(Ok(text.len())));
}

fn directory(parent: &dyn filesystem::Directory, directory: &str) -> Arc<dyn filesystem::Directory> {
    parent.create_directory(name(directory)).unwrap();
    parent.open_directory(name(directory)).unwrap()
}

/// Names, sizes and times of all entries.
type Entries = Vec<(String, u64, Option<Datetime>)>;

fn entries(directory: &dyn filesystem::Directory) -> Entries {
    let mut names = Vec::new();
    directory
        .read(&mut |entry| {
            names.push(entry.name.as_str().to_string());
            true
        })
        .unwrap();
    names.sort();
    let with = |entry: String| {
        let metadata = directory.metadata_at(name(&entry)).unwrap();
        (entry, metadata.size, metadata.modified)
    };
    names.into_iter().map(with).collect()
}

impl World {
    fn new(access: Access) -> Self {
        Self::over(in_memory, access)
    }

    fn over(backend: Backend, access: Access) -> Self {
        let (root, _disk) = backend();
        write(&*directory(&*root, "outside"), "secret", "secret");
        let inside = directory(&*root, "inside");
        write(&*inside, "file", "file");
        directory(&*inside, "dir");
        for (link, target) in [
            ("to-file", "file"),
            ("to-dir", "dir"),
            ("to-outside", "../outside"),
            ("dangling", "nothing"),
            ("loop", "loop"),
        ] {
            inside.create_symlink(name(link), target).unwrap();
        }
        let grant = Directory::new(inside.clone(), access);
        Self { root, inside, grant, walks: Walks::new(4_096), _disk }
    }

    /// Everything outside the grant, which must not change whatever happens.
    fn outside(&self) -> (Entries, Entries) {
        let outside = self.root.open_directory(name("outside")).unwrap();
        let mut root = entries(&*self.root);
        // What happens inside shows in its directory's own size and time.
        root.retain(|entry| entry.0 != "inside");
        (root, entries(&*outside))
    }

    fn inside(&self) -> Entries {
        entries(&*self.inside)
    }
}

const READ: OpenHow = OpenHow {
    follow: false,
    create: false,
    exclusive: false,
    truncate: false,
    directory: false,
    read: true,
    write: false,
    flags: wasmote::wasi::filesystem::FileFlags {
        append: false,
        nonblocking: false,
        data_sync: false,
        file_sync: false,
        read_sync: false,
    },
};

/// One operation on a path of the grant, with everything else it needs made up.
fn operate(world: &mut World, operation: &str, path: &str) -> Result<(), Code> {
    let World { grant, walks, .. } = world;
    let touch = Times { accessed: NewTime::Now, modified: NewTime::Now };
    match operation {
        "stat" => grant.metadata_at(walks, path, false).map(drop),
        "stat-follow" => grant.metadata_at(walks, path, true).map(drop),
        "touch" => grant.set_times_at(walks, path, false, touch),
        "touch-follow" => grant.set_times_at(walks, path, true, touch),
        "open" => grant.open(walks, path, READ).map(drop),
        "open-follow" => grant.open(walks, path, OpenHow { follow: true, ..READ }).map(drop),
        "create" => {
            let how = OpenHow { follow: true, create: true, write: true, ..READ };
            grant.open(walks, path, how).map(drop)
        }
        "create-new" => {
            let how = OpenHow { follow: true, create: true, exclusive: true, write: true, ..READ };
            grant.open(walks, path, how).map(drop)
        }
        "cut" => {
            let how = OpenHow { follow: true, truncate: true, write: true, ..READ };
            grant.open(walks, path, how).map(drop)
        }
        "readlink" => grant.read_link(walks, path).map(drop),
        "unlink" => grant.remove_file(walks, path),
        "rmdir" => grant.remove_directory(walks, path),
        "mkdir" => grant.create_directory(walks, path),
        "symlink" => grant.create_symlink(walks, "file", path),
        "rename-from" => grant.clone().rename(walks, path, grant, "new"),
        "rename-to" => grant.clone().rename(walks, "file", grant, path),
        "rename-dir-to" => grant.clone().rename(walks, "dir", grant, path),
        "link-from" => grant.clone().link(walks, path, grant, "new"),
        "link-to" => grant.clone().link(walks, "file", grant, path),
        _ => panic!("{operation}"),
    }
}

const TARGETS: [&str; 8] = ["file", "dir", "to-file", "to-dir", "to-outside", "dangling", "loop", "absent"];

/// What each operation answers for each of `TARGETS`, without a slash behind it and with one. `-` is success.
#[rustfmt::skip]
const MATRIX: &[(&str, [&str; 8], [&str; 8])] = &[
    //              file       dir        to-file    to-dir     to-outside dangling   loop       absent
    ("stat",         ["-",     "-",       "-",       "-",       "-",       "-",       "-",       "noent"],
                     ["notdir","-",       "notdir",  "-",       "perm",    "noent",   "loop",    "noent"]),
    ("stat-follow",  ["-",     "-",       "-",       "-",       "perm",    "noent",   "loop",    "noent"],
                     ["notdir","-",       "notdir",  "-",       "perm",    "noent",   "loop",    "noent"]),
    ("touch",        ["-",     "-",       "-",       "-",       "-",       "-",       "-",       "noent"],
                     ["notdir","-",       "notdir",  "-",       "perm",    "noent",   "loop",    "noent"]),
    ("touch-follow", ["-",     "-",       "-",       "-",       "perm",    "noent",   "loop",    "noent"],
                     ["notdir","-",       "notdir",  "-",       "perm",    "noent",   "loop",    "noent"]),
    ("open",         ["-",     "-",       "loop",    "loop",    "loop",    "loop",    "loop",    "noent"],
                     ["notdir","-",       "notdir",  "-",       "perm",    "noent",   "loop",    "noent"]),
    ("open-follow",  ["-",     "-",       "-",       "-",       "perm",    "noent",   "loop",    "noent"],
                     ["notdir","-",       "notdir",  "-",       "perm",    "noent",   "loop",    "noent"]),
    // Through a dangling link a file is created where it leads, as long as that is inside.
    ("create",       ["-",     "isdir",   "-",       "isdir",   "perm",    "-",       "loop",    "-"],
                     ["notdir","isdir",   "notdir",  "isdir",   "perm",    "isdir",   "loop",    "isdir"]),
    ("create-new",   ["exist", "exist",   "exist",   "exist",   "exist",   "exist",   "exist",   "-"],
                     ["notdir","exist",   "exist",   "exist",   "exist",   "exist",   "exist",   "isdir"]),
    ("cut",          ["-",     "isdir",   "-",       "isdir",   "perm",    "noent",   "loop",    "noent"],
                     ["notdir","isdir",   "notdir",  "isdir",   "perm",    "noent",   "loop",    "noent"]),
    ("readlink",     ["inval", "inval",   "-",       "-",       "-",       "-",       "-",       "noent"],
                     ["notdir","inval",   "notdir",  "inval",   "perm",    "noent",   "loop",    "noent"]),
    ("unlink",       ["-",     "isdir",   "-",       "-",       "-",       "-",       "-",       "noent"],
                     ["notdir","isdir",   "notdir",  "notdir",  "notdir",  "notdir",  "notdir",  "noent"]),
    // What a link with a slash leads to is no directory to be removed either, but is why.
    ("rmdir",        ["notdir","-",       "notdir",  "notdir",  "notdir",  "notdir",  "notdir",  "noent"],
                     ["notdir","-",       "notdir",  "notdir",  "perm",    "noent",   "loop",    "noent"]),
    ("mkdir",        ["exist", "exist",   "exist",   "exist",   "exist",   "exist",   "exist",   "-"],
                     ["exist", "exist",   "exist",   "exist",   "exist",   "exist",   "exist",   "-"]),
    ("symlink",      ["exist", "exist",   "exist",   "exist",   "exist",   "exist",   "exist",   "-"],
                     ["notdir","exist",   "notdir",  "notdir",  "notdir",  "notdir",  "notdir",  "noent"]),
    ("rename-from",  ["-",     "-",       "-",       "-",       "-",       "-",       "-",       "noent"],
                     ["notdir","-",       "notdir",  "notdir",  "notdir",  "notdir",  "notdir",  "noent"]),
    ("rename-to",    ["-",     "isdir",   "-",       "-",       "-",       "-",       "-",       "-"],
                     ["notdir","notdir",  "notdir",  "notdir",  "notdir",  "notdir",  "notdir",  "notdir"]),
    ("rename-dir-to",["notdir","-",       "notdir",  "notdir",  "notdir",  "notdir",  "notdir",  "-"],
                     ["notdir","-",       "notdir",  "notdir",  "notdir",  "notdir",  "notdir",  "-"]),
    ("link-from",    ["-",     "perm",    "-",       "-",       "-",       "-",       "-",       "noent"],
                     ["notdir","perm",    "notdir",  "notdir",  "notdir",  "notdir",  "notdir",  "noent"]),
    ("link-to",      ["exist", "exist",   "exist",   "exist",   "exist",   "exist",   "exist",   "-"],
                     ["exist", "exist",   "exist",   "exist",   "exist",   "exist",   "exist",   "noent"]),
];

fn code(text: &str) -> Result<(), Code> {
    Err(match text {
        "-" => return Ok(()),
        "busy" => Code::Busy,
        "exist" => Code::Exist,
        "inval" => Code::Invalid,
        "isdir" => Code::IsDirectory,
        "loop" => Code::Loop,
        "noent" => Code::NoEntry,
        "notdir" => Code::NotDirectory,
        "perm" => Code::NotPermitted,
        _ => panic!("{text}"),
    })
}

/// GHSA-vqjp-4c8c-hfgg, GHSA-m9f7-9w4p-gv38: each operation, on each kind of target, with each kind of end.
#[test]
fn trailing_slashes_lead_nowhere_else() {
    for backend in BACKENDS {
        for (operation, plain, slashed) in MATRIX {
            for (index, target) in TARGETS.iter().enumerate() {
                for (suffix, expected) in [("", plain[index]), ("/", slashed[index]), ("//", slashed[index])]
                {
                    let mut world = World::over(*backend, Access::ReadWrite);
                    let before = world.outside();
                    let path = format!("{target}{suffix}");
                    assert_eq!(operate(&mut world, operation, &path), code(expected), "{operation} {path}");
                    assert_eq!(world.outside(), before, "{operation} {path} reached outside");
                }
            }
        }
    }
}

/// Who is refused is told which grant would help, and of none where none would.
#[test]
fn a_refusal_names_the_grant_that_was_missing() {
    let denied = |access, operation, path| {
        let mut world = World::new(access);
        let result = operate(&mut world, operation, path);
        assert_eq!(result, Err(Code::NotPermitted), "{operation} {path}");
        Denied::of(&result, &[access], world.walks.take_way())
    };
    use Access::{ReadOnly, ReadWrite};
    for access in [ReadOnly, ReadWrite] {
        for path in ["../outside/secret", "/etc", "dir/../..", "to-outside/secret"] {
            assert_eq!(denied(access, "open-follow", path), Some(Denied::Outside), "{path}");
        }
    }
    assert_eq!(denied(ReadWrite, "rename-to", "../new"), Some(Denied::Outside), "the second of two paths");
    for operation in ["mkdir", "unlink", "rename-from", "create", "touch"] {
        assert_eq!(denied(ReadOnly, operation, "../new"), Some(Denied::Change), "{operation}");
    }
    // What nobody may do needs no grant.
    assert_eq!(denied(ReadWrite, "link-from", "dir"), None);
    assert_eq!(denied(ReadWrite, "rmdir", "to-outside/"), Some(Denied::Outside));
}

/// `x/.` and `x/..` name a directory by way of `x`, not a place where something could be.
#[test]
fn dots_at_the_end_are_directories_and_no_places() {
    for backend in BACKENDS {
        let reached = |target: &str| match target {
            "dir" | "to-dir" => "-",
            "file" | "to-file" => "notdir",
            "to-outside" => "perm",
            "loop" => "loop",
            _ => "noent",
        };
        for (operation, ..) in MATRIX {
            let here = match *operation {
                "mkdir" | "symlink" | "link-to" | "create-new" => "exist",
                "create" | "cut" | "unlink" => "isdir",
                "rmdir" | "readlink" => "inval",
                "link-from" => "perm",
                "rename-from" | "rename-to" | "rename-dir-to" => "busy",
                _ => "-",
            };
            for target in TARGETS {
                for suffix in ["/.", "/./", "/..", "/../", "//.//"] {
                    let mut world = World::over(*backend, Access::ReadWrite);
                    let before = world.outside();
                    let path = format!("{target}{suffix}");
                    let expected = if reached(target) == "-" { here } else { reached(target) };
                    assert_eq!(operate(&mut world, operation, &path), code(expected), "{operation} {path}");
                    assert_eq!(world.outside(), before, "{operation} {path} reached outside");
                }
            }
        }
    }
}

#[test]
fn whatever_leaves_the_grant_is_not_permitted() {
    for backend in BACKENDS {
        for (operation, ..) in MATRIX {
            for path in [
                "..",
                "../",
                "../outside/secret",
                "dir/../..",
                "/",
                "/outside/secret",
                "to-outside/secret",
                "to-dir/../../x",
            ] {
                let mut world = World::over(*backend, Access::ReadWrite);
                let before = world.outside();
                assert_eq!(
                    operate(&mut world, operation, path),
                    Err(Code::NotPermitted),
                    "{operation} {path}"
                );
                assert_eq!(world.outside(), before, "{operation} {path} reached outside");
            }
        }
    }
}

#[test]
fn a_read_only_grant_refuses_every_change_before_it_looks() {
    for backend in BACKENDS {
        for (operation, ..) in MATRIX {
            if ["stat", "stat-follow", "open", "open-follow", "readlink"].contains(operation) {
                continue;
            }
            for target in TARGETS {
                let mut world = World::over(*backend, Access::ReadOnly);
                let before = world.inside();
                assert_eq!(
                    operate(&mut world, operation, target),
                    Err(Code::NotPermitted),
                    "{operation} {target}"
                );
                assert_eq!(world.inside(), before, "{operation} {target} changed something");
            }
        }
    }
}

/// GHSA-4ch3-9j33-3pmj: the other side of a link or rename has a grant of its own.
#[test]
fn links_and_renames_need_both_grants() {
    for (from_access, to_access) in [
        (Access::ReadOnly, Access::ReadWrite),
        (Access::ReadWrite, Access::ReadOnly),
        (Access::ReadOnly, Access::ReadOnly),
    ] {
        let world = World::new(Access::ReadWrite);
        let inside = world.inside.clone();
        let dir = inside.open_directory(name("dir")).unwrap();
        let (from, to) = (Directory::new(inside, from_access), Directory::new(dir, to_access));
        let mut walks = Walks::new(64);
        let before = world.inside();
        for path in ["file", "dir", "absent", "to-file"] {
            assert_eq!(from.link(&mut walks, path, &to, "new"), Err(Code::NotPermitted));
            assert_eq!(from.rename(&mut walks, path, &to, "new"), Err(Code::NotPermitted));
        }
        assert_eq!(world.inside(), before);
    }
}

#[test]
fn strangers_are_another_device() {
    let (a, b) = (World::new(Access::ReadWrite), World::new(Access::ReadWrite));
    let mut walks = Walks::new(64);
    assert_eq!(a.grant.rename(&mut walks, "file", &b.grant, "new"), Err(Code::CrossDevice));
    assert_eq!(a.grant.link(&mut walks, "file", &b.grant, "new"), Err(Code::CrossDevice));
}

#[test]
fn absolute_link_targets_are_refused_and_escaping_ones_when_walked() {
    let World { grant, mut walks, .. } = World::new(Access::ReadWrite);
    assert_eq!(grant.create_symlink(&mut walks, "/outside", "l"), Err(Code::NotPermitted));
    assert_eq!(grant.create_symlink(&mut walks, "", "l"), Err(Code::NoEntry));
    assert_eq!(grant.create_symlink(&mut walks, "a\0b", "l"), Err(Code::Invalid));
    assert_eq!(grant.create_symlink(&mut walks, "../outside", "l"), Ok(()));
    assert_eq!(grant.metadata_at(&mut walks, "l/secret", false), Err(Code::NotPermitted));
}

/// What opening answers, from the flags, the grant and the target alone. `Ok` says whether it is a directory.
fn expected(access: Access, how: OpenHow, target: &str) -> Result<bool, Code> {
    if (how.create || how.truncate || how.write) && access == Access::ReadOnly {
        return Err(Code::NotPermitted);
    }
    if how.directory && (how.create || how.truncate) {
        return Err(Code::Invalid);
    }
    match target {
        "absent" if how.create => Ok(false),
        "absent" => Err(Code::NoEntry),
        _ if how.create && how.exclusive => Err(Code::Exist),
        "to-file" if !how.follow => Err(Code::Loop),
        "file" | "to-file" if how.directory => Err(Code::NotDirectory),
        "file" | "to-file" => Ok(false),
        _ if how.create || how.truncate || how.write => Err(Code::IsDirectory),
        _ => Ok(true),
    }
}

/// GHSA-2r75-cxrj-cmph, with every combination of flags rather than the one that was wrong.
#[test]
fn every_combination_of_open_flags() {
    for backend in BACKENDS {
        for bits in 0..128u32 {
            let bit = |index: u32| bits & (1 << index) != 0;
            let how = OpenHow {
                follow: bit(0),
                create: bit(1),
                exclusive: bit(2),
                truncate: bit(3),
                directory: bit(4),
                read: bit(5),
                write: bit(6),
                ..READ
            };
            for access in [Access::ReadOnly, Access::ReadWrite] {
                for target in ["file", "dir", "to-file", "absent"] {
                    let mut world = World::over(*backend, access);
                    let before = world.inside();
                    let opened = world.grant.open(&mut world.walks, target, how);
                    let kind = opened.as_ref().map(|opened| matches!(opened, Descriptor::Directory(_)));
                    assert_eq!(
                        kind.map_err(|code| *code),
                        expected(access, how, target),
                        "{access:?} {target} {how:?}"
                    );
                    if opened.is_err() || access == Access::ReadOnly {
                        assert_eq!(world.inside(), before, "{access:?} {target} {how:?} changed something");
                    }
                    if let Ok(Descriptor::File(file)) = &opened {
                        assert_eq!((file.is_readable(), file.is_writable()), (how.read, how.write));
                        let size = file.metadata().unwrap().size;
                        assert_eq!(size, if how.truncate || target == "absent" { 0 } else { 4 });
                    }
                }
            }
        }
    }
}

#[test]
fn what_was_opened_keeps_the_grant() {
    let World { grant, mut walks, .. } = World::new(Access::ReadOnly);
    let Ok(Descriptor::Directory(dir)) = grant.open(&mut walks, "dir", READ) else { panic!("no directory") };
    assert_eq!(dir.create_directory(&mut walks, "new"), Err(Code::NotPermitted));
    assert_eq!(dir.metadata_at(&mut walks, "..", false).map(drop), Err(Code::NotPermitted), "its own root");
    let Ok(Descriptor::File(file)) = grant.open(&mut walks, "file", READ) else { panic!("no file") };
    let touch = Times { accessed: NewTime::Now, modified: NewTime::Now };
    assert_eq!(file.set_times(touch), Err(Code::NotPermitted));
    assert_eq!(file.set_size(0), Err(Code::Invalid));
}

#[test]
fn a_listing_stays_as_it_was_while_entries_are_removed() {
    let root = mem::Directory::new();
    for index in 0..100 {
        root.insert(&format!("f{index}"), "").unwrap();
    }
    let grant = Directory::new(Arc::new(root), Access::ReadWrite);
    let listing = grant.list(0, 1 << 20).unwrap();
    let mut walks = Walks::new(64);
    let mut index = 0;
    while let Some(entry) = listing.entry(index) {
        assert_eq!(entry.kind, Kind::RegularFile);
        grant.remove_file(&mut walks, entry.name).unwrap();
        index += 1;
    }
    assert_eq!((index, listing.len()), (100, 100));
    assert!(grant.list(0, 1 << 20).unwrap().is_empty());
}

#[test]
fn a_directory_larger_than_its_bound_is_listed_in_windows() {
    let root = mem::Directory::new();
    for index in 0..100 {
        root.insert(&format!("f{index}"), "").unwrap();
    }
    let grant = Directory::new(Arc::new(root), Access::ReadWrite);
    let whole = grant.list(0, 1 << 20).unwrap();
    for bytes_max in [0, 1, 100, 1_000] {
        let mut listing = grant.list(0, bytes_max).unwrap();
        for index in 0..=100 {
            if !listing.covers(index) {
                listing = grant.list(index, bytes_max).unwrap();
            }
            assert_eq!(listing.entry(index), whole.entry(index));
        }
        assert!(listing.len() <= 1 + bytes_max / 24, "{} entries in {bytes_max} bytes", listing.len());
    }
}

/// P-05: somebody beside the guest swaps a directory for a link that leads out, all the time. What is opened
/// through the name is the directory, or nothing.
#[cfg(feature = "std")]
#[test]
fn swapping_a_directory_for_a_link_under_a_walk_leads_nowhere() {
    use std::{
        fs,
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };
    let disk = tempfile::tempdir().unwrap();
    let at = |path: &str| disk.path().join(path);
    for (directory, text) in [("outside", "secret"), ("inside/real", "public")] {
        fs::create_dir_all(at(directory)).unwrap();
        fs::write(at(directory).join("file"), text).unwrap();
    }
    std::os::unix::fs::symlink("../outside", at("inside/evil")).unwrap();
    let inside = wasmote::backend::std::Directory::open_ambient(at("inside")).unwrap();
    let grant = Directory::new(Arc::new(inside), Access::ReadWrite);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for name in ["real", "evil"] {
                    fs::rename(at("inside").join(name), at("inside/d")).unwrap();
                    fs::rename(at("inside/d"), at("inside").join(name)).unwrap();
                }
            }
        });
        let mut walks = Walks::new(4_096);
        let (mut found, mut refused) = (0, 0);
        for _ in 0..50_000 {
            let opened = grant.open(&mut walks, "d/file", OpenHow { follow: true, ..READ });
            let Ok(Descriptor::File(file)) = opened else {
                refused += u32::from(matches!(opened, Err(Code::NotPermitted)));
                continue;
            };
            let (mut bytes, mut cx) = ([0; 6], Context::from_waker(Waker::noop()));
            while file.poll_read_at(&mut cx, &mut bytes, 0).is_pending() {}
            assert_eq!(&bytes, b"public");
            found += 1;
        }
        over.store(true, Ordering::Relaxed);
        assert!(found > 0 && refused > 0, "the race was not run: {found} found, {refused} refused");
    });
}
