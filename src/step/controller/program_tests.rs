//! Programs on the jump box, with and without a record, and how a second controller continues what the first one
//! started.

use std::{path::PathBuf, time::Duration};

use super::{Claim, HookOutput, JumpBox, NoEnd, record::Record};
use crate::{
    command::{Command, Exit},
    step::{Controller as _, testing::Log},
};

/// A jump box in a folder of its own.
struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn jump_box(&self, recorded: bool) -> JumpBox {
        let jump_box = JumpBox::new(self.root.path().to_owned(), self.root.path().to_owned());
        if recorded { jump_box.recorded_in(self.path("records")) } else { jump_box }
    }

    async fn run(&self, command: &Command, claim: &Claim) -> Result<HookOutput, NoEnd> {
        self.jump_box(true).run(command, claim, &mut Log::default()).await
    }

    /// A controller that is killed this long after the start.
    async fn killed_after(&self, wait: Duration, command: &Command, claim: &Claim) {
        assert!(tokio::time::timeout(wait, self.run(command, claim)).await.is_err(), "it had ended");
    }

    fn record(&self, claim: &Claim) -> Record {
        Record::newest(&self.path("records"), &claim.id)
    }
}

fn first() -> Claim {
    Claim { id: "r1.s1.hook".to_owned(), begun: false, keeps_end: false, once: false }
}

/// The claim of a resume for a step that may run only once.
fn again() -> Claim {
    Claim { begun: true, keeps_end: true, once: true, ..first() }
}

fn sh(script: &str) -> Command {
    Command::sh("t", script, [""; 0])
}

fn code(ended: &Result<HookOutput, NoEnd>) -> Option<u32> {
    match &ended.as_ref().ok()?.output.exit {
        Exit::Code(code) => Some(*code),
        Exit::Signal(_) => None,
    }
}

#[tokio::test]
async fn a_program_gets_input_and_environment_and_is_heard() {
    let place = Place::new();
    for recorded in [false, true] {
        let command = sh("cat; echo \"$X $0\"; umask; echo err >&2; exit 7").env("X", "1").stdin("in\n");
        let mut log = Log::default();
        let output = place.jump_box(recorded).run(&command, &first(), &mut log).await.unwrap().output;
        let text = output.text();
        assert_eq!((output.exit, output.stderr.as_slice()), (Exit::Code(7), &b"err\n"[..]));
        assert!(text.starts_with("in\n1 sh\n") && !text.contains("077"), "{text:?}");
        assert_eq!(log.0.len(), text.len() + 4);
    }
}

#[tokio::test]
async fn nothing_of_ours_reaches_the_program_but_the_mark() {
    let place = Place::new();
    let command = sh("env; ls /proc/self/fd | wc -l").env("PATH", "/bin:/usr/bin:/nowhere");
    let text = place.run(&command, &first()).await.unwrap().output.text();
    let ours: Vec<&str> = text.lines().filter(|l| l.starts_with("_pw_") || l.starts_with("PATH=")).collect();
    assert_eq!(ours, ["PATH=/bin:/usr/bin:/nowhere"]);
    assert!(text.contains(&format!("PATCHWAVE_PROGRAM={}", place.path("records/r1.s1.hook/1").display())), "{text}");
    let plain = place.jump_box(false).run(&command, &first(), &mut Log::default()).await.unwrap().output.text();
    assert_eq!(text.lines().last(), plain.lines().last(), "open files");
}

#[tokio::test]
async fn a_hanging_program_is_killed_with_its_children() {
    for recorded in [false, true] {
        let place = Place::new();
        let script = "echo before; echo why >&2; (sleep 2; echo x >mark) & sleep 60";
        let command = sh(script).timeout(Duration::from_millis(300));
        let began = std::time::Instant::now();
        let mut log = Log::default();
        let error = place.jump_box(recorded).run(&command, &first(), &mut log).await.unwrap_err();
        assert_eq!(error, NoEnd::Killed { left: vec![] });
        assert!(began.elapsed() < Duration::from_secs(2));
        assert_eq!(log.0.len(), 11, "what it had said is not lost");
        tokio::time::sleep(Duration::from_millis(2200)).await;
        assert!(!place.path("mark").exists(), "a child survived");
    }
}

