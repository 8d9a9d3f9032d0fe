"""Real packets to mutate, made by scapy: `python3 seeds.py > seeds.tsv` (kind, hex, what it is)."""
import struct
import warnings

warnings.filterwarnings("ignore")
from scapy.all import ARP, ICMP, IP, TCP, UDP, CookedLinux, Dot1Q, Ether, IPv6, Raw  # noqa: E402
from scapy.layers.inet import IPOption_LSRR, IPOption_RR, IPOption_Router_Alert, IPOption_Timestamp  # noqa: E402
from scapy.layers.inet6 import *  # noqa: E402,F403

FOUR = dict(src="192.0.2.1", dst="198.51.100.7", id=7)
SIX = dict(src="2001:db8::1", dst="2001:db8:1::7")
LINK = dict(src="fe80::1", dst="ff02::1", hlim=255)


def show(kind, packet, name):
    print(kind, bytes(packet).hex(), name, sep="\t")


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def extensions(*objects):
    body = b"".join(struct.pack("!HBB", 4 + len(p), c, t) + p for c, t, p in objects)
    head = struct.pack("!BBH", 0x20, 0, 0)
    return struct.pack("!BBH", 0x20, 0, checksum(head + body)) + body


MPLS = (1, 1, struct.pack("!II", (100 << 12) | 64, (16 << 12) | (1 << 8) | 63))
# RFC 5837: role incoming, with index, IPv4 address, name and MTU.
INTERFACE = (2, 0x0F, struct.pack("!IHH4s", 7, 1, 0, bytes([192, 0, 2, 9])) + b"\x08eth0\0\0\0" + struct.pack("!I", 1500))
INTERFACE6 = (2, 0x86, struct.pack("!HH16s", 2, 0, bytes(range(16))) + b"\x0cwlan-long\0\0")
BY_NAME = (3, 1, b"eth0")
BY_INDEX = (3, 2, struct.pack("!I", 7))
BY_ADDRESS = (3, 3, struct.pack("!HBB4s", 1, 4, 0, bytes([192, 0, 2, 9])))
POINTER = (4, 1, struct.pack("!I", 40))
UNKNOWN = (250, 3, b"whatever")


def icmp4(type, code, rest, data=b"", outer=FOUR):
    head = struct.pack("!BBH4s", type, code, 0, rest)
    whole = head + data
    sum = checksum(whole + b"\0" * (len(whole) & 1))
    return IP(proto=1, **outer) / Raw(struct.pack("!BBH", type, code, sum) + whole[4:])


def icmp6(type, code, rest, data=b"", outer=SIX):
    p = IPv6(nh=58, **outer) / ICMPv6Unknown(type=type, code=code, msgbody=rest + data)
    return p


# Quotes: what errors carry.
QUOTES4 = {
    "udp": IP(**FOUR) / UDP(sport=40000, dport=33434) / Raw(b"\0" * 12),
    "udp-8": Raw(bytes(IP(**FOUR) / UDP(sport=40000, dport=53) / Raw(b"x" * 64))[:28]),
    "tcp": IP(**FOUR) / TCP(sport=40000, dport=443, options=[("MSS", 1460), ("Timestamp", (1, 2))]),
    "echo": IP(**FOUR) / ICMP(id=1, seq=2) / Raw(b"0123456789abcdef"),
    "options": IP(options=[IPOption_RR(routers=["10.0.0.1", "0.0.0.0"])], **FOUR) / ICMP(id=1, seq=2),
    "fragment": IP(frag=185, flags="MF", proto=17, **FOUR) / Raw(b"middle of a datagram"),
    "protocol-253": IP(proto=253, **FOUR) / Raw(b"01234567"),
    "error-in-error": IP(**FOUR) / ICMP(type=3, code=3) / IP(**FOUR) / UDP(),
}
QUOTES6 = {
    "udp": IPv6(**SIX) / UDP(sport=40000, dport=33434) / Raw(b"\0" * 12),
    "tcp": IPv6(**SIX) / TCP(sport=40000, dport=443),
    "echo": IPv6(**SIX) / ICMPv6EchoRequest(id=1, seq=2, data=b"0123456789abcdef"),
    "chain": IPv6(**SIX)
    / IPv6ExtHdrHopByHop(options=[RouterAlert(value=0)])
    / IPv6ExtHdrRouting(type=0, addresses=["2001:db8::9"])
    / IPv6ExtHdrFragment(offset=0, m=1, id=77)
    / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0\0")])
    / UDP(),
    "later-fragment": IPv6(**SIX) / IPv6ExtHdrFragment(offset=10, m=1, id=77, nh=17) / Raw(b"0123456789abcdef"),
    "segment-routing": IPv6(**SIX) / IPv6ExtHdrSegmentRouting(addresses=["2001:db8::1", "2001:db8::2"]) / UDP(),
    "error-in-error": IPv6(**SIX) / ICMPv6DestUnreach(code=4) / IPv6(**SIX) / UDP(),
}
ADDRESSES4 = bytes([192, 0, 2, 1]) + struct.pack("!i", -5) + bytes([192, 0, 2, 2]) + struct.pack("!i", 9)

