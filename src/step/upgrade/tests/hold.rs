//! `hold:`, which keeps packages as they are, now and later.

use super::*;
use crate::playbook::Template;

/// Its `apt-mark hold` and `unhold` do what they say, unless there is a file `deaf`.
const MARK: &str = r#"case $1 in
showauto) cat "$PATCHWAVE_ROOT/auto" ;;
*) echo "apt-mark $*" >>"$PATCHWAVE_ROOT/calls" ;;
esac
want=install
case $1 in hold) want=hold ;; unhold) ;; *) exit 0 ;; esac
[ ! -e "$PATCHWAVE_ROOT/deaf" ] || exit 0
shift
for name; do
  for f in packages done; do
    sed "s/^\(pkg\t$name\t[^\t]*\t[^\t]*\t\)[a-z]*/\1$want/" "$PATCHWAVE_ROOT/$f" >"$PATCHWAVE_ROOT/$f.new"
    mv "$PATCHWAVE_ROOT/$f.new" "$PATCHWAVE_ROOT/$f"
  done
done"#;

fn holding(words: &[&str], spec: Upgrade) -> Bench {
    let words = words.iter().map(|word| Template((*word).to_owned())).collect();
    let bench = host(Upgrade { hold: Some(TemplateList::Items(words)), ..spec });
    bench.shim("apt-mark", MARK);
    bench
}

fn marks(bench: &Bench) -> Vec<String> {
    calls(bench)
        .lines()
        .filter(|line| line.starts_with("apt-mark") && line.contains("hold"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn what_is_held_stays_and_is_held_once() {
    let mut bench = holding(&["ba*", "nonesuch"], Upgrade { scope: Scope::All, ..upgrade() });
    let result = go(&mut bench).await;
    assert_eq!(result.summary, "2 packages upgraded (libssl3 1 → 2, openssl 1 → 2); put on hold: bash", "{result:?}");
    assert_eq!((result.verdict, result.changed), (Verdict::Ok, true));
    assert!(result.left_behind.packages.is_empty(), "the playbook asked for it: {:?}", result.left_behind);
    for says in ["held by the playbook: bash", "not installed, so not held: nonesuch"] {
        assert!(result.detail.iter().any(|line| line == says), "{says}: {result:?}");
    }
    let calls = calls(&bench);
    let at = |text: &str| calls.find(text).unwrap_or_else(|| panic!("{text}: {calls}"));
    assert!(at("apt-mark hold bash") < at("apt-get -y -o Dpkg"), "{calls}");

    bench.file("outlook", "Inst bash [5] (6 Debian:stable [amd64])\n");
    bench.attempt = 2;
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, result.changed), (Verdict::Skipped, false), "{result:?}");
    assert!(result.summary.contains("held by the playbook: bash"), "{result:?}");
    assert_eq!(marks(&bench), ["apt-mark hold bash"], "it is held already");
}

#[tokio::test]
async fn a_package_is_held_also_where_nothing_is_pending_and_a_check_only_says_so() {
    let mut bench = holding(&["bash"], upgrade());
    bench.file("outlook", "");
    bench.check = true;
    let result = go(&mut bench).await;
    assert!(result.summary.ends_with("; would be put on hold: bash"), "{result:?}");
    assert_eq!((result.changed, result.found_work, marks(&bench).len()), (false, true, 0));
    bench.check = false;
    let result = go(&mut bench).await;
    assert!(result.summary.ends_with("; put on hold: bash"), "{result:?}");
    assert_eq!((result.verdict, result.changed), (Verdict::Ok, true));
    assert_eq!(marks(&bench), ["apt-mark hold bash"]);
}

#[tokio::test]
async fn a_hold_that_did_not_take_stops_the_step_before_anything_is_installed() {
    for pending in [true, false] {
        let mut bench = holding(&["bash"], upgrade());
        bench.file("deaf", "");
        if !pending {
            bench.file("outlook", "");
        }
        let result = go(&mut bench).await;
        assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, "hold"), "{result:?}");
        assert_eq!((installs(&bench), result.changed), (0, true), "{result:?}");
    }
}

#[tokio::test]
async fn an_update_that_needs_a_held_package_is_refused_and_nothing_is_held() {
    let mut bench = holding(&["libssl3"], upgrade());
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, "excluded"), "{result:?}");
    assert_eq!(result.summary, "`hold` keeps libssl3 as it is, but another update needs libssl3=2");
    assert_eq!((installs(&bench), marks(&bench).len(), result.changed), (0, 0, false));

    let mut bench = holding(&["bash"], Upgrade { allow_removals: true, ..upgrade() });
    bench.file("simulation", "Remv bash [5]\nInst libssl3 [1] (2 x:y [amd64])\nInst openssl [1] (2 x:y [amd64])\n");
    let result = go(&mut bench).await;
    assert_eq!(result.summary, "`hold` keeps bash as it is, but the upgrade would remove it", "{result:?}");
    assert_eq!((installs(&bench), marks(&bench).len()), (0, 0));
}

#[tokio::test]
async fn the_hold_of_a_rollback_has_no_end_any_more_if_the_playbook_wants_it() {
    for (words, released, left) in [(&["bash"][..], false, false), (&["openssl"], true, false)] {
        let mut bench = holding(words, upgrade());
        bench.file("outlook", "");
        bench.file("packages", packages("bash 5\nlibssl3 1\nopenssl 1").replacen("\tinstall\t", "\thold\t", 1));
        bench.file("var/lib/patchwave/holds", "5\tRUN\tbash\tbroke TLS\n");
        let result = go(&mut bench).await;
        assert_eq!(result.verdict == Verdict::Ok, released, "{result:?}");
        assert_eq!(marks(&bench).iter().any(|call| call == "apt-mark unhold bash"), released, "{words:?}");
        let notes = std::fs::read_to_string(bench.path("var/lib/patchwave/holds")).unwrap();
        assert_eq!(notes.contains("bash"), left, "{notes}");
    }
}

#[tokio::test]
async fn a_manager_without_holds_refuses_before_anything_is_done() {
    let mut bench = holding(&["bash"], Upgrade { scope: Scope::All, ..upgrade() });
    bench.file("etc/os-release", "ID=arch\n");
    bench.shim("pacman", r#"echo "pacman $*" >>"$PATCHWAVE_ROOT/calls""#);
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, "cannot-do"), "{result:?}");
    assert_eq!((result.summary.as_str(), calls(&bench).as_str()), ("pacman cannot hold packages", ""));
}
