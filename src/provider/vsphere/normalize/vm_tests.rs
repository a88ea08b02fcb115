//! Machines in the shapes of the field.

use std::collections::HashMap;

use vsphere::{Object, Value};

use super::super::testing::{Sample, all, held, id, of, one, translated};
use crate::model::image::ImageFormat;
use crate::model::vm::{GuestAgent, PowerState, VmCondition};
use crate::model::{Image, Kind, Vm, Volume};
use crate::provider::vsphere::poll::Applied;
use crate::provider::vsphere::state::{Key, State};

fn around() -> Vec<Sample> {
    vec![
        of("Datacenter", "datacenter-2").text("name", "DC"),
        of("Folder", "group-v3").text("name", "vm").reference("parent", "Datacenter", "datacenter-2"),
        of("Folder", "group-v9").text("name", "Prod%2fEU").reference("parent", "Folder", "group-v3"),
        of("ClusterComputeResource", "domain-c7").text("name", "C").reference("parent", "Datacenter", "datacenter-2"),
        of("HostSystem", "host-1").text("name", "h").reference("parent", "ClusterComputeResource", "domain-c7"),
        of("VirtualApp", "resgroup-v5").text("name", "shop").reference("parent", "ClusterComputeResource", "domain-c7"),
    ]
}

fn plain() -> Sample {
    let controller = Object::new("ParaVirtualSCSIController").with("key", 1000).with("busNumber", 0);
    let disk = Object::new("VirtualDisk")
        .with("key", 2000)
        .with("controllerKey", 1000)
        .with("unitNumber", 0)
        .with("capacityInBytes", "1000");
    let card = Object::new("VirtualVmxnet3").with("key", 4000).with("macAddress", "00:50:56:AE:00:01");
    of("VirtualMachine", "vm-42")
        .text("name", "db%2f1")
        .reference("parent", "Folder", "group-v9")
        .reference("runtime.host", "HostSystem", "host-1")
        .text("runtime.powerState", "poweredOn")
        .text("runtime.connectionState", "connected")
        .text("config.template", "false")
        .text("config.instanceUuid", "502E7D1A-7F0C-4F3C-9D22-0D1F3A1B2C3D")
        .text("config.hardware.numCPU", "4")
        .text("config.hardware.memoryMB", "8192")
        .values("config.hardware.device", vec![controller, disk, card])
}

fn state(vm: Sample) -> State {
    let mut samples = around();
    samples.push(vm);
    held(samples)
}

#[test]
fn a_plain_machine_with_its_parts() {
    let group = translated(&state(plain()), "vm-42").expect("translates");
    let kinds: Vec<_> = group.members.iter().map(|member| (member.object.kind(), member.key.as_str())).collect();
    assert_eq!(kinds, [(Kind::Vm, "vm-42"), (Kind::Volume, "vm-42/2000"), (Kind::Nic, "vm-42/4000")]);
    let vm: Vm = one(&state(plain()), "vm-42");
    assert_eq!((vm.name.as_str(), vm.power_state, vm.condition), ("db/1", PowerState::Running, VmCondition::Ok));
    assert_eq!(vm.zone_id, Some(id(Kind::Zone, "datacenter-2")));
    assert_eq!(vm.cluster_id, Some(id(Kind::Cluster, "domain-c7")));
    assert_eq!(vm.host_id, Some(id(Kind::Host, "host-1")));
    assert_eq!((vm.folder_id, vm.folder_path.as_deref()), (Some(id(Kind::Folder, "group-v9")), Some("vm/Prod%2fEU")));
    assert_eq!((vm.vcpu_count, vm.memory_mib), (Some(4), Some(8192)));
    assert_eq!(vm.uuid.as_deref(), Some("502e7d1a-7f0c-4f3c-9d22-0d1f3a1b2c3d"));
    assert_eq!(vm.mac_addresses, ["00:50:56:ae:00:01"]);
    assert_eq!(vm.volume_ids, [id(Kind::Volume, "vm-42/2000")]);
    assert_eq!((vm.storage_provisioned_bytes, vm.storage_used_bytes), (Some(1000), None));
    assert_eq!(vm.native["rawName"], "db%2f1");
}

