//! Host functions that are polled, and call guests meanwhile.

use super::load;
use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
};
use wasmote::{
    Limits, Rule, Trap,
    component::{
        AsContextMut, Engine, Features, FuncCallConcurrent, Instance, Linker, ResourceAny, Store,
        StoreContextMut, StreamReader, TypedFunc, TypedFuncCallConcurrent, Val,
    },
    engine::Fault,
};

/// Asks its host, waits for that, and adds one to the answer. While it waits it may be asked something itself, or, by an
/// asynchronous function, not.
const ASKS: &str = r#"(component
    (import "ask" (func $ask async (param "n" u32) (result u32)))
    (core func $ask (canon lower (func $ask)))
    (core module $m (import "" "ask" (func $ask (param i32) (result i32)))
        (func (export "run") (param i32) (result i32)
            (i32.add (call $ask (local.get 0)) (i32.const 1)))
        (func (export "meanwhile") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 10))))
    (core instance $i (instantiate $m (with "" (instance (export "ask" (func $ask))))))
    (func (export "run") async (param "n" u32) (result u32) (canon lift (core func $i "run")))
    (func (export "meanwhile") (param "n" u32) (result u32) (canon lift (core func $i "meanwhile"))))"#;

/// The same by a function that may not wait.
const ASKS_AT_ONCE: &str = r#"(component
    (import "ask" (func $ask (param "n" u32) (result u32)))
    (core func $ask (canon lower (func $ask)))
    (core module $m (import "" "ask" (func $ask (param i32) (result i32)))
        (func (export "run") (param i32) (result i32)
            (i32.add (call $ask (local.get 0)) (i32.const 1))))
    (core instance $i (instantiate $m (with "" (instance (export "ask" (func $ask))))))
    (func (export "run") (param "n" u32) (result u32) (canon lift (core func $i "run"))))"#;

/// Knows how much so many rounds are; and how to fail, to wait for a while and for ever.
const KNOWS: &str = r#"(component
    (import "nap" (func $nap async))
    (import "never" (func $never async))
    (core func $nap (canon lower (func $nap)))
    (core func $never (canon lower (func $never)))
    (core module $m (import "" "nap" (func $nap)) (import "" "never" (func $never)) (memory 1)
        (func (export "count") (param i32) (result i32) (local $n i32)
            (loop
                (memory.fill (i32.const 0) (i32.const 0) (i32.const 1000))
                (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (local.get 0))))
            (local.get $n))
        (func (export "fail") (param i32) (result i32) unreachable)
        (func (export "nap") (param i32) (result i32) (call $nap) (local.get 0))
        (func (export "never") (param i32) (result i32) (call $never) (local.get 0)))
    (core instance $i (instantiate $m (with "" (instance
        (export "nap" (func $nap)) (export "never" (func $never))))))
    (func (export "count") (param "n" u32) (result u32) (canon lift (core func $i "count")))
    (func (export "count-async") async (param "n" u32) (result u32) (canon lift (core func $i "count")))
    (func (export "fail") (param "n" u32) (result u32) (canon lift (core func $i "fail")))
    (func (export "nap") async (param "n" u32) (result u32) (canon lift (core func $i "nap")))
    (func (export "nap-at-once") (param "n" u32) (result u32) (canon lift (core func $i "nap")))
    (func (export "never") async (param "n" u32) (result u32) (canon lift (core func $i "never"))))"#;

type Asked = TypedFunc<(u32,), (u32,)>;
type Call = TypedFuncCallConcurrent<(u32,)>;

/// Whom the host asks, and what it was told instead of an answer.
#[derive(Default)]
struct Asking {
    whom: Vec<Asked>,
    refused: Vec<Option<Trap>>,
    /// What it waits for besides.
    meanwhile: Option<Call>,
}

