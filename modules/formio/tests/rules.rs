//! What a person is told about the data of a form.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use opencity_formio::{
    AnswerValue, EMPTY_ANSWER, FieldError, Form, FormError, Kind, Mode, file_references,
};
use serde_json::{Value, json};

fn form(components: Value) -> Form {
    Form::parse(&json!({"title": "Prova", "components": components})).unwrap()
}

fn problems(form: &Form, data: Value, mode: Mode) -> Vec<(String, &'static str)> {
    let errors = form.validate(&data, mode).err().unwrap_or_default();
    errors
        .into_iter()
        .map(|FieldError { field, code, .. }| (field, code))
        .collect()
}

fn submit(form: &Form, data: Value) -> Vec<(String, &'static str)> {
    problems(form, data, Mode::Submit)
}

fn one(field: &str, code: &'static str) -> Vec<(String, &'static str)> {
    vec![(field.to_owned(), code)]
}

#[test]
fn a_required_field_must_be_filled_in_but_not_in_a_draft() {
    let form = form(json!([
        {"type": "textfield", "key": "name", "label": "Nome", "validate": {"required": true}},
        {"type": "checkbox", "key": "privacy", "label": "Privacy", "validate": {"required": true}},
    ]));
    let data = json!({"name": "  ", "privacy": false});
    assert_eq!(problems(&form, data.clone(), Mode::Draft), []);
    let expected = vec![
        ("name".to_owned(), "required"),
        ("privacy".to_owned(), "required"),
    ];
    assert_eq!(submit(&form, data), expected);
    assert_eq!(submit(&form, json!({"name": "A", "privacy": true})), []);
}

#[test]
fn types_hold_even_in_a_draft() {
    let form = form(json!([
        {"type": "textfield", "key": "t"}, {"type": "number", "key": "n"}, {"type": "checkbox", "key": "c"},
        {"type": "selectboxes", "key": "b", "values": [{"label": "X", "value": "x"}]},
        {"type": "datagrid", "key": "g", "components": [{"type": "number", "key": "n"}]},
        {"type": "container", "key": "o", "components": [{"type": "textfield", "key": "t"}]},
        {"type": "form", "key": "f", "components": [{"type": "textfield", "key": "t"}]},
        {"type": "file", "key": "u"}, {"type": "textfield", "key": "m", "multiple": true},
    ]));
    let wrong = [
        (json!({"t": 1}), "t"),
        (json!({"t": {}}), "t"),
        (json!({"n": "1"}), "n"),
        (json!({"c": "yes"}), "c"),
        (json!({"b": {"x": "yes"}}), "b"),
        (json!({"g": {"n": 1}}), "g"),
        (json!({"g": [{"n": 1}, {"n": "1"}]}), "g.1.n"),
        (json!({"g": [5]}), "g.0"),
        (json!({"o": "x"}), "o"),
        (json!({"f": {"data": {"t": true}}}), "f.data.t"),
        (json!({"f": 7}), "f"),
        (json!({"u": ["name.pdf"]}), "u.0"),
        (json!({"m": ["a", 1]}), "m.1"),
    ];
    for (data, field) in wrong {
        assert_eq!(
            problems(&form, data.clone(), Mode::Draft),
            one(field, "type"),
            "{data}"
        );
    }
    assert_eq!(problems(&form, json!([]), Mode::Draft), one("", "type"));
    let empty = json!({"t": "", "n": "", "c": null, "b": {}, "g": [], "o": {}, "f": {"data": {}}, "u": [], "m": [""]});
    assert_eq!(submit(&form, empty), []);
}

