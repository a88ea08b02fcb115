//! Logs, traces and metrics of the gateway itself.
//!
//! Logs go to standard error, as text or JSON. Where an endpoint is configured logs, traces and metrics go by OTLP as well;
//! metrics are also kept for Prometheus to fetch. Every module records through the `opentelemetry` and `tracing` facades.
//!
//! What is logged and what is traced have filters of their own: quieter logs do not make traces lose their spans. By OTLP goes
//! what is logged, but for what the libraries log by which it goes: sending that would make more of it, without an end.

use std::io::IsTerminal as _;
use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry::logs::LogRecord as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::{OpenTelemetryTracingBridge, TracingSpanAttributes};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord, SdkLoggerProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prometheus::process_collector::ProcessCollector;
use prometheus::{Encoder, Registry, TextEncoder};
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{Log, LogFormat, Telemetry as TelemetryConfig};

/// What was set up; ends it in order.
pub struct Telemetry {
    registry: Registry,
    metrics: SdkMeterProvider,
    traces: Option<SdkTracerProvider>,
    logs: Option<SdkLoggerProvider>,
}

/// Telemetry cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// A filter is malformed.
    #[error("the filter {filter:?} of logs or traces is malformed")]
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

/// Counts the tasks of the runtime that this is called in.
fn measure_tasks() {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    let alive = move || i64::try_from(runtime.metrics().num_alive_tasks()).unwrap_or(i64::MAX);
    let _ = opentelemetry::global::meter("spandrel")
        .i64_observable_up_down_counter("spandrel_tasks")
        .with_description("Tasks that have not ended, of clients and platforms.")
        .with_callback(move |observer| observer.observe(alive(), &[]))
        .build();
}

impl Telemetry {
    /// Sets up logs, traces and metrics for the whole process. Call once.
    ///
    /// # Errors
    /// See [`TelemetryError`].
    pub fn init(log: &Log, config: &TelemetryConfig) -> Result<Self, TelemetryError> {
        let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| log.filter.clone());
        let parse =
            |filter: String| EnvFilter::try_new(&filter).map_err(|source| TelemetryError::Filter { filter, source });
        let logged = parse(filter.clone())?;
        let sent = parse(filter)?;
        let traced = parse(config.filter.clone())?;
        let resource = Resource::builder().with_service_name("spandrel").build();

        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .build()
            .map_err(|error| TelemetryError::Metrics(Box::new(error)))?;
        let process = ProcessCollector::for_self();
        registry.register(Box::new(process)).map_err(|error| TelemetryError::Metrics(Box::new(error)))?;
        let mut metrics = SdkMeterProvider::builder().with_resource(resource.clone()).with_reader(exporter);
        let (mut traces, mut records) = (None, None);
        if let Some(endpoint) = &config.otlp_endpoint {
            let refused = |source| TelemetryError::Otlp { endpoint: endpoint.clone(), source };
            let base = endpoint.trim_end_matches('/');
            let spans = opentelemetry_otlp::SpanExporter::builder()
                .with_http()
                .with_endpoint(format!("{base}/v1/traces"))
                .build()
                .map_err(|error| refused(Box::new(error)))?;
            let tracer = SdkTracerProvider::builder().with_resource(resource.clone()).with_batch_exporter(spans);
            traces = Some(tracer.build());
            // A caller's `traceparent` makes its trace go on here. Without a receiver it would be read for nothing.
            opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
            let points = opentelemetry_otlp::MetricExporter::builder()
                .with_http()
                .with_endpoint(format!("{base}/v1/metrics"))
                .build()
                .map_err(|error| refused(Box::new(error)))?;
            metrics = metrics.with_periodic_exporter(points);
            let lines = opentelemetry_otlp::LogExporter::builder()
                .with_http()
                .with_endpoint(format!("{base}/v1/logs"))
                .build()
                .map_err(|error| refused(Box::new(error)))?;
            let provider = SdkLoggerProvider::builder().with_resource(resource).with_log_processor(Unnamed);
            records = Some(provider.with_batch_exporter(lines).build());
        }
        let metrics = metrics.build();
        opentelemetry::global::set_meter_provider(metrics.clone());
        measure_tasks();

        let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
        let logs = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colour);
        let logs = match log.format {
            LogFormat::Text => logs.boxed(),
            LogFormat::Json => logs.json().boxed(),
        };
        let spans = traces
            .as_ref()
            .map(|traces| tracing_opentelemetry::layer().with_tracer(traces.tracer("spandrel")).with_filter(traced));
        let sending = records.as_ref().map(|records| {
            OpenTelemetryTracingBridge::builder(records)
                .with_tracing_span_attributes(TracingSpanAttributes::all())
                .build()
                .with_filter(sent.and(filter_fn(|metadata| !sends(metadata.target()))))
        });
        tracing_subscriber::registry()
            .with(spans)
            .with(sending)
            .with(logs.with_filter(logged))
            .try_init()
            .map_err(TelemetryError::Twice)?;
        Ok(Self { registry, metrics, traces, logs: records })
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
        if let Some(Err(error)) = self.logs.map(|logs| logs.shutdown()) {
            tracing::debug!(%error, "logs were not sent at the end");
        }
    }
}

/// Takes the name off a log record: the `tracing` library makes it of the place in the source, which for libraries is a path of
/// the machine that built them.
#[derive(Debug)]
struct Unnamed;

impl LogProcessor for Unnamed {
    fn emit(&self, record: &mut SdkLogRecord, _scope: &InstrumentationScope) {
        record.set_event_name("");
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Whether it is of what sends telemetry: OpenTelemetry, HTTP and TLS.
fn sends(target: &str) -> bool {
    let library = target.split("::").next().unwrap_or_default();
    matches!(library, "h2" | "hyper" | "hyper_util" | "reqwest" | "rustls") || library.starts_with("opentelemetry")
}