/// Asks the next one, or else knows the answer.
fn ask(mut store: StoreContextMut<'_, Asking>, n: u32) -> Poll<Result<(u32,), Fault>> {
    if let Some(mut call) = store.data_mut().meanwhile.take() {
        let polled = call.poll(&mut store);
        store.data_mut().meanwhile = Some(call);
        return polled.map_err(Fault::from);
    }
    let mut call = match store.take_kept::<Call>() {
        Some(call) => call,
        None => match store.data_mut().whom.pop() {
            Some(whom) => match whom.start_call_concurrent(&mut store, (n,)) {
                Ok(call) => call,
                Err(error) => {
                    store.data_mut().refused.push(error.trap());
                    return Poll::Ready(Ok((n,)));
                }
            },
            None => return Poll::Ready(Ok((n,))),
        },
    };
    let polled = call.poll(&mut store);
    store.keep(call);
    polled.map_err(Fault::from)
}

fn linker(engine: &Engine) -> Linker<Asking> {
    let mut linker = Linker::new(engine);
    let mut root = linker.root();
    root.func_wrap_poll("ask", |store, _, (n,): &mut (u32,)| ask(store, *n)).unwrap();
    root.func_wrap_poll("nap", |mut store, context, (): &mut ()| {
        let times = store.take_kept::<u32>().unwrap_or(0);
        store.keep(times + 1);
        context.waker().wake_by_ref();
        if times < 5 { Poll::Pending } else { Poll::Ready(Ok(())) }
    })
    .unwrap();
    // It says that somebody else will wake it: nobody does, as it waits for a guest.
    root.func_wrap_poll("never", |mut store, _, (): &mut ()| {
        let mut call = match store.take_kept::<Call>() {
            Some(call) => call,
            None => {
                let whom = store.data_mut().whom.pop().expect("somebody to ask");
                whom.start_call_concurrent(&mut store, (0,))?
            }
        };
        let polled = call.poll(&mut store);
        store.keep(call);
        polled.map(|answer| answer.map(|_| ()).map_err(Fault::from))
    })
    .unwrap();
    linker
}

/// A store with what asks, and a function of each of these names, all of another instance of what knows.
fn asking(limits: Limits, asks: &str, names: &[&str]) -> (Store<Asking>, Instance, Asked) {
    let engine = Engine::new(Features::all(), &limits);
    let linker = linker(&engine);
    let mut store = Store::new(&engine, Asking::default());
    let asks = linker.instantiate(&mut store, &load(&engine, asks)).unwrap();
    for name in names {
        let knows = linker.instantiate(&mut store, &load(&engine, KNOWS)).unwrap();
        let known = knows.get_typed_func(&store, name).unwrap();
        store.data_mut().whom.push(known);
    }
    let run = asks.get_typed_func(&store, "run").unwrap();
    (store, asks, run)
}

#[test]
fn a_polled_host_function_calls_a_guest_whatever_slices_are() {
    for name in ["count", "count-async", "nap"] {
        let fuel = [100, 1_000, 20_000, 1_000_000].map(|slice_fuel| {
            let limits = Limits { slice_fuel, ..Limits::server() };
            let (mut store, _, run) = asking(limits, ASKS, &[name, name]);
            for _ in 0..2 {
                assert_eq!(run.call(&mut store, (700,)).unwrap(), (701,));
            }
            assert_eq!(run.call(&mut store, (5,)).unwrap(), (6,));
            store.fuel_spent()
        });
        assert!(fuel.iter().all(|spent| *spent == fuel[0]), "{name}: {fuel:?}");
    }
}

#[test]
fn a_guest_that_is_called_for_another_traps_for_it() {
    for (name, trap) in [("fail", Trap::Unreachable), ("nap-at-once", Rule::Deadlock.into())] {
        let (mut store, _, run) = asking(Limits::server(), ASKS, &[name]);
        assert_eq!(run.call(&mut store, (1,)).unwrap_err().trap(), Some(trap), "{name}");
        assert_eq!(run.call(&mut store, (1,)).unwrap_err().trap(), Some(Rule::CannotEnter.into()));
    }
}

