//! Values whose types are only known at run time, beside typed ones. Target: 3 × as long at most.

use super::{
    Record, Runner, TEXT, guests, host,
    ours::Ours,
    peer::{Wasmtime, find, told},
    record,
    rows::ROUNDS,
};
use crate::measure::{Contestant, compare};
use anyhow::{Context, Result, ensure};
use std::cell::RefCell;
use wasmote::{component::Val, engine::Metering};
use wasmtime::component as theirs;

pub(super) fn run() -> Result<()> {
    let (host, guests) = (host()?, guests()?);
    let ours = &RefCell::new(Ours::new(Metering::On, &host, &guests)?);
    let peer = &RefCell::new(Wasmtime::new(false, &host, &guests)?);
    let Record { a, b, c, d, e, f, g } = record();
    let field = |name: &str, value| (String::from(name), value);
    let value = Val::Record(vec![
        field("a", Val::U8(a)),
        field("b", Val::S64(b)),
        field("c", Val::Float64(c)),
        field("d", Val::String(d.clone())),
        field("e", Val::List(e.clone().into())),
        field("f", Val::Option(f.map(|f| Box::new(Val::U32(f))))),
        field("g", Val::Bool(g)),
    ]);
    let field = |name: &str, value| (String::from(name), value);
    let peers = theirs::Val::Record(vec![
        field("a", theirs::Val::U8(a)),
        field("b", theirs::Val::S64(b)),
        field("c", theirs::Val::Float64(c)),
        field("d", theirs::Val::String(d)),
        field("e", theirs::Val::List(e.into_iter().map(theirs::Val::U32).collect())),
        field("f", theirs::Val::Option(f.map(|f| Box::new(theirs::Val::U32(f))))),
        field("g", theirs::Val::Bool(g)),
    ]);
    let (list, long, record) = (vec![7; 1 << 16], TEXT.repeat(64), record());
    let bytes = theirs::Val::List(list.iter().map(|byte| theirs::Val::U8(*byte)).collect());
    let text = |text: &str| (Val::String(text.into()), theirs::Val::String(text.into()));
    row(ours, peer, "u32", 1_000, "id", (Val::U32(41), theirs::Val::U32(41)), &|it| it.number())?;
    row(ours, peer, "string of 16 bytes", 500, "echo", text(TEXT), &|it| it.echo(TEXT))?;
    row(ours, peer, "string of 1 KiB", 500, "echo", text(&long), &|it| it.echo(&long))?;
    let both = (Val::List(list.clone().into()), bytes);
    row(ours, peer, "list<u8> of 64 KiB", 20, "bytes", both, &|it| it.bytes(&list))?;
    row(ours, peer, "record", 300, "bench:host/api#record", (value, peers), &|it| it.record(&record))
}

fn row(
    ours: &RefCell<Ours>,
    peer: &RefCell<Wasmtime>,
    title: &str,
    units: u32,
    name: &str,
    (value, peers): (Val, theirs::Val),
    typed: &dyn Fn(&mut dyn Runner) -> Result<()>,
) -> Result<()> {
    let func = ours.borrow().host.get_func(&ours.borrow().store, name)?;
    let peers_func = {
        let mut peer = peer.borrow_mut();
        let instance = peer.host;
        let found = match name.split_once('#') {
            Some((_, name)) => {
                let index = find(&instance, &mut peer.store, name);
                instance.get_func(&mut peer.store, index)
            }
            None => instance.get_func(&mut peer.store, name),
        };
        found.with_context(|| format!("no `{name}`"))?
    };
    compare(
        &format!("components: dynamic values, {title}"),
        units,
        ROUNDS,
        vec![
            Contestant::new("wasmote, typed", || (0..units).try_for_each(|_| typed(&mut *ours.borrow_mut()))),
            Contestant::new("wasmote, dynamic", || {
                (0..units).try_for_each(|_| ours.borrow_mut().dynamic(&func, &value))
            }),
            Contestant::new("wasmtime, Cranelift, dynamic", || {
                (0..units).try_for_each(|_| call_peer(&mut peer.borrow_mut(), peers_func, &peers))
            }),
        ],
    )
}

fn call_peer(peer: &mut Wasmtime, func: theirs::Func, value: &theirs::Val) -> Result<()> {
    let (params, mut results) = ([value.clone()], [theirs::Val::Bool(false)]);
    func.call(&mut peer.store, &params, &mut results).map_err(told)?;
    ensure!(!matches!(results[0], theirs::Val::Bool(false)));
    Ok(())
}
