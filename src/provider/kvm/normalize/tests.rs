//! Tables of shapes that libvirt really gives, one `check` a family.

use std::collections::BTreeMap;
use std::sync::Arc;

use kvm::xml::{DomainXml, NetworkXml, PoolXml, SnapshotXml, VolumeXml};
use kvm::{DomainState, PoolState};
use uuid::Uuid;

use super::super::facts::{DomainFacts, NetworkFacts, PoolFacts, SnapshotFacts, VolumeFacts};
use super::*;
use crate::model::datastore::DatastoreState;
use crate::model::image::ImageFormat;
use crate::model::network::{NetworkState, NetworkTechnology};
use crate::model::nic::NicAttachment;
use crate::model::vm::GuestAgent;
use crate::model::volume::VolumeSource;

const HOST: &str = "4c4c4544-0051-3910-8037-b4c04f4e3432";
const GUEST: &str = "c7a5fdbd-edaf-9455-926a-d65c16db1809";

/// Ids that are made of kind and key alone.
pub(in super::super) struct Names;

impl Identify for Names {
    fn id(&self, kind: Kind, key: &str) -> ObjectId {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&blake3::hash(format!("{kind:?} {key}").as_bytes()).as_bytes()[..16]);
        ObjectId(Uuid::from_bytes(bytes))
    }
}

fn place() -> Place {
    Place { ids: Arc::new(Names), provider_name: "lab".to_owned(), host_key: HOST.to_owned() }
}

/// A domain's XML around the given parts.
fn domain(head: &str, devices: &str) -> DomainXml {
    let xml = format!(
        "<domain type='kvm'><name>web</name><uuid>{GUEST}</uuid><memory unit='MiB'>2048</memory>\
         <vcpu>2</vcpu>{head}<devices>{devices}</devices></domain>"
    );
    DomainXml::parse(&xml).unwrap_or_else(|error| panic!("{error}: {xml}"))
}

fn facts(state: DomainState, reason: &'static str, definition: DomainXml) -> DomainFacts {
    DomainFacts {
        state,
        reason,
        persistent: true,
        autostart: Some(false),
        managed_save: Some(false),
        definition,
        snapshots: Some(Vec::new()),
    }
}

fn vm_of(facts: &DomainFacts) -> crate::model::Vm {
    vm::vm(&place(), facts, &[], &[], None)
}

#[test]
fn states_of_domains() {
    let check = |state, reason, saved: bool, power: PowerState, why: Option<&str>| {
        let mut facts = facts(state, reason, domain("", ""));
        facts.managed_save = Some(saved);
        let vm = vm_of(&facts);
        assert_eq!((vm.power_state, vm.power_reason.as_deref()), (power, why), "{state:?} {reason}");
    };
    check(DomainState::Running, "booted", false, PowerState::Running, Some("booted"));
    check(DomainState::Running, "unknown", false, PowerState::Running, None);
    check(DomainState::Running, "from snapshot", false, PowerState::Running, Some("from_snapshot"));
    check(DomainState::Blocked, "unknown", false, PowerState::Running, Some("blocked"));
    check(DomainState::ShuttingDown, "user", false, PowerState::Running, Some("shutting_down"));
    check(DomainState::Paused, "user", false, PowerState::Paused, Some("user"));
    check(DomainState::Paused, "I/O error", false, PowerState::Paused, Some("io_error"));
    check(DomainState::Paused, "post-copy failed", false, PowerState::Paused, Some("post_copy_failed"));
    check(DomainState::PmSuspended, "unknown", false, PowerState::Paused, Some("pm_suspended"));
    check(DomainState::ShutOff, "shutdown", false, PowerState::Stopped, Some("shutdown"));
    check(DomainState::ShutOff, "crashed", false, PowerState::Stopped, Some("crashed"));
    check(DomainState::ShutOff, "saved", true, PowerState::Suspended, Some("saved"));
    check(DomainState::Running, "restored", true, PowerState::Running, Some("restored"));
    check(DomainState::Crashed, "panicked", false, PowerState::Crashed, Some("panicked"));
    check(DomainState::NoState, "unknown", false, PowerState::Unknown, None);
    check(DomainState::Other(42), "unknown", false, PowerState::Unknown, None);
}

