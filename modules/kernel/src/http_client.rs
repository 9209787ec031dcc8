//! The one way out: every HTTP call of the platform to another system goes through [`HttpClient`].
//!
//! It keeps deadlines, bounds what is read, follows no redirect unless asked, vets the address of a target that somebody outside
//! has named, writes one log line without personal data, and passes the fault points, so that no caller can forget any of it.

mod address;
mod resolver;

use std::error::Error as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::stream::{BoxStream, StreamExt};
use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue, LOCATION,
};
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use self::resolver::{Refusal, VettingResolver};
use crate::faults::{self, Point};

/// How the platform calls other systems.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpClientSettings {
    /// Seconds until an answer must be complete (between two pieces, for a stream), unless the request says otherwise.
    pub timeout_seconds: u64,
    /// Seconds until a connection must stand.
    pub connect_timeout_seconds: u64,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// PEM certificates to trust beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// The most bytes of an answer, unless the request says otherwise.
    pub max_response_bytes: usize,
    /// Hosts (`name`, `name:port`, `127.0.0.1:8090`) that vetted targets may have although they are inside.
    pub allowed_hosts: Vec<String>,
    /// Lets whoever may write a webhook reach everything that this process can reach.
    pub dangerous_allow_private_networks: bool,
}

impl Default for HttpClientSettings {
    fn default() -> Self {
        Self {
            timeout_seconds: 30,
            connect_timeout_seconds: 5,
            user_agent: concat!("opencity/", env!("CARGO_PKG_VERSION")).to_owned(),
            ca_file: None,
            max_response_bytes: 10 * 1024 * 1024,
            allowed_hosts: Vec::new(),
            dangerous_allow_private_networks: false,
        }
    }
}

/// Who has chosen the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetPolicy {
    /// Somebody outside, such as the owner of a webhook: only addresses of the public Internet.
    Vetted,
    /// Whoever runs the installation, in its configuration: any address.
    Trusted,
}

/// A request to another system.
#[derive(Clone)]
pub struct OutgoingRequest {
    /// The method.
    pub method: Method,
    /// The target, `http` or `https`, without user name and password.
    pub url: Url,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Instead of the timeout of the settings.
    pub timeout: Option<Duration>,
    /// Instead of the limit of the settings.
    pub max_response_bytes: Option<usize>,
    /// How many redirects a GET or HEAD may follow; 0 unless set. Each is vetted like the first target.
    pub follow_redirects: u8,
    /// Who has chosen the target.
    pub policy: TargetPolicy,
}

impl OutgoingRequest {
    /// A request without headers and body.
    #[must_use]
    pub fn new(method: Method, url: Url, policy: TargetPolicy) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout: None,
            max_response_bytes: None,
            follow_redirects: 0,
            policy,
        }
    }

    /// With this header, in place of an earlier one of the same name.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// With this body as JSON, and its content type.
    ///
    /// # Errors
    /// If the value cannot be written as JSON.
    pub fn json(self, body: &impl Serialize) -> Result<Self, serde_json::Error> {
        let body = serde_json::to_vec(body)?;
        Ok(self
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(body))
    }

    /// With this timeout.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

