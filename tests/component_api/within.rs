//! Host functions that call guests.

use super::load;
use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};
use wasmote::{
    Limits, Rule, Trap,
    component::{AsContextMut, Engine, Features, Linker, Store, StoreContextMut, TypedFunc, Val, types},
    engine::Fault,
};

/// Asks its host, and adds one to the answer.
const ASKS: &str = r#"(component
    (import "ask" (func $ask (param "n" u32) (result u32)))
    (core func $ask (canon lower (func $ask)))
    (core module $m (import "" "ask" (func $ask (param i32) (result i32)))
        (func (export "run") (param i32) (result i32)
            (i32.add (call $ask (local.get 0)) (i32.const 1))))
    (core instance $i (instantiate $m (with "" (instance (export "ask" (func $ask))))))
    (func (export "run") (param "n" u32) (result u32) (canon lift (core func $i "run"))))"#;

/// Knows how much so many rounds are; and how to fail, to wait and to go on for ever.
const KNOWS: &str = r#"(component
    (import "wait" (func $wait))
    (core func $wait (canon lower (func $wait)))
    (core module $m (import "" "wait" (func $wait)) (memory 1)
        (func (export "count") (param i32) (result i32) (local $n i32)
            (loop
                (memory.fill (i32.const 0) (i32.const 0) (i32.const 1000))
                (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (local.get 0))))
            (local.get $n))
        (func (export "fail") (param i32) (result i32) unreachable)
        (func (export "wait") (param i32) (result i32) (call $wait) (i32.const 0))
        (func (export "spin") (param i32) (result i32) (loop (br 0)) (unreachable)))
    (core instance $i (instantiate $m (with "" (instance (export "wait" (func $wait))))))
    (func (export "count") (param "n" u32) (result u32) (canon lift (core func $i "count")))
    (func (export "fail") (param "n" u32) (result u32) (canon lift (core func $i "fail")))
    (func (export "wait") (param "n" u32) (result u32) (canon lift (core func $i "wait")))
    (func (export "spin") (param "n" u32) (result u32) (canon lift (core func $i "spin"))))"#;

type Asked = TypedFunc<(u32,), (u32,)>;

/// Whom the host asks, and what it was told instead of an answer.
#[derive(Default)]
struct Asking {
    whom: Vec<Asked>,
    refused: Vec<String>,
}

fn ask(mut store: StoreContextMut<'_, Asking>, (n,): (u32,)) -> Result<(u32,), Fault> {
    let Some(whom) = store.data_mut().whom.pop() else { return Ok((n,)) };
    Ok(whom.call(&mut store, (n,))?)
}

/// Asks somebody who must not be asked, and answers for him.
fn refuse(mut store: StoreContextMut<'_, Asking>, (n,): (u32,)) -> Result<(u32,), Fault> {
    let whom = store.data_mut().whom.pop().expect("somebody to ask");
    let refused = whom.call(&mut store, (n,)).unwrap_err();
    store.data_mut().refused.push(refused.to_string());
    Ok((n,))
}

fn linker(engine: &Engine) -> Linker<Asking> {
    let mut linker = Linker::new(engine);
    linker.root().func_wrap("ask", ask).unwrap();
    linker.root().func_wrap_poll::<(), ()>("wait", |_, _, _| Poll::Pending).unwrap();
    linker
}

/// What asks, and a function of each of these names, all of another instance of what knows.
fn asking(limits: Limits, names: &[&str]) -> (Store<Asking>, Asked) {
    let engine = Engine::new(Features::default(), &limits);
    let linker = linker(&engine);
    let mut store = Store::new(&engine, Asking::default());
    let asks = linker.instantiate(&mut store, &load(&engine, ASKS)).unwrap();
    for name in names {
        let knows = linker.instantiate(&mut store, &load(&engine, KNOWS)).unwrap();
        let known = knows.get_typed_func(&store, name).unwrap();
        store.data_mut().whom.push(known);
    }
    let run = asks.get_typed_func(&store, "run").unwrap();
    (store, run)
}

#[test]
fn a_host_function_calls_a_guest_whatever_slices_are() {
    let fuel = [100, 1_000, 20_000].map(|slice_fuel| {
        let (mut store, run) = asking(Limits { slice_fuel, ..Limits::server() }, &["count", "count"]);
        for _ in 0..2 {
            assert_eq!(run.call(&mut store, (700,)).unwrap(), (701,));
        }
        assert_eq!(run.call(&mut store, (5,)).unwrap(), (6,));
        store.fuel_spent()
    });
    assert!(fuel.iter().all(|spent| *spent == fuel[0]), "{fuel:?}");
}

