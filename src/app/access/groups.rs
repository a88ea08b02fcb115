//! Groups of users and service accounts.

use super::super::check_generation;
use super::super::checked_name;
use super::super::history::StoredPage;
use super::super::objects::Pairs;
use super::listing::NAMED;
use super::{App, Error, Invalid, Mode, Result, Session};
use super::{check_name_free, checked_description, seen_tenant};
use crate::authz::{Access, Graph, MemberRead, MemberWrite, Node};
use crate::model::{Effect, Group, GroupId, Subject, TenantId, UserId};
use crate::store::{Once, Outcome};

/// A group can have so many members.
const MEMBERS_MAX: usize = 10_000;

/// A group to add.
#[derive(Clone, Debug)]
pub struct GroupInput {
    /// The tenant that it belongs to.
    pub tenant_id: TenantId,
    /// Its name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Who is in it.
    pub member_ids: Vec<UserId>,
}

/// An edit of a group: what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct GroupPatch {
    /// Another name.
    pub name: Option<String>,
    /// Another text.
    pub description: Option<String>,
    /// All that are in it.
    pub member_ids: Option<Vec<UserId>>,
}

fn names(graph: &Graph, tenant: TenantId, own: Option<GroupId>) -> impl Iterator<Item = (&str, uuid::Uuid)> {
    let of = move |group: &&Group| group.tenant_id == tenant && Some(group.id) != own;
    graph.groups().filter(of).map(|group| (group.name.as_str(), group.id.0))
}

/// The members, in order and each once: all of the group's tenant.
fn checked_members(graph: &Graph, tenant: TenantId, members: &[UserId]) -> Result<Vec<UserId>> {
    if members.len() > MEMBERS_MAX {
        return Err(Invalid::field("member_ids", format!("are too many: at most {MEMBERS_MAX}")).into());
    }
    for (at, member) in members.iter().enumerate() {
        if graph.user(*member).is_none_or(|user| user.tenant_id != tenant) {
            return Err(Invalid::field(format!("member_ids[{at}]"), "names no user of the group's tenant").into());
        }
    }
    let mut members = members.to_vec();
    members.sort_unstable();
    members.dedup();
    Ok(members)
}

/// A group that the caller sees.
pub(super) fn visible<'a>(access: &'a Access, session: &Session, id: GroupId) -> Result<&'a Group> {
    let scope = access.scope::<MemberRead>(&session.principal);
    let group = access.graph().group(id).filter(|group| scope.contains(Node::Tenant(group.tenant_id)));
    group.ok_or_else(|| Error::not_found("group", id))
}

