//! The rows of a Parquet file with other texts to the bytes of a Parquet file that is the same but for its texts: columns, types, row groups,
//! packing and metadata stay.
//!
//! Other columns are never made values of this program: of a row group with all its rows they are copied as they are packed, else their rows
//! are copied in Parquet's own types. What only helps readers to skip (page indexes, Bloom filters) is not copied.

use super::parquet::{EndedFile, is_text, without_panic};
use super::{BlockCounts, Keys};
use crate::error::{Error, Result};
use ::parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use ::parquet::arrow::{ARROW_SCHEMA_META_KEY, ArrowSchemaConverter, encode_arrow_schema, parquet_to_arrow_schema};
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::column::writer::{ColumnCloseResult, ColumnWriter, ColumnWriterImpl};
use ::parquet::data_type::DataType as ParquetType;
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::ParquetMetaData;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::types::{SchemaDescriptor, Type, TypePtr};
use arrow_array::{ArrayRef, LargeStringArray, StructArray, UInt32Array};
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema};
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Column of the counts of blocks: a struct of `kept` and `removed`, each a struct with the number of blocks of each label (32 bits without
/// a sign). Structs are read by more tools, and by name, than maps are.
const COUNTS: &str = "unbait";

/// Most bytes of a row group, as it is packed in the source; a larger one becomes several, as it is in memory (what parquet-mr, and with it
/// Spark, writes at most by default).
const MOST_GROUP_BYTES: u64 = 1 << 27;

/// Bytes of text that are gathered before they are encoded (chosen).
const BATCH_BYTES: usize = 1 << 20;

/// Rows that are encoded, or copied, at once (chosen: cells can be large).
const BATCH_ROWS: usize = 64;

/// Writes a file's rows with other texts.
///
/// The text stands in the column of [`Keys::text`], as UTF-8 whatever its type, or in a new column when there is none and the page is HTML.
/// Counts of blocks stand in a column `unbait`, a new one or in place of an older one: a struct of `kept` and `removed`, each a struct of the
/// number of blocks of each label.
pub struct RowTable {
    path: PathBuf,
    file: File,
    source: SerializedFileReader<EndedFile>,
    layout: Layout,
    writer: SerializedFileWriter<Vec<u8>>,
    /// The row group of the source that is written, and its first row from 0.
    group: usize,
    first_row: u64,
    /// The number of the last row from 1.
    last_row: u64,
    most_group_bytes: u64,
    part: Option<Part>,
}

/// A row group as far as it was gathered.
struct Part {
    /// Rows of the source's row group.
    rows: Vec<Range<usize>>,
    row_count: usize,
    columns: Vec<ArrowColumnWriter>,
    texts: Vec<String>,
    text_bytes: usize,
    counts: Vec<BlockCounts>,
}

/// The columns of the new file.
struct Layout {
    schema: TypePtr,
    /// In the order of the schema's leaves.
    columns: Vec<Origin>,
    text: FieldRef,
    counts: FieldRef,
    /// Columns of the counts: of what was kept and of what was removed.
    sides: Fields,
    /// Columns of each of these.
    labels: Fields,
    written: ArrowRowGroupWriterFactory,
}

/// Where a column's values come from.
#[derive(Clone, Copy, Debug)]
enum Origin {
    /// This leaf of the source.
    Source(usize),
    /// This one of the columns that are written: the text, then the leaves of the counts.
    Written(usize),
}

impl RowTable {
    /// Begins the file for the rows of `path`; `keys` says how its pages are read, `labels` are all labels that counts can have.
    ///
    /// # Errors
    /// [`Error::Read`], and [`Error::Corpus`] when it is no Parquet file, or the column of the text holds something else.
    pub fn new<S: AsRef<str>>(path: &Path, keys: &Keys, labels: &[S]) -> Result<Self> {
        let failed = |problem| Error::Corpus {
            path: path.to_owned(),
            problem,
        };
        let read = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(read)?;
        let clone = file.try_clone().map_err(read)?;
        let source = without_panic(|| SerializedFileReader::new(EndedFile(clone)))
            .and_then(|source| source.map_err(|error| error.to_string()))
            .map_err(|error| failed(format!("no Parquet file, or its end is broken: {error}")))?;
        let (layout, properties) = Layout::new(source.metadata(), keys, labels).map_err(failed)?;
        let writer = SerializedFileWriter::new(Vec::new(), Arc::clone(&layout.schema), properties);
        Ok(Self {
            path: path.to_owned(),
            file,
            source,
            layout,
            writer: writer.map_err(|error| failed(error.to_string()))?,
            group: 0,
            first_row: 0,
            last_row: 0,
            most_group_bytes: MOST_GROUP_BYTES,
            part: None,
        })
    }

    /// Adds a row of the source by its number from 1, with its text and counts, and to `to` the bytes that are ready. Rows that are not
    /// added are not in the new file.
    ///
    /// # Errors
    /// [`Error::Changed`] when the file has no such row, [`Error::Corpus`] when another column cannot be read.
    ///
    /// # Panics
    /// When the row does not stand behind the last one.
    pub fn add(&mut self, row: u64, text: String, counts: BlockCounts, to: &mut Vec<u8>) -> Result<()> {
        assert!(row > self.last_row, "rows come in their order");
        self.last_row = row;
        while row > self.first_row.saturating_add(self.group_rows()?) {
            self.end_part(to)?;
            self.first_row += self.group_rows()?;
            self.group += 1;
        }
        let most_rows = self.most_rows();
        let at = (row - 1 - self.first_row) as usize;
        let failed = |error| failed(&self.path, self.group, error);
        let part = match &mut self.part {
            Some(part) => part,
            none => none.insert(caught(|| Part::new(&self.layout)).map_err(failed)?),
        };
        part.add(at, text, counts);
        if part.text_bytes >= BATCH_BYTES || part.texts.len() >= BATCH_ROWS {
            caught(|| part.encode(&self.layout)).map_err(failed)?;
        }
        if part.row_count >= most_rows {
            self.end_part(to)?;
        }
        Ok(())
    }

    /// Adds to `to` the bytes that are left, which end the file.
    ///
    /// # Errors
    /// As [`RowTable::add`].
    pub fn finish(mut self, to: &mut Vec<u8>) -> Result<()> {
        self.end_part(to)?;
        let finished = self.writer.finish();
        finished.map_err(|error| failed(&self.path, self.group, error))?;
        to.append(self.writer.inner_mut());
        Ok(())
    }

    /// How many rows the row group of the source has.
    fn group_rows(&self) -> Result<u64> {
        let groups = self.source.metadata().row_groups();
        match groups.get(self.group) {
            Some(group) => Ok(u64::try_from(group.num_rows()).unwrap_or(0)),
            None => Err(Error::Changed {
                path: self.path.clone(),
            }),
        }
    }

    /// After how many rows a row group of the new file ends.
    fn most_rows(&self) -> usize {
        let group = self.source.metadata().row_group(self.group);
        let (rows, bytes) = (group.num_rows().max(1) as u64, group.compressed_size().max(0) as u64);
        let parts = bytes.div_ceil(self.most_group_bytes).max(1);
        rows.div_ceil(parts) as usize
    }

    fn end_part(&mut self, to: &mut Vec<u8>) -> Result<()> {
        let Some(part) = self.part.take() else {
            return Ok(());
        };
        caught(|| self.write(part)).map_err(|error| failed(&self.path, self.group, error))?;
        to.append(self.writer.inner_mut());
        Ok(())
    }

    fn write(&mut self, mut part: Part) -> Result<(), ParquetError> {
        part.encode(&self.layout)?;
        let Part { rows, columns, .. } = part;
        let mut written: Vec<Option<ArrowColumnChunk>> = columns
            .into_iter()
            .map(|column| column.close().map(Some))
            .collect::<Result<_, _>>()?;
        let metadata = self.source.metadata().row_group(self.group);
        let all = 0..metadata.num_rows() as usize;
        let mut group = self.writer.next_row_group()?;
        for origin in &self.layout.columns {
            match origin {
                Origin::Written(at) => {
                    if let Some(chunk) = written[*at].take() {
                        chunk.append_to_row_group(&mut group)?;
                    }
                }
                Origin::Source(leaf) if rows.as_slice() == std::slice::from_ref(&all) => {
                    let (_, bytes) = metadata.column(*leaf).byte_range();
                    let column = ColumnCloseResult {
                        bytes_written: bytes,
                        rows_written: metadata.num_rows() as u64,
                        metadata: metadata.column(*leaf).clone(),
                        bloom_filter: None,
                        column_index: None,
                        offset_index: None,
                    };
                    group.append_column(&self.file, column)?;
                }
                Origin::Source(leaf) => {
                    let source = self.source.get_row_group(self.group)?.get_column_reader(*leaf)?;
                    copy_column(source, &mut group, &rows)?;
                }
            }
        }
        group.close().map(drop)
    }
}

/// What `write` gives, or an error when the crate panicked at what a broken source says.
fn caught<T>(write: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    without_panic(write).unwrap_or_else(|problem| Err(ParquetError::General(problem)))
}

fn failed(path: &Path, group: usize, error: ParquetError) -> Error {
    Error::Corpus {
        path: path.to_owned(),
        problem: format!(
            "the rows of its row group {} cannot be written with other texts: {error}",
            group + 1
        ),
    }
}

impl Part {
    fn new(layout: &Layout) -> Result<Self, ParquetError> {
        Ok(Self {
            rows: Vec::new(),
            row_count: 0,
            columns: layout.written.create_column_writers(0)?,
            texts: Vec::new(),
            text_bytes: 0,
            counts: Vec::new(),
        })
    }

    fn add(&mut self, row: usize, text: String, counts: BlockCounts) {
        match self.rows.last_mut() {
            Some(last) if last.end == row => last.end += 1,
            Some(_) | None => self.rows.push(row..row + 1),
        }
        self.row_count += 1;
        self.text_bytes += text.len();
        self.texts.push(text);
        self.counts.push(counts);
    }

    fn encode(&mut self, layout: &Layout) -> Result<(), ParquetError> {
        let texts: ArrayRef = Arc::new(LargeStringArray::from_iter_values(self.texts.drain(..)));
        self.text_bytes = 0;
        let side = |counts: fn(&BlockCounts) -> &BTreeMap<String, usize>| -> Result<ArrayRef, ParquetError> {
            let of_label = |label: &FieldRef| -> ArrayRef {
                let column = self.counts.iter().map(|row| {
                    let count = counts(row).get(label.name()).copied().unwrap_or(0);
                    u32::try_from(count).unwrap_or(u32::MAX)
                });
                Arc::new(UInt32Array::from_iter_values(column))
            };
            let columns = layout.labels.iter().map(of_label).collect();
            Ok(Arc::new(StructArray::try_new(layout.labels.clone(), columns, None)?))
        };
        let sides = vec![side(|counts| &counts.kept)?, side(|counts| &counts.removed)?];
        let counts: ArrayRef = Arc::new(StructArray::try_new(layout.sides.clone(), sides, None)?);
        let mut columns = self.columns.iter_mut();
        for (field, array) in [(&layout.text, &texts), (&layout.counts, &counts)] {
            for (leaf, column) in compute_leaves(field, array)?.iter().zip(&mut columns) {
                column.write(leaf)?;
            }
        }
        self.counts.clear();
        Ok(())
    }
}

/// What a column of the new file is, as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Root {
    /// This one of the source's.
    Source(usize),
    /// The text.
    Text,
    /// The counts of blocks.
    Counts,
}

