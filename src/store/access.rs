//! Who may do what: tenants, projects, roles and bindings. Members are in [`super::member`].
//!
//! All of it is read at once, into memory, where it decides ([`crate::authz`]). What is written is a whole noun, checked
//! against that memory by whoever writes; here the database's own keys stand behind the check, and the generation.

use sea_orm::sea_query::Condition;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::db::Tx;
use super::entity::{binding, group_member, ownership_rule, project, role, tenant, user, user_group};
use super::error::While;
use super::log::WriteLock;
use super::{Error, Once, Outcome, Result, SystemStore, TenantStore, Told, codec};
use crate::authz::{Act, BindingWrite, Facts, ProjectWrite, RoleWrite, TenantWrite};
use crate::model::{
    Binding, BindingId, BindingScope, Effect, Group, GroupId, Permission, Project, ProjectId, Role, RoleId, Subject,
    Tenant, TenantId, TenantState, User, UserId, UserKind,
};

const WHAT: &str = "who may do what";

/// What keeps the names within one tenant, or below one parent, apart.
pub(super) fn name_key(within: Uuid, name: &str) -> String {
    format!("{within}/{}", name.to_lowercase())
}

impl From<&Tenant> for tenant::Model {
    fn from(tenant: &Tenant) -> Self {
        let key = match tenant.parent_id {
            Some(parent) => name_key(parent.0, &tenant.name),
            None => tenant.name.clone(),
        };
        Self {
            id: tenant.id.0,
            key,
            created_at: codec::micros(tenant.created_at),
            parent_id: tenant.parent_id.map(|parent| parent.0),
            name: tenant.name.clone(),
            description: tenant.description.clone(),
            state: tenant.state.as_str().to_owned(),
            generation: tenant.generation,
            updated_at: codec::micros(tenant.updated_at),
        }
    }
}

impl TryFrom<tenant::Model> for Tenant {
    type Error = Error;

    fn try_from(row: tenant::Model) -> Result<Self> {
        let state = TenantState::parse(&row.state);
        Ok(Self {
            id: TenantId(row.id),
            // The first gateway wrote the platform, and knew of no others.
            parent_id: row.parent_id.map(TenantId),
            name: row.name,
            path: String::new(),
            description: row.description,
            state: state.ok_or_else(|| codec::damaged("tenant", row.id, format!("its state is {:?}", row.state)))?,
            generation: row.generation,
            created_at: codec::time(row.created_at),
            updated_at: codec::time(row.updated_at),
        })
    }
}

impl From<&Project> for project::Model {
    fn from(project: &Project) -> Self {
        Self {
            id: project.id.0,
            tenant_id: project.tenant_id.0,
            name: project.name.clone(),
            key: name_key(project.tenant_id.0, &project.name),
            description: project.description.clone(),
            generation: project.generation,
            created_at: codec::micros(project.created_at),
            updated_at: codec::micros(project.updated_at),
        }
    }
}

impl From<project::Model> for Project {
    fn from(row: project::Model) -> Self {
        Self {
            id: ProjectId(row.id),
            tenant_id: TenantId(row.tenant_id),
            tenant_path: String::new(),
            name: row.name,
            description: row.description,
            generation: row.generation,
            created_at: codec::time(row.created_at),
            updated_at: codec::time(row.updated_at),
        }
    }
}

impl role::Model {
    /// Of one that is not built in: it belongs to a tenant.
    fn of(role: &Role) -> Self {
        let tenant_id = role.tenant_id.unwrap_or(TenantId::PLATFORM).0;
        let permissions: Vec<&str> = role.permissions.iter().map(|permission| permission.as_str()).collect();
        Self {
            id: role.id.0,
            tenant_id,
            name: role.name.clone(),
            key: name_key(tenant_id, &role.name),
            description: role.description.clone(),
            permissions: permissions.join(" "),
            generation: role.generation,
            created_at: codec::micros(role.created_at),
            updated_at: codec::micros(role.updated_at),
        }
    }
}

impl From<role::Model> for Role {
    fn from(row: role::Model) -> Self {
        Self {
            id: RoleId(row.id),
            tenant_id: Some(TenantId(row.tenant_id)),
            name: row.name,
            description: row.description,
            // A word that this version does not know gives nothing.
            permissions: row.permissions.split(' ').filter_map(Permission::parse).collect(),
            built_in: false,
            generation: row.generation,
            created_at: codec::time(row.created_at),
            updated_at: codec::time(row.updated_at),
        }
    }
}

