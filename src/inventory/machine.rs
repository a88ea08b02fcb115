//! Machines as the rules of ownership look at them, with the names of what they are in; and what hangs on them.

use std::borrow::Cow;

use super::entry::Entry;
use super::schema::Schema;
use super::snapshot::Snapshot;
use crate::model::ownership::{Machine, RuleField};
use crate::model::vm::PowerState;
use crate::model::{Amounts, Kind, ObjectId, Owner, QuotaResource, Revision, Value};

/// What hangs on a machine, and goes with it from owner to owner. Each names its machine in the field [`VM_ID`].
pub const HANGING: [Kind; 3] = [Kind::Volume, Kind::Nic, Kind::Snapshot];
const VM_ID: &str = "vm_id";
/// Bytes of a GiB.
const GIB: i64 = 1 << 30;

/// A machine at one revision.
#[derive(Clone, Copy, Debug)]
pub struct MachineView<'a> {
    snapshot: &'a Snapshot,
    entry: &'a Entry,
}

impl<'a> MachineView<'a> {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> ObjectId {
        self.entry.id()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.entry.name()
    }

    /// Whose it is.
    #[must_use]
    pub fn owner(&self) -> Owner {
        self.entry.owner()
    }

    fn value(&self, field: &str) -> Option<&'a Value> {
        self.entry.value(field)
    }

    /// The name and the id of what a field refers to.
    fn referred(&self, kind: Kind, field: &str) -> Vec<Cow<'a, str>> {
        let ids: Vec<ObjectId> = self.value(field).map(ids_of).unwrap_or_default();
        let of = |id: ObjectId| {
            let name = self.snapshot.entry(kind, id).map(|entry| Cow::Borrowed(entry.name()));
            name.into_iter().chain([Cow::Owned(id.to_string())])
        };
        ids.into_iter().flat_map(of).collect()
    }

    fn tags(&self) -> Vec<Cow<'a, str>> {
        let mut texts = self.referred(Kind::Tag, "tag_ids");
        for id in self.value("tag_ids").map(ids_of).unwrap_or_default() {
            let Some(tag) = self.snapshot.entry(Kind::Tag, id) else { continue };
            if let Some(Value::Text(category)) = tag.value("category") {
                texts.push(Cow::Owned(format!("{category}:{}", tag.name())));
            }
        }
        texts
    }

    fn text(&self, field: &str) -> Vec<Cow<'a, str>> {
        match self.value(field) {
            Some(Value::Text(text)) => vec![Cow::Borrowed(text.as_ref())],
            Some(Value::List(items)) => {
                let text = |item: &'a Value| match item {
                    Value::Text(text) => Some(Cow::Borrowed(text.as_ref())),
                    _ => None,
                };
                items.iter().filter_map(text).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Machine for MachineView<'_> {
    fn texts(&self, field: RuleField) -> Vec<Cow<'_, str>> {
        match field {
            RuleField::Name => vec![Cow::Borrowed(self.name())],
            RuleField::Folder => self.text("folder_path"),
            RuleField::ResourcePool => self.referred(Kind::ResourcePool, "resource_pool_id"),
            RuleField::Cluster => self.referred(Kind::Cluster, "cluster_id"),
            RuleField::Network => self.referred(Kind::Network, "network_ids"),
            RuleField::Tag => self.tags(),
            RuleField::Attribute => self.text("attributes"),
            RuleField::Provider => {
                let id = self.entry.provider_id();
                let name = self.snapshot.providers.name(id).map(Cow::Borrowed);
                name.into_iter().chain([Cow::Owned(id.to_string())]).collect()
            }
        }
    }
}

fn ids_of(value: &Value) -> Vec<ObjectId> {
    match value {
        Value::Id(id) => vec![ObjectId(*id)],
        Value::List(items) => items.iter().flat_map(ids_of).collect(),
        _ => Vec::new(),
    }
}

