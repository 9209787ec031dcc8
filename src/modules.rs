//! The modules that are linked into this binary: one line per feature.

use std::sync::Arc;

use opencity_kernel::context::{ModuleContext, Platform};
use opencity_kernel::db::Migration;
use opencity_kernel::module::{Module, ModuleInfo, StartError};

/// A module that is linked in: what must be known of it before it exists.
pub struct Linked {
    /// Name and version.
    pub info: ModuleInfo,
    /// Its tables.
    pub migrations: &'static [Migration],
    make: fn(ModuleContext) -> Result<Arc<dyn Module>, StartError>,
}

impl Linked {
    /// Makes the module.
    ///
    /// # Errors
    /// If its settings are not valid.
    pub fn make(&self, platform: &Arc<Platform>) -> Result<Arc<dyn Module>, StartError> {
        (self.make)(ModuleContext::new(Arc::clone(platform), self.info))
    }
}

macro_rules! linked {
    ($($feature:literal => $krate:ident::$module:ident),* $(,)?) => {
        vec![$(
            #[cfg(feature = $feature)]
            Linked {
                info: $krate::INFO,
                migrations: $krate::MIGRATIONS,
                make: |context| Ok(Arc::new($krate::$module::new(context)?)),
            },
        )*]
    };
}

/// All modules of this binary, in the order in which they start.
pub fn linked() -> Vec<Linked> {
    linked![
        "tenants" => opencity_tenants::Tenants,
        "identity" => opencity_identity::Identity,
        "services" => opencity_services::Services,
        "applications" => opencity_applications::Applications,
        "payments" => opencity_payments::Payments,
        "payment-proxy" => opencity_payment_proxy::PaymentProxy,
        "documents" => opencity_documents::Documents,
        "protocol-proxy" => opencity_protocol_proxy::ProtocolProxy,
        "retry" => opencity_retry::Retry,
        "webhooks" => opencity_webhooks::Webhooks,
        "notifications" => opencity_notifications::Notifications,
        "jobs" => opencity_jobs::Jobs,
    ]
}

/// The modules that run: all that are linked in, or those named.
///
/// # Errors
/// If a name is not linked in.
pub fn chosen(only: &[String]) -> Result<Vec<Linked>, StartError> {
    let all = linked();
    if let Some(unknown) = only.iter().find(|name| all.iter().all(|module| module.info.name != name.as_str())) {
        let known: Vec<_> = all.iter().map(|module| module.info.name).collect();
        return Err(StartError(format!(
            "there is no module {unknown} in this binary; it has: {}. Build it with --features {unknown}.",
            known.join(", ")
        )));
    }
    Ok(all.into_iter().filter(|module| only.is_empty() || only.iter().any(|name| name == module.info.name)).collect())
}
