//! Every write and its entry in the audit log: both, or neither.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::user::{acting, new_user};
use super::*;
use crate::authz::{
    AuditRead, BindingWrite, InventoryAssign, MemberWrite, OwnershipWrite, ProjectWrite, RoleWrite, TenantWrite,
};
use crate::model::ownership::{ByHand, Given, GivenBy, OwnershipRule, RuleCondition, RuleField};
use crate::model::{
    AuditEntry, Binding, BindingId, BindingScope, Door, Effect, Group, GroupId, NewAudit, OwnershipRuleId, Permission,
    Project, ProjectId, Role, RoleId, Subject, Tenant, TenantState, TokenId, User,
};

const SESSION: [u8; 32] = [1; 32];

/// What is written, one after the other.
struct Nouns {
    tenant: Tenant,
    project: Project,
    user: User,
    group: Group,
    role: Role,
    binding: Binding,
    rule: OwnershipRule,
    object: ObjectId,
}

fn nouns(fx: &Fixture) -> Nouns {
    let now = fx.clock.now();
    let tenant = Tenant {
        id: TenantId::generate(),
        parent_id: Some(TenantId::PLATFORM),
        name: "acme".to_owned(),
        path: "acme".to_owned(),
        description: String::new(),
        state: TenantState::Active,
        generation: 1,
        created_at: now,
        updated_at: now,
    };
    let project = Project {
        id: ProjectId::generate(),
        tenant_id: tenant.id,
        tenant_path: tenant.path.clone(),
        name: "shop".to_owned(),
        description: String::new(),
        generation: 1,
        created_at: now,
        updated_at: now,
    };
    let user = User { tenant_id: tenant.id, ..new_user(fx, "ann") };
    let group = Group {
        id: GroupId::generate(),
        tenant_id: tenant.id,
        name: "ops".to_owned(),
        description: String::new(),
        member_ids: vec![user.id],
        generation: 1,
        created_at: now,
        updated_at: now,
    };
    let role = Role {
        id: RoleId::generate(),
        tenant_id: Some(tenant.id),
        name: "reads".to_owned(),
        description: String::new(),
        permissions: vec![Permission::InventoryRead],
        built_in: false,
        generation: 1,
        created_at: now,
        updated_at: now,
    };
    let binding = Binding {
        id: BindingId::generate(),
        subject: Subject::Group { id: group.id },
        role_id: role.id,
        scope: BindingScope::Project { id: project.id },
        tenant_id: tenant.id,
        effect: Effect::Allow,
        created_at: now,
    };
    let rule = OwnershipRule {
        id: OwnershipRuleId::generate(),
        name: "by name".to_owned(),
        project_id: project.id,
        priority: 0,
        enabled: true,
        conditions: vec![RuleCondition { field: RuleField::Name, pattern: "shop-*".to_owned() }],
        generation: 1,
        created_at: now,
        updated_at: now,
    };
    Nouns { tenant, project, user, group, role, binding, rule, object: ObjectId::generate() }
}