impl Layout {
    fn new<S: AsRef<str>>(
        source: &ParquetMetaData,
        keys: &Keys,
        labels: &[S],
    ) -> Result<(Self, WriterPropertiesPtr), String> {
        let (page, _) = keys.page();
        if page == COUNTS || keys.text == COUNTS {
            return Err(format!(
                "the column {COUNTS:?} is for counts of blocks and cannot hold the page; give it another name"
            ));
        }
        let labels: Fields = labels
            .iter()
            .map(|label| required(label.as_ref(), DataType::UInt32))
            .collect();
        let side = |name| required(name, DataType::Struct(labels.clone()));
        let sides = Fields::from(vec![side("kept"), side("removed")]);
        let counts = required(COUNTS, DataType::Struct(sides.clone()));
        let text = text_field(source, keys)?;
        let new = Arc::new(Schema::new(vec![Arc::clone(&text), Arc::clone(&counts)]));
        let roots = roots(source, keys, &new).map_err(in_words)?;

        let descriptor = source.file_metadata().schema_descr();
        let leaves_of =
            |root| (0..descriptor.num_columns()).filter(move |leaf| descriptor.get_column_root_idx(*leaf) == root);
        let columns: Vec<Origin> = roots
            .iter()
            .flat_map(|(root, _)| -> Vec<Origin> {
                match root {
                    Root::Source(root) => leaves_of(*root).map(Origin::Source).collect(),
                    Root::Text => vec![Origin::Written(0)],
                    Root::Counts => (1..=2 * labels.len()).map(Origin::Written).collect(),
                }
            })
            .collect();
        let types =
            |wanted: fn(&Root) -> bool| roots.iter().filter(move |(root, _)| wanted(root)).map(|(_, kind)| kind);
        let schema = group(descriptor, types(|_| true)).map_err(in_words)?;
        let properties = properties(source, keys, &roots, &text, &counts, &columns).map_err(in_words)?;
        let written = types(|root| *root == Root::Text).chain(types(|root| *root == Root::Counts));
        let written = group(descriptor, written).map_err(in_words)?;
        let written = SerializedFileWriter::new(std::io::sink(), written, Arc::clone(&properties)).map_err(in_words)?;
        let layout = Self {
            schema,
            columns,
            written: ArrowRowGroupWriterFactory::new(&written, new),
            text,
            counts,
            sides,
            labels,
        };
        Ok((layout, properties))
    }
}

