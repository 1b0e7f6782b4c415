//! From keywords to [`LoginSettings`]: what may be tried to log in, in which order.

use super::{Problem, algorithms::Family, gather::Gathered, refuse::at};
use crate::target::{LoginMethod, LoginSettings};

/// OpenSSH's names, in its usual order.
const METHODS: [(&str, LoginMethod); 3] = [
    ("publickey", LoginMethod::Keys),
    ("keyboard-interactive", LoginMethod::Interactive),
    ("password", LoginMethod::Password),
];

/// What is said of logging in.
///
/// # Errors
/// Nothing that we could try is left.
pub(super) fn login(gathered: &Gathered) -> Result<LoginSettings, Problem> {
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

/// `None`: nothing is said, and patchwave's own order holds.
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
        let message = format!("preferredauthentications {names} names no way of logging in that patchwave has");
        let mut problem = at(gathered, "preferredauthentications", message);
        problem.help = Some("it has publickey, password and keyboard-interactive".to_owned());
        return Err(problem);
    }
    let left: Vec<LoginMethod> = order.into_iter().filter(|method| !off(*method)).collect();
    Ok(Some(left))
}

#[cfg(test)]
mod tests {
    use super::{LoginMethod::*, *};
    use crate::sshconfig::{Place, gather::Value};

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
        assert!(none.unwrap_err().to_string().contains("names no way"));
    }
}
