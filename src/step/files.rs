//! Files of the jump box that go to hosts: read whole, up to a size.

use std::path::Path;

use crate::event::StepResult;

/// Reads a regular file of at most `most` bytes.
///
/// # Errors
/// The step's result, with the path.
pub(super) async fn read(path: &Path, most: u64) -> Result<Vec<u8>, Box<StepResult>> {
    let fail = |why: String| Box::new(StepResult::failed("missing-file", format!("{}: {why}", path.display())));
    let meta = tokio::fs::metadata(path).await.map_err(|error| fail(error.to_string()))?;
    if !meta.is_file() {
        return Err(fail("not a file".to_owned()));
    }
    if meta.len() > most {
        return Err(fail(format!("larger than {} MiB", most >> 20)));
    }
    tokio::fs::read(path).await.map_err(|error| fail(error.to_string()))
}
