//! Services, forms and vocabularies on real databases, and the events that tell of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

mod support;

use opencity_contracts::service::{PaymentRequired, ServiceStatus};
use opencity_kernel::Problem;
use opencity_kernel::events::Topic;
use opencity_kernel::id::{FormId, ServiceId, TermId};
use opencity_kernel::json::merged;
use opencity_services::domain::form::FormSource;
use opencity_services::domain::service::{GroupId, ServiceFields};
use opencity_services::domain::vocabulary::{GroupFields, TermFields, TermKind};
use opencity_services::store::{forms, groups, services, terms};
use opencity_services::{demo, republish};
use serde_json::{Value, json};
use support::{Place, map, on_both};

fn fields(more: Value) -> ServiceFields {
    let body = json!({"name": "Asilo nido", "status": 1, "flow_steps": []});
    ServiceFields::read(merged(&body, map(more)).unwrap()).unwrap()
}

fn form(components: Value) -> FormSource {
    FormSource::read(map(json!({"title": "Modulo", "components": components}))).unwrap()
}

fn text_field(key: &str, label: &str) -> Value {
    json!({"type": "textfield", "key": key, "label": label})
}

fn id_of(problem: Problem) -> &'static str {
    problem.kind().id()
}

on_both!(
    a_service_is_told_when_it_is_made_changed_and_removed,
    |place: Place| async move {
        let id = ServiceId::random();
        place
            .write(move |scope| services::create(scope, id, fields(json!({"identifier": "nido"}))))
            .await
            .unwrap();
        place
            .write(move |scope| {
                let service = services::by_reference(scope, "nido")?;
                let changed = service.fields.patched(map(json!({"status": 2})))?;
                services::replace(scope, service, changed)
            })
            .await
            .unwrap();
        place
            .write(move |scope| {
                let service = services::by_reference(scope, "asilo-nido")?;
                services::delete(scope, &service)
            })
            .await
            .unwrap();

        let events = place.events(Topic::Services).await;
        let told: Vec<_> = events
            .iter()
            .map(|event| (event.change_type(), event.aggregate_version))
            .collect();
        assert_eq!(told, [("created", 1), ("data", 2), ("deleted", 3)]);
        assert!(
            events
                .iter()
                .all(|event| event.key == place.tenancy.tenant_id().to_string()
                    && event.entity == id.uuid())
        );
        assert_eq!(events[1].payload["status"], 2);
        assert_eq!(events[1].payload["event_version"], 2);
        assert_eq!(events[1].payload["slug"], "asilo-nido");
    }
);

on_both!(
    a_change_that_changes_nothing_is_not_told,
    |place: Place| async move {
        let id = ServiceId::random();
        place
            .write(move |scope| services::create(scope, id, fields(json!({}))))
            .await
            .unwrap();
        place
            .write(move |scope| {
                let service = services::by_id(scope, id)?.unwrap();
                let same = service.fields.clone();
                services::replace(scope, service, same)
            })
            .await
            .unwrap();
        assert_eq!(place.events(Topic::Services).await.len(), 1);
    }
);

on_both!(
    a_service_keeps_every_field_that_was_written,
    |place: Place| async move {
        let written = fields(json!({
            "description": "<p>Testo</p>", "payment_required": 1, "max_response_time": 30, "sticky": true,
            "payment_parameters": {"total_amounts": "16.50", "gateways": [{"identifier": "sandbox", "parameters": {"config_id": "cf9ece67-1956-49c9-af89-a19120485fef", "extra": [1, 2]}}]},
            "feedback_messages": {"status_pending": {"message": "In carico", "is_active": true}},
            "automatic_assignment": {"field": "zona", "rules": [{"value": "nord", "user_group_id": "01943ffe-0680-7438-ae6b-000000000101"}]},
            "scheduled_from": "2026-12-01T00:00:00+01:00", "integrations": {"2000": "calendars"}, "source": {"id": "a", "version": "3"},
        }));
        let expected = written.clone();
        let id = ServiceId::random();
        place
            .write(move |scope| services::create(scope, id, written))
            .await
            .unwrap();
        let read = place
            .write(move |scope| Ok(services::by_id(scope, id)?.unwrap()))
            .await
            .unwrap();
        assert_eq!(
            read.fields,
            ServiceFields {
                slug: "asilo-nido".to_owned(),
                ..expected
            }
        );
        let event = place.events(Topic::Services).await.remove(0);
        assert_eq!(
            event.payload["payment_parameters"]["total_amounts"],
            json!(16.5)
        );
        assert_eq!(
            event.payload["automatic_assignment"]["rules"][0]["value"],
            "nord"
        );
    }
);

