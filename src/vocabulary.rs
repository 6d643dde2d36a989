//! Terms to columns: a feature's spelling, its 64-bit hash, and the column that a model gives it.
//!
//! A spelling is `FAMILY=part part ...`; the hash is always computable from the spelling alone, so a model file needs the spellings only.

use crate::error::{Error, Result};
use rapidhash::v3::{DEFAULT_RAPID_SECRETS, rapidhash_v3_nano_inline};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The groups of features: each group of a block's features is scaled to its own length, and an ablation switches one off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Stemmed word n-grams of the block.
    Words,
    /// Character n-grams of its first and last words.
    Characters,
    /// Length, case, punctuation, digits.
    Shape,
    /// Where the block stands in the page.
    Position,
    /// Near repeats of the block and words shared with the page.
    Overlap,
    /// The heading above.
    Heading,
    /// Shapes and words of the neighbouring blocks.
    Neighbours,
    /// Element names, link density, pictures.
    Elements,
    /// Class and id words of the enclosing elements.
    Classes,
    /// What the enclosing elements hold besides the block.
    Containers,
}

impl Group {
    /// All groups in order.
    pub const ALL: [Self; 10] = [
        Self::Words,
        Self::Characters,
        Self::Shape,
        Self::Position,
        Self::Overlap,
        Self::Heading,
        Self::Neighbours,
        Self::Elements,
        Self::Classes,
        Self::Containers,
    ];

    /// The name of the group in lower case, such as `words`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Characters => "characters",
            Self::Shape => "shape",
            Self::Position => "position",
            Self::Overlap => "overlap",
            Self::Heading => "heading",
            Self::Neighbours => "neighbours",
            Self::Elements => "elements",
            Self::Classes => "classes",
            Self::Containers => "containers",
        }
    }

    /// The group of a name.
    ///
    /// # Errors
    /// [`Error::Option`] that lists the names when there is no such group.
    pub fn parse(name: &str) -> Result<Self> {
        let named = Self::ALL.into_iter().find(|group| group.as_str() == name);
        named.ok_or_else(|| Error::Option {
            option: "--without",
            problem: format!(
                "there is no group of features {name:?}; wanted one of {}",
                Self::ALL.map(Self::as_str).join(", ")
            ),
        })
    }

    /// Position in [`Group::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// A family of features: the part of a spelling before `=`.
#[derive(Debug)]
pub struct Family {
    /// Name, as it stands in spellings.
    pub name: &'static str,
    /// The group that its features are scaled with.
    pub group: Group,
    seed: u64,
    /// Its place in [`STEP_FAMILIES`], if it is one of them.
    steps: Option<usize>,
}

/// The families whose parts are numbers, and how many of them a feature has: their columns are found by these numbers, without a hash.
const STEP_FAMILIES: [(&str, usize); 63] = [
    // shape
    ("length", 1),
    ("chars", 1),
    ("ending", 1),
    ("opening", 1),
    ("capitalized", 1),
    ("capitals", 1),
    ("digits", 1),
    ("sentences", 1),
    ("quotes", 1),
    ("commas", 1),
    ("separators", 1),
    ("short-words", 1),
    ("opening-capitals", 2),
    ("year-clock-address", 2),
    ("length+ending", 2),
    ("length+opening", 2),
    ("length+capitalized", 2),
    // position
    ("tenth+length", 2),
    ("from-start", 1),
    ("from-end", 1),
    ("paragraphs-before+after", 2),
    ("paragraphs-before+after+length", 3),
    ("since-paragraph+length", 2),
    ("until-paragraph+length", 2),
    ("since+until-paragraph", 2),
    ("page-blocks", 1),
    // overlap
    ("repeat+length", 2),
    ("same-opening+length", 2),
    ("twin-before+length", 2),
    ("twin-after+length", 2),
    ("shared+length", 2),
    ("shared-with-paragraphs+length", 2),
    // heading
    ("heading-distance", 2),
    ("sections", 1),
    // neighbours
    ("before", 2),
    ("after", 2),
    ("before-2", 2),
    ("after-2", 2),
    ("lengths", 3),
    ("lengths-around", 3),
    ("density", 3),
    // elements
    ("links+length", 2),
    ("link-count+length", 2),
    ("repeats+links", 2),
    ("picture-before", 2),
    ("picture-after", 2),
    ("address+length+links", 3),
    ("address-depth+digits+length", 3),
    ("address-words-shared", 3),
    ("title", 3),
    ("description", 3),
    ("from-h1+length", 2),
    // containers
    ("holds-1", 3),
    ("holds-2", 3),
    ("holds-3", 3),
    ("holds-4", 3),
    ("share-1", 3),
    ("share-2", 3),
    ("share-3", 3),
    ("share-4", 3),
    ("content-steps+length", 2),
    ("content-steps+share+length", 3),
    ("same-path", 3),
];

