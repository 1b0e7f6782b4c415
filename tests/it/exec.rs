//! `patchwave exec` as an operator runs it: the program, a real sshd, output that folds, flows, floods and is cut off.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::support::{
    sshd::{Sshd, me, need, signal},
    tmux::Tmux,
};

/// Hosts `web01`, `web02`, … that are all this one server.
fn fleet(sshd: &Sshd, hosts: usize) {
    let mut text = "all:\n  hosts:\n".to_owned();
    for n in 1..=hosts {
        text.push_str(&format!("    web{n:02}: {{n: {n}}}\n"));
    }
    text.push_str(&format!(
        "  vars: {{ansible_host: 127.0.0.1, ansible_port: {}, ansible_user: {}}}\n",
        sshd.port,
        me()
    ));
    fs::write(sshd.path("inventory.yml"), text).unwrap();
    fs::write(sshd.path("known_hosts"), sshd.known_line()).unwrap();
}

fn exec(sshd: &Sshd, options: &[&str], line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_patchwave"));
    command.arg("--state-dir").arg(sshd.path("state")).args(["exec", "all", "-i"]).arg(sshd.path("inventory.yml"));
    command.arg("--known-hosts").arg(sshd.path("known_hosts")).arg("--private-key").arg(sshd.path("user"));
    command.args(options).args(["--", line]).env_remove("SSH_AUTH_SOCK").env("HOME", sshd.dir.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

/// The host does not know its inventory name; the connections tell the hosts apart.
const NTH: &str = "n=$(ls \"$DIR\" | wc -l); while ! mkdir \"$DIR/$n\" 2>/dev/null; do n=$((n+1)); done; ";

fn nth(sshd: &Sshd, line: &str) -> String {
    let dir = sshd.path("nth");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir(&dir).unwrap();
    format!("DIR={}; {NTH}{line}", dir.display())
}

#[test]
fn output_folds_differs_and_is_kept() {
    let Some(sshd) = Sshd::start("") else { return };
    fleet(&sshd, 5);
    let line = nth(&sshd, "seq 1 5; [ $n != 3 ] || { echo odd; echo worse >&2; exit 3; }");
    let logs = sshd.path("logs");
    let output = exec(&sshd, &["--log-dir", logs.to_str().unwrap()], &line).output().unwrap();
    assert_eq!(code(&output), 6, "{output:?}");
    let told = text(&output.stdout);
    let folded = told.lines().find(|line| line.ends_with(" (4 hosts): ok")).unwrap_or_else(|| panic!("{told}"));
    assert!(folded.starts_with("── web["), "{told}");
    assert!(told.contains(": exit code 3\n1\n2\n3\n4\n5\nodd\nstderr: worse\n"), "{told}");
    assert!(text(&output.stderr).contains("5 hosts: 4 ok, 1 exit code 3"), "{output:?}");
    let kept: Vec<String> = (1..=5).map(|n| fs::read_to_string(logs.join(format!("web{n:02}.out"))).unwrap()).collect();
    assert_eq!(kept.iter().filter(|text| *text == "1\n2\n3\n4\n5\n").count(), 4);
    assert_eq!(kept.iter().filter(|text| *text == "1\n2\n3\n4\n5\nodd\n").count(), 1);
    let output = exec(&sshd, &["--diff"], &nth(&sshd, "seq 1 5; [ $n != 3 ] || echo odd")).output().unwrap();
    let told = text(&output.stdout);
    assert!(told.contains("ok, differs from the largest group\n 4\n 5\n+odd\n"), "{told}");
    let output = exec(&sshd, &["--json"], "echo x; exit 2").output().unwrap();
    let first: serde_json::Value = serde_json::from_str(text(&output.stdout).lines().next().unwrap()).unwrap();
    assert_eq!((&first["host"], &first["stdout"], &first["code"]), (&"web01".into(), &"x\n".into(), &2.into()));
}

#[test]
fn standard_input_goes_to_every_host() {
    let Some(sshd) = Sshd::start("") else { return };
    fleet(&sshd, 3);
    let mut child = exec(&sshd, &["--stdin"], "sha256sum | cut -c1-8").stdin(Stdio::piped()).spawn().unwrap();
    let input: Vec<u8> = (0..3_000_000u32).map(|n| (n % 253) as u8).collect();
    child.stdin.take().unwrap().write_all(&input).unwrap();
    let output = child.wait_with_output().unwrap();
    let sum: String =
        <sha2::Sha256 as sha2::Digest>::digest(&input).iter().take(4).map(|b| format!("{b:02x}")).collect();
    assert_eq!(text(&output.stdout), format!("── web[01-03] (3 hosts): ok\n{sum}\n"), "{output:?}");
}

#[test]
fn live_lines_carry_their_host() {
    let Some(sshd) = Sshd::start("") else { return };
    fleet(&sshd, 4);
    // The commands end only after the test has read a line of one of them.
    let go = sshd.path("go");
    let line =
        format!("echo first; until [ -e {} ]; do sleep 0.1; done; echo last; echo bad >&2; exit 1", go.display());
    let mut child = exec(&sshd, &["--live"], &line).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.ends_with(": first"), "{first}");
    fs::write(go, "").unwrap();
    let mut all: Vec<String> = lines.map(Result::unwrap).chain([first]).collect();
    all.sort();
    let expected: Vec<String> =
        (1..=4).flat_map(|n| [format!("web{n:02}: first"), format!("web{n:02}: last")]).collect();
    assert_eq!(all, expected);
    let output = child.wait_with_output().unwrap();
    let told = text(&output.stderr);
    assert!(told.contains("web03: bad\n") && told.contains("── web[01-04] (4 hosts): exit code 1\n"), "{told}");
    let output = exec(&sshd, &["--ordered"], "sleep 0.$(( $$ % 5 )); echo 1; echo 2").output().unwrap();
    let expected: String = (1..=4).map(|n| format!("web{n:02}: 1\nweb{n:02}: 2\n")).collect();
    assert_eq!(text(&output.stdout), expected);
}

#[test]
fn an_interrupt_shows_what_there_is_and_names_the_rest() {
    let Some(sshd) = Sshd::start("") else { return };
    fleet(&sshd, 4);
    let line = nth(&sshd, "echo here $n; [ $n = 0 ] || sleep 30");
    let child = exec(&sshd, &["-f", "1"], &line).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while fs::read_dir(sshd.path("nth")).unwrap().count() < 2 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_millis(500));
    signal(i32::try_from(child.id()).unwrap(), Signal::INT);
    let began = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(began.elapsed() < Duration::from_secs(10));
    let told = text(&output.stdout);
    assert_eq!(code(&output), 7, "{told}");
    assert!(told.contains("── web01: ok\nhere 0\n"), "{told}");
    assert!(told.contains("── web02: unknown\nhere 1\ninterrupted"), "{told}");
    assert!(told.contains("── web[03-04] (2 hosts): not started\n"), "{told}");
}

