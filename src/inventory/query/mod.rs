//! What can be asked for: filters, order, pages, sums.

mod error;

pub use error::QueryError;

use crate::model::field::FieldSpec;
use crate::model::{Kind, Revision};

/// The fields that every object has, besides those that its noun declares.
#[must_use]
pub fn common_fields() -> &'static [FieldSpec] {
    unimplemented!("skeleton")
}

/// What a list or a count asks for.
#[derive(Clone, Debug)]
pub struct Query {
    pub(super) kind: Kind,
    pub(super) min_revision: Option<Revision>,
}

impl Query {
    /// Reads the parameters of a list: filters, `q`, `sort`, `limit`, `page_token`, `min_revision`.
    ///
    /// # Errors
    /// What is wrong, with the parameter and what is allowed.
    pub fn parse(kind: Kind, pairs: &[(String, String)]) -> Result<Self, QueryError> {
        let _ = (kind, pairs);
        unimplemented!("skeleton")
    }

    /// Reads the parameters of a count: filters, `q`, `min_revision`.
    ///
    /// # Errors
    /// What is wrong, with the parameter and what is allowed.
    pub fn parse_count(kind: Kind, pairs: &[(String, String)]) -> Result<Self, QueryError> {
        let _ = (kind, pairs);
        unimplemented!("skeleton")
    }

    /// The kind that is asked for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The revision that the answer must have at least: hand it to [`super::Inventory::wait_for`] first.
    #[must_use]
    pub fn min_revision(&self) -> Option<Revision> {
        self.min_revision
    }
}

/// What a summary asks for.
#[derive(Clone, Debug)]
pub struct SummaryQuery {
    pub(super) query: Query,
}

impl SummaryQuery {
    /// Reads the parameters of a summary: filters, `q`, `min_revision`, `group_by`, `sum`.
    ///
    /// # Errors
    /// What is wrong, with the parameter and what is allowed.
    pub fn parse(kind: Kind, pairs: &[(String, String)]) -> Result<Self, QueryError> {
        let _ = (kind, pairs);
        unimplemented!("skeleton")
    }

    /// See [`Query::min_revision`].
    #[must_use]
    pub fn min_revision(&self) -> Option<Revision> {
        self.query.min_revision
    }
}

/// What a search over all kinds asks for.
#[derive(Clone, Debug)]
pub struct SearchQuery {}

impl SearchQuery {
    /// Reads the parameters of a search: `q` (required), `types`, `limit`.
    ///
    /// # Errors
    /// What is wrong, with the parameter and what is allowed.
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, QueryError> {
        let _ = pairs;
        unimplemented!("skeleton")
    }
}
