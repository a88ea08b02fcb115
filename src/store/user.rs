//! Users. Their passwords come hashed (argon2id).

use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use super::db::Tx;
use super::entity::{token, user};
use super::error::While;
use super::log::WriteLock;
use super::{Error, Result, Store, SystemStore, TenantStore, TokenKind, codec};
use crate::model::secret::{ExposeSecret, SecretString};
use crate::model::{TenantId, Time, TokenId, UserId};

const WHAT: &str = "a user";

/// A user.
#[derive(Clone, Debug)]
pub struct UserRecord {
    /// The id.
    pub id: UserId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The name; unique, without regard to upper and lower case.
    pub username: String,
    /// The PHC string of the password's argon2id hash.
    pub password_hash: SecretString,
    /// The word of the role: `platform_admin`.
    pub role: String,
    /// When it was made.
    pub created_at: Time,
    /// When the password was last set.
    pub password_changed_at: Time,
}

/// A user to add.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The name.
    pub username: String,
    /// The PHC string of the password's argon2id hash.
    pub password_hash: SecretString,
    /// The word of the role.
    pub role: &'static str,
}

impl From<user::Model> for UserRecord {
    fn from(row: user::Model) -> Self {
        Self {
            id: UserId(row.id),
            tenant_id: TenantId(row.tenant_id),
            username: row.username,
            password_hash: SecretString::from(row.password_hash),
            role: row.role,
            created_at: codec::time(row.created_at),
            password_changed_at: codec::time(row.password_changed_at),
        }
    }
}

fn username_key(username: &str) -> String {
    username.to_lowercase()
}

async fn insert(store: &Store, tx: &Tx, new: NewUser) -> Result<UserRecord> {
    let now = codec::micros(store.inner.clock.now());
    let row = user::Model {
        id: UserId::generate().0,
        tenant_id: new.tenant_id.0,
        username_key: username_key(&new.username),
        username: new.username,
        password_hash: new.password_hash.expose_secret().to_owned(),
        role: new.role.to_owned(),
        created_at: now,
        password_changed_at: now,
    };
    user::Entity::insert(user::ActiveModel::from(row.clone()).reset_all())
        .exec_without_returning(tx)
        .await
        .writing(WHAT)?;
    Ok(row.into())
}

async fn set_password(store: &Store, tx: &Tx, id: UserId, hash: &SecretString, keep: Option<TokenId>) -> Result<bool> {
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

    /// Adds a user.
    ///
    /// # Errors
    /// [`Error::UsernameTaken`], or when the database cannot be written.
    pub async fn user_create(&self, new: NewUser) -> Result<UserRecord> {
        let tx = self.begin_write(WHAT).await?;
        let _lock = WriteLock::take(&tx).await?;
        let same = user::Column::UsernameKey.eq(username_key(&new.username));
        if user::Entity::find().filter(same).count(&tx).await.writing(WHAT)? > 0 {
            return Err(Error::UsernameTaken(new.username));
        }
        let record = insert(&self.store, &tx, new).await?;
        tx.commit().await.writing(WHAT)?;
        Ok(record)
    }

    /// Adds the first user, only if there is none at all: of several that try at once one wins. `None` when there is one.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn user_bootstrap(&self, new: NewUser) -> Result<Option<UserRecord>> {
        let tx = self.begin_write(WHAT).await?;
        let _lock = WriteLock::take(&tx).await?;
        if user::Entity::find().count(&tx).await.writing(WHAT)? > 0 {
            return Ok(None);
        }
        let record = insert(&self.store, &tx, new).await?;
        tx.commit().await.writing(WHAT)?;
        Ok(Some(record))
    }

    /// The user of this name, to sign in.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn user_by_name(&self, username: &str) -> Result<Option<UserRecord>> {
        // PostgreSQL refuses the character; no user's name has it.
        if username.contains('\0') {
            return Ok(None);
        }
        let tx = self.begin_read(WHAT).await?;
        let same = user::Column::UsernameKey.eq(username_key(username));
        let row = user::Entity::find().filter(same).one(&tx).await.reading(WHAT)?;
        tx.commit().await.reading(WHAT)?;
        Ok(row.map(UserRecord::from))
    }

    /// Sets a user's password and revokes the user's sessions, but for `keep`. `false` when there is no such user.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn user_set_password(&self, user: UserId, hash: &SecretString, keep: Option<TokenId>) -> Result<bool> {
        let tx = self.begin_write(WHAT).await?;
        let done = set_password(&self.store, &tx, user, hash, keep).await?;
        tx.commit().await.writing(WHAT)?;
        Ok(done)
    }
}

impl TenantStore {
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
    pub async fn password_set(&self, hash: &SecretString, keep: Option<TokenId>) -> Result<bool> {
        let tx = self.begin_write(WHAT).await?;
        let done = set_password(&self.store, &tx, self.scope.user(), hash, keep).await?;
        tx.commit().await.writing(WHAT)?;
        Ok(done)
    }
}
