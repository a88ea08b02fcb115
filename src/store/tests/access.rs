//! Who may do what, and whose objects are: written whole, read whole.

use super::user::new_user;
use super::*;
use crate::authz::{Facts, MemberWrite, OwnershipWrite, ProjectWrite, TenantWrite};
use crate::model::ownership::{ByHand, Given, GivenBy, OwnershipRule, RuleCondition, RuleField};
use crate::model::{
    Binding, BindingId, BindingScope, Effect, Group, GroupId, OwnershipRuleId, Permission, Project, ProjectId, Role,
    RoleId, Subject, Tenant, TenantState, User, UserId,
};

fn tenant(fx: &Fixture, name: &str, parent: TenantId) -> Tenant {
    Tenant {
        id: TenantId::generate(),
        parent_id: Some(parent),
        name: name.to_owned(),
        path: String::new(),
        description: "of\ntwo lines".to_owned(),
        state: TenantState::Active,
        generation: 1,
        created_at: fx.clock.now(),
        updated_at: fx.clock.now(),
    }
}

fn project(fx: &Fixture, name: &str, tenant_id: TenantId) -> Project {
    Project {
        id: ProjectId::generate(),
        tenant_id,
        tenant_path: String::new(),
        name: name.to_owned(),
        description: String::new(),
        generation: 1,
        created_at: fx.clock.now(),
        updated_at: fx.clock.now(),
    }
}

fn store<A: Act>(fx: &Fixture) -> TenantStore<A> {
    fx.store.tenant(&TenantScope::of_all())
}

/// A tenant with a project, a user in a group, a role, a binding of it, and a rule.
async fn world(fx: &Fixture) -> (Tenant, Project, User, Group, Role, Binding, OwnershipRule) {
    let now = fx.clock.now();
    let tenant = tenant(fx, "Acme", TenantId::PLATFORM);
    store::<TenantWrite>(fx).tenant_create(tenant.clone(), None, Told::any()).await.unwrap();
    let project = project(fx, "shop", tenant.id);
    store::<ProjectWrite>(fx).project_create(project.clone(), None, Told::any()).await.unwrap();
    let user = User { tenant_id: tenant.id, email: Some("a@b.example".to_owned()), ..new_user(fx, "ann") };
    store::<MemberWrite>(fx).user_create(user.clone(), None, None, Told::any()).await.unwrap();
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
    store::<MemberWrite>(fx).group_create(group.clone(), None, Told::any()).await.unwrap();
    let role = Role {
        id: RoleId::generate(),
        tenant_id: Some(tenant.id),
        name: "reads".to_owned(),
        description: String::new(),
        permissions: vec![Permission::InventoryRead, Permission::ProjectRead],
        built_in: false,
        generation: 1,
        created_at: now,
        updated_at: now,
    };
    store::<crate::authz::RoleWrite>(fx).role_create(role.clone(), None, Told::any()).await.unwrap();
    let binding = Binding {
        id: BindingId::generate(),
        subject: Subject::Group { id: group.id },
        role_id: role.id,
        scope: BindingScope::Project { id: project.id },
        tenant_id: tenant.id,
        effect: Effect::Allow,
        created_at: now,
    };
    let here: TenantStore<crate::authz::BindingWrite> = fx.store.tenant(&TenantScope::of_tenant(tenant.id));
    here.binding_create(binding, None, Told::any()).await.unwrap();
    let rule = OwnershipRule {
        id: OwnershipRuleId::generate(),
        name: "by folder".to_owned(),
        project_id: project.id,
        priority: -3,
        enabled: true,
        conditions: vec![RuleCondition { field: RuleField::Folder, pattern: "*/shop/*".to_owned() }],
        generation: 1,
        created_at: now,
        updated_at: now,
    };
    store::<OwnershipWrite>(fx).ownership_rule_create(rule.clone(), None, Told::any()).await.unwrap();
    (tenant, project, user, group, role, binding, rule)
}

fn given(moves: &[(ObjectId, Owner)]) -> Vec<Given> {
    moves.iter().map(|(id, owner)| Given { id: *id, owner: *owner, by: GivenBy::Nothing }).collect()
}

async fn facts(fx: &Fixture) -> Facts {
    fx.system().access_facts().await.unwrap()
}

