//! The `patchwave` variable: the policy of a host, and how it is reached.

use std::time::Duration;

use jiff::civil::Date;

use crate::{
    policy::{self, Policy},
    target::{BastionCaps, HostKeyPolicy, Limits},
    yaml::{
        MapReader, Node, Problems, read,
        shape::{DEADLINE, Key, Number, Shape, Table, words},
    },
};

/// The variable `patchwave`.
pub static PATCHWAVE: Table = Table::new("`patchwave`", &[&policy::KEYS, &policy::LABELS, &CONNECTION]);

static CONNECTION: [Key; 9] = [
    Key::new("host_key_checking", Shape::Words(&HOST_KEY_WORDS), "What to do with an unknown host key."),
    Key::new("bastion_connections", Shape::Whole(1, 64), "The most connections to the jump host at once."),
    Key::new("bastion_handshakes", Shape::Whole(1, 4096), "The most logins through the jump host at once."),
    Key::new(
        "eol",
        Shape::Like("^[+-]?[0-9]{4,6}-?[0-9]{2}-?[0-9]{2}", Number::Whole(10_000_101)),
        "Until when the release gets security fixes, like 2028-06-30, if that is not the distributor's date.",
    ),
    Key::new("connect_timeout", DEADLINE, "Time limit for name lookup and TCP connect."),
    Key::new("handshake_timeout", DEADLINE, "Time limit for the SSH handshake."),
    Key::new("auth_timeout", DEADLINE, "Time limit for the login."),
    Key::new("escalate_timeout", DEADLINE, "Time limit for sudo, doas or su."),
    Key::new("silence_timeout", DEADLINE, "How long a connection may be silent before it counts as lost."),
];

const HOST_KEYS: [(&str, HostKeyPolicy); 3] =
    [("strict", HostKeyPolicy::Strict), ("accept-new", HostKeyPolicy::AcceptNew), ("ask", HostKeyPolicy::Ask)];
const HOST_KEY_WORDS: [&str; 3] = words(&HOST_KEYS);

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
        let mut map = MapReader::new(node, &PATCHWAVE, problems)?;
        let mut policy = Policy::read(&mut map);
        policy.read_labels(&mut map);
        let settings = Self {
            policy,
            host_keys: map.read("host_key_checking", |node, problems| read::one_of(node, &HOST_KEYS, problems)),
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
