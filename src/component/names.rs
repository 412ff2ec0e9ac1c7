//! Which import an offered interface answers.
//!
//! `example:io/streams@0.2.3` is answered by `example:io/streams@0.2.12`, as versions that only differ in what
//! semantic versioning calls compatible are the same interface (`Explainer.md`, "Import and Export
//! Definitions").

use alloc::{string::String, vec::Vec};

/// A name with its version cut down to what compatible versions share: `a:b/c@0.2`, `a:b/c@1`. A version that
/// is compatible with no other (0.0.x, pre-releases) stays whole, and so does a name without one.
pub(crate) fn compatible(name: &str) -> &str {
    let Some((base, version)) = name.split_once('@') else { return name };
    // What a build says of itself tells no versions apart, and may hold any sign.
    let version = version.split('+').next().unwrap_or(version);
    if version.contains('-') {
        return name;
    }
    let mut numbers = version.split('.');
    let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else { return name };
    let kept = match (major, minor) {
        ("0", "0") => return name,
        ("0", minor) => 2 + minor.len(),
        (major, _) => major.len(),
    };
    &name[..base.len() + 1 + kept]
}

/// Whether a name is one of those that share this much: what [`compatible`] says of it.
pub(crate) fn is_among(name: &str, shared: &str) -> bool {
    // Most names are told apart by how they begin.
    name.starts_with(shared) && compatible(name) == shared
}

/// The version of a name as numbers, for choosing the newest among compatible ones.
fn version(name: &str) -> [u64; 3] {
    let text = name.split_once('@').map_or("", |(_, version)| version);
    let text = text.split(['+', '-']).next().unwrap_or("");
    let mut numbers = text.split('.').map(|number| number.parse().unwrap_or(0));
    core::array::from_fn(|_| numbers.next().unwrap_or(0))
}

/// The newest of the names that are compatible with one.
pub(crate) fn newest_compatible<'n>(names: impl Iterator<Item = &'n str>, name: &str) -> Option<&'n str> {
    let wanted = compatible(name);
    if wanted.len() == name.len() && !name.contains('@') {
        return None;
    }
    names.filter(|known| is_among(known, wanted)).max_by_key(|known| version(known))
}

/// A list of named things where a name also finds what it is compatible with.
#[derive(Clone, Debug)]
pub(crate) struct Names<E>(Vec<(String, E)>);

impl<E> Default for Names<E> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<E> Names<E> {
    /// Everything, in the order it was put.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &E)> {
        self.0.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// What was put under exactly this name.
    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut E> {
        self.0.iter_mut().find(|(known, _)| known == name).map(|(_, entry)| entry)
    }

    /// Puts `entry` under `name`, in place of what stood there.
    pub(crate) fn insert(&mut self, name: &str, entry: E) {
        match self.get_mut(name) {
            Some(place) => *place = entry,
            None => self.0.push((name.into(), entry)),
        }
    }

    /// Drops what answers `name` or what is compatible with it, where `may_go` says so of its name.
    pub(crate) fn withdraw(&mut self, name: &str, may_go: impl Fn(&str) -> bool) {
        self.0.retain(|(known, _)| compatible(known) != compatible(name) || !may_go(known));
    }

    /// What answers `name`: what has exactly this name, or else the newest of what is compatible.
    pub(crate) fn find(&self, name: &str) -> Option<&E> {
        if let Some((_, entry)) = self.0.iter().find(|(known, _)| known == name) {
            return Some(entry);
        }
        let newest = newest_compatible(self.0.iter().map(|(known, _)| known.as_str()), name)?;
        self.0.iter().find(|(known, _)| known == newest).map(|(_, entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_compatible_versions_answer_each_other() {
        let mut names = Names::default();
        names.insert("example:io/streams@0.2.3", 3);
        names.insert("example:io/streams@0.2.12", 12);
        names.insert("example:io/streams@0.3.0", 30);
        names.insert("a:b/c@1.2.0", 120);
        names.insert("a:b/c@0.0.1", 1);
        names.insert("plain", 0);
        assert_eq!(names.find("example:io/streams@0.2.3"), Some(&3));
        assert_eq!(names.find("example:io/streams@0.2.0"), Some(&12));
        assert_eq!(names.find("example:io/streams@0.3.1"), Some(&30));
        assert_eq!(names.find("example:io/streams@0.4.0"), None);
        assert_eq!(names.find("example:io/streams@0.2.0-rc"), None);
        assert_eq!(names.find("a:b/c@1.9.9"), Some(&120));
        assert_eq!(names.find("a:b/c@2.0.0"), None);
        assert_eq!(names.find("a:b/c@0.0.2"), None);
        assert_eq!(names.find("plain"), Some(&0));
        assert_eq!(names.find("plainer"), None);
        assert_eq!(names.find("a:b/c@1.2.3+a-b"), Some(&120));
        assert_eq!(names.find("a:b/c@1.2.3-a+b"), None);
        names.insert("d:e/f@0.3.1+built-today", 31);
        assert_eq!(names.find("d:e/f@0.3.0"), Some(&31));
    }

    #[test]
    fn names_are_compatible_both_ways_or_not_at_all() {
        let names = [
            "a:b/c@0.2.0",
            "a:b/c@0.2.12",
            "a:b/c@0.20.0",
            "a:b/c@1.2.0",
            "a:b/c@1.9.9",
            "a:b/c@0.0.1",
            "a:b/c",
        ];
        let pairs = [("a:b/c@0.2.0", "a:b/c@0.2.12"), ("a:b/c@1.2.0", "a:b/c@1.9.9")];
        for a in names {
            for b in names {
                let expected = a == b || pairs.contains(&(a, b)) || pairs.contains(&(b, a));
                assert_eq!(is_among(a, compatible(b)), expected, "{a}, {b}");
            }
        }
    }
}
