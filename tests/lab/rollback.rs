//! The way back on real hosts: exact versions in one transaction, marks, holds, archives that no source has any more, a
//! controller that dies in the middle.

use rustix::process::Signal;

use crate::{fleet::Lab, patchwave::Patchwave};

const INVENTORY: &str = "
all: { vars: { patchwave: { environment: test, risk: low, batch: 100%, max_failures: 100%, connect_timeout: 3s, handshake_timeout: 3s } } }
";

/// Names, status, versions, and what was installed as a dependency.
fn set(lab: &Lab, host: &str) -> String {
    lab.on(host, "dpkg-query -W -f '${Package} ${db:Status-Status} ${Version}\\n'; apt-mark showauto | sort")
}

#[test]
fn a_real_host_gets_back_exactly_the_packages_of_before() {
    let Some(lab) = Lab::up(2, "") else { return };
    for host in ["h1", "h2"] {
        lab.on(host, "apt-mark auto liblab1 lab-sec >/dev/null");
    }
    let before = ["h1", "h2"].map(|host| set(&lab, host));

    // The old version of lab-masked is in no source.
    let required = "steps:\n  - upgrade: { scope: security, rollback: required }\n";
    let strict = Patchwave::named(&lab, "strict", INVENTORY, required);
    let events = strict.run(&["--limit", "h1"]).must(6).events();
    let result = events.result("h1", 0);
    assert_eq!((&result["class"], &result["changed"]), (&"no-way-back".into(), &false.into()), "{result}");
    assert!(result["summary"].as_str().unwrap_or_default().contains("lab-masked=1.0"), "{result}");
    assert_eq!(set(&lab, "h1"), before[0], "nothing was changed");

    let play = "steps:\n  - upgrade: { scope: security, exclude: [lab-masked], rollback: required }\n";
    let jump = Patchwave::new(&lab, INVENTORY, play);
    let run = jump.run(&[]).must(0).run_id();
    assert_ne!(set(&lab, "h1"), before[0]);
    // From now on only the host has the old versions.
    for host in ["h1", "h2"] {
        lab.on(host, "sed -i '/main/d' /etc/apt/sources.list; apt-get -qq update; apt-get clean");
    }
    let check = jump.call(&["rollback", &run, "--check", "--json"]).must(0).events();
    assert_eq!(check.result("h1", 0)["found_work"], true);

    let alone = ["rollback", &run, "--yes", "--json", "--limit", "h1", "--reason", "breaks the shop"];
    let events = jump.call(&alone).must(4).events();
    assert_eq!(events.outcome("h1"), "rolled_back", "{}", events.result("h1", 0));
    assert_eq!(set(&lab, "h1"), before[0]);
    let held = "lab-conf\nlab-fail\nlab-held\nlab-sec\nlab-slowsec\nlab-svc\nliblab1";
    assert_eq!(lab.on("h1", "apt-mark showhold | sed 's/:.*//' | sort"), held);

    // The controller dies while the packages of h2 go back.
    lab.on("h2", "touch /etc/lab-hold; : >/var/log/lab-slow");
    let running = jump.start(&["rollback", &run, "--yes", "--json", "--limit", "h2"]);
    running.until_on("h2", "grep -q 'begin lab-slowsec' /var/log/lab-slow");
    running.signal(Signal::KILL);
    running.wait();
    lab.on("h2", "rm /etc/lab-hold");
    let events = jump.resume().must(4).events();
    assert_eq!(events.outcome("h2"), "rolled_back", "{}", events.result("h2", 0));
    assert_eq!(set(&lab, "h2"), before[1]);

    // The next upgrade leaves alone what is held, and says why.
    let events = jump.run(&["--limit", "h1"]).must(0).events();
    let detail = events.result("h1", 0)["detail"].to_string();
    assert!(detail.contains("lab-sec is held until") && detail.contains("breaks the shop"), "{detail}");
    assert_eq!(set(&lab, "h1"), before[0]);
    // When the time of the hold is over, the update comes.
    lab.on("h1", "sed -i 's/^[0-9]*/1000/' /var/lib/patchwave/holds");
    jump.run(&["--limit", "h1"]).must(0);
    assert_eq!(lab.package("h1", "lab-sec"), "installed 1.0+deb12u1");
    assert_eq!(lab.on("h1", "apt-mark showhold"), "lab-held");
}
