//! Hosts that are joined twice: an ESXi by itself and again by its vCenter.
//!
//! Recognised by the machine's own UUID. Both stay, each says under which id the other is known (`also_known_as`), and
//! who sums up can leave one out.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use crate::model::{HostId, ProviderId};
use crate::store::{AcrossTenants, PlatformUuid};

/// All hosts by their hardware UUID, whichever tenant's they are.
pub(super) struct Duplicates {
    across: AcrossTenants,
    inner: Mutex<Inner>,
    /// Hosts whose `also_known_as` must be written anew. Bounded by the number of hosts: each is in it once.
    wake: mpsc::Sender<()>,
}

#[derive(Default)]
struct Inner {
    by_uuid: HashMap<PlatformUuid, BTreeSet<(ProviderId, HostId)>>,
    by_host: HashMap<HostId, (ProviderId, PlatformUuid)>,
    due: BTreeSet<(ProviderId, HostId)>,
}

/// Which hosts of a provider are known elsewhere too, as of one moment.
pub(super) type KnownAs = HashMap<HostId, Vec<HostId>>;

impl Duplicates {
    /// `wake` gets a word when [`Duplicates::take_due`] has something.
    pub(super) fn new(across: AcrossTenants, wake: mpsc::Sender<()>) -> Self {
        Self { across, inner: Mutex::default(), wake }
    }

    /// A host was written.
    pub(super) fn seen(&self, provider: ProviderId, host: HostId, hardware_uuid: Option<&str>) {
        let uuid = hardware_uuid.filter(|uuid| !uuid.is_empty()).map(|uuid| self.across.uuid(uuid));
        let mut inner = self.lock();
        if inner.by_host.get(&host).map(|(_, known)| known) == uuid.as_ref() {
            return;
        }
        inner.remove(host);
        if let Some(uuid) = uuid {
            inner.by_host.insert(host, (provider, uuid.clone()));
            inner.by_uuid.entry(uuid.clone()).or_default().insert((provider, host));
            inner.touch(&uuid, Some(provider));
        }
        self.tell(&inner);
    }

    /// A host is gone.
    pub(super) fn gone(&self, host: HostId) {
        let mut inner = self.lock();
        inner.remove(host);
        self.tell(&inner);
    }

    /// Which hosts of a provider other providers know too.
    pub(super) fn of_provider(&self, provider: ProviderId) -> KnownAs {
        let inner = self.lock();
        let twice = inner.by_uuid.values().filter(|hosts| hosts.len() > 1);
        let mine = twice.flatten().filter(|(of, _)| *of == provider);
        mine.map(|(_, host)| (*host, inner.others(*host))).filter(|(_, others)| !others.is_empty()).collect()
    }

    /// Hosts whose `also_known_as` may no longer hold, with what it should be.
    pub(super) fn take_due(&self) -> Vec<(ProviderId, HostId, Vec<HostId>)> {
        let mut inner = self.lock();
        let due = std::mem::take(&mut inner.due);
        due.into_iter().map(|(provider, host)| (provider, host, inner.others(host))).collect()
    }

    fn tell(&self, inner: &Inner) {
        if !inner.due.is_empty() {
            // A full channel holds a word already.
            let _ = self.wake.try_send(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn remove(&mut self, host: HostId) {
        if let Some((provider, uuid)) = self.by_host.remove(&host) {
            self.due.remove(&(provider, host));
            if let Some(hosts) = self.by_uuid.get_mut(&uuid) {
                hosts.remove(&(provider, host));
                if hosts.is_empty() {
                    self.by_uuid.remove(&uuid);
                } else {
                    self.touch(&uuid, None);
                }
            }
        }
    }

    /// Marks the hosts of a machine, when there is more than one provider among them or one just left.
    fn touch(&mut self, uuid: &PlatformUuid, joined: Option<ProviderId>) {
        let Some(hosts) = self.by_uuid.get(uuid) else { return };
        if joined.is_none_or(|joined| hosts.iter().any(|(provider, _)| *provider != joined)) {
            self.due.extend(hosts.iter().copied());
        }
    }

    /// The same machine's ids in other providers. Within one provider equal UUIDs are the maker's fault, not a duplicate.
    fn others(&self, host: HostId) -> Vec<HostId> {
        let Some((provider, uuid)) = self.by_host.get(&host) else { return Vec::new() };
        let hosts = self.by_uuid.get(uuid).into_iter().flatten();
        hosts.filter(|(other, _)| other != provider).map(|(_, id)| *id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Fixture;

    #[tokio::test]
    async fn the_same_machine_under_two_providers_is_known_as_both() {
        let (wake, mut woken) = mpsc::channel(1);
        let duplicates = Duplicates::new(Fixture::sqlite().await.system().across_tenants(), wake);
        let (vcenter, esxi) = (ProviderId::generate(), ProviderId::generate());
        let (a, b, other) = (HostId::generate(), HostId::generate(), HostId::generate());
        duplicates.seen(vcenter, a, Some("4C4C4544-0001"));
        duplicates.seen(vcenter, other, Some("4c4c4544-0001"));
        assert!(woken.try_recv().is_err(), "equal UUIDs within one provider are no duplicate");
        duplicates.seen(esxi, b, Some("4c4c4544-0001"));
        assert!(woken.try_recv().is_ok());
        let due = duplicates.take_due();
        assert_eq!(due.len(), 3);
        assert!(due.contains(&(vcenter, a, vec![b])));
        assert_eq!(duplicates.of_provider(esxi)[&b], {
            let mut both = vec![a, other];
            both.sort();
            both
        });
        duplicates.gone(b);
        let due = duplicates.take_due();
        assert_eq!(due.len(), 2);
        assert!(due.iter().all(|(_, _, others)| others.is_empty()));
    }
}
