//! Other programs that install updates on a host: shell text that looks for them, for the scripts of `upkeep`.

/// Prints `cron FILE` for each file of cron with a line that matches this extended regular expression. Only the files
/// are named: a line may contain a password. Needs `r`, the root.
pub(super) fn lines(pattern: &str) -> String {
    CRON.replace("PATTERN", pattern)
}

const CRON: &str = r#"# Only the files are named: a line may contain a password.
for f in "$r/etc/crontab" "$r"/etc/cron.d/* "$r"/etc/cron.hourly/* "$r"/etc/cron.daily/* "$r"/etc/cron.weekly/* \
  "$r"/etc/cron.monthly/* "$r"/var/spool/cron/crontabs/* "$r"/var/spool/cron/tabs/* \
  "$r"/var/spool/cron/*; do
  if [ -f "$f" ] && grep -v '^[[:space:]]*#' "$f" 2>/dev/null |
    grep -qE 'PATTERN'
  then echo "cron ${f#"$r"}"; fi
done
"#;

/// Shell function: whether systemd starts this timer at boot.
pub(super) const TIMER: &str = r#"timer() {
  [ "$(readlink "$r/etc/systemd/system/$1")" != /dev/null ] || return 1
  for f in "$r"/etc/systemd/system/*.wants/"$1" "$r"/usr/lib/systemd/system/*.wants/"$1"; do
    if [ -L "$f" ] || [ -e "$f" ]; then return 0; fi
  done
  return 1
}
"#;
