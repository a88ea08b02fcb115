//! Requests that are to be done once, however often they are sent: the answer is kept in the transaction that does what it
//! tells of, so that a client whose connection broke can simply ask again.
//!
//! A key belongs to its user. What is kept is sealed: the answer of `POST /v1/tokens` is a secret, and a hash of a body
//! with a password in it is nearly one. After [`KEEP`] a key is forgotten.

use chrono::TimeDelta;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use zeroize::Zeroizing;

use super::db::Tx;
use super::entity::idempotency;
use super::error::While;
use super::log::WriteLock;
use super::sealing::place;
use super::{Error, Result, SystemStore, TenantStore, codec};
use crate::authz::Act;
use crate::model::IdempotencyId;

const WHAT: &str = "an idempotency key";
/// How long an answer is kept.
pub const KEEP: TimeDelta = TimeDelta::hours(24);
const HASH_LEN: usize = 32;

/// Makes the answer to keep from what was done.
type MakeAnswer<T> = Box<dyn Fn(&T) -> Vec<u8> + Send + Sync>;

/// A request that is to be done once.
pub struct Once<T> {
    /// The caller's key.
    pub key: String,
    /// A hash of the request: the same key with another one is refused.
    pub request: [u8; HASH_LEN],
    /// Makes the answer to keep from what was done.
    pub answer: MakeAnswer<T>,
}

/// What came of a request. An answer may be a secret: it is not for logs.
pub enum Outcome<T> {
    /// It was done now. With a key, the answer that was kept.
    Done(T, Option<Zeroizing<Vec<u8>>>),
    /// It had been done before: the answer of that time.
    Before(Zeroizing<Vec<u8>>),
}

impl<A: Act> TenantStore<A> {
    /// The answer that was kept for a request, if there is one. Who asks holds the write lock until it has kept its own: of
    /// two that come at once, the second finds what the first did.
    ///
    /// # Errors
    /// [`Error::IdempotencyKeyReused`] when the key was used for another request.
    pub(super) async fn done_before<T>(
        &self,
        tx: &Tx,
        _lock: &WriteLock,
        once: Option<&Once<T>>,
    ) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let Some(once) = once else { return Ok(None) };
        let mine = idempotency::Entity::find()
            .filter(idempotency::Column::UserId.eq(self.scope.user().0))
            .filter(idempotency::Column::Key.eq(once.key.as_str()));
        let Some(row) = mine.one(tx).await.reading(WHAT)? else { return Ok(None) };
        let inner = &self.store.inner;
        if codec::time(row.created_at) + KEEP <= inner.clock.now() {
            idempotency::Entity::delete_by_id(row.id).exec(tx).await.writing(WHAT)?;
            return Ok(None);
        }
        let mut kept = inner.sealer.unseal(tx, &place("idempotency", "sealed", row.id), &row.sealed).await?;
        if kept.get(..HASH_LEN) != Some(once.request.as_slice()) {
            return Err(Error::IdempotencyKeyReused);
        }
        kept.drain(..HASH_LEN);
        Ok(Some(kept))
    }

    /// Whether a request was done before, told without the lock: what is checked of a new one need not be of that.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn is_done<T>(&self, once: Option<&Once<T>>) -> Result<bool> {
        let Some(once) = once else { return Ok(false) };
        let tx = self.store.system("look for a kept answer").begin_read(WHAT).await?;
        let mine = idempotency::Entity::find()
            .filter(idempotency::Column::UserId.eq(self.scope.user().0))
            .filter(idempotency::Column::Key.eq(once.key.as_str()));
        let row = mine.one(&tx).await.reading(WHAT)?;
        tx.commit().await.reading(WHAT)?;
        Ok(row.is_some_and(|row| codec::time(row.created_at) + KEEP > self.store.inner.clock.now()))
    }

    /// Keeps the answer, in the transaction that did it, where that is asked for. Gives it back.
    pub(super) async fn keep<T>(
        &self,
        tx: &Tx,
        lock: &WriteLock,
        once: Option<&Once<T>>,
        done: &T,
    ) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let Some(once) = once else { return Ok(None) };
        let inner = &self.store.inner;
        let id = IdempotencyId::generate().0;
        let answer = Zeroizing::new((once.answer)(done));
        let mut plain = Zeroizing::new(Vec::with_capacity(HASH_LEN + answer.len()));
        plain.extend_from_slice(&once.request);
        plain.extend_from_slice(&answer);
        let row = idempotency::ActiveModel {
            id: Set(id),
            tenant_id: Set(self.scope.home().0),
            user_id: Set(self.scope.user().0),
            key: Set(once.key.clone()),
            sealed: Set(inner.sealer.seal(tx, lock, &place("idempotency", "sealed", id), &plain).await?),
            created_at: Set(codec::micros(inner.clock.now())),
        };
        idempotency::Entity::insert(row).exec_without_returning(tx).await.writing(WHAT)?;
        Ok(Some(answer))
    }
}

impl SystemStore {
    /// Forgets the answers that were kept long enough. Gives how many.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn idempotency_sweep(&self) -> Result<u64> {
        let until = self.store.inner.clock.now() - KEEP;
        let tx = self.begin_write(WHAT).await?;
        let old = idempotency::Entity::delete_many().filter(idempotency::Column::CreatedAt.lte(codec::micros(until)));
        let dropped = old.exec(&tx).await.writing(WHAT)?.rows_affected;
        tx.commit().await.writing(WHAT)?;
        Ok(dropped)
    }
}
