#!/bin/bash
# apk.sh - packages, sources and a database for apk on a lab host.
#
#   apk.sh make DIR      on this machine, which needs apk, openssl and python3: sources below DIR, and their key
#   apk.sh host DIR      on a host, as root: a database with the old versions of those packages
#
# The host is a Debian whose os-release says Alpine Linux. apk's database knows nothing of the Debian below it. So
# resolver, transactions, locks, scripts, signatures and the world are the real ones; musl, busybox, OpenRC and the boot
# of an Alpine system are not.
#
# Installed in version 1.0 and wanted: lab-plain, lab-dep (2.0 needs lab-new, which is not installed), lab-held
# (pinned), lab-fail (its script fails, unless there is /etc/lab-fail-fixed), lab-slow (its script takes as long as
# there is /etc/lab-hold), lab-conf (an edited configuration file), linux-lts. lab-lib came in because lab-dep needs it.
# The updates are in `main`, which has no old version; `stuck` has a lab-plain that needs what nothing provides.
set -euo pipefail

# apk wants the checksum of each file in its header.
PACK='
import hashlib, os, sys, tarfile
with tarfile.open(sys.argv[1], "w:gz", format=tarfile.PAX_FORMAT) as tar:
    for folder, folders, files in os.walk("."):
        folders.sort()
        for name in folders + sorted(files):
            path = os.path.join(folder, name)[2:]
            entry = tar.gettarinfo(path)
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = "root"
            if entry.isfile():
                with open(path, "rb") as file:
                    entry.pax_headers = {"APK-TOOLS.checksum.SHA1": hashlib.sha1(file.read()).hexdigest()}
                with open(path, "rb") as file:
                    tar.addfile(entry, file)
            else:
                tar.addfile(entry)
'

sign() {        # FILE: puts its signature before it
    local d; d=$(mktemp -d)
    openssl dgst -sha1 -sign "$KEY" -out "$d/.SIGN.RSA.lab.rsa.pub" "$1"
    # Without the two empty blocks at its end, the next archive goes on where it stops.
    { tar -C "$d" -b1 --owner=0 --group=0 --format=ustar -cf - .SIGN.RSA.lab.rsa.pub | head -c -1024 | gzip -9n; cat "$1"; } >"$1.signed"
    mv "$1.signed" "$1"; rm -r "$d"
}

mkapk() {       # DIR NAME VERSION [PKGINFO-LINES [SCRIPT-NAME SCRIPT [COMMANDS-THAT-MAKE-FILES]]]
    local dir=$1 name=$2 version=$3 d; d=$(mktemp -d)
    mkdir -p "$dir" "$d/data/usr/share/lab-apk" "$d/control"; echo "$version" >"$d/data/usr/share/lab-apk/$name"
    (cd "$d/data" && eval "${7:-}")
    (cd "$d/data" && python3 -Ic "$PACK" "$d/data.tar.gz")
    printf '%s\n' "pkgname = $name" "pkgver = $version" 'pkgdesc = a package of the lab' 'url = https://lab.invalid' \
        'builddate = 1700000000' 'packager = lab' 'size = 4096' 'arch = noarch' "origin = $name" 'license = MIT' \
        ${4:+"$4"} "datahash = $(sha256sum <"$d/data.tar.gz" | cut -d' ' -f1)" >"$d/control/.PKGINFO"
    [ -z "${5:-}" ] || { printf '%s\n' '#!/bin/sh' "$6" >"$d/control/.$5"; chmod 755 "$d/control/.$5"; }
    (cd "$d/control"; tar -b1 --owner=0 --group=0 --format=ustar -cf - .PKGINFO ${5:+".$5"}) | head -c -1024 | gzip -9n >"$d/control.tar.gz"
    sign "$d/control.tar.gz"
    cat "$d/control.tar.gz" "$d/data.tar.gz" >"$dir/$name-$version.apk"
    rm -r "$d"
}

mklts() {       # DIR VERSION RELEASE: the kernel's header has its release at 526, as the offset of a text
    mkapk "$1" linux-lts "$2" '' '' '' "mkdir -p boot usr/share/kernel/lts lib/modules/$3; echo $3 >usr/share/kernel/lts/kernel.release
echo modules >lib/modules/$3/modules.order
{ head -c 526 /dev/zero; printf '\\000\\004'; head -c 1008 /dev/zero; printf '$3 (lab@lab) #1\\000'; } >boot/vmlinuz-lts"
}

