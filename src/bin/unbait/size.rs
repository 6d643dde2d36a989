//! Sizes as people write them, such as `64M`, to bytes.
//!
//! K, M and G are powers of 1024, as those of `ls -h` and `ulimit` are.

use std::fmt;
use std::str::FromStr;

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub usize);

/// The letters with the bytes of one, the largest first.
const UNITS: [(char, usize); 3] = [('G', 1 << 30), ('M', 1 << 20), ('K', 1 << 10)];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unit = UNITS.into_iter().find_map(|(letter, bytes)| {
            let number = text.strip_suffix([letter, letter.to_ascii_lowercase()])?;
            Some((number, bytes))
        });
        let (number, bytes) = unit.unwrap_or((text, 1));
        let number: Option<usize> = number.parse().ok();
        number
            .and_then(|number| number.checked_mul(bytes))
            .map(Self)
            .ok_or_else(|| {
                "wanted a number of bytes, with K, M or G behind it if they are 1024 times as many each".to_owned()
            })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS
            .into_iter()
            .find(|(_, bytes)| self.0 > 0 && self.0.is_multiple_of(*bytes));
        match unit {
            Some((letter, bytes)) => write!(out, "{}{letter}", self.0 / bytes),
            None => write!(out, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_written() {
        for (text, bytes) in [
            ("0", 0),
            ("1500", 1500),
            ("3K", 3072),
            ("64M", 1 << 26),
            ("1G", 1 << 30),
        ] {
            let size: Size = text.parse().unwrap();
            assert_eq!((size, size.to_string().as_str()), (Size(bytes), text));
        }
        assert_eq!(("2m".parse(), "2048K".parse()), (Ok(Size(1 << 21)), Ok(Size(1 << 21))));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "M", "-1", "1.5M", "1 M", "64MB", "1T", "99999999999G", "M1"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
