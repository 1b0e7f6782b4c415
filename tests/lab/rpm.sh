# rpm.sh - lab hosts with an rpm database: the suite `rocky`; base.sh runs it in the new host.
#
# A layer over the hosts of bookworm: Debian's own dnf 4 and rpm, an empty rpm database, and packages and sources made
# here. The database knows nothing of the Debian below it. os-release says Rocky Linux, which is what the program goes
# by. So resolver, transactions, locks, history and failing scripts are the real ones; the layout of a Red Hat system,
# its kernels' scripts, SELinux and GPG are not.
# shellcheck shell=bash

# base.sh installs these.
# shellcheck disable=SC2034
rpm_pkgs=(dnf dnf-plugins-core rpm createrepo-c)

REPO=/srv/repo EL=el9 NATIVE=$(uname -m)

mkrpm() {       # DIR NAME [EPOCH:]VERSION-RELEASE ARCH [SPEC-LINES [FILES [SCRIPTS [INSTALL]]]]
    local dir=$1 name=$2 full=$3 arch=$4 version release epoch='' platform=()
    case $full in *:*) epoch="Epoch: ${full%%:*}"; full=${full#*:};; esac
    version=${full%-*} release=${full##*-}
    [ "$arch" = noarch ] || platform=(--target "$arch")
    # `AutoReqProv: no`, or scripts want a /bin/sh that this database does not know; bash below provides one.
    cat >/root/build/x.spec <<S
Name: $name
Version: $version
Release: $release
$epoch
Summary: a package of the lab
License: MIT
AutoReqProv: no
$([ "$arch" != noarch ] || echo 'BuildArch: noarch')
${5:-}
%description
A package of the lab.
%install
mkdir -p %{buildroot}/usr/share/lab-rpm
echo $full >%{buildroot}/usr/share/lab-rpm/$name-$full
${8:-}
%files
/usr/share/lab-rpm/$name-$full
${6:-}
${7:-}
S
    rpmbuild -bb --quiet --define '_topdir /root/build' --define "_rpmdir $dir" --define '_build_id_links none' \
        --define 'debug_package %{nil}' --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' \
        --define '_binary_payload w1.gzdio' "${platform[@]}" /root/build/x.spec
}

mkkernel() {    # DIR VERSION-RELEASE: three packages that are installed side by side
    local rel=$2.$NATIVE
    mkrpm "$1" kernel-core "$2" "$NATIVE" $'Provides: installonlypkg(kernel)\nProvides: kernel-core-uname-r = '"$rel" \
        "/usr/lib/modules/$rel/vmlinuz"$'\n'"/boot/vmlinuz-$rel" '' \
        "mkdir -p %{buildroot}/usr/lib/modules/$rel %{buildroot}/boot
echo kernel | tee %{buildroot}/usr/lib/modules/$rel/vmlinuz >%{buildroot}/boot/vmlinuz-$rel"
    mkrpm "$1" kernel-modules "$2" "$NATIVE" $'Provides: installonlypkg(kernel-module)\nRequires: kernel-core = '"$2"
    mkrpm "$1" kernel "$2" "$NATIVE" $'Provides: installonlypkg(kernel)\nRequires: kernel-core = '"$2"$'\nRequires: kernel-modules = '"$2"
}

advisory() {    # ID TYPE SEVERITY 'NAME/[EPOCH:]VERSION-RELEASE/ARCH...' 'CVE...'
    local p n full a e
    echo "<update from=\"lab\" status=\"final\" type=\"$2\" version=\"1\"><id>$1</id><title>$1</title>"
    echo "<issued date=\"2026-01-01 00:00:00\"/><severity>$3</severity><description>lab</description><references>"
    for p in $5; do echo "<reference href=\"https://lab.invalid/$p\" id=\"$p\" type=\"cve\" title=\"$p\"/>"; done
    echo '</references><pkglist><collection short="lab"><name>lab</name>'
    for p in $4; do
        n=${p%%/*} full=${p#*/} e=0; a=${full##*/}; full=${full%/*}
        case $full in *:*) e=${full%%:*}; full=${full#*:};; esac
        echo "<package name=\"$n\" version=\"${full%-*}\" release=\"${full##*-}\" epoch=\"$e\" arch=\"$a\"><filename>x</filename></package>"
    done
    echo '</collection></pkglist></update>'
}

# Installed everywhere in version 1.0. In base (ordinary updates): lab-plain, lab-masked (also has a security version
# below), lib-security-tools (security by name only), lab-held (locked), lab-stuck (nothing provides what it needs).
# In sec (with advisories): lab-sec (with an epoch), lab-masked, lab-fail (its %post fails, unless there is
# /etc/lab-fail-fixed), lab-slowsec (its %post takes as long as there is /etc/lab-hold), lab-conf (an edited
# configuration file; no security), a third kernel. In third (says nothing about security): lab-third.
rpm_host() {
    local p old=$REPO/old base=$REPO/base sec=$REPO/sec third=$REPO/third sh
    mkdir -p /root/build "$old" "$base" "$sec" "$third" /etc/rpm /var/lib/rpm /etc/dnf/vars /etc/yum.repos.d
    echo '%_dbpath /var/lib/rpm' >/etc/rpm/macros.lab
    rm -f /etc/os-release
    printf '%s\n' 'NAME="Rocky Linux"' 'ID="rocky"' 'ID_LIKE="rhel centos fedora"' 'VERSION_ID="9.4"' \
        'PRETTY_NAME="Rocky Linux 9.4 (lab)"' >/etc/os-release
    echo 9 >/etc/dnf/vars/releasever
    rm -f /etc/dnf/plugins/local.conf               # its source wants signatures

    mkrpm "$old" bash 5.1-1.$EL "$NATIVE" 'Provides: /bin/sh'
    mkrpm "$old" glibc 2.34-1.$EL "$NATIVE"
    for p in lab-plain lib-security-tools lab-held lab-stuck lab-masked; do mkrpm "$old" $p 1.0-1.$EL noarch; done
    for p in lab-plain lib-security-tools lab-held lab-masked; do mkrpm "$base" $p 2.0-1.$EL noarch; done
    mkrpm "$base" lab-stuck 2.0-1.$EL noarch 'Requires: nothing-has-this'
    mkrpm "$sec" lab-masked 1.1-1.$EL noarch
    mkrpm "$old" lab-sec 1:1.0-1.$EL "$NATIVE"; mkrpm "$sec" lab-sec 1:1.0-2.$EL "$NATIVE"
    mkrpm "$old" lab-third 1.0-1 noarch; mkrpm "$third" lab-third 1.1-1 noarch
    mkrpm "$old" lab-fail 1.0-1.$EL noarch; mkrpm "$old" lab-slowsec 1.0-1.$EL noarch
    mkrpm "$sec" lab-fail 1.1-1.$EL noarch '' '' \
        $'%post\n[ -e /etc/lab-fail-fixed ] || { echo "lab-fail: broken on purpose" >&2; exit 1; }'
    sh=$'%post\necho "begin lab-slowsec $(date +%s)" >>/var/log/lab-slow\nwhile [ -e /etc/lab-hold ]; do sleep 0.1; done\n'
    mkrpm "$sec" lab-slowsec 1.1-1.$EL noarch '' '' "$sh"$'echo "end lab-slowsec $(date +%s)" >>/var/log/lab-slow'
    for p in old=1.0-1.$EL sec=1.1-1.$EL; do
        mkrpm "$REPO/${p%%=*}" lab-conf "${p#*=}" noarch '' '%config(noreplace) /etc/lab-rpm.conf' '' \
            "mkdir -p %{buildroot}/etc; echo setting = ${p#*=} >%{buildroot}/etc/lab-rpm.conf"
    done
    mkkernel "$old" 5.14.0-1.$EL; mkkernel "$old" 5.14.0-2.$EL; mkkernel "$sec" 5.14.0-3.$EL

    # As the sources of a real system, these have the versions before the updates, too.
    for p in bash glibc lab-plain lib-security-tools lab-masked lab-sec lab-fail lab-slowsec lab-conf kernel; do
        cp "$old/$p"-[0-9a-z]*.rpm "$base/"
    done
    cp "$old"/lab-third-*.rpm "$third/"
    { echo '<?xml version="1.0" encoding="UTF-8"?>'; echo '<updates>'
      advisory RLSA-2026:0001 security Important "lab-sec/1:1.0-2.$EL/$NATIVE lab-masked/1.1-1.$EL/noarch" 'CVE-2026-0001 CVE-2026-0002'
      advisory RLSA-2026:0002 security Critical "lab-fail/1.1-1.$EL/noarch lab-slowsec/1.1-1.$EL/noarch" CVE-2026-0003
      advisory RLBA-2026:0003 bugfix None "lab-conf/1.1-1.$EL/noarch" ''
      advisory RLSA-2026:0004 security Moderate "kernel/5.14.0-3.$EL/$NATIVE kernel-core/5.14.0-3.$EL/$NATIVE kernel-modules/5.14.0-3.$EL/$NATIVE" CVE-2026-0004
      echo '</updates>'; } >/root/build/updateinfo.xml
    echo '<updates></updates>' >/root/build/none.xml
    for p in base sec third; do
        createrepo_c -q "$REPO/$p"
        printf '%s\n' "[$p]" "name=$p" "baseurl=file://$REPO/$p" gpgcheck=0 enabled=1 >/etc/yum.repos.d/$p.repo
    done
    modifyrepo_c --mdtype=updateinfo /root/build/updateinfo.xml "$sec/repodata"
    modifyrepo_c --mdtype=updateinfo /root/build/none.xml "$base/repodata"

    rm -rf /boot/vmlinuz-* /usr/lib/modules/*       # the kernels of the Debian below
    rpm -i --nodeps "$old"/*.rpm
    echo 'setting = edited here' >/etc/lab-rpm.conf
    mkdir -p /etc/dnf/plugins
    echo "lab-held-0:1.0-1.$EL.*" >/etc/dnf/plugins/versionlock.list
    : >/var/log/lab-slow; rm -f /etc/lab-fail-fixed
}
