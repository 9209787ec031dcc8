//! The topics of the log: the one table of their names, keys, versions, compaction and writers.

use crate::version::EventVersion;
use crate::wire::text_enum;

text_enum! {
    /// A topic of the log. What holds for each is in its [`TopicSpec`].
    pub enum Topic {
        /// The bodies (*enti*) that the installation serves.
        Tenants => "tenants",
        /// Citizens, operators, administrators; also one event at each citizen's login.
        Users => "users",
        /// Offices.
        UserGroups => "user-groups",
        /// The catalogue of services.
        Services => "services",
        /// Online forms, one event per version.
        Forms => "forms",
        /// Applications (*pratiche*); drafts emit none.
        Applications => "applications",
        /// Messages on an application.
        Messages => "messages",
        /// Payments.
        Payments => "payments",
        /// Documents and their registration.
        Documents => "documents",
        /// What became of a message that was to be delivered.
        Deliveries => "deliveries",
        /// Asynchronous processes.
        Jobs => "jobs",
        /// Events whose handling failed, to be delivered again.
        RetryQueue => "retry_queue",
        /// Logins, failures, changes of rights.
        Security => "security",
    }
}

/// From which id the key of an event is taken. Events of one key stay in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRule {
    /// `tenant_id`.
    Tenant,
    /// `id`: the entity itself.
    Entity,
    /// `service_id`.
    Service,
    /// The application that the entity belongs to.
    Application,
    /// `remote_id`.
    Remote,
}

/// Which modules write on a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writers {
    /// Only these.
    Modules(&'static [&'static str]),
    /// Every module that consumes something.
    AnyConsumer,
}

impl Writers {
    /// Whether the module may write.
    #[must_use]
    pub fn include(self, module: &str) -> bool {
        match self {
            Self::Modules(modules) => modules.contains(&module),
            Self::AnyConsumer => true,
        }
    }
}

/// What holds for a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// The key of its events.
    pub key: KeyRule,
    /// The version that we write; `None` on `retry_queue`, where it is that of the event inside.
    pub version: Option<EventVersion>,
    /// Whether the log keeps only the newest event of a key.
    pub compacted: bool,
    /// Who writes.
    pub writers: Writers,
}

impl Topic {
    /// The topic of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// The version that we write on it: see [`TopicSpec::version`].
    #[must_use]
    pub fn version(self) -> Option<EventVersion> {
        self.spec().version
    }

    /// The table.
    #[must_use]
    pub fn spec(self) -> TopicSpec {
        const V1: Option<EventVersion> = Some(EventVersion::Integer(1));
        const V2: Option<EventVersion> = Some(EventVersion::Integer(2));
        const V2_TEXT: Option<EventVersion> = Some(EventVersion::Text { major: 2, minor: 0 });
        let (key, version, compacted, writers): (_, _, _, &'static [&'static str]) = match self {
            Self::Tenants => (KeyRule::Tenant, V1, true, &["tenants"]),
            Self::Users => (KeyRule::Entity, V2, true, &["identity"]),
            Self::UserGroups => (KeyRule::Tenant, V1, false, &["identity"]),
            Self::Services => (KeyRule::Tenant, V2, false, &["services"]),
            Self::Forms => (KeyRule::Entity, V1, false, &["services"]),
            Self::Applications => (KeyRule::Service, V2_TEXT, false, &["applications"]),
            Self::Messages => (KeyRule::Application, V2, false, &["applications"]),
            Self::Payments => (
                KeyRule::Service,
                V2_TEXT,
                false,
                &["payments", "payment-proxy"],
            ),
            Self::Documents => (KeyRule::Remote, V1, false, &["documents", "protocol-proxy"]),
            Self::Deliveries => (KeyRule::Application, V1, false, &["notifications"]),
            // `payments` executes the import of dues.
            Self::Jobs => (KeyRule::Entity, V1, false, &["jobs", "payments"]),
            Self::Security => (KeyRule::Tenant, V1, false, &["identity"]),
            Self::RetryQueue => {
                return TopicSpec {
                    key: KeyRule::Entity,
                    version: None,
                    compacted: false,
                    writers: Writers::AnyConsumer,
                };
            }
        };
        TopicSpec {
            key,
            version,
            compacted,
            writers: Writers::Modules(writers),
        }
    }
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

    #[test]
    fn a_topic_is_found_by_its_name_alone() {
        for topic in Topic::ALL {
            assert_eq!(Topic::parse(topic.as_str()), Some(*topic));
        }
        assert_eq!(Topic::parse("Payments"), None);
    }

    #[test]
    fn strict_readers_get_the_version_in_the_form_that_they_check() {
        let written = |topic: Topic| serde_json::to_value(topic.version().unwrap()).unwrap();
        assert_eq!(written(Topic::Payments), "2.0");
        assert_eq!(written(Topic::Applications), "2.0");
        assert_eq!(written(Topic::Users), 2);
        assert_eq!(written(Topic::Documents), 1);
        assert_eq!(Topic::RetryQueue.version(), None);
    }

    #[test]
    fn only_the_directory_of_tenants_and_users_is_compacted() {
        let compacted: Vec<_> = Topic::ALL
            .iter()
            .filter(|topic| topic.spec().compacted)
            .collect();
        assert_eq!(compacted, [&Topic::Tenants, &Topic::Users]);
    }

    #[test]
    fn a_module_that_does_not_own_a_topic_may_not_write_on_it() {
        assert!(Topic::Payments.spec().writers.include("payment-proxy"));
        assert!(!Topic::Payments.spec().writers.include("applications"));
        assert!(Topic::RetryQueue.spec().writers.include("documents"));
    }
}
