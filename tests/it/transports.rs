//! A libvirt host by every transport, as far as loopback goes: TCP, TLS with certificates, ssh with a key.

use reqwest::Method;
use serde_json::{Value, json};

use crate::comparison::kvm;
use crate::harness::{Database, Gateway, Lab, eventually};

on_both_databases!(a_host_is_the_same_by_tcp_tls_and_ssh, what_a_transport_refuses_is_said);

fn provider(name: &str, uri: &str) -> Value {
    json!({"name": name, "kind": "kvm", "endpoints": [uri]})
}

async fn a_host_is_the_same_by_tcp_tls_and_ssh(database: Database) {
    let lab = Lab::start(1, &["--listen", "--no-start"]);
    let gateway = Gateway::start_with_path(database, &lab.text("ssh_path")).await;
    for transport in ["tcp", "tls", "ssh"] {
        let uri = lab.text(&format!("{transport}_uri"));
        assert!(uri.starts_with(&format!("qemu+{transport}://")), "{uri}");
        let report = gateway.post("/v1/providers/test", provider(transport, &uri)).await.ok();
        assert!(report["identity"].is_object(), "{report}");
        let id = gateway.join(provider(transport, &uri)).await;
        kvm::compare(&gateway, &lab, &id).await;
        // Notices come through it, too.
        let name = format!("by-{transport}");
        lab.define(
            "define",
            &format!("<domain type='qemu'><name>{name}</name><memory>65536</memory><os><type>hvm</type></os></domain>"),
        );
        let vm = eventually("the new domain is there", || gateway.by_name("vms", &name)).await;
        lab.virsh(&["undefine", &name]);
        let path = format!("/v1/vms/{}", vm["id"].as_str().unwrap());
        eventually("it is gone", || async { (gateway.get(&path).await.status == 404).then_some(()) }).await;
        gateway.call(Method::DELETE, &format!("/v1/providers/{id}"), None).await.ok();
        eventually("the provider is gone", || async { gateway.all("vms", "").await.is_empty().then_some(()) }).await;
    }
}

async fn what_a_transport_refuses_is_said(database: Database) {
    let lab = Lab::start(0, &["--listen"]);
    let stranger = Lab::start(0, &["--listen", "--host-index", "1"]);
    // Without the laboratory's `ssh`: the host's key is not known to this user.
    let gateway = Gateway::start(database).await;
    let (tls, ssh) = (lab.text("tls_uri"), lab.text("ssh_uri"));
    let pki = |uri: &str| uri.split_once("pkipath=").unwrap().1.to_owned();
    let foreign = tls.replace(&pki(&tls), &pki(&stranger.text("tls_uri")));
    let spoken = format!("{}?pkipath={}", lab.text("tcp_uri").replace("qemu+tcp", "qemu+tls"), pki(&tls));
    let bare = tempfile::tempdir().unwrap();
    std::fs::copy(format!("{}/cacert.pem", pki(&tls)), bare.path().join("cacert.pem")).unwrap();
    let anonymous = tls.replace(&pki(&tls), bare.path().to_str().unwrap());
    let cases = [
        ("an authority that did not sign the host's certificate", foreign.as_str(), "certificate_untrusted"),
        ("TLS where TCP is spoken", &spoken, "connect_failed"),
        ("no certificate of the gateway's own", &anonymous, "credentials_refused"),
        ("a host key that is not known", &ssh, "certificate_untrusted"),
    ];
    for (what, uri, reason) in cases {
        let id = gateway.add_provider(provider(what, uri)).await;
        let provider = gateway.wait_for_state(&id, "unreachable").await;
        let sync = &provider["sources"][0]["sync"];
        assert_eq!(sync["reason"], reason, "{what}: {sync}");
        assert!(sync["message"].as_str().unwrap().len() > 20, "{sync}");
        assert!(gateway.all("vms", &format!("provider_id={id}")).await.is_empty());
        gateway.call(Method::DELETE, &format!("/v1/providers/{id}"), None).await.ok();
    }
}
