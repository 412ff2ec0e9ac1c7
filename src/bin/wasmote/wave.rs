//! Calls and values as WAVE, the text form of component values: `f("a", [1, 2])`.

use anyhow::{Result, bail};
use wasm_wave::{
    parser::{ParserError, ParserErrorKind},
    untyped::UntypedFuncCall,
};
use wasmote::component::{Type, Val, types::ComponentFunc};

/// A call as it was written.
pub struct Call {
    /// The function, as `name` or as `interface#name`.
    pub name: String,
    params: Params,
}

/// Parameters as they were written.
enum Params {
    /// In parentheses, behind the name.
    InCall(String),
    /// Each as a word, behind the file.
    Words(Vec<String>),
}

impl Call {
    /// Reads `text`: a function and its parameters, or the function alone where `args` are the parameters.
    pub fn parse(text: &str, args: &[String]) -> Result<Self> {
        let (name, params) = match text.find('(') {
            None => (text, Params::Words(args.to_vec())),
            Some(at) if args.is_empty() => (&text[..at], Params::InCall(text[at..].to_string())),
            Some(_) => bail!("`{text}` brings its parameters already: drop those behind the file"),
        };
        Ok(Self { name: path(name.trim()), params })
    }

    /// Whether this calls the function at `path`: by all of it, or without its interface.
    pub fn names(&self, path: &str) -> bool {
        path == self.name || path.rsplit_once('#').is_some_and(|(_, name)| name == self.name)
    }

    /// The parameters, as `ty` has them. Options at the end may be left out.
    pub fn params(&self, ty: &ComponentFunc) -> Result<Vec<Val>, String> {
        let types: Vec<(&str, Type)> = ty.params().collect();
        let mut params = match &self.params {
            Params::Words(words) => each(words, &types, |word, ty| {
                wasm_wave::from_str(ty, word).map_err(|error| sentence(word, &error))
            })?,
            Params::InCall(text) => {
                // The parser takes names of one word only, and the parameters are what it is wanted for.
                let source = format!("f{text}");
                let call = UntypedFuncCall::parse(&source);
                let call = call
                    .map_err(|error| format!("`{}` is no WAVE: {}", cut(text), sentence(&source, &error)))?;
                let nodes = match call.params_node().map(|params| params.as_tuple()) {
                    Some(nodes) => nodes.map_err(|error| sentence(&source, &error))?.collect(),
                    None => Vec::new(),
                };
                each(&nodes, &types, |node, ty| {
                    node.to_wasm_value(ty, &source).map_err(|error| sentence(&source, &error))
                })?
            }
        };
        while let Some((_, Type::Option(_))) = types.get(params.len()) {
            params.push(Val::Option(None));
        }
        Ok(params)
    }
}

/// Each of `written` as a value of its type, where there are as many as there have to be.
fn each<W>(
    written: &[W],
    types: &[(&str, Type)],
    value: impl Fn(&W, &Type) -> Result<Val, String>,
) -> Result<Vec<Val>, String> {
    let optional = types.iter().rev().take_while(|(_, ty)| matches!(ty, Type::Option(_))).count();
    let (least, most) = (types.len() - optional, types.len());
    if !(least..=most).contains(&written.len()) {
        let count = if least == most { most.to_string() } else { format!("{least} to {most}") };
        let plural = if most == 1 { "" } else { "s" };
        return Err(format!("it takes {count} parameter{plural}, not {}", written.len()));
    }
    let values = written.iter().zip(types).map(|(written, (name, ty))| {
        value(written, ty).map_err(|reason| format!("its parameter `{name}`: {reason}"))
    });
    values.collect()
}

/// wasmtime writes `ns:package/interface.function@version`; exports are named `ns:package/interface@version#function`.
fn path(name: &str) -> String {
    if name.contains('#') {
        return name.into();
    }
    let (rest, version) = match name.split_once('@') {
        Some((rest, version)) => (rest, format!("@{version}")),
        None => (name, String::new()),
    };
    // `[method]file.read` has a dot of its own.
    let split = match rest.find('[') {
        Some(at) => rest[..at].strip_suffix('.').map(|interface| (interface, &rest[at..])),
        None => rest.rsplit_once('.'),
    };
    match split {
        Some((interface, function)) => format!("{interface}{version}#{function}"),
        None => name.into(),
    }
}

/// What is wrong in `source`, and where: by what stands there, as nobody counts, and some of it may be ours.
fn sentence(source: &str, error: &ParserError) -> String {
    let what = match error.kind() {
        ParserErrorKind::InvalidType => "a value of another type".into(),
        ParserErrorKind::InvalidValue => "no value of this type".into(),
        ParserErrorKind::TrailingCharacters => "more than there should be".into(),
        ParserErrorKind::UnexpectedEnd => return "it ends too early".into(),
        ParserErrorKind::UnexpectedToken => "something else should stand here".into(),
        ParserErrorKind::WasmValueError => String::new(),
        kind => kind.to_string(),
    };
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let cause = cause.or_else(|| {
        error.detail().filter(|_| error.kind() != ParserErrorKind::UnexpectedToken).map(Into::into)
    });
    let words: Vec<String> =
        [Some(what), cause].into_iter().flatten().filter(|words| !words.is_empty()).collect();
    let at = error.span().start.min(source.len());
    let place = match source.get(at..).unwrap_or("") {
        "" => String::new(),
        rest => format!(", at `{}`", cut(rest)),
    };
    format!("{}{place}", words.join(": "))
}

/// What a message shows of a text.
fn cut(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    match text.char_indices().nth(CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.into(),
    }
}

/// A value as text; or what it is, where it has none.
pub fn show(value: &Val) -> Result<String, String> {
    wasm_wave::to_string(value).map_err(|_| match value {
        Val::Resource(_) => "a resource".into(),
        Val::Stream(_) => "a stream".into(),
        Val::Future(_) => "a future".into(),
        Val::ErrorContext(message) => format!("an error context ({message})"),
        _ => "a value with a handle in it".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn both_spellings_of_an_interfaces_function_are_read() {
        for (written, meant) in [
            ("f", "f"),
            ("a:b/c#f", "a:b/c#f"),
            ("a:b/c@1.2.3#f", "a:b/c@1.2.3#f"),
            ("a:b/c.f", "a:b/c#f"),
            ("a:b/c.f@1.2.3", "a:b/c@1.2.3#f"),
            ("plain.f", "plain#f"),
            ("[static]r.two", "[static]r.two"),
            ("a:b/c#[static]r.two", "a:b/c#[static]r.two"),
            ("a:b/c.[method]r.f@1.2.3", "a:b/c@1.2.3#[method]r.f"),
        ] {
            assert_eq!(path(written), meant);
        }
    }
}
