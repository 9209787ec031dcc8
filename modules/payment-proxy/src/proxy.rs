//! What is done with debts: between two short transactions the intermediary is asked.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use opencity_contracts::PaymentEvent;
use opencity_contracts::payment::{PaymentStatus, PaymentType};
use opencity_kernel::clock;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::{DbError, DbResult, Tenancy, TenantScope};
use opencity_kernel::directory::Tenant;
use opencity_kernel::id::PaymentId;
use opencity_kernel::instant::Instant;
use opencity_kernel::tax_code::TestBodies;
use secrecy::ExposeSecret;

use crate::Settings;
use crate::connectors::{Connector, ConnectorError, Connectors, NewPosition, PositionRef, Stamp};
use crate::domain::links::ProxyLinks;
use crate::domain::outcome::{Effect, Standing, apply};
use crate::domain::polling::{NextCheck, next_check};
use crate::domain::reason::reason;
use crate::domain::settings::ConfigSettings;
use crate::store::application;
use crate::store::config::{self, ConfigRow};
use crate::store::debt::{self, Debt};
use crate::store::tenant::{self, TenantRow};

/// The task that checks and cancels.
pub const DEBTS_TASK: &str = "payment-proxy.debts";
/// After a failure the intermediary is left alone for so long.
const PAUSE: Duration = Duration::from_secs(300);
/// Times that a change is tried again when somebody else was faster.
const REPEATS: usize = 4;

/// The module's means. Cheap to clone.
#[derive(Clone)]
pub struct Proxy {
    /// The module's handle.
    pub ctx: ModuleContext,
    /// The connectors.
    pub connectors: Connectors,
    /// The settings.
    pub settings: Arc<Settings>,
    /// Whether codes of test bodies are taken.
    pub test_bodies: TestBodies,
}

/// Why something could not be done with a debt.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The intermediary.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// The connector or the body's configuration is not there any more.
    #[error("the payment's connector is not configured for its body")]
    NotConfigured,
}

/// By what a payment is served.
pub struct Served {
    /// The connector.
    pub connector: Arc<dyn Connector>,
    /// The service's configuration.
    pub config: ConfigRow,
    /// The body's configuration.
    pub tenant: TenantRow,
}

impl Proxy {
    /// By what a payment is served: the active configuration of its service and payment type, if its connector is one of ours.
    pub fn served(
        &self,
        scope: &mut TenantScope<'_>,
        payment: &PaymentEvent,
    ) -> DbResult<Option<Served>> {
        let kind = payment.payment.kind.unwrap_or(PaymentType::Pagopa);
        let Some(config) = config::active(scope, payment.service_id.into(), kind.as_str())? else {
            return Ok(None);
        };
        let Some(connector) = self.connectors.get(&config.connector) else {
            return Ok(None);
        };
        let tenant = tenant::find(scope, &config.connector)?.filter(|tenant| tenant.active);
        Ok(tenant.map(|tenant| Served {
            connector,
            config,
            tenant,
        }))
    }

    /// The links of a connector in a body's site.
    pub fn links<'a>(&self, base_url: &'a str, connector: &'a str) -> ProxyLinks<'a> {
        ProxyLinks {
            base_url,
            connector,
        }
    }

    /// What the intermediary of a body signs with.
    ///
    /// # Errors
    /// If the key that sealed it is not configured any more.
    pub fn secret(&self, tenant: &TenantRow) -> Result<Vec<u8>, ProxyError> {
        let opened = self
            .ctx
            .platform
            .sealer
            .open(&tenant.sealed_secret, &sealed_for(tenant));
        opened
            .map(|secret| secret.expose_secret().to_vec())
            .map_err(|error| {
                tracing::error!(%error, "the secret of a connector cannot be opened");
                ProxyError::NotConfigured
            })
    }

    /// The position to create for a payment.
    ///
    /// # Errors
    /// [`ConnectorError::Refused`] if the payment lacks what a position needs.
    pub fn position(
        &self,
        payment: &PaymentEvent,
        served: &Served,
        site: &Tenant,
    ) -> Result<NewPosition, ProxyError> {
        let settings: ConfigSettings = served.config.body.read()?;
        let amount = payment.payment.amount.unwrap_or(settings.amount);
        if amount.is_zero() {
            return Err(ConnectorError::Refused("the amount is zero".to_owned()).into());
        }
        let base_url = self.ctx.platform.public_url(site);
        let links = self.links(&base_url, served.connector.id());
        let stamp = match payment.payment.kind {
            Some(PaymentType::Stamp) => Some(stamp(payment)?),
            _ => None,
        };
        let secret = self.secret(&served.tenant)?;
        Ok(NewPosition {
            payment: payment.id,
            tax_code: served.tenant.tax_code.clone(),
            organization: site.name.clone(),
            amount: amount.get(),
            reason: reason(
                payment.reason.as_deref(),
                &settings.reason,
                payment.remote_id,
            ),
            expires_at: payment
                .payment
                .expire_at
                .unwrap_or_else(|| days_after(payment.created_at, settings.expire_at)),
            payer: payment.payer.clone(),
            return_url: links.of("landing", payment.id),
            notify_url: links.notify(),
            secret: String::from_utf8_lossy(&secret).into_owned(),
            category: Some(
                payment
                    .payment
                    .pagopa_category
                    .clone()
                    .unwrap_or(settings.collection_data),
            ),
            stamp,
        })
    }

