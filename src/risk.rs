//! Judged blocks to the highest threshold of `body` that loses no more than a share of its words, with 95 % confidence.
//!
//! The words of one site are lost together, so that a site is one draw and not its words: many words on few sites show little.

use crate::balance::{BodyLoss, LossTable, LossThreshold};
use crate::label::{Label, LabelSet};
use serde::Serialize;
use statrs::function::beta::beta_reg;
use statrs::function::gamma::checked_gamma_lr;
use std::collections::BTreeMap;

/// The confidence of every bound, one-sided.
pub const CONFIDENCE: f64 = 0.95;

/// The losses that a training keeps thresholds for, whatever else is asked for (chosen).
pub const USUAL_LOSSES: [f64; 6] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05];

/// A judged block, as far as the words that are lost go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RiskBlock {
    /// Number of the block's site.
    pub site: u32,
    /// The label that it has.
    pub gold: Label,
    /// Its probability of `body`, 0 to 1, given by models that did not see its site.
    pub probability: f64,
    /// Its length in word units.
    pub words: f64,
}

/// The `body` words of one site.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SiteWords {
    /// Word units of its `body` blocks.
    pub all: f64,
    /// Those of them that are lost, 0 to `all`.
    pub lost: f64,
}

/// What became of the words of one view's blocks under a bound on lost `body` words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LossFigures {
    /// The thresholds in use: one, or one for each group of sites where each was chosen on the sites of the other groups.
    pub thresholds: Vec<f64>,
    /// Number of sites with `body` words.
    pub sites: usize,
    /// Share of the `body` words that are lost, 0 to 1.
    pub lost: f64,
    /// One-sided 95 % upper bound of that share, 0 to 1 ([`upper_bound`]).
    pub upper: f64,
    /// Share of the words of each other label that are kept as `body`, by label name; `None` where there is none.
    pub kept: BTreeMap<String, Option<f64>>,
    /// Whether `lost` is no more than the share that was allowed.
    pub held: bool,
}

/// What a bound on lost `body` words does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LossReport {
    /// The largest share that may be lost.
    pub loss: BodyLoss,
    /// The model's threshold by kind of page (of a training: chosen on all judged pages); without an entry none holds.
    pub thresholds: BTreeMap<String, f64>,
    /// By view; without an entry there is no threshold or no `body` block.
    pub views: BTreeMap<String, LossFigures>,
}

/// One-sided 95 % upper bound of the share of words that are lost on sites like these, 0 to 1; 1 when nothing can be said.
///
/// The bound of Fay and Feuer (1997, "Confidence intervals for directly standardized rates: a method based on the gamma
/// distribution", Statistics in Medicine 16), who carry the exact bound of counts over to sums of unequal weights: the quantile of the
/// gamma distribution with the mean `lost + largest` and the variance `var + largest^2`, over all words. `lost` are the lost words,
/// `largest` those of the site that loses most, and `var` is the variance of `lost` as a ratio estimate linearised over sites, times
/// the squared ratio of the t quantiles for as many and for infinitely many sites, as Korn and Graubard (1998, "Confidence intervals
/// for proportions with small expected number of positive counts estimated from survey data", Survey Methodology 24) have it. When
/// each site is one word it is at least the bound of Clopper and Pearson (1934). When nothing is lost, one site of mean length stands
/// for `largest`: the bound is 3.0 / sites, the rule of three.
///
/// Against the effective sample size of Korn and Graubard it is the wider bound where few sites lose most. Thresholds were chosen 400
/// times on resampled sites of the hand-labelled pages (HTML view, probabilities of the shipped model): of those for 0.5 % 7 % lost
/// more than that on all sites and 11 % with theirs, of those for 1 % 3 % and 7 %, of those for 2 % 2 % and 5 %.
pub fn upper_bound(sites: &[SiteWords]) -> f64 {
    Sums::of(sites).upper_bound()
}

