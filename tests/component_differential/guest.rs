//! Random components as text. One function `f` is exported. Its core code stores what it is given and gives it back,
//! or calls a second component that does, or answers with bytes that mean something here and there; its allocator,
//! and that of the second, may answer what it must not.

use crate::types::{Bytes, Defined, Type};
use std::fmt::Write;
use wasmote::component::Val;

/// Where core code puts what it gives back.
const AREA: u32 = 1024;
/// Where the allocator begins.
const HEAP: u32 = 32_768;
/// Where random bytes lie.
const RANDOM: u32 = 98_304;
/// How long a memory is.
const END: u32 = 131_072;
/// More core parameters than this lie in memory (`MAX_FLAT_PARAMS`).
const PARAMS_MAX: usize = 16;

/// A component and a call of its `f`.
pub struct Case {
    pub text: String,
    pub params: Vec<Val>,
}

/// What the core code of `f` does.
#[derive(Clone, Copy, PartialEq)]
enum Body {
    /// Gives back what it is given.
    Echo,
    /// Gives back what it likes.
    Random,
    /// Calls the second component with what it is given.
    Forward,
    /// Calls the second component with what it likes.
    ForwardRandom,
}

struct Signature {
    params: Vec<Type>,
    result: Option<Type>,
}

impl Signature {
    fn params_flat(&self) -> Vec<&'static str> {
        self.params.iter().flat_map(Type::flat).collect()
    }

    fn result_flat(&self) -> Vec<&'static str> {
        self.result.as_ref().map_or_else(Vec::new, Type::flat)
    }

    fn core_params(&self) -> Vec<&'static str> {
        let flat = self.params_flat();
        if flat.len() > PARAMS_MAX { vec!["i32"] } else { flat }
    }

    /// What a lifted function returns.
    fn core_result(&self) -> Option<&'static str> {
        match *self.result_flat() {
            [] => None,
            [one] => Some(one),
            _ => Some("i32"),
        }
    }

    fn is_result_in_memory(&self) -> bool {
        self.result_flat().len() > 1
    }

    fn text(&self) -> String {
        let params: String =
            (0..).zip(&self.params).map(|(at, ty)| format!("(param \"p{at}\" {})", ty.text())).collect();
        let result = self.result.as_ref().map_or_else(String::new, |ty| format!("(result {})", ty.text()));
        params + &result
    }
}

impl Case {
    pub fn new(bytes: &mut Bytes<'_>) -> Self {
        let body = match bytes.below(6) {
            0 | 1 => Body::Echo,
            2 => Body::Random,
            3 | 4 => Body::Forward,
            _ => Body::ForwardRandom,
        };
        let inner = if bytes.below(4) == 3 { Body::Random } else { Body::Echo };
        let mut defined = Defined::default();
        let (count, depth) = match bytes.below(4) {
            0 => (bytes.below(20), 0),
            1 => (1, 3),
            _ => (bytes.below(5), 2),
        };
        let params: Vec<_> = (0..count).map(|_| defined.ty(bytes, depth)).collect();
        // What an echo can give back.
        let result = match &params[..] {
            [] => None,
            [one] => Some(one.clone()),
            many => Some(Type::Tuple(many.to_vec())),
        };
        let signature = Signature { params, result };
        let text = component(&signature, &defined, body, inner, bytes);
        let params = signature.params.iter().map(|ty| ty.value(bytes, &mut 0)).collect();
        Self { text, params }
    }
}

