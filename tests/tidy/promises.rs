//! What `docs/design/promises.md` names must exist: a promise needs its mechanism and its test.

use crate::house::House;

const PAGE: &str = "docs/design/promises.md";

pub fn kept(house: &House) -> Vec<String> {
    let Some((_, page)) = house.others.iter().find(|(path, _)| path == PAGE) else { return Vec::new() };
    let files: Vec<(&String, &String)> = house
        .sources
        .iter()
        .map(|source| (&source.path, &source.text))
        .chain(house.others.iter().map(|(path, text)| (path, text)))
        .collect();
    let is_there = |name: &str| match name.contains('/') {
        true => files.iter().any(|(path, _)| *path == name),
        false => {
            let declared = format!("fn {name}(");
            files.iter().any(|(path, text)| path.ends_with(".rs") && text.contains(&declared))
        }
    };
    let mut found = Vec::new();
    for (i, line) in page.lines().enumerate().filter(|(_, line)| line.starts_with('|')) {
        // The first cell is the promise in words.
        for cell in line.split('|').skip(2) {
            for name in cell.split('`').skip(1).step_by(2).filter(|name| name.contains(['/', '_']) && !is_there(name)) {
                found.push(format!(
                    "{PAGE}:{}: `{name}` is not there: say which mechanism keeps this promise now, and which test tries \
                     to break it",
                    i + 1
                ));
            }
        }
    }
    found
}
