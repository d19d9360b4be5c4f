/** The pages of the simulator: every value has its place on a plot, and no word becomes markup. */
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import fc from 'fast-check'
import { shippedGeography } from '../../sim/report/geography.ts'
import { type Page, pageHtml } from '../../sim/report/page.ts'
import { plotSvg } from '../../sim/report/plot.ts'
import { readRun } from '../../sim/report/read-run.ts'
import { runPage } from '../../sim/report/run.ts'
import { type ScaleKind, scaleOf, tickText } from '../../sim/report/scale.ts'

const HOSTILE = `<script>alert("1")</script>&'`

describe('a scale', () => {
  it('has a place between its ends for each value it was made of, in their order', () => {
    const values = fc.array(fc.double({ min: -1e12, max: 1e12, noNaN: true }), { minLength: 1 })
    fc.assert(
      fc.property(values, fc.constantFrom<ScaleKind>('linear', 'log'), (drawn, kind) => {
        const able = drawn.filter((value) => kind === 'linear' || value > 0).sort((a, b) => a - b)
        const { at } = scaleOf(kind, drawn)
        const places = able.map((value) => at(value) ?? Number.NaN)
        ok(places.every((place) => place >= -1e-9 && place <= 1 + 1e-9))
        ok(places.every((place, index) => index === 0 || place >= (places[index - 1] ?? 0)))
      }),
      {
        examples: [
          [[5e-324], 'linear'],
          [[1e12, 1e12 + 2 ** -13], 'linear'],
          [[5e-324], 'log']
        ]
      }
    )
  })

  it('has round ticks', () => {
    deepEqual(scaleOf('linear', [0.1, 0.93]).ticks, [0, 0.2, 0.4, 0.6, 0.8, 1])
    deepEqual(scaleOf('log', [3e-5, 0.2]).ticks.map(tickText), [
      '1e-5',
      '1e-4',
      '0.001',
      '0.01',
      '0.1',
      '1'
    ])
    deepEqual([0, 12_000, 2_500_000, 0.25].map(tickText), ['0', '12k', '2.5M', '0.25'])
  })

  it('has no place for what it cannot show, and none at all without values', () => {
    equal(scaleOf('log', [1, 10]).at(0), null)
    equal(scaleOf('linear', [1, 2]).at(Number.NaN), null)
    deepEqual(scaleOf('linear', []).ticks, [])
  })
})

describe('a plot', () => {
  const axis = { label: 'ms' }

  it('draws steps from point to point, and leaves out what the scale cannot show', () => {
    const points = [
      [0, 0],
      [1, 1],
      [2, 0.001]
    ] as const
    const svg = plotSvg({
      title: 'delivery',
      x: axis,
      y: { label: 'share', scale: 'log' },
      draw: 'steps',
      series: [{ name: 'model', points }]
    })
    const [path = ''] = svg.match(/d="M[^"]*V[^"]*"/) ?? []
    equal(path.match(/H/g)?.length, 1)
  })

  it('thins a long line and keeps its last point', () => {
    const points = Array.from({ length: 50_000 }, (_, x) => [x, x] as const)
    const svg = plotSvg({
      title: 't',
      x: axis,
      y: axis,
      draw: 'lines',
      series: [{ name: 'n', points }]
    })
    const [path = ''] = svg.match(/d="M[\d.]+ [\d.]+L[^"]*"/) ?? []
    ok(path.split('L').length <= 1_001)
    // the end of both axes
    ok(path.endsWith('L624 16"'), path.slice(-40))
  })
})

describe('a report', () => {
  it('holds whatever it is given as words, and asks nobody for anything', () => {
    const page: Page = {
      title: HOSTILE,
      facts: [[HOSTILE, HOSTILE]],
      sections: [
        {
          title: HOSTILE,
          words: [HOSTILE],
          table: { head: [HOSTILE], rows: [[HOSTILE]] },
          plots: [
            {
              title: HOSTILE,
              x: { label: HOSTILE },
              y: { label: HOSTILE },
              draw: 'dots',
              series: [{ name: HOSTILE, points: [[1, 1]] }]
            }
          ],
          map: {
            title: HOSTILE,
            coasts: { path: HOSTILE, stepsPerDegree: 2 },
            dots: [{ name: HOSTILE, latitude: 1, longitude: 2, size: 3 }]
          }
        }
      ]
    }
    const html = pageHtml(page)
    ok(!html.includes('<script'))
    ok(!html.includes('alert("'))
    ok(!/(src|href)=|url\(|@import/.test(html))
    ok(html.includes("default-src 'none'"))
  })
})

describe('the page of a run', () => {
  const figures = {
    scenario: 'churn',
    claim: 'nothing is lost',
    seed: 3,
    nodes: 4,
    events: 10,
    virtual_ms: 9_000,
    trace_hash: '0011223344556677',
    violations: [{ rule: 'sum_zero', at_ms: 1_500, detail: 'by 1' }],
    units: { submitted: 2, accepted: 2, wrong_accepted: 0, failed: 0, executions: 3 },
    gossip: { delivery_p50_ms: 10, delivery_p99_ms: 20, duplicates: 1.5 },
    bids_per_unit: 0.5,
    ledger_digest: 'aa',
    is_partial: false,
    series: {
      looks: [0, 1_000].map((at_ms) => ({
        at_ms,
        units_submitted: 2,
        units_ended: at_ms / 1_000,
        nodes_up: 4,
        spent_micro: at_ms,
        held_micro: 0,
        trust_milli: { honest: 500, liar: 400 }
      })),
      turnaround_ms: [
        [100, 0.5],
        [900, 1]
      ],
      matrix: 'wondernetwork',
      places: [{ place: 0, nodes: 4, executions: 3 }]
    }
  }
  const bytesOf = (plain: unknown): Uint8Array => Buffer.from(JSON.stringify(plain))

  it('names each broken rule, and shows where its nodes were', () => {
    const html = pageHtml(runPage(readRun(bytesOf(figures)), shippedGeography()))
    for (const seen of ['sum_zero', 'by 1', 'Adelaide: 4 nodes, 3 executions', '>liar<']) {
      ok(html.includes(seen), seen)
    }
    // nobody came or went
    ok(!html.includes('Nodes that are up'))
  })

  it('shows no map of places that it does not know', () => {
    const series = { ...figures.series, matrix: 'planetlab' }
    const html = pageHtml(runPage(readRun(bytesOf({ ...figures, series })), shippedGeography()))
    ok(!html.includes('class="map"'))
  })

  it("is made of figures alone that are a run's", () => {
    for (const file of [{ ...figures, units: 3 }, { ...figures, seed: 1.5 }, [], 'no']) {
      throws(() => readRun(bytesOf(file)), { code: 'report.invalid' })
    }
    throws(() => readRun(Buffer.from('{')), { code: 'report.invalid' })
  })
})
