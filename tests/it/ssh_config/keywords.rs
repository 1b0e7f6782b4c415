//! Every keyword that the installed `ssh` knows has a place in our table.

use std::{collections::BTreeSet, fs};

use super::{Pair, ssh_is_there};
use crate::support::sshd::need;

/// Keywords that begin a block are not settings.
const BLOCKS: [&str; 3] = ["host", "match", "include"];

/// Words in a program that could be keywords. The linker may store one word as the end of another.
fn words(program: &[u8]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for run in program.split(|byte| !byte.is_ascii_lowercase() && !byte.is_ascii_digit()) {
        for from in 0..run.len().min(40) {
            let word = &run[run.len().min(40) - from - 1..run.len().min(40)];
            if (3..=32).contains(&word.len()) && run.len() <= 40 {
                found.insert(String::from_utf8(word.to_vec()).unwrap());
            }
        }
    }
    found
}

/// The words that `ssh` accepts as keywords. It names each line that begins with any other word, and continues; some
/// keywords end it if their argument is nonsense.
fn known(words: &[String]) -> Vec<&str> {
    let mut found = Vec::new();
    let mut left = words;
    loop {
        let config: String = left.iter().map(|word| format!("{word} 1\n")).collect();
        let out = Pair::new(&format!("Host nobody\n{config}")).ssh(&["web"]);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        let unknown: BTreeSet<&str> = said
            .lines()
            .filter_map(|line| line.rsplit_once("Bad configuration option: "))
            .map(|(_, word)| word)
            .collect();
        let line_of = |line: &str| line.rsplit_once("line ")?.1.split(':').next()?.trim().parse::<usize>().ok();
        let read = match said.contains("terminating, ") {
            true => left.len(),
            // The first line is that of the block.
            false => said.lines().filter_map(line_of).max().expect("it names a line") - 1,
        };
        found.extend(left[..read].iter().map(String::as_str).filter(|word| !unknown.contains(word)));
        left = &left[read..];
        if left.is_empty() {
            return found;
        }
        assert!(read > 0, "it reads no further than {:?}:\n{said}", left[0]);
    }
}

#[test]
fn nothing_that_ssh_knows_is_unknown_here() {
    let Some(ssh) = need("ssh").filter(|_| ssh_is_there()) else { return };
    let mut words: Vec<String> = words(&fs::read(ssh).unwrap()).into_iter().collect();
    words.retain(|word| !BLOCKS.contains(&word.as_str()));
    let known = known(&words);
    assert!(known.len() > 100 && words.len() > known.len() + 1000, "{} of {}: {known:?}", known.len(), words.len());
    for word in &known {
        let pair = Pair::new(&format!("Host nobody\n{word} 1\n"));
        let text = String::from_utf8_lossy(&pair.ours(&["web"]).stderr).into_owned();
        assert!(!text.contains("is not an ssh_config keyword"), "ssh knows {word}, and we do not");
    }
    // And the other way round: everything that ssh prints is in the table under its own name.
    let rows = patchwave::sshconfig::keywords_in_markdown();
    let printed = Pair::new("").ssh(&["web"]);
    for line in String::from_utf8_lossy(&printed.stdout).lines() {
        let name = line.split(' ').next().unwrap_or_default().to_ascii_lowercase();
        assert!(name == "host" || rows.contains(&format!("| `{name}` |")), "{name}");
    }
}
