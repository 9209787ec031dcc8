//! The coat of arms in the letterhead. It comes from whoever administers the tenant, so its size is checked before anything decodes it.

/// Virtual path of a logo that is a PNG.
pub(super) const PNG: &str = "/logo.png";
/// Virtual path of a logo that is a JPEG.
pub(super) const JPEG: &str = "/logo.jpg";
/// Virtual path of a logo that is an SVG.
pub(super) const SVG: &str = "/logo.svg";

const MAX_BYTES: usize = 2 * 1024 * 1024;
/// Width and height, in pixels. A few kilobytes of PNG can unpack to gigabytes.
const MAX_SIDE: u32 = 4096;

/// Whether the picture is small enough to be drawn. Says nothing of whether it can be read.
pub(super) fn is_reasonable(logo: &[u8]) -> bool {
    if logo.len() > MAX_BYTES {
        return false;
    }
    match file_name(logo) {
        SVG => true,
        _ => image::ImageReader::new(std::io::Cursor::new(logo))
            .with_guessed_format()
            .ok()
            .and_then(|reader| reader.into_dimensions().ok())
            .is_some_and(|(width, height)| width <= MAX_SIDE && height <= MAX_SIDE),
    }
}

/// The virtual path under which the template finds the picture, by its first bytes.
pub(super) fn file_name(logo: &[u8]) -> &'static str {
    match image::guess_format(logo) {
        Ok(image::ImageFormat::Png) => PNG,
        Ok(image::ImageFormat::Jpeg) => JPEG,
        _ => SVG,
    }
}
