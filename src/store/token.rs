//! Tokens: what stands for a user once it has signed in. Only their SHA-256 is kept.

use std::sync::PoisonError;

use chrono::TimeDelta;
use sea_orm::sea_query::Condition;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};

use super::db::Tx;
use super::entity::{token, user};
use super::error::While;
use super::log::WriteLock;
use super::{Error, Inner, Once, Outcome, Result, SystemStore, TenantStore, Told, UserRecord, codec};
use crate::authz::{AccountWrite, Act, MemberRead, MemberWrite};
use crate::model::{Time, TokenId, UserId};

const WHAT: &str = "a token";

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A login.
    Session,
    /// Made by a user for a program.
    Api,
}

/// A token, without what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// The id.
    pub id: TokenId,
    /// Whom it stands for.
    pub user_id: UserId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub kind: TokenKind,
    /// When it was made.
    pub created_at: Time,
    /// From when on it is worth nothing.
    pub expires_at: Option<Time>,
    /// When it was last used, to within a minute.
    pub last_used_at: Option<Time>,
}

/// A token to add.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub kind: TokenKind,
    /// The SHA-256 of the token.
    pub digest: [u8; 32],
    /// From when on it is worth nothing.
    pub expires_at: Option<Time>,
}

impl TokenRecord {
    /// What the audit log tells of it.
    fn told(&self) -> Value {
        json!({
            "user_id": self.user_id, "name": self.name, "kind": self.kind.as_str(), "created_at": self.created_at, "expires_at": self.expires_at,
        })
    }
}

impl TokenKind {
    /// The word that the database keeps.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            TokenKind::Session => "session",
            TokenKind::Api => "api",
        }
    }
}

fn record(inner: &Inner, row: &token::Model) -> Result<TokenRecord> {
    let kind = match row.kind.as_str() {
        "session" => TokenKind::Session,
        "api" => TokenKind::Api,
        other => return Err(codec::damaged("token", row.id, format!("its kind is {other:?}"))),
    };
    let id = TokenId(row.id);
    let used = inner.tokens_used.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied();
    Ok(TokenRecord {
        id,
        user_id: UserId(row.user_id),
        name: row.name.clone(),
        kind,
        created_at: codec::time(row.created_at),
        expires_at: row.expires_at.map(codec::time),
        last_used_at: used.or(row.last_used_at.map(codec::time)),
    })
}

async fn insert(inner: &Inner, tx: &Tx, user_id: UserId, new: NewToken) -> Result<TokenRecord> {
    let owner = user::Entity::find_by_id(user_id.0).one(tx).await.writing(WHAT)?;
    let owner = owner.ok_or(Error::UserGone(user_id))?;
    let row = token::Model {
        id: TokenId::generate().0,
        tenant_id: owner.tenant_id,
        user_id: user_id.0,
        name: new.name,
        kind: new.kind.as_str().to_owned(),
        digest: new.digest.to_vec(),
        created_at: codec::micros(inner.clock.now()),
        expires_at: new.expires_at.map(codec::micros),
        last_used_at: None,
    };
    let insert = token::Entity::insert(token::ActiveModel::from(row.clone()).reset_all());
    insert.exec_without_returning(tx).await.writing(WHAT)?;
    record(inner, &row)
}

/// Tokens that are worth nothing any more at `now`.
fn expired(now: Time) -> Condition {
    Condition::all().add(token::Column::ExpiresAt.is_not_null()).add(token::Column::ExpiresAt.lte(codec::micros(now)))
}

impl SystemStore {
    /// Adds a token for a user who has just signed in.
    ///
    /// # Errors
    /// [`Error::UserGone`], or when the database cannot be written.
    pub async fn token_create(&self, user: UserId, new: NewToken) -> Result<TokenRecord> {
        let tx = self.begin_write(WHAT).await?;
        let record = insert(&self.store.inner, &tx, user, new).await?;
        tx.commit().await.writing(WHAT)?;
        Ok(record)
    }

