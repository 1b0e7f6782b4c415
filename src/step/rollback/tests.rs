//! The whole step on a host that is a folder: its apt is a few lines of shell that read files written by the test.

use std::time::Duration;

use crate::{
    event::{PackageChange, StepResult, Verdict},
    pkg::Undo,
    playbook::{Rollback, StepKind, Template},
    step::{
        self,
        testing::{Bench, Fault, appears},
    },
};

const APT_GET: &str = r#"
echo "apt-get $*" >>"$PATCHWAVE_ROOT/calls"
case "$*" in
-s*) cat "$PATCHWAVE_ROOT/simulation" ;;
*"-f install") ;;
*install*) . "$PATCHWAVE_ROOT/back" ;;
esac
"#;
const DPKG_QUERY: &str = r#"case "$*" in
*Want*) sed 's/$/\tok/' "$PATCHWAVE_ROOT/packages" | awk -F '\t' -v OFS='\t' -v held=" $(cat "$PATCHWAVE_ROOT/held") " '
    { print $1, $2, $3, $4, (index(held, " " $2 " ") ? "hold" : "install"), $5, $6 }' ;;
*) exit 1 ;;
esac"#;
const APT_MARK: &str = r#"case $1 in
showauto) cat "$PATCHWAVE_ROOT/auto" ;;
auto) shift; printf '%s\n' "$@" >>"$PATCHWAVE_ROOT/auto" ;;
hold) shift; echo " $* " >>"$PATCHWAVE_ROOT/held" ;;
esac
echo "apt-mark $*" >>"$PATCHWAVE_ROOT/calls""#;
const DPKG_DEB: &str = r#"for file; do :; done; read -r name version arch <"$file"
case $2 in --showformat=deb*) printf 'deb ' ;; esac; echo "$name $version $arch""#;

/// Writes the packages: `name version [status]`.
fn packages(lines: &str) -> String {
    let row = |line: &str| {
        let mut words = line.split(' ');
        let (name, version) = (words.next().unwrap(), words.next().unwrap());
        format!("pkg\t{name}\t{version}\tamd64\t{}\n", words.next().unwrap_or("installed"))
    };
    lines.lines().map(row).collect()
}

fn change(words: &str) -> PackageChange {
    let version = |word: &str| (word != "-").then(|| word.to_owned());
    let [name, from, to] = words.split(' ').collect::<Vec<_>>()[..] else { panic!("{words}") };
    PackageChange { name: name.to_owned(), from: version(from), to: version(to) }
}

