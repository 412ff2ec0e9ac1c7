//! The call tracer: each host call on a line, decoded by its signature.

use crate::engine::{ComponentCall, Fault, HostCall, Interposer, Kind, Writes};
use alloc::{format, string::String};
use core::fmt::{self, Write};

/// How much of a text a line shows, in bytes.
const TEXT_SHOWN_BYTES: usize = 64;

/// An interposer that gives one line per host call to `sink`: fuel spent, name, arguments, result.
///
/// Lines are safe for a terminal: text from the guest is escaped.
pub struct Tracer<F> {
    sink: F,
}

impl<F: FnMut(&str) + Send> Tracer<F> {
    /// A tracer that hands each line, without its end, to `sink`.
    pub fn new(sink: F) -> Self {
        Self { sink }
    }
}

impl<F: FnMut(&str) + Send> Interposer for Tracer<F> {
    fn enter(&mut self, at_fuel: u64, name: &str) {
        (self.sink)(&format!("{at_fuel:>12} → {}", name.escape_debug()));
    }

    fn leave(&mut self, at_fuel: u64, name: &str, ended: Result<(), Fault>) {
        let name = name.escape_debug();
        (self.sink)(&match ended {
            Ok(()) => format!("{at_fuel:>12} ← {name}"),
            Err(fault) => format!("{at_fuel:>12} ← {name}: {fault}"),
        });
    }

    fn host_wait(&mut self, at_fuel: u64, call: &HostCall<'_>) {
        (self.sink)(&format!("{at_fuel:>12}   {} waits", call.signature.name));
    }

    fn host_return(
        &mut self,
        at_fuel: u64,
        call: &HostCall<'_>,
        result: Result<Option<u64>, Fault>,
        _: &Writes<'_>,
    ) {
        let mut line = format!("{at_fuel:>12}   {}", call.signature.name);
        write_arguments(&mut line, call);
        match (result, call.signature.result) {
            (Err(fault), _) => show(&mut line, format_args!(" ! {fault}")),
            (Ok(Some(value)), Some(kind)) => {
                line.push_str(" = ");
                write_value(&mut line, kind, &[value], call.memory);
            }
            (Ok(_), _) => {}
        }
        if let Some(note) = call.note {
            show(&mut line, format_args!(" ({note})"));
        }
        (self.sink)(&line);
    }

    fn component_wait(&mut self, at_fuel: u64, call: &ComponentCall<'_>) {
        (self.sink)(&format!("{at_fuel:>12}   {} waits", call.name));
    }

    fn component_return(&mut self, at_fuel: u64, call: &ComponentCall<'_>, result: Result<&str, Fault>) {
        let mut line = format!("{at_fuel:>12}   {}({})", call.name, call.arguments);
        match result {
            Ok("") => {}
            Ok(result) => show(&mut line, format_args!(" = {result}")),
            Err(fault) => show(&mut line, format_args!(" ! {fault}")),
        }
        (self.sink)(&line);
    }
}

fn write_arguments(line: &mut String, call: &HostCall<'_>) {
    line.push('(');
    let mut rest = call.arguments;
    for (index, param) in call.signature.params.iter().enumerate() {
        let Some((values, after)) = rest.split_at_checked(param.kind.width()) else { break };
        rest = after;
        if index > 0 {
            line.push_str(", ");
        }
        line.push_str(param.name);
        line.push('=');
        write_value(line, param.kind, values, call.memory);
    }
    line.push(')');
}

fn write_value(line: &mut String, kind: Kind, values: &[u64], memory: &[u8]) {
    let value = values.first().copied().unwrap_or(0);
    match kind {
        Kind::Number => show(line, format_args!("{value}")),
        Kind::Signed => show(line, format_args!("{}", value.cast_signed())),
        Kind::Pointer => show(line, format_args!("{value:#x}")),
        Kind::Text => write_text(line, values, memory),
        Kind::Enum(names) => match usize::try_from(value).ok().and_then(|index| names.get(index)) {
            Some(name) => line.push_str(name),
            None => show(line, format_args!("{value}?")),
        },
        Kind::Flags(names) => write_flags(line, names, value),
    }
}

/// Writing to a `String` cannot fail.
fn show(line: &mut String, what: fmt::Arguments<'_>) {
    let _ = line.write_fmt(what);
}

fn write_text(line: &mut String, values: &[u64], memory: &[u8]) {
    let range = || {
        let start = usize::try_from(*values.first()?).ok()?;
        let length = usize::try_from(*values.get(1)?).ok()?;
        memory.get(start..start.checked_add(length)?)
    };
    let Some(bytes) = range() else { return line.push_str("<out of bounds>") };
    let shown = &bytes[..bytes.len().min(TEXT_SHOWN_BYTES)];
    show(line, format_args!("\"{}\"", String::from_utf8_lossy(shown).escape_debug()));
    if bytes.len() > shown.len() {
        line.push('…');
    }
}

fn write_flags(line: &mut String, names: &[&str], value: u64) {
    let mut rest = value;
    let mut first = true;
    for (bit, name) in names.iter().enumerate() {
        let mask = 1u64.checked_shl(u32::try_from(bit).unwrap_or(u32::MAX)).unwrap_or(0);
        if rest & mask != 0 {
            rest &= !mask;
            if !core::mem::take(&mut first) {
                line.push('|');
            }
            line.push_str(name);
        }
    }
    if rest != 0 {
        show(line, format_args!("{}{rest:#x}", if first { "" } else { "|" }));
    } else if first {
        line.push('0');
    }
}
