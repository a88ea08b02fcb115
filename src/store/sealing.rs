//! Sealed values in the database, and the data keys that seal them.
//!
//! A value is `data key's id ‖ sealed`; the data keys are in the table `sealing_key`, each wrapped by a master key
//! (`docs/adr/0004-sealed-secrets.md`). The newest data key seals.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait, QueryOrder};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::db::Tx;
use super::entity::{idempotency, provider, sealing_key, setting};
use super::error::While;
use super::keyring::{Key, Keyring, KeyringError};
use super::log::WriteLock;
use super::{Error, Result, SystemStore, codec};
use crate::clock::{Clock, Time};
use crate::model::TokenId;

const UUID_LEN: usize = 16;

/// Seals and opens values.
pub(super) struct Sealer {
    keyring: Keyring,
    /// Unwrapped data keys by their ids. Never more than were made.
    unwrapped: Mutex<HashMap<Uuid, Arc<Key>>>,
}

/// Where a sealed value is kept: a copy of it elsewhere does not open.
pub(super) fn place(table: &str, column: &str, row: impl std::fmt::Display) -> String {
    format!("{table}/{column}/{row}")
}

impl Sealer {
    /// Checks that the keyring opens every data key, and makes the first one in a database that has none.
    pub(super) async fn open(db: &impl ConnectionTrait, mut keyring: Keyring, clock: &Clock) -> Result<Self> {
        let rows = sealing_key::Entity::find().all(db).await.reading("the sealing keys")?;
        if rows.is_empty() {
            // Before the first use, never after: a key that is only in memory must not seal anything.
            keyring.persist()?;
            let sealer = Self { keyring, unwrapped: Mutex::default() };
            sealer.add_key(db, clock.now()).await?;
            return Ok(sealer);
        }
        let sealer = Self { keyring, unwrapped: Mutex::default() };
        for row in rows {
            sealer.unwrap(&row)?;
        }
        Ok(sealer)
    }

    /// Makes a new data key, which seals from now on.
    async fn add_key(&self, db: &impl ConnectionTrait, now: Time) -> Result<(Uuid, Arc<Key>)> {
        // The one generator of ids serves; the row is no token.
        let id = TokenId::generate().0;
        let key = Arc::new(Key::generate());
        let master = self.keyring.newest();
        let row = sealing_key::ActiveModel {
            id: Set(id),
            master_key_id: Set(master.id.clone()),
            wrapped: Set(master.key.seal(&place("sealing_key", "wrapped", id), key.bytes())),
            created_at: Set(codec::micros(now)),
        };
        sealing_key::Entity::insert(row).exec_without_returning(db).await.writing("a sealing key")?;
        self.remember(id, &key);
        Ok((id, key))
    }

    fn remember(&self, id: Uuid, key: &Arc<Key>) {
        self.unwrapped.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(key));
    }

    fn remembered(&self, id: Uuid) -> Option<Arc<Key>> {
        self.unwrapped.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn unwrap(&self, row: &sealing_key::Model) -> Result<Arc<Key>> {
        if let Some(key) = self.remembered(row.id) {
            return Ok(key);
        }
        let place = place("sealing_key", "wrapped", row.id);
        let master = self.keyring.get(&row.master_key_id)?;
        let key = master.key.open(&place, &row.wrapped).and_then(|bytes| Key::from_bytes(&bytes));
        let key = Arc::new(key.ok_or(KeyringError::Damaged { place })?);
        self.remember(row.id, &key);
        Ok(key)
    }

    /// Seals a value within the transaction that keeps it. Who seals holds the write lock, so that no rotation drops the
    /// data key in the meantime.
    pub(super) async fn seal(&self, tx: &Tx, _lock: &WriteLock, place: &str, plain: &[u8]) -> Result<Vec<u8>> {
        let newest = sealing_key::Entity::find()
            .order_by_desc(sealing_key::Column::CreatedAt)
            .order_by_desc(sealing_key::Column::Id)
            .one(tx)
            .await
            .reading("the sealing keys")?;
        let row = newest.ok_or_else(|| codec::damaged("sealing key", "", "there is none"))?;
        let mut sealed = row.id.as_bytes().to_vec();
        sealed.extend(self.unwrap(&row)?.seal(place, plain));
        Ok(sealed)
    }

    /// Opens a value that was sealed for `place`.
    pub(super) async fn unseal(
        &self,
        db: &impl ConnectionTrait,
        place: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        let damaged = || Error::from(KeyringError::Damaged { place: place.to_owned() });
        let (id, sealed) = sealed.split_at_checked(UUID_LEN).ok_or_else(damaged)?;
        let id = Uuid::from_slice(id).map_err(|_| damaged())?;
        let key = match self.remembered(id) {
            Some(key) => key,
            // Another node has rotated since we started.
            None => {
                let row = sealing_key::Entity::find_by_id(id).one(db).await.reading("the sealing keys")?;
                self.unwrap(&row.ok_or_else(damaged)?)?
            }
        };
        key.open(place, sealed).ok_or_else(damaged)
    }
}

