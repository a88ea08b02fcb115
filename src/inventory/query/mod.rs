//! What can be asked for: filters, order, pages, sums. Read from the raw parameters of an address into types, with errors
//! that say how to mend them.

mod error;
mod filter;
mod sort;
mod words;

pub use error::QueryError;
pub(super) use filter::{Filter, Test};
pub(super) use sort::{Position, Sort};
pub(super) use words::Words;

use super::schema::{FieldRef, Schema};
use crate::authz::{InventoryRead, TenantScope};
use crate::model::field::FieldSpec;
use crate::model::{FieldType, Kind, Revision};

/// Objects on a page when the caller does not say.
const LIMIT_DEFAULT: usize = 100;
/// Objects on a page at most.
const LIMIT_MAX: usize = 1000;
/// Filters of one query.
const FILTERS_MAX: usize = 32;
/// Fields grouped by, or summed over.
const GROUP_MAX: usize = 4;
const SUM_MAX: usize = 8;
/// Longest piece of a caller's text that an error repeats, bytes.
const SHORTEN_TO: usize = 80;

/// A caller's text, cut to what an error may repeat.
fn shorten(text: &str) -> String {
    text[..text.floor_char_boundary(SHORTEN_TO)].to_owned()
}

/// What a list or a count asks for.
#[derive(Clone, Debug)]
pub struct Query {
    kind: Kind,
    filters: Vec<Filter>,
    words: Option<Words>,
    sort: Sort,
    limit: usize,
    page_token: Option<String>,
    min_revision: Option<Revision>,
}

/// Which parameters a query takes besides filters, `q` and `min_revision`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    List,
    Count,
    Summary,
}

/// The parameters that are no filters, each at most once.
#[derive(Default)]
struct Parameters<'a> {
    q: Option<&'a str>,
    sort: Option<&'a str>,
    limit: Option<&'a str>,
    page_token: Option<&'a str>,
    min_revision: Option<&'a str>,
    group_by: Option<&'a str>,
    sum: Option<&'a str>,
}

impl<'a> Parameters<'a> {
    /// Takes a parameter in. `false` when it is none of these.
    fn take(&mut self, form: Form, name: &str, value: &'a str) -> Result<bool, QueryError> {
        let (parameter, place): (&'static str, _) = match (name, form) {
            ("q", _) => ("q", &mut self.q),
            ("min_revision", _) => ("min_revision", &mut self.min_revision),
            ("sort", Form::List) => ("sort", &mut self.sort),
            ("limit", Form::List) => ("limit", &mut self.limit),
            ("page_token", Form::List) => ("page_token", &mut self.page_token),
            ("group_by", Form::Summary) => ("group_by", &mut self.group_by),
            ("sum", Form::Summary) => ("sum", &mut self.sum),
            _ => return Ok(false),
        };
        match place.replace(value) {
            None => Ok(true),
            Some(_) => Err(QueryError::Repeated { parameter }),
        }
    }
}

impl Query {
    /// Reads the parameters of a list: filters, `q`, `sort`, `limit`, `page_token`, `min_revision`.
    ///
    /// # Errors
    /// What is wrong, with the parameter and what is allowed.
    pub fn parse(kind: Kind, pairs: &[(String, String)]) -> Result<Self, QueryError> {
        Self::read(kind, pairs, Form::List).map(|(query, _)| query)
    }

    /// Reads the parameters of a count: filters, `q`, `min_revision`.
    ///
    /// # Errors
    /// What is wrong, with the parameter and what is allowed.
    pub fn parse_count(kind: Kind, pairs: &[(String, String)]) -> Result<Self, QueryError> {
        Self::read(kind, pairs, Form::Count).map(|(query, _)| query)
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

    /// How many objects a page has at most.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn filters(&self) -> &[Filter] {
        &self.filters
    }

    pub(super) fn words(&self) -> Option<&Words> {
        self.words.as_ref()
    }

    pub(super) fn sort(&self) -> &Sort {
        &self.sort
    }

    pub(super) fn page_token(&self) -> Option<&str> {
        self.page_token.as_deref()
    }

    /// The one text of all that decides which objects are on which page, and for whom: page tokens are bound to it.
    pub(super) fn canonical(&self, scope: &TenantScope<InventoryRead>) -> String {
        let mut filters: Vec<String> = self.filters.iter().map(Filter::canonical).collect();
        filters.sort_unstable();
        filters.dedup();
        let mut text = format!("{}\n{}\n", scope.viewer(), self.kind);
        self.sort.write_canonical(&mut text);
        for part in filters.iter().map(String::as_str).chain(self.words.as_ref().map(Words::folded)) {
            text.push_str(&format!("\n{}:{part}", part.len()));
        }
        text.push_str(if self.words.is_some() { "\nq" } else { "\n" });
        text
    }

    fn read<'a>(kind: Kind, pairs: &'a [(String, String)], form: Form) -> Result<(Self, Parameters<'a>), QueryError> {
        let schema = Schema::of(kind);
        let mut parameters = Parameters::default();
        let mut filters = Vec::new();
        for (name, value) in pairs {
            if parameters.take(form, name, value)? {
                continue;
            }
            let (field, operator) = match name.split_once('.') {
                Some((field, operator)) => (field, Some(operator)),
                None => (name.as_str(), None),
            };
            let Some((field, spec)) = schema.field(field) else {
                return Err(QueryError::UnknownField { field: shorten(field), allowed: schema.names(|_| true) });
            };
            if filters.len() == FILTERS_MAX {
                return Err(QueryError::TooMany { field: spec.name, what: "filters", max: FILTERS_MAX });
            }
            filters.push(Filter::parse(field, &spec, operator, value)?);
        }
        let query = Self {
            kind,
            filters,
            words: parameters.q.map(Words::parse).transpose()?.flatten(),
            sort: match parameters.sort {
                Some(sort) => Sort::parse(schema, sort)?,
                None => Sort::by_name(schema),
            },
            limit: read_limit(parameters.limit)?,
            page_token: parameters.page_token.map(str::to_owned),
            min_revision: parameters.min_revision.map(parse_revision).transpose()?,
        };
        Ok((query, parameters))
    }
}

