//! Calls, and what is answered.

use serde_json::Value;

/// A served world. Cheap to clone.
#[derive(Clone)]
pub struct Served {
    pub base: String,
    pub client: reqwest::Client,
}

impl Served {
    /// A call: path below `/lang/api/`, token, body (none if null).
    pub async fn call(&self, method: &str, path: &str, token: &str, body: &Value) -> Answer {
        let url = format!("{}/{path}", self.base);
        let mut request = self
            .client
            .request(method.parse().unwrap(), url)
            .bearer_auth(token);
        if !body.is_null() {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        Answer {
            status,
            json: serde_json::from_str(&text).unwrap_or_default(),
            text,
        }
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.call("GET", path, token, &Value::Null).await
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub json: Value,
    pub text: String,
}

impl Answer {
    /// Status and, of a problem, its id.
    pub fn told(&self) -> (u16, &str) {
        (self.status, self.json["code"].as_str().unwrap_or_default())
    }
}

/// The server of a world.
#[macro_export]
macro_rules! app {
    ($world:expr) => {{
        let module = std::sync::Arc::clone(&$world.module);
        actix_web::test::init_service(
            actix_web::App::new()
                .app_data(actix_web::web::Data::from(std::sync::Arc::clone(
                    &$world.platform,
                )))
                .configure(|config| opencity_kernel::module::Module::routes(&*module, config)),
        )
        .await
    }};
}

/// A call: method, path below `/lang/api/`, caller, body.
#[macro_export]
macro_rules! call {
    ($app:expr, $world:expr, $method:ident $path:expr, $user:ident, headers [$($headers:tt)*] $(, $body:expr)?) => {
        call!(@ $app, $world, $method $path, $user, [$($headers)*] $(, $body)?)
    };
    ($app:expr, $world:expr, $method:ident $path:expr, $user:ident $(, $body:expr)?) => {
        call!(@ $app, $world, $method $path, $user, [] $(, $body)?)
    };
    (@ $app:expr, $world:expr, $method:ident $path:expr, $user:ident, [$($name:literal = $value:expr),*] $(, $body:expr)?) => {{
        let request = actix_web::test::TestRequest::default()
            .method(actix_web::http::Method::$method)
            .uri(&format!("/lang/api/{}", $path))
            .insert_header(("host", "localhost"))
            .insert_header(("authorization", format!("Bearer {}", $world.token($world.$user))))
            $(.insert_header(($name, $value)))*
            $(.set_json(&$body))?
            .to_request();
        let response = match actix_web::test::try_call_service(&$app, request).await {
            Ok(response) => response.map_into_boxed_body().into_parts().1,
            Err(error) => error.error_response().map_into_boxed_body(),
        };
        let status = response.status().as_u16();
        let bytes = actix_web::body::to_bytes(response.into_body()).await.unwrap_or_default();
        $crate::world::Answer {
            status,
            json: serde_json::from_slice(&bytes).unwrap_or_default(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }};
}

/// Tests that hold on both databases.
#[macro_export]
macro_rules! on_both_databases {
    ($(async fn $name:ident($store:ident) $body:block)*) => {
        $(async fn $name($store: opencity_testing::Store) $body)*
        opencity_testing::on_both_databases! { #[actix_web::test] $($name),* }
    };
}
