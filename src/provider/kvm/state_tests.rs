//! What is told of a host that changes, without any host.

use std::sync::Arc;

use kvm::xml::{DomainXml, NetworkXml, PoolXml, SnapshotXml, VolumeXml};
use kvm::{DomainState, PoolState};

use super::super::facts::{HostFacts, Lease, SnapshotFacts, VolumeFacts};
use super::super::normalize::tests::Names;
use super::*;
use crate::model::vm::PowerState;
use crate::model::{Image, Object, Vm, Volume};
use crate::provider::Identify as _;

const HOST: Uuid = Uuid::from_u128(0x4c4c4544_0051_3910_8037_b4c04f4e3432);
const NET: Uuid = Uuid::from_u128(0x100);
const POOL: Uuid = Uuid::from_u128(0x200);
const A: Uuid = Uuid::from_u128(0xa);
const B: Uuid = Uuid::from_u128(0xb);

fn held() -> Held {
    let place = Place { ids: Arc::new(Names), provider_name: "lab".to_owned(), host_key: HOST.to_string() };
    Held::new(
        place,
        HostFacts {
            uuid: Some(HOST),
            hostname: "kvm1".to_owned(),
            driver: "QEMU".to_owned(),
            libvirt_version: "9.0.0".to_owned(),
            hypervisor_version: Some("7.2.22".to_owned()),
            cpu_mhz: 2400,
            socket_count: 2,
            core_count: 16,
            thread_count: 32,
            memory_bytes: 64 << 30,
            capabilities: None,
            sysinfo: None,
            address: Some("kvm1.example".to_owned()),
        },
    )
}

fn domain(uuid: Uuid, name: &str, devices: &str) -> DomainFacts {
    let xml = format!(
        "<domain type='kvm'><name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>64</memory><vcpu>1</vcpu>\
         <devices>{devices}</devices></domain>"
    );
    DomainFacts {
        state: DomainState::Running,
        reason: "booted",
        persistent: true,
        autostart: Some(false),
        managed_save: Some(false),
        definition: DomainXml::parse(&xml).unwrap(),
        snapshots: Some(Vec::new()),
    }
}

fn file(path: &str, target: &str) -> String {
    format!(
        "<disk type='file'><driver type='qcow2'/><source file='{path}'/><target dev='{target}' bus='virtio'/></disk>"
    )
}

fn network(leases: Vec<Lease>) -> NetworkFacts {
    let xml = format!(
        "<network><name>default</name><uuid>{NET}</uuid><forward mode='nat'/><bridge name='virbr0'/>\
         <ip address='192.168.122.1' prefix='24'/></network>"
    );
    NetworkFacts {
        active: true,
        persistent: true,
        autostart: Some(true),
        definition: NetworkXml::parse(&xml).unwrap(),
        leases: Ok(leases),
    }
}

fn volume(path: &str, backing: Option<&str>) -> VolumeFacts {
    let name = path.rsplit('/').next().unwrap();
    let backing = backing.map(|path| format!("<backingStore><path>{path}</path></backingStore>")).unwrap_or_default();
    let xml = format!(
        "<volume type='file'><name>{name}</name><key>{path}</key><capacity unit='bytes'>700</capacity><allocation \
         unit='bytes'>300</allocation><target><path>{path}</path><format type='qcow2'/></target>{backing}</volume>"
    );
    VolumeFacts { key: path.to_owned(), definition: VolumeXml::parse(&xml).unwrap() }
}

fn pool(volumes: Option<Vec<VolumeFacts>>) -> PoolFacts {
    shaped(
        format!("<pool type='dir'><name>images</name><uuid>{POOL}</uuid><target><path>/p</path></target></pool>"),
        volumes,
    )
}

