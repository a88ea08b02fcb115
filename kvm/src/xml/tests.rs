//! The typed views against definitions in the shapes that hosts really send, and the tree against any document.

use proptest::prelude::*;

use super::*;

const DOMAIN: &str = include_str!("../../tests/fixtures/domain.xml");
const NETWORKS: &str = include_str!("../../tests/fixtures/networks.xml");
const POOLS: &str = include_str!("../../tests/fixtures/pools.xml");
const CAPABILITIES: &str = include_str!("../../tests/fixtures/capabilities.xml");
const SNAPSHOT: &str = include_str!("../../tests/fixtures/snapshot.xml");

fn domain(devices: &str) -> Result<DomainXml, XmlError> {
    DomainXml::parse(&format!(
        "<domain type='kvm'><name>x</name><uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid><devices>{devices}</devices></domain>"
    ))
}

fn members(collection: &str) -> Vec<String> {
    let document = Document::parse(collection).unwrap();
    document.root().elements().map(ToString::to_string).collect()
}

#[test]
fn a_running_domain_of_every_section() {
    let domain = DomainXml::parse(DOMAIN).unwrap();
    assert_eq!((domain.kind.as_str(), domain.id, domain.name.as_str()), ("kvm", Some(12), "web-01 ü"));
    assert_eq!(domain.title.as_deref(), Some("Web & shop"));
    assert_eq!(domain.description.as_deref(), Some("first line\nsecond <line>"));
    assert_eq!(domain.memory_bytes, Some(4 << 30));
    assert_eq!(domain.memory_current_bytes, Some(3 << 30));
    assert_eq!(domain.memory_max_bytes, Some(16 << 30));
    assert_eq!((domain.vcpu_current_count, domain.vcpu_max_count), (Some(2), Some(8)));
    assert_eq!((domain.vcpu_set.as_deref(), domain.hugepages), (Some("0-3,8"), true));
    assert_eq!(
        (domain.cpu.mode.as_deref(), domain.cpu.sockets, domain.cpu.cores),
        (Some("host-passthrough"), Some(1), Some(4))
    );
    assert_eq!((domain.os_arch.as_deref(), domain.os_machine.as_deref()), (Some("x86_64"), Some("pc-q35-9.0")));
    assert!(domain.firmware.efi && domain.firmware.secure);
    assert_eq!(domain.firmware.nvram.as_deref(), Some("/var/lib/libvirt/qemu/nvram/web-01_VARS.fd"));
    assert_eq!(domain.boot_devices, ["hd", "network"]);
    assert_eq!(domain.os_info_id.as_deref(), Some("http://debian.org/debian/12"));
    let entries: Vec<_> =
        domain.metadata.iter().map(|entry| (entry.namespace.as_deref().unwrap(), entry.name.as_str())).collect();
    assert_eq!(
        entries,
        [("http://libosinfo.org/xmlns/libvirt/domain/1.0", "libosinfo"), ("https://example.org/owner/1", "owner")]
    );
    let on: Vec<_> =
        domain.features.iter().filter(|feature| feature.enabled).map(|feature| feature.name.as_str()).collect();
    assert_eq!(on, ["acpi", "apic", "smm"]);
    assert_eq!(domain.disks.len(), 2);
    let disk = &domain.disks[0];
    assert_eq!(disk.source, Some(DiskSource::File { path: "/var/lib/libvirt/images/web-01.qcow2".to_owned() }));
    assert_eq!(
        (disk.target_dev.as_deref(), disk.target_bus.as_deref(), disk.boot_order),
        (Some("vda"), Some("virtio"), Some(1))
    );
    assert_eq!(
        (disk.cache.as_deref(), disk.io.as_deref(), disk.discard.as_deref()),
        (Some("none"), Some("native"), Some("unmap"))
    );
    assert_eq!((disk.serial.as_deref(), disk.wwn.as_deref()), (Some("WD-1"), Some("5000c50015ea71aa")));
    assert_eq!((disk.readonly, disk.shareable, disk.alias.as_deref()), (false, true, Some("virtio-disk0")));
    let chain: Vec<_> = disk.backing.iter().map(|image| (image.format.as_deref(), image.source.clone())).collect();
    assert_eq!(
        chain,
        [
            (Some("qcow2"), Some(DiskSource::File { path: "/var/lib/libvirt/images/base.qcow2".to_owned() })),
            (Some("raw"), Some(DiskSource::Block { path: "/dev/vg0/golden".to_owned() })),
        ]
    );
    assert_eq!(
        (domain.disks[1].device.as_str(), &domain.disks[1].source, domain.disks[1].readonly),
        ("cdrom", &None, true)
    );
    let nic = &domain.interfaces[0];
    assert_eq!(
        (nic.mac.as_deref(), nic.model.as_deref(), nic.target_dev.as_deref()),
        (Some("52:54:00:ab:cd:ef"), Some("virtio"), Some("vnet3"))
    );
    assert_eq!((nic.filter.as_deref(), nic.mtu_bytes, nic.link_up), (Some("clean-traffic"), Some(9000), false));
    assert_eq!(
        nic.vlan.as_ref().map(|vlan| (vlan.trunk, vlan.tags.clone(), vlan.native_tag)),
        Some((true, vec![42, 47], Some(42)))
    );
    assert_eq!((domain.graphics[0].kind.as_str(), domain.graphics[0].port), ("vnc", Some(5901)));
    assert_eq!((domain.graphics[1].port, domain.graphics[1].autoport), (None, true));
    assert_eq!(domain.graphics[0].listen_address.as_deref(), Some("127.0.0.1"));
    assert_eq!(domain.videos[0].vram_bytes, Some(16 << 20));
    assert_eq!(domain.guest_agent_channel().and_then(|channel| channel.state.as_deref()), Some("connected"));
    assert_eq!(domain.controllers.iter().map(|c| c.kind.as_str()).collect::<Vec<_>>(), ["usb", "scsi"]);
    assert_eq!(domain.host_devices[0].address.as_deref(), Some("0000:06:02.1"));
    assert_eq!(domain.host_devices[1].vendor_id.as_deref(), Some("0x046d"));
    assert_eq!(domain.host_devices[2].address.as_deref(), Some("c2177883-f1bb-47f0-914d-32a22e3a8804"));
    assert_eq!(
        (domain.filesystems[0].driver.as_deref(), domain.filesystems[0].target.as_deref()),
        (Some("virtiofs"), Some("share"))
    );
    assert_eq!(domain.memory_devices[0].size_bytes, Some(1 << 30));
    assert_eq!(domain.tpm.as_ref().and_then(|tpm| tpm.version.as_deref()), Some("2.0"));
    assert_eq!(domain.watchdog.as_ref().and_then(|watchdog| watchdog.action.as_deref()), Some("reset"));
    assert_eq!(
        (domain.balloon_model.as_deref(), domain.rng, domain.launch_security.as_deref()),
        (Some("virtio"), true, Some("sev"))
    );
}

