//! The virus scanner: clamd's command INSTREAM, over TCP or a local socket.
//!
//! A scan stands between transactions. What is infected is thrown away; while the scanner does not answer, nothing is taken and
//! nothing is lost.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use crate::problem::{FieldProblem, Problem, ProblemKind};

/// The section `clamd` of a module that takes files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClamdSettings {
    /// Where clamd listens.
    pub address: Address,
    /// Seconds that the scan of one file may take.
    pub timeout_seconds: u64,
}

/// Where a virus scanner listens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Address {
    /// Nowhere: nothing is scanned.
    Nowhere,
    /// Host and port.
    Tcp(String),
    /// A local socket.
    Unix(PathBuf),
}

impl TryFrom<String> for Address {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.split_once(':') {
            _ if text.is_empty() => Ok(Self::Nowhere),
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            Some(("tcp", host)) if host.contains(':') => Ok(Self::Tcp(host.to_owned())),
            _ => Err("clamd.address is unix:/path, tcp:host:port, or empty"),
        }
    }
}

/// Why a file has no verdict.
#[derive(Debug, thiserror::Error)]
enum ScanError {
    #[error("clamd does not answer: {0}")]
    Away(#[from] std::io::Error),
    #[error("clamd takes longer than clamd.timeout_seconds")]
    Late,
    #[error("clamd answers: {0}")]
    Refused(String),
    #[error("the stored file cannot be read: {0}")]
    Source(String),
}

/// Seconds after which a sender repeats when the scanner is away.
const RETRY_AFTER: u64 = 30;
/// The most bytes of one piece on the way to clamd.
const PART: usize = 64 * 1024;
/// The most bytes of clamd's answer that are read.
const ANSWER: u64 = 4096;

impl ClamdSettings {
    /// Lets the scanner look at a file; `field` is its place in the request.
    ///
    /// # Errors
    /// [`ProblemKind::FileInfected`], [`ProblemKind::VirusScanUnavailable`].
    pub async fn check<S, E>(&self, field: &str, bytes: S) -> Result<(), Problem>
    where
        S: Stream<Item = Result<Bytes, E>>,
        E: fmt::Display,
    {
        let scan = async {
            match &self.address {
                Address::Nowhere => Ok(None),
                Address::Tcp(host) => found(TcpStream::connect(host).await?, bytes).await,
                Address::Unix(path) => found(UnixStream::connect(path).await?, bytes).await,
            }
        };
        let most = Duration::from_secs(self.timeout_seconds);
        match tokio::time::timeout(most, scan).await {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(virus))) => {
                tracing::warn!(virus, "a file was refused by the virus scanner");
                Err(infected(FieldProblem {
                    field: field.to_owned(),
                    code: "infected".to_owned(),
                    message: "The virus scanner found something in this file. Send a clean one."
                        .to_owned(),
                }))
            }
            Ok(Err(error)) => Err(unavailable(&error)),
            Err(_) => Err(unavailable(&ScanError::Late)),
        }
    }
}

fn infected(error: FieldProblem) -> Problem {
    Problem::new(
        ProblemKind::FileInfected,
        "The file holds a virus and was thrown away. Clean it and begin again, or send another one.",
    )
    .with_errors(vec![error])
}

fn unavailable(error: &ScanError) -> Problem {
    Problem::new(
        ProblemKind::VirusScanUnavailable,
        "No file can be checked for viruses at the moment. Repeat the same request in half a minute; nothing is lost.",
    )
    .retry_after(RETRY_AFTER)
    .caused_by(error)
}

/// The virus that is in the bytes, if there is one. clamd(8): pieces with their length before them, one of no length at the end.
async fn found<C, S, E>(mut clamd: C, bytes: S) -> Result<Option<String>, ScanError>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: Stream<Item = Result<Bytes, E>>,
    E: fmt::Display,
{
    // A stream that is too long is answered, and closed, before its end: then the answer says why, not the broken pipe.
    let sent = send(&mut clamd, bytes).await;
    if let Err(error @ ScanError::Source(_)) = sent {
        return Err(error);
    }
    let mut answer = Vec::new();
    let read = clamd.take(ANSWER).read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    let answer = answer.trim_end_matches(['\0', '\n']);
    if let Some(virus) = answer
        .strip_prefix("stream: ")
        .and_then(|rest| rest.strip_suffix(" FOUND"))
    {
        return Ok(Some(virus.to_owned()));
    }
    if !answer.is_empty() && answer != "stream: OK" {
        return Err(ScanError::Refused(answer.to_owned()));
    }
    sent?;
    read?;
    if answer.is_empty() {
        return Err(ScanError::Refused("nothing".to_owned()));
    }
    Ok(None)
}

async fn send<C, S, E>(clamd: &mut C, bytes: S) -> Result<(), ScanError>
where
    C: AsyncWrite + Unpin,
    S: Stream<Item = Result<Bytes, E>>,
    E: fmt::Display,
{
    let mut bytes = std::pin::pin!(bytes);
    clamd.write_all(b"zINSTREAM\0").await?;
    while let Some(piece) = bytes.next().await {
        let source = |error: &dyn fmt::Display| ScanError::Source(error.to_string());
        let piece = piece.map_err(|error| source(&error))?;
        for part in piece.chunks(PART) {
            let length = u32::try_from(part.len()).map_err(|error| source(&error))?;
            clamd.write_all(&length.to_be_bytes()).await?;
            clamd.write_all(part).await?;
        }
    }
    clamd.write_all(&0_u32.to_be_bytes()).await?;
    clamd.flush().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_is_a_socket_or_a_host_with_its_port() {
        let read = |text: &str| Address::try_from(text.to_owned());
        assert_eq!(read("").unwrap(), Address::Nowhere);
        assert_eq!(
            read("unix:/run/clamav/clamd.ctl").unwrap(),
            Address::Unix("/run/clamav/clamd.ctl".into())
        );
        assert_eq!(
            read("tcp:[::1]:3310").unwrap(),
            Address::Tcp("[::1]:3310".to_owned())
        );
        for wrong in ["/run/clamd.ctl", "tcp:localhost", "unix:clamd", "3310"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
