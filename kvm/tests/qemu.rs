//! The client against real private libvirtd and QEMU, with virsh as the independent reader.

mod lab;

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use kvm::{
    AddressSource, CloseReason, ConnectUri, DomainChange, DomainLifecycle, DomainState, Error, Event, EventStream,
    Host, HostOptions, KeepAlive, LaneKind, NetworkChange, PoolChange, PoolState, StatsGroups,
};
use lab::{Frozen, LIMIT, Lab, LabHost};
use uuid::Uuid;

/// Host 0 is read and changed; host 1 is made to hang and to die; host 2's guests are made to hang.
fn lab() -> &'static Lab {
    static LAB: OnceLock<Lab> = OnceLock::new();
    LAB.get_or_init(|| Lab::start("kvmt", 3, 2))
}

fn uuid_of(host: &LabHost, guest: usize) -> Uuid {
    host.guests[guest].1.parse().expect("a UUID")
}

/// Waits for an event that `wanted` accepts.
async fn wait_for(events: &mut EventStream, what: &str, mut wanted: impl FnMut(&Event) -> bool) -> Event {
    let found = async {
        while let Some(event) = events.next().await {
            if wanted(&event) {
                return Some(event);
            }
        }
        None
    };
    match tokio::time::timeout(LIMIT, found).await {
        Ok(Some(event)) => event,
        Ok(None) => panic!("the stream ended before {what}"),
        Err(_) => panic!("no {what} within {LIMIT:?}"),
    }
}

fn lifecycle(event: &Event, wanted: Uuid, wanted_kind: DomainLifecycle) -> bool {
    matches!(event, Event::Domain { uuid, change: DomainChange::Lifecycle { kind, .. }, .. } if (*uuid, *kind) == (wanted, wanted_kind))
}

#[tokio::test]
async fn every_object_is_what_virsh_says() {
    let at = &lab().hosts[0];
    let host = at.connect();
    let about = host.describe(LIMIT).await.unwrap();
    assert_eq!(about.uuid.map(|uuid| uuid.to_string()), Some(at.host_uuid.clone()));
    assert_eq!(
        (about.driver_name.as_str(), about.hostname.clone()),
        ("QEMU", at.virsh(&["hostname"]).trim().to_owned())
    );
    assert!(about.hypervisor_version.is_some_and(|version| version.major >= 5));
    let memory = about.memory.as_ref().expect("QEMU hosts know");
    assert!(memory.total_bytes > memory.free_bytes && about.node.cpu_count > 0);
    let capabilities = about.capabilities().unwrap();
    assert!(
        capabilities
            .guests
            .iter()
            .any(|guest| guest.arch == "x86_64" && guest.os_type == "hvm" && !guest.machines.is_empty())
    );

    let domains = host.domains(LIMIT).await.unwrap();
    assert!(domains.failed.is_empty(), "{:?}", domains.failed);
    for (name, uuid) in &at.guests {
        let domain = domains.items.iter().find(|domain| domain.name == *name).expect("each guest");
        assert_eq!(domain.uuid.to_string(), *uuid);
        assert_eq!(domain.persistent, at.virsh(&["dominfo", name]).contains("Persistent:     yes"));
        let definition = domain.definition().unwrap();
        assert_eq!(definition.kind, "qemu");
        if *name == at.guests[0].0 {
            // The other guest is changed by another test meanwhile.
            assert_eq!(at.virsh(&["dumpxml", uuid]).trim(), domain.xml.trim());
            assert_eq!(
                at.virsh(&["dumpxml", "--inactive", uuid]).trim(),
                domain.xml_inactive.as_deref().unwrap().trim()
            );
        }
        assert_eq!(definition.uuid, domain.uuid);
        assert_eq!(definition.interfaces.len(), at.virsh_lines(&["domiflist", name]).len());
        let targets: BTreeSet<&str> = definition.disks.iter().filter_map(|disk| disk.target_dev.as_deref()).collect();
        let listed = at.virsh_lines(&["domblklist", name]);
        assert_eq!(targets, listed.iter().filter_map(|line| line.split_whitespace().next()).collect());
    }

    let networks = host.networks(LIMIT).await.unwrap();
    assert!(networks.failed.is_empty());
    let names: BTreeSet<String> = networks.items.iter().map(|network| network.name.clone()).collect();
    assert!(names.contains(&at.network));
    for network in &networks.items {
        assert_eq!(at.virsh(&["net-dumpxml", &network.uuid.to_string()]).trim(), network.xml.trim());
        assert_eq!(network.definition().unwrap().name, network.name);
    }

    let pools = host.pools(LIMIT).await.unwrap();
    assert!(pools.failed.is_empty());
    let pool = pools.items.iter().find(|pool| pool.name == at.pool).expect("the laboratory's pool");
    assert_eq!(pool.usage.state, PoolState::Running);
    assert!(pool.usage.capacity_bytes > 0);
    assert_eq!(pool.definition().unwrap().kind, "dir");
    let volumes = pool.volumes.as_ref().expect("a running pool has a list");
    let names: BTreeSet<String> = volumes.iter().map(|volume| volume.name.clone()).collect();
    let overlay =
        volumes.iter().find(|volume| volume.name == format!("{}.qcow2", at.guests[0].0)).expect("a guest's disk");
    let definition = overlay.definition().unwrap();
    assert_eq!((definition.format.as_deref(), definition.capacity_bytes), (Some("qcow2"), Some(1 << 30)));
    assert!(definition.backing.is_some_and(|backing| backing.path.is_some_and(|path| path.contains("base"))));
    assert!(names.len() > at.guests.len(), "{names:?}");

    let filters = host.nwfilters(LIMIT).await.unwrap();
    let listed = at.virsh_lines(&["nwfilter-list"]);
    assert_eq!(filters.items.len(), listed.len(), "{listed:?}");
    for filter in &filters.items {
        assert_eq!(filter.definition().unwrap().uuid, filter.uuid);
    }
}

