//! Labelled pages to the bytes of a Parquet file: a row a page with a list of its blocks, or a row a block.
//!
//! A row group is in memory until it is full; its bytes come with the page that fills it, and the last ones with the end.

use crate::error::{Error, Result};
use crate::page::PageKind;
use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_writer::ArrowWriterOptions;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use arrow_array::{
    ArrayRef, Float64Array, LargeStringArray, ListArray, RecordBatch, StringArray, StructArray, UInt32Array,
    UInt64Array,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema};
use std::sync::Arc;

/// Most rows of a row group (chosen: readers split their work by row groups, which DuckDB makes of 122,880 rows).
const MOST_GROUP_ROWS: usize = 1 << 17;

/// Most bytes of a row group as it is written (chosen: what is in memory meanwhile).
const MOST_GROUP_BYTES: usize = 1 << 23;

/// Bytes of text that are gathered before they are encoded (chosen: a row alone takes long).
const BATCH_BYTES: usize = 1 << 20;

/// Most pages that are gathered before they are encoded (chosen).
const BATCH_PAGES: usize = 1 << 10;

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowPer {
    /// A page: `id`, `url`, `kind`, `lang`, and `blocks`, a list of structs.
    Page,
    /// A block: the columns of its page but `blocks`, then those of the block. A page without blocks has no row.
    Block,
}

/// A page as a table has it.
#[derive(Clone, Debug)]
pub struct PageRow {
    /// Its name, at `id`.
    pub id: String,
    /// Its address, at `url`.
    pub url: Option<String>,
    /// At `kind`, `html` or `text`.
    pub kind: PageKind,
    /// Its language, ISO 639-1 or `und`, at `lang`.
    pub language: &'static str,
    /// Its blocks in reading order; the number of each from 0 is at `i`, 32 bits without a sign.
    pub blocks: Vec<BlockRow>,
}

/// A block as a table has it.
#[derive(Clone, Debug)]
pub struct BlockRow {
    /// Where it begins in the page, in bytes of UTF-8, at `start`, 64 bits without a sign.
    pub start: usize,
    /// Where it ends, at `end`, as `start`.
    pub end: usize,
    /// The name of its label, at `label`.
    pub label: String,
    /// Its probabilities from 0 to 1, as many as the table has labels and in their order, at `p`, a struct with a double for each label.
    pub p: Vec<f64>,
    /// The score of its text, at `clickbait`, a double that may be null, when the table has this column.
    pub clickbait: Option<f64>,
    /// Its text, at `text`.
    pub text: String,
    /// The innermost block-level element that holds it, at `tag`; null in a text page.
    pub tag: Option<String>,
    /// The elements down to that one, at `path`; null in a text page.
    pub path: Option<String>,
}

impl PageRow {
    fn bytes(&self) -> usize {
        self.blocks.iter().map(|block| block.text.len()).sum()
    }
}

/// Writes a table of pages.
pub struct PageTable {
    per: RowPer,
    has_clickbait: bool,
    /// Columns of `p`.
    labels: Fields,
    /// Columns of a block.
    block: Fields,
    schema: Arc<Schema>,
    writer: ArrowWriter<Vec<u8>>,
    pages: Vec<PageRow>,
    bytes: usize,
}