fn shaped(xml: String, volumes: Option<Vec<VolumeFacts>>) -> PoolFacts {
    PoolFacts {
        state: if volumes.is_some() { PoolState::Running } else { PoolState::Inactive },
        capacity_bytes: 1000,
        available_bytes: 400,
        persistent: true,
        autostart: Some(true),
        definition: PoolXml::parse(&xml).unwrap(),
        volumes,
        unreadable: Vec::new(),
    }
}

/// Tells everything, so that what comes after is a change.
fn settled(mut held: Held) -> Held {
    let keys = held.every_key();
    held.changes(keys);
    assert!(keys_of(&held.changes(BTreeSet::new())).is_empty());
    held
}

fn keys_of(changes: &Changes) -> Vec<String> {
    changes.observed.iter().map(|group| group.key.clone()).collect()
}

fn member<'a, T>(changes: &'a Changes, pick: impl Fn(&'a Object) -> Option<&'a T>) -> Vec<&'a T> {
    changes.observed.iter().flat_map(|group| &group.members).filter_map(|member| pick(&member.object)).collect()
}

fn vms(changes: &Changes) -> Vec<&Vm> {
    member(changes, |object| if let Object::Vm(vm) = object { Some(vm.as_ref()) } else { None })
}

fn volumes(changes: &Changes) -> Vec<&Volume> {
    member(changes, |object| if let Object::Volume(volume) = object { Some(volume.as_ref()) } else { None })
}

fn images(changes: &Changes) -> Vec<&Image> {
    member(changes, |object| if let Object::Image(image) = object { Some(image.as_ref()) } else { None })
}

fn domain_key(uuid: Uuid) -> BTreeSet<GroupKey> {
    BTreeSet::from([GroupKey::Domain(uuid)])
}

#[test]
fn a_group_is_told_when_it_differs_and_once() {
    let mut held = held();
    held.put_network(NET, network(Vec::new()));
    held.put_domain(A, domain(A, "a", ""));
    let keys = held.every_key();
    let changes = held.changes(keys.clone());
    let network = format!("network/{NET}");
    assert_eq!(keys_of(&changes), ["host", "zone", "cluster", network.as_str(), &format!("domain/{A}")]);
    let sharing: Vec<bool> = changes.observed.iter().map(|group| group.members[0].shared_by.is_some()).collect();
    assert_eq!(sharing, [false, true, true, false, false]);
    assert!(keys_of(&held.changes(keys)).is_empty());

    let mut stopped = domain(A, "a", "");
    stopped.state = DomainState::ShutOff;
    held.put_domain(A, stopped);
    let changes = held.changes(domain_key(A));
    assert_eq!(vms(&changes)[0].power_state, PowerState::Stopped);
    held.remove_domain(A);
    assert_eq!(held.changes(domain_key(A)).gone, [format!("domain/{A}")]);
    assert!(held.changes(domain_key(A)).gone.is_empty());
}

#[test]
fn the_share_of_a_host_in_its_cluster() {
    let mut held = held();
    let host = held.place.host_id().to_string();
    let changes = held.page(&[GroupKey::Cluster]);
    let Object::Cluster(cluster) = &changes.observed[0].members[0].object else { panic!("a cluster") };
    assert_eq!((cluster.name.as_str(), cluster.host_count, cluster.cpu_core_count), ("lab", 1, Some(16)));
    assert_eq!(cluster.native["hosts"][&host]["memory_mib"], 65536);
}

