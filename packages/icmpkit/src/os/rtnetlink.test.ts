// Octets: strace of iproute2 6.x talking to Linux 6.18 (little-endian), sequence numbers and port ids as they were.
import { describe, expect, test } from 'vitest'
import { type Ip, parseIp, showIp } from '../wire/addr.ts'
import { hex, unhex } from '../wire/octets.ts'
import { readAddress, writeAddress } from './address-message.ts'
import { readLink, writeLinkChange, writeNewLink } from './link-message.ts'
import { readNeighbour, writeNeighbour } from './neighbour-message.ts'
import { type Message, MessageReader, MessageWriter, readVerdict } from './netlink-message.ts'
import { readRoute, writeRoute, writeRouteQuestion } from './route-message.ts'
import { LITTLE } from './sys.ts'

const ip = (text: string): Ip => parseIp(text)!
const SEQ = 0x6b048fd1

function read<T>(text: string, one: (r: MessageReader, m: Message) => T): T[] {
  const r = new MessageReader(unhex(text))
  return [...r.messages()].map((m) => one(r, m))
}

describe.runIf(LITTLE)('requests are the octets that iproute2 sends', () => {
  const w = new MessageWriter()

  test('ip link add va type veth peer name vb', () => {
    writeNewLink(w, { name: 'va', type: 'veth', peer: { name: 'vb' } })
    expect(hex(w.finish(SEQ))).toBe(
      '5400000010000506d18f046b0000000000000000000000000000000000000000' +
        '07000300766100002c0012000800010076657468200002001c0001000000000000000000000000000000000007000300' +
        '76620000',
    )
  })

  test('ip link set va address 02:00:00:00:00:01 mtu 1400 up', () => {
    writeLinkChange(w, 3, { address: unhex('020000000001'), mtu: 1400, up: true })
    expect(hex(w.finish(SEQ + 1))).toBe(
      '3400000010000500d28f046b00000000000000000300000001000000010000000a00010002000000000100000800040078050000',
    )
  })

  test('ip link set vb addrgenmode none up', () => {
    writeLinkChange(w, 2, { addrGenMode: 'none', up: true })
    expect(hex(w.finish(SEQ))).toBe(
      '3000000010000500d18f046b000000000000000002000000010000000100000010001a000c000a000500080001000000',
    )
  })

  test('ip addr add 192.0.2.1/24 dev va; ip addr add 2001:db8::1/64 dev va nodad', () => {
    writeAddress(w, 'add', { index: 3, address: ip('192.0.2.1'), prefixLength: 24 })
    expect(hex(w.finish(SEQ))).toBe('2800000014000506d18f046b00000000021800000300000008000200c000020108000100c0000201')
    writeAddress(w, 'add', { index: 3, address: ip('2001:db8::1'), prefixLength: 64, noDad: true })
    expect(hex(w.finish(SEQ))).toBe(
      '4000000014000506d18f046b000000000a400200030000001400020020010db80000000000000000000000011400010020010db8000000000000000000000001',
    )
  })

  // iproute2 says RTPROT_BOOT (3) where a person types, we say RTPROT_STATIC unless told.
  test('ip route add unreachable 198.51.100.0/24; ip -6 route add prohibit 2001:db8:9::/48', () => {
    writeRoute(w, 'add', { dst: ip('198.51.100.0'), prefixLength: 24, type: 'unreachable', protocol: 3 })
    expect(hex(w.finish(SEQ))).toBe('2400000018000506d18f046b0000000002180000fe0300070000000008000100c6336400')
    writeRoute(w, 'add', { dst: ip('2001:db8:9::'), prefixLength: 48, type: 'prohibit', protocol: 3 })
    expect(hex(w.finish(SEQ))).toBe(
      '3000000018000506d18f046b000000000a300000fe030008000000001400010020010db8000900000000000000000000',
    )
  })

  test('ip route add 203.0.113.0/24 via 192.0.2.2 mtu 1300', () => {
    const gateway = ip('192.0.2.2')
    writeRoute(w, 'add', { dst: ip('203.0.113.0'), prefixLength: 24, gateway, mtu: 1300, protocol: 3 })
    expect(hex(w.finish(SEQ))).toBe(
      '3800000018000506d18f046b0000000002180000fe0300010000000008000100cb00710008000500c00002020c0008000800020014050000',
    )
  })

  test('ip neigh add 2001:db8::2 lladdr 02:00:00:00:00:02 dev va router', () => {
    writeNeighbour(w, 'add', {
      index: 3,
      address: ip('2001:db8::2'),
      lladdr: unhex('020000000002'),
      state: 'permanent',
      router: true,
    })
    // iproute2 asks to create and to be refused where one is there (0x0605); we replace (0x0505).
    expect(hex(w.finish(SEQ + 1))).toBe(
      '3c0000001c000505d28f046b000000000a00000003000000800080001400010020010db80000000000000000000000020a0002000200000000020000',
    )
  })

  // iproute2 does not ask for an acknowledgement (flags 0x0001).
  test('ip route get 203.0.113.5; ip -6 route get 2001:db8::7', () => {
    writeRouteQuestion(w, { dst: ip('203.0.113.5') })
    expect(hex(w.finish(SEQ))).toBe('240000001a000500d18f046b0000000002200000000000000010000008000100cb007105')
    writeRouteQuestion(w, { dst: ip('2001:db8::7') })
    expect(hex(w.finish(SEQ))).toBe(
      '300000001a000500d18f046b000000000a80000000000000000000001400010020010db8000000000000000000000007',
    )
  })
})

