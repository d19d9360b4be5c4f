/** The door to the machines: they run in Node, in a browser and in the simulator. */
export type {
  AgentEffect,
  AgentInput,
  AgentOffer,
  AgentOptions,
  BuiltInItem,
  KnownGateway,
  RunResult,
  UnreadableOffer,
  Verdicts
} from './agent/agent-contract.ts'
export { AgentMachine } from './agent/agent-machine.ts'
export type { AgentStatus } from './agent/agent-status.ts'
export {
  BUILT_IN_HANDLERS,
  type BuiltInOutput,
  builtInOf,
  runBuiltIn
} from './agent/built-in.ts'
export { OFFER_RULES, type OfferRule } from './agent/offer-rules.ts'
export type {
  GatewayEffect,
  GatewayInput,
  GatewayOptions,
  JudgeCandidate,
  JudgedAttempt,
  JudgedUnit,
  JudgeRequest,
  NodeStanding,
  PriceQuestion,
  TrustView
} from './gateway/gateway-io.ts'
export { GatewayMachine } from './gateway/gateway-machine.ts'
export type {
  Explanation,
  GatewaySizes,
  GatewaySnapshot,
  UnitExplanation
} from './gateway/views.ts'
export { steadyTime } from './steady-time.ts'
