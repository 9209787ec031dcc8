//! The application as events and version 1 of the API show it.

use opencity_contracts::application as contract;
use opencity_contracts::application::{ApplicationStatus, FormRef, Link, ProtocolNumber};
use opencity_contracts::document::DocumentType;
use opencity_contracts::file::{File, IntegrationFile};
use opencity_formio::Form;
use opencity_kernel::db::{DbError, DbResult};
use opencity_kernel::id::ActId;
use opencity_kernel::instant::Instant;
use serde_json::{Map, Value};

use crate::aggregate::{Aggregate, Circumstances};
use crate::domain::{ActKind, Action, Caller, available_actions};
use crate::files::{name_uploads, shown_file};
use crate::store::application::Act;
use crate::store::file::FileKind;

/// For whom an application is shown.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// How links to the tenant begin: `https://host/lang`.
    pub site: &'a str,
    /// Whose links are shown; the office's own data too.
    pub caller: &'a Caller,
    /// The version that links ask for.
    pub version: u8,
    /// Now.
    pub now: Instant,
}

/// A system operator: events show what he may do.
pub const SYSTEM_OPERATOR: Caller = Caller {
    is_platform: false,
    is_system_operator: true,
    ..Caller::PLATFORM
};

/// The application with these data, but for what events alone have.
fn application(
    aggregate: &Aggregate,
    view: View<'_>,
    data: Map<String, Value>,
) -> DbResult<contract::Application> {
    let row = &aggregate.row;
    let details = &aggregate.details;
    let service = &aggregate.service;
    let state = row.state()?;
    let status: ApplicationStatus = state
        .to_string()
        .parse()
        .map_err(|_| DbError::malformed("the state of an application is unknown"))?;
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    Ok(contract::Application {
        id: row.id.uuid(),
        user: row.user_id.uuid(),
        user_name: row.user_name.clone(),
        external_id: match &details.source {
            Some(source) => Some(source.external_id.clone()),
            None => row.external_id.clone(),
        },
        service: text(&service.slug),
        service_id: row.service_id.uuid(),
        service_name: text(&service.name),
        service_group_name: service.service_group_name.clone(),
        tenant: row.tenant_id.uuid(),
        subject: row.subject.clone(),
        locale: Some(row.locale.clone()),
        user_group_id: row.office_id.map(Into::into),
        operator_id: row.operator_id.map(Into::into),
        data,
        submission: Map::new(),
        form: None,
        act: None,
        compiled_modules: request_files(aggregate, view.site)?,
        attachments: files_for(aggregate, view.version, |kind, _| {
            kind == FileKind::Upload.as_str()
        }),
        creation_time: Some(row.created_at.unix()),
        created_at: Some(row.created_at.utc()),
        submission_time: row.submitted_at.map(Instant::unix),
        submitted_at: row.submitted_at.map(Instant::utc),
        latest_status_change_time: Some(row.status_changed_at.unix()),
        latest_status_change_at: Some(row.status_changed_at.utc()),
        updated_at: row.updated_at.utc(),
        protocol_folder_number: details.protocol_folder_number.clone(),
        protocol_folder_code: details.protocol_folder_code.clone(),
        protocol_number: row.protocol_number.clone(),
        protocol_document_id: details.protocol_document_id.clone(),
        protocol_numbers: Some(numbers(aggregate, ActKind::Request)),
        protocol_time: row.protocolled_at.map(Instant::unix),
        protocolled_at: row.protocolled_at.map(Instant::utc),
        outcome: row.outcome,
        outcome_motivation: row.outcome_motivation.clone(),
        outcome_file: outcome_file(aggregate, view.site)?,
        outcome_attachments: files_for(aggregate, view.version, |_, file| {
            details.outcome_files.iter().any(|id| id.uuid() == file.id)
        }),
        outcome_protocol_number: details.outcome_number.number.clone(),
        outcome_protocol_document_id: details.outcome_number.document_id.clone(),
        outcome_protocol_numbers: details
            .outcome_number
            .number
            .is_some()
            .then(|| numbers(aggregate, ActKind::Outcome)),
        outcome_protocol_time: details.outcome_number.at.map(Instant::unix),
        outcome_protocolled_at: details.outcome_number.at.map(Instant::utc),
        integration_outbound_protocol_number: details.integration_outbound.number.clone(),
        integration_outbound_protocol_document_id: details.integration_outbound.document_id.clone(),
        integration_outbound_protocolled_at: details.integration_outbound.at.map(Instant::utc),
        integration_inbound_protocol_number: details.integration_inbound.number.clone(),
        integration_inbound_protocol_document_id: details.integration_inbound.document_id.clone(),
        integration_inbound_protocolled_at: details.integration_inbound.at.map(Instant::utc),
        payment_type: row.payment_type.clone(),
        payment_data: row.payment()?,
        status,
        status_name: status.name().to_owned(),
        authentication: details.authentication.clone(),
        links: links(aggregate, view)?,
        meetings: Vec::new(),
        integrations: integrations(aggregate, view)?,
        backoffice_data: details
            .backoffice_data
            .clone()
            .filter(|_| view.caller.may_see_backoffice_data()),
        user_compilation_notes: details
            .user_compilation_notes
            .clone()
            .filter(|_| view.caller.is_owner),
        flow_changed_at: Some(row.flow_changed_at.utc()),
        source: details.source.clone(),
    })
}

