//! What files and messages must know of an application. The module's core tells it, so that rights are decided in one place.

use std::sync::Arc;

use opencity_kernel::Problem;
use opencity_kernel::auth::{Caller, Permission};
use opencity_kernel::db::{DbResult, TenantScope};
use opencity_kernel::id::{ApplicationId, ServiceId, UserId};

use crate::domain::{self, Action, Facts, Status, decide};
use crate::engine::refused;
use crate::files::Files;
use crate::store::message;

/// An application, as a caller meets it.
#[derive(Debug, Clone)]
pub struct KnownApplication {
    /// The application.
    pub id: ApplicationId,
    /// The citizen who owns it.
    pub owner: UserId,
    /// Its service.
    pub service: ServiceId,
    /// Its state.
    pub status: Status,
    /// Where the applicant gets his mail.
    pub email: Option<String>,
    /// What the caller is to it.
    pub caller: domain::Caller,
    /// What else the state table looks at.
    pub facts: Facts,
}

/// Finds applications.
pub trait Applications: Send + Sync + 'static {
    /// The application of this id as `caller` meets it; `None` if there is none. It refuses nobody.
    ///
    /// # Errors
    /// If the database refuses.
    fn known(
        &self,
        scope: &mut TenantScope<'_>,
        caller: &Caller,
        id: ApplicationId,
    ) -> DbResult<Option<KnownApplication>>;

    /// As [`known`](Self::known), for whoever may view it.
    ///
    /// # Errors
    /// [`opencity_kernel::ProblemKind::NotFound`], [`opencity_kernel::ProblemKind::Forbidden`].
    fn viewed(
        &self,
        scope: &mut TenantScope<'_>,
        caller: &Caller,
        id: ApplicationId,
    ) -> Result<KnownApplication, Problem> {
        let known = self
            .known(scope, caller, id)?
            .ok_or_else(|| Problem::not_found("application"))?;
        if known.caller.may_view() {
            Ok(known)
        } else {
            Err(Problem::forbidden(
                domain::refusal::Reason::MayNotView.sentence(),
            ))
        }
    }

    /// As [`known`](Self::known), for whoever may write a message on it now.
    ///
    /// # Errors
    /// [`opencity_kernel::ProblemKind::NotFound`], or what the state table says.
    fn writable(
        &self,
        scope: &mut TenantScope<'_>,
        caller: &Caller,
        id: ApplicationId,
    ) -> Result<KnownApplication, Problem> {
        let mut known = self
            .known(scope, caller, id)?
            .ok_or_else(|| Problem::not_found("application"))?;
        if known.facts.forward {
            known.facts.system_operator_wrote = message::system_operator_wrote(scope, id)?;
        }
        decide(known.status, Action::Message, &known.caller, &known.facts)
            .map_err(|refusal| refused(&refusal))?;
        Ok(known)
    }
}

/// What the handlers of files and messages work with. Cheap to clone.
#[derive(Clone)]
pub struct Access {
    /// The files.
    pub files: Files,
    /// The applications.
    pub applications: Arc<dyn Applications>,
}

/// Anybody with a token, other modules too: files.
#[derive(Debug)]
pub enum AnyReader {}

impl Permission for AnyReader {
    const NEEDS: &'static str = "a token";
    fn allows(_caller: &Caller) -> bool {
        true
    }
}
