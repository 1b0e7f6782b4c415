//! The picture of README: the halt of the demo, drawn from a terminal. `INSTA_UPDATE=always cargo test --test it
//! docs::picture` draws it again.

use std::fs;

use super::{page::root, svg};
use crate::support::{cli::Desk, sshd::need, tmux::Tmux};

const PICTURE: &str = "docs/halt.svg";
const COLUMNS: u16 = 96;
/// The first and the last line of the picture, below the command.
const FROM: &str = "Rolling patch wave";
const TO: &str = "17 ok, 1 failed, 6 not started";
const COMMAND: &str = "\u{1b}[32m$\u{1b}[0m \u{1b}[1mpatchwave demo\u{1b}[0m";

/// The lines of the demo's first run, from its plan to its end.
fn halt(desk: &Desk) -> Vec<String> {
    let tmux =
        Tmux::start(COLUMNS, 40, &desk.folder(), &format!("TMPDIR='{}' patchwave demo", desk.folder().display()));
    tmux.until("Hosts in flight finished");
    let lines = tmux.coloured();
    tmux.keys(&["C-c"]);
    tmux.keys(&["C-c"]);
    let lines = lines.lines().map(str::to_owned);
    let mut lines: Vec<String> = lines.skip_while(|line| !line.contains(FROM)).collect();
    let end = lines.iter().position(|line| line.contains(TO)).expect("the counts");
    lines.truncate(end + 1);
    lines
}

#[test]
fn the_picture_shows_what_the_demo_prints_now() {
    if need("tmux").is_none() {
        return;
    }
    let desk = Desk::empty();
    let halt = halt(&desk);
    let mut lines = vec![COMMAND, "\u{1b}[2m…\u{1b}[0m"];
    lines.extend(halt.iter().map(String::as_str));
    let title = "A patch wave on 24 hosts: one of them fails, and no other host is started";
    let drawn = svg::draw(&lines, COLUMNS, title);
    let path = root().join(PICTURE);
    if std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        fs::write(&path, &drawn).unwrap();
    }
    // The words only: how long a step took decides where a line is broken.
    let said = desk.run("runs");
    let words = |svg: &str| {
        let text = said.plain(&svg::text(svg).join("\n"));
        text.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(words(&kept), words(&drawn), "{PICTURE} is not what the demo prints: see the head of this file");
    assert!(kept.contains("halted: 1 host of stage production/medium broke"), "{kept}");
}
