//! Which properties are asked for, by type: exactly those that normalization reads, and what is kept of them.
//!
//! Nothing that changes by itself all the time (uptime, usage, time stamps) is asked for: every change of an asked property
//! is an update that the whole chain up to the clients follows. A path that a version does not know makes the server refuse
//! the whole filter, so a path is only in these lists if 6.5 has it, or guarded by the version.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use vsphere::{FilterSpec, MoRef, Name, ObjectState, Value};

use super::normalize::is_card;

/// What a type is asked for, beyond what it shares with its supertype.
struct Asked {
    /// Properties that are kept as they come.
    whole: &'static [&'static str],
    /// Those of which not everything is kept. That holds for the path, whichever type has it.
    parts: &'static [(&'static str, Kept)],
}

const VM: Asked = Asked {
    whole: &[
        "name",
        "parent",
        "parentVApp",
        "resourcePool",
        "customValue",
        "datastore",
        "network",
        "config.template",
        "config.uuid",
        "config.instanceUuid",
        "config.annotation",
        "config.guestId",
        "config.guestFullName",
        "config.firmware",
        "config.version",
        "config.files.vmPathName",
        "config.hardware.numCPU",
        "config.hardware.numCoresPerSocket",
        "config.hardware.memoryMB",
        "config.hotPlugMemoryLimit",
        "config.memoryHotAddEnabled",
        "config.cpuHotAddEnabled",
        "config.changeTrackingEnabled",
        "config.managedBy",
        "runtime.powerState",
        "runtime.connectionState",
        "runtime.host",
        "runtime.bootTime",
        "runtime.consolidationNeeded",
        "runtime.faultToleranceState",
        "guest.hostName",
        "guest.guestFullName",
        "guest.ipAddress",
        "guest.toolsRunningStatus",
        "guest.toolsVersionStatus2",
        "guest.toolsVersion",
        // What vCenter still knows of a machine whose configuration cannot be read.
        "summary.config.template",
        "summary.config.numCpu",
        "summary.config.memorySizeMB",
        "summary.config.numEthernetCards",
        "summary.config.numVirtualDisks",
        "summary.config.uuid",
        "summary.config.instanceUuid",
        "summary.storage.committed",
        "summary.storage.uncommitted",
    ],
    parts: &[
        (
            "config.hardware.device",
            Kept::Devices(&[
                "key",
                "controllerKey",
                "unitNumber",
                "busNumber",
                "sharedBus",
                "capacityInBytes",
                "capacityInKB",
                "deviceInfo",
                "label",
                "backing",
                "fileName",
                "datastore",
                "diskMode",
                "thinProvisioned",
                "uuid",
                "sharing",
                "compatibilityMode",
                "lunUuid",
                "deviceName",
                "parent",
                "keyId",
                "network",
                "port",
                "portgroupKey",
                "switchUuid",
                "opaqueNetworkId",
                "opaqueNetworkType",
                "connectable",
                "connected",
                "startConnected",
                "macAddress",
                "addressType",
                "externalId",
                "vDiskId",
                "id",
            ]),
        ),
        ("guest.net", Kept::Fields(&["network", "ipAddress", "macAddress", "deviceConfigId"])),
        (
            "snapshot",
            Kept::Fields(&[
                "currentSnapshot",
                "rootSnapshotList",
                "childSnapshotList",
                "snapshot",
                "name",
                "description",
                "id",
                "createTime",
                "state",
                "quiesced",
            ]),
        ),
        ("runtime.question", Kept::Fields(&["id", "text"])),
    ],
};

/// Since 6.7.
const VM_CREATED: &str = "config.createDate";