#[test]
fn a_guest_may_not_be_entered_by_whom_it_called() {
    let engine = Engine::default();
    let mut linker = Linker::<Asking>::new(&engine);
    linker.root().func_wrap("ask", refuse).unwrap();
    let mut store = Store::new(&engine, Asking::default());
    let asks = linker.instantiate(&mut store, &load(&engine, ASKS)).unwrap();
    let run: Asked = asks.get_typed_func(&store, "run").unwrap();
    store.data_mut().whom.push(run.clone());
    // Nothing has ended: the guest has its answer.
    assert_eq!(run.call(&mut store, (1,)).unwrap(), (2,));
    assert!(
        store.data().refused[0].contains("cannot enter component instance"),
        "{:?}",
        store.data().refused
    );
}

/// The same, where it stands in the middle of a call of another that was stopped since.
#[test]
fn a_guest_may_not_be_entered_behind_the_back_of_another_whatever_slices_are() {
    // Asks its host after a while.
    let slow = ASKS.replace(
        "(func (export \"run\") (param i32) (result i32)",
        "(memory 1) (func (export \"run\") (param i32) (result i32) (local $n i32)
            (loop
                (memory.fill (i32.const 0) (i32.const 0) (i32.const 1000))
                (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 700))))",
    );
    for slice_fuel in [100, 1_000, 20_000, 1_000_000] {
        let engine = Engine::new(Features::default(), &Limits { slice_fuel, ..Limits::server() });
        let mut linker = Linker::<Asking>::new(&engine);
        linker.root().func_wrap("ask", refuse).unwrap();
        let mut store = Store::new(&engine, Asking::default());
        let slow = linker.instantiate(&mut store, &load(&engine, &slow)).unwrap();
        let mut linker = Linker::<Asking>::new(&engine);
        linker.root().export("ask", &store, &slow, "run").unwrap();
        let asks = linker.instantiate(&mut store, &load(&engine, ASKS)).unwrap();
        let run: Asked = asks.get_typed_func(&store, "run").unwrap();
        store.data_mut().whom.push(run.clone());
        assert_eq!(run.call(&mut store, (1,)).unwrap(), (3,), "{slice_fuel}");
        let refused = &store.data().refused;
        assert!(refused[0].contains("cannot enter component instance"), "{slice_fuel}: {refused:?}");
        // And may be entered again.
        store.data_mut().whom.push(run.clone());
        assert_eq!(run.call(&mut store, (2,)).unwrap(), (4,), "{slice_fuel}");
    }
}

#[test]
fn a_guest_that_traps_ends_the_one_it_was_called_for() {
    let engine = Engine::default();
    let mut linker = linker(&engine);
    // The host function thinks nothing of it.
    let forgive = |mut store: StoreContextMut<'_, Asking>, (n,): (u32,)| {
        let whom = store.data_mut().whom.pop().expect("somebody to ask");
        Ok((whom.call(&mut store, (n,)).map_or(n, |(n,)| n),))
    };
    linker.root().func_wrap("ask", forgive).unwrap();
    for (name, trap) in [("fail", Trap::Unreachable), ("wait", Rule::CannotBlock.into())] {
        let mut store = Store::new(&engine, Asking::default());
        let asks = linker.instantiate(&mut store, &load(&engine, ASKS)).unwrap();
        let knows = linker.instantiate(&mut store, &load(&engine, KNOWS)).unwrap();
        let known = knows.get_typed_func(&store, name).unwrap();
        store.data_mut().whom.push(known);
        let run: Asked = asks.get_typed_func(&store, "run").unwrap();
        assert_eq!(run.call(&mut store, (1,)).unwrap_err().trap(), Some(trap), "{name}");
        assert!(run.call(&mut store, (1,)).is_err());
    }
}

#[test]
fn a_guest_that_traps_while_its_host_is_asked_about_time_ends_all() {
    use std::future::Future;
    let engine = Engine::default();
    let mut linker = linker(&engine);
    linker
        .root()
        .func_wrap_poll("sleep", |mut store, _, (): &mut ()| store.poll_deadline(9).map(Ok))
        .unwrap();
    // The hook thinks nothing of it, and no time comes.
    linker.on_idle(|mut store, _, _, _| {
        if let Some(whom) = store.data_mut().whom.pop() {
            let _ = whom.call(&mut store, (1,));
        }
        Poll::Pending
    });
    let sleeps = r#"(component
        (import "sleep" (func $sleep async))
        (core func $sleep (canon lower (func $sleep)))
        (core module $m (import "" "sleep" (func $sleep)) (func (export "run") (call $sleep)))
        (core instance $i (instantiate $m (with "" (instance (export "sleep" (func $sleep))))))
        (func (export "run") async (canon lift (core func $i "run"))))"#;
    let mut store = Store::new(&engine, Asking::default());
    let sleeps = linker.instantiate(&mut store, &load(&engine, sleeps)).unwrap();
    let knows = linker.instantiate(&mut store, &load(&engine, KNOWS)).unwrap();
    let known = knows.get_typed_func(&store, "fail").unwrap();
    store.data_mut().whom.push(known);
    let run = sleeps.get_typed_func::<(), ()>(&store, "run").unwrap();
    let mut call = pin!(run.call_async(&mut store, ()));
    match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(ended) => assert_eq!(ended.unwrap_err().trap(), Some(Trap::Unreachable)),
        Poll::Pending => panic!("its end went unseen"),
    }
}