#[test]
fn a_disk_in_a_pool_is_one_volume_with_its_machines() {
    let mut held = held();
    held.put_pool(POOL, pool(Some(vec![volume("/p/a.qcow2", None), volume("/p/b.qcow2", None)])));
    let mut held = settled(held);
    let by_name = "<disk type='volume'><source pool='images' volume='b.qcow2'/><target dev='vdb' bus='scsi'/></disk>";
    held.put_domain(A, domain(A, "a", &(file("/p/a.qcow2", "vda") + by_name)));
    let changes = held.changes(domain_key(A));
    assert_eq!(
        keys_of(&changes),
        [format!("pool/{POOL}"), format!("domain/{A}")],
        "the pool tells who uses its volumes"
    );
    let vm_id = held.place.vm_id(A);
    let attached: Vec<_> =
        volumes(&changes).iter().map(|v| (v.name.as_str(), v.attachments[0].device.as_str())).collect();
    assert_eq!(attached, [("a.qcow2", "vda"), ("b.qcow2", "vdb")]);
    assert!(volumes(&changes).iter().all(|volume| volume.attachments[0].vm_id == vm_id));
    let vm = vms(&changes)[0];
    assert_eq!(
        (vm.volume_count, vm.storage_provisioned_bytes, vm.storage_used_bytes),
        (Some(2), Some(1400), Some(600))
    );
    assert_eq!(vm.datastore_ids.len(), 1);
    let ids: Vec<_> = changes.observed[0].members[1..].iter().map(|member| member.id.into()).collect();
    assert_eq!(vm.volume_ids, ids);

    held.remove_domain(A);
    let changes = held.changes(domain_key(A));
    assert!(volumes(&changes).iter().all(|volume| volume.attachments.is_empty()) && volumes(&changes).len() == 2);
}

#[test]
fn what_others_are_backed_by_is_an_image_unless_it_is_a_machines_own_past() {
    let mut held = held();
    let chain = vec![volume("/p/base.qcow2", None), volume("/p/a.qcow2", Some("/p/base.qcow2"))];
    held.put_pool(POOL, pool(Some(chain)));
    held.put_domain(A, domain(A, "a", &file("/p/a.qcow2", "vda")));
    let keys = held.every_key();
    let changes = held.changes(keys);
    assert_eq!(images(&changes).iter().map(|image| image.name.as_str()).collect::<Vec<_>>(), ["base.qcow2"]);
    assert_eq!(volumes(&changes).len(), 1);

    let mut with_snapshot = domain(A, "a", &file("/p/a.qcow2", "vda"));
    let xml = format!(
        "<domainsnapshot><name>s</name><state>shutoff</state><domain><name>a</name><uuid>{A}</uuid><devices>{}</devices></domain></domainsnapshot>",
        file("/p/base.qcow2", "vda")
    );
    with_snapshot.snapshots =
        Some(vec![SnapshotFacts { current: true, definition: SnapshotXml::parse(&xml).unwrap() }]);
    held.put_domain(A, with_snapshot);
    let changes = held.changes(domain_key(A));
    assert!(images(&changes).is_empty());
    assert_eq!(volumes(&changes).len(), 2);
    assert_eq!(vms(&changes)[0].snapshot_count, Some(1));

    // That snapshots cannot be listed now does not make them gone.
    let mut unlisted = domain(A, "a", &file("/p/a.qcow2", "vda"));
    unlisted.snapshots = None;
    held.put_domain(A, unlisted);
    assert!(keys_of(&held.changes(domain_key(A))).is_empty());
}

#[test]
fn disks_outside_any_pool() {
    let mut held = settled(held());
    let rbd = "<disk type='network'><source protocol='rbd' name='vms/x'><host name='mon1'/></source><target dev='vdb'/></disk>";
    held.put_domain(A, domain(A, "a", &(file("/x/own.img", "vda") + rbd)));
    let changes = held.changes(domain_key(A));
    let rbd_key = "volume/network/rbd://mon1/vms/x";
    assert_eq!(keys_of(&changes), [rbd_key.to_owned(), format!("domain/{A}")]);
    assert!(changes.observed[0].members[0].shared_by.is_some(), "other hosts can have it too");
    assert_eq!(volumes(&changes)[0].attachments[0].host_id, Some(held.place.host_id()));
    assert_eq!(volumes(&changes)[1].attachments[0].host_id, None);

    // A second machine with the same file: both tell the same of it.
    held.put_domain(B, domain(B, "b", &file("/x/own.img", "sda")));
    let changes = held.changes(domain_key(B));
    assert_eq!(keys_of(&changes), [format!("domain/{A}"), format!("domain/{B}")]);
    assert_eq!(volumes(&changes)[0], volumes(&changes)[1]);
    assert_eq!(volumes(&changes)[0].attachments.len(), 2);

    held.remove_domain(A);
    let changes = held.changes(domain_key(A));
    assert_eq!(changes.gone, [rbd_key.to_owned(), format!("domain/{A}")]);
    assert_eq!((keys_of(&changes), volumes(&changes)[0].attachments.len()), (vec![format!("domain/{B}")], 1));
}

