#!/usr/bin/env python3
"""Datagrams for the gateway's tests, as scapy makes them, and what must come out: python3 transit-packets.py > transit-packets.tsv

The gateway has 192.0.2.1/24 on port 1, 198.51.100.1/24 on port 2, 203.0.113.1/24 on port 3.
"""
import logging

logging.getLogger('scapy').setLevel(logging.ERROR)
from scapy.all import *  # noqa: E402,F403

A, B, C = '192.0.2.2', '198.51.100.9', '203.0.113.9'
GW1, GW2, GW3 = '192.0.2.1', '198.51.100.1', '203.0.113.1'
out = {}


def put(name, p):
    out[name] = bytes(p).hex()


def udp(dst=B, src=A, ttl=64, data=b'data', chksum=None, **more):
    return IP(src=src, dst=dst, ttl=ttl, id=0x1234, **more) / UDP(sport=4660, dport=53, chksum=chksum) / data


def routed(**more):
    """Its checksum holds for the final destination, wherever it is on its way; scapy does not see that one when all is visited."""
    return udp(chksum=0x286b, **more)


def both(name, make, **given):
    """The datagram, and the same with its TTL one lower."""
    put(name, make(ttl=64, **given))
    put(name + 'Out', make(ttl=63, **given))


both('plain', udp)
for ttl in (0, 1, 2):
    put(f'ttl{ttl}', udp(ttl=ttl))
put('ttl2Out', udp(ttl=1))
both('df', udp, flags='DF')
both('reserved', udp, flags='evil')
both('precedence', udp, tos=0xb9)
for i in range(8):
    put(f'precedence{i}', udp(tos=i << 5))
both('unknownOption', udp, options=[IPOption(b'\x9e\x06abcd')])
both('oldOptions', udp, options=[IPOption(b'\x88\x04\x00\x07'), IPOption(b'\x52\x04\x00\x01')])

# A wrong checksum of the payload, and a source quench: none of the gateway's business.
both('badIcmp', lambda ttl: IP(src=A, dst=B, ttl=ttl, id=7) / ICMP(type=8, id=1, seq=1, chksum=0xdead) / b'x')
both('quench', lambda ttl: IP(src=A, dst=B, ttl=ttl, id=7) / ICMP(type=4) / IP(src=B, dst=A) / UDP(sport=1, dport=2))
for t in (3, 11, 12):
    put(f'error{t}', IP(src=A, dst=B, tos=0xa0) / ICMP(type=t) / IP(src=B, dst=A) / UDP(sport=1, dport=2))
put('redirect5', IP(src=A, dst=B, tos=0xa0) / ICMP(type=5, gw='198.51.100.3') / IP(src=B, dst=A) / UDP(sport=1, dport=2))

# Longest prefix: the port tells which route was taken.
put('to10', udp(dst='10.9.9.9'))
put('to10_1', udp(dst='10.1.9.9'))
put('to10_1_2', udp(dst='10.1.2.9'))
put('nowhere', udp(dst='172.16.0.1'))

big = bytes(range(256)) * 16
whole = IP(src=A, dst=B, ttl=64, id=0x4321) / UDP(sport=1, dport=2) / big[:3972]
put('big', whole)
# RFC 791 §3.2: as long as the link takes, multiples of eight.
lower = IP(src=A, dst=B, ttl=63, id=0x4321) / UDP(sport=1, dport=2) / big[:3972]
for i, f in enumerate(fragment(lower, 1480)):
    put(f'bigOut{i}', f)
for i, f in enumerate(fragment(whole, 1480)):
    put(f'bigIn{i}', f)
put('bigDf', IP(src=A, dst=B, ttl=64, id=0x4321, flags='DF') / UDP(sport=1, dport=2) / big[:1472])
put('fits1400', IP(src=A, dst=B, ttl=64, id=0x4321, flags='DF') / UDP(sport=1, dport=2) / big[:1372])

