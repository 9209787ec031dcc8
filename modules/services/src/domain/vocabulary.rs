//! Categories, recipients, geographic areas, places and groups of services.

use opencity_kernel::id::{OfficeId, TermId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::without_nulls;
use opencity_kernel::{FieldProblem, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use uuid::Uuid;

use super::attachment::{Attachment, AttachmentKind, HasAttachments};
use super::service::GroupId;
use super::{MAX_LINE, MAX_LINKS, MAX_TEXT, Texts, slug, without_repetition};

/// What a term is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermKind {
    /// What services are about: a tree.
    Category,
    /// Whom services are for.
    Recipient,
    /// Where services are valid.
    Area,
}

impl TermKind {
    /// As it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Category => "category",
            Self::Recipient => "recipient",
            Self::Area => "area",
        }
    }

    /// As people read it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Category => "category",
            Self::Recipient => "recipient",
            Self::Area => "geographic area",
        }
    }
}

/// What administrators write of a category, recipient or geographic area.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({"name": "Vita pubblica"}))]
pub struct TermFields {
    /// Its name.
    #[schema(min_length = 1, max_length = 255)]
    pub name: String,
    /// Part of URLs; made from the name if it is not given.
    #[schema(max_length = 255, pattern = "^[a-z0-9_-]*$")]
    pub slug: String,
    /// What it is.
    #[schema(max_length = 100000)]
    pub description: Option<String>,
    /// Categories: the category that it belongs to.
    pub parent_id: Option<TermId>,
    /// Geographic areas: where it is, as GeoJSON in a text.
    #[schema(max_length = 100000)]
    pub geofence: Option<String>,
}

/// A category, recipient or geographic area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The term.
    pub id: TermId,
    /// What administrators wrote.
    pub fields: TermFields,
}

impl TermFields {
    /// Reads what was sent.
    ///
    /// # Errors
    /// [`ProblemKind::Validation`](opencity_kernel::ProblemKind::Validation).
    pub fn read(kind: TermKind, body: Map<String, Value>) -> Result<Self, Problem> {
        let mut fields: Self = opencity_kernel::http::typed(Value::Object(without_nulls(body)))?;
        fields.name = fields.name.trim().to_owned();
        let mut faults = named(&fields.name, &fields.slug);
        for (name, text) in [
            ("description", &fields.description),
            ("geofence", &fields.geofence),
        ] {
            if text
                .as_ref()
                .is_some_and(|text| text.chars().count() > MAX_TEXT)
            {
                faults.push(FieldProblem::new(
                    name,
                    "max_length",
                    "Give a shorter text.",
                ));
            }
        }
        if kind != TermKind::Category {
            fields.parent_id = None;
        }
        if kind != TermKind::Area {
            fields.geofence = None;
        }
        if fields
            .geofence
            .as_ref()
            .is_some_and(|text| !is_geojson(text))
        {
            faults.push(FieldProblem::new(
                "geofence",
                "geojson",
                "Give a GeoJSON object in a text.",
            ));
        }
        if faults.is_empty() {
            Ok(fields)
        } else {
            Err(Problem::validation(faults))
        }
    }
}

fn is_geojson(text: &str) -> bool {
    text.is_empty()
        || serde_json::from_str::<Value>(text)
            .is_ok_and(|value| value.get("type").is_some_and(Value::is_string))
}

fn named(name: &str, slug: &str) -> Vec<FieldProblem> {
    let mut faults = Vec::new();
    if name.is_empty() {
        faults.push(FieldProblem::new("name", "required", "Give it a name."));
    }
    if name.chars().count() > MAX_LINE {
        faults.push(FieldProblem::new(
            "name",
            "max_length",
            "Give at most 255 characters.",
        ));
    }
    if !slug.is_empty() && !slug::is_valid(slug) {
        faults.push(FieldProblem::new(
            "slug",
            "pattern",
            "Use small letters, digits and hyphens only.",
        ));
    }
    faults
}

