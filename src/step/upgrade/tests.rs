//! The whole step on a host that is a folder: its apt is a few lines of shell that read files written by the test.

mod hold;
mod options;

use std::time::Duration;

use serde_json::json;

use crate::{
    event::{StepResult, Verdict},
    playbook::{Scope, StepKind, TemplateList, Upgrade, WayBackWish},
    step::{
        self,
        testing::{Bench, Fault, appears},
    },
};

const APT_GET: &str = r#"
echo "apt-get $*" >>"$PATCHWAVE_ROOT/calls"
case "$*" in
*indextargets*) printf '%s\n' 'main Packages|Debian|Debian|stable|bookworm' 'sec Packages|Debian|Debian-Security|stable-security|bookworm-security' ;;
-s*upgrade) cat "$PATCHWAVE_ROOT/outlook" ;;
-s*) cat "$PATCHWAVE_ROOT/simulation" ;;
*update) . "$PATCHWAVE_ROOT/update" ;;
*"-f install") . "$PATCHWAVE_ROOT/fix" ;;
*install*) . "$PATCHWAVE_ROOT/install" ;;
esac
"#;
const DPKG_QUERY: &str = r#"case "$*" in *Want*) cat "$PATCHWAVE_ROOT/packages" ;; *) exit 1 ;; esac"#;
const APT_MARK: &str =
    r#"case $1 in showauto) cat "$PATCHWAVE_ROOT/auto" ;; *) echo "apt-mark $*" >>"$PATCHWAVE_ROOT/calls" ;; esac"#;
const DPKG: &str = r#"case $1 in --print*) echo amd64 ;; *) echo "dpkg $*" >>"$PATCHWAVE_ROOT/calls" ;; esac"#;

/// Writes the packages: `name version [status]`.
fn packages(lines: &str) -> String {
    let row = |line: &str| {
        let mut words = line.split(' ');
        let (name, version) = (words.next().unwrap(), words.next().unwrap());
        format!("pkg\t{name}\t{version}\tamd64\tinstall\t{}\tok\n", words.next().unwrap_or("installed"))
    };
    lines.lines().map(row).collect()
}

fn upgrade() -> Upgrade {
    Upgrade { lock_timeout: Duration::from_secs(1), ..Upgrade::default() }
}

