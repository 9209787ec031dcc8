//! `services/facets`: the values of the list's filters that have services.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use opencity_kernel::Problem;
use opencity_kernel::http::{Public, Scope};
use opencity_kernel::id::TermId;
use opencity_kernel::problem::ProblemBody;
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::{State, ok};
use crate::domain::service::LISTED;
use crate::domain::vocabulary::TermKind;
use crate::store;

#[derive(OpenApi)]
#[openapi(paths(facets), components(schemas(Facets, Facet, ProblemBody)))]
pub(super) struct Document;

/// To be mounted before `services/{id}`.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource("/{tenant}/api/services/facets").route(web::get().to(facets)));
}

/// A value of a filter that has services.
#[derive(Debug, Serialize, ToSchema)]
struct Facet {
    /// The value.
    id: TermId,
    /// Its name.
    #[schema(max_length = 255)]
    name: String,
    /// Its slug.
    #[schema(max_length = 255)]
    slug: String,
    /// How many services it has.
    #[schema(minimum = 1, maximum = 100_000)]
    count: u32,
}

/// The values of the filters of the list that have services.
#[derive(Debug, Serialize, ToSchema)]
struct Facets {
    /// Categories.
    #[schema(max_items = 10000)]
    topics_id: Vec<Facet>,
    /// Recipients.
    #[schema(max_items = 10000)]
    recipient_id: Vec<Facet>,
    /// Geographic areas.
    #[schema(max_items = 10000)]
    geographic_area_id: Vec<Facet>,
}

#[utoipa::path(
    get, path = "/lang/api/services/facets", operation_id = "services.service.facets", tag = "services",
    summary = "Lists the values of the list's filters that have services",
    description = "For the menus of a catalogue: only values that lead to something.",
    responses(
        (status = 200, description = "The values, by filter", body = Facets,
            example = json!({"topics_id": [{"id": "01943ffe-0680-7438-ae6b-000000000201", "name": "Vita pubblica", "slug": "vita-pubblica", "count": 3}], "recipient_id": [], "geographic_area_id": []})),
        (status = 404, description = "No body answers at this host", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []))
)]
async fn facets(api: State, scope: Scope, _caller: Public) -> Result<HttpResponse, Problem> {
    let facets = api
        .ctx
        .db
        .read::<_, Problem>(scope.tenancy(), |scope| {
            let services = store::services::list(scope, &LISTED)?;
            let mut counts: HashMap<TermId, u32> = HashMap::new();
            for fields in services.iter().map(|service| &service.fields) {
                let named = fields
                    .topics_id
                    .iter()
                    .chain(&fields.recipients_id)
                    .chain(&fields.geographic_areas_id);
                for id in named {
                    *counts.entry(*id).or_default() += 1;
                }
            }
            let mut of = |kind| -> Result<Vec<Facet>, Problem> {
                let terms = store::terms::list(scope, kind)?.into_iter();
                Ok(terms
                    .filter_map(|term| {
                        let count = *counts.get(&term.id)?;
                        Some(Facet {
                            id: term.id,
                            name: term.fields.name,
                            slug: term.fields.slug,
                            count,
                        })
                    })
                    .collect())
            };
            Ok(Facets {
                topics_id: of(TermKind::Category)?,
                recipient_id: of(TermKind::Recipient)?,
                geographic_area_id: of(TermKind::Area)?,
            })
        })
        .await?;
    Ok(ok(&facets))
}
