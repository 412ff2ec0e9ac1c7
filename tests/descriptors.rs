//! The descriptors of this process are its own: what guests open leaves it enough.
//!
//! By itself, since it lowers what this whole process may open.

#![cfg(all(feature = "std", feature = "p1", unix))]

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{fs::File, sync::Mutex};
use wasmote::{
    Access, Host, Program,
    backend::std::{self as real, descriptors_max, descriptors_open, set_descriptors_max},
    block_on,
    cap::{
        Code,
        filesystem::{Directory as _, Name, Open},
    },
};

/// One after the other: they share what they are about.
static PROCESS: Mutex<()> = Mutex::new(());

/// A program that opens the file `f` over and over and keeps it open; its status is the first error.
const HOARDER: &str = r#"(module
    (import "wasi_snapshot_preview1" "path_open"
        (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "f")
    (func (export "_start") (local $error i32)
        (loop $again
            (local.set $error (call $path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 1)
                (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 8)))
            (br_if $again (i32.eqz (local.get $error))))
        (call $exit (local.get $error))))"#;

const NFILE: u32 = 41;
const MFILE: u32 = 33;

fn disk() -> tempfile::TempDir {
    let disk = tempfile::tempdir().unwrap();
    File::create(disk.path().join("f")).unwrap();
    disk
}

#[test]
fn guests_that_open_all_they_can_leave_half_of_the_descriptors_to_their_host() {
    let _alone = PROCESS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let before = getrlimit(Resource::Nofile);
    let few = 200;
    set_descriptors_max(None);
    setrlimit(Resource::Nofile, Rlimit { current: Some(few), ..before }).unwrap();
    assert_eq!(descriptors_max(), 100);

    let disk = disk();
    let program = Program::load(&wat::parse_str(HOARDER).unwrap()).unwrap();
    let directory = real::Directory::open_ambient(disk.path()).unwrap();
    let host = Host::new().directory("/", directory, Access::ReadOnly);
    // A table of 256: more than there is.
    let mut one = host.start(&program).unwrap();
    assert_eq!(block_on(one.run()).unwrap().code(), NFILE);
    assert_eq!(descriptors_open(), 100);
    let mut other = host.start(&program).unwrap();
    assert_eq!(block_on(other.run()).unwrap().code(), NFILE, "not its own fault, and it is told so");
    // The process goes on opening what it needs.
    let files: Vec<_> = (0..50).map(|_| File::open(disk.path().join("f")).unwrap()).collect();
    drop((files, one));
    assert_eq!(descriptors_open(), 0, "all that was open is given back");
    let mut next = host.start(&program).unwrap();
    assert_eq!(block_on(next.run()).unwrap().code(), NFILE);
    assert_eq!(descriptors_open(), 100);
    drop((next, other));
    setrlimit(Resource::Nofile, before).unwrap();
}

#[test]
fn an_embedder_says_how_many_it_can_spare() {
    let _alone = PROCESS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let disk = disk();
    let directory = real::Directory::open_ambient(disk.path()).unwrap();
    let name = |name| Name::new(name).unwrap();
    directory.create_directory(name("d")).unwrap();
    set_descriptors_max(Some(3));
    let read = Open { read: true, ..Open::default() };
    let (file, sub) =
        (directory.open_file(name("f"), read).unwrap(), directory.open_directory(name("d")).unwrap());
    assert_eq!(directory.open_file(name("none"), read).err(), Some(Code::NoEntry), "a failure takes none");
    let last = sub.open_file(name("new"), Open { write: true, create: true, ..read }).unwrap();
    assert_eq!(directory.open_file(name("f"), read).err(), Some(Code::TooManyOpenInHost));
    assert_eq!(directory.open_directory(name("d")).err(), Some(Code::TooManyOpenInHost));
    // What is named and not opened takes none.
    assert!(directory.metadata_at(name("f")).is_ok());
    drop(file);
    assert!(directory.open_directory(name("d")).is_ok());
    drop((sub, last));
    assert_eq!(descriptors_open(), 0);

    let program = Program::load(&wat::parse_str(HOARDER).unwrap()).unwrap();
    set_descriptors_max(Some(1_000));
    let host = Host::new().directory("/", directory, Access::ReadOnly);
    assert_eq!(block_on(host.start(&program).unwrap().run()).unwrap().code(), MFILE, "a guest's own bound");
    set_descriptors_max(None);
}

#[cfg(feature = "component")]
#[test]
fn sockets_count_as_well() {
    use wasmote::cap::sockets::{AddressFamily, Network as _};
    let _alone = PROCESS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let network = real::Network::new();
    set_descriptors_max(Some(1));
    let socket = network.tcp_socket(AddressFamily::Ipv4).unwrap();
    assert_eq!(network.udp_socket(AddressFamily::Ipv4).err(), Some(Code::TooManyOpenInHost));
    drop(socket);
    assert!(network.udp_socket(AddressFamily::Ipv4).is_ok());
    set_descriptors_max(None);
}
