//! A plain page for people who come back from a payment: how the application stands, and nothing of
//! what it says. The portal replaces it.

use actix_web::{HttpResponse, web};
use opencity_kernel::Problem;
use opencity_kernel::http::{Public, Scope};
use opencity_kernel::i18n::Language;
use opencity_kernel::id::ApplicationId;
use opencity_kernel::problem::ProblemBody;

use super::State;
use crate::domain::Status;
use crate::store::application;

/// How an application stands: public for who has its id, and without personal data.
#[utoipa::path(
    get, path = "/lang/{locale}/pratiche/{id}/detail", operation_id = "applications.page.get",
    tag = "applications", summary = "How an application stands, as a page",
    description = "A plain page for whoever has the id, without personal data.",
    params(("locale" = String, Path, description = "Language of the page", max_length = 5), ("id" = ApplicationId, Path, description = "The application")),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 404, description = "There is no such application", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []))
)]
pub async fn get(
    state: web::Data<State>,
    scope: Scope,
    _public: Public,
    path: web::Path<(String, String, ApplicationId)>,
) -> Result<HttpResponse, Problem> {
    let (_, locale, id) = path.into_inner();
    let row = state
        .ctx
        .db
        .read::<_, Problem>(scope.tenancy(), move |scope| {
            application::find(scope, id)?.ok_or_else(|| Problem::not_found("application"))
        })
        .await?;
    let language = Language::from_tag(&locale).unwrap_or(scope.language);
    let page = render(&scope.tenant.name, language, id, row.state()?);
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header(("Cache-Control", "no-store"))
        .insert_header((
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'",
        ))
        .insert_header(("Referrer-Policy", "no-referrer"))
        .body(page))
}

fn render(tenant: &str, language: Language, id: ApplicationId, status: Status) -> String {
    let tenant = escaped(tenant);
    let (heading, state) = match language {
        Language::It => ("La tua richiesta", "Stato"),
        Language::De => ("Ihr Antrag", "Stand"),
        Language::En => ("Your application", "State"),
        Language::Sl => ("Vaša vloga", "Stanje"),
    };
    // The states have their names in Italian: they are those of the law and of the office's letters.
    let label = escaped(status.label());
    format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{heading} – {tenant}</title>\
         <style>body{{font:1.1rem/1.5 sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}}</style></head>\
         <body><p>{tenant}</p><h1>{heading}</h1><p>{id}</p><p>{state}: <strong lang=\"it\">{label}</strong></p></body></html>\n",
        language.code()
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_the_state_in_words_and_escapes_names() {
        let page = render(
            "Comune di <b>",
            Language::It,
            ApplicationId::new(),
            Status::Pending,
        );
        assert!(page.contains("In carico") && page.contains("Comune di &lt;b&gt;"));
    }
}
