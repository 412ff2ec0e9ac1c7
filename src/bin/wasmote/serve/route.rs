//! Which app answers a path.
//!
//! Routes are written as Spin writes them: `/a/b` is that path, `/a/:user` any one segment in its place, `/a/...`
//! everything from there on. Of several that match, the one that says most is taken: literals before `:any` before `...`.

use std::cmp::Reverse;

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    segments: Vec<Segment>,
    /// Whether more may follow.
    open: bool,
    /// As it was written.
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Any,
}

impl Pattern {
    /// Reads a route.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(path) = text.strip_prefix('/') else {
            return Err(format!("a route begins with `/`: write `/{text}`"));
        };
        let (path, open) = match path.strip_suffix("...") {
            Some("") => ("", true),
            Some(path) => match path.strip_suffix('/') {
                Some(path) => (path, true),
                None => return Err(format!("`...` stands after a `/`: write `/{path}/...`")),
            },
            None => (path, false),
        };
        if path.contains("...") || path.contains(['?', '#']) {
            return Err(format!("`{text}` is no route: write /a/b, /a/:any or /a/..."));
        }
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let mut names = segments(path).filter_map(|segment| segment.strip_prefix(':'));
        if let Some(odd) = names.find(|name| !name.bytes().all(is_name)) {
            return Err(format!("`:{odd}` is no name: write letters, digits, `-` and `_` behind the colon"));
        }
        let segments = segments(path).map(|segment| match segment.strip_prefix(':') {
            Some(_) => Segment::Any,
            None => Segment::Literal(segment.into()),
        });
        Ok(Self { segments: segments.collect(), open, text: text.into() })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What of the path, which begins with `/`, is behind this route; nothing if the route does not match.
    pub fn rest<'p>(&self, path: &'p str) -> Option<&'p str> {
        let mut rest = path.strip_prefix('/').unwrap_or(path);
        let mut behind = path;
        for segment in &self.segments {
            let (first, next) = match rest.split_once('/') {
                Some((first, next)) => (first, next),
                None => (rest, ""),
            };
            let matches = match segment {
                Segment::Literal(literal) => first == literal,
                Segment::Any => !first.is_empty(),
            };
            if !matches {
                return None;
            }
            behind = &rest[first.len()..];
            rest = next;
        }
        let all = rest.is_empty();
        (self.open || all).then_some(behind)
    }

    /// What orders routes: the more it says, the earlier.
    fn order(&self) -> impl Ord + use<> {
        let literals: Vec<bool> = self.segments.iter().map(|segment| *segment == Segment::Any).collect();
        (self.open, Reverse(self.segments.len()), literals)
    }
}

/// The segments of a path without its first `/`; none of an empty one, and none behind a last `/`.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/').filter(move |_| !path.is_empty())
}

/// All routes, each with what it leads to.
#[derive(Clone, Debug)]
pub struct Routes<T>(Vec<(Pattern, T)>);

impl<T> Routes<T> {
    /// These routes, each to what is called so.
    ///
    /// # Errors
    ///
    /// When two are the same.
    pub fn new(
        routes: impl IntoIterator<Item = (Pattern, T)>,
        name: impl Fn(&T) -> &str,
    ) -> Result<Self, String> {
        let mut routes: Vec<_> = routes.into_iter().collect();
        // Stable: of two that say as much, the one that was written first.
        routes.sort_by_cached_key(|(pattern, _)| pattern.order());
        for (at, (pattern, to)) in routes.iter().enumerate() {
            let same = |(other, _): &&(Pattern, T)| {
                (&other.segments, other.open) == (&pattern.segments, pattern.open)
            };
            if let Some((first, other)) = routes[..at].iter().find(same) {
                let (one, other) = (name(other), name(to));
                let whose =
                    if one == other { format!("app `{one}`") } else { format!("apps `{one}` and `{other}`") };
                let routes = if first.text == pattern.text {
                    format!("the route `{}` twice", first.text)
                } else {
                    format!("the same route as `{}` and as `{}`", first.text, pattern.text)
                };
                return Err(format!(
                    "{whose} {} {routes}: drop one",
                    if one == other { "has" } else { "have" }
                ));
            }
        }
        Ok(Self(routes))
    }

    /// What answers `path`, and by which route.
    pub fn find(&self, path: &str) -> Option<(&Pattern, &T)> {
        self.0.iter().find(|(pattern, _)| pattern.rest(path).is_some()).map(|(pattern, to)| (pattern, to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str) -> Option<&'static str> {
        let routes = ["/...", "/a", "/a/...", "/a/:any", "/a/b", "/:x/b/c", "/a/b/..."];
        let routes = routes.map(|text| (Pattern::parse(text).unwrap(), text));
        let routes = Routes::new(routes, |text| text).unwrap();
        routes.find(path).map(|(_, to)| *to)
    }

    #[test]
    fn the_route_that_says_most_is_taken() {
        for (path, expected) in [
            ("/", "/..."),
            ("/a", "/a"),
            ("/a/", "/a"),
            ("/a/b", "/a/b"),
            ("/a/c", "/a/:any"),
            ("/a/c/d", "/a/..."),
            ("/x/b/c", "/:x/b/c"),
            ("/a/b/d", "/a/b/..."),
            ("/ab", "/..."),
            ("/x/y/z", "/..."),
        ] {
            assert_eq!(found(path), Some(expected), "{path}");
        }
    }

    #[test]
    fn what_is_behind_a_route_is_the_rest() {
        let rest = |route: &str, path| Pattern::parse(route).unwrap().rest(path).map(String::from);
        assert_eq!(rest("/a/...", "/a/b/c").as_deref(), Some("/b/c"));
        assert_eq!(rest("/a/...", "/a").as_deref(), Some(""));
        assert_eq!(rest("/...", "/x").as_deref(), Some("/x"));
        assert_eq!(rest("/a", "/a").as_deref(), Some(""));
        assert_eq!(rest("/a", "/a/b"), None);
        assert_eq!(rest("/a/:x", "/a"), None);
        assert_eq!(rest("/", "/").as_deref(), Some("/"));
        assert_eq!(rest("/", "/a"), None);
    }

    #[test]
    fn routes_that_make_no_sense_are_refused() {
        for wrong in ["", "a", "/a...", "/.../a", "/a?b", "/a#b", "/:a b", "/a/:b(c)"] {
            assert!(Pattern::parse(wrong).is_err(), "{wrong}");
        }
        let same = |routes: [(&'static str, &'static str); 2]| {
            let routes = routes.map(|(text, app)| (Pattern::parse(text).unwrap(), app));
            Routes::new(routes, |app| app).unwrap_err()
        };
        assert_eq!(
            same([("/a/:x", "one"), ("/a/:y", "two")]),
            "apps `one` and `two` have the same route as `/a/:x` and as `/a/:y`: drop one"
        );
        assert_eq!(
            same([("/a", "one"), ("/a", "two")]),
            "apps `one` and `two` have the route `/a` twice: drop one"
        );
        assert_eq!(same([("/a", "one"), ("/a", "one")]), "app `one` has the route `/a` twice: drop one");
    }
}
