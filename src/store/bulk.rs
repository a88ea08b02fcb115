//! Statements over many rows, cut by the number of values that a statement may bind.
//!
//! The text is made here and not by SeaORM's builder, which takes longer over 20,000 rows than the database does. On SQLite
//! the rows are cut to a few fixed numbers, so that the same few texts are prepared once and kept.

use std::fmt::Write;

use sea_orm::{ConnectionTrait, DbErr, ExecResult, QueryResult, Statement, Value};

use super::db::Tx;

/// PostgreSQL binds 65,535 values at most, SQLite 32,766; the widest table has 13 columns.
const POSTGRES_ROWS: usize = 2_000;
const SQLITE_ROWS: [usize; 4] = [256, 32, 4, 1];

/// How many of `left` rows the next statement takes.
pub(super) fn chunk_len(tx: &Tx, left: usize) -> usize {
    if tx.is_sqlite() {
        SQLITE_ROWS.into_iter().find(|rows| *rows <= left).unwrap_or(0)
    } else {
        POSTGRES_ROWS.min(left)
    }
}

/// A statement whose text has a `?` in the place of each value. PostgreSQL wants them numbered.
pub(super) fn statement(tx: &Tx, text: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    let mut sql = String::with_capacity(text.len() * 2);
    let mut parts = text.split('?');
    sql.push_str(parts.next().unwrap_or_default());
    for (number, part) in (1..).zip(parts) {
        if tx.is_sqlite() {
            sql.push('?');
        } else {
            // Writing to a string does not fail.
            let _ = write!(sql, "${number}");
        }
        sql.push_str(part);
    }
    Statement::from_sql_and_values(tx.get_database_backend(), sql, values)
}

/// `?, ?, ?`.
fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

fn insert_statement(tx: &Tx, head: &str, columns: usize, tail: &str, values: Vec<Value>) -> Statement {
    let row = format!("({})", marks(columns));
    let rows = vec![row.as_str(); values.len() / columns].join(", ");
    statement(tx, &format!("{head} VALUES {rows} {tail}"), values)
}

/// `head VALUES (…), (…) tail` for the rows in `values`, whose number must come from [`chunk_len`].
pub(super) async fn insert_returning(
    tx: &Tx,
    head: &str,
    columns: usize,
    tail: &str,
    values: Vec<Value>,
) -> Result<Vec<QueryResult>, DbErr> {
    tx.query_all_raw(insert_statement(tx, head, columns, tail, values)).await
}

/// The same for any number of rows, without an answer. Gives how many were written.
pub(super) async fn insert<const COLUMNS: usize>(
    tx: &Tx,
    head: &str,
    tail: &str,
    rows: impl IntoIterator<Item = [Value; COLUMNS]>,
) -> Result<u64, DbErr> {
    let rows: Vec<_> = rows.into_iter().collect();
    let mut left = rows.len();
    let mut rows = rows.into_iter();
    let mut written = 0;
    while left > 0 {
        let len = chunk_len(tx, left);
        let values = rows.by_ref().take(len).flatten().collect();
        let result: ExecResult = tx.execute_raw(insert_statement(tx, head, COLUMNS, tail, values)).await?;
        written += result.rows_affected();
        left -= len;
    }
    Ok(written)
}

/// `head IN (…) tail` for any number of values. `head` may have a `?` for each value in `first`.
pub(super) async fn query_in(
    tx: &Tx,
    head: &str,
    first: impl IntoIterator<Item = Value>,
    tail: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<QueryResult>, DbErr> {
    let first: Vec<_> = first.into_iter().collect();
    let values: Vec<_> = values.into_iter().collect();
    let mut left = values.len();
    let mut values = values.into_iter();
    let mut found = Vec::new();
    while left > 0 {
        let len = chunk_len(tx, left);
        let bound = first.iter().cloned().chain(values.by_ref().take(len));
        let text = format!("{head} IN ({}) {tail}", marks(len));
        found.extend(tx.query_all_raw(statement(tx, &text, bound)).await?);
        left -= len;
    }
    Ok(found)
}
