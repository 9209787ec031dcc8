//! An office, as the API takes it.

use opencity_contracts::user_group::ContactPoint;
use opencity_kernel::http::{given, not_null};
use opencity_kernel::id::UserId;
use opencity_kernel::{FieldProblem, Problem};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::Office;

/// How an office is reached.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct ContactPointDto {
    id: Option<Uuid>,
    /// Its name.
    #[schema(max_length = 255)]
    name: Option<String>,
    /// E-mail.
    #[schema(max_length = 255)]
    email: Option<String>,
    /// Page.
    #[schema(max_length = 255)]
    url: Option<String>,
    /// Telephone.
    #[schema(max_length = 255)]
    phone_number: Option<String>,
    /// Certified mail.
    #[schema(max_length = 255)]
    pec: Option<String>,
}

impl ContactPointDto {
    pub(super) fn of(it: ContactPoint) -> Self {
        Self {
            id: it.id,
            name: it.name,
            email: it.email,
            url: it.url,
            phone_number: it.phone_number,
            pec: it.pec,
        }
    }

    fn into_contract(self) -> ContactPoint {
        ContactPoint {
            id: self.id,
            name: self.name,
            email: self.email,
            url: self.url,
            phone_number: self.phone_number,
            pec: self.pec,
        }
    }
}

/// An office to be made or changed. What is absent stays as it is; `null` takes a value away.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[allow(clippy::option_option)]
#[schema(example = json!({"name": "Ufficio tributi"}))]
pub(super) struct OfficeIn {
    /// Its name; all that a new office needs.
    #[serde(deserialize_with = "not_null")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    name: Option<String>,
    /// Its category.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<Uuid>)]
    topic_id: Option<Option<Uuid>>,
    /// In a line.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 10000)]
    short_description: Option<Option<String>>,
    /// What it does.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 10000)]
    main_function: Option<Option<String>>,
    /// More.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 10000)]
    more_info: Option<Option<String>>,
    /// Who leads it: an operator or administrator.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<UserId>)]
    manager_id: Option<Option<UserId>>,
    /// How it is reached.
    #[serde(deserialize_with = "contact")]
    #[schema(value_type = Option<ContactPointDto>)]
    core_contact_point: Option<Option<ContactPointDto>>,
    /// Where it is: a place.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<Uuid>)]
    core_location_id: Option<Option<Uuid>>,
    /// Its calendar.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<Uuid>)]
    calendar_id: Option<Option<Uuid>>,
}

fn set<T>(to: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *to = value;
    }
}

/// An object, or `null`; not the list of its values, which serde would take too.
#[allow(clippy::option_option)]
fn contact<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<ContactPointDto>>, D::Error> {
    Option::<Map<String, Value>>::deserialize(deserializer)?
        .map(|keys| ContactPointDto::deserialize(Value::Object(keys)).map_err(D::Error::custom))
        .transpose()
        .map(Some)
}

impl OfficeIn {
    /// Its name.
    ///
    /// # Errors
    /// `validation` without one.
    pub(super) fn name(&self) -> Result<String, Problem> {
        let name = self
            .name
            .as_deref()
            .ok_or_else(|| Problem::field("name", "required", "Give this field a value."))?;
        if (1..=255).contains(&name.trim().chars().count()) {
            Ok(name.trim().to_owned())
        } else {
            Err(Problem::field(
                "name",
                "length",
                "Give 1 to 255 characters.",
            ))
        }
    }

    /// PUT replaces the whole office: what is absent is taken away.
    ///
    /// # Errors
    /// `validation` without a name.
    pub(super) fn completed(mut self) -> Result<Self, Problem> {
        self.name()?;
        self.topic_id.get_or_insert_default();
        self.short_description.get_or_insert_default();
        self.main_function.get_or_insert_default();
        self.more_info.get_or_insert_default();
        self.manager_id.get_or_insert_default();
        self.core_contact_point.get_or_insert_default();
        self.core_location_id.get_or_insert_default();
        self.calendar_id.get_or_insert_default();
        Ok(self)
    }

    /// Puts it onto an office.
    ///
    /// # Errors
    /// `validation`, with every field that is wrong.
    pub(super) fn apply(self, office: &mut Office) -> Result<(), Problem> {
        if self.name.is_some() {
            office.name = self.name()?;
        }
        let faults = self.faults();
        if !faults.is_empty() {
            return Err(Problem::validation(faults));
        }
        set(&mut office.topic_id, self.topic_id);
        set(&mut office.short_description, self.short_description);
        set(&mut office.main_function, self.main_function);
        set(&mut office.more_info, self.more_info);
        set(&mut office.manager_id, self.manager_id);
        set(&mut office.location_id, self.core_location_id);
        set(&mut office.calendar_id, self.calendar_id);
        let contact = self.core_contact_point;
        set(
            &mut office.contact_point,
            contact.map(|it| it.map(ContactPointDto::into_contract)),
        );
        Ok(())
    }
    fn faults(&self) -> Vec<FieldProblem> {
        let contact = self
            .core_contact_point
            .clone()
            .flatten()
            .unwrap_or_default();
        let texts = [
            (
                "short_description",
                self.short_description.as_ref().and_then(Option::as_ref),
                10_000,
            ),
            (
                "main_function",
                self.main_function.as_ref().and_then(Option::as_ref),
                10_000,
            ),
            (
                "more_info",
                self.more_info.as_ref().and_then(Option::as_ref),
                10_000,
            ),
            ("core_contact_point.name", contact.name.as_ref(), 255),
            ("core_contact_point.email", contact.email.as_ref(), 255),
            ("core_contact_point.url", contact.url.as_ref(), 255),
            (
                "core_contact_point.phone_number",
                contact.phone_number.as_ref(),
                255,
            ),
            ("core_contact_point.pec", contact.pec.as_ref(), 255),
        ];
        let mut faults: Vec<FieldProblem> = texts
            .into_iter()
            .filter_map(|(field, text, most)| {
                FieldProblem::unless_at_most(field, text.map(String::as_str), most)
            })
            .collect();
        faults.extend(FieldProblem::of_contact(
            "core_contact_point",
            contact.email.as_deref(),
            contact.pec.as_deref(),
            contact.url.as_deref(),
        ));
        faults
    }
}