/// The highest threshold from which on blocks can be kept so that the loss of `body` words is at most `loss`, with 95 %
/// confidence; above 0 and up to 1, `None` when no threshold above 0 has it.
///
/// Thresholds are tried from the lowest probability of a `body` block upwards, until the first whose [`upper_bound`] is above
/// `loss`. As the share lost can only rise with the threshold, this order costs no confidence (fixed sequence testing; Angelopoulos,
/// Bates, Candès, Jordan and Lei 2021, "Learn then test", section 3.1).
pub fn highest_threshold<'b>(
    blocks: impl IntoIterator<Item = &'b RiskBlock>,
    body: Label,
    loss: BodyLoss,
) -> Option<f64> {
    let mut sites: BTreeMap<u32, SiteWords> = BTreeMap::new();
    let mut blocks: Vec<&RiskBlock> = blocks.into_iter().filter(|block| is_body(block, body)).collect();
    blocks.sort_by(|a, b| a.probability.total_cmp(&b.probability));
    for block in &blocks {
        sites.entry(block.site).or_default().all += block.words;
    }
    let mut sums = Sums::of(sites.values());
    let mut highest = None;
    for same in blocks.chunk_by(|a, b| a.probability == b.probability) {
        // all blocks below this probability are lost by now
        if !sums.holds(loss) {
            break;
        }
        highest = Some(same[0].probability).filter(|threshold| *threshold > 0.0);
        for block in same {
            let site = sites.entry(block.site).or_default();
            sums.lose(site, block.words);
        }
    }
    highest
}

/// The table of a kind of page that is met in these views: for each loss the smallest of the views' thresholds, as a page may be
/// any of them. A loss for which a view has none is left out; without a view the table is empty.
pub fn loss_table(views: &[Vec<&RiskBlock>], body: Label, losses: &[BodyLoss]) -> LossTable {
    let smallest = |loss: BodyLoss| {
        let found = views
            .iter()
            .map(|blocks| highest_threshold(blocks.iter().copied(), body, loss))
            .collect::<Option<Vec<f64>>>()?;
        let threshold = found.into_iter().reduce(f64::min)?;
        Some(LossThreshold { loss, threshold })
    };
    let mut losses = losses.to_vec();
    losses.sort_by(|a, b| a.share().total_cmp(&b.share()));
    losses.dedup();
    // a larger loss goes at least as far in the same order, so that the rows are a table
    LossTable::new(losses.into_iter().filter_map(smallest).collect()).unwrap_or_default()
}

/// The smallest loss that this many sites can show at all, 0 to 1: the bound when nothing is lost.
pub fn least_loss(sites: usize) -> f64 {
    (-(1.0 - CONFIDENCE).ln() / sites.max(1) as f64).min(1.0)
}

/// Number of sites with `body` words among these blocks.
pub fn body_sites<'b>(blocks: impl IntoIterator<Item = &'b RiskBlock>, body: Label) -> usize {
    let sites: std::collections::BTreeSet<u32> = blocks
        .into_iter()
        .filter(|block| is_body(block, body))
        .map(|block| block.site)
        .collect();
    sites.len()
}

/// What becomes of the words of blocks, each with the threshold that it is kept from; `None` without a `body` word. `thresholds`
/// are told on as they are.
pub fn loss_figures<'b>(
    labels: &LabelSet,
    body: Label,
    loss: BodyLoss,
    blocks: impl IntoIterator<Item = (&'b RiskBlock, f64)>,
    thresholds: Vec<f64>,
) -> Option<LossFigures> {
    let mut sites: BTreeMap<u32, SiteWords> = BTreeMap::new();
    // all words and kept words of each label
    let mut words = vec![(0.0, 0.0); labels.len()];
    for (block, threshold) in blocks {
        let is_kept = block.probability >= threshold;
        if is_body(block, body) {
            let site = sites.entry(block.site).or_default();
            site.all += block.words;
            site.lost += if is_kept { 0.0 } else { block.words };
        }
        let (all, kept) = &mut words[block.gold.index()];
        *all += block.words;
        *kept += if is_kept { block.words } else { 0.0 };
    }
    let sums = Sums::of(sites.values());
    let lost = sums.share()?;
    let kept = labels.iter().filter(|label| *label != body).map(|label| {
        let (all, kept) = words[label.index()];
        (labels.name(label).to_owned(), (all > 0.0).then(|| kept / all))
    });
    Some(LossFigures {
        thresholds,
        sites: sites.len(),
        lost,
        upper: sums.upper_bound(),
        kept: kept.collect(),
        held: lost <= loss.share(),
    })
}