#[tokio::test]
async fn a_change_made_by_virsh_is_told_and_then_read() {
    let at = &lab().hosts[0];
    let host = at.connect();
    let mut events = host.events(256, LIMIT).await.unwrap();
    let (name, uuid) = (&at.guests[1].0, uuid_of(at, 1));
    at.virsh(&["suspend", name]);
    wait_for(&mut events, "suspended", |event| lifecycle(event, uuid, DomainLifecycle::Suspended)).await;
    let domain = host.domain(uuid, LIMIT).await.unwrap().unwrap();
    assert_eq!((domain.state, domain.reason.name), (DomainState::Paused, "user"));
    at.virsh(&["resume", name]);
    wait_for(&mut events, "resumed", |event| lifecycle(event, uuid, DomainLifecycle::Resumed)).await;
    assert_eq!(host.domain(uuid, LIMIT).await.unwrap().unwrap().state, DomainState::Running);

    at.virsh(&["metadata", name, "urn:kvmt", "--key", "t", "--set", "<owner>me</owner>", "--live", "--config"]);
    wait_for(&mut events, "metadata", |event| {
        matches!(event, Event::Domain { change: DomainChange::Metadata { namespace }, .. } if namespace.as_deref() == Some("urn:kvmt"))
    })
    .await;
    let definition = host.domain(uuid, LIMIT).await.unwrap().unwrap().definition().unwrap();
    assert!(
        definition
            .metadata
            .iter()
            .any(|entry| entry.namespace.as_deref() == Some("urn:kvmt") && entry.xml.contains("me"))
    );

    // A device comes and goes; the pool gets a volume that libvirt did not make.
    let network = format!("<network><name>{}x</name></network>", at.network);
    let file = std::path::Path::new(&at.dir).join("kvmt-net.xml");
    std::fs::write(&file, network).unwrap();
    at.virsh(&["net-define", file.to_str().unwrap()]);
    wait_for(&mut events, "network", |event| matches!(event, Event::Network { change: NetworkChange::Defined, .. }))
        .await;
    at.virsh(&["net-undefine", &format!("{}x", at.network)]);
    wait_for(&mut events, "network", |event| matches!(event, Event::Network { change: NetworkChange::Undefined, .. }))
        .await;

    std::fs::write(std::path::Path::new(&at.dir).join("lib/images/kvmt-late.img"), vec![0_u8; 4096]).unwrap();
    let pool = host.pools(LIMIT).await.unwrap().items.into_iter().find(|pool| pool.name == at.pool).unwrap();
    assert!(host.refresh_pool(pool.uuid, LIMIT).await.unwrap());
    wait_for(&mut events, "refresh", |event| matches!(event, Event::Pool { change: PoolChange::Refreshed, .. })).await;
    let pool = host.pool(pool.uuid, LIMIT).await.unwrap().unwrap();
    assert!(pool.volumes.unwrap().iter().any(|volume| volume.name == "kvmt-late.img"));
}

