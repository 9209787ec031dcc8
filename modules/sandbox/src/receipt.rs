//! The receipt (*ricevuta telematica*) of a paid position.

use serde_json::{Value, json};

use crate::pages::{decimal, euros, grouped};
use crate::positions::{Payer, PayerKind, Payment, Position, instant};

const PSP_NAME: &str = "Sandbox PSP";
const PSP_ID: &str = "SANDBOXPSP";

/// The fields of pagoPA's receipt (`ctReceipt`; BIZ as JSON); amounts in euros with two decimals.
pub(crate) fn data(position: &Position, payment: &Payment) -> Value {
    let request = &position.request;
    let amount = decimal(request.amount);
    json!({
        "receiptId": payment.transaction_id,
        "noticeNumber": position.notice_number,
        "fiscalCode": request.organization_tax_code,
        "outcome": "OK",
        "creditorReferenceId": position.iuv,
        "paymentAmount": amount,
        "description": request.reason,
        "companyName": organization_name(position),
        "debtor": {
            "entityUniqueIdentifierType": match request.payer.kind {
                PayerKind::Human => "F",
                PayerKind::Legal => "G",
            },
            "entityUniqueIdentifierValue": request.payer.tax_identification_number,
            "fullName": full_name(&request.payer),
        },
        "transferList": [{
            "idTransfer": "1",
            "transferAmount": amount,
            "fiscalCodePA": request.organization_tax_code,
            "companyName": organization_name(position),
            "remittanceInformation": request.reason,
            "transferCategory": request.category,
        }],
        "idPSP": PSP_ID,
        "PSPCompanyName": PSP_NAME,
        "idChannel": "SANDBOXPSP_01",
        "channelDescription": "WEB",
        "paymentMethod": "creditCard",
        "fee": "0.00",
        "paymentDateTime": instant(payment.paid_at),
        "applicationDate": payment.paid_at.date_naive().to_string(),
        "transferDate": payment.paid_at.date_naive().to_string(),
    })
}

/// What a citizen's copy must show (SANP).
pub(crate) fn lines(position: &Position, payment: &Payment) -> Vec<String> {
    let request = &position.request;
    vec![
        format!("Data e ora del pagamento: {}", instant(payment.paid_at)),
        format!(
            "Ente creditore: {} ({})",
            organization_name(position),
            request.organization_tax_code
        ),
        format!("Codice avviso: {}", grouped(&position.notice_number)),
        format!("IUV: {}", position.iuv),
        format!("Identificativo della ricevuta: {}", payment.transaction_id),
        format!("Prestatore di servizi di pagamento: {PSP_NAME} ({PSP_ID})"),
        format!("Importo: {}", euros(request.amount)),
        "Commissione: 0,00 €".to_owned(),
        format!("Causale: {}", request.reason),
        format!(
            "Debitore: {} ({})",
            full_name(&request.payer),
            request.payer.tax_identification_number
        ),
    ]
}

fn organization_name(position: &Position) -> &str {
    position
        .request
        .organization_name
        .as_deref()
        .unwrap_or("Ente creditore")
}

fn full_name(payer: &Payer) -> String {
    match &payer.family_name {
        Some(family_name) => format!("{} {family_name}", payer.name),
        None => payer.name.clone(),
    }
}