#[test]
fn persistence_and_autostart_are_told_where_libvirt_tells() {
    let mut transient = facts(DomainState::Running, "booted", domain("", ""));
    transient.persistent = false;
    transient.autostart = None;
    transient.managed_save = None;
    transient.snapshots = None;
    let vm = vm_of(&transient);
    assert_eq!((vm.persistent, vm.autostart, vm.snapshot_count), (false, None, None));
    assert_eq!((vm.uuid.as_deref(), vm.bios_uuid.as_deref()), (Some(GUEST), Some(GUEST)));
    assert_eq!(vm.native.get("managed_save"), None);
}

#[test]
fn a_whole_domain() {
    let definition = DomainXml::parse(include_str!("../../../../kvm/tests/fixtures/domain.xml")).unwrap();
    let vm = vm_of(&facts(DomainState::Running, "booted", definition));
    assert_eq!(vm.name, "web-01 ü");
    assert_eq!((vm.vcpu_count, vm.cores_per_socket), (Some(2), Some(4)));
    assert_eq!((vm.memory_mib, vm.memory_max_mib), (Some(3072), Some(16384)));
    assert_eq!((vm.firmware.as_deref(), vm.guest_os.as_deref()), (Some("efi"), Some("http://debian.org/debian/12")));
    assert_eq!(vm.guest_agent, GuestAgent::Running);
    assert_eq!(vm.description.as_deref(), Some("first line\nsecond <line>"));
    let attributes: BTreeMap<&str, &str> = vm.attributes.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(attributes, BTreeMap::from([("owner.team", "shop"), ("title", "Web & shop")]));
    let native = serde_json::to_value(vm.native).unwrap();
    assert_eq!(native["machine"], "pc-q35-9.0");
    assert_eq!(native["vcpu_max_count"], 8);
    assert_eq!(native["disks"][0]["target"], "vda");
    assert_eq!(native["drives"][0]["target"], "sda", "an empty CD-ROM drive is a drive, not a volume");
    assert_eq!(native["host_devices"].as_array().map(Vec::len), Some(3));
    assert!(!native.to_string().contains("null"), "{native}");
}

#[test]
fn sizes_firmware_and_operating_systems() {
    let check = |head: &str, memory: (u64, Option<u64>), firmware: Option<&str>, guest_os: Option<&str>| {
        let vm = vm_of(&facts(DomainState::ShutOff, "unknown", domain(head, "")));
        assert_eq!((vm.memory_mib, vm.memory_max_mib), (Some(memory.0), memory.1), "{head}");
        assert_eq!((vm.firmware.as_deref(), vm.guest_os.as_deref()), (firmware, guest_os), "{head}");
    };
    let pc = "<os><type arch='x86_64' machine='q35'>hvm</type></os>";
    check(pc, (2048, None), Some("bios"), None);
    check(&format!("<currentMemory unit='KiB'>1048576</currentMemory>{pc}"), (1024, Some(2048)), Some("bios"), None);
    check(&format!("<currentMemory unit='b'>1073217535</currentMemory>{pc}"), (1023, Some(2048)), Some("bios"), None);
    check(&format!("<currentMemory unit='b'>1073217536</currentMemory>{pc}"), (1024, Some(2048)), Some("bios"), None);
    check(&format!("<maxMemory unit='GiB' slots='4'>8</maxMemory>{pc}"), (2048, Some(8192)), Some("bios"), None);
    check(
        "<os><type arch='x86_64'>hvm</type><loader type='pflash' readonly='yes'>/OVMF.fd</loader></os>",
        (2048, None),
        Some("efi"),
        None,
    );
    check("<os><type arch='s390x'>hvm</type></os>", (2048, None), None, None);
    check("<os><type>exe</type></os>", (2048, None), None, Some("exe"));
    check("", (2048, None), None, None);
}

