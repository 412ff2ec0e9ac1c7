//! Functions of the host where core code is expected: lifted, in a table, as a callback, a destructor, an allocator.
//! The host calls them for the guest, and they may wait as they do when the guest calls them.

use super::*;

/// How often a function was asked before it answered, and how often one answered.
#[derive(Default)]
struct Calls {
    asked: u32,
    answered: u32,
}

impl Calls {
    fn poll<R>(
        &mut self,
        cx: &Context<'_>,
        polls: u32,
        result: R,
    ) -> Poll<Result<R, wasmote::engine::Fault>> {
        if self.asked < polls {
            self.asked += 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        (self.asked, self.answered) = (0, self.answered + 1);
        Poll::Ready(Ok(result))
    }
}

/// A host whose functions wait for as many polls as their first argument says; three without one.
fn slow_host(engine: &Engine) -> Linker<Calls> {
    let mut linker = Linker::<Calls>::new(engine);
    let mut root = linker.root();
    root.func_wrap_poll::<(u32,), (u32,)>("slow", |mut store, cx, (n,)| {
        store.data_mut().poll(cx, *n, (*n + 1,))
    })
    .unwrap();
    root.func_wrap_poll::<(u64,), (u64,)>("slow-long", |mut store, cx, (n,)| {
        store.data_mut().poll(cx, u32::try_from(*n).unwrap_or(0), (*n + 1,))
    })
    .unwrap();
    root.func_wrap_poll::<(u32,), ()>("pause", |mut store, cx, (n,)| store.data_mut().poll(cx, *n, ()))
        .unwrap();
    root.func_wrap_poll::<(), ()>("rest", |mut store, cx, ()| store.data_mut().poll(cx, 3, ())).unwrap();
    root.func_wrap_poll::<(u32, u32, u32), (u32,)>("three", |mut store, cx, _| {
        store.data_mut().poll(cx, 3, (0,))
    })
    .unwrap();
    root.func_wrap_poll::<(u32, u32, u32, u32), (u32,)>("four", |mut store, cx, _| {
        store.data_mut().poll(cx, 3, (8,))
    })
    .unwrap();
    linker
}

fn slow_instance(text: &str) -> (Store<Calls>, Result<wasmote::component::Instance, Error>) {
    let component = load(&parse(text)).unwrap();
    let mut store = Store::new(component.engine(), Calls::default());
    let instance = slow_host(component.engine()).instantiate(&mut store, &component);
    (store, instance)
}

/// Each function of the host, how it reads in a component and in a core module, and a component that has it lifted,
/// re-exported by a core module, called by one, and lifted by two components on the way to another.
fn lifted() -> Vec<(String, bool)> {
    let mut texts = Vec::new();
    for (name, ty, core) in [
        ("slow", r#"(param "n" u32) (result u32)"#, "(param i32) (result i32)"),
        ("slow-long", r#"(param "n" u64) (result u64)"#, "(param i64) (result i64)"),
        ("pause", r#"(param "n" u32)"#, "(param i32)"),
    ] {
        for color in ["", "async"] {
            let ty = format!("{color} {ty}");
            let text = format!(
                r#"(component
                    (import "{name}" (func $f {ty}))
                    (core func $f (canon lower (func $f)))
                    (core module $m (import "" "f" (func $f {core})) (export "f" (func $f))
                        (func (export "call") {core} (call $f (local.get 0))))
                    (core instance $m (instantiate $m (with "" (instance (export "f" (func $f))))))
                    (func (export "lifted") {ty} (canon lift (core func $f)))
                    (func (export "exported") {ty} (canon lift (core func $m "f")))
                    (func (export "called") {ty} (canon lift (core func $m "call")))
                    (component $pass (import "f" (func $f {ty})) (core func $f (canon lower (func $f)))
                        (func (export "f") {ty} (canon lift (core func $f))))
                    (instance $a (instantiate $pass (with "f" (func $f))))
                    (instance $b (instantiate $pass (with "f" (func $a "f"))))
                    (export "passed" (func $b "f")))"#
            );
            texts.push((text, name == "slow-long"));
        }
    }
    texts
}

const WAYS: [&str; 4] = ["called", "lifted", "exported", "passed"];

fn number(n: u32, is_long: bool) -> Val {
    if is_long { Val::U64(n.into()) } else { Val::U32(n) }
}

#[test]
fn a_lifted_function_of_the_host_waits_like_a_guests() {
    for (text, is_long) in lifted() {
        let (mut store, instance) = slow_instance(&text);
        let instance = instance.unwrap();
        for name in WAYS {
            let func = instance.get_func(&store, name).unwrap();
            for n in [0, 1, 5] {
                let mut results = vec![Val::Bool(false); func.result_count()];
                let ended = func.call(&mut store, &[number(n, is_long)], &mut results);
                ended.unwrap_or_else(|error| panic!("{name} {n}: {error}\n{text}"));
                let expected = vec![number(n + 1, is_long); func.result_count()];
                assert_eq!(results, expected, "{name} {n}\n{text}");
                assert_eq!(core::mem::take(&mut store.data_mut().answered), 1, "{name} {n}\n{text}");
            }
        }
    }
}

#[test]
fn it_ends_with_the_budget_wherever_that_is() {
    for (text, is_long) in lifted() {
        for name in WAYS {
            let mut ended_well = false;
            for fuel in (0..600).step_by(7) {
                let (mut store, instance) = slow_instance(&text);
                let func = instance.unwrap().get_func(&store, name).unwrap();
                store.set_fuel(fuel).unwrap();
                let mut results = vec![Val::Bool(false); func.result_count()];
                match func.call(&mut store, &[number(4, is_long)], &mut results) {
                    Ok(()) => ended_well = true,
                    Err(error) => {
                        assert_eq!(error.trap(), Some(Trap::OutOfFuel), "{name} {fuel}: {error}\n{text}");
                        assert!(!ended_well, "more fuel is enough where less was: {name} {fuel}\n{text}");
                    }
                }
            }
            assert!(ended_well, "{name}\n{text}");
        }
    }
}

#[test]
fn it_may_be_dropped_at_every_poll() {
    for (text, is_long) in lifted() {
        for name in WAYS {
            for polls in 0..8 {
                let (mut store, instance) = slow_instance(&text);
                let func = instance.unwrap().get_func(&store, name).unwrap();
                let mut results = vec![Val::Bool(false); func.result_count()];
                let mut ended = false;
                {
                    let params = [number(5, is_long)];
                    let mut call = pin!(func.call_async(&mut store, &params, &mut results));
                    for _ in 0..polls {
                        let mut cx = Context::from_waker(Waker::noop());
                        ended = ended || call.as_mut().poll(&mut cx).is_ready();
                    }
                }
                let again = func.call(&mut store, &[number(1, is_long)], &mut results);
                let trap = again.as_ref().err().and_then(Error::trap);
                assert!(!matches!(trap, Some(Trap::Bug(_))), "{name} {polls}: {again:?}\n{text}");
                assert!(!ended || again.is_ok(), "{name} {polls}: {again:?}\n{text}");
            }
        }
    }
}

#[test]
fn a_destructor_of_the_host_may_wait() {
    let text = r#"(component
        (import "pause" (func $pause (param "n" u32)))
        (core func $pause (canon lower (func $pause)))
        (type $r' (resource (rep i32) (dtor (core func $pause))))
        (export $r "r" (type $r'))
        (core func $new (canon resource.new $r'))
        (core func $drop (canon resource.drop $r'))
        (func (export "make") (param "n" u32) (result (own $r)) (canon lift (core func $new)))
        (func (export "take") (param "x" (own $r)) (canon lift (core func $drop))))"#;
    for n in [0, 4] {
        let (mut store, instance) = slow_instance(text);
        let instance = instance.unwrap();
        let make = instance.get_typed_func::<(u32,), (ResourceAny,)>(&store, "make").unwrap();
        let take = instance.get_typed_func::<(ResourceAny,), ()>(&store, "take").unwrap();
        let (made,) = make.call(&mut store, (n,)).unwrap();
        take.call(&mut store, (made,)).unwrap();
        assert_eq!(store.data().answered, 1);
        let (made,) = make.call(&mut store, (n,)).unwrap();
        made.resource_drop(&mut store).unwrap();
        // It goes on with what comes after it.
        let (made,) = make.call(&mut store, (n,)).unwrap();
        take.call(&mut store, (made,)).unwrap();
        assert_eq!(store.data().answered, 3);
    }
}

#[test]
fn a_callback_of_the_host_may_wait() {
    // It says that the task is over, and that task returned nothing.
    let text = r#"(component
        (import "three" (func $three (param "a" u32) (param "b" u32) (param "c" u32) (result u32)))
        (core func $three (canon lower (func $three)))
        (core module $m (func (export "run") (result i32) (i32.const 1)))
        (core instance $m (instantiate $m))
        (func (export "run") async (canon lift (core func $m "run") async (callback (core func $three)))))"#;
    let (mut store, instance) = slow_instance(text);
    let run = instance.unwrap().get_typed_func::<(), ()>(&store, "run").unwrap();
    assert_eq!(rule(run.call(&mut store, ())), Rule::NoResult);
    assert_eq!(store.data().answered, 1);
}

#[test]
fn a_thread_may_be_a_function_of_the_host() {
    let text = r#"(component
        (import "pause" (func $pause (param "n" u32)))
        (core func $pause (canon lower (func $pause)))
        (core module $libc (import "" "pause" (func $pause (param i32)))
            (table (export "t") 1 funcref) (elem (i32.const 0) func $pause))
        (core instance $libc (instantiate $libc (with "" (instance (export "pause" (func $pause))))))
        (core type $f (func (param i32)))
        (core func $new (canon thread.new-indirect $f (core table $libc "t")))
        (core func $switch (canon thread.yield-then-resume))
        (core module $m
            (import "" "new" (func $new (param i32 i32) (result i32)))
            (import "" "switch" (func $switch (param i32) (result i32)))
            (func (export "run") (drop (call $switch (call $new (i32.const 0) (i32.const 5))))))
        (core instance $m (instantiate $m (with "" (instance
            (export "new" (func $new)) (export "switch" (func $switch))))))
        (func (export "run") async (canon lift (core func $m "run"))))"#;
    let (mut store, instance) = slow_instance(text);
    let run = instance.unwrap().get_typed_func::<(), ()>(&store, "run").unwrap();
    for times in 1..4 {
        run.call(&mut store, ()).unwrap();
        // The last one need not be over when the function has returned.
        assert!((times - 1..=times).contains(&store.data().answered));
    }
}

#[test]
fn what_must_return_at_once_is_refused_to_the_host_too() {
    let leaving = |option: &str| {
        let text = format!(
            r#"(component
                (import "pause" (func $pause (param "n" u32)))
                (import "four" (func $four (param "a" u32) (param "b" u32) (param "c" u32) (param "d" u32) (result u32)))
                (core func $pause (canon lower (func $pause)))
                (core func $four (canon lower (func $four)))
                (core module $m (memory (export "m") 1)
                    (func (export "r") (param i32 i32 i32 i32) (result i32) (i32.const 8))
                    (func (export "run") (param i32 i32) (result i32) (i32.const 3)))
                (core instance $m (instantiate $m))
                (func (export "run") (param "s" string) (result u32) (canon lift (core func $m "run")
                    (memory (core memory $m "m")) {option})))"#
        );
        let (mut store, instance) = slow_instance(&text);
        let run = instance.unwrap().get_typed_func::<(&str,), (u32,)>(&store, "run").unwrap();
        rule(run.call(&mut store, ("",)).map(drop))
    };
    assert_eq!(leaving("(realloc (core func $four))"), Rule::CannotLeave);
    let post_return = r#"(realloc (core func $m "r")) (post-return (core func $pause))"#;
    assert_eq!(leaving(post_return), Rule::CannotLeave);
}

#[test]
fn a_start_function_of_the_host_may_not_wait() {
    let text = r#"(component
        (import "rest" (func $rest))
        (core func $rest (canon lower (func $rest)))
        (core module $m (import "" "rest" (func $rest)) (start $rest))
        (core instance (instantiate $m (with "" (instance (export "rest" (func $rest)))))))"#;
    let (_, instance) = slow_instance(text);
    assert_eq!(rule(instance.map(drop)), Rule::CannotBlock);
}
