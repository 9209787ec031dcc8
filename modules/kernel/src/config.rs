//! Configuration: `config/default.toml` (in the binary) < file < environment `OPENCITY__SECTION__KEY`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::auth::AuthSettings;
use crate::db::DatabaseSettings;
use crate::events::RunnerSettings;
use crate::http::TrustedProxy;
use crate::http_client::HttpClientSettings;
use crate::mail::MailSettings;
use crate::module::StartError;

/// The reference of all settings, with their defaults.
const DEFAULTS: &str = include_str!("../../../config/default.toml");

/// Where the installation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Environment {
    /// A developer's or a test's.
    Development,
    /// With real people.
    Production,
}

/// `[http]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSettings {
    /// Address and port to listen on.
    pub listen: String,
    /// How links to the outside begin; `{host}` is replaced by the tenant's host.
    pub public_url: String,
    /// Threads that answer requests; 0 = one per core.
    pub workers: usize,
    /// Proxies whose `X-Forwarded-*` are believed.
    pub trusted_proxies: Vec<TrustedProxy>,
    /// The most bytes of a JSON body.
    pub body_limit_bytes: usize,
    /// The most levels of nesting of a JSON body.
    pub json_depth: usize,
    /// The most elements of an array of a JSON body.
    pub json_array_length: usize,
    /// Seconds given to requests under way when the process stops.
    pub shutdown_seconds: u64,
}

/// `[log]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    /// A filter as `tracing` reads it: `info`, `opencity=debug,info`.
    pub filter: String,
    /// `human` or `json`.
    pub format: String,
    /// Labels of every metric.
    pub cluster: String,
}

/// `[demo]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemoSettings {
    /// Seeds the demo municipality at start.
    pub enabled: bool,
    /// Lets the demo, whose passwords everybody knows, be reached from other machines.
    pub dangerous_listen_anywhere: bool,
    /// Where the sandbox of the demo listens.
    pub sandbox_listen: String,
}

/// The kernel's part of the configuration, and a way to the modules' parts.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Where the installation stands.
    pub environment: Environment,
    /// Folder of everything that this process keeps on disk.
    pub data_dir: PathBuf,
    /// HTTP.
    pub http: HttpSettings,
    /// Logs and metrics.
    pub log: LogSettings,
    /// The database.
    pub database: DatabaseSettings,
    /// Events.
    pub events: RunnerSettings,
    /// The brokers, where events go by Kafka.
    #[cfg(feature = "kafka")]
    pub kafka: crate::events::kafka::KafkaSettings,
    /// Tokens.
    pub auth: AuthSettings,
    /// Outgoing calls.
    pub http_client: HttpClientSettings,
    /// Mail.
    pub mail: MailSettings,
    /// The demo municipality.
    pub demo: DemoSettings,
    /// Where the modules of other processes answer.
    #[serde(default)]
    pub modules: ModuleAddresses,
    /// Keys that seal secrets in the database, base64 of 32 bytes each; the first one seals.
    pub sealing_keys: Vec<SealingKeySetting>,
    #[serde(skip)]
    raw: Raw,
}

/// `[modules]`: where modules that run in other processes answer this one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct ModuleAddresses(BTreeMap<String, ModuleAddress>);

/// `[modules.<name>]`, the name with `_` for `-`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModuleAddress {
    internal_url: Url,
}

impl ModuleAddresses {
    /// The address of a module, unless it runs here.
    #[must_use]
    pub fn of(&self, module: &str) -> Option<&Url> {
        let found = self.0.get(&module.replace('-', "_"))?;
        Some(&found.internal_url)
    }
}

/// A key that seals secrets at rest.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealingKeySetting {
    /// Its permanent name, kept in what it sealed.
    pub id: String,
    /// Base64 of 32 bytes.
    pub key: SecretString,
}

#[derive(Debug, Clone, Default)]
struct Raw(Option<config::Config>);

impl Config {
    /// Reads the configuration; `overrides` are `key.path=value` pairs of the command line.
    ///
    /// # Errors
    /// In a sentence that names the setting.
    pub fn load(file: Option<&Path>, overrides: &[(&str, String)]) -> Result<Self, StartError> {
        let mut builder = config::Config::builder()
            .add_source(config::File::from_str(DEFAULTS, config::FileFormat::Toml));
        if let Some(file) = file {
            builder = builder.add_source(config::File::from(file).required(true));
        }
        builder = builder.add_source(
            config::Environment::with_prefix("OPENCITY")
                .prefix_separator("__")
                .separator("__")
                .try_parsing(true),
        );
        for (key, list) in lists_of(environment())? {
            builder = builder.set_override(&key, list).map_err(|error| {
                StartError::new(format!("the setting {key} cannot be set"), error)
            })?;
        }
        for (key, value) in overrides {
            builder = builder
                .set_override(*key, value.as_str())
                .map_err(|error| {
                    StartError::new(format!("the setting {key} cannot be set"), error)
                })?;
        }
        let raw = builder
            .build()
            .map_err(|error| StartError::new("the configuration cannot be read", error))?;
        let mut config: Self = raw
            .clone()
            .try_deserialize()
            .map_err(|error| StartError::new("the configuration is not valid", error))?;
        config.raw = Raw(Some(raw));
        config.validate()?;
        Ok(config)
    }