for name, quote in QUOTES4.items():
    q = bytes(quote)
    show("ip4", quote, f"quote {name}")
    show("ip4", icmp4(3, 3, b"\0\0\0\0", q), f"port unreachable quoting {name}")
    show("ip4", icmp4(3, 3, b"\0\x20\0\0", q.ljust(128, b"\0") + extensions(MPLS, INTERFACE)), f"port unreachable, extensions, {name}")
    show("ip4", icmp4(3, 4, struct.pack("!HH", 0, 1400), q), f"fragmentation needed quoting {name}")
    show("ip4", icmp4(11, 0, b"\0\x20\0\0", q.ljust(128, b"\0") + extensions(MPLS, INTERFACE)), f"time exceeded, extensions, {name}")
    show("ip4", icmp4(11, 0, b"\0\0\0\0", q.ljust(128, b"\0") + extensions(MPLS)), f"legacy extensions, {name}")
    show("ip4", icmp4(12, 0, b"\x14\x20\0\0", q.ljust(128, b"\0") + extensions(UNKNOWN, INTERFACE6)), f"parameter problem, {name}")
    show("ip4", icmp4(5, 1, bytes([192, 0, 2, 254]), q), f"redirect quoting {name}")
    show("ip4", icmp4(4, 0, b"\0\0\0\0", q), f"source quench quoting {name}")
for type, code, rest, data, name in [
    (8, 0, struct.pack("!HH", 1, 2), bytes(range(56)), "echo request"),
    (0, 0, struct.pack("!HH", 1, 65535), b"", "echo reply"),
    (9, 0, b"\x02\x02\x07\x08", ADDRESSES4, "router advertisement"),
    (9, 16, b"\x01\x04\x07\x08", ADDRESSES4, "router advertisement, mobile, four words"),
    (10, 0, b"\0\0\0\0", b"", "router solicitation"),
    (13, 0, struct.pack("!HH", 1, 2), struct.pack("!III", 1000, 0, 0), "timestamp"),
    (14, 0, struct.pack("!HH", 1, 2), struct.pack("!III", 1000, 0x80000001, 86399999), "timestamp reply"),
    (15, 0, struct.pack("!HH", 1, 2), b"", "information request"),
    (17, 0, struct.pack("!HH", 1, 2), b"\0\0\0\0", "address mask request"),
    (18, 0, struct.pack("!HH", 1, 2), b"\xff\xff\xff\0", "address mask reply"),
    (30, 0, struct.pack("!HH", 7, 0), struct.pack("!HHII", 3, 2, 1000000, 1500), "traceroute"),
    (40, 2, struct.pack("!HH", 0, 20), b"", "photuris"),
    (41, 0, b"\1\0\0\0", b"seamoby", "seamoby"),
    (42, 0, struct.pack("!HBB", 1, 2, 1), extensions(BY_NAME), "extended echo by name"),
    (42, 0, struct.pack("!HBB", 1, 2, 0), extensions(BY_INDEX), "extended echo by index"),
    (42, 0, struct.pack("!HBB", 1, 2, 0), extensions(BY_ADDRESS), "extended echo by address"),
    (43, 0, struct.pack("!HBB", 1, 2, 0x46), b"", "extended echo reply"),
    (253, 0, b"\0\0\0\0", b"experiment", "experiment"),
    (99, 9, b"\1\2\3\4", b"unassigned", "unassigned"),
]:
    show("ip4", icmp4(type, code, rest, data), name)
for name, options in {
    "record route": [IPOption_RR(pointer=8, routers=["10.0.0.1", "0.0.0.0", "0.0.0.0"])],
    "timestamp": [IPOption_Timestamp(flg=1, internet_address="10.0.0.1", timestamp=5)],
    "router alert and route": [IPOption_Router_Alert(), IPOption_LSRR(routers=["10.0.0.1"])],
}.items():
    show("ip4", IP(options=options, **FOUR) / ICMP(id=1, seq=2) / Raw(b"x" * 16), f"options: {name}")

