//! A user, as the API takes him: Italian and English words alike, so that what either version showed can be sent back.

use opencity_contracts::user::Address;
use opencity_kernel::Problem;
use opencity_kernel::http::{ApiVersion, given};
use opencity_kernel::id::{OfficeId, ServiceId};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{User, UserKind, date_of, placeholder_mail};

/// An address of a citizen.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct AddressDto {
    /// Street and number.
    #[schema(max_length = 255)]
    address: Option<String>,
    /// Country.
    #[schema(max_length = 255)]
    country: Option<String>,
    /// Province.
    #[schema(max_length = 255)]
    county: Option<String>,
    /// Town.
    #[schema(max_length = 255)]
    municipality: Option<String>,
    /// Postal code.
    #[schema(max_length = 255)]
    post_code: Option<String>,
}

impl AddressDto {
    pub(super) fn of(it: Address) -> Self {
        Self {
            address: it.address,
            country: it.country,
            county: it.county,
            municipality: it.municipality,
            post_code: it.post_code,
        }
    }

    fn into_contract(self) -> Address {
        Address {
            address: filled(self.address),
            country: filled(self.country),
            county: filled(self.county),
            municipality: filled(self.municipality),
            post_code: filled(self.post_code),
        }
    }
}

/// A text of which `null` and absence are told apart.
type Given = Option<Option<String>>;

/// A user to be made or changed. What is absent stays as it is; `null` takes a value away.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({"nome": "Mario", "cognome": "Rossi", "codice_fiscale": "RSSMRA80A01H501U", "email": "mario.rossi@example.org"}))]
pub(super) struct UserIn {
    /// `user`, `operator`, `admin`, `platform`; only when he is made. Absent = `user`.
    #[schema(max_length = 10)]
    #[serde(default)]
    role: Option<String>,
    /// First name.
    #[serde(alias = "nome", default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 180)]
    given_name: Given,
    /// Family name.
    #[serde(alias = "cognome", default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 180)]
    family_name: Given,
    /// Fiscal code, of citizens.
    #[serde(alias = "codice_fiscale", default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 16)]
    tax_code: Given,
    /// Code at the identity provider.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 180)]
    spid_code: Given,
    /// E-mail.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 180)]
    email: Given,
    /// Mobile phone.
    #[serde(alias = "cellulare", default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 180)]
    mobile_phone: Given,
    /// Telephone.
    #[serde(alias = "telefono", default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 180)]
    telephone: Given,
    /// Gender, as the identity provider says.
    #[serde(alias = "sesso", default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 180)]
    gender: Given,
    /// `1980-01-31`, or a time with offset.
    #[serde(alias = "data_nascita", default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 40)]
    date_of_birth: Given,
    /// Birth: where.
    #[serde(alias = "luogo_nascita", default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 180)]
    place_of_birth: Given,
    /// Birth: cadastral code of the place.
    #[serde(alias = "codice_nascita", default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 180)]
    birth_code: Given,
    /// Birth: province.
    #[serde(alias = "provincia_nascita", default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 180)]
    county_of_birth: Given,
    /// Birth: country.
    #[serde(alias = "stato_nascita", default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 180)]
    country_of_birth: Given,
    /// Where he lives.
    #[serde(default)]
    domicile: Option<AddressDto>,
    /// Where he is registered.
    #[serde(default)]
    residency: Option<AddressDto>,
    /// Where he lives, in version 1: street and number.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 255)]
    indirizzo_domicilio: Given,
    /// Where he lives, in version 1: postal code.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 255)]
    cap_domicilio: Given,
    /// Where he lives, in version 1: town.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 255)]
    citta_domicilio: Given,
    /// Where he lives, in version 1: province.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 255)]
    provincia_domicilio: Given,
    /// Where he lives, in version 1: country.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 255)]
    stato_domicilio: Given,
    /// Where he is registered, in version 1: street and number.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 255)]
    indirizzo_residenza: Given,
    /// Where he is registered, in version 1: postal code.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 255)]
    cap_residenza: Given,
    /// Where he is registered, in version 1: town.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 255)]
    citta_residenza: Given,
    /// Where he is registered, in version 1: province.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 255)]
    provincia_residenza: Given,
    /// Where he is registered, in version 1: country.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 255)]
    stato_residenza: Given,
    /// Of operators and administrators.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 180)]
    username: Given,
    /// A new password; only administrators set it.
    #[schema(value_type = Option<String>, max_length = 256, format = Password)]
    #[serde(default)]
    pub(super) password: Option<SecretString>,
    /// Whether an operator or administrator may log in.
    #[serde(default)]
    enabled: Option<bool>,
    /// An operator for integrations by API.
    #[serde(default)]
    system_user: Option<bool>,
    /// Services whose applications an operator works.
    #[schema(max_items = 10000)]
    #[serde(default)]
    enabled_services_ids: Option<Vec<ServiceId>>,
    /// Offices that an operator is a member of.
    #[schema(max_items = 10000)]
    #[serde(default)]
    user_groups_ids: Option<Vec<OfficeId>>,
}