/// A synchronous task that cannot go on traps as such, though others could.
#[test]
fn what_calls_for_ever_in_a_circle_is_a_deadlock() {
    // The one that waits for the host alone is asked by it.
    let (mut store, _, run) = asking(Limits::server(), ASKS, &[]);
    store.data_mut().whom.push(run.clone());
    assert_eq!(run.call(&mut store, (1,)).unwrap_err().trap(), Some(Rule::Deadlock.into()));
    // So is what no guest may run for, though it waits for one that could.
    let (mut store, _, run) = asking(Limits::server(), ASKS_AT_ONCE, &[]);
    store.data_mut().meanwhile = Some(run.start_call_concurrent(&mut store, (1,)).unwrap());
    assert_eq!(run.call(&mut store, (1,)).unwrap_err().trap(), Some(Rule::Deadlock.into()));
    // By way of another, and a future is none the wiser.
    let (mut store, _, run) = asking(Limits::server(), ASKS, &["never"]);
    store.data_mut().whom.insert(0, run.clone());
    let polled = pin!(run.call_async(&mut store, (1,))).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(ended) = polled else { panic!("it waits for nobody") };
    assert_eq!(ended.unwrap_err().trap(), Some(Rule::Deadlock.into()));
}

#[test]
fn a_guest_is_entered_again_only_while_it_waits() {
    let (mut store, asks, run) = asking(Limits::server(), ASKS, &[]);
    let meanwhile = asks.get_typed_func(&store, "meanwhile").unwrap();
    store.data_mut().whom.push(meanwhile);
    assert_eq!(run.call(&mut store, (4,)).unwrap(), (41,));

    // What must return at once waits for no guest, and is not entered meanwhile. Nothing has ended.
    let (mut store, _, run) = asking(Limits::server(), ASKS_AT_ONCE, &["count"]);
    assert_eq!(run.call(&mut store, (4,)).unwrap(), (5,));
    store.data_mut().whom.push(run.clone());
    assert_eq!(run.call(&mut store, (4,)).unwrap(), (5,));
    assert_eq!(store.data().refused, [Some(Rule::CannotBlock.into()), Some(Rule::CannotEnter.into())]);

    // Nor when it is polled again.
    let engine = Engine::default();
    let mut linker = Linker::<Asking>::new(&engine);
    let ask =
        |store: StoreContextMut<'_, Asking>, _: &mut Context<'_>, _, params: &mut Vec<Val>| match params[0] {
            Val::U32(n) => ask(store, n).map(|answer| answer.map(|(n,)| vec![Val::U32(n)])),
            _ => panic!("another type"),
        };
    linker.root().func_new_poll("ask", ask).unwrap();
    let mut other = Store::new(&engine, Asking::default());
    let asks = linker.instantiate(&mut other, &load(&engine, ASKS_AT_ONCE)).unwrap();
    let again: Asked = asks.get_typed_func(&other, "run").unwrap();
    other.data_mut().whom.push(again.clone());
    assert_eq!(again.call(&mut other, (4,)).unwrap(), (5,));
    assert_eq!(other.data().refused, [Some(Rule::CannotEnter.into())]);

    // A background task may start what it likes.
    store.data_mut().whom.push(run);
    let mut call = None;
    store.as_context_mut().spawn(move |mut store, _| {
        let call = call.get_or_insert_with(|| {
            let whom = store.data_mut().whom.pop().expect("somebody to ask");
            whom.start_call_concurrent(&mut store, (8,)).unwrap()
        });
        let Poll::Ready(answer) = call.poll(&mut store) else { return Poll::Pending };
        assert_eq!(answer.unwrap(), (9,));
        store.data_mut().refused.clear();
        Poll::Ready(Ok(()))
    });
    assert!(store.run_until_idle().unwrap());
    assert!(store.data().refused.is_empty());
}

