//! The gateway in trouble: killed at any instant, without its database, without room, without file handles. After each fault
//! the model equals the platform, no change was lost or told twice, and nobody had to help.

use std::process::Command;
use std::time::{Duration, Instant};

use rand::Rng as _;
use rand::rngs::StdRng;
use reqwest::Method;
use serde_json::json;

use crate::comparison::vsphere::{caught_up, compare};
use crate::harness::{
    Database, Gateway, LATE, Mode, Preload, Relay, Setup, Simulator, Witness, eventually, output, postgres, random,
    server_command,
};

on_both_databases!(killed_at_any_instant_of_a_first_load, killed_at_any_instant_of_many_changes);

const KILLS: u32 = 20;

async fn pause(random: &mut StdRng, up_to_ms: u64) {
    tokio::time::sleep(Duration::from_millis(random.random_range(0..up_to_ms))).await;
}

async fn killed_at_any_instant_of_a_first_load(database: Database) {
    let mut random = random();
    let simulator = Simulator::start(&["--vms", "400", "--scenario", "lifelike"]);
    let mut gateway = Gateway::start(database).await;
    let id = gateway.add_provider(simulator.provider("vc")).await;
    let mut while_loading = 0;
    for _ in 0..KILLS {
        pause(&mut random, 900).await;
        let provider = gateway.get(&format!("/v1/providers/{id}")).await.ok();
        while_loading += u32::from(provider["sources"][0]["sync"]["state"] != "live");
        gateway.kill_and_restart().await;
    }
    assert!(while_loading > KILLS / 4, "only {while_loading} kills fell into a load");
    gateway.wait_for_state(&id, "live").await;
    caught_up(&gateway, &simulator).await;
    compare(&gateway, &simulator, &id).await;
}

async fn killed_at_any_instant_of_many_changes(database: Database) {
    let mut random = random();
    let simulator = Simulator::start(&["--vms", "60", "--scenario", "lifelike"]);
    let mut gateway = Gateway::start(database).await;
    let id = gateway.join(simulator.provider("vc")).await;
    let witness = Witness::begin(&gateway).await;
    simulator.control("/churn", json!({"rate": 100})).await;
    for kill in 0..KILLS {
        // Some while it still reads everything, some while it follows.
        if kill % 3 == 0 {
            gateway.wait_for_state(&id, "live").await;
        }
        pause(&mut random, 700).await;
        gateway.kill_and_restart().await;
        witness.follow(&gateway);
    }
    simulator.control("/churn", json!({"rate": 0})).await;
    gateway.wait_for_state(&id, "live").await;
    caught_up(&gateway, &simulator).await;
    witness.settle(&gateway).await;
    compare(&gateway, &simulator, &id).await;
}

/// A gateway with a vCenter that changes all the time, and somebody who listens.
struct Scene {
    simulator: Simulator,
    gateway: Gateway,
    provider: String,
    witness: Witness,
}

impl Scene {
    async fn start(setup: Setup) -> Self {
        let simulator = Simulator::start(&["--vms", "30", "--scenario", "lifelike"]);
        let gateway = Gateway::start_as(setup).await;
        let provider = gateway.join(simulator.provider("vc")).await;
        let witness = Witness::begin(&gateway).await;
        witness.state("live").await;
        simulator.control("/churn", json!({"rate": 20})).await;
        Self { simulator, gateway, provider, witness }
    }

    /// While the database takes nothing: reads go on, wishes are refused as what they are, and the state says why.
    async fn without_database(&self, state: &str) {
        assert_eq!(self.witness.state(state).await, "store_failed");
        assert!(!self.gateway.all("vms", "").await.is_empty(), "reads go on");
        let wish = json!({"name": "wish", "kind": "kvm", "endpoints": ["test:///default"]});
        let refused = self.gateway.call(Method::POST, "/v1/providers", Some(wish)).await;
        assert!(refused.status.is_server_error(), "{refused:?}");
        refused.problem();
    }

