//! A datastore: where virtual disks and images are kept.

use serde::{Deserialize, Serialize};

use super::field::{Field, FieldType, value};
use super::{DatastoreId, HostId, Kind, Native, Noun, TagId, Value, ZoneId};

words! {
    /// Whether a datastore can be used.
    DatastoreState {
        /// It can.
        Accessible = "accessible",
        /// No host reaches it.
        Inaccessible = "inaccessible",
        /// It is in, or entering, maintenance (vSphere only).
        Maintenance = "maintenance",
        /// It is defined, but not started (libvirt only).
        Inactive = "inactive",
        /// The gateway cannot tell, since it does not reach the platform.
        Unknown = "unknown",
    }
}

/// What one host can do with a datastore or network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HostAccess {
    /// The host.
    pub host_id: HostId,
    /// Whether it reaches it now.
    pub accessible: bool,
    /// Whether it may write; absent where it does not apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writable: Option<bool>,
}

/// A vSphere datastore or datastore cluster (`StoragePod`), or a libvirt storage pool. One that several hosts share is one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Datastore {
    /// Whether it can be used.
    pub state: DatastoreState,
    /// The name shown to people.
    pub name: String,
    /// The zone that it is in.
    pub zone_id: Option<ZoneId>,
    /// The datastore cluster that it belongs to.
    pub parent_id: Option<DatastoreId>,
    /// Whether it is a datastore cluster, whose members are datastores themselves.
    pub datastore_cluster: bool,
    /// What it is made of, in lower case: `vmfs`, `nfs`, `vsan`, `vvol`, `dir`, `logical`, `rbd`, `iscsi`, …
    pub technology: String,
    /// Whether several hosts can use it.
    pub shared: bool,
    /// Size, bytes; absent where the platform does not tell.
    pub capacity_bytes: Option<u64>,
    /// Free space, bytes.
    pub free_bytes: Option<u64>,
    /// Space promised to disks, bytes; can pass the size with thin disks.
    pub provisioned_bytes: Option<u64>,
    /// Where it is: a URL, a path, or server and export.
    pub location: Option<String>,
    /// The hosts that know it, with what each can do.
    pub hosts: Vec<HostAccess>,
    /// Tags attached to it.
    pub tag_ids: Vec<TagId>,
    /// Platform detail.
    #[schema(value_type = Object)]
    pub native: Native,
}

impl Noun for Datastore {
    const KIND: Kind = Kind::Datastore;
    const STATE_FIELD: Option<&'static str> = Some("state");

    fn name(&self) -> &str {
        &self.name
    }

    fn state(&self) -> Option<&'static str> {
        Some(self.state.as_str())
    }

    fn fields() -> &'static [Field<Self>] {
        const FIELDS: &[Field<Datastore>] = &[
            Field::<Datastore>::new(
                "state",
                FieldType::Word(&["accessible", "inaccessible", "maintenance", "inactive", "unknown"]),
                "Whether it can be used.",
                |o| Value::Word(o.state.as_str()),
            )
            .indexed(),
            Field::<Datastore>::new("zone_id", FieldType::Id, "The zone that it is in.", |o| value::opt_id(o.zone_id))
                .indexed(),
            Field::<Datastore>::new("parent_id", FieldType::Id, "The datastore cluster that it belongs to.", |o| {
                value::opt_id(o.parent_id)
            })
            .indexed(),
            Field::<Datastore>::new(
                "datastore_cluster",
                FieldType::Boolean,
                "Whether it is a datastore cluster, whose members are datastores themselves.",
                |o| Value::Bool(o.datastore_cluster),
            ),
            Field::<Datastore>::new(
                "technology",
                FieldType::Text,
                "What it is made of, in lower case: `vmfs`, `nfs`, `vsan`, `vvol`, `dir`, `logical`, `rbd`, `iscsi`, …",
                |o| value::text(&o.technology),
            )
            .indexed(),
            Field::<Datastore>::new("shared", FieldType::Boolean, "Whether several hosts can use it.", |o| {
                Value::Bool(o.shared)
            }),
            Field::<Datastore>::new(
                "capacity_bytes",
                FieldType::Integer,
                "Size, bytes; absent where the platform does not tell.",
                |o| value::opt_int(o.capacity_bytes),
            ),
            Field::<Datastore>::new("free_bytes", FieldType::Integer, "Free space, bytes.", |o| {
                value::opt_int(o.free_bytes)
            }),
            Field::<Datastore>::new(
                "provisioned_bytes",
                FieldType::Integer,
                "Space promised to disks, bytes; can pass the size with thin disks.",
                |o| value::opt_int(o.provisioned_bytes),
            ),
            Field::<Datastore>::new(
                "location",
                FieldType::Text,
                "Where it is: a URL, a path, or server and export.",
                |o| value::opt_text(o.location.as_ref()),
            ),
            Field::<Datastore>::new(
                "hosts",
                FieldType::IdList,
                "The hosts that know it, with what each can do.",
                |o| Value::List(o.hosts.iter().map(|h| Value::Id(h.host_id.0)).collect()),
            )
            .indexed(),
            Field::<Datastore>::new("tag_ids", FieldType::IdList, "Tags attached to it.", |o| value::ids(&o.tag_ids))
                .indexed(),
        ];
        FIELDS
    }

    fn search_texts(&self) -> Vec<&str> {
        self.location.iter().map(String::as_str).collect()
    }
}
