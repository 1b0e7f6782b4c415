//! Kernels in a rollback. A kernel that runs cannot be removed: it stays, and the boot loader is set to start the one
//! from before. Start at [`needed_now`] and [`choose_older`].

use std::collections::BTreeSet;

use super::plan::Planned;
use crate::{
    command::Command,
    event::StepResult,
    pkg::{BootFiles, Class, Kernels, Package, PackageManager, Undo},
    step::{StepCx, packages},
};

/// Whether this package is a kernel.
pub(super) fn is_kernel(manager: &dyn PackageManager, name: &str) -> bool {
    manager.boot_files(name) == BootFiles::Kernel
}

/// Whether this version of a package is one of these. A package without a version stands for all of its versions.
pub(super) fn is_among(packages: &BTreeSet<Package>, name: &str, version: Option<&str>) -> bool {
    let exact = Package { name: name.to_owned(), version: version.map(str::to_owned) };
    packages.contains(&exact) || packages.contains(&Package::named(name))
}

/// The packages of the kernel that runs, in their versions. None if no undone upgrade brought a kernel, or if the
/// host's disk does not decide which kernel runs.
pub(super) async fn needed_now(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    undo: &Undo,
) -> Result<BTreeSet<Package>, Box<StepResult>> {
    if !undo.changes.iter().any(|change| change.to.is_some() && is_kernel(manager, &change.name)) {
        return Ok(BTreeSet::new());
    }
    Ok(of_running(&packages::ask(cx, manager.kernels()).await?))
}

fn of_running(kernels: &Kernels) -> BTreeSet<Package> {
    if kernels.newest.is_none() {
        return BTreeSet::new();
    }
    let own = kernels.installed.iter().filter(|kernel| kernel.release == kernels.running);
    let own = own.flat_map(|kernel| kernel.packages.iter().cloned());
    let shared = kernels.shared.iter().filter(|(_, users)| users.contains(&kernels.running));
    own.chain(shared.map(|(package, _)| package.clone())).collect()
}

/// Sees to it that the next boot starts a kernel from before the upgrade; says so in the result. If that cannot be
/// done, the result is a failure: the packages are back, and the kernel is not.
pub(super) async fn choose_older(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    planned: &Planned,
    mut result: StepResult,
) -> Result<StepResult, Box<StepResult>> {
    if !planned.kernel {
        return Ok(result);
    }
    let kernels = packages::ask(cx, manager.kernels()).await?;
    let wanted = match wanted(&kernels, &planned.kept) {
        Ok(None) => return Ok(result),
        Ok(Some(wanted)) => wanted,
        Err(why) => return Ok(stays(result, &why)),
    };
    if !starts(&kernels, &wanted) {
        let Some(choice) = kernels.choices.get(&wanted) else { return Ok(stays(result, &untold(&kernels, &wanted))) };
        let command = Command::changes("boot-choice", choice.iter().cloned());
        let output = packages::repeat(cx, "choosing the kernel of the next boot", command).await?;
        if !output.success() {
            let why = format!("{} failed: {}", choice.join(" "), output.last_lines(1));
            return Ok(stays(result, &why));
        }
        result.changed = true;
        // A tool may be content although the loader reads another file.
        let kernels = packages::ask(cx, manager.kernels()).await?;
        if !starts(&kernels, &wanted) {
            let why = format!("{} did not help: {}", choice.join(" "), untold(&kernels, &wanted));
            return Ok(stays(result, &why));
        }
    }
    if kernels.running != wanted {
        result.summary = format!("{}; the next boot starts kernel {wanted}, so a reboot is needed", result.summary);
    }
    Ok(result)
}

/// `--check`: what [`choose_older`] would say.
pub(super) async fn would_choose(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    planned: &Planned,
    mut result: StepResult,
) -> Result<StepResult, Box<StepResult>> {
    if planned.kept.is_empty() {
        return Ok(result);
    }
    let kernels = packages::ask(cx, manager.kernels()).await?;
    Ok(match wanted(&kernels, &planned.kept) {
        Ok(None) => result,
        Ok(Some(wanted)) if starts(&kernels, &wanted) || kernels.choices.contains_key(&wanted) => {
            result.summary =
                format!("{}; the next boot would start kernel {wanted}, so a reboot would be needed", result.summary);
            result
        }
        Ok(Some(wanted)) => stays(result, &untold(&kernels, &wanted)),
        Err(why) => stays(result, &why),
    })
}

