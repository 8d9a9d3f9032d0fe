"""Packets of the notice tests, by scapy and struct alone: python3 notice-packets.py > notice-packets.json"""
import json
import socket
import struct

from scapy.all import ICMPv6DestUnreach, IP, IPv6, IPv6ExtHdrDestOpt, PadN, Raw, TCP, UDP, IPOption_RR, checksum

SECONDS = 1_800_000_000
WS4, SRV4 = '198.51.100.7', '192.0.2.1'
WS6, SRV6 = '2001:db8:7::7', '2001:db8::1'


def item(kind, value):
    return bytes([kind, len(value)]) + value


def payload(state, items, flags=0):
    octets = struct.pack('>BBHI', 1, state, flags, SECONDS) + b''.join(items)
    return octets + b'\0' * (-len(octets) % 4)


def structure(octets):
    body = struct.pack('>HBB', 4 + len(octets), 252, 1) + octets
    return struct.pack('>BBH', 0x20, 0, checksum(b'\x20\0\0\0' + body)) + body


def padded(quote):
    return quote + b'\0' * (128 - len(quote))


def notice4(code, quote, extension):
    body = struct.pack('>BBHBBH', 3, code, 0, 0, len(quote) // 4 if extension else 0, 0) + quote + extension
    body = body[:2] + struct.pack('>H', checksum(body)) + body[4:]
    return bytes(IP(src=SRV4, dst=WS4, tos=0xC0, id=1, ttl=64, proto=1) / Raw(body))


def notice6(code, quote, extension):
    message = ICMPv6DestUnreach(code=code, length=len(quote) // 8 if extension else 0) / Raw(quote + extension)
    return bytes(IPv6(src=SRV6, dst=WS6, hlim=64) / message)


ws4 = item(5, struct.pack('>H', 40000) + socket.inet_aton(WS4))
ws6 = item(5, struct.pack('>H', 40000) + socket.inet_pton(socket.AF_INET6, WS6))
about = [item(4, struct.pack('>BH', 17, 5000)), item(3, struct.pack('>I', SECONDS + 3600)), item(1, b'shop')]
reason = item(2, b'maintenance')
ed25519 = item(6, bytes([2, 1, 2, 3, 4]) + b'\xaa' * 64)
hmac = item(6, bytes([1, 1, 2, 3, 4]) + b'\xbb' * 16)

# As long as a notice about it, which may not be longer than what was heard.
DATA = b'hi' * 150
in4 = bytes(IP(src=WS4, dst=SRV4, id=1) / UDP(sport=40000, dport=5000) / DATA)
out4 = bytes(IP(src=SRV4, dst=WS4, id=1) / UDP(sport=5000, dport=40000) / DATA)
in6 = bytes(IPv6(src=WS6, dst=SRV6, hlim=64) / UDP(sport=40000, dport=5000) / DATA)
out6 = bytes(IPv6(src=SRV6, dst=WS6, hlim=64) / UDP(sport=5000, dport=40000) / DATA)
syn = bytes(IP(src=WS4, dst=SRV4, id=1) / TCP(sport=40000, dport=443, flags='S', seq=0x11223344))
ack = bytes(IP(src=WS4, dst=SRV4, id=2, flags='DF') / TCP(sport=40000, dport=443, flags='A', seq=0x11223355, ack=7))
ack6 = bytes(IPv6(src=WS6, dst=SRV6, hlim=64) / TCP(sport=40000, dport=443, flags='A', seq=0x11223355, ack=7))
tcp_about = [item(4, struct.pack('>BH', 6, 443)), item(1, b'web')]

packets = {
    'in4': in4,
    'out4': out4,
    'in6': in6,
    'out6': out6,
    'options4': bytes(IP(src=WS4, dst=SRV4, id=1, options=[IPOption_RR()]) / UDP(sport=40000, dport=5000) / DATA),
    'options6': bytes(
        IPv6(src=WS6, dst=SRV6, hlim=64)
        / IPv6ExtHdrDestOpt(options=[PadN(optdata=b'\0\0\0\0')])
        / UDP(sport=40000, dport=5000)
        / DATA
    ),
    'fragment4': bytes(IP(src=WS4, dst=SRV4, id=1, frag=8, proto=17) / Raw(in4[20:] * 3)),
    'payload': payload(3, [ws4, *about, reason]),
    'payloadRebuilt': payload(3, [ws4, *about, reason], 1),
    'payloadEd25519': payload(3, [*about, reason, ed25519]),
    'payloadHmac': payload(3, [ws4, *about, reason, hmac]),
    'signed': b'icmpkit outage 1\0' + payload(3, [ws4, *about, reason])[:-2],
    'notice4': notice4(3, padded(in4[:28]), structure(payload(3, [ws4, *about, reason]))),
    'noticeRebuilt4': notice4(3, padded(in4[:28]), structure(payload(3, [ws4, *about, reason], 1))),
    'noticeEd25519': notice4(3, padded(in4[:28]), structure(payload(3, [*about, reason, ed25519]))),
    'noticeHmac': notice4(3, padded(in4[:28]), structure(payload(3, [ws4, *about, reason, hmac]))),
    'gone6': notice6(4, padded(in6[:48]), structure(payload(1, [ws6, *about]))),
    'draining4': notice4(13, padded(in4[:28]), structure(payload(4, [ws4, *about, reason]))),
    'draining6': notice6(1, padded(in6[:48]), structure(payload(4, [ws6, *about, reason]))),
    'syn': syn,
    'bare': notice4(13, syn[:28], b''),
    'ask': bytes(IP(src=SRV4, dst=WS4, id=1, ttl=64) / TCP(sport=443, dport=40000, flags='A', seq=1 << 31, window=0)),
    'ask6': bytes(IPv6(src=SRV6, dst=WS6, hlim=64) / TCP(sport=443, dport=40000, flags='A', seq=1 << 31, window=0)),
    'ack': ack,
    'ack6': ack6,
    'data': bytes(
        IP(src=WS4, dst=SRV4, id=3, flags='DF') / TCP(sport=40000, dport=443, flags='PA', seq=0x11223355, ack=7) / b'hello'
    ),
    'hungTcp': notice4(3, padded(ack[:28]), structure(payload(2, [ws4, *tcp_about]))),
    'hungTcp6': notice6(4, padded(ack6[:48]), structure(payload(2, [ws6, *tcp_about]))),
}
print(json.dumps({name: octets.hex() for name, octets in packets.items()}, indent=1))
