//! Logs, traces and metrics of the gateway itself.
//!
//! Logs go to standard error, as text or JSON. Traces and metrics go by OTLP where an endpoint is configured; metrics are
//! also kept for Prometheus to fetch. Every module records through the `opentelemetry` and `tracing` facades.

use std::io::IsTerminal as _;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prometheus::{Encoder, Registry, TextEncoder};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{Log, LogFormat, Telemetry as TelemetryConfig};

/// What was set up; ends it in order.
pub struct Telemetry {
    registry: Registry,
    metrics: SdkMeterProvider,
    traces: Option<SdkTracerProvider>,
}

/// Telemetry cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is malformed.
    #[error("the log filter {filter:?} is malformed")]
    Filter {
        /// The filter.
        filter: String,
        /// Where.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// The metrics exporter refused.
    #[error("metrics cannot be exported")]
    Metrics(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The OTLP exporter refused.
    #[error("telemetry cannot be sent to {endpoint}")]
    Otlp {
        /// The receiver.
        endpoint: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A subscriber is set already.
    #[error("logging is set up twice")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

impl Telemetry {
    /// Sets up logs, traces and metrics for the whole process. Call once.
    ///
    /// # Errors
    /// See [`TelemetryError`].
    pub fn init(log: &Log, config: &TelemetryConfig) -> Result<Self, TelemetryError> {
        let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| log.filter.clone());
        let filter = EnvFilter::try_new(&filter).map_err(|source| TelemetryError::Filter { filter, source })?;
        let resource = Resource::builder().with_service_name("spandrel").build();

        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .build()
            .map_err(|error| TelemetryError::Metrics(Box::new(error)))?;
        let mut metrics = SdkMeterProvider::builder().with_resource(resource.clone()).with_reader(exporter);
        let mut traces = None;
        if let Some(endpoint) = &config.otlp_endpoint {
            let refused = |source| TelemetryError::Otlp { endpoint: endpoint.clone(), source };
            let base = endpoint.trim_end_matches('/');
            let spans = opentelemetry_otlp::SpanExporter::builder()
                .with_http()
                .with_endpoint(format!("{base}/v1/traces"))
                .build()
                .map_err(|error| refused(Box::new(error)))?;
            traces = Some(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(spans).build());
            let points = opentelemetry_otlp::MetricExporter::builder()
                .with_http()
                .with_endpoint(format!("{base}/v1/metrics"))
                .build()
                .map_err(|error| refused(Box::new(error)))?;
            metrics = metrics.with_periodic_exporter(points);
        }
        let metrics = metrics.build();
        opentelemetry::global::set_meter_provider(metrics.clone());

        let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
        let logs = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colour);
        let logs = match log.format {
            LogFormat::Text => logs.boxed(),
            LogFormat::Json => logs.json().boxed(),
        };
        let spans = traces.as_ref().map(|traces| tracing_opentelemetry::layer().with_tracer(traces.tracer("spandrel")));
        tracing_subscriber::registry().with(spans).with(logs).with(filter).try_init().map_err(TelemetryError::Twice)?;
        Ok(Self { registry, metrics, traces })
    }

    /// A function that writes all metrics in the text format of Prometheus.
    pub fn metrics_text(&self) -> impl Fn() -> String + Send + Sync + 'static {
        let registry = self.registry.clone();
        move || {
            let mut text = Vec::new();
            if let Err(error) = TextEncoder::new().encode(&registry.gather(), &mut text) {
                tracing::error!(%error, "metrics cannot be written");
            }
            String::from_utf8_lossy(&text).into_owned()
        }
    }

    /// Sends what is left and stops.
    pub fn shutdown(self) {
        if let Err(error) = self.metrics.shutdown() {
            tracing::debug!(%error, "metrics were not sent at the end");
        }
        if let Some(Err(error)) = self.traces.map(|traces| traces.shutdown()) {
            tracing::debug!(%error, "traces were not sent at the end");
        }
    }
}
