use super::*;

const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN+Wjn4+4Fcvl2JlKpggT+wCRxpSvtqqpVrQrKN1/A22";
const C: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHeLC1lWiCYrXsf/85O/pkbUFZ6OGIt49PX3nw8iRoXE";

fn store(files: &[&str]) -> TrustStore {
    let files = files.iter().enumerate();
    TrustStore::new(
        files.map(|(n, text)| Arc::new(TrustFile::parse(Path::new(&format!("/kh{n}")), text.as_bytes()))).collect(),
    )
}

fn key(text: &str) -> OfferedKey {
    OfferedKey::from_openssh(text).unwrap()
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Accept => "accept",
        Verdict::Changed { .. } => "changed",
        Verdict::Unknown { .. } => "unknown",
        Verdict::Revoked { .. } => "revoked",
    }
}

#[test]
fn verdicts() {
    let check = |files: &[&str], host: &str, port: u16, offered: &str, expected: &str| {
        let verdict = store(files).check(&KnownName::new(host, port), &key(offered));
        assert_eq!(word(&verdict), expected, "{files:?} {host} {port}");
    };
    let web_a = format!("web {A}");
    let web_b = format!("web {B}");
    check(&[], "web", 22, A, "unknown");
    check(&[&web_a], "web", 22, A, "accept");
    check(&[&web_a], "WEB", 22, A, "accept");
    check(&[&web_a], "web", 22, B, "changed");
    check(&[&web_a], "db", 22, A, "unknown");
    check(&[&format!("{web_a}\n{web_b}")], "web", 22, B, "accept");
    check(&[&web_a, &web_b], "web", 22, B, "accept");
    check(&[&format!("[web]:2222 {A}")], "web", 2222, A, "accept");
    check(&[&format!("[web]:2222 {A}")], "web", 2222, B, "changed");
    check(&[&format!("[web]:2222 {A}")], "web", 22, A, "unknown");
    // Without the port a matching key is believed; another one does not make the host known.
    check(&[&web_a], "web", 2222, A, "accept");
    check(&[&web_a], "web", 2222, B, "unknown");
    // Revocation wins wherever it is.
    check(&[&format!("{web_a}\n@revoked * {A}")], "web", 22, A, "revoked");
    check(&[&web_a, &format!("@revoked web {A}")], "web", 22, A, "revoked");
    check(&[&format!("@revoked web {A}"), &web_a], "web", 22, A, "revoked");
    check(&[&format!("[web]:2222 {A}\n@revoked web {A}")], "web", 2222, A, "revoked");
    check(&[&format!("{web_a}\n@revoked db {A}")], "web", 22, A, "accept");
    check(&[&format!("@revoked web {A}")], "web", 22, B, "unknown");
    check(&[&format!("*.example.com,!bad.example.com {A}")], "bad.example.com", 22, A, "unknown");
    // A line without a readable key does not count.
    check(&["web ssh-ed25519 AAAA"], "web", 22, A, "unknown");
    // An authority's own key is not the host's key.
    check(&[&format!("@cert-authority * {A}")], "web", 22, A, "unknown");
}

#[test]
fn certificates_need_authority_principal_and_validity() {
    let store = store(&[&format!("@cert-authority *.example.com {A}\nold.example.com {B}\n@revoked * {C}")]);
    let check = |host: &str, authority: &str, principals: &[&str], valid: Result<(), &str>, expected: &str| {
        let certificate = Certified {
            authority: key(authority).blob,
            principals: principals.iter().map(|p| (*p).to_owned()).collect(),
            serial: 0,
            key_id: String::new(),
            valid: valid.map_err(str::to_owned),
        };
        let offered = OfferedKey { certificate: Some(certificate), ..key(B) };
        assert_eq!(word(&store.check(&KnownName::new(host, 2222), &offered)), expected, "{host} {principals:?}");
    };
    check("web.example.com", A, &["web.example.com"], Ok(()), "accept");
    check("web.example.com", A, &["db", "web.example.com"], Ok(()), "accept");
    check("web.example.com", A, &["web.*"], Ok(()), "unknown");
    check("web.example.com", A, &[], Ok(()), "accept");
    check("web.example.com", A, &["db.example.com"], Ok(()), "unknown");
    check("web.example.com", A, &["web.example.com"], Err("it has expired"), "unknown");
    check("web.example.com", B, &["web.example.com"], Ok(()), "unknown");
    check("web.example.org", A, &["web.example.org"], Ok(()), "unknown");
    // The plain key below a useless certificate may still be on file.
    check("old.example.com", B, &["x"], Ok(()), "accept");
    check("web.example.com", C, &["web.example.com"], Ok(()), "revoked");
}

#[test]
fn known_algorithms_are_asked_for_first() {
    let store = store(&[&format!("web {A}\n@cert-authority *.ca {B}\n@revoked web {C}")]);
    assert_eq!(store.expected(&KnownName::new("web", 22)), (vec!["ssh-ed25519".to_owned()], false));
    assert_eq!(store.expected(&KnownName::new("web", 2222)), (vec![], false));
    assert_eq!(store.expected(&KnownName::new("x.ca", 22)), (vec![], true));
    assert_eq!(store.expected(&KnownName::new("db", 22)), (vec![], false));
}

#[test]
fn a_new_key_is_written_once_and_a_second_key_is_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/known_hosts");
    let store = TrustStore::new(vec![Arc::new(TrustFile::load(&path).unwrap())]);
    let name = KnownName::new("web", 2222);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(store.record(&name, &key(A), false).unwrap(), Verdict::Accept));
        }
    });
    assert_eq!(word(&store.record(&name, &key(B), false).unwrap()), "changed");
    assert_eq!(word(&store.check(&name, &key(A))), "accept");
    assert_eq!(word(&store.check(&name, &key(B))), "changed");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("[web]:2222 {A}\n"));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn an_unfinished_last_line_is_not_glued_to_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    std::fs::write(&path, format!("db {B}")).unwrap();
    let store = TrustStore::new(vec![Arc::new(TrustFile::load(&path).unwrap())]);
    store.record(&KnownName::new("web", 22), &key(A), false).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("db {B}\nweb {A}\n"));
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_not_an_empty_file() {
    let folder = tempfile::tempdir().unwrap();
    assert!(TrustFile::load(folder.path()).is_err());
    assert!(TrustFile::load(&folder.path().join("absent")).is_ok());
}

proptest::proptest! {
    #[test]
    fn no_file_makes_the_parser_stumble(bytes: Vec<u8>, words in "[@|!*?,a-z0-9\\[\\]: \\t\\r\\n#=/+-]{0,300}", name in "\\PC{0,40}") {
        for content in [bytes.as_slice(), words.as_bytes(), &[words.as_bytes(), &bytes].concat()] {
            let file = TrustFile::parse(Path::new("/kh"), content);
            let lines = file.find(&name);
            assert!(lines.is_sorted() && lines.iter().all(|line| *line > 0));
            let store = TrustStore::new(vec![Arc::new(file)]);
            // Random text holds no whole key, so nothing is known, and nothing is trusted.
            let verdict = store.check(&KnownName::new(&name, 22), &key(A));
            assert_eq!(word(&verdict), "unknown");
        }
    }
}