/// The kernel that the next boot should start. `None`: the disk does not decide, or no kernel was kept and the loader
/// starts one that is there.
fn wanted(kernels: &Kernels, kept: &BTreeSet<Package>) -> Result<Option<String>, String> {
    if kernels.newest.is_none() {
        return Ok(None);
    }
    let is_kept = |release: &str| {
        let kernel = kernels.installed.iter().find(|kernel| kernel.release == release);
        let is_kept = |package: &Package| is_among(kept, &package.name, package.version.as_deref());
        kernel.is_some_and(|kernel| kernel.packages.iter().any(is_kept))
    };
    if !is_kept(&kernels.running) {
        return kernels.danger().map_or(Ok(None), Err);
    }
    let mut older = kernels.installed.iter().rev().skip_while(|kernel| kernel.release != kernels.running);
    let flavour = older.next().map(|kernel| kernel.flavour.as_str()).unwrap_or_default();
    let mut older = older.filter(|kernel| kernel.flavour == flavour);
    match older.find(|kernel| !is_kept(&kernel.release)) {
        Some(kernel) => Ok(Some(kernel.release.clone())),
        None => Err(format!("no kernel from before the upgrade is installed beside {}", kernels.running)),
    }
}

fn starts(kernels: &Kernels, wanted: &str) -> bool {
    kernels.starts.as_ref().is_some_and(|starts| starts.release == wanted)
}

fn untold(kernels: &Kernels, wanted: &str) -> String {
    match &kernels.starts {
        Some(starts) => format!(
            "the boot loader ({}) starts kernel {}, and patchwave cannot make it start {wanted}",
            starts.by, starts.release
        ),
        None => format!("the files of the boot loader are not known, so it cannot be made to start kernel {wanted}"),
    }
}

/// The packages are back, as far as that is possible, and the kernel is not.
fn stays(result: StepResult, why: &str) -> StepResult {
    let summary = format!("{}; the kernel does not go back: {why}", result.summary);
    let help = "choose the older kernel in the boot loader by hand and reboot (GRUB keeps a choice with \
                `GRUB_DEFAULT=saved`), or restore a snapshot";
    let failed = packages::failed(Class::BootLoader, summary).help(help);
    StepResult { packages: result.packages, detail: result.detail, changed: result.changed, ..failed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pkg::{Kernel, Starts};

    fn kernels(running: &str, installed: &[&str], starts: Option<&str>) -> Kernels {
        let kernel = |release: &&str| Kernel {
            release: (*release).to_owned(),
            flavour: release.split_once('-').map_or("", |(_, flavour)| flavour).to_owned(),
            packages: vec![Package::named(&format!("image-{release}"))],
        };
        Kernels {
            running: running.to_owned(),
            installed: installed.iter().map(kernel).collect(),
            newest: installed.last().map(|release| (*release).to_owned()),
            starts: starts.map(|release| Starts { release: release.to_owned(), by: "grub.cfg".to_owned() }),
            shared: [(Package::named("headers-3"), ["3-a".to_owned()].into())].into(),
            ..Kernels::default()
        }
    }

    #[test]
    fn the_running_kernel_stays_and_the_newest_of_before_is_wanted() {
        let running = kernels("3-a", &["1-a", "2-a", "2-b", "3-a"], Some("3-a"));
        let names = of_running(&running);
        assert_eq!(names.iter().map(ToString::to_string).collect::<Vec<_>>(), ["headers-3", "image-3-a"]);
        assert_eq!(wanted(&running, &names), Ok(Some("2-a".to_owned())));
        // A newer one came from somewhere else.
        let newer = kernels("3-a", &["1-a", "2-a", "3-a", "4-a"], Some("4-a"));
        assert_eq!(wanted(&newer, &names), Ok(Some("2-a".to_owned())));
        // The new kernel was removed; the loader starts one that is there.
        assert_eq!(wanted(&kernels("2-a", &["1-a", "2-a"], Some("2-a")), &BTreeSet::new()), Ok(None));
        let gone = wanted(&kernels("2-a", &["1-a", "2-a"], Some("3-a")), &BTreeSet::new()).unwrap_err();
        assert!(gone.contains("3-a, which is not on the disk"), "{gone}");
        let alone = kernels("3-a", &["2-b", "3-a"], None);
        assert!(wanted(&alone, &of_running(&alone)).unwrap_err().contains("no kernel from before"));
        // All versions of a kernel have one name.
        let mut rpm = kernels("2-a", &["1-a", "2-a", "3-a"], None);
        for kernel in &mut rpm.installed {
            kernel.packages = vec![Package { name: "kernel".to_owned(), version: Some(kernel.release.clone()) }];
        }
        let kept = of_running(&rpm);
        assert!(is_among(&kept, "kernel", Some("2-a")) && !is_among(&kept, "kernel", Some("3-a")), "{kept:?}");
        assert_eq!(wanted(&rpm, &kept), Ok(Some("1-a".to_owned())));
        assert_eq!(wanted(&rpm, &BTreeSet::new()), Ok(None));
        // A container.
        let container = Kernels { newest: None, ..running };
        assert_eq!((of_running(&container), wanted(&container, &names)), (BTreeSet::new(), Ok(None)));
    }
}