on_both!(
    an_identifier_is_taken_once_and_a_slug_gets_a_number,
    |place: Place| async move {
        let make = |more: Value| {
            place.write(move |scope| services::create(scope, ServiceId::random(), fields(more)))
        };
        make(json!({"identifier": "nido"})).await.unwrap();
        assert_eq!(
            id_of(make(json!({"identifier": "nido"})).await.unwrap_err()),
            "already-exists"
        );
        assert_eq!(
            id_of(make(json!({"slug": "asilo-nido"})).await.unwrap_err()),
            "already-exists"
        );
        assert_eq!(make(json!({})).await.unwrap().fields.slug, "asilo-nido-2");
    }
);

on_both!(
    what_a_service_refers_to_must_exist,
    |place: Place| async move {
        let unknown = "01943ffe-0680-7438-ae6b-00000000ffff";
        for more in [
            json!({"topics_id": unknown}),
            json!({"service_group_id": unknown}),
            json!({"recipients_id": [unknown]}),
            json!({"geographic_areas_id": [unknown]}),
            json!({"backoffice_form_id": unknown}),
            json!({"flow_steps": [{"identifier": "form", "title": "M", "type": "formio", "parameters": {"formio_id": unknown}}]}),
        ] {
            let body = more.clone();
            let problem = place
                .write(move |scope| services::create(scope, ServiceId::random(), fields(body)))
                .await
                .unwrap_err();
            assert_eq!(id_of(problem), "unknown-reference", "{more}");
        }
        assert!(place.events(Topic::Services).await.is_empty());
    }
);

on_both!(
    tenants_do_not_see_each_others_services,
    |place: Place| async move {
        let id = ServiceId::random();
        place
            .write(move |scope| services::create(scope, id, fields(json!({"identifier": "nido"}))))
            .await
            .unwrap();
        let other = opencity_kernel::db::Tenancy::from_row(opencity_kernel::id::TenantId::new());
        let found = place
            .database
            .read::<_, Problem>(other, move |scope| {
                services::by_reference(scope, &id.to_string())
            })
            .await;
        assert_eq!(id_of(found.unwrap_err()), "not-found");
        // The same identifier and slug are free there.
        place
            .database
            .write(other, move |scope| {
                services::create(
                    scope,
                    ServiceId::random(),
                    fields(json!({"identifier": "nido"})),
                )
            })
            .await
            .unwrap();
    }
);

on_both!(
    a_renamed_category_is_told_by_its_services,
    |place: Place| async move {
        let (category, recipient) = (TermId::new(), TermId::new());
        place
            .write(move |scope| {
                let named = |name: &str| TermFields {
                    name: name.to_owned(),
                    ..TermFields::default()
                };
                terms::create(scope, TermKind::Category, category, named("Scuola"))?;
                terms::create(scope, TermKind::Recipient, recipient, named("Famiglie"))?;
                let body = json!({"topics_id": category, "recipients_id": [recipient]});
                services::create(scope, ServiceId::random(), fields(body))?;
                services::create(scope, ServiceId::random(), fields(json!({"name": "Altro"})))?;
                let term = terms::by_id(scope, TermKind::Category, category)?.unwrap();
                let renamed = TermFields {
                    name: "Istruzione".to_owned(),
                    ..term.fields.clone()
                };
                terms::replace(scope, TermKind::Category, term, renamed)
            })
            .await
            .unwrap();
        let events = place.events(Topic::Services).await;
        assert_eq!(events.len(), 3);
        assert_eq!(
            (
                &events[2].payload["topics_name"],
                events[2].aggregate_version
            ),
            (&json!("Istruzione"), 2)
        );
        assert_eq!(events[2].payload["recipients"], json!(["Famiglie"]));

        let problem = place
            .write(move |scope| terms::delete(scope, category))
            .await
            .unwrap_err();
        assert_eq!(id_of(problem), "still-in-use");
    }
);

on_both!(
    a_category_cannot_belong_to_one_below_it,
    |place: Place| async move {
        let problem = place
            .write(|scope| {
                let (top, below) = (TermId::new(), TermId::new());
                let named = |name: &str, parent_id| TermFields {
                    name: name.to_owned(),
                    parent_id,
                    ..TermFields::default()
                };
                let term = terms::create(scope, TermKind::Category, top, named("A", None))?;
                terms::create(scope, TermKind::Category, below, named("B", Some(top)))?;
                terms::replace(scope, TermKind::Category, term, named("A", Some(below)))
            })
            .await
            .unwrap_err();
        assert_eq!(id_of(problem), "validation");
    }
);

