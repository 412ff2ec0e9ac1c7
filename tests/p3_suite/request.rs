//! As much of HTTP/1.1 as asking and answering takes.

use std::io::{BufRead, Read};

/// A request or response.
pub struct Message {
    /// Its first line.
    pub start: String,
    /// Names in small letters.
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(String, String)>,
}

/// Reads a message; one that says nothing of its length has no body if it is a request.
pub fn read_message(reader: &mut impl BufRead, is_request: bool) -> Option<Message> {
    let start = line(reader)?;
    let fields = fields(reader)?;
    let field = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let (mut body, mut trailers) = (Vec::new(), Vec::new());
    if field("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
        loop {
            let size = line(reader)?;
            let size = u64::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
            if size == 0 {
                break;
            }
            reader.take(size).read_to_end(&mut body).ok()?;
            line(reader)?;
        }
        trailers = self::fields(reader)?;
    } else if let Some(length) = field("content-length") {
        reader.take(length.parse().ok()?).read_to_end(&mut body).ok()?;
    } else if !is_request {
        reader.read_to_end(&mut body).ok()?;
    }
    Some(Message { start, fields, body, trailers })
}

/// Fields up to an empty line.
fn fields(reader: &mut impl BufRead) -> Option<Vec<(String, String)>> {
    let mut fields = Vec::new();
    loop {
        let line = line(reader)?;
        if line.is_empty() {
            return Some(fields);
        }
        let (name, value) = line.split_once(':')?;
        fields.push((name.trim().to_lowercase(), value.trim().to_string()));
    }
}

fn line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    match reader.read_line(&mut line) {
        Ok(count) if count > 0 => Some(line.trim_end_matches(['\r', '\n']).to_string()),
        _ => None,
    }
}
