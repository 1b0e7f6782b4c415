//! Fingerprints of a plan, so that the plan that was reviewed is the plan that runs, and of variables, so that a
//! changed inventory is noticed. What is hashed is JSON without spaces: a plan's fields in the order of its types,
//! variables with sorted keys. Only a few bits of a secret go in: a short secret could be found from its hash by
//! trying.

use std::collections::BTreeMap;

use base16ct::lower::encode_string as hex;
use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};

use super::{
    Plan,
    pinned::{HOST_MARK, NAME_MARK},
};
use crate::{host::HostName, sensitive};

/// How many characters of a digest people see and type.
const SHOWN: usize = 12;

impl Plan {
    /// The SHA-256 of the plan, 64 hex characters. Equal plans have equal digests, on every machine.
    pub fn digest(&self) -> String {
        let text =
            serde_json::to_vec(self).expect("a plan holds strings, numbers, lists and maps with string keys only");
        hex(&Sha256::digest(&text))
    }

    /// The first 12 characters of [`Plan::digest`], as they are shown and typed.
    pub fn short_digest(&self) -> String {
        let mut digest = self.digest();
        digest.truncate(SHOWN);
        digest
    }
}

/// Hashes the variables of many hosts.
#[derive(Default)]
pub(super) struct VarsDigest {
    hasher: Sha256,
    text: Vec<u8>,
    shared: Vec<u8>,
    hosts: BTreeMap<HostName, String>,
    variables: BTreeMap<String, [u8; 2]>,
}

/// A few bits of each host's variables, and of each variable.
#[derive(Default)]
pub(super) struct Marks {
    /// A hash of everything, independent of the order of the hosts.
    pub digest: String,
    pub hosts: BTreeMap<HostName, String>,
    pub variables: BTreeMap<String, String>,
}

impl VarsDigest {
    /// The variables of one host.
    pub fn host(&mut self, name: &HostName, vars: &Map<String, Json>) {
        self.part(name.as_str(), vars);
        self.hosts.insert(name.clone(), hex(&Sha256::digest(&self.text)));
    }

    /// Variables that all hosts see. They are stored under an empty name, which no host has.
    pub fn shared(&mut self, vars: &Map<String, Json>) {
        self.part("", vars);
        self.shared = self.text.clone();
    }

    fn part(&mut self, name: &str, vars: &Map<String, Json>) {
        for (key, value) in vars.iter().filter(|(key, value)| !is_login(key, value)) {
            self.text.clear();
            string(name, &mut self.text);
            canonical(value, &mut self.text);
            // Combined with XOR, so that the order of the hosts does not matter: a resume has them in the plan's order.
            let sum = Sha256::digest(&self.text);
            match self.variables.get_mut(key) {
                Some(mark) => *mark = [mark[0] ^ sum[0], mark[1] ^ sum[1]],
                None => drop(self.variables.insert(key.clone(), [sum[0], sum[1]])),
            }
        }
        self.text.clear();
        string(name, &mut self.text);
        map(vars.iter().filter(|(key, value)| !is_login(key, value)), &mut self.text);
        self.text.push(b'\n');
        self.hasher.update(&self.text);
    }

    /// The hash as 64 hex characters, and the marks.
    pub fn finish(self) -> (String, Marks) {
        let short = |text: &str, digits: usize| text.get(..digits).unwrap_or(text).to_owned();
        let mut all = Sha256::new();
        // No host name is empty.
        all.update(&self.shared);
        for (host, sum) in &self.hosts {
            all.update(format!("{host} {sum}\n"));
        }
        let hosts = self.hosts.into_iter().map(|(host, sum)| (host, short(&sum, HOST_MARK))).collect();
        let variables = self.variables.into_iter().map(|(name, sum)| (name, short(&hex(&sum), NAME_MARK))).collect();
        (hex(&self.hasher.finalize()), Marks { digest: hex(&all.finalize()), hosts, variables })
    }
}

/// A secret that says how to log in, not what is done. It is left out completely.
fn is_login(name: &str, value: &Json) -> bool {
    name.starts_with("ansible_") && sensitive::secret(value).is_some()
}

/// So few bits of a secret that it cannot be found by trying, but enough to see that it has changed.
fn mark(secret: &Json, out: &mut Vec<u8>) {
    let mut text = Vec::new();
    canonical(secret, &mut text);
    let sum = hex(&Sha256::digest(&text));
    string(sum.get(..NAME_MARK).unwrap_or_default(), out);
}