/// The place of a family in [`STEP_FAMILIES`].
const fn step_family(name: &str) -> Option<usize> {
    let mut at = 0;
    while at < STEP_FAMILIES.len() {
        let (known, name) = (STEP_FAMILIES[at].0.as_bytes(), name.as_bytes());
        let mut same = 0;
        while same < name.len() && same < known.len() && name[same] == known[same] {
            same += 1;
        }
        if same == name.len() && same == known.len() {
            return Some(at);
        }
        at += 1;
    }
    None
}

impl Family {
    /// A family; two families of one recipe must not share a name.
    pub const fn new(name: &'static str, group: Group) -> Self {
        Self {
            name,
            group,
            seed: hash_bytes(name.as_bytes()),
            steps: None,
        }
    }

    /// A family whose parts are numbers.
    ///
    /// # Panics
    /// When it is none of those that are known; where it is a constant, the compiler says so.
    pub const fn of_steps(name: &'static str, group: Group) -> Self {
        let steps = step_family(name);
        assert!(steps.is_some(), "a family that stands in STEP_FAMILIES");
        Self {
            steps,
            ..Self::new(name, group)
        }
    }

    /// Hash of the feature of this family with these part hashes.
    #[inline]
    pub const fn hash1(&self, a: u64) -> u64 {
        mix(self.seed, a)
    }

    /// The same for two parts.
    #[inline]
    pub const fn hash2(&self, a: u64, b: u64) -> u64 {
        mix(mix(self.seed, a), b)
    }

    /// The same for three parts.
    #[inline]
    pub const fn hash3(&self, a: u64, b: u64, c: u64) -> u64 {
        mix(mix(mix(self.seed, a), b), c)
    }

    /// The same for any number of parts.
    pub fn hash_all(&self, parts: impl IntoIterator<Item = u64>) -> u64 {
        parts.into_iter().fold(self.seed, mix)
    }
}

const fn mix(hash: u64, part: u64) -> u64 {
    let mixed = (hash ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 29)
}

/// Hash of one part of a spelling.
#[inline]
pub fn part(text: &str) -> u64 {
    hash_bytes(text.as_bytes())
}

/// The same for its UTF-8 bytes. The hash has a fixed definition: model files hold spellings, and every version finds the same columns for them.
#[inline(always)]
pub const fn hash_bytes(bytes: &[u8]) -> u64 {
    rapidhash_v3_nano_inline::<true, false>(bytes, &DEFAULT_RAPID_SECRETS)
}

const NUMBERS: [u64; 100] = {
    let mut table = [0; 100];
    let mut n = 0;
    while n < 100 {
        let digits = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        table[n] = if n < 10 {
            hash_bytes(&[digits[1]])
        } else {
            hash_bytes(&digits)
        };
        n += 1;
    }
    table
};

/// Hash of a part that is a number; 99 stands for every larger one.
#[inline]
pub fn number(n: usize) -> u64 {
    NUMBERS[n.min(99)]
}

/// The spelling of [`number`].
pub fn number_spelling(n: usize) -> String {
    n.min(99).to_string()
}

/// Hash of a whole spelling; equal to what the family's `hash` functions give for its parts.
pub fn hash_of_spelling(spelling: &str) -> u64 {
    let (family, parts) = spelling.split_once('=').unwrap_or((spelling, ""));
    parts.split(' ').map(part).fold(part(family), mix)
}

