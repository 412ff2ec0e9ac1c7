//! The twin of `exit`: ends with the code in the first argument, 0 without.

wit_bindgen::generate!({
    path: [
        "../../../wit/wasi-0.3/clocks", "../../../wit/wasi-0.3/random", "../../../wit/wasi-0.3/filesystem",
        "../../../wit/wasi-0.3/sockets", "../../../wit/wasi-0.3/cli",
    ],
    world: "wasi:cli/command@0.3.0",
    generate_all,
});

use exports::wasi::cli::run::Guest;
use wasi::cli::{environment::get_arguments, exit::exit_with_code};

struct Exit;
export!(Exit);

impl Guest for Exit {
    async fn run() -> Result<(), ()> {
        let code = get_arguments().get(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        exit_with_code(code);
        Ok(())
    }
}
