//! Where what belongs to different tenants is compared.
//!
//! An installation is one and a machine is one, whoever joined it. Two things are therefore looked for over all tenants, and
//! nothing else may be:
//! - an installation that another provider has already: two would tell of the same machines, and each would undo what the
//!   other does;
//! - a host that is known under another id too, as an ESXi by itself and again by its vCenter: it would be counted twice.
//!
//! Both are recognised by the UUID that the platform itself gives. To compare by it takes a [`PlatformUuid`], which only
//! [`AcrossTenants`] makes, and for that one has to come in by the door [`Store::system`](super::Store::system).
//!
//! What is found is told: the name of the other provider, the other id of the host. Both are the platform's, whose they stay
//! (no rule gives a host or a provider to a tenant), so who reads the answer may see the other one too. Whoever lets a
//! tenant have providers of its own has to cut these two answers first.

use super::SystemStore;

/// Leave to compare what belongs to different tenants.
#[derive(Clone, Copy, Debug)]
pub struct AcrossTenants(());

/// What a platform calls an installation or a machine, the same for whoever joined it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PlatformUuid(String);

impl SystemStore {
    /// See [`AcrossTenants`].
    #[must_use]
    pub fn across_tenants(&self) -> AcrossTenants {
        tracing::trace!(reason = self.reason, "comparing across tenants");
        AcrossTenants(())
    }
}

impl AcrossTenants {
    /// What is compared. Platforms do not agree on upper and lower case.
    #[must_use]
    pub fn uuid(self, text: &str) -> PlatformUuid {
        PlatformUuid(text.to_ascii_lowercase())
    }
}
