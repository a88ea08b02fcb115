//! libvirt hosts in trouble. After each fault the model equals the platform, nothing was told that cannot be, nothing was
//! removed without evidence, the state was honest, and nobody had to help.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::Rng as _;
use serde_json::{Value, json};

use crate::comparison::kvm::{compare, compare_machines};
use crate::harness::{Database, Gateway, HangingFolder, Lab, LibvirtRelay, Mode, Witness, eventually, output, random};

on_both_databases!(whatever_happens_to_libvirtd_loses_nothing);

/// Comparisons are frequent, so that one that finds something is noticed.
const WATCHFUL: &str = "[sync]\ncompare_every_s = 10\npoll_every_s = 1\nlagging_after_s = 15\n";

/// Enough that reading all of them takes a moment in which something can happen.
const DOMAINS: u32 = 40;

fn domain(name: &str, uuid: &str, more: &str) -> String {
    let uuid = if uuid.is_empty() { String::new() } else { format!("<uuid>{uuid}</uuid>") };
    format!(
        "<domain type='qemu'><name>{name}</name>{uuid}{more}<memory unit='MiB'>64</memory><vcpu>1</vcpu>\
         <os><type arch='x86_64'>hvm</type></os><devices><memballoon model='none'/></devices></domain>"
    )
}

/// A libvirt host that is followed, and somebody who listens.
struct Scene {
    lab: Lab,
    relay: LibvirtRelay,
    gateway: Gateway,
    provider: String,
    witness: Witness,
}

impl Scene {
    async fn start() -> Self {
        Self::with(Lab::start(0, &[]), Database::Sqlite).await
    }

    async fn with(lab: Lab, database: Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let defines = (0..DOMAINS).map(|number| {
            let file = folder.path().join(number.to_string());
            std::fs::write(&file, domain(&format!("many-{number}"), "", "")).unwrap();
            format!("define {}", file.display())
        });
        lab.virsh_all(&defines.collect::<Vec<_>>());
        let relay = LibvirtRelay::start(&lab);
        let gateway = Gateway::start_configured(database, WATCHFUL).await;
        let provider = gateway.join(json!({"name": "kvm", "kind": "kvm", "endpoints": [relay.uri()]})).await;
        let witness = Witness::begin(&gateway).await;
        let scene = Self { lab, relay, gateway, provider, witness };
        scene.witness.state("live").await;
        scene
    }

    /// The next try is made now, and succeeds: that the waits grow with every failure is left out. The states until then are
    /// taken.
    async fn recovers(&self) {
        self.gateway.post(&format!("/v1/providers/{}/resync", self.provider), json!({})).await.ok();
        let provider = self.gateway.wait_for_state(&self.provider, "live").await;
        self.witness.heard(&provider).await;
    }

    async fn named(&self, name: &str) -> Value {
        eventually(&format!("{name} is shown"), || self.gateway.by_name("vms", name)).await
    }

    async fn not_named(&self, name: &str) {
        eventually(&format!("{name} is not shown"), || async {
            self.gateway.by_name("vms", name).await.is_none().then_some(())
        })
        .await;
    }

    /// All is as it should be, once the platform rests.
    async fn check(&self) {
        self.gateway.wait_for_state(&self.provider, "live").await;
        self.lab.define("define", &domain("mark", "", ""));
        self.named("mark").await;
        self.lab.virsh(&["undefine", "mark"]);
        self.not_named("mark").await;
        let gone = self.witness.settle(&self.gateway).await;
        let there = self.lab.virsh_lines(&["list", "--all", "--uuid"]);
        let there: BTreeSet<String> = there.iter().map(|uuid| format!("{}/{uuid}", self.provider)).collect();
        let wrong: Vec<_> = gone.intersection(&there).collect();
        assert!(wrong.is_empty(), "told to be gone, and there: {wrong:?}");
        compare(&self.gateway, &self.lab, &self.provider).await;
        assert!(!self.gateway.log().contains("panicked"), "{}", self.gateway.log());
    }

    /// The kinds of what is in quarantine.
    async fn quarantined(&self) -> Vec<String> {
        let list = self.gateway.get(&format!("/v1/providers/{}/quarantine", self.provider)).await.ok();
        let kinds = list["items"].as_array().unwrap().iter().map(|item| item["kind"].as_str().unwrap().to_owned());
        kinds.collect()
    }

