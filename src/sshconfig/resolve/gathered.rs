//! Merges settings: mostly the first value wins, sometimes all count. Knows which settings refuse the host.

use std::collections::BTreeMap;

use crate::sshconfig::{
    error::{Place, Problem},
    read::{
        forward::{Direction, Forward},
        jump::{Hop, Jumps},
        keyword::{Keyword, Kind, Refusal},
        pattern,
        setting::{Setting, Value},
        table::KEYWORDS,
    },
};

/// OpenSSH's limits.
const MOST_KEYS: usize = 100;
const MOST_FILES: usize = 32;

/// A key or certificate that was named.
#[derive(Clone, Debug)]
pub(crate) struct NamedKey {
    /// As written.
    pub(crate) path: String,
    pub(crate) place: Place,
    /// In the user's file, not in the system's.
    own: bool,
}

/// The settings for a host, before tokens are replaced and defaults filled in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gathered {
    values: BTreeMap<&'static str, (Value, Place)>,
    /// `IdentityFile` and `CertificateFile`.
    keys: BTreeMap<&'static str, Vec<NamedKey>>,
    sent: Vec<String>,
    /// In order, each once.
    forwards: Vec<Forward>,
}

impl Gathered {
    /// Adds a setting of an active block, unless an earlier one wins.
    pub(crate) fn take(&mut self, setting: &Setting, own: bool) -> Result<(), Problem> {
        let name = setting.keyword.name;
        match (&setting.keyword.kind, &setting.value) {
            (_, Value::Unset) => {}
            (Kind::KeyPath, Value::Text(path)) => return self.key(setting, own, path),
            (Kind::SendEnv, Value::List(names)) => self.send(names),
            (_, Value::Forward(forward)) => {
                if !self.forwards.contains(forward) {
                    self.forwards.push(forward.clone());
                }
            }
            (Kind::SetEnv, Value::List(pairs)) if !pairs.is_empty() => {
                let name_of = |pair: &str| pair.split('=').next().map(str::to_owned);
                let mut kept: Vec<String> = Vec::new();
                for pair in pairs {
                    if !kept.iter().any(|known| name_of(known) == name_of(pair)) {
                        kept.push(pair.clone());
                    }
                }
                self.first(name, Value::List(kept), &setting.place);
            }
            (Kind::List | Kind::SetEnv, Value::List(words)) if words.is_empty() => {}
            (Kind::List, Value::List(words)) if name.ends_with("knownhostsfile") && words.len() > MOST_FILES => {
                if !self.values.contains_key(name) {
                    let message = format!("{name} names more than {MOST_FILES} files");
                    return Err(Problem::new(&setting.place, message));
                }
            }
            // Of the two, the first one named disables the other; but `ProxyJump none` leaves a ProxyCommand alone.
            (Kind::Jump, value) if !self.values.contains_key("proxycommand") => {
                self.first(name, value.clone(), &setting.place);
            }
            (Kind::Command, value) if name == "proxycommand" && self.bastions().is_empty() => {
                self.first(name, value.clone(), &setting.place);
            }
            (Kind::Jump, _) => {}
            (Kind::Command, _) if name == "proxycommand" => {}
            (Kind::ForwardAgent, Value::Text(word)) if word != "yes" && word != "no" => {
                self.first("forwardagent socket", setting.value.clone(), &setting.place);
                self.first(name, Value::Text("yes".into()), &setting.place);
            }
            (_, value) => self.first(name, value.clone(), &setting.place),
        }
        Ok(())
    }

    pub(crate) fn first(&mut self, name: &'static str, value: Value, place: &Place) {
        self.values.entry(name).or_insert_with(|| (value, place.clone()));
    }

    fn key(&mut self, setting: &Setting, own: bool, path: &str) -> Result<(), Problem> {
        let name = setting.keyword.name;
        let keys = self.keys.entry(name).or_default();
        if keys.len() >= MOST_KEYS {
            return Err(Problem::new(&setting.place, format!("{name} names more than {MOST_KEYS} files")));
        }
        if !keys.iter().any(|known| known.own == own && known.path == path) {
            keys.push(NamedKey { path: path.to_owned(), place: setting.place.clone(), own });
        }
        Ok(())
    }

    fn send(&mut self, names: &[String]) {
        for name in names {
            match name.strip_prefix('-') {
                Some(unwanted) => self.sent.retain(|sent| !pattern::matches(sent, unwanted)),
                None => self.sent.push(name.clone()),
            }
        }
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.values.get(name) {
            Some((Value::Text(text), _)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn list(&self, name: &str) -> Option<&[String]> {
        match self.values.get(name) {
            Some((Value::List(words), _)) => Some(words),
            _ => None,
        }
    }

    pub(crate) fn jumps(&self) -> Option<&Jumps> {
        match self.values.get("proxyjump") {
            Some((Value::Jumps(jumps), _)) => Some(jumps),
            _ => None,
        }
    }

    /// The chain of bastions; empty if there is none.
    pub(crate) fn bastions(&self) -> &[Hop] {
        self.jumps().map_or(&[], |jumps| &jumps.hops)
    }

    pub(crate) fn place(&self, name: &str) -> Option<&Place> {
        self.values.get(name).map(|(_, place)| place)
    }

    /// In order.
    pub(crate) fn keys(&self, name: &str) -> &[NamedKey] {
        self.keys.get(name).map_or(&[], Vec::as_slice)
    }

    /// The forwardings of one kind, in order.
    pub(crate) fn forwards(&self, direction: Direction) -> impl Iterator<Item = &Forward> {
        self.forwards.iter().filter(move |forward| forward.direction == direction)
    }

    pub(crate) fn sent(&self) -> &[String] {
        &self.sent
    }

    /// The text of a keyword, or its default.
    pub(crate) fn text_or_default(&self, keyword: &Keyword) -> Option<String> {
        let own = self.text(keyword.name).map(str::to_owned);
        own.or_else(|| (!keyword.default.is_empty()).then(|| keyword.default.to_owned()))
    }

    /// Whether a flag is on.
    pub(crate) fn flag(&self, name: &str, default: bool) -> bool {
        self.text(name).map_or(default, |text| text == "yes")
    }

    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        self.text(name).and_then(|text| text.parse().ok())
    }

    /// A problem at the place where `keyword` was set.
    pub(crate) fn problem(&self, keyword: &str, message: String) -> Problem {
        let place = self.place(keyword).cloned();
        Problem { place: place.unwrap_or(Place { path: "ssh_config".into(), line: 0 }), message, help: None }
    }

    /// What is set and would change where or how we connect, but is not followed: the `on_connect` ones matter only
    /// when we connect.
    pub(crate) fn refusals(&self, on_connect: bool) -> impl Iterator<Item = Problem> {
        KEYWORDS.iter().filter_map(move |keyword| {
            let refusal = keyword.refusal().filter(|refusal| refusal.on_connect == on_connect)?;
            self.refused(keyword, refusal)
        })
    }

    fn refused(&self, keyword: &Keyword, refusal: &Refusal) -> Option<Problem> {
        let name = keyword.name;
        let text = match self.list(name) {
            Some(words) => words.join(" "),
            None => self.text(name)?.to_owned(),
        };
        if refusal.fine.iter().any(|word| word.eq_ignore_ascii_case(&text)) {
            return None;
        }
        let shown = match text.as_str() {
            "true" => "yes",
            "false" => "no",
            text => text,
        };
        let mut problem = self.problem(name, format!("{name} {shown} {}; patchwave does not do that", refusal.effect));
        problem.help = Some(refusal.help).filter(|help| !help.is_empty()).map(str::to_owned);
        Some(problem)
    }
}
