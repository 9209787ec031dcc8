//! The pages that a citizen sees, in Italian: plain HTML, no scripts, nothing loaded from elsewhere.

use crate::positions::{Position, Status};

const STYLE: &str = "\
body{font-family:system-ui,sans-serif;font-size:1.125rem;line-height:1.5;color:#17324d;background:#fff;margin:0}\
header{background:#0a4a8f;color:#fff;padding:1rem}\
main{max-width:40rem;margin:0 auto;padding:1rem}\
dt{font-weight:600;margin-top:.75rem}dd{margin:0}\
form{display:flex;flex-wrap:wrap;gap:1rem;margin-top:2rem}\
button,.link{font:inherit;min-height:2.75rem;padding:.5rem 1rem;border:2px solid #0a4a8f;border-radius:.25rem;\
background:#fff;color:#0a4a8f;cursor:pointer}\
button[value=pay]{background:#0a4a8f;color:#fff}\
:focus-visible{outline:3px solid #d26a00;outline-offset:2px}\
.note{border-left:.25rem solid #d26a00;padding-left:.75rem}";

/// The page of a position: with the buttons while it can be paid, else with the reason why not.
pub(crate) fn payment(position: &Position) -> String {
    let request = &position.request;
    let details = format!(
        "<dl><dt>Causale</dt><dd>{}</dd><dt>Importo</dt><dd>{}</dd>\
         <dt>Codice avviso</dt><dd>{}</dd><dt>Codice fiscale dell’ente creditore</dt><dd>{}</dd></dl>",
        escaped(&request.reason),
        euros(request.amount),
        grouped(&position.notice_number),
        escaped(&request.organization_tax_code),
    );
    let (title, rest) = match position.status {
        Status::Unpaid => (
            "Pagamento",
            "<form method=\"post\">\
             <button type=\"submit\" name=\"action\" value=\"pay\">Paga</button>\
             <button type=\"submit\" name=\"action\" value=\"fail\">Simula un pagamento non riuscito</button>\
             <button type=\"submit\" name=\"action\" value=\"later\">Torna al servizio senza pagare</button>\
             </form>"
                .to_owned(),
        ),
        Status::Paid => (
            "Pagamento già eseguito",
            closed("Questo avviso è già stato pagato: non serve pagare di nuovo.", position),
        ),
        Status::Cancelled => (
            "Avviso annullato",
            closed("Questo avviso è stato annullato e non si può pagare.", position),
        ),
        Status::Expired => (
            "Avviso scaduto",
            closed("Questo avviso è scaduto e non si può più pagare.", position),
        ),
    };
    page(title, &format!("{details}{rest}"))
}

/// The page of an address that nothing has.
pub(crate) fn unknown() -> String {
    page(
        "Avviso non trovato",
        "<p role=\"status\">Nessun avviso corrisponde a questo indirizzo.</p>",
    )
}

/// The page of a form that this program did not make.
pub(crate) fn malformed() -> String {
    page(
        "Richiesta non valida",
        "<p role=\"status\">Tornare alla pagina del pagamento e scegliere una delle azioni.</p>",
    )
}

fn closed(sentence: &str, position: &Position) -> String {
    format!(
        "<p role=\"status\">{sentence}</p><p><a href=\"{}\">Torna al servizio</a></p>",
        escaped(&position.request.return_url)
    )
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"it\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title} – Intermediario dimostrativo</title><style>{STYLE}</style></head>\
         <body><header>Intermediario dimostrativo</header><main><h1>{title}</h1>\
         <p class=\"note\">Questa è una dimostrazione: nessun denaro viene addebitato.</p>\
         {body}</main></body></html>\n"
    )
}

/// `1650` → `16.50`.
pub(crate) fn decimal(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// `123456` → `1.234,56 €`.
pub(crate) fn euros(cents: i64) -> String {
    let whole = (cents / 100).to_string();
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push('.');
        }
        grouped.push(digit);
    }
    format!("{grouped},{:02} €", cents % 100)
}

/// A notice number in groups of four, as it is printed.
pub(crate) fn grouped(number: &str) -> String {
    let mut out = String::new();
    for (index, digit) in number.chars().enumerate() {
        if index > 0 && index.is_multiple_of(4) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_numbers_are_written_as_italians_write_them() {
        assert_eq!(euros(5), "0,05 €");
        assert_eq!(euros(165_000), "1.650,00 €");
        assert_eq!(euros(123_456_789), "1.234.567,89 €");
        assert_eq!(decimal(1650), "16.50");
        assert_eq!(grouped("301202400001234539"), "3012 0240 0001 2345 39");
    }
}
