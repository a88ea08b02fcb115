//! The public API: REST, problem details, a change stream, and its own description.
//!
//! Every route is documented where it is made ([`utoipa_axum`] for single ones, [`v1::nouns`] for the collections of the
//! inventory), so that the description cannot name what is not there. Everything under `/v1` asks for a token but for
//! what stands in `public`; the layers are put on here and nowhere else.

mod audit;
mod connections;
mod cookie;
pub mod extract;
mod middleware;
mod once;
mod openapi;
mod pages;
mod portal;
pub mod problem;
pub mod server;
mod system;
#[cfg(test)]
mod tests;
mod v1;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::header;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

pub use middleware::REQUEST_ID;
pub use openapi::openapi;

/// Writes all metrics in the text format of Prometheus.
pub type MetricsText = Arc<dyn Fn() -> String + Send + Sync>;

/// What the API needs besides the use cases.
#[derive(Clone)]
pub struct ApiOptions {
    /// Answers `/metrics`.
    pub metrics_text: MetricsText,
    /// Cancelled when the process is about to stop: watchers are told and let go.
    pub shutdown: CancellationToken,
    /// How long a request may take.
    pub time_limit: Duration,
    /// How long a test of a connection may take.
    pub test_time_limit: Duration,
    /// How often an idle watcher is told how far the change log has come.
    pub bookmark_every: Duration,
}

impl ApiOptions {
    /// The usual bounds.
    pub fn new(metrics_text: impl Fn() -> String + Send + Sync + 'static, shutdown: CancellationToken) -> Self {
        Self {
            metrics_text: Arc::new(metrics_text),
            shutdown,
            time_limit: Duration::from_secs(30),
            test_time_limit: Duration::from_secs(120),
            bookmark_every: Duration::from_secs(15),
        }
    }
}

/// What handlers share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Api(Arc<Parts>);

struct Parts {
    app: App,
    options: ApiOptions,
    metrics: middleware::Metrics,
    watch_metrics: v1::watch::Metrics,
    openapi: openapi::Described,
}

impl Api {
    fn app(&self) -> &App {
        &self.0.app
    }

    fn options(&self) -> &ApiOptions {
        &self.0.options
    }

    fn metrics(&self) -> &middleware::Metrics {
        &self.0.metrics
    }

    fn watch_metrics(&self) -> &v1::watch::Metrics {
        &self.0.watch_metrics
    }

    fn openapi(&self) -> &openapi::Described {
        &self.0.openapi
    }
}

/// The routes with their descriptions, without any layer, by what stands before them.
struct Routes {
    /// For everybody.
    public: OpenApiRouter<Api>,
    /// For who is signed in.
    quick: OpenApiRouter<Api>,
    /// The same, with more time.
    slow: OpenApiRouter<Api>,
    /// The same, without end.
    endless: OpenApiRouter<Api>,
}

impl Routes {
    fn new() -> Self {
        Self {
            public: system::routes().merge(v1::session::public_routes()).merge(pages::routes()),
            quick: OpenApiRouter::default()
                .merge(v1::session::routes())
                .merge(v1::tokens::routes())
                .merge(v1::tenants::routes())
                .merge(v1::projects::routes())
                .merge(v1::users::routes())
                .merge(v1::groups::routes())
                .merge(v1::roles::routes())
                .merge(v1::bindings::routes())
                .merge(v1::ownership::routes())
                .merge(v1::quotas::routes())
                .merge(v1::providers::routes())
                .merge(v1::history::routes())
                .merge(v1::audit::routes())
                .merge(v1::search::routes())
                .merge(v1::nouns::routes()),
            slow: v1::providers::test_routes().merge(v1::audit::slow_routes()),
            endless: v1::watch::routes(),
        }
    }
}

/// The whole HTTP service. Serve it with `into_make_service_with_connect_info::<SocketAddr>()`, so that the back-off of
/// sign-ins can tell clients apart. The meter provider must be set before.
pub fn router(app: App, options: ApiOptions) -> Router {
    let (time_limit, test_time_limit) = (options.time_limit, options.test_time_limit);
    let api = Api(Arc::new(Parts {
        app,
        options,
        metrics: middleware::Metrics::new(),
        watch_metrics: v1::watch::Metrics::new(),
        openapi: openapi::Described::new(&openapi()),
    }));
    let Routes { public, quick, slow, endless } = Routes::new();
    let limited = |routes: OpenApiRouter<Api>, limit: Duration| {
        let routes = Router::from(routes).method_not_allowed_fallback(middleware::method_not_allowed);
        routes.layer(from_fn(move |request: Request, next: Next| middleware::limit_time(limit, request, next)))
    };
    let signed_in = limited(quick, time_limit)
        .merge(limited(slow, test_time_limit))
        .merge(Router::from(endless).method_not_allowed_fallback(middleware::method_not_allowed))
        .route_layer(from_fn_with_state(api.clone(), middleware::authenticate));
    limited(public, time_limit)
        .merge(signed_in)
        .fallback(portal::fallback)
        .layer(CompressionLayer::new())
        .layer(CatchPanicLayer::custom(middleware::panicked))
        .layer(from_fn_with_state(api.clone(), audit::record))
        .layer(from_fn_with_state(api.clone(), middleware::observe))
        .layer(SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION, header::COOKIE]))
        .with_state(api)
}
