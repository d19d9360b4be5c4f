/**
 * A run as a page: what it claimed and what came of it, how long units took, work, spend and trust over
 * its time, and where in the world its nodes were. Shows figures of the report and works none out anew.
 */
import type { Page, Section } from './page.ts'
import type { Plot, Series } from './plot.ts'
import type { ShownRun } from './read-run.ts'
import type { Coasts } from './world-map.ts'

export interface Geography {
  /** Whose places these are, by their numbers. */
  readonly matrix: string
  readonly coasts: Coasts
  readonly places: readonly (readonly [name: string, latitude: number, longitude: number])[]
}

type RunSeries = NonNullable<ShownRun['series']>
type TimedLook = RunSeries['looks'][number]

const MICRO_PER_CREDIT = 1_000_000
const VIOLATIONS_SHOWN = 50
const seconds = (ms: number): number => ms / 1_000

export function runPage(report: ShownRun, geography: Geography): Page {
  const { series } = report
  const sections = series === undefined ? [] : overTime(report, series, geography)
  return {
    title: `Run of ${report.scenario}`,
    facts: factsOf(report),
    sections: [violationsOf(report), ...sections]
  }
}

function factsOf(report: ShownRun): Page['facts'] {
  const { units, gossip, is_partial: isPartial } = report
  return [
    ['claim', report.claim],
    ['seed', String(report.seed)],
    ['nodes', String(report.nodes)],
    [
      'units',
      `${units.accepted} accepted of ${units.submitted}, ${units.failed} failed, ${units.wrong_accepted} wrong`
    ],
    ['executions for each unit', (units.executions / units.submitted).toFixed(3)],
    ['bids for each unit', report.bids_per_unit.toFixed(3)],
    [
      'gossip',
      `delivered in ${gossip.delivery_p50_ms} ms (half) and ${gossip.delivery_p99_ms} ms (99 in 100), ${gossip.duplicates} further copies`
    ],
    ['virtual time', `${seconds(report.virtual_ms)} s, ${report.events} events`],
    ['trace', report.trace_hash],
    ['ledger', report.ledger_digest],
    ['ran', isPartial ? 'in part: it was stopped' : 'to its end']
  ]
}

function violationsOf({ violations }: ShownRun): Section {
  if (violations.length === 0) {
    return { title: 'Rules', words: ['None of the rules was broken.'], plots: [] }
  }
  const shown = violations.slice(0, VIOLATIONS_SHOWN)
  return {
    title: 'Rules',
    words: [`${violations.length} times a rule was broken; the first ${shown.length} are below.`],
    table: {
      head: ['rule', 'at, in seconds', 'what was seen'],
      rows: shown.map(({ rule, at_ms, detail }) => [rule, String(seconds(at_ms)), detail])
    },
    plots: []
  }
}

function overTime(report: ShownRun, series: RunSeries, geography: Geography): readonly Section[] {
  const map = mapOf(series, geography)
  return [
    {
      title: 'Work',
      words: ['From its submission to its end a unit waits, runs and is checked.'],
      plots: [turnaroundPlot(series), unitsPlot(series), ...nodesPlot(report, series)]
    },
    {
      title: 'Money and trust',
      words: ['Held is what running attempts may cost at most; spent is what was accepted.'],
      plots: [spendPlot(series), ...trustPlot(series)]
    },
    ...(map === null ? [] : [map])
  ]
}

const time = { label: 'seconds of virtual time' } as const

/** One line of the looks. */
function line(name: string, looks: readonly TimedLook[], of: (look: TimedLook) => number): Series {
  return { name, points: looks.map((look) => [seconds(look.at_ms), of(look)] as const) }
}

const turnaroundPlot = ({ turnaround_ms: turnaround }: RunSeries): Plot => ({
  title: 'Share of the units that took no longer than this',
  x: { label: 'seconds from submission to end', scale: 'log' },
  y: { label: 'share of units' },
  draw: 'steps',
  series: [{ name: 'units', points: turnaround.map(([ms, share]) => [seconds(ms), share]) }]
})

const unitsPlot = ({ looks }: RunSeries): Plot => ({
  title: 'Units submitted and ended by then',
  x: time,
  y: { label: 'units' },
  draw: 'lines',
  series: [
    line('submitted', looks, ({ units_submitted: submitted }) => submitted),
    line('ended', looks, ({ units_ended: ended }) => ended)
  ]
})

/** Only where nodes came or went. */
function nodesPlot({ nodes }: ShownRun, { looks }: RunSeries): readonly Plot[] {
  if (looks.every(({ nodes_up: up }) => up === nodes)) return []
  const up = line('nodes', looks, ({ nodes_up: count }) => count)
  return [
    { title: 'Nodes that are up', x: time, y: { label: 'nodes' }, draw: 'steps', series: [up] }
  ]
}

const spendPlot = ({ looks }: RunSeries): Plot => ({
  title: 'Credits of the tenant',
  x: time,
  y: { label: 'credits' },
  draw: 'lines',
  series: [
    line('spent', looks, ({ spent_micro: micro }) => micro / MICRO_PER_CREDIT),
    line('held', looks, ({ held_micro: micro }) => micro / MICRO_PER_CREDIT)
  ]
})

function trustPlot({ looks }: RunSeries): readonly Plot[] {
  const roles = [...new Set(looks.flatMap(({ trust_milli: trust }) => Object.keys(trust)))].sort()
  if (roles.length === 0) return []
  const series = roles.map((role) => ({
    name: role,
    points: looks.flatMap(({ at_ms: atMs, trust_milli: trust }) =>
      Object.entries(trust).flatMap(([name, milli]) =>
        name === role ? [[seconds(atMs), milli / 1_000] as const] : []
      )
    )
  }))
  const y = { label: 'mean score' }
  return [{ title: 'Trust in the nodes of each role', x: time, y, draw: 'lines', series }]
}

function mapOf({ matrix, places }: RunSeries, geography: Geography): Section | null {
  if (matrix !== geography.matrix) return null
  const dots = places.flatMap(({ place, nodes, executions }) => {
    const [city, latitude, longitude] = geography.places[place] ?? []
    if (city === undefined || latitude === undefined || longitude === undefined) return []
    const name = `${city}: ${nodes} nodes, ${executions} executions`
    return [{ name, latitude, longitude, size: nodes }]
  })
  return {
    title: 'Where the nodes were',
    words: ['The larger a dot, the more nodes the city had.'],
    plots: [],
    map: { title: `Nodes in ${dots.length} cities`, coasts: geography.coasts, dots }
  }
}
