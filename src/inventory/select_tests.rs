use std::fs;

use super::*;

/// The hosts of `33-core-complex-ini` and `31-examples-mongodb` of the oracle's corpus, as YAML of our own.
const FLEET: &str = "
all:
  hosts:
    ihavenogroup:
    hostinall:
parent_1: {children: {test_group1: }}
parent_2: {children: {test_group1: }}
parent_3:
  hosts: {test2: }
  children: {test_group2: , test_group3: }
test_group1: {hosts: {test1: , test2: , test3: }}
test_group2: {hosts: {test1: , test4: , test5: }}
test_group3: {hosts: {test2: , test3: , test6: }}
empty: {}
web: {hosts: 'web[01:10].example.com'}
v6: {hosts: {'2001:db8::1': }}
";

struct Past;

impl PastRuns for Past {
    fn hosts(&self, run: Option<&str>, outcome: &str) -> Result<Vec<String>, String> {
        let names: &[&str] = match (run, outcome) {
            (None, "failed") => &["test4", "test1"],
            (None, _) => &[],
            (Some("r1"), "unfinished") => &["test6"],
            (Some("old"), "failed") => &["gone1", "gone2", "test1"],
            (Some(_), _) => return Err("there is no such run".to_owned()),
        };
        Ok(names.iter().map(|name| (*name).to_owned()).collect())
    }
}

fn fleet() -> Inventory {
    Inventory::from_text("fleet.yml", FLEET).unwrap_or_else(|problems| panic!("{problems}"))
}