describe.runIf(LITTLE)('answers of the kernel', () => {
  test('a veth link: name, kind, MTU, addresses, peer, state, IPv6 address generation', () => {
    const [link] = read(LINK, readLink)
    expect(link).toMatchObject({
      index: 3,
      name: 'va',
      type: 'veth',
      hardware: 1,
      up: true,
      running: true,
      loopback: false,
      multicast: true,
      mtu: 1400,
      link: 2,
      otherNamespace: false,
      master: undefined,
      addrGenMode: 'eui64',
    })
    expect(hex(link!.address)).toBe('020000000001')
    expect(hex(link!.broadcast)).toBe('ffffffffffff')
    expect(link!.counters?.rxPackets).toBe(0n)
  })

  test('a route get answers with interface, gateway, source and the MTU of the route', () => {
    const [route] = read(
      '7c00000018000000d18f046b3d2c000002200000fe0000010002000008000f00fe00000008000100cb007105080004000300000008000700c000020108000500c00002020c0008000800020014050000080019000000000024000c000200000000000000000000000000000000000000000000000000000000000000',
      readRoute,
    )
    expect(route).toMatchObject({ type: 'unicast', table: 254, oif: 3, mtu: 1300, prefixLength: 32 })
    expect([route!.dst, route!.gateway!, route!.prefSrc!].map((a) => showIp(a))).toEqual([
      '203.0.113.5',
      '192.0.2.2',
      '192.0.2.1',
    ])
  })

  test('a dump of IPv4 routes: connected, unreachable, and one with a gateway and an MTU', () => {
    const routes = read(
      '3c00000018002200d18f046b672c000002180000fe02fd010000000008000f00fe00000008000100c000020008000700c000020108000400030000002c00000018002200d18f046b672c000002180000fe0300070000000008000f00fe00000008000100c63364004800000018002200d18f046b672c000002180000fe0300010000000008000f00fe00000008000100cb0071000c000800080002001405000008000500c00002020800040003000000',
      readRoute,
    )
    expect(routes.map((r) => [r!.type, showIp(r!.dst), r!.prefixLength, r!.scope, r!.mtu])).toEqual([
      ['unicast', '192.0.2.0', 24, 'link', undefined],
      ['unreachable', '198.51.100.0', 24, 'global', undefined],
      ['unicast', '203.0.113.0', 24, 'global', 1300],
    ])
  })

  test('IPv6 addresses: permanent, without detection, tentative', () => {
    const addresses = read(
      '5000000014000200d28f046b612c00000a8080fe01000000140001000000000000000000000000000000000114000600ffffffffffffffffac400200ac400200080008008000000005000b00010000004800000014000200d28f046b612c00000a408200030000001400010020010db800000000000000000000000114000600ffffffffffffffffb7400200b740020008000800820000005000000014000200d28f046b612c00000a40c0fd0300000014000100fe80000000000000000000fffe00000114000600ffffffffffffffffb4400200b440020008000800c000000005000b0003000000',
      readAddress,
    )
    expect(addresses.map((a) => [showIp(a!.address), a!.prefixLength, a!.scope, a!.tentative, a!.index])).toEqual([
      ['::1', 128, 'host', false, 1],
      ['2001:db8::1', 64, 'global', false, 3],
      ['fe80::ff:fe00:1', 64, 'link', true, 3],
    ])
    expect(addresses[1]).toMatchObject({ peer: undefined, validSeconds: undefined, permanent: true })
  })

  test('a neighbour is read as it was added', () => {
    const [n] = read(
      '3c0000001c000506d28f046b000000000a00000003000000800080001400010020010db80000000000000000000000020a0002000200000000020000',
      readNeighbour,
    )
    expect(n).toMatchObject({ index: 3, state: 'permanent', router: true, proxy: false })
    expect(hex(n!.lladdr!)).toBe('020000000002')
  })

  test('a refusal carries the errno and the words of the extended acknowledgement', () => {
    const [said] = read(
      '6000000002000002d18f046b7f2c00009bffffff2c00000018000506d18f046b0000000002180000fe0300010000000008000100cb0071000800050008080808200001004e657874686f702068617320696e76616c6964206761746577617900',
      readVerdict,
    )
    expect(said).toEqual({ errno: 101, text: 'Nexthop has invalid gateway' })
  })

  test('an acknowledgement, capped, says yes', () => {
    const yes = read('2400000002000001d18f046b7f2c0000000000002400000018000506d18f046b00000000', readVerdict)
    expect(yes).toEqual([{ errno: 0, text: '' }])
  })
})

