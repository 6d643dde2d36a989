//! Tensors and a manifest to the bytes of a model file, and back.
//!
//! A model file is safetensors: tensors, and one JSON header; reading it runs no code. A file of another kind of model is refused by name.

use crate::error::{Error, Result};
use crate::vocabulary::Vocabulary;
use half::f16;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// Number of the model file's format; a file with another number is refused.
pub const FORMAT: u32 = 2;

/// Level of the vocabulary's Zstandard compression (chosen: the highest that is not "ultra").
const VOCABULARY_LEVEL: i32 = 19;

/// Most bytes that a vocabulary may unpack to (chosen: some 20 million features; bounds a hostile file).
const MOST_VOCABULARY_BYTES: usize = 1 << 29;

/// What a model gives labels to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelKind {
    /// The blocks of pages. Files that name no kind are of this one.
    #[default]
    Blocks,
    /// Lines by themselves, such as headlines.
    Lines,
}

impl ModelKind {
    fn is_blocks(&self) -> bool {
        *self == Self::Blocks
    }

    /// Why a model of this kind is none of the other.
    fn refusal(self) -> &'static str {
        match self {
            Self::Blocks => {
                "it is a model of pages' blocks, and a model of lines is wanted here; take the built-in `clickbait`, or make one with `unbait train --per line`"
            }
            Self::Lines => {
                "it is a model of lines, and a model of pages' blocks is wanted here; take the built-in `blocks`, or give this one to `unbait bait`"
            }
        }
    }
}

/// How a model was made; for people, scoring needs none of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of unbait that made it.
    pub version: String,
    /// Names and SHA-256 of the files it was trained on.
    pub data: Vec<(String, String)>,
    /// The training options by name.
    pub options: BTreeMap<String, serde_json::Value>,
    /// Number of training pages, or lines.
    pub pages: usize,
    /// Number of training sites, or sources of lines.
    pub sites: usize,
}

/// Type, shape and bytes of tensors by name.
pub(crate) type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// What the metadata of a model file holds.
#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    #[serde(default, skip_serializing_if = "ModelKind::is_blocks")]
    kind: ModelKind,
    /// SHA-256 in hexadecimal; see [`checksum`].
    checksum: String,
    /// A manifest as JSON text, so that the checksum covers its bytes.
    manifest: String,
}

#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

#[derive(Deserialize)]
struct KindOnly {
    #[serde(default)]
    kind: ModelKind,
}

/// An error of this model.
pub(crate) fn wrong(name: &str, problem: impl Into<String>) -> Error {
    Error::Model {
        name: name.to_owned(),
        problem: problem.into(),
    }
}

fn damaged(name: &str, what: &str) -> Error {
    wrong(
        name,
        format!("{what}; the file is damaged or no model file: copy it again, or train it again with `unbait train`"),
    )
}

/// The bytes of a model file; the same parts give the same bytes.
pub(crate) fn to_bytes(kind: ModelKind, manifest: &impl Serialize, tensors: &Tensors) -> Result<Vec<u8>> {
    let failed = |problem: String| wrong("model", problem);
    let manifest = serde_json::to_string(manifest).map_err(|error| failed(error.to_string()))?;
    let views: BTreeMap<&str, TensorView<'_>> = tensors
        .iter()
        .map(|(name, (dtype, shape, bytes))| Ok((name.as_str(), TensorView::new(*dtype, shape.clone(), bytes)?)))
        .collect::<Result<_, safetensors::SafeTensorError>>()
        .map_err(|error| failed(error.to_string()))?;
    let header = Header {
        format: FORMAT,
        kind,
        checksum: checksum(&manifest, &views),
        manifest,
    };
    let header = serde_json::to_string(&header).map_err(|error| failed(error.to_string()))?;
    // a single key: the order of several would be that of a hash map
    let metadata = HashMap::from([("unbait".to_owned(), header)]);
    safetensors::serialize(views, Some(metadata)).map_err(|error| failed(error.to_string()))
}

/// The parts of a model file that was read.
pub(crate) struct ModelFile<'b> {
    name: String,
    manifest: String,
    file: SafeTensors<'b>,
}

