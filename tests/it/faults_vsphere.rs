//! vCenters in trouble. After each fault the model equals the platform, nothing was told that cannot be, nothing was removed
//! without evidence, the state was honest, and nobody had to help.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::comparison::vsphere::compare;
use crate::harness::{Database, Gateway, Simulator, Watcher, Witness, eventually};

on_both_databases!(whatever_breaks_the_connection_loses_nothing, lost_sessions_versions_and_services_lose_nothing);

/// Comparisons are frequent, so that one that finds something is noticed.
const WATCHFUL: &str = "[sync]\ncompare_every_s = 10\npoll_every_s = 1\nlagging_after_s = 15\n";
const COMPARISONS: &str = "spandrel_sync_comparisons_total";
const MISSED: &str = "spandrel_sync_missed_changes_total";

/// A vCenter that is followed, and somebody who listens.
struct Scene {
    simulator: Simulator,
    gateway: Gateway,
    provider: String,
    witness: Witness,
}

impl Scene {
    async fn start(flags: &[&str]) -> Self {
        Self::with(Simulator::start(flags), Database::Sqlite).await
    }

    async fn with(simulator: Simulator, database: Database) -> Self {
        let gateway = Gateway::start_configured(database, WATCHFUL).await;
        let provider = gateway.join(simulator.provider("vc")).await;
        let witness = Witness::begin(&gateway).await;
        let scene = Self { simulator, gateway, provider, witness };
        scene.witness.state("live").await;
        scene
    }

    async fn control(&self, path: &str, body: Value) -> Value {
        self.simulator.control(path, body).await
    }

    /// The references of the machines that are there.
    async fn machines(&self) -> BTreeSet<String> {
        let truth = self.simulator.truth().await;
        let objects = truth["objects"].as_array().unwrap().iter();
        objects.filter(|o| o["type"] == "VirtualMachine").map(|o| o["moref"].as_str().unwrap().to_owned()).collect()
    }

    /// All is as it should be, once the platform rests.
    async fn check(&self) {
        self.gateway.wait_for_state(&self.provider, "live").await;
        self.caught_up().await;
        let gone = self.witness.settle(&self.gateway).await;
        let there = self.machines().await.into_iter().map(|moref| format!("{}/{moref}", self.provider)).collect();
        let wrong: Vec<_> = gone.intersection(&there).collect();
        assert!(wrong.is_empty(), "told to be gone, and there: {wrong:?}");
        compare(&self.gateway, &self.simulator, &self.provider).await;
    }

    /// The connection ends, and the next one is well.
    async fn recovers_by_itself(&self) {
        self.witness.state("unreachable").await;
        self.witness.state("live").await;
    }

    /// The same; that the waits grow with every failure is left out.
    async fn recovers(&self) {
        self.witness.state("unreachable").await;
        self.gateway.post(&format!("/v1/providers/{}/resync", self.provider), json!({})).await.ok();
        self.witness.state("live").await;
    }

    /// Everything that the platform did until now is shown: see [`caught_up`]. Here no machine is made for it.
    async fn caught_up(&self) {
        let vm = self.machines().await.pop_last().expect("a machine");
        for _ in 0..2 {
            let mark = format!("mark-{}", rand::random::<u64>());
            self.control("/vm/update", json!({"vm": vm, "set": {"annotation": mark}})).await;
            eventually("what was done last is shown", || async {
                let mut shown = self.gateway.all("vms", "").await;
                shown.extend(self.gateway.all("images", "").await);
                shown.iter().any(|vm| vm["description"] == mark.as_str()).then_some(())
            })
            .await;
        }
    }

    /// The gateway compares all that it knows with the platform, and finds nothing that the notices had missed. The second
    /// comparison begins when it is certain of the first what was missed.
    async fn nothing_was_missed(&self) {
        for _ in 0..2 {
            self.gateway.metric_rises(COMPARISONS, self.gateway.metric(COMPARISONS).await).await;
        }
        assert_eq!(self.gateway.metric(MISSED).await, 0.0, "{}", self.gateway.log());
    }
}

