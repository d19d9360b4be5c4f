/**
 * Draws the page images of examples/read-page again from their words:
 *
 *   node scripts/make-pages.ts /usr/share/fonts/truetype/dejavu
 *
 * The folder holds DejaVuSerif.ttf, DejaVuSans.ttf and DejaVuSans-Bold.ttf (Debian: fonts-dejavu-core,
 * free licence). The images are committed; nothing but this script needs the fonts.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode as encodeJpeg } from 'jpeg-js'
import { PNG } from 'pngjs'
import { type Canvas, TrueTypeFont } from './true-type.ts'

interface Line {
  readonly text: string
  readonly font: string
  readonly size: number
  readonly x: number
  readonly y: number
}

interface Page {
  readonly file: string
  readonly width: number
  readonly height: number
  readonly lines: readonly Line[]
}

const SERIF = 'DejaVuSerif.ttf'
const SANS = 'DejaVuSans.ttf'
const BOLD = 'DejaVuSans-Bold.ttf'

/** Running text in one column. */
function column(font: string, size: number, top: number, texts: readonly string[]): Line[] {
  return texts.map((text, index) => ({ text, font, size, x: 70, y: top + index * size * 1.9 }))
}

/** Rows of a table: one text in each column. */
function table(top: number, columns: readonly number[], rows: readonly string[][]): Line[] {
  return rows.flatMap((row, index) =>
    row.map((text, place) => ({
      text,
      font: index === 0 ? BOLD : SANS,
      size: 22,
      x: columns[place] ?? 0,
      y: top + index * 46
    }))
  )
}

const PAGES: readonly Page[] = [
  {
    file: 'letter.png',
    width: 900,
    height: 760,
    lines: [
      { text: 'The Commons of Idle Machines', font: BOLD, size: 34, x: 70, y: 100 },
      ...column(SERIF, 24, 180, [
        'Most computers sleep most of the day. A mesh lends',
        'their quiet hours to those who have work to do, and',
        'keeps an honest account of what was done and owed.',
        'Every answer is signed by the machine that gave it.',
        'Some answers are asked for twice, from two owners.',
        'When they differ, a third one settles the question.'
      ]),
      ...column(SERIF, 24, 520, [
        'Nothing is taken on trust that can be checked, and',
        'nothing is paid that was not accepted.'
      ]),
      { text: 'Written for the readers of page one, 2026', font: SANS, size: 20, x: 70, y: 680 }
    ]
  },
  {
    file: 'receipt.png',
    width: 820,
    height: 640,
    lines: [
      { text: 'RECEIPT No. 4711', font: BOLD, size: 32, x: 70, y: 90 },
      { text: 'Library of Small Things, 12 Harbour Street', font: SANS, size: 22, x: 70, y: 145 },
      ...table(
        210,
        [70, 420, 620],
        [
          ['Item', 'Quantity', 'Amount'],
          ['Paper, ruled', '3', '12.60'],
          ['Ink, dark blue', '1', '8.25'],
          ['Envelopes', '25', '6.50'],
          ['Stamps', '10', '9.00']
        ]
      ),
      { text: 'Total 36.35', font: BOLD, size: 26, x: 70, y: 500 },
      { text: 'Paid in cash. Thank you!', font: SANS, size: 22, x: 70, y: 570 }
    ]
  },
  {
    file: 'notice.jpg',
    width: 760,
    height: 420,
    lines: [
      { text: 'NOTICE TO ALL READERS', font: BOLD, size: 34, x: 70, y: 90 },
      ...column(SANS, 24, 160, [
        'The reading room opens at 9:30 and closes at 18:00.',
        'Please return borrowed books by the end of March.',
        'Silence is welcome; so are questions at the desk.'
      ]),
      { text: 'The Librarian', font: SERIF, size: 24, x: 70, y: 350 }
    ]
  }
]

/** Paper is not quite white and ink not quite black. */
const PAPER = 250
const INK = 25

function draw(page: Page, fonts: ReadonlyMap<string, TrueTypeFont>): Canvas {
  const ink = new Uint8Array(page.width * page.height)
  const canvas = { width: page.width, height: page.height, ink }
  for (const line of page.lines) {
    const style = { x: line.x, baseline: line.y, size: line.size }
    fonts.get(line.font)?.draw(canvas, line.text, style)
  }
  return canvas
}

function encode(file: string, canvas: Canvas): Uint8Array {
  const png = new PNG({ width: canvas.width, height: canvas.height, colorType: 0 })
  canvas.ink.forEach((ink, pixel) => {
    const shade = Math.round(PAPER + ((INK - PAPER) * ink) / 255)
    png.data.set([shade, shade, shade, 255], pixel * 4)
  })
  if (file.endsWith('.png')) return PNG.sync.write(png, { colorType: 0 })
  return encodeJpeg({ width: canvas.width, height: canvas.height, data: png.data }, 80).data
}

const folder = process.argv[2]
if (folder === undefined) throw new Error('give the folder of the DejaVu fonts')
const fonts = new Map(
  [SERIF, SANS, BOLD].map((file) => [file, new TrueTypeFont(readFileSync(join(folder, file)))])
)
const target = join(import.meta.dirname, '..', 'examples', 'read-page')
mkdirSync(target, { recursive: true })
for (const page of PAGES) {
  const bytes = encode(page.file, draw(page, fonts))
  writeFileSync(join(target, page.file), bytes)
  console.log(`${page.file} ${bytes.length} bytes`)
}
