//! Hostile paths and descriptors out of components, by the numbers of the attack battery: one source, built for WASI 0.2
//! and for WASI 0.3, tries each attack over memory and over the platform. Each ends with the same code everywhere, and
//! nothing outside the grants is seen or changed.

#![cfg(all(feature = "std", feature = "p2", feature = "p3"))]

use std::{
    fs,
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
};
use tempfile::TempDir;
use wasmote::{
    Access, Host, Program, Rule, Trap,
    backend::{self, mem},
    block_on,
    cap::filesystem::{Directory, Name, Open},
};

const DIALECTS: [&str; 2] = ["paths-p2", "paths-p3"];

/// How many links the longest chain has that is followed.
const LINKS_MAX: usize = 40;

fn program(name: &str) -> &'static Program {
    static LOADED: [OnceLock<Program>; 2] = [const { OnceLock::new() }; 2];
    let at = DIALECTS.iter().position(|known| *known == name).unwrap();
    LOADED[at].get_or_init(|| {
        let path = format!("{}/tests/guests/{name}.wasm", env!("CARGO_MANIFEST_DIR"));
        Program::load(&fs::read(path).unwrap()).unwrap()
    })
}

/// What a new guest says to each of `attacks`.
fn tried(dialect: &str, host: Host, attacks: &[String]) -> Vec<String> {
    let (stdout, stderr) = (mem::Output::new(), mem::Output::new());
    let host = host.args(["paths"].into_iter().chain(attacks.iter().map(String::as_str)));
    let host = host.stdout(stdout.clone()).stderr(stderr.clone());
    let exit = block_on(host.start(program(dialect)).unwrap().run());
    let exit =
        exit.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&stderr.contents())));
    assert!(exit.is_success());
    let said = String::from_utf8(stdout.contents()).unwrap();
    assert_eq!(said.lines().count(), attacks.len());
    said.lines().map(str::to_owned).collect()
}

fn name(name: &str) -> Name<'_> {
    Name::new(name).unwrap()
}

const CREATE: Open = Open { read: false, write: true, create: true, create_new: true, truncate: false };

fn write(directory: &dyn Directory, file: &str, text: &str) {
    let file = directory.open_file(name(file), CREATE).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(file.poll_write_at(&mut cx, text.as_bytes(), 0), Poll::Ready(Ok(text.len())));
}

/// A world with a secret, and grants beside it: root 0 is `inside`, root 1 `other`, root 2 `locked`, which may only be
/// read.
struct World {
    root: Arc<dyn Directory>,
    host: Host,
    /// Keeps a directory of the platform until the world is dropped.
    _disk: Option<TempDir>,
}

const GRANTS: [(&str, Access); 3] =
    [("inside", Access::ReadWrite), ("other", Access::ReadWrite), ("locked", Access::ReadOnly)];

fn fill(root: &dyn Directory) {
    let make = |parent: &dyn Directory, at: &str| {
        parent.create_directory(name(at)).unwrap();
        parent.open_directory(name(at)).unwrap()
    };
    write(&*make(root, "outside"), "secret", "secret");
    let inside = make(root, "inside");
    write(&*inside, "file", "file");
    write(&*inside, "gift", "gift");
    write(&*make(&*inside, "dir"), "inner", "inner");
    let many = make(&*inside, "many");
    (0..3_000).for_each(|number| write(&*many, &format!("{number:04}"), ""));
    for (link, target) in [
        ("to-file", "file"),
        ("to-dir", "dir"),
        ("to-outside", "../outside"),
        ("dangling", "../planted"),
        ("loop", "loop"),
    ] {
        inside.create_symlink(name(link), target).unwrap();
    }
    for number in 0..=LINKS_MAX {
        let target = if number == 0 { "file".to_owned() } else { format!("l{}", number - 1) };
        inside.create_symlink(name(&format!("l{number}")), &target).unwrap();
    }
    make(root, "other");
    let locked = make(root, "locked");
    write(&*locked, "file", "locked");
    make(&*locked, "dir");
}

impl World {
    fn over_memory() -> Self {
        let root = mem::Directory::new();
        fill(&root);
        let host = GRANTS.iter().fold(Host::new(), |host, (grant, access)| {
            host.directory(format!("/{grant}"), root.insert_directory(grant).unwrap(), *access)
        });
        Self { root: Arc::new(root), host, _disk: None }
    }