#[test]
fn the_agent() {
    let check = |state, target: &str, agent| {
        let channel =
            format!("<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' {target}/></channel>");
        let channel = if target == "none" { String::new() } else { channel };
        assert_eq!(vm_of(&facts(state, "unknown", domain("", &channel))).guest_agent, agent, "{target}");
    };
    check(DomainState::Running, "state='connected'", GuestAgent::Running);
    check(DomainState::Running, "state='disconnected'", GuestAgent::NotRunning);
    check(DomainState::Running, "", GuestAgent::Unknown);
    check(DomainState::ShutOff, "state='disconnected'", GuestAgent::Unknown);
    check(DomainState::Running, "none", GuestAgent::NotInstalled);
}

#[test]
fn metadata_of_managers() {
    let nova = "<metadata><nova:instance xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1'>\
        <nova:name>shop é</nova:name><nova:creationTime>2015-08-10 08:19:17</nova:creationTime>\
        <nova:flavor name='m1.small'><nova:memory>2048</nova:memory></nova:flavor></nova:instance></metadata>";
    let vm = vm_of(&facts(DomainState::Running, "booted", domain(nova, "")));
    assert_eq!(vm.attributes["instance.name"], "shop é");
    assert_eq!(vm.attributes["instance.flavor.name"], "m1.small");
    assert_eq!(vm.attributes["instance.flavor.memory"], "2048");
    assert_eq!(vm.created_at.map(|at| at.to_rfc3339()).as_deref(), Some("2015-08-10T08:19:17+00:00"));
    let long = format!("<metadata><a:note xmlns:a='urn:a'>{}</a:note></metadata>", "ü".repeat(5000));
    let vm = vm_of(&facts(DomainState::Running, "booted", domain(&long, "")));
    assert_eq!(vm.attributes["note"].chars().count(), NATIVE_TEXT_MAX + 1);
}

/// A disk, and the volume that it is where no pool has it.
fn check_disk(disk: &str, source: VolumeSource, name: &str, location: &str, key: &str) {
    let definition = domain("", disk);
    let disk = &definition.disks[0];
    assert!(volume::is_volume(disk), "{disk:?}");
    let volume = volume::loose(&place(), disk, &[], volume::DiskSize::default(), (None, false)).expect("a volume");
    assert_eq!((volume.source, volume.name.as_str()), (source, name), "{disk:?}");
    assert_eq!(volume.location.as_deref(), Some(location));
    let (found, shared) = volume::loose_key(HOST, disk.source.as_ref().expect("a source"));
    assert_eq!(found, key.replace("HOST", HOST));
    assert_eq!(shared, !key.starts_with("HOST"));
}

#[test]
fn every_source_of_a_disk_on_the_host() {
    let target = "<target dev='vda' bus='virtio'/>";
    check_disk(
        &format!("<disk type='file'><driver type='qcow2'/><source file='/srv/vm/wéb 1.qcow2'/>{target}</disk>"),
        VolumeSource::File,
        "wéb 1.qcow2",
        "/srv/vm/wéb 1.qcow2",
        "HOST/file//srv/vm/wéb 1.qcow2",
    );
    check_disk(
        &format!("<disk type='block' device='lun'><source dev='/dev/sdz'/>{target}</disk>"),
        VolumeSource::Block,
        "sdz",
        "/dev/sdz",
        "HOST/block//dev/sdz",
    );
    check_disk(
        &format!("<disk type='dir'><source dir='/srv/fat'/>{target}<readonly/></disk>"),
        VolumeSource::Dir,
        "fat",
        "/srv/fat",
        "HOST/dir//srv/fat",
    );
    check_disk(
        &format!("<disk type='volume'><source pool='nowhere' volume='v.img'/>{target}</disk>"),
        VolumeSource::Other,
        "v.img",
        "nowhere/v.img",
        "HOST/other/nowhere/v.img",
    );
    check_disk(
        &format!(
            "<disk type='nvme'><source type='pci' managed='yes' namespace='1'><address domain='0' bus='3' slot='0' function='0'/></source>{target}</disk>"
        ),
        VolumeSource::Nvme,
        "1",
        "nvme://0000:03:00.0/1",
        "HOST/nvme/nvme://0000:03:00.0/1",
    );
    check_disk(
        &format!("<disk type='vhostuser'><source type='unix' path='/run/v.sock'/>{target}</disk>"),
        VolumeSource::Vhostuser,
        "v.sock",
        "/run/v.sock",
        "HOST/vhostuser//run/v.sock",
    );
    check_disk(
        &format!("<disk type='vhostvdpa'><source dev='/dev/vhost-vdpa-0'/>{target}</disk>"),
        VolumeSource::Block,
        "vhost-vdpa-0",
        "/dev/vhost-vdpa-0",
        "HOST/block//dev/vhost-vdpa-0",
    );
}

