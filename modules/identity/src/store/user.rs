//! Users: rows, and the events that tell of them.

use std::collections::BTreeSet;

use diesel::prelude::*;
use opencity_contracts::Topic;
use opencity_contracts::user::UserEventReason;
use opencity_kernel::db::{
    Boxed, Columns, Database, DbError, DbResult, Tenancy, TenantScope, WriteScope,
};
use opencity_kernel::events::{Change, NewEvent};
use opencity_kernel::id::{OfficeId, TenantId, UserId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;
use opencity_kernel::{FieldProblem, Problem, ProblemKind};

use super::office::in_use;
use super::schema::{
    identity_alias, identity_credential, identity_membership, identity_office, identity_user,
};
use crate::domain::{User, UserKind};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = identity_user, primary_key(tenant_id, id), treat_none_as_null = true)]
struct Row {
    tenant_id: TenantId,
    id: UserId,
    kind: String,
    username: Option<String>,
    username_key: Option<String>,
    enabled: bool,
    system_user: bool,
    anonymous: bool,
    tax_code: Option<String>,
    spid_code: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    email: Option<String>,
    mobile_phone: Option<String>,
    telephone: Option<String>,
    gender: Option<String>,
    date_of_birth: Option<Instant>,
    place_of_birth: Option<String>,
    birth_code: Option<String>,
    county_of_birth: Option<String>,
    country_of_birth: Option<String>,
    domicile: Json,
    residency: Json,
    enabled_services: Json,
    offices: Json,
    aliases: Json,
    last_login_at: Option<Instant>,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
}
opencity_kernel::tenant_rows!(Row);

impl Row {
    fn of(tenant_id: TenantId, user: &User) -> DbResult<Self> {
        let user = user.clone();
        Ok(Self {
            tenant_id,
            id: user.id,
            kind: user.kind.word().to_owned(),
            username_key: user.username.as_deref().map(name_key),
            username: user.username,
            enabled: user.enabled,
            system_user: user.system_user,
            anonymous: user.anonymous,
            tax_code: user.tax_code,
            spid_code: user.spid_code,
            given_name: user.given_name,
            family_name: user.family_name,
            email: user.email,
            mobile_phone: user.mobile_phone,
            telephone: user.telephone,
            gender: user.gender,
            date_of_birth: user.date_of_birth,
            place_of_birth: user.place_of_birth,
            birth_code: user.birth_code,
            county_of_birth: user.county_of_birth,
            country_of_birth: user.country_of_birth,
            domicile: Json::of(&user.domicile)?,
            residency: Json::of(&user.residency)?,
            enabled_services: Json::of(&user.enabled_services)?,
            offices: Json::of(&user.offices)?,
            aliases: Json::of(&user.aliases)?,
            last_login_at: user.last_login_at,
            version: user.version,
            created_at: user.created_at,
            updated_at: user.updated_at,
        })
    }