#[tokio::test]
async fn a_child_that_left_the_group_is_killed_too() {
    let place = Place::new();
    let script = "trap '' TERM; setsid -f sh -c 'sleep 1; echo x >mark'; (setsid env -i /bin/sh -c 'sleep 1; echo y >mark') & sleep 60";
    let command = sh(script).timeout(Duration::from_millis(400));
    assert_eq!(place.run(&command, &first()).await.unwrap_err(), NoEnd::Killed { left: vec![] });
    tokio::time::sleep(Duration::from_millis(1300)).await;
    assert_eq!(place.text("mark"), "");
}

#[tokio::test]
async fn a_program_that_signals_its_whole_group_has_an_end_of_its_own() {
    let place = Place::new();
    for signal in ["TERM", "INT", "HUP"] {
        let command =
            sh(&format!("trap 'trap : {signal}; kill -{signal} 0; echo cleaned; exit 7' EXIT; echo said; sleep 30 &"));
        let ended = place.run(&command, &first()).await;
        assert_eq!(code(&ended), Some(7), "{signal}: {ended:?}");
        assert_eq!(ended.unwrap().output.text(), "said\ncleaned\n");
    }
}

#[tokio::test]
async fn a_child_that_keeps_the_pipe_does_not_hold_us() {
    for recorded in [false, true] {
        let began = std::time::Instant::now();
        let jump_box = Place::new();
        let output = jump_box.jump_box(recorded).run(&sh("sleep 5 & echo done"), &first(), &mut Log::default()).await;
        assert_eq!(output.unwrap().output.stdout, b"done\n");
        assert!(began.elapsed() < Duration::from_secs(4));
    }
}

