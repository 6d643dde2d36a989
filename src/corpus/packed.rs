//! A file as it stands to its unpacked bytes: gzip, Zstandard, bzip2 and xz are told by their first bytes, never by the name.
//!
//! A gzip file is a row of members, and a broken one does not take the others with it: reading fails once and goes on behind it.

use memchr::memmem;
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

/// Bytes that are read at once (chosen).
const CHUNK: usize = 1 << 16;

/// Most packed bytes of a gzip member that are kept to find the next one when it is broken (chosen; a crawl's members are one page).
const MOST_HISTORY: usize = 1 << 26;

/// Most packed bytes of a gzip file that are read again, behind broken members, besides as many as were read (chosen: a file that was made to be
/// broken everywhere would else take the square of its size).
const MOST_READ_AGAIN: u64 = 1 << 20;

/// Largest window of a Zstandard file, as a power of two (`zstd --long=27` writes up to 27).
const ZSTD_WINDOW: u32 = 27;

/// Most bytes that an xz file can have taken to unpack it (chosen: as the largest window of a Zstandard file, and room for as much again;
/// `xz -9` wants a quarter of it).
const XZ_MEMORY: u64 = 1 << 28;

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// gzip, also in several members (`.gz`).
    Gzip,
    /// Zstandard (`.zst`).
    Zstd,
    /// bzip2 (`.bz2`).
    Bzip2,
    /// xz (`.xz`).
    Xz,
}

impl Packing {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Gzip, Self::Zstd, Self::Bzip2, Self::Xz];

    /// How bytes that begin so are packed; `None` when they are not.
    pub fn of_content(head: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|packing| head.starts_with(packing.magic()))
    }

    /// How a file of this name is packed.
    pub fn of_name(path: &Path) -> Option<Self> {
        let ending = path.extension()?;
        Self::ALL
            .into_iter()
            .find(|packing| ending.eq_ignore_ascii_case(packing.ending()))
    }

    /// The ending of packed files' names, without its dot.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Gzip => "gz",
            Self::Zstd => "zst",
            Self::Bzip2 => "bz2",
            Self::Xz => "xz",
        }
    }

    fn magic(self) -> &'static [u8] {
        match self {
            Self::Gzip => &[0x1f, 0x8b],
            Self::Zstd => &[0x28, 0xb5, 0x2f, 0xfd],
            Self::Bzip2 => b"BZh",
            Self::Xz => &[0xfd, b'7', b'z', b'X', b'Z', 0],
        }
    }
}

/// Bytes in portions; a failed read may be followed by more bytes, and no byte at all is the end.
pub trait Source: BufRead + Send {
    /// Where in the file the gzip member begins that the next portion is of; `None` in what is no gzip file.
    fn member(&self) -> Option<u64> {
        None
    }
}

impl Source for Box<dyn Source> {
    fn member(&self) -> Option<u64> {
        (**self).member()
    }
}

/// Unpacks what is packed, and hands on what is not.
///
/// # Errors
/// What the reader fails with, or a decoder of which no memory could be had.
pub fn unpack(reader: impl Read + Send + 'static) -> io::Result<Box<dyn Source>> {
    let mut packed = Window::new(UntilFault::new(reader));
    let packing = Packing::of_content(packed.fill(8));
    unpack_window(packing, packed)
}

/// Unpacks what is packed so, whatever its first bytes are.
///
/// # Errors
/// As [`unpack`].
pub fn unpack_as(packing: Option<Packing>, reader: impl Read + Send + 'static) -> io::Result<Box<dyn Source>> {
    unpack_window(packing, Window::new(UntilFault::new(reader)))
}

