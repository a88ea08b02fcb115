//! Who may do what: held in memory, where it decides every request, and replaced as a whole when it changes.
//!
//! Changes go one after the other ([`App::change_access`]): each is checked against what is in memory, written, and read
//! again before it is answered. So who is told that something was taken away can rely on it.

mod bindings;
mod groups;
mod impact;
mod listing;
mod projects;
mod roles;
mod simulate;
mod tenants;
mod users;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, watch};

pub use bindings::BindingInput;
pub use groups::{GroupInput, GroupPatch};
pub use impact::Impact;
pub use projects::{ProjectInput, ProjectPatch};
pub use roles::{RoleInput, RolePatch};
pub use simulate::{Because, Simulated};
pub use tenants::{TenantInput, TenantPatch};
pub use users::{UserInput, UserPatch};
pub(super) use users::{checked_username, visible as visible_user};

use super::{App, Error, Invalid, Mode, Result, Session, database_away};
use crate::authz::{Access, Act, Graph, Node, TenantScope, roles as built_in};
use crate::model::{BindingScope, Effect, ObjectId, Owner, Permission, Subject, TenantId, UserId, UserKind};
use crate::store::{OwnershipFacts, Store, TenantStore};

/// What decides, as it is now.
pub(super) struct Held {
    access: ArcSwap<Access>,
    ownership: ArcSwap<OwnershipFacts>,
    /// Counts the changes.
    changed: watch::Sender<u64>,
    /// Changes go one after the other.
    turn: Mutex<()>,
    /// Whether what was changed is still being read.
    reloading: AtomicBool,
    /// Whether who has the turn has begun to write.
    written: AtomicBool,
}

impl Held {
    pub(super) async fn load(store: &Store) -> Result<Self> {
        let (access, ownership) = read(store).await?;
        Ok(Self {
            access: ArcSwap::from_pointee(access),
            ownership: ArcSwap::from_pointee(ownership),
            changed: watch::Sender::new(0),
            turn: Mutex::default(),
            reloading: AtomicBool::new(false),
            written: AtomicBool::new(false),
        })
    }

    fn put(&self, (access, ownership): (Access, OwnershipFacts)) {
        self.access.store(Arc::new(access));
        self.ownership.store(Arc::new(ownership));
        self.changed.send_modify(|count| *count += 1);
    }
}

async fn read(store: &Store) -> Result<(Access, OwnershipFacts)> {
    let system = store.system("who may do what");
    Ok((Access::new(system.access_facts().await?), system.ownership_facts().await?))
}

/// How often, and how long apart, it is tried to read again what was changed.
const RELOAD_TRIES: u32 = 5;
const RELOAD_PAUSE: Duration = Duration::from_millis(200);
const RELOAD_PAUSE_MAX: Duration = Duration::from_secs(30);

impl App {
    /// Who may do what, as it is now.
    pub(super) fn access(&self) -> Arc<Access> {
        self.held().access.load_full()
    }

    /// Whose objects are, as it is said now.
    pub(super) fn ownership(&self) -> Arc<OwnershipFacts> {
        self.held().ownership.load_full()
    }

    /// How often it was changed.
    pub(super) fn access_version(&self) -> u64 {
        *self.held().changed.borrow()
    }

