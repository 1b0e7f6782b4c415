//! Which source package an installed package was built from, where it has another name or number: advisories name the
//! source.

use std::collections::BTreeMap;

use super::answer::before_end;
use crate::command::{Output, Unreadable, printable};

/// Package → its source and the source's version. Packages that are named and numbered like their source are left out.
pub type Origins = BTreeMap<String, (String, String)>;

/// Reads lines `origin⇥NAME⇥SOURCE⇥VERSION`, and `end`.
pub(in crate::pkg) fn read(output: &Output) -> Result<Origins, Unreadable> {
    let mut origins = Origins::new();
    for line in before_end(output, "end")? {
        let ["origin", name, source, version] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(Unreadable::new(format!("not understood: {}", printable(&line))));
        };
        if name != source {
            origins.insert(printable(name), (printable(source), printable(version)));
        }
    }
    Ok(origins)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Exit;

    #[test]
    fn a_package_that_is_its_own_source_is_left_out() {
        let read =
            |text: &str| read(&Output { exit: Exit::Code(0), stdout: text.into(), stderr: Vec::new(), dropped: 0 });
        let found = read("origin\tlibssl3\topenssl\t3.1-r0\norigin\tbash\tbash\t5-r0\nend\n").unwrap();
        assert_eq!(found, [("libssl3".to_owned(), ("openssl".to_owned(), "3.1-r0".to_owned()))].into());
        assert!(read("origin\ta\nend\n").is_err() && read("").is_err());
    }
}