const HOST: Asked = Asked {
    whole: &[
        "name",
        "parent",
        "customValue",
        "runtime.connectionState",
        "runtime.powerState",
        "runtime.inMaintenanceMode",
        "runtime.bootTime",
    ],
    parts: &[
        (
            "summary.hardware",
            Kept::Fields(&[
                "vendor",
                "model",
                "uuid",
                "memorySize",
                "cpuModel",
                "cpuMhz",
                "numCpuPkgs",
                "numCpuCores",
                "numCpuThreads",
                "numNics",
                "numHBAs",
            ]),
        ),
        ("summary.config.product", Kept::Fields(&["name", "fullName", "version", "build"])),
        ("config.network.portgroup", Kept::Fields(&["key", "spec", "name", "vlanId", "vswitchName"])),
        (
            "config.virtualNicManagerInfo.netConfig",
            Kept::Fields(&["nicType", "selectedVnic", "candidateVnic", "key", "device", "spec", "ip", "ipAddress"]),
        ),
    ],
};

const COMPUTE_RESOURCE: Asked = Asked {
    whole: &["name", "parent", "customValue", "host", "summary.numCpuCores", "summary.totalCpu", "summary.totalMemory"],
    parts: &[],
};

/// What a cluster has beyond a compute resource.
const CLUSTER: Asked =
    Asked { whole: &["configuration.dasConfig.enabled", "configuration.drsConfig.enabled"], parts: &[] };

const ALLOCATION: Kept = Kept::Fields(&["reservation", "expandableReservation", "limit", "shares", "level"]);

const RESOURCE_POOL: Asked = Asked {
    whole: &["name", "parent", "customValue", "owner"],
    parts: &[("config.cpuAllocation", ALLOCATION), ("config.memoryAllocation", ALLOCATION)],
};

/// What a vApp has beyond a resource pool.
const VAPP: Asked = Asked { whole: &["parentFolder", "vAppConfig.annotation"], parts: &[] };

const FOLDER: Asked = Asked { whole: &["name", "parent", "customValue", "childType"], parts: &[] };

/// What a datastore cluster has beyond a folder.
const STORAGE_POD: Asked = Asked { whole: &["summary.capacity", "summary.freeSpace"], parts: &[] };

const DATACENTER: Asked = Asked { whole: &["name", "parent", "customValue"], parts: &[] };

const DATASTORE: Asked = Asked {
    whole: &[
        "name",
        "parent",
        "customValue",
        "summary.type",
        "summary.url",
        "summary.accessible",
        "summary.capacity",
        "summary.freeSpace",
        "summary.uncommitted",
        "summary.maintenanceMode",
        "summary.multipleHostAccess",
    ],
    parts: &[("host", Kept::Fields(&["key", "mountInfo", "path", "accessMode", "accessible", "mounted"]))],
};

const NETWORK: Asked = Asked { whole: &["name", "parent", "customValue", "host", "summary.accessible"], parts: &[] };

/// What a distributed port group has beyond a network.
const PORT_GROUP: Asked = Asked {
    whole: &["key", "tag", "config.distributedVirtualSwitch", "config.type", "config.numPorts", "config.description"],
    parts: &[("config.defaultPortConfig", Kept::Fields(&["vlan", "vlanId", "pvlanId", "start", "end"]))],
};

/// What an opaque network has beyond a network. The whole summary: the interesting fields are of a subtype.
const OPAQUE_NETWORK: Asked =
    Asked { whole: &[], parts: &[("summary", Kept::Fields(&["accessible", "opaqueNetworkId", "opaqueNetworkType"]))] };

const SWITCH: Asked = Asked { whole: &["name", "parent", "uuid", "config.uplinkPortgroup"], parts: &[] };

/// The types, each with what it is asked for. A subtype has its own list complete, so that it does not matter
/// whether a server adds up the lists of all matching types or takes the most derived one.
const TYPES: &[(&str, &[Asked])] = &[
    ("Datacenter", &[DATACENTER]),
    ("Folder", &[FOLDER]),
    ("StoragePod", &[FOLDER, STORAGE_POD]),
    ("ComputeResource", &[COMPUTE_RESOURCE]),
    ("ClusterComputeResource", &[COMPUTE_RESOURCE, CLUSTER]),
    ("HostSystem", &[HOST]),
    ("ResourcePool", &[RESOURCE_POOL]),
    ("VirtualApp", &[RESOURCE_POOL, VAPP]),
    ("Datastore", &[DATASTORE]),
    ("Network", &[NETWORK]),
    ("DistributedVirtualPortgroup", &[NETWORK, PORT_GROUP]),
    ("OpaqueNetwork", &[NETWORK, OPAQUE_NETWORK]),
    ("DistributedVirtualSwitch", &[SWITCH]),
    ("VirtualMachine", &[VM]),
];

