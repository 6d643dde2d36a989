//! A Parquet file to its rows, a row group at a time; only the columns of the page, its name and its address are read.
//!
//! Of a row group that cannot be read to its end every row left is an error of its own, so that no row is missing from the count, unless
//! they are more than anybody wants to see: how many rows there are is only what the file says.

use super::{CorpusOptions, Keys, Place, Record, RecordPage};
use crate::error::{Error, Result};
use crate::page::{Page, PageOptions, check_size};
use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{ChunkReader, Length};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use bytes::Bytes;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// First and last bytes of a file.
pub(super) const MAGIC: &[u8] = b"PAR1";

/// Column of a page's address.
const URL: &str = "url";

/// Most rows that are unpacked at once (chosen: pages can be large).
const MOST_ROWS: usize = 64;

/// Bytes above which fewer rows are unpacked at once, if each had all of its row group's text, as it can by a dictionary (chosen).
const BATCH_BYTES: i64 = 1 << 28;

/// Rows of a file that cannot be read and are an error each; of the others those of a row group are one (chosen: as many rows as a row
/// group has by default in the Rust implementation of Parquet).
const MOST_ERRORS: u64 = 1 << 20;

/// A row of a file: its page, and what it is called.
#[derive(Clone, Debug)]
pub struct Row {
    id: Option<String>,
    url: Option<String>,
    page: Option<Cell>,
}

/// A cell of the page's column.
#[derive(Clone, Debug)]
enum Cell {
    Text(String),
    Bytes(Vec<u8>),
    TooLarge,
}

impl Row {
    /// How many bytes its page has.
    pub fn bytes(&self) -> usize {
        match &self.page {
            Some(Cell::Text(text)) => text.len(),
            Some(Cell::Bytes(bytes)) => bytes.len(),
            Some(Cell::TooLarge) | None => 0,
        }
    }

    /// The page.
    pub(super) fn page(&self, place: &Place, options: &CorpusOptions) -> Result<RecordPage> {
        let id = self.id.clone().unwrap_or_else(|| place.id());
        let (column, kind) = options.keys.page();
        let most = options.page.most_bytes;
        let page = match &self.page {
            Some(Cell::Text(text)) => {
                check_size(&id, text.len(), most)?;
                Page::from_text(&id, text.clone(), Some(kind))?
            }
            Some(Cell::Bytes(bytes)) => Page::from_bytes(
                &id,
                bytes,
                &PageOptions {
                    kind: Some(kind),
                    ..options.page
                },
            )?,
            Some(Cell::TooLarge) => return Err(Error::PageTooLarge { id, most }),
            None => return Err(place.error(format!("the column {column:?} is null; wanted text"))),
        };
        Ok(RecordPage {
            page,
            url: self.url.clone(),
        })
    }
}

/// A file whose end is an error: the crate's reader goes over what it does not know in a page's header without a look at how much of it
/// there is (60.1), and would go over the end of the file two thousand million times.
pub(super) struct EndedFile(pub File);

impl Length for EndedFile {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for EndedFile {
    type T = BufReader<EndIsError>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let mut file = self.0.try_clone()?;
        file.seek(SeekFrom::Start(start))?;
        Ok(BufReader::new(EndIsError(file)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        // before memory is taken for it
        if start.saturating_add(length as u64) > self.len() {
            return Err(ParquetError::EOF(format!("{length} bytes from byte {start} on")));
        }
        self.0.get_bytes(start, length)
    }
}

/// A file from which nothing can be read beyond its end.
pub(super) struct EndIsError(File);

impl Read for EndIsError {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() => Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => Ok(read),
        }
    }
}

/// The rows of a file.
pub(super) struct Rows {
    path: Arc<Path>,
    file: File,
    metadata: ArrowReaderMetadata,
    columns: Columns,
    bytes_read: Arc<AtomicU64>,
    /// Number of the next row group.
    group: usize,
    /// Rows of the row group that is read which were not handed over yet, from 1.
    rows: Range<u64>,
    reader: Option<ParquetRecordBatchReader>,
    batch: Option<(RecordBatch, usize)>,
    /// Why the rows that are left cannot be read.
    problem: Option<String>,
    /// How many more rows that cannot be read are an error each.
    errors_left: u64,
}

/// Names of the columns that are read, and their places among all.
struct Columns {
    page: String,
    id: String,
    mask: ProjectionMask,
    /// The most bytes of a page.
    most_bytes: usize,
}

