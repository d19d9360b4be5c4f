/** The frame of a section, and small parts that more than one section draws. */
import type { ComponentChildren } from 'preact'

interface CardProps {
  readonly id: string
  readonly title: string
  readonly note?: string
  readonly children: ComponentChildren
}

export function Card({ id, title, note, children }: CardProps) {
  return (
    <section class={`card card-${id}`} aria-labelledby={`${id}-title`}>
      <header class="card-head">
        <h2 id={`${id}-title`}>{title}</h2>
        {note === undefined ? null : <p class="note">{note}</p>}
      </header>
      {children}
    </section>
  )
}

interface FactProps {
  readonly name: string
  readonly children: ComponentChildren
}

/** One line of a `<dl>`. */
export function Fact({ name, children }: FactProps) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

interface ChipProps {
  readonly tone: 'good' | 'wait' | 'bad' | 'plain'
  readonly children: ComponentChildren
}

export function Chip({ tone, children }: ChipProps) {
  return <span class={`chip chip-${tone}`}>{children}</span>
}

export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <p class="empty">{children}</p>
}
