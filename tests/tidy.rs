//! The plan of the house, proved from its source: which room may use which, where a `cfg` may stand, who may
//! name the interpreter, how long a file may be. `manual::architecture` says why.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Each room, and the rooms its `use` lines may name. `error`, `limits` and `bug!` lie under everything; a
/// room may always use itself. The longest prefix of a file's path decides which room it is in.
const DOORS: &[(&str, &[&str])] = &[
    ("error", &["cap"]),
    ("limits", &[]),
    ("cap", &[]),
    ("engine", &[]),
    ("wasi/p1", &["wasi", "engine", "cap"]),
    ("wasi/p2", &["wasi", "component", "engine", "cap"]),
    ("wasi/p3", &["wasi", "component", "engine", "cap"]),
    ("wasi", &["cap"]),
    ("component", &["engine", "block_on"]),
    ("backend", &["cap"]),
    ("bindgen", &[]),
    ("program", &["engine", "component"]),
    ("guest", &["program", "engine", "component", "wasi", "wasi/p1", "wasi/p2", "wasi/p3", "cap"]),
    ("host", &["guest", "program", "backend", "wasi", "cap", "engine"]),
    ("wast", &["component", "engine"]),
    ("block_on", &[]),
    ("block_on_thread", &[]),
    ("manual", &[]),
];

/// What every room may use.
const FLOOR: &[&str] = &["error", "limits", "bug"];

/// Past this many lines a file has a seam that someone should look for.
const LINES_MAX: usize = 1_000;

struct Source {
    /// Below `src`, with slashes, without the ending.
    path: String,
    text: String,
}

fn sources(below: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.join(below)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(&root).unwrap().with_extension("");
                found.push(Source { path: path.to_str().unwrap().replace('\\', "/"), text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 10, "the source was not found");
    found
}

/// The room a path below the crate's root lies in.
fn room(path: &str) -> Option<&'static str> {
    let lies_in =
        |room: &str| path == room || path.strip_prefix(room).is_some_and(|rest| rest.starts_with('/'));
    DOORS.iter().map(|(room, _)| *room).filter(|room| lies_in(room)).max_by_key(|room| room.len())
}

/// Source without its comments, so that prose opens no door.
fn code(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

/// Source up to the tests at its end.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text)
}

/// Every path that a file names below `crate::`, with the braces of its `use` lines multiplied out.
fn paths_below_crate(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let code = code(text);
    for (at, _) in code.match_indices("crate::") {
        let rest: String = code[at + "crate::".len()..].chars().take_while(|c| *c != ';').collect();
        expand(&rest, "", &mut found);
    }
    found
}

/// Multiplies out `a::{b, c::{d}}` into `a/b` and `a/c/d`.
fn expand(tree: &str, prefix: &str, found: &mut Vec<String>) {
    let tree = tree.trim_start();
    let end = tree.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(tree.len());
    let (name, rest) = tree.split_at(end);
    let path = match (prefix, name) {
        (_, "") => prefix.to_owned(),
        ("", name) => name.to_owned(),
        (prefix, name) => format!("{prefix}/{name}"),
    };
    let rest = rest.trim_start();
    let rest = if name.is_empty() { rest } else { rest.strip_prefix("::").unwrap_or("") }.trim_start();
    if let Some(list) = rest.strip_prefix('{') {
        for item in items(list) {
            expand(item, &path, found);
        }
    } else if rest.is_empty() || name.is_empty() {
        found.push(path);
    } else {
        expand(rest, &path, found);
    }
}

