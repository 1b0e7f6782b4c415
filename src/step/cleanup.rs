//! `cleanup:`: packages of old kernels, and downloaded archives. Never the running kernel, the newest one, or anything
//! that is not a kernel's own package. Start at [`run`].

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::{Ended, StepCx, job, packages, result::unseen};
use crate::{
    event::{StepResult, Verdict},
    pkg::{Class, Kernels, Package, PackageManager, PackageState, Transaction},
    playbook::Cleanup,
};

/// Runs the step. After an interruption, running it again finds its job, or what is still to be done.
///
/// # Errors
/// An early end, as its result. Classes: `unsupported`, `rights`, `lock`, `broken-packages`, `refused`,
/// `package-failed`, `cannot-do`, `cache`, those of a job, and those of a lost host.
pub async fn run(cx: &mut StepCx<'_>, spec: &Cleanup) -> Ended {
    let manager = packages::for_changes(cx).await?;
    let result = match spec.old_kernels {
        Some(keep) => old_kernels(cx, manager, spec, keep).await?,
        None => StepResult::skipped("nothing to do"),
    };
    if spec.package_cache && result.verdict != Verdict::Failed {
        return archives(cx, manager, spec, result).await;
    }
    Ok(result)
}

/// Deletes downloaded archives; `so_far` is the result for the kernels.
async fn archives(cx: &mut StepCx<'_>, manager: &dyn PackageManager, spec: &Cleanup, so_far: StepResult) -> Ended {
    if cx.check {
        return Ok(so_far.detail(["downloaded archives would be deleted".to_owned()]));
    }
    let with = |end: StepResult, changed| StepResult { changed, packages: so_far.packages.clone(), ..end };
    let until = Instant::now() + spec.lock_timeout;
    loop {
        // Archives must not be deleted while another program installs them.
        packages::free(cx, until).await.map_err(|early| Box::new(with(*early, so_far.changed)))?;
        let output = packages::change(cx, "deleting downloaded archives", manager.clean_cache()).await;
        match output {
            Ok(output) if output.success() => {
                packages::clear_staged(cx).await.map_err(|early| Box::new(with(*early, true)))?;
                let done = if so_far.changed {
                    format!("{}, archives deleted", so_far.summary)
                } else {
                    "archives deleted".into()
                };
                return Ok(with(StepResult::ok(done), true));
            }
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                // The lock was taken after the last look: the command was refused, and nothing was deleted.
                if manager.explain(&said).is_some_and(|trouble| trouble.class == Class::Lock) && Instant::now() < until
                {
                    let waited = packages::wait(cx, "another package manager", until).await;
                    waited.map_err(|early| Box::new(with(*early, so_far.changed)))?;
                    continue;
                }
                let summary = format!("{}; downloaded archives could not be deleted", so_far.summary);
                return Ok(with(packages::failed(Class::Cache, summary).said(&output), so_far.changed));
            }
            Err(early) => return Err(Box::new(with(*early, so_far.changed))),
        }
    }
}

async fn old_kernels(cx: &mut StepCx<'_>, manager: &'static dyn PackageManager, spec: &Cleanup, keep: u32) -> Ended {
    // The manager's own job is found by its note; otherwise a running purge would look like another program's lock.
    let resumes = job::is_recalled(cx, "purge");
    let noted = cx.notes.get("purge").and_then(|names| serde_json::from_value::<Vec<Package>>(names.clone()).ok());
    let names = match noted.filter(|names| resumes && !names.is_empty()) {
        Some(names) => names,
        None => {
            let (held, names) = to_purge(cx, manager, spec, keep).await?;
            if names.is_empty() && held.is_empty() {
                return Ok(StepResult::skipped("nothing to do: no old kernel"));
            }
            if names.is_empty() {
                let why = format!("old kernels stay, because they are on hold: {}", listed(&held));
                return Ok(StepResult::skipped(why));
            }
            if cx.check {
                return Ok(StepResult::ok(format!("would purge {}", listed(&names))).found_work());
            }
            cx.journal.note("purge", serde_json::json!(names)).await?;
            names
        }
    };
    purge(cx, manager, spec, &names).await
}

