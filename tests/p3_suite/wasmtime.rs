//! Wasmtime's own WASI 0.3 programs.

use crate::{command::PATIENCE, only};
use std::{fs, path::Path, thread, time::Instant};
use wasmote::{
    Access, Host, Limits, Program,
    backend::{self, mem},
    block_on_with,
    wasi::sockets::policy::Policy,
};

/// Programs that want what only wasmtime does, and why not here.
const DECLINED: [(&str, &str); 1] =
    [("p3_sockets_ip_name_lookup", "wants to find names of the Internet, which is not everywhere")];

/// What a program is given that wants something else than the others: arguments, an input, a bound on handles; and
/// in what trap it ends.
struct Special {
    args: &'static [&'static str],
    stdin: &'static str,
    handles: u32,
    has_network: bool,
    trap: Option<&'static str>,
}

const USUAL: Special = Special {
    args: &["."],
    stdin: "So rested he by the Tumtum tree",
    handles: 4_096,
    has_network: true,
    trap: None,
};

fn special(name: &str) -> Special {
    match name {
        "p3_cli" => Special { stdin: "", ..USUAL },
        "p3_cli_deny_listen" => Special { has_network: false, ..USUAL },
        "p3_cli_many_stream" => Special { handles: 100, ..USUAL },
        "p3_cli_many_tasks" => Special { handles: 100, trap: Some("too many handles"), ..USUAL },
        "p3_cli_much_stdout" => Special { args: &["text", "1000"], ..USUAL },
        "p3_cli_random_limits" => Special { args: &["random", "256"], ..USUAL },
        "p3_cli_read_stdin" => Special { stdin: "hello!", ..USUAL },
        "p3_cli_stdout_flush" => Special { stdin: "x", ..USUAL },
        _ => USUAL,
    }
}

/// What the programs that change nothing read in their second directory.
const READ_ONLY: &str = "read only test file\n";

/// Runs one over the platform, in an empty directory, as wasmtime's tests do.
fn run(path: &Path, name: &str) -> Result<(), String> {
    let special = special(name);
    let (scratch, fixed) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("one"));
    let fixed_file = fixed.path().join("test.txt");
    fs::write(&fixed_file, READ_ONLY).expect("a file");
    let open = |path: &Path| backend::std::Directory::open_ambient(path).expect("a directory");
    let program = fs::read(path).map_err(|error| error.to_string())?;
    let program = Program::load(&program).map_err(|error| error.to_string())?;
    let (stdout, stderr) = (mem::Output::new(), mem::Output::new());
    let host = Host::new()
        .clocks(backend::std::Clocks)
        .random(backend::std::Random)
        .args([format!("{name}.component").as_str()].iter().chain(special.args))
        .env("frabjous", "day")
        .limits(Limits { handles: special.handles, ..Limits::server() })
        .stdin(mem::Input::bytes(special.stdin.as_bytes()))
        .stdout(stdout.clone())
        .stderr(stderr.clone())
        .directory(".", open(scratch.path()), Access::ReadWrite)
        .directory("readonly", open(fixed.path()), Access::ReadOnly);
    let host = match special.has_network {
        true => host.network(backend::std::Network::new(), Policy::new().allow_all().allow_names()),
        false => host,
    };
    let mut guest = host.start(&program).map_err(|error| error.to_string())?;
    let began = Instant::now();
    let exit = block_on_with(guest.run(), || {
        assert!(began.elapsed() < PATIENCE, "{} hangs", path.display());
        thread::sleep(std::time::Duration::from_micros(200));
    });
    let said = || String::from_utf8_lossy(&[stdout.contents(), stderr.contents()].concat()).into_owned();
    assert_eq!(fs::read(fixed_file).expect("a file"), READ_ONLY.as_bytes());
    match exit {
        Ok(exit) if exit.is_success() && special.trap.is_none() => Ok(()),
        Err(error) if special.trap.is_some_and(|why| error.to_string().contains(why)) => Ok(()),
        Ok(exit) => Err(format!("status {}\n{}", exit.code(), said())),
        Err(error) => Err(format!("{error}\n{}", said())),
    }
}

#[test]
fn wasmtimes_programs_pass() {
    let Some(folder) = std::env::var_os("WASMOTE_WASMTIME_P3") else {
        println!("skipped: WASMOTE_WASMTIME_P3 names no folder of built programs");
        return;
    };
    let (only, mut passed, mut failed) = (only(), 0, Vec::new());
    let entries = fs::read_dir(folder).expect("a folder that can be read");
    let mut modules: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    modules.retain(|path| path.extension().is_some_and(|ending| ending == "wasm"));
    modules.sort();
    for module in modules {
        let name = module.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        // `wasmtime_http` runs those.
        let is_http = name.contains("_http_") || name.contains("_serve_") || name.contains("_proxy");
        if !name.contains(&only) || is_http {
            continue;
        }
        if let Some((_, reason)) = DECLINED.iter().find(|(declined, _)| *declined == name) {
            println!("{name} declined: it {reason}");
            continue;
        }
        match run(&module, &name) {
            Ok(()) => passed += 1,
            Err(reason) => {
                println!("{name}: {reason}");
                failed.push(name);
            }
        }
    }
    println!("wasmtime's: {passed} of {}", passed + failed.len());
    assert!(failed.is_empty() && passed > 0, "programs failed: {failed:?}");
}