impl TryFrom<binding::Model> for Binding {
    type Error = Error;

    fn try_from(row: binding::Model) -> Result<Self> {
        let damaged = |what: &str| codec::damaged("binding", row.id, format!("its {what} cannot be read"));
        Ok(Self {
            id: BindingId(row.id),
            subject: Subject::of(&row.subject_kind, row.subject_id).ok_or_else(|| damaged("subject"))?,
            role_id: RoleId(row.role_id),
            scope: BindingScope::of(&row.scope_kind, row.scope_id).ok_or_else(|| damaged("scope"))?,
            tenant_id: TenantId(row.tenant_id),
            effect: Effect::parse(&row.effect).ok_or_else(|| damaged("effect"))?,
            created_at: codec::time(row.created_at),
        })
    }
}

impl binding::Model {
    pub(super) fn of(binding: &Binding) -> Self {
        Self {
            id: binding.id.0,
            tenant_id: binding.tenant_id.0,
            subject_kind: binding.subject.kind().to_owned(),
            subject_id: binding.subject.uuid(),
            role_id: binding.role_id.0,
            scope_kind: binding.scope.kind().to_owned(),
            scope_id: binding.scope.uuid(),
            effect: binding.effect.as_str().to_owned(),
            created_at: codec::micros(binding.created_at),
        }
    }
}

impl TryFrom<user::Model> for User {
    type Error = Error;

    fn try_from(row: user::Model) -> Result<Self> {
        let kind = UserKind::parse(&row.kind);
        Ok(Self {
            id: UserId(row.id),
            tenant_id: TenantId(row.tenant_id),
            tenant_path: String::new(),
            username: row.username,
            kind: kind.ok_or_else(|| codec::damaged("user", row.id, format!("its kind is {:?}", row.kind)))?,
            display_name: row.display_name,
            email: row.email,
            enabled: row.enabled,
            group_ids: Vec::new(),
            generation: row.generation,
            created_at: codec::time(row.created_at),
            updated_at: codec::time(row.updated_at),
        })
    }
}

impl SystemStore {
    /// Everything that decides who may do what.
    ///
    /// # Errors
    /// When the database cannot be read, or a row is damaged: then nobody may do anything, rather than too much.
    pub async fn access_facts(&self) -> Result<Facts> {
        let tx = self.begin_read(WHAT).await?;
        let tenants = tenant::Entity::find().all(&tx).await.reading(WHAT)?;
        let projects = project::Entity::find().all(&tx).await.reading(WHAT)?;
        let users = user::Entity::find().all(&tx).await.reading(WHAT)?;
        let groups = user_group::Entity::find().all(&tx).await.reading(WHAT)?;
        let members = group_member::Entity::find().all(&tx).await.reading(WHAT)?;
        let roles = role::Entity::find().all(&tx).await.reading(WHAT)?;
        let bindings = binding::Entity::find().all(&tx).await.reading(WHAT)?;
        tx.commit().await.reading(WHAT)?;
        let mut groups: std::collections::BTreeMap<Uuid, Group> =
            groups.into_iter().map(|row| (row.id, group(row))).collect();
        for member in members {
            groups.entry(member.group_id).and_modify(|group| group.member_ids.push(UserId(member.user_id)));
        }
        Ok(Facts {
            tenants: tenants.into_iter().map(Tenant::try_from).collect::<Result<_>>()?,
            projects: projects.into_iter().map(Project::from).collect(),
            users: users.into_iter().map(User::try_from).collect::<Result<_>>()?,
            groups: groups.into_values().collect(),
            roles: roles.into_iter().map(Role::from).collect(),
            bindings: bindings.into_iter().map(Binding::try_from).collect::<Result<_>>()?,
        })
    }
}

fn group(row: user_group::Model) -> Group {
    Group {
        id: GroupId(row.id),
        tenant_id: TenantId(row.tenant_id),
        name: row.name,
        description: row.description,
        member_ids: Vec::new(),
        generation: row.generation,
        created_at: codec::time(row.created_at),
        updated_at: codec::time(row.updated_at),
    }
}

