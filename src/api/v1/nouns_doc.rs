//! The description of the collections of the inventory, made from what each noun declares of its fields.

use utoipa::PartialSchema;
use utoipa::ToSchema;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem, PathItemBuilder, PathsBuilder,
};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{
    AllOfBuilder, ArrayBuilder, ComponentsBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{OpenApi, OpenApiBuilder, Ref, RefOr, Required, Response};

use super::nouns::ObjectChanges;
use crate::app::common_fields;
use crate::model::field::{FieldSpec, FieldType};
use crate::model::{self, Kind, Object, SourceState};

/// What the collections add to the API's description.
pub(super) fn document() -> OpenApi {
    let mut components = ComponentsBuilder::new();
    for (name, schema) in noun_schemas() {
        components = components.schema(name, schema);
    }
    components = components.schema("ObjectCommon", common_schema()).schema("Count", count_schema());
    components = components.schema("Summary", summary_schema());
    let mut schemas = vec![(ObjectChanges::name().into_owned(), ObjectChanges::schema())];
    ObjectChanges::schemas(&mut schemas);
    for (name, schema) in schemas {
        components = components.schema(name, schema);
    }
    let mut paths = PathsBuilder::new();
    for kind in Kind::ALL.iter().copied() {
        components = components
            .schema(object_name(kind), object_schema(kind))
            .schema(format!("{}List", noun_name(kind)), list_schema(kind));
        let path = format!("/v1/{}", kind.plural());
        paths = paths
            .path(&path, list(kind))
            .path(format!("{path}/count"), count(kind))
            .path(format!("{path}/summary"), summary(kind))
            .path(format!("{path}/{{id}}"), read(kind))
            .path(format!("{path}/{{id}}/changes"), changes(kind));
    }
    OpenApiBuilder::new().paths(paths.build()).components(Some(components.build())).build()
}

/// The parameters that the collections share, by their names among the components.
pub(in crate::api) fn parameters() -> impl Iterator<Item = (String, Parameter)> {
    let keyed = |kind| move |parameter: Parameter| (parameter_key(kind, &parameter.name), parameter);
    let filters = Kind::ALL.iter().flat_map(move |kind| filters(*kind).into_iter().map(keyed(Some(*kind))));
    common_parameters().into_iter().map(keyed(None)).chain(filters)
}

macro_rules! nouns {
    ($($noun:ident),+ $(,)?) => {
        /// The nouns and all that they refer to, by name.
        fn noun_schemas() -> Vec<(String, RefOr<Schema>)> {
            let mut schemas = Vec::new();
            $(
                schemas.push((model::$noun::name().into_owned(), model::$noun::schema()));
                model::$noun::schemas(&mut schemas);
            )+
            schemas
        }

        /// The name of a noun's schema.
        fn noun_name(kind: Kind) -> String {
            match kind { $(Kind::$noun => model::$noun::name().into_owned()),+ }
        }
    };
}

nouns!(
    Zone,
    Cluster,
    Host,
    ResourcePool,
    Folder,
    Datastore,
    Network,
    Image,
    Vm,
    Volume,
    Nic,
    Snapshot,
    Tag,
    StoragePolicy,
    ContentLibrary,
);

fn object_name(kind: Kind) -> String {
    format!("{}Object", noun_name(kind))
}

fn typed(schema_type: Type, description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(schema_type).description(Some(description))
}

fn formatted(format: KnownFormat, description: &str) -> ObjectBuilder {
    typed(Type::String, description).format(Some(SchemaFormat::KnownFormat(format)))
}

/// What every object has besides its noun's own members.
fn common_schema() -> ObjectBuilder {
    let kinds = Kind::ALL.iter().map(|kind| kind.as_str());
    let states = SourceState::ALL.iter().map(|state| state.as_str());
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("What every object of the inventory has."))
        .property("id", formatted(KnownFormat::Uuid, "Its id: the same for as long as it exists."))
        .property("kind", typed(Type::String, "Its kind.").enum_values(Some(kinds)))
        .property("provider_id", formatted(KnownFormat::Uuid, "The provider that it belongs to."))
        .property("source_id", formatted(KnownFormat::Uuid, "The source that tells of it."))
        .property("tenant_id", formatted(KnownFormat::Uuid, "The tenant whose it is."))
        .property(
            "project_id",
            formatted(KnownFormat::Uuid, "The project that it is in; null while it is in none.")
                .schema_type(SchemaType::from_iter([Type::String, Type::Null])),
        )
        .property("revision", typed(Type::String, "The revision at which it last changed."))
        .property("first_seen_at", formatted(KnownFormat::DateTime, "When the gateway first saw it."))
        .property("changed_at", formatted(KnownFormat::DateTime, "When it last changed."))
        .property(
            "observed_at",
            formatted(KnownFormat::DateTime, "When what is shown was last known to be true.")
                .schema_type(SchemaType::from_iter([Type::String, Type::Null])),
        )
        .property(
            "sync",
            typed(Type::String, "How true what is shown is: the state of its source's synchronization.")
                .enum_values(Some(states)),
        )
        .required("id")
        .required("kind")
        .required("provider_id")
        .required("source_id")
        .required("tenant_id")
        .required("project_id")
        .required("revision")
        .required("first_seen_at")
        .required("changed_at")
        .required("sync")
}

