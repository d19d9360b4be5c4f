/**
 * Every word that the page shows or speaks, in one place, so that it can be read as a whole and
 * translated. Plain sentences for people who never heard of a mesh; no markup, no logic.
 */
import type {
  DetailKey,
  HoldRule,
  ModelView,
  ReceiptRule,
  TabPhase,
  UnitLine
} from '../tab-contract.ts'

type Facts = Readonly<Record<string, string>>

const plural = (count: number, one: string, many: string): string =>
  `${count.toLocaleString('en')} ${count === 1 ? one : many}`

/** The title and the sentence of each phase. */
const phases: Readonly<Record<TabPhase, { readonly title: string; readonly text: string }>> = {
  consent: {
    title: 'Lend this mesh some computing time',
    text: 'Your browser can run small pieces of AI work for other people, within limits that you set. Nothing starts before you press the button.'
  },
  joining: { title: 'Joining the mesh', text: 'Looking for nodes that answer.' },
  waiting: { title: 'Ready for work', text: 'Joined. The next unit starts by itself.' },
  working: { title: 'Working', text: 'Your machine is running a unit of work.' },
  paused: { title: 'Paused', text: 'Nothing runs. Start again whenever you like.' },
  finishing: {
    title: 'Finishing up',
    text: 'The unit that runs is brought to its end. No new one is taken.'
  },
  blocked: { title: 'This browser cannot help yet', text: 'Something is missing.' },
  elsewhere: {
    title: 'Running in another tab',
    text: 'You already donate in another tab of this browser. One tab at a time does the work.'
  }
}

const details: Readonly<Record<DetailKey, (facts: Facts) => string>> = {
  'joining.dialling': () => 'Looking for nodes that answer.',
  'joining.reconnecting': ({ in_s }) => `The connection was lost. Next try in ${in_s ?? '?'} s.`,
  'waiting.no_work': () => 'Joined. There is no work for you right now; it starts by itself.',
  'waiting.fetching_model': ({ model }) =>
    `Fetching the model ${model ?? ''} before its first unit.`,
  'waiting.checking_model': ({ model }) =>
    `Trying the model ${model ?? ''} on this device: it must give the right answers first.`,
  'waiting.no_backend': ({ model }) =>
    `There is work for the model ${model ?? ''}, but it does not give the right answers on this device. See Models.`,
  'waiting.memory': ({ needed, allowed }) =>
    `The next unit needs ${needed ?? 'more'} of memory and you allow ${allowed ?? 'less'}. Raise the limit to take it.`,
  'waiting.all_off': () => 'CPU and GPU are both switched off. Switch one on to take work.',
  'waiting.not_trusted': ({ reason }) =>
    `The mesh gives this node no work at the moment: ${reason ?? 'no reason was given'}.`,
  'blocked.no_link': () =>
    'This address does not name a mesh. Open the whole link that you were given, with all that follows the # sign.',
  'blocked.bad_link': ({ fault }) =>
    `The link cannot be read (${fault ?? 'damaged'}). Ask for it again and open it whole.`,
  'blocked.other_mesh': ({ found }) =>
    `Who answers at this address belongs to another mesh (${found ?? 'unknown'}). Ask for a new link.`,
  'blocked.insecure': () =>
    'Browsers allow this kind of work on https pages and on this machine alone. Open the page by https or from localhost.',
  'blocked.no_wasm': () =>
    'This browser has no WebAssembly. Use a current Chrome, Edge, Firefox or Safari.',
  'blocked.no_crypto': () =>
    'This browser has no Web Cryptography, so it cannot prove to the mesh who it is. Use a current Chrome, Edge, Firefox or Safari.',
  'blocked.no_workers': () =>
    'This browser has no workers, so the work would freeze the page. A setting or an add-on may have switched them off.',
  'blocked.no_transport': () =>
    'This browser has neither WebRTC nor WebSocket, so it cannot reach the mesh. A setting or an add-on may have switched them off.',
  'blocked.no_storage': ({ fault }) =>
    `This browser keeps nothing for this page (${fault ?? 'storage is off'}). Leave private browsing, or allow site data.`,
  'blocked.storage_full': () =>
    'The disk space of this browser is used up. Free some, or lower the cache limit.',
  'blocked.cleared': () =>
    'The data that this page kept was cleared, the key of this node too. Start again to come back as a new node: the page loads anew and asks you once more.',
  'blocked.clock': ({ off }) =>
    `The clock of this machine is off by ${off ?? 'much'}. Set it right, then start again.`,
  'blocked.failed': ({ fault }) => `It did not work: ${fault ?? 'no reason was given'}.`,
  'elsewhere.other_tab': () =>
    'You already donate in another tab of this browser. Close that tab, or start here after it.'
}