on_both!(
    a_group_with_services_cannot_be_removed,
    |place: Place| async move {
        let group = GroupId::random();
        place
            .write(move |scope| {
                let named = GroupFields {
                    name: "Famiglia".to_owned(),
                    ..GroupFields::default()
                };
                groups::create(scope, group, named)?;
                services::create(
                    scope,
                    ServiceId::random(),
                    fields(json!({"service_group_id": group})),
                )
            })
            .await
            .unwrap();
        let event = place.events(Topic::Services).await.remove(0);
        assert_eq!(event.payload["service_group_name"], "Famiglia");
        let problem = place
            .write(|scope| {
                let group = groups::by_reference(scope, "famiglia")?;
                groups::delete(scope, &group)
            })
            .await
            .unwrap_err();
        assert_eq!(id_of(problem), "still-in-use");
    }
);

on_both!(
    every_change_of_a_form_is_a_version_and_old_ones_stay,
    |place: Place| async move {
        let id = FormId::new();
        place
            .write(move |scope| forms::create(scope, id, form(json!([text_field("a", "Uno")]))))
            .await
            .unwrap();
        for label in ["Due", "Due"] {
            place
                .write(move |scope| {
                    let stored = forms::by_id(scope, id)?.unwrap();
                    forms::change(scope, stored, form(json!([text_field("a", label)])))
                })
                .await
                .unwrap();
        }
        let events = place.events(Topic::Forms).await;
        let told: Vec<_> = events
            .iter()
            .map(|event| (event.change_type(), event.payload["version"].as_i64()))
            .collect();
        assert_eq!(told, [("created", Some(1)), ("data", Some(2))]);
        assert!(events.iter().all(|event| event.key == id.to_string()));
        let first = place
            .write(move |scope| Ok(forms::version(scope, id, 1)?.unwrap()))
            .await
            .unwrap();
        assert_eq!(first.resolved.schema["components"][0]["label"], "Uno");
    }
);

on_both!(
    a_changed_nested_form_gives_the_forms_around_it_a_new_version,
    |place: Place| async move {
        let (inner, middle, outer) = (FormId::new(), FormId::new(), FormId::new());
        let nest = |id: FormId| form(json!([{"type": "form", "key": "nested", "form": id}]));
        place
            .write(move |scope| {
                let translated = FormSource {
                    translations: [(
                        "de".to_owned(),
                        [("Nome".to_owned(), "Name".to_owned())].into(),
                    )]
                    .into(),
                    ..form(json!([text_field("name", "Nome")]))
                };
                forms::create(scope, inner, translated)?;
                forms::create(scope, middle, nest(inner))?;
                forms::create(scope, outer, nest(middle))
            })
            .await
            .unwrap();
        place
            .write(move |scope| {
                let stored = forms::by_id(scope, inner)?.unwrap();
                forms::change(
                    scope,
                    stored,
                    form(json!([text_field("surname", "Cognome")])),
                )
            })
            .await
            .unwrap();
        let events = place.events(Topic::Forms).await;
        let last = events
            .iter()
            .rfind(|event| event.entity == outer.uuid())
            .unwrap();
        let path = "/schema/components/0/components/0/components/0/key";
        assert_eq!(
            (last.aggregate_version, last.payload.pointer(path)),
            (2, Some(&json!("surname")))
        );
        let first = events
            .iter()
            .find(|event| event.entity == outer.uuid())
            .unwrap();
        assert_eq!(first.payload["translations"]["de"]["Nome"], "Name");

        let cycle = place
            .write(move |scope| {
                let stored = forms::by_id(scope, inner)?.unwrap();
                forms::change(scope, stored, nest(outer))
            })
            .await;
        assert_eq!(id_of(cycle.unwrap_err()), "validation");
        let used = place
            .write(move |scope| {
                let stored = forms::by_id(scope, inner)?.unwrap();
                forms::delete(scope, &stored)
            })
            .await;
        assert_eq!(id_of(used.unwrap_err()), "still-in-use");
    }
);

on_both!(
    a_form_is_found_by_its_path_which_is_taken_once,
    |place: Place| async move {
        let with_path =
            || FormSource::read(map(json!({"path": "/anagrafica/", "components": []}))).unwrap();
        let made = place
            .write(move |scope| forms::create(scope, FormId::new(), with_path()))
            .await
            .unwrap();
        let found = place
            .write(|scope| Ok(forms::by_path(scope, "anagrafica")?.unwrap()))
            .await
            .unwrap();
        assert_eq!(found, made);
        let problem = place
            .write(move |scope| forms::create(scope, FormId::new(), with_path()))
            .await
            .unwrap_err();
        assert_eq!(id_of(problem), "already-exists");
    }
);

