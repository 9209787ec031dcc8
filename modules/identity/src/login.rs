//! Logging in: by password, or as nobody in particular.

use opencity_contracts::security::{SecurityEvent, SecurityEventType};
use opencity_contracts::user::UserEventReason;
use opencity_kernel::auth::{Claims, Login};
use opencity_kernel::db::{DbError, Tenancy, TenantScope, WriteScope};
use opencity_kernel::id::UserId;
use opencity_kernel::instant::Instant;
use opencity_kernel::{Problem, ProblemKind, clock};
use secrecy::SecretString;
use serde_json::Map;
use uuid::Uuid;

use crate::Core;
use crate::domain::{User, UserKind};
use crate::store::{attempt, credential, security, user};

/// `access_level` of a login by password: as a social login, below SPID.
const PASSWORD_LEVEL: u32 = 1000;

/// Who tries, and from where.
pub(crate) struct Candidate {
    pub(crate) username: String,
    pub(crate) password: SecretString,
    pub(crate) ip: Option<String>,
}

/// A try whose password was checked.
#[derive(Clone)]
struct Attempt {
    account: String,
    /// Who has the name, and whether he may come in.
    person: Option<(User, bool)>,
    ip: Option<String>,
    now: Instant,
}

enum Outcome {
    LoggedIn(Box<User>),
    Refused,
    Locked(u64),
}

/// A token for a name and its password.
///
/// # Errors
/// `bad-credentials`, whatever was wrong; `account-locked`.
pub(crate) async fn by_password(
    core: &Core,
    tenancy: Tenancy,
    who: Candidate,
) -> Result<String, Problem> {
    let account = account_of(core, tenancy, &who.username);
    // Held until the outcome is written: see Hasher::turn.
    let _turn = core.hasher.turn().await?;
    let citizens = core.settings.dangerous_citizen_password_login;
    let (name, key) = (who.username, account.clone());
    let (known, found) = core
        .ctx
        .db
        .read::<_, DbError>(tenancy, move |scope| {
            Ok((attempt::find(scope, &key)?, find(scope, &name, citizens)?))
        })
        .await?;
    if let Some(seconds) = known.attempts.locked_for(clock::now()) {
        return Err(locked(seconds));
    }
    let hash = found.as_ref().map(|(_, hash, _)| hash.clone());
    let right = core.hasher.verify(who.password, hash).await?;
    let now = clock::now();
    let days = core.settings.inactive_days;
    let person = found.map(|(user, _, set)| {
        let may = right && user.enabled && !user.is_inactive(set, now, days);
        (user, may)
    });
    let ip = who.ip;
    let attempt = Attempt {
        account,
        person,
        ip,
        now,
    };
    match written(core, tenancy, attempt).await? {
        Outcome::LoggedIn(user) => token(core, tenancy, &user, "password", PASSWORD_LEVEL),
        Outcome::Refused => Err(Problem::new(
            ProblemKind::BadCredentials,
            "User name or password is wrong. After three failures within an hour the account is locked for ten minutes.",
        )),
        Outcome::Locked(seconds) => Err(locked(seconds)),
    }
}

/// A token of a new anonymous citizen.
///
/// # Errors
/// If he cannot be written.
pub(crate) async fn anonymous(core: &Core, tenancy: Tenancy) -> Result<String, Problem> {
    let mut nobody = User::new(UserId::random(), UserKind::Citizen, clock::now());
    nobody.anonymous = true;
    let made = nobody.clone();
    core.ctx
        .db
        .write(tenancy, move |scope| user::insert(scope, &made))
        .await?;
    token(core, tenancy, &nobody, "anonymous", 0)
}

fn locked(seconds: u64) -> Problem {
    Problem::new(
        ProblemKind::AccountLocked,
        "Too many wrong passwords. Wait for the time in Retry-After and try again.",
    )
    .retry_after(seconds)
}

