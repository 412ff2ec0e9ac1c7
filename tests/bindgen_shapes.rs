//! Generated bindings for maps, arrays, error contexts and long functions: each value goes from this host through a
//! guest to this host, and back.

#![cfg(feature = "component")]

#[path = "bindgen/shapes.rs"]
#[allow(
    clippy::too_many_arguments,
    clippy::type_complexity,
    reason = "that a function has many is what is tested"
)]
mod shapes;

use shapes::{
    Shapes,
    example::shapes::forms::{Counts, Crate, Host, Key, Tap},
    exports::example::shapes::forms,
};
use std::{
    collections::BTreeMap,
    task::{Context, Poll, ready},
};
use wasmote::{
    component::{
        Access, AsContextMut, Component, Engine, ErrorContext, Features, FutureReader, Linker, Store,
        StoreContextMut, StreamProducer, StreamReader, StreamResult, StreamWriter,
    },
    engine::Fault,
};

struct State;

impl Host for State {
    fn count(&mut self, mut before: Counts) -> Result<Counts, Fault> {
        *before.entry("größer".into()).or_default() += 1;
        Ok(before)
    }

    fn turn(&mut self, [a, b, c, d]: Key) -> Result<Key, Fault> {
        Ok([d, a, b, c])
    }

    fn grid(&mut self, cells: [[f32; 2]; 2]) -> Result<[String; 2], Fault> {
        Ok(cells.map(|row| format!("{row:?}")))
    }

    fn pack(&mut self, mut crate_: Crate) -> Result<Crate, Fault> {
        crate_.corners.reverse();
        crate_.names.insert(1, vec!["one".into(), String::new()]);
        crate_.note = ErrorContext::new(format!("{} too", crate_.note.debug_message()));
        Ok(crate_)
    }

    fn totals<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        tap: Tap,
    ) -> Result<StreamReader<u64>, Fault> {
        Ok(StreamReader::new(access.store(), Totals { tap, open: true, total: 0, told: Vec::new() }))
    }

    fn many(
        &mut self,
        a: u32,
        b: u32,
        c: u32,
        d: u32,
        e: u32,
        f: u32,
        g: u32,
        h: u32,
        i: u32,
        j: u32,
        k: u32,
        l: u32,
        m: u32,
        n: u32,
        o: u32,
        p: String,
    ) -> Result<u32, Fault> {
        let all = [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o];
        Ok(all.iter().zip(1..).map(|(value, weight)| value * weight).sum::<u32>() + p.len() as u32)
    }
}

/// What has come so far, until none come or they are enough.
struct Totals {
    tap: Tap,
    open: bool,
    total: u64,
    told: Vec<u64>,
}

impl<D: Send + 'static> StreamProducer<D> for Totals {
    type Item = u64;

    fn poll_produce(
        &mut self,
        _: &mut Context<'_>,
        mut store: StoreContextMut<'_, D>,
        destination: &mut StreamWriter<u64>,
    ) -> Poll<Result<StreamResult, Fault>> {
        if self.told.is_empty() {
            if self.open && self.tap.enough.poll_read(&mut store)?.is_ready() {
                self.open = false;
            }
            let Some(values) =
                (if self.open { ready!(self.tap.values.poll_read(&mut store, 2))? } else { None })
            else {
                return Poll::Ready(Ok(StreamResult::Dropped));
            };
            for value in values {
                self.total += u64::from(value);
                self.told.push(self.total);
            }
        }
        let written = ready!(destination.poll_write(store, &mut self.told))?;
        Poll::Ready(Ok(if written.is_some() { StreamResult::Completed } else { StreamResult::Dropped }))
    }
}

