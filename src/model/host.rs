//! A hypervisor host.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::field::{Field, FieldType, value};
use super::{ClusterId, HostId, Kind, Native, Noun, TagId, Value, ZoneId};

words! {
    /// Whether the platform's manager can use the host.
    HostState {
        /// It answers.
        Connected = "connected",
        /// It was disconnected on purpose (vSphere only).
        Disconnected = "disconnected",
        /// Its manager does not get an answer from it.
        NotResponding = "not_responding",
        /// The gateway cannot tell, since it does not reach the platform.
        Unknown = "unknown",
    }
}

/// A hypervisor: an ESXi, or a Linux machine with libvirt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Host {
    /// Whether its manager reaches it.
    pub state: HostState,
    /// The name shown to people: the platform's inventory name, or the machine's host name.
    pub name: String,
    /// The zone that it is in.
    pub zone_id: Option<ZoneId>,
    /// The cluster that it is in.
    pub cluster_id: Option<ClusterId>,
    /// Whether it is in maintenance; absent where the platform has no such mode.
    pub maintenance: Option<bool>,
    /// Maker and model.
    pub hardware_model: Option<String>,
    /// The machine's own UUID (SMBIOS): the same machine is recognised by it under two providers.
    pub hardware_uuid: Option<String>,
    /// Hosts of other providers that are the same machine. Not summed twice.
    #[serde(default)]
    pub also_known_as: Vec<HostId>,
    /// CPU model.
    pub cpu_model: Option<String>,
    /// Sockets; absent where the platform does not tell.
    pub cpu_socket_count: Option<u32>,
    /// Physical cores; absent where the platform does not tell.
    pub cpu_core_count: Option<u32>,
    /// Hardware threads; absent where the platform does not tell.
    pub cpu_thread_count: Option<u32>,
    /// Clock rate of one core, MHz.
    pub cpu_mhz: Option<u64>,
    /// Memory, MiB; absent where the platform does not tell.
    pub memory_mib: Option<u64>,
    /// The hypervisor's product and version.
    pub hypervisor: Option<String>,
    /// Addresses by which it is managed.
    pub addresses: Vec<String>,
    /// When it was started; absent where the platform does not tell.
    pub booted_at: Option<DateTime<Utc>>,
    /// Tags attached to it.
    pub tag_ids: Vec<TagId>,
    /// Platform detail.
    #[schema(value_type = Object)]
    pub native: Native,
}

impl Noun for Host {
    const KIND: Kind = Kind::Host;
    const STATE_FIELD: Option<&'static str> = Some("state");

    fn name(&self) -> &str {
        &self.name
    }

    fn state(&self) -> Option<&'static str> {
        Some(self.state.as_str())
    }

    fn fields() -> &'static [Field<Self>] {
        const FIELDS: &[Field<Host>] = &[
            Field::<Host>::new(
                "state",
                FieldType::Word(&["connected", "disconnected", "not_responding", "unknown"]),
                "Whether its manager reaches it.",
                |h| Value::Word(h.state.as_str()),
            )
            .indexed(),
            Field::<Host>::new("zone_id", FieldType::Id, "The zone that it is in.", |h| value::opt_id(h.zone_id))
                .indexed(),
            Field::<Host>::new("cluster_id", FieldType::Id, "The cluster that it is in.", |h| {
                value::opt_id(h.cluster_id)
            })
            .indexed(),
            Field::<Host>::new("maintenance", FieldType::Boolean, "Whether it is in maintenance.", |h| {
                h.maintenance.map_or(Value::Null, Value::Bool)
            }),
            Field::<Host>::new("hardware_model", FieldType::Text, "Maker and model.", |h| {
                value::opt_text(h.hardware_model.as_ref())
            }),
            Field::<Host>::new("hardware_uuid", FieldType::Text, "The machine's own UUID.", |h| {
                value::opt_text(h.hardware_uuid.as_ref())
            }),
            Field::<Host>::new(
                "also_known_as",
                FieldType::IdList,
                "Hosts of other providers that are the same machine.",
                |h| value::ids(&h.also_known_as),
            ),
            Field::<Host>::new("cpu_model", FieldType::Text, "CPU model.", |h| value::opt_text(h.cpu_model.as_ref())),
            Field::<Host>::new(
                "cpu_socket_count",
                FieldType::Integer,
                "Sockets; absent where the platform does not tell.",
                |h| value::opt_int(h.cpu_socket_count.map(u64::from)),
            ),
            Field::<Host>::new(
                "cpu_core_count",
                FieldType::Integer,
                "Physical cores; absent where the platform does not tell.",
                |h| value::opt_int(h.cpu_core_count.map(u64::from)),
            ),
            Field::<Host>::new(
                "cpu_thread_count",
                FieldType::Integer,
                "Hardware threads; absent where the platform does not tell.",
                |h| value::opt_int(h.cpu_thread_count.map(u64::from)),
            ),
            Field::<Host>::new(
                "memory_mib",
                FieldType::Integer,
                "Memory, MiB; absent where the platform does not tell.",
                |h| value::opt_int(h.memory_mib),
            ),
            Field::<Host>::new("hypervisor", FieldType::Text, "The hypervisor's product and version.", |h| {
                value::opt_text(h.hypervisor.as_ref())
            }),
            Field::<Host>::new("addresses", FieldType::TextList, "Addresses by which it is managed.", |h| {
                value::texts(&h.addresses)
            }),
            Field::<Host>::new("booted_at", FieldType::Time, "When it was started.", |h| value::opt_time(h.booted_at)),
            Field::<Host>::new("tag_ids", FieldType::IdList, "Tags attached to it.", |h| value::ids(&h.tag_ids))
                .indexed(),
        ];
        FIELDS
    }

    fn search_texts(&self) -> Vec<&str> {
        self.addresses.iter().chain(&self.hardware_uuid).map(String::as_str).collect()
    }
}