#[test]
fn limits_patterns_options_and_shapes_are_checked() {
    let form = form(json!([
        {"type": "textfield", "key": "cap", "validate": {"pattern": "\\d{5}"}},
        {"type": "textfield", "key": "t", "validate": {"minLength": 2, "maxLength": "3"}},
        {"type": "number", "key": "n", "validate": {"min": 1, "max": "10"}},
        {"type": "radio", "key": "r", "values": [{"label": "Uno", "value": "1"}]},
        {"type": "select", "key": "s", "data": {"values": [{"label": "A", "value": "a"}]}},
        {"type": "select", "key": "remote", "dataSrc": "url", "data": {"url": "https://example.org"}},
        {"type": "selectboxes", "key": "b", "values": [{"label": "X", "value": "x"}]},
        {"type": "email", "key": "e"}, {"type": "datetime", "key": "d"}, {"type": "day", "key": "day"},
        {"type": "file", "key": "files", "multiple": true, "validate": {"maxLength": 1}},
        {"type": "file", "key": "file"},
        {"type": "editgrid", "key": "g", "validate": {"maxLength": 1}, "components": [{"type": "textfield", "key": "x"}]},
    ]));
    let wrong = [
        (json!({"cap": "5612"}), "cap", "pattern"),
        (json!({"t": "à"}), "t", "min_length"),
        (json!({"t": "àèìò"}), "t", "max_length"),
        (json!({"n": 0.5}), "n", "min"),
        (json!({"n": 11}), "n", "max"),
        (json!({"r": "2"}), "r", "option"),
        (json!({"s": "b"}), "s", "option"),
        (json!({"b": {"y": true}}), "b", "option"),
        (json!({"e": "mario@"}), "e", "email"),
        (json!({"e": "mario rossi@example.org"}), "e", "email"),
        (json!({"d": "domani"}), "d", "date"),
        (json!({"day": "02/30/2024"}), "day", "date"),
        (
            json!({"files": [{"id": "1"}, {"id": "2"}]}),
            "files",
            "max_items",
        ),
        (
            json!({"file": [{"id": "1"}, {"id": "2"}]}),
            "file",
            "max_items",
        ),
        (json!({"file": [{"name": "a.pdf"}]}), "file.0", "file"),
        (
            json!({"file": [{"id": "1", "data": {"id": "2"}}]}),
            "file.0",
            "file",
        ),
        (json!({"g": [{"x": "1"}, {"x": "2"}]}), "g", "max_items"),
    ];
    for (data, field, code) in wrong {
        assert_eq!(submit(&form, data.clone()), one(field, code), "{data}");
    }
    let right = json!({"cap": "56100", "t": "àè", "n": 10, "r": 1, "s": "a", "remote": {"any": 1}, "b": {"x": true, "": false},
        "e": "mario@example.org", "d": "2024-02-29T00:00:00+01:00", "day": "02/29/2024", "file": [{"id": "1"}], "unknown": {"k": [1]}});
    assert_eq!(submit(&form, right), []);
}

#[test]
fn no_message_repeats_what_was_written() {
    let form = form(json!([
        {"type": "textfield", "key": "t", "validate": {"maxLength": 3, "pattern": "a"}}, {"type": "email", "key": "e"},
        {"type": "radio", "key": "r", "values": [{"label": "Uno", "value": "1"}]}, {"type": "number", "key": "n"},
    ]));
    let data = json!({"t": "RSSMRA80A01H501U", "e": "RSSMRA80A01H501U", "r": "RSSMRA80A01H501U", "n": "RSSMRA80A01H501U"});
    let errors = form.validate(&data, Mode::Submit).unwrap_err();
    assert_eq!(errors.len(), 5);
    assert!(
        errors
            .iter()
            .all(|error| !error.message.contains("RSSMRA") && error.message.ends_with('.'))
    );
}

#[test]
fn a_hidden_field_is_neither_required_nor_checked() {
    let form = form(json!([
        {"type": "radio", "key": "role", "values": [{"label": "A", "value": "a"}, {"label": "B", "value": "b"}]},
        {"type": "panel", "key": "p", "conditional": {"show": "true", "when": "role", "eq": "b"}, "components": [
            {"type": "textfield", "key": "company", "validate": {"required": true, "maxLength": 3}}]},
        {"type": "textfield", "key": "always", "hidden": true, "validate": {"required": true}},
    ]));
    assert_eq!(
        submit(&form, json!({"role": "a", "company": "too long"})),
        []
    );
    assert_eq!(
        submit(&form, json!({"role": "b"})),
        one("company", "required")
    );
    assert_eq!(
        submit(&form, json!({"role": "b", "company": "too long"})),
        one("company", "max_length")
    );
}