/// What ends a connection, while things change all the time and answers come in many pages.
async fn whatever_breaks_the_connection_loses_nothing(database: Database) {
    let simulator = Simulator::start(&["--vms", "60", "--scenario", "lifelike", "--max-updates", "20"]);
    let scene = Scene::with(simulator, database).await;
    scene.control("/churn", json!({"rate": 30})).await;
    let on_watch = |mode: &str| json!({"mode": mode, "match": "WaitForUpdatesEx", "count": 1});
    for mode in ["reset", "resetlate", "half", "resethalf", "malformed", "html", "503"] {
        scene.control("/wire", on_watch(mode)).await;
        scene.recovers().await;
    }
    // Slow, but not too slow: nobody notices.
    scene.control("/wire", json!({"mode": "slow", "match": "WaitForUpdatesEx", "count": 2, "delay_ms": 1500})).await;
    // An answer that is lost after a truncated page: within a first load there are several.
    for mode in ["resetlate", "resethalf", "malformed"] {
        scene.control("/wire", json!({"mode": mode, "match": "WaitForUpdatesEx", "count": 1, "skip": 2})).await;
        scene.control("/versions", json!({"mode": "forget"})).await;
        scene.recovers().await;
    }
    // Every step of getting in.
    for step in ["Login", "CreatePropertyCollector", "CreateContainerView", "CreateFilter", "RetrievePropertiesEx"] {
        scene.control("/wire", json!({"mode": "reset", "match": step, "count": 1})).await;
        scene.control("/wire", on_watch("half")).await;
        scene.recovers().await;
    }
    scene.control("/churn", json!({"rate": 0})).await;
    scene.check().await;
    scene.nothing_was_missed().await;
    // And nobody has to ask for the next try.
    for mode in ["503", "half", "malformed"] {
        scene.control("/wire", on_watch(mode)).await;
        scene.recovers_by_itself().await;
    }
    scene.check().await;
}

/// Sessions and versions end, and the client goes on by itself.
async fn lost_sessions_versions_and_services_lose_nothing(database: Database) {
    let simulator = Simulator::start(&["--vms", "60", "--scenario", "lifelike", "--max-updates", "20"]);
    let scene = Scene::with(simulator, database).await;
    scene.control("/churn", json!({"rate": 30})).await;
    for round in 0..2 {
        for (path, body) in [
            ("/versions", json!({"mode": "forget"})),
            ("/sessions/expire", json!({"mode": "fault"})),
            ("/sessions/expire", json!({"mode": "empty"})),
        ] {
            scene.control(path, body).await;
            let from = scene.witness.changes();
            eventually("changes go on", || async { (scene.witness.changes() > from + 20).then_some(()) }).await;
            // The second time both at once: in the middle of reading everything again.
            if round == 0 {
                scene.gateway.wait_for_state(&scene.provider, "live").await;
            }
        }
        scene.control("/restart", json!({"down_ms": 700})).await;
        scene.recovers().await;
    }
    // Faults of the platform itself.
    for fault in ["SystemError", "HostCommunication"] {
        scene.control("/faults", json!({"method": "WaitForUpdatesEx", "fault": fault, "count": 1})).await;
        scene.recovers().await;
    }
    scene.control("/churn", json!({"rate": 0})).await;
    scene.check().await;
    scene.nothing_was_missed().await;
    scene.control("/restart", json!({"down_ms": 700})).await;
    scene.recovers_by_itself().await;
    scene.check().await;
}

/// A change of which no notice comes is found by comparing, shown, and counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_without_notice_is_found_by_comparing() {
    let scene = Scene::start(&["--vms", "20", "--scenario", "lifelike"]).await;
    scene.nothing_was_missed().await;
    let vm = names(&scene.gateway).await.pop_first().unwrap().0;
    scene.control("/mute", json!({"type": "VirtualMachine", "moref": vm})).await;
    scene.control("/vm/update", json!({"vm": vm, "set": {"annotation": "in silence"}})).await;
    eventually("it is shown", || async {
        let vms = scene.gateway.all("vms", "").await;
        vms.iter()
            .any(|shown| shown["description"] == "in silence" && shown["native"]["moref"] == vm.as_str())
            .then_some(())
    })
    .await;
    scene.gateway.metric_rises(MISSED, 0.0).await;
    assert_eq!(scene.gateway.metric(MISSED).await, 1.0);
    scene.control("/mute", json!({"type": "VirtualMachine", "moref": vm, "told": true})).await;
    scene.check().await;
}

