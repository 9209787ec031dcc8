//! Taking in charge and assigning to others: operator and office, as the directory knows them.

use opencity_kernel::ProblemKind;
use opencity_kernel::directory::Principal;
use opencity_kernel::id::{OfficeId, UserId};
use opencity_kernel::instant::Instant;

use super::*;

/// To whom; nothing: to the caller.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = Assignment, example = json!({"user_group_id": "01943ffe-0680-7438-ae6b-000000000101", "user_id": null}))]
#[serde(default)]
pub struct Assignment {
    /// The office.
    pub user_group_id: Option<OfficeId>,
    /// The operator; null with an office: the office alone.
    pub user_id: Option<UserId>,
    /// What is written with it.
    #[schema(max_length = 50000)]
    pub message: Option<String>,
    /// When it was assigned.
    pub assigned_at: Option<Instant>,
}

transitions! {
    assign "/lang/api/applications/{id}/transition/assign" "applications.transition.assign"
        "Take in charge, or assign to somebody else"
        "Whoever works at the desk of the service takes it in charge, or gives it to an operator, to an office, or to \
         an operator as a member of an office: from 2000 or 3000 to 4000, once a number that is required is there; from \
         4000 to 4500 it changes the assignee alone, who must be another one. Not where the `workflow` is `forward`. \
         Nothing named: the caller. `message` is kept in the history."
        Assignment (Option<Assignment>) Action::Assign;
    (state, scope, caller, id, body) {
        let known = Known::find(&state, &caller, &body).await?;
        change(&state, &scope, caller, id, move |work| take_over(work, &known, body)).await
    }
}

/// Takes in charge, or assigns to somebody else.
pub(in crate::api) fn take_over(
    work: &mut Work<'_, '_>,
    known: &Known,
    body: Assignment,
) -> Result<(), Problem> {
    work.check(Action::Assign, Circumstances::default())?;
    let assignee = known.assignee(work, &body)?;
    work.apply(
        Action::Assign,
        Inputs {
            note: body.message,
            assignee: Some(assignee),
            at: body.assigned_at,
            ..Inputs::default()
        },
    )
}

/// What the directory says of an assignment.
pub(in crate::api) struct Known {
    operator: Option<Principal>,
    offices: Vec<(OfficeId, String)>,
}

impl Known {
    pub(in crate::api) async fn find(
        state: &State,
        caller: &auth::Caller,
        body: &Assignment,
    ) -> Result<Self, Problem> {
        let platform = &state.ctx.platform;
        let directory = &platform.directory;
        let tenancy = caller.tenancy();
        let Some(user) = body.user_id else {
            let asked = body.user_group_id;
            let with_the_asked = || async move {
                let offices = directory.offices(tenancy).await?;
                let has = |asked| offices.iter().any(|(id, _)| *id == asked);
                Ok::<_, Problem>(asked.is_none_or(has).then_some(offices))
            };
            let offices = platform.replicated("kernel", with_the_asked).await?;
            let offices = offices.unwrap_or_default();
            // Nobody named: the caller himself.
            let operator = caller
                .operator()
                .filter(|_| body.user_group_id.is_none())
                .cloned();
            return Ok(Self { operator, offices });
        };
        let operator = platform
            .replicated("kernel", || directory.principal(tenancy, user))
            .await?;
        let offices = directory.offices(tenancy).await?;
        Ok(Self { operator, offices })
    }

    /// Operator and office that are asked for.
    fn assignee(
        &self,
        work: &Work<'_, '_>,
        body: &Assignment,
    ) -> Result<(Option<UserId>, Option<OfficeId>), Problem> {
        if let Some(office) = body.user_group_id {
            if !self.offices.iter().any(|(id, _)| *id == office) {
                return Err(Problem::unknown_reference("user_group_id", "office"));
            }
            if body.user_id.is_none() {
                return Ok((None, Some(office)));
            }
        }
        let operator = self
            .operator
            .as_ref()
            .filter(|operator| operator.enabled && operator.role == "operator")
            .ok_or_else(|| Problem::unknown_reference("user_id", "operator"))?;
        let office = match body.user_group_id {
            Some(office) if operator.offices.contains(&office) => Some(office),
            Some(_) => {
                return Err(Problem::new(
                    ProblemKind::OperatorNotInOffice,
                    "The operator is not a member of the office; name another office, or the office alone.",
                ));
            }
            None => self.office_of(operator, work),
        };
        Ok((Some(operator.id), office))
    }

    /// The present office if he is in it, else his first one (by name) that handles the service, else
    /// his first one.
    fn office_of(&self, operator: &Principal, work: &Work<'_, '_>) -> Option<OfficeId> {
        let present = work.aggregate.row.office_id;
        if let Some(office) = present.filter(|office| operator.offices.contains(office)) {
            return Some(office);
        }
        let mut own: Vec<&(OfficeId, String)> = self
            .offices
            .iter()
            .filter(|(id, _)| operator.offices.contains(id))
            .collect();
        own.sort_by(|(_, one), (_, other)| one.cmp(other));
        let linked = &work.aggregate.service.user_group_ids;
        own.iter()
            .find(|(id, _)| linked.contains(&id.uuid()))
            .or_else(|| own.first())
            .map(|(id, _)| *id)
            .or_else(|| operator.offices.first().copied())
    }
}
