//! The inventory at one revision.

use std::sync::Arc;

use super::entry::Entry;
use super::feed::InventoryConfig;
use super::log::Log;
use super::plan::PlanLimits;
use super::status::ProviderTable;
use super::table::KindTable;
use crate::model::{Kind, ObjectId, Revision};

/// Everything at one revision; immutable. A clone shares all of it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(super) revision: Revision,
    pub(super) tables: Vec<Arc<KindTable>>,
    pub(super) providers: Arc<ProviderTable>,
    pub(super) log: Log,
    pub(super) limits: PlanLimits,
}

impl Snapshot {
    pub(super) fn new(config: &InventoryConfig, limits: PlanLimits) -> Self {
        Self {
            revision: Revision(0),
            tables: Kind::ALL.iter().map(|kind| Arc::new(KindTable::new(*kind))).collect(),
            providers: Arc::default(),
            log: Log::new(config.log_max, config.version_max),
            limits,
        }
    }

    /// The revision of the newest change that is in it.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// How many objects of a kind there are, of all tenants. For metrics.
    #[must_use]
    pub fn object_count(&self, kind: Kind) -> usize {
        self.table(kind).len()
    }

    /// How many bytes the objects take, without their indexes and single texts. An estimate that reads everything, for metrics.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let objects: usize = self.tables.iter().flat_map(|table| table.iter()).map(|entry| entry.size_bytes()).sum();
        objects + self.tables.iter().map(|table| table.search().size_bytes()).sum::<usize>()
    }

    pub(super) fn table(&self, kind: Kind) -> &KindTable {
        &self.tables[kind.index()]
    }

    pub(super) fn table_mut(&mut self, kind: Kind) -> &mut KindTable {
        Arc::make_mut(&mut self.tables[kind.index()])
    }

    pub(super) fn entry(&self, kind: Kind, id: ObjectId) -> Option<&Arc<Entry>> {
        self.table(kind).get(id)
    }
}