/// Where the features of a block go while they are found.
pub trait Sink {
    /// Takes one feature. `spell` gives its parts, separated by single spaces; it is called only when a spelling is wanted.
    fn add(&mut self, family: &'static Family, hash: u64, spell: impl FnOnce() -> String);

    /// Takes one feature whose parts are these numbers.
    #[inline]
    fn add_steps<const PARTS: usize>(&mut self, family: &'static Family, steps: [usize; PARTS]) {
        let hash = family.hash_all(steps.map(number));
        self.add(family, hash, || steps.map(number_spelling).join(" "));
    }
}

/// A hasher for keys that are hashes already.
#[derive(Default)]
pub struct Passthrough(u64);

impl Hasher for Passthrough {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// A map from hashes.
pub type HashedMap<V> = HashMap<u64, V, BuildHasherDefault<Passthrough>>;

/// The features of a model: column number to spelling, hash to column number.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    /// All spellings, each followed by a line feed.
    joined: String,
    /// By column: where its spelling ends in `joined`.
    ends: Vec<u32>,
    columns: ColumnTable,
    steps: StepTable,
}

/// Hashes to columns, by hash and displace: a hash's bucket tells how far its features are moved, so that each has a slot of its
/// own and a look-up is two loads and no branch, found or not.
#[derive(Clone, Debug, Default)]
struct ColumnTable {
    /// By bucket; a power of two of them.
    displacements: Vec<u16>,
    /// A power of two of them, at most two thirds taken: the upper half of the hash above the column.
    slots: Vec<u64>,
}

/// The upper half of a hash, as a slot has it.
const TAG: u64 = u64::MAX << 32;
/// A slot that no feature has.
const FREE: u64 = NO_COLUMN as u64;
/// Stands for the column of a feature that has none.
pub const NO_COLUMN: u32 = u32::MAX;
/// Features of a bucket, about (chosen: a table of 2 bytes a bucket that stays in the first-level cache).
const BUCKET: usize = 3;

impl ColumnTable {
    /// The table of these hashes; the column of each is its number. Of two equal hashes the first counts.
    fn new(hashes: &[u64]) -> Self {
        let buckets = (hashes.len() / BUCKET).next_power_of_two();
        let mut table = Self {
            displacements: vec![0; buckets],
            slots: vec![FREE; (hashes.len() * 3 / 2).next_power_of_two()],
        };
        let mut order: Vec<(usize, u64, u32)> = hashes
            .iter()
            .zip(0..)
            .map(|(hash, column)| (table.bucket(*hash), *hash, column))
            .collect();
        order.sort_unstable();
        order.dedup_by_key(|(_, hash, _)| *hash);
        let mut groups: Vec<&[(usize, u64, u32)]> = order.chunk_by(|a, b| a.0 == b.0).collect();
        // the fullest first, while there is room
        groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
        for group in groups {
            table.place(group);
        }
        table
    }

    /// Finds the displacement with which all of a bucket's features fall into free slots.
    fn place(&mut self, group: &[(usize, u64, u32)]) {
        let mut places = Vec::with_capacity(group.len());
        for displacement in 0..=u16::MAX {
            places.clear();
            for (_, hash, _) in group {
                let slot = self.slot(*hash, displacement);
                if self.slots[slot] as u32 != NO_COLUMN || places.contains(&slot) {
                    break;
                }
                places.push(slot);
            }
            if places.len() == group.len() {
                self.displacements[group[0].0] = displacement;
                for (slot, (_, hash, column)) in places.iter().zip(group) {
                    self.slots[*slot] = (hash & TAG) | u64::from(*column);
                }
                return;
            }
        }
        // two hashes that differ in a few bits only; the later one is as good as the first
        if group.len() > 1 {
            self.place(&group[..group.len() - 1]);
        }
    }

    #[inline]
    fn bucket(&self, hash: u64) -> usize {
        (hash >> 40) as usize & (self.displacements.len() - 1)
    }