    fn over_the_platform() -> Self {
        let disk = tempfile::tempdir().unwrap();
        let open = |path: &Path| backend::std::Directory::open_ambient(path).unwrap();
        let root = open(disk.path());
        fill(&root);
        let host = GRANTS.iter().fold(Host::new(), |host, (grant, access)| {
            host.directory(format!("/{grant}"), open(&disk.path().join(grant)), *access)
        });
        Self { root: Arc::new(root), host, _disk: Some(disk) }
    }

    /// Names and sizes of everything that no guest may change.
    fn untouchable(&self) -> Vec<(String, u64)> {
        let mut all = Vec::new();
        for at in [None, Some("outside"), Some("locked")] {
            let directory = at.map_or(self.root.clone(), |at| self.root.open_directory(name(at)).unwrap());
            let mut names = Vec::new();
            let mut note = |entry: wasmote::cap::filesystem::Entry<'_>| {
                names.push(entry.name.as_str().to_owned());
                true
            };
            directory.read(&mut note).unwrap();
            names.sort();
            for entry in names {
                let size = if at.is_none() { 0 } else { directory.metadata_at(name(&entry)).unwrap().size };
                all.push((entry, size));
            }
        }
        all
    }
}

const NOT_PERMITTED: &str = "! not-permitted";
const NO_ENTRY: &str = "! no-entry";
const EXIST: &str = "! exist";
const INVALID: &str = "! invalid";
const LOOP: &str = "! loop";
const NOT_DIRECTORY: &str = "! not-directory";
const IS_DIRECTORY: &str = "! is-directory";
const BUSY: &str = "! busy";
const BAD: &str = "! bad-descriptor";
const TOO_LONG: &str = "! name-too-long";
const TOO_LARGE: &str = "! file-too-large";
/// Whatever a file system makes of it.
const ANY: &str = "*";

