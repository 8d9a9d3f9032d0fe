/** Seconds that this machine's time zone is ahead of UTC at a moment. */
export function localZone(seconds: number): number {
  const offset = new Date(seconds * 1000).getTimezoneOffset()
  // A moment that Date can't hold has no zone.
  return Number.isNaN(offset) ? 0 : -offset * 60
}