/// Asks and waits for the answer within a synchronous function.
const WAITS_AT_ONCE: &str = r#"(component
    (import "ask" (func $ask async (param "n" u32) (result u32)))
    (core module $mem (memory (export "m") 1)) (core instance $mem (instantiate $mem))
    (core func $ask (canon lower (func $ask) async (memory (core memory $mem "m"))))
    (core func $new (canon waitable-set.new))
    (core func $join (canon waitable.join))
    (core func $wait (canon waitable-set.wait (memory (core memory $mem "m"))))
    (core module $m
        (import "" "m" (memory 1))
        (import "" "ask" (func $ask (param i32 i32) (result i32)))
        (import "" "new" (func $new (result i32)))
        (import "" "join" (func $join (param i32 i32)))
        (import "" "wait" (func $wait (param i32 i32) (result i32)))
        (global $busy (mut i32) (i32.const 0))
        (func (export "run") (param i32) (result i32) (local $set i32)
            (if (global.get $busy) (then (unreachable)))
            (global.set $busy (i32.const 1))
            (local.set $set (call $new))
            (call $join (i32.shr_u (call $ask (local.get 0) (i32.const 8)) (i32.const 4)) (local.get $set))
            (drop (call $wait (local.get $set) (i32.const 16)))
            (i32.load (i32.const 8))))
    (core instance $i (instantiate $m (with "" (instance
        (export "m" (memory $mem "m")) (export "ask" (func $ask))
        (export "new" (func $new)) (export "join" (func $join)) (export "wait" (func $wait))))))
    (func (export "run") (param "n" u32) (result u32) (canon lift (core func $i "run"))))"#;

#[test]
fn a_call_begins_behind_the_back_of_no_synchronous_one() {
    let (mut store, _, run) = asking(Limits::server(), WAITS_AT_ONCE, &[]);
    store.data_mut().whom.push(run.clone());
    assert_eq!(run.call(&mut store, (4,)).unwrap_err().trap(), Some(Rule::CannotBlock.into()));
}

#[test]
fn guests_that_ask_each_other_are_bounded() {
    // Each asks the next, which is the component of the one before: no end, but that of tasks.
    let engine =
        Engine::new(Features::default(), &Limits { tasks: 40, reentry_depth: 6, ..Limits::server() });
    for (count, ends) in [(30, None), (60, Some(Trap::from(Rule::Tasks)))] {
        let mut linker = Linker::<Asking>::new(&engine);
        linker
            .root()
            .func_wrap_poll("ask", |mut store, _, (n,): &mut (u32,)| {
                let mut call = match store.take_kept::<Call>() {
                    Some(call) => call,
                    None => match store.data_mut().whom.pop() {
                        Some(whom) => whom.start_call_concurrent(&mut store, (*n,))?,
                        None => return Poll::Ready(Ok((*n,))),
                    },
                };
                let polled = call.poll(&mut store);
                store.keep(call);
                polled.map_err(Fault::from)
            })
            .unwrap();
        let mut store = Store::new(&engine, Asking::default());
        let component = load(&engine, ASKS);
        let asks: Vec<Asked> = (0..count)
            .map(|_| {
                let asks = linker.instantiate(&mut store, &component).unwrap();
                asks.get_typed_func(&store, "run").unwrap()
            })
            .collect();
        let (first, others) = asks.split_first().unwrap();
        store.data_mut().whom = others.to_vec();
        match first.call(&mut store, (0,)) {
            Ok(answer) => assert_eq!((answer, None), ((count,), ends)),
            Err(error) => assert_eq!(error.trap(), ends),
        }
    }
}

