#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::TryStreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tracing_subscriber::fmt::MakeWriter;
use wiremock::matchers::{body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

fn client() -> HttpClient {
    HttpClient::new(HttpClientSettings::default()).unwrap()
}

fn get(url: &str, policy: TargetPolicy) -> OutgoingRequest {
    OutgoingRequest::new(Method::GET, url.parse().unwrap(), policy)
}

async fn server_with(template: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path("/here"))
        .respond_with(template)
        .mount(&server)
        .await;
    server
}

fn answering_with(addresses: &'static [&'static str]) -> VettingResolver {
    VettingResolver::new(move |_| {
        Box::pin(async move {
            Ok(addresses
                .iter()
                .map(|ip| SocketAddr::new(ip.parse().unwrap(), 0))
                .collect())
        })
    })
}

#[tokio::test]
async fn a_request_arrives_whole_and_its_answer_comes_back_whatever_the_status() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/here"))
        .and(header("x-key", "k"))
        .and(header("content-type", "application/json"))
        .and(body_json(serde_json::json!({"amount": 16.5})))
        .respond_with(
            ResponseTemplate::new(503)
                .insert_header("retry-after", "7")
                .set_body_json(serde_json::json!({"why": "busy"})),
        )
        .expect(1)
        .mount(&server)
        .await;
    let request = OutgoingRequest::new(
        Method::POST,
        format!("{}/here", server.uri()).parse().unwrap(),
        TargetPolicy::Trusted,
    )
    .header(
        HeaderName::from_static("x-key"),
        HeaderValue::from_static("k"),
    )
    .json(&serde_json::json!({"amount": 16.5}))
    .unwrap();
    let answer = client().request(request).await.unwrap();
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers["retry-after"], "7");
    assert_eq!(answer.json::<serde_json::Value>().unwrap()["why"], "busy");
}

#[tokio::test]
async fn a_redirect_is_an_answer_unless_asked_to_follow() {
    let server = server_with(ResponseTemplate::new(302).insert_header("location", "/there")).await;
    Mock::given(path("/there"))
        .respond_with(ResponseTemplate::new(200).set_body_string("arrived"))
        .mount(&server)
        .await;
    let mut request = get(&format!("{}/here", server.uri()), TargetPolicy::Trusted);
    assert_eq!(
        client().request(request.clone()).await.unwrap().status,
        StatusCode::FOUND
    );
    request.follow_redirects = 1;
    assert_eq!(client().request(request).await.unwrap().body, "arrived");
}