/// A host with `openssl 1` and its library, which have a pending security fix; `bash` has another update.
fn host(spec: Upgrade) -> Bench {
    let bench = Bench::new(StepKind::Upgrade(spec));
    bench.file("etc/os-release", "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
    for (name, body) in
        [("apt-get", APT_GET), ("dpkg-query", DPKG_QUERY), ("apt-mark", APT_MARK), ("dpkg", DPKG), ("id", "echo 0")]
    {
        bench.shim(name, body);
    }
    bench.shim("uname", "echo 6.1.0-98-amd64");
    bench.shim("apt-cache", r#"cat "$PATCHWAVE_ROOT/tables""#);
    let inst = "Inst libssl3 [1] (2 Debian-Security:stable-security [amd64])\n\
                Inst openssl [1] (2 Debian-Security:stable-security [amd64])\n";
    bench.file("outlook", format!("{inst}Inst bash [5] (6 Debian:stable [amd64])\n"));
    bench.file("simulation", inst);
    let table = |name: &str, from: &str, to: &str, source: &str| {
        format!(
            "{name}:\n  Installed: {from}\n  Candidate: {to}\n  Version table:\n     {to} 500\n        500 {source}\n \
             *** {from} 100\n        100 /var/lib/dpkg/status\n"
        )
    };
    bench.file(
        "tables",
        table("bash", "5", "6", "main Packages")
            + &table("libssl3", "1", "2", "sec Packages")
            + &table("openssl", "1", "2", "sec Packages"),
    );
    bench.file("packages", packages("bash 5\nlibssl3 1\nopenssl 1"));
    bench.file("auto", "libssl3\n");
    bench.file("update", "");
    bench.file("done", packages("bash 5\nlibssl3 2\nopenssl 2"));
    bench.file("install", r#"cp "$PATCHWAVE_ROOT/done" "$PATCHWAVE_ROOT/packages"; : >"$PATCHWAVE_ROOT/auto""#);
    bench.file("fix", "");
    bench.file("calls", "");
    bench
}

async fn go(bench: &mut Bench) -> StepResult {
    step::run(&mut bench.cx()).await
}

fn calls(bench: &Bench) -> String {
    std::fs::read_to_string(bench.path("calls")).unwrap()
}

fn installs(bench: &Bench) -> usize {
    calls(bench).lines().filter(|line| line.starts_with("apt-get -y") && line.contains("--only-upgrade")).count()
}

#[tokio::test]
async fn security_updates_are_installed_in_exact_versions_and_nothing_else() {
    let mut bench = host(upgrade());
    let result = go(&mut bench).await;
    assert_eq!(result.summary, "2 packages upgraded (libssl3 1 → 2, openssl 1 → 2)", "{result:?}");
    assert_eq!((result.verdict, result.changed, result.packages.len()), (Verdict::Ok, true, 2));
    assert_eq!(
        result.vars["upgrade"],
        json!({"packages": 2, "names": ["libssl3", "openssl"], "reboot_required": false, "reasons": []})
    );
    let calls = calls(&bench);
    let install = calls.lines().find(|line| line.starts_with("apt-get -y")).unwrap();
    assert_eq!(
        install,
        "apt-get -y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 \
         -o DPkg::Lock::Timeout=30 --no-remove install --only-upgrade libssl3=2 openssl=2"
    );
    assert!(calls.lines().any(|line| line == "apt-mark auto libssl3"), "{calls}");
    assert_eq!(bench.journal.notes["plan"]["before"]["bash"], "5");
}

#[tokio::test]
async fn a_check_says_what_would_change_and_changes_nothing() {
    let mut bench = host(upgrade());
    bench.check = true;
    let result = go(&mut bench).await;
    assert_eq!(result.summary, "2 packages would be upgraded (libssl3 1 → 2, openssl 1 → 2)");
    assert_eq!((result.verdict, result.changed, installs(&bench)), (Verdict::Ok, false, 0));
    assert!(!calls(&bench).contains("update"), "the package lists are a part of the host");
    assert!(!bench.journal.notes.contains_key("plan") && !bench.path("var/lib/patchwave").exists());
}

#[tokio::test]
async fn an_empty_set_starts_no_transaction() {
    let mut bench = host(Upgrade {
        exclude: Some(TemplateList::Items(vec![crate::playbook::Template("*ssl*".into())])),
        ..upgrade()
    });
    let result = go(&mut bench).await;
    assert_eq!(result.summary, "nothing to do (excluded: libssl3, openssl)");
    bench.file("outlook", "");
    let result = go(&mut bench).await;
    assert_eq!(result.summary, "nothing to do: no security update pending");
    assert_eq!((result.verdict, result.changed, installs(&bench)), (Verdict::Skipped, false, 0));
}

#[tokio::test]
async fn what_stands_in_the_way_is_named_before_anything_is_changed() {
    type Spoil = fn(&Bench);
    let cases: [(&str, &str, Spoil); 11] = [
        ("disk", "/ has 4 MiB free, at least 32 MiB needed", |bench| {
            bench.shim("df", "echo /dev/sda1 2000000 1 5000 99% /");
        }),
        ("disk", "/ has 7 inodes free, at least 1000 needed", |bench| {
            bench.shim(
                "df",
                "case $2 in -i) echo /dev/sda1 9000 1 7 99% / ;; *) echo /dev/sda1 9 1 900000 1% / ;; esac",
            );
        }),
        ("unsupported", "this host has yum (CentOS Linux 7)", |bench| {
            bench.file("etc/os-release", "ID=centos\nID_LIKE=\"rhel fedora\"\nPRETTY_NAME=\"CentOS Linux 7\"\n");
            bench.shim("yum", "");
        }),
        ("rights", "apt needs root, but commands run as user 1000", |bench| bench.shim("id", "echo 1000")),
        ("broken-packages", "openssl is half-configured", |bench| {
            bench.file("packages", packages("bash 5\nlibssl3 1\nopenssl 1 half-configured"));
        }),
        ("refresh", "E: Failed to fetch http://x", |bench| {
            bench.file("update", "echo 'E: Failed to fetch http://x  refused' >&2; exit 100");
        }),
        ("lock", "lock held by apt-get (pid 812)", |bench| {
            let held = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 812 (apt-get)";
            bench.file("update", format!("echo '{held}' >&2; exit 100"));
            hold(bench, "/var/lib/apt/lists/lock", "apt-get\0update\0");
        }),
        ("lock", "lock held by unattended-upgrade (pid 812)", |bench| {
            hold(bench, "/var/lib/dpkg/lock-frontend", "/usr/bin/python3\0/usr/bin/unattended-upgrade\0");
        }),
        ("no-security-source", "none of this host's package sources is a security source", |bench| {
            bench.shim("apt-get", &APT_GET.replace("Debian-Security|stable-security|bookworm-security", "x|y|z"));
        }),
        ("removals", "the upgrade would remove nginx", |bench| {
            let text = std::fs::read_to_string(bench.path("simulation")).unwrap();
            bench.file("simulation", text + "Remv nginx [1]\n");
        }),
        ("drift", "openssl=2 was chosen, but would not be installed", |bench| {
            bench.file("simulation", "Inst libssl3 [1] (2 x:y [amd64])\n");
        }),
    ];
    for (class, text, spoil) in cases {
        let mut bench = host(upgrade());
        spoil(&bench);
        let result = go(&mut bench).await;
        assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, class), "{result:?}");
        assert!(result.summary.contains(text), "{result:?}");
        assert_eq!((result.changed, installs(&bench)), (false, 0), "{class}");
    }
}

/// Process 812 holds `file`.
fn hold(bench: &Bench, file: &str, cmdline: &str) {
    use std::os::unix::fs::MetadataExt;
    bench.file(file, "");
    let inode = std::fs::metadata(bench.path(file)).unwrap().ino();
    bench.file("proc/locks", format!("1: POSIX  ADVISORY  WRITE 812 fe:01:{inode} 0 EOF\n"));
    bench.file("proc/812/cmdline", cmdline);
}

#[tokio::test]
async fn a_failing_script_is_a_failure_with_the_package_and_what_to_type() {
    let mut bench = host(upgrade());
    bench.file("done", packages("bash 5\nlibssl3 2\nopenssl 2 half-configured"));
    let text = "dpkg: error processing package openssl (--configure):\n installed openssl package post-installation \
                script subprocess returned error exit status 1";
    bench.file("install", format!("cp \"$PATCHWAVE_ROOT/done\" \"$PATCHWAVE_ROOT/packages\"; echo '{text}'; exit 100"));
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, result.class.as_str(), result.changed), (Verdict::Failed, "package-failed", true));
    assert!(result.summary.starts_with("openssl: installed openssl package post-installation script"), "{result:?}");
    assert!(result.help.unwrap().contains("dpkg --configure -a"));
    assert!(!calls(&bench).contains("dpkg --force"), "nobody asked for a repair");
}

