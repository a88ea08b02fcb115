//! The definition of a domain.

use serde::Serialize;
use uuid::Uuid;

use super::document::{Document, Element, namespace_of};
use super::read::{
    expect_root, number, number_attribute, owned, owned_at, pci_address, required_text, required_uuid, size, switch,
};
use super::{Disk, Interface, XmlError};

/// What a domain's XML says. Fields that the XML leaves out are `None` or empty.
///
/// ```
/// let xml = "<domain type='kvm'><name>web</name><uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>
///            <memory unit='GiB'>2</memory><vcpu current='1'>4</vcpu></domain>";
/// let domain = kvm::xml::DomainXml::parse(xml)?;
/// assert_eq!(domain.memory_bytes, Some(2 << 30));
/// assert_eq!((domain.vcpu_current_count, domain.vcpu_max_count), (Some(1), Some(4)));
/// # Ok::<(), kvm::xml::XmlError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DomainXml {
    /// `kvm`, `qemu` (software emulation) or another hypervisor's word.
    pub kind: String,
    /// The number while it runs.
    pub id: Option<u32>,
    /// The name, unique on its host.
    pub name: String,
    /// The identity.
    pub uuid: Uuid,
    /// A short description.
    pub title: Option<String>,
    /// A long description.
    pub description: Option<String>,
    /// Entries under `<metadata>`, by namespace.
    pub metadata: Vec<MetadataEntry>,
    /// The most memory that it can have at boot.
    pub memory_bytes: Option<u64>,
    /// The memory that it has now (the balloon's target).
    pub memory_current_bytes: Option<u64>,
    /// The most that memory hot-plug can reach.
    pub memory_max_bytes: Option<u64>,
    /// Memory in huge pages.
    pub hugepages: bool,
    /// The CPUs that it has now.
    pub vcpu_current_count: Option<u32>,
    /// The most CPUs that it can have.
    pub vcpu_max_count: Option<u32>,
    /// Host CPUs that the guest's CPUs may run on, in libvirt's notation.
    pub vcpu_set: Option<String>,
    /// The guest's CPU.
    pub cpu: Cpu,
    /// `hvm`, `xen`, `exe`, …
    pub os_type: Option<String>,
    /// `x86_64`, `aarch64`, …
    pub os_arch: Option<String>,
    /// `pc-q35-9.0`, …
    pub os_machine: Option<String>,
    /// How it boots.
    pub firmware: Firmware,
    /// Boot devices in their order (`hd`, `network`, `cdrom`, `fd`); devices may carry an order of their own instead.
    pub boot_devices: Vec<String>,
    /// The kernel for direct boot.
    pub kernel: Option<String>,
    /// Features that are on or off: `acpi`, `apic`, `smm`, …
    pub features: Vec<Feature>,
    /// The operating system as libosinfo names it: `http://debian.org/debian/12`.
    pub os_info_id: Option<String>,
    /// What happens after power-off, reboot and crash: `destroy`, `restart`, `preserve`, …
    pub on_poweroff: Option<String>,
    /// After a reboot.
    pub on_reboot: Option<String>,
    /// After a crash.
    pub on_crash: Option<String>,
    /// The clock's offset: `utc`, `localtime`, …
    pub clock_offset: Option<String>,
    /// The emulator's path.
    pub emulator: Option<String>,
    /// Disks in their order.
    pub disks: Vec<Disk>,
    /// Network interfaces in their order.
    pub interfaces: Vec<Interface>,
    /// Graphical consoles.
    pub graphics: Vec<Graphics>,
    /// Video cards.
    pub videos: Vec<VideoDevice>,
    /// Serial ports, consoles, parallel ports and channels.
    pub channels: Vec<Channel>,
    /// Controllers.
    pub controllers: Vec<Controller>,
    /// Host devices given to the guest.
    pub host_devices: Vec<HostDevice>,
    /// Directories shared with the guest.
    pub filesystems: Vec<Filesystem>,
    /// Memory modules.
    pub memory_devices: Vec<MemoryDevice>,
    /// The trusted platform module.
    pub tpm: Option<Tpm>,
    /// The watchdog.
    pub watchdog: Option<Watchdog>,
    /// The balloon's model; `none` if there is none.
    pub balloon_model: Option<String>,
    /// True if a random number generator is given to the guest.
    pub rng: bool,
    /// True if launch security (SEV, TDX) is asked for.
    pub launch_security: Option<String>,
}

