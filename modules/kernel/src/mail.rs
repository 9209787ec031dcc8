//! E-mail: over SMTP, or, in development, as `.eml` files in a folder.
//!
//! Addresses are personal data, so neither errors nor `Debug` tell them; a server's reply, which often repeats them, is reduced to
//! its code.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Attachment as AttachmentPart, Mailbox, Message, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// How mail leaves: of the installation, or of one tenant.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailSettings {
    /// By which way.
    pub transport: MailTransport,
    /// Where `.eml` files go ([`MailTransport::Folder`]).
    pub folder: PathBuf,
    /// The SMTP server.
    pub host: String,
    /// Its port; unless set, the usual one of the encryption.
    pub port: Option<u16>,
    /// How the connection is encrypted.
    pub encryption: MailEncryption,
    /// PEM certificate of the authority to trust beside the public ones.
    pub ca_file: Option<PathBuf>,
    /// User name, where the server asks for one.
    pub user: Option<String>,
    /// Password of the user.
    pub password: Option<SecretString>,
    /// Sender: `Comune di Bugliano <servizi@comune.bugliano.pi.it>`.
    pub from: String,
    /// Seconds that the server may take for each step.
    pub timeout_seconds: u64,
}

impl Default for MailSettings {
    fn default() -> Self {
        Self {
            transport: MailTransport::Folder,
            folder: PathBuf::from("var/mail"),
            host: "localhost".to_owned(),
            port: None,
            encryption: MailEncryption::StartTls,
            ca_file: None,
            user: None,
            password: None,
            from: "Opencity <no-reply@localhost.localdomain>".to_owned(),
            timeout_seconds: 30,
        }
    }
}

/// By which way mail leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailTransport {
    /// It does not: each becomes a file, for development and demonstrations.
    Folder,
    /// To an SMTP server.
    Smtp,
}

/// How the connection to the SMTP server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailEncryption {
    /// From the first byte, usually on port 465.
    Tls,
    /// By `STARTTLS`, which the server must offer, usually on port 587.
    StartTls,
    /// Not at all, password included, usually on port 25: for a relay on the same machine.
    DangerousNone,
}

/// A person or an office that gets mail.
#[derive(Clone, PartialEq, Eq)]
pub struct MailAddress {
    /// The name to show.
    pub name: Option<String>,
    /// The address.
    pub address: String,
}

impl MailAddress {
    /// An address without a name.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            name: None,
            address: address.into(),
        }
    }

    fn mailbox(&self) -> Result<Mailbox, MailError> {
        let address = self
            .address
            .trim()
            .parse()
            .map_err(|_| MailError::Invalid("an address is not an e-mail address"))?;
        Ok(Mailbox::new(self.name.as_deref().map(one_line), address))
    }
}

impl fmt::Debug for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailAddress(…)")
    }
}

/// A file that goes with a mail.
#[derive(Clone)]
pub struct MailAttachment {
    /// The name that the reader sees.
    pub filename: String,
    /// For example `application/pdf`.
    pub mime_type: String,
    /// The bytes.
    pub content: Vec<u8>,
}

/// A mail.
#[derive(Clone, Default)]
pub struct Email {
    /// The id, `<local part>@<domain>` without angle brackets. The caller derives it from the thing that the mail is about, so that
    /// a mail sent again after a lost answer is recognisable by the reader's program as the same.
    pub message_id: String,
    /// Recipients.
    pub to: Vec<MailAddress>,
    /// Recipients of a copy.
    pub cc: Vec<MailAddress>,
    /// Where answers go, if not to the sender.
    pub reply_to: Option<MailAddress>,
    /// Subject.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The same text as HTML.
    pub html: Option<String>,
    /// The id of the mail that this one continues.
    pub in_reply_to: Option<String>,
    /// Files.
    pub attachments: Vec<MailAttachment>,
    /// Whether no person wrote it: `Auto-Submitted: auto-generated` (RFC 3834), so that no absence notice answers it.
    pub automatic: bool,
}

