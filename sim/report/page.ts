/**
 * A report as one HTML page that needs nothing else: no script, no font and nothing from a network, so
 * that it can be kept, mailed and opened in ten years. Lays out what it is given and judges nothing.
 */
import { escapeText } from './escape.ts'
import { type Plot, plotSvg } from './plot.ts'
import { mapSvg, type WorldMap } from './world-map.ts'

export interface Table {
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

export interface Section {
  readonly title: string
  /** A paragraph each. */
  readonly words: readonly string[]
  readonly table?: Table
  readonly plots: readonly Plot[]
  readonly map?: WorldMap
}

export interface Page {
  readonly title: string
  /** What is said first: names and values. */
  readonly facts: readonly (readonly [name: string, value: string])[]
  readonly sections: readonly Section[]
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1c1f24; --paper: #fff; --faint: #d5d9e0; --quiet: #5a6270 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --paper: #15181d; --faint: #343a44; --quiet: #9aa3b2 } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1, h2 { line-height: 1.2 } h2 { margin-top: 2.5rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.5rem } dt { color: var(--quiet) } dd { margin: 0; overflow-wrap: anywhere }
table { border-collapse: collapse; font-variant-numeric: tabular-nums } div.wide { overflow-x: auto }
th, td { padding: .25rem .75rem; border-bottom: 1px solid var(--faint); text-align: right } th:first-child, td:first-child { text-align: left }
figure { margin: 1.5rem 0 } figcaption { font-weight: 600 } svg { width: 100%; height: auto }
svg text { font-size: 12px; fill: var(--ink) } svg text.tick { fill: var(--quiet) } svg path { fill: none; stroke-width: 2 } svg path.grid { stroke: var(--faint); stroke-width: 1 }
svg path.land { fill: var(--faint); stroke: none } svg.map circle { fill-opacity: .7 }
.s0 { --c: #3266c8 } .s1 { --c: #c8501e } .s2 { --c: #2b8a4a } .s3 { --c: #9442b8 } .s4 { --c: #b8860b } .s5 { --c: #0f8b8d } .s6 { --c: #c2306f } .s7 { --c: #6b6f76 }
g[class^=s] path { stroke: var(--c) } g[class^=s] circle { fill: var(--c) }
ul.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; padding: 0; margin: 0 }
ul.legend li::before { content: ""; display: inline-block; width: .8em; height: .8em; margin-right: .4em; background: var(--c) }
`

export function pageHtml({ title, facts, sections }: Page): string {
  const said = facts.map(
    ([name, value]) => `<dt>${escapeText(name)}</dt><dd>${escapeText(value)}</dd>`
  )
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeText(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeText(title)}</h1>
<dl>${said.join('\n')}</dl>
${sections.map(sectionHtml).join('\n')}
</main>
</body>
</html>
`
}

function sectionHtml({ title, words, table, plots, map }: Section): string {
  const parts = [
    `<section><h2>${escapeText(title)}</h2>`,
    ...words.map((text) => `<p>${escapeText(text)}</p>`),
    ...(table === undefined ? [] : [tableHtml(table)]),
    ...(map === undefined ? [] : [mapSvg(map)]),
    ...plots.map(plotSvg),
    '</section>'
  ]
  return parts.join('\n')
}

function tableHtml({ head, rows }: Table): string {
  const row = (cells: readonly string[], tag: 'th' | 'td'): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeText(cell)}</${tag}>`).join('')}</tr>`
  const body = rows.map((cells) => row(cells, 'td')).join('\n')
  return `<div class="wide"><table><thead>${row(head, 'th')}</thead><tbody>${body}</tbody></table></div>`
}
