//! The twin of `cat`: the stream that comes in goes out, without a byte of it passing through here.

wit_bindgen::generate!({
    path: [
        "../../../wit/wasi-0.3/clocks", "../../../wit/wasi-0.3/random", "../../../wit/wasi-0.3/filesystem",
        "../../../wit/wasi-0.3/sockets", "../../../wit/wasi-0.3/cli",
    ],
    world: "wasi:cli/command@0.3.0",
    generate_all,
});

use exports::wasi::cli::run::Guest;
use wasi::cli::{stdin, stdout};

struct Cat;
export!(Cat);

impl Guest for Cat {
    async fn run() -> Result<(), ()> {
        let (input, read) = stdin::read_via_stream();
        stdout::write_via_stream(input).await.map_err(drop)?;
        read.await.map_err(drop)
    }
}