/// Each write by its number, as by who sees no more than the tenant, where that is enough; `None` behind the last.
async fn write(fx: &Fixture, nouns: &Nouns, number: usize, told: Told) -> Option<Result<()>> {
    fn all<A: Act>(fx: &Fixture) -> TenantStore<A> {
        fx.store.tenant(&TenantScope::of_all())
    }
    fn theirs<A: Act>(fx: &Fixture, nouns: &Nouns) -> TenantStore<A> {
        fx.store.tenant(&TenantScope::of_tenant(nouns.tenant.id))
    }
    let Nouns { tenant, project, user, group, role, binding, rule, object } = nouns;
    let owner = Owner { tenant_id: tenant.id, project_id: Some(project.id) };
    let new_token = NewToken { name: "ci".to_owned(), kind: TokenKind::Api, digest: [2; 32], expires_at: None };
    let provider = async || fx.system().providers().await.unwrap()[0].record.id;
    let token: TokenId = match acting(fx, user).tokens(Some(TokenKind::Api)).await.unwrap().first() {
        Some(token) => token.id,
        None => TokenId::generate(),
    };
    let below = fx.store.tenant::<TenantWrite>(&TenantScope::of_tenant(TenantId::PLATFORM));
    let edit = ProviderEdit { password: Some(Some("platform-secret".into())), ..ProviderEdit::default() };
    Some(match number {
        0 => below.tenant_create(tenant.clone(), None, told).await.map(drop),
        1 => theirs::<ProjectWrite>(fx, nouns).project_create(project.clone(), None, told).await.map(drop),
        2 => {
            let hash = Some("$argon2id$secret-hash".into());
            theirs::<MemberWrite>(fx, nouns).user_create(user.clone(), hash, None, told).await.map(drop)
        }
        3 => theirs::<MemberWrite>(fx, nouns).group_create(group.clone(), None, told).await.map(drop),
        4 => theirs::<RoleWrite>(fx, nouns).role_create(role.clone(), None, told).await.map(drop),
        // What it tells of is the platform's concern, which the scope does not see.
        5 => {
            let told = told.concerning(TenantId::PLATFORM);
            theirs::<BindingWrite>(fx, nouns).binding_create(*binding, None, told).await.map(drop)
        }
        6 => all::<OwnershipWrite>(fx).ownership_rule_create(rule.clone(), None, told).await.map(drop),
        7 => {
            let said = ByHand { owner, user_id: user.id, at: fx.clock.now() };
            theirs::<InventoryAssign>(fx, nouns).ownership_set(*object, Some(said), told).await
        }
        8 => acting(fx, user).token_create_once(new_token, 9, None, told).await.map(drop),
        9 => acting(fx, user).token_delete(token, told).await.map(|done| assert!(done)),
        10 => acting(fx, user).password_set(&"$argon2id$secret-1".into(), None, told).await.map(drop),
        11 => fx.admin().provider_create_once(new_provider("vc"), None, told).await.map(drop),
        12 => fx.admin().provider_edit(provider().await, None, edit, told).await.map(drop),
        13 => fx.admin().provider_mark_removing(provider().await, None, told).await.map(drop),
        14 => {
            let tenant = Tenant { name: "Acme".to_owned(), generation: 2, ..tenant.clone() };
            all::<TenantWrite>(fx).tenant_update(&tenant, told).await
        }
        15 => {
            let project = Project { name: "Shop".to_owned(), generation: 2, ..project.clone() };
            theirs::<ProjectWrite>(fx, nouns).project_update(&project, told).await
        }
        16 => {
            let user = User { enabled: false, generation: 2, ..user.clone() };
            theirs::<MemberWrite>(fx, nouns).user_update(&user, told).await
        }
        17 => {
            let group = Group { member_ids: Vec::new(), generation: 2, ..group.clone() };
            theirs::<MemberWrite>(fx, nouns).group_update(&group, told).await
        }
        18 => {
            let role = Role { name: "Reads".to_owned(), generation: 2, ..role.clone() };
            theirs::<RoleWrite>(fx, nouns).role_update(&role, told).await
        }
        19 => {
            let rule = OwnershipRule { enabled: false, generation: 2, ..rule.clone() };
            all::<OwnershipWrite>(fx).ownership_rule_update(&rule, told).await
        }
        20 => {
            let hash = "$argon2id$secret-2".into();
            theirs::<MemberWrite>(fx, nouns).user_set_password(user.id, &hash, told).await.map(drop)
        }
        21 => theirs::<BindingWrite>(fx, nouns).binding_delete(binding.id, told).await,
        22 => all::<OwnershipWrite>(fx).ownership_rule_delete(rule.id, told).await,
        23 => theirs::<RoleWrite>(fx, nouns).role_delete(role.id, told).await,
        24 => theirs::<MemberWrite>(fx, nouns).group_delete(group.id, told).await,
        25 => theirs::<MemberWrite>(fx, nouns).user_delete(user.id, told).await,
        26 => theirs::<ProjectWrite>(fx, nouns).project_delete(project.id, told).await,
        27 => all::<TenantWrite>(fx).tenant_delete(tenant.id, told).await,
        _ => return None,
    })
}

