//! Users. Their passwords come hashed (argon2id).

use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use super::access::insert;
use super::db::Tx;
use super::entity::{binding, token, user};
use super::error::While;
use super::log::WriteLock;
use super::member::user_row;
use super::{Result, Store, SystemStore, TenantStore, TokenKind, Told, codec};
use crate::authz::AccountWrite;
use crate::model::secret::{ExposeSecret, SecretString};
use crate::model::{Binding, TenantId, Time, TokenId, User, UserId};

const WHAT: &str = "a user";

/// What signing in needs to know of a user.
#[derive(Clone, Debug)]
pub struct UserRecord {
    /// The id.
    pub id: UserId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The name.
    pub username: String,
    /// The PHC string of the password's argon2id hash; empty where there is none.
    pub password_hash: SecretString,
    /// When it was made.
    pub created_at: Time,
    /// When the password was last set.
    pub password_changed_at: Time,
}

impl From<user::Model> for UserRecord {
    fn from(row: user::Model) -> Self {
        Self {
            id: UserId(row.id),
            tenant_id: TenantId(row.tenant_id),
            username: row.username,
            password_hash: SecretString::from(row.password_hash),
            created_at: codec::time(row.created_at),
            password_changed_at: codec::time(row.password_changed_at),
        }
    }
}

/// Sets a user's password, and ends the user's sessions, but for `keep`.
pub(super) async fn set_password(
    store: &Store,
    tx: &Tx,
    id: UserId,
    hash: &SecretString,
    keep: Option<TokenId>,
) -> Result<bool> {
    let update = user::ActiveModel {
        password_hash: Set(hash.expose_secret().to_owned()),
        password_changed_at: Set(codec::micros(store.inner.clock.now())),
        ..Default::default()
    };
    let filter = user::Column::Id.eq(id.0);
    let result = user::Entity::update_many().set(update).filter(filter).exec(tx).await.writing(WHAT)?;
    let mut sessions = token::Entity::delete_many()
        .filter(token::Column::UserId.eq(id.0))
        .filter(token::Column::Kind.eq(TokenKind::Session.as_str()));
    if let Some(keep) = keep {
        sessions = sessions.filter(token::Column::Id.ne(keep.0));
    }
    sessions.exec(tx).await.writing(WHAT)?;
    Ok(result.rows_affected > 0)
}

impl SystemStore {
    /// How many users there are: none at the first start.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn user_count(&self) -> Result<u64> {
        let tx = self.begin_read(WHAT).await?;
        let count = user::Entity::find().count(&tx).await.reading(WHAT)?;
        tx.commit().await.reading(WHAT)?;
        Ok(count)
    }

    /// Adds the first user and binds the role to it, only if there is no user at all: of several that try at once one wins.
    /// Gives whether it was made.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn user_bootstrap(
        &self,
        new: &User,
        password_hash: &SecretString,
        role: &Binding,
        told: Told,
    ) -> Result<bool> {
        let tx = self.begin_write(WHAT).await?;
        let lock = WriteLock::take(&tx).await?;
        if user::Entity::find().count(&tx).await.writing(WHAT)? > 0 {
            return Ok(false);
        }
        insert!(&tx, user, user_row(new, password_hash.expose_secret()))?;
        insert!(&tx, binding, binding::Model::of(role))?;
        self.store.commit_told(tx, &lock, told, WHAT).await?;
        Ok(true)
    }

    /// A user, to sign in.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn user(&self, id: UserId) -> Result<Option<UserRecord>> {
        let tx = self.begin_read(WHAT).await?;
        let row = user::Entity::find_by_id(id.0).one(&tx).await.reading(WHAT)?;
        tx.commit().await.reading(WHAT)?;
        Ok(row.map(UserRecord::from))
    }
}

impl TenantStore<AccountWrite> {
    /// The user that acts; `None` when deleted in the meantime.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn user(&self) -> Result<Option<UserRecord>> {
        let tx = self.begin_read(WHAT).await?;
        let row = user::Entity::find_by_id(self.scope.user().0).one(&tx).await.reading(WHAT)?;
        tx.commit().await.reading(WHAT)?;
        Ok(row.map(UserRecord::from))
    }

    /// Sets the password of the user that acts, and revokes the user's sessions, but for `keep`. `false` when the user was
    /// deleted in the meantime.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn password_set(&self, hash: &SecretString, keep: Option<TokenId>, told: Told) -> Result<bool> {
        let tx = self.begin_told(&told, WHAT).await?;
        let lock = WriteLock::take(&tx).await?;
        if !set_password(&self.store, &tx, self.scope.user(), hash, keep).await? {
            return Ok(false);
        }
        self.store.commit_told(tx, &lock, told, WHAT).await?;
        Ok(true)
    }
}
