//! What the API takes of a body, and its checks.

use opencity_contracts::Tenant;
use opencity_contracts::tenant::TenantGateway;
use opencity_kernel::http::{given, not_null};
use opencity_kernel::i18n::Language;
use opencity_kernel::id::TenantId;
use opencity_kernel::tax_code::{TestBodies, VatNumber};
use opencity_kernel::{FieldProblem, Problem, clock};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::parts::{AddressDto, GatewayDto, LogoDto};
use crate::domain::{host_fault, slug_fault};

/// A body, as it is made or changed: what is absent stays as it is, `null` takes a value away.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({"slug": "comune-di-vergate", "name": "Comune di Vergate", "hosts": ["servizi.comune.vergate.example"], "ipa_code": "c_b456"}))]
pub(crate) struct TenantIn {
    /// First path segment of its URLs.
    #[schema(min_length = 2, max_length = 63)]
    pub(crate) slug: Option<String>,
    /// Its name.
    #[serde(deserialize_with = "not_null")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    pub(crate) name: Option<String>,
    /// Its hosts, without port; the first one stands in public links.
    #[schema(max_items = 20)]
    pub(crate) hosts: Option<Vec<String>>,
    /// *Codice meccanografico*.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 64)]
    pub(crate) mechanographic_code: Option<Option<String>>,
    /// *Codice amministrativo*.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 64)]
    pub(crate) administrative_code: Option<Option<String>>,
    /// Tax code, 11 digits.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 11)]
    pub(crate) tax_identification_number: Option<Option<String>>,
    /// Code in the index of public administrations (IPA).
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 20)]
    pub(crate) ipa_code: Option<Option<String>>,
    /// Its site.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 2000)]
    pub(crate) site_url: Option<Option<String>>,
    /// Where it is.
    pub(crate) address: Option<AddressDto>,
    /// E-mail.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 254)]
    pub(crate) email: Option<Option<String>>,
    /// Certified mail (PEC).
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 254)]
    pub(crate) pec: Option<Option<String>>,
    /// Its arms, for documents and mails.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<LogoDto>)]
    pub(crate) logo: Option<Option<LogoDto>>,
    /// The colours of its pages.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 100)]
    pub(crate) theme: Option<Option<String>>,
    /// Its languages, the default one first.
    #[schema(max_items = 4)]
    pub(crate) locales: Option<Vec<String>>,
    /// Look of the pages: one JSON text, or the object itself.
    #[schema(max_items = 1)]
    pub(crate) meta: Option<Vec<Value>>,
    /// Whether messages go to App IO.
    pub(crate) io_enabled: Option<bool>,
    /// The payment connectors in use.
    #[schema(max_items = 100)]
    pub(crate) gateways: Option<Vec<GatewayDto>>,
    /// Parts of the back office that are on.
    #[schema(max_items = 100)]
    pub(crate) backoffice_enabled_integrations: Option<Vec<String>>,
    /// Whether appointments can be tied to applications.
    pub(crate) linkable_application_meetings: Option<bool>,
    /// Entry point of the satisfaction survey.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 64)]
    pub(crate) satisfy_entrypoint_id: Option<Option<String>>,
}

impl TenantIn {
    /// A new body.
    ///
    /// # Errors
    /// `validation`.
    pub(crate) fn create(self, id: TenantId, test_bodies: TestBodies) -> Result<Tenant, Problem> {
        let missing: Vec<FieldProblem> =
            [("slug", self.slug.is_none()), ("name", self.name.is_none())]
                .into_iter()
                .filter(|(_, missing)| *missing)
                .map(|(field, _)| FieldProblem::new(field, "required", "Give this field a value."))
                .collect();
        if !missing.is_empty() {
            return Err(Problem::validation(missing));
        }
        let now = clock::now().utc();
        let mut tenant = Tenant {
            id: id.uuid(),
            linkable_application_meetings: true,
            locales: vec![Language::default().code().to_owned()],
            created_at: now,
            updated_at: now,
            ..Tenant::default()
        };
        self.apply(&mut tenant, test_bodies)?;
        Ok(tenant)
    }

    /// As PUT reads it: what `tenants/info` shows and is absent gets its default.
    ///
    /// # Errors
    /// `validation` without a name.
    pub(crate) fn completed(mut self) -> Result<Self, Problem> {
        if self.name.is_none() {
            return Err(Problem::field(
                "name",
                "required",
                "Give this field a value.",
            ));
        }
        self.mechanographic_code.get_or_insert_default();
        self.administrative_code.get_or_insert_default();
        self.site_url.get_or_insert_default();
        self.meta.get_or_insert_default();
        self.io_enabled.get_or_insert_default();
        self.gateways.get_or_insert_default();
        self.backoffice_enabled_integrations.get_or_insert_default();
        self.linkable_application_meetings.get_or_insert(true);
        self.satisfy_entrypoint_id.get_or_insert_default();
        Ok(self)
    }

