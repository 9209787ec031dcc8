//! Object storage: the bytes of files, kept where the module that received or made them can serve them.
//!
//! A key is built from ids alone, never from a name that somebody gave. What is stored is immutable; names, types and hashes
//! live in the module's rows.

mod kinds;

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::{Bytes, BytesMut};
use futures::stream::{BoxStream, Stream, StreamExt};
use md5::{Digest, Md5};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload,
};
use uuid::Uuid;

pub use kinds::{head_matches, known_extensions, type_of};

/// Where files are kept. S3 and Azure become further variants.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FileStoreSettings {
    /// In a folder of this machine, made when it is missing; every file is on the disk before it counts as stored.
    Local {
        /// The folder.
        folder: PathBuf,
    },
}

/// Where one file is kept: `module/tenant/owner/file`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileKey {
    /// The module that stores it: a name in the code, never from outside.
    pub module: &'static str,
    /// The tenant.
    pub tenant: Uuid,
    /// What it belongs to: an application, a document, the user who uploads it.
    pub owner: Uuid,
    /// The file.
    pub file: Uuid,
}

impl FileKey {
    fn path(&self) -> Path {
        Path::from_iter([
            self.module.to_owned(),
            self.tenant.to_string(),
            self.owner.to_string(),
            self.file.to_string(),
        ])
    }
}

impl fmt::Display for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}/{}/{}",
            self.module, self.tenant, self.owner, self.file
        )
    }
}

/// What was stored, as counted on the way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Bytes.
    pub size: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// MD5 in lower-case hexadecimal; events carry it for other systems, it protects nothing.
    pub md5: String,
}

/// A file on its way out.
pub struct FileContent {
    /// Bytes of the whole file, whatever the range.
    pub size: u64,
    /// Which bytes come.
    pub range: Range<u64>,
    /// The bytes.
    pub body: BoxStream<'static, Result<Bytes, FileError>>,
}

impl FileContent {
    /// The same bytes; after the last one comes [`FileError::Changed`] if they have not this SHA-256 (hex). An empty
    /// one is of a sender that told none: there is nothing to compare.
    #[must_use]
    pub fn checked(self, sha256: &str) -> Self {
        if sha256.is_empty() {
            return self;
        }
        let expected = sha256.to_ascii_lowercase();
        let start = Some((self.body, Context::new(&SHA256)));
        let body = futures::stream::unfold(start, move |state| {
            let expected = expected.clone();
            async move {
                let (mut body, mut hash) = state?;
                match body.next().await {
                    Some(Ok(piece)) => {
                        hash.update(&piece);
                        Some((Ok(piece), Some((body, hash))))
                    }
                    Some(Err(error)) => Some((Err(error), None)),
                    None if hex::encode(hash.finish()) == expected => None,
                    None => Some((Err(FileError::Changed), None)),
                }
            }
        });
        Self {
            body: body.boxed(),
            ..self
        }
    }
}

/// Why a file is not stored, or not there.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is none with this key.
    #[error("the file does not exist")]
    NotFound,
    /// It is longer than allowed. Nothing was stored.
    #[error("the file is longer than {0} bytes")]
    TooLarge(u64),
    /// It ended too early or in error where it came from. Nothing was stored.
    #[error("the file could not be read to its end")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The range begins after the end of the file, or is empty.
    #[error("the range lies outside the file")]
    Range,
    /// What came is not the file that its hash names.
    #[error("the bytes are not those of the file")]
    Changed,
    /// The store failed.
    #[error("the file store failed")]
    Store(#[source] object_store::Error),
}

impl From<object_store::Error> for FileError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::NotFound,
            other => Self::Store(other),
        }
    }
}

/// Parts of this size go to the store: S3 takes none smaller than 5 MiB, except the last.
const PART: usize = 5 * 1024 * 1024;

/// A store of files. Clones are the same store.
#[derive(Clone)]
pub struct FileStore {
    store: Arc<dyn ObjectStore>,
}

impl FileStore {
    /// Opens the store.
    ///
    /// # Errors
    /// [`FileError::Store`] if the folder cannot be made or opened.
    pub fn open(settings: &FileStoreSettings) -> Result<Self, FileError> {
        let FileStoreSettings::Local { folder } = settings;
        std::fs::create_dir_all(folder).map_err(|error| {
            FileError::Store(object_store::Error::Generic {
                store: "folder",
                source: error.into(),
            })
        })?;
        let store = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
        Ok(Self {
            store: Arc::new(store),
        })
    }

