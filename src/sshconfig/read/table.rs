//! All keywords of ssh_config(5), and how each is handled. `docs/design/ssh-config.md` shows this table to people; one
//! test keeps the two the same, another compares it with what the installed `ssh` knows.

use crate::sshconfig::read::{
    algorithms::Family,
    forward::Direction,
    keyword::{Keyword, Kind},
    value,
};

const NO_FORWARDING: &str = "nothing is forwarded: no ports, displays or tunnels";
const NO_TERMINAL: &str = "commands run without a terminal and without interactive input";
const NO_KERBEROS: &str = "Kerberos is never tried; a host that accepts nothing else refuses the login";
const NO_HOSTBASED: &str = "matters for HostbasedAuthentication only, which is refused";
const NO_CANONICAL: &str = "matters for CanonicalizeHostname only, which is refused";
const OWN_CONNECTION: &str = "each host has a single connection of patchwave's own";
const OWN_OUTPUT: &str = "patchwave has its own options for output and logs";

/// A flag that does not change where or how we connect.
const fn idle(name: &'static str, default: &'static str, why: &'static str) -> Keyword {
    Keyword::flag(name, default).harmless(why)
}

/// The same with a word.
const fn idle_word(name: &'static str, why: &'static str) -> Keyword {
    Keyword::word(name).harmless(why)
}

/// The same with another kind of argument.
const fn idle_of(name: &'static str, kind: Kind, default: &'static str, why: &'static str) -> Keyword {
    Keyword::honoured(name, kind, default).harmless(why)
}

const fn choice(name: &'static str, choices: value::Choices, default: &'static str) -> Keyword {
    Keyword::honoured(name, Kind::Choice(choices), default)
}

const fn algorithms(name: &'static str, family: Family) -> Keyword {
    Keyword::honoured(name, Kind::Algorithms(family), "")
}

const OURS_ONLY: &str = "among those that patchwave supports; if none is left, the host is refused";
const CONNECT_LIMIT: &str = "`--connect-timeout` overrides it";

