import { hex } from 'icmpkit/wire'
import { expect, test } from 'vitest'
import { packetsOf } from './hex-text.ts'

/** An echo request with 56 octets of 'x', made by scapy. */
const ECHO = `45000054000100004001f6a4c0000201c00002020800cad000010001${'78'.repeat(56)}`

const said = (text: string) => packetsOf(text)?.map((p) => hex(p))

test('bare digits are read however they are written', () => {
  for (const text of [
    '0800f7ff',
    '0x0800f7ff',
    '08 00 f7 ff',
    '08:00:f7:ff',
    '0800\nF7FF\n',
    '0x08, 0x00, 0xf7, 0xff',
    '0800  f7ff',
  ])
    expect(said(text), text).toEqual(['0800f7ff'])
  expect(said('\\x08\\x00\\xf7\\xff')).toEqual(['0800f7ff'])
  expect(said('unsigned char x[] = {\n  0x08, 0x00,\n  0xf7, 0xff\n};\nunsigned int x_len = 4;\n')).toEqual([
    '0800f7ff',
  ])
})

test('what is no hex is not taken for some', () => {
  for (const text of ['', '0', '080', 'hello', '0800f7f', '08 00 zz', '0010: 4500 0054'])
    expect(said(text), text).toBeUndefined()
})

test('the dumps of tcpdump -x and -X, several packets in one', () => {
  const x = `20:18:22.261065 IP 192.0.2.1 > 192.0.2.2: ICMP echo request, id 1, seq 1, length 64
	0x0000:  4500 0054 0001 0000 4001 f6a4 c000 0201
	0x0010:  c000 0202 0800 cad0 0001 0001 7878 7878
	0x0020:  7878 7878 7878 7878 7878 7878 7878 7878
	0x0030:  7878 7878 7878 7878 7878 7878 7878 7878
	0x0040:  7878 7878 7878 7878 7878 7878 7878 7878
	0x0050:  7878 7878
20:18:22.261070 IP 192.0.2.2 > 192.0.2.1: ICMP echo reply, id 1, seq 1, length 9
	0x0000:  4500 001d 0000 0000 4001 f6dc c000 0202
	0x0010:  c000 0201 0000 ffff 0001 0001 ab
`
  expect(said(x)).toEqual([ECHO, '4500001d000000004001f6dcc0000202c00002010000ffff00010001ab'])
  const X = `	0x0000:  4500 0020 0001 0000 4001 f6d8 c000 0201  E.......@.......
	0x0010:  c000 0202 0800 9e9b 0001 0001 6162 2063  ............ab.c
`
  expect(said(X)).toEqual(['45000020000100004001f6d8c0000201c000020208009e9b0001000161622063'])
})

test('the dumps of xxd, hexdump -C, od -Ax -tx1 and tshark -x', () => {
  const xxd = `00000000: 4500 0054 0001 0000 4001 f6a4 c000 0201  E..T....@.......
00000010: c000 0202 0800 cad0 0001 0001 7878 7878  ............xxxx
00000020: 7878 7878 7878 7878 7878 7878 7878 7878  xxxxxxxxxxxxxxxx
00000030: 7878 7878 7878 7878 7878 7878 7878 7878  xxxxxxxxxxxxxxxx
00000040: 7878 7878 7878 7878 7878 7878 7878 7878  xxxxxxxxxxxxxxxx
00000050: 7878 7878                                xxxx
`
  const hexdump = `00000000  45 00 00 54 00 01 00 00  40 01 f6 a4 c0 00 02 01  |E..T....@.......|
00000010  c0 00 02 02 08 00 ca d0  00 01 00 01 78 78 78 78  |............xxxx|
00000020  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  |xxxxxxxxxxxxxxxx|
*
00000050  78 78 78 78                                       |xxxx|
00000054
`
  const od = `000000 45 00 00 54 00 01 00 00 40 01 f6 a4 c0 00 02 01
000010 c0 00 02 02 08 00 ca d0 00 01 00 01 78 78 78 78
000020 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78
*
000050 78 78 78 78
000054
`
  const tshark = `0000  45 00 00 54 00 01 00 00 40 01 f6 a4 c0 00 02 01   E..T....@.......
0010  c0 00 02 02 08 00 ca d0 00 01 00 01 78 78 78 78   ............xxxx
0020  78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78   xxxxxxxxxxxxxxxx
0030  78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78   xxxxxxxxxxxxxxxx
0040  78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78   xxxxxxxxxxxxxxxx
0050  78 78 78 78                                       xxxx
`
  for (const text of [xxd, hexdump, od, tshark]) expect(said(text), text).toEqual([ECHO])
})

test('letters beside a short row are not taken for octets', () => {
  expect(said('0000  61 62 63 64                                         abcd\n')).toEqual(['61626364'])
  expect(said('00000000: 6162 20ab cd                             ab ab cd\n')).toEqual(['616220abcd'])
})

test('a dump with a row missing, or of swapped words (od -x), is refused rather than guessed', () => {
  expect(said('0000  45 00 00 54\n0010  c0 00 02 02\n')).toBeUndefined()
  expect(said('0000000 0045 5400 0100 0000 0140 a4f6 00c0 0102\n0000020 00c0 0202 0008\n')).toBeUndefined()
})

test('an offset far away behind a star makes no packet of that size', () => {
  expect(said('00000000  45 00\n*\nfffffffe  00 00\n')).toBeUndefined()
})