# A fragment that is cut again, with a copied option (router alert) and one that is not (record route).
ops = [IPOption_Router_Alert(), IPOption_RR(length=7, pointer=8, routers=[GW3])]
rest = [IPOption_Router_Alert()]
# 32 octets of header, mtu 600: 568 is 71 eights. Then 24 octets: 576 is 72.
one = IP(src=A, dst=B, ttl=63, id=9, flags='MF', frag=185, options=ops, proto=17) / Raw(big[:568])
two = IP(src=A, dst=B, ttl=63, id=9, flags='MF', frag=185 + 71, options=rest, proto=17) / Raw(big[568:1144])
three = IP(src=A, dst=B, ttl=63, id=9, flags='MF', frag=185 + 71 + 72, options=rest, proto=17) / Raw(big[1144:1400])
put('fragmentWithOptions', IP(src=A, dst=B, ttl=64, id=9, flags='MF', frag=185, options=ops, proto=17) / Raw(big[:1400]))
for i, f in enumerate((one, two, three)):
    put(f'fragmentWithOptionsOut{i}', f)

# Record route: RFC 791 §3.1.
Z = '0.0.0.0'
both('rrFull', udp, options=[IPOption_RR(length=7, pointer=8, routers=[C])])
put('rr', udp(options=[IPOption_RR(length=15, pointer=8, routers=[C, Z, Z])]))
put('rrOut', udp(ttl=63, options=[IPOption_RR(length=15, pointer=12, routers=[C, GW2, Z])]))
put('rrOdd', udp(options=[IPOption_NOP(), IPOption_RR(length=11, pointer=4, routers=[Z, Z])]))
put('rrOddOut', udp(ttl=63, options=[IPOption_NOP(), IPOption_RR(length=11, pointer=8, routers=[GW2, Z])]))


def stamp(flag, pointer, body, overflow=0):
    return IPOption(bytes([68, 4 + len(body), pointer, overflow << 4 | flag]) + body)


def ip(a):
    return inet_aton(a)


# Virtual time 0 is midnight UT in the harness, so a stamp at 5 s is 5000.
T = (5000).to_bytes(4, 'big')
z4, z8 = bytes(4), bytes(8)
put('ts0', udp(options=[stamp(0, 5, z8)]))
put('ts0Out', udp(ttl=63, options=[stamp(0, 9, T + z4)]))
put('ts1', udp(options=[stamp(1, 5, z8 + z8)]))
put('ts1Out', udp(ttl=63, options=[stamp(1, 13, ip(GW2) + T + z8)]))
put('ts3', udp(options=[stamp(3, 5, ip(GW1) + z4 + ip(C) + z4)]))
put('ts3Out', udp(ttl=63, options=[stamp(3, 13, ip(GW1) + T + ip(C) + z4)]))
both('ts3Other', udp, options=[stamp(3, 5, ip(C) + z4 + ip(GW1) + z4)])
put('rrTwice', udp(options=[IPOption_RR(length=7, pointer=4, routers=[Z]), IPOption_RR(length=7, pointer=4, routers=[Z])]))
put('rrTwiceOut', udp(ttl=63, options=[IPOption_RR(length=7, pointer=8, routers=[GW2]), IPOption_RR(length=7, pointer=4, routers=[Z])]))
both('ts3Full', udp, options=[stamp(3, 13, ip(GW1) + T, 2)])
put('tsFull', udp(options=[stamp(0, 9, T, 3)]))
put('tsFullOut', udp(ttl=63, options=[stamp(0, 9, T, 4)]))
put('tsOverflow', udp(options=[stamp(0, 9, T, 15)]))
put('tsBadPointer', udp(options=[stamp(0, 4, z8)]))

put('optionLength1', udp(options=[IPOption(b'\x9e\x01\x00\x00')]))
put('optionOverrun', udp(options=[IPOption(b'\x01\x9e\x09\x00')]))
put('rrBadPointer', udp(options=[IPOption(b'\x07\x07\x03\x00\x00\x00\x00')]))
put('rrShort', udp(options=[IPOption_RR(length=6, pointer=4, routers=[])] + [IPOption_EOL()] * 3))
put('tsShort', udp(options=[IPOption_Timestamp(length=8, pointer=5, flg=1, internet_address=Z, timestamp=0)]))
put('rrThenBad', udp(options=[IPOption_RR(length=7, pointer=4, routers=[Z]), IPOption(b'\x9e\x0a')]))

