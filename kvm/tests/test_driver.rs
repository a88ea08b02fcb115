//! The client against libvirt's built-in test driver: reads, changes with lossless XML, events, errors.
//!
//! The driver's state belongs to the process and is shared by connections to `test:///default`, so each test works with
//! objects of its own name.

use std::time::Duration;

use kvm::xml::{Document, DomainXml};
use kvm::{
    ConnectUri, Definition, DomainChange, DomainLifecycle, DomainState, Error, Event, Host, LaneKind, PoolState,
    StatsGroups,
};
use uuid::Uuid;

const LIMIT: Duration = Duration::from_secs(20);

fn host() -> Host {
    Host::new(ConnectUri::parse("test:///default").expect("a URI that is allowed"))
}

fn domain_xml(name: &str, uuid: Uuid) -> String {
    format!(
        "<domain type='test'>\n  <name>{name}</name>\n  <uuid>{uuid}</uuid>\n  <memory unit='MiB'>64</memory>\n  \
         <vcpu current='1'>2</vcpu>\n  <os><type arch='i686'>hvm</type></os>\n  <devices>\n    \
         <disk type='file' device='disk'><source file='/var/lib/x/{name}.img'/><target dev='vda' bus='virtio'/></disk>\n  \
         </devices>\n</domain>\n"
    )
}

