//! Upgrades on a host that is a folder, whose processes use files that the upgrade replaces. Its systemctl starts a
//! unit again by giving it a new process without replaced files.

use crate::{
    event::{StepResult, Verdict},
    playbook::{RestartServices, StepKind, Upgrade},
    step::{
        self,
        testing::{Bench, appears, patchable},
    },
    transport::Class,
};

const SYSTEMCTL: &str = r#"r=$PATCHWAVE_ROOT
echo "systemctl $*" >>"$r/calls"
case $1 in
show)
  while [ "$1" != -- ]; do shift; done; shift
  for u; do printf 'Id=%s\nType=notify\nActiveState=%s\n' "$u" "$(cat "$r/active/$u" 2>/dev/null || echo active)"
    cat "$r/properties/$u" 2>/dev/null || echo KillMode=control-group; echo; done ;;
restart)
  if [ -e "$r/slow" ]; then : >"$r/began"; sleep 2; fi
  if [ -e "$r/dies/$3" ]; then mkdir -p "$r/active"; echo failed >"$r/active/$3"; exit 1; fi
  rm -rf "$(cat "$r/procs/$3")" ;;
daemon-reexec) rm -rf "$r/proc/1" ;;
is-active) shift 2; for u; do cat "$r/active/$u" 2>/dev/null || echo active; done ;;
esac"#;

/// A host with an update of a library, which these processes use: `pid group name`.
fn host(restart: RestartServices, processes: &[&str]) -> Bench {
    let bench = Bench::new(StepKind::Upgrade(Upgrade { restart_services: restart, ..Upgrade::default() }));
    patchable(&bench);
    bench.shim("systemctl", SYSTEMCTL);
    bench.shim(
        "systemd-run",
        "while [ \"$1\" != /bin/sh ]; do shift; done\nsetsid -f \"$@\" </dev/null >/dev/null 2>&1",
    );
    bench.shim("sshd", r#"echo "sshd $*" >>"$PATCHWAVE_ROOT/calls"; [ ! -e "$PATCHWAVE_ROOT/bad-sshd" ]"#);
    std::fs::create_dir_all(bench.path("run/systemd/system")).unwrap();
    for process in processes {
        let [pid, group, name] = process.split(' ').collect::<Vec<_>>()[..] else { panic!("{process}") };
        // The data of a locale and a file of a user's are replaced without harm.
        let fine = "7f0-7f1 r--p 00000000 fe:01 1 /usr/lib/locale/locale-archive (deleted)\n\
                    7f0-7f1 r-xp 00000000 fe:01 2 /usr/local/bin/tool (deleted)\n\
                    7f1-7f2 r-xp 00000000 fe:01 3 /usr/lib/x86_64-linux-gnu/libc.so.6\n";
        let stale =
            "7f2-7f3 r-xp 00000000 fe:01 4                         /usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)\n";
        bench.file(&format!("proc/{pid}/maps"), format!("{fine}{stale}"));
        // Where both versions are mounted, either of them may be systemd's.
        let groups = match group.contains("dbus") {
            true => format!("12:cpu:/other\n1:name=systemd:{group}\n0::/\n"),
            false => format!("12:cpu:/other\n1:name=systemd:/\n0::{group}\n"),
        };
        bench.file(&format!("proc/{pid}/cgroup"), groups);
        bench.file(&format!("proc/{pid}/comm"), format!("{name}\n"));
        bench.file(&format!("proc/{pid}0/maps"), fine);
        let unit = group.rsplit('/').next().unwrap();
        if !unit.is_empty() {
            bench.file(&format!("procs/{unit}"), bench.path(&format!("proc/{pid}")).to_str().unwrap());
        }
    }
    bench
}

const ALL: [&str; 6] = [
    "1 /init.scope systemd",
    "20 /system.slice/dbus.service dbus-daemon",
    "30 /system.slice/nginx.service nginx",
    "40 /system.slice/ssh.service sshd",
    "50 /user.slice/user-1000.slice/session-3.scope vim",
    "60 /system.slice/docker-0123.scope node",
];

async fn go(bench: &mut Bench) -> StepResult {
    step::run(&mut bench.cx()).await
}

/// What changed units, in order, and what checked sshd.
fn done(bench: &Bench) -> Vec<String> {
    let calls = std::fs::read_to_string(bench.path("calls")).unwrap();
    let is =
        |line: &&str| ["systemctl restart", "systemctl daemon", "sshd"].iter().any(|begin| line.starts_with(begin));
    calls.lines().filter(is).map(str::to_owned).collect()
}

#[tokio::test]
async fn what_uses_replaced_files_is_restarted_and_sshd_comes_last() {
    let mut bench = host(RestartServices::Needed, &ALL);
    let result = go(&mut bench).await;
    assert_eq!(result.verdict, Verdict::Ok, "{result:?}");
    assert_eq!(result.summary, "1 package upgraded (libssl3 1 → 2); restarted systemd, nginx, ssh");
    let restarts = [
        "systemctl daemon-reexec",
        "systemctl restart -- nginx.service",
        "sshd -t",
        "systemctl restart -- ssh.service",
    ];
    assert_eq!(done(&bench), restarts);
    assert_eq!(result.restarted, ["systemd", "nginx", "ssh"]);
    assert_eq!(result.left_behind.services, ["dbus (needs a reboot)"]);
    let reasons = &result.vars["upgrade"]["reasons"];
    assert_eq!(reasons[0], "dbus uses files that were replaced, and only a reboot starts it again", "{reasons}");
    let detail = result.detail.join("\n");
    assert!(detail.contains("sessions that use replaced files: user 1000: vim"), "{detail}");
    assert!(detail.contains("containers that use replaced files: docker-0123.scope"), "{detail}");
    // Proved over a connection that was opened after the last restart.
    assert!(bench.count("new-login") == 1 && bench.transport.opened.load(std::sync::atomic::Ordering::Relaxed) == 2);
}

#[tokio::test]
async fn without_the_key_they_are_only_named() {
    let mut bench = host(RestartServices::Never, &ALL);
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, done(&bench).len()), (Verdict::Ok, 0), "{result:?}");
    assert_eq!(result.left_behind.services, ["systemd (process 1)", "nginx", "ssh", "dbus (needs a reboot)"]);
    assert_eq!((bench.count("new-login"), bench.count("stale-look")), (0, 1));
}

