//! Disks of a domain, with every kind of source that libvirt knows.

use serde::Serialize;

use super::XmlError;
use super::document::Element;
use super::read::{number_attribute, owned, owned_at, pci_address, switch, value_error};

/// Deepest backing chain that is followed in one definition.
const BACKING_DEPTH_MAX: usize = 100;

/// A `<disk>` of a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Disk {
    /// `disk`, `cdrom`, `floppy` or `lun`.
    pub device: String,
    /// Where the data is; `None` for an empty drive.
    pub source: Option<DiskSource>,
    /// The name inside the guest's bus: `vda`, `sda`, `hdc`. Unique in a domain.
    pub target_dev: Option<String>,
    /// `virtio`, `scsi`, `sata`, `ide`, `usb`, `fdc`, `nvme`, …
    pub target_bus: Option<String>,
    /// The driver: `qemu`.
    pub driver_name: Option<String>,
    /// The image's format: `qcow2`, `raw`, …
    pub driver_format: Option<String>,
    /// The cache mode: `none`, `writeback`, …
    pub cache: Option<String>,
    /// How I/O is submitted: `native`, `threads`, `io_uring`.
    pub io: Option<String>,
    /// What a discard by the guest does: `unmap` or `ignore`.
    pub discard: Option<String>,
    /// The guest cannot write.
    pub readonly: bool,
    /// Several guests may write at once.
    pub shareable: bool,
    /// Writes are thrown away at power-off.
    pub transient: bool,
    /// The serial number that the guest sees.
    pub serial: Option<String>,
    /// The world wide name.
    pub wwn: Option<String>,
    /// The vendor for SCSI disks.
    pub vendor: Option<String>,
    /// The product for SCSI disks.
    pub product: Option<String>,
    /// libvirt's name of the device while it runs: `virtio-disk0`.
    pub alias: Option<String>,
    /// Its place in the boot order, from 1.
    pub boot_order: Option<u32>,
    /// Images below this one, nearest first. libvirt fills it in for running domains.
    pub backing: Vec<BackingImage>,
    /// The source being copied or mirrored to by a block job, if there is one.
    pub mirror: Option<DiskSource>,
    /// True if the image or the source is encrypted.
    pub encrypted: bool,
}

/// An image below a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BackingImage {
    /// The image's format.
    pub format: Option<String>,
    /// Where it is.
    pub source: Option<DiskSource>,
}

/// Where a disk's data is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum DiskSource {
    /// A file on the host.
    File {
        /// Its path.
        path: String,
    },
    /// A block device on the host.
    Block {
        /// Its path.
        path: String,
    },
    /// A directory shown as a FAT volume.
    Dir {
        /// Its path.
        path: String,
    },
    /// A network block device.
    Network {
        /// The protocol.
        protocol: NetworkProtocol,
        /// The image: `pool/image` for rbd, an IQN with a LUN for iscsi, a path for nfs and http, an export's name for nbd.
        name: Option<String>,
        /// The servers.
        hosts: Vec<NetworkEndpoint>,
        /// The query string of a http or https URL.
        query: Option<String>,
        /// True if TLS is asked for.
        tls: bool,
        /// The user that authenticates; the secret itself is never read.
        auth_user: Option<String>,
        /// An internal snapshot that is used instead of the image.
        snapshot: Option<String>,
    },
    /// A volume of a libvirt storage pool.
    Volume {
        /// The pool's name.
        pool: String,
        /// The volume's name.
        volume: String,
        /// How iscsi pools are reached: `host` or `direct`.
        mode: Option<String>,
    },
    /// An NVMe namespace taken from the host.
    Nvme {
        /// The controller's PCI address: `0000:03:00.0`.
        address: Option<String>,
        /// The namespace, from 1.
        namespace: Option<u32>,
        /// True if libvirt unbinds the host's driver.
        managed: Option<bool>,
    },
    /// A vhost-user-blk socket.
    VhostUser {
        /// The socket's path.
        path: Option<String>,
    },
    /// A vhost-vdpa device.
    VhostVdpa {
        /// The device's path.
        device: Option<String>,
    },
    /// A kind that this version of the crate has no word for.
    Other {
        /// The disk's `type`.
        type_name: String,
    },
}

/// The protocol of a network disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NetworkProtocol {
    /// Ceph RADOS block device.
    Rbd,
    /// iSCSI, by QEMU itself.
    Iscsi,
    /// NFS, by QEMU itself.
    Nfs,
    /// Network block device.
    Nbd,
    /// HTTP.
    Http,
    /// HTTPS.
    Https,
    /// FTP.
    Ftp,
    /// FTP over TLS.
    Ftps,
    /// TFTP.
    Tftp,
    /// SSH.
    Ssh,
    /// GlusterFS.
    Gluster,
    /// Sheepdog.
    Sheepdog,
    /// Veritas HyperScale.
    Vxhs,
    /// One without a word here.
    Other(String),
}

/// A server of a network disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NetworkEndpoint {
    /// Name or address; absent for a UNIX socket.
    pub name: Option<String>,
    /// The port, if not the protocol's own.
    pub port: Option<u16>,
    /// `tcp`, `unix` or `rdma`.
    pub transport: Option<String>,
    /// The path of a UNIX socket.
    pub socket: Option<String>,
}

