//! Which account acts, and a state folder that another user may write.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::Stdio,
};

use patchwave::{cli::Who, event::Kind};

use crate::support::case::{Case, Site, finished};

/// An account that does not exist here.
const STRANGER: u32 = 65534;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// One host after the other, with an approval after the first.
fn site(hosts: usize) -> Site {
    let case = Case::hosts(hosts).policy("batch: 1, approve: true");
    case.steps("  - command: echo once >>$PATCHWAVE_ROOT/once\n").site()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o7777
}

#[test]
fn the_processs_account_is_recorded_and_what_is_made_is_private_whatever_the_umask() {
    let site = site(2);
    let lie = |mut command: std::process::Command| {
        command.env("USER", "mallory").env("LOGNAME", "mallory").env("SUDO_USER", "ceo").env("SUDO_UID", "7");
        command
    };
    let real = lie(site.command("run play.yml -i inv.yml"));
    let mut run = std::process::Command::new("/bin/sh");
    run.args(["-c", "umask 0; exec \"$@\"", "sh"]).arg(real.get_program()).args(real.get_args());
    run.current_dir(site.folder()).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    run.envs(real.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let running = run.spawn().unwrap();
    let id = site.until("the end of the first wave", |events| finished(events) == 1);
    // While it runs, so that the journal files of the database exist.
    let state = site.folder().join("state");
    let logs = state.join("logs").join(&id);
    assert!(state.join("ledger.db-wal").exists());
    for path in [
        state.clone(),
        state.join("ledger.db"),
        state.join("ledger.db-wal"),
        state.join("ledger.db-shm"),
        state.join("patchwave.log"),
        state.join("logs"),
        logs.clone(),
        logs.join("controller.lock"),
    ] {
        assert_eq!(mode(&path) & 0o077, 0, "{}: {:o}", path.display(), mode(&path));
    }
    let approved = lie(site.command(&format!("approve {id}"))).output().unwrap();
    assert!(approved.status.success(), "{approved:?}");
    assert!(running.wait_with_output().unwrap().status.success());
    let me = Who::real(Some("ceo"));
    let started = site.fact(&id, |kind| if let Kind::RunStarted(started) = kind { Some(started) } else { None });
    assert_eq!((&started.operator, &started.person), (&me.account, &me.person));
    let by = site.fact(&id, |kind| if let Kind::Approved { by, .. } = kind { Some(by) } else { None });
    assert_eq!(by, me.person.beside(&format!("{}@{}", me.account, started.controller)));
    let all = serde_json::to_string(&site.events(&id)).unwrap();
    assert!(!all.contains("mallory") && !me.account.contains("ceo"), "{all}");
}

#[test]
fn a_record_that_others_may_write_is_refused_by_every_command_and_nothing_is_done() {
    let site = site(1);
    site.run("run play.yml -i inv.yml --check").ended(0);
    let run = site.last_run();
    let state = site.folder().join("state");
    let lock = state.join("logs").join(&run).join("controller.lock");
    let logins = site.logins();
    type Spoil = fn(&Path);
    let open: Spoil = |path| fs::set_permissions(path, fs::Permissions::from_mode(mode(path) | 0o022)).unwrap();
    let strange: Spoil = |path| chown(path, Some(STRANGER), None).unwrap();
    let mut spoilers = vec![(open, "other accounts may write there")];
    if is_root() {
        spoilers.push((strange, "belongs to"));
    } else {
        eprintln!("NOT RUN: giving a file away needs root");
    }
    let commands = [
        "run play.yml -i inv.yml".to_owned(),
        "runs".to_owned(),
        format!("show {run}"),
        format!("status {run}"),
        format!("approve {run}"),
        format!("stop {run}"),
        "resume".to_owned(),
        "run play.yml -i inv.yml --limit @unfinished".to_owned(),
        "ledger prune --keep-runs 0 --yes".to_owned(),
    ];
    for (spoil, said) in spoilers {
        for path in [state.clone(), state.join("ledger.db"), state.join("logs")] {
            let before = fs::metadata(&path).unwrap();
            spoil(&path);
            for command in &commands {
                let page = site.run(command);
                assert!(page.code == 3 || command.contains('@'), "{}: {command}: {}", path.display(), page.page());
                page.says(&[said]);
            }
            fs::set_permissions(&path, before.permissions()).unwrap();
            chown(&path, Some(std::os::unix::fs::MetadataExt::uid(&before)), None).unwrap();
        }
        // A lock that another user can remove proves nothing.
        let before = fs::metadata(&lock).unwrap();
        spoil(&lock);
        site.run("ledger prune --keep-runs 0 --yes").ended(3).says(&[said]);
        fs::set_permissions(&lock, before.permissions()).unwrap();
        chown(&lock, Some(std::os::unix::fs::MetadataExt::uid(&before)), None).unwrap();
    }
    assert_eq!(site.logins(), logins, "no host was touched");
    open(&state);
    insta::assert_snapshot!(site.run("runs").page(), @r#"
    exit code 3
    -- stderr
    error: state: other accounts may write there (mode 0722), and could change the record or approve in your name
    help: look at what is in it (`patchwave ledger verify`, `patchwave runs`), then `chmod go-w state`; or name another state folder with `--state-dir DIR`
    "#);
}

#[test]
fn a_folder_that_somebody_prepared_is_not_filled_and_a_log_that_was_open_is_closed() {
    let site = site(1);
    // As in /tmp, where another user may create the file first.
    let shared: PathBuf = site.write("shared/ledger.db", "");
    let folder = shared.parent().unwrap();
    let victim = site.write("victim", "");
    std::os::unix::fs::symlink(&victim, folder.join("patchwave.log")).unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o666)).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o1777)).unwrap();
    site.really("run play.yml -i inv.yml --state-dir shared -vv")
        .ended(3)
        .says(&["other accounts may write there", "chmod go-w"]);
    assert_eq!(fs::read(&shared).unwrap(), b"", "nothing was recorded there");
    assert_eq!(fs::read(&victim).unwrap(), b"", "nothing was written through a link");
    assert_eq!(site.logins(), 0);
    let log = site.write("state/patchwave.log", "");
    fs::set_permissions(&log, fs::Permissions::from_mode(0o644)).unwrap();
    // One host and so one wave: no question comes up here.
    site.write("inv.yml", &site.fleet.inventory());
    site.really("run play.yml -i inv.yml").ended(0);
    assert_eq!(mode(&log), 0o600);
}

