//! What imports are for, and what to grant for them.

use super::report::{Grant, Import, Need, Report};

/// The modules of WASI 0.1.
const PREVIEW1: [&str; 2] = ["wasi_snapshot_preview1", "wasi_unstable"];

/// What an import is for, in the words of WASI's own packages.
fn capability(module: &str, name: &str) -> &'static str {
    if PREVIEW1.contains(&module) {
        return preview1(name);
    }
    let Some(interface) = module.strip_prefix("wasi:") else { return "other" };
    let (package, interface) = interface.split_once('/').unwrap_or((interface, ""));
    match (package, interface.split('@').next().unwrap_or("")) {
        ("cli", "environment") => "environment",
        ("cli", "exit" | "run") => "process",
        ("cli" | "io", _) => "streams",
        ("clocks", _) => "clocks",
        ("random", _) => "random",
        ("filesystem", _) => "filesystem",
        ("sockets", _) => "sockets",
        ("http", _) => "http",
        _ => "other",
    }
}

fn preview1(name: &str) -> &'static str {
    const FILES: [&str; 8] = [
        "fd_advise",
        "fd_allocate",
        "fd_datasync",
        "fd_filestat_set_size",
        "fd_filestat_set_times",
        "fd_prestat_dir_name",
        "fd_prestat_get",
        "fd_readdir",
    ];
    match name.split('_').next().unwrap_or("") {
        "args" => "arguments",
        "environ" => "environment",
        "clock" | "poll" => "clocks",
        "random" => "random",
        "sock" => "sockets",
        "proc" | "sched" => "process",
        "path" => "filesystem",
        "fd" if FILES.contains(&name) => "filesystem",
        "fd" => "streams",
        _ => "other",
    }
}

/// How a message names an import.
fn full_name(module: &str, name: &str) -> String {
    match name {
        "" => module.into(),
        _ if PREVIEW1.contains(&module) => name.into(),
        _ => format!("{module}::{name}"),
    }
}

/// Fills in what `report`'s imports come down to.
pub fn fill(report: &mut Report) {
    for import in &report.imports {
        let capability = capability(&import.module, &import.name);
        let name = full_name(&import.module, &import.name);
        match report.needs.iter_mut().find(|need| need.capability == capability) {
            Some(need) => need.imports.push(name),
            None => report.needs.push(Need { capability: capability.into(), imports: vec![name] }),
        }
    }
    report.needs.sort_by(|a, b| a.capability.cmp(&b.capability));
    let needs = |capability: &str| report.needs.iter().any(|need| need.capability == capability);
    let names_paths = report.imports.iter().any(|import| {
        import.name.starts_with("path_")
            || import.name == "fd_readdir"
            || import.module.starts_with("wasi:filesystem/")
    });
    let imports = |prefix: &str| report.imports.iter().any(|import| import.module.starts_with(prefix));
    let is_preview1 = |import: &Import| PREVIEW1.contains(&import.module.as_str());
    let accepts = report.imports.iter().any(|import| is_preview1(import) && import.name.starts_with("sock_"));
    let asks =
        ["wasi:http/outgoing-handler@", "wasi:http/client@", "wasi:http/handler@"].into_iter().any(imports);
    let grants = [
        (
            names_paths,
            Grant {
                flag: "--dir HOST::GUEST",
                what: "each directory it is to use (`:ro` behind it: only to read)",
            },
        ),
        (needs("environment"), Grant { flag: "--env NAME=VALUE", what: "variables it may look for" }),
        (accepts, Grant { flag: "-S tcplisten=ADDR:PORT", what: "a socket it may accept connections on" }),
        (
            imports("wasi:sockets/"),
            Grant {
                flag: "--allow-net HOST:PORTS",
                what: "whom it may connect to, and exchange datagrams with",
            },
        ),
        (imports("wasi:sockets/"), Grant { flag: "--allow-listen ADDR:PORTS", what: "where it may listen" }),
        (asks, Grant { flag: "--allow-http HOST[:PORT]", what: "where it may send HTTP requests" }),
    ];
    report.grants.extend(grants.into_iter().filter(|(wanted, _)| *wanted).map(|(_, grant)| grant));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_for_something() {
        for (module, name, expected) in [
            ("wasi_snapshot_preview1", "fd_write", "streams"),
            ("wasi_snapshot_preview1", "fd_readdir", "filesystem"),
            ("wasi_unstable", "path_open", "filesystem"),
            ("wasi_snapshot_preview1", "poll_oneoff", "clocks"),
            ("wasi_snapshot_preview1", "sched_yield", "process"),
            ("wasi_snapshot_preview1", "made_up", "other"),
            ("wasi:cli/environment@0.2.0", "", "environment"),
            ("wasi:filesystem/types@0.2.6", "", "filesystem"),
            ("wasi:io/streams@0.2.6", "", "streams"),
            ("env", "abort", "other"),
        ] {
            assert_eq!(capability(module, name), expected, "{module} {name}");
        }
    }
}