impl Disk {
    pub(super) fn read(element: &Element) -> Result<Self, XmlError> {
        let type_name = element.attribute("type").unwrap_or("file");
        let driver = element.child("driver");
        let of_driver = |name| driver.and_then(|driver| owned(driver, name));
        let target = element.child("target");
        Ok(Self {
            device: element.attribute("device").unwrap_or("disk").to_owned(),
            source: element.child("source").map(|source| read_source(type_name, source)).transpose()?.flatten(),
            target_dev: target.and_then(|target| owned(target, "dev")),
            target_bus: target.and_then(|target| owned(target, "bus")),
            driver_name: of_driver("name"),
            driver_format: of_driver("type"),
            cache: of_driver("cache"),
            io: of_driver("io"),
            discard: of_driver("discard"),
            readonly: element.child("readonly").is_some(),
            shareable: element.child("shareable").is_some(),
            transient: element.child("transient").is_some(),
            serial: element.text_at("serial"),
            wwn: element.text_at("wwn"),
            vendor: element.text_at("vendor"),
            product: element.text_at("product"),
            alias: owned_at(element, "alias", "name"),
            boot_order: element.child("boot").map(|boot| number_attribute(boot, "order")).transpose()?.flatten(),
            backing: read_backing(element)?,
            mirror: element.child("mirror").map(read_mirror).transpose()?.flatten(),
            encrypted: element.child("encryption").is_some() || element.at("source/encryption").is_some(),
        })
    }

    /// The path on the host, for sources that have one there.
    pub fn host_path(&self) -> Option<&str> {
        match self.source.as_ref()? {
            DiskSource::File { path } | DiskSource::Block { path } | DiskSource::Dir { path } => Some(path),
            DiskSource::VhostVdpa { device: Some(path) } => Some(path),
            _ => None,
        }
    }
}

fn read_backing(disk: &Element) -> Result<Vec<BackingImage>, XmlError> {
    let mut images = Vec::new();
    let mut above = disk;
    while let Some(store) = above.child("backingStore") {
        // An empty <backingStore/> ends the chain.
        let Some(type_name) = store.attribute("type") else { break };
        if images.len() == BACKING_DEPTH_MAX {
            return Err(value_error("backingStore", "…", "the chain is too long"));
        }
        let source = store.child("source").map(|source| read_source(type_name, source)).transpose()?.flatten();
        images.push(BackingImage { format: owned_at(store, "format", "type"), source });
        above = store;
    }
    Ok(images)
}

fn read_mirror(mirror: &Element) -> Result<Option<DiskSource>, XmlError> {
    let type_name = mirror.attribute("type").unwrap_or("file");
    match mirror.child("source") {
        Some(source) => read_source(type_name, source),
        // The form of libvirt before 1.2.
        None => Ok(owned(mirror, "file").map(|path| DiskSource::File { path })),
    }
}

/// Reads a `<source>`; `None` if it names nothing (an empty drive keeps an empty `<source>` at times).
pub(super) fn read_source(type_name: &str, source: &Element) -> Result<Option<DiskSource>, XmlError> {
    Ok(match type_name {
        "file" => owned(source, "file").map(|path| DiskSource::File { path }),
        "block" => owned(source, "dev").map(|path| DiskSource::Block { path }),
        "dir" => owned(source, "dir").map(|path| DiskSource::Dir { path }),
        "network" => Some(read_network(source)?),
        "volume" => match (owned(source, "pool"), owned(source, "volume")) {
            (Some(pool), Some(volume)) => Some(DiskSource::Volume { pool, volume, mode: owned(source, "mode") }),
            _ => None,
        },
        "nvme" => Some(DiskSource::Nvme {
            address: source.child("address").and_then(pci_address),
            namespace: number_attribute(source, "namespace")?,
            managed: switch(source.attribute("managed")),
        }),
        "vhostuser" => Some(DiskSource::VhostUser { path: owned(source, "path") }),
        "vhostvdpa" => Some(DiskSource::VhostVdpa { device: owned(source, "dev") }),
        other => Some(DiskSource::Other { type_name: other.to_owned() }),
    })
}

fn read_network(source: &Element) -> Result<DiskSource, XmlError> {
    let hosts = source.children("host").map(read_endpoint).collect::<Result<_, _>>()?;
    Ok(DiskSource::Network {
        protocol: NetworkProtocol::read(source.attribute("protocol").unwrap_or_default()),
        name: owned(source, "name"),
        hosts,
        query: owned(source, "query"),
        tls: switch(source.attribute("tls")) == Some(true),
        auth_user: owned_at(source, "auth", "username"),
        snapshot: owned_at(source, "snapshot", "name"),
    })
}

pub(super) fn read_endpoint(host: &Element) -> Result<NetworkEndpoint, XmlError> {
    Ok(NetworkEndpoint {
        name: owned(host, "name"),
        port: number_attribute(host, "port")?,
        transport: owned(host, "transport"),
        socket: owned(host, "socket"),
    })
}

impl NetworkProtocol {
    fn read(name: &str) -> Self {
        match name {
            "rbd" => Self::Rbd,
            "iscsi" => Self::Iscsi,
            "nfs" => Self::Nfs,
            "nbd" => Self::Nbd,
            "http" => Self::Http,
            "https" => Self::Https,
            "ftp" => Self::Ftp,
            "ftps" => Self::Ftps,
            "tftp" => Self::Tftp,
            "ssh" => Self::Ssh,
            "gluster" => Self::Gluster,
            "sheepdog" => Self::Sheepdog,
            "vxhs" => Self::Vxhs,
            other => Self::Other(other.to_owned()),
        }
    }

    /// libvirt's word for it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Rbd => "rbd",
            Self::Iscsi => "iscsi",
            Self::Nfs => "nfs",
            Self::Nbd => "nbd",
            Self::Http => "http",
            Self::Https => "https",
            Self::Ftp => "ftp",
            Self::Ftps => "ftps",
            Self::Tftp => "tftp",
            Self::Ssh => "ssh",
            Self::Gluster => "gluster",
            Self::Sheepdog => "sheepdog",
            Self::Vxhs => "vxhs",
            Self::Other(name) => name,
        }
    }
}
