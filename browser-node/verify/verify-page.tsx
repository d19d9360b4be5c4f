/**
 * The page that checks a dropped receipt: it says in plain words what was checked and which rule
 * failed. It reads the file here, asks nobody, and judges nothing by itself.
 */
import { useId, useState } from 'preact/hooks'
import { Card, Fact } from '../page/card.tsx'
import { dateAndTime, duration } from '../page/format.ts'
import { strings } from '../page/strings.ts'
import { RECEIPT_RULES, type ReceiptReport, type ReceiptRule } from '../tab-contract.ts'

const words = strings.verify
/** A receipt takes a few kilobytes; a file this large is something else and is not read. */
const FILE_BYTES_MAX = 1024 * 1024

export type VerifyReceipt = (bytes: Uint8Array) => Promise<ReceiptReport>

interface Checked {
  readonly name: string
  readonly report: ReceiptReport
}

export function VerifyPage({ verify }: { readonly verify: VerifyReceipt }) {
  const [checked, setChecked] = useState<Checked | null>(null)
  const [fault, setFault] = useState('')
  const take = (file: File | undefined): void => {
    if (file === undefined) return
    setFault('')
    setChecked(null)
    readAndVerify(file, verify)
      .then(setChecked)
      .catch((error: unknown) => setFault(error instanceof Error ? error.message : String(error)))
  }
  return (
    <>
      <header class="top top-narrow">
        <img src="./icon.svg" alt="" width={28} height={28} />
        <p class="brand">{strings.product}</p>
      </header>
      <main class="narrow">
        <div class="hero">
          <div class="hero-text">
            <h1>{words.title}</h1>
            <p class="lead">{words.text}</p>
          </div>
        </div>
        <Drop take={take} />
        <div role="alert">
          {fault === '' ? null : <p class="notice notice-bad">{strings.failed(fault)}</p>}
        </div>
        <div role="status">{checked === null ? null : <Outcome {...checked} />}</div>
        {checked === null ? null : <Rules report={checked.report} />}
        {checked?.report.facts ? <Facts facts={checked.report.facts} /> : null}
      </main>
    </>
  )
}

async function readAndVerify(file: File, verify: VerifyReceipt): Promise<Checked> {
  if (file.size > FILE_BYTES_MAX) throw new Error(words.tooLarge)
  const bytes = new Uint8Array(await file.arrayBuffer())
  return { name: file.name, report: await verify(bytes) }
}

function Drop({ take }: { readonly take: (file: File | undefined) => void }) {
  const id = useId()
  const [over, setOver] = useState(false)
  return (
    <fieldset
      class="drop"
      data-over={over}
      onDragOver={(event) => {
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault()
        setOver(false)
        take(event.dataTransfer?.files[0])
      }}
    >
      <label for={id}>{words.choose}</label>
      <input
        id={id}
        type="file"
        onChange={(event) => {
          take(event.currentTarget.files?.[0])
          // the same file may be chosen again
          event.currentTarget.value = ''
        }}
      />
    </fieldset>
  )
}

function Outcome({ name, report: { failed } }: Checked) {
  return (
    <p class={failed === null ? 'notice notice-good' : 'notice notice-bad'}>
      {failed === null ? words.good(name) : words.bad(name)}
    </p>
  )
}

function Rules({ report: { failed } }: { readonly report: ReceiptReport }) {
  const failedAt = failed === null ? RECEIPT_RULES.length : RECEIPT_RULES.indexOf(failed.rule)
  return (
    <Card id="rules" title={words.rules}>
      <ol class="rules">
        {RECEIPT_RULES.map((rule, index) => (
          <Rule
            key={rule}
            rule={rule}
            state={index < failedAt ? 'passed' : index === failedAt ? 'failed' : 'unchecked'}
            code={index === failedAt ? (failed?.code ?? '') : ''}
          />
        ))}
      </ol>
    </Card>
  )
}

interface RuleProps {
  readonly rule: ReceiptRule
  readonly state: 'passed' | 'failed' | 'unchecked'
  readonly code: string
}

const SIGNS = { passed: '✓', failed: '✕', unchecked: '–' } as const

function Rule({ rule, state, code }: RuleProps) {
  return (
    <li class={`rule rule-${state}`}>
      <span class="rule-sign" aria-hidden="true">
        {SIGNS[state]}
      </span>
      <span>
        <span class="spoken">{words.states[state]}: </span>
        {state === 'failed' ? words.broken[rule] : words.held[rule]}
        {code === '' ? null : <span class="mono note"> {code}</span>}
      </span>
    </li>
  )
}

function Facts({ facts }: { readonly facts: NonNullable<ReceiptReport['facts']> }) {
  const names = words.facts
  return (
    <Card id="about" title={words.says}>
      <dl class="facts">
        <Fact name={names.mesh}>
          {facts.meshName} <span class="mono whole soft">{facts.meshId}</span>
        </Fact>
        <Fact name={names.node}>
          <span class="mono whole">{facts.node}</span>
        </Fact>
        <Fact name={names.unit}>
          <span class="mono whole">{facts.unit}</span>
        </Fact>
        <Fact name={names.lease}>
          <span class="mono whole">{facts.lease}</span>
        </Fact>
        <Fact name={names.model}>
          <span class="mono whole">{facts.model ?? strings.now.noModel}</span>
        </Fact>
        <Fact name={names.output}>
          <span class="mono whole">{facts.output}</span>
        </Fact>
        <Fact name={names.runtime}>{facts.runtime}</Fact>
        <Fact name={names.when}>
          {words.ran(dateAndTime(facts.startedMs), duration(facts.finishedMs - facts.startedMs))}
        </Fact>
      </dl>
    </Card>
  )
}