#[test]
fn a_pool_takes_a_disk_in_and_gives_it_back() {
    let mut held = held();
    held.put_domain(A, domain(A, "a", &file("/p/a.qcow2", "vda")));
    let mut held = settled(held);
    held.put_pool(POOL, pool(Some(vec![volume("/p/a.qcow2", None)])));
    let changes = held.changes(BTreeSet::from([GroupKey::Pool(POOL)]));
    let vm = vms(&changes)[0];
    assert_eq!((vm.datastore_ids.len(), volumes(&changes).len()), (1, 1), "one volume: the pool's");
    assert_eq!(volumes(&changes)[0].attachments.len(), 1);

    // Stopped: what was in it is still known. Undefined: the disk is by itself again.
    held.put_pool(POOL, pool(None));
    let changes = held.changes(BTreeSet::from([GroupKey::Pool(POOL)]));
    assert_eq!((keys_of(&changes), volumes(&changes).len()), (vec![format!("pool/{POOL}")], 1));
    held.remove_pool(POOL);
    let changes = held.changes(BTreeSet::from([GroupKey::Pool(POOL)]));
    assert_eq!(changes.gone, [format!("pool/{POOL}")]);
    assert_eq!((vms(&changes)[0].datastore_ids.len(), volumes(&changes)[0].datastore_id), (0, None));
}

/// The volumes that a change tells, with their ids and whether only their outline is told.
fn told_volumes(changes: &Changes) -> Vec<(ObjectId, bool, Option<crate::model::DatastoreId>)> {
    let groups = changes.observed.iter();
    let told =
        groups.flat_map(|group| group.members.iter().map(|member| (group.outlines.contains(&member.id), member)));
    told.filter_map(|(outline, member)| match &member.object {
        Object::Volume(volume) => Some((member.id, outline, volume.datastore_id)),
        _ => None,
    })
    .collect()
}

