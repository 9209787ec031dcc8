//! Offices over HTTP: who changes them, and what keeps them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

mod support;

use actix_web::http::Method;
use opencity_kernel::events::Topic;
use serde_json::json;
use support::World;
use uuid::Uuid;

const OFFICE: &str = "01943ffe-0680-7438-ae6b-000000000101";
const OPERATOR: &str = "01943ffe-0680-7438-ae6b-000000000002";

#[actix_web::test]
async fn offices_are_public_and_changed_by_administrators() {
    let world = World::demo().await;
    let (admin, operator) = (world.token("admin").await, world.token("operatore").await);
    let list = world
        .call(Method::GET, "/lang/api/user-groups", None, None)
        .await;
    assert_eq!(
        (
            list.status,
            &list.body[0]["id"],
            &list.body[0]["users_count"]
        ),
        (200, &json!(OFFICE), &json!(1))
    );
    assert_eq!(
        world
            .post(
                "/lang/api/user-groups",
                &operator,
                json!({"name": "Tributi"})
            )
            .await
            .status,
        403
    );
    let made = world
        .post("/lang/api/user-groups", &admin, json!({"name": "Tributi"}))
        .await;
    assert_eq!(
        (made.status, &made.body["name"], &made.body["manager_id"]),
        (201, &json!("Tributi"), &json!(null))
    );
    let path = format!(
        "/lang/api/user-groups/{}",
        made.body["id"].as_str().unwrap()
    );
    assert_eq!(
        world
            .call(
                Method::PUT,
                &path,
                Some(&admin),
                Some(json!({"name": "Ufficio tributi", "manager_id": OPERATOR}))
            )
            .await
            .status,
        200
    );
    assert_eq!(
        world.call(Method::GET, &path, None, None).await.body["manager_id"],
        OPERATOR
    );
    assert_eq!(
        world
            .call(Method::DELETE, &path, Some(&admin), None)
            .await
            .status,
        204
    );
    assert_eq!(world.call(Method::GET, &path, None, None).await.status, 404);

    let used = world
        .call(
            Method::DELETE,
            &format!("/lang/api/user-groups/{OFFICE}"),
            Some(&admin),
            None,
        )
        .await;
    assert_eq!(
        (used.status, used.body["code"].as_str()),
        (409, Some("still-in-use"))
    );
    assert_eq!(
        world
            .call(
                Method::GET,
                &format!("/lang/api/user-groups/{OFFICE}"),
                None,
                None
            )
            .await
            .status,
        200
    );
}

#[actix_web::test]
async fn an_office_that_services_name_is_counted_found_and_kept() {
    let world = World::demo().await;
    let admin = world.token("admin").await;
    let mut offices = Vec::new();
    for name in ["Tributi", "Anagrafe", "Scuola"] {
        let made = world
            .post("/lang/api/user-groups", &admin, json!({"name": name}))
            .await;
        offices.push(made.body["id"].clone());
    }
    let service = Uuid::new_v4();
    let body = json!({
        "id": service, "name": "IMU", "user_group_ids": [offices[0]],
        "automatic_assignment": {"field": "zona", "rules": [{"value": "nord", "user_group_id": offices[1]}]},
    });
    world
        .tell(
            Topic::Services,
            world.tenancy.tenant_id().to_string(),
            service,
            body,
        )
        .await;
    world.settle().await;
    let linked = world
        .get(
            &format!("/lang/api/user-groups?service_id={service}"),
            &admin,
        )
        .await
        .body;
    assert_eq!(
        (linked.as_array().unwrap().len(), &linked[0]["id"]),
        (1, &offices[0])
    );
    assert_eq!(linked[0]["services_count"], 1);
    for (office, expected) in offices.iter().zip([409, 409, 204]) {
        let path = format!("/lang/api/user-groups/{}", office.as_str().unwrap());
        let answer = world.call(Method::DELETE, &path, Some(&admin), None).await;
        assert_eq!(answer.status, expected, "{}", answer.body);
    }
}

#[actix_web::test]
async fn an_office_that_works_applications_is_kept_until_they_end() {
    let world = World::demo().await;
    let admin = world.token("admin").await;
    let office = world
        .post("/lang/api/user-groups", &admin, json!({"name": "Tributi"}))
        .await
        .body["id"]
        .clone();
    let application = Uuid::new_v4();
    let told = |status: &str| {
        let now = opencity_kernel::clock::now().utc();
        world.tell(
            Topic::Applications,
            application.to_string(),
            application,
            json!({"id": application, "user": Uuid::new_v4(), "service_id": Uuid::new_v4(), "updated_at": now,
                "tenant": world.tenancy.tenant_id(), "user_group_id": office, "status": status}),
        )
    };
    let path = format!("/lang/api/user-groups/{}", office.as_str().unwrap());
    told("4000").await;
    world.settle().await;
    let kept = world.call(Method::DELETE, &path, Some(&admin), None).await;
    assert_eq!(
        (kept.status, &kept.body["code"]),
        (409, &json!("still-in-use"))
    );
    told("7000").await;
    world.settle().await;
    let gone = world.call(Method::DELETE, &path, Some(&admin), None).await;
    assert_eq!(gone.status, 204, "{}", gone.body);
}

#[actix_web::test]
async fn an_office_has_a_name_and_can_be_reached_as_it_says() {
    let world = World::demo().await;
    let admin = world.token("admin").await;
    let path = format!("/lang/api/user-groups/{OFFICE}");
    for (wrong, field) in [
        (json!({"name": null}), "name"),
        (
            json!({"core_contact_point": {"email": "nobody"}}),
            "core_contact_point.email",
        ),
        (
            json!({"core_contact_point": {"url": "javascript:alert(1)"}}),
            "core_contact_point.url",
        ),
    ] {
        let refused = world
            .call(Method::PATCH, &path, Some(&admin), Some(wrong))
            .await;
        assert_eq!(
            (refused.status, refused.body["errors"][0]["field"].as_str()),
            (422, Some(field)),
            "{}",
            refused.body
        );
    }
}

#[actix_web::test]
async fn who_leads_an_office_is_not_deleted() {
    let world = World::demo().await;
    let admin = world.token("admin").await;
    let lead = json!({"name": "Tributi", "manager_id": OPERATOR});
    let made = world.post("/lang/api/user-groups", &admin, lead).await;
    let leader = format!("/lang/api/users/{OPERATOR}");
    let refused = world
        .call(Method::DELETE, &leader, Some(&admin), None)
        .await;
    assert_eq!(refused.body["code"], "still-in-use");
    let office = format!(
        "/lang/api/user-groups/{}",
        made.body["id"].as_str().unwrap()
    );
    let other = json!({"manager_id": null});
    world
        .call(Method::PATCH, &office, Some(&admin), Some(other))
        .await;
    let gone = world
        .call(Method::DELETE, &leader, Some(&admin), None)
        .await;
    assert_eq!(gone.status, 204);
}
