//! Calls and values as WAVE, the text form of component values: `f("a", [1, 2])`.

use anyhow::{Result, bail};
use wasm_wave::untyped::UntypedFuncCall;
use wasmote::component::{Type, Val, types::ComponentFunc};

/// A call as it was written.
pub struct Call {
    /// The function, as `name` or as `interface#name`.
    pub name: String,
    /// The parameters as text, in parentheses.
    params: String,
}

impl Call {
    /// Reads `text`: a function and its parameters, or the function alone where `args` are the parameters.
    pub fn parse(text: &str, args: &[String]) -> Result<Self> {
        let (name, params) = match text.find('(') {
            None => (text, format!("({})", args.join(", "))),
            Some(at) if args.is_empty() => (&text[..at], text[at..].to_string()),
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
        let types: Vec<Type> = ty.params().map(|(_, ty)| ty).collect();
        // The parser takes names of one word only, and the parameters are what it is wanted for.
        let source = format!("f{}", self.params);
        let call = UntypedFuncCall::parse(&source).map_err(|error| sentence(&source, &error))?;
        let mut params = match call.params_node() {
            Some(_) => call.to_wasm_params::<Val>(&types).map_err(|error| sentence(&source, &error))?,
            None => Vec::new(),
        };
        while let Some(Type::Option(_)) = types.get(params.len()) {
            params.push(Val::Option(None));
        }
        match params.len() == types.len() {
            true => Ok(params),
            false => Err(format!("it takes {} parameters, not {}", types.len(), params.len())),
        }
    }
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

fn sentence(source: &str, error: &wasm_wave::parser::ParserError) -> String {
    let at = error.span().start.min(source.len());
    let rest = source.get(at..).unwrap_or("");
    let place = if rest.is_empty() { "at its end".into() } else { format!("at `{}`", cut(rest)) };
    format!("{error}, {place}")
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