#[test]
fn disk_sources_of_every_kind() {
    let check = |disk: &str, expected: DiskSource| {
        let domain = domain(disk).unwrap_or_else(|e| panic!("{disk}: {e}"));
        assert_eq!(domain.disks[0].source, Some(expected), "{disk}");
    };
    let text = |text: &str| text.to_owned();
    check("<disk type='file'><source file='/a b.img'/></disk>", DiskSource::File { path: text("/a b.img") });
    check("<disk><source file='/a'/></disk>", DiskSource::File { path: text("/a") });
    check("<disk type='block'><source dev='/dev/sdb'/></disk>", DiskSource::Block { path: text("/dev/sdb") });
    check("<disk type='dir'><source dir='/srv/fat'/></disk>", DiskSource::Dir { path: text("/srv/fat") });
    check(
        "<disk type='volume'><source pool='p' volume='v' mode='host'/></disk>",
        DiskSource::Volume { pool: text("p"), volume: text("v"), mode: Some(text("host")) },
    );
    check(
        "<disk type='nvme'><source type='pci' managed='yes' namespace='1'><address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source></disk>",
        DiskSource::Nvme { address: Some(text("0000:01:00.0")), namespace: Some(1), managed: Some(true) },
    );
    check(
        "<disk type='vhostuser'><source type='unix' path='/run/v.sock'/></disk>",
        DiskSource::VhostUser { path: Some(text("/run/v.sock")) },
    );
    check(
        "<disk type='vhostvdpa'><source dev='/dev/vhost-vdpa-0'/></disk>",
        DiskSource::VhostVdpa { device: Some(text("/dev/vhost-vdpa-0")) },
    );
    check("<disk type='quantum'><source q='1'/></disk>", DiskSource::Other { type_name: text("quantum") });

    let check_network = |source: &str, protocol: NetworkProtocol, name: Option<&str>, hosts: &[(&str, Option<u16>)]| {
        let domain = domain(&format!("<disk type='network'>{source}</disk>")).unwrap();
        let Some(DiskSource::Network { protocol: p, name: n, hosts: h, .. }) = &domain.disks[0].source else {
            panic!("{source}: {:?}", domain.disks[0].source)
        };
        let h: Vec<_> = h.iter().map(|host| (host.name.as_deref().unwrap_or_default(), host.port)).collect();
        assert_eq!((p, n.as_deref(), h.as_slice()), (&protocol, name, hosts), "{source}");
    };
    check_network(
        "<source protocol='rbd' name='pool/image'><host name='mon1' port='6789'/><host name='mon2'/><auth username='libvirt'><secret type='ceph' uuid='x'/></auth></source>",
        NetworkProtocol::Rbd,
        Some("pool/image"),
        &[("mon1", Some(6789)), ("mon2", None)],
    );
    check_network(
        "<source protocol='iscsi' name='iqn.2013-07.com.example:iscsi/2'><host name='10.0.0.1' port='3260'/></source>",
        NetworkProtocol::Iscsi,
        Some("iqn.2013-07.com.example:iscsi/2"),
        &[("10.0.0.1", Some(3260))],
    );
    check_network(
        "<source protocol='nfs' name='/a'><host name='n'/></source>",
        NetworkProtocol::Nfs,
        Some("/a"),
        &[("n", None)],
    );
    check_network(
        "<source protocol='nbd' tls='yes'><host name='n' port='10809'/></source>",
        NetworkProtocol::Nbd,
        None,
        &[("n", Some(10809))],
    );
    check_network(
        "<source protocol='http' name='i.iso' query='a=1&amp;b=2'><host name='h'/></source>",
        NetworkProtocol::Http,
        Some("i.iso"),
        &[("h", None)],
    );
    check_network(
        "<source protocol='https' name='i.iso'><host name='h'/></source>",
        NetworkProtocol::Https,
        Some("i.iso"),
        &[("h", None)],
    );
    check_network(
        "<source protocol='ssh' name='i'><host name='h'/></source>",
        NetworkProtocol::Ssh,
        Some("i"),
        &[("h", None)],
    );
    check_network(
        "<source protocol='gluster' name='v/i'><host name='g' transport='rdma'/></source>",
        NetworkProtocol::Gluster,
        Some("v/i"),
        &[("g", None)],
    );
    check_network("<source protocol='warp'/>", NetworkProtocol::Other("warp".to_owned()), None, &[]);
}

