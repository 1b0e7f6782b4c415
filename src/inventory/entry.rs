//! Where the entries of `hosts:` say that a host is, and whether two entries mean two machines by one name. Knows these
//! entries only: groups, files beside the inventory and `-e` override each other as in Ansible, which is not a
//! contradiction. Start at [`Locations::compare`].

use std::{collections::HashMap, sync::Arc};

use super::{
    aliases::{ADDRESS, PORT, SSH_ARGS},
    group::Layer,
};
use crate::{
    host::HostName,
    yaml::{Key, Problems, Source, Span},
};

/// What tells one machine from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Detail {
    /// Written after the name. Two different ones are a contradiction, even in two files: Ansible takes the first, not
    /// the last.
    NamedPort,
    /// Written after the name or as a variable.
    Port,
    Address,
    /// One of [`SSH_ARGS`]: the same address behind a different bastion is a different machine.
    Route(usize),
}

impl Detail {
    /// Whether all files must agree. A variable may differ: the last file of `-i` wins.
    fn in_all_files(self) -> bool {
        self == Self::NamedPort
    }

    fn noun(self) -> &'static str {
        match self {
            Self::NamedPort | Self::Port => "port",
            Self::Address => "address",
            Self::Route(_) => "route (ssh's arguments)",
        }
    }
}

/// Where one entry says that its host is.
pub struct Location(Vec<(Detail, String, Span)>);

impl Location {
    /// Reads an entry. A port after the name and a different one among its variables is a problem already.
    pub fn of(key: &Key, port: Option<u16>, vars: &Layer, problems: &mut Problems) -> Self {
        let set = |names: &[&str]| {
            let nodes = names.iter().rev().filter_map(|name| vars.get(name));
            nodes.map(|node| (node.to_json(), &node.span)).find(|(json, _)| !json.is_null())
        };
        // `22` and `"22"` are one port.
        let text = |json: &serde_json::Value| json.as_str().map_or_else(|| json.to_string(), str::to_owned);
        let mut location = Vec::new();
        let named = port.map(|port| port.to_string());
        let variable = set(PORT).map(|(json, span)| (text(&json), span));
        if let (Some(named), Some((other, span))) = (&named, &variable)
            && named != other
        {
            let message = format!("`{}` has one port in its name and a different one here", key.text);
            problems.at(span, message).help("keep one of the two");
        }
        location.extend(named.iter().map(|port| (Detail::NamedPort, port.clone(), key.span.clone())));
        let port = variable.map(|(port, span)| (port, span.clone())).or(named.map(|port| (port, key.span.clone())));
        location.extend(port.map(|(port, span)| (Detail::Port, port, span)));
        location.extend(set(ADDRESS).map(|(json, span)| (Detail::Address, text(&json), span.clone())));
        for (at, name) in SSH_ARGS.iter().enumerate() {
            location.extend(set(&[name]).map(|(json, span)| (Detail::Route(at), text(&json), span.clone())));
        }
        Self(location)
    }
}

/// What all entries have said so far: by host, and by file where a later file may differ. The hosts of a range share
/// one [`Location`].
#[derive(Default)]
pub struct Locations(HashMap<Place, (Arc<Location>, usize)>);

/// A host, a detail of it, and the file where a later file may differ.
type Place = (usize, Detail, Option<*const Source>);

impl Locations {
    /// Compares an entry of a host with earlier ones. False, with a problem that shows both, when they differ.
    pub fn compare(&mut self, name: &HostName, at: usize, location: &Arc<Location>, problems: &mut Problems) -> bool {
        for (index, (detail, text, span)) in location.0.iter().enumerate() {
            let file = (!detail.in_all_files()).then_some(Arc::as_ptr(&span.source));
            let (earlier, of) = self.0.entry((at, *detail, file)).or_insert_with(|| (Arc::clone(location), index));
            let (_, known, first) = &earlier.0[*of];
            if known == text {
                continue;
            }
            let noun = detail.noun();
            let place = format!("{}:{}", first.source.path.display(), first.line);
            problems.at(span, format!("host `{name}` has a different {noun} here than in {place}")).help(format!(
                "one name is one host. If these are two machines, give each its own name, and its address as \
                 `ansible_host`. If they are one machine, keep one {noun}"
            ));
            let place = format!("{}:{}", span.source.path.display(), span.line);
            problems.at(first, format!("host `{name}` has one {noun} here and a different one in {place}"));
            return false;
        }
        true
    }
}
