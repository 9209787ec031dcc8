//! The forms of the demonstration municipality, as a citizen fills them in.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;

use opencity_formio::{
    AnswerValue, Applicant, Form, Kind, Mode, PaymentFields, file_references, flatten, geolocation,
    normalise_input, without_data_wrappers,
};
use serde_json::{Value, json};

const NAMES: [&str; 3] = [
    "occupazione-suolo-pubblico",
    "iscrizione-asilo-nido",
    "segnalazione-disservizio",
];

fn read(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples/forms")
        .join(file);
    serde_json::from_str(
        &std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display())),
    )
    .unwrap()
}

fn load(name: &str) -> (Form, Value) {
    (
        Form::parse(&read(&format!("{name}.json"))).unwrap(),
        read(&format!("{name}.submission.json")),
    )
}

#[test]
fn each_form_is_a_real_one() {
    for name in NAMES {
        let (form, _) = load(name);
        let fields = form.fields();
        assert!(form.pages().len() >= 3, "{name}");
        assert!(fields.len() >= 25, "{name}: {}", fields.len());
        assert!(
            fields.iter().any(|field| field.kind == Kind::Grid),
            "{name}"
        );
        assert!(
            fields
                .iter()
                .any(|field| field.kind == Kind::File && !field.required),
            "{name}"
        );
        let mut paths: Vec<&str> = fields.iter().map(|field| field.path).collect();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), fields.len(), "{name} names a field twice");
        let snake_case = |path: &str| {
            path.chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.".contains(c))
        };
        for path in paths
            .iter()
            .filter(|path| !path.starts_with("applicant.data.Born"))
        {
            assert!(snake_case(path), "{name}: {path}");
        }
    }
}

#[test]
fn each_form_asks_for_the_applicant_by_the_exact_keys() {
    const KEYS: [&str; 15] = [
        "completename.data.name",
        "completename.data.surname",
        "fiscal_code.data.fiscal_code",
        "Born.data.natoAIl",
        "Born.data.place_of_birth",
        "gender.data.gender",
        "address.data.address",
        "address.data.house_number",
        "address.data.municipality",
        "address.data.county",
        "address.data.postal_code",
        "email_address",
        "cell_number",
        "phone_number",
        "person_identifier",
    ];
    for name in NAMES {
        let (form, data) = load(name);
        let fields = form.fields();
        for key in KEYS {
            let path = format!("applicant.data.{key}");
            assert!(
                fields.iter().any(|field| field.path == path),
                "{name}: {path}"
            );
        }
        let applicant = Applicant::read(&data);
        assert_eq!(applicant.name.as_deref(), Some("Mario"), "{name}");
        assert_eq!(applicant.surname.as_deref(), Some("Rossi"), "{name}");
        assert_eq!(
            applicant.fiscal_code.as_deref(),
            Some("RSSMRA80A01H501U"),
            "{name}"
        );
    }
}

#[test]
fn each_example_is_valid_in_every_version_and_nothing_in_it_is_cleared() {
    for name in NAMES {
        let (form, data) = load(name);
        assert_eq!(form.validate(&data, Mode::Submit), Ok(()), "{name}");
        assert_eq!(form.clear_hidden(&data), data, "{name}");
        assert_eq!(
            normalise_input(&Value::Object(flatten(&data)), &form),
            data,
            "{name}"
        );
        assert_eq!(
            normalise_input(&without_data_wrappers(&data, &form), &form),
            data,
            "{name}"
        );
        assert!(file_references(&data, &form).is_empty(), "{name}");
    }
}

#[test]
fn each_example_reads_page_by_page_with_every_answer() {
    for name in NAMES {
        let (form, data) = load(name);
        let sections = form.answers(&data);
        let titles: Vec<&str> = sections
            .iter()
            .map(|section| section.title.as_str())
            .collect();
        let pages: Vec<&str> = form
            .pages()
            .iter()
            .map(|page| page.title.as_str())
            .collect();
        assert_eq!(titles, pages, "{name}");
        let answers: Vec<_> = sections
            .iter()
            .flat_map(|section| &section.answers)
            .collect();
        let has = |label: &str, text: &str| {
            answers.iter().any(|answer| {
                answer.label == label && answer.value == AnswerValue::Text(text.to_owned())
            })
        };
        assert!(
            has("Nome", "Mario") && has("Nato/a il", "01/01/1980") && has("Sesso", "Maschio"),
            "{name}"
        );
        assert!(
            answers
                .iter()
                .any(|answer| matches!(answer.value, AnswerValue::Rows(_))),
            "{name}"
        );
    }
}

#[test]
fn a_submission_without_its_applicant_is_refused_where_people_must_be_known() {
    for name in NAMES {
        let (form, mut data) = load(name);
        data.as_object_mut().unwrap().remove("applicant");
        let outcome = form.validate(&data, Mode::Submit);
        if name == "segnalazione-disservizio" {
            assert_eq!(outcome, Ok(()), "a report may be anonymous");
        } else {
            let errors = outcome.unwrap_err();
            assert!(
                errors
                    .iter()
                    .any(|e| e.field == "applicant.data.completename.data.name"
                        && e.code == "required"),
                "{name}"
            );
            assert!(
                errors
                    .iter()
                    .any(|e| e.field == "applicant.data.fiscal_code.data.fiscal_code"),
                "{name}"
            );
        }
    }
}

#[test]
fn conditional_fields_are_asked_for_only_when_they_show() {
    let (form, mut data) = load("occupazione-suolo-pubblico");
    data["applicant_role"] = json!("company");
    let fields: Vec<String> = form
        .validate(&data, Mode::Submit)
        .unwrap_err()
        .into_iter()
        .map(|e| e.field)
        .collect();
    assert_eq!(fields, ["organisation_name", "organisation_tax_code"]);

    let (form, mut data) = load("iscrizione-asilo-nido");
    data["siblings"][1]["attends_nursery"] = json!(true);
    let fields: Vec<String> = form
        .validate(&data, Mode::Submit)
        .unwrap_err()
        .into_iter()
        .map(|e| e.field)
        .collect();
    assert_eq!(fields, ["siblings.1.nursery"]);
    data["has_siblings"] = json!("no");
    assert_eq!(form.validate(&data, Mode::Submit), Ok(()));
    assert_eq!(form.clear_hidden(&data).get("siblings"), None);
}

#[test]
fn the_public_ground_is_paid_and_the_report_has_a_place() {
    let (_, data) = load("occupazione-suolo-pubblico");
    let payment = PaymentFields::read(&data).unwrap();
    assert_eq!(payment.amount_cents, Some(4800));
    assert!(payment.description.is_some());
    let (form, mut data) = load("segnalazione-disservizio");
    let place = geolocation(&data).unwrap();
    assert!((place.latitude - 43.7159).abs() < 1e-9 && (place.longitude - 10.4019).abs() < 1e-9);
    let image =
        |n: u8| json!({"id": format!("{n}"), "name": "foto.jpg", "originalName": "foto.jpg"});
    data["images"] = json!([image(1), image(2), image(3)]);
    assert_eq!(form.validate(&data, Mode::Submit), Ok(()));
    assert_eq!(file_references(&data, &form).len(), 3);
    data["images"] = json!([image(1), image(2), image(3), image(4)]);
    assert_eq!(
        form.validate(&data, Mode::Submit).unwrap_err()[0].code,
        "max_items"
    );
}
