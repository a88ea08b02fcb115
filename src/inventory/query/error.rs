//! What can be wrong with a query.

/// What is wrong with a query, with all that is needed to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// There is no such field or parameter.
    #[error("there is no field {field:?}")]
    UnknownField {
        /// What was given, cut to a bearable length.
        field: String,
        /// The fields that there are.
        allowed: Vec<&'static str>,
    },
    /// The field cannot be compared this way.
    #[error("the field {field:?} cannot be compared by {operator:?}")]
    UnknownOperator {
        /// The field.
        field: &'static str,
        /// What was given.
        operator: String,
        /// The operators of this field.
        allowed: Vec<&'static str>,
    },
    /// The value does not fit the field.
    #[error("{value:?} is not {expected}, as the field {field:?} needs")]
    InvalidValue {
        /// The field or parameter.
        field: &'static str,
        /// What was given, cut to a bearable length.
        value: String,
        /// What it must be, in words.
        expected: &'static str,
        /// The words that are allowed, where they are few.
        allowed: Vec<&'static str>,
    },
    /// The list cannot be sorted by this field.
    #[error("a list cannot be sorted by {field:?}")]
    InvalidSort {
        /// What was given.
        field: String,
        /// The fields that it can be sorted by.
        allowed: Vec<&'static str>,
    },
    /// It cannot be grouped by, or summed over, this field.
    #[error("{parameter} does not take {field:?}")]
    InvalidGroup {
        /// `group_by` or `sum`.
        parameter: &'static str,
        /// What was given.
        field: String,
        /// The fields that can be.
        allowed: Vec<&'static str>,
    },
    /// `limit` is not a number within the bounds.
    #[error("limit must be a whole number from {min} to {max}")]
    InvalidLimit {
        /// What was given.
        given: String,
        /// The least.
        min: usize,
        /// The most.
        max: usize,
    },
    /// The page token was not made by this gateway, or for another query.
    #[error("the page token does not belong to this query")]
    InvalidPageToken,
    /// A parameter that can be given once was given twice.
    #[error("{parameter:?} is given more than once")]
    Repeated {
        /// The parameter.
        parameter: &'static str,
    },
    /// A parameter that is needed is missing.
    #[error("{parameter:?} is missing")]
    Missing {
        /// The parameter.
        parameter: &'static str,
    },
    /// The query is larger than allowed.
    #[error("{field} may have at most {max} {what}")]
    TooMany {
        /// The parameter or field.
        field: &'static str,
        /// What it has too many of.
        what: &'static str,
        /// How many are allowed.
        max: usize,
    },
    /// The summary would have more groups than are answered.
    #[error("the summary has more than {max} groups")]
    TooManyGroups {
        /// How many are allowed.
        max: usize,
    },
}
