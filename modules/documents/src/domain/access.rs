//! Who may see a document: whoever may see its application (`core-model.md` §1).

use opencity_kernel::auth::{Caller, CallerKind};
use opencity_kernel::id::{OfficeId, ServiceId, UserId};

/// What the rights on a document depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub owner: UserId,
    pub service: ServiceId,
    /// The office that the application is assigned to.
    pub office: Option<OfficeId>,
    /// The operator that it is assigned to.
    pub operator: Option<UserId>,
    /// The services linked to the caller's offices.
    pub linked: &'a [ServiceId],
}

/// Whether the caller may see the document.
pub(crate) fn may_see(caller: &Caller, subject: Subject<'_>) -> bool {
    match &caller.kind {
        CallerKind::Citizen { .. } => caller.id == subject.owner,
        CallerKind::Administrator(_) | CallerKind::Platform | CallerKind::Service(_) => true,
        CallerKind::Operator(operator) => {
            operator.system_user
                || operator.enabled_services.contains(&subject.service)
                || subject.operator == Some(operator.id)
                || subject
                    .office
                    .is_some_and(|office| operator.offices.contains(&office))
                || subject.linked.contains(&subject.service)
        }
    }
}
