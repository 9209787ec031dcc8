//! Who may see and change whom.

use opencity_kernel::auth::{Caller, CallerKind};
use opencity_kernel::{FieldProblem, Problem};

use super::user::{User, UserKind};

/// A citizen sees himself; operators and administrators see everybody of the body.
pub(crate) fn may_see(caller: &Caller, user: &User) -> bool {
    !caller.is_citizen() || caller.id == user.id
}

/// Whether the caller may make `after`, or make it of `before`; `password` tells whether he sets one.
pub(crate) fn may_write(
    caller: &Caller,
    before: Option<&User>,
    after: &User,
    password: bool,
) -> Result<(), Problem> {
    if before.is_some_and(|before| before.kind != after.kind) {
        return Err(read_only("role"));
    }
    match &caller.kind {
        CallerKind::Platform => Ok(()),
        CallerKind::Administrator(_) if after.kind == UserKind::Platform => {
            Err(Problem::forbidden(
                "Only an administrator of the platform makes and changes such administrators.",
            ))
        }
        CallerKind::Administrator(_) => Ok(()),
        CallerKind::Operator(_) if after.kind == UserKind::Citizen && !password => Ok(()),
        CallerKind::Operator(_) => Err(Problem::forbidden(
            "Operators make and change citizens; passwords and everybody else need an administrator.",
        )),
        CallerKind::Citizen { .. } => match before {
            Some(before) if before.id == caller.id && !password => own_data(before, after),
            _ => Err(Problem::forbidden(
                "Citizens change only their own contacts and addresses.",
            )),
        },
        CallerKind::Service(_) => Err(Problem::forbidden("Modules change no users.")),
    }
}

/// Only administrators delete, and only the platform's delete their own kind.
pub(crate) fn may_delete(caller: &Caller, user: &User) -> Result<(), Problem> {
    match &caller.kind {
        CallerKind::Platform => Ok(()),
        CallerKind::Administrator(_) if user.kind != UserKind::Platform => Ok(()),
        _ => Err(Problem::forbidden("Only an administrator deletes users.")),
    }
}

/// What the identity provider says of a citizen is not his to change.
fn own_data(before: &User, after: &User) -> Result<(), Problem> {
    let allowed = User {
        email: after.email.clone(),
        mobile_phone: after.mobile_phone.clone(),
        telephone: after.telephone.clone(),
        domicile: after.domicile.clone(),
        residency: after.residency.clone(),
        ..before.clone()
    };
    if &allowed == after {
        return Ok(());
    }
    let fields = [
        ("given_name", before.given_name != after.given_name),
        ("family_name", before.family_name != after.family_name),
        ("tax_code", before.tax_code != after.tax_code),
        ("gender", before.gender != after.gender),
        ("date_of_birth", before.date_of_birth != after.date_of_birth),
        (
            "place_of_birth",
            before.place_of_birth != after.place_of_birth,
        ),
        ("birth_code", before.birth_code != after.birth_code),
        (
            "county_of_birth",
            before.county_of_birth != after.county_of_birth,
        ),
        (
            "country_of_birth",
            before.country_of_birth != after.country_of_birth,
        ),
    ];
    let named: Vec<FieldProblem> = fields
        .into_iter()
        .filter(|(_, changed)| *changed)
        .map(|(field, _)| read_only_field(field))
        .collect();
    Err(if named.is_empty() {
        read_only("body")
    } else {
        Problem::validation(named)
    })
}

fn read_only(field: &str) -> Problem {
    Problem::validation(vec![read_only_field(field)])
}

fn read_only_field(field: &str) -> FieldProblem {
    FieldProblem {
        field: field.to_owned(),
        code: "read-only".to_owned(),
        message: "This cannot be changed here. Leave it out.".to_owned(),
    }
}
