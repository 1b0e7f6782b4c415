//! The keywords: how their arguments are written, and what holds where nothing is said.

use super::{
    algorithms::Family,
    value::{self, Choices},
};

/// How a keyword's argument is written.
pub(super) enum Kind {
    Choice(Choices),
    Number,
    /// Seconds; `none` says nothing.
    Time,
    Port,
    /// One word.
    Word,
    /// Words; `none` only alone.
    List,
    /// The rest of the line.
    Command,
    Jump,
    Algorithms(Family),
    /// A path that adds to those before it.
    KeyPath,
    /// A socket: a path, `$NAME` or a word of its own.
    Agent,
    /// A flag or a socket.
    ForwardAgent,
    SendEnv,
    SetEnv,
    /// Port forwardings: read, never set up.
    Forward {
        target: bool,
        needs_target: bool,
    },
    /// One word of a form of its own.
    Own(fn(&str) -> Result<String, String>),
    /// Words of a form of their own.
    Owns(fn(&[String]) -> Result<String, String>),
}

/// One keyword.
pub(super) struct Keyword {
    /// Lower-case, as `ssh -G` prints it.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// In canonical form; empty: nothing.
    pub(super) default: &'static str,
}

/// What a word at the beginning of a line is.
#[derive(Clone, Copy)]
pub(super) enum Named {
    Host,
    Match,
    Include,
    Keyword(&'static Keyword),
    /// OpenSSH takes it and does nothing.
    Nothing,
}

const fn keyword(name: &'static str, kind: Kind, default: &'static str) -> Keyword {
    Keyword { name, kind, default }
}

const fn flag(name: &'static str, default: &'static str) -> Keyword {
    keyword(name, Kind::Choice(value::FLAG), default)
}

const fn word(name: &'static str) -> Keyword {
    keyword(name, Kind::Word, "")
}

/// In the order of `ssh -G`, as far as it has one; those of newer releases than 9.2 last.
pub(super) static KEYWORDS: &[Keyword] = &[
    word("user"),
    word("hostname"),
    keyword("port", Kind::Port, "22"),
    keyword("addressfamily", Kind::Choice(value::FAMILY), "any"),
    flag("batchmode", "no"),
    flag("canonicalizefallbacklocal", "yes"),
    keyword("canonicalizehostname", Kind::Choice(value::CANONICALIZE), "false"),
    flag("checkhostip", "no"),
    keyword("compression", Kind::Choice(value::COMPRESSION), "no"),
    keyword("controlmaster", Kind::Choice(value::CONTROL), "false"),
    flag("enablesshkeysign", "no"),
    flag("clearallforwardings", "no"),
    flag("exitonforwardfailure", "no"),
    keyword("fingerprinthash", Kind::Choice(value::HASH), "SHA256"),
    flag("forwardx11", "no"),
    flag("forwardx11trusted", "yes"),
    flag("gatewayports", "no"),
    flag("gssapiauthentication", "no"),
    flag("gssapikeyexchange", "no"),
    flag("gssapidelegatecredentials", "no"),
    flag("gssapitrustdns", "no"),
    flag("gssapirenewalforcesrekey", "no"),
    word("gssapikexalgorithms"),
    word("gssapiclientidentity"),
    word("gssapiserveridentity"),
    flag("hashknownhosts", "no"),
    flag("hostbasedauthentication", "no"),
    flag("identitiesonly", "no"),
    flag("kbdinteractiveauthentication", "yes"),
    flag("nohostauthenticationforlocalhost", "no"),
    flag("passwordauthentication", "yes"),
    flag("permitlocalcommand", "no"),
    flag("proxyusefdpass", "no"),
    keyword("pubkeyauthentication", Kind::Choice(value::PUBKEY), "true"),
    keyword("requesttty", Kind::Choice(value::TTY), "auto"),
    keyword("sessiontype", Kind::Choice(value::SESSION), "default"),
    flag("stdinnull", "no"),
    flag("forkafterauthentication", "no"),
    flag("streamlocalbindunlink", "no"),
    keyword("stricthostkeychecking", Kind::Choice(value::STRICT), "ask"),
    flag("tcpkeepalive", "yes"),
    keyword("tunnel", Kind::Choice(value::TUNNEL), "false"),
    keyword("verifyhostkeydns", Kind::Choice(value::YES_NO_ASK), "false"),
    flag("visualhostkey", "no"),
    keyword("updatehostkeys", Kind::Choice(value::YES_NO_ASK), ""),
    flag("enableescapecommandline", "no"),
    keyword("canonicalizemaxdots", Kind::Number, "1"),
    keyword("connectionattempts", Kind::Number, "1"),
    keyword("forwardx11timeout", Kind::Time, "1200"),
    keyword("numberofpasswordprompts", Kind::Number, "3"),
    keyword("serveralivecountmax", Kind::Number, "3"),
    keyword("serveraliveinterval", Kind::Time, ""),
    keyword("requiredrsasize", Kind::Number, "1024"),
    word("bindaddress"),
    word("bindinterface"),
    keyword("ciphers", Kind::Algorithms(Family::Cipher), ""),
    word("controlpath"),
    keyword("hostkeyalgorithms", Kind::Algorithms(Family::Key), ""),
    word("hostkeyalias"),
    keyword("hostbasedacceptedalgorithms", Kind::Algorithms(Family::Key), ""),
    keyword("identityagent", Kind::Agent, ""),
    word("ignoreunknown"),
    word("kbdinteractivedevices"),
    keyword("kexalgorithms", Kind::Algorithms(Family::Kex), ""),
    keyword("casignaturealgorithms", Kind::Algorithms(Family::Authority), ""),
    keyword("localcommand", Kind::Command, ""),
    keyword("remotecommand", Kind::Command, ""),
    keyword("loglevel", Kind::Choice(value::LEVEL), "INFO"),
    keyword("macs", Kind::Algorithms(Family::Mac), ""),
    word("pkcs11provider"),
    keyword("securitykeyprovider", Kind::Word, "internal"),
    word("preferredauthentications"),
    keyword("pubkeyacceptedalgorithms", Kind::Algorithms(Family::Key), ""),
    word("revokedhostkeys"),
    keyword("xauthlocation", Kind::Word, "/usr/bin/xauth"),
    keyword("knownhostscommand", Kind::Command, ""),
    keyword("dynamicforward", Kind::Forward { target: false, needs_target: false }, ""),
    keyword("localforward", Kind::Forward { target: true, needs_target: true }, ""),
    keyword("remoteforward", Kind::Forward { target: true, needs_target: false }, ""),
    keyword("identityfile", Kind::KeyPath, ""),
    keyword("canonicaldomains", Kind::List, "none"),
    keyword("certificatefile", Kind::KeyPath, ""),
    keyword("globalknownhostsfile", Kind::List, "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"),
    keyword("userknownhostsfile", Kind::List, ""),
    keyword("sendenv", Kind::SendEnv, ""),
    keyword("setenv", Kind::SetEnv, ""),
    keyword("logverbose", Kind::List, "none"),
    keyword("permitremoteopen", Kind::List, "any"),
    keyword("addkeystoagent", Kind::Owns(value::add_keys), "false"),
    keyword("forwardagent", Kind::ForwardAgent, "no"),
    keyword("connecttimeout", Kind::Time, "none"),
    keyword("tunneldevice", Kind::Own(value::tunnel_device), "any:any"),
    keyword("canonicalizepermittedcnames", Kind::List, "none"),
    keyword("controlpersist", Kind::Own(value::persist), "no"),
    keyword("escapechar", Kind::Own(value::escape), "~"),
    keyword("ipqos", Kind::Owns(value::qos), "lowdelay throughput"),
    keyword("rekeylimit", Kind::Owns(value::rekey), "0 0"),
    keyword("streamlocalbindmask", Kind::Own(value::mask), "0177"),
    keyword("syslogfacility", Kind::Choice(value::FACILITY), "USER"),
    keyword("proxycommand", Kind::Command, ""),
    keyword("proxyjump", Kind::Jump, ""),
    word("tag"),
    keyword("channeltimeout", Kind::List, ""),
    word("obscurekeystroketiming"),
    word("refuseconnection"),
    word("versionaddendum"),
    flag("warnweakcrypto", ""),
];

/// Other names of the same.
const ALIASES: &[(&str, &str)] = &[
    ("challengeresponseauthentication", "kbdinteractiveauthentication"),
    ("skeyauthentication", "kbdinteractiveauthentication"),
    ("tisauthentication", "kbdinteractiveauthentication"),
    ("dsaauthentication", "pubkeyauthentication"),
    ("hostbasedkeytypes", "hostbasedacceptedalgorithms"),
    ("identityfile2", "identityfile"),
    ("keepalive", "tcpkeepalive"),
    ("protocolkeepalives", "serveraliveinterval"),
    ("pubkeyacceptedkeytypes", "pubkeyacceptedalgorithms"),
    ("setuptimeout", "serveraliveinterval"),
    ("smartcarddevice", "pkcs11provider"),
];

/// Of former releases.
const NOTHING: &[&str] = &[
    "afstokenpassing",
    "cipher",
    "compressionlevel",
    "fallbacktorsh",
    "globalknownhostsfile2",
    "kerberosauthentication",
    "kerberostgtpassing",
    "protocol",
    "rhostsauthentication",
    "rhostsrsaauthentication",
    "rsaauthentication",
    "useprivilegedport",
    "userknownhostsfile2",
    "useroaming",
    "usersh",
];

/// Finds a lower-case word.
pub(super) fn named(word: &str) -> Option<Named> {
    match word {
        "host" => return Some(Named::Host),
        "match" => return Some(Named::Match),
        "include" => return Some(Named::Include),
        word if NOTHING.contains(&word) => return Some(Named::Nothing),
        _ => {}
    }
    let name = ALIASES.iter().find(|(alias, _)| *alias == word).map_or(word, |(_, name)| *name);
    KEYWORDS.iter().find(|keyword| keyword.name == name).map(Named::Keyword)
}

/// The known word nearest to an unknown one.
pub(super) fn nearest(word: &str) -> Option<&'static str> {
    let names = KEYWORDS.iter().map(|keyword| keyword.name).chain(["host", "match", "include"]);
    let scored = names.map(|name| (strsim::damerau_levenshtein(word, name), name));
    scored.filter(|(distance, _)| *distance <= 3).min().map(|(_, name)| name)
}
