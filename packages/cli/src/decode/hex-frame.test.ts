import { unhex } from 'icmpkit/wire'
import { expect, test } from 'vitest'
import { guess } from './hex-frame.ts'

/** Made by scapy. */
const FOUR = `45000054000100004001f6a4c0000201c00002020800cad000010001${'78'.repeat(56)}`
const SIX = `6000000000403a4020010db800000000000000000000000120010db80000000000000000000000028000f6e000010001${'78'.repeat(56)}`
const MACS = '020000000002020000000001'

test.each([
  ['an IPv4 packet', FOUR, 'ip'],
  ['one an octet shorter than it says', FOUR.slice(0, -2), 'ip'],
  ['one whose header checksum the interface was to make', FOUR.replace('f6a4', '0000').slice(0, -2), 'ip'],
  ['four octets of one', FOUR.slice(0, 8), 'ip'],
  ['an IPv6 packet', SIX, 'ip'],
  ['one an octet shorter than it says', SIX.slice(0, -2), 'ip'],
  ['one cut in its header', SIX.slice(0, 60), 'ip'],
  ['an Ethernet frame', `${MACS}0800${FOUR}`, 'ethernet'],
  ['an Ethernet frame, cut', `${MACS}0800${FOUR.slice(0, -20)}`, 'ethernet'],
  ['a tagged one', `${MACS}810000050800${FOUR}`, 'ethernet'],
  ['an ICMPv4 echo', FOUR.slice(40), 'icmp4'],
  ['an ICMPv4 message of the unassigned type 69 with a right checksum', '4500baff', 'icmp4'],
  ['an ICMPv6 echo', SIX.slice(80), 'icmp6'],
  ['an ICMPv6 experiment, type 100', '6400000000010001', 'icmp6'],
  ['an IPv6 packet of traffic class 0x40, which begins with the same octet', `64${SIX.slice(2, -2)}`, 'ip'],
])('%s is read as such', (_, octets, reading) => {
  expect(guess(unhex(octets))).toBe(reading)
})
