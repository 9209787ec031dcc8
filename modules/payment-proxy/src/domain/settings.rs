//! What is configured: of a body, and of a service (`payments.md` §5.2). Keys of a connector's own are kept beside.

use opencity_contracts::money::Cents;
use opencity_contracts::payment::{PaymentType, Receiver};
use opencity_kernel::tax_code::{TestBodies, VatNumber};
use opencity_kernel::{FieldProblem, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

/// A body at a connector.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "01943ffe-0680-7438-ae6b-a7bca9d37914", "name": "Comune di Bugliano", "tax_identification_number": "77777777777", "active": true}))]
pub struct TenantSettings {
    /// The tenant.
    pub id: Uuid,
    /// Its name at the intermediary.
    #[schema(min_length = 1, max_length = 255)]
    pub name: String,
    /// Its tax code: 11 digits.
    #[schema(max_length = 11, pattern = "^[0-9]{11}$")]
    pub tax_identification_number: String,
    /// Whether it is used.
    #[serde(default = "yes")]
    pub active: bool,
    /// The connector's own keys.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub extra: Map<String, Value>,
}

/// What a configuration is for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RemoteCollection {
    /// The service, the application, …
    pub id: Uuid,
    /// `service`, `application`, …
    #[serde(rename = "type")]
    #[schema(max_length = 50)]
    pub kind: String,
}

/// How a service is paid through a connector. Amount, reason and expiry of the payment itself win.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "payment_type": "PAGOPA", "remote_collection": {"id": "b21c4429-95e4-45d5-930f-44eb74136625", "type": "service"},
    "amount": 16.5, "reason": "Occupazione di suolo pubblico", "expire_at": 90, "collection_data": "9/0101002IM/", "active": true,
    "receiver": {"tax_identification_number": "77777777777", "name": "Comune di Bugliano"}
}))]
pub struct ConfigSettings {
    /// The configuration; made when it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// An ordinary due (`PAGOPA`) or a digital stamp (`STAMP`).
    #[schema(value_type = String, max_length = 6, pattern = "^(PAGOPA|STAMP)$")]
    pub payment_type: PaymentType,
    /// What it is for.
    pub remote_collection: RemoteCollection,
    /// In euro, above zero.
    pub amount: Cents,
    /// What for.
    #[schema(min_length = 1, max_length = 255)]
    pub reason: String,
    /// Days that the payment is valid.
    #[schema(minimum = 1, maximum = 3650)]
    pub expire_at: u32,
    /// Who gets the money.
    #[schema(value_type = Object)]
    pub receiver: Receiver,
    /// pagoPA category (*tassonomia*): `9/0101002IM/`.
    #[schema(min_length = 1, max_length = 140)]
    pub collection_data: String,
    /// The intermediary's type of due.
    #[serde(default)]
    #[schema(max_length = 255)]
    pub due_type: Option<String>,
    /// Whether it is used.
    #[serde(default = "yes")]
    pub active: bool,
    /// The connector's own keys.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub extra: Map<String, Value>,
}

fn yes() -> bool {
    true
}

/// Collects what is wrong.
#[derive(Default)]
struct Faults(Vec<FieldProblem>);

impl Faults {
    fn unless(&mut self, holds: bool, field: &str, message: &str) {
        if !holds {
            self.0.push(FieldProblem {
                field: field.to_owned(),
                code: "value".to_owned(),
                message: message.to_owned(),
            });
        }
    }

    fn text(&mut self, text: &str, most: usize, field: &str) {
        let length = text.trim().chars().count();
        self.unless(
            (1..=most).contains(&length),
            field,
            &format!("Give 1 to {most} characters."),
        );
    }

    fn tax_code(&mut self, code: &str, test_bodies: TestBodies, field: &str) {
        let holds = VatNumber::parse(code, test_bodies).is_ok();
        self.unless(holds, field, "Give the 11 digits of the body's tax code.");
    }

    fn end(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Problem::validation(self.0))
        }
    }
}

impl TenantSettings {
    /// Checks the values.
    ///
    /// # Errors
    /// A problem that names every field that is wrong.
    pub fn check(&self, tenant: Uuid, test_bodies: TestBodies) -> Result<(), Problem> {
        let mut faults = Faults::default();
        faults.unless(
            self.id == tenant,
            "id",
            "Give the id of the tenant of your token.",
        );
        faults.text(&self.name, 255, "name");
        faults.tax_code(
            &self.tax_identification_number,
            test_bodies,
            "tax_identification_number",
        );
        faults.end()
    }
}

impl ConfigSettings {
    /// Checks the values. A category that is not of today's form is taken: a line in the log says so.
    ///
    /// # Errors
    /// A problem that names every field that is wrong.
    pub fn check(&self, test_bodies: TestBodies) -> Result<(), Problem> {
        let mut faults = Faults::default();
        faults.unless(
            !self.amount.is_zero(),
            "amount",
            "Give an amount above zero.",
        );
        faults.text(&self.reason, 255, "reason");
        faults.unless(
            (1..=3650).contains(&self.expire_at),
            "expire_at",
            "Give 1 to 3650 days.",
        );
        faults.text(&self.remote_collection.kind, 50, "remote_collection.type");
        faults.tax_code(
            &self.receiver.tax_identification_number,
            test_bodies,
            "receiver.tax_identification_number",
        );
        faults.text(&self.receiver.name, 255, "receiver.name");
        faults.text(&self.collection_data, 140, "collection_data");
        faults.end()?;
        if !is_category(&self.collection_data) {
            tracing::warn!(
                "collection_data of a payment configuration is not a category of today's form (9/0101002IM/)"
            );
        }
        Ok(())
    }
}

