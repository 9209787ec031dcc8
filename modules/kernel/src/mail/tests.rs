#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

use super::*;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

fn email() -> Email {
    Email {
        message_id: "status-0190@bugliano.test".to_owned(),
        to: vec![MailAddress {
            name: Some("Mario Rossi".to_owned()),
            address: "mario@example.test".to_owned(),
        }],
        cc: vec![MailAddress::new("ufficio@example.test")],
        subject: "La richiesta è stata aggiornata".to_owned(),
        text: "Buongiorno,\n.\nla richiesta è accettata.".to_owned(),
        automatic: true,
        ..Email::default()
    }
}

fn to_folder(folder: &Path) -> Mailer {
    Mailer::new(&MailSettings {
        folder: folder.to_owned(),
        ..MailSettings::default()
    })
    .unwrap()
}

fn smtp_settings(port: u16) -> MailSettings {
    MailSettings {
        transport: MailTransport::Smtp,
        host: "127.0.0.1".to_owned(),
        port: Some(port),
        encryption: MailEncryption::DangerousNone,
        from: "Comune di Bugliano <servizi@bugliano.test>".to_owned(),
        ..MailSettings::default()
    }
}

/// A mail server of a few lines that speaks to one client, answers recipients as told, and gives back what it was sent.
async fn mail_server(answer_to_recipients: &'static str) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let conversation = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let (reader, mut writer) = socket.into_split();
        let mut lines = BufReader::new(reader).lines();
        let mut heard = Vec::new();
        let mut in_data = false;
        writer.write_all(b"220 test ESMTP\r\n").await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            let answer = match line.split(' ').next().unwrap() {
                "." if in_data => {
                    in_data = false;
                    "250 taken"
                }
                _ if in_data => "",
                "EHLO" => "250-test\r\n250 AUTH PLAIN",
                "AUTH" => "235 welcome",
                "RCPT" => answer_to_recipients,
                "DATA" => {
                    in_data = true;
                    "354 go on"
                }
                "QUIT" => "221 bye",
                _ => "250 fine",
            };
            heard.push(line);
            // The client may be gone after its last word.
            if !answer.is_empty()
                && writer
                    .write_all(format!("{answer}\r\n").as_bytes())
                    .await
                    .is_err()
            {
                break;
            }
        }
        heard
    });
    (port, conversation)
}

