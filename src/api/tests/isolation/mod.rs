//! Who may do what with whose: every operation of the description, by everybody, with what is one's own, below it, above it
//! and of strangers. An operation without an entry fails; what is held against it is worked out here from the tree and the
//! roles alone.
//!
//! The table is published as `docs/PERMISSIONS.md`; `SPANDREL_BLESS=1` writes it anew.

mod table;

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

use self::table::{Needs, Noun, Operation, Place, operations};
use super::{Answer, Gateway, PASSWORD, vm};
use crate::authz::roles::built_in;
use crate::model::{ChangeOp, Kind, ObjectId, Owner, Permission, Permission as P, ProjectId, SourceState, TenantId};

/// A place in the tree, with all that stands in it.
#[derive(Clone, Debug)]
struct Spot {
    name: &'static str,
    tenant: TenantId,
    project: Option<ProjectId>,
    /// What there is of each noun, as it is in a path.
    things: BTreeMap<Noun, String>,
}

/// Somebody with one role in one place.
struct Actor {
    role: String,
    permissions: Vec<Permission>,
    /// The spots that the role holds for, where it is bound to a tenant; of a project only that.
    within: Vec<&'static str>,
    /// Whether the role is bound to the project of the spot, and not to the tenant.
    project_only: bool,
    token: String,
}

struct World {
    gateway: Gateway,
    spots: Vec<Spot>,
    actors: Vec<Actor>,
    rule: String,
}

/// Platform, a tenant, one below it, and a stranger.
const SPOTS: [&str; 4] = ["platform", "acme", "research", "other"];

impl World {
    async fn new() -> Self {
        let gateway = Gateway::start().await;
        gateway.tell_provider(SourceState::Live);
        let body = json!({"name": "lab", "kind": "kvm", "endpoints": ["qemu:///system"]});
        let provider = id_of(&gateway.post("/v1/providers", body).await.ok(201));
        let mut spots: Vec<Spot> = Vec::new();
        for name in SPOTS {
            let parent = if name == "research" { Some(spots[1].tenant) } else { None };
            let spot = build(&gateway, name, parent, &provider).await;
            spots.push(spot);
        }
        let rule = json!({"name": "by name", "project_id": spots[1].project, "conditions": [
            {"field": "name", "pattern": "nothing-*"}]});
        let rule = id_of(&gateway.post("/v1/ownership-rules", rule).await.ok(201));
        for spot in &mut spots {
            spot.things.insert(Noun::Rule, rule.clone());
        }
        let mut world = Self { gateway, spots, actors: Vec::new(), rule };
        for role in built_in() {
            world.actor(&role.name, &role.permissions, "acme", false).await;
            if ["platform_admin", "auditor", "operator", "viewer"].contains(&role.name.as_str()) {
                world.actor(&role.name, &role.permissions, "platform", false).await;
            }
            if ["project_admin", "member", "viewer"].contains(&role.name.as_str()) {
                world.actor(&role.name, &role.permissions, "acme", true).await;
            }
        }
        world
    }

    fn spot(&self, name: &str) -> &Spot {
        self.spots.iter().find(|spot| spot.name == name).unwrap()
    }

    async fn actor(&mut self, role: &str, permissions: &[Permission], place: &'static str, project_only: bool) {
        let spot = self.spot(place).clone();
        let username = format!("{role}.{place}{}", if project_only { ".project" } else { "" });
        let user = json!({"tenant_id": spot.tenant, "username": username, "password": PASSWORD});
        let user = id_of(&self.gateway.post("/v1/users", user).await.ok(201));
        let role_id = built_in().into_iter().find(|other| other.name == role).unwrap().id;
        let scope = match (project_only, spot.project) {
            (true, Some(project)) => json!({"kind": "project", "id": project}),
            _ => json!({"kind": "tenant", "id": spot.tenant}),
        };
        let binding = json!({"subject": {"kind": "user", "id": user}, "role_id": role_id, "scope": scope});
        self.gateway.post("/v1/bindings", binding).await.ok(201);
        let login = if place == "platform" { username } else { format!("{place}/{username}") };
        let login = self.gateway.login(&login, PASSWORD).await.ok(200).json();
        let within = match place {
            "platform" => SPOTS.to_vec(),
            _ if project_only => vec!["acme"],
            _ => vec!["acme", "research"],
        };
        self.actors.push(Actor {
            role: role.to_owned(),
            permissions: permissions.to_vec(),
            within,
            project_only,
            token: login["token"].as_str().unwrap().to_owned(),
        });
    }

