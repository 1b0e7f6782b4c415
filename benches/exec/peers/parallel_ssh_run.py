"""parallel_ssh_run.py HOSTS KEY COMMAND...: one connection per host, all hosts at once, every host at the end of a
command before the next begins, as the library has it.

HOSTS is a file of `user address port` lines. Host keys are not checked. Exit code 1 if any command failed."""
import sys

from pssh.clients import ParallelSSHClient
from pssh.config import HostConfig

hosts = [line.split() for line in open(sys.argv[1])]
key, commands = sys.argv[2], sys.argv[3:]
client = ParallelSSHClient([host[1] for host in hosts], user=hosts[0][0], pkey=key, pool_size=len(hosts),
                           host_config=[HostConfig(port=int(host[2])) for host in hosts],
                           allow_agent=False, identity_auth=False, num_retries=1, retry_delay=0, timeout=60)
failed = 0
for command in commands:
    for output in client.run_command(command, stop_on_errors=False):
        if output.exception:
            failed += 1
            print(output.host, repr(output.exception), file=sys.stderr)
            continue
        for _ in output.stdout:
            pass
        output.client.wait_finished(output)
        failed += output.exit_code != 0
sys.exit(1 if failed else 0)