/// An account that lost its rights is told of nothing: that is no evidence that nothing is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_inventory_is_a_fault_and_removes_nothing() {
    let scene = Scene::start(&["--vms", "20", "--scenario", "lifelike"]).await;
    let before = parts(&scene.gateway).await;
    scene.control("/hide", json!({})).await;
    scene.control("/sessions/expire", json!({"mode": "fault"})).await;
    assert_eq!(scene.witness.state("unreachable").await, "empty_answer");
    assert_eq!(parts(&scene.gateway).await, before);
    let vms = scene.gateway.all("vms", "").await;
    assert!(vms.iter().all(|vm| vm["power_state"] == "unknown"), "nothing is taken for the present truth");
    scene.control("/hide", json!({"shown": true})).await;
    scene.witness.state("live").await;
    assert!(scene.witness.settle(&scene.gateway).await.is_empty(), "nothing was told to be gone");
    scene.check().await;
}

/// The same of what is polled: one empty list is no evidence, while one that stays empty is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_empty_list_of_tags_removes_no_tag() {
    let scene = Scene::start(&["--vms", "20", "--scenario", "lifelike"]).await;
    let tags = eventually("there are tags", || async {
        Some(scene.gateway.all("tags", "").await).filter(|tags| !tags.is_empty())
    })
    .await;
    let revision = scene.gateway.get("/v1/tags?limit=1").await.ok()["revision"].clone();
    let query = format!("types=tag,vm&from_revision={}", revision.as_str().unwrap());
    let mut watcher = Watcher::begin(&scene.gateway, &query).await.unwrap();
    let list = |count: u32| json!({"mode": "empty", "match": "GET /api/cis/tagging/tag", "count": count});
    for _ in 0..5 {
        scene.control("/wire", list(1)).await;
        // So that two rounds begin until the next one.
        tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    }
    scene.caught_up().await;
    let first = watcher
        .find("the first change", |event| matches!(event.name.as_str(), "put" | "delete").then(|| event.data.clone()))
        .await;
    let note = first["object"]["description"].as_str().unwrap_or_default();
    assert!(note.starts_with("mark-"), "nothing changed before this mark: {first}");
    assert_eq!(scene.gateway.all("tags", "").await.len(), tags.len());
    scene.control("/wire", list(0)).await;
    eventually("there are no tags", || async { scene.gateway.all("tags", "").await.is_empty().then_some(()) }).await;
    scene.control("/wire", json!({"mode": "ok"})).await;
    eventually("they are there again", || async {
        (scene.gateway.all("tags", "").await.len() == tags.len()).then_some(())
    })
    .await;
    scene.check().await;
}

/// One byte a second, and no byte at all; others notice nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vcenter_that_hangs_or_crawls_is_said_so_and_hinders_nobody() {
    let scene = Scene::start(&["--vms", "20", "--scenario", "lifelike"]).await;
    let [hanging, well] =
        ["2", "3"].map(|seed| Simulator::start(&["--vms", "20", "--scenario", "lifelike", "--seed", seed]));
    let hangs = scene.gateway.join(hanging.provider("hanging")).await;
    scene.gateway.join(well.provider("well")).await;
    scene.witness.take_states();
    scene.control("/wire", json!({"mode": "drip", "match": "WaitForUpdatesEx", "count": 1})).await;
    hanging.signal("STOP");
    well.control("/churn", json!({"rate": 10})).await;
    let states = |state: &'static str| {
        let wait = |provider| scene.gateway.wait_for_state(provider, state);
        futures::future::join(wait(scene.provider.as_str()), wait(hangs.as_str()))
    };
    let (crawling, silent) = states("lagging").await;
    for lagging in [crawling, silent] {
        assert_eq!(lagging["sources"][0]["sync"]["reason"], "timed_out", "{lagging}");
    }
    let from = scene.witness.changes();
    let (crawling, silent) = states("unreachable").await;
    for gone in [crawling, silent] {
        assert_eq!(gone["sources"][0]["sync"]["reason"], "timed_out", "{gone}");
        assert!(gone["sources"][0]["sync"]["observed_at"].is_string(), "{gone}");
    }
    assert!(scene.witness.changes() > from, "the other goes on");
    hanging.signal("CONT");
    scene.gateway.wait_for_state(&hangs, "live").await;
    well.control("/churn", json!({"rate": 0})).await;
    scene.check().await;
    compare(&scene.gateway, &hanging, &hangs).await;
}

