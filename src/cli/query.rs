//! Filters as people write them (`memory_mib>=8GiB`), made into what the API understands (`memory_mib.gte=8192`).

use clap::Args;
use clap::builder::{PossibleValue, TypedValueParser};
use uuid::Uuid;

use super::client::{Client, Query};
use super::columns::{Target, id_field};
use super::failure::Failure;
use super::human::parse_size;
use super::names::{self, pair};
use crate::model::{FieldType, Kind, Object};

/// Which objects are meant.
#[derive(Args, Clone, Debug, Default)]
pub struct Selection {
    /// Only objects for which this holds: `power_state=running`. All of several must hold.
    #[arg(long = "filter", short, value_name = "FILTER", action = clap::ArgAction::Append)]
    pub(crate) filters: Vec<String>,
    /// Only objects with this text in their name, ids or addresses.
    #[arg(long, short = 'q', value_name = "TEXT")]
    pub(crate) search: Option<String>,
    /// Only objects of this provider, by name or id.
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: Option<String>,
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    AtLeast,
    AtMost,
    More,
    Less,
    Contains,
    Prefix,
    Exists(bool),
}

impl Operator {
    /// Longer signs come first, so that `>=` is not read as `>`.
    const SIGNS: &'static [(&'static str, Operator)] = &[
        ("!=", Operator::NotEqual),
        ("^=", Operator::Prefix),
        (">=", Operator::AtLeast),
        ("<=", Operator::AtMost),
        ("==", Operator::Equal),
        ("=", Operator::Equal),
        (">", Operator::More),
        ("<", Operator::Less),
        ("~", Operator::Contains),
    ];

    /// The operator of the API's word, as in `name.prefix=web`.
    fn of_word(word: &str, value: &str) -> Option<Self> {
        Some(match word {
            "ne" => Operator::NotEqual,
            "gt" => Operator::More,
            "gte" => Operator::AtLeast,
            "lt" => Operator::Less,
            "lte" => Operator::AtMost,
            "contains" => Operator::Contains,
            "prefix" => Operator::Prefix,
            "exists" => Operator::Exists(value.parse().ok()?),
            _ => return None,
        })
    }

    const fn suffix(self) -> &'static str {
        match self {
            Operator::Equal => "",
            Operator::NotEqual => ".ne",
            Operator::AtLeast => ".gte",
            Operator::AtMost => ".lte",
            Operator::More => ".gt",
            Operator::Less => ".lt",
            Operator::Contains => ".contains",
            Operator::Prefix => ".prefix",
            Operator::Exists(_) => ".exists",
        }
    }
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Filter {
    field: String,
    operator: Operator,
    value: String,
}

impl Filter {
    fn parse(text: &str) -> Result<Self, Failure> {
        let end =
            text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ' ' || c == '-')).unwrap_or(text.len());
        let (field, rest) = text.split_at(end);
        let field = field.trim().replace('-', "_");
        if field.is_empty() {
            return match rest.strip_prefix('!').map(Self::parse) {
                Some(Ok(Self { field, operator: Operator::Exists(true), value })) => {
                    Ok(Self { field, operator: Operator::Exists(false), value })
                }
                _ => Err(wrong(text)),
            };
        }
        if rest.is_empty() {
            return Ok(Self { field, operator: Operator::Exists(true), value: String::new() });
        }
        if let Some(named) = rest.strip_prefix('.') {
            let (word, value) = named.split_once('=').ok_or_else(|| wrong(text))?;
            let value = value.trim();
            let operator = Operator::of_word(word.trim(), value).ok_or_else(|| wrong(text))?;
            return Ok(Self { field, operator, value: value.to_owned() });
        }
        Operator::SIGNS
            .iter()
            .find_map(|(sign, operator)| Some((rest.strip_prefix(sign)?, *operator)))
            .map(|(value, operator)| Self { field, operator, value: value.trim().to_owned() })
            .ok_or_else(|| wrong(text))
    }

    /// The parameter of the API, for a condition that needs no look-up.
    fn parameter(&self, kind: Kind) -> Result<(String, String), Failure> {
        let value = match self.operator {
            Operator::Exists(yes) => yes.to_string(),
            _ => self.sized(kind)?,
        };
        // `state` is the main state of every noun that has one.
        let field = match Object::state_field(kind) {
            Some(state) if self.field == "state" => state,
            _ => self.field.as_str(),
        };
        Ok(pair(&format!("{field}{}", self.operator.suffix()), value))
    }

    /// The value, with a size in another unit brought to the field's own.
    fn sized(&self, kind: Kind) -> Result<String, Failure> {
        let unit: u64 = match self.field.as_str() {
            name if name.ends_with("_mib") => 1024 * 1024,
            name if name.ends_with("_bytes") => 1,
            _ => return Ok(self.value.clone()),
        };
        let number = Object::fields(kind).iter().any(|f| f.name == self.field && f.field_type == FieldType::Integer);
        if !number || self.value.chars().all(|c| c.is_ascii_digit() || c == ',') {
            return Ok(self.value.clone());
        }
        match parse_size(&self.value) {
            Some(bytes) if bytes % unit == 0 => Ok((bytes / unit).to_string()),
            _ => Err(Failure::usage(
                format!("`{}` is not a size for {}.", self.value, self.field),
                "Write a whole number in the unit of the field's name, or a size such as 512MiB, 8GiB, 1.5TiB.",
            )),
        }
    }

    /// What the condition refers to by name: the field with the ids, and what they are ids of.
    fn reference(&self, kind: Kind) -> Option<(String, Target)> {
        let fits = matches!(self.operator, Operator::Equal | Operator::NotEqual | Operator::Exists(_));
        fits.then(|| id_field(kind, &self.field)).flatten()
    }
}