#[test]
fn every_source_of_a_disk_on_the_network() {
    let target = "<target dev='vda' bus='virtio'/>";
    check_disk(
        &format!(
            "<disk type='network'><source protocol='rbd' name='vms/web'><host name='mon1' port='6789'/><host name='mon2'/>\
             <auth username='cinder'><secret type='ceph' uuid='{GUEST}'/></auth></source>{target}</disk>"
        ),
        VolumeSource::Network,
        "web",
        "rbd://mon1:6789,mon2/vms/web",
        "network/rbd://mon1:6789,mon2/vms/web",
    );
    check_disk(
        &format!(
            "<disk type='network'><source protocol='iscsi' name='iqn.2013-07.com.example:iscsi-pool/1'>\
             <host name='san' port='3260'/></source>{target}</disk>"
        ),
        VolumeSource::Network,
        "1",
        "iscsi://san:3260/iqn.2013-07.com.example:iscsi-pool/1",
        "network/iscsi://san:3260/iqn.2013-07.com.example:iscsi-pool/1",
    );
    check_disk(
        &format!(
            "<disk type='network'><source protocol='nfs' name='/export/a.img'><host name='nas'/></source>{target}</disk>"
        ),
        VolumeSource::Network,
        "a.img",
        "nfs://nas/export/a.img",
        "network/nfs://nas/export/a.img",
    );
    check_disk(
        &format!(
            "<disk type='network'><source protocol='nbd' name='exp'><host transport='unix' socket='/run/nbd.sock'/></source>{target}</disk>"
        ),
        VolumeSource::Network,
        "exp",
        "nbd:///run/nbd.sock/exp",
        "network/nbd:///run/nbd.sock/exp",
    );
    check_disk(
        &format!(
            "<disk type='network'><source protocol='https' name='a.img' query='token=sesame'><host name='web' port='443'/></source>{target}</disk>"
        ),
        VolumeSource::Network,
        "a.img",
        "https://web:443/a.img",
        "network/https://web:443/a.img",
    );
}

#[test]
fn no_query_string_and_no_drive() {
    let secret = domain(
        "",
        "<disk type='network'><source protocol='https' name='a' query='token=sesame'><host name='w'/></source><target dev='vda'/></disk>",
    );
    let volume =
        volume::loose(&place(), &secret.disks[0], &[], volume::DiskSize::default(), (None, true)).expect("a volume");
    assert!(!serde_json::to_string(&volume).unwrap().contains("sesame"));
    let check = |disk: &str| assert!(!volume::is_volume(&domain("", disk).disks[0]), "{disk}");
    check("<disk type='file' device='cdrom'><source file='/a.iso'/><target dev='sda'/></disk>");
    check("<disk type='file' device='floppy'><source file='/a.img'/><target dev='fda'/></disk>");
    check("<disk type='file' device='disk'><target dev='vda'/></disk>");
}

