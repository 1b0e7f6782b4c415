//! Reads a mapping key by key and reports everything that is wrong with it at once.

use super::{Key, Node, Problems, Span, Value};

/// A mapping that is being read. Every key that the caller takes is a known key; [`MapReader::finish`] reports the
/// others.
///
/// ```
/// # use patchwave::yaml::{parse, read, MapReader, Problems, Source};
/// let node = parse(Source::new("a.yml", "soak: 5m\nserail: 1\n")).unwrap();
/// let mut problems = Problems::default();
/// let mut map = MapReader::new(&node, "a stage", &mut problems).unwrap();
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
    known: Vec<&'static str>,
}

impl<'n, 'p> MapReader<'n, 'p> {
    /// Starts to read `node`, which is `what` ("a stage"). No value (`key:` alone) is an empty mapping; anything else
    /// that is not a mapping is a problem and gives `None`.
    pub fn new(node: &'n Node, what: &'n str, problems: &'p mut Problems) -> Option<Self> {
        let entries: &[(Key, Node)] = match &node.value {
            Value::Map(entries) if node.tag.is_none() => entries,
            Value::Null => &[],
            _ => {
                problems.expected(&format!("a mapping ({what})"), node);
                return None;
            }
        };
        let taken = vec![false; entries.len()];
        Some(Self { problems, what, span: &node.span, entries, taken, known: Vec::new() })
    }

    /// The value of `key`, which counts as known from now on.
    pub fn take(&mut self, key: &'static str) -> Option<&'n Node> {
        self.take_entry(key).map(|(_, node)| node)
    }

    /// As [`MapReader::take`], with the key and its place.
    pub fn take_entry(&mut self, key: &'static str) -> Option<(&'n Key, &'n Node)> {
        self.known.push(key);
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

    /// Declares a key as known without reading it.
    pub fn allow(&mut self, key: &'static str) {
        self.take_entry(key);
    }

    /// Reports every key that was not taken, with the nearest known one, or all known ones when none is near.
    pub fn finish(self) {
        self.finish_with(|_| None);
    }

    /// As [`MapReader::finish`]; `instead` says what to write for keys that people know from elsewhere.
    pub fn finish_with(self, instead: impl Fn(&str) -> Option<String>) {
        for ((key, _), _) in self.entries.iter().zip(&self.taken).filter(|(_, taken)| !**taken) {
            let message = format!("unknown key `{}` in {}", key.text, self.what);
            if let Some(help) = instead(&key.text) {
                self.problems.at(&key.span, message).help(help);
                continue;
            }
            match nearest(&key.text, self.known.iter().copied()) {
                Some(near) => {
                    self.problems.at(&key.span, format!("{message}; did you mean `{near}`?"));
                }
                None => self.problems.at(&key.span, message).help(format!("known keys: {}", self.known.join(", "))),
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
