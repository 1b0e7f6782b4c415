//! The `patchwave` variable: the policy of a host, and how it is reached.

use std::time::Duration;

use jiff::civil::Date;

use crate::{
    policy::Policy,
    target::{BastionCaps, HostKeyPolicy, Limits},
    yaml::{MapReader, Node, Problems, read},
};

/// One layer of `patchwave`, or several merged key by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    pub policy: Policy,
    pub host_keys: Option<HostKeyPolicy>,
    pub bastion: BastionCaps,
    /// Until when the hosts' release gets security fixes, where that is not the distributor's own date.
    pub eol: Option<Date>,
    connect: Option<Duration>,
    handshake: Option<Duration>,
    auth: Option<Duration>,
    escalate: Option<Duration>,
    silence: Option<Duration>,
}

impl Settings {
    pub fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let mut map = MapReader::new(node, "`patchwave`", problems)?;
        let mut policy = Policy::read(&mut map);
        policy.read_labels(&mut map);
        let words =
            [("strict", HostKeyPolicy::Strict), ("accept-new", HostKeyPolicy::AcceptNew), ("ask", HostKeyPolicy::Ask)];
        let settings = Self {
            policy,
            host_keys: map.read("host_key_checking", |node, problems| read::one_of(node, &words, problems)),
            bastion: BastionCaps {
                connections: map.read("bastion_connections", |node, problems| read::whole(node, 1, 64, problems)),
                handshakes: map.read("bastion_handshakes", |node, problems| read::whole(node, 1, 4096, problems)),
            },
            eol: map.read("eol", date),
            connect: map.read("connect_timeout", read::deadline),
            handshake: map.read("handshake_timeout", read::deadline),
            auth: map.read("auth_timeout", read::deadline),
            escalate: map.read("escalate_timeout", read::deadline),
            silence: map.read("silence_timeout", read::deadline),
        };
        map.finish();
        Some(settings)
    }

    /// Merges two layers; what `above` sets wins.
    pub fn with_overrides(&self, above: &Self) -> Self {
        Self {
            policy: self.policy.with_overrides(&above.policy),
            host_keys: above.host_keys.or(self.host_keys),
            bastion: BastionCaps {
                connections: above.bastion.connections.or(self.bastion.connections),
                handshakes: above.bastion.handshakes.or(self.bastion.handshakes),
            },
            eol: above.eol.or(self.eol),
            connect: above.connect.or(self.connect),
            handshake: above.handshake.or(self.handshake),
            auth: above.auth.or(self.auth),
            escalate: above.escalate.or(self.escalate),
            silence: above.silence.or(self.silence),
        }
    }

    /// Whether a connection timeout is set.
    pub fn sets_connect_timeout(&self) -> bool {
        self.connect.is_some()
    }

    /// The deadlines, with defaults for what is not set.
    pub fn limits(&self) -> Limits {
        let default = Limits::default();
        let said = Limits {
            handshake: self.handshake.unwrap_or(default.handshake),
            own_handshake: self.handshake.is_some(),
            auth: self.auth.unwrap_or(default.auth),
            escalate: self.escalate.unwrap_or(default.escalate),
            silence: self.silence.unwrap_or(default.silence),
            ..default
        };
        said.connecting_within(self.connect)
    }
}

fn date(node: &Node, problems: &mut Problems) -> Option<Date> {
    let text = read::word(node, problems)?;
    let date = text.parse().ok();
    if date.is_none() {
        problems.expected("a date like 2028-06-30", node);
    }
    date
}
