//! Files of the jump box that are sent to hosts: read whole, up to a size, and only as they were agreed to.

use std::path::Path;

use serde_json::json;
use tokio::io::AsyncReadExt;

use super::{StepCx, sources};
use crate::{event::StepResult, regular};

/// Reads a file that is sent to the host, only if it is as it was agreed to. If its name was not known when the run
/// started, it is noted with its sum, so that the ledger shows what was sent.
///
/// # Errors
/// The step's result: the file cannot be read, or has changed.
pub(super) async fn read_agreed(
    cx: &mut StepCx<'_>,
    name: &str,
    path: &Path,
    most: u64,
) -> Result<Vec<u8>, Box<StepResult>> {
    let bytes = read(path, most).await?;
    let sum = sources::sum_of(&bytes);
    match cx.controller.agreed(path) {
        Some(agreed) if agreed == sum => {}
        Some(agreed) => {
            let why = sources::other_text(name, agreed, &sum);
            return Err(Box::new(StepResult::failed("file-changed", why).help(sources::PUT_BACK)));
        }
        None if cx.check => {}
        None => {
            let name = cx.link.secrets().hide(name).into_owned();
            cx.journal.note("file", json!({ "name": name, "sha256": sum })).await?;
        }
    }
    Ok(bytes)
}

/// Reads a regular file of at most `most` bytes.
///
/// # Errors
/// The step's result, with the path.
async fn read(path: &Path, most: u64) -> Result<Vec<u8>, Box<StepResult>> {
    let fail = |why: String| Box::new(StepResult::failed("missing-file", format!("{}: {why}", path.display())));
    let failed = |error: std::io::Error| fail(error.to_string());
    let file = tokio::fs::File::from_std(regular::open(path).map_err(failed)?);
    let mut bytes = Vec::new();
    // It may grow while it is being read.
    file.take(most + 1).read_to_end(&mut bytes).await.map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(fail(format!("larger than {} MiB", most >> 20)));
    }
    Ok(bytes)
}
