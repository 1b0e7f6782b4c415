# Fetches archives of these versions into a folder: stage.sh FOLDER NAME=VERSION...
r=${PATCHWAVE_ROOT-} d=${PATCHWAVE_ROOT-}$1
shift
umask 077
mkdir -p "$d/part" && chmod 700 "$d" && cd "$d/part" || exit 1
native=$(dpkg --print-architecture) || exit 1
# `NAME=VERSION SIZE` for each version that a source still has; SIZE in bytes.
offered=$(apt-cache show "$@" 2>/dev/null | awk -v native="$native" '
  function give() {
    if (name != "" && file != "") print name (arch != native && arch != "all" && arch != "" ? ":" arch : "") "=" version, size
    name = version = arch = file = ""; size = 0
  }
  /^Package: / { name = $2 } /^Version: / { version = $2 } /^Architecture: / { arch = $2 }
  /^Filename: / { file = $2 } /^Size: / { size = $2 } /^$/ { give() } END { give() }' | sort -u -k 1,1)
set -f
have= need=0
for one; do
  size=$(printf '%s\n' "$offered" | awk -v one="$one" '$1 == one { print $2; exit }')
  if [ -n "$size" ]; then have="$have $one"; else
    # Packed again from what is installed: at most its size there, in KiB.
    size=$(dpkg-query -W -f '${Installed-Size}' "${one%%=*}" 2>/dev/null)
    # A package need not say it.
    case $size in '' | *[!0-9]*) size=0 ;; esac
    size=$((size * 1024))
  fi
  need=$((need + size))
done
# Room for the transaction itself must stay.
need=$((need / 1024 + 65536))
free=$(df -P -k -- "$d" 2>/dev/null | awk 'END { print $(NF - 2) }')
case $free in *[!0-9]* | '') ;; *)
  if [ "$free" -lt "$need" ]; then
    echo "E: You don't have enough free space in $d: old versions need $need KiB, $free KiB are free" >&2
    exit 28
  fi ;;
esac
get() { apt-get -q -y -o APT::Sandbox::User=root -o Acquire::Retries=3 download "$@" </dev/null; }
# shellcheck disable=SC2086 # names of packages have no spaces
if [ -n "$have" ] && ! get $have; then
  for one in $have; do get "$one" || :; done
fi
set +f
got=' '
for f in ./*.deb; do
  [ ! -e "$f" ] || got="$got$(dpkg-deb -W --showformat='${Package} ${Version} ${Architecture}\n' "$f" 2>/dev/null |
    awk -v native="$native" '{ print $1 ($3 != native && $3 != "all" ? ":" $3 : "") "=" $2 }') "
done
for one; do
  case $got in *" $one "*) continue ;; esac
  name=${one%%=*} version=${one#*=}
  plain=${name%%:*}
  arch=${name#"$plain"} arch=${arch#:}
  file=$(printf '%s' "$version" | sed 's/:/%3a/g')
  # What an earlier upgrade fetched is as good as apt's own cache.
  for f in "$r/var/cache/apt/archives/${plain}_${file}"_*.deb "${d%/*}"/*/"${plain}_${file}"_*.deb; do
    case $f in *"_${arch:-$native}.deb" | *_all.deb) ;; *) continue ;; esac
    [ ! -f "$f" ] || cp "$f" . && [ -f "$f" ] && continue 2
  done
  if command -v dpkg-repack >/dev/null && [ "$(dpkg-query -W -f '${Version}' "$name" 2>/dev/null)" = "$version" ]; then
    dpkg-repack "$name" </dev/null || :
  fi
done
# Each archive is whole before it is where it is looked for.
for f in ./*.deb; do
  [ ! -e "$f" ] || mv -f "$f" "$d/" || exit 1
done
sync "$d" 2>/dev/null || :
cd "$d" && rmdir part
