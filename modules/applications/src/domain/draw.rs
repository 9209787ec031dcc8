//! Draws the page of the states (`docs/states.md`) from the table.

use std::fmt::Write as _;

use super::action::Action;
use super::audience::audience;
use super::condition::Condition;
use super::payment::PaymentStatus;
use super::refusal::Reason;
use super::row::{Next, Row, Start};
use super::status::Status;
use super::table::TABLE;

/// The whole page, as Markdown.
#[must_use]
pub fn states_page() -> String {
    let sections = [
        introduction(),
        states(),
        diagram(),
        table(),
        payments(),
        messages(),
        refusals(),
    ];
    sections.join("\n")
}

fn introduction() -> String {
    "# States of an application\n\n\
     Drawn from the table that the code decides from (`modules/applications/src/domain/table.rs`); \
     a test compares. To draw it again: `OPENCITY_DRAW=1 cargo test -p opencity-applications --test states_page`.\n\n\
     Who: **O** the owner; **A** the assigned operator or a member of the assigned office; **D** an operator with the \
     service enabled, a member of the assigned office or of an office linked to the service, a system operator; **B** an \
     operator with the service enabled, a system operator, an administrator; **E** B or A; **G** a system operator or a \
     service credential; *platform*: events, clock, what happens at once. *required*: the service has `protocol_required`.\n\n\
     An action is refused in this order: 404 unknown; 403 who may not view; 422 no row for it; 403 the wrong person; then \
     the first condition that does not hold, as *else* names it.\n"
        .to_owned()
}

fn states() -> String {
    let mut page =
        String::from("## States\n\n| code | status_name | label | |\n|---|---|---|---|\n");
    for status in Status::ALL {
        let end = if status.is_final() { "final" } else { "" };
        line(
            &mut page,
            &[
                &status.to_string(),
                &format!("`{}`", status.status_name()),
                status.label(),
                end,
            ],
        );
    }
    page
}

fn diagram() -> String {
    let mut page = String::from(
        "## Diagram\n\nWithout `change-status` to 2000, 3000, 4000 and 50000, which leads there from almost everywhere.\n\n\
         ```mermaid\nstateDiagram-v2\n",
    );
    for status in Status::ALL {
        let _ = writeln!(page, "    s{status} : {status} {}", plain(status.label()));
    }
    let mut edges: Vec<(String, String, Vec<&str>)> = Vec::new();
    for row in TABLE {
        for (from, to) in edges_of(row) {
            let known = edges
                .iter_mut()
                .find(|(one, other, _)| *one == from && *other == to);
            let names = match known {
                Some((_, _, names)) => names,
                None => {
                    edges.push((from, to, Vec::new()));
                    let Some((_, _, names)) = edges.last_mut() else {
                        continue;
                    };
                    names
                }
            };
            for action in row.actions {
                if !names.contains(&action.name()) {
                    names.push(action.name());
                }
            }
        }
    }
    for (from, to, names) in edges {
        let _ = writeln!(page, "    {from} --> {to} : {}", names.join(", "));
    }
    for status in Status::ALL.into_iter().filter(|status| status.is_final()) {
        let _ = writeln!(page, "    s{status} --> [*]");
    }
    page.push_str("```\n");
    page
}

/// Colons and brackets mean something else to Mermaid.
fn plain(label: &str) -> String {
    label.replace(['(', ')', ':', ';'], "")
}

fn edges_of(row: &Row) -> Vec<(String, String)> {
    let mut starts: Vec<String> = match row.from {
        Start::Nothing => vec!["[*]".to_owned()],
        Start::In(states) => states.iter().map(|status| format!("s{status}")).collect(),
    };
    let mut edges = Vec::new();
    match row.next {
        Next::Same | Next::Target => {}
        Next::Gone => edges.extend(starts.into_iter().map(|from| (from, "[*]".to_owned()))),
        Next::To(states) => {
            for to in states {
                let to = format!("s{to}");
                edges.extend(starts.into_iter().map(|from| (from, to.clone())));
                starts = vec![to];
            }
        }
    }
    edges
}

fn table() -> String {
    let mut page = String::from(
        "## Table\n\nOf several rows for one case the first counts. What is not here is refused with \
         `illegal-transition`; on forward services everything that works or withdraws an application with `workflow-forward`.\n\n\
         | state | action | when | who | only if (else) | next | effects |\n|---|---|---|---|---|---|---|\n",
    );
    for row in TABLE {
        let actions: Vec<_> = row.actions.iter().copied().map(action_text).collect();
        let when: Vec<_> = row.when.iter().map(|when| when.describe()).collect();
        let guards: Vec<_> = row
            .guards
            .iter()
            .map(|(guard, reason)| format!("{} (`{}`)", guard.describe(), reason.problem_id()))
            .collect();
        let effects: Vec<_> = row
            .effects
            .iter()
            .map(|(condition, effect)| match condition {
                Condition::Always => effect.describe(),
                _ => format!("{} ({})", effect.describe(), condition.describe()),
            })
            .collect();
        line(
            &mut page,
            &[
                &from_text(row.from),
                &actions.join(", "),
                &when.join("; "),
                &row.who.letters(),
                &guards.join("; "),
                &next_text(row.next),
                &effects.join("; "),
            ],
        );
    }
    page
}

