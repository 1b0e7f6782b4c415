//! How many hosts each batch of a stage has, before `spread` is applied. Integer arithmetic only.

use crate::amount::Amount;

/// The batch sizes of a stage in hosts; the last repeats. Never empty, none is zero.
///
/// A percentage counts from all hosts of the stage, the canary included. It is rounded down and gives at least 1.
pub(super) fn sizes(batch: &[Amount], total: usize) -> Vec<usize> {
    let sizes: Vec<usize> = batch.iter().map(|amount| amount.of_at_least_one(total)).collect();
    if sizes.is_empty() { vec![1] } else { sizes }
}

/// The size of batch `index`, counted from 0 after the canary.
pub(super) fn at(sizes: &[usize], index: usize) -> usize {
    sizes.get(index).or(sizes.last()).copied().unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_of_the_stage_and_the_last_size_repeats() {
        let amounts = [Amount::Count(1), Amount::Percent(25), Amount::Percent(1)];
        let sizes = sizes(&amounts, 10);
        assert_eq!(sizes, [1, 2, 1]);
        assert_eq!((at(&sizes, 1), at(&sizes, 2), at(&sizes, 99)), (2, 1, 1));
        assert_eq!((super::sizes(&[], 10), at(&[], 0)), (vec![1], 1));
    }
}