/// Types that a standalone ESXi does not know.
const VCENTER_ONLY: &[&str] =
    &["StoragePod", "ClusterComputeResource", "VirtualApp", "DistributedVirtualPortgroup", "DistributedVirtualSwitch"];

impl Asked {
    fn paths(&self) -> impl Iterator<Item = &'static str> {
        self.whole.iter().copied().chain(self.parts.iter().map(|(path, _)| *path))
    }
}

/// What the server's product and version allow to be asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    vcenter: bool,
    create_date: bool,
}

impl Dialect {
    /// From `about`.
    pub(super) fn of(about: &vsphere::About) -> Self {
        let mut numbers = about.api_version.split('.').map(|part| part.parse().unwrap_or(0_u32));
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        Self { vcenter: about.api_type != vsphere::ApiType::HostAgent, create_date: version >= (6, 7) }
    }

    /// The asked types, each with its paths.
    fn types(self) -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
        TYPES.iter().filter(move |(kind, _)| self.vcenter || !VCENTER_ONLY.contains(kind)).map(move |(kind, asked)| {
            let mut paths: Vec<_> = asked.iter().flat_map(Asked::paths).collect();
            if *kind == "VirtualMachine" && self.create_date {
                paths.push(VM_CREATED);
            }
            if *kind == "OpaqueNetwork" {
                paths.retain(|path| *path != "summary.accessible");
            }
            (*kind, paths)
        })
    }

    /// The whole inventory with its root, to be watched or compared.
    pub(super) fn inventory(self, root: &MoRef) -> FilterSpec {
        self.types().fold(everything(root), |spec, (kind, paths)| spec.properties(kind, paths))
    }

    /// Everything but the machines: what their translation needs to know of what is around them.
    pub(super) fn surroundings(self, root: &MoRef) -> FilterSpec {
        let types = self.types().filter(|(kind, _)| *kind != "VirtualMachine");
        types.fold(everything(root), |spec, (kind, paths)| spec.properties(kind, paths))
    }

    /// Which machines the hosts have: how many will come.
    pub(super) fn machines(self, root: &MoRef) -> FilterSpec {
        FilterSpec::inventory(root).properties("HostSystem", ["vm"])
    }

    /// These objects again.
    pub(super) fn objects(self, objects: Vec<MoRef>) -> FilterSpec {
        self.types().fold(FilterSpec::objects(objects), |spec, (kind, paths)| spec.properties(kind, paths))
    }
}

/// What a current vCenter is asked for.
pub(in crate::provider) fn asked_of_vcenter() -> Vec<(&'static str, Vec<&'static str>)> {
    Dialect { vcenter: true, create_date: true }.types().collect()
}

/// The root folder, which no view of it has, and all below it.
fn everything(root: &MoRef) -> FilterSpec {
    FilterSpec::objects([root.clone()]).container(root, true)
}

/// The names of the custom attributes.
const CUSTOM_FIELDS: Asked =
    Asked { whole: &[], parts: &[("field", Kept::Fields(&["key", "name", "managedObjectType"]))] };

/// The names of the custom attributes.
pub(super) fn custom_fields(manager: &MoRef) -> FilterSpec {
    FilterSpec::objects([manager.clone()]).properties("CustomFieldsManager", CUSTOM_FIELDS.paths())
}

/// What is kept below a property; everything else in it is let go.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kept {
    /// Everything.
    All,
    /// Fields of these names, at whatever depth.
    Fields(&'static [&'static str]),
    /// The same, of those devices that are looked at.
    Devices(&'static [&'static str]),
}

impl Kept {
    /// Whether a field is kept.
    pub(super) fn has_field(self, name: &str) -> bool {
        match self {
            Kept::All => true,
            Kept::Fields(fields) | Kept::Devices(fields) => fields.contains(&name),
        }
    }