#[tokio::test]
async fn a_host_with_nothing_to_install_is_still_restarted_where_that_is_wanted() {
    for (restart, expected) in [(RestartServices::Needed, 1), (RestartServices::Never, 0)] {
        let mut bench = host(restart, &["30 /system.slice/nginx.service nginx"]);
        bench.file("outlook", "");
        let result = go(&mut bench).await;
        assert_eq!((done(&bench).len(), result.changed), (expected, expected == 1), "{result:?}");
        assert_eq!(result.verdict, if expected == 1 { Verdict::Ok } else { Verdict::Skipped });
    }
}

#[tokio::test]
async fn a_unit_that_does_not_come_back_is_a_failure_with_the_packages_kept() {
    let mut bench = host(RestartServices::Needed, &ALL);
    bench.file("dies/nginx.service", "");
    let result = go(&mut bench).await;
    assert_eq!(
        (result.verdict, result.class.as_str(), result.changed),
        (Verdict::Failed, "service", true),
        "{result:?}"
    );
    assert!(result.summary.starts_with("after their restart: nginx.service is failed"), "{result:?}");
    assert!(result.help.unwrap().contains("systemctl status nginx.service"));
    assert_eq!(result.packages.len(), 1);
}

#[tokio::test]
async fn sshd_with_a_bad_configuration_is_not_restarted() {
    let mut bench = host(RestartServices::Needed, &ALL);
    bench.file("bad-sshd", "");
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, "service"), "{result:?}");
    assert!(result.summary.contains("sshd refuses its configuration; it was not restarted"), "{result:?}");
    assert!(!done(&bench).iter().any(|call| call.contains("restart -- ssh")), "{:?}", done(&bench));
}

/// The step, on a host that refuses the next logins after sshd was restarted.
async fn refusing(classes: [Class; 2]) -> StepResult {
    let mut bench = host(RestartServices::Needed, &["40 /system.slice/ssh.service sshd"]);
    bench.shim("sshd", r#": >"$PATCHWAVE_ROOT/checked"; sleep 0.2"#);
    let checked = bench.path("checked");
    let refuse = bench.transport.refuse.clone();
    let mut cx = bench.cx();
    let (result, ()) = tokio::join!(step::run(&mut cx), async {
        appears(&checked).await;
        refuse.lock().unwrap().extend(classes);
    });
    result
}

#[tokio::test]
async fn a_host_without_a_new_login_is_a_failure_and_one_that_needs_a_moment_is_waited_for() {
    let result = refusing([Class::Refused, Class::Refused]).await;
    assert_eq!(result.verdict, Verdict::Ok, "{result:?}");
    let result = refusing([Class::HostKeyChanged, Class::HostKeyChanged]).await;
    assert_eq!(
        (result.verdict, result.class.as_str(), result.changed),
        (Verdict::Failed, "no-login", true),
        "{result:?}"
    );
    assert!(result.summary.starts_with("a new login does not work after services were restarted"), "{result:?}");
}

#[tokio::test]
async fn a_resumed_attempt_does_not_restart_twice() {
    let mut bench = host(RestartServices::Needed, &ALL[2..4]);
    bench.file("slow", "");
    let began = bench.path("began");
    {
        let mut cx = bench.cx();
        tokio::select! {
            result = step::run(&mut cx) => panic!("ended before the controller died: {result:?}"),
            () = appears(&began) => {}
        }
    }
    bench.resumed = true;
    let result = go(&mut bench).await;
    assert_eq!(result.summary, "1 package upgraded (libssl3 1 → 2); restarted nginx, ssh", "{result:?}");
    assert_eq!(done(&bench).iter().filter(|call| call.contains("nginx")).count(), 1);
}

#[tokio::test]
async fn without_systemd_programs_are_named() {
    let mut bench = host(RestartServices::Needed, &["30 / nginx"]);
    std::fs::remove_dir_all(bench.path("run/systemd")).unwrap();
    let result = go(&mut bench).await;
    assert_eq!(result.left_behind.services, ["nginx (no unit of systemd: restart it by hand)"], "{result:?}");
    assert_eq!((result.verdict, bench.count("new-login")), (Verdict::Ok, 0));
}
