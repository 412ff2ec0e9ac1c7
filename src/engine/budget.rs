//! What a guest may hold of host memory, summed over its whole store.

use crate::{Limits, engine::Outline};
use wasmi::{ResourceLimiter, errors::MemoryError, errors::TableError};

/// One guest's memory, counted where wasmi asks before it allocates.
#[derive(Debug)]
pub(crate) struct Budget {
    memory_bytes: u64,
    memory_bytes_max: u64,
    table_elements: u64,
    table_elements_max: u64,
    instance_bytes: u64,
    instance_bytes_max: u64,
    instances_max: usize,
    tables_max: usize,
    memories_max: usize,
    /// What the last growth was promised, to be given back if the allocator fails it.
    promised: u64,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Self {
        let count = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        Self {
            memory_bytes: 0,
            memory_bytes_max: limits.memory_bytes,
            table_elements: 0,
            table_elements_max: limits.table_elements,
            instance_bytes: 0,
            instance_bytes_max: limits.instance_bytes,
            instances_max: count(limits.instances),
            tables_max: count(limits.tables),
            memories_max: count(limits.memories),
            promised: 0,
        }
    }

    /// Bytes of all linear memories. They only grow, so this is the peak as well.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// Whether what an instance begins with fits beside what there is. The interpreter asks again for each memory and
    /// table, and then nobody could say any more how much it was.
    pub(super) fn check_instance(&self, outline: &Outline) -> Result<(), crate::Error> {
        let checks = [
            ("memory_bytes", self.memory_bytes, outline.memory_bytes, self.memory_bytes_max),
            ("table_elements", self.table_elements, outline.table_elements, self.table_elements_max),
        ];
        for (limit, held, asked, allowed) in checks {
            let total = held.saturating_add(asked);
            if total > allowed {
                return Err(crate::Error::limit(limit, total, allowed));
            }
        }
        Ok(())
    }

    /// Charges an instance's tables of functions, globals and exports before it is made.
    pub(super) fn charge_instance(&mut self, bytes: u64) -> Result<(), crate::Error> {
        let total = self.instance_bytes.saturating_add(bytes);
        if total > self.instance_bytes_max {
            return Err(crate::Error::limit("instance_bytes", total, self.instance_bytes_max));
        }
        self.instance_bytes = total;
        Ok(())
    }
}

/// Adds a growth to a running total, unless it passes what the item itself or the store may have.
fn admit(
    total: &mut u64,
    total_max: u64,
    current: usize,
    desired: usize,
    maximum: Option<usize>,
) -> Option<u64> {
    if maximum.is_some_and(|maximum| desired > maximum) {
        return None;
    }
    let more = u64::try_from(desired.saturating_sub(current)).ok()?;
    let sum = total.checked_add(more).filter(|sum| *sum <= total_max)?;
    *total = sum;
    Some(more)
}

impl ResourceLimiter for Budget {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, wasmi_core::LimiterError> {
        let admitted = admit(&mut self.memory_bytes, self.memory_bytes_max, current, desired, maximum);
        self.promised = admitted.unwrap_or(0);
        Ok(admitted.is_some())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, wasmi_core::LimiterError> {
        let admitted = admit(&mut self.table_elements, self.table_elements_max, current, desired, maximum);
        self.promised = admitted.unwrap_or(0);
        Ok(admitted.is_some())
    }

    fn memory_grow_failed(&mut self, _: &MemoryError) -> Result<(), wasmi_core::LimiterError> {
        self.memory_bytes = self.memory_bytes.saturating_sub(core::mem::take(&mut self.promised));
        Ok(())
    }

    fn table_grow_failed(&mut self, _: &TableError) -> Result<(), wasmi_core::LimiterError> {
        self.table_elements = self.table_elements.saturating_sub(core::mem::take(&mut self.promised));
        Ok(())
    }

    fn instances(&self) -> usize {
        self.instances_max
    }

    fn tables(&self) -> usize {
        self.tables_max
    }

    fn memories(&self) -> usize {
        self.memories_max
    }
}
