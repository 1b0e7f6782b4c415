//! `patchwave known-hosts`: looks up trusted host keys. Reads only; records nothing.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    cli::{
        Failure, World,
        args::{KnownHostsCheck, KnownHostsCommand, KnownHostsFind, Strictness},
    },
    regular,
    transport::ssh::{
        ServerKeys, SshOptions, first_shown,
        known_hosts::{KnownName, TrustFile, TrustStore, Verdict},
    },
};

/// The most bytes of a file of keys: a server has only a few.
const MOST_KEYS: u64 = 1 << 20;
/// The exit code for a server that is refused.
const REFUSED: u8 = 3;

pub(in crate::cli) fn known_hosts(command: &KnownHostsCommand, world: &mut World) -> Result<u8, Failure> {
    match command {
        KnownHostsCommand::Check(args) => check(args, world),
        KnownHostsCommand::Find(args) => find(args, world),
    }
}

fn check(args: &KnownHostsCheck, world: &mut World) -> Result<u8, Failure> {
    let path = world.absolute(&args.server_keys);
    let refused = |why: String| Failure::usage(format!("{}: {why}", path.display()));
    let text = regular::read(&path, MOST_KEYS).map_err(|error| refused(error.to_string()))?;
    let text = String::from_utf8(text).map_err(|error| refused(error.to_string()))?;
    let server = ServerKeys::parse(&text, world.clock.now())
        .map_err(|e| Failure::usage(format!("{}: {e}", args.server_keys.display())))?;
    let home = world.var("HOME").map(Path::new);
    let files: Vec<PathBuf> = match args.known_hosts.as_slice() {
        [] => SshOptions::for_user("", home, None).trusted().cloned().collect(),
        given => given.iter().map(|path| world.absolute(path)).collect(),
    };
    let files: Result<Vec<Arc<TrustFile>>, _> = files.iter().map(|path| TrustFile::load(path).map(Arc::new)).collect();
    let store = TrustStore::new(files.map_err(Failure::usage)?);
    let name = match &args.host_key_alias {
        // OpenSSH looks up an alias as it is, without the port.
        Some(alias) => KnownName::literal(alias),
        None => KnownName::new(&args.host, args.port),
    };
    let Some(key) = first_shown(&store, &name, &server) else {
        let message = format!("no key in {} has a type that patchwave supports", args.server_keys.display());
        return Err(Failure::usage(message));
    };
    let verdict = store.check(&name, key);
    let (word, why) = match &verdict {
        Verdict::Accept => ("accept", None),
        Verdict::Unknown { .. } if args.strict != Strictness::Yes => ("accept", Some("not on file".to_owned())),
        Verdict::Unknown { note } => ("unknown", note.clone()),
        Verdict::Changed { known } => ("changed", Some(format!("{known} has a different key"))),
        Verdict::Revoked { by } => ("revoked", Some(by.to_string())),
    };
    if let Some(why) = why {
        world.talk(format_args!("{}, {}: {why}", name.as_str(), key.algorithm));
    }
    world.print(&format!("{word}\n"))?;
    Ok(if word == "accept" { 0 } else { REFUSED })
}

fn find(args: &KnownHostsFind, world: &mut World) -> Result<u8, Failure> {
    let path = match &args.file {
        Some(file) => world.absolute(file),
        None => {
            let home =
                world.var("HOME").ok_or_else(|| Failure::usage("HOME is not set").help("give a file with -f"))?;
            Path::new(home).join(".ssh/known_hosts")
        }
    };
    if !path.exists() {
        return Err(Failure::usage(format!("{}: there is no such file", path.display())));
    }
    let file = TrustFile::load(&path).map_err(Failure::usage)?;
    let lines: String = file.find(&args.name).iter().map(|line| format!("{line}\n")).collect();
    world.print(&lines)
}
