//! `[identity]`

use opencity_kernel::config::Environment;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::module::StartError;
use serde::Deserialize;

/// What OWASP's Password Storage Cheat Sheet asks of argon2id as a minimum: 19 MiB, two passes, one lane.
const OWASP_MEMORY_KIB: u32 = 19_456;
const OWASP_PASSES: u32 = 2;

/// `[identity]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The kernel reads it.
    #[serde(rename = "citizen_id_key")]
    _citizen_id_key: String,
    /// Citizens log in by fiscal code and password.
    pub(crate) dangerous_citizen_password_login: bool,
    /// The fewest characters of a new password.
    pub(crate) password_min_length: usize,
    /// Days without a login after which operators and administrators are refused; 0 = never.
    pub(crate) inactive_days: u64,
    /// argon2id: memory of one hash, KiB.
    pub(crate) argon2_memory_kib: u32,
    /// argon2id: passes.
    pub(crate) argon2_passes: u32,
    /// argon2id: lanes.
    pub(crate) argon2_lanes: u32,
    /// Hashes computed at the same time.
    pub(crate) argon2_at_once: usize,
}

impl Settings {
    pub(crate) fn of(ctx: &ModuleContext) -> Result<Self, StartError> {
        let config = &ctx.platform.config;
        let mut settings: Self = config.section("identity")?;
        if config.demo.enabled {
            settings.dangerous_citizen_password_login = true;
        }
        let weak =
            settings.argon2_memory_kib < OWASP_MEMORY_KIB || settings.argon2_passes < OWASP_PASSES;
        if weak && config.environment == Environment::Production {
            return Err(StartError(format!(
                "identity.argon2_memory_kib takes {OWASP_MEMORY_KIB} or more and identity.argon2_passes {OWASP_PASSES} or more when environment is production"
            )));
        }
        if settings.argon2_at_once == 0 || settings.password_min_length < 8 {
            return Err(StartError(
                "identity.argon2_at_once takes 1 or more, identity.password_min_length 8 or more"
                    .to_owned(),
            ));
        }
        Ok(settings)
    }
}