fn unpack_window<R: Read + Send + 'static>(
    packing: Option<Packing>,
    packed: Window<UntilFault<R>>,
) -> io::Result<Box<dyn Source>> {
    Ok(match packing {
        None => Box::new(packed),
        Some(Packing::Gzip) => Box::new(GzipMembers::new(packed)),
        Some(Packing::Zstd) => {
            let mut decoder = zstd::Decoder::with_buffer(packed)?;
            decoder.window_log_max(ZSTD_WINDOW)?;
            Box::new(UntilFault::new(decoder))
        }
        Some(Packing::Bzip2) => Box::new(UntilFault::new(bzip2::bufread::MultiBzDecoder::new(packed))),
        Some(Packing::Xz) => {
            let stream = liblzma::stream::Stream::new_auto_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED)?;
            Box::new(UntilFault::new(liblzma::bufread::XzDecoder::new_stream(packed, stream)))
        }
    })
}

/// Packs what is written to it, with the effort that each packing's own tool has by default.
pub enum Packer<W: Write> {
    /// As it is.
    Plain(W),
    /// gzip.
    Gzip(flate2::write::GzEncoder<W>),
    /// Zstandard.
    Zstd(zstd::Encoder<'static, W>),
    /// bzip2.
    Bzip2(bzip2::write::BzEncoder<W>),
    /// xz.
    Xz(liblzma::write::XzEncoder<W>),
}

/// Effort of xz (its tool's default).
const XZ_LEVEL: u32 = 6;

impl<W: Write> Packer<W> {
    /// Packs into a writer.
    ///
    /// # Errors
    /// An encoder of which no memory could be had.
    pub fn new(packing: Option<Packing>, writer: W) -> io::Result<Self> {
        Ok(match packing {
            None => Self::Plain(writer),
            Some(Packing::Gzip) => Self::Gzip(flate2::write::GzEncoder::new(writer, flate2::Compression::default())),
            Some(Packing::Zstd) => Self::Zstd(zstd::Encoder::new(writer, zstd::DEFAULT_COMPRESSION_LEVEL)?),
            Some(Packing::Bzip2) => Self::Bzip2(bzip2::write::BzEncoder::new(writer, bzip2::Compression::best())),
            Some(Packing::Xz) => Self::Xz(liblzma::write::XzEncoder::new(writer, XZ_LEVEL)),
        })
    }

    /// Writes the end, and gives the writer back.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::Plain(writer) => Ok(writer),
            Self::Gzip(packer) => packer.finish(),
            Self::Zstd(packer) => packer.finish(),
            Self::Bzip2(packer) => packer.finish(),
            Self::Xz(packer) => packer.finish(),
        }
    }
}

impl<W: Write> Write for Packer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(writer) => writer.write(bytes),
            Self::Gzip(packer) => packer.write(bytes),
            Self::Zstd(packer) => packer.write(bytes),
            Self::Bzip2(packer) => packer.write(bytes),
            Self::Xz(packer) => packer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(writer) => writer.flush(),
            Self::Gzip(packer) => packer.flush(),
            Self::Zstd(packer) => packer.flush(),
            Self::Bzip2(packer) => packer.flush(),
            Self::Xz(packer) => packer.flush(),
        }
    }
}

// ---- a window on a source

/// A source of which any number of bytes can be looked at before they are taken.
pub(crate) struct Window<S> {
    source: S,
    bytes: Vec<u8>,
    /// How many of `bytes` are taken.
    at: usize,
    /// Where in the source `bytes` begins.
    start: u64,
    /// Taken bytes are kept from here on, to go back to.
    kept_from: Option<u64>,
    /// Positions from which on the bytes are of the gzip member that begins at the second number.
    members: VecDeque<(u64, u64)>,
    fault: Option<io::Error>,
    /// The gzip member in which reading failed.
    broken_member: Option<u64>,
}

impl<S: Source> Window<S> {
    pub(crate) fn new(source: S) -> Self {
        Self {
            source,
            bytes: Vec::new(),
            at: 0,
            start: 0,
            kept_from: None,
            members: VecDeque::new(),
            fault: None,
            broken_member: None,
        }
    }

    /// Position of the next byte in the source.
    pub(crate) fn position(&self) -> u64 {
        self.start + self.at as u64
    }

    /// The next bytes: `wanted` or more, and fewer only at the end of the source or before a fault.
    pub(crate) fn fill(&mut self, wanted: usize) -> &[u8] {
        while self.bytes.len() - self.at < wanted && self.read_more() {}
        &self.bytes[self.at..]
    }

