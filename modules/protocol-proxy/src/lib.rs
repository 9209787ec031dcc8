//! Registries (protocollo): one connector each and their configurations.
