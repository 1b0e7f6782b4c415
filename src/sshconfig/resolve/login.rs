//! How to log in, and what is set before each command: keywords to [`LoginSettings`] and [`Variables`].

use std::collections::BTreeMap;

use crate::sshconfig::{
    Problem,
    read::{algorithms::Family, pattern},
    resolve::gathered::Gathered,
};
use crate::target::{LoginMethod, LoginSettings, Variables};

/// OpenSSH's names, in its default order.
const METHODS: [(&str, LoginMethod); 3] = [
    ("publickey", LoginMethod::Keys),
    ("keyboard-interactive", LoginMethod::Interactive),
    ("password", LoginMethod::Password),
];

/// The locale would change the language of a host's output, which is parsed.
const LOCALE: [&str; 15] = [
    "LANG",
    "LANGUAGE",
    "LC_ADDRESS",
    "LC_ALL",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_IDENTIFICATION",
    "LC_MEASUREMENT",
    "LC_MESSAGES",
    "LC_MONETARY",
    "LC_NAME",
    "LC_NUMERIC",
    "LC_PAPER",
    "LC_TELEPHONE",
    "LC_TIME",
];
/// Names and values together, in bytes: each command carries them.
const MOST: usize = 8 << 10;

/// The login settings.
///
/// # Errors
/// No method is left that we could try.
pub(crate) fn login(gathered: &Gathered) -> Result<LoginSettings, Problem> {
    let questions = gathered.number("numberofpasswordprompts");
    Ok(LoginSettings {
        methods: methods(gathered, questions)?,
        identities_only: gathered.flag("identitiesonly", false),
        accepted_keys: gathered.text("pubkeyacceptedalgorithms").and_then(|spec| Family::Key.names(spec)),
        questions,
        batch: gathered.flag("batchmode", false),
        devices: gathered.text("kbdinteractivedevices").map(str::to_owned),
    })
}

/// `None`: nothing is set, and patchwave's own order applies.
fn methods(gathered: &Gathered, questions: Option<u32>) -> Result<Option<Vec<LoginMethod>>, Problem> {
    let preferred = gathered.text("preferredauthentications");
    let off = |method: LoginMethod| match method {
        LoginMethod::Keys => gathered.text("pubkeyauthentication") == Some("false"),
        LoginMethod::Password => questions == Some(0) || !gathered.flag("passwordauthentication", true),
        LoginMethod::Interactive => questions == Some(0) || !gathered.flag("kbdinteractiveauthentication", true),
    };
    if preferred.is_none() && !METHODS.iter().any(|(_, method)| off(*method)) {
        return Ok(None);
    }
    let order: Vec<LoginMethod> = match preferred {
        Some(names) => {
            let known = |name: &str| METHODS.iter().find(|(known, _)| *known == name).map(|(_, method)| *method);
            names.split(',').filter_map(known).collect()
        }
        None => vec![LoginMethod::Keys, LoginMethod::Password, LoginMethod::Interactive],
    };
    if let (Some(names), true) = (preferred, order.is_empty()) {
        let message = format!("preferredauthentications {names} names no login method that patchwave supports");
        let mut problem = gathered.problem("preferredauthentications", message);
        problem.help = Some("it supports publickey, password and keyboard-interactive".to_owned());
        return Err(problem);
    }
    let left: Vec<LoginMethod> = order.into_iter().filter(|method| !off(*method)).collect();
    Ok(Some(left))
}

/// The variables for one host: those of the environment that are to be sent, then those that are set. As in OpenSSH, a
/// name may come twice; the host keeps the last.
///
/// # Errors
/// There are too many.
pub(crate) fn variables(gathered: &Gathered, env: &BTreeMap<String, String>) -> Result<Variables, Problem> {
    let sent = gathered.sent();
    let wanted = |name: &str| sent.iter().any(|wanted| pattern::matches(name, wanted));
    let mut found: Vec<(String, String)> = Vec::new();
    if !sent.is_empty() {
        found.extend(env.iter().filter(|(name, _)| wanted(name)).map(|(name, value)| (name.clone(), value.clone())));
    }
    let set = gathered.list("setenv").into_iter().flatten().filter_map(|pair| pair.split_once('='));
    found.extend(set.map(|(name, value)| (name.to_owned(), value.to_owned())));
    found.retain(|(name, _)| !LOCALE.contains(&name.as_str()));
    let size: usize = found.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > MOST {
        let message = format!("sendenv and setenv add up to {size} bytes of variables; the limit is {MOST}");
        return Err(gathered.problem("setenv", message));
    }
    Ok(Variables(found))
}

#[cfg(test)]
mod tests {
    use super::{LoginMethod::*, *};
    use crate::sshconfig::{Place, read::setting::Value};

    fn gathered(lines: &[(&'static str, &str)]) -> Gathered {
        let mut gathered = Gathered::default();
        let place = Place { path: "x".into(), line: 1 };
        for (name, text) in lines {
            gathered.first(name, Value::Text((*text).to_owned()), &place);
        }
        gathered
    }

    #[test]
    fn methods_are_ordered_and_switched_off() {
        let check = |lines: &[(&'static str, &str)], want: Option<&[LoginMethod]>| {
            let got = methods(&gathered(lines), gathered(lines).number("numberofpasswordprompts")).unwrap();
            assert_eq!(got.as_deref(), want, "{lines:?}");
        };
        check(&[], None);
        check(&[("passwordauthentication", "yes")], None);
        check(&[("passwordauthentication", "no")], Some(&[Keys, Interactive]));
        check(&[("kbdinteractiveauthentication", "no")], Some(&[Keys, Password]));
        check(&[("pubkeyauthentication", "false")], Some(&[Password, Interactive]));
        check(&[("pubkeyauthentication", "unbound")], None);
        check(&[("numberofpasswordprompts", "0")], Some(&[Keys]));
        check(&[("preferredauthentications", "password,gssapi-with-mic,publickey")], Some(&[Password, Keys]));
        check(
            &[("preferredauthentications", "keyboard-interactive,password"), ("passwordauthentication", "no")],
            Some(&[Interactive]),
        );
        let none = methods(&gathered(&[("preferredauthentications", "gssapi-with-mic,hostbased")]), None);
        assert!(none.unwrap_err().to_string().contains("names no login method"));
    }
}
