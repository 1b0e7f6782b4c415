//! The simulated programs, over SSH: what they print and what they change.

use patchwave::demo::{Fault, Fleet, FleetSpec};

use super::client::{Answer, Client};

const HOST: &str = "web001.test";
const TRANSACTION: &str = "DEBIAN_FRONTEND=noninteractive apt-get -y -o Dpkg::Options::=--force-confdef \
     -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=0 --no-remove install --only-upgrade";
const SIMULATE: &str = "apt-get -s -q -V -y -o APT::Get::Show-User-Simulation-Note=false";

async fn fleet(faults: &[Fault]) -> (Fleet, Client) {
    let spec = faults.iter().fold(FleetSpec::quick(1), |spec, fault| spec.broken(HOST, fault.clone()));
    let fleet = Fleet::start(spec).unwrap();
    let client = Client::connect(&fleet, fleet.host(HOST).unwrap()).await.unwrap();
    (fleet, client)
}

async fn run(client: &Client, line: &str) -> Answer {
    client.exec(line, b"").await.unwrap()
}

async fn ok(client: &Client, line: &str) -> String {
    let answer = run(client, line).await;
    assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""), "{line}\n{}", answer.stdout);
    answer.stdout
}

#[tokio::test]
async fn an_unknown_command_line_is_an_error_and_written_down() {
    let (fleet, client) = fleet(&[]).await;
    for line in ["apt-get frobnicate", "apt-get install", "systemctl edit x", "apt list", "dpkg -i x.deb", "uname -z"] {
        let answer = run(&client, line).await;
        assert_eq!(answer.code, Some(97), "{line}: {}", answer.stdout);
        assert!(answer.stderr.contains("does not imitate"), "{line}: {}", answer.stderr);
    }
    assert_eq!(fleet.host(HOST).unwrap().unknown_commands().lines().count(), 6);
}

#[tokio::test]
async fn a_simulation_names_versions_suites_and_new_packages() {
    let (fleet, client) = fleet(&[]).await;
    let text = ok(&client, &format!("{SIMULATE} --with-new-pkgs upgrade")).await;
    for line in [
        "Inst openssl [3.0.17-1~deb12u2] (3.0.17-1~deb12u3 Debian-Security:12/oldstable-security [amd64])",
        "Inst curl [7.88.1-10+deb12u12] (7.88.1-10+deb12u15 Debian:12-updates/oldstable-updates [amd64])",
        "Inst linux-image-6.1.0-41-amd64 (6.1.158-1 Debian-Security:12/oldstable-security [amd64])",
        "   linux-image-6.1.0-41-amd64 (6.1.158-1)",
        "   openssl (3.0.17-1~deb12u2 => 3.0.17-1~deb12u3)",
    ] {
        assert!(text.lines().any(|got| got == line), "{line}\n{text}");
    }
    let plain = ok(&client, &format!("{SIMULATE} upgrade")).await;
    assert!(plain.contains("kept back:\n   linux-image-amd64 (") && !plain.contains("Inst linux-image"), "{plain}");
    assert_eq!(fleet.host(HOST).unwrap().unknown_commands(), "");
}

#[tokio::test]
async fn the_version_table_shows_the_hidden_security_fix() {
    let (_fleet, client) = fleet(&[]).await;
    let expected = "curl:\n  Installed: 7.88.1-10+deb12u12\n  Candidate: 7.88.1-10+deb12u15\n  Version table:\n     \
        7.88.1-10+deb12u15 500\n        500 http://deb.debian.org/debian bookworm-updates/main amd64 Packages\n     \
        7.88.1-10+deb12u14 500\n        500 http://deb.debian.org/debian-security bookworm-security/main amd64 Packages\n \
        *** 7.88.1-10+deb12u12 500\n        500 http://deb.debian.org/debian bookworm/main amd64 Packages\n        \
        100 /var/lib/dpkg/status\n";
    assert_eq!(ok(&client, "apt-cache policy curl").await, expected);
}

