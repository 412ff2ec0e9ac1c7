//! Loaded code: the interpreter's engine, and modules compiled in it.

use crate::{
    Limits,
    engine::{
        Metering, Outline, meter,
        scan::{RESERVED, START},
        store::type_text,
    },
};
use alloc::{string::String, sync::Arc, vec::Vec};
use core::sync::atomic::{AtomicU16, Ordering};

/// An interpreter, configured. It keeps every module it compiled until it is dropped, so each program
/// has one of its own.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(super) inner: wasmi::Engine,
    pub(super) metering: Metering,
    pub(super) limits: Limits,
    /// Whether it refuses what [`blocks`](super::blocks) would have to edit, so that nothing is sought.
    pub(super) is_plain: bool,
}

impl Engine {
    /// An engine for programs under `limits`.
    #[must_use]
    pub fn new(metering: Metering, limits: &Limits) -> Self {
        Self::configured(metering, limits, |_| {})
    }

    /// An engine with further options.
    pub(super) fn configured(
        metering: Metering,
        limits: &Limits,
        options: impl FnOnce(&mut wasmi::Config),
    ) -> Self {
        let mut config = wasmi::Config::default();
        let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        config
            .compilation_mode(wasmi::CompilationMode::LazyTranslation)
            .fuel_cost(wasmi::CustomFuelCosts {
                bytes_copied_per_fuel: 64,
                fuel_per_bytes_translated: 0,
                fuel_per_bytes_validated: 0,
            })
            .set_max_recursion_depth(size(limits.call_depth))
            .set_max_stack_height(size(limits.stack_bytes).max(STACK_BYTES_MIN))
            .set_min_stack_height(STACK_BYTES_MIN)
            .ignore_custom_sections(true)
            .allow_start_fn(false);
        meter::configure(&mut config, metering);
        options(&mut config);
        Self { inner: wasmi::Engine::new(&config), metering, limits: *limits, is_plain: false }
    }

    /// Whether code of this engine counts fuel.
    #[must_use]
    pub fn metering(&self) -> Metering {
        self.metering
    }

    /// The bounds its programs were loaded under.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// What a guest's value stack begins with, in bytes.
const STACK_BYTES_MIN: usize = 1_000;

/// A validated core module.
#[derive(Clone, Debug)]
pub struct Module {
    pub(super) inner: wasmi::Module,
    pub(super) outline: Outline,
    pub(super) resolved: Resolved,
}

/// What a module's imports were resolved to, once it was seen to have the right types: the resolver's numbers, one more
/// than they are; 0 for what is not known. There is one resolver for each kind of guest, so what was found once holds for
/// every instance. The interpreter checks the types again in any case, and says less about it.
#[derive(Clone, Debug)]
pub(super) struct Resolved(Arc<[AtomicU16]>);

impl Resolved {
    /// Nothing is known yet.
    pub(super) fn none(module: &wasmi::Module) -> Self {
        Self(module.imports().map(|_| AtomicU16::new(0)).collect())
    }

    /// The number for each import in turn, where it is known.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = Option<u16>> {
        self.0.iter().map(|number| number.load(Ordering::Relaxed).checked_sub(1))
    }

    pub(super) fn set(&self, numbers: impl Iterator<Item = u16>) {
        for (slot, number) in self.0.iter().zip(numbers) {
            slot.store(number.saturating_add(1), Ordering::Relaxed);
        }
    }
}

impl Module {
    /// What it declares, by count and size.
    #[must_use]
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// The export that must be called first, if the module has a start function.
    #[must_use]
    pub fn start(&self) -> Option<&'static str> {
        self.outline.start.map(|_| START)
    }

    /// Each import: module, name, and how its type reads.
    pub fn imports(&self) -> impl Iterator<Item = (&str, &str, String)> {
        self.inner.imports().map(|import| (import.module(), import.name(), type_text(import.ty())))
    }

    /// Each export: name, and how its type reads.
    pub fn exports(&self) -> impl Iterator<Item = (&str, String)> {
        let is_added =
            |name: &str| !self.outline.exports_reserved_name && name.as_bytes().starts_with(RESERVED);
        let exports = self.inner.exports().filter(move |export| !is_added(export.name()));
        exports.map(|export| (export.name(), type_text(export.ty())))
    }

    /// Whether `name` is exported, and a function that takes and returns nothing.
    pub(crate) fn exports_plain(&self, name: &str) -> bool {
        match self.inner.get_export(name) {
            Some(wasmi::ExternType::Func(ty)) => ty.params().is_empty() && ty.results().is_empty(),
            _ => false,
        }
    }

    /// The parameter types of the exported function `name`, if there is one.
    pub(crate) fn function_params(&self, name: &str) -> Option<Vec<wasmi::ValType>> {
        match self.inner.get_export(name)? {
            wasmi::ExternType::Func(ty) => Some(ty.params().to_vec()),
            _ => None,
        }
    }
}
