//! Objects, changes and inventories for the tests.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use uuid::Uuid;

use crate::authz::{InventoryRead, ProviderRead, TenantScope};
use crate::inventory::plan::PlanLimits;
use crate::inventory::{Inventory, InventoryConfig, Query, TokenKey, Watch, WatchError, WatchRequest};
use crate::model::provider::{SyncStatus, Trust};
use crate::model::vm::{GuestAgent, PowerState, Vm, VmCondition};
use crate::model::{
    Change, ChangeOp, Kind, Object, ObjectId, Owner, ProjectId, Provider, ProviderId, ProviderKind, Revision, Source,
    SourceId, SourceState, TenantId, Time,
};

pub fn key() -> TokenKey {
    TokenKey::new([7; 32])
}

/// An inventory that takes every way to find a page already with a handful of objects.
pub fn inventory(config: InventoryConfig) -> Arc<Inventory> {
    let limits = PlanLimits { gather_min: 2, gather_share: 50, order_min: 4, name_range_max: 5, wide_share: 4 };
    Inventory::with_limits(config, limits, key())
}

pub fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub fn at(second: i64) -> Time {
    DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
}

pub fn tenant(number: u128) -> TenantId {
    TenantId(id(0x7000 + number))
}

pub fn source(number: u128) -> SourceId {
    SourceId(id(0x5000 + number))
}

/// Every source is the one source of its provider.
pub fn provider_of(source: SourceId) -> ProviderId {
    ProviderId(id(source.0.as_u128() + 0x1000))
}

pub fn provider(source: SourceId, tenant_id: TenantId, state: SourceState) -> Provider {
    let id = provider_of(source);
    Provider {
        id,
        tenant_id,
        name: format!("provider-{}", source.0.as_u128()),
        kind: ProviderKind::Kvm,
        enabled: true,
        removing: false,
        username: None,
        has_password: false,
        trust: Trust::default(),
        sources: vec![Source {
            id: source,
            provider_id: id,
            endpoint: "test:///default".to_owned(),
            identity: None,
            sync: SyncStatus::new(state, at(0)),
            quarantined_count: 0,
        }],
        generation: 1,
        created_at: at(0),
        updated_at: at(0),
    }
}

pub fn vm(name: &str) -> Vm {
    Vm {
        power_state: PowerState::Running,
        name: name.to_owned(),
        power_reason: None,
        condition: VmCondition::Ok,
        question: None,
        description: None,
        zone_id: None,
        cluster_id: None,
        host_id: None,
        resource_pool_id: None,
        folder_id: None,
        folder_path: None,
        vcpu_count: Some(2),
        cores_per_socket: None,
        memory_mib: Some(1024),
        memory_max_mib: None,
        firmware: None,
        guest_os: None,
        guest_hostname: None,
        guest_agent: GuestAgent::Unknown,
        ip_addresses: Vec::new(),
        mac_addresses: Vec::new(),
        uuid: None,
        bios_uuid: None,
        persistent: true,
        autostart: None,
        created_at: None,
        booted_at: None,
        volume_count: Some(0),
        nic_count: Some(0),
        snapshot_count: Some(0),
        storage_provisioned_bytes: Some(0),
        storage_used_bytes: None,
        datastore_ids: Vec::new(),
        network_ids: Vec::new(),
        volume_ids: Vec::new(),
        nic_ids: Vec::new(),
        storage_policy_id: None,
        tag_ids: Vec::new(),
        attributes: std::collections::BTreeMap::new(),
        native: Default::default(),
    }
}

pub type ReadScope = TenantScope<InventoryRead>;

/// A watch that is told of every provider.
pub fn watching(inventory: &Arc<Inventory>, scope: ReadScope, request: WatchRequest) -> Result<Watch, WatchError> {
    inventory.watch(scope, every_provider(), request)
}

/// Whose an object is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Whose {
    pub tenant: TenantId,
    pub project: Option<ProjectId>,
    pub source: SourceId,
}

impl Whose {
    pub fn owner(self) -> Owner {
        Owner { tenant_id: self.tenant, project_id: self.project }
    }
}

impl Default for Whose {
    fn default() -> Self {
        Self { tenant: tenant(1), project: None, source: source(1) }
    }
}

pub fn put(revision: u64, id: ObjectId, whose: Whose, object: impl Into<Object>) -> Change {
    let object = object.into();
    let body = String::from_utf8(object.to_json().unwrap()).unwrap();
    change(
        revision,
        id,
        object.kind(),
        whose,
        ChangeOp::Put { body: body.into(), object: Arc::new(object), created_at: at(i64::from(id.0.as_u128() as u8)) },
    )
}

pub fn delete(revision: u64, id: ObjectId, kind: Kind, whose: Whose) -> Change {
    change(revision, id, kind, whose, ChangeOp::Delete)
}

fn change(revision: u64, id: ObjectId, kind: Kind, whose: Whose, op: ChangeOp) -> Change {
    Change {
        revision: Revision(revision),
        at: at(0) + TimeDelta::seconds(i64::try_from(revision).unwrap()),
        id,
        kind,
        owner: whose.owner(),
        provider_id: provider_of(whose.source),
        source_id: whose.source,
        op,
    }
}

/// A scope that sees every tenant.
pub fn everything() -> ReadScope {
    TenantScope::of_all()
}

/// A scope that sees the providers of every tenant.
pub fn every_provider() -> TenantScope<ProviderRead> {
    TenantScope::of_all()
}

pub fn pairs(text: &[(&str, &str)]) -> Vec<(String, String)> {
    text.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub fn query(text: &[(&str, &str)]) -> Query {
    Query::parse(Kind::Vm, &pairs(text)).unwrap()
}

/// The names on a page, in its order.
pub fn names(inventory: &Inventory, scope: &ReadScope, text: &[(&str, &str)]) -> Vec<String> {
    inventory.list(scope, &query(text)).unwrap().items.iter().map(|entry| entry.name().to_owned()).collect()
}

pub fn json(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(bytes).unwrap()
}