/// How many machines there are, and what hangs on them, and templates.
async fn parts(gateway: &Gateway) -> [u64; 5] {
    let mut counts = [0; 5];
    for (count, collection) in counts.iter_mut().zip(["vms", "volumes", "nics", "snapshots", "images"]) {
        *count = gateway.get(&format!("/v1/{collection}/count")).await.ok()["count"].as_u64().unwrap();
    }
    counts
}

/// The machines, templates not among them, by their references.
async fn names(gateway: &Gateway) -> BTreeMap<String, Value> {
    let vms = gateway.all("vms", "").await.into_iter();
    vms.map(|vm| (vm["native"]["moref"].as_str().unwrap().to_owned(), vm)).collect()
}

/// Types that nobody knows, values that cannot be read, properties that vanish or may not be read: the object alone is
/// concerned, nothing of it is removed, and it is right again when its properties are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_understood_concerns_one_object_only() {
    let scene = Scene::start(&["--vms", "30", "--scenario", "lifelike"]).await;
    scene.check().await;
    let paths = [
        "config.hardware.device",
        "guest.net",
        "snapshot",
        "runtime.powerState",
        "config.uuid",
        "name",
        "runtime.host",
    ];
    let machines: Vec<String> = names(&scene.gateway).await.into_keys().collect();
    let modes = ["future", "garbage", "gone"];
    let snapshot_at = paths.iter().position(|path| *path == "snapshot").unwrap();
    for mode in 0..modes.len() {
        let moref = &machines[mode * paths.len() + snapshot_at];
        scene.control("/vm/snapshot", json!({"vm": moref, "name": "before"})).await;
    }
    scene.check().await;
    let (before, named) = (parts(&scene.gateway).await, names(&scene.gateway).await);
    let lost = &machines[(modes.len() - 1) * paths.len() + snapshot_at];
    let lost =
        scene.gateway.all("snapshots", "").await.iter().filter(|s| s["vm_id"] == named[lost]["id"]).count() as u64;
    let mut strange = Vec::new();
    // Of a template whose configuration cannot be read it is known that it is one.
    let images = scene.gateway.all("images", "").await.into_iter();
    for image in images.filter(|image| image["format"] == "template") {
        let what = json!({"type": "VirtualMachine", "moref": image["native"]["moref"], "path": "config.template"});
        let mut make = what.clone();
        make["mode"] = json!("gone");
        scene.control("/strange", make).await;
        strange.push(what);
    }
    let images = strange.len();
    for mode in modes {
        for path in paths {
            let moref = &machines[strange.len() - images];
            let what = json!({"type": "VirtualMachine", "moref": moref, "path": path});
            let mut make = what.clone();
            make["mode"] = json!(mode);
            scene.control("/strange", make).await;
            strange.push(what);
        }
    }
    // The others are followed as ever, also after everything was read again.
    for round in 0..2 {
        scene.caught_up().await;
        scene.gateway.wait_for_state(&scene.provider, "live").await;
        let mut now = parts(&scene.gateway).await;
        // A machine that has no such property has no snapshots; nothing else is gone.
        now[3] += lost;
        assert_eq!(now, before);
        let now = names(&scene.gateway).await;
        assert!(named.iter().all(|(moref, vm)| now[moref]["name"] == vm["name"]), "a name that cannot be read is none");
        let provider = scene.gateway.get(&format!("/v1/providers/{}", scene.provider)).await.ok();
        assert_eq!(provider["sources"][0]["quarantined_count"], modes.len(), "those without a name: {provider}");
        if round == 0 {
            scene.control("/versions", json!({"mode": "forget"})).await;
        }
    }
    assert!(scene.witness.settle(&scene.gateway).await.is_empty(), "nothing was told to be gone");
    for what in strange {
        scene.control("/strange", what).await;
    }
    scene.check().await;
    assert_eq!(parts(&scene.gateway).await, before);

    // What may not be read is not gone: here the devices of all machines.
    let deny = |allow: bool| json!({"type": "VirtualMachine", "path": "config.hardware.device", "allow": allow});
    scene.control("/deny", deny(false)).await;
    scene.control("/versions", json!({"mode": "forget"})).await;
    scene.caught_up().await;
    assert_eq!(parts(&scene.gateway).await, before, "what may not be read stays");
    scene.control("/deny", deny(true)).await;
    scene.control("/versions", json!({"mode": "forget"})).await;
    scene.check().await;
    assert_eq!(parts(&scene.gateway).await, before);
}

