/** The switches of ARP; each names its RFC and its default. */

export interface ArpSettings {
  /** How long a neighbour's link-layer address is taken for granted, milliseconds (RFC 1122 §2.3.2.1: a minute). */
  timeoutMs: number
  /** Neighbours of one port. */
  entries: number
  /** Neighbours that may be asked for at once; the oldest goes for the newest. */
  incomplete: number
  /** Datagrams that may wait for one neighbour: those of a large one in fragments fit (RFC 1122 §2.3.2.2). */
  queue: number
  /** Octets that may wait at one port. */
  queueOctets: number
}

export const ARP_DEFAULTS: ArpSettings = {
  timeoutMs: 60_000,
  entries: 65_536,
  incomplete: 1024,
  queue: 64,
  queueOctets: 1 << 20,
}

/** RFC 5227, its names and numbers (§1.1). */
export interface ArpProbeSettings {
  /** PROBE_NUM; 0: an address is used at once, unprobed. */
  count: number
  /** PROBE_WAIT: the first probe waits a random part of it. */
  waitMs: number
  /** PROBE_MIN and PROBE_MAX between probes. */
  minMs: number
  maxMs: number
  /** ANNOUNCE_WAIT after the last probe. */
  announceWaitMs: number
  /** ANNOUNCE_NUM, ANNOUNCE_INTERVAL. */
  announcements: number
  announceIntervalMs: number
  /** DEFEND_INTERVAL. */
  defendIntervalMs: number
  /**
   * What a second claim within that interval does (§2.4): `give-up` (b) or `keep` (c, for who others rely on).
   * Default: a host gives up, a gateway keeps.
   */
  onConflict: 'give-up' | 'keep' | undefined
}

export const ARP_PROBE_DEFAULTS: ArpProbeSettings = {
  count: 3,
  waitMs: 1000,
  minMs: 1000,
  maxMs: 2000,
  announceWaitMs: 2000,
  announcements: 2,
  announceIntervalMs: 2000,
  defendIntervalMs: 10_000,
  onConflict: undefined,
}