#[test]
fn calls_are_started_by_values_and_told_once() {
    let (mut store, _, run) = asking(Limits::server(), ASKS, &["count"]);
    let func = run.func();
    assert!(func.start_call_concurrent(&mut store, &[Val::U64(1)]).is_err());
    let mut call: FuncCallConcurrent = func.start_call_concurrent(&mut store, &[Val::U32(1)]).unwrap();
    let mut results = [Val::Bool(false)];
    assert!(call.poll(&mut store, &mut results).is_pending());
    assert!(matches!(call.poll(&mut store, &mut []), Poll::Ready(Err(_))));
    store.run_until_idle().unwrap();
    assert!(matches!(call.poll(&mut store, &mut results), Poll::Ready(Ok(()))));
    assert_eq!(results, [Val::U32(2)]);
    assert!(matches!(call.poll(&mut store, &mut results), Poll::Ready(Err(_))));
    // Of another store, with or without tasks of the same names.
    let (mut other, _, _) = asking(Limits::server(), ASKS, &[]);
    assert!(func.start_call_concurrent(&mut other, &[Val::U32(1)]).is_err());
    let mut call = func.start_call_concurrent(&mut store, &[Val::U32(1)]).unwrap();
    assert!(matches!(call.poll(&mut other, &mut results), Poll::Ready(Err(_))));
    // A function of the host's own is none of a guest's.
    let passes_on = r#"(component (import "ask" (func $ask (param "n" u32) (result u32)))
        (export "ask" (func $ask)))"#;
    let engine = Engine::default();
    let mut store = Store::new(&engine, Asking::default());
    let passes_on = linker(&engine).instantiate(&mut store, &load(&engine, passes_on)).unwrap();
    let passed_on = passes_on.get_typed_func::<(u32,), (u32,)>(&store, "ask").unwrap();
    assert!(passed_on.start_call_concurrent(&mut store, (1,)).is_err());
}

/// What a host function keeps is its own, and is gone when it has returned.
#[test]
fn what_a_call_keeps_no_other_takes() {
    let engine = Engine::default();
    let mut linker = Linker::<Asking>::new(&engine);
    linker
        .root()
        .func_wrap_poll("ask", |mut store, _, (n,): &mut (u32,)| {
            assert!(store.take_kept::<u32>().is_none());
            store.keep(*n);
            assert!(store.take_kept::<u64>().is_none());
            let answer = match store.data_mut().whom.pop() {
                Some(whom) => whom.call(&mut store, (*n + 1,))?,
                None => (*n,),
            };
            assert_eq!(store.take_kept::<u32>(), Some(*n));
            store.keep(*n);
            Poll::Ready(Ok::<_, Fault>(answer))
        })
        .unwrap();
    let mut store = Store::new(&engine, Asking::default());
    let component = load(&engine, ASKS_AT_ONCE);
    let [first, second] = [(); 2].map(|()| {
        let asks = linker.instantiate(&mut store, &component).unwrap();
        asks.get_typed_func::<(u32,), (u32,)>(&store, "run").unwrap()
    });
    for _ in 0..2 {
        store.data_mut().whom.push(second.clone());
        assert_eq!(first.call(&mut store, (1,)).unwrap(), (4,));
    }
}