/// The texts that are longer than they may be.
fn too_long(texts: &[(&'static str, &Option<String>, usize)]) -> Vec<FieldProblem> {
    texts
        .iter()
        .filter(|(_, text, most)| {
            text.as_ref()
                .is_some_and(|text| text.chars().count() > *most)
        })
        .map(|(name, _, _)| FieldProblem::new(*name, "max_length", "Give a shorter text."))
        .collect()
}

/// The lists that have more entries than they may have.
pub(super) fn too_many(lists: &[(&'static str, usize, usize)]) -> Vec<FieldProblem> {
    lists
        .iter()
        .filter(|(_, length, most)| length > most)
        .map(|(name, _, most)| {
            FieldProblem::new(*name, "max_items", format!("Give at most {most} of them."))
        })
        .collect()
}

/// As [`too_many`], of the lists in which services and their groups name other things: coverage, recipients, areas, offices, life
/// events, business events.
pub(super) fn too_many_named(lengths: [usize; 6]) -> Vec<FieldProblem> {
    let names = [
        "coverage",
        "recipients_id",
        "geographic_areas_id",
        "user_group_ids",
        "life_events",
        "business_events",
    ];
    let lists: Vec<_> = names
        .into_iter()
        .zip(lengths)
        .map(|(name, length)| (name, length, MAX_LINKS))
        .collect();
    too_many(&lists)
}

/// What administrators write of a group of services.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({"name": "Sostegno alle famiglie"}))]
pub struct GroupFields {
    /// Its name.
    #[schema(min_length = 1, max_length = 255)]
    pub name: String,
    /// Part of its URL; made from the name if it is not given.
    #[schema(max_length = 255, pattern = "^[a-z0-9_-]*$")]
    pub slug: String,
    /// Its category.
    pub topics_id: Option<TermId>,
    /// Its texts.
    #[serde(flatten)]
    pub texts: Texts,
    /// Files on its costs. On write an entry has `name` and `file` (base64), or is one that was read, or the `url` of a file elsewhere.
    #[schema(max_items = 100)]
    pub costs_attachments: Vec<Attachment>,
    /// Files on its conditions; as those on its costs.
    #[schema(max_items = 100)]
    pub conditions_attachments: Vec<Attachment>,
    /// Where it is valid.
    #[schema(max_items = 1000)]
    pub coverage: Vec<String>,
    /// Its recipients.
    #[schema(max_items = 1000)]
    pub recipients_id: Vec<TermId>,
    /// Its geographic areas.
    #[schema(max_items = 1000)]
    pub geographic_areas_id: Vec<TermId>,
    /// The offices linked to it.
    #[schema(max_items = 1000)]
    pub user_group_ids: Vec<OfficeId>,
    /// Life events.
    #[schema(max_items = 1000)]
    pub life_events: Vec<String>,
    /// Business events.
    #[schema(max_items = 1000)]
    pub business_events: Vec<String>,
    /// Shown first.
    pub sticky: bool,
    /// Applications of its services are registered in one folder.
    pub register_in_folder: bool,
    /// Where to book.
    #[schema(max_length = 2000)]
    pub booking_call_to_action: Option<String>,
    /// Its card on the municipal site.
    #[schema(max_length = 2000)]
    pub external_card_url: Option<String>,
}

impl HasAttachments for GroupFields {
    fn attachments(&self, kind: AttachmentKind) -> &[Attachment] {
        match kind {
            AttachmentKind::Costs => &self.costs_attachments,
            AttachmentKind::Conditions => &self.conditions_attachments,
        }
    }

    fn attachments_mut(&mut self, kind: AttachmentKind) -> &mut [Attachment] {
        match kind {
            AttachmentKind::Costs => &mut self.costs_attachments,
            AttachmentKind::Conditions => &mut self.conditions_attachments,
        }
    }
}

impl GroupFields {
    /// Reads what was sent.
    ///
    /// # Errors
    /// [`ProblemKind::Validation`](opencity_kernel::ProblemKind::Validation).
    pub fn read(body: Map<String, Value>) -> Result<Self, Problem> {
        let body = without_nulls(body);
        let mut faults = Texts::faults(&body);
        if !faults.is_empty() {
            return Err(Problem::validation(faults));
        }
        let mut fields: Self = opencity_kernel::http::typed(Value::Object(body))?;
        fields.name = fields.name.trim().to_owned();
        without_repetition(&mut fields.recipients_id);
        without_repetition(&mut fields.geographic_areas_id);
        without_repetition(&mut fields.user_group_ids);
        faults.extend(named(&fields.name, &fields.slug));
        faults.extend(too_long(&[
            (
                "booking_call_to_action",
                &fields.booking_call_to_action,
                2000,
            ),
            ("external_card_url", &fields.external_card_url, 2000),
        ]));
        faults.extend(too_many_named([
            fields.coverage.len(),
            fields.recipients_id.len(),
            fields.geographic_areas_id.len(),
            fields.user_group_ids.len(),
            fields.life_events.len(),
            fields.business_events.len(),
        ]));
        faults.extend(fields.too_many_attachments());
        if faults.is_empty() {
            Ok(fields)
        } else {
            Err(Problem::validation(faults))
        }
    }
}

/// A group of services.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceGroup {
    /// The group.
    pub id: GroupId,
    /// What administrators wrote.
    pub fields: GroupFields,
    /// Its counter of changes.
    pub version: i64,
    /// When it was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

/// The address of a place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct PlaceAddress {
    /// Country.
    #[schema(max_length = 255)]
    pub address_country: Option<String>,
    /// Town.
    #[schema(max_length = 255)]
    pub address_locality: Option<String>,
    /// Region.
    #[schema(max_length = 255)]
    pub address_region: Option<String>,
    /// Post office box.
    #[schema(max_length = 255)]
    pub post_office_box_number: Option<String>,
    /// Postal code.
    #[schema(max_length = 255)]
    pub postal_code: Option<String>,
    /// Street and number.
    #[schema(max_length = 255)]
    pub street_address: Option<String>,
}

/// Whom to ask about a place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct PlaceContact {
    /// The contact point.
    pub id: Option<Uuid>,
    /// Its name.
    #[schema(max_length = 255)]
    pub name: Option<String>,
    /// E-mail.
    #[schema(max_length = 255)]
    pub email: Option<String>,
    /// Page.
    #[schema(max_length = 255)]
    pub url: Option<String>,
    /// Telephone.
    #[schema(max_length = 255)]
    pub phone_number: Option<String>,
    /// Certified mail.
    #[schema(max_length = 255)]
    pub pec: Option<String>,
}

/// What administrators write of a place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({"name": "Municipio", "address": {"street_address": "Piazza del Municipio 1"}}))]
pub struct PlaceFields {
    /// Its name.
    #[schema(min_length = 1, max_length = 255)]
    pub name: String,
    /// Another name.
    #[schema(max_length = 255)]
    pub other_name: Option<String>,
    /// Its category.
    pub topic_id: Option<TermId>,
    /// Text.
    #[schema(max_length = 160)]
    pub short_description: Option<String>,
    /// Text.
    #[schema(max_length = 100000)]
    pub description: Option<String>,
    /// Its address.
    pub address: PlaceAddress,
    /// Degrees north.
    #[schema(schema_with = degrees)]
    pub latitude: Option<String>,
    /// Degrees east.
    #[schema(schema_with = degrees)]
    pub longitude: Option<String>,
    /// Text.
    #[schema(max_length = 100000)]
    pub more_info: Option<String>,
    /// A name given by a system outside.
    #[schema(max_length = 255)]
    pub identifier: Option<String>,
    /// The areas that it is in.
    #[schema(max_items = 1000)]
    pub geographic_area_ids: Vec<TermId>,
    /// Whom to ask.
    pub core_contact_point: Option<PlaceContact>,
}

/// Degrees, as a text or a number.
fn degrees() -> Schema {
    ObjectBuilder::new()
        .schema_type(
            [Type::String, Type::Number, Type::Null]
                .into_iter()
                .collect::<SchemaType>(),
        )
        .max_length(Some(32))
        .minimum(Some(-180))
        .maximum(Some(180))
        .examples(["43.72"])
        .into()
}

impl PlaceFields {
    /// Reads what was sent.
    ///
    /// # Errors
    /// [`ProblemKind::Validation`](opencity_kernel::ProblemKind::Validation).
    pub fn read(body: Map<String, Value>) -> Result<Self, Problem> {
        let mut body = without_nulls(body);
        for key in ["latitude", "longitude"] {
            // Clients send degrees as a number or as a text.
            if let Some(number) = body
                .get(key)
                .filter(|value| value.is_number())
                .map(Value::to_string)
            {
                body.insert(key.to_owned(), Value::String(number));
            }
        }
        let mut faults = Texts::faults(&body);
        let areas = body.get("geographic_area_ids").and_then(Value::as_array);
        faults.extend(too_many(&[(
            "geographic_area_ids",
            areas.map_or(0, Vec::len),
            MAX_LINKS,
        )]));
        // A list of its values, which serde would take too, is no object.
        for key in ["address", "core_contact_point"] {
            if body.get(key).is_some_and(|value| !value.is_object()) {
                faults.push(FieldProblem::new(key, "type", "Give an object."));
            }
        }
        if !faults.is_empty() {
            return Err(Problem::validation(faults));
        }
        let mut fields: Self = opencity_kernel::http::typed(Value::Object(body))?;
        fields.name = fields.name.trim().to_owned();
        faults.extend(named(&fields.name, ""));
        faults.extend(too_long(&[
            ("other_name", &fields.other_name, 255),
            ("identifier", &fields.identifier, 255),
            ("latitude", &fields.latitude, 32),
            ("longitude", &fields.longitude, 32),
        ]));
        let address = &fields.address;
        faults.extend(too_long(&[
            ("address.address_country", &address.address_country, 255),
            ("address.address_locality", &address.address_locality, 255),
            ("address.address_region", &address.address_region, 255),
            (
                "address.post_office_box_number",
                &address.post_office_box_number,
                255,
            ),
            ("address.postal_code", &address.postal_code, 255),
            ("address.street_address", &address.street_address, 255),
        ]));
        if let Some(contact) = &fields.core_contact_point {
            faults.extend(too_long(&[
                ("core_contact_point.name", &contact.name, 255),
                ("core_contact_point.email", &contact.email, 255),
                ("core_contact_point.url", &contact.url, 255),
                (
                    "core_contact_point.phone_number",
                    &contact.phone_number,
                    255,
                ),
                ("core_contact_point.pec", &contact.pec, 255),
            ]));
            faults.extend(FieldProblem::of_contact(
                "core_contact_point",
                contact.email.as_deref(),
                contact.pec.as_deref(),
                contact.url.as_deref(),
            ));
        }
        for (name, text, most) in [
            ("latitude", &fields.latitude, 90.0),
            ("longitude", &fields.longitude, 180.0),
        ] {
            let wrong = |text: &String| {
                text.parse::<f64>()
                    .map_or(true, |degrees| !(-most..=most).contains(&degrees))
            };
            if text.as_ref().is_some_and(wrong) {
                faults.push(FieldProblem::new(
                    name,
                    "range",
                    format!("Give degrees from -{most} to {most}."),
                ));
            }
        }
        if faults.is_empty() {
            Ok(fields)
        } else {
            Err(Problem::validation(faults))
        }
    }
}

/// A place.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The place.
    pub id: TermId,
    /// What administrators wrote.
    pub fields: PlaceFields,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    fn map(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!() };
        map
    }

    #[test]
    fn a_category_needs_a_name_and_has_no_geofence() {
        assert!(TermFields::read(TermKind::Category, map(json!({"name": " "}))).is_err());
        let category = TermFields::read(
            TermKind::Category,
            map(json!({"name": "A", "geofence": "{}"})),
        )
        .unwrap();
        assert_eq!(category.geofence, None);
    }

    #[test]
    fn a_geofence_must_be_geojson() {
        let area = |fence: &str| {
            TermFields::read(TermKind::Area, map(json!({"name": "A", "geofence": fence})))
        };
        assert!(area("{\"type\":\"Polygon\",\"coordinates\":[]}").is_ok());
        assert!(area("somewhere").is_err());
    }

    #[test]
    fn a_place_takes_degrees_as_numbers_or_texts_within_their_range() {
        let place = PlaceFields::read(map(
            json!({"name": "A", "latitude": 43.5, "longitude": "10.4"}),
        ))
        .unwrap();
        assert_eq!(
            (place.latitude.as_deref(), place.longitude.as_deref()),
            (Some("43.5"), Some("10.4"))
        );
        assert!(PlaceFields::read(map(json!({"name": "A", "latitude": "91"}))).is_err());
    }

    #[test]
    fn a_contact_point_has_its_fields_and_no_others() {
        let read = |contact: Value| {
            PlaceFields::read(map(json!({"name": "A", "core_contact_point": contact})))
        };
        let email = "anagrafe@comune.example";
        let place = read(json!({"email": email, "fax": "050 1"})).unwrap();
        let contact = serde_json::to_value(place.core_contact_point).unwrap();
        assert_eq!(contact["email"], email);
        assert!(contact.get("fax").is_none());
        for wrong in [
            json!([email]),
            json!(email),
            json!({"email": 7}),
            json!({"pec": "a".repeat(256)}),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