on_both! {
    async fn what_is_written_is_read(fx: Fixture) {
        let (tenant, project, user, group, role, binding, rule) = world(&fx).await;
        let read = facts(&fx).await;
        assert_eq!(read.tenants.iter().find(|other| other.id == tenant.id), Some(&tenant));
        assert!(read.tenants.iter().any(|other| other.id == TenantId::PLATFORM && other.parent_id.is_none()));
        assert_eq!((read.projects, read.users, read.groups), (vec![project.clone()], vec![user.clone()], vec![group]));
        assert_eq!((read.roles, read.bindings), (vec![role], vec![binding]));
        assert_eq!(fx.system().ownership_facts().await.unwrap().rules, std::slice::from_ref(&rule));

        // The next generation is written over the one before, and over no other.
        let suspended = Tenant { state: TenantState::Suspended, generation: 2, ..tenant.clone() };
        store::<TenantWrite>(&fx).tenant_update(&suspended, Told::any()).await.unwrap();
        let error = store::<TenantWrite>(&fx).tenant_update(&suspended, Told::any()).await.unwrap_err();
        assert!(matches!(error, Error::Changed), "{error}");
        assert!(facts(&fx).await.tenants.contains(&suspended));
        let disabled = User { enabled: false, email: None, generation: 2, ..user.clone() };
        fx.system().token_create(user.id, NewToken { name: "s".into(), kind: TokenKind::Session, digest: [1; 32], expires_at: None }).await.unwrap();
        store::<MemberWrite>(&fx).user_update(&disabled, Told::any()).await.unwrap();
        assert_eq!(facts(&fx).await.users, [disabled]);
        assert!(fx.system().token_authenticate(&[1; 32]).await.unwrap().is_none(), "who is shut out is signed out");
    }
}

on_both! {
    async fn names_are_unique_within_their_tenant(fx: Fixture) {
        let (tenant, ..) = world(&fx).await;
        let other = self::tenant(&fx, "other", TenantId::PLATFORM);
        store::<TenantWrite>(&fx).tenant_create(other.clone(), None, Told::any()).await.unwrap();
        store::<ProjectWrite>(&fx).project_create(project(&fx, "Shop", other.id), None, Told::any()).await.unwrap();
        let again = store::<ProjectWrite>(&fx).project_create(project(&fx, "SHOP", tenant.id), None, Told::any()).await;
        assert!(again.is_err(), "the key of the database stands behind the check");
        let below = self::tenant(&fx, "ACME", tenant.id);
        store::<TenantWrite>(&fx).tenant_create(below, None, Told::any()).await.unwrap();
        let beside = self::tenant(&fx, "ACME", TenantId::PLATFORM);
        assert!(store::<TenantWrite>(&fx).tenant_create(beside, None, Told::any()).await.is_err());
    }
}

on_both! {
    async fn what_goes_takes_with_it_what_named_it(fx: Fixture) {
        let (tenant, project, user, group, ..) = world(&fx).await;
        let direct = Binding {
            id: BindingId::generate(),
            subject: Subject::User { id: user.id },
            role_id: crate::authz::roles::PLATFORM_ADMIN,
            scope: BindingScope::PLATFORM, tenant_id: TenantId::PLATFORM,
            effect: Effect::Deny,
            created_at: fx.clock.now(),
        };
        store::<crate::authz::BindingWrite>(&fx).binding_create(direct, None, Told::any()).await.unwrap();
        assert!(store::<TenantWrite>(&fx).tenant_delete(tenant.id, Told::any()).await.is_err(), "it holds a project");
        store::<MemberWrite>(&fx).group_delete(group.id, Told::any()).await.unwrap();
        assert_eq!(facts(&fx).await.bindings, [direct]);
        store::<ProjectWrite>(&fx).project_delete(project.id, Told::any()).await.unwrap();
        assert!(fx.system().ownership_facts().await.unwrap().rules.is_empty());
        store::<TenantWrite>(&fx).tenant_delete(tenant.id, Told::any()).await.unwrap();
        let left = facts(&fx).await;
        assert_eq!((left.tenants.len(), left.users.len(), left.roles.len(), left.bindings.len()), (1, 0, 0, 0));
    }
}

