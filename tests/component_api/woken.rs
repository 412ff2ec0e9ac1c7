//! What was woken is polled, and nothing else: in the order it was made, and for no more however much waits.

use super::*;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// What background tasks have in common.
#[derive(Default)]
struct Shared {
    /// Which were polled, in this order.
    polled: Vec<usize>,
    wakers: Vec<Option<Waker>>,
    /// Which each wakes when it is polled next.
    wakes: Vec<Vec<usize>>,
    /// Which end when they are polled next.
    ends: Vec<usize>,
}

impl Shared {
    fn wake(shared: &Mutex<Self>, numbers: &[usize]) {
        for number in numbers {
            let waker = shared.lock().unwrap().wakers[*number].clone();
            waker.expect("it was polled").wake();
        }
    }
}

fn spawn(store: &mut Store<()>, shared: &Arc<Mutex<Shared>>, count: usize) {
    for _ in 0..count {
        let number = {
            let mut shared = shared.lock().unwrap();
            shared.wakers.push(None);
            shared.wakes.push(Vec::new());
            shared.wakers.len() - 1
        };
        let shared = shared.clone();
        store.as_context_mut().spawn(move |_, cx| {
            let wakes = {
                let mut shared = shared.lock().unwrap();
                shared.polled.push(number);
                shared.wakers[number] = Some(cx.waker().clone());
                core::mem::take(&mut shared.wakes[number])
            };
            Shared::wake(&shared, &wakes);
            if shared.lock().unwrap().ends.contains(&number) { Poll::Ready(Ok(())) } else { Poll::Pending }
        });
    }
}

/// Polls the store once; which tasks were polled.
fn polled(store: &mut Store<()>, shared: &Mutex<Shared>) -> Vec<usize> {
    let _ = store.poll_rest(&mut Context::from_waker(Waker::noop())).map(Result::unwrap);
    core::mem::take(&mut shared.lock().unwrap().polled)
}

#[test]
fn background_tasks_that_were_woken_are_polled_in_their_order() {
    let mut store = Store::new(&Engine::default(), ());
    let shared = Arc::default();
    spawn(&mut store, &shared, 8);
    assert_eq!(polled(&mut store, &shared), [0, 1, 2, 3, 4, 5, 6, 7]);
    Shared::wake(&shared, &[6, 1, 3, 1]);
    assert_eq!(polled(&mut store, &shared), [1, 3, 6]);
    // One that comes after is polled in the same round, one that came before, and itself, in the next.
    shared.lock().unwrap().wakes[3] = [1, 3, 5, 7].into();
    Shared::wake(&shared, &[6, 3]);
    assert_eq!(polled(&mut store, &shared), [3, 5, 6, 7]);
    assert_eq!(polled(&mut store, &shared), [1, 3]);
    // One that ends is woken no more, whoever does.
    shared.lock().unwrap().ends = [0, 2, 3, 5, 6, 7].into();
    Shared::wake(&shared, &[2, 5, 0, 7, 3, 6]);
    assert_eq!(polled(&mut store, &shared), [0, 2, 3, 5, 6, 7]);
    Shared::wake(&shared, &[4, 7, 2, 1]);
    assert_eq!(polled(&mut store, &shared), [1, 4]);
    spawn(&mut store, &shared, 2);
    Shared::wake(&shared, &[4]);
    assert_eq!(polled(&mut store, &shared), [4, 8, 9]);
    Shared::wake(&shared, &[9, 1, 8]);
    assert_eq!(polled(&mut store, &shared), [1, 8, 9]);
}

#[test]
fn what_other_threads_wake_meanwhile_is_polled() {
    const COUNT: usize = 50;
    let mut store = Store::new(&Engine::default(), ());
    let shared: Arc<Mutex<Shared>> = Arc::default();
    spawn(&mut store, &shared, COUNT + 1);
    polled(&mut store, &shared);
    let wakers: Vec<_> = shared.lock().unwrap().wakers.iter().flatten().cloned().collect();
    for _ in 0..20 {
        // Each thread wakes its own, so that each is woken just once.
        let threads: Vec<_> = (0..4)
            .map(|first| {
                let wakers = wakers.clone();
                let wake = move || wakers[..COUNT].iter().skip(first).step_by(4).for_each(Waker::wake_by_ref);
                std::thread::spawn(wake)
            })
            .collect();
        let mut all = Vec::new();
        while threads.iter().any(|thread| !thread.is_finished()) {
            // The last is for this: where something was woken, the store does not poll all.
            wakers[COUNT].wake_by_ref();
            all.extend(polled(&mut store, &shared));
        }
        wakers[COUNT].wake_by_ref();
        all.extend(polled(&mut store, &shared));
        all.retain(|number| *number < COUNT);
        all.sort_unstable();
        assert_eq!(all, (0..COUNT).collect::<Vec<_>>());
    }
}