fn made() -> (Store<State>, Shapes) {
    let features = Features { error_context: true, fixed_length_lists: true, ..Features::default() };
    let engine = Engine::new(features, &wasmote::Limits::server());
    let bytes = wat::parse_str(include_str!("bindgen/shapes.wat")).unwrap();
    let component = Component::new(&engine, bytes).unwrap();
    let mut linker = Linker::new(&engine);
    Shapes::add_to_linker(&mut linker, |state: &mut State| state).unwrap();
    let mut store = Store::new(&engine, State);
    let shapes = Shapes::instantiate(&mut store, &component, &linker).unwrap();
    (store, shapes)
}

#[test]
fn maps_go_both_ways() {
    let (mut store, shapes) = made();
    let forms = shapes.example_shapes_forms();
    let before = BTreeMap::from([("a".to_string(), 7), ("größer".to_string(), 1)]);
    let after = forms.call_count(&mut store, before).unwrap();
    assert_eq!(after, BTreeMap::from([("a".to_string(), 7), ("größer".to_string(), 2)]));
    let after = forms.call_count(&mut store, BTreeMap::new()).unwrap();
    assert_eq!(after, BTreeMap::from([("größer".to_string(), 1)]));
}

#[test]
fn arrays_go_both_ways() {
    let (mut store, shapes) = made();
    let forms = shapes.example_shapes_forms();
    assert_eq!(forms.call_turn(&mut store, [1, 2, 3, 255]).unwrap(), [255, 1, 2, 3]);
    let rows = forms.call_grid(&mut store, [[1.0, -2.5], [0.0, 4.0]]).unwrap();
    assert_eq!(rows, ["[1.0, -2.5]", "[0.0, 4.0]"]);
}

#[test]
fn all_of_them_go_in_a_record() {
    let (mut store, shapes) = made();
    let packed = forms::Crate {
        key: [9, 8, 7, 6],
        corners: [(-1, 2), (300, -400)],
        names: BTreeMap::from([(1, vec!["gone".into()]), (65_535, Vec::new())]),
        note: ErrorContext::new("fragile"),
    };
    let packed = shapes.example_shapes_forms().call_pack(&mut store, packed).unwrap();
    assert_eq!(packed.key, [9, 8, 7, 6]);
    assert_eq!(packed.corners, [(300, -400), (-1, 2)]);
    let one = vec!["one".to_string(), String::new()];
    assert_eq!(packed.names, BTreeMap::from([(1, one), (65_535, Vec::new())]));
    assert_eq!(packed.note.debug_message(), "fragile too");
}

#[test]
fn a_function_may_take_sixteen_values() {
    let (mut store, shapes) = made();
    let forms = shapes.example_shapes_forms();
    let sum = forms.call_many(&mut store, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, "four".into());
    assert_eq!(sum.unwrap(), (1..=15).map(|n| n * n).sum::<u32>() + 4);
}

/// Reads all of a stream, by what a store does by itself.
fn read_all(store: &mut Store<State>, mut stream: StreamReader<u64>) -> Vec<u64> {
    let mut all = Vec::new();
    loop {
        match stream.poll_read(&mut *store, 100) {
            Poll::Ready(read) => match read.unwrap() {
                Some(some) => all.extend(some),
                None => return all,
            },
            Poll::Pending => assert!(store.run_until_idle().unwrap(), "nothing comes after {all:?}"),
        }
    }
}

#[test]
fn streams_and_futures_go_both_ways() {
    let (mut store, shapes) = made();
    let forms = shapes.example_shapes_forms();
    let values = StreamReader::new(&mut store, vec![1, 2, 40, u32::MAX].into_iter());
    let (enough, never) = store.as_context_mut().future();
    let totals = forms.call_totals(&mut store, forms::Tap { values, enough: never }).unwrap();
    let all = [1, 3, 43, 43 + u64::from(u32::MAX)];
    assert_eq!(read_all(&mut store, totals), all);
    enough.write(&mut store, ());

    let values = StreamReader::new(&mut store, vec![1, 2].into_iter());
    let enough = FutureReader::new(&mut store, async { Ok(()) });
    let totals = forms.call_totals(&mut store, forms::Tap { values, enough }).unwrap();
    assert!(read_all(&mut store, totals).len() <= 2);
}