/// A host on which an upgrade replaced `openssl` and its library (a dependency), brought `new` and removed `gone` (a
/// dependency).
fn host(spec: Rollback) -> Bench {
    let mut bench = Bench::new(StepKind::Rollback(spec));
    bench.file("etc/os-release", "ID=debian\n");
    for (name, body) in [
        ("apt-get", APT_GET),
        ("dpkg-query", DPKG_QUERY),
        ("apt-mark", APT_MARK),
        ("dpkg", "echo amd64"),
        ("dpkg-deb", DPKG_DEB),
        ("id", "echo 0"),
        ("uname", "echo 6.1.0-98-amd64"),
    ] {
        bench.shim(name, body);
    }
    for (file, text) in [("calls", ""), ("held", ""), ("auto", "libssl3\n")] {
        bench.file(file, text);
    }
    bench.file("packages", packages("bash 5\nlibssl3 2\nnew 1\nopenssl 2"));
    bench.file("before", packages("bash 5\ngone 1\nlibssl3 1\nopenssl 1"));
    bench.file("simulation", SIMULATION);
    bench.file("back", r#"cp "$PATCHWAVE_ROOT/before" "$PATCHWAVE_ROOT/packages"; : >"$PATCHWAVE_ROOT/auto""#);
    bench.undo = Undo {
        changes: ["gone 1 -", "libssl3 1 2", "new - 1", "openssl 1 2"].map(change).into(),
        auto: ["gone".to_owned()].into(),
        ..Undo::default()
    };
    bench
}

const SIMULATION: &str = "Remv new [1]\nInst libssl3 [2] (1 Debian:stable [amd64])\n\
                          Inst openssl [2] (1 Debian:stable [amd64])\nInst gone (1 Debian:stable [amd64])\n";

async fn go(bench: &mut Bench) -> StepResult {
    step::run(&mut bench.cx()).await
}

fn read(bench: &Bench, file: &str) -> String {
    std::fs::read_to_string(bench.path(file)).unwrap()
}

fn transactions(bench: &Bench) -> Vec<String> {
    let is_one = |line: &&str| line.starts_with("apt-get -y") || line.starts_with("apt-get -o APT::Sandbox");
    read(bench, "calls").lines().filter(is_one).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_exact_set_of_before_comes_back_with_its_marks_and_is_held() {
    let mut bench = host(Rollback { reason: Some(Template("breaks TLS".to_owned())), ..Rollback::default() });
    let result = go(&mut bench).await;
    assert_eq!(result.verdict, Verdict::Ok, "{result:?}");
    assert_eq!(result.summary, "4 packages rolled back (gone 1 new, libssl3 2 → 1, new 1 removed, …), held for 7 days");
    assert_eq!(read(&bench, "packages"), read(&bench, "before"));
    assert_eq!(
        transactions(&bench),
        ["apt-get -y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 \
          -o DPkg::Lock::Timeout=600 install --allow-downgrades libssl3=1 openssl=1 gone=1 new-"]
    );
    assert_eq!(read(&bench, "auto"), "gone\nlibssl3\n", "marks as before");
    assert_eq!(read(&bench, "held").trim(), "gone libssl3 openssl");
    let holds = read(&bench, "var/lib/patchwave/holds");
    assert_eq!(holds.lines().count(), 3, "{holds}");
    assert!(holds.lines().all(|line| line.contains("20261122-020003-kxfa") && line.ends_with("breaks TLS")), "{holds}");
    // Once more: there is nothing to do.
    bench.attempt = 2;
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, transactions(&bench).len()), (Verdict::Skipped, 1), "{result:?}");
}

#[tokio::test]
async fn archives_on_the_host_are_used_where_there_are_some() {
    let mut bench = host(Rollback { hold: Some(Duration::ZERO), ..Rollback::default() });
    bench.undo.folders = vec!["/var/lib/patchwave/staged/a".to_owned(), "/var/lib/patchwave/staged/none".to_owned()];
    bench.file("var/lib/patchwave/staged/a/openssl_1_amd64.deb", "openssl 1 amd64\n");
    bench.file("var/lib/patchwave/staged/a/other_1_amd64.deb", "other 1 i386\n");
    let result = go(&mut bench).await;
    assert_eq!(result.verdict, Verdict::Ok, "{result:?}");
    let file = bench.path("var/lib/patchwave/staged/a/openssl_1_amd64.deb");
    let all = transactions(&bench);
    let expected = format!("install --allow-downgrades libssl3=1 {} gone=1 new-", file.display());
    assert!(all[0].ends_with(&expected), "{all:?}");
    assert!(all[0].contains("APT::Sandbox::User=root"), "{all:?}");
    assert!(!bench.path("var/lib/patchwave/holds").exists(), "`hold: 0s`");
}