/// The object of the API: the keys that only events have are left out, `tenant_id` is added. Version 2 nests the data, as the
/// form does.
///
/// # Errors
/// If a stored document is malformed.
pub fn shown(aggregate: &Aggregate, view: View<'_>, form: Option<&Form>) -> DbResult<Value> {
    let data = data(aggregate, view.version);
    let data = match (view.version, form) {
        (1, _) => opencity_formio::flatten(&data),
        (_, Some(form)) => object(opencity_formio::without_data_wrappers(&data, form)),
        (_, None) => object(data),
    };
    let application = application(aggregate, view, Map::new())?;
    let mut value = serde_json::to_value(&application).map_err(DbError::json)?;
    if let Value::Object(map) = &mut value {
        // Moved to their place, not copied there.
        map.insert("data".to_owned(), Value::Object(data));
        for key in ["submission", "form", "act"] {
            map.shift_remove(key);
        }
        let tenant = map.get("tenant").cloned().unwrap_or_default();
        map.insert("tenant_id".to_owned(), tenant);
    }
    Ok(value)
}

/// The body of an event; `act` is the one that a change made.
///
/// # Errors
/// If a stored document is malformed.
pub fn event(
    aggregate: &Aggregate,
    site: &str,
    now: Instant,
    act: Option<&Act>,
) -> DbResult<Value> {
    let view = View {
        site,
        caller: &SYSTEM_OPERATOR,
        version: 1,
        now,
    };
    let row = &aggregate.row;
    let version = row.form_version.and_then(|v| u32::try_from(v).ok());
    let data = data(aggregate, view.version);
    let flat = opencity_formio::flatten(&data);
    let application = contract::Application {
        submission: object(data),
        form: row.form_id.map(|id| FormRef {
            id: id.uuid(),
            version: version.unwrap_or(1),
        }),
        act: act.map(contract_act).transpose()?,
        ..application(aggregate, view, flat)?
    };
    serde_json::to_value(application).map_err(DbError::json)
}

fn contract_act(act: &Act) -> DbResult<contract::Act> {
    let kind: DocumentType = act
        .kind
        .parse()
        .map_err(|_| DbError::malformed("the kind of an act is unknown"))?;
    Ok(contract::Act {
        id: act.id.uuid(),
        kind,
        actor: act.actor_id.map(Into::into),
        message_ids: act.message_ids()?.into_iter().map(Into::into).collect(),
        file_ids: act.file_ids()?.into_iter().map(Into::into).collect(),
    })
}

fn files_for(
    aggregate: &Aggregate,
    version: u8,
    wanted: impl Fn(&str, &File) -> bool,
) -> Vec<File> {
    aggregate
        .files
        .iter()
        .filter(|(kind, file)| wanted(kind, file))
        .map(|(_, file)| shown_file(file, version))
        .collect()
}

/// The document of an act, once it is made: the module `documents` serves it.
fn document_file(aggregate: &Aggregate, act: &Act, site: &str) -> DbResult<Option<File>> {
    let (Some(document), Some(file)) = (act.document_id, act.file()?) else {
        return Ok(None);
    };
    Ok(Some(File {
        id: document.uuid(),
        name: file.name,
        url: Some(format!("{site}/api/documents/{document}/download")),
        original_name: Some(file.filename),
        description: file.description,
        created_at: Some(act.created_at.utc()),
        protocol_required: Some(aggregate.service.protocol_required),
        protocol_number: act.protocol_number.clone(),
        external_id: None,
        mime_type: Some(file.mime_type),
        size: Some(file.size),
        md5: Some(file.md5),
        sha256: Some(file.sha256),
    }))
}

