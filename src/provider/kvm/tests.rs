//! The provider against libvirt's test driver and against a real private host, with virsh as the independent reader.

mod lab;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use kvm::xml::Document;
use kvm::{ConnectUri, Host, LaneKind};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::lab::{Frozen, Lab};
use super::super::{Command, Event, Group, LoadReason, Observed, SourceContext, SourceError, SourceSpec};
use super::normalize::tests::Names;
use crate::clock::Clock;
use crate::model::datastore::DatastoreState;
use crate::model::provider::{SourceIdentity, SyncReason};
use crate::model::vm::PowerState;
use crate::model::{Datastore, Image, Kind, Network, Nic, Object, ProviderId, ProviderKind, SourceId, Vm, Volume};

/// The machine that tests is busy and emulates its guests in software.
const LIMIT: Duration = Duration::from_secs(90);

pub(super) fn spec(endpoint: &str) -> SourceSpec {
    SourceSpec {
        provider_id: ProviderId::generate(),
        provider_name: "lab".to_owned(),
        source_id: SourceId::generate(),
        kind: ProviderKind::Kvm,
        endpoint: endpoint.to_owned(),
        username: None,
        password: None,
        trust: Default::default(),
        expected_instance_uuid: None,
    }
}

/// A change that somebody else makes.
type Work = Box<dyn FnOnce(&kvm::Connection) -> kvm::Result<()> + Send>;

/// A running source, and what it told so far.
struct Followed {
    run: JoinHandle<SourceError>,
    events: mpsc::Receiver<Event>,
    commands: mpsc::Sender<Command>,
    identity: Option<SourceIdentity>,
    groups: BTreeMap<String, Group>,
    quarantine: HashMap<String, String>,
    loads: Vec<LoadReason>,
    /// While everything is read: what was seen of it.
    seen: Option<BTreeSet<String>>,
    caught_up: usize,
}

impl Followed {
    fn start(spec: SourceSpec, compare_every: Duration) -> Self {
        let (sender, events) = mpsc::channel(16);
        let (commands, receiver) = mpsc::channel(4);
        let context = SourceContext {
            identify: Arc::new(Names),
            events: sender,
            commands: receiver,
            questions: Arc::default(),
            clock: Clock::system(),
            compare_every,
            poll_every: Duration::from_secs(1),
            first_load: tracing::Span::none(),
        };
        Self {
            run: tokio::spawn(super::run(spec, context)),
            events,
            commands,
            identity: None,
            groups: BTreeMap::new(),
            quarantine: HashMap::new(),
            loads: Vec::new(),
            seen: None,
            caught_up: 0,
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Connected(identity) => self.identity = Some(identity),
            Event::LoadBegan { reason, .. } => {
                self.loads.push(reason);
                self.seen = Some(BTreeSet::new());
            }
            Event::Observed(groups) | Event::Compared(groups) => {
                assert!(groups.len() <= 200);
                for group in groups {
                    let shared: BTreeSet<_> = group.members.iter().map(|member| member.shared_by).collect();
                    assert_eq!(shared.len(), 1, "the members of {} are shared alike", group.key);
                    self.seen.as_mut().map(|seen| seen.insert(group.key.clone()));
                    self.quarantine.remove(&group.key);
                    self.groups.insert(group.key.clone(), group);
                }
            }
            Event::Gone { keys, .. } => keys.iter().for_each(|key| drop(self.groups.remove(key))),
            Event::Quarantined { key, reason, .. } => {
                self.seen.as_mut().map(|seen| seen.insert(key.clone()));
                self.quarantine.insert(key, reason);
            }
            Event::LoadEnded { .. } => {
                let seen = self.seen.take().expect("a load began");
                self.groups.retain(|key, _| seen.contains(key));
            }
            Event::CaughtUp { .. } => self.caught_up += 1,
            Event::Answered { .. } => {}
        }
    }

