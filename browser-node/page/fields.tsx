/** The controls of the limits. A number counts once it is entered whole, never while it is typed. */
import { useId, useState } from 'preact/hooks'
import { strings } from './strings.ts'

interface SwitchProps {
  readonly label: string
  readonly on: boolean
  readonly set: (on: boolean) => void
}

export function Switch({ label, on, set }: SwitchProps) {
  return (
    <label class="field switch">
      <span>{label}</span>
      <input
        type="checkbox"
        role="switch"
        checked={on}
        aria-checked={on}
        onChange={(event) => set(event.currentTarget.checked)}
      />
    </label>
  )
}

interface Bounds {
  readonly min: number
  readonly max: number
}

interface NumberFieldProps extends Bounds {
  readonly label: string
  readonly value: number
  readonly set: (value: number) => void
}

export function NumberField({ label, value, min, max, set }: NumberFieldProps) {
  const id = useId()
  const [draft, setDraft] = useState<string | null>(null)
  const entered = (text: string): void => {
    const read = Math.round(Number(text))
    if (text.trim() !== '' && Number.isFinite(read)) set(Math.min(max, Math.max(min, read)))
    setDraft(null)
  }
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="number"
        inputMode="numeric"
        min={min}
        max={max}
        value={draft ?? value}
        title={strings.limits.between(min.toLocaleString('en'), max.toLocaleString('en'))}
        onInput={(event) => setDraft(event.currentTarget.value)}
        onChange={(event) => entered(event.currentTarget.value)}
      />
    </div>
  )
}

interface RangeProps extends Bounds {
  readonly label: string
  readonly value: number
  readonly step: number
  readonly text: string
  readonly set: (value: number) => void
}

export function Range({ label, value, step, min, max, text, set }: RangeProps) {
  const id = useId()
  return (
    <div class="field field-tall">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="range"
        min={min}
        max={max}
        step={step}
        value={value}
        aria-valuetext={text}
        onInput={(event) => set(Number(event.currentTarget.value))}
      />
      <span class="note" aria-hidden="true">
        {text}
      </span>
    </div>
  )
}
