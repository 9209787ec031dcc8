//! Users, as the two versions of the API show them (`core-api.md` §6).

use opencity_contracts::user::Address;
use opencity_kernel::http::ApiVersion;
use opencity_kernel::id::{OfficeId, ServiceId, UserId};
use opencity_kernel::instant::Instant;
use serde::Serialize;
use utoipa::ToSchema;

use super::user_input::AddressDto;
use crate::domain::{User, placeholder_mail};

/// A user: version 1 in Italian words, version 2 in English ones.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum UserOut {
    /// Version 1, a citizen.
    CitizenOne(Box<CitizenOne>),
    /// Version 1, an operator or administrator.
    StaffOne(StaffOne),
    /// Version 2, a citizen.
    CitizenTwo(Box<CitizenTwo>),
    /// Version 2, an operator or administrator.
    StaffTwo(StaffTwo),
}

impl UserOut {
    pub(super) fn of(user: &User, version: ApiVersion) -> Self {
        match (version, user.kind.is_staff()) {
            (ApiVersion::One, false) => Self::CitizenOne(Box::new(CitizenOne::of(user))),
            (ApiVersion::One, true) => Self::StaffOne(StaffOne::of(user)),
            (ApiVersion::Two, false) => Self::CitizenTwo(Box::new(CitizenTwo::of(user))),
            (ApiVersion::Two, true) => Self::StaffTwo(StaffTwo::of(user)),
        }
    }
}

fn mail_of(user: &User) -> Option<String> {
    Some(
        user.email
            .clone()
            .unwrap_or_else(|| placeholder_mail(user.id, user.anonymous)),
    )
}

/// A citizen in version 1.
#[derive(Serialize, ToSchema)]
pub(super) struct CitizenOne {
    id: UserId,
    #[schema(max_length = 10, example = "user")]
    role: &'static str,
    #[schema(max_length = 180)]
    nome: Option<String>,
    #[schema(max_length = 180)]
    cognome: Option<String>,
    #[schema(max_length = 361)]
    full_name: Option<String>,
    #[schema(max_length = 180)]
    cellulare: Option<String>,
    #[schema(max_length = 180)]
    email: Option<String>,
    #[schema(max_length = 16, example = "RSSMRA80A01H501U")]
    codice_fiscale: Option<String>,
    data_nascita: Option<Instant>,
    #[schema(max_length = 180)]
    luogo_nascita: Option<String>,
    #[schema(max_length = 180)]
    codice_nascita: Option<String>,
    #[schema(max_length = 180)]
    provincia_nascita: Option<String>,
    #[schema(max_length = 180)]
    stato_nascita: Option<String>,
    #[schema(max_length = 180)]
    sesso: Option<String>,
    #[schema(max_length = 180)]
    telefono: Option<String>,
    #[schema(max_length = 255)]
    indirizzo_domicilio: Option<String>,
    #[schema(max_length = 255)]
    cap_domicilio: Option<String>,
    #[schema(max_length = 255)]
    citta_domicilio: Option<String>,
    #[schema(max_length = 255)]
    provincia_domicilio: Option<String>,
    #[schema(max_length = 255)]
    stato_domicilio: Option<String>,
    #[schema(max_length = 255)]
    indirizzo_residenza: Option<String>,
    #[schema(max_length = 255)]
    cap_residenza: Option<String>,
    #[schema(max_length = 255)]
    citta_residenza: Option<String>,
    #[schema(max_length = 255)]
    provincia_residenza: Option<String>,
    #[schema(max_length = 255)]
    stato_residenza: Option<String>,
}

impl CitizenOne {
    fn of(user: &User) -> Self {
        let it = user.clone();
        let Address {
            address,
            country,
            county,
            municipality,
            post_code,
        } = it.domicile;
        let residency = it.residency;
        Self {
            id: user.id,
            role: user.kind.word(),
            full_name: user.full_name(),
            email: mail_of(user),
            nome: it.given_name,
            cognome: it.family_name,
            cellulare: it.mobile_phone,
            codice_fiscale: it.tax_code,
            data_nascita: it.date_of_birth,
            luogo_nascita: it.place_of_birth,
            codice_nascita: it.birth_code,
            provincia_nascita: it.county_of_birth,
            stato_nascita: it.country_of_birth,
            sesso: it.gender,
            telefono: it.telephone,
            indirizzo_domicilio: address,
            cap_domicilio: post_code,
            citta_domicilio: municipality,
            provincia_domicilio: county,
            stato_domicilio: country,
            indirizzo_residenza: residency.address,
            cap_residenza: residency.post_code,
            citta_residenza: residency.municipality,
            provincia_residenza: residency.county,
            stato_residenza: residency.country,
        }
    }
}

