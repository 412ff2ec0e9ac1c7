//! A component's world, as WIT, what nests in it, and which proposals of the Component Model it needs.

use super::{
    beyond,
    report::{Kind, Nested, Report},
    uses,
};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use wasmparser::{Encoding, Parser, Payload, Validator, WasmFeatures};
use wit_component::{DecodedWasm, OutputToString, WitPrinter};
use wit_parser::Resolve;

/// More nested modules and components than anyone reads a list of.
const NESTED_MAX: usize = 10_000;

/// Proposals that may be off, by their names in flags; all others have to be on for any component.
const GATES: [(&str, WasmFeatures); 8] = [
    ("async", WasmFeatures::CM_ASYNC),
    ("map", WasmFeatures::CM_MAP),
    ("implements", WasmFeatures::CM_IMPLEMENTS),
    ("stackful", WasmFeatures::CM_ASYNC_STACKFUL),
    ("more-async-builtins", WasmFeatures::CM_MORE_ASYNC_BUILTINS),
    ("threading", WasmFeatures::CM_THREADING),
    ("error-context", WasmFeatures::CM_ERROR_CONTEXT),
    ("fixed-length-lists", WasmFeatures::CM_FIXED_LENGTH_LISTS),
];

/// Fills in what only components have.
pub fn fill(bytes: &[u8], report: &mut Report) {
    if report.kind != Kind::Component {
        return;
    }
    report.nested = nested(bytes);
    report.beyond_wit = beyond::find(bytes);
    let found = world(bytes).or_else(|reason| match beyond::without(bytes) {
        Some(rest) => world(&rest),
        None => Err(reason),
    });
    match found {
        Ok((text, flaw)) => (report.world, report.world_flaw) = (Some(text), flaw),
        Err(reason) => report.world_unknown = Some(reason),
    }
    let used = GATES.into_iter().filter(|(_, gate)| !is_valid_without(bytes, *gate));
    if is_valid_without(bytes, WasmFeatures::empty()) {
        report.proposals.extend(used.map(|(name, _)| name));
    }
}

/// The world as WIT, with the interfaces it uses; and what a reader of WIT has against it.
fn world(bytes: &[u8]) -> Result<(String, Option<String>), String> {
    // The decoder is meant for components that tools made, and a file may be anything: nobody needs to hear where
    // in the decoder it gave up.
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let decoded = catch_unwind(AssertUnwindSafe(|| {
        let decoded = wit_component::decode(bytes).map_err(|error| format!("{error:#}"))?;
        let DecodedWasm::Component(mut resolve, world) = decoded else {
            return Err("it is a package of WIT, and nothing that runs".to_string());
        };
        uses::declare(&mut resolve);
        let Some(main) = resolve.worlds[world].package else {
            return Err("its world is in no package".to_string());
        };
        let others: Vec<_> = resolve.packages.iter().map(|(id, _)| id).filter(|id| *id != main).collect();
        let mut printer = WitPrinter::new(OutputToString::default());
        printer.emit_docs(false);
        printer.print(&resolve, main, &others).map_err(|error| format!("{error:#}"))?;
        let text = printer.output.to_string();
        let read = Resolve::default().push_source("world.wit", &text);
        Ok((text, read.err().map(|error| format!("{error:#}"))))
    }));
    set_hook(hook);
    decoded.unwrap_or_else(|_| Err("its types are beyond what WIT can say".to_string()))
}

/// Each nested module and component with its size, in the order of the file.
fn nested(bytes: &[u8]) -> Vec<Nested> {
    let mut nested = Vec::new();
    let mut depth = 0usize;
    for payload in Parser::new(0).parse_all(bytes) {
        let (kind, range) = match payload {
            Ok(Payload::ModuleSection { unchecked_range, .. }) => (Kind::Module, unchecked_range),
            Ok(Payload::ComponentSection { unchecked_range, .. }) => (Kind::Component, unchecked_range),
            Ok(Payload::Version { .. }) => {
                depth += 1;
                continue;
            }
            Ok(Payload::End(_)) => {
                depth = depth.saturating_sub(1);
                continue;
            }
            Ok(_) => continue,
            Err(_) => break,
        };
        if nested.len() == NESTED_MAX {
            break;
        }
        nested.push(Nested { kind, bytes: range.end.saturating_sub(range.start), depth });
    }
    nested
}

/// Whether the component is valid with all proposals on but `gate`. Function bodies are not looked at.
fn is_valid_without(bytes: &[u8], gate: WasmFeatures) -> bool {
    let mut validator = Validator::new_with_features(WasmFeatures::all() & !gate);
    let mut is_component = false;
    for payload in Parser::new(0).parse_all(bytes) {
        let Ok(payload) = payload else { return false };
        is_component |= matches!(payload, Payload::Version { encoding: Encoding::Component, .. });
        if validator.payload(&payload).is_err() {
            return false;
        }
    }
    is_component
}