fn request_files(aggregate: &Aggregate, site: &str) -> DbResult<Vec<File>> {
    let mut files = Vec::new();
    for act in &aggregate.acts {
        if act.act_kind() == Some(ActKind::Request) {
            files.extend(document_file(aggregate, act, site)?);
        }
    }
    Ok(files)
}

fn outcome_file(aggregate: &Aggregate, site: &str) -> DbResult<Option<File>> {
    match aggregate.last_act(ActKind::Outcome) {
        Some(act) if aggregate.row.outcome.is_some() => document_file(aggregate, act, site),
        _ => Ok(None),
    }
}

fn integrations(aggregate: &Aggregate, view: View<'_>) -> DbResult<Vec<contract::Integration>> {
    let side = |id: ActId| -> DbResult<Option<IntegrationFile>> {
        let Some(act) = aggregate.acts.iter().find(|act| act.id == id) else {
            return Ok(None);
        };
        let files = act.file_ids()?;
        let attachments = files_for(aggregate, view.version, |_, file| {
            files.iter().any(|id| id.uuid() == file.id)
        });
        Ok(document_file(aggregate, act, view.site)?
            .map(|file| IntegrationFile { file, attachments }))
    };
    aggregate
        .details
        .integrations
        .iter()
        .map(|integration| {
            Ok(contract::Integration {
                outbound: side(integration.request)?,
                inbound: integration.response.map(side).transpose()?.flatten(),
            })
        })
        .collect()
}

fn numbers(aggregate: &Aggregate, kind: ActKind) -> Vec<ProtocolNumber> {
    let of = |act: &Act| {
        Some(ProtocolNumber {
            id: act.document_id?.to_string(),
            protocollo: act.protocol_number.clone()?,
        })
    };
    aggregate.last_act(kind).and_then(of).into_iter().collect()
}

fn links(aggregate: &Aggregate, view: View<'_>) -> DbResult<Vec<Link>> {
    if let Some(source) = &aggregate.details.source {
        let told = source.links.iter().map(|link| Link {
            action: link.action.as_str().to_owned(),
            description: None,
            url: link.url.clone(),
        });
        return Ok(told.collect());
    }
    let state = aggregate.state()?;
    // The facts that hang on one act are taken per action: a number that is there already hides
    // the call that would give it.
    let mut shown: Vec<Link> = Vec::new();
    let general = aggregate.facts(Action::Submit, Circumstances::default(), view.now)?;
    for action in available_actions(state, view.caller, &general) {
        let name = action.name();
        if shown.iter().any(|link| link.action == name) {
            continue;
        }
        if crate::aggregate::act_named(action).is_some() {
            let facts = aggregate.facts(action, Circumstances::default(), view.now)?;
            if crate::domain::decide(state, action, view.caller, &facts).is_err() {
                continue;
            }
        }
        shown.push(Link {
            action: name.to_owned(),
            description: Some(description(name).to_owned()),
            url: format!(
                "{}/api/applications/{}/transition/{name}?version={}",
                view.site, aggregate.row.id, view.version
            ),
        });
    }
    Ok(shown)
}

fn description(action: &str) -> &'static str {
    match action {
        "submit" => "Send the application, or answer the request",
        "register" => "Give the protocol number of the request",
        "register-outcome" => "Give the protocol number of the outcome",
        "register-integration-request" => {
            "Give the protocol number of the request for integrations"
        }
        "register-integration-answer" => "Give the protocol number of the answer",
        "assign" => "Take in charge, or assign to somebody else",
        "accept" => "Accept",
        "reject" => "Reject",
        "request-integration" => "Ask the citizen for integrations",
        "accept-integration" => "Take the messages as the answer",
        "cancel-integration" => "Give up the request for integrations",
        "withdraw" => "Withdraw",
        "complete-payment" => "Record a payment that came by other ways",
        _ => "Set the state by hand",
    }
}

/// The data as they are kept, with the addresses of their uploads.
fn data(aggregate: &Aggregate, version: u8) -> Value {
    let mut data = aggregate.data.clone();
    name_uploads(&mut data, &aggregate.files, Some(version));
    data
}

fn object(data: Value) -> Map<String, Value> {
    match data {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
