import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EventHeap, type Happening } from './event-heap.ts'

const thing = (id: number): Happening & { id: number } => ({ id, place: -1, happen: () => {} })

test('things come out by when they are due, and of one moment in the order in which they went in', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 })), (dues) => {
      const heap = new EventHeap()
      for (const [i, due] of dues.entries()) heap.set(thing(i), due)
      const out: number[] = []
      for (let h = heap.take(1e9); h !== undefined; h = heap.take(1e9)) out.push((h as Happening & { id: number }).id)
      const sorted = dues.map((due, i) => ({ due, i })).sort((a, b) => a.due - b.due || a.i - b.i)
      expect(out).toEqual(sorted.map((s) => s.i))
    }),
  )
})

test('what is moved or removed comes when it was last put, or never', () => {
  const heap = new EventHeap()
  const all = Array.from({ length: 50 }, (_, i) => thing(i))
  for (const t of all) heap.set(t, t.id)
  for (const t of all.slice(0, 25)) heap.remove(t)
  for (const t of all.slice(25, 30)) heap.set(t, 100 - t.id)
  const out: number[] = []
  for (let h = heap.take(1e9); h !== undefined; h = heap.take(1e9)) out.push((h as Happening & { id: number }).id)
  expect(out).toEqual([...all.slice(30).map((t) => t.id), 29, 28, 27, 26, 25])
  expect(heap.size).toBe(0)
})

test('nothing comes before it is due', () => {
  const heap = new EventHeap()
  heap.set(thing(1), 5)
  expect(heap.take(4.999)).toBeUndefined()
  expect(heap.next).toBe(5)
  expect(heap.take(5)).toBeDefined()
  expect(heap.next).toBe(Infinity)
})
