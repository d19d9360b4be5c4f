/**
 * `<kora-donate mesh="…">`: a small box on any site that says who asks, and a frame of the mesh's
 * own page once the visitor presses Start. `mesh` is the donate link that `kora up` prints.
 *
 * Nothing but this file is loaded before that press. Consent, keys and work stay in the frame, which
 * belongs to the mesh's page: the site around it can neither read nor start them. It tells the site
 * where it stands by `kora-donate` events.
 */
import { strings } from '../page/strings.ts'
import { readFrameMessage } from './frame-messages.ts'
import { WIDGET_STYLE } from './widget-style.ts'

const words = strings.widget
const FRAME = './frame.html'

export class KoraDonate extends HTMLElement {
  static readonly observedAttributes = ['mesh']
  readonly #root = this.attachShadow({ mode: 'open' })
  #frame: HTMLIFrameElement | undefined

  constructor() {
    super()
    const style = new CSSStyleSheet()
    style.replaceSync(WIDGET_STYLE)
    this.#root.adoptedStyleSheets = [style]
  }

  connectedCallback(): void {
    addEventListener('message', this.#heard)
    this.#drawBox()
  }

  disconnectedCallback(): void {
    removeEventListener('message', this.#heard)
    this.#frame = undefined
  }

  attributeChangedCallback(): void {
    if (this.isConnected) this.#drawBox()
  }

  #drawBox(): void {
    this.#frame = undefined
    const link = readLink(this.getAttribute('mesh'))
    const box = element('div', '')
    box.className = 'box'
    box.append(
      element('h2', words.title),
      element('p', link === null ? words.noLink : words.asks(link.host)),
      document.createElement('slot')
    )
    if (link !== null) {
      const button = element('button', words.start)
      button.type = 'button'
      button.addEventListener('click', () => this.#openFrame(link))
      box.append(button)
    }
    this.#root.replaceChildren(box)
  }

  #openFrame(link: URL): void {
    const frame = document.createElement('iframe')
    const source = new URL(FRAME, link)
    source.hash = link.hash
    frame.src = source.href
    frame.title = words.frame
    // threads, where the site around it is isolated
    frame.allow = 'cross-origin-isolated'
    this.#frame = frame
    this.#root.replaceChildren(frame)
    frame.focus()
  }

  readonly #heard = ({ data, source }: MessageEvent<unknown>): void => {
    const frame = this.#frame
    if (frame === undefined || source !== frame.contentWindow) return
    const message = readFrameMessage(data)
    if (message === null) return
    frame.style.height = `${message.heightPx}px`
    const { phase, clearedMicro } = message
    this.dispatchEvent(new CustomEvent('kora-donate', { detail: { phase, clearedMicro } }))
  }
}

function readLink(text: string | null): URL | null {
  if (text === null || !URL.canParse(text, document.baseURI)) return null
  const link = new URL(text, document.baseURI)
  const isPage = link.protocol === 'https:' || link.protocol === 'http:'
  return isPage && link.hash.length > 1 ? link : null
}

function element<Tag extends 'button' | 'div' | 'h2' | 'p'>(
  tag: Tag,
  text: string
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag)
  made.textContent = text
  return made
}
