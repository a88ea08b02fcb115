//! What each write leaves in the audit log, and the story that the log tells of two tenants.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

use super::audit::{SECRETS, entries, one};
use super::{Answer, Gateway, PASSWORD, USER, vm};
use crate::authz::roles::built_in;
use crate::model::{ChangeOp, Kind, ObjectId, Owner, SourceState, TenantId};

const PLATFORM: &str = "00000000-0000-0000-0000-000000000001";

fn id_of(answer: &Answer) -> String {
    answer.json()["id"].as_str().unwrap().to_owned()
}

fn role(name: &str) -> String {
    built_in().into_iter().find(|role| role.name == name).unwrap().id.to_string()
}

/// A machine of an owner.
fn machine(gateway: &Gateway, name: &str, owner: Owner) -> String {
    let (id, object) = (ObjectId::generate(), vm(name, 1_024, "running"));
    let body = String::from_utf8(object.to_json().unwrap()).unwrap().into();
    let op = ChangeOp::Put { body, object: object.into(), created_at: gateway.clock.now() };
    gateway.change_of(owner, id, Kind::Vm, op);
    id.to_string()
}

/// All that the writes can change, as the API shows it.
async fn state(gateway: &Gateway, vm: &str) -> String {
    let mut state = String::new();
    for noun in ["tenants", "projects"] {
        for one in gateway.get(&format!("/v1/{noun}")).await.ok(200).json()["items"].as_array().unwrap() {
            let at = format!("/v1/{noun}/{}/quota", one["id"].as_str().unwrap());
            state.push_str(&gateway.get(&at).await.ok(200).text());
        }
    }
    for noun in
        ["tenants", "projects", "users", "groups", "roles", "bindings", "ownership-rules", "providers", "tokens"]
    {
        state.push_str(&gateway.get(&format!("/v1/{noun}")).await.ok(200).text());
    }
    state + &gateway.get(&format!("/v1/vms/{vm}/owner")).await.ok(200).text()
}

struct Writes {
    gateway: Gateway,
    vm: String,
}

impl Writes {
    /// Tries it while its entry cannot be written, which leaves everything as it is; then does it. Gives the answer and
    /// the entry.
    async fn step(&self, act: &str, body: Option<Value>, action: &str) -> (Answer, Value) {
        let (method, target) = act.split_once(' ').unwrap();
        let gateway = &self.gateway;
        let before = state(gateway, &self.vm).await;
        let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON audit WHEN NEW.result = 'done' \
                      BEGIN SELECT RAISE(ABORT, 'refused'); END";
        gateway.store.sql(refuse).await;
        let failed = one(gateway, gateway.send(gateway.request(method, target, body.clone()))).await;
        gateway.store.sql("DROP TRIGGER refuse").await;
        let kind = failed["object_kind"].clone();
        assert_eq!(
            [&failed["action"], &failed["result"], &failed["status"]],
            [&json!(action), &json!("failed"), &json!(500)]
        );
        assert_eq!(state(gateway, &self.vm).await, before, "{action}: nothing is changed");

        let (count, answer) = (entries(gateway).await.len(), gateway.send(gateway.request(method, target, body)).await);
        assert!(answer.status.is_success(), "{action}: {}", answer.text());
        let mut all = entries(gateway).await;
        assert_eq!(all.len(), count + 1, "{action}: exactly one");
        let entry = all.pop().unwrap();
        let told = [&entry["action"], &entry["object_kind"], &entry["result"], &entry["actor"], &entry["door"]];
        assert_eq!(told, [&json!(action), &kind, &json!("done"), &json!(USER), &json!("api")], "{entry}");
        assert_eq!(entry["status"], answer.status.as_u16(), "{entry}");
        assert_eq!(entry["request_id"], answer.header("x-request-id"), "{entry}");
        assert_eq!(entry["address"], "192.0.2.1", "{entry}");
        for secret in SECRETS {
            assert!(!entry.to_string().contains(secret), "{entry}");
        }
        (answer, entry)
    }

    /// The same, of what has a name and is the concern of a tenant; and which of before and afterwards are told.
    async fn told(&self, act: &str, body: Value, expected: (&str, &str, &str, [bool; 2])) -> (Answer, Value) {
        let (action, tenant, name, told) = expected;
        let (answer, entry) = self.step(act, (!body.is_null()).then_some(body), action).await;
        assert_eq!([&entry["tenant_id"], &entry["object_name"]], [&json!(tenant), &json!(name)], "{entry}");
        assert_eq!([entry["before"].is_object(), entry["after"].is_object()], told, "{entry}");
        (answer, entry)
    }
}

const MADE: [bool; 2] = [false, true];
const EDITED: [bool; 2] = [true, true];
const GONE: [bool; 2] = [true, false];
const NEITHER: [bool; 2] = [false, false];