/** The answer to `ip addr add … dev va`'s question about its link, whole. */
const LINK =
  '6404000010000000d18f046b876b83d000000100030000004310010000000000070003007661000008000d00e803000005001000' +
  '06000000050011000000000005004300000000000800040078050000080032004400000008003300ffff000008001b0000000000' +
  '08001e000000000008003d000000000008001f000200000008002800ffff0000080029000000010008003a000000010008003f00' +
  '00000100080040000000010008003b00f8ff070008003c00ffff0000080042000000000008002000020000000500210001000000' +
  '080023000200000008002f000100000008003000010000000600440000000000060045000000000005002700000000000a000100' +
  '02000000000100000a000200ffffffffffff0000cc0017000000000000000000010000000000000000000000000000005a000000' +
  '00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000' +
  '00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000' +
  '00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000' +
  '00000000000000000000000000000000640007000000000001000000000000005a00000000000000000000000000000000000000' +
  '00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000' +
  '0000000000000000000000000c002b0005000200000000001000120009000100766574680000000008000500020000000c000600' +
  '6e6f717565756500c0011a008c000200880001000000000000000000000000000100000001000000010000000100000000000000' +
  '01000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000' +
  '000000000000000000000000000000000000000010270000e8030000000000000000000000000000000000000100000030010a00' +
  '080001000000008014000500ffff0000b44002003cac0000e8030000f40002000000000040000000780500000100000001000000' +
  '0100000001000000ffffffffa00f0000e803000000000000803a0900805101000300000058020000100000000000000001000000' +
  '010000000100000060ea000000000000000000000000000000000000000000000000000001000000000000000000000010270000' +
  'e8030000010000000000000000000000010000000000000000000000010000000000000000000000000000000000000080ee3600' +
  '00000000000000000100000000000000000000000000000000000000000000000004000000000000ffff0000ffffffff01000000' +
  '0000000000000000000000001400070000000000000000000000000000000000050008000000000024000e000000000000000000' +
  '00000000000000000000000000000000000000000000000004003e8004004180'

test('a message or attribute whose length does not fit ends the list, and nothing throws', () => {
  const whole = unhex(
    '3c0000001c000506d28f046b000000000a00000003000000800080001400010020010db80000000000000000000000020a0002000200000000020000',
  )
  for (let end = 0; end < whole.length; end++) expect([...new MessageReader(whole).messages(0, end)]).toEqual([])
  for (let i = 0; i < whole.length; i++) {
    for (const octet of [0, 1, 0xff]) {
      const r = new MessageReader(whole.with(i, octet))
      for (const m of r.messages()) for (const one of [readLink, readAddress, readRoute, readNeighbour]) one(r, m)
      for (const m of r.messages()) readVerdict(r, m)
    }
  }
})
