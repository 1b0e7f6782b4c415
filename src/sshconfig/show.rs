//! Output for people: [`Resolved`] in the form of `ssh -G`, and the table of all keywords.

use std::fmt::{self, Write as _};

use super::{
    Resolved,
    read::{
        keyword::{Handling, Keyword, Kind, Refusal},
        table::KEYWORDS,
    },
};

const USUAL_KEYS: [&str; 7] = ["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_xmss", "id_dsa"];
const GSS_KEX: &str = "gss-group14-sha256-,gss-group16-sha512-,gss-nistp256-sha256-,gss-curve25519-sha256-,\
                       gss-group14-sha1-,gss-gex-sha1-";

impl Resolved {
    /// One `keyword value` per line, keywords in lower case, as OpenSSH 9.2 prints them.
    pub fn as_ssh_prints(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "host {}", self.host)?;
        writeln!(out, "user {}", self.shown.user)?;
        writeln!(out, "hostname {}", self.host_name)?;
        writeln!(out, "port {}", self.port.unwrap_or(super::matching::facts::SSH_PORT))?;
        for keyword in KEYWORDS.iter().filter(|keyword| !matches!(keyword.name, "user" | "hostname" | "port")) {
            self.keyword(keyword, out)?;
        }
        Ok(())
    }

    fn keyword(&self, keyword: &Keyword, out: &mut String) -> fmt::Result {
        let (name, gathered) = (keyword.name, &self.gathered);
        let own = match &keyword.kind {
            Kind::Algorithms(family) => {
                let names = match gathered.text(name) {
                    Some(spec) => family.names(spec).unwrap_or_default().join(","),
                    None => family.default().join(","),
                };
                Some(names)
            }
            Kind::KeyPath => {
                let keys = gathered.keys(name);
                if keys.is_empty() && name == "identityfile" {
                    return USUAL_KEYS.iter().try_for_each(|key| writeln!(out, "identityfile ~/.ssh/{key}"));
                }
                return keys.iter().try_for_each(|key| writeln!(out, "{name} {}", key.path));
            }
            Kind::SendEnv => return gathered.sent().iter().try_for_each(|sent| writeln!(out, "sendenv {sent}")),
            Kind::SetEnv => {
                return gathered.list(name).into_iter().flatten().try_for_each(|pair| writeln!(out, "setenv {pair}"));
            }
            Kind::List => self.list(keyword),
            Kind::Jump => gathered.jumps().and_then(|jumps| jumps.shown.clone()),
            Kind::Forward(_) if gathered.flag("clearallforwardings", false) => None,
            Kind::Forward(direction) => {
                return gathered.forwards(*direction).try_for_each(|forward| writeln!(out, "{name} {forward}"));
            }
            _ => self.special(name).unwrap_or_else(|| gathered.text_or_default(keyword)),
        };
        match own {
            Some(text) => writeln!(
                out,
                "{} {text}",
                if name == "canonicalizepermittedcnames" { "canonicalizePermittedcnames" } else { name }
            ),
            None => Ok(()),
        }
    }

    fn list(&self, keyword: &Keyword) -> Option<String> {
        let own = match keyword.name {
            "userknownhostsfile" => self.shown.user_known_hosts.clone().unwrap_or_else(|| {
                let home = self.shown.home.display();
                vec![format!("{home}/.ssh/known_hosts"), format!("{home}/.ssh/known_hosts2")]
            }),
            name => match self.gathered.list(name) {
                Some(list) => list.to_vec(),
                None if keyword.default.is_empty() => return None,
                None => vec![keyword.default.to_owned()],
            },
        };
        Some(if own.is_empty() { "none".to_owned() } else { own.join(" ") })
    }

    /// Keywords that are printed in a special form; the outer `None`: this is not one.
    fn special(&self, name: &str) -> Option<Option<String>> {
        let text = self.gathered.text(name);
        let unless_none = || text.filter(|text| !text.eq_ignore_ascii_case("none")).map(str::to_owned);
        Some(match name {
            "serveraliveinterval" => Some(self.alive_interval.map_or(0, |interval| interval.as_secs()).to_string()),
            "hostkeyalias" => self.host_key_alias.clone(),
            "controlpath" => self.shown.control_path.clone(),
            "identityagent" => self.shown.identity_agent.clone(),
            "remotecommand" => self.shown.remote_command.clone(),
            "forwardagent" if self.shown.forward_agent.is_some() => self.shown.forward_agent.clone(),
            "proxycommand" if !self.gathered.bastions().is_empty() => None,
            "proxycommand" | "localcommand" | "knownhostscommand" | "revokedhostkeys" | "pkcs11provider" => {
                unless_none()
            }
            "updatehostkeys" => Some(text.map_or_else(|| self.learns_keys().to_string(), str::to_owned)),
            "gssapikexalgorithms" => Some(text.unwrap_or(GSS_KEX).to_owned()),
            "escapechar" => match text {
                None => Some("~".to_owned()),
                Some(text) if text.len() == 1 || text == "none" => Some(text.to_owned()),
                Some(control) => Some(format!("\\{}", control.to_ascii_uppercase())),
            },
            _ => return None,
        })
    }

    /// `UpdateHostKeys` is on if only the usual file of known hosts is in use.
    fn learns_keys(&self) -> bool {
        let usual = self.gathered.list("userknownhostsfile").is_none_or(|list| list == ["~/.ssh/known_hosts"]);
        usual && self.gathered.text("verifyhostkeydns").is_none_or(|text| text == "false")
    }
}

/// One row of Markdown for each keyword, by name: how it is handled, with a note.
#[cfg(feature = "testing")]
pub fn keywords_in_markdown() -> String {
    let mut keywords: Vec<&Keyword> = KEYWORDS.iter().collect();
    keywords.sort_by_key(|keyword| keyword.name);
    let mut text = String::new();
    for keyword in keywords {
        let (handling, note) = match &keyword.handling {
            Handling::Honoured(note) => ("honoured", (*note).to_owned()),
            Handling::Harmless(why) => ("harmless", (*why).to_owned()),
            Handling::Refused(Refusal { fine, partly: true, effect, .. }) => {
                ("honoured", format!("{}; anything else is **refused**: it {effect}", quoted(fine)))
            }
            Handling::Refused(Refusal { fine: [], effect, .. }) => ("**refused**", format!("it {effect}")),
            Handling::Refused(Refusal { fine, effect, .. }) => {
                ("**refused**", format!("unless it is {}: it {effect}", quoted(fine)))
            }
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "| `{}` | {handling} | {note} |", keyword.name);
    }
    text
}

#[cfg(feature = "testing")]
fn quoted(words: &[&str]) -> String {
    let words = words.iter().map(|word| match *word {
        "true" => "`yes`".to_owned(),
        "false" => "`no`".to_owned(),
        word => format!("`{word}`"),
    });
    words.collect::<Vec<_>>().join(", ")
}
