/** Stands in for node:child_process in the bundle: `icmp` starts no programs (rolldown.config.ts). */
export default {}
