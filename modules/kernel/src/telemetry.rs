//! Logs and metrics.

use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::config::LogSettings;
use crate::module::StartError;

/// A gauge that is not written for so long is told no more: the process that writes it holds its lease, or its partition, no
/// longer, and its last number would stand beside that of the one that does. Each is written every 30 seconds at least.
const GAUGE_KEPT: Duration = Duration::from_secs(120);

/// Sends logs to standard error: one line each, as text or JSON.
///
/// # Errors
/// If the filter cannot be read, or logging was started already.
pub fn start_logs(settings: &LogSettings) -> Result<(), StartError> {
    let filter = EnvFilter::try_new(&settings.filter)
        .map_err(|error| StartError::new("log.filter is not valid", error))?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_span_events(FmtSpan::NONE);
    match settings.format.as_str() {
        "json" => logs.json().try_init(),
        "human" => logs.try_init(),
        other => {
            return Err(StartError(format!(
                "log.format takes human or json, not {other}"
            )));
        }
    }
    .map_err(|error| StartError::new("logging cannot start", error))
}

/// Starts the collection of metrics; the handle renders them.
///
/// # Errors
/// If another collection was started already.
pub fn start_metrics(settings: &LogSettings) -> Result<PrometheusHandle, StartError> {
    PrometheusBuilder::new()
        .idle_timeout(MetricKindMask::GAUGE, Some(GAUGE_KEPT))
        .add_global_label("cluster", &settings.cluster)
        .add_global_label("app_name", "opencity")
        .install_recorder()
        .map_err(|error| StartError::new("metrics cannot start", error))
}
