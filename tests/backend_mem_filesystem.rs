//! What only the file system in memory promises: a quota that holds, exact accounting, and repetition.

#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test runs on a host, and may panic"
)]

use proptest::prelude::*;
use std::{
    collections::BTreeMap,
    sync::Arc,
    task::{Context, Poll, Waker},
};
use wasmote::{
    backend::mem::{Clocks, Directory, Quota, filesystem::Settings},
    cap::{
        Code,
        filesystem::{Directory as _, File, Name, Open},
    },
};

fn name(name: &str) -> Name<'_> {
    Name::new(name).unwrap()
}

fn ready<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> T {
    match poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a file made the caller wait"),
    }
}

const WRITE: Open = Open { read: true, write: true, create: true, create_new: false, truncate: false };
const NOTHING: Quota = Quota { bytes: 0, inodes: 0 };

#[test]
fn a_disk_fills_and_empties() {
    let quota = Quota { bytes: 1 << 20, inodes: 10 };
    let root = Directory::with_quota(quota);
    let file = root.open_file(name("file"), WRITE).unwrap();
    let block = [7; 4_096];
    let mut written = 0;
    let refused = loop {
        match ready(|cx| file.poll_append(cx, &block)) {
            Ok((count, end)) => {
                written += count as u64;
                assert_eq!(end, written);
            }
            Err(code) => break code,
        }
    };
    assert_eq!(refused, Code::NoSpace);
    assert!(root.used().bytes <= quota.bytes);
    assert!(written > quota.bytes * 98 / 100, "{written} of {}", quota.bytes);
    assert_eq!(root.insert("other", "x"), Err(Code::NoSpace));
    // Unlinked, it is charged until it is closed.
    root.remove_file(name("file")).unwrap();
    assert!(root.used().bytes >= written);
    drop(file);
    // The entry that `insert` made before the bytes found no room.
    root.remove_file(name("other")).unwrap_or(());
    assert_eq!(root.used(), NOTHING);
}

///
#[test]
fn tiny_files_fill_the_inodes_and_no_more() {
    let quota = Quota { bytes: 64 << 20, inodes: 100_000 };
    let root = Directory::with_quota(quota);
    for n in 0..quota.inodes {
        root.insert(&format!("{n}"), "x").unwrap();
    }
    for n in 0..1_000 {
        assert_eq!(root.insert(&format!("more-{n}"), "x"), Err(Code::NoSpace));
        assert_eq!(root.create_directory(name("more")), Err(Code::NoSpace));
        assert_eq!(root.create_symlink(name("more"), "x"), Err(Code::NoSpace));
    }
    assert_eq!(root.used().inodes, quota.inodes);
    let mut listed = 0;
    root.read(&mut |_| {
        listed += 1;
        true
    })
    .unwrap();
    assert_eq!(listed, quota.inodes);
    for n in 0..quota.inodes {
        root.remove_file(name(&n.to_string())).unwrap();
    }
    assert_eq!(root.used(), NOTHING);
}

/// Names cost bytes, or hard links would be free memory.
#[test]
fn hard_links_fill_the_bytes() {
    let root = Directory::with_quota(Quota { bytes: 1 << 20, inodes: 1 });
    root.insert("file", "x").unwrap();
    let linked =
        (0..).take_while(|n| root.link(name("file"), &root, name(&format!("link-{n}"))).is_ok()).count();
    assert!((10_000..17_000).contains(&linked), "{linked}");
    assert!(root.used().bytes <= 1 << 20);
}

/// X-05, on a stack that recursion would run off: dropping, and every operation, at any depth.
#[test]
fn a_deep_tree_takes_no_stack() {
    let depth = 1_000_000;
    let work = move || {
        let root = Directory::with_quota(Quota { bytes: 1 << 30, inodes: u32::MAX });
        let mut deepest: Arc<dyn wasmote::cap::filesystem::Directory> = Arc::new(root.clone());
        for _ in 0..depth {
            deepest.create_directory(name("d")).unwrap();
            deepest = deepest.open_directory(name("d")).unwrap();
        }
        assert_eq!(root.used().inodes, depth);
        // Walks up a million levels.
        assert_eq!(root.rename(name("d"), &*deepest, name("x")), Err(Code::Invalid));
        drop(deepest);
        drop(root);
    };
    std::thread::Builder::new().stack_size(128 << 10).spawn(work).unwrap().join().unwrap();
}

#[test]
fn a_gap_costs_nothing_and_no_file_is_larger_than_the_quota() {
    let quota = Quota { bytes: 1 << 20, inodes: 1 };
    let root = Directory::with_quota(quota);
    let file = root.open_file(name("file"), WRITE).unwrap();
    let empty = root.used();
    file.set_size(quota.bytes).unwrap();
    assert_eq!(root.used(), empty);
    assert_eq!(file.set_size(quota.bytes + 1), Err(Code::FileTooLarge));
    assert_eq!(ready(|cx| file.poll_write_at(cx, b"ab", quota.bytes - 1)), Ok(1));
    assert_eq!(ready(|cx| file.poll_write_at(cx, b"b", quota.bytes)), Err(Code::FileTooLarge));
    assert_eq!(root.contents("file").unwrap().len() as u64, quota.bytes);
}