#[test]
fn power_states() {
    let check = |power: &str, expected: PowerState| {
        let vm = of("VirtualMachine", "vm-1").text("name", "x").text("runtime.powerState", power);
        assert_eq!(one::<Vm>(&held([vm]), "vm-1").power_state, expected, "{power}");
    };
    check("poweredOn", PowerState::Running);
    check("poweredOff", PowerState::Stopped);
    check("suspended", PowerState::Suspended);
    check("", PowerState::Unknown);
    check("hibernating", PowerState::Unknown);
}

#[test]
fn machines_without_config_are_shown_with_what_is_known() {
    let check = |connection: &str, expected: VmCondition, power: PowerState| {
        let vm = of("VirtualMachine", "vm-1")
            .text("name", "lost")
            .text("runtime.powerState", "poweredOff")
            .text("runtime.connectionState", connection);
        let vm: Vm = one(&held([vm]), "vm-1");
        assert_eq!((vm.condition, vm.power_state), (expected, power), "{connection}");
        assert_eq!(vm.native["powerState"], "poweredOff");
        assert_eq!((vm.uuid, vm.vcpu_count, vm.volume_count, vm.memory_mib), (None, None, None, None));
        assert_eq!(vm.guest_agent, GuestAgent::Unknown);
    };
    check("orphaned", VmCondition::Orphaned, PowerState::Unknown);
    check("inaccessible", VmCondition::Inaccessible, PowerState::Stopped);
    check("invalid", VmCondition::Invalid, PowerState::Stopped);
    check("disconnected", VmCondition::Disconnected, PowerState::Unknown);
    check("connected", VmCondition::Ok, PowerState::Stopped);
}

#[test]
fn a_template_is_an_image() {
    let template = of("VirtualMachine", "vm-9")
        .text("name", "debian-13")
        .text("config.template", "true")
        .text("config.guestFullName", "Debian GNU/Linux 13 (64-bit)")
        .text("config.hardware.numCPU", "2")
        .references("datastore", "Datastore", &["datastore-7"])
        .values(
            "config.hardware.device",
            vec![Object::new("VirtualDisk").with("key", 2000).with("capacityInBytes", "77")],
        );
    let state = held([template]);
    let image: Image = one(&state, "vm-9");
    assert_eq!((image.format, image.disk_bytes, image.vcpu_count), (ImageFormat::Template, Some(77), Some(2)));
    assert_eq!(image.datastore_id, Some(id(Kind::Datastore, "datastore-7")));
    assert!(all::<Vm>(&state, "vm-9").is_empty());
    let volumes: Vec<Volume> = all(&state, "vm-9");
    assert!(volumes.len() == 1 && volumes[0].attachments[0].vm_id == id(Kind::Image, "vm-9"));
}

#[test]
fn a_machine_of_a_vapp_finds_its_zone_and_cluster_without_a_folder() {
    let vm = of("VirtualMachine", "vm-1")
        .text("name", "tier")
        .reference("parentVApp", "VirtualApp", "resgroup-v5")
        .reference("resourcePool", "VirtualApp", "resgroup-v5");
    let vm: Vm = one(&state(vm), "vm-1");
    assert_eq!(vm.zone_id, Some(id(Kind::Zone, "datacenter-2")));
    assert_eq!(vm.cluster_id, Some(id(Kind::Cluster, "domain-c7")));
    assert_eq!(vm.resource_pool_id, Some(id(Kind::ResourcePool, "resgroup-v5")));
    assert_eq!((vm.folder_id, vm.folder_path), (None, None));
}

