//! GET `applications`.

use std::time::Duration;

use actix_web::http::header::ACCEPT;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{NaiveDate, Timelike};
use diesel::prelude::*;
use opencity_kernel::auth::{AnyUser, Auth, CallerKind};
use opencity_kernel::db::{Boxed, Columns, DbError, DbResult, MultiBackend, TenantScope};
use opencity_kernel::http::{ApiVersion, Collection, PageQuery, Scope, Sort};
use opencity_kernel::id::{ApplicationId, OfficeId, ServiceId, UserId};
use opencity_kernel::instant::Instant;
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{Problem, auth};
use serde_json::{Value, json};
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::{ApplicationOut, Shown, State, relations};
use crate::aggregate::{self, Aggregate};
use crate::domain::{Status, Who};
use crate::store::application::Application;
use crate::store::replica;
use crate::store::schema::applications_application as t;

/// The media type of places.
pub(super) const GEO_JSON: &str = "application/geo+json";

/// Whether the caller asks for places: exactly so.
pub(super) fn wants_geo_json(request: &HttpRequest) -> bool {
    request
        .headers()
        .get(ACCEPT)
        .is_some_and(|accept| accept.as_bytes() == GEO_JSON.as_bytes())
}

/// The place of an application.
pub(super) fn point(aggregate: &Aggregate) -> Option<Value> {
    let place = opencity_formio::geolocation(&aggregate.data)?;
    Some(json!({"type": "Point", "coordinates": [place.longitude, place.latitude]}))
}

/// Whose applications are listed.
#[derive(Debug, Clone)]
enum Seen {
    /// All of the tenant.
    All,
    /// A citizen's own.
    Own(UserId),
    /// Those that an operator works.
    Worked {
        me: UserId,
        services: Vec<ServiceId>,
        offices: Vec<OfficeId>,
    },
}

/// Which column a date is compared with.
#[derive(Debug, Clone, Copy)]
enum Date {
    Created,
    Updated,
    Submitted,
}

/// How a date is compared.
#[derive(Debug, Clone, Copy)]
enum Bound {
    After,
    StrictlyAfter,
    Before,
    StrictlyBefore,
}

/// What a request asks for, whoever asks.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) service: Option<ServiceId>,
    status: Option<Status>,
    dates: Vec<(Date, Bound, Instant)>,
}

impl Asked {
    /// Reads it from the parameters.
    ///
    /// # Errors
    /// 400 for a parameter that is not valid, 403 and 404 for the service.
    pub(super) async fn of(
        state: &State,
        caller: &auth::Caller,
        page: &PageQuery,
    ) -> Result<Self, Problem> {
        if page
            .parameter("order")
            .is_some_and(|order| order != "creationTime")
        {
            return Err(Problem::bad_parameter("order", "creationTime"));
        }
        Ok(Self {
            status: status_of(page)?,
            dates: dates_of(page)?,
            service: service_of(state, caller, page).await?,
        })
    }

    /// What of it the caller may see.
    pub(super) fn seen_by(
        self,
        scope: &mut TenantScope<'_>,
        caller: &auth::Caller,
    ) -> DbResult<Filter> {
        Ok(Filter {
            seen: seen(scope, caller)?,
            service: self.service,
            status: self.status,
            dates: self.dates,
        })
    }
}

/// Which applications are listed.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    seen: Seen,
    service: Option<ServiceId>,
    status: Option<Status>,
    dates: Vec<(Date, Bound, Instant)>,
}

type Rows<'a> = t::BoxedQuery<'a, MultiBackend>;

impl Filter {
    fn narrow<'a>(&self, rows: Rows<'a>) -> Rows<'a> {
        let rows = match self.seen.clone() {
            Seen::All => rows,
            Seen::Own(user) => rows.filter(t::user_id.eq(user)),
            Seen::Worked {
                me,
                services,
                offices,
            } => {
                let offices: Vec<Option<OfficeId>> = offices.into_iter().map(Some).collect();
                rows.filter(
                    t::service_id
                        .eq_any(services)
                        .or(t::operator_id
                            .is_not_null()
                            .and(t::operator_id.eq(Some(me))))
                        .or(t::office_id.is_not_null().and(t::office_id.eq_any(offices))),
                )
            }
        };
        let rows = match self.service {
            Some(service) => rows.filter(t::service_id.eq(service)),
            None => rows,
        };
        let rows = match self.status {
            Some(status) => rows.filter(t::status.eq(status.code())),
            None => rows.filter(t::status.ne(Status::Draft.code())),
        };
        self.dates.iter().fold(rows, |rows, (date, bound, at)| {
            within(rows, *date, *bound, *at)
        })
    }
}

