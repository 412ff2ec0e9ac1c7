//! Reading WIT: from files and folders to one world.

use super::{Config, Error};
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

/// Reads every package below the paths, and the one given as text after them, and finds the world in them.
pub(super) fn read(config: &Config) -> Result<(Resolve, WorldId), Error> {
    let mut groups = Vec::new();
    // The packages a world without one is looked for in: the one given as text, or else those of the first path.
    let mut roots = 1;
    for (at, path) in config.paths.iter().enumerate() {
        let found = packages(path, &mut groups)?;
        if at == 0 {
            roots = found;
        }
    }
    if let Some(text) = &config.inline {
        let mut map = SourceMap::new();
        map.push_str("inline.wit", text);
        groups.insert(0, parse(map)?);
        roots = 1;
    }
    let names: Vec<_> = groups.iter().take(roots).map(|group| group.main.name.clone()).collect();
    if names.is_empty() {
        let paths: Vec<_> = config.paths.iter().map(|path| format!("`{}`", path.display())).collect();
        return Err(Error::Wit(format!("there is no WIT in {}", paths.join(", "))));
    }
    let mut resolve = Resolve::new();
    resolve.features.extend(config.features.iter().cloned());
    resolve.all_features = config.all_features;
    resolve
        .push_groups(groups.remove(0), groups)
        .map_err(|error| Error::Wit(error.render(&resolve.source_map)))?;
    let roots: Vec<_> = names.iter().filter_map(|name| resolve.package_names.get(name).copied()).collect();
    let world = select(&resolve, &roots, config.world.as_deref())?;
    resolve.generate_nominal_type_ids(world);
    Ok((resolve, world))
}

/// The world of this name; without a package, of one of `roots`.
fn select(resolve: &Resolve, roots: &[PackageId], world: Option<&str>) -> Result<WorldId, Error> {
    let by = |packages: &[PackageId]| {
        resolve.select_world(packages, world).map_err(|error| Error::World(error.to_string()))
    };
    let (Some(name), [_, _, ..]) = (world, roots) else {
        return match roots {
            [_, _, ..] => Err(Error::World("there is more than one package: say which world".into())),
            roots => by(roots),
        };
    };
    if name.contains(':') {
        return by(roots);
    }
    let plain = name.trim_start_matches('%');
    let has = |package: &&PackageId| resolve.packages[**package].worlds.contains_key(plain);
    match roots.iter().filter(has).collect::<Vec<_>>().as_slice() {
        [package] => by(&[**package]),
        [] => Err(Error::World(format!("no package has a world `{name}`"))),
        several => {
            let ids = several.iter().map(|package| resolve.id_of_name(**package, plain));
            let ids = ids.collect::<Vec<_>>().join(", ");
            Err(Error::World(format!("there is more than one world `{name}`: {ids}")))
        }
    }
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
