//! The XML of `zypper --xmlout`, as a list of elements in the order in which they begin. Knows no element. Start at
//! [`elements`].

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use crate::command::{Unreadable, printable};

/// zypper's own are five levels deep.
const DEEPEST: usize = 32;
/// A large host has thousands of packages, each with a few elements.
const MOST: usize = 1_000_000;

/// An element.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub name: String,
    /// The names of the elements around it, outermost first.
    pub inside: Vec<String>,
    pub attributes: Vec<(String, String)>,
    /// Its own text, without that of elements in it.
    pub text: String,
}

impl Element {
    /// The value of an attribute; empty if there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.attributes.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Whether it is directly in an element whose name begins like this.
    pub(super) fn is_in(&self, beginning: &str) -> bool {
        self.inside.last().is_some_and(|around| around.starts_with(beginning))
    }
}

/// All elements of a document.
///
/// # Errors
/// It is not well-formed, or not like anything that zypper prints.
pub(super) fn elements(text: &str) -> Result<Vec<Element>, Unreadable> {
    let bad = |why: &str| Unreadable::new(format!("the XML of zypper cannot be read: {}", printable(why)));
    let mut reader = Reader::from_str(text);
    let mut found: Vec<Element> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    loop {
        let event = reader.read_event().map_err(|error| bad(&error.to_string()))?;
        let text = match &event {
            Event::Start(start) | Event::Empty(start) => {
                let inside = open.iter().map(|at| found[*at].name.clone()).collect();
                found.push(element(start, inside).ok_or_else(|| bad("an attribute"))?);
                if matches!(event, Event::Start(_)) {
                    open.push(found.len() - 1);
                }
                if open.len() > DEEPEST || found.len() > MOST {
                    return Err(bad("it has too many elements"));
                }
                continue;
            }
            Event::End(_) => {
                open.pop();
                continue;
            }
            Event::Text(text) => text.to_string(),
            Event::CData(text) => text.to_string(),
            Event::GeneralRef(entity) => match entity.resolve_char_ref().map_err(|error| bad(&error.to_string()))? {
                Some(char) => char.to_string(),
                None => {
                    quick_xml::escape::resolve_predefined_entity(entity).ok_or_else(|| bad("an entity"))?.to_owned()
                }
            },
            Event::DocType(_) => return Err(bad("it has a document type")),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => continue,
            Event::Eof if open.is_empty() => return Ok(found),
            Event::Eof => return Err(bad("it is cut off")),
        };
        if let Some(at) = open.last() {
            found[*at].text.push_str(&text);
        }
    }
}

fn element(start: &BytesStart<'_>, inside: Vec<String>) -> Option<Element> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
        attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
    }
    let name = start.name().as_ref().to_owned();
    Some(Element { name, inside, attributes, text: String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_come_with_what_is_around_them() {
        let text = "<?xml version='1.0'?>\n<stream>\n<a x=\"1 &lt; 2\" y='&apos;'><b/>t&amp;u&#33;</a>\n</stream>\n";
        let found = elements(text).unwrap();
        let names: Vec<&str> = found.iter().map(|element| element.name.as_str()).collect();
        assert_eq!(names, ["stream", "a", "b"]);
        assert_eq!((found[1].get("x"), found[1].get("y"), found[1].get("z")), ("1 < 2", "'", ""));
        assert_eq!((found[1].text.as_str(), found[2].is_in("a")), ("t&u!", true));
    }

    #[test]
    fn what_zypper_never_prints_is_refused() {
        let deep = "<a>".repeat(40) + &"</a>".repeat(40);
        for bad in [
            "<a>",
            "<a></b>",
            "</a>",
            "<a b=1/>",
            "<a b='1' b='2'/>",
            "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
            "<a>&x;</a>",
            &deep,
        ] {
            assert!(elements(bad).is_err(), "{bad}");
        }
        assert_eq!(elements(""), Ok(vec![]));
    }
}