    /// Takes events until something holds; returns how long it took.
    async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) -> Duration {
        let start = Instant::now();
        while !holds(self) {
            match tokio::time::timeout(LIMIT.saturating_sub(start.elapsed()), self.events.recv()).await {
                Ok(Some(event)) => self.apply(event),
                Ok(None) => panic!("the source ended before {what}: {:?}", (&mut self.run).await),
                Err(_) => panic!("no {what} within {LIMIT:?}; groups: {:?}", self.groups.keys()),
            }
        }
        start.elapsed()
    }

    async fn loaded(&mut self) {
        self.until("a first load", |f| f.caught_up > 0).await;
    }

    /// Takes events until the source ends.
    async fn ended(mut self) -> SourceError {
        let end = async {
            while let Some(event) = self.events.recv().await {
                self.apply(event);
            }
        };
        tokio::time::timeout(LIMIT, end).await.expect("the source ends");
        self.run.await.expect("it does not panic")
    }

    fn members(&self) -> impl Iterator<Item = &Observed> {
        self.groups.values().flat_map(|group| &group.members)
    }

    fn vm(&self, name: &str) -> Option<&Vm> {
        self.vms().find(|vm| vm.name == name)
    }

    fn vms(&self) -> impl Iterator<Item = &Vm> {
        self.members().filter_map(|member| if let Object::Vm(vm) = &member.object { Some(vm.as_ref()) } else { None })
    }

    fn nics(&self) -> impl Iterator<Item = &Nic> {
        self.members().filter_map(|m| if let Object::Nic(nic) = &m.object { Some(nic.as_ref()) } else { None })
    }

    fn volumes(&self) -> impl Iterator<Item = &Volume> {
        self.members().filter_map(|m| if let Object::Volume(volume) = &m.object { Some(volume.as_ref()) } else { None })
    }

    fn images(&self) -> impl Iterator<Item = &Image> {
        self.members().filter_map(|m| if let Object::Image(image) = &m.object { Some(image.as_ref()) } else { None })
    }

    fn networks(&self) -> impl Iterator<Item = &Network> {
        self.members()
            .filter_map(|m| if let Object::Network(network) = &m.object { Some(network.as_ref()) } else { None })
    }

    fn datastores(&self) -> impl Iterator<Item = &Datastore> {
        self.members()
            .filter_map(|m| if let Object::Datastore(store) = &m.object { Some(store.as_ref()) } else { None })
    }

    fn power(&self, name: &str) -> Option<PowerState> {
        self.vm(name).map(|vm| vm.power_state)
    }

    fn count(&self, kind: Kind) -> usize {
        self.members().filter(|member| member.object.kind() == kind).count()
    }
}

#[test]
fn addresses_are_checked_and_brought_to_one_form() {
    let check = |given: &str, expected: Result<&str, &str>| match (super::normalize_endpoint(given), expected) {
        (Ok(is), Ok(expected)) => assert_eq!(is, expected),
        (Err(is), Err(word)) => assert!(is.contains(word), "{is}"),
        (is, expected) => panic!("{given}: {is:?}, expected {expected:?}"),
    };
    check(" qemu:///system ", Ok("qemu:///system"));
    check("qemu+ssh://root@KVM1.example.org:22/system", Ok("qemu://kvm1.example.org/system"));
    check("qemu+tls://kvm1.example.org/system", Ok("qemu://kvm1.example.org/system"));
    check("test:///default", Ok("test:///default"));
    check("xen:///system", Err("not supported"));
    check("qemu+ssh://h/system?command=/bin/evil", Err("not allowed"));
    check("qemu+tcp://me:secret@h/system", Err("password"));
    check("kvm1", Err("qemu+ssh://"));
}

