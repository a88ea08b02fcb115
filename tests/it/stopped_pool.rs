//! A disk in a libvirt storage pool is the same volume whether the pool runs or not.

use serde_json::Value;

use crate::harness::{Database, Gateway, Lab, Watcher, eventually};

on_both_databases!(a_disk_of_a_stopped_pool_keeps_its_id);

async fn a_disk_of_a_stopped_pool_keeps_its_id(database: Database) {
    let lab = Lab::start(1, &["--no-start"]);
    let pool = lab.text("pool");
    lab.virsh(&["pool-destroy", &pool]);
    let mut gateway = Gateway::start(database).await;
    let provider = gateway.join(lab.provider("kvm")).await;
    let vm = gateway.all("vms", "").await.remove(0);
    let only_volume = async |gateway: &Gateway| -> Value {
        let mut volumes = gateway.all("volumes", &format!("vm_id={}", vm["id"].as_str().unwrap())).await;
        assert_eq!(volumes.len(), 1, "{volumes:?}");
        volumes.remove(0)
    };
    let datastore = gateway.by_name("datastores", &pool).await.expect("the stopped pool");
    assert_eq!(datastore["state"], "inactive");
    let outline = only_volume(&gateway).await;
    let id = outline["id"].as_str().unwrap().to_owned();
    assert_eq!(outline["datastore_id"], datastore["id"]);
    assert_eq!(vm["datastore_ids"][0], datastore["id"]);
    assert!(outline["native"]["key"].is_null(), "the pool does not list it: {outline}");

    let mut watcher = Watcher::begin(&gateway, "types=volume").await.unwrap();
    lab.virsh(&["pool-start", &pool]);
    watcher
        .find("the volume as the pool lists it", |event| {
            assert!(event.name != "delete" || event.data["id"] != id.as_str(), "{event:?}");
            let object = &event.data["object"];
            assert!(object["location"] != outline["location"] || object["id"] == id.as_str(), "another id: {event:?}");
            (object["id"] == id.as_str() && object["native"]["key"].is_string()).then_some(())
        })
        .await;
    // The domain's own word came after the pool's.
    eventually("the machine knows the size, too", || async {
        let vm = gateway.get(&format!("/v1/vms/{}", vm["id"].as_str().unwrap())).await.ok();
        (vm["storage_provisioned_bytes"] == 1_u64 << 30).then_some(())
    })
    .await;
    let whole = only_volume(&gateway).await;
    assert_eq!((&whole["id"], &whole["datastore_id"]), (&outline["id"], &datastore["id"]));

    // Stopped again, and the gateway starts anew: what was known of the disk stays.
    lab.virsh(&["pool-destroy", &pool]);
    eventually("the pool is shown stopped", || async {
        (gateway.by_name("datastores", &pool).await?["state"] == "inactive").then_some(())
    })
    .await;
    gateway.kill_and_restart().await;
    gateway.wait_for_state(&provider, "live").await;
    let known = only_volume(&gateway).await;
    for field in ["id", "datastore_id", "capacity_bytes", "format", "location", "native", "attachments"] {
        assert_eq!(known[field], whole[field], "{field}");
    }
}
