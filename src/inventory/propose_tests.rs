use super::*;
use crate::inventory::NoRuns;

fn inventory(text: &str) -> Inventory {
    Inventory::from_text("hosts.ini", text).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn names_of_groups() {
    for (name, expected_environment, expected_risk) in [
        ("prod", Some("production"), None),
        ("Production", Some("production"), None),
        ("prod2", Some("production"), None),
        ("web-prod", Some("production"), Some(Risk::Medium)),
        ("pre-prod", Some("staging"), None),
        ("preprod_db", Some("staging"), Some(Risk::High)),
        ("non_prod", Some("staging"), None),
        ("dev_dbservers", Some("development"), Some(Risk::High)),
        ("qa", Some("staging"), None),
        ("stage-1", Some("staging"), None),
        ("web_canary", None, Some(Risk::Low)),
        ("db_lb", None, Some(Risk::Critical)),
        ("products", None, None),
        ("adapters", None, None),
        ("berlin", None, None),
        ("7", None, None),
    ] {
        assert_eq!(environment(name).map(|(at, _)| ENVIRONMENTS[at].0), expected_environment, "{name}");
        assert_eq!(risk(name).map(|(risk, _)| risk), expected_risk, "{name}");
    }
}

#[test]
fn what_is_guessed_says_what_from_and_the_rest_is_careful() {
    let text = inventory(
        "lonely\n[prod]\nweb[1:3]\ndb1\n[staging]\nweb4\n[db]\ndb1\n[said]\nold1\n\
         [said:vars]\npatchwave={\"environment\": \"attic\", \"risk\": \"low\"}\n",
    )
    .proposal()
    .text();
    let expected = "all:
  vars:
    patchwave:
      # REVIEW: no group says it for lonely; this is the careful choice
      environment: production
      # REVIEW: no group says it for lonely,web[1-3]; this is the careful choice
      risk: high
prod: # 4 hosts
  vars:
    patchwave:
      environment: production # REVIEW: from \"prod\" in the name
staging: # 1 host
  vars:
    patchwave:
      environment: staging # REVIEW: from \"staging\" in the name
      risk: low # REVIEW: from \"staging\" in the name
db: # 1 host
  vars:
    patchwave:
      risk: high # REVIEW: from \"db\" in the name
";
    assert_eq!(text, expected);
}

#[test]
fn a_group_in_a_group_says_nothing_again_and_a_host_of_two_environments_is_named() {
    let text = inventory("[prod:children]\nprod_web\n[prod_web]\nw1\nw2\n[dev]\nw2\n").proposal().text();
    assert!(text.contains("prod: # 2 hosts") && text.matches("from \"prod\"").count() == 1, "{text}");
    let line =
        "    w2: { patchwave: { environment: production } } # REVIEW: in groups of development and of production";
    assert!(text.contains(line), "{text}");
}

#[test]
fn nothing_is_proposed_where_everything_is_said() {
    let said = "[a]\nh1\n[all:vars]\npatchwave={\"environment\": \"x\", \"risk\": \"low\"}\n";
    assert!(inventory(said).proposal().is_empty());
    assert!(!inventory("h1").proposal().is_empty());
}

/// Whatever the groups are called: the proposal, read after the inventory, leaves no host without a label, changes no
/// label that was there, and not the order of the hosts.
#[test]
fn with_the_proposal_every_host_has_both_labels() {
    let mut random = fastrand::Rng::with_seed(8);
    let names = ["prod", "no", "web-prod", "dev", "canary", "db", "qa", "x_1", "on", "live", "berlin", "pre.prod"];
    for _ in 0..200 {
        let mut text = String::from("lone1\n");
        for name in names {
            let _ = writeln!(text, "[{name}]");
            for _ in 0..random.usize(0..3) {
                let _ = writeln!(text, "h{}", random.u8(0..9));
            }
            if random.bool() {
                let _ = writeln!(text, "[{name}:vars]\npatchwave={{\"risk\": \"critical\"}}");
            }
            if random.u8(0..4) == 0 {
                let _ = writeln!(text, "[over_{name}:children]\n{name}");
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let paths = [folder.path().join("hosts"), folder.path().join("more.yml")];
        std::fs::write(&paths[0], &text).unwrap();
        let before = Inventory::load_files(&paths[..1]).unwrap_or_else(|problems| panic!("{problems}"));
        let proposed = before.proposal().text();
        std::fs::write(&paths[1], &proposed).unwrap();
        let after = Inventory::load_files(&paths).unwrap_or_else(|problems| panic!("{problems}\n{proposed}"));
        assert_eq!(before.hosts(), after.hosts(), "{text}\n{proposed}");
        for host in before.hosts() {
            let (old, new) = (before.policy(host), after.policy(host));
            assert!(new.environment.is_some() && new.risk.is_some(), "{host}\n{text}\n{proposed}");
            assert!(old.risk.is_none() || old.risk == new.risk, "{host}\n{text}\n{proposed}");
            assert_eq!(before.select(host.as_str(), &NoRuns).unwrap(), after.select(host.as_str(), &NoRuns).unwrap());
        }
    }
}
