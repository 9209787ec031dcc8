//! The caller of a request, and the permission that a handler asks for.

use std::marker::PhantomData;
use std::ops::Deref;
use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures::future::LocalBoxFuture;
use tokio::sync::OnceCell;

use super::keys::{Claims, Login, SERVICE_ROLE};
use crate::context::Platform;
use crate::db::Tenancy;
use crate::directory::Principal;
use crate::http::Scope;
use crate::id::{OfficeId, ServiceId, TenantId, UserId};
use crate::problem::{Problem, ProblemKind};

/// What kind of caller it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallerKind {
    /// A citizen, known or anonymous.
    Citizen {
        /// Whether nobody knows who he is.
        anonymous: bool,
    },
    /// An operator, with the rights that he has at this moment.
    Operator(Principal),
    /// An administrator of the body.
    Administrator(Principal),
    /// An administrator of the platform.
    Platform,
    /// Another module.
    Service(String),
}

/// An authenticated caller, in the tenant that the request is for.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user.
    pub id: UserId,
    /// Kind and rights.
    pub kind: CallerKind,
    /// How he logged in.
    pub login: Login,
    tenancy: Tenancy,
}

impl Caller {
    /// The operator or administrator of a body whose work goes on after his request has ended: with the rights
    /// that he has now.
    ///
    /// # Errors
    /// [`ProblemKind::Unauthenticated`] if his account is disabled or gone, or the database's.
    pub async fn resumed(
        platform: &Platform,
        tenancy: Tenancy,
        id: UserId,
        login: Login,
    ) -> Result<Self, Problem> {
        let kind = staff(platform, tenancy, id).await?;
        Ok(Self {
            id,
            kind,
            login,
            tenancy,
        })
    }

    /// For whom work is done in his name.
    #[must_use]
    pub fn tenancy(&self) -> Tenancy {
        self.tenancy
    }

    /// The tenant.
    #[must_use]
    pub fn tenant_id(&self) -> TenantId {
        self.tenancy.tenant_id()
    }

    /// Whether he is a citizen.
    #[must_use]
    pub fn is_citizen(&self) -> bool {
        matches!(self.kind, CallerKind::Citizen { .. })
    }

    /// Whether he is an anonymous citizen.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        matches!(self.kind, CallerKind::Citizen { anonymous: true })
    }

    /// Whether he administrates the body, or the platform.
    #[must_use]
    pub fn is_administrator(&self) -> bool {
        matches!(
            self.kind,
            CallerKind::Administrator(_) | CallerKind::Platform
        )
    }

    /// Whether he administrates the body: what its citizens sent is his business, and not that of the platform's administrators,
    /// who set bodies up.
    #[must_use]
    pub fn administrates_body(&self) -> bool {
        matches!(self.kind, CallerKind::Administrator(_))
    }

    /// His rights as an operator.
    #[must_use]
    pub fn operator(&self) -> Option<&Principal> {
        match &self.kind {
            CallerKind::Operator(principal) => Some(principal),
            _ => None,
        }
    }

    /// Whether he is an operator for integrations.
    #[must_use]
    pub fn is_system_operator(&self) -> bool {
        self.operator().is_some_and(|operator| operator.system_user)
    }

    /// Whether he is another module.
    #[must_use]
    pub fn is_service(&self) -> bool {
        matches!(self.kind, CallerKind::Service(_))
    }

    /// Whether he is an operator that works applications of this service.
    #[must_use]
    pub fn works_service(&self, service: ServiceId) -> bool {
        self.operator()
            .is_some_and(|operator| operator.enabled_services.contains(&service))
    }

    /// Whether he is an operator of this office.
    #[must_use]
    pub fn in_office(&self, office: OfficeId) -> bool {
        self.operator()
            .is_some_and(|operator| operator.offices.contains(&office))
    }

    /// A name for rows that must tell callers apart: idempotency, audit. Not a personal datum.
    #[must_use]
    pub fn key(&self) -> String {
        match &self.kind {
            CallerKind::Service(module) => format!("service:{module}"),
            _ => self.id.to_string(),
        }
    }
}

/// A right that a handler needs.
pub trait Permission: 'static {
    /// What the refusal says is needed.
    const NEEDS: &'static str;
    /// Whether this caller has it.
    fn allows(caller: &Caller) -> bool;
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident, $needs:literal, $caller:ident => $allows:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}
        impl Permission for $name {
            const NEEDS: &'static str = $needs;
            fn allows($caller: &Caller) -> bool { $allows }
        }
    )*};
}

permissions! {
    /// Anybody with a token for people.
    AnyUser, "a user's token", caller => !caller.is_service();
    /// Operators, administrators.
    Staff, "an operator or an administrator", caller => caller.operator().is_some() || caller.is_administrator();
    /// Administrators of the body or the platform.
    AdministratorOnly, "an administrator", caller => caller.is_administrator();
    /// Administrators of the platform.
    PlatformOnly, "an administrator of the platform", caller => matches!(caller.kind, CallerKind::Platform);
    /// Other modules.
    ModuleOnly, "the token of a module", caller => caller.is_service();
    /// System operators and other modules.
    Internal, "a system operator or a service credential", caller => caller.is_service() || caller.is_system_operator();
}

/// The caller, who has the permission `P`.
pub struct Auth<P: Permission = AnyUser>(Caller, PhantomData<fn() -> P>);

