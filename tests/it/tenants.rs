//! Two tenants on both platforms: each sees what is its own and nothing else, whatever changes, and whatever happens to the
//! gateway.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Address, Database, Gateway, Lab, Simulator, Watcher, eventually};

on_both_databases!(
    each_tenant_sees_its_own_on_both_platforms,
    what_is_taken_away_is_gone_at_once,
    the_command_line_makes_two_tenants,
);

const PASSWORD: &str = "c0rrect-Horse-8823";

/// Somebody of a tenant.
struct Member {
    token: String,
}

impl Member {
    async fn sign_in(gateway: &Gateway, login: &str) -> Self {
        Self { token: gateway.token_of(login, PASSWORD).await }
    }

    async fn get(&self, gateway: &Gateway, path: &str) -> Value {
        gateway.call_as(&self.token, Method::GET, path, None).await.ok()
    }

    /// The ids of everything of a collection that it sees.
    async fn sees(&self, gateway: &Gateway, collection: &str) -> BTreeSet<String> {
        let body = self.get(gateway, &format!("/v1/{collection}?limit=1000")).await;
        assert!(body["next_page_token"].is_null());
        ids(body["items"].as_array().unwrap())
    }
}

fn ids(items: &[Value]) -> BTreeSet<String> {
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

async fn made(gateway: &Gateway, path: &str, body: Value) -> String {
    gateway.post(path, body).await.ok()["id"].as_str().unwrap().to_owned()
}

/// A tenant with a project and a member of it. Gives the project and how the member signs in.
async fn tenant(gateway: &Gateway, name: &str, user: &str) -> (String, String) {
    let tenant = made(gateway, "/v1/tenants", json!({"name": name})).await;
    let project = made(gateway, "/v1/projects", json!({"tenant_id": tenant, "name": "shop"})).await;
    let user_id =
        made(gateway, "/v1/users", json!({"tenant_id": tenant, "username": user, "password": PASSWORD})).await;
    let group = json!({"tenant_id": tenant, "name": "staff", "member_ids": [user_id]});
    let group = made(gateway, "/v1/groups", group).await;
    let roles = gateway.all("roles", "").await;
    let role = roles.iter().find(|role| role["name"] == "member").unwrap()["id"].clone();
    let binding = json!({"subject": {"kind": "group", "id": group}, "role_id": role,
        "scope": {"kind": "project", "id": project}});
    made(gateway, "/v1/bindings", binding).await;
    (project, format!("{name}/{user}"))
}

async fn rule(gateway: &Gateway, name: &str, project: &str, conditions: Value) -> String {
    let body = json!({"name": name, "project_id": project, "conditions": conditions});
    made(gateway, "/v1/ownership-rules", body).await
}

/// What hangs on these machines.
async fn hanging(gateway: &Gateway, collection: &str, machines: &BTreeSet<String>) -> BTreeSet<String> {
    let of = |item: &Value| match collection {
        "volumes" => item["attachments"].as_array().unwrap().iter().map(|one| one["vm_id"].clone()).collect(),
        _ => vec![item["vm_id"].clone()],
    };
    let all = gateway.all(collection, "").await;
    let own = |item: &&Value| {
        let vms: Vec<Value> = of(item);
        !vms.is_empty() && vms.iter().all(|vm| machines.contains(vm.as_str().unwrap()))
    };
    ids(&all.iter().filter(own).cloned().collect::<Vec<_>>())
}

/// Waits until a member sees just these machines, and checks that it sees what hangs on them and nothing else.
async fn sees_just(gateway: &Gateway, member: &Member, machines: &BTreeSet<String>) {
    eventually(&format!("just {machines:?} are seen"), || async {
        (member.sees(gateway, "vms").await == *machines).then_some(())
    })
    .await;
    for collection in ["volumes", "nics", "snapshots"] {
        eventually(&format!("just the own {collection} are seen"), || async {
            let wanted = hanging(gateway, collection, machines).await;
            (member.sees(gateway, collection).await == wanted).then_some(())
        })
        .await;
    }
    for collection in ["hosts", "clusters", "datastores", "networks", "folders", "images"] {
        assert!(member.sees(gateway, collection).await.is_empty(), "{collection} are the platform's");
    }
    assert_eq!(member.get(gateway, "/v1/providers").await["items"], json!([]));
}

async fn each_tenant_sees_its_own_on_both_platforms(database: Database) {
    let simulator = Simulator::start(&["--vms", "20", "--scenario", "lifelike"]);
    let lab = Lab::start(2, &[]);
    let mut gateway = Gateway::start(database).await;
    let (acme, ann) = tenant(&gateway, "acme", "ann").await;
    let (beta, bob) = tenant(&gateway, "beta", "bob").await;
    let vcenter = gateway.join(simulator.provider("vc")).await;
    gateway.join(lab.provider("here")).await;
    let (ann, bob) = (Member::sign_in(&gateway, &ann).await, Member::sign_in(&gateway, &bob).await);
    let nothing = BTreeSet::new();
    sees_just(&gateway, &ann, &nothing).await;

    // One machine of vCenter and one of libvirt go to the one, another of vCenter to the other.
    let vms = gateway.all("vms", &format!("provider_id={vcenter}&sort=name")).await;
    let (first, second) = (&vms[0], &vms[1]);
    let guests: Vec<Value> =
        gateway.all("vms", "sort=name").await.into_iter().filter(|vm| vm["provider_id"] != vcenter.as_str()).collect();
    let name = |vm: &Value| vm["name"].as_str().unwrap().to_owned();
    let id = |vm: &Value| vm["id"].as_str().unwrap().to_owned();
    let is = |pattern: &str| json!([{"field": "name", "pattern": pattern}]);
    let preview = json!({"rule": {"name": "first", "project_id": acme, "conditions": is(&name(first))}});
    let preview = gateway.post("/v1/ownership-rules/preview", preview).await.ok();
    assert_eq!((&preview["fitting"], &preview["moving"]), (&json!(1), &json!(1)), "{preview}");
    assert_eq!(preview["moves"][0]["to"]["project_id"], acme.as_str());
    sees_just(&gateway, &ann, &nothing).await;
    rule(&gateway, "first", &acme, is(&name(first))).await;
    rule(&gateway, "guest", &acme, is(&name(&guests[0]))).await;
    rule(&gateway, "renamed", &acme, is("moved-to-acme-*")).await;
    rule(&gateway, "second", &beta, is(&name(second))).await;
    let acmes = BTreeSet::from([id(first), id(&guests[0])]);
    let betas = BTreeSet::from([id(second)]);
    sees_just(&gateway, &ann, &acmes).await;
    sees_just(&gateway, &bob, &betas).await;
    let foreign = format!("/v1/vms/{}", id(second));
    assert_eq!(gateway.call_as(&ann.token, Method::GET, &foreign, None).await.problem(), "not-found");

    // A machine that is renamed at the platform goes over, and both hear of it at once.
    let mut hears = Watcher::begin_at(&Address::of_token(&gateway, &ann.token), "types=vm").await.unwrap().unwrap();
    let mut loses = Watcher::begin_at(&Address::of_token(&gateway, &bob.token), "types=vm").await.unwrap().unwrap();
    let path = simulator.govc(&["find", "/", "-type", "m", "-name", &name(second)]).trim().to_owned();
    simulator.govc(&["vm.change", "-vm", &path, "-name", "moved-to-acme-1"]);
    let moved = id(second);
    hears
        .find("the machine is theirs", |event| {
            (event.name == "put" && event.data["object"]["id"] == moved.as_str()).then_some(())
        })
        .await;
    loses
        .find("the machine is gone", |event| {
            (event.name == "delete" && event.data["id"] == moved.as_str()).then_some(())
        })
        .await;
    let acmes: BTreeSet<String> = acmes.into_iter().chain([moved.clone()]).collect();
    sees_just(&gateway, &ann, &acmes).await;
    sees_just(&gateway, &bob, &nothing).await;
    let why = gateway.get(&format!("/v1/vms/{moved}/owner")).await.ok();
    assert_eq!((&why["reason"]["kind"], &why["reason"]["name"]), (&json!("rule"), &json!("renamed")), "{why}");

    // By hand goes before the rules, also after the gateway was killed.
    let owner = format!("/v1/vms/{moved}/owner");
    gateway.call(Method::PUT, &owner, Some(json!({"project_id": beta}))).await.ok();
    gateway.kill_and_restart().await;
    let acmes = BTreeSet::from([id(first), id(&guests[0])]);
    sees_just(&gateway, &ann, &acmes).await;
    sees_just(&gateway, &bob, &betas).await;
    gateway.call(Method::DELETE, &owner, None).await.ok();
    sees_just(&gateway, &bob, &nothing).await;

    // The project goes; its machines run on, and are the platform's.
    let project = format!("/v1/projects/{acme}");
    assert_eq!(gateway.call(Method::DELETE, &project, None).await.problem(), "in-use");
    gateway.call(Method::DELETE, &format!("{project}?release=true"), None).await.ok();
    eventually("all are the platform's", || async {
        let owned = gateway.all("vms", "project_id.exists=true").await;
        owned.is_empty().then_some(())
    })
    .await;
    assert!(gateway.all("volumes", "project_id.exists=true").await.is_empty());
    assert_eq!(gateway.all("vms", "").await.len(), vms.len() + guests.len());
}

async fn what_is_taken_away_is_gone_at_once(database: Database) {
    let simulator = Simulator::start(&["--vms", "4"]);
    let gateway = Gateway::start(database).await;
    let (project, login) = tenant(&gateway, "acme", "ann").await;
    gateway.join(simulator.provider("vc")).await;
    rule(&gateway, "all", &project, json!([{"field": "name", "pattern": "*"}])).await;
    let ann = Member::sign_in(&gateway, &login).await;
    let all = ids(&gateway.all("vms", "").await);
    sees_just(&gateway, &ann, &all).await;
    let mut watcher = Watcher::begin_at(&Address::of_token(&gateway, &ann.token), "types=vm").await.unwrap().unwrap();
    let bindings = gateway.all("bindings", "").await;
    let binding = bindings.iter().find(|binding| binding["scope"]["kind"] == "project").unwrap();
    let binding = format!("/v1/bindings/{}", binding["id"].as_str().unwrap());
    gateway.call(Method::DELETE, &binding, None).await.ok();
    assert!(ann.sees(&gateway, "vms").await.is_empty());
    watcher
        .find("the stream ends", |event| {
            (event.name == "end" && event.data["reason"] == "access_changed").then_some(())
        })
        .await;
    let asked = json!({"permission": "inventory.read", "on": {"kind": "project", "id": project}});
    let refused = gateway.call_as(&ann.token, Method::POST, "/v1/authz/simulate", Some(asked)).await;
    assert_eq!(refused.problem(), "invalid-field", "the project is not even seen any more");

    // Who is shut out is so at once: by the user, and by the tenant.
    let users = gateway.all("users", "").await;
    let user = users.iter().find(|user| user["username"] == "ann").unwrap();
    let user = format!("/v1/users/{}", user["id"].as_str().unwrap());
    let session = async || gateway.call_as(&ann.token, Method::GET, "/v1/session", None).await.status.as_u16();
    assert_eq!(session().await, 200);
    gateway.call(Method::PATCH, &user, Some(json!({"enabled": false}))).await.ok();
    assert_eq!(session().await, 401);
    let login = json!({"username": login, "password": PASSWORD});
    assert_eq!(
        gateway.call_as("", Method::POST, "/v1/login", Some(login.clone())).await.problem(),
        "invalid-credentials"
    );
    gateway.call(Method::PATCH, &user, Some(json!({"enabled": true}))).await.ok();
    let tenants = gateway.all("tenants", "").await;
    let acme = tenants.iter().find(|tenant| tenant["name"] == "acme").unwrap();
    let acme = format!("/v1/tenants/{}", acme["id"].as_str().unwrap());
    let again = Member {
        token: gateway.call_as("", Method::POST, "/v1/login", Some(login.clone())).await.ok()["token"]
            .as_str()
            .unwrap()
            .to_owned(),
    };
    gateway.call(Method::PATCH, &acme, Some(json!({"state": "suspended"}))).await.ok();
    assert_eq!(gateway.call_as(&again.token, Method::GET, "/v1/session", None).await.status.as_u16(), 401);
    assert_eq!(gateway.call_as("", Method::POST, "/v1/login", Some(login)).await.problem(), "invalid-credentials");
    assert_eq!(ids(&gateway.all("vms", &format!("project_id={project}")).await), all, "its machines go on");
}

/// Runs the client, and gives what it printed.
#[track_caller]
fn cli(gateway: &Gateway, token: &str, arguments: &[&str], code: i32) -> String {
    let mut command = gateway.cli(arguments);
    command.env("SPANDREL_NEW_PASSWORD", PASSWORD);
    if !token.is_empty() {
        command.env("SPANDREL_TOKEN", token);
    }
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
    assert!(!out.contains(PASSWORD) && !err.contains(PASSWORD));
    format!("{out}{err}")
}

async fn the_command_line_makes_two_tenants(database: Database) {
    let simulator = Simulator::start(&["--vms", "6"]);
    let gateway = Gateway::start(database).await;
    gateway.join(simulator.provider("vc")).await;
    let run = |arguments: &[&str]| cli(&gateway, "", arguments, 0);
    run(&["tenant", "create", "acme", "--description", "sells things"]);
    run(&["tenant", "create", "research", "--in", "acme"]);
    run(&["tenant", "create", "beta"]);
    assert!(run(&["tenant", "list"]).contains("acme/research"));
    run(&["project", "create", "shop", "--tenant", "acme"]);
    run(&["user", "create", "ann", "--tenant", "acme"]);
    run(&["user", "create", "backup", "--tenant", "acme", "--service-account"]);
    run(&["group", "create", "staff", "--tenant", "acme", "--member", "acme/ann"]);
    run(&["role", "give", "viewer", "--group", "acme/staff", "--on", "project:acme/shop"]);
    assert!(run(&["role", "bindings"]).contains("group:acme/staff"));
    let vms = gateway.all("vms", "sort=name").await;
    let name = vms[0]["name"].as_str().unwrap();
    let condition = format!("name={name}");
    let shown = run(&["rule", "preview", "one", "--project", "acme/shop", "--if", &condition]);
    assert!(shown.contains("1 machines fit it; 1 would go"), "{shown}");
    run(&["rule", "create", "one", "--project", "acme/shop", "--if", &condition]);
    let ann = Member::sign_in(&gateway, "acme/ann").await;
    sees_just(&gateway, &ann, &BTreeSet::from([vms[0]["id"].as_str().unwrap().to_owned()])).await;
    assert_eq!(cli(&gateway, &ann.token, &["vm", "list", "-o", "name"], 0).trim(), name);
    assert!(cli(&gateway, &ann.token, &["whoami"], 0).contains("acme/ann (viewer)"));
    assert!(run(&["owner", "show", name]).contains("by the rule one"));
    let other = vms[1]["name"].as_str().unwrap();
    assert!(run(&["owner", "give", other, "--project", "acme/shop"]).contains("given by hand by admin"));
    let why = run(&["why", "inventory.read", "--on", &format!("vm:{other}"), "--user", "acme/ann"]);
    assert!(why.contains("allowed") && why.contains("the role viewer of the group staff"), "{why}");
    let denied = cli(&gateway, "", &["why", "project.write", "--on", "project:acme/shop", "--user", "acme/ann"], 3);
    assert!(denied.contains("no role gives it"), "{denied}");
    let limited = run(&["quota", "set", "project:acme/shop", "--hard", "vms=2", "--soft", "vms=1"]);
    assert!(limited.contains("full"), "{limited}");
    run(&["quota", "set", "project:acme/shop", "--hard", "vcpus=100"]);
    let shown: Value =
        serde_json::from_str(&run(&["quota", "show", "project:acme/shop", "-o", "json"])).expect("a document");
    let vms = shown["items"].as_array().unwrap().iter().find(|one| one["resource"] == "vms").unwrap();
    assert_eq!(
        (&vms["used"], &vms["hard"], &vms["soft"]),
        (&json!(2), &json!(2), &json!(1)),
        "what is not named stays"
    );
    run(&["quota", "recount"]);
    // A program is given a token by who manages it, and does what it may.
    run(&["role", "give", "viewer", "--user", "acme/backup", "--on", "project:acme/shop"]);
    let token = cli(&gateway, "", &["token", "create", "nightly", "--user", "acme/backup"], 0);
    let token = token.lines().find(|line| line.starts_with("spandrel_")).expect("a token").trim().to_owned();
    assert!(cli(&gateway, &token, &["whoami"], 0).contains("acme/backup (viewer)"));
    assert_eq!(cli(&gateway, &token, &["vm", "list", "-o", "name"], 0).lines().count(), 2);
    assert!(run(&["token", "list", "--user", "acme/backup"]).contains("nightly"));
    run(&["token", "revoke", "nightly", "--user", "acme/backup"]);
    cli(&gateway, &token, &["vm", "list"], 3);
    // What goes beyond one's own is refused, and says why.
    run(&["role", "give", "project_admin", "--user", "acme/ann", "--on", "project:acme/shop"]);
    let beyond = ["role", "give", "platform_admin", "--user", "acme/ann", "--on", "project:acme/shop"];
    assert!(cli(&gateway, &ann.token, &beyond, 4).contains("There is no user"), "who may not see members names none");
    run(&["role", "give", "tenant_admin", "--user", "acme/ann", "--on", "tenant:acme"]);
    let beyond = ["role", "give", "platform_admin", "--user", "acme/ann", "--on", "tenant:acme"];
    assert!(cli(&gateway, &ann.token, &beyond, 3).contains("provider.read"), "it says which permission is lacking");
    run(&["role", "take", "tenant_admin", "--user", "acme/ann", "--on", "tenant:acme"]);
    assert!(cli(&gateway, "", &["role", "delete", "viewer", "--yes"], 5).contains("built in"));
    assert!(cli(&gateway, "", &["tenant", "delete", "acme", "--yes"], 5).contains("projects"));
    run(&["user", "edit", "acme/ann", "--disable"]);
    run(&["project", "delete", "acme/shop", "--release", "--yes"]);
    run(&["tenant", "delete", "acme/research", "--yes"]);
    run(&["tenant", "delete", "acme", "--yes"]);
    assert!(!run(&["tenant", "list"]).contains("acme"));
    run(&["audit", "verify"]);
}
