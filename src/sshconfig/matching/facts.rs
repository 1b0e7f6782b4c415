//! What is known about a host at one point of the pass over the blocks: enough for the next condition.

use std::{borrow::Cow, collections::BTreeMap};

use sha1::{Digest, Sha1};

use crate::sshconfig::{
    Person,
    read::{
        setting::{Setting, Value},
        token::{self, UsedIn},
    },
};

/// The default port.
pub(crate) const SSH_PORT: u16 = 22;

/// A setting that later conditions depend on, or an unknown keyword, which may be an error.
pub(crate) enum Fact {
    HostName(String),
    User(String),
    Port(u16),
    HostKeyAlias(String),
    Tag(String),
    IgnoreUnknown(String),
    Unknown { keyword: String, place: crate::sshconfig::Place },
}

impl Fact {
    /// The fact in a setting.
    pub(crate) fn of(setting: &Setting) -> Option<Self> {
        let Value::Text(text) = &setting.value else { return None };
        let text = text.clone();
        Some(match setting.keyword.name {
            "hostname" => Self::HostName(text),
            "user" => Self::User(text),
            "port" => Self::Port(text.parse().ok()?),
            "hostkeyalias" => Self::HostKeyAlias(text),
            "tag" => Self::Tag(text),
            "ignoreunknown" => Self::IgnoreUnknown(text),
            _ => return None,
        })
    }
}

/// First values so far.
#[derive(Default)]
pub(crate) struct Facts<'a> {
    /// The host as it was asked for.
    pub(crate) original: &'a str,
    /// The name in the second pass.
    pub(crate) renamed: Option<String>,
    pub(crate) host_name: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) alias: Option<String>,
    pub(crate) tag: Option<String>,
    pub(crate) ignore_unknown: Option<String>,
    /// Whether both passes are done.
    pub(crate) passes_done: bool,
}

impl Facts<'_> {
    /// Takes a fact of an active block.
    pub(crate) fn take(&mut self, fact: &Fact) {
        fn first<T: Clone>(place: &mut Option<T>, value: &T) {
            place.get_or_insert_with(|| value.clone());
        }
        match fact {
            Fact::HostName(name) => first(&mut self.host_name, name),
            Fact::User(user) => first(&mut self.user, user),
            Fact::Port(port) => first(&mut self.port, port),
            Fact::HostKeyAlias(alias) => first(&mut self.alias, alias),
            Fact::Tag(tag) => first(&mut self.tag, tag),
            Fact::IgnoreUnknown(list) => first(&mut self.ignore_unknown, list),
            Fact::Unknown { .. } => {}
        }
    }

    /// The name to connect to, as far as it is known.
    pub(crate) fn host_now(&self) -> Result<Cow<'_, str>, String> {
        match (&self.renamed, &self.host_name) {
            (Some(name), _) => Ok(Cow::Borrowed(name)),
            (None, Some(name)) => token::expand(name, &[('h', self.original)], None, UsedIn::Text).map(Cow::Owned),
            (None, None) => Ok(Cow::Borrowed(self.original)),
        }
    }

    /// The login so far.
    pub(crate) fn user<'b>(&'b self, person: &'b Person) -> &'b str {
        self.user.as_deref().unwrap_or(&person.name)
    }

    /// Replaces the tokens that `Match exec` and most paths may hold; with `env`, variables as well.
    pub(crate) fn expand(
        &self,
        text: &str,
        person: &Person,
        env: Option<&BTreeMap<String, String>>,
        used_in: UsedIn,
    ) -> Result<String, String> {
        if !text.contains(['%', '$']) {
            return Ok(text.to_owned());
        }
        let host = self.host_now()?;
        let user = self.user(person);
        let port = self.port.unwrap_or(SSH_PORT).to_string();
        let home = person.home.to_string_lossy();
        let short = person.machine.split('.').next().unwrap_or_default();
        let uid = person.uid.to_string();
        // Without an alias, `Match exec` gets the name; afterwards it is the host as asked for.
        let alias = self.alias.as_deref().unwrap_or(if self.passes_done { self.original } else { &host });
        let hash = hash(&[&person.machine, &host, &port, user]);
        let known = [
            ('C', hash.as_str()),
            ('L', short),
            ('d', &home),
            ('h', &host),
            ('i', &uid),
            ('k', alias),
            ('l', &person.machine),
            ('n', self.original),
            ('p', &port),
            ('r', user),
            ('u', &person.name),
        ];
        token::expand(text, &known, env, used_in)
    }
}

/// `%C`.
fn hash(parts: &[&str]) -> String {
    let mut sha = Sha1::new();
    for part in parts {
        sha.update(part.as_bytes());
    }
    base16ct::lower::encode_string(&sha.finalize())
}
