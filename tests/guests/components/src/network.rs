//! A command and a handler of WASI 0.3 that use the network as they are told: by arguments, or by the path and query of a
//! request. Each prints, or answers, what came of it.

wit_bindgen::generate!({
    inline: "package wasmote:guests; world network {
        include wasi:cli/command@0.3.0;
        include wasi:http/service@0.3.0;
    }",
    path: [
        "../../../wit/wasi-0.3/clocks", "../../../wit/wasi-0.3/random", "../../../wit/wasi-0.3/filesystem",
        "../../../wit/wasi-0.3/sockets", "../../../wit/wasi-0.3/cli", "../../../wit/wasi-0.3/http",
    ],
    world: "wasmote:guests/network",
    generate_all,
});

use exports::wasi::{cli::run, http::handler};
use std::{
    fmt::Debug,
    net::{IpAddr, SocketAddr},
};
use wasi::{
    cli::{environment::get_arguments, stdout},
    http::types::{ErrorCode, Fields, Request, Response},
    sockets::{
        ip_name_lookup::resolve_addresses,
        types::{
            IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress, TcpSocket, UdpSocket,
        },
    },
};
use wit_bindgen::StreamWriter;

fn said(code: impl Debug) -> String {
    format!("{code:?}")
}

fn family(of: &SocketAddr) -> IpAddressFamily {
    if of.is_ipv4() { IpAddressFamily::Ipv4 } else { IpAddressFamily::Ipv6 }
}

fn theirs(address: SocketAddr) -> IpSocketAddress {
    let port = address.port();
    match address.ip() {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: (a, b, c, d) })
        }
        IpAddr::V6(ip) => {
            let [a, b, c, d, e, f, g, h] = ip.segments();
            let address = (a, b, c, d, e, f, g, h);
            IpSocketAddress::Ipv6(Ipv6SocketAddress { port, flow_info: 0, address, scope_id: 0 })
        }
    }
}

fn port(of: IpSocketAddress) -> u16 {
    match of {
        IpSocketAddress::Ipv4(address) => address.port,
        IpSocketAddress::Ipv6(address) => address.port,
    }
}

/// Sends all of `bytes` and says that there are no more.
async fn send(socket: &TcpSocket, bytes: Vec<u8>) -> Result<(), String> {
    let (mut writer, reader) = wit_stream::new();
    let sent = socket.send(reader);
    writer.write_all(bytes).await;
    drop(writer);
    sent.await.map_err(said)
}

async fn receive(socket: &TcpSocket) -> Result<Vec<u8>, String> {
    let (contents, ended) = socket.receive();
    let bytes = contents.collect().await;
    ended.await.map(|()| bytes).map_err(said)
}

/// Does `what` with `at`, and writes to `out` what there is to say.
async fn act(what: &str, at: &str, out: &mut StreamWriter<u8>) -> Result<(), String> {
    let address = || at.parse::<SocketAddr>().map_err(said);
    let text = match what {
        // Says something to whoever listens there, and what that answers.
        "connect" => {
            let address = address()?;
            let socket = TcpSocket::create(family(&address)).map_err(said)?;
            socket.connect(theirs(address)).await.map_err(said)?;
            send(&socket, b"ping".to_vec()).await?;
            receive(&socket).await?
        }
        // Says its port, and answers one client what that says.
        "listen" => {
            let address = address()?;
            let socket = TcpSocket::create(family(&address)).map_err(said)?;
            socket.bind(theirs(address)).map_err(said)?;
            let mut clients = socket.listen().map_err(said)?;
            let port = port(socket.get_local_address().map_err(said)?);
            out.write_all(format!("{port}\n").into_bytes()).await;
            let client = clients.next().await.ok_or("nobody came")?;
            send(&client, receive(&client).await?).await?;
            b"served".to_vec()
        }
        // Sends a datagram there, and says what comes back.
        "send" => {
            let address = address()?;
            let socket = UdpSocket::create(family(&address)).map_err(said)?;
            socket.send(b"ping".to_vec(), Some(theirs(address))).await.map_err(said)?;
            socket.receive().await.map_err(said)?.0
        }
        // Receives datagrams there: says its port, and what the first one says.
        "hear" => {
            let address = address()?;
            let socket = UdpSocket::create(family(&address)).map_err(said)?;
            socket.bind(theirs(address)).map_err(said)?;
            let port = port(socket.get_local_address().map_err(said)?);
            out.write_all(format!("{port}\n").into_bytes()).await;
            socket.receive().await.map_err(said)?.0
        }
        "resolve" => {
            let found = resolve_addresses(at.to_owned()).await.map_err(said)?;
            format!("{} found", found.len().min(1)).into_bytes()
        }
        _ => return Err("there is no such thing to do".to_owned()),
    };
    out.write_all(text).await;
    Ok(())
}

async fn act_and_say(what: &str, at: &str, out: &mut StreamWriter<u8>) -> bool {
    let ended = act(what, at, out).await;
    if let Err(why) = &ended {
        out.write_all(why.clone().into_bytes()).await;
    }
    out.write_all(b"\n".to_vec()).await;
    ended.is_ok()
}

struct Network;
export!(Network);

impl run::Guest for Network {
    async fn run() -> Result<(), ()> {
        let arguments = get_arguments();
        let (mut writer, reader) = wit_stream::new();
        let written = stdout::write_via_stream(reader);
        let mut is_well = true;
        for pair in arguments[1..].chunks(2) {
            is_well &= act_and_say(&pair[0], pair.get(1).map_or("", String::as_str), &mut writer).await;
        }
        drop(writer);
        written.await.map_err(drop)?;
        if is_well { Ok(()) } else { Err(()) }
    }
}

impl handler::Guest for Network {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = request.get_path_with_query().unwrap_or_default();
        let (mut writer, contents) = wit_stream::new();
        let (_, trailers) = wit_future::new(|| Ok(None));
        wit_bindgen::spawn_local(async move {
            let (what, at) = path.trim_start_matches('/').split_once('?').unwrap_or((&path, ""));
            act_and_say(what, at, &mut writer).await;
        });
        Ok(Response::new(Fields::new(), Some(contents), trailers).0)
    }
}
