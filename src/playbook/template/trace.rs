//! What one render makes of secrets: the secret values that it looked up, and each text that it wrote after that.
//!
//! Which of those texts depend on a secret is found by rendering again with every secret disguised: a text that is the
//! same again holds none. So filters, concatenation, `set` and loops need no rules of their own, and the name of a host
//! next to a password stays readable. Start at [`Trace::report`].

use std::{
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use minijinja::{
    Value,
    value::{Object, ValueKind},
};
use zeroize::Zeroizing;

use crate::mask::{SHORTEST, Secrets};

/// The name under which the engine's formatter finds the record of the render. No template can write it.
pub(super) const TRACE: &str = "\0trace";

type Text = Zeroizing<String>;

/// The record of one render.
#[derive(Default)]
pub(super) struct Trace {
    disguise: bool,
    touched: AtomicBool,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    /// Secrets that were looked up.
    secrets: Vec<Text>,
    /// What was written after the first of them, one text for each `{{ … }}`. A yes or no is `None`.
    written: Vec<Option<Text>>,
    /// A secret has no disguise, so that everything counts as made of it.
    blind: bool,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trace")
    }
}

/// Only so that the engine can pass it to its formatter.
impl Object for Trace {}

impl Trace {
    /// For a render in which each secret is another text of the same form.
    pub fn disguised() -> Self {
        Self { disguise: true, ..Self::default() }
    }

    pub fn touched(&self) -> bool {
        self.touched.load(Ordering::Relaxed)
    }

    /// Records a secret value and returns what the template sees of it.
    pub fn secret(&self, value: Value) -> Value {
        self.touched.store(true, Ordering::Relaxed);
        self.seen(value, &mut self.found())
    }

    fn seen(&self, value: Value, found: &mut Found) -> Value {
        match value.kind() {
            ValueKind::String | ValueKind::Number => {
                let text = Zeroizing::new(value.to_string());
                let other = disguised(&text);
                found.blind |= other == *text && text.len() >= SHORTEST;
                found.secrets.push(text);
                match (self.disguise, value.kind()) {
                    (false, _) => value,
                    (true, ValueKind::Number) => number(&other),
                    (true, _) => Value::from(other),
                }
            }
            ValueKind::Seq | ValueKind::Iterable => match value.try_iter() {
                Ok(items) => items.map(|item| self.seen(item, found)).collect::<Vec<_>>().into(),
                Err(_) => value,
            },
            ValueKind::Map => match value.try_iter() {
                Ok(keys) => Value::from_pairs(keys.map(|key| {
                    let item = value.get_item(&key).unwrap_or_default();
                    (key, self.seen(item, found))
                })),
                Err(_) => value,
            },
            _ => value,
        }
    }

    /// Records what a `{{ … }}` gives, or the result of an expression.
    pub fn wrote(&self, value: &Value) {
        if !self.touched() {
            return;
        }
        let text = match value.kind() {
            ValueKind::Bool | ValueKind::None | ValueKind::Undefined | ValueKind::Invalid => None,
            _ => Some(Zeroizing::new(value.to_string())),
        };
        self.found().written.push(text);
    }

    /// Adds the secrets of this render to `secrets`, and every text that it made of them: what `disguised`, the same
    /// render with other secrets, wrote differently or not at all.
    pub fn report(&self, disguised: &Self, secrets: &Secrets) {
        let (found, other) = (self.found(), disguised.found());
        found.secrets.iter().for_each(|secret| secrets.add(secret));
        for (at, text) in found.written.iter().enumerate() {
            let Some(text) = text else { continue };
            let same = other.written.get(at).and_then(Option::as_ref).filter(|_| !found.blind);
            match same {
                Some(same) if same.lines().count() == text.lines().count() => {
                    let lines = text.lines().zip(same.lines());
                    lines.filter(|(line, same)| line != same).for_each(|(line, _)| secrets.add(line));
                }
                _ => secrets.add(text),
            }
        }
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Another text of the same form, so that what parses, splits or compares it does the same.
fn disguised(text: &str) -> String {
    let turned = |c: char, first: u8, of: u8, by: u8| char::from((c as u8 - first + by) % of + first);
    let mut lead = true;
    text.chars()
        .map(|c| {
            let leads = std::mem::replace(&mut lead, false);
            match c {
                'a'..='z' => turned(c, b'a', 26, 13),
                'A'..='Z' => turned(c, b'A', 26, 13),
                // A number keeps its length.
                '1'..='9' if leads => turned(c, b'1', 9, 4),
                '0'..='9' => turned(c, b'0', 10, 5),
                _ => c,
            }
        })
        .collect()
}

fn number(text: &str) -> Value {
    match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(whole), _) => Value::from(whole),
        (Err(_), Ok(float)) => Value::from(float),
        (Err(_), Err(_)) => Value::from(text),
    }
}
