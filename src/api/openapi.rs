//! The API's description, OpenAPI 3.1: put together from the routes themselves. Deterministic, so that it can be checked
//! in and compared.

use std::io::Write as _;

use bytes::Bytes;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ComponentsBuilder, ObjectBuilder, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr};
use utoipa_axum::router::OpenApiRouter;

use super::problem::ProblemType;
use super::v1::nouns_doc;
use super::{Api, Routes};

const DESCRIPTION: &str = "\
One live inventory of VMware and KVM machines.

- Sign in with `POST /v1/login` and send the token as `Authorization: Bearer <token>`.
- Lists name a `revision`; `GET /v1/watch?from_revision=…` from there misses nothing and repeats nothing.
- Sizes carry their unit in the name (`memory_mib`). Times are RFC 3339, UTC. Ids are UUIDs. What a platform does not \
tell is `null`.
- While a platform cannot be reached the states of its objects read `unknown`, `last_known_…` says what was seen last, \
and nothing else changes.
- Errors are problem details (RFC 9457); their `type` leads to a page that says how to mend them.
";

/// The description, as pretty JSON with a line feed at its end.
#[must_use]
pub fn openapi() -> String {
    // The document holds nothing that JSON cannot; should it ever, the test of its content says so.
    let mut text = document().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// The description, ready to be sent. Compressed once: to do so costs a core for some milliseconds, and anybody may ask.
pub(super) struct Described {
    pub(super) plain: Bytes,
    pub(super) gzip: Bytes,
    /// The entity tag of both.
    pub(super) etag: String,
}

impl Described {
    pub(super) fn new(text: &str) -> Self {
        let hash = blake3::hash(text.as_bytes()).to_hex();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        // It is written into memory: there is nothing that could fail.
        let gzip = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).unwrap_or_default();
        Self {
            plain: text.to_owned().into(),
            gzip: gzip.into(),
            etag: format!("\"{}\"", hash.get(..16).unwrap_or_default()),
        }
    }
}

/// The description.
pub(super) fn document() -> OpenApi {
    let Routes { public, quick, slow, endless } = Routes::new();
    let routes: OpenApiRouter<Api> =
        OpenApiRouter::with_openapi(head()).merge(public).merge(quick).merge(slow).merge(endless);
    let mut document = routes.into_openapi();
    for item in document.paths.paths.values_mut() {
        operations(item).for_each(|operation| {
            // Whatever can go wrong is said in one form.
            let problem = RefOr::Ref(Ref::from_response_name("Problem"));
            operation.responses.responses.entry("default".to_owned()).or_insert(problem);
        });
    }
    if let Some(components) = &mut document.components {
        // Merging leaves parameters out.
        components.parameters.extend(nouns_doc::parameters().map(|(key, parameter)| (key, parameter.into())));
    }
    document
}

/// The operations of a path.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.patch, &mut item.put, &mut item.delete]
        .into_iter()
        .filter_map(Option::as_mut)
}

fn head() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Spandrel")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A token of `POST /v1/login` or `POST /v1/tokens`."))
        .build();
    let cookie = ApiKeyValue::with_description(
        "spandrel",
        "The cookie of `POST /v1/login/cookie` (`__Host-spandrel` under https). What changes something also needs the \
         header `X-Spandrel-Portal: 1`, from a page of the gateway.",
    );
    let problem = ResponseBuilder::new()
        .description("A problem (RFC 9457). `type` leads to a page that says how to mend it.")
        .content(
            "application/problem+json",
            ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build(),
        )
        .build();
    let components = ComponentsBuilder::new()
        .security_scheme("bearer", SecurityScheme::Http(bearer))
        .security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)))
        .schema("Problem", problem_schema())
        .response("Problem", problem)
        .build();
    let tag = |name: &str, text: &str| TagBuilder::new().name(name).description(Some(text)).build();
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .security(Some(["bearer", "cookie"].map(|scheme| SecurityRequirement::new(scheme, [] as [&str; 0]))))
        .tags(Some([
            tag("Session", "Signing in and out, and tokens for programs."),
            tag("Providers", "The platforms that are joined: vCenters, ESXi hosts, KVM clusters."),
            tag("Inventory", "What the platforms hold, in one model; searching it and following its changes."),
            tag("Tenants", "Who shares the platforms: tenants, their projects, users and groups."),
            tag("Access", "Who may do what: roles, bindings, and why."),
            tag("Ownership", "Whose machines are."),
            tag("Quotas", "How much tenants and projects may hold."),
            tag("Audit", "Who did what, in a chain of hashes."),
            tag("Gateway", "The gateway itself."),
        ]))
        .build()
}

fn problem_schema() -> ObjectBuilder {
    let text = |description: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(description));
    let types = ProblemType::ALL.iter().map(|kind| kind.uri());
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("What went wrong, and how to mend it."))
        .property(
            "type",
            text("What kind of problem it is, for programs: the address of its page.").enum_values(Some(types)),
        )
        .property("title", text("The same for every occurrence."))
        .property("status", ObjectBuilder::new().schema_type(Type::Integer).description(Some("The HTTP status.")))
        .property("detail", text("What is wrong with this request, and how to mend it."))
        .property("instance", text("The path that was asked."))
        .property("request_id", text("By which it is found in the gateway's log."))
        .property("field", text("The parameter, header, or member of the body that is wrong."))
        .property("pointer", text("The JSON pointer of that member."))
        .property(
            "allowed",
            utoipa::openapi::schema::ArrayBuilder::new()
                .items(text("A word."))
                .description(Some("What would be accepted there.")),
        )
        .required("type")
        .required("title")
        .required("status")
        .required("detail")
}