/// An entry under `<metadata>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MetadataEntry {
    /// Its namespace.
    pub namespace: Option<String>,
    /// Its element's name without the prefix.
    pub name: String,
    /// The whole entry as XML.
    pub xml: String,
}

/// `<cpu>`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Cpu {
    /// `host-passthrough`, `host-model`, `maximum` or `custom`.
    pub mode: Option<String>,
    /// The model, for `custom`.
    pub model: Option<String>,
    /// Sockets that the guest sees.
    pub sockets: Option<u32>,
    /// Dies in a socket.
    pub dies: Option<u32>,
    /// Cores in a die.
    pub cores: Option<u32>,
    /// Threads in a core.
    pub threads: Option<u32>,
}

/// How the guest boots.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Firmware {
    /// True for UEFI: `firmware='efi'`, or a loader of type `pflash`.
    pub efi: bool,
    /// Secure boot is asked for.
    pub secure: bool,
    /// The loader's path.
    pub loader: Option<String>,
    /// The file that keeps the variables.
    pub nvram: Option<String>,
}

/// A feature with its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Feature {
    /// `acpi`, `apic`, `hyperv`, …
    pub name: String,
    /// True if it is on.
    pub enabled: bool,
}

/// `<graphics>`. The password is never in the XML that this crate reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Graphics {
    /// `vnc`, `spice`, `rdp`, `sdl`, `egl-headless`, `dbus`.
    pub kind: String,
    /// The port; `None` while libvirt has not chosen one.
    pub port: Option<u16>,
    /// The TLS port.
    pub tls_port: Option<u16>,
    /// The web socket's port.
    pub websocket_port: Option<u16>,
    /// libvirt chooses the ports.
    pub autoport: bool,
    /// The address that it listens on.
    pub listen_address: Option<String>,
    /// The UNIX socket that it listens on.
    pub socket: Option<String>,
}

/// `<video>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VideoDevice {
    /// `virtio`, `qxl`, `vga`, `none`, …
    pub model: String,
    /// Video memory.
    pub vram_bytes: Option<u64>,
    /// Screens.
    pub heads: Option<u32>,
}

/// A character device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Channel {
    /// `serial`, `console`, `parallel` or `channel`.
    pub device: String,
    /// What is on the host's side: `pty`, `unix`, `file`, `spicevmc`, …
    pub kind: String,
    /// The path on the host's side, while there is one.
    pub source_path: Option<String>,
    /// The port's number.
    pub target_port: Option<u32>,
    /// The port's type: `virtio`, `isa-serial`, …
    pub target_type: Option<String>,
    /// The channel's name: `org.qemu.guest_agent.0`.
    pub target_name: Option<String>,
    /// `connected` or `disconnected`, while it runs.
    pub state: Option<String>,
    /// The file that output is copied to.
    pub log_file: Option<String>,
}

/// `<controller>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Controller {
    /// `scsi`, `sata`, `ide`, `usb`, `pci`, `virtio-serial`, …
    pub kind: String,
    /// Its number among its kind.
    pub index: Option<u32>,
    /// `virtio-scsi`, `lsilogic`, `pcie-root-port`, …
    pub model: Option<String>,
    /// Ports, where it has a number of them.
    pub ports: Option<u32>,
}

/// A host's device given to the guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HostDevice {
    /// `subsystem` or `capabilities`.
    pub mode: String,
    /// `pci`, `usb`, `scsi`, `scsi_host`, `mdev`, …
    pub kind: String,
    /// The PCI address or the mediated device's UUID.
    pub address: Option<String>,
    /// The vendor's number, for USB: `0x046d`.
    pub vendor_id: Option<String>,
    /// The product's number, for USB.
    pub product_id: Option<String>,
    /// libvirt unbinds the host's driver.
    pub managed: Option<bool>,
    /// libvirt's name of the device while it runs.
    pub alias: Option<String>,
}