/// A noun together with what every object has.
fn object_schema(kind: Kind) -> AllOfBuilder {
    let schema =
        AllOfBuilder::new().item(Ref::from_schema_name("ObjectCommon")).item(Ref::from_schema_name(noun_name(kind)));
    let Some(state) = Object::state_field(kind) else { return schema };
    let description =
        format!("`{state}` as it was seen last, while it reads `unknown` because the platform is not reached.");
    schema.item(
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .property(format!("last_known_{state}"), typed(Type::String, &description)),
    )
}

fn revision_schema() -> ObjectBuilder {
    typed(Type::String, "The revision of what was read: a watch from here misses nothing.")
}

fn list_schema(kind: Kind) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(format!("A page of {}.", kind.plural())))
        .property(
            "items",
            ArrayBuilder::new()
                .items(Ref::from_schema_name(object_name(kind)))
                .description(Some("In the asked order.")),
        )
        .property(
            "next_page_token",
            typed(Type::String, "Hand it in as `page_token` for the next page; `null` on the last.")
                .schema_type(SchemaType::from_iter([Type::String, Type::Null])),
        )
        .property("revision", revision_schema())
        .required("items")
        .required("next_page_token")
        .required("revision")
}

fn count_schema() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("How many objects there are."))
        .property("count", typed(Type::Integer, "How many.").minimum(Some(0)))
        .property("revision", revision_schema())
        .required("count")
        .required("revision")
}

fn summary_schema() -> ObjectBuilder {
    let any = |description: &str| typed(Type::Object, description);
    let group = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("key", any("The values of the fields that are grouped by."))
        .property("count", typed(Type::Integer, "How many objects.").minimum(Some(0)))
        .property("sums", any("The sums of the fields that are summed; what is absent counts as nothing."))
        .required("key")
        .required("count")
        .required("sums");
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("Counts and sums by group."))
        .property("groups", ArrayBuilder::new().items(group.build()).description(Some("In the order of their keys.")))
        .property("revision", revision_schema())
        .required("groups")
        .required("revision")
}

/// The name of a parameter among the components.
fn parameter_key(kind: Option<Kind>, name: &str) -> String {
    kind.map_or_else(|| name.to_owned(), |kind| format!("{}.{name}", kind.as_str()))
}

fn query(name: &str, schema: ObjectBuilder, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema.build()))
        .build()
}

/// The parameters that are the same for every kind.
fn common_parameters() -> Vec<Parameter> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let limit = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .maximum(Some(1000))
        .default(Some(serde_json::json!(100)));
    vec![
        query("q", text(), "Full-text search over names, ids and addresses; all words must be found."),
        query("sort", text(), "Fields separated by commas, `-` before one turns it round; by default `name,id`."),
        query("limit", limit, "How many objects a page has at most."),
        query(
            "page_token",
            text(),
            "`next_page_token` of the page before, unchanged, with the same filters and order.",
        ),
        query("min_revision", text(), "Wait until the inventory has this revision: to read what one has just written."),
        query("group_by", text(), "Fields separated by commas; one group for each of their values."),
        query("sum", text(), "Number fields separated by commas; their sum in each group."),
    ]
}

const LIST: &[&str] = &["q", "sort", "limit", "page_token", "min_revision"];
const COUNT: &[&str] = &["q", "min_revision"];
const SUMMARY: &[&str] = &["group_by", "sum", "q", "min_revision"];

/// The operators of a type, each with what it means.
fn operators(field_type: FieldType) -> &'static [(&'static str, &'static str)] {
    const NOT: (&str, &str) = ("ne", "is none of these, separated by commas");
    const EXISTS: (&str, &str) = ("exists", "whether the platform tells it at all");
    const CONTAINS: (&str, &str) = ("contains", "contains this text");
    const PREFIX: (&str, &str) = ("prefix", "begins with this text");
    const ORDER: [(&str, &str); 4] =
        [("gt", "is more than"), ("gte", "is at least"), ("lt", "is less than"), ("lte", "is at most")];
    match field_type {
        FieldType::Text | FieldType::TextList => &[NOT, CONTAINS, PREFIX, EXISTS],
        FieldType::Integer | FieldType::Time => &[NOT, ORDER[0], ORDER[1], ORDER[2], ORDER[3], EXISTS],
        FieldType::Word(_) | FieldType::Boolean | FieldType::Id | FieldType::IdList => &[NOT, EXISTS],
    }
}