impl PageTable {
    /// A table with probabilities of these labels, and perhaps a column of scores.
    ///
    /// # Errors
    /// [`Error::Parquet`], which no names of labels lead to.
    pub fn new<S: AsRef<str>>(labels: &[S], per: RowPer, has_clickbait: bool) -> Result<Self> {
        let labels: Fields = labels
            .iter()
            .map(|label| column(label.as_ref(), DataType::Float64, false))
            .collect();
        let block = block_fields(&labels, has_clickbait);
        let mut fields = vec![
            column("id", DataType::LargeUtf8, false),
            column("url", DataType::LargeUtf8, true),
            column("kind", DataType::Utf8, false),
            column("lang", DataType::Utf8, false),
        ];
        match per {
            RowPer::Page => fields.push(column("blocks", DataType::List(element(&block)), false)),
            RowPer::Block => fields.extend(block.iter().cloned()),
        }
        let schema = Arc::new(Schema::new(fields));
        let properties = WriterProperties::builder()
            .set_compression(zstd().map_err(failed)?)
            .set_max_row_group_row_count(Some(MOST_GROUP_ROWS))
            .set_max_row_group_bytes(Some(MOST_GROUP_BYTES))
            .build();
        // the types are those of Parquet: Arrow's would say how they were in memory here
        let options = ArrowWriterOptions::new()
            .with_properties(properties)
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(&schema), options);
        Ok(Self {
            per,
            has_clickbait,
            labels,
            block,
            schema,
            writer: writer.map_err(failed)?,
            pages: Vec::new(),
            bytes: 0,
        })
    }

    /// Adds a page, and to `to` the bytes that are ready.
    ///
    /// # Errors
    /// [`Error::Parquet`] for what the format has no room for, such as a text of 2 GiB.
    ///
    /// # Panics
    /// When a block has another number of probabilities than the table has labels.
    pub fn add(&mut self, page: PageRow, to: &mut Vec<u8>) -> Result<()> {
        self.bytes += page.bytes();
        self.pages.push(page);
        if self.bytes >= BATCH_BYTES || self.pages.len() >= BATCH_PAGES {
            self.encode().map_err(failed)?;
        }
        to.append(self.writer.inner_mut());
        Ok(())
    }

    /// Adds to `to` the bytes that are left, which end the file.
    ///
    /// # Errors
    /// As [`PageTable::add`].
    pub fn finish(mut self, to: &mut Vec<u8>) -> Result<()> {
        self.encode().map_err(failed)?;
        self.writer.finish().map_err(failed)?;
        to.append(self.writer.inner_mut());
        Ok(())
    }

    fn encode(&mut self) -> Result<(), ParquetError> {
        let pages = std::mem::take(&mut self.pages);
        self.bytes = 0;
        let columns = match self.per {
            RowPer::Page => {
                let mut columns = head_columns(pages.iter());
                let blocks = StructArray::try_new(self.block.clone(), self.block_columns(&pages)?, None)?;
                let lengths = OffsetBuffer::from_lengths(pages.iter().map(|page| page.blocks.len()));
                let blocks = ListArray::try_new(element(&self.block), lengths, Arc::new(blocks), None)?;
                columns.push(Arc::new(blocks));
                columns
            }
            RowPer::Block => {
                let heads = pages
                    .iter()
                    .flat_map(|page| std::iter::repeat_n(page, page.blocks.len()));
                let mut columns = head_columns(heads);
                columns.extend(self.block_columns(&pages)?);
                columns
            }
        };
        self.writer
            .write(&RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }

    /// Columns of the blocks of all pages.
    fn block_columns(&self, pages: &[PageRow]) -> Result<Vec<ArrayRef>, ParquetError> {
        let blocks = || pages.iter().flat_map(|page| &page.blocks);
        let numbers = pages.iter().flat_map(|page| (0u32..).zip(&page.blocks));
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(UInt32Array::from_iter_values(numbers.map(|(number, _)| number))),
            Arc::new(UInt64Array::from_iter_values(blocks().map(|block| block.start as u64))),
            Arc::new(UInt64Array::from_iter_values(blocks().map(|block| block.end as u64))),
            Arc::new(StringArray::from_iter_values(blocks().map(|block| &block.label))),
            Arc::new(self.probabilities(blocks)?),
        ];
        if self.has_clickbait {
            columns.push(Arc::new(Float64Array::from_iter(blocks().map(|block| block.clickbait))));
        }
        let texts: [ArrayRef; 3] = [
            Arc::new(LargeStringArray::from_iter_values(blocks().map(|block| &block.text))),
            Arc::new(LargeStringArray::from_iter(blocks().map(|block| block.tag.as_ref()))),
            Arc::new(LargeStringArray::from_iter(blocks().map(|block| block.path.as_ref()))),
        ];
        columns.extend(texts);
        Ok(columns)
    }

    fn probabilities<'p, B: Iterator<Item = &'p BlockRow>>(
        &self,
        blocks: impl Fn() -> B,
    ) -> Result<StructArray, ParquetError> {
        let of_label = |label| -> ArrayRef {
            let column = blocks().map(|block| {
                assert_eq!(
                    block.p.len(),
                    self.labels.len(),
                    "a probability for each label of the table"
                );
                block.p[label]
            });
            Arc::new(Float64Array::from_iter_values(column))
        };
        let columns = (0..self.labels.len()).map(of_label).collect();
        Ok(StructArray::try_new(self.labels.clone(), columns, None)?)
    }
}

fn head_columns<'p>(pages: impl Iterator<Item = &'p PageRow> + Clone) -> Vec<ArrayRef> {
    let text = |column: LargeStringArray| -> ArrayRef { Arc::new(column) };
    let kinds = pages.clone().map(|page| page.kind.as_str());
    let languages = pages.clone().map(|page| page.language);
    vec![
        text(LargeStringArray::from_iter_values(pages.clone().map(|page| &page.id))),
        text(LargeStringArray::from_iter(pages.map(|page| page.url.as_ref()))),
        Arc::new(StringArray::from_iter_values(kinds)),
        Arc::new(StringArray::from_iter_values(languages)),
    ]
}