#[test]
fn what_uses_a_volume_is_shown_on_it() {
    let definition = domain("", "<disk type='file'><driver type='raw'/><source file='/a'/><target dev='vda'/></disk>");
    let one = |device: &str, read_only, shareable| volume::Use {
        vm: GUEST.parse().unwrap(),
        device: device.to_owned(),
        bus: Some("virtio".to_owned()),
        read_only,
        shareable,
    };
    let size = volume::DiskSize { capacity_bytes: Some(100), allocated_bytes: Some(10) };
    let check = |uses: &[volume::Use], read_only, shareable| {
        let volume = volume::loose(&place(), &definition.disks[0], uses, size, (None, false)).expect("a volume");
        assert_eq!((volume.read_only, volume.shareable), (read_only, shareable));
        assert_eq!((volume.attachments.len(), volume.thin), (uses.len(), Some(true)));
        assert!(volume.attachments.iter().all(|a| a.host_id.is_none()), "of a disk that only this host has");
    };
    check(&[], false, false);
    check(&[one("vda", true, false)], true, false);
    check(&[one("vda", true, false), one("vdb", false, true)], false, true);
}

#[test]
fn every_kind_of_interface() {
    let check = |interface: &str, attachment: NicAttachment, plug: nic::Plug<'_>| {
        let definition = domain("", interface);
        let interfaces = &definition.interfaces;
        let nic = nic::nic(place().vm_id(definition.uuid), 0, &interfaces[0], None, Vec::new());
        assert_eq!(nic.attachment, attachment, "{interface}");
        assert_eq!(nic::plug(&interfaces[0]), plug, "{interface}");
        assert_eq!(nic.name, "net0");
    };
    use nic::Plug;
    check(
        "<interface type='network'><source network='default'/></interface>",
        NicAttachment::Network,
        Plug::Network("default"),
    );
    check("<interface type='bridge'><source bridge='br0'/></interface>", NicAttachment::Bridge, Plug::Bridge("br0"));
    check("<interface type='bridge'/>", NicAttachment::Bridge, Plug::Nothing);
    check(
        "<interface type='direct'><source dev='eth0' mode='bridge'/></interface>",
        NicAttachment::Direct,
        Plug::Nothing,
    );
    check("<interface type='user'><backend type='passt'/></interface>", NicAttachment::User, Plug::Nothing);
    check("<interface type='ethernet'><target dev='tap0'/></interface>", NicAttachment::Ethernet, Plug::Nothing);
    check(
        "<interface type='hostdev' managed='yes'><source><address type='pci' domain='0' bus='7' slot='0' function='0'/></source></interface>",
        NicAttachment::Hostdev,
        Plug::Nothing,
    );
    check(
        "<interface type='vhostuser'><source type='unix' path='/s' mode='server'/></interface>",
        NicAttachment::Vhostuser,
        Plug::Nothing,
    );
    check("<interface type='vdpa'><source dev='/dev/vhost-vdpa-0'/></interface>", NicAttachment::Vdpa, Plug::Nothing);
    check(
        "<interface type='mcast'><source address='230.0.0.1' port='5558'/></interface>",
        NicAttachment::Socket,
        Plug::Nothing,
    );
    check(
        "<interface type='server'><source address='10.0.0.1' port='5558'/></interface>",
        NicAttachment::Socket,
        Plug::Nothing,
    );
    check(
        "<interface type='client'><source address='10.0.0.1' port='5558'/></interface>",
        NicAttachment::Socket,
        Plug::Nothing,
    );
    check(
        "<interface type='udp'><source address='10.0.0.1' port='1'><local address='10.0.0.2' port='2'/></source></interface>",
        NicAttachment::Socket,
        Plug::Nothing,
    );
    check("<interface type='internal'><source name='x'/></interface>", NicAttachment::Internal, Plug::Nothing);
    check("<interface type='null'/>", NicAttachment::None, Plug::Nothing);
    check(
        "<interface type='vds'><source switchid='s' portgroupid='p'/></interface>",
        NicAttachment::Network,
        Plug::Nothing,
    );
    check("<interface type='of-tomorrow'/>", NicAttachment::None, Plug::Nothing);
}

