/** Stories that go well, and the same with one thing wrong in each: what a checker must see, and must not. */
import { rightAnswer, wrongAnswer } from '../../sim/nodes/answers.ts'
import { A, CHILD, CheckStory, LEASE_MS, nodeOf, QUORUM, SINGLE } from './check-story.ts'

const B = nodeOf(1)
const C = nodeOf(2)
export const one = { unit: SINGLE, attempt: 1, node: A }
const two = { unit: SINGLE, attempt: 2, node: B }
export const first = { unit: QUORUM, attempt: 1, node: A }
const second = { unit: QUORUM, attempt: 2, node: B }
const WRONG = wrongAnswer(QUORUM.id)
const UNPLACED = { status: 'timeout', error: { code: 'unit.no_node', detail: '' } } as const

export const single = () => new CheckStory().begin([SINGLE], ['a', 'b'])
/** Where nodes are checked, two run what asks for one. */
const third = { unit: SINGLE, attempt: 3, node: C }
const checked = () =>
  new CheckStory(true).begin([SINGLE], ['a', 'b', 'c']).reserve(one).reserve(two).result(one)
/** Nobody has been there who could run it, for as long as it waits. */
const deserted = () => single().after(60_000).withdraw(A).gone(B).after(30_000)
const child = { unit: CHILD, attempt: 1, node: A }
const family = () => new CheckStory().begin([SINGLE, CHILD], ['a']).reserve(one).result(one)
const quorum = () =>
  new CheckStory().begin([QUORUM], ['a', 'b']).reserve(first, second).grant(first).grant(second)
/** Both have committed and shown what they have. */
const shown = (story: CheckStory) =>
  story.commit(first).commit(second).reveal(first).reveal(second).result(first).result(second)

