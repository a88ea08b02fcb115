//! The definition of a storage pool.

use serde::Serialize;
use uuid::Uuid;

use super::XmlError;
use super::document::{Document, Element};
use super::read::{expect_root, number_attribute, owned, owned_at, required_text, required_uuid, size};

/// What a storage pool's XML says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PoolXml {
    /// `dir`, `fs`, `netfs`, `logical`, `disk`, `iscsi`, `iscsi-direct`, `scsi`, `mpath`, `rbd`, `sheepdog`, `gluster`,
    /// `zfs`, `vstorage`.
    pub kind: String,
    /// The name, unique on its host.
    pub name: String,
    /// The identity on its host; a share that several hosts mount has another one on each.
    pub uuid: Uuid,
    /// The whole size, as libvirt saw it at the last refresh.
    pub capacity_bytes: Option<u64>,
    /// What is used.
    pub allocation_bytes: Option<u64>,
    /// What is free.
    pub available_bytes: Option<u64>,
    /// Where the storage comes from.
    pub source: PoolSource,
    /// Where it appears on the host.
    pub target_path: Option<String>,
    /// Permissions of the target: the mode in octal.
    pub target_mode: Option<String>,
}

/// Where a pool's storage comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PoolSource {
    /// Servers.
    pub hosts: Vec<PoolSourceHost>,
    /// The directory on the server, or on this host for a file system.
    pub dir: Option<String>,
    /// Devices: partitions, disks, an iSCSI target's IQN.
    pub devices: Vec<String>,
    /// The name of a volume group, RBD pool, Gluster volume, …
    pub name: Option<String>,
    /// The format: `nfs`, `cifs`, `xfs`, `lvm2`, `gpt`, …
    pub format: Option<String>,
    /// The adapter of a scsi pool: `scsi_host3`, or a WWPN for Fibre Channel.
    pub adapter: Option<String>,
    /// The initiator's IQN.
    pub initiator: Option<String>,
    /// The user that authenticates; the secret itself is never read.
    pub auth_user: Option<String>,
    /// The version of the protocol (NFS).
    pub protocol_version: Option<String>,
}

/// A server of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PoolSourceHost {
    /// Name or address.
    pub name: String,
    /// The port, if not the protocol's own.
    pub port: Option<u16>,
}

impl PoolXml {
    /// Reads a pool's XML.
    ///
    /// # Errors
    /// [`XmlError`] if it is not well-formed, not a `<pool>`, has no name or UUID, or a number is none.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        Self::from_document(&Document::parse(text)?)
    }

    /// Reads a pool's parsed XML.
    ///
    /// # Errors
    /// As [`PoolXml::parse`].
    pub fn from_document(document: &Document) -> Result<Self, XmlError> {
        let root = document.root();
        expect_root(root, "pool")?;
        Ok(Self {
            kind: root.attribute("type").unwrap_or_default().to_owned(),
            name: required_text(root, "name")?,
            uuid: required_uuid(root, "uuid")?,
            capacity_bytes: size(root, "capacity", "bytes")?,
            allocation_bytes: size(root, "allocation", "bytes")?,
            available_bytes: size(root, "available", "bytes")?,
            source: root.child("source").map(PoolSource::read).transpose()?.unwrap_or_default(),
            target_path: root.text_at("target/path"),
            target_mode: root.text_at("target/permissions/mode"),
        })
    }

    /// True if other hosts can have the same storage at the same time.
    pub fn is_shareable(&self) -> bool {
        matches!(
            self.kind.as_str(),
            "netfs" | "iscsi" | "iscsi-direct" | "rbd" | "sheepdog" | "gluster" | "vstorage" | "mpath" | "scsi"
        )
    }
}

impl PoolSource {
    fn read(source: &Element) -> Result<Self, XmlError> {
        let host = |host: &Element| {
            Ok(PoolSourceHost {
                name: host.attribute("name").unwrap_or_default().to_owned(),
                port: number_attribute(host, "port")?,
            })
        };
        let adapter = source.child("adapter");
        Ok(Self {
            hosts: source.children("host").map(host).collect::<Result<_, XmlError>>()?,
            dir: owned_at(source, "dir", "path"),
            devices: source.children("device").filter_map(|device| owned(device, "path")).collect(),
            name: source.text_at("name"),
            format: owned_at(source, "format", "type"),
            adapter: adapter.and_then(|adapter| owned(adapter, "name").or_else(|| owned(adapter, "wwpn"))),
            initiator: owned_at(source, "initiator/iqn", "name"),
            auth_user: owned_at(source, "auth", "username"),
            protocol_version: owned_at(source, "protocol", "ver"),
        })
    }
}
