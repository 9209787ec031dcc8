//! What an administrator does with webhooks, apart from HTTP.

use std::sync::Arc;
use std::time::Duration;

use opencity_kernel::clock;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::crypto::CryptoError;
use opencity_kernel::db::{DbError, Tenancy, TenantScope, WriteScope};
use opencity_kernel::http_client::{HttpClient, HttpError};
use opencity_kernel::id::{DeliveryId, EventId, ServiceId, WebhookId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;
use opencity_kernel::problem::{FieldProblem, Problem, ProblemKind};
use serde_json::json;
use url::Url;

use crate::deliveries::{self, TEST};
use crate::domain::{Secret, Trigger, check_header};
use crate::secrets::{self, Headers};
use crate::store::delivery::{self, DeliveryRow};
use crate::store::service;
use crate::store::webhook::{self, WebhookRow};

/// What a webhook is to be, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub title: String,
    pub endpoint: String,
    pub triggers: Vec<String>,
    pub filters: Vec<String>,
    pub headers: Headers,
    pub active: bool,
    pub version: i64,
}

/// What a webhook is to be, checked.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    title: String,
    endpoint: String,
    triggers: Vec<String>,
    filters: Vec<ServiceId>,
    headers: Headers,
    active: bool,
    version: i64,
}

/// Webhooks of all tenants. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Hooks {
    pub ctx: ModuleContext,
    pub client: HttpClient,
    /// How long the earlier secret signs too.
    pub overlap: Duration,
    pub plain_http: PlainHttp,
}

/// Where a delivery may go without TLS. Everywhere else its personal data need it.
#[derive(Clone)]
pub(crate) struct PlainHttp {
    /// The settings let webhooks reach everything.
    pub everywhere: bool,
    /// Hosts (`name`, `name:port`) inside the installation.
    pub hosts: Arc<[String]>,
}

impl PlainHttp {
    fn allows(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let with_port = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
        let is_it = |allowed: &String| {
            allowed.eq_ignore_ascii_case(host) || allowed.eq_ignore_ascii_case(&with_port)
        };
        self.everywhere || self.hosts.iter().any(is_it)
    }
}

impl Hooks {
    /// Checks what is wanted: fields, services, and that the target may be called.
    pub(crate) async fn check(&self, tenancy: Tenancy, wanted: Wanted) -> Result<Checked, Problem> {
        let (checked, url) = check_fields(wanted)?;
        self.client.vet(&url).await.map_err(refused_target)?;
        if url.scheme() != "https" && !self.plain_http.allows(&url) {
            return Err(Problem::field(
                "endpoint",
                "scheme",
                "Give an https URL: deliveries carry personal data.",
            ));
        }
        if !checked.filters.is_empty() {
            let services = Arc::new(checked.filters.clone());
            self.ctx
                .find_replica(tenancy, move |scope| service::all_exist(scope, &services))
                .await?
                .ok_or_else(|| Problem::unknown_reference("filters", "service"))?;
        }
        Ok(checked)
    }

    /// Makes a webhook and its secret.
    pub(crate) fn create(
        &self,
        scope: &mut WriteScope<'_>,
        checked: Checked,
    ) -> Result<(WebhookRow, Secret), Problem> {
        let (tenant, id, now) = (scope.tenant_id(), WebhookId::new(), clock::now());
        let secret = Secret::new().map_err(Problem::internal)?;
        let sealer = &self.ctx.platform.sealer;
        let row = WebhookRow {
            tenant_id: tenant,
            id,
            version: 1,
            title: checked.title,
            endpoint: checked.endpoint,
            triggers: Json::of(&checked.triggers)?,
            filters: Json::of(&checked.filters)?,
            headers: secrets::seal_headers(sealer, tenant, id, &checked.headers)
                .map_err(Problem::internal)?,
            active: checked.active,
            body_version: checked.version,
            secret: secrets::seal_secret(sealer, tenant, id, &secret).map_err(Problem::internal)?,
            earlier_secret: None,
            earlier_secret_until: None,
            switched_off_at: None,
            created_at: now,
            updated_at: now,
        };
        webhook::insert(scope, &row)?;
        Ok((row, secret))
    }

    /// The webhook as it is.
    pub(crate) async fn get(&self, tenancy: Tenancy, id: WebhookId) -> Result<WebhookRow, Problem> {
        self.ctx
            .db
            .read(tenancy, move |scope| found(webhook::find(scope, id)?))
            .await
    }

