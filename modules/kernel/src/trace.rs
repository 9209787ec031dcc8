//! Traces: a request, and all the events that follow from it in whatever module, have one id in common. Between modules that have
//! databases of their own it goes in the header `traceparent` of W3C Trace Context,
//! <https://www.w3.org/TR/trace-context/>.

use uuid::Uuid;

#[cfg(any(test, feature = "kafka"))]
use crate::id::EventId;
use crate::id::{Id, TraceId};

/// The header's name.
pub(crate) const HEADER: &str = "traceparent";

tokio::task_local! {
    static TRACE: TraceId;
}

/// The trace that this task works for.
pub(crate) fn current() -> Option<TraceId> {
    TRACE.try_with(|trace| *trace).ok()
}

/// Works for a trace, or for none that is known.
pub(crate) async fn scope<F: Future>(trace: Option<TraceId>, work: F) -> F::Output {
    match trace {
        Some(trace) => TRACE.scope(trace, work).await,
        None => work.await,
    }
}

/// The trace of a request: the caller's, or a new one that is spelled as the request's id where that is a UUID, so that one
/// finds the other.
pub(crate) fn of_request(header: Option<&str>, request_id: &str) -> TraceId {
    header
        .and_then(read)
        .or_else(|| request_id.parse().ok())
        .unwrap_or_default()
}

/// The header of an event of this trace.
#[cfg(any(test, feature = "kafka"))]
pub(crate) fn header(trace: TraceId, event: EventId) -> String {
    // The second half of a UUID of version 7 is random.
    let (_, span) = event.uuid().as_u64_pair();
    format!("00-{}-{span:016x}-01", trace.uuid().simple())
}

/// The trace that a header names; nothing if it is not one.
pub(crate) fn read(header: &str) -> Option<TraceId> {
    let mut parts = header.split('-');
    let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, length: usize| {
        text.len() == length
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            && text.bytes().any(|byte| byte != b'0')
    };
    let known = version == "00" && hex(trace, 32) && hex(span, 16) && parts.next()?.len() == 2;
    if !known || parts.next().is_some() {
        return None;
    }
    Uuid::try_parse(trace).ok().map(Id::from_uuid)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_goes_on_with_the_caller_s_trace_or_has_the_one_of_its_own_id() {
        let id = "01943ffe-0680-7438-ae6b-a7bca9d37914";
        let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let of = |header, id| of_request(header, id).to_string();
        assert_eq!(of(Some(given), id), "4bf92f35-77b3-4da6-a3ce-929d0e0e4736");
        assert_eq!(of(None, id), id);
        assert_eq!(of(Some("nonsense"), id), id);
        assert_ne!(of(None, "not-a-uuid"), of(None, "not-a-uuid"));
    }

    #[test]
    fn a_header_that_the_standard_forbids_names_no_trace() {
        for header in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(read(header), None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(trace in 1_u128.., event in 1_u64..) {
            let trace: TraceId = Id::from_uuid(Uuid::from_u128(trace));
            let event = Id::from_uuid(Uuid::from_u128(event.into()));
            prop_assert_eq!(read(&header(trace, event)), Some(trace));
        }

        #[test]
        fn nothing_that_is_sent_disturbs(header in ".{0,80}") {
            let _ = read(&header);
        }
    }
}