    /// Whether a device is kept: disks, network cards and the controllers that disks hang on.
    pub(super) fn has_device(self, device: &Value) -> bool {
        device.is("VirtualDisk") || is_card(device) || device.get("busNumber").is_some()
    }

    /// What is kept of a property.
    pub(super) fn of(path: &str) -> Self {
        PARTS.get(path).copied().unwrap_or(Kept::All)
    }
}

/// A property, and what is kept of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) name: &'a Name,
    pub(super) value: &'a Value,
    pub(super) kept: Kept,
}

impl<'a> Part<'a> {
    /// What is kept of an object, in the order of the names.
    pub(super) fn all_of(state: &'a ObjectState) -> Vec<Self> {
        let mut parts: Vec<_> =
            state.properties().map(|(name, value)| Part { name, value, kept: Kept::of(name) }).collect();
        parts.sort_unstable_by(|a, b| a.name.cmp(b.name));
        parts
    }
}

/// What is kept of those properties of which it is not everything.
static PARTS: LazyLock<BTreeMap<&str, Kept>> = LazyLock::new(|| {
    let asked = TYPES.iter().flat_map(|(_, asked)| *asked).chain([&CUSTOM_FIELDS]);
    asked.flat_map(|asked| asked.parts).copied().collect()
});

/// The same for the client, which does not even make values of the rest.
pub(super) fn keep() -> vsphere::Keep {
    PARTS.iter().fold(vsphere::Keep::default(), |keep, (path, kept)| match kept {
        Kept::All => keep,
        Kept::Fields(fields) | Kept::Devices(fields) => keep.fields(path, fields),
    })
}

#[cfg(test)]
mod tests {
    use vsphere::{Array, Object};

    use super::super::pack::Packer;
    use super::*;

    fn dialect(api_type: vsphere::ApiType, api_version: &str) -> Dialect {
        Dialect::of(&vsphere::About {
            api_type,
            name: String::new(),
            full_name: String::new(),
            version: String::new(),
            build: String::new(),
            api_version: api_version.to_owned(),
            product_line: String::new(),
            instance_uuid: None,
        })
    }

    #[test]
    fn only_what_a_version_knows_is_asked() {
        let check = |api_type: vsphere::ApiType, version: &str, pods: bool, created: bool| {
            let types: Vec<_> = dialect(api_type, version).types().collect();
            assert_eq!(types.iter().any(|(kind, _)| *kind == "StoragePod"), pods, "{version}");
            let (_, vm) = types.iter().find(|(kind, _)| *kind == "VirtualMachine").expect("machines");
            assert_eq!(vm.contains(&VM_CREATED), created, "{version}");
        };
        check(vsphere::ApiType::VirtualCenter, "6.5", true, false);
        check(vsphere::ApiType::VirtualCenter, "6.7.3", true, true);
        check(vsphere::ApiType::VirtualCenter, "9.0.0.0", true, true);
        check(vsphere::ApiType::HostAgent, "8.0.3.0", false, true);
    }

    #[test]
    fn devices_that_nobody_looks_at_are_let_go() {
        let disk = Object::new("VirtualDisk").with("key", 2000).with("shares", 1).with("capacityInBytes", 5_i64);
        let devices = vec![disk.into(), Object::new("VirtualKeyboard").with("key", 600).into()];
        let value = Array { item_type: None, items: devices }.into();
        let vm = MoRef::new("VirtualMachine", "vm-1");
        let state = ObjectState::from_parts(vm.clone(), vec![(Name::new("config.hardware.device"), value)], Vec::new());
        let mut packer = Packer::default();
        let packed = packer.pack(Part::all_of(&state));
        let slim = ObjectState::from_parts(vm, packer.unpack(&packed), Vec::new());
        assert_eq!(slim.all("config.hardware.device").count(), 1);
        assert!(slim.get("config.hardware.device[2000].capacityInBytes").is_some());
        assert!(slim.get("config.hardware.device[2000].shares").is_none());
    }
}