#[tokio::test]
async fn a_named_set_is_installed_and_a_kernel_asks_for_a_reboot() {
    let (fleet, client) = fleet(&[]).await;
    let text = ok(&client, &format!("{TRANSACTION} openssl=3.0.17-1~deb12u3 linux-image-amd64=6.1.158-1")).await;
    assert!(text.contains("Setting up openssl (3.0.17-1~deb12u3) ..."), "{text}");
    let query =
        "dpkg-query -W -f '${Package}\\t${Version}\\t${db:Status-Status}\\n' openssl libssl3 curl 'linux-image-*'";
    assert_eq!(
        ok(&client, query).await,
        "curl\t7.88.1-10+deb12u12\tinstalled\nlibssl3\t3.0.17-1~deb12u3\tinstalled\n\
         linux-image-6.1.0-40-amd64\t6.1.153-1\tinstalled\nlinux-image-amd64\t6.1.158-1\tinstalled\n\
         openssl\t3.0.17-1~deb12u3\tinstalled\nlinux-image-6.1.0-41-amd64\t6.1.158-1\tinstalled\n"
    );
    assert_eq!(
        ok(&client, "uname -r; cat $PATCHWAVE_ROOT/run/reboot-required.pkgs").await,
        "6.1.0-40-amd64\nlinux-image-6.1.0-41-amd64\n"
    );
    let host = fleet.host(HOST).unwrap();
    let boots = host.boots();
    run(&client, "reboot").await;
    for _ in 0..1000 {
        if host.boots() > boots {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let client = Client::connect(&fleet, host).await.unwrap();
    assert_eq!(
        ok(&client, "uname -r; ls $PATCHWAVE_ROOT/run/reboot-required 2>/dev/null || :").await,
        "6.1.0-41-amd64\n"
    );
    assert_eq!(host.unknown_commands(), "");
}

#[tokio::test]
async fn wrong_versions_and_missing_packages_fail_as_apt_does() {
    let (_fleet, client) = fleet(&[]).await;
    for (names, code, what) in [
        ("openssl=9", 100, "E: Version '9' for 'openssl' was not found"),
        ("nosuch=1", 100, "E: Unable to locate package nosuch"),
        ("linux-image-6.1.0-41-amd64=6.1.158-1", 0, "not installed and only upgrades are requested"),
    ] {
        let answer = run(&client, &format!("{TRANSACTION} {names}")).await;
        assert_eq!(answer.code, Some(code), "{names}");
        assert!((answer.stderr + &answer.stdout).contains(what), "{names}");
    }
}

#[tokio::test]
async fn faults_of_packages() {
    let postinst = Fault::PostinstFails { package: "openssl".into() };
    for (fault, what) in [
        (postinst, "error processing package openssl (--configure)"),
        (Fault::LockHeld, "It is held by process 4242"),
        (Fault::DiskFull, "enough free space"),
    ] {
        let (fleet, client) = fleet(std::slice::from_ref(&fault)).await;
        let line = format!("{TRANSACTION} openssl=3.0.17-1~deb12u3 sudo=1.9.13p3-1+deb12u3");
        let answer = run(&client, &line).await;
        assert_eq!(answer.code, Some(100), "{fault:?}");
        assert!(answer.stderr.contains(what), "{fault:?}: {}", answer.stderr);
        fleet.host(HOST).unwrap().heal().unwrap();
        ok(&client, &line).await;
        let query = "dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n' openssl sudo";
        assert_eq!(
            ok(&client, query).await,
            "openssl 3.0.17-1~deb12u3 installed\nsudo 1.9.13p3-1+deb12u3 installed\n",
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn a_half_configured_package_is_seen_and_repaired() {
    let (fleet, client) = fleet(&[Fault::PostinstFails { package: "openssl".into() }]).await;
    run(&client, &format!("{TRANSACTION} openssl=3.0.17-1~deb12u3 sudo=1.9.13p3-1+deb12u3")).await;
    let query = "dpkg-query -W -f '${Package} ${db:Status-Status}\\n' openssl sudo libssl3";
    assert_eq!(ok(&client, query).await, "libssl3 installed\nopenssl half-configured\nsudo installed\n");
    assert_eq!(run(&client, "dpkg --force-confdef --force-confold --configure -a").await.code, Some(1));
    std::fs::remove_file(fleet.host(HOST).unwrap().folder().join("sim/fault/postinst")).unwrap();
    ok(&client, "dpkg --force-confdef --force-confold --configure -a").await;
    assert_eq!(ok(&client, query).await, "libssl3 installed\nopenssl installed\nsudo installed\n");
}

#[tokio::test]
async fn a_service_that_stays_down_is_seen_everywhere() {
    let (fleet, client) = fleet(&[Fault::ServiceStaysDown { unit: "nginx".into() }]).await;
    // Broken from the start: it did not even come up.
    for (line, code, stdout) in [
        ("systemctl is-active ssh", 0, "active\n"),
        ("systemctl is-active nginx", 3, "failed\n"),
        ("systemctl is-active nosuch", 3, "inactive\n"),
        ("systemctl is-system-running", 1, "degraded\n"),
        (
            "systemctl list-units --failed --plain --no-legend",
            0,
            "nginx.service loaded failed failed nginx (simulated)\n",
        ),
        ("systemctl show -p ActiveState --value nginx", 0, "failed\n"),
        ("systemctl restart nginx 2>/dev/null", 1, ""),
    ] {
        let answer = run(&client, line).await;
        assert_eq!((answer.code, answer.stdout.as_str()), (Some(code), stdout), "{line}: {}", answer.stderr);
    }
    assert!(ok(&client, "journalctl -b -p err --no-pager").await.contains("Failed to start nginx.service."));
    fleet.host(HOST).unwrap().heal().unwrap();
    assert_eq!(ok(&client, "systemctl is-active nginx; systemctl is-system-running").await, "active\nrunning\n");
}
