//! The lists of package sources, as `createrepo` makes them for every manager of RPM packages.

/// Shell function: `dated FILE` prints the date of a `repomd.xml`, by its publisher's clock: that of its newest part.
pub(in crate::pkg) const DATED: &str = r#"dated() {
  echo "dated $(tr '<' '\n' <"$1" | sed -n 's/^timestamp>\([0-9]*\).*/\1/p' | sort -n | tail -n 1)"
}
"#;
