//! Which package sources do not answer. A strict refresh ends at the first one that does not, so nothing is known of
//! those behind it; and a refresh that passes over them does not say which it has. Each one is fetched for itself.

use crate::{
    command::Query,
    pkg::{FailedSource, each_source},
};

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
    each_source::query("dnf-sources", &script)
}