impl<P: Permission> Auth<P> {
    /// The caller.
    #[must_use]
    pub fn into_caller(self) -> Caller {
        self.0
    }
}

impl<P: Permission> Deref for Auth<P> {
    type Target = Caller;
    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl<P: Permission> FromRequest for Auth<P> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let asked = Rc::new(Asked {
            allows: P::allows,
            needs: P::NEEDS,
            outcome: OnceCell::new(),
        });
        request.extensions_mut().insert(Rc::clone(&asked));
        let request = request.clone();
        Box::pin(async move {
            let caller = asked.outcome(&request).await?;
            Ok(Self(caller, PhantomData))
        })
    }
}

/// Who calls, as a handler has asked: found out once.
struct Asked {
    allows: fn(&Caller) -> bool,
    needs: &'static str,
    outcome: OnceCell<Result<Caller, Problem>>,
}

impl Asked {
    async fn outcome(&self, request: &HttpRequest) -> Result<Caller, Problem> {
        let find = || async {
            let caller = caller_of(request).await?;
            if (self.allows)(&caller) {
                Ok(caller)
            } else {
                Err(Problem::forbidden(format!(
                    "This operation needs {}.",
                    self.needs
                )))
            }
        };
        self.outcome.get_or_init(find).await.clone()
    }
}

/// Why a refused request is refused first of all: whoever may not call an operation does not hear what else is wrong
/// with his request, though an extractor may have found that before.
pub(crate) async fn refusal(request: &HttpRequest) -> Option<Problem> {
    let asked = request.extensions().get::<Rc<Asked>>().cloned()?;
    asked.outcome(request).await.err()
}

/// The caller if there is a token, nobody if there is none: for operations that are public and tell
/// some callers more.
pub(crate) async fn optional_caller(request: &HttpRequest) -> Result<Option<Caller>, Problem> {
    if bearer(request).is_none() {
        return Ok(None);
    }
    let caller = caller_of(request).await?;
    if caller.is_service() {
        return Err(Problem::forbidden(
            "This operation is for people: modules have paths of their own.",
        ));
    }
    Ok(Some(caller))
}

fn bearer(request: &HttpRequest) -> Option<String> {
    let header = request.headers().get("authorization")?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim().to_owned())
}

async fn caller_of(request: &HttpRequest) -> Result<Caller, Problem> {
    let platform = Platform::of(request)?;
    let token = bearer(request).ok_or_else(|| {
        Problem::new(ProblemKind::Unauthenticated, "The operation needs a token in the header Authorization: Bearer. Get one from POST /lang/api/auth.")
    })?;
    let claims = platform.verifier.verify_fetching(&token).await?;
    if is_service(&claims) && !platform.has_module(&claims.aud) {
        return Err(Problem::new(
            ProblemKind::Unauthenticated,
            "The token is for a module that does not run in this process.",
        ));
    }
    let tenancy = match Scope::named_tenant(request).await? {
        Some(tenant) if is_platform(&claims) => tenant.tenancy(),
        Some(tenant) if tenant.id != claims.tenant_id => {
            return Err(Problem::new(
                ProblemKind::TenantMismatch,
                "The token belongs to another body than the one that the host or the path names.",
            ));
        }
        Some(tenant) => tenant.tenancy(),
        // Paths without a tenant (payment proxies, retry): the token names it.
        None => Tenancy::new(claims.tenant_id),
    };
    let kind = kind_of(&platform, &claims).await?;
    Ok(Caller {
        id: claims.id,
        kind,
        login: claims.auth,
        tenancy,
    })
}

fn is_service(claims: &Claims) -> bool {
    has(claims, SERVICE_ROLE)
}

fn is_platform(claims: &Claims) -> bool {
    has(claims, "ROLE_PLATFORM_ADMIN")
}

fn has(claims: &Claims, role: &str) -> bool {
    claims.roles.iter().any(|held| held == role)
}

async fn kind_of(platform: &Platform, claims: &Claims) -> Result<CallerKind, Problem> {
    if is_service(claims) {
        return Ok(CallerKind::Service(claims.username.clone()));
    }
    let roles = [
        "ROLE_OPERATORE",
        "ROLE_OPERATORE_ADMIN",
        "ROLE_ADMIN",
        "ROLE_PLATFORM_ADMIN",
    ];
    if !roles.iter().any(|role| has(claims, role)) {
        return Ok(CallerKind::Citizen {
            anonymous: claims.auth.method == "anonymous",
        });
    }
    staff(platform, Tenancy::new(claims.tenant_id), claims.id).await
}

/// What an operator or administrator is. Rights come from the directory, not from the token: a right taken
/// away is away at once.
async fn staff(platform: &Platform, home: Tenancy, id: UserId) -> Result<CallerKind, Problem> {
    let find = || platform.directory.principal(home, id);
    let principal = platform.replicated(crate::INFO.name, find).await?;
    match principal {
        Some(principal) if principal.enabled => Ok(match principal.role.as_str() {
            "platform" => CallerKind::Platform,
            "admin" => CallerKind::Administrator(principal),
            _ => CallerKind::Operator(principal),
        }),
        _ => Err(Problem::new(
            ProblemKind::Unauthenticated,
            "The account is disabled or no longer exists.",
        )),
    }
}