on_both! {
    async fn objects_go_from_owner_to_owner_and_stay_there(fx: Fixture) {
        let (tenant, project, ..) = world(&fx).await;
        let owner = Owner { tenant_id: tenant.id, project_id: Some(project.id) };
        let (provider, source) = fx.provider("vc").await;
        let (a, b) = (ObjectId::generate(), ObjectId::generate());
        let mut batch = ObserveBatch::new(provider, source);
        batch.puts = vec![put(a, "vm-1", "{}"), put(b, "vm-2", "{}")];
        fx.system().observe(&batch).await.unwrap();
        let gone = ObjectId::generate();
        let revision = fx.system().own(&given(&[(a, owner), (b, Owner::PLATFORM), (gone, owner)])).await.unwrap();
        assert_eq!(revision, Revision(3), "one went to another");
        assert_eq!(fx.log().await.last().map(|entry| (entry.object_id, entry.owner)), Some((a, owner)));
        let rows = fx.system().objects(&[a, b]).await.unwrap();
        let of = |id| rows.iter().find(|row| row.id == id).map(|row| row.owner);
        assert_eq!((of(a), of(b)), (Some(owner), Some(Owner::PLATFORM)));

        // What the platform tells does not take it back.
        fx.clock.advance(chrono::TimeDelta::seconds(1));
        batch.puts = vec![put(a, "vm-1", "{\"a\":1}")];
        let committed = fx.system().observe(&batch).await.unwrap();
        assert_eq!(committed.puts[0].owner, owner);
        let theirs: TenantStore<InventoryRead> = fx.store.tenant(&TenantScope::of_owners([owner]));
        let changes = theirs.object_changes(Kind::Vm, a, None, 10).await.unwrap();
        assert_eq!(changes.len(), 2, "what was since it is theirs: {changes:?}");
        assert_eq!(fx.reader().object_changes(Kind::Vm, a, None, 10).await.unwrap(), []);
        batch.puts.clear();
        batch.deletes = vec![a];
        assert_eq!(fx.system().observe(&batch).await.unwrap().deleted[0].owner, owner);
    }
}

on_both! {
    async fn what_is_said_by_hand_outlives_the_object(fx: Fixture) {
        let (tenant, project, user, ..) = world(&fx).await;
        let owner = Owner { tenant_id: tenant.id, project_id: Some(project.id) };
        let id = ObjectId::generate();
        let assign: TenantStore<crate::authz::InventoryAssign> = fx.store.tenant(&TenantScope::of_all());
        let said = ByHand { owner, user_id: user.id, at: fx.clock.now() };
        assign.ownership_set(id, Some(said), Told::any()).await.unwrap();
        let platform = ByHand { owner: Owner::PLATFORM, ..said };
        let other = ObjectId::generate();
        assign.ownership_set(other, Some(platform), Told::any()).await.unwrap();
        let read = fx.system().ownership_facts().await.unwrap().by_hand;
        assert_eq!((read.get(&id), read.get(&other)), (Some(&said), Some(&platform)));
        assign.ownership_set(other, None, Told::any()).await.unwrap();
        store::<ProjectWrite>(&fx).project_delete(project.id, Told::any()).await.unwrap();
        assert!(fx.system().ownership_facts().await.unwrap().by_hand.is_empty(), "its project is gone");
    }
}

/// Whoever the rows are of: a scope of one tenant sees no other's.
#[tokio::test]
async fn row_security_guards_who_may_do_what() {
    let fx = Fixture::postgres().await;
    let (tenant, ..) = world(&fx).await;
    let count = async |visible: Visible| {
        let tx = fx.store.inner.pools.read(visible).await.unwrap();
        let mut all = 0;
        for table in ["project", "\"user\"", "user_group", "group_member", "role", "binding"] {
            let sql = format!("SELECT count(*) FROM {table}");
            let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, sql);
            let row = sea_orm::ConnectionTrait::query_one_raw(&tx, statement).await.unwrap().unwrap();
            all += row.try_get_by_index::<i64>(0).unwrap();
        }
        all
    };
    assert_eq!(count(Visible::Tenants(vec![tenant.id.0])).await, 6);
    assert_eq!(count(Visible::Tenants(vec![UserId::generate().0])).await, 0);
    assert_eq!(count(Visible::Tenants(vec![TenantId::PLATFORM.0])).await, 0);
}
