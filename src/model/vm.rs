//! A virtual machine.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::field::{Field, FieldType, value};
use super::{
    ClusterId, DatastoreId, FolderId, HostId, Kind, Native, NetworkId, NicId, Noun, ResourcePoolId, StoragePolicyId,
    TagId, Value, VolumeId, ZoneId,
};

words! {
    /// Whether a machine runs. A state that a platform does not have never occurs on it.
    PowerState {
        /// It runs.
        Running = "running",
        /// It is off.
        Stopped = "stopped",
        /// Its memory was saved to disk and it uses no CPU or memory (vSphere suspend, libvirt managed save).
        Suspended = "suspended",
        /// It stands still with its memory kept (libvirt only).
        Paused = "paused",
        /// It ended by itself (libvirt only).
        Crashed = "crashed",
        /// The platform does not tell, or the gateway does not reach it.
        Unknown = "unknown",
    }
}

words! {
    /// Whether the platform can manage a machine.
    VmCondition {
        /// It can.
        Ok = "ok",
        /// Its host is disconnected from its manager (vSphere).
        Disconnected = "disconnected",
        /// Its files cannot be reached (vSphere).
        Inaccessible = "inaccessible",
        /// Its host no longer knows it (vSphere).
        Orphaned = "orphaned",
        /// Its configuration cannot be read.
        Invalid = "invalid",
    }
}

words! {
    /// Whether the agent in the guest answers.
    GuestAgent {
        /// It does.
        Running = "running",
        /// It is installed, but does not.
        NotRunning = "not_running",
        /// There is none.
        NotInstalled = "not_installed",
        /// The platform does not tell.
        Unknown = "unknown",
    }
}

/// A virtual machine: a vSphere VM that is not a template, or a libvirt domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Vm {
    /// Whether it runs.
    pub power_state: PowerState,
    /// The name shown to people.
    pub name: String,
    /// Why it is in this state, where the platform says: `io_error`, `migrating`, `booted`, …
    pub power_reason: Option<String>,
    /// Whether the platform can manage it.
    pub condition: VmCondition,
    /// What the platform waits to be answered before the machine goes on.
    pub question: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// The zone that it is in.
    pub zone_id: Option<ZoneId>,
    /// The cluster that it is in.
    pub cluster_id: Option<ClusterId>,
    /// The host that it runs on, or is registered at.
    pub host_id: Option<HostId>,
    /// The resource pool or vApp that it is in.
    pub resource_pool_id: Option<ResourcePoolId>,
    /// The folder that it is in.
    pub folder_id: Option<FolderId>,
    /// Names of the folders that it is in, joined with `/`.
    pub folder_path: Option<String>,
    /// Virtual CPUs; absent where the platform does not tell.
    pub vcpu_count: Option<u32>,
    /// Virtual cores of each virtual socket.
    pub cores_per_socket: Option<u32>,
    /// Memory, MiB; absent where the platform does not tell.
    pub memory_mib: Option<u64>,
    /// Memory that it can grow to while running, MiB; absent where it cannot grow.
    pub memory_max_mib: Option<u64>,
    /// `bios` or `efi`.
    pub firmware: Option<String>,
    /// The guest operating system, as the platform names it.
    pub guest_os: Option<String>,
    /// The host name that the guest tells.
    pub guest_hostname: Option<String>,
    /// Whether VMware Tools or the QEMU guest agent answers.
    pub guest_agent: GuestAgent,
    /// Addresses that the guest or the platform's DHCP server told.
    pub ip_addresses: Vec<String>,
    /// MAC addresses of its interfaces.
    pub mac_addresses: Vec<String>,
    /// The platform's own unique id of the machine: vSphere `instanceUuid`, libvirt `uuid`; absent until the platform tells.
    pub uuid: Option<String>,
    /// The UUID that the guest sees; not always unique on vSphere.
    pub bios_uuid: Option<String>,
    /// Whether it stays defined when stopped.
    pub persistent: bool,
    /// Whether it starts with its host; absent where the platform does not tell per machine.
    pub autostart: Option<bool>,
    /// When it was made; absent where the platform does not tell.
    pub created_at: Option<DateTime<Utc>>,
    /// When it was last started; absent where the platform does not tell.
    pub booted_at: Option<DateTime<Utc>>,
    /// Disks; absent where the platform does not tell.
    pub volume_count: Option<u32>,
    /// Network interfaces; absent where the platform does not tell.
    pub nic_count: Option<u32>,
    /// Snapshots; absent where the platform does not tell.
    pub snapshot_count: Option<u32>,
    /// Space promised to its disks, bytes; absent where the platform does not tell.
    pub storage_provisioned_bytes: Option<u64>,
    /// Space that its files take, bytes.
    pub storage_used_bytes: Option<u64>,
    /// Datastores that hold its disks.
    pub datastore_ids: Vec<DatastoreId>,
    /// Networks that it is connected to.
    pub network_ids: Vec<NetworkId>,
    /// Its disks, in the order of their devices.
    pub volume_ids: Vec<VolumeId>,
    /// Its network interfaces, in the order of their devices.
    pub nic_ids: Vec<NicId>,
    /// The storage policy applied to its home.
    pub storage_policy_id: Option<StoragePolicyId>,
    /// Tags attached to it.
    pub tag_ids: Vec<TagId>,
    /// Custom attributes (vSphere) or metadata (libvirt), name to value.
    pub attributes: std::collections::BTreeMap<String, String>,
    /// Platform detail.
    #[schema(value_type = Object)]
    pub native: Native,
}

