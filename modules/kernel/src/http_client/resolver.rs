//! Resolves names and vets what comes out. The connection is made to the addresses returned here and to no others, so a name that
//! answers differently a moment later (DNS rebinding) gains nothing.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::is_public;

/// An address that a vetted target may not have.
#[derive(Debug, thiserror::Error)]
#[error("the address {0} is not on the public Internet")]
pub(super) struct Refusal(pub IpAddr);

#[derive(Debug, thiserror::Error)]
pub(super) enum ResolveError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the name has no address")]
    Unknown(#[from] io::Error),
}

type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// Gives the addresses of a name only if every one of them is public: one that is not shows that the name is not to be trusted.
#[derive(Clone)]
pub(super) struct VettingResolver {
    lookup: Lookup,
}

impl VettingResolver {
    /// By the resolver of the operating system.
    pub(super) fn system() -> Self {
        Self::new(|name| {
            Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
        })
    }

    pub(super) fn new(
        lookup: impl Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self {
            lookup: Arc::new(lookup),
        }
    }

    pub(super) async fn vetted_addresses(
        &self,
        name: &str,
    ) -> Result<Vec<SocketAddr>, ResolveError> {
        let addresses = (self.lookup)(name.to_owned()).await?;
        match addresses.iter().find(|address| !is_public(address.ip())) {
            Some(address) => Err(Refusal(address.ip()).into()),
            None => Ok(addresses),
        }
    }
}

impl Resolve for VettingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver
                .vetted_addresses(name.as_str())
                .await
                .map_err(|error| match error {
                    // As it is, so that it is found again in the chain of causes.
                    ResolveError::Refused(refusal) => {
                        Box::<dyn std::error::Error + Send + Sync>::from(refusal)
                    }
                    ResolveError::Unknown(error) => error.into(),
                })?;
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}
