//! The three forms in which a submission's data travels are the same data.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use opencity_formio::{
    Form, Mode, flatten, normalise_input, unflatten, with_data_wrappers, without_data_wrappers,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn form() -> Form {
    let boxes = json!([{"label": "A", "value": "0"}, {"label": "B", "value": "1"}, {"label": "C", "value": "art.10"}]);
    Form::parse(&json!({"display": "wizard", "components": [
        {"type": "panel", "key": "p1", "components": [{"type": "form", "key": "applicant", "components": [
            {"type": "form", "key": "completename", "components": [
                {"type": "textfield", "key": "name"}, {"type": "textfield", "key": "surname"}]},
            {"type": "columns", "key": "c", "columns": [{"components": [{"type": "email", "key": "email_address"}]}]},
            {"type": "selectboxes", "key": "boxes", "values": boxes},
        ]}]},
        {"type": "panel", "key": "p2", "components": [
            {"type": "textfield", "key": "title"}, {"type": "number", "key": "amount"},
            {"type": "checkbox", "key": "agreed"},
            {"type": "selectboxes", "key": "boxes", "values": boxes},
            {"type": "container", "key": "box", "components": [
                {"type": "number", "key": "data"}, {"type": "textfield", "key": "deep.er"}]},
            {"type": "datagrid", "key": "grid", "components": [
                {"type": "textfield", "key": "name"},
                {"type": "form", "key": "person", "components": [{"type": "textfield", "key": "name"}, {"type": "file", "key": "card"}]}]},
            {"type": "file", "key": "files", "multiple": true},
            {"type": "textfield", "key": "tags", "multiple": true},
            // A nested form with a field of the wrapper's own name.
            {"type": "form", "key": "odd", "components": [{"type": "textfield", "key": "data"}, {"type": "textfield", "key": "x"}]},
        ]},
    ]}))
    .unwrap()
}

fn text() -> impl Strategy<Value = Value> {
    // Some look like numbers, JSON or flat keys.
    prop_oneof![
        Just(json!("")),
        Just(json!("007")),
        Just(json!("1.5")),
        Just(json!("true")),
        "[a-zà ù.\\[\\]{}0-9]{0,8}".prop_map(Value::from)
    ]
}

fn object(fields: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let (keys, values): (Vec<_>, Vec<_>) = fields
        .into_iter()
        .map(|(key, value)| (key, option::of(value)))
        .unzip();
    values
        .prop_map(move |values| {
            let members = keys
                .iter()
                .zip(values)
                .filter_map(|(key, value)| Some(((*key).to_owned(), value?)));
            Value::Object(members.collect::<Map<_, _>>())
        })
        .boxed()
}

fn wrapped(fields: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    object(fields)
        .prop_map(|data| json!({"data": data}))
        .boxed()
}

fn file() -> BoxedStrategy<Value> {
    prop_oneof![
        "[a-z]{1,6}".prop_map(|id| json!({"name": "a.pdf", "size": 12, "data": {"id": id, "uri": "https://example.org/u"}, "preview": null})),
        "[a-z]{1,6}".prop_map(|id| json!({"id": id, "data": {}, "original_filename": "a.pdf", "protocol_required": false})),
    ]
    .boxed()
}

fn boxes() -> BoxedStrategy<Value> {
    let tick = || any::<bool>().prop_map(Value::from).boxed();
    object(vec![("0", tick()), ("1", tick()), ("art.10", tick())])
}

fn list(item: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    vec(item, 0..4).prop_map(Value::from).boxed()
}

fn data() -> BoxedStrategy<Value> {
    let text = || text().boxed();
    let number = || {
        prop_oneof![
            any::<i32>().prop_map(Value::from),
            (-1e6..1e6f64).prop_map(Value::from)
        ]
        .boxed()
    };
    let name = wrapped(vec![("name", text()), ("surname", text())]);
    let email = Just(json!("mario@example.org")).boxed();
    let applicant = wrapped(vec![
        ("completename", name),
        ("email_address", email),
        ("boxes", boxes()),
        ("extra", number()),
    ]);
    let person = wrapped(vec![
        ("name", text()),
        (
            "card",
            list(file())
                .prop_map(|files| files.as_array().unwrap().iter().take(1).cloned().collect())
                .boxed(),
        ),
    ]);
    let row = object(vec![("name", text()), ("person", person)]);
    object(vec![
        ("applicant", applicant),
        ("title", text()),
        ("amount", number()),
        ("agreed", any::<bool>().prop_map(Value::from).boxed()),
        ("boxes", boxes()),
        (
            "box",
            object(vec![
                ("data", number()),
                ("deep", object(vec![("er", text())])),
            ]),
        ),
        ("grid", list(row)),
        ("files", list(file())),
        ("tags", list(text())),
        ("odd", wrapped(vec![("data", text()), ("x", text())])),
        (
            "unknown",
            object(vec![("data", text()), ("list", list(number()))]),
        ),
    ])
}

