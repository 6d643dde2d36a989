//! The pages that benches go through: those of `datasets/`, or real ones.

use std::path::Path;

/// The pages as HTML.
pub fn sources() -> Vec<String> {
    let real = std::env::var("UNBAIT_DATA").map(|folder| Path::new(&folder).join("bench-pages.jsonl.zst"));
    let invented = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/html.jsonl");
    let bytes = match real {
        Ok(path) => {
            let file = std::fs::File::open(path).expect("bench-pages.jsonl.zst in UNBAIT_DATA");
            let mut decoder = zstd::Decoder::new(file).expect("a Zstandard file");
            decoder.window_log_max(27).expect("a window of 2^27");
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut decoder, &mut bytes).expect("a whole file");
            bytes
        }
        Err(_) => std::fs::read(invented).expect("datasets/html.jsonl"),
    };
    serde_json::Deserializer::from_slice(&bytes)
        .into_iter::<serde_json::Value>()
        .filter_map(|page| page.ok()?.get("html")?.as_str().map(str::to_owned))
        .collect()
}
