//! What holds for every manager, whatever a host answers: readers refuse and never panic, what they read can be put on
//! a command line, and versions have one order.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::{ALL, Accepts, Exact, Package, PackageManager, Transaction};
use crate::command::{Exit, Output};

type Manager = &'static dyn PackageManager;

/// Lines as managers print them, in no order that any of them would have.
const LINES: [&str; 45] = [
    "native x86_64",
    "pkg a\t1.0-1\tx86_64",
    "pkg a\t2:1.0-1\tnoarch",
    "pkg a 1.0-1",
    "pkg\ta\t1-r0\t",
    "pkg --yes\t1\tnoarch",
    "held a*",
    "auto a",
    "world a=1-r0",
    "lists 99999999999999999999",
    "now -1",
    "several a",
    "review /etc/a.new",
    "lock /run/lock 1 a",
    "lock /run/lock x a",
    "in /a.slice",
    "bring a 1-1 core",
    "newer a 1-1 -> 2-1 [ignored]",
    "replace a b<2 c>=1",
    "said (1/1) Upgrading a (1-r0 -> 2-r0)",
    "newer a-1-r0 2-r0",
    "policy a policy:",
    "policy   2-r0:",
    "policy     https://a.invalid/b/c",
    "known a",
    "running 6.1.0-1-amd64",
    "image /boot/vmlinuz-6.1.0-1-amd64",
    "copy /boot/vmlinuz 6.1",
    "owner a 1-1",
    "unpacked 1 a",
    "flag",
    "== 1-2",
    "== 1-2 update",
    "== 1-2 end",
    "<stream><install-summary><to-upgrade><solvable type='package' name='a' edition='1' arch='noarch'/>",
    "</to-upgrade></install-summary></stream>",
    "<message type='error'>a &lt; b</message>",
    "%post(a-1-1.noarch) scriptlet failed, exit status 1",
    "E: a",
    "Setting up a (1-1) ...",
    "  Upgrading        : a-1-1.noarch      1/2",
    "[3/4] Upgrading a-0:1-1.no 100% |   4.1 KiB/s",
    "( 1/2) Installing: a-1-1.noarch [..done]",
    "upgrading a...",
    "end",
];

/// Some of these lines, and pieces that no manager prints.
fn answers() -> impl Strategy<Value = Output> {
    let line = prop_oneof![
        8 => prop::sample::select(&LINES[..]).prop_map(str::to_owned),
        1 => "[a-z0-9 \t:=<>/().-]{0,40}",
        1 => "\\PC{0,20}",
    ];
    let text = prop::collection::vec(line, 0..16).prop_map(|lines| lines.join("\n"));
    (0..3u32, text.clone(), text, any::<bool>()).prop_map(|(code, stdout, stderr, ends)| Output {
        exit: Exit::Code(code),
        stdout: if ends { format!("{stdout}\nend\n") } else { stdout }.into_bytes(),
        stderr: stderr.into_bytes(),
        dropped: 0,
    })
}

/// Whatever is read from an answer is fit for a command line.
fn reads(manager: Manager, output: &Output) {
    let set = vec![Exact { name: "a".to_owned(), version: "1-1".to_owned() }];
    let back = Transaction { downgrade: set.clone(), ..Transaction::removal(&[Package::named("b")]) };
    for transaction in [Transaction::upgrade(&set), back] {
        let Ok(simulation) = manager.simulate(&transaction).map(|query| query.read(output)) else { continue };
        let Ok(simulation) = simulation else { continue };
        let named = simulation.installs.iter().map(|(exact, _)| &exact.name);
        for name in named.chain(simulation.removals.iter().map(|package| &package.name)) {
            assert!(manager.is_name(manager.bare(name)), "{}: {name:?}", manager.name());
        }
    }
    if let Ok(pending) = manager.pending(Accepts { removals: true, ..Accepts::default() }).read(output) {
        for update in &pending.updates {
            assert!(manager.is_name(manager.bare(&update.name)), "{}: {:?}", manager.name(), update.name);
            assert!(!update.to.is_empty() && !update.to.contains(char::is_whitespace), "{update:?}");
        }
    }
    let state = manager.state().read(output);
    assert!(state.is_err() || output.success(), "{}: a state from a failed command", manager.name());
    let _ = manager.refresh().read(output);
    let _ = manager.health().read(output);
    let _ = manager.lock_holders().read(output);
    let _ = manager.boot().read(output);
    let _ = manager.known(&["a".to_owned()]).read(output);
    let _ = manager.staged("/f").map(|query| query.read(output));
    let _ = manager.upkeep().map(|query| query.read(output));
    let text = output.text();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let _ = manager.origins().map(|query| query.read(output));
    let _ = manager.unfetched().map(|query| query.read(output));
    let _ = manager.failed_sources(&lines).map(|query| query.read(output));
    for advance in lines.iter().filter_map(|line| manager.advance(line)) {
        assert!(advance.name.chars().all(crate::command::shows) && advance.name.len() <= 400, "{advance:?}");
    }
    let _ = (manager.explain(&text), manager.failed_scripts(&text), manager.fetched(&text), manager.refusal(&lines));
}

proptest! {
    #[test]
    fn answers_are_read_or_refused(output in answers()) {
        // The toy manager trusts its hosts.
        for manager in ALL.iter().filter(|manager| manager.name() != "toy") {
            reads(*manager, &output);
        }
    }

    #[test]
    fn versions_have_one_order(versions in prop::collection::vec("([0-9]{1,2}:)?[0-9a-z]{1,3}([._~^+-][0-9a-z]{1,3}){0,3}(-r?[0-9])?", 3)) {
        for manager in ALL {
            let [a, b, c] = [0, 1, 2].map(|n: usize| versions[n].as_str());
            prop_assert_eq!(manager.compare(a, a), Ordering::Equal, "{}", manager.name());
            prop_assert_eq!(manager.compare(a, b), manager.compare(b, a).reverse(), "{}", manager.name());
            let orders = (manager.compare(a, b), manager.compare(b, c), manager.compare(a, c));
            if orders.0 == orders.1 && orders.0 != Ordering::Equal {
                prop_assert_eq!(orders.2, orders.0, "{}: {} {} {}", manager.name(), a, b, c);
            }
        }
    }

    #[test]
    fn what_could_be_an_option_is_no_name(name in "-.{0,10}|.{0,5}[ \n;$`'\"|&*?/].{0,5}") {
        for manager in ALL {
            prop_assert!(!manager.is_name(&name), "{}: {:?}", manager.name(), name);
        }
    }
}