/// Why a mail did not leave.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The settings do not make a mailer.
    #[error("the mail settings are wrong: {0}")]
    Settings(String),
    /// The mail cannot be written.
    #[error("the mail cannot be sent: {0}")]
    Invalid(&'static str),
    /// The server is away or asks to come again. It may have taken the mail if the connection broke at the end.
    #[error("the mail server did not take the mail now{}", shown_code(*.code))]
    Temporary {
        /// Its reply code, if it replied.
        code: Option<u16>,
    },
    /// The server will not take this mail.
    #[error("the mail server refuses the mail{}", shown_code(*.code))]
    Permanent {
        /// Its reply code, if it replied.
        code: Option<u16>,
    },
    /// The folder cannot be written.
    #[error("the mail cannot be written to the folder")]
    Folder(#[source] io::Error),
}

impl MailError {
    /// Whether the same mail may leave later.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Temporary { .. } | Self::Folder(_))
    }
}

fn shown_code(code: Option<u16>) -> String {
    code.map(|code| format!(" (code {code})"))
        .unwrap_or_default()
}

/// What sends mail. Clones share it.
#[derive(Clone)]
pub struct Mailer {
    from: Mailbox,
    way: Way,
}

#[derive(Clone)]
enum Way {
    Folder(PathBuf),
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
}

impl Mailer {
    /// A mailer of the installation.
    ///
    /// # Errors
    /// [`MailError::Settings`].
    pub fn new(settings: &MailSettings) -> Result<Self, MailError> {
        let from = settings
            .from
            .parse()
            .map_err(|_| MailError::Settings("`from` is not a sender".to_owned()))?;
        let way = match settings.transport {
            MailTransport::Folder => Way::Folder(settings.folder.clone()),
            MailTransport::Smtp => Way::Smtp(smtp(settings)?),
        };
        Ok(Self { from, way })
    }

    /// The mailer of a tenant with settings of its own. Where this one writes to a folder, only the sender changes: a copy of real
    /// data on a developer's machine writes to nobody.
    ///
    /// # Errors
    /// [`MailError::Settings`], also if a tenant asks for a folder.
    pub fn for_tenant(&self, settings: &MailSettings) -> Result<Self, MailError> {
        if settings.transport == MailTransport::Folder {
            return Err(MailError::Settings(
                "a tenant's mail goes to an SMTP server".to_owned(),
            ));
        }
        let own = Self::new(settings)?;
        let way = if matches!(self.way, Way::Folder(_)) {
            self.way.clone()
        } else {
            own.way
        };
        Ok(Self {
            from: own.from,
            way,
        })
    }

    /// Sends.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn send(&self, email: &Email) -> Result<(), MailError> {
        let message = self.compose(email)?;
        match &self.way {
            Way::Smtp(transport) => {
                transport.send(message).await.map_err(from_smtp)?;
            }
            Way::Folder(folder) => {
                let file = folder.join(format!("{}.eml", email.message_id));
                let content = message.formatted();
                let written =
                    tokio::task::spawn_blocking(move || write_atomically(&file, &content)).await;
                written
                    .map_err(io::Error::other)
                    .flatten()
                    .map_err(MailError::Folder)?;
            }
        }
        tracing::info!("mail handed over");
        Ok(())
    }

    fn compose(&self, email: &Email) -> Result<Message, MailError> {
        if email.to.is_empty() {
            return Err(MailError::Invalid("it has no recipient"));
        }
        let mut message = Message::builder()
            .from(self.from.clone())
            .message_id(Some(bracketed(&email.message_id)?))
            .subject(one_line(&email.subject));
        for recipient in &email.to {
            message = message.to(recipient.mailbox()?);
        }
        for recipient in &email.cc {
            message = message.cc(recipient.mailbox()?);
        }
        if let Some(reply_to) = &email.reply_to {
            message = message.reply_to(reply_to.mailbox()?);
        }
        if let Some(earlier) = &email.in_reply_to {
            let earlier = bracketed(earlier)?;
            message = message.in_reply_to(earlier.clone()).references(earlier);
        }
        if email.automatic {
            message = message.header(AutoSubmitted);
        }
        let text = SinglePart::plain(email.text.clone());
        let written = match (&email.html, email.attachments.as_slice()) {
            (None, []) => message.singlepart(text),
            (Some(html), []) => message.multipart(MultiPart::alternative_plain_html(
                email.text.clone(),
                html.clone(),
            )),
            (html, attachments) => {
                let mut parts = match html {
                    None => MultiPart::mixed().singlepart(text),
                    Some(html) => MultiPart::mixed().multipart(MultiPart::alternative_plain_html(
                        email.text.clone(),
                        html.clone(),
                    )),
                };
                for attachment in attachments {
                    let mime_type = ContentType::parse(&attachment.mime_type)
                        .map_err(|_| MailError::Invalid("an attachment has no valid type"))?;
                    let part = AttachmentPart::new(one_line(&attachment.filename));
                    parts = parts.singlepart(part.body(attachment.content.clone(), mime_type));
                }
                message.multipart(parts)
            }
        };
        written.map_err(|_| MailError::Invalid("its parts do not make a message"))
    }
}

