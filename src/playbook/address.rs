//! Which parts of a web address may be shown: the path of a webhook is its password, and a login or a query may be one.
//! The parser of the HTTP client reads addresses; they are never cut by hand. Start at [`Address`].

use serde_json::Value;

use super::{Condition, HttpCheck, Notify, StepKind, StepSpec, Template};
use crate::mask::MASK;

/// An address that can be requested.
pub struct Address(reqwest::Url);

impl Address {
    /// Reads one. A text that is not an address is never shown: any part of it may be secret.
    ///
    /// # Errors
    /// A sentence without the text.
    pub fn read(text: &str) -> Result<Self, &'static str> {
        match reqwest::Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(Self(url)),
            _ => Err("this address must begin with http:// or https:// (not shown here: it may be secret)"),
        }
    }

    /// `https://hooks.example.com:8080`, without login, path and query.
    pub fn site(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        let port = self.0.port().map_or_else(String::new, |port| format!(":{port}"));
        format!("{}://{host}{port}", self.0.scheme())
    }

    /// The site and the path, without login and query.
    pub fn page(&self) -> String {
        format!("{}{}", self.site(), self.0.path())
    }
}

impl StepSpec {
    /// The step as it may be shown. The ledger keeps the full addresses that a run needs to go on.
    #[must_use]
    pub fn shown(&self) -> Self {
        let mut step = self.clone();
        match &mut step.kind {
            StepKind::Notify(Notify::Webhook { url, .. }) => mask_webhook(url),
            StepKind::Verify(verify) => verify.http.iter_mut().for_each(|check| *check = check.shown()),
            StepKind::WaitFor(wait) => {
                if let Condition::Http(check) = &mut wait.condition {
                    *check = check.shown();
                }
            }
            _ => {}
        }
        step
    }
}

fn mask_webhook(url: &mut Template) {
    url.0 = webhook_shown(&url.0);
}

fn webhook_shown(url: &str) -> String {
    match Address::read(url) {
        Ok(address) => format!("{}/{MASK}", address.site()),
        Err(_) => MASK.to_owned(),
    }
}

/// Most addresses of checks hold no secret, and many are templates, which the parser of addresses cannot read. So only
/// an address that may hold a login or a query is masked.
fn check_shown(url: &str) -> String {
    if !url.contains(['@', '?', '#', '\\', '%']) {
        return url.to_owned();
    }
    match Address::read(url) {
        Ok(address) => format!("{}?{MASK}", address.page()),
        Err(_) => MASK.to_owned(),
    }
}

impl HttpCheck {
    /// The check as it may be shown.
    #[must_use]
    pub fn shown(&self) -> Self {
        let mut check = self.clone();
        check.url.0 = check_shown(&check.url.0);
        check
    }
}

/// Hides the same parts in steps that are JSON: in a record of a newer version, which may have fields that this one
/// does not know.
pub fn hide_addresses(value: &mut Value) {
    hide_below(value, "");
}

fn hide_below(value: &mut Value, key: &str) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(url) if name == "url" && key == "webhook" => *url = webhook_shown(url),
                    Value::String(url) if name == "url" => *url = check_shown(url),
                    _ => hide_below(member, name),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| hide_below(item, key)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_shown_of_an_address() {
        for (text, shown) in [
            ("https://hooks.example.com/T0/B0/s3cret", "https://hooks.example.com /T0/B0/s3cret"),
            ("http://u:p@h:8080?x=s3cret", "http://h:8080 /"),
            ("https://h\\@x/y", "https://h /@x/y"),
            ("https://[::1]:1/a#b", "https://[::1]:1 /a"),
            ("https://bot:S3C/RET@h/", ""),
            ("https://bot:S3C#RET@h/", ""),
            ("https://bot:S3C?RET@h/", ""),
            ("nonsense", ""),
            ("mailto:s3cret@x", ""),
            ("https://{{ site }}/s3cret", ""),
            ("", ""),
        ] {
            let told = match Address::read(text) {
                Ok(address) => address.page().replacen(&address.site(), &format!("{} ", address.site()), 1),
                Err(why) => {
                    assert!(!why.contains("3C") && !why.contains("s3cret"));
                    String::new()
                }
            };
            assert_eq!(told, shown, "{text}");
        }
    }

    #[test]
    fn a_step_is_shown_without_its_addresses() {
        let url = |mask: fn(&mut Template), text: &str| {
            let mut template = Template(text.to_owned());
            mask(&mut template);
            template.0
        };
        assert_eq!(
            url(mask_webhook, "https://hooks.example.com/T0/s3cret"),
            format!("https://hooks.example.com/{MASK}")
        );
        for text in ["{{ hook }}", "https://bot:S3C/RET@h/", "https://{{ x }}/s3cret"] {
            assert_eq!(url(mask_webhook, text), MASK);
        }
        let check = |text: &str| {
            let url = Template(text.to_owned());
            HttpCheck { url, status: 200, contains: None, timeout: Duration::ZERO }.shown().url.0
        };
        assert_eq!(check("https://{{ inventory_hostname }}/health"), "https://{{ inventory_hostname }}/health");
        assert_eq!(check("https://u:s3cret@h/health?t=s3cret"), format!("https://h/health?{MASK}"));
        assert_eq!(check("https://{{ h }}/health?t=s3cret"), MASK);
    }

    #[test]
    fn what_is_hidden_in_a_step_is_hidden_in_its_json() {
        let mut steps = serde_json::json!([
            { "kind": { "notify": { "webhook": { "url": "https://h.example.com/T0/s3cret", "later": 1 } } } },
            { "kind": { "verify": { "http": [{ "url": "https://u:s3cret@h.example.com/ok" }, { "url": "http://h/ok" }] } } },
        ]);
        hide_addresses(&mut steps);
        let text = steps.to_string();
        assert!(!text.contains("s3cret") && text.contains("\"later\":1") && text.contains("\"http://h/ok\""), "{text}");
    }
}
