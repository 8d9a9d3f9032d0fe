"""Sends a datagram to HOST PORT and says what came of it: answered, refused (port unreachable) or silent."""
import socket
import sys

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.settimeout(5)
    s.connect((sys.argv[1], int(sys.argv[2])))
    s.send(b"hello")
    try:
        s.recv(1500)
        print("answered")
    except ConnectionRefusedError:
        print("refused")
    except TimeoutError:
        print("silent")