/// In the order of `ssh -G`, as far as it has one; those of newer releases than 9.2 last.
pub(crate) static KEYWORDS: &[Keyword] = &[
    Keyword::word("user").note("with `%` or `${` in it, which releases read differently, the host is refused"),
    Keyword::word("hostname"),
    Keyword::honoured("port", Kind::Port, "22"),
    choice("addressfamily", value::FAMILY, "any"),
    Keyword::flag("batchmode", "no").note("no question is asked; a configured password is still used"),
    idle("canonicalizefallbacklocal", "yes", NO_CANONICAL),
    choice("canonicalizehostname", value::CANONICALIZE, "false")
        .refused(&["false"], "would look the name up and rewrite it"),
    Keyword::flag("checkhostip", "no").refused_on_connect(&["no"], "would also look up the address in known_hosts"),
    idle_of("compression", Kind::Choice(value::COMPRESSION), "no", "nothing is compressed"),
    idle_of("controlmaster", Kind::Choice(value::CONTROL), "false", OWN_CONNECTION),
    idle("enablesshkeysign", "no", NO_HOSTBASED),
    idle("clearallforwardings", "no", NO_FORWARDING),
    idle("exitonforwardfailure", "no", NO_FORWARDING),
    idle_of("fingerprinthash", Kind::Choice(value::HASH), "SHA256", "fingerprints are shown in SHA256"),
    idle("forwardx11", "no", NO_FORWARDING),
    idle("forwardx11trusted", "yes", NO_FORWARDING),
    idle("gatewayports", "no", NO_FORWARDING),
    idle("gssapiauthentication", "no", NO_KERBEROS),
    Keyword::flag("gssapikeyexchange", "no").refused(&["no"], "would exchange keys with Kerberos"),
    idle("gssapidelegatecredentials", "no", NO_KERBEROS),
    idle("gssapitrustdns", "no", NO_KERBEROS),
    idle("gssapirenewalforcesrekey", "no", NO_KERBEROS),
    idle_word("gssapikexalgorithms", NO_KERBEROS),
    idle_word("gssapiclientidentity", NO_KERBEROS),
    idle_word("gssapiserveridentity", NO_KERBEROS),
    Keyword::flag("hashknownhosts", "no"),
    Keyword::flag("hostbasedauthentication", "no").refused(&["no"], "would log in with this machine's host key"),
    Keyword::flag("identitiesonly", "no"),
    Keyword::flag("kbdinteractiveauthentication", "yes"),
    Keyword::flag("nohostauthenticationforlocalhost", "no")
        .refused(&["no"], "would trust any host key on this machine"),
    Keyword::flag("passwordauthentication", "yes"),
    idle("permitlocalcommand", "no", "no local command is run after login"),
    Keyword::flag("proxyusefdpass", "no").refused(&["no"], "would take a socket from ProxyCommand"),
    choice("pubkeyauthentication", value::PUBKEY, "true").note("`unbound` and `host-bound` count as `yes`"),
    idle_of("requesttty", Kind::Choice(value::TTY), "auto", NO_TERMINAL),
    choice("sessiontype", value::SESSION, "default")
        .refused_on_connect(&["default"], "would leave no way to run our commands"),
    idle("stdinnull", "no", NO_TERMINAL),
    idle("forkafterauthentication", "no", NO_TERMINAL),
    idle("streamlocalbindunlink", "no", NO_FORWARDING),
    choice("stricthostkeychecking", value::STRICT, "ask").honoured_but(
        &["true", "ask", "accept-new"],
        "would accept changed host keys",
        "write `StrictHostKeyChecking accept-new`, which records the keys of new hosts and refuses changed ones; or \
         `patchwave: { host_key_checking: accept-new }` in the inventory, which overrides ssh_config",
    ),
    Keyword::flag("tcpkeepalive", "yes"),
    idle_of("tunnel", Kind::Choice(value::TUNNEL), "false", NO_FORWARDING),
    choice("verifyhostkeydns", value::YES_NO_ASK, "false").refused(&["false", "ask"], "would trust host keys from DNS"),
    idle("visualhostkey", "no", OWN_OUTPUT),
    idle_of("updatehostkeys", Kind::Choice(value::YES_NO_ASK), "", "no further keys of a host are recorded"),
    idle("enableescapecommandline", "no", NO_TERMINAL),
    idle_of("canonicalizemaxdots", Kind::Number, "1", NO_CANONICAL),
    Keyword::honoured("connectionattempts", Kind::Number, "1").note("at most 60"),
    idle_of("forwardx11timeout", Kind::Time, "1200", NO_FORWARDING),
    Keyword::honoured("numberofpasswordprompts", Kind::Number, "3")
        .note("for passphrases; a password is sent to a host once, and never with 0"),
    Keyword::honoured("serveralivecountmax", Kind::Number, "3"),
    Keyword::honoured("serveraliveinterval", Kind::Time, "").note("with 0, patchwave's own limit applies"),
    Keyword::honoured("requiredrsasize", Kind::Number, "1024"),
    Keyword::word("bindaddress").note("with a name instead of an address, the host is refused"),
    Keyword::word("bindinterface"),
    algorithms("ciphers", Family::Cipher).note(OURS_ONLY),
    idle_word("controlpath", OWN_CONNECTION),
    algorithms("hostkeyalgorithms", Family::Key).note(OURS_ONLY),
    Keyword::word("hostkeyalias"),
    algorithms("hostbasedacceptedalgorithms", Family::Key).harmless(NO_HOSTBASED),
    Keyword::honoured("identityagent", Kind::Agent, ""),
    Keyword::word("ignoreunknown"),
    Keyword::word("kbdinteractivedevices"),
    algorithms("kexalgorithms", Family::Kex).note(OURS_ONLY),
    algorithms("casignaturealgorithms", Family::Authority),
    idle_of("localcommand", Kind::Command, "", "no local command is run after login"),
    Keyword::honoured("remotecommand", Kind::Command, "")
        .refused_on_connect(&["none"], "would run instead of our commands"),
    idle_of("loglevel", Kind::Choice(value::LEVEL), "INFO", OWN_OUTPUT),
    algorithms("macs", Family::Mac).note(OURS_ONLY),
    Keyword::word("pkcs11provider").refused(&["none"], "would log in with keys of a token; use an agent for them"),
    idle_of("securitykeyprovider", Kind::Word, "internal", "security keys sign through the agent"),
    Keyword::word("preferredauthentications")
        .note("among those that patchwave supports; if none is left, the host is refused"),
    algorithms("pubkeyacceptedalgorithms", Family::Key),
    Keyword::word("revokedhostkeys"),
    idle_of("xauthlocation", Kind::Word, "/usr/bin/xauth", NO_FORWARDING),
    Keyword::honoured("knownhostscommand", Kind::Command, "")
        .refused(&["none"], "would trust host keys from a program"),
    idle_of("dynamicforward", Kind::Forward(Direction::Dynamic), "", NO_FORWARDING),
    idle_of("localforward", Kind::Forward(Direction::Local), "", NO_FORWARDING),
    idle_of("remoteforward", Kind::Forward(Direction::Remote), "", NO_FORWARDING),
    Keyword::honoured("identityfile", Kind::KeyPath, "").note("a public key file selects a key of the agent"),
    idle_of("canonicaldomains", Kind::List, "none", NO_CANONICAL),
    Keyword::honoured("certificatefile", Kind::KeyPath, ""),
    Keyword::honoured("globalknownhostsfile", Kind::List, "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"),
    Keyword::honoured("userknownhostsfile", Kind::List, ""),
    Keyword::honoured("sendenv", Kind::SendEnv, "").note(LOCALE),
    Keyword::honoured("setenv", Kind::SetEnv, "").note(LOCALE),
    idle_of("logverbose", Kind::List, "none", OWN_OUTPUT),
    idle_of("permitremoteopen", Kind::List, "any", NO_FORWARDING),
    idle_of("addkeystoagent", Kind::Owns(value::add_keys), "false", "no key is added to the agent"),
    idle_of("forwardagent", Kind::ForwardAgent, "no", "the agent is never forwarded: patching does not need it"),
    Keyword::honoured("connecttimeout", Kind::Time, "none").note(CONNECT_LIMIT),
    idle_of("tunneldevice", Kind::Own(value::tunnel_device), "any:any", NO_FORWARDING),
    Keyword::honoured("canonicalizepermittedcnames", Kind::List, "none").refused(&["none"], "would rewrite the name"),
    idle_of("controlpersist", Kind::Own(value::persist), "no", OWN_CONNECTION),
    idle_of("escapechar", Kind::Own(value::escape), "~", NO_TERMINAL),
    idle_of("ipqos", Kind::Owns(value::qos), "lowdelay throughput", "packets are not marked"),
    idle_of("rekeylimit", Kind::Owns(value::rekey), "0 0", "keys are exchanged again after 1 GiB"),
    idle_of("streamlocalbindmask", Kind::Own(value::mask), "0177", NO_FORWARDING),
    idle_of("syslogfacility", Kind::Choice(value::FACILITY), "USER", OWN_OUTPUT),
    Keyword::honoured("proxycommand", Kind::Command, ""),
    Keyword::honoured("proxyjump", Kind::Jump, "").note("over shared connections"),
    Keyword::word("tag"),
    idle_of("channeltimeout", Kind::List, "", "no channel stays idle"),
    idle_word("obscurekeystroketiming", NO_TERMINAL),
    Keyword::word("refuseconnection").refused(&[], "refuses the connection"),
    idle_word("versionaddendum", "patchwave sends its own version"),
    idle("warnweakcrypto", "", OWN_OUTPUT),
];