/// Attacks, with what each ends with. They follow one another in one world; their language is that of
/// `guests/components/src/paths.rs`.
const ATTACKS: &[(&str, &[(&str, &str)])] = &[
    (
        "P-01: dots at every depth",
        &[
            ("read|0|../outside/secret|0", NOT_PERMITTED),
            ("read|0|dir/../../outside/secret|0", NOT_PERMITTED),
            ("read|0|dir/../../../../../../../../../../etc/passwd|0", NOT_PERMITTED),
            ("read|0|./.././outside/secret|0", NOT_PERMITTED),
            ("read|0|absent/../../outside/secret|0", NO_ENTRY),
            ("read|0|file/../../outside/secret|0", NOT_DIRECTORY),
            ("read|0|dir/../file|0", "file"),
            ("open|0|..|directory,read", NOT_PERMITTED),
            ("open|0|dir/..|directory,read", "directory"),
            ("open|0|dir/../..|directory,read", NOT_PERMITTED),
            ("write|0|../outside/secret|truncate,write|0", NOT_PERMITTED),
            ("write|0|../planted|create,write|0", NOT_PERMITTED),
            ("size|0|../outside/secret|0", NOT_PERMITTED),
            ("stat|0|../outside/secret|follow", NOT_PERMITTED),
            ("hash|0|../outside/secret|", NOT_PERMITTED),
            ("times|0|../outside/secret|0|0", NOT_PERMITTED),
            ("list|0|../outside", NOT_PERMITTED),
            ("mkdir|0|../planted", NOT_PERMITTED),
            ("rmdir|0|../outside", NOT_PERMITTED),
            ("unlink|0|../outside/secret", NOT_PERMITTED),
            ("rename|0|../outside/secret|0|mine", NOT_PERMITTED),
            ("rename|0|file|0|../planted", NOT_PERMITTED),
            ("link|0|../outside/secret|0|mine|", NOT_PERMITTED),
            ("link|0|file|0|../planted|", NOT_PERMITTED),
            ("symlink|0|../planted|file", NOT_PERMITTED),
            ("readlink|0|../inside/to-file", NOT_PERMITTED),
            // A directory that was opened is a root of its own.
            ("in|0|dir|directory,read|read|0|inner|0", "inner"),
            ("in|0|dir|directory,read|read|0|../file|0", NOT_PERMITTED),
            ("in|0|dir|directory,read|read|0|../../outside/secret|0", NOT_PERMITTED),
        ],
    ),
    (
        "P-02: absolute paths",
        &[
            ("read|0|/etc/passwd|0", NOT_PERMITTED),
            ("read|0|/file|0", NOT_PERMITTED),
            ("open|0|/|directory,read", NOT_PERMITTED),
            ("stat|0|//|follow", NOT_PERMITTED),
            ("mkdir|0|/planted", NOT_PERMITTED),
            ("rename|0|file|0|/planted", NOT_PERMITTED),
            ("link|0|/etc/passwd|0|mine|", NOT_PERMITTED),
            ("symlink|0|mine|/etc", NOT_PERMITTED),
            ("symlink|0|mine|/", NOT_PERMITTED),
        ],
    ),
    (
        "P-03: links",
        &[
            ("stat|0|to-outside|", "link"),
            ("stat|0|to-outside|follow", NOT_PERMITTED),
            ("read|0|to-outside/secret|0", NOT_PERMITTED),
            ("list|0|to-outside/", NOT_PERMITTED),
            ("mkdir|0|to-outside/planted", NOT_PERMITTED),
            ("unlink|0|to-outside/secret", NOT_PERMITTED),
            ("rename|0|to-outside/secret|0|mine", NOT_PERMITTED),
            ("rename|0|file|0|to-outside/planted", NOT_PERMITTED),
            ("link|0|to-outside/secret|0|mine|", NOT_PERMITTED),
            ("write|0|dangling|follow,create,write|0", NOT_PERMITTED),
            ("write|0|dangling|follow,create,exclusive,write|0", EXIST),
            ("write|0|dangling|create,write|0", LOOP),
            ("read|0|loop|0", LOOP),
            ("read|0|l39|0", "file"),
            ("read|0|l40|0", LOOP),
            ("symlink|0|up|dir/../../outside", "ok"),
            ("read|0|up/secret|0", NOT_PERMITTED),
            ("symlink|0|dir/up|..", "ok"),
            ("read|0|dir/up/file|0", "file"),
            ("in|0|dir|directory,read|read|0|up/file|0", NOT_PERMITTED),
            ("in|0|dir|directory,read|list|0|up/", NOT_PERMITTED),
            ("readlink|0|to-outside", "../outside"),
        ],
    ),
    (
        "P-04: slashes at the end",
        &[
            ("read|0|file/|0", NOT_DIRECTORY),
            ("read|0|to-file/|0", NOT_DIRECTORY),
            ("stat|0|to-outside/|", NOT_PERMITTED),
            ("open|0|to-dir/|directory,read", "directory"),
            ("open|0|dir//|directory,read", "directory"),
            ("unlink|0|file/", NOT_DIRECTORY),
            ("unlink|0|to-file/", NOT_DIRECTORY),
            ("rmdir|0|to-dir/", NOT_DIRECTORY),
            ("mkdir|0|new/", "ok"),
            ("rmdir|0|new/", "ok"),
            ("rename|0|file|0|new/", NOT_DIRECTORY),
            ("rename|0|file/|0|new", NOT_DIRECTORY),
            ("link|0|file|0|new/|", NO_ENTRY),
            ("symlink|0|new/|file", NO_ENTRY),
            ("readlink|0|to-file/", NOT_DIRECTORY),
        ],
    ),
    (
        "P-06: a grant to read",
        &[
            ("read|2|file|0", "locked"),
            ("list|2|.", "dir file"),
            ("open|2|file|write", NOT_PERMITTED),
            ("open|2|file|read,write", NOT_PERMITTED),
            ("open|2|file|truncate", NOT_PERMITTED),
            ("open|2|file|truncate,read", NOT_PERMITTED),
            ("open|2|file|create", NOT_PERMITTED),
            ("open|2|planted|create,read", NOT_PERMITTED),
            ("open|2|planted|create,exclusive,write", NOT_PERMITTED),
            ("open|2|dir|directory,read,mutate", NOT_PERMITTED),
            ("size|2|file|0", NOT_PERMITTED),
            ("times|2|file|0|0", NOT_PERMITTED),
            ("mkdir|2|planted", NOT_PERMITTED),
            ("rmdir|2|dir", NOT_PERMITTED),
            ("unlink|2|file", NOT_PERMITTED),
            ("rename|2|file|2|planted", NOT_PERMITTED),
            ("link|2|file|2|planted|", NOT_PERMITTED),
            ("symlink|2|planted|file", NOT_PERMITTED),
            ("in|2|dir|directory,read|mkdir|0|planted", NOT_PERMITTED),
        ],
    ),
    (
        "P-07: from one grant to another",
        &[
            ("rename|2|file|0|stolen", NOT_PERMITTED),
            ("rename|0|file|2|planted", NOT_PERMITTED),
            ("link|2|file|0|stolen|", NOT_PERMITTED),
            ("link|0|file|2|planted|", NOT_PERMITTED),
            ("read|0|../other/file|0", NOT_PERMITTED),
            ("rename|0|gift|1|gift", "ok"),
            ("read|1|gift|0", "gift"),
            ("read|0|gift|0", NO_ENTRY),
        ],
    ),
    (
        "P-08: what is no name, and names that are nearly the same",
        &[
            ("read|0||0", NO_ENTRY),
            ("mkdir|0|", NO_ENTRY),
            ("symlink|0|new|", NO_ENTRY),
            ("stat|0|.|", "directory"),
            ("mkdir|0|.", EXIST),
            ("read|0|file%00.txt|0", INVALID),
            ("mkdir|0|new%00", INVALID),
            ("symlink|0|new|a%00b", INVALID),
            ("rename|0|file|0|a%00b", INVALID),
            ("mkdir|0|LONG-COMPONENT", TOO_LONG),
            ("read|0|LONG-COMPONENT|0", TOO_LONG),
            ("read|0|LONG-PATH|0", TOO_LONG),
            ("symlink|0|new|LONG-PATH", TOO_LONG),
            ("write|0|\u{e9}|create,exclusive,write|0", "ok"),
            ("write|0|e\u{301}|create,exclusive,write|0", "ok"),
            ("unlink|0|\u{e9}", "ok"),
            ("read|0|e\u{301}|0", "!"),
            ("write|0|FILE|create,exclusive,write|0", "ok"),
            ("read|0|file|0", "file"),
            ("unlink|0|FILE", "ok"),
            ("write|0|%0a%1b[2J|create,exclusive,write|0", "ok"),
            ("unlink|0|%0a%1b[2J", "ok"),
        ],
    ),
    (
        "P-09: names that mean something elsewhere are names here",
        &[
            ("read|0|..\\outside\\secret|0", NO_ENTRY),
            ("read|0|dir\\inner|0", NO_ENTRY),
            ("read|0|file::$DATA|0", NO_ENTRY),
            ("read|0|FILE~1|0", NO_ENTRY),
            ("read|0|file.|0", NO_ENTRY),
            ("read|0|file |0", NO_ENTRY),
            ("write|0|..\\outside\\secret|create,exclusive,write|0", "ok"),
            ("read|0|..\\outside\\secret|0", "!"),
            ("write|0|c:|create,exclusive,write|0", "ok"),
            ("write|0|nul|create,exclusive,write|0", "ok"),
            ("read|0|nul|0", "!"),
            ("write|0|con.txt|create,exclusive,write|0", "ok"),
            ("read|0|con.txt|0", "!"),
            ("write|0|\\\\.\\pipe\\x|create,exclusive,write|0", "ok"),
            ("open|0|dir|create,write", IS_DIRECTORY),
        ],
    ),
    (
        "P-11: grants and files that are closed and opened again",
        &[
            ("again", "3"),
            ("again", "3"),
            ("read|0|file|0", "file"),
            ("reuse|0|dir/inner|file", "file"),
            ("reuse|0|file|dir/inner", "inner"),
        ],
    ),
    (
        "P-12: entries that go while they are listed",
        &[
            ("sweep|0|many", "3000"),
            ("list|0|many", ""),
            ("sweep|0|many", "0"),
            ("list|0|file", NOT_DIRECTORY),
        ],
    ),
    (
        "P-14: sizes and positions past every bound",
        &[
            ("size|0|file|9223372036854775807", TOO_LARGE),
            ("size|0|file|9223372036854775808", TOO_LARGE),
            ("size|0|file|18446744073709551615", TOO_LARGE),
            ("write|0|file|write|9223372036854775807", TOO_LARGE),
            ("write|0|file|write|18446744073709551615", TOO_LARGE),
            ("read|0|file|9223372036854775807", ""),
            ("read|0|file|18446744073709551615", INVALID),
            ("read|0|file|0", "file"),
        ],
    ),
    (
        "P-15: times",
        &[
            ("times|0|file|0|0", "ok"),
            ("times|0|file|1|999999999", "ok"),
            ("times|0|file|1|1000000000", INVALID),
            ("times|0|file|1|4294967295", INVALID),
            ("times|0|file|9223372036854775807|999999999", ANY),
            ("stat|0|file|", "file"),
        ],
    ),
    (
        "P-16: more than was opened",
        &[
            ("write|0|file|read|0", BAD),
            ("peek|0|file|write", BAD),
            ("write|0|file||0", BAD),
            // What was opened has the grant that it was opened by, and no less and no more.
            ("in|0|dir|directory,read|mkdir|0|new", "ok"),
            ("rmdir|0|dir/new", "ok"),
            ("in|2|dir|directory,read|in|0|.|directory,read,mutate|mkdir|0|planted", NOT_PERMITTED),
            ("in|2|dir|directory,read|write|0|planted|create,write|0", NOT_PERMITTED),
        ],
    ),
    (
        "P-17: a grant itself",
        &[
            ("rmdir|0|.", INVALID),
            ("rmdir|0|./", INVALID),
            ("rmdir|0|dir/..", INVALID),
            ("unlink|0|.", IS_DIRECTORY),
            ("rename|0|.|0|new", BUSY),
            ("rename|0|.|1|new", BUSY),
            ("rename|0|dir|0|.", BUSY),
            ("link|0|.|0|new|", NOT_PERMITTED),
        ],
    ),
];

