//! Secrets sign, are replaced, and are not readable in the database.

use std::time::Duration;

use opencity_kernel::clock;
use opencity_kernel::events::Change;
use opencity_kernel::id::WebhookId;
use uuid::Uuid;
use wiremock::ResponseTemplate;

use super::world::{World, is_signed_by, text};
use crate::domain::signature;
use crate::store::webhook::WebhookRow;

#[tokio::test]
async fn after_a_rotation_both_secrets_sign_and_later_only_the_new_one() {
    let world = World::new().await;
    world.answers(ResponseTemplate::new(200), 10).await;
    let (webhook, old) = world.make(world.wanted(&["2000"])).await.unwrap();
    let (new, until) = world
        .module
        .hooks
        .rotate(world.tenancy, webhook.id)
        .await
        .unwrap();
    assert_eq!(until.since(clock::now()).as_secs() / 3600, 23, "a day");
    world
        .application(Uuid::new_v4(), 1, Change::status(None, "2000"), "x")
        .await;
    world.send().await;
    let received = world.received().await;
    assert!(is_signed_by(&received[0], &old) && is_signed_by(&received[0], &new));
    assert_eq!(
        text(&received[0], "webhook-signature").split(' ').count(),
        2
    );

    let row = world
        .module
        .hooks
        .get(world.tenancy, webhook.id)
        .await
        .unwrap();
    let sealer = &world.module.hooks.ctx.platform.sealer;
    let later =
        crate::secrets::signing_secrets(sealer, &row, until.plus(Duration::from_secs(1))).unwrap();
    assert_eq!(
        signature(&later, "a", 1, "b"),
        signature(&[new], "a", 1, "b")
    );
}

#[tokio::test]
async fn secrets_and_headers_are_not_readable_in_the_database() {
    use secrecy::ExposeSecret;
    let world = World::new().await;
    let (webhook, secret) = world.make(world.wanted(&["all"])).await.unwrap();
    assert!(
        !webhook
            .secret
            .contains(secret.reveal().expose_secret().trim_start_matches("whsec_"))
    );
    assert!(!webhook.headers.contains("Bearer"));
    assert_eq!(
        world.module.hooks.headers(&webhook).unwrap()["Authorization"],
        "Bearer abc"
    );
    let moved = WebhookRow {
        id: WebhookId::new(),
        ..webhook
    };
    assert!(
        world.module.hooks.headers(&moved).is_err(),
        "copied to another row they open nothing"
    );
}