#[test]
fn what_the_guest_tells() {
    let check = |running: &str, version: &str, expected: GuestAgent| {
        let vm = of("VirtualMachine", "vm-1")
            .text("name", "x")
            .text("guest.toolsRunningStatus", running)
            .text("guest.toolsVersionStatus2", version);
        assert_eq!(one::<Vm>(&held([vm]), "vm-1").guest_agent, expected, "{running} {version}");
    };
    check("guestToolsRunning", "guestToolsCurrent", GuestAgent::Running);
    check("guestToolsExecutingScripts", "guestToolsCurrent", GuestAgent::Running);
    check("guestToolsNotRunning", "guestToolsNotInstalled", GuestAgent::NotInstalled);
    check("guestToolsNotRunning", "guestToolsSupportedOld", GuestAgent::NotRunning);
    let net = |ips: &[&str]| Object::untyped().with_each("ipAddress", ips.to_vec());
    let vm = of("VirtualMachine", "vm-1")
        .text("name", "x")
        .text("guest.ipAddress", "10.0.0.9")
        .values("guest.net", vec![net(&["10.0.0.5", "10.0.0.9"]), net(&["2001:db8::7"])]);
    assert_eq!(one::<Vm>(&held([vm]), "vm-1").ip_addresses, ["10.0.0.9", "10.0.0.5", "2001:db8::7"]);
}

#[test]
fn questions_memory_growth_attributes_and_tags() {
    let question = Object::new("VirtualMachineQuestionInfo").with("id", "7").with("text", "moved or copied?");
    let value = Object::new("CustomFieldStringValue").with("key", "101").with("value", "shop");
    let unknown = Object::new("CustomFieldStringValue").with("key", "999").with("value", "x");
    let vm = plain()
        .value("runtime.question", question)
        .text("config.memoryHotAddEnabled", "true")
        .text("config.hotPlugMemoryLimit", "65536")
        .values("customValue", vec![value, unknown]);
    let mut state = state(vm);
    let field = Object::new("CustomFieldDef").with("key", "101").with("name", "owner");
    assert!(state.set_fields(&Value::from(field)));
    state.set_tags(HashMap::from([(Key::from("vm-42"), vec!["urn:a".to_owned()])]));
    let vm: Vm = one(&state, "vm-42");
    assert_eq!(vm.question.as_deref(), Some("moved or copied?"));
    assert_eq!(vm.memory_max_mib, Some(65536));
    assert_eq!(vm.attributes.get("owner").map(String::as_str), Some("shop"));
    assert_eq!(vm.attributes.get("999").map(String::as_str), Some("x"));
    assert_eq!(vm.tag_ids, [id(Kind::Tag, "tag/urn:a")]);
}

#[test]
fn what_may_not_be_read_is_left_out_or_said() {
    let partly = of("VirtualMachine", "vm-1").text("name", "seen").denied("config.uuid");
    let vm: Vm = one(&held([partly]), "vm-1");
    assert_eq!((vm.bios_uuid, &vm.native["unreadable"][0]), (None, &serde_json::json!("config.uuid")));
    let reason = translated(&held([of("VirtualMachine", "vm-2").denied("name")]), "vm-2").expect_err("no name");
    assert!(reason.contains("NoPermission"), "{reason}");
    translated(&held([of("VirtualMachine", "vm-3")]), "vm-3").expect_err("nothing is known of it");
}

#[test]
fn nothing_is_made_up_of_a_machine_without_configuration() {
    let bare = |connection: &str| {
        of("VirtualMachine", "vm-7").text("name", "lost").text("runtime.connectionState", connection)
    };
    let remembered = |vm: Sample| {
        vm.text("summary.config.numCpu", "4")
            .text("summary.config.memorySizeMB", "8192")
            .text("summary.config.numEthernetCards", "1")
            .text("summary.config.numVirtualDisks", "2")
            .text("summary.config.uuid", "4210AAAA-7F0C-4F3C-9D22-0D1F3A1B2C3D")
            .text("summary.config.instanceUuid", "502E7D1A-7F0C-4F3C-9D22-0D1F3A1B2C3D")
    };
    type Facts = (Option<u32>, Option<u64>, Option<u32>, Option<u32>);
    let check = |vm: Sample, expected: Facts, uuid: Option<&str>| {
        let vm: Vm = one(&held([vm]), "vm-7");
        assert_eq!((vm.vcpu_count, vm.memory_mib, vm.volume_count, vm.nic_count), expected, "{vm:?}");
        assert_eq!((vm.snapshot_count, vm.storage_provisioned_bytes, vm.storage_used_bytes), (None, None, None));
        assert_eq!(vm.uuid.as_deref(), uuid);
        assert!(vm.volume_ids.is_empty() && vm.nic_ids.is_empty());
    };
    let uuid = Some("502e7d1a-7f0c-4f3c-9d22-0d1f3a1b2c3d");
    for connection in ["orphaned", "inaccessible", "invalid", "disconnected"] {
        check(bare(connection), (None, None, None, None), None);
        check(remembered(bare(connection)), (Some(4), Some(8192), Some(2), Some(1)), uuid);
    }
    // A server that fills in zeros does not know either.
    let zeros = bare("orphaned").text("summary.config.numCpu", "0").text("summary.config.memorySizeMB", "0");
    let zeros = zeros.text("summary.config.numVirtualDisks", "0").text("summary.config.numEthernetCards", "0");
    check(zeros, (None, None, None, None), None);
    check(bare("connected").denied("config.hardware.device"), (None, None, None, None), None);
}

