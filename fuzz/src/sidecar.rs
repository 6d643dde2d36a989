//! Bytes as an original: cleaned and restored it is the same bytes, with the same labels; with a bit changed it is that or an error.

use super::{Originals, bits, checked, classifier};
use std::io::Cursor;
use std::path::Path;
use unbait::corpus::packed::Packing;
use unbait::corpus::undo::{UndoReader, UndoWriter};
use unbait::error::Result;
use unbait::page::{Page, PageOptions};
use unbait::segment::Split;

/// Tries an input.
pub fn try_input(bytes: &[u8]) {
    let Some((control, original)) = bytes.split_first_chunk::<4>() else {
        return;
    };
    let Ok(page) = Page::from_bytes("x", original, &PageOptions::default()) else {
        return;
    };
    let labelled = checked(classifier(), &page, Split::Auto);
    let names = classifier().labels();
    let kept = labelled.blocks().filter(|(_, label)| names.name(*label) == "body");
    let output: String = kept.map(|(block, _)| block.text.clone() + "\n\n").collect();

    let undo = undo_file(original, output.as_bytes(), control);
    let (restored, ended) = restore(&undo, output.as_bytes());
    ended.expect("what was written is restored");
    assert_eq!(restored.whole, [(Path::new("folder/x").to_owned(), original.to_vec())]);
    let again = Page::from_bytes("x", &restored.whole[0].1, &PageOptions::default()).expect("the same page");
    assert_eq!(bits(&labelled), bits(&checked(classifier(), &again, Split::Auto)));

    let at = u16::from_le_bytes([control[2], control[3]]);
    changed(&undo, at, |undo| restore(undo, output.as_bytes()), original);
    changed(output.as_bytes(), at, |output| restore(&undo, output), original);
    changed(
        &undo[..undo.len() * usize::from(at) / 65_536],
        at,
        |undo| restore(undo, output.as_bytes()),
        original,
    );
}

/// What takes the output back to the original, in parts of which the control says the lengths.
fn undo_file(original: &[u8], output: &[u8], control: &[u8; 4]) -> Vec<u8> {
    let mut writer = UndoWriter::new(Vec::new()).expect("room");
    let packing = Packing::ALL.into_iter().nth(usize::from(control[1]) % 8);
    writer
        .begin_file(Path::new("folder/x"), packing)
        .expect("a name that can be restored");
    let parts = 1 + usize::from(control[0]) % 5;
    let cut = |bytes: usize, part: usize| bytes * part / parts;
    let is_whole = control[1] >= 224;
    for part in 0..parts {
        let of_original = cut(original.len(), part)..cut(original.len(), part + 1);
        let of_output = cut(output.len(), part)..cut(output.len(), part + 1);
        if !(is_whole && part + 1 == parts) {
            writer.part(&original[of_original], &output[of_output]).expect("room");
        }
    }
    if is_whole {
        let passed = output.len() - cut(output.len(), parts - 1);
        writer.whole_file(original, passed as u64).expect("room");
    } else {
        writer.end_file(original.len() as u64).expect("room");
    }
    writer.finish().expect("room")
}

/// The originals that were restored to their end, and whether all were.
fn restore(undo: &[u8], output: &[u8]) -> (Originals, Result<()>) {
    let mut originals = Originals::default();
    if let Ok(mut listed) = UndoReader::new(Path::new("x.undo"), Cursor::new(undo)) {
        while let Ok(Some(_)) = listed.next_original() {}
    }
    let ended = UndoReader::new(Path::new("x.undo"), undo)
        .and_then(|reader| reader.restore(Path::new("x"), output, &mut originals));
    (originals, ended)
}

/// Changes one bit: nothing that is restored then is wrong.
fn changed(bytes: &[u8], at: u16, restore: impl Fn(&[u8]) -> (Originals, Result<()>), original: &[u8]) {
    let mut bytes = bytes.to_vec();
    let place = (bytes.len() * usize::from(at)) >> 16;
    let Some(byte) = bytes.get_mut(place) else { return };
    *byte ^= 1 << (at % 8);
    let (restored, _) = restore(&bytes);
    assert!(
        restored.whole.iter().all(|(_, bytes)| bytes == original),
        "a bit of byte {place} was changed"
    );
}