show("ip4", IP(**FOUR) / TCP(flags="SA", options=[("NOP", None), ("WScale", 7), ("SAckOK", b""), ("SAck", (1, 9)), ("EOL", None)]), "TCP options")
show("ip4", IP(proto=6, **FOUR) / Raw(struct.pack("!HHIIBBHHH", 1, 2, 3, 4, 0xF0, 0xFF, 5, 6, 7)), "TCP that promises more options than there are")

for name, quote in QUOTES6.items():
    q = bytes(quote)
    padded = q.ljust(128, b"\0")
    show("ip6", quote, f"quote {name}")
    show("ip6", icmp6(1, 4, b"\0\0\0\0", q), f"port unreachable quoting {name}")
    show("ip6", icmp6(1, 0, bytes([len(padded) // 8, 0, 0, 0]), padded.ljust((len(padded) + 7) // 8 * 8, b"\0") + extensions(POINTER)), f"no route, extensions, {name}")
    show("ip6", icmp6(2, 0, struct.pack("!I", 1280), q), f"too big quoting {name}")
    show("ip6", icmp6(3, 0, b"\x10\0\0\0", padded[:128] + extensions(MPLS, INTERFACE6)), f"time exceeded, {name}")
    show("ip6", icmp6(4, 1, struct.pack("!I", 6), q), f"parameter problem quoting {name}")
PREFIX = ICMPv6NDOptPrefixInfo(prefix="2001:db8::", prefixlen=64)
MAC = ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:00:01")
ROUTER = [
    MAC,
    PREFIX,
    ICMPv6NDOptMTU(mtu=1500),
    ICMPv6NDOptRouteInfo(prefix="2001:db8:f::", plen=48),
    ICMPv6NDOptRDNSS(dns=["2001:db8::53", "2001:db8::54"]),
    ICMPv6NDOptDNSSL(searchlist=["example.net.", "a.example."]),
    ICMPv6NDOptUnknown(type=14, len=1, data=b"nonce!"),
    ICMPv6NDOptUnknown(type=37, len=4, data=b"https://example.net/portal".ljust(30, b"\0")),
    ICMPv6NDOptUnknown(type=38, len=2, data=struct.pack("!H", (600 // 8 << 3) | 0) + bytes(12)),
    ICMPv6NDOptAdvInterval(),
    ICMPv6NDOptUnknown(type=250, len=1, data=b"abcdef"),
]


def options(list):
    return b"".join(bytes(o) for o in list)


for packet, name in [
    (IPv6(**SIX) / ICMPv6EchoRequest(id=1, seq=2, data=bytes(range(56))), "echo request"),
    (IPv6(**SIX) / ICMPv6EchoReply(id=1, seq=2), "echo reply"),
    (IPv6(**LINK) / ICMPv6ND_RS() / MAC, "router solicitation"),
    (IPv6(**LINK) / ICMPv6ND_RA(prf=1, M=1) / Raw(options(ROUTER)), "router advertisement"),
    (IPv6(**LINK) / ICMPv6ND_RA() / MAC / ICMPv6NDOptMTU(mtu=1500) / PREFIX / ICMPv6NDOptRDNSS(dns=["2001:db8::53"]), "router advertisement of four options"),
    (IPv6(**LINK) / ICMPv6ND_NS(tgt="fe80::2") / MAC, "neighbor solicitation"),
    (IPv6(**LINK) / ICMPv6ND_NA(tgt="fe80::2", R=1, S=1) / ICMPv6NDOptDstLLAddr(lladdr="02:00:00:00:00:02"), "neighbor advertisement"),
    (IPv6(**LINK) / ICMPv6ND_Redirect(tgt="fe80::2", dst="2001:db8::9") / ICMPv6NDOptRedirectedHdr(pkt=QUOTES6["udp"]), "redirect"),
    (IPv6(**LINK) / ICMPv6ND_INDSol() / MAC / ICMPv6NDOptSrcAddrList(addrlist=["2001:db8::1"]), "inverse solicitation"),
    (IPv6(**LINK) / ICMPv6ND_INDAdv() / MAC / ICMPv6NDOptTgtAddrList(addrlist=["2001:db8::1", "::2"]), "inverse advertisement"),
    (IPv6(**LINK) / IPv6ExtHdrHopByHop(options=[RouterAlert(value=0)]) / ICMPv6MLQuery(mladdr="ff02::9"), "MLDv1 query"),
    (IPv6(**LINK) / ICMPv6MLReport(mladdr="ff02::9"), "MLDv1 report"),
    (IPv6(**LINK) / ICMPv6MLDone(mladdr="ff02::9"), "MLDv1 done"),
    (IPv6(**LINK) / ICMPv6MLQuery2(mladdr="ff02::9", sources=["2001:db8::1", "2001:db8::2"], QQIC=125, S=1, QRV=2), "MLDv2 query"),
    (IPv6(**LINK) / ICMPv6MLReport2(records=[ICMPv6MLDMultAddrRec(rtype=4, dst="ff02::9", sources=["2001:db8::1"], auxdata=b"1234"), ICMPv6MLDMultAddrRec(rtype=3, dst="ff02::a")]), "MLDv2 report"),
    (IPv6(**SIX) / ICMPv6NIQueryName(data="host.example."), "node information query, name"),
    (IPv6(**SIX) / ICMPv6NIQueryIPv6(data="2001:db8::9"), "node information query, IPv6"),
    (IPv6(**SIX) / ICMPv6NIQueryIPv4(data="192.0.2.1"), "node information query, IPv4"),
    (IPv6(**SIX) / ICMPv6NIReplyName(data=[30, "host.example."]), "node information reply, name"),
    (IPv6(**SIX) / ICMPv6NIReplyIPv6(data=["2001:db8::9", "::1"]), "node information reply, IPv6"),
    (IPv6(**SIX) / ICMPv6NIReplyIPv4(data=["192.0.2.1"]), "node information reply, IPv4"),
    (IPv6(**SIX) / ICMPv6NIReplyRefuse(), "node information refused"),
    (IPv6(**SIX) / ICMPv6HAADRequest(id=5), "home agent discovery request"),
    (IPv6(**SIX) / ICMPv6HAADReply(id=5, addresses=["2001:db8::1", "2001:db8::2"]), "home agent discovery reply"),
    (IPv6(**SIX) / ICMPv6MPSol(id=5), "mobile prefix solicitation"),
    (IPv6(**SIX) / ICMPv6MPAdv(id=5, flags=3) / PREFIX, "mobile prefix advertisement"),
    (IPv6(**LINK) / ICMPv6MRD_Advertisement(), "multicast router advertisement"),
    (IPv6(**LINK) / ICMPv6MRD_Solicitation(), "multicast router solicitation"),
    (icmp6(138, 1, b"\0\0\0\1", b"renumber" * 4), "router renumbering"),
    (icmp6(155, 1, b"\0\0\0\0", b"rpl" * 8), "RPL"),
    (icmp6(160, 0, struct.pack("!HBB", 1, 2, 1), extensions(BY_NAME)), "extended echo by name"),
    (icmp6(160, 0, struct.pack("!HBB", 1, 2, 0), extensions((3, 3, struct.pack("!HBB16s", 2, 16, 0, bytes(16))))), "extended echo by address"),
    (icmp6(161, 0, struct.pack("!HBB", 1, 2, 0x46)), "extended echo reply"),
    (icmp6(200, 0, b"\0\0\0\0", b"experiment"), "experiment"),
    (icmp6(9, 9, b"\1\2\3\4", b"unassigned error"), "unassigned error"),
]:
    show("ip6", packet, name)

ECHO6 = ICMPv6EchoRequest(id=1, seq=2, data=b"0123456789abcdef")
EXTENDED = {
    "jumbogram": IPv6(plen=0, **SIX) / IPv6ExtHdrHopByHop(options=[Jumbo(jumboplen=32)]) / ECHO6,
    "first fragment": IPv6(**SIX) / IPv6ExtHdrFragment(offset=0, m=1, id=9) / ECHO6,
    "later fragment": IPv6(**SIX) / IPv6ExtHdrFragment(offset=2, m=0, id=9, nh=58) / Raw(b"0123456789abcdef"),
    "authentication header": IPv6(nh=51, **SIX) / Raw(bytes([58, 4, 0, 0]) + bytes(20) + bytes(ECHO6)),
    "authentication header, too short": IPv6(nh=51, **SIX) / Raw(bytes([58, 0, 0, 0]) + bytes(20)),
    "routing header": IPv6(**SIX) / IPv6ExtHdrRouting(type=2, addresses=["2001:db8::9"], segleft=1) / ECHO6,
    "many extension headers": IPv6(nh=60, **SIX) / Raw(bytes([60, 0, 1, 4, 0, 0, 0, 0]) * 70),
}
for name, packet in EXTENDED.items():
    show("ip6", packet, name)
    show("ethernet", Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / packet, f"ethernet, {name}")
ICMP_FRAGMENTS = [
    IP(flags="MF", proto=1, **FOUR) / Raw(bytes(ICMP(id=1, seq=2) / Raw(b"x" * 16))),
    IP(frag=3, proto=1, **FOUR) / Raw(b"the rest"),
]
for packet in ICMP_FRAGMENTS:
    show("ip4", packet, "fragment of an ICMP message")
    show("ethernet", Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / packet, "ethernet, fragment")

MACS = dict(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
PING4 = IP(**FOUR) / ICMP(id=1, seq=2) / Raw(b"ping" * 4)
PING6 = IPv6(**SIX) / ICMPv6EchoRequest(id=1, seq=2, data=b"ping" * 4)
show("ethernet", Ether(**MACS) / PING4, "ethernet")
show("ethernet", Ether(**MACS) / Dot1Q(vlan=7) / PING6, "one VLAN tag")
show("ethernet", Ether(type=0x88A8, **MACS) / Dot1Q(vlan=7) / Dot1Q(vlan=8, prio=3) / PING4, "two VLAN tags")
show("ethernet", Ether(**MACS) / ARP(op=1, psrc="192.0.2.1", pdst="192.0.2.2"), "ARP request")
show("ethernet", Ether(**MACS) / ARP(op=2, psrc="192.0.2.1", pdst="192.0.2.2"), "ARP reply")
show("ethernet", Ether(**MACS) / ARP(hwtype=32, hwlen=20, op=1, hwsrc=bytes(20), hwdst=bytes(20)), "ARP over InfiniBand")
show("cooked", CookedLinux(pkttype=0, src=b"\2\0\0\0\0\1") / PING4, "Linux cooked v1")
show("cooked", struct.pack("!HHIHBB8s", 0x86DD, 0, 7, 1, 4, 6, b"\2\0\0\0\0\1\0\0") + bytes(PING6), "Linux cooked v2")
show("cooked", struct.pack("<I", 2) + bytes(PING4), "null, little-endian")
show("cooked", struct.pack("!I", 30) + bytes(PING6), "loop")


def block(type, body, order="<"):
    body += b"\0" * (-len(body) % 4)
    return struct.pack(order + "II", type, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)


def option(code, value, order="<"):
    return struct.pack(order + "HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def pcap(order, nano, packets):
    head = struct.pack(order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101)
    return head + b"".join(struct.pack(order + "IIII", 1700000000 + i, 123456, len(p), len(p) + i) + p for i, p in enumerate(packets))


def pcapng(order, packets):
    file = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + option(4, b"scapy", order) + option(0, b"", order), order)
    file += block(1, struct.pack(order + "HHI", 101, 0, 0) + option(2, b"eth0", order) + option(9, b"\x09", order) + option(14, struct.pack(order + "q", 5), order), order)
    file += block(1, struct.pack(order + "HHI", 101, 0, 96) + option(9, b"\x8a", order), order)
    file += block(4, b"\0\0\0\0", order) + block(5, struct.pack(order + "III", 0, 0, 0), order)
    for i, p in enumerate(packets):
        padded = p + b"\0" * (-len(p) % 4)
        file += block(6, struct.pack(order + "IIIII", i % 2, 0x18BCFE56, 0x12345678, len(p), len(p)) + padded + option(1, b"a comment", order) + option(0, b"", order), order)
        file += block(3, struct.pack(order + "I", len(p)) + p, order) + block(2, struct.pack(order + "HHIIII", 0, 0, 1, 2, len(p), len(p)) + padded, order)
    return file


PACKETS = [bytes(PING4), bytes(PING6), bytes(icmp4(3, 3, b"\0\0\0\0", bytes(QUOTES4["udp"])))]
for order in "<>":
    show("capture", pcap(order, False, PACKETS), f"pcap {order} microseconds")
    show("capture", pcap(order, True, PACKETS), f"pcap {order} nanoseconds")
    show("capture", pcapng(order, PACKETS), f"pcapng {order}")
show("capture", pcapng("<", PACKETS[:1]) + pcapng(">", PACKETS[1:2]), "pcapng of two sections")