    /// The next try is made now: that the waits grow with every failure is left out.
    async fn hurry(&self) {
        let path = format!("/v1/providers/{}/resync", self.provider);
        eventually("it takes the wish", || async {
            let answer = self.gateway.post(&path, json!({})).await;
            answer.status.is_success().then_some(())
        })
        .await;
    }

    async fn check(self) {
        self.simulator.control("/churn", json!({"rate": 0})).await;
        self.gateway.wait_for_state(&self.provider, "live").await;
        caught_up(&self.gateway, &self.simulator).await;
        self.witness.settle(&self.gateway).await;
        compare(&self.gateway, &self.simulator, &self.provider).await;
        assert!(!self.gateway.log().contains("panicked"), "{}", self.gateway.log());
    }
}

/// A relay before a database, and the database's address through it.
async fn relayed(database: &str) -> (Relay, String) {
    let mut url = url::Url::parse(database).unwrap();
    let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap()).parse().unwrap();
    let relay = Relay::start(server).await;
    url.set_port(Some(relay.address.port())).unwrap();
    (relay, url.into())
}

const QUICK: &str = "[sync]\nlagging_after_s = 15\n";

/// PostgreSQL is stopped, is killed in the middle of commits, and does not answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_it_serves_and_says_so() {
    let (relay, url) = relayed(&postgres::new_database().await).await;
    let setup = Setup { configuration: QUICK.to_owned(), database_url: Some(url), ..Setup::default() };
    let scene = Scene::start(setup).await;
    // Connections that break at any moment, also between a commit and its answer.
    let mut random = random();
    for _ in 0..5 {
        relay.set(Mode::Refuse);
        assert_eq!(scene.witness.state("unreachable").await, "store_failed");
        relay.set(Mode::Pass);
        scene.hurry().await;
        scene.witness.state("live").await;
        pause(&mut random, 400).await;
    }
    // Gone for half a minute; then nobody has to help.
    relay.set(Mode::Refuse);
    let gone = Instant::now();
    scene.without_database("unreachable").await;
    while gone.elapsed() < Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!scene.gateway.all("vms", "").await.is_empty(), "reads go on");
    }
    relay.set(Mode::Pass);
    scene.witness.state("live").await;
    relay.set(Mode::Freeze);
    // A commit that was under way hangs, one that begins does not get a connection.
    assert_eq!(scene.witness.one_of(&["lagging", "unreachable"]).await, "store_failed");
    assert!(!scene.gateway.all("vms", "").await.is_empty(), "reads go on");
    relay.set(Mode::Pass);
    scene.hurry().await;
    scene.witness.state("live").await;
    scene.check().await;
}

/// A connection breaks between a commit and its answer, and the commit arrives when everything was read anew: what it brings
/// late is not taken for what is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_arrives_late_is_waited_for() {
    let (relay, url) = relayed(&postgres::new_database().await).await;
    let simulator = Simulator::start(&["--vms", "30", "--scenario", "lifelike"]);
    let gateway = Gateway::start_as(Setup { database_url: Some(url), ..Setup::default() }).await;
    let provider = gateway.join(simulator.provider("vc")).await;
    let witness = Witness::begin(&gateway).await;
    witness.state("live").await;
    let vm = gateway.all("vms", "condition=ok").await.swap_remove(0);
    let note = async |text: &str| {
        simulator.control("/vm/update", json!({"vm": vm["native"]["moref"], "set": {"annotation": text}})).await;
    };
    note("as it is").await;
    caught_up(&gateway, &simulator).await;
    relay.set(Mode::LateCommit);
    note("as it is for a moment").await;
    assert_eq!(witness.state("unreachable").await, "store_failed");
    note("as it is").await;
    relay.set(Mode::Pass);
    gateway.post(&format!("/v1/providers/{provider}/resync"), json!({})).await.ok();
    witness.state("live").await;
    caught_up(&gateway, &simulator).await;
    tokio::time::sleep(LATE).await;
    caught_up(&gateway, &simulator).await;
    let vm = gateway.get(&format!("/v1/vms/{}", vm["id"].as_str().unwrap())).await.ok();
    assert_eq!(vm["description"], "as it is");
    witness.settle(&gateway).await;
    compare(&gateway, &simulator, &provider).await;
}