#[test]
fn newer_conditions_join_their_tests() {
    let shown = |conditional: Value, data: Value| {
        let form = form(json!([
            {"type": "textfield", "key": "a"}, {"type": "textfield", "key": "b"},
            {"type": "textfield", "key": "x", "conditional": conditional, "validate": {"required": true}},
        ]));
        !submit(&form, data).is_empty()
    };
    let test = |component: &str, operator: &str, value: &str| json!({"component": component, "operator": operator, "value": value});
    let both = json!({"show": true, "conjunction": "all", "conditions": [test("a", "isEqual", "1"), test("b", "isNotEmpty", "")]});
    assert!(shown(both.clone(), json!({"a": "1", "b": "z"})));
    assert!(!shown(both, json!({"a": "1"})));
    let any = json!({"show": true, "conjunction": "any", "conditions": [test("a", "isEqual", "1"), test("b", "isNotEqual", "z")]});
    assert!(shown(any.clone(), json!({"a": "1", "b": "z"})));
    assert!(!shown(any, json!({"a": "2", "b": "z"})));
    let inverse =
        json!({"show": false, "conjunction": "all", "conditions": [test("a", "isEmpty", "")]});
    assert!(!shown(inverse.clone(), json!({})));
    assert!(shown(inverse, json!({"a": "1"})));
    let unknown = json!({"show": true, "conditions": [test("a", "dateGreaterThan", "1")]});
    assert!(
        !shown(unknown, json!({"a": "1"})),
        "what only the browser can decide is not required"
    );
}

#[test]
fn conditions_inside_rows_and_nested_forms_look_there_first() {
    let form = form(json!([
        {"type": "textfield", "key": "kind"},
        {"type": "datagrid", "key": "rows", "components": [
            {"type": "textfield", "key": "kind"},
            {"type": "textfield", "key": "own", "validate": {"required": true}, "conditional": {"show": true, "when": "rows.kind", "eq": "x"}},
        ]},
        {"type": "form", "key": "sub", "components": [
            {"type": "textfield", "key": "kind"},
            {"type": "textfield", "key": "own", "validate": {"required": true}, "conditional": {"show": true, "when": "kind", "eq": "x"}},
        ]},
    ]));
    let data = json!({"kind": "x", "rows": [{"kind": "y"}, {"kind": "x"}], "sub": {"data": {"kind": "y"}}});
    assert_eq!(submit(&form, data), one("rows.1.own", "required"));
    let data = json!({"rows": [], "sub": {"data": {"kind": "x"}}});
    assert_eq!(submit(&form, data), one("sub.data.own", "required"));
}

#[test]
fn values_of_hidden_fields_are_cleared_in_chains_unless_they_ask_to_stay() {
    let when = |key: &str| json!({"show": true, "when": key, "eq": "yes"});
    let form = form(json!([
        {"type": "textfield", "key": "a"},
        {"type": "textfield", "key": "b", "conditional": when("a")},
        {"type": "textfield", "key": "c", "conditional": when("b")},
        {"type": "textfield", "key": "kept", "clearOnHide": false, "conditional": when("a")},
        {"type": "textfield", "key": "shared", "conditional": when("a")},
        {"type": "textfield", "key": "shared"},
        {"type": "datagrid", "key": "g", "components": [
            {"type": "textfield", "key": "k"}, {"type": "textfield", "key": "x", "conditional": when("g.k")}]},
    ]));
    let data = json!({"a": "no", "b": "yes", "c": "1", "kept": "2", "shared": "3", "other": 4,
        "g": [{"k": "yes", "x": "5"}, {"k": "no", "x": "6"}]});
    let cleared = json!({"a": "no", "kept": "2", "shared": "3", "other": 4, "g": [{"k": "yes", "x": "5"}, {"k": "no"}]});
    assert_eq!(form.clear_hidden(&data), cleared);
}

