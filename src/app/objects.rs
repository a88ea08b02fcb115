//! Reading the inventory, for every kind alike. Nothing here touches the database.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::{App, Error, Invalid, Result, Session, Subject};
use crate::authz::{InventoryRead, TenantScope};
use crate::inventory::{Query, QueryError, SearchQuery, SummaryQuery};
use crate::model::{Kind, ObjectId, Revision};

/// The parameters of a read: names and values, decoded.
pub type Pairs = [(String, String)];

/// An answer that is ready to be sent.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The JSON.
    pub json: Bytes,
    /// The strong entity tag, with its quotes, where there is one.
    pub etag: Option<String>,
}

/// Whether the gateway can be asked, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The inventory holds what is stored.
    pub inventory: bool,
    /// The database answers and can be written.
    pub database: bool,
}

impl Ready {
    /// Whether all is well.
    #[must_use]
    pub const fn is_ready(self) -> bool {
        self.inventory && self.database
    }
}

impl App {
    /// Whether the gateway can be asked.
    pub async fn ready(&self) -> Ready {
        let ping = tokio::time::timeout(Duration::from_secs(2), self.store().ping()).await;
        Ready { inventory: self.inventory().is_loaded(), database: matches!(ping, Ok(Ok(()))) }
    }

    /// One object.
    ///
    /// # Errors
    /// [`Error::NotFound`], also when the object is of another kind; [`Error::Unavailable`] while loading.
    pub fn object(&self, session: &Session, kind: Kind, id: ObjectId) -> Result<Answer> {
        let scope = self.reader(session)?;
        let found = self.inventory().get(&scope, kind, id).ok_or_else(|| Error::not_found(kind.as_str(), id))?;
        Ok(Answer { json: found.json(), etag: Some(found.etag()) })
    }

    /// A page of objects.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a query that cannot be answered; [`Error::Unavailable`] while loading, or when the asked
    /// revision is not there in time.
    pub async fn objects(&self, session: &Session, kind: Kind, pairs: &Pairs) -> Result<Answer> {
        let scope = self.reader(session)?;
        let query = Query::parse(kind, pairs).map_err(invalid)?;
        self.reach(query.min_revision()).await?;
        let page = self.inventory().list(&scope, &query).map_err(invalid)?;
        Ok(Answer { json: page.json(), etag: None })
    }

    /// How many objects there are.
    ///
    /// # Errors
    /// As [`App::objects`].
    pub async fn object_count(&self, session: &Session, kind: Kind, pairs: &Pairs) -> Result<Answer> {
        let scope = self.reader(session)?;
        let query = Query::parse_count(kind, pairs).map_err(invalid)?;
        self.reach(query.min_revision()).await?;
        Ok(Answer { json: self.inventory().count(&scope, &query).json(), etag: None })
    }

    /// Counts and sums by group.
    ///
    /// # Errors
    /// As [`App::objects`].
    pub async fn object_summary(&self, session: &Session, kind: Kind, pairs: &Pairs) -> Result<Answer> {
        let scope = self.reader(session)?;
        let query = SummaryQuery::parse(kind, pairs).map_err(invalid)?;
        self.reach(query.min_revision()).await?;
        let summary = self.inventory().summary(&scope, &query).map_err(invalid)?;
        Ok(Answer { json: summary.json(), etag: None })
    }

    /// Full-text search over all kinds.
    ///
    /// # Errors
    /// As [`App::objects`].
    pub async fn search(&self, session: &Session, pairs: &Pairs) -> Result<Answer> {
        let scope = self.reader(session)?;
        let query = SearchQuery::parse(pairs).map_err(invalid)?;
        self.reach(query.min_revision()).await?;
        Ok(Answer { json: self.inventory().search(&scope, &query).json(), etag: None })
    }

    /// The scope of a reader, once there is something to read.
    pub(super) fn reader(&self, session: &Session) -> Result<TenantScope<InventoryRead>> {
        let scope = self.scope::<InventoryRead>(session);
        if !self.inventory().is_loaded() {
            let message = "The inventory is still being loaded from the database.";
            return Err(Error::Unavailable { message, retry_after: Duration::from_secs(1) });
        }
        Ok(scope)
    }

    async fn reach(&self, revision: Option<Revision>) -> Result<()> {
        let Some(revision) = revision else { return Ok(()) };
        match self.inventory().wait_for(revision, Instant::now() + self.options().revision_wait).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::Unavailable {
                message: "The revision that `min_revision` asks for is not here yet.",
                retry_after: Duration::from_secs(1),
            }),
        }
    }
}

/// Says what is wrong with a query in the words of the API.
pub(super) fn invalid(error: QueryError) -> Error {
    let invalid = match error {
        QueryError::UnknownField { field, allowed } => {
            Invalid::new(Subject::Filter, field, "is neither a field of this kind nor a parameter here")
                .allowed(allowed)
        }
        QueryError::UnknownOperator { field, operator, allowed } => Invalid::new(
            Subject::Filter,
            format!("{field}.{operator}"),
            format!("compares `{field}` in a way that it does not have"),
        )
        .allowed(allowed),
        QueryError::InvalidValue { field, expected, allowed, .. } => {
            let subject = match field {
                "min_revision" => Subject::Revision,
                "q" | "types" | "group_by" | "sum" | "page_token" => Subject::Parameter,
                _ => Subject::Filter,
            };
            Invalid::new(subject, field, format!("has a value that is not {expected}")).allowed(allowed)
        }
        QueryError::InvalidSort { field, allowed } => {
            let message = match field.as_str() {
                "" => "names no field between two commas or at an end".to_owned(),
                field => {
                    format!("names `{field}`, by which this kind cannot be sorted; `-` before a field turns it round")
                }
            };
            Invalid::new(Subject::Sort, "sort", message).allowed(allowed)
        }
        QueryError::InvalidGroup { parameter, allowed, .. } => {
            Invalid::new(Subject::Parameter, parameter, "names a field that it does not take").allowed(allowed)
        }
        QueryError::InvalidLimit { min, max, .. } => {
            Invalid::new(Subject::Limit, "limit", format!("must be a whole number from {min} to {max}"))
        }
        QueryError::InvalidPageToken => Invalid::new(
            Subject::PageToken,
            "page_token",
            "was not given out for this query: hand `next_page_token` back unchanged, with the same filters and order, or begin without one",
        ),
        QueryError::Repeated { parameter } => Invalid::new(Subject::Parameter, parameter, "is given more than once"),
        QueryError::Missing { parameter } => Invalid::new(Subject::Parameter, parameter, "is missing"),
        QueryError::TooMany { field, what, max } => {
            let subject = match field {
                "sort" => Subject::Sort,
                "q" | "types" | "group_by" | "sum" => Subject::Parameter,
                _ => Subject::Filter,
            };
            let message = match what {
                "filters" => format!("is one filter too many: at most {max} can be given at once"),
                what => format!("may have at most {max} {what}"),
            };
            Invalid::new(subject, field, message)
        }
        QueryError::TooManyGroups { max } => Invalid::new(
            Subject::Parameter,
            "group_by",
            format!("makes more than {max} groups: group by fewer fields, or filter first"),
        ),
    };
    Error::Invalid(invalid)
}