on_both!(a_removed_form_is_told_and_gone, |place: Place| async move {
    let id = FormId::new();
    place
        .write(move |scope| forms::create(scope, id, form(json!([]))))
        .await
        .unwrap();
    place
        .write(move |scope| {
            let stored = forms::by_id(scope, id)?.unwrap();
            forms::delete(scope, &stored)
        })
        .await
        .unwrap();
    let events = place.events(Topic::Forms).await;
    assert_eq!(
        (events[1].change_type(), events[1].aggregate_version),
        ("deleted", 2)
    );
    assert_eq!(
        place
            .write(move |scope| Ok(forms::by_id(scope, id)?))
            .await
            .unwrap(),
        None
    );
});

on_both!(forms_are_listed_page_by_page, |place: Place| async move {
    place
        .write(|scope| {
            for _ in 0..5 {
                forms::create(scope, FormId::new(), form(json!([])))?;
            }
            Ok(())
        })
        .await
        .unwrap();
    let (count, first) = place
        .write(|scope| Ok(forms::page(scope, None, 0, 3)?))
        .await
        .unwrap();
    assert_eq!(
        (count, first.len()),
        (5, 4),
        "one more than the page says that there are more"
    );
    let last = first[2].id;
    let (_, second) = place
        .write(move |scope| Ok(forms::page(scope, Some(last), 0, 3)?))
        .await
        .unwrap();
    assert_eq!(second.len(), 2);
    assert!(second.iter().all(|form| form.id > last));
});

on_both!(
    the_present_state_can_be_told_again,
    |place: Place| async move {
        let id = FormId::new();
        place
            .write(move |scope| {
                services::create(scope, ServiceId::random(), fields(json!({})))?;
                let stored = forms::create(scope, id, form(json!([text_field("a", "Uno")])))?;
                forms::change(scope, stored, form(json!([text_field("a", "Due")])))
            })
            .await
            .unwrap();
        assert_eq!(republish::services(&place.database).await.unwrap(), 1);
        assert_eq!(republish::forms(&place.database).await.unwrap(), 2);
        let services = place.events(Topic::Services).await;
        assert_eq!(
            (services[1].change_type(), services[1].aggregate_version),
            ("republished", 1)
        );
        assert!(services[1].is_republished());
        let forms = place.events(Topic::Forms).await;
        let told: Vec<_> = forms[2..]
            .iter()
            .map(|event| (event.change_type(), event.aggregate_version))
            .collect();
        assert_eq!(told, [("republished", 1), ("republished", 2)]);
    }
);

on_both!(the_demo_is_seeded_once, |place: Place| async move {
    demo::seed(&place.database).await.unwrap();
    demo::seed(&place.database).await.unwrap();
    let services = place.events(Topic::Services).await;
    assert_eq!(services.len(), 3);
    let paid = &services[0].payload;
    assert_eq!(paid["name"], "Occupazione di suolo pubblico");
    assert_eq!(paid["payment_required"], PaymentRequired::Immediate.code());
    assert_eq!(
        paid["payment_parameters"]["gateways"],
        json!([{"identifier": "sandbox", "parameters": {"config_id": "cf9ece67-1956-49c9-af89-a19120485fef"}}])
    );
    assert_eq!(
        paid["flow_steps"][0]["parameters"]["formio_id"],
        "f0000000-0000-4000-8000-000000000001"
    );
    assert_eq!(
        paid["user_group_ids"],
        json!(["01943ffe-0680-7438-ae6b-000000000101"])
    );
    assert_eq!(paid["topics_name"], "Vita pubblica");
    assert!(
        services
            .iter()
            .all(|event| event.payload["status"] == ServiceStatus::Published.code())
    );
    let forms = place.events(Topic::Forms).await;
    assert_eq!(forms.len(), 3);
    for event in forms {
        let parsed = opencity_formio::Form::parse(&event.payload["schema"]).unwrap();
        assert!(parsed.pages().len() >= 3, "{}", parsed.title());
    }
});

on_both!(
    the_migrations_can_be_reverted_and_applied_again,
    |place: Place| async move {
        let schema = place.schema().await;
        let modules = || vec![(opencity_services::INFO, opencity_services::MIGRATIONS)];
        place.database.revert(modules()).await.unwrap();
        let without = place.schema().await;
        assert!(!without.iter().any(|line| line.starts_with("services_")));
        place.database.migrate(modules()).await.unwrap();
        assert_eq!(place.schema().await, schema);
    }
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_databases_have_the_same_logical_schema() {
    let sqlite = Place::sqlite().await.schema().await;
    let postgres = Place::postgres().await.schema().await;
    assert_eq!(sqlite, postgres);
}
