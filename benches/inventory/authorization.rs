//! What it costs to decide who may do what: for each request, and the first time after something of it changed.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use spandrel::authz::{Access, Facts, InventoryRead, Node, Principal, roles};
use spandrel::clock::Clock;
use spandrel::model::{
    Binding, BindingId, BindingScope, Effect, Group, GroupId, Project, ProjectId, RoleId, Subject, Tenant, TenantId,
    TenantState, Time, User, UserId, UserKind,
};

use super::Plan;
use super::report::Report;

const TENANTS: usize = 1_000;
const PROJECTS_EACH: usize = 5;
const USERS_EACH: usize = 10;

fn tenant(id: TenantId, parent_id: Option<TenantId>, name: String, now: Time) -> Tenant {
    Tenant {
        id,
        parent_id,
        name,
        path: String::new(),
        description: String::new(),
        state: TenantState::Active,
        generation: 1,
        created_at: now,
        updated_at: now,
    }
}

fn project(tenant_id: TenantId, name: String, now: Time) -> Project {
    Project {
        id: ProjectId::generate(),
        tenant_id,
        tenant_path: String::new(),
        name,
        description: String::new(),
        generation: 1,
        created_at: now,
        updated_at: now,
    }
}

fn user(tenant_id: TenantId, username: String, now: Time) -> User {
    User {
        id: UserId::generate(),
        tenant_id,
        tenant_path: String::new(),
        username,
        kind: UserKind::User,
        display_name: String::new(),
        email: None,
        enabled: true,
        group_ids: Vec::new(),
        generation: 1,
        created_at: now,
        updated_at: now,
    }
}

fn binding(subject: Subject, role_id: RoleId, place: (BindingScope, TenantId), effect: Effect, now: Time) -> Binding {
    let (scope, tenant_id) = place;
    Binding { id: BindingId::generate(), subject, role_id, scope, tenant_id, effect, created_at: now }
}

/// Tenants with projects. All users of one are in its group, which is a member of every project but the last.
fn facts() -> anyhow::Result<Facts> {
    let now = Clock::system().now();
    let member = roles::built_in().into_iter().find(|role| role.name == "member").context("no role `member`")?.id;
    let mut facts =
        Facts { tenants: vec![tenant(TenantId::PLATFORM, None, "platform".into(), now)], ..Facts::default() };
    for number in 0..TENANTS {
        let id = TenantId::generate();
        facts.tenants.push(tenant(id, Some(TenantId::PLATFORM), format!("tenant {number}"), now));
        let projects: Vec<_> = (0..PROJECTS_EACH).map(|number| project(id, format!("project {number}"), now)).collect();
        let users: Vec<_> = (0..USERS_EACH).map(|number| user(id, format!("user{number}"), now)).collect();
        let group = Group {
            id: GroupId::generate(),
            tenant_id: id,
            name: "staff".into(),
            description: String::new(),
            member_ids: users.iter().map(|user| user.id).collect(),
            generation: 1,
            created_at: now,
            updated_at: now,
        };
        let staff = Subject::Group { id: group.id };
        facts.bindings.push(binding(staff, member, (BindingScope::Tenant { id }, id), Effect::Allow, now));
        let last = projects.last().context("no project")?.id;
        facts.bindings.push(binding(staff, member, (BindingScope::Project { id: last }, id), Effect::Deny, now));
        facts.projects.extend(projects);
        facts.users.extend(users);
        facts.groups.push(group);
    }
    Ok(facts)
}

pub fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let facts = facts()?;
    let callers: Vec<(Principal, Node)> = facts
        .users
        .iter()
        .zip(facts.projects.iter().flat_map(|project| [project; USERS_EACH / PROJECTS_EACH]))
        .map(|(user, project)| {
            let principal = Principal { user_id: user.id, username: user.username.clone(), tenant_id: user.tenant_id };
            (principal, Node::Project(project.id))
        })
        .collect();
    let begun = Instant::now();
    let access = Access::new(facts);
    report.note("who may do what, put in order after a change", micros(begun.elapsed(), 1));

    // Some are enough: each works out its own.
    let first = &callers[..callers.len().min(if plan.quick { 50 } else { 500 })];
    let begun = Instant::now();
    for (principal, _) in first {
        black_box(access.scope::<InventoryRead>(principal));
    }
    report.note("the first decision about a user after a change", micros(begun.elapsed(), first.len()));

    let (time, begun) = (plan.seconds(5), Instant::now());
    let (mut asked, mut allowed) = (0_usize, 0_usize);
    while begun.elapsed() < time {
        for (principal, node) in first {
            // What a read asks, and what a write asks.
            black_box(access.scope::<InventoryRead>(principal));
            allowed += usize::from(access.authorize::<InventoryRead>(principal, *node).is_ok());
        }
        asked += first.len();
    }
    let each = begun.elapsed();
    ensure!(allowed > 0 && allowed < asked, "{allowed} of {asked} were allowed: some of them are to be");
    let cost = each.as_secs_f64() * 1e6 / asked as f64;
    report.row(
        &format!("authorization of a request, {} users in {TENANTS} tenants", TENANTS * USERS_EACH),
        micros(each, asked),
        "< 20 µs",
        cost < 20.0,
        "a lock, and two looks into tables",
    );
    Ok(())
}

fn micros(time: Duration, count: usize) -> String {
    format!("{:.2} µs", time.as_secs_f64() * 1e6 / count as f64)
}
