# base.sh - what a lab host is made of; sourced by lab.sh.
#
# Two cached, read-only layers for each Debian release: a plain debootstrap tree, and a small layer over it with the
# users, the packages of the lab in their old versions, and the repository that has the updates. Suites with another
# package manager have a third one over these hosts: `rocky` (rpm.sh), `suse` (zypper.sh), `arch` (pacman.sh), and
# `fedora` (dnf5.sh) over those of sid. The name of each contains a hash of its sources. It is built under `.tmp.*`, and
# one rename puts it in place.
# shellcheck shell=bash

LAB_SUITE=${LAB_SUITE:-bookworm}
LAB_PKGS=systemd,systemd-sysv,dbus,libpam-systemd,libpam-oath,openssh-server,sudo,opendoas,procps,iproute2,fish,tcsh,zsh${LAB_EXTRA_PKGS:+,$LAB_EXTRA_PKGS}

hash12()    { sha256sum | cut -c1-12; }
tree_dir()  { echo "$LAB_CACHE/debian-$LAB_SUITE-$(echo "$LAB_SUITE $LAB_PKGS" | hash12)"; }
layer_dir() {
    local f
    if f=$(over); then
        # shellcheck disable=SC2086
        echo "$LAB_CACHE/layer-$LAB_SUITE-$( (LAB_SUITE=$(over_base) lowers; cd "$HERE" || exit; cat $f) | hash12)"
    else
        echo "$LAB_CACHE/layer-$LAB_SUITE-$( (basename "$(tree_dir)"; cat "$HERE/base.sh") | hash12)"
    fi
}
lowers() {      # of the overlay, the upper ones first
    if over >/dev/null; then echo "$(layer_dir)/upper:$(LAB_SUITE=$(over_base) lowers)"
    else echo "$(layer_dir)/upper:$(tree_dir)/root"; fi
}
over_base() {   # the Debian release that is below it
    case $LAB_SUITE in
        fedora) echo sid;;
        *)      echo bookworm;;
    esac
}
over() {        # the files that make the hosts of a suite with another package manager; the last one has its name
    case $LAB_SUITE in
        rocky) echo rpm.sh;;
        suse)  echo rpm.sh zypper.sh;;
        arch)  echo pacman.sh;;
        fedora) echo rpm.sh dnf5.sh;;
        *)     return 1;;
    esac
}

