//! Encrypted values (`!vault`) to what they hold. Knows where such values are in a file, and no password but those that
//! it is given.

use super::{Node, Problems, VAULT, Value};
use crate::vault::Passwords;

impl Node {
    /// Decrypts every encrypted value in this one. What was encrypted is secret from here on ([`Node::seal`]).
    pub fn decrypt(&mut self, passwords: &Passwords, problems: &mut Problems) {
        if self.is_vault() {
            let opened = passwords.open(self.get(VAULT).unwrap_or(self).text().unwrap_or_default());
            match opened {
                Ok(text) => {
                    self.value = Value::String(text.to_string());
                    self.tag = None;
                    self.seal();
                }
                Err(why) => drop(problems.at(&self.span, format!("this value is encrypted, and {why}")).clone()),
            }
            return;
        }
        match &mut self.value {
            Value::Seq(items) => items.iter_mut().for_each(|item| item.decrypt(passwords, problems)),
            Value::Map(entries) => entries.iter_mut().for_each(|(_, item)| item.decrypt(passwords, problems)),
            _ => {}
        }
    }

    /// The encrypted values in this one, in the order of the file.
    pub fn encrypted(&self) -> Vec<&Self> {
        match &self.value {
            _ if self.is_vault() => vec![self],
            Value::Seq(items) => items.iter().flat_map(Self::encrypted).collect(),
            Value::Map(entries) => entries.iter().flat_map(|(_, item)| item.encrypted()).collect(),
            _ => Vec::new(),
        }
    }
}