fn canonical(json: &Json, out: &mut Vec<u8>) {
    if let Some(secret) = sensitive::secret(json) {
        return mark(secret, out);
    }
    match json {
        Json::Object(object) => map(object.iter(), out),
        Json::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                canonical(item, out);
            }
            out.push(b']');
        }
        Json::String(text) => string(text, out),
        other => out.extend_from_slice(other.to_string().as_bytes()),
    }
}

fn map<'a>(entries: impl Iterator<Item = (&'a String, &'a Json)>, out: &mut Vec<u8>) {
    let mut entries: Vec<_> = entries.collect();
    entries.sort_by_key(|(key, _)| *key);
    out.push(b'{');
    for (i, (key, value)) in entries.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        string(key, out);
        out.push(b':');
        canonical(value, out);
    }
    out.push(b'}');
}

fn string(text: &str, out: &mut Vec<u8>) {
    // Writing to memory cannot fail, and a str is always a JSON string.
    let _ = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn vars(json: Json) -> String {
        let Json::Object(vars) = json else { panic!("no object") };
        let vars = sensitive::mark_all(vars);
        let mut digest = VarsDigest::default();
        digest.host(&HostName::new("a").unwrap(), &vars);
        digest.finish().0
    }

    #[test]
    fn equal_data_has_one_text() {
        let mut text = Vec::new();
        canonical(&json!({"b": [1, "x\"y", null], "a": {"d": true, "c": 1.5}}), &mut text);
        assert_eq!(String::from_utf8(text).unwrap(), r#"{"a":{"c":1.5,"d":true},"b":[1,"x\"y",null]}"#);
        assert_eq!(vars(json!({"a": 1, "b": 2})), vars(json!({"b": 2, "a": 1})));
        assert_ne!(vars(json!({"a": 1})), vars(json!({"a": 2})));
        assert_ne!(vars(json!({"a": 1})), vars(json!({"a": "1"})));
        assert_eq!(vars(json!({"a": 1})).len(), 64);
    }

    #[test]
    fn of_a_secret_a_few_bits_are_hashed_and_of_a_login_none() {
        assert_eq!(vars(json!({"ansible_password": "a"})), vars(json!({"ansible_become_pass": "b"})));
        assert_ne!(vars(json!({"db": {"token": "a"}})), vars(json!({"db": {"token": "b"}})), "a change is seen");
        let digests: std::collections::BTreeSet<String> =
            (0..20_000).map(|pin| vars(json!({"a": [{"pin_secret": pin}]}))).collect();
        assert!(digests.len() <= 1 << (4 * NAME_MARK), "{} digests tell secrets apart", digests.len());
        assert_ne!(vars(json!({"token_auth": true})), vars(json!({"token_auth": false})), "no secret, but a setting");
    }

    proptest::proptest! {
        /// Excerpts of a file, `inventory list` and the digest take the same names for secret.
        #[test]
        fn one_list_says_what_is_secret(
            name in "([a-z]{1,4}_)?(pass|password|token|secret|pwd|path|passive|private_key|private_key_file|api_key)(_[a-z]{1,4})?"
        ) {
            use crate::inventory::Inventory;
            let login = format!("ansible_{name}");
            let list = |value: &str| {
                let text = format!("all: {{ hosts: {{ h: {{ {name}: {value}, {login}: {value} }} }} }}\n");
                let inventory = Inventory::from_text("i.yml", &text).unwrap_or_else(|problems| panic!("{problems}"));
                let host = HostName::new("h").unwrap();
                let seen = inventory.vars(&host).into_iter().filter(|(name, _)| *name == login).collect();
                let shown = inventory.list_json()["_meta"]["hostvars"]["h"][&name].to_string();
                (shown, vars(Json::Object(seen)))
            };
            let secret = sensitive::name(&name);
            let ((one, digest), (other, digest_of_other)) = (list("S3cr3tOne"), list("S3cr3tTwo"));
            proptest::prop_assert_eq!(!one.contains("S3cr3t") && !other.contains("S3cr3t"), secret);
            proptest::prop_assert_eq!(digest == digest_of_other, sensitive::name(&login));
            let bad = format!("all:\n  hosts:\n    'a b': {{ {name}: S3cr3tOne }}\n");
            let told = Inventory::from_text("i.yml", &bad).unwrap_err().to_string();
            proptest::prop_assert!(told.contains("'a b'"), "{told}");
            // An excerpt hides more of a line than necessary: it does not know where a name begins.
            proptest::prop_assert_eq!(!told.contains("S3cr3t"), secret || name == "pwd", "{}", told);
        }
    }
}
