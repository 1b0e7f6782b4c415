# Gives the host's lease back, if it is this run's. $1 run
[ -r "$base/lease" ] && read -r holder <"$base/lease" && [ "$holder" = "$1" ] && rm -f "$base/lease"
exit 0
