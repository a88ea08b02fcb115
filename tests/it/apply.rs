//! `spandrel apply` and `spandrel diff`: one file that says what shall be.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::{Database, Gateway, PASSWORD, Simulator};

on_both_databases!(
    the_example_makes_a_cloud_and_applying_twice_changes_nothing,
    an_edit_is_shown_and_made,
    a_bad_file_changes_nothing,
    what_fails_half_way_says_what_was_done,
);

/// A file beside the gateway's data, which goes away with them.
fn write(gateway: &Gateway, name: &str, content: &str) -> PathBuf {
    let path = gateway.data.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn command(gateway: &Gateway, verb: &str, file: &Path, options: &[&str]) -> Command {
    let mut command = gateway.cli(&[verb, "-f", file.to_str().unwrap()]);
    command.args(options).env("VCENTER_PASSWORD", PASSWORD);
    command
}

/// Runs it, and checks its exit code; gives both outputs.
#[track_caller]
fn check(mut command: Command, code: i32) -> (String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (out, err) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!(status.code(), Some(code), "{command:?}\n{out}\n{err}");
    for text in [&out, &err] {
        assert!(!text.contains(PASSWORD) && !text.contains("wr0ng-Secret"), "a secret is shown: {text}");
    }
    (out, err)
}

async fn providers(gateway: &Gateway) -> Vec<Value> {
    gateway.get("/v1/providers").await.ok()["items"].as_array().unwrap().clone()
}

/// What must not move when nothing changes: a provider is connected to anew with each generation, and only then.
fn stillness(providers: &[Value]) -> Vec<(Value, Value, Value)> {
    let still = |provider: &Value| {
        (provider["generation"].clone(), provider["updated_at"].clone(), provider["sources"][0]["id"].clone())
    };
    providers.iter().map(still).collect()
}

/// The example of the documentation, with platforms that there are.
fn example(simulator: &Simulator) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/first-run.yaml");
    std::fs::read_to_string(path)
        .unwrap()
        .replace("vcenter.example", &simulator.url())
        .replace("reader@vsphere.local", &simulator.username())
        .replace("qemu:///system", "test:///default")
}

fn trusted(simulator: &Simulator) -> String {
    example(simulator).replace("# fingerprint: AB:CD:…", &format!("fingerprint: {}", simulator.thumbprint()))
}

async fn the_example_makes_a_cloud_and_applying_twice_changes_nothing(database: Database) {
    let simulator = Simulator::start(&["--vms", "5"]);
    let gateway = Gateway::start(database).await;
    // The certificate is not trusted: its fingerprint is shown, and where to write it.
    let file = write(&gateway, "first-run.yaml", &example(&simulator));
    let (_, err) = check(command(&gateway, "apply", &file, &[]), 1);
    assert!(err.contains(&format!("fingerprint: {}", simulator.thumbprint())), "{err}");
    assert!(err.contains("first-run.yaml:8: provider/vc-1: the connection test failed"), "{err}");
    assert!(providers(&gateway).await.is_empty(), "nothing is done");

    let file = write(&gateway, "first-run.yaml", &trusted(&simulator));
    let (out, _) = check(command(&gateway, "diff", &file, &[]), 1);
    for line in [
        "provider/vc-1 would be created",
        "  + platform: vsphere",
        "  + password_env: (not shown)",
        "provider/kvm-1 would",
    ] {
        assert!(out.contains(line), "{out}");
    }
    assert!(providers(&gateway).await.is_empty(), "nothing is done");
    let (out, err) = check(command(&gateway, "apply", &file, &["--wait"]), 0);
    assert_eq!(out, "provider/vc-1 created\nprovider/kvm-1 created\n");
    assert!(err.contains("vc-1 is live") && err.contains("kvm-1 is live"), "{err}");
    let before = providers(&gateway).await;
    assert_eq!(before.len(), 2);

    // The same once more, also in another spelling: nothing moves.
    let spelled =
        trusted(&simulator).replace(&simulator.thumbprint(), &simulator.thumbprint().replace(':', "").to_lowercase());
    for content in [trusted(&simulator), spelled] {
        let file = write(&gateway, "first-run.yaml", &content);
        let (out, _) = check(command(&gateway, "apply", &file, &["--wait"]), 0);
        assert_eq!(out, "provider/vc-1 unchanged\nprovider/kvm-1 unchanged\n");
        let (out, err) = check(command(&gateway, "diff", &file, &[]), 0);
        assert_eq!((out.as_str(), err.as_str()), ("", "Nothing would change.\n"));
    }
    assert_eq!(stillness(&providers(&gateway).await), stillness(&before));
    assert!(!gateway.log().contains("provider edited"), "an edit that changes nothing is none");
}

