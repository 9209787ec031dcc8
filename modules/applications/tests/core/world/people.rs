//! The people, offices and services of a world.

use opencity_kernel::clock;
use opencity_kernel::events::{Change, Topic};
use opencity_kernel::id::FormId;
use serde_json::{Value, json};

use super::{CONFIG, World};

impl World {
    pub(super) async fn fill(&self) {
        let tenant = self.tenancy.tenant_id();
        let now = clock::now();
        let all = [self.ground, self.nursery, self.report];
        let person = |body: Value| {
            let mut whole =
                json!({"event_reason": "created", "created_at": now, "updated_at": now});
            whole
                .as_object_mut()
                .unwrap()
                .extend(body.as_object().unwrap().clone());
            whole
        };
        let body =
            json!({"slug": "bugliano", "name": "Bugliano", "hosts": ["localhost", "127.0.0.1"]});
        self.outside(Topic::Tenants, tenant.uuid(), Change::created(), body)
            .await;
        let office = json!({"id": self.office, "name": "URP"});
        self.outside(
            Topic::UserGroups,
            self.office.uuid(),
            Change::created(),
            office,
        )
        .await;
        let users = [
            (
                self.operator,
                json!({"role": "operator", "full_name": "Olga Operatrice",
                "enabled_services_ids": all, "user_groups_ids": [self.office]}),
            ),
            (
                self.colleague,
                json!({"role": "operator", "full_name": "Carlo Collega",
                "enabled_services_ids": [self.nursery]}),
            ),
            (
                self.system,
                json!({"role": "operator", "system_user": true}),
            ),
            (self.admin, json!({"role": "admin"})),
            (
                self.citizen,
                json!({"role": "user", "tax_code": "RSSMRA80A01H501U",
                "given_name": "Mario", "family_name": "Rossi"}),
            ),
            (
                self.stranger,
                json!({"role": "user", "tax_code": "VRDGLI92M54F205A",
                "given_name": "Giulia", "family_name": "Verdi"}),
            ),
        ];
        for (id, body) in users {
            let mut body = person(body);
            body["id"] = json!(id);
            self.outside(Topic::Users, id.uuid(), Change::created(), body)
                .await;
        }
        let services = [
            (
                self.ground,
                "occupazione-suolo-pubblico",
                json!({"payment_required": 1, "access_level": 1000,
                "payment_parameters": {"total_amounts": null, "gateways": [
                    {"identifier": "sandbox", "parameters": {"config_id": CONFIG}}]}}),
            ),
            (
                self.nursery,
                "iscrizione-asilo-nido",
                json!({"access_level": 1000}),
            ),
            (
                self.report,
                "segnalazione-disservizio",
                json!({"access_level": 0,
                "protocol_required": false, "allow_integration_request": false, "allow_withdraw": true}),
            ),
        ];
        for (id, slug, more) in services {
            let form = FormId::random();
            let path = format!(
                "{}/../../examples/forms/{slug}.json",
                env!("CARGO_MANIFEST_DIR")
            );
            let schema: Value =
                serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
            let body = json!({"id": form, "version": 1, "schema": schema, "created_at": now, "updated_at": now});
            self.outside(Topic::Forms, form.uuid(), Change::created(), body)
                .await;
            let mut body = json!({"id": id, "tenant": tenant, "slug": slug, "identifier": slug, "name": slug,
                "status": 1, "protocol_required": true, "allow_integration_request": true,
                "allow_withdraw": true, "allow_reopening": true, "updated_at": now,
                "flow_steps": [{"parameters": {"formio_id": form}}]});
            body.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            self.outside(Topic::Services, id.uuid(), Change::created(), body)
                .await;
        }
    }
}
