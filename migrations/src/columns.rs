//! The few types of columns that all tables are made of.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// Builds columns for one of the two databases.
#[derive(Clone, Copy)]
pub(crate) struct Columns {
    sqlite: bool,
}

impl Columns {
    pub(crate) fn of(manager: &SchemaManager<'_>) -> Self {
        Self { sqlite: manager.get_database_backend() == DbBackend::Sqlite }
    }

    /// An id: `uuid`, or 16 bytes.
    pub(crate) fn id(self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        if self.sqlite {
            column.blob()
        } else {
            column.uuid()
        };
        column.not_null();
        column
    }

    /// A text of any length.
    pub(crate) fn text(self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        column.text().not_null();
        column
    }

    /// A text that may be absent.
    pub(crate) fn text_null(self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        column.text().null();
        column
    }

    /// Bytes.
    pub(crate) fn bytes(self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        column.blob().not_null();
        column
    }

    /// Bytes that may be absent.
    pub(crate) fn bytes_null(self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        column.blob().null();
        column
    }

    /// A 64-bit number, or a time.
    pub(crate) fn number(self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        column.big_integer().not_null();
        column
    }

    /// A 64-bit number, or a time, that may be absent.
    pub(crate) fn number_null(self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        column.big_integer().null();
        column
    }

    /// A 64-bit number that is the table's key. On SQLite only the exact word `integer` makes it the row's own number.
    pub(crate) fn number_key(self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        if self.sqlite {
            column.custom("integer")
        } else {
            column.big_integer()
        };
        column.not_null().primary_key();
        column
    }

    /// Yes or no.
    pub(crate) fn flag(self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        column.boolean().not_null();
        column
    }
}

/// An index over `columns`.
pub(crate) fn index(
    name: &'static str,
    table: &'static str,
    columns: &[&'static str],
    unique: bool,
) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(table);
    for column in columns {
        index.col(*column);
    }
    if unique {
        index.unique();
    }
    index
}

/// A reference to the `id` of another table.
pub(crate) fn reference(table: &'static str, column: &'static str, to: &'static str) -> ForeignKeyCreateStatement {
    let mut key = ForeignKey::create();
    key.from(table, column).to(to, "id");
    key
}
