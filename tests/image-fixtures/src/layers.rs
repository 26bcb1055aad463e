use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Compressed by gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("a Vec takes all bytes")
}

/// A frame of zstd (RFC 8878) with one block that is as it was: a compressor is a library of C that takes long to
/// build.
///
/// # Panics
/// With more than a block may have, 128 KiB.
pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    let size = u32::try_from(bytes.len()).expect("a small layer");
    assert!(size <= 128 << 10, "{size} bytes are more than one block");
    // One segment, with its size in four bytes.
    let head = [0x28, 0xb5, 0x2f, 0xfd, 0b1010_0000];
    // Three bytes: the size, the type of a raw block, and that it is the last.
    let block = (size << 3 | 1).to_le_bytes();
    [&head[..], &size.to_le_bytes(), block.split_at(3).0, bytes].concat()
}

/// As many random bytes as a small layer has.
pub(crate) fn random_tar() -> Vec<u8> {
    std::iter::repeat_with(|| fastrand::u8(..)).take(fastrand::usize(8_000..40_000)).collect()
}

/// So many random letters.
pub(crate) fn random(length: usize) -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(length).collect()
}
