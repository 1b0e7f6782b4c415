# Puts standard input at a path, whole or not at all; running it again has the same effect.
# $1 path, $2 bytes, $3 mode, $4 owner, $5 group (empty: unchanged; a new file gets 0644 and the login's owner and
# group)
umask 077
fail() {
    echo "$1" >&2
    [ -n "${temp-}" ] && rm -f "$temp"
    exit 1
}
dest=${PATCHWAVE_ROOT-}$1
# A link stays a link: its target is replaced.
[ -L "$dest" ] && { dest=$(readlink -f "$dest") || fail "$1 is a link to nowhere"; }
[ -d "$dest" ] && fail "$1 is a folder"
[ -d "${dest%/*}/" ] || fail "the folder of $1 does not exist"
temp=$dest.patchwave.$$
trap 'rm -f "$temp"' HUP INT TERM
# An attempt whose connection was cut may have left one. The new file is created by this very line (-C), so no other
# user can put a link there.
rm -f "$dest".patchwave.[0-9]*
set -C
cat >"$temp" || fail "$1 cannot be written (is the disk full?)"
[ "$(wc -c <"$temp")" -eq "$2" ] || fail "the file arrived incomplete"
mode=${3:-0644}
if [ -e "$dest" ]; then
    # Until its owner is set, no other user may read it: the mode comes last.
    chown "$(stat -c %u:%g "$dest")" "$temp" 2>/dev/null || [ -n "$4" ] || fail "the owner of $1 cannot be kept (become?)"
    [ -n "$3" ] || mode=$(stat -c %a "$dest") || fail "the mode of $1 cannot be read"
fi
[ -z "$4" ] || chown "$4" "$temp" || fail "the owner of $1 cannot be set to $4"
[ -z "$5" ] || chgrp "$5" "$temp" || fail "the group of $1 cannot be set to $5"
chmod "$mode" "$temp" || fail "the mode of $1 cannot be set"
sync "$temp" 2>/dev/null
mv -f "$temp" "$dest" || fail "$1 cannot be replaced"