    /// Stores what the stream gives, at most `limit` bytes, and counts and hashes it on the way. The file is there when this
    /// returns, whole and on the disk, or not at all. Storing again under the same key replaces it (a repeat of the same work).
    ///
    /// # Errors
    /// [`FileError::TooLarge`], [`FileError::Source`], [`FileError::Store`].
    pub async fn put<S, E>(
        &self,
        key: FileKey,
        content: S,
        limit: u64,
    ) -> Result<StoredFile, FileError>
    where
        S: Stream<Item = Result<Bytes, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut upload = self.store.put_multipart(&key.path()).await?;
        let stored = match write_parts(upload.as_mut(), content, limit).await {
            Ok(stored) => stored,
            Err(error) => {
                if let Err(error) = upload.abort().await {
                    tracing::error!(%error, "an unfinished file could not be removed from the store");
                }
                return Err(error);
            }
        };
        upload.complete().await?;
        Ok(stored)
    }

    /// The whole file, or the bytes of the range as far as the file goes.
    ///
    /// # Errors
    /// [`FileError::NotFound`], [`FileError::Range`], [`FileError::Store`].
    pub async fn get(
        &self,
        key: FileKey,
        range: Option<Range<u64>>,
    ) -> Result<FileContent, FileError> {
        let path = key.path();
        if let Some(range) = &range {
            let size = self.store.head(&path).await?.size;
            if range.is_empty() || range.start >= size {
                return Err(FileError::Range);
            }
        }
        let options = GetOptions {
            range: range.map(GetRange::Bounded),
            ..GetOptions::default()
        };
        let result = self.store.get_opts(&path, options).await?;
        Ok(FileContent {
            size: result.meta.size,
            range: result.range.clone(),
            body: result
                .into_stream()
                .map(|piece| piece.map_err(FileError::from))
                .boxed(),
        })
    }

    /// Whether it is there.
    ///
    /// # Errors
    /// [`FileError::Store`].
    pub async fn exists(&self, key: FileKey) -> Result<bool, FileError> {
        match self.store.head(&key.path()).await.map_err(FileError::from) {
            Ok(_) => Ok(true),
            Err(FileError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes it; one that is not there is no error, so that a repeated erasure succeeds.
    ///
    /// # Errors
    /// [`FileError::Store`].
    pub async fn delete(&self, key: FileKey) -> Result<(), FileError> {
        match self
            .store
            .delete(&key.path())
            .await
            .map_err(FileError::from)
        {
            Err(FileError::NotFound) => Ok(()),
            other => other,
        }
    }
}

async fn write_parts<S, E>(
    upload: &mut dyn MultipartUpload,
    content: S,
    limit: u64,
) -> Result<StoredFile, FileError>
where
    S: Stream<Item = Result<Bytes, E>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut content = std::pin::pin!(content);
    let (mut sha256, mut md5, mut size) = (Context::new(&SHA256), Md5::new(), 0_u64);
    let mut part = BytesMut::new();
    while let Some(piece) = content.next().await {
        let piece = piece.map_err(|error| FileError::Source(error.into()))?;
        size = u64::try_from(piece.len())
            .ok()
            .and_then(|length| size.checked_add(length))
            .ok_or(FileError::TooLarge(limit))?;
        if size > limit {
            return Err(FileError::TooLarge(limit));
        }
        sha256.update(&piece);
        md5.update(&piece);
        part.extend_from_slice(&piece);
        while part.len() >= PART {
            upload
                .put_part(PutPayload::from(part.split_to(PART).freeze()))
                .await?;
        }
    }
    if !part.is_empty() {
        upload.put_part(PutPayload::from(part.freeze())).await?;
    }
    Ok(StoredFile {
        size,
        sha256: hex::encode(sha256.finish()),
        md5: hex::encode(md5.finalize()),
    })
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
    use futures::{TryStreamExt, stream};
    use std::convert::Infallible;
    use std::io;

    fn store() -> (tempfile::TempDir, FileStore) {
        let folder = tempfile::tempdir().unwrap();
        let settings = FileStoreSettings::Local {
            folder: folder.path().join("files"),
        };
        let store = FileStore::open(&settings).unwrap();
        (folder, store)
    }

    fn key() -> FileKey {
        FileKey {
            module: "documents",
            tenant: Uuid::from_u128(1),
            owner: Uuid::from_u128(2),
            file: Uuid::from_u128(3),
        }
    }

    fn pieces(pieces: &[&'static [u8]]) -> impl Stream<Item = Result<Bytes, Infallible>> + use<> {
        stream::iter(
            pieces
                .iter()
                .map(|piece| Ok(Bytes::from_static(piece)))
                .collect::<Vec<_>>(),
        )
    }

    async fn read(store: &FileStore, range: Option<Range<u64>>) -> Vec<u8> {
        let content = store.get(key(), range).await.unwrap();
        content
            .body
            .try_fold(Vec::new(), |mut all, piece| async move {
                all.extend_from_slice(&piece);
                Ok(all)
            })
            .await
            .unwrap()
    }

    fn files_below(folder: &std::path::Path) -> Vec<PathBuf> {
        std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .flat_map(|path| {
                if path.is_dir() {
                    files_below(&path)
                } else {
                    vec![path]
                }
            })
            .collect()
    }

    #[tokio::test]
    async fn what_goes_in_is_counted_hashed_and_comes_out_again() {
        let (folder, store) = store();
        let stored = store
            .put(key(), pieces(&[b"a", b"", b"bc"]), 3)
            .await
            .unwrap();
        assert_eq!(
            stored,
            StoredFile {
                size: 3,
                sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
                    .to_owned(),
                md5: "900150983cd24fb0d6963f7d28e17f72".to_owned(),
            }
        );
        assert_eq!(read(&store, None).await, b"abc");
        let path = folder.path().join("files").join(key().to_string());
        assert_eq!(std::fs::read(path).unwrap(), b"abc");
    }

    #[tokio::test]
    async fn a_file_of_many_parts_is_whole() {
        let (_folder, store) = store();
        let piece = Bytes::from(
            (0..1_000_000_u32)
                .map(|n| (n % 251) as u8)
                .collect::<Vec<_>>(),
        );
        let content = stream::iter(std::iter::repeat_n(piece.clone(), 12).map(Ok::<_, Infallible>));
        let stored = store.put(key(), content, u64::MAX).await.unwrap();
        let read = read(&store, None).await;
        assert_eq!(stored.size, 12_000_000);
        assert_eq!(read, piece.repeat(12));
        assert_eq!(stored.sha256, crate::crypto::sha256_hex(&read));
    }

    #[tokio::test]
    async fn bytes_that_are_not_those_of_the_hash_end_in_an_error() {
        let (_folder, store) = store();
        let stored = store.put(key(), pieces(&[b"ab", b"c"]), 3).await.unwrap();
        let content = store.get(key(), None).await.unwrap();
        let whole = content.checked(&stored.sha256.to_uppercase());
        assert_eq!(
            whole.body.try_collect::<Vec<_>>().await.unwrap().concat(),
            b"abc"
        );
        let content = store.get(key(), None).await.unwrap();
        let other = content.checked(&crate::crypto::sha256_hex(b"abd"));
        assert!(matches!(
            other.body.try_collect::<Vec<_>>().await,
            Err(FileError::Changed)
        ));
    }

    #[tokio::test]
    async fn an_empty_file_is_a_file() {
        let (_folder, store) = store();
        assert_eq!(store.put(key(), pieces(&[]), 0).await.unwrap().size, 0);
        assert!(read(&store, None).await.is_empty());
    }

    #[tokio::test]
    async fn a_range_gives_its_bytes_as_far_as_the_file_goes() {
        let (_folder, store) = store();
        store
            .put(key(), pieces(&[b"0123456789"]), 10)
            .await
            .unwrap();
        assert_eq!(read(&store, Some(2..5)).await, b"234");
        assert_eq!(read(&store, Some(8..100)).await, b"89");
        let content = store.get(key(), Some(8..100)).await.unwrap();
        assert_eq!((content.size, content.range), (10, 8..10));
        for range in [10..11, 4..4] {
            assert!(matches!(
                store.get(key(), Some(range)).await,
                Err(FileError::Range)
            ));
        }
    }

    #[tokio::test]
    async fn a_file_that_is_too_long_or_breaks_off_leaves_nothing() {
        let (folder, store) = store();
        assert!(matches!(
            store.put(key(), pieces(&[b"ab", b"cd"]), 3).await,
            Err(FileError::TooLarge(3))
        ));
        let broken = stream::iter([
            Ok(Bytes::from_static(b"ab")),
            Err(io::Error::other("the client went away")),
        ]);
        assert!(matches!(
            store.put(key(), broken, 100).await,
            Err(FileError::Source(_))
        ));
        assert!(!store.exists(key()).await.unwrap());
        assert!(matches!(
            store.get(key(), None).await,
            Err(FileError::NotFound)
        ));
        assert_eq!(files_below(folder.path()), Vec::<PathBuf>::new());
    }

    #[tokio::test]
    async fn a_failed_repeat_keeps_what_was_there() {
        let (_folder, store) = store();
        store.put(key(), pieces(&[b"first"]), 10).await.unwrap();
        store
            .put(key(), pieces(&[b"far too long"]), 10)
            .await
            .unwrap_err();
        assert_eq!(read(&store, None).await, b"first");
    }

    #[tokio::test]
    async fn erasing_twice_is_erasing() {
        let (_folder, store) = store();
        store.put(key(), pieces(&[b"abc"]), 3).await.unwrap();
        assert!(store.exists(key()).await.unwrap());
        store.delete(key()).await.unwrap();
        store.delete(key()).await.unwrap();
        assert!(!store.exists(key()).await.unwrap());
    }

    #[test]
    fn settings_name_the_kind_of_store() {
        let settings: FileStoreSettings =
            serde_json::from_str(r#"{"kind": "local", "folder": "var/files"}"#).unwrap();
        assert_eq!(
            settings,
            FileStoreSettings::Local {
                folder: "var/files".into()
            }
        );
    }
}
