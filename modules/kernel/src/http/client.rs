//! Who speaks, and to whom. Headers of a proxy are believed only when the proxy itself is
//! (`http.trusted_proxies`): anybody can write `X-Forwarded-Host`.

use std::net::IpAddr;

use actix_web::HttpRequest;
use ipnet::IpNet;
use serde::Deserialize;

/// A proxy whose headers are believed, `127.0.0.1`, or a network of them, `10.0.0.0/8`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct TrustedProxy(IpNet);

impl TryFrom<String> for TrustedProxy {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse::<IpAddr>()
            .map(IpNet::from)
            .or_else(|_| text.parse())
            .map(Self)
            .map_err(|_| {
                format!("{text} is neither an address, such as 127.0.0.1, nor a network, such as 10.0.0.0/8")
            })
    }
}

/// The host that the request is for, without port.
pub(super) fn host(request: &HttpRequest, trusted: &[TrustedProxy]) -> String {
    let forwarded = trusted_peer(request, trusted)
        .then(|| last(request, "x-forwarded-host"))
        .flatten();
    let host = forwarded
        .or_else(|| last(request, "host"))
        .or_else(|| request.uri().host().map(str::to_owned))
        .unwrap_or_default();
    without_port(&host).to_ascii_lowercase()
}

/// The address of the caller: the last one that a trusted proxy saw.
pub(super) fn address(request: &HttpRequest, trusted: &[TrustedProxy]) -> String {
    let peer = request
        .peer_addr()
        .map_or_else(|| "-".to_owned(), |peer| peer.ip().to_string());
    if !trusted_peer(request, trusted) {
        return peer;
    }
    last(request, "x-forwarded-for")
        .filter(|address| address.parse::<IpAddr>().is_ok())
        .unwrap_or(peer)
}

fn trusted_peer(request: &HttpRequest, trusted: &[TrustedProxy]) -> bool {
    request.peer_addr().is_some_and(|peer| {
        // A socket for both families tells of an IPv4 address as a part of IPv6.
        let address = peer.ip().to_canonical();
        trusted.iter().any(|proxy| proxy.0.contains(&address))
    })
}

/// The last entry of a header: what the nearest proxy has added.
fn last(request: &HttpRequest, name: &str) -> Option<String> {
    let value = request.headers().get(name)?.to_str().ok()?;
    let entry = value.rsplit(',').next()?.trim();
    (!entry.is_empty()).then(|| entry.to_owned())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn request(peer: &str) -> HttpRequest {
        TestRequest::default()
            .peer_addr(std::net::SocketAddr::new(
                peer.parse().unwrap_or(IpAddr::from([0, 0, 0, 0])),
                1,
            ))
            .insert_header(("host", "servizi.example.org:8443"))
            .insert_header(("x-forwarded-host", "altro.example.org"))
            .insert_header(("x-forwarded-for", "198.51.100.7, 203.0.113.9"))
            .to_http_request()
    }

    fn proxy(text: &str) -> TrustedProxy {
        TrustedProxy::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_network_of_proxies_is_believed_in_whole() {
        let trusted = [proxy("10.1.0.0/16"), proxy("fd00::/8")];
        for peer in ["10.1.2.3", "::ffff:10.1.2.3", "fd12::1"] {
            assert_eq!(host(&request(peer), &trusted), "altro.example.org");
        }
        assert_eq!(host(&request("10.2.0.1"), &trusted), "servizi.example.org");
        let refusal = TrustedProxy::try_from("10.0.0.0/64".to_owned()).unwrap_err();
        assert!(refusal.starts_with("10.0.0.0/64 is neither"), "{refusal}");
    }

    #[test]
    fn a_caller_does_not_choose_the_tenant_by_a_header_of_proxies() {
        let trusted = [proxy("127.0.0.1")];
        assert_eq!(
            host(&request("203.0.113.5"), &trusted),
            "servizi.example.org"
        );
        assert_eq!(address(&request("203.0.113.5"), &trusted), "203.0.113.5");
        assert_eq!(host(&request("127.0.0.1"), &trusted), "altro.example.org");
        assert_eq!(address(&request("127.0.0.1"), &trusted), "203.0.113.9");
    }
}
