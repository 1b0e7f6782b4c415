//! Reads a mapping key by key and reports everything that is wrong with it at once.

use super::{Key, Node, Problems, Span, Value, shape::Table};

/// A mapping that is being read. Its table has the known keys; [`MapReader::finish`] reports the others. A key that is
/// taken is in the table, and every key of the table is taken: debug builds check both.
///
/// ```
/// # use patchwave::yaml::{parse, read, MapReader, Problems, Source};
/// # use patchwave::yaml::shape::{DURATION, Key, Shape, Table};
/// static STAGE: Table = Table::new(
///     "a stage",
///     &[&[Key::new("soak", DURATION, "How long to wait."), Key::new("serial", Shape::Whole(0, 9), "How many.")]],
/// );
/// let node = parse(Source::new("a.yml", "soak: 5m\nserail: 1\n")).unwrap();
/// let mut problems = Problems::default();
/// let mut map = MapReader::new(&node, &STAGE, &mut problems).unwrap();
/// let soak = map.read("soak", read::duration);
/// let serial = map.read("serial", read::u32);
/// map.finish();
/// assert_eq!((soak.unwrap().as_secs(), serial), (300, None));
/// assert!(problems.to_string().contains("unknown key `serail` in a stage; did you mean `serial`?"));
/// ```
#[derive(Debug)]
pub struct MapReader<'n, 'p> {
    /// Where problems go.
    pub problems: &'p mut Problems,
    what: &'n str,
    span: &'n Span,
    entries: &'n [(Key, Node)],
    taken: Vec<bool>,
    table: &'static Table,
    /// The keys that were asked for, in debug builds.
    asked: Vec<&'static str>,
}

impl<'n, 'p> MapReader<'n, 'p> {
    /// Starts to read `node` by its table. No value (`key:` alone) is an empty mapping; anything else that is not a
    /// mapping is a problem and gives `None`.
    pub fn new(node: &'n Node, table: &'static Table, problems: &'p mut Problems) -> Option<Self> {
        Self::named(node, table.what, table, problems)
    }

    /// As [`MapReader::new`], with a more exact name for what it is.
    pub fn named(node: &'n Node, what: &'n str, table: &'static Table, problems: &'p mut Problems) -> Option<Self> {
        let entries: &[(Key, Node)] = match &node.value {
            Value::Map(entries) if node.tag.is_none() => entries,
            Value::Null => &[],
            _ => {
                problems.expected(&format!("a mapping ({what})"), node);
                return None;
            }
        };
        let taken = vec![false; entries.len()];
        Some(Self { problems, what, span: &node.span, entries, taken, table, asked: Vec::new() })
    }

    /// The value of `key`.
    pub fn take(&mut self, key: &'static str) -> Option<&'n Node> {
        self.take_entry(key).map(|(_, node)| node)
    }

    /// As [`MapReader::take`], with the key and its place.
    pub fn take_entry(&mut self, key: &'static str) -> Option<(&'n Key, &'n Node)> {
        if cfg!(debug_assertions) {
            assert!(self.table.key(key).is_some(), "the table of {} has no key `{key}`", self.table.what);
            self.asked.push(key);
        }
        let at = self.entries.iter().position(|(k, _)| k.text == key)?;
        self.taken[at] = true;
        let (key, node) = &self.entries[at];
        Some((key, node))
    }

    /// The value of `key`, read by `reader`. `None` when it is absent or wrong; what is wrong is reported.
    pub fn read<T>(
        &mut self,
        key: &'static str,
        reader: impl FnOnce(&'n Node, &mut Problems) -> Option<T>,
    ) -> Option<T> {
        let node = self.take(key)?;
        reader(node, self.problems)
    }

    /// As [`MapReader::read`]; an absent key is a problem.
    pub fn need<T>(
        &mut self,
        key: &'static str,
        reader: impl FnOnce(&'n Node, &mut Problems) -> Option<T>,
    ) -> Option<T> {
        let Some(node) = self.take(key) else {
            self.problems.at(self.span, format!("{} needs the key `{key}`", self.what));
            return None;
        };
        reader(node, self.problems)
    }

    /// Takes every key of the table: their values are read elsewhere.
    pub fn take_all(&mut self) {
        for key in self.table.all() {
            self.take_entry(key.name);
        }
    }

    /// Reports every key that was not taken, with the nearest known one, or all known ones when none is near.
    pub fn finish(self) {
        self.finish_with(|_| None);
    }

    /// As [`MapReader::finish`]; `instead` says what to write for keys that people know from elsewhere.
    pub fn finish_with(self, instead: impl Fn(&str) -> Option<String>) {
        if cfg!(debug_assertions) {
            let forgotten: Vec<&str> =
                self.table.all().map(|key| key.name).filter(|name| !self.asked.contains(name)).collect();
            assert!(forgotten.is_empty(), "nothing reads {forgotten:?} of {}", self.table.what);
        }
        let known = || self.table.all().map(|key| key.name);
        for ((key, _), _) in self.entries.iter().zip(&self.taken).filter(|(_, taken)| !**taken) {
            let message = format!("unknown key `{}` in {}", key.text, self.what);
            if let Some(help) = instead(&key.text) {
                self.problems.at(&key.span, message).help(help);
                continue;
            }
            match nearest(&key.text, known()) {
                Some(near) => {
                    self.problems.at(&key.span, format!("{message}; did you mean `{near}`?"));
                }
                None => self
                    .problems
                    .at(&key.span, message)
                    .help(format!("known keys: {}", known().collect::<Vec<_>>().join(", "))),
            }
        }
    }
}

/// The candidate that a mistyped `word` most likely means.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let longest = |candidate: &str| word.chars().count().max(candidate.chars().count());
    nearest_within(word, candidates, |candidate| (longest(candidate) / 3).clamp(1, 4))
}

/// The same, with at most this number of typos for a candidate, four or fewer.
pub fn nearest_within<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
    most: impl Fn(&str) -> usize,
) -> Option<&'c str> {
    // Long words are not typos, and the distance is quadratic.
    if word.len() > 80 {
        return None;
    }
    let near = |candidate: &str| {
        let distance = strsim::osa_distance(&word.to_lowercase(), &candidate.to_lowercase());
        (distance <= most(candidate)).then_some(distance)
    };
    let length = word.len();
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(length) <= 4)
        .filter_map(|candidate| Some((near(candidate)?, candidate)))
        .min()
        .map(|(_, candidate)| candidate)
}
