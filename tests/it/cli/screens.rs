//! The pages of a first evening on a terminal that is drawn, at three widths, without colours, and in a file: what a
//! newcomer stumbled over is not on them.

use patchwave::demo::Fault;

use crate::support::{
    case::{Case, Site},
    sshd::need,
    tmux::Tmux,
};

/// What is typed, its exit code, and what must be on its page.
const TYPED: [(&str, u8, &[&str]); 14] = [
    ("plan play.yml -i asks.yml", 0, &["halts at the first failed host", "waits for approval before its first host"]),
    ("plan typo.yml -i inv.yml", 2, &["error: ", "`nope` is undefined"]),
    ("inventory check -i near.yml", 0, &["did you mean `ansible_become`?", "did you mean `ansible_port`?"]),
    ("run play.yml -i inv.yml --check", 6, &["4 hosts: 1 would fail", "nothing was changed"]),
    ("runs", 0, &["checked"]),
    ("run play.yml -i inv.yml --yes", 6, &["halted: 1 host", "next:", "--limit @failed"]),
    ("status", 0, &["3 ok, 1 failed"]),
    ("show", 0, &["4 hosts: 3 ok, 1 failed"]),
    ("resume --yes", 6, &["all its hosts are done"]),
    ("log web002.test", 0, &["web002.test: failed"]),
    ("run play.yml -i inv.yml --list-hosts", 2, &["patchwave plan"]),
    ("run play.yml -i inv.yml --start-at-task Reboot", 2, &["patchwave resume RUN"]),
    ("plan tasks.yml -i inv.yml", 2, &["shell", "command"]),
    ("exec -i gone.yml all uptime", 5, &["30 hosts: 30 unreachable"]),
];

/// How wide a terminal is, and whether it has colours.
const TERMINALS: [(u16, bool); 4] = [(80, true), (120, true), (200, true), (80, false)];

/// Stands before each page.
const MARK: &str = "§§";

fn site() -> Site {
    let site = Case::hosts(4).broken("web002.test", Fault::DiskFull).policy("batch: 100%").site();
    let inventory = std::fs::read_to_string(site.folder().join("inv.yml")).unwrap();
    site.write("asks.yml", &inventory.replace("batch: 100%", "batch: 100%, approve: true"));
    let text = std::fs::read_to_string(site.folder().join("play.yml")).unwrap();
    site.write("typo.yml", &text.replace("services | default(['ssh'])", "nope"));
    site.write("near.yml", "all: { hosts: { a: { ansible_becom: true, ansible_prot: 22 } } }\n");
    site.write("gone.yml", "all: { hosts: { 'web[01:30].example.invalid': } }\n");
    site.write("tasks.yml", "name: T\nsteps:\n  - shell: uptime\n");
    site
}

/// Types everything in a shell on such a terminal; returns a page for each line, its exit code at the end. Lines that
/// the terminal had to break are whole again.
fn pages(site: &Site, columns: u16, coloured: bool) -> Vec<String> {
    let line =
        |(line, _, _): &(&str, u8, &[&str])| format!("echo '{MARK}'; patchwave {line} </dev/null; echo code $?\n");
    let lines: String = TYPED.iter().map(line).collect();
    let name = format!("typed-{columns}-{coloured}");
    let script = site.write(&name, &format!("{lines}echo '{MARK}'; echo THE END\n"));
    let plain = if coloured { "" } else { "NO_COLOR=1 " };
    let set =
        format!("{plain}TZ=UTC USER=ann MANPAGER=cat PATCHWAVE_STATE_DIR={}/state-{name}", site.folder().display());
    let terminal = Tmux::start(columns, 50, &site.folder(), &format!("{set} sh -c 'sh {}; cat'", script.display()));
    terminal.until("THE END");
    terminal.joined().split(MARK).skip(1).take(TYPED.len()).map(str::to_owned).collect()
}

/// Words that the terminal broke, because a line was longer than it is wide. A long command stays one line, so that it
/// can be copied, and so does a line of a file.
fn broken_words(page: &str, columns: u16) -> Vec<String> {
    let whole = |line: &&str| line.contains("patchwave ") || line.contains(" | ") || line.contains("help: ");
    let lines = page.lines().filter(|line| !whole(line));
    let broken = |line: &str| -> Vec<String> {
        let letters: Vec<char> = line.chars().collect();
        let edges = (1..).map(|n| n * usize::from(columns)).take_while(|at| *at < letters.len());
        edges.filter(|at| letters[at - 1] != ' ' && letters[*at] != ' ').map(|_| line.to_owned()).collect()
    };
    lines.flat_map(broken).collect()
}

#[test]
fn no_page_breaks_a_word_and_each_says_what_to_type() {
    if need("tmux").is_none() {
        return;
    }
    let site = site();
    for (columns, coloured) in TERMINALS {
        let mut painted = 0;
        for ((line, code, says), page) in TYPED.iter().zip(pages(&site, columns, coloured)) {
            let plain = console::strip_ansi_codes(&page).into_owned();
            let what = format!("patchwave {line}, {columns} columns\n{plain}");
            assert!(plain.trim_end().ends_with(&format!("code {code}")), "{what}");
            let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
            for says in *says {
                assert!(words.contains(says), "{says:?} is not on the page of {what}");
            }
            assert_eq!(broken_words(&plain, columns), [""; 0], "{what}");
            painted += usize::from(page.len() > plain.len());
            // A page for a failure is no longer than a person reads.
            assert!(*code == 0 || plain.lines().count() < 75, "{what}");
            assert!(
                !plain.contains("error:") || coloured == (page.len() > plain.len()),
                "errors have a colour: {what}"
            );
        }
        assert_eq!(painted > 0, coloured, "{columns} columns");
    }
}

#[test]
fn in_a_file_there_is_no_colour_and_the_words_are_the_same() {
    let site = site();
    for (line, code, says) in TYPED {
        let said = site.really(line).ended(code);
        let page = format!("{}{}", said.out, said.err);
        assert!(!page.contains('\u{1b}') && !page.contains('\r'), "{line}\n{page:?}");
        let words = page.split_whitespace().collect::<Vec<_>>().join(" ");
        for says in says {
            assert!(words.contains(says), "{says:?} is not on the page of {line}\n{page}");
        }
    }
}
