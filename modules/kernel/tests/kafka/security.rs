//! Brokers that ask for TLS, and brokers that ask who calls.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use opencity_kernel::events::kafka::{KafkaSettings, create_topics};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use uuid::Uuid;

use crate::support::broker::{Broker, free_port};
use crate::support::{Place, Running, eventually, kafka};
use crate::{listening, tenancy, write};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_are_reached_over_tls_and_their_certificate_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    make_certificate(&certificate, &key);
    let (_broker, address) = over_tls(&certificate, &key).await;
    let mut settings = kafka(&address, "near");
    settings.security_protocol = "ssl".to_owned();
    settings.ca_file = certificate;
    they_carry(&settings).await;

    // Its own certificate is not among the system's.
    settings.ca_file = "".into();
    they_are_away(&settings).await;
}

/// By PLAIN: the broker at hand keeps no accounts that could be made before it asks for one, so somebody before it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_that_ask_who_calls_are_told_name_and_password() {
    let (_broker, address) = behind(|client, broker| async move {
        let (mut client, mut broker) = (client, broker);
        asked_for_a_password(&mut client, &mut broker).await?;
        tokio::io::copy_bidirectional(&mut client, &mut broker).await
    })
    .await;
    let mut settings = kafka(&address, "near");
    settings.security_protocol = "sasl_plaintext".to_owned();
    settings.sasl_mechanism = "PLAIN".to_owned();
    settings.sasl_username = "opencity".to_owned();
    settings.sasl_password = "open sesame".to_owned().into();
    they_carry(&settings).await;

    settings.sasl_password = "open barley".to_owned().into();
    they_are_away(&settings).await;
}

/// Events go from one database to another.
async fn they_carry(settings: &KafkaSettings) {
    create_topics(settings).await.unwrap();
    let (near, far) = (Place::sqlite().await, Place::sqlite().await);
    let here = Running::joined(&near, settings, vec![]).await;
    let settings = KafkaSettings {
        group: "far".to_owned(),
        ..settings.clone()
    };
    let (listener, there) = listening(&far, &settings).await;
    let entity = Uuid::now_v7();
    write(&near, tenancy(), entity, 1..3).await;
    eventually(|| listener.numbers(entity).len() == 2).await;
    assert!(here.bus.broker_is_up());
    here.stop().await;
    there.stop().await;
}

/// Nothing is sent, and the process knows it.
async fn they_are_away(settings: &KafkaSettings) {
    let running = Running::joined(&Place::sqlite().await, settings, vec![]).await;
    eventually(|| !running.bus.broker_is_up()).await;
    running.stop().await;
}

/// A broker with the end of TLS in front of it, and where that is.
async fn over_tls(certificate: &Path, key: &Path) -> (Broker, String) {
    let certificates = CertificateDer::pem_file_iter(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            certificates.map(Result::unwrap).collect(),
            PrivateKeyDer::from_pem_file(key).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    behind(move |client, mut broker| {
        let acceptor = acceptor.clone();
        async move {
            // Who does not trust it goes away.
            let mut client = acceptor.accept(client).await?;
            tokio::io::copy_bidirectional(&mut client, &mut broker).await
        }
    })
    .await
}

/// A broker with somebody before it, who is given each caller and a connection to the broker; and where that is.
async fn behind<F>(between: impl Fn(TcpStream, TcpStream) -> F + Send + 'static) -> (Broker, String)
where
    F: Future<Output = std::io::Result<(u64, u64)>> + Send + 'static,
{
    let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, listens) = (free_port(), front.local_addr().unwrap().port());
    let broker = Broker::behind(port, listens);
    tokio::spawn(async move {
        while let Ok((client, _)) = front.accept().await {
            // Not there yet: the caller tries again.
            if let Ok(broker) = TcpStream::connect(("127.0.0.1", port)).await {
                tokio::spawn(between(client, broker));
            }
        }
    });
    let address = broker.address();
    (broker, address)
}

/// Lets a caller through who says the right password by SASL PLAIN; what he asks before it goes to the broker. The frames are those of
/// Kafka's protocol: a length, the kind of request (17 begins SASL, 36 brings name and password), its version, its number.
async fn asked_for_a_password(
    client: &mut TcpStream,
    broker: &mut TcpStream,
) -> std::io::Result<()> {
    loop {
        let request = frame(client).await?;
        let (kind, number) = (&request[..2], &request[4..8]);
        if kind == 17_i16.to_be_bytes() {
            let mut answer = number.to_vec();
            answer.extend(0_i16.to_be_bytes());
            answer.extend(1_i32.to_be_bytes());
            answer.extend(5_i16.to_be_bytes());
            answer.extend(b"PLAIN");
            send(client, &answer).await?;
        } else if kind == 36_i16.to_be_bytes() {
            let right = request.ends_with(b"\0opencity\0open sesame");
            let mut answer = number.to_vec();
            // 58: SASL_AUTHENTICATION_FAILED
            answer.extend(if right { 0_i16 } else { 58 }.to_be_bytes());
            // No text, no bytes, no end of the session.
            answer.extend((-1_i16).to_be_bytes());
            answer.extend(0_i32.to_be_bytes());
            answer.extend(0_i64.to_be_bytes());
            send(client, &answer).await?;
            if right {
                return Ok(());
            }
        } else {
            send(broker, &request).await?;
            let answer = frame(broker).await?;
            send(client, &answer).await?;
        }
    }
}

async fn frame(from: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let length = from.read_i32().await?;
    let mut frame = vec![0; usize::try_from(length).unwrap()];
    from.read_exact(&mut frame).await?;
    Ok(frame)
}

async fn send(to: &mut TcpStream, frame: &[u8]) -> std::io::Result<()> {
    to.write_i32(i32::try_from(frame.len()).unwrap()).await?;
    to.write_all(frame).await
}

fn make_certificate(certificate: &Path, key: &Path) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
        .args([
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-subj",
            "/CN=localhost",
        ])
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-out")
        .arg(certificate)
        .arg("-keyout")
        .arg(key)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}