#[tokio::test]
async fn the_test_finds_what_is_wrong() {
    let outcome = |report: &crate::model::provider::TestReport| {
        report.checks.iter().map(|check| (check.name.clone(), check.passed)).collect::<Vec<_>>()
    };
    let named = |words: [Option<bool>; 5]| {
        ["address", "reach", "credentials", "version", "permission"]
            .into_iter()
            .map(str::to_owned)
            .zip(words)
            .collect::<Vec<_>>()
    };
    let good = super::test(&spec("test:///default"), LIMIT).await;
    assert_eq!(outcome(&good), named([Some(true); 5]), "{good:?}");
    assert_eq!(good.identity.map(|identity| identity.product).as_deref(), Some("Test"));
    let bad = super::test(&spec("qemu+ext://x/system"), LIMIT).await;
    assert_eq!(outcome(&bad), named([Some(false), None, None, None, None]));
    let away = super::test(&spec("qemu+tcp://127.0.0.1:1/system"), LIMIT).await;
    assert_eq!(outcome(&away), named([Some(true), Some(false), None, None, None]), "{away:?}");
    assert!(away.identity.is_none());
    let words: BTreeSet<String> = super::capabilities().into_iter().map(|capability| capability.name).collect();
    assert_eq!(words.len(), super::capabilities().len());
}

#[tokio::test]
async fn a_host_that_is_not_there_is_said_to_be_so() {
    let followed = Followed::start(spec("qemu+tcp://127.0.0.1:1/system"), LIMIT);
    let error = followed.ended().await;
    assert_eq!(error.reason, SyncReason::ConnectFailed, "{error}");
    let followed = Followed::start(spec("qemu+tcp://127.0.0.1/system?command=x"), LIMIT);
    let error = followed.ended().await;
    assert_eq!(error.reason, SyncReason::ConnectFailed, "{error}");
}

#[tokio::test]
async fn the_test_driver_is_read_and_followed() {
    let mut followed = Followed::start(spec("test:///default"), LIMIT);
    followed.loaded().await;
    assert_eq!(followed.identity.as_ref().map(|identity| identity.product.as_str()), Some("Test"));
    assert_eq!(followed.loads, [LoadReason::Fresh]);
    assert_eq!(followed.power("test"), Some(PowerState::Running));
    let vm = followed.vm("test").expect("the driver's own domain");
    assert_eq!((vm.memory_mib, vm.memory_max_mib), (Some(2048), Some(8192)));
    assert!(followed.networks().any(|network| network.name == "default" && network.cidrs == ["192.168.122.0/24"]));
    let pool = followed.datastores().find(|store| store.name == "default-pool").expect("the driver's own pool");
    assert_eq!((pool.state, pool.technology.as_str()), (DatastoreState::Accessible, "dir"));
    for (kind, count) in [(Kind::Host, 1), (Kind::Zone, 1), (Kind::Cluster, 1)] {
        assert_eq!(followed.count(kind), count, "{kind:?}");
    }

    // The driver's state is this process's own: another handle changes it, as another program would on a real host.
    let other = Host::new(ConnectUri::parse("test:///default").unwrap());
    let uuid = "0d0d0d0d-5ba1-4d39-9e6b-0f6a1a00ffff";
    let xml = format!(
        "<domain type='test'><name>späte</name><uuid>{uuid}</uuid><memory unit='MiB'>64</memory><vcpu>1</vcpu>\
         <os><type arch='i686'>hvm</type></os><devices><disk type='file' device='disk'><source file='/x/späte.img'/>\
         <target dev='vda' bus='virtio'/></disk><interface type='bridge'><mac address='52:54:00:11:22:33'/>\
         <source bridge='br-späte'/></interface></devices></domain>"
    );
    let change = |act: &'static str, work: Work| {
        let other = other.clone();
        async move { other.run(LaneKind::Command, act, LIMIT, work).await.unwrap() }
    };
    let defined = xml.clone();
    change("define", Box::new(move |c| c.define_domain(&defined).map(drop))).await;
    followed.until("the definition", |f| f.power("späte") == Some(PowerState::Stopped)).await;
    let disk = followed.volumes().find(|volume| volume.name == "späte.img").expect("a disk in no pool");
    assert_eq!((disk.datastore_id, disk.attachments.len()), (None, 1));
    assert_eq!(disk.attachments[0].device, "vda");
    let nic = followed.nics().find(|nic| nic.mac_address.as_deref() == Some("52:54:00:11:22:33")).expect("its NIC");
    let bridge = followed.members().find(|member| member.object.name() == "br-späte").expect("its bridge");
    assert_eq!(nic.network_id.map(|id| id.0), Some(bridge.id.0));

    let id = uuid.parse().unwrap();
    change("start", Box::new(move |c| c.domain(id)?.start())).await;
    followed.until("the start", |f| f.power("späte") == Some(PowerState::Running)).await;
    change("suspend", Box::new(move |c| c.domain(id)?.suspend())).await;
    followed.until("the pause", |f| f.power("späte") == Some(PowerState::Paused)).await;

    // Renamed by nobody, but written back with a title: only the next definition changes.
    change("stop", Box::new(move |c| c.domain(id)?.destroy())).await;
    let mut document = Document::parse(&xml).unwrap();
    document.root_mut().child_or_insert("title").set_text("ein Titel").unwrap();
    let titled = document.to_string();
    change("define", Box::new(move |c| c.define_domain(&titled).map(drop))).await;
    followed
        .until("the title", |f| {
            f.vm("späte").is_some_and(|vm| vm.attributes.get("title").map(String::as_str) == Some("ein Titel"))
        })
        .await;

    change("undefine", Box::new(move |c| c.domain(id)?.undefine())).await;
    followed.until("the end", |f| f.vm("späte").is_none() && f.networks().all(|n| n.name != "br-späte")).await;
    assert!(followed.volumes().all(|volume| volume.name != "späte.img"));

    followed.commands.send(Command::Resync).await.unwrap();
    followed.until("a second load", |f| f.loads.len() == 2 && f.seen.is_none()).await;
    assert_eq!(followed.loads, [LoadReason::Fresh, LoadReason::Fresh]);
    assert!(followed.quarantine.is_empty());
    followed.run.abort();
}

