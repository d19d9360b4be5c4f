/** How far a session has come, as people and programs watch it. Counts only; decides nothing. */

/** Counts of units are of those known so far: a fan-out adds its units when its list is known. */
export interface SessionProgress {
  readonly unitsDone: number
  readonly unitsFailed: number
  readonly unitsRunning: number
  readonly unitsWaiting: number
  /** Nodes that are ready to work; 1 on a machine alone. */
  readonly nodes: number
  readonly spentMicro: number
  readonly budgetMicro: number
  /** The task that moved last, for people. */
  readonly task: string
}
