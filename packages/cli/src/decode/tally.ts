/** Counts of a run, and its summary for people. */
export class Tally {
  /** Records of the capture that hold a packet. */
  packets = 0
  icmp4 = 0
  icmp6 = 0
  /** Messages that the filter let through. */
  shown = 0
  /** Packets that carry something else. */
  other = 0
  laterFragments = 0
  /** Packets behind a link layer that is not read. */
  unknownLink = 0
  /** Link types among those, the first few. */
  readonly linkTypes: Set<number> = new Set<number>()
  /** IP headers that can't be read. */
  badIp = 0
  /** Counted where messages are judged: with --json, --check and -v. */
  malformed = 0
  badChecksums = 0
  unverifiable = 0
  badHeaderChecksums = 0
  /** Messages whose extension structure is damaged. */
  badExtensions = 0
  /** Records of the capture that can't be read. */
  badRecords = 0
  /** The capture ends in the middle of a record. */
  cut = false

  get wrong(): boolean {
    const { malformed, badChecksums, badHeaderChecksums, badIp, badRecords, badExtensions } = this
    return malformed + badChecksums + badHeaderChecksums + badIp + badRecords + badExtensions > 0
  }

  addLinkType(linkType: number): void {
    this.unknownLink++
    if (this.linkTypes.size < 8) this.linkTypes.add(linkType)
  }

  /** One line, what is zero left out. */
  text(judged: boolean): string {
    const icmp = this.icmp4 + this.icmp6
    const parts = [
      `${this.packets} ${this.packets === 1 ? 'packet' : 'packets'}`,
      `${icmp} ICMP (${this.icmp4} v4, ${this.icmp6} v6)`,
    ]
    if (this.shown !== icmp && !judged) parts.push(`${this.shown} shown`)
    if (judged) {
      parts.push(`${this.badChecksums} bad ${this.badChecksums === 1 ? 'checksum' : 'checksums'}`)
      parts.push(`${this.malformed} malformed`)
      if (this.badHeaderChecksums > 0) parts.push(`${this.badHeaderChecksums} with a bad checksum of the IPv4 header`)
      if (this.badExtensions > 0) parts.push(`${this.badExtensions} with damaged extensions`)
      if (this.unverifiable > 0) parts.push(`${this.unverifiable} checksums unverifiable`)
    }
    if (this.laterFragments > 0) parts.push(`${this.laterFragments} later fragments`)
    if (this.other > 0) parts.push(`${this.other} other`)
    if (this.unknownLink > 0)
      parts.push(`${this.unknownLink} behind link types that are not read here (${[...this.linkTypes].join(', ')})`)
    if (this.badIp > 0) parts.push(`${this.badIp} with a malformed IP header`)
    if (this.badRecords > 0) parts.push(`${this.badRecords} unreadable records`)
    return parts.join(', ')
  }
}