/// The peak memory of the process, in bytes.
fn peak(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

#[test]
fn a_flood_before_a_stalled_reader_is_bounded_and_nothing_is_lost() {
    const HOSTS: usize = 12;
    let Some(sshd) = Sshd::start("") else { return };
    fleet(&sshd, HOSTS);
    let peak_of = |bytes: usize| {
        let logs = sshd.path(&format!("logs-{bytes}"));
        let line = format!("yes 0123456789abcdef | head -c {bytes}; sleep 4");
        let mut child = exec(&sshd, &["--live", "--log-dir", logs.to_str().unwrap()], &line).spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        let whole = |n: usize| {
            fs::metadata(logs.join(format!("web{n:02}.out"))).is_ok_and(|file| file.len() + 40_000 > bytes as u64)
        };
        // Nobody reads the output, but the hosts finish anyway.
        while !(1..=HOSTS).all(whole) && Instant::now() < until && bytes > 40_000 {
            std::thread::sleep(Duration::from_millis(50));
        }
        std::thread::sleep(Duration::from_millis(2500));
        let most = peak(&child);
        let mut all = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut all).unwrap();
        assert!(child.wait().unwrap().success());
        for n in 1..=HOSTS {
            assert_eq!(fs::metadata(logs.join(format!("web{n:02}.out"))).unwrap().len(), bytes as u64);
        }
        let lines = text(&all).lines().count();
        assert_eq!(lines, HOSTS * bytes.div_ceil(17), "every line is shown once somebody reads");
        most
    };
    let (quiet, flood) = (peak_of(17), peak_of(6 << 20));
    let each = flood.saturating_sub(quiet) / HOSTS as u64;
    assert!(each <= 512 << 10, "{} KiB more for each host", each >> 10);
    eprintln!("{} KiB for each flooding host", each >> 10);
}

