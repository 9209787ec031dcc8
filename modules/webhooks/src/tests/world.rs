//! The module with its consumers and the server of a receiver.

use std::time::Duration;

use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::{DbError, Tenancy};
use opencity_kernel::events::{Change, NewEvent, Topic};
use opencity_kernel::id::{TenantId, WebhookId};
use opencity_kernel::problem::Problem;
use opencity_kernel::scheduler::Task;
use opencity_testing::{Running, Store, platform};
use serde_json::json;
use uuid::Uuid;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::domain::{Secret, signature};
use crate::hooks::Wanted;
use crate::store::delivery::{self, DeliveryRow, Window};
use crate::store::webhook::WebhookRow;
use crate::tasks::Deliver;
use crate::{INFO, MIGRATIONS, Webhooks};

pub(super) struct World {
    _folder: tempfile::TempDir,
    pub(super) module: Webhooks,
    pub(super) deliver: Deliver,
    pub(super) tenancy: Tenancy,
    pub(super) service: Uuid,
    pub(super) server: MockServer,
    _running: Running,
}

/// The module on a new database.
pub(super) async fn module(store: Store, folder: &tempfile::TempDir, settings: &str) -> Webhooks {
    let platform = platform(INFO, MIGRATIONS, store, folder.path(), settings).await;
    Webhooks::new(ModuleContext::new(platform, INFO)).unwrap()
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with("webhooks.schedule_seconds = [0, 0, 0]").await
    }

    pub(super) async fn with(settings: &str) -> Self {
        Self::on(Store::Sqlite, settings).await
    }

    pub(super) async fn on(store: Store, settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let module = module(store, &folder, settings).await;
        let running = Running::whole(&module.hooks.ctx.platform, &module).await;
        let world = Self {
            deliver: module.deliver(),
            _folder: folder,
            module,
            tenancy: Tenancy::from_row(TenantId::new()),
            service: Uuid::new_v4(),
            server: MockServer::start().await,
            _running: running,
        };
        let body = json!({"slug": "suolo-pubblico", "name": "Suolo pubblico"});
        world
            .emit(NewEvent::new(
                Topic::Services,
                "t",
                world.service,
                1,
                Change::created(),
                body,
            ))
            .await;
        world
    }

    pub(super) async fn emit(&self, event: NewEvent) {
        let ctx = &self.module.hooks.ctx;
        ctx.db
            .write::<_, DbError>(self.tenancy, move |scope| scope.emit(event))
            .await
            .unwrap();
        let (bus, most) = (&ctx.platform.bus, Duration::from_secs(20));
        assert!(bus.caught_up(&ctx.db, "webhooks", most).await.unwrap());
    }

    pub(super) async fn application(&self, id: Uuid, version: i64, change: Change, subject: &str) {
        let body = json!({
            "service_id": self.service, "tenant": self.tenancy.tenant_id(), "service": "suolo-pubblico",
            "subject": subject, "status": "2000", "data": {"applicant.data.name": "Maria"},
            "submission": {"applicant": {"data": {"name": "Maria"}}},
            "authentication": {"authentication_method": "spid"}, "links": [],
        });
        self.emit(NewEvent::new(
            Topic::Applications,
            self.service,
            id,
            version,
            change,
            body,
        ))
        .await;
    }

    pub(super) fn wanted(&self, triggers: &[&str]) -> Wanted {
        Wanted {
            title: "Back office".to_owned(),
            endpoint: format!("{}/hook", self.server.uri()),
            triggers: triggers.iter().map(|name| (*name).to_owned()).collect(),
            filters: vec!["all".to_owned()],
            headers: [("Authorization".to_owned(), "Bearer abc".to_owned())].into(),
            active: true,
            version: 1,
        }
    }

    pub(super) async fn make(&self, wanted: Wanted) -> Result<(WebhookRow, Secret), Problem> {
        let hooks = self.module.hooks.clone();
        let checked = hooks.check(self.tenancy, wanted).await?;
        hooks
            .ctx
            .db
            .clone()
            .write(self.tenancy, move |scope| hooks.create(scope, checked))
            .await
    }

    pub(super) async fn answers(&self, template: ResponseTemplate, times: u64) {
        Mock::given(method("POST"))
            .and(path("/hook"))
            .respond_with(template)
            .up_to_n_times(times)
            .mount(&self.server)
            .await;
    }

    /// Sends what is due, and waits for the outcomes; one attempt of each.
    pub(super) async fn send(&self) {
        self.deliver.run().await.unwrap();
        let all = u32::try_from(self.module.settings.calls).unwrap();
        drop(self.deliver.calls.acquire_many(all).await.unwrap());
    }

    pub(super) async fn deliveries(&self, webhook: WebhookId) -> Vec<DeliveryRow> {
        let window = Window {
            after: None,
            offset: 0,
            limit: 100,
            newest_first: false,
        };
        self.module
            .hooks
            .ctx
            .db
            .read::<_, DbError>(self.tenancy, move |scope| {
                delivery::page(scope, webhook, None, &window)
            })
            .await
            .unwrap()
    }

    pub(super) async fn received(&self) -> Vec<Request> {
        self.server.received_requests().await.unwrap()
    }
}

pub(super) fn text<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.get(name).unwrap().to_str().unwrap()
}

pub(super) fn is_signed_by(request: &Request, secret: &Secret) -> bool {
    let id = text(request, "webhook-id");
    let timestamp = text(request, "webhook-timestamp").parse().unwrap();
    let body = std::str::from_utf8(&request.body).unwrap();
    let expected = signature(std::slice::from_ref(secret), id, timestamp, body);
    text(request, "webhook-signature")
        .split(' ')
        .any(|item| item == expected)
}