#[test]
fn a_disk_of_a_pool_has_one_id_whether_the_pool_runs_or_not() {
    let check = |pool_xml: &str, disk: &str, path: &str| {
        let xml = format!("<pool {pool_xml}</pool>").replace("UUID", &POOL.to_string());
        let facts = |volumes| shaped(xml.clone(), volumes);
        // Stopped since before the connection.
        let mut held = held();
        held.put_pool(POOL, facts(None));
        held.put_domain(A, domain(A, "a", disk));
        let keys = held.every_key();
        let first = held.changes(keys);
        let [(id, true, Some(datastore))] = told_volumes(&first)[..] else { panic!("{pool_xml}: {first:?}") };
        assert_eq!(vms(&first)[0].datastore_ids, [datastore], "{pool_xml}");
        assert_eq!(vms(&first)[0].volume_ids[0], id.into(), "{pool_xml}");
        // It starts, and lists the disk.
        held.put_pool(POOL, facts(Some(vec![volume(path, None)])));
        let started = held.changes(BTreeSet::from([GroupKey::Pool(POOL)]));
        assert_eq!(told_volumes(&started), [(id, false, Some(datastore))], "{pool_xml}");
        assert_eq!(volumes(&started)[0].attachments.len(), 1);
        let by_itself = |changes: &Changes| keys_of(changes).into_iter().filter(|key| key.starts_with("volume/"));
        assert_eq!(started.gone, by_itself(&first).collect::<Vec<_>>(), "{pool_xml}");
        assert!(held.outlines(&GroupKey::Domain(A)).is_empty());
        // A file that the pool has not been refreshed for.
        held.put_pool(POOL, facts(Some(vec![volume("/elsewhere/other.qcow2", None)])));
        let unseen = held.changes(BTreeSet::from([GroupKey::Pool(POOL)]));
        assert!(told_volumes(&unseen).contains(&(id, true, Some(datastore))), "{pool_xml}: {unseen:?}");
    };
    let dir = "type='dir'><name>p</name><uuid>UUID</uuid><target><path>/p</path></target>";
    check(dir, &file("/p/a.qcow2", "vda"), "/p/a.qcow2");
    check(&dir.replace("/p<", "/p/<"), &file("/p/a.qcow2", "vda"), "/p/a.qcow2");
    let volume_of = "<disk type='volume'><source pool='p' volume='a.qcow2'/><target dev='vda'/></disk>";
    check(dir, volume_of, "/p/a.qcow2");
    let nas = "type='netfs'><name>nas</name><uuid>UUID</uuid><source><host name='nas'/><dir path='/export'/></source>\
               <target><path>/mnt/nas</path></target>";
    check(nas, &file("/mnt/nas/a.qcow2", "vda"), "/mnt/nas/a.qcow2");
    let lvm = "type='logical'><name>vg</name><uuid>UUID</uuid><target><path>/dev/vg</path></target>";
    let block = "<disk type='block'><source dev='/dev/vg/root'/><target dev='vda'/></disk>";
    check(lvm, block, "/dev/vg/root");
    let ceph = "type='rbd'><name>ceph</name><uuid>UUID</uuid><source><host name='mon1'/><name>vms</name></source>";
    let rbd = "<disk type='network'><source protocol='rbd' name='vms/x'><host name='mon1'/></source><target dev='vdb'/></disk>";
    check(ceph, rbd, "vms/x");
}

#[test]
fn a_folder_below_a_pool_or_of_all_devices_is_no_pool() {
    let check = |pool_xml: &str, disk: &str| {
        let mut held = held();
        held.put_pool(POOL, shaped(format!("<pool {pool_xml}</pool>").replace("UUID", &POOL.to_string()), None));
        held.put_domain(A, domain(A, "a", disk));
        let keys = held.every_key();
        let changes = held.changes(keys);
        assert!(matches!(told_volumes(&changes)[..], [(_, false, None)]), "{pool_xml}: {changes:?}");
    };
    let dir = "type='dir'><name>p</name><uuid>UUID</uuid><target><path>/p</path></target>";
    check(dir, &file("/p/below/a.qcow2", "vda"));
    check(dir, &file("/pa.qcow2", "vda"));
    let disk = "type='disk'><name>d</name><uuid>UUID</uuid><source><device path='/dev/sdb'/></source>\
                <target><path>/dev</path></target>";
    check(disk, "<disk type='block'><source dev='/dev/sdc'/><target dev='vda'/></disk>");
}

#[test]
fn shared_storage_has_one_key_on_every_host() {
    let nas = |uuid: u128, host: &str| {
        let uuid = Uuid::from_u128(uuid);
        let xml = format!(
            "<pool type='netfs'><name>nas</name><uuid>{uuid}</uuid><source><host name='NAS.example'/><dir path='/export'/></source>\
             <target><path>/mnt/{uuid}</path></target></pool>"
        );
        let mut held = held();
        held.place.host_key = host.to_owned();
        held.put_pool(uuid, shaped(xml, Some(vec![volume(&format!("/mnt/{uuid}/v.qcow2"), None)])));
        held.put_domain(A, domain(A, "a", &file(&format!("/mnt/{uuid}/v.qcow2"), "vda")));
        held.every_key();
        held.page(&[GroupKey::Pool(uuid)])
    };
    let (one, other) = (nas(1, "host-1"), nas(2, "host-2"));
    let ids = |changes: &Changes| changes.observed[0].members.iter().map(|member| member.id).collect::<Vec<_>>();
    assert_eq!((ids(&one), ids(&one).len()), (ids(&other), 2));
    let contributors = |changes: &Changes| changes.observed[0].members.iter().map(|m| m.shared_by).collect::<Vec<_>>();
    assert_eq!(contributors(&one), [Some(Names.id(Kind::Host, "host-1")); 2]);
    assert_eq!(contributors(&other), [Some(Names.id(Kind::Host, "host-2")); 2]);
    assert_eq!(volumes(&one)[0].attachments[0].host_id.map(|id| id.0), Some(Names.id(Kind::Host, "host-1").0));
}

