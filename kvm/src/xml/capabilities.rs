//! What a host is and can do: `<capabilities>` and `<sysinfo>`.

use serde::Serialize;
use uuid::Uuid;

use super::XmlError;
use super::document::{Document, Element};
use super::read::{expect_root, number_attribute, owned, size, uuid};

/// What a host's capabilities say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CapabilitiesXml {
    /// The host's identity. Boards of some makers have all the same one; libvirt's `host_uuid` setting overrides it.
    pub host_uuid: Option<Uuid>,
    /// The architecture.
    pub arch: Option<String>,
    /// The CPU's model in libvirt's words: `Skylake-Server-IBRS`.
    pub cpu_model: Option<String>,
    /// The CPU's maker.
    pub cpu_vendor: Option<String>,
    /// The CPU's shape.
    pub topology: Option<CpuTopology>,
    /// CPU features beyond the model.
    pub cpu_features: Vec<String>,
    /// NUMA nodes.
    pub numa_node_count: usize,
    /// Memory of all NUMA nodes together, where it is said.
    pub numa_memory_bytes: Option<u64>,
    /// Ways in which live migration can reach the host: `tcp`, `rdma`.
    pub migration_transports: Vec<String>,
    /// True if live migration is offered.
    pub migration_live: bool,
    /// Security models: `selinux`, `apparmor`, `dac`.
    pub security_models: Vec<String>,
    /// True if devices can be given to guests (an IOMMU is on).
    pub iommu: bool,
    /// Guests that it can run.
    pub guests: Vec<GuestArch>,
}

/// The shape of a CPU as libvirt counts it (per NUMA node on some machines: see `virNodeInfo`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CpuTopology {
    /// Sockets.
    pub sockets: u32,
    /// Dies in a socket.
    pub dies: u32,
    /// Cores in a die.
    pub cores: u32,
    /// Threads in a core.
    pub threads: u32,
}

/// A kind of guest that a host can run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GuestArch {
    /// `hvm`, …
    pub os_type: String,
    /// `x86_64`, …
    pub arch: String,
    /// The emulator's path.
    pub emulator: Option<String>,
    /// `kvm`, `qemu`, …
    pub domain_types: Vec<String>,
    /// Machine types, canonical names included.
    pub machines: Vec<String>,
}

impl CapabilitiesXml {
    /// Reads a host's capabilities.
    ///
    /// # Errors
    /// [`XmlError`] if they are not well-formed, not `<capabilities>`, or a number is none.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let document = Document::parse(text)?;
        let root = document.root();
        expect_root(root, "capabilities")?;
        let texts = |path: &str, name: &str| -> Vec<String> {
            root.at(path).map(|parent| parent.children(name).map(Element::text).collect()).unwrap_or_default()
        };
        let host = root.child("host");
        let cpu = root.at("host/cpu");
        let cells: Vec<&Element> =
            root.at("host/topology/cells").map(|c| c.children("cell").collect()).unwrap_or_default();
        Ok(Self {
            host_uuid: uuid(root, "host/uuid")?,
            arch: root.text_at("host/cpu/arch"),
            cpu_model: root.text_at("host/cpu/model"),
            cpu_vendor: root.text_at("host/cpu/vendor"),
            topology: cpu.and_then(|cpu| cpu.child("topology")).map(CpuTopology::read).transpose()?,
            cpu_features: cpu
                .map(|cpu| cpu.children("feature").filter_map(|feature| owned(feature, "name")).collect())
                .unwrap_or_default(),
            numa_node_count: cells.len(),
            numa_memory_bytes: cells.iter().map(|cell| size(cell, "memory", "KiB")).try_fold(
                None,
                |sum: Option<u64>, bytes| {
                    Ok::<_, XmlError>(match (sum, bytes?) {
                        (sum, None) => sum,
                        (None, bytes) => bytes,
                        (Some(sum), Some(bytes)) => sum.checked_add(bytes),
                    })
                },
            )?,
            migration_transports: texts("host/migration_features/uri_transports", "uri_transport"),
            migration_live: root.at("host/migration_features/live").is_some(),
            security_models: host
                .map(|host| host.children("secmodel").filter_map(|model| model.text_at("model")).collect())
                .unwrap_or_default(),
            iommu: root.attribute_at("host/iommu", "support") == Some("yes"),
            guests: root.children("guest").filter_map(GuestArch::read).collect(),
        })
    }

    /// True if the host can run guests with hardware virtualization.
    pub fn has_kvm(&self) -> bool {
        self.guests.iter().any(|guest| guest.domain_types.iter().any(|kind| kind == "kvm"))
    }
}

impl CpuTopology {
    fn read(element: &Element) -> Result<Self, XmlError> {
        Ok(Self {
            sockets: number_attribute(element, "sockets")?.unwrap_or(1),
            dies: number_attribute(element, "dies")?.unwrap_or(1),
            cores: number_attribute(element, "cores")?.unwrap_or(1),
            threads: number_attribute(element, "threads")?.unwrap_or(1),
        })
    }
}

impl GuestArch {
    fn read(guest: &Element) -> Option<Self> {
        let arch = guest.child("arch")?;
        let mut machines: Vec<String> = Vec::new();
        for machine in arch.children("machine") {
            for name in [Some(machine.text()), owned(machine, "canonical")].into_iter().flatten() {
                if !machines.contains(&name) {
                    machines.push(name);
                }
            }
        }
        Some(Self {
            os_type: guest.text_at("os_type").unwrap_or_default(),
            arch: owned(arch, "name")?,
            emulator: arch.text_at("emulator"),
            domain_types: arch.children("domain").filter_map(|domain| owned(domain, "type")).collect(),
            machines,
        })
    }
}

/// What the firmware's tables (SMBIOS) say about a host: `virConnectGetSysinfo`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SysinfoXml {
    /// The maker.
    pub manufacturer: Option<String>,
    /// The model.
    pub product: Option<String>,
    /// The serial number.
    pub serial: Option<String>,
    /// The board's identity.
    pub uuid: Option<Uuid>,
    /// The firmware's version.
    pub bios_version: Option<String>,
    /// The firmware's date.
    pub bios_date: Option<String>,
    /// The processor's full name: `Intel(R) Xeon(R) Gold 6230`.
    pub processor: Option<String>,
}

impl SysinfoXml {
    /// Reads a host's system information.
    ///
    /// # Errors
    /// [`XmlError`] if it is not well-formed or not `<sysinfo>`.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let document = Document::parse(text)?;
        let root = document.root();
        expect_root(root, "sysinfo")?;
        let entry = |section: &str, name: &str| {
            root.child(section)?
                .children("entry")
                .find(|entry| entry.attribute("name") == Some(name))
                .map(Element::text)
                .filter(|text| !text.is_empty())
        };
        Ok(Self {
            manufacturer: entry("system", "manufacturer"),
            product: entry("system", "product"),
            serial: entry("system", "serial"),
            // A board may carry any text here; only a real UUID counts.
            uuid: entry("system", "uuid").and_then(|text| text.parse().ok()),
            bios_version: entry("bios", "version"),
            bios_date: entry("bios", "date"),
            processor: entry("processor", "version"),
        })
    }
}