impl Noun for Vm {
    const KIND: Kind = Kind::Vm;
    const STATE_FIELD: Option<&'static str> = Some("power_state");

    fn name(&self) -> &str {
        &self.name
    }

    fn state(&self) -> Option<&'static str> {
        Some(self.power_state.as_str())
    }

    fn fields() -> &'static [Field<Self>] {
        const FIELDS: &[Field<Vm>] = &[
            Field::<Vm>::new("power_state", FieldType::Word(&["running", "stopped", "suspended", "paused", "crashed", "unknown"]), "Whether it runs.", |o| Value::Word(o.power_state.as_str())).indexed(),
            Field::<Vm>::new("power_reason", FieldType::Text, "Why it is in this state, where the platform says: `io_error`, `migrating`, `booted`, …", |o| value::opt_text(o.power_reason.as_ref())),
            Field::<Vm>::new("condition", FieldType::Word(&["ok", "disconnected", "inaccessible", "orphaned", "invalid"]), "Whether the platform can manage it.", |o| Value::Word(o.condition.as_str())).indexed(),
            Field::<Vm>::new("question", FieldType::Text, "What the platform waits to be answered before the machine goes on.", |o| value::opt_text(o.question.as_ref())),
            Field::<Vm>::new("description", FieldType::Text, "Free text.", |o| value::opt_text(o.description.as_ref())),
            Field::<Vm>::new("zone_id", FieldType::Id, "The zone that it is in.", |o| value::opt_id(o.zone_id)).indexed(),
            Field::<Vm>::new("cluster_id", FieldType::Id, "The cluster that it is in.", |o| value::opt_id(o.cluster_id)).indexed(),
            Field::<Vm>::new("host_id", FieldType::Id, "The host that it runs on, or is registered at.", |o| value::opt_id(o.host_id)).indexed(),
            Field::<Vm>::new("resource_pool_id", FieldType::Id, "The resource pool or vApp that it is in.", |o| value::opt_id(o.resource_pool_id)).indexed(),
            Field::<Vm>::new("folder_id", FieldType::Id, "The folder that it is in.", |o| value::opt_id(o.folder_id)).indexed(),
            Field::<Vm>::new("folder_path", FieldType::Text, "Names of the folders that it is in, joined with `/`.", |o| value::opt_text(o.folder_path.as_ref())),
            Field::<Vm>::new("vcpu_count", FieldType::Integer, "Virtual CPUs; absent where the platform does not tell.", |o| value::opt_int(o.vcpu_count.map(u64::from))),
            Field::<Vm>::new("cores_per_socket", FieldType::Integer, "Virtual cores of each virtual socket.", |o| value::opt_int(o.cores_per_socket.map(u64::from))),
            Field::<Vm>::new("memory_mib", FieldType::Integer, "Memory, MiB; absent where the platform does not tell.", |o| value::opt_int(o.memory_mib)),
            Field::<Vm>::new("memory_max_mib", FieldType::Integer, "Memory that it can grow to while running, MiB; absent where it cannot grow.", |o| value::opt_int(o.memory_max_mib)),
            Field::<Vm>::new("firmware", FieldType::Text, "`bios` or `efi`.", |o| value::opt_text(o.firmware.as_ref())),
            Field::<Vm>::new("guest_os", FieldType::Text, "The guest operating system, as the platform names it.", |o| value::opt_text(o.guest_os.as_ref())),
            Field::<Vm>::new("guest_hostname", FieldType::Text, "The host name that the guest tells.", |o| value::opt_text(o.guest_hostname.as_ref())),
            Field::<Vm>::new("guest_agent", FieldType::Word(&["running", "not_running", "not_installed", "unknown"]), "Whether VMware Tools or the QEMU guest agent answers.", |o| Value::Word(o.guest_agent.as_str())),
            Field::<Vm>::new("ip_addresses", FieldType::TextList, "Addresses that the guest or the platform's DHCP server told.", |o| value::texts(&o.ip_addresses)).indexed(),
            Field::<Vm>::new("mac_addresses", FieldType::TextList, "MAC addresses of its interfaces.", |o| value::texts(&o.mac_addresses)).indexed(),
            Field::<Vm>::new("uuid", FieldType::Text, "The platform's own unique id of the machine: vSphere `instanceUuid`, libvirt `uuid`; absent until the platform tells.", |o| value::opt_text(o.uuid.as_ref())).indexed(),
            Field::<Vm>::new("bios_uuid", FieldType::Text, "The UUID that the guest sees; not always unique on vSphere.", |o| value::opt_text(o.bios_uuid.as_ref())),
            Field::<Vm>::new("persistent", FieldType::Boolean, "Whether it stays defined when stopped.", |o| Value::Bool(o.persistent)),
            Field::<Vm>::new("autostart", FieldType::Boolean, "Whether it starts with its host; absent where the platform does not tell per machine.", |o| o.autostart.map_or(Value::Null, Value::Bool)),
            Field::<Vm>::new("created_at", FieldType::Time, "When it was made; absent where the platform does not tell.", |o| value::opt_time(o.created_at)),
            Field::<Vm>::new("booted_at", FieldType::Time, "When it was last started; absent where the platform does not tell.", |o| value::opt_time(o.booted_at)),
            Field::<Vm>::new("volume_count", FieldType::Integer, "Disks; absent where the platform does not tell.", |o| value::opt_int(o.volume_count.map(u64::from))),
            Field::<Vm>::new("nic_count", FieldType::Integer, "Network interfaces; absent where the platform does not tell.", |o| value::opt_int(o.nic_count.map(u64::from))),
            Field::<Vm>::new("snapshot_count", FieldType::Integer, "Snapshots; absent where the platform does not tell.", |o| value::opt_int(o.snapshot_count.map(u64::from))),
            Field::<Vm>::new("storage_provisioned_bytes", FieldType::Integer, "Space promised to its disks, bytes; absent where the platform does not tell.", |o| value::opt_int(o.storage_provisioned_bytes)),
            Field::<Vm>::new("storage_used_bytes", FieldType::Integer, "Space that its files take, bytes.", |o| value::opt_int(o.storage_used_bytes)),
            Field::<Vm>::new("datastore_ids", FieldType::IdList, "Datastores that hold its disks.", |o| value::ids(&o.datastore_ids)).indexed(),
            Field::<Vm>::new("network_ids", FieldType::IdList, "Networks that it is connected to.", |o| value::ids(&o.network_ids)).indexed(),
            Field::<Vm>::new("volume_ids", FieldType::IdList, "Its disks, in the order of their devices.", |o| value::ids(&o.volume_ids)),
            Field::<Vm>::new("nic_ids", FieldType::IdList, "Its network interfaces, in the order of their devices.", |o| value::ids(&o.nic_ids)),
            Field::<Vm>::new("storage_policy_id", FieldType::Id, "The storage policy applied to its home.", |o| value::opt_id(o.storage_policy_id)).indexed(),
            Field::<Vm>::new("tag_ids", FieldType::IdList, "Tags attached to it.", |o| value::ids(&o.tag_ids)).indexed(),
            Field::<Vm>::new("attributes", FieldType::TextList, "Custom attributes (vSphere) or metadata (libvirt), name to value.", |o| Value::List(o.attributes.iter().map(|(name, text)| value::text(&format!("{name}={text}"))).collect())),
        ];
        FIELDS
    }

    fn search_texts(&self) -> Vec<&str> {
        self.ip_addresses
            .iter()
            .chain(&self.mac_addresses)
            .chain(&self.uuid)
            .chain(&self.bios_uuid)
            .chain(&self.guest_hostname)
            .map(String::as_str)
            .collect()
    }
}
