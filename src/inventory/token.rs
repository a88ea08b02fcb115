//! Page tokens: where a page ended, authenticated and bound to the query and the scope that they were made for.
//!
//! A token says nothing about what its maker may see: it is checked against the scope of whoever hands it in.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use uuid::Uuid;

use super::query::{Position, Query, QueryError};
use crate::authz::{InventoryRead, TenantScope};
use crate::model::{FieldType, ObjectId, Value};

/// Separates these authentications from any other use of the key.
const PURPOSE: &[u8] = b"spandrel page token 1\n";
/// The same for tokens of lists that are not of the inventory.
const PLACE_PURPOSE: &[u8] = b"spandrel place token 1\n";
const TAG_LEN: usize = 32;

/// The key that authenticates page tokens. All nodes of one gateway share it, so that a page can be asked of another.
#[derive(Clone)]
pub struct TokenKey(hmac::Key);

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(…)")
    }
}

impl TokenKey {
    /// The key of these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
    }

    /// The token of a place in a list that the inventory does not hold. `list` says which list, with its filters, for whom.
    pub(super) fn seal_place(&self, list: &str, place: &[u8]) -> String {
        let tag = hmac::sign(&self.0, &bound_to(PLACE_PURPOSE, list, place));
        URL_SAFE_NO_PAD.encode([place, tag.as_ref()].concat())
    }

    /// The place of a token.
    ///
    /// # Errors
    /// [`QueryError::InvalidPageToken`] when it was not made with this key for this list.
    pub(super) fn open_place(&self, list: &str, token: &str) -> Result<Vec<u8>, QueryError> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| QueryError::InvalidPageToken)?;
        let (place, tag) = bytes.split_last_chunk::<TAG_LEN>().ok_or(QueryError::InvalidPageToken)?;
        let verified = hmac::verify(&self.0, &bound_to(PLACE_PURPOSE, list, place), tag);
        verified.map(|()| place.to_vec()).map_err(|_| QueryError::InvalidPageToken)
    }

    /// The token of a position.
    pub(super) fn seal(&self, position: &Position, query: &Query, scope: &TenantScope<InventoryRead>) -> String {
        let mut text = Vec::with_capacity(64 + TAG_LEN);
        for value in &position.values {
            write_value(value, &mut text);
        }
        text.extend_from_slice(position.id.0.as_bytes());
        let tag = hmac::sign(&self.0, &bound(query, scope, &text));
        text.extend_from_slice(tag.as_ref());
        URL_SAFE_NO_PAD.encode(text)
    }

    /// The position of a token.
    ///
    /// # Errors
    /// [`QueryError::InvalidPageToken`] when it was not made with this key for this query and scope.
    pub(super) fn open(
        &self,
        token: &str,
        query: &Query,
        scope: &TenantScope<InventoryRead>,
    ) -> Result<Position, QueryError> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| QueryError::InvalidPageToken)?;
        let (text, tag) = bytes.split_last_chunk::<TAG_LEN>().ok_or(QueryError::InvalidPageToken)?;
        hmac::verify(&self.0, &bound(query, scope, text), tag).map_err(|_| QueryError::InvalidPageToken)?;
        read_position(text, query).ok_or(QueryError::InvalidPageToken)
    }
}

fn bound(query: &Query, scope: &TenantScope<InventoryRead>, text: &[u8]) -> Vec<u8> {
    bound_to(PURPOSE, &query.canonical(scope), text)
}

fn bound_to(purpose: &[u8], list: &str, text: &[u8]) -> Vec<u8> {
    // The length keeps the two parts apart.
    [purpose, &(list.len() as u64).to_be_bytes(), list.as_bytes(), text].concat()
}

fn write_value(value: &Value, out: &mut Vec<u8>) {
    let mut text = |tag: u8, bytes: &[u8]| {
        out.push(tag);
        out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(bytes);
    };
    match value {
        // A list cannot be sorted by.
        Value::Null | Value::List(_) => out.push(0),
        Value::Bool(value) => out.extend_from_slice(&[1, u8::from(*value)]),
        Value::Int(value) => {
            out.push(2);
            out.extend_from_slice(&value.to_be_bytes());
        }
        Value::Word(word) => text(3, word.as_bytes()),
        Value::Text(value) => text(4, value.as_bytes()),
        Value::Id(id) => {
            out.push(5);
            out.extend_from_slice(id.as_bytes());
        }
        Value::Time(time) => {
            out.push(6);
            out.extend_from_slice(&time.timestamp().to_be_bytes());
            out.extend_from_slice(&time.timestamp_subsec_nanos().to_be_bytes());
        }
    }
}

fn read_position(mut text: &[u8], query: &Query) -> Option<Position> {
    let mut values = Vec::new();
    for key in query.sort().keys() {
        values.push(read_value(&mut text, key.field_type)?);
    }
    let id = ObjectId(Uuid::from_slice(text).ok()?);
    Some(Position { values, id })
}

fn read_value(text: &mut &[u8], field_type: FieldType) -> Option<Value> {
    match take::<1>(text)? {
        [0] => Some(Value::Null),
        [1] => take::<1>(text).map(|[value]| Value::Bool(value != 0)),
        [2] => take::<8>(text).map(|bytes| Value::Int(i64::from_be_bytes(bytes))),
        [3] => {
            let word = read_text(text)?;
            let FieldType::Word(words) = field_type else { return None };
            words.iter().find(|known| **known == word).map(|word| Value::Word(word))
        }
        [4] => read_text(text).map(|value| Value::Text(value.into())),
        [5] => take::<16>(text).map(|bytes| Value::Id(Uuid::from_bytes(bytes))),
        [6] => {
            let seconds = i64::from_be_bytes(take::<8>(text)?);
            let nanos = u32::from_be_bytes(take::<4>(text)?);
            DateTime::from_timestamp(seconds, nanos).map(Value::Time)
        }
        _ => None,
    }
}

fn read_text<'a>(text: &mut &'a [u8]) -> Option<&'a str> {
    let len = u32::from_be_bytes(take::<4>(text)?) as usize;
    let (bytes, rest) = text.split_at_checked(len)?;
    *text = rest;
    std::str::from_utf8(bytes).ok()
}

fn take<const N: usize>(text: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, rest) = text.split_first_chunk::<N>()?;
    *text = rest;
    Some(*bytes)
}