#[tokio::test]
async fn output_is_bounded_in_memory_and_on_the_disk() {
    for (recorded, bytes) in [(false, 3_000_000), (true, 12_000_000)] {
        let place = Place::new();
        let mut command = sh(&format!("head -c {bytes} /dev/zero"));
        command.keep = 1000;
        let output = place.jump_box(recorded).run(&command, &first(), &mut Log::default()).await.unwrap().output;
        assert_eq!(output.stdout.len(), 1000);
        // What a reader had in its buffer at the limit is not counted.
        assert!(output.dropped <= bytes - 1000 && output.dropped > bytes - 300_000, "{}", output.dropped);
        let kept = std::fs::metadata(place.path("records/r1.s1.hook/1/out")).map_or(0, |file| file.len());
        assert!(kept <= 8 << 20, "{kept}");
    }
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let place = Place::new();
    std::fs::write(place.path("no-program"), "x").unwrap();
    for (program, why) in [
        ("./nowhere", "./nowhere cannot be started: No such file or directory"),
        ("nosuch-program", "nosuch-program cannot be started: No such file or directory"),
        ("./no-program", "./no-program cannot be started: Permission denied"),
    ] {
        for recorded in [false, true] {
            let command = Command::reads("t", [program]);
            let error = place.jump_box(recorded).run(&command, &first(), &mut Log::default()).await.unwrap_err();
            assert!(error.to_string().starts_with(why), "{error}");
            assert!(matches!(error, NoEnd::Failed(_)), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_second_controller_waits_for_the_first_ones_program() {
    let place = Place::new();
    let command = sh("echo begin >>did; echo said; sleep 1; echo end >>did; exit 3");
    place.killed_after(Duration::from_millis(400), &command, &first()).await;
    let ended = place.run(&command, &again()).await;
    assert_eq!((code(&ended), place.text("did").as_str()), (Some(3), "begin\nend\n"));
    assert_eq!(ended.unwrap().output.stdout, b"said\n");
    // And a third one reads how it ended, even days later.
    assert_eq!((code(&place.run(&command, &again()).await), place.text("did").as_str()), (Some(3), "begin\nend\n"));
    // A step that only looks runs again.
    let look = Claim { keeps_end: false, once: false, ..again() };
    assert_eq!((code(&place.run(&command, &look).await), place.text("did").lines().count()), (Some(3), 4));
}

#[tokio::test]
async fn two_at_once_never_happens_even_for_what_may_be_repeated() {
    let place = Place::new();
    let command = sh("echo begin >>did; sleep 1; echo end >>did");
    place.killed_after(Duration::from_millis(300), &command, &first()).await;
    // The claims of a gate and of a drain.
    let ended = place.run(&command, &Claim { begun: false, once: false, ..again() }).await;
    assert_eq!((code(&ended), place.text("did").as_str()), (Some(0), "begin\nend\n"));
}

#[tokio::test]
async fn the_time_limit_goes_on_across_controllers() {
    let place = Place::new();
    let command = sh("sleep 60").timeout(Duration::from_secs(2));
    place.killed_after(Duration::from_millis(1500), &command, &first()).await;
    let began = std::time::Instant::now();
    assert_eq!(place.run(&command, &again()).await.unwrap_err(), NoEnd::Killed { left: vec![] });
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_was_lost_is_unknown_unless_it_may_be_repeated() {
    let kill = sh("echo x >>did; kill -9 $PPID; kill -9 -$(ps -o pgid= -p $$ | tr -d ' ')");
    for (claim, runs) in [(again(), 1), (Claim { once: false, ..again() }, 2)] {
        let place = Place::new();
        let first = place.run(&kill, &first()).await;
        assert!(matches!(first, Err(NoEnd::Unknown(_))), "{first:?}");
        let ended = place.run(&kill, &claim).await;
        assert!(matches!(ended, Err(NoEnd::Unknown(_))), "{ended:?}");
        assert_eq!(place.text("did").lines().count(), runs);
    }
    // An older version of patchwave left no record.
    let place = Place::new();
    assert!(matches!(place.run(&sh("echo x >did"), &again()).await, Err(NoEnd::Unknown(_))));
    assert_eq!(place.text("did"), "");
}

#[tokio::test]
async fn a_claim_that_was_not_taken_is_never_taken() {
    let place = Place::new();
    let claimed = place.record(&first()).make().unwrap();
    // The first controller's wrapper comes late: after the second one has begun.
    assert_eq!(code(&place.run(&sh("echo second >>did"), &again()).await), Some(0));
    let late = std::process::Command::new("/bin/sh")
        .args([claimed.folder.join("run"), claimed.folder.clone()])
        .args(["1000", "/bin/sh", "-c", "echo late >>did"])
        .current_dir(place.root.path())
        .output()
        .unwrap();
    assert!(!late.status.success());
    assert_eq!(place.text("did"), "second\n");
}

#[tokio::test]
async fn another_machines_program_is_not_started_again() {
    let place = Place::new();
    let command = sh("echo x >>did; sleep 1");
    place.killed_after(Duration::from_millis(300), &command, &first()).await;
    let file = place.record(&first()).folder.join("place");
    let here = std::fs::read_to_string(&file).unwrap();
    let (machine, rest) = here.split_once('\n').unwrap();
    std::fs::write(&file, here.replace(rest, "another-boot\npid:[1]\n")).unwrap();
    let error = place.run(&command, &Claim { once: true, ..again() }).await.unwrap_err();
    assert!(error.to_string().contains("the program is gone"), "{machine} has booted since: {error}");
    std::fs::write(&file, "jump7\nanother-boot\npid:[1]\n").unwrap();
    let error = place.run(&command, &Claim { once: false, ..again() }).await.unwrap_err();
    assert!(error.to_string().contains("started on jump7"), "{error}");
    assert_eq!(place.text("did"), "x\n");
}

#[tokio::test]
async fn records_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    assert_eq!(code(&place.run(&sh("echo s3cret; echo s3cret >&2"), &first()).await), Some(0));
    let folder = place.record(&first()).folder;
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    for file in ["out", "err", "rc", "pid", "place"] {
        assert_eq!(mode(folder.join(file)), 0o600, "{file}");
    }
    assert_eq!((mode(folder), mode(place.path("records"))), (0o700, 0o700));
}