fn attack_all(over: impl Fn() -> World) {
    let long = |attack: &str| {
        attack.replace("LONG-COMPONENT", &"x".repeat(256)).replace("LONG-PATH", &"./".repeat(2_049))
    };
    let attacks = ATTACKS.iter().flat_map(|(_, of_group)| *of_group);
    let attacks: Vec<String> = attacks.map(|(attack, _)| long(attack)).collect();
    let expected = ATTACKS.iter().flat_map(|(what, of_group)| of_group.iter().map(move |it| (what, it)));
    for dialect in DIALECTS {
        let world = over();
        let before = world.untouchable();
        assert!(before.contains(&("secret".to_owned(), 6)) && before.len() == 7, "{before:?}");
        let said = tried(dialect, world.host.clone(), &attacks);
        let wrong: Vec<_> = expected
            .clone()
            .zip(&said)
            .filter(|((_, (_, expected)), said)| *expected != ANY && said != expected)
            .map(|((what, (attack, expected)), said)| format!("{what}: {attack}: {said}, not {expected}"))
            .collect();
        assert!(wrong.is_empty(), "{dialect}: {wrong:#?}");
        assert_eq!(world.untouchable(), before, "{dialect}");
    }
}

#[test]
fn components_leave_no_grant_over_memory() {
    attack_all(World::over_memory);
}

