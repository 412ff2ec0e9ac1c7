//! The functions of this dialect by name, with how their arguments read.

use super::{
    abi::Edition,
    args::*,
    clocks::*,
    errno::{self, Errno, Failure, answer},
    filesystem::*,
    iovec,
    poll::poll_oneoff,
    process::*,
    random::random_get,
    rights,
    sockets::*,
    state::State,
};
use crate::engine::{
    Caller, Fault, HostFunction, Kind, Param, Resolver, Signature, Store,
    host_function::{
        Bound, brief3, now1, now2, now3, now4, now5, now6, now7, now9, poll0, poll3, poll4, poll5, poll6,
        quick4,
    },
};

use core::task::{Context, Poll};

/// Both module names of this dialect.
#[derive(Clone, Copy, Debug, Default)]
pub struct Imports;

impl Imports {
    /// The names of modules it has.
    pub const MODULES: [&str; 2] = ["wasi_snapshot_preview1", "wasi_unstable"];
}

impl Resolver<State> for Imports {
    fn find(&self, module: &str, name: &str) -> Option<u16> {
        let common = || find(&FUNCTIONS, name);
        let index = match module {
            "wasi_snapshot_preview1" => common(),
            // `sock_accept` came after it.
            "wasi_unstable" if name == "sock_accept" => None,
            "wasi_unstable" => find(&UNSTABLE, name).map(|index| FUNCTIONS.len() + index).or_else(common),
            _ => None,
        };
        u16::try_from(index?).ok()
    }

    fn function(&self, number: u16) -> Option<&'static HostFunction<State>> {
        let index = usize::from(number);
        FUNCTIONS.get(index).or_else(|| UNSTABLE.get(index.checked_sub(FUNCTIONS.len())?))
    }
}

/// Tables are in the order of their names; a test says so.
fn find(table: &[HostFunction<State>], name: &str) -> Option<usize> {
    table.binary_search_by(|function| function.signature.name.cmp(name)).ok()
}

/// Entries of a table: what binds it, the function, its parameters, and the closure that calls it and makes what
/// it answers the guest's.
macro_rules! functions {
    (@result proc_exit) => { None };
    (@result $name:ident) => { Some(ERRNO) };
    ($($bind:ident $name:ident($($param:ident: $kind:expr),*) $call:expr;)*) => {
        [$(HostFunction {
            signature: Signature {
                name: stringify!($name),
                params: &[$(Param { name: stringify!($param), kind: $kind }),*],
                result: functions!(@result $name),
            },
            bind: |this, store| $bind(this, store, $call),
        }),*]
    };
}