    /// Whom a token stands for, and notes its use; `None` when there is no such token, or it has expired.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn token_authenticate(&self, digest: &[u8; 32]) -> Result<Option<(TokenRecord, UserRecord)>> {
        let inner = &self.store.inner;
        let now = inner.clock.now();
        let tx = self.begin_read(WHAT).await?;
        let same = token::Column::Digest.eq(digest.to_vec());
        let row = token::Entity::find().filter(same).one(&tx).await.reading(WHAT)?;
        let Some(row) = row.filter(|row| row.expires_at.is_none_or(|at| codec::time(at) > now)) else {
            return Ok(None);
        };
        let user = user::Entity::find_by_id(row.user_id).one(&tx).await.reading(WHAT)?;
        tx.commit().await.reading(WHAT)?;
        let Some(user) = user else { return Ok(None) };
        let mut record = record(inner, &row)?;
        if record.last_used_at.is_none_or(|at| now - at >= TimeDelta::minutes(1)) {
            inner.tokens_used.lock().unwrap_or_else(PoisonError::into_inner).insert(record.id, now);
            record.last_used_at = Some(now);
        }
        Ok(Some((record, user.into())))
    }

    /// Writes down when tokens were last used, and deletes what has expired. Gives how many were deleted. To be called
    /// every minute or so.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn tokens_sweep(&self) -> Result<u64> {
        let inner = &self.store.inner;
        let used = inner.tokens_used.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let tx = self.begin_write(WHAT).await?;
        for (id, at) in &used {
            let row = token::ActiveModel { last_used_at: Set(Some(codec::micros(*at))), ..Default::default() };
            let filter = token::Column::Id.eq(id.0);
            token::Entity::update_many().set(row).filter(filter).exec(&tx).await.writing(WHAT)?;
        }
        let swept = token::Entity::delete_many().filter(expired(inner.clock.now())).exec(&tx).await.writing(WHAT)?;
        tx.commit().await.writing(WHAT)?;
        // What was used again in the meantime is for the next time.
        let mut kept = inner.tokens_used.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|id, at| used.get(id) != Some(at));
        Ok(swept.rows_affected)
    }
}

impl TenantStore<AccountWrite> {
    /// Adds a token for the user that acts, who may have at most `max` of its kind; once, where that is asked for.
    ///
    /// # Errors
    /// [`Error::UserGone`], [`Error::TokensFull`], [`Error::IdempotencyKeyReused`], or when the database cannot be written.
    pub async fn token_create_once(
        &self,
        new: NewToken,
        max: u64,
        once: Option<Once<TokenRecord>>,
        told: Told,
    ) -> Result<Outcome<TokenRecord>> {
        self.make_token(self.scope.user(), new, max, once, told).await
    }

    /// The tokens of the user that acts, of one kind or all, newest first; without what has expired.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn tokens(&self, kind: Option<TokenKind>) -> Result<Vec<TokenRecord>> {
        self.tokens_of(self.scope.user(), kind).await
    }

    /// Whether the user that acts has such a token, and it has not expired.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn token_is_valid(&self, id: TokenId) -> Result<bool> {
        let tx = self.begin_read(WHAT).await?;
        let found = token::Entity::find_by_id(id.0)
            .filter(token::Column::UserId.eq(self.scope.user().0))
            .filter(expired(self.store.inner.clock.now()).not())
            .count(&tx)
            .await
            .reading(WHAT)?;
        tx.commit().await.reading(WHAT)?;
        Ok(found > 0)
    }

    /// Revokes a token of the user that acts. `false` when the user has no such token.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn token_delete(&self, id: TokenId, told: Told) -> Result<bool> {
        self.revoke(self.scope.user(), id, told).await
    }
}

