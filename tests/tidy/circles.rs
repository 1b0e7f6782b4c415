//! Files that use each other in a circle: at most three, so that a reader of one of them need not read them all.
//! Imports are followed through `pub use` to the file that has the item.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    exceptions::{but_for, room},
    house::House,
    source::{CodePath, Source},
};

const LARGEST: usize = 3;

pub const CIRCLES: &str = "circles: three files at most";

pub fn small_circles(house: &House) -> Vec<String> {
    let files: Files = house.program().map(|source| (source.module.clone(), source)).collect();
    let edges: BTreeMap<&str, BTreeSet<&str>> =
        files.values().map(|source| (source.path.as_str(), used_by(source, &files))).collect();
    let found = circles(&edges).into_iter().filter(|circle| circle.len() > LARGEST).map(|circle| {
        let said = format!(
            "{}:1: {} files use each other in a circle, {LARGEST} are enough: {}; what they share belongs to a file below \
             them",
            circle[0],
            circle.len(),
            circle.join(", ")
        );
        (room(circle[0]).to_owned(), said)
    });
    but_for(CIRCLES, house.exceptions, found.collect())
}

type Files<'a> = BTreeMap<Vec<String>, &'a Source>;

/// The files that one file uses. An item that it only re-exports (`pub use`) is not used by it.
fn used_by<'a>(source: &'a Source, files: &Files<'a>) -> BTreeSet<&'a str> {
    // A single word is a variable, or `mod NAME;`.
    let paths = source.paths.iter().filter(|path| path.passed_on.is_none() && path.segments.len() > 1);
    let used = paths.filter_map(|path| Some(owner(absolute(source, path, files)?, files)?.path.as_str()));
    used.filter(|path| *path != source.path).collect()
}

/// A path from the crate's root, if it goes into the crate.
fn absolute(source: &Source, path: &CodePath, files: &Files<'_>) -> Option<Vec<String>> {
    let first = path.segments[0].as_str();
    let rest = |from: usize| path.segments[from..].iter().cloned();
    match first {
        "crate" => Some(rest(1).collect()),
        "self" | "super" => {
            let ups = path.segments.iter().take_while(|segment| *segment == "super").count();
            let kept = (source.module.len() + path.inline).checked_sub(ups)?.min(source.module.len());
            let from = path.segments.iter().take_while(|s| ["self", "super"].contains(&s.as_str())).count();
            Some(source.module[..kept].iter().cloned().chain(rest(from)).collect())
        }
        _ => {
            let child = [&source.module[..], &path.segments[..1]].concat();
            files.contains_key(&child).then(|| source.module.iter().cloned().chain(rest(0)).collect())
        }
    }
}

/// The file with the item that the path names.
fn owner<'a>(mut path: Vec<String>, files: &Files<'a>) -> Option<&'a Source> {
    // Each round follows one `use`; a chain of them is short.
    for _ in 0..8 {
        let deepest = (0..=path.len()).rev().find(|n| files.contains_key(&path[..*n]))?;
        let file = files[&path[..deepest]];
        let Some(next) = path.get(deepest) else { return Some(file) };
        let named = |import: &&CodePath| import.imported && import.name.as_ref() == Some(next) && import.inline == 0;
        let Some(import) = file.paths.iter().find(named) else { return Some(file) };
        let Some(mut further) = absolute(file, import, files) else { return Some(file) };
        further.extend(path[deepest + 1..].iter().cloned());
        if further == path {
            return Some(file);
        }
        path = further;
    }
    None
}

/// Strongly connected files: each circle, with the list of its files in order.
fn circles<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<Vec<&'a str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = edges.keys().map(|from| (*from, reach(from, edges))).collect();
    let mut done = BTreeSet::new();
    let mut found = Vec::new();
    for &file in edges.keys() {
        let circle: Vec<&str> = reached[file]
            .iter()
            .copied()
            .filter(|other| reached.get(other).is_some_and(|r| r.contains(file)))
            .collect();
        if circle.len() > 1 && done.insert(circle.clone()) {
            found.push(circle);
        }
    }
    found
}

fn reach<'a>(from: &str, edges: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = edges.get(from).into_iter().flatten().copied().collect();
    while let Some(file) = open.pop() {
        if reached.insert(file) {
            open.extend(edges.get(file).into_iter().flatten());
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        small_circles(&House::of_files(files))
    }

    #[test]
    fn a_circle_of_four_is_seen_through_re_exports() {
        let four = [
            (
                "src/a/mod.rs",
                "mod one;\nmod two;\nmod three;\nmod four;\npub use one::One;\npub use four::{Four as Last};",
            ),
            ("src/a/one.rs", "use super::two::f;"),
            ("src/a/two.rs", "use crate::a::three;"),
            ("src/a/three.rs", "fn f() { super::Last::new() }"),
            ("src/a/four.rs", "use super::One;"),
        ];
        let said = found(&four);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("4 files use each other in a circle") && !said[0].contains("mod.rs"), "{said:?}");
        // Without one of the arrows there is no circle.
        for n in 1..5 {
            let mut open = four;
            open[n].1 = "";
            assert_eq!(found(&open), [""; 0], "{n}");
        }
    }

    #[test]
    fn a_mod_that_has_something_is_part_of_the_circle() {
        let files = [
            ("src/a/mod.rs", "mod one;\nmod two;\nmod three;\npub struct Thing;\nfn f() { one::f() }"),
            ("src/a/one.rs", "use super::{two, Thing};"),
            ("src/a/two.rs", "use super::three;"),
            ("src/a/three.rs", "use super::Thing;"),
        ];
        assert!(found(&files)[0].contains("src/a/mod.rs, src/a/one.rs, src/a/three.rs, src/a/two.rs"));
    }
}
