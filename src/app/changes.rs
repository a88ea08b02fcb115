//! What changed in an object, and when.

use super::history::{StoredPage, parameters};
use super::objects::{Pairs, invalid};
use super::{App, Error, Result, Session};
use crate::authz::{InventoryRead, TenantScope};
use crate::inventory::{Found, QueryError, read_limit};
use crate::model::{FieldChange, Kind, ObjectId, Revision, Time};
use crate::store::{ObjectChange, ObjectChangeOp};

/// What happened to an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// When it was committed.
    pub at: Time,
    /// The revision of the change, where it is known.
    pub revision: Option<Revision>,
    /// What happened.
    pub what: Happened,
}

/// See [`Change`].
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// The gateway saw it for the first time.
    Created,
    /// These fields changed; `None` when it is not known which.
    Changed(Option<Vec<FieldChange>>),
    /// It was gone from its platform.
    Deleted,
}

/// Where a page ended: before which change, and whether it was told when the object appeared.
#[derive(Clone, Copy, Default)]
struct Place {
    before: Option<Revision>,
    created: bool,
}

impl App {
    /// A page of the changes of an object, newest first; also of one that is gone, as long as they are kept.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Unavailable`] while loading, or an internal one.
    pub async fn object_changes(
        &self,
        session: &Session,
        kind: Kind,
        id: ObjectId,
        pairs: &Pairs,
    ) -> Result<StoredPage<Change>> {
        let scope = self.reader(session)?;
        let parameters = parameters(pairs, &["limit", "page_token"]).map_err(invalid)?;
        let limit = read_limit(parameters.get("limit").copied()).map_err(invalid)?;
        let list = list_name(&scope, kind, id);
        let place = parameters.get("page_token").map(|token| self.inventory().place_of(&list, token)).transpose();
        let place = place.and_then(|place| place.map(|place| read_place(&place)).transpose()).map_err(invalid)?;
        let from = place.unwrap_or_default();
        // One more than asked for tells whether there is another page.
        let store = match self.inventory().snapshot().owner(kind, id) {
            // It may be of another tenant, and given by itself.
            Some(owner) if scope.sees(owner, id) => self.store().tenant(&scope.with_tenant(owner.tenant_id)),
            _ => self.store().tenant(&scope),
        };
        let rows = store.object_changes(kind, id, from.before, limit as u64 + 1).await?;
        let found = self.inventory().get(&scope, kind, id);
        if found.is_none() && rows.is_empty() && place.is_none() {
            return Err(Error::not_found(kind.as_str(), id));
        }
        let appeared = found.as_ref().filter(|_| !from.created);
        let whole = rows.len() <= limit;
        let mut items = with_creation(rows, appeared, whole);
        let more = !whole || items.len() > limit;
        items.truncate(limit);
        let next = Place {
            before: items.iter().rev().find_map(|change| change.revision).or(from.before),
            created: from.created || items.iter().any(|change| change.what == Happened::Created),
        };
        let next_page_token = more.then(|| self.inventory().place_token(&list, &write_place(next)));
        Ok(StoredPage { items, next_page_token })
    }
}

/// Puts in when the object appeared: before all changes since then, after those of an earlier life of the same id.
/// `whole` says whether there are no rows after these.
fn with_creation(rows: Vec<ObjectChange>, appeared: Option<&Found>, whole: bool) -> Vec<Change> {
    let unchanged = rows.is_empty();
    let mut creation =
        appeared.map(|found| Change { at: found.entry().first_seen_at(), revision: None, what: Happened::Created });
    let mut items = Vec::with_capacity(rows.len() + 1);
    for row in rows {
        let earlier = |created: &mut Change| row.op == ObjectChangeOp::Deleted || row.at < created.at;
        items.extend(creation.take_if(earlier));
        let what = match row.op {
            ObjectChangeOp::Changed(fields) => Happened::Changed(fields),
            ObjectChangeOp::Deleted => Happened::Deleted,
        };
        items.push(Change { at: row.at, revision: Some(row.revision), what });
    }
    if whole && let Some(mut creation) = creation {
        let never_changed = appeared.filter(|found| found.entry().changed_at() == creation.at && unchanged);
        creation.revision = never_changed.map(|found| found.entry().revision());
        items.push(creation);
    }
    items
}

/// All that decides what is in the list, and for whom: page tokens are bound to it.
fn list_name(scope: &TenantScope<InventoryRead>, kind: Kind, id: ObjectId) -> String {
    let viewer = scope.viewer();
    format!("changes\n{viewer}\n{kind}\n{id}")
}

fn write_place(place: Place) -> Vec<u8> {
    let mut bytes = vec![u8::from(place.created)];
    bytes.extend(place.before.iter().flat_map(|revision| revision.0.to_be_bytes()));
    bytes
}

fn read_place(bytes: &[u8]) -> std::result::Result<Place, QueryError> {
    match bytes.split_first() {
        Some((created, [])) => Ok(Place { before: None, created: *created != 0 }),
        Some((created, rest)) => {
            let revision = <[u8; 8]>::try_from(rest).map_err(|_| QueryError::InvalidPageToken)?;
            Ok(Place { before: Some(Revision(u64::from_be_bytes(revision))), created: *created != 0 })
        }
        None => Err(QueryError::InvalidPageToken),
    }
}
