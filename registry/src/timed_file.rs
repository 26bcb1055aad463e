//! Reading files that others keep, on file systems that may not answer.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;
use std::time::Duration;

/// How long a file may take: one on this machine takes no time, and one on a network that stands still takes for ever,
/// as a pipe does that has no writer.
pub const FILE_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads a file, to just beyond the most that is taken, in bytes. It blocks a thread that is not awaited once the
/// time is over, or the work is dropped.
///
/// # Errors
/// Those of the system, and `TimedOut`, with what that may come of.
pub async fn read_file(path: &Path, most: u64, timeout: Duration) -> Result<Vec<u8>> {
    let path = path.to_owned();
    let reading = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    match tokio::time::timeout(timeout, reading).await {
        Ok(read) => read.unwrap_or_else(|ended| Err(Error::other(ended))),
        Err(_) => Err(Error::new(
            ErrorKind::TimedOut,
            format!(
                "reading it took longer than {timeout:?}: it is a pipe without a writer, or its file system does not answer"
            ),
        )),
    }
}