#[tokio::test]
async fn leases_addresses_and_statistics_of_a_guest() {
    let at = &lab().hosts[0];
    let host = at.connect();
    let uuid = uuid_of(at, 0);
    let started = Instant::now();
    let address = loop {
        let network = host.networks(LIMIT).await.unwrap().items.into_iter().find(|n| n.name == at.network).unwrap();
        let macs: BTreeSet<String> = host
            .domain(uuid, LIMIT)
            .await
            .unwrap()
            .unwrap()
            .definition()
            .unwrap()
            .interfaces
            .into_iter()
            .filter_map(|interface| interface.mac)
            .collect();
        let lease = network
            .leases
            .unwrap_or_default()
            .into_iter()
            .find(|l| l.mac.as_ref().is_some_and(|mac| macs.contains(mac)));
        if let Some(lease) = lease {
            assert!(lease.expires_unix_seconds.is_some() && !lease.ipv6 && lease.prefix == 24, "{lease:?}");
            break lease.address;
        }
        assert!(started.elapsed() < Duration::from_secs(180), "the guest gets no address");
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    let interfaces = host.addresses(uuid, AddressSource::Lease, LIMIT).await.unwrap().expect("a running guest");
    assert!(
        interfaces.iter().any(|interface| interface.addresses.iter().any(|a| a.address == address)),
        "{interfaces:?}"
    );
    // These guests have no agent: nothing, not an error.
    assert_eq!(host.addresses(uuid, AddressSource::Agent, LIMIT).await.unwrap(), None);

    let stats = host.domain_stats(StatsGroups::ALL, LIMIT).await.unwrap();
    let stats = stats.iter().find(|stats| stats.uuid == uuid).expect("the guest");
    assert_eq!(stats.state, Some(DomainState::Running));
    assert!(stats.cpu_time_ns > Some(0) && stats.balloon_current_bytes >= Some(64 << 20), "{stats:?}");
    assert!(stats.interfaces[0].name.is_some() && stats.interfaces[0].rx_packets.is_some(), "{stats:?}");
    assert_eq!(stats.disks[0].capacity_bytes, Some(1 << 30), "{stats:?}");
    let (memory, time) = host.node_stats(LIMIT).await.unwrap();
    assert!(memory.is_some() && time.is_some_and(|time| time.user_ns.is_some()));
}

#[tokio::test]
async fn odd_domains_are_read() {
    let at = &lab().hosts[0];
    let host = at.connect();
    let prefix = &at.network;
    let (transient, saved) = (
        Uuid::from_u128(0x6b76_6d74_0000_4000_8000_0000_0000_00a1),
        Uuid::from_u128(0x6b76_6d74_0000_4000_8000_0000_0000_00a2),
    );
    let (first, second) =
        (domain_xml(&format!("{prefix}-transient"), transient), domain_xml(&format!("{prefix}-säved"), saved));
    host.run(LaneKind::Command, "start a transient domain", LIMIT, move |c| {
        c.create_transient_domain(&first).map(drop)
    })
    .await
    .unwrap();
    host.run(LaneKind::Command, "save a domain", LIMIT, move |c| {
        let domain = c.define_domain(&second)?;
        domain.start()?;
        domain.managed_save()
    })
    .await
    .unwrap();
    let domain = host.domain(transient, LIMIT).await.unwrap().unwrap();
    assert_eq!((domain.persistent, domain.state, domain.xml_inactive.is_some()), (false, DomainState::Running, false));
    assert_eq!(domain.definition().unwrap().title.as_deref(), Some("Ünï & cöde"));
    let domain = host.domain(saved, LIMIT).await.unwrap().unwrap();
    assert_eq!((domain.state, domain.reason.name, domain.managed_save), (DomainState::ShutOff, "saved", Some(true)));
    assert!(domain.name.ends_with("-säved") && !domain.name_lossy);

    host.run(LaneKind::Command, "clean up", LIMIT, move |c| {
        c.domain(transient)?.destroy()?;
        c.domain(saved)?.undefine()
    })
    .await
    .unwrap();
    assert!(host.domain(transient, LIMIT).await.unwrap().is_none(), "a transient domain ends with its stop");
    assert!(host.domain(saved, LIMIT).await.unwrap().is_none());
}

/// A machine that starts (and finds nothing to boot from).
fn domain_xml(name: &str, uuid: Uuid) -> String {
    format!(
        "<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid><title>Ünï &amp; cöde</title><memory unit='MiB'>32</memory>\
         <vcpu>1</vcpu><os><type arch='x86_64' machine='pc'>hvm</type></os><devices/></domain>"
    )
}

/// A handle that gives up soon.
fn impatient(uri: &str) -> Host {
    let mut options = HostOptions::default();
    options.keep_alive = KeepAlive { interval: Duration::from_secs(1), count: 3 };
    Host::with_options(ConnectUri::parse(uri).expect("a URI that is allowed"), None, options)
}

#[tokio::test]
async fn a_hung_host_delays_nobody_and_comes_back() {
    let (well, ill) = (&lab().hosts[0], &lab().hosts[1]);
    let other = well.connect();
    let host = impatient(&ill.uri);
    host.domains(LIMIT).await.unwrap();
    let mut events = host.events(16, LIMIT).await.unwrap();
    let limit = Duration::from_millis(700);
    {
        let _frozen = Frozen::new(lab().libvirtd(1));
        // An open connection: the call does not return in time, and says so then.
        let started = Instant::now();
        let error = host.domains(limit).await.unwrap_err();
        assert!(matches!(error, Error::Deadline { begun: true, .. }), "{error:?}");
        assert!(started.elapsed() < LIMIT, "{:?}", started.elapsed());
        // A fresh handle: opening hangs, and gets stuck at its bound.
        let fresh = impatient(&ill.uri);
        for _ in 0..2 {
            assert!(matches!(fresh.ping(LaneKind::Inventory, limit).await, Err(Error::Deadline { begun: true, .. })));
        }
        let started = Instant::now();
        let error = fresh.domains(LIMIT).await.unwrap_err();
        assert!(matches!(error, Error::Stuck { hanging: 2, .. }), "{error:?}");
        assert!(started.elapsed() < LIMIT / 2, "not at its limit: {:?}", started.elapsed());
        // Meanwhile the other host: an open connection, a fresh one, events, all as if nothing were.
        let started = Instant::now();
        let reading = async {
            assert!(!other.domains(LIMIT).await.unwrap().items.is_empty());
            let second = well.connect();
            assert!(!second.domains(LIMIT).await.unwrap().items.is_empty());
            let uuid = Uuid::from_u128(0x6b76_6d74_0000_4000_8000_0000_0000_00a3);
            let xml = domain_xml(&format!("{}-other", well.network), uuid);
            let mut events = second.events(16, LIMIT).await.unwrap();
            second.run(LaneKind::Command, "define", LIMIT, move |c| c.define_domain(&xml).map(drop)).await.unwrap();
            wait_for(&mut events, "defined", |event| lifecycle(event, uuid, DomainLifecycle::Defined)).await;
            second.run(LaneKind::Command, "undefine", LIMIT, move |c| c.domain(uuid)?.undefine()).await.unwrap();
        };
        reading.await;
        eprintln!("the other host took {:?}", started.elapsed());
        // The keep-alive notices, and the stream ends with the reason.
        let last = wait_for(&mut events, "the end", |event| matches!(event, Event::Disconnected { .. })).await;
        assert_eq!(last, Event::Disconnected { reason: CloseReason::KeepAlive });
        assert_eq!(events.next().await, None);
        // Dropping handles of a hung host blocks nobody.
        drop(fresh);
    }
    // It goes on: the hanging calls return, and everything works again.
    let deadline = Instant::now() + LIMIT;
    while let Err(error) = host.domains(Duration::from_secs(10)).await {
        assert!(error.is_disconnected(), "{error:?}");
        assert!(Instant::now() < deadline, "it does not come back: {error:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    host.events(16, LIMIT).await.unwrap();

    // The daemon ends: the stream says so, calls fail as disconnected, and a new daemon is found again.
    let mut events = host.events(16, LIMIT).await.unwrap();
    lab().command("libvirtd stop 1");
    wait_for(&mut events, "the end", |event| {
        matches!(event, Event::Disconnected { reason: CloseReason::Eof | CloseReason::Error })
    })
    .await;
    let error = host.domains(LIMIT).await.unwrap_err();
    assert!(error.is_disconnected() && !error.is_not_found(), "{error:?}");
    lab().command("libvirtd start 1");
    let names: Vec<String> = host.domains(LIMIT).await.unwrap().items.into_iter().map(|domain| domain.name).collect();
    assert!(ill.guests.iter().all(|(name, _)| names.contains(name)), "{names:?}");
}

#[tokio::test]
async fn a_hung_guest_holds_up_statistics_only() {
    let at = &lab().hosts[2];
    let host = at.connect();
    let uuid = uuid_of(at, 0);
    host.domain_stats(StatsGroups::ALL, LIMIT).await.unwrap();
    let _frozen = Frozen::new(lab().qemu(2, &at.guests[0].0));
    let statistics = host.domain_stats(StatsGroups::ALL, Duration::from_secs(2)).await;
    assert!(matches!(statistics, Err(Error::Deadline { begun: true, .. })), "{statistics:?}");
    let domain = host.domain(uuid, LIMIT).await.unwrap().expect("still there");
    assert_eq!(domain.state, DomainState::Running);
    assert_eq!(host.domains(LIMIT).await.unwrap().failed.len(), 0);
    // A second connection for statistics answers, with fields of that guest missing.
    let stats = host.domain_stats(StatsGroups::ALL, LIMIT).await.unwrap();
    assert_eq!(stats.len(), at.guests.len());
}

#[tokio::test]
async fn a_socket_that_is_not_there_is_a_lost_connection() {
    let host = Host::new(ConnectUri::parse("qemu+unix:///system?socket=/nonexistent/kvmt-sock").unwrap());
    let error = host.describe(LIMIT).await.unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");
    assert!(error.libvirt().unwrap().message.contains("/nonexistent/kvmt-sock"), "{error:?}");
}