#[tokio::test]
async fn the_host_and_its_objects_are_read() {
    let host = host();
    let about = host.describe(LIMIT).await.unwrap();
    assert_eq!(about.driver_name, "TEST");
    assert!(about.libvirt_version.major >= 6, "{}", about.libvirt_version);
    assert!(about.node.memory_bytes > 1 << 30);
    assert!(about.capabilities().unwrap().guests.iter().any(|guest| guest.domain_types.contains(&"test".to_owned())));

    let domains = host.domains(LIMIT).await.unwrap();
    assert!(domains.failed.is_empty(), "{:?}", domains.failed);
    let test = domains.items.iter().find(|domain| domain.name == "test").expect("the driver's own domain");
    assert_eq!((test.state, test.persistent), (DomainState::Running, true));
    let definition = test.definition().unwrap();
    assert_eq!((definition.uuid, definition.memory_bytes), (test.uuid, Some(8 << 30)));
    assert!(test.xml_inactive.is_some());
    assert_eq!(test.snapshots.as_deref().map(<[_]>::len), Some(0));

    let networks = host.networks(LIMIT).await.unwrap();
    let network = networks.items.iter().find(|network| network.name == "default").expect("the driver's own network");
    assert!(network.active);
    assert_eq!(network.definition().unwrap().bridge.as_deref(), Some("virbr0"));
    assert_eq!(
        host.network(network.uuid, LIMIT).await.unwrap().map(|network| network.name),
        Some("default".to_owned())
    );

    let pools = host.pools(LIMIT).await.unwrap();
    let pool = pools.items.iter().find(|pool| pool.name == "default-pool").expect("the driver's own pool");
    assert_eq!(pool.usage.state, PoolState::Running);
    assert_eq!(pool.definition().unwrap().target_path.as_deref(), Some("/default-pool"));
    assert!(pool.volumes.is_some());

    // The test driver has no packet filters: none, not an error.
    assert!(host.nwfilters(LIMIT).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_missing_object_is_none_and_a_bad_definition_an_error_with_libvirts_words() {
    let host = host();
    let nobody = Uuid::from_u128(0xdead);
    assert!(host.domain(nobody, LIMIT).await.unwrap().is_none());
    assert!(host.network(nobody, LIMIT).await.unwrap().is_none());
    assert!(host.pool(nobody, LIMIT).await.unwrap().is_none());
    assert!(!host.refresh_pool(nobody, LIMIT).await.unwrap());

    let error = host
        .run(LaneKind::Command, "define a domain", LIMIT, |c| c.define_domain("<domain type='test'/>").map(drop))
        .await
        .unwrap_err();
    assert!(!error.is_disconnected() && !error.is_not_found(), "{error:?}");
    assert!(!error.libvirt().expect("libvirt's own error").message.is_empty());

    let error =
        host.run(LaneKind::Command, "define a domain", LIMIT, |c| c.define_domain("a\0b").map(drop)).await.unwrap_err();
    assert!(matches!(error, Error::Text { .. }), "{error:?}");
}

#[tokio::test]
async fn a_definition_goes_round_without_losing_anything_and_events_tell() {
    let host = host();
    let mut events = host.events(64, LIMIT).await.unwrap();
    let uuid = Uuid::from_u128(0x6b76_6d74_6573_7400_0000_0000_0000_0001);
    let xml = domain_xml("kvmt-round", uuid);
    host.run(LaneKind::Command, "define", LIMIT, move |c| c.define_domain(&xml).map(drop)).await.unwrap();
    next_of(&mut events, uuid, DomainLifecycle::Defined).await;

    let before = host.domain(uuid, LIMIT).await.unwrap().expect("just defined");
    assert_eq!((before.state, before.id), (DomainState::ShutOff, None));
    let mut document = Document::parse(&before.xml).unwrap();
    assert_eq!(document.to_string(), before.xml);
    let entry = Document::parse("<t:vm xmlns:t='urn:kvmt'><t:owner>a &amp; b</t:owner></t:vm>").unwrap();
    document.set_metadata("urn:kvmt", Some(entry.root().clone())).unwrap();
    let changed = document.to_string();
    host.run(LaneKind::Command, "define", LIMIT, move |c| c.define_domain(&changed).map(drop)).await.unwrap();

    let after = host.domain(uuid, LIMIT).await.unwrap().expect("still defined");
    let document = Document::parse(&after.xml).unwrap();
    assert_eq!(document.metadata("urn:kvmt").and_then(|entry| entry.text_at("t:owner")).as_deref(), Some("a & b"));
    let (mut old, mut new) = (DomainXml::parse(&before.xml).unwrap(), DomainXml::parse(&after.xml).unwrap());
    assert_eq!(new.metadata.len(), 1);
    old.metadata.clear();
    new.metadata.clear();
    assert_eq!(old, new, "nothing else changed");

    host.run(LaneKind::Command, "start", LIMIT, move |c| c.domain(uuid)?.start()).await.unwrap();
    next_of(&mut events, uuid, DomainLifecycle::Started).await;
    let running = host.domain(uuid, LIMIT).await.unwrap().expect("running");
    assert!(running.id.is_some() && running.xml_inactive.is_some());

    let stats = host.domain_stats(StatsGroups::ALL, LIMIT).await;
    // The test driver of some versions has no bulk statistics: then it says so.
    assert!(
        stats.as_ref().is_ok_and(|all| all.iter().any(|s| s.uuid == uuid)) || stats.is_err_and(|e| e.is_unsupported())
    );

    host.run(LaneKind::Command, "stop", LIMIT, move |c| c.domain(uuid)?.destroy()).await.unwrap();
    next_of(&mut events, uuid, DomainLifecycle::Stopped).await;
    host.run(LaneKind::Command, "undefine", LIMIT, move |c| c.domain(uuid)?.undefine()).await.unwrap();
    next_of(&mut events, uuid, DomainLifecycle::Undefined).await;
    assert!(host.domain(uuid, LIMIT).await.unwrap().is_none());
}

async fn next_of(events: &mut kvm::EventStream, wanted: Uuid, wanted_kind: DomainLifecycle) {
    let found = async {
        while let Some(event) = events.next().await {
            if let Event::Domain { uuid, change: DomainChange::Lifecycle { kind, .. }, .. } = event
                && (uuid, kind) == (wanted, wanted_kind)
            {
                return true;
            }
        }
        false
    };
    assert_eq!(tokio::time::timeout(LIMIT, found).await, Ok(true), "{wanted_kind:?}");
}

#[tokio::test]
async fn snapshots_know_their_parents() {
    let host = host();
    let uuid = Uuid::from_u128(0x6b76_6d74_6573_7400_0000_0000_0000_0002);
    let xml = domain_xml("kvmt-snap", uuid);
    host.run(LaneKind::Command, "make snapshots", LIMIT, move |c| {
        let domain = c.define_domain(&xml)?;
        domain.create_snapshot("<domainsnapshot><name>one</name></domainsnapshot>", false)?;
        domain.create_snapshot(
            "<domainsnapshot><name>two</name><description>zwei</description></domainsnapshot>",
            false,
        )?;
        Ok(())
    })
    .await
    .unwrap();
    let snapshots = host.domain(uuid, LIMIT).await.unwrap().unwrap().snapshots.unwrap();
    let two = snapshots.iter().find(|snapshot| snapshot.name == "two").unwrap();
    let definition = two.definition().unwrap();
    assert!(two.current && !snapshots.iter().find(|snapshot| snapshot.name == "one").unwrap().current);
    assert_eq!((definition.parent.as_deref(), definition.description.as_deref()), (Some("one"), Some("zwei")));
    assert!(definition.created_unix_seconds.is_some());
    assert_eq!(definition.domain.map(|domain| domain.uuid), Some(uuid));
    host.run(LaneKind::Command, "undefine", LIMIT, move |c| {
        let domain = c.domain(uuid)?;
        for snapshot in domain.snapshots()? {
            snapshot.delete()?;
        }
        domain.undefine()
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn one_slow_call_keeps_to_its_deadline_and_to_its_lane() {
    let options = kvm::HostOptions::default();
    let host = Host::with_options(ConnectUri::parse("test:///default").unwrap(), None, options);
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Arc::new(std::sync::Mutex::new(wait));
    let hang = |wait: std::sync::Arc<std::sync::Mutex<std::sync::mpsc::Receiver<()>>>| {
        move |_: &kvm::Connection| {
            // The connection is used by this thread only, so nothing else waits for the lock.
            let _ = wait.lock().map(|wait| wait.recv());
            Ok(())
        }
    };
    let short = Duration::from_millis(100);
    for expected in [1, 2] {
        let error = host.run(LaneKind::Command, "hang", short, hang(wait.clone())).await.unwrap_err();
        assert!(matches!(error, Error::Deadline { begun: true, .. }), "{error:?}");
        assert_eq!(host.lane_status(LaneKind::Command).hanging, expected);
    }
    let error = host.ping(LaneKind::Command, LIMIT).await.unwrap_err();
    assert!(matches!(error, Error::Stuck { hanging: 2, .. }), "{error:?}");
    assert!(error.is_disconnected());
    // The host's other lanes do not notice.
    host.ping(LaneKind::Inventory, LIMIT).await.unwrap();
    // When the calls return, the lane serves again.
    drop(release);
    let healthy = async {
        while host.lane_status(LaneKind::Command).hanging > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, healthy).await.expect("the hanging calls returned");
    host.ping(LaneKind::Command, LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_full_queue_waits_outside_a_dropped_caller_leaves_and_a_panic_is_an_error() {
    let uri = ConnectUri::parse("test:///default").unwrap();
    let mut options = kvm::HostOptions::default();
    options.queue_max = 1;
    let host = Host::with_options(uri, None, options);
    host.ping(LaneKind::Command, LIMIT).await.unwrap();
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let slow = tokio::spawn({
        let host = host.clone();
        async move { host.run(LaneKind::Command, "wait", LIMIT, move |_| Ok(wait.recv().is_ok())).await }
    });
    while !host.lane_status(LaneKind::Command).running {
        tokio::task::yield_now().await;
    }
    // One waits in the queue; the next one waits for room and gives up at its deadline without having begun.
    let queued = tokio::spawn({
        let host = host.clone();
        async move { host.run(LaneKind::Command, "never run", LIMIT, |_| -> kvm::Result<()> { panic!("it ran") }).await }
    });
    while host.lane_status(LaneKind::Command).queued == 0 {
        tokio::task::yield_now().await;
    }
    let error = host.ping(LaneKind::Command, Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(error, Error::Deadline { begun: false, .. }), "{error:?}");
    // The queued caller leaves: its work is never run, and there is room again.
    queued.abort();
    assert!(queued.await.is_err());
    let next = tokio::spawn({
        let host = host.clone();
        async move { host.ping(LaneKind::Command, LIMIT).await }
    });
    release.send(()).unwrap();
    assert!(slow.await.unwrap().unwrap());
    next.await.unwrap().unwrap();
    assert_eq!(host.lane_status(LaneKind::Command).hanging, 0);

    let error =
        host.run(LaneKind::Command, "fall", LIMIT, |_| -> kvm::Result<()> { panic!("oops") }).await.unwrap_err();
    assert!(matches!(error, Error::Panicked { .. }), "{error:?}");
    host.ping(LaneKind::Command, LIMIT).await.unwrap();

    host.close();
    let error = host.ping(LaneKind::Command, LIMIT).await.unwrap_err();
    assert!(matches!(error, Error::Closed { .. }), "{error:?}");
}

#[tokio::test]
async fn a_second_subscription_ends_the_first_and_closing_ends_all() {
    let host = host();
    let mut first = host.events(8, LIMIT).await.unwrap();
    let mut second = host.events(8, LIMIT).await.unwrap();
    assert!(matches!(first.next().await, Some(Event::Disconnected { .. })));
    assert_eq!(first.next().await, None);
    drop(first);
    // The first one's end does not take the second one's registration away.
    let uuid = Uuid::from_u128(0x6b76_6d74_6573_7400_0000_0000_0000_0003);
    let xml = domain_xml("kvmt-second", uuid);
    host.run(LaneKind::Command, "define", LIMIT, move |c| c.define_domain(&xml).map(drop)).await.unwrap();
    next_of(&mut second, uuid, DomainLifecycle::Defined).await;
    host.run(LaneKind::Command, "undefine", LIMIT, move |c| c.domain(uuid)?.undefine()).await.unwrap();
    drop(host);
    let end = async {
        while let Some(event) = second.next().await {
            if matches!(event, Event::Disconnected { .. }) {
                return true;
            }
        }
        false
    };
    assert_eq!(tokio::time::timeout(LIMIT, end).await, Ok(true));
}

#[tokio::test]
async fn volumes_are_read_with_their_pool() {
    let host = host();
    let uuid = Uuid::from_u128(0x6b76_6d74_6573_7400_0000_0000_0000_0004);
    let xml = format!(
        "<pool type='dir'><name>kvmt-pool</name><uuid>{uuid}</uuid><target><path>/kvmt-pool</path></target></pool>"
    );
    host.run(LaneKind::Command, "make a pool", LIMIT, move |c| {
        let pool = c.define_pool(&xml)?;
        pool.start()?;
        pool.create_volume(
            "<volume><name>a.img</name><capacity unit='MiB'>10</capacity><allocation unit='MiB'>1</allocation></volume>",
        )?;
        assert!(pool.xml(Definition::Current)?.contains("kvmt-pool"));
        Ok(())
    })
    .await
    .unwrap();
    let pool = host.pool(uuid, LIMIT).await.unwrap().unwrap();
    let volumes = pool.volumes.unwrap();
    let volume = volumes[0].definition().unwrap();
    assert_eq!((volumes[0].name.as_str(), volume.capacity_bytes), ("a.img", Some(10 << 20)));
    host.run(LaneKind::Command, "drop the pool", LIMIT, move |c| {
        let pool = c.pool(uuid)?;
        for volume in pool.volumes()? {
            assert_eq!(volume.usage()?.capacity_bytes, 10 << 20);
            volume.delete()?;
        }
        pool.stop()?;
        pool.undefine()
    })
    .await
    .unwrap();
    assert!(host.pool(uuid, LIMIT).await.unwrap().is_none());
}

#[tokio::test]
async fn a_name_and_a_password_are_given_when_asked_and_never_shown() {
    // The test driver asks like a daemon with SASL does, if its description has users.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("node.xml");
    std::fs::write(&file, "<node><auth><user password='s3cret-word'>root</user></auth></node>").unwrap();
    let uri = ConnectUri::parse(&format!("test://{}", file.display())).unwrap();
    let with = |user: Option<&str>, password: &str| {
        let credentials = kvm::Credentials { user: user.map(str::to_owned), password: password.to_owned().into() };
        assert!(!format!("{credentials:?}").contains(password));
        Host::with_options(uri.clone(), Some(credentials), kvm::HostOptions::default())
    };
    with(Some("root"), "s3cret-word").ping(LaneKind::Inventory, LIMIT).await.unwrap();
    for host in [with(Some("root"), "wr0ng-word"), with(None, "s3cret-word"), Host::new(uri.clone())] {
        let error = host.ping(LaneKind::Inventory, LIMIT).await.unwrap_err();
        assert!(error.is_unauthorized() && !error.is_disconnected(), "{error:?}");
        let shown = format!("{error} {error:?} {host:?}");
        assert!(!shown.contains("s3cret-word") && !shown.contains("wr0ng-word"), "{shown}");
    }
}

#[tokio::test]
async fn what_libvirt_quotes_of_a_file_is_not_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    std::fs::write(&file, "c2VjcmV0LWtleQ==\n").unwrap();
    let host = Host::new(ConnectUri::parse(&format!("test://{}", file.display())).unwrap());
    let error = host.ping(LaneKind::Inventory, LIMIT).await.unwrap_err();
    let told = format!("{error} {error:?} {:?}", std::error::Error::source(&error));
    assert!(told.contains("keys") && !told.contains("c2Vjcm"), "{told}");
}