/// Times are shown, and so compared, in whole seconds.
fn within(rows: Rows<'_>, date: Date, bound: Bound, at: Instant) -> Rows<'_> {
    let second = Instant::from_unix(at.unix());
    let after = second.plus(Duration::from_secs(1));
    let (least, end) = match bound {
        Bound::After => (Some(second), None),
        Bound::StrictlyAfter => (Some(after), None),
        Bound::Before => (None, Some(after)),
        Bound::StrictlyBefore => (None, Some(second)),
    };
    match (date, least, end) {
        (Date::Created, Some(least), _) => rows.filter(t::created_at.ge(least)),
        (Date::Created, None, Some(end)) => rows.filter(t::created_at.lt(end)),
        (Date::Updated, Some(least), _) => rows.filter(t::updated_at.ge(least)),
        (Date::Updated, None, Some(end)) => rows.filter(t::updated_at.lt(end)),
        (Date::Submitted, Some(least), _) => rows.filter(t::submitted_at.ge(least)),
        (Date::Submitted, None, Some(end)) => rows.filter(t::submitted_at.lt(end)),
        (_, None, None) => rows,
    }
}

/// Applications.
#[utoipa::path(
    get, path = "/lang/api/applications", operation_id = "applications.application.list",
    tag = "applications", summary = "The applications that the caller may see",
    description = "A citizen sees his own, an operator those of his services and offices, an administrator all of the body. Filters are combined; drafts are shown only with `status=1000`.",
    params(
        ("service" = Option<String>, Query, description = "Slug of a service", max_length = 255),
        ("service_identifier" = Option<String>, Query, description = "Identifier of a service", max_length = 255),
        ("service_id" = Option<ServiceId>, Query, description = "A service"),
        ("status" = Option<String>, Query, description = "One state; drafts only with 1000", max_length = 5),
        ("order" = Option<String>, Query, description = "creationTime, the only one", max_length = 20),
        ("sort" = Option<String>, Query, description = "ASC or DESC", max_length = 4),
        ("limit" = Option<i64>, Query, description = "Entries of a page", minimum = 1, maximum = 100),
        ("offset" = Option<i64>, Query, description = "Entries to pass over", minimum = 0, maximum = 100_000),
        ("cursor" = Option<String>, Query, description = "Where the page before ended: from its next link", max_length = 100),
        DateFilters,
        ApiVersion,
    ),
    responses(
        (status = 200, description = "A page, or the places", content((Collection<ApplicationOut> = "application/json"), (Object = "application/geo+json"))),
        (status = 400, description = "A parameter that is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "A service that the caller may not see", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such service", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn list(
    request: HttpRequest,
    state: web::Data<State>,
    scope: Scope,
    caller: Auth<AnyUser>,
) -> Result<HttpResponse, Problem> {
    let page = PageQuery::of(&request)?;
    let cursor = page.cursor.as_deref().map(read_cursor).transpose()?;
    let caller = caller.into_caller();
    let asked = Asked::of(&state, &caller, &page).await?;
    let shown = Shown::of(&scope);
    let geo = wants_geo_json(&request);
    let state = state.get_ref().clone();
    let database = state.ctx.db.clone();
    let (answer, kind) = database
        .read::<_, Problem>(caller.tenancy(), move |scope| {
            let filter = asked.seen_by(scope, &caller)?;
            let count = count(scope, &filter)?;
            let rows = rows(
                scope,
                &filter,
                page.sort,
                cursor,
                page.offset,
                page.limit + 1,
            )?;
            let limit = usize::try_from(page.limit).unwrap_or_default();
            let more = rows.len() > limit;
            let mut rows = rows;
            rows.truncate(limit);
            let next = rows.last().filter(|_| more).map(write_cursor);
            let found = Aggregate::page(scope, &shown.base, rows)?;
            if geo {
                return Ok((features(&found, &shown).to_string(), GEO_JSON));
            }
            let callers = relations(scope, &found, &caller)?;
            let mut data = Vec::with_capacity(found.len());
            for (aggregate, relation) in found.iter().zip(&callers) {
                data.push(state.show(scope, &shown, aggregate, relation)?);
            }
            let base = format!("{}/api/applications", shown.base);
            let collection = Collection::new(&page, &base, count, data, next);
            let text = serde_json::to_string(&collection).map_err(DbError::json)?;
            Ok((text, "application/json"))
        })
        .await?;
    Ok(HttpResponse::Ok().content_type(kind).body(answer))
}

/// How many there are.
pub(super) fn count(scope: &mut TenantScope<'_>, filter: &Filter) -> DbResult<i64> {
    scope.get(t::table, |rows| {
        Boxed(filter.narrow(rows.into_boxed()).count())
    })
}

/// Applications by their time of creation, from behind a place on (`offset` counts where there is none).
pub(super) fn rows(
    scope: &mut TenantScope<'_>,
    filter: &Filter,
    sort: Sort,
    after: Option<(Instant, ApplicationId)>,
    offset: i64,
    limit: i64,
) -> DbResult<Vec<Application>> {
    scope.load(t::table, |rows| {
        let rows = filter.narrow(rows.into_boxed());
        let rows = match (sort, after) {
            // The bound that stands alone is where the index is entered; an OR of both would read it from its start.
            (Sort::Ascending, Some((at, id))) => rows
                .filter(t::created_at.ge(at))
                .filter(t::created_at.gt(at).or(t::id.gt(id))),
            (Sort::Descending, Some((at, id))) => rows
                .filter(t::created_at.le(at))
                .filter(t::created_at.lt(at).or(t::id.lt(id))),
            (_, None) => rows.offset(offset),
        };
        let rows = match sort {
            Sort::Ascending => rows.order((t::created_at.asc(), t::id.asc())),
            Sort::Descending => rows.order((t::created_at.desc(), t::id.desc())),
        };
        Boxed(rows.limit(limit).select(Application::columns()))
    })
}

fn features(found: &[Aggregate], shown: &Shown) -> Value {
    let features: Vec<Value> = found
        .iter()
        .filter_map(|aggregate| {
            let row = &aggregate.row;
            Some(json!({
                "type": "Feature",
                "id": row.id,
                "geometry": point(aggregate)?,
                "properties": {
                    "id": row.id,
                    "subject": row.subject,
                    "status": row.status.to_string(),
                    "created_at": row.created_at,
                    "service": aggregate.service.slug,
                    "url": super::address(&shown.base, row),
                },
            }))
        })
        .collect();
    json!({"type": "FeatureCollection", "features": features})
}

/// Whose applications the caller sees.
fn seen(scope: &mut TenantScope<'_>, caller: &auth::Caller) -> DbResult<Seen> {
    Ok(match &caller.kind {
        CallerKind::Citizen { .. } | CallerKind::Platform | CallerKind::Service(_) => {
            Seen::Own(caller.id)
        }
        CallerKind::Administrator(_) => Seen::All,
        CallerKind::Operator(operator) if operator.system_user => Seen::All,
        CallerKind::Operator(operator) => {
            let offices: Vec<OfficeId> = operator.offices.iter().copied().collect();
            let mut services: Vec<ServiceId> = operator.enabled_services.iter().copied().collect();
            if !offices.is_empty() {
                services.extend(replica::services_of_offices(scope, &offices)?);
            }
            Seen::Worked {
                me: operator.id,
                services,
                offices,
            }
        }
    })
}

/// The service that is asked for: 404 where there is none, 403 where the caller does not work it.
async fn service_of(
    state: &State,
    caller: &auth::Caller,
    page: &PageQuery,
) -> Result<Option<ServiceId>, Problem> {
    let mut asked = None;
    for name in ["service_id", "service_identifier", "service"] {
        let Some(value) = page.parameter(name).map(str::to_owned) else {
            continue;
        };
        let found = state
            .ctx
            .find_replica(caller.tenancy(), move |scope| match name {
                "service_id" => match value.parse::<ServiceId>() {
                    Ok(id) => replica::service(scope, id),
                    Err(_) => Ok(None),
                },
                "service_identifier" => replica::service_by_identifier(scope, &value),
                _ => replica::service_by_slug(scope, &value),
            })
            .await?
            .ok_or_else(|| Problem::not_found("service"))?;
        let relation = aggregate::relation(caller, &found);
        if !caller.is_citizen() && !relation.is(Who::BACK_OFFICE.or(Who::DESK)) {
            return Err(Problem::forbidden(
                "The service is not one of yours; ask the administrator to enable you on it.",
            ));
        }
        let id = ServiceId::from_uuid(found.id);
        if asked.is_some_and(|other| other != id) {
            // Two names of two services: nothing is of both.
            return Ok(Some(ServiceId::from_uuid(uuid::Uuid::nil())));
        }
        asked = Some(id);
    }
    Ok(asked)
}

fn status_of(page: &PageQuery) -> Result<Option<Status>, Problem> {
    let codes = || Status::ALL.map(|status| status.to_string()).join(", ");
    page.parameter("status")
        .map(|text| {
            text.parse()
                .map_err(|_| Problem::bad_parameter("status", &format!("one of {}", codes())))
        })
        .transpose()
}

/// The times that a list is narrowed by: their names, and what the description of the API says of them.
const DATES: [(&str, Date, &str); 3] = [
    ("createdAt", Date::Created, "Made"),
    ("updatedAt", Date::Updated, "Last changed"),
    ("submittedAt", Date::Submitted, "Submitted"),
];

/// How: `createdAt[after]`.
const BOUNDS: [(&str, Bound, &str); 4] = [
    ("after", Bound::After, "then or later"),
    ("before", Bound::Before, "then or earlier"),
    ("strictly_after", Bound::StrictlyAfter, "later"),
    ("strictly_before", Bound::StrictlyBefore, "earlier"),
];

/// The filters by time, for the description of the API.
pub(super) struct DateFilters;

impl IntoParams for DateFilters {
    fn into_params(_parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let filter = |(name, what): (&str, &str), (bound, how): (&str, &str)| {
            let text = ObjectBuilder::new()
                .schema_type(Type::String)
                .max_length(Some(40));
            ParameterBuilder::new()
                .name(format!("{name}[{bound}]"))
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(format!(
                    "{what} {how}: a date, midnight in Italy, or an instant"
                )))
                .schema(Some(text))
                .build()
        };
        let of = |(name, _, what)| BOUNDS.map(|(bound, _, how)| filter((name, what), (bound, how)));
        DATES.into_iter().flat_map(of).collect()
    }
}

fn dates_of(page: &PageQuery) -> Result<Vec<(Date, Bound, Instant)>, Problem> {
    let mut dates = Vec::new();
    for (key, value) in page.parameters() {
        let Some((name, rest)) = key.split_once('[') else {
            continue;
        };
        let bound = rest.trim_end_matches(']');
        let date = DATES.iter().find(|(known, ..)| *known == name);
        let bound = BOUNDS.iter().find(|(known, ..)| *known == bound);
        if let (Some((_, date, _)), Some((_, bound, _))) = (date, bound)
            && !value.is_empty()
        {
            let at = instant_of(value).ok_or_else(|| {
                Problem::bad_parameter(key, "yyyy-mm-dd or yyyy-mm-ddTHH:mm:ss+hh:mm")
            })?;
            dates.push((*date, *bound, at));
        }
    }
    Ok(dates)
}

fn instant_of(text: &str) -> Option<Instant> {
    // A plus sign that was not escaped in the address arrives as a space.
    if let Ok(instant) = Instant::parse(&text.replace(' ', "+")) {
        return Some(instant);
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    // Midnight in Italy is at one of two offsets.
    ["+02:00", "+01:00"]
        .into_iter()
        .filter_map(|offset| Instant::parse(&format!("{day}T00:00:00{offset}")).ok())
        .find(|at| at.rome().date_naive() == day && at.rome().hour() == 0)
}

fn write_cursor(row: &Application) -> String {
    format!("{}_{}", row.created_at.micros(), row.id)
}

fn read_cursor(text: &str) -> Result<(Instant, ApplicationId), Problem> {
    text.split_once('_')
        .and_then(|(at, id)| Some((Instant::from_micros(at.parse().ok()?), id.parse().ok()?)))
        .ok_or_else(|| Problem::bad_parameter("cursor", "the cursor of a next link, unchanged"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_date_alone_is_midnight_in_italy() {
        assert_eq!(
            instant_of("2024-07-01").unwrap().to_wire(),
            "2024-07-01T00:00:00+02:00"
        );
        assert_eq!(
            instant_of("2024-01-01T10:00:00 01:00").unwrap().to_wire(),
            "2024-01-01T10:00:00+01:00"
        );
        assert!(instant_of("yesterday").is_none());
    }

    #[test]
    fn a_cursor_that_was_changed_is_refused() {
        assert!(read_cursor("1_2").is_err());
        let id = ApplicationId::new();
        assert_eq!(
            read_cursor(&format!("5_{id}")).unwrap(),
            (Instant::from_micros(5), id)
        );
    }
}
