//! A report for a person.

use super::report::{Kind, Memory, Report, Way};
use crate::{say::short, units::show_bytes};
use std::fmt::Write as _;

/// How many items of one kind are listed before they are only counted.
const ITEMS_SHOWN_MAX: usize = 40;
/// How deep what nests is indented.
const INDENT_MAX: usize = 8;

/// The report as text, without a last line end.
pub fn show(report: &Report) -> String {
    let mut out = Lines(String::new());
    out.line("kind", &kind(report));
    out.line("size", &size(report));
    out.line("runs here", &runs(report));
    out.line("needs", &list(report.needs.iter().map(|need| need.capability.as_str())));
    for grant in &report.grants {
        out.line("may want", &format!("{:<24} {}", grant.flag, grant.what));
    }
    for memory in &report.memories {
        out.line("memory", &memory_text(memory));
    }
    if !report.tables.is_empty() {
        let elements: u128 = report.tables.iter().map(|table| u128::from(table.minimum)).sum();
        out.line("tables", &format!("{}, of {elements} elements at least", report.tables.len()));
    }
    out.line("functions", &report.functions.to_string());
    if let Some(start) = &report.start {
        let name = start.name.as_ref().map(|name| format!(" (`{}`)", short(name))).unwrap_or_default();
        out.line("start", &format!("function {}{name} runs before everything else", start.function));
    }
    out.line("proposals", &list(report.proposals.iter().copied()));
    for (field, values) in &report.producers {
        out.line(field, &list(values.iter().map(String::as_str)));
    }
    out.heading("imports", report.imports.len());
    for need in &report.needs {
        for name in need.imports.iter().take(ITEMS_SHOWN_MAX) {
            out.item(&need.capability, &short(name));
        }
        out.more(&need.capability, need.imports.len());
    }
    out.heading("exports", report.exports.len());
    for export in report.exports.iter().take(ITEMS_SHOWN_MAX) {
        out.item(&short(&export.name), &export.ty);
    }
    out.more("", report.exports.len());
    if !report.nested.is_empty() {
        show_nested(report, &mut out);
    }
    if !report.beyond_wit.is_empty() {
        show_beyond(report, &mut out);
    }
    if let Some(reason) = &report.world_unknown {
        out.line("\nworld", &format!("unknown: {reason}"));
    }
    if let Some(world) = &report.world {
        if let Some(flaw) = &report.world_flaw {
            _ = write!(out.0, "\n// This is not WIT to its last word: {}", one_line(flaw));
        }
        // The text is WIT, whose lines the decoder made: names in it hold no line ends.
        _ = write!(out.0, "\n{world}");
    }
    out.0.truncate(out.0.trim_end().len());
    out.0
}

fn show_beyond(report: &Report, out: &mut Lines) {
    out.heading("beyond WIT", report.beyond_wit.len());
    for beyond in report.beyond_wit.iter().take(ITEMS_SHOWN_MAX) {
        let way = match beyond.way {
            Way::Import => "import",
            Way::Export => "export",
        };
        out.item(way, &format!("{}: {}", beyond.name, beyond.ty));
    }
    out.more("", report.beyond_wit.len());
}

fn show_nested(report: &Report, out: &mut Lines) {
    out.heading("nested", report.nested.len());
    for nested in report.nested.iter().take(ITEMS_SHOWN_MAX) {
        let what = match nested.kind {
            Kind::Module => "core module",
            Kind::Component => "component",
        };
        let indent = "  ".repeat(nested.depth.min(INDENT_MAX));
        out.item(&format!("{indent}{what}"), &show_bytes(nested.bytes));
    }
    out.more("", report.nested.len());
}

/// Writing to a `String` cannot fail, so results are ignored.
struct Lines(String);

impl Lines {
    fn line(&mut self, label: &str, text: &str) {
        _ = writeln!(self.0, "{label:<13}{}", one_line(text));
    }

    fn heading(&mut self, what: &str, count: usize) {
        let count = if count == 0 { "none".into() } else { count.to_string() };
        _ = writeln!(self.0, "\n{what}: {count}");
    }

    fn item(&mut self, name: &str, text: &str) {
        _ = writeln!(self.0, "  {:<14} {}", one_line(name), one_line(text));
    }

    fn more(&mut self, name: &str, count: usize) {
        match count.saturating_sub(ITEMS_SHOWN_MAX) {
            0 => {}
            more => _ = writeln!(self.0, "  {name:<14} … and {more} more (--json lists all)"),
        }
    }
}

/// A name may hold line ends, and must not pass for lines of this report.
fn one_line(text: &str) -> String {
    text.replace('\n', "\\n")
}

fn kind(report: &Report) -> String {
    match report.kind {
        Kind::Component => format!("component{}, of {} core modules", role(report), report.core_modules),
        Kind::Module if report.entry.is_some() => "core module, a command (it has `_start`)".into(),
        Kind::Module => "core module, a library (its functions are called with --invoke)".into(),
    }
}

/// What a component is for, by what it exports.
fn role(report: &Report) -> &'static str {
    let exports = |interface| report.exports.iter().any(|export| export.name.starts_with(interface));
    match () {
        () if exports("wasi:cli/run@") => ", a command",
        () if exports("wasi:http/incoming-handler@") || exports("wasi:http/handler@") => ", an HTTP service",
        () => "",
    }
}

fn size(report: &Report) -> String {
    let sections = &report.sections;
    format!(
        "{}: {} of code, {} of data, {} of names and notes",
        show_bytes(report.bytes as u64),
        show_bytes(sections.code_bytes),
        show_bytes(sections.data_bytes),
        show_bytes(sections.custom_bytes),
    )
}

fn runs(report: &Report) -> String {
    match &report.verdict.reason {
        None => "yes".into(),
        Some(reason) => format!("no: {reason}"),
    }
}

fn memory_text(memory: &Memory) -> String {
    let bytes = |bytes: u128| show_bytes(u64::try_from(bytes).unwrap_or(u64::MAX));
    let maximum =
        memory.maximum_bytes.map_or_else(|| "no maximum".into(), |max| format!("at most {}", bytes(max)));
    let shared = if memory.shared { ", shared between threads" } else { "" };
    let imported = if memory.imported { ", imported" } else { "" };
    format!("{} at least, {maximum}{shared}{imported}", bytes(memory.minimum_bytes))
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    let items: Vec<_> = items.collect();
    if items.is_empty() { "nothing".into() } else { items.join(", ") }
}