fn select(pattern: &str) -> String {
    match fleet().select(pattern, &Past) {
        Ok(hosts) => names::fold(&hosts),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn patterns_mean_what_they_mean_to_ansible() {
    for (pattern, hosts) in [
        ("parent_3", "test[1-6]"),
        ("parent_3[0]", "test2"),
        ("parent_1:&parent_3", "test[1-3]"),
        ("parent_1:!test_group2", "test[2-3]"),
        ("ungrouped", "ihavenogroup,hostinall"),
        ("hostinall", "hostinall"),
        ("test*", "test[1-6]"),
        ("test_group1,test_group3", "test[1-3,6]"),
        ("parent_1[0:1]", "test[1-2]"),
        ("parent_?:&test_group3", "test[2-3,6]"),
        ("~parent_[12]", "test[1-3]"),
        ("~test_group[12]$", "test[1-5]"),
        ("test1:test4", "test[1,4]"),
        ("!test1:test_group1", "test[2-3]"),
        ("&test_group1", "test[1-3]"),
        ("!web:!v6:!parent_3", "ihavenogroup,hostinall"),
        ("web[-1]", "web10.example.com"),
        ("web[8:]", "web[09-10].example.com"),
        ("web[0:2]:!web02*", "web[01,03].example.com"),
        ("web[7:99]", "web[08-10].example.com"),
        ("web01.example.com", "web01.example.com"),
        ("web[01-03,10].example.com", "web[01-03,10].example.com"),
        ("web[09-10].example.com,test[1,4]", "web[09-10].example.com,test[1,4]"),
        ("test[1-3]", "test[1-3]"),
        ("test_group1:!test[1,3]", "test2"),
        ("test_group1:&test[2-6]", "test[2-3]"),
        ("test[1-3]:!test2", "test[1,3]"),
        ("web0[1-3].example.com", "web[01-03].example.com"),
        ("web0[1-9]*", "web[01-09].example.com"),
        ("web[0:2]", "web[01-03].example.com"),
        ("2001:db8::1", "2001:db8::1"),
        ("test1,empty", "test1"),
        ("@failed", "test[1,4]"),
        ("@r1:unfinished", "test6"),
        ("test_group2:!@failed", "test5"),
        ("test1:!@unreachable", "test1"),
        ("test1:!@old:failed,hostinall", "error: `@failed`: there is no such run"),
    ] {
        if hosts.starts_with("error") {
            assert!(select(pattern).starts_with("error"), "{pattern}");
        } else {
            assert_eq!(select(pattern), hosts, "{pattern}");
        }
    }
    assert!(select("all").ends_with("2001:db8::1"));
}

#[test]
fn a_group_counts_its_hosts_in_its_own_order() {
    let text = "mongo_servers: {hosts: 'mongo[1:4]'}\nreplication: {hosts: {mongo4: , mongo3: , mongo1: , mongo2: }}\n";
    let inventory = Inventory::from_text("m.yml", text).unwrap();
    for (pattern, hosts) in [
        ("replication[0]", "mongo4"),
        ("replication[0:1]", "mongo4 mongo3"),
        ("mongo_servers[-1]", "mongo4"),
        ("mongo1:mongo4", "mongo1 mongo4"),
        ("mongo4,mongo1", "mongo4 mongo1"),
        ("replication", "mongo4 mongo3 mongo1 mongo2"),
        ("mongo_servers", "mongo1 mongo2 mongo3 mongo4"),
        ("mongo2:replication:!mongo3", "mongo2 mongo4 mongo1"),
        ("all", "mongo1 mongo2 mongo3 mongo4"),
        ("!mongo1", "mongo2 mongo3 mongo4"),
    ] {
        let found = inventory.select(pattern, &NoRuns).unwrap();
        let found: Vec<&str> = found.iter().map(HostName::as_str).collect();
        assert_eq!(found.join(" "), hosts, "{pattern}");
    }
}

#[test]
fn this_machine_is_there_without_being_in_a_file() {
    let text = "web: {hosts: {web1: }}\nall: {vars: {a: 1}}\n";
    let inventory = Inventory::from_text("w.yml", text).unwrap();
    let select = |pattern: &str| inventory.select(pattern, &NoRuns).map(|hosts| names::fold(&hosts));
    for (pattern, hosts) in [
        ("all", "web1"),
        ("*", "web1"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("all:!localhost", "web1"),
        ("web1,localhost", "web1,localhost"),
    ] {
        assert_eq!(select(pattern).as_deref(), Ok(hosts), "{pattern}");
    }
    assert!(select("local*").is_err());
    let local = HostName::new("localhost").unwrap();
    let vars = inventory.vars(&local);
    assert_eq!((&vars["a"], &vars["ansible_connection"]), (&1.into(), &"local".into()));
    assert_eq!(vars["group_names"], serde_json::json!([]));
    assert!(inventory.not_by_ssh(&local).is_some());
    let named = Inventory::from_text("w.yml", "web: {hosts: {127.0.0.1: }}\n").unwrap();
    assert_eq!(names::fold(&named.select("localhost", &NoRuns).unwrap()), "127.0.0.1");
}

#[test]
fn what_is_misspelt_or_empty_is_an_error() {
    for (pattern, error) in [
        ("", "this host pattern is empty\n  help: `all` means every host"),
        (" , ", "this host pattern is empty\n  help: `all` means every host"),
        ("parnet_1", "there is no host and no group `parnet_1`; did you mean `parent_1`?"),
        (
            "all:!databases",
            "there is no host and no group `databases`\n  help: `patchwave inventory graph` shows all of them",
        ),
        ("zzz*", "`zzz*` matches no host and no group"),
        ("all:!zzz*", "`zzz*` matches no host and no group"),
        ("~(", "`~(` is not a valid regular expression: unclosed group"),
        ("web[10]", "`web[10]` selects no host\n  help: `web` has 10 hosts, counted from 0"),
        (
            "empty",
            "the pattern `empty` selects no host\n  help: `patchwave inventory graph` shows the groups and their hosts",
        ),
        (
            "test1:&web",
            "the pattern `test1:&web` selects no host\n  help: `patchwave inventory graph` shows the groups and their hosts",
        ),
        (
            "web[09-12].example.com",
            "`web[09-12].example.com` lists hosts that do not exist: web[11-12].example.com\n  help: `patchwave inventory graph` shows all hosts",
        ),
        (
            "web[1-3]",
            "`web[1-3]` lists hosts that do not exist: web[1-3]\n  help: for positions in the group write a colon: `web[1:3]`",
        ),
        ("web[1-99999999]", "`web[1-99999999]`: more than 1000000 names"),
        ("@not_started", "no host of the last run is `not_started`\n  help: there is nothing to run again"),
        ("@r9:failed", "`@failed`: there is no such run"),
        (
            "@old:failed",
            "hosts of run old are not in this inventory: gone[1-2]\n  help: check `-i`, or write the hosts you mean into a file: `--limit @./hosts.txt`",
        ),
        ("@faild", "faild: there is no such file\n  help: for hosts of the last run write `@failed`"),
        (
            "@r1",
            "r1: there is no such file\n  help: `@` takes a file of hosts, or a word for hosts of the last run: failed, unreachable, unknown, rolled_back, paused, not_started, unfinished; of another run `@RUN:failed`",
        ),
        (
            "test[1:3]",
            "there is no group `test`, whose hosts `test[1:3]` would count\n  help: for hosts by their names write `test[1-3]`",
        ),
        ("@", "`@` needs a file or an outcome after it\n  help: like `@failed` or `@hosts.txt`"),
    ] {
        assert_eq!(select(pattern), format!("error: {error}"), "{pattern}");
    }
}

#[test]
fn files_hold_a_pattern_per_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let good = file("good", b"# broken ones\ntest1\r\n  test_group3\n\n!test6\n");
    assert_eq!(select(&format!("@{good}")), "test[1-3]");
    assert_eq!(select(&format!("parent_3,!@{good}")), "test[4-6]");
    assert_eq!(select(&format!("parent_3,&@{good}")), "test[1-3]");
    let listed = file("listed", b"test[1-3,5], web[01,03].example.com\n!test2\n");
    assert_eq!(select(&format!("@{listed}")), "test[1,3,5],web[01,03].example.com");
    let empty = file("empty", b"\n# nothing\n");
    assert_eq!(
        select(&format!("@{empty}")),
        format!("error: {empty}: this file of hosts is empty\n  help: it takes one host per line")
    );
    let bad = file("bad", b"test1\ntset2\nweb99\n");
    assert_eq!(
        select(&format!("@{bad}")),
        format!(
            "error: {bad}:2:1: there is no host and no group `tset2`; did you mean `test2`?\n  |\n2 | tset2\n  | ^^^^^\n\n\
             {bad}:3:1: there is no host and no group `web99`\n  |\n3 | web99\n  | ^^^^^\n  help: `patchwave inventory graph` shows all of them\n\n2 problems"
        )
    );
    let nested = file("nested", format!("@{good}\n").as_bytes());
    assert!(select(&format!("@{nested}")).contains("a file of hosts cannot name another one"));
    let binary = file("binary", b"test1\n\xff\n");
    assert!(select(&format!("@{binary}")).contains("line 2 is not UTF-8 text"));
}

#[test]
fn what_is_printed_for_hosts_selects_them_again() {
    // Without zeros in front: a glob would take web1 and web2 for `web[10-12].x`, places of the group web2 to web4 for
    // `web[1-3]`.
    let text = "web: {hosts: {'web[1:20]': , 'web[1:20].x': }}\nother: {hosts: {db1: , '10.0.0.[1:12]': }}\n";
    let inventory = Inventory::from_text("w.yml", text).unwrap();
    for pattern in ["web[1-3]", "web[10-12].x", "web[1,3,9-11]", "10.0.0.[9-12]", "all"] {
        let hosts = inventory.select(pattern, &NoRuns).unwrap();
        let folded = names::fold(&hosts);
        assert!(pattern == "all" || folded == pattern, "{pattern}: {folded}");
        for again in [folded.clone(), folded.replace("],", "], ")] {
            assert_eq!(inventory.select(&again, &NoRuns).unwrap(), hosts, "{again}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_pattern_panics_and_none_selects_nothing(pattern in "[-a-z0-9:,!&~@*?\\[\\]{}().\\\\|+^$ /\u{e4}]{0,30}") {
        if let Ok(hosts) = fleet().select(&pattern, &NoRuns) {
            proptest::prop_assert!(!hosts.is_empty());
        }
    }

    #[test]
    fn selections_are_sets(a in 0usize..6, b in 0usize..6) {
        let groups = ["test_group1", "test_group2", "test_group3", "parent_3", "web", "all"];
        let (a, b) = (groups[a], groups[b]);
        let fleet = fleet();
        let set = |pattern: String| fleet.select(&pattern, &NoRuns).unwrap_or_default();
        let (left, right) = (set(a.into()), set(b.into()));
        let more = right.iter().filter(|h| !left.contains(h));
        let union: Vec<_> = left.iter().chain(more).cloned().collect();
        let both: Vec<_> = left.iter().filter(|h| right.contains(h)).cloned().collect();
        let minus: Vec<_> = left.iter().filter(|h| !right.contains(h)).cloned().collect();
        proptest::prop_assert_eq!(set(format!("{a}:{b}")), union);
        proptest::prop_assert_eq!(set(format!("{a}:&{b}")), both.clone());
        proptest::prop_assert_eq!(set(format!("&{b}:{a}")), both);
        proptest::prop_assert_eq!(set(format!("!{b},{a}")), minus);
    }
}
