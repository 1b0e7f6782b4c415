"""Latency and loss between the lab and one host: a pair of tun devices and a pump.

Arguments: HOST ROUND_TRIP_MS LOSS_PERCENT PID_FILE TURNS_FILE. Needs no netem. TURNS_FILE has how often the lab's side
waited for the host: it opened a TCP connection, or sent data after the host had sent some.
"""
import fcntl, heapq, os, random, select, struct, subprocess, sys, time

host, half, loss = sys.argv[1], float(sys.argv[2]) / 2000, float(sys.argv[3]) / 100


def tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x1001))  # TUNSETIFF: IFF_TUN | IFF_NO_PI
    return fd


def data(packet):
    """The ports of a TCP packet over IPv4, whether it opens a connection, and how much data it has."""
    head = (packet[0] & 15) * 4
    if packet[0] >> 4 != 4 or packet[9] != 6 or len(packet) < head + 20:
        return None
    size, flags = struct.unpack("!H", packet[2:4])[0], packet[head + 13]
    return packet[head:head + 4], flags & 18 == 2, size - head - (packet[head + 12] >> 4) * 4


spoke, turns, seen = {}, 0, os.open(sys.argv[5], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)


def listen(packet, from_lab):
    global turns
    what = data(packet)
    if not what or not (what[1] or what[2]):
        return
    ports = what[0] if from_lab else what[0][2:] + what[0][:2]
    if from_lab and (what[1] or spoke.get(ports) is False):
        turns += 1
        os.pwrite(seen, b"%d\n" % turns, 0)
    spoke[ports] = from_lab


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
        listen(packet, fd == a)
        if random.random() >= loss:
            n += 1
            heapq.heappush(queue, (time.monotonic() + half, n, b if fd == a else a, packet))
    while queue and queue[0][0] <= time.monotonic():
        _, _, fd, packet = heapq.heappop(queue)
        try:
            os.write(fd, packet)
        except OSError:
            pass