    #[inline]
    fn slot(&self, hash: u64, displacement: u16) -> usize {
        let moved = (hash ^ u64::from(displacement)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        (moved >> 32) as usize & (self.slots.len() - 1)
    }

    #[inline]
    fn get(&self, hash: u64) -> u32 {
        let slot = self.slots[self.slot(hash, self.displacements[self.bucket(hash)])];
        // arithmetic and no `if`: a branch here would be guessed wrong for every second word
        let other = u32::from((slot ^ hash) & TAG == 0).wrapping_sub(1);
        slot as u32 | other
    }
}

/// Columns by the numbers that features of [`STEP_FAMILIES`] are made of.
#[derive(Clone, Debug)]
struct StepTable {
    /// By family; `None` for one that has too many numbers.
    families: [Option<Steps>; STEP_FAMILIES.len()],
    /// Of all families, one behind the other; for each, row-major with its sizes as shape.
    columns: Vec<u32>,
}

/// Where the columns of one family stand in a [`StepTable`].
#[derive(Clone, Copy, Debug, Default)]
struct Steps {
    first: usize,
    /// One more than the largest number of each part; 1 for parts that the family does not have; 0 for a family without features.
    sizes: [usize; MOST_PARTS],
}

/// Most parts of a feature of [`STEP_FAMILIES`].
const MOST_PARTS: usize = 3;

/// Most numbers of a family that are kept in a table (chosen: some 20 times what the largest family has); one with more of them is
/// looked up by hash.
const MOST_STEPS: usize = 1 << 16;

impl StepTable {
    /// The table of the features with these spellings, in the order of their columns. Of two equal spellings the first counts.
    fn new<'a>(spellings: impl Iterator<Item = &'a str>) -> Self {
        let mut features: Vec<Vec<([usize; MOST_PARTS], u32)>> = vec![Vec::new(); STEP_FAMILIES.len()];
        let known: HashMap<&str, usize> = STEP_FAMILIES
            .iter()
            .enumerate()
            .map(|(at, (name, _))| (*name, at))
            .collect();
        // features of a family stand together
        let mut last = ("", None);
        for (column, spelling) in (0..).zip(spellings) {
            let Some((name, parts)) = spelling.split_once('=') else {
                continue;
            };
            if last.0 != name {
                last = (name, known.get(name).copied());
            }
            if let Some(family) = last.1
                && let Some(steps) = steps_of_spelling(parts, STEP_FAMILIES[family].1)
            {
                features[family].push((steps, column));
            }
        }
        let mut table = Self {
            families: [None; STEP_FAMILIES.len()],
            columns: Vec::new(),
        };
        for (family, features) in table.families.iter_mut().zip(features) {
            let mut sizes = [0; MOST_PARTS];
            for (steps, _) in &features {
                for (size, step) in sizes.iter_mut().zip(steps) {
                    *size = (*size).max(step + 1);
                }
            }
            let [_, second, third] = sizes;
            let count: usize = sizes.iter().product();
            let first = table.columns.len();
            let fits = count <= MOST_STEPS;
            *family = fits.then_some(Steps { first, sizes });
            if !fits {
                continue;
            }
            table.columns.resize(first + count, NO_COLUMN);
            for ([a, b, c], column) in features.into_iter().rev() {
                table.columns[first + (a * second + b) * third + c] = column;
            }
        }
        table
    }

