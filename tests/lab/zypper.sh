# zypper.sh - lab hosts with zypper: the suite `suse`; base.sh runs it after rpm.sh.
#
# A layer over the hosts of bookworm: Debian's own zypper and rpm, an empty rpm database, and packages and sources made
# here. The database knows nothing of the Debian below it. os-release says openSUSE Leap, which is what the program goes
# by. So resolver, patches, locks, history and failing scripts are the real ones; the layout of a SUSE system, its
# snapshots, its kernels' scripts and signatures are not.
# shellcheck shell=bash

# base.sh installs these.
# shellcheck disable=SC2034
zypper_pkgs=(zypper rpm createrepo-c)

patch_of() {    # ID CATEGORY SEVERITY FLAG 'NAME/[EPOCH:]VERSION-RELEASE/ARCH...' 'CVE...'; FLAG: reboot, relogin, restart
    advisory "$1" "$2" "$3" "$5" "$6" |
        if [ -n "$4" ]; then sed "s|</package>|<$4_suggested>True</$4_suggested></package>|"; else cat; fi
}

mkdefault() {   # DIR VERSION-RELEASE: a kernel, of which several are installed side by side
    local rel=$2-default
    mkrpm "$1" kernel-default "$2" "$NATIVE" $'Provides: multiversion(kernel)\nProvides: kernel = '"$2" \
        "/usr/lib/modules/$rel/vmlinuz"$'\n'"/boot/vmlinuz-$rel" '' \
        "mkdir -p %{buildroot}/usr/lib/modules/$rel %{buildroot}/boot
echo kernel | tee %{buildroot}/usr/lib/modules/$rel/vmlinuz >%{buildroot}/boot/vmlinuz-$rel"
}

# Installed everywhere in version 1.0. In base (ordinary updates): lab-plain, lab-masked (also has a security version
# below), lib-security-tools (security by name only), lab-held (locked), lab-stuck (nothing provides what it needs). In
# update (with patches): lab-sec (with an epoch), lab-masked, lab-fail (its %post fails, unless there is
# /etc/lab-fail-fixed), lab-slowsec (its %post takes as long as there is /etc/lab-hold), lab-conf (an edited
# configuration file; no security), kernel-default (its patch wants a reboot, so it is interactive). In third (has no
# patches): lab-third.
zypper_host() {
    local p old=$REPO/old base=$REPO/base up=$REPO/update third=$REPO/third sh
    EL=lp156
    mkdir -p /root/build "$old" "$base" "$up" "$third" /etc/rpm /var/lib/rpm /etc/zypp/repos.d
    echo '%_dbpath /var/lib/rpm' >/etc/rpm/macros.lab
    rm -f /etc/os-release
    printf '%s\n' 'NAME="openSUSE Leap"' 'ID="opensuse-leap"' 'ID_LIKE="suse opensuse"' 'VERSION_ID="15.6"' \
        'PRETTY_NAME="openSUSE Leap 15.6 (lab)"' >/etc/os-release

    mkrpm "$old" bash 5.1-1.$EL "$NATIVE" 'Provides: /bin/sh'
    mkrpm "$old" glibc 2.38-1.$EL "$NATIVE"
    for p in lab-plain lib-security-tools lab-held lab-stuck lab-masked; do mkrpm "$old" $p 1.0-1.$EL noarch; done
    for p in lab-plain lib-security-tools lab-held lab-masked; do mkrpm "$base" $p 2.0-1.$EL noarch; done
    mkrpm "$base" lab-stuck 2.0-1.$EL noarch 'Requires: nothing-has-this'
    mkrpm "$up" lab-masked 1.1-1.$EL noarch
    mkrpm "$old" lab-sec 1:1.0-1.$EL "$NATIVE"; mkrpm "$up" lab-sec 1:1.0-2.$EL "$NATIVE" 'Requires: lab-new'
    mkrpm "$up" lab-new 1.0-1.$EL noarch
    mkrpm "$old" lab-third 1.0-1 noarch; mkrpm "$third" lab-third 1.1-1 noarch
    mkrpm "$old" lab-fail 1.0-1.$EL noarch; mkrpm "$old" lab-slowsec 1.0-1.$EL noarch
    mkrpm "$up" lab-fail 1.1-1.$EL noarch '' '' \
        $'%post\n[ -e /etc/lab-fail-fixed ] || { echo "lab-fail: broken on purpose" >&2; exit 1; }'
    sh=$'%post\necho "begin lab-slowsec $(date +%s)" >>/var/log/lab-slow\nwhile [ -e /etc/lab-hold ]; do sleep 0.1; done\n'
    mkrpm "$up" lab-slowsec 1.1-1.$EL noarch '' '' "$sh"$'echo "end lab-slowsec $(date +%s)" >>/var/log/lab-slow'
    for p in old=1.0-1.$EL update=1.1-1.$EL; do
        mkrpm "$REPO/${p%%=*}" lab-conf "${p#*=}" noarch '' '%config(noreplace) /etc/lab-rpm.conf' '' \
            "mkdir -p %{buildroot}/etc; echo setting = ${p#*=} >%{buildroot}/etc/lab-rpm.conf"
    done
    mkdefault "$old" 6.4.0-1.1; mkdefault "$old" 6.4.0-2.1; mkdefault "$up" 6.4.0-3.1

    # As the sources of a real system, these have the versions before the updates, too.
    for p in bash glibc lab-plain lib-security-tools lab-masked lab-sec lab-fail lab-slowsec lab-conf kernel-default; do
        cp "$old/$p"-[0-9]*.rpm "$base/"
    done
    cp "$old"/lab-third-*.rpm "$third/"
    { echo '<?xml version="1.0" encoding="UTF-8"?>'; echo '<updates>'
      patch_of openSUSE-2026-1 security important '' "lab-sec/1:1.0-2.$EL/$NATIVE lab-masked/1.1-1.$EL/noarch" 'CVE-2026-0001 CVE-2026-0002'
      patch_of openSUSE-2026-2 security critical '' "lab-fail/1.1-1.$EL/noarch lab-slowsec/1.1-1.$EL/noarch" CVE-2026-0003
      patch_of openSUSE-2026-3 recommended moderate '' "lab-conf/1.1-1.$EL/noarch" ''
      patch_of openSUSE-2026-4 security important reboot "kernel-default/6.4.0-3.1/$NATIVE" CVE-2026-0004
      echo '</updates>'; } >/root/build/updateinfo.xml
    for p in base update third; do
        createrepo_c -q "$REPO/$p"
        printf '%s\n' "[$p]" "name=$p" "baseurl=file://$REPO/$p" gpgcheck=0 enabled=1 autorefresh=1 >/etc/zypp/repos.d/$p.repo
    done
    modifyrepo_c --mdtype=updateinfo /root/build/updateinfo.xml "$up/repodata"
    printf '%s\n' '[main]' 'multiversion = provides:multiversion(kernel)' 'multiversion.kernels = latest,latest-1,running' \
        'gpgcheck = off' \
        >/etc/zypp/zypp.conf

    rm -rf /boot/vmlinuz-* /usr/lib/modules/*       # the kernels of the Debian below
    rpm -i --nodeps "$old"/*.rpm
    zypper -n addlock lab-held
    echo 'setting = edited here' >/etc/lab-rpm.conf
    : >/var/log/lab-slow; rm -f /etc/lab-fail-fixed
}