const holds: Readonly<Record<HoldRule, { readonly title: string; readonly lift: string }>> = {
  owner: { title: 'You paused it', lift: 'Start again' },
  battery: { title: 'On battery: paused until it is plugged in', lift: 'Work on battery' },
  metered: { title: 'On a metered connection: paused', lift: 'Use this connection' },
  schedule: { title: 'Outside the hours that you set', lift: 'Work now all the same' },
  unit_limit: { title: 'As many units are done as you asked for', lift: 'Go on' },
  download_cap: { title: 'Today’s download limit is reached', lift: 'Allow more today' },
  offline: { title: 'This machine is offline', lift: 'Try all the same' },
  hidden: { title: 'The browser slows down hidden tabs', lift: 'Work all the same' }
}

const unitStates: Readonly<Record<UnitLine['state'], string>> = {
  in_verification: 'In verification',
  escrow: 'Escrow',
  cleared: 'Cleared',
  rejected: 'Rejected',
  lost: 'Lost'
}

const modelStates: Readonly<Record<ModelView['state'], string>> = {
  fetching: 'Fetching',
  checking: 'Being checked',
  ready: 'Ready',
  refused: 'Refused'
}

/** In place of a phase while a rule of the owner keeps it from taking work. */
const onHold = {
  title: 'On hold',
  text: 'It goes on by itself as soon as the reason is gone.'
}