    /// Waits for the turn: nothing is changed while it is held.
    pub(super) async fn access_turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.held().turn.lock().await
    }

    /// Tells when who may do what, or whose something is, was changed.
    #[must_use]
    pub fn access_changed(&self) -> watch::Receiver<u64> {
        self.held().changed.subscribe()
    }

    /// How far `A` reaches for who asks.
    pub(super) fn scope<A: Act>(&self, session: &Session) -> TenantScope<A> {
        self.access().scope(&session.principal)
    }

    /// Decides about `A` in one place.
    pub(super) fn authorize<A: Act>(&self, session: &Session, node: Node) -> Result<TenantScope<A>> {
        Ok(self.access().authorize(&session.principal, node)?)
    }

    /// Whether anything may be done with a permission, anywhere: what an interface shows.
    #[must_use]
    pub fn permissions(&self, session: &Session) -> Vec<Permission> {
        let access = self.access();
        let user = session.principal.user_id;
        Permission::ALL.iter().copied().filter(|permission| access.may_anywhere(user, *permission)).collect()
    }

    /// The path of the caller's tenant, and the names of the caller's roles.
    #[must_use]
    pub fn standing(&self, session: &Session) -> (String, Vec<String>) {
        let access = self.access();
        let graph = access.graph();
        let given = graph.bindings_for(session.principal.user_id).filter(|binding| binding.effect == Effect::Allow);
        let names = given.filter_map(|binding| graph.role(binding.role_id)).map(|role| role.name.clone());
        let names: std::collections::BTreeSet<String> = names.collect();
        let path = graph.tenant(session.principal.tenant_id).map(|tenant| tenant.path.clone());
        (path.unwrap_or_default(), names.into_iter().collect())
    }

    /// Changes who may do what, or whose something is. `work` is given what is so now, and nothing else changes it meanwhile.
    pub(super) async fn change_access<T, F>(
        &self,
        act: &'static str,
        work: impl FnOnce(App, Arc<Access>) -> F + Send + 'static,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let app = self.clone();
        self.complete(act, async move {
            let _turn = app.held().turn.lock().await;
            if app.held().reloading.load(Ordering::Acquire) {
                // What is in memory is not what is stored: nothing may be decided by it.
                app.held().put(read(app.store()).await?);
            }
            app.held().written.store(false, Ordering::Release);
            let done = work(app.clone(), app.access()).await;
            // Also where the answer to the commit was lost: it may have been carried out.
            if app.held().written.load(Ordering::Acquire) {
                app.reload_access().await?;
            }
            done
        })
        .await
    }

    /// The store, for who has the turn and is about to write: what is written is read again before it is answered.
    pub(super) fn writing<A: Act>(&self, scope: &TenantScope<A>) -> TenantStore<A> {
        self.held().written.store(true, Ordering::Release);
        self.store().tenant(scope)
    }

    pub(super) async fn reload_access(&self) -> Result<()> {
        for _ in 0..RELOAD_TRIES {
            match read(self.store()).await {
                Ok(read) => {
                    self.held().put(read);
                    return Ok(());
                }
                Err(error) => tracing::warn!(%error, "what was changed is not in effect yet"),
            }
            tokio::time::sleep(RELOAD_PAUSE).await;
        }
        // It goes on in the background; until then what was so before decides. One does it for all.
        if self.held().reloading.swap(true, Ordering::AcqRel) {
            return Err(database_away());
        }
        let app = self.clone();
        tokio::spawn(async move {
            let mut pause = RELOAD_PAUSE;
            loop {
                pause = (pause * 2).min(RELOAD_PAUSE_MAX);
                tokio::time::sleep(pause).await;
                let _turn = app.held().turn.lock().await;
                if let Ok(read) = read(app.store()).await {
                    app.held().put(read);
                    app.held().reloading.store(false, Ordering::Release);
                    return;
                }
            }
        });
        Err(database_away())
    }

    /// Where an object is, for what is bound to it.
    fn owner_of(&self, id: ObjectId) -> Owner {
        self.inventory().find(id).map_or(Owner::PLATFORM, |(_, owner)| owner)
    }

    /// The place of a scope that the caller may see; `None` for any other.
    fn seen_node(&self, session: &Session, access: &Access, scope: BindingScope) -> Option<Node> {
        let user = session.principal.user_id;
        let (permission, node) = match scope {
            BindingScope::Tenant { id } => {
                access.graph().tenant(id)?;
                (Permission::TenantRead, Node::Tenant(id))
            }
            BindingScope::Project { id } => {
                access.graph().project(id)?;
                (Permission::ProjectRead, Node::Project(id))
            }
            BindingScope::Object { id } => {
                let (_, owner) = self.inventory().find(id)?;
                (Permission::InventoryRead, Node::Object { id, owner })
            }
        };
        access.may(user, permission, node).then_some(node)
    }

    /// Whether the caller may see a user or a group.
    fn sees_subject(session: &Session, access: &Access, subject: Subject) -> bool {
        let tenant = match subject {
            Subject::User { id } => access.graph().user(id).map(|user| user.tenant_id),
            Subject::Group { id } => access.graph().group(id).map(|group| group.tenant_id),
        };
        let user = session.principal.user_id;
        tenant.is_some_and(|tenant| access.may(user, Permission::MemberRead, Node::Tenant(tenant)))
    }

    /// Refuses who would change a user or a group that has more than the caller.
    pub(super) fn check_not_above(&self, session: &Session, access: &Access, subject: Subject) -> Result<()> {
        match access.above(session.principal.user_id, subject, |id| self.owner_of(id)) {
            None => Ok(()),
            Some(binding) => {
                let role = access.graph().role(binding.role_id).filter(|role| roles::is_visible(access, session, role));
                Err(Error::Exceeds {
                    what: "it has",
                    role: role.map_or("a role", |role| role.name.as_str()).to_owned(),
                })
            }
        }
    }
}