#[tokio::test]
async fn each_write_tells_what_was_before_and_afterwards_or_is_not_done() {
    let gateway = Gateway::start().await;
    gateway.tell_provider(SourceState::Live);
    let vm = machine(&gateway, "shop-1", Owner::PLATFORM);
    let writes = Writes { gateway, vm: vm.clone() };
    let (answer, entry) = writes.step("POST /v1/tenants", Some(json!({"name": "acme"})), "tenant.create").await;
    // The tenant is its own concern.
    let acme = id_of(&answer);
    assert_eq!(
        [&entry["tenant_id"], &entry["object_id"], &entry["object_name"]],
        [&json!(acme), &json!(acme), &json!("acme")]
    );
    assert_eq!((&entry["before"], &entry["after"]["path"]), (&Value::Null, &json!("acme")));
    let (_, entry) = writes
        .told(&format!("PATCH /v1/tenants/{acme}"), json!({"name": "Acme"}), ("tenant.edit", &acme, "Acme", EDITED))
        .await;
    assert_eq!((&entry["before"]["path"], &entry["after"]["path"]), (&json!("acme"), &json!("Acme")));

    let body = json!({"tenant_id": acme, "name": "shop"});
    let (answer, _) = writes.told("POST /v1/projects", body, ("project.create", &acme, "shop", MADE)).await;
    let project = id_of(&answer);
    let at = format!("/v1/projects/{project}");
    writes.told(&format!("PATCH {at}"), json!({"name": "Shop"}), ("project.edit", &acme, "Shop", EDITED)).await;

    let limits = json!({"limits": [{"resource": "vms", "hard": 7}]});
    for (at, action, name) in
        [(format!("/v1/tenants/{acme}"), "tenant.quota_set", "Acme"), (at, "project.quota_set", "Shop")]
    {
        let (_, entry) = writes.told(&format!("PUT {at}/quota"), limits.clone(), (action, &acme, name, EDITED)).await;
        assert_eq!((&entry["before"]["limits"], &entry["after"]["limits"][0]["hard"]), (&json!([]), &json!(7)));
    }

    let body = json!({"tenant_id": acme, "username": "ann", "password": "hunter2hunter2"});
    let (answer, _) = writes.told("POST /v1/users", body, ("user.create", &acme, "Acme/ann", MADE)).await;
    let user = id_of(&answer);
    let user_at = format!("/v1/users/{user}");
    let body = json!({"display_name": "Ann"});
    let (_, entry) = writes.told(&format!("PATCH {user_at}"), body, ("user.edit", &acme, "Acme/ann", EDITED)).await;
    assert_eq!([&entry["before"]["display_name"], &entry["after"]["display_name"]], [&json!(""), &json!("Ann")]);
    let body = json!({"password": "another long password"});
    let act = format!("PUT {user_at}/password");
    writes.told(&act, body, ("user.set_password", &acme, "Acme/ann", NEITHER)).await;

    let body = json!({"tenant_id": acme, "name": "ops", "member_ids": [user]});
    let (answer, _) = writes.told("POST /v1/groups", body, ("group.create", &acme, "ops", MADE)).await;
    let group_at = format!("/v1/groups/{}", id_of(&answer));
    let body = json!({"member_ids": []});
    let (_, entry) = writes.told(&format!("PATCH {group_at}"), body, ("group.edit", &acme, "ops", EDITED)).await;
    assert_eq!([&entry["before"]["member_ids"], &entry["after"]["member_ids"]], [&json!([user]), &json!([])]);

    let body = json!({"tenant_id": acme, "name": "reads", "permissions": ["inventory.read"]});
    let (answer, _) = writes.told("POST /v1/roles", body, ("role.create", &acme, "reads", MADE)).await;
    let role = id_of(&answer);
    let role_at = format!("/v1/roles/{role}");
    writes.told(&format!("PATCH {role_at}"), json!({"name": "sees"}), ("role.edit", &acme, "sees", EDITED)).await;

    let body =
        json!({"subject": {"kind": "user", "id": user}, "role_id": role, "scope": {"kind": "project", "id": project}});
    let (answer, entry) = writes.told("POST /v1/bindings", body, ("binding.create", &acme, "sees", MADE)).await;
    assert_eq!(entry["after"]["subject"], json!({"kind": "user", "id": user}));
    let at = format!("DELETE /v1/bindings/{}", id_of(&answer));
    writes.told(&at, Value::Null, ("binding.delete", &acme, "sees", GONE)).await;

    let body = json!({"name": "by name", "project_id": project, "conditions": [{"field": "name", "pattern": "x-*"}]});
    let expected = ("ownership_rule.create", PLATFORM, "by name", MADE);
    let (answer, _) = writes.told("POST /v1/ownership-rules", body, expected).await;
    let rule_at = format!("/v1/ownership-rules/{}", id_of(&answer));
    let expected = ("ownership_rule.edit", PLATFORM, "by name", EDITED);
    writes.told(&format!("PATCH {rule_at}"), json!({"priority": 7}), expected).await;
    writes.told(&format!("DELETE {rule_at}"), Value::Null, ("ownership_rule.delete", PLATFORM, "by name", GONE)).await;

    let at = format!("/v1/vms/{vm}/owner");
    let body = json!({"project_id": project});
    let (_, entry) = writes.told(&format!("PUT {at}"), body, ("vm.owner_set", &acme, "shop-1", EDITED)).await;
    assert_eq!([&entry["before"]["project_id"], &entry["after"]["project_id"]], [&Value::Null, &json!(project)]);
    writes.told(&format!("DELETE {at}"), Value::Null, ("vm.owner_unset", PLATFORM, "shop-1", GONE)).await;

    providers_and_the_own_account(&writes).await;
    for (at, action, name) in [
        (role_at, "role.delete", "sees"),
        (group_at, "group.delete", "ops"),
        (user_at, "user.delete", "Acme/ann"),
        (format!("/v1/projects/{project}"), "project.delete", "Shop"),
    ] {
        writes.told(&format!("DELETE {at}"), Value::Null, (action, &acme, name, GONE)).await;
    }
    // Nobody is left in it who could read of it.
    let at = format!("DELETE /v1/tenants/{acme}");
    writes.told(&at, Value::Null, ("tenant.delete", PLATFORM, "Acme", GONE)).await;
}

