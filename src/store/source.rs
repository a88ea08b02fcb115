//! What is known of a source besides its objects.

use sea_orm::{ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter};

use super::db::Tx;
use super::entity::source;
use super::error::While;
use super::{Error, Result, SystemStore, codec};
use crate::model::provider::SourceIdentity;
use crate::model::{SourceId, Time};

/// The longest text that is kept for diagnosis, in bytes.
const TEXT_MAX_LEN: usize = 4_096;

/// What is new about a source: what is `None` or `false` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceUpdate {
    /// What it said of itself.
    pub identity: Option<SourceIdentity>,
    /// The platform's position.
    pub cursor: Option<String>,
    /// When everything stored was known to be true.
    pub contact_at: Option<Time>,
    /// It was read completely.
    pub loaded: bool,
}

impl SourceUpdate {
    /// Whether there is nothing new.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl SystemStore {
    /// Notes what is new about a source, without a batch.
    ///
    /// # Errors
    /// [`Error::SourceGone`], or when the database cannot be written.
    pub async fn source_update(&self, id: SourceId, new: &SourceUpdate) -> Result<()> {
        if new.is_empty() {
            return Ok(());
        }
        let tx = self.begin_write(WHAT).await?;
        update(&tx, id, new).await?;
        tx.commit().await.writing(WHAT)
    }
}

const WHAT: &str = "the state of a source";

/// Notes what is new within a transaction.
pub(super) async fn update(tx: &Tx, id: SourceId, new: &SourceUpdate) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let mut row = source::ActiveModel { id: Set(id.0), ..Default::default() };
    if let Some(identity) = &new.identity {
        let text = serde_json::to_string(identity).map_err(|error| DbErr::Json(error.to_string())).writing(WHAT)?;
        row.identity = Set(Some(text));
    }
    if let Some(cursor) = &new.cursor {
        row.cursor = Set(Some(codec::plain_text(cursor, TEXT_MAX_LEN)));
    }
    if let Some(at) = new.contact_at {
        row.last_contact_at = Set(Some(codec::micros(at)));
    }
    if new.loaded {
        row.loaded_once = Set(true);
    }
    // Not by `update`, which would want the row back.
    let result = source::Entity::update_many()
        .set(row)
        .filter(source::Column::Id.eq(id.0))
        .filter(source::Column::Removing.eq(false))
        .exec(tx)
        .await
        .writing(WHAT)?;
    if result.rows_affected == 0 { Err(Error::SourceGone(id)) } else { Ok(()) }
}
