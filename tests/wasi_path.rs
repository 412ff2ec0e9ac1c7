//! The path walk, against a model that knows no handles: it keeps the physical path as a list of names.

use proptest::prelude::*;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};
use wasmote::{
    Limits,
    backend::mem,
    cap::{
        Code,
        filesystem::{self, Name, Open},
    },
    wasi::{
        filesystem::{Access, Directory},
        path::{DEPTH_MAX, Follow, LINKS_MAX, Last, Walks},
        price::Tab,
    },
};

#[derive(Clone, Debug)]
enum Node {
    Directory,
    File,
    Link(String),
}

/// A tree as a map from physical paths. The root is not in it.
type Model = BTreeMap<Vec<String>, Node>;

/// Where `path` leads, as the list of names from the root.
fn resolve(model: &Model, path: &str, follow: bool) -> Result<Vec<String>, Code> {
    let mut at: Vec<String> = Vec::new();
    let mut links = 0;
    let mut rest: VecDeque<String> = split(path)?;
    while let Some(component) = rest.pop_front() {
        let is_last = rest.iter().all(String::is_empty);
        let slash = !rest.is_empty();
        match component.as_str() {
            "" | "." => {}
            ".." => {
                at.pop().ok_or(Code::NotPermitted)?;
            }
            name => {
                at.push(name.into());
                match model.get(&at).ok_or(Code::NoEntry)? {
                    Node::Directory => {}
                    Node::Link(_) if is_last && !follow && !slash => {}
                    Node::Link(target) => {
                        links += 1;
                        if links > LINKS_MAX {
                            return Err(Code::Loop);
                        }
                        at.pop();
                        for component in split(target)?.into_iter().rev() {
                            rest.push_front(component);
                        }
                    }
                    Node::File if slash => return Err(Code::NotDirectory),
                    Node::File => {}
                }
            }
        }
    }
    Ok(at)
}

fn split(path: &str) -> Result<VecDeque<String>, Code> {
    if path.is_empty() {
        return Err(Code::NoEntry);
    }
    if path.starts_with('/') {
        return Err(Code::NotPermitted);
    }
    Ok(path.split('/').map(String::from).collect())
}

/// Builds the model in memory. A node whose parent is no directory is left out of both.
fn build(nodes: Vec<(Vec<String>, Node)>) -> (Arc<dyn filesystem::Directory>, Model) {
    let root: Arc<dyn filesystem::Directory> = Arc::new(mem::Directory::new());
    let mut model = Model::new();
    for (path, node) in nodes {
        let (name, parent) = path.split_last().unwrap();
        let is_directory = |path: &[String]| matches!(model.get(path), Some(Node::Directory));
        if model.contains_key(&path) || !(parent.is_empty() || is_directory(parent)) {
            continue;
        }
        let directory = physical(&root, parent);
        let name = Name::new(name).unwrap();
        match &node {
            Node::Directory => directory.create_directory(name).unwrap(),
            Node::File => drop(directory.open_file(name, CREATE).unwrap()),
            Node::Link(target) => directory.create_symlink(name, target).unwrap(),
        }
        model.insert(path, node);
    }
    (root, model)
}

const CREATE: Open = Open { read: false, write: true, create: true, create_new: true, truncate: false };

/// Down through directories only, no walk involved.
fn physical(root: &Arc<dyn filesystem::Directory>, path: &[String]) -> Arc<dyn filesystem::Directory> {
    path.iter().fold(root.clone(), |at, name| at.open_directory(Name::new(name).unwrap()).unwrap())
}

fn inode(root: &Arc<dyn filesystem::Directory>, path: &[String]) -> u64 {
    let metadata = match path.split_last() {
        None => root.metadata(),
        Some((name, parent)) => physical(root, parent).metadata_at(Name::new(name).unwrap()),
    };
    metadata.unwrap().inode
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c"]).prop_map(String::from)
}

/// Names, dots, doubled and trailing slashes, and now and then a leading one.
fn path() -> impl Strategy<Value = String> {
    let component = prop_oneof![6 => name(), 1 => Just(".".into()), 2 => Just("..".to_string())];
    let slashes = prop::sample::select(vec!["/", "/", "//", "/./"]);
    let lead = prop_oneof![30 => Just(""), 1 => Just("/")];
    let trail = prop_oneof![3 => Just(""), 1 => Just("/"), 1 => Just("//"), 1 => Just("/.")];
    (lead, prop::collection::vec((component, slashes), 1..6), trail).prop_map(|(lead, parts, trail)| {
        let last = parts.len() - 1;
        let join = |(index, (component, slash)): (usize, &(String, &str))| {
            if index == last { component.clone() } else { format!("{component}{slash}") }
        };
        format!("{lead}{}{trail}", parts.iter().enumerate().map(join).collect::<String>())
    })
}

