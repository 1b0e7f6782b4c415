//! What the entries of hosts say about where a host is, and whether two of them mean two machines by one name.
//! Knows entries of `hosts:` only: groups, files beside the inventory and `-e` are laid over each other as Ansible lays
//! them, which is not a contradiction. Start at [`AllSaid::compare`].

use std::{collections::HashMap, sync::Arc};

use super::{
    aliases::{ADDRESS, PORT, SSH_ARGS},
    group::Layer,
};
use crate::{
    host::HostName,
    yaml::{Key, Problems, Source, Span},
};

/// What makes a host another machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum What {
    /// Behind its name. Two of them are a contradiction wherever they stand: Ansible takes the first, others the last.
    NamedPort,
    /// Behind its name or as a variable.
    Port,
    Address,
    /// One of [`SSH_ARGS`]: the same address behind another bastion is another machine.
    Way(usize),
}

impl What {
    /// Variables give way to those of a later file, as the order of `-i` says.
    fn everywhere(self) -> bool {
        self == Self::NamedPort
    }

    fn noun(self) -> &'static str {
        match self {
            Self::NamedPort | Self::Port => "port",
            Self::Address => "address",
            Self::Way(_) => "way there (ssh's arguments)",
        }
    }
}

/// What one entry says.
pub struct Said(Vec<(What, String, Span)>);

impl Said {
    /// Reads an entry. A port behind the name and another one among its variables is a problem at once.
    pub fn of(key: &Key, port: Option<u16>, vars: &Layer, problems: &mut Problems) -> Self {
        let set = |names: &[&str]| {
            let nodes = names.iter().rev().filter_map(|name| vars.get(name));
            nodes.map(|node| (node.to_json(), &node.span)).find(|(json, _)| !json.is_null())
        };
        // `22` and `"22"` are one port.
        let text = |json: &serde_json::Value| json.as_str().map_or_else(|| json.to_string(), str::to_owned);
        let mut said = Vec::new();
        let named = port.map(|port| port.to_string());
        let variable = set(PORT).map(|(json, span)| (text(&json), span));
        if let (Some(named), Some((other, span))) = (&named, &variable)
            && named != other
        {
            let message = format!("`{}` has one port in its name and another one here", key.text);
            problems.at(span, message).help("keep one of the two");
        }
        said.extend(named.iter().map(|port| (What::NamedPort, port.clone(), key.span.clone())));
        let port = variable.map(|(port, span)| (port, span.clone())).or(named.map(|port| (port, key.span.clone())));
        said.extend(port.map(|(port, span)| (What::Port, port, span)));
        said.extend(set(ADDRESS).map(|(json, span)| (What::Address, text(&json), span.clone())));
        for (at, name) in SSH_ARGS.iter().enumerate() {
            said.extend(set(&[name]).map(|(json, span)| (What::Way(at), text(&json), span.clone())));
        }
        Self(said)
    }
}

/// What all entries have said so far: by host, and by file where a later file may say otherwise. Where it stands, so
/// that the hosts of a range share it.
#[derive(Default)]
pub struct AllSaid(HashMap<Place, (Arc<Said>, usize)>);

/// A host, what of it, and the file, where a later one may say otherwise.
type Place = (usize, What, Option<*const Source>);

impl AllSaid {
    /// Compares what an entry of a host says with what earlier ones have said. False, with a problem that shows both,
    /// when they differ.
    pub fn compare(&mut self, name: &HostName, at: usize, said: &Arc<Said>, problems: &mut Problems) -> bool {
        for (index, (what, text, span)) in said.0.iter().enumerate() {
            let file = (!what.everywhere()).then_some(Arc::as_ptr(&span.source));
            let (earlier, of) = self.0.entry((at, *what, file)).or_insert_with(|| (Arc::clone(said), index));
            let (_, known, first) = &earlier.0[*of];
            if known == text {
                continue;
            }
            let noun = what.noun();
            let place = format!("{}:{}", first.source.path.display(), first.line);
            problems.at(span, format!("host `{name}` has another {noun} here than in {place}")).help(format!(
                "one name is one host: if these are two machines, give each a name of its own and its address as \
                 `ansible_host`; if they are one, keep one {noun}"
            ));
            let place = format!("{}:{}", span.source.path.display(), span.line);
            problems.at(first, format!("host `{name}` has one {noun} here and another one in {place}"));
            return false;
        }
        true
    }
}
