# Looks at a job. $1 … $6: those of `look`
umask 077
look "$@"