export const strings = {
  product: 'KORA mesh',
  skip: 'Skip to the content',
  phases,
  onHold,
  holds,
  detail: (key: DetailKey, facts: Facts): string => details[key](facts),
  start: {
    first: 'Start donating',
    again: 'Start again',
    retry: 'Start again',
    here: 'Start in this tab',
    pause: 'Pause',
    pauseNow: 'Pause now',
    finish: 'Finish this unit, then pause'
  },
  until: (time: string): string => `until ${time}`,
  failed: (what: string): string => `That did not work: ${what}`,
  notLoaded: {
    title: 'The page is not complete',
    text: 'A part of it could not be loaded. Check the connection, then load the page again.'
  },
  connection: {
    none: 'Not connected',
    peers: (count: number): string => `Connected to ${plural(count, 'node', 'nodes')}`
  },
  consent: {
    title: 'Before you start',
    asks: 'Who asks',
    asksText: (mesh: string, operator: string): string => `${mesh}, operated by ${operator}`,
    purpose: 'What for',
    purposeUnknown:
      'The operator of this mesh does not say what it is for. Each unit names the job that it is part of while it runs.',
    models: 'Which models',
    modelsUnknown:
      'The operator does not say beforehand. Each unit names its model, and a model runs here only after it gave the right answers on this device.',
    model: (size: string, licence: string): string => `${size}, ${licence}`,
    modelsText: (all: string): string =>
      `Only models that there is work for are fetched, ${all} at most, and each runs here only after it gave the right answers on this device. Models that join later are named with their units.`,
    used: 'What is used',
    usedText: (intensity: string, memory: string, download: string): string =>
      `Up to ${intensity} of the time of your processor or graphics chip, ${memory} of memory and ${download} of download a day. You can change this now or later.`,
    safe: 'What is not',
    safeText:
      'No file, camera or microphone of yours. The work runs inside the browser’s sandbox and ends with this tab. It pauses by itself on battery and on metered connections.',
    paid: 'What you get',
    paidText: 'Credit in the public ledger of this mesh, with signed receipts. Credit is not money.'
  },
  now: {
    title: 'Now',
    idle: 'No unit is running.',
    for: (tenant: string): string => `for ${tenant}`,
    purpose: 'Purpose',
    model: 'Model',
    noModel: 'none',
    on: 'Runs on',
    since: 'Running for',
    progress: (task: string): string => `Progress of ${task}`,
    unknownProgress: 'This kind of unit does not tell how far it is.'
  },
  providers: { wasm: 'CPU (WebAssembly)', webgpu: 'GPU (WebGPU)' },
  tally: {
    title: 'So far',
    done: 'Units done',
    rejected: 'Rejected',
    waiting: 'Waiting here',
    lost: 'Lost',
    rate: 'Units per minute',
    rateLater: 'after warm-up',
    down: 'Received',
    up: 'Sent',
    today: (amount: string, cap: string): string => `${amount} of ${cap} today`
  },
  credit: {
    title: 'Credit',
    unit: 'credits',
    stages: {
      in_verification: {
        name: 'In verification',
        text: 'Promised for units that run or are not yet judged.'
      },
      escrow: { name: 'Escrow', text: 'Accepted, held until later checks confirm it.' },
      cleared: { name: 'Cleared', text: 'Final in the ledger.' }
    },
    empty: 'Each finished unit adds a line here.',
    lines: 'Lines of your account, newest first',
    unitColumn: 'Unit',
    stateColumn: 'Stage',
    creditColumn: 'Credit',
    show: (unit: string): string => `Unit ${unit}`,
    more: (count: number): string => `Show ${plural(count, 'more line', 'more lines')}`
  },
  unitStates,
  units: {
    title: 'Units',
    empty: 'No unit is finished yet.',
    id: 'Unit',
    lease: 'Lease',
    model: 'Model',
    ended: 'Ended',
    took: 'Took',
    reason: 'Why',
    receipt: 'Download the signed receipt',
    noReceipt: 'There is a receipt once the unit is accepted.',
    more: (count: number): string => `Show ${plural(count, 'more unit', 'more units')}`
  },
  trust: {
    title: 'Trust',
    none: 'The mesh knows nothing of this node yet. Trust begins with the first accepted unit.',
    score: 'Trust score',
    of: (score: string): string => `${score} of 1,000`,
    next: (score: string, what: string): string => `At ${score}: ${what}`,
    top: 'There is nothing above: this node has the full trust of the mesh.',
    changes: 'Every change and its reason',
    noChange: 'No change so far.',
    more: (count: number): string => `Show ${plural(count, 'more change', 'more changes')}`
  },
  models: {
    title: 'Models and backends',
    empty: 'No model is here yet. The first unit of a model brings it.',
    states: modelStates,
    held: (held: string, all: string): string => `${held} of ${all}`,
    progress: (name: string): string => `Download of ${name}`,
    cache: (held: string, cap: string): string => `${held} of ${cap} kept in this browser`,
    backends: 'Backends of this device',
    backendsLater: 'They are tried when you start.',
    threads: (count: number): string => plural(count, 'thread', 'threads'),
    backendStates: {
      ready: 'Ready',
      unavailable: 'Not available',
      off: 'Switched off',
      checking: 'Being checked'
    }
  },
  limits: {
    title: 'Your limits',
    text: 'They bind at once and are kept in this browser.',
    intensity: 'Intensity',
    intensityText: (percent: number): string =>
      percent === 100 ? 'works all the time' : `works ${percent} % of the time, rests in between`,
    cpu: 'Use the processor (CPU)',
    gpu: 'Use the graphics chip (GPU)',
    largeModels: 'Larger models too, such as speech to text',
    memory: 'Memory, MiB',
    download: 'Download a day, MiB',
    cache: 'Kept in this browser, MiB',
    battery: 'Pause on battery',
    metered: 'Pause on metered connections',
    schedule: 'Only at certain hours',
    from: 'From',
    to: 'To',
    overMidnight: 'runs over midnight',
    stopAfter: 'Pause after a number of units',
    stopAfterUnits: 'Number of units',
    between: (min: string, max: string): string => `${min} to ${max}`
  },
  history: {
    title: 'History',
    empty: 'The plot begins with the first units.',
    series: 'What to plot',
    units: 'Units',
    credit: 'Credit',
    data: 'Data',
    down: 'received, MiB',
    up: 'sent, MiB',
    plot: (what: string, minutes: number, last: string): string =>
      `Plot of ${what} per minute over ${plural(minutes, 'minute', 'minutes')}; the last value is ${last}. The table below has the figures.`,
    table: 'The same as a table',
    time: 'Time',
    unitsColumn: 'Units',
    creditColumn: 'Credit',
    downColumn: 'Received',
    upColumn: 'Sent'
  },
  about: {
    title: 'This node',
    peer: 'Node',
    mesh: 'Mesh',
    ways: 'Connected by',
    verify: 'Check a receipt',
    none: 'none yet'
  },
  spoken: {
    done: (count: number): string => `${plural(count, 'unit is', 'units are')} done.`
  },
  verify: {
    title: 'Check a receipt',
    text: 'A receipt shows what a node did and that it was accepted. It is checked here, in your browser; nothing is sent anywhere.',
    choose: 'Choose a receipt file, or drop it here',
    tooLarge: 'The file is over 1 MiB, so it is no receipt.',
    good: (file: string): string => `${file} is genuine`,
    bad: (file: string): string => `${file} is not a genuine receipt`,
    rules: 'What was checked',
    says: 'What the receipt says',
    states: { passed: 'Passed', failed: 'Failed', unchecked: 'Not checked' },
    held: {
      file: 'The file is a receipt and holds nothing else.',
      mesh: 'It belongs to the mesh that it names, and the operator signed that mesh’s rules.',
      signature: 'A node signed the batch of results that this one is from.',
      path: 'This very result is in the signed batch.',
      attestation: 'The result is described in the form that the rules ask for.',
      signer: 'The node that it names is the node that signed.',
      acceptance: 'A gateway of the mesh signed that the result was accepted.'
    } satisfies Readonly<Record<ReceiptRule, string>>,
    broken: {
      file: 'The file is no receipt, or it was damaged.',
      mesh: 'It does not belong to the mesh that it names.',
      signature: 'The signature does not fit: somebody changed it or signed something else.',
      path: 'The result was changed, or it was not in what the node signed.',
      attestation: 'The result is not described in the form that the rules ask for.',
      signer: 'It names another node than the one that signed.',
      acceptance: 'No gateway of the mesh signed that this result was accepted.'
    } satisfies Readonly<Record<ReceiptRule, string>>,
    facts: {
      mesh: 'Mesh',
      node: 'Node',
      unit: 'Unit',
      lease: 'Lease',
      model: 'Model',
      output: 'Output',
      runtime: 'Ran on',
      when: 'When'
    },
    ran: (started: string, took: string): string =>
      `${started}, for ${took}, by the node’s own clock`
  },
  widget: {
    title: 'Donate computing time',
    frame: 'Donate computing time to this mesh',
    asks: (host: string): string => `Runs small pieces of AI work for the mesh of ${host}.`,
    start: 'Start donating',
    noLink: 'The mesh attribute is no donate link.',
    unseen:
      'Nothing was started: a part of this box was covered, cut off or only just shown. Bring all of it into view and press again, or open the whole page.',
    confirmText: 'Did you mean to let this machine work for the mesh named above?',
    confirm: 'Yes, go ahead',
    whole: 'Open the whole page',
    cleared: 'Cleared credit',
    pending: 'On its way'
  }
} as const