/// Everything of a real host is what virsh says.
fn equals_virsh(followed: &Followed, lab: &Lab) {
    let uuids: BTreeSet<String> = lab.virsh_lines(&["list", "--all", "--uuid"]).into_iter().collect();
    assert_eq!(followed.vms().filter_map(|vm| vm.uuid.clone()).collect::<BTreeSet<_>>(), uuids);
    for vm in followed.vms() {
        let (uuid, name) = (vm.uuid.as_deref().unwrap(), vm.name.as_str());
        assert_eq!(lab.virsh(&["domname", uuid]).trim(), name);
        let state = lab.virsh(&["domstate", uuid]);
        let expected = match state.trim() {
            "running" => PowerState::Running,
            "paused" => PowerState::Paused,
            "shut off" => PowerState::Stopped,
            other => panic!("{name} is {other}"),
        };
        assert_eq!(vm.power_state, expected, "{name}");
        let about = lab.virsh(&["dominfo", uuid]);
        let word = |field: &str| {
            let line =
                about.lines().find(|line| line.starts_with(field)).unwrap_or_else(|| panic!("{field} in {about}"));
            line.split_once(':').unwrap().1.trim().to_owned()
        };
        assert_eq!(word("CPU(s)"), vm.vcpu_count.unwrap().to_string());
        assert_eq!(word("Used memory"), format!("{} KiB", vm.memory_mib.unwrap() * 1024));
        assert_eq!(word("Persistent") == "yes", vm.persistent);
        assert_eq!(Some(word("Autostart") == "enable"), vm.autostart);
        let macs: BTreeSet<String> = lab
            .virsh_lines(&["domiflist", uuid])
            .iter()
            .filter_map(|line| line.split_whitespace().last().map(str::to_owned))
            .collect();
        assert_eq!(vm.mac_addresses.iter().cloned().collect::<BTreeSet<_>>(), macs);
        let disks: BTreeSet<String> = lab
            .virsh_lines(&["domblklist", uuid])
            .iter()
            .filter_map(|line| line.split_whitespace().last().map(str::to_owned))
            .collect();
        let id = followed.members().find(|m| m.object.name() == name && m.object.kind() == Kind::Vm).unwrap().id;
        let shown: BTreeSet<String> = followed
            .volumes()
            .filter(|volume| volume.attachments.iter().any(|a| a.vm_id.0 == id.0))
            .filter_map(|volume| volume.location.clone())
            .collect();
        assert_eq!(shown, disks, "{name}");
        assert_eq!(vm.volume_count.unwrap() as usize, disks.len());
        assert!(vm.storage_provisioned_bytes >= Some(1 << 30) && vm.datastore_ids.len() == 1, "{vm:?}");
    }
    let networks: BTreeSet<String> = lab.virsh_lines(&["net-list", "--all", "--name"]).into_iter().collect();
    assert_eq!(followed.networks().map(|network| network.name.clone()).collect::<BTreeSet<_>>(), networks);
    let pools: BTreeSet<String> = lab.virsh_lines(&["pool-list", "--all", "--name"]).into_iter().collect();
    assert_eq!(followed.datastores().map(|store| store.name.clone()).collect::<BTreeSet<_>>(), pools);
    let in_pools: BTreeSet<String> = pools
        .iter()
        .flat_map(|pool| lab.virsh_lines(&["vol-list", pool]))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect();
    let shown = followed.volumes().map(|v| v.name.clone()).chain(followed.images().map(|i| i.name.clone()));
    assert_eq!(shown.collect::<BTreeSet<_>>(), in_pools);
}