static FUNCTIONS: [HostFunction<State>; 46] = functions! {
    now2 args_get(argv: Pointer, argv_buf: Pointer)
        |caller, a, b| answer(args_get(caller, a, b));
    now2 args_sizes_get(count: Pointer, buf_size: Pointer)
        |caller, a, b| answer(args_sizes_get(caller, a, b));
    now2 clock_res_get(id: CLOCKID, resolution: Pointer)
        |caller, a, b| answer(clock_res_get(caller, a, b));
    time3 clock_time_get(id: CLOCKID, precision: Number, time: Pointer)
        |caller, a, b, c| answer(clock_time_get(caller, a, b, c));
    now2 environ_get(environ: Pointer, environ_buf: Pointer)
        |caller, a, b| answer(environ_get(caller, a, b));
    now2 environ_sizes_get(count: Pointer, buf_size: Pointer)
        |caller, a, b| answer(environ_sizes_get(caller, a, b));
    now4 fd_advise(fd: Number, offset: Number, len: Number, advice: ADVICE)
        |caller, a, b, c, d| answer(fd_advise(caller, a, b, c, d));
    now3 fd_allocate(fd: Number, offset: Number, len: Number)
        |caller, a, b, c| answer(fd_allocate(caller, a, b, c));
    now1 fd_close(fd: Number)
        |caller, a| answer(fd_close(caller, a));
    now1 fd_datasync(fd: Number)
        |caller, a| answer(fd_datasync(caller, a));
    now2 fd_fdstat_get(fd: Number, stat: Pointer)
        |caller, a, b| answer(fd_fdstat_get(caller, a, b));
    now2 fd_fdstat_set_flags(fd: Number, flags: FDFLAGS)
        |caller, a, b| answer(fd_fdstat_set_flags(caller, a, b));
    now3 fd_fdstat_set_rights(fd: Number, fs_rights_base: RIGHTS, fs_rights_inheriting: RIGHTS)
        |caller, a, b, c| answer(fd_fdstat_set_rights(caller, a, b, c));
    now2 fd_filestat_get(fd: Number, filestat: Pointer)
        |caller, a, b| answer(fd_filestat_get(Edition::Preview1, caller, a, b));
    now2 fd_filestat_set_size(fd: Number, size: Number)
        |caller, a, b| answer(fd_filestat_set_size(caller, a, b));
    now4 fd_filestat_set_times(fd: Number, atim: Number, mtim: Number, fst_flags: FSTFLAGS)
        |caller, a, b, c, d| answer(fd_filestat_set_times(caller, a, b, c, d));
    poll5 fd_pread(fd: Number, iovs: Pointer, iovs_len: Number, offset: Number, nread: Pointer)
        |caller, cx, a, b, c, d, e| { let done = fd_pread(caller, cx, a, b, c, d, e); settle(caller, c, done) };
    now3 fd_prestat_dir_name(fd: Number, path: Pointer, path_len: Number)
        |caller, a, b, c| answer(fd_prestat_dir_name(caller, a, b, c));
    now2 fd_prestat_get(fd: Number, prestat: Pointer)
        |caller, a, b| answer(fd_prestat_get(caller, a, b));
    poll5 fd_pwrite(fd: Number, iovs: Pointer, iovs_len: Number, offset: Number, nwritten: Pointer)
        |caller, cx, a, b, c, d, e| { let done = fd_pwrite(caller, cx, a, b, c, d, e); settle(caller, c, done) };
    poll4 fd_read(fd: Number, iovs: Pointer, iovs_len: Number, nread: Pointer)
        |caller, cx, a, b, c, d| { let done = fd_read(caller, cx, a, b, c, d); settle(caller, c, done) };
    now5 fd_readdir(fd: Number, buf: Pointer, buf_len: Number, cookie: Number, bufused: Pointer)
        |caller, a, b, c, d, e| answer(fd_readdir(caller, a, b, c, d, e));
    now2 fd_renumber(fd: Number, to: Number)
        |caller, a, b| answer(fd_renumber(caller, a, b));
    now4 fd_seek(fd: Number, offset: Signed, whence: WHENCE, newoffset: Pointer)
        |caller, a, b, c, d| answer(fd_seek(Edition::Preview1, caller, a, b, c, d));
    now1 fd_sync(fd: Number)
        |caller, a| answer(fd_sync(caller, a));
    now2 fd_tell(fd: Number, offset: Pointer)
        |caller, a, b| answer(fd_tell(caller, a, b));
    write4 fd_write(fd: Number, iovs: Pointer, iovs_len: Number, nwritten: Pointer)
        |caller, cx, a, b, c, d| { let done = fd_write(caller, cx, a, b, c, d); settle(caller, c, done) };
    now3 path_create_directory(fd: Number, path: Text)
        |caller, a, b, c| answer(path_create_directory(caller, a, b, c));
    now5 path_filestat_get(fd: Number, flags: LOOKUPFLAGS, path: Text, filestat: Pointer)
        |caller, a, b, c, d, e| answer(path_filestat_get(Edition::Preview1, caller, a, b, c, d, e));
    now7 path_filestat_set_times(
        fd: Number, flags: LOOKUPFLAGS, path: Text, atim: Number, mtim: Number, fst_flags: FSTFLAGS
    )
        |caller, a, b, c, d, e, f, g| answer(path_filestat_set_times(caller, a, b, c, d, e, f, g));
    now7 path_link(old_fd: Number, old_flags: LOOKUPFLAGS, old_path: Text, new_fd: Number, new_path: Text)
        |caller, a, b, c, d, e, f, g| answer(path_link(caller, a, b, c, d, e, f, g));
    now9 path_open(
        fd: Number, dirflags: LOOKUPFLAGS, path: Text, oflags: OFLAGS, fs_rights_base: RIGHTS,
        fs_rights_inheriting: RIGHTS, fdflags: FDFLAGS, opened_fd: Pointer
    )
        |caller, a, b, c, d, e, f, g, h, i| answer(path_open(caller, a, b, c, d, e, f, g, h, i));
    now6 path_readlink(fd: Number, path: Text, buf: Pointer, buf_len: Number, bufused: Pointer)
        |caller, a, b, c, d, e, f| answer(path_readlink(caller, a, b, c, d, e, f));
    now3 path_remove_directory(fd: Number, path: Text)
        |caller, a, b, c| answer(path_remove_directory(caller, a, b, c));
    now6 path_rename(fd: Number, old_path: Text, new_fd: Number, new_path: Text)
        |caller, a, b, c, d, e, f| answer(path_rename(caller, a, b, c, d, e, f));
    now5 path_symlink(old_path: Text, fd: Number, new_path: Text)
        |caller, a, b, c, d, e| answer(path_symlink(caller, a, b, c, d, e));
    now3 path_unlink_file(fd: Number, path: Text)
        |caller, a, b, c| answer(path_unlink_file(caller, a, b, c));
    poll4 poll_oneoff(in: Pointer, out: Pointer, nsubscriptions: Number, nevents: Pointer)
        |caller, cx, a, b, c, d| poll_oneoff(Edition::Preview1, caller, cx, a, b, c, d).map(answer);
    now1 proc_exit(rval: Number)
        proc_exit;
    now1 proc_raise(sig: Number)
        |caller, a| answer(proc_raise(caller, a));
    now2 random_get(buf: Pointer, buf_len: Number)
        |caller, a, b| answer(random_get(caller, a, b));
    poll0 sched_yield()
        |caller, cx| sched_yield(caller, cx).map(answer);
    poll3 sock_accept(fd: Number, flags: FDFLAGS, ro_fd: Pointer)
        |caller, cx, a, b, c| sock_accept(caller, cx, a, b, c).map(answer);
    poll6 sock_recv(
        fd: Number, ri_data: Pointer, ri_data_len: Number, ri_flags: RIFLAGS, ro_datalen: Pointer,
        ro_flags: Pointer
    )
        |caller, cx, a, b, c, d, e, f| { let done = sock_recv(caller, cx, a, b, c, d, e, f); settle(caller, c, done) };
    poll5 sock_send(
        fd: Number, si_data: Pointer, si_data_len: Number, si_flags: Number, so_datalen: Pointer
    )
        |caller, cx, a, b, c, d, e| { let done = sock_send(caller, cx, a, b, c, d, e); settle(caller, c, done) };
    now2 sock_shutdown(fd: Number, how: SDFLAGS)
        |caller, a, b| answer(sock_shutdown(caller, a, b));
};

