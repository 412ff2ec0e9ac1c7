//! Attacks on paths and descriptors over WASI 0.2.

wit_bindgen::generate!({
    path: [
        "../../../wit/wasi-0.2/io", "../../../wit/wasi-0.2/clocks", "../../../wit/wasi-0.2/random",
        "../../../wit/wasi-0.2/filesystem", "../../../wit/wasi-0.2/sockets", "../../../wit/wasi-0.2/cli",
    ],
    world: "wasi:cli/command@0.2.12",
    generate_all,
});

use exports::wasi::cli::run::Guest;
use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};
use wasi::{
    cli::{environment::get_arguments, stdout::get_stdout},
    clocks::wall_clock::Datetime,
    filesystem::{
        preopens::get_directories,
        types::{
            Descriptor, DescriptorFlags, DescriptorType, DirectoryEntryStream, ErrorCode, NewTimestamp,
            OpenFlags, PathFlags,
        },
    },
};

macro_rules! call {
    ($operation:expr) => {
        $operation
    };
}

macro_rules! text {
    ($text:expr) => {
        $text
    };
}

include!("paths.rs");

fn name(code: ErrorCode) -> String {
    code.name().to_owned()
}

fn time(seconds: &str, nanoseconds: &str) -> NewTimestamp {
    let (seconds, nanoseconds) = (seconds.parse().unwrap(), nanoseconds.parse().unwrap());
    NewTimestamp::Timestamp(Datetime { seconds, nanoseconds })
}

async fn read(file: &Descriptor, offset: u64) -> Result<Vec<u8>, ErrorCode> {
    file.read(64, offset).map(|(bytes, _)| bytes)
}

async fn write(file: &Descriptor, offset: u64) -> Result<(), ErrorCode> {
    file.write(b"!", offset).map(drop)
}

struct Listing(DirectoryEntryStream);

impl Listing {
    fn new(directory: &Descriptor) -> Result<Self, ErrorCode> {
        directory.read_directory().map(Self)
    }

    async fn next(&mut self) -> Result<Option<String>, ErrorCode> {
        Ok(self.0.read_directory_entry()?.map(|entry| entry.name))
    }
}

struct Paths;
export!(Paths);

impl Guest for Paths {
    fn run() -> Result<(), ()> {
        // Nothing here waits.
        let attacks = &get_arguments()[1..];
        let Poll::Ready(said) = pin!(try_all(attacks)).poll(&mut Context::from_waker(Waker::noop())) else {
            return Err(());
        };
        let output = get_stdout();
        for piece in said.as_bytes().chunks(4096) {
            output.blocking_write_and_flush(piece).map_err(drop)?;
        }
        Ok(())
    }
}
