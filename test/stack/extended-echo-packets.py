#!/usr/bin/env python3
"""Extended echo requests (RFC 8335), made of their octets; IP and checksums by scapy:
python3 extended-echo-packets.py > extended-echo-packets.tsv

The node is that of gateway-bench.ts; its ports have 2001:db8:1::1/64, 2001:db8:2::1/64 and 2001:db8:3::1/64 too.
"""
import logging

logging.getLogger('scapy').setLevel(logging.ERROR)
from scapy.all import *  # noqa: E402,F403

A, GW = '192.0.2.2', '192.0.2.1'
A6, GW6 = '2001:db8:1::2', '2001:db8:1::1'
ID, SEQ = 0x1234, 7
out = {}


def structure(*objects, version=2, sum_=None):
    s = bytes([version << 4, 0, 0, 0]) + b''.join(objects)
    c = checksum(s) if sum_ is None else sum_
    return s[:2] + bytes([c >> 8, c & 255]) + s[4:]


def obj(ctype, payload, classnum=3, length=None):
    return (4 + len(payload) if length is None else length).to_bytes(2, 'big') + bytes([classnum, ctype]) + payload


def name(n):
    return obj(1, n.encode() + bytes(-len(n) % 4))


def index(i):
    return obj(2, i.to_bytes(4, 'big'))


def address(afi, octets):
    return obj(3, afi.to_bytes(2, 'big') + bytes([len(octets), 0]) + octets + bytes(-len(octets) % 4))


def ip(a):
    return address(2, inet_pton(socket.AF_INET6, a)) if ':' in a else address(1, inet_aton(a))


def mac(n):
    return address(16389, bytes([2, 0, 0, 0, 0, n]))


def message(type, body, local=1, code=0, reserved=0):
    return bytes([type, code, 0, 0, ID >> 8, ID & 255, SEQ, reserved << 1 | local]) + body


def four(m, src=A, dst=GW, **f):
    c = checksum(m)
    return IP(src=src, dst=dst, proto=1, **f) / Raw(m[:2] + bytes([c >> 8, c & 255]) + m[4:])


def six(m, src=A6, dst=GW6, **f):
    c = in6_chksum(58, IPv6(src=src, dst=dst), m)
    return IPv6(src=src, dst=dst, nh=58, **f) / Raw(m[:2] + bytes([c >> 8, c & 255]) + m[4:])


def put(key, body, local=1, **how):
    """The request in both families, and the octets that a reply gives back."""
    given = {k: how.pop(k) for k in ('code', 'reserved') if k in how}
    out['four.' + key] = bytes(four(message(42, body, local, **given), **how)).hex()
    out['six.' + key] = bytes(six(message(160, body, local, **given))).hex()
    out['body.' + key] = body.hex() or '-'


put('name', structure(name('eth2')))
put('index', structure(index(2)))
put('address4', structure(ip('198.51.100.1')))
put('address6', structure(ip('2001:db8:2::1')))
put('mac', structure(mac(2)))
put('shared', structure(ip('fe80::1')))
put('sharedMac', structure(mac(7)))
put('noName', structure(name('eth9')))
put('noIndex', structure(index(9999)))
put('noAddress', structure(ip('203.0.113.77')))
put('trailing', structure(name('eth2')) + b'twenty octets behind')
put('code7', structure(name('eth2')), code=7, reserved=0x7f)
for key, body in {
    'none': b'',
    'headerOnly': structure(),
    'two': structure(name('eth2'), index(2)),
    'otherClass': structure(obj(1, bytes(4), classnum=1)),
    'ctype0': structure(obj(0, b'eth2')),
    'ctype4': structure(obj(4, b'eth2')),
    'version1': structure(name('eth2'), version=1),
    'indexLength': structure(obj(2, bytes(8))),
    'addressLength': structure(obj(3, bytes([0, 1, 16, 0]) + bytes(4))),
    'objectLength': structure(obj(1, b'eth2', length=64)),
    'objectLength3': structure(obj(1, b'eth2', length=3)),
    'badSum': structure(name('eth2'), sum_=0x1111),
}.items():
    put('malformed.' + key, body)
put('zeroSum', structure(name('eth2'), sum_=0))
put('neighbourByName', structure(name('eth2')), local=0)
put('neighbourByIndex', structure(index(2)), local=0)
for key, who in {'neighbour4': '198.51.100.9', 'neighbour6': '2001:db8:2::9', 'unknown4': '198.51.100.10', 'unknown6': '2001:db8:2::10', 'linkLocal': 'fe80::9'}.items():
    put(key, structure(ip(who)), local=0)
put('neighbourMac', structure(mac(0x99)), local=0)
put('neighbourNoMac', structure(mac(0x98)), local=0)

ask = message(42, structure(name('eth2')))
ask6 = message(160, structure(name('eth2')))
out['tos'] = bytes(four(ask, tos=0xb8, ttl=7, flags=0)).hex()
out['tos6'] = bytes(six(ask6, tc=0xb8, hlim=64)).hex()
for i, src in enumerate(['0.0.0.0', '224.0.0.1', '255.255.255.255', '192.0.2.255']):
    out[f'from{i}'.replace('from', 'extendedFrom')] = bytes(four(ask, src=src)).hex()
for i, dst in enumerate(['224.0.0.1', '255.255.255.255', '192.0.2.255']):
    out[f'extendedTo{i}'] = bytes(four(ask, dst=dst)).hex()
for i, (src, dst) in enumerate([('::', GW6), ('ff02::1', GW6), (A6, 'ff02::1'), ('fe80::2', 'ff02::1')]):
    out[f'extended6Odd{i}'] = bytes(six(ask6, src=src, dst=dst)).hex()
out['elsewhere4'] = bytes(four(ask, src='192.0.2.130')).hex()
out['elsewhere6'] = bytes(six(ask6, src='2001:db8:1:0:8000::2')).hex()
long = message(42, structure(name('eth2')) + bytes(3000))
for i, f in enumerate(fragment(four(long, id=99), 1480)):
    out[f'long4.{i}'] = bytes(f).hex()
long = six(message(160, structure(name('eth2')) + bytes(3000)))
for i, f in enumerate(fragment6(IPv6(src=A6, dst=GW6) / IPv6ExtHdrFragment(id=99) / Raw(bytes(long)[40:]), 1280)):
    f = IPv6(bytes(f))
    f[IPv6ExtHdrFragment].nh = 58
    out[f'long6.{i}'] = bytes(f).hex()

for key, text in out.items():
    print(key, text, sep='\t')