fn smtp(settings: &MailSettings) -> Result<AsyncSmtpTransport<Tokio1Executor>, MailError> {
    let wrong = |error: &dyn fmt::Display| MailError::Settings(error.to_string());
    let tls = || {
        let mut parameters = TlsParameters::builder(settings.host.clone());
        if let Some(path) = &settings.ca_file {
            let pem = std::fs::read(path)
                .map_err(|error| wrong(&format_args!("{}: {error}", path.display())))?;
            parameters = parameters
                .add_root_certificate(Certificate::from_pem(&pem).map_err(|error| wrong(&error))?);
        }
        parameters.build().map_err(|error| wrong(&error))
    };
    let (tls, usual_port) = match settings.encryption {
        MailEncryption::Tls => (Tls::Wrapper(tls()?), 465),
        MailEncryption::StartTls => (Tls::Required(tls()?), 587),
        MailEncryption::DangerousNone => (Tls::None, 25),
    };
    let mut transport =
        AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(settings.host.clone())
            .port(settings.port.unwrap_or(usual_port))
            .tls(tls)
            .timeout(Some(Duration::from_secs(settings.timeout_seconds)));
    match (&settings.user, &settings.password) {
        (Some(user), Some(password)) => {
            transport = transport.credentials(Credentials::new(
                user.clone(),
                password.expose_secret().to_owned(),
            ));
        }
        (None, None) => {}
        _ => {
            return Err(MailError::Settings(
                "`user` and `password` belong together".to_owned(),
            ));
        }
    }
    Ok(transport.build())
}

fn from_smtp(error: lettre::transport::smtp::Error) -> MailError {
    let code = error.status().map(u16::from);
    if error.is_permanent() || error.is_client() {
        MailError::Permanent { code }
    } else {
        MailError::Temporary { code }
    }
}

/// What a header takes: a line break in a subject would begin a header of the writer's choice.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect()
}

/// In angle brackets, as headers want it. The characters are few, because the id also names the file in the folder.
fn bracketed(message_id: &str) -> Result<String, MailError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
    match message_id.split_once('@') {
        Some((local, domain))
            if !local.is_empty()
                && !local.starts_with('.')
                && !domain.is_empty()
                && local.bytes().chain(domain.bytes()).all(allowed) =>
        {
            Ok(format!("<{message_id}>"))
        }
        _ => Err(MailError::Invalid(
            "a message id must look like `name@domain`",
        )),
    }
}

/// Whoever watches the folder sees a mail whole or not at all.
fn write_atomically(file: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let unfinished =
        file.with_extension(format!("eml.{}.unfinished", uuid::Uuid::new_v4().simple()));
    let written = std::fs::File::create_new(&unfinished)
        .and_then(|mut unfinished| {
            unfinished
                .write_all(content)
                .and_then(|()| unfinished.sync_all())
        })
        .and_then(|()| std::fs::rename(&unfinished, file));
    if written.is_err() {
        // Only tidiness: the first error is the one to tell, and the rest does not look like a mail.
        drop(std::fs::remove_file(&unfinished));
    }
    written
}

#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests;
