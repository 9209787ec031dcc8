//! Registered documents in the store: the number, the folder, the files, the completion.

use chrono::{DateTime, Datelike, Utc};
use chrono_tz::Europe::Rome;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::positions::Creation;
use crate::schema::{files, folders, registrations};
use crate::store::{Stored, from_json, next_value, now, to_json};

/// Which way a document goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Flow {
    Inbound,
    Outbound,
}

/// A file that a registration announces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Announced {
    pub(crate) name: String,
    /// Lower-case hex.
    pub(crate) sha256: String,
    /// Bytes.
    pub(crate) size: i64,
}

/// A request to register a document; all of it is the content that a repetition must have too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RegistrationIn {
    pub(crate) external_id: String,
    pub(crate) organization_tax_code: String,
    pub(crate) flow: Flow,
    pub(crate) subject: String,
    pub(crate) folder_title: String,
    #[serde(default)]
    pub(crate) sender: Value,
    #[serde(default)]
    pub(crate) recipients: Value,
    /// The main document first, then the attachments.
    pub(crate) documents: Vec<Announced>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = registrations)]
struct RegistrationRow {
    year: i32,
    number: i64,
    folder_number: String,
    document_id: String,
    content: String,
    registered_at: DateTime<Utc>,
    completed_at: Option<DateTime<Utc>>,
}

/// An announced file, and when it came.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = files)]
pub(crate) struct File {
    pub(crate) position: i32,
    pub(crate) sha256: String,
    pub(crate) size: i64,
    pub(crate) received_at: Option<DateTime<Utc>>,
}

/// A registration as it stands.
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    pub(crate) request: RegistrationIn,
    pub(crate) year: i32,
    pub(crate) number: i64,
    pub(crate) folder_number: String,
    pub(crate) document_id: String,
    pub(crate) registered_at: DateTime<Utc>,
    pub(crate) complete: bool,
    pub(crate) files: Vec<File>,
}

pub(crate) fn find(
    connection: &mut SqliteConnection,
    external_id: &str,
) -> Stored<Option<Registration>> {
    let row = registrations::table
        .find(external_id)
        .select(RegistrationRow::as_select())
        .first(connection)
        .optional()?;
    row.map(|row| with_files(connection, row)).transpose()
}

/// The newest registrations, at most a thousand.
pub(crate) fn newest(connection: &mut SqliteConnection) -> Stored<Vec<Registration>> {
    registrations::table
        .order((
            registrations::registered_at.desc(),
            registrations::number.desc(),
        ))
        .limit(1000)
        .select(RegistrationRow::as_select())
        .load(connection)?
        .into_iter()
        .map(|row| with_files(connection, row))
        .collect()
}

fn with_files(connection: &mut SqliteConnection, row: RegistrationRow) -> Stored<Registration> {
    let request: RegistrationIn = from_json(&row.content)?;
    let files = files::table
        .filter(files::external_id.eq(&request.external_id))
        .order(files::position)
        .select(File::as_select())
        .load(connection)?;
    Ok(Registration {
        request,
        year: row.year,
        number: row.number,
        folder_number: row.folder_number,
        document_id: row.document_id,
        registered_at: row.registered_at,
        complete: row.completed_at.is_some(),
        files,
    })
}

/// Gives the document its number, or finds the one that the same request got before.
///
/// Numbers run from 1 without gaps in each civil year of each body (DPR 445/2000, art. 57: the
/// number of a registry is progressive and begins again each year); the year is Italy's, not UTC's.
pub(crate) fn reserve(
    connection: &mut SqliteConnection,
    request: &RegistrationIn,
) -> Stored<Creation<Registration>> {
    if let Some(known) = find(connection, &request.external_id)? {
        return Ok(if known.request == *request {
            Creation::Same(known)
        } else {
            Creation::Different
        });
    }
    let organization = &request.organization_tax_code;
    let registered_at = now();
    let year = registered_at.with_timezone(&Rome).year();
    let number = next_value(connection, &format!("registry:{organization}:{year}"))?;
    let folder_number = folder_number(connection, organization, &request.folder_title, year)?;
    diesel::insert_into(registrations::table)
        .values((
            registrations::external_id.eq(&request.external_id),
            registrations::organization_tax_code.eq(organization),
            registrations::year.eq(year),
            registrations::number.eq(number),
            registrations::folder_number.eq(folder_number),
            registrations::document_id.eq(Uuid::new_v4().to_string()),
            registrations::content.eq(to_json(request)?),
            registrations::registered_at.eq(registered_at),
        ))
        .execute(connection)?;
    for (position, announced) in (0..).zip(&request.documents) {
        let position: i32 = position;
        diesel::insert_into(files::table)
            .values((
                files::external_id.eq(&request.external_id),
                files::position.eq(position),
                files::name.eq(&announced.name),
                files::sha256.eq(&announced.sha256),
                files::size.eq(announced.size),
            ))
            .execute(connection)?;
    }
    find(connection, &request.external_id)?
        .map(Creation::New)
        .ok_or(diesel::result::Error::NotFound)
}

/// The number of the body's folder with this title; a new title opens a folder.
fn folder_number(
    connection: &mut SqliteConnection,
    organization: &str,
    title: &str,
    year: i32,
) -> Stored<String> {
    let known = folders::table
        .find((organization, title))
        .select(folders::number)
        .first(connection)
        .optional()?;
    if let Some(number) = known {
        return Ok(number);
    }
    let count = next_value(connection, &format!("folder:{organization}:{year}"))?;
    let number = format!("{year}/{count}");
    diesel::insert_into(folders::table)
        .values((
            folders::organization_tax_code.eq(organization),
            folders::title.eq(title),
            folders::number.eq(&number),
        ))
        .execute(connection)?;
    Ok(number)
}

/// Notes that a file came whole; again changes nothing.
pub(crate) fn receive_file(
    connection: &mut SqliteConnection,
    external_id: &str,
    position: i32,
) -> Stored<()> {
    diesel::update(
        files::table
            .find((external_id, position))
            .filter(files::received_at.is_null()),
    )
    .set(files::received_at.eq(now()))
    .execute(connection)?;
    Ok(())
}

/// What became of the completion.
pub(crate) enum Completion {
    /// Complete now, or already before.
    Complete(Box<Registration>),
    /// These files are still missing.
    Missing(Vec<i32>),
    Unknown,
}

/// Completes a registration all of whose files have come.
pub(crate) fn complete(connection: &mut SqliteConnection, external_id: &str) -> Stored<Completion> {
    let Some(mut registration) = find(connection, external_id)? else {
        return Ok(Completion::Unknown);
    };
    let missing: Vec<i32> = registration
        .files
        .iter()
        .filter(|file| file.received_at.is_none())
        .map(|file| file.position)
        .collect();
    if !missing.is_empty() {
        return Ok(Completion::Missing(missing));
    }
    if !registration.complete {
        diesel::update(registrations::table.find(external_id))
            .set(registrations::completed_at.eq(now()))
            .execute(connection)?;
        registration.complete = true;
    }
    Ok(Completion::Complete(Box::new(registration)))
}
