//! The tenant, language and version of a request.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures::future::{LocalBoxFuture, Ready, ready};
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::client;
use crate::auth::Caller;
use crate::context::Platform;
use crate::db::Tenancy;
use crate::directory::Tenant;
use crate::i18n::Language;
use crate::problem::{Problem, ProblemKind};

/// The tenant that a request is for, by host (`/lang/…`) or by slug (`/{slug}/…`).
#[derive(Debug, Clone)]
pub struct Scope {
    /// The tenant.
    pub tenant: Tenant,
    /// The first path segment: `lang` or the slug.
    pub prefix: String,
    /// How links to this tenant begin: `https://host/lang` or `https://host/slug`.
    pub base_url: String,
    /// The language of the answer.
    pub language: Language,
    /// The API version asked for.
    pub version: ApiVersion,
}

impl Scope {
    /// For whom work is done.
    #[must_use]
    pub fn tenancy(&self) -> Tenancy {
        self.tenant.tenancy()
    }

    /// An address of the API: `…/api/<path>`.
    #[must_use]
    pub fn api(&self, path: &str) -> String {
        format!("{}/api/{path}", self.base_url)
    }

    /// The tenant that the path or the host names; `None` for paths that name none.
    pub(crate) async fn named_tenant(request: &HttpRequest) -> Result<Option<Tenant>, Problem> {
        let Some(prefix) = request.match_info().get("tenant") else {
            return Ok(None);
        };
        let platform = Platform::of(request)?;
        let host = client::host(request, &platform.config.http.trusted_proxies);
        let unknown = || {
            Problem::new(
                ProblemKind::UnknownTenant,
                "Neither the host nor the first segment of the path names a body of this installation.",
            )
        };
        if prefix == "lang" {
            return platform
                .directory
                .by_host(&host)
                .await?
                .ok_or_else(unknown)
                .map(Some);
        }
        let tenant = platform
            .directory
            .by_slug(prefix)
            .await?
            .ok_or_else(unknown)?;
        // A slug under a host of another tenant is nobody's address.
        match platform.directory.owner_of_host(&host).await? {
            Some(owner) if owner != tenant.id => Err(unknown()),
            _ => Ok(Some(tenant)),
        }
    }
}

impl FromRequest for Scope {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let platform = Platform::of(&request)?;
            let tenant = Self::named_tenant(&request).await?.ok_or_else(|| {
                Problem::internal("a handler of a path without a tenant asked for one")
            })?;
            let prefix = request
                .match_info()
                .get("tenant")
                .unwrap_or("lang")
                .to_owned();
            let base_url = format!("{}/{prefix}", platform.public_url(&tenant));
            Ok(Self {
                base_url,
                prefix,
                language: language_of(&request),
                version: ApiVersion::of(&request),
                tenant,
            })
        })
    }
}

pub(crate) fn language_of(request: &HttpRequest) -> Language {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    Language::parse(header("accept-language"), header("x-locale"))
}

/// The language that the caller reads.
#[derive(Debug, Clone, Copy)]
pub struct Locale(pub Language);

impl FromRequest for Locale {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(Ok(Self(language_of(request))))
    }
}

/// The version of the API that the caller speaks: 1 (flat `data`) or 2 (nested `data`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiVersion {
    /// Flat `data`, Italian names of users.
    One,
    /// Nested `data`, English names of users.
    Two,
}

impl ApiVersion {
    fn of(request: &HttpRequest) -> Self {
        let query = serde_urlencoded::from_str::<Vec<(String, String)>>(request.query_string())
            .unwrap_or_default();
        let asked = query
            .into_iter()
            .find(|(key, _)| key == "version")
            .map(|(_, value)| value)
            .or_else(|| {
                request
                    .headers()
                    .get("x-accept-version")
                    .and_then(|value| value.to_str().ok())
                    .map(str::to_owned)
            });
        match asked.and_then(|version| version.trim().parse::<f64>().ok()) {
            Some(number) if number >= 2.0 => Self::Two,
            _ => Self::One,
        }
    }

    /// As the query parameter has it.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

/// The parameter, for the description of the API.
impl IntoParams for ApiVersion {
    fn into_params(_parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let version = ParameterBuilder::new()
            .name("version")
            .parameter_in(ParameterIn::Query)
            .required(Required::False)
            .description(Some(
                "2 and above count as 2, everything else as 1. Absent: what the header X-Accept-Version says, else 1.",
            ))
            .schema(Some(text));
        vec![version.build()]
    }
}

impl FromRequest for ApiVersion {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

/// States that a handler is public on purpose; names the caller if there is one.
#[derive(Debug, Clone)]
pub struct Public(pub Option<Caller>);

impl FromRequest for Public {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { crate::auth::optional_caller(&request).await.map(Self) })
    }
}