#[test]
fn failing_changes_change_nothing() {
    let root = Directory::with_quota(Quota { bytes: 600, inodes: 3 });
    root.insert("a", "0123456789").unwrap();
    let used = root.used();
    let long = "n".repeat(255);
    assert_eq!(root.create_symlink(name("link"), &"t".repeat(1_000)), Err(Code::NoSpace));
    root.create_directory(name(&long)).unwrap();
    assert_eq!(root.rename(name("a"), &root, name(&"m".repeat(255))), Err(Code::NoSpace));
    assert_eq!(root.link(name("a"), &root, name(&"m".repeat(255))), Err(Code::NoSpace));
    root.remove_directory(name(&long)).unwrap();
    assert_eq!((root.used(), root.contents("a").unwrap()), (used, b"0123456789".to_vec()));
}

#[test]
fn the_same_calls_leave_the_same_tree() {
    let run = || {
        let clocks: Arc<dyn wasmote::cap::clocks::Clocks> = Arc::new(Clocks::new());
        let root = Directory::with(Settings { clocks: Some(clocks), device: 3, ..Settings::default() });
        for path in ["b/c/d", "a", "b/a", "z"] {
            root.insert(path, path).unwrap();
        }
        root.rename(name("z"), &root, name("y")).unwrap();
        root.remove_file(name("a")).unwrap();
        root.insert("new", "").unwrap();
        let mut seen = Vec::new();
        root.read(&mut |entry| {
            seen.push((entry.name.as_str().to_owned(), root.metadata_at(entry.name).unwrap()));
            true
        })
        .unwrap();
        seen
    };
    let first = run();
    assert_eq!(first, run());
    assert_eq!(first.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["b", "new", "y"]);
    assert!(first.iter().all(|(_, metadata)| metadata.device == 3 && metadata.modified.is_some()));
}

#[test]
fn inserting_takes_paths_and_refuses_what_is_none() {
    let root = Directory::new();
    root.insert("/a//b/c", "1").unwrap();
    root.insert("a/b/c", "22").unwrap();
    assert_eq!(root.contents("a/b/c").unwrap(), b"22");
    root.create_symlink(name("up"), "a").unwrap();
    for (path, code) in [
        ("", Code::Invalid),
        ("/", Code::Invalid),
        ("a/../b", Code::Invalid),
        ("./a", Code::Invalid),
        ("nul\0", Code::Invalid),
        ("a/b/c/d", Code::NotDirectory),
        ("a/b", Code::IsDirectory),
        ("up/x", Code::Loop),
        ("up", Code::Loop),
    ] {
        assert_eq!(root.insert(path, ""), Err(code), "{path:?}");
    }
    assert_eq!(root.contents("a/x"), Err(Code::NoEntry));
}

#[test]
fn a_tree_is_copied_with_its_links_and_times() {
    let from = Directory::with(Settings { clocks: Some(Arc::new(Clocks::new())), ..Settings::default() });
    from.insert("a/b/file", vec![7; 100_000]).unwrap();
    from.insert_directory("empty").unwrap();
    from.create_symlink(name("link"), "a/b").unwrap();
    let to = Directory::new();
    let source: Arc<dyn wasmote::cap::filesystem::Directory> = Arc::new(from.clone());
    to.copy_from(&source).unwrap();
    assert_eq!(to.contents("a/b/file").unwrap(), vec![7; 100_000]);
    assert_eq!(to.read_link(name("link")).unwrap(), "a/b");
    assert_eq!(to.used(), from.used());
    let modified =
        |root: &Directory| root.insert_directory("a/b").unwrap().metadata_at(name("file")).unwrap().modified;
    assert_eq!(modified(&to), modified(&from));
    let small = Directory::with_quota(Quota::mcu());
    assert_eq!(small.copy_from(&source), Err(Code::NoSpace));
}

/// One step of a random run. Names are few, so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Create(u8),
    Write { at: u8, offset: u16, length: u16, byte: u8 },
    Append { at: u8, length: u16, byte: u8 },
    SetSize { at: u8, size: u16 },
    Keep(u8),
    CloseAll,
    Link(u8, u8),
    Rename(u8, u8),
    Remove(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let at = || 0..6_u8;
    let offset = 0..20_000_u16;
    let length = prop_oneof![0..40_u16, 0..9_000_u16];
    prop_oneof![
        at().prop_map(Step::Create),
        (at(), offset.clone(), length.clone(), any::<u8>())
            .prop_map(|(at, offset, length, byte)| Step::Write { at, offset, length, byte }),
        (at(), length, any::<u8>()).prop_map(|(at, length, byte)| Step::Append { at, length, byte }),
        (at(), offset).prop_map(|(at, size)| Step::SetSize { at, size }),
        at().prop_map(Step::Keep),
        Just(Step::CloseAll),
        (at(), at()).prop_map(|(from, to)| Step::Link(from, to)),
        (at(), at()).prop_map(|(from, to)| Step::Rename(from, to)),
        at().prop_map(Step::Remove),
    ]
}