#[tokio::test]
async fn a_broken_database_is_repaired_first_when_that_is_asked_for() {
    let mut bench = host(Upgrade { repair: true, ..upgrade() });
    bench.file("packages", packages("bash 5\nlibssl3 1\nopenssl 1 unpacked"));
    bench.file("repaired", packages("bash 5\nlibssl3 1\nopenssl 1"));
    bench.file("fix", r#"cp "$PATCHWAVE_ROOT/repaired" "$PATCHWAVE_ROOT/packages""#);
    let result = go(&mut bench).await;
    assert_eq!(result.verdict, Verdict::Ok, "{result:?}");
    let calls = calls(&bench);
    assert!(calls.contains("dpkg --force-confdef --force-confold --configure -a"), "{calls}");

    bench.file("packages", packages("bash 5\nlibssl3 1\nopenssl 1 unpacked"));
    bench.file("fix", "");
    bench.attempt = 2;
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, "broken-packages"));
}

#[tokio::test]
async fn a_lost_connection_costs_nothing() {
    let mut bench = host(upgrade());
    bench.file("install", r#"sleep 1; cp "$PATCHWAVE_ROOT/done" "$PATCHWAVE_ROOT/packages""#);
    bench.faults("job-start", [Fault::LoseAfter(Duration::from_millis(200))]);
    bench.faults("job-poll", [Fault::CutAfter(Duration::from_millis(100)), Fault::NotSent]);
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, installs(&bench)), (Verdict::Ok, 1), "{result:?}");
}