/// All that the writes can change.
async fn state(fx: &Fixture, nouns: &Nouns) -> String {
    let system = fx.system();
    let user = system.user(nouns.user.id).await.unwrap();
    let tokens = acting(fx, &nouns.user).tokens(None).await.unwrap();
    format!(
        "{:?} {:?} {:?} {user:?} {tokens:?}",
        system.access_facts().await.unwrap(),
        system.ownership_facts().await.unwrap(),
        system.providers().await.unwrap(),
    )
}

async fn entries(fx: &Fixture) -> Vec<AuditEntry> {
    let all: TenantStore<AuditRead> = fx.store.tenant(&TenantScope::of_all());
    assert!(fx.system().audit_verify().await.unwrap().sound);
    all.audits_after(&AuditFilter::default(), 0, u64::MAX, 1_000).await.unwrap()
}

fn told(nouns: &Nouns, number: usize, request_id: &str) -> (Told, Receipt) {
    let receipt = Receipt::default();
    let entry = NewAudit {
        tenant_id: nouns.tenant.id,
        request_id: Some(request_id.to_owned()),
        ..NewAudit::of_gateway(Door::Api, &format!("test.{number}"), "test")
    };
    let told = Told::new(entry, receipt.clone()).of("id", "name");
    (told.before(json!({"password": "secret-0"})).after(json!({"token": "secret-0"})), receipt)
}

on_both! {
    async fn a_write_and_its_entry_are_both_there_or_neither(fx: Fixture) {
        fx.refuse("audit", "NEW.request_id = 'refused'", false).await;
        let nouns = nouns(&fx);
        for number in 0.. {
            if number == 10 {
                let session = NewToken { name: "login".to_owned(), kind: TokenKind::Session, digest: SESSION, expires_at: None };
                fx.system().token_create(nouns.user.id, session).await.unwrap();
            }
            fx.clock.advance(TimeDelta::seconds(1));
            let before = state(&fx, &nouns).await;
            let (refused, receipt) = told(&nouns, number, "refused");
            let Some(outcome) = write(&fx, &nouns, number, refused).await else {
                assert_eq!(number, 28);
                break;
            };
            assert!(outcome.is_err() && !receipt.is_written(), "{number}");
            assert_eq!(state(&fx, &nouns).await, before, "{number}: nothing is changed");
            assert_eq!(entries(&fx).await.len(), number, "{number}");

            let (taken, receipt) = told(&nouns, number, "taken");
            write(&fx, &nouns, number, taken).await.unwrap().unwrap_or_else(|error| panic!("{number}: {error}"));
            assert!(receipt.is_written(), "{number}");
            assert_ne!(state(&fx, &nouns).await, before, "{number}: it is changed");
            let entry = entries(&fx).await.pop().unwrap();
            assert_eq!((entry.action.clone(), entry.seq), (format!("test.{number}"), number as u64 + 1));
            let of_platform = [5, 11, 12, 13].contains(&number);
            let expected = if of_platform { TenantId::PLATFORM } else { nouns.tenant.id };
            assert_eq!(entry.tenant_id, expected, "{number}");
            for secret in ["secret", "hunter2", "argon2"] {
                assert!(!entry.line().contains(secret), "{}", entry.line());
            }
        }
        assert!(fx.system().token_authenticate(&SESSION).await.unwrap().is_none());
    }
}

