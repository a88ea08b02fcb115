//! Quotas: how much a tenant or a project may hold.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

words! {
    /// What is counted.
    QuotaResource {
        /// Machines, running or not.
        Vms = "vms",
        /// Machines that run.
        VmsRunning = "vms_running",
        /// Virtual CPUs of all machines, running or not.
        Vcpus = "vcpus",
        /// Memory of all machines, running or not, MiB.
        MemoryMib = "memory_mib",
        /// Volumes.
        Volumes = "volumes",
        /// The size that guests see of all volumes, GiB; each rounded up.
        VolumeGib = "volume_gib",
        /// Snapshots.
        Snapshots = "snapshots",
    }
}

/// How much of each resource. Absent is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amounts(BTreeMap<QuotaResource, i64>);

impl Amounts {
    /// The amount of a resource.
    #[must_use]
    pub fn of(&self, resource: QuotaResource) -> i64 {
        self.0.get(&resource).copied().unwrap_or(0)
    }

    /// Adds to a resource. It stays within what a 64-bit number holds.
    pub fn add(&mut self, resource: QuotaResource, amount: i64) {
        let sum = self.of(resource).saturating_add(amount);
        if sum == 0 {
            self.0.remove(&resource);
        } else {
            self.0.insert(resource, sum);
        }
    }

    /// What is more here than in the other, resource by resource; negative where it is less.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let mut difference = self.clone();
        other.iter().for_each(|(resource, amount)| difference.add(resource, amount.saturating_neg()));
        difference
    }

    /// Every resource that is not none.
    pub fn iter(&self) -> impl Iterator<Item = (QuotaResource, i64)> + '_ {
        self.0.iter().map(|(resource, amount)| (*resource, *amount))
    }

    /// Whether nothing is counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As it is stored: `vms=1 vcpus=4`.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (resource, amount) in self.iter() {
            // Writing to a string does not fail.
            let _ = write!(text, "{}{resource}={amount}", if text.is_empty() { "" } else { " " });
        }
        text
    }

    /// Reads what is stored; `None` when no version of the gateway wrote it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut amounts = Self::default();
        for part in text.split(' ').filter(|part| !part.is_empty()) {
            let (resource, amount) = part.split_once('=')?;
            amounts.add(QuotaResource::parse(resource)?, amount.parse().ok()?);
        }
        Some(amounts)
    }
}

impl FromIterator<(QuotaResource, i64)> for Amounts {
    fn from_iter<I: IntoIterator<Item = (QuotaResource, i64)>>(amounts: I) -> Self {
        let mut all = Self::default();
        amounts.into_iter().for_each(|(resource, amount)| all.add(resource, amount));
        all
    }
}

/// A limit of one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaLimit {
    /// The resource.
    pub resource: QuotaResource,
    /// What is never passed; absent for no limit.
    #[schema(minimum = 0)]
    pub hard: Option<i64>,
    /// From here on there is a warning; absent for none.
    #[schema(minimum = 0)]
    pub soft: Option<i64>,
}

words! {
    /// How what is held stands to its limits.
    QuotaState {
        /// Below all of them.
        Ok = "ok",
        /// At the soft limit, or over it.
        Warning = "warning",
        /// At the hard limit: nothing more can be had.
        Full = "full",
        /// Over the hard limit: by machines that were there and were given, or since the limit was lowered.
        Over = "over",
    }
}

/// How much is held of one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct QuotaUse {
    /// The resource.
    pub resource: QuotaResource,
    /// The own hard limit; absent for none.
    pub hard: Option<i64>,
    /// The own soft limit; absent for none.
    pub soft: Option<i64>,
    /// What is held.
    pub used: i64,
    /// What is promised to operations that are under way.
    pub reserved: i64,
    /// What can still be had here, with the limits of the tenants above; absent where nothing limits it.
    pub remaining: Option<i64>,
    /// How it stands.
    pub state: QuotaState,
}

impl QuotaUse {
    /// How so much stands to its limits.
    #[must_use]
    pub fn state(limit: Option<QuotaLimit>, used: i64, reserved: i64) -> QuotaState {
        let held = used.saturating_add(reserved);
        let (hard, soft) = limit.map_or((None, None), |limit| (limit.hard, limit.soft));
        match (hard, soft) {
            (Some(hard), _) if held > hard => QuotaState::Over,
            (Some(hard), _) if held == hard => QuotaState::Full,
            (_, Some(soft)) if held >= soft => QuotaState::Warning,
            _ => QuotaState::Ok,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_and_read() {
        let amounts: Amounts =
            [(QuotaResource::Vms, 1), (QuotaResource::Vcpus, 4), (QuotaResource::Vms, 2)].into_iter().collect();
        assert_eq!(amounts.to_text(), "vms=3 vcpus=4");
        assert_eq!(Amounts::parse("vms=3 vcpus=4"), Some(amounts.clone()));
        assert_eq!(Amounts::parse(""), Some(Amounts::default()));
        assert_eq!((Amounts::parse("cows=1"), Amounts::parse("vms")), (None, None));
        assert!(amounts.minus(&amounts).is_empty());
        assert_eq!(Amounts::default().minus(&amounts).of(QuotaResource::Vcpus), -4);
    }

    #[test]
    fn states() {
        let limit = |hard, soft| Some(QuotaLimit { resource: QuotaResource::Vms, hard, soft });
        for (limit, used, reserved, state) in [
            (None, 9, 9, QuotaState::Ok),
            (limit(Some(10), Some(8)), 7, 0, QuotaState::Ok),
            (limit(Some(10), Some(8)), 7, 1, QuotaState::Warning),
            (limit(Some(10), Some(8)), 7, 3, QuotaState::Full),
            (limit(Some(10), None), 11, 0, QuotaState::Over),
            (limit(Some(0), None), 0, 0, QuotaState::Full),
            (limit(None, Some(8)), 99, 0, QuotaState::Warning),
        ] {
            assert_eq!(QuotaUse::state(limit, used, reserved), state, "{limit:?} {used} {reserved}");
        }
    }
}
