"""asyncssh_run.py HOSTS KEY COMMAND...: one connection per host, all hosts at once, the commands one after the other.

HOSTS is a file of `user address port` lines. Host keys are not checked. Exit code 1 if any command failed."""
import asyncio
import sys

import asyncssh

hosts = [line.split() for line in open(sys.argv[1])]
key, commands = sys.argv[2], sys.argv[3:]


async def one(user, address, port):
    try:
        async with asyncssh.connect(address, int(port), username=user, client_keys=[key], known_hosts=None,
                                    config=None, agent_path=None, connect_timeout=60, login_timeout=60) as connection:
            for command in commands:
                await connection.run(command, check=True)
        return 0
    except (OSError, asyncssh.Error) as error:
        print(address, port, repr(error), file=sys.stderr)
        return 1


async def everywhere():
    return sum(await asyncio.gather(*(one(*host) for host in hosts)))

sys.exit(1 if asyncio.run(everywhere()) else 0)