impl SystemStore {
    /// Rotates when something is sealed under another master key than the newest: an administrator added one. Gives how
    /// many values were sealed anew; `None` when nothing had to be done.
    ///
    /// # Errors
    /// As [`SystemStore::keys_rotate`].
    pub async fn keys_rotate_if_due(&self) -> Result<Option<u64>> {
        let newest = self.store.inner.sealer.keyring.newest().id.clone();
        let tx = self.begin_read("the sealing keys").await?;
        let keys = sealing_key::Entity::find().all(&tx).await.reading("the sealing keys")?;
        tx.commit().await.reading("the sealing keys")?;
        if keys.iter().all(|key| key.master_key_id == newest) {
            return Ok(None);
        }
        self.keys_rotate().await.map(Some)
    }

    /// Makes a new data key under the newest master key, seals every secret anew with it and drops the older data keys, in
    /// one transaction. Afterwards older master keys may be taken out of the keyring. Gives how many values were sealed.
    ///
    /// # Errors
    /// When a value does not open, or the database cannot be written. Then everything is as it was.
    pub async fn keys_rotate(&self) -> Result<u64> {
        let inner = &self.store.inner;
        let sealer = &inner.sealer;
        let tx = self.begin_write("the sealing keys").await?;
        // Who seals, edits or removes has the same lock: nothing that is read here changes before it is written.
        let _lock = WriteLock::take(&tx).await?;
        let old = sealing_key::Entity::find().all(&tx).await.reading("the sealing keys")?;
        let (new_id, new_key) = sealer.add_key(&tx, inner.clock.now()).await?;
        let seal = |place: &str, plain: &[u8]| {
            let mut sealed = new_id.as_bytes().to_vec();
            sealed.extend(new_key.seal(place, plain));
            sealed
        };
        let mut count = 0;
        for row in provider::Entity::find().all(&tx).await.reading("the providers")? {
            let Some(secret) = &row.secret else { continue };
            let place = place("provider", "secret", row.id);
            let plain = sealer.unseal(&tx, &place, secret).await?;
            let secret = Set(Some(seal(&place, &plain)));
            let update = provider::ActiveModel { id: Set(row.id), secret, ..Default::default() };
            provider::Entity::update(update).exec(&tx).await.writing("a provider's secret")?;
            count += 1;
        }
        for row in setting::Entity::find().all(&tx).await.reading("the settings")? {
            let Some(value) = &row.sealed else { continue };
            let place = place("setting", "sealed", &row.name);
            let plain = sealer.unseal(&tx, &place, value).await?;
            let sealed = Set(Some(seal(&place, &plain)));
            let update = setting::ActiveModel { name: Set(row.name), sealed, ..Default::default() };
            setting::Entity::update(update).exec(&tx).await.writing("a setting")?;
            count += 1;
        }
        for row in idempotency::Entity::find().all(&tx).await.reading("kept answers")? {
            let place = place("idempotency", "sealed", row.id);
            let plain = sealer.unseal(&tx, &place, &row.sealed).await?;
            let sealed = Set(seal(&place, &plain));
            let update = idempotency::ActiveModel { id: Set(row.id), sealed, ..Default::default() };
            idempotency::Entity::update(update).exec(&tx).await.writing("a kept answer")?;
            count += 1;
        }
        for row in old {
            sealing_key::Entity::delete_by_id(row.id).exec(&tx).await.writing("the sealing keys")?;
        }
        tx.commit().await.writing("the sealing keys")?;
        Ok(count)
    }
}
