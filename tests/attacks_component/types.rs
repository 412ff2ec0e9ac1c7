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
    let error = linker.instantiate(&mut Store::new(component.engine(), ()), &component).unwrap_err();
    let missing = error.missing_imports();
    assert_eq!(missing.len(), 1_000);
    assert!(missing.iter().all(|one| one.expected == "func(a: u32)" && !one.module.ends_with('…')));
}