    /// Its headers, opened.
    pub(crate) fn headers(&self, row: &WebhookRow) -> Result<Headers, CryptoError> {
        secrets::open_headers(&self.ctx.platform.sealer, row)
    }

    /// Changes a webhook that was read as `read`. Switched off, what waits is put aside; switched on, it goes on.
    pub(crate) async fn change(&self, read: WebhookRow, checked: Checked) -> Result<(), Problem> {
        let now = clock::now();
        let was_active = read.active;
        let headers = secrets::seal_headers(
            &self.ctx.platform.sealer,
            read.tenant_id,
            read.id,
            &checked.headers,
        )
        .map_err(Problem::internal)?;
        let row = WebhookRow {
            title: checked.title,
            endpoint: checked.endpoint,
            triggers: Json::of(&checked.triggers)?,
            filters: Json::of(&checked.filters)?,
            headers,
            active: checked.active,
            body_version: checked.version,
            switched_off_at: read.switched_off_at.filter(|_| !checked.active),
            updated_at: now,
            ..read
        };
        self.ctx
            .db
            .write::<_, Problem>(Tenancy::from_row(row.tenant_id), move |scope| {
                webhook::update(scope, &row)?;
                match (was_active, row.active) {
                    (true, false) => delivery::hold(scope, row.id, now)?,
                    (false, true) => delivery::resume(scope, row.id, now)?,
                    _ => {}
                }
                Ok(())
            })
            .await?;
        self.wake();
        Ok(())
    }

    /// Deletes a webhook with its deliveries.
    pub(crate) async fn delete(&self, tenancy: Tenancy, id: WebhookId) -> Result<(), Problem> {
        self.ctx
            .db
            .write(tenancy, move |scope| {
                delivery::delete_of(scope, id)?;
                if webhook::delete(scope, id)? {
                    Ok(())
                } else {
                    Err(unknown_webhook())
                }
            })
            .await
    }

    /// Gives a webhook a new secret; the one before signs too for a while.
    pub(crate) async fn rotate(
        &self,
        tenancy: Tenancy,
        id: WebhookId,
    ) -> Result<(Secret, Instant), Problem> {
        let read = self.get(tenancy, id).await?;
        let (secret, now) = (Secret::new().map_err(Problem::internal)?, clock::now());
        let until = now.plus(self.overlap);
        let sealed = secrets::seal_secret(&self.ctx.platform.sealer, read.tenant_id, id, &secret)
            .map_err(Problem::internal)?;
        let row = WebhookRow {
            earlier_secret: Some(read.secret),
            earlier_secret_until: Some(until),
            secret: sealed,
            updated_at: now,
            ..read
        };
        self.ctx
            .db
            .write::<_, Problem>(tenancy, move |scope| Ok(webhook::update(scope, &row)?))
            .await?;
        Ok((secret, until))
    }

    /// Makes a delivery that shows whether the target answers and accepts the signature.
    pub(crate) fn test(
        &self,
        scope: &mut WriteScope<'_>,
        id: WebhookId,
    ) -> Result<DeliveryRow, Problem> {
        let webhook = found(webhook::find(scope, id)?)?;
        let (event, now) = (EventId::new(), clock::now());
        let body = json!({
            "id": webhook.id, "event_id": event, "event_version": 1, "event_created_at": now,
            "app_id": crate::INFO.app_id(), "tenant_id": webhook.tenant_id, "tenant": webhook.tenant_id,
            "change": {"type": "test", "from": null, "to": null, "history_id": null},
            "title": webhook.title,
        });
        let row = deliveries::new(&webhook, event, webhook.id.uuid().into(), TEST, &body, now)?;
        delivery::insert(scope, &row)?;
        Ok(row)
    }

    /// Sends a delivery again, with all attempts, under its old id.
    pub(crate) async fn redeliver(
        &self,
        tenancy: Tenancy,
        id: WebhookId,
        delivery_id: DeliveryId,
    ) -> Result<DeliveryRow, Problem> {
        let now = clock::now();
        let row = self
            .ctx
            .db
            .write(tenancy, move |scope| {
                let webhook = found(webhook::find(scope, id)?)?;
                delivery_of(scope, &webhook, delivery_id)?;
                if !webhook.active {
                    return Err(Problem::new(
                        ProblemKind::Conflict,
                        "The webhook is off. Switch it on, then redeliver.",
                    ));
                }
                if !delivery::restart(scope, delivery_id, now)? {
                    return Err(Problem::new(
                        ProblemKind::Conflict,
                        "The delivery is being sent at this moment. Look at its outcome first.",
                    ));
                }
                delivery_of(scope, &webhook, delivery_id)
            })
            .await?;
        self.wake();
        Ok(row)
    }

