//! What is sent, to whom, and when it is tried again.

use std::time::Duration;

use opencity_contracts::ApplicationStatus;
use opencity_contracts::message::{Message, TransmissionType, Visibility};
use opencity_kernel::directory::Principal;
use opencity_kernel::id::{OfficeId, ServiceId, UserId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A mail to deliver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// The first recipients.
    pub to: Vec<String>,
    /// Recipients of a copy.
    pub cc: Vec<String>,
    /// The subject.
    pub subject: String,
    /// HTML.
    pub html: String,
}

/// Where a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// To be tried.
    Pending,
    /// Handed over.
    Sent,
    /// Given up.
    Failed,
}

impl State {
    /// As stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Pending, Self::Sent, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// Pauses after each failed attempt; after the last one it is given up.
const PAUSES: [Duration; 8] = [
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(3600),
    Duration::from_secs(3 * 3600),
    Duration::from_secs(6 * 3600),
    Duration::from_secs(12 * 3600),
    Duration::from_secs(24 * 3600),
];

/// How long to wait after this many failed attempts; `None` = no more.
#[must_use]
pub fn pause_after(failures: i64) -> Option<Duration> {
    usize::try_from(failures)
        .ok()?
        .checked_sub(1)
        .and_then(|index| PAUSES.get(index))
        .copied()
}

/// Whether a mail box can be behind an address: the platform gives citizens without one an address
/// that leads nowhere.
#[must_use]
pub fn is_deliverable(address: &str) -> bool {
    address.contains('@')
        && !address.ends_with(".didnt.have.my.email.tld")
        && !address.ends_with(".fake.email.tld")
}

/// Whether the citizen is written to by this event of a message: at its first one, unless somebody
/// has sent it already.
#[must_use]
pub fn goes_to_applicant(message: &Message, first_event: bool) -> bool {
    first_event
        && message.sent_at.is_none()
        && message.visibility == Visibility::Applicant
        && message.transmission_type == TransmissionType::Outbound
}

/// Whether the assigned operator is told of this event of a message: the citizen wrote.
#[must_use]
pub fn tells_assigned(message: &Message, first_event: bool) -> bool {
    first_event
        && message.visibility == Visibility::Applicant
        && message.transmission_type == TransmissionType::Inbound
}

/// What operators are told when an application enters a state (decisions §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// To whoever works the service: a new application, acquired or registered.
    ToService(&'static str),
    /// To whom it is assigned.
    ToAssigned(&'static str),
}

/// The notice of a state; `by_citizen` = the act that led there is the applicant's own.
#[must_use]
pub fn notice(
    entered: ApplicationStatus,
    protocol_required: bool,
    by_citizen: bool,
) -> Option<Notice> {
    match entered {
        ApplicationStatus::Submitted if !protocol_required => Some(Notice::ToService("submitted")),
        ApplicationStatus::Registered => Some(Notice::ToService("registered")),
        ApplicationStatus::SubmittedAfterIntegration if by_citizen => {
            Some(Notice::ToAssigned("integration_answered"))
        }
        ApplicationStatus::PaymentSuccess => Some(Notice::ToAssigned("paid")),
        ApplicationStatus::Withdrawn => Some(Notice::ToAssigned("withdrawn")),
        _ => None,
    }
}

/// The addresses of the operators that work a service: enabled on it, or members of its offices.
/// System operators are programs and read events.
#[must_use]
pub fn working(
    staff: &[Principal],
    service: ServiceId,
    offices: &BTreeSet<OfficeId>,
) -> Vec<String> {
    addresses(staff.iter().filter(|one| {
        one.role == "operator"
            && !one.system_user
            && (one.enabled_services.contains(&service) || !one.offices.is_disjoint(offices))
    }))
}

/// The addresses of whom an application is assigned to: the operator, or with an office alone its
/// members.
#[must_use]
pub fn assigned(
    staff: &[Principal],
    operator: Option<UserId>,
    office: Option<OfficeId>,
) -> Vec<String> {
    addresses(staff.iter().filter(|one| match (operator, office) {
        (Some(operator), _) => one.id == operator,
        (None, Some(office)) => one.offices.contains(&office) && !one.system_user,
        (None, None) => false,
    }))
}

fn addresses<'a>(staff: impl Iterator<Item = &'a Principal>) -> Vec<String> {
    staff
        .filter_map(|one| one.email.clone())
        .filter(|address| is_deliverable(address))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_tried_nine_times() {
        assert_eq!(pause_after(1), Some(Duration::from_secs(60)));
        assert_eq!(pause_after(8), Some(Duration::from_secs(86400)));
        assert_eq!(pause_after(9), None);
    }

    #[test]
    fn nobody_writes_to_the_addresses_that_lead_nowhere() {
        assert!(!is_deliverable("5b00796e@cps.didnt.have.my.email.tld"));
        assert!(!is_deliverable("5b00796e@anonymous.fake.email.tld"));
        assert!(is_deliverable("mario.rossi@example.org"));
    }

    #[test]
    fn operators_are_told_of_a_new_application_once() {
        assert_eq!(notice(ApplicationStatus::Submitted, true, true), None);
        assert_eq!(
            notice(ApplicationStatus::Registered, true, true),
            Some(Notice::ToService("registered"))
        );
        assert_eq!(
            notice(ApplicationStatus::Submitted, false, true),
            Some(Notice::ToService("submitted"))
        );
    }

    #[test]
    fn an_answer_that_the_operator_takes_himself_is_no_news_to_him() {
        assert_eq!(
            notice(ApplicationStatus::SubmittedAfterIntegration, true, false),
            None
        );
    }
}