/// An operator or administrator in version 1.
#[derive(Serialize, ToSchema)]
pub(super) struct StaffOne {
    id: UserId,
    #[schema(max_length = 10, example = "operator")]
    role: &'static str,
    #[schema(max_length = 180)]
    nome: Option<String>,
    #[schema(max_length = 180)]
    cognome: Option<String>,
    #[schema(max_length = 361)]
    full_name: Option<String>,
    #[schema(max_length = 180)]
    cellulare: Option<String>,
    #[schema(max_length = 180)]
    email: Option<String>,
    #[schema(max_length = 180)]
    telefono: Option<String>,
    #[schema(max_length = 180)]
    username: Option<String>,
    enabled: bool,
    system_user: bool,
    #[schema(max_items = 10000)]
    enabled_services_ids: Vec<ServiceId>,
    #[schema(max_items = 10000)]
    user_groups_ids: Vec<OfficeId>,
}

impl StaffOne {
    fn of(user: &User) -> Self {
        Self {
            id: user.id,
            role: user.kind.word(),
            nome: user.given_name.clone(),
            cognome: user.family_name.clone(),
            full_name: user.full_name(),
            cellulare: user.mobile_phone.clone(),
            email: user.email.clone(),
            telefono: user.telephone.clone(),
            username: user.username.clone(),
            enabled: user.enabled,
            system_user: user.system_user,
            enabled_services_ids: user.enabled_services.iter().copied().collect(),
            user_groups_ids: user.offices.iter().copied().collect(),
        }
    }
}

/// A citizen in version 2.
#[derive(Serialize, ToSchema)]
pub(super) struct CitizenTwo {
    id: UserId,
    #[schema(max_length = 10, example = "user")]
    role: &'static str,
    #[schema(max_length = 180)]
    given_name: Option<String>,
    #[schema(max_length = 180)]
    family_name: Option<String>,
    #[schema(max_length = 361)]
    full_name: Option<String>,
    #[schema(max_length = 180)]
    email: Option<String>,
    #[schema(max_length = 180)]
    mobile_phone: Option<String>,
    #[schema(max_length = 180)]
    telephone: Option<String>,
    #[schema(max_length = 16, example = "RSSMRA80A01H501U")]
    tax_code: Option<String>,
    date_of_birth: Option<Instant>,
    #[schema(max_length = 180)]
    place_of_birth: Option<String>,
    #[schema(max_length = 180)]
    county_of_birth: Option<String>,
    #[schema(max_length = 180)]
    country_of_birth: Option<String>,
    #[schema(max_length = 180)]
    gender: Option<String>,
    domicile: AddressDto,
    residency: AddressDto,
    #[schema(max_length = 180)]
    spid_code: Option<String>,
    created_at: Instant,
    updated_at: Instant,
}

impl CitizenTwo {
    fn of(user: &User) -> Self {
        let it = user.clone();
        Self {
            id: user.id,
            role: user.kind.word(),
            full_name: user.full_name(),
            email: mail_of(user),
            given_name: it.given_name,
            family_name: it.family_name,
            mobile_phone: it.mobile_phone,
            telephone: it.telephone,
            tax_code: it.tax_code,
            date_of_birth: it.date_of_birth,
            place_of_birth: it.place_of_birth,
            county_of_birth: it.county_of_birth,
            country_of_birth: it.country_of_birth,
            gender: it.gender,
            domicile: AddressDto::of(it.domicile),
            residency: AddressDto::of(it.residency),
            spid_code: it.spid_code,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

/// An operator or administrator in version 2.
#[derive(Serialize, ToSchema)]
pub(super) struct StaffTwo {
    id: UserId,
    #[schema(max_length = 180)]
    username: Option<String>,
    #[schema(max_length = 180)]
    email: Option<String>,
    #[schema(max_length = 180)]
    given_name: Option<String>,
    #[schema(max_length = 180)]
    family_name: Option<String>,
    #[schema(max_length = 361)]
    full_name: Option<String>,
    #[schema(max_length = 10, example = "operator")]
    role: &'static str,
    enabled: bool,
    system_user: bool,
    #[schema(max_items = 10000)]
    enabled_services_ids: Vec<ServiceId>,
    #[schema(max_items = 10000)]
    user_groups_ids: Vec<OfficeId>,
    created_at: Instant,
    updated_at: Instant,
}

impl StaffTwo {
    fn of(user: &User) -> Self {
        Self {
            id: user.id,
            username: user.username.clone(),
            email: user.email.clone(),
            given_name: user.given_name.clone(),
            family_name: user.family_name.clone(),
            full_name: user.full_name(),
            role: user.kind.word(),
            enabled: user.enabled,
            system_user: user.system_user,
            enabled_services_ids: user.enabled_services.iter().copied().collect(),
            user_groups_ids: user.offices.iter().copied().collect(),
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}
