//! Lists of what is held in memory: in the order of their names, page by page.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::super::history::{StoredPage, parameters, wrong};
use super::super::objects::{Pairs, invalid};
use super::super::{App, Result, Session};
use crate::inventory::{QueryError, read_limit};
use crate::model::TenantId;

/// The parameters that lists of what has a name have.
pub(super) const NAMED: &[&str] = &["limit", "page_token", "q", "tenant_id"];

/// What a list asks for besides its page.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// Only what has this in its name, without regard to case.
    words: Option<String>,
    /// Only what has these ids, by parameter.
    ids: BTreeMap<&'static str, Uuid>,
}

impl Asked {
    /// Whether something of this name and tenant is asked for.
    pub(super) fn wants(&self, name: &str, tenant: Option<TenantId>) -> bool {
        self.words.as_ref().is_none_or(|words| name.to_lowercase().contains(words))
            && self.wants_id("tenant_id", tenant.map(|tenant| tenant.0))
    }

    /// Whether something with this id is asked for by a parameter.
    pub(super) fn wants_id(&self, parameter: &str, id: Option<Uuid>) -> bool {
        self.ids.get(parameter).is_none_or(|wanted| id == Some(*wanted))
    }
}

impl App {
    /// One page of the rows that `rows` gives for what is asked; each with its name and id, by which they are ordered.
    pub(super) fn access_page<T>(
        &self,
        session: &Session,
        list: &str,
        pairs: &Pairs,
        allowed: &'static [&'static str],
        rows: impl FnOnce(&Asked) -> Vec<((String, Uuid), T)>,
    ) -> Result<StoredPage<T>> {
        let parameters = parameters(pairs, allowed).map_err(invalid)?;
        let limit = read_limit(parameters.get("limit").copied()).map_err(invalid)?;
        let mut asked = Asked { words: parameters.get("q").map(|text| text.to_lowercase()), ids: BTreeMap::new() };
        for (name, text) in parameters.iter().filter(|(name, _)| name.ends_with("_id")) {
            let id = text.parse().map_err(|_| invalid(wrong(name, "a UUID", Vec::new())))?;
            asked.ids.insert(name, id);
        }
        let list = format!("{list}\n{}\n{asked:?}", session.principal.user_id);
        let place = parameters.get("page_token").map(|token| self.inventory().place_of(&list, token)).transpose();
        let place = place.and_then(|place| place.map(|place| read_place(&place)).transpose()).map_err(invalid)?;
        let mut rows = rows(&asked);
        rows.iter_mut().for_each(|((name, _), _)| *name = name.to_lowercase());
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        if let Some(place) = place {
            rows.retain(|(key, _)| *key > place);
        }
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more);
        let next_page_token = last.map(|((name, id), _)| {
            let place = [id.as_bytes().as_slice(), name.as_bytes()].concat();
            self.inventory().place_token(&list, &place)
        });
        Ok(StoredPage { items: rows.into_iter().map(|(_, row)| row).collect(), next_page_token })
    }
}

fn read_place(place: &[u8]) -> std::result::Result<(String, Uuid), QueryError> {
    let (id, name) = place.split_first_chunk::<16>().ok_or(QueryError::InvalidPageToken)?;
    let name = std::str::from_utf8(name).map_err(|_| QueryError::InvalidPageToken)?;
    Ok((name.to_owned(), Uuid::from_bytes(*id)))
}
