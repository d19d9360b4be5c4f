/**
 * Draws minutes of work on a canvas with uPlot, in the colours of the page's style, and again when
 * the owner changes between light and dark. It is loaded with the first minute, not with the page.
 */
import type uPlot from 'uplot'

export interface PlotLine {
  readonly label: string
  /** The name of a colour in the style, such as `--accent`. */
  readonly colour: string
}

export interface Plot {
  /** Seconds since 1970, then one list for each line. */
  readonly set: (columns: readonly (readonly number[])[]) => void
  readonly close: () => void
}

const HEIGHT_PX = 180
/** What the fill under a line keeps of its colour, in hexadecimal. */
const FILL_ALPHA = '22'
/** Between two labels of the time, which show minutes: up to a day. */
const STEPS_S = [60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400]
const AXIS_FONT = '12px system-ui, sans-serif'

export async function openPlot(host: HTMLElement, lines: readonly PlotLine[]): Promise<Plot> {
  const { default: Drawing } = await import('uplot')
  const dark = matchMedia('(prefers-color-scheme: dark)')
  let columns: uPlot.AlignedData = [[]]
  let drawing: uPlot | undefined
  const draw = (): void => {
    drawing?.destroy()
    drawing = new Drawing(optionsOf(host, lines), columns, host)
  }
  const resized = new ResizeObserver(() => {
    drawing?.setSize({ width: host.clientWidth, height: HEIGHT_PX })
  })
  draw()
  resized.observe(host)
  dark.addEventListener('change', draw)
  return {
    set: (next) => {
      const [xs = [], ...rest] = next
      columns = [[...xs], ...rest.map((list) => [...list])]
      drawing?.setData(columns)
    },
    close: () => {
      dark.removeEventListener('change', draw)
      resized.disconnect()
      drawing?.destroy()
    }
  }
}

function optionsOf(host: HTMLElement, lines: readonly PlotLine[]): uPlot.Options {
  const style = getComputedStyle(host)
  const colour = (name: string): string => style.getPropertyValue(name).trim()
  const axis = {
    stroke: colour('--ink-soft'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
    font: AXIS_FONT
  }
  return {
    width: host.clientWidth,
    height: HEIGHT_PX,
    legend: { show: lines.length > 1 },
    cursor: { y: false },
    scales: { y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] } },
    axes: [
      { ...axis, values: clockLabels, incrs: [...STEPS_S] },
      { ...axis, size: 64 }
    ],
    series: [
      { value: (_plot, at) => (at === null ? '' : timeLabel(at)) },
      ...lines.map(({ label, colour: name }) => ({
        label,
        stroke: colour(name),
        fill: `${colour(name)}${FILL_ALPHA}`,
        width: 2,
        points: { show: false }
      }))
    ]
  }
}

const timeLabel = (seconds: number): string =>
  new Date(seconds * 1000).toLocaleTimeString('en', {
    hour: '2-digit',
    minute: '2-digit',
    hour12: false
  })

const clockLabels = (_plot: uPlot, splits: readonly number[]): string[] => splits.map(timeLabel)