#[tokio::test]
async fn a_circle_of_redirects_ends() {
    let server = server_with(ResponseTemplate::new(302).insert_header("location", "/here")).await;
    let mut request = get(&format!("{}/here", server.uri()), TargetPolicy::Trusted);
    request.follow_redirects = 3;
    assert!(matches!(
        client().request(request).await,
        Err(HttpError::Redirect)
    ));
    assert_eq!(server.received_requests().await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_redirect_inside_is_refused_and_credentials_stay_at_home() {
    let inside = server_with(ResponseTemplate::new(200)).await;
    let port = inside.address().port();
    let location = format!("http://localhost:{port}/here");
    let first =
        server_with(ResponseTemplate::new(302).insert_header("location", location.as_str())).await;
    let settings = |allowed: &[String]| HttpClientSettings {
        allowed_hosts: allowed.to_vec(),
        ..Default::default()
    };
    let first_host = first.address().to_string();
    let mut request = get(&format!("{}/here", first.uri()), TargetPolicy::Vetted)
        .header(AUTHORIZATION, HeaderValue::from_static("Bearer t"));
    request.follow_redirects = 1;

    let strict = HttpClient::new(settings(std::slice::from_ref(&first_host))).unwrap();
    assert!(
        matches!(strict.request(request.clone()).await, Err(HttpError::Refused(address)) if address.is_loopback())
    );
    assert!(inside.received_requests().await.unwrap().is_empty());

    let wide = HttpClient::new(settings(&[first_host, format!("LOCALHOST:{port}")])).unwrap();
    assert_eq!(wide.request(request).await.unwrap().status, StatusCode::OK);
    assert!(
        !inside.received_requests().await.unwrap()[0]
            .headers
            .contains_key("authorization")
    );
    assert!(
        first.received_requests().await.unwrap()[0]
            .headers
            .contains_key("authorization")
    );
}

#[tokio::test]
async fn a_vetted_target_inside_is_never_called() {
    let server = server_with(ResponseTemplate::new(200)).await;
    let port = server.address().port();
    for host in [
        "127.0.0.1",
        "localhost",
        "0x7f.1",
        "2130706433",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
    ] {
        let request = get(&format!("http://{host}:{port}/here"), TargetPolicy::Vetted);
        assert!(
            matches!(client().vet(&request.url).await, Err(HttpError::Refused(_))),
            "{host}"
        );
        let error = client().request(request).await.err().unwrap();
        assert!(matches!(error, HttpError::Refused(_)), "{host}: {error:?}");
        assert!(!error.is_temporary() && !error.may_have_arrived());
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn one_address_inside_is_enough_to_refuse_a_name() {
    let resolver = answering_with(&["93.184.216.34", "10.0.0.7"]);
    let client = HttpClient::with_resolver(HttpClientSettings::default(), resolver).unwrap();
    let request = get("http://example.test/", TargetPolicy::Vetted);
    assert!(
        matches!(client.vet(&request.url).await, Err(HttpError::Refused(address)) if address.to_string() == "10.0.0.7")
    );
    assert!(matches!(
        client.request(request).await,
        Err(HttpError::Refused(_))
    ));
}

#[tokio::test]
async fn a_name_that_changes_its_mind_after_the_check_is_still_refused() {
    let server = server_with(ResponseTemplate::new(200)).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let resolver = VettingResolver::new(move |_| {
        let ip = if counter.fetch_add(1, Ordering::SeqCst) == 0 {
            "93.184.216.34"
        } else {
            "127.0.0.1"
        };
        Box::pin(async move { Ok(vec![SocketAddr::new(ip.parse().unwrap(), 0)]) })
    });
    let client = HttpClient::with_resolver(HttpClientSettings::default(), resolver).unwrap();
    let request = get(
        &format!("http://rebinding.test:{}/here", server.address().port()),
        TargetPolicy::Vetted,
    );
    client.vet(&request.url).await.unwrap();
    assert!(matches!(
        client.request(request).await,
        Err(HttpError::Refused(_))
    ));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_installation_may_open_its_inside() {
    let server = server_with(ResponseTemplate::new(200)).await;
    let url = format!("{}/here", server.uri());
    let listed = HttpClientSettings {
        allowed_hosts: vec!["127.0.0.1".to_owned()],
        ..Default::default()
    };
    let open = HttpClientSettings {
        dangerous_allow_private_networks: true,
        ..Default::default()
    };
    for settings in [listed, open] {
        let client = HttpClient::new(settings).unwrap();
        let request = get(&url, TargetPolicy::Vetted);
        client.vet(&request.url).await.unwrap();
        assert_eq!(
            client.request(request).await.unwrap().status,
            StatusCode::OK
        );
    }
}

#[tokio::test]
async fn urls_that_are_no_targets_are_refused() {
    for url in [
        "ftp://example.com/",
        "file:///etc/passwd",
        "data:text/plain,x",
        "https://user@example.com/",
        "https://:secret@example.com/",
    ] {
        let request = get(url, TargetPolicy::Trusted);
        assert!(
            matches!(
                client().request(request).await,
                Err(HttpError::InvalidUrl(_))
            ),
            "{url}"
        );
    }
}

#[tokio::test]
async fn a_closed_port_and_an_unknown_name_are_temporary_and_nothing_has_left() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let error = client()
        .request(get(&format!("http://{closed}/"), TargetPolicy::Trusted))
        .await
        .err()
        .unwrap();
    assert!(
        matches!(error, HttpError::Connect(_)) && error.is_temporary() && !error.may_have_arrived(),
        "{error:?}"
    );

    let nowhere =
        VettingResolver::new(|_| Box::pin(async { Err(io::Error::other("no such name")) }));
    let client = HttpClient::with_resolver(HttpClientSettings::default(), nowhere).unwrap();
    let request = get("http://nowhere.test/", TargetPolicy::Vetted);
    client.vet(&request.url).await.unwrap();
    let error = client.request(request).await.err().unwrap();
    assert!(
        matches!(error, HttpError::Connect(_)) && !error.may_have_arrived(),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_system_that_never_answers_costs_only_the_timeout_and_the_outcome_is_unknown() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let request = get(&url, TargetPolicy::Trusted).timeout(Duration::from_millis(50));
    let error = client().request(request).await.err().unwrap();
    assert!(
        matches!(error, HttpError::Timeout) && error.is_temporary() && error.may_have_arrived(),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_temporary_and_the_outcome_unknown() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let _ = socket.read(&mut request).await.unwrap();
        socket
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
            .await
            .unwrap();
    });
    let error = client()
        .request(get(&url, TargetPolicy::Trusted))
        .await
        .err()
        .unwrap();
    assert!(
        matches!(error, HttpError::Broken(_)) && error.is_temporary() && error.may_have_arrived(),
        "{error:?}"
    );
    server.await.unwrap();
}

#[tokio::test]
async fn an_answer_over_the_limit_is_cut_in_one_piece_and_in_a_stream() {
    let server = server_with(ResponseTemplate::new(200).set_body_bytes(vec![b'x'; 1000])).await;
    let mut request = get(&format!("{}/here", server.uri()), TargetPolicy::Trusted);
    request.max_response_bytes = Some(999);
    assert!(matches!(
        client().request(request.clone()).await,
        Err(HttpError::TooLarge(999))
    ));
    let stream = client().get_stream(request.clone()).await.unwrap();
    assert!(matches!(
        stream.body.try_collect::<Vec<_>>().await,
        Err(HttpError::TooLarge(999))
    ));

    request.max_response_bytes = Some(1000);
    assert_eq!(
        client().request(request.clone()).await.unwrap().body.len(),
        1000
    );
    let stream = client().get_stream(request).await.unwrap();
    assert_eq!(
        stream
            .body
            .try_fold(0, |sum, piece| async move { Ok(sum + piece.len()) })
            .await
            .unwrap(),
        1000
    );
}

#[tokio::test]
async fn a_certificate_file_that_has_none_is_noticed_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let with_file = || HttpClientSettings {
        ca_file: Some(file.clone()),
        ..Default::default()
    };
    assert!(matches!(
        HttpClient::new(with_file()),
        Err(HttpError::Settings(_))
    ));
    std::fs::write(&file, "nothing").unwrap();
    assert!(matches!(
        HttpClient::new(with_file()),
        Err(HttpError::Settings(_))
    ));
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;
    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

#[tokio::test]
async fn the_log_tells_method_host_and_status_and_nothing_else() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let server = server_with(ResponseTemplate::new(201).set_body_string("answer-secret")).await;
    let url = format!("{}/here?cf=RSSMRA80A01H501U", server.uri());
    let request = get(&url, TargetPolicy::Trusted)
        .header(AUTHORIZATION, HeaderValue::from_static("header-secret"))
        .body("body-secret");
    client().request(request).await.unwrap();
    let unreachable = "http://127.0.0.1:1/RSSMRA80A01H501U?x=RSSMRA80A01H501U";
    let error = client()
        .request(get(unreachable, TargetPolicy::Trusted))
        .await
        .err()
        .unwrap();
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = get(
        &format!("http://{}/", silent.local_addr().unwrap()),
        TargetPolicy::Trusted,
    );
    client()
        .request(slow.timeout(Duration::from_millis(50)))
        .await
        .err()
        .unwrap();
    drop(guard);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        text.contains("method=GET host=\"127.0.0.1\" status=201"),
        "{text}"
    );
    assert_eq!(text.matches("outgoing call failed").count(), 2, "{text}");
    assert!(text.contains("no answer in time"), "{text}");
    for hidden in ["RSSMRA80A01H501U", "secret", "/here"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
        assert!(!format!("{error} {error:?}").contains(hidden), "{error:?}");
    }
}