#[tokio::test]
async fn a_mail_in_the_folder_is_a_file_named_by_its_id_and_sending_again_is_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = to_folder(&folder.path().join("mail"));
    mailer.send(&email()).await.unwrap();
    mailer.send(&email()).await.unwrap();
    let files: Vec<_> = std::fs::read_dir(folder.path().join("mail"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(files, ["status-0190@bugliano.test.eml"]);
    let text =
        std::fs::read_to_string(folder.path().join("mail/status-0190@bugliano.test.eml")).unwrap();
    for line in [
        "Message-ID: <status-0190@bugliano.test>\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "To: \"Mario Rossi\" <mario@example.test>\r\n",
        "Cc: ufficio@example.test\r\n",
        "Date: ",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[tokio::test]
async fn text_html_and_attachments_arrive_together() {
    let folder = tempfile::tempdir().unwrap();
    let attachment = MailAttachment {
        filename: "atto.pdf".to_owned(),
        mime_type: "application/pdf".to_owned(),
        content: b"%PDF".to_vec(),
    };
    let whole = Email {
        html: Some("<p>Buongiorno</p>".to_owned()),
        in_reply_to: Some("first@bugliano.test".to_owned()),
        attachments: vec![attachment],
        automatic: false,
        ..email()
    };
    to_folder(folder.path()).send(&whole).await.unwrap();
    let text =
        std::fs::read_to_string(folder.path().join("status-0190@bugliano.test.eml")).unwrap();
    for part in [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "application/pdf",
        "filename=\"atto.pdf\"",
        "In-Reply-To: <first@bugliano.test>",
        "References: <first@bugliano.test>",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("Auto-Submitted"));
}

#[tokio::test]
async fn nobody_adds_a_header_through_a_subject_a_name_or_a_file_name() {
    let folder = tempfile::tempdir().unwrap();
    let evil = "x\r\nBcc: victim@example.test";
    let attachment = MailAttachment {
        filename: evil.to_owned(),
        mime_type: "text/plain".to_owned(),
        content: Vec::new(),
    };
    let to = MailAddress {
        name: Some(evil.to_owned()),
        address: "mario@example.test".to_owned(),
    };
    let mail = Email {
        subject: evil.to_owned(),
        to: vec![to],
        attachments: vec![attachment],
        ..email()
    };
    to_folder(folder.path()).send(&mail).await.unwrap();
    let text =
        std::fs::read_to_string(folder.path().join("status-0190@bugliano.test.eml")).unwrap();
    assert!(!text.lines().any(|line| line.starts_with("Bcc")), "{text}");
}

#[tokio::test]
async fn what_is_no_mail_is_refused_without_telling_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = to_folder(folder.path());
    let wrong_address = Email {
        to: vec![MailAddress::new("not-an-address")],
        ..email()
    };
    let nobody = Email {
        to: Vec::new(),
        ..email()
    };
    let ids = ["", "x", "../x@y", "a/b@y", ".x@y", "x@", "a b@y", "x>@y"];
    let wrong_ids = ids.map(|id| Email {
        message_id: id.to_owned(),
        ..email()
    });
    for mail in [wrong_address, nobody].into_iter().chain(wrong_ids) {
        let error = mailer.send(&mail).await.unwrap_err();
        assert!(matches!(error, MailError::Invalid(_)) && !error.is_temporary());
        assert!(!format!("{error} {error:?}").contains("not-an-address"));
    }
    assert_eq!(format!("{:?}", email().to), "[MailAddress(…)]");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_mail_server_gets_sender_all_recipients_and_the_text_without_loss() {
    let (port, conversation) = mail_server("250 fine").await;
    let settings = MailSettings {
        user: Some("user".to_owned()),
        password: Some("secret".into()),
        ..smtp_settings(port)
    };
    Mailer::new(&settings)
        .unwrap()
        .send(&email())
        .await
        .unwrap();
    let heard = conversation.await.unwrap();
    // `AUTH PLAIN` of RFC 4616: NUL user NUL password in base64.
    assert!(
        heard.contains(&"AUTH PLAIN AHVzZXIAc2VjcmV0".to_owned()),
        "{heard:?}"
    );
    for start in [
        "MAIL FROM:<servizi@bugliano.test>",
        "RCPT TO:<mario@example.test>",
        "RCPT TO:<ufficio@example.test>",
        "Message-ID: <status-0190@bugliano.test>",
    ] {
        assert!(
            heard.iter().any(|line| line.starts_with(start)),
            "{start} in {heard:?}"
        );
    }
    let last = heard
        .iter()
        .position(|line| line.contains("la richiesta"))
        .unwrap();
    let end = heard.iter().position(|line| line == ".").unwrap();
    assert!(
        end > last,
        "the dot on a line of its own must not end the mail: {heard:?}"
    );
}

#[tokio::test]
async fn a_refusal_for_ever_is_told_from_one_for_now_and_neither_tells_the_address() {
    for (answer, code, temporary) in [
        ("550 <mario@example.test> unknown", 550, false),
        ("451 <mario@example.test> later", 451, true),
    ] {
        let (port, conversation) = mail_server(answer).await;
        let error = Mailer::new(&smtp_settings(port))
            .unwrap()
            .send(&email())
            .await
            .unwrap_err();
        assert_eq!(error.is_temporary(), temporary);
        assert!(
            error.to_string().contains(&format!("code {code}")),
            "{error}"
        );
        assert!(!format!("{error} {error:?}").contains("mario"), "{error:?}");
        conversation.await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_temporary() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = Mailer::new(&smtp_settings(port))
        .unwrap()
        .send(&email())
        .await
        .unwrap_err();
    assert!(
        matches!(error, MailError::Temporary { code: None }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_server_without_encryption_gets_nothing_where_encryption_is_asked() {
    let (port, conversation) = mail_server("250 fine").await;
    let settings = MailSettings {
        encryption: MailEncryption::StartTls,
        ..smtp_settings(port)
    };
    Mailer::new(&settings)
        .unwrap()
        .send(&email())
        .await
        .unwrap_err();
    let heard = conversation.await.unwrap();
    assert!(
        !heard
            .iter()
            .any(|line| line.starts_with("MAIL") || line.starts_with("AUTH")),
        "{heard:?}"
    );
}

#[tokio::test]
async fn a_tenant_has_its_own_sender_and_server_but_a_folder_stays_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let tenant = smtp_settings(1);
    to_folder(folder.path())
        .for_tenant(&tenant)
        .unwrap()
        .send(&email())
        .await
        .unwrap();
    let text =
        std::fs::read_to_string(folder.path().join("status-0190@bugliano.test.eml")).unwrap();
    assert!(
        text.contains("From: \"Comune di Bugliano\" <servizi@bugliano.test>"),
        "{text}"
    );

    let (port, conversation) = mail_server("250 fine").await;
    let installation = Mailer::new(&MailSettings {
        from: "default@example.test".to_owned(),
        ..smtp_settings(1)
    })
    .unwrap();
    installation
        .for_tenant(&smtp_settings(port))
        .unwrap()
        .send(&email())
        .await
        .unwrap();
    assert!(
        conversation
            .await
            .unwrap()
            .iter()
            .any(|line| line.starts_with("MAIL FROM:<servizi@bugliano.test>"))
    );
    assert!(matches!(
        installation.for_tenant(&MailSettings::default()),
        Err(MailError::Settings(_))
    ));
}

#[test]
fn wrong_settings_are_noticed_at_start() {
    let password_alone = MailSettings {
        password: Some("secret".into()),
        ..smtp_settings(25)
    };
    let no_sender = MailSettings {
        from: "nobody".to_owned(),
        ..smtp_settings(25)
    };
    let no_file = MailSettings {
        encryption: MailEncryption::Tls,
        ca_file: Some("/nowhere/ca.pem".into()),
        ..smtp_settings(25)
    };
    for settings in [password_alone, no_sender, no_file] {
        assert!(matches!(
            Mailer::new(&settings),
            Err(MailError::Settings(_))
        ));
        assert!(!format!("{settings:?}").contains("secret"));
    }
}

/// Against a mail server that others wrote. It needs an outside program: Python 3 with `pip install aiosmtpd`, as `python3` in
/// the path; hence it runs only by `cargo test -- --ignored`.
#[tokio::test]
#[ignore = "needs python3 with aiosmtpd (pip install aiosmtpd)"]
async fn a_real_mail_server_takes_the_mail() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut server = tokio::process::Command::new("python3")
        .args([
            "-u",
            "-m",
            "aiosmtpd",
            "-n",
            "-c",
            "aiosmtpd.handlers.Debugging",
            "stdout",
            "-l",
            &address.to_string(),
        ])
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mailer = Mailer::new(&smtp_settings(address.port())).unwrap();
    while let Err(error) = mailer.send(&email()).await {
        assert!(
            error.is_temporary() && server.try_wait().unwrap().is_none(),
            "{error:?}"
        );
        tokio::task::yield_now().await;
    }
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let mut heard = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        let end = line.contains("END MESSAGE");
        heard.push(line);
        if end {
            break;
        }
    }
    assert!(
        heard
            .iter()
            .any(|line| line == "Message-ID: <status-0190@bugliano.test>"),
        "{heard:?}"
    );
    server.kill().await.unwrap();
}