/// The packages to purge, once the manager has confirmed that nothing else would happen, after those that stay because
/// they are on hold: some managers refuse to remove such a package.
async fn to_purge(
    cx: &mut StepCx<'_>,
    manager: &'static dyn PackageManager,
    spec: &Cleanup,
    keep: u32,
) -> Result<(Vec<Package>, Vec<Package>), Box<StepResult>> {
    if !cx.check {
        packages::free(cx, Instant::now() + spec.lock_timeout).await?;
    }
    let state = packages::state(cx, manager).await?;
    packages::whole(manager, &state.health())?;
    let kernels = packages::ask(cx, manager.kernels()).await?;
    let (held, names): (Vec<_>, Vec<_>) =
        old(&kernels, keep as usize).into_iter().partition(|package| state.is_held(&package.name));
    if names.is_empty() {
        return Ok((held, names));
    }
    let simulation = packages::ask(cx, manager.simulate(&Transaction::removal(&names))?).await?;
    let refuse = |why: String| Box::new(packages::failed(Class::Refused, format!("old kernels are not purged: {why}")));
    if let Some(first) = simulation.refused.first() {
        return Err(Box::new(refuse(first.clone()).detail(simulation.refused.clone())));
    }
    if let Some((exact, _)) = simulation.installs.first() {
        return Err(refuse(format!("purging them would install {exact}")));
    }
    let meant: BTreeSet<&Package> = names.iter().collect();
    if let Some(other) = simulation.removals.iter().find(|package| !meant.contains(package)) {
        return Err(refuse(format!("purging them would remove {other} as well")));
    }
    Ok((held, names))
}

async fn purge(cx: &mut StepCx<'_>, manager: &'static dyn PackageManager, spec: &Cleanup, names: &[Package]) -> Ended {
    cx.journal.progress(&format!("purging {} packages of old kernels", names.len()));
    let before = packages::state(cx, manager).await?;
    let transaction = Transaction { lock_timeout: spec.lock_timeout, ..Transaction::removal(names) };
    let done = packages::run(cx, manager, "purge", &transaction, names.len()).await?;
    let unseen = |early| unseen("old kernels were being purged", early);
    let after = packages::state(cx, manager).await.map_err(unseen)?;
    let left: Vec<&Package> = names.iter().filter(|package| after.has_package(package)).collect();
    let health = after.health();
    let result = if left.is_empty() && health.is_good() {
        StepResult::ok(format!("purged {}", listed(names)))
    } else if left.is_empty() {
        packages::broken(manager, "old kernels were purged, but the package database is broken", &health)
            .detail(done.said)
    } else {
        packages::failed(Class::Failed, format!("not purged ({}): {}", done.how, listed(left)))
            .detail(done.said)
            .help(format!("on the host: {}", manager.how_to_repair(&health)))
    };
    Ok(with_changes(manager, result, &before, &after))
}

fn with_changes(
    manager: &dyn PackageManager,
    mut result: StepResult,
    before: &PackageState,
    after: &PackageState,
) -> StepResult {
    let changes = packages::changes(manager, &before.versions(), &after.versions(), &[]);
    result.packages = changes.into_iter().filter(|change| change.to.is_none()).collect();
    result.changed = !result.packages.is_empty();
    result
}