#[tokio::test]
async fn a_real_host_equals_virsh_and_is_followed() {
    let lab = Lab::start("pkvm", 2);
    let mut followed = Followed::start(spec(&lab.uri), LIMIT);
    followed.loaded().await;
    let identity = followed.identity.clone().unwrap();
    assert_eq!((identity.product.as_str(), identity.instance_uuid.as_deref()), ("QEMU", Some(lab.host_uuid.as_str())));
    equals_virsh(&followed, &lab);
    let images: Vec<&str> = followed.images().map(|image| image.name.as_str()).collect();
    assert_eq!(images.len(), 1, "the file that the guests' disks are backed by: {images:?}");
    changes_of_machines(&mut followed, &lab).await;
    changes_without_events(&mut followed, &lab).await;
    equals_virsh(&followed, &lab);

    let mut other = spec(&lab.uri);
    other.expected_instance_uuid = Some("11111111-2222-3333-4444-555555555555".to_owned());
    let error = Followed::start(other, LIMIT).ended().await;
    assert_eq!(error.reason, SyncReason::NotThePlatform);
    assert!(error.message.contains(&lab.host_uuid) && error.message.contains("11111111-2222"), "{error}");

    // A daemon that stands still is unreachable, and nothing is said to be gone.
    let known = followed.groups.len();
    let caught_up = followed.caught_up;
    let frozen = Frozen::new(lab.libvirtd());
    while let Ok(Some(event)) = tokio::time::timeout(LIMIT, followed.events.recv()).await {
        followed.apply(event);
    }
    let error = followed.run.await.unwrap();
    assert_eq!(error.reason, SyncReason::TimedOut, "{error}");
    assert!(error.message.contains("unreachable") && error.message.contains("virsh"), "{error}");
    assert_eq!((followed.groups.len(), followed.seen.is_some()), (known, false));
    assert!(followed.caught_up <= caught_up + 1, "nothing is true of a host that does not answer");
    drop(frozen);
}

