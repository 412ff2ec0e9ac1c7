//! What is known about a file. Its shape is that of the JSON.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Everything there is to say.
#[derive(Debug, Serialize)]
pub struct Report {
    pub file: String,
    pub kind: Kind,
    pub bytes: usize,
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The function that a command begins with, if this is one.
    pub entry: Option<&'static str>,
    /// What it imports, by what that is for.
    pub needs: Vec<Need>,
    /// What to say on the command line so that it has what it needs.
    pub grants: Vec<Grant>,
    pub imports: Vec<Import>,
    pub exports: Vec<Export>,
    pub memories: Vec<Memory>,
    pub tables: Vec<Table>,
    /// Functions, imported ones included.
    pub functions: u64,
    pub globals: u64,
    pub start: Option<Start>,
    /// What it uses beyond WebAssembly 1.0.
    pub proposals: BTreeSet<&'static str>,
    pub sections: Sections,
    /// What its producers say of themselves: `language`, `processed-by`, `sdk`.
    pub producers: BTreeMap<String, Vec<String>>,
    /// Core modules within a component.
    pub core_modules: u64,
    /// The modules and components within a component, in the order of the file.
    pub nested: Vec<Nested>,
    /// A component's world, as WIT.
    pub world: Option<String>,
    /// Why that text is no WIT to its last word, if it is not.
    pub world_flaw: Option<String>,
    /// What a component imports and exports that WIT has no words for.
    pub beyond_wit: Vec<Beyond>,
    /// Why the world cannot be told, if it cannot.
    pub world_unknown: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    Import,
    Export,
}

#[derive(Debug, Serialize)]
pub struct Beyond {
    pub way: Way,
    /// Of an item of an instance: `instance#item`.
    pub name: String,
    #[serde(rename = "type")]
    pub ty: String,
}

#[derive(Debug, Serialize)]
pub struct Nested {
    pub kind: Kind,
    pub bytes: u64,
    /// How many components it lies within.
    pub depth: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Module,
    Component,
}

#[derive(Debug, Serialize)]
pub struct Verdict {
    pub runs: bool,
    pub reason: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct Need {
    pub capability: String,
    pub imports: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct Grant {
    pub flag: &'static str,
    pub what: &'static str,
}

#[derive(Debug, Serialize)]
pub struct Import {
    pub module: String,
    pub name: String,
    #[serde(rename = "type")]
    pub ty: String,
}

#[derive(Debug, Serialize)]
pub struct Export {
    pub name: String,
    #[serde(rename = "type")]
    pub ty: String,
}

#[derive(Debug, Serialize)]
pub struct Memory {
    pub minimum_bytes: u128,
    pub maximum_bytes: Option<u128>,
    pub imported: bool,
    pub shared: bool,
}

#[derive(Debug, Serialize)]
pub struct Table {
    pub minimum: u64,
    pub maximum: Option<u64>,
    pub imported: bool,
}

#[derive(Debug, Serialize)]
pub struct Start {
    pub function: u32,
    pub name: Option<String>,
}

/// Bytes of what a file consists of.
#[derive(Debug, Default, Serialize)]
pub struct Sections {
    pub code_bytes: u64,
    pub data_bytes: u64,
    /// Names, debug information, and the like: nothing that runs.
    pub custom_bytes: u64,
}

impl Report {
    pub fn new(file: &str, bytes: usize) -> Self {
        Self {
            file: file.into(),
            kind: Kind::Module,
            bytes,
            verdict: Verdict { runs: false, reason: None },
            entry: None,
            needs: Vec::new(),
            grants: Vec::new(),
            imports: Vec::new(),
            exports: Vec::new(),
            memories: Vec::new(),
            tables: Vec::new(),
            functions: 0,
            globals: 0,
            start: None,
            proposals: BTreeSet::new(),
            sections: Sections::default(),
            producers: BTreeMap::new(),
            core_modules: 0,
            nested: Vec::new(),
            world: None,
            world_flaw: None,
            beyond_wit: Vec::new(),
            world_unknown: None,
        }
    }
}