/// Whoever is asked about time may ask a guest, which runs before anything waits.
#[test]
fn a_call_that_is_started_while_nothing_goes_on_begins() {
    let engine = Engine::default();
    let mut linker = Linker::<Asking>::new(&engine);
    linker
        .root()
        .func_wrap_poll("ask", |mut store, _, (n,): &mut (u32,)| store.poll_deadline(9).map(|()| Ok((*n,))))
        .unwrap();
    linker.on_idle(|mut store, _, _, _| {
        let started = match store.data_mut().meanwhile.take() {
            Some(call) => Ok(call),
            None => {
                let whom = store.data_mut().whom.pop().expect("it is asked once");
                whom.start_call_concurrent(&mut store, (1,))
            }
        };
        let mut call = started.unwrap();
        let polled = call.poll(&mut store).map(|answer| assert_eq!(answer.unwrap(), (1,)));
        store.data_mut().meanwhile = Some(call);
        polled
    });
    let mut store = Store::new(&engine, Asking::default());
    let asks = linker.instantiate(&mut store, &load(&engine, ASKS)).unwrap();
    let knows = self::linker(&engine).instantiate(&mut store, &load(&engine, KNOWS)).unwrap();
    let run = asks.get_typed_func::<(u32,), (u32,)>(&store, "run").unwrap();
    let count = knows.get_typed_func(&store, "count").unwrap();
    store.data_mut().whom.push(count);
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(woken.clone());
    let mut call = pin!(run.call_async(&mut store, (1,)));
    let answer = loop {
        assert!(woken.0.swap(false, Relaxed), "it waits for what could run");
        if let Poll::Ready(answer) = call.as_mut().poll(&mut Context::from_waker(&waker)) {
            break answer;
        }
    };
    assert_eq!(answer.unwrap(), (2,));
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

/// Gives a resource and the end of a stream, at once, after a nap, and before it is done; and takes the end of a stream.
const GIVES: &str = r#"(component
    (import "nap" (func $nap async))
    (core func $nap (canon lower (func $nap)))
    (core module $d (global $n (mut i32) (i32.const 0))
        (func (export "dtor") (param i32) (global.set $n (i32.add (global.get $n) (local.get 0))))
        (func (export "dropped") (result i32) (global.get $n)))
    (core instance $d (instantiate $d))
    (type $r' (resource (rep i32) (dtor (core func $d "dtor"))))
    (export $r "r" (type $r'))
    (type $st (stream u8))
    (type $pair (tuple (own $r) $st))
    (core func $new (canon resource.new $r'))
    (core func $stream (canon stream.new $st))
    (core func $close (canon stream.drop-writable $st))
    (core func $unread (canon stream.drop-readable $st))
    (core func $return (canon task.return (result $pair)))
    (core func $returned (canon task.return))
    (core module $m
        (import "" "nap" (func $nap))
        (import "" "new" (func $new (param i32) (result i32)))
        (import "" "stream" (func $stream (result i64)))
        (import "" "close" (func $close (param i32)))
        (import "" "unread" (func $unread (param i32)))
        (import "" "return" (func $return (param i32 i32)))
        (import "" "returned" (func $returned))
        (func $give (local $ends i64)
            (local.set $ends (call $stream))
            (call $close (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
            (call $return (call $new (i32.const 1)) (i32.wrap_i64 (local.get $ends))))
        (func (export "give") (call $give))
        (func (export "nap") (call $nap) (call $give))
        (func (export "spin") (local $n i32)
            (call $give)
            (loop (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 5000)))))
        (func (export "take") (param i32) (call $nap) (call $unread (local.get 0)) (call $returned)))
    (core instance $m (instantiate $m (with "" (instance
        (export "nap" (func $nap)) (export "new" (func $new)) (export "stream" (func $stream))
        (export "close" (func $close)) (export "unread" (func $unread)) (export "return" (func $return))
        (export "returned" (func $returned))))))
    (func (export "give") async (result $pair) (canon lift (core func $m "give") async))
    (func (export "nap") async (result $pair) (canon lift (core func $m "nap") async))
    (func (export "spin") async (result $pair) (canon lift (core func $m "spin") async))
    (func (export "take") async (param "s" $st) (canon lift (core func $m "take") async))
    (func (export "dropped") (result u32) (canon lift (core func $d "dropped"))))"#;

type Given = ((ResourceAny, StreamReader<u8>),);

/// So little that what is left behind is soon missing.
fn giving() -> (Engine, Linker<Asking>, Store<Asking>, Instance) {
    let engine =
        Engine::new(Features::all(), &Limits { handles: 8, tasks: 6, slice_fuel: 1_000, ..Limits::server() });
    let linker = linker(&engine);
    let mut store = Store::new(&engine, Asking::default());
    let gives = linker.instantiate(&mut store, &load(&engine, GIVES)).unwrap();
    (engine, linker, store, gives)
}

fn dropped(store: &mut Store<Asking>, gives: &Instance) -> u32 {
    gives.get_typed_func::<(), (u32,)>(store, "dropped").unwrap().call(store, ()).unwrap().0
}

#[test]
fn a_result_that_nobody_takes_leaves_nothing() {
    for name in ["give", "nap", "spin"] {
        let (_, _, mut store, gives) = giving();
        let give = gives.get_typed_func::<(), Given>(&store, name).unwrap();
        let bytes = store.memory_bytes();
        for round in 0..30 {
            // Dropped before it begins, in the middle, and when it has its result.
            let mut call = Some(give.start_call_concurrent(&mut store, ()).unwrap());
            if round % 3 == 1 {
                let _ = store.poll_rest(&mut Context::from_waker(Waker::noop())).map(Result::unwrap);
                drop(call.take());
            } else if round % 3 == 2 {
                store.run_until_idle().unwrap();
            }
            drop(call);
            store.run_until_idle().unwrap();
        }
        assert_eq!((dropped(&mut store, &gives), store.memory_bytes()), (20, bytes), "{name}");
    }
}

#[test]
fn a_future_that_is_dropped_with_its_result_leaves_nothing() {
    let (_, _, mut store, gives) = giving();
    for name in ["spin", "nap"] {
        let give = gives.get_typed_func::<(), Given>(&store, name).unwrap();
        for _ in 0..20 {
            let polled = pin!(give.call_async(&mut store, ())).poll(&mut Context::from_waker(Waker::noop()));
            // The slice in which it returns is over before it is asked; or it has not returned.
            assert!(polled.is_pending());
            store.run_until_idle().unwrap();
        }
    }
    assert_eq!(dropped(&mut store, &gives), 40);
}

#[test]
fn a_call_that_was_never_let_in_closes_what_it_was_given() {
    let (_, _, mut store, gives) = giving();
    let give = gives.get_typed_func::<(), Given>(&store, "give").unwrap();
    let take = gives.get_typed_func::<(StreamReader<u8>,), ()>(&store, "take").unwrap();
    for round in 0..20 {
        let ((resource, stream),) = give.call(&mut store, ()).unwrap();
        resource.resource_drop(&mut store).unwrap();
        let call = take.start_call_concurrent(&mut store, (stream,)).unwrap();
        if round % 2 == 1 {
            let _ = store.poll_rest(&mut Context::from_waker(Waker::noop())).map(Result::unwrap);
        }
        drop(call);
        store.run_until_idle().unwrap();
    }
    assert_eq!(dropped(&mut store, &gives), 20);
}

/// Asks and gives that up.
const GIVES_UP: &str = r#"(component
    (import "ask" (func $ask async))
    (core func $ask (canon lower (func $ask) async))
    (core func $cancel (canon subtask.cancel))
    (core func $drop (canon subtask.drop))
    (core module $m
        (import "" "ask" (func $ask (result i32)))
        (import "" "cancel" (func $cancel (param i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "run") (local $call i32)
            (local.set $call (i32.shr_u (call $ask) (i32.const 4)))
            (drop (call $cancel (local.get $call)))
            (call $drop (local.get $call))))
    (core instance $i (instantiate $m (with "" (instance (export "ask" (func $ask))
        (export "cancel" (func $cancel)) (export "drop" (func $drop))))))
    (func (export "run") async (canon lift (core func $i "run"))))"#;

#[test]
fn a_host_function_that_is_given_up_or_has_enough_leaves_nothing() {
    static ENOUGH: AtomicU32 = AtomicU32::new(0);
    let (engine, _, mut store, gives) = giving();
    let give = gives.get_typed_func::<(), Given>(&store, "nap").unwrap();
    let mut linker = Linker::<Asking>::new(&engine);
    linker
        .root()
        .func_wrap_poll("ask", move |mut store, _, (): &mut ()| {
            let mut call = match store.take_kept() {
                Some(call) => call,
                None => give.start_call_concurrent(&mut store, ())?,
            };
            // Every other call has enough, and returns.
            let polled: Poll<Result<Given, _>> = call.poll(&mut store);
            if ENOUGH.load(Relaxed) % 2 == 1 {
                return Poll::Ready(Ok(()));
            }
            store.keep(call);
            polled.map(|_| Ok(()))
        })
        .unwrap();
    let asks = linker.instantiate(&mut store, &load(&engine, GIVES_UP)).unwrap();
    let run = asks.get_typed_func::<(), ()>(&store, "run").unwrap();
    for _ in 0..20 {
        run.call(&mut store, ()).unwrap();
        store.run_until_idle().unwrap();
    }
    let before = dropped(&mut store, &gives);
    // One that has returned at once has no subtask to give up.
    let returns = GIVES_UP.replace("(drop (call $cancel (local.get $call)))", "(return)");
    let asks = linker.instantiate(&mut store, &load(&engine, &returns)).unwrap();
    let run = asks.get_typed_func::<(), ()>(&store, "run").unwrap();
    ENOUGH.store(1, Relaxed);
    for _ in 0..20 {
        run.call(&mut store, ()).unwrap();
        store.run_until_idle().unwrap();
    }
    assert_eq!((before, dropped(&mut store, &gives)), (0, 0));
}

/// Waits in a synchronous function for what another left behind; and may not be entered meanwhile.
const WAITS_FOR_ANOTHER: &str = r#"(component
    (core func $yield (canon thread.yield))
    (core func $return (canon task.return))
    (core module $m
        (import "" "yield" (func $yield (result i32)))
        (import "" "return" (func $return))
        (global $busy (mut i32) (i32.const 0))
        (global $done (mut i32) (i32.const 0))
        (func (export "slow") (local $n i32)
            (global.set $done (i32.const 0))
            (call $return)
            (drop (call $yield))
            (drop (call $yield))
            (loop (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000))))
            (global.set $done (i32.const 1)))
        (func (export "run")
            (if (global.get $busy) (then (unreachable)))
            (global.set $busy (i32.const 1))
            (loop (if (i32.eqz (global.get $done)) (then (drop (call $yield)) (br 1))))
            (global.set $busy (i32.const 0))))
    (core instance $m (instantiate $m (with "" (instance
        (export "yield" (func $yield)) (export "return" (func $return))))))
    (func (export "slow") async (canon lift (core func $m "slow") async))
    (func (export "run") (canon lift (core func $m "run"))))"#;

#[test]
fn a_synchronous_call_that_nobody_waits_for_is_over_before_another_begins() {
    let engine = Engine::new(Features::all(), &Limits { slice_fuel: 500, ..Limits::server() });
    let component = load(&engine, WAITS_FOR_ANOTHER);
    let mut cx = Context::from_waker(Waker::noop());
    for polls in 1..16 {
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &component).unwrap();
        let slow = instance.get_typed_func::<(), ()>(&store, "slow").unwrap();
        let run = instance.get_typed_func::<(), ()>(&store, "run").unwrap();
        for starts in [true, false] {
            slow.call(&mut store, ()).unwrap();
            if starts {
                let call = run.start_call_concurrent(&mut store, ()).unwrap();
                let _next = run.start_call_concurrent(&mut store, ()).unwrap();
                for _ in 0..polls {
                    let _ = store.poll_rest(&mut cx).map(Result::unwrap);
                }
                drop(call);
            } else {
                let mut call = pin!(run.call_async(&mut store, ()));
                for _ in 0..polls {
                    if call.as_mut().poll(&mut cx).is_ready() {
                        break;
                    }
                }
            }
            run.call(&mut store, ()).unwrap_or_else(|error| panic!("{starts} {polls}: {error}"));
        }
    }
}