#[test]
fn interfaces_find_their_networks_and_addresses() {
    let with = |kind: &str, source: &str, mac: u8| {
        format!("<interface type='{kind}'><mac address='52:54:00:00:00:{mac:02X}'/>{source}</interface>")
    };
    let devices = with("network", "<source network='default'/>", 1)
        + &with("bridge", "<source bridge='virbr0'/>", 2)
        + &with("bridge", "<source bridge='br0'/>", 3)
        + &with("network", "<source network='gone'/>", 4)
        + &with("user", "", 5);
    let mut held = held();
    held.put_network(NET, network(Vec::new()));
    held.put_domain(A, domain(A, "a", &devices));
    let keys = held.every_key();
    let changes = held.changes(keys);
    let nets: Vec<_> = member(&changes, |o| if let Object::Nic(nic) = o { Some(nic.as_ref()) } else { None })
        .iter()
        .map(|nic: &&Nic| nic.network_id)
        .collect();
    let default = Some(held.place.network_id(&format!("{HOST}/{NET}")));
    let br0 = Some(held.place.network_id(&format!("{HOST}/bridge/br0")));
    assert_eq!(nets, [default, default, br0, None, None]);
    assert_eq!(vms(&changes)[0].network_ids.len(), 2);
    assert!(keys_of(&changes).contains(&"bridge/br0".to_owned()));

    let lease = |mac: u8, address: &str, name: Option<&str>| Lease {
        mac: format!("52:54:00:00:00:{mac:02x}"),
        address: address.to_owned(),
        hostname: name.map(str::to_owned),
    };
    held.put_network(NET, network(vec![lease(1, "192.168.122.7", Some("web")), lease(99, "192.168.122.8", None)]));
    let changes = held.changes(BTreeSet::from([GroupKey::Network(NET)]));
    assert_eq!(keys_of(&changes), [format!("domain/{A}")]);
    let vm = vms(&changes)[0];
    assert_eq!(
        (vm.ip_addresses.clone(), vm.guest_hostname.as_deref()),
        (vec!["192.168.122.7".to_owned()], Some("web"))
    );

    // The lease outlives the machine, its address does not.
    let mut stopped = domain(A, "a", &devices);
    stopped.state = DomainState::ShutOff;
    held.put_domain(A, stopped);
    let changes = held.changes(domain_key(A));
    assert!(vms(&changes)[0].ip_addresses.is_empty());
    held.remove_domain(A);
    assert_eq!(held.changes(domain_key(A)).gone, ["bridge/br0".to_owned(), format!("domain/{A}")]);
}

#[test]
fn what_cannot_be_read_is_said_once_and_nothing_else_of_it() {
    let mut held = held();
    held.put_domain(A, domain(A, "a", &file("/x/own.img", "vda")));
    let mut held = settled(held);
    held.set_quarantine(GroupKey::Domain(A), Kind::Vm, "broken".to_owned());
    let changes = held.changes(domain_key(A));
    assert_eq!((changes.quarantined.len(), changes.observed.len(), changes.gone.len()), (1, 0, 0));
    let (key, quarantine) = &changes.quarantined[0];
    assert_eq!((key.clone(), quarantine.kind, quarantine.reason.as_str()), (format!("domain/{A}"), Kind::Vm, "broken"));
    assert!(held.changes(domain_key(A)).quarantined.is_empty());
    // Readable again: it is told, changed or not, so that it leaves the quarantine.
    held.put_domain(A, domain(A, "a", &file("/x/own.img", "vda")));
    assert_eq!(keys_of(&held.changes(domain_key(A))), [format!("domain/{A}")]);
    // One that was never understood is let go of when it ends.
    held.set_quarantine(GroupKey::Domain(B), Kind::Vm, "broken".to_owned());
    assert_eq!(held.changes(domain_key(B)).quarantined.len(), 1);
    held.remove_domain(B);
    assert_eq!(held.changes(domain_key(B)).gone, [format!("domain/{B}")]);
}

