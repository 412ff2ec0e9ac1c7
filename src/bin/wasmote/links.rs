//! `--link`, before the program and behind it.
//!
//! What stands behind a program is its own. One that imports what no host offers has no use for it, though: it starts
//! with what is linked to it, or not at all. There `--link FILE` right behind it is ours, so that
//! `wasmote run a.wasm --link b.wasm` does what it says. No program misses an argument that it could have had.

use crate::{component, features::Feature, file::Module, run::Arguments, settings::Resolved};
use std::{ffi::OsString, path::PathBuf};
use wasmote::{Linked, Loader};

const FLAG: &str = "--link";

/// Where components to link were named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    Nowhere,
    /// Among the program's own arguments only.
    Behind,
    Given,
}

impl Links {
    /// Where `arguments` name them, if the program's own are `words`.
    pub fn of(arguments: &Arguments, words: &[String]) -> Self {
        let is_link = |word: &String| {
            word.strip_prefix(FLAG).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        };
        match arguments.link.is_empty() {
            false => Self::Given,
            true if words.iter().any(is_link) => Self::Behind,
            true => Self::Nowhere,
        }
    }
}

/// Takes the components to link from right behind the program, if it cannot start without.
pub fn take_from_behind(arguments: &mut Arguments, module: &Module, settings: &Resolved) {
    let (files, words) = leading(arguments.module_and_args.get(1..).unwrap_or(&[]));
    if files.is_empty() || !arguments.link.is_empty() || !component::is_component(module) {
        return;
    }
    let loader = Loader::new().limits(settings.limits).metering(settings.metering);
    let loader = loader.features(Feature::all_of(&arguments.features, settings.features));
    let none: [(&str, &Vec<u8>); 0] = [];
    // What is wrong with it is said when it is loaded to be run.
    if Linked::load(loader, (&module.name, &module.bytes), none).is_ok_and(|linked| linked.needs_plugins()) {
        arguments.link = files;
        arguments.module_and_args.drain(1..=words);
    }
}

/// The files of all `--link` that `args` begin with, and how many words those take.
fn leading(args: &[OsString]) -> (Vec<PathBuf>, usize) {
    let (mut files, mut words) = (Vec::new(), 0);
    while let Some(word) = args.get(words) {
        let file = match word.to_str() {
            Some(FLAG) => args.get(words + 1).map(|file| (PathBuf::from(file), 2)),
            Some(word) => {
                let file = word.strip_prefix(FLAG).and_then(|rest| rest.strip_prefix('='));
                file.map(|file| (PathBuf::from(file), 1))
            }
            None => None,
        };
        let Some((file, count)) = file else { break };
        files.push(file);
        words += count;
    }
    (files, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_first_is_taken() {
        for (args, files, words) in [
            (&["--link", "b", "--link=c", "x", "--link", "d"][..], &["b", "c"][..], 3),
            (&["--", "--link", "b"], &[], 0),
            (&["x", "--link", "b"], &[], 0),
            (&["--linked", "b"], &[], 0),
            (&["--link"], &[], 0),
        ] {
            let args: Vec<OsString> = args.iter().map(OsString::from).collect();
            let files: Vec<_> = files.iter().map(PathBuf::from).collect();
            assert_eq!(leading(&args), (files, words), "{args:?}");
        }
    }
}
