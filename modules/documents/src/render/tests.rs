#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chrono::TimeZone;

use super::*;

/// What poppler, a program that knows nothing of ours, reads in the PDF.
fn read(pdf: &[u8], arguments: &[&str]) -> String {
    let mut reader = Command::new("pdftotext")
        .args(arguments)
        .args(["-enc", "UTF-8", "-", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test needs pdftotext: apt-get install poppler-utils");
    let mut input = reader.stdin.take().unwrap();
    let bytes = pdf.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&bytes));
    let output = reader.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// Words separated by one space, so that it does not matter where lines break.
fn flowing(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn without_spaces(text: &str) -> String {
    text.split_whitespace().collect()
}

#[track_caller]
fn assert_in_order(text: &str, expected: &[String]) {
    let mut rest = text;
    for part in expected {
        let part = flowing(part);
        let found = rest
            .find(&part)
            .unwrap_or_else(|| panic!("{part:?} is not in what follows: {:.300}", rest));
        rest = &rest[found + part.len()..];
    }
}

fn moment() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 9, 7, 5, 4).unwrap()
}

fn render(act: &Act) -> Vec<u8> {
    Renderer::new().unwrap().render(act, moment()).unwrap()
}

fn answer(label: &str, value: &str) -> Item {
    Item::Answer {
        label: label.to_owned(),
        value: value.to_owned(),
    }
}

fn act_with(items: Vec<Item>) -> Act {
    Act {
        title: "Richiesta di occupazione di suolo pubblico".to_owned(),
        language: "it".to_owned(),
        issuer: Issuer {
            name: "Comune di Bugliano".to_owned(),
            ..Issuer::default()
        },
        facts: vec![("Numero richiesta".to_owned(), "1a2b3c".to_owned())],
        sections: vec![Section {
            title: Some("Dati".to_owned()),
            items,
        }],
        footer: "Comune di Bugliano, richiesta 1a2b3c".to_owned(),
    }
}

fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

const LOGO: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 80 100"><path d="M5 5h70v50c0 20-20 35-35 40C25 90 5 75 5 55z" fill="#17324d"/><path d="M40 20l7 18h18l-15 11 6 18-16-11-16 11 6-18-15-11h18z" fill="#fff"/></svg>"##;

fn typical() -> Act {
    Act {
        title: "Richiesta di concessione per l’occupazione temporanea di suolo pubblico".to_owned(),
        language: "it".to_owned(),
        issuer: Issuer {
            name: "Comune di Bugliano".to_owned(),
            address: Some("Piazza del Municipio 1\n56010 Bugliano (PI)".to_owned()),
            tax_code: Some("00123450506".to_owned()),
            logo: Some(LOGO.as_bytes().to_vec()),
        },
        facts: vec![
            ("Numero richiesta".to_owned(), "0196f0c2-7d1e-7c55-9a44-2f6d3f1c9e01".to_owned()),
            ("Presentata il".to_owned(), "9 marzo 2026, ore 08:05".to_owned()),
            ("Servizio".to_owned(), "Occupazione di suolo pubblico per lavori edili, traslochi, manifestazioni e altre attività temporanee".to_owned()),
            ("Presentata da".to_owned(), "Ludovica Bàrtoli".to_owned()),
        ],
        sections: vec![
            Section {
                title: Some("Richiedente".to_owned()),
                items: vec![
                    answer("Nome e cognome", "Ludovica Bàrtoli"),
                    answer("Codice fiscale", "BRTLVC80A41G702X"),
                    answer("Residenza", "Via dell’Università 12, 56010 Bugliano (PI)"),
                    answer("Indirizzo di posta elettronica certificata", ""),
                ],
            },
            Section {
                title: Some("Occupazione".to_owned()),
                items: vec![
                    answer("Tipo di occupazione", "Ponteggio con pannelli"),
                    answer(
                        "Descrivi i lavori e indica perché non è possibile eseguirli senza occupare la sede stradale, il marciapiede o altre aree aperte al pubblico",
                        "Rifacimento della facciata.\nIl ponteggio poggia sul marciapiede per tutta la lunghezza dell’edificio; il passaggio dei pedoni resta garantito sotto la struttura, largo almeno 1,20 m e illuminato di notte.\n\nLe attività più rumorose si svolgono dalle 9 alle 12.",
                    ),
                    Item::Table {
                        label: "Aree occupate".to_owned(),
                        header: strings(&["Via", "Dal", "Al", "Superficie (m²)"]),
                        rows: vec![
                            strings(&["Via Roma 3, marciapiede lato nord", "1/4/2026", "30/4/2026", "24"]),
                            strings(&["Piazza del Duomo", "15/4/2026", "20/4/2026", "6"]),
                            strings(&["Vicolo Stretto", "15/4/2026"]),
                        ],
                    },
                    Item::Paragraph("La concessione è soggetta al canone unico patrimoniale (legge 160/2019, art. 1, comma 816 e seguenti).".to_owned()),
                ],
            },
            Section {
                title: Some("Dichiarazioni".to_owned()),
                items: (1..=12)
                    .map(|number| {
                        answer(
                            &format!("Dichiarazione {number}"),
                            "Sì, dichiaro di ripristinare a mia cura e spese lo stato dei luoghi al termine dell’occupazione.",
                        )
                    })
                    .collect(),
            },
        ],
        footer: "Comune di Bugliano · Occupazione di suolo pubblico · richiesta 0196f0c2".to_owned(),
    }
}