#[test]
fn a_volume_that_cannot_be_read_stays_as_it_was() {
    let mut held = held();
    held.put_pool(POOL, pool(Some(vec![volume("/p/a.qcow2", None), volume("/p/b.qcow2", None)])));
    let mut held = settled(held);
    let mut broken = pool(Some(vec![volume("/p/a.qcow2", None)]));
    broken.unreadable = vec![("b.qcow2".to_owned(), "could not be read".to_owned())];
    held.put_pool(POOL, broken);
    let changes = held.changes(BTreeSet::from([GroupKey::Pool(POOL)]));
    assert_eq!(
        changes.quarantined.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(),
        [format!("pool/{POOL}/b.qcow2")]
    );
    assert_eq!(volumes(&changes).len(), 2);
    held.put_pool(POOL, pool(Some(vec![volume("/p/a.qcow2", None), volume("/p/b.qcow2", None)])));
    let changes = held.changes(BTreeSet::from([GroupKey::Pool(POOL)]));
    assert_eq!((changes.gone, changes.quarantined.len()), (vec![format!("pool/{POOL}/b.qcow2")], 0));
}

#[test]
fn leases_that_cannot_be_read_stay_as_they_were() {
    let lease = || Lease { mac: "52:54:00:00:00:01".to_owned(), address: "192.168.122.7".to_owned(), hostname: None };
    let mut held = held();
    held.put_network(NET, network(vec![lease()]));
    let mut held = settled(held);
    held.put_network(NET, NetworkFacts { leases: Err("no answer".to_owned()), ..network(Vec::new()) });
    let network_key = || BTreeSet::from([GroupKey::Network(NET)]);
    let changes = held.changes(network_key());
    let part = format!("network/{NET}/leases");
    assert_eq!(
        changes.quarantined,
        [(part.clone(), Quarantine { kind: Kind::Network, reason: "no answer".to_owned() })]
    );
    assert_eq!(held.networks[&NET].leases, Ok(vec![lease()]));
    held.put_network(NET, network(vec![lease()]));
    let changes = held.changes(network_key());
    assert_eq!((changes.gone, changes.quarantined.len(), changes.observed.len()), (vec![part], 0, 0));
}

#[test]
fn of_many_machines_only_the_changed_one_is_told() {
    let mut held = held();
    for number in 0..1000_u128 {
        let uuid = Uuid::from_u128(0x1000 + number);
        held.put_domain(uuid, domain(uuid, &format!("vm{number}"), &file(&format!("/p/{number}.qcow2"), "vda")));
    }
    held.put_pool(POOL, pool(Some((0..1000).map(|number| volume(&format!("/p/{number}.qcow2"), None)).collect())));
    let keys: Vec<GroupKey> = held.every_key().into_iter().collect();
    let groups: usize = keys.chunks(200).map(|page| held.page(page).observed.len()).sum();
    assert_eq!(groups, 1004);
    let uuid = Uuid::from_u128(0x1000);
    let mut stopped = domain(uuid, "vm0", &file("/p/0.qcow2", "vda"));
    stopped.state = DomainState::ShutOff;
    held.put_domain(uuid, stopped);
    assert_eq!(keys_of(&held.changes(domain_key(uuid))), [format!("domain/{uuid}")], "of a thousand only the one");
}