#[tokio::test]
async fn what_stands_in_the_way_is_named_before_anything_is_changed() {
    type Spoil = fn(&mut Bench);
    let cases: [(&str, &str, Spoil); 6] = [
        ("drift", "openssl is 3 (the upgrade left it 2)", |bench| {
            bench.file("packages", packages("bash 5\nlibssl3 2\nnew 1\nopenssl 3"));
        }),
        ("drift", "nginx would be removed", |bench| bench.file("simulation", format!("{SIMULATION}Remv nginx [1]\n"))),
        ("no-way-back", "E: Version '1' for 'openssl' was not found", |bench| {
            bench.shim("apt-get", "echo \"E: Version '1' for 'openssl' was not found\" >&2; exit 100");
        }),
        ("refused", "on hold on this host, so not rolled back: openssl", |bench| bench.file("held", " openssl ")),
        ("broken-packages", "bash is half-configured", |bench| {
            bench.file("packages", packages("bash 5 half-configured\nlibssl3 2\nnew 1\nopenssl 2"));
        }),
        ("rights", "apt needs root", |bench| bench.shim("id", "echo 1000")),
    ];
    for (class, text, spoil) in cases {
        let mut bench = host(Rollback::default());
        spoil(&mut bench);
        let result = go(&mut bench).await;
        assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, class), "{result:?}");
        assert!(result.summary.contains(text), "{result:?}");
        assert_eq!((result.changed, transactions(&bench).len()), (false, 0), "{class}");
        assert!(!bench.path("var/lib/patchwave/holds").exists(), "{class}");
    }
}

#[tokio::test]
async fn a_package_that_the_upgrade_left_broken_can_go_back() {
    let mut bench = host(Rollback::default());
    bench.file("packages", packages("bash 5\nlibssl3 2\nnew 1\nopenssl 2 half-configured"));
    let result = go(&mut bench).await;
    assert_eq!(result.verdict, Verdict::Ok, "{result:?}");
}

#[tokio::test]
async fn with_force_the_old_versions_come_back_all_the_same() {
    let mut bench = host(Rollback { force: true, ..Rollback::default() });
    bench.file("packages", packages("bash 5\nlibssl3 2\nnew 1\nopenssl 3"));
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, read(&bench, "packages")), (Verdict::Ok, read(&bench, "before")), "{result:?}");
}

#[tokio::test]
async fn a_check_says_what_would_go_back_and_changes_nothing() {
    let mut bench = host(Rollback::default());
    bench.check = true;
    let result = go(&mut bench).await;
    assert_eq!(result.summary, "4 packages would be rolled back (gone 1 new, libssl3 2 → 1, new 1 removed, …)");
    assert_eq!((result.verdict, result.found_work, transactions(&bench).len()), (Verdict::Ok, true, 0));
    assert!(!bench.path("var/lib/patchwave").exists());
    bench.undo = Undo::default();
    assert_eq!(go(&mut bench).await.verdict, Verdict::Skipped);
}

#[tokio::test]
async fn a_set_that_did_not_come_back_whole_is_a_failure_and_nothing_is_held() {
    let mut bench = host(Rollback::default());
    bench.file("before", packages("bash 5\ngone 1\nlibssl3 1\nopenssl 2"));
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, result.class.as_str(), result.changed), (Verdict::Failed, "missing", true));
    assert!(result.summary.contains("openssl is 2, not 1"), "{result:?}");
    assert_eq!((result.packages.len(), read(&bench, "held").as_str()), (3, ""));
}

#[tokio::test]
async fn packages_that_are_back_but_not_held_are_a_failure() {
    let mut bench = host(Rollback::default());
    bench.shim("apt-mark", &APT_MARK.replace("hold) shift;", "hold) echo 'no room' >&2; exit 1;"));
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, result.class.as_str(), result.changed), (Verdict::Failed, "hold", true), "{result:?}");
    assert!(result.summary.contains("rolled back") && result.summary.contains("holding packages failed"), "{result:?}");
    assert_eq!(result.packages.len(), 4);
}

#[tokio::test]
async fn a_resumed_attempt_finds_its_transaction_again() {
    let mut bench = host(Rollback::default());
    let back = read(&bench, "back");
    bench.file("back", format!(": >\"$PATCHWAVE_ROOT/began\"; sleep 2; {back}"));
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
    assert!(result.summary.starts_with("4 packages rolled back"), "{result:?}");
    assert_eq!(transactions(&bench).len(), 1);
}

