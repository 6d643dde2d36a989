//! Bytes as a program that writes an undo file, whose entries have right hashes, in any order and with any numbers, and behind it the
//! output: an error or the originals that are listed, none of them outside its folder.

use super::Originals;
use serde_json::json;
use std::io::Cursor;
use std::path::Path;
use unbait::corpus::undo::{MOST_PART_BYTES, UndoReader};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Most entries of an undo file here (chosen).
const MOST_ENTRIES: u8 = 16;

/// Numbers that are easily counted wrong.
const NUMBERS: [u64; 8] = [
    0,
    1,
    MOST_PART_BYTES as u64,
    MOST_PART_BYTES as u64 + 1,
    u32::MAX as u64,
    i64::MAX as u64,
    i64::MAX as u64 + 1,
    u64::MAX,
];

/// Tries an input.
pub fn try_input(bytes: &[u8]) {
    let mut program = Program(bytes);
    let undo = undo_file(&mut program);
    let output = program.0;
    let mut listed = Vec::new();
    let mut reader = UndoReader::new(Path::new("x.undo"), Cursor::new(&undo)).expect("its first line is right");
    while let Ok(Some(original)) = reader.next_original() {
        listed.push(original.name);
    }
    let mut originals = Originals::default();
    let reader = UndoReader::new(Path::new("x.undo"), &undo[..]).expect("its first line is right");
    let restored = reader.restore(Path::new("x"), output, &mut originals);
    let whole: Vec<_> = originals.whole.into_iter().map(|(name, _)| name).collect();
    assert!(listed.starts_with(&whole), "{whole:?} restored, {listed:?} listed");
    assert!(restored.is_err() || listed == whole);
}

/// What is left of an input.
struct Program<'a>(&'a [u8]);

impl<'a> Program<'a> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn bytes(&mut self) -> &'a [u8] {
        let count = usize::from(self.byte());
        let (bytes, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    /// Mostly the right number.
    fn number(&mut self, right: usize) -> u64 {
        let byte = self.byte();
        match byte {
            0..128 => right as u64,
            128.. => NUMBERS[usize::from(byte) % NUMBERS.len()],
        }
    }
}

fn undo_file(program: &mut Program<'_>) -> Vec<u8> {
    let mut undo = b"unbait undo 1\n".to_vec();
    let mut original_len = 0;
    let entries = program.byte() % MOST_ENTRIES;
    let output_len = |program: &Program<'_>, wanted: u8| program.0.len().min(usize::from(wanted));
    for _ in 0..entries {
        let mut line = |text: String| undo.extend(format!("{:016x} {text}\n", xxh3_64(text.as_bytes())).into_bytes());
        match program.byte() % 7 {
            0 => {
                original_len = 0;
                let packing = match program.byte() {
                    0..128 => None,
                    128..192 => Some("gz"),
                    192.. => Some("rar"),
                };
                let name = String::from_utf8_lossy(program.bytes());
                line(json!({"file": {"name": name, "packing": packing}}).to_string());
            }
            1 => {
                let original = program.bytes();
                // a frame need not refer to its prefix
                let packed = zstd::bulk::compress(original, 1).expect("room");
                let frame = match program.byte() {
                    0..200 => &packed[..],
                    200.. => program.bytes(),
                };
                // of the output, which is the end of the input, the last bytes
                let wanted = program.byte();
                let of_output = &program.0[program.0.len() - output_len(program, wanted)..];
                original_len += original.len();
                let mut piece = |bytes: &[u8]| {
                    let count = program.number(bytes.len());
                    json!({"bytes": count, "xxh3": format!("{:032x}", xxh3_128(bytes))})
                };
                let part = json!({"original": piece(original), "output": piece(of_output), "frame": piece(frame)});
                line(json!({ "part": part }).to_string());
                undo.extend_from_slice(frame);
            }
            2 => {
                original_len = 0;
                let passed = program.byte();
                line(json!({"whole": {"output": program.number(passed.into())}}).to_string());
            }
            3 => line(json!({"end_file": {"bytes": program.number(original_len)}}).to_string()),
            4 => line(r#"{"end":{}}"#.to_owned()),
            5 => line(String::from_utf8_lossy(program.bytes()).into_owned()),
            _ => undo.extend_from_slice(program.bytes()),
        }
    }
    undo
}
