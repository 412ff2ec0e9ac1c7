//! WIT from anyone: it becomes bindings or an error, and never a panic.

#![cfg(feature = "bindgen")]

use std::fmt::Write;
use wasmote::bindgen::{Config, Error};

fn generate(text: &str) -> Result<String, Error> {
    Config::default().inline(text).generate()
}

#[test]
fn prefixes_of_wit_are_refused_or_bound() {
    let text = include_str!("bindgen/garden.wit");
    let mut bound = 0;
    for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
        bound += usize::from(generate(&text[..end]).is_ok());
    }
    // Only what ends after the last brace.
    assert!((1..5).contains(&bound), "{bound}");
}

#[test]
fn mutations_of_wit_are_refused_or_bound() {
    let words: Vec<&str> = concat!(
        "type record variant enum flags resource func async static constructor own borrow list option result tuple ",
        "stream future map error-context string u8 bool char f64 import export include use as with world interface ",
        "package { } ( ) < > , ; : @ % _ -> = / . * 1.2.0 0 4294967296 r a b c self this",
    )
    .split(' ')
    .collect();
    let seed = 0x9e37_79b9_7f4a_7c15_u64;
    println!("seed {seed:#x}");
    let mut state = seed;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for text in [include_str!("bindgen/garden.wit"), include_str!("bindgen/odd.wit")] {
        let tokens: Vec<&str> = text.split_inclusive([' ', '\n', '(', '<', ',', ';', ':']).collect();
        let mut bound = 0;
        for _ in 0..3_000 {
            let mut tokens = tokens.clone();
            for _ in 0..=random(3) {
                let (at, other) = (random(tokens.len()), random(tokens.len() - 1));
                match random(4) {
                    0 => drop(tokens.remove(at)),
                    1 => tokens.insert(at, words[random(words.len())]),
                    2 => tokens.swap(at, other),
                    _ => tokens[at] = tokens[other],
                }
            }
            bound += usize::from(generate(&tokens.concat()).is_ok());
        }
        assert!(bound > 0, "nothing got past the parser");
    }
}

#[test]
fn wit_that_is_large_in_one_way_is_refused_or_bound() {
    let nested = |depth: usize| format!("{}u8{}", "list<".repeat(depth), ">".repeat(depth));
    let mut chain = String::from("package a:b; interface i { record r0 { a: u8 } ");
    for n in 1..200 {
        write!(chain, "record r{n} {{ a: r{}, b: r{} }} ", n - 1, n - 1).unwrap();
    }
    chain += "f: func(r: r199) -> r199; } world w { import i; }";
    let many =
        |count: usize, item: &dyn Fn(usize) -> String| (0..count).map(item).collect::<Vec<_>>().join(", ");
    let params = many(40, &|n| format!("p{n}: u8"));
    let flags = many(33, &|n| format!("f{n}"));
    let tuple = many(13, &|_| "u8".into());
    let world =
        |item: &str| format!("package a:b; interface i {{ {item} }} world w {{ import i; export i; }}");
    let cases = [
        (world(&format!("f: func(x: {});", nested(50))), true),
        (world(&format!("f: func(x: {});", nested(5_000))), false),
        (chain, true),
        (world(&format!("f: func({params});")), false),
        (world(&format!("flags f {{ {flags} }}")), false),
        (world(&format!("f: func(x: tuple<{tuple}>);")), false),
        (world("f: func(x: map<string, u8>);"), true),
        (world("f: func(x: map<f32, u8>);"), false),
        (world("f: func(x: map<list<u8>, u8>);"), false),
        (world("f: func(x: list<u8, 4>);"), true),
        (world("f: func(x: list<u8, 1025>);"), false),
        (world("f: func(x: error-context);"), true),
    ];
    for (text, is_bound) in cases {
        let shown: String = text.chars().take(100).collect();
        assert_eq!(generate(&text).is_ok(), is_bound, "{shown}");
    }
}

#[test]
fn no_world_is_called_as_something_its_module_uses() {
    let text = include_str!("bindgen/names.wit");
    let worlds = text.lines().filter_map(|line| line.strip_prefix("world ")?.split(' ').next());
    let mut count = 0;
    for world in worlds {
        let text = Config::default().inline(text).world(world).generate().unwrap();
        let root = text.split("pub mod ").next().unwrap();
        let name = root.split("pub struct ").nth(1).unwrap().split([' ', ';']).next().unwrap();
        for uses in root.lines().filter(|line| line.starts_with("use ")) {
            let mut words = uses.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            assert!(!words.any(|word| word == name), "{world}: `{name}` and {uses}");
        }
        count += 1;
    }
    assert_eq!(count, 9);
}

