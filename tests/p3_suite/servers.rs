//! HTTP servers that programs of the suite are clients of.

use crate::request::{Message, read_message};
use serde_json::Value;
use std::{
    io::{BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

/// Servers that run as long as the test process does, and what the program is told of them.
pub struct Servers(Vec<(String, String)>);

impl Servers {
    /// Starts each that a description lists.
    pub fn start(specs: &[Value]) -> Self {
        Self(specs.iter().map(start).collect())
    }

    /// Where they are, as the program's environment.
    pub fn env(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter()
    }
}

fn start(spec: &Value) -> (String, String) {
    let name = spec["name"].as_str().unwrap_or_default().to_uppercase().replace('-', "_");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    // One that is closed is a port where nobody listens.
    if spec["kind"] != "closed" {
        let endpoints = Arc::new(spec["endpoints"].as_array().cloned().unwrap_or_default());
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let endpoints = endpoints.clone();
                thread::spawn(move || serve(connection, &endpoints));
            }
        });
    }
    (format!("HTTP_SERVER_{name}"), address)
}

fn serve(mut connection: TcpStream, endpoints: &[Value]) -> Option<()> {
    let mut reader = BufReader::new(connection.try_clone().ok()?);
    while let Some(message) = read_message(&mut reader, true) {
        let mut words = message.start.split(' ');
        let (method, path) = (words.next()?, words.next()?);
        let endpoint = endpoints.iter().find(|known| known["method"] == method && known["path"] == path);
        let answer = answer(endpoint, &message, method, path);
        connection.write_all(&answer).ok()?;
    }
    Some(())
}

fn answer(endpoint: Option<&Value>, message: &Message, method: &str, path: &str) -> Vec<u8> {
    let Some(endpoint) = endpoint else { return plain(404, &[], b"", method) };
    match endpoint["mode"].as_str() {
        Some("echo-body") => plain(200, &[], &message.body, method),
        Some("echo-headers") => {
            let mut fields =
                vec![("x-request-method".into(), method.into()), ("x-request-path".into(), path.into())];
            let echo =
                |prefix: &str, (name, value): &(String, String)| (format!("{prefix}{name}"), value.clone());
            fields.extend(message.fields.iter().map(|field| echo("x-echo-", field)));
            fields.extend(message.trailers.iter().map(|field| echo("x-trailer-", field)));
            plain(200, &fields, b"", method)
        }
        _ => scripted(&endpoint["response"], method),
    }
}

fn scripted(response: &Value, method: &str) -> Vec<u8> {
    let pairs = |value: &Value| -> Vec<(String, String)> {
        let pair =
            |(name, value): (&String, &Value)| (name.clone(), value.as_str().unwrap_or_default().into());
        value.as_object().map(|fields| fields.iter().map(pair).collect()).unwrap_or_default()
    };
    let (status, fields) = (response["status"].as_u64().unwrap_or(200), pairs(&response["headers"]));
    let Some(chunks) = response["chunks"].as_array() else {
        return plain(status, &fields, response["body"].as_str().unwrap_or_default().as_bytes(), method);
    };
    let trailers = pairs(&response["trailers"]);
    let mut out = head(status, &fields);
    out.extend(b"transfer-encoding: chunked\r\n");
    if !trailers.is_empty() {
        let names: Vec<_> = trailers.iter().map(|(name, _)| name.as_str()).collect();
        out.extend(format!("trailer: {}\r\n", names.join(", ")).bytes());
    }
    out.extend(b"\r\n");
    for chunk in chunks.iter().filter_map(Value::as_str) {
        out.extend(format!("{:x}\r\n{chunk}\r\n", chunk.len()).bytes());
    }
    out.extend(b"0\r\n");
    for (name, value) in trailers {
        out.extend(format!("{name}: {value}\r\n").bytes());
    }
    out.extend(b"\r\n");
    out
}

fn plain(status: u64, fields: &[(String, String)], body: &[u8], method: &str) -> Vec<u8> {
    let mut out = head(status, fields);
    out.extend(format!("content-length: {}\r\n\r\n", body.len()).bytes());
    if method != "HEAD" {
        out.extend(body);
    }
    out
}

fn head(status: u64, fields: &[(String, String)]) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {status} As scripted\r\n");
    for (name, value) in fields {
        out += &format!("{name}: {value}\r\n");
    }
    out.into_bytes()
}