/// A description: free text of bearable length.
fn checked_description(text: &str) -> std::result::Result<String, Invalid> {
    let text = text.trim();
    if text.chars().count() > 2_000 {
        return Err(Invalid::field("description", "is too long: at most 2000 characters are accepted"));
    }
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(Invalid::field("description", "must not contain control characters"));
    }
    Ok(text.to_owned())
}

/// Nothing of this name may be there already, without regard to upper and lower case.
fn check_name_free<'a>(
    noun: &'static str,
    name: &str,
    others: impl Iterator<Item = (&'a str, uuid::Uuid)>,
) -> Result<()> {
    let key = name.to_lowercase();
    match others.into_iter().find(|(other, _)| other.to_lowercase() == key) {
        None => Ok(()),
        Some((other, id)) => {
            Err(Error::Exists { noun, id: id.to_string(), name: other.to_owned(), field: "name".to_owned() })
        }
    }
}

/// Whether somebody who can sign in would still have every permission everywhere, without these.
fn has_administrator(graph: &Graph, without: impl Fn(&crate::model::Binding, UserId) -> bool) -> bool {
    let everything = |binding: &&crate::model::Binding| {
        binding.role_id == built_in::PLATFORM_ADMIN
            && binding.scope == BindingScope::PLATFORM
            && binding.effect == Effect::Allow
    };
    let is_denied = |user: UserId| graph.bindings_for(user).any(|binding| binding.effect == Effect::Deny);
    let can_sign_in = |user: UserId| {
        let user = graph.user(user).filter(|user| user.enabled && user.kind == UserKind::User);
        user.is_some_and(|user| !graph.is_suspended(user.tenant_id))
    };
    graph.bindings().filter(everything).any(|binding| {
        let users: Vec<UserId> = match binding.subject {
            Subject::User { id } => vec![id],
            Subject::Group { id } => graph.group(id).map(|group| group.member_ids.clone()).unwrap_or_default(),
        };
        users.into_iter().any(|user| can_sign_in(user) && !is_denied(user) && !without(binding, user))
    })
}

/// Refuses what would leave nobody who may do everything.
fn check_administrator_left(graph: &Graph, without: impl Fn(&crate::model::Binding, UserId) -> bool) -> Result<()> {
    if has_administrator(graph, without) {
        return Ok(());
    }
    Err(Error::InUse {
        what: "the last platform administrator".to_owned(),
        why: "nobody could administer the gateway any more; bind `platform_admin` to somebody else first".to_owned(),
    })
}

/// The tenant that something is made in, if the caller may see it.
fn seen_tenant(session: &Session, access: &Access, field: &str, id: TenantId) -> Result<()> {
    let seen = access.graph().tenant(id).is_some()
        && access.may(session.principal.user_id, Permission::TenantRead, Node::Tenant(id));
    if seen { Ok(()) } else { Err(Invalid::field(field, "names no tenant").into()) }
}

/// How many of a noun a tenant can have, and how many bindings there can be at all: everything is in memory, and read again with
/// each change.
const NOUNS_MAX: usize = 1_000;
const USERS_MAX: usize = 10_000;
const BINDINGS_MAX: usize = 20_000;

/// Refuses one more where there are as many as there may be.
fn check_room(what: &str, count: usize, max: usize) -> Result<()> {
    if count < max {
        return Ok(());
    }
    Err(Error::InUse { what: format!("the list of {what}"), why: format!("it is full with {max}; remove one first") })
}
