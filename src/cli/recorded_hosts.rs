//! Hosts as the ledger's scans and the inventory describe them.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
};

use super::Failure;
use crate::{
    host::HostName,
    inventory::Inventory,
    ledger::{HostEntry, Ledger, LedgerError},
    record::{Digest, HostDocument, HostScanned, Kind},
    view::Asset,
};

/// The ledger, if there is one: no scan yet is an answer.
pub(super) fn ledger(state_dir: &Path) -> Result<Option<Ledger>, Failure> {
    match Ledger::open_read_only(state_dir) {
        Err(LedgerError::Absent { .. }) => Ok(None),
        opened => Ok(Some(opened?)),
    }
}

/// Reads records and documents, each document once.
pub(super) struct Reader<'a> {
    ledger: &'a Ledger,
    facts: HashMap<Digest, Arc<HostDocument>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(ledger: &'a Ledger) -> Self {
        Self { ledger, facts: HashMap::new() }
    }

    /// A host's scan, as its record says.
    pub(super) fn scan(&self, seq: u64) -> Result<Option<(jiff::Timestamp, HostScanned)>, Failure> {
        let stored = self.ledger.record_no(seq)?;
        Ok(match stored.kind {
            Kind::HostScanned(scan) => Some((stored.at, scan)),
            _ => None,
        })
    }

    /// What a host is.
    pub(super) fn facts(&mut self, digest: &Digest) -> Result<Arc<HostDocument>, Failure> {
        if let Some(facts) = self.facts.get(digest) {
            return Ok(Arc::clone(facts));
        }
        let facts: Arc<HostDocument> = Arc::new(self.ledger.document(digest)?);
        self.facts.insert(digest.clone(), Arc::clone(&facts));
        Ok(facts)
    }

    /// What is known of one host. `inventory`: what it says of the host.
    pub(super) fn asset(
        &mut self,
        host: &HostName,
        entry: &HostEntry,
        inventory: Option<&Inventory>,
    ) -> Result<Asset, Failure> {
        let mut asset = inventory.map_or_else(Asset::default, |inventory| listed(inventory, host));
        let time = |seq: Option<u64>| -> Result<Option<jiff::Timestamp>, Failure> {
            Ok(seq.map(|seq| self.ledger.record_no(seq)).transpose()?.map(|stored| stored.at))
        };
        (asset.first_at, asset.failed_at) = (time(entry.first)?, time(entry.failed)?);
        if let Some((at, scan)) = entry.seq.map(|seq| self.scan(seq)).transpose()?.flatten() {
            asset.last = Some((at, self.facts(&scan.facts)?));
        }
        if let Some((_, scan)) = entry.previous.map(|seq| self.scan(seq)).transpose()?.flatten() {
            asset.before = Some(self.facts(&scan.facts)?);
        }
        Ok(asset)
    }
}

/// What the inventory says about a host.
pub(super) fn listed(inventory: &Inventory, host: &HostName) -> Asset {
    let (risk, eol) = (inventory.policy(host).risk, inventory.eol(host));
    Asset { listed: inventory.has(host), risk, eol, ..Asset::default() }
}

/// Every host that was scanned.
pub(super) fn entries(ledger: Option<&Ledger>) -> Result<BTreeMap<HostName, HostEntry>, Failure> {
    Ok(ledger.map(Ledger::scanned_hosts).transpose()?.unwrap_or_default())
}