# Source routes.
both('lsrrThrough', routed, options=[IPOption_LSRR(length=7, pointer=4, routers=[C])])
put('ssrrThrough', routed(options=[IPOption_SSRR(length=7, pointer=4, routers=[C])]))
put('lsrr', routed(dst=GW1, options=[IPOption_LSRR(length=11, pointer=4, routers=[B, C])]))
put('lsrrOut', routed(dst=B, ttl=63, options=[IPOption_LSRR(length=11, pointer=8, routers=[GW2, C])]))
put('lsrrNoRoute', routed(dst=GW1, options=[IPOption_LSRR(length=7, pointer=4, routers=['172.16.0.1'])]))
put('lsrrDf', IP(src=A, dst=GW1, id=1, flags='DF', options=[IPOption_LSRR(length=7, pointer=4, routers=[B])]) / UDP(sport=1, dport=2) / big[:1400])
put('ssrr', routed(dst=GW1, options=[IPOption_SSRR(length=7, pointer=4, routers=[B])]))
put('ssrrOut', routed(dst=B, ttl=63, options=[IPOption_SSRR(length=7, pointer=8, routers=[GW2])]))
put('ssrrFar', routed(dst=GW1, options=[IPOption_SSRR(length=7, pointer=4, routers=['10.9.9.9'])]))
put('lsrrTwoOwn', routed(dst=GW1, options=[IPOption_LSRR(length=11, pointer=4, routers=[GW3, B])]))
put('lsrrTwoOwnOut', routed(dst=B, ttl=63, options=[IPOption_LSRR(length=11, pointer=12, routers=[GW2, GW2])]))
put('twoSourceRoutes', routed(options=[IPOption_LSRR(length=7, pointer=4, routers=[C]), IPOption_NOP(), IPOption_LSRR(length=7, pointer=4, routers=[C])]))
for key, next_ in {'Group': '224.0.0.1', 'Loopback': '127.0.0.1', 'Everybody': '255.255.255.255'}.items():
    put('lsrr' + key, routed(dst=GW1, options=[IPOption_LSRR(length=7, pointer=4, routers=[next_])]))
put('lsrrBroadcast', routed(dst=GW1, options=[IPOption_LSRR(length=7, pointer=4, routers=['198.51.100.255'])]))
put('routeError', IP(src=A, dst=GW1, id=1, options=[IPOption_SSRR(length=7, pointer=4, routers=['10.9.9.9'])]) / ICMP(type=11) / IP(src=B, dst=A) / UDP(sport=1, dport=2))

# Martians.
for i, src in enumerate(['0.0.0.0', '0.1.2.3', '127.0.0.1', '127.9.9.9', '224.0.0.1', '239.1.1.1', '240.0.0.1', '255.255.255.255', '192.0.2.255', '192.0.2.0', GW2]):
    put(f'from{i}', udp(src=src))
for i, dst in enumerate(['0.0.0.0', '0.1.2.3', '127.0.0.1', '127.9.9.9', '240.0.0.1', '250.1.2.3']):
    put(f'to{i}', udp(dst=dst))
both('toBroadcast', udp, dst='198.51.100.255')
put('toNetwork', udp(dst='198.51.100.0'))
put('toAll', udp(dst='255.255.255.255'))
put('multicast', udp(dst='239.1.1.1'))
put('multicastTtl1', udp(dst='239.1.1.1', ttl=1))
put('fromElsewhere', udp(src='203.0.113.77'))
put('fromNowhere', udp(src='172.16.0.1'))

