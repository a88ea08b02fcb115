//! Users, service accounts, and groups of them.

use sea_orm::{ActiveModelTrait, ActiveValue, ColumnTrait, EntityTrait, QueryFilter};

use super::access::{insert, name_key, unbind, update};
use super::db::Tx;
use super::entity::{group_member, token, user, user_group};
use super::error::While;
use super::log::WriteLock;
use super::user::set_password;
use super::{Error, Once, Outcome, Result, TenantStore, Told, codec};
use crate::authz::MemberWrite;
use crate::model::secret::{ExposeSecret, SecretString};
use crate::model::{Group, GroupId, User, UserId};

const WHAT: &str = "a member";

/// A user's row, with this password hash. A service account's is empty, which no password has.
pub(super) fn user_row(user: &User, password_hash: &str) -> user::Model {
    user::Model {
        id: user.id.0,
        tenant_id: user.tenant_id.0,
        username: user.username.clone(),
        username_key: name_key(user.tenant_id.0, &user.username),
        password_hash: password_hash.to_owned(),
        created_at: codec::micros(user.created_at),
        password_changed_at: codec::micros(user.created_at),
        kind: user.kind.as_str().to_owned(),
        display_name: user.display_name.clone(),
        email: user.email.clone(),
        enabled: user.enabled,
        generation: user.generation,
        updated_at: codec::micros(user.updated_at),
    }
}

fn group_row(group: &Group) -> user_group::Model {
    user_group::Model {
        id: group.id.0,
        tenant_id: group.tenant_id.0,
        name: group.name.clone(),
        key: name_key(group.tenant_id.0, &group.name),
        description: group.description.clone(),
        generation: group.generation,
        created_at: codec::micros(group.created_at),
        updated_at: codec::micros(group.updated_at),
    }
}

/// Who is in a group, all anew.
async fn set_members(tx: &Tx, group: &Group) -> Result<()> {
    let before = group_member::Entity::delete_many().filter(group_member::Column::GroupId.eq(group.id.0));
    before.exec(tx).await.writing(WHAT)?;
    for member in &group.member_ids {
        let row = group_member::Model { group_id: group.id.0, user_id: member.0, tenant_id: group.tenant_id.0 };
        insert!(tx, group_member, row)?;
    }
    Ok(())
}

impl TenantStore<MemberWrite> {
    /// Adds a user or a service account, once where that is asked for. Without a password it cannot sign in with one.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn user_create(
        &self,
        user: User,
        password_hash: Option<SecretString>,
        once: Option<Once<User>>,
        told: Told,
    ) -> Result<Outcome<User>> {
        let hash = password_hash.as_ref().map_or("", |hash| hash.expose_secret());
        self.add_once(user, once, told, async |tx, made| insert!(tx, user, user_row(made, hash))).await
    }

    /// Writes a user of the next generation. One that is not enabled any more is signed out everywhere.
    ///
    /// # Errors
    /// [`Error::Changed`], or when the database cannot be written.
    pub async fn user_update(&self, user: &User, told: Told) -> Result<()> {
        self.change(told, async |tx| {
            let row = user::ActiveModel {
                id: ActiveValue::NotSet,
                password_hash: ActiveValue::NotSet,
                password_changed_at: ActiveValue::NotSet,
                ..user::ActiveModel::from(user_row(user, "")).reset_all()
            };
            let update = user::Entity::update_many().set(row);
            let update = update.filter(user::Column::Id.eq(user.id.0));
            let update = update.filter(user::Column::Generation.eq(user.generation - 1));
            if update.exec(tx).await.writing(WHAT)?.rows_affected != 1 {
                return Err(Error::Changed);
            }
            if !user.enabled {
                // Enabled again, it signs in anew.
                let tokens = token::Entity::delete_many().filter(token::Column::UserId.eq(user.id.0));
                tokens.exec(tx).await.writing(WHAT)?;
            }
            Ok(())
        })
        .await
    }

    /// Gives a user another password, by somebody else: it is signed out everywhere, and its tokens are worth nothing any more.
    /// `false` when there is no such user.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn user_set_password(&self, id: UserId, hash: &SecretString, told: Told) -> Result<bool> {
        let tx = self.begin_told(&told, WHAT).await?;
        let lock = WriteLock::take(&tx).await?;
        if !set_password(&self.store, &tx, id, hash, None).await? {
            return Ok(false);
        }
        token::Entity::delete_many().filter(token::Column::UserId.eq(id.0)).exec(&tx).await.writing(WHAT)?;
        self.store.commit_told(tx, &lock, told, WHAT).await?;
        Ok(true)
    }

    /// Removes a user, with its tokens, its memberships and its bindings.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn user_delete(&self, id: UserId, told: Told) -> Result<()> {
        self.take_away(told, async |tx| {
            unbind(tx, &[id.0]).await?;
            Ok(user::Entity::delete_by_id(id.0).exec(tx).await.writing(WHAT)?.rows_affected)
        })
        .await
    }

    /// Adds a group, once where that is asked for.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn group_create(&self, group: Group, once: Option<Once<Group>>, told: Told) -> Result<Outcome<Group>> {
        let write = async |tx: &Tx, made: &Group| {
            insert!(tx, user_group, group_row(made))?;
            set_members(tx, made).await
        };
        self.add_once(group, once, told, write).await
    }

    /// Writes a group of the next generation, and who is in it.
    ///
    /// # Errors
    /// [`Error::Changed`], or when the database cannot be written.
    pub async fn group_update(&self, group: &Group, told: Told) -> Result<()> {
        self.change(told, async |tx| {
            update!(tx, user_group, group_row(group))?;
            set_members(tx, group).await
        })
        .await
    }

    /// Removes a group, with its bindings. Its members stay.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn group_delete(&self, id: GroupId, told: Told) -> Result<()> {
        self.take_away(told, async |tx| {
            unbind(tx, &[id.0]).await?;
            Ok(user_group::Entity::delete_by_id(id.0).exec(tx).await.writing(WHAT)?.rows_affected)
        })
        .await
    }
}
