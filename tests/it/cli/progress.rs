//! How far a run is, on a real terminal: bars that move with steps, waits with their end, a stop that goes on, and
//! windows that change their size.

use std::{thread::sleep, time::Duration};

use crate::support::{
    case::{Case, Site},
    sshd::need,
    tmux::Tmux,
};

/// A canary and two more hosts; each waits in its second step for a file.
fn site() -> Site {
    let site = Case::hosts(3).policy("canary: 1, batch: [100%], soak: 8s").site();
    let waits = |file: &str| {
        let go = site.folder().join(file).display().to_string();
        format!("until [ -e '{go}' ]; do sleep 0.1; done")
    };
    let play = format!(
        "name: Slow\nsteps:\n  - name: First\n    command: 'true'\n  - name: Holds\n    command: \"{}\"\n  - name: \
         Holds on\n    command: \"{}\"\n",
        waits("go1"),
        waits("go2"),
    );
    site.write("play.yml", &play);
    site
}

fn start(site: &Site, columns: u16, environment: &str) -> Tmux {
    let state = site.folder().join("state").display().to_string();
    // `cat` keeps the terminal open.
    let line = "trap : INT; patchwave run play.yml -i inv.yml --yes; echo code $?; cat";
    let line = format!("PATCHWAVE_STATE_DIR='{state}' TZ=UTC {environment} sh -c '{line}'");
    Tmux::start(columns, 24, &site.folder(), &line)
}

/// The lines of the panel that are on the screen. (A terminal that becomes narrower moves rows from the screen to its
/// history, where no program can change them.)
fn panel_lines(terminal: &Tmux) -> Vec<String> {
    let all = terminal.screen();
    let ours = |line: &&str| line.contains('━') || line.contains('─') || line.starts_with("all: ");
    all.lines().filter(ours).map(str::to_owned).collect()
}

#[track_caller]
fn only_one_panel(terminal: &Tmux, of: usize) {
    // A redraw comes four times a second, and tmux tells a program of the second of two resizes after 250 ms.
    sleep(Duration::from_millis(800));
    let seen = panel_lines(terminal);
    assert_eq!(seen.len(), of, "{seen:#?}\n{}", terminal.screen());
}

#[test]
fn a_bar_moves_with_steps_and_a_resize_leaves_nothing_behind() {
    if need("tmux").is_none() {
        return;
    }
    let site = site();
    let terminal = start(&site, 120, "");
    let screen = terminal.until("Holds");
    let bar = |screen: &str| screen.lines().find(|line| line.contains("0/1")).unwrap_or_default().matches('━').count();
    assert!(bar(&screen) > 0, "the first step is over\n{screen}");
    assert!(screen.contains("all: time left unknown"), "{screen}");
    assert!(terminal.coloured().contains("\u{1b}[32m━"), "in colour");
    for columns in [60, 100, 44, 160, 80] {
        terminal.resize(columns, 24);
        only_one_panel(&terminal, 2);
    }
    let before = bar(&terminal.until("Holds"));
    site.write("go1", "");
    let screen = terminal.until("Holds on");
    assert!(bar(&screen) > before, "{before}\n{screen}");
    site.write("go2", "");
    let screen = terminal.until("soak until ");
    let line = screen.lines().find(|line| line.contains("soak until ")).unwrap();
    assert!(line.starts_with("prod") && line.contains("wave 1 of 2 (canary)") && line.contains("s left"), "{screen}");
    let elsewhere = site.run("status").ended(0);
    let line = elsewhere.out.lines().find(|line| line.contains("soak until ")).unwrap_or_default();
    assert!(line.contains("wave 1 of 2 (canary)") && line.ends_with("s left"), "{}", elsewhere.out);
    let screen = terminal.until("code 0");
    assert!(screen.contains("3 ok"), "{screen}");
    only_one_panel(&terminal, 0);
}

#[test]
fn what_a_first_ctrl_c_leaves_to_be_done_stays_on_the_screen() {
    if need("tmux").is_none() {
        return;
    }
    let site = site();
    let terminal = start(&site, 80, "NO_COLOR=1");
    terminal.until("Holds");
    assert!(!terminal.coloured().contains('\u{1b}'), "no colour");
    terminal.keys(&["C-c"]);
    let drains = "draining: 1 host finishes; Ctrl-C again: stop before its next step";
    terminal.until(drains);
    sleep(Duration::from_secs(2));
    let screen = terminal.until(drains);
    assert_eq!(screen.matches("draining").count(), 1, "{screen}");
    let elsewhere = site.run("status").ended(0);
    assert!(elsewhere.out.contains("\ndraining: 1 host finishes\n"), "{}", elsewhere.out);
    terminal.keys(&["C-c"]);
    terminal.until("stopping: 1 host stops before its next step; Ctrl-C again: leave now");
    site.write("go1", "");
    site.write("go2", "");
    terminal.until("code 4");
    only_one_panel(&terminal, 0);
    assert!(!terminal.coloured().contains("all: "), "nor above the screen");
}

/// A watch in another shell has the lines of the run itself, and takes a resize as well.
#[test]
fn a_watch_has_the_lines_of_the_run() {
    if need("tmux").is_none() {
        return;
    }
    let site = site();
    let running = site.start("run play.yml -i inv.yml --yes");
    site.until("a step that began", |events| events.len() > 5);
    let state = site.folder().join("state").display().to_string();
    let line = format!("PATCHWAVE_STATE_DIR='{state}' TZ=UTC sh -c 'patchwave status --watch; cat'");
    let terminal = Tmux::start(100, 30, &site.folder(), &line);
    let screen = terminal.until("all: time left unknown");
    let host = screen.lines().find(|line| line.starts_with("  web")).unwrap_or_default();
    assert!(host.contains("Holds"), "{screen}");
    for columns in [60, 120, 80] {
        terminal.resize(columns, 30);
        only_one_panel(&terminal, 2);
    }
    site.write("go1", "");
    site.write("go2", "");
    terminal.until("soak until ");
    terminal.until("3 ok");
    let said = running.end().ended(0);
    assert!(!said.err.contains('━') && !said.err.contains('─'), "no bars in a pipe: {}", said.err);
}
