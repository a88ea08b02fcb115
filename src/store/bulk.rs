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

/// `?`, or `$number`, counted from 1.
pub(super) fn placeholder(sql: &mut String, tx: &Tx, number: usize) {
    if tx.is_sqlite() {
        sql.push('?');
    } else {
        // Writing to a string does not fail.
        let _ = write!(sql, "${number}");
    }
}

/// `(?, ?), (?, ?)` or `($1, $2), ($3, $4)`.
fn placeholders(sql: &mut String, tx: &Tx, rows: usize, columns: usize) {
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            if column > 0 {
                sql.push_str(", ");
            }
            placeholder(sql, tx, row * columns + column + 1);
        }
        sql.push(')');
    }
}

fn insert_statement(tx: &Tx, head: &str, columns: usize, tail: &str, values: Vec<Value>) -> Statement {
    let mut sql = String::with_capacity(head.len() + tail.len() + values.len() * 8);
    sql.push_str(head);
    sql.push_str(" VALUES ");
    placeholders(&mut sql, tx, values.len() / columns, columns);
    sql.push(' ');
    sql.push_str(tail);
    Statement::from_sql_and_values(tx.get_database_backend(), sql, values)
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

/// `head IN (…) tail` for any number of values. `head` may bind values of its own before them.
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
        let mut bound = first.clone();
        let mut sql = format!("{head} IN (");
        for index in 0..len {
            if index > 0 {
                sql.push_str(", ");
            }
            placeholder(&mut sql, tx, bound.len() + index + 1);
        }
        sql.push_str(") ");
        sql.push_str(tail);
        bound.extend(values.by_ref().take(len));
        let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, bound);
        found.extend(tx.query_all_raw(statement).await?);
        left -= len;
    }
    Ok(found)
}