proptest! {
    #[test]
    fn every_version_of_valid_data_is_read_back_as_the_same_data(x in data()) {
        let form = form();
        prop_assert_eq!(form.validate(&x, Mode::Submit), Ok(()));
        let flat = flatten(&x);
        prop_assert_eq!(&unflatten(&flat, Some(&form)), &x);
        prop_assert_eq!(&normalise_input(&Value::Object(flat), &form), &x);
        let second = without_data_wrappers(&x, &form);
        prop_assert_eq!(&with_data_wrappers(&second, &form), &x);
        prop_assert_eq!(&normalise_input(&second, &form), &x);
        prop_assert_eq!(&normalise_input(&Value::Object(flatten(&second)), &form), &x);
        prop_assert_eq!(&normalise_input(&x, &form), &x);
    }

    #[test]
    fn each_part_may_come_in_a_version_of_its_own(x in data(), choice in vec(0..3u8, 16)) {
        let form = form();
        let second = without_data_wrappers(&x, &form);
        let mut mixed = Map::new();
        for ((key, value), choice) in x.as_object().unwrap().iter().zip(choice) {
            match choice {
                0 => { mixed.insert(key.clone(), value.clone()); }
                1 => { mixed.insert(key.clone(), second.get(key).cloned().unwrap()); }
                _ => mixed.extend(flatten(&json!({key: value}))),
            }
        }
        prop_assert_eq!(&normalise_input(&Value::Object(mixed), &form), &x);
    }

    #[test]
    fn flat_data_nests_again_without_a_form(x in data()) {
        // Without the form nobody can tell a box called "0" from a row.
        let mut x = x;
        x.as_object_mut().unwrap().remove("boxes");
        if let Some(inner) = x.pointer_mut("/applicant/data").and_then(Value::as_object_mut) {
            inner.remove("boxes");
        }
        prop_assert_eq!(&unflatten(&flatten(&x), None), &x);
    }

    #[test]
    fn nothing_that_is_sent_breaks_anything(keys in vec("[a-z0-1.]{0,12}", 0..12), x in data()) {
        let form = form();
        let mut sent: Map<String, Value> = keys.into_iter().map(|key| (format!("grid.{key}"), json!(1))).collect();
        sent.extend(x.as_object().cloned().unwrap());
        let read = normalise_input(&Value::Object(sent), &form);
        let _ = form.validate(&read, Mode::Submit);
        let _ = form.answers(&read);
    }
}

#[test]
fn version_two_drops_only_the_wrappers_of_nested_forms() {
    let form = form();
    let x = json!({
        "applicant": {"data": {"completename": {"data": {"name": "Mario"}}, "email_address": "m@example.org"}, "metadata": {"tz": 60}},
        "box": {"data": 5},
        "files": [{"name": "a.pdf", "data": {"id": "1", "uri": "u"}}],
        "unknown": {"data": {"k": 1}},
    });
    assert_eq!(
        without_data_wrappers(&x, &form),
        json!({
            "applicant": {"completename": {"name": "Mario"}, "email_address": "m@example.org"},
            "box": {"data": 5},
            "files": [{"name": "a.pdf", "data": {"id": "1", "uri": "u"}}],
            "unknown": {"data": {"k": 1}},
        })
    );
    assert_eq!(
        normalise_input(&x, &form),
        x,
        "what Form.io writes beside the wrapper is kept in its own form"
    );
}

#[test]
fn one_nested_form_may_be_half_flat_and_half_nested() {
    let sent = json!({
        "applicant.data.email_address": "m@example.org",
        "applicant.completename.surname": "Rossi",
        "applicant": {"completename": {"data": {"name": "Mario"}}},
        "amount": 10,
        "title": "10",
    });
    let read = json!({
        "applicant": {"data": {"email_address": "m@example.org", "completename": {"data": {"surname": "Rossi", "name": "Mario"}}}},
        "amount": 10,
        "title": "10",
    });
    assert_eq!(normalise_input(&sent, &form()), read);
}