    /// The debt that a public link names.
    pub async fn by_link(&self, connector: &str, id: PaymentId) -> DbResult<Option<Debt>> {
        let connector = connector.to_owned();
        self.ctx
            .db
            .read_across("a public link names its payment", move |scope| {
                debt::by_link(scope, &connector, id)
            })
            .await
    }

    /// Where the intermediary keeps a debt.
    pub async fn place_of(
        &self,
        found: &Debt,
    ) -> Result<(Arc<dyn Connector>, PositionRef), ProxyError> {
        let connector = self
            .connectors
            .get(&found.row.connector)
            .ok_or(ProxyError::NotConfigured)?;
        let (tenancy, id) = (tenancy_of(found), connector.id());
        let tenant = self
            .ctx
            .db
            .read::<_, DbError>(tenancy, move |scope| tenant::find(scope, id))
            .await?;
        let tax_code = tenant.ok_or(ProxyError::NotConfigured)?.tax_code;
        Ok((
            connector,
            PositionRef {
                payment: found.row.id.uuid(),
                tax_code,
            },
        ))
    }

    /// Changes a debt in one transaction, again from the start when somebody else was faster. `change` says whether it changed
    /// the payment in a way that others must know.
    ///
    /// # Errors
    /// The database's.
    pub async fn change(
        &self,
        tenancy: Tenancy,
        id: PaymentId,
        change: impl Fn(&mut TenantScope<'_>, &mut Debt) -> DbResult<Told> + Clone + Send + 'static,
    ) -> DbResult<Debt> {
        let mut repeats = 0;
        loop {
            let change = change.clone();
            let written = self
                .ctx
                .db
                .write::<_, DbError>(tenancy, move |scope| {
                    let mut found = debt::find(scope, id)?.ok_or(DbError::NotFound)?;
                    let told = change(scope, &mut found)?;
                    let after = found.clone();
                    match told {
                        Told::Event => found.change(scope)?,
                        Told::Quietly => found.change_quietly(scope)?,
                        Told::Nothing => {}
                    }
                    Ok(after)
                })
                .await;
            match written {
                Err(DbError::Conflict) if repeats < REPEATS => repeats += 1,
                other => return other,
            }
        }
    }

    /// Applies what the intermediary says of a debt. However often and by whomever it is told, each change is told once.
    ///
    /// # Errors
    /// The database's.
    pub async fn apply(
        &self,
        tenancy: Tenancy,
        id: PaymentId,
        standing: Standing,
    ) -> DbResult<Debt> {
        self.change(tenancy, id, move |_, found| Ok(applied(found, &standing)))
            .await
    }

    /// Asks the intermediary how a debt stands, now, and writes what follows.
    ///
    /// # Errors
    /// [`ProxyError`]; a failure of the intermediary only puts the next check off.
    pub async fn check(&self, found: &Debt) -> Result<Debt, ProxyError> {
        let (tenancy, id) = (tenancy_of(found), found.row.id);
        let asked = match self.place_of(found).await {
            Ok((connector, place)) => connector.read(&place).await.map_err(ProxyError::from),
            Err(error) => Err(error),
        };
        let standing = match asked {
            Ok(position) => Some(position.standing),
            // A due that the intermediary knows under its notice number only.
            Err(ProxyError::Connector(ConnectorError::Unknown)) => Some(Standing::Open),
            Err(ProxyError::Database(error)) => return Err(error.into()),
            Err(error) => {
                provider_error(&found.row.connector);
                tracing::warn!(%error, connector = found.row.connector, "a debt could not be checked; it will be asked again");
                None
            }
        };
        let Some(standing) = standing else {
            let later = self.change(tenancy, id, |_, found| {
                if found.row.next_check_at.is_none() {
                    return Ok(Told::Nothing);
                }
                found.row.next_check_at = Some(clock::now().plus(PAUSE));
                Ok(Told::Quietly)
            });
            return Ok(later.await?);
        };
        let checked = self.change(tenancy, id, move |scope, found| {
            let now = clock::now();
            found.payment.links.update.last_check_at = Some(now.utc());
            if applied(found, &standing) == Told::Event {
                return Ok(Told::Event);
            }
            if !found.payment.status.is_payable() {
                found.row.next_check_at = None;
                return Ok(Told::Quietly);
            }
            if !application::awaits_payment(scope, found.row.remote_id, found.row.attempt)? {
                found.row.cancel_at = Some(now);
            }
            match next_check(found.row.created_at, Some(now), now, found.row.expire_at) {
                NextCheck::At(next) => found.row.next_check_at = Some(next),
                NextCheck::Unchanged => {}
                NextCheck::Expired => {
                    found.payment.status = PaymentStatus::Expired;
                    found.row.next_check_at = None;
                    return Ok(Told::Event);
                }
            }
            Ok(Told::Quietly)
        });
        Ok(checked.await?)
    }

    /// Cancels a debt at the intermediary, then the payment, unless it is paid: then it becomes complete.
    ///
    /// # Errors
    /// [`ProxyError`].
    pub async fn cancel(&self, found: &Debt) -> Result<Debt, ProxyError> {
        let (tenancy, id) = (tenancy_of(found), found.row.id);
        let (connector, place) = self.place_of(found).await?;
        let standing = match connector.cancel(&place).await {
            Ok(()) | Err(ConnectorError::Unknown) => Standing::Cancelled,
            Err(ConnectorError::WrongState) => connector.read(&place).await?.standing,
            Err(error) => {
                provider_error(connector.id());
                return Err(error.into());
            }
        };
        let written = self.change(tenancy, id, move |_, found| {
            found.row.cancel_at = None;
            Ok(match applied(found, &standing) {
                Told::Nothing => Told::Quietly,
                told => told,
            })
        });
        Ok(written.await?)
    }

    /// One due debt: to be cancelled, or to be checked.
    ///
    /// # Errors
    /// The database's.
    pub async fn attend(&self, found: &Debt) -> Result<(), ProxyError> {
        if found.row.cancel_at.is_none_or(|at| at > clock::now()) {
            return self.check(found).await.map(|_| ());
        }
        match self.cancel(found).await {
            Ok(_) => Ok(()),
            Err(ProxyError::Database(error)) => Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, connector = found.row.connector, "a debt could not be cancelled; it will be tried again");
                self.change(tenancy_of(found), found.row.id, |_, found| {
                    found.row.cancel_at = Some(clock::now().plus(PAUSE));
                    Ok(Told::Quietly)
                })
                .await?;
                Ok(())
            }
        }
    }
}

