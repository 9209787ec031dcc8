//! What a file is, by its name and by its first bytes.

/// The files that offices and citizens exchange: by extension, the type under which they are served.
const TYPES: [(&str, &str); 16] = [
    ("pdf", "application/pdf"),
    ("p7m", "application/pkcs7-mime"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("png", "image/png"),
    ("txt", "text/plain"),
    ("csv", "text/csv"),
    ("rtf", "application/rtf"),
    ("doc", "application/msword"),
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    ("xls", "application/vnd.ms-excel"),
    (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("xml", "application/xml"),
    ("zip", "application/zip"),
];

/// The type under which a file of this name is served; `None` where files with its extension are not taken.
#[must_use]
pub fn type_of(name: &str) -> Option<&'static str> {
    let (stem, extension) = name.rsplit_once('.')?;
    let extension = extension.to_ascii_lowercase();
    TYPES
        .iter()
        .find(|(known, _)| !stem.is_empty() && *known == extension)
        .map(|(_, mime_type)| *mime_type)
}

/// The extensions of files that are taken.
#[must_use]
pub fn known_extensions() -> Vec<&'static str> {
    TYPES.iter().map(|(extension, _)| *extension).collect()
}

/// Whether the first bytes can be those of a file of this type. Types without a mark of their own take everything but programs.
#[must_use]
pub fn head_matches(mime_type: &str, head: &[u8]) -> bool {
    let starts = |marks: &[&[u8]]| marks.iter().any(|mark| head.starts_with(mark));
    match mime_type {
        // Readers accept the mark anywhere in the first kilobyte (ISO 32000, implementation note on the file header).
        "application/pdf" => head.windows(5).any(|bytes| bytes == b"%PDF-"),
        "image/jpeg" => starts(&[b"\xff\xd8\xff"]),
        "image/png" => starts(&[b"\x89PNG\r\n\x1a\n"]),
        "image/gif" => starts(&[b"GIF8"]),
        "image/tiff" => starts(&[b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"]),
        "image/webp" => starts(&[b"RIFF"]) && head.get(8..12) == Some(b"WEBP"),
        "image/heic" => head.get(4..8) == Some(b"ftyp"),
        // Signed data (RFC 5652) in DER or BER, in PEM, or in bare base64.
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => {
            starts(&[b"\x30", b"-----BEGIN ", b"MI"])
        }
        "application/zip" | "application/x-zip-compressed" => {
            starts(&[b"PK\x03\x04", b"PK\x05\x06"])
        }
        kind if kind.starts_with("application/vnd.openxmlformats-")
            || kind.starts_with("application/vnd.oasis.opendocument.") =>
        {
            starts(&[b"PK\x03\x04"])
        }
        // Compound files; word processors also write RTF under the older name. Tables as text come as application/vnd.ms-excel too.
        "application/msword" => starts(&[COMPOUND, b"{\\rtf"]),
        "application/rtf" | "text/rtf" => starts(&[b"{\\rtf"]),
        "application/xml" | "text/xml" => {
            let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
            text.trim_ascii_start().starts_with(b"<") || starts(&[b"\xff\xfe<", b"\xfe\xff\0<"])
        }
        "image/vnd.dwg" => starts(&[b"AC10"]),
        _ => !starts(&[b"MZ", b"\x7fELF"]),
    }
}

/// How a file of the older office programs begins ([MS-CFB] 2.2).
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_is_what_its_name_says_as_far_as_its_first_bytes_tell() {
        let cases: [(&str, &[u8], bool); 12] = [
            ("a.doc", COMPOUND, true),
            ("a.doc", b"{\\rtf1", true),
            ("a.doc", b"hello", false),
            ("a.xls", COMPOUND, true),
            ("a.xls", b"MZ\x90", false),
            ("a.rtf", b"{\\rtf1", true),
            ("a.rtf", b"hello", false),
            ("a.xml", b"\xef\xbb\xbf\n<?xml version='1.0'?>", true),
            ("a.xml", b"\x89PNG\r\n\x1a\n", false),
            ("a.txt", b"hello", true),
            ("a.txt", b"MZ\x90", false),
            ("a.csv", b"\x7fELF", false),
        ];
        for (name, head, taken) in cases {
            let kind = type_of(name).unwrap();
            assert_eq!(head_matches(kind, head), taken, "{name} {head:?}");
        }
    }
}