impl<'b> ModelFile<'b> {
    /// Reads the bytes of a model file of this kind; `name` stands in messages.
    pub fn read(name: &str, bytes: &'b [u8], kind: ModelKind) -> Result<Self> {
        let file = SafeTensors::deserialize(bytes)
            .map_err(|error| damaged(name, &format!("not readable as safetensors ({error})")))?;
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| damaged(name, &error.to_string()))?;
        let header = metadata
            .metadata()
            .as_ref()
            .and_then(|metadata| metadata.get("unbait"))
            .ok_or_else(|| wrong(name, "a safetensors file, but not one of unbait: it has no `unbait` metadata; name a file that `unbait train` wrote"))?;
        let unreadable = |error: serde_json::Error| damaged(name, &format!("its metadata cannot be read ({error})"));
        let FormatOnly { format } = serde_json::from_str(header).map_err(unreadable)?;
        if format != FORMAT {
            return Err(wrong(
                name,
                format!(
                    "it has format {format}, this version of unbait reads format {FORMAT}; use the version that made it, or train it again"
                ),
            ));
        }
        let KindOnly { kind: found } = serde_json::from_str(header).map_err(unreadable)?;
        if found != kind {
            return Err(wrong(name, found.refusal()));
        }
        let header: Header = serde_json::from_str(header).map_err(unreadable)?;
        let read = Self {
            name: name.to_owned(),
            manifest: header.manifest,
            file,
        };
        if checksum(&read.manifest, &read.tensors()) != header.checksum {
            return Err(damaged(name, "its checksum is wrong"));
        }
        Ok(read)
    }

    /// The manifest.
    pub fn manifest<M: DeserializeOwned>(&self) -> Result<M> {
        serde_json::from_str(&self.manifest)
            .map_err(|error| self.damaged(&format!("its manifest cannot be read ({error})")))
    }

    /// The error that the file is damaged.
    pub fn damaged(&self, what: &str) -> Error {
        damaged(&self.name, what)
    }

    /// The tensors by name.
    pub fn tensors(&self) -> BTreeMap<&str, TensorView<'_>> {
        self.file.iter().collect()
    }
}

/// SHA-256 over the manifest and, in the order of their names, each tensor's name, shape and bytes.
fn checksum(manifest: &str, tensors: &BTreeMap<&str, TensorView<'_>>) -> String {
    let mut hasher = Sha256::new();
    hasher.update(manifest.as_bytes());
    for (name, tensor) in tensors {
        hasher.update(name.as_bytes());
        for length in tensor.shape() {
            hasher.update((*length as u64).to_le_bytes());
        }
        hasher.update(tensor.data());
    }
    hex::encode(hasher.finalize())
}

/// Weights in half precision.
pub(crate) fn half_bytes(weights: &[f32]) -> Vec<u8> {
    let halves = weights.iter().map(|weight| f16::from_f32(*weight));
    halves.flat_map(|weight| weight.to_le_bytes()).collect()
}

/// Weights that are in half precision.
pub(crate) fn halves(bytes: &[u8]) -> Vec<f32> {
    let halves = bytes
        .chunks_exact(2)
        .map(|bytes| f16::from_le_bytes([bytes[0], bytes[1]]));
    halves.map(f16::to_f32).collect()
}

/// The bytes of doubles.
pub(crate) fn double_bytes<'v>(values: impl IntoIterator<Item = &'v f64>) -> Vec<u8> {
    values.into_iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Doubles of their bytes.
pub(crate) fn doubles(bytes: &[u8]) -> Vec<f64> {
    bytes
        .chunks_exact(8)
        .map(|bytes| f64::from_le_bytes(std::array::from_fn(|at| bytes[at])))
        .collect()
}

/// A vocabulary's spellings, packed.
pub(crate) fn pack_vocabulary(vocabulary: &Vocabulary) -> Result<Vec<u8>> {
    zstd::bulk::compress(vocabulary.lines().as_bytes(), VOCABULARY_LEVEL)
        .map_err(|error| wrong("model", error.to_string()))
}

/// The vocabulary that was packed; `None` when it cannot be unpacked.
pub(crate) fn unpack_vocabulary(packed: &[u8]) -> Option<Vocabulary> {
    let spellings = zstd::bulk::decompress(packed, vocabulary_capacity(packed)).ok()?;
    String::from_utf8(spellings).ok().map(Vocabulary::from_lines)
}

/// The unpacked size that the packed vocabulary names, bounded.
fn vocabulary_capacity(packed: &[u8]) -> usize {
    let named = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten();
    named
        .and_then(|bytes| usize::try_from(bytes).ok())
        .unwrap_or(MOST_VOCABULARY_BYTES)
        .min(MOST_VOCABULARY_BYTES)
}
