//! Bytes as a packed file, and bytes packed: what was packed comes back, and of a file that is cut off its beginning.

use super::records;
use std::io::{Cursor, Read, Write};
use unbait::corpus::packed::{Packer, Packing, unpack, unpack_as};
use unbait::corpus::{CorpusOptions, Format};

/// Most bytes that are unpacked (chosen: bombs are another matter).
const MOST_BYTES: u64 = 1 << 24;

/// Tries an input.
pub fn try_input(bytes: &[u8]) {
    if let Ok(source) = unpack(Cursor::new(bytes.to_vec())) {
        let unpacked = until_error(source);
        if Packing::of_content(bytes).is_none() {
            assert_eq!(unpacked, bytes);
        }
    }
    for format in [None, Some(Format::JsonLines), Some(Format::Warc)] {
        records(
            bytes,
            &CorpusOptions {
                format,
                ..CorpusOptions::default()
            },
        );
    }
    let [choice, cut, content @ ..] = bytes else { return };
    let packing = Packing::ALL[usize::from(*choice) % Packing::ALL.len()];
    let mut packer = Packer::new(Some(packing), Vec::new()).expect("an encoder");
    packer.write_all(content).expect("room");
    let packed = packer.finish().expect("room");
    assert_eq!(Packing::of_content(&packed), Some(packing));
    let mut back = Vec::new();
    unpack(Cursor::new(packed.clone()))
        .expect("a decoder")
        .read_to_end(&mut back)
        .expect("what was packed");
    assert_eq!(back, content);
    let cut = packed.len() * usize::from(*cut) / 256;
    if let Ok(source) = unpack_as(Some(packing), Cursor::new(packed[..cut].to_vec())) {
        let beginning = until_error(source);
        assert!(content.starts_with(&beginning), "{packing:?} cut off at {cut}");
    }
}

/// What is unpacked before the first error.
fn until_error(source: impl Read) -> Vec<u8> {
    let mut unpacked = Vec::new();
    let _ = source.take(MOST_BYTES).read_to_end(&mut unpacked);
    unpacked
}
