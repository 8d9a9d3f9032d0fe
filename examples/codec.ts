import { icmp4, registry, unhex } from 'icmpkit/wire'

const m = icmp4.parse(unhex('0800f7fd00010001'))
console.log(m, registry.lookup(4, 8, 0).meaning)