#[test]
fn layout_is_transparent_and_keys_with_dots_nest() {
    let form = form(json!([
        {"type": "columns", "key": "c", "columns": [{"components": [{"type": "textfield", "key": "a"}]}]},
        {"type": "table", "key": "t", "rows": [[{"components": [{"type": "textfield", "key": "b"}]}]]},
        {"type": "tabs", "key": "tabs", "components": [{"key": "t1", "components": [{"type": "textfield", "key": "c"}]}]},
        {"type": "fieldset", "key": "f", "components": [{"type": "well", "key": "w", "components": [{"type": "number", "key": "d.e"}]}]},
        {"type": "button", "key": "submit"}, {"type": "content", "key": "text"},
    ]));
    let paths: Vec<&str> = form.fields().iter().map(|field| field.path).collect();
    assert_eq!(paths, ["a", "b", "c", "d.e"]);
    assert_eq!(submit(&form, json!({"d": {"e": "1"}})), one("d.e", "type"));
}

#[test]
fn a_wizard_lists_its_pages_and_the_fields_of_each() {
    let form = Form::parse(&json!({"display": "wizard", "components": [
        {"type": "panel", "key": "p1", "title": "Uno", "components": [{"type": "textfield", "key": "a", "label": "A"}]},
        {"type": "panel", "key": "p2", "title": "Due", "components": [
            {"type": "datagrid", "key": "g", "components": [{"type": "email", "key": "b", "validate": {"required": true}}]}]},
    ]}))
    .unwrap();
    let titles: Vec<&str> = form
        .pages()
        .iter()
        .map(|page| page.title.as_str())
        .collect();
    assert_eq!(titles, ["Uno", "Due"]);
    let fields: Vec<_> = form
        .fields()
        .iter()
        .map(|f| (f.path, f.page, f.kind, f.required, f.in_grid))
        .collect();
    assert_eq!(
        fields,
        [
            ("a", 0, Kind::Text, false, false),
            ("g", 1, Kind::Grid, false, false),
            ("g.b", 1, Kind::Email, true, true)
        ]
    );
}

#[test]
fn what_is_not_a_form_is_refused() {
    assert_eq!(Form::parse(&json!([])).unwrap_err(), FormError::NotAnObject);
    assert_eq!(
        Form::parse(&json!({})).unwrap_err(),
        FormError::NoComponents
    );
    let parse = |component: Value| Form::parse(&json!({"components": [component]})).unwrap_err();
    assert!(matches!(
        parse(json!({"key": "a"})),
        FormError::BadComponent { .. }
    ));
    assert!(matches!(
        parse(json!({"type": "textfield"})),
        FormError::MissingKey { .. }
    ));
    let mut deep = json!({"type": "textfield", "key": "a"});
    for _ in 0..100 {
        deep = json!({"type": "well", "key": "w", "components": [deep]});
    }
    assert_eq!(parse(deep), FormError::TooDeep);
}