    /// The column of a feature of the family at a place, [`NO_COLUMN`] when it has none; `None` when the table does not have the family.
    #[inline(always)]
    fn get<const PARTS: usize>(&self, family: usize, steps: [usize; PARTS]) -> Option<u32> {
        let Steps { first, sizes } = self.families[family]?;
        let (mut at, mut inside) = (0, true);
        for (step, size) in steps.into_iter().zip(sizes) {
            let step = step.min(NUMBERS.len() - 1);
            inside &= step < size;
            at = at * size + step;
        }
        Some(if inside { self.columns[first + at] } else { NO_COLUMN })
    }
}

/// The numbers of a spelling's parts, if they are this many in the way that [`number_spelling`] writes them; beyond them zeros.
fn steps_of_spelling(parts: &str, count: usize) -> Option<[usize; MOST_PARTS]> {
    let mut steps = [0; MOST_PARTS];
    let mut found = 0;
    for digits in parts.split(' ') {
        let step = digits.parse().ok().filter(|step| *step < NUMBERS.len())?;
        *steps.get_mut(found)? = step;
        // "07" and "+7" are other spellings
        found += usize::from(number(step) == part(digits));
    }
    (found == count).then_some(steps)
}

impl Default for Vocabulary {
    fn default() -> Self {
        Self::from_lines(String::new())
    }
}

impl Vocabulary {
    /// A vocabulary of these spellings; column `i` is the `i`-th of them. Of two equal spellings the first counts.
    ///
    /// # Panics
    /// When the spellings have more than 4 GiB in all, or one holds a line feed.
    pub fn new<S: AsRef<str>>(spellings: impl IntoIterator<Item = S>) -> Self {
        let mut joined = String::new();
        for spelling in spellings {
            assert!(!spelling.as_ref().contains('\n'), "a spelling is one line");
            joined.push_str(spelling.as_ref());
            joined.push('\n');
        }
        Self::from_lines(joined)
    }

    /// A vocabulary of spellings that are each followed by a line feed, as [`Vocabulary::lines`] gives them.
    ///
    /// # Panics
    /// When they have more than 4 GiB in all.
    pub fn from_lines(joined: String) -> Self {
        assert!(u32::try_from(joined.len()).is_ok(), "spellings of at most 4 GiB");
        let ends: Vec<u32> = memchr::memchr_iter(b'\n', joined.as_bytes())
            .map(|at| at as u32)
            .collect();
        let mut start = 0;
        let hashes: Vec<u64> = ends
            .iter()
            .map(|end| {
                let spelling = &joined[start..*end as usize];
                start = *end as usize + 1;
                hash_of_spelling(spelling)
            })
            .collect();
        let mut start = 0;
        let spellings = ends.iter().map(|end| {
            let spelling = &joined[start..*end as usize];
            start = *end as usize + 1;
            spelling
        });
        Self {
            columns: ColumnTable::new(&hashes),
            steps: StepTable::new(spellings),
            joined,
            ends,
        }
    }

    /// Number of columns.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no column.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All spellings in the order of their columns, each followed by a line feed.
    pub fn lines(&self) -> &str {
        &self.joined
    }

    /// Spellings by column.
    pub fn spellings(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|column| self.spelling(column))
    }

    /// The spelling of a column.
    ///
    /// # Panics
    /// When there is no such column.
    pub fn spelling(&self, column: usize) -> &str {
        let start = column.checked_sub(1).map_or(0, |before| self.ends[before] as usize + 1);
        &self.joined[start..self.ends[column] as usize]
    }

    /// The column of a feature hash.
    #[inline]
    pub fn column(&self, hash: u64) -> Option<u32> {
        Some(self.column_or_none(hash)).filter(|column| *column != NO_COLUMN)
    }

    /// The same with [`NO_COLUMN`] for none, for loops without branches.
    #[inline]
    pub fn column_or_none(&self, hash: u64) -> u32 {
        self.columns.get(hash)
    }