make_() {
    local dir=$1 p old=$1/old main=$1/main sh arch; arch=$(uname -m)
    mkdir -p "$dir"; KEY=$dir/lab.rsa
    openssl genrsa -out "$KEY" 2048 2>/dev/null; openssl rsa -in "$KEY" -pubout -out "$KEY.pub" 2>/dev/null
    old=$old/$arch main=$main/$arch
    for p in lab-plain lab-held lab-lib; do mkapk "$old" $p 1.0-r0; done
    for p in lab-plain lab-held lab-lib; do mkapk "$main" $p 2.0-r0; done
    mkapk "$old" lab-dep 1.0-r0 'depend = lab-lib'; mkapk "$main" lab-dep 2.0-r0 $'depend = lab-lib\ndepend = lab-new'
    mkapk "$main" lab-new 1.0-r0
    mkapk "$old" lab-fail 1.0-r0; mkapk "$old" lab-slow 1.0-r0
    mkapk "$main" lab-fail 1.1-r0 '' post-upgrade '[ -e /etc/lab-fail-fixed ] || { echo "lab-fail: broken on purpose" >&2; exit 1; }'
    sh='echo "begin lab-slow" >>/var/log/lab-slow; while [ -e /etc/lab-hold ]; do sleep 0.1; done; echo "end lab-slow" >>/var/log/lab-slow'
    mkapk "$main" lab-slow 1.1-r0 '' post-upgrade "$sh"
    mkapk "$old" lab-conf 1.0-r0 '' '' '' 'mkdir etc; echo setting = 1 >etc/lab-apk.conf'
    mkapk "$main" lab-conf 1.1-r0 '' '' '' 'mkdir etc; echo setting = 2 >etc/lab-apk.conf'
    mklts "$old" 6.6.1-r0 6.6.1-0-lts; mklts "$main" 6.6.2-r0 6.6.2-0-lts
    mkapk "$dir/stuck/$arch" lab-plain 9.0-r0 'depend = nothing-has-this'
    for p in old main stuck; do
        apk index --rewrite-arch "$arch" --allow-untrusted --output "$dir/$p/$arch/APKINDEX.tar.gz" "$dir/$p/$arch"/*.apk >/dev/null 2>&1
        sign "$dir/$p/$arch/APKINDEX.tar.gz"
    done
    rm "$KEY"
}

host() {
    local dir=$1 p
    mkdir -p /etc/apk/keys /lib/apk/db
    cp "$dir/lab.rsa.pub" /etc/apk/keys/; uname -m >/etc/apk/arch
    rm -f /etc/os-release
    printf '%s\n' 'NAME="Alpine Linux"' ID=alpine VERSION_ID=3.20.0 'PRETTY_NAME="Alpine Linux v3.20 (lab)"' >/etc/os-release
    rm -rf /boot/vmlinuz-* /usr/lib/modules/*       # the kernels of the Debian below
    echo "$dir/old" >/etc/apk/repositories
    apk add --initdb --quiet lab-plain lab-dep lab-held=1.0-r0 lab-fail lab-slow lab-conf linux-lts
    echo "$dir/main" >/etc/apk/repositories
    # The boot loader starts the only kernel.
    printf '%s\n' '#!/bin/sh' 'for f in /usr/lib/modules/*/; do f=${f%/}; echo "${f##*/}"; done | sort -V | tail -n1' >/usr/local/sbin/lab-boot-kernel
    chmod 755 /usr/local/sbin/lab-boot-kernel
    sed -i 's|^ls /boot .*|/usr/local/sbin/lab-boot-kernel >/run/lab-uname|' /usr/local/sbin/lab-boot
    /usr/local/sbin/lab-boot-kernel >/run/lab-uname
    echo 'setting = edited here' >/etc/lab-apk.conf
    : >/var/log/lab-slow; rm -f /etc/lab-fail-fixed
}

case $1 in
    make) make_ "$2";;
    host) host "$2";;
    *) exit 2;;
esac