#[test]
fn interfaces_of_every_kind() {
    let check = |interface: &str, expected: InterfaceSource| {
        let domain = domain(interface).unwrap_or_else(|e| panic!("{interface}: {e}"));
        assert_eq!(domain.interfaces[0].source, expected, "{interface}");
    };
    let text = |text: &str| Some(text.to_owned());
    check(
        "<interface type='network'><source network='default' portgroup='eng' portid='1' bridge='virbr0'/></interface>",
        InterfaceSource::Network {
            network: "default".to_owned(),
            portgroup: text("eng"),
            bridge: text("virbr0"),
            port_id: text("1"),
        },
    );
    check(
        "<interface type='bridge'><source bridge='br0'/></interface>",
        InterfaceSource::Bridge { bridge: "br0".to_owned() },
    );
    check(
        "<interface type='direct'><source dev='eth0' mode='vepa'/></interface>",
        InterfaceSource::Direct { dev: text("eth0"), mode: text("vepa") },
    );
    check("<interface type='user'/>", InterfaceSource::User { backend: None });
    check(
        "<interface type='user'><backend type='passt'/></interface>",
        InterfaceSource::User { backend: text("passt") },
    );
    check("<interface type='ethernet'><target dev='tap7'/></interface>", InterfaceSource::Ethernet);
    check(
        "<interface type='hostdev' managed='yes'><source><address type='pci' domain='0x0' bus='0x3' slot='0x10' function='0x2'/></source></interface>",
        InterfaceSource::Hostdev { pci_address: text("0000:03:10.2"), managed: Some(true) },
    );
    check(
        "<interface type='vhostuser'><source type='unix' path='/s' mode='client'/></interface>",
        InterfaceSource::VhostUser { path: text("/s"), mode: text("client") },
    );
    check(
        "<interface type='vdpa'><source dev='/dev/vhost-vdpa-0'/></interface>",
        InterfaceSource::Vdpa { dev: text("/dev/vhost-vdpa-0") },
    );
    check(
        "<interface type='mcast'><source address='230.0.0.1' port='5558'/></interface>",
        InterfaceSource::Mcast { address: text("230.0.0.1"), port: Some(5558) },
    );
    check(
        "<interface type='server'><source address='192.168.0.1' port='5558'/></interface>",
        InterfaceSource::Server { address: text("192.168.0.1"), port: Some(5558) },
    );
    check(
        "<interface type='client'><source address='192.168.0.1' port='5558'/></interface>",
        InterfaceSource::Client { address: text("192.168.0.1"), port: Some(5558) },
    );
    check(
        "<interface type='udp'><source address='127.0.0.1' port='11115'><local address='127.0.0.1' port='11116'/></source></interface>",
        InterfaceSource::Udp {
            address: text("127.0.0.1"),
            port: Some(11115),
            local_address: text("127.0.0.1"),
            local_port: Some(11116),
        },
    );
    check("<interface type='internal'><source name='sw'/></interface>", InterfaceSource::Internal { name: text("sw") });
    check("<interface type='null'/>", InterfaceSource::Null);
    check(
        "<interface type='vds'><source switchid='12' portid='77' portgroupid='dvportgroup-1' connectionid='5'/></interface>",
        InterfaceSource::Vds { switch_id: text("12"), portgroup_id: text("dvportgroup-1"), port_id: text("77") },
    );
    check("<interface type='telepathy'/>", InterfaceSource::Other { type_name: "telepathy".to_owned() });
}

