"""Workstations that use a program and then wait: notified-clients.py JSON

{"protocol", "servers": [[address, port, count, first-source or null]], "exchanges": 3, "recverr": false}
Sources go up from first-source. Says `ready`, then `told {errno: count}` when each of them has met an error; at SIGUSR1
`so far {errno: count}`; at SIGUSR2 each sends once more. A workstation that meets the same error again counts once.
"""
import ipaddress, json, resource, select, signal, socket, sys

want = json.loads(sys.argv[1])
tcp = want["protocol"] == "tcp"
wake_in, wake_out = socket.socketpair()
wake_out.setblocking(False)
signal.set_wakeup_fd(wake_out.fileno())
for s in (signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(s, lambda *_: None)

resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
clients = []
for address, port, count, first in want["servers"]:
    six = ":" in address
    for i in range(count):
        s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
        if first:
            s.setsockopt(socket.SOL_IP, 15, 1)  # IP_FREEBIND
            s.bind((str(ipaddress.ip_address(first) + i), 0))
        s.connect((address, port))
        if want.get("recverr"):
            s.setsockopt(socket.IPPROTO_IPV6 if six else socket.SOL_IP, 25 if six else 11, 1)
        clients.append(s)
# Long enough for a notice with words: nobody is told more octets than he has sent.
QUESTION = b"x" * 100
# A few at a time: more than the server's queue holds would be lost.
for at in range(0, len(clients), 50):
    for _ in range(want.get("exchanges", 3)):
        for s in clients[at : at + 50]:
            s.send(QUESTION)
        for s in clients[at : at + 50]:
            s.recv(100)

poll = select.epoll()
for s in clients:
    # Errors and hang-ups are always told.
    poll.register(s.fileno(), 0)
poll.register(wake_in.fileno(), select.EPOLLIN)
by = {s.fileno(): s for s in clients}
told, met = {}, set()
left = set(by)
print("ready", flush=True)
while True:
    for fd, event in poll.poll():
        if fd == wake_in.fileno():
            for number in wake_in.recv(100):
                if number == signal.SIGUSR1:
                    print("so far", json.dumps(told), flush=True)
                else:
                    for s in clients:
                        try:
                            s.send(QUESTION)
                        except OSError:
                            pass
                    print("sent", flush=True)
            continue
        errno = by[fd].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if want.get("recverr") and errno == 0:
            try:
                by[fd].recv(1, socket.MSG_DONTWAIT)
            except OSError as e:
                errno = 0 if isinstance(e, BlockingIOError) else e.errno
        if errno == 0 and not event & select.EPOLLHUP:
            continue
        if (fd, errno) not in met:
            met.add((fd, errno))
            told[errno] = told.get(errno, 0) + 1
        if fd in left:
            left.discard(fd)
            if not left:
                print("told", json.dumps(told), flush=True)
        if event & select.EPOLLHUP:
            poll.unregister(fd)