fn wrong(text: &str) -> Failure {
    Failure::usage(
        format!("`{text}` is not a filter."),
        "Write FIELD=VALUE, or with !=, >=, <=, >, <, ~ (contains) or ^= (begins with) in place of =. FIELD alone: it has a \
         value. !FIELD: it has none. The API's words can be used as well: FIELD.prefix=VALUE.",
    )
}

/// Takes any text for a filter; what could begin one stands in completion scripts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FilterText(pub(crate) Kind);

impl TypedValueParser for FilterText {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        clap::builder::StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(beginnings(self.0).into_iter().map(PossibleValue::new)))
    }
}

/// How filters of a kind can begin: each field with the operators that it has, and with its words where they are few.
fn beginnings(kind: Kind) -> Vec<String> {
    let common = [("name", FieldType::Text), ("provider_id", FieldType::Id), ("changed_at", FieldType::Time)];
    let own = Object::fields(kind).into_iter().map(|field| (field.name, field.field_type));
    let mut beginnings = Vec::new();
    for (name, field_type) in common.into_iter().chain(own) {
        let signs: &[&str] = match field_type {
            FieldType::Text | FieldType::TextList => &["=", "!=", "~", "^="],
            FieldType::Integer | FieldType::Time => &["=", "!=", ">=", "<=", ">", "<"],
            FieldType::Word(words) => {
                beginnings.extend(words.iter().map(|word| format!("{name}={word}")));
                &["!="]
            }
            FieldType::Boolean => {
                beginnings.extend([format!("{name}=true"), format!("{name}=false")]);
                &[]
            }
            FieldType::Id | FieldType::IdList => &["=", "!="],
        };
        beginnings.extend(signs.iter().map(|sign| format!("{name}{sign}")));
        beginnings.push(format!("!{name}"));
    }
    beginnings
}

/// The API's parameters for a selection. Names of hosts, clusters, … are looked up.
pub(crate) async fn selection(client: &Client, kind: Kind, selection: &Selection) -> Result<Query, Failure> {
    let mut query = scope(client, selection.provider.as_deref()).await?;
    for text in &selection.filters {
        let filter = Filter::parse(text)?;
        match filter.reference(kind) {
            None => query.push(filter.parameter(kind)?),
            Some((field, target)) => {
                let value = match filter.operator {
                    Operator::Exists(yes) => yes.to_string(),
                    _ => ids(client, target, &filter.value).await?,
                };
                query.push(pair(&format!("{field}{}", filter.operator.suffix()), value));
            }
        }
    }
    if let Some(text) = &selection.search {
        query.push(pair("q", text));
    }
    Ok(query)
}

/// The parameter that narrows to one provider.
pub(crate) async fn scope(client: &Client, provider: Option<&str>) -> Result<Query, Failure> {
    match provider {
        None => Ok(Vec::new()),
        Some(text) => {
            Ok(vec![pair("provider_id", names::provider(client, text).await?["id"].as_str().unwrap_or(text))])
        }
    }
}

