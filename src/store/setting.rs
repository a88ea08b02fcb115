//! Values of the gateway itself that are made once and kept, sealed: keys for page tokens and the like.

use sea_orm::{ActiveValue::Set, EntityTrait};
use zeroize::Zeroizing;

use super::db::Tx;
use super::entity::setting;
use super::error::While;
use super::log::WriteLock;
use super::sealing::place;
use super::{Result, SystemStore, codec};

const WHAT: &str = "a setting";

impl SystemStore {
    /// The secret of this name. When there is none, `make` makes it; of several that try at once one wins, and all get that.
    ///
    /// # Errors
    /// When the database cannot be read or written, or the value cannot be opened.
    pub async fn secret_setting(
        &self,
        name: &str,
        make: impl FnOnce() -> Zeroizing<Vec<u8>> + Send,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let tx = self.begin_read(WHAT).await?;
        let found = self.open_setting(&tx, name).await?;
        tx.commit().await.reading(WHAT)?;
        if let Some(value) = found {
            return Ok(value);
        }
        let tx = self.begin_write(WHAT).await?;
        let lock = WriteLock::take(&tx).await?;
        if let Some(value) = self.open_setting(&tx, name).await? {
            return Ok(value);
        }
        let inner = &self.store.inner;
        let value = make();
        let sealed = inner.sealer.seal(&tx, &lock, &place("setting", "sealed", name), &value).await?;
        let row = setting::ActiveModel {
            name: Set(name.to_owned()),
            value: Set(None),
            sealed: Set(Some(sealed)),
            changed_at: Set(codec::micros(inner.clock.now())),
        };
        setting::Entity::insert(row).exec_without_returning(&tx).await.writing(WHAT)?;
        tx.commit().await.writing(WHAT)?;
        Ok(value)
    }

    async fn open_setting(&self, tx: &Tx, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let row = setting::Entity::find_by_id(name).one(tx).await.reading(WHAT)?;
        let Some(sealed) = row.and_then(|row| row.sealed) else { return Ok(None) };
        self.store.inner.sealer.unseal(tx, &place("setting", "sealed", name), &sealed).await.map(Some)
    }
}
