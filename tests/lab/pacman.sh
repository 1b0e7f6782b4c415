# pacman.sh - lab hosts with pacman: the suite `arch`; base.sh runs it.
#
# A layer over the hosts of bookworm: Debian's own pacman, an empty database, and packages and sources made here. The
# database knows nothing of the Debian below it. os-release says Arch Linux, which is what the program goes by. So
# resolver, transactions, locks, hooks, scripts and the log are the real ones; the layout of an Arch system, its boot
# loader and signatures are not.
# shellcheck shell=bash

# base.sh installs these.
# shellcheck disable=SC2034
pacman_pkgs=(pacman-package-manager makepkg libarchive-tools zstd)

mkpac() {       # DIR NAME VERSION-RELEASE [PKGINFO-LINES [INSTALL-SCRIPT [COMMANDS-THAT-MAKE-FILES]]]
    local dir=$1 name=$2 version=$3 t=/root/build/pac f=()
    rm -rf "$t"; mkdir -p "$t/usr/share/lab-pac"; echo "$version" >"$t/usr/share/lab-pac/$name"
    (cd "$t" && eval "${6:-}")
    printf '%s\n' "pkgname = $name" "pkgver = $version" 'pkgdesc = a package of the lab' 'builddate = 1700000000' \
        'packager = lab' 'size = 4096' 'arch = any' ${4:+"$4"} >"$t/.PKGINFO"
    [ -z "${5:-}" ] || echo "$5" >"$t/.INSTALL"
    (cd "$t" || exit; shopt -s nullglob
     f=(.PKGINFO .INSTALL *); [ -e .INSTALL ] || f=(.PKGINFO *)
     bsdtar -czf .MTREE --format=mtree --options='!all,use-set,type,uid,gid,mode,time,size,sha256,link' "${f[@]}"
     bsdtar -cf - .MTREE "${f[@]}" | zstd -q -1 >"$dir/$name-$version-any.pkg.tar.zst")
}

mklinux() {     # DIR VERSION-RELEASE RELEASE
    mkpac "$1" linux "$2" '' '' "mkdir -p usr/lib/modules/$3; echo kernel >usr/lib/modules/$3/vmlinuz
echo linux >usr/lib/modules/$3/pkgbase"
}

# Installed everywhere in version 1.0. In core: lab-plain, lab-dep (2.0 needs lab-new, which is not installed),
# lab-epoch (its version has an epoch), lab-held (IgnorePkg), lab-fail (its script fails, unless there is
# /etc/lab-fail-fixed), lab-slow (its script takes as long as there is /etc/lab-hold), lab-conf (an edited configuration
# file), linux. lab-own is in no source. Not enabled: in replace, lab-modern, which replaces lab-plain; in stuck, a
# lab-plain that needs what nothing provides.
pacman_host() {
    local p repo=/srv/repo old=/srv/repo/old core=/srv/repo/core sh
    mkdir -p /root/build "$old" "$core" "$repo/replace" "$repo/stuck" /etc/pacman.d/hooks /var/lib/pacman /var/cache/pacman/pkg
    rm -f /etc/os-release
    printf '%s\n' 'NAME="Arch Linux"' 'ID=arch' 'PRETTY_NAME="Arch Linux (lab)"' 'BUILD_ID=rolling' >/etc/os-release

    for p in lab-plain lab-dep lab-held lab-own glibc systemd; do mkpac "$old" $p 1.0-1; done
    for p in lab-plain lab-held; do mkpac "$core" $p 2.0-1; done
    mkpac "$core" lab-dep 2.0-1 'depend = lab-new>=1.0'; mkpac "$core" lab-new 1.0-1
    mkpac "$old" lab-epoch 1:1.0-1; mkpac "$core" lab-epoch 1:1.1-1
    mkpac "$old" lab-fail 1.0-1; mkpac "$old" lab-slow 1.0-1
    mkpac "$core" lab-fail 1.1-1 '' \
        'post_upgrade() { [ -e /etc/lab-fail-fixed ] || { echo "lab-fail: broken on purpose" >&2; return 1; }; }'
    sh='post_upgrade() { echo "begin lab-slow" >>/var/log/lab-slow; while [ -e /etc/lab-hold ]; do sleep 0.1; done
echo "end lab-slow" >>/var/log/lab-slow; }'
    mkpac "$core" lab-slow 1.1-1 '' "$sh"
    mkpac "$old" lab-conf 1.0-1 'backup = etc/lab-pac.conf' '' 'mkdir etc; echo setting = 1 >etc/lab-pac.conf'
    mkpac "$core" lab-conf 1.1-1 'backup = etc/lab-pac.conf' '' 'mkdir etc; echo setting = 2 >etc/lab-pac.conf'
    mklinux "$old" 6.6.1.arch1-1 6.6.1-arch1-1; mklinux "$core" 6.6.2.arch1-1 6.6.2-arch1-1
    mkpac "$repo/replace" lab-modern 3.0-1 $'replaces = lab-plain\nconflict = lab-plain\nprovides = lab-plain'
    mkpac "$repo/stuck" lab-plain 9.0-1 'depend = nothing-has-this'
    for p in glibc systemd; do cp "$old/$p"-[0-9]*.zst "$core/"; done
    for p in core replace stuck; do repo-add -q "$repo/$p/$p.db.tar.gz" "$repo/$p"/*.zst; done

    printf '%s\n' '[options]' 'Architecture = auto' 'SigLevel = Never' 'CheckSpace' 'IgnorePkg = lab-held' \
        '[core]' 'Server = file:///srv/repo/core' >/etc/pacman.conf
    # What mkinitcpio's own hook does: a copy of the kernel without its version in the name, and an image for it.
    printf '%s\n' '[Trigger]' Type=Path Operation=Install Operation=Upgrade 'Target=usr/lib/modules/*/vmlinuz' '[Action]' \
        'Description=Updating linux initcpios...' When=PostTransaction Exec=/usr/local/sbin/lab-mkinitcpio NeedsTargets \
        >/etc/pacman.d/hooks/90-lab-mkinitcpio.hook
    printf '%s\n' '#!/bin/sh' 'while read -r f; do cp "/$f" /boot/vmlinuz-linux; done' \
        'echo image >/boot/initramfs-linux.img' >/usr/local/sbin/lab-mkinitcpio
    # The boot loader starts what /boot/vmlinuz-linux is a copy of: the only kernel.
    cat >/usr/local/sbin/lab-boot-kernel <<'U'
#!/bin/sh
for f in /usr/lib/modules/*/vmlinuz; do f=${f%/vmlinuz}; echo "${f##*/}"; done | sort -V | tail -n1
U
    chmod 755 /usr/local/sbin/lab-mkinitcpio /usr/local/sbin/lab-boot-kernel
    sed -i 's|^ls /boot .*|/usr/local/sbin/lab-boot-kernel >/run/lab-uname|' /usr/local/sbin/lab-boot

    rm -rf /boot/vmlinuz-* /usr/lib/modules/*       # the kernels of the Debian below
    cp "$old"/*.zst /var/cache/pacman/pkg/
    pacman -U --noconfirm "$old"/*.zst
    pacman -D --asdeps glibc
    echo 'setting = edited here' >/etc/lab-pac.conf
    : >/var/log/lab-slow; rm -f /etc/lab-fail-fixed
}