#[test]
fn answers_read_as_people_say_them() {
    let form = form(json!([
        {"type": "radio", "key": "r", "label": "Ruolo", "values": [{"label": "Privato", "value": "p"}]},
        {"type": "checkbox", "key": "c", "label": "Accetto"}, {"type": "checkbox", "key": "d", "label": "Rifiuto"},
        {"type": "selectboxes", "key": "b", "label": "Servizi", "values": [{"label": "Mensa", "value": "m"}, {"label": "Bus", "value": "b"}]},
        {"type": "datetime", "key": "when", "label": "Quando", "enableTime": false},
        {"type": "datetime", "key": "at", "label": "Ora"},
        {"type": "day", "key": "day", "label": "Giorno", "dayFirst": true},
        {"type": "currency", "key": "e", "label": "Euro"}, {"type": "number", "key": "n", "label": "Numero"},
        {"type": "file", "key": "f", "label": "File"},
        {"type": "select", "key": "s", "label": "Remoto", "dataSrc": "url", "template": "<span>{{ item.nome }}</span>"},
        {"type": "address", "key": "a", "label": "Luogo"},
        {"type": "textfield", "key": "none", "label": "Vuoto"},
        {"type": "hidden", "key": "h", "label": "Nascosto"}, {"type": "textfield", "key": "hh", "label": "Celato", "hidden": true},
        {"type": "textfield", "key": "cond", "label": "Condizionato", "conditional": {"show": true, "when": "r", "eq": "x"}},
        {"type": "textfield", "key": "js", "label": "Scritto", "customConditional": "show = true"},
        {"type": "datagrid", "key": "g", "label": "Righe", "components": [
            {"type": "textfield", "key": "x", "label": "Nome"}, {"type": "checkbox", "key": "y", "label": "Presente"}]},
    ]));
    let data = json!({"r": "p", "c": true, "d": false, "b": {"m": true, "b": false}, "when": "1980-01-01T00:00:00+01:00",
        "at": "2026-07-01T16:05:00Z", "day": "05/09/2023", "e": 18500.5, "n": 2.5, "s": {"nome": "Pisa", "id": 1},
        "f": [{"id": "1", "name": "x-1.pdf", "originalName": "uno.pdf"}, {"id": "2", "original_filename": "due.pdf"}],
        "a": {"lat": 1, "lon": 2, "display_name": "Via Roma 1"}, "h": "1", "hh": "2", "cond": "3", "g": [{"x": "Anna", "y": true}, {"x": "Ugo"}]});
    let sections = form.answers(&data);
    assert_eq!(sections.len(), 1);
    assert_eq!(sections[0].title, "Prova");
    let read: Vec<String> = sections[0]
        .answers
        .iter()
        .map(|answer| format!("{}: {}", answer.label, plain(&answer.value)))
        .collect();
    assert_eq!(
        read,
        [
            "Ruolo: Privato",
            "Accetto: Sì",
            "Rifiuto: No",
            "Servizi: [Mensa]",
            "Quando: 01/01/1980",
            "Ora: 01/07/2026 18:05",
            "Giorno: 05/09/2023",
            "Euro: 18500,50 €",
            "Numero: 2,5",
            "File: [uno.pdf|due.pdf]",
            "Remoto: Pisa",
            "Luogo: Via Roma 1",
            "Vuoto: –",
            "Righe: {Nome=Anna,Presente=Sì}{Nome=Ugo,Presente=–}",
        ]
    );
    let nothing = form.answers(&json!({}));
    assert!(
        nothing[0]
            .answers
            .iter()
            .all(|answer| answer.value == AnswerValue::Text(EMPTY_ANSWER.to_owned()))
    );
}

fn plain(value: &AnswerValue) -> String {
    match value {
        AnswerValue::Text(text) => text.clone(),
        AnswerValue::List(items) => format!("[{}]", items.join("|")),
        AnswerValue::Rows(rows) => rows
            .iter()
            .map(|row| {
                let cells: Vec<String> = row
                    .iter()
                    .map(|cell| format!("{}={}", cell.label, plain(&cell.value)))
                    .collect();
                format!("{{{}}}", cells.join(","))
            })
            .collect(),
    }
}

#[test]
fn uploads_are_found_in_both_shapes_wherever_a_file_field_is() {
    let file = json!({"type": "file", "key": "file", "multiple": true});
    let form = form(json!([
        file,
        {"type": "datagrid", "key": "g", "components": [file]},
        {"type": "form", "key": "sub", "components": [{"type": "container", "key": "o", "components": [file]}]},
    ]));
    let data = json!({
        "file": [{"id": "one", "url": "u", "name": "a.pdf"}, {"name": "b.pdf", "data": {"id": "two", "uri": "u"}}],
        "g": [{}, {"file": [{"data": {"id": "three"}}]}],
        "sub": {"data": {"o": {"file": [{"id": "four"}]}}},
        "unknown": [{"id": "five"}],
    });
    let found: Vec<_> = file_references(&data, &form)
        .into_iter()
        .map(|f| (f.path, f.id))
        .collect();
    let expected = [
        ("file.0", "one"),
        ("file.1", "two"),
        ("g.1.file.0", "three"),
        ("sub.data.o.file.0", "four"),
    ];
    assert_eq!(
        found,
        expected.map(|(path, id)| (path.to_owned(), id.to_owned()))
    );
}