# Header checks (RFC 1812 §5.2.2).
put('badChecksum', IP(src=A, dst=B, chksum=0x1234) / UDP(sport=1, dport=2))
put('version5', IP(src=A, dst=B, version=5) / UDP(sport=1, dport=2))
put('ihl4', IP(src=A, dst=B, ihl=4) / UDP(sport=1, dport=2))
put('ihl3', IP(src=A, dst=B, ihl=3) / UDP(sport=1, dport=2))
put('shortLength', IP(src=A, dst=B, len=19) / UDP(sport=1, dport=2))
put('cutByLink', IP(src=A, dst=B, len=200) / UDP(sport=1, dport=2, len=180) / bytes(72))

# To the gateway itself.
put('own', IP(src=A, dst=GW2, ttl=1, id=5) / ICMP(type=8, id=1, seq=1))
put('ownReply', IP(src=GW2, dst=A, ttl=64, id=0) / ICMP(type=0, id=1, seq=1))
put('ownTtl0', IP(src=A, dst=GW2, ttl=0, id=5) / ICMP(type=8, id=1, seq=1))
put('ownClosed', IP(src=A, dst=GW2, ttl=1, id=5) / UDP(sport=4660, dport=53) / b'data')

# Filters.
put('tcp80', IP(src=A, dst=B) / TCP(sport=1025, dport=80))
put('tcp81', IP(src=A, dst=B) / TCP(sport=1025, dport=81))
put('udp80', IP(src=A, dst=B) / UDP(sport=1025, dport=80))
put('tcpLater', IP(src=A, dst=B, frag=100, proto=6) / bytes(24))
put('tcpTiny', IP(src=A, dst=B, frag=1, proto=6) / bytes(24))

# Redirects: the next hop is on the network that the datagram came from.
put('back', udp(dst='10.3.0.1', src=A))
put('backOut', udp(dst='10.3.0.1', src=A, ttl=63))
put('backTos', udp(dst='10.3.0.1', src=A, tos=0x10))
put('backRouted', udp(dst='10.3.0.1', src=A, options=[IPOption_LSRR(length=7, pointer=4, routers=[C])]))
put('backForeign', udp(dst='10.3.0.1', src='198.51.100.7'))
put('backSubnet', udp(dst='10.4.0.1', src='192.168.7.2'))



def error(name, original, type, code, **more):
    """The ICMP message about it, as far as it has room: 576 octets with its IP header (RFC 1812 §4.3.2.3)."""
    put(name, ICMP(type=type, code=code, **more) / Raw(bytes.fromhex(out[original])[:548]))


for name in ('nowhere', 'to10', 'plain', 'toBroadcast'):
    error(name + 'Net', name, 3, 0)
    error(name + 'Host', name, 3, 1)
    error(name + 'Admin', name, 3, 13)
for i in range(8):
    error(f'precedence{i}Violation', f'precedence{i}', 3, 14)
    error(f'precedence{i}Cutoff', f'precedence{i}', 3, 15)
for name in ('tcp80', 'udp80', 'tcp81'):
    error(name + 'Admin', name, 3, 13)
error('bigDf1400', 'bigDf', 3, 4, nexthopmtu=1400)
error('bigDf68', 'bigDf', 3, 4, nexthopmtu=68)
error('lsrrDf1400', 'lsrrDf', 3, 4, nexthopmtu=1400)
for name in ('lsrrNoRoute', 'ssrrFar', 'lsrrGroup', 'lsrrLoopback', 'lsrrEverybody'):
    error(name + 'Failed', name, 3, 5)
for ttl in (0, 1):
    error(f'ttl{ttl}Exceeded', f'ttl{ttl}', 11, 0)
for name, pointer in (('optionLength1', 21), ('optionOverrun', 22), ('rrBadPointer', 22), ('rrThenBad', 28), ('tsOverflow', 23),
                      ('rrShort', 22), ('tsShort', 22), ('tsBadPointer', 22), ('cutByLink', 2), ('ssrrThrough', 16), ('twoSourceRoutes', 28)):
    error(name + 'Problem', name, 12, 0, ptr=pointer)
for name, gw in (('back', '192.0.2.77'), ('backTos', '192.0.2.77'), ('backSubnet', '192.168.7.77')):
    error(name + 'Redirect', name, 5, 1, gw=gw)

for name, text in out.items():
    print(name, text, sep='\t')
