//! The few templates that connection variables may hold: `{{ name }}` and `{{ name.key }}`, nothing more.

use super::group::{Host, Inventory};
use crate::{
    host::HostName,
    mask::Secrets,
    sensitive,
    yaml::{CANNOT_DECRYPT, Node, Span},
};

/// Deepest chain of variables that refer to each other.
const DEEPEST: usize = 10;

/// Why a variable has no text, and where.
pub struct NoText {
    pub why: String,
    pub help: Option<String>,
    pub span: Span,
}

/// The host whose variables are looked up.
pub struct Lookup<'a> {
    pub inventory: &'a Inventory,
    pub name: &'a HostName,
    pub host: &'a Host,
    /// Gets the secrets among them.
    pub secrets: &'a Secrets,
}

/// The text of `node`, with references to other variables of the host resolved.
pub fn text(look: &Lookup<'_>, node: &Node) -> Result<String, NoText> {
    resolve(look, node, 0)
}

fn resolve(look: &Lookup<'_>, node: &Node, depth: usize) -> Result<String, NoText> {
    let fail =
        |why: String, help: Option<&str>| Err(NoText { why, help: help.map(str::to_owned), span: node.span.clone() });
    if node.is_vault() {
        return fail(
            CANNOT_DECRYPT.into(),
            Some("give its password with `--vault-password-file` or `-J`, or pass the value with -e"),
        );
    }
    if let Some(text) = node.unsafe_text() {
        return Ok(text.to_owned());
    }
    if node.is_sealed() {
        let open = Node { tag: None, ..node.clone() };
        let text = resolve(look, &open, depth)?;
        look.secrets.add(&text);
        return Ok(text);
    }
    let Some(text) = node.text().filter(|_| !node.is_null()) else {
        return fail(format!("must be a text or a number, found {}", node.kind()), None);
    };
    if text.contains("{%") || depth > DEEPEST {
        let why =
            if depth > DEEPEST { "refers to itself" } else { "is a template with more than the name of a variable" };
        return fail(why.into(), Some("here only references like {{ other_variable }} are resolved"));
    }
    let mut done = String::new();
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        done.push_str(&rest[..open]);
        let Some(length) = rest[open..].find("}}") else {
            return fail("has a template that is never closed".into(), None);
        };
        let inside = rest[open + 2..open + length].trim();
        done.push_str(&reference(look, node, inside, depth)?);
        rest = &rest[open + length + 2..];
    }
    done.push_str(rest);
    Ok(done)
}

/// The text of `name` or `name.key`.
fn reference(look: &Lookup<'_>, node: &Node, path: &str, depth: usize) -> Result<String, NoText> {
    let no = |why: String, help: Option<String>| Err(NoText { why, help, span: node.span.clone() });
    let mut parts = path.split('.');
    let first = parts.next().unwrap_or_default();
    let word = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !path.split('.').all(word) {
        let help = "here only references like {{ other_variable }} are resolved".to_owned();
        return no("is a template with more than the name of a variable".into(), Some(help));
    }
    match path {
        "inventory_hostname" => return Ok(look.name.as_str().to_owned()),
        "inventory_hostname_short" => return Ok(look.name.as_str().split('.').next().unwrap_or_default().to_owned()),
        "inventory_file" | "inventory_dir" if look.inventory.var(look.host, path).is_none() => {
            if let Some(origin) = &look.host.origin {
                let place = if path == "inventory_dir" { &origin.folder } else { &origin.file };
                return Ok(place.display().to_string());
            }
        }
        _ => {}
    }
    let found = look.inventory.var(look.host, first);
    match parts.try_fold(found, |at, key| at.map(|node| node.get(key))).flatten() {
        Some(other) => {
            let text = resolve(look, other, depth + 1)?;
            if path.split('.').any(sensitive::name) {
                look.secrets.add(&text);
            }
            Ok(text)
        }
        None => {
            let files: Vec<String> = look.inventory.encrypted.iter().map(|p| p.display().to_string()).collect();
            let help = (!files.is_empty())
                .then(|| format!("these files are encrypted as a whole and were not read: {}", files.join(", ")));
            no(format!("needs the variable `{path}`, which is not set for this host"), help)
        }
    }
}
