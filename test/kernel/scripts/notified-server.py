"""A program to take offline: echoes over UDP or TCP (and answers to HTTP), in both families.

notified-server.py PROTOCOL PORT [SOCKETS]; says `up`. SIGUSR1 closes the first of its sockets, SIGUSR2 closes one and opens
it anew without a pause.
"""
import select, signal, socket, sys

protocol, port = sys.argv[1], int(sys.argv[2])
count = int(sys.argv[3]) if len(sys.argv) > 3 else 1
kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
wake_in, wake_out = socket.socketpair()
wake_out.setblocking(False)
signal.set_wakeup_fd(wake_out.fileno())
for s in (signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(s, lambda *_: None)


def listen():
    s = socket.socket(socket.AF_INET6, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if count > 1:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(("::", port))
    if protocol == "tcp":
        s.listen(1024)
    return s


listening = [listen() for _ in range(count)]
connections = []
print("up", flush=True)
while True:
    for s in select.select(listening + connections + [wake_in], [], [])[0]:
        if s is wake_in:
            for number in s.recv(100):
                listening.pop(0).close()
                if number == signal.SIGUSR2:
                    listening.append(listen())
                print("closed" if number == signal.SIGUSR1 else "restarted", flush=True)
            break
        if s in listening and protocol == "tcp":
            connections.append(s.accept()[0])
        elif s in listening:
            data, peer = s.recvfrom(2000)
            s.sendto(data, peer)
        else:
            try:
                data = s.recv(2000)
                if data:
                    s.send(b"HTTP/1.0 200 OK\r\n\r\n" if data.startswith(b"GET ") else data)
                    continue
            except OSError:
                pass
            connections.remove(s)
            s.close()