#[test]
fn components_leave_no_grant_over_the_platform() {
    attack_all(World::over_the_platform);
}

/// P-11: a handle that was closed is none, whatever it named; only the guest that uses it hears of that.
#[test]
fn what_was_closed_is_nothing_any_more() {
    for dialect in DIALECTS {
        let world = World::over_memory();
        for attack in ["stale|0|file", "stale-grant"] {
            let host = world.host.clone().args(["paths", attack]).stdout(mem::Output::new());
            let error = block_on(host.start(program(dialect)).unwrap().run()).unwrap_err();
            let trap = error.trap();
            assert!(
                matches!(trap, Some(Trap::Component(Rule::UnknownHandle(_)))),
                "{dialect} {attack}: {error}"
            );
        }
        assert_eq!(tried(dialect, world.host.clone(), &owned(&["read|0|file|0", "again"])), ["file", "3"]);
    }
}

fn owned(attacks: &[&str]) -> Vec<String> {
    attacks.iter().map(|attack| (*attack).to_owned()).collect()
}

/// P-03: a link that is absolute no guest can make; one that is there leads nowhere.
#[cfg(unix)]
#[test]
fn absolute_links_of_others_lead_nowhere() {
    for dialect in DIALECTS {
        let world = World::over_the_platform();
        let at = world._disk.as_ref().unwrap().path().join("inside/to-root");
        std::os::unix::fs::symlink("/", at).unwrap();
        let said = tried(
            dialect,
            world.host.clone(),
            &owned(&[
                "read|0|to-root/etc/passwd|0",
                "list|0|to-root/",
                "stat|0|to-root|follow",
                "stat|0|to-root|",
            ]),
        );
        assert_eq!(said, [NOT_PERMITTED, NOT_PERMITTED, NOT_PERMITTED, "link"], "{dialect}");
    }
}

