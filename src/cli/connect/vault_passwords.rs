//! Passwords of Ansible Vault: from files, from programs, from the person at the terminal. They reach no log and no
//! error. Start at [`vault_passwords`].

use std::{os::unix::fs::PermissionsExt as _, path::Path, sync::Arc, time::Duration};

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::{
    cli::{Failure, World, args::VaultArgs, connect::runtime::runtime},
    command::Command,
    regular,
    step::JumpBox,
    transport::NoSink,
    vault::{Password, Passwords},
};

/// A password manager may wait for a touch.
const LIMIT: Duration = Duration::from_secs(60);
/// The longest password, in bytes.
const LONGEST: usize = 64 << 10;

/// The passwords that the command line and the environment name, in Ansible's order.
pub(in crate::cli) fn vault_passwords(args: &VaultArgs, world: &World) -> Result<Arc<Passwords>, Failure> {
    let mut found = Vec::new();
    let listed = world.var("ANSIBLE_VAULT_IDENTITY_LIST").unwrap_or_default();
    let listed = listed.split(',').map(str::trim).filter(|id| !id.is_empty());
    for id in listed.chain(args.vault_id.iter().map(String::as_str)) {
        let (label, source) = id.rsplit_once('@').unwrap_or(("default", id));
        found.push(password(label, source, world)?);
    }
    let file = world.var("ANSIBLE_VAULT_PASSWORD_FILE").filter(|_| args.vault_password_file.is_empty());
    let files = args.vault_password_file.iter().map(|path| path.display().to_string());
    for path in files.chain(file.map(str::to_owned)) {
        found.push(password("default", &path, world)?);
    }
    if args.ask_vault_password {
        found.push(password("default", "prompt", world)?);
    }
    Ok(Arc::new(Passwords::new(found)))
}

/// One password: `prompt`, a program, or a file.
fn password(label: &str, source: &str, world: &World) -> Result<Password, Failure> {
    let named = |secret: Zeroizing<String>| Password {
        label: label.to_owned(),
        secret: SecretString::from(secret.trim().to_owned()),
    };
    if matches!(source, "prompt" | "prompt_ask_vault_pass") {
        if !world.stdin_is_terminal {
            return Err(Failure::refused("the vault password cannot be asked for: there is no terminal"));
        }
        let question =
            if label == "default" { "Vault password: ".to_owned() } else { format!("Vault password ({label}): ") };
        let secret = world.prompt.secret(&question).ok_or_else(|| Failure::refused("no password was given"))?;
        return Ok(Password { label: label.to_owned(), secret });
    }
    let path = match (source.strip_prefix("~/"), world.var("HOME")) {
        (Some(rest), Some(home)) => Path::new(home).join(rest),
        _ => world.absolute(Path::new(source)),
    };
    let wrong = |why: String| Failure::usage(format!("the vault password in {}: {why}", world.shown(&path)));
    let executable = path.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0);
    let bytes = match executable {
        true => Zeroizing::new(printed(&path, label, world).map_err(wrong)?),
        false => Zeroizing::new(regular::read(&path, LONGEST as u64).map_err(|error| wrong(error.to_string()))?),
    };
    if bytes.len() > LONGEST {
        return Err(wrong(format!("it is longer than {LONGEST} bytes")));
    }
    let text =
        Zeroizing::new(std::str::from_utf8(&bytes).map_err(|_| wrong("it is not UTF-8 text".to_owned()))?.to_owned());
    if text.trim().is_empty() {
        return Err(wrong("it is empty".to_owned()));
    }
    Ok(named(text))
}

/// What a program prints. One whose name ends with `-client` gets the label, as in Ansible.
fn printed(path: &Path, label: &str, world: &World) -> Result<Vec<u8>, String> {
    let mut words = vec![path.display().to_string()];
    if path.file_stem().is_some_and(|name| name.to_string_lossy().ends_with("-client")) {
        words.extend(["--vault-id".to_owned(), label.to_owned()]);
    }
    let mut command = Command::reads("vault password", words).timeout(LIMIT);
    command.keep = LONGEST + 1;
    let jump_box = JumpBox::new(world.folder.clone(), world.folder.clone());
    let runtime = runtime().map_err(|failure| failure.to_string())?;
    let ran = runtime.block_on(async { jump_box.run_piped(&command, &mut NoSink).await });
    let output = ran.map_err(|no_end| no_end.to_string())?.output;
    // Standard error is not shown: the password may be in it.
    if output.success() { Ok(output.stdout) } else { Err(format!("the program ended with {}", output.exit)) }
}