impl App {
    /// The groups that the caller sees, by name.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn groups(&self, session: &Session, pairs: &Pairs) -> Result<StoredPage<Group>> {
        let access = self.access();
        let scope = access.scope::<MemberRead>(&session.principal);
        self.access_page(session, "groups", pairs, NAMED, |asked| {
            let seen = access.graph().groups().filter(|group| scope.contains(Node::Tenant(group.tenant_id)));
            let wanted = seen.filter(|group| asked.wants(&group.name, Some(group.tenant_id)));
            wanted.map(|group| ((group.name.clone(), group.id.0), group.clone())).collect()
        })
    }

    /// One group.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn group(&self, session: &Session, id: GroupId) -> Result<Group> {
        visible(&self.access(), session, id).cloned()
    }

    /// Adds a group, once where that is asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Exists`], [`Error::Denied`], [`Error::IdempotencyKeyReused`], or an internal one.
    pub async fn group_create(
        &self,
        session: &Session,
        input: GroupInput,
        once: Option<Once<Group>>,
        mode: Mode,
    ) -> Result<Outcome<Group>> {
        let session = session.clone();
        self.change_access("adding a group", async move |app: App, access| {
            let tenant_id = input.tenant_id;
            seen_tenant(&session, &access, "tenant_id", tenant_id)?;
            let scope = app.authorize::<MemberWrite>(&session, Node::Tenant(tenant_id))?;
            let now = app.clock().now();
            let group = Group {
                id: GroupId::generate(),
                tenant_id,
                name: checked_name("name", &input.name)?,
                description: checked_description(&input.description)?,
                member_ids: checked_members(access.graph(), tenant_id, &input.member_ids)?,
                generation: 1,
                created_at: now,
                updated_at: now,
            };
            let store = app.store().tenant(&scope);
            if !store.is_done(once.as_ref()).await? {
                check_name_free("group", &group.name, names(access.graph(), tenant_id, None))?;
                super::check_room("groups", names(access.graph(), tenant_id, None).count(), super::NOUNS_MAX)?;
            }
            if !mode.is_real() {
                return Ok(Outcome::Done(group, None));
            }
            let told = session.made(&group);
            Ok(app.writing(&scope).group_create(group, once, told).await?)
        })
        .await
    }

    /// Edits a group: not one that has roles which the caller does not have.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Exists`], [`Error::Denied`], [`Error::Exceeds`], [`Error::InUse`],
    /// [`Error::Precondition`], or an internal one.
    pub async fn group_edit(
        &self,
        session: &Session,
        id: GroupId,
        expected: Option<Vec<String>>,
        patch: GroupPatch,
        mode: Mode,
    ) -> Result<Group> {
        let session = session.clone();
        self.change_access("editing a group", async move |app: App, access| {
            let present = visible(&access, &session, id)?;
            let scope = app.authorize::<MemberWrite>(&session, Node::Tenant(present.tenant_id))?;
            app.check_not_above(&session, &access, Subject::Group { id })?;
            check_generation(expected.as_deref(), present.generation)?;
            let graph = access.graph();
            let name = patch.name.as_deref().map(|name| checked_name("name", name)).transpose()?;
            let description = patch.description.as_deref().map(checked_description).transpose()?;
            let members = patch.member_ids.as_deref();
            let members = members.map(|members| checked_members(graph, present.tenant_id, members)).transpose()?;
            let mut group = Group {
                name: name.unwrap_or_else(|| present.name.clone()),
                description: description.unwrap_or_else(|| present.description.clone()),
                member_ids: members.unwrap_or_else(|| present.member_ids.clone()),
                ..present.clone()
            };
            check_name_free("group", &group.name, names(graph, group.tenant_id, Some(id)))?;
            if group == *present {
                return Ok(group);
            }
            let denies = graph.bindings_of(Subject::Group { id }).any(|binding| binding.effect == Effect::Deny);
            super::check_administrator_left(graph, |binding, user| {
                let is_in = group.member_ids.contains(&user);
                binding.subject == Subject::Group { id } && !is_in || denies && is_in
            })?;
            group.generation += 1;
            group.updated_at = app.clock().now();
            if mode.is_real() {
                app.writing(&scope).group_update(&group, session.edited(present, &group)).await?;
            }
            Ok(group)
        })
        .await
    }

    /// Removes a group with its bindings. Its members stay.
    ///
    /// # Errors
    /// As [`App::group_edit`].
    pub async fn group_delete(&self, session: &Session, id: GroupId, expected: Option<Vec<String>>) -> Result<()> {
        let session = session.clone();
        self.change_access("removing a group", async move |app: App, access| {
            let present = visible(&access, &session, id)?;
            let scope = app.authorize::<MemberWrite>(&session, Node::Tenant(present.tenant_id))?;
            app.check_not_above(&session, &access, Subject::Group { id })?;
            check_generation(expected.as_deref(), present.generation)?;
            let of_group = |binding: &crate::model::Binding, _| binding.subject == Subject::Group { id };
            super::check_administrator_left(access.graph(), of_group)?;
            app.writing(&scope).group_delete(id, session.removed(present)).await?;
            Ok(())
        })
        .await
    }
}