#[tokio::test]
async fn a_host_that_is_lost_during_its_transaction_says_how_to_find_it_again() {
    let mut bench = host(upgrade());
    bench.limit = Duration::from_secs(4);
    bench.file("install", r#": >"$PATCHWAVE_ROOT/locked-out"; sleep 1"#);
    bench.faults("job-start", [Fault::LoseAfter(Duration::from_millis(800))]);
    let result = go(&mut bench).await;
    let help = result.help.as_deref().unwrap_or_default();
    assert_eq!((result.verdict, installs(&bench)), (Verdict::Unknown, 1), "{result:?}");
    assert!(help.starts_with(&format!("`patchwave resume {}` (it ", bench.run.0)), "{result:?}");
}

#[tokio::test]
async fn a_resumed_attempt_finds_its_transaction_again() {
    let mut bench = host(upgrade());
    bench.file(
        "install",
        r#": >"$PATCHWAVE_ROOT/began"; sleep 2; cp "$PATCHWAVE_ROOT/done" "$PATCHWAVE_ROOT/packages""#,
    );
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
    assert_eq!(result.summary, "2 packages upgraded (libssl3 1 → 2, openssl 1 → 2)", "{result:?}");
    assert_eq!(installs(&bench), 1);
    // And once more, after its end was recorded.
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, installs(&bench)), (Verdict::Ok, 1), "{result:?}");
}

#[tokio::test]
async fn a_killed_transaction_is_finished_once_and_judged_by_the_packages() {
    for (repaired, verdict, class) in [("openssl 2", Verdict::Ok, ""), ("openssl 1", Verdict::Failed, "interrupted")] {
        let mut bench = host(upgrade());
        bench.file("half", packages("bash 5\nlibssl3 2\nopenssl 2 half-configured"));
        bench.file("repaired", packages(&format!("bash 5\nlibssl3 2\n{repaired}")));
        bench.file("install", r#"cp "$PATCHWAVE_ROOT/half" "$PATCHWAVE_ROOT/packages"; kill -9 0"#);
        bench.file("fix", r#"cp "$PATCHWAVE_ROOT/repaired" "$PATCHWAVE_ROOT/packages""#);
        let result = go(&mut bench).await;
        assert_eq!((result.verdict, result.class.as_str()), (verdict, class), "{result:?}");
        assert_eq!(calls(&bench).matches("--configure -a").count(), 1);
        assert_eq!(installs(&bench), 1);
    }
}

#[tokio::test]
async fn packages_that_cannot_be_read_afterwards_leave_the_outcome_unknown() {
    let mut bench = host(upgrade());
    bench.file("install", r#"rm "$PATCHWAVE_ROOT/packages""#);
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, result.changed), (Verdict::Unknown, true), "{result:?}");
    assert!(result.summary.starts_with("the transaction ran, but the packages cannot be read"), "{result:?}");
}

/// A host whose security update of the kernel brings a new image, with this much room (KiB) in its `/boot`.
fn with_kernel(free: u64) -> Bench {
    let bench = host(upgrade());
    let inst = "Inst linux-image-6.1.0-99-amd64 (2 Debian-Security:stable-security [amd64])\n\
                Inst linux-image-amd64 [1] (2 Debian-Security:stable-security [amd64])\n";
    bench.file("outlook", inst);
    bench.file("simulation", inst);
    bench.file(
        "tables",
        "linux-image-6.1.0-99-amd64:\n  Installed: (none)\n  Candidate: 2\n  Version table:\n     2 500\n        \
         500 sec Packages\nlinux-image-amd64:\n  Installed: 1\n  Candidate: 2\n  Version table:\n     2 500\n        500 sec Packages\n \
         *** 1 100\n        100 /var/lib/dpkg/status\n",
    );
    bench.file("packages", packages("linux-image-6.1.0-98-amd64 1\nlinux-image-amd64 1"));
    bench.file("auto", "");
    bench.file("done", packages("linux-image-6.1.0-98-amd64 1\nlinux-image-6.1.0-99-amd64 2\nlinux-image-amd64 2"));
    bench.file("boot/vmlinuz-6.1.0-98-amd64", vec![0; 2 << 20]);
    bench.file("boot/initrd.img-6.1.0-98-amd64", vec![0; 3 << 20]);
    bench.file("boot/initrd.img-6.1.0-97-amd64", vec![0; 1 << 20]);
    bench.shim(
        "df",
        &format!(
            "case \"$*\" in */boot) free={free} ;; *) free=900000 ;; esac; echo \"/dev/sda1 2000000 1 $free 95% /\""
        ),
    );
    bench
}

#[tokio::test]
async fn a_kernel_for_which_boot_has_no_room_is_refused_before_anything_is_changed() {
    // The kernel of 2 MiB, its image of 3 MiB, and the image once more while it is written.
    let mut bench = with_kernel(8 * 1024 - 1);
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, result.class.as_str(), result.changed), (Verdict::Failed, "disk", false), "{result:?}");
    assert_eq!(result.summary, "/boot has 7 MiB free, 8 MiB needed for the new kernel");
    assert_eq!(installs(&bench), 0);
    assert!(!bench.journal.notes.contains_key("plan"));

    let mut bench = with_kernel(8 * 1024);
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, result.changed), (Verdict::Ok, true), "{result:?}");
    assert_eq!(bench.count("boot-room"), 1);
}

