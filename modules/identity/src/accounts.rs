//! Making accounts: for the API, the command line and the demo.

use opencity_contracts::user::UserEventReason;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::{Tenancy, WriteScope};
use opencity_kernel::id::{OfficeId, ServiceId, TenantId, UserId};
use opencity_kernel::{FieldProblem, Problem, ProblemKind, clock, crypto};
use secrecy::SecretString;

use crate::INFO;
use crate::domain::{User, UserKind, faults};
use crate::password::Hasher;
use crate::settings::Settings;
use crate::store::{credential, security, user};

/// A user to be made by `opencity user create`.
#[derive(Debug, Clone, Default)]
pub struct NewUser {
    /// What he is.
    pub kind: UserKind,
    /// Of operators and administrators.
    pub username: Option<String>,
    /// His password; `None` = he cannot log in by password yet.
    pub password: Option<SecretString>,
    /// First name.
    pub given_name: Option<String>,
    /// Family name.
    pub family_name: Option<String>,
    /// E-mail.
    pub email: Option<String>,
    /// Fiscal code: needed by citizens.
    pub tax_code: Option<String>,
    /// An operator for integrations by API.
    pub system_user: bool,
    /// Services whose applications an operator works.
    pub enabled_services_ids: Vec<ServiceId>,
    /// Offices that an operator is a member of.
    pub user_groups_ids: Vec<OfficeId>,
}

/// Makes a user.
///
/// # Errors
/// `validation`, `unknown-reference` for an office, `already-exists` for a user name or fiscal code.
pub async fn create_user(
    ctx: &ModuleContext,
    tenancy: Tenancy,
    new: NewUser,
) -> Result<User, Problem> {
    let hasher = hasher(ctx)?;
    let mut made = User::new(UserId::new(), new.kind, clock::now());
    made.username = new.username;
    made.given_name = new.given_name;
    made.family_name = new.family_name;
    made.email = new.email;
    made.system_user = new.system_user;
    made.enabled_services = new.enabled_services_ids.into_iter().collect();
    made.offices = new.user_groups_ids.into_iter().collect();
    if let (UserKind::Citizen, Some(code)) = (new.kind, new.tax_code) {
        made.id = citizen_id(ctx, tenancy.tenant_id(), &code);
        made.tax_code = Some(code.trim().to_uppercase());
    }
    check(ctx, &made, None)?;
    let hash = hash_new(&hasher, new.password).await?;
    let written = made.clone();
    ctx.db
        .for_module(INFO)
        .write(tenancy, move |scope| insert(scope, &written, hash, None))
        .await?;
    Ok(made)
}

/// Sets the password of the user of a user name, or of the citizen of a fiscal code.
///
/// # Errors
/// `not-found`, `validation` if the password is too short.
pub async fn set_password(
    ctx: &ModuleContext,
    tenancy: Tenancy,
    username: &str,
    password: SecretString,
) -> Result<UserId, Problem> {
    let hash = hash_new(&hasher(ctx)?, Some(password)).await?;
    let name = username.to_owned();
    ctx.db
        .for_module(INFO)
        .write(tenancy, move |scope| {
            let found = match user::by_username(scope, &name)? {
                None => user::by_tax_code(scope, &name)?,
                found => found,
            };
            let found = found.ok_or_else(|| {
                Problem::new(
                    ProblemKind::NotFound,
                    "There is no user of this name in this body.",
                )
            })?;
            new_password(scope, found.id, hash, None)?;
            Ok(found.id)
        })
        .await
}

fn hasher(ctx: &ModuleContext) -> Result<Hasher, Problem> {
    Settings::of(ctx)
        .and_then(|settings| Hasher::new(&settings))
        .map_err(Problem::internal)
}

/// The id of the citizen of a fiscal code.
pub(crate) fn citizen_id(ctx: &ModuleContext, tenant: TenantId, code: &str) -> UserId {
    UserId::from_uuid(crypto::citizen_id(
        &ctx.platform.citizen_ids,
        tenant.uuid(),
        code,
    ))
}

/// Refuses a user that is not valid.
pub(crate) fn check(
    ctx: &ModuleContext,
    after: &User,
    before: Option<&User>,
) -> Result<(), Problem> {
    let faults = faults(after, before, ctx.platform.test_bodies());
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Problem::validation(faults))
    }
}

/// The hash of a new password that is good enough.
pub(crate) async fn hash_new(
    hasher: &Hasher,
    password: Option<SecretString>,
) -> Result<Option<String>, Problem> {
    let Some(password) = password else {
        return Ok(None);
    };
    if let Some((code, message)) = hasher.fault(&password) {
        return Err(Problem::validation(vec![FieldProblem {
            field: "password".to_owned(),
            code: code.to_owned(),
            message,
        }]));
    }
    hasher.hash(password).await.map(Some)
}

/// Writes a new user with his password and what the security log tells.
pub(crate) fn insert(
    scope: &mut WriteScope<'_>,
    new: &User,
    hash: Option<String>,
    actor: Option<UserId>,
) -> Result<(), Problem> {
    user::insert(scope, new)?;
    if new.kind.is_staff() {
        security::rights_changed(scope, actor, None, Some(new))?;
    }
    new_password(scope, new.id, hash, actor)
}

/// Writes what became of a user.
pub(crate) fn update(
    scope: &mut WriteScope<'_>,
    before: &User,
    after: User,
    hash: Option<String>,
    actor: Option<UserId>,
) -> Result<(), Problem> {
    if *before != after {
        let after = user::update(scope, before, after, UserEventReason::Changed)?;
        if !before.same_rights(&after) {
            security::rights_changed(scope, actor, Some(before), Some(&after))?;
        }
    }
    new_password(scope, before.id, hash, actor)
}

fn new_password(
    scope: &mut WriteScope<'_>,
    id: UserId,
    hash: Option<String>,
    actor: Option<UserId>,
) -> Result<(), Problem> {
    if let Some(hash) = hash {
        credential::set(scope, id, hash, clock::now())?;
        security::credential_changed(scope, actor, id)?;
    }
    Ok(())
}