/// `9/` + 7 digits + 2 letters + `/`.
fn is_category(text: &str) -> bool {
    text.strip_prefix("9/")
        .and_then(|rest| rest.strip_suffix('/'))
        .is_some_and(|code| {
            code.len() == 9
                && code.bytes().take(7).all(|byte| byte.is_ascii_digit())
                && code.bytes().skip(7).all(|byte| byte.is_ascii_uppercase())
        })
}

/// A field of a Form.io schema.
pub fn field(key: &str, label: &str, kind: &str, required: bool) -> Value {
    json!({
        "key": key, "label": label, "type": kind, "input": true, "tableView": true,
        "spellcheck": false, "validate": {"required": required},
    })
}

fn hidden(key: &str, label: &str) -> Value {
    json!({
        "key": key, "label": label, "type": "textfield", "input": true, "tableView": false, "hidden": true, "spellcheck": false,
        "placeholder": "XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX", "attributes": {"readonly": "readonly"}, "validate": {"required": true},
    })
}

fn form(mut components: Vec<Value>, own: Vec<Value>) -> Value {
    components.extend(own);
    json!({"display": "form", "components": components})
}

/// The form of a body's configuration.
pub fn tenant_schema(own: Vec<Value>) -> Value {
    form(
        vec![
            hidden("id", "UUID del Tenant"),
            field("name", "Nome dell'ente", "textfield", true),
            field(
                "tax_identification_number",
                "Codice fiscale dell'ente",
                "textfield",
                true,
            ),
            field("active", "Attivo", "checkbox", false),
        ],
        own,
    )
}

/// The form of a service's configuration.
pub fn config_schema(own: Vec<Value>) -> Value {
    let mut payment_type = field("payment_type", "Tipo di pagamento", "select", true);
    if let Some(select) = payment_type.as_object_mut() {
        let values = json!([{"label": "Dovuto", "value": "PAGOPA"}, {"label": "Marca da bollo digitale", "value": "STAMP"}]);
        select.insert("data".to_owned(), json!({"values": values}));
    }
    form(
        vec![
            hidden("id", "UUID della configurazione"),
            hidden("remote_collection.id", "UUID del servizio"),
            hidden("remote_collection.type", "Tipo di collezione"),
            payment_type,
            field("amount", "Importo", "number", true),
            field("reason", "Causale", "textfield", true),
            field("expire_at", "Giorni di validità", "number", true),
            field(
                "receiver.tax_identification_number",
                "Codice fiscale del beneficiario",
                "textfield",
                true,
            ),
            field("receiver.name", "Nome del beneficiario", "textfield", true),
            field("collection_data", "Tassonomia pagoPA", "textfield", true),
            field("due_type", "Tipo di dovuto", "textfield", false),
            field("active", "Attivo", "checkbox", false),
        ],
        own,
    )
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

    fn config(change: impl Fn(&mut Value)) -> ConfigSettings {
        let mut config = json!({
            "payment_type": "PAGOPA", "remote_collection": {"id": Uuid::nil(), "type": "service"}, "amount": 16.5, "reason": "Suolo",
            "expire_at": 90, "receiver": {"tax_identification_number": "77777777777", "name": "Bugliano"}, "collection_data": "9/12129/TS",
            "own_key": 1
        });
        change(&mut config);
        serde_json::from_value(config).unwrap()
    }

    #[test]
    fn a_configuration_keeps_the_keys_of_its_connector_and_an_older_category() {
        let config = config(|_| ());
        assert!(config.check(TestBodies::Accepted).is_ok());
        assert!(config.active);
        assert_eq!(serde_json::to_value(&config).unwrap()["own_key"], 1);
    }

    #[test]
    fn every_wrong_field_is_named() {
        let refused = config(|config| {
            config["amount"] = json!(0);
            config["expire_at"] = json!(0);
            config["receiver"]["name"] = json!(" ");
        })
        .check(TestBodies::Refused)
        .unwrap_err()
        .body("");
        let fields: Vec<_> = refused["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["field"].as_str().unwrap())
            .collect();
        assert_eq!(
            fields,
            [
                "amount",
                "expire_at",
                "receiver.tax_identification_number",
                "receiver.name"
            ]
        );
    }

    #[test]
    fn a_category_has_seven_digits_and_two_letters() {
        for (text, holds) in [
            ("9/0101002IM/", true),
            ("9/12129/TS", false),
            ("9/0101002im/", false),
            ("9/0101002IM", false),
        ] {
            assert_eq!(is_category(text), holds, "{text}");
        }
    }
}