/// The items of a list up to its closing brace, split at the commas of its own level.
fn items(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut items) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                items.push(&list[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    items.into_iter().filter(|item| !item.trim().is_empty()).collect()
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests") || path.contains("/tests/")
}

#[test]
fn paths_are_multiplied_out() {
    let text = "use crate::{\n Error, Limits,\n engine::{Caller, scan::{self, Format}},\n}; // crate::bin\n fn f() { crate::wasi::p1::x() }";
    let paths = paths_below_crate(text);
    let expected =
        ["Error", "Limits", "engine/Caller", "engine/scan/self", "engine/scan/Format", "wasi/p1/x"];
    assert_eq!(paths, expected);
}

#[test]
fn doors_open_one_way() {
    let mut wrong = Vec::new();
    for Source { path, text } in sources("") {
        let Some(here) = room(&path) else { continue };
        let (_, doors) = DOORS.iter().find(|(room, _)| *room == here).unwrap();
        for used in paths_below_crate(&text) {
            // What the root re-exports (`crate::Error`) begins with a capital and is judged where it is defined.
            let there = match used.split('/').next().unwrap_or("") {
                "Error" | "Limits" | "Trap" | "Rule" | "LimitExceeded" | "MissingImport" | "bug" => continue,
                "Guest" | "CallError" | "Exit" => Some("guest"),
                "Host" => Some("host"),
                "Program" | "Loader" => Some("program"),
                "Access" => Some("wasi"),
                "block_on" | "block_on_with" => Some("block_on"),
                _ => room(&used),
            };
            let open =
                there.is_some_and(|there| there == here || doors.contains(&there) || FLOOR.contains(&there));
            if !open && !is_test(&path) {
                wrong.push(format!("{path}: {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "doors that do not open this way:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_lies_in_a_room() {
    let outside: Vec<_> = sources("")
        .into_iter()
        .map(|source| source.path)
        .filter(|path| room(path).is_none() && path != "lib" && !path.starts_with("bin/"))
        .collect();
    assert!(outside.is_empty(), "{outside:?}");
}

#[test]
fn only_the_engine_room_names_the_interpreter() {
    let names = |text: &str| code(text).contains("wasmi::") || code(text).contains("wasmi_core::");
    let inside = sources("engine").iter().filter(|source| names(&source.text)).count();
    assert!(inside > 5, "this test cannot see the interpreter where it is");
    let outside: Vec<_> = sources("")
        .into_iter()
        .filter(|source| !source.path.starts_with("engine/") && names(&source.text))
        .map(|source| source.path)
        .collect();
    assert!(outside.is_empty(), "{outside:?}");
}

#[test]
fn a_cfg_stands_on_a_mod_or_use_line() {
    let mut wrong = Vec::new();
    for Source { path, text } in sources("") {
        if path.starts_with("bin/") || path == "lib" {
            continue;
        }
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        for (number, line) in lines.iter().enumerate() {
            let gates = (line.starts_with("#[cfg(") && !line.starts_with("#[cfg(test)]"))
                || line.contains("cfg!(")
                || line.starts_with("#[cfg_attr(");
            // An attribute that the formatter broke into lines ends where one closes it.
            let end = lines[number..].iter().position(|line| line.ends_with(']')).unwrap_or(0);
            let mut rest = lines[number + end + 1..].iter().filter(|line| !line.starts_with("#["));
            let next = rest.next().copied().unwrap_or("");
            let next = next.strip_prefix("pub(crate) ").or(next.strip_prefix("pub ")).unwrap_or(next);
            let allowed = ["mod ", "use ", "extern crate "].iter().any(|start| next.starts_with(start));
            if gates && !allowed && !is_test(&path) {
                wrong.push(format!("{path}:{}: {line}", number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "a cfg in the wrong place:\n{}", wrong.join("\n"));
}

#[test]
fn files_are_short_enough_to_read() {
    let long: Vec<_> = sources("")
        .into_iter()
        .map(|source| (source.path, source.text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .collect();
    assert!(long.is_empty(), "past {LINES_MAX} lines: {long:?}");
}

#[test]
fn nothing_is_unsafe_but_what_may_be() {
    const MAY: &str = "engine/unchecked";
    let unsafe_code: Vec<_> = sources("")
        .into_iter()
        .filter(|source| source.path != MAY && code(&source.text).contains("unsafe {"))
        .map(|source| source.path)
        .collect();
    assert!(unsafe_code.is_empty(), "{unsafe_code:?}");
}

#[test]
fn no_component_source_names_wasi() {
    let named: Vec<_> = sources("component")
        .into_iter()
        .filter(|source| {
            !is_test(&source.path) && code(without_tests(&source.text)).to_lowercase().contains("wasi:")
        })
        .map(|source| source.path)
        .collect();
    assert!(named.is_empty(), "{named:?}");
}
