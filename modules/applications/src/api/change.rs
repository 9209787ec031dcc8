//! A change of one application by a caller: read, decided and written in one transaction.

use std::sync::Arc;

use opencity_formio::{Form, Mode};
use opencity_kernel::db::{DbError, Priority, WriteScope};
use opencity_kernel::http::Scope;
use opencity_kernel::id::{ApplicationId, FormId};
use opencity_kernel::{Problem, ProblemKind, auth};
use serde_json::Value;

use super::{State, create, met};
use crate::aggregate::{Aggregate, Circumstances};
use crate::domain::{self, Action, Status};
use crate::engine::{self, Actor, EngineError, Inputs};
use crate::store::{application, replica};
use crate::submission::{self, Submission};

/// The most characters of what is written with an action: the history shows it.
const NOTE: usize = 50_000;
/// What to do about a longer one.
pub(super) const TOO_LONG: &str = "Give at most 50,000 characters.";

/// Whether a text may be written with an action.
pub(super) fn fits(note: &str) -> bool {
    note.chars().count() <= NOTE
}

/// A change under way, in its transaction.
pub(super) struct Work<'a, 'c> {
    pub(super) scope: &'a mut WriteScope<'c>,
    pub(super) state: State,
    pub(super) site: String,
    pub(super) caller: auth::Caller,
    pub(super) relation: domain::Caller,
    pub(super) aggregate: Aggregate,
}

/// Does a change on an application in one transaction.
///
/// # Errors
/// 404 for an unknown id, then what the work says.
pub(super) async fn change<T: Send + 'static>(
    state: &State,
    scope: &Scope,
    caller: auth::Caller,
    id: ApplicationId,
    work: impl FnOnce(&mut Work<'_, '_>) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    change_as(
        state,
        Priority::Request,
        state.site(scope),
        caller,
        id,
        work,
    )
    .await
}

/// The same, with a priority; `site` is how the tenant's addresses begin in events.
///
/// # Errors
/// As [`change`].
pub(super) async fn change_as<T: Send + 'static>(
    state: &State,
    priority: Priority,
    site: String,
    caller: auth::Caller,
    id: ApplicationId,
    work: impl FnOnce(&mut Work<'_, '_>) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let database = state.ctx.db.clone();
    let state = state.clone();
    database
        .write_as(priority, caller.tenancy(), move |scope| {
            application::lock(scope, id)?;
            let (aggregate, relation) = met(scope, &site, &caller, id)?;
            work(&mut Work {
                scope,
                state,
                site,
                caller,
                relation,
                aggregate,
            })
        })
        .await
}

/// Whether a caller may do an action on an application now, before anything is stored for it.
///
/// # Errors
/// 404 for an unknown id, then what the table says.
pub(super) async fn may(
    state: &State,
    scope: &Scope,
    caller: &auth::Caller,
    id: ApplicationId,
    action: Action,
) -> Result<(), Problem> {
    let (site, by) = (state.site(scope), caller.clone());
    state
        .ctx
        .db
        .read::<_, Problem>(caller.tenancy(), move |scope| {
            let (aggregate, relation) = met(scope, &site, &by, id)?;
            engine::check(&aggregate, &relation, action, Circumstances::default())?;
            Ok(())
        })
        .await
}

impl Work<'_, '_> {
    /// Whether the table lets an action through, before anything else is looked at.
    pub(super) fn check(&self, action: Action, about: Circumstances) -> Result<(), Problem> {
        engine::check(&self.aggregate, &self.relation, action, about)?;
        Ok(())
    }

    /// Does an action.
    pub(super) fn apply(&mut self, action: Action, inputs: Inputs) -> Result<(), Problem> {
        if !inputs.note.as_deref().is_none_or(fits) {
            self.check(action, Circumstances::default())?;
            return Err(Problem::field("message", "max_length", TOO_LONG));
        }
        let actor = Actor::of(&self.caller, self.relation);
        let done = engine::apply(
            self.scope,
            &self.site,
            &mut self.aggregate,
            &actor,
            action,
            inputs,
        );
        match done {
            Err(EngineError::Database(DbError::Duplicate(_))) => Err(Problem::new(
                ProblemKind::AlreadyExists,
                "Another application has this external_id; choose another.",
            )),
            done => done.map_err(Problem::from),
        }
    }

    /// The form that the application is written on.
    pub(super) fn form(&mut self) -> Result<Option<(FormId, i32, Arc<Form>)>, Problem> {
        let row = &self.aggregate.row;
        // A draft moves on to the newest version; what was sent stays on its own.
        if row.state()? == Status::Draft {
            let Some(id) = create::form_of(&self.aggregate.service) else {
                return Ok(None);
            };
            let newest = self.state.forms.newest(self.scope, id)?;
            return Ok(newest.map(|(version, form)| (id, version, form)));
        }
        let (Some(id), Some(version)) = (row.form_id, row.form_version) else {
            return Ok(None);
        };
        Ok(self
            .state
            .forms
            .get(self.scope, id, version)?
            .map(|form| (id, version, form)))
    }

    /// Checks data against the form, in full.
    pub(super) fn read_data(
        &mut self,
        data: Option<&Value>,
        mode: Mode,
    ) -> Result<Submission, Problem> {
        let form = self.form()?;
        submission::read(
            data,
            form.as_ref().map(|(_, _, form)| &**form),
            mode,
            &self.aggregate.service,
            self.state.settings.test_bodies(),
        )
    }

    /// A citizen writes in his own name only.
    pub(super) fn check_applicant(&mut self, sent: &Submission) -> Result<(), Problem> {
        if !self.relation.is_owner || self.caller.is_anonymous() {
            return Ok(());
        }
        let citizen = replica::citizen(self.scope, self.caller.id)?
            .ok_or_else(submission::account_unknown)?;
        if submission::is_applicant(&sent.applicant, &citizen) {
            return Ok(());
        }
        Err(Problem::new(
            ProblemKind::ApplicantMismatch,
            domain::Reason::ApplicantMismatch.sentence(),
        ))
    }
}
