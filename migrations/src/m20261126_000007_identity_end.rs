//! When the object of an identity was last deleted: an identity ends some time after its object.

use sea_orm_migration::prelude::*;

use crate::columns::Columns;

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let column = Columns::of(manager).number_null("deleted_at");
    manager.alter_table(Table::alter().table("identity").add_column(column).to_owned()).await
}
