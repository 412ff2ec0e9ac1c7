//! What upstream's scripts import: the instances `host` and `wasmtime`, and the core instance `spectest`.

use crate::{
    Trap,
    component::{Linker, Resource, ResourceType, Val},
    engine::Fault,
};
use alloc::vec::Vec;
use core::task::Poll;

/// What `host` remembers.
#[derive(Debug, Default)]
pub(super) struct HostState {
    drops: u32,
    last_drop: u32,
}

struct Resource1;
struct Resource2;

/// A module that scripts import.
const SIMPLE_MODULE: &str =
    r#"(module (global (export "g") i32 i32.const 100) (func (export "f") (result i32) i32.const 101))"#;

/// What core scripts import as `spectest`. The second half is of the proposal for 64-bit memories.
const SPECTEST: [&str; 2] = [
    r#"(module
      (global (export "global_i32") i32 (i32.const 666))
      (global (export "global_i64") i64 (i64.const 666))
      (global (export "global_f32") f32 (f32.const 666.6))
      (global (export "global_f64") f64 (f64.const 666.6))
      (table (export "table") 10 20 funcref)
      (memory (export "memory") 1 2)
      (func (export "print"))
      (func (export "print_i32") (param i32))
      (func (export "print_i64") (param i64))
      (func (export "print_f32") (param f32))
      (func (export "print_f64") (param f64))
      (func (export "print_i32_f32") (param i32 f32))
      (func (export "print_f64_f64") (param f64 f64)))"#,
    r#"(module (table (export "table64") i64 10 20 funcref))"#,
];

/// The modules whose instances `spectest` is, in their binary form.
pub(super) fn modules() -> Vec<Vec<u8>> {
    SPECTEST.iter().filter_map(|text| binary(text).ok()).collect()
}

fn binary(text: &str) -> Result<Vec<u8>, wast::Error> {
    let buffer = wast::parser::ParseBuffer::new(text)?;
    wast::parser::parse::<wast::Wat<'_>>(&buffer)?.encode()
}

fn refuse(holds: bool, what: &'static str) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(Trap::Host(what).into()) }
}

/// Offers everything scripts import.
pub(super) fn define(linker: &mut Linker<HostState>) {
    try_define(linker).expect("invariant: names are not offered twice");
}

fn try_define(linker: &mut Linker<HostState>) -> Result<(), crate::Error> {
    let mut root = linker.root();
    root.func_wrap("host-echo-u32", |_, (value,): (u32,)| Ok((value,)))?;
    root.func_wrap("host-return-two", |_, (): ()| Ok((2_u32,)))?;
    let mut wasmtime = linker.instance("wasmtime")?;
    wasmtime.func_wrap("set-max-table-capacity", |mut cx, (capacity,): (u32,)| {
        cx.set_handles_max(capacity);
        Ok(())
    })?;
    wasmtime.func_wrap("gc", |_, (): ()| Ok(()))?;
    let mut host = linker.instance("host")?;
    host.func_wrap("return-three", |_, (): ()| Ok((3_u32,)))?;
    host.instance("nested")?.func_wrap("return-four", |_, (): ()| Ok((4_u32,)))?;
    let module = binary(SIMPLE_MODULE);
    let module = module.map_err(|error| crate::Error::malformed(alloc::format!("{error}"), None))?;
    host.module("simple-module", &module)?;
    host.resource("resource1", ResourceType::host::<Resource1>(), |mut cx, rep| {
        cx.data_mut().drops += 1;
        cx.data_mut().last_drop = rep;
        Ok(())
    })?;
    host.resource("resource2", ResourceType::host::<Resource2>(), |_, _| Ok(()))?;
    host.resource("resource1-again", ResourceType::host::<Resource1>(), |_, _| {
        Err(Trap::Host("its destructor is another one").into())
    })?;
    host.func_wrap("[constructor]resource1", |_, (rep,): (u32,)| Ok((Resource::<Resource1>::new_own(rep),)))?;
    host.func_wrap("[static]resource1.assert", |_, (resource, rep): (Resource<Resource1>, u32)| {
        refuse(resource.rep() == rep, "another resource")
    })?;
    host.func_wrap("[static]resource1.last-drop", |cx, (): ()| Ok((cx.data().last_drop,)))?;
    host.func_wrap("[static]resource1.drops", |cx, (): ()| Ok((cx.data().drops,)))?;
    host.func_wrap("[method]resource1.simple", |_, (resource, rep): (Resource<Resource1>, u32)| {
        refuse(!resource.owned() && resource.rep() == rep, "another resource")
    })?;
    host.func_wrap(
        "[method]resource1.take-borrow",
        |_, (a, b): (Resource<Resource1>, Resource<Resource1>)| {
            refuse(!a.owned() && !b.owned(), "not borrowed")
        },
    )?;
    host.func_wrap("[method]resource1.take-own", |_, (a, b): (Resource<Resource1>, Resource<Resource1>)| {
        refuse(!a.owned() && b.owned(), "not owned")
    })?;
    host.func_wrap("return-hi", |_, (): ()| Ok(("hi",)))?;
    host.func_new_poll("never-return", |_, _, _, _| Poll::Pending)?;
    host.func_wrap_poll("[method]resource1.never-return", |_, _, _: &mut (Resource<Resource1>,)| {
        Poll::<Result<(), Fault>>::Pending
    })?;
    host.func_new_poll("return-two-slowly", |_, context, _, params| slowly(context, params, Val::S32(2)))?;
    host.func_new_poll("echo-slowly", |_, context, _, params| {
        let value = params[0].clone();
        slowly(context, params, value)
    })?;
    Ok(())
}

/// Ready on the second poll of each call. That it was polled before, it notes among its arguments.
fn slowly(
    context: &mut core::task::Context<'_>,
    params: &mut Vec<Val>,
    value: Val,
) -> Poll<Result<Vec<Val>, Fault>> {
    if params.last() == Some(&Val::Bool(true)) {
        return Poll::Ready(Ok([value].into()));
    }
    params.push(Val::Bool(true));
    context.waker().wake_by_ref();
    Poll::Pending
}
