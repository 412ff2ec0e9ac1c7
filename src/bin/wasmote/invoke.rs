//! Which function to call, and with what: `--invoke`, or the entry of a command.

use crate::say;
use anyhow::{Result, bail};
use wasmote::{
    Program,
    component::Val,
    engine::{Value, ValueType},
};

/// The entry of a command (WASI 0.1 application ABI).
pub const ENTRY: &str = "_start";
/// How many names a message lists before it only counts.
const NAMES_SHOWN_MAX: usize = 16;

/// A call that was checked against the program.
pub enum Call {
    /// The program's entry, which messages call by this name; its arguments are its own.
    Entry { name: &'static str },
    /// One function.
    Function { name: String, params: Vec<Value> },
    /// One function of a component.
    Component { name: String, params: Vec<Val> },
}

impl Call {
    /// What the guest is told to do: `invoke` with the words of `args`, or to run.
    pub fn new(program: &Program, file: &str, invoke: Option<&str>, args: &[String]) -> Result<Self> {
        let Some(name) = invoke else {
            match program.function_params(ENTRY) {
                None => bail!("{}", no_entry(program, file)),
                Some(types) if !types.is_empty() => bail!(
                    "{file} is no command, as its `{ENTRY}` takes {}: call it with --invoke {ENTRY}",
                    parameters(&types)
                ),
                Some(_) => return Ok(Self::Entry { name: ENTRY }),
            }
        };
        let Some(types) = program.function_params(name) else {
            bail!("{}", no_function(program, file, name));
        };
        if types.len() != args.len() {
            bail!("`{name}` takes {}, and {} given", parameters(&types), were(args.len()));
        }
        let params = types.iter().zip(args).enumerate();
        let params = params.map(|(index, (ty, text))| {
            value(*ty, text)
                .map_err(|reason| anyhow::anyhow!("parameter {} of `{name}`: {reason}", index + 1))
        });
        Ok(Self::Function { name: name.into(), params: params.collect::<Result<_>>()? })
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Entry { name } => name,
            Self::Function { name, .. } | Self::Component { name, .. } => name,
        }
    }
}

/// What to do where nothing is exported as `name`. Components' functions are called with their parameters in parentheses.
fn no_function(program: &Program, file: &str, name: &str) -> String {
    let call = name.split_once('(').map(|(name, params)| (name.trim(), params.trim_end_matches([')', ' '])));
    match call.filter(|(name, _)| program.function_params(name).is_some()) {
        Some((name, params)) => {
            let words: Vec<_> = params.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
            let words = if words.is_empty() { String::new() } else { format!(" {}", words.join(" ")) };
            format!(
                "{file} is a core module, whose functions take their parameters behind the file: write `--invoke {name} \
                 {file}{words}`"
            )
        }
        None => format!("{file} exports no function `{name}`{}", listing(program)),
    }
}

fn no_entry(program: &Program, file: &str) -> String {
    match listing(program) {
        none if none.is_empty() => format!("{file} exports no function at all, so there is nothing to run"),
        some => format!(
            "{file} is no command, as it exports no `{ENTRY}`: call a function with --invoke NAME{some}"
        ),
    }
}

/// The functions of `program` for the end of a message; empty where there are none.
fn listing(program: &Program) -> String {
    let functions =
        program.exports().map(|(name, _)| name).filter(|name| program.function_params(name).is_some());
    let names: Vec<_> = functions.collect();
    if names.is_empty() {
        return String::new();
    }
    let shown: Vec<_> =
        names.iter().take(NAMES_SHOWN_MAX).map(|name| format!("`{}`", say::short(name))).collect();
    let more = match names.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(" (there is {}{more})", shown.join(", "))
}

fn parameters(types: &[ValueType]) -> String {
    let names: Vec<_> = types.iter().map(ToString::to_string).collect();
    match names.as_slice() {
        [] => "no parameters".into(),
        [one] => format!("1 parameter ({one})"),
        many => format!("{} parameters ({})", many.len(), many.join(", ")),
    }
}

fn were(count: usize) -> String {
    match count {
        0 => "none was".into(),
        1 => "1 was".into(),
        _ => format!("{count} were"),
    }
}

/// Reads `text` as a value of `ty`. Integers are decimal or hexadecimal, signed or unsigned.
fn value(ty: ValueType, text: &str) -> Result<Value, String> {
    let wrong = || format!("`{text}` is no {ty}");
    Ok(match ty {
        ValueType::I32 => {
            let number = integer(text).ok_or_else(wrong)?;
            // Which of the two is meant, the function knows.
            let signed = i32::try_from(number).or_else(|_| u32::try_from(number).map(u32::cast_signed));
            Value::I32(signed.map_err(|_| wrong())?)
        }
        ValueType::I64 => {
            let number = integer(text).ok_or_else(wrong)?;
            let signed = i64::try_from(number).or_else(|_| u64::try_from(number).map(u64::cast_signed));
            Value::I64(signed.map_err(|_| wrong())?)
        }
        ValueType::F32 => Value::F32(text.parse().map_err(|_| wrong())?),
        ValueType::F64 => Value::F64(text.parse().map_err(|_| wrong())?),
        ValueType::V128 => Value::V128(unsigned(text).ok_or_else(wrong)?),
        ValueType::Reference => return Err("a reference cannot be written on a command line".into()),
        other => return Err(format!("a value of type {other} cannot be written on a command line")),
    })
}

fn integer(text: &str) -> Option<i128> {
    match text.strip_prefix('-') {
        Some(digits) => i128::try_from(unsigned(digits)?).ok()?.checked_neg(),
        None => i128::try_from(unsigned(text)?).ok(),
    }
}

fn unsigned(text: &str) -> Option<u128> {
    let (digits, radix) = text.strip_prefix("0x").map_or((text, 10), |digits| (digits, 16));
    // The standard library would also take a sign here.
    if digits.starts_with(['+', '-']) { None } else { u128::from_str_radix(digits, radix).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_by_their_type() {
        assert_eq!(value(ValueType::I32, "-1"), Ok(Value::I32(-1)));
        assert_eq!(value(ValueType::I32, "4294967295"), Ok(Value::I32(-1)));
        assert_eq!(value(ValueType::I32, "0xffffffff"), Ok(Value::I32(-1)));
        assert_eq!(value(ValueType::I64, "-9223372036854775808"), Ok(Value::I64(i64::MIN)));
        assert_eq!(value(ValueType::F64, "-1.5e3"), Ok(Value::F64(-1500.0)));
        assert_eq!(value(ValueType::V128, "0xff"), Ok(Value::V128(255)));
        for (ty, text) in [
            (ValueType::I32, "4294967296"),
            (ValueType::I32, "-2147483649"),
            (ValueType::I32, "1.0"),
            (ValueType::I32, ""),
            (ValueType::I32, "--1"),
            (ValueType::I32, "+-1"),
            (ValueType::I32, "0x"),
            (ValueType::I64, "18446744073709551616"),
            (ValueType::F32, "one"),
            (ValueType::Reference, "0"),
        ] {
            assert!(value(ty, text).is_err(), "{ty} {text}");
        }
    }
}