#[tokio::test]
async fn a_lost_connection_costs_nothing() {
    let mut bench = host(Rollback::default());
    let back = read(&bench, "back");
    bench.file("back", format!("sleep 1; {back}"));
    bench.faults("job-start", [Fault::LoseAfter(Duration::from_millis(200))]);
    bench.faults("job-poll", [Fault::CutAfter(Duration::from_millis(100)), Fault::NotSent]);
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, transactions(&bench).len()), (Verdict::Ok, 1), "{result:?}");
}

/// A host that runs kernel 99, which the upgrade brought; its GRUB keeps a choice or not.
fn with_kernel(default: &str) -> Bench {
    let mut bench = host(Rollback { hold: Some(Duration::ZERO), ..Rollback::default() });
    bench.shim("uname", "echo 6.1.0-99-amd64");
    bench.shim(
        "dpkg-query",
        &format!("{DPKG_QUERY}\n").replace(
            "*) exit 1 ;;",
            r#"-S*) shift; for f; do echo "linux-image-${f#/boot/vmlinuz-}: $f"; done ;;
*) sed -n 's/^pkg\t\(linux-image-[0-9][^\t]*\)\t\([^\t]*\)\t.*/pkg\t\1\t\2\tinstalled/p' "$PATCHWAVE_ROOT/packages" ;;"#,
        ),
    );
    bench.file("packages", packages("linux-image-6.1.0-98-amd64 1\nlinux-image-6.1.0-99-amd64 2\nlinux-image-amd64 2"));
    bench.file("before", packages("linux-image-6.1.0-98-amd64 1\nlinux-image-6.1.0-99-amd64 2\nlinux-image-amd64 1"));
    bench.file("simulation", "Inst linux-image-amd64 [2] (1 Debian:stable [amd64])\n");
    for n in ["98", "99"] {
        bench.file(&format!("boot/vmlinuz-6.1.0-{n}-amd64"), "");
    }
    let entry = |n: &str| {
        format!("menuentry 'Linux {n}' $menuentry_id_option 'l{n}' {{\nlinux /vmlinuz-6.1.0-{n}-amd64 root=x\n}}\n")
    };
    bench.file("boot/grub/grub.cfg", format!("set default=\"{default}\"\n{}{}", entry("99"), entry("98")));
    bench.file("boot/grub/grubenv", "saved_entry=l99\n");
    bench.shim("grub-set-default", r#"echo "saved_entry=$1" >"$PATCHWAVE_ROOT/boot/grub/grubenv""#);
    bench.undo = Undo {
        changes: vec![change("linux-image-6.1.0-99-amd64 - 2"), change("linux-image-amd64 1 2")],
        ..Undo::default()
    };
    bench
}

#[tokio::test]
async fn a_running_kernel_stays_and_the_next_boot_starts_the_older_one() {
    let mut bench = with_kernel("${saved_entry}");
    let result = go(&mut bench).await;
    assert_eq!(result.verdict, Verdict::Ok, "{result:?}");
    assert!(
        result.summary.ends_with("the next boot starts kernel 6.1.0-98-amd64, so a reboot is needed"),
        "{result:?}"
    );
    assert!(result.detail.iter().any(|line| line.contains("linux-image-6.1.0-99-amd64")), "{result:?}");
    assert_eq!(read(&bench, "boot/grub/grubenv"), "saved_entry=l98\n");
    assert!(transactions(&bench)[0].ends_with("--no-remove install --allow-downgrades linux-image-amd64=1"));
}

#[tokio::test]
async fn a_boot_loader_that_keeps_no_choice_is_said() {
    let mut bench = with_kernel("0");
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, "boot-loader"), "{result:?}");
    assert!(
        result
            .summary
            .contains("; the kernel does not go back: the boot loader (/boot/grub/grub.cfg) starts kernel 6.1.0-99"),
        "{result:?}"
    );
    assert_eq!((result.changed, result.packages.len()), (true, 1));
    // The tool says yes, and the loader still starts the other one.
    let mut bench = with_kernel("${saved_entry}");
    bench.shim("grub-set-default", "");
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, "boot-loader"), "{result:?}");
    assert!(result.summary.contains("did not help"), "{result:?}");
}