/// What is no list of devices says nothing about them: they are neither counted nor gone.
#[test]
fn devices_that_cannot_be_understood_are_not_gone() {
    let machine = || of("VirtualMachine", "vm-7").text("name", "odd").text("config.hardware.numCPU", "1");
    let devices = |vm: Sample| {
        let state = held([vm]);
        let group = translated(&state, "vm-7").expect("translates");
        let vm: Vm = one(&state, "vm-7");
        (vm.volume_count, vm.nic_count, group.unread)
    };
    let both = vec![Kind::Volume, Kind::Nic];
    assert_eq!(devices(machine().text("config.hardware.device", "garbage")), (None, None, both.clone()));
    assert_eq!(devices(machine().denied("config.hardware.device")), (None, None, both));
    assert_eq!(
        devices(machine().values("config.hardware.device", Vec::<Object>::new())),
        (Some(0), Some(0), Vec::new())
    );
    let (.., unread) = devices(machine().values("config.hardware.device", Vec::<Object>::new()).denied("snapshot"));
    assert_eq!(unread, [Kind::Snapshot]);
    // One that has the property has snapshots, whatever they are.
    let (.., unread) = devices(
        machine().values("config.hardware.device", Vec::<Object>::new()).value("snapshot", Object::new("FutureThing")),
    );
    assert_eq!(unread, [Kind::Snapshot]);
}

#[test]
fn a_template_whose_configuration_cannot_be_read_is_one() {
    let bare = of("VirtualMachine", "vm-7").text("name", "golden").text("summary.config.template", "true");
    let image: Image = one(&held([bare]), "vm-7");
    assert_eq!(image.name, "golden");
}

#[test]
fn a_machine_without_disks_has_none() {
    let keyboard = Object::new("VirtualKeyboard").with("key", 600);
    for devices in [vec![keyboard], Vec::new()] {
        let vm = of("VirtualMachine", "vm-7")
            .text("name", "empty")
            .text("config.hardware.numCPU", "1")
            .text("summary.config.numVirtualDisks", "3")
            .values("config.hardware.device", devices);
        let vm: Vm = one(&held([vm]), "vm-7");
        assert_eq!((vm.volume_count, vm.nic_count, vm.snapshot_count), (Some(0), Some(0), Some(0)));
        assert_eq!(vm.storage_provisioned_bytes, Some(0));
    }
}

#[test]
fn home_and_disks_have_their_own_storage_policies() {
    let mut state = state(plain());
    let policy = |id: &str| Key::from(id);
    let applied = Applied { home: Some(policy("gold")), disks: vec![(2000, policy("slow")), (2001, policy("gone"))] };
    assert_eq!(state.set_policies(HashMap::from([(Key::from("vm-42"), applied.clone())])), [Key::from("vm-42")]);
    assert!(state.set_policies(HashMap::from([(Key::from("vm-42"), applied)])).is_empty());
    let seen =
        |state: &State| (one::<Vm>(state, "vm-42").storage_policy_id, one::<Volume>(state, "vm-42").storage_policy_id);
    let ids = (Some(id(Kind::StoragePolicy, "policy/gold")), Some(id(Kind::StoragePolicy, "policy/slow")));
    assert_eq!(seen(&state), ids);
    assert_eq!(state.set_policies(HashMap::new()), [Key::from("vm-42")]);
    assert_eq!(seen(&state), (None, None));
}
