//! Services, run in the program `wasmote`.

use crate::{
    case::{Case, Operation},
    command::PATIENCE,
    request::read_message,
    servers::Servers,
};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The program that serves, if there is one.
pub fn program() -> Option<PathBuf> {
    let named = std::env::var_os("WASMOTE_PROGRAM").map(PathBuf::from);
    named.or_else(|| option_env!("CARGO_BIN_EXE_wasmote").map(PathBuf::from)).filter(|path| path.exists())
}

/// Serves a component, does with it what its description says, and tells what is wrong.
pub fn run(case: &Case, program: &PathBuf) -> Result<(), String> {
    let servers = Servers::start(&case.servers);
    let mut command = Command::new(program);
    command.args(["serve", "--addr", "127.0.0.1:0", "-S", "inherit-network"]);
    // The runner's own servers, and a name that nobody has.
    command.args(["--allow-http", "127.0.0.1:*", "--allow-http", "nonexistent.invalid:*"]);
    for (name, value) in case.env.iter().chain(servers.env()) {
        command.args(["--env", &format!("{name}={value}")]);
    }
    command.arg(&case.module).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let ended = operate_all(case, &mut child);
    // Whatever went wrong, nothing is left running.
    drop(child.kill());
    drop(child.wait());
    ended
}

fn operate_all(case: &Case, child: &mut Child) -> Result<(), String> {
    let stderr = BufReader::new(child.stderr.take().ok_or("no standard error")?);
    let (address, said) = address(stderr)?;
    for operation in &case.operations {
        let ended = match operation {
            Operation::Request(request) => ask(&address, request),
            Operation::Kill => kill(child),
            Operation::Wait { exit_code, .. } => wait(child, *exit_code),
            _ => Err("a service is no command".into()),
        };
        if let Err(reason) = ended {
            drop(child.kill());
            return Err(format!("{reason}\nstderr: {}", said.join().unwrap_or_default()));
        }
    }
    Ok(())
}

/// Where it serves, as it says, and who collects what else it says.
fn address(
    mut stderr: BufReader<impl Read + Send + 'static>,
) -> Result<(String, thread::JoinHandle<String>), String> {
    let mut said = String::new();
    loop {
        let mut line = String::new();
        if stderr.read_line(&mut line).map_err(|error| error.to_string())? == 0 {
            return Err(format!("it does not say where it serves: {said}"));
        }
        if let Some((_, rest)) = line.split_once("http://") {
            let address = rest.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default();
            let collecting = thread::spawn(move || {
                let mut rest = String::new();
                drop(stderr.read_to_string(&mut rest));
                rest
            });
            return Ok((address.to_string(), collecting));
        }
        said += &line;
    }
}

fn ask(address: &str, request: &Value) -> Result<(), String> {
    let text = |key: &str| request[key].as_str().unwrap_or_default();
    let (method, path, body) = (text("method"), text("path"), text("body"));
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in request["headers"].as_object().into_iter().flatten() {
        head += &format!("{name}: {}\r\n", value.as_str().unwrap_or_default());
    }
    if !body.is_empty() {
        head += &format!("content-length: {}\r\n", body.len());
    }
    let failed = |error: std::io::Error| format!("{method} {path}: {error}");
    let mut connection = TcpStream::connect(address).map_err(failed)?;
    connection.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    connection.write_all(format!("{head}\r\n{body}").as_bytes()).map_err(failed)?;
    let answer = read_message(&mut BufReader::new(connection), false);
    let answer = answer.ok_or_else(|| format!("{method} {path}: no answer"))?;
    let (expected, found) = (&request["response"], answer.start.split(' ').nth(1).unwrap_or_default());
    let status = expected["status"].to_string();
    if status != found {
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        return Err(format!("{method} {path}: status {found} instead of {status}: {body}"));
    }
    for (name, value) in expected["headers"].as_object().into_iter().flatten() {
        let found = answer.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        if found != value.as_str() {
            return Err(format!("{method} {path}: {name} is {found:?} instead of {value}"));
        }
    }
    match expected["body"].as_str() {
        Some(body) if body.as_bytes() != answer.body => {
            Err(format!("{method} {path}: {:?} instead of {body:?}", String::from_utf8_lossy(&answer.body)))
        }
        _ => Ok(()),
    }
}

/// Interrupts it, as ^C would.
fn kill(child: &Child) -> Result<(), String> {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).map_err(|error| error.to_string())
}

fn wait(child: &mut Child, exit_code: u32) -> Result<(), String> {
    let began = Instant::now();
    loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) if status.code() == i32::try_from(exit_code).ok() => return Ok(()),
            Some(status) => return Err(format!("{status} instead of {exit_code}")),
            None if began.elapsed() > PATIENCE => return Err("it does not end".into()),
            None => thread::sleep(Duration::from_millis(5)),
        }
    }
}
