#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
use super::*;
use opencity_kernel::id::{ApplicationId, ServiceId, UserId};
use uuid::Uuid;

const ID: &str = "0192f0c1-0000-7000-8000-000000000001";

fn texts(name: &str, text: FeedbackMessage) -> BTreeMap<String, FeedbackMessage> {
    BTreeMap::from([(name.to_owned(), text)])
}

fn active(subject: Option<&str>, message: Option<&str>) -> FeedbackMessage {
    FeedbackMessage {
        subject: subject.map(str::to_owned),
        message: message.map(str::to_owned),
        is_active: true,
    }
}

fn compose_with(
    status: Status,
    texts: &BTreeMap<String, FeedbackMessage>,
    language: Language,
    placeholders: Placeholders,
) -> Option<Text> {
    let input = StatusMessageInput {
        on: On {
            application: ID.parse::<ApplicationId>().unwrap(),
            service: ServiceId::from_uuid(Uuid::nil()),
            owner: UserId::from_uuid(Uuid::nil()),
        },
        status,
        texts,
        language,
        email: None,
        api: "https://servizi.example/lang/api",
        placeholders,
    };
    compose(&input, Instant::parse("2026-03-01T23:30:00Z").unwrap())
}

fn placeholders() -> Placeholders {
    Placeholders {
        service: "Occupazione di suolo".to_owned(),
        service_full_name: "Suolo pubblico - Occupazione di suolo".to_owned(),
        protocol_number: Some("2026/17".to_owned()),
        protocolled_at: Instant::parse("2026-02-28T23:30:00Z").ok(),
        submitted_at: Instant::parse("2026-07-31T22:05:00Z").ok(),
        user_name: "Mario <b>Rossi</b>".to_owned(),
        max_response_time: Some(30),
        category: Some("Mobilità".to_owned()),
        group: Some("Suolo pubblico".to_owned()),
        personal_message: Some("<em>Porti il documento</em>".to_owned()),
    }
}

#[test]
fn every_placeholder_is_filled_in_a_text_of_the_service() {
    let own = "%id%|%pratica_id%|%servizio%|%service_fullname%|%protocollo%|%data_protocollo%|%ora_protocollo%|\
        %data_acquisizione%|%ora_acquisizione%|%data_corrente%|%user_name%|%indirizzo%|%max_response_time%|%categoria%|\
        %gruppo%|%messaggio_personale%";
    let texts = texts(
        "status_registered",
        active(Some("n. %protocollo%\n%servizio%"), Some(own)),
    );
    let text = compose_with(Status::Registered, &texts, Language::De, placeholders()).unwrap();
    assert_eq!(
        text.body.split('|').collect::<Vec<_>>(),
        [
            ID,
            ID,
            "Occupazione di suolo",
            "Suolo pubblico - Occupazione di suolo",
            "2026/17",
            "01/03/2026",
            "00:30",
            "01/08/2026",
            "00:05",
            "02/03/2026",
            "Mario &lt;b&gt;Rossi&lt;/b&gt;",
            &format!("https://servizi.example/lang/de/pratiche/{ID}/detail"),
            "30",
            "Mobilità",
            "Suolo pubblico",
            "<em>Porti il documento</em>",
        ]
    );
    assert_eq!(text.subject, "n. 2026/17 Occupazione di suolo");
}

#[test]
fn without_a_text_of_the_service_the_catalogue_speaks_in_the_language_of_the_application() {
    let none = BTreeMap::new();
    let italian = compose_with(Status::Complete, &none, Language::It, placeholders()).unwrap();
    assert_eq!(
        italian.subject,
        format!("La richiesta n. {ID} è stata accettata")
    );
    assert!(
        italian
            .body
            .starts_with("<p>Gentile Mario &lt;b&gt;Rossi&lt;/b&gt;,</p>"),
        "{}",
        italian.body
    );
    assert!(
        italian.body.contains("<p><em>Porti il documento</em></p>"),
        "{}",
        italian.body
    );
    let link = format!("https://servizi.example/lang/it/pratiche/{ID}/detail");
    assert!(
        italian
            .body
            .contains(&format!("<a href=\"{link}\">{link}</a>")),
        "{}",
        italian.body
    );
    let german = compose_with(Status::Complete, &none, Language::De, placeholders()).unwrap();
    assert_ne!(german.subject, italian.subject);
}

#[test]
fn a_paragraph_that_stays_empty_is_left_out() {
    let quiet = Placeholders {
        personal_message: None,
        ..placeholders()
    };
    let text = compose_with(Status::Complete, &BTreeMap::new(), Language::It, quiet).unwrap();
    assert!(
        !text.body.contains("<p></p>") && !text.body.contains('%'),
        "{}",
        text.body
    );
}

#[test]
fn a_text_that_is_switched_off_is_no_message() {
    let off = texts(
        "status_pending",
        FeedbackMessage {
            is_active: false,
            ..active(None, Some("x"))
        },
    );
    assert_eq!(
        compose_with(Status::Pending, &off, Language::It, placeholders()),
        None
    );
    // Of another state.
    assert!(compose_with(Status::Complete, &off, Language::It, placeholders()).is_some());
}

#[test]
fn what_the_service_leaves_empty_comes_from_the_catalogue() {
    let texts = texts("status_pending", active(Some(" "), Some("<p>Ciao</p>")));
    let text = compose_with(Status::Pending, &texts, Language::It, placeholders()).unwrap();
    assert_eq!(
        text.subject,
        format!("La richiesta n. {ID} è stata presa in carico")
    );
    assert_eq!(text.body, "<p>Ciao</p>");
}

#[test]
fn a_state_that_nobody_is_written_about_has_no_message_unless_the_service_has_a_text_for_it() {
    assert_eq!(
        compose_with(
            Status::PreSubmit,
            &BTreeMap::new(),
            Language::It,
            placeholders()
        ),
        None
    );
    let own = texts("status_pre_submit", active(None, Some("Ricevuta.")));
    let text = compose_with(Status::PreSubmit, &own, Language::It, placeholders()).unwrap();
    assert_eq!(
        text.subject,
        format!("La richiesta n. {ID} è stata aggiornata")
    );
}
