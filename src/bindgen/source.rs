//! Reading WIT: from files and folders to one world.

use super::Error;
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use std::{
    fs,
    path::{Path, PathBuf},
};
use wit_parser::{PackageId, Resolve, SourceMap, UnresolvedPackageGroup, WorldId};

/// Reads every package below `paths`, and `inline` after them, and finds the world in them.
pub(super) fn read(
    paths: &[PathBuf],
    inline: Option<&str>,
    world: Option<&str>,
) -> Result<(Resolve, WorldId), Error> {
    let mut groups = Vec::new();
    let mut roots = 0;
    for path in paths {
        roots += packages(path, &mut groups)?;
    }
    // The package a world without one is looked for in: the one given as text, or else the first path's.
    let main = match inline {
        Some(text) => {
            let mut map = SourceMap::new();
            map.push_str("inline.wit", text);
            parse(map)?
        }
        None if groups.is_empty() => {
            let paths: Vec<_> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
            return Err(Error::Wit(format!("there is no WIT in {}", paths.join(", "))));
        }
        None => groups.remove(0),
    };
    let mut resolve = Resolve::new();
    let main =
        resolve.push_groups(main, groups).map_err(|error| Error::Wit(error.render(&resolve.source_map)))?;
    let mains: &[PackageId] = &[main];
    let world = match world {
        None if inline.is_none() && roots != 1 => {
            return Err(Error::World("there is more than one package: say which world".into()));
        }
        world => resolve.select_world(mains, world).map_err(|error| Error::World(error.to_string()))?,
    };
    resolve.generate_nominal_type_ids(world);
    Ok((resolve, world))
}

/// Adds the packages at a path, the main one first; how many are not just there to be depended on.
fn packages(path: &Path, groups: &mut Vec<UnresolvedPackageGroup>) -> Result<usize, Error> {
    if !path.is_dir() {
        groups.push(file(path)?);
        return Ok(1);
    }
    let entries = entries(path)?;
    if entries.iter().any(|entry| is_wit(entry)) {
        groups.push(folder(path)?);
        let deps = path.join("deps");
        if deps.is_dir() {
            packages_in(&self::entries(&deps)?, groups)?;
        }
        return Ok(1);
    }
    packages_in(&entries, groups)
}

/// Each folder, and each file, as a package.
fn packages_in(entries: &[PathBuf], groups: &mut Vec<UnresolvedPackageGroup>) -> Result<usize, Error> {
    let before = groups.len();
    for entry in entries {
        if entry.is_dir() {
            groups.push(folder(entry)?);
        } else if is_wit(entry) {
            groups.push(file(entry)?);
        }
    }
    Ok(groups.len() - before)
}

fn is_wit(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|ending| ending == "wit")
}

/// What is in a folder, by name.
fn entries(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |error| Error::Read { path: path.into(), error };
    let entries = fs::read_dir(path).map_err(failed)?;
    let mut entries =
        entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    entries.sort();
    Ok(entries)
}

fn folder(path: &Path) -> Result<UnresolvedPackageGroup, Error> {
    let mut map = SourceMap::new();
    for entry in entries(path)?.iter().filter(|entry| is_wit(entry)) {
        map.push(entry, text(entry)?);
    }
    parse(map)
}

fn file(path: &Path) -> Result<UnresolvedPackageGroup, Error> {
    let mut map = SourceMap::new();
    map.push(path, text(path)?);
    parse(map)
}

fn text(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|error| Error::Read { path: path.into(), error })
}

fn parse(map: SourceMap) -> Result<UnresolvedPackageGroup, Error> {
    map.parse().map_err(|(map, error)| Error::Wit(error.render(&map).to_string()))
}