    /// The column of the feature of a family with these numbers as parts, [`NO_COLUMN`] for none.
    #[inline(always)]
    pub fn step_column<const PARTS: usize>(&self, family: &Family, steps: [usize; PARTS]) -> u32 {
        let in_table = family
            .steps
            .filter(|place| STEP_FAMILIES[*place].1 == PARTS)
            .and_then(|place| self.steps.get(place, steps));
        in_table.unwrap_or_else(|| self.column_or_none(family.hash_all(steps.map(number))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_found_by_their_names_and_others_are_refused() {
        for group in Group::ALL {
            assert_eq!(Group::parse(group.as_str()).unwrap(), group);
        }
        let message = Group::parse("word").unwrap_err().to_string();
        assert!(
            message.contains("\"word\"") && message.contains("words, characters"),
            "{message}"
        );
    }

    #[test]
    fn a_hash_can_be_computed_from_the_spelling() {
        let family = Family::new("w", Group::Words);
        assert_eq!(
            family.hash2(part("read"), part("more")),
            hash_of_spelling("w=read more")
        );
        assert_eq!(
            family.hash3(part("a"), number(7), number(42)),
            hash_of_spelling("w=a 7 42")
        );
        assert_eq!(
            family.hash1(number(1000)),
            hash_of_spelling(&format!("w={}", number_spelling(1000)))
        );
    }

    #[test]
    fn the_order_of_parts_counts() {
        assert_ne!(hash_of_spelling("w=a b"), hash_of_spelling("w=b a"));
    }

    #[test]
    fn columns_are_found_by_hash() {
        let vocabulary = Vocabulary::new(["w=a", "w=b"]);
        assert_eq!(vocabulary.column(hash_of_spelling("w=b")), Some(1));
        assert_eq!(vocabulary.spellings().collect::<Vec<_>>(), ["w=a", "w=b"]);
        assert_eq!(Vocabulary::from_lines(vocabulary.lines().to_owned()).spelling(1), "w=b");
        assert_eq!(vocabulary.column(hash_of_spelling("w=c")), None);
        assert_eq!(Vocabulary::default().column(hash_of_spelling("w=c")), None);
    }

    #[test]
    fn every_spelling_of_a_large_vocabulary_is_found_and_no_other() {
        let spellings: Vec<String> = (0..50_000).map(|n| format!("w={n} {}", n % 7)).collect();
        let vocabulary = Vocabulary::new(&spellings);
        for (column, spelling) in (0..).zip(&spellings) {
            assert_eq!(
                vocabulary.column(hash_of_spelling(spelling)),
                Some(column),
                "{spelling}"
            );
            assert_eq!(vocabulary.column(hash_of_spelling(&format!("{spelling} x"))), None);
        }
    }

    #[test]
    fn features_of_steps_are_found_by_their_numbers_as_by_their_hash() {
        const SHARED: Family = Family::of_steps("shared+length", Group::Overlap);
        const DISTANCE: Family = Family::of_steps("heading-distance", Group::Heading);
        const LENGTHS: Family = Family::of_steps("lengths", Group::Neighbours);
        const BEFORE: Family = Family::of_steps("before", Group::Neighbours);
        // spellings of no feature, a feature of fewer parts, and a family with too many numbers for a table
        let vocabulary = Vocabulary::new([
            "shared+length=07 1",
            "shared+length=1",
            "shared+length=7 2",
            "shared+length=0 99",
            "shared+length=7 2",
            "shared+length=1 2 3 4",
            "heading-distance=9",
            "heading-distance=3 4",
            "lengths=99 99 99",
            "lengths=0 1 2",
            "w=1 2",
        ]);
        let column = |family: &Family, steps| vocabulary.step_column::<2>(family, steps);
        assert_eq!(column(&SHARED, [7, 2]), 2);
        assert_eq!(column(&SHARED, [0, 99]), 3);
        assert_eq!(column(&SHARED, [0, 1234]), 3);
        assert_eq!(column(&SHARED, [7, 1]), NO_COLUMN);
        assert_eq!(column(&SHARED, [8, 0]), NO_COLUMN);
        assert_eq!(column(&BEFORE, [0, 0]), NO_COLUMN);
        assert_eq!(column(&DISTANCE, [3, 4]), 7);
        assert_eq!(vocabulary.step_column(&DISTANCE, [9]), 6);
        assert_eq!(vocabulary.step_column(&LENGTHS, [99, 99, 99]), 8);
        assert_eq!(vocabulary.step_column(&LENGTHS, [0, 1, 2]), 9);
        for a in 0..100 {
            for b in 0..100 {
                let by_hash = vocabulary.column_or_none(SHARED.hash2(number(a), number(b)));
                assert_eq!(column(&SHARED, [a, b]), by_hash, "{a} {b}");
            }
        }
    }

    #[test]
    fn of_two_equal_spellings_the_first_counts() {
        let vocabulary = Vocabulary::new(["w=b", "w=a", "w=a"]);
        assert_eq!(vocabulary.column(hash_of_spelling("w=a")), Some(1));
    }
}