/// Blocks without a word weigh nothing and say nothing of a site.
fn is_body(block: &RiskBlock, body: Label) -> bool {
    block.gold == body && block.words > 0.0
}

/// Sums over sites. Words are halves, so that these are exact, in whatever order words are lost.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    sites: f64,
    all: f64,
    lost: f64,
    all_squared: f64,
    lost_squared: f64,
    all_times_lost: f64,
    /// Most words that one site loses.
    largest: f64,
    /// The t quantile for as many sites over that for infinitely many, 1 or more; `None` for one site, of which nothing follows for others.
    t_ratio: Option<f64>,
}

impl Sums {
    fn of<'s>(sites: impl IntoIterator<Item = &'s SiteWords>) -> Self {
        let mut sums = Self::default();
        for site in sites {
            sums.sites += 1.0;
            sums.all += site.all;
            sums.lost += site.lost;
            sums.all_squared += site.all * site.all;
            sums.lost_squared += site.lost * site.lost;
            sums.all_times_lost += site.all * site.lost;
            sums.largest = sums.largest.max(site.lost);
        }
        sums.t_ratio = (sums.sites >= 2.0).then(|| t_quantile(sums.sites - 1.0) / NORMAL_QUANTILE);
        sums
    }

    /// Counts more words of a site as lost.
    fn lose(&mut self, site: &mut SiteWords, words: f64) {
        let before = site.lost;
        site.lost += words;
        self.lost += words;
        self.lost_squared += site.lost * site.lost - before * before;
        self.all_times_lost += site.all * words;
        self.largest = self.largest.max(site.lost);
    }

    /// Share of the words that are lost, 0 to 1; `None` without a word.
    fn share(&self) -> Option<f64> {
        (self.all > 0.0).then(|| self.lost / self.all)
    }

    /// The variance of the lost words, 0 or more; `None` for a loss on one site.
    fn variance(&self, share: f64) -> Option<f64> {
        if self.lost <= 0.0 {
            return Some(0.0);
        }
        // the sum over sites of (lost - share x all)^2
        let squares = self.lost_squared - 2.0 * share * self.all_times_lost + share * share * self.all_squared;
        let t_ratio = self.t_ratio?;
        Some(t_ratio * t_ratio * self.sites / (self.sites - 1.0) * squares.max(0.0))
    }

    /// The confidence, 0 to 1, with which no more than this share, above 0, is lost on sites like these.
    fn confidence_below(&self, share: f64) -> f64 {
        let Some((found, variance)) = self.share().and_then(|found| Some((found, self.variance(found)?))) else {
            return 0.0;
        };
        if found >= 1.0 {
            return 0.0;
        }
        let largest = if self.lost > 0.0 {
            self.largest
        } else {
            self.all / self.sites
        };
        let mean = self.lost + largest;
        let variance = variance + largest * largest;
        // out of the function's range nothing can be said
        checked_gamma_lr(mean * mean / variance, share * self.all * mean / variance).unwrap_or(0.0)
    }

    fn holds(&self, loss: BodyLoss) -> bool {
        self.confidence_below(loss.share()) >= CONFIDENCE
    }

    fn upper_bound(&self) -> f64 {
        first_where(self.share().unwrap_or(1.0), |share| {
            self.confidence_below(share) >= CONFIDENCE
        })
    }
}

/// The quantile of the normal distribution at [`CONFIDENCE`]: `scipy.stats.norm.ppf(0.95)`.
const NORMAL_QUANTILE: f64 = 1.644_853_626_951_472_2;

/// The quantile of Student's t with these degrees of freedom, above 0, at [`CONFIDENCE`].
fn t_quantile(freedom: f64) -> f64 {
    // freedom / (freedom + t^2) has a beta distribution; statrs' own quantile does not come back from 30 million degrees
    let both_tails = 2.0 * (1.0 - CONFIDENCE);
    let x = first_where(0.0, |x| beta_reg(freedom / 2.0, 0.5, x) >= both_tails);
    (freedom * (1.0 / x - 1.0)).sqrt()
}