/// A directory (or RAM disk, …) shared with the guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Filesystem {
    /// `mount`, `template`, `file`, `block`, `ram`, `bind`, `volume`.
    pub kind: String,
    /// `virtiofs`, `path` (9p), …
    pub driver: Option<String>,
    /// The directory on the host.
    pub source: Option<String>,
    /// The tag or directory in the guest.
    pub target: Option<String>,
    /// The guest cannot write.
    pub readonly: bool,
}

/// A memory module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MemoryDevice {
    /// `dimm`, `nvdimm`, `virtio-mem`, `virtio-pmem`, `sgx-epc`.
    pub model: String,
    /// Its size.
    pub size_bytes: Option<u64>,
    /// The NUMA node that it belongs to.
    pub node: Option<u32>,
}

/// `<tpm>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Tpm {
    /// `tpm-crb`, `tpm-tis`, …
    pub model: Option<String>,
    /// `emulator`, `passthrough`, `external`.
    pub backend: Option<String>,
    /// `2.0` or `1.2`.
    pub version: Option<String>,
}

/// `<watchdog>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Watchdog {
    /// `i6300esb`, `itco`, …
    pub model: String,
    /// `reset`, `poweroff`, `pause`, …
    pub action: Option<String>,
}

impl DomainXml {
    /// Reads a domain's XML.
    ///
    /// # Errors
    /// [`XmlError`] if it is not well-formed, not a `<domain>`, has no name or UUID, or a number is none.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        Self::from_document(&Document::parse(text)?)
    }

    /// Reads a domain's parsed XML.
    ///
    /// # Errors
    /// As [`DomainXml::parse`].
    pub fn from_document(document: &Document) -> Result<Self, XmlError> {
        expect_root(document.root(), "domain")?;
        Self::from_element(document.root())
    }

    pub(super) fn from_element(root: &Element) -> Result<Self, XmlError> {
        let nothing = Document::parse("<devices/>")?;
        let devices = root.child("devices").unwrap_or(nothing.root());
        let vcpu = root.child("vcpu");
        let vcpu_max_count = number(root, "vcpu")?;
        let vcpu_current_count = vcpu.map(|vcpu| number_attribute(vcpu, "current")).transpose()?.flatten();
        Ok(Self {
            kind: root.attribute("type").unwrap_or_default().to_owned(),
            id: number_attribute(root, "id")?,
            name: required_text(root, "name")?,
            uuid: required_uuid(root, "uuid")?,
            title: root.text_at("title"),
            description: root.text_at("description"),
            metadata: read_metadata(root),
            memory_bytes: size(root, "memory", "KiB")?,
            memory_current_bytes: size(root, "currentMemory", "KiB")?,
            memory_max_bytes: size(root, "maxMemory", "KiB")?,
            hugepages: root.at("memoryBacking/hugepages").is_some(),
            vcpu_current_count: vcpu_current_count.or(vcpu_max_count),
            vcpu_max_count,
            vcpu_set: vcpu.and_then(|vcpu| owned(vcpu, "cpuset")),
            cpu: root.child("cpu").map(Cpu::read).transpose()?.unwrap_or_default(),
            os_type: root.text_at("os/type"),
            os_arch: owned_at(root, "os/type", "arch"),
            os_machine: owned_at(root, "os/type", "machine"),
            firmware: Firmware::read(root),
            boot_devices: root
                .child("os")
                .map(|os| os.children("boot").filter_map(|boot| owned(boot, "dev")).collect())
                .unwrap_or_default(),
            kernel: root.text_at("os/kernel"),
            features: root.child("features").map(|f| f.elements().map(Feature::read).collect()).unwrap_or_default(),
            os_info_id: read_os_info(root),
            on_poweroff: root.text_at("on_poweroff"),
            on_reboot: root.text_at("on_reboot"),
            on_crash: root.text_at("on_crash"),
            clock_offset: owned_at(root, "clock", "offset"),
            emulator: devices.text_at("emulator"),
            disks: devices.children("disk").map(Disk::read).collect::<Result<_, _>>()?,
            interfaces: devices.children("interface").map(Interface::read).collect::<Result<_, _>>()?,
            graphics: devices.children("graphics").map(Graphics::read).collect::<Result<_, _>>()?,
            videos: devices.children("video").map(VideoDevice::read).collect::<Result<_, _>>()?,
            channels: read_channels(devices)?,
            controllers: devices.children("controller").map(Controller::read).collect::<Result<_, _>>()?,
            host_devices: devices.children("hostdev").map(HostDevice::read).collect(),
            filesystems: devices.children("filesystem").map(Filesystem::read).collect(),
            memory_devices: devices.children("memory").map(MemoryDevice::read).collect::<Result<_, _>>()?,
            tpm: devices.child("tpm").map(Tpm::read),
            watchdog: devices.child("watchdog").map(|watchdog| Watchdog {
                model: watchdog.attribute("model").unwrap_or_default().to_owned(),
                action: owned(watchdog, "action"),
            }),
            balloon_model: owned_at(devices, "memballoon", "model"),
            rng: devices.child("rng").is_some(),
            launch_security: owned_at(root, "launchSecurity", "type"),
        })
    }

    /// The guest agent's channel, if the domain has one.
    pub fn guest_agent_channel(&self) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.target_name.as_deref() == Some("org.qemu.guest_agent.0"))
    }
}

