"""One flow of a program: flow.py udp|unconnected|tcp|connecting LOCAL REMOTE PORT [stay]. Prints its port, then how it ends.

"connecting": prints before it connects. "stay": goes on after an error.
"""
import errno, os, socket, sys

how, local, remote, port, *more = sys.argv[1:]
family = socket.AF_INET6 if ":" in remote else socket.AF_INET
kind = socket.SOCK_DGRAM if how in ("udp", "unconnected") else socket.SOCK_STREAM
s = socket.socket(family, kind)
s.bind(socket.getaddrinfo(local, 0, family, kind)[0][4])
if how == "connecting":
    print("port", s.getsockname()[1], flush=True)
try:
    if how != "unconnected":
        s.connect(socket.getaddrinfo(remote, int(port), family, kind)[0][4])
    if how != "connecting":
        print("port", s.getsockname()[1], flush=True)
except OSError as e:
    print("connect", errno.errorcode[e.errno], flush=True)
    sys.exit()
while True:
    try:
        got = s.recv(4096)
        print("got", len(got), flush=True)
        if not got and kind == socket.SOCK_STREAM:
            break
    except OSError as e:
        print("recv", errno.errorcode[e.errno], flush=True)
        if not more:
            break