/// The filters of a kind: every field by itself, and with each of its operators.
fn filters(kind: Kind) -> Vec<Parameter> {
    let fields = common_fields().iter().copied().chain(Object::fields(kind));
    fields
        .flat_map(|field| {
            let doc = field.doc.trim_end_matches('.');
            let equal =
                query(field.name, equality_schema(&field), &format!("{doc}: is one of these, separated by commas."));
            let others = operators(field.field_type).iter().map(move |(operator, meaning)| {
                let schema = operand_schema(&field, operator);
                query(&format!("{}.{operator}", field.name), schema, &format!("{doc}: {meaning}."))
            });
            std::iter::once(equal).chain(others)
        })
        .collect()
}

/// Equality takes several values separated by commas, so it is a text, unless only one makes sense.
fn equality_schema(field: &FieldSpec) -> ObjectBuilder {
    match field.field_type {
        FieldType::Boolean => ObjectBuilder::new().schema_type(Type::Boolean),
        FieldType::Word(words) => ObjectBuilder::new()
            .schema_type(Type::String)
            .examples(words.iter().take(1).map(|word| serde_json::json!(word))),
        _ => ObjectBuilder::new().schema_type(Type::String),
    }
}

fn operand_schema(field: &FieldSpec, operator: &str) -> ObjectBuilder {
    let object = ObjectBuilder::new();
    match (operator, field.field_type) {
        ("exists", _) => object.schema_type(Type::Boolean),
        ("gt" | "gte" | "lt" | "lte", FieldType::Integer) => object.schema_type(Type::Integer),
        ("gt" | "gte" | "lt" | "lte", _) => {
            object.schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        }
        _ => object.schema_type(Type::String),
    }
}

fn parameter_ref(key: &str) -> Ref {
    Ref::new(format!("#/components/parameters/{key}"))
}

fn operation(kind: Kind, id: &str, summary: String, common: &[&str], filtered: bool) -> OperationBuilder {
    let mut operation = OperationBuilder::new()
        .tag("Inventory")
        .summary(Some(summary))
        .operation_id(Some(format!("{}_{id}", kind.as_str())));
    for name in common {
        operation = operation.parameter_ref(parameter_ref(&parameter_key(None, name)));
    }
    if filtered {
        for filter in filters(kind) {
            operation = operation.parameter_ref(parameter_ref(&parameter_key(Some(kind), &filter.name)));
        }
    }
    operation
}

fn ok(schema: &str, description: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
    ResponseBuilder::new().description(description).content("application/json", content).build()
}

fn list(kind: Kind) -> PathItem {
    let operation = operation(kind, "list", format!("List {}", kind.plural_words()), LIST, true)
        .response("200", ok(&format!("{}List", noun_name(kind)), "A page."))
        .build();
    PathItem::new(HttpMethod::Get, operation)
}

fn count(kind: Kind) -> PathItem {
    let operation = operation(kind, "count", format!("Count {}", kind.plural_words()), COUNT, true)
        .response("200", ok("Count", "How many there are."))
        .build();
    PathItem::new(HttpMethod::Get, operation)
}

fn summary(kind: Kind) -> PathItem {
    let operation =
        operation(kind, "summary", format!("Count and sum {} by group", kind.plural_words()), SUMMARY, true)
            .response("200", ok("Summary", "The groups."))
            .build();
    PathItem::new(HttpMethod::Get, operation)
}

fn id_parameter() -> Parameter {
    ParameterBuilder::new()
        .name("id")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("The object's id."))
        .schema(Some(formatted(KnownFormat::Uuid, "A UUID.").build()))
        .build()
}

fn changes(kind: Kind) -> PathItem {
    let summary = format!("What changed in one of the {}", kind.plural_words());
    let operation = operation(kind, "changes", summary, &["limit", "page_token"], false)
        .description(Some(
            "Newest first, each with the fields that changed, before and after. Left out are `native` and figures that \
             move by themselves, such as used space. Kept for 30 days, at most 200 of each object; also of one that is gone.",
        ))
        .parameter(id_parameter())
        .response("200", ok("ObjectChanges", "A page."))
        .build();
    PathItem::new(HttpMethod::Get, operation)
}

fn read(kind: Kind) -> PathItem {
    let if_none_match = ParameterBuilder::new()
        .name("if-none-match")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("The `ETag` of what the caller has."))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
        .build();
    let mut found = ok(&object_name(kind), "The object.");
    let etag = HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
        .description(Some("Equal while the answer is."))
        .build();
    found.headers.insert("etag".to_owned(), etag.into());
    let operation = operation(kind, "get", format!("Get one of the {}", kind.plural_words()), &[], false)
        .parameter(id_parameter())
        .parameter(if_none_match)
        .response("200", found)
        .response("304", ResponseBuilder::new().description("It is what the caller has.").build())
        .build();
    PathItemBuilder::new().operation(HttpMethod::Get, operation).build()
}
