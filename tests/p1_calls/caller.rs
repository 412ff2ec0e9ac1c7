//! A guest's text that exports every function it imports, and its memory by peeking and poking. Fuzzing has it too.

use std::fmt::Write;

/// Every function with its parameters: `i` for 32 bits, `I` for 64.
pub const FUNCTIONS: [(&str, &str); 45] = [
    ("args_get", "ii"),
    ("args_sizes_get", "ii"),
    ("clock_res_get", "ii"),
    ("clock_time_get", "iIi"),
    ("environ_get", "ii"),
    ("environ_sizes_get", "ii"),
    ("fd_advise", "iIIi"),
    ("fd_allocate", "iII"),
    ("fd_close", "i"),
    ("fd_datasync", "i"),
    ("fd_fdstat_get", "ii"),
    ("fd_fdstat_set_flags", "ii"),
    ("fd_fdstat_set_rights", "iII"),
    ("fd_filestat_get", "ii"),
    ("fd_filestat_set_size", "iI"),
    ("fd_filestat_set_times", "iIIi"),
    ("fd_pread", "iiiIi"),
    ("fd_prestat_dir_name", "iii"),
    ("fd_prestat_get", "ii"),
    ("fd_pwrite", "iiiIi"),
    ("fd_read", "iiii"),
    ("fd_readdir", "iiiIi"),
    ("fd_renumber", "ii"),
    ("fd_seek", "iIii"),
    ("fd_sync", "i"),
    ("fd_tell", "ii"),
    ("fd_write", "iiii"),
    ("path_create_directory", "iii"),
    ("path_filestat_get", "iiiii"),
    ("path_filestat_set_times", "iiiiIIi"),
    ("path_link", "iiiiiii"),
    ("path_open", "iiiiiIIii"),
    ("path_readlink", "iiiiii"),
    ("path_remove_directory", "iii"),
    ("path_rename", "iiiiii"),
    ("path_symlink", "iiiii"),
    ("path_unlink_file", "iii"),
    ("poll_oneoff", "iiii"),
    ("proc_raise", "i"),
    ("random_get", "ii"),
    ("sched_yield", ""),
    ("sock_accept", "iii"),
    ("sock_recv", "iiiiii"),
    ("sock_send", "iiiii"),
    ("sock_shutdown", "ii"),
];

/// The guest that imports them from `module`, with `names` in its memory at 0x400.
pub fn text(module: &str, names: &str) -> String {
    let mut imports = String::new();
    let mut exports = String::new();
    for (name, types) in FUNCTIONS {
        if module == "wasi_unstable" && name == "sock_accept" {
            continue;
        }
        let params: String = types.chars().map(|ty| if ty == 'i' { " i32" } else { " i64" }).collect();
        let gets: String = (0..types.len()).map(|index| format!(" (local.get {index})")).collect();
        writeln!(imports, "(import {module:?} {name:?} (func ${name} (param{params}) (result i32)))")
            .unwrap();
        writeln!(exports, "(func (export {name:?}) (param{params}) (result i32) (call ${name}{gets}))")
            .unwrap();
    }
    format!(
        r#"(module {imports}
        (memory (export "memory") 2 2)
        (data (i32.const 0x400) "{names}")
        (func (export "peek") (param i32) (result i64) (i64.load (local.get 0)))
        (func (export "poke") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
        {exports})"#
    )
}
