//! The packages before and after a reboot. Before it, so that no host boots with packages that are not ready for it;
//! after it, because the reboot may have cut off an installation that began after the last look.

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
/// The step's result: a package that the host boots with is half done, or the host cannot be asked.
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

/// New trouble after the reboot is a failure; trouble from before is not the reboot's fault.
///
/// # Errors
/// The step's result: class `broken-packages`, a lock that stays held (class `lock`), or the host cannot be asked.
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
        // A program that installs at boot leaves packages half-configured while it works, which is normal.
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
