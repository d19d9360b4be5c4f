/** The models in this browser and the backends of this device, each with why it was refused. */
import { ERROR_CODES } from '#contracts'
import type { BackendView, ModelView, TabView } from '../tab-contract.ts'
import { Card, Chip, Empty } from './card.tsx'
import { bytes, mebibytes } from './format.ts'
import { strings } from './strings.ts'

const MODEL_TONES = { fetching: 'plain', checking: 'plain', ready: 'good', refused: 'bad' } as const
const BACKEND_TONES = {
  ready: 'good',
  checking: 'plain',
  off: 'plain',
  unavailable: 'wait'
} as const

export function Models({ view }: { readonly view: TabView }) {
  const { models, backends, cacheBytes, limits } = view
  const words = strings.models
  return (
    <Card
      id="models"
      title={words.title}
      note={words.cache(bytes(cacheBytes), mebibytes(limits.cacheMb))}
    >
      {models.length === 0 ? <Empty>{words.empty}</Empty> : null}
      <ul class="rows">
        {models.map((model) => (
          <Model key={model.cid} model={model} />
        ))}
      </ul>
      <h3>{words.backends}</h3>
      {backends.length === 0 ? <p class="note">{words.backendsLater}</p> : null}
      <ul class="rows">
        {backends.map((backend) => (
          <Backend key={backend.provider} backend={backend} />
        ))}
      </ul>
    </Card>
  )
}

/** An error as logs have it, at the end of a reason: its code, then its facts. */
const LOGGED_ERROR = /([a-z_]+\.[a-z_]+)(?: \{.*\})?$/s

/** Which backend a reason is about, and at which of the model's golden vectors it came up. */
const ABOUT = /^(wasm|webgpu): (?:golden \d+: )?/

/**
 * The reason with what people may do in place of codes, and their names for backends; the words of the
 * node stay where one points.
 */
const plainReason = (reason: string): string =>
  reason
    .split(/; (?=wasm: |webgpu: )/)
    .map((one) => withHint(one).replace(ABOUT, (_all, name) => `${providerName(name)}: `))
    .join(' ')

const providerName = (name: string): string =>
  name === 'wasm' || name === 'webgpu' ? strings.providers[name] : name

function withHint(reason: string): string {
  const [whole = '', code = ''] = LOGGED_ERROR.exec(reason) ?? []
  const hint = Object.entries(ERROR_CODES).find(([known]) => known === code)?.[1].hint
  return hint === undefined ? reason : `${reason.slice(0, reason.length - whole.length)}${hint}`
}

function Model({ model }: { readonly model: ModelView }) {
  const { name, bytes: all, bytesHeld, state, provider, reason } = model
  const words = strings.models
  const held = words.held(bytes(bytesHeld), bytes(all))
  return (
    <li class="row">
      <span class="row-name">{name}</span>
      <Chip tone={MODEL_TONES[state]}>{words.states[state]}</Chip>
      <span class="note">
        {provider === null ? '' : `${strings.providers[provider]}, `}
        {bytesHeld < all ? held : bytes(all)}
      </span>
      {state === 'fetching' ? (
        <progress aria-label={words.progress(name)} value={bytesHeld} max={all} />
      ) : null}
      {reason === '' ? null : (
        <p class={state === 'refused' ? 'why why-all' : 'why'} title={reason}>
          {plainReason(reason)}
        </p>
      )}
    </li>
  )
}

/** What WASM says of itself is the number of its threads. */
const isCount = (detail: string): boolean => /^\d+$/.test(detail)

function Backend({ backend: { provider, state, detail } }: { readonly backend: BackendView }) {
  return (
    <li class="row">
      <span class="row-name">{strings.providers[provider]}</span>
      <Chip tone={BACKEND_TONES[state]}>{strings.models.backendStates[state]}</Chip>
      <span class="note">{isCount(detail) ? strings.models.threads(Number(detail)) : detail}</span>
    </li>
  )
}
