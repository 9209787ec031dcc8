//! GET `applications/export`: the list as a file, streamed in batches. The caller draws each batch; who goes away draws no more.

mod columns;
mod layout;
mod table;

use std::path::PathBuf;

use actix_web::http::header::{ACCEPT, CONTENT_DISPOSITION};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures::Stream;
use opencity_contracts::service::Service;
use opencity_kernel::auth::{AnyUser, Auth};
use opencity_kernel::db::{DbError, TenantScope};
use opencity_kernel::http::{ApiVersion, PageQuery, Scope, Sort};
use opencity_kernel::id::{ApplicationId, ServiceId};
use opencity_kernel::instant::Instant;
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{Problem, ProblemKind, auth};

use self::columns::Columns;
use self::layout::Layout;
use self::table::{Table, is_archive};
use super::list::{self, Asked, DateFilters, Filter};
use super::{Shown, State, relations};
use crate::aggregate::Aggregate;
use crate::store::replica;

/// Applications read at a time.
pub const BATCH: i64 = 200;

const CSV: &str = "text/csv; charset=utf-8";
const ZIP: &str = "application/zip";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const NDJSON: &str = "application/x-ndjson";

/// The form of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Table(Layout),
    Lines,
}

impl Format {
    /// By the parameter, else by the header Accept, else CSV.
    fn of(page: &PageQuery, request: &HttpRequest) -> Result<Self, Problem> {
        if let Some(name) = page.parameter("format") {
            return match name {
                "csv" => Ok(Self::Table(Layout::Csv)),
                "xlsx" => Ok(Self::Table(Layout::Sheet)),
                "ndjson" => Ok(Self::Lines),
                _ => Err(Problem::bad_parameter("format", "csv, xlsx or ndjson")),
            };
        }
        let accept = request
            .headers()
            .get(ACCEPT)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("*/*");
        let kinds = accept.split(',').filter_map(|kind| kind.split(';').next());
        kinds
            .filter_map(|kind| match kind.trim() {
                "text/csv" | "text/*" | ZIP | "*/*" => Some(Self::Table(Layout::Csv)),
                XLSX => Some(Self::Table(Layout::Sheet)),
                NDJSON | "application/json" | "application/*" => Some(Self::Lines),
                _ => None,
            })
            .next()
            .ok_or_else(|| {
                Problem::new(
                    ProblemKind::NotAcceptable,
                    "Ask for text/csv, for an XLSX workbook or for application/x-ndjson.",
                )
            })
    }
}