impl Rows {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::Read`], and [`Error::Corpus`] when it is no Parquet file or lacks the page's column.
    pub(super) fn new(path: &Arc<Path>, options: &CorpusOptions) -> Result<Self> {
        let failed = |problem| Error::Corpus {
            path: path.to_path_buf(),
            problem,
        };
        let file = File::open(path).map_err(|source| Error::Read {
            path: path.to_path_buf(),
            source,
        })?;
        // without the types that Arrow wrote beside Parquet's, text is one type and not five
        let reading = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let file = EndedFile(file);
        let metadata = without_panic(|| ArrowReaderMetadata::load(&file, reading))
            .and_then(|metadata| metadata.map_err(|error| error.to_string()))
            .map_err(|error| failed(format!("no Parquet file, or its end is broken: {error}")))?;
        let columns = Columns::new(&metadata, options).map_err(failed)?;
        Ok(Self {
            path: Arc::clone(path),
            file: file.0,
            metadata,
            columns,
            bytes_read: Arc::clone(&options.bytes_read),
            group: 0,
            rows: 1..1,
            reader: None,
            batch: None,
            problem: None,
            errors_left: MOST_ERRORS,
        })
    }

    /// Begins the next row group; `false` when there is none.
    fn next_group(&mut self) -> bool {
        let groups = self.metadata.metadata().row_groups();
        let Some(group) = groups.get(self.group) else {
            return false;
        };
        let rows = u64::try_from(group.num_rows()).unwrap_or(0);
        self.rows = self.rows.end..self.rows.end.saturating_add(rows);
        self.bytes_read
            .fetch_add(u64::try_from(group.compressed_size()).unwrap_or(0), Ordering::Relaxed);
        self.problem = None;
        self.batch = None;
        self.reader = None;
        match self.reader_of_group() {
            Ok(reader) => self.reader = Some(reader),
            Err(problem) => self.problem = Some(problem),
        }
        self.group += 1;
        true
    }

    fn reader_of_group(&self) -> Result<ParquetRecordBatchReader, String> {
        let file = self.file.try_clone().map_err(|error| error.to_string())?;
        let reader = without_panic(|| {
            ParquetRecordBatchReaderBuilder::new_with_metadata(EndedFile(file), self.metadata.clone())
                .with_row_groups(vec![self.group])
                .with_projection(self.columns.mask.clone())
                .with_batch_size(self.batch_rows())
                .build()
        })?;
        reader.map_err(|error| error.to_string())
    }

    /// How many of the row group's rows are unpacked at once.
    fn batch_rows(&self) -> usize {
        let group = self.metadata.metadata().row_group(self.group);
        let pages = group.columns().iter().filter(|column| {
            let path = column.column_path().parts();
            path.first().is_some_and(|name| *name == self.columns.page)
        });
        let bytes: i64 = pages
            .map(|column| column.uncompressed_size().max(0))
            .fold(1, i64::saturating_add);
        usize::try_from(BATCH_BYTES / bytes)
            .unwrap_or(MOST_ROWS)
            .clamp(1, MOST_ROWS)
    }

    /// The next row of the row group.
    fn next_row(&mut self) -> Result<Row, String> {
        loop {
            if let Some(problem) = &self.problem {
                return Err(problem.clone());
            }
            if let Some((batch, at)) = &mut self.batch
                && *at < batch.num_rows()
            {
                *at += 1;
                return Ok(self.columns.row(batch, *at - 1));
            }
            let reader = self.reader.as_mut();
            match without_panic(|| reader.and_then(Iterator::next)) {
                Ok(Some(Ok(batch))) => self.batch = Some((batch, 0)),
                Ok(Some(Err(error))) => self.problem = Some(error.to_string()),
                Err(problem) => self.problem = Some(problem),
                Ok(None) => self.problem = Some("the row group has fewer rows than the file says".to_owned()),
            }
        }
    }
}

impl Rows {
    /// What is wrong with the row that was taken last; with those behind it too, when there were too many of them.
    fn unreadable(&mut self, problem: &str) -> String {
        let mut behind = String::new();
        match self.errors_left.checked_sub(1) {
            Some(left) => self.errors_left = left,
            None => {
                let rows = self.rows.end - self.rows.start;
                behind = format!("; nor can the {rows} rows behind it that it is said to have");
                self.rows.start = self.rows.end;
            }
        }
        format!("its row group cannot be read: {problem}{behind}")
    }
}

/// The crate's readers panic on some broken files (60.1: it divides by a dictionary's length, which the file may say is 0). Whatever they
/// were at is given up.
pub(super) fn without_panic<T>(read: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read))
        .map_err(|_| "it is broken where no reader looks for it".to_owned())
}

impl Iterator for Rows {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.rows.is_empty() {
            if !self.next_group() {
                return None;
            }
        }
        let place = Place {
            file: Arc::clone(&self.path),
            record: self.rows.start,
            offset: None,
        };
        self.rows.start += 1;
        Some(match self.next_row() {
            Ok(row) => Ok(Record {
                end: None,
                place,
                content: super::Content::Row(row),
            }),
            Err(problem) => Err(place.error(self.unreadable(&problem))),
        })
    }
}

impl Columns {
    fn new(metadata: &ArrowReaderMetadata, options: &CorpusOptions) -> Result<Self, String> {
        let keys: &Keys = &options.keys;
        let fields = metadata.schema().fields();
        let (page, _) = keys.page();
        let Some((_, field)) = fields.find(page) else {
            let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
            return Err(format!(
                "no column {page:?} (there are: {}); {}",
                names.join(", "),
                keys.remedy()
            ));
        };
        if !is_text(field.data_type()) {
            return Err(format!(
                "the column {page:?} holds {}, wanted text; {}",
                field.data_type(),
                keys.remedy()
            ));
        }
        let wanted = [page, &keys.id, URL];
        let roots = wanted.iter().filter_map(|name| fields.find(name).map(|(at, _)| at));
        Ok(Self {
            page: page.to_owned(),
            id: keys.id.clone(),
            mask: ProjectionMask::roots(metadata.parquet_schema(), roots),
            most_bytes: options.page.most_bytes,
        })
    }

    fn row(&self, batch: &RecordBatch, at: usize) -> Row {
        let name = |column: &str| {
            batch
                .column_by_name(column)
                .and_then(|column| name(column, at, self.most_bytes))
        };
        Row {
            id: name(&self.id),
            url: name(URL),
            page: batch
                .column_by_name(&self.page)
                .and_then(|column| cell(column, at, self.most_bytes)),
        }
    }
}

pub(super) fn is_text(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
    )
}

/// Text, or bytes of which nothing says that they are text, if they are not more than `most`; `None` for null.
fn cell(column: &dyn Array, at: usize, most: usize) -> Option<Cell> {
    if column.is_null(at) {
        return None;
    }
    let text = |text: &str| match text.len() <= most {
        true => Cell::Text(text.to_owned()),
        false => Cell::TooLarge,
    };
    let bytes = |bytes: &[u8]| match bytes.len() <= most {
        true => Cell::Bytes(bytes.to_owned()),
        false => Cell::TooLarge,
    };
    Some(match column.data_type() {
        DataType::Utf8 => text(column.as_string::<i32>().value(at)),
        DataType::LargeUtf8 => text(column.as_string::<i64>().value(at)),
        DataType::Utf8View => text(column.as_string_view().value(at)),
        DataType::Binary => bytes(column.as_binary::<i32>().value(at)),
        DataType::LargeBinary => bytes(column.as_binary::<i64>().value(at)),
        DataType::BinaryView => bytes(column.as_binary_view().value(at)),
        _ => return None,
    })
}

/// A name: text of at most `most` bytes or a whole number; `None` for null and other types.
fn name(column: &dyn Array, at: usize, most: usize) -> Option<String> {
    if column.is_null(at) {
        return None;
    }
    match column.data_type() {
        DataType::Int32 => Some(column.as_primitive::<Int32Type>().value(at).to_string()),
        DataType::Int64 => Some(column.as_primitive::<Int64Type>().value(at).to_string()),
        DataType::UInt32 => Some(column.as_primitive::<UInt32Type>().value(at).to_string()),
        DataType::UInt64 => Some(column.as_primitive::<UInt64Type>().value(at).to_string()),
        _ => match cell(column, at, most)? {
            Cell::Text(text) => Some(text),
            Cell::Bytes(bytes) => String::from_utf8(bytes).ok(),
            Cell::TooLarge => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Records;
    use ::parquet::arrow::ArrowWriter;
    use ::parquet::basic::{Compression, ZstdLevel};
    use ::parquet::file::metadata::{ParquetMetaDataReader, ParquetMetaDataWriter};
    use ::parquet::file::properties::WriterProperties;
    use arrow_array::{ArrayRef, BinaryArray, Int64Array, LargeStringArray, StringArray, StringViewArray};

    /// A file of these columns with two rows a row group.
    fn write(columns: Vec<(&str, ArrayRef)>, compression: Compression) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages.parquet");
        let batch =
            RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
                .unwrap();
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(2))
            .set_compression(compression)
            .build();
        let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        (folder, path)
    }

    fn read(path: &Path, options: &CorpusOptions) -> Vec<Result<RecordPage, String>> {
        Records::of_file(path, options)
            .map(|record| {
                let page = record
                    .and_then(|record| record.page(options))
                    .map_err(|error| error.to_string())?;
                Ok(page.unwrap())
            })
            .collect()
    }

    fn texts() -> [Option<&'static str>; 5] {
        [Some("One"), Some("Two"), None, Some(""), Some("Five")]
    }

    #[test]
    fn rows_of_all_row_groups_are_read_in_every_type_of_text_and_packing() {
        let columns: [ArrayRef; 4] = [
            Arc::new(StringArray::from(texts().to_vec())),
            Arc::new(LargeStringArray::from(texts().to_vec())),
            Arc::new(StringViewArray::from(texts().to_vec())),
            Arc::new(BinaryArray::from(texts().map(|text| text.map(str::as_bytes)).to_vec())),
        ];
        let packings = [
            Compression::SNAPPY,
            Compression::ZSTD(ZstdLevel::default()),
            Compression::LZ4_RAW,
            Compression::GZIP(Default::default()),
        ];
        for (column, packing) in columns.into_iter().zip(packings) {
            let ids: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), None, Some(9), Some(-1), Some(0)]));
            let urls: ArrayRef = Arc::new(StringArray::from(vec!["https://a.example/"; 5]));
            let (_folder, path) = write(vec![("url", urls), ("text", column), ("id", ids)], packing);
            let read = read(&path, &CorpusOptions::default());
            let of = |at: usize| {
                read[at]
                    .as_ref()
                    .map(|record| (record.page.id.as_str(), record.page.text.as_str()))
            };
            let second = format!("{}:2", path.display());
            assert_eq!(
                [of(0), of(1), of(3), of(4)],
                [
                    Ok(("7", "One")),
                    Ok((second.as_str(), "Two")),
                    Ok(("-1", "")),
                    Ok(("0", "Five"))
                ]
            );
            let problem = read[2].as_ref().unwrap_err();
            assert!(
                problem.ends_with(": record 3: the column \"text\" is null; wanted text"),
                "{problem}"
            );
            assert_eq!(read[0].as_ref().unwrap().url.as_deref(), Some("https://a.example/"));
        }
    }

    #[test]
    fn the_columns_are_those_that_are_named() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["<p>x"]));
        let names: ArrayRef = Arc::new(StringArray::from(vec!["n"]));
        let (_folder, path) = write(vec![("raw", texts), ("name", names)], Compression::UNCOMPRESSED);
        let mut options = CorpusOptions::default();
        let problem = read(&path, &options)[0].as_ref().unwrap_err().clone();
        let wanted =
            "no column \"text\" (there are: raw, name); name the one of the page with --text-key or --html-key";
        assert!(problem.ends_with(wanted), "{problem}");
        options.keys = Keys {
            html: Some("raw".to_owned()),
            id: "name".to_owned(),
            ..Keys::default()
        };
        let read = read(&path, &options);
        let page = &read[0].as_ref().unwrap().page;
        assert_eq!((page.id.as_str(), page.kind), ("n", crate::page::PageKind::Html));
    }

    #[test]
    fn a_page_whose_header_does_not_end_in_its_file_is_named() {
        // found by fuzzing: a field 15, which no header has, a list of 2^31 - 1 numbers of 8 bytes
        let endless = [0xf9, 0xf7, 0xff, 0xff, 0xff, 0xff, 0x07];
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["One", "Two", "Three"]));
        let (_folder, path) = write(vec![("text", texts)], Compression::UNCOMPRESSED);
        let metadata = ParquetMetaDataReader::new()
            .parse_and_finish(&File::open(&path).unwrap())
            .unwrap();
        let first = metadata.row_group(0).column(0).byte_range().0 as usize;
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[first..][..endless.len()].copy_from_slice(&endless);
        std::fs::write(&path, bytes).unwrap();
        let read = read(&path, &CorpusOptions::default());
        assert_eq!(read.len(), 3);
        for row in &read[..2] {
            let problem = row.as_ref().unwrap_err();
            assert!(problem.contains("its row group cannot be read"), "{problem}");
        }
        assert_eq!(
            read[2].as_ref().unwrap().page.text,
            "Three",
            "the row group behind it is read"
        );
    }

    #[test]
    fn more_bytes_than_a_file_has_are_an_error_before_memory_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, b"four").unwrap();
        let file = EndedFile(File::open(&path).unwrap());
        assert_eq!(file.get_bytes(1, 3).unwrap(), &b"our"[..]);
        // a vector of so many bytes would be a panic
        for (start, length) in [(1, 4), (0, usize::MAX), (u64::MAX, usize::MAX)] {
            assert!(matches!(file.get_bytes(start, length), Err(ParquetError::EOF(_))));
        }
        let mut all = Vec::new();
        let end = file.get_read(2).unwrap().read_to_end(&mut all).unwrap_err();
        assert_eq!(
            (all.as_slice(), end.kind()),
            (&b"ur"[..], std::io::ErrorKind::UnexpectedEof)
        );
    }

    #[test]
    fn a_file_that_says_it_has_endless_rows_has_an_end() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["One", "Two", "Three"]));
        let (_folder, path) = write(vec![("text", texts)], Compression::UNCOMPRESSED);
        let metadata = ParquetMetaDataReader::new()
            .parse_and_finish(&File::open(&path).unwrap())
            .unwrap();
        let mut file = metadata.into_builder();
        let mut groups = file.take_row_groups();
        groups[0] = groups[0].clone().into_builder().set_num_rows(1 << 60).build().unwrap();
        // what stands before the metadata is where it was
        let mut bytes = std::fs::read(&path).unwrap();
        ParquetMetaDataWriter::new(&mut bytes, &file.set_row_groups(groups).build())
            .finish()
            .unwrap();
        std::fs::write(&path, bytes).unwrap();
        let read: Vec<Result<RecordPage, String>> = read(&path, &CorpusOptions::default());
        let count = MOST_ERRORS as usize;
        assert_eq!(read.len(), 2 + count + 1 + 1);
        let one = read[2].as_ref().unwrap_err();
        assert!(one.ends_with("has fewer rows than the file says"), "{one}");
        let all = read[2 + count].as_ref().unwrap_err();
        let left = (1u64 << 60) - 2 - count as u64 - 1;
        assert!(
            all.ends_with(&format!(
                "says; nor can the {left} rows behind it that it is said to have"
            )),
            "{all}"
        );
        assert_eq!(read[2 + count + 1].as_ref().unwrap().page.text, "Three");
    }

    #[test]
    fn a_column_of_numbers_is_no_text() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        let (_folder, path) = write(vec![("text", numbers)], Compression::UNCOMPRESSED);
        let read = read(&path, &CorpusOptions::default());
        assert!(read.len() == 1 && read[0].as_ref().unwrap_err().contains("holds Int64, wanted text"));
    }

    #[test]
    fn rows_of_a_broken_row_group_are_counted_and_the_others_are_read() {
        let (_folder, path) = write(
            vec![("text", Arc::new(StringArray::from(texts().to_vec())) as ArrayRef)],
            Compression::SNAPPY,
        );
        let metadata = ArrowReaderMetadata::load(&File::open(&path).unwrap(), ArrowReaderOptions::new()).unwrap();
        let (start, length) = metadata.metadata().row_group(1).column(0).byte_range();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[start as usize..(start + length) as usize].fill(0xff);
        std::fs::write(&path, bytes).unwrap();
        let read = read(&path, &CorpusOptions::default());
        let is_bad: Vec<bool> = read.iter().map(Result::is_err).collect();
        assert_eq!(is_bad, [false, false, true, true, false]);
        let problem = read[3].as_ref().unwrap_err();
        assert!(
            problem.contains(": record 4: its row group cannot be read: "),
            "{problem}"
        );
    }

    #[test]
    fn broken_bytes_make_no_panic() {
        let texts: Vec<String> = (0..200).map(|n| format!("Text number {n} {}", n % 7)).collect();
        let column: ArrayRef = Arc::new(StringArray::from(texts));
        for packing in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::LZ4_RAW] {
            let (folder, path) = write(vec![("text", Arc::clone(&column))], packing);
            let bytes = std::fs::read(&path).unwrap();
            let broken = folder.path().join("broken.parquet");
            for step in 0..500 {
                let mut changed = bytes.clone();
                let at = step * (bytes.len() - 1) / 499;
                changed[at] ^= 1 << (step % 8);
                std::fs::write(&broken, &changed).unwrap();
                let _ = read(&broken, &CorpusOptions::default());
            }
            std::fs::write(&broken, &bytes[..bytes.len() / 2]).unwrap();
            assert!(read(&broken, &CorpusOptions::default())[0].is_err());
        }
    }
}