/// Deltas of elements of lists, identities that come late, and names that are used again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deltas_and_identities_are_followed() {
    let scene = Scene::start(&["--vms", "30", "--scenario", "lifelike"]).await;
    let machines: Vec<String> = scene.machines().await.into_iter().collect();
    for vm in &machines[..5] {
        scene.control("/vm/disk", json!({"vm": vm, "add_gib": 3})).await;
        scene.control("/vm/snapshot", json!({"vm": vm, "name": "before"})).await;
    }
    let truth = scene.simulator.truth().await;
    let objects = truth["objects"].as_array().unwrap();
    let of = |kind: &str| objects.iter().filter(|o| o["type"] == kind).collect::<Vec<_>>();
    // One host loses sight of a datastore: `host["host-…"].mountInfo`.
    let shared = of("Datastore").into_iter().find(|d| d["mounts"].as_object().is_some_and(|m| m.len() > 1)).unwrap();
    let host = shared["mounts"].as_object().unwrap().keys().next().unwrap();
    scene.control("/datastore/state", json!({"datastore": shared["moref"], "accessible": false, "host": host})).await;
    scene.control("/host/state", json!({"host": of("HostSystem")[1]["moref"], "state": "notResponding"})).await;
    scene.caught_up().await;
    scene.control("/host/state", json!({"host": of("HostSystem")[1]["moref"], "state": "normal"})).await;
    // A machine whose UUID comes later, and one made again under the same name.
    let made = scene.control("/vm/create", json!({"name": "late", "count": 1})).await["vms"][0].clone();
    let late = || scene.gateway.by_name("vms", made["name"].as_str().unwrap());
    let with_uuid = eventually("it has a UUID", || async { late().await.filter(|vm| vm["uuid"].is_string()) }).await;
    let uuids = ["config.uuid", "config.instanceUuid", "summary.config.uuid", "summary.config.instanceUuid"];
    for path in uuids {
        let gone = json!({"type": "VirtualMachine", "moref": made["moref"], "path": path, "mode": "gone"});
        scene.control("/strange", gone).await;
    }
    let without = eventually("it has no UUID", || async {
        late().await.filter(|vm| vm["uuid"].is_null() && vm["bios_uuid"].is_null())
    })
    .await;
    assert_eq!(without["id"], with_uuid["id"], "the same machine");
    for path in uuids {
        scene.control("/strange", json!({"type": "VirtualMachine", "moref": made["moref"], "path": path})).await;
    }
    let back =
        eventually("it has its UUID", || async { late().await.filter(|vm| vm["uuid"] == with_uuid["uuid"]) }).await;
    assert_eq!(back["id"], with_uuid["id"], "still the same");
    let again = scene.control("/vm/create", json!({"name": "again", "count": 1})).await["vms"][0].clone();
    let first =
        eventually("the machine is there", || scene.gateway.by_name("vms", again["name"].as_str().unwrap())).await;
    scene.control("/vm/delete", json!({"vm": again["moref"]})).await;
    let second = scene.control("/vm/create", json!({"name": "again", "count": 1})).await["vms"][0].clone();
    scene.control("/vm/rename", json!({"vm": second["moref"], "name": again["name"]})).await;
    let new = eventually("the new machine is there", || async {
        let new = scene.gateway.by_name("vms", again["name"].as_str().unwrap()).await?;
        (new["native"]["moref"] == second["moref"]).then_some(new)
    })
    .await;
    assert_ne!(new["id"], first["id"], "another machine, though its name is the same");
    for vm in &machines[..5] {
        scene.control("/vm/disk", json!({"vm": vm, "remove": true})).await;
        scene.control("/vm/snapshot", json!({"vm": vm, "remove": true})).await;
    }
    scene.check().await;
    scene.nothing_was_missed().await;
}