#[test]
fn the_time_limit_holds_for_a_host_that_floods() {
    let Some(sshd) = Sshd::start("") else { return };
    fleet(&sshd, 1);
    for stream in ["", " >&2"] {
        let output = exec(&sshd, &["--json", "--timeout", "2s"], &format!("exec yes{stream}")).output().unwrap();
        assert_eq!(code(&output), 7, "{}", text(&output.stderr));
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["class"], "command-timeout");
        // This includes the login, and a disconnect that does not have to be waited for.
        let took = answer["took_ms"].as_u64().unwrap();
        assert!((2000..4000).contains(&took), "{took} ms");
    }
}

/// Processes whose command line has this word.
fn running(word: &str) -> usize {
    let ours = |entry: fs::DirEntry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        text(&line).split('\0').any(|part| part == word).then_some(())
    };
    fs::read_dir("/proc").unwrap().flatten().filter_map(ours).count()
}

#[track_caller]
fn until(what: &str, is: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(30);
    while !is() {
        assert!(Instant::now() < limit, "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A process of somebody else on the same host; ended with the test.
struct Bystander(Child);

impl Bystander {
    fn start(word: &str) -> Self {
        Self(Command::new("sleep").arg(word).stdin(Stdio::null()).spawn().unwrap())
    }

    fn is_alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A word for `sleep` that no other process has.
fn seconds() -> String {
    format!("6{:08}.{}", fastrand::u32(..100_000_000), std::process::id())
}

#[test]
fn what_an_interrupt_leaves_running_is_ended_if_the_person_says_so() {
    let Some(sshd) = Sshd::start("") else { return };
    if need("tmux").is_none() {
        return;
    }
    fleet(&sshd, 2);
    let (word, other) = (seconds(), seconds());
    let mut bystander = Bystander::start(&other);
    let command = exec(&sshd, &[], &format!("sleep {word}; :"));
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line: Vec<String> = words.map(|word| shlex::try_quote(word.to_str().unwrap()).unwrap().into_owned()).collect();
    fs::write(sshd.path("go.sh"), format!("trap : INT\n{}\necho code $?\ncat\n", line.join(" "))).unwrap();
    let terminal = |answer: &str| {
        let terminal = Tmux::start(100, 30, sshd.dir.path(), "sh go.sh");
        until("both sleep", || running(&word) == 2);
        terminal.keys(&["C-c"]);
        let screen = terminal.until("End it on 2 hosts? [y/N]");
        assert!(screen.contains("the command may still be running on web[01-02]"), "{screen}");
        terminal.keys(&[answer, "Enter"]);
        terminal.until("code 7")
    };
    let screen = terminal("y");
    assert!(screen.contains("web[01-02]: ended (SIGTERM)"), "{screen}");
    assert_eq!(running(&word), 0);
    assert!(!sshd.path("state/exec").exists(), "nothing is left to be ended");
    let screen = terminal("");
    assert_eq!(running(&word), 2, "no answer is no");
    assert!(screen.contains("to end it there:") && screen.contains("--end"), "{screen}");
    assert!(bystander.is_alive());
}

#[test]
fn without_a_terminal_one_command_line_ends_what_an_interrupt_left() {
    let Some(sshd) = Sshd::start("") else { return };
    fleet(&sshd, 3);
    let (word, other) = (seconds(), seconds());
    let mut bystander = Bystander::start(&other);
    // The first one ignores SIGTERM, and the second one is over when it is looked at.
    let go = sshd.path("go").display().to_string();
    let over = format!("until [ -e '{go}' ]; do sleep 0.1; done; exit");
    let line = format!("[ $n != 0 ] || trap '' TERM; [ $n != 1 ] || {{ {over}; }}; sleep {word}; sleep {word}");
    let line = nth(&sshd, &line);
    let child = exec(&sshd, &[], &line).spawn().unwrap();
    until("two of them sleep", || running(&word) == 2 && fs::read_dir(sshd.path("nth")).unwrap().count() == 3);
    std::thread::sleep(Duration::from_millis(500));
    signal(i32::try_from(child.id()).unwrap(), Signal::INT);
    let output = child.wait_with_output().unwrap();
    let told = text(&output.stderr);
    assert_eq!(code(&output), 7, "{told}");
    assert!(told.contains("the command may still be running on web[01-03]; to end it there:\n"), "{told}");
    let typed = told.lines().find(|line| line.contains(" --end ")).unwrap_or_else(|| panic!("{told}"));
    let typed = shlex::split(typed).unwrap();
    assert_eq!(typed[0], "patchwave");
    fs::write(go, "").unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let end = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_patchwave"));
        command.args(&typed[1..]).env_remove("SSH_AUTH_SOCK").env("HOME", sshd.dir.path()).stdin(Stdio::null());
        command.output().unwrap()
    };
    let output = end();
    let told = text(&output.stderr);
    assert_eq!(code(&output), 0, "{told}");
    for expected in
        [": ended (SIGTERM)", ": ended (SIGKILL, after 5 s)", ": had ended by itself; nothing was signalled"]
    {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert_eq!(running(&word), 0);
    assert!(bystander.is_alive());
    let output = end();
    assert_eq!(code(&output), 2, "there is nothing left to end");
    assert!(text(&output.stderr).contains("nothing is recorded as"), "{}", text(&output.stderr));
}

/// A host that cannot be reached any more keeps its record.
#[test]
fn a_host_that_cannot_be_reached_may_still_be_running_it() {
    let Some(sshd) = Sshd::start("") else { return };
    fleet(&sshd, 1);
    let word = seconds();
    let child = exec(&sshd, &[], &format!("sleep {word}")).spawn().unwrap();
    until("it sleeps", || running(&word) == 1);
    signal(i32::try_from(child.id()).unwrap(), Signal::INT);
    let told = text(&child.wait_with_output().unwrap().stderr);
    let typed = told.lines().find(|line| line.contains(" --end ")).unwrap_or_else(|| panic!("{told}"));
    let typed = shlex::split(typed).unwrap();
    let inventory = fs::read_to_string(sshd.path("inventory.yml")).unwrap();
    let gone = inventory.replace(&format!("ansible_port: {}", sshd.port), "ansible_port: 1");
    let end = |inventory: &str| {
        fs::write(sshd.path("inventory.yml"), inventory).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_patchwave"));
        command.args(&typed[1..]).env_remove("SSH_AUTH_SOCK").env("HOME", sshd.dir.path()).stdin(Stdio::null());
        command.output().unwrap()
    };
    let output = end(&gone);
    let told = text(&output.stderr);
    assert_eq!(code(&output), 7, "{told}");
    assert!(told.contains("web01: may still be running: ") && told.contains("refused"), "{told}");
    assert_eq!(running(&word), 1);
    assert_eq!(code(&end(&inventory)), 0);
    assert_eq!(running(&word), 0);
}
