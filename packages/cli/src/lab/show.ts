/** `icmp lab show`: the network as a picture, its links, its addresses, its routes. */
import { addressList, linkList, picture, routeList } from 'icmpkit/lab'
import { put, remark } from '../output.ts'
import { readLab } from './lab-file.ts'

export interface ShowFlags {
  as: 'text' | 'mermaid' | 'dot'
  verbose?: true
}

/** Returns the exit code: 0, 2 where the file is wrong. */
export function show(file: string, flags: ShowFlags): number {
  try {
    const read = readLab(file)
    const net = read.lab()
    const addresses = flags.verbose === true
    const width = process.stdout.columns ?? (Number(process.env.COLUMNS) || 80)
    const drawn = read.placed(() => picture(read.config, { as: flags.as, addresses, width }))
    const lists = flags.as === 'text' ? `\n${linkList(read.config, net)}\n${addressList(net)}\n${routeList(net)}` : ''
    put(1, Buffer.from(drawn + lists))
    return 0
  } catch (e) {
    remark(`${(e as Error).message}\n`)
    return 2
  }
}