/// Writes a row of one generation over that of the one before. What was edited in between is not overwritten.
macro_rules! update {
    ($tx:expr, $entity:ident, $row:expr) => {{
        let row = $row;
        let before = row.generation - 1;
        let id = row.id;
        let update = $entity::Entity::update_many()
            .set($entity::ActiveModel::from(row).reset_all())
            .filter($entity::Column::Id.eq(id))
            .filter($entity::Column::Generation.eq(before));
        match update.exec($tx).await.writing(WHAT)?.rows_affected {
            1 => Ok(()),
            _ => Err(Error::Changed),
        }
    }};
}
pub(super) use update;

/// Adds a row.
macro_rules! insert {
    ($tx:expr, $entity:ident, $row:expr) => {
        $entity::Entity::insert($entity::ActiveModel::from($row).reset_all())
            .exec_without_returning($tx)
            .await
            .writing(WHAT)
            .map(drop)
    };
}
pub(super) use insert;

/// Takes what is bound to these subjects, or at these places, away.
pub(super) async fn unbind(tx: &Tx, ids: &[Uuid]) -> Result<()> {
    let named = |column: binding::Column| column.is_in(ids.iter().copied());
    let either = Condition::any().add(named(binding::Column::SubjectId)).add(named(binding::Column::ScopeId));
    binding::Entity::delete_many().filter(either).exec(tx).await.writing(WHAT).map(drop)
}

impl<A: Act> TenantStore<A> {
    /// Adds a noun, once where that is asked for. `write` writes its rows.
    pub(super) async fn add_once<T>(
        &self,
        noun: T,
        once: Option<Once<T>>,
        told: Told,
        write: impl AsyncFnOnce(&Tx, &T) -> Result<()>,
    ) -> Result<Outcome<T>> {
        let tx = self.begin_told(&told, WHAT).await?;
        let lock = WriteLock::take(&tx).await?;
        if let Some(kept) = self.done_before(&tx, &lock, once.as_ref()).await? {
            return Ok(Outcome::Before(kept));
        }
        write(&tx, &noun).await?;
        let kept = self.keep(&tx, &lock, once.as_ref(), &noun).await?;
        self.store.commit_told(tx, &lock, told, WHAT).await?;
        Ok(Outcome::Done(noun, kept))
    }

    /// Takes something away, with all that names it, also in places of other tenants: so without the scope's row security. Who
    /// asks was allowed just this.
    ///
    /// # Errors
    /// [`Error::Changed`] when it is not there any more.
    pub(super) async fn take_away(&self, told: Told, write: impl AsyncFnOnce(&Tx) -> Result<u64>) -> Result<()> {
        let tx = self.store.system("take away what names it").begin_write(WHAT).await?;
        let lock = WriteLock::take(&tx).await?;
        if write(&tx).await? != 1 {
            return Err(Error::Changed);
        }
        self.store.commit_told(tx, &lock, told, WHAT).await
    }

    /// Changes something of it.
    pub(super) async fn change(&self, told: Told, write: impl AsyncFnOnce(&Tx) -> Result<()>) -> Result<()> {
        let tx = self.begin_told(&told, WHAT).await?;
        let lock = WriteLock::take(&tx).await?;
        write(&tx).await?;
        self.store.commit_told(tx, &lock, told, WHAT).await
    }
}

