# dnf5.sh - lab hosts with dnf5: the suite `fedora`; base.sh runs it after rpm.sh.
#
# As `rocky`, but over the hosts of Debian sid, the only release with dnf5, and with rpm 6. os-release says Fedora. sid
# changes every day, so these hosts are built only where they are asked for (PATCHWAVE_LAB_SID), and not by tests/run.
# shellcheck shell=bash

# base.sh installs these.
# shellcheck disable=SC2034
dnf5_pkgs=(dnf5 rpm createrepo-c)

# The packages and sources of rpm.sh.
dnf5_host() {
    [ -e /usr/bin/dnf ] || ln -s dnf5 /usr/bin/dnf          # as Fedora has it
    rpm_host
    rm -f /etc/dnf/plugins/versionlock.list
    printf '%s\n' 'NAME="Fedora Linux"' 'ID=fedora' 'VERSION_ID=43' 'PRETTY_NAME="Fedora Linux 43 (lab)"' >/etc/os-release
    dnf -q versionlock add lab-held
}