#[tokio::test]
async fn an_update_that_leaves_boot_alone_needs_no_room_in_it() {
    let mut bench = host(upgrade());
    bench.file("boot/vmlinuz-6.1.0-97-amd64", "");
    bench.shim(
        "df",
        "case \"$*\" in */boot) free=0 ;; *) free=900000 ;; esac; echo \"/dev/sda1 2000000 1 $free 95% /\"",
    );
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, bench.count("boot-room")), (Verdict::Ok, 1), "{result:?}");
}

/// A host whose apt can fetch some old versions: those in the file `offered`.
fn with_old_versions(wish: WayBackWish, offered: &str) -> Bench {
    let bench = host(Upgrade { rollback: wish, ..upgrade() });
    bench.file("offered", offered);
    let get = r#"*" download "*) for one; do case $one in *=*=*) ;; [a-z]*=*)
  grep -qx "$one" "$PATCHWAVE_ROOT/offered" && echo "${one%=*} ${one#*=} amd64" >"${one%=*}_${one#*=}_amd64.deb" ;;
esac; done ;;
*update)"#;
    bench.shim("apt-get", &APT_GET.replace("*update)", get));
    let tables = r#"case $1 in policy) cat "$PATCHWAVE_ROOT/tables" ;; show) shift; for one; do
  ! grep -qx "$one" "$PATCHWAVE_ROOT/offered" || printf 'Package: %s\nVersion: %s\nArchitecture: amd64\nFilename: pool/x.deb\nSize: 1048576\n\n' "${one%=*}" "${one#*=}"
done ;; esac"#;
    bench.shim("apt-cache", tables);
    bench.shim("dpkg-query", &DPKG_QUERY.replace("*) exit 1 ;;", "*Installed-Size*) echo 2048 ;;\n*) exit 1 ;;"));
    bench.shim(
        "dpkg-deb",
        r#"for file; do :; done; read -r name version arch <"$file"
case $2 in --showformat=deb*) printf 'deb ' ;; esac; echo "$name $version $arch""#,
    );
    bench.shim("df", "echo '/dev/sda1 200000000 1 100000000 1% /var'");
    bench
}

#[tokio::test]
async fn old_versions_are_on_the_host_before_anything_is_changed() {
    let mut bench = with_old_versions(WayBackWish::Required, "libssl3=1\nopenssl=1\n");
    bench.file("var/lib/patchwave/staged/other-run/a_1_amd64.deb", "a 1 amd64\n");
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, result.changed), (Verdict::Ok, true), "{result:?}");
    let way = result.way_back.unwrap();
    assert_eq!((way.staged.len(), way.missing.len()), (2, 0), "{way:?}");
    let folder = bench.path(way.folder.as_ref().unwrap());
    assert_eq!(std::fs::read_to_string(folder.join("openssl_1_amd64.deb")).unwrap(), "openssl 1 amd64\n");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(!bench.path("var/lib/patchwave/staged/other-run").exists(), "folders of earlier runs go");
    let calls = calls(&bench);
    let at = |text: &str| calls.lines().position(|line| line.contains(text)).unwrap();
    assert!(at("download") < at("--no-remove install --only-upgrade libssl3=2"), "{calls}");
}

#[tokio::test]
async fn without_a_way_back_that_is_required_nothing_is_changed() {
    let mut bench = with_old_versions(WayBackWish::Required, "libssl3=1\n");
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, result.class.as_str(), result.changed), (Verdict::Failed, "no-way-back", false));
    assert_eq!(result.summary, "no way back for openssl=1: nothing was changed");
    assert_eq!(installs(&bench), 0);
    // The archive is in apt's cache, or can be packed again.
    bench.file("var/cache/apt/archives/openssl_1_amd64.deb", "openssl 1 amd64\n");
    bench.attempt = 2;
    assert_eq!(go(&mut bench).await.verdict, Verdict::Ok);
    // An earlier upgrade has fetched it.
    let mut bench = with_old_versions(WayBackWish::Required, "libssl3=1\n");
    bench.file("var/lib/patchwave/staged/earlier/openssl_1_amd64.deb", "openssl 1 amd64\n");
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, result.way_back.unwrap().staged.len()), (Verdict::Ok, 2));
    let mut bench = with_old_versions(WayBackWish::Required, "libssl3=1\n");
    bench.shim("dpkg-query", &DPKG_QUERY.replace("*) exit 1 ;;", "*Installed-Size*) ;;\n*) echo 1 ;;"));
    bench.shim("dpkg-repack", r#"echo "$1 1 amd64" >"$1_1_amd64.deb""#);
    assert_eq!(go(&mut bench).await.verdict, Verdict::Ok);
}

