//! What stands in for `prepared` where there are no components: no call ever stops there.

use crate::engine::{Fault, activation::Step, store::Data};
use wasmi::{StoreContextMut, Val};

/// A call of a prepared function that stopped: there are none.
pub(super) enum Stopped {}

impl Stopped {
    pub(super) fn required_fuel(&self) -> u64 {
        match *self {}
    }

    pub(super) fn resume<T: 'static>(
        self,
        _: &mut StoreContextMut<'_, Data<T>>,
        _: &[Val],
        _: &mut [Val],
    ) -> Result<Option<(Self, Step)>, Fault> {
        match self {}
    }
}