/// The columns of the new file, with their types.
fn roots(source: &ParquetMetaData, keys: &Keys, new: &Schema) -> Result<Vec<(Root, TypePtr)>, ParquetError> {
    let new = ArrowSchemaConverter::new().convert(new)?;
    let new = new.root_schema().get_fields();
    let fields = source.file_metadata().schema_descr().root_schema().get_fields();
    let mut roots: Vec<(Root, TypePtr)> = fields
        .iter()
        .enumerate()
        .map(|(at, field)| match field.name() {
            COUNTS => (Root::Counts, Arc::clone(&new[1])),
            name if name == keys.text => (Root::Text, Arc::clone(field)),
            _ => (Root::Source(at), Arc::clone(field)),
        })
        .collect();
    for (root, kind) in [Root::Text, Root::Counts].into_iter().zip(new) {
        if !roots.iter().any(|(found, _)| *found == root) {
            roots.push((root, Arc::clone(kind)));
        }
    }
    Ok(roots)
}

fn group<'t>(source: &SchemaDescriptor, types: impl Iterator<Item = &'t TypePtr>) -> Result<TypePtr, ParquetError> {
    let group = Type::group_type_builder(source.root_schema().name()).with_fields(types.cloned().collect());
    Ok(Arc::new(group.build()?))
}

/// The column of the text as it is written: a new one when there is none.
fn text_field(source: &ParquetMetaData, keys: &Keys) -> Result<FieldRef, String> {
    let schema = parquet_to_arrow_schema(source.file_metadata().schema_descr(), None).map_err(in_words)?;
    let is_nullable = match schema.field_with_name(&keys.text) {
        Ok(field) if is_text(field.data_type()) => field.is_nullable(),
        Ok(field) => {
            return Err(format!(
                "the column {:?} holds {}, and the kept text cannot stand there; name another with --text-key",
                keys.text,
                field.data_type()
            ));
        }
        Err(_) => false,
    };
    Ok(Arc::new(Field::new(&keys.text, DataType::LargeUtf8, is_nullable)))
}