#[test]
fn networks_of_every_forward_mode() {
    let networks: Vec<NetworkXml> = members(NETWORKS).iter().map(|xml| NetworkXml::parse(xml).unwrap()).collect();
    let modes: Vec<_> = networks.iter().map(|network| (network.name.as_str(), &network.forward)).collect();
    assert_eq!(
        modes,
        [
            ("default", &ForwardMode::Nat),
            ("lonely", &ForwardMode::Isolated),
            ("routed", &ForwardMode::Route),
            ("open", &ForwardMode::Open),
            ("ovs", &ForwardMode::Bridge),
            ("macvtap", &ForwardMode::Private),
            ("vepa", &ForwardMode::Vepa),
            ("through", &ForwardMode::Passthrough),
            ("sriov", &ForwardMode::Hostdev),
        ]
    );
    let default = &networks[0];
    assert_eq!(
        (default.bridge.as_deref(), default.mac.as_deref(), default.domain.as_deref()),
        (Some("virbr0"), Some("52:54:00:ff:04:12"), Some("lab.example"))
    );
    assert_eq!(
        (default.ips[0].address.as_deref(), default.ips[0].prefix, default.ips[0].ipv6),
        (Some("192.168.122.1"), Some(24), false)
    );
    assert_eq!((default.ips[1].prefix, default.ips[1].ipv6), (Some(64), true));
    assert_eq!(default.ips[0].dhcp_ranges[0].start, "192.168.122.2");
    assert_eq!(default.ips[0].static_hosts[0].mac.as_deref(), Some("00:16:3e:77:e2:ed"));
    let ovs = &networks[4];
    assert_eq!(ovs.virtual_port.as_ref().and_then(|port| port.kind.as_deref()), Some("openvswitch"));
    assert_eq!(
        ovs.portgroups.iter().map(|group| (group.name.as_str(), group.default)).collect::<Vec<_>>(),
        [("native", true), ("vlan42", false)]
    );
    assert_eq!(ovs.portgroups[1].vlan.as_ref().map(|vlan| vlan.tags.clone()), Some(vec![42]));
    assert_eq!(networks[5].forward_devices, ["eth1", "eth2"]);
    assert_eq!(networks[8].forward_pci_addresses, ["0000:04:00.1"]);
}

