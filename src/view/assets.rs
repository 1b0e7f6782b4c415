//! The inventory against the scans: which hosts are new, gone, replaced, stale, or were never scanned. Pure. Start at
//! [`AssetRow`].

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp, civil::Date};

use crate::{
    facts::{EndOfLife, end_of_life},
    host::{HostName, Risk},
    record::HostDocument,
};

/// What the records and the inventory say about one host.
#[derive(Clone, Debug, Default)]
pub struct Asset {
    /// Its risk level in the inventory; `None`: it has none, or the host is not in the inventory.
    pub risk: Option<Risk>,
    /// Whether the inventory has it.
    pub listed: bool,
    /// When it was first scanned.
    pub first_at: Option<Timestamp>,
    /// When it was last scanned, and what it is.
    pub last: Option<(Timestamp, Arc<HostDocument>)>,
    /// What it was at the scan before.
    pub before: Option<Arc<HostDocument>>,
    /// When it did not answer, since then.
    pub failed_at: Option<Timestamp>,
    /// The end of support that the inventory sets.
    pub eol: Option<Date>,
}

/// What is worth knowing about a host as an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetMark {
    /// Another machine answers under this name than at the scan before.
    Replaced,
    /// It is not in the inventory any more.
    Gone,
    /// It was never scanned.
    NeverScanned,
    /// Its newest scan is old.
    Stale,
    /// Its newest scan got no answer.
    Silent,
    /// Security support of its release has ended.
    EndOfLife,
    /// It is not known until when its release is supported.
    SupportUnknown,
    /// The inventory gives it no risk level.
    NoRisk,
    /// It was first scanned lately.
    New,
}

impl AssetMark {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replaced => "replaced: another machine answers",
            Self::Gone => "gone from the inventory",
            Self::NeverScanned => "never scanned",
            Self::Stale => "stale",
            Self::Silent => "no answer",
            Self::EndOfLife => "end of life",
            Self::SupportUnknown => "end of support unknown",
            Self::NoRisk => "no risk level",
            Self::New => "new",
        }
    }
}

/// How old is old.
#[derive(Clone, Copy, Debug)]
pub struct AssetLimits {
    /// The present.
    pub now: Timestamp,
    /// From this age on a scan is stale.
    pub stale_after: Duration,
    /// A host that was first scanned within this time is new.
    pub new_within: Duration,
}

/// A host with its marks.
#[derive(Clone, Debug)]
pub struct AssetRow {
    /// The host.
    pub host: HostName,
    /// What is known of it.
    pub asset: Asset,
    /// The marks, most important first.
    pub marks: Vec<AssetMark>,
    /// When support ends; `None`: not known.
    pub eol: Option<EndOfLife>,
}

impl AssetRow {
    /// Finds the marks.
    pub fn new(host: HostName, asset: Asset, limits: AssetLimits) -> Self {
        let eol = support(asset.eol, asset.last.as_ref().map(|(_, facts)| facts));
        let mut marks = Vec::new();
        let older = |at: Timestamp, age: Duration| {
            let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
            limits.now.duration_since(at) > age
        };
        if let (Some((_, now)), Some(before)) = (&asset.last, &asset.before)
            && !now.machine.may_be(&before.machine)
        {
            marks.push(AssetMark::Replaced);
        }
        if !asset.listed {
            marks.push(AssetMark::Gone);
        }
        match &asset.last {
            None => marks.push(AssetMark::NeverScanned),
            Some((at, _)) if asset.listed && older(*at, limits.stale_after) => marks.push(AssetMark::Stale),
            Some(_) => {}
        }
        if asset.listed && asset.failed_at.is_some() {
            marks.push(AssetMark::Silent);
        }
        match eol {
            Some(eol) if is_over(eol.end, limits.now) => marks.push(AssetMark::EndOfLife),
            None if asset.last.is_some() => marks.push(AssetMark::SupportUnknown),
            _ => {}
        }
        if asset.listed && asset.risk.is_none() {
            marks.push(AssetMark::NoRisk);
        }
        if asset.first_at.is_some_and(|at| !older(at, limits.new_within)) {
            marks.push(AssetMark::New);
        }
        Self { host, asset, marks, eol }
    }
}

/// The end of support: as the inventory says, or else from the table.
pub fn support(written: Option<Date>, facts: Option<&Arc<HostDocument>>) -> Option<EndOfLife> {
    written.map(EndOfLife::written).or_else(|| end_of_life(&facts?.system.os))
}

/// Whether that day is over, by UTC.
pub fn is_over(end: Date, now: Timestamp) -> bool {
    now.to_zoned(jiff::tz::TimeZone::UTC).date() > end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Machine;

    fn facts(id: &str) -> Arc<HostDocument> {
        let machine = Machine { key: None, id: Some(id.to_owned()) };
        let mut facts = HostDocument { machine, ..HostDocument::default() };
        facts.system.os.id = "debian".to_owned();
        facts.system.os.version_id = "13".to_owned();
        Arc::new(facts)
    }

    fn marks(change: impl FnOnce(&mut Asset)) -> Vec<AssetMark> {
        let at = |day: i64| Timestamp::from_second(1_790_000_000 + day * 86_400).unwrap();
        let week = Duration::from_secs(7 * 86_400);
        let mut asset = Asset {
            risk: Some(Risk::Low),
            listed: true,
            first_at: Some(at(-100)),
            last: Some((at(-1), facts("a"))),
            before: Some(facts("a")),
            failed_at: None,
            eol: None,
        };
        change(&mut asset);
        let limits = AssetLimits { now: at(0), stale_after: week, new_within: week };
        AssetRow::new(HostName::new("h").unwrap(), asset, limits).marks
    }

    #[test]
    fn each_mark_has_its_reason_and_a_host_in_order_has_none() {
        let at = |day: i64| Timestamp::from_second(1_790_000_000 + day * 86_400).unwrap();
        assert_eq!(marks(|_| ()), []);
        assert_eq!(marks(|a| a.before = Some(facts("b"))), [AssetMark::Replaced]);
        assert_eq!(marks(|a| a.before = None), []);
        assert_eq!(marks(|a| (a.listed, a.risk) = (false, None)), [AssetMark::Gone]);
        assert_eq!(marks(|a| (a.last, a.first_at) = (None, None)), [AssetMark::NeverScanned]);
        assert_eq!(marks(|a| a.last = Some((at(-8), facts("a")))), [AssetMark::Stale]);
        assert_eq!(marks(|a| a.last = Some((at(-7), facts("a")))), []);
        assert_eq!(marks(|a| a.failed_at = Some(at(0))), [AssetMark::Silent]);
        assert_eq!(marks(|a| a.risk = None), [AssetMark::NoRisk]);
        assert_eq!(marks(|a| a.first_at = Some(at(-7))), [AssetMark::New]);
        assert_eq!(marks(|a| a.eol = Some("2020-01-01".parse().unwrap())), [AssetMark::EndOfLife]);
        let unknown = Arc::new(HostDocument::default());
        assert_eq!(marks(|a| (a.last, a.before) = (Some((at(0), unknown)), None)), [AssetMark::SupportUnknown]);
    }

    #[test]
    fn the_last_day_of_support_is_not_over() {
        let end: Date = "2026-06-10".parse().unwrap();
        assert!(!is_over(end, "2026-06-10T23:59:59Z".parse().unwrap()));
        assert!(is_over(end, "2026-06-11T00:00:00Z".parse().unwrap()));
    }
}