/// The smallest number from `low` to 1 for which `holds`, which holds from some number on, to the last bit; 1 if it is none below.
fn first_where(mut low: f64, holds: impl Fn(f64) -> bool) -> f64 {
    let mut high = 1.0;
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return high;
        }
        if holds(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: Label = Label(0);
    const PROMO: Label = Label(1);

    fn loss(share: f64) -> BodyLoss {
        BodyLoss::new(share).unwrap()
    }

    fn near(found: f64, wanted: f64, what: &str) {
        assert!((found / wanted - 1.0).abs() < 1e-4, "{what}: {found} {wanted}");
    }

    #[test]
    fn with_nothing_lost_the_bound_is_the_rule_of_three() {
        // python -c 'from scipy.stats import gamma; print([gamma.ppf(.95, 1) / n for n in (10, 100, 772)])'
        for (sites, wanted) in [(10, 0.29957323), (100, 0.02995732), (772, 0.00388048)] {
            let words: Vec<SiteWords> = (1..=sites).map(|n| site(f64::from(n) * 100.0, 0.0)).collect();
            near(upper_bound(&words), wanted, "sites");
            near(least_loss(words.len()), wanted, "least");
        }
        assert_eq!((least_loss(2), least_loss(0)), (1.0, 1.0));
    }

    /// Of 300 words 12 are lost, and each is a site.
    fn sites_of_one_word() -> Vec<SiteWords> {
        (0..300).map(|n| site(1.0, if n < 12 { 1.0 } else { 0.0 })).collect()
    }

    #[test]
    fn where_each_word_is_a_site_the_bound_is_a_little_above_that_of_clopper_and_pearson() {
        // python -c 'from scipy.stats import beta; print(beta.ppf(.95, 13, 288))'
        let clopper_pearson = 0.06400392;
        let found = upper_bound(&sites_of_one_word());
        assert!(found > clopper_pearson && found < 1.01 * clopper_pearson, "{found}");
    }

    #[test]
    fn quantiles_of_t_are_those_of_scipy() {
        // python -c 'from scipy.stats import t; print([t.ppf(.95, n) for n in (1, 2, 11, 769, 300000, 30000000)])'
        let wanted = [6.31375151, 2.91998558, 1.79588482, 1.64683753, 1.64485871, 1.64485368];
        for (freedom, wanted) in [1.0, 2.0, 11.0, 769.0, 300_000.0, 30_000_000.0].into_iter().zip(wanted) {
            assert!(
                (t_quantile(freedom) / wanted - 1.0).abs() < 1e-6,
                "{freedom}: {}",
                t_quantile(freedom)
            );
        }
    }

    fn site(all: f64, lost: f64) -> SiteWords {
        SiteWords { all, lost }
    }

    #[test]
    fn the_bound_is_that_of_fay_and_feuer() {
        // with numpy, and gamma, norm and t of scipy.stats:
        //   def bound(a, l):
        //       m = len(a); y = l.sum(); x = l.max(); q = t.ppf(.95, m - 1) / norm.ppf(.95)
        //       v = q**2 * m / (m - 1) * ((l - y / a.sum() * a)**2).sum() + x**2
        //       return gamma.ppf(.95, (y + x)**2 / v, scale=v / (y + x)) / a.sum()
        //   bound(array([400, 250.5, 900, 120, 610]), array([0, 10, 3.5, 0, 21])); bound(ones(300), array([1] * 12 + [0] * 288))
        let sites = [
            site(400.0, 0.0),
            site(250.5, 10.0),
            site(900.0, 3.5),
            site(120.0, 0.0),
            site(610.0, 21.0),
        ];
        near(upper_bound(&sites), 0.05226306, "five sites");
        near(upper_bound(&sites_of_one_word()), 0.06447979, "300 words");
    }

    #[test]
    fn losses_that_stand_together_widen_the_bound() {
        let spread: Vec<SiteWords> = (0..100)
            .map(|n| site(1000.0, if n % 2 == 0 { 8.0 } else { 12.0 }))
            .collect();
        let together: Vec<SiteWords> = (0..100)
            .map(|n| site(1000.0, if n < 2 { 500.0 } else { 0.0 }))
            .collect();
        let (spread, together) = (upper_bound(&spread), upper_bound(&together));
        assert!(spread < 0.0115 && together > 0.025, "{spread} {together}");
    }

    #[test]
    fn more_words_on_as_many_sites_do_not_narrow_the_bound_and_more_sites_do() {
        let sites = |count: usize, words: f64| -> Vec<SiteWords> {
            (0..count)
                .map(|n| site(words, if n % 10 == 0 { words / 20.0 } else { 0.0 }))
                .collect()
        };
        near(
            upper_bound(&sites(100, 5000.0)),
            upper_bound(&sites(100, 500.0)),
            "words",
        );
        assert!(upper_bound(&sites(400, 500.0)) < 0.9 * upper_bound(&sites(100, 500.0)));
    }

    #[test]
    fn one_more_loss_as_large_as_the_largest_is_always_possible() {
        // the same share on all sites has no variance: bound(array([4] * 10), array([.4] * 10)) as above
        near(upper_bound(&[site(4.0, 0.4); 10]), 0.12694893, "ten sites");
    }

    #[test]
    fn one_site_with_a_loss_no_word_or_all_lost_show_nothing() {
        assert_eq!(upper_bound(&[site(1000.0, 1.0)]), 1.0);
        assert_eq!(upper_bound(&[]), 1.0);
        assert_eq!(upper_bound(&[site(10.0, 10.0), site(20.0, 20.0)]), 1.0);
    }

    /// One block of 100 words on each site, with these probabilities.
    fn blocks(probabilities: impl IntoIterator<Item = f64>) -> Vec<RiskBlock> {
        let block = |(site, probability)| RiskBlock {
            site,
            gold: BODY,
            probability,
            words: 100.0,
        };
        (0..).zip(probabilities).map(block).collect()
    }

    #[test]
    fn the_threshold_is_the_highest_whose_bound_is_within_the_loss() {
        // of 1,000 sites k are lost whole: the largest k whose bound is at most 1 % is 4 (0.915 % and 1.051 % by `bound` as above)
        let blocks = blocks((1..=1000).map(|n| f64::from(n) / 1000.0));
        let threshold = highest_threshold(&blocks, BODY, loss(0.01)).unwrap();
        let lost = blocks.iter().filter(|block| block.probability < threshold).count();
        assert_eq!((lost, threshold), (4, 0.005));
        let bound = |lost: usize| {
            let sites: Vec<SiteWords> = (0..1000)
                .map(|n| site(100.0, if n < lost { 100.0 } else { 0.0 }))
                .collect();
            upper_bound(&sites)
        };
        assert!(bound(4) <= 0.01 && bound(5) > 0.01);
    }

    #[test]
    fn blocks_of_equal_probability_are_lost_together() {
        let blocks = blocks((0..1000).map(|n| {
            if n < 3 {
                0.1
            } else if n < 30 {
                0.2
            } else {
                0.3
            }
        }));
        assert_eq!(highest_threshold(&blocks, BODY, loss(0.01)), Some(0.2));
    }

    #[test]
    fn the_same_losses_on_few_sites_give_a_lower_threshold() {
        let apart = blocks((1..=1000).map(|n| f64::from(n) / 1000.0));
        let mut together = apart.clone();
        // four sites have the hundred least likely blocks
        together
            .iter_mut()
            .take(100)
            .for_each(|block| block.site = 2000 + block.site % 4);
        let threshold = |blocks: &[RiskBlock]| highest_threshold(blocks, BODY, loss(0.05)).unwrap();
        assert!(
            threshold(&together) < 0.8 * threshold(&apart),
            "{} {}",
            threshold(&together),
            threshold(&apart)
        );
    }

    #[test]
    fn the_search_ends_at_the_first_threshold_that_fails() {
        // with nothing lost 100 sites show 3 %; one word of one site lost shows less, and is behind the threshold that failed
        let mut all = blocks((0..100).map(|_| 0.9));
        all.push(RiskBlock {
            words: 1.0,
            probability: 0.1,
            ..all[0]
        });
        let one_word: Vec<SiteWords> = (0..100)
            .map(|n| if n == 0 { site(101.0, 1.0) } else { site(100.0, 0.0) })
            .collect();
        assert!(upper_bound(&one_word) < 0.001);
        assert_eq!(highest_threshold(&all, BODY, loss(0.02)), None);
        assert_eq!(highest_threshold(&all, BODY, loss(0.03)), Some(0.9));
    }

    #[test]
    fn too_few_sites_have_no_threshold() {
        let blocks = blocks((1..=50).map(|n| f64::from(n) / 100.0));
        assert!(least_loss(50) > 0.05 && least_loss(50) < 0.06);
        assert_eq!(highest_threshold(&blocks, BODY, loss(0.05)), None);
        assert_eq!(highest_threshold(&blocks, BODY, loss(0.06)), Some(0.01));
        assert_eq!(highest_threshold(&[], BODY, loss(0.5)), None);
    }

    #[test]
    fn a_threshold_of_zero_is_none() {
        let certain = blocks((0..1000).map(|n| if n < 900 { 0.0 } else { 1.0 }));
        assert_eq!(highest_threshold(&certain, BODY, loss(0.01)), None);
    }

    #[test]
    fn only_body_blocks_with_words_count() {
        let mut all = blocks((1..=1000).map(|n| f64::from(n) / 1000.0));
        let alone = highest_threshold(&all, BODY, loss(0.01));
        let site = 5000;
        all.push(RiskBlock {
            site,
            gold: PROMO,
            probability: 0.0001,
            words: 9000.0,
        });
        all.push(RiskBlock {
            site,
            gold: BODY,
            probability: 0.0002,
            words: 0.0,
        });
        assert_eq!(highest_threshold(&all, BODY, loss(0.01)), alone);
        assert_eq!(body_sites(&all, BODY), 1000);
    }

    #[test]
    fn a_kind_takes_the_smaller_threshold_of_its_views_and_leaves_out_what_one_lacks() {
        let many = blocks((1..=1000).map(|n| f64::from(n) / 1000.0));
        let few = blocks((1..=100).map(|n| f64::from(n) / 100.0));
        let views: [Vec<&RiskBlock>; 2] = [many.iter().collect(), few.iter().collect()];
        let losses = [0.2, 0.01, 0.2].map(loss);
        let table = loss_table(&views, BODY, &losses);
        let of = |blocks| highest_threshold(blocks, BODY, loss(0.2)).unwrap();
        assert_eq!(
            table.rows().len(),
            1,
            "0.01 needs more than 100 sites, and 0.2 stands once"
        );
        assert_eq!(table.rows()[0].threshold, of(&many).min(of(&few)));
        assert_ne!(of(&many), of(&few));
        assert_eq!(loss_table(&views[..1], BODY, &losses).rows().len(), 2);
        assert!(loss_table(&[], BODY, &losses).is_empty());
    }

    #[test]
    fn figures_tell_what_is_lost_kept_and_whether_it_held() {
        let labels = LabelSet::new(["body", "promo", "other"]).unwrap();
        let block = |site, gold, probability, words| RiskBlock {
            site,
            gold,
            probability,
            words,
        };
        let blocks = [
            block(0, BODY, 0.9, 90.0),
            block(1, BODY, 0.2, 10.0),
            block(1, PROMO, 0.3, 30.0),
            block(2, PROMO, 0.1, 10.0),
        ];
        let figures = |share: f64, threshold: f64| {
            let blocks = blocks.iter().map(|block| (block, threshold));
            loss_figures(&labels, BODY, loss(share), blocks, vec![threshold])
        };
        let found = figures(0.1, 0.3).unwrap();
        assert_eq!((found.lost, found.sites, found.held), (0.1, 2, true));
        assert_eq!(found.kept["promo"], Some(0.75));
        assert_eq!(found.kept["other"], None);
        assert!(found.upper > 0.1 && found.upper <= 1.0 && !found.kept.contains_key("body"));
        assert!(!figures(0.09, 0.3).unwrap().held);
        assert_eq!(figures(0.09, 0.2).unwrap().lost, 0.0);
        let none = loss_figures(
            &labels,
            BODY,
            loss(0.1),
            blocks[2..].iter().map(|block| (block, 0.5)),
            vec![0.5],
        );
        assert_eq!(none, None);
    }
}
