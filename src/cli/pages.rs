//! Lists of any length, page by page.

use clap::Args;
use serde_json::Value;

use super::client::Client;
use super::failure::Failure;
use super::names::{collection, items, pair};
use crate::model::Kind;

/// The most that one page holds.
pub(crate) const PAGE_LIMIT: usize = 1000;

/// How many of what is kept of the past.
#[derive(Args, Clone, Debug)]
pub(crate) struct Newest {
    /// The newest so many.
    #[arg(long, short, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
    /// All that are kept.
    #[arg(long, short, conflicts_with = "limit")]
    all: bool,
}

impl Newest {
    /// What is said when not all are shown.
    pub(crate) const OLDER: &str = "There are older ones. --all shows all that are kept, --limit N more.";

    /// How many; `None` for all.
    pub(crate) fn limit(&self) -> Option<usize> {
        (!self.all).then_some(usize::from(self.limit))
    }
}

/// Objects of one kind.
#[derive(Debug)]
pub(crate) struct Listing {
    /// The objects, in the order asked for.
    pub(crate) items: Vec<Value>,
    /// The revision of the *first* page: a watch from it misses nothing of what changed while the others were read.
    pub(crate) revision: Option<String>,
    /// Whether there are more than were asked for.
    pub(crate) more: bool,
}

/// Reads up to `limit` objects, or all of them.
pub(crate) async fn fetch(
    client: &Client,
    kind: Kind,
    query: &[(String, String)],
    limit: Option<usize>,
) -> Result<Listing, Failure> {
    fetch_at(client, &collection(kind), query, limit).await
}

/// The same of any list that has pages.
pub(crate) async fn fetch_at(
    client: &Client,
    path: &str,
    query: &[(String, String)],
    limit: Option<usize>,
) -> Result<Listing, Failure> {
    let mut listing = Listing { items: Vec::new(), revision: None, more: false };
    let mut page_token: Option<String> = None;
    loop {
        let wanted = limit.map_or(PAGE_LIMIT, |limit| (limit - listing.items.len()).min(PAGE_LIMIT));
        let mut page = query.to_vec();
        page.push(pair("limit", wanted.to_string()));
        page.extend(page_token.take().map(|token| pair("page_token", token)));
        let body = client.get(path, &page).await?.body;
        if listing.revision.is_none() {
            listing.revision = revision(&body["revision"]);
        }
        listing.items.extend_from_slice(items(&body));
        page_token = body["next_page_token"].as_str().map(str::to_owned);
        let full = limit.is_some_and(|limit| listing.items.len() >= limit);
        if page_token.is_none() || full {
            listing.more = page_token.is_some();
            return Ok(listing);
        }
    }
}

/// A revision as the API writes it: a text, or a number.
pub(crate) fn revision(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