    /// The bytes that are there already.
    pub(crate) fn there(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    /// Reads another portion; `false` at the end of the source or before a fault.
    pub(crate) fn read_more(&mut self) -> bool {
        if self.fault.is_some() {
            return false;
        }
        self.forget_taken();
        let end = self.start + self.bytes.len() as u64;
        loop {
            match self.source.fill_buf() {
                Ok(portion) => {
                    self.bytes.extend_from_slice(portion);
                    let count = portion.len();
                    if let Some(member) = self.source.member().filter(|_| count > 0)
                        && self.members.back().is_none_or(|(_, last)| *last != member)
                    {
                        self.members.push_back((end, member));
                        self.forget_members();
                    }
                    self.source.consume(count);
                    return count > 0;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.fault = Some(error);
                    self.broken_member = self.source.member();
                    return false;
                }
            }
        }
    }

    /// Drops taken bytes that nobody goes back to, when they are many.
    fn forget_taken(&mut self) {
        if self.kept_from.is_some_and(|_| self.at > MOST_HISTORY) {
            self.kept_from = None;
        }
        let kept = self.kept_from.map_or(self.position(), |kept| kept.max(self.start));
        let dropped = (kept - self.start) as usize;
        if dropped >= CHUNK.max(self.bytes.len() / 2) || dropped == self.bytes.len() {
            self.bytes.drain(..dropped);
            self.at -= dropped;
            self.start = kept;
        }
    }

    /// Takes the next `count` bytes, which must be there.
    pub(crate) fn pass(&mut self, count: usize) {
        self.at = (self.at + count).min(self.bytes.len());
        self.forget_members();
    }

    /// Drops the members that end before the next byte.
    fn forget_members(&mut self) {
        let position = self.position();
        while self.members.get(1).is_some_and(|(from, _)| *from <= position) {
            self.members.pop_front();
        }
    }

    /// Takes all bytes that are there.
    pub(crate) fn pass_all(&mut self) {
        self.pass(self.bytes.len());
    }

    /// What stopped the reading behind the bytes that are there.
    pub(crate) fn fault(&mut self) -> Option<io::Error> {
        self.fault.take()
    }

    /// Whether reading was stopped behind the bytes that are there.
    pub(crate) fn has_fault(&self) -> bool {
        self.fault.is_some()
    }

    /// Whether reading was stopped in the gzip member that the last bytes are of: they cannot be trusted.
    pub(crate) fn has_fault_in_member(&self) -> bool {
        let last = self.members.back().map(|(_, member)| *member);
        self.has_fault() && last.is_some() && last == self.broken_member
    }

    /// Whether reading was stopped in a gzip member behind the one that the next byte is of.
    pub(crate) fn has_fault_behind_member(&self) -> bool {
        self.has_fault() && !self.there().is_empty() && self.broken_member != self.member()
    }

    /// Where the next byte is in the file: in gzip, where its member begins; also of a member that gives no byte.
    pub(crate) fn offset(&self) -> u64 {
        let broken = self
            .broken_member
            .filter(|_| self.has_fault() && self.there().is_empty());
        broken.or(self.member()).unwrap_or(self.position())
    }

    /// Where the gzip member begins that the next byte is of.
    fn member(&self) -> Option<u64> {
        self.members.front().map(|(_, member)| *member)
    }

    /// How many of the next bytes are of this gzip member when the next one has begun within them.
    pub(crate) fn rest_of_member(&self) -> Option<usize> {
        let (from, _) = self.members.get(1)?;
        Some((from - self.position()) as usize)
    }

    /// Keeps what is taken from here on.
    fn keep(&mut self) {
        self.kept_from = Some(self.position());
    }

    /// Goes back to this position, or as near to it as bytes were kept.
    fn go_back(&mut self, position: u64) {
        let at = usize::try_from(position.saturating_sub(self.start)).unwrap_or(usize::MAX);
        self.at = at.min(self.bytes.len());
    }
}

impl<S: Source> Read for Window<S> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let from = self.fill_buf()?;
        let count = from.len().min(to.len());
        to[..count].copy_from_slice(&from[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<S: Source> BufRead for Window<S> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.fill(1).is_empty()
            && let Some(fault) = self.fault()
        {
            return Err(fault);
        }
        Ok(self.there())
    }

    fn consume(&mut self, count: usize) {
        self.pass(count);
    }
}

impl<S: Source> Source for Window<S> {
    fn member(&self) -> Option<u64> {
        Window::member(self)
    }
}

// ---- decoders

/// A file or decoder whose first fault is its end.
struct UntilFault<R> {
    reader: BufReader<R>,
    is_over: bool,
}

impl<R: Read> UntilFault<R> {
    fn new(reader: R) -> Self {
        Self {
            reader: BufReader::with_capacity(CHUNK, reader),
            is_over: false,
        }
    }
}

impl<R: Read> Read for UntilFault<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let from = self.fill_buf()?;
        let count = from.len().min(to.len());
        to[..count].copy_from_slice(&from[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for UntilFault<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.is_over {
            return Ok(&[]);
        }
        match self.reader.fill_buf() {
            Ok(_) => Ok(self.reader.buffer()),
            Err(error) => {
                self.is_over = error.kind() != io::ErrorKind::Interrupted;
                Err(error)
            }
        }
    }

    fn consume(&mut self, count: usize) {
        self.reader.consume(count);
    }
}

impl<R: Read + Send> Source for UntilFault<R> {}

/// The members of a gzip file, one after the other; no portion is of two members.
struct GzipMembers<S: Source> {
    state: Members<S>,
    portion: Vec<u8>,
    at: usize,
    member: u64,
    /// Packed bytes that were read again, as a member may begin in a broken one.
    read_again: u64,
}

enum Members<S: Source> {
    Between(Window<S>),
    Inside(Box<flate2::bufread::GzDecoder<Window<S>>>),
    Over,
}

impl<S: Source> GzipMembers<S> {
    fn new(packed: Window<S>) -> Self {
        Self {
            state: Members::Between(packed),
            portion: Vec::new(),
            at: 0,
            member: 0,
            read_again: 0,
        }
    }