fn nodes() -> impl Strategy<Value = Vec<(Vec<String>, Node)>> {
    let node = prop_oneof![
        3 => Just(Node::Directory),
        1 => Just(Node::File),
        3 => path().prop_map(Node::Link),
    ];
    prop::collection::vec((prop::collection::vec(name(), 1..4), node), 0..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_walk_ends_where_the_model_does(
        nodes in nodes(),
        paths in prop::collection::vec((path(), any::<bool>()), 1..16),
    ) {
        let (root, model) = build(nodes);
        let grant = Directory::new(root.clone(), Access::ReadOnly);
        for (path, follow) in paths {
            let mut walks = Walks::new(4_096);
            let found = grant.metadata_at(&mut walks, &path, follow).map(|metadata| metadata.inode);
            let expected = resolve(&model, &path, follow).map(|path| inode(&root, &path));
            // A loop of long targets may reach the bound on expanded bytes before the one on links.
            if (found, expected) == (Err(Code::NameTooLong), Err(Code::Loop)) {
                continue;
            }
            prop_assert_eq!(found, expected, "{} follow={} in {:?}", path, follow, model);
        }
    }

    #[test]
    fn no_text_panics(path: String, target: String) {
        let (root, _) = build(vec![(vec!["a".into()], Node::Directory)]);
        if !target.is_empty() {
            root.create_symlink(Name::new("l").unwrap(), &target).ok();
        }
        let grant = Directory::new(root, Access::ReadWrite);
        let mut walks = Walks::new(64);
        for path in [path.clone(), format!("l/{path}"), format!("a/{path}")] {
            grant.metadata_at(&mut walks, &path, true).ok();
            grant.create_directory(&mut walks, &path).ok();
        }
    }
}

fn walk(walks: &mut Walks, root: &Arc<dyn filesystem::Directory>, path: &str) -> Result<(), Code> {
    walks.walk(root, path, Follow::Always, |last| match last {
        Last::Here(_) => Ok(()),
        Last::Entry { parent, name, .. } => parent.open_directory(name).map(drop),
    })
}

#[test]
fn what_is_no_path_is_refused_before_anything_is_opened() {
    let root: Arc<dyn filesystem::Directory> = Arc::new(mem::Directory::new());
    let mut walks = Walks::new(64);
    let long_name = "n".repeat(60);
    for (path, code) in [
        ("", Code::NoEntry),
        ("/", Code::NotPermitted),
        ("//a", Code::NotPermitted),
        ("..", Code::NotPermitted),
        ("./..", Code::NotPermitted),
        ("a\0", Code::Invalid),
        ("\0", Code::Invalid),
        ("a/../..", Code::NoEntry),
        (&*"x".repeat(65), Code::NameTooLong),
        (&*long_name, Code::NoEntry),
    ] {
        assert_eq!(walk(&mut walks, &root, path), Err(code), "{path:?}");
    }
    assert_eq!(walk(&mut Walks::new(4_096), &root, &"n".repeat(256)), Err(Code::NameTooLong));
    assert_eq!(walk(&mut Walks::new(4_096), &root, &"n".repeat(255)), Err(Code::NoEntry));
}

#[test]
fn forty_links_are_followed_and_one_more_is_not() {
    let root: Arc<dyn filesystem::Directory> = Arc::new(mem::Directory::new());
    let link = |index: u32| format!("l{index}");
    root.create_directory(Name::new("l0").unwrap()).unwrap();
    for index in 1..=LINKS_MAX + 1 {
        root.create_symlink(Name::new(&link(index)).unwrap(), &link(index - 1)).unwrap();
    }
    let mut walks = Walks::new(4_096);
    assert_eq!(walk(&mut walks, &root, &link(LINKS_MAX)), Ok(()));
    assert_eq!(walk(&mut walks, &root, &link(LINKS_MAX + 1)), Err(Code::Loop));
    assert_eq!(walk(&mut walks, &root, &format!("{}/.", link(LINKS_MAX + 1))), Err(Code::Loop));
}

#[test]
fn a_walk_holds_a_bounded_number_of_handles_and_makes_a_bounded_number_of_steps() {
    let root: Arc<dyn filesystem::Directory> = Arc::new(mem::Directory::new());
    root.create_symlink(Name::new("here").unwrap(), ".").unwrap();
    let mut deep = root.clone();
    for _ in 0..DEPTH_MAX + 8 {
        deep.create_directory(Name::new("d").unwrap()).unwrap();
        deep = deep.open_directory(Name::new("d").unwrap()).unwrap();
    }
    let mut walks = Walks::new(1 << 20);
    // Below the last directory that is walked through another one may be opened.
    assert_eq!(walk(&mut walks, &root, &vec!["d"; DEPTH_MAX + 1].join("/")), Ok(()));
    assert_eq!(walk(&mut walks, &root, &vec!["d"; DEPTH_MAX + 2].join("/")), Err(Code::NameTooLong));
    let limits = Limits { path_depth: 3, ..Limits::server() };
    let mut shallow = Walks::within(&limits, &Tab::new());
    assert_eq!(walk(&mut shallow, &root, "d/d/d/d"), Ok(()));
    assert_eq!(walk(&mut shallow, &root, "d/d/d/d/d"), Err(Code::NameTooLong));
    assert_eq!(walk(&mut shallow, &root, "d/d/d/../../d/d/d"), Ok(()));
    // Down and up again is no depth.
    assert_eq!(walk(&mut walks, &root, &"d/../".repeat(10_000)), Ok(()));

    // Links whose texts are as long as may be, each leading to the next: work is bounded by the bytes of all.
    let mut walks = Walks::new(4_096);
    for index in 0..40 {
        let target = format!("{}l{}", "d/../".repeat(800), index + 1);
        root.create_symlink(Name::new(&format!("l{index}")).unwrap(), &target).unwrap();
    }
    walks.take_steps();
    assert_eq!(walk(&mut walks, &root, "l0"), Err(Code::NameTooLong));
    let steps = walks.take_steps();
    assert!(steps < 10_000, "{steps} steps");
    assert_eq!(walks.take_steps(), 0, "asked once");
}
