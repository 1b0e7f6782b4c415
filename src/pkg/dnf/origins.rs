//! Which package sources do not answer. A strict refresh ends at the first one that does not, so nothing is known of
//! those behind it; and a refresh that passes over them does not say which it has. Each one is fetched for itself.

use crate::{
    command::{Command, Output, Query, Unreadable, printable},
    pkg::{
        FailedSource,
        answer::{before_end, tagged},
    },
};

/// The marks of a source: whether its newest list has advisories; `none`: it has no list on this host.
const EACH: &str = r#"list=$("$dnf" -q -C repolist </dev/null) || exit
for id in $(printf '%s\n' "$list" | sed -n '/^repo id /!s/^\([^ ]*\).*/\1/p'); do
  case $id in ''|*[!A-Za-z0-9_.:-]*) echo "odd $id"; continue ;; esac
  "$dnf" -q "$sources" --setopt=exit_on_lock=True --repo="$id" makecache --refresh >/dev/null </dev/null
  rc=$?
  [ "$rc" -ne 200 ] || exit 200
  if [ "$rc" -eq 0 ]; then echo "fresh $id"; continue; fi
  marks=none time=0
  for f in "$r/var/cache/dnf/$id"-*/repodata/repomd.xml "$r/var/cache/libdnf5/$id"-*/repodata/repomd.xml; do
    d=${f%/repodata/repomd.xml}
    d=${d##*/}
    [ -r "$f" ] && [ "${d%-*}" = "$id" ] && [ "$(stat -c %Y "$f")" -ge "$time" ] || continue
    time=$(stat -c %Y "$f")
    if grep -q '<data type="updateinfo' "$f"; then marks=yes; else marks=no; fi
  done
  echo "failed $id $marks"
done
"#;

/// `dnf-sources`: fetches the lists of each source that is enabled.
pub(super) fn failed() -> Query<Vec<FailedSource>> {
    let script = format!("{}{}{EACH}echo end\n", super::commands::FIND, super::commands::STRICT);
    Query::new(Command::sh("dnf-sources", &script, [""; 0]).timeout(super::commands::REFRESH_LIMIT), read)
}

fn read(output: &Output) -> Result<Vec<FailedSource>, Unreadable> {
    if !output.success() {
        return Err(Unreadable::new(format!("dnf does not say which sources failed: {}", output.last_lines(1))));
    }
    let mut failed = Vec::new();
    let mut seen = 0;
    for line in before_end(output, "end")? {
        match (tagged(&line), line.split(' ').collect::<Vec<_>>().as_slice()) {
            (("fresh", _), _) => seen += 1,
            (_, ["failed", id, marks]) => {
                seen += 1;
                let id = printable(id);
                // A source that never answered may have advisories.
                let security = *marks != "no";
                failed.push(FailedSource { name: format!("source {id}"), words: vec![id], security });
            }
            _ => return Err(Unreadable::new(format!("not understood: {}", printable(&line)))),
        }
    }
    if seen == 0 {
        return Err(Unreadable::new("dnf lists no source"));
    }
    Ok(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Exit;

    fn check(code: u32, text: &str) -> Result<String, String> {
        let output = Output { exit: Exit::Code(code), stdout: text.into(), stderr: Vec::new(), dropped: 0 };
        let words = |source: FailedSource| format!("{} {}", source.words.join(","), source.security);
        read(&output).map(|all| all.into_iter().map(words).collect::<Vec<_>>().join("; ")).map_err(|error| error.why)
    }

    #[test]
    fn a_source_that_may_have_fixes_counts_as_one_that_has() {
        assert_eq!(
            check(0, "fresh base\nfailed epel yes\nfailed new none\nfailed vendor no\nend\n").as_deref(),
            Ok("epel true; new true; vendor false")
        );
        assert_eq!(check(0, "fresh base\nend\n").as_deref(), Ok(""), "all answered the second time");
    }

    #[test]
    fn what_is_not_said_is_not_guessed() {
        for (code, text) in [
            (0, "end\n"),
            (0, "fresh base\n"),
            (200, "fresh base\nend\n"),
            (0, "odd a*\nend\n"),
            (0, "failed a\nend\n"),
        ] {
            assert!(check(code, text).is_err(), "{code} {text}");
        }
    }
}