#[test]
fn pools_of_every_type() {
    let pools: Vec<PoolXml> = members(POOLS).iter().map(|xml| PoolXml::parse(xml).unwrap()).collect();
    let shapes: Vec<_> = pools
        .iter()
        .map(|pool| {
            let source = &pool.source;
            let host = source.hosts.first().map(|host| host.name.as_str());
            let place = source.dir.as_deref().or(source.name.as_deref()).or(source.devices.first().map(String::as_str));
            (pool.kind.as_str(), host, place, pool.target_path.as_deref(), pool.is_shareable())
        })
        .collect();
    assert_eq!(
        shapes,
        [
            ("dir", None, None, Some("/var/lib/libvirt/images"), false),
            ("fs", None, Some("/dev/VolGroup00/VirtImages"), Some("/mnt/fs"), false),
            ("netfs", Some("nas.example"), Some("/export/vms"), Some("/mnt/nas"), true),
            ("logical", None, Some("vg0"), Some("/dev/vg0"), false),
            ("disk", None, Some("/dev/sdb"), Some("/dev"), false),
            ("iscsi", Some("iscsi.example"), Some("iqn.2010-05.com.example:disk1"), Some("/dev/disk/by-path"), true),
            ("iscsi-direct", Some("iscsi.example"), Some("iqn.2010-05.com.example:disk2"), None, true),
            ("scsi", None, None, Some("/dev/disk/by-path"), true),
            ("mpath", None, None, Some("/dev/mapper"), true),
            ("rbd", Some("mon1"), Some("rbdpool"), None, true),
            ("sheepdog", Some("sheep"), Some("sheeppool"), None, true),
            ("gluster", Some("gl"), Some("/"), None, true),
            ("zfs", None, Some("tank"), None, false),
            ("vstorage", None, Some("cluster"), Some("/mnt/vs"), true),
        ]
    );
    assert_eq!((pools[0].capacity_bytes, pools[0].available_bytes), (Some(4_306_780_815_360), Some(1 << 40)));
    assert_eq!(pools[9].source.auth_user.as_deref(), Some("admin"));
    assert_eq!(pools[9].source.hosts.len(), 2);
    assert_eq!(pools[7].source.adapter.as_deref(), Some("scsi_host1"));
    assert_eq!(pools[6].source.initiator.as_deref(), Some("iqn.2010-05.com.example:iscsi-initiator"));
}

