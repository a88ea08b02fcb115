//! Several sources that speak of the same thing: a cluster of KVM hosts, and an ESXi that is joined twice.

use reqwest::Method;
use serde_json::json;

use crate::harness::{Database, Gateway, Lab, Simulator, eventually};

on_both_databases!(kvm_hosts_are_one_cluster, an_esxi_joined_twice_is_flagged);

async fn kvm_hosts_are_one_cluster(database: Database) {
    let first = Lab::start(1, &["--no-start"]);
    let second = Lab::start(1, &["--no-start", "--host-index", "1"]);
    // The same export on both hosts is one datastore; the same directory on each is two.
    let pool = "<pool type='netfs'><name>shared</name><source><host name='nas.invalid'/><dir path='/export'/>\
                <format type='nfs'/></source><target><path>/mnt/shared</path></target></pool>";
    for lab in [&first, &second] {
        lab.define("pool-define", pool);
    }
    let gateway = Gateway::start(database).await;
    let id = gateway.join(json!({"name": "cluster", "kind": "kvm", "endpoints": [first.uri(), second.uri()]})).await;
    let filter = format!("provider_id={id}");
    let hosts = gateway.all("hosts", &filter).await;
    assert_eq!(hosts.len(), 2);
    let clusters = gateway.all("clusters", &filter).await;
    assert_eq!(clusters.len(), 1, "{clusters:?}");
    assert_eq!(clusters[0]["name"], "cluster");
    assert_eq!(clusters[0]["host_count"], 2);
    let cores: u64 = hosts.iter().map(|host| host["cpu_core_count"].as_u64().unwrap()).sum();
    assert_eq!(clusters[0]["cpu_core_count"], cores);
    assert_eq!(gateway.all("zones", &filter).await.len(), 1);
    let shared = gateway.by_name("datastores", "shared").await.expect("one datastore");
    assert_eq!((shared["shared"].clone(), shared["hosts"].as_array().unwrap().len()), (json!(true), 2), "{shared}");
    assert_eq!(gateway.all("datastores", &filter).await.len(), 3, "the hosts' own pools are two");
    assert_eq!(gateway.all("vms", &filter).await.len(), 2);

    // One host is taken out: what only it told goes, what the other has too stays.
    let kept_source = source_id(&gateway, &id, &first.uri()).await;
    let kept = hosts.iter().find(|host| host["source_id"] == kept_source).unwrap();
    let edit = json!({"endpoints": [first.uri()]});
    gateway.call(Method::PATCH, &format!("/v1/providers/{id}"), Some(edit)).await.ok();
    eventually("the other host is gone", || async {
        let hosts = gateway.all("hosts", &filter).await;
        (hosts.len() == 1 && hosts[0]["id"] == kept["id"]).then_some(())
    })
    .await;
    eventually("its machine is gone, and the shared datastore is the other's alone", || async {
        let shared = gateway.by_name("datastores", "shared").await?;
        let alone = shared["hosts"].as_array().unwrap().len() == 1;
        let cluster = gateway.all("clusters", &filter).await.pop()?;
        (alone && gateway.all("vms", &filter).await.len() == 1 && cluster["host_count"] == 1).then_some(())
    })
    .await;
}

async fn source_id(gateway: &Gateway, provider: &str, uri: &str) -> serde_json::Value {
    let provider = gateway.get(&format!("/v1/providers/{provider}")).await.ok();
    let sources = provider["sources"].as_array().unwrap();
    sources.iter().find(|source| source["endpoint"] == uri).expect("the source")["id"].clone()
}

async fn an_esxi_joined_twice_is_flagged(database: Database) {
    let vcenter = Simulator::start(&["--vms", "10", "--scenario", "lifelike"]);
    let gateway = Gateway::start(database).await;
    gateway.join(vcenter.provider("vc")).await;
    let host = gateway.all("hosts", "").await.remove(0);
    assert_eq!(host["also_known_as"], json!([]));
    let uuid = host["hardware_uuid"].as_str().unwrap();
    let esxi = Simulator::start(&["--vms", "2", "--esx", "--host-uuid", uuid]);
    let esxi_id = gateway.join(esxi.provider("esxi")).await;
    let twin = gateway.all("hosts", &format!("provider_id={esxi_id}")).await.remove(0);
    assert_eq!(twin["hardware_uuid"], uuid);
    let (host_path, twin_path) = (format!("/v1/hosts/{}", id(&host)), format!("/v1/hosts/{}", id(&twin)));
    eventually("each says what the other is", || async {
        let host = gateway.get(&host_path).await.ok();
        let twin_now = gateway.get(&twin_path).await.ok();
        (host["also_known_as"] == json!([twin["id"]]) && twin_now["also_known_as"] == json!([host["id"]])).then_some(())
    })
    .await;
    gateway.call(Method::DELETE, &format!("/v1/providers/{esxi_id}"), None).await.ok();
    eventually("the one that is left is no duplicate", || async {
        (gateway.get(&host_path).await.ok()["also_known_as"] == json!([])).then_some(())
    })
    .await;
}

fn id(object: &serde_json::Value) -> &str {
    object["id"].as_str().unwrap()
}
