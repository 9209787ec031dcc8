//! What the platform reads from a submission's data by its well-known keys.

use chrono::NaiveDate;
use serde_json::Value;

use crate::dates::date;
use crate::values::{number, trimmed};

/// The applicant block (*Anagrafica*) of a submission: only what was filled in, trimmed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applicant {
    /// Given name (*nome*).
    pub name: Option<String>,
    /// Family name (*cognome*).
    pub surname: Option<String>,
    /// Fiscal code (*codice fiscale*), in upper case, not checked.
    pub fiscal_code: Option<String>,
    /// Day of birth.
    pub birth_date: Option<NaiveDate>,
    /// Place of birth.
    pub birth_place: Option<String>,
    /// Gender, as the form spells it.
    pub gender: Option<String>,
    /// Residence.
    pub address: PostalAddress,
    /// E-mail of the block, else the form's own `email_address`.
    pub email: Option<String>,
    /// Mobile phone, with the international prefix if any.
    pub cell_number: Option<String>,
    /// Other phone.
    pub phone_number: Option<String>,
    /// Identifier of the person in another system.
    pub person_identifier: Option<String>,
}

/// A postal address in the parts of the applicant block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostalAddress {
    /// Street.
    pub street: Option<String>,
    /// House number.
    pub house_number: Option<String>,
    /// Municipality.
    pub municipality: Option<String>,
    /// Letters of the province; `EE` abroad.
    pub county: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
}

/// A point on the map, in degrees (WGS 84).
#[derive(Debug, Clone, PartialEq)]
pub struct Geolocation {
    /// Latitude, −90 to 90.
    pub latitude: f64,
    /// Longitude, −180 to 180.
    pub longitude: f64,
    /// The address as people read it.
    pub label: Option<String>,
}

impl Applicant {
    /// Reads the block `applicant` from Form.io's nested data. Version 2 data reads the same.
    #[must_use]
    pub fn read(data: &Value) -> Self {
        // The `data` of nested forms may be left out of a path: version 2 has none.
        let read = |path: &str| trimmed(data, &format!("applicant.{path}"));
        Self {
            name: read("completename.name"),
            surname: read("completename.surname"),
            fiscal_code: read("fiscal_code.fiscal_code").map(|code| code.to_uppercase()),
            birth_date: read("Born.natoAIl").and_then(|text| date(&text)),
            birth_place: read("Born.place_of_birth"),
            gender: read("gender.gender"),
            address: PostalAddress {
                street: read("address.address"),
                house_number: read("address.house_number"),
                municipality: read("address.municipality"),
                county: read("address.county"),
                postal_code: read("address.postal_code"),
            },
            email: read("email_address").or_else(|| trimmed(data, "email_address")),
            cell_number: read("cell_number"),
            phone_number: read("phone_number"),
            person_identifier: read("person_identifier"),
        }
    }
}

/// The subject that the form itself computes for the application (`application_subject`), if any.
#[must_use]
pub fn application_subject(data: &Value) -> Option<String> {
    trimmed(data, "application_subject")
}

/// The point of the form's `address` field, in either spelling: `lat`, `lon`, `display_name` or `latitude`,
/// `longitude`, `label`; numbers or text. `None` without coordinates, or with impossible ones.
#[must_use]
pub fn geolocation(data: &Value) -> Option<Geolocation> {
    let address = data.get("address")?;
    let either = |a: &str, b: &str| {
        address
            .get(a)
            .and_then(number)
            .or_else(|| address.get(b).and_then(number))
    };
    let latitude = either("lat", "latitude").filter(|degrees| degrees.abs() <= 90.0)?;
    let longitude = either("lon", "longitude").filter(|degrees| degrees.abs() <= 180.0)?;
    let label = trimmed(address, "display_name").or_else(|| trimmed(address, "label"));
    Some(Geolocation {
        latitude,
        longitude,
        label,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn the_applicant_is_read_from_the_exact_keys_in_both_nested_forms() {
        let formio = json!({"applicant": {"data": {
            "completename": {"data": {"name": " Mario ", "surname": "Rossi"}},
            "fiscal_code": {"data": {"fiscal_code": "rssmra80a01h501u"}},
            "Born": {"data": {"natoAIl": "1980-01-01T00:00:00+01:00", "place_of_birth": "Roma"}},
            "address": {"data": {"address": "Via Roma", "house_number": "1", "postal_code": "56100"}},
            "email_address": "", "cell_number": "+39 333 0000000"}},
            "email_address": "mario@example.org"});
        let read = Applicant::read(&formio);
        assert_eq!(read.name.as_deref(), Some("Mario"));
        assert_eq!(read.surname.as_deref(), Some("Rossi"));
        assert_eq!(read.fiscal_code.as_deref(), Some("RSSMRA80A01H501U"));
        assert_eq!(read.birth_date, NaiveDate::from_ymd_opt(1980, 1, 1));
        assert_eq!(read.address.street.as_deref(), Some("Via Roma"));
        assert_eq!(read.address.county, None);
        assert_eq!(
            read.email.as_deref(),
            Some("mario@example.org"),
            "the form's own e-mail stands in"
        );
        assert_eq!(read.cell_number.as_deref(), Some("+39 333 0000000"));

        let second = json!({"applicant": {"completename": {"name": "Mario"}, "Born": {"natoAIl": "01/01/1980"}}});
        let read = Applicant::read(&second);
        assert_eq!(read.name.as_deref(), Some("Mario"));
        assert_eq!(read.birth_date, NaiveDate::from_ymd_opt(1980, 1, 1));
    }

    #[test]
    fn an_anonymous_submission_has_no_applicant() {
        assert_eq!(Applicant::read(&json!({})), Applicant::default());
        assert_eq!(
            Applicant::read(&json!({"applicant": 1})),
            Applicant::default()
        );
    }

    #[test]
    fn a_point_is_read_in_both_spellings() {
        let first = geolocation(
            &json!({"address": {"lat": "43.72", "lon": "10.4", "display_name": "Via Roma"}}),
        )
        .unwrap();
        let second = geolocation(
            &json!({"address": {"latitude": 43.72, "longitude": 10.4, "label": "Via Roma"}}),
        )
        .unwrap();
        assert_eq!(first, second);
        assert_eq!(
            geolocation(&json!({"address": {"lat": 143.0, "lon": 10}})),
            None
        );
        assert_eq!(geolocation(&json!({"address": "Via Roma"})), None);
    }

    #[test]
    fn an_empty_subject_is_no_subject() {
        assert_eq!(
            application_subject(&json!({"application_subject": "  "})),
            None
        );
        assert_eq!(
            application_subject(&json!({"application_subject": "Dehors"})),
            Some("Dehors".to_owned())
        );
    }
}