impl TenantStore<TenantWrite> {
    /// Adds a tenant, whose own concern that is, once where that is asked for.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn tenant_create(
        &self,
        tenant: Tenant,
        once: Option<Once<Tenant>>,
        told: Told,
    ) -> Result<Outcome<Tenant>> {
        // It is not seen before it is made.
        let told = told.concerning(tenant.id);
        self.add_once(tenant, once, told, async |tx, tenant| insert!(tx, tenant, tenant::Model::from(tenant))).await
    }

    /// Writes a tenant of the next generation.
    ///
    /// # Errors
    /// [`Error::Changed`], or when the database cannot be written.
    pub async fn tenant_update(&self, tenant: &Tenant, told: Told) -> Result<()> {
        self.change(told, async |tx| update!(tx, tenant, tenant::Model::from(tenant))).await
    }

    /// Removes a tenant with its users, groups, roles and bindings. It must have no projects, and no tenant below it.
    ///
    /// # Errors
    /// When it has, or the database cannot be written.
    pub async fn tenant_delete(&self, id: TenantId, told: Told) -> Result<()> {
        self.take_away(told, async |tx| {
            let of = |column: user::Column| user::Entity::find().filter(column.eq(id.0));
            let users = of(user::Column::TenantId).all(tx).await.writing(WHAT)?;
            let groups = user_group::Entity::find().filter(user_group::Column::TenantId.eq(id.0));
            let groups = groups.all(tx).await.writing(WHAT)?;
            let subjects = users.iter().map(|row| row.id).chain(groups.iter().map(|row| row.id)).chain([id.0]);
            unbind(tx, &subjects.collect::<Vec<_>>()).await?;
            role::Entity::delete_many().filter(role::Column::TenantId.eq(id.0)).exec(tx).await.writing(WHAT)?;
            user_group::Entity::delete_many()
                .filter(user_group::Column::TenantId.eq(id.0))
                .exec(tx)
                .await
                .writing(WHAT)?;
            user::Entity::delete_many().filter(user::Column::TenantId.eq(id.0)).exec(tx).await.writing(WHAT)?;
            Ok(tenant::Entity::delete_by_id(id.0).exec(tx).await.writing(WHAT)?.rows_affected)
        })
        .await
    }
}

impl TenantStore<ProjectWrite> {
    /// Adds a project, once where that is asked for.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn project_create(
        &self,
        project: Project,
        once: Option<Once<Project>>,
        told: Told,
    ) -> Result<Outcome<Project>> {
        self.add_once(project, once, told, async |tx, project| insert!(tx, project, project::Model::from(project)))
            .await
    }

    /// Writes a project of the next generation.
    ///
    /// # Errors
    /// [`Error::Changed`], or when the database cannot be written.
    pub async fn project_update(&self, project: &Project, told: Told) -> Result<()> {
        self.change(told, async |tx| update!(tx, project, project::Model::from(project))).await
    }

    /// Removes a project, with its bindings, the rules that give machines to it, and what was given to it by hand. Its
    /// machines are given back afterwards.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn project_delete(&self, id: ProjectId, told: Told) -> Result<()> {
        self.take_away(told, async |tx| {
            unbind(tx, &[id.0]).await?;
            let rules = ownership_rule::Column::ProjectId.eq(id.0);
            ownership_rule::Entity::delete_many().filter(rules).exec(tx).await.writing(WHAT)?;
            Ok(project::Entity::delete_by_id(id.0).exec(tx).await.writing(WHAT)?.rows_affected)
        })
        .await
    }
}

impl TenantStore<RoleWrite> {
    /// Adds a role, once where that is asked for.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn role_create(&self, role: Role, once: Option<Once<Role>>, told: Told) -> Result<Outcome<Role>> {
        self.add_once(role, once, told, async |tx, role| insert!(tx, role, role::Model::of(role))).await
    }

    /// Writes a role of the next generation.
    ///
    /// # Errors
    /// [`Error::Changed`], or when the database cannot be written.
    pub async fn role_update(&self, role: &Role, told: Told) -> Result<()> {
        self.change(told, async |tx| update!(tx, role, role::Model::of(role))).await
    }

    /// Removes a role, which nothing must be bound by any more.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn role_delete(&self, id: RoleId, told: Told) -> Result<()> {
        self.take_away(told, async |tx| {
            Ok(role::Entity::delete_by_id(id.0).exec(tx).await.writing(WHAT)?.rows_affected)
        })
        .await
    }
}

impl TenantStore<BindingWrite> {
    /// Adds a binding, once where that is asked for.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn binding_create(
        &self,
        binding: Binding,
        once: Option<Once<Binding>>,
        told: Told,
    ) -> Result<Outcome<Binding>> {
        self.add_once(binding, once, told, async |tx, made| insert!(tx, binding, binding::Model::of(made))).await
    }

    /// Removes a binding.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn binding_delete(&self, id: BindingId, told: Told) -> Result<()> {
        self.take_away(told, async |tx| {
            Ok(binding::Entity::delete_by_id(id.0).exec(tx).await.writing(WHAT)?.rows_affected)
        })
        .await
    }
}
