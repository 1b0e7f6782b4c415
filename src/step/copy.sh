# Puts standard input at a path, whole or not at all; run again it does the same.
# $1 path, $2 bytes, $3 mode, $4 owner, $5 group (empty: as it is; a new file is 0644 and of the login)
umask 077
fail() {
    echo "$1" >&2
    [ -n "${temp-}" ] && rm -f "$temp"
    exit 1
}
dest=${PATCHWAVE_ROOT-}$1
# A link stays a link: what it leads to is replaced.
[ -L "$dest" ] && { dest=$(readlink -f "$dest") || fail "$1 is a link to nowhere"; }
[ -d "$dest" ] && fail "$1 is a folder"
[ -d "${dest%/*}/" ] || fail "the folder of $1 does not exist"
temp=$dest.patchwave.$$
trap 'rm -f "$temp"' HUP INT TERM
# Left by an attempt whose connection was cut. The new one is made by this very line (-C): nobody can plant a link.
rm -f "$dest".patchwave.[0-9]*
set -C
cat >"$temp" || fail "$1 cannot be written (is the disk full?)"
[ "$(wc -c <"$temp")" -eq "$2" ] || fail "the file arrived incomplete"
mode=${3:-0644}
if [ -e "$dest" ]; then
    # Before it is anybody else's, nobody else may read it: the mode comes last.
    chown "$(stat -c %u:%g "$dest")" "$temp" 2>/dev/null || [ -n "$4" ] || fail "the owner of $1 cannot be kept (become?)"
    [ -n "$3" ] || mode=$(stat -c %a "$dest") || fail "the mode of $1 cannot be read"
fi
[ -z "$4" ] || chown "$4" "$temp" || fail "the owner of $1 cannot be set to $4"
[ -z "$5" ] || chgrp "$5" "$temp" || fail "the group of $1 cannot be set to $5"
chmod "$mode" "$temp" || fail "the mode of $1 cannot be set"
sync "$temp" 2>/dev/null
mv -f "$temp" "$dest" || fail "$1 cannot be replaced"
