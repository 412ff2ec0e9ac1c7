//! Generated bindings at work: a host implements what `tests/bindgen/garden.wit` imports, and calls what it exports.
//! The component was built for an older, compatible version of the package.

#![cfg(feature = "component")]

/// Worlds whose structs are called as what generated code uses; packages that are called as crates.
#[path = "bindgen/collisions.rs"]
#[allow(
    non_snake_case,
    clippy::module_inception,
    clippy::new_ret_no_self,
    clippy::type_complexity,
    clippy::wrong_self_convention,
    reason = "their names are those of WIT"
)]
mod collisions;
#[path = "bindgen/garden.rs"]
#[allow(
    clippy::new_ret_no_self,
    clippy::wrong_self_convention,
    reason = "WIT's constructors are functions of a host"
)]
mod garden;
/// A world whose names are those that generated code needs itself: it is enough that it compiles.
#[path = "bindgen/odd.rs"]
#[allow(
    non_snake_case,
    clippy::module_inception,
    clippy::new_ret_no_self,
    clippy::type_complexity,
    clippy::wrong_self_convention,
    reason = "its names and types are those of WIT, and two names differ by an underscore"
)]
mod odd;

use core::task::{Context, Poll};
use garden::{
    Garden, GardenImports,
    example::garden::{
        beds::{self, Bed, HostBed},
        weather::{self, Alarms, Report, Season, Sky},
    },
};
use wasmote::{
    component::{Component, Engine, Linker, Resource, ResourceTable, Store},
    engine::Fault,
};

/// What the garden's host keeps.
#[derive(Default)]
struct State {
    names: Vec<Option<String>>,
    table: ResourceTable,
    poured: u32,
    lines: Vec<String>,
    /// How often the guest asked for rain that had not fallen.
    dry_days: u32,
}

impl weather::Host for State {
    fn now(&mut self, season: Season) -> Result<Result<Report, String>, Fault> {
        Ok(match season {
            Season::Winter => Err("nobody looked".into()),
            _ => Ok(Report { celsius: 12.5, sky: Sky::Rain(7), alarms: Alarms::STORM }),
        })
    }

    fn next_rain(&mut self, cx: &mut Context<'_>) -> Poll<Result<u32, Fault>> {
        if self.dry_days < 3 {
            self.dry_days += 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(5))
    }
}

impl beds::Host for State {
    fn dry(&mut self) -> Result<Vec<Resource<Bed>>, Fault> {
        ["tulips", "beans"].map(|name| HostBed::new(self, name.into())).into_iter().collect()
    }
}

impl HostBed for State {
    fn new(&mut self, name: String) -> Result<Resource<Bed>, Fault> {
        self.names.push(Some(name));
        Ok(Resource::new_own(self.names.len() as u32 - 1))
    }

    fn water(&mut self, this: Resource<Bed>, litres: u32) -> Result<u32, Fault> {
        assert_eq!(self.names[this.rep() as usize].as_deref(), Some("roses"));
        assert!(!this.owned());
        self.poured += litres;
        Ok(litres)
    }

    fn name(&mut self, this: Resource<Bed>) -> Result<String, Fault> {
        Ok(self.names[this.rep() as usize].clone().unwrap())
    }

    fn count(&mut self) -> Result<u32, Fault> {
        Ok(self.names.iter().flatten().count() as u32)
    }

    fn type_(&mut self, this: Resource<Bed>) -> Result<Option<Vec<u8>>, Fault> {
        assert!(self.table.is_empty());
        Ok((this.rep() == 0).then(|| vec![40]))
    }

    fn drop(&mut self, this: Resource<Bed>) -> Result<(), Fault> {
        assert!(this.owned());
        assert!(self.names[this.rep() as usize].take().is_some(), "dropped twice");
        Ok(())
    }
}

impl GardenImports for State {
    fn log(&mut self, line: String) -> Result<(), Fault> {
        self.lines.push(line);
        Ok(())
    }
}

fn planted() -> (Store<State>, Garden) {
    let engine = Engine::default();
    let bytes = wat::parse_str(include_str!("bindgen/garden.wat")).unwrap();
    let component = Component::new(&engine, bytes).unwrap();
    let mut linker = Linker::new(&engine);
    Garden::add_to_linker(&mut linker, |state: &mut State| state).unwrap();
    let mut store = Store::new(&engine, State::default());
    let garden = Garden::instantiate(&mut store, &component, &linker).unwrap();
    (store, garden)
}

#[test]
fn imported_resources_live_as_long_as_the_guest_holds_them() {
    let (mut store, garden) = planted();
    // 3 + 4 litres, one bed while it pours, type 40, two dry beds.
    assert_eq!(garden.call_tend(&mut store, vec![3, 4]).unwrap(), Ok(1_247));
    let state = store.data();
    assert_eq!(state.poured, 7);
    assert_eq!(state.lines, ["watered"]);
    assert_eq!(state.names, [None, None, None]);
}

#[test]
fn an_error_of_the_guest_is_a_value() {
    let (mut store, garden) = planted();
    assert_eq!(garden.call_tend(&mut store, vec![]).unwrap(), Err("nothing to pour".into()));
}

#[test]
fn an_async_export_waits_for_an_async_import() {
    let (mut store, garden) = planted();
    // 5 that fall, 7 in autumn, and nothing known of winter.
    let rain = wasmote::block_on(garden.call_wait_for_rain_async(&mut store)).unwrap();
    assert_eq!((rain, store.data().dry_days), (1_012, 3));
    assert_eq!(garden.call_wait_for_rain(&mut store).unwrap(), 1_012);
}

#[test]
fn exported_resources_are_made_used_and_dropped() {
    let (mut store, garden) = planted();
    let entries = garden.example_garden_diary().entry();
    let entry = entries.call_constructor(&mut store, "spring".into()).unwrap();
    let report = Report { celsius: 21.7, sky: Sky::Rain(9), alarms: Alarms::FROST | Alarms::STORM };
    assert_eq!(entries.call_add(&mut store, entry, report.clone()).unwrap(), 3_130);
    let clear = Report { sky: Sky::Clear, alarms: Alarms::empty(), ..report };
    assert_eq!(entries.call_add(&mut store, entry, clear).unwrap(), 221);
    assert_eq!(entries.call_title(&mut store, entry).unwrap(), "spring");
    entry.resource_drop(&mut store).unwrap();
    assert_eq!(store.data().lines, ["the diary is closed"]);
}

#[test]
fn a_component_of_another_world_is_refused_when_it_is_found() {
    let engine = Engine::default();
    let component = Component::new(&engine, wat::parse_str("(component)").unwrap()).unwrap();
    let mut store = Store::new(&engine, State::default());
    let error = Garden::instantiate(&mut store, &component, &Linker::new(&engine)).unwrap_err();
    assert!(error.to_string().contains("tend"), "{error}");
}
