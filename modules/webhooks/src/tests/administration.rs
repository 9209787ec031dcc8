//! What an administrator saves is checked, the target at each sending too, and can be tried by a test.

use opencity_kernel::events::Change;
use opencity_kernel::problem::ProblemKind;
use opencity_kernel::scheduler::Task;
use opencity_testing::Store;
use serde_json::Value;
use uuid::Uuid;
use wiremock::ResponseTemplate;

use super::world::{World, is_signed_by, module};
use crate::hooks::Wanted;
use crate::tasks::Deliver;

#[tokio::test]
async fn a_test_is_sent_once_also_while_the_webhook_is_off() {
    let world = World::new().await;
    world.answers(ResponseTemplate::new(500), 10).await;
    let off = Wanted {
        active: false,
        ..world.wanted(&["all"])
    };
    let (webhook, secret) = world.make(off).await.unwrap();
    let (hooks, id) = (world.module.hooks.clone(), webhook.id);
    hooks
        .ctx
        .db
        .clone()
        .write(world.tenancy, move |scope| hooks.test(scope, id))
        .await
        .unwrap();
    world.send().await;
    world.send().await;
    let received = world.received().await;
    assert_eq!(received.len(), 1);
    assert!(is_signed_by(&received[0], &secret));
    assert_eq!(
        received[0].body_json::<Value>().unwrap()["change"]["type"],
        "test"
    );
    assert_eq!(world.deliveries(id).await[0].state, "failed");
}

#[tokio::test]
async fn internal_targets_are_refused_at_save_and_at_send() {
    let world = World::new().await;
    world.answers(ResponseTemplate::new(200), 10).await;
    let (webhook, _) = world.make(world.wanted(&["2000"])).await.unwrap();
    world
        .application(Uuid::new_v4(), 1, Change::status(None, "2000"), "x")
        .await;

    let folder = tempfile::tempdir().unwrap();
    let strict = module(Store::Sqlite, &folder, "environment = \"production\"").await;
    for endpoint in [
        "http://127.0.0.1:1/",
        "http://10.0.0.1/",
        "http://169.254.169.254/",
        "http://[::1]/",
    ] {
        let wanted = Wanted {
            endpoint: endpoint.to_owned(),
            ..world.wanted(&["2000"])
        };
        let refused = strict.hooks.check(world.tenancy, wanted).await.unwrap_err();
        assert_eq!(refused.kind(), ProblemKind::TargetRefused, "{endpoint}");
    }
    let wanted = Wanted {
        endpoint: "http://8.8.8.8/".to_owned(),
        ..world.wanted(&["2000"])
    };
    let refused = strict.hooks.check(world.tenancy, wanted).await.unwrap_err();
    assert_eq!(
        refused.body("x")["errors"][0]["code"],
        "scheme",
        "personal data do not travel in the clear"
    );
    let strict = Deliver {
        client: strict.hooks.client.clone(),
        ..world.deliver.clone()
    };
    strict.run().await.unwrap();
    drop(strict.calls.acquire_many(8).await.unwrap());
    assert!(world.received().await.is_empty());
    let row = world.deliveries(webhook.id).await.remove(0);
    assert_eq!(row.response_status, None);
    assert!(row.error.unwrap().contains("not on the public Internet"));
}

#[tokio::test]
async fn every_fault_of_a_webhook_is_named() {
    let world = World::new().await;
    let wrong = Wanted {
        title: " ".to_owned(),
        endpoint: "not a URL".to_owned(),
        triggers: vec!["2001".to_owned()],
        filters: vec!["everything".to_owned()],
        headers: [("Host".to_owned(), "x".to_owned())].into(),
        active: true,
        version: 3,
    };
    let problem = world.make(wrong).await.err().unwrap();
    let body = problem.body("x");
    let fields: Vec<&str> = body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["field"].as_str().unwrap())
        .collect();
    assert_eq!(
        fields,
        [
            "title", "endpoint", "triggers", "filters", "headers", "version"
        ]
    );
    let unknown = Wanted {
        filters: vec![Uuid::new_v4().to_string()],
        ..world.wanted(&["all"])
    };
    assert_eq!(
        world.make(unknown).await.err().unwrap().kind(),
        ProblemKind::UnknownReference
    );
    let ftp = Wanted {
        endpoint: "ftp://example.org/".to_owned(),
        ..world.wanted(&["all"])
    };
    assert_eq!(
        world.make(ftp).await.err().unwrap().kind(),
        ProblemKind::Validation
    );
}