/** Why a score or a unit's fate changed: the mesh's own words where there are no plainer ones. */
const reasons: Readonly<Record<string, string>> = {
  accepted: 'A result was accepted',
  copied: 'A result was a copy of another node’s',
  disagreed: 'A result differed from those of other nodes',
  schema: 'A result had the wrong form',
  over_budget: 'A unit used more than its budget',
  failed: 'A unit failed here',
  timeout: 'A unit took too long',
  expired: 'A lease ended before the result came',
  rejected: 'A unit was refused',
  released: 'A unit was handed back',
  cancelled: 'The work was cancelled by who asked for it',
  redundant: 'Others had given enough results already',
  confirmed: 'Another node confirmed a result',
  proven: 'Enough results were confirmed: this node’s word is taken',
  taken_alone: 'A result was taken on this node’s word: more must be confirmed',
  due: 'More of its results are to be confirmed before its word is taken again',
  refuted: 'Other nodes refuted a result: this node is tested before all others',
  convicted: 'Several results were wrong: what was not final went back, and the proof begins anew',
  cleared: 'Enough results were right since: the suspicion is over',
  mood_calm: 'The mesh is calm again and asks for shorter proofs',
  mood_hostile: 'Nodes were caught cheating: the mesh asks all for longer proofs',
  mood_infiltrated: 'Old nodes were caught cheating: the mesh asks all for longer proofs'
}

export const reasonText = (reason: string): string => reasons[reason] ?? reason
