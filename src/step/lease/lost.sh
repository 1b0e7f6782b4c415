# Before a short change: does nothing unless the lease is still this run's. The run is in `run_of_lease`.
if ! is_ours || ! is_mine "$run_of_lease"; then
    thief= boss=
    is_ours && is_lost "$run_of_lease"
    printf 'patchwave-lease\nlost\n%s\n%s\n' "$thief" "$boss"
    exit 114
fi
