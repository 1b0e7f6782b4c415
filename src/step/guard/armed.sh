# $1: a guard's folder. Its unit, where systemd is.
unit_of() {
    unit=$root/etc/systemd/system/patchwave-guard-${1##*/}.service
    wanted=$root/etc/systemd/system/sysinit.target.wants/${unit##*/}
}
# Takes a guard's folder away, all at once: its watchdog must not find a half of it. $1: the folder
remove() {
    mv "$1" "$1.gone" && rm -rf "$1.gone"
}
# Whether a guard may still act: it is not over, and its watchdog lives or will after a boot. $1: its folder
may_act() {
    [ -e "$1/armed" ] && ! [ -e "$1/rc" ] || return 1
    verdict=
    [ -e "$1/verdict" ] && read -r verdict <"$1/verdict"
    [ "$verdict" != confirmed ] || return 1
    unit_of "$1"
    [ -e "$unit" ] || alive "$1/pid" || alive "$1/child"
}
# Finds a guard of another run that may act: `other` is its folder, `holder` its run. $1: this run
armed_by_another() {
    for other in "$base"/guards/*; do
        [ -e "$other/armed" ] && read -r holder <"$other/armed" && [ "$holder" != "$1" ] && may_act "$other" && return
    done
    return 1
}