async fn changes_of_machines(followed: &mut Followed, lab: &Lab) {
    let name = lab.guests[1].0.as_str();
    let mut slowest = Duration::ZERO;
    for (act, state) in [
        ("suspend", PowerState::Paused),
        ("resume", PowerState::Running),
        ("destroy", PowerState::Stopped),
        ("start", PowerState::Running),
        ("managedsave", PowerState::Suspended),
        ("start", PowerState::Running),
    ] {
        lab.virsh(&[act, name]);
        slowest = slowest.max(followed.until(act, |f| f.power(name) == Some(state)).await);
    }
    println!("the slowest change was seen {slowest:?} after virsh returned");

    let xml = lab.virsh(&["dumpxml", "--inactive", &lab.guests[0].1]);
    let xml =
        xml.replace(&lab.guests[0].0, "pkvm-ñew").replace(&lab.guests[0].1, "0d0d0d0d-5ba1-4d39-9e6b-0f6a1a00fffe");
    let file = lab.file("new.xml", xml.as_bytes());
    lab.virsh(&["define", &file]);
    followed.until("a new machine", |f| f.power("pkvm-ñew") == Some(PowerState::Stopped)).await;
    lab.virsh(&["undefine", "pkvm-ñew"]);
    followed.until("its end", |f| f.vm("pkvm-ñew").is_none()).await;

    let file = lab.file("net.xml", b"<network><name>pkvm-lone</name></network>");
    lab.virsh(&["net-define", &file]);
    followed.until("a new network", |f| f.networks().any(|network| network.name == "pkvm-lone")).await;
    lab.virsh(&["net-undefine", "pkvm-lone"]);
    followed.until("its end", |f| f.networks().all(|network| network.name != "pkvm-lone")).await;

    // A stopped pool keeps what was in it.
    let volumes = followed.count(Kind::Volume);
    lab.virsh(&["pool-destroy", &lab.pool]);
    followed.until("a stopped pool", |f| f.datastores().any(|store| store.state == DatastoreState::Inactive)).await;
    assert_eq!(followed.count(Kind::Volume), volumes);
    lab.virsh(&["pool-start", &lab.pool]);
    followed.until("the pool again", |f| f.datastores().all(|store| store.state == DatastoreState::Accessible)).await;
}

/// Files that appear in a pool, snapshots, autostart, leases.
async fn changes_without_events(followed: &mut Followed, lab: &Lab) {
    std::fs::write(lab.inside("lib/images/löse.img"), vec![0_u8; 4096]).unwrap();
    std::fs::write(lab.inside("lib/images/cd.iso"), vec![0_u8; 4096]).unwrap();
    followed.until("a file that nobody told of", |f| f.volumes().any(|volume| volume.name == "löse.img")).await;
    followed.until("an image", |f| f.images().any(|image| image.name == "cd.iso")).await;
    std::fs::remove_file(lab.inside("lib/images/löse.img")).unwrap();
    followed.until("its end", |f| f.volumes().all(|volume| volume.name != "löse.img")).await;

    let name = lab.guests[1].0.as_str();
    lab.virsh(&["autostart", name]);
    followed.until("autostart", |f| f.vm(name).is_some_and(|vm| vm.autostart == Some(true))).await;
    lab.virsh(&["destroy", name]);
    followed.until("a stop", |f| f.power(name) == Some(PowerState::Stopped)).await;
    lab.virsh(&["snapshot-create-as", name, "vorher", "mit ü"]);
    followed.until("a snapshot", |f| f.vm(name).is_some_and(|vm| vm.snapshot_count == Some(1))).await;
    lab.virsh(&["snapshot-delete", name, "vorher"]);
    followed
        .until("its end", |f| f.vm(name).is_some_and(|vm| vm.snapshot_count == Some(0)) && f.count(Kind::Snapshot) == 0)
        .await;

    let first = lab.guests[0].0.as_str();
    followed.until("an address", |f| f.vm(first).is_some_and(|vm| !vm.ip_addresses.is_empty())).await;
    let leases = lab.virsh(&["net-dhcp-leases", &lab.network]);
    let vm = followed.vm(first).unwrap();
    assert!(
        vm.ip_addresses.iter().all(|address| leases.contains(&format!("{address}/"))),
        "{leases} {:?}",
        vm.ip_addresses
    );
    assert!(followed.nics().any(|nic| nic.ip_addresses == vm.ip_addresses));
}

#[tokio::test]
async fn a_comparison_finds_nothing_where_notices_told_all() {
    let mut followed = Followed::start(spec("test:///default"), Duration::from_secs(1));
    followed.loaded().await;
    followed.until("two comparisons", |f| f.loads.len() >= 3 && f.seen.is_none()).await;
    assert_eq!(followed.loads[..3], [LoadReason::Fresh, LoadReason::Comparison, LoadReason::Comparison]);
    assert_eq!(followed.power("test"), Some(PowerState::Running));
    followed.run.abort();
}