    /// Puts it onto a body.
    ///
    /// # Errors
    /// `validation`, with every field that is wrong.
    pub(crate) fn apply(self, tenant: &mut Tenant, test_bodies: TestBodies) -> Result<(), Problem> {
        let faults = self.faults(test_bodies);
        if !faults.is_empty() {
            return Err(Problem::validation(faults));
        }
        set(&mut tenant.slug, self.slug);
        set(
            &mut tenant.name,
            self.name.map(|name| name.trim().to_owned()),
        );
        set(&mut tenant.hosts, self.hosts.map(without_repetition));
        set(
            &mut tenant.mechanographic_code,
            self.mechanographic_code.map(filled),
        );
        set(
            &mut tenant.administrative_code,
            self.administrative_code.map(filled),
        );
        set(
            &mut tenant.tax_identification_number,
            self.tax_identification_number.map(filled),
        );
        set(&mut tenant.ipa_code, self.ipa_code.map(filled));
        set(&mut tenant.site_url, self.site_url.map(filled));
        set(
            &mut tenant.address,
            self.address.map(AddressDto::into_contract),
        );
        set(&mut tenant.email, self.email.map(filled));
        set(&mut tenant.pec, self.pec.map(filled));
        set(
            &mut tenant.logo,
            self.logo.map(|logo| logo.map(LogoDto::into_contract)),
        );
        set(&mut tenant.theme, self.theme.map(filled));
        set(&mut tenant.locales, self.locales);
        set(&mut tenant.meta, self.meta);
        set(&mut tenant.io_enabled, self.io_enabled);
        let gateways = self.gateways.map(|all| {
            all.into_iter()
                .map(|it| TenantGateway {
                    identifier: it.identifier,
                    parameters: it.parameters,
                })
                .collect()
        });
        set(&mut tenant.gateways, gateways);
        set(
            &mut tenant.backoffice_enabled_integrations,
            self.backoffice_enabled_integrations,
        );
        set(
            &mut tenant.linkable_application_meetings,
            self.linkable_application_meetings,
        );
        set(
            &mut tenant.satisfy_entrypoint_id,
            self.satisfy_entrypoint_id.map(filled),
        );
        Ok(())
    }

    fn faults(&self, test_bodies: TestBodies) -> Vec<FieldProblem> {
        let mut faults = Vec::new();
        if let Some((code, message)) = self.slug.as_deref().and_then(slug_fault) {
            faults.push(FieldProblem::new("slug", code, message));
        }
        if self
            .name
            .as_deref()
            .is_some_and(|name| !(1..=100).contains(&name.trim().chars().count()))
        {
            faults.push(FieldProblem::new(
                "name",
                "length",
                "Give 1 to 100 characters.",
            ));
        }
        let hosts = self.hosts.as_deref().unwrap_or_default();
        if hosts.len() > 20 {
            faults.push(FieldProblem::new(
                "hosts",
                "length",
                "Give at most 20 hosts.",
            ));
        }
        for (place, host) in hosts.iter().enumerate() {
            if let Some((code, message)) = host_fault(host) {
                faults.push(FieldProblem::new(format!("hosts.{place}"), code, message));
            }
        }
        for (field, value, most) in [
            ("mechanographic_code", &self.mechanographic_code, 64),
            ("administrative_code", &self.administrative_code, 64),
            ("ipa_code", &self.ipa_code, 20),
            ("site_url", &self.site_url, 2000),
            ("email", &self.email, 254),
            ("pec", &self.pec, 254),
            ("theme", &self.theme, 100),
            ("satisfy_entrypoint_id", &self.satisfy_entrypoint_id, 64),
        ] {
            faults.extend(FieldProblem::unless_at_most(field, text(value), most));
        }
        for (field, value) in [("email", &self.email), ("pec", &self.pec)] {
            faults.extend(FieldProblem::unless_email(field, text(value)));
        }
        faults.extend(FieldProblem::unless_web_address(
            "site_url",
            text(&self.site_url),
        ));
        if text(&self.tax_identification_number)
            .is_some_and(|code| VatNumber::parse(code, test_bodies).is_err())
        {
            faults.push(FieldProblem::new(
                "tax_identification_number",
                "check",
                "Give the 11 digits of the body's tax code.",
            ));
        }
        faults.extend(self.logo.iter().flatten().find_map(LogoDto::fault));
        if self.address.as_ref().is_some_and(|address| {
            address
                .texts()
                .into_iter()
                .flatten()
                .any(|text| text.chars().count() > 200)
        }) {
            faults.push(FieldProblem::new(
                "address",
                "length",
                "Give at most 200 characters in each part.",
            ));
        }
        if self.locales.as_deref().is_some_and(|locales| {
            locales.is_empty()
                || locales
                    .iter()
                    .any(|tag| Language::ALL.iter().all(|known| known.code() != tag))
        }) {
            faults.push(FieldProblem::new(
                "locales",
                "value",
                "Give one or more of it, de, en, sl.",
            ));
        }
        if self
            .meta
            .as_deref()
            .is_some_and(|meta| meta.len() > 1 || meta.iter().any(|it| !is_object(it)))
        {
            faults.push(FieldProblem::new(
                "meta",
                "value",
                "Give an array with one JSON object, or with its text.",
            ));
        }
        faults
    }
}

