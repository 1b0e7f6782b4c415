//! `patchwave init`: a new project in a folder, or around an inventory that is there already. Overwrites nothing.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use crate::{
    cli::{
        Failure, World,
        args::{InitArgs, InventoryArgs},
        project::{self, Existing, ProjectFile},
        rollout::prepare::load_inventory,
        warnings::warn,
    },
    command::quote,
    inventory::is_host_list,
};

pub(in crate::cli) fn init(args: &InitArgs, world: &mut World) -> Result<u8, Failure> {
    let folder = world.absolute(&args.folder);
    let existing = if args.from_inventory.is_empty() { None } else { Some(existing(args, &folder, world)?) };
    let files = project::files(existing.as_ref());
    refuse_to_overwrite(&files, &folder, world)?;
    let mut written = Vec::new();
    for file in &files {
        write(file, &folder).map_err(|error| {
            let path = world.shown(&folder.join(&file.path));
            let before = match written.as_slice() {
                [] => "nothing was written".to_owned(),
                paths => format!("written before that: {}", paths.join(", ")),
            };
            Failure::refused(format!("{path}: cannot be written: {error}; {before}"))
        })?;
        written.push(world.shown(&folder.join(&file.path)));
    }
    let text = page(args, existing.as_ref(), &files, &folder, world);
    world.print(&text)
}

/// Reads the inventories that are there, as every command does.
fn existing(args: &InitArgs, folder: &Path, world: &mut World) -> Result<Existing, Failure> {
    let given = InventoryArgs {
        inventory: args.from_inventory.clone(),
        lenient: args.lenient,
        extra_vars: Vec::new(),
        vault: args.vault.clone(),
    };
    let inventory = load_inventory(&given, world)?;
    warn(inventory.warnings(), world);
    let proposal = inventory.proposal();
    let inventories = args.from_inventory.iter().map(|path| from_project(path, folder, world)).collect();
    Ok(Existing { inventories, proposal: (!proposal.is_empty()).then_some(proposal) })
}

/// A path as the settings in `folder` name it: relative if it is inside.
fn from_project(path: &Path, folder: &Path, world: &World) -> String {
    if is_host_list(path) {
        return path.display().to_string();
    }
    let whole = |path: PathBuf| fs::canonicalize(&path).unwrap_or(path);
    let path = whole(world.absolute(path));
    path.strip_prefix(whole(folder.to_owned())).unwrap_or(&path).display().to_string()
}

/// Names every file that is there already. A link that leads nowhere is one, too.
fn refuse_to_overwrite(files: &[ProjectFile], folder: &Path, world: &World) -> Result<(), Failure> {
    if fs::metadata(folder).is_ok_and(|found| !found.is_dir()) {
        return Err(Failure::refused(format!("{}: this is not a folder", world.shown(folder))));
    }
    let there: Vec<String> = files
        .iter()
        .map(|file| folder.join(&file.path))
        .filter(|path| fs::symlink_metadata(path).is_ok())
        .map(|path| world.shown(&path))
        .collect();
    if there.is_empty() {
        return Ok(());
    }
    let message = format!("these files are there already, and nothing was written: {}", there.join(", "));
    Err(Failure::refused(message).help("name another folder, `init DIR`, or move them away"))
}

fn write(file: &ProjectFile, folder: &Path) -> io::Result<()> {
    let path = folder.join(&file.path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mode = if file.is_program { 0o755 } else { 0o644 };
    let mut out = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    out.write_all(file.text.as_bytes())
}

/// What was made, and what to type next.
fn page(args: &InitArgs, existing: Option<&Existing>, files: &[ProjectFile], folder: &Path, world: &World) -> String {
    let word = |text: &str| quote(text).unwrap_or_else(|_| text.to_owned());
    let shown = world.shown(folder);
    let mut text = format!("made in {shown}:\n");
    for part in files.chunk_by(|a, b| parent(a) == parent(b)) {
        let names: Vec<&str> = part.iter().map(|file| file.path.as_str()).collect();
        text.push_str(&format!("  {}\n", names.join(" ")));
    }
    let mut next = Vec::new();
    if folder != world.folder {
        next.push((format!("cd {}", word(&shown)), ""));
    }
    match existing {
        None => next.push((format!("editor {}", project::INVENTORY), "your hosts, instead of the examples")),
        Some(Existing { proposal: Some(_), .. }) => {
            next.push((format!("editor {}", project::PROPOSAL), "look at each line with REVIEW"));
        }
        Some(_) => {}
    }
    let lenient = if args.lenient { " --lenient" } else { "" };
    for (command, rest, why) in [
        ("inventory check", "", "all mistakes at once"),
        ("exec all", " --host-keys ask -- uptime", "logs in everywhere; asks about new host keys"),
        ("plan playbooks/patch.yml", "", "who is patched when; no host is contacted"),
        ("run playbooks/patch.yml", " --check", "what would be done; nothing is changed"),
        ("run playbooks/patch.yml", "", "the wave"),
    ] {
        next.push((format!("patchwave {command}{lenient}{rest}"), why));
    }
    text.push_str("next:\n");
    for (line, why) in next {
        let why = if why.is_empty() { String::new() } else { format!("  # {why}\n") };
        text.push_str(&format!("{why}  {line}\n"));
    }
    text
}

fn parent(file: &ProjectFile) -> Option<&Path> {
    Path::new(&file.path).parent()
}