#[test]
fn settings_about_nothing_or_about_two_things_are_refused() {
    let two = "package a:b; package c:d@1.0.0 { interface i { resource r; f: func() -> r; } }
        package c:d@2.0.0 { interface i { resource r; f: func() -> r; } }
        world w { import c:d/i@1.0.0; import c:d/i@2.0.0; }";
    let config = || Config::default().inline(two);
    let error = |config: Config| config.generate().unwrap_err();
    for name in ["c:d", "c:d/i", "c:d/i/r"] {
        let error = error(config().with(name, "crate::x"));
        assert!(matches!(error, Error::Ambiguous { setting: "with", .. }), "{name}: {error}");
    }
    let at_root = error(config().at_root("c:d"));
    assert!(matches!(at_root, Error::Ambiguous { setting: "at-root", .. }), "{at_root}");
    assert!(matches!(error(config().at_root("c:e")), Error::Unused { setting: "at-root", .. }));
    let hidden = error(config().with("c:d/i@1.0.0", "crate::x").with("c:d/i@1.0.0/r", "crate::R"));
    assert!(matches!(hidden, Error::Unused { setting: "with", .. }), "{hidden}");
    for name in ["c:d@1.0.0", "c:d/i@1.0.0", "c:d/i@1.0.0/r"] {
        let text = config().with(name, "crate::x").generate().unwrap();
        assert_eq!(
            text.matches("pub trait Host ").count() + text.matches("pub trait Host:").count(),
            2 - usize::from(!name.ends_with("/r")),
            "{name}"
        );
    }
    let text = config().poll("c:d/i@1.0.0/f").generate().unwrap();
    assert_eq!(text.matches("cx: &mut Context").count(), 1, "{text}");
    let text = config().at_root("c:d@2.0.0").generate().unwrap();
    assert!(text.contains("\npub mod i {"), "{text}");
}

#[test]
fn what_needs_a_feature_is_there_when_it_is_asked_for() {
    let text = "package a:b@0.2.0; interface i {
        @unstable(feature = early)
        f: func();
        @since(version = 0.1.0)
        @deprecated(version = 0.2.0)
        g: func();
    }
    world w { import i; }";
    let config = || Config::default().inline(text);
    let [none, one, all] = [config(), config().feature("early"), config().all_features()];
    let [none, one, all] = [none, one, all].map(|config| config.generate().unwrap());
    assert!(!none.contains("fn f(") && one.contains("fn f("), "{one}");
    assert_eq!(one, all);
    assert!(none.contains("/// Deprecated since 0.2.0."), "{none}");
}

#[test]
fn a_world_is_found_in_any_package_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    for (package, worlds) in [("a", "world one {} world both {}"), ("b", "world two {} world both {}")] {
        std::fs::create_dir(folder.path().join(package)).unwrap();
        write(&format!("{package}/{package}.wit"), &format!("package x:{package}; {worlds}"));
    }
    let generate = |world: &str| Config::new(folder.path()).world(world).generate();
    assert!(generate("one").is_ok() && generate("two").unwrap().contains("pub struct Two;"));
    for (world, said) in [("both", "x:a/both, x:b/both"), ("three", "no package has a world `three`")] {
        let error = generate(world).unwrap_err();
        assert!(matches!(&error, Error::World(text) if text.contains(said)), "{world}: {error}");
    }
}

#[test]
fn what_is_not_bound_is_named() {
    let tuple = ["u8"; 13].join(", ");
    let params: Vec<_> = (0..17).map(|n| format!("p{n}: u8")).collect();
    let params = params.join(", ");
    for (item, named) in [
        (format!("wide: func({params});"), "a:b/i/wide"),
        (format!("thing: func(x: option<tuple<{tuple}>>);"), "a:b/i/thing"),
        (format!("record pair {{ first: tuple<{tuple}> }}"), "a:b/i/pair"),
        ("type page = list<u64, 2000>;".into(), "a:b/i/page"),
        ("f: func() -> list<list<u8, 4000000000>>;".into(), "a:b/i/f"),
        ("type row = list<u8, 40>; f: func() -> list<tuple<row, u8>, 40>;".into(), "a:b/i/f"),
        ("f: func() -> list<u8, 0>;".into(), "a:b/i/f"),
        ("resource r { get: func() -> list<u8, 2000>; }".into(), "a:b/i/r.get"),
    ] {
        let text = format!("package a:b; interface i {{ {item} }} world w {{ import i; }}");
        let error = generate(&text).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{item}: {error}");
        assert!(error.to_string().starts_with(&format!("{named}: no bindings for ")), "{error}");
    }
}
