//! A resource pool: a share of a cluster, within which VMs are placed.

use serde::{Deserialize, Serialize};

use super::field::{Field, FieldType, value};
use super::{ClusterId, Kind, Native, Noun, ResourcePoolId, TagId, Value, ZoneId};

/// A vSphere resource pool or vApp. KVM has none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ResourcePool {
    /// The name shown to people.
    pub name: String,
    /// The zone that it is in.
    pub zone_id: Option<ZoneId>,
    /// The cluster whose resources it divides.
    pub cluster_id: Option<ClusterId>,
    /// The pool that it is in; absent for the root pool of a cluster.
    pub parent_id: Option<ResourcePoolId>,
    /// Whether it is a vApp: a pool that is also started and stopped as one.
    pub vapp: bool,
    /// Guaranteed CPU, MHz.
    pub cpu_reservation_mhz: Option<u64>,
    /// Upper limit of CPU, MHz; absent when unlimited.
    pub cpu_limit_mhz: Option<u64>,
    /// Guaranteed memory, MiB.
    pub memory_reservation_mib: Option<u64>,
    /// Upper limit of memory, MiB; absent when unlimited.
    pub memory_limit_mib: Option<u64>,
    /// Tags attached to it.
    pub tag_ids: Vec<TagId>,
    /// Platform detail.
    #[schema(value_type = Object)]
    pub native: Native,
}

impl Noun for ResourcePool {
    const KIND: Kind = Kind::ResourcePool;

    fn name(&self) -> &str {
        &self.name
    }

    fn fields() -> &'static [Field<Self>] {
        const FIELDS: &[Field<ResourcePool>] = &[
            Field::<ResourcePool>::new("zone_id", FieldType::Id, "The zone that it is in.", |o| {
                value::opt_id(o.zone_id)
            })
            .indexed(),
            Field::<ResourcePool>::new("cluster_id", FieldType::Id, "The cluster whose resources it divides.", |o| {
                value::opt_id(o.cluster_id)
            })
            .indexed(),
            Field::<ResourcePool>::new(
                "parent_id",
                FieldType::Id,
                "The pool that it is in; absent for the root pool of a cluster.",
                |o| value::opt_id(o.parent_id),
            )
            .indexed(),
            Field::<ResourcePool>::new(
                "vapp",
                FieldType::Boolean,
                "Whether it is a vApp: a pool that is also started and stopped as one.",
                |o| Value::Bool(o.vapp),
            ),
            Field::<ResourcePool>::new("cpu_reservation_mhz", FieldType::Integer, "Guaranteed CPU, MHz.", |o| {
                value::opt_int(o.cpu_reservation_mhz)
            }),
            Field::<ResourcePool>::new(
                "cpu_limit_mhz",
                FieldType::Integer,
                "Upper limit of CPU, MHz; absent when unlimited.",
                |o| value::opt_int(o.cpu_limit_mhz),
            ),
            Field::<ResourcePool>::new("memory_reservation_mib", FieldType::Integer, "Guaranteed memory, MiB.", |o| {
                value::opt_int(o.memory_reservation_mib)
            }),
            Field::<ResourcePool>::new(
                "memory_limit_mib",
                FieldType::Integer,
                "Upper limit of memory, MiB; absent when unlimited.",
                |o| value::opt_int(o.memory_limit_mib),
            ),
            Field::<ResourcePool>::new("tag_ids", FieldType::IdList, "Tags attached to it.", |o| {
                value::ids(&o.tag_ids)
            })
            .indexed(),
        ];
        FIELDS
    }
}
