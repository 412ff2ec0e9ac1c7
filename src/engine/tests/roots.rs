//! Functions of the host as what the host calls: a guest exports what it imports.

use super::*;

const GIVING_BACK: &str = r#"(module
    (import "host" "wait" (func $wait (param i32) (result i32)))
    (import "host" "note" (func $note (param i32)))
    (import "host" "work" (func $work (param i32)))
    (table (export "table") 1 funcref) (elem (i32.const 0) func $wait)
    (export "wait" (func $wait)) (export "note" (func $note)) (export "work" (func $work)))"#;

/// Polls a call until it is over; how often that was.
fn polled(guest: &mut Guest, name: &str, number: i32) -> (u32, Result<Vec<Value>, Fault>) {
    let mut call = pin!(guest.call(name, &[Val::I32(number)]));
    let mut cx = Context::from_waker(Waker::noop());
    let mut polls = 1;
    loop {
        match call.as_mut().poll(&mut cx) {
            Poll::Ready(result) => return (polls, result),
            Poll::Pending => polls += 1,
        }
    }
}

#[test]
fn one_that_waits_is_asked_again_and_answers_the_host() {
    for metering in [Metering::On, Metering::Off] {
        if metering == Metering::Off && !cfg!(feature = "unmetered") {
            continue;
        }
        let mut guest = Guest::with(GIVING_BACK, &Limits::server(), metering).unwrap();
        for waits in [0, 5] {
            let (polls, result) = polled(&mut guest, "wait", waits);
            assert_eq!(i32s(&result.unwrap()), [waits]);
            assert_eq!(polls, 1 + waits.cast_unsigned());
        }
        assert_eq!(guest.run("note", &[Val::I32(7)]).unwrap(), []);
        assert_eq!(guest.store.data().noted, [7]);
        assert_eq!(guest.run("note", &[Val::I32(13)]).unwrap_err(), Fault::Exit(13));
    }
}

#[test]
fn it_costs_what_a_call_costs_whether_it_waits_or_not() {
    const CALL: u64 = 20;
    for waits in [0, 5] {
        for budget in 0..CALL + 3 {
            let mut guest = Guest::new(GIVING_BACK);
            guest.store.set_fuel(budget).unwrap();
            let (_, result) = polled(&mut guest, "wait", waits);
            match result {
                Ok(results) => assert_eq!((i32s(&results), budget >= CALL), (vec![waits], true)),
                Err(fault) => assert_eq!((fault, budget < CALL), (Fault::Trap(Trap::OutOfFuel), true)),
            }
            assert_eq!(guest.store.fuel_left(), budget.saturating_sub(CALL));
        }
    }
}

#[test]
fn a_budget_may_end_while_it_waits() {
    let needed = 20 + 6 * 10;
    for budget in 0..needed + 3 {
        let mut guest = Guest::new(GIVING_BACK);
        guest.store.set_fuel(budget).unwrap();
        let (polls, result) = polled(&mut guest, "work", 5);
        assert_eq!(result.is_ok(), budget >= needed, "{budget}: {result:?}");
        if let Err(fault) = result {
            assert_eq!(fault, Fault::Trap(Trap::OutOfFuel));
        }
        assert!(polls <= 6 && guest.store.fuel_left() <= budget.saturating_sub(needed));
    }
}

#[test]
fn it_may_be_dropped_wherever_it_waits() {
    for polls in 0..7 {
        let mut guest = Guest::new(GIVING_BACK);
        {
            let mut call = Box::pin(guest.call("wait", &[Val::I32(5)]));
            for _ in 0..polls {
                let _ = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            }
        }
        guest.store.data_mut().asked = 0;
        assert_eq!(i32s(&polled(&mut guest, "wait", 2).1.unwrap()), [2]);
    }
}

#[test]
fn many_calls_of_one_end_in_any_order() {
    let mut guest = Guest::new(GIVING_BACK);
    let function = guest.function("wait");
    let mut activations: Vec<_> = (0..64)
        .map(|_| Activation::returning(function.inner, function.results(), vec![Val::I32(i32::MAX)]))
        .collect();
    for activation in &mut activations {
        assert_eq!(activation.step(&mut guest.store.caller(), None), Ok(Step::Blocked));
    }
    for (number, activation) in activations.iter_mut().enumerate().rev() {
        let answer = Some(Val::I32(i32::try_from(number).unwrap()));
        assert_eq!(activation.step(&mut guest.store.caller(), answer), Ok(Step::Finished));
    }
    for (number, activation) in activations.into_iter().enumerate() {
        let results: Vec<_> = activation.into_results().iter().map(Value::from_wasmi).collect();
        assert_eq!(i32s(&results), [i32::try_from(number).unwrap()]);
    }
}

#[test]
fn it_is_seen_by_those_who_watch() {
    let lines = Arc::new(Mutex::new(Vec::<String>::new()));
    let mut guest = Guest::new(GIVING_BACK);
    let sink = Arc::clone(&lines);
    guest.store.interpose(Box::new(Tracer::new(move |line: &str| sink.lock().push(line.into()))));
    assert_eq!(i32s(&polled(&mut guest, "wait", 1).1.unwrap()), [1]);
    let lines: Vec<_> = lines.lock().iter().map(|line| String::from(&line[13..])).collect();
    assert_eq!(lines, ["→ wait", "  wait waits", "  wait(polls=1) = 1", "← wait"]);
}