/// What belongs to the platform, and to who writes.
async fn providers_and_the_own_account(writes: &Writes) {
    let body = json!({"name": "lab", "kind": "vsphere", "endpoints": ["vc.example"], "username": "root",
        "password": "platform-secret"});
    let (answer, _) = writes.told("POST /v1/providers", body, ("provider.create", PLATFORM, "lab", MADE)).await;
    let at = format!("/v1/providers/{}", id_of(&answer));
    let body = json!({"password": "hunter2hunter2"});
    let (_, entry) = writes.told(&format!("PATCH {at}"), body, ("provider.edit", PLATFORM, "lab", EDITED)).await;
    assert_eq!(entry["after"]["password_changed"], true);
    let body = json!({"thumbprint_sha256": "ab".repeat(32)});
    let (_, entry) = writes.told(&format!("POST {at}/trust"), body, ("provider.trust", PLATFORM, "lab", EDITED)).await;
    assert_ne!(entry["before"]["trust"], entry["after"]["trust"]);
    writes.told(&format!("DELETE {at}"), Value::Null, ("provider.delete", PLATFORM, "lab", GONE)).await;

    let body = json!({"name": "ci"});
    let (answer, _) = writes.told("POST /v1/tokens", body, ("token.create", PLATFORM, "ci", MADE)).await;
    let at = format!("DELETE /v1/tokens/{}", id_of(&answer));
    writes.told(&at, Value::Null, ("token.delete", PLATFORM, "ci", GONE)).await;
    let body = json!({"current_password": PASSWORD, "new_password": "another long password"});
    writes.told("POST /v1/account/password", body, ("password.change", PLATFORM, USER, NEITHER)).await;
}

/// Somebody who is signed in.
struct Caller<'a> {
    gateway: &'a Gateway,
    token: String,
}

impl<'a> Caller<'a> {
    async fn new(gateway: &'a Gateway, login: &str) -> Self {
        let answer = gateway.login(login, PASSWORD).await.ok(200).json();
        Self { gateway, token: answer["token"].as_str().unwrap().to_owned() }
    }

    async fn send(&self, act: &str, body: Value) -> Answer {
        let (method, target) = act.split_once(' ').unwrap();
        let request = Request::builder().method(method).uri(target);
        let request = request
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json");
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.gateway.send(request.body(body).unwrap()).await
    }

    /// The log as this one sees it, oldest first: who, what, of what, with which result.
    async fn story(&self) -> Vec<String> {
        let lines = self.send("GET /v1/audit/export", Value::Null).await.ok(200).text();
        let told = |line: &str| {
            let entry: Value = serde_json::from_str(line).unwrap();
            let word = |name: &str| entry[name].as_str().unwrap_or("-").to_owned();
            format!("{} {} {} {}", word("actor"), word("action"), word("object_name"), word("result"))
        };
        lines.lines().map(told).collect()
    }
}

