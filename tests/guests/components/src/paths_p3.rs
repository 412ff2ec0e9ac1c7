//! Attacks on paths and descriptors over WASI 0.3.

wit_bindgen::generate!({
    path: [
        "../../../wit/wasi-0.3/clocks", "../../../wit/wasi-0.3/random", "../../../wit/wasi-0.3/filesystem",
        "../../../wit/wasi-0.3/sockets", "../../../wit/wasi-0.3/cli",
    ],
    world: "wasi:cli/command@0.3.0",
    generate_all,
});

use exports::wasi::cli::run::Guest;
use wasi::{
    cli::{environment::get_arguments, stdout},
    clocks::system_clock::Instant,
    filesystem::{
        preopens::get_directories,
        types::{
            Descriptor, DescriptorFlags, DescriptorType, DirectoryEntry, ErrorCode, NewTimestamp, OpenFlags,
            PathFlags,
        },
    },
};
use wit_bindgen::{FutureReader, StreamReader};

macro_rules! call {
    ($operation:expr) => {
        $operation.await
    };
}

macro_rules! text {
    ($text:expr) => {
        str::to_owned($text)
    };
}

include!("paths.rs");

/// Its name in WIT.
fn name(code: ErrorCode) -> String {
    let shown = format!("{code:?}");
    let mut name = String::new();
    for letter in shown.trim_start_matches("ErrorCode::").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

fn time(seconds: &str, nanoseconds: &str) -> NewTimestamp {
    let (seconds, nanoseconds) = (seconds.parse().unwrap(), nanoseconds.parse().unwrap());
    NewTimestamp::Timestamp(Instant { seconds, nanoseconds })
}

async fn read(file: &Descriptor, offset: u64) -> Result<Vec<u8>, ErrorCode> {
    let (contents, ended) = file.read_via_stream(offset);
    let bytes = contents.collect().await;
    ended.await.map(|()| bytes)
}

async fn write(file: &Descriptor, offset: u64) -> Result<(), ErrorCode> {
    let (mut writer, reader) = wit_stream::new();
    let written = file.write_via_stream(reader, offset);
    writer.write_all(b"!".to_vec()).await;
    drop(writer);
    written.await
}

struct Listing {
    entries: StreamReader<DirectoryEntry>,
    /// None once it was asked.
    ended: Option<FutureReader<Result<(), ErrorCode>>>,
}

impl Listing {
    fn new(directory: &Descriptor) -> Result<Self, ErrorCode> {
        let (entries, ended) = directory.read_directory();
        Ok(Self { entries, ended: Some(ended) })
    }

    async fn next(&mut self) -> Result<Option<String>, ErrorCode> {
        if let Some(entry) = self.entries.next().await {
            return Ok(Some(entry.name));
        }
        match self.ended.take() {
            Some(ended) => ended.await.map(|()| None),
            None => Ok(None),
        }
    }
}

struct Paths;
export!(Paths);

impl Guest for Paths {
    async fn run() -> Result<(), ()> {
        let said = try_all(&get_arguments()[1..]).await;
        let (mut writer, reader) = wit_stream::new();
        let written = stdout::write_via_stream(reader);
        writer.write_all(said.into_bytes()).await;
        drop(writer);
        written.await.map_err(drop)
    }
}
