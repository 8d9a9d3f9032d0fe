/** What a scenario asks, as data: a ping, UDP datagrams, or a trace, from a node to a node or an address. */
import type { Family } from '../wire/addr.ts'
import type { LabConfig } from './topology.ts'

/** A network, and what is asked in it. */
export interface ScenarioConfig extends LabConfig {
  ask?: readonly AskData[]
  /** Milliseconds after which the scenario ends. When everything that is asked is answered or given up, and all of `at` has happened. */
  until?: number
}

/** Numbers are milliseconds and octets. */
export interface AskData {
  /** The node that asks. */
  from: string
  /** A node, whose first address is asked, or an address. */
  to: string
  /** `ping`: echo requests. `udp`: datagrams to `port`. `trace`: echo requests whose TTL is 1, 2, 3 … ping. */
  kind?: 'ping' | 'udp' | 'trace'
  /** Of the first packet. 0. */
  at?: number
  /** Packets; of a trace, those of each TTL. 3. */
  count?: number
  /** Between packets. 1000; of one TTL of a trace 50. */
  interval?: number
  /** Until a packet is given up. 1000. */
  timeout?: number
  /** Octets behind the ICMP or UDP header. 56. */
  size?: number
  /** Of a trace: the highest. 64; of a trace 30. */
  ttl?: number
  /** Don't fragment (IPv4). false. */
  df?: boolean
  /** Of UDP. 33434, where nobody listens. */
  port?: number
  /** Which address of a node. 4 where it has one. */
  family?: Family
}
