//! Types and names that are large: what is told of them is not, and what nests too deep is refused wherever it stands.

use super::*;

/// A type of so many fields that each have a long name: told in full it takes 100 MB and more.
fn wide() -> String {
    let name = "a".repeat(10_000);
    let many = |ty: &str, count| [ty].repeat(count).join(" ");
    format!(
        "(type $record (record (field \"{name}\" u8))) (import \"r\" (type $r (eq $record)))
        (type $t (tuple {})) (type $u (tuple {}))",
        many("$r", 1_000),
        many("$t", 10)
    )
}

const TOLD_MAX: usize = 10_000;

#[test]
fn what_is_told_of_wide_types_is_short() {
    let text = format!(
        r#"(component {} (import "missing" (func (param "u" $u)))
            (core module $m (memory (export "m") 1) (func (export "f") (param i32) unreachable)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
            (core instance $m (instantiate $m))
            (func (export "f") (param "u" $u) (canon lift (core func $m "f")
                (memory (core memory $m "m")) (realloc (core func $m "realloc")))))"#,
        wide()
    );
    let component = load(&parse(&text)).unwrap();
    let told = |text: &str| assert!(text.len() < TOLD_MAX, "{} bytes", text.len());
    component.imports().chain(component.exports()).for_each(|(_, ty)| told(&ty));
    let engine = component.engine();
    let mut store = Store::new(engine, ());
    let error = Linker::new(engine).instantiate(&mut store, &component).unwrap_err();
    let [missing] = error.missing_imports() else { panic!("{error}") };
    assert!(missing.expected.starts_with("func(u: tuple<tuple<record { aaa"), "{}", missing.expected);
    assert!(missing.expected.ends_with('…'));
    told(&missing.expected);

    let mut linker = Linker::new(engine);
    linker.root().func_new("missing", |_, _, _, _| Ok(())).unwrap();
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let f = instance.get_func(&store, "f").unwrap();
    let refused = f.call(&mut store, &[Val::Bool(true)], &mut []).unwrap_err();
    let typed = instance.get_typed_func::<(u32,), ()>(&store, "f").err().unwrap();
    let texts = [f.describe(), f.ty(&store).to_string(), refused.to_string(), typed.to_string()];
    texts.iter().for_each(|text| told(text));
}

#[test]
fn what_is_told_of_many_missing_imports_is_bounded() {
    let (name, long) = ("n".repeat(2_000), "m".repeat(300));
    let functions: String = (0..1_000).map(|n| format!("(export \"f{n}-{long}\" (func))")).collect();
    let nested: String = (1..10)
        .map(|n| {
            format!(
                "(type $i{n} (instance (alias outer 1 $i{} (type $t)) (export \"{name}\" (instance (type $t)))))",
                n - 1
            )
        })
        .collect();
    let text = format!(
        "(component (type $i0 (instance {functions})) {nested} (import \"i\" (instance (type $i9))))"
    );
    let component = load(&parse(&text)).unwrap();
    let linker = Linker::new(component.engine());
    let error = linker.instantiate(&mut Store::new(component.engine(), ()), &component).unwrap_err();
    let missing = error.missing_imports();
    let bytes: usize = missing.iter().map(|one| one.module.len() + one.name.len() + one.expected.len()).sum();
    assert!(missing.len() > 16 && bytes < 100_000, "{} in {bytes} bytes", missing.len());
    // What is of sizes that people write is told of in full, as many as are counted.
    let imports: String = (0..2_000).map(|n| format!("(import \"f{n}\" (func (param \"a\" u32)))")).collect();
    let component = load(&parse(&format!("(component {imports})"))).unwrap();
    let linker = Linker::new(component.engine());
    let error = linker.instantiate(&mut Store::new(component.engine(), ()), &component).unwrap_err();
    let missing = error.missing_imports();
    assert_eq!(missing.len(), 1_000);
    assert!(missing.iter().all(|one| one.expected == "func(a: u32)" && !one.module.ends_with('…')));
}

/// Lists in lists, so many of them; the last is `$t`.
fn nested(depth: u32) -> String {
    let lists = (1..depth).map(|n| {
        let name = if n + 1 == depth { "t".into() } else { format!("t{n}") };
        format!("(type ${name} (list $t{}))", n - 1)
    });
    format!("(type $t0 (list u8)) {}", lists.collect::<String>())
}

#[test]
fn types_nest_no_deeper_than_allowed_wherever_they_are_declared() {
    let limits = Limits { type_depth: 16, ..Limits::server() };
    let func = |name: &str| format!(r#"({name} "f" (func (param "x" $t)))"#);
    let wrap = |depth: u32, around: [&str; 2], keyword: &str| {
        format!("(component {} {} {} {})", around[0], nested(depth), func(keyword), around[1])
    };
    let instance = ["(type $i (instance", ")) (import \"i\" (instance (type $i)))"];
    let component = ["(type $c (component", ")) (import \"c\" (component (type $c)))"];
    for (what, around, keyword) in [
        ("a component's", ["", ""], "import"),
        ("an instance type's", instance, "export"),
        ("a component type's", component, "import"),
        ("an inner component's", ["(component", ")"], "import"),
    ] {
        for (depth, fits) in [(15, true), (16, true), (17, false), (90, false)] {
            let bytes = parse(&wrap(depth, around, keyword));
            let refused = load_under(limits, &bytes).err().map(|error| {
                let limit = error.limit_exceeded().unwrap_or_else(|| panic!("{what}, {depth}: {error}"));
                (limit.limit, limit.asked)
            });
            assert_eq!(refused, (!fits).then_some(("type_depth", depth.into())), "{what}, {depth}");
            #[cfg(feature = "bundle")]
            assert_eq!(loads_bundled(limits, &bytes), fits, "{what}, {depth}");
        }
    }
    // Declared, and the same as a function's parameters, which are no type of anybody's.
    let pair = |around: &str| format!("(component {} (type $p (tuple $t)) {})", nested(16), around);
    let params = r#"(import "f" (func (param "x" $t)))"#;
    assert!(load_under(limits, &parse(&pair(""))).is_err());
    assert!(load_under(limits, &parse(&pair(params))).is_err());
    // Declared, and used by nobody; and tuples that each stand like the parameters of the function after it.
    assert!(load_under(limits, &parse(&format!("(component {})", nested(17)))).is_err());
    let tuples = (0..90).map(|n| {
        let ty = if n == 0 { "u8".into() } else { format!("$u{}", n - 1) };
        format!("(type $u{n} (tuple {ty})) (import \"f{n}\" (func (param \"x\" {ty})))")
    });
    let tuples = format!("(component {})", tuples.collect::<String>());
    assert!(load_under(limits, &parse(&tuples)).is_err());
    #[cfg(feature = "bundle")]
    assert!(!loads_bundled(limits, &parse(&tuples)));
}

/// Whether a device loads it that was not there when it was bundled.
#[cfg(feature = "bundle")]
fn loads_bundled(limits: Limits, bytes: &[u8]) -> bool {
    use wasmote::engine::bundle::{Bundler, SecretKey, VerifiedBundle};
    let key = SecretKey::from_bytes(&[7; 32]);
    let bundle = Bundler::new().limits(Limits::server()).bundle_component(bytes, &key).unwrap();
    let verified = VerifiedBundle::verify(&bundle, &key.public()).unwrap();
    Component::from_bundle(&Engine::new(Features::all(), &limits), &verified).is_ok()
}
