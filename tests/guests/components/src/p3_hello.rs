//! The twin of `hello`: one line for each argument.

wit_bindgen::generate!({
    path: [
        "../../../wit/wasi-0.3/clocks", "../../../wit/wasi-0.3/random", "../../../wit/wasi-0.3/filesystem",
        "../../../wit/wasi-0.3/sockets", "../../../wit/wasi-0.3/cli",
    ],
    world: "wasi:cli/command@0.3.0",
    generate_all,
});

use exports::wasi::cli::run::Guest;
use wasi::cli::{environment::get_arguments, stdout};

struct Hello;
export!(Hello);

impl Guest for Hello {
    async fn run() -> Result<(), ()> {
        let args = get_arguments();
        let lines = match args.get(1..) {
            None | Some([]) => "hello, world\n".to_owned(),
            Some(names) => names.iter().map(|name| format!("hello, {name}\n")).collect(),
        };
        let (mut writer, reader) = wit_stream::new();
        let written = stdout::write_via_stream(reader);
        writer.write_all(lines.into_bytes()).await;
        drop(writer);
        written.await.map_err(drop)
    }
}
