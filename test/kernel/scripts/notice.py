"""Makes and sends outage notices, written from the layout alone: what it gets wrong, or wrong on purpose, is the test's.

Reads one JSON object from standard input: {"to": …, "copies": n, "notices": [{…}]}; see `packet` for the fields.
Each notice leaves as a whole IP packet, by a raw socket.
"""
import hashlib, hmac, json, os, socket, struct, sys


def total(data, start=0):
    if len(data) % 2:
        data += b"\0"
    s = start + sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xFFFF) + (s >> 16)
    return s


def checksum(data, start=0):
    return ~total(data, start) & 0xFFFF


def octets(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def item(kind, value):
    return bytes([kind, len(value)]) + value


def payload(n):
    """The object, behind its header."""
    p = struct.pack("!BBHI", n.get("version", 1), n["state"], n.get("flags", 0), n["seconds"])
    if "program" in n:
        p += item(1, n["program"].encode("latin1"))
    if "reason" in n:
        p += item(2, n["reason"].encode("latin1"))
    if "backAt" in n:
        p += item(3, struct.pack("!I", n["backAt"]))
    if "port" in n:
        p += item(4, struct.pack("!BH", n["port"]["protocol"], n["port"]["port"]))
    if "workstation" in n:
        w = n["workstation"]
        p += item(5, struct.pack("!H", w["port"]) + octets(w["address"]))
    if "key" in n:
        secret = bytes.fromhex(n["key"])
        shown = hashlib.sha256(secret).digest()[:4] if "keyId" not in n else bytes.fromhex(n["keyId"])
        mac = hmac.new(secret, b"icmpkit outage 1\0" + p, hashlib.sha256).digest()[:16]
        p += item(6, b"\1" + shown + (mac if not n.get("spoiled") else bytes(16)))
    p += bytes(n.get("padding", 0))
    return p + bytes(-len(p) % 4)


def extensions(n):
    if "state" not in n:
        return b""
    p = payload(n)
    s = struct.pack("!BBHHBB", 0x20, 0, 0, 4 + len(p), 252, 1) + p
    sum_ = checksum(s)
    if n.get("damaged"):
        sum_ ^= 0x1234
    return s[:2] + struct.pack("!H", sum_) + s[4:]


def quote(n):
    """What the workstation sent: its IP header and eight octets."""
    six = ":" in n["local"]
    if n["protocol"] == "udp":
        inner = struct.pack("!HHHH", n["localPort"], n["remotePort"], 8 + 5, 0)
    else:
        inner = struct.pack("!HHI", n["localPort"], n["remotePort"], n["seq"])
    number = 17 if n["protocol"] == "udp" else 6
    if six:
        return struct.pack("!IHBB", 6 << 28, 40, number, 60) + octets(n["local"]) + octets(n["remote"]) + inner
    head = struct.pack("!BBHHHBBH", 0x45, 0, 60, 7, 0, 60, number, 0) + octets(n["local"]) + octets(n["remote"])
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + inner


def packet(n):
    six = ":" in n["local"]
    source = octets(n.get("from", n["remote"]))
    target = octets(n.get("to", n["local"]))
    q = quote(n)
    e = extensions(n)
    if e:
        q = q + bytes(128 - len(q))
    kind, code = (1, n.get("code", 4)) if six else (n.get("type", 3), n.get("code", 3))
    words = len(q) // (8 if six else 4) if e else 0
    rest = bytes([words, 0, 0, 0]) if six else bytes([0, words, 0, 0])
    icmp = bytes([kind, code, 0, 0]) + rest + q + e
    if six:
        start = total(source + target + struct.pack("!II", len(icmp), 58))
        icmp = icmp[:2] + struct.pack("!H", checksum(icmp, start)) + icmp[4:]
        return struct.pack("!IHBB", 6 << 28, len(icmp), 58, 64) + source + target + icmp
    icmp = icmp[:2] + struct.pack("!H", checksum(icmp) ^ n.get("icmpFlaw", 0)) + icmp[4:]
    head = struct.pack("!BBHHHBBH", 0x45, 0xC0, 20 + len(icmp), 0, 0, 64, 1, 0) + source + target
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + icmp


def main():
    order = json.load(sys.stdin)
    sockets = {}
    sent = 0
    for copy in range(order.get("copies", 1)):
        for n in order["notices"]:
            if "vary" in n:
                n = dict(n, **{f: n[f] + copy for f in n["vary"]})
            six = ":" in n["local"]
            if six not in sockets:
                s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
                if six:
                    s.setsockopt(socket.IPPROTO_IPV6, 36, 1)
                sockets[six] = s
            p = packet(n)
            if order.get("hex"):
                print(p.hex())
                continue
            zone = (0, socket.if_nametoindex(n["zone"])) if "zone" in n else ()
            sockets[six].sendto(p, (n.get("to", n["local"]), 0) + zone)
            sent += 1
    print(sent)


main()
