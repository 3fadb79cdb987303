//! Files that commands write: whole or not at all, and never over somebody's work.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::Failure;

/// Writes a file beside its place and renames it there, so that nobody reads half of it. A link stays
/// one: what it points to is written.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let target = fs::canonicalize(path).ok();
    let path = target.as_deref().unwrap_or(path);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    // A temporary file is its owner's alone; this one takes over from the file that it replaces.
    let permissions = fs::metadata(path).map(|found| found.permissions());
    let permissions = permissions.unwrap_or_else(|_| readable_by_all());
    file.as_file().set_permissions(permissions)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn readable_by_all() -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    fs::Permissions::from_mode(0o644)
}

/// Writes files into a folder, which is made if it isn't there. Files that `is_ours` says a command
/// wrote are replaced or taken away; with any other dictionary there, nothing is written.
pub(crate) fn fill(
    folder: &Path,
    files: &BTreeMap<String, String>,
    is_ours: impl Fn(&str, &str) -> bool,
) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| {
        Failure::input(format!("`{}` can't be made: {error}", folder.display()))
    })?;
    let mut old: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_dictionary = path.extension().is_some_and(|ending| ending == "dict");
        if !(is_dictionary || name == "calibration.toml") {
            continue;
        }
        if !is_ours(&name, &fs::read_to_string(&path).unwrap_or_default()) {
            let (folder, name) = (folder.display(), &name);
            return Err(Failure::input(format!(
                "`{folder}` has a `{name}` that no command wrote; name an empty folder"
            )));
        }
        old.push(path);
    }
    for path in old {
        fs::remove_file(path)?;
    }
    files.iter().try_for_each(|(name, text)| replace(&folder.join(name), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_stays_one_and_its_target_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("shared/a.dict"), folder.path().join("a.dict"));
        fs::create_dir(folder.path().join("shared")).unwrap();
        fs::write(&real, "old").unwrap();
        std::os::unix::fs::symlink("shared/a.dict", &link).unwrap();
        replace(&link, "new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left behind");
    }
}
