//! What decides, by examples and against Cedar itself.

use chrono::DateTime;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::model::{BindingId, Effect, Group, GroupId, Project, Role, Tenant, TenantState, User, UserKind};

fn tenant(number: u128, parent: Option<u128>) -> Tenant {
    Tenant {
        id: TenantId(Uuid::from_u128(number)),
        parent_id: parent.map(|parent| TenantId(Uuid::from_u128(parent))),
        name: format!("t{number}"),
        path: String::new(),
        description: String::new(),
        state: TenantState::Active,
        generation: 1,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

fn project(number: u128, tenant: u128) -> Project {
    Project {
        id: ProjectId(Uuid::from_u128(number)),
        tenant_id: TenantId(Uuid::from_u128(tenant)),
        tenant_path: String::new(),
        name: format!("p{number}"),
        description: String::new(),
        generation: 1,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

fn user(number: u128, tenant: u128) -> User {
    User {
        id: UserId(Uuid::from_u128(number)),
        tenant_id: TenantId(Uuid::from_u128(tenant)),
        tenant_path: String::new(),
        username: format!("U{number}"),
        kind: UserKind::User,
        display_name: String::new(),
        email: None,
        enabled: true,
        group_ids: Vec::new(),
        generation: 1,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

fn group(number: u128, members: &[u128]) -> Group {
    Group {
        id: GroupId(Uuid::from_u128(number)),
        tenant_id: TenantId::PLATFORM,
        name: format!("g{number}"),
        description: String::new(),
        member_ids: members.iter().map(|member| UserId(Uuid::from_u128(*member))).collect(),
        generation: 1,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

fn role(number: u128, permissions: &[Permission]) -> Role {
    Role { id: RoleId(Uuid::from_u128(number)), permissions: permissions.to_vec(), ..roles::built_in()[0].clone() }
}

fn binding(number: u128, subject: Subject, role: u128, scope: BindingScope, effect: Effect) -> Binding {
    Binding {
        id: BindingId(Uuid::from_u128(number)),
        subject,
        role_id: RoleId(Uuid::from_u128(role)),
        scope,
        tenant_id: TenantId(id(10)),
        effect,
        created_at: DateTime::UNIX_EPOCH,
    }
}

const fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// The platform (1), two tenants (10, 20), one below the first (11); a project in each (110, 120, 130).
fn facts() -> Facts {
    Facts {
        tenants: vec![tenant(1, None), tenant(10, Some(1)), tenant(11, Some(10)), tenant(20, Some(1))],
        projects: vec![project(110, 10), project(111, 10), project(120, 11), project(130, 20)],
        users: vec![user(1000, 1), user(1001, 10), user(1002, 20)],
        groups: vec![group(500, &[1001])],
        roles: vec![role(70, &[Permission::InventoryRead]), role(71, &[Permission::ProjectWrite])],
        bindings: Vec::new(),
    }
}

const ANN: Subject = Subject::User { id: UserId(id(1001)) };
const GROUP: Subject = Subject::Group { id: GroupId(id(500)) };

fn principal(access: &Access, user: u128) -> Principal {
    let user = access.graph().user(UserId(id(user))).unwrap();
    Principal { user_id: user.id, username: user.username.clone(), tenant_id: user.tenant_id }
}

fn object(number: u128, project: Option<u128>, tenant: u128) -> Node {
    let owner = Owner { tenant_id: TenantId(id(tenant)), project_id: project.map(|project| ProjectId(id(project))) };
    Node::Object { id: ObjectId(id(number)), owner }
}

#[test]
fn a_role_holds_where_it_is_bound_and_below() {
    let mut facts = facts();
    facts.bindings = vec![binding(1, GROUP, 70, BindingScope::Tenant { id: TenantId(id(10)) }, Effect::Allow)];
    let access = Access::new(facts);
    let ann = principal(&access, 1001);
    let scope = access.scope::<InventoryRead>(&ann);
    assert!(!scope.sees_all());
    assert_eq!(scope.tenants(), [TenantId(id(10)), TenantId(id(11))]);
    for (node, expected) in [
        (Node::Tenant(TenantId(id(10))), true),
        (Node::Project(ProjectId(id(110))), true),
        (Node::Project(ProjectId(id(120))), true),
        (object(1, Some(120), 11), true),
        (Node::PLATFORM, false),
        (object(2, None, 1), false),
        (Node::Project(ProjectId(id(130))), false),
    ] {
        assert_eq!(scope.contains(node), expected, "{node:?}");
        assert_eq!(access.explain(ann.user_id, Permission::InventoryRead, node).allowed, expected, "{node:?}");
    }
    assert!(access.authorize::<InventoryRead>(&ann, Node::Project(ProjectId(id(130)))).is_err());
    let denied = access.authorize::<ProjectWrite>(&ann, Node::Project(ProjectId(id(110)))).unwrap_err();
    assert_eq!(denied.permission, Permission::ProjectWrite);
    let because = access.explain(ann.user_id, Permission::InventoryRead, object(1, Some(110), 10)).because;
    assert_eq!(because, [BindingId(id(1))], "the binding is the reason");
    assert!(!access.may(UserId(id(1002)), Permission::InventoryRead, Node::Tenant(TenantId(id(10)))));
}

#[test]
fn what_is_denied_is_denied_whatever_gives_it() {
    let everywhere = BindingScope::PLATFORM;
    let one = BindingScope::Object { id: ObjectId(id(9)) };
    let mut facts = facts();
    facts.bindings = vec![
        binding(1, ANN, 70, everywhere, Effect::Allow),
        binding(2, GROUP, 70, BindingScope::Project { id: ProjectId(id(110)) }, Effect::Deny),
        binding(3, ANN, 70, one, Effect::Deny),
    ];
    let access = Access::new(facts);
    let ann = principal(&access, 1001);
    let scope = access.scope::<InventoryRead>(&ann);
    assert!(!scope.sees_all(), "something is hidden");
    assert!(scope.contains(Node::PLATFORM) && scope.contains(Node::Project(ProjectId(id(111)))));
    assert!(!scope.contains(Node::Project(ProjectId(id(110)))));
    assert!(!scope.contains(object(5, Some(110), 10)) && scope.contains(object(5, Some(111), 10)));
    assert!(!scope.contains(object(9, Some(111), 10)), "the one object");
    let why = access.explain(ann.user_id, Permission::InventoryRead, object(9, Some(111), 10));
    assert_eq!((why.allowed, why.because), (false, vec![BindingId(id(3))]));
}

#[test]
fn nobody_gives_more_than_he_has() {
    let mut facts = facts();
    let tenant_10 = BindingScope::Tenant { id: TenantId(id(10)) };
    facts.bindings = vec![
        binding(1, ANN, 4, tenant_10, Effect::Allow),
        binding(2, Subject::User { id: UserId(id(1002)) }, 1, BindingScope::PLATFORM, Effect::Allow),
        binding(3, Subject::User { id: UserId(id(1000)) }, 7, tenant_10, Effect::Allow),
    ];
    let access = Access::new(facts);
    let ann = UserId(id(1001));
    let nowhere = |_| Owner::PLATFORM;
    assert_eq!(access.beyond(ann, RoleId(id(7)), Node::Project(ProjectId(id(110)))), None);
    assert_eq!(access.beyond(ann, RoleId(id(7)), Node::PLATFORM), Some(Permission::InventoryRead));
    assert_eq!(
        access.beyond(ann, roles::PLATFORM_ADMIN, Node::Tenant(TenantId(id(10)))),
        Some(Permission::ProviderRead)
    );
    let above = access.above(ann, Subject::User { id: UserId(id(1002)) }, nowhere);
    assert_eq!(above.map(|binding| binding.id), Some(BindingId(id(2))));
    assert_eq!(access.above(ann, Subject::User { id: UserId(id(1000)) }, nowhere), None);
}

#[test]
fn what_is_given_by_itself_is_not_given_any_more_in_another_tenant() {
    let one = BindingScope::Object { id: ObjectId(id(9)) };
    let mut facts = facts();
    facts.bindings = vec![binding(1, ANN, 70, one, Effect::Allow)];
    let access = Access::new(facts);
    let scope = access.scope::<InventoryRead>(&principal(&access, 1001));
    assert!(scope.contains(object(9, Some(110), 10)) && scope.contains(object(9, Some(111), 10)));
    for (project, tenant) in [(Some(130), 20), (Some(120), 11), (None, 1)] {
        assert!(!scope.contains(object(9, project, tenant)), "{project:?}");
        let why = access.explain(UserId(id(1001)), Permission::InventoryRead, object(9, project, tenant));
        assert!(!why.allowed);
    }
}

#[test]
fn who_is_denied_something_does_not_give_it_and_does_not_shed_it() {
    let tenant_10 = BindingScope::Tenant { id: TenantId(id(10)) };
    let mut facts = facts();
    facts.bindings = vec![
        binding(1, ANN, 4, tenant_10, Effect::Allow),
        binding(2, GROUP, 70, BindingScope::Project { id: ProjectId(id(110)) }, Effect::Deny),
    ];
    let access = Access::new(facts);
    let ann = UserId(id(1001));
    assert_eq!(access.beyond(ann, RoleId(id(70)), Node::Tenant(TenantId(id(10)))), Some(Permission::InventoryRead));
    assert_eq!(access.beyond(ann, RoleId(id(70)), Node::Project(ProjectId(id(111)))), None);
    assert_eq!(access.above(ann, GROUP, |_| Owner::PLATFORM).map(|binding| binding.id), Some(BindingId(id(2))));
}

#[test]
fn names_to_sign_in_with() {
    let access = Access::new(facts());
    let of = |login: &str| access.graph().user_of_login(login).map(|user| user.id.0.as_u128());
    assert_eq!(of("u1000"), Some(1000));
    assert_eq!(of("t10/U1001"), Some(1001));
    assert_eq!(of("T10/u1001"), Some(1001));
    for none in ["u1001", "t10/u1000", "t1/u1000", "/u1000x", "t10/t11/u1001", ""] {
        assert_eq!(of(none), None, "{none}");
    }
    assert_eq!(access.graph().tenant(TenantId(id(11))).unwrap().path, "t10/t11");
}

#[test]
fn built_in_roles_have_names_of_their_own_and_something_to_allow() {
    let roles = roles::built_in();
    let names: std::collections::HashSet<_> = roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(names.len(), roles.len());
    assert!(roles.iter().all(|role| !role.permissions.is_empty()));
    assert_eq!(roles[0].permissions, Permission::ALL);
}

fn any_binding() -> impl Strategy<Value = Binding> {
    let subject = prop_oneof![Just(ANN), Just(GROUP), Just(Subject::User { id: UserId(id(1002)) })];
    let scope = prop_oneof![
        prop::sample::select(vec![1u128, 10, 11, 20]).prop_map(|n| BindingScope::Tenant { id: TenantId(id(n)) }),
        prop::sample::select(vec![110u128, 111, 120, 130]).prop_map(|n| BindingScope::Project { id: ProjectId(id(n)) }),
        (1u128..4).prop_map(|n| BindingScope::Object { id: ObjectId(id(n)) }),
    ];
    let effect = prop_oneof![4 => Just(Effect::Allow), 1 => Just(Effect::Deny)];
    let role = prop::sample::select(vec![70u128, 71, 4, 7, 99]);
    (subject, role, scope, effect).prop_map(|(subject, role, scope, effect)| binding(0, subject, role, scope, effect))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is worked out for lists is what Cedar says of each object by itself.
    #[test]
    fn a_reach_is_what_cedar_decides(bindings in prop::collection::vec(any_binding(), 0..8)) {
        let mut facts = facts();
        facts.bindings =
            bindings.into_iter().zip(1..).map(|(one, number)| Binding { id: BindingId(id(number)), ..one }).collect();
        let access = Access::new(facts);
        let ann = principal(&access, 1001);
        let scope = access.scope::<InventoryRead>(&ann);
        let places = [(None, 1), (Some(110), 10), (Some(111), 10), (Some(120), 11), (Some(130), 20), (None, 10)];
        for (project, tenant) in places {
            for number in 1..5 {
                let node = object(number, project, tenant);
                let decided = access.explain(ann.user_id, Permission::InventoryRead, node);
                prop_assert_eq!(scope.contains(node), decided.allowed, "{:?} {:?}", node, decided);
                if decided.allowed && !scope.sees_all() {
                    let Node::Object { id, owner } = node else { unreachable!() };
                    let found = scope.owners().any(|key| key == owner.key()) || scope.objects().any(|one| one == id);
                    prop_assert!(found, "what is seen is found by owner or by id");
                }
            }
        }
    }
}
