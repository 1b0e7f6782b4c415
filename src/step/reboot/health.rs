//! The packages before and after a reboot. Before it, so that no host is sent into a boot that its packages are not
//! ready for; after it, because an installation that began since the last look was cut off.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::before::Before;
use crate::{
    event::StepResult,
    pkg::{BootFiles, Class, Health, PackageManager},
    playbook::Reboot,
    step::{
        StepCx,
        packages::{self, Rights},
    },
};

/// What is wrong with the packages, in words.
///
/// # Errors
/// The step's result: what is half done is a part of the boot, or the host cannot be asked.
pub(super) async fn before(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
) -> Result<BTreeSet<String>, Box<StepResult>> {
    let health = look(cx, manager).await?;
    let boots = |name: &str| manager.boot_files(name) != BootFiles::None;
    if let Some((name, status)) = health.broken.iter().find(|(name, _)| boots(name)) {
        let summary = format!("{name} is {status}, and the host boots with it, so it might not come back");
        let help = format!("repair it before the reboot, on the host: {}", manager.how_to_repair(&health));
        return Err(Box::new(packages::failed(Class::Broken, summary).help(help)));
    }
    Ok(words(&health))
}

/// What the reboot left broken is a failure; what was broken before is not the reboot's fault.
///
/// # Errors
/// The step's result: class `broken-packages`, somebody who does not stop installing, or the host cannot be asked.
pub(super) async fn after(cx: &mut StepCx<'_>, spec: &Reboot, before: &Before) -> Result<(), Box<StepResult>> {
    let Ok(manager) = packages::find(cx, Rights::Raised).await? else { return Ok(()) };
    let until = Instant::now() + spec.lock_timeout;
    loop {
        let health = look(cx, manager).await?;
        let words = words(&health);
        let new: Vec<&str> = words.difference(&before.broken).map(String::as_str).collect();
        if new.is_empty() {
            return Ok(());
        }
        // What installs at boot has half-configured packages as a matter of course.
        if let Some(holder) = packages::working(cx).await? {
            packages::wait(cx, &holder.to_string(), until).await?;
            continue;
        }
        let summary = format!("it is up, but packages were broken by the reboot: {}", new.join(", "));
        let help = format!("a transaction was cut off; on the host: {}", manager.how_to_repair(&health));
        return Err(Box::new(packages::failed(Class::Broken, summary).help(help)));
    }
}

async fn look(cx: &mut StepCx<'_>, manager: &dyn PackageManager) -> Result<Health, Box<StepResult>> {
    Ok(packages::ask(cx, manager.health()).await?)
}

fn words(health: &Health) -> BTreeSet<String> {
    let mut words: BTreeSet<String> =
        health.broken.iter().map(|(name, status)| format!("{name} is {status}")).collect();
    if health.interrupted {
        words.insert("a transaction was interrupted".to_owned());
    }
    words
}
