//! A cluster: hosts that are scheduled together.

use serde::{Deserialize, Serialize};

use super::field::{Field, FieldType, value};
use super::{Kind, Native, Noun, TagId, ZoneId};

/// A cluster. On vSphere a `ClusterComputeResource`, or the compute resource of a host outside any cluster
/// (`standalone`); a KVM provider is exactly one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Cluster {
    /// The name shown to people.
    pub name: String,
    /// The zone that it is in.
    pub zone_id: Option<ZoneId>,
    /// Whether this is the shell of one host that belongs to no cluster.
    pub standalone: bool,
    /// Hosts in it.
    pub host_count: u32,
    /// Physical cores of those of its hosts of which the platform tells.
    pub cpu_core_count: Option<u32>,
    /// CPU capacity of all its hosts, MHz; absent where the platform does not tell.
    pub cpu_capacity_mhz: Option<u64>,
    /// Memory of those of its hosts of which the platform tells, MiB.
    pub memory_mib: Option<u64>,
    /// Whether the platform restarts VMs of a failed host (vSphere HA); absent where there is no such thing.
    pub ha_enabled: Option<bool>,
    /// Whether the platform balances load by itself (vSphere DRS); absent where there is no such thing.
    pub drs_enabled: Option<bool>,
    /// Tags attached to it.
    pub tag_ids: Vec<TagId>,
    /// Platform detail.
    #[schema(value_type = Object)]
    pub native: Native,
}

impl Noun for Cluster {
    const KIND: Kind = Kind::Cluster;

    fn name(&self) -> &str {
        &self.name
    }

    fn fields() -> &'static [Field<Self>] {
        const FIELDS: &[Field<Cluster>] = &[
            Field::<Cluster>::new("zone_id", FieldType::Id, "The zone that it is in.", |c| value::opt_id(c.zone_id))
                .indexed(),
            Field::<Cluster>::new(
                "standalone",
                FieldType::Boolean,
                "The shell of one host that belongs to no cluster.",
                |c| super::Value::Bool(c.standalone),
            ),
            Field::<Cluster>::new("host_count", FieldType::Integer, "Hosts in it.", |c| {
                value::int(c.host_count.into())
            }),
            Field::<Cluster>::new("cpu_core_count", FieldType::Integer, "Physical cores of its hosts.", |c| {
                value::opt_int(c.cpu_core_count.map(u64::from))
            }),
            Field::<Cluster>::new("cpu_capacity_mhz", FieldType::Integer, "CPU capacity of its hosts, MHz.", |c| {
                value::opt_int(c.cpu_capacity_mhz)
            }),
            Field::<Cluster>::new("memory_mib", FieldType::Integer, "Memory of its hosts, MiB.", |c| {
                value::opt_int(c.memory_mib)
            }),
            Field::<Cluster>::new("tag_ids", FieldType::IdList, "Tags attached to it.", |c| value::ids(&c.tag_ids))
                .indexed(),
        ];
        FIELDS
    }
}
