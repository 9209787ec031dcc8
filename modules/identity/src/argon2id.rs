//! argon2id in memory that goes back to the system.

use argon2::password_hash::{
    Decimal, Ident, Output, ParamsString, PasswordHash, PasswordHasher, Result, Salt,
};
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// The C library keeps a freed block of up to 32 MiB for whoever asks next, one for each thread that ever hashed; larger ones
/// go back to the system. What is reserved here beyond what a hash needs is never touched, and takes no memory.
const GIVEN_BACK: usize = 40 * 1024 * 1024;

/// Makes hashes with these parameters; checks those of any.
pub(crate) struct Argon2id(pub(crate) Params);

impl PasswordHasher for Argon2id {
    type Params = Params;

    fn hash_password<'a>(
        &self,
        password: &[u8],
        salt: impl Into<Salt<'a>>,
    ) -> Result<PasswordHash<'a>> {
        self.hash_password_customized(password, None, None, self.0.clone(), salt)
    }

    fn hash_password_customized<'a>(
        &self,
        password: &[u8],
        algorithm: Option<Ident<'a>>,
        version: Option<Decimal>,
        params: Params,
        salt: impl Into<Salt<'a>>,
    ) -> Result<PasswordHash<'a>> {
        let algorithm = algorithm.map_or(Ok(Algorithm::Argon2id), Algorithm::try_from)?;
        let version = version.map_or(Ok(Version::V0x13), Version::try_from)?;
        let salt = salt.into();
        let mut bytes = [0; Salt::MAX_LENGTH];
        let bytes = salt.decode_b64(&mut bytes)?;
        let blocks = params.block_count();
        let mut memory = Vec::with_capacity(blocks.max(GIVEN_BACK / Block::SIZE));
        memory.resize(blocks, Block::new());
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let argon2 = Argon2::new(algorithm, version, params.clone());
        let hash = Output::init_with(length, |out| {
            Ok(argon2.hash_password_into_with_memory(password, bytes, out, &mut memory)?)
        })?;
        Ok(PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: ParamsString::try_from(&params)?,
            salt: Some(salt),
            hash: Some(hash),
        })
    }
}