    /// How many changes a comparison found that no notice had told.
    async fn missed(&self) -> f64 {
        self.gateway.metric("spandrel_sync_missed_changes_total").await
    }
}

/// Somebody who changes machines all the time, whether libvirtd is there or not.
struct Churn {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Churn {
    fn start(lab: &Lab) -> Self {
        let uri = lab.uri();
        let names = lab.virsh_lines(&["list", "--all", "--name"]);
        let guest = names.into_iter().find(|name| !name.starts_with("many-")).expect("the lab's own guest");
        // It runs for moments only, so that it takes no time from others.
        lab.virsh(&["start", &guest, "--paused"]);
        let stop = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let file = tempfile::NamedTempFile::new().unwrap();
            let mut round = 0_u32;
            while !until.load(Ordering::Relaxed) {
                round += 1;
                let (name, renamed) = (format!("churn-{round}"), format!("renamed-{round}"));
                std::fs::write(file.path(), domain(&name, "", "")).unwrap();
                let commands = format!(
                    "define {}; domrename {name} {renamed}; desc {renamed} --config round-{round}; resume {guest}; \
                     suspend {guest}; undefine renamed-{}",
                    file.path().display(),
                    round.saturating_sub(3)
                );
                // In the middle of it libvirtd may end.
                drop(Command::new("virsh").args(["-q", "-c", &uri, &commands]).output().unwrap());
            }
        });
        Self { stop, thread: Some(thread) }
    }

    fn end(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

/// libvirtd is killed, stopped in order, stands still: while machines change, and while everything is read.
async fn whatever_happens_to_libvirtd_loses_nothing(database: Database) {
    let mut random = random();
    let scene = Scene::with(Lab::start(1, &["--no-start"]), database).await;
    let known = scene.gateway.all("vms", "").await.len();
    let churn = Churn::start(&scene.lab);
    for kill in [true, false] {
        let from = scene.witness.changes();
        eventually("changes come", || async { (scene.witness.changes() > from + 10).then_some(()) }).await;
        if kill {
            scene.lab.signal("KILL")
        } else {
            scene.lab.stop()
        }
        let reason = scene.witness.state("unreachable").await;
        assert!(["connection_lost", "connect_failed"].contains(&reason.as_str()), "{reason}");
        scene.lab.start_again();
        scene.recovers().await;
    }
    // Again and again before everything is read.
    for kill in 0..4 {
        scene.gateway.post(&format!("/v1/providers/{}/resync", scene.provider), json!({})).await.ok();
        tokio::time::sleep(Duration::from_millis(random.random_range(0..400))).await;
        if kill % 2 == 0 {
            scene.lab.signal("KILL")
        } else {
            scene.lab.stop()
        }
        scene.lab.start_again();
    }
    // Only the last of them tells of this one.
    scene.lab.define("define", &domain("after-the-kills", "", ""));
    scene.named("after-the-kills").await;
    scene.recovers().await;
    // It stands still: first while things change, then when the gateway has just begun to read.
    for while_loading in [false, true] {
        if while_loading {
            scene.gateway.post(&format!("/v1/providers/{}/resync", scene.provider), json!({})).await.ok();
            tokio::time::sleep(Duration::from_millis(random.random_range(0..100))).await;
        }
        scene.lab.signal("STOP");
        assert_eq!(scene.witness.state("unreachable").await, "timed_out");
        let shown = scene.gateway.all("vms", "").await;
        assert!(shown.len() >= known, "nothing is removed");
        assert!(shown.iter().all(|vm| vm["power_state"] == "unknown"), "and nothing is taken for the present truth");
        scene.lab.signal("CONT");
        scene.recovers().await;
    }
    churn.end();
    scene.check().await;
    // And nobody has to ask for the next try.
    scene.witness.take_states();
    scene.lab.signal("KILL");
    scene.witness.state("unreachable").await;
    scene.lab.start_again();
    scene.witness.state("live").await;
    scene.check().await;
}

const UUID: &str = "7a1f9a52-5d0c-4b1e-9a36-c0ffee0000";

/// Machines come, go and are renamed, while they are followed, while nobody is connected, and while notices are lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_becomes_of_machines_is_found_with_notices_and_without() {
    let scene = Scene::start().await;
    let missed_before = scene.missed().await;
    for (number, mode) in [Mode::Pass, Mode::Refuse, Mode::Freeze, Mode::LoseEvents].into_iter().enumerate() {
        let name = |what: &str| format!("{what}-{number}");
        let uuid = |last: u32| format!("{UUID}{number}{last}");
        for (what, last) in [("renamed", 1), ("goes", 2), ("replaced", 3)] {
            scene.lab.define("define", &domain(&name(what), &uuid(last), ""));
        }
        let before = [scene.named(&name("renamed")).await, scene.named(&name("replaced")).await];
        scene.named(&name("goes")).await;
        scene.relay.set(mode);
        if mode == Mode::Refuse {
            scene.witness.state("unreachable").await;
        }
        scene.lab.virsh(&["domrename", &name("renamed"), &name("new")]);
        scene.lab.virsh(&["undefine", &name("goes")]);
        scene.lab.virsh(&["undefine", &name("replaced")]);
        scene.lab.define("define", &domain(&name("replaced"), &uuid(4), ""));
        scene.lab.define("define", &domain(&name("comes"), &uuid(5), ""));
        scene.lab.define("net-define", &format!("<network><name>{}</name></network>", name("net")));
        if mode == Mode::Refuse {
            // The listener does not hear of what happens to machines now: it is the gateway that is cut off.
            assert!(scene.gateway.by_name("vms", &name("goes")).await.is_some(), "nothing is known of it");
            scene.relay.set(Mode::Pass);
            scene.recovers().await;
        } else if mode == Mode::Freeze {
            // Less than libvirt's keep-alive waits: all of it comes late.
            tokio::time::sleep(Duration::from_secs(3)).await;
            scene.relay.set(Mode::Pass);
        }
        assert_eq!(scene.named(&name("new")).await["id"], before[0]["id"], "another name, the same machine");
        scene.named(&name("comes")).await;
        scene.not_named(&name("goes")).await;
        scene.not_named(&name("renamed")).await;
        let replaced = eventually("the machine that was made anew", || async {
            let shown = scene.gateway.by_name("vms", &name("replaced")).await?;
            (shown["uuid"] == uuid(4).as_str()).then_some(shown)
        })
        .await;
        assert_ne!(replaced["id"], before[1]["id"], "the same name, another machine");
        let network = name("net");
        eventually("the network", || scene.gateway.by_name("networks", &network)).await;
        if mode == Mode::LoseEvents {
            // What was found by comparing is told to whoever looks after the gateway, once no notice came.
            eventually("it is counted", || async { (scene.missed().await > missed_before).then_some(()) }).await;
        } else {
            assert_eq!(scene.missed().await, missed_before, "{mode:?}");
        }
        scene.relay.set(Mode::Pass);
    }
    // What was connected while notices were lost goes on with them.
    scene.check().await;
}

