//! Keys of the step that change what is chosen, fetched or accepted.

use super::*;
use crate::playbook::Template;

fn list(words: &[&str]) -> Option<TemplateList> {
    Some(TemplateList::Items(words.iter().map(|word| Template((*word).to_owned())).collect()))
}

#[tokio::test]
async fn a_manager_without_advisories_refuses_to_choose_by_them() {
    for (scope, cves, advisories) in
        [(Scope::Cve, list(&["CVE-2026-0001"]), None), (Scope::Advisory, None, list(&["DSA-1-1"]))]
    {
        let mut bench = host(Upgrade { scope, cves, advisories, ..upgrade() });
        let result = go(&mut bench).await;
        assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, "no-advisories"), "{result:?}");
        assert!(result.help.unwrap().contains("scope: packages"));
        assert_eq!(calls(&bench), "", "it is refused before the lists are fetched");
    }
    let mut bench = host(Upgrade { scope: Scope::Cve, cves: list(&["{{ 'CVE-26' }}"]), ..upgrade() });
    assert_eq!(go(&mut bench).await.class, "bad-cve");
}

/// A host where this line comes from a refresh that failed.
fn failing(required: &[&str], line: &str) -> Bench {
    let required_origins = required.iter().map(|word| (*word).to_owned()).collect();
    let bench = host(Upgrade { required_origins, ..upgrade() });
    let sources = "*REPO_URI*) printf '%s\\n' 'http://deb/debian/|bookworm|Debian|stable|bookworm' \
        'http://deb/debian-security/|bookworm-security|Debian-Security|stable-security|bookworm-security' ;;\n*indextargets*)";
    bench.shim("apt-get", &APT_GET.replacen("*indextargets*)", sources, 1));
    bench.file("update", format!("echo '{line}' >&2; exit 100"));
    bench
}

#[tokio::test]
async fn a_source_that_does_not_have_to_answer_is_left_behind_and_one_that_has_to_fails_the_host() {
    const MAIN: &str = "E: Failed to fetch http://deb/debian/dists/bookworm/InRelease  refused";
    const FIXES: &str = "E: Failed to fetch http://deb/debian-security/dists/bookworm-security/InRelease  refused";
    for (required, line, fine) in [
        (&["security"][..], MAIN, true),
        (&["security"], FIXES, false),
        (&["security", "bookworm"], MAIN, false),
        (&["bookworm"], FIXES, true),
        (&[], MAIN, false),
        (&["security"], "E: Write error - write (28: No space left on device)", false),
    ] {
        let mut bench = failing(required, line);
        let result = go(&mut bench).await;
        assert_eq!(result.verdict == Verdict::Ok, fine, "{required:?} {line}: {result:?}");
        assert_eq!(result.left_behind.sources.is_empty(), !fine, "{result:?}");
        assert_eq!((result.class == "refresh", installs(&bench) == 0), (!fine, !fine), "{result:?}");
    }
    let mut bench = failing(&["security"], MAIN);
    bench.file("outlook", "");
    let result = go(&mut bench).await;
    assert_eq!(
        result.left_behind.sources,
        ["bookworm at http://deb/debian"],
        "also where nothing is pending: {result:?}"
    );
}

#[tokio::test]
async fn a_download_ahead_installs_nothing_and_says_how_much_it_fetched() {
    let mut bench = host(Upgrade { predownload: true, ..upgrade() });
    bench.file("install", "echo 'Need to get 1,234 kB of archives.'");
    let result = go(&mut bench).await;
    assert_eq!(
        result.summary, "2 packages downloaded (libssl3 1 → 2, openssl 1 → 2); nothing was installed",
        "{result:?}"
    );
    assert_eq!((result.verdict, result.changed, result.packages.len()), (Verdict::Ok, false, 0));
    assert_eq!(result.detail, ["fetched: 1,234 kB of archives"]);
    let calls = calls(&bench);
    assert!(calls.contains("--no-remove -d install --only-upgrade libssl3=2 openssl=2"), "{calls}");

    bench.file("install", "echo 'E: Failed to fetch http://x  404' >&2; exit 100");
    bench.attempt = 2;
    let result = go(&mut bench).await;
    assert_eq!(
        (result.verdict, result.class.as_str(), result.changed),
        (Verdict::Failed, "fetch", false),
        "{result:?}"
    );
}

#[tokio::test]
async fn drift_stops_the_host_unless_it_is_allowed() {
    for (allow_drift, verdict) in [(false, Verdict::Failed), (true, Verdict::Ok)] {
        let mut bench = host(Upgrade { allow_drift, ..upgrade() });
        bench.file("simulation", "Inst libssl3 [1] (3 x:y [amd64])\n");
        bench.file("done", packages("bash 5\nlibssl3 3\nopenssl 1"));
        let result = go(&mut bench).await;
        assert_eq!(result.verdict, verdict, "{result:?}");
        assert_eq!(result.detail.iter().any(|line| line.starts_with("accepted drift: libssl3=2")), allow_drift);
    }
}

#[tokio::test]
async fn a_repair_is_tried_twice_and_no_more() {
    for (helps_at, verdict) in [(1, Verdict::Ok), (2, Verdict::Ok), (3, Verdict::Failed)] {
        let mut bench = host(Upgrade { repair: true, ..upgrade() });
        bench.file("packages", packages("bash 5\nlibssl3 1\nopenssl 1 unpacked"));
        bench.file("repaired", packages("bash 5\nlibssl3 1\nopenssl 1"));
        let fix = format!(
            r#"echo x >>"$PATCHWAVE_ROOT/fixes"; [ "$(wc -l <"$PATCHWAVE_ROOT/fixes")" -lt {helps_at} ] ||
            cp "$PATCHWAVE_ROOT/repaired" "$PATCHWAVE_ROOT/packages""#
        );
        bench.file("fix", fix);
        let result = go(&mut bench).await;
        assert_eq!(result.verdict, verdict, "{result:?}");
        let fixes = std::fs::read_to_string(bench.path("fixes")).unwrap().lines().count();
        assert_eq!(fixes, helps_at.min(2), "{result:?}");
    }
}

#[tokio::test]
async fn an_older_version_is_refused_by_name_where_the_manager_takes_only_the_newest() {
    let mut bench = host(Upgrade { nobest: true, ..upgrade() });
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, "cannot-do"), "{result:?}");
    assert!(result.summary.starts_with("apt cannot take an older version") && result.summary.contains("`nobest`"));
    assert_eq!(calls(&bench), "", "it is refused before the lists are fetched");
}
