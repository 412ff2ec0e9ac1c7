//! A program of the suite, and what is done with it: its description, read.

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// One program, what it is given, and what is to be seen of it.
pub struct Case {
    pub module: PathBuf,
    pub name: String,
    pub root: Option<PathBuf>,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    pub world: String,
    pub servers: Vec<Value>,
    /// After it has been started.
    pub operations: Vec<Operation>,
}

/// Something that is done with a running program.
pub enum Operation {
    /// It ends, with this status and, where that is said, this output.
    Wait { exit_code: u32, stdout: Option<String> },
    /// It says this.
    Read { stream: String, payload: String },
    /// It is told this.
    Write { payload: String },
    /// It says where it listens, and is connected to.
    Connect { id: String },
    /// It is sent this.
    Send { id: String, payload: String },
    /// It sends this.
    Receive { id: String, payload: String },
    /// It is asked this, and answers that.
    Request(Value),
    /// It is told to end.
    Kill,
}

impl Case {
    /// Reads the description beside `module`, where there is one.
    pub fn new(module: PathBuf) -> Self {
        let json = fs::read(module.with_extension("json")).unwrap_or_else(|_| b"{}".to_vec());
        let json: Value = serde_json::from_slice(&json).expect("a description that is JSON");
        let name = module.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let world = json["world"].as_str().unwrap_or("wasi:cli/command").to_string();
        let servers = json["servers"].as_array().cloned().unwrap_or_default();
        let listed = json["operations"].as_array().cloned();
        let run = match &listed {
            Some(list) => list.first().cloned().unwrap_or_default(),
            None => json.clone(),
        };
        let operations = match listed {
            Some(list) => list.iter().skip(1).map(operation).collect(),
            None => {
                let stdout = json["stdout"].as_str().map(String::from);
                vec![Operation::Wait { exit_code: status(&json), stdout }]
            }
        };
        let args = run["args"].as_array().cloned().unwrap_or_default();
        let args = args.iter().filter_map(Value::as_str).map(String::from).collect();
        let pair = |(key, value): (&String, &Value)| (key.clone(), value.as_str().unwrap_or_default().into());
        let env = run["env"].as_object().map(|env| env.iter().map(pair).collect()).unwrap_or_default();
        let root = run["root"].as_str().map(|root| module.with_file_name(root));
        Self { module, name, root, args, env, world, servers, operations }
    }

    pub fn is_service(&self) -> bool {
        self.world == "wasi:http/service"
    }
}

fn status(json: &Value) -> u32 {
    json["exit_code"].as_u64().unwrap_or(0).try_into().unwrap_or(u32::MAX)
}

fn operation(json: &Value) -> Operation {
    let text = |key: &str| json[key].as_str().unwrap_or_default().to_string();
    match json["type"].as_str().unwrap_or_default() {
        "wait" => Operation::Wait { exit_code: status(json), stdout: None },
        "read" => Operation::Read { stream: text("id"), payload: text("payload") },
        "write" => Operation::Write { payload: text("payload") },
        "connect" => Operation::Connect { id: text("id") },
        "send" => Operation::Send { id: text("id"), payload: text("payload") },
        "recv" => Operation::Receive { id: text("id"), payload: text("payload") },
        "request" => Operation::Request(json.clone()),
        "kill" => Operation::Kill,
        other => panic!("an operation that is not known: {other}"),
    }
}

/// Copies a fixture, so that no program sees what another left.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a fixture that can be read") {
        let entry = entry.expect("an entry that can be read");
        let (kind, target) = (entry.file_type().expect("a type"), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_symlink() {
            let link = fs::read_link(entry.path()).expect("a link");
            std::os::unix::fs::symlink(link, target).expect("a link");
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
