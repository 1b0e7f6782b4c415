//! Archives of old versions in a folder on a host, whichever manager fetched them: copied from caches or fetched before
//! an upgrade, listed by a rollback. Knows nothing of why they are kept. Start at [`stage`] and [`staged`].

use std::{collections::BTreeSet, time::Duration};

use super::{
    names::{is_name, key},
    version::{is_version, without_zero},
};
use crate::{
    command::{Command, Output, Query, Unreadable, printable},
    pkg::{
        Exact,
        answer::{before_end, tagged},
    },
};

/// How a manager fetches archives.
pub(in crate::pkg) struct Fetch {
    /// The label of the command.
    pub label: &'static str,
    /// Shell text for the beginning; it sets `r`.
    pub begin: &'static str,
    /// How it names a version, as an expression of awk: `$1` is the name, `$2` the version, `$3` the architecture.
    pub spec: &'static str,
    /// A command that fetches `"$@"` into the current folder, or into folders in it.
    pub fetch: &'static str,
    /// Patterns of files in its cache.
    pub caches: &'static str,
}

/// `$1` is the folder, then come `NAME=VERSION...`, which are installed. An archive is kept only if it is whole, and
/// the one that was installed: sources may have changed since.
const STAGE: &str = r#"d=$r$1
shift
umask 077
mkdir -p "$d/part" && chmod 700 "$d" && cd "$d/part" || exit
native=$(rpm -E '%{_target_cpu}')
have= open= need=65536
for w; do
  line=$(rpm -q --qf '%{NAME} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE} %{ARCH} %{SIZE}\n' "${w%%=*}" 2>/dev/null |
    awk -v version="${w#*=}" -v native="$native" -v asked="${w%%=*}" '
      { sub(/^0:/, "", $2) }
      $2 == version && ($3 == native || $3 == "noarch" || index($3, native "_v") == 1 || asked == $1 "." $3) {
        file = $2
        sub(/^[0-9]+:/, "", file)
        print SPEC, $1 "-" file "." $3 ".rpm", int($4 / 1024) + 1
        exit
      }')
  [ -n "$line" ] || continue
  need=$((need + ${line##* }))
  line=${line% *}
  found=
  for f in "${d%/*}"/*/"${line#* }" CACHES; do
    case $f in */"${line#* }") [ ! -f "$f" ] || found=$f ;; esac
  done
  if [ -n "$found" ]; then have="$have $found"; else open="$open ${line% *}"; fi
done
free=$(df -P -k "$d" 2>/dev/null | awk 'END { print $(NF - 2) }')
case $free in *[!0-9]* | '') ;; *)
  if [ "$free" -lt "$need" ]; then
    echo "E: No space left on device $d: old versions need $need KiB, $free KiB are free" >&2
    exit 28
  fi ;;
esac
for f in $have; do cp "$f" . || exit; done
fetch() { FETCH </dev/null; }
if [ -n "$open" ] && ! fetch $open; then
  for w in $open; do fetch "$w" || :; done
fi
what='%{NAME} %{VERSION} %{RELEASE} %{ARCH} %{SHA256HEADER} %{SHA1HEADER}\n'
rpm -qa --qf "$what" >installed || exit
find . -name '*.rpm' | while read -r f; do
  rpm -K --nosignature "$f" >/dev/null 2>&1 || continue
  rpm -qp --nosignature --qf "$what" "$f" 2>/dev/null | grep -qxFf - installed || continue
  mv -f "$f" "$d/"
done
cd "$d" && rm -rf part && sync
"#;

/// Fetches archives of installed versions: a job, because it downloads.
pub(in crate::pkg) fn stage(how: &Fetch, set: &BTreeSet<Exact>, folder: &str) -> Command {
    let script = STAGE.replace("SPEC", how.spec).replace("CACHES", how.caches).replace("FETCH", how.fetch);
    let args = [folder.to_owned()].into_iter().chain(set.iter().map(ToString::to_string));
    let script = format!("{}{script}", how.begin);
    Command::sh(how.label, &script, args).changing().timeout(Duration::from_secs(1800))
}

const STAGED: &str = r#"echo "native $(rpm -E '%{_target_cpu}')"
for f in "${PATCHWAVE_ROOT-}$1"/*.rpm; do
  if [ -f "$f" ] && rpm -K --nosignature "$f" >/dev/null 2>&1; then
    rpm -qp --nosignature --qf 'archive\t%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}\n' "$f" 2>/dev/null
  fi
done
echo end
"#;

/// Which archives are in the folder. A folder that is not there is empty, and an archive that is not whole is not
/// listed.
pub(in crate::pkg) fn staged(label: &'static str, folder: &str) -> Query<BTreeSet<Exact>> {
    Query::new(Command::sh(label, STAGED, [folder]), read)
}

fn read(output: &Output) -> Result<BTreeSet<Exact>, Unreadable> {
    let lines = before_end(output, "end")?;
    let native = lines.iter().find_map(|line| line.strip_prefix("native ")).unwrap_or_default();
    let mut set = BTreeSet::new();
    for (_, rest) in lines.iter().map(|line| tagged(line)).filter(|(tag, _)| *tag == "archive") {
        let fields: Vec<&str> = rest.split('\t').collect();
        match fields[..] {
            [name, version, arch] if is_name(name) && is_version(version) && is_name(arch) => {
                let version = without_zero(version).to_owned();
                set.insert(Exact { name: key(name, arch, native), version });
            }
            _ => return Err(Unreadable::new(format!("not an archive: {}", printable(rest)))),
        }
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Exit;

    #[test]
    fn archives_are_read_with_their_architecture_where_it_counts() {
        let read = |text: &str| {
            let stdout = text.as_bytes().to_vec();
            let set = read(&Output { exit: Exit::Code(0), stdout, stderr: Vec::new(), dropped: 0 })?;
            Ok(set.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let text = "native x86_64\narchive\ta\t1:2-1\tnoarch\narchive\tb\t0:1-1\ti686\nend\n";
        assert_eq!(read(text), Ok::<_, Unreadable>(vec!["a=1:2-1".to_owned(), "b.i686=1-1".to_owned()]));
        assert_eq!(read("native x86_64\nend\n"), Ok(Vec::new()));
        assert!(read("native x86_64\narchive\t--a\t1-1\tnoarch\nend\n").is_err());
        assert!(read("native x86_64\n").is_err(), "cut");
    }
}
