//! A volume: a virtual disk.

use serde::{Deserialize, Serialize};

use super::field::{Field, FieldType, value};
use super::{DatastoreId, HostId, Kind, Native, Noun, StoragePolicyId, Value, VmId, ZoneId};

words! {
    /// What is behind a volume.
    VolumeSource {
        /// A file.
        File = "file",
        /// A block device of the host.
        Block = "block",
        /// A network protocol spoken by the hypervisor itself (rbd, iscsi, nbd, …).
        Network = "network",
        /// A directory shown as a disk.
        Dir = "dir",
        /// A raw device mapping in virtual mode (vSphere).
        RdmVirtual = "rdm_virtual",
        /// A raw device mapping in physical mode (vSphere).
        RdmPhysical = "rdm_physical",
        /// An NVMe device of the host.
        Nvme = "nvme",
        /// A disk served by another process of the host.
        Vhostuser = "vhostuser",
        /// Anything else.
        Other = "other",
    }
}

/// That a volume is attached to a VM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Attachment {
    /// The VM.
    pub vm_id: VmId,
    /// The host that told it, for a volume that several hosts see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_id: Option<HostId>,
    /// The device in the guest or on its virtual controller: `vda`, `scsi0:1`.
    pub device: String,
    /// The controller: `virtio`, `scsi`, `sata`, `nvme`, `ide`, …
    pub bus: Option<String>,
}

/// A virtual disk: of a vSphere VM, in a libvirt pool, or a source of a libvirt domain outside any pool. Recognised by the disk's own UUID or device key, never by its path alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Volume {
    /// The name shown to people.
    pub name: String,
    /// The zone that it is in.
    pub zone_id: Option<ZoneId>,
    /// The datastore that holds it.
    pub datastore_id: Option<DatastoreId>,
    /// Size that the guest sees, bytes; absent where the platform does not tell.
    pub capacity_bytes: Option<u64>,
    /// Space it takes, bytes.
    pub allocated_bytes: Option<u64>,
    /// What is behind it.
    pub source: VolumeSource,
    /// How it is written: `vmdk`, `qcow2`, `raw`, …
    pub format: Option<String>,
    /// Whether space is taken only when written; absent where the platform does not tell.
    pub thin: Option<bool>,
    /// Whether guests can only read it.
    pub read_only: bool,
    /// Whether several VMs may write to it at once.
    pub shareable: bool,
    /// The path or URL.
    pub location: Option<String>,
    /// The file that this one only holds the differences to.
    pub backing_location: Option<String>,
    /// The storage policy applied to it.
    pub storage_policy_id: Option<StoragePolicyId>,
    /// The VMs that it is attached to.
    pub attachments: Vec<Attachment>,
    /// Platform detail.
    #[schema(value_type = Object)]
    pub native: Native,
}

impl Noun for Volume {
    const KIND: Kind = Kind::Volume;

    fn name(&self) -> &str {
        &self.name
    }

    fn fields() -> &'static [Field<Self>] {
        const FIELDS: &[Field<Volume>] = &[
            Field::<Volume>::new("zone_id", FieldType::Id, "The zone that it is in.", |o| value::opt_id(o.zone_id))
                .indexed(),
            Field::<Volume>::new("datastore_id", FieldType::Id, "The datastore that holds it.", |o| {
                value::opt_id(o.datastore_id)
            })
            .indexed(),
            Field::<Volume>::new(
                "capacity_bytes",
                FieldType::Integer,
                "Size that the guest sees, bytes; absent where the platform does not tell.",
                |o| value::opt_int(o.capacity_bytes),
            ),
            Field::<Volume>::new("allocated_bytes", FieldType::Integer, "Space it takes, bytes.", |o| {
                value::opt_int(o.allocated_bytes)
            }),
            Field::<Volume>::new(
                "source",
                FieldType::Word(&[
                    "file",
                    "block",
                    "network",
                    "dir",
                    "rdm_virtual",
                    "rdm_physical",
                    "nvme",
                    "vhostuser",
                    "other",
                ]),
                "What is behind it.",
                |o| Value::Word(o.source.as_str()),
            )
            .indexed(),
            Field::<Volume>::new("format", FieldType::Text, "How it is written: `vmdk`, `qcow2`, `raw`, …", |o| {
                value::opt_text(o.format.as_ref())
            }),
            Field::<Volume>::new(
                "thin",
                FieldType::Boolean,
                "Whether space is taken only when written; absent where the platform does not tell.",
                |o| o.thin.map_or(Value::Null, Value::Bool),
            ),
            Field::<Volume>::new("read_only", FieldType::Boolean, "Whether guests can only read it.", |o| {
                Value::Bool(o.read_only)
            }),
            Field::<Volume>::new(
                "shareable",
                FieldType::Boolean,
                "Whether several VMs may write to it at once.",
                |o| Value::Bool(o.shareable),
            ),
            Field::<Volume>::new("location", FieldType::Text, "The path or URL.", |o| {
                value::opt_text(o.location.as_ref())
            }),
            Field::<Volume>::new(
                "backing_location",
                FieldType::Text,
                "The file that this one only holds the differences to.",
                |o| value::opt_text(o.backing_location.as_ref()),
            ),
            Field::<Volume>::new("vm_id", FieldType::IdList, "The VMs that it is attached to.", |o| {
                Value::List(o.attachments.iter().map(|a| Value::Id(a.vm_id.0)).collect())
            })
            .indexed(),
            Field::<Volume>::new("storage_policy_id", FieldType::Id, "The storage policy applied to it.", |o| {
                value::opt_id(o.storage_policy_id)
            })
            .indexed(),
        ];
        FIELDS
    }

    fn search_texts(&self) -> Vec<&str> {
        self.location.iter().map(String::as_str).collect()
    }
}
