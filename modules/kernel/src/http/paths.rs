//! Which module a path belongs to: the one table (`Module::paths`) by which the program mounts the modules and the
//! router in front of it is configured, so that the two cannot differ.

use std::sync::Arc;

use actix_web::{guard, web};

use crate::module::Module;

/// The segments of a prefix of [`Module::paths`]: text, `{tenant}` (any) or `{locale}` (two lower-case letters).
pub fn segments(prefix: &str) -> impl Iterator<Item = &str> {
    let below: &[&str] = match prefix.starts_with('/') {
        true => &[],
        false => &["{tenant}", "api"],
    };
    let own = prefix.trim_start_matches('/').split('/');
    below.iter().copied().chain(own)
}

/// Whether a path is at or below a prefix of [`Module::paths`].
#[must_use]
pub fn covers(prefix: &str, path: &str) -> bool {
    let mut given = path.split('/').skip(1);
    segments(prefix).all(|wanted| {
        given.next().is_some_and(|segment| match wanted {
            "{tenant}" => !segment.is_empty(),
            "{locale}" => {
                segment.len() == 2 && segment.bytes().all(|letter| letter.is_ascii_lowercase())
            }
            text => segment == text,
        })
    })
}

/// Mounts a module where its table says, and nowhere else.
pub(super) fn mount(module: &Arc<dyn Module>, config: &mut web::ServiceConfig) {
    let prefixes = module.paths();
    let own = guard::fn_guard(move |context| {
        let path = context.head().uri.path();
        prefixes.iter().any(|prefix| covers(prefix, path))
    });
    let module = Arc::clone(module);
    config.service(
        web::scope("")
            .guard(own)
            .configure(|config| module.routes(config)),
    );
}

#[cfg(test)]
mod tests {
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, HttpResponse};

    use super::*;
    use crate::db::Migration;
    use crate::module::ModuleInfo;

    #[test]
    fn a_prefix_covers_whole_segments_only() {
        for (prefix, path, covered) in [
            ("forms", "/lang/api/forms", true),
            ("forms", "/bugliano/api/forms/1/versions/2", true),
            ("form", "/lang/api/forms", false),
            (
                "v2/applications",
                "/lang/api/v2/applications/1/messages",
                true,
            ),
            (
                "applications",
                "/lang/api/v2/applications/1/messages",
                false,
            ),
            ("forms", "//api/forms", false),
            ("/retry", "/retry/dead-letters", true),
            ("/retry", "/lang/api/retry", false),
            ("/{tenant}/{locale}/upload", "/lang/it/upload/1", true),
            ("/{tenant}/{locale}/upload", "/lang/api/upload", false),
            ("/{tenant}/{locale}/upload", "/lang/it", false),
        ] {
            assert_eq!(covers(prefix, path), covered, "{prefix} {path}");
        }
    }

    /// Mounts two paths, of which its table names one.
    struct Straying;

    #[async_trait::async_trait(?Send)]
    impl Module for Straying {
        fn info(&self) -> ModuleInfo {
            crate::INFO
        }
        fn migrations(&self) -> &'static [Migration] {
            &[]
        }
        fn routes(&self, config: &mut web::ServiceConfig) {
            let ok = || web::to(|| async { HttpResponse::Ok().finish() });
            config
                .route("/{tenant}/api/straying/{id}", ok())
                .route("/elsewhere", ok());
        }
        fn openapi(&self) -> utoipa::openapi::OpenApi {
            utoipa::openapi::OpenApi::default()
        }
        fn paths(&self) -> &'static [&'static str] {
            &["straying"]
        }
    }

    #[actix_web::test]
    async fn a_route_outside_the_table_is_not_reached() {
        let module: Arc<dyn Module> = Arc::new(Straying);
        let app = init_service(App::new().configure(|config| mount(&module, config))).await;
        for (path, status) in [("/lang/api/straying/1", 200), ("/elsewhere", 404)] {
            let request = TestRequest::get().uri(path).to_request();
            let answer = call_service(&app, request).await;
            assert_eq!(answer.status(), status, "{path}");
        }
    }
}
