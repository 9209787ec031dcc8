//! Secrets and headers at rest: sealed, and bound to the webhook that they belong to.

use std::collections::BTreeMap;

use opencity_kernel::crypto::{CryptoError, Sealer};
use opencity_kernel::id::{TenantId, WebhookId};
use opencity_kernel::instant::Instant;
use secrecy::ExposeSecret;

use crate::domain::Secret;
use crate::store::webhook::WebhookRow;

/// Names and values of the headers that an administrator has added.
pub(crate) type Headers = BTreeMap<String, String>;

fn bound_to(column: &str, tenant: TenantId, webhook: WebhookId) -> Vec<u8> {
    format!("webhooks_webhook/{column}/{tenant}/{webhook}").into_bytes()
}

/// Seals a signing secret.
pub(crate) fn seal_secret(
    sealer: &Sealer,
    tenant: TenantId,
    webhook: WebhookId,
    secret: &Secret,
) -> Result<String, CryptoError> {
    sealer.seal(
        secret.reveal().expose_secret().as_bytes(),
        &bound_to("secret", tenant, webhook),
    )
}

/// Seals the headers.
pub(crate) fn seal_headers(
    sealer: &Sealer,
    tenant: TenantId,
    webhook: WebhookId,
    headers: &Headers,
) -> Result<String, CryptoError> {
    let text = serde_json::to_vec(headers).map_err(|_| CryptoError::Refused)?;
    sealer.seal(&text, &bound_to("headers", tenant, webhook))
}

/// The headers of a webhook.
pub(crate) fn open_headers(sealer: &Sealer, row: &WebhookRow) -> Result<Headers, CryptoError> {
    let text = sealer.open(&row.headers, &bound_to("headers", row.tenant_id, row.id))?;
    serde_json::from_slice(text.expose_secret()).map_err(|_| CryptoError::NotAuthentic)
}

/// The secrets that sign now: the present one, and for a while after a rotation the earlier one too.
pub(crate) fn signing_secrets(
    sealer: &Sealer,
    row: &WebhookRow,
    now: Instant,
) -> Result<Vec<Secret>, CryptoError> {
    let earlier = row
        .earlier_secret
        .as_ref()
        .filter(|_| row.earlier_secret_until.is_some_and(|until| now < until));
    std::iter::once(&row.secret)
        .chain(earlier)
        .map(|sealed| {
            let text = sealer.open(sealed, &bound_to("secret", row.tenant_id, row.id))?;
            std::str::from_utf8(text.expose_secret())
                .ok()
                .and_then(Secret::parse)
                .ok_or(CryptoError::NotAuthentic)
        })
        .collect()
}