pub(super) fn read_metadata(root: &Element) -> Vec<MetadataEntry> {
    let Some(metadata) = root.child("metadata") else { return Vec::new() };
    let entry = |element: &Element| MetadataEntry {
        namespace: namespace_of(element, &[metadata, root]).map(str::to_owned),
        name: element.name().rsplit(':').next().unwrap_or_default().to_owned(),
        xml: element.to_string(),
    };
    metadata.elements().map(entry).collect()
}

/// virt-install and virt-manager leave the operating system's identity in the metadata.
fn read_os_info(root: &Element) -> Option<String> {
    let info = root.child("metadata")?.elements().find(|e| e.name().rsplit(':').next() == Some("libosinfo"))?;
    let os = info.elements().find(|e| e.name().rsplit(':').next() == Some("os"))?;
    owned(os, "id")
}

fn read_channels(devices: &Element) -> Result<Vec<Channel>, XmlError> {
    let kinds = ["serial", "console", "parallel", "channel"];
    devices.elements().filter(|element| kinds.contains(&element.name())).map(Channel::read).collect()
}

impl Cpu {
    fn read(cpu: &Element) -> Result<Self, XmlError> {
        let topology = cpu.child("topology");
        let part = |name| topology.map(|topology| number_attribute(topology, name)).transpose().map(Option::flatten);
        Ok(Self {
            // A <cpu> with a model but no mode is a custom one.
            mode: owned(cpu, "mode").or_else(|| cpu.child("model").map(|_| "custom".to_owned())),
            model: cpu.text_at("model"),
            sockets: part("sockets")?,
            dies: part("dies")?,
            cores: part("cores")?,
            threads: part("threads")?,
        })
    }
}

impl Firmware {
    fn read(root: &Element) -> Self {
        let Some(os) = root.child("os") else { return Self::default() };
        let loader = os.child("loader");
        let secure_boot = os.child("firmware").is_some_and(|firmware| {
            firmware.children("feature").any(|feature| {
                feature.attribute("name") == Some("secure-boot") && switch(feature.attribute("enabled")) == Some(true)
            })
        });
        Self {
            efi: os.attribute("firmware") == Some("efi")
                || loader.is_some_and(|loader| loader.attribute("type") == Some("pflash")),
            secure: secure_boot || loader.is_some_and(|loader| switch(loader.attribute("secure")) == Some(true)),
            loader: os.text_at("loader"),
            nvram: os.text_at("nvram").or_else(|| owned_at(os, "nvram/source", "file")),
        }
    }
}

impl Feature {
    fn read(element: &Element) -> Self {
        Self { name: element.name().to_owned(), enabled: switch(element.attribute("state")) != Some(false) }
    }
}