    async fn send(&self, actor: &Actor, method: &str, target: &str, body: Option<Value>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::AUTHORIZATION, format!("Bearer {}", actor.token))
            // Nothing that can be conditional is done: who gets so far is told of the condition.
            .header(header::IF_MATCH, "\"999\"");
        let request = match body {
            None => request.body(Body::empty()),
            Some(body) => request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())),
        };
        self.gateway.send(request.unwrap()).await
    }
}

fn id_of(answer: &Answer) -> String {
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// A tenant with one of each.
async fn build(gateway: &Gateway, name: &'static str, parent: Option<TenantId>, provider: &str) -> Spot {
    let tenant: TenantId = if name == "platform" {
        TenantId::PLATFORM
    } else {
        let body = json!({"name": name, "parent_id": parent});
        id_of(&gateway.post("/v1/tenants", body).await.ok(201)).parse().unwrap()
    };
    let project = json!({"tenant_id": tenant, "name": format!("project of {name}")});
    let project = id_of(&gateway.post("/v1/projects", project).await.ok(201));
    let mut things = BTreeMap::from([
        (Noun::Tenant, tenant.to_string()),
        (Noun::Project, project.clone()),
        (Noun::Provider, provider.to_owned()),
    ]);
    let user = json!({"tenant_id": tenant, "username": format!("user-of-{name}"), "display_name": format!("user of {name}"), "password": PASSWORD});
    let user = id_of(&gateway.post("/v1/users", user).await.ok(201));
    let group = json!({"tenant_id": tenant, "name": format!("group of {name}"), "member_ids": [user]});
    things.insert(Noun::Group, id_of(&gateway.post("/v1/groups", group).await.ok(201)));
    let role = json!({"tenant_id": tenant, "name": format!("role of {name}"), "permissions": ["inventory.read"]});
    let role = id_of(&gateway.post("/v1/roles", role).await.ok(201));
    // Of the project, or, in the platform, of nobody in particular.
    let project_id: ProjectId = project.parse().unwrap();
    let owner = match name {
        "platform" => Owner::PLATFORM,
        _ => Owner { tenant_id: tenant, project_id: Some(project_id) },
    };
    for (noun, kind, object) in
        [(Noun::Vm, Kind::Vm, vm(&format!("vm of {name}"), 1024, "running")), (Noun::Other, Kind::Zone, zone(name))]
    {
        let id = ObjectId::generate();
        let body = String::from_utf8(object.to_json().unwrap()).unwrap().into();
        let owner = if kind == Kind::Zone { Owner::PLATFORM } else { owner };
        let op = ChangeOp::Put { body, object: object.into(), created_at: gateway.clock.now() };
        gateway.change_of(owner, id, kind, op);
        if let (Kind::Vm, Some(_)) = (kind, owner.project_id) {
            // What no rule gives is whose a person says it is.
            gateway.replace(&format!("/v1/vms/{id}/owner"), json!({"project_id": project})).await.ok(200);
        }
        things.insert(noun, id.to_string());
    }
    let binding = json!({"subject": {"kind": "user", "id": user}, "role_id": role,
        "scope": {"kind": "project", "id": project}});
    things.insert(Noun::Binding, id_of(&gateway.post("/v1/bindings", binding).await.ok(201)));
    things.extend([(Noun::User, user), (Noun::Role, role)]);
    Spot { name, tenant, project: Some(project_id), things }
}

fn zone(name: &str) -> crate::model::Object {
    let text = json!({"name": format!("zone of {name}"), "native": {}}).to_string();
    crate::model::Object::from_json(Kind::Zone, text.as_bytes()).unwrap()
}

impl Actor {
    /// Whether the permission is had in a spot: in its tenant, or in its project.
    fn may(&self, permission: Permission, spot: &str, project: bool) -> bool {
        self.permissions.contains(&permission) && self.within.contains(&spot) && (project || !self.project_only)
    }

    fn may_in_platform(&self, permission: Permission) -> bool {
        self.may(permission, "platform", false)
    }
}

/// Whether a thing of a spot stands in the project of the spot, and not in the tenant itself.
fn in_project(noun: Noun, spot: &str) -> bool {
    match noun {
        Noun::Project | Noun::Binding => true,
        Noun::Vm => spot != "platform",
        _ => false,
    }
}

/// What is to be answered: hidden, forbidden, or neither.
fn expected(actor: &Actor, needs: Needs, spot: &Spot) -> Option<u16> {
    match needs {
        Needs::Public | Needs::Account | Needs::Shows(_) => None,
        Needs::Platform(permission) => (!actor.may_in_platform(permission)).then_some(403),
        // What is not seen cannot be named in a body.
        Needs::Within(permission) => match actor.may(P::TenantRead, spot.name, false) {
            false => Some(422),
            true => (!actor.may(permission, spot.name, false)).then_some(403),
        },
        Needs::Thing(noun, read, act) => {
            let everybody = noun == Noun::Other || noun == Noun::Provider || noun == Noun::Rule;
            let place = if everybody { "platform" } else { spot.name };
            let project = in_project(noun, spot.name);
            if !actor.may(read, place, project) {
                return Some(404);
            }
            let (permission, where_to) = act?;
            let allowed = match where_to {
                Place::There => actor.may(permission, place, project),
                Place::Above if noun == Noun::Project => actor.may(permission, place, false),
                Place::Above => match place {
                    // There is nothing above it: nobody edits it.
                    "platform" => return Some(409),
                    "research" => actor.may(permission, "acme", false),
                    _ => actor.may_in_platform(permission),
                },
                Place::Platform => actor.may(permission, place, project) && actor.may_in_platform(permission),
            };
            (!allowed).then_some(403)
        }
    }
}

/// A body that is right, so that nothing but the permission is in its way.
fn body(world: &World, operation: &Operation, spot: &Spot) -> Option<Value> {
    let user = &spot.things[&Noun::User];
    Some(match operation.id.as_str() {
        "tenant_create" => json!({"parent_id": spot.tenant, "name": "new"}),
        "project_create" => json!({"tenant_id": spot.tenant, "name": "new"}),
        "user_create" => json!({"tenant_id": spot.tenant, "username": "new", "password": PASSWORD}),
        "group_create" => json!({"tenant_id": spot.tenant, "name": "new"}),
        "role_create" => json!({"tenant_id": spot.tenant, "name": "new", "permissions": ["inventory.read"]}),
        "binding_create" => {
            json!({"subject": {"kind": "user", "id": user}, "scope": {"kind": "tenant", "id": spot.tenant},
            "role_id": built_in().into_iter().find(|role| role.name == "viewer").unwrap().id})
        }
        "ownership_rule_create" => json!({"name": "new", "project_id": spot.project,
            "conditions": [{"field": "name", "pattern": "nothing-*"}]}),
        "ownership_preview" => json!({"id": world.rule, "rule": {"name": "new", "project_id": spot.project,
            "conditions": [{"field": "name", "pattern": "nothing-*"}]}}),
        "user_set_password" => json!({"password": "correct horse battery!"}),
        "vm_owner_set" => {
            json!({"project_id": if spot.name == "platform" { None } else { spot.project }})
        }
        "provider_create" => json!({"name": "new", "kind": "kvm", "endpoints": ["qemu+ssh://new/system"]}),
        "provider_test_new" => json!({"kind": "kvm", "endpoints": ["qemu+ssh://new/system"]}),
        "provider_trust" => json!({"thumbprint_sha256": "ab".repeat(32)}),
        "authz_simulate" => json!({"permission": "inventory.read", "on": {"kind": "tenant", "id": spot.tenant}}),
        "token_create" | "user_token_create" => json!({"name": "new"}),
        "tenant_quota_set" | "project_quota_set" => json!({"limits": []}),
        "project_quota_try" => json!({"amounts": []}),
        "password_change" => json!({"current_password": "wrong wrong wrong", "new_password": "correct horse battery!"}),
        id if id.ends_with("_edit") => json!({}),
        _ => return None,
    })
}

/// Operations that would end the session, or go on for ever: these have tests of their own.
const APART: [&str; 4] = ["logout", "watch", "password_change", "token_delete"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_does_with_everything_what_the_table_says() {
    let world = World::new().await;
    let operations = operations();
    let mut tried = 0;
    for actor in &world.actors {
        for operation in operations.iter().filter(|operation| !APART.contains(&operation.id.as_str())) {
            for spot in &world.spots {
                let Needs::Thing(noun, ..) = operation.needs else { continue };
                tried += check_thing(&world, actor, operation, spot, noun).await;
            }
            for spot in &world.spots {
                if matches!(operation.needs, Needs::Within(_) | Needs::Platform(_)) {
                    let dry = if operation.id.ends_with("_create") { "?dry_run=true" } else { "" };
                    let target = format!("{}{dry}", operation.path);
                    let answer = world.send(actor, &operation.method, &target, body(&world, operation, spot)).await;
                    verdict(actor, operation, spot, &answer);
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 2_000, "only {tried}");
}

async fn check_thing(world: &World, actor: &Actor, operation: &Operation, spot: &Spot, noun: Noun) -> usize {
    let id = &spot.things[&noun];
    if noun == Noun::Other && !operation.id.starts_with("zone_") {
        // One handler serves all kinds; of the other kinds there is nothing here to be seen.
        return 0;
    }
    if ["binding_delete", "vm_owner_unset"].contains(&operation.id.as_str())
        && expected(actor, operation.needs, spot).is_none()
    {
        // It would really go.
        return 0;
    }
    let target = operation.path.replace("{id}", id);
    let answer = world.send(actor, &operation.method, &target, body(world, operation, spot)).await;
    verdict(actor, operation, spot, &answer);
    if answer.status.as_u16() == 404 {
        // It says no more than of something that is not there, and in the same words.
        let absent = "0192f0c1-2345-7000-8000-000000000000";
        let nothing = operation.path.replace("{id}", absent);
        let other = world.send(actor, &operation.method, &nothing, body(world, operation, spot)).await;
        let plain = |answer: &Answer, id: &str| {
            let mut problem = answer.json();
            problem["request_id"] = Value::Null;
            problem.to_string().replace(id, "ID")
        };
        assert_eq!(plain(&answer, id), plain(&other, absent), "{} of {}", operation.id, spot.name);
    }
    1
}

#[track_caller]
fn verdict(actor: &Actor, operation: &Operation, spot: &Spot, answer: &Answer) {
    let status = answer.status.as_u16();
    let mut expected = expected(actor, operation.needs, spot);
    if operation.id == "binding_create" && !actor.may(P::MemberRead, spot.name, false) {
        // Who is not seen cannot be named.
        expected = Some(422);
    }
    let place = if actor.project_only { "the project of acme" } else { actor.within[0] };
    let what = format!("{} in {place}: {} of {}: {status} {}", actor.role, operation.id, spot.name, answer.text());
    match expected {
        Some(expected) => assert_eq!(status, expected, "{what}"),
        // The users of the spots are people, who make their own.
        None if operation.id == "user_token_create" => assert_eq!(status, 422, "{what}"),
        // What is only tried is done to its end; of the rest something else may be in the way.
        None if operation.id.ends_with("_create") => assert_eq!(status, 200, "{what}"),
        None => assert!([200, 202, 204, 409, 412].contains(&status), "{what}"),
    }
    for other in SPOTS.iter().filter(|other| [403, 404, 422].contains(&status) && !actor.within.contains(other)) {
        assert!(!answer.text().contains(&format!("of {other}")), "{what} tells of {other}");
    }
}

/// A list holds what is visible, and nothing else: also by filters, in counts, and by what is asked in one page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_hold_what_is_visible_and_nothing_else() {
    let world = World::new().await;
    for actor in &world.actors {
        for operation in operations() {
            let Needs::Shows(permission) = operation.needs else { continue };
            let noun = match operation.path.as_str() {
                "/v1/tenants" => Noun::Tenant,
                "/v1/projects" => Noun::Project,
                "/v1/users" => Noun::User,
                "/v1/roles" => Noun::Role,
                "/v1/groups" => Noun::Group,
                "/v1/bindings" => Noun::Binding,
                "/v1/ownership-rules" => Noun::Rule,
                "/v1/providers" => Noun::Provider,
                "/v1/vms" => Noun::Vm,
                "/v1/zones" => Noun::Other,
                // Looked at with the machines, or by tests of their own.
                "/v1/search" | "/v1/watch" | "/v1/audit" | "/v1/audit/export" => continue,
                path if path.ends_with("/count") || path.ends_with("/summary") => continue,
                path if path.split('/').nth(2).and_then(Kind::from_plural).is_some() => continue,
                path => panic!("{path}: say here what its list must hold"),
            };
            let mut token = String::new();
            let mut found = Vec::new();
            loop {
                let paged = !matches!(noun, Noun::Rule | Noun::Provider);
                let target = if paged { format!("{}?limit=2{token}", operation.path) } else { operation.path.clone() };
                let page = world.send(actor, "GET", &target, None).await.ok(200).json();
                found.extend(
                    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()),
                );
                match page["next_page_token"].as_str() {
                    Some(next) => token = format!("&page_token={next}"),
                    None => break,
                }
            }
            for spot in &world.spots {
                let place =
                    if matches!(noun, Noun::Other | Noun::Provider | Noun::Rule) { "platform" } else { spot.name };
                let seen = actor.may(permission, place, in_project(noun, spot.name));
                let id = &spot.things[&noun];
                let what = format!("{} in {}: {} of {}", actor.role, actor.within[0], operation.id, spot.name);
                assert_eq!(found.contains(id), seen, "{what}");
                if noun == Noun::Vm {
                    check_inventory(&world, actor, spot, seen).await;
                }
            }
        }
    }
}

async fn check_inventory(world: &World, actor: &Actor, spot: &Spot, seen: bool) {
    let id = &spot.things[&Noun::Vm];
    let expected = u64::from(seen);
    let name = format!("vm%20of%20{}", spot.name);
    for filter in [
        format!("id={id}"),
        format!("name={name}"),
        format!("q={name}"),
        format!("tenant_id={}&name={name}", spot.tenant),
    ] {
        let count = world.send(actor, "GET", &format!("/v1/vms/count?{filter}"), None).await.ok(200).json();
        assert_eq!(count["count"], expected, "{} {filter}", actor.role);
        let list = world.send(actor, "GET", &format!("/v1/vms?{filter}&sort=-memory_mib"), None).await.ok(200).json();
        assert_eq!(list["items"].as_array().unwrap().len() as u64, expected, "{} {filter}", actor.role);
    }
    let groups = world.send(actor, "GET", "/v1/vms/summary?group_by=name", None).await.ok(200).json();
    let named = |group: &Value| group["key"]["name"] == format!("vm of {}", spot.name);
    assert_eq!(groups["groups"].as_array().unwrap().iter().any(named), seen);
    let found = world.send(actor, "GET", &format!("/v1/search?q={name}"), None).await.ok(200).text();
    assert_eq!(found.contains(id.as_str()), seen, "{}: {found}", actor.role);
}

/// A page token of one does not serve another, nor does it tell anything.
#[tokio::test]
async fn page_tokens_are_not_handed_on() {
    let world = World::new().await;
    let (admin, tenant) = (&world.actors[0], &world.actors[1]);
    for path in ["/v1/vms", "/v1/projects", "/v1/tenants", "/v1/users"] {
        let page = world.gateway.get(&format!("{path}?limit=1")).await.ok(200).json();
        let token = page["next_page_token"].as_str().unwrap();
        for actor in [admin, tenant] {
            if actor.within.contains(&"platform") && path == "/v1/vms" {
                continue;
            }
            let answer = world.send(actor, "GET", &format!("{path}?limit=1&page_token={token}"), None).await;
            answer.problem(400, "invalid-page-token");
        }
    }
}
