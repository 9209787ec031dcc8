//! `users`.

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_kernel::auth::{AdministratorOnly, AnyUser, Auth, Caller, Staff};
use opencity_kernel::db::{DbError, Tenancy, TenantScope};
use opencity_kernel::http::{
    ApiVersion, Body, Created, IdempotencyKey, Query, Scope, deleted, modified, patched,
};
use opencity_kernel::id::{ServiceId, UserId};
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{Problem, clock};

use super::user_input::{UserIn, in_words};
use super::user_output::UserOut;
use crate::domain::{User, UserKind, may_delete, may_see, may_write};
use crate::store::user::{self, UserFilter};
use crate::store::{security, service};
use crate::{Core, accounts};

/// The most users of one answer.
const MAX_USERS: i64 = 1000;

#[utoipa::path(
    get, path = "/lang/api/users", operation_id = "identity.user.list", tag = "users",
    summary = "Users; a citizen sees himself",
    description = "Operators and administrators see everybody of the body. Filters are combined.",
    params(
        ("roles" = Option<String>, Query, description = "cps, operatore, admin; several joined by commas", example = "operatore"),
        ("role" = Option<String>, Query, description = "user, operator, admin"),
        ("cf" = Option<String>, Query, description = "Fiscal code in any case: citizens only"),
        ("username" = Option<String>, Query, description = "Operators and administrators only"),
        ("user_group_id" = Option<uuid::Uuid>, Query, description = "Members of this office: operators only"),
        ("limit" = Option<i64>, Query, description = "1 to 1000, which is the default"),
        ("offset" = Option<i64>, Query, description = "Users to pass over, 0 to 100000"),
        ApiVersion,
    ),
    responses(
        (status = 200, body = [UserOut], description = "The users, oldest first"),
        (status = 400, body = ProblemBody, description = "bad-parameter: also filters that exclude each other", content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, description = "unauthenticated", content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, description = "tenant-mismatch", content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn list_users(
    core: web::Data<Core>,
    caller: Auth<AnyUser>,
    version: ApiVersion,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let filter = UserFilter {
        only: caller.is_citizen().then_some(caller.id),
        ..filter_of(&request)?
    };
    let tenancy = caller.tenancy();
    let found = if filter.tax_code.is_some() {
        // The citizen of an application that was just sent is made by its event.
        let find = || async {
            let found = load(&core, tenancy, &filter).await?;
            Ok::<_, Problem>(Some(found).filter(|found| !found.is_empty()))
        };
        let platform = &core.ctx.platform;
        let found = platform.replicated(core.ctx.info.name, find).await?;
        found.unwrap_or_default()
    } else {
        load(&core, tenancy, &filter).await?
    };
    let shown: Vec<UserOut> = found
        .iter()
        .map(|user| UserOut::of(user, version))
        .collect();
    Ok(HttpResponse::Ok().json(shown))
}

async fn load(core: &Core, tenancy: Tenancy, filter: &UserFilter) -> Result<Vec<User>, Problem> {
    let filter = filter.clone();
    Ok(core
        .ctx
        .db
        .read::<_, DbError>(tenancy, move |scope| user::list(scope, &filter))
        .await?)
}

fn filter_of(request: &HttpRequest) -> Result<UserFilter, Problem> {
    let query = Query::of(request)?;
    let mut kinds = Vec::new();
    for word in query
        .parameter("roles")
        .into_iter()
        .flat_map(|words| words.split(','))
    {
        kinds.push(match word.trim() {
            "cps" => UserKind::Citizen,
            "operatore" => UserKind::Operator,
            "admin" => UserKind::Administrator,
            _ => {
                return Err(Problem::bad_parameter(
                    "roles",
                    "cps, operatore and admin, joined by commas",
                ));
            }
        });
    }
    if let Some(word) = query.parameter("role") {
        let kind = UserKind::parse(word)
            .filter(|kind| *kind != UserKind::Platform)
            .ok_or_else(|| Problem::bad_parameter("role", "user, operator or admin"))?;
        if !kinds.is_empty() && !kinds.contains(&kind) {
            return Err(Problem::bad_parameter(
                "role",
                "nothing that roles excludes",
            ));
        }
        kinds = vec![kind];
    }
    let filter = UserFilter {
        only: None,
        tax_code: query.parameter("cf").map(str::to_owned),
        username: query.parameter("username").map(str::to_owned),
        office: query.id("user_group_id")?,
        offset: query.number("offset", 0..=100_000)?.unwrap_or(0),
        limit: query.number("limit", 1..=MAX_USERS)?.unwrap_or(MAX_USERS),
        kinds,
    };
    check_combination(&filter)?;
    Ok(filter)
}

/// A filter that only another kind of user can meet is a mistake of the caller.
fn check_combination(filter: &UserFilter) -> Result<(), Problem> {
    let only = |kinds: &[UserKind]| filter.kinds.iter().all(|kind| kinds.contains(kind));
    if filter.tax_code.is_some()
        && (!only(&[UserKind::Citizen]) || filter.username.is_some() || filter.office.is_some())
    {
        return Err(Problem::bad_parameter(
            "cf",
            "citizens only: leave username and user_group_id out, and ask for role user",
        ));
    }
    if filter.username.is_some() && filter.kinds.contains(&UserKind::Citizen) {
        return Err(Problem::bad_parameter(
            "username",
            "operators and administrators only",
        ));
    }
    if filter.office.is_some() && !only(&[UserKind::Operator]) {
        return Err(Problem::bad_parameter("user_group_id", "operators only"));
    }
    Ok(())
}

#[utoipa::path(
    get, path = "/lang/api/users/{id}", operation_id = "identity.user.get", tag = "users",
    summary = "A user",
    description = "Citizens see themselves only, operators and administrators everybody of the body.",
    params(("id" = UserId, Path, description = "The user"), ApiVersion),
    responses(
        (status = 200, body = UserOut, description = "The user"),
        (status = 401, body = ProblemBody, description = "unauthenticated", content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, description = "forbidden: citizens see themselves only", content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, description = "not-found", content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn get_user(
    core: web::Data<Core>,
    caller: Auth<AnyUser>,
    version: ApiVersion,
    path: web::Path<(String, UserId)>,
) -> Result<HttpResponse, Problem> {
    let found = seen(&core, &caller, path.into_inner().1).await?;
    Ok(HttpResponse::Ok().json(UserOut::of(&found, version)))
}

async fn seen(core: &Core, caller: &Caller, id: UserId) -> Result<User, Problem> {
    let found = core
        .ctx
        .find_replica(caller.tenancy(), move |scope| user::find(scope, id))
        .await?
        .ok_or_else(|| Problem::not_found("user"))?;
    if may_see(caller, &found) {
        Ok(found)
    } else {
        Err(Problem::forbidden("Citizens see only themselves."))
    }
}

#[utoipa::path(
    post, path = "/lang/api/users", operation_id = "identity.user.create", tag = "users",
    summary = "Makes a user: operators make citizens, administrators everybody",
    description = "A citizen is known by the fiscal code, everybody else by the user name.",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body give the same answer"), ApiVersion),
    request_body = UserIn,
    responses(
        (status = 201, body = UserOut, description = "The new user"),
        (status = 401, body = ProblemBody, description = "unauthenticated", content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, description = "forbidden", content_type = "application/problem+json"),
        (status = 409, body = ProblemBody, description = "already-exists: the fiscal code or the user name is taken", content_type = "application/problem+json"),
        (status = 422, body = ProblemBody, description = "validation, unknown-reference", content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn create_user(
    core: web::Data<Core>,
    scope: Scope,
    caller: Auth<Staff>,
    key: IdempotencyKey,
    body: Body<UserIn>,
) -> Result<HttpResponse, Problem> {
    let input = body.value.read()?;
    let made = create(&core, &scope, &caller, key, input, body.hash).await;
    made.map_err(|problem| in_words(scope.version, problem))
}

async fn create(
    core: &Core,
    scope: &Scope,
    caller: &Caller,
    key: IdempotencyKey,
    mut input: UserIn,
    hash_of_body: String,
) -> Result<HttpResponse, Problem> {
    let password = input.password.take();
    let mut new = User::new(
        UserId::new(),
        input.kind()?.unwrap_or_default(),
        clock::now(),
    );
    input.apply(&mut new)?;
    if let (UserKind::Citizen, Some(code)) = (new.kind, &new.tax_code) {
        new.id = accounts::citizen_id(&core.ctx, caller.tenant_id(), code);
    }
    may_write(caller, None, &new, password.is_some())?;
    accounts::check(&core.ctx, &new, None)?;
    known_services(core, caller, &new, None).await?;
    let hash = accounts::hash_new(&core.hasher, password).await?;
    let location = scope.api(&format!("users/{}", new.id));
    let (actor, version) = (caller.id, scope.version);
    key.once(&core.ctx.db, caller, hash_of_body, move |scope| {
        accounts::insert(scope, &new, hash, Some(actor))?;
        Created::new(location, &UserOut::of(&new, version))
    })
    .await
}

#[utoipa::path(
    put, path = "/lang/api/users/{id}", operation_id = "identity.user.replace", tag = "users",
    summary = "Changes a user; the names are needed",
    description = "A citizen changes his own contacts and addresses. What is absent stays as it is, null takes it away.",
    params(("id" = UserId, Path, description = "The user"), ApiVersion),
    request_body = UserIn,
    responses(
        (status = 200, body = [String], description = "Done", example = json!(["Object Modified Successfully"])),
        (status = 401, body = ProblemBody, description = "unauthenticated", content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, description = "forbidden", content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, description = "not-found", content_type = "application/problem+json"),
        (status = 409, body = ProblemBody, description = "already-exists, conflict", content_type = "application/problem+json"),
        (status = 422, body = ProblemBody, description = "validation, unknown-reference", content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn put_user(
    core: web::Data<Core>,
    caller: Auth<AnyUser>,
    version: ApiVersion,
    path: web::Path<(String, UserId)>,
    body: Body<UserIn>,
) -> Result<HttpResponse, Problem> {
    let before = seen(&core, &caller, path.into_inner().1).await?;
    let input = body.value.read()?.named();
    let input = input.map_err(|problem| in_words(version, problem))?;
    let changed = change(&core, &caller, before, input).await;
    changed.map_err(|problem| in_words(version, problem))?;
    Ok(modified())
}

#[utoipa::path(
    patch, path = "/lang/api/users/{id}", operation_id = "identity.user.update", tag = "users",
    summary = "Changes fields of a user",
    description = "Keys that are absent stay as they are. Citizens change only their own contacts and addresses.",
    params(("id" = UserId, Path, description = "The user"), ApiVersion),
    request_body = UserIn,
    responses(
        (status = 200, body = [String], description = "Done", example = json!(["Object Patched Successfully"])),
        (status = 401, body = ProblemBody, description = "unauthenticated", content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, description = "forbidden", content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, description = "not-found", content_type = "application/problem+json"),
        (status = 409, body = ProblemBody, description = "already-exists, conflict", content_type = "application/problem+json"),
        (status = 422, body = ProblemBody, description = "validation, unknown-reference", content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn patch_user(
    core: web::Data<Core>,
    caller: Auth<AnyUser>,
    version: ApiVersion,
    path: web::Path<(String, UserId)>,
    body: Body<UserIn>,
) -> Result<HttpResponse, Problem> {
    let before = seen(&core, &caller, path.into_inner().1).await?;
    let changed = change(&core, &caller, before, body.value.read()?).await;
    changed.map_err(|problem| in_words(version, problem))?;
    Ok(patched())
}

/// The services that an operator is newly enabled for exist.
async fn known_services(
    core: &Core,
    caller: &Caller,
    after: &User,
    before: Option<&User>,
) -> Result<(), Problem> {
    let held = |id| before.is_some_and(|before| before.enabled_services.contains(id));
    let new: Vec<ServiceId> = after
        .enabled_services
        .iter()
        .filter(|id| !held(id))
        .copied()
        .collect();
    if new.is_empty() {
        return Ok(());
    }
    let find =
        move |scope: &mut TenantScope<'_>| Ok(service::all_known(scope, &new)?.then_some(()));
    let known = core.ctx.find_replica(caller.tenancy(), find).await?;
    known.ok_or_else(|| Problem::unknown_reference("enabled_services_ids", "service"))
}

async fn change(
    core: &Core,
    caller: &Caller,
    before: User,
    mut input: UserIn,
) -> Result<(), Problem> {
    let mut after = before.clone();
    after.kind = input.kind()?.unwrap_or(before.kind);
    let password = input.password.take();
    input.apply(&mut after)?;
    may_write(caller, Some(&before), &after, password.is_some())?;
    accounts::check(&core.ctx, &after, Some(&before))?;
    if let (true, Some(code)) = (after.tax_code != before.tax_code, &after.tax_code) {
        // Who knows him by the corrected code only must find the same citizen.
        let alias = accounts::citizen_id(&core.ctx, caller.tenant_id(), code);
        if alias != before.id {
            after.aliases.insert(alias);
        }
    }
    known_services(core, caller, &after, Some(&before)).await?;
    let hash = accounts::hash_new(&core.hasher, password).await?;
    if after != before {
        after.updated_at = clock::now();
    }
    let actor = caller.id;
    core.ctx
        .db
        .write(caller.tenancy(), move |scope| {
            accounts::update(scope, &before, after, hash, Some(actor))
        })
        .await
}

#[utoipa::path(
    delete, path = "/lang/api/users/{id}", operation_id = "identity.user.delete", tag = "users",
    summary = "Deletes a user (administrator)",
    description = "The account can no longer log in; what it did keeps its name.",
    params(("id" = UserId, Path, description = "The user")),
    responses(
        (status = 204, description = "Done"),
        (status = 401, body = ProblemBody, description = "unauthenticated", content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, description = "forbidden", content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, description = "not-found", content_type = "application/problem+json"),
        (status = 409, body = ProblemBody, description = "still-in-use: he leads an office; conflict", content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn delete_user(
    core: web::Data<Core>,
    caller: Auth<AdministratorOnly>,
    path: web::Path<(String, UserId)>,
) -> Result<HttpResponse, Problem> {
    let found = seen(&core, &caller, path.into_inner().1).await?;
    may_delete(&caller, &found)?;
    let actor = caller.id;
    core.ctx
        .db
        .write::<_, Problem>(caller.tenancy(), move |scope| {
            user::delete(scope, &found)?;
            if found.kind.is_staff() {
                security::rights_changed(scope, Some(actor), Some(&found), None)?;
            }
            Ok(())
        })
        .await?;
    Ok(deleted())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use actix_web::test::TestRequest;

    fn filter(query: &str) -> Result<UserFilter, Problem> {
        filter_of(&TestRequest::with_uri(&format!("/lang/api/users?{query}")).to_http_request())
    }

    #[test]
    fn filters_of_different_kinds_exclude_each_other() {
        for query in [
            "cf=X&roles=operatore",
            "cf=X&role=admin",
            "cf=X&username=a",
            "username=a&roles=cps",
            "user_group_id=01943ffe-0680-7438-ae6b-000000000101&roles=admin",
            "roles=cps&role=admin",
            "roles=boss",
            "role=cps",
            "user_group_id=x",
            "limit=0",
            "offset=-1",
        ] {
            assert!(filter(query).is_err(), "{query}");
        }
        for query in [
            "",
            "cf=x",
            "cf=x&roles=cps",
            "cf=x&role=user",
            "username=a&roles=operatore,admin",
            "_=17",
            "roles=",
            "role=operator&roles=operatore",
        ] {
            assert!(filter(query).is_ok(), "{query}");
        }
    }
}
