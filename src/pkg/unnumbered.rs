//! Kernels of distributions that have one version of a kernel at a time: its image in `/boot` has no release in its
//! name. An upgrade deletes the modules of the kernel that runs, so a reboot is always due after it. What an image is a
//! copy of is read from the file: a `/boot` that was not mounted during an upgrade still has the old kernel. Start at
//! [`read`].

use std::collections::BTreeMap;

use super::{
    Boot, Package,
    answer::{before_end, tagged},
    loader::Releases,
    traces::{Rules, Traces},
};
use crate::command::{Output, Unreadable, printable};

/// Shell text: `release_of FILE` prints the release of a kernel for PCs, whose header has, at 526, where in the file it
/// is written. For other files it prints nothing of use.
pub(super) const RELEASE_OF: &str = r#"release_of() {
  at=$(od -An -tu2 -j 526 -N 2 "$1" 2>/dev/null | tr -dc 0-9)
  dd if="$1" bs=1 skip="$((${at:-0} + 512))" count=64 2>/dev/null | tr '\000' ' ' | tr -dc '[:graph:] ' | cut -d ' ' -f 1
}
"#;

/// Reads the answer of a script that ends with the line `end`: the lines of [`Traces`], and `owner NAME VERSION` after
/// the `image` that the package has.
///
/// # Errors
/// It is incomplete, or does not say which kernel runs.
pub(super) fn read(
    output: &Output,
    is_name: fn(&str) -> bool,
    releases: Releases,
    flavour: fn(&str) -> String,
) -> Result<Boot, Unreadable> {
    let mut traces = Traces::default();
    let mut image = String::new();
    let mut owners: Vec<(String, Package)> = Vec::new();
    for line in before_end(output, "end")? {
        let (tag, rest) = tagged(&line);
        if let ("owner", Some((name, version))) = (tag, rest.split_once(' ')) {
            if is_name(name) {
                owners.push((image.clone(), Package { name: name.to_owned(), version: Some(printable(version)) }));
            }
            continue;
        }
        if tag == "image" {
            rest.clone_into(&mut image);
        }
        traces.take(tag, rest, is_name);
    }
    let packages = |release: &str| -> Vec<Package> {
        let of = owners.iter().filter(|(image, _)| releases.of(image).as_deref() == Some(release));
        of.map(|(_, package)| package.clone()).collect()
    };
    traces.boot(&Rules { releases, flavour, packages: &packages, shared: &|_| BTreeMap::new() })
}
