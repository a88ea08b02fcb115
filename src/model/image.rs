//! An image: what new machines are made from.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::field::{Field, FieldType, value};
use super::{ContentLibraryId, DatastoreId, FolderId, Kind, Native, Noun, TagId, Value, ZoneId};

words! {
    /// What an image is made of.
    ImageFormat {
        /// A VM template of vSphere.
        Template = "template",
        /// OVF or OVA, in a content library.
        Ovf = "ovf",
        /// A CD or DVD.
        Iso = "iso",
        /// A qcow2 disk.
        Qcow2 = "qcow2",
        /// A raw disk.
        Raw = "raw",
        /// A VMDK disk.
        Vmdk = "vmdk",
        /// Anything else.
        Other = "other",
    }
}

/// A vSphere VM template, a content library item, or an image file in a libvirt storage pool (ISO, or a file that others are backed by).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Image {
    /// The name shown to people.
    pub name: String,
    /// The zone that it is in.
    pub zone_id: Option<ZoneId>,
    /// What it is made of.
    pub format: ImageFormat,
    /// The datastore that holds it.
    pub datastore_id: Option<DatastoreId>,
    /// The content library that holds it.
    pub library_id: Option<ContentLibraryId>,
    /// The folder that it is in.
    pub folder_id: Option<FolderId>,
    /// Space it takes, bytes.
    pub size_bytes: Option<u64>,
    /// Size of the disks made from it, bytes.
    pub disk_bytes: Option<u64>,
    /// Virtual CPUs of a machine made from it; absent where it does not say.
    pub vcpu_count: Option<u32>,
    /// Memory of a machine made from it, MiB; absent where it does not say.
    pub memory_mib: Option<u64>,
    /// The guest operating system, as the platform names it.
    pub guest_os: Option<String>,
    /// The path or URL.
    pub location: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Option<DateTime<Utc>>,
    /// Tags attached to it.
    pub tag_ids: Vec<TagId>,
    /// Platform detail.
    #[schema(value_type = Object)]
    pub native: Native,
}

impl Noun for Image {
    const KIND: Kind = Kind::Image;

    fn name(&self) -> &str {
        &self.name
    }

    fn fields() -> &'static [Field<Self>] {
        const FIELDS: &[Field<Image>] = &[
            Field::<Image>::new("zone_id", FieldType::Id, "The zone that it is in.", |o| value::opt_id(o.zone_id))
                .indexed(),
            Field::<Image>::new(
                "format",
                FieldType::Word(&["template", "ovf", "iso", "qcow2", "raw", "vmdk", "other"]),
                "What it is made of.",
                |o| Value::Word(o.format.as_str()),
            )
            .indexed(),
            Field::<Image>::new("datastore_id", FieldType::Id, "The datastore that holds it.", |o| {
                value::opt_id(o.datastore_id)
            })
            .indexed(),
            Field::<Image>::new("library_id", FieldType::Id, "The content library that holds it.", |o| {
                value::opt_id(o.library_id)
            })
            .indexed(),
            Field::<Image>::new("folder_id", FieldType::Id, "The folder that it is in.", |o| {
                value::opt_id(o.folder_id)
            })
            .indexed(),
            Field::<Image>::new("size_bytes", FieldType::Integer, "Space it takes, bytes.", |o| {
                value::opt_int(o.size_bytes)
            }),
            Field::<Image>::new("disk_bytes", FieldType::Integer, "Size of the disks made from it, bytes.", |o| {
                value::opt_int(o.disk_bytes)
            }),
            Field::<Image>::new(
                "vcpu_count",
                FieldType::Integer,
                "Virtual CPUs of a machine made from it; absent where it does not say.",
                |o| value::opt_int(o.vcpu_count.map(u64::from)),
            ),
            Field::<Image>::new(
                "memory_mib",
                FieldType::Integer,
                "Memory of a machine made from it, MiB; absent where it does not say.",
                |o| value::opt_int(o.memory_mib),
            ),
            Field::<Image>::new(
                "guest_os",
                FieldType::Text,
                "The guest operating system, as the platform names it.",
                |o| value::opt_text(o.guest_os.as_ref()),
            ),
            Field::<Image>::new("location", FieldType::Text, "The path or URL.", |o| {
                value::opt_text(o.location.as_ref())
            }),
            Field::<Image>::new("description", FieldType::Text, "Free text.", |o| {
                value::opt_text(o.description.as_ref())
            }),
            Field::<Image>::new("created_at", FieldType::Time, "When it was made.", |o| value::opt_time(o.created_at)),
            Field::<Image>::new("tag_ids", FieldType::IdList, "Tags attached to it.", |o| value::ids(&o.tag_ids))
                .indexed(),
        ];
        FIELDS
    }
}
