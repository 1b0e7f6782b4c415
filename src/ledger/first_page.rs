//! Opens a database whose first page is damaged. That page is the same in every new ledger, so a copy of the file gets
//! the page of a new one. The hashes check what is read after it, so a wrong page gives no data instead of false data.

use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};

use super::{Ledger, LedgerError};

/// The size of the database header; after it the first page has the table of tables.
const HEADER: usize = 100;

/// Opens a copy of `damaged` in the folder `scratch` with a new first page: the first one that `works` accepts.
///
/// # Errors
/// [`LedgerError::Unreadable`] if `works` accepts none; errors of writing files.
pub(super) fn open(
    damaged: &Path,
    scratch: &Path,
    works: impl Fn(&Connection) -> bool,
) -> Result<Connection, LedgerError> {
    let own = first_bytes(damaged, HEADER)?;
    for (n, page) in first_pages(scratch)?.into_iter().enumerate() {
        // First with the file's own table of tables, if only the header is damaged, then with a new one.
        for keep in [true, false] {
            let copy = scratch.join(format!("graft-{n}-{keep}.db"));
            let taken = if keep { &page[..HEADER] } else { &page[..] };
            replace_first_page(damaged, &copy, taken, page.len())?;
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            if let Ok(db) = Connection::open_with_flags(&copy, flags)
                && works(&db)
            {
                return Ok(db);
            }
        }
    }
    let header = String::from_utf8_lossy(&own).into_owned();
    Err(LedgerError::Unreadable { path: damaged.to_owned(), begins: crate::command::printable(&header) })
}

/// First pages of a new ledger: as it is created, and as `prune` leaves it, where the tables begin on other pages.
fn first_pages(scratch: &Path) -> Result<Vec<Vec<u8>>, LedgerError> {
    let mut pages = Vec::new();
    for sql in ["", "VACUUM;"] {
        let folder = scratch.join(format!("new-{}", pages.len()));
        let ledger = Ledger::open(&folder)?;
        let path = ledger.path.clone();
        let failed = |e: rusqlite::Error| LedgerError::sqlite(&path, &e);
        ledger.db.execute_batch(&format!("{sql} PRAGMA wal_checkpoint(TRUNCATE)")).map_err(failed)?;
        let size: u32 = ledger.db.query_row("PRAGMA page_size", [], |row| row.get(0)).map_err(failed)?;
        pages.push(first_bytes(&path, size as usize)?);
    }
    Ok(pages)
}

fn first_bytes(path: &Path, most: usize) -> Result<Vec<u8>, LedgerError> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|e| LedgerError::io(path, &e))?;
    std::io::Read::read_to_end(&mut std::io::Read::take(file, most as u64), &mut bytes)
        .map_err(|e| LedgerError::io(path, &e))?;
    Ok(bytes)
}

/// Copies `from`, with its journal, and writes `page` over its beginning.
fn replace_first_page(from: &Path, to: &Path, page: &[u8], size: usize) -> Result<(), LedgerError> {
    let failed = |e: std::io::Error| LedgerError::io(to, &e);
    let bytes = fs::copy(from, to).map_err(failed)?;
    let journal = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
    match fs::copy(journal(from), journal(to)) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(e)),
        _ => {}
    }
    let mut page = page.to_vec();
    // Source: sqlite.org/fileformat2.html, "The Database Header". Pages in the file; no free pages are known.
    let pages = u32::try_from(bytes.div_ceil(size as u64)).unwrap_or(u32::MAX);
    page[28..32].copy_from_slice(&pages.to_be_bytes());
    page[32..40].fill(0);
    let mut file = fs::File::options().write(true).open(to).map_err(failed)?;
    file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(&page)).map_err(failed)
}