/// The name under which failures are counted: a keyed hash, whether or not somebody has it.
fn account_of(core: &Core, tenancy: Tenancy, username: &str) -> String {
    let text = format!(
        "attempt {} {}",
        tenancy.tenant_id(),
        username.trim().to_lowercase()
    );
    core.ctx
        .platform
        .citizen_ids
        .sign(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Who has the name, with his hash.
fn find(
    scope: &mut TenantScope<'_>,
    name: &str,
    citizens: bool,
) -> Result<Option<(User, String, Instant)>, DbError> {
    let found = match user::by_username(scope, name)? {
        None if citizens => user::by_tax_code(scope, name)?,
        found => found,
    };
    let Some(user) = found else { return Ok(None) };
    Ok(credential::find(scope, user.id)?.map(|(hash, set)| (user, hash, set)))
}

/// Writes how it ended; again, if another login of the same name was written at the same moment.
async fn written(core: &Core, tenancy: Tenancy, attempt: Attempt) -> Result<Outcome, Problem> {
    const TIMES: usize = 5;
    let mut times = 0;
    loop {
        let try_now = attempt.clone();
        let result = core
            .ctx
            .db
            .write::<_, Problem>(tenancy, move |scope| settle(scope, try_now))
            .await;
        times += 1;
        match result {
            Err(problem)
                if times < TIMES
                    && matches!(
                        problem.kind(),
                        ProblemKind::Conflict | ProblemKind::AlreadyExists
                    ) => {}
            result => return result,
        }
    }
}

/// Writes how it ended. A lock that came while the hash was computed counts, even for the right password.
fn settle(scope: &mut WriteScope<'_>, attempt: Attempt) -> Result<Outcome, Problem> {
    let Attempt {
        account,
        person,
        ip,
        now,
    } = attempt;
    let account = account.as_str();
    let known = attempt::find(scope, account)?;
    if let Some(seconds) = known.attempts.locked_for(now) {
        return Ok(Outcome::Locked(seconds));
    }
    let fact = |kind, user: Option<&User>| SecurityEvent {
        kind,
        user_id: user.map(|user| user.id.uuid()),
        method: Some("password".to_owned()),
        ip: ip.clone(),
        details: Map::new(),
        ..SecurityEvent::default()
    };
    match person {
        Some((user, true)) => {
            attempt::clear(scope, account)?;
            // Of two logins at the same moment the second one waits here for the first.
            user::logged_in(scope, user.id, now)?;
            let user = if user.kind == UserKind::Citizen {
                // As he is now: he may have logged in elsewhere while the hash was computed.
                let user = user::find(scope, user.id)?.ok_or(DbError::Conflict)?;
                user::update(scope, &user, user.clone(), UserEventReason::Login)?
            } else {
                user
            };
            security::tell(scope, fact(SecurityEventType::Login, Some(&user)))?;
            Ok(Outcome::LoggedIn(Box::new(user)))
        }
        refused => {
            let user = refused.map(|(user, _)| user);
            let locked = attempt::failed(scope, account, &known, now)?;
            security::tell(scope, fact(SecurityEventType::LoginFailed, user.as_ref()))?;
            if locked {
                security::tell(scope, fact(SecurityEventType::LockedOut, user.as_ref()))?;
            }
            Ok(Outcome::Refused)
        }
    }
}

fn token(
    core: &Core,
    tenancy: Tenancy,
    user: &User,
    method: &str,
    level: u32,
) -> Result<String, Problem> {
    let settings = &core.ctx.platform.config.auth;
    let now = clock::now();
    let life = i64::try_from(settings.token_life_seconds).unwrap_or(3600);
    core.keys.sign(&Claims {
        iss: settings.issuer.clone(),
        aud: "opencity".to_owned(),
        iat: now.unix(),
        exp: now.unix() + life,
        roles: user
            .kind
            .roles()
            .iter()
            .map(|role| (*role).to_owned())
            .collect(),
        username: user.login_name(),
        id: user.id,
        tenant_id: tenancy.tenant_id(),
        auth: Login {
            method: method.to_owned(),
            level,
            session_id: Uuid::new_v4().to_string(),
            instant: now,
        },
    })
}