/// A whole answer, of any status.
#[derive(Clone)]
pub struct OutgoingResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl OutgoingResponse {
    /// The body read as JSON.
    ///
    /// # Errors
    /// If it is something else.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

/// An answer whose body comes piece by piece.
pub struct OutgoingStream {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; it ends with an error if it breaks off, stands still or passes the limit.
    pub body: BoxStream<'static, Result<Bytes, HttpError>>,
}

/// Why there is no answer. A status such as 500 is an answer: what it means, the caller knows. No text names path or query.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The settings do not make a client.
    #[error("the HTTP client cannot be made: {0}")]
    Settings(String),
    /// The URL cannot be a target.
    #[error("the URL cannot be called: {0}")]
    InvalidUrl(&'static str),
    /// The target lies inside, and its policy is [`TargetPolicy::Vetted`].
    #[error("the target has the address {0}, which is not on the public Internet")]
    Refused(IpAddr),
    /// The name has no address, the connection failed, or TLS did: the request has not left.
    #[error("no connection to the target")]
    Connect(#[source] reqwest::Error),
    /// No answer in time. The other system may have acted on the request.
    #[error("no answer in time")]
    Timeout,
    /// The connection broke. The other system may have acted on the request.
    #[error("the connection broke before the answer was complete")]
    Broken(#[source] reqwest::Error),
    /// The answer is longer than allowed.
    #[error("the answer is longer than {0} bytes")]
    TooLarge(usize),
    /// More redirects than allowed, or one that leads nowhere.
    #[error("the target redirects where the request may not follow")]
    Redirect,
    /// The request cannot be written, for example for its headers.
    #[error("the request cannot be sent")]
    Request(#[source] reqwest::Error),
}

impl HttpError {
    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Timeout | Self::Broken(_))
    }

    /// Whether the other system may have received the request and acted on it, so that the outcome is unknown.
    #[must_use]
    pub fn may_have_arrived(&self) -> bool {
        matches!(
            self,
            Self::Timeout | Self::Broken(_) | Self::TooLarge(_) | Self::Redirect
        )
    }

    fn from_reqwest(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut cause = error.source();
        while let Some(inner) = cause {
            if let Some(Refusal(address)) = inner.downcast_ref() {
                return Self::Refused(*address);
            }
            cause = inner.source();
        }
        if error.is_connect() {
            Self::Connect(error)
        } else if error.is_timeout() {
            Self::Timeout
        } else if error.is_builder() {
            Self::Request(error)
        } else {
            Self::Broken(error)
        }
    }
}

/// The platform's HTTP client. Clones share connections.
#[derive(Clone)]
pub struct HttpClient {
    vetted: reqwest::Client,
    trusted: reqwest::Client,
    resolver: Arc<VettingResolver>,
    settings: Arc<HttpClientSettings>,
}

impl HttpClient {
    /// A client.
    ///
    /// # Errors
    /// [`HttpError::Settings`] if the certificates cannot be read, or TLS cannot be set up.
    pub fn new(settings: HttpClientSettings) -> Result<Self, HttpError> {
        Self::with_resolver(settings, VettingResolver::system())
    }

    fn with_resolver(
        settings: HttpClientSettings,
        resolver: VettingResolver,
    ) -> Result<Self, HttpError> {
        let resolver = Arc::new(resolver);
        let certificates = match &settings.ca_file {
            None => Vec::new(),
            Some(path) => {
                let pem = std::fs::read(path)
                    .map_err(|error| HttpError::Settings(format!("{}: {error}", path.display())))?;
                let certificates = reqwest::Certificate::from_pem_bundle(&pem).unwrap_or_default();
                if certificates.is_empty() {
                    return Err(HttpError::Settings(format!(
                        "{}: no PEM certificate in it",
                        path.display()
                    )));
                }
                certificates
            }
        };
        let builder = || {
            reqwest::Client::builder()
                .user_agent(&settings.user_agent)
                .connect_timeout(Duration::from_secs(settings.connect_timeout_seconds))
                .redirect(reqwest::redirect::Policy::none())
                .tls_certs_merge(certificates.iter().cloned())
                // A proxy from the environment would resolve names itself, out of reach of the vetting.
                .no_proxy()
        };
        let build = |builder: reqwest::ClientBuilder| {
            builder
                .build()
                .map_err(|error| HttpError::Settings(error.to_string()))
        };
        Ok(Self {
            vetted: build(builder().dns_resolver(Arc::clone(&resolver)))?,
            trusted: build(builder())?,
            resolver,
            settings: Arc::new(settings),
        })
    }

    /// Sends and waits for the whole answer.
    ///
    /// # Errors
    /// [`HttpError`]; a status of 400 or more is none.
    pub async fn request(&self, request: OutgoingRequest) -> Result<OutgoingResponse, HttpError> {
        let limit = request
            .max_response_bytes
            .unwrap_or(self.settings.max_response_bytes);
        // For the whole, redirects included, so it is not reqwest's timeout, which is for one hop.
        let deadline = Instant::now() + self.timeout_of(&request);
        let response = self.follow(request, deadline).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = timeout_at(deadline, collect(response, limit))
            .await
            .unwrap_or(Err(HttpError::Timeout))?;
        Ok(OutgoingResponse {
            status,
            headers,
            body,
        })
    }

    /// Sends and gives the body piece by piece; the timeout is for the headers, then for each piece.
    ///
    /// # Errors
    /// [`HttpError`]; a status of 400 or more is none.
    pub async fn get_stream(&self, request: OutgoingRequest) -> Result<OutgoingStream, HttpError> {
        let limit = request.max_response_bytes.unwrap_or(usize::MAX);
        let timeout = self.timeout_of(&request);
        let response = self.follow(request, Instant::now() + timeout).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let pieces = futures::stream::try_unfold(
            (response, 0_usize),
            move |(mut response, seen)| async move {
                let piece = tokio::time::timeout(timeout, response.chunk())
                    .await
                    .map_err(|_| HttpError::Timeout)?;
                let Some(piece) = piece.map_err(HttpError::from_reqwest)? else {
                    return Ok(None);
                };
                let seen = seen.saturating_add(piece.len());
                if seen > limit {
                    return Err(HttpError::TooLarge(limit));
                }
                Ok(Some((piece, (response, seen))))
            },
        );
        Ok(OutgoingStream {
            status,
            headers,
            body: pieces.boxed(),
        })
    }

    /// Whether a target that somebody outside names may be called, for a check when it is saved. It is checked again at every
    /// call, because a name may point elsewhere by then.
    ///
    /// # Errors
    /// [`HttpError::InvalidUrl`], [`HttpError::Refused`]. A name that has no address now is no error: it may get one.
    pub async fn vet(&self, url: &Url) -> Result<(), HttpError> {
        if self.check_url(url, TargetPolicy::Vetted)? == TargetPolicy::Trusted {
            return Ok(());
        }
        match url.host() {
            Some(Host::Domain(name)) => match self.resolver.vetted_addresses(name).await {
                Err(resolver::ResolveError::Refused(Refusal(address))) => {
                    Err(HttpError::Refused(address))
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn timeout_of(&self, request: &OutgoingRequest) -> Duration {
        request
            .timeout
            .unwrap_or(Duration::from_secs(self.settings.timeout_seconds))
    }

    /// Refuses URLs that cannot be targets and literal addresses inside; says how names are then resolved.
    fn check_url(&self, url: &Url, policy: TargetPolicy) -> Result<TargetPolicy, HttpError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(HttpError::InvalidUrl(
                "it must begin with http:// or https://",
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(HttpError::InvalidUrl(
                "it must not contain a user name or a password",
            ));
        }
        let host = url.host().ok_or(HttpError::InvalidUrl("it has no host"))?;
        if policy == TargetPolicy::Trusted
            || self.settings.dangerous_allow_private_networks
            || self.is_allowed(url)
        {
            return Ok(TargetPolicy::Trusted);
        }
        let literal = match host {
            Host::Domain(_) => return Ok(TargetPolicy::Vetted),
            Host::Ipv4(address) => IpAddr::V4(address),
            Host::Ipv6(address) => IpAddr::V6(address),
        };
        if address::is_public(literal) {
            Ok(TargetPolicy::Vetted)
        } else {
            Err(HttpError::Refused(literal))
        }
    }

    fn is_allowed(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let with_port = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
        let is_it = |allowed: &String| {
            allowed.eq_ignore_ascii_case(host) || allowed.eq_ignore_ascii_case(&with_port)
        };
        self.settings.allowed_hosts.iter().any(is_it)
    }

    async fn follow(
        &self,
        mut request: OutgoingRequest,
        deadline: Instant,
    ) -> Result<reqwest::Response, HttpError> {
        let mut left = match request.method {
            Method::GET | Method::HEAD => request.follow_redirects,
            _ => 0,
        };
        let follows = left > 0;
        loop {
            let response = self.send(&request, deadline).await?;
            let target = response
                .headers()
                .get(LOCATION)
                .filter(|_| response.status().is_redirection());
            let Some(target) = target.filter(|_| follows) else {
                return Ok(response);
            };
            left = left.checked_sub(1).ok_or(HttpError::Redirect)?;
            let target = target
                .to_str()
                .ok()
                .and_then(|target| request.url.join(target).ok())
                .ok_or(HttpError::Redirect)?;
            if target.origin() != request.url.origin() {
                request.headers.remove(AUTHORIZATION);
                request.headers.remove(COOKIE);
            }
            request.url = target;
        }
    }

    /// One call over the wire, with its fault points and its log line.
    async fn send(
        &self,
        request: &OutgoingRequest,
        deadline: Instant,
    ) -> Result<reqwest::Response, HttpError> {
        let host = request.url.host_str().unwrap_or_default();
        let client = match self.check_url(&request.url, request.policy)? {
            TargetPolicy::Vetted => &self.vetted,
            TargetPolicy::Trusted => &self.trusted,
        };
        faults::point(Point::OutgoingCall);
        let sending = client
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone())
            .body(request.body.clone())
            .send();
        let sent = match timeout_at(deadline, sending).await {
            Ok(sent) => sent.map_err(HttpError::from_reqwest),
            Err(_) => Err(HttpError::Timeout),
        };
        faults::point(Point::OutgoingAnswer);
        match &sent {
            Ok(response) => {
                metrics::counter!("oc_outgoing_call_total", "outcome" => "answered").increment(1);
                tracing::info!(method = %request.method, host, status = response.status().as_u16(), "outgoing call answered");
            }
            Err(error) => {
                metrics::counter!("oc_outgoing_call_total", "outcome" => "failed").increment(1);
                tracing::info!(method = %request.method, host, %error, "outgoing call failed");
            }
        }
        sent
    }
}

async fn collect(mut response: reqwest::Response, limit: usize) -> Result<Bytes, HttpError> {
    let announced = response.content_length().map(usize::try_from);
    if announced.is_some_and(|length| length.map_or(true, |length| length > limit)) {
        return Err(HttpError::TooLarge(limit));
    }
    let mut body = BytesMut::new();
    while let Some(piece) = response.chunk().await.map_err(HttpError::from_reqwest)? {
        if body.len().saturating_add(piece.len()) > limit {
            return Err(HttpError::TooLarge(limit));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

#[cfg(test)]
mod tests;