#[test]
fn an_interface_is_recognised_by_its_mac() {
    let nic = |mac: &str| format!("<interface type='user'>{mac}</interface>");
    let (a, b) = ("<mac address='52:54:00:AB:CD:EF'/>", "<mac address='52:54:00:00:00:01'/>");
    let check = |interfaces: &[&str], expected: &[&str]| {
        let xml: String = interfaces.iter().map(|mac| nic(mac)).collect();
        let definition = domain("", &xml);
        let keys: Vec<String> =
            (0..interfaces.len()).map(|index| nic::key(definition.uuid, &definition.interfaces, index)).collect();
        let expected: Vec<String> = expected.iter().map(|tail| format!("{GUEST}/{tail}")).collect();
        assert_eq!(keys, expected);
    };
    check(&[a, b], &["52:54:00:ab:cd:ef", "52:54:00:00:00:01"]);
    check(&["", a], &["0", "52:54:00:ab:cd:ef"]);
    check(&[a, a, b], &["0", "1", "52:54:00:00:00:01"]);
}

fn fixture(text: &str, element: &str) -> Vec<String> {
    let document = kvm::xml::Document::parse(text).unwrap();
    document.root().children(element).map(ToString::to_string).collect()
}

fn network_facts(xml: &str) -> NetworkFacts {
    let definition = NetworkXml::parse(xml).unwrap();
    NetworkFacts { active: true, persistent: true, autostart: None, definition, leases: Ok(Vec::new()) }
}

#[test]
fn every_kind_of_network() {
    let all: BTreeMap<String, NetworkFacts> =
        fixture(include_str!("../../../../kvm/tests/fixtures/networks.xml"), "network")
            .iter()
            .map(|xml| network_facts(xml))
            .map(|facts| (facts.definition.name.clone(), facts))
            .collect();
    let check = |name: &str, technology, switch: Option<&str>, cidrs: &[&str], dhcp| {
        let network = network::network(&place(), &all[name]);
        assert_eq!((network.technology, network.switch_name.as_deref()), (technology, switch), "{name}");
        assert_eq!(
            (network.cidrs.iter().map(String::as_str).collect::<Vec<_>>(), network.dhcp_enabled),
            (cidrs.to_vec(), Some(dhcp)),
            "{name}"
        );
    };
    check("default", NetworkTechnology::Nat, Some("virbr0"), &["192.168.122.0/24", "fd00:1::/64"], true);
    check("lonely", NetworkTechnology::Isolated, Some("virbr1"), &[], false);
    check("routed", NetworkTechnology::Route, Some("virbr2"), &[], false);
    check("open", NetworkTechnology::Open, Some("virbr3"), &[], false);
    check("ovs", NetworkTechnology::Bridge, Some("ovsbr0"), &[], false);
    check("macvtap", NetworkTechnology::Direct, Some("eth1"), &[], false);
    check("vepa", NetworkTechnology::Direct, Some("eth1"), &[], false);
    check("through", NetworkTechnology::Direct, Some("eth3"), &[], false);
    check("sriov", NetworkTechnology::Hostdev, None, &[], false);
    assert_eq!(network::key(HOST, &all["ovs"].definition), ("bridge/ovs/ovsbr0".to_owned(), true));
    let own = format!("{HOST}/{}", all["default"].definition.uuid);
    assert_eq!(network::key(HOST, &all["default"].definition), (own, false), "each host has a NAT of its own");
    let mut down = all["lonely"].clone();
    down.active = false;
    let down = network::network(&place(), &down);
    assert_eq!((down.state, down.hosts[0].accessible), (NetworkState::Inactive, false));
}