/// A standby, or an administrator's precaution.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_read_only_database_it_serves_and_says_so() {
    let url = postgres::new_database().await;
    let name = url.rsplit('/').next().unwrap().to_owned();
    let scene = Scene::start(Setup { database_url: Some(url.clone()), ..Setup::default() }).await;
    let switch = async |read_only: &str| {
        postgres::administer(&format!("ALTER DATABASE {name} SET default_transaction_read_only = {read_only}")).await;
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname =";
        postgres::administer(&format!("{end} '{name}'")).await;
    };
    switch("on").await;
    scene.without_database("unreachable").await;
    switch("off").await;
    scene.witness.state("live").await;
    scene.check().await;
}

/// The kernel makes a file system read-only when its disk fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_file_system_that_turns_read_only_it_serves_and_says_so() {
    let files = Preload::read_only();
    let scene = Scene::start(Setup { wrapper: files.wrapper(), ..Setup::default() }).await;
    files.tell(1);
    scene.without_database("unreachable").await;
    files.tell(0);
    scene.witness.state("live").await;
    scene.check().await;
}

/// A data directory of some megabytes, which only the gateway sees.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_it_serves_and_says_so() {
    // The sixth word of the command is the data directory.
    let script = "mount -t tmpfs -o size=24m,mode=700 none \"$6\" && : > \"$6/spandrel.toml\" && exec \"$@\"";
    let wrapper = ["unshare", "-m", "sh", "-c", script, "sh"].map(str::to_owned);
    let scene = Scene::start(Setup { wrapper: wrapper.to_vec(), ..Setup::default() }).await;
    let data = scene.gateway.data.path().to_str().unwrap().to_owned();
    let within = |command: &str| {
        let pid = scene.gateway.pid().to_string();
        Command::new("nsenter").args(["-m", "-t", &pid, "sh", "-c", command, &data]).output().expect("nsenter runs")
    };
    assert!(within("test -s \"$0/spandrel.sqlite\"").status.success(), "the database is in the small file system");
    within("cat /dev/zero > \"$0/fill\"");
    scene.without_database("unreachable").await;
    assert!(within("rm \"$0/fill\"").status.success());
    scene.witness.state("live").await;
    scene.check().await;
}

/// Nothing can be written where the data are: it does not start, and says why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_read_only_directory_it_does_not_start_and_says_why() {
    let mut gateway = Gateway::start(Database::Sqlite).await;
    assert!(gateway.stop().success());
    let data = gateway.data.path();
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\"";
    let wrapper = ["unshare", "-m", "sh", "-c", script, data.to_str().unwrap()].map(str::to_owned);
    let refused = server_command(data, &Setup { wrapper: wrapper.to_vec(), ..Setup::default() }).output().unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.to_lowercase().contains("read-only") && said.contains(data.to_str().unwrap()), "{said}");
    gateway.restart().await;
}

/// All file handles are in use: by too many clients, by a leak of another program under the same limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn out_of_file_handles_it_goes_on_and_recovers() {
    let scene = Scene::start(Setup::default()).await;
    let pid = scene.gateway.pid().to_string();
    let limit = |handles: &str| output(Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={handles}:")]));
    limit("8");
    // What is open goes on: the listener still hears of changes.
    let from = scene.witness.changes();
    eventually("changes go on", || async { (scene.witness.changes() > from + 20).then_some(()) }).await;
    // Nothing new can be opened: not by a client, and not to the platform, whose connections end.
    scene.simulator.control("/stop-accepting", json!({"close": true})).await;
    scene.simulator.control("/start-accepting", json!({})).await;
    let reason = scene.witness.state("unreachable").await;
    assert!(["connection_lost", "connect_failed"].contains(&reason.as_str()), "{reason}");
    let client = reqwest::Client::builder().timeout(Duration::from_secs(2)).build().unwrap();
    assert!(client.get(format!("{}/healthz", scene.gateway.url)).send().await.is_err(), "no handle for another client");
    limit("20000");
    scene.witness.state("live").await;
    scene.check().await;
}
