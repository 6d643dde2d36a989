//! Byte offsets of a text to the offsets that other programs count in, and back; each call goes through the text once.
//!
//! Python counts code points and JavaScript UTF-16 code units: behind each emoji the two are one further apart.

/// What a program counts offsets of a text in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Unicode code points, as strings of Python are counted.
    CodePoint,
    /// UTF-16 code units, as strings of JavaScript are counted.
    Utf16,
}

impl Unit {
    /// The unit in words.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CodePoint => "code points",
            Self::Utf16 => "UTF-16 code units",
        }
    }

    fn width(self, c: char) -> usize {
        match self {
            Self::CodePoint => 1,
            Self::Utf16 => c.len_utf16(),
        }
    }

    /// The length of a text.
    pub(super) fn length(self, text: &str) -> usize {
        text.chars().map(|c| self.width(c)).sum()
    }

    /// The offset of each of these bytes, which are in any order and begin a character or end the text.
    pub(super) fn of_bytes(self, text: &str, bytes: &[usize]) -> Vec<usize> {
        let mut offsets = vec![0; bytes.len()];
        let (mut at, mut offset) = (0, 0);
        for index in ascending(bytes) {
            offset += self.length(&text[at..bytes[index]]);
            at = bytes[index];
            offsets[index] = offset;
        }
        offsets
    }

    /// The byte of each of these offsets, which are in any order; `None` behind the text and inside a character.
    pub(super) fn to_bytes(self, text: &str, offsets: &[usize]) -> Vec<Option<usize>> {
        let mut bytes = vec![None; offsets.len()];
        let mut chars = text.chars();
        let (mut at, mut offset) = (0, 0);
        for index in ascending(offsets) {
            while offset < offsets[index]
                && let Some(c) = chars.next()
            {
                at += c.len_utf8();
                offset += self.width(c);
            }
            bytes[index] = (offset == offsets[index]).then_some(at);
        }
        bytes
    }
}

/// The indices of numbers in the order of the numbers.
fn ascending(numbers: &[usize]) -> Vec<usize> {
    let mut indices: Vec<usize> = (0..numbers.len()).collect();
    indices.sort_by_key(|index| numbers[*index]);
    indices
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two bytes, four bytes, one that combines with the letter before it, one from right to left.
    const TEXT: &str = "é🎻e\u{301}ש\r\n.";

    #[test]
    fn an_emoji_is_one_code_point_and_two_code_units() {
        let bytes = [0, 2, 6, 7, 9, 11, 12, 13, 14];
        assert_eq!(Unit::CodePoint.of_bytes(TEXT, &bytes), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(Unit::Utf16.of_bytes(TEXT, &bytes), [0, 1, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!((Unit::CodePoint.length(TEXT), Unit::Utf16.length(TEXT)), (8, 9));
    }

    #[test]
    fn offsets_lead_back_to_the_bytes_in_any_order() {
        for unit in [Unit::CodePoint, Unit::Utf16] {
            let bytes = [14, 0, 6, 2, 2, 11];
            let offsets = unit.of_bytes(TEXT, &bytes);
            assert_eq!(unit.to_bytes(TEXT, &offsets), bytes.map(Some));
        }
    }

    #[test]
    fn there_is_no_byte_inside_an_emoji_or_behind_the_text() {
        assert_eq!(
            Unit::Utf16.to_bytes(TEXT, &[2, 3, 9, 10]),
            [None, Some(6), Some(14), None]
        );
        assert_eq!(Unit::CodePoint.to_bytes("", &[0, 1]), [Some(0), None]);
    }
}
