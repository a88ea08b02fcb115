//! One gateway writes. Each that opens the database takes the next number; a transaction that takes the write lock checks
//! that its number is still the newest. So an older gateway that another was started beside cannot write any more, whether
//! it hung, was cut off, or was forgotten on another machine, and nobody has to wait until a lease runs out.
//!
//! On SQLite the hold on the file keeps a second gateway away before this does.

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait};
use tokio_util::sync::CancellationToken;

use super::db::Tx;
use super::entity::counter;
use super::error::While;
use super::log::WriteLock;
use super::{Error, Result};

const GATEWAY: &str = "gateway";

/// This gateway's number among those that opened the database.
pub(super) struct Fence {
    number: i64,
    /// Cancelled when a newer gateway was seen.
    lost: CancellationToken,
}

impl Fence {
    /// Takes the next number, within the transaction that opens the database. What another gateway writes at this moment is
    /// waited for: afterwards none but this one writes.
    pub(super) async fn take(tx: &impl ConnectionTrait) -> std::result::Result<Self, DbErr> {
        let first = counter::ActiveModel { name: Set(GATEWAY.to_owned()), value: Set(0) };
        let unless_there = OnConflict::new().do_nothing().to_owned();
        counter::Entity::insert(first).on_conflict(unless_there).exec_without_returning(tx).await?;
        WriteLock::wait(tx).await?;
        let row = counter::Entity::find_by_id(GATEWAY).one(tx).await?;
        let number = row.ok_or_else(|| DbErr::RecordNotFound(format!("the counter {GATEWAY}")))?.value + 1;
        let next = counter::ActiveModel { name: Set(GATEWAY.to_owned()), value: Set(number) };
        counter::Entity::update(next).exec(tx).await?;
        Ok(Self { number, lost: CancellationToken::new() })
    }

    /// Fails when a newer gateway has opened the database.
    pub(super) async fn check(&self, tx: &Tx) -> Result<()> {
        let row = counter::Entity::find_by_id(GATEWAY).one(tx).await.writing("the change log")?;
        if row.is_some_and(|row| row.value == self.number) {
            return Ok(());
        }
        self.lost.cancel();
        Err(Error::TakenOver)
    }

    /// Ends when a newer gateway was seen.
    pub(super) fn lost(&self) -> CancellationToken {
        self.lost.clone()
    }
}