/// How the new file is packed, and what it says of itself.
fn properties(
    source: &ParquetMetaData,
    keys: &Keys,
    roots: &[(Root, TypePtr)],
    text: &FieldRef,
    counts: &FieldRef,
    columns: &[Origin],
) -> Result<WriterPropertiesPtr, ParquetError> {
    let descriptor = source.file_metadata().schema_descr();
    let leaves = 0..descriptor.num_columns();
    // those that are written are packed as the text was, or when there was none as the page
    let (page, _) = keys.page();
    let named = |name| {
        leaves
            .clone()
            .find(|leaf| descriptor.get_column_root(*leaf).name() == name)
    };
    let model = named(keys.text.as_str()).or(named(page));
    let mut properties = WriterProperties::builder()
        .set_compression(packing(source, model)?)
        // an index of some columns only is none
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true);
    for origin in columns {
        if let Origin::Source(leaf) = origin {
            let path = descriptor.column(*leaf).path().clone();
            properties = properties.set_column_compression(path, packing(source, Some(*leaf))?);
        }
    }
    let mut metadata = source.file_metadata().key_value_metadata().cloned();
    for entry in metadata
        .iter_mut()
        .flatten()
        .filter(|entry| entry.key == ARROW_SCHEMA_META_KEY)
    {
        entry.value = Some(arrow_types(source, roots, text, counts)?);
    }
    Ok(Arc::new(properties.set_key_value_metadata(metadata).build()))
}

/// How a leaf of the source is packed, with the effort that each packing's own tool has by default; Zstandard where there is no packer.
fn packing(source: &ParquetMetaData, leaf: Option<usize>) -> Result<Compression, ParquetError> {
    let group = source.row_groups().first();
    Ok(
        match group.zip(leaf).map(|(group, leaf)| group.column(leaf).compression()) {
            Some(Compression::ZSTD(_) | Compression::BROTLI(_) | Compression::LZO) => {
                Compression::ZSTD(ZstdLevel::try_new(zstd::DEFAULT_COMPRESSION_LEVEL)?)
            }
            Some(other) => other,
            None => Compression::UNCOMPRESSED,
        },
    )
}

/// What Arrow's types were, for a source that says it, with the new columns.
fn arrow_types(
    source: &ParquetMetaData,
    roots: &[(Root, TypePtr)],
    text: &FieldRef,
    counts: &FieldRef,
) -> Result<String, ParquetError> {
    let metadata = source.file_metadata();
    let old = parquet_to_arrow_schema(metadata.schema_descr(), metadata.key_value_metadata())?;
    let fields = roots.iter().filter_map(|(root, kind)| {
        let field = old.fields().find(kind.name()).map(|(_, field)| Arc::clone(field));
        match root {
            Root::Source(_) => field,
            Root::Text => Some(field.unwrap_or_else(|| required(text.name(), DataType::Utf8))),
            Root::Counts => Some(Arc::clone(counts)),
        }
    });
    let schema = Schema::new_with_metadata(fields.collect::<Vec<_>>(), old.metadata().clone());
    Ok(encode_arrow_schema(&schema))
}

fn required(name: &str, kind: DataType) -> FieldRef {
    Arc::new(Field::new(name, kind, false))
}

fn in_words(error: ParquetError) -> String {
    error.to_string()
}

/// Copies rows of a column in the type that Parquet has for it.
fn copy_column(
    source: ColumnReader,
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    rows: &[Range<usize>],
) -> Result<(), ParquetError> {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General("the new file has too few columns".to_owned()));
    };
    match (source, column.untyped()) {
        (ColumnReader::BoolColumnReader(from), ColumnWriter::BoolColumnWriter(to)) => copy(from, to, rows),
        (ColumnReader::Int32ColumnReader(from), ColumnWriter::Int32ColumnWriter(to)) => copy(from, to, rows),
        (ColumnReader::Int64ColumnReader(from), ColumnWriter::Int64ColumnWriter(to)) => copy(from, to, rows),
        (ColumnReader::Int96ColumnReader(from), ColumnWriter::Int96ColumnWriter(to)) => copy(from, to, rows),
        (ColumnReader::FloatColumnReader(from), ColumnWriter::FloatColumnWriter(to)) => copy(from, to, rows),
        (ColumnReader::DoubleColumnReader(from), ColumnWriter::DoubleColumnWriter(to)) => copy(from, to, rows),
        (ColumnReader::ByteArrayColumnReader(from), ColumnWriter::ByteArrayColumnWriter(to)) => copy(from, to, rows),
        (ColumnReader::FixedLenByteArrayColumnReader(from), ColumnWriter::FixedLenByteArrayColumnWriter(to)) => {
            copy(from, to, rows)
        }
        (_, _) => Err(ParquetError::General("a column has changed its type".to_owned())),
    }?;
    column.close()
}