fn component(
    signature: &Signature,
    defined: &Defined,
    body: Body,
    inner: Body,
    bytes: &mut Bytes<'_>,
) -> String {
    let types = |how: fn(usize, &String) -> String| {
        defined.0.iter().enumerate().map(|(at, ty)| how(at, ty)).collect::<String>()
    };
    let exported = types(|at, ty| format!("  (type $d{at} {ty}) (export $t{at} \"t{at}\" (type $d{at}))\n"));
    if !matches!(body, Body::Forward | Body::ForwardRandom) {
        return format!("(component\n{exported}{})\n", lifted(signature, body, "", bytes));
    }
    // Two siblings: the specification's tests want no calls between a component and one that nests in it.
    let imported =
        types(|at, ty| format!("  (type $d{at} {ty}) (import \"t{at}\" (type $t{at} (eq $d{at})))\n"));
    let given = types(|at, _| format!(" (with \"t{at}\" (type $t{at}))"));
    let retptr = if signature.is_result_in_memory() { "i32" } else { "" };
    let result = if signature.is_result_in_memory() { None } else { signature.core_result() };
    let imports = format!(
        "    (import \"\" \"memory\" (memory 2))\n    (import \"\" \"g\" (func $g (param {} {retptr}) {}))\n",
        signature.core_params().join(" "),
        result.map_or_else(String::new, |ty| format!("(result {ty})")),
    );
    let lifted_inner = lifted(signature, inner, "", bytes);
    let (memory, encoding) = (module(bytes), encoding(bytes));
    let lifted_outer = lifted(signature, body, &imports, bytes);
    let signature = signature.text();
    format!(
        "(component
{exported}  (component $inner
{exported}{lifted_inner}  )
  (instance $inner (instantiate $inner))
  (component $outer
{imported}  (import \"g\" (func $g {signature}))
  (core module $memory
{memory}  )
  (core instance $memory (instantiate $memory))
  (core func $g (canon lower (func $g) (memory (core memory $memory \"memory\"))
    (realloc (core func $memory \"realloc\")) string-encoding={encoding}))
{lifted_outer}  )
  (instance $outer (instantiate $outer{given} (with \"g\" (func $inner \"f\"))))
  (export \"f\" (func $outer \"f\"))
)
"
    )
}

fn encoding(bytes: &mut Bytes<'_>) -> &'static str {
    ["utf8", "utf16", "latin1+utf16"][usize::from(bytes.below(3))]
}

/// The core module with `f`, and `f` lifted. With imports, the memory and the allocator are those of `$memory`.
fn lifted(signature: &Signature, body: Body, imports: &str, bytes: &mut Bytes<'_>) -> String {
    let mut text = String::from("  (core module $m\n");
    text += imports;
    if imports.is_empty() {
        text += &module(bytes);
    }
    let result = signature.core_result();
    let returns = result.map_or_else(String::new, |ty| format!("(result {ty})"));
    let params = signature.core_params();
    let _ = writeln!(text, "    (func (export \"f\") (param {}) {returns}", params.join(" "));
    text += &code(signature, body, bytes);
    text += ")\n";
    let post = match bytes.below(8) {
        0 | 1 => Some(""),
        2 => Some("unreachable"),
        _ => None,
    };
    if let Some(post) = post {
        let _ = writeln!(text, "    (func (export \"post\") (param {}) {post})", result.unwrap_or_default());
    }
    text += "  )\n";
    let memory = if imports.is_empty() {
        text += "  (core instance $i (instantiate $m))\n";
        "$i"
    } else {
        text +=
            "  (core instance $g (export \"memory\" (memory $memory \"memory\")) (export \"g\" (func $g)))\n";
        text += "  (core instance $i (instantiate $m (with \"\" (instance $g))))\n";
        "$memory"
    };
    let post = post.map_or("", |_| "(post-return (core func $i \"post\"))");
    let _ = writeln!(
        text,
        "  (func (export \"f\") {}
    (canon lift (core func $i \"f\") (memory (core memory {memory} \"memory\"))
      (realloc (core func {memory} \"realloc\")) string-encoding={} {post}))",
        signature.text(),
        encoding(bytes),
    );
    text
}

/// A memory with random bytes, and its allocator.
fn module(bytes: &mut Bytes<'_>) -> String {
    let fault = match bytes.below(24) {
        0 => "(return (i32.add (local.get $to) (i32.const 1)))",
        1 => "(return (i32.add (local.get $to) (i32.const 2)))",
        2 => "(return (i32.const 131072))",
        3 => "(return (i32.const 131071))",
        4 => "(return (i32.const 131064))",
        5 => "(return (i32.const -8))",
        6 => "unreachable",
        7 => "(return (i32.const 0))",
        8 => "(return (i32.shl (memory.grow (i32.const 1)) (i32.const 16)))",
        _ => "",
    };
    let call = bytes.below(4);
    let mut text = format!(
        r#"    (memory (export "memory") 2)
    (global $at (mut i32) (i32.const {HEAP}))
    (global $calls (mut i32) (i32.const 0))
    (func (export "realloc") (param $from i32) (param $length i32) (param $align i32) (param $wanted i32)
      (result i32) (local $to i32)
      (local.set $to (i32.and (i32.sub (i32.add (global.get $at) (local.get $align)) (i32.const 1))
        (i32.sub (i32.const 0) (local.get $align))))
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (if (i32.eq (global.get $calls) (i32.const {call})) (then {fault}))
      (global.set $at (i32.add (local.get $to) (local.get $wanted)))
      (memory.copy (local.get $to) (local.get $from)
        (select (local.get $length) (local.get $wanted) (i32.lt_u (local.get $length) (local.get $wanted))))
      (local.get $to))
    (data (i32.const {RANDOM}) ""#
    );
    let bytes = memory(bytes);
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    for byte in &bytes[..used] {
        let _ = write!(text, "\\{byte:02x}");
    }
    text + "\")\n"
}

/// Bytes that mean something here and there: small numbers, addresses of what lies near, parts of strings.
fn memory(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let mut memory = Vec::new();
    while memory.len() < 256 {
        match bytes.below(10) {
            0..=2 => memory.extend(u32::from(bytes.below(4)).to_le_bytes()),
            3 => memory.extend([bytes.below(3), bytes.below(3), bytes.below(3), bytes.below(3)]),
            4 | 5 => memory.extend(address(bytes).to_le_bytes()),
            6 => memory.extend([b'a' + bytes.below(26); 4]),
            7 => memory.extend([b'a', 0, 0xe4, 0]),
            8 => memory.extend([0x3d, 0xd8, 0, 0xdf]),
            _ => memory.extend((bytes.wide() as u32).to_le_bytes()),
        }
    }
    memory
}

fn address(bytes: &mut Bytes<'_>) -> u32 {
    let by = u32::from(bytes.byte());
    match bytes.below(8) {
        0 => END - by,
        1 | 2 => RANDOM + by,
        _ => RANDOM + (by & !7),
    }
}

/// A core value that may mean something.
fn constant(ty: &str, bytes: &mut Bytes<'_>) -> String {
    let number = match bytes.below(6) {
        0..=2 => u64::from(bytes.below(5)),
        3 => u64::from(address(bytes)),
        4 => 0x8000_0000 | u64::from(bytes.below(5)),
        _ => bytes.wide() >> (bytes.below(8) * 8),
    };
    match ty {
        "i64" => format!("(i64.const {})", number.cast_signed()),
        "f64" => format!("(f64.reinterpret_i64 (i64.const {}))", number.cast_signed()),
        "f32" => format!("(f32.reinterpret_i32 (i32.const {}))", number as i32),
        _ => format!("(i32.const {})", number as i32),
    }
}

fn code(signature: &Signature, body: Body, bytes: &mut Bytes<'_>) -> String {
    let params = signature.core_params();
    let locals: Vec<_> = (0..params.len()).map(|at| format!("(local.get {at})")).collect();
    let in_memory = signature.is_result_in_memory();
    let mut text = String::new();
    match body {
        Body::Echo if signature.params_flat().len() > PARAMS_MAX => text += "      (local.get 0)\n",
        Body::Echo if in_memory => {
            let whole = Type::Tuple(signature.params.clone());
            store(&whole, &locals, AREA, &mut text);
            let _ = writeln!(text, "      (i32.const {AREA})");
        }
        Body::Echo => text += &locals.concat(),
        Body::Random => match signature.core_result() {
            Some("i32") if in_memory => {
                let _ = write!(text, "      (i32.const {})", address(bytes));
            }
            Some(ty) => text += &constant(ty, bytes),
            None => {}
        },
        Body::Forward | Body::ForwardRandom => {
            let given = if body == Body::Forward {
                locals.join(" ")
            } else if signature.params_flat().len() > PARAMS_MAX {
                format!("(i32.const {})", address(bytes))
            } else {
                params.iter().map(|ty| constant(ty, bytes)).collect()
            };
            // Seldom where no result may be put.
            let area = if bytes.below(16) == 15 { address(bytes) } else { AREA };
            let area = if in_memory { format!("(i32.const {area})") } else { String::new() };
            let _ = writeln!(text, "      (call $g {given} {area}) {area}");
        }
    }
    text
}

fn round(at: u32, alignment: u32) -> u32 {
    at.next_multiple_of(alignment)
}

fn width(cases: usize) -> u32 {
    if cases <= 256 { 1 } else { 2 }
}

fn either(types: &[Option<&Type>]) -> (u32, u32) {
    let payloads: Vec<_> = types.iter().flatten().map(|ty| layout(ty)).collect();
    let most = |of: fn(&(u32, u32)) -> u32, least| payloads.iter().map(of).max().unwrap_or(0).max(least);
    let first = width(types.len());
    let (size, alignment) = (most(|it| it.0, 0), most(|it| it.1, first));
    (round(round(first, most(|it| it.1, 1)) + size, alignment), alignment)
}

/// Size and alignment (`elem_size`, `alignment`).
fn layout(ty: &Type) -> (u32, u32) {
    match ty {
        Type::Bool | Type::S8 | Type::U8 => (1, 1),
        Type::S16 | Type::U16 => (2, 2),
        Type::S32 | Type::U32 | Type::F32 | Type::Char => (4, 4),
        Type::S64 | Type::U64 | Type::F64 => (8, 8),
        Type::String | Type::List(_) => (8, 4),
        Type::Tuple(types) | Type::Record(_, types) => {
            let whole = types.iter().map(layout).fold((0, 1), |(at, most), (size, alignment)| {
                (round(at, alignment) + size, most.max(alignment))
            });
            (round(whole.0, whole.1), whole.1)
        }
        Type::Option(some) => either(&[None, Some(some)]),
        Type::Result(ok, err) => either(&[ok.as_deref(), err.as_deref()]),
        Type::Variant(_, cases) => either(&cases.iter().map(Option::as_ref).collect::<Vec<_>>()),
        Type::Enum(_, count) => (width(*count), width(*count)),
        Type::Flags(_, count) => {
            let bytes = match count {
                0..=8 => 1,
                9..=16 => 2,
                _ => 4,
            };
            (bytes, bytes)
        }
    }
}

/// Core code that puts flat values into memory, each of them an expression of the type that `flat` says.
fn store(ty: &Type, from: &[String], to: u32, text: &mut String) {
    let mut put = |instruction: &str, to: u32, from: &str| {
        let _ = writeln!(text, "      ({instruction} (i32.const {to}) {from})");
    };
    match ty {
        Type::F32 => put("f32.store", to, &from[0]),
        Type::F64 => put("f64.store", to, &from[0]),
        Type::S64 | Type::U64 => put("i64.store", to, &from[0]),
        Type::String | Type::List(_) => {
            put("i32.store", to, &from[0]);
            put("i32.store", to + 4, &from[1]);
        }
        Type::Tuple(types) | Type::Record(_, types) => {
            let (mut at, mut flat) = (to, 0);
            for ty in types {
                let (size, alignment) = layout(ty);
                at = round(at, alignment);
                store(ty, &from[flat..flat + ty.flat().len()], at, text);
                at += size;
                flat += ty.flat().len();
            }
        }
        Type::Option(some) => store_case(&[None, Some(some)], from, to, text),
        Type::Result(ok, err) => store_case(&[ok.as_deref(), err.as_deref()], from, to, text),
        Type::Variant(_, cases) => {
            store_case(&cases.iter().map(Option::as_ref).collect::<Vec<_>>(), from, to, text);
        }
        scalar => match layout(scalar).0 {
            1 => put("i32.store8", to, &from[0]),
            2 => put("i32.store16", to, &from[0]),
            _ => put("i32.store", to, &from[0]),
        },
    }
}

fn store_case(types: &[Option<&Type>], from: &[String], to: u32, text: &mut String) {
    let first = width(types.len());
    let instruction = if first == 1 { "i32.store8" } else { "i32.store16" };
    let _ = writeln!(text, "      ({instruction} (i32.const {to}) {})", from[0]);
    let most = types.iter().flatten().map(|ty| layout(ty).1).max().unwrap_or(1);
    let joined = joined(types);
    for (at, ty) in types.iter().enumerate() {
        let Some(ty) = ty else { continue };
        let converted: Vec<_> = ty
            .flat()
            .iter()
            .zip(&joined)
            .zip(&from[1..])
            .map(|((to, has), it)| convert(it, has, to))
            .collect();
        let _ = writeln!(text, "      (if (i32.eq {} (i32.const {at})) (then", from[0]);
        store(ty, &converted, to + round(first, most), text);
        text.push_str("      ))\n");
    }
}

/// The flat types of a variant behind its discriminant.
fn joined(types: &[Option<&Type>]) -> Vec<&'static str> {
    let whole = Type::Variant(0, types.iter().map(|ty| ty.cloned()).collect());
    whole.flat().split_off(1)
}

/// A payload's value out of what holds any payload (`lift_flat_variant`).
fn convert(value: &str, has: &str, to: &str) -> String {
    match (has, to) {
        ("i64", "i32") => format!("(i32.wrap_i64 {value})"),
        ("i32", "f32") => format!("(f32.reinterpret_i32 {value})"),
        ("i64", "f32") => format!("(f32.reinterpret_i32 (i32.wrap_i64 {value}))"),
        ("i64", "f64") => format!("(f64.reinterpret_i64 {value})"),
        _ => value.into(),
    }
}
