//! Clocks that jump, the gateway's and the platforms'. Order and waits go by what has passed: nothing is lost, nothing ends,
//! and every time that is shown is the one of the clock that it is of.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::comparison;
use crate::harness::{Database, Gateway, Lab, Preload, Setup, Simulator, Witness, eventually};

on_both_databases!(clocks_that_jump_lose_nothing);

const DAY_S: i64 = 86_400;

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no time: {value}"))
}

/// Whether a time is one of a clock that is ahead by so much, give or take what a test may last.
fn is_of(at: DateTime<Utc>, ahead_s: i64) -> bool {
    (at - spandrel::clock::Clock::system().now() - TimeDelta::seconds(ahead_s)).abs() < TimeDelta::hours(2)
}

/// A gateway with a clock of its own, and what it follows.
struct Scene {
    clock: Preload,
    simulator: Simulator,
    lab: Lab,
    gateway: Gateway,
    /// The vCenter and the libvirt host.
    providers: [String; 2],
    witness: Witness,
}

impl Scene {
    async fn start(database: Database) -> Self {
        let clock = Preload::clock();
        let simulator = Simulator::start(&["--vms", "30", "--scenario", "lifelike"]);
        let lab = Lab::start(0, &[]);
        let setup = Setup { wrapper: clock.wrapper(), ..Setup::on(database, "[sync]\ncompare_every_s = 10\n").await };
        let mut gateway = Gateway::start_as(setup).await;
        // A session would end with the first jump.
        let token = gateway.post("/v1/tokens", json!({"name": "lasting", "expires_in_days": 365})).await.ok();
        gateway.token = token["token"].as_str().expect("a token").to_owned();
        let providers = [gateway.join(simulator.provider("vc")).await, gateway.join(lab.provider("kvm")).await];
        let witness = Witness::begin(&gateway).await;
        witness.state("live").await;
        Self { clock, simulator, lab, gateway, providers, witness }
    }

    /// Both platforms are heard of, at the time that it is.
    async fn heard_of_at(&self, ahead_s: i64) {
        for provider in &self.providers {
            eventually("the source is known to be true by the new time", || async {
                let body = self.gateway.get(&format!("/v1/providers/{provider}")).await.ok();
                is_of(time(&body["sources"][0]["sync"]["observed_at"]), ahead_s).then_some(())
            })
            .await;
        }
    }

    /// What happens on the libvirt host is shown.
    async fn machine_comes_and_goes(&self, name: &str) {
        let os = "<os><type arch='x86_64'>hvm</type></os>";
        self.lab
            .define("define", &format!("<domain type='qemu'><name>{name}</name><memory>65536</memory>{os}</domain>"));
        eventually("the machine is shown", || self.gateway.by_name("vms", name)).await;
        self.lab.virsh(&["undefine", name]);
        eventually("it is gone", || async { self.gateway.by_name("vms", name).await.is_none().then_some(()) }).await;
    }

    async fn churn(&self, rate: u32) {
        self.simulator.control("/churn", json!({"rate": rate})).await;
    }
}

async fn clocks_that_jump_lose_nothing(database: Database) {
    let scene = Scene::start(database).await;
    scene.churn(20).await;
    let mut platform_ahead_s = 0;
    for (round, days) in [200, -200, 0].into_iter().enumerate() {
        let ahead_s = days * DAY_S;
        // The gateway's clock, and the other way the platform's, while changes come.
        scene.clock.tell(ahead_s);
        scene.simulator.control("/clock", json!({"ahead_s": -ahead_s - platform_ahead_s})).await;
        platform_ahead_s = -ahead_s;
        let from = scene.witness.changes();
        eventually("changes go on", || async { (scene.witness.changes() > from + 40).then_some(()) }).await;
        scene.heard_of_at(ahead_s).await;
        scene.machine_comes_and_goes(&format!("round-{round}")).await;
        let states = scene.witness.take_states();
        assert!(states.iter().all(|(state, _)| state == "live"), "nothing ended: {states:?}");
        // What the platform dates has its date.
        let made = scene.simulator.control("/vm/create", json!({"name": format!("dated-{round}"), "count": 1})).await;
        let (moref, taken) = (&made["vms"][0]["moref"], format!("taken-{round}"));
        scene.simulator.control("/vm/snapshot", json!({"vm": moref, "name": taken})).await;
        let snapshot = eventually("its snapshot", || scene.gateway.by_name("snapshots", &taken)).await;
        assert!(is_of(time(&snapshot["created_at"]), platform_ahead_s), "{snapshot}");
        // A connection that is lost now is made again as soon as ever.
        let reset = json!({"mode": "reset", "match": "WaitForUpdatesEx", "count": 1});
        scene.simulator.control("/wire", reset).await;
        scene.witness.state("unreachable").await;
        let vcenter = scene.gateway.wait_for_state(&scene.providers[0], "live").await;
        scene.witness.heard(&vcenter).await;
        scene.heard_of_at(ahead_s).await;
    }
    scene.churn(0).await;
    let [vcenter, kvm] = &scene.providers;
    scene.gateway.wait_for_state(vcenter, "live").await;
    comparison::vsphere::caught_up(&scene.gateway, &scene.simulator).await;
    comparison::vsphere::compare(&scene.gateway, &scene.simulator, vcenter).await;
    comparison::kvm::compare(&scene.gateway, &scene.lab, kvm).await;
    scene.witness.settle(&scene.gateway).await;
    assert!(!scene.gateway.log().contains("panicked"), "{}", scene.gateway.log());
}