/// Where the layouts of `wasi_unstable` differ.
static UNSTABLE: [HostFunction<State>; 4] = functions! {
    now2 fd_filestat_get(fd: Number, filestat: Pointer)
        |caller, a, b| answer(fd_filestat_get(Edition::Unstable, caller, a, b));
    now4 fd_seek(fd: Number, offset: Signed, whence: WHENCE_UNSTABLE, newoffset: Pointer)
        |caller, a, b, c, d| answer(fd_seek(Edition::Unstable, caller, a, b, c, d));
    now5 path_filestat_get(fd: Number, flags: LOOKUPFLAGS, path: Text, filestat: Pointer)
        |caller, a, b, c, d, e| answer(path_filestat_get(Edition::Unstable, caller, a, b, c, d, e));
    poll4 poll_oneoff(in: Pointer, out: Pointer, nsubscriptions: Number, nevents: Pointer)
        |caller, cx, a, b, c, d| poll_oneoff(Edition::Unstable, caller, cx, a, b, c, d).map(answer);
};

use Kind::{Number, Pointer, Signed, Text};

const ERRNO: Kind = Kind::Enum(errno::NAMES);
const ADVICE: Kind = Kind::Enum(&["normal", "sequential", "random", "willneed", "dontneed", "noreuse"]);
const CLOCKID: Kind = Kind::Enum(&["realtime", "monotonic", "process_cputime_id", "thread_cputime_id"]);
const FDFLAGS: Kind = Kind::Flags(&["append", "dsync", "nonblock", "rsync", "sync"]);
const FSTFLAGS: Kind = Kind::Flags(&["atim", "atim_now", "mtim", "mtim_now"]);
const LOOKUPFLAGS: Kind = Kind::Flags(&["symlink_follow"]);
const OFLAGS: Kind = Kind::Flags(&["creat", "directory", "excl", "trunc"]);
const RIFLAGS: Kind = Kind::Flags(&["recv_peek", "recv_waitall"]);
const RIGHTS: Kind = Kind::Flags(rights::NAMES);
const SDFLAGS: Kind = Kind::Flags(&["rd", "wr"]);
const WHENCE: Kind = Kind::Enum(&["set", "cur", "end"]);
const WHENCE_UNSTABLE: Kind = Kind::Enum(&["cur", "end", "set"]);