#[test]
fn volumes_snapshots_checkpoints_filters_capabilities() {
    let volume = VolumeXml::parse(
        "<volume type='file'><name>o.qcow2</name><key>/p/o.qcow2</key><source></source><capacity unit='bytes'>10737418240</capacity>\
         <allocation unit='KiB'>2</allocation><physical unit='bytes'>196616</physical><target><path>/p/o.qcow2</path><format type='qcow2'/></target>\
         <backingStore><path>/p/base.img</path><format type='raw'/></backingStore></volume>",
    )
    .unwrap();
    assert_eq!(
        (volume.capacity_bytes, volume.allocation_bytes, volume.physical_bytes),
        (Some(10 << 30), Some(2048), Some(196_616))
    );
    assert_eq!(volume.backing.as_ref().and_then(|backing| backing.path.as_deref()), Some("/p/base.img"));

    let snapshot = SnapshotXml::parse(SNAPSHOT).unwrap();
    assert_eq!(
        (snapshot.name.as_str(), snapshot.parent.as_deref(), snapshot.state.as_deref()),
        ("before-upgrade", Some("clean"), Some("running"))
    );
    assert_eq!((snapshot.created_unix_seconds, snapshot.memory.as_deref()), (Some(1_700_000_000), Some("external")));
    assert_eq!(snapshot.disks[0].source, Some(DiskSource::File { path: "/p/o.before-upgrade".to_owned() }));
    assert_eq!(snapshot.domain.as_ref().map(|domain| domain.name.as_str()), Some("web"));
    let old = SnapshotXml::parse(
        "<domainsnapshot><name>old</name><domain><uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid></domain></domainsnapshot>",
    );
    assert_eq!(old.unwrap().domain, None);

    let checkpoint = CheckpointXml::parse(
        "<domaincheckpoint><name>c2</name><parent><name>c1</name></parent><creationTime>5</creationTime><disks>\
         <disk name='vda' checkpoint='bitmap' bitmap='c2'/><disk name='vdb' checkpoint='no'/></disks></domaincheckpoint>",
    )
    .unwrap();
    assert_eq!(
        (checkpoint.parent.as_deref(), checkpoint.bitmaps),
        (Some("c1"), vec![("vda".to_owned(), Some("c2".to_owned()))])
    );

    let filter = NwfilterXml::parse(
        "<filter name='clean-traffic' chain='root' priority='-700'><uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>\
         <filterref filter='no-mac-spoofing'/><rule action='drop' direction='inout' priority='500'/></filter>",
    )
    .unwrap();
    assert_eq!(
        (filter.priority, filter.references, filter.rule_count),
        (Some(-700), vec!["no-mac-spoofing".to_owned()], 1)
    );

    let capabilities = CapabilitiesXml::parse(CAPABILITIES).unwrap();
    assert_eq!(
        capabilities.host_uuid.map(|uuid| uuid.to_string()).as_deref(),
        Some("4c4c4544-0051-3910-8037-b4c04f4e3432")
    );
    assert_eq!(
        (capabilities.cpu_model.as_deref(), capabilities.cpu_vendor.as_deref()),
        (Some("Skylake-Server-IBRS"), Some("Intel"))
    );
    assert_eq!(capabilities.topology.as_ref().map(|t| (t.sockets, t.cores, t.threads)), Some((2, 20, 2)));
    assert_eq!((capabilities.numa_node_count, capabilities.numa_memory_bytes), (2, Some(2 * 196_608_000 * 1024)));
    assert!(capabilities.has_kvm() && capabilities.iommu && capabilities.migration_live);
    assert_eq!(
        capabilities.guests[0].machines,
        ["pc-q35-9.0", "q35", "pc-i440fx-9.0", "pc"].map(str::to_owned).to_vec()
    );

    let sysinfo = SysinfoXml::parse(
        "<sysinfo type='smbios'><bios><entry name='version'>2.1</entry></bios><system><entry name='manufacturer'>Dell Inc.</entry>\
         <entry name='uuid'>Not Settable</entry></system><processor><entry name='version'>Xeon</entry></processor></sysinfo>",
    )
    .unwrap();
    assert_eq!(
        (sysinfo.manufacturer.as_deref(), sysinfo.uuid, sysinfo.processor.as_deref()),
        (Some("Dell Inc."), None, Some("Xeon"))
    );
}

