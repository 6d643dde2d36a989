//! Writes the first inputs of every target: FOLDER/TARGET/NUMBER.

use std::fs;
use std::path::{Path, PathBuf};
use unbait_fuzz::seeds::seeds;

fn main() {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.expect("wanted a folder for the seeds");
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (number, (target, bytes)) in seeds(&repository).into_iter().enumerate() {
        let folder = folder.join(target);
        fs::create_dir_all(&folder).expect("a folder for seeds");
        fs::write(folder.join(format!("{number:03}")), bytes).expect("room for a seed");
    }
}
