# Packets that the tests of stack/transport take as the network's: python3 transport-packets.py > transport-packets.json
from scapy.all import *
import json
out={}
me,peer,router='192.0.2.1','198.51.100.9','203.0.113.7'
q=IP(src=me,dst=peer,ttl=1,id=7)/UDP(sport=5000,dport=53)/b'hi'
def err(t,c,quote=q,src=router,**k):
    return bytes(IP(src=src,dst=me,id=0)/ICMP(type=t,code=c,**k)/bytes(quote)).hex()
out['du']=[err(3,c) for c in range(16)]
out['du4']=err(3,4,nexthopmtu=1280)
out['te']=err(11,0); out['pp']=err(12,0,ptr=8)
out['sq']=err(4,0)
out['otherPort']=err(3,3,IP(src=me,dst=peer)/UDP(sport=5001,dport=53)/b'hi')
out['otherPeer']=err(3,3,IP(src=me,dst='198.51.100.10')/UDP(sport=5000,dport=53)/b'hi')
out['foreign']=err(3,3,IP(src='192.0.2.77',dst=peer)/UDP(sport=5000,dport=53)/b'hi')
def tcpq(sport=6000,seq=1000,dst=peer,dport=80): return IP(src=me,dst=dst)/TCP(sport=sport,dport=dport,seq=seq,flags='A')
out['tcp']={f'{t}/{c}/{s}':err(t,c,tcpq(seq=s)) for t,c in [(3,0),(3,1),(3,2),(3,3),(3,5),(11,0),(12,0)] for s in (999,1000,1999,2000)}
out['tcp2']=err(3,3,tcpq(sport=6001))
out['tcpptb']={m:err(3,4,tcpq(),nexthopmtu=m) for m in (500,900,1400,1600)}
out['sctp']=err(3,2,IP(src=me,dst=peer,proto=132)/b'12345678')
out['icmpq']=err(11,0,IP(src=me,dst=peer)/ICMP(id=77,seq=5))
out['frag']=err(3,1,IP(src=me,dst=peer,frag=10,proto=17)/b'12345678')
out['udpin']=bytes(IP(src=peer,dst=me)/UDP(sport=53,dport=5000)/b'yo').hex()
out['udpbad']=bytes(IP(src=peer,dst=me)/UDP(sport=53,dport=5000,chksum=1)/b'yo').hex()
out['udpzero']=bytes(IP(src=peer,dst=me)/UDP(sport=53,dport=5000,chksum=0)/b'yo').hex()
out['udpother']=bytes(IP(src='198.51.100.10',dst=me)/UDP(sport=53,dport=5000)/b'yo').hex()
out['udpclosed']=bytes(IP(src=peer,dst=me,id=9)/UDP(sport=53,dport=5001)/b'yo').hex()
out['sent']=bytes(UDP(sport=5000,dport=53)/b'hi').hex()
x=IP(bytes(IP(src=me,dst=peer)/UDP(sport=5000,dport=53)/b'hi')); out['sentudp']=bytes(x[UDP]).hex()
out['syn']=bytes(IP(src=peer,dst=me)/TCP(sport=4000,dport=81,seq=100,flags='S')).hex()
x=IP(bytes(IP(src=me,dst=peer)/TCP(sport=81,dport=4000,seq=0,ack=101,flags='RA',window=0))); out['rst']=bytes(x[TCP]).hex()
out['ackin']=bytes(IP(src=peer,dst=me)/TCP(sport=4000,dport=81,seq=100,ack=555,flags='A')).hex()
x=IP(bytes(IP(src=me,dst=peer)/TCP(sport=81,dport=4000,seq=555,ack=0,flags='R',window=0))); out['rst2']=bytes(x[TCP]).hex()
out['rstin']=bytes(IP(src=peer,dst=me)/TCP(sport=4000,dport=81,seq=100,flags='R')).hex()
# v6
me6,peer6,r6='2001:db8::1','2001:db8:9::9','2001:db8:7::7'
q6=IPv6(src=me6,dst=peer6)/UDP(sport=5000,dport=53)/b'hi'
def err6(cls,quote=q6,**k): return bytes(IPv6(src=r6,dst=me6)/cls(**k)/bytes(quote)).hex()
out['v6']={
 'du':[err6(ICMPv6DestUnreach,code=c) for c in range(7)],
 'ptb':err6(ICMPv6PacketTooBig,mtu=1280),
 'te':[err6(ICMPv6TimeExceeded,code=c) for c in (0,1)],
 'pp':[err6(ICMPv6ParamProblem,code=c,ptr=40) for c in range(11)],
 'unk':[bytes(IPv6(src=r6,dst=me6,nh=58)/ICMPv6Unknown(type=t,code=0,msgbody=b'\0\0\0\0'+bytes(q6))).hex() for t in (5,100)],
 'chain':err6(ICMPv6DestUnreach,IPv6(src=me6,dst=peer6)/IPv6ExtHdrHopByHop()/IPv6ExtHdrDestOpt()/IPv6ExtHdrFragment(offset=0,m=1,id=9)/UDP(sport=5000,dport=53)/b'hi',code=4),
 'cut40':err6(ICMPv6DestUnreach,bytes(q6)[:40],code=4),
 'cutchain':err6(ICMPv6DestUnreach,bytes(IPv6(src=me6,dst=peer6)/IPv6ExtHdrHopByHop()/IPv6ExtHdrDestOpt()/UDP(sport=5000,dport=53))[:48],code=4),
 'esp':err6(ICMPv6DestUnreach,IPv6(src=me6,dst=peer6,nh=50)/b'1234567812345678',code=4),
 'later':err6(ICMPv6DestUnreach,IPv6(src=me6,dst=peer6)/IPv6ExtHdrFragment(nh=17,offset=10,m=0,id=9)/b'12345678',code=4),
 'short':[err6(ICMPv6DestUnreach,bytes(q6)[:n],code=4) for n in (0,1,39)],
 'v4nibble':err6(ICMPv6DestUnreach,bytes([0x45])+bytes(q6)[1:],code=4),
 'otherPort':err6(ICMPv6DestUnreach,IPv6(src=me6,dst=peer6)/UDP(sport=5001,dport=53)/b'hi',code=4),
 'foreign':err6(ICMPv6DestUnreach,IPv6(src='2001:db8::77',dst=peer6)/UDP(sport=5000,dport=53)/b'hi',code=4),
 'tcp':{s:err6(ICMPv6DestUnreach,IPv6(src=me6,dst=peer6)/TCP(sport=6000,dport=80,seq=s,flags='A'),code=4) for s in (999,1000)},
 'udpin':bytes(IPv6(src=peer6,dst=me6)/UDP(sport=53,dport=5000)/b'yo').hex(),
 'udpzero':bytes(IPv6(src=peer6,dst=me6)/UDP(sport=53,dport=5000,chksum=0)/b'yo').hex(),
 'echo':[bytes(IPv6(src=peer6,dst=me6)/ICMPv6EchoReply(id=i,seq=3,data=b'abcdefgh')).hex() for i in (7,8)],
}
out['echoreply']=[bytes(IP(src=peer,dst=me)/ICMP(type=0,id=i,seq=3)/b'abcdefgh').hex() for i in (7,8)]
print(json.dumps(out, indent=1))
