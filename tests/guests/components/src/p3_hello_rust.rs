//! The twin of `hello-rust`: arguments and environment printed.

wit_bindgen::generate!({
    path: [
        "../../../wit/wasi-0.3/clocks", "../../../wit/wasi-0.3/random", "../../../wit/wasi-0.3/filesystem",
        "../../../wit/wasi-0.3/sockets", "../../../wit/wasi-0.3/cli",
    ],
    world: "wasi:cli/command@0.3.0",
    generate_all,
});

use exports::wasi::cli::run::Guest;
use std::fmt::Write;
use wasi::cli::{
    environment::{get_arguments, get_environment},
    stdout,
};

struct Hello;
export!(Hello);

impl Guest for Hello {
    async fn run() -> Result<(), ()> {
        let mut text = String::from("hello, world\n");
        for (index, arg) in get_arguments().iter().enumerate() {
            writeln!(text, "arg {index}: {arg}").map_err(drop)?;
        }
        for (name, value) in get_environment() {
            writeln!(text, "env {name}={value}").map_err(drop)?;
        }
        let (mut writer, reader) = wit_stream::new();
        let written = stdout::write_via_stream(reader);
        writer.write_all(text.into_bytes()).await;
        drop(writer);
        written.await.map_err(drop)
    }
}