    fn validate(&self) -> Result<(), StartError> {
        let refuse = |text: &str| Err(StartError(text.to_owned()));
        if self.environment == Environment::Production {
            if self.demo.enabled {
                return refuse(
                    "demo.enabled is refused when environment is production: its passwords are public",
                );
            }
            if self.http_client.dangerous_allow_private_networks {
                tracing::warn!(
                    "http_client.dangerous_allow_private_networks is on: webhooks reach internal addresses"
                );
            }
        }
        if self.http.json_depth == 0 || self.http.json_depth > 100 {
            return refuse("http.json_depth takes 1 to 100");
        }
        self.auth.validate()?;
        if !self.modules.0.is_empty() && self.auth.service_keys.is_empty() {
            return refuse(
                "modules of other processes are named in [modules]: auth.service_keys needs the keys that all processes share",
            );
        }
        if self.events.batch < 1 {
            return refuse("events.batch takes 1 or more");
        }
        Ok(())
    }

    /// A module's own section.
    ///
    /// # Errors
    /// In a sentence that names the setting.
    pub fn section<T: DeserializeOwned>(&self, name: &str) -> Result<T, StartError> {
        let raw = self
            .raw
            .0
            .as_ref()
            .ok_or_else(|| StartError("the configuration was not loaded".to_owned()))?;
        raw.get(name)
            .map_err(|error| StartError::new(format!("the section [{name}] is not valid"), error))
    }

    /// `identity.citizen_id_key`, which every module that meets citizens needs.
    ///
    /// # Errors
    /// If it is no text.
    pub fn citizen_id_key(&self) -> Result<Option<SecretString>, StartError> {
        let key: String = self.section("identity.citizen_id_key")?;
        Ok((!key.is_empty()).then(|| key.into()))
    }

    /// `tenants.fallback`: the slug of the tenant of unknown hosts.
    ///
    /// # Errors
    /// If it is no text.
    pub fn fallback_tenant(&self) -> Result<Option<String>, StartError> {
        let slug: String = self.section("tenants.fallback")?;
        Ok((!slug.is_empty()).then_some(slug))
    }

    /// A path below the data folder, unless it is absolute.
    #[must_use]
    pub fn in_data_dir(&self, path: impl AsRef<Path>) -> PathBuf {
        self.data_dir.join(path)
    }

    /// The whole configuration as TOML-like lines, secrets masked.
    ///
    /// # Errors
    /// If it was not loaded.
    pub fn masked(&self) -> Result<serde_json::Value, StartError> {
        let raw = self
            .raw
            .0
            .clone()
            .ok_or_else(|| StartError("the configuration was not loaded".to_owned()))?;
        let mut value: serde_json::Value = raw
            .try_deserialize()
            .map_err(|error| StartError::new("the configuration cannot be shown", error))?;
        mask(&mut value, "");
        Ok(value)
    }
}

/// Parts of a key that mark its value as secret.
const SECRET: &[&str] = &["password", "secret", "key", "token", "dsn"];

fn mask(value: &mut serde_json::Value, key: &str) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                mask(value, key);
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| mask(item, key)),
        serde_json::Value::String(text) if !text.is_empty() => {
            if SECRET.iter().any(|word| key.contains(word)) {
                "********".clone_into(text);
            } else if let Some((scheme, rest)) = text.split_once("://")
                && let Some((_, host)) = rest.rsplit_once('@')
            {
                *text = format!("{scheme}://********@{host}");
            }
        }
        _ => {}
    }
}

/// The environment's variables that are text.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// The settings that are lists by their defaults, from variables that hold them as TOML writes lists:
/// `OPENCITY__HTTP__TRUSTED_PROXIES=["10.0.0.0/8"]`. All others come as plain text.
fn lists_of(
    variables: impl Iterator<Item = (String, String)>,
) -> Result<Vec<(String, Vec<config::Value>)>, StartError> {
    let read = |text: &str| {
        config::Config::builder()
            .add_source(config::File::from_str(text, config::FileFormat::Toml))
            .build()
    };
    let defaults =
        read(DEFAULTS).map_err(|error| StartError::new("the defaults cannot be read", error))?;
    let mut lists = Vec::new();
    for (name, value) in variables {
        let Some(name) = name.strip_prefix("OPENCITY__") else {
            continue;
        };
        let key = name.to_lowercase().replace("__", ".");
        if defaults.get_array(&key).is_err() {
            continue;
        }
        // The parser's own words would show the value, which may be a key.
        let list = read(&format!("list = {value}"))
            .and_then(|read| read.get_array("list"))
            .map_err(|_| {
                StartError(format!(
                    "the setting {key} takes a list as TOML writes it, such as [1, 2] or [\"a\", \"b\"]"
                ))
            })?;
        lists.push((key, list));
    }
    Ok(lists)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn lists(name: &str, value: &str) -> Result<Vec<(String, Vec<config::Value>)>, StartError> {
        lists_of([(name.to_owned(), value.to_owned())].into_iter())
    }

    #[test]
    fn lists_can_be_set_by_the_environment() {
        let read = lists("OPENCITY__RETRY__SCHEDULE_SECONDS", "[1, 20]").unwrap();
        let (key, list) = read.first().unwrap();
        let numbers: Vec<i64> = list
            .iter()
            .map(|number| number.clone().into_int().unwrap())
            .collect();
        assert_eq!(
            (key.as_str(), numbers),
            ("retry.schedule_seconds", vec![1, 20])
        );
    }

    #[test]
    fn what_is_no_list_by_default_stays_text() {
        assert!(
            lists("OPENCITY__HTTP__LISTEN", "[::]:8080")
                .unwrap()
                .is_empty()
        );
        assert!(lists("PATH", "[1]").unwrap().is_empty());
    }

    #[test]
    fn a_list_that_is_none_is_refused_without_showing_it() {
        let refusal = lists("OPENCITY__SEALING_KEYS", "hunter2")
            .unwrap_err()
            .to_string();
        assert!(
            refusal.contains("sealing_keys") && !refusal.contains("hunter2"),
            "{refusal}"
        );
    }
}