/// The ids of everything with one of these names.
async fn ids(client: &Client, target: Target, values: &str) -> Result<String, Failure> {
    let mut ids = Vec::new();
    for value in names::values(values) {
        let value = value.trim();
        if Uuid::try_parse(value).is_ok() {
            ids.push(value.to_owned());
            continue;
        }
        let found = match target {
            Target::Provider => vec![names::provider(client, value).await?],
            Target::Kind(kind) => names::named(client, kind, value, &Vec::new()).await?,
        };
        if let (true, Target::Kind(kind)) = (found.is_empty(), target) {
            return Err(Failure::NotFound {
                what: format!("There is no {} named `{value}`.", kind.words()),
                mend: Some(format!(
                    "`spandrel {} list` shows what there is. A comma that belongs to a name is written `\\,`.",
                    names::word(kind)
                )),
            });
        }
        ids.extend(found.iter().filter_map(|object| object["id"].as_str().map(str::to_owned)));
    }
    Ok(ids.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let shown = match Filter::parse(text).and_then(|filter| filter.parameter(Kind::Vm)) {
            Ok((name, value)) => format!("{name}={value}"),
            Err(Failure::Usage { what, .. }) => what,
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn filters_become_parameters() {
        check("power_state=running", "power_state=running");
        check("state=running,paused", "power_state=running,paused");
        check("power-state == running", "power_state=running");
        check("name != web-1", "name.ne=web-1");
        check("vcpu_count>=4", "vcpu_count.gte=4");
        check("vcpu_count<=4", "vcpu_count.lte=4");
        check("vcpu_count>4", "vcpu_count.gt=4");
        check("vcpu_count<4", "vcpu_count.lt=4");
        check("guest_os~ubuntu", "guest_os.contains=ubuntu");
        check("name^=web", "name.prefix=web");
        check("name.prefix=web", "name.prefix=web");
        check("name.contains=a=b", "name.contains=a=b");
        check("power_state.ne=running,paused", "power_state.ne=running,paused");
        check("memory_mib.gte=8GiB", "memory_mib.gte=8192");
        check("host_id.exists=false", "host_id.exists=false");
        check("name=a=b>c", "name=a=b>c");
        check("name=a b", "name=a b");
        check("question", "question.exists=true");
        check("!host_id", "host_id.exists=false");
        check("memory_mib>=8GiB", "memory_mib.gte=8192");
        check("memory_mib=512,1024", "memory_mib=512,1024");
        check("storage_used_bytes>1.5TiB", "storage_used_bytes.gt=1649267441664");
        check("changed_at>2026-11-26T10:00:00Z", "changed_at.gt=2026-11-26T10:00:00Z");
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        check("=running", "`=running` is not a filter.");
        check("", "`` is not a filter.");
        check("!power_state=running", "`!power_state=running` is not a filter.");
        check("name%x", "`name%x` is not a filter.");
        check("name.begins=x", "`name.begins=x` is not a filter.");
        check("name.exists=perhaps", "`name.exists=perhaps` is not a filter.");
        check("name.prefix", "`name.prefix` is not a filter.");
        check("memory_mib>=8GB", "`8GB` is not a size for memory_mib.");
        check("memory_mib>=1KiB", "`1KiB` is not a size for memory_mib.");
    }

    #[track_caller]
    fn check_reference(kind: Kind, text: &str, expected: Option<&str>) {
        let field = Filter::parse(text).unwrap().reference(kind).map(|(field, _)| field);
        assert_eq!(field.as_deref(), expected, "{text}");
    }

    #[test]
    fn names_stand_for_ids() {
        check_reference(Kind::Vm, "host=esx-1", Some("host_id"));
        check_reference(Kind::Vm, "host_id=esx-1", Some("host_id"));
        check_reference(Kind::Vm, "network!=lan", Some("network_ids"));
        check_reference(Kind::Vm, "!host", Some("host_id"));
        check_reference(Kind::Vm, "provider=lab", Some("provider_id"));
        check_reference(Kind::Datastore, "hosts=esx-1", Some("hosts"));
        check_reference(Kind::Vm, "host=0192d3e0-0000-7000-8000-000000000001", Some("host_id"));
        check_reference(Kind::Vm, "host>esx-1", None);
        check_reference(Kind::Vm, "name=esx-1", None);
    }

    #[test]
    fn what_completion_offers_is_understood() {
        for kind in Kind::ALL.iter().copied() {
            for beginning in beginnings(kind) {
                let filter = Filter::parse(&format!("{beginning}1"));
                assert!(filter.is_ok(), "{beginning}");
            }
        }
        let vm = beginnings(Kind::Vm);
        for expected in ["power_state=running", "name^=", "memory_mib>=", "!host_id"] {
            assert!(vm.iter().any(|beginning| beginning == expected), "{expected}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,40}") {
            let _ = Filter::parse(&text).and_then(|filter| filter.parameter(Kind::Vm));
        }
    }
}