impl Snapshot {
    /// A machine.
    #[must_use]
    pub fn machine(&self, id: ObjectId) -> Option<MachineView<'_>> {
        self.entry(Kind::Vm, id).map(|entry| MachineView { snapshot: self, entry })
    }

    /// All machines, in no order.
    pub fn machines(&self) -> impl Iterator<Item = MachineView<'_>> {
        self.table(Kind::Vm).iter().map(|entry| MachineView { snapshot: self, entry })
    }

    /// What hangs on a machine.
    #[must_use]
    pub fn hanging_on(&self, machine: ObjectId) -> Vec<(Kind, ObjectId)> {
        let of = |kind: Kind| {
            let table = self.table(kind);
            let index = Schema::of(kind).field(VM_ID).and_then(|(field, _)| table.equal(field));
            let key = Value::Id(machine.0);
            let slots: Vec<u32> = index.map(|index| index.places(&key).collect()).unwrap_or_default();
            slots.into_iter().filter_map(|slot| table.at(slot)).map(|entry| (kind, entry.id())).collect::<Vec<_>>()
        };
        HANGING.into_iter().flat_map(of).collect()
    }

    /// The machines that something hangs on, and whose it is now.
    #[must_use]
    pub fn hangs_on(&self, kind: Kind, id: ObjectId) -> Option<(Vec<ObjectId>, Owner)> {
        let entry = self.entry(kind, id)?;
        Some((entry.value(VM_ID).map(ids_of).unwrap_or_default(), entry.owner()))
    }

    /// What an object counts for, wherever it is.
    #[must_use]
    pub fn amounts(&self, kind: Kind, id: ObjectId) -> Amounts {
        let Some(entry) = self.entry(kind, id) else { return Amounts::default() };
        let number = |field: &str| match entry.value(field) {
            Some(Value::Int(number)) => (*number).max(0),
            _ => 0,
        };
        match kind {
            Kind::Vm => {
                // As it was last told: a platform that is away changes nothing.
                let runs = entry.value("power_state") == Some(&Value::Word(PowerState::Running.as_str()));
                let counts = [
                    (QuotaResource::Vms, 1),
                    (QuotaResource::VmsRunning, i64::from(runs)),
                    (QuotaResource::Vcpus, number("vcpu_count")),
                    (QuotaResource::MemoryMib, number("memory_mib")),
                ];
                counts.into_iter().collect()
            }
            Kind::Volume => {
                let bytes = number("capacity_bytes");
                let gib = bytes / GIB + i64::from(bytes % GIB > 0);
                [(QuotaResource::Volumes, 1), (QuotaResource::VolumeGib, gib)].into_iter().collect()
            }
            Kind::Snapshot => [(QuotaResource::Snapshots, 1)].into_iter().collect(),
            _ => Amounts::default(),
        }
    }

    /// Whose an object is.
    #[must_use]
    pub fn owner(&self, kind: Kind, id: ObjectId) -> Option<Owner> {
        self.entry(kind, id).map(|entry| entry.owner())
    }

    /// Every object of a kind, and whose it is.
    pub fn owners(&self, kind: Kind) -> impl Iterator<Item = (ObjectId, Owner)> {
        self.table(kind).iter().map(|entry| (entry.id(), entry.owner()))
    }

    /// How many objects of a kind these tenants and projects own.
    pub fn owned_count(&self, kind: Kind, owners: impl IntoIterator<Item = Owner>) -> usize {
        let index = self.table(kind).of_owner();
        owners.into_iter().map(|owner| index.places(&Value::Id(owner.key())).count()).sum()
    }

    /// What changed after a revision, each object once. `None` when the log does not reach back that far.
    #[must_use]
    pub fn changed_since(&self, revision: Revision) -> Option<Vec<(Kind, ObjectId)>> {
        let mut next = self.log.after(revision)?;
        let mut changed = std::collections::BTreeSet::new();
        while let Some(change) = self.log.get(next) {
            changed.insert((change.kind.index(), change.id));
            next += 1;
        }
        Some(changed.into_iter().map(|(kind, id)| (Kind::ALL[kind], id)).collect())
    }
}