on_both! {
    async fn what_only_the_store_knows_it_adds(fx: Fixture) {
        let nouns = nouns(&fx);
        for number in [0, 2, 8, 9, 11, 12, 13] {
            let (told, _) = told(&nouns, number, "r");
            write(&fx, &nouns, number, told).await.unwrap().unwrap();
        }
        let entries = entries(&fx).await;
        let [_, _, made, revoked, added, edited, removed] = entries.as_slice() else { panic!("{entries:?}") };
        let document = |text: &Option<Box<serde_json::value::RawValue>>| -> Value {
            text.as_ref().map_or(Value::Null, |json| serde_json::from_str(json.get()).unwrap())
        };
        assert_eq!((made.object_name.as_deref(), &document(&made.after)["kind"]), (Some("ci"), &json!("api")));
        assert_eq!(made.object_id, revoked.object_id);
        assert_eq!(document(&revoked.before)["name"], "ci");
        let trust = json!({"thumbprint_sha256": "AA:BB", "ca_pem_sha256": null});
        let provider = json!({"name": "vc", "kind": "vsphere", "enabled": true, "endpoints": ["vc.example"],
            "username": "reader@vsphere.local", "has_password": true, "trust": trust, "generation": 1});
        assert_eq!((added.object_name.as_deref(), document(&added.after)), (Some("vc"), provider.clone()));
        assert_eq!(document(&edited.before), provider);
        let after = document(&edited.after);
        assert_eq!((&after["password_changed"], &after["generation"]), (&json!(true), &json!(2)));
        assert_eq!((document(&removed.before)["generation"].clone(), document(&removed.after)["name"].clone()), (json!(2), Value::Null));
        assert!([added, edited, removed].iter().all(|entry| entry.object_id == added.object_id));
    }
}

on_both! {
    async fn what_changes_nothing_leaves_no_entry(fx: Fixture) {
        let (provider, _) = fx.provider("vc").await;
        let admin = fx.admin();
        let same = ProviderEdit { name: Some("vc".to_owned()), ..ProviderEdit::default() };
        let receipt = Receipt::default();
        let told = || Told::new(NewAudit::of_gateway(Door::Api, "test.do", "test"), receipt.clone());
        assert_eq!(entries(&fx).await.len(), 1);
        admin.provider_edit(provider, None, same, told()).await.unwrap().unwrap();
        assert!(!acting(&fx, &new_user(&fx, "ann")).token_delete(TokenId::generate(), told()).await.unwrap());
        assert!(!acting(&fx, &new_user(&fx, "ann")).password_set(&"x".into(), None, told()).await.unwrap());
        assert!(!receipt.is_written());
        admin.provider_mark_removing(provider, None, told()).await.unwrap().unwrap();
        assert_eq!(entries(&fx).await.len(), 2);
        admin.provider_mark_removing(provider, None, told()).await.unwrap().unwrap();
        assert_eq!(entries(&fx).await.len(), 2, "it was asked for before");

        // A request that was done before is told once.
        let projects: TenantStore<ProjectWrite> = fx.store.tenant(&TenantScope::of_tenant(TenantId::PLATFORM));
        let project = Project { tenant_id: TenantId::PLATFORM, ..nouns(&fx).project };
        let once = || Some(Once { key: "k".to_owned(), request: [0; 32], answer: Box::new(|_: &Project| b"made".to_vec()) });
        let first = projects.project_create(project.clone(), once(), Told::any()).await.unwrap();
        let again = projects.project_create(project, once(), Told::any()).await.unwrap();
        assert!(matches!((first, again), (Outcome::Done(..), Outcome::Before(_))));
        assert_eq!(entries(&fx).await.len(), 3);
    }
}