/** A story that goes well, and the same with one thing wrong in it. */
export const STORIES: readonly {
  readonly sees: string
  readonly rule: string
  readonly well: () => CheckStory
  readonly ill: () => CheckStory
}[] = [
  {
    sees: 'a unit that ends twice',
    rule: 'one_end',
    well: () => single().reserve(one).result(one).accept(one).end(SINGLE),
    ill: () => single().reserve(one).result(one).accept(one).end(SINGLE).end(SINGLE)
  },
  {
    sees: 'a unit without its terminal event',
    rule: 'one_terminal_event',
    well: () => single().reserve(one).result(one).accept(one).end(SINGLE),
    ill: () => new CheckStory().reserve(one).end(SINGLE, { status: 'failed' })
  },
  {
    sees: 'a unit that is leased after its end',
    rule: 'nothing_after_the_end',
    well: () => single().reserve(one).result(one).accept(one).end(SINGLE),
    ill: () => single().end(SINGLE, { status: 'cancelled' }).reserve(one)
  },
  {
    sees: 'a unit that is leased before what it waits for has ended',
    rule: 'parents_first',
    well: () => family().accept(one).reserve(child),
    ill: () => family().reserve(child)
  },
  {
    sees: 'an attempt that is reserved twice',
    rule: 'one_payment',
    well: () => single().reserve(one).result(one).accept(one),
    ill: () => single().reserve(one).reserve(one)
  },
  {
    sees: 'an attempt that is paid unreserved',
    rule: 'one_payment',
    well: () => single().reserve(one).result(one).accept(one),
    ill: () => single().accept(one)
  },
  {
    sees: 'an attempt that is paid and given back',
    rule: 'one_payment',
    well: () => single().reserve(one).result(one).accept(one),
    ill: () => single().reserve(one).result(one).accept(one).void(one, 'redundant')
  },
  {
    sees: 'two holders of one place',
    rule: 'one_holder',
    well: () => single().reserve(one).void(one, 'released').reserve(two),
    ill: () => single().reserve(one).reserve(two)
  },
  {
    sees: 'a third who does what two do to be compared',
    rule: 'one_holder',
    well: () => checked().result(two).reserve(third),
    ill: () =>
      checked()
        .reserve(third)
        .reserve({ ...third, attempt: 4, node: nodeOf(3) })
  },
  {
    sees: 'one owner in both replicas',
    rule: 'distinct_owners',
    well: quorum,
    ill: () => new CheckStory().begin([QUORUM], ['a', 'a']).reserve(first, second)
  },
  {
    sees: 'a node that is granted more than it takes',
    rule: 'node_not_overfilled',
    well: () => single().hello(A, [], 1).reserve(one),
    ill: () => single().hello(A, [], 1).reserve(one).reserve(first)
  },
  {
    sees: 'a lease to one who offers nothing any more',
    rule: 'offered',
    well: () => single().withdraw(A).claim(A).reserve(one),
    ill: () => single().withdraw(A).reserve(one)
  },
  {
    sees: 'a node that begins something while its owner wants the machine back',
    rule: 'rests_when_told',
    well: () => single().reserve(one).rests(A).rests(A, false).begins(one),
    ill: () => single().reserve(one).rests(A).begins(one)
  },
  {
    sees: 'a node that is given work long after it said that it rests',
    rule: 'rests_when_told',
    well: () => single().rests(A).after(1_000).reserve(one),
    ill: () => single().rests(A).after(30_000).reserve(one)
  },
  {
    sees: 'a node that rests and takes what it will not begin',
    rule: 'rests_when_told',
    well: () => single().granted(A, 1).rests(A).granted(A, 0),
    ill: () => single().rests(A).granted(A, 1)
  },
  {
    sees: 'a node that is given back by its owner and offers nothing',
    rule: 'serves_again',
    well: () => single().rests(A).withdraw(A).rests(A, false).claim(A).after(30_000).beats(A),
    ill: () => single().rests(A).withdraw(A).rests(A, false).after(30_000).beats(A)
  },
  {
    sees: 'a unit that is given up as if nobody were there',
    rule: 'given_up_early',
    well: () => deserted().end(SINGLE, UNPLACED),
    ill: () => single().after(60_000).withdraw(A).gone(B).after(20_000).end(SINGLE, UNPLACED)
  },
  {
    sees: 'a unit that is given up although an offer was taken',
    rule: 'given_up_early',
    // the control node looks around before it takes the offer, and loses the node in that look
    well: () => deserted().offer(A).end(SINGLE, UNPLACED),
    ill: () => deserted().claim(A).end(SINGLE, UNPLACED)
  },
  {
    sees: 'a lease that outlives its time',
    rule: 'lease_ends_in_time',
    well: () => single().reserve(one).after(LEASE_MS).void(one, 'expired'),
    ill: () =>
      single()
        .reserve(one)
        .after(LEASE_MS + 1_000)
        .void(one, 'expired')
  },
  {
    sees: 'a lease that outlives the link of its node',
    rule: 'lease_ends_in_time',
    well: () => single().reserve(one).gone(A).after(2_500).void(one, 'expired'),
    ill: () => single().reserve(one).gone(A).after(4_000).void(one, 'expired')
  },
  {
    sees: 'a lease that its node has forgotten',
    rule: 'lease_ends_in_time',
    well: () => single().reserve(one).hello(A, []).void(one, 'expired'),
    ill: () => single().reserve(one).hello(A, []).after(1_000).void(one, 'expired')
  },
  {
    sees: 'pay for a result that came too late',
    rule: 'paid_for_a_result',
    well: () => single().reserve(one).result(one).accept(one),
    ill: () => single().reserve(one).after(LEASE_MS).result(one).accept(one)
  },
  {
    sees: 'pay for the result of another node',
    rule: 'paid_for_a_result',
    well: () => single().reserve(one).result(one).accept(one),
    ill: () => single().reserve(one).result(one, rightAnswer(SINGLE.id), B).accept(one)
  },
  {
    sees: 'a result that is not what was committed to',
    rule: 'commitment_kept',
    well: () => shown(quorum()).accept(first),
    ill: () => shown(quorum().commit(first, WRONG)).accept(first)
  },
  {
    sees: 'a result that is asked for before all have committed',
    rule: 'revealed_together',
    well: () => quorum().commit(first).commit(second).reveal(first),
    ill: () => quorum().commit(first).reveal(first)
  },
  {
    sees: 'pay for another output than that which stands',
    rule: 'paid_for_agreeing',
    well: () => shown(quorum()).accept(first).accept(second, false),
    ill: () =>
      quorum()
        .commit(first)
        .commit(second, WRONG)
        .result(first)
        .result(second, WRONG)
        .accept(first)
        .accept(second, false)
  },
  {
    sees: 'a quorum of one',
    rule: 'outcome_borne_out',
    well: () => shown(quorum()).accept(first).accept(second, false).end(QUORUM),
    ill: () => shown(quorum()).accept(first).end(QUORUM)
  },
  {
    sees: 'an output that nobody was paid for',
    rule: 'outcome_borne_out',
    well: () => single().reserve(one).result(one).accept(one).end(SINGLE),
    ill: () => single().reserve(one).result(one).accept(one).end(SINGLE, { outputCid: WRONG })
  },
  {
    sees: 'a node that is told another verdict than is booked',
    rule: 'told_as_booked',
    well: () => single().reserve(one).result(one).accept(one).ack(one, 'accepted'),
    ill: () => single().reserve(one).result(one).accept(one).ack(one, 'redundant')
  },
  {
    sees: 'a retry without its pause',
    rule: 'backoff',
    well: () => single().reserve(one).void(one, 'failed').after(500).reserve(two),
    ill: () => single().reserve(one).void(one, 'failed').after(499).reserve(two)
  },
  {
    sees: 'no pause where a lease ran out on a node that was there, and none where it came back late',
    rule: 'backoff',
    well: () =>
      single()
        .reserve(one)
        .after(LEASE_MS - 1_000)
        .gone(A)
        .after(1_001)
        .hello(A, [])
        .void(one, 'expired')
        .reserve(two),
    ill: () => single().reserve(one).after(LEASE_MS).void(one, 'expired').reserve(two)
  },
  {
    sees: 'a unit that is tried too often',
    rule: 'max_attempts',
    well: () => failed(4).reserve({ ...one, attempt: 9 }),
    ill: () => failed(5).reserve({ ...one, attempt: 9 })
  },
  {
    sees: 'a unit that is given up too early',
    rule: 'given_up_early',
    well: () => failed(5).end(SINGLE, { status: 'failed', stopReason: 'retry_exhausted' }),
    ill: () => failed(4).end(SINGLE, { status: 'failed', stopReason: 'retry_exhausted' })
  },
  {
    sees: 'a unit that waits for nodes longer than it may',
    rule: 'starved_ends',
    well: () => single().gone(A).gone(B).after(30_000).hello(A, []),
    ill: () => single().gone(A).gone(B).after(40_000).hello(A, [])
  },
  {
    sees: 'a lease that runs twice',
    rule: 'one_execution',
    well: () => single().reserve(one).run(one),
    ill: () => single().reserve(one).run(one).run(one)
  },
  {
    sees: 'a run that nobody recorded',
    rule: 'write_ahead',
    well: () => single().reserve(one).run(one),
    ill: () => single().run(one)
  },
  {
    sees: 'a run long after its lease',
    rule: 'run_in_time',
    well: () => single().reserve(one).after(LEASE_MS).run(one),
    ill: () =>
      single()
        .reserve(one)
        .after(2 * LEASE_MS)
        .run(one)
  },
  {
    sees: 'a result that was there and was not heard',
    rule: 'result_heard',
    well: () => single().reserve(one).run(one).after(LEASE_MS).void(one, 'expired'),
    ill: () => single().reserve(one).run(one).finish(one).after(LEASE_MS).void(one, 'expired')
  },
  {
    sees: 'an honest node that is blamed',
    rule: 'honest_not_blamed',
    well: () => single().reserve(one).result(one).void(one, 'rejected'),
    ill: () => single().reserve(one).result(one).void(one, 'rejected', 'copied')
  },
  {
    sees: 'a run that goes on after its lease was taken back',
    rule: 'stops_when_told',
    well: () => single().reserve(one).run(one).revoke(one).after(500).finish(one),
    ill: () => single().reserve(one).run(one).revoke(one).after(2_000).finish(one)
  },
  {
    sees: 'more runs than slots',
    rule: 'within_slots',
    well: () => single().reserve(one).reserve(first).run(one, 2).run(first, 2),
    ill: () => single().reserve(one).reserve(first).run(one).run(first)
  }
]

/** So many attempts in a row that failed, each after its pause. */
function failed(times: number): CheckStory {
  const story = single()
  for (let attempt = 1; attempt <= times; attempt++) {
    story
      .after(30_000)
      .reserve({ ...one, attempt })
      .void({ ...one, attempt }, 'failed')
  }
  return story.after(30_000)
}