    /// There is something to send.
    pub(crate) fn wake(&self) {
        self.ctx.platform.wakes.wake(crate::tasks::DELIVER);
    }
}

fn delivery_of(
    scope: &mut TenantScope<'_>,
    webhook: &WebhookRow,
    id: DeliveryId,
) -> Result<DeliveryRow, Problem> {
    delivery::find(scope, id)?
        .filter(|row| row.webhook_id == webhook.id)
        .ok_or_else(|| Problem::not_found("delivery"))
}

/// The row, or that there is none.
pub(crate) fn found(row: Option<WebhookRow>) -> Result<WebhookRow, Problem> {
    row.ok_or_else(unknown_webhook)
}

fn unknown_webhook() -> Problem {
    Problem::not_found("webhook")
}

fn refused_target(error: HttpError) -> Problem {
    match error {
        HttpError::InvalidUrl(why) => Problem::field("endpoint", "format", &format!("The URL cannot be called: {why}.")),
        HttpError::Refused(_) => Problem::new(
            ProblemKind::TargetRefused,
            "The endpoint leads to a private, local or otherwise internal address. Give a public HTTPS address.",
        )
        .with_errors(vec![FieldProblem::new("endpoint", "target-refused", "Give a public address.")]),
        other => Problem::internal(other),
    }
}

/// Checks everything that needs nobody else, and names all faults at once.
fn check_fields(wanted: Wanted) -> Result<(Checked, Url), Problem> {
    let mut errors = Vec::new();
    let title = wanted.title.trim().to_owned();
    if title.is_empty() || title.chars().count() > 255 {
        errors.push(FieldProblem::new(
            "title",
            "length",
            "Give a title of 1 to 255 characters.",
        ));
    }
    let endpoint = wanted.endpoint.trim().to_owned();
    let url = Url::parse(&endpoint)
        .ok()
        .filter(|_| endpoint.len() <= 2000);
    if url.is_none() {
        errors.push(FieldProblem::new(
            "endpoint",
            "format",
            "Give an absolute https URL of at most 2000 characters.",
        ));
    }
    let triggers: Vec<Option<Trigger>> = wanted
        .triggers
        .iter()
        .map(|name| Trigger::parse(name.trim()))
        .collect();
    if triggers.is_empty() || triggers.len() > 50 || triggers.contains(&None) {
        errors.push(FieldProblem::new("triggers", "value", "Give at least one of all, message_created, payment_completed, document_registered, or codes of states such as 2000."));
    }
    let all = wanted.filters.iter().any(|filter| filter.trim() == "all");
    let filters: Vec<ServiceId> = if all {
        Vec::new()
    } else {
        wanted
            .filters
            .iter()
            .filter_map(|id| id.trim().parse().ok())
            .collect()
    };
    if wanted.filters.len() > 500 || (!all && filters.len() != wanted.filters.len()) {
        errors.push(FieldProblem::new(
            "filters",
            "value",
            "Give all, or ids of services (at most 500).",
        ));
    }
    if wanted.headers.len() > 20
        || wanted
            .headers
            .iter()
            .any(|(name, value)| value.len() > 4000 || check_header(name, value).is_none())
    {
        errors.push(FieldProblem::new("headers", "value", "Give at most 20 headers that can be sent; those of transport, content type and signature are set by the platform."));
    }
    if !matches!(wanted.version, 1 | 2) {
        errors.push(FieldProblem::new(
            "version",
            "value",
            "Give 1 (flat data) or 2 (nested data).",
        ));
    }
    match url {
        Some(url) if errors.is_empty() => {
            let triggers = triggers
                .into_iter()
                .flatten()
                .map(|trigger| trigger.to_string())
                .collect();
            let Wanted {
                headers,
                active,
                version,
                ..
            } = wanted;
            Ok((
                Checked {
                    title,
                    endpoint,
                    triggers,
                    filters,
                    headers,
                    active,
                    version,
                },
                url,
            ))
        }
        _ => Err(Problem::validation(errors)),
    }
}

/// The filters as they are shown: `all`, or ids of services.
pub(crate) fn filters_shown(row: &WebhookRow) -> Result<Vec<String>, DbError> {
    let services: Vec<ServiceId> = row.filters.read()?;
    Ok(if services.is_empty() {
        vec!["all".to_owned()]
    } else {
        services.iter().map(ToString::to_string).collect()
    })
}
