//! In which form a command answers.

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::failure::Failure;

/// The form of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns for people. Sizes are readable, long texts are cut at the terminal's edge.
    #[default]
    Table,
    /// A table with more columns, not cut.
    Wide,
    /// JSON as the API gives it, values exact.
    Json,
    /// The same as YAML.
    Yaml,
    /// Names alone, one a line.
    Name,
}

impl Format {
    /// The document as JSON or YAML, without the last line's end.
    ///
    /// # Errors
    /// When it cannot be written in this form; no document of the API is such.
    pub(crate) fn structured(self, document: &Value) -> Result<String, Failure> {
        let text = match self {
            Format::Yaml => serde_yaml_ng::to_string(document).map_err(|error| error.to_string()),
            _ => serde_json::to_string_pretty(document).map_err(|error| error.to_string()),
        };
        text.map(|text| text.trim_end().to_owned())
            .map_err(|error| Failure::failed(format!("The answer cannot be printed: {error}.")))
    }
}

/// How a list is printed.
#[derive(Args, Clone, Debug, Default)]
pub struct ListOutput {
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
    /// Columns of the table, by field: `name,power_state,host`. `native.…` reaches platform detail.
    #[arg(long, value_delimiter = ',', value_name = "FIELDS")]
    pub(crate) columns: Vec<String>,
    /// Leave the table's header out.
    #[arg(long)]
    pub(crate) no_headers: bool,
}