/// The words of version 1 for those of version 2.
const WORDS: [(&str, &str); 21] = [
    ("given_name", "nome"),
    ("family_name", "cognome"),
    ("tax_code", "codice_fiscale"),
    ("mobile_phone", "cellulare"),
    ("telephone", "telefono"),
    ("gender", "sesso"),
    ("date_of_birth", "data_nascita"),
    ("place_of_birth", "luogo_nascita"),
    ("birth_code", "codice_nascita"),
    ("county_of_birth", "provincia_nascita"),
    ("country_of_birth", "stato_nascita"),
    ("domicile.address", "indirizzo_domicilio"),
    ("domicile.post_code", "cap_domicilio"),
    ("domicile.municipality", "citta_domicilio"),
    ("domicile.county", "provincia_domicilio"),
    ("domicile.country", "stato_domicilio"),
    ("residency.address", "indirizzo_residenza"),
    ("residency.post_code", "cap_residenza"),
    ("residency.municipality", "citta_residenza"),
    ("residency.county", "provincia_residenza"),
    ("residency.country", "stato_residenza"),
];

/// Names the fields of a problem as a version of the API does.
pub(super) fn in_words(version: ApiVersion, problem: Problem) -> Problem {
    if version == ApiVersion::Two {
        return problem;
    }
    problem.in_words(|field| {
        let known = WORDS.iter().find(|(two, _)| *two == field);
        known.map_or(field, |(_, one)| one).to_owned()
    })
}

/// A blank text is no value.
fn filled(value: Option<String>) -> Option<String> {
    value
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}

fn set(to: &mut Option<String>, value: Given) {
    if let Some(value) = value {
        *to = filled(value);
    }
}

impl UserIn {
    /// What he is to be.
    ///
    /// # Errors
    /// `validation` if the word is unknown.
    pub(super) fn kind(&self) -> Result<Option<UserKind>, Problem> {
        self.role
            .as_deref()
            .map(|word| {
                UserKind::parse(word).ok_or_else(|| {
                    Problem::field("role", "value", "Give user, operator, admin or platform.")
                })
            })
            .transpose()
    }

    /// PUT needs the names.
    ///
    /// # Errors
    /// `validation`.
    pub(super) fn named(self) -> Result<Self, Problem> {
        for (field, value) in [
            ("given_name", &self.given_name),
            ("family_name", &self.family_name),
        ] {
            if value.is_none() {
                return Err(Problem::field(
                    field,
                    "required",
                    "Give this field a value.",
                ));
            }
        }
        Ok(self)
    }