#[test]
fn vlans_of_networks() {
    let check = |vlan: &str, id: Option<u32>, ranges: &[&str]| {
        let xml = format!(
            "<network><name>n</name><uuid>{GUEST}</uuid><forward mode='bridge'/><bridge name='b'/>{vlan}</network>"
        );
        let network = network::network(&place(), &network_facts(&xml));
        assert_eq!(
            (network.vlan_id, network.vlan_ranges.iter().map(String::as_str).collect::<Vec<_>>()),
            (id, ranges.to_vec())
        );
    };
    check("", None, &[]);
    check("<vlan><tag id='42'/></vlan>", Some(42), &[]);
    check("<vlan trunk='yes'><tag id='42'/><tag id='47'/></vlan>", None, &["42-42", "47-47"]);
}

fn pool(definition: PoolXml, state: PoolState) -> PoolFacts {
    PoolFacts {
        state,
        capacity_bytes: 1000,
        available_bytes: 400,
        persistent: true,
        autostart: Some(true),
        definition,
        volumes: Some(vec![volume("a.qcow2", "qcow2"), volume("b.img", "raw")]),
        unreadable: Vec::new(),
    }
}

fn volume(name: &str, format: &str) -> VolumeFacts {
    let xml = format!(
        "<volume type='file'><name>{name}</name><key>/p/{name}</key><capacity unit='bytes'>700</capacity>\
         <allocation unit='bytes'>300</allocation><target><path>/p/{name}</path><format type='{format}'/></target></volume>"
    );
    VolumeFacts { key: format!("/p/{name}"), definition: VolumeXml::parse(&xml).unwrap() }
}

#[test]
fn every_kind_of_pool() {
    let all: BTreeMap<String, PoolXml> = fixture(include_str!("../../../../kvm/tests/fixtures/pools.xml"), "pool")
        .iter()
        .map(|xml| PoolXml::parse(xml).unwrap())
        .map(|pool| (pool.name.clone(), pool))
        .collect();
    // The key of a shared pool; a host's own has the host's key.
    let check = |name: &str, technology: &str, location: Option<&str>, shared: Option<&str>| {
        let definition = &all[name];
        let store = datastore::datastore(&place(), &pool(definition.clone(), PoolState::Running));
        assert_eq!((store.technology.as_str(), store.location.as_deref()), (technology, location), "{name}");
        let own = format!("{HOST}/{}", definition.uuid);
        let expected = (shared.map_or(own, str::to_owned), shared.is_some());
        assert_eq!(datastore::key(HOST, definition), expected, "{name}");
    };
    check("images", "dir", Some("/var/lib/libvirt/images"), None);
    check("fs", "fs", Some("/mnt/fs"), None);
    check("nas", "netfs", Some("netfs://nas.example/export/vms"), Some("netfs://nas.example/export/vms"));
    check("lvm", "logical", Some("/dev/vg0"), None);
    check("disk", "disk", Some("/dev"), None);
    let iscsi = "iscsi://iscsi.example:3260/iqn.2010-05.com.example:disk1";
    check("iscsi", "iscsi", Some(iscsi), Some(iscsi));
    let direct = "iscsi-direct://iscsi.example/iqn.2010-05.com.example:disk2";
    check("idirect", "iscsi-direct", Some(direct), Some(direct));
    check("scsi", "scsi", Some("/dev/disk/by-path"), None);
    check("mpath", "mpath", Some("/dev/mapper"), None);
    check("ceph", "rbd", Some("rbd://mon1:6789,mon2/rbdpool"), Some("rbd://mon1:6789,mon2/rbdpool"));
    check("sheep", "sheepdog", Some("sheepdog://sheep:7000/sheeppool"), Some("sheepdog://sheep:7000/sheeppool"));
    check("gluster", "gluster", Some("gluster://gl/volume/"), Some("gluster://gl/volume/"));
    check("zfs", "zfs", Some("tank"), None);
    check("vs", "vstorage", Some("vstorage:///cluster"), Some("vstorage:///cluster"));
}