#[test]
fn what_is_wrong_is_said() {
    let check = |xml: &str, part: &str| {
        let error = DomainXml::parse(xml).expect_err(xml).to_string();
        assert!(error.contains(part), "{xml}: {error}");
    };
    let uuid = "<uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>";
    check("", "no element");
    check("<domain>", "not closed");
    check("<domain></network>", "well-formed");
    check("<network/>", "expected <domain>");
    check("<domain><uuid>x</uuid></domain>", "name is missing");
    check("<domain><name>a</name></domain>", "uuid is missing");
    check("<domain><name>a</name><uuid>x</uuid></domain>", "not a UUID");
    check(&format!("<domain><name>a</name>{uuid}<memory unit='parsec'>1</memory></domain>"), "not a unit");
    check(&format!("<domain><name>a</name>{uuid}<vcpu>many</vcpu></domain>"), "not a number");
    check(&format!("<domain><name>a</name>{uuid}<vcpu>-1</vcpu></domain>"), "not a number");
    check("<!DOCTYPE d [<!ENTITY a 'b'>]><domain/>", "document type");
    check("<domain><name>&a;</name></domain>", "entity");
    check("<domain a='&a;'/>", "entity");
    check("<domain a='1' a='2'/>", "well-formed");
    check("<domain/><domain/>", "second root");
    check("text<domain/>", "outside the root");
    check("<domain>&</domain>", "well-formed");
    check(&"<a>".repeat(XML_DEPTH_MAX + 1), "deeper");
    assert_eq!(Document::parse(&" ".repeat(XML_BYTES_MAX + 1)), Err(XmlError::TooLarge { bytes: XML_BYTES_MAX + 1 }));
    assert_eq!(Document::parse_bytes(b"<a>\xff</a>"), Err(XmlError::NotUtf8 { offset: 3 }));
    assert_eq!(Document::parse(&format!("<a>{}</a>", "<b/>".repeat(XML_NODES_MAX))), Err(XmlError::TooManyNodes));
}

#[test]
fn fixtures_go_round_byte_for_byte() {
    for text in [DOMAIN, NETWORKS, POOLS, CAPABILITIES, SNAPSHOT] {
        assert_eq!(Document::parse(text).unwrap().to_string(), text);
    }
}

#[test]
fn an_edit_changes_only_what_it_touches() {
    let text = "<?xml version='1.0'?>\n<!-- top -->\n<domain  type = \"kvm\" >\n  <name>a</name>\n  <devices>\n    <disk/>\n    <!-- d -->\n    \
                <x:y xmlns:x=\"urn:x\" x:z='1'>&#x41;<![CDATA[<&>]]></x:y >\n  </devices>\n</domain>\n";
    let mut document = Document::parse(text).unwrap();
    assert_eq!(document.root().at("devices/x:y").map(Element::text).as_deref(), Some("A<&>"));
    let root = document.root_mut();
    root.at_mut("devices/disk").unwrap().set_attribute("device", "a'b\"<\n>").unwrap();
    root.child_mut("name").unwrap().set_text("b & c").unwrap();
    let mut disk = Element::new("disk").unwrap();
    disk.push(Element::new("target").unwrap());
    root.child_mut("devices").unwrap().push(disk);
    let expected = text
        .replace("<name>a</name>", "<name>b &amp; c</name>")
        .replace("<disk/>", "<disk device='a&apos;b&quot;&lt;&#10;&gt;'/>")
        .replace("</x:y >\n", "</x:y >\n    <disk><target/></disk>\n");
    assert_eq!(document.to_string(), expected);
    let again = Document::parse(&expected).unwrap();
    assert_eq!(again.root().at("devices/disk").and_then(|disk| disk.attribute("device")), Some("a'b\"<\n>"));

    document.root_mut().child_mut("devices").unwrap().retain_elements(|element| element.name() != "disk");
    assert!(!document.to_string().contains("<disk"));
    assert!(document.to_string().contains("<!-- d -->"));
    assert!(document.root_mut().remove_attribute("type") && !document.root_mut().remove_attribute("type"));
    assert!(Element::new("a b").is_err() && Element::new("").is_err() && Element::new("1a").is_err());
    assert!(document.root_mut().set_attribute("x", "\u{1}").is_err());
    assert!(document.root_mut().child_mut("name").unwrap().set_text("\0").is_err());
}