    /// Puts it onto a user. Rights are of operators and administrators only; the rules check the rest.
    ///
    /// # Errors
    /// `validation` if the date of birth is none.
    pub(super) fn apply(self, user: &mut User) -> Result<(), Problem> {
        set(&mut user.given_name, self.given_name);
        set(&mut user.family_name, self.family_name);
        set(&mut user.spid_code, self.spid_code);
        set(&mut user.mobile_phone, self.mobile_phone);
        set(&mut user.telephone, self.telephone);
        set(&mut user.gender, self.gender);
        set(&mut user.place_of_birth, self.place_of_birth);
        set(&mut user.birth_code, self.birth_code);
        set(&mut user.county_of_birth, self.county_of_birth);
        set(&mut user.country_of_birth, self.country_of_birth);
        // What stands for a missing address comes back with an object that was read.
        let placeholder = placeholder_mail(user.id, user.anonymous);
        set(
            &mut user.email,
            self.email
                .map(|mail| mail.filter(|mail| *mail != placeholder)),
        );
        if let Some(date) = self.date_of_birth.map(filled) {
            user.date_of_birth = match date {
                None => None,
                Some(text) => Some(date_of(&text).ok_or_else(|| {
                    Problem::field(
                        "date_of_birth",
                        "pattern",
                        "Give a day as 1980-01-31, or a time with offset.",
                    )
                })?),
            };
        }
        if let Some(address) = self.domicile {
            user.domicile = address.into_contract();
        }
        if let Some(address) = self.residency {
            user.residency = address.into_contract();
        }
        let domicile = &mut user.domicile;
        set(&mut domicile.address, self.indirizzo_domicilio);
        set(&mut domicile.post_code, self.cap_domicilio);
        set(&mut domicile.municipality, self.citta_domicilio);
        set(&mut domicile.county, self.provincia_domicilio);
        set(&mut domicile.country, self.stato_domicilio);
        let residency = &mut user.residency;
        set(&mut residency.address, self.indirizzo_residenza);
        set(&mut residency.post_code, self.cap_residenza);
        set(&mut residency.municipality, self.citta_residenza);
        set(&mut residency.county, self.provincia_residenza);
        set(&mut residency.country, self.stato_residenza);
        if user.kind.is_staff() {
            set(&mut user.username, self.username);
            user.enabled = self.enabled.unwrap_or(user.enabled);
            if user.kind == UserKind::Operator {
                user.system_user = self.system_user.unwrap_or(user.system_user);
                if let Some(services) = self.enabled_services_ids {
                    user.enabled_services = services.into_iter().collect();
                }
                if let Some(offices) = self.user_groups_ids {
                    user.offices = offices.into_iter().collect();
                }
            }
        } else {
            set(
                &mut user.tax_code,
                self.tax_code
                    .map(|code| code.map(|code| code.to_uppercase())),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::super::user_output::UserOut;
    use super::*;
    use opencity_kernel::id::UserId;
    use opencity_kernel::instant::Instant;
    use serde_json::json;

    fn known() -> User {
        let mut user = User::new(
            UserId::new(),
            UserKind::Citizen,
            Instant::from_unix(1_700_000_000),
        );
        user.given_name = Some("Mario".to_owned());
        user.family_name = Some("Rossi".to_owned());
        user.tax_code = Some("RSSMRA80A01H501U".to_owned());
        user.date_of_birth = date_of("1980-01-01");
        user.domicile.municipality = Some("Bugliano".to_owned());
        user.residency.post_code = Some("56056".to_owned());
        user
    }

    #[test]
    fn what_either_version_showed_changes_nothing_when_sent_back() {
        for version in [ApiVersion::One, ApiVersion::Two] {
            let before = known();
            let shown = serde_json::to_value(UserOut::of(&before, version)).unwrap();
            let mut after = before.clone();
            serde_json::from_value::<UserIn>(shown)
                .unwrap()
                .named()
                .unwrap()
                .apply(&mut after)
                .unwrap();
            assert_eq!(after, before);
        }
    }

    #[test]
    fn the_two_versions_name_the_same_things() {
        let one = serde_json::to_value(UserOut::of(&known(), ApiVersion::One)).unwrap();
        let two = serde_json::to_value(UserOut::of(&known(), ApiVersion::Two)).unwrap();
        assert_eq!(one["codice_fiscale"], two["tax_code"]);
        assert_eq!(one["data_nascita"], "1980-01-01T00:00:00+01:00");
        assert_eq!(one["citta_domicilio"], two["domicile"]["municipality"]);
        assert_eq!(
            one["telefono"],
            json!(null),
            "keys are there even with nothing to say"
        );
        assert_eq!(one["email"], json!(placeholder_mail(known_id(&one), false)));
    }

    fn known_id(shown: &serde_json::Value) -> UserId {
        shown["id"].as_str().unwrap().parse().unwrap()
    }

    #[test]
    fn a_citizen_gets_no_rights_by_asking() {
        let mut user = known();
        let asked = json!({"username": "root", "system_user": true, "enabled_services_ids": [UserId::new()], "tax_code": "x"});
        serde_json::from_value::<UserIn>(asked)
            .unwrap()
            .apply(&mut user)
            .unwrap();
        assert_eq!(
            (user.username, user.system_user, user.enabled_services.len()),
            (None, false, 0)
        );
    }
}