/// Odd things concern themselves only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_definitions_and_names_concern_one_object_only() {
    let scene = Scene::start().await;
    let large = "x".repeat(1 << 20);
    let metadata = format!(
        "<metadata><future:thing xmlns:future='urn:example:future' of='2040'><future:deep>{large}</future:deep>\
         </future:thing></metadata>"
    );
    scene.lab.define("define", &domain("large", "", &metadata));
    // libvirt keeps foreign metadata; elements that it does not know itself are for kvm/src/xml/tests.rs.
    let unknown = "<telepathy mode='deep'><thought/></telepathy><metadata><x:y xmlns:x='urn:x'>1</x:y></metadata>";
    scene.lab.define("define", &domain("strange", "", unknown));
    scene.named("large").await;
    scene.named("strange").await;
    assert!(scene.lab.virsh(&["dumpxml", "large"]).len() > 1 << 20, "libvirt keeps it");
    // Names that are no text: libvirt takes them from the file system, and for a rename, as they are.
    let strange = scene.named("strange").await;
    let (id, uuid) = (strange["id"].as_str().unwrap(), strange["uuid"].as_str().unwrap());
    let bad = OsStr::from_bytes(b"bad-\xff\xfe");
    let images = scene.lab.inside("images");
    for name in [bad, OsStr::new("good")] {
        std::fs::write(images.join(name), vec![0; 4096]).unwrap();
    }
    let renamed = |to: &OsStr| {
        let mut virsh = Command::new("virsh");
        output(virsh.args(["-q", "-c", &scene.lab.uri(), "domrename", uuid]).arg(to));
    };
    renamed(bad);
    eventually("both are said to be left out", || async {
        let mut kinds = scene.quarantined().await;
        kinds.sort();
        (kinds == ["vm", "volume"]).then_some(())
    })
    .await;
    scene.lab.define("define", &domain("bystander", "", ""));
    scene.named("bystander").await;
    eventually("the other file", || scene.gateway.by_name("volumes", "good")).await;
    let known = scene.gateway.get(&format!("/v1/vms/{id}")).await.ok();
    assert_eq!(known["name"], "strange", "what was known of it stays");
    let provider = scene.gateway.get(&format!("/v1/providers/{}", scene.provider)).await.ok();
    assert_eq!(provider["sources"][0]["sync"]["state"], "live", "{provider}");
    assert_eq!(provider["sources"][0]["quarantined_count"], 2, "{provider}");
    renamed(OsStr::new("fine"));
    std::fs::remove_file(images.join(bad)).unwrap();
    assert_eq!(scene.named("fine").await["id"], id);
    eventually("nothing is left out", || async { scene.quarantined().await.is_empty().then_some(()) }).await;
    scene.check().await;
}

