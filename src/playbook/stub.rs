//! Hooks that are shipped as examples and do nothing: they say so in a line of their own, and no run may rely on one.
//! Knows the line, and not what a hook does. Start at [`stub_at`].

use std::{io::Read, path::Path};

use crate::{
    regular,
    yaml::{Source, Span},
};

/// The whole line, a comment in most languages that hooks are written in.
pub const STUB: &str = "# patchwave: stub";
/// Among so many first lines, and bytes, it is looked for.
const LINES: usize = 10;
const BYTES: u64 = 4096;

/// Where the file at `path` says that it is a stub; `shown` is its path for people. A file that cannot be read says
/// nothing.
pub fn stub_at(path: &Path, shown: &Path) -> Option<Span> {
    let mut head = Vec::new();
    regular::open(path).ok()?.take(BYTES).read_to_end(&mut head).ok()?;
    let text = String::from_utf8_lossy(&head).into_owned();
    let (mut start, mut found) = (0, None);
    for (line, text) in (1..).zip(text.split_inclusive('\n').take(LINES)) {
        if text.trim_end() == STUB {
            found = Some((line, start));
            break;
        }
        start += text.len();
    }
    let (line, start) = found?;
    Some(Span { source: Source::new(shown, text), line, column: 1, start, end: start + STUB.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_line_near_the_beginning_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hook");
        let late = "#\n".repeat(10);
        for (text, line) in [
            ("#!/bin/sh\n# patchwave: stub\n", Some(2)),
            ("# patchwave: stub", Some(1)),
            ("#!/bin/sh\r\n# patchwave: stub\r\n", Some(2)),
            ("#!/bin/sh\n\u{e9}\n# patchwave: stub\nexit 1\n", Some(3)),
            ("#!/bin/sh\necho '# patchwave: stub'\n", None),
            (" # patchwave: stub\n", None),
            ("## patchwave: stub\n", None),
            ("# patchwave: stubs\n", None),
            ("# patchwave: stub, once\n", None),
            ("# Patchwave: stub\n", None),
            ("", None),
            (&format!("{late}# patchwave: stub\n"), None),
            (&format!("{}# patchwave: stub\n", &late[2..]), Some(10)),
        ] {
            std::fs::write(&path, text).unwrap();
            let found = stub_at(&path, Path::new("hooks/x"));
            assert_eq!(found.as_ref().map(|span| span.line), line, "{text:?}");
            if let Some(span) = found {
                assert_eq!(&span.source.text[span.start..span.end], STUB, "{text:?}");
                assert_eq!((span.source.path.as_path(), span.column), (Path::new("hooks/x"), 1));
            }
        }
        assert_eq!(stub_at(folder.path(), folder.path()), None, "a folder");
        assert_eq!(stub_at(&folder.path().join("gone"), folder.path()), None);
    }

    #[test]
    fn each_shipped_hook_is_one_and_cannot_end_well() {
        let hooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks");
        let mut seen = 0;
        for entry in std::fs::read_dir(hooks).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(stub_at(&path, &path).map(|span| span.line), Some(2), "{}", path.display());
            let output = std::process::Command::new(&path).args(["web1", "snap-1"]).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success() && said.contains("is still the shipped example"), "{said}");
            seen += 1;
        }
        assert_eq!(seen, 4);
    }
}
