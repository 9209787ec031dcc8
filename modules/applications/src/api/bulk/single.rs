//! One application of bulk work: what the single call does, by the rights of this moment.

use opencity_kernel::Problem;
use opencity_kernel::auth::Caller;
use opencity_kernel::clock;
use opencity_kernel::db::{Priority, Tenancy};
use opencity_kernel::id::ApplicationId;

use super::{BulkAction, BulkInput};
use crate::api::State;
use crate::api::change::{Work, change_as};
use crate::api::messages::write_in;
use crate::api::transitions::Answer;
use crate::api::transitions::assignment::{Assignment, Known, take_over};
use crate::api::transitions::outcome::conclude_in;
use crate::bulk::Piece;
use crate::domain::Action;
use crate::store::bulk;

/// Does a piece of bulk work on an application and settles it, in one transaction; nothing if it is settled already.
///
/// # Errors
/// What the single call says.
pub(crate) async fn work_on(
    state: &State,
    tenancy: Tenancy,
    site: &str,
    piece: &Piece,
    application: ApplicationId,
) -> Result<(), Problem> {
    let platform = &state.ctx.platform;
    let (bulk, by) = (piece.row.id, piece.row.requested_by);
    let caller = Caller::resumed(platform, tenancy, by, piece.login.clone()).await?;
    let single = Single::of(state, &caller, piece.action, piece.input.clone()).await?;
    let site = site.to_owned();
    change_as(
        state,
        Priority::Background,
        site,
        caller,
        application,
        move |work| {
            if bulk::settle(work.scope, bulk, application, None, clock::now())? {
                single.run(work)?;
            }
            Ok(())
        },
    )
    .await
}

enum Single {
    Conclude(Action, Answer),
    Assign(Known, Assignment),
    Message(BulkInput),
}

impl Single {
    async fn of(
        state: &State,
        caller: &Caller,
        action: BulkAction,
        input: BulkInput,
    ) -> Result<Self, Problem> {
        let answer = |message| Answer {
            message,
            ..Answer::default()
        };
        Ok(match action {
            BulkAction::Accept => Self::Conclude(Action::Accept, answer(input.message)),
            BulkAction::Reject => Self::Conclude(Action::Reject, answer(input.message)),
            BulkAction::Assign => {
                let body = Assignment {
                    user_group_id: input.user_group_id,
                    user_id: input.user_id,
                    message: input.message,
                    assigned_at: None,
                };
                Self::Assign(Known::find(state, caller, &body).await?, body)
            }
            BulkAction::Message => Self::Message(input),
        })
    }

    fn run(self, work: &mut Work<'_, '_>) -> Result<(), Problem> {
        match self {
            Self::Conclude(action, body) => conclude_in(work, action, body, Vec::new()),
            Self::Assign(known, body) => take_over(work, &known, body),
            Self::Message(input) => write_in(work, input),
        }
    }
}