/// The model: names to file numbers, file numbers to bytes.
#[derive(Default)]
struct Model {
    names: BTreeMap<String, usize>,
    files: Vec<Vec<u8>>,
}

impl Model {
    fn file(&mut self, at: &str) -> Option<&mut Vec<u8>> {
        self.names.get(at).map(|&number| &mut self.files[number])
    }
}

fn write_model(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if !bytes.is_empty() {
        file.resize(file.len().max(offset + bytes.len()), 0);
        file[offset..offset + bytes.len()].copy_from_slice(bytes);
    }
}

fn run(root: &Directory, model: &mut Model, kept: &mut Vec<Arc<dyn File>>, step: &Step) {
    let text = |at: &u8| format!("name-{at}");
    let open = |at: &str| root.open_file(name(at), Open { create: false, ..WRITE });
    match step {
        Step::Create(at) => {
            let at = text(at);
            if root.open_file(name(&at), WRITE).is_ok() && !model.names.contains_key(&at) {
                model.files.push(Vec::new());
                model.names.insert(at, model.files.len() - 1);
            }
        }
        Step::Write { at, offset, length, byte } => {
            let (at, bytes) = (text(at), vec![*byte; *length as usize]);
            let Some(file) = model.file(&at) else { return assert_eq!(open(&at).err(), Some(Code::NoEntry)) };
            let offset = *offset as usize;
            match ready(|cx| open(&at).unwrap().poll_write_at(cx, &bytes, offset as u64)) {
                Ok(count) => write_model(file, offset, &bytes[..count]),
                Err(code) => assert!(matches!(code, Code::NoSpace | Code::FileTooLarge), "{code}"),
            }
        }
        Step::Append { at, length, byte } => {
            let (at, bytes) = (text(at), vec![*byte; *length as usize]);
            let Some(file) = model.file(&at) else { return };
            let offset = file.len();
            match ready(|cx| open(&at).unwrap().poll_append(cx, &bytes)) {
                Ok((count, end)) => {
                    write_model(file, offset, &bytes[..count]);
                    assert_eq!(end, file.len() as u64);
                }
                Err(code) => assert!(matches!(code, Code::NoSpace | Code::FileTooLarge), "{code}"),
            }
        }
        Step::SetSize { at, size } => {
            let at = text(at);
            let Some(file) = model.file(&at) else { return };
            match open(&at).unwrap().set_size(u64::from(*size)) {
                Ok(()) => file.resize(*size as usize, 0),
                Err(code) => assert_eq!(code, Code::FileTooLarge),
            }
        }
        Step::Keep(at) => kept.extend(open(&text(at))),
        Step::CloseAll => kept.clear(),
        Step::Link(from, to) => {
            let (from, to) = (text(from), text(to));
            match root.link(name(&from), root, name(&to)) {
                Ok(()) => {
                    assert!(!model.names.contains_key(&to));
                    model.names.insert(to, model.names[&from]);
                }
                Err(Code::NoEntry) => assert!(!model.names.contains_key(&from)),
                Err(Code::Exist) => assert!(model.names.contains_key(&to)),
                Err(code) => assert_eq!(code, Code::NoSpace),
            }
        }
        Step::Rename(from, to) => {
            let (from, to) = (text(from), text(to));
            match root.rename(name(&from), root, name(&to)) {
                Ok(()) if model.names.get(&from) == model.names.get(&to) => {}
                Ok(()) => {
                    let number = model.names.remove(&from).expect("renamed what was not there");
                    model.names.insert(to, number);
                }
                Err(code) => assert!(code == Code::NoEntry && !model.names.contains_key(&from), "{code}"),
            }
        }
        Step::Remove(at) => {
            let there = model.names.remove(&text(at)).is_some();
            assert_eq!(root.remove_file(name(&text(at))).is_ok(), there);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn random_runs_agree_with_a_model_and_give_everything_back(
        steps in proptest::collection::vec(step(), 1..120),
        bytes in prop_oneof![Just(1_u64 << 20), 500..40_000_u64],
        inodes in 2..10_u32,
    ) {
        let root = Directory::with_quota(Quota { bytes, inodes });
        let (mut model, mut kept) = (Model::default(), Vec::new());
        for step in &steps {
            run(&root, &mut model, &mut kept, step);
            let used = root.used();
            prop_assert!(used.bytes <= bytes && used.inodes <= inodes);
        }
        let mut listed = Vec::new();
        root.read(&mut |entry| { listed.push(entry.name.as_str().to_owned()); true }).unwrap();
        prop_assert_eq!(&listed, &model.names.keys().cloned().collect::<Vec<_>>());
        for (at, &number) in &model.names {
            prop_assert_eq!(&root.contents(at).unwrap(), &model.files[number]);
        }
        for at in listed {
            root.remove_file(name(&at)).unwrap();
        }
        kept.clear();
        prop_assert_eq!(root.used(), NOTHING);
    }
}