/// Reads `limit`; the usual one when it is absent.
///
/// # Errors
/// [`QueryError::InvalidLimit`].
pub fn read_limit(text: Option<&str>) -> Result<usize, QueryError> {
    text.map_or(Ok(LIMIT_DEFAULT), parse_limit)
}

fn parse_limit(text: &str) -> Result<usize, QueryError> {
    text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit)).ok_or_else(|| QueryError::InvalidLimit {
        given: shorten(text),
        min: 1,
        max: LIMIT_MAX,
    })
}

fn parse_revision(text: &str) -> Result<Revision, QueryError> {
    text.parse().map_err(|_| QueryError::InvalidValue {
        field: "min_revision",
        value: shorten(text),
        expected: "a revision that this API has answered",
        allowed: Vec::new(),
    })
}

/// What a summary asks for.
#[derive(Clone, Debug)]
pub struct SummaryQuery {
    query: Query,
    group_by: Vec<(FieldRef, &'static str)>,
    sum: Vec<(FieldRef, &'static str)>,
}

impl SummaryQuery {
    /// Reads the parameters of a summary: filters, `q`, `min_revision`, `group_by`, `sum`.
    ///
    /// # Errors
    /// What is wrong, with the parameter and what is allowed.
    pub fn parse(kind: Kind, pairs: &[(String, String)]) -> Result<Self, QueryError> {
        let (query, parameters) = Query::read(kind, pairs, Form::Summary)?;
        let schema = Schema::of(kind);
        let groups = |spec: &FieldSpec| !super::schema::is_list(spec.field_type);
        let sums = |spec: &FieldSpec| spec.field_type == FieldType::Integer;
        Ok(Self {
            query,
            group_by: fields(schema, "group_by", parameters.group_by, GROUP_MAX, groups)?,
            sum: fields(schema, "sum", parameters.sum, SUM_MAX, sums)?,
        })
    }

    /// See [`Query::min_revision`].
    #[must_use]
    pub fn min_revision(&self) -> Option<Revision> {
        self.query.min_revision
    }

    pub(super) fn query(&self) -> &Query {
        &self.query
    }

    pub(super) fn group_by(&self) -> &[(FieldRef, &'static str)] {
        &self.group_by
    }

    pub(super) fn sum(&self) -> &[(FieldRef, &'static str)] {
        &self.sum
    }
}

fn fields(
    schema: &Schema,
    parameter: &'static str,
    text: Option<&str>,
    max: usize,
    allowed: impl Fn(&FieldSpec) -> bool,
) -> Result<Vec<(FieldRef, &'static str)>, QueryError> {
    let mut fields = Vec::new();
    for name in text.into_iter().flat_map(|text| text.split(',')) {
        let Some((field, spec)) = schema.field(name).filter(|(_, spec)| allowed(spec)) else {
            return Err(QueryError::InvalidGroup { parameter, field: shorten(name), allowed: schema.names(allowed) });
        };
        if fields.iter().any(|(known, _)| *known == field) {
            continue;
        }
        if fields.len() == max {
            return Err(QueryError::TooMany { field: parameter, what: "fields", max });
        }
        fields.push((field, spec.name));
    }
    Ok(fields)
}

/// What a search over all kinds asks for.
#[derive(Clone, Debug)]
pub struct SearchQuery {
    words: Words,
    kinds: Vec<Kind>,
    limit: usize,
    min_revision: Option<Revision>,
}

impl SearchQuery {
    /// Reads the parameters of a search: `q` (required), `types` (kinds, separated by commas), `limit`, `min_revision`.
    ///
    /// # Errors
    /// What is wrong, with the parameter and what is allowed.
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, QueryError> {
        let (mut q, mut types, mut limit, mut min_revision) = (None, None, None, None);
        for (name, value) in pairs {
            let (parameter, place) = match name.as_str() {
                "q" => ("q", &mut q),
                "types" => ("types", &mut types),
                "limit" => ("limit", &mut limit),
                "min_revision" => ("min_revision", &mut min_revision),
                _ => {
                    let allowed = vec!["q", "types", "limit", "min_revision"];
                    return Err(QueryError::UnknownField { field: shorten(name), allowed });
                }
            };
            if place.replace(value.as_str()).is_some() {
                return Err(QueryError::Repeated { parameter });
            }
        }
        let words = q.map(Words::parse).transpose()?.flatten().ok_or(QueryError::Missing { parameter: "q" })?;
        let kinds = match types {
            None => Vec::new(),
            Some(types) => types.split(',').map(parse_kind).collect::<Result<_, _>>()?,
        };
        Ok(Self {
            words,
            kinds,
            limit: read_limit(limit)?,
            min_revision: min_revision.map(parse_revision).transpose()?,
        })
    }

    /// See [`Query::min_revision`].
    #[must_use]
    pub fn min_revision(&self) -> Option<Revision> {
        self.min_revision
    }

    pub(super) fn words(&self) -> &Words {
        &self.words
    }

    pub(super) fn wants(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }
}

fn parse_kind(word: &str) -> Result<Kind, QueryError> {
    Kind::parse(word).ok_or_else(|| QueryError::InvalidValue {
        field: "types",
        value: shorten(word),
        expected: "a kind of objects",
        allowed: Kind::ALL.iter().map(|kind| kind.as_str()).collect(),
    })
}