#[tokio::test]
async fn the_log_tells_the_story_of_two_tenants_to_each_its_own() {
    let gateway = Gateway::start().await;
    gateway.tell_provider(SourceState::Live);
    let mut tenants = Vec::new();
    for (name, user) in [("acme", "ann"), ("beta", "bob")] {
        let tenant = id_of(&gateway.post("/v1/tenants", json!({"name": name})).await.ok(201));
        let project = id_of(&gateway.post("/v1/projects", json!({"tenant_id": tenant, "name": "web"})).await.ok(201));
        let body = json!({"tenant_id": tenant, "username": user, "password": PASSWORD});
        let id = id_of(&gateway.post("/v1/users", body).await.ok(201));
        let body = json!({"subject": {"kind": "user", "id": id}, "role_id": role("tenant_admin"),
            "scope": {"kind": "tenant", "id": tenant}});
        gateway.post("/v1/bindings", body).await.ok(201);
        tenants.push((tenant, project));
    }
    let [(acme, acme_web), (beta, beta_web)] = tenants.as_slice() else { panic!() };
    let ann = Caller::new(&gateway, "acme/ann").await;
    let bob = Caller::new(&gateway, "Beta/Bob").await;

    let free = machine(&gateway, "web-1", Owner::PLATFORM);
    let owned = Owner { tenant_id: acme.parse().unwrap(), project_id: Some(acme_web.parse().unwrap()) };
    let theirs = machine(&gateway, "web-2", owned);
    let give = async |vm: &str, project: &str| {
        let request = gateway.request("PUT", &format!("/v1/vms/{vm}/owner"), Some(json!({"project_id": project})));
        gateway.send(request).await.ok(200);
    };
    give(&free, acme_web).await;
    give(&theirs, beta_web).await;

    let dev = id_of(&ann.send("POST /v1/tenants", json!({"parent_id": acme, "name": "dev"})).await.ok(201));
    ann.send("POST /v1/projects", json!({"tenant_id": dev, "name": "lab"})).await.ok(201);
    ann.send(&format!("PATCH /v1/projects/{beta_web}"), json!({"name": "mine"})).await.problem(404, "not-found");
    ann.send("POST /v1/tenants", json!({"parent_id": PLATFORM, "name": "rogue"})).await;
    bob.send(&format!("PATCH /v1/projects/{beta_web}"), json!({"name": "Web"})).await.ok(200);
    bob.send("POST /v1/tokens", json!({"name": "ci"})).await.ok(201);
    gateway.login("acme/ann", "hunter2hunter2").await.problem(401, "invalid-credentials");
    // Both are called another name by the platform; what was is told by the name of then.
    gateway.patch(&format!("/v1/tenants/{acme}"), json!({"name": "Acme GmbH"})).await.ok(200);
    ann.send("POST /v1/tokens", json!({"name": "cd"})).await.ok(201);

    assert_eq!(
        ann.story().await,
        [
            "admin tenant.create acme done",
            "admin project.create web done",
            "admin user.create acme/ann done",
            "admin binding.create tenant_admin done",
            "acme/ann login - done",
            "admin vm.owner_set web-1 done",
            "acme/ann tenant.create acme/dev done",
            "acme/ann project.create lab done",
            "acme/ann project.edit - failed",
            "acme/ann tenant.create - failed",
            "acme/ann login - denied",
            "admin tenant.edit Acme GmbH done",
            "Acme GmbH/ann token.create cd done",
        ]
    );
    assert_eq!(
        bob.story().await,
        [
            "admin tenant.create beta done",
            "admin project.create web done",
            "admin user.create beta/bob done",
            "admin binding.create tenant_admin done",
            "beta/bob login - done",
            "beta/bob project.edit Web done",
            "beta/bob token.create ci done",
        ]
    );
    let all = gateway.get("/v1/audit/export").await.ok(200).text();
    // What went from one to the other is told to neither, and to who is above both.
    let moved = all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let moved: Vec<Value> = moved.filter(|entry| entry["object_name"] == "web-2").collect();
    assert_eq!(moved.len(), 1);
    assert_eq!(moved[0]["tenant_id"], json!(TenantId::PLATFORM));
    assert_eq!([&moved[0]["before"]["tenant_id"], &moved[0]["after"]["tenant_id"]], [&json!(acme), &json!(beta)]);
    let lines = ann.send("GET /v1/audit/export", Value::Null).await.text();
    assert!(!lines.contains(&format!("\"tenant_id\":\"{beta}\"")) && !lines.contains("beta"), "{lines}");

    assert_eq!(all.lines().count(), 1 + 1 + 8 + 2 + 2 + 9, "nothing twice");
    let check = gateway.get("/v1/audit/verify").await.ok(200).json();
    assert_eq!((&check["sound"], &check["entries"]), (&json!(true), &json!(all.lines().count())));
}