/// Two hosts of one cluster, the second behind a relay.
struct Cluster {
    labs: [Lab; 2],
    relay: LibvirtRelay,
    gateway: Gateway,
    provider: String,
    witness: Witness,
}

impl Cluster {
    async fn start() -> Self {
        let labs = [Lab::start(0, &[]), Lab::start(0, &["--host-index", "1"])];
        let relay = LibvirtRelay::start(&labs[1]);
        let gateway = Gateway::start_configured(Database::Sqlite, WATCHFUL).await;
        let endpoints = [labs[0].uri(), relay.uri()];
        let provider = gateway.join(json!({"name": "cluster", "kind": "kvm", "endpoints": endpoints})).await;
        let witness = Witness::begin(&gateway).await;
        Self { labs, relay, gateway, provider, witness }
    }

    /// The state of the source behind the relay, and of the other.
    async fn states(&self) -> [Value; 2] {
        let provider = self.gateway.get(&format!("/v1/providers/{}", self.provider)).await.ok();
        let mut sources = provider["sources"].as_array().unwrap().clone();
        sources.sort_by_key(|source| source["endpoint"] == self.relay.uri().as_str());
        [sources[0]["sync"].clone(), sources[1]["sync"].clone()]
    }

    async fn second_is(&self, state: &str) {
        eventually(&format!("the second host is {state}"), || async {
            let [first, second] = self.states().await;
            assert_eq!(first["state"], "live", "the other host is not concerned");
            (second["state"] == state).then_some(())
        })
        .await;
    }

    async fn until(&self, id: &str, what: &str, holds: impl Fn(&Value) -> bool) {
        eventually(what, || async {
            let answer = self.gateway.get(&format!("/v1/vms/{id}")).await;
            let body = answer.ok();
            holds(&body).then_some(())
        })
        .await;
    }

    /// Every domain of both hosts is shown, once, and nothing else is.
    async fn check(&self) {
        self.gateway.wait_for_state(&self.provider, "live").await;
        let domains = self.labs.iter().flat_map(|lab| lab.virsh_lines(&["list", "--all", "--uuid"]));
        let domains: BTreeSet<String> = domains.collect();
        eventually("every machine is shown, and no other", || async {
            let shown = self.gateway.all("vms", "").await;
            let uuids: BTreeSet<String> = shown.iter().map(|vm| vm["uuid"].as_str().unwrap().to_owned()).collect();
            (shown.len() == uuids.len() && uuids == domains).then_some(())
        })
        .await;
        let gone = self.witness.settle(&self.gateway).await;
        let wrong = domains.iter().filter(|uuid| gone.contains(&format!("{}/{uuid}", self.provider)));
        assert_eq!(wrong.count(), 0, "told to be gone, and there: {gone:?}");
        let [first, second] = &self.labs;
        compare_machines(&self.gateway, &[first, second], &self.provider).await;
    }
}

