//! Functions of the host's that a component exports as it imported them.

use super::load;
use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};
use wasmote::{
    Limits,
    component::{
        Component, Engine, Features, Instance, Linker, List, Resource, ResourceAny, ResourceType, Store,
        StoreContextMut, StreamReader, Val,
    },
};

struct Thing;

/// Exports what it imports, some of it through a component within.
const PASSES_ON: &str = r#"(component
    (import "thing" (type $thing (sub resource)))
    (import "shout" (func $shout (param "s" string) (result string)))
    (import "sum" (func $sum (param "n" (tuple u8 u16 u32 u64 u8 u16 u32 u64 u8 u16 u32 u64 u8 u16 u32 u64 f32 f64))
        (result (tuple u64 (list u16)))))
    (import "look" (func $look (param "x" (borrow $thing)) (result u32)))
    (import "swap" (func $swap (param "x" (own $thing)) (param "y" (borrow $thing)) (result (own $thing))))
    (import "slow" (func $slow (param "s" string) (result (option string))))
    (import "slow-async" (func $slow-async async (param "s" string) (result (option string))))
    (import "pipe" (func $pipe (param "x" (stream u8)) (result (stream u8))))
    (component $inner (import "f" (func $f (param "s" string) (result string))) (export "f" (func $f)))
    (instance $inner (instantiate $inner (with "f" (func $shout))))
    (export $thing' "thing" (type $thing))
    (export "shout" (func $shout))
    (export "inner" (instance $inner))
    (export "sum" (func $sum))
    (export "look" (func $look) (func (param "x" (borrow $thing')) (result u32)))
    (export "swap" (func $swap) (func (param "x" (own $thing')) (param "y" (borrow $thing')) (result (own $thing'))))
    (export "slow" (func $slow))
    (export "slow-async" (func $slow-async))
    (export "pipe" (func $pipe)))"#;

/// How often a slow function was asked, and what was destroyed.
#[derive(Default)]
struct Seen {
    asked: u32,
    destroyed: Vec<u32>,
}

fn host(engine: &Engine) -> Linker<Seen> {
    let mut linker = Linker::<Seen>::new(engine);
    let mut root = linker.root();
    root.resource("thing", ResourceType::host::<Thing>(), |mut cx, rep| {
        cx.data_mut().destroyed.push(rep);
        Ok(())
    })
    .unwrap();
    root.func_wrap("shout", |_, (s,): (String,)| Ok((s.to_uppercase(),))).unwrap();
    root.func_new("sum", |_, ty, params, results| {
        assert_eq!((ty.params().len(), ty.results().len()), (params.len(), results.len()));
        let [Val::Tuple(numbers)] = params else { panic!("{params:?}") };
        let sum = numbers.iter().map(|number| match number {
            Val::U8(n) => u64::from(*n),
            Val::U16(n) => u64::from(*n),
            Val::U32(n) => u64::from(*n),
            Val::U64(n) => *n,
            Val::Float32(n) => *n as u64,
            Val::Float64(n) => *n as u64,
            other => panic!("{other:?}"),
        });
        results[0] = Val::Tuple(vec![Val::U64(sum.sum()), Val::List(List::U16(vec![1, 2, 3]))]);
        Ok(())
    })
    .unwrap();
    root.func_wrap("look", |_, (thing,): (Resource<Thing>,)| {
        assert!(!thing.owned());
        Ok((thing.rep(),))
    })
    .unwrap();
    root.func_wrap("swap", |_, (x, y): (Resource<Thing>, Resource<Thing>)| {
        Ok((Resource::<Thing>::new_own(x.rep() * 10 + y.rep()),))
    })
    .unwrap();
    for name in ["slow", "slow-async"] {
        root.func_wrap_poll(name, |mut cx: StoreContextMut<'_, Seen>, context, (s,): &mut (String,)| {
            cx.data_mut().asked += 1;
            if s == "never" {
                return Poll::Pending;
            }
            if cx.data().asked.is_multiple_of(3) {
                return Poll::Ready(Ok((Some(s.clone() + "!"),)));
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .unwrap();
    }
    root.func_wrap("pipe", |_, (x,): (StreamReader<u8>,)| Ok((x,))).unwrap();
    linker
}

fn passing_on(limits: Limits) -> (Store<Seen>, Instance) {
    let engine = Engine::new(Features::all(), &limits);
    let component: Component = load(&engine, PASSES_ON);
    let mut store = Store::new(&engine, Seen::default());
    let instance = host(&engine).instantiate(&mut store, &component).unwrap();
    (store, instance)
}

#[test]
fn values_of_every_size_pass_through_a_component() {
    let (mut store, instance) = passing_on(Limits { component_instances: 3, ..Limits::server() });
    for name in ["shout", "inner#f"] {
        let shout = instance.get_typed_func::<(&str,), (String,)>(&store, name).unwrap();
        for _ in 0..10 {
            assert_eq!(shout.call(&mut store, ("größe",)).unwrap(), ("GRÖSSE".to_owned(),));
        }
        let shout = instance.get_func(&store, name).unwrap();
        let mut results = [Val::Bool(false)];
        shout.call(&mut store, &[Val::String("a".into())], &mut results).unwrap();
        assert_eq!(results, [Val::String("A".into())]);
        // A value of another type is refused, and nothing has ended.
        assert!(shout.call(&mut store, &[Val::U8(1)], &mut results).unwrap_err().trap().is_none());
    }
    let sum = instance.get_func(&store, "sum").unwrap();
    let quarter = |n| [Val::U8(n), Val::U16(n.into()), Val::U32(n.into()), Val::U64(n.into())];
    let mut numbers: Vec<_> = [1, 2, 3, 4].into_iter().flat_map(quarter).collect();
    numbers.extend([Val::Float32(100.0), Val::Float64(1000.0)]);
    let mut results = [Val::Bool(false)];
    sum.call(&mut store, &[Val::Tuple(numbers)], &mut results).unwrap();
    assert_eq!(results, [Val::Tuple(vec![Val::U64(1140), Val::List(List::U16(vec![1, 2, 3]))])]);
}

#[test]
fn handles_pass_through_a_component_and_leave_none_behind() {
    let (mut store, instance) = passing_on(Limits { handles: 4, ..Limits::server() });
    let look = instance.get_typed_func::<(Resource<Thing>,), (u32,)>(&store, "look").unwrap();
    let swap = instance
        .get_typed_func::<(Resource<Thing>, Resource<Thing>), (ResourceAny,)>(&store, "swap")
        .unwrap();
    let pipe = instance.get_typed_func::<(StreamReader<u8>,), (StreamReader<u8>,)>(&store, "pipe").unwrap();
    for _ in 0..10 {
        assert_eq!(look.call(&mut store, (Resource::new_borrow(7),)).unwrap(), (7,));
        let given = (Resource::new_own(4), Resource::new_borrow(2));
        let (thing,) = swap.call(&mut store, given).unwrap();
        let any = instance.get_typed_func::<(ResourceAny,), (u32,)>(&store, "look").unwrap();
        assert_eq!(any.call(&mut store, (thing,)).unwrap(), (42,));
        thing.resource_drop(&mut store).unwrap();
        let stream = StreamReader::new(&mut store, vec![1_u8, 2].into_iter());
        let (mut stream,) = pipe.call(&mut store, (stream,)).unwrap();
        assert!(stream.poll_read(&mut store, 9).is_pending());
        store.run_until_idle().unwrap();
        assert!(matches!(stream.poll_read(&mut store, 9), Poll::Ready(Ok(Some(all))) if all == [1, 2]));
        stream.close(&mut store).unwrap();
    }
    assert_eq!(store.data().destroyed, [42; 10]);
}

#[test]
fn a_function_that_waits_is_waited_for() {
    for name in ["slow", "slow-async"] {
        let (mut store, instance) = passing_on(Limits { handles: 4, ..Limits::server() });
        let slow = instance.get_typed_func::<(String,), (Option<String>,)>(&store, name).unwrap();
        assert_eq!(slow.call(&mut store, ("hi".into(),)).unwrap(), (Some("hi!".into()),));
        // It is polled as often as it is asked, and no more once it was dropped.
        store.data_mut().asked = 0;
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..10 {
            // Asked twice: when it is called, and when it has to say whom to wake.
            assert!(pin!(slow.call_async(&mut store, ("never".into(),))).poll(&mut cx).is_pending());
            store.data_mut().asked = 0;
        }
        store.run_until_idle().unwrap();
        assert_eq!(store.data().asked, 0);
        let mut call = pin!(slow.call_async(&mut store, ("again".into(),)));
        let ended = (0..8).find_map(|_| match call.as_mut().poll(&mut cx) {
            Poll::Ready(result) => Some(result.unwrap()),
            Poll::Pending => None,
        });
        assert_eq!(ended, Some((Some("again!".into()),)));
    }
}

/// Which the host's function itself does not: it takes anything.
#[test]
fn a_function_that_is_passed_on_keeps_the_type_that_it_was_imported_as() {
    let engine = Engine::default();
    let takes = |param: &str, rest: &str| {
        load(&engine, &format!(r#"(component (import "any" (func $any (param "x" {param}))) {rest})"#))
    };
    let passes = takes("(list u8)", r#"(export "any" (func $any))"#);
    let mut host = Linker::<()>::new(&engine);
    host.root().func_new("any", |_, _, _, _| Ok(())).unwrap();
    let pre = host.instantiate_pre(&passes).unwrap();
    // What was in the store before: nothing, an instance, an instance with a function.
    let before = [None, Some(load(&engine, "(component)")), Some(takes("string", ""))];
    for (before, is_pre) in before.iter().flat_map(|before| [(before, false), (before, true)]) {
        let mut store = Store::new(&engine, ());
        if let Some(before) = before {
            host.instantiate(&mut store, before).unwrap();
        }
        let passed = if is_pre { pre.instantiate(&mut store) } else { host.instantiate(&mut store, &passes) };
        let mut linker = Linker::new(&engine);
        linker.root().export("any", &store, &passed.unwrap(), "any").unwrap();
        linker.instantiate(&mut store, &takes("(list u8)", "")).unwrap();
        let error = linker.instantiate(&mut store, &takes("string", "")).map(drop).unwrap_err();
        assert_eq!(error.missing_imports()[0].found.as_deref(), Some("func(x: list<u8>)"));
    }
}