impl TenantStore<MemberRead> {
    /// The API tokens of a user, newest first; without what has expired.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn user_tokens(&self, user: UserId) -> Result<Vec<TokenRecord>> {
        self.tokens_of(user, Some(TokenKind::Api)).await
    }

    /// Whose an API token is.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn token_user(&self, id: TokenId) -> Result<Option<UserId>> {
        let tx = self.begin_read(WHAT).await?;
        let api = token::Entity::find_by_id(id.0).filter(token::Column::Kind.eq(TokenKind::Api.as_str()));
        let row = api.one(&tx).await.reading(WHAT)?;
        tx.commit().await.reading(WHAT)?;
        Ok(row.map(|row| UserId(row.user_id)))
    }
}

impl TenantStore<MemberWrite> {
    /// Adds a token for a user, as [`TenantStore::token_create_once`] does.
    ///
    /// # Errors
    /// The same.
    pub async fn user_token_create(
        &self,
        user: UserId,
        new: NewToken,
        max: u64,
        once: Option<Once<TokenRecord>>,
        told: Told,
    ) -> Result<Outcome<TokenRecord>> {
        self.make_token(user, new, max, once, told).await
    }

    /// Revokes a token of a user. `false` when the user has no such token.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn user_token_delete(&self, user: UserId, id: TokenId, told: Told) -> Result<bool> {
        self.revoke(user, id, told).await
    }
}

impl<A: Act> TenantStore<A> {
    async fn make_token(
        &self,
        user: UserId,
        new: NewToken,
        max: u64,
        once: Option<Once<TokenRecord>>,
        told: Told,
    ) -> Result<Outcome<TokenRecord>> {
        let inner = &self.store.inner;
        let tx = self.begin_told(&told, WHAT).await?;
        // One after the other: so neither the bound nor the key is passed by two at once.
        let lock = WriteLock::take(&tx).await?;
        if let Some(kept) = self.done_before(&tx, &lock, once.as_ref()).await? {
            return Ok(Outcome::Before(kept));
        }
        let present = token::Entity::find()
            .filter(token::Column::UserId.eq(user.0))
            .filter(token::Column::Kind.eq(new.kind.as_str()))
            .filter(expired(inner.clock.now()).not());
        if present.count(&tx).await.reading(WHAT)? >= max {
            return Err(Error::TokensFull { max });
        }
        let record = insert(inner, &tx, user, new).await?;
        let kept = self.keep(&tx, &lock, once.as_ref(), &record).await?;
        let told = told.of(record.id, record.name.as_str()).after(record.told());
        self.store.commit_told(tx, &lock, told, WHAT).await?;
        Ok(Outcome::Done(record, kept))
    }

    async fn tokens_of(&self, user: UserId, kind: Option<TokenKind>) -> Result<Vec<TokenRecord>> {
        let inner = &self.store.inner;
        let tx = self.begin_read(WHAT).await?;
        let mut query = token::Entity::find()
            .filter(token::Column::UserId.eq(user.0))
            .filter(expired(inner.clock.now()).not())
            .order_by_desc(token::Column::CreatedAt)
            .order_by_desc(token::Column::Id);
        if let Some(kind) = kind {
            query = query.filter(token::Column::Kind.eq(kind.as_str()));
        }
        let rows = query.all(&tx).await.reading(WHAT)?;
        tx.commit().await.reading(WHAT)?;
        rows.iter().map(|row| record(inner, row)).collect()
    }

    async fn revoke(&self, user: UserId, id: TokenId, told: Told) -> Result<bool> {
        let tx = self.begin_told(&told, WHAT).await?;
        let lock = WriteLock::take(&tx).await?;
        let theirs = token::Entity::find_by_id(id.0).filter(token::Column::UserId.eq(user.0));
        let Some(row) = theirs.one(&tx).await.writing(WHAT)? else { return Ok(false) };
        token::Entity::delete_by_id(id.0).exec(&tx).await.writing(WHAT)?;
        let record = record(&self.store.inner, &row)?;
        let told = told.of(id, record.name.as_str()).before(record.told());
        self.store.commit_told(tx, &lock, told, WHAT).await?;
        Ok(true)
    }
}
