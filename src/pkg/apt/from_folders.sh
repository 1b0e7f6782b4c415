# Runs apt-get with names from the arguments and from standard input; versions that have an archive in one of the
# folders are taken from there: from_folders.sh FOLDER... -- OPTION... [NAME=VERSION...]
r=${PATCHWAVE_ROOT-}
native=$(dpkg --print-architecture) || exit 1
files=
while [ "$1" != -- ]; do
  for f in "$r$1"/*.deb; do
    [ ! -f "$f" ] || files="$files$(dpkg-deb -W --showformat='${Package} ${Version} ${Architecture}\n' "$f" |
      awk -v native="$native" '{ print $1 ($3 != native && $3 != "all" ? ":" $3 : "") "=" $2 }') $f
"
  done
  shift
done
shift
set -f
# shellcheck disable=SC2046 # names of packages have no spaces
set -- "$@" $(cat)
for word; do
  shift
  file=$(printf '%s' "$files" | awk -v word="$word" 'index($0, word " ") == 1 { print substr($0, length(word) + 2); exit }')
  set -- "$@" "${file:-$word}"
done
exec apt-get "$@" </dev/null