fn expected(act: &Act) -> Vec<String> {
    let dash = |text: &str| {
        if text.is_empty() {
            "–".to_owned()
        } else {
            text.to_owned()
        }
    };
    let mut parts = vec![act.issuer.name.clone(), act.title.clone()];
    for (name, value) in &act.facts {
        parts.extend([name.clone(), value.clone()]);
    }
    for section in &act.sections {
        parts.extend(section.title.clone());
        for item in &section.items {
            match item {
                Item::Answer { label, value } => parts.extend([label.clone(), dash(value)]),
                Item::Paragraph(text) => parts.push(text.clone()),
                Item::Table {
                    label,
                    header,
                    rows,
                } => {
                    parts.push(label.clone());
                    parts.extend(header.clone());
                    parts.extend(rows.iter().flatten().cloned());
                }
            }
        }
    }
    parts
}

#[test]
fn every_label_is_followed_by_its_answer_in_the_order_given() {
    let act = typical();
    let pdf = render(&act);
    if let Ok(path) = std::env::var("SAMPLE") {
        std::fs::write(path, &pdf).unwrap();
    }
    assert_in_order(&flowing(&read(&pdf, &[])), &expected(&act));
    assert_in_order(&flowing(&read(&pdf, &["-raw"])), &expected(&act));
}

#[test]
fn text_that_looks_like_markup_is_shown_as_it_was_written() {
    let hostile = r##"#panic("x") $x^2$ [a] *b* _c_ `d` <e> @f \g \u{41} // h /* i */ = j - k + l #include "/etc/passwd" ~ -- --- ... "q" 'r'"##;
    let mut act = act_with(vec![
        answer(hostile, hostile),
        Item::Paragraph(hostile.to_owned()),
        Item::Table {
            label: hostile.to_owned(),
            header: strings(&[hostile]),
            rows: vec![strings(&[hostile])],
        },
    ]);
    act.title = hostile.to_owned();
    act.issuer.name = hostile.to_owned();
    act.footer = hostile.to_owned();
    act.facts = vec![(hostile.to_owned(), hostile.to_owned())];
    let text = flowing(&read(&render(&act), &["-raw"]));
    assert_eq!(text.matches(&flowing(hostile)).count(), 10, "{text}");
}

#[test]
fn italian_german_and_slovenian_letters_come_out_as_typed() {
    let letters =
        "àèéìíòóùú ÀÈÉÌÒÙ äöüß ÄÖÜẞ čšžćđ ČŠŽĆĐ ufficio affluenza €25 «così» „so“ 1ª 2º m² ½";
    for language in ["it", "de", "en", "sl"] {
        let act = Act {
            language: language.to_owned(),
            ..act_with(vec![answer(letters, letters)])
        };
        let text = flowing(&read(&render(&act), &[]));
        assert_eq!(text.matches(letters).count(), 2, "{text}");
        assert!(!text.contains('\u{FFFD}'));
    }
}

#[test]
fn a_character_that_no_font_can_draw_is_marked_and_the_act_says_so() {
    let act = act_with(vec![answer("Nome", "Li 李 👩‍👩‍👧 ok"), answer("Poi", "fine")]);
    let text = flowing(&read(&render(&act), &[]));
    assert!(text.contains("Nome Li � � ok Poi fine"), "{text}");
    assert!(
        text.contains("Il segno � sta al posto di un carattere"),
        "{text}"
    );
    let plain = flowing(&read(&render(&act_with(vec![answer("Nome", "Li")])), &[]));
    assert!(!plain.contains('�'), "{plain}");
}