type Now3 = fn(&mut Caller<'_, State>, u32, u64, u32) -> Result<Errno, Fault>;

/// As `now3`, of `clock_time_get`.
fn time3(this: &'static HostFunction<State>, store: &mut Store<State>, function: Now3) -> Bound {
    brief3(this, store, clock_time_get_at_once, function)
}

type Polled4 = fn(&mut Caller<'_, State>, &mut Context<'_>, u32, u32, u32, u32) -> Poll<Result<Errno, Fault>>;

/// As `poll4`, of `fd_write`.
fn write4(this: &'static HostFunction<State>, store: &mut Store<State>, function: Polled4) -> Bound {
    quick4(this, store, fd_write_at_once, function)
}

/// What a function over `count` buffers answers. A call that moved bytes has paid for its list; one that failed
/// has walked it all the same.
fn settle(
    caller: &mut Caller<'_, State>,
    count: u32,
    done: Poll<Result<(), Failure>>,
) -> Poll<Result<Errno, Fault>> {
    if let Poll::Ready(Err(_)) = done {
        caller.charge_elements(count.min(iovec::COUNT_MAX))?;
    }
    done.map(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_in_the_order_of_their_names() {
        for table in [&FUNCTIONS[..], &UNSTABLE[..]] {
            assert!(table.is_sorted_by(|a, b| a.signature.name < b.signature.name));
        }
    }

    #[test]
    fn both_editions_have_their_functions() {
        let [preview1, unstable] = Imports::MODULES;
        for function in &FUNCTIONS {
            let name = function.signature.name;
            let found = |module| Some(resolve(module, name)?.signature.name);
            assert_eq!(found(preview1), Some(name));
            assert_eq!(found(unstable), (name != "sock_accept").then_some(name));
        }
        let seek = |module| resolve(module, "fd_seek").map(core::ptr::from_ref);
        assert_ne!(seek(preview1), seek(unstable), "they number `whence` differently");
        assert!(resolve("wasi", "fd_seek").is_none());
        assert!(resolve(preview1, "fd_seek2").is_none());
        assert!(Imports.function(50).is_none(), "46 functions and 4 of another layout");
    }

    fn resolve(module: &str, name: &str) -> Option<&'static HostFunction<State>> {
        Imports.function(Imports.find(module, name)?)
    }
}