#[test]
fn doubt_whether_somebody_drives_a_run_is_said_as_doubt() {
    if !is_root() {
        eprintln!("NOT RUN: another account needs root");
        return;
    }
    let site = site(2);
    let running = site.start("run play.yml -i inv.yml");
    let run = site.until("the end of the first wave", |events| finished(events) == 1);
    // Readable for others, on purpose; except the lock.
    let state = site.folder().join("state");
    let readable = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for folder in [site.folder(), state.clone(), state.join("logs"), state.join("logs").join(&run)] {
        readable(&folder, 0o755);
    }
    for file in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        readable(&state.join(file), 0o644);
    }
    let as_stranger = |line: &str| {
        let mut command = site.command(line);
        // The program itself may be where other users cannot look.
        let copy = site.folder().join("patchwave");
        if !copy.exists() {
            fs::copy(env!("CARGO_BIN_EXE_patchwave"), &copy).unwrap();
        }
        let args: Vec<_> = command.get_args().map(std::ffi::OsStr::to_owned).collect();
        let env: Vec<_> = command.get_envs().filter_map(|(k, v)| Some((k.to_owned(), v?.to_owned()))).collect();
        command = std::process::Command::new(copy);
        let output = command.args(args).env_clear().envs(env).uid(STRANGER).gid(STRANGER).output().unwrap();
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    for (line, said) in [
        (format!("status {run}"), "driven by unknown: cannot find out whether a controller is running it"),
        (format!("show {run}"), "cannot find out whether a controller is running this run"),
    ] {
        let text = as_stranger(&line);
        assert!(text.contains(said), "{line}: {text}");
    }
    for line in [format!("approve {run}"), format!("stop {run}")] {
        let text = as_stranger(&line);
        assert!(!text.contains("no controller is running") && text.contains("cannot be written"), "{line}: {text}");
    }
    site.run(&format!("approve {run}")).ended(0);
    running.end().ended(0);
}
