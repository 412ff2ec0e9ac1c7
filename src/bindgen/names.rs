//! WIT identifiers as Rust identifiers.

use alloc::{borrow::ToOwned, collections::BTreeSet, format, string::String};

/// Strict and reserved keywords of every edition, and `self` and its like.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static",
    "struct", "super", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual",
    "where", "while", "yield",
];

/// Type names that mean something else in generated code or in the macros it calls, whose type parameters have one
/// letter.
const TAKEN_TYPES: &[&str] =
    &["Self", "Ok", "Err", "Some", "None", "Host", "Guest", "Send", "Sync", "Fn", "Copy", "T", "H"];

/// `blocking-read` as a function, parameter, field or module.
pub(super) fn snake(name: &str) -> String {
    let snake = name.replace('-', "_").to_lowercase();
    if KEYWORDS.contains(&snake.as_str()) { snake + "_" } else { snake }
}

/// The same within a longer identifier, where no word is a keyword.
pub(super) fn within(snake: &str) -> &str {
    snake.strip_suffix('_').filter(|word| KEYWORDS.contains(word)).unwrap_or(snake)
}

/// The same as a module on the way to an interface: none of them is the crate that generated code brings in.
pub(super) fn segment(name: &str) -> String {
    let name = snake(name);
    if name == "alloc" { name + "_" } else { name }
}

/// `input-stream` as a type or case.
pub(super) fn camel(name: &str) -> String {
    name.split('-')
        .map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            first.into_iter().chain(letters.map(|letter| letter.to_ascii_lowercase())).collect::<String>()
        })
        .collect()
}

/// `symlink-follow` as a constant.
pub(super) fn shouting(name: &str) -> String {
    name.replace('-', "_").to_uppercase()
}

/// Names that are in use in one scope.
#[derive(Clone, Debug, Default)]
pub(super) struct Taken(BTreeSet<String>);

impl Taken {
    /// A scope of types, where the names that generated code needs are taken.
    pub(super) fn types() -> Self {
        Self::new(TAKEN_TYPES)
    }

    /// A scope where `names` are taken.
    pub(super) fn new(names: &[&str]) -> Self {
        Self(names.iter().map(|name| (*name).to_owned()).collect())
    }

    /// Takes more names.
    pub(super) fn add(&mut self, names: &[&str]) {
        self.0.extend(names.iter().map(|name| (*name).to_owned()));
    }

    /// A name for a function to be called by `call_…` and `call_…_async`, where those are no other's either.
    pub(super) fn unique_call(&mut self, mut name: String) -> String {
        let all = |name: &str| {
            let call = format!("call_{}", within(name));
            [name.to_owned(), format!("{call}_async"), call]
        };
        while all(&name).iter().any(|name| self.0.contains(name)) {
            name.push('_');
        }
        self.0.extend(all(&name));
        name
    }

    /// The name itself, or with as many underscores as it takes to be no other's.
    pub(super) fn unique(&mut self, mut name: String) -> String {
        while !self.0.insert(name.clone()) {
            name.push('_');
        }
        name
    }
}

/// Whether `*` in a pattern, for any characters, makes it read as the text.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_become_those_of_rust() {
        assert_eq!(snake("blocking-read"), "blocking_read");
        assert_eq!(snake("type"), "type_");
        assert_eq!(snake("self"), "self_");
        assert_eq!(camel("DNS-error-payload"), "DnsErrorPayload");
        assert_eq!(camel("r0-1st"), "R01st");
        assert_eq!(shouting("symlink-follow"), "SYMLINK_FOLLOW");
    }

    #[test]
    fn no_two_things_have_one_name() {
        let mut taken = Taken::types();
        assert_eq!(taken.unique(camel("t")), "T_");
        assert_eq!(taken.unique(camel("s")), "S");
        assert_eq!(taken.unique(camel("host")), "Host_");
        assert_eq!(taken.unique(camel("a-b")), "AB");
        assert_eq!(taken.unique(camel("a-B")), "AB_");
        let mut taken = Taken::new(&["new"]);
        assert_eq!(taken.unique_call("f_async".into()), "f_async");
        assert_eq!(taken.unique_call("f".into()), "f_");
        assert_eq!(taken.unique_call("new".into()), "new_");
        assert_eq!(taken.unique("call_f_".into()), "call_f__");
        assert_eq!(taken.unique_call(snake("yield")), "yield_");
        assert_eq!(taken.unique_call(snake("yield-async")), "yield_async_");
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        assert!(matches("poll", "poll"));
        assert!(!matches("poll", "polls"));
        assert!(matches("*.blocking-*", "output-stream.blocking-flush"));
        assert!(!matches("*.blocking-*", "output-stream.flush"));
        assert!(matches("*", ""));
        assert!(matches("a*b*c", "abbc"));
        assert!(!matches("a*bc*c", "abc"));
    }
}