fn block_fields(labels: &Fields, has_clickbait: bool) -> Fields {
    let mut fields = vec![
        column("i", DataType::UInt32, false),
        column("start", DataType::UInt64, false),
        column("end", DataType::UInt64, false),
        column("label", DataType::Utf8, false),
        column("p", DataType::Struct(labels.clone()), false),
    ];
    fields.extend(has_clickbait.then(|| column("clickbait", DataType::Float64, true)));
    fields.extend([
        column("text", DataType::LargeUtf8, false),
        column("tag", DataType::LargeUtf8, true),
        column("path", DataType::LargeUtf8, true),
    ]);
    Fields::from(fields)
}

fn column(name: &str, kind: DataType, is_nullable: bool) -> FieldRef {
    Arc::new(Field::new(name, kind, is_nullable))
}

/// The elements of a list, by the name that Parquet has for them (its LogicalTypes.md, "Lists").
fn element(block: &Fields) -> FieldRef {
    column("element", DataType::Struct(block.clone()), false)
}

/// Zstandard with the effort that its own tool has by default.
fn zstd() -> Result<Compression, ParquetError> {
    Ok(Compression::ZSTD(ZstdLevel::try_new(zstd::DEFAULT_COMPRESSION_LEVEL)?))
}

fn failed(error: ParquetError) -> Error {
    Error::Parquet {
        problem: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float64Type, UInt32Type, UInt64Type};
    use std::fs::File;
    use std::io::Write;

    const LABELS: [&str; 2] = ["body", "promo"];

    fn block(n: usize, tag: Option<&str>) -> BlockRow {
        BlockRow {
            start: n * 10,
            end: n * 10 + 7,
            label: LABELS[n % 2].to_owned(),
            p: vec![0.25, n as f64],
            clickbait: (n == 1).then_some(0.75),
            text: format!("Grüße {n} 🎷"),
            tag: tag.map(str::to_owned),
            path: tag.map(|tag| format!("html>{tag}")),
        }
    }

    fn page(id: &str, url: Option<&str>, blocks: Vec<BlockRow>) -> PageRow {
        PageRow {
            id: id.to_owned(),
            url: url.map(str::to_owned),
            kind: if url.is_some() { PageKind::Html } else { PageKind::Text },
            language: "en",
            blocks,
        }
    }

    fn pages() -> Vec<PageRow> {
        vec![
            page(
                "a",
                Some("https://a.example/"),
                vec![block(0, Some("p")), block(1, Some("li"))],
            ),
            page("b", None, vec![]),
            page("c", None, vec![block(2, None)]),
        ]
    }

    fn file(pages: impl IntoIterator<Item = PageRow>, per: RowPer) -> File {
        let mut bytes = Vec::new();
        let mut table = PageTable::new(&LABELS, per, false).unwrap();
        for page in pages {
            table.add(page, &mut bytes).unwrap();
        }
        table.finish(&mut bytes).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file
    }

    fn read(pages: impl IntoIterator<Item = PageRow>, per: RowPer) -> RecordBatch {
        let reader = ParquetRecordBatchReaderBuilder::try_new(file(pages, per)).unwrap();
        let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
        assert_eq!(batches.len(), 1);
        batches.into_iter().next().unwrap()
    }

    fn texts(column: &ArrayRef) -> Vec<Option<&str>> {
        column.as_string::<i32>().iter().collect()
    }

    /// Label, text, tag, path, and the three numbers and two probabilities of each block.
    fn assert_blocks(columns: &[ArrayRef]) {
        assert_eq!(texts(&columns[3]), [Some("body"), Some("promo"), Some("body")]);
        assert_eq!(
            texts(&columns[5]),
            [Some("Grüße 0 🎷"), Some("Grüße 1 🎷"), Some("Grüße 2 🎷")]
        );
        assert_eq!(texts(&columns[6]), [Some("p"), Some("li"), None]);
        assert_eq!(texts(&columns[7]), [Some("html>p"), Some("html>li"), None]);
        assert_eq!(columns[0].as_primitive::<UInt32Type>().values(), &[0, 1, 0]);
        assert_eq!(columns[1].as_primitive::<UInt64Type>().values(), &[0, 10, 20]);
        assert_eq!(columns[2].as_primitive::<UInt64Type>().values(), &[7, 17, 27]);
        let p = columns[4].as_struct();
        assert_eq!(p.column_names(), LABELS);
        assert_eq!(p.column(0).as_primitive::<Float64Type>().values(), &[0.25; 3]);
        assert_eq!(p.column(1).as_primitive::<Float64Type>().values(), &[0.0, 1.0, 2.0]);
    }

    #[test]
    fn a_page_is_a_row_with_a_list_of_its_blocks() {
        let batch = read(pages(), RowPer::Page);
        let names: Vec<String> = batch
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        assert_eq!(names, ["id", "url", "kind", "lang", "blocks"]);
        assert_eq!(texts(batch.column(0)), [Some("a"), Some("b"), Some("c")]);
        assert_eq!(texts(batch.column(1)), [Some("https://a.example/"), None, None]);
        assert_eq!(texts(batch.column(2)), [Some("html"), Some("text"), Some("text")]);
        assert_eq!(texts(batch.column(3)), [Some("en"); 3]);
        let blocks = batch.column(4).as_list::<i32>();
        assert_eq!(blocks.value_offsets(), &[0, 2, 2, 3]);
        assert!(blocks.nulls().is_none(), "a page without blocks has an empty list");
        assert_blocks(blocks.values().as_struct().columns());
    }

    #[test]
    fn a_block_is_a_row_with_what_is_said_of_its_page() {
        let batch = read(pages(), RowPer::Block);
        assert_eq!(texts(batch.column(0)), [Some("a"), Some("a"), Some("c")]);
        assert_eq!(
            texts(batch.column(1)),
            [Some("https://a.example/"), Some("https://a.example/"), None]
        );
        assert_blocks(&batch.columns()[4..]);
    }

    #[test]
    fn no_pages_are_a_file_without_rows() {
        for per in [RowPer::Page, RowPer::Block] {
            let metadata = ArrowReaderMetadata::load(&file([], per), ArrowReaderOptions::new()).unwrap();
            assert_eq!(metadata.metadata().file_metadata().num_rows(), 0);
            assert_eq!(metadata.schema().field(0).name(), "id");
        }
    }

    #[test]
    fn a_table_needs_labels() {
        let problem = PageTable::new::<&str>(&[], RowPer::Page, false)
            .err()
            .unwrap()
            .to_string();
        assert!(
            problem.starts_with("Parquet: the rows cannot be written: "),
            "{problem}"
        );
    }

    #[test]
    #[should_panic(expected = "a probability for each label")]
    fn a_block_has_a_probability_for_each_label() {
        let block = BlockRow {
            p: vec![0.5],
            ..block(0, None)
        };
        file([page("a", None, vec![block])], RowPer::Page);
    }

    #[test]
    fn row_groups_have_a_most_of_rows_and_their_bytes_come_when_they_are_full() {
        let page = |n: usize| page(&n.to_string(), None, (0..1000).map(|n| block(n, None)).collect());
        let mut table = PageTable::new(&LABELS, RowPer::Block, false).unwrap();
        let mut bytes = Vec::new();
        for n in 0..300 {
            table.add(page(n), &mut bytes).unwrap();
        }
        assert!(bytes.starts_with(b"PAR1"));
        let file = file((0..300).map(page), RowPer::Block);
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).unwrap();
        let groups = metadata.metadata().row_groups();
        let rows: Vec<i64> = groups.iter().map(|group| group.num_rows()).collect();
        assert_eq!(rows, [131_072, 131_072, 37_856]);
    }

    #[test]
    fn row_groups_have_a_most_of_bytes() {
        let mut state = 1u64;
        let mut letters = |count: usize| -> String {
            let next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from(b' ' + ((state >> 33) % 95) as u8)
            };
            std::iter::repeat_with(next).take(count).collect()
        };
        let pages = (0..12).map(|n| {
            let text = letters(1 << 20);
            page("a", None, vec![BlockRow { text, ..block(n, None) }])
        });
        let metadata = ArrowReaderMetadata::load(&file(pages, RowPer::Page), ArrowReaderOptions::new()).unwrap();
        let groups = metadata.metadata().row_groups();
        assert!(groups.len() == 2, "{} row groups", groups.len());
        for group in groups {
            assert!(group.compressed_size() < MOST_GROUP_BYTES as i64 * 5 / 4);
        }
    }

    #[test]
    fn scores_have_a_column_that_is_null_where_there_is_none() {
        let mut bytes = Vec::new();
        let mut table = PageTable::new(&LABELS, RowPer::Block, true).unwrap();
        pages()
            .into_iter()
            .for_each(|page| table.add(page, &mut bytes).unwrap());
        table.finish(&mut bytes).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let mut reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        let batch = reader.next().unwrap().unwrap();
        let scores = batch.column_by_name("clickbait").unwrap();
        let scores: Vec<Option<f64>> = scores.as_primitive::<Float64Type>().iter().collect();
        assert_eq!(scores, [None, Some(0.75), None]);
    }
}
