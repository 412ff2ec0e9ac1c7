//! How many files and sockets this process may have open.

use crate::serve::log::Log;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wasmote::backend::std::set_descriptors_max;

/// What is open besides connections: standard streams, the listeners, and what the programs use, of which nobody knows
/// how much it is.
const OTHERS: u64 = 64;

/// Raises the limit as far as this process may, and says so where that is not enough for all connections.
pub fn raise(connections: usize, log: &Log) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // Who does not get more has what there was.
    let current = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    let Some(current) = current else { return };
    set_descriptors_max(Some(guests_share(current, connections)));
    if let Some(sentence) = too_few(current, connections) {
        log.event(&sentence);
    }
}

/// What guests may hold of so many: half, and nothing of what connections take.
fn guests_share(descriptors: u64, connections: usize) -> u32 {
    let left = descriptors.saturating_sub(OTHERS.saturating_add(connections as u64));
    u32::try_from(left.min(descriptors / 2).max(OTHERS)).unwrap_or(u32::MAX)
}

fn too_few(descriptors: u64, connections: usize) -> Option<String> {
    let wanted = OTHERS.saturating_add(connections as u64);
    (descriptors < wanted).then(|| {
        format!(
            "warning: this process may have {descriptors} files and sockets open, too few for --max-connections \
             {connections}: raise its limit (`ulimit -n`), or lower that"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_leave_the_descriptors_that_connections_take() {
        assert_eq!(guests_share(1 << 20, 4_096), 1 << 19);
        assert_eq!(guests_share(5_000, 4_096), 840);
        assert_eq!(guests_share(1_024, 4_096), 64, "too few for anybody, which is told");
    }

    #[test]
    fn too_few_descriptors_are_told() {
        assert_eq!(too_few(4_160, 4_096), None);
        let told = too_few(1_024, 4_096).unwrap();
        assert!(told.contains("1024 files") && told.contains("--max-connections 4096"), "{told}");
    }
}