async fn an_edit_is_shown_and_made(database: Database) {
    let simulator = Simulator::start(&["--vms", "5"]);
    let gateway = Gateway::start(database).await;
    let file = write(&gateway, "cloud.yaml", &trusted(&simulator));
    check(command(&gateway, "apply", &file, &["--wait"]), 0);
    let before = providers(&gateway).await;

    // With a wrong password: tried before anything is changed, and nothing is.
    let disabled = format!("{}enabled: false\n", trusted(&simulator));
    let file = write(&gateway, "cloud.yaml", &disabled);
    let mut wrong = command(&gateway, "apply", &file, &[]);
    wrong.env("VCENTER_PASSWORD", "wr0ng-Secret-5512");
    let (_, err) = check(wrong, 1);
    assert!(err.contains("provider/vc-1: the connection test failed at `credentials`"), "{err}");
    assert_eq!(stillness(&providers(&gateway).await), stillness(&before));

    let (out, _) = check(command(&gateway, "diff", &file, &[]), 1);
    assert_eq!(out, "provider/kvm-1 would be changed\n  - enabled: true\n  + enabled: false\n");
    let (out, _) = check(command(&gateway, "apply", &file, &["-o", "json"]), 0);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["items"][0]["action"], "unchanged", "{told}");
    assert_eq!(told["items"][1]["action"], "changed", "{told}");
    assert_eq!(told["items"][1]["changes"], serde_json::json!([{"field": "enabled", "from": true, "to": false}]));
    let after = providers(&gateway).await;
    let find = |list: &[Value], name: &str| list.iter().find(|provider| provider["name"] == name).cloned().unwrap();
    assert_eq!(find(&after, "kvm-1")["enabled"], false);
    assert_eq!(stillness(&[find(&after, "vc-1")]), stillness(&[find(&before, "vc-1")]));

    // The password alone: without the test it is taken, and tried.
    let mut wrong = command(&gateway, "apply", &file, &["--no-test", "--wait"]);
    wrong.env("VCENTER_PASSWORD", "wr0ng-Secret-5512");
    let (out, err) = check(wrong, 1);
    assert_eq!(out, "provider/vc-1 changed (password_env)\nprovider/kvm-1 unchanged\n");
    assert!(err.contains("vc-1 is not live"), "{err}");
    let (out, _) = check(command(&gateway, "apply", &file, &["--wait"]), 0);
    assert_eq!(out, "provider/vc-1 changed (password_env)\nprovider/kvm-1 unchanged\n");
}

async fn a_bad_file_changes_nothing(database: Database) {
    let gateway = Gateway::start(database).await;
    let fine = "kind: Provider\nname: fine\nplatform: kvm\nendpoints: test:///default\n---\n";
    for (rest, code, message) in [
        ("kind: Provider\nname: b\ncolour: red\n", 2, "bad.yaml:8: `colour` is unknown"),
        (
            "kind: Provider\nname: b\nplatform: xen\nendpoints: [a]\n",
            2,
            "bad.yaml:8: provider/b: `platform` is not one",
        ),
        ("kind: Provider\nname: b\nendpoints: [a]\n", 2, "bad.yaml:6: provider/b: `platform` is missing"),
        (
            "kind: Provider\nname: b\nplatform: kvm\nendpoints:\n- qemu:///system\n- xen:///system\n",
            2,
            "bad.yaml:11: provider/b: `endpoints[1]`",
        ),
        ("kind: Provider\nname: b\nplatform: vsphere\nendpoints: vc.example\nusername: u\n", 2, "`password` is needed"),
        ("kind: Provider\nname: FINE\n", 2, "bad.yaml:7: `name` is that of the document at line 1"),
        ("kind: Provider\nname: [b\n", 2, "neither YAML nor JSON"),
    ] {
        let file = write(&gateway, "bad.yaml", &format!("{fine}{rest}"));
        for verb in ["apply", "diff"] {
            let (out, err) = check(command(&gateway, verb, &file, &[]), code);
            assert!(err.contains(message), "{err}");
            assert!(err.contains("Nothing was changed."), "{err}");
            assert_eq!(out, "");
        }
    }
    check(command(&gateway, "apply", Path::new("/nonexistent.yaml"), &[]), 2);
    let mut stranger = command(&gateway, "diff", &write(&gateway, "fine.yaml", fine), &[]);
    stranger.env("SPANDREL_TOKEN", "spandrel_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    check(stranger, 3);
    assert!(providers(&gateway).await.is_empty());
    // What is another's is said before anything is done.
    gateway.join(serde_json::json!({"name": "other", "kind": "kvm", "endpoints": ["test:///default"]})).await;
    let file = write(&gateway, "bad.yaml", fine);
    let (_, err) = check(command(&gateway, "apply", &file, &[]), 5);
    assert!(err.contains("bad.yaml:4: provider/fine: `endpoints` is already used by provider other"), "{err}");
    let file = write(&gateway, "bad.yaml", "kind: Provider\nname: other\nplatform: vsphere\n");
    let (_, err) = check(command(&gateway, "diff", &file, &[]), 2);
    assert!(err.contains("bad.yaml:3: provider/other: `platform` cannot be changed"), "{err}");
    assert_eq!(providers(&gateway).await.len(), 1);
}

async fn what_fails_half_way_says_what_was_done(database: Database) {
    let gateway = Gateway::start(database).await;
    let document =
        |name: &str, url: &str| format!("kind: Provider\nname: {name}\nplatform: kvm\nendpoints: {url}\n---\n");
    let (one, three) =
        (document("one", "test:///default"), document("three", "qemu+unix:///system?socket=/nonexistent/sock"));
    // Neither is there yet, so that only the second of them finds the address taken.
    let file = write(&gateway, "f.yaml", &format!("{one}{}{three}", document("two", "test:///default")));
    let (out, err) = check(command(&gateway, "apply", &file, &["--no-test"]), 5);
    assert_eq!(out, "provider/one created\nprovider/two failed\nprovider/three not done\n");
    assert!(err.contains("apply it again"), "{err}");
    let file = write(&gateway, "f.yaml", &format!("{one}{three}"));
    let (out, _) = check(command(&gateway, "apply", &file, &["--no-test"]), 0);
    assert_eq!(out, "provider/one unchanged\nprovider/three created\n");
    assert_eq!(providers(&gateway).await.len(), 2);
}