    /// Unpacks one more portion, or goes to the next member.
    fn step(&mut self) -> io::Result<()> {
        match std::mem::replace(&mut self.state, Members::Over) {
            Members::Over => {}
            Members::Between(mut packed) => {
                // some writers fill the last block with zeros
                while packed.fill_buf()?.first() == Some(&0) {
                    packed.pass(1);
                }
                if !packed.there().is_empty() {
                    self.member = packed.position();
                    packed.keep();
                    self.state = Members::Inside(Box::new(flate2::bufread::GzDecoder::new(packed)));
                }
            }
            Members::Inside(mut decoder) => {
                self.portion.resize(CHUNK, 0);
                self.at = 0;
                let read = decoder.read(&mut self.portion);
                self.portion.truncate(*read.as_ref().unwrap_or(&0));
                match read {
                    Ok(0) => self.state = Members::Between(decoder.into_inner()),
                    Ok(_) => self.state = Members::Inside(decoder),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => self.state = Members::Inside(decoder),
                    Err(error) => {
                        let mut packed = decoder.into_inner();
                        let end = packed.position();
                        let from = if self.read_again <= end + MOST_READ_AGAIN {
                            self.member + 1
                        } else {
                            end
                        };
                        if find_member(&mut packed, from) {
                            self.read_again += end.saturating_sub(packed.position());
                            self.state = Members::Between(packed);
                        }
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }
}

impl<S: Source> Read for GzipMembers<S> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let from = self.fill_buf()?;
        let count = from.len().min(to.len());
        to[..count].copy_from_slice(&from[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<S: Source> BufRead for GzipMembers<S> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at == self.portion.len() && !matches!(self.state, Members::Over) {
            self.step()?;
        }
        Ok(&self.portion[self.at..])
    }

    fn consume(&mut self, count: usize) {
        self.at = (self.at + count).min(self.portion.len());
    }
}

impl<S: Source> Source for GzipMembers<S> {
    fn member(&self) -> Option<u64> {
        Some(self.member)
    }
}

/// First bytes of a gzip member that deflate packed (RFC 1952, section 2.3).
const MEMBER: &[u8] = &[0x1f, 0x8b, 8];

/// Length of a gzip member's fixed header (RFC 1952, section 2.3).
const MEMBER_HEADER: usize = 10;

/// Goes to the first gzip member that begins at `from` or later; `false` when there is none.
fn find_member<S: Source>(packed: &mut Window<S>, from: u64) -> bool {
    packed.go_back(from);
    loop {
        let bytes = packed.fill(CHUNK);
        let is_end = bytes.len() < CHUNK;
        match memmem::find(bytes, MEMBER) {
            Some(at) => {
                packed.pass(at);
                if begins_member(packed) {
                    return true;
                }
                packed.pass(1);
            }
            None if is_end => return false,
            None => packed.pass(CHUNK - MEMBER.len()),
        }
    }
}

/// Whether a member's header that makes sense stands here; in packed bytes that happens by chance once in 2^37 places.
fn begins_member<S: Source>(packed: &mut Window<S>) -> bool {
    let header = packed.fill(MEMBER_HEADER);
    header.len() >= MEMBER_HEADER
        && header.starts_with(MEMBER)
        // flags, effort and system (RFC 1952, section 2.3.1)
        && header[3] & 0xe0 == 0
        && matches!(header[8], 0 | 2 | 4)
        && (header[9] <= 13 || header[9] == 255)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    /// Text that hardly packs, so that a member can be cut in its middle.
    fn text(seed: u64, length: usize) -> Vec<u8> {
        let mut state = seed;
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            b'a' + ((state >> 33) % 26) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    /// What can be read, portion by portion, and how often reading failed.
    fn read(bytes: Vec<u8>) -> (Vec<u8>, usize) {
        let mut source = unpack(io::Cursor::new(bytes)).unwrap();
        let (mut read, mut faults) = (Vec::new(), 0);
        loop {
            match source.fill_buf() {
                Ok([]) => return (read, faults),
                Ok(portion) => {
                    read.extend_from_slice(portion);
                    let count = portion.len();
                    source.consume(count);
                }
                Err(_) => faults += 1,
            }
        }
    }

    fn packed(packing: Option<Packing>, bytes: &[u8]) -> Vec<u8> {
        let mut packer = Packer::new(packing, Vec::new()).unwrap();
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn every_packing_is_told_by_content_and_unpacked() {
        let plain = text(1, 300_000);
        for packing in Packing::ALL {
            let bytes = packed(Some(packing), &plain);
            assert_eq!(Packing::of_content(&bytes), Some(packing));
            assert_eq!(
                Packing::of_name(Path::new(&format!("x.{}", packing.ending()))),
                Some(packing)
            );
            assert_eq!(read(bytes), (plain.clone(), 0));
        }
        assert_eq!(read(packed(None, &plain)), (plain, 0));
        assert_eq!(read(Vec::new()), (Vec::new(), 0));
    }

    #[test]
    fn a_packing_that_is_known_is_not_guessed() {
        let text = "BZh is how bzip2 begins, and this text";
        let mut plain = String::new();
        let mut source = unpack_as(None, text.as_bytes()).unwrap();
        source.read_to_string(&mut plain).unwrap();
        assert_eq!(plain, text);
        for packing in Packing::ALL {
            let mut found = Vec::new();
            let bytes = packed(Some(packing), text.as_bytes());
            unpack_as(Some(packing), io::Cursor::new(bytes))
                .unwrap()
                .read_to_end(&mut found)
                .unwrap();
            assert_eq!(found, text.as_bytes());
            let failed = unpack_as(Some(packing), text.as_bytes())
                .unwrap()
                .read_to_end(&mut found);
            assert!(failed.is_err(), "{packing:?}");
        }
    }

    #[test]
    fn packed_files_in_a_row_are_one() {
        let plain = text(2, 1000);
        for packing in Packing::ALL {
            let twice = packed(Some(packing), &plain).repeat(2);
            assert_eq!(read(twice), (plain.repeat(2), 0));
        }
    }

    #[test]
    fn a_broken_gzip_member_fails_once_and_the_next_ones_are_read() {
        let (first, second, third) = (text(3, 5000), text(4, 5000), text(5, 5000));
        let whole = gzip(&second);
        let broken: Vec<Vec<u8>> = vec![
            whole[..whole.len() / 2].to_vec(),
            whole[..whole.len() - 4].to_vec(),
            whole[..12].to_vec(),
            [&whole[..200], &[!whole[200]], &whole[201..]].concat(),
            [&whole[..whole.len() - 8], &[0; 8]].concat(),
        ];
        for broken in broken {
            let (bytes, faults) = read([gzip(&first), broken.clone(), gzip(&third)].concat());
            assert_eq!(faults, 1, "{} bytes", broken.len());
            assert!(bytes.starts_with(&first) && bytes.ends_with(&third));
            let (bytes, faults) = read([gzip(&first), broken].concat());
            assert!(faults == 1 && bytes.starts_with(&first));
        }
    }

    #[test]
    fn two_broken_members_fail_twice() {
        let whole = gzip(&text(6, 5000));
        let cut = &whole[..whole.len() / 2];
        let (bytes, faults) = read([cut, cut, &whole].concat());
        assert_eq!(faults, 2);
        assert!(bytes.ends_with(&text(6, 5000)));
    }

    #[test]
    fn members_inside_broken_members_take_no_square_of_the_file() {
        // each header opens a stored part that ends where the part of a later header opens, so that all go on to the end of the file
        const UNIT: usize = MEMBER_HEADER + 5;
        let length = (3000 * UNIT + MEMBER_HEADER) as u16;
        let (low, high) = (length.to_le_bytes(), (!length).to_le_bytes());
        let unit = [&gzip(b"")[..MEMBER_HEADER], &[0], &low, &high].concat();
        assert_eq!(unit.len(), UNIT);
        let file = unit.repeat(20_000);
        let (bytes, _) = read(file.clone());
        let most = 3 * file.len() + 2 * MOST_READ_AGAIN as usize;
        assert!(
            (file.len() / 2..most).contains(&bytes.len()),
            "{} of {}",
            bytes.len(),
            file.len()
        );
        let last = text(9, 5000);
        let (bytes, _) = read([file, vec![0; 100_000], gzip(&last)].concat());
        assert!(bytes.len() < most && bytes.ends_with(&last));
    }

    #[test]
    fn many_broken_members_are_each_gone_behind() {
        let whole = gzip(&text(10, 5000));
        let cut = [&whole[..whole.len() / 2], &whole].concat();
        let (bytes, faults) = read(cut.repeat(500));
        assert_eq!(faults, 500);
        assert!(bytes.len() >= 500 * 5000 && bytes.ends_with(&text(10, 5000)));
    }

    #[test]
    fn zeros_behind_the_last_member_are_no_fault() {
        let plain = text(7, 100);
        assert_eq!(read([gzip(&plain), vec![0; 1000]].concat()), (plain, 0));
    }

    #[test]
    fn another_broken_packing_ends_at_its_fault() {
        let packed = zstd::encode_all(&text(8, 500_000)[..], 1).unwrap();
        let (bytes, faults) = read(packed[..packed.len() / 2].to_vec());
        assert!(faults == 1 && text(8, 500_000).starts_with(&bytes));
    }

    #[test]
    fn members_are_told_by_where_they_begin() {
        let (first, second) = (gzip(b"one"), gzip(b"two"));
        let bytes = [first.clone(), second].concat();
        let mut window = Window::new(unpack(io::Cursor::new(bytes)).unwrap());
        assert_eq!(window.fill(6), b"onetwo");
        assert_eq!((window.member(), window.rest_of_member()), (Some(0), Some(3)));
        window.pass(3);
        assert_eq!(
            (window.member(), window.rest_of_member()),
            (Some(first.len() as u64), None)
        );
    }
}
