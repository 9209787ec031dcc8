//! The demo's offices and users.

use opencity_kernel::demo;
use opencity_kernel::id::{OfficeId, ServiceId, UserId};
use opencity_kernel::module::StartError;
use opencity_kernel::{Problem, clock};
use serde::Deserialize;

use crate::domain::{Office, User, UserKind, date_of};
use crate::store::{office, user};
use crate::{Core, accounts};

#[derive(Deserialize)]
struct Demo {
    password: String,
    offices: Vec<DemoOffice>,
    users: Vec<DemoUser>,
}

#[derive(Deserialize)]
struct DemoOffice {
    id: OfficeId,
    name: String,
    short_description: String,
}

#[derive(Deserialize)]
struct DemoUser {
    id: Option<UserId>,
    username: String,
    role: String,
    #[serde(default)]
    system_user: bool,
    given_name: String,
    family_name: String,
    tax_code: Option<String>,
    email: String,
    mobile_phone: Option<String>,
    date_of_birth: Option<String>,
    place_of_birth: Option<String>,
    county_of_birth: Option<String>,
    gender: Option<String>,
    #[serde(default)]
    enabled_services_ids: Vec<ServiceId>,
    #[serde(default)]
    user_groups_ids: Vec<OfficeId>,
}

pub(crate) async fn seed(core: &Core) -> Result<(), StartError> {
    let failed = |problem: Problem| StartError::new("the demo's users cannot be made", problem);
    let part: Demo = demo::read()?;
    let tenancy = demo::tenancy()?;
    let db = &core.ctx.db;
    for it in part.offices {
        db.write(tenancy, move |scope| {
            if office::find(scope, it.id)?.is_some() {
                return Ok(());
            }
            let mut new = Office::new(it.id, it.name, clock::now());
            new.short_description = Some(it.short_description);
            office::insert(scope, &new)
        })
        .await
        .map_err(failed)?;
    }
    for it in part.users {
        let kind = UserKind::parse(&it.role).ok_or_else(|| {
            StartError(format!("config/demo.toml: the role {} is unknown", it.role))
        })?;
        let id = match (it.id, &it.tax_code) {
            (Some(id), _) => id,
            (None, Some(code)) => accounts::citizen_id(&core.ctx, tenancy.tenant_id(), code),
            (None, None) => {
                return Err(StartError(
                    "config/demo.toml: a user has neither id nor tax_code".to_owned(),
                ));
            }
        };
        // Looked for before the password is hashed, which takes time.
        if db
            .read(tenancy, move |scope| user::find(scope, id))
            .await?
            .is_some()
        {
            continue;
        }
        let mut new = User::new(id, kind, clock::now());
        new.username = kind.is_staff().then_some(it.username);
        new.system_user = it.system_user;
        new.given_name = Some(it.given_name);
        new.family_name = Some(it.family_name);
        new.tax_code = it.tax_code;
        new.email = Some(it.email);
        new.mobile_phone = it.mobile_phone;
        new.date_of_birth = it.date_of_birth.as_deref().and_then(date_of);
        new.place_of_birth = it.place_of_birth;
        new.county_of_birth = it.county_of_birth;
        new.gender = it.gender;
        new.enabled_services = it.enabled_services_ids.into_iter().collect();
        new.offices = it.user_groups_ids.into_iter().collect();
        let hash = core
            .hasher
            .hash(part.password.clone().into())
            .await
            .map_err(failed)?;
        db.write(tenancy, move |scope| match user::find(scope, new.id)? {
            Some(_) => Ok(()),
            None => accounts::insert(scope, &new, Some(hash), None),
        })
        .await
        .map_err(failed)?;
    }
    Ok(())
}