/// A machine that left a host may be at another one, which hangs: as long as that does not answer, it is not told to be gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_moves_to_a_host_that_hangs_is_unknown_until_that_answers() {
    let cluster = Cluster::start().await;
    let uuids = [1, 2].map(|last| format!("{UUID}f{last}"));
    for (name, uuid) in ["mover", "goner"].into_iter().zip(&uuids) {
        cluster.labs[0].define("define", &domain(name, uuid, ""));
    }
    let mut ids = Vec::new();
    for name in ["mover", "goner"] {
        let vm = eventually("it is shown", || cluster.gateway.by_name("vms", name)).await;
        assert_eq!(vm["power_state"], "stopped");
        ids.push(vm["id"].as_str().unwrap().to_owned());
    }
    // Neither is on a host that answers; one of them is on the other.
    cluster.relay.set(Mode::Freeze);
    cluster.labs[1].define("define", &domain("mover", &uuids[0], ""));
    for name in ["mover", "goner"] {
        cluster.labs[0].virsh(&["undefine", name]);
    }
    cluster.second_is("unreachable").await;
    for id in &ids {
        cluster.until(id, "nobody knows where it is", |vm| vm["power_state"] == "unknown").await;
        cluster.until(id, "nor on which host", |vm| vm["host_id"].is_null() && vm["sync"] == "unreachable").await;
    }
    // What the first host has meanwhile comes and goes as ever; what it lost may also be at the second.
    cluster.labs[0].define("define", &domain("other", "", ""));
    eventually("another machine", || cluster.gateway.by_name("vms", "other")).await;
    assert!(cluster.witness.settle(&cluster.gateway).await.is_empty(), "nothing was told to be gone");
    cluster.relay.set(Mode::Pass);
    cluster.second_is("live").await;
    cluster
        .until(&ids[0], "it is where it went", |vm| vm["power_state"] == "stopped" && vm["host_id"].is_string())
        .await;
    let gone = format!("/v1/vms/{}", ids[1]);
    eventually("the other is gone", || async { (cluster.gateway.get(&gone).await.status == 404).then_some(()) }).await;
    cluster.check().await;
    // While both answer, one that is nowhere is gone at once.
    cluster.labs[0].virsh(&["undefine", "other"]);
    eventually("it is gone", || async { cluster.gateway.by_name("vms", "other").await.is_none().then_some(()) }).await;
    cluster.check().await;
}

/// The storage of a pool hangs, as a file server does that is gone. libvirt is silent about the pool, and about the list of
/// all pools; what is told of the rest of the host goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storage_pool_that_hangs_concerns_itself_only() {
    let scene = Scene::start().await;
    let (pool, file) = (scene.lab.inside("remote"), scene.lab.inside("remote/disk.img"));
    std::fs::create_dir(&pool).unwrap();
    std::fs::write(&file, vec![0; 8192]).unwrap();
    scene.lab.virsh(&["pool-define-as", "remote", "dir", "--target", "/var/lib/libvirt/remote"]);
    scene.lab.virsh(&["pool-start", "remote"]);
    let disk = eventually("its disk", || scene.gateway.by_name("volumes", "disk.img")).await;
    scene.witness.take_states();
    let hanging = HangingFolder::over(&scene.lab, "remote");
    // The gateway has libvirt look at the pool again, and that hangs.
    eventually("the pool is in quarantine", || async { (scene.quarantined().await == ["datastore"]).then_some(()) })
        .await;
    // Also after another comparison everything else is followed, with events and without, and nothing is gone.
    for round in 0..2 {
        let name = format!("while-it-hangs-{round}");
        scene.lab.define("define", &domain(&name, "", ""));
        scene.named(&name).await;
        let file = format!("{name}.img");
        std::fs::write(scene.lab.inside("images").join(&file), vec![0; 4096]).unwrap();
        eventually("a file in another pool", || scene.gateway.by_name("volumes", &file)).await;
        if round == 0 {
            tokio::time::sleep(Duration::from_secs(11)).await;
        }
        scene.lab.virsh(&["undefine", &name]);
        scene.not_named(&name).await;
    }
    assert_eq!(scene.gateway.by_name("volumes", "disk.img").await.expect("what was known stays")["id"], disk["id"]);
    let states = scene.witness.take_states();
    assert!(states.iter().all(|(state, _)| state == "live"), "the host was never anything but live: {states:?}");
    // The server is back: what hung returns, and the pool is read again.
    drop(hanging);
    eventually("nothing is in quarantine", || async { scene.quarantined().await.is_empty().then_some(()) }).await;
    if scene.lab.virsh_lines(&["pool-list", "--name"]).iter().all(|name| name != "remote") {
        // libvirt stops a pool whose storage failed.
        scene.lab.virsh(&["pool-start", "remote"]);
    }
    eventually("the pool is in use again", || async {
        (scene.gateway.by_name("datastores", "remote").await?["state"] == "accessible").then_some(())
    })
    .await;
    assert_eq!(scene.gateway.by_name("volumes", "disk.img").await.expect("the disk")["id"], disk["id"]);
    scene.check().await;
}
