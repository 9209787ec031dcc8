//! The folder of everything kept on disk: it holds keys and personal data.

use std::io::{ErrorKind, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;

use crate::module::StartError;

/// Makes a folder that only its owner may enter.
pub(crate) fn make_private_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// A key of this installation, made at its first start and kept, readable by its owner only.
pub(crate) fn kept_key(folder: &Path, name: &str) -> Result<SecretString, StartError> {
    let path = folder.join(name);
    let found = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => make_key(folder, &path),
        found => found,
    };
    match found {
        Ok(key) => Ok(key.trim().to_owned().into()),
        Err(error) => Err(StartError::new(
            format!("the key {} cannot be read or made", path.display()),
            error,
        )),
    }
}

/// Makes a key; the one of another process, if that was faster.
fn make_key(folder: &Path, path: &Path) -> std::io::Result<String> {
    let bytes = crate::crypto::random_bytes::<32>().map_err(std::io::Error::other)?;
    let key = STANDARD.encode(bytes);
    // Nobody sees it before it is whole. Its mode is 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(key.as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(key),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => {
            std::fs::read_to_string(path)
        }
        Err(error) => Err(error.error),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Barrier;

    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn processes_that_start_for_the_first_time_together_have_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let together = Barrier::new(8);
        let keys: Vec<String> = std::thread::scope(|scope| {
            let started: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        together.wait();
                        kept_key(folder.path(), "a.key").unwrap()
                    })
                })
                .collect();
            let keys = started.into_iter().map(|thread| thread.join().unwrap());
            keys.map(|key| key.expose_secret().to_owned()).collect()
        });
        assert_eq!(STANDARD.decode(&keys[0]).unwrap().len(), 32);
        assert!(keys.iter().all(|key| *key == keys[0]));
        let kept: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(kept.len(), 1);
        let mode = kept[0].as_ref().unwrap().metadata().unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }
}
