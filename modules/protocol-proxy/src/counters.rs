//! The metrics of a protocol proxy (`documents.md` §6).

/// The event read is not valid.
pub(crate) fn validation_error() {
    metrics::counter!("oc_document_validation_errors_total").increment(1);
}

/// A document that has a configuration was registered.
pub(crate) fn success() {
    metrics::counter!("oc_document_success_events_total").increment(1);
}

/// A document that has a configuration could not be registered.
pub(crate) fn failed() {
    metrics::counter!("oc_document_failed_events_total").increment(1);
}

/// The registry failed or refused.
pub(crate) fn provider_error() {
    metrics::counter!("oc_document_provider_errors_total").increment(1);
}
