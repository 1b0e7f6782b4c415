//! The source of each installed RPM package: `SOURCERPM` names its file.

use std::{collections::BTreeMap, time::Duration};

use super::names;
use crate::{
    command::{Command, Output, Query, Unreadable, printable},
    pkg::{Origins, answer},
};

const SCRIPT: &str = r#"echo "native $(rpm -E '%{_target_cpu}')"
rpm -qa --qf 'origin\t%{NAME}\t%{ARCH}\t%|EPOCH?{%{EPOCH}:}|\t%{SOURCERPM}\n' || exit
echo end
"#;

/// `rpm-origins`.
pub(in crate::pkg) fn query() -> Query<Origins> {
    Query::new(Command::sh("rpm-origins", SCRIPT, [""; 0]).timeout(Duration::from_secs(120)), read)
}

fn read(output: &Output) -> Result<Origins, Unreadable> {
    let mut origins = BTreeMap::new();
    let mut native = String::new();
    for line in answer::before_end(output, "end")? {
        if let Some(arch) = line.strip_prefix("native ") {
            native = arch.to_owned();
            continue;
        }
        let ["origin", name, arch, epoch, file] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(Unreadable::new(format!("not understood: {}", printable(&line))));
        };
        // Keys for checking signatures have none.
        let Some((source, version)) = source(file) else { continue };
        if source != name {
            let version = printable(&format!("{epoch}{version}"));
            origins.insert(names::key(name, arch, &native), (printable(source), version));
        }
    }
    Ok(origins)
}

/// Name and `version-release` of `openssl-3.0.7-27.el9.src.rpm`.
fn source(file: &str) -> Option<(&str, &str)> {
    let whole = file.strip_suffix(".rpm")?;
    let whole = whole.strip_suffix(".src").or_else(|| whole.strip_suffix(".nosrc"))?;
    let (before_release, _) = whole.rsplit_once('-')?;
    let (name, _) = before_release.rsplit_once('-')?;
    Some((name, &whole[name.len() + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Exit;

    #[test]
    fn the_file_of_the_source_has_its_name_and_number() {
        let text = "native x86_64\norigin\topenssl-libs\tx86_64\t1:\topenssl-3.0.7-27.el9.src.rpm\n\
                    origin\tlibssl\ti686\t\topenssl-1.0-1.nosrc.rpm\norigin\tbash\tx86_64\t\tbash-5.1-9.src.rpm\n\
                    origin\tgpg-pubkey\t(none)\t\t(none)\nend\n";
        let output = Output { exit: Exit::Code(0), stdout: text.into(), stderr: Vec::new(), dropped: 0 };
        let found: Vec<String> =
            read(&output).unwrap().into_iter().map(|(name, (source, v))| format!("{name} {source} {v}")).collect();
        assert_eq!(found, ["libssl.i686 openssl 1.0-1", "openssl-libs openssl 1:3.0.7-27.el9"]);
        for file in ["", "(none)", "a.src.rpm", "a-1.src.rpm"] {
            assert_eq!(source(file), None, "{file}");
        }
    }
}