/// vCenter was restored, or installed anew: it says that it is the same, and calls everything otherwise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vcenter_with_other_references_is_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let identity = folder.path().join("identity");
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let flags =
        ["--vms", "25", "--scenario", "lifelike", "--identity", identity.to_str().unwrap(), "--listen", &address];
    let mut scene = Scene::with(Simulator::start(&flags), Database::Sqlite).await;
    let before = scene.machines().await;
    scene.simulator.kill();
    scene.witness.state("unreachable").await;
    scene.simulator = Simulator::start(&[&flags[..], &["--moref-offset", "5000"]].concat());
    scene.witness.state("live").await;
    assert!(before.is_disjoint(&scene.machines().await));
    scene.check().await;
}

/// A machine that moves between two vCenters is for a moment on both, or on none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_moves_between_vcenters_is_in_the_end_where_it_is() {
    let scene = Scene::start(&["--vms", "15", "--scenario", "lifelike"]).await;
    let other = Simulator::start(&["--vms", "15", "--scenario", "lifelike", "--seed", "7"]);
    let to = scene.gateway.join(other.provider("other")).await;
    for first_both in [true, false] {
        let name = if first_both { "wanderer" } else { "nomad" };
        let here = moved(&scene.simulator, name).await;
        eventually("it is here", || scene.gateway.by_name("vms", name)).await;
        if first_both {
            moved(&other, name).await;
            eventually("it is on both", || async {
                (scene.gateway.all("vms", &format!("name={name}")).await.len() == 2).then_some(())
            })
            .await;
            scene.control("/vm/delete", json!({"vm": here})).await;
        } else {
            scene.control("/vm/delete", json!({"vm": here})).await;
            eventually("it is nowhere", || async {
                scene.gateway.all("vms", &format!("name={name}")).await.is_empty().then_some(())
            })
            .await;
            moved(&other, name).await;
        }
        eventually("it is there, and only there", || async {
            let shown = scene.gateway.all("vms", &format!("name={name}")).await;
            (shown.len() == 1 && shown[0]["provider_id"] == to.as_str()).then_some(())
        })
        .await;
    }
    scene.check().await;
    compare(&scene.gateway, &other, &to).await;
}

/// A machine of the name on a vCenter, with the same instance UUID on each. Gives its reference.
async fn moved(simulator: &Simulator, name: &str) -> String {
    let made = simulator.control("/vm/create", json!({"name": name, "count": 1})).await["vms"][0].clone();
    let moref = made["moref"].as_str().unwrap().to_owned();
    let set = json!({"name": name, "instance_uuid": "5014a7b2-1111-4000-8000-00000000beef"});
    simulator.control("/vm/update", json!({"vm": moref, "set": set})).await;
    moref
}

/// A whole department is deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_machines_deleted_at_once_are_gone_and_no_other() {
    let simulator = Simulator::start(&["--vms", "5300", "--scenario", "flat"]);
    let gateway = Gateway::start(Database::Sqlite).await;
    let id = gateway.add_provider(simulator.provider("vc")).await;
    // Without optimization, on a busy machine, this takes its time.
    for most in [1500, 3000, 4500, 5300] {
        eventually("so many machines", || async {
            (gateway.get("/v1/vms/count").await.ok()["count"].as_u64()? >= most).then_some(())
        })
        .await;
    }
    gateway.wait_for_state(&id, "live").await;
    simulator.control("/vm/delete", json!({"count": 5000})).await;
    eventually("only the others are there", || async {
        (gateway.get("/v1/vms/count").await.ok()["count"] == 300).then_some(())
    })
    .await;
    compare(&gateway, &simulator, &id).await;
    // Nothing of them is left.
    for (collection, of_each) in [("nics", "nic_count"), ("volumes", "volume_count")] {
        let vms = gateway.all("vms", "").await;
        let expected: u64 = vms.iter().map(|vm| vm[of_each].as_u64().unwrap()).sum();
        assert_eq!(gateway.get(&format!("/v1/{collection}/count")).await.ok()["count"], expected, "{collection}");
    }
}