#[test]
fn tasks_that_have_ended_make_room_for_others() {
    let limits = Limits { tasks: 4, ..Limits::server() };
    let engine = Engine::new(Features::all(), &limits);
    let component = load(&engine, CALLS);
    let mut store = Store::new(&engine, ());
    let shared: Arc<Mutex<Shared>> = Arc::default();
    let instance = calls(&engine).instantiate(&mut store, &component).unwrap();
    let run = instance.get_typed_func::<(u32,), ()>(&store, "run").unwrap();
    for round in 0..20 {
        shared.lock().unwrap().polled.clear();
        spawn(&mut store, &shared, 5);
        let five: Vec<_> = (round * 5..round * 5 + 5).collect();
        assert_eq!(polled(&mut store, &shared), five);
        // Fifteen at most are there, and sixteen may be.
        run.call(&mut store, (1,)).unwrap();
        if round >= 2 {
            let oldest: Vec<_> = five.iter().map(|number| number - 10).collect();
            shared.lock().unwrap().ends.clone_from(&oldest);
            Shared::wake(&shared, &oldest);
            polled(&mut store, &shared);
        }
    }
    spawn(&mut store, &shared, 7);
    assert_eq!(run.call(&mut store, (1,)).unwrap_err().trap(), Some(Trap::Component(wasmote::Rule::Tasks)));
}

/// Calls a function that never returns, so often; and one that waits a little.
const CALLS: &str = r#"(component
    (import "never" (func $never async)) (import "slow" (func $slow))
    (core func $never (canon lower (func $never) async))
    (core func $slow (canon lower (func $slow)))
    (core module $m (import "" "never" (func $never (result i32))) (import "" "slow" (func $slow))
        (func (export "wait") (param $n i32)
            (loop (drop (call $never)) (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
        (func (export "run") (param $n i32)
            (loop (call $slow) (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
    (core instance $m (instantiate $m (with "" (instance
        (export "never" (func $never)) (export "slow" (func $slow))))))
    (func (export "wait") (param "n" u32) (canon lift (core func $m "wait")))
    (func (export "run") (param "n" u32) (canon lift (core func $m "run"))))"#;

fn calls(engine: &Engine) -> Linker<()> {
    let mut linker = Linker::new(engine);
    let mut root = linker.root();
    root.func_wrap_poll::<(), ()>("never", |_, _, _| Poll::Pending).unwrap();
    let polls = AtomicU32::new(0);
    root.func_wrap_poll::<(), ()>("slow", move |_, cx, ()| {
        cx.waker().wake_by_ref();
        if polls.fetch_add(1, Relaxed) % 3 == 2 { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .unwrap();
    linker
}

/// How long a thousand calls take that wait a little, while so many others wait: at best.
fn time(waiting: u32) -> Duration {
    let engine = Engine::new(Features::all(), &Limits::server());
    let component = load(&engine, CALLS);
    let mut store = Store::new(&engine, ());
    let instance = calls(&engine).instantiate(&mut store, &component).unwrap();
    let [wait, run] =
        ["wait", "run"].map(|name| instance.get_typed_func::<(u32,), ()>(&store, name).unwrap());
    wait.call(&mut store, (waiting,)).unwrap();
    let mut once = || {
        let start = Instant::now();
        run.call(&mut store, (1_000,)).unwrap();
        start.elapsed()
    };
    (0..5).map(|_| once()).min().unwrap()
}

#[test]
fn a_call_that_waits_takes_no_longer_because_others_wait() {
    let (few, many) = (time(1), time(4_000));
    assert!(many < 5 * few, "{few:?} where one waits, {many:?} where 4000 do");
}

/// What wakes itself while it is polled can go on without anybody else.
#[test]
fn who_wakes_itself_is_polled_until_it_does_not() {
    let mut store = Store::new(&Engine::default(), 0);
    store.as_context_mut().spawn(|mut store, context| {
        *store.data_mut() += 1;
        if *store.data() < 10 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    });
    assert!(store.run_until_idle().unwrap());
    assert_eq!(*store.data(), 10);
    assert!(!store.run_until_idle().unwrap());
}
