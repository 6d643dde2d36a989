//! Bytes as a model file: any are an error; as manifest, vocabulary and weights of a file whose checksum is right, an error or a model that
//! labels pages and is written and read as the same.

use super::{bits, checked, is_labelled_twice};
use half::f16;
use safetensors::tensor::{Dtype, TensorView};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use unbait::classifier::{Classifier, FORMAT};
use unbait::convolution::{DILATIONS, UNITS};
use unbait::page::{Page, PageKind};
use unbait::page_features::feature_count;
use unbait::segment::Split;

const PAGES: [(PageKind, &str); 2] = [
    (
        PageKind::Html,
        "<nav><a href=/>Home</a></nav><article><h1>The ferry sails</h1><p>It took three weeks.</p><img alt=ferry>\
         <p>The council voted.</p></article><h2>More</h2><ul><li><a href=/1>Ten tricks</a><li><a href=/2>Read more</a></ul>",
    ),
    (
        PageKind::Text,
        "Home\n\nThe ferry sails\n\nIt took three weeks, they said.\n\nYou May Also Like\n\nRead more: ten tricks",
    ),
];

/// Tries an input.
pub fn try_input(bytes: &[u8]) {
    if let Ok(model) = Classifier::from_bytes("x", bytes) {
        labels(&model);
    }
    if let Ok(model) = Classifier::from_bytes("x", &model_file(bytes)) {
        let first = labels(&model);
        if is_labelled_twice(bytes) {
            let written = model.to_bytes().expect("a model that was read");
            let again = Classifier::from_bytes("x", &written).expect("a model that was written");
            assert_eq!(again.to_bytes().expect("a model that was read"), written);
            assert_eq!(first, labels(&again));
        }
    }
}

/// Labels some pages, and gives the bits of the probabilities.
fn labels(model: &Classifier) -> Vec<Vec<u64>> {
    let known = PAGES.iter().filter(|(kind, _)| model.kind(*kind).is_some());
    let page =
        |(kind, text): &(PageKind, &str)| Page::from_text("x", (*text).to_owned(), Some(*kind)).expect("a small page");
    known
        .map(page)
        .map(|page| {
            let labelled = checked(model, &page, Split::Auto);
            model
                .explain_blocks(&page, Split::Auto, |_| true)
                .expect("an explanation of each block");
            bits(&labelled)
        })
        .collect()
}

/// A model file of a manifest, the lines of a vocabulary, a byte that says which tensor is wrong, and weights that are repeated, with NUL
/// between the parts.
fn model_file(bytes: &[u8]) -> Vec<u8> {
    let mut parts = bytes.splitn(3, |byte| *byte == 0);
    let mut part = || parts.next().unwrap_or_default();
    let (manifest, vocabulary, weights) = (String::from_utf8_lossy(part()), part(), part());
    let (wrong, weights) = weights.split_first().unwrap_or((&0, &[]));
    let columns = vocabulary.iter().filter(|byte| **byte == b'\n').count();
    let labels = serde_json::from_str::<serde_json::Value>(&manifest).ok();
    let labels = labels
        .and_then(|manifest| Some(manifest.get("labels")?.as_array()?.len()))
        .unwrap_or(4);
    let inputs = feature_count(labels);
    let mut tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)> = BTreeMap::new();
    let mut number = 0;
    for kind in [PageKind::Html, PageKind::Text].map(PageKind::as_str) {
        let mut put = |name: &str, dtype: Dtype, shape: Vec<usize>| {
            number += 1;
            let mut shape = shape;
            match (number == *wrong, &mut shape[..]) {
                (true, [rows, .., columns]) => std::mem::swap(rows, columns),
                (true, [columns]) => *columns += 1,
                (true, []) | (false, _) => {}
            }
            let count = shape.iter().product();
            tensors.insert(format!("{kind}.{name}"), (dtype, shape, filled(dtype, count, weights)));
        };
        put("ngram.weights", Dtype::F16, vec![columns, labels]);
        put("ngram.intercept", Dtype::F64, vec![labels]);
        put("page.weights", Dtype::F64, vec![UNITS + inputs, labels]);
        put("page.intercept", Dtype::F64, vec![labels]);
        put("page.first.weights", Dtype::F32, vec![inputs, UNITS]);
        put("page.first.bias", Dtype::F32, vec![UNITS]);
        for dilation in DILATIONS {
            for tap in ["before", "own", "after"] {
                put(
                    &format!("page.dilation-{dilation}.{tap}"),
                    Dtype::F32,
                    vec![UNITS, UNITS],
                );
            }
            put(&format!("page.dilation-{dilation}.bias"), Dtype::F32, vec![UNITS]);
        }
        let packed = zstd::bulk::compress(vocabulary, 1).expect("room");
        // one more than there are weights: the vocabulary itself
        number += 1;
        let packed = if number == *wrong { vocabulary.to_vec() } else { packed };
        tensors.insert(
            format!("{kind}.ngram.vocabulary.zst"),
            (Dtype::U8, vec![packed.len()], packed),
        );
    }
    let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
        (
            name.as_str(),
            TensorView::new(*dtype, shape.clone(), bytes).expect("as many bytes as the shape has"),
        )
    });
    let views: BTreeMap<&str, TensorView<'_>> = views.collect();
    let mut hasher = Sha256::new();
    hasher.update(manifest.as_bytes());
    for (name, tensor) in &views {
        hasher.update(name.as_bytes());
        tensor
            .shape()
            .iter()
            .for_each(|length| hasher.update((*length as u64).to_le_bytes()));
        hasher.update(tensor.data());
    }
    let header =
        serde_json::json!({"format": FORMAT, "checksum": hex::encode(hasher.finalize()), "manifest": manifest});
    let metadata = HashMap::from([("unbait".to_owned(), header.to_string())]);
    safetensors::serialize(views, Some(metadata)).expect("room")
}

/// As many weights, which repeat these bytes; zeros when there are none.
fn filled(dtype: Dtype, count: usize, weights: &[u8]) -> Vec<u8> {
    let weights = weights
        .chunks(2)
        .map(|pair| f16::from_le_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
    let weights: Vec<f16> = weights.collect();
    (0..count)
        .flat_map(|at| {
            let weight = weights.get(at % weights.len().max(1)).copied().unwrap_or(f16::ZERO);
            match dtype {
                Dtype::F64 => f64::from(weight).to_le_bytes().to_vec(),
                Dtype::F32 => f32::from(weight).to_le_bytes().to_vec(),
                _ => weight.to_le_bytes().to_vec(),
            }
        })
        .collect()
}
