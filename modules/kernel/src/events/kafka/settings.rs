//! `[kafka]`

use std::path::PathBuf;

use rdkafka::ClientConfig;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// How the brokers are reached.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaSettings {
    /// `host:port`, separated by commas.
    pub brokers: String,
    /// The name of this database among those that the brokers join: its consumer group and its producer.
    /// All processes on one database have the same; by default `opencity.` and the modules.
    pub group: String,
    /// Sends in transactions, so that the brokers refuse a process that was paused and replaced.
    pub transactions: bool,
    /// `plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`.
    pub security_protocol: String,
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub sasl_mechanism: String,
    /// Who we are, with SASL.
    pub sasl_username: String,
    /// Its password.
    pub sasl_password: SecretString,
    /// Certificate authorities that the brokers' certificates are checked with (PEM); the system's if empty.
    pub ca_file: PathBuf,
    /// Our certificate (PEM), where the brokers ask for one.
    pub certificate_file: PathBuf,
    /// Its key (PEM).
    pub key_file: PathBuf,
    /// Seconds without a sign of life after which the brokers give a process's partitions to another.
    pub session_seconds: u32,
    /// Partitions of a topic that `kafka init` makes.
    pub partitions: i32,
    /// Copies of each partition that `kafka init` asks for.
    pub replication: i32,
    /// Days that topics keep their records, those that are not compacted; 0 for ever.
    pub retention_days: u32,
}

/// Bytes of the longest event; topics are made for it.
pub(super) const LONGEST_EVENT: &str = "16777216";

impl KafkaSettings {
    /// What producer, consumer and administration have in common.
    pub(super) fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", &self.group)
            .set("security.protocol", &self.security_protocol)
            .set("message.max.bytes", LONGEST_EVENT)
            .set("reconnect.backoff.max.ms", "2000");
        if self.security_protocol.starts_with("sasl") {
            client
                .set("sasl.mechanism", &self.sasl_mechanism)
                .set("sasl.username", &self.sasl_username)
                .set("sasl.password", self.sasl_password.expose_secret());
        }
        for (name, file) in [
            ("ssl.ca.location", &self.ca_file),
            ("ssl.certificate.location", &self.certificate_file),
            ("ssl.key.location", &self.key_file),
        ] {
            if !file.as_os_str().is_empty() {
                client.set(name, file.to_string_lossy());
            }
        }
        client
    }
}
