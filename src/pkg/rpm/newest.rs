//! The pending updates by name: what a manager would bring, and behind it the newest version that it cannot install.

use std::{cmp::Ordering, collections::BTreeMap};

use super::version::compare;
use crate::pkg::{Stays, Update};

/// Updates by the name of their package.
#[derive(Debug, Default)]
pub(in crate::pkg) struct Newest {
    /// `true`: it cannot be installed, and an older one, which has the same name here and `false`, can.
    updates: BTreeMap<(String, bool), Update>,
}

impl Newest {
    /// The manager would bring this.
    pub(in crate::pkg) fn brings(&mut self, update: Update) {
        self.updates.insert((update.name.clone(), false), update);
    }

    /// A source has this version, which is newer than `own`, the installed one. `describe` makes the update of it with
    /// what is new above the version that it is given.
    pub(in crate::pkg) fn offers(&mut self, key: &str, version: &str, own: &str, describe: impl Fn(&str) -> Update) {
        let brought = self.updates.get(&(key.to_owned(), false)).filter(|known| known.stays != Some(Stays::KeptBack));
        let slot = (key.to_owned(), brought.is_some());
        let above = brought.map_or(own, |brought| &brought.to);
        let most = self.updates.get(&slot).map_or(above, |known| &known.to);
        if compare(version, most) != Ordering::Greater {
            return;
        }
        let update = Update { from: Some(own.to_owned()), stays: Some(Stays::KeptBack), ..describe(above) };
        self.updates.insert(slot, update);
    }

    /// All of them, by name.
    pub(in crate::pkg) fn all(self) -> Vec<Update> {
        self.updates.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(brings: &[&str], offers: &[&str]) -> Vec<String> {
        let mut newest = Newest::default();
        for to in brings {
            newest.brings(Update::new("a", Some("1".into()), *to));
        }
        for version in offers {
            newest.offers("a", version, "1", |above| Update::new("a", Some(above.to_owned()), *version));
        }
        let word = |update: Update| {
            let from = update.from.unwrap_or_default();
            format!("{from}-{}{}", update.to, if update.stays.is_some() { " stays" } else { "" })
        };
        newest.all().into_iter().map(word).collect()
    }

    #[test]
    fn the_newest_version_is_named_also_where_an_older_one_is_taken() {
        assert_eq!(check(&["2"], &["2"]), ["1-2"]);
        assert_eq!(check(&[], &["2", "3", "2.5"]), ["1-3 stays"]);
        assert_eq!(check(&["2"], &["4", "2", "3", "1.5"]), ["1-2", "1-4 stays"]);
    }
}
