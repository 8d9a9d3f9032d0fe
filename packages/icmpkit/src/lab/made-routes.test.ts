/** Routes that are made, beside those of the simplest way to find them: all distances, by asking all links again and again. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Ip, isLinkLocal, parseIp, showIp } from '../wire/addr.ts'
import { type PlannedEnd, portsOf } from './layout.ts'
import { MadeRoutes } from './made-routes.ts'
import { planOf } from './topology.ts'

interface Graph {
  gateways: boolean[]
  links: { up: boolean; members: number[] }[]
}

/** Gateways and hosts, links between two or more of them, several between the same two; some are down. */
const graph: fc.Arbitrary<Graph> = fc.integer({ min: 2, max: 9 }).chain((nodes) => {
  const mostly = fc.nat(9).map((n) => n < 8)
  const members = fc.uniqueArray(fc.nat(nodes - 1), { minLength: 2, maxLength: Math.min(nodes, 4) })
  return fc.record({
    gateways: fc.array(mostly, { minLength: nodes, maxLength: nodes }),
    links: fc.array(fc.record({ up: mostly, members }), { minLength: 1, maxLength: 16 }),
  })
})

test('a gateway has as routes to a link all ways to gateways that are nearer to it, and no others', () => {
  let routes = 0
  fc.assert(
    fc.property(graph, (g) => {
      const { made, ends } = networkOf(g)
      // Twice: what is kept is what was worked out.
      for (const [target] of [...g.links, ...g.links].entries()) {
        const link = target % g.links.length
        const far = distances(g, link)
        for (const [node, isGateway] of g.gateways.entries()) {
          if (!isGateway) continue
          const expected = nextHops(g, ends, node, far)
          const [four, six] = [`10.0.${link}.77`, `2001:db8:0:${link.toString(16)}::77`].map((to) =>
            made
              .of<Ip>(node)(parseIp(to)!)
              ?.map((r) => `${showIp(r.nextHop!)} by ${r.port}`),
          )
          expect(four?.toSorted()).toEqual(expected?.map((e) => `${e.four} by ${e.port}`).toSorted())
          expect(six?.toSorted()).toEqual(expected?.map((e) => `${e.six} by ${e.port}`).toSorted())
          routes += four?.length ?? 0
        }
      }
    }),
    { numRuns: 200 },
  )
  expect(routes).toBeGreaterThan(1000)
})

test('a link that goes down is gone around after `changed`, and not before', () => {
  const g: Graph = {
    gateways: [true, true, true],
    links: [
      { up: true, members: [0, 1] },
      { up: true, members: [1, 2] },
      { up: true, members: [0, 2] },
    ],
  }
  const { made, links } = networkOf(g)
  const ways = () =>
    made
      .of<Ip>(0)(parseIp('10.0.1.9')!)!
      .map((r) => r.port)
  expect(ways()).toEqual([1, 2])
  links[0]!.up = false
  expect(ways()).toEqual([1, 2])
  made.changed()
  expect(ways()).toEqual([2])
})

test('ways of the same length come in the order of the data: of the gateways from the destination on, then of the links', () => {
  // 3 is two links from the link of 0 and 9; 2 is named before 1 there.
  const { made } = networkOf({
    gateways: [true, true, true, true],
    links: [
      { up: true, members: [2, 1] },
      { up: true, members: [3, 1] },
      { up: true, members: [2, 3] },
      { up: true, members: [3, 2] },
    ],
  })
  expect(
    made
      .of<Ip>(3)(parseIp('10.0.0.9')!)!
      .map((r) => r.port),
  ).toEqual([2, 3, 1])
})

test("a host's default route is the first gateway on the first of its links that has one, and none where no link has", () => {
  const { made } = networkOf({
    gateways: [false, false, true, true],
    links: [
      { up: true, members: [0, 1] },
      { up: true, members: [3, 0, 2] },
    ],
  })
  expect(showIp(made.defaultOf<Ip>(0, 4)!.nextHop!)).toBe('10.0.1.1')
  expect(isLinkLocal(made.defaultOf<Ip>(0, 6)!.nextHop!)).toBe(true)
  expect(made.defaultOf<Ip>(1, 4)).toBeUndefined()
})

test('an address that is on no link has no route', () => {
  const { made } = networkOf({ gateways: [true, true], links: [{ up: true, members: [0, 1] }] })
  for (const to of ['192.0.2.1', '2001:db8:1::1']) expect(made.of<Ip>(0)(parseIp(to)!)).toBeUndefined()
})

function networkOf(g: Graph): { made: MadeRoutes; ends: PlannedEnd[][]; links: { up: boolean }[] } {
  const { ends } = portsOf(
    planOf({
      nodes: Object.fromEntries(g.gateways.map((is, n) => [`n${n}`, is ? 'gateway' : 'host'])),
      links: g.links.map((l, i) => [...l.members.map((n) => `n${n}`), { name: `l${i}` }]),
    }),
  )
  const links = g.links.map((l, i) => ({ up: l.up, ends: ends[i]! }))
  return { made: new MadeRoutes(links, g.gateways), ends, links }
}

/** By gateway: links crossed on the way to that one, of those that are up; Infinity where there is no way. */
function distances(g: Graph, target: number): number[] {
  const far = g.gateways.map((is, n) => (is && g.links[target]!.members.includes(n) ? 0 : Infinity))
  for (let round = 0; round < g.gateways.length; round++) {
    for (const { members } of g.links.filter((l) => l.up)) {
      for (const a of members) for (const b of members) if (g.gateways[a]) far[a] = Math.min(far[a]!, far[b]! + 1)
    }
  }
  return far
}

interface NextHop {
  port: number
  four: string
  six: string
}

/** undefined where the gateway is on the link, or cannot reach it. */
function nextHops(g: Graph, ends: PlannedEnd[][], node: number, far: number[]): NextHop[] | undefined {
  if (far[node] === 0 || far[node] === Infinity) return undefined
  return g.links.flatMap((l, i) => {
    const out = ends[i]!.find((e) => e.at === node)
    if (!l.up || out === undefined) return []
    const nearer = ends[i]!.filter((e) => far[e.at] === far[node]! - 1)
    return nearer.map(({ port }) => ({
      port: out.port.index,
      four: showIp(port.addresses![0]!.address),
      // EUI-64 of 02:00:xx:xx:xx:xx (RFC 4291, appendix A).
      six: showIp(parseIp(`fe80::${eui64(port.mac)}`)!),
    }))
  })
}

function eui64(mac: Uint8Array): string {
  const octets = [mac[0]! ^ 2, mac[1]!, mac[2]!, 0xff, 0xfe, mac[3]!, mac[4]!, mac[5]!]
  return [0, 2, 4, 6].map((i) => ((octets[i]! << 8) | octets[i + 1]!).toString(16)).join(':')
}
