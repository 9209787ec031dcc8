//! Who calls, and a service for each of the file's facts.

use std::collections::BTreeMap;

use opencity_kernel::clock;
use opencity_kernel::events::{Change, Topic};
use opencity_kernel::id::{OfficeId, ServiceId, UserId};
use opencity_testing::Store;
use serde_json::{Value, json};

use crate::expectations;
use crate::world::{CONFIG, Served, World};

/// The tax code of a citizen whom the applications name beside their owner.
pub const RELATED: &str = "BNCLRA85D41H501E";

pub struct Cast {
    pub world: World,
    pub served: Served,
    /// To whom the applications are assigned.
    pub assigned: UserId,
    /// The office that they are assigned to.
    pub assigned_office: OfficeId,
    /// An operator with every service enabled.
    pub enabled: UserId,
    tokens: BTreeMap<&'static str, String>,
    services: BTreeMap<String, ServiceId>,
}

impl Cast {
    /// A world with somebody in each role of the file, and a service for each name of facts.
    pub async fn start(store: Store) -> Self {
        let world = World::on(store).await;
        let (facts, _) = expectations::read();
        let services: BTreeMap<String, ServiceId> = facts
            .keys()
            .map(|name| (name.clone(), ServiceId::random()))
            .collect();
        let (assigned_office, linked_office) = (OfficeId::new(), OfficeId::new());
        let offices = [(assigned_office, "Edilizia"), (linked_office, "Tributi")];
        for (id, name) in offices {
            let body = json!({"id": id, "name": name});
            world
                .outside(Topic::UserGroups, id.uuid(), Change::created(), body)
                .await;
        }
        let (assigned, clerk, desk, enabled) =
            (UserId::new(), UserId::new(), UserId::new(), UserId::new());
        let all: Vec<&ServiceId> = services.values().collect();
        let related = UserId::new();
        let people = [
            (assigned, json!({"role": "operator"})),
            (
                clerk,
                json!({"role": "operator", "user_groups_ids": [assigned_office]}),
            ),
            (
                desk,
                json!({"role": "operator", "user_groups_ids": [linked_office]}),
            ),
            (
                enabled,
                json!({"role": "operator", "enabled_services_ids": all}),
            ),
            (
                related,
                json!({"role": "user", "tax_code": RELATED, "given_name": "Laura", "family_name": "Bianchi"}),
            ),
        ];
        let now = clock::now();
        for (id, mut body) in people {
            for (key, value) in [
                ("id", json!(id)),
                ("event_reason", json!("created")),
                ("created_at", json!(now)),
                ("updated_at", json!(now)),
            ] {
                body[key] = value;
            }
            world
                .outside(Topic::Users, id.uuid(), Change::created(), body)
                .await;
        }
        for (name, id) in &services {
            let body = service(name, *id, &facts[name], linked_office);
            world
                .outside(Topic::Services, id.uuid(), Change::created(), body)
                .await;
        }
        let operator = |user| world.token_in(user, "ROLE_OPERATORE");
        let tenant = world.tenancy.tenant_id();
        let tokens = BTreeMap::from([
            ("owner", world.token(world.citizen)),
            ("related", world.token(related)),
            ("other-citizen", world.token(world.stranger)),
            ("assigned", operator(assigned)),
            ("assigned-office", operator(clerk)),
            ("enabled", operator(enabled)),
            ("office", operator(desk)),
            ("system", world.token(world.system)),
            ("admin", world.token(world.admin)),
            (
                "service",
                world
                    .platform
                    .verifier
                    .service_token("payment-proxy", "applications", tenant)
                    .unwrap(),
            ),
            ("stranger", world.token(world.colleague)),
        ]);
        Self {
            served: world.serve(),
            world,
            assigned,
            assigned_office,
            enabled,
            tokens,
            services,
        }
    }

    pub fn token(&self, role: &str) -> &str {
        &self.tokens[role]
    }

    /// The service of a name of facts.
    pub fn service(&self, facts: &str) -> ServiceId {
        self.services[facts]
    }
}

fn service(name: &str, id: ServiceId, words: &[String], linked: OfficeId) -> Value {
    let is = |word: &str| words.iter().any(|held| held == word);
    let payment = match (is("immediate"), is("deferred")) {
        (true, _) => 1,
        (_, true) => 2,
        _ => 0,
    };
    json!({
        "id": id, "slug": name, "identifier": name, "name": name, "status": 1, "updated_at": clock::now(),
        "user_group_ids": [linked], "workflow": i32::from(is("forward")),
        "protocol_required": is("required"), "allow_withdraw": is("allow-withdraw"),
        "allow_integration_request": is("allow-integration"), "allow_reopening": is("allow-reopening"),
        "payment_required": payment,
        "payment_parameters": {"total_amounts": null, "gateways": [
            {"identifier": "sandbox", "parameters": {"config_id": CONFIG}}]},
    })
}
