#!/usr/bin/env python3
"""Datagrams whose errors bear extension objects, and these errors, as scapy makes them:
python3 extension-packets.py > extension-packets.tsv

The gateway is that of gateway-bench.ts; its ports have 2001:db8:1::1/64, 2001:db8:2::1/64 and 2001:db8:3::1/64 too.
"""
import logging

logging.getLogger('scapy').setLevel(logging.ERROR)
from scapy.all import *  # noqa: E402,F403
from scapy.contrib.mpls import MPLS  # noqa: E402

A, B, GW1 = '192.0.2.2', '198.51.100.9', '192.0.2.1'
A6, B6, GW6 = '2001:db8:1::2', '2001:db8:2::9', '2001:db8:1::1'
out = {}


def put(name, p):
    out[name] = bytes(p).hex()


def v4(ttl, data=b'data'):
    return IP(src=A, dst=B, ttl=ttl, id=0x1234) / UDP(sport=4660, dport=53) / data


def v6(hlim, data=b'data'):
    return IPv6(src=A6, dst=B6, hlim=hlim) / UDP(sport=4660, dport=53) / data


def structure(*objects):
    s = bytes([0x20, 0, 0, 0]) + b''.join(bytes([0, 4 + len(p), c, t]) + p for c, t, p in objects)
    sum_ = checksum(s)
    return s[:2] + bytes([sum_ >> 8, sum_ & 255]) + s[4:]


