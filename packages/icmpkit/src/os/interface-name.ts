/** Interface names and indexes, which are the zones of link-local addresses too; a namespace has its own. */
import { inNamespace } from './namespace.ts'
import { sys } from './sys.ts'

/** The index of `name`, or undefined where there is no such interface. @throws OsError on a namespace that can't be entered */
export function interfaceIndex(name: string, netns?: string | number): number | undefined {
  const index = there(netns, () => sys().if_nametoindex(name))
  return index < 0 ? undefined : index
}

/** The name of `index`, or undefined where there is no such interface. @throws OsError on a namespace that can't be entered */
export function interfaceName(index: number, netns?: string | number): string | undefined {
  const name = new Uint8Array(IF_NAMESIZE)
  if (index === 0 || there(netns, () => sys().if_indextoname(index, name)) < 0) return undefined
  return new TextDecoder().decode(name.subarray(0, name.indexOf(0)))
}

function there<T>(netns: string | number | undefined, fn: () => T): T {
  return netns === undefined ? fn() : inNamespace(netns, fn)
}

/** IFNAMSIZ: 15 octets and a zero. */
export const IF_NAMESIZE: number = 16
