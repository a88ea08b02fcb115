//! The client against a simulated vCenter and ESXi.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::Simulator;
use futures::StreamExt as _;
use vsphere::rest;
use vsphere::{
    ApiType, Client, Credentials, Error, FilterSpec, Limits, MoRef, Object, ObjectState, RestartReason, TaskState,
    Trust, UpdateKind, Value, Watch, WatchEvent, WatchSpec,
};

const TEST_DEADLINE: Duration = Duration::from_secs(60);

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(TEST_DEADLINE, future).await.expect("in time")
}

fn vms(client: &Client) -> FilterSpec {
    let paths = ["name", "runtime.powerState", "config.hardware.device", "summary.runtime.host", "config.uuid"];
    FilterSpec::inventory(&client.content().root_folder).properties("VirtualMachine", paths)
}

#[tokio::test]
async fn trust_is_by_bundle_or_thumbprint_or_refused_with_the_thumbprint() {
    let simulator = Simulator::start(&["--vms", "4", "--scenario", "flat"]);
    let Err(Error::Untrusted { presented, .. }) = Client::probe(&simulator.untrusting()).await else {
        panic!("an unknown certificate was trusted");
    };
    assert_eq!(presented.to_string(), simulator.text("thumbprint_sha256"));
    let pinned = simulator.untrusting().trust(Trust::Thumbprint(presented));
    assert_eq!(Client::probe(&pinned).await.expect("trusted").about.api_type, ApiType::VirtualCenter);
    let bundle = simulator.untrusting().trust(Trust::CaBundle(simulator.text("ca_pem").to_owned()));
    Client::probe(&bundle).await.expect("trusted by its CA");
    let other = "00".repeat(32).parse().expect("a thumbprint");
    let error = Client::probe(&simulator.untrusting().trust(Trust::Thumbprint(other))).await.expect_err("refused");
    assert!(matches!(error, Error::Untrusted { presented: again, .. } if again == presented), "{error}");
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_never_shown() {
    let simulator = Simulator::start(&["--vms", "4", "--scenario", "flat"]);
    let wrong = Credentials::new(simulator.text("username"), "wr0ng-password".to_owned());
    let error = Client::connect(&simulator.config(), wrong).await.expect_err("refused");
    assert!(matches!(error, Error::InvalidLogin), "{error}");
    assert!(!format!("{error:?} {error}").contains("wr0ng"));
}

#[tokio::test]
async fn what_is_not_a_vsphere_server_is_said_so() {
    let simulator = Simulator::start(&["--vms", "4", "--scenario", "flat"]);
    let config = vsphere::Config::new(&simulator.text("url").replace("/sdk", "/elsewhere")).expect("an address");
    let thumbprint = simulator.text("thumbprint_sha256").parse().expect("its thumbprint");
    let error = Client::probe(&config.trust(Trust::Thumbprint(thumbprint))).await.expect_err("not there");
    assert!(matches!(error, Error::NotVsphere { .. }), "{error:?}");
    // A port where nothing listens.
    let error = Client::probe(&vsphere::Config::new("127.0.0.1:9").expect("an address")).await.expect_err("closed");
    assert!(matches!(error, Error::Connection { .. }) && error.is_transient(), "{error:?}");
}

#[tokio::test]
async fn an_inventory_is_read_in_pages() {
    let simulator = Simulator::start(&["--vms", "57", "--scenario", "flat"]);
    let client = simulator.connect().await;
    let pages: Vec<_> = client.retrieve(vms(&client), 10).collect().await;
    assert_eq!(pages.len(), 6);
    let objects: Vec<ObjectState> = pages.into_iter().flat_map(|page| page.expect("a page")).collect();
    assert_eq!(objects.len(), 57);
    for vm in &objects {
        assert!(vm.object().is("VirtualMachine"));
        assert!(vm.str("name").is_some_and(|name| !name.is_empty()), "{vm:?}");
        assert!(matches!(vm.str("runtime.powerState"), Some("poweredOn" | "poweredOff" | "suspended")));
        assert!(vm.moref("summary.runtime.host").is_some_and(|host| host.is("HostSystem")));
        let disk = vm.all("config.hardware.device").find(|device| device.is("VirtualDisk")).expect("a disk");
        assert!(disk.get("backing.fileName").and_then(Value::as_str).is_some(), "{disk:?}");
        let key = disk.get("key").and_then(Value::as_i32).expect("a key");
        let path = format!("config.hardware.device[{key}]");
        assert_eq!(vm.get(&path), Some(disk));
    }
    let one = client.read(objects[0].object(), &["name"]).await.expect("reads");
    assert_eq!(one.get("name"), objects[0].get("name"));
    let nobody = client.read(&MoRef::new("VirtualMachine", "vm-0"), &["name"]).await.expect_err("does not exist");
    assert!(nobody.is_fault("ManagedObjectNotFound"), "{nobody}");
}

#[tokio::test]
async fn every_odd_shape_decodes() {
    let simulator = Simulator::start(&["--scenario", "odd"]);
    let client = simulator.connect().await;
    let everything = FilterSpec::inventory(&client.content().root_folder)
        .properties("VirtualMachine", ["name", "config", "guest", "runtime", "snapshot", "layoutEx", "parent"])
        .properties("HostSystem", ["name", "summary", "config.network"])
        .properties("Datastore", ["name", "summary", "host"])
        .properties("Network", ["name", "summary"])
        .properties("Folder", ["name", "parent"])
        .properties("ComputeResource", ["name", "configurationEx"]);
    let objects = within(client.retrieve_all(everything)).await.expect("reads");
    let count = |kind: &str| objects.iter().filter(|object| object.object().is(kind)).count();
    assert!(count("VirtualMachine") > 5 && count("HostSystem") > 0 && count("Datastore") > 0 && count("Folder") > 0);
}

/// Applies what a watch says to held objects, as a consumer does.
#[derive(Default)]
struct Mirror {
    objects: BTreeMap<MoRef, ObjectState>,
    restarts: Vec<RestartReason>,
}

impl Mirror {
    async fn follow(&mut self, watch: &mut Watch, until: impl Fn(&Self, bool) -> bool) {
        within(async {
            loop {
                let event = watch.next().await.expect("goes on").expect("an event");
                let mut complete = false;
                match event {
                    WatchEvent::Restarted(reason) => {
                        self.objects.clear();
                        self.restarts.push(reason);
                    }
                    WatchEvent::Alive => {}
                    WatchEvent::Updates(set) => {
                        complete = !set.truncated;
                        for update in set.filters.iter().flat_map(|filter| &filter.objects) {
                            if update.kind == UpdateKind::Leave {
                                self.objects.remove(&update.object);
                                continue;
                            }
                            let fresh = || ObjectState::new(update.object.clone());
                            let held = self.objects.entry(update.object.clone()).or_insert_with(fresh);
                            held.apply(update).expect("applies");
                        }
                    }
                }
                if until(self, complete) {
                    return;
                }
            }
        })
        .await;
    }

    fn named(&self, name: &str) -> Option<&ObjectState> {
        self.objects.values().find(|object| object.str("name") == Some(name))
    }
}

#[tokio::test]
async fn a_watch_equals_what_is_read_and_follows_changes() {
    let simulator = Simulator::start(&["--vms", "250", "--scenario", "flat"]);
    let client = simulator.connect().await;
    let mut watch = client.sibling().await.expect("a session").watch(WatchSpec::new([vms(&client)]));
    let mut mirror = Mirror::default();
    mirror.follow(&mut watch, |_, complete| complete).await;
    assert_eq!(mirror.restarts, [RestartReason::Started]);
    let read = client.retrieve_all(vms(&client)).await.expect("reads");
    assert_eq!(read.len(), 250);
    for vm in &read {
        assert_eq!(mirror.objects.get(vm.object()), Some(vm));
    }

    let vm = read.iter().find(|vm| vm.str("runtime.powerState") == Some("poweredOn")).expect("one that runs").object();
    let task = client.call("PowerOffVM_Task", vm, Object::untyped()).await.expect("a task");
    let info = within(client.task_wait(task.moref().expect("a task"))).await.expect("succeeds");
    assert_eq!((info.state, info.entity.as_ref()), (TaskState::Success, Some(vm)));
    mirror.follow(&mut watch, |m, _| m.objects[vm].str("runtime.powerState") == Some("poweredOff")).await;

    let destroyed = client.call("Destroy_Task", vm, Object::untyped()).await.expect("a task");
    within(client.task_wait(destroyed.moref().expect("a task"))).await.expect("succeeds");
    mirror.follow(&mut watch, |mirror, _| !mirror.objects.contains_key(vm)).await;
    assert_eq!(mirror.objects.len(), 249);
}

#[tokio::test]
async fn many_tasks_are_waited_for_at_once_and_failures_are_told() {
    let simulator = Simulator::start(&["--vms", "40", "--scenario", "flat"]);
    let client = simulator.connect().await;
    let read = client.retrieve_all(vms(&client)).await.expect("reads");
    let outcomes = futures::future::join_all(read.iter().map(|vm| {
        let client = client.clone();
        let on = vm.str("runtime.powerState") == Some("poweredOn");
        async move {
            let task = client.call("PowerOnVM_Task", vm.object(), Object::untyped()).await.expect("a task");
            (on, within(client.task_wait(task.moref().expect("a task"))).await)
        }
    }));
    for (on, outcome) in outcomes.await {
        match outcome {
            Ok(info) => assert!(!on && info.state == TaskState::Success),
            Err(Error::TaskFailed { fault, .. }) => assert!(on && fault.is("InvalidPowerState"), "{fault}"),
            Err(error) => panic!("{error}"),
        }
    }
    let lost = within(client.task_wait(&MoRef::new("Task", "task-0"))).await.expect_err("there is none");
    assert!(matches!(lost, Error::TaskLost { .. }), "{lost}");
}

/// Ends a session on the server behind its back.
async fn terminate(by: &Client, session: &Client) {
    let key = session.current_session().await.expect("answers").expect("logged in").key;
    let args = Object::untyped().with("sessionId", key);
    by.call("TerminateSession", &by.content().session_manager, args).await.expect("terminated");
}

#[tokio::test]
async fn an_expired_session_is_renewed_by_calls_and_restarts_a_watch() {
    let simulator = Simulator::start(&["--vms", "30", "--scenario", "flat"]);
    let (client, admin) = (simulator.connect().await, simulator.connect().await);
    terminate(&admin, &client).await;
    assert_eq!(client.current_session().await.expect("answers"), None);
    let (one, two) =
        tokio::join!(client.retrieve_all(vms(&client)), client.read(&client.content().root_folder, &["name"]));
    assert_eq!(one.expect("renewed").len(), 30);
    two.expect("renewed");
    let session = client.current_session().await.expect("answers").expect("logged in");

    let watched = client.sibling().await.expect("a session");
    let spec = WatchSpec::new([vms(&client)]).max_wait(Duration::from_secs(1));
    let mut watch = watched.watch(spec);
    let mut mirror = Mirror::default();
    mirror.follow(&mut watch, |_, complete| complete).await;
    terminate(&admin, &watched).await;
    mirror.follow(&mut watch, |mirror, complete| complete && mirror.restarts.len() == 2).await;
    assert_eq!(mirror.restarts, [RestartReason::Started, RestartReason::SessionExpired]);
    assert_eq!(mirror.objects.len(), 30);
    // The other session had nothing to do with it.
    assert_eq!(client.current_session().await.expect("answers"), Some(session));
}

#[tokio::test]
async fn a_session_is_logged_out_when_it_is_dropped() {
    let simulator = Simulator::start(&["--vms", "4", "--scenario", "flat"]);
    let (client, admin) = (simulator.connect().await, simulator.connect().await);
    let key = client.current_session().await.expect("answers").expect("logged in").key;
    let manager = &admin.content().session_manager;
    let sessions = || async {
        let state = admin.read(manager, &["sessionList"]).await.expect("reads");
        state.all("sessionList").filter_map(|s| s.get("key")?.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    assert!(sessions().await.contains(&key));
    drop(client);
    within(async {
        while sessions().await.contains(&key) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    admin.logout().await.expect("logs out");
    assert_eq!(admin.current_session().await.expect("answers"), None);
}

#[tokio::test]
async fn an_idle_watch_says_that_it_is_alive() {
    let simulator = Simulator::start(&["--vms", "3", "--scenario", "flat"]);
    let client = simulator.connect().await;
    let mut watch = client.watch(WatchSpec::new([vms(&client)]).max_wait(Duration::from_secs(1)));
    within(async { while watch.next().await.expect("goes on").expect("an event") != WatchEvent::Alive {} }).await;
}

/// A vCenter that hangs takes connections and says nothing more.
#[tokio::test]
async fn a_watch_gives_up_on_a_server_that_hangs() {
    let simulator = Simulator::start(&["--vms", "3", "--scenario", "flat"]);
    let client = simulator.connect().await;
    // In the wait itself, and in the look whether the session is alive after one that brought nothing.
    for call in ["WaitForUpdatesEx", "RetrievePropertiesEx"] {
        let spec = WatchSpec::new([vms(&client)]).max_wait(Duration::from_secs(1)).grace(Duration::from_millis(500));
        let mut watch = client.watch(spec);
        Mirror::default().follow(&mut watch, |_, complete| complete).await;
        simulator.control("/wire", &serde_json::json!({"mode": "hang", "match": call}));
        let error = within(async {
            loop {
                match watch.next().await.expect("an end with a reason") {
                    Ok(event) => assert_eq!(event, WatchEvent::Alive),
                    Err(error) => return error,
                }
            }
        })
        .await;
        assert!(
            matches!(error, Error::Deadline { limit, .. } if limit == Duration::from_millis(1_500)),
            "{call}: {error:?}"
        );
        assert!(error.is_transient());
        simulator.control("/wire", &serde_json::json!({"mode": "ok"}));
    }
}

#[tokio::test]
async fn an_answer_beyond_its_limit_is_refused() {
    let simulator = Simulator::start(&["--vms", "200", "--scenario", "flat"]);
    let config = simulator.config().limits(Limits { answer_bytes: 200_000, ..Limits::default() });
    let client = Client::connect(&config, simulator.credentials()).await.expect("connects");
    let error = client.retrieve_all(vms(&client)).await.expect_err("too large");
    assert!(matches!(error, Error::Decode { .. }), "{error:?}");
    let pages: Vec<_> = client.retrieve(vms(&client), 10).collect().await;
    assert!(pages.iter().all(Result::is_ok), "pages are small enough");
}

#[tokio::test]
async fn a_standalone_esxi_is_read_and_watched_alike() {
    let simulator = Simulator::start(&["--esx"]);
    let client = simulator.connect().await;
    assert_eq!(client.about().api_type, ApiType::HostAgent);
    let read = client.retrieve_all(vms(&client)).await.expect("reads");
    assert!(!read.is_empty());
    let mut watch = client.watch(WatchSpec::new([vms(&client)]));
    let mut mirror = Mirror::default();
    mirror.follow(&mut watch, |_, complete| complete).await;
    assert_eq!(mirror.objects.len(), read.len());
    assert!(mirror.named(read[0].str("name").expect("a name")).is_some());
}

/// Makes something by the simulator's REST service, without this crate.
async fn post(simulator: &Simulator, session: &str, path: &str, body: serde_json::Value) -> String {
    let http = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).no_proxy().build().expect("a client");
    let url = simulator.text("url").replace("/sdk", &format!("/rest/com/vmware/{path}"));
    let request = http.post(url).header("vmware-api-session-id", session);
    let request = request.basic_auth(simulator.text("username"), Some(simulator.text("password")));
    let answer = request.body(body.to_string()).send().await.expect("an answer").error_for_status().expect("made");
    let answer = answer.text().await.expect("an answer");
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap_or_default();
    answer["value"].as_str().unwrap_or_default().to_owned()
}

/// An idle session is kept by a call now and then.
#[tokio::test]
async fn an_idle_session_is_kept_alive() {
    let simulator = Simulator::start(&["--scenario", "flat", "--vms", "1"]);
    let config = simulator.config().keep_alive(Duration::from_millis(50));
    let _idle = Client::connect(&config, simulator.credentials()).await.expect("connects");
    within(async {
        while simulator.calls("CurrentTime") < 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn tags_libraries_and_storage_policies_are_read() {
    use serde_json::json;
    let simulator = Simulator::start(&["--scenario", "flat", "--vms", "5"]);
    let client = simulator.connect().await;
    let objects: Vec<_> = client.retrieve_all(vms(&client)).await.expect("reads");
    let objects: Vec<_> = objects.iter().map(ObjectState::object).collect();

    let session = post(&simulator, "", "cis/session", json!({})).await;
    let spec = json!({"create_spec": {"name": "Über", "description": "a", "cardinality": "MULTIPLE",
        "associable_types": ["VirtualMachine"]}});
    let category = post(&simulator, &session, "cis/tagging/category", spec).await;
    let mut tags = Vec::new();
    for name in ["x/y", "plain"] {
        let spec = json!({"create_spec": {"name": name, "description": "", "category_id": category}});
        tags.push(post(&simulator, &session, "cis/tagging/tag", spec).await);
    }
    for (tag, objects) in [(&tags[0], &objects[..3]), (&tags[1], &objects[2..4])] {
        for object in objects {
            let path = format!("cis/tagging/tag-association/id:{tag}?~action=attach");
            let body = json!({"object_id": {"type": object.kind.as_str(), "id": object.id()}});
            post(&simulator, &session, &path, body).await;
        }
    }

    let rest = client.rest().await.expect("a REST session");
    let made =
        rest.tag_categories().await.expect("reads").into_iter().find(|c| c.id == category).expect("the category");
    assert_eq!((made.name.as_str(), made.cardinality), ("Über", rest::Cardinality::Multiple));
    let read = rest.tags().await.expect("reads");
    let made = read.iter().find(|tag| tag.id == tags[0]).expect("the tag");
    assert_eq!((made.name.as_str(), &made.category_id), ("x/y", &category));
    let mut by_tag: Vec<_> = rest.tag_objects(&tags).await.expect("reads");
    by_tag.iter_mut().for_each(|(_, objects)| objects.sort());
    let sorted = |objects: &[&MoRef]| {
        let mut objects: Vec<_> = objects.iter().map(|object| (*object).clone()).collect();
        objects.sort();
        objects
    };
    assert!(by_tag.contains(&(tags[0].clone(), sorted(&objects[..3]))), "{by_tag:?}");
    assert!(by_tag.contains(&(tags[1].clone(), sorted(&objects[2..4]))), "{by_tag:?}");
    let by_object = rest.object_tags(&[objects[2].clone()]).await.expect("reads");
    let [(object, both)] = &by_object[..] else { panic!("{by_object:?}") };
    assert!(object == objects[2] && tags.iter().all(|tag| both.contains(tag)), "{by_object:?}");
    let gone = rest.tags_by_id(vec![tags[0].clone(), "urn:vmomi:InventoryServiceTag:gone:GLOBAL".to_owned()]).await;
    assert_eq!(gone.expect("reads").len(), 1);

    let spec = json!({"create_spec": {"name": "Images", "type": "LOCAL",
        "storage_backings": [{"type": "DATASTORE", "datastore_id": datastore(&client).await.id()}]}});
    let library = post(&simulator, &session, "content/local-library", spec).await;
    let spec = json!({"create_spec": {"name": "debian", "type": "iso", "library_id": library}});
    let item = post(&simulator, &session, "content/library/item", spec).await;
    let read =
        rest.libraries().await.expect("reads").into_iter().find(|known| known.id == library).expect("the library");
    assert_eq!((read.kind, read.datastores().count()), (rest::LibraryKind::Local, 1));
    let items = rest.library_items(&library).await.expect("reads");
    assert!(items.iter().any(|known| known.id == item && known.kind == "iso"), "{items:?}");

    let policies = client.storage_policies().await.expect("reads");
    assert!(policies.iter().any(|policy| policy.name == "VM Encryption Policy"), "{policies:?}");
    let mut ids: Vec<Arc<str>> = policies.iter().map(|policy| policy.id.as_str().into()).collect();
    ids.push("00000000-0000-0000-0000-000000000000".into());
    let applied = client.storage_policies_applied(&ids).await.expect("reads");
    let is_disk = |object: &vsphere::PolicyObject| matches!(object, vsphere::PolicyObject::Disk(..));
    assert!(applied.iter().any(|(object, _)| is_disk(object)) && !applied.iter().all(|(object, _)| is_disk(object)));
    // Asked the other way round, the answer is the same.
    let objects: Vec<_> = applied.iter().map(|(object, _)| object.clone()).collect();
    let mut associations = client.storage_policy_associations(&objects).await.expect("answers");
    let mut expected: Vec<_> = applied.iter().map(|(object, id)| (object.clone(), vec![id.to_string()])).collect();
    associations.sort();
    expected.sort();
    assert_eq!(associations, expected);

    // A session that has ended is renewed.
    rest.logout().await.expect("logs out");
    assert_eq!(rest.tags().await.expect("logs in again").len(), rest.tag_ids().await.expect("reads").len());
}

async fn datastore(client: &Client) -> MoRef {
    let datastores = FilterSpec::inventory(&client.content().root_folder).properties("Datastore", ["name"]);
    client.retrieve_all(datastores).await.expect("reads")[0].object().clone()
}
