//! The document event of an act (decisions §6).

use chrono::Datelike;
use opencity_contracts::document::{
    Author, AuthorRole, DocumentFile, Folder, RegistrationData, Side, Transmission,
};
use opencity_contracts::file::{File, RemoteCollection};
use opencity_contracts::payment::PersonType;
use opencity_contracts::{DocumentEvent, DocumentStatus, Tenant};
use opencity_formio::Applicant;
use opencity_kernel::crypto::hmac_sha256;
use opencity_kernel::files::StoredFile;
use opencity_kernel::instant::Instant;
use serde_json::Value;
use uuid::Uuid;

use super::content::{ContentError, Material, file_name};

/// The ids of an act's document and of its file: they follow from the act, so that making the document again after a
/// crash makes the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ids {
    pub document: Uuid,
    pub file: Uuid,
}

impl Ids {
    /// The ids for an act of a tenant (version 8).
    pub(crate) fn of(tenant: Uuid, act: Uuid) -> Self {
        let id = |what: &[u8]| {
            let digest = hmac_sha256(
                what,
                &[tenant.as_bytes().as_slice(), act.as_bytes()].concat(),
            );
            let mut bytes = [0; 16];
            bytes
                .iter_mut()
                .zip(digest)
                .for_each(|(byte, of_digest)| *byte = of_digest);
            Uuid::new_v8(bytes)
        };
        Self {
            document: id(b"opencity document"),
            file: id(b"opencity document file"),
        }
    }
}

/// A document, but for its folder's title, which only the database knows.
#[derive(Debug, Clone)]
pub(crate) struct Assembled {
    pub event: DocumentEvent,
    pub owner_tax_code: Option<String>,
    /// The calendar year of the act, in Italy.
    pub year: i64,
    /// The folder's title if it is the first document in it.
    pub folder_title: String,
}

/// Puts the document of an act together. `base_url` is how addresses of the tenant's API begin: `https://host/lang/api`.
///
/// # Errors
/// [`ContentError::UnknownFile`].
pub(crate) fn assemble(
    material: &Material,
    ids: Ids,
    stored: &StoredFile,
    base_url: &str,
) -> Result<Assembled, ContentError> {
    let application = &material.application;
    let applicant = Applicant::read(&Value::Object(application.submission.clone()));
    let transmission = material.act.kind.transmission();
    let act_title = material.title();
    let year = i64::from(Instant::from_utc(application.updated_at).rome().year());
    let attachments = material
        .attachments()?
        .into_iter()
        .filter_map(|file| attachment(file, application.id, base_url))
        .collect();
    let (source_type, recipient_type) = match transmission {
        Transmission::Inbound => (Side::User, Side::Tenant),
        Transmission::Outbound => (Side::Tenant, Side::User),
    };
    let citizen = citizen(&applicant, application.user_name.as_deref());
    let body = body(&material.tenant);
    let author = match transmission {
        Transmission::Inbound => sent(citizen, body),
        Transmission::Outbound => sent(body, citizen),
    };
    let event = DocumentEvent {
        id: ids.document,
        owner_id: application.user,
        act_id: material.act.id,
        kind: material.act.kind,
        status: DocumentStatus::DocumentCreated,
        title: format!("{act_title}: {}", material.service_name),
        short_description: Some(act_title.clone()),
        description: application.subject.clone(),
        remote_id: application.id,
        remote_collection: RemoteCollection::service(application.service_id),
        folder: Folder::default(),
        registration_data: RegistrationData {
            transmission_type: transmission,
            ..RegistrationData::default()
        },
        main_document: DocumentFile {
            id: ids.file,
            name: format!("{}.pdf", ids.file),
            description: Some(act_title.clone()),
            filename: format!("{}-{}.pdf", slug(&act_title), application.id),
            mime_type: "application/pdf".to_owned(),
            size: stored.size,
            url: format!("{base_url}/documents/{}/download", ids.document),
            md5: stored.md5.clone(),
            sha256: stored.sha256.clone(),
            ..DocumentFile::default()
        },
        attachments,
        author,
        source_type,
        recipient_type,
        created_at: application.updated_at,
        updated_at: application.updated_at,
        ..DocumentEvent::default()
    };
    Ok(Assembled {
        event,
        owner_tax_code: applicant.fiscal_code,
        year,
        folder_title: format!("{} {year}", material.service_name),
    })
}

/// A file that goes with the act; not one that another system keeps, whose digests nobody knows.
fn attachment(file: &File, application: Uuid, base_url: &str) -> Option<DocumentFile> {
    Some(DocumentFile {
        id: file.id,
        name: file.name.clone(),
        description: file.description.clone(),
        filename: file_name(file).to_owned(),
        mime_type: file
            .mime_type
            .clone()
            .unwrap_or_else(|| "application/octet-stream".to_owned()),
        size: file.size?,
        url: file.url.clone().unwrap_or_else(|| {
            format!(
                "{base_url}/applications/{application}/attachments/{}",
                file.id
            )
        }),
        md5: file.md5.clone()?,
        sha256: file.sha256.clone()?,
        ..DocumentFile::default()
    })
}

fn sent(mut from: Author, mut to: Author) -> Vec<Author> {
    from.role = AuthorRole::Sender;
    to.role = AuthorRole::Receiver;
    vec![from, to]
}

fn citizen(applicant: &Applicant, user_name: Option<&str>) -> Author {
    let name = applicant
        .name
        .clone()
        .or_else(|| user_name.map(str::to_owned));
    Author {
        kind: PersonType::Human,
        tax_identification_number: applicant.fiscal_code.clone(),
        name: name.unwrap_or_default(),
        family_name: applicant.surname.clone(),
        street_name: applicant.address.street.clone(),
        building_number: applicant.address.house_number.clone(),
        postal_code: applicant.address.postal_code.clone(),
        town_name: applicant.address.municipality.clone(),
        country_subdivision: applicant.address.county.clone(),
        country: Some("IT".to_owned()),
        email: applicant.email.clone(),
        role: AuthorRole::Sender,
    }
}

fn body(tenant: &Tenant) -> Author {
    Author {
        kind: PersonType::Legal,
        tax_identification_number: tenant.tax_identification_number.clone(),
        name: tenant.name.clone(),
        family_name: None,
        street_name: tenant.address.street_name.clone(),
        building_number: tenant.address.building_number.clone(),
        postal_code: tenant.address.postal_code.clone(),
        town_name: tenant.address.town_name.clone(),
        country_subdivision: tenant.address.country_subdivision.clone(),
        country: Some("IT".to_owned()),
        email: tenant.pec.clone().or_else(|| tenant.email.clone()),
        role: AuthorRole::Sender,
    }
}

/// A part of a file name: letters, digits and `-`.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for character in text.to_lowercase().chars() {
        if character.is_alphanumeric() {
            slug.push(character);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_act_has_the_same_document_and_another_body_another_one() {
        let (tenant, act) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let ids = Ids::of(tenant, act);
        assert_eq!(ids, Ids::of(tenant, act));
        assert_ne!(ids, Ids::of(Uuid::from_u128(3), act));
        assert_ne!(ids.document, ids.file);
        assert_eq!(ids.document.get_version_num(), 8);
    }

    #[test]
    fn file_names_are_made_of_letters_and_dashes() {
        assert_eq!(
            slug("Richiesta di integrazioni"),
            "richiesta-di-integrazioni"
        );
        assert_eq!(slug("  Bescheid / zum Antrag! "), "bescheid-zum-antrag");
    }
}
