/**
 * Finds circular imports, between files and between folders, type imports included.
 *
 * Two modules that load each other are one module in two files, and a cycle of types is the same
 * knot seen by the compiler. A cycle is printed as the road it takes. The address of a child process
 * or a worker is no import: nothing is loaded by naming it.
 */

export type Links = ReadonlyMap<string, ReadonlySet<string>>

/** One shortest cycle for every knot of names that reach each other, each beginning with its least. */
export function cyclesIn(links: Links): readonly (readonly string[])[] {
  return knotsIn(links).flatMap((knot) => {
    const from = knot.toSorted()[0]
    const road = from === undefined ? undefined : roadBack(from, links, new Set(knot))
    return road === undefined ? [] : [road]
  })
}

/** The same links between what holds the names; what lies within one holder is left out. */
export function linksBetween(links: Links, holderOf: (name: string) => string): Links {
  const between = new Map<string, Set<string>>()
  for (const [name, targets] of links) {
    const holder = holderOf(name)
    const others = between.get(holder) ?? new Set()
    for (const target of [...targets].map(holderOf)) {
      const nested = `${target}/`.startsWith(`${holder}/`) || `${holder}/`.startsWith(`${target}/`)
      if (!nested) others.add(target)
    }
    between.set(holder, others)
  }
  return between
}

/** Tarjan's strongly connected components that hold a cycle. */
function knotsIn(links: Links): readonly (readonly string[])[] {
  const indexOf = new Map<string, number>()
  const open: string[] = []
  const knots: string[][] = []
  const enter = (name: string): number => {
    const index = indexOf.size
    indexOf.set(name, index)
    let low = index
    open.push(name)
    for (const target of links.get(name) ?? []) {
      if (!indexOf.has(target)) low = Math.min(low, enter(target))
      else if (open.includes(target)) low = Math.min(low, indexOf.get(target) ?? low)
    }
    if (low === index) {
      const knot = open.splice(open.indexOf(name))
      if (knot.length > 1 || links.get(name)?.has(name) === true) knots.push(knot)
    }
    return low
  }
  for (const name of links.keys()) if (!indexOf.has(name)) enter(name)
  return knots
}

/** The shortest road from a name back to itself, both ends named. */
function roadBack(
  from: string,
  links: Links,
  within: ReadonlySet<string>
): readonly string[] | undefined {
  const roads: (readonly string[])[] = [[from]]
  const seen = new Set<string>()
  for (let road = roads.shift(); road !== undefined; road = roads.shift()) {
    for (const target of links.get(road.at(-1) ?? from) ?? []) {
      if (target === from) return [...road, target]
      if (seen.has(target) || !within.has(target)) continue
      seen.add(target)
      roads.push([...road, target])
    }
  }
  return undefined
}