#[test]
fn states_and_sizes_of_pools() {
    let definition = PoolXml::parse(&format!(
        "<pool type='dir'><name>p</name><uuid>{GUEST}</uuid><target><path>/p</path></target></pool>"
    ))
    .unwrap();
    let check = |state, expected, sizes: Option<(u64, u64)>| {
        let store = datastore::datastore(&place(), &pool(definition.clone(), state));
        assert_eq!((store.state, store.capacity_bytes.zip(store.free_bytes)), (expected, sizes), "{state:?}");
        assert_eq!((store.provisioned_bytes, store.shared, store.hosts.len()), (Some(1400), false, 1));
    };
    check(PoolState::Running, DatastoreState::Accessible, Some((1000, 400)));
    check(PoolState::Degraded, DatastoreState::Accessible, Some((1000, 400)));
    check(PoolState::Inaccessible, DatastoreState::Inaccessible, None);
    check(PoolState::Inactive, DatastoreState::Inactive, None);
    check(PoolState::Building, DatastoreState::Inactive, None);
    check(PoolState::Other(9), DatastoreState::Unknown, None);
}

#[test]
fn images_and_their_formats() {
    let check = |name: &str, format: &str, iso: bool, expected: ImageFormat| {
        let facts = volume(name, format);
        assert_eq!(image::is_iso(&facts), iso, "{name} {format}");
        let image = image::image(&place(), place().ids.id(Kind::Datastore, "d").into(), &facts);
        assert_eq!((image.format, image.disk_bytes), (expected, (!iso).then_some(700)), "{name} {format}");
    };
    check("debian.iso", "iso", true, ImageFormat::Iso);
    check("DEBIAN.ISO", "raw", true, ImageFormat::Iso);
    check("debian.iso.qcow2", "qcow2", false, ImageFormat::Qcow2);
    check("trick.iso", "qcow2", false, ImageFormat::Qcow2);
    check("golden.img", "raw", false, ImageFormat::Raw);
    check("golden.vmdk", "vmdk", false, ImageFormat::Vmdk);
    check("golden.vdi", "vdi", false, ImageFormat::Other);
}

#[test]
fn snapshots() {
    let read = |xml: &str| SnapshotFacts { current: true, definition: SnapshotXml::parse(xml).unwrap() };
    let domain: Uuid = GUEST.parse().unwrap();
    let whole =
        snapshot::snapshot(&place(), domain, &read(include_str!("../../../../kvm/tests/fixtures/snapshot.xml")));
    assert_eq!(
        (whole.name.as_str(), whole.vm_state, whole.memory),
        ("before-upgrade", PowerState::Running, Some(true))
    );
    assert_eq!(whole.created_at.map(|at| at.timestamp()), Some(1_700_000_000));
    let parent = Names.id(Kind::Snapshot, &format!("{GUEST}/clean"));
    assert_eq!(whole.parent_id.map(ObjectId::from), Some(parent));
    let check = |state: &str, memory: &str, expected: (PowerState, Option<bool>)| {
        let xml = format!("<domainsnapshot><name>ß</name>{state}{memory}</domainsnapshot>");
        let snapshot = snapshot::snapshot(&place(), domain, &read(&xml));
        assert_eq!((snapshot.vm_state, snapshot.memory), expected, "{xml}");
        assert_eq!((snapshot.parent_id, snapshot.created_at, snapshot.quiesced), (None, None, None));
    };
    check("<state>shutoff</state>", "<memory snapshot='no'/>", (PowerState::Stopped, Some(false)));
    check("<state>running</state>", "<memory snapshot='internal'/>", (PowerState::Running, Some(true)));
    check("<state>paused</state>", "", (PowerState::Paused, None));
    check("<state>pmsuspended</state>", "", (PowerState::Paused, None));
    check("<state>crashed</state>", "", (PowerState::Crashed, None));
    check("<state>disk-snapshot</state>", "", (PowerState::Unknown, None));
    check("", "", (PowerState::Unknown, None));
}