#[test]
fn metadata_is_found_by_its_namespace_and_replaced_in_place() {
    let mut document = Document::parse(
        "<domain xmlns:o='urn:outer'><metadata><o:a>1</o:a><b xmlns='urn:b'>2</b><p:c xmlns:p='urn:c'>3</p:c></metadata></domain>",
    )
    .unwrap();
    for (uri, text) in [("urn:outer", "1"), ("urn:b", "2"), ("urn:c", "3")] {
        assert_eq!(document.metadata(uri).map(Element::text).as_deref(), Some(text), "{uri}");
    }
    assert!(document.metadata("urn:none").is_none());
    let entry = |text: &str| Document::parse(text).unwrap().root().clone();
    document.set_metadata("urn:b", Some(entry("<q:b xmlns:q='urn:b'>new</q:b>"))).unwrap();
    document.set_metadata("urn:outer", None).unwrap();
    document.set_metadata("urn:d", Some(entry("<d xmlns='urn:d'/>"))).unwrap();
    assert_eq!(
        document.root().child("metadata").map(ToString::to_string).as_deref(),
        Some("<metadata><q:b xmlns:q='urn:b'>new</q:b><p:c xmlns:p='urn:c'>3</p:c><d xmlns='urn:d'/></metadata>")
    );
    assert!(document.set_metadata("urn:e", Some(entry("<e/>"))).is_err(), "the namespace must be declared");
    let mut bare = Document::parse("<domain/>").unwrap();
    bare.set_metadata("urn:d", None).unwrap();
    assert_eq!(bare.to_string(), "<domain/>");
    bare.set_metadata("urn:d", Some(entry("<d xmlns='urn:d'/>"))).unwrap();
    assert_eq!(bare.to_string(), "<domain><metadata><d xmlns='urn:d'/></metadata></domain>");
}

/// A piece of XML text: an element with attributes and children, as a host or a person might write it.
fn any_element() -> impl Strategy<Value = String> {
    let name = "[a-z][a-z0-9_-]{0,6}(:[a-z]{1,4})?";
    let value = "([ -%'-;=?-~äß€]|&amp;|&lt;|&#10;){0,8}";
    let attributes = prop::collection::btree_map(name, value.prop_map(|v: String| v.replace('"', "")), 0..3)
        .prop_map(|map| map.into_iter().map(|(name, value)| format!(" {name}=\"{value}\"")).collect::<String>());
    let text = "([ -%'-;=?-~\n\täß€]|&amp;|&lt;|&gt;|&#x41;){0,10}".prop_map(|text: String| text.replace("]]>", ""));
    let leaf = prop_oneof![
        4 => text,
        1 => Just("<!-- c < & -->".to_owned()),
        1 => Just("<![CDATA[ <&] ]]>".to_owned()),
        1 => Just("<?pi x?>".to_owned()),
        2 => (name, attributes.clone()).prop_map(|(name, attributes)| format!("<{name}{attributes} />")),
    ];
    let tree = leaf.prop_recursive(4, 32, 4, move |inner| {
        (name, attributes.clone(), prop::collection::vec(inner, 0..4))
            .prop_map(|(name, attributes, inner)| format!("<{name}{attributes}>{}</{name}>", inner.concat()))
    });
    tree.prop_map(|inner| format!("<root>{inner}</root>"))
}

proptest! {
    #[test]
    fn any_document_goes_round_byte_for_byte(text in any_element()) {
        let document = Document::parse(&text).map_err(|e| TestCaseError::fail(format!("{text}: {e}")))?;
        prop_assert_eq!(document.to_string(), text);
    }

    #[test]
    fn what_is_set_is_what_is_read(text in "[ -~\n\täß€]{0,20}", value in "[ -~\n\t\rß]{0,20}") {
        let mut document = Document::parse("<a><b/></a>").map_err(|e| TestCaseError::fail(e.to_string()))?;
        let element = document.root_mut().child_or_insert("b");
        element.set_text(&text).map_err(|e| TestCaseError::fail(e.to_string()))?;
        element.set_attribute("v", &value).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let again = Document::parse(&document.to_string()).map_err(|e| TestCaseError::fail(format!("{document}: {e}")))?;
        let element = again.root().child("b").ok_or_else(|| TestCaseError::fail("b is lost"))?;
        prop_assert_eq!(element.text(), text.trim());
        prop_assert_eq!(element.attribute("v"), Some(value.as_str()));
    }

    #[test]
    fn any_text_is_answered(text in "(<|>|/|&|a|'|\"| |=|!|-|\\[|\\]|CDATA|\\?|xml|;|#){0,24}") {
        if let Ok(document) = Document::parse(&text) {
            prop_assert_eq!(&document.to_string(), &text);
        }
        let _ = DomainXml::parse(&format!("<domain>{text}</domain>"));
    }
}