/// Exports applications.
#[utoipa::path(
    get, path = "/lang/api/applications/export", operation_id = "applications.application.export",
    tag = "applications", summary = "The applications that the caller may see, as a file",
    description = "With the filters and the visibility of the list. CSV (RFC 4180, UTF-8) and XLSX have the applications of one \
        service: what every application has, then the fields of all versions of its form, and of the forms that it had before where \
        applications are written on them, by their labels; each grid is a table of its own, a further file of a ZIP or a sheet, and a \
        grid in a grid a text in its cell; what is more than a sheet holds (1,048,576 rows) goes on in another; a text that is longer \
        than a cell of a sheet (32,767 characters) ends there in ` […]`, and is whole in CSV and NDJSON. A text that a spreadsheet would take for a formula begins with an apostrophe in CSV. \
        NDJSON has one application a line, as the list shows it. A file that ends early is not complete: ask again.",
    params(
        ("format" = Option<String>, Query, description = "csv (default), xlsx or ndjson; without it the header Accept counts", max_length = 6),
        ("service" = Option<String>, Query, description = "Slug of a service", max_length = 255),
        ("service_identifier" = Option<String>, Query, description = "Identifier of a service", max_length = 255),
        ("service_id" = Option<ServiceId>, Query, description = "A service"),
        ("status" = Option<String>, Query, description = "One state; drafts only with 1000", max_length = 5),
        ("order" = Option<String>, Query, description = "creationTime, the only one", max_length = 20),
        ("sort" = Option<String>, Query, description = "ASC or DESC, by the time of creation", max_length = 4),
        DateFilters,
        ApiVersion,
    ),
    responses(
        (status = 200, description = "The file", content(
            (Vec<u8> = "text/csv"), (Vec<u8> = "application/zip"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"), (Vec<u8> = "application/x-ndjson"))),
        (status = 400, description = "A parameter that is not valid, or a table of more than one service", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "A service that the caller may not see", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such service", body = ProblemBody, content_type = "application/problem+json"),
        (status = 406, description = "Accept names none of the forms", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn get(
    request: HttpRequest,
    state: web::Data<State>,
    scope: Scope,
    caller: Auth<AnyUser>,
) -> Result<HttpResponse, Problem> {
    let page = PageQuery::of(&request)?;
    let format = Format::of(&page, &request)?;
    let caller = caller.into_caller();
    let asked = Asked::of(&state, &caller, &page).await?;
    if matches!(format, Format::Table(_)) && asked.service.is_none() {
        return Err(Problem::bad_parameter(
            "service",
            "one service, whose fields are the columns (or service_id, or service_identifier); NDJSON takes any",
        ));
    }
    let (state, shown) = (state.get_ref().clone(), Shown::of(&scope));
    let folder = state.ctx.platform.config.data_dir.clone();
    let database = state.ctx.db.clone();
    let tenancy = caller.tenancy();
    let (plan, filter, caller) = database
        .read::<_, Problem>(tenancy, move |scope| {
            let service = match asked.service {
                Some(id) => replica::service(scope, id)?,
                None => None,
            };
            let filter = asked.seen_by(scope, &caller)?;
            let plan = match (format, service) {
                (Format::Table(layout), Some(service)) => Plan::Table {
                    layout,
                    columns: Columns::of(scope, &service)?,
                    name: file_name(&service),
                },
                // Two names of two services: nothing is of both.
                (Format::Table(_), None) => return Err(Problem::not_found("service")),
                (Format::Lines, _) => Plan::Lines,
            };
            Ok((plan, filter, caller))
        })
        .await?;
    let (table, name, kind) = plan.begin(folder).await?;
    let export = Export {
        state,
        shown,
        caller,
        filter,
        sort: page.sort,
        after: None,
        table,
        stage: Stage::Rows,
    };
    Ok(HttpResponse::Ok()
        .content_type(kind)
        .insert_header((
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ))
        .insert_header(("Cache-Control", "no-store"))
        .streaming(chunks(export)))
}

/// What is to be written.
enum Plan {
    Lines,
    Table {
        layout: Layout,
        columns: Columns,
        name: String,
    },
}

impl Plan {
    /// Begins the file; its name and its media type.
    async fn begin(
        self,
        folder: PathBuf,
    ) -> Result<(Option<Box<Table>>, String, &'static str), Problem> {
        let Self::Table {
            layout,
            columns,
            name,
        } = self
        else {
            return Ok((None, "applications.ndjson".to_owned(), NDJSON));
        };
        let (ending, kind) = match layout {
            Layout::Sheet => ("xlsx", XLSX),
            Layout::Csv if is_archive(layout, &columns) => ("zip", ZIP),
            Layout::Csv => ("csv", CSV),
        };
        let file = format!("{name}.{ending}");
        let table = blocking(move || Table::begin(layout, columns, &name, &folder)).await?;
        Ok((Some(Box::new(table)), file, kind))
    }
}

fn file_name(service: &Service) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    service.slug.chars().map(safe).collect()
}

/// Work that compresses and writes to disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Problem::internal)?
        .map_err(Problem::internal)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Rows,
    End,
    Over,
}

/// An export under way.
struct Export {
    state: State,
    shown: Shown,
    caller: auth::Caller,
    filter: Filter,
    sort: Sort,
    after: Option<(Instant, ApplicationId)>,
    /// `None` where each application is a line.
    table: Option<Box<Table>>,
    stage: Stage,
}

/// The file in pieces, each made when it is asked for.
fn chunks(export: Export) -> impl Stream<Item = Result<Bytes, Problem>> {
    futures::stream::try_unfold(export, |mut export| async move {
        while export.stage != Stage::Over {
            let bytes;
            (export, bytes) = export.step().await.inspect_err(|problem| {
                tracing::error!(cause = problem.for_people(), "an export ended early");
            })?;
            if !bytes.is_empty() {
                return Ok(Some((Bytes::from(bytes), export)));
            }
        }
        Ok(None)
    })
}

impl Export {
    /// Goes on by a batch of applications, or by a piece of the tables that follow. A table is written when the connection to the
    /// database is free again.
    async fn step(mut self) -> Result<(Self, Vec<u8>), Problem> {
        let (mut found, mut lines) = (None, Vec::new());
        if self.stage == Stage::Rows {
            let database = self.state.ctx.db.clone();
            let tenancy = self.caller.tenancy();
            let read = move |scope: &mut TenantScope<'_>| self.batch(scope);
            let batch;
            (self, batch, lines) = database.read::<_, Problem>(tenancy, read).await?;
            found = Some(batch);
        }
        let Some(mut table) = self.table.take() else {
            if found.is_none() {
                self.stage = Stage::Over;
            }
            return Ok((self, lines));
        };
        let (table, more) = blocking(move || {
            let more = match found {
                Some(found) => table.add(&found).map(|()| true)?,
                None => table.finish()?,
            };
            Ok((table, more))
        })
        .await?;
        if !more {
            self.stage = Stage::Over;
        }
        let bytes = table.take();
        self.table = Some(table);
        Ok((self, bytes))
    }

    /// Reads a batch; for lines, what they say.
    fn batch(
        mut self,
        scope: &mut TenantScope<'_>,
    ) -> Result<(Self, Vec<Aggregate>, Vec<u8>), Problem> {
        let rows = list::rows(scope, &self.filter, self.sort, self.after, 0, BATCH)?;
        if i64::try_from(rows.len()).is_ok_and(|found| found < BATCH) {
            self.stage = Stage::End;
        }
        if let Some(last) = rows.last() {
            self.after = Some((last.created_at, last.id));
        }
        let found = Aggregate::page(scope, &self.shown.base, rows)?;
        let mut lines = Vec::new();
        if self.table.is_none() {
            let callers = relations(scope, &found, &self.caller)?;
            for (aggregate, relation) in found.iter().zip(&callers) {
                let one = self.state.show(scope, &self.shown, aggregate, relation)?;
                serde_json::to_writer(&mut lines, &one).map_err(DbError::json)?;
                lines.push(b'\n');
            }
        }
        Ok((self, found, lines))
    }
}