/// An object, or the text of one.
fn is_object(value: &Value) -> bool {
    match value {
        Value::Object(_) => true,
        Value::String(text) => serde_json::from_str::<Map<String, Value>>(text).is_ok(),
        _ => false,
    }
}

fn set<T>(to: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *to = value;
    }
}

#[allow(clippy::option_option)]
fn text(value: &Option<Option<String>>) -> Option<&str> {
    value.as_ref()?.as_deref().filter(|text| !text.is_empty())
}

/// An empty text is no value: unique columns would take it for one.
fn filled(value: Option<String>) -> Option<String> {
    value
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}

fn without_repetition(hosts: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(hosts.len());
    for host in hosts {
        if !kept.contains(&host) {
            kept.push(host);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use opencity_kernel::crypto::sha256_hex;
    use serde_json::json;

    fn input(value: Value) -> TenantIn {
        serde_json::from_value(value).unwrap()
    }

    fn fields(problem: &Problem) -> Vec<String> {
        let body = problem.body("x");
        body["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["field"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_new_body_needs_slug_and_name() {
        let problem = input(json!({}))
            .create(TenantId::new(), TestBodies::Refused)
            .unwrap_err();
        assert_eq!(fields(&problem), ["slug", "name"]);
    }

    #[test]
    fn every_wrong_field_is_named() {
        let wrong = json!({"slug": "lang", "name": "", "hosts": ["a.it", "a.it:80"], "tax_identification_number": "77777777777",
            "email": "nobody", "site_url": "ftp://a.it", "locales": ["fr"], "meta": ["not json"]});
        let problem = input(wrong)
            .create(TenantId::new(), TestBodies::Refused)
            .unwrap_err();
        assert_eq!(
            fields(&problem),
            [
                "slug",
                "name",
                "hosts.1",
                "email",
                "site_url",
                "tax_identification_number",
                "locales",
                "meta"
            ]
        );
    }

    #[test]
    fn null_takes_a_value_away_and_absence_leaves_it() {
        let new = json!({"slug": "comune-a", "name": "Comune A", "email": "a@a.example", "pec": "a@pec.example"});
        let mut tenant = input(new)
            .create(TenantId::new(), TestBodies::Refused)
            .unwrap();
        input(json!({"email": null}))
            .apply(&mut tenant, TestBodies::Refused)
            .unwrap();
        assert_eq!(
            (tenant.email, tenant.pec.as_deref()),
            (None, Some("a@pec.example"))
        );
    }

    #[test]
    fn a_logo_is_a_small_picture_and_gets_its_hash() {
        let new = json!({"slug": "comune-a", "name": "Comune A"});
        let mut tenant = input(new)
            .create(TenantId::new(), TestBodies::Refused)
            .unwrap();
        for (logo, field) in [
            (
                json!({"mime_type": "text/html", "bytes": "PGI+"}),
                "logo.mime_type",
            ),
            (
                json!({"mime_type": "image/png", "bytes": "§"}),
                "logo.bytes",
            ),
            (json!({"mime_type": "image/png", "bytes": ""}), "logo.bytes"),
        ] {
            let refused = input(json!({"logo": logo})).apply(&mut tenant, TestBodies::Refused);
            assert_eq!(fields(&refused.unwrap_err()), [field]);
        }
        input(json!({"logo": {"mime_type": "image/png", "bytes": "AAEC"}}))
            .apply(&mut tenant, TestBodies::Refused)
            .unwrap();
        assert_eq!(tenant.logo.unwrap().sha256, sha256_hex(&[0, 1, 2]));
    }

    #[test]
    fn put_sets_back_what_info_shows_and_keeps_hosts() {
        let new = json!({"slug": "comune-a", "name": "Comune A", "hosts": ["a.example"], "io_enabled": true, "site_url": "https://a.example"});
        let mut tenant = input(new)
            .create(TenantId::new(), TestBodies::Refused)
            .unwrap();
        let put = input(json!({"name": "Comune di A", "slug": "comune-a"}))
            .completed()
            .unwrap();
        put.apply(&mut tenant, TestBodies::Refused).unwrap();
        assert_eq!(
            (tenant.name.as_str(), tenant.io_enabled, tenant.site_url),
            ("Comune di A", false, None)
        );
        assert_eq!(tenant.hosts, ["a.example"]);
    }
}