on_both! {
    async fn what_rules_move_is_told_once_for_each_rule_and_project(fx: Fixture) {
        let nouns = nouns(&fx);
        for number in [0, 1, 2, 3, 4, 5, 6] {
            write(&fx, &nouns, number, Told::any().concerning(nouns.tenant.id)).await.unwrap().unwrap();
        }
        let other = Tenant { id: TenantId::generate(), name: "beta".to_owned(), ..nouns.tenant.clone() };
        let all = fx.store.tenant::<TenantWrite>(&TenantScope::of_all());
        all.tenant_create(other.clone(), None, Told::any()).await.unwrap();
        let theirs = Project { id: ProjectId::generate(), tenant_id: other.id, ..nouns.project.clone() };
        let projects = fx.store.tenant::<ProjectWrite>(&TenantScope::of_all());
        projects.project_create(theirs.clone(), None, Told::any()).await.unwrap();
        let (provider, source) = fx.provider("vc").await;
        let ids: Vec<ObjectId> = (0..40).map(|_| ObjectId::generate()).collect();
        let mut batch = ObserveBatch::new(provider, source);
        batch.puts = ids.iter().map(|id| put(*id, &id.to_string(), "{}")).collect();
        batch.puts[39].kind = Kind::Volume;
        fx.system().observe(&batch).await.unwrap();

        let since = entries(&fx).await.len();
        let rule = nouns.rule.id;
        let acme = Owner { tenant_id: nouns.tenant.id, project_id: Some(nouns.project.id) };
        let beta = Owner { tenant_id: other.id, project_id: Some(theirs.id) };
        let given = |ids: &[ObjectId], owner, by| ids.iter().map(move |id| Given { id: *id, owner, by }).collect::<Vec<_>>();
        let mut moves = given(&ids[..30], acme, GivenBy::Rule(rule));
        moves.extend(given(&ids[30..35], beta, GivenBy::Hand));
        moves.extend(given(&ids[35..37], Owner::PLATFORM, GivenBy::Nothing));
        moves.extend(given(&ids[39..], acme, GivenBy::Rule(rule)));

        fx.refuse("audit", "NEW.action = 'ownership.move'", false).await;
        assert!(fx.system().own(&moves).await.is_err());
        let owners = async || fx.system().objects(&ids).await.unwrap().iter().filter(|row| row.owner == acme).count();
        assert_eq!(owners().await, 0, "nothing is moved that is not told");
        let on = if fx.is_sqlite() { "" } else { " ON audit" };
        fx.sql(&format!("DROP TRIGGER refuse_audit{on}")).await;
        fx.system().own(&moves).await.unwrap();
        assert_eq!(owners().await, 31);
        let told = entries(&fx).await.split_off(since);
        let [one] = told.as_slice() else { panic!("by hand was told before, and the others are where they were: {told:?}") };
        assert_eq!((one.action.as_str(), one.door, one.actor.as_str()), ("ownership.move", Door::Job, "spandrel"));
        assert_eq!((one.tenant_id, one.object_name.as_deref()), (acme.tenant_id, Some("shop")));
        assert_eq!(one.object_id, Some(nouns.project.id.to_string()));
        let after: Value = serde_json::from_str(one.after.as_ref().unwrap().get()).unwrap();
        assert_eq!((&after["machine_count"], &after["other_count"]), (&json!(30), &json!(1)));
        assert_eq!((&after["rule_id"], &after["ids"]), (&json!(rule), &json!(ids[..20])));
        fx.system().own(&moves).await.unwrap();
        assert_eq!(entries(&fx).await.len(), since + 1, "they are there already");

        // From one tenant to another it is the platform's concern: neither hears of the other.
        let mut back = given(&ids[..2], beta, GivenBy::Rule(rule));
        back.extend(given(&ids[2..3], Owner::PLATFORM, GivenBy::Nothing));
        fx.system().own(&back).await.unwrap();
        let told = entries(&fx).await.split_off(since + 1);
        let mut of: Vec<_> = told.iter().map(|entry| (entry.tenant_id, entry.object_id.clone().unwrap())).collect();
        of.sort();
        let mut expected = vec![(TenantId::PLATFORM, theirs.id.to_string()), (acme.tenant_id, nouns.project.id.to_string())];
        expected.sort();
        assert_eq!(of, expected);
    }
}
