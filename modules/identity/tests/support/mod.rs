//! The module alone, on a database of its own: what other modules would say comes as events.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

use std::sync::Arc;

use actix_web::dev::Service;
use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service, read_body};
use actix_web::{App, web};
use opencity_identity::{INFO, Identity, MIGRATIONS};
use opencity_kernel::Problem;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::Tenancy;
use opencity_kernel::demo;
use opencity_kernel::directory::DirectoryConsumer;
use opencity_kernel::events::{Change, Consumer, Event, Filter, NewEvent, Topic, read};
use opencity_kernel::module::{Module, ModuleInfo};
use opencity_testing::{Store, platform};
use serde_json::{Value, json};

/// What an answer was.
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub retry_after: Option<u64>,
}

pub struct World {
    pub ctx: ModuleContext,
    pub module: Arc<Identity>,
    pub tenancy: Tenancy,
    _folder: tempfile::TempDir,
}

impl World {
    /// The demo, with hashes that cost little.
    pub async fn demo() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = r"
            demo.enabled = true
            database.group_commit = 1
            identity = { argon2_memory_kib = 32, argon2_passes = 1 }
        ";
        let platform = platform(INFO, MIGRATIONS, Store::Sqlite, folder.path(), settings).await;
        let ctx = ModuleContext::new(platform, INFO);
        let module = Arc::new(Identity::new(ctx.clone()).unwrap());
        module.prepare().await.unwrap();
        let world = Self {
            ctx,
            module,
            tenancy: demo::tenancy().unwrap(),
            _folder: folder,
        };
        let tenant = world.tenancy.tenant_id();
        let body = json!({"slug": "comune-di-bugliano", "name": "Comune di Bugliano", "hosts": ["localhost"]});
        world
            .tell(Topic::Tenants, tenant.to_string(), tenant.uuid(), body)
            .await;
        world.module.seed_demo().await.unwrap();
        world.settle().await;
        world
    }

    /// An event of another module.
    pub async fn tell(&self, topic: Topic, key: String, entity: uuid::Uuid, body: Value) {
        const OTHER: ModuleInfo = ModuleInfo {
            name: "other",
            version: "0.1.0",
            title: "Other",
        };
        self.ctx
            .db
            .for_module(OTHER)
            .write::<_, Problem>(self.tenancy, move |scope| {
                scope.emit(NewEvent::new(
                    topic,
                    key,
                    entity,
                    1,
                    Change::created(),
                    body,
                ))?;
                Ok(())
            })
            .await
            .unwrap();
    }

    /// Everything that was told so far.
    pub async fn events(&self) -> Vec<Event> {
        read(
            &self.ctx.db,
            Filter {
                limit: 10_000,
                ..Filter::default()
            },
        )
        .await
        .unwrap()
    }

    /// The events of a topic about an entity.
    pub async fn events_of(&self, topic: Topic, entity: &str) -> Vec<Event> {
        self.events()
            .await
            .into_iter()
            .filter(|it| it.topic == topic && it.entity.to_string() == entity)
            .collect()
    }

    /// Lets the directory and the module's own consumers take every event, from the beginning: both must bear that.
    pub async fn settle(&self) {
        let mut consumers = self.module.consumers();
        consumers.push(Arc::new(DirectoryConsumer));
        for consumer in consumers {
            for event in self.events().await {
                if consumer.topics().contains(&event.topic) {
                    let taker: Arc<dyn Consumer> = Arc::clone(&consumer);
                    self.ctx
                        .db
                        .write::<_, opencity_kernel::db::DbError>(self.tenancy, move |scope| {
                            taker.handle(scope, &event).expect("the event is taken");
                            Ok(())
                        })
                        .await
                        .unwrap();
                }
            }
        }
    }

    /// A request under the demo's host.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Answer {
        let platform = web::Data::from(Arc::clone(&self.ctx.platform));
        let module = Arc::clone(&self.module);
        let app = init_service(
            App::new()
                .app_data(platform)
                .configure(move |config| module.routes(config)),
        )
        .await;
        let mut request = TestRequest::with_uri(&format!("http://localhost{path}"))
            .method(method)
            .insert_header(("host", "localhost"));
        if let Some(token) = token {
            request = request.insert_header(("authorization", format!("Bearer {token}")));
        }
        if let Some(body) = body {
            request = request.set_json(body);
        }
        let (status, retry_after, bytes) = match app.call(request.to_request()).await {
            Ok(response) => {
                let status = response.status().as_u16();
                let retry = response
                    .headers()
                    .get("retry-after")
                    .and_then(|it| it.to_str().ok()?.parse().ok());
                (status, retry, read_body(response).await)
            }
            Err(error) => {
                let response = error.error_response();
                let retry = response
                    .headers()
                    .get("retry-after")
                    .and_then(|it| it.to_str().ok()?.parse().ok());
                let bytes = actix_web::body::to_bytes(response.into_body())
                    .await
                    .unwrap();
                (
                    error.as_response_error().status_code().as_u16(),
                    retry,
                    bytes,
                )
            }
        };
        Answer {
            status,
            retry_after,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.call(Method::GET, path, Some(token), None).await
    }

    pub async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        let answer = self.call(Method::POST, path, Some(token), Some(body)).await;
        self.settle().await;
        answer
    }

    pub async fn log_in(&self, username: &str, password: &str) -> Answer {
        let body = json!({"username": username, "password": password});
        self.call(Method::POST, "/lang/api/auth", None, Some(body))
            .await
    }

    /// The token of a user of the demo.
    pub async fn token(&self, username: &str) -> String {
        let answer = self.log_in(username, "opencity-demo").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["token"].as_str().unwrap().to_owned()
    }
}
