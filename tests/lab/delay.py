"""Latency and loss between the lab and one host: a pair of tun devices and a pump.

Arguments: HOST ROUND_TRIP_MS LOSS_PERCENT PID_FILE. Needs no netem.
"""
import fcntl, heapq, os, random, select, struct, subprocess, sys, time

host, half, loss = sys.argv[1], float(sys.argv[2]) / 2000, float(sys.argv[3]) / 100


def tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x1001))  # TUNSETIFF: IFF_TUN | IFF_NO_PI
    return fd


with open(sys.argv[4], "w") as f:
    f.write(str(os.getpid()))
a, b = tun("out-" + host), tun("in-" + host)
subprocess.check_call(["ip", "link", "set", "in-" + host, "netns", host])
queue, n = [], 0
while True:
    wait = max(0, queue[0][0] - time.monotonic()) if queue else None
    for fd in select.select([a, b], [], [], wait)[0]:
        try:
            packet = os.read(fd, 65536)
        except OSError:
            continue
        if random.random() >= loss:
            n += 1
            heapq.heappush(queue, (time.monotonic() + half, n, b if fd == a else a, packet))
    while queue and queue[0][0] <= time.monotonic():
        _, _, fd, packet = heapq.heappop(queue)
        try:
            os.write(fd, packet)
        except OSError:
            pass