#[tokio::test]
async fn a_way_back_that_is_only_prepared_names_what_it_lacks() {
    let mut bench = with_old_versions(WayBackWish::Prepare, "libssl3=1\n");
    let result = go(&mut bench).await;
    assert_eq!(result.verdict, Verdict::Ok, "{result:?}");
    let way = result.way_back.unwrap();
    let missing: Vec<String> = way.missing.iter().map(ToString::to_string).collect();
    assert_eq!((missing, way.staged.len()), (vec!["openssl=1".to_owned()], 1));
}

#[tokio::test]
async fn without_room_for_old_versions_nothing_is_fetched() {
    let mut bench = with_old_versions(WayBackWish::Required, "libssl3=1\nopenssl=1\n");
    bench.shim("df", "echo '/dev/sda1 200000 1 60000 99% /var'");
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, result.class.as_str(), result.changed), (Verdict::Failed, "disk", false), "{result:?}");
    assert!(!calls(&bench).contains("download") && installs(&bench) == 0);
}

#[tokio::test]
async fn without_the_key_only_what_is_known_is_recorded() {
    let mut bench = host(upgrade());
    let result = go(&mut bench).await;
    let way = result.way_back.unwrap();
    let missing: Vec<String> = way.missing.iter().map(ToString::to_string).collect();
    assert_eq!((missing.join(" ").as_str(), way.offered.len(), way.folder), ("libssl3=1 openssl=1", 0, None));
    assert_eq!(bench.count("apt-staged"), 0);
}

#[tokio::test]
async fn a_hold_of_a_rollback_is_explained_and_ends_with_its_time() {
    let mut bench = host(upgrade());
    bench.shim("dpkg-query", &DPKG_QUERY.replace("cat \"$PATCHWAVE_ROOT/packages\"",
        "sed \"/$(cat \"$PATCHWAVE_ROOT/held\")/s/install\\tinstalled/hold\\tinstalled/\" \"$PATCHWAVE_ROOT/packages\""));
    bench.shim(
        "apt-mark",
        r#"case $1 in showauto) ;; unhold) echo nothing >"$PATCHWAVE_ROOT/held" ;; esac
echo "apt-mark $*" >>"$PATCHWAVE_ROOT/calls""#,
    );
    bench.file("held", "openssl\n");
    bench.file("var/lib/patchwave/holds", "9999999999\trun-1\topenssl\tbreaks TLS\n");
    let only_library = "Inst libssl3 [1] (2 Debian-Security:stable-security [amd64])\n";
    bench.file("simulation", only_library);
    bench.file("done", packages("bash 5\nlibssl3 2\nopenssl 1"));
    let result = go(&mut bench).await;
    assert_eq!(result.verdict, Verdict::Ok, "{result:?}");
    let line = result.detail.iter().find(|line| line.contains("is held until")).unwrap();
    assert_eq!(line, "openssl is held until 2286-11-20T17:46:39Z by the rollback in run run-1: breaks TLS");
    assert!(!calls(&bench).contains("unhold"));

    bench.file("packages", packages("bash 5\nlibssl3 1\nopenssl 1"));
    bench.file("done", packages("bash 5\nlibssl3 2\nopenssl 2"));
    bench.file("simulation", format!("{only_library}Inst openssl [1] (2 Debian-Security:stable-security [amd64])\n"));
    bench.file("var/lib/patchwave/holds", "1000\trun-1\topenssl\tbreaks TLS\n");
    bench.attempt = 2;
    let result = go(&mut bench).await;
    assert_eq!(result.packages.len(), 2, "{result:?}");
    assert!(calls(&bench).contains("apt-mark unhold openssl"));
    assert_eq!(std::fs::read_to_string(bench.path("var/lib/patchwave/holds")).unwrap(), "");
}