#[test]
fn guests_that_host_functions_call_are_bounded() {
    let (mut store, run) = asking(Limits { uninterrupted_fuel: 500_000, ..Limits::server() }, &["spin"]);
    let before = store.fuel_spent();
    assert_eq!(run.call(&mut store, (1,)).unwrap_err().trap(), Some(Rule::TooLong.into()));
    assert!((500_000..501_000).contains(&(store.fuel_spent() - before)));

    // Each asks the next, by way of the host.
    let engine = Engine::new(Features::default(), &Limits { reentry_depth: 6, ..Limits::server() });
    for (depth, fits) in [(6, true), (7, false)] {
        let linker = linker(&engine);
        let mut store = Store::new(&engine, Asking::default());
        let component = load(&engine, ASKS);
        let asks: Vec<Asked> = (0..depth)
            .map(|_| {
                let asks = linker.instantiate(&mut store, &component).unwrap();
                asks.get_typed_func(&store, "run").unwrap()
            })
            .collect();
        let (first, others) = asks.split_first().unwrap();
        store.data_mut().whom = others.to_vec();
        match first.call(&mut store, (0,)) {
            Ok(answer) => assert_eq!((answer, fits), ((depth,), true)),
            Err(error) => assert_eq!((error.trap(), fits), (Some(Trap::ReentryDepth), false)),
        }
    }
}

/// A function of the host's own that may wait is one that a host function may call, if it does not.
#[test]
fn a_host_function_calls_what_need_not_wait() {
    let engine = Engine::default();
    let mut linker = Linker::<Asking>::new(&engine);
    let answer = |_: StoreContextMut<'_, Asking>,
                  _: &mut Context<'_>,
                  _: types::ComponentFunc,
                  params: &mut Vec<Val>| match params[..] {
        [Val::U32(n)] if n < 100 => Poll::Ready(Ok(vec![Val::U32(n * 2)])),
        [Val::U32(n)] if n < 200 => Poll::Ready(Err(Trap::Host("no").into())),
        _ => Poll::Pending,
    };
    linker.root().func_new_poll("ask", answer).unwrap();
    let passes_on = r#"(component (import "ask" (func $ask (param "n" u32) (result u32)))
        (export "ask" (func $ask)))"#;
    for (n, answered) in [(7, Some(15)), (100, None), (200, None)] {
        let mut store = Store::new(&engine, Asking::default());
        let knows = linker.instantiate(&mut store, &load(&engine, passes_on)).unwrap();
        for _ in 0..2 {
            let known = knows.get_typed_func(&store, "ask").unwrap();
            store.data_mut().whom.push(known);
        }
        let mut asking = Linker::new(&engine);
        asking.root().func_wrap("ask", ask).unwrap();
        let asks = asking.instantiate(&mut store, &load(&engine, ASKS)).unwrap();
        let run: Asked = asks.get_typed_func(&store, "run").unwrap();
        match answered {
            Some(answer) => {
                assert_eq!(run.call(&mut store, (n,)).unwrap(), (answer,));
                assert_eq!(run.call(&mut store, (n + 1,)).unwrap(), (answer + 2,));
            }
            None => assert!(matches!(run.call(&mut store, (n,)).unwrap_err().trap(), Some(Trap::Host(_)))),
        }
    }
}

#[test]
fn what_is_polled_calls_no_guest() {
    let (mut store, _) = asking(Limits::server(), &["count"]);
    store.as_context_mut().spawn(|mut store, _| {
        let whom = store.data_mut().whom.pop().expect("somebody to ask");
        let refused = whom.call(&mut store, (1,)).unwrap_err();
        store.data_mut().refused.push(refused.to_string());
        Poll::Ready(Ok(()))
    });
    store.run_until_idle().unwrap();
    assert_eq!(store.data().refused.len(), 1);
}