suite_of() {    # HOST: the release that LAB_SUITES gives it, else LAB_SUITE
    local item
    for item in ${LAB_SUITES:-}; do
        [[ ,${item#*=}, != *",$1,"* ]] || { echo "${item%%=*}"; return; }
    done
    echo "$LAB_SUITE"
}

mirror() {      # the Debian archive that apt itself uses here
    local label
    [ -z "${LAB_MIRROR:-}" ] || { echo "$LAB_MIRROR"; return; }
    for label in 'Label: Debian' 'Component: main'; do
        apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "$label" 2>/dev/null |
            grep -v security | sort -u | head -n1 | grep . && return
    done
    return 1
}

build() {
    local tree layer m
    ! over >/dev/null || { build_over; return; }
    tree=$(tree_dir) layer=$(layer_dir)
    if [ -d "$tree" ] && [ -d "$layer" ]; then touch "$tree" "$layer"; return; fi
    mkdir -p "$LAB_CACHE"
    exec 5>"$LAB_CACHE/.build-lock"
    flock -n 5 || { say "waiting for another build"; flock 5; }
    rm -rf "$LAB_CACHE"/.tmp.*                          # of a build that was killed
    if [ ! -d "$tree" ]; then
        command -v debootstrap >/dev/null || cannot "debootstrap is not installed"
        m=$(mirror) || cannot "apt knows no Debian archive (run apt-get update, or set LAB_MIRROR)"
        say "building Debian $LAB_SUITE, once"
        build_part "$tree" _tree "$m"
    fi
    [ -d "$layer" ] || build_part "$layer" _layer
    find "$LAB_CACHE" -mindepth 1 -maxdepth 1 \( -name 'debian-*' -o -name 'layer-*' \) -mtime +14 -exec rm -rf {} +
    exec 5>&-
}

build_over() {  # a suite with another package manager
    local layer m
    (LAB_SUITE=$(over_base); build)
    layer=$(layer_dir)
    if [ -d "$layer" ]; then touch "$layer"; return; fi
    exec 5>"$LAB_CACHE/.build-lock"
    flock -n 5 || { say "waiting for another build"; flock 5; }
    if [ ! -d "$layer" ]; then
        m=$(mirror) || cannot "apt knows no Debian archive (run apt-get update, or set LAB_MIRROR)"
        say "building the hosts of $LAB_SUITE, once"
        build_part "$layer" _over_layer "$LAB_SUITE" "$m"
    fi
    exec 5>&-
}

build_part() {  # TARGET VERB...: private mounts; nothing of it outlives this shell
    local target=$1 tmp; shift
    tmp=$(mktemp -d "$LAB_CACHE/.tmp.XXXXXX"); chmod 755 "$tmp"
    setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc -- \
        "$SELF" "$@" "$tmp" </dev/null >&2 || die "the build failed, see $tmp"
    mv -T "$tmp" "$target"
}

build_tree() {  # MIRROR DIR: unpacked in memory, because dpkg waits for the disk at every file
    local d=$2
    mkdir -p "$LAB_CACHE/debs" "$d/work" "$d/root"
    mount --make-rprivate /; mount -t tmpfs -o mode=755 tmpfs "$d/work"
    debootstrap --variant=minbase --cache-dir="$LAB_CACHE/debs" --include="$LAB_PKGS" \
        "$LAB_SUITE" "$d/work/root" "$1" >"$d/debootstrap.log" 2>&1 ||
        { tail -n5 "$d/debootstrap.log" >&2; die "debootstrap failed"; }
    (cd "$d/work/root" || exit
     rm -rf var/cache/apt/archives/*.deb var/cache/apt/*.bin var/lib/apt/lists/* etc/ssh/ssh_host_* etc/apt/sources.list*)
    cp -a "$d/work/root/." "$d/root/"
    umount -l "$d/work"; rmdir "$d/work"
}

build_layer() { # DIR: upper/ (over the tree) and repo/
    local d=$1 w=$1/work r=$1/work/root
    mkdir -p "$w" "$d/upper"
    mount --make-rprivate /; mount -t tmpfs -o mode=755 tmpfs "$w"; mkdir "$w"/{root,upper,work}
    build_repo "$d/repo"
    mount -t overlay overlay -o "lowerdir=$(tree_dir)/root,upperdir=$w/upper,workdir=$w/work" "$r"
    mkdir -p "$r/srv/repo"; mount --bind "$d/repo" "$r/srv/repo"
    mount -t proc proc "$r/proc"
    chroot "$r" /bin/sh -s <<'S' >"$d/layer.log" 2>&1 || { tail -n5 "$d/layer.log" >&2; die "the layer failed"; }
set -e
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
cd /srv/repo/old
dpkg -i $(ls ./*.deb | grep -v -e lab-reboot_ -e linux-image-amd64_)
apt-mark hold lab-held
echo 'setting = edited here' >/etc/lab-conf.conf         # so the update meets a changed conffile
touch /etc/lab-fail-fixed; echo 2 >/etc/lab-slow-secs; : >/var/log/lab-slow
# An `apt-get update` waits as long as this file exists.
echo 'APT::Update::Pre-Invoke { "while [ -e /etc/lab-hold-update ]; do touch /run/lab-updating; sleep 0.1; done"; };' \
    >/etc/apt/apt.conf.d/90lab-hold
printf 'deb [trusted=yes] file:/srv/repo/main ./\ndeb [trusted=yes] file:/srv/repo/security ./\n' >/etc/apt/sources.list

useradd -m -s /bin/bash ops;  echo 'ops ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ops
useradd -m -s /bin/bash asks; echo 'asks ALL=(ALL) ALL' >/etc/sudoers.d/asks
useradd -m -s /bin/bash doer; echo 'permit nopass doer' >/etc/doas.conf; chmod 400 /etc/doas.conf
echo 'LANG=C.UTF-8' >/etc/default/locale
printf 'asks:pass\nroot:rootpass\n' | chpasswd
printf 'AuthorizedKeysFile /etc/ssh/lab_keys .ssh/authorized_keys\n' >/etc/ssh/sshd_config.d/lab.conf

u=$(dpkg -L coreutils | grep -x -e /bin/uname -e /usr/bin/uname)
dpkg-divert --quiet --local --rename --divert "$u.real" --add "$u"
cat >"$u" <<'U'
#!/bin/sh
# All hosts share one kernel; this answers with the one that the host "booted".
out=$("$0.real" "$@") || exit
if read -r fake </run/lab-uname; then
    real=$("$0.real" -r)
    case $out in *"$real"*) out=${out%%"$real"*}$fake${out#*"$real"};; esac
fi 2>/dev/null
printf '%s\n' "$out"
U
cat >/usr/local/sbin/lab-boot <<'U'
#!/bin/sh
# The boot loader: the newest kernel in /boot, or the one named in /etc/lab-boot-kernel.
ls /boot | sed -n 's/^vmlinuz-//p' | sort -V | tail -n1 | cat /etc/lab-boot-kernel - 2>/dev/null | head -n1 >/run/lab-uname
id=/proc/sys/kernel/random/boot_id
if [ -e /etc/lab-same-id ]; then
    rm /etc/lab-same-id
    while umount $id 2>/dev/null; do :; done            # nspawn's own, over which nothing can be mounted
    mount --bind /var/lib/lab-boot-id $id
else
    cat $id >/var/lib/lab-boot-id
fi
U
chmod 755 "$u" /usr/local/sbin/lab-boot
cat >/etc/systemd/system/lab-boot.service <<'U'
[Unit]
DefaultDependencies=no
After=local-fs.target
Before=sysinit.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/lab-boot
[Install]
WantedBy=sysinit.target
U
systemctl -q enable lab-boot lab-svc
systemctl -q mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    e2scrub_reap.service fstrim.timer console-getty.service systemd-networkd.service systemd-resolved.service ssh.socket
mkdir -p /etc/systemd/journald.conf.d /run/sshd
printf '[Journal]\nStorage=persistent\nSystemMaxUse=4M\n' >/etc/systemd/journald.conf.d/lab.conf
touch /etc/.updated /var/.updated                       # no first-boot rebuilds
S
    umount "$r/proc" "$r/srv/repo" "$r"
    cp -a "$w/upper/." "$d/upper/"
    umount -l "$w"; rmdir "$w"
}

build_over_layer() {    # SUITE MIRROR DIR: upper/ (over the hosts of a Debian release) and repo/
    local LAB_SUITE=$1 mirror=$2 d=$3 w=$3/work r=$3/work/root name f
    name=$(over); name=${name##* }; name=${name%.sh}
    mkdir -p "$w" "$d/upper" "$d/repo" "$LAB_CACHE/debs-over/partial"
    mount --make-rprivate /; mount -t tmpfs -o mode=755 tmpfs "$w"; mkdir "$w"/{root,upper,work}
    mount -t overlay overlay -o "lowerdir=$(LAB_SUITE=$(over_base) lowers),upperdir=$w/upper,workdir=$w/work" "$r"
    mount --bind "$d/repo" "$r/srv/repo"
    mount --bind "$LAB_CACHE/debs-over" "$r/var/cache/apt/archives"
    mount -t proc proc "$r/proc"
    [ ! -e /etc/resolv.conf ] || cat /etc/resolv.conf >"$r/etc/resolv.conf"
    echo "deb [trusted=yes] $mirror $(over_base) main" >"$r/tmp/sources.list"
    for f in $(over); do cp "$HERE/$f" "$r/tmp/"; done
    # shellcheck disable=SC2046
    chroot "$r" /bin/bash -s -- "$name" $(over) <<'S' >"$d/layer.log" 2>&1 || { tail -n5 "$d/layer.log" >&2; die "the layer of $name failed"; }
set -e
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
name=$1; shift
for f; do . "/tmp/$f"; done
pkgs="${name}_pkgs[@]"
# A mirror of sid may be behind for weeks.
apt=(-q -o Acquire::Check-Valid-Until=false -o Dir::Etc::sourcelist=/tmp/sources.list -o APT::Update::Pre-Invoke::= -o Dpkg::Options::=--force-unsafe-io)
rm -f /etc/apt/apt.conf.d/90lab-hold
apt-get "${apt[@]}" update
apt-get "${apt[@]}" -y --no-install-recommends install "${!pkgs}"
"${name}_host"
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /tmp/* /etc/resolv.conf /root/build
S
    umount "$r/proc" "$r/var/cache/apt/archives" "$r/srv/repo" "$r"
    cp -a "$w/upper/." "$d/upper/"
    umount -l "$w"; rmdir "$w"
}

# --------------------------------------------------------------- the repository

src() { mkdir -p "$SRC/${1%/*}"; cat >"$SRC/$1"; }      # PACKAGE/PATH, from stdin

mkdeb() {       # DIR NAME VERSION [Field: value]...
    local dir=$1 name=$2 ver=$3 arch=all t f; shift 3
    for f in "$@"; do [ "$f" != 'Multi-Arch: same' ] || arch=$ARCH; done
    t=$(mktemp -d -p "$SRC"); chmod 755 "$t"; mkdir "$t/DEBIAN"
    [ ! -d "$SRC/$name" ] || cp -a "$SRC/$name/." "$t/"
    printf '%s\n' "Package: $name" "Version: $ver" "Architecture: $arch" 'Maintainer: lab <lab@localhost>' \
        'Section: misc' 'Priority: optional' "$@" "Description: lab package $name" >"$t/DEBIAN/control"
    mkdir -p "$t/usr/share/doc/$name"; echo "$ver" >"$t/usr/share/doc/$name/version"
    find "$t/DEBIAN" -name 'p*' -exec chmod 755 {} +
    dpkg-deb --root-owner-group -Zgzip -b "$t" "$dir/${name}_${ver}_$arch.deb" >/dev/null; rm -rf "$t"
}

index() {       # DIR LABEL SUITE CODENAME: a flat repository
    (cd "$1" || exit
     for f in *.deb; do
         dpkg-deb -f "$f"
         printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$f" "$(stat -c %s "$f")" "$(sha256sum "$f" | cut -d' ' -f1)"
     done >Packages
     printf 'Origin: Debian\nLabel: %s\nSuite: %s\nCodename: %s\nDate: %s\nArchitectures: all %s\nSHA256:\n %s %s Packages\n' \
         "$2" "$3" "$4" "$(date -Ru)" "$ARCH" "$(sha256sum Packages | cut -d' ' -f1)" "$(stat -c %s Packages)" >Release)
}

# Installed everywhere in version 1.0. In main, 2.0: lab-plain, lab-slow (takes a while),
# libmod-security (security by name only), lab-masked (also has a security version below 2.0).
# In security: lab-sec, liblab1 (one architecture, so its name has a suffix), lab-slowsec (takes
# /etc/lab-slow-secs, 2 here, and then stands still as long as there is /etc/lab-hold; writes to
# /var/log/lab-slow), lab-fail (fails without /etc/lab-fail-fixed), lab-conf (a changed conffile),
# lab-svc (a service, restarted; does not start with /etc/lab-svc-broken), lab-held (on hold). Only by
# LAB_ADD: lab-reboot (wants a reboot) and linux-image-amd64 (the meta package: a new kernel, and a reboot).
build_repo() {  # DIR: old/ (what hosts start with), main/ and security/ (what apt sees)
    local r=$1 p v sec=1.0+deb12u1 old98=linux-image-6.1.0-98-amd64 new99=linux-image-6.1.0-99-amd64
    ARCH=$(dpkg --print-architecture) SRC=$r/.src
    mkdir -p "$r"/{old,main,security,.src}

    for p in lab-slow lab-slowsec; do src $p/DEBIAN/postinst <<'S'; done
#!/bin/sh
[ "$1" = configure ] && [ -n "$2" ] || exit 0
echo "begin $DPKG_MAINTSCRIPT_PACKAGE $(date +%s)" >>/var/log/lab-slow
sleep "$(cat /etc/lab-slow-secs 2>/dev/null || echo 20)"
while [ -e /etc/lab-hold ]; do sleep 0.1; done
echo "end $DPKG_MAINTSCRIPT_PACKAGE $(date +%s)" >>/var/log/lab-slow
S
    src lab-fail/DEBIAN/postinst <<'S'
#!/bin/sh
[ "$1" = configure ] && [ -n "$2" ] || exit 0
[ -e /etc/lab-fail-fixed ] || { echo "lab-fail: broken on purpose" >&2; exit 1; }
S
    src lab-conf/DEBIAN/conffiles <<<'/etc/lab-conf.conf'
    src lab-svc/usr/lib/lab-svc/run <<'S'
#!/bin/sh
[ ! -e /etc/lab-svc-broken ] || { echo "lab-svc: broken on purpose" >&2; exit 1; }
exec sleep infinity
S
    chmod 755 "$SRC/lab-svc/usr/lib/lab-svc/run"
    src lab-svc/usr/lib/systemd/system/lab-svc.service <<'S'
[Unit]
Description=A service that belongs to a package
[Service]
ExecStart=/usr/lib/lab-svc/run
[Install]
WantedBy=multi-user.target
S
    src lab-svc/DEBIAN/postinst <<'S'
#!/bin/sh
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload; systemctl try-restart lab-svc || :
S
    for p in lab-reboot $old98 $new99; do src $p/DEBIAN/postinst <<'S'; done
#!/bin/sh
case $1:$2:$DPKG_MAINTSCRIPT_PACKAGE in configure:?*:*|configure::linux-image-*) ;; *) exit 0;; esac
[ -d /run/systemd/system ] || exit 0
echo '*** System restart required ***' >/run/reboot-required
echo "$DPKG_MAINTSCRIPT_PACKAGE" >>/run/reboot-required.pkgs
S
    for p in $old98 $new99; do
        v=${p#linux-image-}
        src $p/boot/vmlinuz-"$v" <<<"kernel $v"
        src $p/lib/modules/"$v"/modules.builtin </dev/null
    done

    for p in lab-plain lab-slow lab-masked libmod-security; do mkdeb "$r/old" $p 1.0; mkdeb "$r/main" $p 2.0; done
    mkdeb "$r/security" lab-masked $sec                 # hidden behind 2.0, still pending
    for p in lab-sec lab-slowsec lab-fail lab-svc lab-held lab-reboot; do
        mkdeb "$r/old" $p 1.0; mkdeb "$r/security" $p $sec
    done
    mkdeb "$r/old" liblab1 1.0 'Multi-Arch: same'; mkdeb "$r/security" liblab1 $sec 'Multi-Arch: same'
    src lab-conf/etc/lab-conf.conf <<<'setting = 1'; mkdeb "$r/old" lab-conf 1.0
    src lab-conf/etc/lab-conf.conf <<<'setting = 2'; mkdeb "$r/security" lab-conf $sec
    mkdeb "$r/old" $old98 6.1.98-1;      mkdeb "$r/old" linux-image-amd64 6.1.98-1 "Depends: $old98"
    mkdeb "$r/security" $new99 6.1.99-1; mkdeb "$r/security" linux-image-amd64 6.1.99-1 "Depends: $new99"
    # As in Debian, main still has the version that the security suite replaces.
    for p in lab-sec lab-slowsec lab-fail lab-svc lab-held lab-reboot liblab1 lab-conf linux-image; do
        cp "$r/old/$p"[_-]*.deb "$r/main/"
    done
    index "$r/main" Debian stable "$LAB_SUITE"
    index "$r/security" Debian-Security stable-security "$LAB_SUITE-security"
    rm -rf "$SRC"
}