#[test]
fn any_character_of_unicode_can_be_in_an_answer() {
    let all = (0..=0x10_FFFF_u32)
        .filter_map(char::from_u32)
        .collect::<Vec<_>>();
    // The planes that have characters; the rest is unassigned or private, of which the ends are enough.
    let items = all
        .chunks(256)
        .filter(|block| {
            u32::from(block[0]) < 0x3_2000
                || u32::from(block[0]) >= 0xE_0000 && u32::from(block[0]) < 0xF_0400
        })
        .map(|block| {
            answer(
                "Blocco",
                &block
                    .iter()
                    .flat_map(|c| [*c, ' ', 'a', *c, *c])
                    .collect::<String>(),
            )
        })
        .collect();
    let text = read(&render(&act_with(items)), &[]);
    assert!(text.contains('Ж') && text.contains('λ') && text.contains('→'));
}

#[test]
fn control_characters_and_direction_overrides_are_left_out() {
    let act = act_with(vec![answer(
        "A\u{0}B\u{7}C",
        "x\u{202E}y\u{200B}z\ttab\r\nnext\u{2028}last\u{1B}[0m\u{FEFF}",
    )]);
    let text = flowing(&read(&render(&act), &[]));
    assert!(text.contains("ABC xyz tab next last[0m"), "{text}");
}

#[test]
fn ten_thousand_characters_are_all_there() {
    let long = (0..1700)
        .map(|number| format!("w{number:04}"))
        .collect::<Vec<_>>()
        .join(" ");
    let act = act_with(vec![answer("Motivo", &long), answer("Dopo", "fine")]);
    let text = read(&render(&act), &[]);
    let words: Vec<&str> = text
        .split_whitespace()
        .filter(|word| long.contains(word) && word.starts_with('w'))
        .collect();
    assert_eq!(words.join(" "), long);
    assert!(flowing(&text).contains("Dopo fine"));
}

