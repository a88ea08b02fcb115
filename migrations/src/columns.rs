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
        required(name, if self.sqlite { ColumnDef::blob } else { ColumnDef::uuid })
    }

    /// An id that may be absent.
    pub(crate) fn id_null(self, name: &'static str) -> ColumnDef {
        optional(name, if self.sqlite { ColumnDef::blob } else { ColumnDef::uuid })
    }

    /// A text of any length.
    pub(crate) fn text(self, name: &'static str) -> ColumnDef {
        required(name, ColumnDef::text)
    }

    /// A text that may be absent.
    pub(crate) fn text_null(self, name: &'static str) -> ColumnDef {
        optional(name, ColumnDef::text)
    }

    /// Bytes.
    pub(crate) fn bytes(self, name: &'static str) -> ColumnDef {
        required(name, ColumnDef::blob)
    }

    /// Bytes that may be absent.
    pub(crate) fn bytes_null(self, name: &'static str) -> ColumnDef {
        optional(name, ColumnDef::blob)
    }

    /// A 64-bit number, or a time.
    pub(crate) fn number(self, name: &'static str) -> ColumnDef {
        required(name, ColumnDef::big_integer)
    }

    /// A 64-bit number, or a time, that may be absent.
    pub(crate) fn number_null(self, name: &'static str) -> ColumnDef {
        optional(name, ColumnDef::big_integer)
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
        required(name, ColumnDef::boolean)
    }
}

type Typed = fn(&mut ColumnDef) -> &mut ColumnDef;

fn required(name: &'static str, typed: Typed) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    typed(&mut column).not_null();
    column
}

fn optional(name: &'static str, typed: Typed) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    typed(&mut column).null();
    column
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