    fn read(self) -> DbResult<User> {
        Ok(User {
            id: self.id,
            kind: UserKind::parse(&self.kind)
                .ok_or_else(|| DbError::malformed("a user's kind is unknown"))?,
            username: self.username,
            enabled: self.enabled,
            system_user: self.system_user,
            anonymous: self.anonymous,
            tax_code: self.tax_code,
            spid_code: self.spid_code,
            given_name: self.given_name,
            family_name: self.family_name,
            email: self.email,
            mobile_phone: self.mobile_phone,
            telephone: self.telephone,
            gender: self.gender,
            date_of_birth: self.date_of_birth,
            place_of_birth: self.place_of_birth,
            birth_code: self.birth_code,
            county_of_birth: self.county_of_birth,
            country_of_birth: self.country_of_birth,
            domicile: self.domicile.read()?,
            residency: self.residency.read()?,
            enabled_services: self.enabled_services.read()?,
            offices: self.offices.read()?,
            aliases: self.aliases.read()?,
            last_login_at: self.last_login_at,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

/// What makes a user name unique: its case does not count.
fn name_key(username: &str) -> String {
    username.trim().to_lowercase()
}

/// A user by his id, or by one of its aliases.
pub(crate) fn find(scope: &mut TenantScope<'_>, id: UserId) -> DbResult<Option<User>> {
    let by_id = |scope: &mut TenantScope<'_>, id: UserId| -> DbResult<Option<User>> {
        let row: Option<Row> = scope.find(identity_user::table, |rows| {
            rows.filter(identity_user::id.eq(id)).select(Row::columns())
        })?;
        row.map(Row::read).transpose()
    };
    if let Some(user) = by_id(scope, id)? {
        return Ok(Some(user));
    }
    let first: Option<UserId> = scope.find(identity_alias::table, |rows| {
        rows.filter(identity_alias::alias.eq(id))
            .select(identity_alias::user_id)
    })?;
    first.map_or(Ok(None), |id| by_id(scope, id))
}

/// The operator or administrator of a user name, whatever its case.
pub(crate) fn by_username(scope: &mut TenantScope<'_>, username: &str) -> DbResult<Option<User>> {
    let key = name_key(username);
    let row: Option<Row> = scope.find(identity_user::table, |rows| {
        rows.filter(identity_user::username_key.eq(key))
            .select(Row::columns())
    })?;
    row.map(Row::read).transpose()
}

/// The citizen of a fiscal code, whatever its case.
pub(crate) fn by_tax_code(scope: &mut TenantScope<'_>, code: &str) -> DbResult<Option<User>> {
    let code = code.trim().to_uppercase();
    let row: Option<Row> = scope.find(identity_user::table, |rows| {
        rows.filter(identity_user::tax_code.eq(code))
            .select(Row::columns())
    })?;
    row.map(Row::read).transpose()
}

/// Which users a list shows. Anonymous citizens are in none but their own.
#[derive(Debug, Clone, Default)]
pub(crate) struct UserFilter {
    /// Nobody else than this one.
    pub(crate) only: Option<UserId>,
    /// Of these kinds; of all if empty.
    pub(crate) kinds: Vec<UserKind>,
    pub(crate) tax_code: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) office: Option<OfficeId>,
    pub(crate) offset: i64,
    pub(crate) limit: i64,
}

/// Users, oldest first.
pub(crate) fn list(scope: &mut TenantScope<'_>, filter: &UserFilter) -> DbResult<Vec<User>> {
    let members: Option<Vec<UserId>> = match filter.office {
        None => None,
        Some(office) => Some(scope.load(identity_membership::table, |rows| {
            rows.filter(identity_membership::office_id.eq(office))
                .select(identity_membership::user_id)
        })?),
    };
    let rows: Vec<Row> = scope.load(identity_user::table, |rows| {
        let mut rows = rows.into_boxed();
        rows = match filter.only {
            Some(only) => rows.filter(identity_user::id.eq(only)),
            None => rows.filter(identity_user::anonymous.eq(false)),
        };
        if !filter.kinds.is_empty() {
            let kinds: Vec<&'static str> = filter.kinds.iter().map(|kind| kind.word()).collect();
            rows = rows.filter(identity_user::kind.eq_any(kinds));
        }
        if let Some(code) = &filter.tax_code {
            rows = rows.filter(identity_user::tax_code.eq(code.trim().to_uppercase()));
        }
        if let Some(name) = &filter.username {
            rows = rows.filter(identity_user::username_key.eq(name_key(name)));
        }
        if let Some(members) = members {
            rows = rows.filter(identity_user::id.eq_any(members));
        }
        Boxed(
            rows.order((identity_user::created_at, identity_user::id))
                .offset(filter.offset)
                .limit(filter.limit)
                .select(Row::columns()),
        )
    })?;
    rows.into_iter().map(Row::read).collect()
}

/// Writes a new user and tells so.
pub(crate) fn insert(scope: &mut WriteScope<'_>, user: &User) -> Result<(), Problem> {
    known_offices(scope, &user.offices)?;
    let row = Row::of(scope.tenant_id(), user)?;
    scope
        .insert(identity_user::table, &row)
        .map_err(|error| taken(error, user))?;
    members(scope, user)?;
    aliases(scope, user)?;
    Ok(emit(
        scope,
        user,
        UserEventReason::Created,
        Change::created(),
    )?)
}

/// Writes a new citizen unless he is there already; whether he was written.
pub(crate) fn insert_if_absent(scope: &mut WriteScope<'_>, user: &User) -> DbResult<bool> {
    let row = Row::of(scope.tenant_id(), user)?;
    if !scope.insert_if_absent(identity_user::table, &row)? {
        return Ok(false);
    }
    emit(scope, user, UserEventReason::Created, Change::created())?;
    Ok(true)
}

/// Writes what became of a user and tells so; gives him back with his new version.
pub(crate) fn update(
    scope: &mut WriteScope<'_>,
    before: &User,
    after: User,
    reason: UserEventReason,
) -> Result<User, Problem> {
    let after = User {
        version: before.version + 1,
        ..after
    };
    if before.offices != after.offices {
        known_offices(scope, &after.offices)?;
    }
    let row = Row::of(scope.tenant_id(), &after)?;
    scope
        .execute_one(identity_user::table, |rows| {
            diesel::update(
                rows.filter(identity_user::id.eq(before.id))
                    .filter(identity_user::version.eq(before.version)),
            )
            .set(&row)
        })
        .map_err(|error| taken(error, &after))?;
    if before.offices != after.offices {
        members(scope, &after)?;
    }
    if before.aliases != after.aliases {
        aliases(scope, &after)?;
    }
    emit(scope, &after, reason, Change::data())?;
    Ok(after)
}

/// Notes a login that changes nothing else.
pub(crate) fn logged_in(scope: &mut WriteScope<'_>, id: UserId, now: Instant) -> DbResult<()> {
    scope.execute(identity_user::table, |rows| {
        diesel::update(rows.filter(identity_user::id.eq(id)))
            .set(identity_user::last_login_at.eq(now))
    })?;
    Ok(())
}

/// Takes a user away who leads no office, and tells so.
pub(crate) fn delete(scope: &mut WriteScope<'_>, user: &User) -> Result<(), Problem> {
    let led: Option<OfficeId> = scope.find(identity_office::table, |rows| {
        rows.filter(identity_office::manager_id.eq(user.id))
            .select(identity_office::id)
            .limit(1)
    })?;
    if led.is_some() {
        return Err(in_use(
            "The user leads an office. Give it another manager first.",
        ));
    }
    scope.execute_one(identity_user::table, |rows| {
        diesel::delete(
            rows.filter(identity_user::id.eq(user.id))
                .filter(identity_user::version.eq(user.version)),
        )
    })?;
    scope.execute(identity_membership::table, |rows| {
        diesel::delete(rows.filter(identity_membership::user_id.eq(user.id)))
    })?;
    scope.execute(identity_alias::table, |rows| {
        diesel::delete(rows.filter(identity_alias::user_id.eq(user.id)))
    })?;
    scope.execute(identity_credential::table, |rows| {
        diesel::delete(rows.filter(identity_credential::user_id.eq(user.id)))
    })?;
    let gone = User {
        version: user.version + 1,
        ..user.clone()
    };
    Ok(emit(
        scope,
        &gone,
        UserEventReason::Deleted,
        Change::deleted(),
    )?)
}

/// Tells the present state of every user once more, a page at a time.
pub(crate) async fn republish(db: &Database) -> DbResult<u64> {
    const PAGE: i64 = 500;
    let mut after: Option<(TenantId, UserId)> = None;
    let mut count = 0;
    loop {
        let from = after;
        let page: Vec<(TenantId, UserId)> = db
            .read_across("the present state of every user", move |platform| {
                let mut rows = identity_user::table
                    .order((identity_user::tenant_id, identity_user::id))
                    .limit(PAGE)
                    .select((identity_user::tenant_id, identity_user::id))
                    .into_boxed();
                if let Some((tenant, id)) = from {
                    rows = rows.filter(
                        identity_user::tenant_id
                            .gt(tenant)
                            .or(identity_user::tenant_id
                                .eq(tenant)
                                .and(identity_user::id.gt(id))),
                    );
                }
                platform.load(Boxed(rows))
            })
            .await?;
        let Some(last) = page.last().copied() else {
            return Ok(count);
        };
        after = Some(last);
        for (tenant, id) in page {
            let written = db
                .write(Tenancy::from_row(tenant), move |scope| {
                    match find(scope, id)? {
                        Some(user) => {
                            emit(
                                scope,
                                &user,
                                UserEventReason::Changed,
                                Change::republished(),
                            )?;
                            Ok::<_, DbError>(true)
                        }
                        None => Ok(false),
                    }
                })
                .await?;
            count += u64::from(written);
        }
    }
}

fn known_offices(scope: &mut WriteScope<'_>, wanted: &BTreeSet<OfficeId>) -> Result<(), Problem> {
    if wanted.is_empty() {
        return Ok(());
    }
    let ids: Vec<OfficeId> = wanted.iter().copied().collect();
    let known: Vec<OfficeId> = scope.load(identity_office::table, |rows| {
        rows.filter(identity_office::id.eq_any(ids))
            .select(identity_office::id)
    })?;
    if known.len() == wanted.len() {
        Ok(())
    } else {
        Err(Problem::unknown_reference("user_groups_ids", "office"))
    }
}

#[derive(Insertable)]
#[diesel(table_name = identity_membership)]
struct MemberRow {
    tenant_id: TenantId,
    office_id: OfficeId,
    user_id: UserId,
}
opencity_kernel::tenant_rows!(MemberRow);

fn members(scope: &mut WriteScope<'_>, user: &User) -> DbResult<()> {
    scope.execute(identity_membership::table, |rows| {
        diesel::delete(rows.filter(identity_membership::user_id.eq(user.id)))
    })?;
    for office in &user.offices {
        let row = MemberRow {
            tenant_id: scope.tenant_id(),
            office_id: *office,
            user_id: user.id,
        };
        scope.insert(identity_membership::table, &row)?;
    }
    Ok(())
}

#[derive(Insertable)]
#[diesel(table_name = identity_alias)]
struct AliasRow {
    tenant_id: TenantId,
    alias: UserId,
    user_id: UserId,
}
opencity_kernel::tenant_rows!(AliasRow);

fn aliases(scope: &mut WriteScope<'_>, user: &User) -> DbResult<()> {
    for alias in &user.aliases {
        let row = AliasRow {
            tenant_id: scope.tenant_id(),
            alias: *alias,
            user_id: user.id,
        };
        scope.insert_if_absent(identity_alias::table, &row)?;
    }
    Ok(())
}

fn emit(
    scope: &mut WriteScope<'_>,
    user: &User,
    reason: UserEventReason,
    change: Change,
) -> DbResult<()> {
    let body = serde_json::to_value(user.to_event(reason)).map_err(DbError::json)?;
    scope.emit(NewEvent::new(
        Topic::Users,
        user.id,
        user.id,
        user.version,
        change,
        body,
    ))?;
    Ok(())
}

/// Which value somebody else has already. A citizen's id follows from his fiscal code.
fn taken(error: DbError, user: &User) -> Problem {
    let DbError::Duplicate(constraint) = &error else {
        return error.into();
    };
    let field = if constraint.contains("username") {
        "username"
    } else if user.kind == UserKind::Citizen {
        "tax_code"
    } else {
        "id"
    };
    Problem::new(
        ProblemKind::AlreadyExists,
        "Another user of this body has the value of the field named in errors.",
    )
    .with_errors(vec![FieldProblem {
        field: field.to_owned(),
        code: "taken".to_owned(),
        message: "Another user of this body has this value.".to_owned(),
    }])
}
