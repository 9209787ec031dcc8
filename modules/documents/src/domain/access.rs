//! Who may see a document: whoever may see its application (`core-model.md` §1), or the folder of a citizen that it lies in.

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
        CallerKind::Administrator(_) | CallerKind::Service(_) => true,
        CallerKind::Platform => false,
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

/// What somebody is to the folder of a citizen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The citizen.
    Owner,
    /// An administrator, a system operator, an operator of one of its services; another module.
    Office,
    /// Anybody else.
    Stranger,
}

/// What the caller is to a citizen's folder about these services; `linked` are those of the caller's offices.
pub(crate) fn standing(
    caller: &Caller,
    owner: UserId,
    services: &[ServiceId],
    linked: &[ServiceId],
) -> Standing {
    let works = |service: &ServiceId| caller.works_service(*service) || linked.contains(service);
    match &caller.kind {
        CallerKind::Citizen { .. } if caller.id == owner => Standing::Owner,
        CallerKind::Citizen { .. } | CallerKind::Platform => Standing::Stranger,
        CallerKind::Administrator(_) | CallerKind::Service(_) => Standing::Office,
        CallerKind::Operator(operator) if operator.system_user => Standing::Office,
        CallerKind::Operator(_) if services.iter().any(works) => Standing::Office,
        CallerKind::Operator(_) => Standing::Stranger,
    }
}
