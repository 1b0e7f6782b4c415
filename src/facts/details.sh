# Hardware, boot, containers and services of a host, one fact per line, then `end`. Only looks.
r=${PATCHWAVE_ROOT-}
cd / || exit
have() {
  found=$(command -v "$1" 2>/dev/null) || return 1
  case $found in "$r"/*) ;; *) return 1 ;; esac
}
limit() { if have timeout; then timeout 10 "$@"; else "$@"; fi; }

echo "arch $(uname -m)"
if [ -r "$r/proc/cpuinfo" ]; then
  echo "cpus $(grep -c '^processor' "$r/proc/cpuinfo")"
  sed -n 's/^model name[^:]*: */cpu-model /p' "$r/proc/cpuinfo" | head -n 1
  if grep -qw hypervisor "$r/proc/cpuinfo"; then echo guest; fi
fi
[ ! -r "$r/proc/meminfo" ] || sed -n 's/^MemTotal: */memory /p' "$r/proc/meminfo"
if [ -d "$r/sys/block" ]; then
  echo disks
  for d in "$r"/sys/block/*; do
    case ${d##*/} in loop* | ram* | zram* | sr* | fd* | dm-* | md* | nbd* | '*') continue ;; esac
    if [ -r "$d/size" ] && read -r size <"$d/size"; then echo "disk ${d##*/} $size"; fi
  done | head -n 500
fi
for f in sys_vendor product_name; do
  if [ -r "$r/sys/class/dmi/id/$f" ]; then echo "dmi-$f $(head -c 200 "$r/sys/class/dmi/id/$f")"; fi
done
if [ -r "$r/sys/hypervisor/type" ]; then echo "hypervisor $(head -c 50 "$r/sys/hypervisor/type")"; fi
[ ! -r "$r/proc/stat" ] || sed -n '/^btime /p' "$r/proc/stat"

# Programs that map a file which was replaced or removed; of other users' programs only root sees them.
uid=$(id -u)
if [ "$uid" = 0 ] && [ -r "$r/proc/1/maps" ]; then
  echo services
  last=
  grep -sE '^[0-9a-f]+-[0-9a-f]+ ..x. .*/.* \(deleted\)$' "$r"/proc/[0-9]*/maps |
    sed -n "s|^$r/proc/\([0-9]*\)/maps:[^/]*\(/.*\) (deleted)\$|\1 \2|p" |
    grep -vE '^[0-9]+ /(memfd:|dev/|SYSV|drm|i915|\[aio\]|run/|tmp/|var/tmp/)' | sort -u | head -n 2000 |
    while read -r pid file; do
      if [ "$pid" != "$last" ]; then
        last=$pid comm=
        read -r comm 2>/dev/null <"$r/proc/$pid/comm"
        echo "process $comm"
        sed -n -e 's/^0::/group /p' -e 's/^[0-9]*:name=systemd:/group /p' "$r/proc/$pid/cgroup" 2>/dev/null | head -n 1
      fi
      echo "deleted $file"
    done
fi

# $1: runtime, $2: user, rest: the program that lists its containers.
list() {
  name=$1 user=$2
  shift 2
  if ! said=$(limit "$@" ps --no-trunc --format '{{.ID}}|{{.Image}}|{{.Names}}' 2>&1 </dev/null); then
    echo "no-answer $name $user $(printf '%s\n' "$said" | tail -n 1)"
    return
  fi
  echo "runtime $name $user"
  said=$(printf '%s\n' "$said" | grep '|' | head -n 500)
  if [ -z "$said" ]; then return; fi
  printf '%s\n' "$said" | sed 's/^/container /'
  # Ids have no blanks, so word splitting is intended here.
  images=$(limit "$@" inspect --format '{{.Id}}|{{.Image}}' $(printf '%s\n' "$said" | sed 's/|.*//') 2>/dev/null </dev/null)
  printf '%s\n' "$images" | sed -n '/|/s/^/image-of /p'
  images=$(printf '%s\n' "$images" | sed -n 's/.*|//p' | sort -u)
  if [ -z "$images" ]; then return; fi
  limit "$@" image inspect --format '{{.Id}}|{{.Created}}' $images 2>/dev/null </dev/null | sed -n '/|/s/^/image /p'
}

if have docker; then
  case $(limit docker --version 2>/dev/null </dev/null) in
  *[Pp]odman*) ;;
  *) list docker root docker ;;
  esac
elif [ -S "$r/run/docker.sock" ]; then
  echo 'no-answer docker root its socket is there, but not its program'
fi
if have podman; then
  if [ "$uid" = 0 ]; then
    list podman root podman
    while IFS=: read -r user _ id _ _ home _; do
      if [ "$id" = 0 ] || [ ! -d "$r$home/.local/share/containers/storage" ]; then continue; fi
      if have runuser; then
        list podman "$user" runuser -u "$user" -- env HOME="$home" XDG_RUNTIME_DIR="/run/user/$id" podman
      else
        echo "no-answer podman $user runuser is missing"
      fi
    done <"$r/etc/passwd"
  else
    list podman "$(id -un)" podman
    echo 'no-answer podman root only root can ask'
  fi
fi
if [ -S "$r/run/containerd/containerd.sock" ]; then
  if ! have ctr; then
    echo 'no-answer containerd root its socket is there, but not the program ctr'
  elif ! spaces=$(limit ctr namespaces ls -q 2>&1 </dev/null); then
    echo "no-answer containerd root $(printf '%s\n' "$spaces" | tail -n 1)"
  else
    echo 'runtime containerd root'
    for space in $spaces; do
      # The containers of docker are in this one, and are listed above.
      if [ "$space" = moby ]; then continue; fi
      running=$(limit ctr -n "$space" tasks ls 2>/dev/null </dev/null | sed -n 's/^\([^ ]*\) .*RUNNING.*/\1/p')
      limit ctr -n "$space" containers ls 2>/dev/null </dev/null | sed 1d | head -n 500 |
        while read -r id image _; do
          case "
$running
" in *"
$id
"*) echo "container $id|$image|$space/$id" ;; esac
        done
    done
  fi
fi
echo end