fn copy<T: ParquetType>(
    mut from: ColumnReaderImpl<T>,
    to: &mut ColumnWriterImpl<'_, T>,
    rows: &[Range<usize>],
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("a column has fewer rows than the file says".to_owned());
    let (mut definitions, mut repetitions, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let has_definitions = to.get_descriptor().max_def_level() > 0;
    let has_repetitions = to.get_descriptor().max_rep_level() > 0;
    let mut at = 0;
    for range in rows {
        let passed = range.start - at;
        if from.skip_records(passed)? != passed {
            return Err(missing());
        }
        at = range.start;
        while at < range.end {
            let wanted = BATCH_ROWS.min(range.end - at);
            let read = from.read_records(wanted, Some(&mut definitions), Some(&mut repetitions), &mut values)?;
            if read.0 == 0 {
                return Err(missing());
            }
            at += read.0;
            to.write_batch(
                &values,
                has_definitions.then_some(definitions.as_slice()),
                has_repetitions.then_some(repetitions.as_slice()),
            )?;
            definitions.clear();
            repetitions.clear();
            values.clear();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::parquet::arrow::ArrowWriter;
    use ::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
    use ::parquet::data_type::{ByteArray, ByteArrayType, Int96, Int96Type};
    use ::parquet::file::metadata::{KeyValue, ParquetMetaDataWriter};
    use ::parquet::schema::parser::parse_message_type;
    use arrow_array::builder::{
        Int64Builder, ListBuilder, MapBuilder, StringBuilder, StringDictionaryBuilder, StructBuilder,
    };
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Int8Type, UInt32Type};
    use arrow_array::{
        Array, BinaryArray, BooleanArray, Decimal128Array, FixedSizeBinaryArray, Float32Array, Float64Array,
        Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    };
    use tempfile::TempDir;

    const LABELS: [&str; 3] = ["body", "caption", "promo"];

    /// Seven rows, of which row 4 has no text.
    fn texts() -> Vec<Option<String>> {
        (0..7)
            .map(|n| (n != 3).then(|| format!("Text {n}\n\nRead more")))
            .collect()
    }

    fn numbers() -> impl Iterator<Item = Option<i64>> {
        (0..7).map(|n| (n % 3 != 1).then_some(n))
    }

    /// A list of as many structs as the row's number, and null for row 2.
    fn structs() -> ArrayRef {
        let fields = vec![
            Field::new("name", DataType::Utf8, true),
            Field::new("n", DataType::Int64, true),
        ];
        let mut lists = ListBuilder::new(StructBuilder::from_fields(fields, 0));
        for row in 0..7i64 {
            for n in 0..row {
                let name = (n % 2 == 0).then(|| format!("name {n}"));
                let of = lists.values();
                of.field_builder::<StringBuilder>(0).unwrap().append_option(name);
                of.field_builder::<Int64Builder>(1).unwrap().append_value(n);
                of.append(n != 4);
            }
            lists.append(row != 1);
        }
        Arc::new(lists.finish())
    }

    fn map() -> ArrayRef {
        let mut map = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
        for row in 0..7 {
            for n in 0..row % 3 {
                map.keys().append_value(format!("key {n}"));
                map.values().append_option((n != 1).then_some(row * n));
            }
            map.append(row != 6).unwrap();
        }
        Arc::new(map.finish())
    }

    fn dictionary() -> ArrayRef {
        let mut words = StringDictionaryBuilder::<Int8Type>::new();
        for word in ["a", "b", "a", "a", "c", "b", "a"] {
            words.append_value(word);
        }
        Arc::new(words.finish())
    }

    fn timestamps() -> ArrayRef {
        let times = TimestampMicrosecondArray::from_iter(numbers().map(|n| n.map(|n| n * 1_000_003)));
        Arc::new(times.with_timezone("Europe/Berlin"))
    }

    fn columns() -> Vec<(&'static str, ArrayRef)> {
        let narrow = |n: i64| n as i32;
        let decimals = Decimal128Array::from_iter(numbers().map(|n| n.map(|n| i128::from(n) * 12_345)));
        let fixed = numbers().map(|n| n.map(|n| [n as u8; 5]));
        vec![
            ("id", Arc::new(Int32Array::from_iter(numbers().map(|n| n.map(narrow))))),
            (
                "url",
                Arc::new(StringArray::from_iter_values(
                    (0..7).map(|n| format!("https://a.example/{n}")),
                )),
            ),
            (
                "yes",
                Arc::new(BooleanArray::from_iter(numbers().map(|n| n.map(|n| n > 2)))),
            ),
            ("text", Arc::new(StringArray::from_iter(texts()))),
            (
                "score",
                Arc::new(Float32Array::from_iter(numbers().map(|n| n.map(|n| n as f32 / 3.0)))),
            ),
            (
                "share",
                Arc::new(Float64Array::from_iter(numbers().map(|n| n.map(|n| n as f64 / 7.0)))),
            ),
            (
                "bytes",
                Arc::new(BinaryArray::from_iter(
                    numbers().map(|n| n.map(|n| vec![0xff; n as usize])),
                )),
            ),
            (
                "hash",
                Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(fixed, 5).unwrap()),
            ),
            ("price", Arc::new(decimals.with_precision_and_scale(25, 3).unwrap())),
            ("time", timestamps()),
            ("word", dictionary()),
            ("links", structs()),
            ("facts", map()),
        ]
    }

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
            .unwrap()
    }

    struct Source {
        folder: TempDir,
        path: PathBuf,
    }

    /// A file with three rows a row group.
    fn source(batch: &RecordBatch, compression: Compression) -> Source {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages.parquet");
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(3))
            .set_compression(compression)
            .set_key_value_metadata(Some(vec![KeyValue::new("crawl".to_owned(), "2024-10".to_owned())]))
            .build();
        let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), Some(properties)).unwrap();
        writer.write(batch).unwrap();
        writer.close().unwrap();
        Source { folder, path }
    }

    fn new_text(row: u64) -> String {
        format!("Kept of {row} ü")
    }

    fn counts(row: u64) -> BlockCounts {
        BlockCounts {
            kept: [("body".to_owned(), row as usize)].into(),
            removed: [("promo".to_owned(), 2 * row as usize), ("caption".to_owned(), 1)].into(),
        }
    }

    fn bytes_of(table: Result<RowTable>, rows: impl IntoIterator<Item = u64>) -> Result<Vec<u8>> {
        let mut table = table?;
        let mut bytes = Vec::new();
        for row in rows {
            table.add(row, new_text(row), counts(row), &mut bytes)?;
        }
        table.finish(&mut bytes)?;
        Ok(bytes)
    }

    /// Writes these rows to a file beside the source.
    fn rewrite(source: &Source, keys: &Keys, rows: impl IntoIterator<Item = u64>) -> PathBuf {
        let path = source.folder.path().join("new.parquet");
        let bytes = bytes_of(RowTable::new(&source.path, keys, &LABELS), rows).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn read(path: &Path) -> RecordBatch {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
        let schema = Arc::clone(reader.schema());
        let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
        match batches.as_slice() {
            [] => RecordBatch::new_empty(schema),
            [batch] => batch.clone(),
            more => panic!("{} batches", more.len()),
        }
    }

    fn metadata(path: &Path) -> Arc<ParquetMetaData> {
        let metadata = ArrowReaderMetadata::load(&File::open(path).unwrap(), ArrowReaderOptions::new()).unwrap();
        Arc::clone(metadata.metadata())
    }

    fn group_rows(path: &Path) -> Vec<i64> {
        metadata(path)
            .row_groups()
            .iter()
            .map(|group| group.num_rows())
            .collect()
    }

    /// Checks that the columns but that of the text are those rows of the source, and that text and counts are the new ones.
    fn assert_rewritten(source: &Path, new: &Path, rows: &[u64]) {
        let (old, new) = (read(source), read(new));
        assert_eq!(new.num_rows(), rows.len());
        for (field, column) in old.schema().fields().iter().zip(old.columns()) {
            let found = new.column_by_name(field.name()).unwrap();
            assert_eq!(found.data_type(), field.data_type());
            for (at, row) in rows.iter().enumerate() {
                if field.name() != "text" {
                    assert_eq!(
                        &found.slice(at, 1),
                        &column.slice(*row as usize - 1, 1),
                        "{} of {row}",
                        field.name()
                    );
                }
            }
        }
        let text = new.column_by_name("text").unwrap();
        let found: Vec<Option<String>> = match text.data_type() {
            DataType::Binary => {
                let bytes = text.as_binary::<i32>().iter();
                bytes
                    .map(|bytes| bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap()))
                    .collect()
            }
            _ => text
                .as_string::<i32>()
                .iter()
                .map(|text| text.map(str::to_owned))
                .collect(),
        };
        assert_eq!(found, rows.iter().map(|row| Some(new_text(*row))).collect::<Vec<_>>());
        let counts = new.column_by_name(COUNTS).unwrap().as_struct();
        let count = |side: &str, label: &str| {
            let side = counts.column_by_name(side).unwrap().as_struct();
            assert_eq!(side.column_names(), LABELS);
            side.column_by_name(label)
                .unwrap()
                .as_primitive::<UInt32Type>()
                .values()
                .to_vec()
        };
        let times = |factor: u32| rows.iter().map(|row| *row as u32 * factor).collect::<Vec<_>>();
        assert_eq!((count("kept", "body"), count("removed", "promo")), (times(1), times(2)));
        assert_eq!(count("kept", "promo"), times(0));
        assert_eq!(count("removed", "caption"), vec![1; rows.len()]);
    }

    #[test]
    fn a_text_whose_packing_has_no_packer_is_packed_otherwise() {
        // found by fuzzing: the crate panicked
        let source = source(&batch(columns()), Compression::SNAPPY);
        let mut file = metadata(&source.path).as_ref().clone().into_builder();
        let mut groups = file.take_row_groups();
        for group in &mut groups {
            let mut other = group.clone().into_builder();
            let columns = other.take_columns().into_iter().map(|column| {
                let is_text = column.column_path().string() == "text";
                let codec = if is_text {
                    Compression::BROTLI(Default::default())
                } else {
                    column.compression()
                };
                column.into_builder().set_compression(codec).build().unwrap()
            });
            *group = other.set_column_metadata(columns.collect()).build().unwrap();
        }
        // what stands before the metadata is where it was
        let mut bytes = std::fs::read(&source.path).unwrap();
        ParquetMetaDataWriter::new(&mut bytes, &file.set_row_groups(groups).build())
            .finish()
            .unwrap();
        std::fs::write(&source.path, bytes).unwrap();
        let new = rewrite(&source, &Keys::default(), 1..=7);
        let codecs = |name: &str| -> Vec<Compression> {
            let packed = metadata(&new);
            let columns = packed.row_groups().iter().flat_map(|group| group.columns());
            let columns = columns.filter(|column| column.column_path().string() == name);
            columns.map(|column| column.compression()).collect()
        };
        assert!(codecs("text").iter().all(|codec| matches!(codec, Compression::ZSTD(_))));
        assert!(codecs("id").iter().all(|codec| *codec == Compression::SNAPPY));
        assert_eq!(read(&new).num_rows(), 7);
    }

    #[test]
    fn all_columns_but_the_text_stay_in_every_packing() {
        let every = batch(columns());
        for packing in [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::GZIP(Default::default()),
            Compression::LZ4,
            Compression::LZ4_RAW,
            Compression::ZSTD(ZstdLevel::default()),
        ] {
            let source = source(&every, packing);
            for rows in [&[1, 2, 3, 4, 5, 6, 7][..], &[1, 2, 3, 5, 6, 7], &[2, 4, 6], &[7]] {
                let new = rewrite(&source, &Keys::default(), rows.iter().copied());
                assert_rewritten(&source.path, &new, rows);
                let packed = metadata(&new);
                let columns = packed.row_groups().iter().flat_map(|group| group.columns());
                let wanted = metadata(&source.path).row_group(0).column(0).compression_codec();
                for column in columns {
                    assert_eq!(column.compression_codec(), wanted, "{:?}", column.column_path());
                }
            }
        }
    }

    #[test]
    fn row_groups_and_metadata_stay() {
        let source = source(&batch(columns()), Compression::SNAPPY);
        let new = rewrite(&source, &Keys::default(), 1..=7);
        assert_eq!(group_rows(&new), [3, 3, 1]);
        assert_eq!(group_rows(&rewrite(&source, &Keys::default(), [1, 7])), [1, 1]);
        let of = |path: &Path, key: &str| {
            let metadata = metadata(path);
            let entries = metadata.file_metadata().key_value_metadata().cloned().unwrap();
            let found: Vec<KeyValue> = entries.into_iter().filter(|entry| entry.key == key).collect();
            assert_eq!(found.len(), 1, "{key}");
            found[0].value.clone().unwrap()
        };
        let new = rewrite(&source, &Keys::default(), 1..=7);
        assert_eq!(of(&new, "crawl"), "2024-10");
        assert_ne!(of(&new, ARROW_SCHEMA_META_KEY), of(&source.path, ARROW_SCHEMA_META_KEY));
    }

    #[test]
    fn columns_are_where_they_were_and_counts_of_an_earlier_run_are_replaced() {
        let source = source(&batch(columns()), Compression::SNAPPY);
        let new = rewrite(&source, &Keys::default(), 1..=7);
        let names = |path: &Path| -> Vec<String> {
            let schema = metadata(path).file_metadata().schema_descr().root_schema().clone();
            schema
                .get_fields()
                .iter()
                .map(|field| field.name().to_owned())
                .collect()
        };
        let mut wanted = names(&source.path);
        wanted.push(COUNTS.to_owned());
        assert_eq!(names(&new), wanted);
        let first = std::fs::read(&new).unwrap();
        let again = bytes_of(RowTable::new(&new, &Keys::default(), &LABELS), 1..=7).unwrap();
        assert_eq!(again, first);
        let with_counts = batch(vec![
            ("unbait", Arc::new(Int64Array::from_iter(numbers())) as ArrayRef),
            ("text", Arc::new(StringArray::from_iter(texts()))),
        ]);
        let source = self::source(&with_counts, Compression::SNAPPY);
        let new = rewrite(&source, &Keys::default(), [1, 3]);
        assert_eq!(names(&new), ["unbait", "text"]);
        assert!(read(&new).column(0).as_struct_opt().is_some());
    }

    #[test]
    fn the_text_of_a_page_in_html_is_a_column_of_its_own() {
        let pages = batch(vec![
            ("raw", Arc::new(StringArray::from_iter(texts())) as ArrayRef),
            ("n", Arc::new(Int64Array::from_iter(numbers()))),
        ]);
        let keys = Keys {
            html: Some("raw".to_owned()),
            ..Keys::default()
        };
        let source = source(&pages, Compression::LZ4_RAW);
        let new = rewrite(&source, &keys, [2, 3]);
        assert_rewritten(&source.path, &new, &[2, 3]);
        let column = metadata(&new).row_group(0).column(2).clone();
        assert_eq!(
            (column.column_path().string(), column.compression()),
            ("text".to_owned(), Compression::LZ4_RAW)
        );
    }

    #[test]
    fn a_text_in_bytes_stays_one_in_bytes() {
        let texts: ArrayRef = Arc::new(BinaryArray::from_iter(
            texts().into_iter().map(|text| text.map(String::into_bytes)),
        ));
        let source = source(&batch(vec![("text", texts)]), Compression::SNAPPY);
        let new = rewrite(&source, &Keys::default(), [1, 2, 6]);
        assert_rewritten(&source.path, &new, &[1, 2, 6]);
    }

    #[test]
    fn the_text_and_its_counts_need_columns_for_them() {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter(numbers()));
        let texts: ArrayRef = Arc::new(StringArray::from_iter(texts()));
        let source = source(&batch(vec![("text", numbers), ("raw", texts)]), Compression::SNAPPY);
        let problem = |keys: Keys| RowTable::new(&source.path, &keys, &LABELS).err().unwrap().to_string();
        let html = |text: &str, html: &str| Keys {
            text: text.to_owned(),
            html: Some(html.to_owned()),
            ..Keys::default()
        };
        let found = problem(html("text", "raw"));
        assert!(
            found.contains("pages.parquet: the column \"text\" holds Int64, and the kept text"),
            "{found}"
        );
        for keys in [html("unbait", "raw"), html("text", "unbait")] {
            let found = problem(keys);
            assert!(
                found.contains("the column \"unbait\" is for counts of blocks"),
                "{found}"
            );
        }
        std::fs::write(&source.path, b"PAR1 no Parquet").unwrap();
        assert!(problem(Keys::default()).contains("no Parquet file"));
        std::fs::remove_file(&source.path).unwrap();
        assert!(problem(Keys::default()).contains("cannot be read"));
    }

    #[test]
    fn without_rows_the_columns_are_there() {
        let empty = source(&batch(columns()).slice(0, 0), Compression::SNAPPY);
        let full = source(&batch(columns()), Compression::SNAPPY);
        for source in [empty, full] {
            let new = rewrite(&source, &Keys::default(), []);
            assert_rewritten(&source.path, &new, &[]);
            assert!(group_rows(&new).is_empty());
        }
    }

    #[test]
    fn types_that_only_parquet_has_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages.parquet");
        let schema =
            "message m { optional binary text (UTF8) = 4; required int96 time = 9; optional binary state (ENUM); }";
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let mut writer = SerializedFileWriter::new(File::create(&path).unwrap(), schema, Default::default()).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let words = ["one", "two", "three"].map(ByteArray::from);
        // the last one is beyond what nanoseconds from 1970 on have room for
        let times = [
            Int96::from(vec![1, 2, 3]),
            Int96::from(vec![4, 5, 6]),
            Int96::from(vec![7, 8, u32::MAX]),
        ];
        for leaf in 0..3 {
            let mut column = group.next_column().unwrap().unwrap();
            match leaf {
                1 => column.typed::<Int96Type>().write_batch(&times, None, None),
                _ => column
                    .typed::<ByteArrayType>()
                    .write_batch(&words, Some(&[1, 1, 1]), None),
            }
            .unwrap();
            column.close().unwrap();
        }
        group.close().unwrap();
        writer.close().unwrap();
        let source = Source { folder, path };
        for rows in [&[1, 2, 3][..], &[2, 3]] {
            let new = rewrite(&source, &Keys::default(), rows.iter().copied());
            let reader = SerializedFileReader::new(File::open(&new).unwrap()).unwrap();
            let fields = metadata(&source.path)
                .file_metadata()
                .schema_descr()
                .root_schema()
                .get_fields()
                .to_vec();
            assert_eq!(
                reader
                    .metadata()
                    .file_metadata()
                    .schema_descr()
                    .root_schema()
                    .get_fields()[..3],
                fields
            );
            let ColumnReader::Int96ColumnReader(mut column) =
                reader.get_row_group(0).unwrap().get_column_reader(1).unwrap()
            else {
                panic!("another type");
            };
            let mut found = Vec::new();
            column.read_records(10, None, None, &mut found).unwrap();
            assert_eq!(found, times[3 - rows.len()..]);
        }
    }

    #[test]
    fn a_row_group_that_is_too_large_becomes_several() {
        let source = source(&batch(columns()), Compression::SNAPPY);
        let size = metadata(&source.path).row_group(1).compressed_size() as u64;
        let table = RowTable::new(&source.path, &Keys::default(), &LABELS).unwrap();
        let table = RowTable {
            most_group_bytes: size / 2 + 1,
            ..table
        };
        let new = source.folder.path().join("new.parquet");
        std::fs::write(&new, bytes_of(Ok(table), [1, 2, 3, 5, 6, 7]).unwrap()).unwrap();
        assert_eq!(group_rows(&new), [2, 1, 2, 1]);
        assert_rewritten(&source.path, &new, &[1, 2, 3, 5, 6, 7]);
    }

    #[test]
    fn bytes_come_with_the_row_group_that_they_are_of() {
        let source = source(&batch(columns()), Compression::SNAPPY);
        let mut table = RowTable::new(&source.path, &Keys::default(), &LABELS).unwrap();
        let mut bytes = Vec::new();
        for row in 1..=3 {
            assert!(bytes.is_empty());
            table
                .add(row, new_text(row) + &"x".repeat(100_000), counts(row), &mut bytes)
                .unwrap();
        }
        assert!(!bytes.is_empty());
    }

    #[test]
    fn broken_bytes_make_no_panic() {
        let source = source(&batch(columns()), Compression::SNAPPY);
        let bytes = std::fs::read(&source.path).unwrap();
        let mut failed = 0;
        for step in 0..600 {
            let mut broken = bytes.clone();
            broken[step * (bytes.len() - 1) / 599] ^= 1 << (step % 8);
            std::fs::write(&source.path, broken).unwrap();
            let table = RowTable::new(&source.path, &Keys::default(), &LABELS);
            failed += usize::from(bytes_of(table, [1, 2, 3, 5, 6]).is_err());
        }
        assert!(failed > 100, "{failed}");
    }

    #[test]
    fn a_column_that_cannot_be_read_is_an_error_and_a_row_that_is_not_there_too() {
        let source = source(&batch(columns()), Compression::SNAPPY);
        let table = || RowTable::new(&source.path, &Keys::default(), &LABELS);
        let gone = bytes_of(table(), [1, 8]).unwrap_err();
        assert!(matches!(gone, Error::Changed { .. }), "{gone}");
        let (start, length) = metadata(&source.path).row_group(1).column(1).byte_range();
        let mut bytes = std::fs::read(&source.path).unwrap();
        bytes[start as usize..(start + length) as usize].fill(0xff);
        std::fs::write(&source.path, bytes).unwrap();
        assert!(bytes_of(table(), [1, 7]).is_ok());
        let problem = bytes_of(table(), [1, 4]).unwrap_err().to_string();
        assert!(
            problem.contains("pages.parquet: the rows of its row group 2 cannot be written with other texts: "),
            "{problem}"
        );
    }
}
