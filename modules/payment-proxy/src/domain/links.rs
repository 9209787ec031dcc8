//! The addresses of a payment at this proxy.

use opencity_contracts::payment::{HttpMethod, OpenedLink, PaymentLinks};
use uuid::Uuid;

/// Builds them.
pub struct ProxyLinks<'a> {
    /// The body's site.
    pub base_url: &'a str,
    /// The connector.
    pub connector: &'a str,
}

impl ProxyLinks<'_> {
    /// An operation on a payment.
    pub fn of(&self, operation: &str, payment: Uuid) -> String {
        format!(
            "{}/payment-proxy/{}/{operation}/{payment}",
            self.base_url, self.connector
        )
    }

    /// Where the intermediary tells outcomes.
    pub fn notify(&self) -> String {
        format!("{}/payment-proxy/{}/notify", self.base_url, self.connector)
    }

    /// Fills in the links that are missing; whether one was.
    pub fn complete(&self, links: &mut PaymentLinks, payment: Uuid) -> bool {
        let before = links.clone();
        let fill = |link: &mut OpenedLink, operation: &str, method: HttpMethod| {
            if link.url.is_none() {
                link.url = Some(self.of(operation, payment));
                link.method = Some(method);
            }
        };
        fill(
            &mut links.online_payment_begin,
            "online-payment",
            HttpMethod::Get,
        );
        fill(
            &mut links.offline_payment,
            "offline-payment",
            HttpMethod::Get,
        );
        fill(&mut links.receipt, "receipt", HttpMethod::Get);
        fill(&mut links.confirm, "confirm", HttpMethod::Patch);
        fill(&mut links.cancel, "cancel", HttpMethod::Patch);
        if links.update.url.is_none() {
            links.update.url = Some(self.of("update", payment));
            links.update.method = Some(HttpMethod::Get);
        }
        *links != before
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions
    )]
    use super::*;

    #[test]
    fn only_missing_links_are_written() {
        let proxy = ProxyLinks {
            base_url: "https://servizi.example.it",
            connector: "sandbox",
        };
        let mut links = PaymentLinks::default();
        links.online_payment_begin.url = Some("https://pay.example.it/1".to_owned());
        assert!(proxy.complete(&mut links, Uuid::nil()));
        assert_eq!(
            links.online_payment_begin.url.as_deref(),
            Some("https://pay.example.it/1")
        );
        assert_eq!(
            links.receipt.url.as_deref(),
            Some(
                "https://servizi.example.it/payment-proxy/sandbox/receipt/00000000-0000-0000-0000-000000000000"
            )
        );
        assert_eq!(links.online_payment_landing.url, None);
        assert!(!proxy.complete(&mut links, Uuid::nil()));
    }
}
