//! States of domains and storage pools in libvirt's words.

use serde::Serialize;

/// `virDomainState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DomainState {
    /// libvirt does not know.
    NoState,
    /// It runs.
    Running,
    /// It waits for a resource (Xen).
    Blocked,
    /// Its processors are stopped.
    Paused,
    /// The guest is shutting down.
    ShuttingDown,
    /// It is off.
    ShutOff,
    /// It crashed and is kept for inspection.
    Crashed,
    /// The guest put itself to sleep.
    PmSuspended,
    /// One that this version of the crate has no word for.
    Other(i32),
}

/// Why a domain is in its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct StateReason {
    /// libvirt's number; its meaning depends on the state.
    pub code: i32,
    /// A word for it, as virsh says it.
    pub name: &'static str,
}

/// `virStoragePoolState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PoolState {
    /// Stopped.
    Inactive,
    /// Its storage is being made.
    Building,
    /// It runs.
    Running,
    /// It runs with parts missing.
    Degraded,
    /// It runs but cannot be reached.
    Inaccessible,
    /// One that this version of the crate has no word for.
    Other(i32),
}

impl DomainState {
    pub(crate) fn from_libvirt(state: i32) -> Self {
        match state {
            0 => Self::NoState,
            1 => Self::Running,
            2 => Self::Blocked,
            3 => Self::Paused,
            4 => Self::ShuttingDown,
            5 => Self::ShutOff,
            6 => Self::Crashed,
            7 => Self::PmSuspended,
            other => Self::Other(other),
        }
    }

    /// True if there is a QEMU process (or its like) for it.
    pub fn is_active(self) -> bool {
        !matches!(self, Self::NoState | Self::ShutOff | Self::Other(_))
    }
}

impl PoolState {
    pub(crate) fn from_libvirt(state: i32) -> Self {
        match state {
            0 => Self::Inactive,
            1 => Self::Building,
            2 => Self::Running,
            3 => Self::Degraded,
            4 => Self::Inaccessible,
            other => Self::Other(other),
        }
    }
}

impl StateReason {
    /// Reasons by state, in the order of libvirt's numbers.
    pub(crate) fn new(state: DomainState, code: i32) -> Self {
        let names: &[&'static str] = match state {
            DomainState::Running => &[
                "unknown",
                "booted",
                "migrated",
                "restored",
                "from snapshot",
                "unpaused",
                "migration canceled",
                "save canceled",
                "event wakeup",
                "crashed",
                "post-copy",
                "post-copy failed",
            ],
            DomainState::Paused => &[
                "unknown",
                "user",
                "migrating",
                "saving",
                "dumping",
                "I/O error",
                "watchdog",
                "from snapshot",
                "shutting down",
                "creating snapshot",
                "crashed",
                "starting up",
                "post-copy",
                "post-copy failed",
                "api error",
            ],
            DomainState::ShuttingDown => &["unknown", "user"],
            DomainState::ShutOff => &[
                "unknown",
                "shutdown",
                "destroyed",
                "crashed",
                "migrated",
                "saved",
                "failed",
                "from snapshot",
                "daemon",
            ],
            DomainState::Crashed => &["unknown", "panicked"],
            _ => &["unknown"],
        };
        let name = usize::try_from(code).ok().and_then(|index| names.get(index).copied()).unwrap_or("unknown");
        Self { code, name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_reasons_are_libvirts() {
        let check = |state: i32, code: i32, expected: DomainState, name: &str| {
            let state = DomainState::from_libvirt(state);
            assert_eq!((state, StateReason::new(state, code).name), (expected, name));
        };
        check(1, 1, DomainState::Running, "booted");
        check(3, 5, DomainState::Paused, "I/O error");
        check(3, 1, DomainState::Paused, "user");
        check(5, 5, DomainState::ShutOff, "saved");
        check(5, 99, DomainState::ShutOff, "unknown");
        check(1, -1, DomainState::Running, "unknown");
        check(6, 1, DomainState::Crashed, "panicked");
        check(42, 0, DomainState::Other(42), "unknown");
        assert_eq!(PoolState::from_libvirt(4), PoolState::Inaccessible);
    }
}