/// Whether a change is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// By an event.
    Event,
    /// Kept, and told with the next event.
    Quietly,
    /// There is none.
    Nothing,
}

fn applied(found: &mut Debt, standing: &Standing) -> Told {
    let before = found.payment.status;
    match apply(&mut found.payment, standing) {
        Effect::Changed => {
            found.row.next_check_at = None;
            if before == PaymentStatus::Expired {
                tracing::error!(payment = %found.row.id, "an expired payment was paid: the operator has to look at it");
            }
            Told::Event
        }
        Effect::Anomaly => {
            tracing::error!(payment = %found.row.id, status = found.row.status, "money came for a payment that expects none");
            Told::Nothing
        }
        Effect::Nothing => Told::Nothing,
    }
}

/// For whom work on a debt is done.
pub fn tenancy_of(found: &Debt) -> Tenancy {
    Tenancy::from_row(found.row.tenant_id)
}

/// What a sealed secret belongs to.
pub fn sealed_for(tenant: &TenantRow) -> Vec<u8> {
    format!(
        "payment_proxy_tenant/{}/{}",
        tenant.tenant_id, tenant.connector
    )
    .into_bytes()
}

/// Counts a failure of an intermediary.
pub fn provider_error(connector: &str) {
    metrics::counter!("oc_payment_provider_errors_total", "connector" => connector.to_owned())
        .increment(1);
}

fn days_after(instant: DateTime<Utc>, days: u32) -> DateTime<Utc> {
    instant
        .checked_add_signed(TimeDelta::days(i64::from(days)))
        .unwrap_or(instant)
}

/// pagoPA wants base64 of the raw bytes of the hash, and the province of residence (`standards.md` §6).
fn stamp(payment: &PaymentEvent) -> Result<Stamp, ConnectorError> {
    let refused = |why: &str| ConnectorError::Refused(why.to_owned());
    let hash = payment
        .payment
        .document
        .as_ref()
        .and_then(|document| document.hash.strip_prefix("sha256:"));
    let hash = hash
        .and_then(|hash| hex::decode(hash).ok())
        .ok_or_else(|| refused("a digital stamp needs the hash of its document"))?;
    let province = payment
        .payer
        .country_subdivision
        .as_deref()
        .unwrap_or_default()
        .to_uppercase();
    if province.len() != 2 || !province.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(refused("a digital stamp needs the payer's province"));
    }
    Ok(Stamp {
        document_hash: STANDARD.encode(hash),
        province,
    })
}

/// The first check of a debt that was created or taken over now.
pub fn first_check() -> Instant {
    crate::domain::polling::first_check(clock::now())
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions
    )]
    use super::*;
    use opencity_contracts::payment::StampedDocument;

    #[test]
    fn the_hash_of_a_stamp_is_base64_of_the_raw_bytes() {
        let mut payment = PaymentEvent::default();
        payment.payer.country_subdivision = Some("pi".to_owned());
        assert!(stamp(&payment).is_err());
        payment.payment.document = Some(StampedDocument {
            hash: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
                .to_owned(),
            ..StampedDocument::default()
        });
        assert_eq!(
            stamp(&payment).unwrap(),
            Stamp {
                document_hash: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned(),
                province: "PI".to_owned()
            }
        );
        payment.payer.country_subdivision = Some("Pisa".to_owned());
        assert!(stamp(&payment).is_err());
    }
}