/// P-10: a pipe that nobody writes to would hold its opener for ever.
#[cfg(unix)]
#[test]
fn what_is_no_file_is_seen_and_not_waited_for() {
    use rustix::fs::{CWD, FileType, Mode};
    for dialect in DIALECTS {
        let world = World::over_the_platform();
        let inside = world._disk.as_ref().unwrap().path().join("inside");
        rustix::fs::mknodat(CWD, inside.join("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(inside.join("socket")).unwrap();
        let said = tried(
            dialect,
            world.host.clone(),
            &owned(&[
                "stat|0|pipe|",
                "open|0|pipe|read",
                "open|0|pipe|write",
                "open|0|pipe|create,truncate,write",
                "open|0|pipe|directory,read",
                "stat|0|socket|",
                "open|0|socket|read,write",
                "open|0|file|directory,read",
            ]),
        );
        const NOT: &str = "! unsupported";
        assert_eq!(said, ["other", NOT, NOT, NOT, NOT_DIRECTORY, "other", NOT, NOT_DIRECTORY], "{dialect}");
        let Ok(proc) = backend::std::Directory::open_ambient("/proc/self") else { continue };
        let host = Host::new().directory("/", proc, Access::ReadWrite);
        let attacks = ["fd/0", "root/etc/passwd", "cwd/Cargo.toml", "task/../root/etc/passwd"];
        let attacks: Vec<String> = attacks.iter().map(|path| format!("read|0|{path}|0")).collect();
        for (attack, said) in attacks.iter().zip(tried(dialect, host, &attacks)) {
            assert!([NOT_PERMITTED, LOOP, NO_ENTRY].contains(&said.as_str()), "{dialect} {attack}: {said}");
        }
    }
}

/// P-05: somebody beside the guest swaps a directory for a link that leads out, all the while.
#[cfg(unix)]
#[test]
fn swapping_a_directory_for_a_link_beside_a_component_leads_nowhere() {
    for dialect in DIALECTS {
        let world = World::over_the_platform();
        let inside = world._disk.as_ref().unwrap().path().join("inside");
        fs::create_dir(inside.join("real")).unwrap();
        fs::write(inside.join("real/secret"), "harmless").unwrap();
        std::os::unix::fs::symlink("../outside", inside.join("away")).unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let swapper = thread::spawn({
            let is_over = is_over.clone();
            move || {
                let at = |name: &str| inside.join(name);
                while !is_over.load(Ordering::Relaxed) {
                    fs::rename(at("real"), at("swap")).unwrap();
                    fs::rename(at("swap"), at("real")).unwrap();
                    fs::rename(at("away"), at("swap")).unwrap();
                    fs::rename(at("swap"), at("away")).unwrap();
                }
            }
        });
        let attacks = ["read|0|swap/secret|0", "read|0|dir/../swap/secret|0", "unlink|0|swap/secret2"];
        let attacks: Vec<String> = attacks.iter().cycle().take(6_000).map(|it| (*it).to_owned()).collect();
        let said = tried(dialect, world.host.clone(), &attacks);
        is_over.store(true, Ordering::Relaxed);
        swapper.join().unwrap();
        assert!(said.iter().all(|said| said != "secret"), "{dialect}");
        // The race took place: the guest met both.
        for met in ["harmless", NOT_PERMITTED] {
            assert!(said.iter().any(|said| said == met), "{dialect} never met {met}");
        }
    }
}
