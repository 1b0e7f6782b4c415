# The package database of a simulated host, for apt-get and dpkg. Read with `.` after sim.sh.
# sim/installed: name, version, architecture, want, status, error flag, mark (tabs between)
# sim/available: name, version, architecture, suite, new packages that it needs; versions of a package oldest first

# Rewrites sim/installed with an awk program, in one rename.
rewrite() {
    awk -F"$tab" -v OFS="$tab" "$@" "$sim/installed" >"$sim/installed.$$" && mv "$sim/installed.$$" "$sim/installed"
}

# $1: name, $2: status
set_status() { rewrite -v name="$1" -v status="$2" '$1 == name { $5 = status } { print }'; }

version_of() { awk -F"$tab" -v name="$1" '$1 == name { print $2 }' "$sim/installed"; }

# Names of packages that are not configured.
unfinished() { awk -F"$tab" '$5 == "unpacked" || $5 == "half-configured" { print $1 }' "$sim/installed"; }

lock_holder="process 4242 (unattended-upgr)"

# Takes dpkg's lock, or says why not, as apt does. $1: seconds to wait
take_lock() {
    _left=$1
    while broken lock || ! mkdir "$sim/busy" 2>/dev/null; do
        if [ "$_left" -le 0 ]; then
            echo "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by $lock_holder" >&2
            echo "N: Be aware that removing the lock file is not a solution and may break your system." >&2
            echo "E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?" >&2
            exit 100
        fi
        [ "$_left" = "$1" ] &&
            echo "Waiting for cache lock: Could not get lock /var/lib/dpkg/lock-frontend. It is held by $lock_holder..."
        _left=$((_left - 1))
        sleep 1
    done
    trap 'rmdir "$sim/busy" 2>/dev/null' EXIT
}

# What the scripts of a package do once it is configured. $1: name, $2: version
after_configure() {
    case $1 in
    linux-image-[0-9]*)
        _release=${1#linux-image-}
        echo "update-initramfs: Generating /boot/initrd.img-$_release"
        mkdir -p "$root/lib/modules/$_release" && : >"$root/boot/vmlinuz-$_release"
        echo "$_release" >"$sim/kernel-next"
        reboot_required "$1"
        ;;
    libc6) reboot_required "$1" ;;
    nginx | haproxy | tomcat10 | cron) start_unit "$1" || echo "Could not execute systemctl:  at /usr/bin/deb-systemd-invoke line 145." ;;
    postgresql-15) start_unit postgresql || echo "Could not execute systemctl:  at /usr/bin/deb-systemd-invoke line 145." ;;
    openssh-server) start_unit ssh ;;
    esac
    case $1 in libc6 | systemd | dbus) mkdir -p "$root/var/lib/dpkg/info" && : >"$root/var/lib/dpkg/info/$1.list" ;; esac
}

reboot_required() {
    echo "*** System restart required ***" >"$root/run/reboot-required"
    echo "$1" >>"$root/run/reboot-required.pkgs"
}

# Configures one package. Fails as dpkg does when its script fails. $1: name
configure() {
    _version=$(version_of "$1")
    echo "Setting up $1 ($_version) ..."
    if broken postinst && [ "$(cat "$sim/fault/postinst")" = "$1" ]; then
        set_status "$1" half-configured
        {
            echo "dpkg: error processing package $1 (--configure):"
            echo " installed $1 package post-installation script subprocess returned error exit status 1"
        } >&2
        return 1
    fi
    # A configuration file that was edited stays, and the new one is put beside it.
    [ ! -e "$root/etc/$1.conf" ] || : >"$root/etc/$1.conf.dpkg-dist"
    after_configure "$1" "$_version"
    set_status "$1" installed
}

# Configures several packages; if one fails, the others are configured all the same. $1: seconds for each, rest: names
configure_all() {
    _pause=$1 _failed=
    shift
    for _name; do
        [ "$_pause" = 0 ] || sleep "$_pause"
        configure "$_name" || _failed="$_failed $_name"
    done
    [ -z "$_failed" ] && return 0
    {
        echo "Errors were encountered while processing:"
        printf ' %s\n' $_failed
    } >&2
    return 1
}
