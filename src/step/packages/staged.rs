//! The folder on a host with archives of old versions, one folder below it for each upgrade that fetched some. Which
//! archives they are is the manager's business; here they are cleared away.
//!
//! Command lines on the host, through `/bin/sh -c`: `rm -rf` of folders in `/var/lib/patchwave/staged`.

use super::{failed, repeat};
use crate::{command::Command, event::StepResult, pkg::Class, step::StepCx};

/// Where they are.
pub(in crate::step) const STAGED: &str = "/var/lib/patchwave/staged";

const CLEAR: &str = r#"cd "${PATCHWAVE_ROOT-}$1" 2>/dev/null || exit 0
rc=0
for d in *; do
  case $d in "$2"* | '*') ;; *) rm -rf -- "./$d" || rc=1 ;; esac
done
exit "$rc"
"#;

/// Removes what other walks have left: the folders of this walk stay, so that it can still be undone.
///
/// # Errors
/// The step's result: class `cache`, or a change whose end is not known.
pub(in crate::step) async fn clear_staged(cx: &mut StepCx<'_>) -> Result<(), Box<StepResult>> {
    let own = cx.named("");
    let command = Command::sh("staged-clear", CLEAR, [STAGED, &own]).changing();
    let output = repeat(cx, "deleting old versions of earlier runs", command).await?;
    if output.success() {
        return Ok(());
    }
    Err(Box::new(failed(Class::Cache, "old versions of earlier runs could not be deleted").said(&output)))
}
