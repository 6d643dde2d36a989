//! Bad records to standard error, or to a file of JSON lines with their places.
//!
//! The file appears at the end, and is empty when no record is bad: an older one would say something else.

use crate::output::{Unfinished, WholeFile, json, message, note};
use serde::Serialize;
use std::path::Path;
use unbait::corpus::Place;
use unbait::error::{Error, Result};

/// Where bad records go.
pub struct BadRecords(Option<WholeFile>);

/// A line of the file.
#[derive(Serialize)]
struct BadRecord {
    file: String,
    /// Of a file that could not be read at all there is none.
    record: Option<u64>,
    offset: Option<u64>,
    reason: String,
}

impl BadRecords {
    /// Goes to this file, or to standard error.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn new(path: Option<&Path>, unfinished: Unfinished) -> Result<Self> {
        let file = path.map(|path| WholeFile::create(path, unfinished));
        Ok(Self(file.transpose()?))
    }

    /// Adds one. It is named on standard error when there is no file, or when it `is_last`.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn add(&mut self, place: Option<&Place>, is_whole_file: bool, error: &Error, is_last: bool) -> Result<()> {
        if is_last || self.0.is_none() {
            note(
                &match place.filter(|_| !is_whole_file && !matches!(error, Error::BadRecord { .. })) {
                    Some(place) => message(&place.error(message(error))),
                    None => message(error),
                },
            );
        }
        let Some(file) = &mut self.0 else {
            return Ok(());
        };
        file.write((json(&bad_record(place, error))? + "\n").as_bytes())
    }

    /// Hands over what was added; the bytes of the file so far.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn checkpoint(&mut self) -> Result<u64> {
        self.0.as_mut().map_or(Ok(0), WholeFile::checkpoint)
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(self) -> Result<()> {
        self.0.map_or(Ok(()), WholeFile::finish)
    }
}

fn bad_record(place: Option<&Place>, error: &Error) -> BadRecord {
    match (error, place) {
        (
            Error::BadRecord {
                path,
                record,
                offset,
                problem,
            },
            _,
        ) => BadRecord {
            file: path.display().to_string(),
            record: Some(*record),
            offset: *offset,
            reason: problem.clone(),
        },
        (error, Some(place)) => BadRecord {
            file: place.file.display().to_string(),
            record: Some(place.record),
            offset: place.offset,
            reason: message(error),
        },
        (Error::Read { path, .. } | Error::Corpus { path, .. }, None) => BadRecord {
            file: path.display().to_string(),
            record: None,
            offset: None,
            reason: message(error),
        },
        (error, None) => BadRecord {
            file: String::new(),
            record: None,
            offset: None,
            reason: message(error),
        },
    }
}
