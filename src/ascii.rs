//! Bytes of text to bit masks, 64 of them at a time: which are ASCII letters, digits, spaces.
//!
//! Bit `i` stands for byte `i`. What lies beyond the end of the text counts as spaces, so a mask alone does not tell where it ends.

use fearless_simd::prelude::*;
use fearless_simd::u8x64;

/// Bytes that are looked at together: one for each bit of a mask.
pub const TOGETHER: usize = u64::BITS as usize;

/// Up to 64 bytes of a text.
#[derive(Clone, Copy)]
pub struct Bytes<S: Simd> {
    simd: S,
    bytes: u8x64<S>,
}

impl<S: Simd> Bytes<S> {
    /// The bytes of a text from one on; spaces beyond its end.
    #[inline(always)]
    pub fn of(simd: S, text: &[u8], at: usize) -> Self {
        let rest = &text[at..];
        let bytes = match rest.first_chunk::<TOGETHER>() {
            Some(bytes) => u8x64::load_array_ref(simd, bytes),
            None => {
                let mut bytes = [b' '; TOGETHER];
                bytes[..rest.len()].copy_from_slice(rest);
                u8x64::load_array_ref(simd, &bytes)
            }
        };
        Self { simd, bytes }
    }

    /// Those that are this byte.
    #[inline(always)]
    pub fn equal(self, byte: u8) -> u64 {
        self.bytes.simd_eq(byte).to_bitmask()
    }

    /// Those from the first to the last of a range.
    #[inline(always)]
    pub fn between(self, first: u8, last: u8) -> u64 {
        // what lies below the range becomes larger than all that is in it
        let from_first = self.bytes - u8x64::splat(self.simd, first);
        from_first.simd_lt(last - first + 1).to_bitmask()
    }

    /// Those that belong to characters beyond ASCII.
    #[inline(always)]
    pub fn beyond_ascii(self) -> u64 {
        self.between(0x80, 0xff)
    }

    /// Writes them in lower case, with `0` for every digit.
    #[inline(always)]
    pub fn store_lower(self, to: &mut [u8; TOGETHER]) {
        let Self { simd, bytes } = self;
        let is_upper = (bytes - u8x64::splat(simd, b'A')).simd_lt(26);
        let is_digit = (bytes - u8x64::splat(simd, b'0')).simd_lt(10);
        let lower = is_upper.select(bytes | u8x64::splat(simd, 0x20), bytes);
        is_digit.select(u8x64::splat(simd, b'0'), lower).store_array(to);
    }
}

/// The bits from a start to before an end, which is 64 at most.
#[inline(always)]
pub fn bits(start: usize, end: usize) -> u64 {
    let below = |bit: usize| 1u64.checked_shl(bit as u32).map_or(u64::MAX, |bit| bit - 1);
    below(end) & !below(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fearless_simd::{Level, dispatch};

    #[test]
    fn each_byte_is_in_the_ranges_that_it_is_in() {
        for byte in 0..=255u8 {
            let text = [b' ', byte, b'x'];
            dispatch!(Level::new(), simd => {
                let bytes = Bytes::of(simd, &text, 1);
                assert_eq!(bytes.between(b'A', b'Z') & 1 == 1, byte.is_ascii_uppercase(), "{byte}");
                assert_eq!(bytes.between(b'0', b'9') & 1 == 1, byte.is_ascii_digit(), "{byte}");
                assert_eq!(bytes.beyond_ascii(), u64::from(!byte.is_ascii()), "{byte}");
                assert_eq!(bytes.equal(b'x'), if byte == b'x' { 3 } else { 2 });
                assert_eq!(bytes.equal(b' ') >> 2, u64::MAX >> 2);
                let mut lower = [0; TOGETHER];
                bytes.store_lower(&mut lower);
                let expected = if byte.is_ascii_digit() { b'0' } else { byte.to_ascii_lowercase() };
                assert_eq!(lower[..3], [expected, b'x', b' ']);
            });
        }
    }

    #[test]
    fn bits_are_those_of_the_range() {
        assert_eq!(bits(0, 64), u64::MAX);
        assert_eq!(bits(3, 5), 0b11000);
        assert_eq!(bits(64, 64), 0);
        assert_eq!(bits(63, 64), 1 << 63);
    }
}