const LOCALE: &str = "except the locale (`LANG`, `LC_ALL`, `LC_MESSAGES`, …): programs parse what hosts print";

/// Other names of keywords.
pub(crate) const ALIASES: &[(&str, &str)] = &[
    ("challengeresponseauthentication", "kbdinteractiveauthentication"),
    ("skeyauthentication", "kbdinteractiveauthentication"),
    ("tisauthentication", "kbdinteractiveauthentication"),
    ("dsaauthentication", "pubkeyauthentication"),
    ("hostbasedkeytypes", "hostbasedacceptedalgorithms"),
    ("identityfile2", "identityfile"),
    ("keepalive", "tcpkeepalive"),
    ("protocolkeepalives", "serveraliveinterval"),
    ("pubkeyacceptedkeytypes", "pubkeyacceptedalgorithms"),
    // Red Hat's, in its system-wide policy.
    ("rsaminsize", "requiredrsasize"),
    ("setuptimeout", "serveraliveinterval"),
    ("smartcarddevice", "pkcs11provider"),
];

/// Keywords of former releases, and of Debian's.
pub(crate) const NOTHING: &[&str] = &[
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
    "useblacklistedkeys",
    "useprivilegedport",
    "userknownhostsfile2",
    "useroaming",
    "usersh",
];