#[test]
fn a_word_without_end_stays_on_the_page() {
    let word = (0..600)
        .map(|number| format!("{number:x}"))
        .collect::<String>();
    let act = act_with(vec![
        answer(&word, &word),
        Item::Table {
            label: "T".to_owned(),
            header: strings(&["a", "b", "c", "d", "e", "f"]),
            rows: vec![vec![word.clone(); 6]],
        },
    ]);
    let pdf = render(&act);
    // Poppler leaves out what lies outside the page.
    assert!(
        without_spaces(&read(&pdf, &["-raw"]))
            .matches(&word)
            .count()
            >= 2
    );
    // A4 is 595 points wide and the margin is 62.
    for line in read(&pdf, &["-bbox"])
        .lines()
        .filter(|line| line.contains("<word"))
    {
        let right: f64 = line
            .split("xMax=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert!(right <= 534.0, "{line}");
    }
}

#[test]
fn a_long_german_word_and_an_identifier_are_not_broken() {
    let words = "Grundstücksverkehrsgenehmigung 0196f0c2-7d1e-7c55-9a44-2f6d3f1c9e01 ".repeat(40);
    let text = read(
        &render(&act_with(vec![answer("Betreff", &words)])),
        &["-raw"],
    );
    assert_eq!(
        text.matches("Grundstücksverkehrsgenehmigung").count(),
        40,
        "{text}"
    );
}

#[test]
fn nothing_but_empty_strings_is_still_a_document() {
    let act = Act {
        title: String::new(),
        language: String::new(),
        issuer: Issuer::default(),
        facts: vec![(String::new(), String::new())],
        sections: vec![
            Section {
                title: Some(String::new()),
                items: vec![
                    answer("", ""),
                    Item::Paragraph(" \n".to_owned()),
                    Item::Table {
                        label: String::new(),
                        header: vec![],
                        rows: vec![vec![]],
                    },
                    Item::Table {
                        label: String::new(),
                        header: vec![],
                        rows: vec![strings(&["x"]), strings(&["", "y"])],
                    },
                ],
            },
            Section::default(),
        ],
        footer: String::new(),
    };
    assert!(read(&render(&act), &[]).contains('–'));
}

#[test]
fn a_title_or_heading_as_long_as_a_page_is_accepted() {
    let long = "parola ".repeat(6000);
    let mut act = act_with(vec![]);
    act.title = long.clone();
    act.sections[0].title = Some(long.clone());
    act.issuer.name = long;
    assert!(read(&render(&act), &[]).matches("parola").count() >= 18_000);
}

#[test]
fn a_table_wider_than_the_page_is_written_row_by_row() {
    let header: Vec<String> = (1..=9).map(|column| format!("Colonna {column}")).collect();
    let row = |name: &str| {
        (1..=9)
            .map(|column| format!("{name}{column}"))
            .collect::<Vec<_>>()
    };
    let act = act_with(vec![Item::Table {
        label: "Familiari".to_owned(),
        header,
        rows: vec![row("a"), row("b")],
    }]);
    let text = flowing(&read(&render(&act), &[]));
    assert!(
        text.contains("Familiari 1 Colonna 1 a1 Colonna 2 a2"),
        "{text}"
    );
    assert_in_order(
        &text,
        &strings(&[
            "Colonna 9 a9",
            "Familiari 2",
            "Colonna 1 b1",
            "Colonna 9 b9",
        ]),
    );
}

#[test]
fn the_same_act_at_the_same_moment_gives_the_same_bytes() {
    let first = render(&typical());
    assert!(first == render(&typical()));
    let later = Renderer::new()
        .unwrap()
        .render(&typical(), moment() + chrono::Duration::seconds(1))
        .unwrap();
    assert!(first != later);
}

#[test]
fn the_file_says_what_it_is() {
    let pdf = render(&Act {
        language: "sl".to_owned(),
        ..typical()
    });
    let raw = String::from_utf8_lossy(&pdf);
    assert!(
        raw.contains("<pdfaid:part>2</pdfaid:part>")
            && raw.contains("<pdfaid:conformance>A</pdfaid:conformance>")
    );
    assert!(raw.contains("<pdfuaid:part>1</pdfuaid:part>"));
    assert!(raw.contains("/Lang(sl)") || raw.contains("/Lang (sl)"));
    assert!(raw.contains("<xmp:CreateDate>2026-03-09T07:05:04+00:00</xmp:CreateDate>"));
    assert!(raw.contains("l’occupazione temporanea di suolo pubblico</rdf:li>"));
    assert!(raw.contains("/MarkInfo"));
}

#[test]
fn pages_are_numbered_out_of_their_total() {
    let text = read(&render(&typical()), &[]);
    let pages = text.matches('\u{C}').count();
    assert!(pages > 1);
    for page in 1..=pages {
        // The spaces around the stroke are too narrow for poppler.
        assert!(
            without_spaces(&text).contains(&format!("richiesta0196f0c2{page}/{pages}")),
            "{text}"
        );
    }
}

#[test]
fn a_label_is_never_parted_from_its_answer_by_the_end_of_a_page() {
    let items = (0..120)
        .map(|number| {
            answer(
                &format!("Domanda{number:03}"),
                &format!("Risposta{number:03}"),
            )
        })
        .collect();
    let text = read(&render(&act_with(items)), &[]);
    for page in text.split('\u{C}') {
        for number in 0..120 {
            assert_eq!(
                page.contains(&format!("Domanda{number:03}")),
                page.contains(&format!("Risposta{number:03}"))
            );
        }
    }
}

#[test]
fn a_logo_that_cannot_be_read_is_left_out() {
    let plain = {
        let mut act = typical();
        act.issuer.logo = None;
        render(&act)
    };
    let png = {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::RgbaImage::from_pixel(40, 50, image::Rgba([10, 80, 120, 128]))
            .write_to(&mut bytes, image::ImageFormat::Png)
            .unwrap();
        bytes.into_inner()
    };
    let with = |logo: &[u8]| {
        let mut act = typical();
        act.issuer.logo = Some(logo.to_vec());
        render(&act)
    };
    for broken in [
        &b""[..],
        b"not a picture",
        b"<svg",
        &png[..60],
        &[0xFF, 0xD8, 0xFF, 0xE0],
    ] {
        assert!(with(broken) == plain);
    }
    let mut bomb = png.clone();
    bomb[16..24].copy_from_slice(&[0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF]);
    assert!(with(&bomb) == plain);
    assert!(with(&png) != plain);
    assert!(with(LOGO.as_bytes()) != plain);
}

#[test]
fn one_renderer_serves_many_threads() {
    let renderer = Renderer::new().unwrap();
    let alone = renderer.render(&typical(), moment()).unwrap();
    let together: Vec<_> = (0..4)
        .map(|_| {
            let renderer = renderer.clone();
            std::thread::spawn(move || renderer.render(&typical(), moment()).unwrap())
        })
        .collect();
    for thread in together {
        assert!(thread.join().unwrap() == alone);
    }
}

#[test]
fn two_hundred_answers_take_little_time() {
    let items = (0..200)
        .map(|number| {
            answer(
                &format!("Domanda numero {number}: descrivi brevemente la situazione"),
                &"Una risposta di lunghezza media, come se ne scrivono. ".repeat(4),
            )
        })
        .collect();
    let act = act_with(items);
    let renderer = Renderer::new().unwrap();
    let start = Instant::now();
    let pdf = renderer.render(&act, moment()).unwrap();
    let taken = start.elapsed();
    // Generous: the machine may be busy and the build unoptimised.
    assert!(taken < Duration::from_secs(20), "{taken:?}");
    assert!(pdf.len() < 1_000_000);
}