fn listed<'a>(packages: impl IntoIterator<Item = &'a Package>) -> String {
    packages.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Packages of all kernels except the running one, the one for the next boot, the newest of each flavour, and `keep`
/// others of each flavour, newest first: a kernel of another flavour is not a fallback.
fn old(kernels: &Kernels, keep: usize) -> Vec<Package> {
    // Where the disk does not decide which kernel runs, there is no way to tell which of them are needed.
    if kernels.newest.is_none() {
        return Vec::new();
    }
    let flavours: BTreeSet<&str> = kernels.installed.iter().map(|kernel| kernel.flavour.as_str()).collect();
    let mut gone = BTreeSet::new();
    for flavour in flavours {
        let all = || kernels.installed.iter().rev().filter(|kernel| kernel.flavour == flavour);
        let newest = all().next().map(|kernel| kernel.release.as_str());
        let spared = |release: &str| {
            [Some(kernels.running.as_str()), kernels.newest.as_deref(), kernels.next(), newest].contains(&Some(release))
        };
        // A kernel that no package installed is not purged and does not count as kept.
        let others = all().filter(|kernel| !spared(&kernel.release) && !kernel.packages.is_empty());
        gone.extend(others.skip(keep).map(|kernel| kernel.release.as_str()));
    }
    let own = kernels.installed.iter().filter(|kernel| gone.contains(kernel.release.as_str()));
    let mut names: Vec<Package> = own.flat_map(|kernel| kernel.packages.iter().cloned()).collect();
    let shared = kernels.shared.iter().filter(|(_, users)| users.iter().all(|user| gone.contains(user.as_str())));
    names.extend(shared.map(|(name, _)| name.clone()));
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        pkg::{Kernel, Package},
        playbook::StepKind,
        step::{self, testing::Bench},
    };

    fn check(running: &str, newest: Option<&str>, installed: &[&str], keep: usize) -> String {
        let kernels = Kernels {
            running: running.into(),
            newest: newest.map(str::to_owned),
            installed: installed
                .iter()
                .map(|release| Kernel {
                    release: (*release).into(),
                    flavour: release.split_once('+').map_or("", |(_, flavour)| flavour).to_owned(),
                    packages: if release.contains("own") {
                        vec![]
                    } else {
                        vec![Package::named(&format!("image-{release}"))]
                    },
                })
                .collect(),
            starts: None,
            choices: BTreeMap::new(),
            shared: [(Package::named("headers-2"), ["2a", "2b"].map(str::to_owned).into())].into(),
        };
        listed(&old(&kernels, keep)).replace(", ", " ")
    }

    #[test]
    fn the_running_and_the_newest_kernel_always_stay() {
        let all = ["1", "2a", "2b", "3", "4"];
        assert_eq!(check("4", Some("4"), &all, 1), "headers-2 image-1 image-2a image-2b");
        assert_eq!(check("4", Some("4"), &all, 2), "image-1 image-2a");
        assert_eq!(check("4", Some("4"), &all, 0), "headers-2 image-1 image-2a image-2b image-3");
        // Not rebooted yet: both ends stay, and one between.
        assert_eq!(check("1", Some("4"), &all, 1), "headers-2 image-2a image-2b");
        assert_eq!(check("4", Some("4"), &all, 9), "");
        // The newest of each flavour and one more stay, however new those of other flavours are.
        let two = ["1", "1+rt", "2", "2+rt", "3", "3+rt", "4+rt"];
        assert_eq!(check("3", Some("3"), &two, 1), "image-1 image-1+rt image-2+rt");
        // A kernel built on the host is not purged, and does not count as a tested fallback.
        assert_eq!(check("4", Some("4"), &["1", "2", "3own", "4"], 1), "image-1");
        assert_eq!(check("own", None, &all, 1), "", "a container, or a kernel that no package brought");
    }
    /// Kernels 96 to 99 are installed, 99 runs; `simulation` is what apt says about purging.
    fn host(simulation: &str) -> Bench {
        let bench = Bench::new(StepKind::Cleanup(Cleanup {
            old_kernels: Some(1),
            package_cache: true,
            lock_timeout: packages::PATIENCE,
        }));
        bench.file("etc/os-release", "ID=debian\n");
        bench.file("simulation", simulation);
        let row = |n: &str| format!("pkg\tlinux-image-6.1.0-{n}-amd64\t6.1.{n}-1\tinstalled\n");
        bench.file("kernels", ["96", "97", "98", "99"].map(row).concat());
        for n in ["96", "97", "98", "99"] {
            bench.file(&format!("boot/vmlinuz-6.1.0-{n}-amd64"), "");
        }
        bench.file(
            "packages",
            "pkg\tlinux-image-6.1.0-96-amd64\t6.1.96-1\tamd64\tinstall\tinstalled\tok\n\
                                pkg\tlinux-image-6.1.0-97-amd64\t6.1.97-1\tamd64\tinstall\tinstalled\tok\n\
                                pkg\tbash\t5\tamd64\tinstall\tinstalled\tok\n",
        );
        bench.shim("id", "echo 0");
        bench.shim("uname", "echo 6.1.0-99-amd64");
        bench.shim("dpkg", "echo amd64");
        bench.shim("apt-mark", "");
        bench.shim(
            "dpkg-query",
            r#"case "$*" in *Want*) cat "$PATCHWAVE_ROOT/packages" ;; *) cat "$PATCHWAVE_ROOT/kernels" ;; esac"#,
        );
        bench.shim(
            "apt-get",
            r#"echo "$*" >>"$PATCHWAVE_ROOT/calls"
            case "$*" in
            -s*) cat "$PATCHWAVE_ROOT/simulation" ;;
            *purge*) sed -i /linux-image/d "$PATCHWAVE_ROOT/packages" ;;
            esac"#,
        );
        bench.file("calls", "");
        bench
    }

    const AGREES: &str = "Purg linux-image-6.1.0-96-amd64 [6.1.96-1]\nPurg linux-image-6.1.0-97-amd64 [6.1.97-1]\n";

    #[tokio::test]
    async fn old_kernels_and_archives_go_and_nothing_else() {
        let mut bench = host(AGREES);
        let result = step::run(&mut bench.cx()).await;
        assert_eq!(
            (result.verdict, result.summary.as_str()),
            (Verdict::Ok, "purged linux-image-6.1.0-96-amd64, linux-image-6.1.0-97-amd64, archives deleted"),
            "{result:?}"
        );
        assert_eq!((result.changed, result.packages.len()), (true, 2));
        let calls = std::fs::read_to_string(bench.path("calls")).unwrap();
        assert!(calls.contains("purge linux-image-6.1.0-96-amd64 linux-image-6.1.0-97-amd64\nclean\n"), "{calls}");
    }

    #[tokio::test]
    async fn a_simulation_that_would_touch_anything_else_is_refused() {
        for (more, text) in [
            ("Inst linux-image-amd64 [6.1.98-1] (6.1.99-1 x:y [all])\n", "would install linux-image-amd64=6.1.99-1"),
            ("Remv nginx [1]\n", "would remove nginx as well"),
        ] {
            let mut bench = host(&format!("{AGREES}{more}"));
            let result = step::run(&mut bench.cx()).await;
            assert_eq!((result.verdict, result.class.as_str(), result.changed), (Verdict::Failed, "refused", false));
            assert!(result.summary.contains(text), "{result:?}");
            let calls = std::fs::read_to_string(bench.path("calls")).unwrap();
            assert!(!calls.lines().any(|line| !line.starts_with("-s")), "{calls}");
        }
    }

    #[tokio::test]
    async fn an_old_kernel_on_hold_stays() {
        let hold = |bench: &Bench, numbers: &[&str]| {
            let mut packages = std::fs::read_to_string(bench.path("packages")).unwrap();
            for n in numbers {
                let row = format!("{n}-1\tamd64\t");
                packages = packages.replace(&format!("{row}install"), &format!("{row}hold"));
            }
            bench.file("packages", packages);
        };
        let mut bench = host("Purg linux-image-6.1.0-97-amd64 [6.1.97-1]\n");
        hold(&bench, &["96"]);
        bench.check = true;
        assert_eq!(step::run(&mut bench.cx()).await.summary, "would purge linux-image-6.1.0-97-amd64");
        hold(&bench, &["97"]);
        let result = step::run(&mut bench.cx()).await;
        let says = "old kernels stay, because they are on hold: linux-image-6.1.0-96-amd64, linux-image-6.1.0-97-amd64";
        assert_eq!((result.verdict, result.summary.as_str()), (Verdict::Skipped, says), "{result:?}");
    }

    #[tokio::test]
    async fn a_check_purges_nothing() {
        let mut bench = host(AGREES);
        bench.check = true;
        let result = step::run(&mut bench.cx()).await;
        assert_eq!(result.summary, "would purge linux-image-6.1.0-96-amd64, linux-image-6.1.0-97-amd64");
        assert!(!result.changed && std::fs::read_to_string(bench.path("packages")).unwrap().contains("linux-image"));
    }
}
