//! A list of hosts in the place of a file: `-i web1,web2,`. Start at [`read`].
//!
//! Source: Ansible's `lib/ansible/plugins/inventory/host_list.py`.

use std::sync::Arc;

use super::{load::Loader, name, order::UNGROUPED};
use crate::yaml::{Key, Source, Span};

/// Takes the hosts of one list. There are no ranges in it.
pub fn read(list: &str, loader: &mut Loader) {
    let source = Source::new("-i", list);
    let mut start = 0;
    loader.source = None;
    for part in list.split(',') {
        let from = start + part.len() - part.trim_start().len();
        start += part.len() + 1;
        let text = part.trim();
        if text.is_empty() {
            continue;
        }
        let span = Span {
            source: Arc::clone(&source),
            line: 1,
            column: u32::try_from(list[..from].chars().count() + 1).unwrap_or(u32::MAX),
            start: from,
            end: from + text.len(),
        };
        let key = Key { text: text.to_owned(), span };
        match name::hosts(text) {
            // A host that is known keeps its port.
            Ok((names, _)) if names.iter().all(|name| loader.index.contains_key(name.as_str())) => {}
            Ok((names, port)) if names.len() == 1 => {
                loader.hosts_named(UNGROUPED, &key, &names, port, Vec::new());
            }
            Ok(_) => {
                let help = "name each host, or write the range into a file";
                loader.minor(&key.span, "a list of hosts has no ranges").help(help);
            }
            Err(wrong) => loader.minor(&key.span, wrong.why).help = wrong.help,
        }
    }
}
