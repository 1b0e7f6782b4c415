//! Where the hooks, scripts and files of a playbook are: beside it, then in its parent folders up to the project's.

use std::path::{Path, PathBuf};

/// What a project's top folder holds; the search ends there.
const TOP_MARKS: [&str; 3] = [".git", "inventories", "playbooks"];

/// The file that `relative` names for the playbook at `playbook`: beside it, else in the nearest parent folder that has
/// it, up to the first one that holds `.git`, `inventories` or `playbooks`. Without such a folder only beside it. An
/// absolute path stays as it is. `None` when there is no such file.
pub fn find(playbook: &Path, relative: &Path) -> Option<PathBuf> {
    let is_file = |path: &PathBuf| path.is_file();
    if relative.is_absolute() {
        return Some(relative.to_owned()).filter(is_file);
    }
    let absolute = std::path::absolute(playbook).ok()?;
    let folder = absolute.parent()?;
    let top = top(folder);
    let folders = folder.ancestors().take_while(|folder| top.is_some_and(|top| folder.starts_with(top)));
    let beside = folder.join(relative);
    Some(beside).filter(is_file).or_else(|| folders.map(|folder| folder.join(relative)).find(is_file))
}

/// The project's folder, for a playbook's absolute path: the nearest that holds one of the marks, else the playbook's.
pub fn root(playbook: &Path) -> PathBuf {
    let folder = playbook.parent().unwrap_or(playbook);
    top(folder).unwrap_or(folder).to_owned()
}

fn top(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|folder| TOP_MARKS.iter().any(|mark| folder.join(mark).exists()))
}

/// True when anyone may run the file.
#[cfg(unix)]
pub(super) fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_file_up_to_the_projects_top_is_found() {
        let outside = tempfile::tempdir().unwrap();
        let top = outside.path().join("project");
        for folder in ["playbooks/deep/hooks", "hooks", "inventories"] {
            std::fs::create_dir_all(top.join(folder)).unwrap();
        }
        for file in ["project/hooks/a", "project/hooks/b", "project/playbooks/deep/hooks/a", "secret"] {
            std::fs::write(outside.path().join(file), "").unwrap();
        }
        let found = |playbook: &str, relative: &str| find(&top.join(playbook), Path::new(relative));
        assert_eq!(found("playbooks/deep/p.yml", "hooks/a"), Some(top.join("playbooks/deep/hooks/a")));
        assert_eq!(found("playbooks/deep/p.yml", "hooks/b"), Some(top.join("hooks/b")));
        assert_eq!(found("playbooks/p.yml", "hooks"), None, "a folder is not a file");
        assert_eq!(found("playbooks/p.yml", "secret"), None, "the search ends at the project's top");
        assert_eq!(found("playbooks/p.yml", "hooks/zzz"), None);
        let absolute = outside.path().join("secret");
        assert_eq!(find(Path::new("x.yml"), &absolute), Some(absolute));
    }
}