def error4(original, type, code, *objects, damage=0):
    quote = bytes(original)
    quote += bytes(max(128, -(-len(quote) // 4) * 4) - len(quote))
    s = bytearray(structure(*objects))
    s[3] ^= damage
    m = bytes([type, code, 0, 0, 0, len(quote) // 4, 0, 0]) + quote + bytes(s)
    sum_ = checksum(m)
    return m[:2] + bytes([sum_ >> 8, sum_ & 255]) + m[4:]


def error6(original, type, code, *objects):
    quote = bytes(original)
    quote += bytes(max(128, -(-len(quote) // 8) * 8) - len(quote))
    m = bytes([type, code, 0, 0, len(quote) // 8, 0, 0, 0]) + quote + structure(*objects)
    sum_ = in6_chksum(58, IPv6(src=GW6, dst=A6), m)
    return m[:2] + bytes([sum_ >> 8, sum_ & 255]) + m[4:]


def frame(p, *labels):
    stack = b''.join(bytes(MPLS(label=l, cos=c, s=i == len(labels) - 1, ttl=t)) for i, (l, c, t) in enumerate(labels))
    return Ether(dst='02:00:00:00:00:01', src='02:00:00:00:00:99', type=0x8847) / (stack + bytes(p))


put('expired4', v4(1))
put('expired6', v6(1))
put('pass4', v4(64))
put('pass6', v6(64))
put('badOption4', IP(src=A, dst=B, options=[IPOption(b'\x9e\x01\x00\x00')]) / UDP(sport=1, dport=2))

# RFC 4950: the stack as it arrived, the datagram under it as it is.
one, two = bytes(MPLS(label=100048, cos=0, s=1, ttl=1)), bytes(MPLS(label=16000, cos=5, s=0, ttl=1))
deep = bytes(MPLS(label=100048, cos=0, s=1, ttl=64))
put('labelled4', frame(v4(64), (100048, 0, 1)))
put('labelled4Error', error4(v4(64), 11, 0, (1, 1, one)))
put('labelled4Two', frame(v4(64), (16000, 5, 1), (100048, 0, 64)))
put('labelled4TwoError', error4(v4(64), 11, 0, (1, 1, two + deep)))
put('labelled6', frame(v6(64), (100048, 0, 1)))
put('labelled6Error', error6(v6(64), 3, 0, (1, 1, one)))
put('labelled4Pass', frame(v4(64), (100048, 0, 30)))
put('labelled4PassOut', v4(29))
put('labelled4Low', frame(v4(10), (100048, 0, 255)))
put('labelled4LowOut', v4(9))
put('labelled6Pass', frame(v6(64), (100048, 0, 30)))
put('labelled6PassOut', v6(29))
put('labelled4Nowhere', frame(IP(src=A, dst='172.16.0.1', ttl=64) / UDP(sport=1, dport=2), (100048, 0, 9)))
put('labelled4NowhereError', error4(IP(src=A, dst='172.16.0.1', ttl=64) / UDP(sport=1, dport=2), 3, 0, (1, 1, bytes(MPLS(label=100048, s=1, ttl=9)))))
put('labelledBadOption', frame(IP(src=A, dst=B, options=[IPOption(b'\x9e\x01\x00\x00')]) / UDP(sport=1, dport=2), (100048, 0, 9)))
put('labelledEcho', frame(IP(src=A, dst=GW1, ttl=64, id=1) / ICMP(type=8, id=1, seq=1), (100048, 0, 9)))
deep16 = [(16 + i, 0, 64) for i in range(16)]
put('deep16', frame(v4(64), *deep16))
put('deep17', frame(v4(64), (9, 0, 64), *deep16))
put('labelledCut', frame(IP(src=A, dst=B, len=34, id=7) / UDP(sport=1, dport=2, len=14) / b'data', (100048, 0, 9)))
put('closed4', IP(src=A, dst='198.51.100.1') / UDP(sport=1, dport=2))
put('closed6', IPv6(src=A6, dst='2001:db8:2::1') / UDP(sport=1, dport=2))
put('endless', Ether(dst='02:00:00:00:00:01', src='02:00:00:00:00:99', type=0x8847) / (bytes(MPLS(label=3, s=0, ttl=9)) * 40))

# Who asks makes itself known to the gateway's ports on Ethernet.
put('arp4', Ether(dst='02:00:00:00:00:01', src='02:00:00:00:00:99') / ARP(op=1, hwsrc='02:00:00:00:00:99', psrc=A, pdst=GW1))
put('ns6', Ether(dst='02:00:00:00:00:01', src='02:00:00:00:00:99') / IPv6(src=A6, dst=GW6, hlim=255) / ICMPv6ND_NS(tgt=GW6)
    / ICMPv6NDOptSrcLLAddr(lladdr='02:00:00:00:00:99'))

# 2001:db8:2::9 answers the solicitation of port 2.
put('na6', Ether(dst='02:00:00:00:00:02', src='02:00:00:00:00:99') / IPv6(src=B6, dst='2001:db8:2::1', hlim=255)
    / ICMPv6ND_NA(tgt=B6, R=0, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr='02:00:00:00:00:99'))

# RFC 5837 §4.
eth1 = bytes([8]) + b'eth1' + bytes(3)
index1, index2, mtu = (1).to_bytes(4, 'big'), (2).to_bytes(4, 'big'), (1500).to_bytes(4, 'big')
addr4 = bytes([0, 1, 0, 0]) + inet_aton(GW1)
addr6 = bytes([0, 2, 0, 0]) + inet_pton(socket.AF_INET6, GW6)
put('expired4All', error4(v4(1), 11, 0, (2, 0x0f, index1 + addr4 + eth1 + mtu)))
put('expired6All', error6(v6(1), 3, 0, (2, 0x0f, index1 + addr6 + eth1 + mtu)))
put('expired4Unnumbered', error4(v4(1), 11, 0, (2, 0x0a, index1 + eth1)))
put('expired4Way', error4(v4(1), 11, 0, (2, 0x88, index2), (2, 0xc4, bytes([0, 1, 0, 0]) + inet_aton(B))))
put('expired4ByName', error4(v4(1), 11, 0, (3, 1, b'eth1')))
put('expired4ByIndex', error4(v4(1), 11, 0, (3, 2, index1)))
put('expired4ByAddress', error4(v4(1), 11, 0, (3, 3, bytes([0, 1, 4, 0]) + inet_aton(GW1))))

# What a host hears: about a datagram of its own, with two interfaces in one role and with one.
own4 = IP(src=GW1, dst='203.0.113.9', ttl=1, id=1) / UDP(sport=5000, dport=53) / b'data'
own6 = IPv6(src=GW6, dst='2001:db8:9::9', hlim=1) / UDP(sport=5000, dport=53) / b'data'
strange = bytes([0xff] * 4) + bytes([0, 1, 0, 0]) + inet_aton('127.0.0.1')
put('heard4TwiceBad', IP(src='192.0.2.77', dst=GW1, proto=1) / Raw(error4(own4, 11, 0, (2, 0x08, index1), (2, 0x08, index2), damage=0x55)))
for key, objects in {'Twice': [(2, 0x08, index1), (2, 0x08, index2)], 'Once': [(2, 0x08, index1), (2, 0x88, index2)],
                     'Strange': [(2, 0x0c, strange)]}.items():
    put(f'heard4{key}', IP(src='192.0.2.77', dst=GW1, proto=1) / Raw(error4(own4, 11, 0, *objects)))
    m = bytearray(error6(own6, 3, 0, *objects))
    m[2:4] = bytes(2)
    m[2:4] = in6_chksum(58, IPv6(src='2001:db8:1::77', dst=GW6), bytes(m)).to_bytes(2, 'big')
    put(f'heard6{key}', IPv6(src='2001:db8:1::77', dst=GW6, nh=58) / Raw(bytes(m)))

for name, text in out.items():
    print(name, text, sep='\t')
