//! The provider against the simulator. Its path comes from `SPANDREL_SIMULATOR` or is `.local/bin/simulator`; without it the
//! tests fail.

mod refusals;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command as Process, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::super::{Command, Event, Family, Group, Identify, LoadReason, SourceContext, SourceError, SourceSpec};
use crate::clock::Clock;
use crate::model::provider::{SourceIdentity, SyncReason, Trust};
use crate::model::secret::SecretString;
use crate::model::vm::PowerState;
use crate::model::{Kind, Object, ObjectId, ProviderId, ProviderKind, SourceId, Time};

const DEADLINE: Duration = Duration::from_secs(60);

/// A running simulator; it ends with this.
struct Simulator {
    child: Child,
    ready: Json,
}

impl Simulator {
    fn start(arguments: &[&str]) -> Self {
        let path = std::env::var_os("SPANDREL_SIMULATOR")
            .map(PathBuf::from)
            .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".local/bin/simulator"));
        let mut child = Process::new(&path)
            .args(["serve", "--listen", "127.0.0.1:0", "--username", "reader@vsphere.local", "--password", "s3cret<&>"])
            .args(arguments)
            .arg("--exit-with-stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("the simulator {} cannot be started: {error}", path.display()));
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("its standard output");
        BufReader::new(stdout).read_line(&mut line).expect("the simulator's first line");
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("not ready: {error}: {line}"));
        Self { child, ready }
    }

    fn text(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap_or_else(|| panic!("the simulator does not say its {name}: {}", self.ready))
    }

    fn spec(&self) -> SourceSpec {
        SourceSpec {
            provider_id: ProviderId::generate(),
            provider_name: "lab".to_owned(),
            source_id: SourceId::generate(),
            kind: ProviderKind::Vsphere,
            endpoint: self.text("url").to_owned(),
            username: Some(self.text("username").to_owned()),
            password: Some(SecretString::from(self.text("password").to_owned())),
            trust: Trust { thumbprint_sha256: Some(self.text("thumbprint_sha256").to_owned()), ca_pem: None },
            expected_instance_uuid: None,
        }
    }

    /// A call of the control interface.
    fn control(&self, method: &str, path: &str, body: &Json) -> Json {
        let address = self.text("control").trim_start_matches("http://").trim_end_matches('/').to_owned();
        let mut stream = TcpStream::connect(&address).expect("its control address");
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("sends");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answers");
        assert!(answer.starts_with("HTTP/1.0 200"), "{method} {path}: {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
    }

    /// What is there, by reference.
    fn truth(&self, kind: &str) -> BTreeMap<String, Json> {
        let truth = self.control("GET", &format!("/truth?type={kind}"), &Json::Null);
        let objects = truth["objects"].as_array().expect("objects").clone();
        objects.into_iter().map(|object| (object["moref"].as_str().expect("a reference").to_owned(), object)).collect()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ids in the order of asking.
#[derive(Default)]
struct Register(Mutex<HashMap<(Kind, String), ObjectId>>);

impl Identify for Register {
    fn id(&self, kind: Kind, key: &str) -> ObjectId {
        let mut ids = self.0.lock().expect("not poisoned");
        *ids.entry((kind, key.to_owned())).or_insert_with(|| crate::model::VmId::generate().into())
    }
}

/// What somebody who listens to a source knows, as `sync` does it.
struct Listener {
    events: mpsc::Receiver<Event>,
    commands: mpsc::Sender<Command>,
    running: JoinHandle<SourceError>,
    ids: Arc<Register>,
    groups: HashMap<(Family, String), Group>,
    quarantined: HashMap<String, String>,
    identity: Option<SourceIdentity>,
    /// Families that are being loaded, with what was seen of them.
    loads: HashMap<Family, (LoadReason, HashSet<String>)>,
    /// Loads that ended.
    ended: Vec<(Family, LoadReason)>,
    /// Keys that were ever reported gone, or not seen in a complete load.
    gone: Vec<String>,
    caught_up: Vec<Time>,
    /// How many groups the last load of the inventory announced.
    expected: Option<u64>,
}

impl Listener {
    fn core_groups(&self) -> u64 {
        self.groups.keys().filter(|(family, _)| *family == Family::Core).count() as u64
    }

    fn start(spec: SourceSpec, compare_every: Duration) -> Self {
        let ids = Arc::new(Register::default());
        let (send, events) = mpsc::channel(64);
        let (commands, receive) = mpsc::channel(4);
        let context = SourceContext {
            identify: Arc::clone(&ids) as Arc<dyn Identify>,
            events: send,
            commands: receive,
            questions: Arc::default(),
            clock: Clock::system(),
            compare_every,
            poll_every: Duration::from_millis(500),
            first_load: tracing::Span::none(),
        };
        Self {
            events,
            commands,
            running: tokio::spawn(super::run(spec, context)),
            ids,
            groups: HashMap::new(),
            quarantined: HashMap::new(),
            identity: None,
            loads: HashMap::new(),
            ended: Vec::new(),
            gone: Vec::new(),
            caught_up: Vec::new(),
            expected: None,
        }
    }

    /// Listens until something holds.
    async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let wait = async {
            while !holds(self) {
                match self.events.recv().await {
                    Some(event) => self.take(event),
                    None => return false,
                }
            }
            true
        };
        match tokio::time::timeout(DEADLINE, wait).await {
            Ok(true) => {}
            Ok(false) => panic!("{what}: the source ended: {:?}", (&mut self.running).await),
            Err(_) => panic!("{what}: not in time"),
        }
    }

    /// Listens until everything up to now was told. The first answer after now may have been under way.
    async fn settle(&mut self) {
        let now = Clock::system().now();
        let since = |listener: &Self| listener.caught_up.iter().filter(|at| **at > now).count();
        self.until("it catches up", |listener| since(listener) >= 2).await;
    }

    async fn loaded(&mut self, reason: LoadReason) {
        let before = self.count(reason);
        self.until("a load ends", |listener| listener.count(reason) > before).await;
    }

    /// Why it ended.
    async fn ends(mut self) -> SourceError {
        while self.events.recv().await.is_some() {}
        (&mut self.running).await.expect("no panic")
    }

    fn count(&self, reason: LoadReason) -> usize {
        self.ended.iter().filter(|ended| **ended == (Family::Core, reason)).count()
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Connected(identity) => self.identity = Some(identity),
            Event::LoadBegan { family, reason, expected } => {
                if family == Family::Core {
                    self.expected = expected;
                }
                self.loads.insert(family, (reason, HashSet::new()));
            }
            Event::Observed(groups) | Event::Compared(groups) => {
                let most = super::watch::PAGE_OBJECTS as usize;
                assert!(!groups.is_empty() && groups.len() <= most, "{} groups at once", groups.len());
                for group in groups {
                    if let Some((_, seen)) = self.loads.get_mut(&group.family) {
                        seen.insert(group.key.clone());
                    }
                    for member in &group.members {
                        assert_eq!(member.id, self.ids.id(member.object.kind(), &member.key));
                    }
                    self.quarantined.remove(&group.key);
                    self.groups.insert((group.family, group.key.clone()), group);
                }
            }
            Event::Gone { family, keys } => {
                for key in keys {
                    self.groups.remove(&(family, key.clone()));
                    self.gone.push(key);
                }
            }
            Event::Quarantined { family, key, reason, .. } => {
                if let Some((_, seen)) = self.loads.get_mut(&family) {
                    seen.insert(key.clone());
                }
                self.quarantined.insert(key, reason);
            }
            Event::LoadEnded { family } => {
                let (reason, seen) = self.loads.remove(&family).expect("it began");
                let unseen: Vec<_> =
                    self.groups.keys().filter(|(of, key)| *of == family && !seen.contains(key)).cloned().collect();
                for key in unseen {
                    self.groups.remove(&key);
                    self.gone.push(key.1);
                }
                self.ended.push((family, reason));
            }
            Event::CaughtUp { at, .. } => self.caught_up.push(at),
            Event::Answered { .. } => {}
        }
    }

    /// The objects of a kind by key.
    fn objects(&self, kind: Kind) -> BTreeMap<&str, &Object> {
        let members = self.groups.values().flat_map(|group| &group.members);
        members.filter(|member| member.object.kind() == kind).map(|m| (m.key.as_str(), &m.object)).collect()
    }

    fn vm(&self, key: &str) -> Option<&crate::model::Vm> {
        match self.groups.get(&(Family::Core, key.to_owned())).map(|group| &group.members[0].object) {
            Some(Object::Vm(vm)) => Some(vm),
            _ => None,
        }
    }

    fn vm_named(&self, name: &str) -> Option<&crate::model::Vm> {
        self.objects(Kind::Vm).into_values().find_map(|object| match object {
            Object::Vm(vm) if vm.name == name => Some(&**vm),
            _ => None,
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.running.abort();
    }
}

fn decoded(raw: &Json) -> String {
    let raw = raw.as_str().expect("a name");
    raw.replace("%2f", "/").replace("%5c", "\\").replace("%25", "%")
}

/// Compares everything that was told with what is there.
fn equals_truth(listener: &Listener, simulator: &Simulator) {
    let names = |kind: Kind| -> BTreeMap<String, String> {
        let objects = listener.objects(kind);
        objects.into_iter().map(|(key, object)| (key.to_owned(), object.name().to_owned())).collect()
    };
    let check = |kind: Kind, types: &[&str], keep: &dyn Fn(&Json) -> bool| {
        let truth: BTreeMap<String, String> = types
            .iter()
            .flat_map(|of_type| simulator.truth(of_type))
            .filter(|(_, object)| keep(object))
            .map(|(key, object)| (key, decoded(&object["name"])))
            .collect();
        let mut told = names(kind);
        told.retain(|key, _| !key.starts_with("item/"));
        assert_eq!(told, truth, "{kind}");
    };
    let any = |_: &Json| true;
    let template = |object: &Json| object["template"] == true;
    check(Kind::Zone, &["Datacenter"], &any);
    check(Kind::Cluster, &["ClusterComputeResource", "ComputeResource"], &any);
    check(Kind::Host, &["HostSystem"], &any);
    check(Kind::ResourcePool, &["ResourcePool", "VirtualApp"], &any);
    check(Kind::Folder, &["Folder"], &any);
    check(Kind::Datastore, &["Datastore", "StoragePod"], &any);
    check(Kind::Network, &["Network", "DistributedVirtualPortgroup", "OpaqueNetwork"], &any);
    check(Kind::Vm, &["VirtualMachine"], &|vm| !template(vm));
    check(Kind::Image, &["VirtualMachine"], &template);
    networks_equal_truth(listener, simulator);
    let machines = simulator.truth("VirtualMachine");
    for (key, truth) in &machines {
        let length = |name: &str| truth[name].as_array().map_or(0, Vec::len);
        let group = &listener.groups[&(Family::Core, key.clone())];
        let count = |kind: Kind| group.members.iter().filter(|member| member.object.kind() == kind).count();
        assert_eq!(count(Kind::Volume), length("disks"), "disks of {truth}");
        assert_eq!(count(Kind::Nic), length("nics"), "cards of {truth}");
        assert_eq!(count(Kind::Snapshot), length("snapshots"), "snapshots of {truth}");
        let Some(vm) = listener.vm(key) else { continue };
        let lost = matches!(truth["connection_state"].as_str(), Some("disconnected" | "orphaned"));
        let power = match truth["power_state"].as_str().filter(|_| !lost) {
            Some("poweredOn") => PowerState::Running,
            Some("poweredOff") => PowerState::Stopped,
            Some("suspended") => PowerState::Suspended,
            _ => PowerState::Unknown,
        };
        assert_eq!(vm.power_state, power, "{truth}");
        let told = |name: &str| truth[name].as_u64().or(truth["summary_config"][name].as_u64());
        assert_eq!((vm.memory_mib, vm.vcpu_count.map(u64::from)), (told("memory_mib"), told("cpus")), "{truth}");
        let uuid = truth["instance_uuid"].as_str().or(truth["summary_config"]["instance_uuid"].as_str());
        assert_eq!(vm.uuid.as_deref().unwrap_or_default(), uuid.unwrap_or_default());
        assert_eq!(vm.attributes.len(), truth["custom_values"].as_object().map_or(0, serde_json::Map::len), "{truth}");
        assert_eq!(vm.network_ids.len(), length("networks"), "networks of {truth}");
        assert_eq!(vm.datastore_ids.len(), length("datastores"), "datastores of {truth}");
        let host = truth["host"].as_str().map(|host| listener.ids.id(Kind::Host, host).into());
        assert_eq!(vm.host_id, host, "host of {truth}");
        assert!(vm.zone_id.is_some() && vm.cluster_id.is_some(), "{vm:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_is_there_is_told_and_followed() {
    let simulator = Simulator::start(&["--scenario", "odd", "--vms", "60"]);
    let mut listener = Listener::start(simulator.spec(), Duration::from_secs(600));
    listener.loaded(LoadReason::Fresh).await;
    listener.settle().await;
    assert!(listener.quarantined.is_empty(), "{:?}", listener.quarantined);
    let identity = listener.identity.clone().expect("it said who it is");
    assert!(identity.product.contains("vCenter") && identity.instance_uuid.is_some(), "{identity:?}");
    assert_eq!(listener.expected, Some(listener.core_groups()), "as many as were announced");
    equals_truth(&listener, &simulator);
    references_lead_somewhere(&listener);
    let deep = listener.vm_named("odd-deeply-nested").expect("the deeply nested one");
    assert_eq!(deep.folder_path.as_deref(), Some("vm/Odd/nested%2fslash/层级/🗂/deep/deeper/deepest"));

    let (key, truth) = simulator
        .truth("VirtualMachine")
        .into_iter()
        .find(|(_, vm)| vm["power_state"] == "poweredOn" && vm["template"] == false)
        .expect("a running one");
    simulator.control("POST", "/power", &json!({"vm": key, "state": "off"}));
    listener.until("it is off", |l| l.vm(&key).is_some_and(|vm| vm.power_state == PowerState::Stopped)).await;
    simulator.control("POST", "/vm/rename", &json!({"vm": key, "name": "renamed%2fone"}));
    listener.until("it is renamed", |l| l.vm(&key).is_some_and(|vm| vm.name == "renamed/one")).await;
    simulator.control("POST", "/vm/create", &json!({"count": 3, "name": "fresh"}));
    listener
        .until("three are new", |l| {
            l.objects(Kind::Vm).values().filter(|vm| vm.name().starts_with("fresh")).count() == 3
        })
        .await;
    simulator.control("POST", "/vm/delete", &json!({"vm": key}));
    listener.until("it is gone", |l| l.vm(&key).is_none()).await;
    assert_eq!(listener.gone, std::slice::from_ref(&key), "{truth}");
    listener.settle().await;
    equals_truth(&listener, &simulator);
}

/// What networks are made of.
fn networks_equal_truth(listener: &Listener, simulator: &Simulator) {
    let networks = listener.objects(Kind::Network);
    for (key, truth) in simulator.truth("DistributedVirtualPortgroup") {
        let Object::Network(network) = networks[key.as_str()] else { panic!("a network") };
        assert_eq!(network.uplink, truth["uplink"] == true, "{truth}");
        let vlan = truth["vlan"].as_u64().filter(|vlan| *vlan != 0);
        assert_eq!(network.vlan_id.map(u64::from), vlan, "{truth}");
        assert_eq!(!network.vlan_ranges.is_empty(), truth["trunk"] == true, "{truth}");
        assert!(network.switch_name.is_some(), "{truth}");
        assert_eq!(network.hosts.len(), truth["hosts"].as_array().map_or(0, Vec::len), "{truth}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_libraries_and_policies_are_told_and_followed() {
    let simulator = Simulator::start(&["--vms", "40"]);
    let mut listener = Listener::start(simulator.spec(), Duration::from_secs(600));
    let families = [Family::Core, Family::Tags, Family::StoragePolicies, Family::ContentLibraries];
    let all = |l: &Listener| families.iter().all(|family| l.ended.iter().any(|(ended, _)| ended == family));
    listener.until("every family is read", all).await;
    for kind in [Kind::Tag, Kind::StoragePolicy, Kind::ContentLibrary] {
        assert!(!listener.objects(kind).is_empty(), "there is no {kind}");
    }
    assert!(listener.objects(Kind::Image).keys().any(|key| key.starts_with("item/")));
    let tagged = |l: &Listener| {
        l.objects(Kind::Vm).into_values().filter(|vm| matches!(vm, Object::Vm(vm) if !vm.tag_ids.is_empty())).count()
    };
    assert!(tagged(&listener) > 0, "no machine has a tag");
    references_lead_somewhere(&listener);
    let tagged = listener.objects(Kind::Vm).into_iter().find_map(|(key, vm)| match vm {
        Object::Vm(vm) => vm.tag_ids.first().map(|tag| (key.to_owned(), *tag)),
        _ => None,
    });
    let (key, tag_id) = tagged.expect("a machine with a tag");
    let tags = listener.objects(Kind::Tag).into_keys().map(str::to_owned);
    let tag = tags.into_iter().find(|tag| listener.ids.id(Kind::Tag, tag) == tag_id.into()).expect("the tag");
    let (urn, object) = (tag.trim_start_matches("tag/"), format!("VirtualMachine:{key}"));
    let has = |l: &Listener| l.vm(&key).is_some_and(|vm| vm.tag_ids.contains(&tag_id));
    simulator.control("POST", "/tag", &json!({"object": object, "tag": urn, "detach": true}));
    listener.until("it has the tag no more", |l| !has(l)).await;
    simulator.control("POST", "/tag", &json!({"object": object, "tag": urn}));
    listener.until("it has it again", has).await;
    assert!(listener.gone.is_empty(), "{:?}", listener.gone);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_sessions_and_versions_are_recovered_without_a_false_removal() {
    let simulator = Simulator::start(&["--vms", "40"]);
    let mut listener = Listener::start(simulator.spec(), Duration::from_secs(600));
    listener.loaded(LoadReason::Fresh).await;
    for (path, body) in [
        ("/sessions/expire", json!({"mode": "fault"})),
        ("/sessions/expire", json!({"mode": "empty"})),
        ("/versions", json!({"mode": "forget"})),
    ] {
        listener.settle().await;
        simulator.control("POST", path, &body);
        let created = simulator.control("POST", "/vm/create", &json!({"count": 1, "name": "meanwhile"}));
        listener.loaded(LoadReason::Fresh).await;
        listener.settle().await;
        assert!(listener.gone.is_empty(), "{path} {body}: {:?} {created}", listener.gone);
        equals_truth(&listener, &simulator);
    }
    listener.commands.send(Command::Resync).await.expect("it runs");
    listener.loaded(LoadReason::Fresh).await;
    equals_truth(&listener, &simulator);
    assert!(listener.gone.is_empty(), "{:?}", listener.gone);
    simulator.control("POST", "/stop-accepting", &json!({"close": true}));
    let ended = tokio::time::timeout(DEADLINE, async {
        while listener.events.recv().await.is_some() {}
        (&mut listener.running).await.expect("no panic")
    });
    let error = ended.await.expect("it ends");
    assert_eq!(error.reason, SyncReason::ConnectionLost, "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn comparisons_find_nothing_while_things_change() {
    let simulator = Simulator::start(&["--vms", "40", "--churn", "30"]);
    let mut listener = Listener::start(simulator.spec(), Duration::from_secs(1));
    listener.loaded(LoadReason::Fresh).await;
    for _ in 0..2 {
        listener.loaded(LoadReason::Comparison).await;
    }
    simulator.control("POST", "/churn", &json!({"rate": 0}));
    listener.settle().await;
    equals_truth(&listener, &simulator);
    let machines = simulator.truth("VirtualMachine");
    for key in &listener.gone {
        assert!(!machines.contains_key(key), "{key} is there and was reported gone");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_may_not_be_read_is_set_aside() {
    let simulator = Simulator::start(&["--vms", "20"]);
    let machines = simulator.truth("VirtualMachine");
    let mut keys = machines.keys();
    let (hidden, partly) = (keys.next().expect("a machine"), keys.next().expect("another"));
    simulator.control("POST", "/deny", &json!({"type": "VirtualMachine", "path": "name", "moref": hidden}));
    let body = json!({"type": "VirtualMachine", "path": "config.hardware.device", "moref": partly});
    simulator.control("POST", "/deny", &body);
    let mut listener = Listener::start(simulator.spec(), Duration::from_secs(600));
    listener.loaded(LoadReason::Fresh).await;
    assert!(listener.quarantined[hidden].contains("NoPermission"), "{:?}", listener.quarantined);
    assert_eq!(listener.quarantined.len(), 1);
    let group = &listener.groups[&(Family::Core, partly.clone())];
    assert_eq!(group.members.len(), 1 + machines[partly]["snapshots"].as_array().map_or(0, Vec::len), "{group:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standalone_esxi_is_told() {
    let simulator = Simulator::start(&["--esx"]);
    let mut listener = Listener::start(simulator.spec(), Duration::from_secs(600));
    listener.loaded(LoadReason::Fresh).await;
    let hosts = simulator.truth("HostSystem");
    let (_, host) = hosts.first_key_value().expect("the host");
    let identity = listener.identity.clone().expect("it said who it is");
    let uuid = host["uuid"].as_str().map(str::to_lowercase);
    assert_eq!((identity.instance_uuid, identity.product.contains("ESX")), (uuid, true));
    equals_truth(&listener, &simulator);
    references_lead_somewhere(&listener);
    let key =
        listener.objects(Kind::Vm).into_iter().find(|(_, vm)| vm.state() == Some("running")).expect("one").0.to_owned();
    simulator.control("POST", "/power", &json!({"vm": key, "state": "off"}));
    listener.until("it is off", |l| l.vm(&key).is_some_and(|vm| vm.power_state == PowerState::Stopped)).await;
}

#[tokio::test]
async fn what_is_held_of_machines_is_small() {
    let simulator = Simulator::start(&["--vms", "300"]);
    let connected = super::connect::connect(&simulator.spec()).await.map_err(|error| error.message).expect("connects");
    let dialect = super::properties::Dialect::of(connected.bulk.about());
    let objects = connected.bulk.retrieve_all(dialect.inventory(&connected.bulk.content().root_folder)).await;
    let mut state = super::state::State::default();
    for object in objects.expect("reads").iter().filter(|object| object.object().is("VirtualMachine")) {
        state.put(object);
    }
    let each = state.packed_bytes() / state.len();
    assert!((500..3000).contains(&each), "{each} bytes a machine");
    println!("{each} bytes a machine");
}

/// Every reference of a machine is to something that is there.
fn references_lead_somewhere(listener: &Listener) {
    let present: HashSet<ObjectId> = listener.groups.values().flat_map(|group| &group.members).map(|m| m.id).collect();
    let check = |id: Option<ObjectId>, what: &str, of: &str| {
        assert!(id.is_none_or(|id| present.contains(&id)), "the {what} of {of} is nowhere");
    };
    for object in listener.objects(Kind::Vm).into_values() {
        let Object::Vm(vm) = object else { continue };
        check(vm.zone_id.map(Into::into), "zone", &vm.name);
        check(vm.cluster_id.map(Into::into), "cluster", &vm.name);
        check(vm.host_id.map(Into::into), "host", &vm.name);
        check(vm.folder_id.map(Into::into), "folder", &vm.name);
        check(vm.resource_pool_id.map(Into::into), "pool", &vm.name);
        for id in &vm.datastore_ids {
            check(Some((*id).into()), "datastore", &vm.name);
        }
        for id in &vm.network_ids {
            check(Some((*id).into()), "network", &vm.name);
        }
        for id in &vm.tag_ids {
            check(Some((*id).into()), "tag", &vm.name);
        }
    }
    for object in listener.objects(Kind::Nic).into_values() {
        let Object::Nic(nic) = object else { continue };
        check(nic.network_id.map(Into::into), "network", &nic.name);
    }
}
