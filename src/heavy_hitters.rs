//! A stream of names with weights to the names that weigh most, in memory that does not grow with the stream.
//!
//! A name that was let go and comes back begins anew: what it weighs is known to lie between two bounds, and only what was added since
//! is known of its value.

use std::collections::{BTreeSet, HashMap};

/// A name with what is known of its weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeavyHitter<V> {
    /// The name as it was first spelled since it is kept.
    pub name: String,
    /// The least that it can weigh in all: what was added since it is kept.
    pub at_least: u64,
    /// The most that it can weigh in all.
    pub at_most: u64,
    /// What the caller adds up for it, since it is kept.
    pub value: V,
}

/// The heaviest names of a stream: Space-Saving (Metwally, Agrawal and El Abbadi 2005, "Efficient computation of frequent and top-k
/// elements in data streams", ICDT 2005, section 3), for weights that are any whole numbers.
///
/// As many names as the capacity are kept. When a new one comes and all places are taken, the one with the least `at_most` goes, and the
/// new one may have weighed that much before. So no name that weighs more than all weights by the capacity is ever missing, and no
/// `at_most` is further than that above the true weight. The same stream gives the same names and numbers.
#[derive(Clone, Debug)]
pub struct HeavyHitters<V> {
    capacity: usize,
    places: Vec<HeavyHitter<V>>,
    /// Key of each place.
    keys: Vec<u128>,
    place_of: HashMap<u128, usize>,
    /// `at_most` and number of each place, the first to go first.
    lightest: BTreeSet<(u64, usize)>,
    has_let_go: bool,
}

impl<V: Default> HeavyHitters<V> {
    /// Keeps this many names.
    ///
    /// # Panics
    /// When `capacity` is 0.
    pub fn new(capacity: usize) -> Self {
        assert!(capacity > 0, "a summary of no names");
        Self {
            capacity,
            places: Vec::new(),
            keys: Vec::new(),
            place_of: HashMap::new(),
            lightest: BTreeSet::new(),
            has_let_go: false,
        }
    }

    /// Adds weight to the name with this key, a hash of what makes names the same; gives its value, to add to.
    pub fn add(&mut self, key: u128, name: &str, weight: u64) -> &mut V {
        let place = match self.place_of.get(&key) {
            Some(place) => *place,
            None => self.take_in(key, name),
        };
        let hitter = &mut self.places[place];
        self.lightest.remove(&(hitter.at_most, place));
        hitter.at_least += weight;
        hitter.at_most += weight;
        self.lightest.insert((hitter.at_most, place));
        &mut hitter.value
    }

    fn take_in(&mut self, key: u128, name: &str) -> usize {
        let mut hitter = HeavyHitter {
            name: name.to_owned(),
            at_least: 0,
            at_most: 0,
            value: V::default(),
        };
        let place = match self.lightest.first() {
            Some(&(at_most, place)) if self.places.len() == self.capacity => {
                self.has_let_go = true;
                hitter.at_most = at_most;
                self.place_of.remove(&self.keys[place]);
                self.keys[place] = key;
                self.places[place] = hitter;
                place
            }
            Some(_) | None => {
                self.keys.push(key);
                self.places.push(hitter);
                self.places.len() - 1
            }
        };
        self.place_of.insert(key, place);
        place
    }
}

impl<V> HeavyHitters<V> {
    /// How many names are kept at most.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many names are kept.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The most that a name can weigh that is not kept; 0 as long as all are.
    pub fn others_at_most(&self) -> u64 {
        match self.lightest.first() {
            Some((at_most, _)) if self.has_let_go => *at_most,
            Some(_) | None => 0,
        }
    }

    /// The names that weigh most for certain, by `at_least`, at most this many; of equals the one with the larger `at_most`, then the
    /// first by spelling.
    pub fn heaviest(&self, most: usize) -> Vec<&HeavyHitter<V>> {
        let mut hitters: Vec<&HeavyHitter<V>> = self.places.iter().collect();
        hitters.sort_by(|a, b| {
            let by_weight = (b.at_least, b.at_most).cmp(&(a.at_least, a.at_most));
            by_weight.then_with(|| a.name.cmp(&b.name))
        });
        hitters.truncate(most);
        hitters
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn summary(capacity: usize, stream: &[(u8, u64)]) -> HeavyHitters<u64> {
        let mut summary = HeavyHitters::new(capacity);
        for (name, weight) in stream {
            *summary.add(u128::from(*name), &name.to_string(), *weight) += 1;
        }
        summary
    }

    #[test]
    fn a_summary_with_room_for_all_names_is_exact() {
        let summary = summary(3, &[(1, 2), (2, 5), (1, 4), (3, 5)]);
        let found: Vec<_> = summary
            .heaviest(9)
            .into_iter()
            .map(|hitter| (&hitter.name[..], hitter.at_least, hitter.value))
            .collect();
        // of the equals the first by spelling
        assert_eq!(found, [("1", 6, 2), ("2", 5, 1), ("3", 5, 1)]);
        assert!(
            summary
                .heaviest(9)
                .iter()
                .all(|hitter| hitter.at_least == hitter.at_most)
        );
        assert_eq!((summary.others_at_most(), summary.len()), (0, 3));
        assert_eq!(summary.heaviest(1).len(), 1);
    }

    #[test]
    fn the_lightest_name_makes_room_and_its_weight_is_what_the_new_one_may_have_had() {
        let summary = summary(2, &[(1, 7), (2, 3), (3, 1)]);
        let new = summary.heaviest(2)[1].clone();
        let wanted = HeavyHitter {
            name: "3".to_owned(),
            at_least: 1,
            at_most: 4,
            value: 1,
        };
        assert_eq!((new, summary.others_at_most()), (wanted, 4));
    }

    #[test]
    fn a_name_that_comes_back_begins_anew() {
        let summary = summary(1, &[(1, 5), (2, 1), (1, 1)]);
        let back = summary.heaviest(1)[0];
        assert_eq!(
            (&back.name[..], back.at_least, back.at_most, back.value),
            ("1", 1, 7, 1)
        );
    }

    #[test]
    fn a_name_keeps_its_first_spelling() {
        let mut summary: HeavyHitters<()> = HeavyHitters::new(1);
        summary.add(1, "Read more", 1);
        summary.add(1, "READ MORE", 1);
        assert_eq!(summary.heaviest(1)[0].name, "Read more");
    }

    proptest! {
        #[test]
        fn bounds_hold_and_no_heavy_name_is_missing(
            stream in proptest::collection::vec((0u8..20, 0u64..9), 0..300),
            capacity in 1usize..24,
        ) {
            let summary = summary(capacity, &stream);
            let mut weights: BTreeMap<String, u64> = BTreeMap::new();
            for (name, weight) in &stream {
                *weights.entry(name.to_string()).or_default() += weight;
            }
            let all: u64 = weights.values().sum();
            let mut kept = BTreeMap::new();
            for hitter in summary.heaviest(capacity) {
                let weight = weights[&hitter.name];
                prop_assert!(hitter.at_least <= weight && weight <= hitter.at_most);
                prop_assert!((hitter.at_most - weight) * capacity as u64 <= all);
                kept.insert(&hitter.name, ());
            }
            for (name, weight) in &weights {
                let is_kept = kept.contains_key(name);
                prop_assert!(is_kept || (*weight <= summary.others_at_most() && *weight * capacity as u64 <= all));
            }
        }
    }
}