fn from_text(from: Start) -> String {
    match from {
        Start::Nothing => "–".to_owned(),
        Start::In(states) => ranges(states),
    }
}

/// Codes, with runs of three and more neighbours as a range.
fn ranges(states: &[Status]) -> String {
    let mut runs: Vec<Vec<Status>> = Vec::new();
    for status in Status::ALL {
        if !states.contains(&status) {
            runs.push(Vec::new());
        } else if let Some(run) = runs.last_mut() {
            run.push(status);
        } else {
            runs.push(vec![status]);
        }
    }
    let texts: Vec<String> = runs
        .iter()
        .filter_map(|run| match run.as_slice() {
            [] => None,
            [first, .., last] if run.len() > 2 => Some(format!("{first}–{last}")),
            few => Some(
                few.iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", "),
            ),
        })
        .collect();
    texts.join(", ")
}

fn action_text(action: Action) -> String {
    match action {
        Action::Create(None) => "POST without `status`".to_owned(),
        Action::Create(Some(status)) => format!("POST `status` {status}"),
        Action::PatchProtocol(kind) => format!("PATCH number of {}", kind.document_type()),
        Action::ChangeStatus(target) => format!("change-status {target}"),
        Action::PaymentOutcome { ok: true } => "POST payment `OK`".to_owned(),
        Action::PaymentOutcome { ok: false } => "POST payment other than `OK`".to_owned(),
        Action::Payment(payment_move) => format!("payment {}", payment_move.name()),
        Action::Registered(kind) => format!("number of {}", kind.document_type()),
        Action::PdfReady => "PDF of the request exists".to_owned(),
        Action::AtOnce => "at once".to_owned(),
        Action::Put => "PUT".to_owned(),
        Action::PatchData => "PATCH of data".to_owned(),
        Action::Delete => "DELETE".to_owned(),
        other => other.name().to_owned(),
    }
}

fn next_text(next: Next) -> String {
    match next {
        Next::Same => "same".to_owned(),
        Next::Target => "the one named".to_owned(),
        Next::Gone => "gone".to_owned(),
        Next::To(states) => states
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", at once "),
    }
}

fn payments() -> String {
    let mut page = String::from(
        "## Payments\n\nFailures and waiting count for the current attempt only; *completed* needs every item of the \
         attempt paid, by whichever attempt; a cancellation that we asked for moves nothing.\n\n\
         | payment | the application sees |\n|---|---|\n",
    );
    for status in PaymentStatus::ALL {
        line(
            &mut page,
            &[&format!("`{}`", status.name()), status.meaning().name()],
        );
    }
    page
}

fn messages() -> String {
    let mut page = String::from(
        "## Who is written to\n\nAn inactive text of the service means no message.\n\n\
         | state entered | citizen | operators of the service | the assigned one |\n|---|---|---|---|\n",
    );
    for status in Status::ALL {
        // The cases differ in these three things only; each is asked both ways.
        let told = |action, required, first| audience(status, action, required, first);
        let open = told(Action::Submit, false, true);
        let registered = told(Action::Submit, true, true);
        let again = told(Action::Submit, false, false);
        let by_office = told(Action::AcceptIntegration, false, true);
        let citizen = match (open.citizen, registered.citizen, again.citizen) {
            (true, true, true) => "yes",
            (true, false, _) => "not *required*",
            (true, true, false) => "the first time",
            _ => "",
        };
        let operators = match (open.service_operators, registered.service_operators) {
            (true, true) => "yes",
            (true, false) => "not *required*",
            _ => "",
        };
        let assigned = match (open.assigned, by_office.assigned) {
            (true, true) => "yes",
            (true, false) => "the citizen's own answer",
            _ => "",
        };
        if [citizen, operators, assigned]
            .iter()
            .any(|cell| !cell.is_empty())
        {
            line(
                &mut page,
                &[&status.to_string(), citizen, operators, assigned],
            );
        }
    }
    page
}

fn refusals() -> String {
    let mut page = String::from("## Refusals\n\n| problem | status | meaning |\n|---|---|---|\n");
    for reason in Reason::ALL {
        line(
            &mut page,
            &[
                &format!("`{}`", reason.problem_id()),
                &reason.http_status().to_string(),
                reason.sentence(),
            ],
        );
    }
    page
}

fn line(page: &mut String, cells: &[&str]) {
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}