impl Graphics {
    fn read(element: &Element) -> Result<Self, XmlError> {
        // libvirt writes -1 for "not chosen yet".
        let port = |name| -> Result<Option<u16>, XmlError> {
            let value: Option<i32> = number_attribute(element, name)?;
            Ok(value.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0))
        };
        let listen = |name| element.children("listen").find_map(|listen| owned(listen, name));
        Ok(Self {
            kind: element.attribute("type").unwrap_or_default().to_owned(),
            port: port("port")?,
            tls_port: port("tlsPort")?,
            websocket_port: port("websocket")?,
            autoport: switch(element.attribute("autoport")) == Some(true),
            listen_address: owned(element, "listen").or_else(|| listen("address")),
            socket: owned(element, "socket").or_else(|| listen("socket")),
        })
    }
}

impl VideoDevice {
    fn read(element: &Element) -> Result<Self, XmlError> {
        let model = element.child("model");
        let vram = model.map(|model| number_attribute::<u64>(model, "vram")).transpose()?.flatten();
        Ok(Self {
            model: model.and_then(|model| owned(model, "type")).unwrap_or_default(),
            vram_bytes: vram.and_then(|kib| kib.checked_mul(1024)),
            heads: model.map(|model| number_attribute(model, "heads")).transpose()?.flatten(),
        })
    }
}

impl Channel {
    fn read(element: &Element) -> Result<Self, XmlError> {
        let target = element.child("target");
        Ok(Self {
            device: element.name().to_owned(),
            kind: element.attribute("type").unwrap_or_default().to_owned(),
            source_path: owned_at(element, "source", "path"),
            target_port: target.map(|target| number_attribute(target, "port")).transpose()?.flatten(),
            target_type: target.and_then(|target| owned(target, "type")),
            target_name: target.and_then(|target| owned(target, "name")),
            state: target.and_then(|target| owned(target, "state")),
            log_file: owned_at(element, "log", "file"),
        })
    }
}

impl Controller {
    fn read(element: &Element) -> Result<Self, XmlError> {
        Ok(Self {
            kind: element.attribute("type").unwrap_or_default().to_owned(),
            index: number_attribute(element, "index")?,
            model: owned(element, "model"),
            ports: number_attribute(element, "ports")?,
        })
    }
}

impl HostDevice {
    fn read(element: &Element) -> Self {
        let source = element.child("source");
        let address = source.and_then(|source| source.child("address"));
        Self {
            mode: element.attribute("mode").unwrap_or("subsystem").to_owned(),
            kind: element.attribute("type").unwrap_or_default().to_owned(),
            address: address.and_then(|address| pci_address(address).or_else(|| owned(address, "uuid"))),
            vendor_id: source.and_then(|source| owned_at(source, "vendor", "id")),
            product_id: source.and_then(|source| owned_at(source, "product", "id")),
            managed: switch(element.attribute("managed")),
            alias: owned_at(element, "alias", "name"),
        }
    }
}

impl Filesystem {
    fn read(element: &Element) -> Self {
        let source = element.child("source");
        let of_source = |name| source.and_then(|source| owned(source, name));
        Self {
            kind: element.attribute("type").unwrap_or("mount").to_owned(),
            driver: owned_at(element, "driver", "type"),
            source: ["dir", "file", "dev", "name", "socket", "volume"].into_iter().find_map(of_source),
            target: owned_at(element, "target", "dir"),
            readonly: element.child("readonly").is_some(),
        }
    }
}

impl MemoryDevice {
    fn read(element: &Element) -> Result<Self, XmlError> {
        Ok(Self {
            model: element.attribute("model").unwrap_or_default().to_owned(),
            size_bytes: size(element, "target/size", "KiB")?,
            node: number(element, "target/node")?,
        })
    }
}

impl Tpm {
    fn read(element: &Element) -> Self {
        Self {
            model: owned(element, "model"),
            backend: owned_at(element, "backend", "type"),
            version: owned_at(element, "backend", "version"),
        }
    }
}
